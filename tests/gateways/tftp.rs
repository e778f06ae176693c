//! TFTP (RFC 1350, options of RFC 2347; PROTOCOLS B2): the server answers from a port of its own.

use base::Counter;
use testkit::udp;
use tests::{A, B, Config, GRAIN, Pipe, X, Y, run_until, udp_endpoint};

use crate::{address, door, in_pieces, not_admitted, row, strict, tally, translation};

const READ: &[u8] = b"\0\x01boot/image\0octet\0";
const WRITE: &[u8] = b"\0\x02upload\0netascii\0blksize\x001428\0tsize\x000\0";
const CLIENT: &str = "10.64.0.7:50000";

/// Sends a request to the server X; the outside endpoint it came from.
#[track_caller]
fn asks(nat: &mut Pipe, inside: &str, request: &[u8]) -> String {
    asks_at(nat, inside, &format!("{X}:69"), request)
}

#[track_caller]
fn asks_at(nat: &mut Pipe, inside: &str, server: &str, request: &[u8]) -> String {
    let seen = nat
        .inside(udp(&format!("{inside} > {server}")).payload(request))
        .forwarded();
    seen.src.to_string()
}

/// A file in both directions: data and acknowledgements.
#[track_caller]
fn transfers(nat: &mut Pipe, inside: &str, outside: &str, server: &str) {
    for block in 1..=20_u8 {
        let data = [&[0, 3, 0, block][..], &[block; 512]].concat();
        let seen = nat
            .outside(udp(&format!("{server} > {outside}")).payload(&data))
            .forwarded();
        assert!(seen.dst == inside && seen.src == server, "{seen:?}");
        let ack = udp(&format!("{inside} > {server}")).payload(&[0, 4, 0, block]);
        let seen = nat.inside(ack).forwarded();
        assert!(seen.src == outside && seen.dst == server, "{seen:?}");
    }
}

/// B2: "install pinhole UDP from S any port to M(I)"; nothing is written anew.
#[test]
fn a_request_opens_a_door_for_any_port_of_its_server() {
    for (request, port) in [(READ, 3445), (WRITE, 1024), (READ, 65535), (WRITE, 69)] {
        let mut nat = Pipe::new(&strict());
        let outside = asks(&mut nat, CLIENT, request);
        assert_eq!(tally(&mut nat, "tftp"), [1, 0, 1, 0, 0, 0]);
        transfers(&mut nat, CLIENT, &outside, &format!("{X}:{port}"));
    }
}

/// Without its gateway nothing comes back: what the other tests see is its doing.
#[test]
fn without_the_gateway_no_answer_comes_in() {
    let mut nat = Pipe::new(&strict().top("alg: { tftp: off }"));
    assert_eq!(row(&mut nat, "tftp")["enabled"], false);
    let outside = asks(&mut nat, CLIENT, READ);
    not_admitted(nat.outside(udp(&format!("{X}:3445 > {outside}"))));
}

/// DESIGN 7.4.
#[test]
fn an_open_door_is_shown() {
    let mut nat = Pipe::new(&strict());
    let outside = asks(&mut nat, CLIENT, READ);
    let shown = door(&mut nat);
    for (key, value) in [
        ("protocol", "udp"),
        ("outside", outside.as_str()),
        ("inside", CLIENT),
        ("origin", "tftp"),
    ] {
        assert_eq!(shown[key], value, "{key} of {shown}");
    }
    assert!(shown["remote"].as_str().unwrap().starts_with(X), "{shown}");
    assert_eq!(shown["uses"], 1);
    let row = translation(&mut nat, CLIENT, "192.0.2.1:69").unwrap();
    assert_eq!(row["alg"], "tftp");
    nat.outside(udp(&format!("{X}:3445 > {outside}")))
        .forwarded();
    assert_eq!(nat.show("doors").len(), 0);
    assert!(translation(&mut nat, CLIENT, "192.0.2.1:3445").is_some());
    assert_eq!(tally(&mut nat, "tftp"), [1, 0, 1, 1, 0, 0]);
}

/// B2: "first packet fixes the remote port"; other hosts have no business there at all.
#[test]
fn the_first_answer_is_the_only_one() {
    let mut nat = Pipe::new(&strict());
    let outside = asks(&mut nat, CLIENT, READ);
    not_admitted(nat.outside(udp(&format!("{Y}:3445 > {outside}"))));
    transfers(&mut nat, CLIENT, &outside, &format!("{X}:3445"));
    not_admitted(nat.outside(udp(&format!("{X}:3446 > {outside}"))));
    not_admitted(nat.outside(udp(&format!("{Y}:3445 > {outside}"))));
    transfers(&mut nat, CLIENT, &outside, &format!("{X}:3445"));
}

