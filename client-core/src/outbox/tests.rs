#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parlor_protocol::{Code, Refusal, SendKey};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;

fn key(number: u64) -> SendKey {
    let mut bytes = key_at(1_700_000_000_000).0;
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    SendKey(bytes)
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

fn drain(queue: &mut RoomQueue, now: Instant) -> Vec<ToSend> {
    std::iter::from_fn(|| queue.next(now)).collect()
}

#[test]
fn several_are_in_flight_and_each_names_the_one_before() {
    let now = Instant::now();
    let keys: Vec<SendKey> = (0..20).map(key).collect();
    let mut queue = RoomQueue::new();
    keys.iter().for_each(|key| queue.add(*key));
    let sent = drain(&mut queue, now);
    assert_eq!(sent.len(), IN_FLIGHT_PER_ROOM);
    assert_eq!(
        sent[0],
        ToSend {
            key: keys[0],
            after: None
        }
    );
    assert_eq!(
        sent[7],
        ToSend {
            key: keys[7],
            after: Some(keys[6])
        }
    );
    queue.acknowledged(keys[0]);
    assert_eq!(
        drain(&mut queue, now),
        [ToSend {
            key: keys[8],
            after: Some(keys[7])
        }]
    );
}

#[test]
fn after_a_refusal_for_the_moment_it_goes_back_and_keeps_the_order() {
    let (now, mut rng) = (Instant::now(), rng());
    let keys: Vec<SendKey> = (0..3).map(key).collect();
    let mut queue = RoomQueue::new();
    keys.iter().for_each(|key| queue.add(*key));
    drain(&mut queue, now);
    queue.refused(
        keys[0],
        &Verdict::Later(Duration::from_secs(5)),
        now,
        &mut rng,
    );
    queue.refused(keys[1], &Verdict::OutOfOrder, now, &mut rng);
    queue.refused(keys[2], &Verdict::OutOfOrder, now, &mut rng);
    assert_eq!(drain(&mut queue, now), []);
    let later = queue.deadline().unwrap();
    assert!(later >= now + Duration::from_secs(5));
    let again: Vec<SendKey> = drain(&mut queue, later).iter().map(|it| it.key).collect();
    assert_eq!(again, keys);
}

#[test]
fn one_that_fails_for_good_lets_the_later_ones_go_on() {
    let (now, mut rng) = (Instant::now(), rng());
    let keys: Vec<SendKey> = (0..3).map(key).collect();
    let mut queue = RoomQueue::new();
    keys.iter().for_each(|key| queue.add(*key));
    drain(&mut queue, now);
    queue.refused(
        keys[0],
        &Verdict::of(&Refusal::new(Code::FORBIDDEN)),
        now,
        &mut rng,
    );
    queue.refused(keys[1], &Verdict::OutOfOrder, now, &mut rng);
    queue.refused(keys[2], &Verdict::OutOfOrder, now, &mut rng);
    let again = drain(&mut queue, now);
    assert_eq!(
        again[0],
        ToSend {
            key: keys[1],
            after: None
        }
    );
    assert_eq!(
        again[1],
        ToSend {
            key: keys[2],
            after: Some(keys[1])
        }
    );
}

#[test]
fn a_failed_one_that_is_tried_again_goes_last() {
    let (now, mut rng) = (Instant::now(), rng());
    let (first, second) = (key(0), key(1));
    let mut queue = RoomQueue::new();
    queue.add(first);
    queue.add(second);
    drain(&mut queue, now);
    queue.refused(first, &Verdict::Failed, now, &mut rng);
    queue.refused(second, &Verdict::OutOfOrder, now, &mut rng);
    queue.add(first);
    let sent: Vec<SendKey> = drain(&mut queue, now).iter().map(|it| it.key).collect();
    assert_eq!(sent, [second, first]);
}

#[test]
fn pauses_grow_and_an_acknowledgement_ends_them() {
    let (mut now, mut rng) = (Instant::now(), rng());
    let mut queue = RoomQueue::new();
    queue.add(key(0));
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        let sent = queue.next(now).unwrap();
        queue.unanswered(sent.key, now, &mut rng);
        let until = queue.deadline().unwrap();
        longest = longest.max(until - now);
        now = until;
    }
    assert!(
        (Duration::from_secs(15)..=Duration::from_secs(30)).contains(&longest),
        "{longest:?}"
    );
    let sent = queue.next(now).unwrap();
    queue.acknowledged(sent.key);
    assert!(queue.is_empty());
}

