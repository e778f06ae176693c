//! LDAP of `NetMeeting`'s directories (PROTOCOLS B10), and of everybody else.

use base::Counter;
use testkit::{Seen, tcp};
use tests::{A, B, Pipe, X, Y};

use crate::talk::Side::{self, Inside, Outside};
use crate::talk::Talk;
use crate::{knocks, strict, tally};

const SERVER: &str = "192.0.2.1:389";
const DN: &str = "c=US, o=Microsoft, cn=me@example.com, objectclass=rtperson";

const SEARCH: u8 = 0x63;
const ENTRY: u8 = 0x64;
const MODIFY: u8 = 0x66;
const ADD: u8 = 0x68;

/// An address and a port as attributes have them.
#[derive(Clone, Debug)]
struct Place {
    address: String,
    port: String,
}

/// As x86 prints what `inet_addr` gives.
fn little(endpoint: &str) -> Place {
    let (octets, port) = octets(endpoint);
    Place {
        address: u32::from_le_bytes(octets).to_string(),
        port,
    }
}

/// As IP has it.
fn big(endpoint: &str) -> Place {
    let (octets, port) = octets(endpoint);
    Place {
        address: u32::from_be_bytes(octets).to_string(),
        port,
    }
}

fn octets(endpoint: &str) -> ([u8; 4], String) {
    let endpoint: std::net::SocketAddrV4 = endpoint.parse().unwrap();
    (endpoint.ip().octets(), endpoint.port().to_string())
}

/// An element whose length takes so many bytes behind its first; 0: as few as possible.
fn element(width: usize, tag: u8, content: &[u8]) -> Vec<u8> {
    let len = (content.len() as u64).to_be_bytes();
    let needed = len.iter().skip_while(|byte| **byte == 0).count();
    let mut out = vec![tag];
    if width == 0 && content.len() < 128 {
        out.push(len[7]);
    } else {
        let bytes = width.max(needed);
        out.push(0x80 | bytes as u8);
        out.extend_from_slice(&len[8 - bytes..]);
    }
    out.extend_from_slice(content);
    out
}

fn message(width: usize, op: u8, content: &[u8]) -> Vec<u8> {
    let id = element(0, 0x02, &[9]);
    element(width, 0x30, &[id, element(width, op, content)].concat())
}

fn bind(version: u8, choice: u8) -> Vec<u8> {
    let content = [
        element(0, 0x02, &[version]),
        element(0, 0x04, b""),
        element(0, choice, b""),
    ];
    message(0, 0x60, &content.concat())
}

fn attribute(width: usize, name: &str, value: &str) -> Vec<u8> {
    let values = element(width, 0x04, value.as_bytes());
    let name = element(width, 0x04, name.as_bytes());
    element(width, 0x30, &[name, element(width, 0x31, &values)].concat())
}

/// An entry that is added or found, with more of it in front and behind.
fn entry(width: usize, op: u8, place: &Place, pads: [usize; 2]) -> Vec<u8> {
    let attributes = [
        attribute(width, "cn", &"c".repeat(pads[0])),
        attribute(width, "sappid", "ms-netmeeting"),
        attribute(width, "sipaddress", &place.address),
        attribute(width, "sport", &place.port),
        attribute(width, "sttl", "10"),
        attribute(width, "comment", &"d".repeat(pads[1])),
    ];
    let dn = element(width, 0x04, DN.as_bytes());
    let list = element(width, 0x30, &attributes.concat());
    message(width, op, &[dn, list].concat())
}

fn modify(width: usize, place: &Place, pads: [usize; 2]) -> Vec<u8> {
    let change = |name: &str, value: &str| {
        let what = element(0, 0x0a, &[2]);
        element(width, 0x30, &[what, attribute(width, name, value)].concat())
    };
    let changes = [
        change("cn", &"c".repeat(pads[0])),
        change("sport", &place.port),
        change("sipaddress", &place.address),
        change("comment", &"d".repeat(pads[1])),
    ];
    let dn = element(width, 0x04, DN.as_bytes());
    let list = element(width, 0x30, &changes.concat());
    message(width, MODIFY, &[dn, list].concat())
}

