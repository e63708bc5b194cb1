//! Which rooms' heads to compare with the database next, so that a lost hint costs a second and not
//! a message. No I/O; the clock is passed in.

use std::collections::{BTreeSet, HashMap};

use parlor_protocol::RoomId;

/// How often heads are compared, and how many at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Heads in a second, whatever happens: what the database is asked for sweeping at most.
    pub heads_per_second: u32,
    /// Time until the first look at a room: what was said of it just before is not heard again.
    pub first_ms: u64,
    /// Time between two looks at a room in which something happens, ms.
    pub active_ms: u64,
    /// The same while the bus is away: what an active room's message waits then.
    pub active_away_ms: u64,
    /// Time between two looks at any other room, ms.
    pub quiet_ms: u64,
    /// A room in which nothing happened for so long is quiet, ms.
    pub active_for_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            // Heads are read many at once by primary key: some tens of ms of database time.
            heads_per_second: 5_000,
            first_ms: 30,
            active_ms: 1_000,
            // With the bus away a message of an active room arrives within 150 ms.
            active_away_ms: 100,
            quiet_ms: 2_000,
            active_for_ms: 60_000,
        }
    }
}

/// After so many active rooms in a row it is a quiet one's turn, so that busy rooms starve none.
const QUIET_TURN: u32 = 8;
/// Heads that may be asked for at one instant: a tenth of a second's budget.
const BURSTS_PER_SECOND: u64 = 10;
/// Parts of a head in which the budget is counted.
const PARTS: u64 = 1_000;

/// The rooms with local readers, by when each is due.
#[derive(Debug)]
pub struct Sweep {
    pace: Pace,
    rooms: HashMap<RoomId, Room>,
    /// By due time; a room stands in one of the two.
    active: BTreeSet<(u64, RoomId)>,
    quiet: BTreeSet<(u64, RoomId)>,
    away: bool,
    /// Active rooms looked at since a quiet one was.
    since_quiet: u32,
    /// Budget left, in parts of a head, as of `filled_ms`.
    budget: u64,
    filled_ms: u64,
}

#[derive(Clone, Copy, Debug)]
struct Room {
    due_ms: u64,
    touched_ms: u64,
    is_active: bool,
}

impl Sweep {
    /// No rooms yet, and a bus that is away, as each begins.
    pub fn new(pace: Pace, now_ms: u64) -> Self {
        let mut sweep = Self {
            pace,
            rooms: HashMap::new(),
            active: BTreeSet::new(),
            quiet: BTreeSet::new(),
            away: true,
            since_quiet: 0,
            budget: 0,
            filled_ms: now_ms,
        };
        sweep.budget = sweep.burst();
        sweep
    }

    /// The room has its first local reader, who has just read where it stands.
    pub fn enter(&mut self, room: RoomId, now_ms: u64) {
        self.leave(room);
        let new = Room {
            due_ms: 0,
            touched_ms: now_ms,
            is_active: true,
        };
        self.rooms.insert(room, new);
        self.place(room, now_ms + self.pace.first_ms);
    }

    /// The room has no local reader any more.
    pub fn leave(&mut self, room: RoomId) {
        self.unplace(room);
        self.rooms.remove(&room);
    }

    /// Something happened in the room.
    pub fn touch(&mut self, room: RoomId, now_ms: u64) {
        let Some(it) = self.rooms.get_mut(&room) else {
            return;
        };
        it.touched_ms = now_ms;
        if it.is_active {
            return;
        }
        self.unplace(room);
        if let Some(it) = self.rooms.get_mut(&room) {
            it.is_active = true;
            let due_ms = it.due_ms;
            self.place(room, due_ms.min(now_ms + self.active_period()));
        }
    }

    /// The bus went: active rooms are looked at more often from now on.
    pub fn away(&mut self, now_ms: u64) {
        self.away = true;
        let latest = now_ms + self.pace.active_away_ms;
        self.hasten(latest, |room, _| room.is_active);
    }

    /// The bus came back, or dropped something: every room is due now, within the budget.
    pub fn back(&mut self, now_ms: u64) {
        self.away = false;
        self.hasten(now_ms, |_, _| true);
    }

    /// Frames were dropped: every room is due now. The bus is as it was.
    pub fn missed(&mut self, now_ms: u64) {
        self.hasten(now_ms, |_, _| true);
    }

