//! What the supervisor tells.

use std::time::{Duration, Instant};

use parlor_protocol::link::Pin;
use parlor_protocol::signal::PresenceState;
use parlor_protocol::{Code, Extensions, Refusal, signal};

use super::{Engine, Flights};
use crate::account::Account;
use crate::api::{Change, LinkState, Notice, Presence, connect_code};
use crate::core::render::{clock_ahead, clock_is_off};
use crate::core::screen::lock;
use crate::net::{
    self, CloseReason, ConnectError, Dial, LinkEvent, NewLink, Supervisor, SupervisorEvent, Target,
    Trust,
};
use crate::store::PersonRow;
use crate::sync::RoomSync;

impl Engine {
    /// Begins to dial for an account.
    pub(super) fn dial(&mut self, account: &Account) {
        let target = match Target::new(account.server.clone(), account.trust.clone()) {
            Ok(target) => target,
            Err(error) => {
                self.stopped("no_trust", error.to_string());
                return;
            }
        };
        let mut dial = Dial::new(self.inner.endpoint.clone(), target);
        dial.attention = self.inner.state().wishes.attention;
        self.entry.start_over();
        self.entry.hold(0, self.user.held());
        let entry = self.entry.clone();
        let flights: Flights = Box::new(move || entry.flight());
        let supervisor = Supervisor::new(dial, flights).remembering(&account.nodes);
        self.supervisor = Some(supervisor);
        self.show_link(LinkState::Connecting);
    }

    pub(super) async fn on_supervisor(&mut self, event: SupervisorEvent) {
        match event {
            SupervisorEvent::Connected(new) => self.on_connected(*new).await,
            SupervisorEvent::Link(event) => self.on_link(event).await,
            SupervisorEvent::Lost(reason) => self.on_lost(reason).await,
            SupervisorEvent::Failed(error) => self.on_failed(error).await,
            SupervisorEvent::State(state) => self.on_state(state),
        }
    }

