//! Protocols beside TCP, UDP and ICMP in hairpins and in fragments (RFC 4787 REQ-9,
//! REQ-14; RFC 5597 REQ-6).

use base::Counter;
use testkit::{Dccp, Packet, dccp, protocol, raw, reassemble, sctp, udp_lite};
use tests::{Config, Pipe};

use crate::ends_empty;

const CHUNK: [u8; 4] = [1, 0, 0, 4];

fn config() -> Config {
    Config::new()
        .rule("protocols", "[dccp, udplite, sctp, gre]")
        .pool("prefixes", "[203.0.113.0/30]")
}

fn request(flow: &str) -> Packet {
    dccp(flow, Dccp::Request)
}

fn datagram(flow: &str) -> Packet {
    udp_lite(flow).payload(b"voice").coverage(8)
}

fn init(flow: &str) -> Packet {
    sctp(flow, 0).payload(&CHUNK)
}

/// DCCP and UDP-Lite through a hairpin between dynamic mappings.
#[test]
fn protocols_with_ports_go_through_a_hairpin() {
    for make in [request as fn(&str) -> Packet, datagram] {
        let mut nat = Pipe::new(&config());
        let of_b = nat
            .inside(make("10.64.0.8:6000 > 192.0.2.1:7000"))
            .forwarded()
            .src;
        let at_b = nat
            .inside(make("10.64.0.7:5000 > 0.0.0.0").to(of_b))
            .hairpinned();
        assert!(at_b.dst == "10.64.0.8:6000" && at_b.src.ip().octets()[0] == 203);
        let answer = match at_b.protocol {
            protocol::DCCP => dccp(&format!("{} > {}", at_b.dst, at_b.src), Dccp::Response),
            _ => at_b.reply().payload(b"answer"),
        };
        let at_a = nat.inside(answer).hairpinned();
        assert!(at_a.src == of_b && at_a.dst == "10.64.0.7:5000");
        ends_empty(&mut nat);
    }
}

/// SCTP and GRE to a static server by its public address, from inside.
#[test]
fn protocols_by_address_reach_a_static_server_from_inside() {
    let config = config().fixed("inside: 10.64.0.20, outside: 203.0.113.13");
    let mut nat = Pipe::new(&config);
    let at_server = nat
        .inside(init("10.64.0.7:5000 > 203.0.113.13:2905"))
        .hairpinned();
    assert!(at_server.dst == "10.64.0.20:2905" && at_server.src.port() == 5000);
    assert_eq!(at_server.src.ip().octets()[..3], [203, 0, 113]);
    let back = nat.inside(at_server.reply().payload(&CHUNK)).hairpinned();
    assert!(back.src == "203.0.113.13:2905" && back.dst == "10.64.0.7:5000");
    let gre = raw("10.64.0.7 > 203.0.113.13", protocol::GRE).payload(&[7; 8]);
    let at_server = nat.inside(gre).hairpinned();
    assert!(at_server.dst == "10.64.0.20");
    let back = nat.inside(at_server.reply().payload(&[8; 8])).hairpinned();
    assert!(back.src == "203.0.113.13" && back.dst == "10.64.0.7");
    ends_empty(&mut nat);
}

/// In pieces, in order and not, out and in; whole again they have right checksums.
#[test]
fn pieces_of_every_protocol_make_the_whole_again() {
    let makes: [fn(&str) -> Packet; 4] = [
        |flow| dccp(flow, Dccp::DataAck),
        |flow| udp_lite(flow).coverage(8),
        |flow| udp_lite(flow).coverage(0),
        |flow| sctp(flow, 7),
    ];
    let flow = "10.64.0.7:5000 > 192.0.2.1:7000";
    for make in makes {
        for order in [[0, 1, 2], [2, 0, 1]] {
            let mut nat = Pipe::new(&config());
            let first = match make(flow) {
                packet if packet.ip()[9] == protocol::DCCP => request(flow),
                packet => packet.payload(b"first"),
            };
            let opened = nat.inside(first).forwarded();
            let whole = make(flow).payload(&[7; 600]);
            let pieces = whole.fragments(&[200, 200]);
            let mut out = Vec::new();
            for nth in order {
                let left = nat.inside(pieces[nth].clone()).left;
                out.extend(left.into_iter().map(|left| left.seen));
            }
            let joined = reassemble(&out).unwrap();
            assert!(joined.problems.is_empty(), "{joined:?}");
            assert_eq!(joined.payload, whole.payload);
            assert_eq!(joined.src, opened.src);
            let answer = make(&format!("192.0.2.1:7000 > {}", opened.src)).payload(&[9; 600]);
            let mut got = Vec::new();
            for nth in order {
                let left = nat.outside(answer.fragments(&[200, 200])[nth].clone()).left;
                got.extend(left.into_iter().map(|left| left.seen));
            }
            let joined = reassemble(&got).unwrap();
            assert!(joined.problems.is_empty(), "{joined:?}");
            assert!(joined.dst == "10.64.0.7:5000");
            ends_empty(&mut nat);
        }
    }
}

/// By the appliance's own address, as of a small site with one.
#[test]
fn a_site_with_one_address_sends_all_protocols_by_it() {
    let config = config()
        .pool_without("prefixes")
        .pool("interface", "outside");
    let mut nat = Pipe::new(&config);
    let gre = raw("10.64.0.7 > 192.0.2.1", protocol::GRE).payload(&[7; 8]);
    let out = nat.inside(gre).forwarded();
    assert!(out.src == tests::OWN_OUTSIDE);
    let back = nat.outside(out.reply().payload(&[8; 8])).forwarded();
    assert!(back.dst == "10.64.0.7");
    let out = nat
        .inside(init("10.64.0.7:5000 > 192.0.2.1:2905"))
        .forwarded();
    assert!(out.src == format!("{}:5000", tests::OWN_OUTSIDE).as_str());
    let out = nat
        .inside(request("10.64.0.7:5000 > 192.0.2.1:80"))
        .forwarded();
    assert!(out.src.ip().to_string() == tests::OWN_OUTSIDE);
    // What nobody inside has sent is not the appliance's to answer either.
    let stray = raw(
        &format!("192.0.2.9 > {}", tests::OWN_OUTSIDE),
        protocol::GRE,
    );
    let outcome = nat.outside(stray.payload(&[0; 8]));
    assert_eq!(outcome.verdict, "drop");
    assert!(outcome.left.iter().all(|left| left.interface == "outside"));
    nat.inside(raw("10.64.0.8 > 192.0.2.1", protocol::GRE).payload(&[7; 8]))
        .refused(Counter::DropAddressPair);
    ends_empty(&mut nat);
}
