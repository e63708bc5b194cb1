//! Hostile clients are cut off within stated bounds, and an honest pair does not notice them.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use parlor_protocol::frame::encode;
use parlor_protocol::hello::{Ping, Welcome};
use parlor_protocol::limit::{BODY_BYTES, BODY_UNENTERED_BYTES, HELLO_WITHIN_MS};
use parlor_protocol::message::Place;
use parlor_protocol::room::RoomKind;
use parlor_protocol::{Code, Extensions, Kind, RoomId};
use parlor_testkit::ask;
use parlor_testkit::hostile::{Cut, HalfOpen, Hostile, header};
use parlor_testkit::relay::{Path, Plan, Relay};
use parlor_testkit::server::{TestPerson, TestServer};
use parlor_testkit::wait::eventually;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::common::{ada_and_bob, open, room_of};

/// What is cut off at once is so within this, on a machine that does other things as well.
const AT_ONCE: Duration = Duration::from_secs(3);
/// Two bounds of the handshake, one after the other, and slack.
const AT_HELLO: Duration = Duration::from_millis(2 * HELLO_WITHIN_MS + 5_000);
/// Half a frame may stand so long in these tests; 30 s where nobody says otherwise.
const FRAME_S: u32 = 1;

/// A server with a stranger's account, and two people who talk all the while.
struct Scene {
    server: TestServer,
    mallory: TestPerson,
    rounds: watch::Receiver<u64>,
    talk: JoinHandle<()>,
}

impl Scene {
    async fn set() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut parlor_server::config::Config)) -> Self {
        let server = TestServer::with(|config| {
            open(config);
            config.link.frame_s = FRAME_S;
            change(config);
        })
        .await;
        let (ada, mut bob) = ada_and_bob(&server).await;
        let mallory = server.register("mallory", "").await;
        let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
        bob.open(room).await;
        let (count, rounds) = watch::channel(0);
        let talk = tokio::spawn(async move {
            loop {
                let said = ada.post(room, "still there?").await;
                assert_eq!(bob.message(room).await.seq, said.seq);
                count.send_modify(|rounds| *rounds += 1);
            }
        });
        Self {
            server,
            mallory,
            rounds,
            talk,
        }
    }

    fn at(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.server.server.address().port()))
    }

    async fn hostile(&self) -> Hostile {
        Hostile::connect(self.at()).await
    }

    /// The honest two go on; what failed for them fails the test.
    async fn others_did_not_notice(mut self) {
        let seen = *self.rounds.borrow();
        let more = self.rounds.wait_for(|rounds| *rounds >= seen + 5);
        let more = tokio::time::timeout(parlor_testkit::device::COMES_WITHIN, more).await;
        if !matches!(more, Ok(Ok(_))) {
            panic!("the honest two stopped: {:?}", self.talk.await);
        }
        self.talk.abort();
    }
}

#[track_caller]
fn with_code(cut: Option<Cut>, code: Code) {
    let cut = cut.unwrap_or_else(|| panic!("not cut off, which was to be with {code:?}"));
    assert_eq!(cut.code, code, "{cut:?}");
}

