//! ESP through shared addresses (rows I1, I2 and I4).

use base::Counter;
use testkit::icmp_error;
use tests::{Config, Pipe};

use crate::{G, esp, ike, message, one_address};

/// ESP needs no rule of its own; each direction has its SPI.
#[test]
fn a_tunnel_goes_both_ways_by_its_spis() {
    let mut nat = Pipe::new(&one_address());
    let out = nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x1001_2002, 1));
    assert!(out.forwarded().src == G);
    let back = nat.outside(esp("192.0.2.1 > 203.0.113.1", 0xabcd_0001, 1));
    assert!(back.forwarded().dst == "10.64.0.7");
    let rows = nat.show("translations");
    let mut inside: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["inside"].as_str())
        .collect();
    inside.sort_unstable();
    assert_eq!(inside, ["10.64.0.7:268509186", "10.64.0.7:2882338817"]);
    // What nobody inside talks to is nobody's.
    for flow in ["192.0.2.9 > 203.0.113.1", "192.0.2.1 > 203.0.113.2"] {
        assert_eq!(nat.outside(esp(flow, 9, 1)).verdict, "drop");
    }
}

/// Row I1: one unmatched SPI at a time; the second host's packet waits and leaves.
#[test]
fn a_second_host_waits_for_the_first_and_loses_nothing() {
    let mut nat = Pipe::new(&one_address());
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x101, 1))
        .forwarded();
    nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, 1))
        .held(Counter::HoldEsp);
    nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, 2))
        .held(Counter::HoldEsp);
    let outcome = nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x201, 1));
    let [first, held, next] = &outcome.left[..] else {
        panic!("{outcome:?}");
    };
    assert!(first.seen.dst == "10.64.0.7");
    assert!(held.seen.src == G && held.seen.payload[7] == 1);
    assert!(next.seen.src == G && next.seen.payload[7] == 2, "in order");
    let back = nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x202, 1));
    assert!(back.forwarded().dst == "10.64.0.8");
    for (spi, host) in [(0x201, "10.64.0.7"), (0x202, "10.64.0.8")] {
        let back = nat.outside(esp("192.0.2.1 > 203.0.113.1", spi, 2));
        assert!(back.forwarded().dst == host);
    }
    // Now two have tunnels, and nothing says whose a third SPI is.
    nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x203, 1))
        .dropped(Counter::DropEspUnmatched);
    assert_eq!(nat.counter(Counter::HoldEspSent), 2);
}

/// Row I1: who waits too long is given up, and who came later has its turn.
#[test]
fn a_gateway_that_never_answers_holds_nobody_up_for_long() {
    let mut nat = Pipe::new(&one_address());
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x101, 1))
        .forwarded();
    nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, 1))
        .held(Counter::HoldEsp);
    nat.inside(esp("10.64.0.9 > 192.0.2.1", 0x103, 1))
        .held(Counter::HoldEsp);
    nat.inside(esp("10.64.0.9 > 192.0.2.9", 0x104, 1))
        .forwarded();
    let left = nat.wait(4.5);
    assert_eq!(left.len(), 1, "the next one's turn: {left:?}");
    nat.wait(4.0);
    assert_eq!(nat.counter(Counter::HoldEspDropped), 1);
}

/// Row I1: or another public address is taken.
#[test]
fn a_host_without_an_address_yet_takes_another_one() {
    let config = Config::new().pool("prefixes", "[203.0.113.0/28]");
    let mut nat = Pipe::new(&config);
    let mut seen = Vec::new();
    for host in 7..=9 {
        let flow = format!("10.64.0.{host} > 192.0.2.1");
        let out = nat.inside(esp(&flow, 0x100 + host, 1)).forwarded();
        assert!(!seen.contains(&out.src), "{seen:?}");
        seen.push(out.src);
    }
    let hosts: Vec<(u32, _)> = (7..=9).zip(seen).collect();
    for (host, outside) in hosts.into_iter().rev() {
        let flow = format!("192.0.2.1 > {}", outside.ip());
        let back = nat.outside(esp(&flow, 0x300, 1)).forwarded();
        assert!(
            back.dst == format!("10.64.0.{host}").as_str(),
            "the same SPI elsewhere"
        );
    }
}

