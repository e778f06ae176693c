//! Steps of a case, as they are written and as they are played.
//!
//! ```text
//! KIND[,WITH...] FROM > TO [OUTCOME [and OUTCOME]...]
//! TYPE/CODE[,WITH...] FROM > TO about KIND[,WITH...] FROM > TO [OUTCOME...]    an ICMP error
//! fill N KIND[,WITH...] HOST > TO [OUTCOME...]    from N ports
//! fill N KIND[,WITH...] HOST > TO admits M        M of them pass
//! wait SECONDS [silent | answered TYPE/CODE]
//! reload PLACE KEY: VALUE
//! ```
//!
//! | outcome | the packet |
//! |---|---|
//! | `as NAME` | leaves from the endpoint of this name, which it gets here if it is new |
//! | `not NAME`, `at NAME`, `off NAME` | from another endpoint, from the same address, from another |
//! | `to END` | arrives at an inside host |
//! | `unchanged` | leaves with the ends it came with |
//! | `dropped`, `held`, `consumed` | does not leave, and nobody hears of it |
//! | `answered TYPE/CODE` | does not leave; its sender gets an ICMP error that quotes it |
//! | `echoed` | is answered by the appliance itself |
//! | `quoting END > END` | is an error and arrives as it was sent, quoting that |
//! | `ports LOW-HIGH`, `even`, `odd` | leaves from such a port |
//! | `mtu N` | is an error that says so |
//! | `id NAME`, `not-id NAME` | has the identification of that name, which it gets here if it is new; another |
//! | `pieces` | leaves as pieces in order |
//! | `completes` | makes a whole datagram of the pieces that have left |
//! | `scattered` | of many: their ports show no steps |
//!
//! Whatever leaves has right checksums, a TTL less by one, and is otherwise what was sent. Without
//! an outcome it does not matter what becomes of it. KINDs and what a packet may be made WITH are
//! in `Kind::named` and `Run::with`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use base::Nanos;
use control::export::{Exporter, Identity};
use control::protocol::{Request, Response};
use pktio::PacketBuf as _;
use pktio::mem::MemBuf;

use super::case::{self, Case, Given};
use super::packet::{self, End, Kind, Packet, Seen};
use crate::sim::engine::{Engine, Sent};

/// A case being played.
pub(super) struct Run {
    engine: Engine,
    given: Given,
    ends: BTreeMap<String, End>,
    /// Pieces that have left and make no whole yet.
    pieces: Vec<Vec<u8>>,
    /// What was sent in pieces.
    in_pieces: Vec<u8>,
}

/// What was sent, and what it came to.
struct Outcome {
    sent: Seen,
    left: Vec<(String, Seen)>,
    verdict: &'static str,
    reason: &'static str,
}

impl Run {
    pub(super) fn new(given: &Given) -> Result<Self, String> {
        let nobody = Exporter::offline(Identity {
            host: "-".into(),
            process: None,
        });
        let config = given.config()?;
        let engine = Engine::new(&config, nobody, 1, true, Nanos(0))
            .map_err(|error| error.to_string())?
            .rereading(Box::new(|text, _| case::parse(text.unwrap_or_default())));
        Ok(Self {
            engine,
            given: given.clone(),
            ends: BTreeMap::new(),
            pieces: Vec::new(),
            in_pieces: Vec::new(),
        })
    }