#[tokio::test]
async fn garbage_is_cut_off() {
    let scene = Scene::set().await;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for _ in 0..20 {
        let hostile = scene.hostile().await;
        let mut garbage = vec![0; 5_000];
        rng.fill_bytes(&mut garbage);
        // A length that is not taken, whatever else is drawn.
        garbage[3] |= 0x80;
        let mut stream = hostile.stream().await;
        stream.write(&garbage).await;
        with_code(hostile.cut(AT_ONCE).await, Code::MALFORMED);
    }
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_length_above_the_bound_is_cut_off_before_its_body_comes() {
    let scene = Scene::set().await;
    let stranger = scene.hostile().await;
    let over = u32::try_from(BODY_UNENTERED_BYTES + 9).unwrap();
    let mut stream = stranger.stream().await;
    stream.write(&header(over, Kind::HELLO, 1)).await;
    with_code(stranger.cut(AT_ONCE).await, Code::MALFORMED);

    let member = scene.hostile().await;
    let (_control, mut command) = member.enter(&scene.mallory.token).await;
    let over = u32::try_from(BODY_BYTES + 9).unwrap();
    command.write(&header(over, Kind::POST, 1)).await;
    with_code(member.cut(AT_ONCE).await, Code::MALFORMED);
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn half_a_frame_does_not_stay_for_ever() {
    let scene = Scene::set().await;
    // Silent after the half, and a byte now and then: the frame's own time counts.
    for trickles in [false, true] {
        for on_control in [false, true] {
            let hostile = scene.hostile().await;
            let (mut control, mut command) = hostile.enter(&scene.mallory.token).await;
            let stream = if on_control {
                &mut control
            } else {
                &mut command
            };
            stream.write(&header(100, Kind::LIST_SESSIONS, 9)).await;
            let trickle = async {
                if !trickles {
                    std::future::pending::<()>().await;
                }
                loop {
                    stream.write(&[0]).await;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::select! {
                cut = hostile.cut(AT_ONCE) => with_code(cut, Code::TIMED_OUT),
                () = trickle => unreachable!("it trickles for ever"),
            }
        }
    }
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn who_does_not_say_hello_in_time_is_cut_off() {
    let scene = Scene::set().await;
    let silent = scene.hostile().await;
    let half = scene.hostile().await;
    let mut half_said = half.stream().await;
    half_said.write(&header(200, Kind::HELLO, 1)).await;
    let slow = scene.hostile().await;
    let mut slow_said = slow.stream().await;
    slow_said.write(&header(200, Kind::HELLO, 1)).await;
    let trickle = async {
        loop {
            slow_said.write(&[0]).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    // Allows no stream from the server, on which everything would be pushed.
    let mute = Hostile::with(scene.at(), |transport| {
        transport.max_concurrent_uni_streams(0u32.into());
    })
    .await;
    let mut mute_said = mute.stream().await;
    mute_said.write(&[1]).await;
    let all = async {
        tokio::join!(
            silent.cut(AT_HELLO),
            half.cut(AT_HELLO),
            slow.cut(AT_HELLO),
            mute.cut(AT_HELLO)
        )
    };
    let (silent, half, slow, mute) = tokio::select! {
        cuts = all => cuts,
        () = trickle => unreachable!("it trickles for ever"),
    };
    for cut in [silent, half, slow, mute] {
        with_code(cut, Code::TIMED_OUT);
    }
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn frames_out_of_place_are_cut_off() {
    let scene = Scene::set().await;
    let hello = parlor_client_core::net::hello("hostile", 0);
    let post = ask::post(RoomId::new(), "before anything");
    // Before hello: nothing else is in place.
    for bytes in [encode(1, &post), encode(1, &ask::sync_user(None))] {
        let hostile = scene.hostile().await;
        let mut stream = hostile.stream().await;
        stream.write(&bytes).await;
        let cut = hostile.cut(AT_ONCE).await.unwrap();
        assert!(
            [Code::UNEXPECTED, Code::NOT_ENTERED].contains(&cut.code),
            "{cut:?}"
        );
    }
    // Hello twice.
    let hostile = scene.hostile().await;
    let mut control = hostile.stream().await;
    control.write_frame(1, &hello).await;
    control.write_frame(2, &hello).await;
    with_code(hostile.cut(AT_ONCE).await, Code::UNEXPECTED);
    // What only a server says, and a request that nobody could be answered.
    let hostile = scene.hostile().await;
    let (mut control, _command) = hostile.enter(&scene.mallory.token).await;
    let connected = scene
        .server
        .connect(scene.mallory.by_token())
        .await
        .unwrap();
    let said: Welcome = connected.welcome.clone();
    control.write_frame(3, &said).await;
    let refused = control.frame().await;
    assert_eq!(refused.header.kind, Kind::REFUSED);
    let hostile = scene.hostile().await;
    let (_control, mut command) = hostile.enter(&scene.mallory.token).await;
    command
        .write(&encode(0, &ask::post(RoomId::new(), "to nobody")))
        .await;
    with_code(hostile.cut(AT_ONCE).await, Code::UNEXPECTED);
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_thousand_streams_are_not_to_be_had() {
    let scene = Scene::set().await;
    let hostile = scene.hostile().await;
    let (_control, _command) = hostile.enter(&scene.mallory.token).await;
    let mut streams = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_secs(1), hostile.stream()).await {
        streams.push(stream);
        assert!(streams.len() < 10, "streams without end");
    }
    // Opened and dropped as fast as they are granted.
    streams.clear();
    let churn = async {
        for _ in 0..1_000 {
            let mut stream = hostile.stream().await;
            stream.write(&[0xff; 3]).await;
        }
    };
    let _ = tokio::time::timeout(AT_ONCE, churn).await;
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn who_never_reads_is_not_read_either() {
    let scene = Scene::set().await;
    let stingy = |transport: &mut quinn::TransportConfig| {
        transport
            .stream_receive_window(1_024u32.into())
            .receive_window(4_096u32.into());
    };
    // What the server holds for a link: answers up to 256 KiB on each of two streams, and the
    // transport's windows. Far below what is offered.
    let (offered, bound) = (8 * 1024 * 1024, 2 * 1024 * 1024);
    let idle = Duration::from_secs(2);
    let ping = encode(
        7,
        &Ping {
            opaque: 1,
            ext: Extensions::NONE,
        },
    );
    let hostile = Hostile::with(scene.at(), stingy).await;
    let (mut control, mut command) = hostile.enter(&scene.mallory.token).await;
    let pings = ping.repeat(100);
    let taken = control.flood(&pings, offered, idle).await;
    assert!(taken < bound, "{taken} bytes of pings were taken");
    let page = encode(8, &ask::page(RoomId::new(), Place::NEWEST, 0, 200)).repeat(100);
    let taken = command.flood(&page, offered, idle).await;
    assert!(taken < bound, "{taken} bytes of requests were taken");
    let hostile = Hostile::with(scene.at(), stingy).await;
    let (_control, mut command) = hostile.enter(&scene.mallory.token).await;
    let taken = command.flood(&page, offered, idle).await;
    assert!(taken < bound, "{taken} bytes of requests were taken");
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_flood_of_requests_is_answered_in_its_turn() {
    let scene = Scene::with(|config| {
        config.limits.commands = parlor_server::config::Rate::new(100, 100);
    })
    .await;
    let hostile = scene.hostile().await;
    let (_control, mut command) = hostile.enter(&scene.mallory.token).await;
    const REQUESTS: u32 = 10_000;
    let request = |number| encode(number, &parlor_protocol::account::ListSessions::default());
    let flood: Vec<u8> = (1..=REQUESTS).flat_map(request).collect();
    let (mut sending, mut answered, mut done) = (command.send, 0, 0);
    let mut receiving = parlor_protocol::frame::FrameReader::new();
    let send = async { sending.write_all(&flood).await.unwrap() };
    let receive = async {
        while answered < REQUESTS {
            while let Some(frame) = receiving.next(BODY_BYTES).unwrap() {
                answered += 1;
                done += u32::from(frame.header.kind == Kind::SESSIONS);
            }
            if answered < REQUESTS {
                let chunk = command
                    .receive
                    .read_chunk(16 * 1024, true)
                    .await
                    .unwrap()
                    .unwrap();
                receiving.feed(chunk.bytes);
            }
        }
    };
    tokio::join!(send, receive);
    assert!((100..200).contains(&done), "{done} of {REQUESTS} were done");
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn garbage_in_datagrams_is_dropped() {
    let scene = Scene::set().await;
    let hostile = scene.hostile().await;
    let (_control, _command) = hostile.enter(&scene.mallory.token).await;
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for size in 0..2_000 {
        let mut garbage = vec![0; size % 1_000];
        rng.fill_bytes(&mut garbage);
        stranger.send_to(&garbage, scene.at()).unwrap();
        hostile
            .connection
            .send_datagram_wait(garbage.into())
            .await
            .unwrap();
    }
    let typing = encode(0, &ask::typing(RoomId::new(), true));
    hostile.connection.send_datagram_wait(typing).await.unwrap();
    assert_eq!(hostile.cut(Duration::from_millis(200)).await, None);
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_thousand_half_open_handshakes_keep_nobody_out() {
    let scene = Scene::set().await;
    let metrics = scene.server.server.core().metrics.clone();
    let nothing_back = Plan {
        down: Path {
            loss: 1.0,
            ..Path::default()
        },
        ..Plan::default()
    };
    let relay = Relay::start(scene.at(), nothing_back, 1).unwrap();
    let _half_open = HalfOpen::begin(relay.addr(), 1_000);
    eventually(Duration::from_secs(20), async || metrics.retries.get() > 0)
        .await
        .unwrap();
    let bound = i64::from(scene.server.server.core().config.link.half_open);
    assert!(
        metrics.half_open.get() <= bound + 1,
        "{}",
        metrics.half_open.get()
    );
    // Proves its address first, and is in.
    scene
        .server
        .connect(scene.mallory.by_token())
        .await
        .unwrap();
    scene.others_did_not_notice().await;
}
