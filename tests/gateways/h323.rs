//! H.323 (PROTOCOLS B7): calls of an inside host, with a peer and by a gatekeeper.
//!
//! The messages are another encoder's: `tests/h323/calls.py`.

use testkit::{Seen, udp};
use tests::Pipe;

use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{knocks, strict, tally, through};

const MESSAGES: &str = include_str!("h323.txt");

const OWN: [u8; 4] = [10, 64, 0, 7];
const PEER: [u8; 4] = [192, 0, 2, 9];
const RAS: &str = "192.0.2.1:1719";

fn message(name: &str) -> Vec<u8> {
    let line = MESSAGES.lines().find_map(|line| {
        let (found, hex) = line.split_once(' ')?;
        (found == name).then_some(hex)
    });
    let hex = line.unwrap_or_else(|| panic!("no message {name}"));
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn place(address: [u8; 4], port: u16) -> Vec<u8> {
    [&address[..], &port.to_be_bytes()].concat()
}

fn place_of(endpoint: &str) -> Vec<u8> {
    let endpoint: std::net::SocketAddrV4 = endpoint.parse().unwrap();
    place(endpoint.ip().octets(), endpoint.port())
}

/// A message with other endpoints in it.
fn with(message: &[u8], changes: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut new = message.to_vec();
    for at in 0..message.len() {
        for (from, to) in changes {
            if message[at..].starts_with(from) {
                new[at..at + to.len()].copy_from_slice(to);
            }
        }
    }
    new
}

/// What an endpoint of the host's has become, wherever it stands in a message.
#[track_caller]
fn became(sent: &[u8], seen: &[u8], port: u16) -> String {
    let own = place(OWN, port);
    let mut all: Vec<&[u8]> = (0..sent.len())
        .filter(|at| sent[*at..].starts_with(&own))
        .map(|at| &seen[at..at + 6])
        .collect();
    all.dedup();
    assert_eq!(all.len(), 1, "one name for {port}: {all:?}");
    let [a, b, c, d, high, low] = all[0] else {
        panic!("six bytes")
    };
    format!("{a}.{b}.{c}.{d}:{}", u16::from_be_bytes([*high, *low]))
}

/// The host's message leaves as long as it is, without any inside address.
#[track_caller]
fn leaves(talk: &mut Talk, nat: &mut Pipe, message: &[u8]) -> Seen {
    let seen = talk.sends(nat, Inside, message);
    hides(message, &seen);
    seen
}

#[track_caller]
fn hides(message: &[u8], seen: &Seen) {
    assert_eq!(seen.payload.len(), message.len());
    assert!(!seen.payload.windows(4).any(|bytes| bytes == OWN));
}

/// Media from anybody come in there, RTP and RTCP; nothing does beside them.
#[track_caller]
fn hears(nat: &mut Pipe, outside: &str, port: u16) {
    let (address, first) = outside.split_once(':').unwrap();
    let first: u16 = first.parse().unwrap();
    assert_eq!(first % 2, port % 2);
    for nth in 0..2 {
        let packet = udp(&format!(
            "192.0.2.9:{} > {address}:{}",
            6000 + nth,
            first + nth
        ));
        let seen = nat.outside(packet).forwarded();
        assert!(seen.dst == &*format!("10.64.0.7:{}", port + nth));
    }
}

/// Ports of the doors inside, sorted.
fn doors(nat: &mut Pipe) -> Vec<String> {
    let rows = nat.show("doors");
    let mut all: Vec<String> = rows
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["protocol"].as_str().unwrap(),
                row["inside"].as_str().unwrap()
            )
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_call_with_fast_start_opens_what_it_offers() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
    let setup = message("setup_fast");
    let seen = leaves(&mut talk, &mut nat, &setup);
    assert_eq!(became(&setup, &seen.payload, 30_001), talk.outside());
    let rtp = became(&setup, &seen.payload, 5000);
    let rtcp = became(&setup, &seen.payload, 5001);
    assert_eq!(
        doors(&mut nat),
        ["udp 10.64.0.7:5000", "udp 10.64.0.7:5001"]
    );
    hears(&mut nat, &rtp, 5000);
    // The peer gives back where the host receives.
    let connect = message("connect_fast");
    let told = with(&connect, &[(place(OWN, 5000), place_of(&rtp))]);
    let seen = talk.sends(&mut nat, Outside, &told);
    assert_eq!(seen.payload, connect);
    assert_ne!(rtp, rtcp);
    let [messages, rewritten, opened, promoted, bypassed, errors] = tally(&mut nat, "h323");
    assert_eq!([messages, rewritten, bypassed, errors], [2, 2, 0, 0]);
    assert_eq!((opened, promoted), (2, 2));
}

