//! `port_overloading`: one outside port towards several remotes (RFC 7857 section 3).

use std::collections::{BTreeMap, BTreeSet};

use base::Counter;
use testkit::{Endpoint, echo, icmp_error, tcp, udp};
use tests::{Config, Pipe};

use crate::{GRAIN, ends_empty, kept_out, lost};

const BY_ADDRESS: &str = "address-dependent";
const BY_PORT: &str = "address-and-port-dependent";

/// Eight ports at one address, in blocks of a subscriber or shared by all.
fn config(mapping: &str, blocks: bool) -> Config {
    let config = Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2007")
        .rule("mapping", mapping)
        .rule("filtering", BY_PORT)
        .rule("port_overloading", "true");
    if blocks {
        config.pool("blocks", "{ size: 4, max_per_subscriber: 1 }")
    } else {
        config.pool_without("blocks")
    }
}

fn each(check: impl Fn(&mut Pipe, &str, u16)) {
    for mapping in [BY_ADDRESS, BY_PORT] {
        for (blocks, ports) in [(true, 4), (false, 8)] {
            let mut nat = Pipe::new(&config(mapping, blocks));
            check(&mut nat, mapping, ports);
            ends_empty(&mut nat);
        }
    }
}

/// More flows than ports, to different remotes; each answer finds its own host.
#[test]
fn there_are_more_flows_than_ports_to_different_remotes() {
    each(|nat, _, ports| {
        let mut flows: BTreeMap<(Endpoint, u8), String> = BTreeMap::new();
        for remote in 1..=40 {
            let inside = format!("10.64.0.7:{}", 5000 + u16::from(remote));
            let out = nat
                .inside(udp(&format!("{inside} > 192.0.2.{remote}:7000")))
                .forwarded();
            assert!(flows.insert((out.src, remote), inside).is_none());
        }
        let used: BTreeSet<Endpoint> = flows.keys().map(|(outside, _)| *outside).collect();
        assert_eq!(used.len(), usize::from(ports));
        for ((outside, remote), inside) in &flows {
            let answer = udp(&format!("192.0.2.{remote}:7000 > {outside}"));
            let got = nat.outside(answer).forwarded();
            assert!(got.dst == inside.as_str(), "{got:?}");
        }
    });
}

/// RFC 7857 section 3: never two flows to one remote under one outside endpoint; with
/// mappings by address not even to different ports of it.
#[test]
fn no_two_flows_to_one_remote_share_a_port() {
    each(|nat, mapping, ports| {
        let mut used: BTreeSet<Endpoint> = BTreeSet::new();
        for port in 0..ports {
            let flow = format!("10.64.0.7:{} > 192.0.2.1:7000", 5000 + port);
            assert!(used.insert(nat.inside(udp(&flow)).forwarded().src));
        }
        let more = nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"));
        assert_eq!(more.verdict, "drop", "{more:?}");
        let other_port = nat.inside(udp("10.64.0.7:6001 > 192.0.2.1:7001"));
        assert_eq!(other_port.verdict == "forward", mapping == BY_PORT);
        nat.inside(udp("10.64.0.7:6002 > 192.0.2.2:7000"))
            .forwarded();
    });
}

/// TCP and ICMP identifiers are shared in the same way.
#[test]
fn connections_and_queries_share_ports_too() {
    each(|nat, _, ports| {
        let mut used: BTreeSet<(u8, Endpoint)> = BTreeSet::new();
        for remote in 1..=20 {
            let syn = tcp(&format!("10.64.0.7:5000 > 192.0.2.{remote}:80")).syn();
            let out = nat.inside(syn).forwarded();
            used.insert((6, out.src));
            let got = nat.outside(out.reply().syn_ack().seq(9)).forwarded();
            assert!(got.dst == "10.64.0.7:5000");
            let out = nat
                .inside(echo(&format!("10.64.0.7:77 > 192.0.2.{remote}")))
                .forwarded();
            used.insert((1, out.src));
            assert!(nat.outside(out.reply()).forwarded().dst == "10.64.0.7:77");
        }
        assert_eq!(used.len(), 2 * usize::from(ports));
    });
}

