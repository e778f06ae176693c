//! Who may come back in (RFC 4787 section 5), for every kind of mapping.

use base::Counter;
use testkit::{Packet, Seen, tcp, udp};
use tests::{Config, Pipe};

const KINDS: [&str; 3] = [
    "endpoint-independent",
    "address-dependent",
    "address-and-port-dependent",
];

/// Who comes: the remote itself, its address with another port, another address.
const VISITORS: [&str; 3] = ["192.0.2.1:7000", "192.0.2.1:7001", "192.0.2.9:7000"];

fn config(mapping: &str, filtering: &str) -> Config {
    Config::new()
        .rule("mapping", mapping)
        .rule("filtering", filtering)
}

/// How many of [`VISITORS`] a filter admits.
fn admitted(filtering: &str) -> usize {
    3 - KINDS.iter().position(|kind| *kind == filtering).unwrap()
}

/// RFC 4787 REQ-8 and section 5, all nine pairs.
#[test]
fn each_filter_admits_whom_it_should_under_each_mapping() {
    for mapping in KINDS {
        for filtering in KINDS {
            let mut nat = Pipe::new(&config(mapping, filtering));
            let out = nat
                .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
                .forwarded();
            // The strangers first, so that nothing they do can be put down to others.
            for (number, visitor) in VISITORS.iter().enumerate().rev() {
                let outcome = nat.outside(out.reply().from(*visitor));
                if number < admitted(filtering) {
                    let got = outcome.forwarded();
                    assert!(got.src == *visitor && got.dst == "10.64.0.7:5000");
                } else {
                    outcome.dropped(Counter::DropFiltered);
                }
            }
        }
    }
}

/// RFC 5382 REQ-3, all nine pairs.
#[test]
fn each_filter_admits_the_connections_it_should() {
    for mapping in KINDS {
        for filtering in KINDS {
            let mut nat = Pipe::new(&config(mapping, filtering));
            let out = nat
                .inside(tcp("10.64.0.7:5000 > 192.0.2.1:7000").syn())
                .forwarded();
            for (number, visitor) in VISITORS.iter().enumerate().rev() {
                let outcome = nat.outside(out.reply().from(*visitor).syn());
                if number < admitted(filtering) {
                    let got = outcome.forwarded();
                    assert!(got.src == *visitor && got.dst == "10.64.0.7:5000");
                } else {
                    crate::kept_out(&outcome);
                }
            }
        }
    }
}

/// RFC 5382 REQ-3b: TCP may be filtered otherwise than UDP.
#[test]
fn connections_may_be_filtered_more_strictly_than_datagrams() {
    let config = config(KINDS[0], KINDS[0]).rule_before(
        "name: connections, inside: inside, source: 10.64.0.0/16, protocols: [tcp], \
         pool: public, filtering: address-dependent",
    );
    let mut nat = Pipe::new(&config);
    let by_udp = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    let by_tcp = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:7000").syn())
        .forwarded();
    assert_eq!(by_udp.src.ip(), by_tcp.src.ip(), "one address all the same");
    nat.outside(by_udp.reply().from("192.0.2.9:1")).forwarded();
    crate::kept_out(&nat.outside(by_tcp.reply().from("192.0.2.9:1").syn()));
    nat.outside(by_tcp.reply().from("192.0.2.1:1").syn())
        .forwarded();
}

/// RFC 4787 REQ-1 and REQ-8, RFC 5382 REQ-3, RFC 6888 REQ-7: a rule that says nothing.
#[test]
fn mapping_and_filtering_are_endpoint_independent_by_default() {
    let config = Config::new()
        .rule_without("mapping")
        .rule_without("filtering");
    let mut nat = Pipe::new(&config);
    let first = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    let second = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.9:7001"))
        .forwarded();
    assert_eq!(first.src, second.src);
    nat.outside(first.reply().from("192.0.2.77:1")).forwarded();
    let syn = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    nat.outside(syn.reply().from("192.0.2.77:1").syn())
        .forwarded();
}

/// RFC 4787 section 5: a filter opens as the inside host sends.
#[test]
fn sending_to_a_stranger_lets_the_stranger_in() {
    for filtering in &KINDS[1..] {
        let mut nat = Pipe::new(&config("endpoint-independent", filtering));
        let out = nat
            .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
            .forwarded();
        let stranger = || out.reply().from("192.0.2.9:7000");
        nat.outside(stranger()).dropped(Counter::DropFiltered);
        nat.inside(udp("10.64.0.7:5000 > 192.0.2.9:7000"))
            .forwarded();
        nat.outside(stranger()).forwarded();
        // And nobody else with it.
        nat.outside(out.reply().from("192.0.2.77:7000"))
            .dropped(Counter::DropFiltered);
    }
}