/// A tunnelled message that cannot be read hides nothing behind it.
#[test]
fn media_control_in_call_signalling_is_read() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
    leaves(&mut talk, &mut nat, &message("setup"));
    assert!(doors(&mut nat).is_empty());
    let offer = message("facility_tunnelled");
    let seen = leaves(&mut talk, &mut nat, &offer);
    let rtcp = became(&offer, &seen.payload, 5003);
    assert_eq!(
        doors(&mut nat),
        ["udp 10.64.0.7:5002", "udp 10.64.0.7:5003"]
    );
    let accept = message("tunnelled_accept");
    let seen = leaves(&mut talk, &mut nat, &accept);
    assert_eq!(became(&accept, &seen.payload, 5003), rtcp);
    let rtp = became(&accept, &seen.payload, 5002);
    hears(&mut nat, &rtp, 5002);
    assert_eq!(tally(&mut nat, "h323")[5], 0);
}

fn datagram(nat: &mut Pipe, name: &str) -> Seen {
    let packet = udp(&format!("10.64.0.7:1719 > {RAS}")).payload(&message(name));
    through(nat.inside(packet))
}

fn answer(nat: &mut Pipe, to: &str, name: &str) {
    let packet = udp(&format!("{RAS} > {to}")).payload(&message(name));
    let seen = nat.outside(packet).forwarded();
    assert_eq!(seen.payload, message(name));
}

/// Registered, admitted, called by way of the gatekeeper at a port that only its answer tells, and
/// with media control on a connection of its own to another such port.
#[test]
fn a_call_by_a_gatekeeper_is_followed_from_one_session_to_the_next() {
    let mut nat = Pipe::new(&strict());
    let register = message("register");
    let seen = datagram(&mut nat, "register");
    hides(&register, &seen);
    let own = seen.src.to_string();
    answer(&mut nat, &own, "registered");
    hides(&message("admit"), &datagram(&mut nat, "admit"));
    answer(&mut nat, &own, "admitted");
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.1:2720");
    leaves(&mut talk, &mut nat, &message("setup"));
    talk.says(&mut nat, Outside, &message("connect_control"));
    let mut control = Talk::open(&mut nat, "10.64.0.7:30002", "192.0.2.9:7100");
    let channel = message("channel");
    let seen = leaves(&mut control, &mut nat, &channel);
    let rtcp = became(&channel, &seen.payload, 5005);
    control.says(&mut nat, Outside, &message("peer_channel"));
    let accept = message("accept");
    let seen = leaves(&mut control, &mut nat, &accept);
    control.says(&mut nat, Outside, &message("peer_accept"));
    assert_eq!(became(&accept, &seen.payload, 5005), rtcp);
    hears(&mut nat, &became(&accept, &seen.payload, 5004), 5004);
    assert_eq!(
        doors(&mut nat),
        [
            "tcp 10.64.0.7:1720",
            "udp 10.64.0.7:1719",
            "udp 10.64.0.7:5004",
            "udp 10.64.0.7:5005",
        ]
    );
    // Fax over TCP, offered with where it is received.
    let fax = message("channel_fax");
    let seen = leaves(&mut control, &mut nat, &fax);
    let outside = became(&fax, &seen.payload, 5900);
    let seen = knocks(&mut nat, "192.0.2.9:6900", &outside).forwarded();
    assert!(seen.dst == "10.64.0.7:5900");
    assert_eq!(tally(&mut nat, "h323")[5], 0);
}

