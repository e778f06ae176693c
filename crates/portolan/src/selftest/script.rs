//! Steps of a case, as they are written and as they are played.
//!
//! ```text
//! ROW: what must hold
//! KIND FROM > TO as A       leaves as from an outside endpoint that is A from here on
//!                at A       leaves from A's address, whatever the port
//!                not A      leaves from another endpoint
//!                to END     arrives at an inside host
//!                dropped, held
//! unreachable HOST > A quoting KIND REMOTE [to HOST]
//! fill N KIND HOST > REMOTE N flows, all forwarded
//! wait SECONDS [answered TYPE/CODE]
//! ```
//!
//! KIND is udp, syn, synack, ack, fin, echo or reply; an end is ADDRESS:PORT (or identifier),
//! an address, or a name given before.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use base::Nanos;
use config::Config;
use control::export::{Exporter, Identity};
use pktio::PacketBuf as _;
use pktio::mem::MemBuf;

use super::packet::{self, End, Kind, Seen};
use crate::sim::engine::{Engine, Sent};

/// A row of a standard, and how it is tried.
pub(super) struct Case {
    pub(super) row: &'static str,
    pub(super) clause: &'static str,
    pub(super) steps: Vec<&'static str>,
}

impl Case {
    /// Cases are parted by empty lines.
    pub(super) fn all(text: &'static str) -> Result<Vec<Self>, String> {
        let cases = text.split("\n\n").map(|case| {
            let mut lines = case.lines().filter(|line| !line.is_empty());
            let title = lines.next().and_then(|title| title.split_once(": "));
            let (row, clause) = title.ok_or_else(|| format!("no title: {case}"))?;
            let steps = lines.collect();
            Ok(Self { row, clause, steps })
        });
        cases.collect()
    }
}

/// A case being played.
pub(super) struct Run {
    engine: Engine,
    ends: BTreeMap<String, End>,
}

/// What a step came to.
struct Outcome {
    left: Vec<(String, Seen)>,
    verdict: &'static str,
    reason: &'static str,
}

