//! What a run is held against: the promises of acceptance, and the first bar of the measured peers.
//!
//! Both tables stand here and nowhere else. A line is asked only of a run that shows it: the same
//! scenario with the users, rooms and rate that the promise names.

use serde::Serialize;

use crate::report::Figures;
use crate::shape::{Scenario, Shape};

/// Which table a run is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The promises: missing one fails a release.
    Acceptance,
    /// The first bar over the measured peers.
    Numbers,
}

/// One line of a verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    pub line: String,
    pub target: String,
    pub figure: Option<f64>,
    pub held: bool,
}

/// A bound on a figure, in the figure's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
}

/// What a line looks at.
type Figure = fn(&Figures) -> Option<f64>;

struct Target {
    line: &'static str,
    bound: Bound,
    unit: &'static str,
    figure: Figure,
    /// Whether it needs the server's process on this machine.
    local: bool,
}

const fn at_most(line: &'static str, bound: f64, unit: &'static str, figure: Figure) -> Target {
    Target {
        line,
        bound: Bound::AtMost(bound),
        unit,
        figure,
        local: false,
    }
}

const fn below(line: &'static str, bound: f64, unit: &'static str, figure: Figure) -> Target {
    Target {
        bound: Bound::Below(bound),
        ..at_most(line, bound, unit, figure)
    }
}

const fn at_least(line: &'static str, bound: f64, unit: &'static str, figure: Figure) -> Target {
    Target {
        bound: Bound::AtLeast(bound),
        ..at_most(line, bound, unit, figure)
    }
}

const fn local(target: Target) -> Target {
    Target {
        local: true,
        ..target
    }
}

const MS: &str = "ms";
const US: &str = "µs";
const MB: &str = "MB";
const KIB: &str = "KiB";

const P50: Figure = |it| it.latency_ms.p50;
const P95: Figure = |it| it.latency_ms.p95;
const P99: Figure = |it| it.latency_ms.p99;
const ACK_P50: Figure = |it| it.ack_ms.p50;
const ACK_P95: Figure = |it| it.ack_ms.p95;
const ACK_P99: Figure = |it| it.ack_ms.p99;
const CPU_US: Figure = |it| it.cpu_us_per_delivery;
const CPU_SHARE: Figure = |it| it.cpu_share.map(|share| share * 100.0);
const RSS_MB: Figure = |it| it.rss_peak_bytes.map(|bytes| bytes as f64 / 1e6);
const RSS_LINK: Figure = |it| it.rss_per_link_bytes.map(|bytes| bytes / 1024.0);
const BACK_ELSEWHERE: Figure = |it| it.back_elsewhere_ms;
const ALL_IN: Figure = |it| it.connect_all_ms;
const WRONG: Figure = |it| Some((it.lost + it.duplicated + it.out_of_order) as f64);
const QUERY_P95: Figure = |it| it.db_query_ms.p95;
const SLOWEST_QUERY: Figure = Figures::slowest_query_p95_ms;
const NODE_CPU: Figure = |it| it.busiest_node_share().map(|share| share * 100.0);
const DB_CONNECTIONS: Figure = |it| it.db_connections.map(|count| count as f64);
const REDIS_MB: Figure = |it| {
    let bytes = it.services?.redis_peak_bytes?;
    Some(bytes as f64 / 1e6)
};
const HIT_RATE: Figure = |it| it.cache_hit_rate().map(|rate| rate * 100.0);
const ERRORS: Figure = |it| Some(it.errors as f64);
const REFUSED: Figure = |it| Some(it.refused_links as f64);

/// Asked of every run.
const ALWAYS: [Target; 2] = [
    at_most("nothing lost, doubled or out of order", 0.0, "", WRONG),
    at_most("no errors", 0.0, "", ERRORS),
];

/// The lines that a run of this shape is held against.
fn targets(table: Table, shape: &Shape) -> Vec<Target> {
    let mut lines = Vec::from(ALWAYS);
    lines.extend(match table {
        Table::Acceptance => acceptance(shape),
        Table::Numbers => numbers(shape),
    });
    // What people ask beside the load is promised at the same times under either table.
    if shape.realistic || shape.is_mix() {
        lines.extend(asked());
    }
    if shape.realistic {
        lines.extend(presence(shape));
    }
    if shape.is_mix() && shape.is_cluster() {
        lines.extend(cached());
    }
    if shape.read_back {
        lines.push(at_most("read back otherwise than said", 0.0, "", |it| {
            it.read_back_wrong.map(|count| count as f64)
        }));
    }
    lines
}

