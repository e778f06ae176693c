//! What is logged and how it reads (RFC 8158, RFC 5424, RFC 7422 section 4, RFC 6888 REQ-12).
//!
//! The IPFIX is read by a decoder that is not ours, which has to know the templates.

mod import;
mod reader;

use base::Counter;
use testkit::{tcp, udp};
use tests::{Config, Pipe};

use crate::{open_udp, udp_endpoint};
use reader::{Entry, Files};

/// Two blocks of sixteen ports for each subscriber, of one address.
fn config() -> Config {
    Config::new()
        .pool("prefixes", "[203.0.113.2/32]")
        .pool("ports", "1024-1151")
        .pool(
            "blocks",
            "{ size: 16, max_per_subscriber: 2, idle_timeout: 120s }",
        )
}

/// A host opens a flow, and all of it ends.
fn one_flow(nat: &mut Pipe) -> (String, String) {
    let outside = udp_endpoint(nat, "10.64.0.7:5000", "192.0.2.1:7000");
    crate::run_until(nat, 900.0);
    (outside.ip().to_string(), outside.port().to_string())
}

/// RFC 8158 sections 5.6.9 and 5.6.10: the address first, then both ends of the block.
#[test]
fn blocks_are_logged_unless_a_rule_says_otherwise() {
    let files = Files::new();
    let mut nat = files.run(&config());
    let (address, port) = one_flow(&mut nat);
    let entries = files.entries();
    let events: Vec<&str> = entries.iter().map(Entry::event).collect();
    assert_eq!(
        events,
        [
            "AddressBindingCreate",
            "PortBlockAllocation",
            "PortBlockDeAllocation",
            "AddressBindingDelete"
        ]
    );
    for entry in &entries {
        assert_eq!(entry.value("SourceIpv4address"), "10.64.0.7");
        assert_eq!(entry.value("PostNATSourceIPv4Address"), address);
    }
    for block in &entries[1..3] {
        let first: u16 = block.value("PortRangeStart").parse().unwrap();
        let last: u16 = block.value("PortRangeEnd").parse().unwrap();
        assert_eq!(first % 16, 0);
        assert_eq!(last, first + 15);
        assert!((first..=last).contains(&port.parse().unwrap()));
    }
    let [from, to] = [&entries[1], &entries[2]].map(Entry::at);
    assert!(from < 1.0, "{from}");
    // The session 300 s, its port 120 s, its block 120 s.
    assert!((419.0..=545.0).contains(&to), "{to}");
    assert_eq!(nat.counter(Counter::LogRecords), 4);
    assert_eq!(nat.counter(Counter::LogIpfixSent), 4);
    assert_eq!(nat.counter(Counter::LogSyslogSent), 4);
}

/// The same as text: one record, one line, one element.
#[test]
fn syslog_says_the_same() {
    let files = Files::new();
    let mut nat = files.run(&config());
    let (address, _) = one_flow(&mut nat);
    let lines = files.lines();
    assert_eq!(lines.len(), 4, "{lines:?}");
    let head = "<134>1 1970-01-01T00:00:00.";
    assert!(lines[1].starts_with(head), "{lines:?}");
    let start = " - portolan - block-allocated [nat@32473 event=\"16\" instance=\"0\" \
                 vrf=\"default\" in=\"10.64.0.7\" out=\"";
    let (_, rest) = lines[1].split_once('Z').unwrap();
    assert!(
        rest.starts_with(&format!("{start}{address}\" ports=\"")),
        "{rest}"
    );
    assert!(rest.ends_with("\"]"), "{rest}");
}

/// RFC 8158 section 5.1: without destinations not both of session and
/// mapping, and one record of each mapping however many sessions it has.
#[test]
fn sessions_without_destinations_are_mappings() {
    let files = Files::new();
    let mut nat = files.run(&config().rule("log", "sessions"));
    for remote in ["192.0.2.1:7000", "192.0.2.9:7000"] {
        udp_endpoint(&mut nat, "10.64.0.7:5000", remote);
    }
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.33:7000");
    crate::run_until(&mut nat, 900.0);
    let entries = files.of("Nat44Bib");
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert_eq!(entries[0].event(), "Nat44BibCreate");
    assert_eq!(entries[1].event(), "Nat44BibDelete");
    for entry in &entries {
        assert_eq!(entry.value("SourceTransportPort"), "5000");
        assert_eq!(entry.value("ProtocolIdentifier"), "Udp");
        let port = entry.value("PostNAPTSourceTransportPort");
        assert_eq!(port, outside.port().to_string());
    }
    assert!(files.of("Session").is_empty() && files.of("PortBlock").is_empty());
}

