//! What comes in to groups: RFC 5135 REQ-1 to REQ-3.

use base::Counter;
use testkit::{raw, udp};
use tests::{Config, Pipe};

use super::{GROUP, config, copies, join, report, start, stream, unchanged};

/// RFC 5135 REQ-1: address and port of a group are not changed, nor anything else.
#[test]
fn what_comes_in_to_a_group_is_not_changed() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    assert_eq!(copies(pipe.outside(stream())), ["inside"]);
    assert_eq!(
        copies(pipe.outside(stream().tos(0xb8).id(7).df(true).payload(&[7; 1472]))),
        ["inside"]
    );
    assert!(pipe.show("translations").is_empty());
    pipe.expect_counters(&[
        (Counter::ConsumeIgmp, 1),
        (Counter::ForwardMulticast, 2),
        (Counter::IgmpReportsSent, 1),
    ]);
}

/// RFC 5135 REQ-2: every interface with members gets a copy, and no other.
#[test]
fn members_on_each_interface_get_a_copy_and_nobody_else() {
    let mut pipe = start(&config(""));
    pipe.outside(stream())
        .dropped(Counter::DropMulticastNoMember);
    join(&mut pipe, "lab", &report("10.65.0.7", GROUP));
    assert_eq!(copies(pipe.outside(stream())), ["lab"]);
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    join(&mut pipe, "inside", &report("10.64.0.8", GROUP));
    let mut both = copies(pipe.outside(stream()));
    both.sort();
    assert_eq!(both, ["inside", "lab"]);
    // A group with the same link-layer address is another group.
    pipe.outside(stream().to("233.129.2.3:6000"))
        .dropped(Counter::DropMulticastNoMember);
}

/// RFC 5135 REQ-2: a datagram in pieces comes in piece by piece, the last without its first too.
#[test]
fn pieces_of_a_datagram_come_in_like_a_whole_one() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    let mut pieces = stream().payload(&[7; 2000]).fragments(&[1000]);
    pieces.reverse();
    for piece in pieces {
        assert_eq!(copies(pipe.outside(piece)), ["inside"]);
    }
}

/// RFC 5135 REQ-2: on a narrower link a datagram arrives in pieces; nobody is told about one that cannot.
#[test]
fn a_narrow_interface_gets_pieces() {
    let mut pipe = start(&config("").interface("inside", "mtu", "1000"));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    let pieces = pipe
        .outside(stream().payload(&[7; 1200]))
        .forwarded_pieces();
    let whole = testkit::reassemble(&pieces).unwrap();
    assert_eq!(whole.dst, "233.1.2.3:6000");
    assert_eq!(whole.payload, [7; 1200]);
    pipe.outside(stream().payload(&[7; 1200]).df(true))
        .dropped(Counter::DropFragmentationNeeded);
    pipe.outside(stream().ttl(1)).dropped(Counter::DropTtl);
}

/// RFC 5135 REQ-3: protocols other than UDP come in too.
#[test]
fn other_protocols_come_in_to_members() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    for protocol in [46, 103, 113, 132] {
        let packet = raw("192.0.2.1 > 233.1.2.3", protocol).payload(&[8; 40]);
        assert_eq!(copies(pipe.outside(packet)), ["inside"], "{protocol}");
    }
}

/// RFC 4605 section 4.1: what is sent downstream also goes to members on other downstream interfaces.
#[test]
fn members_inside_get_what_another_inside_interface_sends() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "lab", &report("10.65.0.7", GROUP));
    join(&mut pipe, "inside", &report("10.64.0.8", GROUP));
    let outcome = pipe.inside(udp("10.64.0.7:4000 > 233.1.2.3:6000").payload(b"q"));
    assert_eq!(outcome.reason, "forward.outbound", "{outcome:?}");
    let sent = outcome.sent.unwrap();
    assert_eq!(outcome.left.len(), 2);
    for left in &outcome.left {
        match &*left.interface {
            "lab" => unchanged(&sent, &left.seen),
            "outside" => assert_ne!(left.seen.src.ip(), sent.src.ip()),
            other => panic!("also by {other}"),
        }
    }
    // Also where nothing may leave, or leave as it is.
    join(&mut pipe, "lab", &report("10.65.0.7", "239.1.2.3"));
    let scoped = udp("10.64.0.7:4000 > 239.1.2.3:6000");
    assert_eq!(copies(pipe.inside(scoped)), ["lab"]);
    let other = raw("10.64.0.7 > 233.1.2.3", 113).payload(&[8; 20]);
    assert_eq!(copies(pipe.inside(other)), ["lab"]);
}