    async fn on_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Push(frame) => self.on_push(frame).await,
            LinkEvent::Reply { request, frame } => self.on_reply(request, frame).await,
            LinkEvent::Signal(frame) => self.on_signal(&frame),
            // The supervisor keeps these to itself.
            LinkEvent::GoAway(_) | LinkEvent::Closed(_) => {}
        }
    }

    async fn on_connected(&mut self, new: NewLink) {
        let NewLink {
            link,
            welcome,
            entered,
        } = new;
        if let Err(error) = self.entry.entered(entered.token.as_ref()) {
            // The old token stays good; the next entry is offered another new one.
            tracing::warn!(%error, "the session's new token was not kept");
        }
        self.link_lost();
        self.link = Some(link.clone());
        self.link_number += 1;
        let other_life = match self.inner.content.claim(entered.user, welcome.epoch).await {
            Ok(dropped) => dropped,
            Err(error) => {
                self.tell_store(&error);
                false
            }
        };
        if other_life {
            tracing::info!("the server's data is of another epoch: everything is loaded anew");
            self.entry.forget_sync();
            self.forget_content();
        }
        self.note_account(&entered, &welcome);
        let ahead = clock_ahead(welcome.clock_ms);
        {
            let mut state = self.inner.state();
            state.live = Some(link);
            state.clock_ahead_ms = ahead;
            state.next_dial = None;
            state.learn(PersonRow {
                user: entered.user,
                name: entered.name.clone(),
                display_name: entered.display_name.clone(),
            });
            for screen in state.all_screens() {
                let mut screen = lock(&screen);
                screen.try_again();
                let room = screen.room();
                state.tell(Change::Timeline(room));
            }
        }
        if clock_is_off(ahead) {
            self.tell(Change::Notice(Notice {
                code: "clock_off",
                message: format!(
                    "this machine's clock is {} off the server's",
                    minutes(ahead)
                ),
                help: "set it right, so that times are shown as others see them".to_owned(),
            }));
        }
        self.entry.hold(welcome.epoch.0, self.user.held());
        self.user.link_up(!other_life);
        self.rooms.values_mut().for_each(RoomSync::link_up);
        self.user_steps().await;
        for room in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.room_steps(room).await;
        }
        self.show_link(LinkState::Online);
        self.signal_presence();
        self.on_wishes().await;
    }

    /// Keeps what the welcome says about person and server.
    fn note_account(
        &mut self,
        entered: &parlor_protocol::hello::Entered,
        welcome: &parlor_protocol::hello::Welcome,
    ) {
        let mut state = self.inner.state();
        let Some(account) = &mut state.account else {
            return;
        };
        let before = account.clone();
        account.name.clone_from(&entered.name);
        account.display_name.clone_from(&entered.display_name);
        account.administrator = entered.administrator;
        account.session = entered.session;
        account.installation.clone_from(&welcome.installation);
        account.take_nodes(&welcome.nodes);
        // Keys rotate: the welcome of a server that holds an agreed key names the next ones.
        if let Trust::Pins(known) = &mut account.trust
            && !welcome.pins.is_empty()
        {
            *known = welcome.pins.iter().map(|pin| Pin(*pin)).collect();
        }
        if *account == before {
            return;
        }
        let after = account.clone();
        drop(state);
        if after.trust != before.trust
            && let Ok(target) = Target::new(after.server.clone(), after.trust.clone())
            && let Some(supervisor) = &mut self.supervisor
        {
            supervisor.set_target(target);
        }
        if let Err(error) = after.write(&self.inner.profile.account_file()) {
            tracing::warn!(%error, "the account was not kept");
        }
        self.tell(Change::Account);
    }

    async fn on_lost(&mut self, reason: CloseReason) {
        self.why = reason.to_string();
        let ended = matches!(&reason, CloseReason::Server { code, .. } if is_ended(*code));
        self.link_lost();
        // Whether the session is over is for the next entry to say.
        if let Some(supervisor) = self.supervisor.as_mut().filter(|_| ended) {
            supervisor.retry_now();
        }
    }

    async fn on_failed(&mut self, error: ConnectError) {
        self.why = error.to_string();
        match error {
            ConnectError::Entry(refusal) if is_ended(refusal.code) => match self.entry.refused() {
                Ok(true) => self.supervisor.iter_mut().for_each(Supervisor::retry_now),
                Ok(false) => self.session_ended(&refusal).await,
                // Other tokens may stand there: session and content stay.
                Err(error) => self.stopped(error.code(), error.to_string()),
            },
            error if !error.is_transient() => self.stopped(connect_code(&error), error.to_string()),
            _ => {}
        }
    }

    fn on_state(&mut self, state: net::LinkState) {
        let shown = match state {
            net::LinkState::Connecting => LinkState::Connecting,
            net::LinkState::Connected => LinkState::Online,
            // The link may still answer; what is shown stays honest about the doubt.
            net::LinkState::Unsure => LinkState::Connecting,
            net::LinkState::Reconnecting { next_try } => {
                self.inner.state().next_dial = Some(next_try);
                let retry_in = next_try.saturating_duration_since(Instant::now());
                LinkState::Waiting {
                    retry_in,
                    why: self.why.clone(),
                }
            }
            net::LinkState::Offline
                if matches!(self.inner.state().link, LinkState::Stopped { .. }) =>
            {
                return;
            }
            net::LinkState::Offline => LinkState::Stopped {
                why: self.why.clone(),
                help: "mend what it says, then try again".to_owned(),
            },
        };
        self.show_link(shown);
    }

    pub(super) fn show_link(&self, shown: LinkState) {
        let mut state = self.inner.state();
        if state.link != shown {
            state.link = shown;
            state.tell(Change::Link);
        }
    }

    fn stopped(&mut self, code: &'static str, why: String) {
        let help = "mend what it says, then try again".to_owned();
        self.inner.state().stop_code = code;
        self.show_link(LinkState::Stopped { why, help });
    }

    /// The session is over: token and content go, what is unsent stays.
    async fn session_ended(&mut self, refusal: &Refusal) {
        self.supervisor = None;
        self.link_lost();
        let ended = {
            let mut state = self.inner.state();
            if let Some(account) = &mut state.account {
                account.ended = Some(refusal.text.clone());
            }
            state.account.clone()
        };
        if let Some(Err(error)) =
            ended.map(|account| account.write(&self.inner.profile.account_file()))
        {
            tracing::warn!(%error, "the end of the session was not noted");
        }
        if let Err(error) = self.inner.session.remove() {
            tracing::warn!(%error, "the session's token was not removed");
        }
        if let Err(error) = self.inner.content.drop_all().await {
            self.tell_store(&error);
        }
        self.forget_content();
        self.show_link(LinkState::Idle);
        self.tell(Change::Account);
    }

    /// The person logs out: everything of theirs goes.
    pub(super) async fn forget_person(&mut self) -> Result<(), crate::store::StoreError> {
        self.stop_link().await;
        if let Err(error) = self.inner.session.remove() {
            tracing::warn!(%error, "the session's token was not removed");
        }
        if let Err(error) = Account::remove(&self.inner.profile.account_file()) {
            tracing::warn!(%error, "the account was not removed");
        }
        self.inner.content.drop_all().await?;
        self.inner.outbox.clear().await?;
        self.forget_content();
        self.sender = super::Sender::new();
        {
            let mut state = self.inner.state();
            state.account = None;
            state.outbox.clear();
        }
        self.inner.outbox_moved.notify_waiters();
        self.show_link(LinkState::Idle);
        self.tell(Change::Account);
        Ok(())
    }

    /// Tells the server what the person does; lost, the next digest is wrong for a while.
    pub(super) fn signal_presence(&self) {
        let presence = self.inner.state().wishes.presence;
        if let (Some(link), false) = (&self.link, presence == Presence::Offline) {
            let state = PresenceState::from(presence);
            link.signal(&signal::Presence {
                state,
                ext: Extensions::NONE,
            });
        }
    }
}

/// Whether a refused entry means that the session is over, not the moment.
fn is_ended(code: Code) -> bool {
    matches!(code, Code::SESSION_ENDED | Code::ACCOUNT_DISABLED)
}

fn minutes(ahead_ms: i64) -> String {
    let off = Duration::from_millis(ahead_ms.unsigned_abs());
    format!("{} minutes", off.as_secs() / 60)
}
