//! Another policy: sessions that it does not allow end, the others do not notice.

use base::Counter;
use testkit::udp;
use tests::{Config, Pipe};

use crate::{routed, uses, zoned};

const DNS: (&str, &str) = ("dns", "protocols: [udp], destination_ports: [53]");
const UDP: (&str, &str) = ("udp", "protocols: [udp]");
const BOTH: &[(&str, &str)] = &[("dns", "inspect"), ("udp", "inspect")];
const ONE: &[(&str, &str)] = &[("dns", "inspect")];

#[test]
fn sessions_that_are_allowed_no_more_end() {
    for base in [Config::new(), routed()] {
        let mut nat = Pipe::new(&zoned(base.clone(), &[DNS, UDP], Some(BOTH), None));
        let dns = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
        let other = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:54")).forwarded();
        nat.reload(&zoned(base, &[DNS, UDP], Some(ONE), None));
        nat.outside(dns.reply()).forwarded();
        assert_ne!(nat.outside(other.reply()).verdict, "forward");
        nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:54"))
            .dropped(Counter::DropZonePolicy);
        assert_eq!(nat.show("translations").len(), 1);
        // Counts go on.
        assert_eq!(uses(&mut nat, "in-out", "dns"), (1, 1));
        assert_eq!(uses(&mut nat, "in-out", "default"), (1, 0));
    }
}

#[test]
fn a_first_policy_ends_what_it_does_not_allow() {
    let mut nat = Pipe::new(&Config::new());
    let dns = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:54")).forwarded();
    let stranger = dns.reply().from("192.0.2.9:1");
    nat.outside(stranger.clone()).forwarded();
    assert_eq!(nat.show("translations").len(), 3);
    nat.reload(&zoned(Config::new(), &[DNS], Some(ONE), None));
    nat.outside(stranger).dropped(Counter::DropZoneNoPair);
    nat.outside(dns.reply()).forwarded();
    assert_eq!(nat.show("translations").len(), 1);
    nat.reload(&Config::new());
    nat.outside(dns.reply().from("192.0.2.9:1")).forwarded();
}

#[test]
fn the_way_back_of_what_is_passed_is_asked_again() {
    let pass: &[(&str, &str)] = &[("udp", "pass")];
    let mut nat = Pipe::new(&zoned(Config::new(), &[UDP], Some(pass), Some(pass)));
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.outside(out.reply()).forwarded();
    nat.reload(&zoned(Config::new(), &[UDP], Some(pass), None));
    nat.outside(out.reply()).dropped(Counter::DropZoneNoPair);
    nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
}

#[test]
fn a_reload_that_changes_something_else_keeps_what_is_routed() {
    let config = zoned(routed(), &[DNS, UDP], Some(BOTH), None);
    let mut nat = Pipe::new(&config);
    let out = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:53")).forwarded();
    nat.reload(&config.timeout("icmp", "90s"));
    nat.outside(out.reply()).forwarded();
}

/// A trial says how many sessions would end, and ends none.
#[test]
fn a_dry_run_counts() {
    let mut nat = Pipe::new(&zoned(Config::new(), &[DNS, UDP], Some(BOTH), None));
    let other = nat.inside(udp("10.64.0.7:5000 > 192.0.2.1:54")).forwarded();
    let file = std::env::temp_dir().join(format!("portolan-zones-{}.yaml", std::process::id()));
    let next = zoned(Config::new(), &[DNS, UDP], Some(ONE), None);
    std::fs::write(&file, next.yaml()).unwrap();
    let answer = nat.line(&format!(
        r#"{{"reload": "{}", "dry_run": true}}"#,
        file.display()
    ));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(answer["reloaded"]["sessions"], 1, "{answer}");
    assert!(answer.to_string().contains("zone pair in-out"), "{answer}");
    nat.outside(other.reply()).forwarded();
}