fn acceptance(shape: &Shape) -> Vec<Target> {
    match shape.scenario {
        Scenario::OneRoom if shape.is(1_000, 1, 200.0) => vec![
            below("A1 p50", 30.0, MS, P50),
            below("A1 p95", 80.0, MS, P95),
            below("A1 p99", 150.0, MS, P99),
            local(below("C5 database query p95", 50.0, MS, QUERY_P95)),
        ],
        Scenario::ManyRooms if shape.is(1_000, 100, 1_000.0) => vec![
            below("A2 p50", 30.0, MS, P50),
            below("A2 p95", 80.0, MS, P95),
            local(below("C5 database query p95", 50.0, MS, QUERY_P95)),
            local(below("D9 memory", 512.0, MB, RSS_MB)),
            local(below("D9 CPU", 70.0, "% of a core", CPU_SHARE)),
            local(below("D9 database connections", 40.0, "", DB_CONNECTIONS)),
        ],
        Scenario::Storm if shape.repeat.is_none() => {
            vec![at_most("A4 links refused or dropped", 0.0, "", REFUSED)]
        }
        Scenario::Restart => vec![below("D2 all back", 5_000.0, MS, ALL_IN)],
        Scenario::Cluster if shape.is_cluster() => cluster(shape),
        Scenario::Reconnect => vec![below("D2 all back elsewhere", 5_000.0, MS, BACK_ELSEWHERE)],
        _ => Vec::new(),
    }
}

/// A8: A2's load over nodes, or one room at 50 messages/s.
fn cluster(shape: &Shape) -> Vec<Target> {
    let many = shape.is(1_000, 100, 1_000.0);
    if !many && !shape.is(1_000, 1, 50.0) {
        return Vec::new();
    }
    let mut lines = vec![
        below("A8 p50", 30.0, MS, P50),
        below("A8 p95", 80.0, MS, P95),
        local(below("C5 slowest query p95", 50.0, MS, SLOWEST_QUERY)),
    ];
    if many {
        lines.extend([
            local(below("D9 memory of a node", 512.0, MB, RSS_MB)),
            local(below("D9 CPU of a node", 70.0, "% of a core", NODE_CPU)),
            local(below("D9 database connections of a node", 40.0, "", |it| {
                // PostgreSQL counts those of all; the pools are alike.
                let nodes = it.nodes.len().max(1) as f64;
                it.db_connections.map(|count| count as f64 / nodes)
            })),
            local(below("D9 Redis memory", 1_000.0, MB, REDIS_MB)),
        ]);
    }
    lines
}

/// B4: what people read again and again comes from a cache, and soon.
fn cached() -> Vec<Target> {
    vec![
        local(at_least("B4 cache hit rate", 80.0, "%", HIT_RATE)),
        local(below("B4 cache read p99", 5.0, MS, |it| {
            it.cache_read_ms.p99
        })),
    ]
}

/// A9: by kind, all of them uncached until there is a cache.
fn asked() -> Vec<Target> {
    vec![
        below("A9 page p50", 50.0, MS, |it| it.read("page").p50),
        below("A9 page p95", 200.0, MS, |it| it.read("page").p95),
        below("A9 page p99", 500.0, MS, |it| it.read("page").p99),
        below("A9 people p50", 30.0, MS, |it| it.read("people").p50),
        below("A9 people p95", 100.0, MS, |it| it.read("people").p95),
        below("A9 people p99", 300.0, MS, |it| it.read("people").p99),
        below("A9 rooms p50", 40.0, MS, |it| it.read("rooms").p50),
        below("A9 rooms p95", 150.0, MS, |it| it.read("rooms").p95),
        below("A9 rooms p99", 400.0, MS, |it| it.read("rooms").p99),
        below("A9 acknowledged p50", 100.0, MS, ACK_P50),
        below("A9 acknowledged p95", 300.0, MS, ACK_P95),
        below("A9 acknowledged p99", 700.0, MS, ACK_P99),
        below("A9 join p50", 20.0, MS, |it| it.join_ms.p50),
        below("A9 join p95", 50.0, MS, |it| it.join_ms.p95),
        below("A9 join p99", 100.0, MS, |it| it.join_ms.p99),
    ]
}

fn presence(shape: &Shape) -> Vec<Target> {
    // Above this many on screen presence comes as counts only; the fullest room decides.
    if shape.users.div_ceil(shape.rooms.max(1)) <= parlor_protocol::limit::PRESENCE_PEOPLE as u32 {
        return vec![
            below("A9 presence p50", 15.0, MS, |it| it.presence_ms.p50),
            below("A9 presence p95", 40.0, MS, |it| it.presence_ms.p95),
            below("A9 presence p99", 80.0, MS, |it| it.presence_ms.p99),
        ];
    }
    Vec::new()
}

