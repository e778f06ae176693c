//! `portolan sim --pipe` as a network: hosts on both sides that answer ARP, and
//! a judge at every wire.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base::Counter;
use serde_json::Value;
use testkit::{ARP_REQUEST, Arp, Mac, Packet, Seen};

use crate::{Config, GATEWAY, Left, Outcome};

/// The running binary.
pub struct Pipe {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    files: Vec<PathBuf>,
    now: f64,
    macs: BTreeMap<String, Mac>,
    silent_hosts: bool,
    lenient: bool,
    checked: BTreeMap<String, u64>,
    seen_since_check: BTreeMap<&'static str, u64>,
    fed: u64,
    transcript: Vec<String>,
}

impl Pipe {
    /// Starts the binary and learns its addresses by ARP, as a host would.
    #[track_caller]
    pub fn new(config: &Config) -> Self {
        Self::with_args(config, &[])
    }

    /// The same with more arguments.
    #[track_caller]
    pub fn with_args(config: &Config, args: &[&str]) -> Self {
        let mut pipe = Self::bare(config, args);
        pipe.learn("inside", "10.64.0.2", crate::OWN_INSIDE, &[]);
        pipe.learn("outside", GATEWAY, crate::OWN_OUTSIDE, &[]);
        pipe.forget_counters();
        pipe
    }

