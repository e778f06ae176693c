//! What insiders send to groups: RFC 5135 REQ-4 to REQ-7 and REQ-14.

use base::Counter;
use testkit::{raw, udp};
use tests::Pipe;

use super::{
    GROUP, TO_EXCLUDE, TO_INCLUDE, config, copies, join, leave, record, report, start, stream,
};

/// RFC 5135 REQ-4 and REQ-5: UDP to a group leaves with an outside source, the group as it was.
#[test]
fn what_leaves_to_a_group_has_an_outside_source() {
    let mut pipe = start(&config(""));
    let seen = pipe
        .inside(udp("10.64.0.7:4000 > 233.1.2.3:6000").payload(b"q"))
        .forwarded();
    assert_eq!(seen.src.ip().octets()[..3], [203, 0, 113]);
    assert_eq!(seen.dst, "233.1.2.3:6000");
    assert_eq!(seen.dst_mac, [1, 0, 0x5e, 1, 2, 3]);
    pipe.expect_counters(&[
        (Counter::ForwardOutbound, 1),
        (Counter::NatSubscribersCreated, 1),
        (Counter::NatBlocksAllocated, 1),
        (Counter::NatMappingsCreated, 1),
        (Counter::NatSessionsCreated, 1),
    ]);
}

/// RFC 5135 REQ-4a: unicast answers of members outside find back, also with filtering by address.
#[test]
fn a_unicast_answer_to_multicast_comes_back() {
    for filtering in ["endpoint-independent", "address-dependent"] {
        let mut pipe = start(&config("").rule("filtering", filtering));
        let out = pipe
            .inside(udp("10.64.0.7:4000 > 233.1.2.3:6000"))
            .forwarded();
        for member in ["192.0.2.1:6000", "192.0.2.9:777"] {
            let back = pipe.outside(out.reply().from(member)).forwarded();
            assert_eq!(back.dst, "10.64.0.7:4000", "{filtering}");
            assert_eq!(back.src, member);
        }
    }
}

/// RFC 4787 REQ-8: to have written to a host is not to have written to everybody.
#[test]
fn only_a_group_opens_a_filtering_mapping_to_everybody() {
    let mut pipe = start(&config("").rule("filtering", "address-dependent"));
    let out = pipe
        .inside(udp("10.64.0.7:4000 > 192.0.2.1:6000"))
        .forwarded();
    pipe.outside(out.reply().from("192.0.2.9:777"))
        .dropped(Counter::DropFiltered);
}

/// RFC 5135 REQ-4b: one mapping for an inside endpoint, be the destination a group or a host.
#[test]
fn the_mapping_is_the_same_for_groups_and_hosts() {
    let mut pipe = start(&config(""));
    let first = pipe
        .inside(udp("10.64.0.7:4000 > 192.0.2.1:53"))
        .forwarded();
    for to in ["233.1.2.3:6000", "234.1.2.3:6000", "192.0.2.9:53"] {
        let seen = pipe.inside(udp("10.64.0.7:4000 > 192.0.2.1:1").to(to));
        assert_eq!(seen.forwarded().src, first.src, "{to}");
    }
    assert_eq!(pipe.show("mappings").len(), 1);
}

/// RFC 5135 REQ-4c: paired pooling holds for multicast too.
#[test]
fn groups_and_hosts_see_the_same_outside_address() {
    let mut pipe = start(&config(""));
    let unicast = pipe
        .inside(udp("10.64.0.7:4000 > 192.0.2.1:53"))
        .forwarded();
    for port in 4001..4020 {
        let flow = format!("10.64.0.7:{port} > 233.1.2.3:6000");
        let seen = pipe.inside(udp(&flow)).forwarded();
        assert_eq!(seen.src.ip(), unicast.src.ip());
    }
}

/// RFC 5135 REQ-5: pieces of a datagram to a group leave translated, the later ones too.
#[test]
fn pieces_of_a_datagram_leave_to_a_group() {
    let mut pipe = start(&config(""));
    let pieces = udp("10.64.0.7:4000 > 233.1.2.3:6000")
        .payload(&[7; 2000])
        .fragments(&[1000]);
    let mut seen = Vec::new();
    for piece in pieces {
        let outcome = pipe.inside(piece);
        assert_eq!(outcome.reason, "forward.outbound", "{outcome:?}");
        seen.extend(outcome.left.into_iter().map(|left| left.seen));
    }
    assert!(
        seen.iter()
            .all(|piece| piece.dst_mac == [1, 0, 0x5e, 1, 2, 3])
    );
    let whole = testkit::reassemble(&seen).unwrap();
    assert_eq!(whole.payload, [7; 2000]);
    assert_eq!(whole.src.ip().octets()[..3], [203, 0, 113]);
    assert!(whole.problems.is_empty(), "{whole:?}");
}

/// RFC 5135 REQ-5: what the TTL ends here does not leave, and nobody is told (RFC 1812 section 4.3.2.7).
#[test]
fn what_has_no_hops_left_does_not_leave() {
    let mut pipe = start(&config(""));
    pipe.inside(udp("10.64.0.7:4000 > 233.1.2.3:6000").ttl(1))
        .dropped(Counter::DropTtl);
    assert!(pipe.show("translations").is_empty());
}

/// RFC 5135 REQ-5: what is neither UDP nor wanted inside stays here.
#[test]
fn other_protocols_do_not_leave() {
    let mut pipe = start(&config(""));
    for protocol in [1, 6, 103, 113] {
        pipe.inside(raw("10.64.0.7 > 233.1.2.3", protocol).payload(&[8; 40]))
            .dropped(Counter::DropProtocol);
    }
}

