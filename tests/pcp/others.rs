//! `THIRD_PARTY` (RFC 6887 section 13.1).

use base::Counter;
use tests::{A, B, C, Pipe};

use crate::client::{UDP, ask, code, map, map_of, refused};
use crate::{reaches, served, with};

/// RFC 6887 sections 13.1 and 18.1: subscribers ask for themselves.
#[test]
fn a_subscriber_does_not_ask_for_another() {
    let mut nat = Pipe::new(&served());
    let request = map_of(B, UDP, 5000, 600).third_party(A);
    let answer = refused(&mut nat, &request, code::UNSUPP_OPTION);
    assert_eq!(answer.lifetime, 1800);
    assert_eq!(nat.counter(Counter::PcpUnsuppOption), 1);
    let managed = with("third_party: [10.64.0.9/32]");
    refused(&mut Pipe::new(&managed), &request, code::UNSUPP_OPTION);
}

/// RFC 6887 section 13.1: the host that may maps, prolongs and deletes in a subscriber's name.
#[test]
fn a_manager_asks_for_a_subscriber() {
    let mut nat = Pipe::new(&with("third_party: [10.64.0.9/32]"));
    let request = map_of(C, UDP, 5000, 600).third_party(A);
    let answer = ask(&mut nat, &request);
    assert_eq!(answer.options(), &request.bytes[60..]);
    reaches(&mut nat, &answer.outside(), "10.64.0.7:5000");
    let own = ask(&mut nat, &map(UDP, 5000, 900));
    assert_eq!(own.outside(), answer.outside(), "it is the subscriber's");
    let deleted = ask(&mut nat, &map_of(C, UDP, 5000, 0).third_party(A));
    assert_eq!(deleted.code, code::SUCCESS);
    assert_eq!(nat.counter(Counter::PcpDeleted), 1);
}

/// RFC 6887 section 13.1: that is no third party.
#[test]
fn nobody_is_his_own_third_party() {
    let mut nat = Pipe::new(&with("third_party: [10.64.0.9/32]"));
    refused(
        &mut nat,
        &map_of(C, UDP, 5000, 600).third_party(C),
        code::MALFORMED_REQUEST,
    );
    let twice = map_of(C, UDP, 5000, 600).third_party(A).third_party(B);
    refused(&mut nat, &twice, code::MALFORMED_OPTION);
}

/// A manager of some rule's subscribers is none of others'.
#[test]
fn a_manager_asks_for_those_of_its_rule_alone() {
    let config = with("third_party: [10.64.0.9/32]")
        .rule_before("name: others, inside: inside, source: 10.64.0.8/32, pool: public, pcp: {}");
    let mut nat = Pipe::new(&config);
    for host in [B, "10.99.0.1"] {
        let request = map_of(C, UDP, 5000, 600).third_party(host);
        refused(&mut nat, &request, code::NOT_AUTHORIZED);
    }
}
