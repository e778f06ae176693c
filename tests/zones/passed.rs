//! `pass`: one way, whatever comes back.

use base::Counter;
use testkit::{icmp_error, tcp, udp};
use tests::{Config, Pipe};

use crate::{routed, uses, zoned};

const UDP: (&str, &str) = ("udp", "protocols: [udp]");
const PASS: &[(&str, &str)] = &[("udp", "pass")];

#[test]
fn untranslated_it_keeps_nothing() {
    let mut nat = Pipe::new(&zoned(routed(), &[UDP], Some(PASS), None));
    for _ in 0..2 {
        let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
        nat.outside(out.reply()).dropped(Counter::DropZoneNoPair);
    }
    assert!(nat.show("translations").is_empty());
    assert_eq!(uses(&mut nat, "in-out", "udp"), (2, 0));
    let mut nat = Pipe::new(&zoned(routed(), &[UDP], Some(PASS), Some(PASS)));
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.outside(out.reply()).forwarded();
    assert!(nat.show("translations").is_empty());
}

#[test]
fn translated_its_answers_need_a_pair_of_their_own() {
    let mut nat = Pipe::new(&zoned(Config::new(), &[UDP], Some(PASS), None));
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    for _ in 0..3 {
        nat.outside(out.reply()).dropped(Counter::DropZoneNoPair);
        nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    }
    nat.outside(icmp_error(3, 1, "192.0.2.77", &out.ip))
        .dropped(Counter::DropZoneNoPair);
    assert_eq!(uses(&mut nat, "in-out", "udp"), (1, 1));
    for back in ["pass", "inspect"] {
        let mut nat = Pipe::new(&zoned(
            Config::new(),
            &[UDP],
            Some(PASS),
            Some(&[("udp", back)]),
        ));
        let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
        for _ in 0..3 {
            nat.outside(out.reply()).forwarded();
        }
        // Asked about once: it is as good as any other session then.
        assert_eq!(uses(&mut nat, "out-in", "udp"), (1, 0), "{back}");
    }
}

/// A class that the way back is not in.
#[test]
fn translated_its_answers_are_asked_as_they_are_delivered() {
    let classes = [
        UDP,
        (
            "answers",
            "protocols: [udp], source: 192.0.2.0/28, destination: 10.64.0.7/32",
        ),
    ];
    let mut nat = Pipe::new(&zoned(
        Config::new(),
        &classes,
        Some(PASS),
        Some(&[("answers", "pass")]),
    ));
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.outside(out.reply()).forwarded();
    let out = nat.inside(udp("10.64.0.8:5000 > 192.0.2.1:53")).forwarded();
    nat.outside(out.reply()).dropped(Counter::DropZonePolicy);
}

/// Seed 2: gateways are a part of inspection.
#[test]
fn no_gateway_reads_what_is_passed() {
    for (action, alg) in [("pass", ""), ("inspect", "ftp")] {
        let classes = [("ftp", "protocols: [ftp]")];
        let policy: &[(&str, &str)] = &[("ftp", action)];
        let mut nat = Pipe::new(&zoned(Config::new(), &classes, Some(policy), None));
        nat.inside(tcp("10.64.0.7:5000 > 192.0.2.1:21").syn())
            .forwarded();
        assert_eq!(nat.show("translations")[0]["alg"], alg);
    }
}

/// A forwarded port whose answers may not leave.
#[test]
fn what_is_passed_in_is_answered_by_a_pair_alone() {
    let config = Config::new()
        .fixed("protocol: udp, inside: \"10.64.0.11:53\", outside: \"203.0.113.13:53\"");
    let mut nat = Pipe::new(&zoned(config.clone(), &[UDP], None, Some(PASS)));
    let came = nat
        .outside(udp("192.0.2.1:4000 > 203.0.113.13:53"))
        .forwarded();
    nat.inside(came.reply()).dropped(Counter::DropZoneNoPair);
    let mut nat = Pipe::new(&zoned(config, &[UDP], Some(PASS), Some(PASS)));
    let came = nat
        .outside(udp("192.0.2.1:4000 > 203.0.113.13:53"))
        .forwarded();
    nat.inside(came.reply()).forwarded();
}
