//! VLAN sub-interfaces and QinQ, both ways: IEEE 802.1Q, 802.1ad, requirement A6.

use base::Counter;
use testkit::{Mac, icmp_error, udp};
use tests::{A, Config, GATEWAY, OWN_INSIDE, OWN_OUTSIDE, Pipe, mac_of};

/// An appliance whose interfaces carry these tags.
#[track_caller]
fn tagged(config: Config, inside: &[u16], outside: &[u16]) -> Pipe {
    let text = |tags: &[u16]| match tags {
        [one] => one.to_string(),
        tags => format!("{tags:?}"),
    };
    let mut config = config;
    for (name, tags) in [("inside", inside), ("outside", outside)] {
        if !tags.is_empty() {
            config = config.interface(name, "vlan", &text(tags));
        }
    }
    let mut pipe = Pipe::bare(&config, &[]);
    pipe.learn("inside", "10.64.0.2", OWN_INSIDE, inside);
    pipe.learn("outside", GATEWAY, OWN_OUTSIDE, outside);
    pipe
}

/// Every pairing of untagged, tagged and double tagged.
const PAIRS: [(&[u16], &[u16]); 9] = [
    (&[], &[]),
    (&[100], &[]),
    (&[], &[200]),
    (&[100], &[200]),
    (&[100], &[100]),
    (&[7, 100], &[]),
    (&[], &[8, 200]),
    (&[7, 100], &[200]),
    (&[7, 100], &[8, 4094]),
];

/// IEEE 802.1Q: each side sees its own tags, whatever the other has.
#[test]
fn packets_pass_between_interfaces_with_any_tags_both_ways() {
    for (inside, outside) in PAIRS {
        let mut pipe = tagged(Config::new(), inside, outside);
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"tagged");
        let out = pipe.inside(packet.vlan(inside)).forwarded();
        assert_eq!(out.vlans, outside);
        let back = pipe.outside(out.reply().vlan(outside)).forwarded();
        assert_eq!(back.vlans, inside);
        assert!(back.dst == "10.64.0.7:5000");
    }
}

/// IEEE 802.1Q: a short packet in a padded frame stays what it was.
#[test]
fn link_padding_is_not_taken_for_data_behind_tags() {
    for (inside, outside) in PAIRS {
        let mut pipe = tagged(Config::new(), inside, outside);
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"x");
        let out = pipe.inside(packet.vlan(inside).link_padding()).forwarded();
        pipe.outside(out.reply().vlan(outside).link_padding())
            .forwarded();
    }
}

/// A packet of full MTU passes with every number of tags.
#[test]
fn tags_do_not_count_into_the_mtu() {
    for (inside, outside) in PAIRS {
        let mut pipe = tagged(Config::new(), inside, outside);
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[1; 1472]);
        let out = pipe.inside(packet.df(true).vlan(inside)).forwarded();
        assert_eq!(out.ip.len(), 1500);
        let back = out.reply().payload(&[2; 1472]).df(true).vlan(outside);
        pipe.outside(back).forwarded();
    }
}

/// IEEE 802.1Q: a tag that no interface has.
#[test]
fn frames_with_foreign_tags_are_dropped() {
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000");
    for (configured, wrong) in [
        (&[100][..], &[101][..]),
        (&[100], &[]),
        (&[100], &[100, 5]),
        (&[], &[100]),
        (&[], &[7, 100]),
        (&[7, 100], &[100]),
        (&[7, 100], &[7]),
        (&[7, 100], &[100, 7]),
        (&[7, 100], &[7, 101]),
    ] {
        let mut pipe = tagged(Config::new(), configured, &[]);
        pipe.inside(packet.clone().vlan(wrong))
            .dropped(Counter::DropVlan);
        pipe.inside(packet.clone().vlan(configured)).forwarded();
    }
}

/// IEEE 802.1Q: priority bits do not name the VLAN.
#[test]
fn priority_bits_do_not_matter() {
    let mut pipe = tagged(Config::new(), &[100], &[]);
    for bits in [0x2000, 0xe000, 0x1000] {
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").vlan(&[100 + bits]);
        pipe.inside(packet).forwarded();
    }
}