/// RFC 6888 REQ-12: nobody learns where subscribers go.
#[test]
fn destinations_are_named_only_if_a_rule_says_so() {
    for log in ["sessions", "blocks", "both", "none"] {
        let files = Files::new();
        let mut nat = files.run(&config().rule("log", log));
        one_flow(&mut nat);
        for entry in files.entries() {
            assert!(
                !entry
                    .names()
                    .any(|name| name.to_lowercase().contains("destination")),
                "{entry:?}"
            );
        }
        let text = files.lines().concat();
        assert!(!text.contains("192.0.2.1"), "{text}");
    }
}

/// RFC 8158 section 5.6.1.
#[test]
fn with_destinations_every_session_is_logged() {
    let files = Files::new();
    let config = config()
        .rule("log", "sessions")
        .rule("destinations", "true");
    let mut nat = files.run(&config);
    for remote in ["192.0.2.1:7000", "192.0.2.9:53"] {
        udp_endpoint(&mut nat, "10.64.0.7:5000", remote);
    }
    crate::run_until(&mut nat, 900.0);
    let begun = files.of("Nat44SessionCreate");
    assert_eq!(begun.len(), 2);
    for (entry, (address, port)) in begun
        .iter()
        .zip([("192.0.2.1", "7000"), ("192.0.2.9", "53")])
    {
        assert_eq!(entry.value("DestinationIpv4address"), address);
        assert_eq!(entry.value("PostNATDestinationIPv4Address"), address);
        assert_eq!(entry.value("DestinationTransportPort"), port);
        assert_eq!(entry.value("PostNAPTDestinationTransportPort"), port);
        assert_eq!(entry.value("SourceIpv4address"), "10.64.0.7");
    }
    assert_eq!(files.of("Nat44SessionDelete").len(), 2);
    assert!(files.of("Bib").is_empty());
    let text = files.lines().concat();
    assert!(text.contains("to=\"192.0.2.9:53\""), "{text}");
}

/// What comes in through a mapping is a session of it as well.
#[test]
fn sessions_from_outside_are_logged() {
    let files = Files::new();
    let config = config()
        .rule("log", "sessions")
        .rule("destinations", "true");
    let mut nat = files.run(&config);
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    nat.outside(udp(&format!("192.0.2.99:9 > {outside}")))
        .forwarded();
    let sessions = files.of("Nat44SessionCreate");
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[1].value("SourceTransportPort"), "5000");
    assert_eq!(sessions[1].value("DestinationIpv4address"), "192.0.2.99");
}

/// `both` is both, and a connection that ends takes its records along.
#[test]
fn both_are_sessions_and_blocks() {
    let files = Files::new();
    let mut nat = files.run(&config().rule("log", "both"));
    nat.inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    crate::run_until(&mut nat, 900.0);
    let events: Vec<String> = files
        .entries()
        .iter()
        .map(|entry| entry.event().to_owned())
        .collect();
    assert_eq!(
        events,
        [
            "AddressBindingCreate",
            "PortBlockAllocation",
            "Nat44BibCreate",
            "Nat44BibDelete",
            "PortBlockDeAllocation",
            "AddressBindingDelete"
        ]
    );
}

#[test]
fn none_is_nothing() {
    let files = Files::new();
    let mut nat = files.run(&config().rule("log", "none"));
    open_udp(&mut nat, "10.64.0.7", 5000, 32);
    nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropBlockLimit);
    crate::run_until(&mut nat, 900.0);
    assert!(files.entries().is_empty());
    assert_eq!(nat.counter(Counter::LogRecords), 0);
}

/// Nobody to tell: nothing is noted, so nothing can be lost.
#[test]
fn without_collectors_nothing_is_noted() {
    let mut nat = Pipe::new(&config().rule("log", "both"));
    one_flow(&mut nat);
    assert_eq!(nat.counter(Counter::LogRecords), 0);
    assert_eq!(nat.counter(Counter::LogRingFull), 0);
}

/// In virtual time collectors are sent nothing, but records are noted as they would be.
#[test]
fn a_simulation_opens_no_sockets() {
    let log = "log: { ipfix: { collector: \"127.0.0.1:9\", transport: tcp } }";
    let mut nat = Pipe::new(&config().top(log));
    one_flow(&mut nat);
    assert_eq!(nat.counter(Counter::LogRecords), 4);
    assert_eq!(nat.counter(Counter::LogIpfixSent), 0);
    assert_eq!(nat.counter(Counter::LogIpfixLost), 0);
}

