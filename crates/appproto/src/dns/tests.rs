//! Messages as resolvers and servers write them, translated and left alone.

use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::check;

const CNAME: u16 = 5;
const SOA: u16 = 6;
const MX: u16 = 15;
const TXT: u16 = 16;
const SRV: u16 = 33;

/// Writes messages, compressing names where the last letter of what is said about them says so.
struct Builder {
    bytes: Vec<u8>,
    /// Names from each label on, and where.
    known: Vec<(String, usize)>,
}

impl Builder {
    fn new(flags: u16, counts: [u16; 4]) -> Self {
        let mut bytes = vec![0x12, 0x34];
        bytes.extend_from_slice(&flags.to_be_bytes());
        for count in counts {
            bytes.extend_from_slice(&count.to_be_bytes());
        }
        Self {
            bytes,
            known: Vec::new(),
        }
    }

    fn name(&mut self, name: &str, compress: bool) {
        let mut rest = name;
        while !rest.is_empty() {
            let known = self.known.iter().find(|(known, _)| known == rest);
            if let Some((_, at)) = known.filter(|_| compress) {
                let pointer = 0xc000 | u16::try_from(*at).unwrap();
                self.bytes.extend_from_slice(&pointer.to_be_bytes());
                return;
            }
            self.known.push((rest.to_string(), self.bytes.len()));
            let (label, tail) = rest.split_once('.').unwrap_or((rest, ""));
            self.bytes.push(u8::try_from(label.len()).unwrap());
            self.bytes.extend_from_slice(label.as_bytes());
            rest = tail;
        }
        self.bytes.push(0);
    }

    fn question(mut self, name: &str, kind: u16) -> Self {
        self.name(name, false);
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&[0, 1]);
        self
    }

    fn record(
        mut self,
        name: &str,
        kind: u16,
        compress: bool,
        data: impl FnOnce(&mut Self),
    ) -> Self {
        self.name(name, compress);
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes
            .extend_from_slice(&[0, 1, 0, 0, 0x0e, 0x10, 0, 0]);
        let start = self.bytes.len();
        data(&mut self);
        let len = u16::try_from(self.bytes.len() - start).unwrap();
        self.bytes[start - 2..start].copy_from_slice(&len.to_be_bytes());
        self
    }

    fn address(self, name: &str, address: [u8; 4]) -> Self {
        self.record(name, kind::A, true, |to| {
            to.bytes.extend_from_slice(&address);
        })
    }
}

const QUERY: u16 = 0x0100;
const ANSWER: u16 = 0x8180;

fn listed(message: &[u8]) -> Result<(Vec<Finding>, Summary), Left> {
    let mut found = Findings::new();
    let scanned = scan(message, &mut found);
    check(message, &found);
    if scanned.is_err() {
        assert!(found.is_empty());
    }
    scanned.map(|summary| (found.to_vec(), summary))
}

fn written(
    message: &[u8],
    map: impl FnMut(What, u32) -> Option<u32>,
) -> Result<Vec<u8>, RewriteError> {
    let mut out = vec![0xee; message.len() + 2000];
    let len = rewrite(message, None, map, &mut out)?;
    out.truncate(len);
    Ok(out)
}

/// A name without compression.
fn spelled(message: &[u8], start: usize) -> String {
    let labels = name::Labels::of(message, start).map(|label| {
        let text = message[label.at + 1..label.end].escape_ascii();
        text.to_string()
    });
    labels.collect::<Vec<_>>().join(".")
}

/// What a message says, whatever its compression.
fn meant(message: &[u8]) -> Vec<String> {
    let mut items = Items::of(message).unwrap();
    let mut all = vec![format!("{:?}", &message[..HEADER_LEN])];
    while let Some(item) = items.step().unwrap() {
        let fixed = &item.fixed.of(message)[..item.fixed.len().min(8)];
        let mut said = vec![format!("{} {fixed:?}", spelled(message, item.name))];
        if let Some(data) = item.data {
            let (before, names) = record::names_of(item.kind);
            let mut at = data.start + if names > 0 { before } else { 0 };
            said.push(format!("{:?}", &message[data.start..at]));
            for _ in 0..names {
                said.push(spelled(message, at));
                at = name::within(message, at, data).unwrap();
            }
            said.push(format!("{:?}", &message[at..data.end]));
        }
        all.push(said.join(" "));
    }
    all.push(format!("{:?}", &message[items.at..]));
    all
}

