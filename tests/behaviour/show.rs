//! `show` tells what the frames told (contract 7.4).

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{echo, flags, tcp, udp};
use tests::{Config, Pipe, counter_names};

use crate::{Connection, udp_endpoint};

const KEYS: [(&str, &[&str]); 8] = [
    (
        "translations",
        &[
            "protocol",
            "vrf",
            "rule",
            "inside",
            "outside",
            "remote",
            "state",
            "age",
            "expires",
            "alg",
            "worker",
            "packets_out",
            "packets_in",
            "bytes_out",
            "bytes_in",
        ],
    ),
    (
        "mappings",
        &[
            "protocol", "vrf", "inside", "outside", "kind", "sessions", "worker",
        ],
    ),
    (
        "subscribers",
        &[
            "inside",
            "vrf",
            "outside",
            "blocks",
            "ports_used",
            "sessions",
            "refused",
            "worker",
        ],
    ),
    (
        "pools",
        &[
            "name",
            "addresses",
            "blocks_total",
            "blocks_used",
            "subscribers",
            "draining",
        ],
    ),
    (
        "interfaces",
        &[
            "name",
            "device",
            "mac",
            "mtu",
            "vrf",
            "zone",
            "addresses",
            "up",
            "rx_packets",
            "rx_bytes",
            "rx_missed",
            "tx_packets",
            "tx_bytes",
            "tx_dropped",
        ],
    ),
    (
        "workers",
        &[
            "worker",
            "core",
            "packets",
            "sessions",
            "mappings",
            "handoff_in",
            "handoff_out",
            "handoff_dropped",
            "punted",
            "busy",
            "longest_gap",
        ],
    ),
    ("neighbors", &["interface", "ip", "mac", "state", "age"]),
    ("counters", &["name", "value"]),
];

/// Contract 7.4: the keys of every row.
#[test]
fn every_row_has_the_keys_of_the_contract() {
    let mut nat = Pipe::new(&Config::new());
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    for (what, keys) in KEYS {
        let rows = nat.show(what);
        assert!(!rows.is_empty(), "{what}");
        for row in rows {
            for key in keys {
                assert!(row.get(key).is_some(), "{what}: no `{key}` in {row}");
            }
        }
    }
}

/// Contract 7.1 and 7.3: any WHAT is answered.
#[test]
fn every_what_is_answered() {
    let mut nat = Pipe::new(&Config::new());
    for what in ["doors", "calls", "ipsec", "alg", "zones"] {
        let rows = nat.show(what);
        assert!(rows.iter().all(Value::is_object), "{what}: {rows:?}");
    }
}

/// Contract 7.4, `translations`, against the frames.
#[test]
fn translations_agree_with_the_frames() {
    let mut nat = Pipe::new(&Config::new());
    nat.wait(5.0);
    let out = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[1; 100]))
        .forwarded();
    nat.outside(out.reply().payload(&[1; 50])).forwarded();
    nat.outside(out.reply().payload(&[1; 50])).forwarded();
    nat.wait(100.0);
    let rows = nat.show("translations");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row["protocol"], "udp");
    assert_eq!(row["vrf"], "default");
    assert_eq!(row["rule"], "subscribers");
    assert_eq!(row["inside"], "10.64.0.7:5000");
    assert_eq!(row["outside"], out.src.to_string());
    assert_eq!(row["remote"], "192.0.2.1:7000");
    assert_eq!(row["packets_out"], 1);
    assert_eq!(row["packets_in"], 2);
    let bytes = |key: &str| {
        row[key]
            .as_u64()
            .unwrap_or_else(|| panic!("`{key}` in {row}"))
    };
    // From the IP header on, or with the Ethernet header.
    assert!(matches!(bytes("bytes_out"), 128 | 142), "{row}");
    assert!(matches!(bytes("bytes_in"), 156 | 184), "{row}");
    assert!((number(row, "age") - 100.0).abs() <= 1.0, "{row}");
    assert!((number(row, "expires") - 200.0).abs() <= 2.0, "{row}");
    assert!(row.get("remote_inside").is_none_or(Value::is_null));
}

fn number(row: &Value, key: &str) -> f64 {
    row[key]
        .as_f64()
        .unwrap_or_else(|| panic!("`{key}` is no number in {row}"))
}