/// RFC 8158 section 5.6.6 and RFC 6888 REQ-11: of whom, how much, and once a second.
#[test]
fn a_used_up_quota_of_blocks_is_logged_once_a_second() {
    let files = Files::new();
    let mut nat = files.run(&config());
    open_udp(&mut nat, "10.64.0.7", 5000, 32);
    for round in 0..3_u16 {
        for port in 0..300 {
            let flow = format!("10.64.0.7:{} > 192.0.2.1:7000", 6000 + round * 300 + port);
            let refused = nat.inside(udp(&flow));
            assert_eq!(refused.reason, Counter::DropBlockLimit.name());
        }
        nat.wait(1.1);
    }
    let quotas = files.of("QuotaExceeded");
    assert_eq!(quotas.len(), 3, "{quotas:?}");
    for quota in &quotas {
        assert_eq!(quota.value("NatQuotaExceededEvent"), "3");
        assert_eq!(quota.value("MaxEntriesPerUser"), "32");
        assert_eq!(quota.value("SourceIpv4address"), "10.64.0.7");
    }
    // Each subscriber has a second of its own.
    open_udp(&mut nat, "10.64.0.8", 5000, 32);
    for host in ["10.64.0.7", "10.64.0.8"] {
        nat.inside(udp(&format!("{host}:9999 > 192.0.2.1:7000")))
            .refused(Counter::DropBlockLimit);
    }
    assert_eq!(files.of("QuotaExceeded").len(), 5);
}

/// The other quotas of RFC 8158 section 4.4, each with the limit that refused.
#[test]
fn every_quota_has_its_own_record() {
    let small = "{ tcp: 100, udp: 3, icmp: 100 }";
    let cases = [
        (
            Config::new().rule("limits", "{ sessions: 2 }"),
            Counter::DropSessionLimit,
            ("3", "MaxEntriesPerUser", "2"),
        ),
        (
            Config::new().rule("limits", &format!("{{ ports: {small} }}")),
            Counter::DropPortLimit,
            ("3", "MaxEntriesPerUser", "3"),
        ),
        (
            Config::new().limit("sessions", "3"),
            Counter::DropSessionTable,
            ("1", "MaxSessionEntries", "3"),
        ),
        (
            Config::new().limit("mappings", "3"),
            Counter::DropMappingTable,
            ("2", "MaxBIBEntries", "3"),
        ),
        (
            Config::new().rule("limits", "{ rule_sessions: 2 }"),
            Counter::DropRuleLimit,
            ("1", "MaxSessionEntries", "2"),
        ),
    ];
    for (config, reason, (number, element, most)) in cases {
        let files = Files::new();
        let mut nat = files.run(&config);
        let refused = (5000..5010)
            .map(|port| nat.inside(udp(&format!("10.64.0.7:{port} > 192.0.2.1:7000"))))
            .find(|outcome| outcome.verdict == "drop")
            .unwrap_or_else(|| panic!("{} never came", reason.name()));
        assert_eq!(refused.reason, reason.name());
        let quotas = files.of("QuotaExceeded");
        let quota = quotas.last().unwrap_or_else(|| panic!("{reason:?}"));
        assert_eq!(quota.value("NatQuotaExceededEvent"), number, "{reason:?}");
        assert_eq!(quota.value(element), most, "{reason:?}");
    }
}

/// A visitor too many is the quota of whom it visits.
#[test]
fn a_session_from_outside_that_is_refused_is_logged_of_the_inside_host() {
    let files = Files::new();
    let config = Config::new().rule("limits", "{ sessions: 2 }");
    let mut nat = files.run(&config);
    let outside = udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    nat.outside(udp(&format!("192.0.2.99:9 > {outside}")))
        .forwarded();
    let refused = nat.outside(udp(&format!("192.0.2.98:9 > {outside}")));
    assert_eq!(refused.reason, Counter::DropSessionLimit.name());
    let quotas = files.of("QuotaExceeded");
    assert_eq!(quotas.len(), 1);
    assert_eq!(quotas[0].value("SourceIpv4address"), "10.64.0.7");
    assert_eq!(quotas[0].value("MaxEntriesPerUser"), "2");
}

