//! What happened lately, for `show events` and the log.
//!
//! Owned by the console; the last [`MOST`] are kept. Also records the parameters
//! of deterministic ranges, at the start, at every change and once a day, so that
//! the records of any day say whose a port was (RFC 7422 section 4).

use std::collections::VecDeque;

use base::Nanos;
use config::model::Deterministic;
use control::rows::EventRow;
use nat::{BlockNotice, Notice};
use natlog::syslog;
use tracing::{debug, info, warn};

use crate::book::Book;

/// Events that are kept.
const MOST: usize = 4096;

const DAY: Nanos = Nanos::from_secs(86_400);

/// The last things that happened.
#[derive(Debug, Default)]
pub(crate) struct Events {
    rows: VecDeque<EventRow>,
    /// When the parameters of deterministic ranges are recorded next.
    record_at: Nanos,
}

impl Events {
    /// All that are kept, oldest first.
    pub(crate) fn rows(&self) -> Vec<EventRow> {
        self.rows.iter().cloned().collect()
    }

    /// Takes note of what a worker told.
    pub(crate) fn notice(&mut self, book: &Book, at: Nanos, worker: usize, notice: Notice) {
        let row = EventRow {
            at: at.as_secs_f64(),
            worker: u16::try_from(worker).unwrap_or(u16::MAX),
            ..described(book, notice)
        };
        let (event, pool, inside) = (&row.event, &row.pool, &row.inside);
        match notice {
            Notice::BlockLent(_) | Notice::BlockReturned(_) => {
                debug!(
                    "{event}: {inside} in {}, {} ports {:?}",
                    row.vrf, row.outside, row.ports
                );
            }
            Notice::SubscriberHigh { .. } | Notice::SubscriberRefused { .. } => {
                info!("{event}: {inside} in {}", row.vrf);
            }
            Notice::StreamReleased { .. } => {
                info!("{event}: {inside} in {}, {}", row.vrf, row.detail);
            }
            Notice::PoolLow { .. } => info!("{event}: {pool}"),
            Notice::PoolHigh { .. } | Notice::PoolExhausted { .. } => warn!("{event}: {pool}"),
        }
        self.push(row);
    }

    /// When the parameters of deterministic ranges are to be recorded next.
    pub(crate) const fn record_due(&self) -> Nanos {
        self.record_at
    }

    /// Records them now, and a day later again; answers them for the log.
    pub(crate) fn record(
        &mut self,
        ranges: &[Deterministic],
        now: Nanos,
    ) -> Vec<syslog::Deterministic> {
        self.record_at = now.plus(DAY);
        let mut all = Vec::new();
        for range in ranges {
            let parameters = parameters(range);
            let detail = described_range(&parameters);
            info!("deterministic {}: {detail}", range.name);
            self.push(EventRow {
                at: now.as_secs_f64(),
                event: "deterministic".into(),
                pool: range.name.clone(),
                detail,
                ..EventRow::default()
            });
            all.push(parameters);
        }
        all
    }

    /// Takes note of something in words.
    pub(crate) fn say(&mut self, now: Nanos, event: &str, detail: String) {
        info!("{event}: {detail}");
        self.push(EventRow {
            at: now.as_secs_f64(),
            event: event.into(),
            detail,
            ..EventRow::default()
        });
    }

    fn push(&mut self, row: EventRow) {
        if self.rows.len() == MOST {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }
}

fn described(book: &Book, notice: Notice) -> EventRow {
    let of_pool = |event: &str, pool: u16| EventRow {
        event: event.into(),
        pool: book.pool_name(usize::from(pool)),
        ..EventRow::default()
    };
    let of_subscriber = |event: &str, inside: std::net::Ipv4Addr, realm| EventRow {
        event: event.into(),
        inside: inside.to_string(),
        vrf: book.vrf(realm),
        ..EventRow::default()
    };
    let of_block = |event: &str, block: BlockNotice| EventRow {
        outside: block.outside.to_string(),
        ports: Some([block.ports.0, block.ports.1]),
        ..of_subscriber(event, block.inside, block.realm)
    };
    match notice {
        Notice::PoolHigh { pool } => of_pool("pool_high", pool),
        Notice::PoolLow { pool } => of_pool("pool_low", pool),
        Notice::PoolExhausted { pool } => of_pool("pool_exhausted", pool),
        Notice::SubscriberHigh { inside, realm } => of_subscriber("subscriber_high", inside, realm),
        Notice::SubscriberRefused { inside, realm } => {
            of_subscriber("subscriber_refused", inside, realm)
        }
        Notice::StreamReleased {
            inside,
            realm,
            gateway,
            why,
        } => EventRow {
            detail: format!("{}: {why}", gateway.name()),
            ..of_subscriber("stream_released", inside, realm)
        },
        Notice::BlockLent(block) => of_block("block_lent", block),
        Notice::BlockReturned(block) => of_block("block_returned", block),
    }
}

/// RFC 7422's variables: I, O, C, P, M, A and R; D is what the overflow pool has.
fn parameters(range: &Deterministic) -> syslog::Deterministic {
    let computed = &range.computed;
    syslog::Deterministic {
        name: range.name.clone(),
        inside: format!("{}-{}", range.first, range.last()),
        outside: runs(&range.addresses).join(" "),
        ports: computed.ports(),
        hosts: computed.hosts_per_address(),
        ports_of_host: u32::from(computed.ports_per_host()),
        most: range.max_ports.map(u32::from),
        algorithm: computed.algorithm().name(),
    }
}

fn described_range(range: &syslog::Deterministic) -> String {
    let most = match range.most {
        Some(most) => format!(", at most {most} with overflow"),
        None => String::new(),
    };
    let (first, last) = range.ports;
    format!(
        "inside {}, outside {}, ports {first}-{last}, {} hosts an address, {} ports a host{most}, algorithm {}",
        range.inside, range.outside, range.hosts, range.ports_of_host, range.algorithm,
    )
}

/// Consecutive addresses as ranges.
fn runs(addresses: &[std::net::Ipv4Addr]) -> Vec<String> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for address in addresses {
        let bits = address.to_bits();
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(bits) => *last = bits,
            _ => runs.push((bits, bits)),
        }
    }
    let address = std::net::Ipv4Addr::from_bits;
    runs.into_iter()
        .map(|(first, last)| {
            if first == last {
                address(first).to_string()
            } else {
                format!("{}-{}", address(first), address(last))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_addresses_are_one_range() {
        let addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.9"].map(|text| text.parse().unwrap());
        assert_eq!(runs(&addresses), ["10.0.0.1-10.0.0.2", "10.0.0.9"]);
    }
}
