//! `portolan whois` through the built binary (RFC 7422 section 2, RFC 6888 REQ-12): no
//! appliance runs, the file alone answers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use tests::{Config, Pipe, portolan};

/// A file, and what the program said about it.
pub(crate) struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the program said, and how it ended.
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl File {
    pub(crate) fn new(config: &Config) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("portolan-whois-{}-{number}.yaml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, config.yaml()).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn ask(&self, words: &str) -> Said {
        let output = Command::new(portolan())
            .arg("whois")
            .arg("-c")
            .arg(&self.0)
            .args(words.split_whitespace())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            status: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The answers as JSON; there must be some.
    #[track_caller]
    pub(crate) fn json(&self, words: &str) -> Vec<Value> {
        let said = self.ask(&format!("{words} --json"));
        assert_eq!(said.status, Some(0), "{words}: {}{}", said.out, said.err);
        assert_eq!(said.err, "");
        let answers: Vec<Value> = serde_json::from_str(&said.out).unwrap();
        assert!(!answers.is_empty());
        answers
    }

    /// The only answer as JSON.
    #[track_caller]
    pub(crate) fn one(&self, words: &str) -> Value {
        let mut answers = self.json(words);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0)
    }

    /// Nobody has it, for a reason of one line.
    #[track_caller]
    fn nobody(&self, words: &str) -> String {
        let said = self.ask(words);
        assert_eq!(said.status, Some(1), "{words}: {}", said.out);
        assert_eq!(said.out, "");
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        let json = self.ask(&format!("{words} --json"));
        assert_eq!((json.status, json.out.as_str()), (Some(1), "[]\n"));
        said.err
    }
}

/// RFC 7422 section 2: fourteen hosts behind one address, C = 14 and D = 2; the rest of
/// its ports are no host's.
fn example() -> Config {
    Config::new().deterministic(
        "name: det, source: 198.18.100.1-198.18.100.14, prefixes: [203.0.113.200/32], \
         ports: 1024-57471",
    )
}

/// A store that has not begun yet knows nothing; what is computed needs none.
#[test]
fn a_store_that_is_not_there_yet_hides_no_computed_port() {
    let path = "/nonexistent/portolan-store";
    let file = File::new(&example().top(&format!("log: {{ store: {{ path: {path} }} }}")));
    assert_eq!(file.one("203.0.113.200:2001")["inside"], "198.18.100.1");
    let said = file.ask(&format!("203.0.113.200:2001 --store {path}"));
    assert_eq!((said.status, said.out.as_str()), (Some(1), ""));
}

/// RFC 7422 section 2, from the outside: the host, and that no log is needed.
#[test]
fn the_holder_of_a_computed_port_is_told_without_a_log() {
    let file = File::new(&example());
    for (port, host, ports) in [
        (2_001, 1, [1_024, 5_055]),
        (9_087, 2, [5_056, 9_087]),
        (53_440, 14, [53_440, 57_471]),
    ] {
        assert_eq!(
            file.one(&format!("203.0.113.200:{port}")),
            json!({
                "outside": format!("203.0.113.200:{port}"),
                "inside": format!("198.18.100.{host}"),
                "vrf": "default",
                "outside_vrf": "default",
                "protocol": "tcp, udp, icmp",
                "kind": "deterministic",
                "name": "det",
                "ports": [ports],
                "log_needed": false,
            })
        );
    }
    let rest = file.nobody("203.0.113.200:58204");
    assert!(
        rest.contains("range det has the ports 1024-57471"),
        "{rest}"
    );
    assert!(
        file.nobody("203.0.113.200:80")
            .contains("range det has the ports")
    );
}

/// RFC 7422 section 2, from the inside: the range of a host.
#[test]
fn the_computed_ports_of_a_host_are_told() {
    let file = File::new(&example());
    for (host, ports) in [
        (1, [1_024, 5_055]),
        (2, [5_056, 9_087]),
        (3, [9_088, 13_119]),
        (14, [53_440, 57_471]),
    ] {
        let answer = file.one(&format!("198.18.100.{host}"));
        assert_eq!(answer["outside"], "203.0.113.200");
        assert_eq!(answer["inside"], format!("198.18.100.{host}"));
        assert_eq!(answer["ports"], json!([ports]));
        assert_eq!(answer["kind"], "deterministic");
        assert_eq!(answer["log_needed"], false);
    }
    file.nobody("198.18.100.0");
    file.nobody("198.18.100.15");
    // Which inside port has which of them is chance.
    let answer = file.one("198.18.100.2:5000");
    assert_eq!(answer["ports"], json!([[5_056, 9_087]]));
    assert!(answer["note"].as_str().unwrap().contains("by chance"));
}