fn equals(width: usize, name: &str, value: &str) -> Vec<u8> {
    let name = element(width, 0x04, name.as_bytes());
    let value = element(width, 0x04, value.as_bytes());
    element(width, 0xa3, &[name, value].concat())
}

/// A search for entries to which all of this applies.
fn search(wanted: &str, width: usize, base: &str, filter: &[Vec<u8>]) -> Vec<u8> {
    let content = [
        element(width, 0x04, base.as_bytes()),
        element(0, 0x0a, &[2]),
        element(0, 0x0a, &[0]),
        element(0, 0x02, &[0]),
        element(0, 0x02, &[0]),
        element(0, 0x01, &[0]),
        element(width, 0xa0, &filter.concat()),
        element(width, 0x30, &element(width, 0x04, wanted.as_bytes())),
    ];
    message(width, SEARCH, &content.concat())
}

fn search_for(width: usize, place: &Place, pads: [usize; 2]) -> Vec<u8> {
    let filter = [
        equals(width, "objectClass", "RTPerson"),
        equals(width, "cn", &"c".repeat(pads[0])),
        element(
            width,
            0xa1,
            &[
                equals(width, "sipaddress", &place.address),
                equals(width, "sport", &place.port),
            ]
            .concat(),
        ),
        equals(width, "comment", &"d".repeat(pads[1])),
    ];
    search("sipaddress", width, "objectClass=RTPerson", &filter)
}

fn refresh() -> Vec<u8> {
    let filter = [
        equals(0, "objectClass", "RTPerson"),
        equals(0, "cn", "me@example.com"),
        equals(0, "sttl", "10"),
    ];
    search("sipaddress", 0, "objectClass=RTPerson", &filter)
}

