//! Many numbers in few words.

use std::fmt::Display;
use std::net::Ipv4Addr;

/// First and last of a run of ports.
pub(super) type PortRange = (u16, u16);

/// Runs of consecutive ports; `ports` in any order, without repetition.
pub(super) fn runs(mut ports: Vec<u16>) -> Vec<PortRange> {
    ports.sort_unstable();
    let mut runs: Vec<PortRange> = Vec::new();
    for port in ports {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(port) => *last = port,
            _ => runs.push((port, port)),
        }
    }
    runs
}

/// `range` without the ports of `holes`.
pub(super) fn without(range: PortRange, holes: &[PortRange]) -> Vec<PortRange> {
    let in_hole = |port: &u16| holes.iter().any(|(low, high)| (low..=high).contains(&port));
    runs((range.0..=range.1).filter(|port| !in_hole(port)).collect())
}

/// Ports for people: runs, or what every n-th port has in common.
pub(super) fn port_words(ports: &[PortRange]) -> String {
    if let [(first, _), (second, _), _, ..] = ports
        && ports.iter().all(|(low, high)| low == high)
        && let Some(&(last, _)) = ports.last()
    {
        let step = second.saturating_sub(*first);
        let lows = ports.iter().map(|(low, _)| low);
        let mut pairs = lows.clone().zip(lows.skip(1));
        if pairs.all(|(before, after)| after - before == step) {
            return format!("{first}-{last} in steps of {step}");
        }
    }
    words(ports)
}

/// Addresses for people: runs of consecutive ones.
pub(super) fn address_words(addresses: &[Ipv4Addr]) -> String {
    let mut runs: Vec<(Ipv4Addr, Ipv4Addr)> = Vec::new();
    for &address in addresses {
        match runs.last_mut() {
            Some((_, last)) if last.to_bits().checked_add(1) == Some(address.to_bits()) => {
                *last = address;
            }
            _ => runs.push((address, address)),
        }
    }
    words(&runs)
}

fn words<T: Display + PartialEq>(runs: &[(T, T)]) -> String {
    let shown = runs.iter().take(MOST_SHOWN).map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    let words = shown.collect::<Vec<_>>().join(", ");
    match runs.len().saturating_sub(MOST_SHOWN) {
        0 => words,
        more => format!("{words} and {more} more"),
    }
}

/// Runs in one line.
const MOST_SHOWN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_ports_are_one_run() {
        assert_eq!(runs(vec![5, 3, 4, 9, 1]), [(1, 1), (3, 5), (9, 9)]);
        assert_eq!(
            runs(vec![u16::MAX, 65_534, 0]),
            [(0, 0), (65_534, u16::MAX)]
        );
        assert_eq!(runs(Vec::new()), []);
        assert_eq!(
            without((10, 20), &[(12, 13), (20, 30)]),
            [(10, 11), (14, 19)]
        );
        assert_eq!(without((10, 20), &[(1, 99)]), []);
    }

    #[test]
    fn ports_are_said_in_few_words() {
        assert_eq!(port_words(&[(1_024, 5_055)]), "1024-5055");
        assert_eq!(port_words(&[(80, 80), (443, 443)]), "80, 443");
        assert_eq!(port_words(&[(1, 1), (4, 4), (7, 7)]), "1-7 in steps of 3");
        assert_eq!(port_words(&[(1, 1), (4, 4), (8, 8)]), "1, 4, 8");
        assert_eq!(port_words(&[(1, 2), (4, 4), (7, 7)]), "1-2, 4, 7");
        let many: Vec<PortRange> = (0..40).map(|nth| (nth * nth, nth * nth)).collect();
        assert!(port_words(&many).ends_with("196, 225 and 24 more"));
        assert_eq!(port_words(&[]), "");
    }

    #[test]
    fn addresses_are_said_in_few_words() {
        let address = |last| Ipv4Addr::new(203, 0, 113, last);
        let addresses = [1, 2, 3, 9].map(address);
        assert_eq!(
            address_words(&addresses),
            "203.0.113.1-203.0.113.3, 203.0.113.9"
        );
    }
}
