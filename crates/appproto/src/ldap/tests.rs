//! Entries and searches of directories, with every length around what changes.

use std::string::ToString;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::{feed, splice};
use crate::{Endpoint, Finding, Form, Role, Transport};

/// 10.64.0.7, and as x86 and as IP have it.
const HOST: u32 = 0x0a40_0007;
const LITTLE: &str = "117456906";
const BIG: &str = "171966471";
/// 203.0.113.250, longer.
const OUTSIDE: u32 = 0xcb00_71fa;
const LITTLE_OUTSIDE: &str = "4201709771";

/// How lengths are written: so many bytes behind the first, or as few as possible.
type Width = usize;
const SHORTEST: Width = 0;

fn element(width: Width, tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let needed = (0..8).find(|bytes| len >> (8 * bytes) == 0).unwrap();
    let mut out = vec![tag];
    if width == SHORTEST && len < 128 {
        out.push(u8::try_from(len).unwrap());
    } else {
        let bytes = width.max(needed);
        out.push(0x80 | u8::try_from(bytes).unwrap());
        out.extend((0..bytes).rev().map(|place| {
            let byte = len.checked_shr(8 * u32::try_from(place).unwrap());
            u8::try_from(byte.unwrap_or(0) & 0xff).unwrap()
        }));
    }
    out.extend_from_slice(content);
    out
}

fn message(width: Width, op: u8, content: &[u8]) -> Vec<u8> {
    let id = element(SHORTEST, 0x02, &[7]);
    element(width, 0x30, &[id, element(width, op, content)].concat())
}

fn attribute(width: Width, name: &str, values: &[&str]) -> Vec<u8> {
    let values: Vec<u8> = values
        .iter()
        .flat_map(|value| element(width, 0x04, value.as_bytes()))
        .collect();
    let name = element(width, 0x04, name.as_bytes());
    element(width, 0x30, &[name, element(width, 0x31, &values)].concat())
}

const DN: &str = "c=US, o=Microsoft, cn=me@example.com, objectclass=rtperson";

fn entry(width: Width, op: u8, dn: &str, attributes: &[(&str, &str)]) -> Vec<u8> {
    let dn = element(width, 0x04, dn.as_bytes());
    let attributes: Vec<u8> = attributes
        .iter()
        .flat_map(|(name, value)| attribute(width, name, &[value]))
        .collect();
    let list = element(width, 0x30, &attributes);
    message(width, op, &[dn, list].concat())
}

fn change(width: Width, what: u8, name: &str, value: &str) -> Vec<u8> {
    let what = element(SHORTEST, 0x0a, &[what]);
    element(
        width,
        0x30,
        &[what, attribute(width, name, &[value])].concat(),
    )
}

fn modify(width: Width, changes: &[Vec<u8>]) -> Vec<u8> {
    let dn = element(width, 0x04, DN.as_bytes());
    let list = element(width, 0x30, &changes.concat());
    message(width, op::MODIFY, &[dn, list].concat())
}

fn equals(width: Width, name: &str, value: &str) -> Vec<u8> {
    let name = element(width, 0x04, name.as_bytes());
    let value = element(width, 0x04, value.as_bytes());
    element(width, 0xa3, &[name, value].concat())
}

fn search(width: Width, base: &str, filter: &[u8]) -> Vec<u8> {
    let content = [
        element(width, 0x04, base.as_bytes()),
        element(SHORTEST, 0x0a, &[2]),
        element(SHORTEST, 0x0a, &[0]),
        element(SHORTEST, 0x02, &[0]),
        element(SHORTEST, 0x02, &[0]),
        element(SHORTEST, 0x01, &[0]),
        filter.to_vec(),
        element(width, 0x30, &element(width, 0x04, b"cn")),
    ];
    message(width, op::SEARCH, &content.concat())
}

fn bind(version: u8, name: &str, choice: u8) -> Vec<u8> {
    let content = [
        element(SHORTEST, 0x02, &[version]),
        element(SHORTEST, 0x04, name.as_bytes()),
        element(SHORTEST, choice, b""),
    ];
    message(SHORTEST, op::BIND, &content.concat())
}

