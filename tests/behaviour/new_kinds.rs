//! MSS, MTU, DF and TTL through whole addresses, twice NAT and hairpins (RFC 791, RFC 1191,
//! RFC 1812 section 5.3.1, RFC 4787 REQ-13 and REQ-14).

use base::Counter;
use testkit::{Endpoint, Packet, echo, icmp_error, protocol, raw, reassemble, tcp, udp};
use tests::{Config, Outcome, Pipe};

/// A way through the appliance: from where, from whom, to whom, and where it comes out.
struct Way {
    name: &'static str,
    nat: Pipe,
    from: &'static str,
    src: String,
    dst: Endpoint,
    to: &'static str,
}

impl Way {
    fn packet(&self, make: fn(&str) -> Packet) -> Packet {
        make(&format!("{} > {}", self.src, self.dst))
    }

    #[track_caller]
    fn send(&mut self, packet: &Packet) -> Outcome {
        self.nat.send(self.from, packet)
    }
}

fn whole(config: Config) -> Config {
    config
        .pool_without("ports")
        .pool_without("blocks")
        .pool("one_to_one", "true")
        .rule_without("mapping")
        .rule_without("paired")
}

fn twice(config: Config) -> Config {
    config
        .add_pool("name: partners, prefixes: [10.99.0.0/28]")
        .nat("outside_source: [ { source: 192.0.2.0/24, pool: partners } ]")
}

/// A has sent by UDP and TCP from its port 5000; where it is reached, alike for both.
#[track_caller]
fn reach(nat: &mut Pipe, host: u8, make: fn(&str) -> Packet) -> Endpoint {
    let flow = format!("10.64.0.{host}:5000 > 198.18.0.1:7000");
    nat.inside(make(&flow)).forwarded().src
}

/// Every way of the new kinds, for packets that `make` makes, over changes to the file.
fn ways(make: fn(&str) -> Packet, change: fn(Config) -> Config) -> Vec<Way> {
    let mut ways = Vec::new();
    let far = |nat: &mut Pipe, out: Endpoint| {
        // A partner comes in once, and is known inside from then on.
        let got = nat
            .outside(udp(&format!("192.0.2.1:7000 > {out}")))
            .forwarded();
        Endpoint(std::net::SocketAddrV4::new(got.src.ip(), 7000))
    };
    let remote = |text: &str| Endpoint(text.parse().unwrap());
    let mut nat = Pipe::new(&change(whole(Config::new())));
    let out = reach(&mut nat, 7, make);
    ways.push(Way {
        name: "whole address, out",
        nat,
        from: "inside",
        src: "10.64.0.7:5000".into(),
        dst: remote("198.18.0.1:7000"),
        to: "outside",
    });
    let mut nat = Pipe::new(&change(whole(Config::new())));
    reach(&mut nat, 7, make);
    ways.push(Way {
        name: "whole address, in",
        nat,
        from: "outside",
        src: "198.18.0.9:7000".into(),
        dst: out,
        to: "inside",
    });
    let mut nat = Pipe::new(&change(whole(Config::new())));
    let of_b = reach(&mut nat, 8, make);
    ways.push(Way {
        name: "whole address, hairpin",
        nat,
        from: "inside",
        src: "10.64.0.7:5000".into(),
        dst: of_b,
        to: "inside",
    });
    let mut nat = Pipe::new(&change(twice(Config::new())));
    let out = reach(&mut nat, 7, udp);
    let known = far(&mut nat, out);
    ways.push(Way {
        name: "twice NAT, out",
        nat,
        from: "inside",
        src: "10.64.0.7:5000".into(),
        dst: known,
        to: "outside",
    });
    let mut nat = Pipe::new(&change(twice(Config::new())));
    let out = reach(&mut nat, 7, make);
    ways.push(Way {
        name: "twice NAT, in",
        nat,
        from: "outside",
        src: "192.0.2.9:7000".into(),
        dst: out,
        to: "inside",
    });
    let mut nat = Pipe::new(&change(Config::new()));
    let of_b = reach(&mut nat, 8, make);
    ways.push(Way {
        name: "hairpin",
        nat,
        from: "inside",
        src: "10.64.0.7:5000".into(),
        dst: of_b,
        to: "inside",
    });
    let preserve = |config: Config| config.rule("hairpin", "{ enabled: true, source: preserve }");
    let mut nat = Pipe::new(&change(preserve(Config::new())));
    let of_b = reach(&mut nat, 8, make);
    ways.push(Way {
        name: "preserving hairpin",
        nat,
        from: "inside",
        src: "10.64.0.7:5000".into(),
        dst: of_b,
        to: "inside",
    });
    ways
}

