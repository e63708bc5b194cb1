//! Carries a plan out.

use std::time::{Duration, Instant};

use parlor_protocol::{RoomId, UserId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

use super::people::{Rooms, Someone, enrol, furnish};
use super::{Chaos, ChaosError, Fault, Outcome};
use crate::checker::{self, BackupHead, Database, History, Restore, Run, View};
use crate::client::{MembershipChange, Person, Progress, RecordedClient, StoppedClient};
use crate::dump::dump;
use crate::process::ServerProcess;
use crate::relay::{Plan as Network, Relay};
use crate::wait::{NotInTime, eventually};

/// How long links have to come back; the figure itself is reported.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Runs it and judges it.
///
/// # Errors
/// [`ChaosError`] where the run itself could not be carried out.
pub async fn run(chaos: Chaos) -> Result<Outcome, ChaosError> {
    let mut scene = Scene::open(&chaos).await?;
    for fault in chaos.plan.faults.clone() {
        scene.talk(&chaos).await;
        scene.carry_out(fault).await?;
    }
    scene.talk(&chaos).await;
    scene.close(chaos.plan.patience).await
}

struct Scene {
    server: ServerProcess,
    relay: Relay,
    rng: ChaCha8Rng,
    /// The first one is the owner of all rooms, who also writes.
    clients: Vec<Option<RecordedClient>>,
    writers: usize,
    private_share: usize,
    people: Vec<Someone>,
    rooms: Rooms,
    spoken: u64,
    /// Who is out of the private rooms, or of the public one.
    removed: Vec<(usize, RoomId)>,
    left: Vec<usize>,
    restores: Vec<Restore>,
    backups: u32,
    back: Vec<(Fault, Duration)>,
}

impl Scene {
    async fn open(chaos: &Chaos) -> Result<Self, ChaosError> {
        let plan = &chaos.plan;
        let mut server = ServerProcess::new(&chaos.program)?
            .set("server.registration", "open")
            .set("log.level", "warn");
        for class in [
            "commands", "sends", "reads", "markers", "signals", "log_ins",
        ] {
            server = server
                .set(&format!("limits.{class}.burst"), 1_000_000)
                .set(&format!("limits.{class}.per_minute"), 10_000_000);
        }
        if let Some(mutation) = chaos.mutation {
            server = server.variable(parlor_server::mutation::VARIABLE, mutation);
        }
        server.start().await?;
        let dial = server.dial(None);
        let mut people = Vec::new();
        for number in 0..plan.writers + plan.readers {
            let code = if number == 0 {
                server.owner_link().code.clone()
            } else {
                String::new()
            };
            people.push(enrol(&dial, &format!("person{number}"), code).await?);
        }
        let rooms = furnish(&dial, &people, plan.rooms, plan.rooms_each).await?;
        let rng = ChaCha8Rng::seed_from_u64(chaos.seed);
        let network = Network::both(plan.network);
        let relay = Relay::start(server.socket_address(), network, chaos.seed)?;
        let mut clients = Vec::new();
        for (number, person) in people.iter().enumerate() {
            let behind = (number % 2 == 1).then(|| relay.addr());
            let person = Person {
                client: format!("{}'s client", person.name),
                user: person.user,
                token: person.token.clone(),
                skip_gap_fill: chaos.skip_gap_fill,
            };
            clients.push(Some(RecordedClient::start(person, server.dial(behind))));
        }
        let mut scene = Self {
            server,
            relay,
            rng,
            clients,
            writers: plan.writers,
            private_share: plan.private_share,
            people,
            rooms,
            spoken: 0,
            removed: Vec::new(),
            left: Vec::new(),
            restores: Vec::new(),
            backups: 0,
            back: Vec::new(),
        };
        scene
            .all(|it| it.linked && it.current, BACK_WITHIN)
            .await
            .map_err(late("the first links"))?;
        Ok(scene)
    }

    // ---- talking

    async fn talk(&mut self, chaos: &Chaos) {
        let count = self.rng.random_range(chaos.plan.stretch.clone());
        for _ in 0..count {
            self.speak().await;
            tokio::time::sleep(chaos.plan.pause).await;
        }
    }

    async fn speak(&mut self) {
        let who = self.rng.random_range(0..self.writers);
        let own = self.rooms.of(who);
        let room = match self.rng.random_range(0..own.len() * self.private_share + 1) {
            0 => self.rooms.public,
            private => own[(private - 1) / self.private_share],
        };
        self.spoken += 1;
        let length = self.rng.random_range(0..200);
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
    }

    // ---- faults

    async fn carry_out(&mut self, fault: Fault) -> Result<(), ChaosError> {
        match fault {
            Fault::Kill => {
                let before = self.links();
                self.server.kill().await?;
                self.start_again(fault, &before).await
            }
            Fault::Stop => {
                let before = self.links();
                self.server.stop().await?;
                self.start_again(fault, &before).await
            }
            Fault::Backup => self.back_up().await,
            Fault::Restore => self.restore().await,
            Fault::Crash => {
                self.crash().await;
                Ok(())
            }
            Fault::Remove => {
                self.remove_or_add().await;
                Ok(())
            }
            Fault::Leave => {
                self.leave_or_join().await;
                Ok(())
            }
            Fault::Move => {
                self.relay.rebind().await?;
                Ok(())
            }
        }
    }

    /// How often each client has made a link so far.
    fn links(&self) -> Vec<u64> {
        let clients = self.clients.iter().flatten();
        clients.map(|it| it.progress().borrow().links).collect()
    }

    /// Every client notices by itself that its link is gone, and makes another.
    async fn start_again(&mut self, fault: Fault, before: &[u64]) -> Result<(), ChaosError> {
        self.server.start().await?;
        let ready = Instant::now();
        let clients = self.clients.iter().flatten();
        let clients: Vec<_> = clients.map(RecordedClient::progress).collect();
        eventually(BACK_WITHIN, || {
            let is_back = |(client, before): (&watch::Receiver<Progress>, &u64)| {
                let progress = client.borrow();
                progress.linked && progress.links > *before
            };
            std::future::ready(clients.iter().zip(before).all(is_back))
        })
        .await
        .map_err(late("links after a restart"))?;
        self.back.push((fault, ready.elapsed()));
        Ok(())
    }

    async fn back_up(&mut self) -> Result<(), ChaosError> {
        self.backups += 1;
        let file = self.backup_file();
        // People go on talking meanwhile.
        for _ in 0..20 {
            self.speak().await;
        }
        self.server.run(&["backup", &file]).await?;
        Ok(())
    }

    fn backup_file(&self) -> String {
        let file = self
            .server
            .folder()
            .join(format!("backup{}.tar", self.backups));
        file.to_string_lossy().into_owned()
    }

    async fn restore(&mut self) -> Result<(), ChaosError> {
        let links = self.links();
        self.server.stop().await?;
        let before = dump(&self.server.data()).await?;
        self.server.run(&["restore", &self.backup_file()]).await?;
        let restored = dump(&self.server.data()).await?;
        let head = |room: &checker::RoomDump| BackupHead {
            room: room.room,
            rev: room.rev,
        };
        self.restores.push(Restore {
            new_epoch: restored.epoch,
            of_epoch: before.epoch,
            heads: restored.rooms.iter().map(head).collect(),
        });
        // Who is in which room is as it was then.
        self.removed = self.outside(&restored);
        let is_member = |user: UserId| {
            let room = restored
                .rooms
                .iter()
                .find(|it| it.room == self.rooms.public);
            room.is_some_and(|room| room.members.iter().any(|it| it.user == user))
        };
        let left = (0..self.people.len()).filter(|number| !is_member(self.people[*number].user));
        self.left = left.collect();
        self.start_again(Fault::Restore, &links).await
    }

    fn outside(&self, database: &Database) -> Vec<(usize, RoomId)> {
        let mut outside = Vec::new();
        for room in database
            .rooms
            .iter()
            .filter(|it| self.rooms.private.contains(&it.room))
        {
            for (number, person) in self.people.iter().enumerate() {
                if room.members.iter().all(|member| member.user != person.user) {
                    outside.push((number, room.room));
                }
            }
        }
        outside
    }

    async fn crash(&mut self) {
        let who = self.rng.random_range(0..self.clients.len());
        if let Some(client) = self.clients[who].take() {
            // In the midst of a burst, so that acknowledgements are under way.
            for _ in 0..5 {
                client
                    .say(self.rooms.public, format!("burst of {who}"))
                    .await;
            }
            tokio::time::sleep(Duration::from_millis(self.rng.random_range(0..15))).await;
            self.clients[who] = Some(client.crash().await.start());
        }
    }

    async fn remove_or_add(&mut self) {
        let Some(owner) = &self.clients[0] else {
            return;
        };
        if self.removed.len() > 1 {
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

    async fn leave_or_join(&mut self) {
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

    // ---- the end

    async fn close(mut self, patience: Duration) -> Result<Outcome, ChaosError> {
        let drained = self.all(|it| it.unsent == 0, patience).await;
        let fresh = self.fresh();
        let converged = self.converge(&fresh, patience).await;
        let (mut histories, mut views) = (Vec::new(), Vec::new());
        for client in std::mem::take(&mut self.clients).into_iter().flatten() {
            keep(
                client.crash().await,
                converged.is_ok(),
                &mut histories,
                &mut views,
            );
        }
        for client in fresh {
            keep(client.crash().await, true, &mut histories, &mut views);
        }
        self.server.stop().await?;
        let database = dump(&self.server.data()).await?;
        let plan = checker::Plan {
            restores: self.restores,
            outboxes_drained: drained.is_ok(),
        };
        let verdict = checker::check(&Run {
            plan,
            database,
            histories,
            views,
        });
        Ok(Outcome {
            verdict,
            back: self.back,
            converged: drained.and(converged),
        })
    }

    /// One more client for each person, with nothing on its disk.
    fn fresh(&self) -> Vec<RecordedClient> {
        let start = |person: &Someone| {
            let person = Person {
                client: format!("{}'s fresh client", person.name),
                user: person.user,
                token: person.token.clone(),
                skip_gap_fill: false,
            };
            RecordedClient::start(person, self.server.dial(None))
        };
        self.people.iter().map(start).collect()
    }

    /// Waits until every client holds what its person's fresh client holds.
    async fn converge(
        &self,
        fresh: &[RecordedClient],
        patience: Duration,
    ) -> Result<(), NotInTime> {
        let alike = || {
            let clients = self.clients.iter().flatten().map(RecordedClient::progress);
            clients.zip(fresh).all(|(old, new)| {
                let (old, new) = (old.borrow().clone(), new.progress().borrow().clone());
                old.current && new.current && old.rooms == new.rooms
            })
        };
        eventually(patience, || std::future::ready(alike())).await
    }

    async fn all(
        &mut self,
        holds: impl Fn(&crate::client::Progress) -> bool,
        within: Duration,
    ) -> Result<(), NotInTime> {
        let clients: Vec<_> = self
            .clients
            .iter()
            .flatten()
            .map(RecordedClient::progress)
            .collect();
        eventually(within, || {
            std::future::ready(clients.iter().all(|client| holds(&client.borrow())))
        })
        .await
    }
}

fn late(what: &'static str) -> impl FnOnce(NotInTime) -> ChaosError {
    move |error| ChaosError::Late { what, error }
}

fn keep(
    client: StoppedClient,
    complete: bool,
    histories: &mut Vec<History>,
    views: &mut Vec<View>,
) {
    let (history, view) = client.records(complete);
    histories.push(history);
    views.push(view);
}