/// RFC 8158 section 4.4, 4: subscribers.
#[test]
fn a_subscriber_too_many_is_logged() {
    let files = Files::new();
    let mut nat = files.run(&Config::new().limit("subscribers", "2"));
    for host in ["10.64.0.7", "10.64.0.8"] {
        udp_endpoint(&mut nat, &format!("{host}:5000"), "192.0.2.1:7000");
    }
    nat.inside(udp("10.64.0.9:5000 > 192.0.2.1:7000"))
        .refused(Counter::DropSubscriberTable);
    let quotas = files.of("QuotaExceeded");
    assert_eq!(quotas.len(), 1);
    assert_eq!(quotas[0].value("NatQuotaExceededEvent"), "4");
    assert_eq!(quotas[0].value("MaxSubscribers"), "2");
}

/// RFC 8158 section 4.4, 5: fragments that wait for their first.
#[test]
fn fragments_too_many_are_logged() {
    let files = Files::new();
    let mut nat = files.run(&Config::new().limit("fragments", "8"));
    let refused = (0..20).any(|id| {
        let mut pieces = tests::pieces(
            udp("10.64.0.7:5000 > 192.0.2.1:7000")
                .payload(&[7; 2000])
                .id(id),
        );
        let outcome = nat.inside(pieces.remove(1));
        outcome.reason == Counter::DropFragmentTable.name()
    });
    assert!(refused);
    let quotas = files.of("QuotaExceeded");
    assert_eq!(quotas.len(), 1);
    assert_eq!(quotas[0].value("NatQuotaExceededEvent"), "5");
    assert_eq!(quotas[0].value("MaxFragmentsPendingReassembly"), "8");
    assert_eq!(quotas[0].value("SourceIpv4address"), "10.64.0.7");
}

