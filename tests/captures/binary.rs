//! Messages that are no text: where they name the inside host, what became of that, and what the
//! other end would say instead. Written down here once more, as far as addresses are concerned.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use testkit::protocol;

/// How a protocol writes endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// As text, see [`crate::words`].
    Words,
    /// An address of four bytes, its port behind it.
    Addresses,
    /// The same; the port has its lowest byte first, and may stand behind sixteen bytes.
    Skinny,
    /// Attributes of BER, as numbers in text.
    Entries,
    /// Numbers of calls, as PPTP has them.
    Calls,
    /// Not at all: nothing may be changed.
    Sealed,
}

/// An endpoint that was told: protocol, what it is inside, and outside.
pub(crate) type Announced = (u8, u16, u16);

/// What has become of the numbers of calls.
#[derive(Debug, Default)]
pub(crate) struct Calls(BTreeMap<u16, u16>);

fn word(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..at + 2)
        .map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
}

/// Compares what went in with what came out: the endpoints it tells of, or what else has changed.
pub(crate) fn compared(
    speech: Speech,
    before: &[u8],
    after: &[u8],
    [inside, outside]: [Ipv4Addr; 2],
) -> Result<Vec<Announced>, String> {
    if speech == Speech::Entries && before != after {
        return entries(before, after, inside);
    }
    if before.len() != after.len() {
        return Err(format!("{} bytes became {}", before.len(), after.len()));
    }
    let mut expected = before.to_vec();
    let mut announced = Vec::new();
    match speech {
        Speech::Addresses | Speech::Skinny => {
            for at in places(before, inside) {
                expected[at..at + 4].copy_from_slice(&outside.octets());
                let ports: &[usize] = if speech == Speech::Skinny {
                    &[4, 16]
                } else {
                    &[4]
                };
                for port in ports.iter().map(|behind| at + behind) {
                    let Some(new) = after.get(port..port + 2) else {
                        continue;
                    };
                    let (old, told) = (word(before, port), word(after, port));
                    expected[port..port + 2].copy_from_slice(new);
                    let (old, told) = match speech {
                        Speech::Skinny => (old.swap_bytes(), told.swap_bytes()),
                        _ => (old, told),
                    };
                    announced.push((protocol::UDP, old, told));
                    announced.push((protocol::TCP, old, told));
                }
            }
            // A port alone.
            for at in messages(before, skinny_len).filter(|_| speech == Speech::Skinny) {
                if before.get(at + 8) == Some(&2) && before.len() >= at + 14 {
                    expected[at + 12..at + 14].copy_from_slice(&after[at + 12..at + 14]);
                }
            }
        }
        Speech::Calls => {
            for at in messages(before, |rest| usize::from(word(rest, 0))) {
                if let Some(own) = own_call(word(before, at + 8)) {
                    let (old, told) = (word(before, at + own), word(after, at + own));
                    expected[at + own..at + own + 2].copy_from_slice(&told.to_be_bytes());
                    announced.push((protocol::GRE, old, told));
                }
            }
        }
        Speech::Words | Speech::Entries | Speech::Sealed => {}
    }
    if let Some(at) = (0..after.len()).find(|at| expected[*at] != after[*at]) {
        let part = |bytes: &[u8]| {
            bytes[at..bytes.len().min(at + 16)]
                .escape_ascii()
                .to_string()
        };
        let (old, new) = (part(before), part(after));
        return Err(format!("at {at} {old} became {new}"));
    }
    Ok(announced)
}

/// Where an address stands in four bytes.
pub(crate) fn places(bytes: &[u8], address: Ipv4Addr) -> Vec<usize> {
    let octets = address.octets();
    let windows = bytes.windows(4).enumerate();
    let found = windows.filter(|(_, four)| *four == octets);
    found.map(|(at, _)| at).collect()
}

/// Where each message begins that says how long it is.
fn messages(bytes: &[u8], len: impl Fn(&[u8]) -> usize) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| rest.len() >= 12)?;
        let begin = at;
        at += len(rest).max(12);
        Some(begin)
    })
}

fn skinny_len(message: &[u8]) -> usize {
    usize::from(word(message, 0).swap_bytes()) + 8
}

/// Where the sender's number of a call stands (RFC 2637 section 2).
const fn own_call(kind: u16) -> Option<usize> {
    match kind {
        7..=10 | 12 | 13 => Some(12),
        _ => None,
    }
}

/// Where its peer's number stands.
const fn peers_call(kind: u16) -> Option<usize> {
    match kind {
        8 | 10 => Some(14),
        11 | 14 | 15 => Some(12),
        _ => None,
    }
}

impl Calls {
    pub(crate) fn note(&mut self, inside: u16, outside: u16) {
        self.0.insert(inside, outside);
    }

    fn write(&self, bytes: &mut [u8], at: usize) {
        if let Some(outside) = self.0.get(&word(bytes, at)) {
            bytes[at..at + 2].copy_from_slice(&outside.to_be_bytes());
        }
    }

    /// What the outside says on a control connection.
    fn said(&self, bytes: &[u8]) -> Vec<u8> {
        let mut said = bytes.to_vec();
        for at in messages(bytes, |rest| usize::from(word(rest, 0))) {
            if let Some(peers) =
                peers_call(word(bytes, at + 8)).filter(|len| at + len + 2 <= bytes.len())
            {
                self.write(&mut said, at + peers);
            }
        }
        said
    }

    /// The same, of its GRE packets.
    pub(crate) fn enclosed(&self, bytes: &[u8]) -> Vec<u8> {
        let mut said = bytes.to_vec();
        if said.len() >= 8 && said[1] & 7 == 1 {
            self.write(&mut said, 6);
        }
        said
    }
}

