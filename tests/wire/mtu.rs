//! Packets too big for the next link, and MSS: RFC 4787 REQ-13, RFC 1191, RFC 791, RFC 879.

use base::Counter;
use testkit::{Seen, reassemble, tcp, udp};
use tests::{Config, Pipe};

fn narrow_outside() -> Config {
    Config::new().interface("outside", "mtu", "1400")
}

/// RFC 4787 REQ-13, RFC 1191: 3/4 with the MTU, quoting what the host sent.
#[test]
fn a_packet_that_must_not_be_fragmented_is_sent_back_with_the_mtu() {
    let mut pipe = Pipe::new(&narrow_outside());
    for len in [1401, 1500] {
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000")
            .payload(&vec![5; len - 28])
            .df(true)
            .tos(0xb8);
        let error = pipe
            .inside(packet.clone())
            .refused(Counter::DropFragmentationNeeded);
        assert_eq!(error.icmp_kind(), Some((3, 4)));
        assert_eq!(error.icmp.as_ref().unwrap().rest & 0xffff, 1400);
        assert!(error.src == tests::OWN_INSIDE);
        assert_eq!(error.tos & 0xfc, 0xb8);
        let quoted = error.quote();
        assert!(quoted.src == "10.64.0.7:5000");
        assert_eq!(quoted.bytes[12..28], packet.ip()[12..28]);
    }
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[5; 1372]);
    let out = pipe.inside(packet.df(true)).forwarded();
    assert_eq!(out.ip.len(), 1400);
    assert!(out.df);
}

/// RFC 4787 REQ-13a: else it is fragmented, and the first piece leaves first.
#[test]
fn a_packet_that_may_be_fragmented_leaves_in_pieces_in_order() {
    let mut pipe = Pipe::new(&narrow_outside());
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[5; 1472]);
    let left = pipe.inside(packet.tos(0xb8)).forwarded_pieces();
    assert!(left.len() >= 2);
    assert!(left.windows(2).all(|two| two[0].offset < two[1].offset));
    for piece in &left {
        assert!(piece.ip.len() <= 1400);
        assert_eq!((piece.ttl, piece.tos), (63, 0xb8));
    }
    let whole = reassemble(&left).unwrap();
    assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    assert_eq!(whole.payload, [5; 1472]);
    assert_eq!(whole.src.ip().octets()[..3], [203, 0, 113]);
    assert_eq!(pipe.counter(Counter::IpFragmented), 1);
}

/// RFC 791: the smallest MTU the configuration takes makes many pieces.
#[test]
fn a_very_narrow_link_gets_many_pieces() {
    let mut pipe = Pipe::new(&Config::new().interface("outside", "mtu", "576"));
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[5; 1471]);
    let left = pipe.inside(packet).forwarded_pieces();
    assert_eq!(left.len(), 3);
    assert!(left.iter().all(|piece| piece.ip.len() <= 576));
    assert_eq!(reassemble(&left).unwrap().payload, [5; 1471]);
}

/// RFC 4787 REQ-13 towards the inside.
#[test]
fn a_packet_from_outside_meets_the_mtu_of_the_inside() {
    let mut pipe = Pipe::new(&Config::new().interface("inside", "mtu", "1400"));
    let out = super::open(&mut pipe);
    let big = out.reply().payload(&[6; 1472]);
    let error = pipe
        .outside(big.clone().df(true))
        .refused(Counter::DropFragmentationNeeded);
    assert_eq!(error.icmp_kind(), Some((3, 4)));
    assert_eq!(error.icmp.as_ref().unwrap().rest & 0xffff, 1400);
    assert!(error.src == tests::OWN_OUTSIDE && error.dst == "192.0.2.1");
    assert_eq!(error.quote().dst, out.src);
    let left = pipe.outside(big).forwarded_pieces();
    let whole = reassemble(&left).unwrap();
    assert!(whole.problems.is_empty() && whole.dst == "10.64.0.7:5000");
}