/// A server that takes messages in order, as the real one does.
#[derive(Default)]
struct Server {
    committed: Vec<SendKey>,
    poisoned: Vec<SendKey>,
}

impl Server {
    fn take(&mut self, sent: ToSend, busy: bool) -> Result<(), Code> {
        if self.committed.contains(&sent.key) {
            return Ok(());
        }
        if busy {
            return Err(Code::BUSY);
        }
        if sent
            .after
            .is_some_and(|after| !self.committed.contains(&after))
        {
            return Err(Code::OUT_OF_ORDER);
        }
        if self.poisoned.contains(&sent.key) {
            return Err(Code::FORBIDDEN);
        }
        self.committed.push(sent.key);
        Ok(())
    }
}

#[derive(Clone, Debug)]
enum Event {
    Write,
    /// The server takes the next request, or is busy.
    Serve {
        busy: bool,
    },
    /// An answer comes, or is lost with its time running out.
    Answer {
        lost: bool,
    },
    /// The link breaks: requests on their way may or may not arrive, answers do not.
    Break {
        arrive: usize,
    },
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Write),
        8 => prop::bool::weighted(0.2).prop_map(|busy| Event::Serve { busy }),
        8 => prop::bool::weighted(0.1).prop_map(|lost| Event::Answer { lost }),
        1 => (0..8usize).prop_map(|arrive| Event::Break { arrive }),
        3 => (1..2_000u64).prop_map(Event::Pass),
    ]
}

struct World {
    queue: RoomQueue,
    server: Server,
    now: Instant,
    rng: ChaCha8Rng,
    written: Vec<SendKey>,
    failed: Vec<SendKey>,
    requests: VecDeque<ToSend>,
    answers: VecDeque<(SendKey, Result<(), Code>)>,
}

impl World {
    fn happen(&mut self, event: Event) {
        match event {
            Event::Write => {
                let key = key(self.written.len() as u64);
                // Every seventh message is one that the room will not take.
                if self.written.len() % 7 == 3 {
                    self.server.poisoned.push(key);
                }
                self.written.push(key);
                self.queue.add(key);
            }
            Event::Serve { busy } => self.serve(busy),
            Event::Answer { lost } => self.answer(lost),
            Event::Break { arrive } => {
                for _ in 0..arrive {
                    self.serve(false);
                }
                self.requests.clear();
                self.answers.clear();
                self.queue.link_lost();
            }
            Event::Pass(ms) => self.now += Duration::from_millis(ms),
        }
        while let Some(sent) = self.queue.next(self.now) {
            self.requests.push_back(sent);
        }
    }

    fn serve(&mut self, busy: bool) {
        if let Some(sent) = self.requests.pop_front() {
            let answer = self.server.take(sent, busy);
            self.answers.push_back((sent.key, answer));
        }
    }

    fn answer(&mut self, lost: bool) {
        let Some((key, answer)) = self.answers.pop_front() else {
            return;
        };
        match answer {
            _ if lost => self.queue.unanswered(key, self.now, &mut self.rng),
            Ok(()) => self.queue.acknowledged(key),
            Err(code) => {
                let verdict = Verdict::of(&Refusal::new(code));
                if verdict == Verdict::Failed && self.queue.contains(key) {
                    self.failed.push(key);
                }
                self.queue.refused(key, &verdict, self.now, &mut self.rng);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn each_message_arrives_once_in_the_order_written(plan in prop::collection::vec(event(), 0..200)) {
        let mut world = World {
            queue: RoomQueue::new(),
            server: Server::default(),
            now: Instant::now(),
            rng: rng(),
            written: Vec::new(),
            failed: Vec::new(),
            requests: VecDeque::new(),
            answers: VecDeque::new(),
        };
        for event in plan {
            world.happen(event);
        }
        for _ in 0..3_000 {
            if world.queue.is_empty() {
                break;
            }
            world.happen(Event::Pass(31_000));
            world.happen(Event::Serve { busy: false });
            world.happen(Event::Answer { lost: false });
        }
        prop_assert!(world.queue.is_empty(), "{} never left", world.queue.len());
        let good: Vec<SendKey> =
            world.written.iter().filter(|key| !world.server.poisoned.contains(key)).copied().collect();
        prop_assert_eq!(&world.server.committed, &good);
        prop_assert_eq!(world.failed.len() + good.len(), world.written.len());
    }
}
