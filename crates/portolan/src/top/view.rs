//! What a frame of `top` looks like.
//!
//! ```text
//!  one line of totals
//!  workers              │ drops by reason
//!  interfaces, pools    │ busiest subscribers
//!  gateways and calls over the whole width
//! ```
//!
//! Rates are those between two samples. Colours say what deserves a look: yellow soon, red now.

use control::rows::AlgRow;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Padding, Paragraph, Widget as _};

use super::sample::Sample;

/// Columns of a bar.
const BAR: usize = 10;

/// Draws a frame.
pub(super) fn draw(before: &Sample, now: &Sample, buffer: &mut Buffer) {
    let seconds = now.at.duration_since(before.at).as_secs_f64().max(0.001);
    let view = View {
        before,
        now,
        seconds,
    };
    let area = buffer.area;
    let (workers, drops, gateways) = (view.workers(), view.drops(), view.gateways());
    // Lines and their frame.
    let tall = |lines: usize| u16::try_from(lines + 2).unwrap_or(u16::MAX);
    let upper = tall(workers.len().max(drops.len())).max(7);
    let [head, upper, lower, last] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(upper.min(area.height / 2)),
        Constraint::Fill(1),
        Constraint::Length(tall(gateways.len()).min(area.height / 4)),
    ])
    .areas(area);
    let halves = [Constraint::Percentage(56), Constraint::Percentage(44)];
    let [left, right] = Layout::horizontal(halves).areas(upper);
    let [ways, hosts] = Layout::horizontal(halves).areas(lower);
    let [links, pools] = Layout::vertical([
        Constraint::Length(tall(now.interfaces.len()).min((ways.height / 2).max(3))),
        Constraint::Fill(1),
    ])
    .areas(ways);
    Paragraph::new(view.head()).render(head, buffer);
    boxed("workers", workers, left, buffer);
    boxed("drops by reason", drops, right, buffer);
    boxed("interfaces", view.interfaces(), links, buffer);
    boxed("pools", view.pools(), pools, buffer);
    boxed("busiest subscribers", view.busiest(), hosts, buffer);
    boxed("gateways and calls", gateways, last, buffer);
}

/// Lines in a frame with a title; those there is no room for are counted in it.
fn boxed(title: &str, mut lines: Vec<Line<'_>>, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.height.saturating_sub(2));
    let mut block = Block::bordered()
        .padding(Padding::horizontal(1))
        .border_style(Style::new().fg(Color::DarkGray))
        .title(Span::from(format!(" {title} ")).cyan().bold());
    if lines.len() > room {
        let more = lines.len() - room;
        block = block.title_bottom(Line::from(format!(" {more} more ")).right_aligned());
        lines.truncate(room);
    }
    Paragraph::new(lines).block(block).render(area, buffer);
}

struct View<'a> {
    before: &'a Sample,
    now: &'a Sample,
    seconds: f64,
}