/// Contract 7.4: the identifier stands as the port.
#[test]
fn an_icmp_identifier_is_shown_as_a_port() {
    let mut nat = Pipe::new(&Config::new());
    let ping = nat.inside(echo("10.64.0.7:77 > 192.0.2.1")).forwarded();
    let row = &nat.show("translations")[0];
    assert_eq!(row["protocol"], "icmp");
    assert_eq!(row["inside"], "10.64.0.7:77");
    assert_eq!(row["outside"], ping.src.to_string());
}

/// Contract 7.4: the state and the timer follow the connection.
#[test]
fn the_state_of_a_connection_is_shown() {
    let mut nat = Pipe::new(&Config::new());
    let mut states = BTreeSet::new();
    let mut expires = Vec::new();
    let mut note = |nat: &mut Pipe| {
        let row = nat.show("translations")[0].clone();
        states.insert(row["state"].as_str().expect("state").to_string());
        expires.push(format!("{:.0}", number(&row, "expires")));
    };
    let syn = tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().seq(1000);
    let out = nat.inside(syn).forwarded();
    note(&mut nat);
    nat.outside(out.reply().syn_ack().seq(9000)).forwarded();
    let ack = tcp("10.64.0.7:5000 > 192.0.2.1:80").seq(1001).ack(9001);
    nat.inside(ack.clone()).forwarded();
    note(&mut nat);
    nat.inside(ack.clone().flags(flags::RST)).forwarded();
    note(&mut nat);
    assert_eq!(states.len(), 3, "{states:?}");
    assert_eq!(expires, ["240", "7440", "240"]);
}

/// Contract 7.4, `mappings`, `subscribers` and `pools` of the same traffic.
#[test]
fn the_tables_agree_with_each_other() {
    let mut nat = Pipe::new(&Config::new());
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.9:7000");
    let connection = Connection::open(&mut nat, "10.64.0.7:5000", "192.0.2.1:80");
    udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
    assert_eq!(nat.show("translations").len(), 4);
    let mappings = nat.show("mappings");
    assert_eq!(mappings.len(), 3);
    let row = |protocol: &str, inside: &str| {
        mappings
            .iter()
            .find(|row| row["protocol"] == protocol && row["inside"] == inside)
            .unwrap_or_else(|| panic!("no {protocol} {inside} in {mappings:?}"))
    };
    let first = row("udp", "10.64.0.7:5000");
    assert_eq!(first["outside"], outside.to_string());
    assert_eq!(first["sessions"], 2);
    assert_eq!(first["kind"], "dynamic");
    let second = row("tcp", "10.64.0.7:5000");
    assert_eq!(second["outside"], connection.outside.to_string());
    let subscribers = nat.show("subscribers");
    assert_eq!(subscribers.len(), 2);
    let of_a = subscribers
        .iter()
        .find(|row| row["inside"] == "10.64.0.7")
        .expect("subscriber A");
    assert_eq!(of_a["outside"], outside.ip().to_string());
    assert_eq!(of_a["sessions"], 3);
    assert_eq!(of_a["ports_used"], 2);
    assert_eq!(of_a["blocks"], 1);
    assert_eq!(of_a["refused"], 0);
    let pools = nat.show("pools");
    assert_eq!(pools.len(), 1);
    assert_eq!(pools[0]["name"], "public");
    assert_eq!(pools[0]["subscribers"], 2);
    assert_eq!(pools[0]["blocks_used"], 2);
    let workers = nat.show("workers");
    let total = |key: &str| workers.iter().map(|row| number(row, key)).sum::<f64>();
    assert!((total("sessions") - 4.0).abs() < 0.5);
    assert!((total("mappings") - 3.0).abs() < 0.5);
}