fn connect(flow: &str) -> Packet {
    tcp(flow).syn()
}

/// A SYN's MSS is lowered to what the interfaces say, and its answer's; never raised.
#[test]
fn the_mss_of_a_connection_is_clamped_on_every_way() {
    for mut way in ways(connect, |config| {
        config
            .interface("outside", "mss_clamp", "1300")
            .interface("inside", "mss_clamp", "1200")
    }) {
        let got = way.send(&way.packet(connect).mss(1460)).left.remove(0).seen;
        let options = |seen: &testkit::Seen| seen.tcp.as_ref().unwrap().options.clone();
        assert_eq!(options(&got), [2, 4, 0x04, 0xb0], "{}", way.name);
        let back = got.reply().syn_ack().mss(1400);
        let back = way.nat.send(way.to, &back).left.remove(0).seen;
        assert_eq!(options(&back), [2, 4, 0x04, 0xb0], "{}", way.name);
        // Lower stays.
        let mut low = way.packet(connect).mss(536);
        low.src.set_port(5001);
        let got = way.send(&low).left.remove(0).seen;
        assert_eq!(options(&got), [2, 4, 0x02, 0x18], "{}", way.name);
    }
}

/// RFC 1191: too long and not to be cut, its sender is told the MTU of where it would go.
#[test]
fn a_packet_too_long_is_refused_with_the_mtu_of_the_way_out() {
    for mut way in ways(udp, |config| {
        config
            .interface("outside", "mtu", "1400")
            .interface("inside", "mtu", "1300")
    }) {
        let mtu = if way.to == "outside" { 1400 } else { 1300 };
        let fits = way.packet(udp).df(true).payload(&[7; 1272]);
        let seen = way.send(&fits).left.remove(0).seen;
        assert!(seen.df && seen.ip.len() == 1300, "{}", way.name);
        let long = way.packet(udp).df(true).payload(&[7; 1400]);
        let error = way.send(&long).refused(Counter::DropFragmentationNeeded);
        assert_eq!(error.icmp_kind(), Some((3, 4)), "{}", way.name);
        assert_eq!(error.icmp.as_ref().unwrap().rest, mtu, "{}", way.name);
        // Without DF it leaves in pieces that fit and make the whole again.
        let pieces = way.send(&long.df(false)).forwarded_pieces();
        assert!(pieces.len() == 2 && pieces.iter().all(|piece| piece.ip.len() <= mtu as usize));
        let whole = reassemble(&pieces).unwrap();
        assert_eq!(whole.payload, [7; 1400], "{}", way.name);
        assert!(whole.problems.is_empty(), "{}", way.name);
    }
}

