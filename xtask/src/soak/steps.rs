//! What a soak consists of.

/// One long check.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Also names its log, `target/soak/NAME.log`.
    pub(super) name: String,
    pub(super) about: &'static str,
    pub(super) variables: &'static [(&'static str, &'static str)],
    pub(super) work: Work,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// What follows `cargo`, words parted by blanks.
    Cargo(&'static str),
    Bench(Bench),
}

/// A run of the load generator, which leaves a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bench {
    /// What follows `parlor-bench run`, words parted by blanks.
    pub(super) arguments: &'static str,
    /// So many runs, with the seeds 1, 2, 3 …
    pub(super) seeds: u32,
    /// The server's disk is slowed by the shim.
    pub(super) slow_disk: bool,
    /// It replays the log.
    pub(super) log: bool,
    /// Held against the first bar, otherwise against the promises.
    pub(super) targets: bool,
}

const BUILD: &str = "build --release -p parlor-server -p parlor-bench -p parlor";

/// Tests of one kind, released, with the figures of times held to their bounds.
const HOLD_TIMES: (&str, &str) = ("PARLOR_HOLD_TIMES", "1");

/// Loads: name, what follows `run`, what it shows. Each server run has the floor before it, which
/// it is to be compared with, and where it says so its realistic form and a slow disk behind it.
const LOADS: &[Load] = &[
    floor("bare", "bare", "the floor under one-room"),
    whole(
        "one-room",
        "one-room",
        "1,000 users in one room, 200 messages/s",
    ),
    floor(
        "bare-400",
        "bare --rate 400",
        "the floor under one-room-400",
    ),
    slow("one-room-400", "one-room --rate 400", "the same at 400/s"),
    load(
        "one-room-800",
        "one-room --rate 800",
        "the same at 800/s: where it breaks",
    ),
    floor(
        "bare-500-users",
        "bare --users 500 --rate 100",
        "the floor under one-room-500-users",
    ),
    slow(
        "one-room-500-users",
        "one-room --users 500 --rate 100",
        "500 users in one room, 100 messages/s",
    ),
    floor(
        "bare-many-rooms",
        "bare --rooms 100 --rate 1000",
        "the floor under many-rooms",
    ),
    whole(
        "many-rooms",
        "many-rooms",
        "1,000 users in 100 rooms, 1,000 messages/s",
    ),
    slow(
        "limit",
        "limit",
        "100 users in one room, the rate raised until p99 > 100 ms",
    ),
    floor(
        "bare-idle",
        "bare --users 5000 --rooms 50 --rate 0",
        "the floor under idle-5000",
    ),
    load(
        "idle-5000",
        "idle --users 5000",
        "memory of 5,000 idle links",
    ),
    load(
        "idle-1000",
        "idle --users 1000",
        "CPU of the probes of 1,000 silent links",
    ),
    load("storm-500", "storm --users 500", "500 connect at once"),
    load("storm-1000", "storm --users 1000", "1,000 connect at once"),
    floor(
        "bare-repeat",
        "bare --repeat",
        "the floor under storm-repeat",
    ),
    load(
        "storm-repeat",
        "storm --repeat",
        "whole handshakes a second and core",
    ),
    slow("restart", "restart", "SIGTERM and kill -9 under many-rooms"),
    load(
        "lossy-bench",
        "lossy",
        "200 users in one room, 2 % of all packets lost",
    ),
    load(
        "lossy-bench-far",
        "lossy --round-trip 40",
        "the same with 40 ms added to a round trip",
    ),
    load("mix-read", "mix-read", "many who read beside few who write"),
    load(
        "mix-write",
        "mix-write",
        "many who write beside few who read",
    ),
    load("mix", "mix", "as many of both as people are"),
    // What PostgreSQL and Redis cost, before what a second node costs.
    load(
        "cluster-1",
        "cluster --nodes 1 --postgres",
        "many-rooms on one node on PostgreSQL and Redis",
    ),
    load("cluster-2", "cluster", "many-rooms on 2 nodes"),
    promised("cluster-3", "cluster --nodes 3", "many-rooms on 3 nodes"),
    promised(
        "cluster-2-one-room",
        "cluster --rooms 1 --rate 50",
        "1,000 users in one room on 2 nodes, 50 messages/s",
    ),
    promised(
        "cluster-3-one-room",
        "cluster --nodes 3 --rooms 1 --rate 50",
        "the same on 3 nodes",
    ),
    promised(
        "cluster-mix-read",
        "mix-read --nodes 2",
        "many who read on 2 nodes: what the caches give",
    ),
    promised(
        "reconnect",
        "reconnect",
        "one of 2 nodes killed under many-rooms",
    ),
    promised(
        "reconnect-3",
        "reconnect --nodes 3",
        "one of 3 nodes killed under many-rooms",
    ),
];

#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    targets: bool,
    realistic: bool,
    slow: bool,
}

const fn load(name: &'static str, arguments: &'static str, about: &'static str) -> Load {
    Load {
        name,
        arguments,
        about,
        targets: true,
        realistic: false,
        slow: false,
    }
}

/// There is nothing that the floor is held to, beside bringing everything.
const fn floor(name: &'static str, arguments: &'static str, about: &'static str) -> Load {
    Load {
        targets: false,
        ..load(name, arguments, about)
    }
}

/// No peer was measured: held to what is promised.
const fn promised(name: &'static str, arguments: &'static str, about: &'static str) -> Load {
    Load {
        targets: false,
        ..load(name, arguments, about)
    }
}

