//! Line plots as inline SVG.

use std::fmt::Write;

/// Size of a plot, units of its own coordinate system.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
/// Room for the axes' numbers.
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 10.0;
/// Grid lines across.
const GRID: u32 = 4;

/// A named line: points of x and y, in the axes' units.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// One plot with its title, units and lines; nothing where there are no points.
pub(super) fn plot(title: &str, x: &str, y: &str, lines: &[Line<'_>]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (from, to) = points().fold((f64::MAX, f64::MIN), |(low, high), point| {
        (low.min(point.0), high.max(point.0))
    });
    if from >= to {
        return String::new();
    }
    let top = points().fold(0.0, |high: f64, point| high.max(point.1));
    let top = round_up(top);
    let place = |point: &(f64, f64)| {
        let across = LEFT + (point.0 - from) / (to - from) * (WIDTH - LEFT - 8.0);
        let up = HEIGHT - BOTTOM - point.1 / top * (HEIGHT - BOTTOM - TOP);
        (across, up)
    };
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
    for step in 0..=GRID {
        let value = top * f64::from(step) / f64::from(GRID);
        let (_, up) = place(&(from, value));
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{up:.1}\" y2=\"{up:.1}\"/>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            up + 4.0,
            number(value),
        );
    }
    for step in 0..=GRID {
        let value = from + (to - from) * f64::from(step) / f64::from(GRID);
        let (across, _) = place(&(value, 0.0));
        let _ = write!(
            svg,
            "<text class=\"axis\" x=\"{across:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 8.0,
            number(value),
        );
    }
    for (index, line) in lines.iter().enumerate() {
        let path: String = line
            .points
            .iter()
            .map(|point| {
                let (across, up) = place(point);
                format!("{across:.1},{up:.1} ")
            })
            .collect();
        let _ = write!(svg, "<polyline class=\"line{index}\" points=\"{path}\"/>");
    }
    svg.push_str("</svg><p class=\"legend\">");
    for (index, line) in lines.iter().enumerate() {
        let _ = write!(svg, "<span class=\"key{index}\">{}</span> ", line.name);
    }
    let _ = write!(
        svg,
        "<span class=\"units\">{y} over {x}</span></p></figure>"
    );
    svg
}

/// The next of 1, 2, 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= value);
    step.unwrap_or(10.0) * power
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.1}M", value / 1e6),
        size if size >= 1e4 => format!("{:.0}k", value / 1e3),
        size if size >= 10.0 || value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_polyline_inside_the_frame() {
        let line = Line {
            name: "p99",
            points: vec![(0.0, 1.0), (1.0, 37.0)],
        };
        let svg = plot("Latency", "s", "ms", &[line]);
        assert!(svg.contains("<polyline class=\"line0\""));
        assert!(svg.contains(">50<"), "{svg}");
    }

    #[test]
    fn nothing_to_show_shows_nothing() {
        assert!(plot("Latency", "s", "ms", &[]).is_empty());
    }

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, round) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (37.0, 50.0),
            (1_201.0, 2_000.0),
        ] {
            assert!((round_up(value) - round).abs() < 1e-9, "{value}");
        }
    }
}
