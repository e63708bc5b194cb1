//! The report as one page that needs nothing else.

use std::fmt::Write;

use super::plot::{Line, plot};
use super::table::figure;
use super::{Report, table};

const STYLE: &str = "
:root{color-scheme:light dark;--fg:#1c1c1e;--dim:#6b6b70;--bg:#fff;--grid:#e3e3e8;--good:#1a7f37;--bad:#c62828;--a:#2563eb;--b:#d97706;--c:#0f9d78}
@media(prefers-color-scheme:dark){:root{--fg:#ececf0;--dim:#9a9aa2;--bg:#141417;--grid:#2c2c33;--good:#4ac26b;--bad:#ff7b72;--a:#6ea8fe;--b:#f5b041;--c:#4fd1b0}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:760px;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--grid)}td.n{text-align:right;font-variant-numeric:tabular-nums}
.held{color:var(--good)}.missed{color:var(--bad);font-weight:600}
figure{margin:2rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}
.grid{stroke:var(--grid)}.axis{fill:var(--dim);font-size:11px}polyline{fill:none;stroke-width:1.5}
.line0{stroke:var(--a)}.line1{stroke:var(--b)}.line2{stroke:var(--c)}
.key0{color:var(--a)}.key1{color:var(--b)}.key2{color:var(--c)}.legend{margin:0}.legend span{margin-right:1rem}.units{color:var(--dim)}
pre{white-space:pre-wrap;color:var(--dim)}
";

/// The page. Texts from outside are escaped.
pub fn page(report: &Report) -> String {
    let name = report.shape.scenario.name();
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>parlor-bench {name}</title><style>{STYLE}</style><h1>{name}</h1>"
    );
    verdict(&mut html, report);
    html.push_str(&latency(report));
    html.push_str(&quantiles(report));
    html.push_str(&throughput(report));
    html.push_str(&cpu(report));
    html.push_str(&memory(report));
    // Writing to a string does not fail.
    let _ = write!(html, "<pre>{}</pre></html>", escape(&table(report)));
    html
}

fn verdict(html: &mut String, report: &Report) {
    html.push_str("<table><tr><th>line<th>target<th>figure<th></tr>");
    for line in &report.verdict {
        let (class, word) = match line.held {
            true => ("held", "held"),
            false => ("missed", "missed"),
        };
        let _ = write!(
            html,
            "<tr><td>{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"{class}\">{word}</tr>",
            escape(&line.line),
            escape(&line.target),
            figure(line.figure, ""),
        );
    }
    html.push_str("</table>");
}

fn latency(report: &Report) -> String {
    let line = |name, of: fn(&crate::measure::Point) -> Option<f64>| Line {
        name,
        points: report
            .points
            .iter()
            .filter_map(|point| Some((point.at_s, of(point)?)))
            .collect(),
    };
    let lines = [line("p50", |it| it.p50_ms), line("p99", |it| it.p99_ms)];
    plot("Latency over time", "s", "ms", &lines)
}

fn quantiles(report: &Report) -> String {
    let line = Line {
        name: "latency",
        points: report
            .quantiles
            .iter()
            .map(|(share, ms)| (share * 100.0, *ms))
            .collect(),
    };
    plot("Latency by percentile", "percentile", "ms", &[line])
}

fn throughput(report: &Report) -> String {
    let line = Line {
        name: "deliveries",
        points: report
            .points
            .iter()
            .map(|point| (point.at_s, point.deliveries_per_s))
            .collect(),
    };
    plot("Deliveries per second", "s", "1/s", &[line])
}

fn cpu(report: &Report) -> String {
    let server = report
        .usage
        .iter()
        .filter_map(|it| Some((it.at_s, it.server_cpu? * 100.0)));
    let generator = report
        .usage
        .iter()
        .map(|it| (it.at_s, it.generator_cpu * 100.0));
    let lines = [
        Line {
            name: "server",
            points: server.collect(),
        },
        Line {
            name: "generator",
            points: generator.collect(),
        },
    ];
    plot("CPU", "s", "% of a core", &lines)
}

fn memory(report: &Report) -> String {
    let server = report
        .usage
        .iter()
        .filter_map(|it| Some((it.at_s, it.server_rss_bytes? as f64 / 1e6)));
    let generator = report
        .usage
        .iter()
        .map(|it| (it.at_s, it.generator_rss_bytes as f64 / 1e6));
    let lines = [
        Line {
            name: "server",
            points: server.collect(),
        },
        Line {
            name: "generator",
            points: generator.collect(),
        },
    ];
    plot("Resident memory", "s", "MB", &lines)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Figures, Note};
    use crate::shape::{Scenario, Shape};

    #[test]
    fn a_page_holds_its_plots_and_nothing_from_elsewhere() {
        let report = Report {
            shape: Shape::usual(Scenario::OneRoom),
            figures: Figures::default(),
            verdict: Vec::new(),
            points: (0..3)
                .map(|second| crate::measure::Point {
                    at_s: f64::from(second),
                    deliveries_per_s: 10.0,
                    p50_ms: Some(1.0),
                    p99_ms: Some(2.0),
                })
                .collect(),
            usage: Vec::new(),
            quantiles: vec![(0.5, 1.0), (0.99, 2.0)],
            raised: Vec::new(),
            notes: vec![Note::Warning("<script>alert(1)</script>".to_owned())],
            partial: false,
        };
        let page = page(&report);
        assert_eq!(page.matches("<svg").count(), 3);
        for absent in ["<script", "http:", "https:", "src="] {
            assert!(!page.contains(absent), "{absent}");
        }
    }
}