/// RFC 2827: a source that cannot be where the packet came from, or is our own, is not forwarded to members.
#[test]
fn sources_that_cannot_be_there_are_dropped() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    for source in [
        "10.64.0.9",
        "10.65.0.9",
        "203.0.113.3",
        "198.51.100.1",
        "127.0.0.1",
        "0.0.0.0",
        "233.1.2.3",
    ] {
        pipe.outside(stream().from(&*format!("{source}:5000")))
            .dropped(Counter::DropIpSource);
    }
    for source in ["10.65.0.9", "192.0.2.1", "10.64.0.1", "10.64.255.255"] {
        pipe.inside(stream().from(&*format!("{source}:5000")))
            .dropped(Counter::DropIpSource);
    }
}

/// RFC 1112 section 6.4: a group's packets come to the group's link-layer address.
#[test]
fn a_frame_to_another_address_is_not_multicast() {
    let mut pipe = start(&config(""));
    join(&mut pipe, "inside", &report("10.64.0.7", GROUP));
    let own = pipe.mac("outside");
    for to in [own, [0xff; 6], [1, 0, 0x5e, 1, 2, 4]] {
        let frame = stream().frame([2, 0, 0, 0, 0, 9], to);
        pipe.feed("outside", &frame)
            .dropped(Counter::DropIpDestination);
    }
    // Nor do source routes lead anywhere.
    pipe.outside(stream().ip_options(&[131, 4, 4, 0]))
        .dropped(Counter::DropIpOption);
}

/// RFC 1112 section 6.4: a tagged interface gets its copies with its tag.
#[test]
fn copies_carry_the_tag_of_their_interface() {
    let config = Config::new()
        .add_interface(
            "name: tv, device: \"net_af_packet0,iface=ptl-in\", vlan: [200, 100], addresses: [10.66.0.1/16]",
        )
        .top("multicast: { upstream: outside, downstream: [inside, tv] }");
    let mut pipe = Pipe::new(&config);
    join(
        &mut pipe,
        "tv",
        &report("10.66.0.7", GROUP).vlan(&[200, 100]),
    );
    let outcome = pipe.outside(stream());
    assert_eq!(outcome.left.len(), 1);
    assert_eq!(outcome.left[0].seen.vlans, [200, 100]);
    assert_eq!(copies(outcome), ["tv"]);
    // Whose queries are tagged too.
    let left = pipe.wait(2.0);
    assert!(left.iter().any(|left| left.seen.vlans == [200, 100]));
}

/// RFC 1112 section 4: without the section nothing of it exists.
#[test]
fn multicast_is_off_by_default() {
    for section in [
        "",
        "multicast: { enabled: false, upstream: outside, downstream: [inside] }",
    ] {
        let mut pipe = Pipe::new(&Config::new().top(section));
        pipe.inside(report("10.64.0.7", GROUP))
            .dropped(Counter::DropIpDestination);
        pipe.inside(udp("10.64.0.7:4000 > 233.1.2.3:6000"))
            .dropped(Counter::DropIpDestination);
        pipe.outside(stream()).dropped(Counter::DropIpDestination);
        assert!(pipe.wait(300.0).is_empty());
    }
}

/// RFC 1112 section 4: an interface that takes no part has none.
#[test]
fn an_interface_that_is_not_listed_takes_no_part() {
    let config = Config::new()
        .add_interface("name: lab, device: d2, addresses: [10.65.0.1/16]")
        .top("multicast: { upstream: outside, downstream: [inside] }");
    let mut pipe = Pipe::new(&config);
    pipe.send("lab", &report("10.65.0.7", GROUP))
        .dropped(Counter::DropIpDestination);
}

/// Requirement of `configs/`: the example is accepted as it is.
#[test]
fn the_example_file_is_right() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../configs/multicast.yaml");
    let check = std::process::Command::new(tests::portolan())
        .args(["check", "-c", file])
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}