const INSIDE: u32 = 0x0a00_0005;
const OUTSIDE: u32 = 0xcb00_7164;

fn outwards(_: What, address: u32) -> Option<u32> {
    (address == INSIDE).then_some(OUTSIDE)
}

fn inwards(_: What, address: u32) -> Option<u32> {
    (address == OUTSIDE).then_some(INSIDE)
}

/// PROTOCOLS B3, row "A answer" and "MX, NS, SOA, CNAME, SRV": also in the additional section.
#[test]
fn address_records_of_responses_are_listed_in_their_places() {
    let message = Builder::new(ANSWER, [1, 2, 0, 1])
        .question("www.example.org", kind::A)
        .record("www.example.org", CNAME, true, |to| {
            to.name("a.example.org", true);
        })
        .address("a.example.org", [10, 0, 0, 5])
        .address("mx.example.org", [10, 0, 0, 6])
        .bytes;
    assert!(interesting(&message));
    let (found, summary) = listed(&message).unwrap();
    let places: Vec<_> = found
        .iter()
        .map(|finding| finding.span.of(&message))
        .collect();
    assert_eq!(places, [[10, 0, 0, 5], [10, 0, 0, 6]]);
    assert!(
        found
            .iter()
            .all(|finding| finding.role == Role::Host && finding.form == Form::Binary)
    );
    assert_eq!(found[0].endpoint.address, INSIDE);
    assert_eq!(
        (summary.name(), summary.is_response, summary.has_reverse),
        ("A", true, false)
    );
}

/// PROTOCOLS B3, rows "A query" and others that name no address.
#[test]
fn what_holds_no_address_lists_nothing() {
    for message in [
        Builder::new(QUERY, [1, 0, 0, 0]).question("example.org", kind::A),
        Builder::new(QUERY, [1, 0, 0, 1])
            .question("example.org", kind::A)
            .address("example.org", [10, 0, 0, 5]),
        Builder::new(ANSWER, [1, 1, 0, 0])
            .question("example.org", TXT)
            .record("example.org", TXT, true, |to| {
                to.bytes.extend_from_slice(b"\x0310.");
            }),
        Builder::new(ANSWER, [1, 1, 0, 0])
            .question("example.org", kind::A)
            .record("example.org", kind::A, true, |to| {
                to.bytes.extend_from_slice(&[1, 2, 3, 4, 5]);
            }),
        Builder::new(ANSWER, [1, 0, 0, 0]).question("example.org", kind::A),
    ] {
        let (found, summary) = listed(&message.bytes).unwrap();
        assert_eq!((found, summary.has_reverse), (vec![], false));
    }
}

/// PROTOCOLS B3, "dynamic update, signed data"; RFC 3225 (DO), RFC 8945 (TSIG), RFC 4034 (RRSIG).
#[test]
fn signed_messages_and_updates_are_left_alone() {
    let answer = || {
        Builder::new(ANSWER, [1, 1, 0, 1])
            .question("5.0.0.10.in-addr.arpa", kind::PTR)
            .address("a.example.org", [10, 0, 0, 5])
    };
    for kind in [kind::RRSIG, kind::SIG, kind::TSIG] {
        let message = answer().record("", kind, false, |_| ()).bytes;
        assert_eq!(listed(&message), Err(Left::Signed));
        assert_eq!(written(&message, outwards), Err(Left::Signed.into()));
    }
    let mut message = answer().record("", kind::OPT, false, |_| ()).bytes;
    let option = message.len() - 10;
    message[option + 2..option + 8].copy_from_slice(&[0x04, 0xd0, 0, 0, 0, 0]);
    let (found, summary) = listed(&message).unwrap();
    assert_eq!((found.len(), summary.udp_size), (1, 1232));
    message[option + 6] = 0x80;
    assert_eq!(listed(&message), Err(Left::Signed));
    let update = Builder::new(0x2800, [1, 0, 0, 0])
        .question("5.0.0.10.in-addr.arpa", SOA)
        .bytes;
    assert_eq!(listed(&update), Err(Left::Other));
    assert!(!interesting(&update));
}