/// Two inside hosts on a shared range, with flows under the same ports: each gets its own
/// answers.
#[test]
fn answers_find_the_right_of_two_hosts_on_one_port() {
    for mapping in [BY_ADDRESS, BY_PORT] {
        let mut nat = Pipe::new(&config(mapping, false));
        let mut flows: Vec<(Endpoint, String, String)> = Vec::new();
        for remote in 1..=24 {
            let host = 7 + remote % 2;
            let (inside, remote) = (
                format!("10.64.0.{host}:5000"),
                format!("192.0.2.{remote}:7000"),
            );
            let out = nat.inside(udp(&format!("{inside} > {remote}"))).forwarded();
            flows.push((out.src, inside, remote));
        }
        let hosts_of = |port: u16| {
            let found = flows.iter().filter(|(outside, ..)| outside.port() == port);
            found
                .map(|(_, inside, _)| inside)
                .collect::<BTreeSet<_>>()
                .len()
        };
        assert!(
            (2000..2008).any(|port| hosts_of(port) == 2),
            "shared by both"
        );
        for (outside, inside, remote) in &flows {
            let got = nat
                .outside(udp(&format!("{remote} > {outside}")))
                .forwarded();
            assert!(got.dst == inside.as_str(), "{got:?}");
            lost(&nat.outside(udp(&format!("198.18.0.1:7000 > {outside}"))));
        }
        assert_eq!(nat.show("subscribers").len(), 2);
        ends_empty(&mut nat);
    }
}

/// A port is free again when the last flow that shares it has ended, not before.
#[test]
fn a_port_comes_back_after_its_last_sharer() {
    for mapping in [BY_ADDRESS, BY_PORT] {
        let config = config(mapping, true).nat("hold_down: { time: 0s }");
        let mut nat = Pipe::new(&config);
        // All four ports, then four more flows on top of them.
        for remote in 1..=8 {
            nat.inside(udp(&format!("10.64.0.7:5000 > 192.0.2.{remote}:7000")))
                .forwarded();
        }
        nat.at(200.0);
        // Half of them go on.
        let kept: Vec<Endpoint> = (5..=8)
            .map(|remote| {
                let flow = format!("10.64.0.7:5000 > 192.0.2.{remote}:7000");
                nat.inside(udp(&flow)).forwarded().src
            })
            .collect();
        nat.at(300.0 + GRAIN);
        assert_eq!(nat.show("translations").len(), 4);
        for (remote, outside) in (5..=8).zip(&kept) {
            let answer = udp(&format!("192.0.2.{remote}:7000 > {outside}"));
            nat.outside(answer).forwarded();
            kept_out(&nat.outside(udp(&format!("192.0.2.{}:7000 > {outside}", remote - 4))));
        }
        let row = &nat.show("subscribers")[0];
        assert_eq!(row["inside"], "10.64.0.7");
        assert_eq!(nat.show("mappings").len(), 4);
        nat.at(500.0 + 2.0 * GRAIN);
        assert!(nat.show("translations").is_empty());
        // All four are free: as many flows to one remote find a port.
        for port in 6000..6004 {
            let flow = format!("10.64.0.7:{port} > 192.0.2.1:7000");
            nat.inside(udp(&flow)).forwarded();
        }
        nat.inside(udp("10.64.0.7:6004 > 192.0.2.1:7000"))
            .refused(Counter::DropBlockLimit);
        ends_empty(&mut nat);
    }
}

