//! `alg`: settings of the application gateways.
//!
//! They are read and checked in full.

use crate::error::{At, Report, Wrong};
use crate::ipsec;
use crate::keys::{Key, Kind};
use crate::machine::section;
use crate::model::{Action, Alg, Ipsec, Rule};
use crate::node::{self, Node};
use crate::section::Section;
use crate::sip;
use crate::text::{self, shown};
use crate::trunks;

/// What lists ports of a gateway.
const PORTS: Kind = Kind::Many(&Kind::Number(1, 65_535));

/// IP protocols.
const TCP: u8 = 6;
const UDP: u8 = 17;
const GRE: u8 = 47;

/// Where servers of PPTP are.
const PPTP: u16 = 1723;

/// SIP over TLS: seen, counted and let go.
const SIPS: u16 = 5061;

/// All gateways, with what `alg` at the top says.
pub(crate) fn read(top: &Section<'_>, report: &mut Report) -> Vec<Alg> {
    let names = names();
    let section = section(top, "alg", &names, report);
    GATEWAYS
        .iter()
        .map(|gateway| one(gateway, section.child(gateway.name), report))
        .collect()
}

/// The gateways that `alg` in a rule names; they override those at the top.
pub(crate) fn in_rule(rule: &Section<'_>, report: &mut Report) -> Vec<Alg> {
    let names = names();
    let section = section(rule, "alg", &names, report);
    GATEWAYS
        .iter()
        .filter_map(|gateway| Some(one(gateway, Some(section.child(gateway.name)?), report)))
        .collect()
}

/// Whether PPTP is off by these settings, if they say it.
pub(crate) fn pptp_is_off(algs: &[Alg]) -> Option<bool> {
    let mut pptp = algs.iter().filter(|alg| alg.name == "pptp");
    pptp.next().map(|alg| !alg.enabled)
}

/// Says so where PPTP is off and a rule lets its connections through without their GRE. What has
/// `whole` addresses translates every protocol.
pub(crate) fn warn_of_gre(at: At, rule: &Rule, whole: bool, report: &mut Report) {
    let reaches = |(low, high): &(u16, u16)| (*low..=*high).contains(&PPTP);
    let has = |protocol: u8| rule.protocols.contains(&protocol);
    let any_port = rule.destination_ports.is_empty();
    let leaves_out = match &rule.action {
        Action::Translate(_) if rule.protocols.is_empty() => !whole,
        Action::Translate(_) => has(TCP) && !has(GRE),
        _ => false,
    };
    if !leaves_out || !(any_port || rule.destination_ports.iter().any(reaches)) {
        return;
    }
    let what = format!("`pptp` is off, and rule `{}` translates no GRE", rule.name);
    let mut named: Vec<String> = match &rule.protocols[..] {
        [] => ["tcp", "udp", "icmp"].map(str::to_owned).into(),
        protocols => protocols.iter().copied().map(text::protocol_name).collect(),
    };
    named.push("gre".into());
    let remedy = if any_port {
        format!(
            "for tunnels through it write `protocols: [{}]` in that rule",
            named.join(", ")
        )
    } else {
        // GRE has no ports.
        "for tunnels through it write a rule with `protocols: [gre]`".to_owned()
    };
    report.warn(at, what, remedy);
}

/// The keys of `alg`.
fn names() -> [Key; GATEWAYS.len()] {
    GATEWAYS.map(|gateway| Key::new(gateway.name, Kind::Gateway))
}

/// Every gateway with its keys.
#[must_use]
pub fn gateway_keys() -> Vec<(&'static str, Vec<Key>)> {
    let all = GATEWAYS.iter();
    all.map(|gateway| (gateway.name, gateway.keys())).collect()
}

