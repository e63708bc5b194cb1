//! Carries a plan out on a lone server.

use std::time::{Duration, Instant};

use parlor_protocol::{RoomId, UserId};

use super::crowd::{Crowd, Talk};
use super::people::{enrol, furnish};
use super::{Chaos, ChaosError, Fault, Outcome};
use crate::checker::{self, BackupHead, Database, Restore};
use crate::client::{Person, RecordedClient};
use crate::dump::dump;
use crate::process::ServerProcess;
use crate::relay::{Plan as Network, Relay};
use crate::wait::{NotInTime, eventually};

/// How long links have to come back; the figure itself is reported.
pub(super) const BACK_WITHIN: Duration = Duration::from_secs(60);

/// Rates that are not what is looked at.
pub(super) const CLASSES: [&str; 6] = [
    "commands", "sends", "reads", "markers", "signals", "log_ins",
];
pub(super) const BURST: u32 = 1_000_000;
pub(super) const PER_MINUTE: u32 = 10_000_000;

/// Runs it and judges it.
///
/// # Errors
/// [`ChaosError`] where the run itself could not be carried out.
pub async fn run(chaos: Chaos) -> Result<Outcome, ChaosError> {
    let mut scene = Scene::open(&chaos).await?;
    for fault in chaos.plan.faults.clone() {
        scene.crowd.talk(chaos.plan.stretch.clone()).await;
        scene.carry_out(fault).await?;
    }
    scene.crowd.talk(chaos.plan.stretch.clone()).await;
    scene.close(chaos.plan.patience).await
}

struct Scene {
    server: ServerProcess,
    relay: Relay,
    crowd: Crowd,
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
        for class in CLASSES {
            server = server
                .set(&format!("limits.{class}.burst"), BURST)
                .set(&format!("limits.{class}.per_minute"), PER_MINUTE);
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
            clients.push(RecordedClient::start(person, server.dial(behind)));
        }
        let talk = Talk {
            writers: plan.writers,
            private_share: plan.private_share,
            pause: plan.pause,
            change_every: None,
        };
        let crowd = Crowd::new(chaos.seed, people, rooms, talk, clients);
        crowd
            .all(|it| it.linked && it.current, BACK_WITHIN)
            .await
            .map_err(late("the first links"))?;
        Ok(Self {
            server,
            relay,
            crowd,
            restores: Vec::new(),
            backups: 0,
            back: Vec::new(),
        })
    }

    // ---- faults

    async fn carry_out(&mut self, fault: Fault) -> Result<(), ChaosError> {
        match fault {
            Fault::Kill => {
                let before = self.crowd.links();
                self.server.kill().await?;
                self.start_again(fault, &before).await?;
            }
            Fault::Stop => {
                let before = self.crowd.links();
                self.server.stop().await?;
                self.start_again(fault, &before).await?;
            }
            Fault::Backup => self.back_up().await?,
            Fault::Restore => self.restore().await?,
            Fault::Crash => self.crowd.crash().await,
            Fault::Remove => self.crowd.remove_or_add().await,
            Fault::Leave => self.crowd.leave_or_join().await,
            Fault::Move => {
                self.relay.rebind().await?;
            }
        }
        Ok(())
    }

    /// Every client notices by itself that its link is gone, and makes another.
    async fn start_again(&mut self, fault: Fault, before: &[u64]) -> Result<(), ChaosError> {
        self.server.start().await?;
        let ready = Instant::now();
        let clients = self.crowd.progress();
        eventually(BACK_WITHIN, || {
            let mut clients = clients.iter().zip(before);
            std::future::ready(clients.all(|(client, before)| {
                let progress = client.borrow();
                progress.linked && progress.links > *before
            }))
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
            self.crowd.speak().await;
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
        let links = self.crowd.links();
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
        self.crowd.removed = self.outside(&restored);
        let is_member = |user: UserId| {
            let room = restored
                .rooms
                .iter()
                .find(|it| it.room == self.crowd.rooms.public);
            room.is_some_and(|room| room.members.iter().any(|it| it.user == user))
        };
        let people = self.crowd.people.iter().enumerate();
        let left = people.filter(|(_, person)| !is_member(person.user));
        self.crowd.left = left.map(|(number, _)| number).collect();
        self.start_again(Fault::Restore, &links).await
    }

    fn outside(&self, database: &Database) -> Vec<(usize, RoomId)> {
        let mut outside = Vec::new();
        for room in database
            .rooms
            .iter()
            .filter(|it| self.crowd.rooms.private.contains(&it.room))
        {
            for (number, person) in self.crowd.people.iter().enumerate() {
                if room.members.iter().all(|member| member.user != person.user) {
                    outside.push((number, room.room));
                }
            }
        }
        outside
    }

    // ---- the end

    async fn close(mut self, patience: Duration) -> Result<Outcome, ChaosError> {
        let server = &self.server;
        let rest = self.crowd.close(patience, |_| server.dial(None)).await;
        self.server.stop().await?;
        let database = dump(&self.server.data()).await?;
        let (verdict, converged) = rest.judge(database, self.restores);
        Ok(Outcome {
            verdict,
            back: self.back,
            converged,
        })
    }
}

pub(super) fn late(what: &'static str) -> impl FnOnce(NotInTime) -> ChaosError {
    move |error| ChaosError::Late { what, error }
}
