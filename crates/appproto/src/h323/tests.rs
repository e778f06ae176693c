//! Vectors of another encoder, recorded messages, and whatever else comes.

use std::vec::Vec;
use std::{env, format, fs, string::String};

use proptest::prelude::*;

use super::*;
use crate::testing::{check, feed, splice, swap};

/// Made and encoded by other means: `tests/h323/vectors.py`.
const VECTORS: &str = include_str!("vectors.txt");

struct Vector {
    service: Service,
    transport: Transport,
    expected: Vec<String>,
    message: Vec<u8>,
}

fn vectors(text: &str) -> Vec<Vector> {
    text.lines().map(vector).collect()
}

fn vector(line: &str) -> Vector {
    let mut words = line.split(' ');
    let (service, transport) = match words.next() {
        Some("ras") => (Service::Ras, Transport::Udp),
        Some("call") => (Service::CallSignalling, Transport::Tcp),
        _ => (Service::MediaControl, Transport::Tcp),
    };
    let expected = words.next().unwrap_or_default();
    Vector {
        service,
        transport,
        expected: expected
            .split(',')
            .filter(|one| *one != "-")
            .map(String::from)
            .collect(),
        message: hex(words.next().unwrap_or_default()),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|two| u8::from_str_radix(&String::from_iter(two), 16).unwrap())
        .collect()
}

fn look(service: Service, transport: Transport, bytes: &[u8]) -> (Vec<Finding>, Scan, usize) {
    let mut found = Findings::new();
    let mut messages = 0;
    let scan = scan(
        service,
        transport,
        &mut State::default(),
        Sender::Client,
        bytes,
        &mut found,
        |message| {
            assert!(!message.name().is_empty());
            messages += 1;
        },
    );
    check(bytes, &found);
    (found.to_vec(), scan, messages)
}

/// As the vectors write it.
fn told(finding: &Finding) -> String {
    let Endpoint { address, port } = finding.endpoint;
    let kind = match finding.role {
        Role::Leads(Service::Ras, _) => 'r',
        Role::Leads(Service::CallSignalling, channel) if channel.transport == Transport::Udp => 'e',
        Role::Leads(Service::CallSignalling, _) => 's',
        Role::Leads(Service::MediaControl, _) => 'c',
        Role::Names(Transport::Tcp) => 't',
        Role::Names(Transport::Udp) => 'u',
        Role::Listens(channel) if channel.transport == Transport::Tcp => 'k',
        Role::Listens(_) => 'm',
        _ => '?',
    };
    format!("{address:08x}{port:04x}{kind}")
}

