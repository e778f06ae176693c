//! Members downstream: RFC 5135 REQ-8 to REQ-10 and REQ-13.

use std::net::Ipv4Addr;

use base::Counter;
use testkit::udp;
use tests::{Left, Pipe};

use super::{
    ALLOW, BLOCK, GROUP, IS_EXCLUDE, IS_INCLUDE, SSM, TO_EXCLUDE, TO_INCLUDE, config, copies, igmp,
    join, leave, query, record, records, report, report_v1, said_by, short, start, stream,
};

/// RFC 5135 REQ-8: a version 1 report makes a member.
#[test]
fn version_1_hosts_are_members() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report_v1("10.64.0.7", GROUP));
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    // It could not say that it stays (RFC 2236 section 6).
    join(&mut pipe, "inside", &leave("10.64.0.8", GROUP));
    pipe.wait(10.0);
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    pipe.wait(260.0);
    pipe.outside(stream())
        .dropped(Counter::DropMulticastNoMember);
}

/// RFC 5135 REQ-9, RFC 2236 section 3: the appliance asks on each downstream interface, faster at first.
#[test]
fn members_are_asked_for_on_every_downstream_interface() {
    for (version, len) in [(2, 8), (3, 12)] {
        let mut pipe = start(&config(&format!(", igmp_version: {version}")));
        let left = pipe.wait(300.0);
        for interface in ["inside", "lab"] {
            let queries = said_by(&left, interface);
            for (to, message) in &queries {
                assert_eq!(to, "224.0.0.1");
                assert_eq!(message.len(), len);
                assert_eq!(message[..8], [0x11, 100, 0, 0, 0, 0, 0, 0]);
                assert!(len == 8 || message[8..] == [2, 125, 0, 0]);
            }
            let times = left.iter().filter(|left| left.interface == interface);
            let times: Vec<String> = times.map(|left| format!("{:.0}", left.at)).collect();
            assert_eq!(times, ["1", "32", "157", "282"]);
        }
        assert!(said_by(&left, "outside").is_empty());
    }
}

/// RFC 5135 REQ-9, RFC 2236 section 3: after a leave the group is asked twice, and then has no members.
#[test]
fn a_leave_ends_membership_unless_somebody_speaks_up() {
    let mut pipe = start(&config(", igmp_version: 2"));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    join(&mut pipe, "inside", &report("10.64.0.8", GROUP));
    let asked = |left: &[Left]| {
        let queries = said_by(left, "inside");
        let specific =
            |(to, message): &&(String, Vec<u8>)| to == GROUP && message[..2] == [0x11, 10];
        queries.iter().filter(specific).count()
    };
    let mut left = join(&mut pipe, "inside", &leave("10.64.0.7", GROUP));
    left.extend(pipe.wait(0.5));
    join(&mut pipe, "inside", &report("10.64.0.8", GROUP));
    left.extend(pipe.wait(3.0));
    assert_eq!(asked(&left), 1);
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);

    let mut left = join(&mut pipe, "inside", &leave("10.64.0.8", GROUP));
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    left.extend(pipe.wait(1.9));
    assert_eq!(asked(&left), 2);
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    let last = pipe.wait(0.2);
    assert_eq!(
        said_by(&last, "outside"),
        [("224.0.0.2".into(), short(0x17, 0, GROUP))]
    );
    pipe.outside(stream())
        .dropped(Counter::DropMulticastNoMember);
}

/// RFC 5135 REQ-9, RFC 2236 section 8.4: a member that is not heard of for 260 s is one no more.
#[test]
fn a_silent_member_is_forgotten_after_260_seconds() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    pipe.wait(200.0);
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    pipe.wait(259.0);
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    pipe.wait(2.0);
    pipe.outside(stream())
        .dropped(Counter::DropMulticastNoMember);
}