/// RFC 7422 section 2, every algorithm: one direction undoes the other.
#[test]
fn both_directions_agree_for_every_algorithm() {
    for algorithm in [
        "sequential",
        "staggered",
        "round-robin",
        "interlaced",
        "random, key: a key to be kept",
    ] {
        let file = File::new(&Config::new().deterministic(&format!(
            "name: det, source: 198.18.0.0/28, prefixes: [203.0.113.200/31], ports: 1024-1103, \
             algorithm: {algorithm}"
        )));
        let mut ports = 0;
        for answer in file.json("198.18.0.9") {
            let outside = answer["outside"].as_str().unwrap();
            for run in answer["ports"].as_array().unwrap() {
                let (low, high) = (run[0].as_u64().unwrap(), run[1].as_u64().unwrap());
                ports += high - low + 1;
                for port in [low, high] {
                    let back = file.one(&format!("{outside}:{port}"));
                    assert_eq!(back["inside"], "198.18.0.9", "{algorithm} {port}");
                    assert_eq!(back["ports"], answer["ports"]);
                }
            }
        }
        assert_eq!(ports, 10, "{algorithm}");
    }
}

/// RFC 7422 section 2: what the engine does is what is computed.
#[test]
fn the_engine_agrees_with_the_answer() {
    let config = Config::new()
        .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
        .deterministic(
            "name: det, source: 10.80.1.0/28, prefixes: [203.0.113.128/31], ports: 1024-1535",
        );
    let file = File::new(&config);
    let mut nat = Pipe::new(&config);
    for host in [0, 7, 8, 15] {
        let inside = format!("10.80.1.{host}");
        let outside = crate::udp_endpoint(&mut nat, &format!("{inside}:5000"), "192.0.2.1:7000");
        let answer = file.one(&format!("{outside} --protocol udp"));
        assert_eq!(answer["inside"], inside);
        assert_eq!(answer["protocol"], "udp");
    }
}

fn fixed() -> Config {
    Config::new()
        .fixed("inside: 10.64.0.10, outside: 203.0.113.14")
        .fixed("inside: 10.64.8.0/30, outside: 203.0.113.64/30")
        .fixed("protocol: tcp, inside: \"10.64.0.11:8080\", outside: \"203.0.113.13:80\"")
        .fixed(
            "protocol: udp, inside: \"10.64.0.11:7000-7009\", outside: \"203.0.113.13:5000-5009\"",
        )
        .fixed("protocol: esp, inside: 10.64.0.20, outside: 203.0.113.12")
}

/// Contract 7.2, `static`: all four kinds, from the outside.
#[test]
fn static_mappings_are_told_from_the_outside() {
    let file = File::new(&fixed());
    for (query, inside, protocol, form) in [
        ("203.0.113.14:1234", "10.64.0.10:1234", "any", "one-to-one"),
        (
            "203.0.113.14 --protocol gre",
            "10.64.0.10",
            "any",
            "one-to-one",
        ),
        ("203.0.113.66:80", "10.64.8.2:80", "any", "network"),
        (
            "203.0.113.13:80 --protocol tcp",
            "10.64.0.11:8080",
            "tcp",
            "port forward",
        ),
        (
            "203.0.113.13:5003 --protocol udp",
            "10.64.0.11:7003",
            "udp",
            "port forward",
        ),
        (
            "203.0.113.12 --protocol esp",
            "10.64.0.20",
            "esp",
            "protocol",
        ),
    ] {
        let answer = file.one(query);
        assert_eq!(answer["kind"], "static", "{query}");
        assert_eq!(answer["inside"], inside, "{query}");
        assert_eq!(answer["protocol"], protocol, "{query}");
        assert_eq!(answer["form"], form, "{query}");
        assert_eq!(answer["log_needed"], false, "{query}");
    }
    // A forwarded port of one protocol leaves the same port of the others to the pool, if it lends it.
    assert_eq!(file.one("203.0.113.13:80")["kind"], "static");
    let kinds: Vec<Value> = file
        .json("203.0.113.13:5003")
        .iter()
        .map(|each| json!([each["kind"], each["protocol"]]))
        .collect();
    assert_eq!(
        kinds,
        [json!(["static", "udp"]), json!(["dynamic", "tcp, icmp"])]
    );
    assert_eq!(
        file.one("203.0.113.13:5003 --protocol tcp")["kind"],
        "dynamic"
    );
}

