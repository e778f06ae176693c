//! Clients inside, servers outside.

use testkit::udp;
use tests::{Pipe, X, Y};

use crate::{
    answer, comes_in, connected, counted, pair, remotes, set_up, setup, stays_out, strict, value, x,
};

/// B5, rows `client_port` and `server_port`: an even port and the next, the ports of the server,
/// and both ways through the connection the numbers fit.
#[test]
fn media_come_in_from_the_servers_ports() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let (rtp, rtcp) = set_up(&mut nat, &mut line, 5000);
    assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
    assert_ne!(rtp, 5000);
    let doors = nat.show("doors");
    assert_eq!(remotes(&doors), [x(6256), x(6257)]);
    assert!(doors.iter().all(|door| door["origin"] == "rtsp"));
    for (remote, port) in [
        (x(6258), rtp),
        (x(6257), rtp),
        (x(6256), rtcp),
        (format!("{Y}:6256"), rtp),
    ] {
        stays_out(&mut nat, &line, &remote, port);
    }
    comes_in(&mut nat, &line, &x(6256), rtp, 5000);
    comes_in(&mut nat, &line, &x(6257), rtcp, 5001);
    // What the client sends there leaves from the ports it has announced.
    let report = nat
        .inside(udp(&format!("10.64.0.7:5001 > {X}:6257")).payload(b"report"))
        .forwarded();
    assert_eq!(report.src.port(), rtcp);
    line.says_unchanged(
        &mut nat,
        "PLAY rtsp://192.0.2.1/film RTSP/1.0\r\nCSeq: 3\r\n\r\n",
    );
    line.hears_unchanged(&mut nat, "RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n");
    assert_eq!(counted(&mut nat, "doors_promoted"), 2);
    assert_eq!(counted(&mut nat, "errors"), 0);
}

/// Before the server has answered, it may come from any of its ports.
#[test]
fn doors_are_open_when_the_request_leaves() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let sent = line.says(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
    let (rtp, _) = pair(&sent, "client_port=");
    assert_eq!(remotes(&nat.show("doors")), [x(0), x(0)]);
    stays_out(&mut nat, &line, &format!("{Y}:6256"), rtp);
    comes_in(&mut nat, &line, &x(7777), rtp, 5000);
}

/// B5: "several specs in one request: allocate for each UDP spec".
#[test]
fn every_alternative_has_its_ports() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let sent = line.says(
        &mut nat,
        &setup(
            1,
            "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1,RTP/AVP;unicast;client_port=5002-5003",
        ),
    );
    let (_, rest) = sent.split_once("interleaved=0-1").unwrap();
    let (first, second) = (pair(&sent, "client_port="), pair(rest, "client_port="));
    assert_ne!(first, second);
    assert_eq!(nat.show("doors").len(), 4);
    comes_in(&mut nat, &line, &x(6256), second.1, 5003);
}

/// B5: "single port form `client_port=4588` = RTP only (RTCP next port implied)".
#[test]
fn one_port_means_the_next_too() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let sent = line.says(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000"));
    let rtp: u16 = value(&sent, "client_port=").parse().unwrap();
    comes_in(&mut nat, &line, &x(6256), rtp, 5000);
    comes_in(&mut nat, &line, &x(6257), rtp + 1, 5001);
}

/// B5, row `source`: "outside server: use as remote filter".
#[test]
fn media_come_in_from_the_source_that_the_server_names() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let sent = line.says(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
    let (rtp, rtcp) = pair(&sent, "client_port=");
    let given =
        format!("RTP/AVP;unicast;client_port={rtp}-{rtcp};source={Y};server_port=6256-6257");
    line.hears(&mut nat, &answer(1, &given));
    stays_out(&mut nat, &line, &x(6256), rtp);
    comes_in(&mut nat, &line, &format!("{Y}:6256"), rtp, 5000);
    comes_in(&mut nat, &line, &format!("{Y}:6257"), rtcp, 5001);
}

/// B5, row `destination`: "if equals inside address: rewrite", wherever it stands; and given back.
#[test]
fn the_clients_own_destination_is_rewritten() {
    for transport in [
        "RTP/AVP;unicast;destination=10.64.0.7;client_port=5000-5001",
        "RTP/AVP;unicast;client_port=5000-5001;destination=10.64.0.7",
    ] {
        let mut nat = Pipe::new(&strict());
        let mut line = connected(&mut nat);
        let sent = line.says(&mut nat, &setup(1, transport));
        let outside = line.outside_address().to_string();
        assert_eq!(value(&sent, "destination="), outside);
        let (rtp, rtcp) = pair(&sent, "client_port=");
        let given = format!(
            "RTP/AVP;unicast;destination={outside};client_port={rtp}-{rtcp};server_port=6256-6257"
        );
        let got = line.hears(&mut nat, &answer(1, &given));
        assert_eq!(value(&got, "destination="), "10.64.0.7");
        assert_eq!(value(&got, "client_port="), "5000-5001");
        assert_eq!(remotes(&nat.show("doors")), [x(6256), x(6257)]);
    }
}

