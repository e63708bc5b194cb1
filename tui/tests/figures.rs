//! What a large room costs in a terminal: the first paint from what is stored, memory, and the time
//! from a key to its answer on the screen. By itself a short run that shows that the way works; with
//! `PARLOR_FIGURES_MESSAGES=1000000` on a release build (`cargo xtask soak`) the figures must hold.

mod support;

use std::time::Duration;

use support::Person;
use support::pty::Pty;
use support::room::fill;

/// Messages of the short run: more than the core keeps in memory.
const MESSAGES: u64 = 3_000;

/// Targets: what a person does not notice.
const FIRST_PAINT: Duration = Duration::from_millis(100);
const RSS_KB: u64 = 40 * 1024;
const FRAME_P99: Duration = Duration::from_millis(8);

/// Keys of the timeline, over and over: lines, pages, the far ends, an open help page and back.
const KEYS: [&str; 12] = [
    "k", "k", "\x1b[5~", "\x1b[5~", "g", "j", "\x1b[6~", "?", "q", "G", "\x1b[5~", "k",
];
/// Rounds of the long run, and of the short one.
const ROUNDS: [usize; 2] = [40, 3];

#[test]
fn figures() {
    let wanted = std::env::var("PARLOR_FIGURES_MESSAGES").ok();
    let messages = wanted
        .as_ref()
        .map_or(MESSAGES, |text| text.parse().unwrap());
    let person = Person::new();
    fill(&person, messages);

    let mut pty = Pty::open(&person, 120, 32);
    let first_paint = pty.shows(&format!("m{messages}"));
    pty.quiet();
    pty.write("\x1b");
    pty.quiet();
    let mut frames: Vec<Duration> = (0..ROUNDS[usize::from(wanted.is_none())])
        .flat_map(|_| KEYS)
        .map(|key| pty.answers(key))
        .collect();
    frames.sort_unstable();
    let (rss, peak) = pty.memory_kb();
    let at = |share: usize| frames[(frames.len() - 1) * share / 100];
    println!(
        "messages {messages}, first paint {first_paint:?}, key to screen p50 {:?} p99 {:?} max {:?}, \
         RSS {rss} KB, peak {peak} KB",
        at(50),
        at(99),
        at(100)
    );
    // On a busy machine, unoptimised, the figures say nothing.
    if wanted.is_some() {
        assert!(first_paint <= FIRST_PAINT, "first paint {first_paint:?}");
        assert!(at(99) <= FRAME_P99, "a frame {:?}", at(99));
        assert!(peak <= RSS_KB, "RSS {peak} KB");
    }
}
