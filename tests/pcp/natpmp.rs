//! NAT-PMP (RFC 6886), where it is served.

use base::Counter;
use testkit::udp;
use tests::{A, B, OWN_INSIDE, Pipe};

use crate::client::{self, UDP, map_of};
use crate::{does_not_reach, reaches, served, syn, with};

/// Result codes (RFC 6886 section 3.5).
const SUCCESS: u8 = 0;
const NOT_AUTHORIZED: u8 = 2;
const OUT_OF_RESOURCES: u8 = 4;
const UNSUPP_OPCODE: u8 = 5;

const MAP_UDP: u8 = 1;
const MAP_TCP: u8 = 2;

fn serves() -> Pipe {
    Pipe::new(&with("nat_pmp: true, max_mappings: 8"))
}

/// What a host is answered, if it is.
fn say(nat: &mut Pipe, host: &str, request: &[u8]) -> Vec<u8> {
    let packet = udp(&format!("{host}:40000 > {OWN_INSIDE}:5351")).payload(request);
    let left = nat.inside(packet).consumed(Counter::ConsumePcp);
    let [seen] = &left[..] else {
        panic!("not one answer: {left:?}");
    };
    let answer = seen.payload.clone();
    assert_eq!(answer[..3], [0, request[1] | 0x80, 0]);
    answer
}

/// An answer to a request to map: result, inside port, outside port, lifetime.
fn map(
    nat: &mut Pipe,
    host: &str,
    opcode: u8,
    ports: (u16, u16),
    lifetime: u32,
) -> (u8, u16, u16, u32) {
    let mut request = vec![0, opcode, 0, 0];
    request.extend(ports.0.to_be_bytes());
    request.extend(ports.1.to_be_bytes());
    request.extend(lifetime.to_be_bytes());
    let answer = say(nat, host, &request);
    let [_, _, _, code, _, _, _, _, i0, i1, o0, o1, l0, l1, l2, l3] = answer[..] else {
        panic!("not 16 bytes: {answer:?}");
    };
    let pair = |high, low| u16::from_be_bytes([high, low]);
    (
        code,
        pair(i0, i1),
        pair(o0, o1),
        u32::from_be_bytes([l0, l1, l2, l3]),
    )
}

fn address(nat: &mut Pipe, host: &str) -> String {
    let answer = say(nat, host, &[0, 0]);
    assert_eq!((answer.len(), answer[3]), (12, SUCCESS));
    let octets: [u8; 4] = answer[8..].try_into().unwrap();
    std::net::Ipv4Addr::from(octets).to_string()
}

/// RFC 6886 sections 3.2 and 3.3: the port that is granted is at the address that was told before.
#[test]
fn a_port_is_mapped_at_the_address_that_is_told() {
    for config in [
        with("nat_pmp: true"),
        with("nat_pmp: true").pool_without("blocks"),
    ] {
        let mut nat = Pipe::new(&config);
        for host in 7..12 {
            let host = format!("10.64.0.{host}");
            let outside = address(&mut nat, &host);
            let (code, inside, port, lifetime) = map(&mut nat, &host, MAP_UDP, (5000, 0), 600);
            assert_eq!((code, inside, lifetime), (SUCCESS, 5000, 600));
            reaches(
                &mut nat,
                &format!("{outside}:{port}"),
                &format!("{host}:5000"),
            );
            let (_, _, tcp, _) = map(&mut nat, &host, MAP_TCP, (80, 0), 600);
            let seen = syn(&mut nat, "192.0.2.1:9", &format!("{outside}:{tcp}")).forwarded();
            assert_eq!(seen.dst.to_string(), format!("{host}:80"));
            assert_eq!(address(&mut nat, &host), outside);
        }
    }
}

/// Asking for the address opens nothing: whoever has none is kept one by a mapping that lets nobody
/// in, until it is mapped in earnest.
#[test]
fn asking_for_the_address_lets_nobody_in() {
    let mut nat = serves();
    let outside = address(&mut nat, A);
    let rows = nat.show("mappings");
    let held = rows[0]["outside"].as_str().unwrap().to_owned();
    assert_eq!(
        (rows.len(), held.split_once(':').unwrap().0),
        (1, &*outside)
    );
    does_not_reach(&mut nat, "192.0.2.1:9", &held);
    address(&mut nat, A);
    assert_eq!(nat.show("mappings").len(), 1);
    map(&mut nat, A, MAP_UDP, (40000, 0), 600);
    reaches(&mut nat, &held, "10.64.0.7:40000");
}

/// RFC 6886 section 3.3: a suggestion is followed if it can be; renewing finds the same port.
#[test]
fn a_mapping_is_renewed_where_it_is() {
    let config = with("nat_pmp: true")
        .pool("prefixes", "[203.0.113.1/32]")
        .pool_without("blocks");
    let mut nat = Pipe::new(&config);
    assert_eq!(
        map(&mut nat, A, MAP_UDP, (5000, 4000), 600),
        (SUCCESS, 5000, 4000, 600)
    );
    let (_, _, other, _) = map(&mut nat, B, MAP_UDP, (5000, 4000), 600);
    assert_ne!(other, 4000);
    nat.wait(500.0);
    assert_eq!(map(&mut nat, A, MAP_UDP, (5000, 4008), 7200).2, 4000);
    nat.wait(7000.0);
    reaches(&mut nat, "203.0.113.1:4000", "10.64.0.7:5000");
    // RFC 6887 section 15 bounds both alike.
    assert_eq!(map(&mut nat, A, MAP_UDP, (5000, 0), u32::MAX).3, 86_400);
    assert_eq!(map(&mut nat, A, MAP_UDP, (5000, 0), 1).3, 120);
}

