use super::*;

fn one_room() -> Shape {
    Shape {
        scenario: Scenario::OneRoom,
        users: 1_000,
        rooms: 1,
        rate: 200.0,
        ..Shape::usual(Scenario::OneRoom)
    }
}

fn judged(figures: &Figures, line: &str) -> Judged {
    judge(Table::Numbers, &one_room(), figures, true)
        .into_iter()
        .find(|judged| judged.line == line)
        .unwrap()
}

#[test]
fn a_figure_at_its_bound_is_held_and_one_above_is_not() {
    let mut figures = Figures::default();
    figures.latency_ms.p50 = Some(15.0);
    assert!(judged(&figures, "one-room p50").held);
    figures.latency_ms.p50 = Some(15.1);
    let missed = judged(&figures, "one-room p50");
    assert_eq!((missed.held, missed.target.as_str()), (false, "≤ 15 ms"));
}

#[test]
fn what_was_not_measured_is_not_held() {
    assert!(!judged(&Figures::default(), "one-room p99").held);
}

#[test]
fn one_lost_delivery_fails_under_either_table() {
    let figures = Figures {
        lost: 1,
        ..Figures::default()
    };
    for table in [Table::Acceptance, Table::Numbers] {
        assert!(!judge(table, &one_room(), &figures, true)[0].held);
    }
}

#[test]
fn lines_of_the_process_are_left_out_for_a_server_elsewhere() {
    let here = judge(Table::Numbers, &one_room(), &Figures::default(), true);
    let elsewhere = judge(Table::Numbers, &one_room(), &Figures::default(), false);
    assert_eq!(here.len(), elsewhere.len() + 2);
}

#[test]
fn another_shape_is_held_to_the_common_lines_only() {
    let shape = Shape {
        users: 20,
        ..one_room()
    };
    let lines = judge(Table::Acceptance, &shape, &Figures::default(), true);
    assert_eq!(lines.len(), ALWAYS.len());
}

/// The line names of a run, without those asked of every run.
fn lines(table: Table, shape: &Shape) -> Vec<&'static str> {
    let lines = targets(table, shape);
    lines[ALWAYS.len()..].iter().map(|it| it.line).collect()
}

#[test]
fn each_row_of_the_first_bar_is_asked_at_its_own_shape() {
    use Scenario::{Idle, Limit, ManyRooms, OneRoom, Restart, Storm};
    let rows: [(Scenario, u32, u32, f64, Option<u32>, usize); 11] = [
        (OneRoom, 1_000, 1, 200.0, None, 5),
        (OneRoom, 1_000, 1, 400.0, None, 2),
        (OneRoom, 500, 1, 100.0, None, 2),
        (ManyRooms, 1_000, 100, 1_000.0, None, 5),
        (Limit, 100, 1, 200.0, None, 1),
        (Idle, 5_000, 50, 0.0, None, 1),
        (Idle, 1_000, 50, 0.0, None, 1),
        (Storm, 500, 1, 200.0, None, 2),
        (Storm, 1_000, 1, 200.0, None, 2),
        (Storm, 1_000, 1, 200.0, Some(64), 1),
        (Restart, 1_000, 100, 1_000.0, None, 2),
    ];
    for (scenario, users, rooms, rate, repeat, count) in rows {
        let shape = Shape {
            users,
            rooms,
            rate,
            repeat,
            ..Shape::usual(scenario)
        };
        let lines = lines(Table::Numbers, &shape);
        assert_eq!(
            lines.len(),
            count,
            "{scenario:?} {users} at {rate}: {lines:?}"
        );
    }
}

#[test]
fn a_realistic_run_is_held_to_the_times_of_requests_under_either_table() {
    for table in [Table::Acceptance, Table::Numbers] {
        for (rooms, presence) in [(1, false), (9, false), (10, true), (100, true)] {
            let shape = Shape {
                realistic: true,
                rooms,
                ..one_room()
            };
            let lines = lines(table, &shape);
            for kind in ["page", "people", "rooms", "acknowledged", "join"] {
                for share in ["p50", "p95", "p99"] {
                    let line = format!("A9 {kind} {share}");
                    assert!(lines.contains(&line.as_str()), "{line}: {lines:?}");
                }
            }
            assert_eq!(
                lines.contains(&"A9 presence p99"),
                presence,
                "{rooms} rooms"
            );
        }
    }
}

#[test]
fn a_replay_that_is_read_back_is_held_to_it() {
    let shape = Shape {
        read_back: true,
        ..Shape::usual(Scenario::Replay)
    };
    let held = |read_back_wrong| {
        let figures = Figures {
            read_back_wrong,
            ..Figures::default()
        };
        let judged = judge(Table::Acceptance, &shape, &figures, true);
        judged.last().unwrap().held
    };
    assert_eq!(
        [held(None), held(Some(1)), held(Some(0))],
        [false, false, true]
    );
}

#[test]
fn every_scenario_at_its_usual_shape_has_a_line_of_its_own_in_the_numbers() {
    for scenario in [
        Scenario::OneRoom,
        Scenario::ManyRooms,
        Scenario::Storm,
        Scenario::Idle,
        Scenario::Limit,
        Scenario::Restart,
        Scenario::Cluster,
        Scenario::Reconnect,
        Scenario::MixRead,
        Scenario::MixWrite,
        Scenario::Mix,
        Scenario::Lossy,
    ] {
        let lines = targets(Table::Numbers, &Shape::usual(scenario));
        assert!(lines.len() > ALWAYS.len(), "{scenario:?}");
    }
}
#[test]
fn a_cluster_is_held_to_what_one_node_alone_is_not() {
    let usual = Shape::usual(Scenario::Cluster);
    let lines = |table, nodes, rooms, rate| {
        let shape = Shape {
            nodes,
            rooms,
            rate,
            ..usual.clone()
        };
        targets(table, &shape).len() - ALWAYS.len()
    };
    assert_eq!(lines(Table::Acceptance, 3, 100, 1_000.0), 7);
    assert_eq!(lines(Table::Acceptance, 3, 1, 50.0), 3);
    assert_eq!(lines(Table::Numbers, 2, 100, 1_000.0), 3);
    assert_eq!(lines(Table::Numbers, 3, 100, 1_000.0), 7);
    assert_eq!(lines(Table::Acceptance, 1, 100, 1_000.0), 0);
}

#[test]
fn caches_are_asked_of_clusters_only() {
    let alone = Shape::usual(Scenario::MixRead);
    let has = |shape: &Shape| lines(Table::Acceptance, shape).contains(&"B4 cache hit rate");
    assert!(!has(&alone));
    assert!(has(&Shape { nodes: 2, ..alone }));
}
