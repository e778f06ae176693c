//! Messages in parts, with the slow path behind more than one worker and full rings.

use core::net::Ipv4Addr;

use base::{Counter, Nanos};
use nat::{Gateway, Service, Services, Settings};
use testkit::{Seen, flags, tcp};

use crate::appliance::{Appliance, INSIDE, OUTSIDE, settings};

fn with_ftp() -> Settings {
    let service = Service {
        protocol: 6,
        port: 21,
        gateway: Gateway::Ftp,
        shadow: false,
        in_parts: true,
        reset_ttl: false,
        kind: 0,
    };
    let mut settings = settings(16, Nanos::from_secs(120));
    settings.rules[0].services = Services::new(vec![service]);
    settings
}

fn address(host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x6440_0100 + host)
}

fn flow(host: u32) -> String {
    format!("{}:4000 > 198.51.100.2:21", address(host))
}

/// Everybody has a few turns; what was sent.
fn settle(appliance: &mut Appliance) -> Vec<Seen> {
    let mut sent = Vec::new();
    for _ in 0..6 {
        appliance.turn();
        appliance.turn();
        appliance.listen();
        for worker in 0..appliance.workers.len() {
            sent.extend(appliance.sent(worker));
        }
    }
    sent
}

/// A connection to a server, all of whose packets come by the queue of worker 0; the outside
/// endpoint.
fn open(appliance: &mut Appliance, host: u32) -> String {
    let flow = flow(host);
    appliance.receive(0, INSIDE, &tcp(&flow).syn().seq(1000));
    let syn = settle(appliance).remove(0);
    let outside = syn.src.0.to_string();
    let answer = tcp(&format!("198.51.100.2:21 > {outside}")).syn_ack();
    appliance.receive(0, OUTSIDE, &answer.seq(9000).ack(1001));
    appliance.receive(0, INSIDE, &tcp(&flow).flags(flags::ACK).seq(1001).ack(9001));
    settle(appliance);
    outside
}

/// A3, A4: the stream's worker is that of its subscriber, whoever receives the segments.
#[test]
fn a_message_in_parts_is_resolved_by_the_owner_of_its_sender() {
    let mut appliance = Appliance::new(&with_ftp(), 2, 4096);
    for host in 0..32 {
        let outside = open(&mut appliance, host);
        let [high, low] = 5000_u16.to_be_bytes();
        let port = address(host).to_string().replace('.', ",");
        let command = format!("PORT {port},{high},{low}\r\n");
        let (first, rest) = command.as_bytes().split_at(9);
        let segment = |seq, payload| {
            let segment = tcp(&flow(host)).flags(flags::ACK).seq(seq).ack(9001);
            segment.payload(payload)
        };
        // The second part first.
        appliance.receive(0, INSIDE, &segment(1010, rest));
        settle(&mut appliance);
        appliance.receive(0, INSIDE, &segment(1001, first));
        let sent = settle(&mut appliance);
        let whole = sent.iter().find(|seen| !seen.payload.is_empty()).unwrap();
        let text = String::from_utf8(whole.payload.clone()).unwrap();
        let own = outside.split(':').next().unwrap().replace('.', ",");
        assert!(text.starts_with(&format!("PORT {own},")), "{text}");
        assert_eq!(whole.src.0.to_string(), outside);
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    }
    let streams = appliance.slow.counters().value(Counter::AlgVtcpStreams);
    assert_eq!(streams, 32);
    let held = [0, 1].map(|worker| appliance.counter(worker, Counter::HoldStream));
    assert!(held[0] > 0 && held[1] > 0, "{held:?}");
    assert_eq!(held[0] + held[1], 64);
}

/// A4: a full ring stops nobody: what has no room is dropped and counted, and comes again.
#[test]
fn segments_for_which_the_ring_has_no_room_are_dropped_and_sent_again() {
    let mut appliance = Appliance::new(&with_ftp(), 1, 4096);
    open(&mut appliance, 1);
    let byte = |at: usize| {
        let seq = 1001 + u32::try_from(at).unwrap();
        let segment = tcp(&flow(1)).flags(flags::ACK).seq(seq).ack(9001);
        segment.payload(&b"NOOP"[at..=at])
    };
    // The slow path sleeps.
    for at in 0..2000 {
        appliance.receive(0, INSIDE, &byte(at % 4));
        appliance.turn();
    }
    let dropped = appliance.counter(0, Counter::AlgVtcpDropped);
    assert!((1..2000 - 1024).contains(&dropped), "{dropped}");
    assert_eq!(appliance.counter(0, Counter::DropNoBuffer), dropped);
    let held = appliance.counter(0, Counter::HoldStream);
    assert_eq!(held + dropped, 2000);
    for _ in 0..100 {
        settle(&mut appliance);
    }
    let rest = tcp(&flow(1)).flags(flags::ACK).seq(1005).ack(9001);
    appliance.receive(0, INSIDE, &rest.payload(b"\r\n"));
    let sent = settle(&mut appliance);
    let whole = sent.iter().find(|seen| !seen.payload.is_empty()).unwrap();
    assert_eq!(whole.payload, b"NOOP\r\n");
}

/// G5: no memory is left of what is no more.
#[test]
fn a_session_that_is_cleared_takes_its_stream_along() {
    let mut appliance = Appliance::new(&with_ftp(), 1, 4096);
    for round in 1..4 {
        open(&mut appliance, 1);
        let half = tcp(&flow(1)).flags(flags::ACK).seq(1001).ack(9001);
        appliance.receive(0, INSIDE, &half.payload(b"NOO"));
        settle(&mut appliance);
        assert!(appliance.slow.next_due().is_some());
        appliance.command(&dataplane::Command::Clear(
            dataplane::Ticket(round),
            dataplane::SessionFilter::default(),
        ));
        for _ in 0..200 {
            settle(&mut appliance);
        }
        assert_eq!(appliance.workers[0].shard().session_count(), 0);
        // Nothing is left that had a timer.
        assert_eq!(appliance.slow.next_due(), None);
    }
}