/// RFC 5135 REQ-5a: there is a switch.
#[test]
fn nothing_leaves_when_outward_is_off() {
    let mut pipe = start(&config(", outward: false"));
    pipe.inside(udp("10.64.0.7:4000 > 233.1.2.3:6000"))
        .dropped(Counter::DropMulticastScope);
    assert!(pipe.show("translations").is_empty());
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
}

/// RFC 5135 REQ-6: administratively scoped groups stay inside by default, and leave when listed.
#[test]
fn private_groups_leave_only_when_listed() {
    let flow = |group: &str| udp(&format!("10.64.0.7:4000 > {group}:6000"));
    let mut pipe = start(&config(""));
    for group in ["239.0.0.0", "239.1.2.3", "239.255.255.250"] {
        pipe.inside(flow(group))
            .dropped(Counter::DropMulticastScope);
    }
    for group in [
        "224.0.1.1",
        "231.1.2.3",
        "232.1.2.3",
        "235.1.1.1",
        "237.1.1.1",
        "238.255.255.255",
    ] {
        assert_eq!(
            pipe.inside(flow(group)).forwarded().dst.ip().to_string(),
            group
        );
    }
    let mut pipe = start(&config(", scopes: [239.1.0.0/16]"));
    assert_eq!(
        pipe.inside(flow("239.1.2.3")).forwarded().dst,
        "239.1.2.3:6000"
    );
    for group in ["239.2.2.3", "233.1.2.3"] {
        pipe.inside(flow(group))
            .dropped(Counter::DropMulticastScope);
    }
}

/// RFC 5135 REQ-7: groups local to the link never leave, nor come in, whatever is listed.
#[test]
fn link_local_groups_cross_in_no_direction() {
    let mut pipe = start(&config(", scopes: [224.0.0.0/4]"));
    for group in ["224.0.0.0", "224.0.0.1", "224.0.0.251", "224.0.0.255"] {
        pipe.inside(udp(&format!("10.64.0.7:4000 > {group}:5353")))
            .dropped(Counter::DropMulticastScope);
        join(&mut pipe, "inside", &report("10.64.0.7", group));
        pipe.outside(udp(&format!("198.51.100.9:4000 > {group}:5353")))
            .dropped(Counter::DropMulticastScope);
    }
    assert_eq!(pipe.counter(Counter::IgmpReportsSent), 0);
}

/// How many seconds a mapping of the usual host to the usual group lasts without packets.
#[track_caller]
fn lasts(pipe: &mut Pipe, seconds: f64) -> bool {
    pipe.wait(seconds);
    !pipe.show("mappings").is_empty()
}

/// RFC 5135 REQ-14: what a member sends to its own group keeps its mapping for 60 minutes.
#[test]
fn the_mapping_of_a_member_to_its_group_lasts_an_hour() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    let out = pipe
        .inside(udp("10.64.0.7:4000 > 233.1.2.3:6000"))
        .forwarded();
    assert!(lasts(&mut pipe, 3590.0));
    let back = pipe.outside(out.reply().from("192.0.2.1:6000")).forwarded();
    assert_eq!(back.dst, "10.64.0.7:4000");
    assert!(!lasts(&mut pipe, 20.0));
}

/// RFC 5135 REQ-14: who joins after he has begun to send is a member from then on.
#[test]
fn a_sender_that_joins_later_is_a_member_too() {
    let mut pipe = start(&config(""));
    let flow = || udp("10.64.0.7:4000 > 233.1.2.3:6000");
    pipe.inside(flow()).forwarded();
    join(
        &mut pipe,
        "inside",
        &record("10.64.0.7", TO_EXCLUDE, GROUP, &[]),
    );
    pipe.inside(flow()).forwarded();
    assert!(lasts(&mut pipe, 3000.0));
}

/// RFC 5135 REQ-14, RFC 4787 REQ-5: others' mappings to the group last as long as any UDP.
#[test]
fn the_mapping_of_another_sender_lasts_as_usual() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.8", GROUP));
    pipe.inside(udp("10.64.0.7:4000 > 233.1.2.3:6000"))
        .forwarded();
    pipe.inside(udp("10.64.0.8:4000 > 233.9.9.9:6000"))
        .forwarded();
    assert!(lasts(&mut pipe, 290.0));
    assert!(!lasts(&mut pipe, 20.0));
}

/// RFC 5135 REQ-14a: a leave removes the mapping at once, but not what it also serves.
#[test]
fn a_leave_removes_the_mapping_of_a_member() {
    for says in [
        leave("10.64.0.7", GROUP),
        record("10.64.0.7", TO_INCLUDE, GROUP, &[]),
    ] {
        let mut pipe = start(&config(""));
        join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
        for flow in [
            "10.64.0.7:4000 > 233.1.2.3:6000",
            "10.64.0.7:4001 > 233.1.2.3:6000",
            "10.64.0.7:4001 > 192.0.2.1:53000",
            "10.64.0.8:4000 > 233.1.2.3:6000",
        ] {
            pipe.inside(udp(flow)).forwarded();
        }
        join(&mut pipe, "inside", &says);
        let mut left: Vec<String> = pipe
            .show("translations")
            .iter()
            .map(|row| format!("{} {}", row["inside"], row["remote"]).replace('"', ""))
            .collect();
        left.sort();
        assert_eq!(
            left,
            [
                "10.64.0.7:4001 192.0.2.1:53000",
                "10.64.0.8:4000 233.1.2.3:6000"
            ]
        );
        assert_eq!(pipe.show("mappings").len(), 2);
    }
}