/// A datagram of call signalling: each message behind a header of so many bytes. Where a message
/// may begin there is nothing behind it.
fn annex_e(header: usize, names: &[&str]) -> Vec<u8> {
    let headers = [[8, 2, 5], [0, 0x7e, 0x80]].concat().repeat(8);
    let messages = names.iter().map(|name| {
        // Without TPKT.
        let message = message(name).split_off(4);
        [&headers[..header], &message].concat()
    });
    messages.collect::<Vec<_>>().concat()
}

/// H.323 Annex E: one message, or several, behind headers of several lengths, and none at 1720.
#[test]
fn calls_over_udp_are_read_behind_any_header() {
    for port in [1720, 2517] {
        for header in [0, 1, 5, 8, 12, 20, 48] {
            let mut nat = Pipe::new(&strict());
            let own = "10.64.0.7:30001";
            let peer = format!("192.0.2.9:{port}");
            let send = |bytes: &[u8]| udp(&format!("{own} > {peer}")).payload(bytes);
            // An acknowledgement comes first.
            let seen = through(nat.inside(send(&[0; 12])));
            assert_eq!(seen.payload, [0; 12]);
            let sent = annex_e(
                header,
                &["facility_tunnelled", "setup_fast", "tunnelled_accept"],
            );
            let seen = through(nat.inside(send(&sent)));
            hides(&sent, &seen);
            let outside = seen.src.to_string();
            assert_eq!(became(&sent, &seen.payload, 30_001), outside);
            let rtp = became(&sent, &seen.payload, 5000);
            hears(&mut nat, &rtp, 5000);
            hears(&mut nat, &became(&sent, &seen.payload, 5002), 5002);
            // Whoever did not choose the reference sets its highest bit.
            let reference = |high: u8| vec![8, 2, high, 0x34, 7];
            let connect = annex_e(header, &["connect_fast"]);
            let connect = with(&connect, &[(reference(0x12), reference(0x92))]);
            let told = with(&connect, &[(place(OWN, 5000), place_of(&rtp))]);
            let back = udp(&format!("{peer} > {outside}")).payload(&told);
            assert_eq!(through(nat.outside(back)).payload, connect);
            assert_eq!(doors(&mut nat).len(), 4);
            through(nat.inside(send(&annex_e(header, &["released"]))));
            assert_eq!(doors(&mut nat), [""; 0]);
            let [messages, rewritten, .., bypassed, errors] = tally(&mut nat, "h323");
            assert_eq!([messages, rewritten, bypassed, errors], [5, 2, 0, 0]);
        }
    }
}

/// What is no message to its last byte is not touched, and let go if nothing else comes.
#[test]
fn other_datagrams_on_the_ports_of_calls_pass_as_they_are() {
    let setup = annex_e(0, &["setup_fast"]);
    let cut = setup[..setup.len() - 1].to_vec();
    let changed = |at: usize, byte: u8| {
        let mut other = setup.clone();
        other[at] = byte;
        other
    };
    let others = [
        cut,
        // The length of the call reference, a type, an element behind User-User, and its discriminator.
        changed(1, 1),
        changed(4, 0x0f),
        changed(10, 0x7f),
        changed(19, 4),
    ];
    assert_eq!(setup[16..20], [0x7e, 0, setup[18], 5]);
    for sent in others {
        let mut nat = Pipe::new(&strict());
        for nth in 0..8 {
            let packet = udp("10.64.0.7:30001 > 192.0.2.9:2517").payload(&sent);
            assert_eq!(through(nat.inside(packet)).payload, sent, "{nth}");
        }
        let [messages, rewritten, opened, _, bypassed, _] = tally(&mut nat, "h323");
        assert_eq!([messages, rewritten, opened, bypassed], [0, 0, 0, 1]);
    }
}

