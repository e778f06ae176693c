//! What is said upstream: RFC 5135 REQ-11 and REQ-12.

use super::{
    ALLOW, GROUP, IS_EXCLUDE, IS_INCLUDE, SSM, TO_EXCLUDE, TO_INCLUDE, config, join, leave, query,
    query_v3, record, records, report, said, said_by, short, start,
};

/// RFC 5135 REQ-11: nothing is relayed one by one; what is said upstream is said once, by the appliance.
#[test]
fn reports_are_not_relayed() {
    let mut pipe = start(&config(", igmp_version: 2"));
    let left = join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    // `said` has seen its source, TTL and checksum.
    assert_eq!(
        said(&left),
        [("outside".into(), GROUP.into(), short(0x16, 0, GROUP))]
    );
    for host in ["10.64.0.8", "10.64.0.9"] {
        assert!(join(&mut pipe, "inside", &report(host, GROUP)).is_empty());
    }
    assert!(join(&mut pipe, "lab", &report("10.65.0.8", GROUP)).is_empty());
}

/// RFC 5135 REQ-12, RFC 4605 section 4: upstream is told what all interfaces together want, twice.
#[test]
fn upstream_hears_what_all_interfaces_want() {
    let mut pipe = start(&config(""));
    let mut left = join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    left.extend(pipe.wait(1.0));
    let joined = (TO_EXCLUDE, GROUP.to_string(), vec![]);
    assert_eq!(records(&left), [joined.clone(), joined]);
    let mut left = join(&mut pipe, "lab", &report("10.65.0.7", GROUP));
    left.extend(join(&mut pipe, "inside", &leave("10.64.0.7", GROUP)));
    left.extend(pipe.wait(5.0));
    assert!(records(&left).is_empty());
    let mut left = join(&mut pipe, "lab", &leave("10.65.0.7", GROUP));
    left.extend(pipe.wait(5.0));
    let left_it = (TO_INCLUDE, GROUP.to_string(), vec![]);
    assert_eq!(records(&left), [left_it.clone(), left_it]);
}

/// RFC 5135 REQ-12, RFC 3376 section 5.2: a query upstream is answered within its time, for all groups.
#[test]
fn upstream_queries_are_answered() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    join(
        &mut pipe,
        "inside",
        &record("10.64.0.7", ALLOW, SSM, &["192.0.2.1"]),
    );
    pipe.wait(5.0);
    let mut left = join(&mut pipe, "outside", &query_v3("198.51.100.254", "0.0.0.0"));
    left.extend(pipe.wait(1.0));
    let any = (IS_EXCLUDE, GROUP.to_string(), vec![]);
    let specific = (IS_INCLUDE, SSM.to_string(), vec!["192.0.2.1".to_string()]);
    assert_eq!(records(&left), [specific, any.clone()]);
    let mut left = join(&mut pipe, "outside", &query_v3("198.51.100.254", GROUP));
    left.extend(join(
        &mut pipe,
        "outside",
        &query_v3("198.51.100.254", "233.9.9.9"),
    ));
    left.extend(pipe.wait(1.0));
    assert_eq!(records(&left), [any]);
}

/// RFC 5135 REQ-12, RFC 3376 section 7.2.1: upstream the version of the oldest querier is spoken.
#[test]
fn an_older_querier_upstream_is_spoken_to_in_its_version() {
    for (code, kind) in [(100, 0x16), (0, 0x12)] {
        let mut pipe = start(&config(""));
        let mut left = join(
            &mut pipe,
            "outside",
            &query("198.51.100.254", code, "0.0.0.0"),
        );
        left.extend(join(&mut pipe, "inside", &report("10.64.0.7", GROUP)));
        left.extend(pipe.wait(1.0));
        let said_it = (GROUP.to_string(), short(kind, 0, GROUP));
        assert_eq!(
            said_by(&left, "outside"),
            [said_it.clone(), said_it.clone()]
        );
        let mut left = join(
            &mut pipe,
            "outside",
            &query("198.51.100.254", code, "0.0.0.0"),
        );
        left.extend(pipe.wait(10.0));
        assert_eq!(said_by(&left, "outside"), [said_it]);
        pipe.wait(265.0);
        let left = join(&mut pipe, "inside", &report("10.64.0.7", "233.1.2.4"));
        assert_eq!(
            records(&left),
            [(TO_EXCLUDE, "233.1.2.4".to_string(), vec![])]
        );
    }
}

/// RFC 2236 section 3: who hears another host report need not answer too.
#[test]
fn another_report_upstream_stands_for_our_own() {
    let mut pipe = start(&config(", igmp_version: 2"));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    pipe.wait(1.0);
    join(
        &mut pipe,
        "outside",
        &query("198.51.100.254", 100, "0.0.0.0"),
    );
    join(&mut pipe, "outside", &report("198.51.100.9", GROUP));
    assert!(said_by(&pipe.wait(10.0), "outside").is_empty());
}