/// RFC 1350 section 4: a request that gets no answer is sent again.
#[test]
fn a_request_sent_again_renews_its_door() {
    let mut nat = Pipe::new(&strict());
    let outside = asks(&mut nat, CLIENT, READ);
    nat.wait(40.0);
    assert_eq!(asks(&mut nat, CLIENT, READ), outside);
    assert_eq!(nat.show("doors").len(), 1);
    nat.wait(40.0);
    transfers(&mut nat, CLIENT, &outside, &format!("{X}:3445"));
}

/// The next file from the same port of the client.
#[test]
fn the_next_request_opens_the_next_door() {
    let mut nat = Pipe::new(&strict());
    for port in 3000..3010 {
        let outside = asks(&mut nat, CLIENT, READ);
        transfers(&mut nat, CLIENT, &outside, &format!("{X}:{port}"));
    }
    assert_eq!(tally(&mut nat, "tftp"), [10, 0, 10, 10, 0, 0]);
}

/// B2: "lifetime 30-60 s".
#[test]
fn a_door_that_nobody_uses_shuts_by_itself() {
    let mut nat = Pipe::new(&strict());
    let outside = asks(&mut nat, CLIENT, READ);
    run_until(&mut nat, 60.0 + 2.0 * GRAIN);
    assert_eq!(nat.show("doors").len(), 0);
    not_admitted(nat.outside(udp(&format!("{X}:3445 > {outside}"))));
}

/// The transfer outlives the request by far; what was asked for may take hours.
#[test]
fn a_long_transfer_goes_on() {
    let mut nat = Pipe::new(&strict());
    let outside = asks(&mut nat, CLIENT, READ);
    for _ in 0..20 {
        transfers(&mut nat, CLIENT, &outside, &format!("{X}:3445"));
        nat.wait(60.0);
    }
}

#[test]
fn two_hosts_use_the_same_port() {
    let mut nat = Pipe::new(&strict().pool("prefixes", "[203.0.113.4/32]"));
    let outside = [A, B].map(|host| asks(&mut nat, &format!("{host}:50000"), READ));
    assert_ne!(outside[0], outside[1]);
    for (host, outside) in [A, B].iter().zip(&outside) {
        transfers(
            &mut nat,
            &format!("{host}:50000"),
            outside,
            &format!("{X}:3445"),
        );
    }
}

/// Under a mapping that depends on the remote, the door is where the server saw the request
/// come from: it knows no other place.
#[test]
fn mappings_by_remote_get_their_answer() {
    for mapping in ["address-dependent", "address-and-port-dependent"] {
        let mut nat = Pipe::new(&strict().rule("mapping", mapping));
        let outside = asks(&mut nat, CLIENT, READ);
        assert_eq!(door(&mut nat)["outside"], outside.as_str(), "{mapping}");
        transfers(&mut nat, CLIENT, &outside, &format!("{X}:3445"));
    }
}

/// A server inside, asked by the address it has outside (RFC 4787 REQ-9).
#[test]
fn a_server_inside_is_reached_by_its_outside_address() {
    let config = strict().fixed("inside: 10.64.0.10, outside: 203.0.113.14");
    let mut nat = Pipe::new(&config);
    let request = udp(&format!("{CLIENT} > 203.0.113.14:69")).payload(READ);
    let seen = nat.inside(request).hairpinned();
    assert!(seen.dst == "10.64.0.10:69", "{seen:?}");
    let client = seen.src.to_string();
    assert!(client.starts_with("203.0.113."), "{client}");
    for block in 1..=5_u8 {
        let data = udp(&format!("10.64.0.10:3445 > {client}")).payload(&[0, 3, 0, block, 7]);
        let seen = nat.inside(data).hairpinned();
        assert!(
            seen.src == "203.0.113.14:3445" && seen.dst == CLIENT,
            "{seen:?}"
        );
        let ack = udp(&format!("{CLIENT} > 203.0.113.14:3445")).payload(&[0, 4, 0, block]);
        let seen = nat.inside(ack).hairpinned();
        assert!(
            seen.src == client.as_str() && seen.dst == "10.64.0.10:3445",
            "{seen:?}"
        );
    }
    assert_eq!(tally(&mut nat, "tftp")[3], 1);
}

/// A client outside, a server inside: its answer is an ordinary flow from inside.
#[test]
fn a_server_inside_answers_the_outside() {
    let config = strict().fixed("inside: 10.64.0.10, outside: 203.0.113.14");
    let mut nat = Pipe::new(&config);
    let request = udp(&format!("{X}:50000 > 203.0.113.14:69")).payload(READ);
    let seen = nat.outside(request).forwarded();
    assert!(seen.dst == "10.64.0.10:69", "{seen:?}");
    let answer = udp(&format!("10.64.0.10:3445 > {X}:50000")).payload(&[0, 3, 0, 1, 7]);
    let seen = nat.inside(answer).forwarded();
    assert!(seen.src == "203.0.113.14:3445", "{seen:?}");
    assert_eq!(nat.show("doors").len(), 0);
}