/// Contract 7.4, `interfaces`: what went over the wires.
#[test]
fn interfaces_count_their_frames() {
    let mut nat = Pipe::new(&Config::new());
    let counts = |nat: &mut Pipe, name: &str| {
        let rows = nat.show("interfaces");
        let row = rows.iter().find(|row| row["name"] == name).unwrap().clone();
        ["rx_packets", "rx_bytes", "tx_packets", "tx_bytes"].map(|key| row[key].as_u64().unwrap())
    };
    let before = (counts(&mut nat, "inside"), counts(&mut nat, "outside"));
    let out = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[1; 100]))
        .forwarded();
    nat.outside(out.reply().payload(&[1; 50])).forwarded();
    let after = (counts(&mut nat, "inside"), counts(&mut nat, "outside"));
    let delta = |now: [u64; 4], then: [u64; 4]| [0, 1, 2, 3].map(|at| now[at] - then[at]);
    assert_eq!(delta(after.0, before.0), [1, 142, 1, 92]);
    assert_eq!(delta(after.1, before.1), [1, 92, 1, 142]);
    let inside = &nat.show("interfaces")[0];
    assert_eq!(inside["addresses"], serde_json::json!(["10.64.0.1/16"]));
    assert_eq!(inside["mtu"], 1500);
    assert_eq!(inside["zone"], "inside");
}

/// Contract 7.4, `neighbors`: the static ones of the file.
#[test]
fn neighbors_are_shown() {
    let mut nat = Pipe::new(&Config::new());
    let rows = nat.show("neighbors");
    let gateway = rows
        .iter()
        .find(|row| row["ip"] == tests::GATEWAY)
        .expect("the gateway");
    assert_eq!(gateway["interface"], "outside");
    assert_eq!(gateway["mac"], "02:aa:c6:33:64:fe");
}

/// Contract 7.4, `counters`: each name once, `area.thing`, and every name known.
#[test]
fn counters_are_all_shown_once() {
    let mut nat = Pipe::new(&Config::new());
    let rows = nat.show("counters");
    let names: BTreeSet<String> = rows
        .iter()
        .map(|row| row["name"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(names.len(), rows.len());
    for name in counter_names() {
        assert!(names.contains(name), "{name}");
    }
}

/// Contract 7.4: every packet received is in exactly one verdict, and the sum is
/// what came in.
#[test]
fn verdicts_add_up_to_the_packets_received() {
    let mut nat = Pipe::new(&Config::new());
    let out = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    nat.outside(out.reply()).forwarded();
    crate::lost(&nat.outside(udp("192.0.2.1:1 > 203.0.113.9:9")));
    crate::lost(&nat.inside(tcp("10.64.0.7:5000 > 192.0.2.1:80")));
    crate::kept_out(&nat.outside(tcp("192.0.2.1:1 > 203.0.113.9:9").syn()));
    for length in [0, 1, 13, 14, 33, 60] {
        let outcome = nat.feed("outside", &vec![0; length]);
        assert_eq!(outcome.verdict, "drop");
    }
    nat.arp("inside", "10.64.0.7", tests::OWN_INSIDE, &[]);
    nat.wait(10.0);
    nat.check_verdicts();
    let counters = nat.counters();
    let sum = |area: &str| -> u64 {
        counters
            .iter()
            .filter(|(name, _)| name.starts_with(area))
            .map(|(_, value)| value)
            .sum()
    };
    assert_eq!(sum("verdict."), counters["rx.packets"]);
    assert_eq!(sum("drop."), counters["verdict.drop"]);
    assert_eq!(sum("forward."), counters["verdict.forward"]);
    assert_eq!(sum("consume."), counters["verdict.consume"]);
}

/// `--busiest N`: those with most sessions, most first.
#[test]
fn the_busiest_subscribers_are_picked_out_of_all() {
    let mut nat = Pipe::new(&Config::new());
    for (host, flows) in [(7, 3), (8, 1), (9, 2)] {
        for port in 0..flows {
            let flow = format!("10.64.0.{host}:{} > 192.0.2.1:53", 5000 + port);
            nat.inside(udp(&flow)).forwarded();
        }
    }
    let answer = nat.line(r#"{"show": "subscribers", "filter": {"busiest": 2}}"#);
    let hosts: Vec<_> = answer["rows"].as_array().unwrap().iter().collect();
    let found: Vec<_> = hosts
        .iter()
        .map(|row| (row["inside"].as_str().unwrap(), row["sessions"].as_u64()))
        .collect();
    assert_eq!(found, [("10.64.0.7", Some(3)), ("10.64.0.9", Some(2))]);
    let filter = r#"{"show": "subscribers", "filter": {"busiest": 2, "inside": "10.64.0.8"}}"#;
    assert_eq!(nat.line(filter)["rows"].as_array().unwrap().len(), 1);
}
