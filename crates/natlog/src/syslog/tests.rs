use super::*;
use crate::samples;

/// 2026-11-26 02:20:00.123 UTC.
const AT: u64 = 1_795_659_600_123;

fn writer() -> Writer {
    Writer {
        facility: 16,
        enterprise: ENTERPRISE,
        host: "cgn1".into(),
        process: Some(412),
    }
}

fn names() -> Names {
    Names {
        pools: vec![String::new(), String::new(), "pub]lic".into()],
        vrfs: vec!["default".into(), "blue".into()],
    }
}

fn lines() -> Vec<String> {
    samples::all()
        .iter()
        .map(|record| {
            let mut line = String::new();
            let entry = Entry {
                at: AT,
                instance: 0,
                record,
            };
            writer().record(&mut line, &names(), &entry);
            line
        })
        .collect()
}

/// RFC 5424 section 6: all of a line.
#[test]
fn a_block_is_this_line() {
    assert_eq!(
        lines()[6],
        "<134>1 2026-11-26T02:20:00.123Z cgn1 portolan 412 block-allocated \
         [nat@32473 event=\"16\" instance=\"0\" vrf=\"blue\" in=\"10.64.0.7\" \
         out=\"203.0.113.1\" ports=\"1024-1535\"]"
    );
}

#[test]
fn every_event_says_what_it_is_about() {
    let expected = [
        "session-created [event=4 vrf=blue protocol=17 in=10.64.0.7:4000 out=203.0.113.1:1030 to=198.51.100.9:53]",
        "session-deleted [event=5 vrf=blue protocol=17 in=10.64.0.7:4000 out=203.0.113.1:1030 to=198.51.100.9:53]",
        "mapping-created [event=8 vrf=blue protocol=17 in=10.64.0.7:4000 out=203.0.113.1:1030]",
        "mapping-deleted [event=9 vrf=blue protocol=17 in=10.64.0.7:4000 out=203.0.113.1:1030]",
        "address-bound [event=14 vrf=blue in=10.64.0.7 out=203.0.113.1]",
        "address-unbound [event=15 vrf=blue in=10.64.0.7 out=203.0.113.1]",
        "block-allocated [event=16 vrf=blue in=10.64.0.7 out=203.0.113.1 ports=1024-1535]",
        "block-released [event=17 vrf=blue in=10.64.0.7 out=203.0.113.1 ports=1024-1535]",
        "addresses-exhausted [event=3 pool=pub\\]lic]",
        "ports-exhausted [event=12 out=203.0.113.1 protocol=6]",
        "quota-exceeded [event=13 quota=1 most=1000]",
        "quota-exceeded [event=13 quota=2 most=1000]",
        "quota-exceeded [event=13 quota=3 most=64 vrf=blue in=10.64.0.7]",
        "quota-exceeded [event=13 quota=4 most=1000]",
        "quota-exceeded [event=13 quota=5 most=16 vrf=blue in=10.64.0.7]",
        "threshold-reached [event=18 threshold=1 at=900 pool=pub\\]lic]",
        "threshold-reached [event=18 threshold=2 at=800 pool=pub\\]lic]",
        "threshold-reached [event=18 threshold=3 at=900]",
        "threshold-reached [event=18 threshold=4 at=57 vrf=blue in=10.64.0.7]",
        "threshold-reached [event=18 threshold=5 at=900]",
    ];
    let bare = |line: &String| {
        let (_, rest) = line.split_once(" 412 ").unwrap();
        rest.replace("nat@32473 ", "")
            .replace(" instance=\"0\"", "")
            .replace('"', "")
    };
    let said: Vec<String> = lines().iter().map(bare).collect();
    assert_eq!(said, expected);
}

/// RFC 5424 section 6.2.1: what an operator should look at is a warning.
#[test]
fn want_of_something_is_a_warning() {
    for line in lines() {
        let warns = ["exhausted", "exceeded", "reached"]
            .iter()
            .any(|word| line.contains(word));
        assert_eq!(line.starts_with("<132>1 "), warns, "{line}");
    }
}

#[test]
fn a_remote_with_another_address_is_named_twice() {
    let mut line = String::new();
    let remote = nat::Remote {
        known_as: "10.9.9.9".parse().unwrap(),
        address: samples::REMOTE,
        port: 80,
    };
    let record = Record::Session(nat::Life::Begun, samples::FLOW, remote);
    let entry = Entry {
        at: AT,
        instance: 0,
        record: &record,
    };
    writer().record(&mut line, &names(), &entry);
    assert!(
        line.ends_with(" to=\"10.9.9.9:80\" behind=\"198.51.100.9:80\"]"),
        "{line}"
    );
}

/// A pool that is gone by the time its record is written still has its number.
#[test]
fn what_has_no_name_has_its_number() {
    let mut line = String::new();
    let record = Record::AddressesExhausted { pool: 9 };
    let entry = Entry {
        at: AT,
        instance: 1,
        record: &record,
    };
    writer().record(&mut line, &names(), &entry);
    assert!(line.ends_with("instance=\"1\" pool=\"9\"]"), "{line}");
}

/// RFC 7422 section 4: I, O, C, ports, and the algorithm.
#[test]
fn a_deterministic_range_is_this_line() {
    let mut line = String::new();
    let range = Deterministic {
        name: "det".into(),
        inside: "198.51.100.1-198.51.100.14".into(),
        outside: "192.0.2.1".into(),
        ports: (1024, 65535),
        hosts: 14,
        ports_of_host: 4032,
        most: Some(5040),
        algorithm: "sequential",
    };
    let nobody = Writer {
        host: "-".into(),
        process: None,
        ..writer()
    };
    nobody.deterministic(&mut line, AT, &range);
    assert_eq!(
        line,
        "<134>1 2026-11-26T02:20:00.123Z - portolan - deterministic [nat@32473 name=\"det\" \
         in=\"198.51.100.1-198.51.100.14\" out=\"192.0.2.1\" ports=\"1024-65535\" hosts=\"14\" \
         ports_of_host=\"4032\" most=\"5040\" algorithm=\"sequential\"]"
    );
}

#[test]
fn days_are_told_by_the_calendar() {
    for (at, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        let mut text = String::new();
        write_time(&mut text, at).unwrap();
        assert_eq!(text, expected);
    }
}