fn plain_search() -> Vec<u8> {
    search(
        "postalcode",
        0,
        "dc=example",
        &[equals(0, "uid", "somebody")],
    )
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[track_caller]
fn heard(seen: &Seen, expected: &[u8]) {
    assert_eq!(text(&seen.payload), text(expected));
}

/// The same elements with their lengths in as few bytes as possible.
fn shortest(mut bytes: &[u8]) -> Vec<u8> {
    const CONSTRUCTED: u8 = 0x20;
    let mut out = Vec::new();
    while let [tag, first, rest @ ..] = bytes {
        let behind = usize::from(first.saturating_sub(0x80));
        let number = rest[..behind].iter();
        let len = match first {
            0..0x80 => usize::from(*first),
            _ => number.fold(0, |len, byte| len << 8 | usize::from(*byte)),
        };
        let (content, next) = rest[behind..].split_at(len);
        out.extend(if tag & CONSTRUCTED == 0 {
            element(0, *tag, content)
        } else {
            element(0, *tag, &shortest(content))
        });
        bytes = next;
    }
    assert!(bytes.is_empty(), "a lone byte");
    out
}

/// A host that has registered its port, and the endpoint by which the directory knows it.
struct Registered {
    talk: Talk,
    inside: String,
    outside: String,
}

impl Registered {
    #[track_caller]
    fn new(nat: &mut Pipe, host: &str, version: u8) -> Self {
        let inside = format!("{host}:1720");
        let mut talk = Talk::open(nat, &format!("{host}:40000"), SERVER);
        talk.says(nat, Inside, &bind(version, 0x80));
        talk.says(nat, Outside, &message(0, 0x61, b"\x0a\x01\0\x04\0\x04\0"));
        let add = entry(0, ADD, &little(&inside), [10, 10]);
        let seen = talk.sends(nat, Inside, &add);
        let mut doors = nat.show("doors");
        doors.retain(|door| door["inside"] == inside);
        let door = doors.pop().expect("a door");
        let outside = door["outside"].as_str().unwrap().to_owned();
        heard(&seen, &entry(0, ADD, &little(&outside), [10, 10]));
        talk.says(nat, Outside, &message(0, 0x69, b"\x0a\x01\0\x04\0\x04\0"));
        Self {
            talk,
            inside,
            outside,
        }
    }

    /// Someone calls who has never been heard of.
    #[track_caller]
    fn is_called(&self, nat: &mut Pipe, remote: &str) {
        let seen = knocks(nat, remote, &self.outside).forwarded();
        assert!(seen.dst == self.inside.as_str(), "{seen:?}");
    }
}

/// P15: registered, found and called, by either version.
#[test]
fn who_registers_can_be_called() {
    for version in [2, 3] {
        let mut nat = Pipe::new(&strict());
        let mut host = Registered::new(&mut nat, A, version);
        assert_ne!(host.inside, host.outside);
        host.is_called(&mut nat, &format!("{Y}:3000"));
        host.is_called(&mut nat, "192.0.2.77:3000");
        // It finds itself as it is.
        let ask = [equals(0, "objectClass", "RTPerson")];
        let ask = search("sipaddress", 0, "objectClass=RTPerson", &ask);
        host.talk.says(&mut nat, Inside, &ask);
        let found = entry(0, ENTRY, &little(&host.outside), [10, 10]);
        let seen = host.talk.sends(&mut nat, Outside, &found);
        heard(&seen, &entry(0, ENTRY, &little(&host.inside), [10, 10]));
        // Somebody else's is none of ours.
        let other = entry(0, ENTRY, &little("192.0.2.77:1720"), [10, 10]);
        host.talk.says(&mut nat, Outside, &other);
        let [messages, rewritten, opened, promoted, bypassed, errors] = tally(&mut nat, "ldap");
        assert_eq!(
            [messages, rewritten, opened, promoted, bypassed, errors],
            [7, 2, 1, 2, 0, 0]
        );
        nat.check_verdicts();
    }
}

/// Another host of ours reads the endpoint that everybody reads, and calls there.
#[test]
fn hosts_inside_find_and_call_each_other() {
    let mut nat = Pipe::new(&strict());
    let host = Registered::new(&mut nat, A, 3);
    let mut reader = Talk::open(&mut nat, &format!("{B}:41000"), SERVER);
    let ask = [equals(0, "objectClass", "RTPerson")];
    let ask = search("sipaddress", 0, "objectClass=RTPerson", &ask);
    reader.says(&mut nat, Inside, &ask);
    let found = entry(0, ENTRY, &little(&host.outside), [10, 10]);
    reader.says(&mut nat, Outside, &found);
    let call = tcp(&format!("{B}:50000 > {}", host.outside)).syn().seq(1);
    let seen = nat.inside(call).hairpinned();
    assert!(seen.dst == host.inside.as_str(), "{seen:?}");
    // Both may await calls at the same port.
    let second = Registered::new(&mut nat, B, 2);
    assert_ne!(host.outside, second.outside);
    host.is_called(&mut nat, &format!("{Y}:3000"));
    second.is_called(&mut nat, &format!("{Y}:3000"));
}

/// A reader outside, of a directory inside.
#[test]
fn a_directory_inside_says_what_is_outside() {
    let config =
        strict().fixed("protocol: tcp, inside: \"10.64.0.7:389\", outside: \"203.0.113.20:389\"");
    let mut nat = Pipe::new(&config);
    let mut talk = Talk::come(&mut nat, "192.0.2.1:3000", "203.0.113.20:389");
    let ask = [equals(0, "objectClass", "RTPerson")];
    talk.says(
        &mut nat,
        Outside,
        &search("sipaddress", 0, "objectClass=RTPerson", &ask),
    );
    let found = entry(0, ENTRY, &little("10.64.0.7:1720"), [10, 10]);
    let seen = talk.sends(&mut nat, Inside, &found);
    let told = entry(0, ENTRY, &little("203.0.113.20:1720"), [10, 10]);
    heard(&seen, &told);
    // An entry opens nothing, whoever sends it.
    assert!(nat.show("doors").is_empty());
    // What comes from outside registers nothing of ours.
    let add = entry(0, ADD, &little("192.0.2.1:1720"), [10, 10]);
    talk.says(&mut nat, Outside, &add);
    assert!(nat.show("doors").is_empty());
}

/// X.690 section 8.1.3: any length, as if the message had been made with the other address.
#[test]
fn every_length_around_an_address_follows_it() {
    let mut nat = Pipe::new(&strict());
    let mut host = Registered::new(&mut nat, A, 3);
    let (inside, outside) = (host.inside.clone(), host.outside.clone());
    let mut grown = 0;
    for width in [0, 1, 2, 4] {
        // Every level is below and above 0x7f and 0xff for some of these.
        for pads in (0..130).step_by(3).map(|pad| [pad, (pad * 7) % 150]) {
            let forms: [fn(&str) -> Place; 2] = [little, big];
            for form in forms {
                let (own, told) = (form(&inside), form(&outside));
                let made: [(Side, [Vec<u8>; 2]); 4] = [
                    (
                        Inside,
                        [&own, &told].map(|place| entry(width, ADD, place, pads)),
                    ),
                    (
                        Inside,
                        [&own, &told].map(|place| modify(width, place, pads)),
                    ),
                    (
                        Inside,
                        [&own, &told].map(|place| search_for(width, place, pads)),
                    ),
                    (
                        Outside,
                        [&told, &own].map(|place| entry(width, ENTRY, place, pads)),
                    ),
                ];
                for (side, [sent, expected]) in made {
                    let seen = host.talk.sends(&mut nat, side, &sent);
                    if expected.len() < sent.len() {
                        // A length keeps its bytes though it could do with fewer.
                        assert!(seen.payload.len() - expected.len() < 8);
                        assert_eq!(text(&shortest(&seen.payload)), text(&shortest(&expected)));
                    } else {
                        heard(&seen, &expected);
                    }
                    // A record of changes holds those that nobody has acknowledged.
                    host.talk.says(&mut nat, side.other(), b"");
                    grown += usize::from(sent.len() != expected.len());
                }
            }
        }
    }
    assert!(grown > 500, "{grown} of other lengths");
    assert_eq!(nat.show("doors").len(), 1);
    nat.check_verdicts();
}

/// An address that is not the host's, a port that nobody may ask for, or what is no number.
#[test]
fn others_are_not_registered() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, &format!("{A}:40000"), SERVER);
    for endpoint in ["10.64.0.8:1720", "192.0.2.9:1720", "0.0.0.0:1720"] {
        let add = entry(0, ADD, &little(endpoint), [10, 10]);
        talk.says(&mut nat, Inside, &add);
    }
    let dotted = Place {
        address: A.to_owned(),
        port: "1720".to_owned(),
    };
    talk.says(&mut nat, Inside, &entry(0, ADD, &dotted, [10, 10]));
    talk.sends(
        &mut nat,
        Inside,
        &entry(0, ADD, &little("10.64.0.7:80"), [10, 10]),
    );
    assert!(nat.show("doors").is_empty());
}