/// While a port is free, flows do not share.
#[test]
fn ports_are_shared_only_when_none_is_free() {
    each(|nat, _, ports| {
        let used: BTreeSet<Endpoint> = (1..=ports)
            .map(|remote| {
                let flow = format!("10.64.0.7:5000 > 192.0.2.{remote}:7000");
                nat.inside(udp(&flow)).forwarded().src
            })
            .collect();
        assert_eq!(used.len(), usize::from(ports));
    });
}

/// RFC 4787 REQ-3 and REQ-8: what contradicts it is refused by `portolan check`.
#[test]
fn wrong_combinations_are_errors_of_the_file() {
    let wrong = |config: Config| {
        let said = crate::check(&config);
        assert_eq!(said.0, Some(2), "{}", said.1);
        said.1
    };
    let base = || Config::new().rule("port_overloading", "true");
    let said = wrong(base());
    assert!(
        said.contains("contradicts endpoint-independent mapping"),
        "{said}"
    );
    let said = wrong(base().rule("mapping", BY_ADDRESS));
    assert!(
        said.contains("write `filtering: address-dependent`"),
        "{said}"
    );
    let said = wrong(
        base()
            .rule("mapping", BY_PORT)
            .rule("filtering", BY_ADDRESS),
    );
    assert!(
        said.contains("write `filtering: address-and-port-dependent`"),
        "{said}"
    );
    for (mapping, filtering) in [
        (BY_ADDRESS, BY_ADDRESS),
        (BY_ADDRESS, BY_PORT),
        (BY_PORT, BY_PORT),
    ] {
        let config = base().rule("mapping", mapping).rule("filtering", filtering);
        let said = crate::check(&config);
        assert_eq!(said.0, Some(0), "{}", said.1);
    }
}

/// A host that comes when no port is free shares those there are, too.
#[test]
fn a_newcomer_shares_ports_that_others_use() {
    for mapping in [BY_ADDRESS, BY_PORT] {
        let mut nat = Pipe::new(&config(mapping, false));
        for remote in 1..=8 {
            let flow = format!("10.64.0.7:5000 > 192.0.2.{remote}:7000");
            nat.inside(udp(&flow)).forwarded();
        }
        let out = nat
            .inside(udp("10.64.0.8:5000 > 192.0.2.99:7000"))
            .forwarded();
        let got = nat.outside(out.reply()).forwarded();
        assert!(got.dst == "10.64.0.8:5000");
        assert_eq!(nat.show("subscribers").len(), 2);
        ends_empty(&mut nat);
    }
}

/// RFC 5508 section 4: errors about flows that share a port find their hosts.
#[test]
fn errors_find_the_right_of_two_hosts_on_one_port() {
    let config = config(BY_PORT, false).pool("ports", "2000-2000");
    let mut nat = Pipe::new(&config);
    for host in [7, 8] {
        let flow = format!("10.64.0.{host}:5000 > 192.0.2.{host}:7000");
        let out = nat.inside(udp(&flow)).forwarded();
        assert_eq!(out.src.port(), 2000);
        let error = icmp_error(3, 3, "198.18.0.1", &out.ip).quote_len(28);
        let got = nat.outside(error).forwarded();
        assert!(got.dst == format!("10.64.0.{host}").as_str());
        assert!(got.quote().src == format!("10.64.0.{host}:5000").as_str());
    }
    ends_empty(&mut nat);
}

/// Overloaded ports are preserved where they can be, shared where not.
#[test]
fn a_preserved_port_is_shared_like_any_other() {
    let config = config(BY_PORT, false).rule("preserve_port", "true");
    let mut nat = Pipe::new(&config);
    for (remote, inside) in (1..=30).zip((2000..2008).cycle()) {
        let flow = format!("10.64.0.7:{inside} > 192.0.2.{remote}:7000");
        let out = nat.inside(udp(&flow)).forwarded();
        assert!(remote > 8 || out.src.port() == inside, "{out:?}");
        assert!(nat.outside(out.reply()).forwarded().dst.port() == inside);
    }
    ends_empty(&mut nat);
}
