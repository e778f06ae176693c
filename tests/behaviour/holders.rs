//! Who had an outside endpoint (RFC 7422 section 2.2, RFC 6302 section 2).

use std::path::PathBuf;
use std::process::Command;

use testkit::Endpoint;
use tests::{Config, Pipe};

/// Fourteen hosts behind one address, 4032 ports each: the table of RFC 7422.
fn computed() -> Config {
    Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.1-10.80.1.14, prefixes: [203.0.113.128/32], \
             ports: 1024-57471",
        )
}

/// A configuration file that goes with the test.
struct File(PathBuf);

impl File {
    fn of(config: &Config, name: &str) -> Self {
        let file = format!("portolan-whois-{}-{name}.yaml", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, config.yaml()).expect("configuration file");
        Self(path)
    }

    /// What `portolan whois` says of an address or endpoint.
    fn whois(&self, what: &str) -> String {
        let output = Command::new(tests::portolan())
            .args(["whois", "-c"])
            .arg(&self.0)
            .arg(what)
            .output()
            .expect("portolan runs");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// RFC 7422 section 2.2, both ways.
#[test]
fn both_directions_are_computed_from_the_file_alone() {
    let file = File::of(&computed(), "both");
    for (endpoint, host) in [
        ("203.0.113.128:2001", "10.80.1.1"),
        ("203.0.113.128:9087", "10.80.1.2"),
        ("203.0.113.128:53440", "10.80.1.14"),
    ] {
        let answer = file.whois(endpoint);
        assert!(says(&answer, host), "{endpoint}: {answer}");
    }
    for (host, ports) in [
        ("10.80.1.1", "1024-5055"),
        ("10.80.1.2", "5056-9087"),
        ("10.80.1.3", "9088-13119"),
        ("10.80.1.14", "53440-57471"),
    ] {
        let answer = file.whois(host);
        assert!(says(&answer, ports), "{host}: {answer}");
        assert!(says(&answer, "203.0.113.128"), "{host}: {answer}");
    }
    let nobody = file.whois("203.0.113.128:58204");
    assert!(!nobody.contains("10.80.1."), "{nobody}");
}

/// RFC 6302, RFC 7422: each endpoint that was seen leads to the one host that had it.
#[test]
fn every_endpoint_leads_to_its_one_subscriber() {
    let file = File::of(&computed(), "every");
    let mut nat = Pipe::new(&computed());
    for host in 1..=14 {
        let inside = format!("10.80.1.{host}");
        let opened: Vec<Endpoint> = crate::open_udp(&mut nat, &inside, 5000, 5);
        for endpoint in opened {
            let answer = file.whois(&endpoint.to_string());
            assert!(says(&answer, &inside), "{endpoint}: {answer}");
            for other in (1..=14).filter(|other| *other != host) {
                let other = format!("10.80.1.{other}");
                assert!(!says(&answer, &other), "{endpoint}: {answer}");
            }
        }
    }
}

/// Whether a word stands in a text by itself.
fn says(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .any(|part| part == word)
}
