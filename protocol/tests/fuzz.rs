//! The fuzz targets as ordinary tests: on the corpus, and on mutations of it and of frozen frames.
//!
//! `PARLOR_FUZZ_SECONDS` lets each go on for so long, from another seed each time;
//! `PARLOR_GOLDEN=write` adds what is missing of the corpus. An input that a soak finds belongs
//! into `fuzz/corpus/TARGET`.

#![allow(clippy::unwrap_used)]

#[macro_use]
mod common;
#[path = "../fuzz/targets.rs"]
mod targets;

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use parlor_protocol::Kind;
use parlor_protocol::frame;
use parlor_protocol::limit::HEADER_BYTES;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use common::bodies;
use common::files::{WRITE, adding, folder};
use common::story;
use targets::TARGETS;

/// Mutated inputs of each target in an ordinary run.
const ROUNDS: u64 = 30_000;
/// Rounds between two looks at the clock in a soak.
const ROUNDS_A_LOOK: u64 = 1_000;
/// A mutated input is cut here, bytes.
const INPUT_BYTES: usize = 64 * 1024;

/// Inputs that every target's corpus begins with, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let named = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    let stream = |kinds: &[(Kind, u32)]| {
        let frames = kinds.iter().map(|(kind, request)| {
            let told = story::frame_of(*kind);
            told.bytes(*request)
        });
        frames.collect::<Vec<_>>().concat()
    };
    match target {
        "decode" => story::every_frame()
            .iter()
            .map(|told| {
                let kind = told.kind.0.to_le_bytes();
                let bytes = [&kind, &told.golden()[HEADER_BYTES..]].concat();
                named(told.kind.name().unwrap(), &bytes)
            })
            .collect(),
        "frame_reader" => {
            let all: Vec<u8> = story::every_frame()
                .iter()
                .flat_map(|told| told.golden())
                .collect();
            vec![named("every_frame", &[&[7][..], &all].concat())]
        }
        "server_session" => {
            let entries = [Kind::LOG_IN, Kind::REGISTER, Kind::ENTER];
            let good = entries.map(|entry| {
                let flight = [
                    (Kind::HELLO, 1),
                    (entry, 2),
                    (Kind::SYNC_USER, 3),
                    (Kind::POST, 4),
                    (Kind::PING, 5),
                    (Kind::GOODBYE, 0),
                ];
                let bytes = [&[1][..], &stream(&flight)].concat();
                named(entry.name().unwrap(), &bytes)
            });
            let tries = [(Kind::HELLO, 1), (Kind::LOG_IN, 2), (Kind::LOG_IN, 3)];
            let denied = [&[2][..], &stream(&tries)].concat();
            good.into_iter().chain([named("denied", &denied)]).collect()
        }
        "client_session" => {
            let good = [
                (Kind::WELCOME, 1),
                (Kind::ENTERED, 2),
                (Kind::USER_CHANGES, 3),
                (Kind::ROOM_BATCH, 0),
                (Kind::GO_AWAY, 0),
                (Kind::GOODBYE, 0),
            ];
            let denied = [(Kind::WELCOME, 1), (Kind::REFUSED, 2), (Kind::ENTERED, 3)];
            vec![
                named("entered", &stream(&good)),
                named("denied", &stream(&denied)),
            ]
        }
        "link" => {
            let pin = "UWS2LJNF".repeat(6) + "UWSQ";
            let pinned = format!("parlor://chat.example,[2001:db8::7]:7443/j/K7Q2M9.{pin}");
            vec![
                named("pinned", pinned.as_bytes()),
                named("plain", b"parlor://chat.example/j/K7Q2M9"),
                named("address", b"[::1],10.0.0.7:80"),
            ]
        }
        "compressed" => {
            let packed = frame::encode_compressed(0, &story::large_batch());
            let bomb = zstd::bulk::compress(&vec![0; 8 << 20], 1).unwrap();
            vec![
                named("batch", &packed[HEADER_BYTES..]),
                named("bomb", &bomb),
            ]
        }
        other => panic!("{other} has no corpus"),
    }
}

/// The corpus of a target; missing seeds are added when asked for.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = folder("fuzz/corpus").join(target);
    for (name, bytes) in seeds(target) {
        let path = folder.join(&name);
        if !path.exists() {
            assert!(
                adding(),
                "{} is missing: {WRITE}=write adds it",
                path.display()
            );
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// One small damage to an input.
fn mutate(input: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut ChaCha8Rng) {
    // Bytes that mean something to the codec: lengths, markers, edges.
    const TELLING: [u8; 8] = [0, 1, 2, 0x7f, 0xfa, 0xfb, 0xfd, 0xff];
    let at = rng.random_range(0..=input.len());
    let left = input.len() - at;
    match rng.random_range(0..8) {
        0 if left > 0 => input[at] ^= 1 << rng.random_range(0..8),
        1 if left > 0 => input[at] = rng.random(),
        2 if left > 0 => input[at] = TELLING[rng.random_range(0..TELLING.len())],
        3 => input.insert(at, TELLING[rng.random_range(0..TELLING.len())]),
        4 => drop(input.drain(at..at + left.min(rng.random_range(0..9)))),
        5 => input.truncate(at),
        6 => {
            let again = input[at..at + left.min(rng.random_range(0..200))].to_vec();
            input.splice(at..at, again);
        }
        _ => {
            let other = &others[rng.random_range(0..others.len())];
            let from = rng.random_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
    }
    input.truncate(INPUT_BYTES);
}

/// Runs a target on one input; a failure shows the bytes, to be kept in the corpus.
fn run(name: &str, target: fn(&[u8]), input: &[u8]) {
    if catch_unwind(|| target(input)).is_err() {
        let shown = HEXLOWER.encode(input);
        panic!("{name} failed on these {} bytes:\n{shown}", input.len());
    }
}

fn fuzz(name: &str) {
    let target = TARGETS.iter().find(|target| target.0 == name).unwrap().1;
    let corpus = corpus(name);
    for input in &corpus {
        run(name, target, input);
    }
    let soak = std::env::var("PARLOR_FUZZ_SECONDS").ok();
    let until = soak.map(|seconds| {
        let seconds = seconds.parse().expect("PARLOR_FUZZ_SECONDS is a number");
        Instant::now() + Duration::from_secs(seconds)
    });
    let seed = if until.is_some() { rand::random() } else { 1 };
    eprintln!("{name}: seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for round in 0.. {
        let over = match until {
            None => round >= ROUNDS,
            Some(until) => round % ROUNDS_A_LOOK == 0 && Instant::now() >= until,
        };
        if over {
            eprintln!("{name}: {round} rounds");
            return;
        }
        let mut input = corpus[rng.random_range(0..corpus.len())].clone();
        for _ in 0..rng.random_range(1..6) {
            mutate(&mut input, &corpus, &mut rng);
        }
        run(name, target, &input);
    }
}

macro_rules! targets {
    ($($name:ident),*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                fuzz(stringify!($name));
            }
        )*
    };
}
targets!(
    decode,
    frame_reader,
    server_session,
    client_session,
    link,
    compressed
);

#[test]
fn every_target_runs_here_and_in_cargo_fuzz() {
    let manifest = std::fs::read_to_string(folder("fuzz/Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
        let path = folder("fuzz/fuzz_targets").join(format!("{name}.rs"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(&format!("targets::{name}(data)")), "{name}");
    }
    let names: Vec<&str> = TARGETS.iter().map(|target| target.0).collect();
    assert_eq!(names, TESTED);
}