/// RFC 791 section 3.2: a fragment that is too big is cut once more.
#[test]
fn pieces_are_fragmented_again() {
    let mut pipe = Pipe::new(&narrow_outside());
    let datagram = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[5; 4000]);
    let left: Vec<Seen> = datagram
        .fragments(&[1480, 1480])
        .into_iter()
        .flat_map(|piece| pipe.inside(piece).forwarded_pieces())
        .collect();
    assert!(left.iter().all(|piece| piece.ip.len() <= 1400));
    let whole = reassemble(&left).unwrap();
    assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    assert_eq!(whole.payload, [5; 4000]);
}

/// RFC 791 section 3.1: options with the copied flag are in every piece, others in the first.
#[test]
fn options_are_copied_into_pieces_as_their_flag_says() {
    let mut pipe = Pipe::new(&narrow_outside());
    let alert = [0x94, 4, 0, 0];
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[5; 1468]);
    let left = pipe.inside(packet.ip_options(&alert)).forwarded_pieces();
    assert!(left.iter().all(|piece| piece.options == alert));
    assert_eq!(reassemble(&left).unwrap().payload, [5; 1468]);
}

/// RFC 6864: two datagrams cut here are not mixed up by the receiver.
#[test]
fn datagrams_fragmented_here_differ_in_identification() {
    let config = narrow_outside().pool("prefixes", "[203.0.113.1/32]");
    let mut pipe = Pipe::new(&config);
    let mut ids = Vec::new();
    for host in [7, 8, 9] {
        let flow = format!("10.64.0.{host}:5000 > 192.0.2.1:7000");
        let packet = udp(&flow).payload(&[5; 1472]).id(0x1234);
        let left = pipe.inside(packet).forwarded_pieces();
        ids.push(reassemble(&left).unwrap().id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

/// Section 7.2: a larger MTU on both sides takes larger packets.
#[test]
fn jumbo_packets_pass_between_jumbo_links() {
    let config = Config::new()
        .interface("inside", "mtu", "9000")
        .interface("outside", "mtu", "9000");
    let mut pipe = Pipe::new(&config);
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(&[5; 8972]);
    let out = pipe.inside(packet.df(true)).forwarded();
    assert_eq!(out.ip.len(), 9000);
    let answer = out.reply().payload(&[6; 8971]).df(true);
    pipe.outside(answer).forwarded();
}

fn mss_of(seen: &Seen) -> &[u8] {
    &seen.tcp.as_ref().unwrap().options
}

/// Requirement A6: `mss_clamp` lowers the MSS of both sides of a connection.
#[test]
fn mss_is_lowered_in_syn_and_syn_ack() {
    let mut pipe = Pipe::new(&Config::new().interface("outside", "mss_clamp", "1200"));
    let syn = pipe
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    assert_eq!(mss_of(&syn), [2, 4, 0x04, 0xb0]);
    let answer = pipe.outside(syn.reply().syn_ack()).forwarded();
    assert_eq!(mss_of(&answer), [2, 4, 0x04, 0xb0]);
    assert_eq!(pipe.counter(Counter::TcpMssClamped), 2);
}

/// Requirement A6: an upper bound never raises anything, and adds nothing.
#[test]
fn a_smaller_mss_and_a_missing_one_stay() {
    let mut pipe = Pipe::new(&Config::new().interface("outside", "mss_clamp", "1200"));
    let small = tcp("10.64.0.7:5000 > 192.0.2.1:80").syn().mss(1000);
    let syn = pipe.inside(small).forwarded();
    assert_eq!(mss_of(&syn), [2, 4, 0x03, 0xe8]);
    let none = tcp("10.64.0.7:5001 > 192.0.2.1:80").syn().tcp_options(&[]);
    assert_eq!(mss_of(&pipe.inside(none).forwarded()), [0; 0]);
    assert_eq!(pipe.counter(Counter::TcpMssClamped), 0);
}

/// RFC 793: the option may stand anywhere, at odd places too; data is not searched.
#[test]
fn the_mss_option_is_found_anywhere_and_only_in_options() {
    let mut pipe = Pipe::new(&Config::new().interface("outside", "mss_clamp", "1200"));
    for (port, options) in [
        (5000, vec![1, 2, 4, 0x05, 0xb4, 0, 0, 0]),
        (5001, vec![3, 3, 7, 2, 4, 0x05, 0xb4, 0]),
        (5002, vec![1, 1, 4, 2, 2, 4, 0x05, 0xb4]),
    ] {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:80");
        let packet = tcp(&flow).syn().tcp_options(&options);
        let seen = pipe.inside(packet).forwarded();
        let at = options.windows(2).position(|two| two == [2, 4]).unwrap();
        let mut expected = options.clone();
        expected[at + 2..at + 4].copy_from_slice(&[0x04, 0xb0]);
        assert_eq!(mss_of(&seen), expected);
    }
    let data = tcp("10.64.0.7:5003 > 192.0.2.1:80")
        .syn()
        .mss(1000)
        .payload(&[2, 4, 0x05, 0xb4]);
    pipe.inside(data).forwarded();
}

/// RFC 793: options that lie about their length are left alone.
#[test]
fn options_with_impossible_lengths_are_left_alone() {
    let mut pipe = Pipe::new(&Config::new().interface("outside", "mss_clamp", "1200"));
    for (port, options) in [
        (5000, [2, 0, 0x05, 0xb4]),
        (5001, [8, 1, 2, 4]),
        (5002, [1, 1, 2, 4]),
        (5003, [9, 40, 2, 4]),
        (5004, [0, 2, 4, 0xff]),
    ] {
        let flow = format!("10.64.0.7:{port} > 192.0.2.1:80");
        let packet = tcp(&flow).syn().tcp_options(&options);
        let seen = pipe.inside(packet).forwarded();
        assert_eq!(mss_of(&seen), options);
    }
}

/// Requirement A6: `auto` leaves room for the headers.
#[test]
fn an_automatic_clamp_follows_the_mtu() {
    let config = narrow_outside().interface("outside", "mss_clamp", "auto");
    let mut pipe = Pipe::new(&config);
    let syn = pipe
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    assert_eq!(mss_of(&syn), [2, 4, 0x05, 0x50]);
}

/// Requirement A6: later segments are none of the clamp's business.
#[test]
fn only_segments_with_syn_are_touched() {
    let mut pipe = Pipe::new(&Config::new().interface("outside", "mss_clamp", "1200"));
    let flow = "10.64.0.7:5000 > 192.0.2.1:80";
    let syn = pipe.inside(tcp(flow).syn()).forwarded();
    let answer = pipe.outside(syn.reply().syn_ack()).forwarded();
    let data = answer.reply().mss(1460).payload(b"data");
    let seen = pipe.inside(data).forwarded();
    assert_eq!(mss_of(&seen), [2, 4, 0x05, 0xb4]);
}

/// RFC 4787 REQ-13 for a hairpinned packet.
#[test]
fn a_hairpinned_packet_meets_the_mtu_of_the_inside() {
    let mut pipe = Pipe::new(&Config::new().interface("inside", "mtu", "1400"));
    let to_b = pipe
        .inside(udp("10.64.0.8:9 > 192.0.2.1:7000"))
        .forwarded()
        .src;
    let big = udp("10.64.0.7:5000 > 192.0.2.1:1")
        .to(to_b)
        .payload(&[3; 1472]);
    let error = pipe
        .inside(big.clone().df(true))
        .refused(Counter::DropFragmentationNeeded);
    assert_eq!(error.icmp.as_ref().unwrap().rest & 0xffff, 1400);
    let whole = reassemble(&pipe.inside(big).forwarded_pieces()).unwrap();
    assert!(whole.problems.is_empty() && whole.dst == "10.64.0.8:9");
}

/// Requirement A6: without the key nothing is touched.
#[test]
fn without_a_clamp_the_mss_stays() {
    let mut pipe = Pipe::new(&narrow_outside());
    let syn = pipe
        .inside(tcp("10.64.0.7:5000 > 192.0.2.1:80").syn())
        .forwarded();
    assert_eq!(mss_of(&syn), [2, 4, 0x05, 0xb4]);
}
