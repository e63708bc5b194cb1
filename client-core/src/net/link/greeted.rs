use std::sync::Arc;
use std::time::Duration;

use parlor_protocol::error::{Code, Refusal};
use parlor_protocol::hello::{Entered, Hello, Welcome};
use parlor_protocol::session::{ClientHandshake, ClientStep, Entry};
use parlor_protocol::tcp::LinkToken;
use tokio::time::{Instant, sleep, timeout};

use super::super::dial::Dial;
use super::super::error::ConnectError;
use super::events::LinkEvents;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::shared::Shared;
use super::sink::Sink;
use super::source::Source;
use super::wire::Wire;
use super::{CloseReason, Connected, Flight, Link};

/// How often it is looked whether a server that lets somebody in is heard.
const HEARD_SAMPLE: Duration = Duration::from_millis(250);

/// A link that was welcomed and is not entered: for sign-up, log-in and looking around. The server
/// ends it after two minutes.
#[derive(Debug)]
pub struct Greeted {
    wire: Wire,
    handshake: ClientHandshake,
    control: (Sink, Incoming),
    /// Over TCP all goes by the control stream.
    commands: Option<(Sink, Incoming)>,
    flight: Vec<u32>,
    welcome: Welcome,
}

impl Greeted {
    /// Dials and says hello.
    pub async fn connect(dial: &Dial, hello: &Hello) -> Result<Self, ConnectError> {
        Self::send(dial, Flight::greeting(hello)).await
    }

    /// Dials, sends the flight, and waits for the welcome.
    pub(super) async fn send(dial: &Dial, flight: Flight) -> Result<Self, ConnectError> {
        let wire = dial.wire().await?;
        let welcomed = Self::welcomed(wire.clone(), flight);
        let result = while_heard(&wire, dial, dial.deadlines.welcome, welcomed).await;
        result.inspect_err(|_| wire.close(0, b""))
    }

    async fn welcomed(wire: Wire, flight: Flight) -> Result<Self, ConnectError> {
        let Flight {
            mut handshake,
            bytes,
            requests: flight,
        } = flight;
        let ((mut control_out, mut control), commands) = open(&wire).await?;
        let sent = control_out.write_all(bytes.freeze()).await;
        sent.map_err(ConnectError::Lost)?;
        let welcome = match step(&mut control, &mut handshake).await {
            Ok(ClientStep::Welcomed(welcome)) => *welcome,
            Ok(ClientStep::Refused(refusal)) => return Err(hello_refused(refusal)),
            Ok(other) => return Err(ConnectError::Lost(out_of_place(&other))),
            // The refusal was overtaken by the close that follows it.
            Err(ConnectError::Lost(CloseReason::Server { code, text })) if code != Code(0) => {
                return Err(hello_refused(Refusal::with_text(code, text)));
            }
            Err(error) => return Err(error),
        };
        if let (Wire::Tcp(tcp), Some(token)) = (&wire, LinkToken::of(&welcome)) {
            tcp.set_token(token);
        }
        Ok(Self {
            wire,
            handshake,
            control: (control_out, control),
            commands,
            flight,
            welcome,
        })
    }

    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Enters. After [`ConnectError::Entry`] another entry may be tried on the same link, up to five.
    pub async fn enter(
        &mut self,
        entry: &Entry,
        within: Duration,
    ) -> Result<Entered, ConnectError> {
        let bytes = self.handshake.enter(entry);
        let address = self.wire.address();
        let decided = async {
            let sent = self.control.0.write_all(bytes).await;
            sent.map_err(ConnectError::Lost)?;
            decision(&mut self.control.1, &mut self.handshake).await
        };
        timeout(within, decided)
            .await
            .unwrap_or(Err(ConnectError::TimedOut { address }))
    }

    /// The link, once [`Greeted::enter`] has succeeded.
    pub fn into_link(self, entered: Entered) -> Connected {
        let mut handshake = self.handshake;
        let (control_out, control_in) = self.control;
        let (control_out, commands_out, commands_in) = match self.commands {
            Some((out, incoming)) => (Some(Outgoing::new(control_out)), out, Some(incoming)),
            None => (None, control_out, None),
        };
        let shared = Arc::new(Shared::new(
            self.wire,
            control_out,
            Outgoing::new(commands_out),
            &self.welcome,
            &self.flight,
            handshake.next_request(),
        ));
        Connected {
            link: Link {
                shared: shared.clone(),
            },
            events: LinkEvents::new(shared, handshake, control_in, commands_in),
            welcome: self.welcome,
            entered,
        }
    }

