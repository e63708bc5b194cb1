//! Random plans of loss, doubling, reordering and broken links: the client always ends where the
//! server stands, and never asks without end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parlor_protocol::sync::{RoomBatch, RoomChanges, RoomOpened};
use proptest::prelude::*;

use super::super::*;
use super::model::{Held, Server};

#[derive(Clone, Debug)]
enum Event {
    /// The room changes: a post, or an edit of some message.
    Change(Option<u64>),
    /// The oldest batch on its way arrives.
    Deliver,
    /// The newest one overtakes the others.
    Overtake,
    /// The oldest one is lost.
    Lose,
    /// The oldest one arrives and comes again later.
    Double,
    /// The oldest question reaches the server, or its answer the client.
    Answer,
    /// The oldest question or answer is refused.
    Refuse,
    /// Time passes, ms.
    Pass(u64),
    /// The link breaks, what is on its way is lost, another one comes.
    Break,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => prop::option::of(0..50u64).prop_map(Event::Change),
        6 => Just(Event::Deliver),
        2 => Just(Event::Overtake),
        2 => Just(Event::Lose),
        1 => Just(Event::Double),
        4 => Just(Event::Answer),
        1 => Just(Event::Refuse),
        4 => (1..600u64).prop_map(Event::Pass),
        1 => Just(Event::Break),
    ]
}

enum OnTheWay {
    Open(Option<u64>),
    Changes(u64),
    Opened(Box<RoomOpened>),
    Changed(Box<RoomChanges>),
}

struct World {
    server: Server,
    sync: RoomSync,
    held: Held,
    now: Instant,
    pushes: VecDeque<RoomBatch>,
    questions: VecDeque<OnTheWay>,
    /// The server pushes to this client: it has opened the room.
    subscribed: bool,
    asked: usize,
}

impl World {
    fn new(reset_above: u64) -> Self {
        let mut sync = RoomSync::new(None);
        sync.want();
        sync.link_up();
        let server = Server {
            reset_above,
            ..Server::default()
        };
        let mut world = Self {
            server,
            sync,
            held: Held::default(),
            now: Instant::now(),
            pushes: VecDeque::new(),
            questions: VecDeque::new(),
            subscribed: false,
            asked: 0,
        };
        world.follow();
        world
    }

    fn follow(&mut self) {
        while let Some(step) = self.sync.poll() {
            match step {
                RoomStep::Open { since } => self.question(OnTheWay::Open(since)),
                RoomStep::AskChanges { since } => self.question(OnTheWay::Changes(since)),
                RoomStep::Apply { through, entries } => self.held.apply(through, &entries),
                RoomStep::Reset { through, page } => {
                    let page = page.unwrap_or_else(|| self.server.page());
                    self.held.reset(through, page);
                }
                RoomStep::Impossible => panic!("the server never goes back here"),
                RoomStep::Close | RoomStep::Summary(_) => {}
            }
        }
    }

    fn question(&mut self, question: OnTheWay) {
        self.asked += 1;
        self.questions.push_back(question);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Change(which) => {
                let batch = self.server.change(which);
                if self.subscribed {
                    self.pushes.push_back(batch);
                }
            }
            Event::Deliver => self.arrive(VecDeque::pop_front),
            Event::Overtake => self.arrive(VecDeque::pop_back),
            Event::Lose => drop(self.pushes.pop_front()),
            Event::Double => {
                let again = self.pushes.front().cloned();
                self.arrive(VecDeque::pop_front);
                self.pushes.extend(again);
            }
            Event::Answer => self.answer(),
            Event::Refuse => self.refuse(),
            Event::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                self.sync.tick(self.now);
            }
            Event::Break => {
                self.pushes.clear();
                self.questions.clear();
                self.subscribed = false;
                self.sync.link_lost();
                self.sync.link_up();
            }
        }
        self.follow();
    }

    fn arrive(&mut self, take: impl Fn(&mut VecDeque<RoomBatch>) -> Option<RoomBatch>) {
        if let Some(batch) = take(&mut self.pushes) {
            self.sync.batch(batch, self.now);
        }
    }

    fn answer(&mut self) {
        match self.questions.pop_front() {
            Some(OnTheWay::Open(since)) => {
                self.subscribed = true;
                let answer = Box::new(self.server.open(since));
                self.questions.push_front(OnTheWay::Opened(answer));
            }
            Some(OnTheWay::Changes(since)) => {
                let answer = Box::new(self.server.changes(since));
                self.questions.push_front(OnTheWay::Changed(answer));
            }
            Some(OnTheWay::Opened(opened)) => self.sync.opened(*opened, self.now),
            Some(OnTheWay::Changed(changes)) => self.sync.changes(*changes, self.now),
            None => {}
        }
    }

    fn refuse(&mut self) {
        match self.questions.pop_front() {
            Some(OnTheWay::Open(_) | OnTheWay::Opened(_)) => {
                self.subscribed = false;
                self.sync.open_failed(Some(Duration::ZERO), self.now);
            }
            Some(OnTheWay::Changes(_) | OnTheWay::Changed(_)) => {
                self.sync.changes_failed(Some(Duration::ZERO), self.now);
            }
            None => {}
        }
    }

    /// Lets everything arrive. A last change that was lost shows in a head, as the server's sweep
    /// sends it.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            if self.sync.is_current() && self.held.rev == self.server.rev {
                return;
            }
            if self.pushes.is_empty() && self.questions.is_empty() {
                self.sync.raise(self.server.rev, self.now);
            }
            self.happen(Event::Deliver);
            self.happen(Event::Answer);
            self.happen(Event::Pass(50));
        }
        panic!(
            "it never settles: holds {:?} of {}",
            self.sync.held(),
            self.server.rev
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_happens_the_client_ends_where_the_server_stands(
        plan in prop::collection::vec(event(), 0..150),
        reset_above in prop_oneof![Just(5u64), Just(20), Just(1_000)],
    ) {
        let mut world = World::new(reset_above);
        for event in plan {
            world.happen(event);
        }
        world.settle();
        let whole = world.server.page();
        let texts: Vec<(u64, &str)> = whole.messages.iter().map(|it| (it.seq, &it.text[..])).collect();
        prop_assert_eq!(world.held.texts(), texts);
        prop_assert!(world.asked <= 400, "{} questions", world.asked);
    }
}