/// What has been found, whether released, and what has been seen.
fn read(sender: Sender, stream: &[u8], cuts: &[usize]) -> (Vec<Finding>, bool, Vec<Message>) {
    let mut state = State::default();
    let mut seen = Vec::new();
    let known = |address| address == HOST || address == OUTSIDE;
    let (found, released) = feed(stream, cuts, |bytes, found| {
        let mut kept = State::from_word(state.to_word());
        let scanned = scan(&mut kept, sender, bytes, found, known, |message| {
            seen.push(message);
        });
        state = kept;
        scanned
    });
    (found, released, seen)
}

/// What is found but lengths.
fn places(found: &[Finding]) -> Vec<(u32, u16, Form, Role)> {
    let is_length = |finding: &&Finding| matches!(finding.role, Role::LengthOf(_));
    found
        .iter()
        .filter(|finding| !is_length(finding))
        .map(|finding| {
            let Endpoint { address, port } = finding.endpoint;
            (address, port, finding.form, finding.role)
        })
        .collect()
}

const NAMES: Role = Role::Names(Transport::Tcp);
const LISTENS: Role = Role::Listens(CALLS);

/// A registration as `NetMeeting` sends it, all lengths in five bytes; the port stands behind the address.
#[test]
fn an_entry_that_is_added_announces_where_calls_come() {
    let attributes = [("sipaddress", LITTLE), ("sport", "1503"), ("sttl", "10")];
    let bytes = entry(4, op::ADD, DN, &attributes);
    let (found, released, seen) = read(Sender::Client, &bytes, &[]);
    assert_eq!(
        places(&found),
        [
            (HOST, 1503, Form::ReverseNumber, NAMES),
            (HOST, 1503, Form::Port, LISTENS)
        ]
    );
    assert_eq!((released, seen[0].name()), (false, "add"));
    assert_eq!(seen[0].minutes(), Some(10));
    let spans: Vec<_> = found.iter().map(|finding| finding.span.len()).collect();
    // Message, operation, list; attribute, set, value and its length, twice.
    assert_eq!(spans, [5, 5, 5, 5, 5, 5, 9, 5, 5, 5, 4]);
}

/// The smallest, all its lengths in one byte.
#[test]
fn every_length_around_an_address_is_a_place() {
    let bytes = b"\x30\x2f\x02\x01\x05\x68\x2a\x04\x08rtperson\x30\x1e\
        \x30\x1c\x04\x0asipaddress\x31\x0e\x04\x0c000117456906";
    // Twelve digits are none of 32 bits.
    assert_eq!(read(Sender::Client, bytes, &[]).0, []);
    let bytes = b"\x30\x2c\x02\x01\x05\x68\x27\x04\x08rtperson\x30\x1b\
        \x30\x19\x04\x0asipaddress\x31\x0b\x04\x09117456906";
    let (found, ..) = read(Sender::Client, bytes, &[]);
    let spans: Vec<_> = found
        .iter()
        .map(|finding| (finding.span.start, finding.span.len()))
        .collect();
    assert_eq!(
        spans,
        [(1, 1), (6, 1), (18, 1), (20, 1), (34, 1), (36, 1), (37, 9)]
    );
    let Role::LengthOf(of) = found[2].role else {
        panic!("{found:?}")
    };
    assert_eq!((of.start, of.end), (19, 46));
    // Nothing says which port: it is the usual one.
    assert_eq!(places(&found), [(HOST, 1720, Form::ReverseNumber, LISTENS)]);
}

#[test]
fn numbers_are_read_as_addresses_that_are_known() {
    for (number, form) in [
        (LITTLE, Some((HOST, Form::ReverseNumber))),
        (BIG, Some((HOST, Form::Number))),
        (LITTLE_OUTSIDE, Some((OUTSIDE, Form::ReverseNumber))),
        ("3405804026", Some((OUTSIDE, Form::Number))),
        ("134234122", None),
        ("0", None),
        ("", None),
        ("-117456906", None),
        ("+117456906", None),
        ("10.64.0.7", None),
        ("4294967296", None),
        ("99999999999999999999", None),
    ] {
        let attributes = [("SIPAddress", number), ("sport", "1720")];
        let bytes = entry(SHORTEST, op::ADD, DN, &attributes);
        let (found, released, _) = read(Sender::Client, &bytes, &[]);
        let first = places(&found)
            .first()
            .map(|(address, _, form, _)| (*address, *form));
        assert_eq!(first, form, "{number}");
        assert!(!released);
        // The port of somebody else is none of ours.
        assert_eq!(found.is_empty(), form.is_none(), "{number}");
    }
}