/// H.225.0: where calls go over UDP is said in RAS, both ways.
#[test]
fn calls_over_udp_go_where_ras_has_said() {
    let mut nat = Pipe::new(&strict());
    let register = message("register_udp");
    let seen = datagram(&mut nat, "register_udp");
    hides(&register, &seen);
    let signalling = became(&register, &seen.payload, 2517);
    let own = seen.src.to_string();
    answer(&mut nat, &own, "registered");
    // Outside of the registration's first time.
    nat.later(880.0);
    let call = annex_e(8, &["peer_setup"]);
    let packet = udp(&format!("192.0.2.1:40000 > {signalling}")).payload(&call);
    let seen = nat.outside(packet).forwarded();
    assert!(seen.dst == "10.64.0.7:2517");
    assert_eq!(seen.payload, call);
    let own_media = [6000, 6001].map(|port| (place(PEER, port), place(OWN, port)));
    let connect = with(&annex_e(8, &["connect_fast"]), &own_media);
    let packet = udp("10.64.0.7:2517 > 192.0.2.1:40000").payload(&connect);
    let seen = through(nat.inside(packet));
    assert!(seen.src == &*signalling);
    assert!(doors(&mut nat).contains(&"udp 10.64.0.7:6000".to_owned()));
    datagram(&mut nat, "admit");
    answer(&mut nat, &own, "admitted_udp");
    let setup = annex_e(4, &["setup_fast"]);
    let packet = udp("10.64.0.7:30001 > 192.0.2.1:2519").payload(&setup);
    hides(&setup, &through(nat.inside(packet)));
    // Nobody has said so of another port.
    let packet = udp("10.64.0.7:30001 > 192.0.2.1:2521").payload(&setup);
    assert_eq!(through(nat.inside(packet)).payload, setup);
    assert_eq!(tally(&mut nat, "h323")[5], 0);
}

/// T.38 over UDP has one port: what is beside it may be another's.
#[test]
fn fax_over_udp_is_no_rtp() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
    talk.says(&mut nat, Outside, &message("connect_control"));
    let mut control = Talk::open(&mut nat, "10.64.0.7:30002", "192.0.2.9:7100");
    let fax = message("channel_fax_udp");
    let seen = leaves(&mut control, &mut nat, &fax);
    let outside = became(&fax, &seen.payload, 5910);
    assert_eq!(doors(&mut nat), ["udp 10.64.0.7:5910"]);
    let packet = udp(&format!("192.0.2.9:6910 > {outside}"));
    assert!(nat.outside(packet).forwarded().dst == "10.64.0.7:5910");
}

/// H.245: an acknowledgement does not say what its channel is for.
#[test]
fn who_accepts_fax_opens_what_was_offered() {
    for (offer, opened) in [
        ("peer_fax_tcp", &["tcp 10.64.0.7:5920"][..]),
        ("peer_fax_udp", &["udp 10.64.0.7:5920"]),
        ("peer_sound", &["udp 10.64.0.7:5920", "udp 10.64.0.7:5921"]),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
        talk.says(&mut nat, Outside, &message("connect_control"));
        let mut control = Talk::open(&mut nat, "10.64.0.7:30002", "192.0.2.9:7100");
        // The number is one of each side's own.
        leaves(&mut control, &mut nat, &message("channel"));
        control.says(&mut nat, Outside, &message("peer_fax_udp"));
        control.says(&mut nat, Outside, &message(offer));
        leaves(&mut control, &mut nat, &message("accept_fax"));
        let mut all = doors(&mut nat);
        all.retain(|door| door.contains(":592"));
        assert_eq!(all, *opened, "{offer}");
    }
}

/// H.450.2 and H.450.3: a call is sent on to the host itself, or to somebody else.
#[test]
fn transfer_and_diversion_name_what_is_known_outside() {
    let mut nat = Pipe::new(&strict());
    let seen = datagram(&mut nat, "register");
    answer(&mut nat, &seen.src.to_string(), "registered");
    let signalling = became(&message("register"), &seen.payload, 1720);
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
    for name in ["transfer", "identified", "diverted"] {
        let sent = message(name);
        let seen = leaves(&mut talk, &mut nat, &sent);
        assert_eq!(became(&sent, &seen.payload, 1720), signalling, "{name}");
        // The peer gives it back.
        let back = talk.sends(&mut nat, Outside, &seen.payload);
        assert_eq!(back.payload, sent, "{name}");
    }
    talk.says(&mut nat, Inside, &message("transfer_away"));
    assert_eq!(tally(&mut nat, "h323")[5], 0);
}