/// RFC 6886 section 3.4: one, or all of a protocol; what is not there is no fault.
#[test]
fn mappings_are_deleted_one_by_one_or_all_of_a_protocol() {
    let mut nat = serves();
    let mut ports = Vec::new();
    for port in [5000, 5002, 5004] {
        ports.push(map(&mut nat, A, MAP_UDP, (port, 0), 600).2);
    }
    let (_, _, tcp, _) = map(&mut nat, A, MAP_TCP, (80, 0), 600);
    map(&mut nat, B, MAP_UDP, (5000, 0), 600);
    let outside = address(&mut nat, A);
    let by_pcp = client::ask(&mut nat, &map_of(A, UDP, 6000, 600)).outside();
    for _ in 0..2 {
        assert_eq!(
            map(&mut nat, A, MAP_UDP, (5000, 7), 0),
            (SUCCESS, 5000, 0, 0)
        );
    }
    does_not_reach(&mut nat, "192.0.2.1:9", &format!("{outside}:{}", ports[0]));
    reaches(
        &mut nat,
        &format!("{outside}:{}", ports[1]),
        "10.64.0.7:5002",
    );
    assert_eq!(map(&mut nat, A, MAP_UDP, (0, 0), 0), (SUCCESS, 0, 0, 0));
    assert_eq!(nat.counter(Counter::PcpDeleted), 3);
    does_not_reach(&mut nat, "192.0.2.1:10", &format!("{outside}:{}", ports[2]));
    // Those of TCP, of others, and of PCP stay.
    syn(&mut nat, "192.0.2.1:9", &format!("{outside}:{tcp}")).forwarded();
    reaches(&mut nat, &by_pcp, "10.64.0.7:6000");
    let explicit = |nat: &mut Pipe| {
        let rows = nat.show("mappings");
        rows.iter().filter(|row| row["kind"] == "pcp").count()
    };
    assert_eq!(explicit(&mut nat), 3);
    map(&mut nat, A, MAP_TCP, (0, 0), 0);
    assert_eq!(explicit(&mut nat), 2);
}

/// RFC 6886 section 3.5.
#[test]
fn what_is_not_granted_is_said_by_its_code() {
    let config = with("nat_pmp: true, max_mappings: 2")
        .fixed("protocol: tcp, inside: \"10.64.0.7:80\", outside: \"203.0.113.13:8080\"");
    let mut nat = Pipe::new(&config);
    client::ask(&mut nat, &map_of(A, UDP, 6000, 600)).outside();
    // PCP's has a nonce.
    for lifetime in [0, 600] {
        assert_eq!(
            map(&mut nat, A, MAP_UDP, (6000, 0), lifetime),
            (NOT_AUTHORIZED, 6000, 0, 0)
        );
    }
    assert_eq!(
        map(&mut nat, A, MAP_UDP, (0, 0), 600),
        (NOT_AUTHORIZED, 0, 0, 0)
    );
    assert_eq!(
        map(&mut nat, A, MAP_TCP, (80, 0), 600),
        (SUCCESS, 80, 8080, u32::MAX)
    );
    assert_eq!(
        map(&mut nat, A, MAP_TCP, (80, 0), 0),
        (NOT_AUTHORIZED, 80, 0, 0)
    );
    map(&mut nat, A, MAP_UDP, (5000, 0), 600);
    assert_eq!(
        map(&mut nat, A, MAP_UDP, (5002, 0), 600),
        (OUT_OF_RESOURCES, 5002, 0, 0)
    );
    let unknown = say(&mut nat, A, &[0, 77]);
    assert_eq!((unknown.len(), unknown[3]), (8, UNSUPP_OPCODE));
    assert_eq!(nat.counter(Counter::PcpNotAuthorized), 4);
    assert_eq!(nat.counter(Counter::PcpUserExQuota), 1);
    assert_eq!(nat.counter(Counter::PcpUnsuppOpcode), 1);
}

/// RFC 6886 section 3.6: seconds, from zero on after a loss; as PCP counts them.
#[test]
fn the_epoch_is_that_of_pcp() {
    let mut nat = serves();
    nat.wait(100.0);
    let answer = say(&mut nat, A, &[0, 0]);
    let epoch = u32::from_be_bytes(answer[4..8].try_into().unwrap());
    assert!((100..=101).contains(&epoch), "{epoch}");
    assert_eq!(client::ask(&mut nat, &client::announce()).epoch, epoch);
}

/// RFC 6886 section 3.5: answers and what is cut short; RFC 6887 section 9 where it is not served.
#[test]
fn what_is_no_request_is_ignored() {
    let mut nat = serves();
    for request in [
        &[0][..],
        &[0, 0x80],
        &[0, MAP_UDP, 0, 0, 19, 136, 0, 0, 0, 0, 2],
    ] {
        let packet = udp(&format!("{A}:40000 > {OWN_INSIDE}:5351")).payload(request);
        nat.inside(packet).dropped(Counter::DropPcp);
    }
    assert!(nat.show("mappings").is_empty());
    let request = client::announce().set(0, 0);
    let answer = client::ask(&mut Pipe::new(&served()), &request);
    assert_eq!(answer.code, client::code::UNSUPP_VERSION);
}