impl View<'_> {
    #[allow(clippy::cast_precision_loss)]
    fn per_second(&self, before: u64, now: u64) -> f64 {
        // Counters may have been cleared between the two.
        now.saturating_sub(before) as f64 / self.seconds
    }

    fn rate(&self, counter: &str) -> f64 {
        self.per_second(self.before.counter(counter), self.now.counter(counter))
    }

    fn head(&self) -> Vec<Line<'static>> {
        let received = self.rate("rx.packets");
        let dropped = self.rate("verdict.drop");
        let share = dropped / received.max(1.0);
        let sessions: u64 = self.now.workers.iter().map(|row| row.sessions).sum();
        let label = |text: &'static str| Span::from(text).dark_gray();
        let value = |text: String| Span::from(text).bold();
        vec![
            Line::from(vec![
                Span::from(" portolan ").cyan().bold(),
                label(" in "),
                value(format!("{}p/s", short(received))),
                label(" "),
                value(format!("{}b/s", short(self.rate("rx.bytes") * 8.0))),
                label("  out "),
                value(format!("{}p/s", short(self.rate("tx.packets")))),
                label(" "),
                value(format!("{}b/s", short(self.rate("tx.bytes") * 8.0))),
                label("  dropped "),
                value(format!("{}p/s", short(dropped))).fg(tone(share, 0.01, 0.10)),
                value(format!(" {:.1}%", share * 100.0)).fg(tone(share, 0.01, 0.10)),
            ]),
            Line::from(vec![
                label("           sessions "),
                value(count(sessions)),
                label("  new "),
                value(format!("{}/s", short(self.rate("nat.sessions_created")))),
                label("  subscribers "),
                value(count(self.now.subscribers())),
                label("  calls "),
                value(count(self.now.calls())),
                label("  lost by devices "),
                self.lost(),
            ]),
        ]
    }

    /// Packets that devices had no buffer for, or did not take, a second.
    fn lost(&self) -> Span<'static> {
        let of = |sample: &Sample| -> u64 {
            let rows = sample.interfaces.iter();
            rows.map(|row| row.rx_missed + row.tx_dropped).sum()
        };
        let lost = self.per_second(of(self.before), of(self.now));
        let text = format!("{}p/s", short(lost));
        Span::from(text).bold().fg(tone(lost, 0.5, 100.0))
    }

    fn workers(&self) -> Vec<Line<'static>> {
        let title = format!(
            "{:>2} {:>4}  {:<15} {:>6} {:>8} {:>8}",
            "#", "CORE", "BUSY", "P/S", "SESSIONS", "HANDED/S"
        );
        let mut lines = vec![Line::from(title).dark_gray()];
        for row in &self.now.workers {
            let mut all = self.before.workers.iter();
            let before = all.find(|before| before.worker == row.worker);
            let since = |value: fn(&control::rows::WorkerRow) -> u64| {
                self.per_second(before.map_or(0, value), value(row))
            };
            let mut spans = vec![Span::from(format!("{:>2} {:>4}  ", row.worker, row.core))];
            spans.extend(bar(row.busy, 0.7, 0.9));
            spans.push(Span::from(format!(
                " {:>6} {:>8} {:>8}",
                short(since(|row| row.packets)),
                count(row.sessions),
                short(since(|row| row.handoff_in)),
            )));
            lines.push(Line::from(spans));
        }
        lines
    }

    fn drops(&self) -> Vec<Line<'static>> {
        let names = self.now.counters.keys();
        let mut drops: Vec<(&str, f64, u64)> = names
            .filter(|name| name.starts_with("drop."))
            .map(|name| (name.as_str(), self.rate(name), self.now.counter(name)))
            .filter(|(.., total)| *total > 0)
            .collect();
        // Most of all now first, then most of all ever; by name where all is equal.
        drops.sort_by(|one, other| {
            let rates = other.1.total_cmp(&one.1);
            rates.then(other.2.cmp(&one.2)).then(one.0.cmp(other.0))
        });
        let title = format!("{:<22} {:>7} {:>8}", "REASON", "P/S", "TOTAL");
        let mut lines = vec![Line::from(title).dark_gray()];
        for (name, rate, total) in drops {
            let text = format!(
                "{:<22} {:>7} {:>8}",
                cut(name.trim_start_matches("drop."), 22),
                short(rate),
                count(total)
            );
            let color = if rate > 0.0 {
                Color::Yellow
            } else {
                Color::Reset
            };
            lines.push(Line::from(text).fg(color));
        }
        if lines.len() == 1 {
            lines = vec![Line::from("none so far").green()];
        }
        lines
    }

    fn interfaces(&self) -> Vec<Line<'static>> {
        let lines = self.now.interfaces.iter().map(|row| {
            let mut all = self.before.interfaces.iter();
            let before = all.find(|before| before.name == row.name).unwrap_or(row);
            let rate = |before, now| short(self.per_second(before, now));
            let link = if row.up {
                Span::from("up  ").green()
            } else {
                Span::from("DOWN").red().bold()
            };
            Line::from(vec![
                Span::from(format!("{:<11}", cut(&row.name, 11))),
                link,
                Span::from(format!(
                    " in {:>4}p {:>4}b  out {:>4}p {:>4}b",
                    rate(before.rx_packets, row.rx_packets),
                    rate(before.rx_bytes * 8, row.rx_bytes * 8),
                    rate(before.tx_packets, row.tx_packets),
                    rate(before.tx_bytes * 8, row.tx_bytes * 8),
                )),
            ])
        });
        lines.collect()
    }

    #[allow(clippy::cast_precision_loss)]
    fn pools(&self) -> Vec<Line<'static>> {
        let lines = self.now.pools.iter().map(|row| {
            let share = row.blocks_used as f64 / row.blocks_total.max(1) as f64;
            let mut spans = vec![Span::from(format!("{:<11}", cut(&row.name, 11)))];
            spans.extend(bar(share, 0.8, 0.95));
            let draining = if row.draining { " draining" } else { "" };
            spans.push(Span::from(format!(
                " {}/{} blocks, {} hosts{draining}",
                count(row.blocks_used),
                count(row.blocks_total),
                count(row.subscribers)
            )));
            Line::from(spans)
        });
        lines.collect()
    }

    fn busiest(&self) -> Vec<Line<'static>> {
        let title = format!(
            "{:<15} {:>8} {:>6} {:>7}",
            "INSIDE", "SESSIONS", "PORTS", "REFUSED"
        );
        let mut lines = vec![Line::from(title).dark_gray()];
        for row in &self.now.busiest {
            let color = if row.refused > 0 {
                Color::Yellow
            } else {
                Color::Reset
            };
            let text = format!(
                "{:<15} {:>8} {:>6} {:>7}",
                row.inside,
                count(row.sessions),
                count(row.ports_used),
                count(row.refused)
            );
            lines.push(Line::from(text).fg(color));
        }
        lines
    }

    /// Those that have read anything, three a line.
    fn gateways(&self) -> Vec<Line<'static>> {
        let used: Vec<&AlgRow> = self
            .now
            .gateways
            .iter()
            .filter(|row| row.messages > 0)
            .collect();
        if used.is_empty() {
            return vec![Line::from("no gateway has read a message so far").dark_gray()];
        }
        let cell = |row: &&AlgRow| {
            let mut all = self.before.gateways.iter();
            let before = all.find(|before| before.alg == row.alg);
            let rate = self.per_second(before.map_or(0, |row| row.messages), row.messages);
            let text = format!(
                "{:<8}{:>6}/s {:>6} doors {:>4} bad",
                row.alg,
                short(rate),
                count(row.doors_opened),
                count(row.errors)
            );
            let color = if row.errors > 0 {
                Color::Yellow
            } else {
                Color::Reset
            };
            Span::from(format!("{text:<33}")).fg(color)
        };
        used.chunks(3)
            .map(|row| row.iter().map(cell).collect())
            .collect()
    }
}

