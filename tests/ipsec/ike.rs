//! IKE and NAT traversal (rows I5 and I6).

use base::Counter;
use base::digest::sha1;
use testkit::{Sum, udp};
use tests::Pipe;

use crate::{esp, ike, message, one_address};

/// A notification of version 2 as the only payload but one.
fn initial(cookie: u64, source: ([u8; 4], u16)) -> Vec<u8> {
    let mut input = cookie.to_be_bytes().to_vec();
    input.extend([0; 8]);
    input.extend(source.0);
    input.extend(source.1.to_be_bytes());
    let mut body = vec![0, 0, 0, 28, 0, 0, 0x40, 0x04];
    body.extend(sha1(&input));
    let mut bytes = message(cookie, 34, 8, 0, &body);
    bytes[16] = 41;
    bytes
}

/// Row I6: who talks to whom, and that a NAT will be found.
#[test]
fn what_is_observed_is_shown() {
    let mut nat = Pipe::new(&one_address());
    let bytes = initial(0x1122_3344_5566_7788, ([10, 64, 0, 7], 500));
    let out = nat
        .inside(ike("10.64.0.7:500 > 192.0.2.1:500", &bytes))
        .forwarded();
    assert_eq!(out.payload, bytes, "nothing of it is changed");
    let rows = nat.show("ipsec");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!(row["inside"], "10.64.0.7");
    assert_eq!(row["outside"], "203.0.113.1");
    assert_eq!(row["remote"], "192.0.2.1");
    assert_eq!(row["ike"], 2);
    assert_eq!(row["initiator"], "1122334455667788");
    assert_eq!(row["nat_traversal"][0], true);
    assert_eq!(row["nat_traversal"][1], false);
    assert_eq!(row["nat_detection"], "differs");
    assert_eq!(row["encapsulation"], "none");
    nat.inside(esp("10.64.0.7 > 192.0.2.1", 0xabc, 1))
        .forwarded();
    nat.outside(esp("192.0.2.1 > 203.0.113.1", 0xdef, 1))
        .forwarded();
    let row = &nat.show("ipsec")[0];
    assert_eq!(row["encapsulation"], "esp");
    assert_eq!(row["spis_out"][0], "00000abc");
    assert_eq!(row["spis_in"][0], "00000def");
}

/// Row I6: a hash that is wrong already tells of a NAT before this one.
#[test]
fn a_hash_that_is_wrong_as_sent_is_told_from_one_that_becomes_so() {
    let mut nat = Pipe::new(&one_address());
    let bytes = initial(1, ([10, 64, 0, 99], 500));
    nat.inside(ike("10.64.0.7:500 > 192.0.2.1:500", &bytes))
        .forwarded();
    assert_eq!(nat.show("ipsec")[0]["nat_detection"], "differs-before");
}

