//! DCCP with ports of its own (RFC 4340, RFC 5597): connections like TCP's.

use base::Counter;
use testkit::{Dccp, Seen, dccp, icmp_error};
use tests::{Config, Pipe};

use crate::{GRAIN, ends_empty, kept_out};

fn config() -> Config {
    Config::new().rule("protocols", "[dccp]")
}

const FLOW: &str = "10.64.0.7:4000 > 192.0.2.1:5004";

/// Request, Response and Ack have gone; the last packet from inside as it left.
#[track_caller]
fn connected(nat: &mut Pipe) -> Seen {
    let request = nat.inside(dccp(FLOW, Dccp::Request)).forwarded();
    let response = dccp(&format!("192.0.2.1:5004 > {}", request.src), Dccp::Response);
    let got = nat.outside(response).forwarded();
    assert!(got.dst == "10.64.0.7:4000" && got.src == "192.0.2.1:5004");
    let ack = nat.inside(dccp(FLOW, Dccp::Ack)).forwarded();
    assert_eq!(ack.src, request.src);
    ack
}

/// RFC 5597 REQ-1, REQ-3: a port from the pool, and the checksum right with odd payloads
/// and all.
#[test]
fn a_connection_goes_through_with_a_port_of_the_pool() {
    let mut nat = Pipe::new(&config());
    let ack = connected(&mut nat);
    assert_eq!(ack.src.ip().octets()[..3], [203, 0, 113]);
    assert!(ack.src.port() >= 1024 && ack.dst == "192.0.2.1:5004");
    let data = nat
        .inside(dccp(FLOW, Dccp::DataAck).payload(b"odd"))
        .forwarded();
    assert_eq!(data.src, ack.src);
    let back = nat.outside(data.reply().payload(b"answer")).forwarded();
    assert!(back.dst == "10.64.0.7:4000" && back.payload == b"answer");
    let rows = nat.show("translations");
    assert_eq!(rows[0]["protocol"], "dccp");
    assert_eq!(rows[0]["state"], "established");
    ends_empty(&mut nat);
}

/// RFC 5597 REQ-5: established ones last two hours and four minutes, others four minutes.
#[test]
fn timers_are_those_of_tcp() {
    let mut nat = Pipe::new(&config());
    let ack = connected(&mut nat);
    nat.at(7438.0);
    nat.outside(ack.reply()).forwarded();
    nat.at(7438.0 + 7440.0 + GRAIN);
    kept_out(&nat.outside(ack.reply()));
    let began = nat.now();
    let request = nat.inside(dccp(FLOW, Dccp::Request)).forwarded();
    let response = || dccp(&format!("192.0.2.1:5004 > {}", request.src), Dccp::Response);
    nat.at(began + 239.0);
    assert_eq!(nat.show("translations").len(), 1);
    nat.at(began + 240.0 + GRAIN);
    kept_out(&nat.outside(response()));
    assert!(nat.show("translations").is_empty());
}

/// RFC 4340 section 8.3: after Close or Reset four minutes, not two hours.
#[test]
fn an_ended_connection_lasts_four_minutes() {
    for closes in [true, false] {
        let mut nat = Pipe::new(&config());
        let ack = connected(&mut nat);
        let from_remote = |kind| dccp(&format!("192.0.2.1:5004 > {}", ack.src), kind);
        nat.later(10.0);
        if closes {
            nat.outside(from_remote(Dccp::CloseReq)).forwarded();
            nat.inside(dccp(FLOW, Dccp::Close)).forwarded();
        }
        nat.outside(from_remote(Dccp::Reset)).forwarded();
        nat.at(245.0);
        assert_eq!(nat.show("translations").len(), 1, "not yet");
        nat.at(250.0 + GRAIN);
        assert!(nat.show("translations").is_empty());
        ends_empty(&mut nat);
    }
}

/// RFC 5597 REQ-4 with RFC 5382 REQ-4: an unsolicited Request is held for six seconds,
/// then its sender is told.
#[test]
fn an_unsolicited_request_is_held_and_then_answered() {
    let mut nat = Pipe::new(&config());
    let ack = connected(&mut nat);
    let stranger = dccp(
        &format!("192.0.2.9:5004 > {}:1024", ack.src.ip()),
        Dccp::Request,
    );
    nat.outside(stranger).held(Counter::HoldSyn);
    assert!(nat.wait(5.5).is_empty());
    let left = nat.wait(1.5);
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].interface, "outside");
    assert_eq!(left[0].seen.icmp_kind(), Some((3, 3)));
    assert!(left[0].seen.quote().src == "192.0.2.9:5004");
    assert_eq!(nat.counter(Counter::HoldSynAnswered), 1);
}

