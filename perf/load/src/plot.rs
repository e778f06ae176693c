//! A plain bar chart as SVG.

use std::fmt::Write;

/// A group of bars.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    pub(crate) name: String,
    /// One for each series.
    pub(crate) values: Vec<f64>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 50.0;
const COLOURS: [&str; 4] = ["#1b4965", "#5fa8d3", "#c9a227", "#8c8c8c"];

/// The chart; values begin at zero.
pub(crate) fn bars(title: &str, unit: &str, series: &[&str], groups: &[Bars]) -> String {
    let highest = groups
        .iter()
        .flat_map(|group| &group.values)
        .copied()
        .fold(1e-9, f64::max);
    let step = nice(highest / 5.0);
    let top = (highest / step).ceil() * step;
    let plot = HEIGHT - TOP - BOTTOM;
    let y = |value: f64| TOP + plot * (1.0 - value / top);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
        escaped(title)
    );
    let mut line = 0.0;
    while line <= top + step / 2.0 {
        let at = y(line);
        put(
            &mut svg,
            format_args!(
                "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\n\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                WIDTH - 20.0,
                LEFT - 6.0,
                at + 4.0,
                label(line)
            ),
        );
        line += step;
    }
    put(
        &mut svg,
        format_args!(
            "<text x=\"{}\" y=\"{}\">{}</text>\n",
            12,
            TOP - 10.0,
            escaped(unit)
        ),
    );
    let mut at = LEFT + 80.0;
    for (name, colour) in series.iter().zip(COLOURS) {
        put(
            &mut svg,
            format_args!(
                "<rect x=\"{at}\" y=\"34\" width=\"11\" height=\"11\" fill=\"{colour}\"/><text x=\"{}\" y=\"44\">{}</text>\n",
                at + 16.0,
                escaped(name)
            ),
        );
        at += 180.0;
    }
    let room = (WIDTH - 20.0 - LEFT) / float(groups.len().max(1));
    let bar = room * 0.8 / float(series.len().max(1));
    for (number, group) in groups.iter().enumerate() {
        let left = LEFT + room * (float(number) + 0.1);
        for (place, (value, colour)) in group.values.iter().zip(COLOURS).enumerate() {
            put(
                &mut svg,
                format_args!(
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"><title>{} {}: {}</title></rect>\n",
                    left + bar * float(place),
                    y(*value),
                    bar * 0.92,
                    TOP + plot - y(*value),
                    escaped(&group.name),
                    series
                        .get(place)
                        .map_or(String::new(), |name| escaped(name)),
                    label(*value)
                ),
            );
        }
        put(
            &mut svg,
            format_args!(
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                left + room * 0.4,
                HEIGHT - BOTTOM + 18.0,
                escaped(&group.name)
            ),
        );
    }
    svg + "</svg>\n"
}

/// Writing to a string does not fail.
fn put(svg: &mut String, text: core::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(text);
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn nice(step: f64) -> f64 {
    let scale = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * scale)
        .find(|nice| *nice >= step * 0.999_999)
        .unwrap_or(10.0 * scale)
}

fn label(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[allow(clippy::cast_precision_loss)]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_is_drawn_and_text_is_escaped() {
        let group = |name: &str, values: &[f64]| Bars {
            name: name.into(),
            values: values.to_vec(),
        };
        let svg = bars(
            "a < b",
            "Mpps",
            &["x", "y"],
            &[group("64", &[1.0, 2.0]), group("IMIX", &[3.0, 4.0])],
        );
        assert_eq!(svg.matches("<title>").count(), 4);
        assert!(svg.contains("a &lt; b") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn steps_are_round() {
        for (step, expected) in [(0.8, 1.0), (1.1, 2.0), (3.0, 5.0), (70.0, 100.0)] {
            assert!((nice(step) - expected).abs() < 1e-9, "{step}");
        }
    }
}