/// A gateway's keys beside `enabled` and `mode`.
struct Gateway {
    name: &'static str,
    /// IP protocols its servers use, unless the key of the ports says it.
    protocols: &'static [u8],
    /// Keys that list ports, with their defaults.
    ports: &'static [(&'static str, &'static [u16])],
    /// Ports that cannot be changed.
    fixed: &'static [u16],
    others: &'static [(&'static str, Type)],
    /// Keys that others read.
    further: &'static [Key],
}

#[derive(Clone, Copy)]
enum Type {
    Boolean,
    /// From, to, and the default.
    Size(u64, u64, u64),
}

fn one(gateway: &Gateway, node: Option<&Node>, report: &mut Report) -> Alg {
    let mut alg = Alg {
        name: gateway.name.to_owned(),
        enabled: true,
        shadow: false,
        reset_ttl: false,
        ports: Vec::new(),
        services: Vec::new(),
        calls_over_udp: Vec::new(),
        sizes: Vec::new(),
        sip: None,
        trunks: Vec::new(),
        ipsec: Ipsec::default(),
    };
    let nothing = Node {
        at: At::START,
        kind: node::Kind::Null,
    };
    let mut node = node.unwrap_or(&nothing);
    if let node::Kind::Scalar(text) = &node.kind {
        match text::boolean(text) {
            Ok(enabled) => alg.enabled = enabled,
            Err(_) => report.error(
                node.at,
                format!(
                    "`{}`: {} is not a gateway's setting",
                    gateway.name,
                    shown(text)
                ),
                "write `off`, or a map of settings",
            ),
        }
        node = &nothing;
    }
    let keys = gateway.keys();
    let section = Section::open(node, &format!("`{}`", gateway.name), &keys, report);
    alg.enabled = section.boolean("enabled", alg.enabled, report);
    let shadow = section.value("mode", report, |text| match text {
        "shadow" => Ok(true),
        "active" => Ok(false),
        _ => Err(Wrong::new(
            format!("{} is not a mode", shown(text)),
            "write `shadow` or `active`",
        )),
    });
    alg.shadow = shadow.is_some_and(|found| found.value);
    for (key, default) in gateway.ports {
        let ports = match section.values(key, report, port) {
            Some(found) => found.iter().map(|found| found.value).collect(),
            None => default.to_vec(),
        };
        let protocols: &[u8] = match *key {
            "tcp" => &[TCP],
            "udp" | "ras" | "annex_e" => &[UDP],
            "q931" => &[TCP, UDP],
            _ => gateway.protocols,
        };
        if matches!(*key, "q931" | "annex_e") {
            let calls = ports.iter().copied();
            let is_new = |port: &u16| !alg.services.contains(&(UDP, *port));
            alg.calls_over_udp.extend(calls.filter(is_new));
        }
        alg.serve(protocols, &ports);
    }
    alg.serve(gateway.protocols, gateway.fixed);
    alg.ports.sort_unstable();
    alg.ports.dedup();
    for (key, kind) in gateway.others {
        if *key == "reset_ttl" {
            alg.reset_ttl = section.boolean(key, false, report);
        } else if let Some(size) = other(&section, key, *kind, report) {
            alg.sizes.push((*key, size));
        }
    }
    alg.ipsec = ipsec::read(gateway.name, &section, report);
    if gateway.is_sip() {
        alg.sip = Some(sip::read(&section, report));
    }
    if gateway.has_trunks() {
        alg.trunks = trunks::read(&section, report);
    }
    alg
}

impl Alg {
    fn serve(&mut self, protocols: &[u8], ports: &[u16]) {
        self.ports.extend_from_slice(ports);
        for protocol in protocols {
            let services = ports.iter().map(|port| (*protocol, *port));
            self.services.extend(services);
        }
    }
}

fn port(text: &str) -> Result<u16, Wrong> {
    let port = text::integer(text, &(1..=65_535))?;
    Ok(u16::try_from(port).unwrap_or(u16::MAX))
}

