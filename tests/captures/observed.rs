//! What was seen of IPsec on the wires, and whether that is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::Value;
use testkit::{Seen, protocol};

/// Between one inside host and each gateway.
#[derive(Debug, Default)]
pub(crate) struct Observed(BTreeMap<Ipv4Addr, Tunnel>);

#[derive(Debug, Default)]
struct Tunnel {
    /// Version of IKE; 0 if there was none.
    version: u8,
    /// ESP goes as such, not in UDP.
    is_native: bool,
    /// SPIs out and in.
    spis: [BTreeSet<u32>; 2],
}

impl Observed {
    pub(crate) fn note(&mut self, seen: &Seen, inside: Ipv4Addr) {
        let out = seen.src.ip() == inside;
        let other = if out { seen.dst.ip() } else { seen.src.ip() };
        let first = seen
            .payload
            .first_chunk()
            .map(|spi| u32::from_be_bytes(*spi));
        let at_4500 = [seen.src, seen.dst].iter().any(|end| end.port() == 4500);
        let (message, spi) = match (seen.protocol, first) {
            (protocol::UDP, Some(0)) if at_4500 => (seen.payload.get(4..), None),
            (protocol::UDP, spi) if at_4500 => (None, spi.filter(|_| seen.payload.len() >= 8)),
            (protocol::UDP, _) => (Some(&seen.payload[..]), None),
            (_, spi) => (None, spi),
        };
        let tunnel = self.0.entry(other).or_default();
        tunnel.is_native |= seen.protocol == protocol::ESP;
        if let Some(byte) = message.and_then(|bytes| bytes.get(17)) {
            tunnel.version = byte >> 4;
        }
        tunnel.spis[usize::from(!out)].extend(spi);
    }

    /// Complaints about the rows of `show ipsec`. ESP of a host that has a whole address needs no
    /// tracking and is not shown.
    pub(crate) fn judged(&self, rows: &[Value], is_whole: bool) -> Vec<String> {
        let mut complaints = Vec::new();
        for (remote, tunnel) in &self.0 {
            if tunnel.is_native && is_whole {
                continue;
            }
            let address = remote.to_string();
            let row = rows.iter().find(|row| row["remote"] == address.as_str());
            if !row.is_some_and(|row| tunnel.is_shown_by(row)) {
                complaints.push(format!("{remote}: {tunnel:?} is shown as {row:?}"));
            }
        }
        complaints
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Tunnel {
    fn is_shown_by(&self, row: &Value) -> bool {
        let counts = ["spis_out", "spis_in"]
            .iter()
            .zip(&self.spis)
            .all(|(way, spis)| {
                let all = spis.len().min(4);
                // Behind UDP nobody looks any more once payload has gone both ways.
                let least = if self.is_native { all } else { all.min(1) };
                let shown = row[way].as_array().map_or(0, Vec::len);
                (least..=all).contains(&shown)
            });
        counts && row["ike"] == self.version
    }
}

#[test]
fn what_is_not_shown_as_seen_is_complained_about() {
    let inside = Ipv4Addr::new(10, 0, 0, 1);
    let spi = |flow: &str, spi: u8| {
        let packet = testkit::raw(flow, protocol::ESP).payload(&[0, 0, 0, spi, 0, 0, 0, 1]);
        Seen::of(&packet.frame([2; 6], [4; 6])).unwrap()
    };
    let mut observed = Observed::default();
    observed.note(&spi("10.0.0.1 > 192.0.2.1", 7), inside);
    observed.note(&spi("192.0.2.1 > 10.0.0.1", 8), inside);
    let row = |ike: u8, spis: &[&str]| serde_json::json!({ "remote": "192.0.2.1", "ike": ike, "spis_out": spis, "spis_in": ["8"] });
    assert!(observed.judged(&[row(0, &["7"])], false).is_empty());
    for rows in [vec![], vec![row(2, &["7"])], vec![row(0, &[])]] {
        assert_eq!(observed.judged(&rows, false).len(), 1, "{rows:?}");
    }
    assert!(observed.judged(&[], true).is_empty());
}
