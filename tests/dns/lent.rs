//! Hosts that are lent a whole address (B3, row "A answer": "if none, ask NAT for a temporary
//! binding and start the hold-out timer; if impossible delete the RR").

use base::Counter;
use testkit::udp;
use tests::{GRAIN, Pipe, kept_out};

use crate::message::{A, Message, PTR, reverse};
use crate::{
    SERVER, answered_from_inside, asked_from_outside, counted, lending, read_addresses, said,
};

fn answer(addresses: &[&str]) -> Message {
    let empty = Message::answer(7, "www.example.org", A);
    addresses.iter().fold(empty, |message, address| {
        message.address("www.example.org", address)
    })
}

/// The name server tells these; what the client outside hears.
#[track_caller]
fn told(nat: &mut Pipe, addresses: &[&str]) -> Vec<u8> {
    asked_from_outside(nat, &Message::query(7, "www.example.org", A));
    answered_from_inside(nat, &answer(addresses))
}

#[test]
fn a_host_that_is_asked_for_is_lent_an_address() {
    let mut nat = Pipe::new(&lending().rule("filtering", "endpoint-independent"));
    let address = read_addresses(&told(&mut nat, &["10.64.0.7"])).remove(0);
    assert!(address.starts_with("203.0.113."), "{address}");
    let doors = nat.show("doors");
    assert_eq!(doors[0]["outside"], address.as_str());
    assert_eq!(
        (doors[0]["inside"].as_str(), doors[0]["origin"].as_str()),
        (Some("10.64.0.7"), Some("dns"))
    );
    // Whoever heard of it comes in, and the host leaves by it.
    let seen = nat
        .outside(udp(&format!("192.0.2.1:7000 > {address}:80")))
        .forwarded();
    assert!(seen.dst == "10.64.0.7:80");
    let out = nat.inside(udp("10.64.0.7:4000 > 192.0.2.9:53")).forwarded();
    assert_eq!(out.src.ip().to_string(), address);
    // It is told the same again.
    assert_eq!(read_addresses(&told(&mut nat, &["10.64.0.7"])), [address]);
    assert_eq!(counted(&mut nat, "doors_opened"), 1);
}

/// B0: the hold-out is two minutes, renewed by each lookup.
#[test]
fn the_address_goes_back_when_nobody_comes() {
    let mut nat = Pipe::new(&lending());
    let address = read_addresses(&told(&mut nat, &["10.64.0.7"])).remove(0);
    nat.at(100.0);
    told(&mut nat, &["10.64.0.7"]);
    nat.at(220.0 - GRAIN);
    assert_eq!(nat.show("doors").len(), 1);
    nat.at(220.0 + GRAIN);
    assert_eq!(nat.show("doors").len(), 0);
    kept_out(&nat.outside(udp(&format!("192.0.2.1:7000 > {address}:80"))));
    nat.at(1000.0);
    assert!(nat.show("subscribers").is_empty());
    let dynamic: Vec<_> = nat
        .show("mappings")
        .into_iter()
        .filter(|row| row["kind"] != "static")
        .collect();
    assert!(dynamic.is_empty(), "{dynamic:?}");
}

/// "if impossible delete the RR and decrement the count"; and asking uses up no pool: of its four
/// addresses two are lent by names.
#[test]
fn records_of_hosts_that_cannot_be_lent_one_are_left_out() {
    let mut nat = Pipe::new(&lending());
    let hosts = ["10.64.0.7", "10.64.0.8", "10.64.0.9", "10.64.0.11"];
    let got = told(&mut nat, &hosts);
    let addresses = read_addresses(&got);
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    assert!(
        addresses
            .iter()
            .all(|address| address.starts_with("203.0.113."))
    );
    // Hosts that send something themselves have the rest.
    for host in ["10.64.0.9", "10.64.0.11"] {
        nat.inside(udp(&format!("{host}:4000 > 192.0.2.9:7000")))
            .forwarded();
    }
    assert_eq!(read_addresses(&told(&mut nat, &hosts)).len(), 4);
}

/// Row "TTL": "set 0 for dynamic ones, on the whole `RRset`", where that is asked for (P12).
#[test]
fn times_to_live_are_reset_where_that_is_configured() {
    let times = |got: &[u8]| -> Vec<bool> {
        said(got)[1..]
            .iter()
            .map(|line| line.contains("[0]"))
            .collect()
    };
    let mut nat = Pipe::new(&lending());
    assert_eq!(
        times(&told(&mut nat, &["10.64.0.7", "192.0.2.9"])),
        [false, false]
    );
    let mut nat = Pipe::new(&lending().top("alg: { dns: { reset_ttl: true } }"));
    assert_eq!(
        times(&told(&mut nat, &["10.64.0.7", "192.0.2.9"])),
        [true, true]
    );
    assert_eq!(
        times(&told(&mut nat, &["10.64.0.10", "192.0.2.9"])),
        [false, false]
    );
}

/// What a name was lent for is others' by the time of the answer, which would tell a stranger of
/// an inside address.
#[test]
fn an_answer_with_the_name_of_an_address_that_has_gone_back_is_withheld() {
    let mut nat = Pipe::new(&lending().timeout("udp_dns", "300s"));
    let address = read_addresses(&told(&mut nat, &["10.64.0.7"])).remove(0);
    asked_from_outside(&mut nat, &Message::query(9, &reverse(&address), PTR));
    nat.at(130.0);
    for host in ["10.64.0.8", "10.64.0.9"] {
        told(&mut nat, &[host]);
    }
    let name = reverse("10.64.0.7");
    let late = Message::answer(9, &name, PTR).target(1, &name, PTR, &[], "www.example.org");
    let packet = udp(&format!("{SERVER}:53 > 192.0.2.1:5353")).payload(&late.bytes());
    nat.inside(packet).dropped(Counter::DropDnsUnbound);
}