/// RFC 8158 sections 5.6.4 and 5.6.5: the pool for newcomers, the address for who keeps to it.
#[test]
fn what_is_used_up_is_named() {
    let shared = Config::new()
        .pool("prefixes", "[203.0.113.2/32]")
        .pool("ports", "1024-1039")
        .pool_without("blocks");
    let files = Files::new();
    let mut nat = files.run(&shared);
    open_udp(&mut nat, "10.64.0.7", 5000, 16);
    nat.inside(udp("10.64.0.7:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    nat.inside(udp("10.64.0.8:6000 > 192.0.2.1:7000"))
        .refused(Counter::DropNoPort);
    let ports = files.of("NatPortsExhausted");
    assert_eq!(ports.len(), 1);
    assert_eq!(ports[0].value("PostNATSourceIPv4Address"), "203.0.113.2");
    assert_eq!(ports[0].value("ProtocolIdentifier"), "Udp");
    let pools = files.of("NatAddressesExhausted");
    assert_eq!(pools.len(), 1);
    assert_eq!(pools[0].value("NatPoolId"), "0");
    let text = files.lines().concat();
    assert!(text.contains("pool=\"public\""), "{text}");
}

/// RFC 8158 section 4.5, 1 and 2.
#[test]
fn watermarks_of_a_pool_are_logged() {
    let files = Files::new();
    let mut nat = files.run(&config().pool("watermarks", "{ high: 50, low: 25 }"));
    for host in 7..11 {
        udp_endpoint(&mut nat, &format!("10.64.0.{host}:5000"), "192.0.2.1:7000");
    }
    crate::run_until(&mut nat, 900.0);
    let marks = files.of("ThresholdReached");
    assert_eq!(marks.len(), 2, "{marks:?}");
    assert_eq!(marks[0].value("NatThresholdEvent"), "1");
    assert_eq!(marks[0].value("AddressPoolHighThreshold"), "4");
    assert_eq!(marks[1].value("NatThresholdEvent"), "2");
    assert_eq!(marks[1].value("AddressPoolLowThreshold"), "2");
}

/// RFC 8158 section 4.5, 3 to 5.
#[test]
fn thresholds_of_tables_and_subscribers_are_logged() {
    let config = Config::new()
        .limit("mappings", "20")
        .limit("subscribers", "10")
        .rule("limits", "{ watermark: 50, ports: { udp: 10 } }");
    let files = Files::new();
    let mut nat = files.run(&config);
    for host in 1..=9 {
        udp_endpoint(&mut nat, &format!("10.64.1.{host}:5000"), "192.0.2.1:7000");
    }
    open_udp(&mut nat, "10.64.1.9", 6000, 9);
    let mut told: Vec<(String, String)> = files
        .of("ThresholdReached")
        .iter()
        .map(|mark| {
            let elements = [
                "AddressPortMappingHighThreshold",
                "AddressPortMappingPerUserHighThreshold",
                "GlobalAddressMappingHighThreshold",
            ];
            let at = elements.iter().find_map(|element| mark.find(element));
            (
                mark.value("NatThresholdEvent").to_owned(),
                at.unwrap().to_owned(),
            )
        })
        .collect();
    told.sort();
    let expected = [("3", "18"), ("4", "5"), ("5", "9")];
    assert_eq!(told, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

/// RFC 7422 section 2: computed ports are not logged, blocks beyond them are; section 4: the
/// parameters are, at the start and at a change.
#[test]
fn of_deterministic_ranges_the_parameters_are_logged() {
    let range = |ports: &str| {
        Config::new().deterministic(&format!(
            "name: det, source: 10.80.0.0/28, prefixes: [203.0.113.128/32], ports: {ports}, \
             max_ports: 4600, overflow_pool: public"
        ))
    };
    let files = Files::new();
    let mut nat = files.run(&range("1024-65535"));
    let lines = files.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in [
        "deterministic [nat@32473 name=\"det\" in=\"10.80.0.",
        "out=\"203.0.113.128\" ports=\"1024-65535\"",
        "most=\"4600\" algorithm=\"sequential\"]",
    ] {
        assert!(lines[0].contains(part), "{part} in {lines:?}");
    }
    udp_endpoint(&mut nat, "10.80.0.3:5000", "192.0.2.1:7000");
    assert!(files.entries().is_empty());
    open_udp(&mut nat, "10.80.0.3", 6000, 4500);
    let blocks = files.of("PortBlockAllocation");
    assert!(!blocks.is_empty());
    assert!(
        blocks
            .iter()
            .all(|block| block.value("PostNATSourceIPv4Address") != "203.0.113.128")
    );
    let before = files.lines().len();
    nat.reload(&range("2048-65535"));
    let after = files.lines();
    assert!(
        after[before..]
            .iter()
            .any(|line| line.contains("deterministic [nat@32473")
                && line.contains("ports=\"2048-65535\""))
    );
}

/// What the configuration says needs no record.
#[test]
fn port_forwards_are_not_logged() {
    let files = Files::new();
    let config = config()
        .rule("log", "both")
        .fixed("protocol: udp, inside: \"10.64.0.20:80\", outside: \"203.0.113.2:80\"");
    let mut nat = files.run(&config);
    nat.outside(udp("192.0.2.1:7000 > 203.0.113.2:80"))
        .forwarded();
    assert!(files.entries().is_empty());
}

/// A pool lends one address each, as a block of all its ports.
#[test]
fn a_whole_address_is_a_binding_and_a_block() {
    let config = Config::new()
        .pool_without("blocks")
        .pool_without("ports")
        .pool("one_to_one", "true")
        .rule_without("mapping")
        .rule_without("paired")
        .rule("log", "both");
    let files = Files::new();
    let mut nat = files.run(&config);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:7000"))
        .forwarded();
    let events: Vec<String> = files
        .entries()
        .iter()
        .map(|entry| entry.event().to_owned())
        .collect();
    assert_eq!(events, ["AddressBindingCreate", "PortBlockAllocation"]);
    assert_eq!(files.of("PortBlock")[0].value("PortRangeEnd"), "65535");
}

/// What a rule logs can change while it works.
#[test]
fn a_reload_changes_what_is_logged() {
    let files = Files::new();
    let mut nat = files.run(&config().rule("log", "none"));
    udp_endpoint(&mut nat, "10.64.0.7:5000", "192.0.2.1:7000");
    assert!(files.entries().is_empty());
    nat.reload(&config().rule("log", "both"));
    udp_endpoint(&mut nat, "10.64.0.8:5000", "192.0.2.1:7000");
    let events: Vec<String> = files
        .entries()
        .iter()
        .map(|entry| entry.event().to_owned())
        .collect();
    assert_eq!(
        events,
        [
            "AddressBindingCreate",
            "PortBlockAllocation",
            "Nat44BibCreate"
        ]
    );
    nat.reload(&config().rule("log", "none"));
    udp_endpoint(&mut nat, "10.64.0.9:5000", "192.0.2.1:7000");
    assert_eq!(files.entries().len(), 3);
}

/// The same input gives the same bytes.
#[test]
fn a_log_is_the_same_every_time() {
    let bytes = || {
        let files = Files::new();
        let mut nat = files.run(&config().rule("log", "both"));
        open_udp(&mut nat, "10.64.0.7", 5000, 20);
        crate::run_until(&mut nat, 900.0);
        drop(nat);
        (files.bytes(), files.lines())
    };
    assert!(bytes() == bytes());
}
