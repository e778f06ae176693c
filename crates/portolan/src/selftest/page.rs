//! The rows of `docs/rfc-compliance.md`, which is part of the program.

/// The page.
const PAGE: &str = include_str!("../../../../docs/rfc-compliance.md");

/// A row of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) id: &'static str,
    /// What must hold.
    pub(super) clause: &'static str,
    pub(super) level: &'static str,
    /// Why Portolan does otherwise, if it does.
    pub(super) departs: Option<&'static str>,
}

/// All rows, in order.
pub(super) fn entries() -> Vec<Entry> {
    PAGE.lines().filter_map(entry).collect()
}

fn entry(line: &'static str) -> Option<Entry> {
    let mut cells = line
        .strip_prefix('|')?
        .strip_suffix('|')?
        .split('|')
        .map(str::trim);
    let mut next = || cells.next();
    let (id, clause, level, state, by) = (next()?, next()?, next()?, next()?, next()?);
    let departs = match state {
        "met" => None,
        "departs" => Some(by),
        _ => return None,
    };
    Some(Entry {
        id,
        clause,
        level,
        departs,
    })
}
