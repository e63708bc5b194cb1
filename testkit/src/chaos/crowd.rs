//! The clients of a run: what they say, who is in which room, and what they hold in the end.

use std::pin::pin;
use std::time::Duration;

use parlor_client_core::net::Dial;
use parlor_protocol::RoomId;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;
use tokio::time::sleep;

use super::people::{Rooms, Someone};
use crate::checker::{self, History, View};
use crate::client::{MembershipChange, Person, Progress, RecordedClient, StoppedClient};
use crate::wait::{NotInTime, eventually};

/// Parts the draws of what is said from all others, whose number does not hang on the time.
const SPEECH: u64 = 0x5be_ec4;
/// People that are out of a private room at once.
const OUT: usize = 2;

/// How people talk.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    /// The first so many clients write.
    pub(super) writers: usize,
    /// For one message into the public room so many go into each private one of the writer.
    pub(super) private_share: usize,
    /// Pause between two messages of the whole run.
    pub(super) pause: Duration,
    /// Somebody is removed or brought back after so many messages, beside what the plan says.
    pub(super) change_every: Option<u64>,
}

pub(super) struct Crowd {
    /// For what the plan chooses.
    pub(super) rng: ChaCha8Rng,
    speech: ChaCha8Rng,
    /// The first one is the owner of all rooms, who also writes.
    pub(super) clients: Vec<Option<RecordedClient>>,
    pub(super) people: Vec<Someone>,
    pub(super) rooms: Rooms,
    talk: Talk,
    spoken: u64,
    /// Who is out of the private rooms, or of the public one.
    pub(super) removed: Vec<(usize, RoomId)>,
    pub(super) left: Vec<usize>,
}

/// What was recorded, and whether it came to rest.
pub(super) struct Rest {
    pub(super) drained: Result<(), NotInTime>,
    pub(super) converged: Result<(), NotInTime>,
    pub(super) histories: Vec<History>,
    pub(super) views: Vec<View>,
}

