//! Answers to pings that no translation concerns. `action: pass` forwards
//! untouched, and an echo reply is no exception.

use testkit::{Packet, reassemble};
use tests::{Config, Pipe, pieces, send_pieces};

use crate::{one_source, stream, there_and_back};

/// A host that is not translated.
fn pipe() -> Pipe {
    let config = Config::new().rule_before("name: direct, source: 10.64.0.8/32, action: pass");
    Pipe::new(&config)
}

/// Peer scenario: nat44-ed and nat44-ei, forwarding, of pings from inside.
#[test]
fn an_untranslated_host_hears_the_answer_to_its_ping() {
    let mut nat = pipe();
    let packets = stream("10.64.0.8", "192.0.2.1");
    let left = there_and_back(&mut nat, ["inside", "outside"], &packets);
    assert_eq!(one_source(&left), "10.64.0.8");
}

/// Peer scenario: nat44-ed and nat44-ei, forwarding, of pings from outside.
#[test]
fn an_untranslated_host_answers_a_ping() {
    let mut nat = pipe();
    let packets = stream("192.0.2.1", "10.64.0.8");
    let left = there_and_back(&mut nat, ["outside", "inside"], &packets);
    assert_eq!(one_source(&left), "192.0.2.1");
}

/// Peer scenario: nat44-ei, several inside interfaces, of pings between them.
#[test]
fn hosts_on_two_inside_interfaces_ping_each_other() {
    let config = Config::new()
        .add_interface("name: lan2, device: \"net_null2\", addresses: [10.65.0.1/16]")
        .rule("inside", "[inside, lan2]")
        .rule("source", "[10.64.0.0/16, 10.65.0.0/16]");
    let mut nat = Pipe::new(&config);
    nat.learn("lan2", "10.65.0.7", "10.65.0.1", &[]);
    let packets = stream("10.64.0.7", "10.65.0.7");
    let left = there_and_back(&mut nat, ["inside", "lan2"], &packets);
    assert_eq!(one_source(&left), "10.64.0.7");
}

/// Peer scenario: nat44-ed, fragments not translated, of the answer to a ping.
#[test]
fn the_pieces_of_an_echo_reply_pass() {
    let mut nat = pipe();
    let whole = |nat: &mut Pipe, from: &str, packet: Packet| {
        let left = send_pieces(nat, from, &pieces(packet.id(9)), &[2, 0, 1]);
        reassemble(&left).unwrap()
    };
    let [_, _, ping] = stream("10.64.0.8", "192.0.2.1");
    let out = whole(&mut nat, "inside", ping);
    let back = whole(&mut nat, "outside", out.reply());
    assert!(back.src == "192.0.2.1" && back.dst == "10.64.0.8:6305");
}