    /// Starts the binary and sends nothing yet.
    #[track_caller]
    pub fn bare(config: &Config, args: &[&str]) -> Self {
        let file = scratch("yaml");
        std::fs::write(&file, config.yaml()).expect("configuration file");
        let log = scratch("log");
        let mut child = Command::new(portolan())
            .args(["sim", "--pipe", "-c"])
            .arg(&file)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).expect("log file"))
            .spawn()
            .expect("portolan starts");
        let stdout = BufReader::new(child.stdout.take().expect("standard output"));
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            files: vec![file, log],
            now: 0.0,
            macs: BTreeMap::new(),
            silent_hosts: false,
            lenient: false,
            checked: BTreeMap::new(),
            seen_since_check: BTreeMap::new(),
            fed: 0,
            transcript: Vec::new(),
        }
    }

    /// Asks for `own` on `interface` in the name of `host`, and keeps the answer
    /// as the address to send to.
    #[track_caller]
    pub fn learn(&mut self, interface: &str, host: &str, own: &str, vlans: &[u16]) {
        let mac = self
            .arp(interface, host, own, vlans)
            .unwrap_or_else(|| panic!("no ARP answer for {own} on {interface}"));
        self.macs.insert(interface.into(), mac);
    }

    /// Who has `target`? Asked by `host`; the answer, if there is one.
    #[track_caller]
    pub fn arp(&mut self, interface: &str, host: &str, target: &str, vlans: &[u16]) -> Option<Mac> {
        let host: Ipv4Addr = host.parse().unwrap();
        let question = Arp::request(mac_of(host), host, target.parse().unwrap());
        let outcome = self.feed(interface, &question.frame(vlans));
        let answer = outcome.left.first()?;
        assert_eq!(outcome.left.len(), 1, "one answer: {outcome:?}");
        assert_eq!(answer.interface, interface);
        assert_eq!(answer.seen.vlans, vlans);
        let arp = answer.seen.arp.expect("an ARP answer");
        assert_eq!(arp, question.answer(arp.sender_mac), "{outcome:?}");
        assert_eq!(answer.seen.src_mac, arp.sender_mac);
        assert_eq!(answer.seen.dst_mac, mac_of(host));
        Some(arp.sender_mac)
    }

    /// Hosts no longer answer ARP questions.
    pub fn silence_hosts(&mut self) {
        self.silent_hosts = true;
    }

    /// Frames may leave with wrong checksums from now on, because wrong ones go in.
    pub fn allow_wrong_checksums(&mut self) {
        self.lenient = true;
    }

    /// Sends a packet to the appliance from the inside.
    #[track_caller]
    pub fn inside(&mut self, packet: impl Into<Packet>) -> Outcome {
        self.send("inside", &packet.into())
    }

    /// Sends a packet to the appliance from the outside.
    #[track_caller]
    pub fn outside(&mut self, packet: impl Into<Packet>) -> Outcome {
        self.send("outside", &packet.into())
    }

    /// Sends a packet to the appliance by an interface.
    #[track_caller]
    pub fn send(&mut self, interface: &str, packet: &Packet) -> Outcome {
        let appliance = if packet.dst.ip().is_multicast() {
            group_mac(*packet.dst.ip())
        } else {
            *self
                .macs
                .get(interface)
                .unwrap_or_else(|| panic!("the address on {interface} is not known yet"))
        };
        let from = neighbor(interface, *packet.src.ip());
        self.feed(interface, &packet.frame(from, appliance))
    }

    /// The appliance's address on an interface.
    pub fn mac(&self, interface: &str) -> Mac {
        self.macs[interface]
    }

    /// Puts any bytes on the wire.
    #[track_caller]
    pub fn feed(&mut self, interface: &str, frame: &[u8]) -> Outcome {
        self.fed += 1;
        let line = format!(
            r#"{{"at": {}, "if": "{interface}", "frame": "{}"}}"#,
            self.now,
            hex(frame)
        );
        let (mut left, end) = self.exchange(&line);
        let text = |key: &str| {
            end.get(key)
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("no `{key}` in {end}, answer to {line}"))
                .to_string()
        };
        let (verdict, reason) = (text("verdict"), text("reason"));
        *self
            .seen_since_check
            .entry(match verdict.as_str() {
                "forward" => "verdict.forward",
                "drop" => "verdict.drop",
                "consume" => "verdict.consume",
                "hold" => "verdict.hold",
                _ => panic!("unknown verdict in {end}"),
            })
            .or_default() += 1;
        self.answer_arp(&mut left);
        Outcome {
            sent: Seen::of(frame).ok(),
            from: interface.into(),
            verdict,
            reason,
            left,
            why: sentences(&end),
        }
    }

    /// Moves virtual time forward by `seconds`; what left meanwhile.
    #[track_caller]
    pub fn wait(&mut self, seconds: f64) -> Vec<Left> {
        self.at(self.now + seconds)
    }

    /// Moves virtual time to `time`; what left meanwhile.
    #[track_caller]
    pub fn at(&mut self, time: f64) -> Vec<Left> {
        self.now = time;
        let (mut left, end) = self.exchange(&format!(r#"{{"at": {time}}}"#));
        assert_eq!(end.get("idle"), Some(&Value::Bool(true)), "{end}");
        self.answer_arp(&mut left);
        left
    }

    /// Moves virtual time on without a line of its own: the next frame carries it.
    pub fn later(&mut self, seconds: f64) -> &mut Self {
        self.now += seconds;
        self
    }

    /// Virtual time.
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Rows of `show`.
    #[track_caller]
    pub fn show(&mut self, what: &str) -> Vec<Value> {
        let (left, end) = self.exchange(&format!(r#"{{"show": "{what}"}}"#));
        assert!(left.is_empty(), "show made something leave: {left:?}");
        assert_eq!(end.get("show"), Some(&Value::from(what)), "{end}");
        end.get("rows")
            .and_then(Value::as_array)
            .unwrap_or_else(|| panic!("no rows: {end}"))
            .clone()
    }

    /// Clears something; how many there were.
    #[track_caller]
    pub fn clear(&mut self, what: &str) -> u64 {
        let (_, end) = self.exchange(&format!(r#"{{"clear": "{what}"}}"#));
        if what == "counters" {
            self.fed = 0;
            self.checked.clear();
            self.seen_since_check.clear();
        }
        end.get("cleared")
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("not cleared: {end}"))
    }

    /// Reads another configuration while running, which must be taken.
    #[track_caller]
    pub fn reload(&mut self, config: &Config) {
        let file = scratch("yaml");
        std::fs::write(&file, config.yaml()).expect("configuration file");
        let answer = self.line(&format!(r#"{{"reload": "{}"}}"#, file.display()));
        assert_eq!(answer.get("error"), None, "{answer}");
        self.files.push(file);
    }

    /// Writes any line; the last line of the answer.
    #[track_caller]
    pub fn line(&mut self, line: &str) -> Value {
        self.exchange(line).1
    }

    /// All counters by name.
    #[track_caller]
    pub fn counters(&mut self) -> BTreeMap<String, u64> {
        self.show("counters")
            .iter()
            .map(|row| {
                let name = row["name"].as_str().expect("name of a counter");
                let value = row["value"].as_u64().expect("value of a counter");
                (name.to_string(), value)
            })
            .collect()
    }

    /// The value of one counter.
    #[track_caller]
    pub fn counter(&mut self, counter: Counter) -> u64 {
        self.counters().get(counter.name()).copied().unwrap_or(0)
    }

    /// Every counter that moved since the last check, and by how much. Packets
    /// and verdicts need not be listed: they must agree with what was seen on
    /// the wires. How work is shared inside the appliance does not matter here.
    #[track_caller]
    pub fn expect_counters(&mut self, expected: &[(Counter, u64)]) {
        let now = self.counters();
        let mut moved = BTreeMap::new();
        let mut verdicts = BTreeMap::new();
        for (name, value) in &now {
            let delta = value - self.checked.get(name).copied().unwrap_or(0);
            let area = name.split('.').next().unwrap();
            match area {
                _ if delta == 0 => {}
                "verdict" => {
                    verdicts.insert(name.clone(), delta);
                }
                "rx" | "tx" | "handoff" | "punt" => {}
                _ => {
                    moved.insert(name.clone(), delta);
                }
            }
        }
        let seen: BTreeMap<String, u64> = std::mem::take(&mut self.seen_since_check)
            .into_iter()
            .map(|(name, count)| (name.to_string(), count))
            .collect();
        let expected: BTreeMap<String, u64> = expected
            .iter()
            .map(|(counter, count)| (counter.name().to_string(), *count))
            .collect();
        assert_eq!(verdicts, seen, "verdicts counted and verdicts answered");
        assert_eq!(moved, expected, "counters that moved and that should have");
        self.checked = now;
    }

    /// Starts counting anew for [`Self::expect_counters`].
    #[track_caller]
    pub fn forget_counters(&mut self) {
        self.checked = self.counters();
        self.seen_since_check.clear();
    }

    /// Checks that every frame fed is in one verdict.
    #[track_caller]
    pub fn check_verdicts(&mut self) {
        let counters = self.counters();
        let verdicts: u64 = counters
            .iter()
            .filter(|(name, _)| name.starts_with("verdict."))
            .map(|(_, value)| value)
            .sum();
        assert_eq!(verdicts, self.fed, "verdicts and frames received");
    }

    /// Every line answered so far.
    pub fn transcript(&self) -> &[String] {
        &self.transcript
    }

    /// Resident memory of the appliance in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("status of the process");
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .expect("resident size")
    }

    /// Forgets the answers so far, for runs too long to keep them.
    pub fn forget_transcript(&mut self) {
        self.transcript.clear();
    }

    fn exchange(&mut self, line: &str) -> (Vec<Left>, Value) {
        let stdin = self.stdin.as_mut().expect("standard input");
        if stdin
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| stdin.flush())
            .is_err()
        {
            self.died(line);
        }
        let mut left = Vec::new();
        loop {
            let Ok(text) = self.lines.recv_timeout(Duration::from_secs(30)) else {
                self.died(line)
            };
            let answer: Value = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("not JSON ({error}): {text}"));
            self.transcript.push(text);
            let Some(frame) = answer.get("frame").and_then(Value::as_str) else {
                return (left, answer);
            };
            let interface = answer["if"].as_str().expect("interface").to_string();
            let seen = Seen::of(&unhex(frame))
                .unwrap_or_else(|error| panic!("malformed frame left, {error:?}: {answer}"));
            self.judge(&interface, &seen, line);
            left.push(Left {
                at: answer["at"].as_f64().expect("time"),
                interface,
                seen,
            });
        }
    }

    /// What holds for every frame, whatever the test is about.
    fn judge(&self, interface: &str, seen: &Seen, cause: &str) {
        if !self.lenient && !seen.problems.is_empty() {
            // What came in wrong leaves wrong: nothing here repairs it.
            let came: Vec<String> = serde_json::from_str::<Value>(cause)
                .ok()
                .and_then(|line| Seen::of(&unhex(line["frame"].as_str()?)).ok())
                .map(|sent| sent.problems)
                .unwrap_or_default();
            let made = seen.problems.iter().find(|one| !came.contains(one));
            assert_eq!(made, None, "made wrong: {seen:?}, caused by {cause}");
        }
        if let Some(mac) = self.macs.get(interface) {
            assert_eq!(seen.src_mac, *mac, "sent from a foreign MAC: {seen:?}");
        }
        if seen.arp.is_none() && seen.dst.ip().is_multicast() {
            let group = group_mac(seen.dst.ip());
            assert_eq!(seen.dst_mac, group, "sent to another group: {seen:?}");
        } else if seen.arp.is_none() && matches!(interface, "inside" | "outside") {
            let next_hop = neighbor(interface, seen.dst.ip());
            assert_eq!(
                seen.dst_mac, next_hop,
                "sent to the wrong neighbour: {seen:?}"
            );
        }
    }

    fn answer_arp(&mut self, left: &mut Vec<Left>) {
        if self.silent_hosts {
            return;
        }
        let mut at = 0;
        while at < left.len() {
            let question = left[at].seen.arp.filter(|arp| arp.operation == ARP_REQUEST);
            if let Some(question) = question {
                let asked = left.remove(at);
                let answer = question
                    .answer(mac_of(question.target))
                    .frame(&asked.seen.vlans);
                let released = self.feed(&asked.interface, &answer);
                left.extend(released.left);
            } else {
                at += 1;
            }
        }
    }

    fn died(&mut self, line: &str) -> ! {
        let _ = self.child.kill();
        let status = self.child.wait();
        let log = std::fs::read_to_string(&self.files[1]).unwrap_or_default();
        panic!("no answer to {line}\nportolan ended with {status:?} and said:\n{log}");
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let log = self.files[1].clone();
        if !std::thread::panicking() {
            self.check_verdicts();
            drop(self.stdin.take());
            let status = self.child.wait().expect("end of portolan");
            let said = std::fs::read_to_string(log).unwrap_or_default();
            assert!(status.success(), "portolan ended with {status}: {said}");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// What an answer says of why.
fn sentences(answer: &Value) -> Vec<String> {
    let sentences = answer.get("why").and_then(Value::as_array);
    let text = |sentence: &Value| sentence.as_str().unwrap_or_default().to_owned();
    sentences.into_iter().flatten().map(text).collect()
}

/// The MAC address of the test host that has `ip`.
pub fn mac_of(ip: Ipv4Addr) -> Mac {
    let [a, b, c, d] = ip.octets();
    [0x02, 0xaa, a, b, c, d]
}

/// The MAC address of a group (RFC 1112 section 6.4).
pub fn group_mac(group: Ipv4Addr) -> Mac {
    let [_, b, c, d] = group.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}

/// The built binary: named by `PORTOLAN_BIN`, else beside this test's own folder.
#[track_caller]
pub fn portolan() -> PathBuf {
    let path = std::env::var_os("PORTOLAN_BIN").map_or_else(
        || {
            let mut path = std::env::current_exe().expect("path of this test");
            path.pop();
            if path.ends_with("deps") {
                path.pop();
            }
            path.join("portolan")
        },
        PathBuf::from,
    );
    assert!(
        path.is_file(),
        "{} is not there: build it first, `cargo build -p portolan` with this test's profile",
        path.display()
    );
    path
}

/// Bytes from hexadecimal digits.
pub fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal digit") as u8;
    assert!(text.len().is_multiple_of(2), "odd number of digits: {text}");
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Whose MAC address frames to or from `ip` carry on this wire: the host's, or the router's.
fn neighbor(interface: &str, ip: Ipv4Addr) -> Mac {
    let octets = ip.octets();
    if interface == "outside" && octets[..3] != [198, 51, 100] {
        return mac_of(GATEWAY.parse().unwrap());
    }
    mac_of(ip)
}

fn scratch(extension: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!(
        "portolan-test-{}-{number}.{extension}",
        std::process::id()
    ))
}

/// Names of all counters that `show counters` may print.
pub fn counter_names() -> BTreeSet<&'static str> {
    Counter::ALL.iter().map(|counter| counter.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        assert_eq!(unhex(&hex(&[0, 0x9f, 0xff])), [0, 0x9f, 0xff]);
    }

    #[test]
    fn remote_hosts_are_behind_the_router() {
        let gateway = mac_of(GATEWAY.parse().unwrap());
        assert_eq!(neighbor("outside", "192.0.2.1".parse().unwrap()), gateway);
        let near: Ipv4Addr = "198.51.100.7".parse().unwrap();
        assert_eq!(neighbor("outside", near), mac_of(near));
        assert_eq!(neighbor("inside", near), mac_of(near));
    }
}
