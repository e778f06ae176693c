//! FILTER (RFC 6887 section 13.3).

use tests::Pipe;

use crate::client::{UDP, announce, ask, code, map, peer, refused};
use crate::{does_not_reach, served, to};

/// RFC 6887 section 13.3: they add up, and prefix 0 takes all away.
#[test]
fn only_who_a_filter_names_comes_in() {
    let mut nat = Pipe::new(&served());
    let filtered = map(UDP, 5000, 600).filter(128, "192.0.2.1:0");
    let answer = ask(&mut nat, &filtered);
    assert_eq!(answer.options(), &filtered.bytes[60..]);
    let outside = answer.outside();
    nat.outside(to("192.0.2.1:9", &outside)).forwarded();
    does_not_reach(&mut nat, "192.0.2.9:9", &outside);
    ask(
        &mut nat,
        &map(UDP, 5000, 600).filter(120, "198.51.100.0:53"),
    );
    nat.outside(to("192.0.2.1:10", &outside)).forwarded();
    nat.outside(to("198.51.100.77:53", &outside)).forwarded();
    does_not_reach(&mut nat, "198.51.100.77:54", &outside);
    // Without a word of filters they stay.
    ask(&mut nat, &map(UDP, 5000, 600));
    does_not_reach(&mut nat, "192.0.2.9:9", &outside);
    ask(&mut nat, &map(UDP, 5000, 600).filter(0, "0.0.0.0:0"));
    nat.outside(to("192.0.2.9:9", &outside)).forwarded();
}

/// Others take the place of those there were.
#[test]
fn filters_are_replaced_in_one_request() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 600).filter(128, "192.0.2.1:0")).outside();
    let other = map(UDP, 5000, 600)
        .filter(0, "0.0.0.0:0")
        .filter(128, "192.0.2.9:0");
    ask(&mut nat, &other);
    does_not_reach(&mut nat, "192.0.2.1:9", &outside);
    nat.outside(to("192.0.2.9:9", &outside)).forwarded();
}

/// Who has come in unanswered before is kept out from then on.
#[test]
fn a_filter_is_for_those_too_who_came_before() {
    let mut nat = Pipe::new(&served());
    let outside = ask(&mut nat, &map(UDP, 5000, 600)).outside();
    let answered = nat.outside(to("192.0.2.7:9", &outside)).forwarded();
    nat.inside(answered.reply()).forwarded();
    nat.outside(to("192.0.2.9:9", &outside)).forwarded();
    ask(&mut nat, &map(UDP, 5000, 600).filter(128, "192.0.2.1:0"));
    does_not_reach(&mut nat, "192.0.2.9:9", &outside);
    // With whom the host speaks, it goes on speaking.
    nat.outside(to("192.0.2.7:9", &outside)).forwarded();
}

/// RFC 6887 section 13.3: not by the port of a mapping that lets everybody in by its rule.
#[test]
fn a_filter_is_stricter_than_the_rule() {
    let config = served().rule("filtering", "endpoint-independent");
    let mut nat = Pipe::new(&config);
    let outside = ask(&mut nat, &map(UDP, 5000, 600).filter(128, "192.0.2.1:0")).outside();
    does_not_reach(&mut nat, "192.0.2.9:9", &outside);
}

/// RFC 6887 section 13.3: no change at all.
#[test]
fn more_filters_than_there_is_room_for_are_refused() {
    let mut nat = Pipe::new(&served());
    let mut request = map(UDP, 5000, 600);
    for host in 1..=8 {
        request = request.filter(128, &format!("192.0.2.{host}:0"));
    }
    let outside = ask(&mut nat, &request).outside();
    let more = map(UDP, 5000, 900).filter(128, "192.0.2.99:0");
    let answer = refused(&mut nat, &more, code::EXCESSIVE_REMOTE_PEERS);
    assert_eq!(answer.lifetime, 1800);
    does_not_reach(&mut nat, "192.0.2.99:9", &outside);
    nat.outside(to("192.0.2.8:9", &outside)).forwarded();
    // The same again is none more.
    ask(&mut nat, &map(UDP, 5000, 600).filter(128, "192.0.2.8:0")).outside();
}

/// RFC 6887 section 13.3.
#[test]
fn filters_that_cannot_be_are_refused() {
    let mut nat = Pipe::new(&served());
    for request in [
        map(UDP, 5000, 600).filter(95, "192.0.2.1:0"),
        map(UDP, 5000, 600).filter(129, "192.0.2.1:0"),
        map(UDP, 5000, 0).filter(128, "192.0.2.1:0"),
        map(UDP, 5000, 600).option(3, &[0; 16]),
    ] {
        refused(&mut nat, &request, code::MALFORMED_OPTION);
    }
    let of_peer = peer(UDP, 5000, 600, "192.0.2.1:7").filter(128, "192.0.2.1:0");
    refused(&mut nat, &of_peer, code::UNSUPP_OPTION);
    refused(
        &mut nat,
        &announce().filter(128, "192.0.2.1:0"),
        code::UNSUPP_OPTION,
    );
}