    /// Plays all steps; the first that goes otherwise than written, and how.
    ///
    /// # Errors
    ///
    /// A step that cannot be read.
    pub(super) fn play(&mut self, case: &Case) -> Result<Option<String>, String> {
        for step in case.steps() {
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
            ["wait", seconds, ref wanted @ ..] => {
                let until = self.engine.now().0 + seconds.parse::<u64>().ok()? * 1_000_000_000;
                let left = read(&self.engine.advance(Nanos(until)));
                let right = match *wanted {
                    [] => true,
                    ["silent"] => left.is_empty(),
                    ["answered", error] => {
                        let error = kind_of_error(error)?;
                        left.iter().any(|(_, seen)| seen.error == Some(error))
                    }
                    _ => return None,
                };
                Some(right.then_some(()).ok_or_else(|| shown(&left)))
            }
            ["reload", ref pair @ ..] => {
                self.given.take(&pair.join(" "))?;
                let reload = Request::Reload {
                    file: Some(self.given.text()),
                    dry_run: false,
                };
                Some(match self.engine.ask(reload) {
                    Response::Reloaded(_) => Ok(()),
                    Response::Refused(why) => Err(why.to_string()),
                    _ => Err("no answer".into()),
                })
            }
            ["fill", count, ref words @ ..] => self.fill(count.parse().ok()?, words),
            [
                kind,
                from,
                ">",
                to,
                "about",
                quoted,
                src,
                ">",
                dst,
                ref wanted @ ..,
            ] => {
                let quote = self.packet(quoted, src, dst)?;
                let mut error = self.packet(kind, from, to)?;
                let short = !quoted.split(',').any(|with| with == "whole");
                error.data = quote.quote(short.then_some(8));
                if kind.split(',').any(|with| with == "extended") {
                    error.data = packet::extended(error.data);
                }
                let outcome = self.put(from, &error.bytes())?;
                self.judge(&outcome, wanted)
            }
            [kind, from, ">", to, ref wanted @ ..] => {
                let packet = self.packet(kind, from, to)?;
                let bytes = packet.bytes();
                let piece = kind.split(',').find_map(|with| with.strip_prefix("piece="));
                let outcome = if let Some(number) = piece {
                    let number: usize = number.parse().ok()?;
                    let piece = packet::pieces(&bytes)
                        .into_iter()
                        .nth(number.checked_sub(1)?)?;
                    self.in_pieces = bytes;
                    self.put(from, &piece)?
                } else {
                    self.put(from, &bytes)?
                };
                let pieces = outcome.left.iter().filter(|(_, seen)| seen.is_piece);
                self.pieces
                    .extend(pieces.map(|(_, seen)| seen.bytes.clone()));
                self.judge(&outcome, wanted)
            }
            _ => None,
        }
    }

    fn fill(&mut self, count: u16, words: &[&str]) -> Option<Result<(), String>> {
        let [kind, host, ">", to, ref wanted @ ..] = *words else {
            return None;
        };
        let host = self.end(host)?.0;
        let (mut admitted, mut ports) = (0, Vec::new());
        for number in 0..count {
            let from = format!("{host}:{}", FIRST + number);
            let bytes = self.packet(kind, &from, to)?.bytes();
            let outcome = self.put(&from, &bytes)?;
            match *wanted {
                ["admits", _] => admitted += usize::from(outcome.verdict == "forward"),
                ["scattered"] => ports.push(outcome.passed().ok()?.1.src.1),
                _ => {
                    if let Err(how) = self.judge(&outcome, wanted)? {
                        return Some(Err(format!("number {}: {how}", number + 1)));
                    }
                }
            }
        }
        Some(match *wanted {
            ["admits", most] if most.parse() != Ok(admitted) => Err(format!("{admitted} passed")),
            ["scattered"] => {
                let steps: BTreeSet<i32> = ports
                    .windows(2)
                    .filter_map(|two| Some(i32::from(*two.get(1)?) - i32::from(*two.first()?)))
                    .collect();
                let some = steps.len() * 2 > usize::from(count);
                some.then_some(())
                    .ok_or_else(|| format!("{} different steps", steps.len()))
            }
            _ => Ok(()),
        })
    }

    /// A packet as a step writes it.
    fn packet(&self, kind: &str, from: &str, to: &str) -> Option<Packet> {
        let mut words = kind.split(',');
        let kind = Kind::named(words.next()?)?;
        let mut packet = Packet::new(kind, self.end(from)?, self.end(to)?);
        for word in words {
            Self::with(&mut packet, word)?;
        }
        Some(packet)
    }

    fn with(packet: &mut Packet, word: &str) -> Option<()> {
        match word.split_once('=').unwrap_or((word, "")) {
            ("ttl", ttl) => packet.ttl = ttl.parse().ok()?,
            ("tos", tos) => packet.tos = tos.parse().ok()?,
            ("id", id) => packet.id = id.parse().ok()?,
            ("seq", seq) => packet.seq = seq.parse().ok()?,
            ("mtu", mtu) => packet.mtu = mtu.parse().ok()?,
            ("data", length) => packet.data = vec![b'x'; length.parse().ok()?],
            ("df", _) => packet.df = true,
            ("unsummed", _) => packet.unsummed = true,
            ("wrong-header", _) => packet.wrong = [true, false],
            ("wrong-sum", _) => packet.wrong = [false, true],
            // Record route and loose source route, with room for one address (RFC 791).
            ("record-route", _) => packet.options = vec![7, 7, 4, 0, 0, 0, 0, 0],
            ("source-route", _) => packet.options = vec![131, 7, 4, 192, 0, 2, 9, 0],
            ("no-operations", _) => packet.options = vec![1; 40],
            // Of the packet as a whole, or of where it comes in.
            ("piece" | "whole" | "extended", _) => {}
            _ => return None,
        }
        Some(())
    }

