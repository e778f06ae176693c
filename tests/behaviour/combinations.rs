//! Every mapping with every filtering (RFC 4787 sections 4.1 and 5, RFC 5382
//! REQ-1 and REQ-3, RFC 5508 REQ-2): nine rules, the same questions to each.

use base::Counter;
use testkit::{Endpoint, Packet, echo, icmp_query, tcp, udp};
use tests::{Config, Pipe};

use crate::{ends_empty, kept_out};

const WORDS: [&str; 3] = [
    "endpoint-independent",
    "address-dependent",
    "address-and-port-dependent",
];

/// A packet from the usual subscriber to a remote, or the other way.
type Make = fn(&str) -> Packet;

fn connect(flow: &str) -> Packet {
    tcp(flow).syn()
}

/// Each mapping with each filtering, their places in [`WORDS`], and how packets are made.
fn each_combination(check: impl Fn(&mut Pipe, usize, usize, Make)) {
    for (mapping, word) in WORDS.iter().enumerate() {
        for (filtering, other) in WORDS.iter().enumerate() {
            let config = Config::new().rule("mapping", word).rule("filtering", other);
            for make in [udp as Make, connect as Make] {
                let mut nat = Pipe::new(&config);
                check(&mut nat, mapping, filtering, make);
                ends_empty(&mut nat);
            }
        }
    }
}

#[track_caller]
fn opened(nat: &mut Pipe, make: Make, remote: &str) -> Endpoint {
    let flow = format!("10.64.0.7:5000 > {remote}");
    nat.inside(make(&flow)).forwarded().src
}

/// RFC 4787 section 4.1: which remotes see the same endpoint.
#[test]
fn a_mapping_is_shared_by_the_remotes_it_does_not_depend_on() {
    each_combination(|nat, mapping, _, make| {
        let first = opened(nat, make, "192.0.2.1:7000");
        let other_port = opened(nat, make, "192.0.2.1:7001");
        let other_address = opened(nat, make, "192.0.2.9:7000");
        assert_eq!(first == other_port, mapping < 2);
        assert_eq!(first == other_address, mapping < 1);
        assert_eq!(other_port == other_address, mapping < 1);
        assert_eq!(opened(nat, make, "192.0.2.1:7000"), first);
        // Paired or not, it is one address (RFC 4787 REQ-2).
        assert!(first.ip() == other_port.ip() && first.ip() == other_address.ip());
        let mappings = [1, 2, 3][mapping];
        assert_eq!(nat.show("mappings").len(), mappings);
        assert_eq!(nat.show("translations").len(), 3);
    });
}

/// RFC 4787 section 5: the filtering alone says who comes in, whatever the mapping depends on.
#[test]
fn filtering_says_who_comes_in_whatever_the_mapping() {
    each_combination(|nat, _, filtering, make| {
        let outside = opened(nat, make, "192.0.2.1:7000");
        let from = |remote: &str| make(&format!("{remote} > {outside}"));
        let mut comes_in = |remote: &str, admitted: bool| {
            let outcome = nat.outside(from(remote));
            if admitted {
                let got = outcome.forwarded();
                assert!(got.dst == "10.64.0.7:5000" && got.src == remote);
            } else {
                kept_out(&outcome);
            }
        };
        comes_in("192.0.2.1:7000", true);
        comes_in("192.0.2.1:7001", filtering < 2);
        comes_in("192.0.2.9:7000", filtering < 1);
    });
}

/// RFC 4787 REQ-8: what was written to may answer from then on, not before.
#[test]
fn a_remote_is_admitted_once_it_was_written_to() {
    each_combination(|nat, mapping, filtering, make| {
        let first = opened(nat, make, "192.0.2.1:7000");
        let second = opened(nat, make, "192.0.2.9:7000");
        assert_eq!(first == second, mapping == 0);
        let got = nat
            .outside(make(&format!("192.0.2.9:7000 > {second}")))
            .forwarded();
        assert!(got.dst == "10.64.0.7:5000");
        let other = nat.outside(make(&format!("192.0.2.9:7001 > {second}")));
        assert_eq!(other.verdict == "forward", filtering < 2);
        let stranger = nat.outside(make(&format!("198.18.0.1:7000 > {second}")));
        assert_eq!(stranger.verdict == "forward", filtering < 1);
    });
}

/// RFC 5508 REQ-2 with RFC 4787 section 4.1: a query's identifier is mapped like a port.
/// Answers come from whom was asked; a query from outside opens nothing.
#[test]
fn queries_are_mapped_like_ports_and_never_opened_from_outside() {
    for (mapping, word) in WORDS.iter().enumerate() {
        for (filtering, other) in WORDS.iter().enumerate() {
            let config = Config::new().rule("mapping", word).rule("filtering", other);
            let mut nat = Pipe::new(&config);
            let first = nat.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
            let second = nat.inside(echo("10.64.0.7:77 > 192.0.2.9")).forwarded();
            assert_eq!(first.src == second.src, mapping == 0);
            for seen in [&first, &second] {
                let got = nat.outside(seen.reply()).forwarded();
                assert!(got.dst == "10.64.0.7:77");
            }
            let stranger = icmp_query(0, &format!("198.18.0.1 > {}", first.src));
            let outcome = nat.outside(stranger);
            if filtering == 0 {
                outcome.forwarded();
            } else {
                outcome.dropped(Counter::DropFiltered);
            }
            let query = echo(&format!(
                "192.0.2.1:{} > {}",
                first.src.port(),
                first.src.ip()
            ));
            // The appliance answers pings of a pool address itself.
            assert_eq!(nat.outside(query).verdict, "consume");
            ends_empty(&mut nat);
        }
    }
}