#[test]
fn changes_say_what_they_add_and_name_what_they_delete() {
    let bytes = modify(
        2,
        &[
            change(SHORTEST, 1, "sipaddress", LITTLE_OUTSIDE),
            change(2, 2, "sipaddress", LITTLE),
            change(SHORTEST, 0, "sport", "1503"),
            change(SHORTEST, 2, "sttl", "20"),
        ],
    );
    let (found, _, seen) = read(Sender::Client, &bytes, &[]);
    assert_eq!(
        places(&found),
        [
            (OUTSIDE, 1503, Form::ReverseNumber, NAMES),
            (HOST, 1503, Form::ReverseNumber, NAMES),
            (OUTSIDE, 1503, Form::Port, LISTENS),
        ]
    );
    assert_eq!(seen[0].minutes(), Some(20));
    // The port alone is that of the host which says it.
    let bytes = modify(SHORTEST, &[change(SHORTEST, 2, "sport", "1503")]);
    let (found, ..) = read(Sender::Client, &bytes, &[]);
    assert_eq!(places(&found), [(0, 1503, Form::Port, LISTENS)]);
}

#[test]
fn what_is_found_or_searched_for_is_only_named() {
    let attributes = [("cn", "me"), ("sport", "50000"), ("sipaddress", LITTLE)];
    let entry = entry(SHORTEST, op::ENTRY, DN, &attributes);
    let filter = [
        equals(SHORTEST, "objectClass", "RTPerson"),
        element(SHORTEST, 0xa1, &equals(1, "sipaddress", LITTLE)),
        element(SHORTEST, 0xa2, &equals(SHORTEST, "sport", "50000")),
        element(SHORTEST, 0x87, b"sipaddress"),
    ];
    let filter = element(1, 0xa0, &filter.concat());
    let search = search(SHORTEST, "objectClass=RTPerson", &filter);
    for (sender, bytes, addresses_first) in [
        (Sender::Server, &entry, false),
        (Sender::Client, &search, true),
    ] {
        let (found, ..) = read(sender, bytes, &[]);
        let mut all = vec![
            (HOST, 50000, Form::Port, NAMES),
            (HOST, 50000, Form::ReverseNumber, NAMES),
        ];
        if addresses_first {
            all.reverse();
        }
        assert_eq!(places(&found), all, "{sender:?}");
    }
    // Anything that stands in a filter is no equality.
    let filter = element(SHORTEST, 0xa5, &equals(SHORTEST, "sipaddress", LITTLE)[2..]);
    let (found, ..) = read(Sender::Client, &self::search(SHORTEST, "", &filter), &[]);
    assert_eq!(found, []);
}

/// A search with the time and no address asks for more of it.
#[test]
fn refreshes_and_ends_are_told_apart() {
    let filter = [
        equals(SHORTEST, "objectClass", "RTPerson"),
        equals(SHORTEST, "sttl", "15"),
    ];
    let refresh = search(
        SHORTEST,
        "objectClass=RTPerson",
        &element(SHORTEST, 0xa0, &filter.concat()),
    );
    let ends = message(SHORTEST, op::DELETE, DN.as_bytes());
    let other = message(SHORTEST, op::DELETE, b"cn=somebody");
    let (found, released, seen) = read(Sender::Client, &[refresh, ends, other].concat(), &[]);
    assert_eq!((found, released), (vec![], false));
    let told: Vec<_> = seen
        .iter()
        .map(|message| (message.minutes(), message.is_refresh(), message.is_end()))
        .collect();
    assert_eq!(
        told,
        [
            (Some(15), true, false),
            (None, false, true),
            (None, false, false)
        ]
    );
}