/// Whoever is transferred goes there with the gateway.
#[test]
fn a_transferred_host_is_followed() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
    talk.says(&mut nat, Outside, &message("transfer_away"));
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30003", "192.0.2.1:2721");
    leaves(&mut talk, &mut nat, &message("setup_fast"));
    assert_eq!(doors(&mut nat).len(), 2);
}

/// Sessions to the same port that nobody has led the host to are not read.
#[test]
fn other_hosts_sessions_go_without() {
    let mut nat = Pipe::new(&strict());
    let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
    talk.says(&mut nat, Outside, &message("connect_control"));
    for (from, to) in [
        ("10.64.0.8:30002", "192.0.2.9:7100"),
        ("10.64.0.7:30002", "192.0.2.9:7101"),
        ("10.64.0.7:30003", "192.0.2.10:7100"),
    ] {
        let mut other = Talk::open(&mut nat, from, to);
        other.says(&mut nat, Inside, &message("channel"));
    }
    assert!(doors(&mut nat).is_empty());
}

/// Whoever is registered is called, as long as the gatekeeper has said.
#[test]
fn a_registered_host_is_called() {
    let mut nat = Pipe::new(&strict());
    let register = message("register");
    let seen = datagram(&mut nat, "register");
    let signalling = became(&register, &seen.payload, 1720);
    let own = seen.src.to_string();
    assert_eq!(became(&register, &seen.payload, 1719), own);
    answer(&mut nat, &own, "registered");
    nat.later(880.0);
    let mut talk = Talk::come(&mut nat, "192.0.2.1:40000", &signalling);
    talk.says(&mut nat, Outside, &message("peer_setup"));
    // The host takes media control.
    let connect = with(
        &message("connect_control"),
        &[(place(PEER, 7100), place(OWN, 7000))],
    );
    let seen = leaves(&mut talk, &mut nat, &connect);
    let outside = became(&connect, &seen.payload, 7000);
    let mut control = Talk::come(&mut nat, "192.0.2.9:41000", &outside);
    let accept = message("accept");
    let seen = leaves(&mut control, &mut nat, &accept);
    hears(&mut nat, &became(&accept, &seen.payload, 5004), 5004);
    assert_eq!(tally(&mut nat, "h323")[5], 0);
    nat.wait(70.0);
    assert_eq!(doors(&mut nat), [""; 0]);
}

/// A call that is released has no doors, unless another one of its connection may need them.
#[test]
fn doors_close_with_their_call() {
    // Whoever did not choose a reference sets its highest bit.
    let of = |name: &str, call: u8, side| {
        let answers = if side == Outside { 0x80 } else { 0 };
        let reference = vec![8, 2, 0x12 | answers, call];
        with(&message(name), &[(vec![8, 2, 0x12, 0x34], reference)])
    };
    for side in [Inside, Outside] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
        for call in [1, 2] {
            leaves(&mut talk, &mut nat, &of("setup_fast", call, Inside));
            talk.says(&mut nat, side, &of("released", call + 1, side));
            assert_eq!(doors(&mut nat).len(), 2);
            talk.says(&mut nat, side, &of("released", call, side));
            assert_eq!(doors(&mut nat), [""; 0]);
        }
        leaves(&mut talk, &mut nat, &of("setup_fast", 3, Inside));
        leaves(&mut talk, &mut nat, &of("setup", 4, Inside));
        talk.says(&mut nat, side, &of("released", 4, side));
        talk.says(&mut nat, side, &of("released", 3, side));
        assert_eq!(doors(&mut nat).len(), 2);
    }
}