    /// Whether an outcome is what a step wants.
    fn judge(&mut self, outcome: &Outcome, wanted: &[&str]) -> Option<Result<(), String>> {
        for wanted in wanted
            .split(|word| *word == "and")
            .filter(|words| !words.is_empty())
        {
            if let Err(why) = self.is(outcome, wanted)? {
                return Some(Err(format!("{why}: {}", outcome.shown())));
            }
        }
        Some(Ok(()))
    }

    fn is(&mut self, outcome: &Outcome, wanted: &[&str]) -> Option<Result<(), &'static str>> {
        let quiet = outcome.left.is_empty();
        let verdict = |verdict| outcome.verdict == verdict && quiet;
        let right = match *wanted {
            ["dropped"] => verdict("drop"),
            ["held"] => verdict("hold"),
            ["consumed"] => verdict("consume"),
            ["answered", error] => outcome.is_refused(kind_of_error(error)?),
            ["echoed"] => match outcome.left.as_slice() {
                [(_, seen)] => {
                    let ends = (seen.src.0, seen.dst) == (outcome.sent.dst.0, outcome.sent.src);
                    outcome.verdict == "consume" && ends && seen.fault.is_none()
                }
                _ => false,
            },
            ["pieces"] => {
                let offsets: Vec<usize> =
                    outcome.left.iter().map(|(_, seen)| seen.offset).collect();
                offsets.len() > 1 && offsets.is_sorted()
            }
            ["completes", ref end @ ..] => return self.completes(outcome, end),
            _ => {
                let (_, seen) = match outcome.passed() {
                    Ok(passed) => passed,
                    Err(why) => return Some(Err(why)),
                };
                return self.left(outcome, &seen.clone(), wanted);
            }
        };
        Some(right.then_some(()).ok_or("otherwise"))
    }

    /// The same of the one packet that left.
    fn left(
        &mut self,
        outcome: &Outcome,
        seen: &Seen,
        wanted: &[&str],
    ) -> Option<Result<(), &'static str>> {
        let inside = |end: End| is_inside(end.0);
        let right = match *wanted {
            ["as", name] => {
                let known = self.end(name);
                self.ends.entry(name.into()).or_insert(seen.src);
                known.map_or(!inside(seen.src), |end| seen.src == end)
            }
            ["not", name] => seen.src != self.end(name)? && !inside(seen.src),
            ["at", name] => seen.src.0 == self.end(name)?.0,
            ["off", name] => seen.src.0 != self.end(name)?.0 && !inside(seen.src),
            ["to", end] => seen.dst == self.end(end)?,
            ["unchanged"] => (seen.src, seen.dst) == (outcome.sent.src, outcome.sent.dst),
            ["quoting", src, ">", dst] => {
                let quoted = (self.end(src)?, self.end(dst)?);
                seen.quoted == Some(quoted) && seen.dst.0 == quoted.0.0
            }
            ["ports", range] => {
                let (low, high) = range.split_once('-')?;
                (low.parse().ok()?..=high.parse().ok()?).contains(&seen.src.1)
            }
            ["even"] => seen.src.1.is_multiple_of(2),
            ["odd"] => !seen.src.1.is_multiple_of(2),
            ["mtu", mtu] => seen.mtu == mtu.parse::<u16>().ok()?,
            ["id", name] => {
                let id = (Ipv4Addr::UNSPECIFIED, seen.id);
                *self.ends.entry(name.into()).or_insert(id) == id
            }
            ["not-id", name] => seen.id != self.end(name)?.1,
            _ => return None,
        };
        Some(right.then_some(()).ok_or("otherwise"))
    }

    /// Whether the pieces that have left are the whole of what was sent in pieces, by those ends.
    fn completes(&mut self, outcome: &Outcome, end: &[&str]) -> Option<Result<(), &'static str>> {
        let whole = packet::whole(core::mem::take(&mut self.pieces));
        let seen = whole.and_then(|whole| Seen::of(&whole));
        let sent = if self.in_pieces.is_empty() {
            outcome.sent.bytes.clone()
        } else {
            core::mem::take(&mut self.in_pieces)
        };
        Some(match seen {
            None => Err("they are no whole"),
            Some(seen) if seen.fault.is_some() || !seen.carries(&sent) => Err("not what was sent"),
            Some(seen) if end.is_empty() => seen.fault.map_or(Ok(()), Err),
            Some(seen) => return self.left(outcome, &seen, end),
        })
    }

    fn end(&self, text: &str) -> Option<End> {
        if let Some(end) = self.ends.get(text) {
            return Some(*end);
        }
        let (base, port) = match text.split_once(':') {
            Some((base, port)) => (base, port.parse().ok()?),
            None => (text, 0),
        };
        let host = HOSTS.iter().find(|(name, _)| *name == base);
        let known = host.map(|(_, address)| address);
        let known = known.or_else(|| self.ends.get(base).map(|(address, _)| address));
        let address = known.map_or_else(|| base.parse().ok(), |address| Some(*address))?;
        Some((address, port))
    }

    fn put(&mut self, from: &str, packet: &[u8]) -> Option<Outcome> {
        let inside = is_inside(self.end(from)?.0);
        let interface = if inside { "inside" } else { "outside" };
        let port = self.engine.port(interface)?;
        let frame = packet::frame(packet);
        let (sent, verdict) = self.engine.receive(MemBuf::from_frame(port, &frame)?);
        Some(Outcome {
            sent: Seen::of(packet)?,
            left: read(&sent),
            verdict: verdict.verdict,
            reason: verdict.reason,
        })
    }
}