/// RFC 5135 REQ-9, RFC 2236 section 3, RFC 4605 section 4.1: the lower address asks, and only who asks forwards.
#[test]
fn another_querier_with_a_lower_address_takes_over_until_it_is_silent() {
    let config = config("").interface("inside", "addresses", "[10.64.0.50/16]");
    let mut pipe = Pipe::bare(&config, &[]);
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    // Higher, or nobody's: nothing changes.
    join(&mut pipe, "inside", &query("10.64.0.60", 100, "0.0.0.0"));
    join(&mut pipe, "inside", &query("0.0.0.0", 100, "0.0.0.0"));
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    join(&mut pipe, "inside", &query("10.64.0.9", 100, "0.0.0.0"));
    pipe.outside(stream())
        .dropped(Counter::DropMulticastNoMember);
    let inside = |left: Vec<Left>| {
        left.iter()
            .filter(|left| left.interface == "inside")
            .count()
    };
    assert_eq!(inside(pipe.wait(100.0)), 0);
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    assert_eq!(inside(pipe.wait(150.0)), 0);
    assert_eq!(inside(pipe.wait(10.0)), 1);
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
}

/// RFC 5135 REQ-10, RFC 3376 section 6: version 3 reports join and leave.
#[test]
fn version_3_hosts_are_members() {
    for kind in [IS_EXCLUDE, TO_EXCLUDE] {
        let mut pipe = start(&config(""));
        join(&mut pipe, "inside", &record("10.64.0.7", kind, GROUP, &[]));
        assert_eq!(copies(pipe.outside(stream())), ["inside"]);
        let left = join(
            &mut pipe,
            "inside",
            &record("10.64.0.7", TO_INCLUDE, GROUP, &[]),
        );
        let asked = said_by(&left, "inside");
        let question = [short(0x11, 10, GROUP), vec![2, 125, 0, 0]].concat();
        assert_eq!(asked, [(GROUP.into(), question)]);
        pipe.wait(2.1);
        pipe.outside(stream())
            .dropped(Counter::DropMulticastNoMember);
    }
}

/// RFC 5790: a list of unwanted sources does not keep the others out.
#[test]
fn unwanted_sources_are_left_to_the_host() {
    let mut pipe = start(&config(""));
    let unwanted = record("10.64.0.7", TO_EXCLUDE, GROUP, &["192.0.2.1"]);
    join(&mut pipe, "inside", &unwanted);
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    assert_eq!(
        copies(pipe.outside(stream().from("192.0.2.9:5000"))),
        ["inside"]
    );
}

/// RFC 5135 REQ-13, RFC 4607: who wants one source gets that source.
#[test]
fn a_member_for_one_source_gets_that_alone() {
    let mut pipe = start(&config(""));
    let from = |source: &str| udp(&format!("{source}:5000 > {SSM}:6000"));
    let left = join(
        &mut pipe,
        "inside",
        &record("10.64.0.7", ALLOW, SSM, &["192.0.2.1"]),
    );
    let wanted = |sources: &[&str]| {
        let sources = sources.iter().map(ToString::to_string).collect();
        (TO_INCLUDE, SSM.to_string(), sources)
    };
    assert_eq!(records(&left), [wanted(&["192.0.2.1"])]);
    assert_eq!(copies(pipe.outside(from("192.0.2.1"))), ["inside"]);
    pipe.outside(from("192.0.2.9"))
        .dropped(Counter::DropMulticastNoMember);
    let more = record("10.65.0.7", TO_INCLUDE, SSM, &["192.0.2.9", "192.0.2.1"]);
    let left = join(&mut pipe, "lab", &more);
    assert_eq!(records(&left), [wanted(&["192.0.2.1", "192.0.2.9"])]);
    assert_eq!(copies(pipe.outside(from("192.0.2.9"))), ["lab"]);
    let mut both = copies(pipe.outside(from("192.0.2.1")));
    both.sort();
    assert_eq!(both, ["inside", "lab"]);
}

