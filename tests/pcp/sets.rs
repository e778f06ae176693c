//! `PORT_SET` (RFC 7753).

use tests::Pipe;

use crate::client::{UDP, ask, code, map, refused};
use crate::{does_not_reach, reaches, served, with};

/// RFC 7753 section 4: consecutive ports, the first of them where MAP says it.
#[test]
fn a_set_is_of_consecutive_ports() {
    let mut nat = Pipe::new(&served());
    let answer = ask(&mut nat, &map(UDP, 5000, 600).port_set(4, false));
    let first = answer.port();
    assert_eq!(
        answer.options(),
        [130, 0, 0, 5, 0, 4, 0x13, 0x88, 0, 0, 0, 0]
    );
    let address = answer.outside().split(':').next().unwrap().to_string();
    for nth in 0..4 {
        let outside = format!("{address}:{}", first + nth);
        reaches(&mut nat, &outside, &format!("10.64.0.7:{}", 5000 + nth));
    }
    assert_eq!(nat.show("mappings").len(), 4);
}

/// RFC 7753 section 5: prolonged and deleted as one.
#[test]
fn a_set_lives_and_ends_as_one() {
    let mut nat = Pipe::new(&served());
    let answer = ask(&mut nat, &map(UDP, 5000, 600).port_set(4, false));
    let last = format!("{}", answer.port() + 3);
    let outside = answer.outside().replace(&answer.port().to_string(), &last);
    nat.wait(500.0);
    let again = ask(&mut nat, &map(UDP, 5000, 900).port_set(4, false));
    assert_eq!((again.outside(), again.options()[5]), (answer.outside(), 4));
    nat.wait(800.0);
    reaches(&mut nat, &outside, "10.64.0.7:5003");
    ask(&mut nat, &map(UDP, 5000, 0).port_set(4, false));
    does_not_reach(&mut nat, "192.0.2.1:9", &outside);
    assert!(nat.show("mappings").is_empty());
}

/// RFC 7753 section 4: fewer than were asked for; one alone is no set.
#[test]
fn a_set_is_as_large_as_can_be() {
    let mut nat = Pipe::new(&with("max_mappings: 3"));
    let answer = ask(&mut nat, &map(UDP, 5000, 600).port_set(8, false));
    assert_eq!(answer.options()[5], 3);
    let mut nat = Pipe::new(&with("max_mappings: 1"));
    let answer = ask(&mut nat, &map(UDP, 5000, 600).port_set(8, false));
    assert_eq!((answer.code, answer.options()), (code::SUCCESS, &[][..]));
}

/// RFC 7753 section 4.1, RFC 7857 section 8.
#[test]
fn the_parity_of_the_first_port_can_be_asked_for() {
    let mut nat = Pipe::new(&served().rule("parity", "false"));
    for port in (5001..5041).step_by(4) {
        let answer = ask(&mut nat, &map(UDP, port, 600).port_set(2, true));
        assert_eq!(answer.port() % 2, 1, "{answer:?}");
    }
}

/// RFC 7753 section 4.
#[test]
fn a_set_that_cannot_be_is_refused() {
    let mut nat = Pipe::new(&served());
    let usual = || map(UDP, 5000, 600).suggest("203.0.113.1:4000");
    for request in [
        usual().port_set(0, false),
        usual().port_set(2, false).port_set(2, false),
        usual().port_set(2, false).prefer_failure(),
    ] {
        refused(&mut nat, &request, code::MALFORMED_OPTION);
    }
}