impl Outcome {
    /// The one packet that left, if it is right.
    fn passed(&self) -> Result<&(String, Seen), &'static str> {
        match self.left.as_slice() {
            [passed] if self.verdict == "forward" => {
                let (_, seen) = passed;
                match seen.fault {
                    Some(fault) => Err(fault),
                    None if seen.carries(&self.sent.bytes) => Ok(passed),
                    None => Err("more than it should differs from what was sent"),
                }
            }
            _ => Err("not one packet that passes"),
        }
    }

    /// Whether its sender got this error about it, with its own DSCP, and nobody anything else.
    fn is_refused(&self, error: (u8, u8)) -> bool {
        let [(_, seen)] = self.left.as_slice() else {
            return false;
        };
        let quoted = Some((self.sent.src, self.sent.dst));
        self.verdict == "drop"
            && seen.error == Some(error)
            && seen.dst.0 == self.sent.src.0
            && seen.quoted == quoted
            && seen.tos >> 2 == self.sent.tos >> 2
            && seen.fault.is_none()
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
            let (src, dst) = (seen.src, seen.dst);
            let error = error.unwrap_or_default();
            format!(
                "{interface}: {}:{} > {}:{}{error}",
                src.0, src.1, dst.0, dst.1
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
        .filter_map(|sent| Some((sent.interface.clone(), Seen::of_frame(sent.frame.bytes())?)))
        .collect()
}

fn kind_of_error(text: &str) -> Option<(u8, u8)> {
    let (of_type, code) = text.split_once('/')?;
    Some((of_type.parse().ok()?, code.parse().ok()?))
}

fn is_inside(address: Ipv4Addr) -> bool {
    address.octets().starts_with(&[10, 64])
}

/// Who there is: subscribers, remote hosts, a router out there, and the appliance's own addresses.
const HOSTS: [(&str, Ipv4Addr); 8] = [
    ("A", Ipv4Addr::new(10, 64, 0, 7)),
    ("B", Ipv4Addr::new(10, 64, 0, 8)),
    ("C", Ipv4Addr::new(10, 64, 0, 9)),
    ("X", Ipv4Addr::new(192, 0, 2, 1)),
    ("Y", Ipv4Addr::new(192, 0, 2, 9)),
    ("R", Ipv4Addr::new(192, 0, 2, 77)),
    ("IN", Ipv4Addr::new(10, 64, 0, 1)),
    ("OUT", Ipv4Addr::new(198, 51, 100, 1)),
];
/// The first port of `fill`.
const FIRST: u16 = 20_000;
