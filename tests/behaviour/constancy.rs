//! What kind of translator this is never depends on what it went through
//! (RFC 4787 REQ-11).

use std::collections::BTreeSet;

use testkit::udp;
use tests::{Config, Pipe};

use crate::{kept_out, open_udp, udp_endpoint};

const FILTERS: [&str; 3] = [
    "endpoint-independent",
    "address-dependent",
    "address-and-port-dependent",
];

/// One address with four hundred ports that all subscribers share.
fn config(filtering: &str) -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2399")
        .pool_without("blocks")
        .rule("filtering", filtering)
}

/// RFC 4787 REQ-1 and REQ-8 for one more inside endpoint, which costs one port.
#[track_caller]
fn is_what_it_was(nat: &mut Pipe, inside: &str, filtering: &str) {
    let seen: BTreeSet<_> = ["192.0.2.1:7000", "192.0.2.1:7001", "192.0.2.9:7000"]
        .map(|remote| udp_endpoint(nat, inside, remote))
        .into();
    assert_eq!(seen.len(), 1, "mapping of {inside}: {seen:?}");
    let outside = seen.into_iter().next().unwrap();
    let strangers = ["192.0.2.1:7000", "192.0.2.1:9", "192.0.2.77:7000"];
    let admitted = 3 - FILTERS.iter().position(|one| *one == filtering).unwrap();
    for (number, stranger) in strangers.iter().enumerate().rev() {
        let outcome = nat.outside(udp(&format!("{stranger} > {outside}")));
        if number < admitted {
            assert!(outcome.forwarded().dst == inside, "{filtering}, {stranger}");
        } else {
            kept_out(&outcome);
        }
    }
}

/// RFC 4787 REQ-11: with no, half and 99 % of the ports in use, and with inside
/// ports that collide.
#[test]
fn mapping_and_filtering_do_not_depend_on_how_many_ports_are_used() {
    for filtering in FILTERS {
        let mut nat = Pipe::new(&config(filtering));
        is_what_it_was(&mut nat, "10.64.0.8:5000", filtering);
        open_udp(&mut nat, "10.64.0.7", 5000, 199);
        is_what_it_was(&mut nat, "10.64.0.8:5001", filtering);
        open_udp(&mut nat, "10.64.0.7", 6000, 195);
        is_what_it_was(&mut nat, "10.64.0.8:6000", filtering);
        assert_eq!(nat.show("mappings").len(), 397);
        is_what_it_was(&mut nat, "10.64.0.9:6000", filtering);
        open_udp(&mut nat, "10.64.0.9", 7000, 2);
        crate::lost_but_told(&nat.inside(udp("10.64.0.9:8000 > 192.0.2.1:7000")));
    }
}

/// RFC 4787 REQ-11: after a hundred thousand flows, and after days.
#[test]
fn mapping_and_filtering_are_the_same_after_many_flows() {
    let filtering = "address-dependent";
    let config = Config::new().rule("filtering", filtering);
    let mut nat = Pipe::new(&config);
    for round in 0..25 {
        is_what_it_was(&mut nat, "10.64.0.8:5000", filtering);
        nat.forget_transcript();
        open_udp(&mut nat, "10.64.0.7", 1024 + round, 4000);
        is_what_it_was(&mut nat, "10.64.0.8:6000", filtering);
        // Every mapping ends, and every port has rested.
        nat.wait(10_000.0);
        assert!(nat.show("mappings").is_empty());
    }
}

/// Makes the appliance read another file.
#[track_caller]
pub(crate) fn reload(nat: &mut Pipe, config: &Config) {
    let file = std::env::temp_dir().join(format!(
        "portolan-reload-{}-{:?}.yaml",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&file, config.yaml()).expect("configuration file");
    let line = serde_json::json!({ "reload": file.to_str().unwrap() }).to_string();
    let answer = nat.line(&line);
    std::fs::remove_file(&file).expect("configuration file");
    assert!(answer.get("error").is_none(), "{answer}");
}

/// RFC 4787 REQ-11: after a reload that changes something else.
#[test]
fn mapping_and_filtering_are_the_same_after_a_reload() {
    for filtering in FILTERS {
        let mut nat = Pipe::new(&config(filtering));
        let before = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
        reload(&mut nat, &config(filtering).timeout("icmp", "90s"));
        let after = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:53");
        assert_eq!(before, after, "{filtering}");
        is_what_it_was(&mut nat, "10.64.0.8:5000", filtering);
    }
}

/// RFC 4787 REQ-8a: the administrator's choice, while it runs.
#[test]
fn filtering_can_be_changed_while_running() {
    let mut nat = Pipe::new(&config(FILTERS[0]));
    is_what_it_was(&mut nat, "10.64.0.8:5000", FILTERS[0]);
    for (number, filtering) in [FILTERS[1], FILTERS[2], FILTERS[0]].iter().enumerate() {
        reload(&mut nat, &config(filtering));
        is_what_it_was(&mut nat, &format!("10.64.0.8:{}", 6000 + number), filtering);
    }
}

/// RFC 4787 REQ-11: what is refused changes nothing for what is there.
#[test]
fn refused_flows_change_nothing_for_those_there_are() {
    let mut nat = Pipe::new(&config("address-dependent"));
    is_what_it_was(&mut nat, "10.64.0.8:5000", "address-dependent");
    open_udp(&mut nat, "10.64.0.7", 5000, 399);
    for port in 7000..7200 {
        let refused = nat.inside(udp(&format!("10.64.0.9:{port} > 192.0.2.1:7000")));
        crate::lost_but_told(&refused);
    }
    is_what_it_was(&mut nat, "10.64.0.8:5000", "address-dependent");
}