/// A new SPI of a host that has a tunnel already, while the old one is still in use.
#[test]
fn a_new_spi_goes_beside_the_old_one() {
    let mut nat = Pipe::new(&one_address());
    for (host, out, back) in [("10.64.0.7", 0x101, 0x201), ("10.64.0.8", 0x102, 0x202)] {
        nat.inside(esp(&format!("{host} > 192.0.2.1"), out, 1))
            .forwarded();
        let got = nat
            .outside(esp("192.0.2.1 > 203.0.113.1", back, 1))
            .forwarded();
        assert!(got.dst == host);
    }
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x111, 1))
        .forwarded();
    let got = nat
        .outside(esp("192.0.2.1 > 203.0.113.1", 0x201, 2))
        .forwarded();
    assert!(got.dst == "10.64.0.7", "the old one");
    let got = nat
        .outside(esp("192.0.2.1 > 203.0.113.1", 0x211, 1))
        .forwarded();
    assert!(got.dst == "10.64.0.7", "the new one");
    let got = nat
        .outside(esp("192.0.2.1 > 203.0.113.1", 0x202, 2))
        .forwarded();
    assert!(got.dst == "10.64.0.8");
}

/// Two hosts choose the same SPI: it stays the first's, and what is the second's is
/// dropped and counted rather than given to the first.
#[test]
fn an_spi_of_two_hosts_is_never_delivered_to_the_wrong_one() {
    let mut nat = Pipe::new(&one_address());
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x101, 1))
        .forwarded();
    for seq in 1..=9 {
        nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x200, seq))
            .forwarded();
    }
    nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, 1))
        .forwarded();
    nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x200, 1))
        .dropped(Counter::DropEspCollision);
    let got = nat
        .outside(esp("192.0.2.1 > 203.0.113.1", 0x200, 10))
        .forwarded();
    assert!(got.dst == "10.64.0.7");
    // The second host agrees upon another one.
    let got = nat
        .outside(esp("192.0.2.1 > 203.0.113.1", 0x222, 1))
        .forwarded();
    assert!(got.dst == "10.64.0.8");
}

/// Halves of an SPI in the order of another's way back are no way in.
#[test]
fn an_spi_that_looks_like_the_way_back_of_another_is_not_taken_for_it() {
    let mut nat = Pipe::new(&one_address());
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x0001_0002, 1))
        .forwarded();
    nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x0002_0001, 1))
        .dropped(Counter::DropEspCollision);
}

/// Row I2: with SPIs that can be foreseen nobody waits.
#[test]
fn spis_that_can_be_foreseen_are_not_waited_for() {
    let config = one_address().top("alg: { esp: { spi_match: [10.64.0.0/24] } }");
    let mut nat = Pipe::new(&config);
    for host in 7..=9u32 {
        nat.inside(esp(
            &format!("10.64.0.{host} > 192.0.2.1"),
            host << 16 | 1,
            1,
        ))
        .forwarded();
    }
    for host in (7..=9u32).rev() {
        let got = nat
            .outside(esp("192.0.2.1 > 203.0.113.1", host << 16 | 1, 1))
            .forwarded();
        assert!(got.dst == format!("10.64.0.{host}").as_str());
    }
    // A host that is not listed waits as ever, and for nobody here.
    nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x999, 1))
        .dropped(Counter::DropEspUnmatched);
}

/// Row I2: the responder's SPI is the hash of the initiator's, whichever of them is inside.
#[test]
fn the_way_to_foresee_an_spi_can_be_chosen() {
    let config =
        one_address().top("alg: { esp: { spi_match: [10.64.0.0/24], spi_prediction: hashed } }");
    let mut nat = Pipe::new(&config);
    let hashed = |spi: u32| {
        let digest = base::digest::sha1(&spi.to_be_bytes());
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    };
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x0701_0001, 1))
        .forwarded();
    nat.inside(esp("10.64.0.8 > 192.0.2.1", hashed(0x0801_0001), 1))
        .forwarded();
    let got = nat.outside(esp("192.0.2.1 > 203.0.113.1", hashed(0x0701_0001), 1));
    assert!(got.forwarded().dst == "10.64.0.7");
    let got = nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x0801_0001, 1));
    assert!(got.forwarded().dst == "10.64.0.8");
}