/// RFC 4787 REQ-8: permission is per mapping, not per subscriber.
#[test]
fn a_remote_known_to_one_mapping_is_a_stranger_to_another() {
    for filtering in &KINDS[1..] {
        let mut nat = Pipe::new(&config("endpoint-independent", filtering));
        nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
            .forwarded();
        let other = nat
            .inside(udp("10.64.0.7:5002 > 192.0.2.9:7000"))
            .forwarded();
        nat.outside(other.reply().from("192.0.2.1:7000"))
            .dropped(Counter::DropFiltered);
    }
}

/// RFC 7857 section 6: filtering is per protocol.
#[test]
fn a_remote_known_by_udp_is_a_stranger_by_tcp() {
    let mut nat = Pipe::new(&config("endpoint-independent", "address-dependent"));
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.9:7000"))
        .forwarded();
    let by_tcp = nat
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:7000").syn())
        .forwarded();
    crate::kept_out(&nat.outside(by_tcp.reply().from("192.0.2.9:7000").syn()));
}

/// RFC 4787 REQ-8: an address-dependent filter lets the inside host answer whom it let in.
#[test]
fn a_flow_opened_from_outside_goes_both_ways() {
    for (mapping, filtering, visitor) in [
        (KINDS[0], KINDS[0], "192.0.2.9:7000"),
        (KINDS[0], KINDS[1], "192.0.2.1:7001"),
        (KINDS[1], KINDS[1], "192.0.2.1:7001"),
    ] {
        let mut nat = Pipe::new(&config(mapping, filtering));
        let out = nat
            .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
            .forwarded();
        let got = nat.outside(out.reply().from(visitor)).forwarded();
        let answer = nat.inside(got.reply()).forwarded();
        assert_eq!(answer.src, out.src, "{mapping}, {filtering}");
        assert!(answer.dst == visitor);
    }
}

/// RFC 4787 REQ-11: strangers change nothing for those who are let in.
#[test]
fn filtered_packets_harm_nobody() {
    let mut nat = Pipe::new(&config(KINDS[0], KINDS[2]));
    let out = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    nat.forget_counters();
    for port in 1..200 {
        nat.outside(stranger(&out, port))
            .dropped(Counter::DropFiltered);
    }
    nat.expect_counters(&[(Counter::DropFiltered, 199)]);
    nat.outside(out.reply()).forwarded();
    assert_eq!(nat.show("translations").len(), 1);
}

fn stranger(out: &Seen, port: u16) -> Packet {
    out.reply().from(&format!("192.0.2.66:{port}"))
}

/// RFC 4787 REQ-12a, by way of REQ-8: what is dropped gets no answer.
#[test]
fn what_is_filtered_is_not_answered() {
    let mut nat = Pipe::new(&config(KINDS[0], KINDS[1]));
    let out = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    nat.outside(out.reply().from("192.0.2.9:7000"))
        .dropped(Counter::DropFiltered);
    assert!(nat.wait(10.0).is_empty());
}

/// RFC 4787 REQ-8: whoever the inside still writes to is admitted, no matter who began,
/// with both ways of restarting UDP timers.
#[test]
fn a_visitor_that_was_answered_is_one_the_inside_has_written_to() {
    for refresh in ["false", "true"] {
        let config = config("endpoint-independent", "address-dependent")
            .nat(&format!("udp_inbound_refresh: {refresh}"))
            .timeout("udp", "120s");
        let mut nat = Pipe::new(&config);
        let first = udp("10.64.0.7:5000 > 192.0.2.1:7000");
        let out = nat.inside(first).forwarded();
        let visit = nat.outside(out.reply().from("192.0.2.1:7001")).forwarded();
        let answer = nat.later(100.0).inside(visit.reply()).forwarded();
        // By now nothing is left of the flow that let the visitor in.
        nat.later(50.0)
            .outside(out.reply().from("192.0.2.1:7002"))
            .forwarded();
        nat.outside(out.reply().from("192.0.2.9:7000"))
            .dropped(Counter::DropFiltered);
        // Nor does the answered one admit anybody once it has ended.
        nat.wait(400.0);
        crate::lost(&nat.outside(answer.reply()));
    }
}