/// Frames with three tags are nobody's.
#[test]
fn three_tags_are_too_many() {
    let mut pipe = tagged(Config::new(), &[7, 100], &[]);
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").vlan(&[7, 100, 9]);
    pipe.inside(packet)
        .dropped_for(&[Counter::DropVlan, Counter::DropEtherType]);
}

/// A frame cut inside its tags.
#[test]
fn a_frame_cut_inside_its_tags_is_dropped() {
    let mut pipe = tagged(Config::new(), &[7, 100], &[]);
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").vlan(&[7, 100]);
    let frame = packet.frame(mac_of(A.parse().unwrap()), pipe.mac("inside"));
    for len in 14..22 {
        pipe.feed("inside", &frame[..len])
            .dropped_for(&[Counter::DropEthernetTruncated, Counter::DropVlan]);
    }
}

/// Answers of the appliance carry the tags of the question.
#[test]
fn answers_by_the_appliance_are_tagged() {
    for tags in [&[100][..], &[7, 100]] {
        let mut pipe = tagged(Config::new(), tags, &[]);
        let ping = testkit::echo("10.64.0.7:5 > 10.64.0.1").vlan(tags);
        let pong = pipe.inside(ping).consumed(Counter::ConsumeEcho);
        assert_eq!(pong[0].vlans, tags);
        let short = udp("10.64.0.7:5000 > 192.0.2.1:7000").ttl(1).vlan(tags);
        let error = pipe.inside(short).refused(Counter::DropTtl);
        assert_eq!(error.vlans, tags);
    }
}

/// Questions of the appliance carry the tags of their interface.
#[test]
fn questions_by_the_appliance_are_tagged() {
    for tags in [&[200][..], &[8, 200]] {
        let mut pipe = tagged(Config::new().no_neighbors(), &[], tags);
        pipe.silence_hosts();
        let outcome = pipe.inside(udp("10.64.0.7:5000 > 198.51.100.7:7000"));
        assert_eq!(outcome.verdict, "hold");
        assert_eq!(outcome.left[0].seen.vlans, tags);
    }
}

/// ICMP errors and fragments find their way through tags.
#[test]
fn errors_and_fragments_pass_through_tags() {
    let config = Config::new().interface("outside", "mtu", "1400");
    let mut pipe = tagged(config, &[7, 100], &[200]);
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").vlan(&[7, 100]);
    let out = pipe.inside(packet.clone()).forwarded();
    let error = icmp_error(3, 3, "192.0.2.77", &out.ip).vlan(&[200]);
    let seen = pipe.outside(error).forwarded();
    assert_eq!(seen.vlans, [7, 100]);
    let left = pipe.inside(packet.payload(&[1; 1472])).forwarded_pieces();
    assert!(left.len() > 1 && left.iter().all(|piece| piece.vlans == [200]));
}

/// Section 7.2: interfaces of one device differ by tag; routes lead to the right one.
#[test]
fn two_interfaces_share_a_device() {
    let config = Config::new()
        .interface("inside", "vlan", "100")
        .add_interface(
            "name: second, device: \"net_af_packet0,iface=ptl-in\", \
             addresses: [10.65.0.1/16], zone: inside, vlan: 101",
        )
        .rule_before("name: second, inside: second, source: 10.65.0.0/16, pool: public");
    let mut pipe = Pipe::bare(&config, &[]);
    pipe.learn("inside", "10.64.0.2", OWN_INSIDE, &[100]);
    pipe.learn("outside", GATEWAY, OWN_OUTSIDE, &[]);
    pipe.learn("second", "10.65.0.2", "10.65.0.1", &[101]);
    let a = udp("10.64.0.7:5000 > 192.0.2.1:7000").vlan(&[100]);
    let b = udp("10.65.0.7:5000 > 192.0.2.1:7000").vlan(&[101]);
    let a = pipe.send("inside", &a).forwarded();
    let b = pipe.send("second", &b).forwarded();
    assert_ne!(a.src, b.src);
    let outcome = pipe.outside(b.reply());
    let left = &outcome.left[0];
    assert_eq!(left.interface, "second");
    assert_eq!(left.seen.vlans, [101]);
    assert!(left.seen.dst == "10.65.0.7:5000");
    let hosts: Mac = mac_of("10.65.0.7".parse().unwrap());
    assert_eq!(left.seen.dst_mac, hosts);
    assert_eq!(pipe.outside(a.reply()).forwarded().vlans, [100]);
}