/// What the outside says, who finds the inside host at these endpoints.
pub(crate) fn said(
    speech: Speech,
    bytes: &[u8],
    inside: Ipv4Addr,
    calls: &Calls,
    endpoint: impl Fn(u16) -> Option<(Ipv4Addr, u16)>,
) -> Vec<u8> {
    let mut said = bytes.to_vec();
    match speech {
        Speech::Calls => return calls.said(bytes),
        Speech::Addresses | Speech::Skinny => {
            for at in places(bytes, inside) {
                let swaps = speech == Speech::Skinny;
                let behind = |by: usize| {
                    let port = word(bytes, at + by);
                    if swaps { port.swap_bytes() } else { port }
                };
                let known = [4, 16].into_iter().take(1 + usize::from(swaps));
                let known = known.filter_map(|by| Some((by, endpoint(behind(by))?)));
                if let Some((by, (address, port))) = known.last() {
                    let port = if swaps { port.swap_bytes() } else { port };
                    said[at..at + 4].copy_from_slice(&address.octets());
                    if let Some(place) = said.get_mut(at + by..at + by + 2) {
                        place.copy_from_slice(&port.to_be_bytes());
                    }
                }
            }
        }
        Speech::Words | Speech::Entries | Speech::Sealed => {}
    }
    said
}

/// An element of BER: its tag, what is in it, and what is behind it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, first) = (*bytes.first()?, usize::from(*bytes.get(1)?));
    let (len, head) = if first < 0x80 {
        (first, 2)
    } else {
        let digits = bytes.get(2..2 + (first & 0x7f))?;
        let len = digits
            .iter()
            .fold(0, |len, digit| len << 8 | usize::from(*digit));
        (len, 2 + digits.len())
    };
    let rest = bytes.get(head..)?;
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

/// A value that has changed, by the name before it.
type Changed = (Vec<u8>, Vec<u8>, Vec<u8>);

fn changes(
    before: &[u8],
    after: &[u8],
    name: &mut Vec<u8>,
    found: &mut Vec<Changed>,
) -> Option<()> {
    let (mut old, mut new) = (before, after);
    while !old.is_empty() || !new.is_empty() {
        let ((tag, was, old_rest), (new_tag, is, new_rest)) = (element(old)?, element(new)?);
        if tag != new_tag {
            return None;
        }
        if tag & 0x20 != 0 {
            changes(was, is, name, found)?;
        } else if was == is {
            *name = was.to_ascii_lowercase();
        } else {
            found.push((name.clone(), was.to_vec(), is.to_vec()));
        }
        (old, new) = (old_rest, new_rest);
    }
    Some(())
}

/// Address and port of an entry may have changed, and nothing else.
fn entries(before: &[u8], after: &[u8], inside: Ipv4Addr) -> Result<Vec<Announced>, String> {
    let mut found = Vec::new();
    changes(before, after, &mut Vec::new(), &mut found).ok_or("the structure has changed")?;
    let number = |text: &[u8]| -> Option<u32> { std::str::from_utf8(text).ok()?.parse().ok() };
    let mut announced = Vec::new();
    for (name, was, is) in found {
        let (old, new) = (number(&was).unwrap_or(0), number(&is).unwrap_or(0));
        let host = inside.to_bits();
        match &name[..] {
            b"sipaddress" if [host, host.swap_bytes()].contains(&old) && new != 0 => {}
            b"sport" if new != 0 => announced.push((protocol::TCP, old as u16, new as u16)),
            _ => return Err(format!("{} has changed", name.escape_ascii())),
        }
    }
    Ok(announced)
}

#[test]
fn an_endpoint_may_change_and_nothing_else() {
    let ends = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(203, 0, 113, 7)];
    let before = b"\x01\x0a\0\0\x01\x10\0\x02";
    let learnt = compared(
        Speech::Addresses,
        before,
        b"\x01\xcb\0\x71\x07\x20\0\x02",
        ends,
    );
    assert!(learnt.unwrap().contains(&(protocol::UDP, 0x1000, 0x2000)));
    for other in [
        &b"\x01\xcb\0\x71\x07\x20\0\x03"[..],
        b"\x01\x0a\0\0\x01\x10\0\x02",
        b"\x01",
    ] {
        assert!(compared(Speech::Addresses, before, other, ends).is_err());
    }
    assert!(
        compared(
            Speech::Sealed,
            before,
            b"\x01\xcb\0\x71\x07\x20\0\x02",
            ends
        )
        .is_err()
    );
}

#[test]
fn an_entry_may_change_its_address_and_port() {
    let ends = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(203, 0, 113, 7)];
    let entry = |name: &str, value: &str| {
        let mut bytes = vec![
            0x30,
            (name.len() + value.len() + 6) as u8,
            4,
            name.len() as u8,
        ];
        bytes.extend(name.as_bytes());
        bytes.extend([0x31, value.len() as u8 + 2, 4, value.len() as u8]);
        bytes.extend(value.as_bytes());
        bytes
    };
    let both =
        |address: &str, port: &str| [entry("sipAddress", address), entry("sport", port)].concat();
    let before = both("16777226", "1720");
    let learnt = compared(Speech::Entries, &before, &both("124846283", "1024"), ends);
    assert_eq!(learnt, Ok(vec![(protocol::TCP, 1720, 1024)]));
    let other = [entry("sflags", "1"), entry("sport", "1")];
    let changed = [entry("sflags", "2"), entry("sport", "1")];
    assert!(compared(Speech::Entries, &other.concat(), &changed.concat(), ends).is_err());
}