/// RFC 5135 REQ-13, RFC 3376 section 6.4.2: a source nobody wants any more is asked about twice, then ends.
#[test]
fn a_blocked_source_ends_and_others_stay() {
    let mut pipe = start(&config(""));
    let from = |source: &str| udp(&format!("{source}:5000 > {SSM}:6000"));
    let both = record("10.64.0.7", IS_INCLUDE, SSM, &["192.0.2.1", "192.0.2.9"]);
    join(&mut pipe, "inside", &both);
    pipe.wait(1.5);
    let mut left = join(
        &mut pipe,
        "inside",
        &record("10.64.0.7", BLOCK, SSM, &["192.0.2.9"]),
    );
    left.extend(pipe.wait(1.9));
    let question = [short(0x11, 10, SSM), vec![2, 125, 0, 1, 192, 0, 2, 9]].concat();
    assert_eq!(
        said_by(&left, "inside"),
        vec![(SSM.to_string(), question); 2]
    );
    assert_eq!(copies(pipe.outside(from("192.0.2.9"))), ["inside"]);
    pipe.wait(0.2);
    pipe.outside(from("192.0.2.9"))
        .dropped(Counter::DropMulticastNoMember);
    assert_eq!(copies(pipe.outside(from("192.0.2.1"))), ["inside"]);
    let left = join(
        &mut pipe,
        "inside",
        &record("10.64.0.7", TO_INCLUDE, SSM, &[]),
    );
    assert_eq!(said_by(&left, "inside").len(), 1);
    pipe.wait(2.1);
    pipe.outside(from("192.0.2.1"))
        .dropped(Counter::DropMulticastNoMember);
}

/// RFC 5135 REQ-13, RFC 4604 section 2.2.1: there is no membership for any source in 232.0.0.0/8.
#[test]
fn nobody_joins_a_source_specific_group_for_any_source() {
    let mut pipe = start(&config(""));
    for packet in [
        report_v1("10.64.0.7", SSM),
        report("10.64.0.7", SSM),
        record("10.64.0.7", TO_EXCLUDE, SSM, &[]),
    ] {
        assert!(join(&mut pipe, "inside", &packet).is_empty());
        pipe.outside(udp("192.0.2.1:5000 > 232.1.2.3:6000"))
            .dropped(Counter::DropMulticastNoMember);
    }
}

/// RFC 3376 section 4: IGMP that is malformed, misaddressed or from elsewhere changes nothing.
#[test]
fn improper_igmp_is_dropped() {
    let mut pipe = start(&config(""));
    let cut = |message: &[u8]| igmp("10.64.0.7", GROUP, message);
    let good = short(0x16, 0, GROUP);
    let three = |bytes: &[u8]| igmp("10.64.0.7", "224.0.0.22", bytes);
    let mut unsummed = report("10.64.0.7", GROUP);
    unsummed.payload[2] ^= 1;
    for packet in [
        unsummed,
        cut(&good[..4]),
        cut(&good[..7]),
        // About no group, of an unknown type, to another group.
        igmp("10.64.0.7", GROUP, &short(0x16, 0, "10.1.2.3")),
        cut(&short(0x13, 0, GROUP)),
        igmp("10.64.0.7", "233.1.2.4", &good),
        igmp("10.64.0.7", "224.0.0.1", &short(0x11, 100, GROUP)),
        // Not of this link.
        report("10.64.0.7", GROUP).ttl(2),
        report("10.65.0.7", GROUP),
        report("192.0.2.1", GROUP),
        report("10.64.0.1", GROUP),
        // Records that say more than is there.
        three(&[0x22, 0, 0, 0, 0, 0, 0, 1]),
        three(&[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 1, 233, 1, 2, 3]),
        three(&[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 1, 0, 0, 233, 1, 2, 3]),
        three(&[0x22, 0, 0, 0, 0, 0, 0xff, 0xff, 4, 0, 0, 0, 233, 1, 2, 3]),
        three(&[0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 10, 1, 2, 3]),
        cut(&[0x11, 10, 0, 0, 233, 1, 2, 3, 2, 125, 0, 9]),
        cut(&[0x11, 10, 0, 0, 233, 1, 2, 3, 2, 125]),
    ] {
        pipe.inside(packet).dropped(Counter::DropIgmp);
        pipe.outside(stream())
            .dropped(Counter::DropMulticastNoMember);
    }
    for piece in report("10.64.0.7", GROUP)
        .payload(&[0; 64])
        .fragments(&[32])
    {
        pipe.inside(piece).dropped(Counter::DropIgmp);
    }
    // A host that has no address yet is on the link all the same.
    join(&mut pipe, "inside", &report("0.0.0.0", GROUP));
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
}