/// RFC 5597 REQ-2: both ends may open it at once.
#[test]
fn a_held_request_is_forgotten_when_the_inside_opens_too() {
    let config = config().rule("filtering", "address-and-port-dependent");
    let mut nat = Pipe::new(&config);
    let out = nat
        .inside(dccp("10.64.0.7:4000 > 192.0.2.9:1", Dccp::Request))
        .forwarded();
    let request = dccp(&format!("192.0.2.1:5004 > {}", out.src), Dccp::Request);
    nat.outside(request.clone()).held(Counter::HoldSyn);
    nat.inside(dccp(FLOW, Dccp::Request)).forwarded();
    let left = nat.wait(10.0);
    assert!(left.is_empty(), "{left:?}");
    nat.outside(request).forwarded();
}

/// RFC 5597 REQ-4: with endpoint-independent filtering a Request opens it from outside.
#[test]
fn a_connection_is_opened_from_outside_where_filtering_lets_it() {
    let mut nat = Pipe::new(&config());
    let ack = connected(&mut nat);
    let request = dccp(&format!("192.0.2.9:7 > {}", ack.src), Dccp::Request);
    let got = nat.outside(request).forwarded();
    assert!(got.dst == "10.64.0.7:4000");
    let out = nat
        .inside(dccp("10.64.0.7:4000 > 192.0.2.9:7", Dccp::Response))
        .forwarded();
    assert_eq!(out.src, ack.src);
    // What opens nothing does not.
    for kind in [Dccp::Data, Dccp::Ack, Dccp::Close, Dccp::Reset] {
        let stray = dccp(&format!("192.0.2.10:7 > {}", ack.src), kind);
        nat.outside(stray).dropped(Counter::DropTcpNotSyn);
        let stray = dccp("10.64.0.8:7 > 192.0.2.10:7", kind);
        nat.inside(stray).dropped(Counter::DropTcpNotSyn);
    }
}

/// RFC 5508 section 4 for DCCP.
#[test]
fn errors_about_a_connection_go_both_ways() {
    let mut nat = Pipe::new(&config());
    let ack = connected(&mut nat);
    for quoted in [28, 1500] {
        let error = icmp_error(3, 4, "198.18.0.1", &ack.ip)
            .rest(1300)
            .quote_len(quoted);
        let got = nat.outside(error).forwarded();
        assert!(got.dst == "10.64.0.7");
        assert!(got.quote().src == "10.64.0.7:4000" && got.quote().dst == "192.0.2.1:5004");
    }
    let back = nat.outside(ack.reply()).forwarded();
    let out = nat
        .inside(icmp_error(3, 3, "10.64.0.7", &back.ip))
        .forwarded();
    assert_eq!(out.src.ip(), ack.src.ip());
    assert_eq!(out.quote().dst, ack.src);
    // An error ends nothing (RFC 5508 REQ-6).
    nat.inside(dccp(FLOW, Dccp::Ack)).forwarded();
}

/// What is said of TCP's options is not about DCCP: nothing of a Request but port and
/// checksum is touched where an MSS would be clamped.
#[test]
fn a_request_is_not_taken_for_a_syn_with_options() {
    let config =
        config()
            .interface("inside", "mss_clamp", "1200")
            .interface("outside", "mss_clamp", "1200");
    let mut nat = Pipe::new(&config);
    // Read as TCP, it has a header of 24 bytes and an MSS option at its end.
    let request = dccp(FLOW, Dccp::Request)
        .seq(0x6000_0000)
        .payload(&[2, 4, 0x05, 0xb4, 1, 1, 1, 1]);
    let mut bytes = request.transport();
    let out = nat.inside(request).forwarded();
    bytes[..2].copy_from_slice(&out.src.port().to_be_bytes());
    bytes[6..8].copy_from_slice(&out.transport[6..8]);
    assert_eq!(out.transport, bytes);
    assert_eq!(nat.counter(Counter::TcpMssClamped), 0);
}
