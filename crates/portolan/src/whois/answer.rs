//! What was found, and how it is told.

use std::fmt::Write;

use config::Config;
use config::model::{Deterministic, VrfId};
use serde::Serialize;

use super::Endpoint;
use super::ranges::{PortRange, port_words};
use crate::book::protocol_name;

/// One holder of one or more outside endpoints.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Endpoint or addresses.
    pub(super) outside: String,
    /// Host, or hosts; `None` where only the log knows.
    pub(super) inside: Option<String>,
    /// Realm of the inside; several for a pool of several rules.
    pub(super) vrf: String,
    pub(super) outside_vrf: String,
    /// As `show` names protocols; `any`, or several.
    pub(super) protocol: String,
    pub(super) kind: Kind,
    /// Of a static mapping: one-to-one, network, port forward, protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) form: Option<&'static str>,
    /// Of the deterministic range or the pool.
    pub(super) name: Option<String>,
    /// Rules, and deterministic ranges by their overflow, that draw on the pool.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rules: Vec<String>,
    /// Outside ports that the inside host has there, or may have.
    pub(super) ports: Vec<PortRange>,
    /// Runs of ports that are left out of `ports`, if there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) ports_left_out: usize,
    pub(super) log_needed: bool,
    /// Of what the store knows: since when, and until when if it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<String>,
    /// Of a session whose remote endpoint is logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remote: Option<String>,
    /// Who told the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) appliance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How an endpoint is bound to its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Static,
    Deterministic,
    Dynamic,
}

impl Answer {
    /// One about a deterministic range, for the endpoints and the host to be put in.
    pub(super) fn of_range(
        range: &Deterministic,
        left: &Protocols,
        findings: &Findings<'_>,
    ) -> Self {
        Self {
            outside: String::new(),
            inside: None,
            vrf: findings.vrf(range.vrf),
            outside_vrf: findings.vrf(range.outside_vrf),
            protocol: left.words(),
            kind: Kind::Deterministic,
            form: None,
            name: Some(range.name.clone()),
            rules: Vec::new(),
            ports: Vec::new(),
            ports_left_out: 0,
            log_needed: false,
            from: None,
            until: None,
            remote: None,
            appliance: None,
            note: None,
        }
    }

    /// Says something more.
    pub(super) fn add_note(&mut self, note: &str) {
        match &mut self.note {
            Some(notes) => {
                notes.push_str("; ");
                notes.push_str(note);
            }
            None => self.note = Some(note.to_owned()),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{key:<13}{value}");
        };
        line("outside:", &self.outside);
        line("inside:", self.inside.as_deref().unwrap_or("unknown"));
        line("vrf:", &self.vrf);
        if self.outside_vrf != self.vrf {
            line("outside vrf:", &self.outside_vrf);
        }
        line("protocol:", &self.protocol);
        match (self.kind, self.form) {
            (Kind::Static, form) => line("static:", form.unwrap_or("mapping")),
            (Kind::Deterministic, _) => line("range:", self.name.as_deref().unwrap_or("")),
            (Kind::Dynamic, _) => {
                if let Some(pool) = &self.name {
                    line("pool:", pool);
                }
            }
        }
        if !self.rules.is_empty() {
            line("rules:", &self.rules.join(", "));
        }
        if !self.ports.is_empty() {
            line("ports:", &port_words(&self.ports));
        }
        let optional = [
            ("from:", &self.from),
            ("until:", &self.until),
            ("remote:", &self.remote),
            ("appliance:", &self.appliance),
        ];
        for (key, value) in optional {
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                line(key, value);
            }
        }
        let log = match (self.kind, self.log_needed) {
            (Kind::Static, false) => "static: not needed",
            (Kind::Deterministic, false) => "deterministic: not needed",
            (Kind::Static, true) => "static: consult the log",
            (Kind::Deterministic, true) => "deterministic: consult the log",
            (Kind::Dynamic, false) => "dynamic: this is what the store has",
            (Kind::Dynamic, true) => "dynamic: consult the log",
        };
        line("log:", log);
        if let Some(note) = &self.note {
            line("note:", note);
        }
        text
    }
}

/// Everything found about one question.
#[derive(Debug)]
pub(super) struct Findings<'c> {
    config: Option<&'c Config>,
    answers: Vec<Answer>,
    /// Why something that could have been an answer is none.
    why_not: Vec<String>,
    note: Option<String>,
}

impl<'c> Findings<'c> {
    pub(super) fn new(config: Option<&'c Config>) -> Self {
        Self {
            config,
            answers: Vec::new(),
            why_not: Vec::new(),
            note: None,
        }
    }

    pub(super) fn add(&mut self, answer: Answer) {
        self.answers.push(answer);
    }

    /// Somebody knows what the log knows.
    pub(super) fn leave_out_the_log(&mut self) {
        self.answers.retain(|answer| !answer.log_needed);
        self.why_not.clear();
    }

    pub(super) fn why_not(&mut self, why: String) {
        self.why_not.push(why);
    }

    pub(super) fn vrf(&self, id: VrfId) -> String {
        let name = self
            .config
            .and_then(|config| config.vrfs.get(usize::from(id)));
        name.cloned().unwrap_or_default()
    }

    /// Something to be said with every answer.
    pub(super) fn note(&mut self, note: &str) {
        for answer in &mut self.answers {
            answer.add_note(note);
        }
        self.note = Some(note.to_owned());
    }

    /// Why there is no answer, if there is none.
    pub(super) fn nobody(&self, asked: Endpoint) -> Option<String> {
        if !self.answers.is_empty() {
            return None;
        }
        let why = self.why_not.first().map_or(
            "it is in no pool, deterministic range, static mapping or source of a rule",
            String::as_str,
        );
        let note = self.note.as_ref();
        let note = note.map_or(String::new(), |note| format!("; note: {note}"));
        Some(format!("nobody has {asked}: {why}{note}"))
    }

    pub(super) fn text(&self) -> String {
        let blocks: Vec<String> = self.answers.iter().map(Answer::text).collect();
        blocks.join("\n")
    }

    pub(super) fn json(&self) -> String {
        // Maps with other keys than texts are what cannot be written, and there are none.
        let mut json = serde_json::to_string(&self.answers).unwrap_or_default();
        json.push('\n');
        json
    }
}

/// The protocols a question is about that static mappings have left over.
#[derive(Debug)]
pub(super) struct Protocols(Vec<u8>);

impl Protocols {
    /// The one asked about, or those that pools are for first of all.
    pub(super) fn of(asked: Option<u8>) -> Self {
        Self(asked.map_or_else(|| vec![6, 17, 1], |protocol| vec![protocol]))
    }

    /// A mapping has all of `protocol`, or everything.
    pub(super) fn take(&mut self, protocol: Option<u8>) {
        self.0
            .retain(|left| protocol.is_some_and(|taken| taken != *left));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether their ports come out of pools, as those of UDP do.
    pub(super) fn have_ports(&self) -> bool {
        self.0.iter().all(|&protocol| has_pool_ports(protocol))
    }

    pub(super) fn words(&self) -> String {
        let names: Vec<String> = self.0.iter().map(|&each| protocol_name(each)).collect();
        names.join(", ")
    }
}

/// ICMP (identifiers), TCP, UDP, DCCP and UDP-Lite.
pub(super) const fn has_pool_ports(protocol: u8) -> bool {
    matches!(protocol, 1 | 6 | 17 | 33 | 136)
}