/// Reads a key; answers a size, or its default.
fn other(section: &Section<'_>, key: &str, kind: Type, report: &mut Report) -> Option<u64> {
    match kind {
        Type::Boolean => {
            section.boolean(key, false, report);
        }
        Type::Size(least, most, default) => {
            let size = section.value(key, report, |text| {
                let size = text::size(text)?;
                if (least..=most).contains(&size) {
                    return Ok(size);
                }
                let what = format!("{} is out of range", shown(text));
                Err(Wrong::new(what, format!("write {least} to {most} bytes")))
            });
            return Some(size.map_or(default, |found| found.value));
        }
    }
    None
}

const GATEWAYS: [Gateway; 14] = [
    ports("ftp", &[("ports", &[21])], &[]).over(&[TCP]),
    ports("tftp", &[("ports", &[69])], &[]).over(&[UDP]),
    ports("dns", &[("ports", &[53])], &[("reset_ttl", Type::Boolean)]).over(&[TCP, UDP]),
    ports("sip", &[("udp", &[5060]), ("tcp", &[5060])], &[])
        .over(&[TCP])
        .and(&[SIPS])
        .with(sip::KEYS),
    ports("rtsp", &[("ports", &[554])], &[]).over(&[TCP]),
    ports("skinny", &[("ports", &[2000])], &[]).over(&[TCP]),
    ports(
        "h323",
        &[
            ("ras", &[1718, 1719]),
            ("q931", &[1720]),
            ("annex_e", &[2517]),
        ],
        &[],
    )
    .with(trunks::KEYS),
    fixed("netbios", &[137, 138, 139], &[]).over(&[TCP, UDP]),
    fixed("rcmd", &[512, 513, 514], &[]).over(&[TCP]),
    ports("ldap", &[("ports", &[389, 1002])], &[]).over(&[TCP]),
    fixed("pptp", &[PPTP], &[]).over(&[TCP]),
    fixed("ike", &[500, 4500], &[])
        .over(&[UDP])
        .with(ipsec::IKE),
    fixed("esp", &[], &[]).with(ipsec::ESP),
    fixed(
        "vtcp",
        &[],
        &[
            ("max_message", Type::Size(256, 1 << 20, 8 << 10)),
            ("memory", Type::Size(1 << 16, 1 << 36, 64 << 20)),
        ],
    ),
];

impl Gateway {
    const fn over(mut self, protocols: &'static [u8]) -> Self {
        self.protocols = protocols;
        self
    }

    /// At ports that cannot be changed, too.
    const fn and(mut self, fixed: &'static [u16]) -> Self {
        self.fixed = fixed;
        self
    }

    /// With keys that others read.
    const fn with(mut self, keys: &'static [Key]) -> Self {
        self.further = keys;
        self
    }

    fn keys(&self) -> Vec<Key> {
        let mut keys = vec![
            Key::new("enabled", Kind::Boolean),
            Key::new("mode", Kind::Word(&["active", "shadow"])),
        ];
        let ports = self.ports.iter();
        keys.extend(ports.map(|(key, _)| Key::new(key, PORTS)));
        let others = self.others.iter();
        keys.extend(others.map(|(key, kind)| {
            let kind = match kind {
                Type::Boolean => Kind::Boolean,
                Type::Size(..) => Kind::Size,
            };
            Key::new(key, kind)
        }));
        keys.extend(self.further);
        keys
    }

    fn is_sip(&self) -> bool {
        self.name == "sip"
    }

    fn has_trunks(&self) -> bool {
        matches!(self.name, "sip" | "h323")
    }
}

const fn ports(
    name: &'static str,
    ports: &'static [(&'static str, &'static [u16])],
    others: &'static [(&'static str, Type)],
) -> Gateway {
    Gateway {
        name,
        protocols: &[],
        ports,
        fixed: &[],
        others,
        further: &[],
    }
}

const fn fixed(
    name: &'static str,
    fixed: &'static [u16],
    others: &'static [(&'static str, Type)],
) -> Gateway {
    Gateway {
        name,
        protocols: &[],
        ports: &[],
        fixed,
        others,
        further: &[],
    }
}
