//! Rows as a table for a terminal.
//!
//! Columns are as wide as their widest cell, numbers stand to the right, and
//! columns that say nothing (all empty or `default`) are left out where
//! the column allows.  Cells are made twice, once to measure and once
//! to write, so a table of a million rows is not held a second time in memory.
//! Text that came from the network never reaches the terminal as control codes.

mod cells;
mod columns;

use std::io;

use crate::rows::Rows;
use crate::what::What;

/// Writes `rows` as a table, or a sentence if there are none.
///
/// # Errors
///
/// Whatever `out` says.
pub fn write(rows: &Rows, out: &mut impl io::Write) -> io::Result<()> {
    if rows.is_empty() {
        return writeln!(out, "no {}", noun(rows.what()));
    }
    match rows {
        Rows::Translations(rows) => write_table(rows, columns::TRANSLATIONS, out),
        Rows::Mappings(rows) => write_table(rows, columns::MAPPINGS, out),
        Rows::Subscribers(rows) => write_table(rows, columns::SUBSCRIBERS, out),
        Rows::Pools(rows) => write_table(rows, columns::POOLS, out),
        Rows::Doors(rows) => write_table(rows, columns::DOORS, out),
        Rows::Calls(rows) => write_table(rows, columns::CALLS, out),
        Rows::Ipsec(rows) => write_table(rows, columns::IPSEC, out),
        Rows::Events(rows) => write_table(rows, columns::EVENTS, out),
        Rows::Counters(rows) => write_table(rows, columns::COUNTERS, out),
        Rows::Workers(rows) => write_table(rows, columns::WORKERS, out),
        Rows::Interfaces(rows) => write_table(rows, columns::INTERFACES, out),
        Rows::Neighbors(rows) => write_table(rows, columns::NEIGHBORS, out),
        Rows::Alg(rows) => write_table(rows, columns::ALG, out),
        Rows::Zones(rows) => write_table(rows, columns::ZONES, out),
    }
}

const fn noun(what: What) -> &'static str {
    match what {
        What::Alg => "gateways",
        What::Ipsec => "IPsec peers",
        other => other.name(),
    }
}

/// One column of a table of `R`.
struct Column<R> {
    name: &'static str,
    /// Numbers stand to the right.
    right: bool,
    optional: bool,
    cell: fn(&R) -> String,
}

impl<R> Column<R> {
    const fn text(name: &'static str, cell: fn(&R) -> String) -> Self {
        Self {
            name,
            right: false,
            optional: false,
            cell,
        }
    }

    const fn number(name: &'static str, cell: fn(&R) -> String) -> Self {
        Self {
            right: true,
            ..Self::text(name, cell)
        }
    }

    /// Left out if all its cells are empty or `default`.
    const fn optional(name: &'static str, cell: fn(&R) -> String) -> Self {
        Self {
            optional: true,
            ..Self::text(name, cell)
        }
    }
}

fn write_table<R>(rows: &[R], columns: &[Column<R>], out: &mut impl io::Write) -> io::Result<()> {
    let measured: Vec<(&Column<R>, usize)> = columns
        .iter()
        .filter_map(|column| width(rows, column).map(|width| (column, width)))
        .collect();
    let mut line = String::new();
    for (column, width) in &measured {
        push(&mut line, column.name, *width, column.right);
    }
    writeln!(out, "{}", line.trim_end())?;
    for row in rows {
        line.clear();
        for (column, width) in &measured {
            let cell = cells::printable((column.cell)(row));
            push(&mut line, &cell, *width, column.right);
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// The width of a column, unless it can be left out.
fn width<R>(rows: &[R], column: &Column<R>) -> Option<usize> {
    let mut widest = column.name.len();
    let mut says_something = !column.optional;
    for row in rows {
        let cell = cells::printable((column.cell)(row));
        widest = widest.max(cell.chars().count());
        says_something |= !cell.is_empty() && cell != "default";
    }
    says_something.then_some(widest)
}

fn push(line: &mut String, cell: &str, width: usize, right: bool) {
    if !line.is_empty() {
        line.push_str("  ");
    }
    let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
    if right {
        line.push_str(&padding);
    }
    line.push_str(cell);
    if !right {
        line.push_str(&padding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{CallRow, CounterRow, InterfaceRow, MappingRow, TranslationRow};

    fn text(rows: &Rows) -> String {
        let mut out = Vec::new();
        write(rows, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_rows_are_a_sentence() {
        assert_eq!(text(&Rows::none(What::Translations)), "no translations\n");
        assert_eq!(text(&Rows::none(What::Alg)), "no gateways\n");
        assert_eq!(text(&Rows::none(What::Ipsec)), "no IPsec peers\n");
    }

    #[test]
    fn text_stands_to_the_left_and_numbers_to_the_right() {
        let row = |name: &str, value| CounterRow {
            name: name.into(),
            value,
        };
        let rows = Rows::Counters(vec![row("rx.packets", 7), row("rx.bytes", 123_456)]);
        assert_eq!(
            text(&rows),
            "COUNTER      VALUE\n\
             rx.packets       7\n\
             rx.bytes    123456\n"
        );
    }

    #[test]
    fn a_session_fits_a_line() {
        let rows = Rows::Translations(vec![TranslationRow {
            protocol: "tcp".into(),
            vrf: "default".into(),
            inside: "10.64.0.7:4000".into(),
            outside: "203.0.113.5:1024".into(),
            remote: "192.0.2.1:80".into(),
            state: "established".into(),
            age: 61.5,
            expires: 7_440.0,
            packets_out: 12,
            packets_in: 9,
            ..TranslationRow::default()
        }]);
        assert_eq!(
            text(&rows),
            "PROTO  INSIDE          OUTSIDE           REMOTE        STATE          AGE  EXPIRES  OUT  IN  WORKER\n\
             tcp    10.64.0.7:4000  203.0.113.5:1024  192.0.2.1:80  established  1m01s    2h04m   12   9       0\n"
        );
    }

    #[test]
    fn a_realm_is_shown_where_there_are_several() {
        let row = |vrf: &str| MappingRow {
            vrf: vrf.into(),
            ..MappingRow::default()
        };
        assert!(!text(&Rows::Mappings(vec![row("default")])).contains("VRF"));
        assert!(text(&Rows::Mappings(vec![row("default"), row("blue")])).contains("VRF"));
    }

    #[test]
    fn control_codes_of_the_network_do_not_reach_the_terminal() {
        let rows = Rows::Calls(vec![CallRow {
            call_id: "a\x1b[2J\n\u{9b}1m\u{202e}b".into(),
            ..CallRow::default()
        }]);
        let text = text(&rows);
        assert_eq!(text.lines().count(), 2);
        assert!(!text.contains(['\x1b', '\u{9b}', '\u{202e}']), "{text:?}");
    }

    #[test]
    fn no_line_ends_with_spaces() {
        let rows = Rows::Interfaces(vec![InterfaceRow::default(); 2]);
        for line in text(&rows).lines() {
            assert_eq!(line, line.trim_end());
        }
    }
}
