//! The same steps for the program and for the model, and what has to agree.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;

use serde_json::Value;
use tests::{Outcome, Pipe};

use crate::naive::{End, Mapping, Naive, Session};
use crate::packet::{Protocol, Sent, What};
use crate::setup::{Millis, Setup};
use crate::step::{self, Step};

/// Program and model side by side.
pub(crate) struct Run {
    pipe: Pipe,
    model: Naive,
    now: Millis,
    /// Counters before the first step.
    before: BTreeMap<String, u64>,
    /// What packets came to.
    pub(crate) reasons: BTreeSet<&'static str>,
}

impl Run {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut pipe = Pipe::new(&setup.config());
        Self {
            before: pipe.counters(),
            pipe,
            model: Naive::new(setup),
            now: 0,
            reasons: BTreeSet::new(),
        }
    }

    /// Takes all steps, and then waits for the end of everything.
    pub(crate) fn all(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
            self.compare_tables();
        }
        self.wait(1_000_000);
        self.compare_tables();
        self.nothing_is_left();
    }

    fn step(&mut self, step: &Step) {
        let of_session = |session: usize| {
            let sessions = &self.model.sessions;
            let session = sessions.get(session % sessions.len().max(1))?;
            Some((
                session.protocol,
                session.inside,
                session.remote,
                session.outside,
            ))
        };
        let of_mapping = |what: What, number: usize| {
            let same = |one: &&Mapping| one.protocol == what.protocol();
            let mappings: Vec<_> = self.model.mappings.iter().filter(same).collect();
            let mapping = mappings.get(number % mappings.len().max(1))?;
            Some(mapping.outside)
        };
        match *step {
            Step::Out {
                what,
                host,
                port,
                remote,
            } => {
                let dst = addressed(what, step::remote(remote));
                self.inside(Sent {
                    what,
                    src: step::inside(host, port),
                    dst,
                });
            }
            Step::In {
                what,
                remote,
                mapping,
            } => {
                if let Some(dst) = of_mapping(what, mapping) {
                    let src = addressed(what, step::remote(remote));
                    self.outside(Sent {
                        what: what.answering(),
                        src,
                        dst,
                    });
                }
            }
            Step::Stray {
                what,
                remote,
                endpoint,
            } => {
                let dst = addressed(what, self.model.setup.endpoint(endpoint));
                self.outside(Sent {
                    what,
                    src: step::remote(remote),
                    dst,
                });
            }
            Step::Hairpin {
                what,
                host,
                port,
                mapping,
            } => {
                if let Some(outside) = of_mapping(what, mapping) {
                    let dst = addressed(what, outside);
                    self.inside(Sent {
                        what,
                        src: step::inside(host, port),
                        dst,
                    });
                }
            }
            Step::More { what, session } => {
                if let Some((protocol, src, dst, _)) = of_session(session) {
                    self.inside(Sent {
                        what: of_protocol(protocol, what),
                        src,
                        dst,
                    });
                }
            }
            Step::Reply { what, session } => {
                if let Some((protocol, _, src, dst)) = of_session(session) {
                    let what = of_protocol(protocol, what).answering();
                    // The remote of a hairpin is inside.
                    let peer = |one: &&Session| {
                        (one.protocol, one.outside, one.remote) == (protocol, src, dst)
                    };
                    if !self.model.setup.owns(*src.ip()) {
                        self.outside(Sent { what, src, dst });
                    } else if let Some(peer) = self.model.sessions.iter().find(peer) {
                        let src = peer.inside;
                        self.inside(Sent { what, src, dst });
                    }
                }
            }
            Step::Wait(time) => self.wait(time),
            Step::Clear => {
                let cleared = self.pipe.clear("translations") as usize;
                assert_eq!(cleared, self.model.sessions.len());
                self.model.clear();
            }
        }
    }

    fn wait(&mut self, time: Millis) {
        self.now += time;
        let left = self.pipe.at(self.now as f64 / 1000.0);
        for left in left {
            // The answer to a SYN that was held (RFC 5382 REQ-4).
            assert_eq!(
                left.seen.icmp_kind(),
                Some((3, 3)),
                "left by itself: {left:?}"
            );
        }
        self.model.advance(self.now);
    }

    fn inside(&mut self, sent: Sent) {
        if self.model.is_unobservable(&sent) {
            return;
        }
        let outcome = self.pipe.inside(sent.packet());
        let (pipe, model) = (&mut self.pipe, &mut self.model);
        let known: BTreeSet<(Protocol, SocketAddrV4)> = (model.mappings.iter())
            .map(|mapping| (mapping.protocol, mapping.outside))
            .collect();
        let mut choice = |protocol: Protocol, inside: SocketAddrV4| match forwarded(&outcome) {
            Some((source, _)) => Some(source),
            // Nothing left, so it has to be asked for.
            None => new_mapping(pipe, protocol, inside, &known),
        };
        let end = model.inside(&sent, &mut choice);
        self.compare(&sent, &outcome, end);
    }

    fn outside(&mut self, sent: Sent) {
        let outcome = self.pipe.outside(sent.packet());
        let end = self.model.outside(&sent);
        self.compare(&sent, &outcome, end);
    }

    fn compare(&mut self, sent: &Sent, outcome: &Outcome, end: End) {
        let became = (outcome.reason.as_str(), forwarded(outcome));
        assert_eq!(
            became,
            (end.reason, end.forwarded),
            "what became of {sent:?}"
        );
        if let Some((_, to)) = end.forwarded {
            let out = if end.reason == "forward.outbound" {
                "outside"
            } else {
                "inside"
            };
            let [left] = &outcome.left[..] else {
                panic!("{sent:?} became more than one: {outcome:?}");
            };
            assert_eq!(left.interface, out, "{sent:?} for {to}");
            assert_eq!(left.seen.payload, sent.packet().payload, "{sent:?}");
        } else {
            // Nothing but an answer or an ICMP error to whoever sent it.
            assert!(outcome.left.len() <= 1, "{sent:?} came to {outcome:?}");
            for left in &outcome.left {
                assert_eq!(left.interface, outcome.from, "{sent:?} came to {outcome:?}");
                assert_eq!(left.seen.dst.ip(), *sent.src.ip(), "{sent:?}");
                assert!(left.seen.icmp.is_some(), "{sent:?} came to {outcome:?}");
            }
        }
        self.reasons.insert(end.reason);
    }

    // --- tables --------------------------------------------------------------

    fn compare_tables(&mut self) {
        self.compare_translations();
        self.compare_mappings();
        self.compare_subscribers();
        self.compare_pools();
        self.compare_counters();
        self.pipe.check_verdicts();
        self.pipe.forget_transcript();
    }

    fn compare_translations(&mut self) {
        let shown = rows(&self.pipe.show("translations"), |row| {
            let [out, back] = ["packets_out", "packets_in"].map(|key| row[key].as_u64().unwrap());
            format!(
                "{} {} {}, {out} out {back} in",
                flow(row),
                text(row, "remote"),
                text(row, "state")
            )
        });
        let expected = sorted(self.model.sessions.iter().map(|one| {
            let remote = match one.protocol {
                Protocol::Icmp => SocketAddrV4::new(*one.remote.ip(), 0),
                _ => one.remote,
            };
            let [out, back] = one.packets;
            format!(
                "{} {} {} {remote} {}, {out} out {back} in",
                one.protocol.name(),
                one.inside,
                one.outside,
                one.state.name()
            )
        }));
        same("translations", &shown, &expected);
    }

    fn compare_mappings(&mut self) {
        let shown = rows(&self.pipe.show("mappings"), |row| {
            format!("{}, {} sessions", flow(row), row["sessions"])
        });
        let expected = sorted(self.model.mappings.iter().map(|one| {
            let sessions = self.model.sessions_under(one);
            let protocol = one.protocol.name();
            format!(
                "{protocol} {} {}, {sessions} sessions",
                one.inside, one.outside
            )
        }));
        same("mappings", &shown, &expected);
        // No two share an outside endpoint.
        let endpoints: BTreeSet<_> = (self.model.mappings.iter())
            .map(|one| (one.protocol, one.outside))
            .collect();
        assert_eq!(endpoints.len(), self.model.mappings.len());
    }

    fn compare_subscribers(&mut self) {
        let shown = rows(&self.pipe.show("subscribers"), |row| {
            format!(
                "{}: {} blocks, {} ports, {} sessions, {} refused",
                text(row, "inside"),
                row["blocks"],
                row["ports_used"],
                row["sessions"],
                row["refused"]
            )
        });
        let model = &self.model;
        let expected = sorted(model.subscribers.iter().map(|(host, subscriber)| {
            let ports = model.mappings.iter().filter(|one| one.inside.ip() == host);
            format!(
                "{host}: {} blocks, {} ports, {} sessions, {} refused",
                model.blocks_of(*host),
                ports.count(),
                model.sessions_of(*host),
                subscriber.refused
            )
        }));
        same("subscribers", &shown, &expected);
    }

    fn compare_pools(&mut self) {
        let model = &self.model;
        let shown = rows(&self.pipe.show("pools"), |row| {
            format!(
                "{}: {} of {} blocks, {} subscribers",
                text(row, "name"),
                row["blocks_used"],
                row["blocks_total"],
                row["subscribers"]
            )
        });
        let shown: Vec<String> = (shown.into_iter())
            .filter(|row| row.starts_with("pool-"))
            .collect();
        let expected = sorted((0..model.setup.pools.len()).map(|pool| {
            let (total, lent) = model.blocks_in(pool);
            let has = |host: &&std::net::Ipv4Addr| !model.addresses_of(**host, pool).is_empty();
            let subscribers = model.subscribers.keys().filter(has).count();
            format!("pool-{pool}: {lent} of {total} blocks, {subscribers} subscribers")
        }));
        same("pools", &shown, &expected);
    }

    fn compare_counters(&mut self) {
        let compared = |name: &str| {
            let area = name.split('.').next().unwrap();
            matches!(area, "verdict" | "forward" | "drop" | "nat") || name.starts_with("hold.syn")
        };
        let before = &self.before;
        let mut expected: BTreeMap<String, u64> = (self.model.counters.iter())
            .map(|(name, value)| ((*name).to_owned(), *value))
            .filter(|(name, _)| compared(name))
            .collect();
        expected.retain(|_, value| *value > 0);
        let mut shown = self.pipe.counters();
        for (name, value) in &mut shown {
            *value -= before.get(name).copied().unwrap_or(0);
        }
        shown.retain(|name, value| *value > 0 && compared(name));
        assert_eq!(shown, expected, "counters");
    }

    fn nothing_is_left(&mut self) {
        for what in ["translations", "mappings", "subscribers"] {
            let rows = self.pipe.show(what);
            assert!(rows.is_empty(), "{what} left over: {rows:?}");
        }
        for row in self.pipe.show("pools") {
            assert_eq!(
                (&row["blocks_used"], &row["subscribers"]),
                (&0.into(), &0.into()),
                "{row}"
            );
        }
    }
}