/// PROTOCOLS B3, rows "PTR query" and "PTR answer"; RFC 1035 sections 3.5 and 4.1.4.
#[test]
fn names_in_reverse_change_their_length_and_pointers_follow() {
    let message = |name: &str| {
        Builder::new(ANSWER, [1, 1, 1, 1])
            .question(name, kind::PTR)
            .record(name, kind::PTR, true, |to| {
                to.name("host.example.org", true);
            })
            .record("example.org", 2, true, |to| to.name("ns.example.org", true))
            .record("ns.example.org", SRV, true, |to| {
                to.bytes.extend_from_slice(&[0, 1, 0, 2, 0, 3]);
                to.name("x.example.org", true);
            })
            .bytes
    };
    let inside = message("5.0.0.10.In-Addr.ARPA");
    let outside = message("100.113.0.203.In-Addr.ARPA");
    assert_eq!(outside.len(), inside.len() + 5);
    assert!(interesting(&inside) && listed(&inside).unwrap().1.has_reverse);
    assert_eq!(written(&inside, outwards).unwrap(), outside);
    assert_eq!(written(&outside, inwards).unwrap(), inside);
    let mut asked = Vec::new();
    written(&inside, |what, address| {
        asked.push((what, address));
        None
    })
    .unwrap();
    assert_eq!(asked, [(What::Question, INSIDE), (What::Owner, INSIDE)]);
}

/// A pointer into a name that has become another: the zone of the old one, written out.
#[test]
fn what_a_name_that_changed_held_for_others_is_written_out() {
    let message = Builder::new(ANSWER, [1, 0, 2, 0])
        .question("5.0.0.10.in-addr.arpa", kind::PTR)
        .record("0.0.10.in-addr.arpa", SOA, true, |to| {
            to.name("ns.10.in-addr.arpa", true);
            to.name("me.example.org", true);
            to.bytes.extend_from_slice(&[7; 20]);
        })
        .record("0.0.10.in-addr.arpa", TXT, true, |_| ())
        .bytes;
    let there = written(&message, outwards).unwrap();
    let mut expected = meant(&message);
    expected[1] = expected[1].replace("5.0.0.10.", "100.113.0.203.");
    assert_eq!(meant(&there), expected);
    assert_eq!(meant(&written(&there, inwards).unwrap()), meant(&message));
}

/// Only whole addresses as they are written are read as such.
#[test]
fn other_names_under_in_addr_arpa_are_not_addresses() {
    for name in [
        "0.0.10.in-addr.arpa",
        "1.5.0.0.10.in-addr.arpa",
        "5.0.0.256.in-addr.arpa",
        "05.0.0.10.in-addr.arpa",
        "5.0.0.10.in-addr.arpa.org",
        "5.0.0.10.in-addr",
        "5.0.0.10.ip6.arpa",
        "5.0.0.1x.in-addr.arpa",
        "",
    ] {
        let message = Builder::new(QUERY, [1, 0, 0, 0])
            .question(name, kind::PTR)
            .bytes;
        assert!(!listed(&message).unwrap().1.has_reverse, "{name}");
        assert_eq!(written(&message, |_, _| Some(OUTSIDE)).unwrap(), message);
    }
}

