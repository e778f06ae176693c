//! What becomes of doors: shown, used once, closed in time and with their parent (REQUIREMENTS
//! G3; DESIGN 7.4).

use base::Counter;
use testkit::flags;
use tests::{GRAIN, Pipe, X, kept_out, run_until};

use super::{announces, control};
use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{door, knocks, not_admitted, strict, tally, translation};

const LINE: &str = "PORT 10,64,0,7,19,137\r\n";

#[test]
fn an_open_door_is_shown() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    assert_eq!(nat.show("doors").len(), 0);
    let outside = announces(&mut nat, &mut talk, Inside, LINE);
    let shown = door(&mut nat);
    for (key, value) in [
        ("protocol", "tcp"),
        ("vrf", "default"),
        ("outside", outside.as_str()),
        ("inside", "10.64.0.7:5001"),
        ("origin", "ftp"),
    ] {
        assert_eq!(shown[key], value, "{key} of {shown}");
    }
    let remote = shown["remote"].as_str().unwrap();
    assert!(remote.starts_with("192.0.2.1"), "{shown}");
    assert_eq!(shown["uses"], 1, "{shown}");
    let expires = shown["expires"].as_f64().unwrap();
    assert!(expires > 30.0 && expires <= 60.0 + GRAIN, "{shown}");
    nat.wait(10.0);
    let later = door(&mut nat)["expires"].as_f64().unwrap();
    assert!(
        (expires - later - 10.0).abs() < GRAIN,
        "{expires} became {later}"
    );
}

/// G3: "its first packet promotes it to a session in the session table and removes the door".
#[test]
fn the_first_packet_makes_it_a_translation() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let outside = announces(&mut nat, &mut talk, Inside, LINE);
    let parent = translation(&mut nat, "10.64.0.7:40000", "192.0.2.1:21").unwrap();
    assert_eq!(parent["alg"], "ftp");
    assert!(translation(&mut nat, "10.64.0.7:5001", "192.0.2.1:20").is_none());
    Talk::come(&mut nat, &format!("{X}:20"), &outside);
    assert_eq!(nat.show("doors").len(), 0);
    let data = translation(&mut nat, "10.64.0.7:5001", "192.0.2.1:20").unwrap();
    assert_eq!(data["outside"], outside.as_str());
    let [.., opened, promoted, _, errors] = tally(&mut nat, "ftp");
    assert_eq!((opened, promoted, errors), (1, 1, 0));
}

/// G3: "doors expire", and what was mapped for them alone goes with them.
#[test]
fn a_door_that_nobody_uses_shuts_by_itself() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let outside = announces(&mut nat, &mut talk, Inside, LINE);
    assert_eq!(nat.show("mappings").len(), 2);
    run_until(&mut nat, 60.0 + 2.0 * GRAIN);
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(nat.show("mappings").len(), 1);
    kept_out(&knocks(&mut nat, &format!("{X}:20"), &outside));
    // The control connection has lost nothing.
    talk.says(&mut nat, Outside, b"425 Nobody there.\r\n");
}

/// A client that asks again for the same port has one door, open for longer.
#[test]
fn the_same_announcement_renews_its_door() {
    let mut nat = Pipe::new(&strict());
    let mut talk = control(&mut nat);
    let first = announces(&mut nat, &mut talk, Inside, LINE);
    nat.wait(30.0);
    let second = announces(&mut nat, &mut talk, Inside, LINE);
    assert_eq!(first, second);
    assert!(door(&mut nat)["expires"].as_f64().unwrap() > 45.0);
    Talk::come(&mut nat, &format!("{X}:20"), &first);
}

/// G3: "close with their parent": cleared, reset or closed by both ends.
#[test]
fn doors_close_with_their_parent() {
    let config = strict()
        .timeout("tcp_time_wait", "5s")
        .timeout("tcp_transitory", "5s");
    for end in ["cleared", "reset", "closed"] {
        let mut nat = Pipe::new(&config);
        let mut talk = control(&mut nat);
        let outside = announces(&mut nat, &mut talk, Inside, LINE);
        match end {
            "cleared" => assert_eq!(nat.clear("translations"), 1),
            "reset" => {
                let packet = talk.segment(Inside).flags(flags::RST | flags::ACK);
                crate::through(nat.inside(packet));
            }
            _ => {
                talk.finishes(&mut nat, Inside);
                talk.finishes(&mut nat, Outside);
            }
        }
        let now = nat.now();
        run_until(&mut nat, now + 5.0 + 2.0 * GRAIN);
        assert_eq!(nat.show("doors").len(), 0, "{end}");
        assert_eq!(nat.show("mappings").len(), 0, "{end}");
        not_admitted_or_kept_out(&mut nat, &outside);
    }
}

#[track_caller]
fn not_admitted_or_kept_out(nat: &mut Pipe, outside: &str) {
    let outcome = knocks(nat, &format!("{X}:20"), outside);
    if outcome.verdict == "drop" {
        not_admitted(outcome);
    } else {
        kept_out(&outcome);
    }
}

/// PROTOCOLS B1: "keep it alive as long as a data session exists".
#[test]
fn a_control_connection_lives_as_long_as_its_data_flows() {
    let config = strict().timeout("tcp_established", "300s");
    let mut nat = Pipe::new(&config);
    let mut talk = control(&mut nat);
    let outside = announces(&mut nat, &mut talk, Inside, LINE);
    let mut data = Talk::come(&mut nat, &format!("{X}:20"), &outside);
    for _ in 0..10 {
        nat.wait(100.0);
        data.says(&mut nat, Outside, b"bytes");
        data.says(&mut nat, Inside, b"");
    }
    talk.says(&mut nat, Outside, b"226 Transfer complete.\r\n");
    talk.says(&mut nat, Inside, b"NOOP\r\n");
}

/// Without data it ends as any other: what keeps it is the data and nothing else.
#[test]
fn a_control_connection_without_data_ends_in_time() {
    let config = strict().timeout("tcp_established", "300s");
    let mut nat = Pipe::new(&config);
    let mut talk = control(&mut nat);
    let outside = announces(&mut nat, &mut talk, Inside, LINE);
    let mut data = Talk::come(&mut nat, &format!("{X}:20"), &outside);
    data.says(&mut nat, Outside, b"bytes");
    run_until(&mut nat, 320.0);
    assert_eq!(nat.show("translations").len(), 0);
    let late = nat.outside(talk.segment(Outside).payload(b"226 Transfer complete.\r\n"));
    not_admitted(late);
}

/// A door counts against its host's ports; a command that gets none goes on as it is.
#[test]
fn a_command_without_a_port_to_be_had_stays_as_it_is() {
    let mut nat = Pipe::new(&strict().rule("limits", "{ ports: { tcp: 2 } }"));
    let mut talk = control(&mut nat);
    announces(&mut nat, &mut talk, Inside, LINE);
    talk.says(&mut nat, Inside, b"PORT 10,64,0,7,19,138\r\n");
    talk.says(&mut nat, Outside, b"200 ok\r\n");
    let [_, rewritten, opened, _, bypassed, errors] = tally(&mut nat, "ftp");
    assert_eq!((rewritten, opened, bypassed, errors), (1, 1, 0, 1));
    assert_eq!(door(&mut nat)["inside"], "10.64.0.7:5001");
    nat.forget_counters();
    talk.says(&mut nat, Inside, b"NOOP\r\n");
    nat.expect_counters(&[(Counter::ForwardOutbound, 1)]);
}