/// Whether it is read here or, because a message came in parts, on the slow path.
#[test]
fn doors_close_with_media_control() {
    let channel = message("channel");
    for first in [channel.len(), 9] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
        talk.says(&mut nat, Outside, &message("connect_control"));
        let control = Talk::open(&mut nat, "10.64.0.7:30002", "192.0.2.9:7100");
        let sent = control.end(Inside).next + channel.len() as u32;
        let got = |side| match side {
            Inside => control.segment(Inside).seq(sent),
            Outside => control.segment(Outside).ack(sent),
        };
        let (one, other) = channel.split_at(first);
        let _ = nat.inside(control.segment(Inside).payload(one));
        if !other.is_empty() {
            let _ = nat.inside(got(Inside).seq(sent - other.len() as u32).payload(other));
        }
        nat.wait(0.01);
        let _ = nat.outside(got(Outside));
        let _ = nat.outside(got(Outside).fin());
        nat.wait(0.01);
        assert_eq!(doors(&mut nat).len(), 2, "{first}");
        let _ = nat.inside(got(Inside).fin());
        nat.wait(0.01);
        assert_eq!(doors(&mut nat), [""; 0], "{first}");
    }
}

/// Nobody is called who is not registered any more, with that gatekeeper.
#[test]
fn doors_close_with_the_registration() {
    for end in ["unregistered", "rejected"] {
        let mut nat = Pipe::new(&strict());
        let seen = datagram(&mut nat, "register");
        let own = seen.src.to_string();
        answer(&mut nat, &own, "registered");
        // Somebody else who has the host's outside endpoint.
        let stranger = udp(&format!("192.0.2.66:1719 > {own}")).payload(&message(end));
        nat.outside(stranger).forwarded();
        assert_eq!(doors(&mut nat).len(), 2);
        hides(&message("unregister"), &datagram(&mut nat, "unregister"));
        assert_eq!(doors(&mut nat).len(), 2);
        answer(&mut nat, &own, end);
        assert_eq!(doors(&mut nat), [""; 0]);
    }
}

/// Slipstream: other hosts' endpoints and system ports open nothing.
#[test]
fn only_the_hosts_own_ports_are_opened() {
    for to in [
        place([10, 64, 0, 8], 5005),
        place(OWN, 23),
        place(PEER, 5005),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
        talk.says(&mut nat, Outside, &message("connect_control"));
        let mut control = Talk::open(&mut nat, "10.64.0.7:30002", "192.0.2.9:7100");
        let channel = with(&message("channel"), &[(place(OWN, 5005), to)]);
        control.says(&mut nat, Inside, &channel);
        assert!(doors(&mut nat).is_empty());
        assert_eq!(tally(&mut nat, "h323")[5], 1);
    }
}

/// Many stacks send the four bytes of TPKT by themselves.
#[test]
fn messages_come_through_however_they_are_cut() {
    let all = [
        message("setup_fast"),
        vec![3, 0, 0, 4],
        message("facility_tunnelled"),
        message("tunnelled_accept"),
    ]
    .concat();
    for size in [1, 4, 50, 173, 1400] {
        let mut nat = Pipe::new(&strict());
        let talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
        let mut heard = Vec::new();
        for (nth, piece) in all.chunks(size).enumerate() {
            let next = talk.end(Inside).next + (nth * size) as u32;
            let segment = talk.segment(Inside).seq(next).payload(piece);
            let left = nat.inside(segment).left.into_iter().chain(nat.wait(0.01));
            for left in left.filter(|left| left.interface == "outside") {
                heard.extend(left.seen.payload);
            }
            if size < 1400 {
                // Who receives acknowledges.
                let ack = talk.end(Outside).expects + heard.len() as u32;
                let outcome = nat.outside(talk.segment(Outside).ack(ack));
                assert_ne!(outcome.verdict, "drop");
            }
        }
        assert_eq!(heard.len(), all.len(), "pieces of {size}");
        assert!(!heard.windows(4).any(|bytes| bytes == OWN));
        assert_eq!(doors(&mut nat).len(), 4, "pieces of {size}");
    }
}

#[test]
fn another_protocol_on_its_ports_is_let_go() {
    for (first, bytes) in [
        (Inside, &b"GET / HTTP/1.1\r\n\r\n"[..]),
        (Outside, b"SSH-2.0-OpenSSH_9.2\r\n"),
        (Inside, &[0xff; 64]),
    ] {
        let mut nat = Pipe::new(&strict());
        let mut talk = Talk::open(&mut nat, "10.64.0.7:30001", "192.0.2.9:1720");
        talk.says(&mut nat, first, bytes);
        talk.says(&mut nat, Inside, &message("setup_fast"));
        assert!(doors(&mut nat).is_empty());
        assert_eq!(tally(&mut nat, "h323")[4], 1);
    }
    let mut nat = Pipe::new(&strict());
    for bytes in [&[0xff; 40][..], &message("register")] {
        let packet = udp(&format!("10.64.0.7:1719 > {RAS}")).payload(bytes);
        assert_eq!(through(nat.inside(packet)).payload, bytes);
    }
    assert_eq!(tally(&mut nat, "h323")[4], 1);
}