#[test]
fn what_encrypts_or_signs_itself_is_released_at_once() {
    let tls = element(SHORTEST, 0x80, START_TLS);
    for bytes in [
        bind(3, "", SASL),
        message(SHORTEST, op::EXTENDED, &tls),
        // Another extension, of a directory that nobody knows.
        message(SHORTEST, op::EXTENDED, b"\x80\x031.2"),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00".to_vec(),
        // Indefinite, or more than there can be.
        b"\x30\x80\x02\x01\x01".to_vec(),
        b"\x30\xff\x02\x01\x01".to_vec(),
        b"\x30\x84\x7f\xff\xff\xff".to_vec(),
        b"\x30\x0c\x04\x01".to_vec(),
        b"\x30\x0c\x02\x01\x01\x30".to_vec(),
        b"\x30\x03\x02\x01\x01".to_vec(),
        // Larger than any registration.
        message(SHORTEST, op::ADD, &[b'a'; 10_000]),
    ] {
        let text = bytes.escape_ascii().to_string();
        assert!(read(Sender::Client, &bytes, &[]).1, "{text:.60}");
    }
    let add = entry(SHORTEST, op::ADD, DN, &[]);
    let known = |more: &[u8]| read(Sender::Client, &[&add, more].concat(), &[]).1;
    assert!(known(&message(SHORTEST, op::EXTENDED, &tls)));
    assert!(!known(&message(SHORTEST, op::EXTENDED, b"\x80\x031.2")));
    assert!(!known(&message(SHORTEST, op::ADD, &[b'a'; 10_000])));
}

#[test]
fn strangers_are_released_after_a_few_requests() {
    let stranger = search(SHORTEST, "dc=example", &equals(SHORTEST, "cn", "x"));
    let add = entry(SHORTEST, op::ADD, DN, &[("sipaddress", LITTLE)]);
    let stream = |before: usize| {
        let mut stream = [bind(2, "", 0x80), bind(3, "cn=x", 0x80)].concat();
        stream.extend(stranger.repeat(before));
        stream.extend_from_slice(&add);
        read(Sender::Client, &stream, &[])
    };
    let (found, released, seen) = stream(3);
    assert_eq!((places(&found).len(), released), (1, false));
    assert_eq!(seen[1].name(), "bind");
    let (found, released, _) = stream(4);
    assert_eq!((found.len(), released), (0, true));
    // Whoever is known stays.
    let stream = [&add[..], &stranger.repeat(50), &add].concat();
    let (found, released, _) = read(Sender::Client, &stream, &[]);
    assert_eq!((places(&found).len(), released), (2, false));
}

#[test]
fn long_entries_of_strangers_are_not_held_and_release_them() {
    let photo = "x".repeat(2000);
    let long = entry(SHORTEST, op::ENTRY, "cn=x", &[("jpegPhoto", &photo)]);
    let mut state = State::default();
    let mut found = Findings::new();
    let mut look = |bytes: &[u8]| {
        let known = |address| address == HOST;
        scan(&mut state, Sender::Server, bytes, &mut found, known, |_| {})
    };
    assert_eq!(look(&long[..12]), Scan::Complete);
    assert_eq!(look(&long[12..]), Scan::Complete);
    for _ in 0..30 {
        assert_eq!(look(&long), Scan::Complete);
    }
    assert_eq!(look(&long), Scan::Release);
    let short = entry(SHORTEST, op::ENTRY, "cn=x", &[("cn", "x")]);
    assert!(read(Sender::Server, &short.repeat(32), &[]).1);
    assert!(!read(Sender::Server, &short.repeat(31), &[]).1);
}

#[test]
fn filters_too_deep_are_not_read() {
    for (depth, is_read) in [(16, true), (17, false), (2000, false)] {
        let mut filter = equals(SHORTEST, "sipaddress", LITTLE);
        for _ in 0..depth {
            filter = element(SHORTEST, 0xa0, &filter);
        }
        let bytes = search(SHORTEST, "", &filter);
        let (found, ..) = read(Sender::Client, &bytes, &[]);
        assert_eq!(!found.is_empty(), is_read, "{depth}");
    }
}

/// What is not as it should be anywhere is left alone, all of it.
#[test]
fn a_message_with_anything_out_of_place_is_left_alone() {
    let attributes = [("sipaddress", LITTLE), ("sport", "1503")];
    let bytes = entry(SHORTEST, op::ADD, DN, &attributes);
    let (found, ..) = read(Sender::Client, &bytes, &[]);
    for finding in found {
        if let Role::LengthOf(_) = finding.role {
            let mut bytes = bytes.clone();
            bytes[finding.span.start] += 1;
            let (found, ..) = read(Sender::Client, &bytes, &[]);
            assert_eq!(found, [], "{finding:?}");
        }
    }
}