/// The door is open for the minutes of the entry from each refresh on, and not with the connection.
#[test]
fn a_registration_lasts_as_it_says() {
    let mut nat = Pipe::new(&strict());
    let mut host = Registered::new(&mut nat, A, 3);
    nat.wait(500.0);
    host.talk.says(&mut nat, Inside, &refresh());
    nat.wait(500.0);
    host.is_called(&mut nat, &format!("{Y}:3000"));
    host.talk.finishes(&mut nat, Inside);
    host.talk.finishes(&mut nat, Outside);
    nat.wait(80.0);
    host.is_called(&mut nat, "192.0.2.77:3000");
    nat.wait(30.0);
    knocks(&mut nat, "192.0.2.78:3000", &host.outside).held(Counter::HoldSyn);
    assert!(nat.show("doors").is_empty());
}

/// Who has taken itself out of the directory does not refresh any more.
#[test]
fn what_is_deleted_is_not_refreshed() {
    let mut nat = Pipe::new(&strict());
    let mut host = Registered::new(&mut nat, A, 3);
    nat.wait(500.0);
    let delete = message(0, 0x4a, DN.as_bytes());
    host.talk.says(&mut nat, Inside, &delete);
    host.talk.says(&mut nat, Inside, &refresh());
    nat.wait(110.0);
    knocks(&mut nat, &format!("{Y}:3000"), &host.outside).held(Counter::HoldSyn);
}