    /// These rooms are due now: their channel began anew.
    pub fn rebuilt(&mut self, concerns: impl Fn(RoomId) -> bool, now_ms: u64) {
        self.hasten(now_ms, |_, room| concerns(room));
    }

    /// The rooms to look at now, active ones first, as many as the budget and `most` allow. They are
    /// due again a period later.
    pub fn next(&mut self, now_ms: u64, most: usize) -> Vec<RoomId> {
        self.fill(now_ms);
        let affordable = usize::try_from(self.budget / PARTS).unwrap_or(usize::MAX);
        let most = most.min(affordable);
        let mut chosen = Vec::new();
        while chosen.len() < most {
            let Some(room) = self.pop_due(now_ms) else {
                break;
            };
            chosen.push(room);
        }
        self.budget -= chosen.len() as u64 * PARTS;
        for room in &chosen {
            self.reschedule(*room, now_ms);
        }
        chosen
    }

    /// When to ask for rooms next, ms of the same clock; `None` while there are none.
    pub fn next_at(&self) -> Option<u64> {
        let first = |queue: &BTreeSet<(u64, RoomId)>| queue.first().map(|(due, _)| *due);
        let due = [first(&self.active), first(&self.quiet)];
        let due = due.into_iter().flatten().min()?;
        let short = PARTS.saturating_sub(self.budget);
        let affordable = self.filled_ms + short.div_ceil(self.rate());
        Some(due.max(affordable))
    }

    /// Rooms with local readers.
    pub fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Whether no room has a local reader.
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// The next room that is due: an active one, unless it is a quiet one's turn.
    fn pop_due(&mut self, now_ms: u64) -> Option<RoomId> {
        if self.since_quiet < QUIET_TURN
            && let Some(room) = pop_first(&mut self.active, now_ms)
        {
            self.since_quiet += 1;
            return Some(room);
        }
        self.since_quiet = 0;
        pop_first(&mut self.quiet, now_ms).or_else(|| pop_first(&mut self.active, now_ms))
    }

    fn active_period(&self) -> u64 {
        match self.away {
            true => self.pace.active_away_ms,
            false => self.pace.active_ms,
        }
    }

    fn reschedule(&mut self, room: RoomId, now_ms: u64) {
        let Some(it) = self.rooms.get_mut(&room) else {
            return;
        };
        it.is_active = now_ms.saturating_sub(it.touched_ms) < self.pace.active_for_ms;
        let period = match it.is_active {
            true => self.active_period(),
            false => self.pace.quiet_ms,
        };
        self.place(room, now_ms + period);
    }

    /// Makes those that match due at `latest_ms` where they were due later.
    fn hasten(&mut self, latest_ms: u64, matches: impl Fn(&Room, RoomId) -> bool) {
        let late: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(id, room)| room.due_ms > latest_ms && matches(room, **id))
            .map(|(id, _)| *id)
            .collect();
        for room in late {
            self.unplace(room);
            self.place(room, latest_ms);
        }
    }

    fn place(&mut self, room: RoomId, due_ms: u64) {
        let Some(it) = self.rooms.get_mut(&room) else {
            return;
        };
        it.due_ms = due_ms;
        match it.is_active {
            true => self.active.insert((due_ms, room)),
            false => self.quiet.insert((due_ms, room)),
        };
    }

    fn unplace(&mut self, room: RoomId) {
        if let Some(it) = self.rooms.get(&room) {
            self.active.remove(&(it.due_ms, room));
            self.quiet.remove(&(it.due_ms, room));
        }
    }

    /// Parts of a head that flow in each ms.
    fn rate(&self) -> u64 {
        u64::from(self.pace.heads_per_second.max(1)) * PARTS / 1_000
    }

    fn burst(&self) -> u64 {
        (self.rate() * 1_000 / BURSTS_PER_SECOND).max(PARTS)
    }

    fn fill(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.filled_ms);
        let more = self
            .budget
            .saturating_add(passed.saturating_mul(self.rate()));
        self.budget = more.min(self.burst());
        self.filled_ms = self.filled_ms.max(now_ms);
    }
}

fn pop_first(queue: &mut BTreeSet<(u64, RoomId)>, now_ms: u64) -> Option<RoomId> {
    let (due_ms, room) = *queue.first()?;
    if due_ms > now_ms {
        return None;
    }
    queue.pop_first();
    Some(room)
}

#[cfg(test)]
mod tests;