fn numbers(shape: &Shape) -> Vec<Target> {
    match shape.scenario {
        Scenario::OneRoom if shape.is(1_000, 1, 200.0) => vec![
            at_most("one-room p50", 15.0, MS, P50),
            at_most("one-room p95", 30.0, MS, P95),
            at_most("one-room p99", 45.0, MS, P99),
            local(at_most("one-room CPU a delivery", 3.5, US, CPU_US)),
            local(at_most("one-room RSS", 120.0, MB, RSS_MB)),
        ],
        Scenario::OneRoom if shape.is(1_000, 1, 400.0) => vec![
            at_most("one-room at 400/s p99", 60.0, MS, P99),
            local(at_most("one-room at 400/s CPU a delivery", 2.0, US, CPU_US)),
        ],
        Scenario::OneRoom if shape.is(500, 1, 100.0) => vec![
            at_most("500 users p99", 35.0, MS, P99),
            local(at_most("500 users CPU a delivery", 11.0, US, CPU_US)),
        ],
        Scenario::ManyRooms if shape.is(1_000, 100, 1_000.0) => vec![
            at_most("many-rooms p50", 3.0, MS, P50),
            at_most("many-rooms p95", 8.0, MS, P95),
            at_most("many-rooms p99", 15.0, MS, P99),
            at_most("many-rooms acknowledged p99", 15.0, MS, ACK_P99),
            local(at_most("many-rooms CPU a delivery", 25.0, US, CPU_US)),
        ],
        Scenario::Limit if shape.users == 100 && shape.rooms == 1 => vec![at_least(
            "100 users in one room, deliveries held",
            400_000.0,
            "/s",
            |it| it.deliveries_per_s,
        )],
        Scenario::Idle => idle(shape),
        Scenario::Storm => storm(shape),
        // Fewer users are back sooner, so the bound holds for them, too; more are not promised.
        Scenario::Restart if shape.users <= 1_000 => vec![
            at_most("all back after SIGTERM", 3_000.0, MS, |it| {
                it.back_after_term_ms
            }),
            at_most("all back after kill -9", 4_000.0, MS, |it| {
                it.back_after_kill_ms
            }),
        ],
        Scenario::Cluster if shape.nodes == 2 && shape.is(1_000, 100, 1_000.0) => vec![
            at_most("2 nodes p99", 25.0, MS, P99),
            local(at_most("2 nodes CPU a delivery", 40.0, US, CPU_US)),
            local(below("2 nodes slowest query p95", 50.0, MS, SLOWEST_QUERY)),
        ],
        // No figure of theirs was measured: what is promised holds.
        Scenario::Cluster if shape.is_cluster() => cluster(shape),
        Scenario::Reconnect => vec![below("all back elsewhere", 5_000.0, MS, BACK_ELSEWHERE)],
        Scenario::Lossy
            if shape.round_trip_ms == 0 && is_two(shape.loss) && shape.is(200, 1, 20.0) =>
        {
            vec![
                at_most("2 % lost p99", 60.0, MS, P99),
                at_most("2 % lost max", 250.0, MS, |it| it.latency_ms.max),
            ]
        }
        _ => Vec::new(),
    }
}

fn is_two(per_cent: f64) -> bool {
    (per_cent - 2.0).abs() < 1e-9
}

fn idle(shape: &Shape) -> Vec<Target> {
    match shape.users {
        5_000 => vec![local(at_most(
            "5,000 idle links RSS a link",
            40.0,
            KIB,
            RSS_LINK,
        ))],
        1_000 => vec![local(at_most(
            "1,000 silent links CPU",
            3.0,
            "% of a core",
            CPU_SHARE,
        ))],
        _ => Vec::new(),
    }
}

fn storm(shape: &Shape) -> Vec<Target> {
    if shape.repeat.is_some() {
        return vec![local(at_least(
            "handshakes a second and core",
            2_500.0,
            "/s",
            |it| it.handshakes_per_core_s,
        ))];
    }
    let mut lines = vec![at_most("storm refused", 0.0, "", REFUSED)];
    match shape.users {
        500 => lines.push(at_most("500 at once all in", 700.0, MS, ALL_IN)),
        1_000 => lines.push(at_most("1,000 at once all in", 1_200.0, MS, ALL_IN)),
        _ => {}
    }
    lines
}

/// Judges a run. `server_is_here`: whether the server's process could be looked at.
pub fn judge(table: Table, shape: &Shape, figures: &Figures, server_is_here: bool) -> Vec<Judged> {
    targets(table, shape)
        .into_iter()
        .filter(|target| server_is_here || !target.local)
        .map(|target| target.judge(figures))
        .collect()
}

impl Target {
    /// A figure that is not known is not held: silence proves nothing.
    fn judge(&self, figures: &Figures) -> Judged {
        let figure = (self.figure)(figures);
        let (sign, bound) = match self.bound {
            Bound::AtMost(bound) => ("≤", bound),
            Bound::Below(bound) => ("<", bound),
            Bound::AtLeast(bound) => ("≥", bound),
        };
        let held = figure.is_some_and(|figure| match self.bound {
            Bound::AtMost(bound) => figure <= bound,
            Bound::Below(bound) => figure < bound,
            Bound::AtLeast(bound) => figure >= bound,
        });
        Judged {
            line: self.line.to_owned(),
            target: format!("{sign} {bound} {}", self.unit)
                .trim_end()
                .to_owned(),
            figure,
            held,
        }
    }
}

#[cfg(test)]
mod tests {
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
}
