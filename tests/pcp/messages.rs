//! What is a request, and what is answered to one that is not (RFC 6887 sections 7 and 8).

use base::Counter;
use testkit::udp;
use tests::{B, Config, OWN_INSIDE, OWN_OUTSIDE, Pipe};

use crate::client::{Request, TCP, UDP, announce, ask, code, map, map_of, refused, request};
use crate::served;

/// RFC 6887 section 8.2: not on the side where no client's traffic comes in.
#[test]
fn a_request_from_outside_is_ignored() {
    let mut nat = Pipe::new(&served());
    let request = map(UDP, 5000, 600);
    let packet = udp(&format!("192.0.2.1:40000 > {OWN_OUTSIDE}:5351")).payload(&request.bytes);
    nat.outside(packet).dropped(Counter::DropPcp);
    assert!(nat.show("mappings").is_empty());
}

/// Nobody is served whose rule does not say so, and learns that at once.
#[test]
fn it_is_off_unless_a_rule_says_otherwise() {
    for config in [Config::new(), crate::with("enabled: false")] {
        let mut nat = Pipe::new(&config);
        nat.inside(announce().packet())
            .refused(Counter::DropNoService);
    }
    let two_rules =
        served().rule_before("name: others, inside: inside, source: 10.64.0.8/32, pool: public");
    let mut nat = Pipe::new(&two_rules);
    refused(&mut nat, &map_of(B, UDP, 5000, 600), code::NOT_AUTHORIZED);
    ask(&mut nat, &map(UDP, 5000, 600)).outside();
}

/// RFC 6887 section 8.2: one byte, an answer, or a header cut short.
#[test]
fn what_is_no_request_is_ignored() {
    let mut nat = Pipe::new(&served());
    let whole = announce();
    let ignored = |bytes: &[u8]| Request {
        bytes: bytes.to_vec(),
        ..whole.clone()
    };
    for request in [
        ignored(&whole.bytes[..1]),
        ignored(&whole.bytes[..23]),
        whole.clone().set(1, 0x80),
    ] {
        nat.inside(request.packet()).dropped(Counter::DropPcp);
    }
}

/// RFC 768: a datagram with a wrong checksum says nothing.
#[test]
fn a_garbled_request_is_ignored() {
    let mut nat = Pipe::new(&served());
    let packet = announce().packet();
    let (src, dst) = (tests::mac_of([10, 64, 0, 7].into()), nat.mac("inside"));
    let mut frame = packet.frame(src, dst);
    *frame.last_mut().unwrap() ^= 1;
    nat.allow_wrong_checksums();
    nat.feed("inside", &frame).dropped(Counter::DropPcp);
}

/// RFC 6887 section 9: with the version that is spoken, also for NAT-PMP, whose requests are
/// shorter than a header.
#[test]
fn another_version_is_told_which_is_spoken() {
    let mut nat = Pipe::new(&served());
    for version in [1, 3] {
        let request = map(UDP, 5000, 600).set(0, version);
        let answer = refused(&mut nat, &request, code::UNSUPP_VERSION);
        assert_eq!((answer.bytes[0], answer.lifetime), (2, 1800));
    }
    let nat_pmp = Request {
        bytes: vec![0, 0],
        ..announce()
    };
    let answer = ask(&mut nat, &nat_pmp);
    assert_eq!(
        (answer.code, answer.bytes.len()),
        (code::UNSUPP_VERSION, 24)
    );
    assert_eq!(nat.counter(Counter::PcpUnsuppVersion), 3);
}

/// RFC 6887 section 8.2: too long, not of whole words, too short for the opcode.
#[test]
fn a_request_of_a_wrong_length_is_malformed() {
    let mut nat = Pipe::new(&served());
    for len in [28, 62, 1104] {
        let mut request = map(UDP, 5000, 600);
        request.bytes.resize(len, 0);
        let answer = ask(&mut nat, &request);
        assert_eq!(answer.code, code::MALFORMED_REQUEST, "{len} bytes");
        assert_eq!(answer.bytes.len(), len.next_multiple_of(4).min(1100));
        assert_eq!(answer.lifetime, 1800);
        // As long as it could not be read, the end of the client's address is said again.
        assert_eq!(answer.bytes[12..24], request.bytes[12..24]);
    }
    assert!(nat.show("mappings").is_empty());
}

