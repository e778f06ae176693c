//! Switched off, moved to another port, per rule, in its shadow (REQUIREMENTS G1).

use tests::{A, B, Config, Pipe, X, kept_out, tcp_endpoint};

use super::log_in;
use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;
use crate::{knocks, row, strict, tally};

/// What a control connection of `host` to a server's port makes of a `PORT` command: whether it
/// is read.
#[track_caller]
fn is_read(nat: &mut Pipe, host: &str, port: u16) -> bool {
    let mut talk = Talk::open(nat, &format!("{host}:40000"), &format!("{X}:{port}"));
    log_in(nat, &mut talk);
    let line = format!("PORT {},19,137\r\n", host.replace('.', ","));
    let seen = talk.sends(nat, Inside, line.as_bytes());
    talk.says(nat, Outside, b"200 ok\r\n");
    seen.payload != line.as_bytes()
}

/// G1: on by default.
#[test]
fn it_is_on_unless_said() {
    let mut nat = Pipe::new(&strict());
    let shown = row(&mut nat, "ftp");
    assert_eq!(shown["enabled"], true);
    assert_eq!(shown["ports"], serde_json::json!([21]));
    assert!(is_read(&mut nat, A, 21));
    assert!(!is_read(&mut nat, B, 2121));
}

/// DESIGN 7.2: "off as `off`, `false` or `{enabled: false}`".
#[test]
fn it_can_be_off() {
    for off in ["off", "false", "{ enabled: false }"] {
        let mut nat = Pipe::new(&strict().top(&format!("alg: {{ ftp: {off} }}")));
        assert_eq!(row(&mut nat, "ftp")["enabled"], false);
        assert!(!is_read(&mut nat, A, 21));
        assert_eq!(nat.show("doors").len(), 0);
        assert_eq!(tally(&mut nat, "ftp"), [0; 6]);
    }
}

/// G1: "a port may be moved".
#[test]
fn it_can_be_on_other_ports() {
    let mut nat = Pipe::new(&strict().top("alg: { ftp: { ports: [2121, 8021] } }"));
    assert_eq!(
        row(&mut nat, "ftp")["ports"],
        serde_json::json!([2121, 8021])
    );
    assert!(is_read(&mut nat, A, 2121));
    assert!(is_read(&mut nat, "10.64.0.9", 8021));
    assert!(!is_read(&mut nat, B, 21));
}

/// DESIGN 7.2: "`alg` in a rule overrides it".
#[test]
fn a_rule_decides_for_its_subscribers() {
    let rule = "name: special, inside: inside, source: 10.64.0.8/32, pool: public, \
                filtering: address-and-port-dependent";
    let mut nat = Pipe::new(&strict().rule_before(&format!("{rule}, alg: {{ ftp: off }}")));
    assert!(is_read(&mut nat, A, 21));
    assert!(!is_read(&mut nat, B, 21));

    let on = format!("{rule}, alg: {{ ftp: {{ ports: [2121] }} }}");
    let mut nat = Pipe::new(&strict().top("alg: { ftp: off }").rule_before(&on));
    assert!(!is_read(&mut nat, A, 21));
    assert!(!is_read(&mut nat, "10.64.0.9", 2121));
    assert!(is_read(&mut nat, B, 2121));
}

/// REQUIREMENTS G1, issue: "computes and reports what it would change, changes nothing".
#[test]
fn in_shadow_mode_it_counts_and_changes_nothing() {
    let mut nat = Pipe::new(&strict().top("alg: { ftp: { mode: shadow } }"));
    let mut talk = super::control(&mut nat);
    // One port has an outside endpoint, so that it is known what would be written; the other has none.
    let known = tcp_endpoint(&mut nat, "10.64.0.7:5001", "192.0.2.9:80");
    talk.says(&mut nat, Inside, b"PORT 10,64,0,7,19,137\r\n");
    talk.says(&mut nat, Outside, b"200 ok\r\n");
    talk.says(&mut nat, Inside, b"EPRT |1|10.64.0.7|5002|\r\n");
    talk.says(&mut nat, Outside, b"200 ok\r\n");
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(nat.show("mappings").len(), 2);
    kept_out(&knocks(&mut nat, &format!("{X}:20"), &known.to_string()));
    assert_eq!(tally(&mut nat, "ftp"), [9, 2, 0, 0, 0, 0]);
}

/// Servers behind a static mapping are of no rule: what is at the top counts for them.
#[test]
fn static_mappings_follow_the_top() {
    for (top, read) in [("alg: {}", true), ("alg: { ftp: off }", false)] {
        let config = Config::new()
            .fixed("inside: 10.64.0.10, outside: 203.0.113.14")
            .top(top);
        let mut nat = Pipe::new(&config);
        let mut talk = Talk::come(&mut nat, &format!("{X}:50000"), "203.0.113.14:21");
        talk.says(&mut nat, Inside, b"220 ready\r\n");
        talk.says(&mut nat, Outside, b"PASV\r\n");
        let line = b"227 Passive (10,64,0,10,195,149)\r\n";
        let seen = talk.sends(&mut nat, Inside, line);
        assert_eq!(seen.payload != line, read);
    }
}