/// Contract 7.2, `static`: from the inside.
#[test]
fn static_mappings_are_told_from_the_inside() {
    let file = File::new(&fixed());
    assert_eq!(file.one("10.64.0.10")["outside"], "203.0.113.14");
    assert_eq!(file.one("10.64.8.3:7")["outside"], "203.0.113.67:7");
    let port = file.json("10.64.0.11:8080 --protocol tcp");
    assert_eq!(port[0]["outside"], "203.0.113.13:80");
    assert_eq!(port.len(), 1, "the mapping has the port: {port:?}");
    let host = file.json("10.64.0.11");
    let outsides: Vec<&Value> = host.iter().map(|answer| &answer["outside"]).collect();
    assert_eq!(outsides[..2], ["203.0.113.13:80", "203.0.113.13:5000-5009"]);
    assert_eq!(host[1]["inside"], "10.64.0.11:7000-7009");
    assert_eq!(host[1]["ports"], json!([[5_000, 5_009]]));
    // For the rest the host is as others.
    assert_eq!(host[2]["kind"], "dynamic");
}

/// RFC 6888 REQ-12: for what a pool lends, the log has to be asked; both ways.
#[test]
fn dynamic_endpoints_are_in_the_log() {
    let file = File::new(&Config::new().pool("exclude_ports", "[5060-5061]"));
    let answer = file.one("203.0.113.5:40000 --protocol udp");
    assert_eq!(answer["kind"], "dynamic");
    assert_eq!(answer["inside"], Value::Null);
    assert_eq!(answer["name"], "public");
    assert_eq!(answer["rules"], json!(["subscribers"]));
    assert_eq!(answer["ports"], json!([[1_024, 5_059], [5_062, 65_535]]));
    assert_eq!(answer["log_needed"], true);
    let host = file.one("10.64.0.7:5000");
    assert_eq!(host["kind"], "dynamic");
    assert_eq!(host["outside"], "203.0.113.0-203.0.113.15");
    assert_eq!(host["inside"], "10.64.0.7:5000");
    assert_eq!(host["log_needed"], true);
    let text = file.ask("203.0.113.5:40000").out;
    assert!(text.contains("dynamic: consult the log"), "{text}");
    assert!(
        file.nobody("203.0.113.5:80")
            .contains("pool public has the ports 1024-5059, 5062-65535")
    );
    assert!(
        file.nobody("203.0.113.5:5060")
            .contains("pool public has the ports")
    );
    // A protocol without ports is another matter.
    assert_eq!(file.one("203.0.113.5 --protocol gre")["log_needed"], true);
}

/// Contract 7.2, `overflow_pool`: the computed ports need no log, what comes on top does.
#[test]
fn overflow_is_in_the_log() {
    let file = File::new(&Config::new().deterministic(
        "name: det, source: 10.80.0.0/24, prefixes: [203.0.113.128/29], overflow_pool: public",
    ));
    let answers = file.json("10.80.0.33");
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers[0]["kind"], "deterministic");
    assert_eq!(answers[0]["outside"], "203.0.113.129");
    assert_eq!(answers[0]["ports"], json!([[3_040, 5_055]]));
    assert_eq!(answers[1]["kind"], "dynamic");
    assert_eq!(answers[1]["rules"], json!(["overflow of det"]));
    let outside = file.one("203.0.113.5:40000");
    assert_eq!(outside["rules"], json!(["subscribers", "overflow of det"]));
}

/// Rules stand before deterministic ranges, as in the engine.
#[test]
fn a_rule_that_takes_everything_of_a_host_decides() {
    let range = "name: det, source: 10.80.0.0/24, prefixes: [203.0.113.128/29]";
    let with = |rule: &str| File::new(&Config::new().deterministic(range).rule_before(rule));
    let all = with("name: all, source: 10.80.0.0/16, pool: public");
    assert_eq!(all.one("10.80.0.33")["kind"], "dynamic");
    let some = with("name: some, source: 10.80.0.0/16, destination: 192.0.2.0/24, pool: public");
    assert_eq!(some.json("10.80.0.33").len(), 2);
    let none = with("name: none, source: 10.80.0.0/16, action: drop");
    assert!(
        none.nobody("10.80.0.33")
            .contains("rule none drops what it sends")
    );
}

/// An address that is on both sides gets both answers.
#[test]
fn an_address_on_both_sides_is_answered_for_both() {
    let file = File::new(
        &Config::new()
            .deterministic("name: det, source: 203.0.113.0/28, prefixes: [192.0.2.64/32]"),
    );
    let answers = file.json("203.0.113.3");
    let kinds: Vec<&Value> = answers.iter().map(|answer| &answer["kind"]).collect();
    assert_eq!(kinds, ["dynamic", "deterministic"]);
    assert_eq!(answers[0]["outside"], "203.0.113.3");
    assert_eq!(answers[1]["inside"], "203.0.113.3");
}