/// G7: media for somebody else, or for a port that nobody listens to media on.
#[test]
fn others_addresses_and_low_ports_open_nothing() {
    for transport in [
        "RTP/AVP;unicast;destination=10.64.0.8;client_port=5000-5001",
        "RTP/AVP;unicast;destination=192.0.2.9;client_port=5000-5001",
        "RTP/AVP;unicast;client_port=22-23",
        "RTP/AVP;unicast;client_port=1023-1024",
        "RTP/AVP;unicast;client_port=5000-5002",
    ] {
        let mut nat = Pipe::new(&strict());
        let mut line = connected(&mut nat);
        line.says_unchanged(&mut nat, &setup(1, transport));
        assert_eq!(nat.show("doors").len(), 0, "{transport}");
    }
}

/// B5: "interleaved left alone", "multicast no rewriting".
#[test]
fn media_in_the_connection_and_multicast_stay_as_they_are() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    for transport in [
        "RTP/AVP/TCP;unicast;interleaved=0-1",
        "RTP/AVP;multicast;destination=224.2.0.1;port=3456-3457;ttl=16",
        "RTP/AVP;multicast",
    ] {
        line.says_unchanged(&mut nat, &setup(1, transport));
        line.hears_unchanged(&mut nat, &answer(1, transport));
    }
    line.hears_unchanged(&mut nat, "$\0\0\x0cSETUP $ RTSP");
    line.says_unchanged(&mut nat, "$\x01\0\x04abcd");
    assert_eq!(nat.show("doors").len(), 0);
    // Behind a frame the next message is read.
    let both = format!(
        "$\0\0\x03abc{}",
        setup(2, "RTP/AVP;unicast;client_port=5000-5001")
    );
    assert_ne!(line.says(&mut nat, &both), both);
    assert_eq!(nat.show("doors").len(), 2);
}

/// RFC 7826 section 18.54: `dest_addr` and `src_addr`, with and without host.
#[test]
fn version_two_has_addresses_in_quotes() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let request = setup(
        1,
        "RTP/AVP/UDP;unicast;dest_addr=\":5000\"/\"10.64.0.7:5001\"",
    )
    .replace("RTSP/1.0", "RTSP/2.0");
    let sent = line.says(&mut nat, &request);
    let outside = line.outside_address().to_string();
    let rtp: u16 = value(&sent, "dest_addr=\":").parse().unwrap();
    let rtcp: u16 = value(&sent, &format!("/\"{outside}:")).parse().unwrap();
    let given = format!(
        "RTP/AVP/UDP;unicast;dest_addr=\":{rtp}\"/\"{outside}:{rtcp}\";src_addr=\"{Y}:6256\"/\":6257\""
    );
    let got = line.hears(&mut nat, &answer(1, &given).replace("RTSP/1.0", "RTSP/2.0"));
    assert!(
        got.contains("dest_addr=\":5000\"/\"10.64.0.7:5001\""),
        "{got}"
    );
    comes_in(&mut nat, &line, &format!("{Y}:6256"), rtp, 5000);
    comes_in(&mut nat, &line, &x(6257), rtcp, 5001);
    stays_out(&mut nat, &line, &x(6258), rtcp);
}

/// A stream is asked for again from the same ports: they stay what they were.
#[test]
fn the_same_ports_are_announced_once_more() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let first = set_up(&mut nat, &mut line, 5000);
    assert_eq!(set_up(&mut nat, &mut line, 5000), first);
    assert_eq!(remotes(&nat.show("doors")), [x(6256), x(6257)]);
    comes_in(&mut nat, &line, &x(6256), first.0, 5000);
}

/// RFC 2326 section 10.10: a redirection leads elsewhere; the gateway has no part in it.
#[test]
fn redirections_of_outside_servers_stay_as_they_are() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    line.says_unchanged(
        &mut nat,
        "DESCRIBE rtsp://192.0.2.1/film RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    );
    line.hears_unchanged(
        &mut nat,
        "RTSP/1.0 302 Found\r\nCSeq: 1\r\nLocation: rtsp://192.0.2.9:8554/film\r\n\r\n",
    );
    line.hears_unchanged(
        &mut nat,
        "REDIRECT rtsp://192.0.2.1/film RTSP/1.0\r\nCSeq: 7\r\nLocation: rtsp://192.0.2.9/\r\n\r\n",
    );
}