const fn slow(name: &'static str, arguments: &'static str, about: &'static str) -> Load {
    Load {
        slow: true,
        ..load(name, arguments, about)
    }
}

const fn whole(name: &'static str, arguments: &'static str, about: &'static str) -> Load {
    Load {
        realistic: true,
        ..slow(name, arguments, about)
    }
}

/// Runs of what kills servers, each with a seed of its own.
const KILLS: u32 = 20;
/// Whose names these are.
const KILLING: [&str; 3] = ["restart", "reconnect", "reconnect-3"];

/// Measurements come last and one at a time, so that nothing else uses the cores.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![
        cargo(
            "fuzz",
            "the decoder and the session, each target under ten minutes of made input",
            &[("PARLOR_FUZZ_SECONDS", "600")],
            "nextest run --profile soak --release --success-output immediate -p parlor-protocol --test fuzz",
        ),
        cargo(
            "chaos",
            "20 seeded runs of every fault, judged by the history checker",
            &[("PARLOR_CHAOS_RUNS", "20")],
            "nextest run --profile soak --release -p parlor-testkit chaos_loses_nothing",
        ),
        cargo(
            "chaos-many-rooms",
            "20 seeded runs of kill -9 in the middle of many rooms, all back in time",
            &[
                ("PARLOR_CHAOS_RUNS", "20"),
                ("PARLOR_CHAOS_CLIENTS", "100"),
                ("PARLOR_CHAOS_ROOMS", "10"),
                ("PARLOR_CHAOS_STRETCH", "4000"),
                HOLD_TIMES,
            ],
            "nextest run --profile soak --release -p parlor-testkit chaos_in_the_middle",
        ),
        cargo(
            "chaos-cluster",
            "20 seeded runs of every fault of three nodes, Redis and PostgreSQL, judged by the history checker",
            &[("PARLOR_CHAOS_RUNS", "20"), HOLD_TIMES],
            "nextest run --profile soak --release -p parlor-testkit chaos_of_a_cluster",
        ),
        cargo(
            "mutations",
            "deliberate faults must turn the checker red",
            &[],
            "nextest run --profile soak -p parlor-testkit --features mutations mutation",
        ),
        cargo(
            "terminal",
            "the terminal app on a room of a million messages: first paint, memory, key to screen",
            &[("PARLOR_FIGURES_MESSAGES", "1000000")],
            "nextest run --profile soak --release --success-output immediate -p parlor figures",
        ),
        cargo(
            "lossy",
            "200 users under 2 % loss, the same with 40 ms, and a change of address",
            &[
                ("PARLOR_LOSSY_USERS", "200"),
                ("PARLOR_LOSSY_SECONDS", "30"),
                HOLD_TIMES,
            ],
            "nextest run --profile soak --release -p parlor-testkit lossy_room",
        ),
        // Just before what runs them: a step above may have built one with other features.
        cargo("build", "the programs that are measured", &[], BUILD),
    ];
    for load in LOADS {
        steps.extend(of_load(load));
    }
    steps.push(Step {
        name: "replay".to_owned(),
        about: "50,000 messages of the log, read back through the terminal client",
        variables: &[],
        work: Work::Bench(Bench {
            log: true,
            ..bench("replay --read-back", true)
        }),
    });
    steps
}

fn of_load(load: &Load) -> Vec<Step> {
    let step = |suffix: &str, bench| Step {
        name: format!("{}{suffix}", load.name),
        about: load.about,
        variables: &[],
        work: Work::Bench(bench),
    };
    let plain = Bench {
        seeds: if KILLING.contains(&load.name) {
            KILLS
        } else {
            1
        },
        ..bench(load.arguments, load.targets)
    };
    let mut steps = vec![step("", plain)];
    if load.realistic {
        let realistic = match load.name {
            "one-room" => "one-room --realistic",
            _ => "many-rooms --realistic",
        };
        steps.push(step("-realistic", bench(realistic, load.targets)));
    }
    if load.slow {
        // Reported beside: no promise of the first bar stands on a disk like that.
        let slow = Bench {
            slow_disk: true,
            ..bench(load.arguments, false)
        };
        steps.push(step("-slow-disk", slow));
    }
    steps
}

fn bench(arguments: &'static str, targets: bool) -> Bench {
    Bench {
        arguments,
        seeds: 1,
        slow_disk: false,
        log: false,
        targets,
    }
}

fn cargo(
    name: &'static str,
    about: &'static str,
    variables: &'static [(&'static str, &'static str)],
    arguments: &'static str,
) -> Step {
    Step {
        name: name.to_owned(),
        about,
        variables,
        work: Work::Cargo(arguments),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let steps = steps();
        let names: BTreeSet<_> = steps.iter().map(|step| &step.name).collect();
        assert_eq!(names.len(), steps.len());
    }

    #[test]
    fn the_rows_of_the_first_bar_are_there() {
        let steps = steps();
        for name in [
            "bare",
            "one-room",
            "one-room-realistic",
            "one-room-slow-disk",
            "one-room-400",
            "one-room-800",
            "one-room-500-users",
            "many-rooms",
            "many-rooms-realistic",
            "many-rooms-slow-disk",
            "limit",
            "idle-5000",
            "idle-1000",
            "storm-500",
            "storm-1000",
            "storm-repeat",
            "restart",
            "replay",
            "lossy",
            "chaos-many-rooms",
            "chaos-cluster",
            "lossy-bench",
            "mix-read",
            "cluster-2",
            "cluster-3",
            "cluster-3-one-room",
            "cluster-mix-read",
            "reconnect",
        ] {
            assert!(steps.iter().any(|step| step.name == name), "{name}");
        }
    }
}