/// RFC 1035 section 4.1.4: a pointer leads to a prior place. Loops, and names over 255 bytes.
#[test]
fn names_that_cannot_be_are_refused() {
    let question = |name: &[u8]| {
        let mut bytes = Builder::new(QUERY, [1, 0, 0, 0]).bytes;
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&[0, 12, 0, 1]);
        bytes
    };
    let long = [&[63; 64][..]; 4].concat();
    for (name, left) in [
        (&[0xc0, 12][..], Left::BadName),
        (&[0xc0, 14, 0], Left::BadName),
        (&[0xc0, 0], Left::BadName),
        (&[1, b'a', 0xc0, 12], Left::BadName),
        (&[0x40, 0], Left::BadName),
        (&[0x80, 0], Left::BadName),
        (&[63, b'a'], Left::Truncated),
        (&[&long[..], &[0]].concat(), Left::BadName),
        (&[&long[..192], &[62; 63], &[0]].concat(), Left::BadName),
    ] {
        assert_eq!(listed(&question(name)), Err(left), "{name:?}");
        assert_eq!(
            written(&question(name), outwards),
            Err(left.into()),
            "{name:?}"
        );
    }
    let longest = [&long[..192], &[61; 62], &[0]].concat();
    assert!(listed(&question(&longest)).is_ok());
    // Two names that lead into each other.
    let mut twice = Builder::new(ANSWER, [1, 1, 0, 0])
        .question("a", kind::A)
        .bytes;
    twice.extend_from_slice(&[1, b'b', 0xc0, 19, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(listed(&twice), Err(Left::BadName));
}

/// REQUIREMENTS G6: any cut is found out, nothing is read behind the last record.
#[test]
fn messages_end_where_their_counts_say() {
    let message = Builder::new(ANSWER, [1, 1, 0, 0])
        .question("5.0.0.10.in-addr.arpa", kind::PTR)
        .record("5.0.0.10.in-addr.arpa", kind::PTR, true, |to| {
            to.name("a.org", true);
        })
        .bytes;
    for len in 0..message.len() {
        assert_eq!(listed(&message[..len]), Err(Left::Truncated), "{len}");
    }
    let mut more = message.clone();
    more.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 10, 0, 0, 5]);
    assert_eq!(listed(&more).unwrap().0, []);
    let there = written(&more, outwards).unwrap();
    assert_eq!(there[there.len() - 16..], more[message.len()..]);
    // A name that goes on behind the data it is in.
    let mut short = message;
    let data = short.len() - 8;
    short[data..data + 2].copy_from_slice(&[0, 3]);
    assert!(matches!(
        written(&short, outwards),
        Err(RewriteError::Left(_))
    ));
}

#[test]
fn too_many_addresses_are_for_rewriting() {
    let mut builder = Builder::new(ANSWER, [1, 200, 0, 0]).question("a.org", kind::A);
    for _ in 0..200 {
        builder = builder.address("a.org", [10, 0, 0, 5]);
    }
    assert_eq!(listed(&builder.bytes), Err(Left::Many));
    let there = written(&builder.bytes, outwards).unwrap();
    let changed = there
        .windows(4)
        .filter(|four| **four == OUTSIDE.to_be_bytes());
    assert_eq!((there.len(), changed.count()), (builder.bytes.len(), 200));
}

/// PROTOCOLS B3, row "A answer": what nothing can stand for goes, and is not counted.
#[test]
fn records_without_an_address_are_left_out() {
    let message = Builder::new(ANSWER, [1, 2, 1, 2])
        .question("a.org", kind::A)
        .address("b.a.org", [10, 0, 0, 9])
        .address("b.a.org", [10, 0, 0, 5])
        .record("a.org", 2, true, |to| to.name("b.a.org", true))
        .address("c.a.org", [10, 0, 0, 9])
        .address("b.a.org", [10, 0, 0, 5])
        .bytes;
    let mut out = [0; 300];
    let len = rewrite(
        &message,
        None,
        |_, address| match address {
            INSIDE => New::Address(OUTSIDE),
            _ => New::Nothing,
        },
        &mut out,
    )
    .unwrap();
    let expected = Builder::new(ANSWER, [1, 1, 1, 1])
        .question("a.org", kind::A)
        .address("b.a.org", OUTSIDE.to_be_bytes())
        .record("a.org", 2, true, |to| to.name("b.a.org", true))
        .address("b.a.org", OUTSIDE.to_be_bytes())
        .bytes;
    assert_eq!(meant(&out[..len]), meant(&expected));
}

/// Nobody waits for the rest of what can be no message.
#[test]
fn other_streams_begin_no_message() {
    let query = Builder::new(QUERY, [1, 0, 0, 0])
        .question("a.org", kind::A)
        .bytes;
    let query = [&[0, 23], query.as_slice()].concat();
    assert_eq!(frame(&query).map(|span| span.end), Some(query.len()));
    for len in 0..=query.len() {
        assert!(may_begin(&query[..len]), "{len} bytes");
    }
    for other in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail.example.org ESMTP\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"\0\x0b",
        &[0xff; 20],
    ] {
        assert!(!may_begin(other), "{}", other.escape_ascii());
    }
}

