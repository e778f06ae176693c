//! UDP-Lite with ports of its own (RFC 3828).

use base::Counter;
use testkit::{Sum, icmp_error, udp, udp_lite};
use tests::{Config, Pipe};

use crate::{GRAIN, ends_empty, lost};

fn config() -> Config {
    Config::new().rule("protocols", "[udplite, udp]")
}

/// RFC 3828 section 3.1: the checksum stays right for what it covers, whatever that is.
#[test]
fn partial_coverage_goes_both_ways_with_a_right_checksum() {
    let mut nat = Pipe::new(&config());
    for (port, coverage) in (4000..).zip([0, 8, 9, 12, 15, 16, 19]) {
        let packet = udp_lite(&format!("10.64.0.7:{port} > 192.0.2.1:7000"))
            .payload(b"eleven byte")
            .coverage(coverage);
        let out = nat.inside(packet).forwarded();
        assert_eq!(out.src.ip().octets()[..3], [203, 0, 113]);
        assert_eq!(out.transport[4..6], coverage.to_be_bytes());
        assert_ne!(out.transport[6..8], [0, 0]);
        let answer = out.reply().payload(b"odd").coverage(8);
        let back = nat.outside(answer).forwarded();
        assert!(back.dst == format!("10.64.0.7:{port}").as_str());
        assert_ne!(back.transport[6..8], [0, 0]);
    }
    assert_eq!(nat.show("translations")[0]["protocol"], "udplite");
    ends_empty(&mut nat);
}

/// RFC 3828 section 3.1: a checksum that comes out as zero is sent as all ones.
#[test]
fn the_checksum_is_never_zero() {
    let mut nat = Pipe::new(&config());
    let mut sum_over = |word: u16| {
        let packet = udp_lite("10.64.0.7:4000 > 192.0.2.1:7000").payload(&word.to_be_bytes());
        let seen = nat.inside(packet).forwarded();
        u16::from_be_bytes([seen.transport[6], seen.transport[7]])
    };
    // The payload that brings the checksum over an empty one to zero, and its neighbours.
    let zero = sum_over(0);
    assert_eq!(sum_over(zero - 1), 1);
    assert_eq!(sum_over(zero), u16::MAX);
    assert_eq!(sum_over(zero + 1), u16::MAX - 1);
}

/// RFC 3828 section 3.1: a coverage that cannot be is no datagram.
#[test]
fn a_coverage_that_cannot_be_is_dropped() {
    let mut nat = Pipe::new(&config());
    for coverage in [1, 7, 12, u16::MAX] {
        let packet = udp_lite("10.64.0.7:4000 > 192.0.2.1:7000")
            .payload(b"abc")
            .coverage(coverage);
        nat.inside(packet).dropped(Counter::DropTransportHeader);
    }
}

/// It is a protocol of its own: ports are not UDP's, mappings neither.
#[test]
fn its_ports_are_not_those_of_udp() {
    let config = config()
        .pool("prefixes", "[203.0.113.1/32]")
        .pool("ports", "2000-2003")
        .pool("blocks", "{ size: 4, max_per_subscriber: 1 }");
    let mut nat = Pipe::new(&config);
    for port in 4000..4004 {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:7000");
        nat.inside(udp(&flow)).forwarded();
        nat.inside(udp_lite(&flow).payload(b"x")).forwarded();
    }
    let refused = nat.inside(udp_lite("10.64.0.7:4004 > 192.0.2.1:7000"));
    assert_eq!(refused.verdict, "drop");
    assert_eq!(nat.show("mappings").len(), 8);
    ends_empty(&mut nat);
}

/// The timer of UDP, and mappings that do not depend on the remote.
#[test]
fn it_is_mapped_and_timed_like_udp() {
    let mut nat = Pipe::new(&config());
    let flow = |remote: &str| udp_lite(&format!("10.64.0.7:4000 > {remote}")).payload(b"x");
    let first = nat.inside(flow("192.0.2.1:7000")).forwarded();
    let second = nat.inside(flow("192.0.2.9:7000")).forwarded();
    assert_eq!(first.src, second.src);
    let stranger = udp_lite(&format!("198.18.0.1:1 > {}", first.src)).payload(b"x");
    nat.outside(stranger.clone()).forwarded();
    nat.at(300.0 + GRAIN);
    lost(&nat.outside(stranger));
}

/// RFC 5508 section 4; a quote with part of the datagram only as well.
#[test]
fn errors_about_it_find_the_host() {
    let mut nat = Pipe::new(&config());
    let out = nat
        .inside(udp_lite("10.64.0.7:4000 > 192.0.2.1:7000").payload(b"abc"))
        .forwarded();
    for quoted in [28, 1500] {
        let error = icmp_error(3, 3, "192.0.2.1", &out.ip).quote_len(quoted);
        let got = nat.outside(error).forwarded();
        assert!(got.dst == "10.64.0.7" && got.quote().src == "10.64.0.7:4000");
    }
}

/// A datagram without a checksum is not allowed, and is not given one by half: it is
/// forwarded as it came, or dropped.
#[test]
fn a_zero_checksum_is_not_made_wrong() {
    let mut nat = Pipe::new(&config());
    nat.allow_wrong_checksums();
    let packet = udp_lite("10.64.0.7:4000 > 192.0.2.1:7000")
        .payload(b"abc")
        .transport_sum(Sum::Zero);
    let outcome = nat.inside(packet);
    for left in outcome.left {
        assert_eq!(left.seen.transport[6..8], [0, 0]);
    }
}
