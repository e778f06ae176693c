//! Twice NAT: names lead to the address by which the inside knows a partner.

use testkit::{tcp, udp};
use tests::{Config, GRAIN, Pipe};

use crate::message::{A, Message, PTR, reverse};
use crate::{answered_from_outside, asked_from_inside, counted, read_addresses, said};

/// Partners are 198.18.0.0/24 outside, and known inside by four addresses.
fn config() -> Config {
    Config::new()
        .add_pool("name: partners, prefixes: [10.99.0.0/30]")
        .nat("outside_source: [ { source: 198.18.0.0/24, pool: partners } ]")
}

/// A asks for a partner; the address it is told.
#[track_caller]
fn told(nat: &mut Pipe, partner: &str) -> String {
    let (outside, _) = asked_from_inside(nat, &Message::query(7, "www.partner.example", A));
    let answer =
        Message::answer(7, "www.partner.example", A).address("www.partner.example", partner);
    read_addresses(&answered_from_outside(nat, outside, &answer)).remove(0)
}

#[test]
fn an_inside_host_is_told_the_address_by_which_it_reaches_the_partner() {
    let mut nat = Pipe::new(&config());
    let known = told(&mut nat, "198.18.0.1");
    assert!(known.starts_with("10.99.0."), "{known}");
    let out = nat
        .inside(tcp(&format!("10.64.0.7:6000 > {known}:80")).syn())
        .forwarded();
    assert!(out.dst == "198.18.0.1:80", "{out:?}");
    let back = nat.outside(out.reply().syn_ack().seq(9)).forwarded();
    assert!(back.src == format!("{known}:80").as_str(), "{back:?}");
    assert_eq!(told(&mut nat, "198.18.0.1"), known);
    // Others are told as they are.
    assert_eq!(told(&mut nat, "192.0.2.9"), "192.0.2.9");
    assert_eq!(counted(&mut nat, "errors"), 0);
}

/// A partner that has come by itself is the same one.
#[test]
fn a_partner_that_is_known_keeps_its_address() {
    let mut nat = Pipe::new(&config());
    let outside = nat
        .inside(udp("10.64.0.7:5000 > 192.0.2.9:7000"))
        .forwarded()
        .src;
    let seen = nat
        .outside(udp(&format!("198.18.0.1:7000 > {outside}")))
        .forwarded();
    assert_eq!(told(&mut nat, "198.18.0.1"), seen.src.ip().to_string());
}

/// Both directions of a name: A asks who 10.99.0.x is.
#[test]
fn the_name_of_a_partner_is_asked_for_by_its_real_address() {
    let mut nat = Pipe::new(&config());
    let known = told(&mut nat, "198.18.0.1");
    let query = |address: &str| Message::query(8, &reverse(address), PTR);
    let answer = |address: &str| {
        let name = reverse(address);
        Message::answer(8, &name, PTR).target(1, &name, PTR, &[], "www.partner.example")
    };
    let (outside, sent) = asked_from_inside(&mut nat, &query(&known));
    assert_eq!(said(&sent), said(&query("198.18.0.1").bytes()));
    let got = answered_from_outside(&mut nat, outside, &answer("198.18.0.1"));
    assert_eq!(said(&got), said(&answer(&known).bytes()));
}

#[test]
fn addresses_of_partners_are_bounded_and_given_back() {
    let mut nat = Pipe::new(&config());
    let (outside, _) = asked_from_inside(&mut nat, &Message::query(7, "a.example", A));
    let answer = (1..=4).fold(Message::answer(7, "a.example", A), |message, nth| {
        message.address("a.example", &format!("198.18.0.{nth}"))
    });
    let got = answered_from_outside(&mut nat, outside, &answer);
    assert_eq!(read_addresses(&got).len(), 2);
    nat.at(120.0 + GRAIN);
    assert_eq!(nat.show("doors").len(), 0);
    told(&mut nat, "198.18.0.9");
    nat.at(1500.0);
    assert_eq!(nat.show("mappings").len(), 0);
    assert_eq!(nat.show("subscribers").len(), 0);
}