/// Source and destination of what was forwarded.
fn forwarded(outcome: &Outcome) -> Option<(SocketAddrV4, SocketAddrV4)> {
    let forwards = outcome.verdict == "forward";
    let left = outcome.left.first().filter(|_| forwards)?;
    Some((left.seen.src.0, left.seen.dst.0))
}

/// The outside endpoint of an inside one that was not known before.
fn new_mapping(
    pipe: &mut Pipe,
    protocol: Protocol,
    inside: SocketAddrV4,
    known: &BTreeSet<(Protocol, SocketAddrV4)>,
) -> Option<SocketAddrV4> {
    let rows = pipe.show("mappings");
    rows.iter()
        .filter(|row| {
            row["protocol"] == protocol.name() && text(row, "inside") == inside.to_string()
        })
        .map(|row| text(row, "outside").parse().unwrap())
        .find(|outside| !known.contains(&(protocol, *outside)))
}

/// An echo has no port of the remote's.
fn addressed(what: What, endpoint: SocketAddrV4) -> SocketAddrV4 {
    match what {
        What::Ping | What::Pong => SocketAddrV4::new(*endpoint.ip(), 0),
        _ => endpoint,
    }
}

/// What is sent within a session of a protocol.
fn of_protocol(protocol: Protocol, what: What) -> What {
    match protocol {
        Protocol::Udp => What::Udp,
        Protocol::Icmp => What::Ping,
        Protocol::Tcp if what.protocol() == Protocol::Tcp => what,
        Protocol::Tcp => What::SynAck,
    }
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key]
        .as_str()
        .unwrap_or_else(|| panic!("no `{key}` in {row}"))
}

fn flow(row: &Value) -> String {
    format!(
        "{} {} {}",
        text(row, "protocol"),
        text(row, "inside"),
        text(row, "outside")
    )
}

fn rows(rows: &[Value], line: impl Fn(&Value) -> String) -> Vec<String> {
    sorted(rows.iter().map(line))
}

/// Fails with the rows that only one side has.
fn same(what: &str, shown: &[String], expected: &[String]) {
    let only = |these: &[String], others: &[String]| {
        let differ = these.iter().filter(|row| !others.contains(row));
        differ.cloned().collect::<Vec<String>>()
    };
    assert!(
        shown == expected,
        "{what}: shown are {:#?}, expected were {:#?}",
        only(shown, expected),
        only(expected, shown),
    );
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}