impl Run {
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let nobody = Exporter::offline(Identity {
            host: "-".into(),
            process: None,
        });
        let engine =
            Engine::new(config, nobody, 1, true, Nanos(0)).map_err(|error| error.to_string())?;
        Ok(Self {
            engine,
            ends: BTreeMap::new(),
        })
    }

    /// Plays all steps; the first that goes otherwise than written, and how.
    ///
    /// # Errors
    ///
    /// A step that cannot be read.
    pub(super) fn play(&mut self, case: &Case) -> Result<Option<String>, String> {
        for step in &case.steps {
            let words: Vec<&str> = step.split(' ').collect();
            let went = self.step(&words);
            match went.ok_or_else(|| format!("{}: not understood: {step}", case.row))? {
                Ok(()) => {}
                Err(how) => return Ok(Some(format!("{step}: {how}"))),
            }
        }
        Ok(None)
    }

    fn step(&mut self, words: &[&str]) -> Option<Result<(), String>> {
        match *words {
            ["wait", seconds] => {
                self.wait(seconds)?;
                Some(Ok(()))
            }
            ["wait", seconds, "answered", error] => {
                let left = self.wait(seconds)?;
                let (of_type, code) = error.split_once('/')?;
                let error = Some((of_type.parse().ok()?, code.parse().ok()?));
                let answered = left.iter().any(|(_, seen)| seen.error == error);
                Some(answered.then_some(()).ok_or_else(|| shown(&left)))
            }
            ["fill", count, kind, from, ">", to] => {
                let (kind, from, to) = (Kind::named(kind)?, self.end(from)?, self.end(to)?);
                for number in 0..count.parse::<u16>().ok()? {
                    let outcome = self.send(kind, (from.0, FIRST + number), to)?;
                    if outcome.verdict != "forward" {
                        return Some(Err(outcome.shown()));
                    }
                }
                Some(Ok(()))
            }
            [
                "unreachable",
                by,
                ">",
                to,
                "quoting",
                kind,
                remote,
                ref rest @ ..,
            ] => {
                let (by, to) = (self.end(by)?.0, self.end(to)?);
                let (kind, remote) = (Kind::named(kind)?, self.end(remote)?);
                let outcome = self.put((by, 0), &packet::unreachable(by, kind, to, remote))?;
                match *rest {
                    [] => Some(Ok(())),
                    ["to", host] => {
                        let host = self.end(host)?.0;
                        let arrived = outcome.only(INSIDE).is_some_and(|seen| {
                            seen.error == Some((3, 3)) && seen.dst.0 == host && seen.src.0 == by
                        });
                        Some(arrived.then_some(()).ok_or_else(|| outcome.shown()))
                    }
                    _ => None,
                }
            }
            [kind, from, ">", to, ref wanted @ ..] => {
                let (kind, from, to) = (Kind::named(kind)?, self.end(from)?, self.end(to)?);
                let outcome = self.send(kind, from, to)?;
                let held = self.is(&outcome, wanted)?;
                Some(held.then_some(()).ok_or_else(|| outcome.shown()))
            }
            _ => None,
        }
    }

    /// Whether an outcome is what a step wants.
    fn is(&mut self, outcome: &Outcome, wanted: &[&str]) -> Option<bool> {
        // Out, or through a hairpin.
        let seen = outcome.only(OUTSIDE).or_else(|| outcome.only(INSIDE));
        Some(match *wanted {
            ["dropped"] => outcome.verdict == "drop" && seen.is_none(),
            ["held"] => outcome.verdict == "hold" && seen.is_none(),
            ["as", name] => seen.is_some_and(|seen| {
                *self.ends.entry(name.to_owned()).or_insert(seen.src) == seen.src
            }),
            ["at", name] => {
                let known = self.end(name)?;
                seen.is_some_and(|seen| seen.src.0 == known.0)
            }
            ["not", name] => {
                let known = self.end(name)?;
                seen.is_some_and(|seen| seen.src != known)
            }
            ["to", end] => {
                let end = self.end(end)?;
                outcome.only(INSIDE).is_some_and(|seen| seen.dst == end)
            }
            _ => return None,
        })
    }

    fn end(&self, text: &str) -> Option<End> {
        if let Some(end) = self.ends.get(text) {
            return Some(*end);
        }
        match text.split_once(':') {
            Some((address, port)) => Some((address.parse().ok()?, port.parse().ok()?)),
            None => Some((text.parse().ok()?, 0)),
        }
    }

    fn send(&mut self, kind: Kind, from: End, to: End) -> Option<Outcome> {
        self.put(from, &packet::frame(kind, from, to))
    }

    fn put(&mut self, from: End, frame: &[u8]) -> Option<Outcome> {
        let interface = if is_inside(from.0) { INSIDE } else { OUTSIDE };
        let port = self.engine.port(interface)?;
        let (sent, verdict) = self.engine.receive(MemBuf::from_frame(port, frame)?);
        Some(Outcome {
            left: read(&sent),
            verdict: verdict.verdict,
            reason: verdict.reason,
        })
    }

    fn wait(&mut self, seconds: &str) -> Option<Vec<(String, Seen)>> {
        let until = self.engine.now().0 + seconds.parse::<u64>().ok()? * 1_000_000_000;
        Some(read(&self.engine.advance(Nanos(until))))
    }
}

impl Outcome {
    /// What left by an interface, other than errors about what was sent.
    fn only(&self, interface: &str) -> Option<Seen> {
        let mut left = self.left.iter().filter(|(name, _)| name == interface);
        let seen = left.next().map(|(_, seen)| *seen)?;
        (self.verdict == "forward" && left.next().is_none()).then_some(seen)
    }

    fn shown(&self) -> String {
        format!("{} ({}), {}", self.verdict, self.reason, shown(&self.left))
    }
}

fn shown(left: &[(String, Seen)]) -> String {
    let packets: Vec<String> = left
        .iter()
        .map(|(interface, seen)| {
            let error = seen
                .error
                .map(|(of_type, code)| format!(" {of_type}/{code}"));
            format!(
                "{interface}: {}:{} > {}:{}{}",
                seen.src.0,
                seen.src.1,
                seen.dst.0,
                seen.dst.1,
                error.unwrap_or_default()
            )
        })
        .collect();
    if packets.is_empty() {
        "nothing left".into()
    } else {
        format!("left {}", packets.join("; "))
    }
}

fn read(sent: &[Sent]) -> Vec<(String, Seen)> {
    let frames = sent.iter();
    frames
        .filter_map(|sent| Some((sent.interface.clone(), Seen::of(sent.frame.bytes())?)))
        .collect()
}

fn is_inside(address: Ipv4Addr) -> bool {
    address.octets().starts_with(&[10, 64])
}

const INSIDE: &str = "inside";
const OUTSIDE: &str = "outside";
/// The first port of `fill`.
const FIRST: u16 = 20_000;
