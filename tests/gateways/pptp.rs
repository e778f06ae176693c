//! PPTP (RFC 2637; PROTOCOLS B11): calls by the numbers of their receivers.

use base::Counter;
use testkit::{Packet, Seen, raw};
use tests::{A, B, Config, Pipe, X};

use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{not_admitted, row, strict, tally, through};

const SERVER: &str = "192.0.2.1:1723";

/// A control message with its fields behind the header.
fn control(kind: u16, fields: &[u16], len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let words = [len as u16, 1, 0x1a2b, 0x3c4d, kind, 0];
    for (place, word) in words.iter().chain(fields).enumerate() {
        bytes[2 * place..2 * place + 2].copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

fn word(seen: &Seen, at: usize) -> u16 {
    u16::from_be_bytes([seen.payload[at], seen.payload[at + 1]])
}

/// Enhanced GRE for the receiver's number, with a sequence number.
fn gre(from: &str, to: &str, call: u16, data: &[u8]) -> Packet {
    let mut bytes = vec![0x30, 0x01, 0x88, 0x0b];
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(call.to_be_bytes());
    bytes.extend([0, 0, 0, 1]);
    bytes.extend(data);
    raw(&format!("{from} > {to}"), 47).payload(&bytes)
}

/// A control connection, and the outside address of its host.
struct Control {
    talk: Talk,
    inside: String,
    outside: String,
}

impl Control {
    fn open(nat: &mut Pipe, inside: &str, port: u16) -> Self {
        let mut talk = Talk::open(nat, &format!("{inside}:{port}"), SERVER);
        talk.says(nat, Inside, &control(1, &[0x100], 156));
        talk.says(nat, Outside, &control(2, &[0x100, 0x100], 156));
        let outside = talk.outside().split(':').next().unwrap().to_owned();
        Self {
            talk,
            inside: inside.to_owned(),
            outside,
        }
    }

    /// The inside places a call by its number, and is given the peer's; by which number the
    /// peer knows it.
    fn call(&mut self, nat: &mut Pipe, own: u16, peer: u16) -> u16 {
        let request = self.talk.sends(nat, Inside, &control(7, &[own, 1], 168));
        let outside = word(&request, 12);
        let reply = control(8, &[peer, outside, 0x100], 32);
        let reply = self.talk.sends(nat, Outside, &reply);
        assert_eq!([word(&reply, 12), word(&reply, 14)], [peer, own]);
        outside
    }

    #[track_caller]
    fn goes_out(&self, nat: &mut Pipe, peer: u16) {
        let seen = nat.inside(gre(&self.inside, X, peer, b"out")).forwarded();
        assert!(seen.src == &*self.outside && seen.dst == X, "{seen:?}");
        assert_eq!(seen.payload, gre(&self.inside, X, peer, b"out").payload);
    }

    #[track_caller]
    fn comes_in(&self, nat: &mut Pipe, outside: u16, own: u16) {
        let seen = through(nat.outside(gre(X, &self.outside, outside, b"in")));
        assert!(seen.src == X && seen.dst == &*self.inside, "{seen:?}");
        assert_eq!(seen.payload, gre(X, &self.inside, own, b"in").payload);
    }

    #[track_caller]
    fn stays_out(&self, nat: &mut Pipe, outside: u16) {
        not_admitted(nat.outside(gre(X, &self.outside, outside, b"in")));
    }
}

/// P16: several hosts with the same number at one server, each with several calls.
#[test]
fn calls_of_many_hosts_to_one_server_do_not_mix() {
    let mut nat = Pipe::new(&strict());
    let mut hosts = [A, B, "10.64.0.9"].map(|inside| Control::open(&mut nat, inside, 40000));
    let mut calls = Vec::new();
    for (number, host) in hosts.iter_mut().enumerate() {
        for own in [1, 2, 0x8000] {
            let peer = 100 + 10 * number as u16 + (own & 3);
            let outside = host.call(&mut nat, own, peer);
            calls.push((number, own, peer, outside));
        }
    }
    let mut outsides: Vec<_> = calls
        .iter()
        .map(|(number, .., outside)| (hosts[*number].outside.clone(), *outside))
        .collect();
    outsides.sort();
    outsides.dedup();
    assert_eq!(outsides.len(), calls.len());
    for _ in 0..3 {
        for (number, own, peer, outside) in &calls {
            hosts[*number].comes_in(&mut nat, *outside, *own);
            hosts[*number].goes_out(&mut nat, *peer);
        }
    }
    let [messages, _, opened, promoted, bypassed, errors] = tally(&mut nat, "pptp");
    assert_eq!(
        [messages, opened, promoted, bypassed, errors],
        [24, 9, 9, 0, 0]
    );
    nat.check_verdicts();
}

/// Without its gateway the second host's call has no way back.
#[test]
fn without_the_gateway_one_host_alone_has_calls() {
    let mut nat = Pipe::new(
        &strict()
            .pool("prefixes", "[203.0.113.2/32]")
            .rule("protocols", "[tcp, udp, icmp, gre]")
            .top("alg: { pptp: off }"),
    );
    assert_eq!(row(&mut nat, "pptp")["enabled"], false);
    let address = nat
        .inside(gre(A, X, 5, b"out"))
        .forwarded()
        .src
        .ip()
        .to_string();
    nat.outside(gre(X, &address, 7, b"in")).forwarded();
    assert_eq!(nat.inside(gre(B, X, 6, b"out")).reason, "drop.address_pair");
}

/// The door admits the server of the control connection alone, by that number alone.
#[test]
fn only_the_peer_comes_in_and_only_by_its_number() {
    let mut nat = Pipe::new(&strict());
    let mut host = Control::open(&mut nat, A, 40000);
    let outside = host.call(&mut nat, 1, 100);
    host.stays_out(&mut nat, outside ^ 1);
    not_admitted(nat.outside(gre("192.0.2.2", &host.outside, outside, b"in")));
    host.comes_in(&mut nat, outside, 1);
}

/// Clearing by the client, answered by the server; the other call goes on.
#[test]
fn a_call_that_is_cleared_lets_nothing_through() {
    let mut nat = Pipe::new(&strict());
    let mut host = Control::open(&mut nat, A, 40000);
    let first = host.call(&mut nat, 1, 100);
    let second = host.call(&mut nat, 2, 101);
    for outside in [(first, 1), (second, 2)] {
        host.comes_in(&mut nat, outside.0, outside.1);
    }
    let clear = host.talk.sends(&mut nat, Inside, &control(12, &[1], 16));
    assert_eq!(word(&clear, 12), first);
    let notify = control(13, &[100, 0x400], 148);
    host.talk.says(&mut nat, Outside, &notify);
    host.stays_out(&mut nat, first);
    host.comes_in(&mut nat, second, 2);
    host.goes_out(&mut nat, 101);
    // The number is free for another call.
    let again = host.call(&mut nat, 1, 102);
    host.comes_in(&mut nat, again, 1);
    host.goes_out(&mut nat, 102);
}

/// "types 12, 13, 3, 4 or TCP close end it".
#[test]
fn calls_end_with_their_control_connection() {
    for by_reset in [false, true] {
        let mut nat = Pipe::new(&strict());
        let mut host = Control::open(&mut nat, A, 40000);
        let outside = host.call(&mut nat, 1, 100);
        host.comes_in(&mut nat, outside, 1);
        if by_reset {
            nat.inside(host.talk.segment(Inside).rst()).forwarded();
            nat.wait(300.0);
        } else {
            host.talk.finishes(&mut nat, Inside);
            host.talk.finishes(&mut nat, Outside);
            nat.wait(300.0);
        }
        host.stays_out(&mut nat, outside);
        nat.wait(1000.0);
        for what in ["translations", "mappings", "doors"] {
            let rows = nat.show(what);
            assert!(rows.is_empty(), "{what}: {rows:?}");
        }
    }
}

/// P16: an idle call lives by the echoes of its control connection, which lives by the call.
#[test]
fn calls_and_control_connection_keep_each_other() {
    let mut nat = Pipe::new(&strict());
    let mut host = Control::open(&mut nat, A, 40000);
    let outside = host.call(&mut nat, 1, 100);
    host.comes_in(&mut nat, outside, 1);
    for _ in 0..100 {
        nat.wait(59.0);
        host.talk.says(&mut nat, Inside, &control(5, &[0, 1], 16));
        host.talk
            .says(&mut nat, Outside, &control(6, &[0, 1, 0x100], 20));
    }
    host.comes_in(&mut nat, outside, 1);
    host.goes_out(&mut nat, 100);
    for _ in 0..200 {
        nat.wait(50.0);
        host.comes_in(&mut nat, outside, 1);
        host.goes_out(&mut nat, 100);
    }
    host.talk.says(&mut nat, Inside, &control(5, &[0, 2], 16));
    // Neither is heard of again.
    nat.wait(20_000.0);
    assert!(nat.show("translations").is_empty());
    assert!(nat.show("doors").is_empty());
}

/// An incoming call: the server asks, the client answers.
#[test]
fn an_incoming_call_has_both_numbers_in_its_answer() {
    let mut nat = Pipe::new(&strict());
    let mut host = Control::open(&mut nat, A, 40000);
    host.talk
        .says(&mut nat, Outside, &control(9, &[200, 1], 220));
    let reply = control(10, &[7, 200, 0x100], 24);
    let reply = host.talk.sends(&mut nat, Inside, &reply);
    let outside = word(&reply, 12);
    assert_eq!(word(&reply, 14), 200);
    let connected = control(11, &[outside], 28);
    let connected = host.talk.sends(&mut nat, Outside, &connected);
    assert_eq!(word(&connected, 12), 7);
    host.comes_in(&mut nat, outside, 7);
    host.goes_out(&mut nat, 200);
}

/// A server inside, by a port forward: the same mirrored.
#[test]
fn a_server_inside_is_called() {
    let config =
        strict().fixed("protocol: tcp, inside: \"10.64.0.7:1723\", outside: \"203.0.113.20:1723\"");
    let mut nat = Pipe::new(&config);
    let mut talk = Talk::come(&mut nat, "192.0.2.1:3000", "203.0.113.20:1723");
    talk.says(&mut nat, Outside, &control(7, &[9, 1], 168));
    let reply = talk.sends(&mut nat, Inside, &control(8, &[4, 9, 0x100], 32));
    assert_eq!(word(&reply, 14), 9);
    let outside = word(&reply, 12);
    let host = Control {
        talk,
        inside: A.to_owned(),
        outside: "203.0.113.20".to_owned(),
    };
    host.comes_in(&mut nat, outside, 4);
    host.goes_out(&mut nat, 9);
}

/// A host with an outside address of its own keeps that, be it of a pool or not, and has calls;
/// they end as those of others.
#[test]
fn a_host_with_its_own_outside_address_has_calls() {
    for own_address in ["203.0.113.2", "203.0.113.20"] {
        for out_first in [false, true] {
            let one = format!("inside: 10.64.0.7, outside: {own_address}");
            let mut nat = Pipe::new(&strict().fixed(&one));
            let mut host = Control::open(&mut nat, A, 40000);
            assert_eq!(host.outside, own_address);
            let calls = [(1, 100), (2, 101)].map(|(own, peer)| {
                let outside = host.call(&mut nat, own, peer);
                if out_first {
                    host.goes_out(&mut nat, peer);
                }
                for _ in 0..3 {
                    host.comes_in(&mut nat, outside, own);
                    host.goes_out(&mut nat, peer);
                }
                outside
            });
            host.talk.sends(&mut nat, Inside, &control(12, &[1], 16));
            host.talk
                .says(&mut nat, Outside, &control(13, &[100, 0x400], 148));
            assert_eq!(nat.show("doors").len(), 1);
            host.comes_in(&mut nat, calls[1], 2);
            host.goes_out(&mut nat, 101);
            assert_eq!(tally(&mut nat, "pptp")[2..], [2, 2, 0, 0]);
            host.talk.finishes(&mut nat, Inside);
            host.talk.finishes(&mut nat, Outside);
            nat.wait(1000.0);
            assert!(nat.show("doors").is_empty());
            assert!(nat.show("translations").is_empty());
            nat.check_verdicts();
        }
    }
}

/// Messages cut anywhere, through the virtual TCP.
#[test]
fn a_message_in_parts_is_put_together() {
    let mut nat = Pipe::new(&strict());
    let mut host = Control::open(&mut nat, A, 40000);
    let outside = host.call(&mut nat, 1, 100);
    host.comes_in(&mut nat, outside, 1);
    let request = control(7, &[2, 2], 168);
    let mut heard = Vec::new();
    let mut at = 0;
    for end in [13, 15, 168] {
        let segment = host.talk.segment(Inside);
        let next = host.talk.end(Inside).next + at as u32;
        let outcome = nat.inside(segment.seq(next).payload(&request[at..end]));
        at = end;
        let left = outcome.left.into_iter().chain(nat.wait(0.1));
        let there = left.filter(|left| left.interface == "outside");
        heard.extend(there.flat_map(|left| left.seen.payload));
    }
    assert_eq!(heard.len(), request.len());
    assert_eq!(
        (&heard[..12], &heard[14..]),
        (&request[..12], &request[14..])
    );
    assert_eq!(nat.counters()["alg.vtcp_streams"], 1);
    let second = u16::from_be_bytes([heard[12], heard[13]]);
    host.comes_in(&mut nat, second, 2);
}

/// A failed call opens nothing that stays.
#[test]
fn a_call_that_is_refused_lets_nothing_in() {
    let mut nat = Pipe::new(&strict());
    let mut host = Control::open(&mut nat, A, 40000);
    let request = host.talk.sends(&mut nat, Inside, &control(7, &[1, 1], 168));
    let outside = word(&request, 12);
    let busy = control(8, &[100, outside, 0x400], 32);
    host.talk.sends(&mut nat, Outside, &busy);
    host.stays_out(&mut nat, outside);
}

/// RFC 5508 REQ-4: an error about a packet of a call reaches its sender.
#[test]
fn errors_about_calls_find_their_way() {
    let mut nat = Pipe::new(&strict());
    let mut host = Control::open(&mut nat, A, 40000);
    let outside = host.call(&mut nat, 1, 100);
    host.goes_out(&mut nat, 100);
    let sent = gre(&host.outside, X, 100, b"out").ttl(60);
    let error = testkit::icmp_error(3, 4, "192.0.2.254", &sent.ip())
        .rest(1400)
        .to(&*host.outside);
    let seen = nat.outside(error).forwarded();
    assert!(seen.dst == A, "{seen:?}");
    assert_eq!(seen.quote().src.ip().to_string(), A);
    host.comes_in(&mut nat, outside, 1);
    assert_eq!(nat.counters()[Counter::DropIcmpNoSession.name()], 0);
}

/// Shadow mode opens and changes nothing.
#[test]
fn a_shadow_changes_nothing() {
    let mut nat = Pipe::new(&strict().top("alg: { pptp: { mode: shadow } }"));
    let mut host = Control::open(&mut nat, A, 40000);
    host.talk.says(&mut nat, Inside, &control(7, &[1, 1], 168));
    host.talk
        .says(&mut nat, Outside, &control(8, &[100, 1, 0x100], 32));
    assert!(nat.show("doors").is_empty());
    let [messages, rewritten, opened, ..] = tally(&mut nat, "pptp");
    assert_eq!((messages, opened), (4, 0));
    assert!(rewritten > 0);
}

/// What is no PPTP on its port passes.
#[test]
fn another_protocol_on_the_port_is_let_go() {
    let mut nat = Pipe::new(&Config::new());
    let mut talk = Talk::open(&mut nat, "10.64.0.7:40000", SERVER);
    talk.says(&mut nat, Inside, b"GET / HTTP/1.1\r\n\r\n");
    talk.says(&mut nat, Outside, b"HTTP/1.1 200 OK\r\n\r\n");
    let [messages, .., bypassed, _] = tally(&mut nat, "pptp");
    assert_eq!((messages, bypassed), (0, 1));
}