/// RFC 6887 section 8.2.
#[test]
fn a_client_that_was_translated_on_the_way_is_told() {
    let mut nat = Pipe::new(&served());
    let answer = refused(
        &mut nat,
        &map(UDP, 5000, 600).set(23, 99),
        code::ADDRESS_MISMATCH,
    );
    assert_eq!(answer.lifetime, 1800);
}

/// RFC 6887 section 8.2.
#[test]
fn an_unknown_opcode_is_refused() {
    let mut nat = Pipe::new(&served());
    let answer = refused(&mut nat, &request(tests::A, 77, 0), code::UNSUPP_OPCODE);
    assert_eq!(answer.bytes[1], 0xcd);
}

/// RFC 6887 section 7.3: what matters must be understood, the rest is left aside unsaid.
#[test]
fn options_are_understood_or_left_aside() {
    let mut nat = Pipe::new(&served());
    let with = |code, data: &[u8]| map(UDP, 5000, 600).option(code, data);
    refused(&mut nat, &with(99, b"1234"), code::UNSUPP_OPTION);
    refused(&mut nat, &with(2, b"1234"), code::MALFORMED_OPTION);
    let mut cut = map(UDP, 5000, 600);
    cut.bytes.extend([200, 0, 0, 9]);
    refused(&mut nat, &cut, code::MALFORMED_OPTION);
    let answer = ask(&mut nat, &with(200, b"1234"));
    assert_eq!((answer.code, answer.options()), (code::SUCCESS, &[][..]));
}

/// RFC 6887 section 11.1: protocol, port and nonce as they were asked for.
#[test]
fn an_answer_says_again_what_it_is_about() {
    let mut nat = Pipe::new(&served());
    let request = map(TCP, 80, 600).nonce(0xab);
    let answer = ask(&mut nat, &request);
    assert_eq!(answer.bytes[24..42], request.bytes[24..42]);
    assert_eq!(
        (answer.bytes[1], answer.bytes[12..24].to_vec()),
        (0x81, vec![0; 12])
    );
    assert_eq!(answer.bytes.len(), 60);
}

/// RFC 6887 section 14.1: an ANNOUNCE is answered, with nothing in it.
#[test]
fn an_announce_is_answered() {
    let mut nat = Pipe::new(&served());
    let answer = ask(&mut nat, &announce());
    assert_eq!(
        (answer.code, answer.lifetime, answer.bytes.len()),
        (0, 0, 24)
    );
}

/// RFC 6887 section 8.5.
#[test]
fn the_epoch_counts_seconds() {
    let mut nat = Pipe::new(&served());
    let first = ask(&mut nat, &announce()).epoch;
    assert!(first < 5, "{first}");
    nat.wait(100.0);
    let later = ask(&mut nat, &announce()).epoch;
    assert!((99..=101).contains(&(later - first)), "{first} {later}");
}

/// RFC 6887 section 8.5: addresses that come leave it alone, one that goes begins it anew.
#[test]
fn the_epoch_begins_anew_when_an_address_is_taken_away() {
    let config = served();
    let mut nat = Pipe::new(&config);
    nat.wait(100.0);
    nat.reload(&config.clone().pool("prefixes", "[203.0.113.0/27]"));
    assert!(ask(&mut nat, &announce()).epoch >= 100);
    nat.reload(&config.pool("prefixes", "[203.0.113.0/29]"));
    nat.wait(1.0);
    assert!(ask(&mut nat, &announce()).epoch < 5);
}

/// The answer of an appliance with an address of its own for the server.
#[test]
fn requests_are_for_the_own_address_alone() {
    let mut nat = Pipe::new(&served());
    let request = announce();
    let elsewhere = udp("10.64.0.7:40000 > 192.0.2.1:5351").payload(&request.bytes);
    nat.inside(elsewhere).forwarded();
    let tcp = testkit::tcp(&format!("10.64.0.7:40000 > {OWN_INSIDE}:5351")).syn();
    nat.inside(tcp).refused(Counter::DropNoService);
}
