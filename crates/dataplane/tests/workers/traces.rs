//! What workers keep of dropped packets, and what they trace.

use base::{Counter, Nanos};
use dataplane::{Arrival, Command, Order, Record, Step, Ticket};
use testkit::udp;

use crate::appliance::{Appliance, INSIDE, OUTSIDE, settings};

fn one_worker() -> Appliance {
    Appliance::new(&settings(16, Nanos::from_secs(120)), 1, 4096)
}

/// Has all workers trace what is meant; each has so many records.
fn trace(appliance: &mut Appliance, expression: &str, records: usize, past: bool) {
    let order = Order {
        ticket: Ticket(7),
        expression: expression.parse().unwrap(),
        past,
        until: appliance.now.plus(Nanos::from_secs(1)),
        records: (0..=records).map(|_| Box::default()).collect(),
    };
    appliance.command(&Command::Trace(Box::new(order)));
    appliance.turn();
}

/// What has been traced, in order.
fn traced(appliance: &mut Appliance) -> Vec<Record> {
    appliance.slow.turn(appliance.now);
    let records = appliance.slow.take_traced();
    records.into_iter().map(|(_, record)| *record).collect()
}

fn stranger(port: u16) -> testkit::Packet {
    udp(&format!("198.51.100.2:{port} > 192.0.2.200:9"))
}

/// Row O5: what was just dropped is known afterwards, the last of it, without anybody having asked.
#[test]
fn the_last_drops_are_known_to_who_asks_afterwards() {
    let mut appliance = one_worker();
    for port in 1..=100 {
        appliance.receive(0, OUTSIDE, &stranger(port));
        appliance.turn();
    }
    trace(&mut appliance, "not port 50", 64, true);
    let records = traced(&mut appliance);
    let ports: Vec<u16> = records
        .iter()
        .map(|record| {
            assert!(record.past && record.steps.is_empty());
            assert_eq!(record.verdict, Some(Counter::DropNotInside));
            dataplane::headers(&record.frame).1.unwrap().from.1.unwrap()
        })
        .collect();
    let last: Vec<u16> = (37..=100).filter(|port| *port != 50).collect();
    assert_eq!(ports, last);
    assert_eq!(appliance.counter(0, Counter::TraceLost), 0);
}

#[test]
fn what_finds_no_record_is_counted_until_one_comes_back() {
    let mut appliance = one_worker();
    trace(&mut appliance, "", 4, false);
    for port in 1..=10 {
        appliance.receive(0, OUTSIDE, &stranger(port));
    }
    appliance.turn();
    let mut records = traced(&mut appliance);
    assert_eq!(records.len(), 4);
    assert_eq!(appliance.counter(0, Counter::TraceLost), 6);
    assert!(records.iter().all(|record| record.ticket == Ticket(7)));
    appliance.command(&Command::Reuse(Box::new(records.remove(0))));
    appliance.turn();
    for port in 1..=2 {
        appliance.receive(0, OUTSIDE, &stranger(port));
    }
    appliance.turn();
    assert_eq!(traced(&mut appliance).len(), 1);
    assert_eq!(appliance.counter(0, Counter::TraceLost), 7);
}

/// Nobody need say stop: the time of a trace ends it.
#[test]
fn a_trace_ends_by_itself() {
    let mut appliance = one_worker();
    trace(&mut appliance, "", 64, false);
    appliance.receive(0, OUTSIDE, &stranger(1));
    appliance.turn();
    assert_eq!(traced(&mut appliance).len(), 1);
    appliance.now = appliance.now.plus(Nanos::from_secs(2));
    appliance.turn();
    appliance.receive(0, OUTSIDE, &stranger(2));
    appliance.turn();
    assert_eq!(traced(&mut appliance).len(), 0);
    assert_eq!(appliance.counter(0, Counter::TraceLost), 0);
}

/// A packet of another worker is told of by both; only one has a verdict.
#[test]
fn a_packet_that_is_handed_over_has_its_verdict_at_its_owner() {
    let mut appliance = Appliance::new(&settings(16, Nanos::from_secs(120)), 2, 4096);
    trace(&mut appliance, "inside", 64, false);
    let of_other = (1..=64).find(|host| appliance.layout.inside_owner(0, 0x6440_0100 + host) == 1);
    let flow = format!("100.64.1.{}:4000 > 198.51.100.2:4500", of_other.unwrap());
    appliance.receive(0, INSIDE, &udp(&flow));
    appliance.turn();
    appliance.turn();
    let records = traced(&mut appliance);
    let [first, second] = &records[..] else {
        panic!("{}", records.len());
    };
    assert_eq!((first.arrival, first.verdict), (Arrival::Received, None));
    assert!(matches!(first.steps.last(), Some(Step::Handed(1))));
    assert_eq!(
        (second.arrival, second.verdict),
        (Arrival::Handed, Some(Counter::ForwardOutbound))
    );
    assert_eq!(first.frame, second.frame);
    let left = second
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Left(..)));
    assert_eq!(left.count(), 1);
}

/// What is meant leaves the plain lane, what is not stays there: nothing else changes.
#[test]
fn packets_of_known_sessions_are_traced_both_ways() {
    let mut appliance = one_worker();
    let out = udp("100.64.1.1:4000 > 198.51.100.2:4500");
    appliance.receive(0, INSIDE, &out);
    appliance.turn();
    let reply = appliance.sent(0).remove(0).reply();
    trace(&mut appliance, "host 100.64.1.1", 64, false);
    appliance.receive(0, INSIDE, &out);
    appliance.receive(0, OUTSIDE, &reply);
    appliance.receive(0, INSIDE, &udp("100.64.1.2:4000 > 198.51.100.2:4500"));
    appliance.turn();
    let verdicts: Vec<_> = traced(&mut appliance)
        .iter()
        .map(|record| record.verdict.unwrap().name())
        .collect();
    assert_eq!(verdicts, ["forward.outbound", "forward.inbound"]);
    assert_eq!(appliance.counter(0, Counter::VerdictForward), 4);
    assert_eq!(appliance.sent(0).len(), 3);
}