/// An address of another length, everywhere.
fn replaced(bytes: &[u8], sender: Sender) -> Vec<u8> {
    let (found, ..) = read(sender, bytes, &[]);
    splice(bytes, &found, |_| Endpoint {
        address: OUTSIDE,
        port: 50000,
    })
}

proptest! {
    /// Against messages that are made with the other address at once: every level passes each
    /// boundary of its length for some padding.
    #[test]
    fn lengths_are_as_if_made_so(
        width in prop::sample::select(vec![0_usize, 0, 1, 2, 3, 4, 5, 9]),
        before in prop_oneof![0..140_usize, 90..300_usize, 300..3000_usize],
        behind in 0..140_usize,
        kind in 0..4_u8,
    ) {
        let pad = ["a".repeat(before), "b".repeat(behind)];
        let make = |address: &str, port: &str| match kind {
            0 | 1 => {
                let attributes = [
                    ("cn", &*pad[0]), ("sipaddress", address), ("sport", port), ("x", &pad[1]),
                ];
                let op = if kind == 0 { op::ADD } else { op::ENTRY };
                entry(width, op, "rtperson", &attributes)
            }
            2 => modify(width, &[
                change(width, 0, "cn", &pad[0]),
                change(width, 2, "sipaddress", address),
                change(width, 2, "sport", port),
                change(width, 2, "x", &pad[1]),
            ]),
            _ => {
                let filter = [
                    equals(width, "cn", &pad[0]),
                    equals(width, "sipaddress", address),
                    element(width, 0xa1, &[equals(width, "sport", port), equals(width, "x", &pad[1])].concat()),
                ];
                search(width, "", &element(width, 0xa0, &filter.concat()))
            }
        };
        let sender = if kind == 1 { Sender::Server } else { Sender::Client };
        let first = entry(SHORTEST, if kind == 1 { op::ENTRY } else { op::ADD }, DN, &[]);
        let old = [first.clone(), make(LITTLE, "1720")].concat();
        let new = [first, make(LITTLE_OUTSIDE, "50000")].concat();
        let got = replaced(&old, sender);
        prop_assert_eq!(
            got.escape_ascii().to_string(),
            new.escape_ascii().to_string()
        );
    }

    #[test]
    fn any_segmentation_finds_the_same(
        kinds in prop::collection::vec((0..8_u8, 0..5_usize, 0..2000_usize), 0..8),
        tail in prop::collection::vec(any::<u8>(), 0..40),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        client: bool,
    ) {
        let mut stream = Vec::new();
        for (kind, width, pad) in kinds {
            let pad = "p".repeat(pad);
            stream.extend(match kind {
                0 => entry(width, op::ADD, DN, &[("sipaddress", LITTLE), ("x", &pad), ("sport", "1720")]),
                1 => entry(width, op::ENTRY, DN, &[("sipaddress", BIG), ("sport", "1720"), ("x", &pad)]),
                2 => entry(width, op::ENTRY, &pad, &[]),
                3 => modify(width, &[change(width, 2, "sipaddress", LITTLE)]),
                4 => search(width, &pad, &equals(width, "sipaddress", LITTLE)),
                5 => search(width, &pad, &equals(width, "cn", "x")),
                6 => bind(3, &pad, 0x80),
                _ => message(width, op::UNBIND, b""),
            });
        }
        stream.extend_from_slice(&tail);
        let sender = if client { Sender::Client } else { Sender::Server };
        prop_assert_eq!(read(sender, &stream, &[]), read(sender, &stream, &cuts));
    }

    /// A byte of a message changed anywhere, or anything at all.
    #[test]
    fn anything_can_be_read(
        junk in prop::collection::vec(any::<u8>(), 0..60),
        at: usize,
        byte: u8,
        client: bool,
    ) {
        let attributes = [("sipaddress", LITTLE), ("sport", "1720")];
        let mut add = entry(1, if client { op::ADD } else { op::ENTRY }, DN, &attributes);
        let place = at % add.len();
        add[place] = byte;
        let sender = if client { Sender::Client } else { Sender::Server };
        read(sender, &[&add[..], &junk].concat(), &[]);
        read(sender, &junk, &[]);
    }
}