/// A bar and the percentage it shows.
fn bar(share: f64, soon: f64, now: f64) -> [Span<'static>; 3] {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let full = ((share.clamp(0.0, 1.0) * 10.0).round() as usize).min(BAR);
    [
        Span::from("█".repeat(full)).fg(tone(share, soon, now)),
        Span::from("░".repeat(BAR - full)).dark_gray(),
        Span::from(format!(" {:>3.0}%", share * 100.0)),
    ]
}

/// Green, from `soon` on yellow, from `now` on red.
fn tone(value: f64, soon: f64, now: f64) -> Color {
    if value >= now {
        Color::Red
    } else if value >= soon {
        Color::Yellow
    } else {
        Color::Green
    }
}

/// At most four digits and a letter: 999, 1.2k, 34k, 5.6M.
fn short(value: f64) -> String {
    let mut value = value;
    for unit in ["", "k", "M", "G"] {
        if value < 999.5 {
            return if unit.is_empty() || value >= 9.95 {
                format!("{value:.0}{unit}")
            } else {
                format!("{value:.1}{unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1}T")
}

/// The same of a count, which is exact as long as it has at most five digits.
#[allow(clippy::cast_precision_loss)]
fn count(value: u64) -> String {
    if value < 100_000 {
        value.to_string()
    } else {
        short(value as f64)
    }
}

/// The beginning of a name that is too long.
fn cut(name: &str, len: usize) -> String {
    if name.chars().count() <= len {
        return name.into();
    }
    let begin: String = name.chars().take(len.saturating_sub(1)).collect();
    format!("{begin}…")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use control::rows::{InterfaceRow, PoolRow, SubscriberRow, WorkerRow};

    use super::*;
    use crate::top::paint;

    fn sample(at: Instant, packets: u64) -> Sample {
        let counters = [
            ("rx.packets", packets),
            ("verdict.drop", packets / 20),
            ("drop.no_mapping", packets / 20),
            ("drop.ttl", 3),
            ("call.begun", 10),
            ("call.ended", 4),
        ];
        Sample {
            at,
            counters: counters
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            workers: vec![WorkerRow {
                busy: 0.93,
                packets,
                sessions: 1_234_567,
                ..WorkerRow::default()
            }],
            interfaces: vec![InterfaceRow {
                name: "inside".into(),
                rx_packets: packets,
                ..InterfaceRow::default()
            }],
            pools: vec![PoolRow {
                name: "a-pool-with-a-long-name".into(),
                blocks_total: 100,
                blocks_used: 81,
                subscribers: 40,
                ..PoolRow::default()
            }],
            gateways: Vec::new(),
            busiest: (1..40)
                .map(|host| SubscriberRow {
                    inside: format!("10.64.0.{host}"),
                    sessions: 500,
                    ..SubscriberRow::default()
                })
                .collect(),
        }
    }

    #[test]
    fn a_frame_says_rates_shares_and_what_there_is_no_room_for() {
        let start = Instant::now();
        let before = sample(start, 0);
        let now = sample(start + Duration::from_secs(2), 4000);
        for (width, height) in [(100, 30), (60, 16), (240, 80)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
            draw(&before, &now, &mut buffer);
            let text = paint::text(&buffer, false);
            assert_eq!(text.lines().count(), usize::from(height));
            for part in [
                "in 2.0kp/s",
                "dropped 100p/s",
                "█████████░  93%",
                "no_mapping",
                "10.64.0.1 ",
                "DOWN",
            ] {
                assert!(text.contains(part), "{width}x{height}, {part}:\n{text}");
            }
        }
        let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 30));
        draw(&before, &now, &mut buffer);
        let text = paint::text(&buffer, false);
        for part in [
            "5.0%",
            "sessions 1.2M",
            "calls 6",
            "a-pool-wit…████████░░  81% 81/100 blocks, 40 hosts",
            " more ",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
    }

    #[test]
    fn numbers_are_short_and_names_are_cut() {
        for (value, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (999.6, "1.0k"),
            (1234.0, "1.2k"),
            (34_200.0, "34k"),
            (5_600_000.0, "5.6M"),
            (7.3e12, "7.3T"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(count(99_999), "99999");
        assert_eq!(count(100_000), "100k");
        assert_eq!(cut("translate", 4), "tra…");
    }
}