impl Crowd {
    pub(super) fn new(
        seed: u64,
        people: Vec<Someone>,
        rooms: Rooms,
        talk: Talk,
        clients: Vec<RecordedClient>,
    ) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            speech: ChaCha8Rng::seed_from_u64(seed ^ SPEECH),
            clients: clients.into_iter().map(Some).collect(),
            people,
            rooms,
            talk,
            spoken: 0,
            removed: Vec::new(),
            left: Vec::new(),
        }
    }

    // ---- talking

    pub(super) async fn talk(&mut self, stretch: std::ops::Range<u32>) {
        let count = self.rng.random_range(stretch);
        for _ in 0..count {
            self.speak().await;
            sleep(self.talk.pause).await;
        }
    }

    /// Goes on talking until something else is done.
    pub(super) async fn talk_during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        loop {
            tokio::select! {
                biased;
                done = &mut other => return done,
                () = sleep(self.talk.pause) => {}
            }
            self.speak().await;
        }
    }

    pub(super) async fn speak(&mut self) {
        let who = self.speech.random_range(0..self.talk.writers);
        let own = self.rooms.of(who);
        let share = self.talk.private_share;
        let room = match self.speech.random_range(0..own.len() * share + 1) {
            0 => self.rooms.public,
            private => own[(private - 1) / share],
        };
        self.spoken += 1;
        let length = self.speech.random_range(0..200);
        let text = format!(
            "{} from {who}{}",
            self.spoken,
            " and so on".repeat(length / 10)
        );
        if let Some(client) = &self.clients[who] {
            client.say(room, text).await;
            if self.spoken.is_multiple_of(37) {
                client.mark(room).await;
            }
        }
        let every = self.talk.change_every;
        if every.is_some_and(|every| self.spoken.is_multiple_of(every)) {
            self.remove_or_add().await;
        }
    }

    // ---- what people and clients do

    pub(super) async fn crash(&mut self) {
        let who = self.rng.random_range(0..self.clients.len());
        if let Some(client) = self.clients[who].take() {
            // In the midst of a burst, so that acknowledgements are under way.
            for _ in 0..5 {
                client
                    .say(self.rooms.public, format!("burst of {who}"))
                    .await;
            }
            sleep(Duration::from_millis(self.rng.random_range(0..15))).await;
            self.clients[who] = Some(client.crash().await.start());
        }
    }

    pub(super) async fn remove_or_add(&mut self) {
        let Some(owner) = &self.clients[0] else {
            return;
        };
        if self.removed.len() >= OUT {
            let (who, room) = self.removed.remove(0);
            owner
                .change(room, MembershipChange::Add(self.people[who].user))
                .await;
            return;
        }
        let who = self.rng.random_range(1..self.people.len());
        let room = self.rooms.private[self.rng.random_range(0..self.rooms.private.len())];
        if !self.removed.contains(&(who, room)) {
            owner
                .change(room, MembershipChange::Remove(self.people[who].user))
                .await;
            self.removed.push((who, room));
        }
    }

    pub(super) async fn leave_or_join(&mut self) {
        let room = self.rooms.public;
        if let Some(who) = self.left.pop() {
            if let Some(client) = &self.clients[who] {
                client.change(room, MembershipChange::Join).await;
            }
            return;
        }
        let who = self.rng.random_range(1..self.people.len());
        if let Some(client) = &self.clients[who] {
            client.change(room, MembershipChange::Leave).await;
            self.left.push(who);
        }
    }

    // ---- how far they are

    pub(super) fn progress(&self) -> Vec<watch::Receiver<Progress>> {
        let clients = self.clients.iter().flatten();
        clients.map(RecordedClient::progress).collect()
    }

    /// Waits until the progress of all shows what they were told.
    pub(super) async fn reached(&self) {
        for client in self.clients.iter().flatten() {
            client.reached().await;
        }
    }

    /// How often each client has made a link so far.
    pub(super) fn links(&self) -> Vec<u64> {
        let clients = self.progress().into_iter();
        clients.map(|it| it.borrow().links).collect()
    }

    pub(super) async fn all(
        &self,
        holds: impl Fn(&Progress) -> bool,
        within: Duration,
    ) -> Result<(), NotInTime> {
        let clients = self.progress();
        eventually(within, || {
            std::future::ready(clients.iter().all(|client| holds(&client.borrow())))
        })
        .await
    }

    // ---- the end

    /// Lets it come to rest, and ends every client; `dial` says where the fresh ones go, by number.
    pub(super) async fn close(mut self, patience: Duration, dial: impl Fn(usize) -> Dial) -> Rest {
        self.reached().await;
        let drained = self.all(|it| it.unsent == 0, patience).await;
        let fresh = self.fresh(dial);
        let converged = self.converge(&fresh, patience).await;
        let (mut histories, mut views) = (Vec::new(), Vec::new());
        let mut keep = |client: StoppedClient, complete| {
            let (history, view) = client.records(complete);
            histories.push(history);
            views.push(view);
        };
        for client in std::mem::take(&mut self.clients).into_iter().flatten() {
            keep(client.crash().await, converged.is_ok());
        }
        for client in fresh {
            keep(client.crash().await, true);
        }
        Rest {
            drained,
            converged,
            histories,
            views,
        }
    }

    /// One more client for each person, with nothing on its disk.
    fn fresh(&self, dial: impl Fn(usize) -> Dial) -> Vec<RecordedClient> {
        let start = |(number, person): (usize, &Someone)| {
            let person = Person {
                client: format!("{}'s fresh client", person.name),
                user: person.user,
                token: person.token.clone(),
                skip_gap_fill: false,
            };
            RecordedClient::start(person, dial(number))
        };
        self.people.iter().enumerate().map(start).collect()
    }

    /// Waits until every client holds what its person's fresh client holds.
    async fn converge(
        &self,
        fresh: &[RecordedClient],
        patience: Duration,
    ) -> Result<(), NotInTime> {
        let clients = self.progress();
        let fresh: Vec<_> = fresh.iter().map(RecordedClient::progress).collect();
        let alike = || {
            clients.iter().zip(&fresh).all(|(old, new)| {
                let (old, new) = (old.borrow(), new.borrow());
                old.current && new.current && old.rooms == new.rooms
            })
        };
        eventually(patience, || std::future::ready(alike())).await
    }
}

impl Rest {
    /// The verdict on the run, and whether all came to rest.
    pub(super) fn judge(
        self,
        database: checker::Database,
        restores: Vec<checker::Restore>,
    ) -> (checker::Verdict, Result<(), NotInTime>) {
        let plan = checker::Plan {
            restores,
            outboxes_drained: self.drained.is_ok(),
        };
        let verdict = checker::check(&checker::Run {
            plan,
            database,
            histories: self.histories,
            views: self.views,
        });
        (verdict, self.drained.and(self.converged))
    }
}