/// Exit code 1 and a line that says why.
#[test]
fn that_nobody_has_it_is_an_answer_of_its_own() {
    let file = File::new(&Config::new());
    let why = file.nobody("198.18.0.1:80");
    assert!(
        why.contains("nobody has 198.18.0.1:80: it is in no pool"),
        "{why}"
    );
    let own = file.nobody("198.51.100.1:80");
    assert!(
        own.contains("the appliance's own address on interface outside"),
        "{own}"
    );
}

/// Realms are asked for by name.
#[test]
fn a_realm_narrows_the_question() {
    let config = Config::new()
        .add_interface("name: red, device: d2, addresses: [10.64.0.1/16], vrf: red")
        .fixed("inside: 10.64.0.10, outside: 203.0.113.20")
        .fixed("inside: 10.64.0.10, outside: 203.0.113.21, vrf: red");
    let file = File::new(&config);
    assert_eq!(file.json("10.64.0.10").len(), 2);
    let red = file.one("10.64.0.10 --vrf red");
    assert_eq!(red["outside"], "203.0.113.21");
    assert_eq!(
        (&red["vrf"], &red["outside_vrf"]),
        (&json!("red"), &json!("default"))
    );
    let wrong = file.ask("10.64.0.10 --vrf blue");
    assert_eq!(wrong.status, Some(2));
    assert!(
        wrong
            .err
            .contains("there is no VRF blue: the file has default, red"),
        "{}",
        wrong.err
    );
}

/// What a static mapping takes in one realm, others still have.
#[test]
fn realms_do_not_take_from_each_other() {
    let config = Config::new()
        .add_interface("name: red, device: d2, addresses: [10.64.0.1/16], vrf: red")
        .fixed("inside: 10.64.0.10, outside: 203.0.113.21, vrf: red");
    let file = File::new(&config);
    let kinds: Vec<Value> = file
        .json("10.64.0.10")
        .iter()
        .map(|each| json!([each["vrf"], each["kind"]]))
        .collect();
    assert_eq!(
        kinds,
        [json!(["default", "dynamic"]), json!(["red", "static"])]
    );
}

/// The file speaks for the time since it was changed.
#[test]
fn a_file_younger_than_the_time_asked_about_is_said_to_be() {
    let file = File::new(&example());
    for before in [
        "2001-09-09T01:46:40Z",
        "1000000000",
        "2001-09-09T03:46:40+02:00",
    ] {
        let answer = file.one(&format!("203.0.113.200:2001 --at {before}"));
        let note = answer["note"].as_str().unwrap();
        assert!(note.contains(", after 2001-09-09T01:46:40Z: "), "{note}");
        let said = file.ask(&format!("198.18.9.9 --at {before}"));
        assert_eq!(said.status, Some(1));
        assert!(
            said.err.contains("; note: the file was changed at 2"),
            "{}",
            said.err
        );
    }
    for after in ["2400-01-01T00:00:00Z", "13569465600"] {
        let answer = file.one(&format!("203.0.113.200:2001 --at {after}"));
        assert_eq!(answer.get("note"), None);
    }
}

/// For people: a line each, and few words for many ports.
#[test]
fn text_is_for_people() {
    let file = File::new(&Config::new().deterministic(
        "name: det, source: 198.18.0.0/28, prefixes: [203.0.113.200/32], algorithm: staggered",
    ));
    let said = file.ask("198.18.0.3");
    assert_eq!(said.status, Some(0));
    assert_eq!(
        said.out,
        "outside:     203.0.113.200\n\
         inside:      198.18.0.3\n\
         vrf:         default\n\
         protocol:    tcp, udp, icmp\n\
         range:       det\n\
         ports:       1027-65523 in steps of 16\n\
         log:         deterministic: not needed\n"
    );
}

/// Exit code 2 for what makes no sense, and for a bad file with its places.
#[test]
fn bad_questions_and_files_are_refused() {
    let file = File::new(&Config::new());
    for bad in [
        "",
        "nowhere",
        "203.0.113.5:",
        "203.0.113.5:65536",
        "203.0.113.5:+80",
        "203.0.113.0/28",
        "203.0.113.5 --protocol telnet",
        "203.0.113.5 --at yesterday",
        "203.0.113.5 --vrf nowhere",
    ] {
        let said = file.ask(bad);
        assert_eq!(said.status, Some(2), "{bad}: {}", said.out);
        assert_eq!(said.out, "", "{bad}");
        assert!(!said.err.is_empty(), "{bad}");
    }
    let wrong = File::new(&Config::new().pool("ports", "9-8"));
    let said = wrong.ask("203.0.113.5");
    assert_eq!(said.status, Some(2));
    assert!(
        said.err.contains("yaml:") && said.err.contains("reversed"),
        "{}",
        said.err
    );
    std::fs::remove_file(&wrong.0).unwrap();
    assert_eq!(wrong.ask("203.0.113.5").status, Some(2));
}