/// REQUIREMENTS G2: what cannot be a message is told by its header.
#[test]
fn other_bytes_are_not_plausible() {
    let query = Builder::new(QUERY, [1, 0, 0, 0])
        .question("a.org", kind::A)
        .bytes;
    assert!(plausible(&query) && plausible(&query[..HEADER_LEN + 5]));
    assert!(!plausible(&query[..HEADER_LEN]) && !plausible(b""));
    assert!(!plausible(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"));
    assert!(!plausible(&[0xff; 300]));
    let mut wrong = query;
    wrong[2] |= 0x78;
    assert!(!plausible(&wrong));
}

/// PROTOCOLS B3, row "TTL": of the whole set where one of it changes.
#[test]
fn times_to_live_are_reset_where_something_is_replaced() {
    let message = Builder::new(ANSWER, [1, 2, 0, 0])
        .question("a.org", kind::A)
        .address("a.org", [10, 0, 0, 5])
        .address("a.org", [10, 0, 0, 9])
        .bytes;
    let mut out = [0; 200];
    let len = rewrite(&message, Some(1), outwards, &mut out).unwrap();
    assert_eq!(out[len - 30..len - 22], [0, 1, 0, 1, 0, 0, 0, 1]);
    assert_eq!(out[len - 14..len - 6], [0, 1, 0, 1, 0, 0, 0, 1][..]);
    let (found, _) = listed(&message).unwrap();
    let mut in_place = message.clone();
    for finding in &found {
        reset_ttl(&mut in_place, finding.span, 1);
    }
    in_place[found[0].span.start..found[0].span.end].copy_from_slice(&OUTSIDE.to_be_bytes());
    assert_eq!(in_place, out[..len]);
    reset_ttl(&mut in_place, Span::new(3, 4), 1);
    assert_eq!(in_place, out[..len]);
}

/// PROTOCOLS B3: "UDP answer > 512: truncate, set TC" and "answer REFUSED".
#[test]
fn answers_without_records_keep_their_question() {
    let message = Builder::new(ANSWER, [1, 1, 0, 0])
        .question("5.0.0.10.in-addr.arpa", kind::PTR)
        .record("5.0.0.10.in-addr.arpa", kind::PTR, true, |to| {
            to.name("a.org", true);
        })
        .bytes;
    let mut out = [0; 40];
    assert_eq!(
        rewrite(&message, None, outwards, &mut out),
        Err(RewriteError::NoRoom)
    );
    let mut truncated = message.clone();
    let len = truncate(&mut truncated).unwrap();
    truncated.truncate(len);
    let question = |flags| {
        Builder::new(flags, [1, 0, 0, 0])
            .question("5.0.0.10.in-addr.arpa", kind::PTR)
            .bytes
    };
    assert_eq!(truncated, question(ANSWER | 0x0200));
    let mut refused = question(QUERY);
    assert_eq!(refuse(&mut refused), Ok(refused.len()));
    assert_eq!(refused, question(0x8105));
}

/// RFC 1035 section 4.2.2.
#[test]
fn messages_on_tcp_have_their_length_before_them() {
    assert_eq!(frame(b""), None);
    assert_eq!(frame(b"\0"), None);
    assert_eq!(frame(b"\0\x03ab"), None);
    assert_eq!(frame(b"\0\x03abc\0"), Some(Span::new(2, 3)));
    assert_eq!(frame(b"\0\0"), Some(Span::new(2, 0)));
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let name = || {
        prop::sample::select(vec![
            "5.0.0.10.in-addr.arpa",
            "100.113.0.203.in-addr.arpa",
            "6.0.0.10.in-addr.arpa",
            "0.0.10.in-addr.arpa",
            "113.0.203.in-addr.arpa",
            "in-addr.arpa",
            "example.org",
            "www.example.org",
            "org",
            "",
        ])
    };
    let kinds = prop::sample::select(vec![kind::A, kind::PTR, CNAME, SOA, MX, TXT, SRV, 99]);
    let record = (name(), kinds, name(), any::<bool>());
    (any::<bool>(), name(), prop::collection::vec(record, 0..12)).prop_map(
        |(is_response, question, records)| {
            let count = u16::try_from(records.len()).unwrap();
            let flags = if is_response { ANSWER } else { QUERY };
            let mut builder = Builder::new(flags, [1, count, 0, 0]).question(question, kind::PTR);
            for (owner, kind, target, compress) in records {
                builder = builder.record(owner, kind, compress, |to| {
                    let (before, names) = record::names_of(kind);
                    to.bytes.extend_from_slice(&[9, 8, 7, 6, 5, 4][..before]);
                    for _ in 0..names {
                        to.name(target, compress);
                    }
                    match kind {
                        kind::A => to.bytes.extend_from_slice(&INSIDE.to_be_bytes()),
                        SOA => to.bytes.extend_from_slice(&[3; 20]),
                        _ => {}
                    }
                });
            }
            builder.bytes
        },
    )
}

/// Bytes of messages with some of them changed.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (
        messages(),
        prop::collection::vec(change, 0..4),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut bytes, changes, end)| {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if !changes.is_empty() && changes[0].1 % 4 == 0 {
                bytes.truncate(end.index(bytes.len() + 1));
            }
            bytes
        })
}