/// G2; B2: "restrict to payloads that parse".
#[test]
fn what_is_no_request_opens_nothing_and_passes() {
    for payload in [
        &b"\0\x01f\0octets\0"[..],
        b"\0\x03\0\x01data",
        b"\0\x05\0\x01no such file\0",
        b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\0\0\x01\0\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
    ] {
        let mut nat = Pipe::new(&strict());
        let outside = asks(&mut nat, CLIENT, payload);
        assert_eq!(nat.show("doors").len(), 0, "{}", payload.escape_ascii());
        let answer = udp(&format!("{X}:69 > {outside}")).payload(payload);
        nat.outside(answer).forwarded();
        not_admitted(nat.outside(udp(&format!("{X}:3445 > {outside}"))));
        let [messages, rewritten, opened, _, bypassed, _] = tally(&mut nat, "tftp");
        assert_eq!(
            (messages, rewritten, opened, bypassed),
            (0, 0, 0, 1),
            "{}",
            payload.escape_ascii()
        );
    }
}

/// G1: other ports, off in a rule, shadow.
#[test]
fn it_follows_the_configuration() {
    let mut nat = Pipe::new(&strict().top("alg: { tftp: { ports: [6969] } }"));
    asks(&mut nat, CLIENT, READ);
    assert_eq!(nat.show("doors").len(), 0);
    asks_at(&mut nat, "10.64.0.7:50001", &format!("{X}:6969"), READ);
    assert_eq!(door(&mut nat)["inside"], "10.64.0.7:50001");

    let mut nat = Pipe::new(&strict().rule("alg", "{ tftp: off }"));
    asks(&mut nat, CLIENT, READ);
    assert_eq!(nat.show("doors").len(), 0);

    let mut nat = Pipe::new(&strict().top("alg: { tftp: { mode: shadow } }"));
    let outside = asks(&mut nat, CLIENT, READ);
    assert_eq!(nat.show("doors").len(), 0);
    not_admitted(nat.outside(udp(&format!("{X}:3445 > {outside}"))));
    assert_eq!(tally(&mut nat, "tftp"), [1, 0, 0, 0, 0, 0]);
}

/// A datagram in pieces is read once all are there, and arrives.
#[test]
fn a_request_in_fragments_is_a_request() {
    let mut nat = Pipe::new(&strict());
    let long = [&b"\0\x01"[..], &[b'f'; 400], b"\0octet\0"].concat();
    let pieces = udp(&format!("{CLIENT} > {X}:69"))
        .payload(&long)
        .fragments(&[64, 128]);
    let left = in_pieces(&mut nat, &pieces);
    assert_eq!(left.payload, long);
    transfers(
        &mut nat,
        CLIENT,
        &left.src.to_string(),
        &format!("{X}:3445"),
    );
}

/// A request to one server opens nothing for the address of another, even of the same client.
#[test]
fn each_server_has_its_own_door() {
    let mut nat = Pipe::new(&strict());
    let outside = asks(&mut nat, CLIENT, READ);
    assert_eq!(asks_at(&mut nat, CLIENT, &format!("{Y}:69"), READ), outside);
    assert_eq!(nat.show("doors").len(), 2);
    transfers(&mut nat, CLIENT, &outside, &format!("{Y}:3445"));
    not_admitted(nat.outside(udp(&format!("{Y}:3446 > {outside}"))));
    transfers(&mut nat, CLIENT, &outside, &format!("{X}:3447"));
}

/// Closed with its parent: cleared translations take the door along.
#[test]
fn doors_close_with_their_parent() {
    let mut nat = Pipe::new(&strict());
    let outside = asks(&mut nat, CLIENT, READ);
    assert_eq!(nat.clear("translations"), 1);
    assert_eq!(nat.show("doors").len(), 0);
    nat.outside(udp(&format!("{X}:3445 > {outside}")))
        .dropped(Counter::DropNoMapping);
}

/// The usual subscriber's outside address is one, whatever it asks for.
#[test]
fn answers_come_to_the_paired_address() {
    let mut nat = Pipe::new(&Config::new());
    let before = udp_endpoint(&mut nat, "10.64.0.7:4000", "192.0.2.1:7000");
    let outside = asks(&mut nat, CLIENT, READ);
    assert_eq!(before.ip().to_string(), address(&outside));
}