/// Messages cut anywhere, through the virtual TCP.
#[test]
fn a_message_in_parts_is_put_together() {
    let mut nat = Pipe::new(&strict());
    let host = Registered::new(&mut nat, A, 3);
    let add = entry(4, ADD, &little(&host.inside), [10, 10]);
    let told = entry(4, ADD, &little(&host.outside), [10, 10]);
    let mut got = Vec::new();
    let mut at = 0;
    for end in [1, 7, add.len() / 2, add.len()] {
        let next = host.talk.end(Inside).next + at as u32;
        let segment = host.talk.segment(Inside).seq(next);
        let outcome = nat.inside(segment.payload(&add[at..end]));
        at = end;
        let left = outcome.left.into_iter().chain(nat.wait(0.1));
        let there = left.filter(|left| left.interface == "outside");
        got.extend(there.flat_map(|left| left.seen.payload));
    }
    assert_eq!(text(&got), text(&told));
    assert_eq!(nat.counters()["alg.vtcp_streams"], 1);
    assert_eq!(nat.counter(Counter::AlgUnread), 0);
}

/// Whoever encrypts or signs is let go at the first message, everybody else after a few.
#[test]
fn ordinary_directories_are_let_go() {
    let tls = message(0, 0x77, b"\x80\x161.3.6.1.4.1.1466.20037");
    let plain = plain_search();
    for (first, messages) in [
        (vec![bind(3, 0xa3)], 0),
        (vec![tls], 0),
        (vec![b"\x16\x03\x01\x02\0".to_vec()], 0),
        (vec![b"GET / HTTP/1.1\r\n\r\n".to_vec()], 0),
        (
            vec![
                bind(3, 0x80),
                plain.clone(),
                plain.clone(),
                plain.clone(),
                plain,
            ],
            5,
        ),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, &format!("{A}:40000"), SERVER);
        for bytes in &first {
            assert_eq!(tally(&mut nat, "ldap")[4], 0, "{}", text(bytes));
            talk.says(&mut nat, Inside, bytes);
        }
        let [read, rewritten, _, _, bypassed, errors] = tally(&mut nat, "ldap");
        assert_eq!([read, rewritten, bypassed, errors], [messages, 0, 1, 0]);
        // Nothing of it is looked at any more.
        let add = entry(0, ADD, &little("10.64.0.7:1720"), [10, 10]);
        talk.says(&mut nat, Inside, &add);
        talk.says(&mut nat, Outside, b"anything");
    }
}

/// A large entry goes by as it comes, cut anywhere behind its beginning.
#[test]
fn large_entries_are_not_held() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, &format!("{A}:40000"), SERVER);
    talk.says(&mut nat, Inside, &bind(3, 0x80));
    talk.says(&mut nat, Inside, &plain_search());
    let photo = attribute(0, "jpegPhoto", &"x".repeat(20_000));
    let dn = element(0, 0x04, b"uid=somebody,dc=example");
    let list = element(0, 0x30, &photo);
    let entry = message(0, ENTRY, &[dn, list].concat());
    for part in entry.chunks(1300) {
        talk.says(&mut nat, Outside, part);
    }
    assert_eq!(nat.counters()["alg.vtcp_streams"], 0);
}

/// The other port of directories, beside the server for everything else.
#[test]
fn the_second_port_is_read_too_and_others_are_not() {
    for (port, opened) in [(1002, 1), (522, 0)] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, &format!("{A}:40000"), &format!("{X}:{port}"));
        let add = entry(0, ADD, &little("10.64.0.7:1720"), [10, 10]);
        let seen = talk.sends(&mut nat, Inside, &add);
        assert_eq!(nat.show("doors").len(), opened);
        assert_eq!(seen.payload == add, opened == 0);
    }
}

/// Shadow mode opens and changes nothing.
#[test]
fn a_shadow_changes_nothing() {
    let mut nat = Pipe::new(&strict().top("alg: { ldap: { mode: shadow } }"));
    let mut talk = Talk::open(&mut nat, &format!("{A}:40000"), SERVER);
    let add = entry(0, ADD, &little("10.64.0.7:1720"), [10, 10]);
    talk.says(&mut nat, Inside, &add);
    assert!(nat.show("doors").is_empty());
    let [messages, rewritten, opened, ..] = tally(&mut nat, "ldap");
    assert_eq!([messages, rewritten, opened], [1, 1, 0]);
}