    /// Waits for the decision about the entry of the first flight.
    pub(super) async fn entered(mut self, dial: &Dial) -> Result<Connected, ConnectError> {
        let wire = self.wire.clone();
        let decision = decision(&mut self.control.1, &mut self.handshake);
        let decided = while_heard(&wire, dial, dial.deadlines.enter, decision).await;
        match decided {
            Ok(entered) => Ok(self.into_link(entered)),
            Err(error) => {
                wire.close(0, b"");
                Err(error)
            }
        }
    }
}

/// The control stream, and the command stream where there are two.
type Streams = ((Sink, Incoming), Option<(Sink, Incoming)>);

async fn open(wire: &Wire) -> Result<Streams, ConnectError> {
    let quic = match wire {
        Wire::Quic(quic) => quic,
        Wire::Tcp(tcp) => {
            let incoming = Incoming::new(Source::Tcp(tcp.clone()));
            return Ok(((Sink::Tcp(tcp.clone()), incoming), None));
        }
    };
    // The order tells the server which is which: the first is control, the second commands.
    let (control_out, control_in) = quic.open_bi().await.map_err(lost)?;
    let (commands_out, commands_in) = quic.open_bi().await.map_err(lost)?;
    let pair = |out, incoming| (Sink::Quic(out), Incoming::new(Source::Quic(incoming)));
    let commands = pair(commands_out, commands_in);
    Ok((pair(control_out, control_in), Some(commands)))
}

/// Waits for a step of a link that is being made: at most `within`, and not on a server that has
/// fallen silent. Nobody else watches over this link yet; QUIC's own PINGs ask meanwhile, and a
/// server that lives answers them however busy it is. TCP has none, so there the time alone counts.
async fn while_heard<T>(
    wire: &Wire,
    dial: &Dial,
    within: Duration,
    step: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let longest = dial.pace.quiet(dial.attention) + dial.pace.answer(dial.attention);
    let silent = async {
        if matches!(wire, Wire::Tcp(_)) {
            std::future::pending::<()>().await;
        }
        let (mut datagrams, mut heard_at) = (0, Instant::now());
        while heard_at.elapsed() < longest {
            let heard = wire.heard();
            if heard != datagrams {
                (datagrams, heard_at) = (heard, Instant::now());
            }
            sleep(HEARD_SAMPLE).await;
        }
    };
    let done = tokio::select! {
        biased;
        done = timeout(within, step) => done.ok(),
        () = silent => None,
    };
    let address = wire.address();
    done.unwrap_or(Err(ConnectError::TimedOut { address }))
}

async fn decision(
    control: &mut Incoming,
    handshake: &mut ClientHandshake,
) -> Result<Entered, ConnectError> {
    match step(control, handshake).await? {
        ClientStep::Entered(entered) => Ok(*entered),
        ClientStep::Refused(refusal) => Err(ConnectError::Entry(refusal)),
        other => Err(ConnectError::Lost(out_of_place(&other))),
    }
}

/// The next step of the control stream.
async fn step(
    control: &mut Incoming,
    handshake: &mut ClientHandshake,
) -> Result<ClientStep, ConnectError> {
    let frame = control
        .frame(handshake.body_bytes())
        .await
        .map_err(ConnectError::Lost)?;
    handshake
        .on_frame(frame)
        .map_err(|error| ConnectError::Lost(error.into()))
}

fn hello_refused(refusal: Refusal) -> ConnectError {
    match refusal.code {
        Code::VERSION => ConnectError::Version(refusal),
        _ => ConnectError::Hello(refusal),
    }
}

/// Why a link ends that was not entered and got something else instead.
fn out_of_place(step: &ClientStep) -> CloseReason {
    match step {
        ClientStep::GoAway(go_away) => CloseReason::Server {
            code: Code::GOING_AWAY,
            text: go_away.reason.clone(),
        },
        _ => CloseReason::Goodbye,
    }
}

fn lost(error: quinn::ConnectionError) -> ConnectError {
    ConnectError::Lost(error.into())
}