/// House rule 6: memberships are bounded, and a full table forgets nobody.
#[test]
fn a_full_table_refuses_and_keeps() {
    let mut pipe = start(&config(", groups_max: 4"));
    for nth in 1..=10 {
        join(
            &mut pipe,
            "inside",
            &report("10.64.0.7", &format!("233.1.2.{nth}")),
        );
    }
    let sources = ["192.0.2.1", "192.0.2.2"];
    join(
        &mut pipe,
        "inside",
        &record("10.64.0.7", ALLOW, "233.1.2.4", &sources),
    );
    join(&mut pipe, "lab", &record("10.65.0.7", ALLOW, SSM, &sources));
    for nth in 1..=10 {
        let outcome = pipe.outside(udp(&format!("192.0.2.1:5000 > 233.1.2.{nth}:6000")));
        assert_eq!(outcome.left.len(), usize::from(nth <= 4), "{outcome:?}");
    }
    assert_eq!(pipe.counter(Counter::IgmpRefused), 6 + 2 + 1);
    // Room comes back with whoever goes.
    for nth in 1..=4 {
        join(
            &mut pipe,
            "inside",
            &leave("10.64.0.7", &format!("233.1.2.{nth}")),
        );
    }
    pipe.wait(3.0);
    join(&mut pipe, "lab", &record("10.65.0.7", ALLOW, SSM, &sources));
    let outcome = pipe.outside(udp("192.0.2.2:5000 > 232.1.2.3:6000"));
    assert_eq!(copies(outcome), ["lab"]);
}

/// House rule 8: any IGMP at all, from both sides, for hours; members are served all the same.
#[test]
fn any_igmp_leaves_the_appliance_working() {
    let mut pipe = start(&config(", groups_max: 16"));
    let mut rng = testkit::Rng::new(7);
    let mut byte = |bound: usize| rng.below(bound) as u8;
    for turn in 0..4000 {
        let kind = [0x11, 0x12, 0x16, 0x17, 0x22, 0x22, 0x22, 0x13][usize::from(byte(8))];
        let group = format!("{}.1.2.{}", 232 + byte(3), byte(12));
        let mut bytes = short(kind, byte(3) * 50, &group);
        let to = match kind {
            0x17 => "224.0.0.2".to_string(),
            0x22 => {
                bytes[4..8].copy_from_slice(&[0, 0, 0, 1]);
                let count = byte(3);
                let group: Ipv4Addr = group.parse().unwrap();
                bytes.extend([byte(8), 0, 0, count]);
                bytes.extend(group.octets());
                for _ in 0..count + byte(2) {
                    bytes.extend([192, 0, 2, byte(6)]);
                }
                "224.0.0.22".to_string()
            }
            _ => group,
        };
        let (interface, net) = [
            ("inside", "10.64.0"),
            ("lab", "10.65.0"),
            ("outside", "198.51.100"),
        ][usize::from(byte(3))];
        let from = format!("{net}.{}", 2 + byte(20));
        let outcome = pipe.send(interface, &igmp(&from, &to, &bytes));
        assert!(
            matches!(&*outcome.reason, "consume.igmp" | "drop.igmp"),
            "{outcome:?}"
        );
        if turn % 16 == 0 {
            pipe.wait(f64::from(byte(20)));
        }
        pipe.forget_transcript();
    }
    pipe.wait(600.0);
    for nth in 0..12 {
        for net in 232..235 {
            pipe.outside(udp(&format!("192.0.2.1:5000 > {net}.1.2.{nth}:6000")))
                .dropped(Counter::DropMulticastNoMember);
        }
    }
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    pipe.check_verdicts();
}