/// Called at a forwarded port, it says where media control is taken.
#[test]
fn a_host_inside_is_called_by_a_port_forward() {
    let config =
        strict().fixed("protocol: tcp, inside: \"10.64.0.7:1720\", outside: \"203.0.113.20:1720\"");
    let mut nat = Pipe::new(&config);
    let mut talk = Talk::come(&mut nat, "192.0.2.9:40000", "203.0.113.20:1720");
    talk.says(&mut nat, Outside, &message("peer_setup"));
    let connect = with(
        &message("connect_control"),
        &[(place(PEER, 7100), place(OWN, 7000))],
    );
    let seen = leaves(&mut talk, &mut nat, &connect);
    let outside = became(&connect, &seen.payload, 7000);
    let mut control = Talk::come(&mut nat, "192.0.2.9:41000", &outside);
    let channel = message("channel");
    let seen = leaves(&mut control, &mut nat, &channel);
    assert_ne!(became(&channel, &seen.payload, 5005), "10.64.0.7:5005");
    assert_eq!(
        doors(&mut nat),
        [
            "tcp 10.64.0.7:7000",
            "udp 10.64.0.7:5004",
            "udp 10.64.0.7:5005"
        ]
    );
}

/// A gatekeeper inside speaks for the hosts that it is configured with, and for no others.
#[test]
fn a_gatekeeper_inside_announces_media_of_its_hosts() {
    let config = strict()
        .fixed("protocol: tcp, inside: \"10.64.0.8:1720\", outside: \"203.0.113.20:1720\"")
        .top(
            "alg: { h323: { trunks: [ { address: 10.64.0.8, media: [10.64.0.7] } ] },
  sip: { trunks: [ { address: 10.64.0.9, media: [10.64.0.7] } ] } }",
        );
    let mut nat = Pipe::new(&config);
    // Calls that it places, with media of the host's.
    let mut talk = Talk::open(&mut nat, "10.64.0.8:30001", "192.0.2.9:1720");
    let setup = message("setup_fast");
    let seen = leaves(&mut talk, &mut nat, &setup);
    hears(&mut nat, &became(&setup, &seen.payload, 5000), 5000);
    // And one that it takes, with media control of the host's.
    let mut talk = Talk::come(&mut nat, "192.0.2.9:40000", "203.0.113.20:1720");
    let connect = with(
        &message("connect_control"),
        &[(place(PEER, 7100), place(OWN, 7000))],
    );
    let seen = leaves(&mut talk, &mut nat, &connect);
    let outside = became(&connect, &seen.payload, 7000);
    let mut control = Talk::come(&mut nat, "192.0.2.9:41000", &outside);
    let accept = message("accept");
    let seen = leaves(&mut control, &mut nat, &accept);
    hears(&mut nat, &became(&accept, &seen.payload, 5004), 5004);
    assert_eq!(tally(&mut nat, "h323")[5], 0);
    let before = doors(&mut nat).len();
    let third = [10, 64, 0, 10];
    let of_third = with(&setup, &[(OWN.to_vec(), third.to_vec())]);
    for from in ["10.64.0.8:30002", "10.64.0.9:30002"] {
        let mut talk = Talk::open(&mut nat, from, "192.0.2.9:1720");
        talk.says(&mut nat, Inside, &of_third);
    }
    let mut talk = Talk::open(&mut nat, "10.64.0.9:30003", "192.0.2.9:1720");
    talk.says(
        &mut nat,
        Inside,
        &with(&setup, &[(place(OWN, 30_001), place(PEER, 30_001))]),
    );
    assert_eq!(doors(&mut nat).len(), before);
}