fn compare(vectors: &[Vector]) {
    let wrong: Vec<String> = vectors
        .iter()
        .enumerate()
        .filter_map(|(nth, vector)| {
            let (found, scan, messages) = look(vector.service, vector.transport, &vector.message);
            let listed: Vec<String> = found.iter().map(told).collect();
            (listed != vector.expected || (scan, messages) != (Scan::Complete, 1))
                .then(|| format!("{}: {listed:?} not {:?}", nth + 1, vector.expected))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for vector in vectors {
        let (found, ..) = look(vector.service, vector.transport, &vector.message);
        for finding in &found {
            let written = finding.form.write(finding.endpoint);
            assert_eq!(finding.span.of(&vector.message), written.as_slice());
        }
    }
}

/// Of recorded calls and registrations, as tshark reads them; and what had something broken tunnelled.
const CAPTURED: &str = include_str!("captured.txt");

#[test]
fn what_was_recorded_is_found() {
    compare(&vectors(CAPTURED));
}

#[test]
fn what_another_encoder_has_written_is_found() {
    let mine = env::var("H323_VECTORS").map(|path| fs::read_to_string(path).unwrap());
    compare(&vectors(mine.as_deref().unwrap_or(VECTORS)));
}

/// What is changed is read again as it was changed to, and changed back is what it was.
#[test]
fn splicing_there_and_back_is_nothing() {
    for vector in vectors(VECTORS) {
        let (found, ..) = look(vector.service, vector.transport, &vector.message);
        let there = splice(&vector.message, &found, swap);
        assert_eq!(there.len(), vector.message.len());
        let (again, ..) = look(vector.service, vector.transport, &there);
        assert_eq!(again.len(), found.len());
        for (one, other) in found.iter().zip(&again) {
            assert_eq!(swap(one.endpoint), other.endpoint);
            assert_eq!(one.span, other.span);
        }
        assert_eq!(splice(&there, &again, swap), vector.message);
    }
}

#[test]
fn a_message_cut_short_is_left_whole() {
    for vector in vectors(VECTORS) {
        if vector.transport == Transport::Udp {
            for len in 0..vector.message.len() {
                let (found, scan, _) =
                    look(vector.service, vector.transport, &vector.message[..len]);
                assert!(found.is_empty() || scan == Scan::Complete);
            }
            continue;
        }
        for len in 1..vector.message.len() {
            let (found, scan, _) = look(vector.service, vector.transport, &vector.message[..len]);
            assert!(found.is_empty() && scan == Scan::NeedMore { from: 0 });
        }
    }
}

#[test]
fn sessions_of_something_else_are_released() {
    for bytes in [&b"GET / HTTP/1.1\r\n"[..], &[3, 1, 0, 8], &[3, 0, 0, 3]] {
        for service in [Service::CallSignalling, Service::MediaControl] {
            let (_, scan, _) = look(service, Transport::Tcp, bytes);
            assert_eq!(scan, Scan::Release);
        }
    }
    let (_, scan, _) = look(Service::Ras, Transport::Udp, &[]);
    assert_eq!(scan, Scan::Release);
}

/// Who has spoken RAS before may send what is not understood.
#[test]
fn one_strange_datagram_releases_no_session() {
    let ras = vectors(VECTORS)
        .into_iter()
        .find(|vector| vector.service == Service::Ras)
        .unwrap();
    let mut state = State::default();
    for (bytes, expected) in [
        (&[][..], Scan::Release),
        (&ras.message[..], Scan::Complete),
        (&[], Scan::Complete),
    ] {
        let scanned = scan(
            Service::Ras,
            Transport::Udp,
            &mut state,
            Sender::Client,
            bytes,
            &mut Findings::new(),
            |_| {},
        );
        assert_eq!(scanned, expected);
    }
}

/// A message without anything of H.323 (Q.931 alone), and an empty frame.
#[test]
fn messages_without_user_information_pass() {
    let (found, scan, messages) = look(
        Service::CallSignalling,
        Transport::Tcp,
        &hex("0300000c 0802 1234 7d 0801 80 0300 0004"),
    );
    assert_eq!((found.len(), scan, messages), (0, Scan::Complete, 1));
}

/// Of two elements of fast start any one is made unreadable: the other one's places are found.
#[test]
fn what_is_tunnelled_and_cannot_be_read_affects_itself_alone() {
    let all = vectors(CAPTURED);
    let setup = all.iter().find(|vector| {
        let media = vector.expected.iter().filter(|one| one.ends_with('m'));
        vector.service == Service::CallSignalling && media.count() == 3
    });
    let message = &setup.unwrap().message;
    let (found, ..) = look(Service::CallSignalling, Transport::Tcp, message);
    let mut alone = 0;
    for (at, bit) in
        (found[1].span.start..message.len()).flat_map(|at| (0..8).map(move |bit| (at, bit)))
    {
        let mut broken = message.clone();
        broken[at] ^= 1 << bit;
        let (left, scan, messages) = look(Service::CallSignalling, Transport::Tcp, &broken);
        assert_eq!(scan, Scan::Complete);
        let media = left
            .iter()
            .filter(|one| matches!(one.role, Role::Listens(_)));
        // What cannot be read at all has nothing, and else one or both elements.
        if messages == 1 && media.count() < 3 {
            assert!(left.len() >= 2, "{at} {bit} {left:?}");
            alone += 1;
        }
    }
    assert!(alone > 20, "{alone}");
}

proptest! {
    #[test]
    fn any_bytes_are_read(
        service in prop_oneof![Just(Service::Ras), Just(Service::CallSignalling), Just(Service::MediaControl)],
        udp: bool,
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let transport = if udp { Transport::Udp } else { Transport::Tcp };
        look(service, transport, &bytes);
    }

    #[test]
    fn messages_with_changes_are_read(nth: usize, changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let all = vectors(VECTORS);
        let vector = &all[nth % all.len()];
        let mut message = vector.message.clone();
        let len = message.len();
        for (at, byte) in changes {
            message[at % len] = byte;
        }
        look(vector.service, vector.transport, &message);
        look(vector.service, Transport::Udp, message.get(4..).unwrap_or_default());
    }

    /// However a stream comes, the same is found in it.
    #[test]
    fn cuts_change_nothing(
        control: bool,
        chosen in prop::collection::vec(any::<usize>(), 1..5),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let service = if control { Service::MediaControl } else { Service::CallSignalling };
        let all: Vec<Vector> = vectors(VECTORS).into_iter().filter(|vector| vector.service == service).collect();
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for nth in chosen {
            let vector = &all[nth % all.len()];
            stream.extend_from_slice(&vector.message);
            expected.extend_from_slice(&vector.expected);
        }
        let mut state = State::default();
        let (found, released) = feed(&stream, &cuts, |bytes, found| {
            scan(service, Transport::Tcp, &mut state, Sender::Server, bytes, found, |_| {})
        });
        let listed: Vec<String> = found.iter().map(told).collect();
        prop_assert_eq!(listed, expected);
        prop_assert!(!released);
    }
}