/// Row I4: a tunnel to an inside host that never sent anything.
#[test]
fn a_static_mapping_lets_esp_in_by_any_spi() {
    let config = one_address().fixed("protocol: esp, inside: 10.64.0.20, outside: 203.0.113.12");
    let mut nat = Pipe::new(&config);
    for (spi, remote) in [
        (1, "192.0.2.1"),
        (0x8000_0002, "192.0.2.9"),
        (3, "192.0.2.1"),
    ] {
        let got = nat
            .outside(esp(&format!("{remote} > 203.0.113.12"), spi, 1))
            .forwarded();
        assert!(got.dst == "10.64.0.20");
        let out = nat
            .inside(esp(&format!("10.64.0.20 > {remote}"), spi + 7, 1))
            .forwarded();
        assert!(out.src == "203.0.113.12");
    }
}

/// An error about ESP finds the host by the SPI in the eight bytes that are always quoted.
#[test]
fn an_error_about_esp_finds_the_host_by_its_spi() {
    let mut nat = Pipe::new(&one_address());
    let mut sent = Vec::new();
    for (host, out, back) in [("10.64.0.7", 0x101, 0x201), ("10.64.0.8", 0x102, 0x202)] {
        let packet = esp(&format!("{host} > 192.0.2.1"), out, 1);
        sent.push((host, nat.inside(packet).forwarded()));
        nat.outside(esp("192.0.2.1 > 203.0.113.1", back, 1))
            .forwarded();
    }
    for (host, out) in sent {
        let error = icmp_error(3, 4, "198.18.0.1", &out.ip).quote_len(28);
        assert!(nat.outside(error).forwarded().dst == host);
    }
}

/// Dead peers time out: what comes in alone keeps nothing alive.
#[test]
fn a_silent_host_is_forgotten_however_much_comes_in() {
    let mut nat = Pipe::new(&one_address().timeout("esp", "100s"));
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x101, 1))
        .forwarded();
    for seq in 1..=10 {
        nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x201, seq))
            .forwarded();
        nat.wait(9.9);
    }
    nat.wait(5.0);
    nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x201, 11))
        .dropped(Counter::DropEspUnmatched);
    nat.wait(200.0);
    assert!(nat.show("translations").is_empty());
    assert!(nat.show("subscribers").is_empty() && nat.show("ipsec").is_empty());
}

/// Row I1: by IKE, not only by order: the gateway may be the first to use a new SPI.
#[test]
fn after_a_negotiation_the_gateway_may_be_first() {
    let mut nat = Pipe::new(&one_address());
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0x101, 1))
        .forwarded();
    nat.outside(esp("192.0.2.1 > 203.0.113.1", 0x201, 1))
        .forwarded();
    let auth = message(8, 35, 8, 1, &[1; 40]);
    let out = nat
        .inside(ike("10.64.0.8:500 > 192.0.2.1:500", &auth))
        .forwarded();
    // Another one's has to wait meanwhile.
    let child = message(7, 36, 8, 2, &[1; 40]);
    nat.inside(ike("10.64.0.7:500 > 192.0.2.1:500", &child))
        .held(Counter::HoldEsp);
    let answer = message(8, 35, 0x20, 1, &[2; 40]);
    let flow = format!("192.0.2.1:500 > {}:{}", out.src.ip(), out.src.port());
    nat.outside(ike(&flow, &answer)).forwarded();
    let got = nat
        .outside(esp("192.0.2.1 > 203.0.113.1", 0x202, 1))
        .forwarded();
    assert!(got.dst == "10.64.0.8");
    let outcome = nat.inside(esp("10.64.0.8 > 192.0.2.1", 0x102, 1));
    assert_eq!(
        outcome.left.len(),
        2,
        "and the one that waited: {outcome:?}"
    );
}

/// `esp: off`: as any protocol without ports, where a rule names it.
#[test]
fn switched_off_it_is_for_one_host_and_gateway_where_a_rule_names_it() {
    let mut nat = Pipe::new(&one_address().top("alg: { esp: off }"));
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 1, 1))
        .refused(Counter::DropProtocol);
    let config = one_address()
        .rule("protocols", "[esp]")
        .top("alg: { esp: off }");
    let mut nat = Pipe::new(&config);
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 1, 1)).forwarded();
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 2, 1)).forwarded();
    assert!(
        nat.outside(esp("192.0.2.1 > 203.0.113.1", 3, 1))
            .forwarded()
            .dst
            == "10.64.0.7"
    );
    nat.inside(esp("10.64.0.8 > 192.0.2.1", 4, 1))
        .refused(Counter::DropAddressPair);
}