/// Row I3: port 500 stays 500 for those listed, told apart by the initiator's cookie.
#[test]
fn port_500_is_kept_for_several_hosts_at_once() {
    let config = one_address().top("alg: { ike: { preserve_port: [10.64.0.8/29] } }");
    let mut nat = Pipe::new(&config);
    for host in [8u64, 9] {
        let flow = format!("10.64.0.{host}:500 > 192.0.2.1:500");
        let bytes = initial(host, ([10, 64, 0, host as u8], 500));
        let out = nat.inside(ike(&flow, &bytes)).forwarded();
        assert!(out.src == "203.0.113.1:500");
    }
    // One that is not listed gets a port.
    let out = nat
        .inside(ike(
            "10.64.0.7:500 > 192.0.2.1:500",
            &initial(7, ([10, 64, 0, 7], 500)),
        ))
        .forwarded();
    assert!(out.src.ip().to_string() == "203.0.113.1" && out.src.port() != 500);
    for host in [9u64, 8] {
        let answer = message(host, 34, 0x20, 0, &[0; 8]);
        let got = nat
            .outside(ike("192.0.2.1:500 > 203.0.113.1:500", &answer))
            .forwarded();
        assert!(got.dst == format!("10.64.0.{host}:500").as_str());
        assert_eq!(got.payload, answer);
        let flow = format!("10.64.0.{host}:500 > 192.0.2.1:500");
        let again = message(host, 37, 8, 1, &[0; 8]);
        assert!(nat.inside(ike(&flow, &again)).forwarded().src == "203.0.113.1:500");
    }
    // A cookie that nobody here has chosen is nobody's, for two have the port.
    let strange = initial(99, ([192, 0, 2, 1], 500));
    nat.outside(ike("192.0.2.1:500 > 203.0.113.1:500", &strange))
        .dropped(Counter::DropIkeCookie);
    assert_eq!(nat.show("translations").len(), 3);
    // A new association of one of them has a cookie of its own.
    let bytes = initial(0x77, ([10, 64, 0, 9], 500));
    let out = nat
        .inside(ike("10.64.0.9:500 > 192.0.2.1:500", &bytes))
        .forwarded();
    assert!(out.src == "203.0.113.1:500");
    let got = nat
        .outside(ike(
            "192.0.2.1:500 > 203.0.113.1:500",
            &message(0x77, 34, 0x20, 0, &[]),
        ))
        .forwarded();
    assert!(got.dst == "10.64.0.9:500");
}

/// Row I3: what a gateway begins is for the only host that has the port.
#[test]
fn ike_that_begins_outside_is_for_the_only_host() {
    let config = one_address().top("alg: { ike: { preserve_port: [10.64.0.0/24] } }");
    let mut nat = Pipe::new(&config);
    nat.inside(ike(
        "10.64.0.7:500 > 192.0.2.1:500",
        &initial(7, ([10, 64, 0, 7], 500)),
    ))
    .forwarded();
    let strange = initial(99, ([192, 0, 2, 1], 500));
    let got = nat
        .outside(ike("192.0.2.1:500 > 203.0.113.1:500", &strange))
        .forwarded();
    assert!(got.dst == "10.64.0.7:500");
    let answer = message(99, 34, 0x20, 0, &[]);
    let out = nat
        .inside(ike("10.64.0.7:500 > 192.0.2.1:500", &answer))
        .forwarded();
    assert!(out.src == "203.0.113.1:500");
    nat.outside(ike("192.0.2.9:500 > 203.0.113.1:500", &strange))
        .dropped(Counter::DropNoMapping);
}

/// Row I5: port 4500 with and without the marker, keepalives, and no checksum.
#[test]
fn nat_traversal_passes_untouched() {
    let mut nat = Pipe::new(&one_address());
    let mut marked = vec![0; 4];
    marked.extend(message(5, 35, 8, 1, &[1; 40]));
    let espinudp = [0xc0, 0, 0, 7, 0, 0, 0, 1, 9, 9, 9, 9];
    for payload in [&marked[..], &espinudp, &[0xff]] {
        for sum in [Sum::Zero, Sum::Right] {
            let out = nat
                .inside(
                    udp("10.64.0.7:4500 > 192.0.2.1:4500")
                        .payload(payload)
                        .transport_sum(sum),
                )
                .forwarded();
            assert_eq!(out.payload, payload);
            assert_eq!(out.transport_sum == 0, sum == Sum::Zero);
            let back = nat
                .outside(
                    udp(&format!("192.0.2.1:4500 > {}", out.src))
                        .payload(payload)
                        .transport_sum(sum),
                )
                .forwarded();
            assert!(back.dst == "10.64.0.7:4500");
            assert_eq!(back.payload, payload);
            assert_eq!(back.transport_sum == 0, sum == Sum::Zero);
        }
    }
    let row = &nat.show("ipsec")[0];
    assert_eq!(row["encapsulation"], "udp");
    assert_eq!(row["spis_out"][0], "c0000007");
    // Payload has been seen both ways: nobody looks at it any more.
    assert_eq!(nat.show("translations")[0]["alg"], "");
}
