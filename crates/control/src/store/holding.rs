//! Entries that belong together: from when to when somebody had something.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use super::entry::{Class, Entry, Life};

/// What somebody had, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holding {
    /// When it began, as far as is known.
    pub from: u64,
    /// When it ended; `None` while it lasts.
    pub until: Option<u64>,
    /// The entry that it began with.
    pub entry: Entry,
}

impl Holding {
    /// Whether it was there at a time.
    #[must_use]
    pub fn was_at(&self, at: u64) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// Whether it was there at any time from one to another.
    #[must_use]
    pub fn was_between(&self, from: u64, to: u64) -> bool {
        self.from <= to && self.until.is_none_or(|until| from < until)
    }
}

/// What an end and its beginning have in common.
type Key = (
    Class,
    u16,
    Ipv4Addr,
    u16,
    u16,
    u8,
    (Ipv4Addr, u16, u16),
    (Ipv4Addr, u16),
);

const fn key(of: &Entry) -> Key {
    (
        of.class,
        of.appliance,
        of.outside,
        of.first,
        of.last,
        of.protocol,
        (of.inside, of.inside_port, of.vrf),
        (of.remote, of.remote_port),
    )
}

/// Pairs beginnings with ends; when an appliance began anew, what it had told of was over. In order of
/// time; the same entry twice counts once.
pub(super) fn pair(mut entries: Vec<Entry>, starts: &[Entry]) -> Vec<Holding> {
    entries.extend_from_slice(starts);
    // Of what happens at the same time, ends come before starts and starts before beginnings.
    entries.sort_unstable_by_key(|entry| {
        let rank = match (entry.class, entry.life) {
            (Class::Start, _) => 1,
            (_, Life::Ended) => 0,
            (_, Life::Begun) => 2,
        };
        (entry.at, rank, *entry)
    });
    entries.dedup();
    let mut open: HashMap<Key, Entry> = HashMap::new();
    let mut holdings = Vec::new();
    for entry in entries {
        match (entry.class, entry.life) {
            (Class::Start, _) => {
                open.retain(|_, begun| {
                    let over = begun.appliance == entry.appliance;
                    if over {
                        holdings.push(Holding {
                            from: begun.at,
                            until: Some(entry.at),
                            entry: *begun,
                        });
                    }
                    !over
                });
            }
            // Said again, of what is kept for longer than its first entry.
            (_, Life::Begun) => {
                open.entry(key(&entry)).or_insert(entry);
            }
            // An end whose beginning is not kept any more says that it was there until then.
            (_, Life::Ended) => {
                let begun = open.remove(&key(&entry));
                holdings.push(Holding {
                    from: begun.map_or(0, |begun| begun.at),
                    until: Some(entry.at),
                    entry: begun.unwrap_or(entry),
                });
            }
        }
    }
    holdings.extend(open.into_values().map(|begun| Holding {
        from: begun.at,
        until: None,
        entry: begun,
    }));
    holdings.sort_unstable();
    holdings
}