fn both(_: What, address: u32) -> Option<u32> {
    outwards(What::Answer, address).or_else(|| inwards(What::Answer, address))
}

proptest! {
    #[test]
    fn a_rewrite_means_the_same_with_other_addresses(message in messages()) {
        let there = written(&message, both).unwrap();
        let is_response = message[2] & RESPONSE != 0;
        let swap = |text: &str| match text.split_once(' ') {
            Some(("5.0.0.10.in-addr.arpa", rest)) => format!("100.113.0.203.in-addr.arpa {rest}"),
            Some(("100.113.0.203.in-addr.arpa", rest)) => format!("5.0.0.10.in-addr.arpa {rest}"),
            _ => text.to_string(),
        };
        let mut expected = meant(&message);
        for (place, text) in expected.iter_mut().enumerate() {
            if place == 1 || is_response {
                *text = swap(text);
            }
            if is_response && text.contains(" [0, 1, 0, 1, ") {
                *text = text.replace("[10, 0, 0, 5]", "[203, 0, 113, 100]");
            }
        }
        prop_assert_eq!(meant(&there), expected);
        prop_assert_eq!(meant(&written(&there, both).unwrap()), meant(&message));
    }

    /// REQUIREMENTS G6: to the byte, unless a pointer led into a name that changed, or a
    /// name went on behind one.
    #[test]
    fn a_rewrite_and_its_inverse_give_the_original(
        question in prop::sample::select(vec!["5.0.0.10.in-addr.arpa", "100.113.0.203.in-addr.arpa", "a.org"]),
        records in prop::collection::vec((any::<bool>(), any::<bool>()), 0..10),
    ) {
        let count = u16::try_from(records.len()).unwrap();
        let mut builder = Builder::new(ANSWER, [1, count, 0, 0]).question(question, kind::PTR);
        for (address, compress) in records {
            builder = if address {
                builder.address(question, INSIDE.to_be_bytes())
            } else {
                builder.record(question, kind::PTR, compress, |to| to.name("host.a.org", compress))
            };
        }
        let there = written(&builder.bytes, both).unwrap();
        prop_assert_eq!(written(&there, both).unwrap(), builder.bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        message in prop_oneof![broken(), prop::collection::vec(any::<u8>(), 0..64)],
        room in 0_usize..600,
    ) {
        let scanned = listed(&message);
        let mut out = vec![0; room];
        let rewritten = rewrite(&message, Some(0), |_, _| Some(OUTSIDE), &mut out);
        if let Ok(len) = rewritten {
            prop_assert!(len <= room);
        }
        if !interesting(&message) && let Ok((found, summary)) = scanned {
            prop_assert!(found.is_empty() && !summary.has_reverse);
        }
        if let Ok(len) = truncate(&mut message.clone()) {
            prop_assert!(len <= message.len());
        }
    }
}