/// RFC 1191, RFC 5508 REQ-3 to REQ-5: a router on the way tells its MTU, and the sender
/// gets it, with the packet as it sent it.
#[test]
fn path_mtu_errors_go_back_along_every_way() {
    for mut way in ways(udp, |config| config) {
        let packet = way.packet(udp).df(true).payload(&[7; 1000]);
        let seen = way.send(&packet).left.remove(0).seen;
        let router = if way.to == "outside" {
            "198.18.0.254"
        } else {
            "10.64.0.20"
        };
        for quoted in [28, 548] {
            let error = icmp_error(3, 4, router, &seen.ip)
                .rest(900)
                .quote_len(quoted);
            let outcome = way.nat.send(way.to, &error);
            assert_eq!(outcome.verdict, "forward", "{}: {outcome:?}", way.name);
            let left = outcome.left.into_iter().next().unwrap();
            assert_eq!(left.interface, way.from, "{}", way.name);
            let got = left.seen;
            assert_eq!(got.icmp_kind(), Some((3, 4)), "{}", way.name);
            assert_eq!(got.icmp.as_ref().unwrap().rest, 900, "{}", way.name);
            assert_eq!(got.dst.ip(), *packet.src.ip(), "{}", way.name);
            let quote = got.quote();
            assert_eq!(
                (quote.src.0, quote.dst.0),
                (packet.src, packet.dst),
                "{}",
                way.name
            );
        }
    }
}

/// RFC 1812 section 5.3.1: one less on every way; what would reach zero is told, by the
/// address of the interface it came in by, and opens nothing.
#[test]
fn ttl_is_lowered_and_its_end_told_on_every_way() {
    for make in [udp as fn(&str) -> Packet, connect] {
        for mut way in ways(make, |config| config) {
            let before = way.nat.show("translations").len();
            let mut last = way.packet(make).ttl(1);
            last.src.set_port(6001);
            let error = way.send(&last).refused(Counter::DropTtl);
            assert_eq!(error.icmp_kind(), Some((11, 0)), "{}", way.name);
            let own = if way.from == "inside" {
                tests::OWN_INSIDE
            } else {
                tests::OWN_OUTSIDE
            };
            assert!(error.src == own, "{}: {:?}", way.name, error.src);
            assert_eq!(way.nat.show("translations").len(), before, "{}", way.name);
            let packet = way.packet(make).ttl(2);
            let seen = way.send(&packet).left.remove(0).seen;
            assert_eq!(seen.ttl, 1, "{}", way.name);
            // An established flow's end is told as well.
            let error = way.send(&packet.ttl(1)).refused(Counter::DropTtl);
            assert_eq!(error.icmp_kind(), Some((11, 0)), "{}", way.name);
        }
    }
}

/// RFC 791: what nothing is rewritten in is still cut and put together like all else.
#[test]
fn tunnels_through_a_whole_address_are_cut_and_refused_alike() {
    let config = whole(Config::new()).interface("outside", "mtu", "1400");
    let mut nat = Pipe::new(&config);
    let gre = raw("10.64.0.7 > 192.0.2.1", protocol::GRE).payload(&[7; 1440]);
    let pieces = nat.inside(gre.clone()).forwarded_pieces();
    let joined = reassemble(&pieces).unwrap();
    assert_eq!(joined.payload, gre.payload);
    let error = nat
        .inside(gre.df(true))
        .refused(Counter::DropFragmentationNeeded);
    assert_eq!(error.icmp.as_ref().unwrap().rest, 1400);
    let error = nat
        .inside(echo("10.64.0.7:7 > 192.0.2.1").ttl(1))
        .refused(Counter::DropTtl);
    assert_eq!(error.icmp_kind(), Some((11, 0)));
}

/// RFC 4787 REQ-14: fragments, in order and not, on every way.
#[test]
fn fragments_pass_on_every_way_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        for mut way in ways(udp, |config| config) {
            let whole = way.packet(udp).payload(&[7; 600]);
            // The flow is there already, as it is for a large answer.
            assert_eq!(way.send(&way.packet(udp)).verdict, "forward");
            let pieces = whole.fragments(&[200, 200]);
            let mut out = Vec::new();
            for nth in order {
                let left = way.send(&pieces[nth]).left;
                out.extend(left.into_iter().map(|left| left.seen));
            }
            assert_eq!(out.len(), 3, "{}", way.name);
            let joined = reassemble(&out).unwrap();
            assert_eq!(joined.payload, whole.payload, "{}", way.name);
            assert!(joined.problems.is_empty(), "{}: {joined:?}", way.name);
        }
    }
}
