//! Names for the engine's numbers: turns its plain rows into those of `show`.

use std::net::Ipv4Addr;
use std::sync::Arc;

use base::{Prefix, TICK_SHIFT, Ticks};
use config::Config;
use control::filter::Filter;
use control::rows::{
    AlgRow, CallRow, DoorRow, InterfaceRow, IpsecRow, MappingRow, MediaRow, NeighborRow, PoolRow,
    SubscriberRow, TranslationRow, ZoneRow,
};
use dataplane::{CallView, SessionFilter};
use nat::door::{Door, Place, Uses};
use nat::settings::Action;
use nat::tunnels::{Gate, Peer};
use nat::zones::{ITSELF, NO_ZONE, Zone, ZoneAction, ZoneUse, Zones};
use nat::{Flags, Gateway, Layout, Mapping, MappingKind, SessionView, SipKinds, Subscriber, Tally};

use crate::steering::{Arrivals, Forecast};
use portolan::plan::Plan;

/// Counts by their names.
fn named(names: &[&str], counts: &[u64]) -> control::rows::Tally {
    let named = names.iter().map(|name| (*name).to_owned());
    named.zip(counts.iter().copied()).collect()
}

/// Protocols with a name; others are shown by number.
const PROTOCOLS: [(u8, &str); 9] = [
    (1, "icmp"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (132, "sctp"),
    (136, "udplite"),
];

/// What a port has carried.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PortFigures {
    pub(crate) up: bool,
    pub(crate) rx_packets: u64,
    pub(crate) rx_bytes: u64,
    pub(crate) rx_missed: u64,
    pub(crate) tx_packets: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) tx_dropped: u64,
}

/// The names of one configuration.
#[derive(Debug)]
pub(crate) struct Book {
    vrfs: Vec<String>,
    interfaces: Vec<InterfaceRow>,
    ports: Vec<usize>,
    /// Names of the zones.
    zones: Vec<String>,
    algs: Vec<AlgRow>,
    layout: Arc<Layout>,
    arrivals: Arrivals,
    /// Share of packets that will be handed over, if what the devices said holds.
    pub(crate) handoff_expected: f64,
    pub(crate) cores: Vec<u16>,
}

impl Book {
    pub(crate) fn new(
        config: &Config,
        plan: &Plan,
        layout: Arc<Layout>,
        arrivals: Arrivals,
    ) -> Self {
        Self {
            vrfs: config.vrfs.clone(),
            interfaces: interface_rows(config, plan),
            ports: plan
                .topology
                .interfaces
                .iter()
                .map(|interface| usize::from(interface.port.0))
                .collect(),
            zones: config.zones.clone(),
            algs: config
                .alg
                .iter()
                .map(|alg| AlgRow {
                    alg: alg.name.clone(),
                    enabled: alg.enabled,
                    ports: alg.ports.clone(),
                    ..AlgRow::default()
                })
                .collect(),
            handoff_expected: expected(&layout, &arrivals),
            layout,
            arrivals,
            cores: config.workers.cores.clone(),
        }
    }

    /// The settings in force.
    pub(crate) const fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Other settings are in force from now on.
    pub(crate) fn set_layout(&mut self, layout: Arc<Layout>) {
        self.handoff_expected = expected(&layout, &self.arrivals);
        self.layout = layout;
    }

    /// The name of a rule; empty if there is none.
    pub(crate) fn rule_name(&self, number: usize) -> String {
        let rule = self.layout.rule(number);
        rule.map(|rule| rule.name.clone()).unwrap_or_default()
    }

    /// The VRF of an interface.
    pub(crate) fn vrf_of(&self, interface: u16) -> String {
        let row = self.interfaces.get(usize::from(interface));
        row.map(|row| row.vrf.clone()).unwrap_or_default()
    }

    /// The pools of a rule that translates.
    pub(crate) fn pools_of(&self, rule: usize) -> Vec<String> {
        match self.layout.rule(rule).map(|rule| &rule.action) {
            Some(Action::Translate(translate)) => {
                let pools = translate.pools.iter();
                pools.map(|pool| self.pool_name(pool)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn rule(&self, number: u16) -> String {
        self.layout
            .rule(usize::from(number))
            .map(|rule| rule.name.clone())
            .unwrap_or_default()
    }

    /// `behind` is the remote host behind the address the inside host knows.
    pub(crate) fn translation(
        &self,
        worker: usize,
        view: &SessionView,
        (now, deadline): (Ticks, Ticks),
        behind: Option<Ipv4Addr>,
        gateway: Option<Gateway>,
    ) -> TranslationRow {
        let key = view.out_key;
        let [packets_out, packets_in] = view.packets;
        let [bytes_out, bytes_in] = view.bytes;
        // A query opened from outside has its identifier on the remote's side.
        let id = if key.protocol() == 1 && key.src_port() == 0 {
            key.dst_port()
        } else {
            key.src_port()
        };
        let outside_id = if key.protocol() == 1 && key.src_port() == 0 {
            key.dst_port()
        } else {
            view.outside_port
        };
        let remote_port = if key.protocol() == 1 {
            0
        } else {
            key.dst_port()
        };
        let (id, outside_id, remote_port) = if key.protocol() == ESP {
            let spi = spi_of(view);
            (spi, spi, 0)
        } else {
            (u32::from(id), u32::from(outside_id), remote_port)
        };
        let endpoint_of = |address: u32, id: u32| format!("{}:{id}", Ipv4Addr::from_bits(address));
        TranslationRow {
            protocol: protocol_name(key.protocol()),
            vrf: self.vrf(key.realm()),
            rule: self.rule(view.rule),
            inside: endpoint_of(key.src(), id),
            outside: endpoint_of(view.outside, outside_id),
            remote: endpoint(key.dst(), remote_port),
            remote_inside: behind.map(|_| endpoint(key.dst(), remote_port)),
            remote_outside: behind.map(|address| endpoint(address.to_bits(), remote_port)),
            state: view.state.name().into(),
            age: seconds(now.since(view.created)),
            expires: if now.reached(deadline) {
                0.0
            } else {
                // Timeouts were rounded up to whole ticks.
                seconds(deadline.since(now).saturating_sub(1))
            },
            alg: gateway.map_or("", Gateway::name).into(),
            worker: worker_number(worker),
            packets_out,
            packets_in,
            bytes_out,
            bytes_in,
        }
    }

    /// `None` for a static mapping that another worker shows.
    pub(crate) fn mapping(&self, worker: usize, mapping: &Mapping) -> Option<MappingRow> {
        let key = mapping.out_key;
        let owner = self.layout.inside_owner(key.realm(), key.src()) as usize;
        if mapping.kind == MappingKind::Static && owner != worker {
            return None;
        }
        let whole = mapping.is_whole();
        let side = |address: u32, port: u16| {
            if whole {
                Ipv4Addr::from_bits(address).to_string()
            } else {
                endpoint(address, port)
            }
        };
        Some(MappingRow {
            protocol: match key.protocol() {
                nat::ANY_PROTOCOL => "any".into(),
                protocol => protocol_name(protocol),
            },
            vrf: self.vrf(key.realm()),
            inside: side(key.src(), key.src_port()),
            outside: side(mapping.outside, mapping.outside_port),
            kind: mapping.origin().into(),
            sessions: u64::from(mapping.strong) + u64::from(mapping.weak),
            worker: worker_number(worker),
        })
    }

    pub(crate) fn door(&self, door: &Door, now: Ticks) -> DoorRow {
        let whole = door.protocol == nat::ANY_PROTOCOL;
        let side = |place: &Place| {
            if whole {
                Ipv4Addr::from_bits(place.address).to_string()
            } else {
                endpoint(place.address, place.port)
            }
        };
        DoorRow {
            protocol: if whole {
                "any".into()
            } else {
                protocol_name(door.protocol)
            },
            vrf: self.vrf(door.inside.realm),
            outside: side(&door.outside),
            inside: side(&door.inside),
            remote: match (door.remote.address, door.remote.port) {
                (None, None) => "*".into(),
                (address, port) => endpoint(address.unwrap_or(0), port.unwrap_or(0)),
            },
            origin: door.origin.name().into(),
            expires: match door.expires {
                Some(deadline) if !now.reached(deadline) => seconds(deadline.since(now)),
                _ => 0.0,
            },
            uses: match door.uses {
                Uses::Left(left) => u32::from(left),
                Uses::Many => u32::MAX,
            },
        }
    }

    pub(crate) fn tunnel(
        &self,
        worker: usize,
        gate: &Gate,
        peer: &Peer,
        expects: bool,
        now: Ticks,
    ) -> IpsecRow {
        let address = |address| Ipv4Addr::from_bits(address).to_string();
        let [initiator, responder] = peer.cookies.map(|cookie| match cookie {
            0 => String::new(),
            cookie => format!("{cookie:016x}"),
        });
        let [spis_out, spis_in] = peer
            .spis
            .map(|spis| spis.iter().map(|spi| format!("{spi:08x}")).collect());
        IpsecRow {
            vrf: self.vrf(peer.inside.realm),
            inside: address(peer.inside.address),
            outside: address(gate.outside),
            remote: address(gate.remote),
            ike: peer.ike,
            initiator,
            responder,
            nat_traversal: peer.supports,
            nat_detection: peer.traversal.name().into(),
            encapsulation: peer.encapsulation.name().into(),
            spis_out,
            spis_in,
            expects,
            age: seconds(now.since(peer.since)),
            idle: seconds(now.since(peer.seen)),
            worker: worker_number(worker),
        }
    }

    pub(crate) fn call(&self, call: &CallView) -> CallRow {
        let media = call.media.iter().map(|line| MediaRow {
            inside: endpoint(line.inside.0, line.inside.1),
            outside: endpoint(line.outside.0, line.outside.1),
            kind: line.kind.into(),
        });
        CallRow {
            call_id: String::from_utf8_lossy(&call.call_id).into_owned(),
            vrf: self.vrf(call.realm),
            subscriber: Ipv4Addr::from_bits(call.subscriber).to_string(),
            trunk: call
                .trunk
                .map(|trunk| trunk.to_string())
                .unwrap_or_default(),
            state: call.state.name().into(),
            media: media.collect(),
            age: call.age.as_secs_f64(),
            expires: call.expires.as_secs_f64(),
            health: call.health.name().into(),
        }
    }

    pub(crate) fn subscriber(&self, worker: usize, subscriber: &Subscriber) -> SubscriberRow {
        SubscriberRow {
            inside: subscriber.inside.to_string(),
            vrf: self.vrf(subscriber.realm),
            outside: subscriber
                .outside()
                .map(|address| address.to_string())
                .unwrap_or_default(),
            blocks: u64::from(subscriber.blocks),
            ports_used: subscriber.ports.iter().copied().map(u64::from).sum(),
            sessions: u64::from(subscriber.sessions),
            refused: subscriber.refused,
            worker: worker_number(worker),
        }
    }

    pub(crate) fn pool_name(&self, number: usize) -> String {
        self.layout
            .pool(number)
            .map(|pool| pool.name.clone())
            .unwrap_or_default()
    }

    /// Numbers and names of the pools.
    pub(crate) fn pools(&self) -> impl Iterator<Item = (usize, &str)> {
        (0..self.layout.pool_count())
            .filter_map(|number| Some((number, self.layout.pool(number)?.name.as_str())))
    }

    pub(crate) fn pool(&self, number: usize, use_of: nat::PoolUse) -> Option<PoolRow> {
        let pool = self.layout.pool(number)?;
        Some(PoolRow {
            name: pool.name.clone(),
            addresses: pool.addresses.iter().map(ToString::to_string).collect(),
            blocks_total: use_of.blocks_total,
            blocks_used: use_of.blocks_used,
            subscribers: use_of.subscribers,
            draining: use_of.draining,
        })
    }

    pub(crate) fn interfaces(&self, ports: &[PortFigures]) -> Vec<InterfaceRow> {
        self.interfaces
            .iter()
            .zip(&self.ports)
            .map(|(row, port)| {
                let figures = ports.get(*port).copied().unwrap_or_default();
                InterfaceRow {
                    up: figures.up,
                    rx_packets: figures.rx_packets,
                    rx_bytes: figures.rx_bytes,
                    rx_missed: figures.rx_missed,
                    tx_packets: figures.tx_packets,
                    tx_bytes: figures.tx_bytes,
                    tx_dropped: figures.tx_dropped,
                    ..row.clone()
                }
            })
            .collect()
    }

    pub(crate) fn interface_name(&self, number: u16) -> String {
        self.interfaces
            .get(usize::from(number))
            .map(|row| row.name.clone())
            .unwrap_or_default()
    }

    pub(crate) fn neighbor(&self, row: &dataplane::NeighborRow) -> NeighborRow {
        NeighborRow {
            interface: self.interface_name(row.interface),
            ip: row.ip.to_string(),
            mac: row.mac.map(|mac| mac.to_string()).unwrap_or_default(),
            state: row.state.into(),
            age: row.age.as_secs_f64(),
        }
    }

    /// Each class of the zone policy with what `use_of` its number says.
    pub(crate) fn zones(&self, use_of: impl Fn(usize) -> ZoneUse) -> Vec<ZoneRow> {
        let classes = self.layout.zones().into_iter().flat_map(Zones::classes);
        classes
            .enumerate()
            .map(|(number, (pair, class))| {
                let use_of = use_of(number);
                ZoneRow {
                    name: pair.name.clone(),
                    from: self.zone(pair.from),
                    to: self.zone(pair.to),
                    class: class.name.clone(),
                    action: match class.action {
                        ZoneAction::Inspect => "inspect",
                        ZoneAction::Pass => "pass",
                        ZoneAction::Drop => "drop",
                    }
                    .into(),
                    packets: use_of.packets,
                    sessions: use_of.sessions,
                }
            })
            .collect()
    }

    /// The name of a zone, as pairs have it.
    fn zone(&self, zone: Zone) -> String {
        match zone {
            NO_ZONE => "default".into(),
            ITSELF => "self".into(),
            zone => {
                let name = self.zones.get(usize::from(zone) - 1);
                name.cloned().unwrap_or_default()
            }
        }
    }

    /// Each gateway with what `tally` says it has seen and done, and the messages of SIP.
    pub(crate) fn algs(&self, tally: impl Fn(Gateway) -> Tally, sip: &SipKinds) -> Vec<AlgRow> {
        let mut rows = self.algs.clone();
        for row in &mut rows {
            let mut all = Gateway::ALL.into_iter();
            let Some(gateway) = all.find(|gateway| gateway.name() == row.alg) else {
                continue;
            };
            let tally = tally(gateway);
            row.messages = tally.messages;
            row.rewritten = tally.rewritten;
            row.doors_opened = tally.doors_opened;
            row.doors_promoted = tally.doors_promoted;
            row.bypassed = tally.bypassed;
            row.errors = tally.errors;
            if gateway == Gateway::Sip {
                row.methods = Some(named(&dataplane::method_names(), &sip.requests));
                row.responses = Some(named(&dataplane::class_names(), &sip.responses));
            }
        }
        rows
    }

    /// A filter in the engine's terms.
    ///
    /// # Errors
    ///
    /// A name nobody has.
    pub(crate) fn session_filter(&self, filter: &Filter) -> Result<SessionFilter, &'static str> {
        let endpoint = |pattern: Option<control::filter::EndpointPattern>| {
            pattern.map(|pattern| -> (Prefix, Option<u16>) {
                let port = pattern.port().and_then(|port| u16::try_from(port).ok());
                (pattern.addresses(), port)
            })
        };
        let place = |names: &[String], wanted: &Option<String>, error: &'static str| match wanted {
            None => Ok(None),
            Some(wanted) => names
                .iter()
                .position(|name| name == wanted)
                .map(Some)
                .ok_or(error),
        };
        let protocol = match &filter.protocol {
            None => None,
            Some(name) => Some(
                protocol_number(name)
                    .ok_or("no such protocol: give a name such as tcp, or a number")?,
            ),
        };
        Ok(SessionFilter {
            inside: endpoint(filter.inside),
            outside: endpoint(filter.outside),
            remote: endpoint(filter.remote),
            protocol,
            realm: place(&self.vrfs, &filter.vrf, "no VRF has this name")?
                .and_then(|place| u8::try_from(place).ok()),
            rule: match &filter.rule {
                None => None,
                Some(wanted) => Some(
                    (0..self.layout.rule_count())
                        .filter_map(|number| u16::try_from(number).ok())
                        .find(|number| self.rule(*number) == *wanted)
                        .ok_or("no rule has this name")?,
                ),
            },
        })
    }

    pub(crate) fn vrf(&self, id: u8) -> String {
        self.vrfs.get(usize::from(id)).cloned().unwrap_or_default()
    }
}

fn expected(layout: &Layout, arrivals: &Arrivals) -> f64 {
    if layout.shards() == 1 {
        return 0.0;
    }
    Forecast::new(layout, &layout.spread(), arrivals).share()
}

fn interface_rows(config: &Config, plan: &Plan) -> Vec<InterfaceRow> {
    config
        .interfaces
        .iter()
        .zip(&plan.topology.interfaces)
        .map(|(interface, planned)| InterfaceRow {
            name: interface.name.clone(),
            device: interface.device.clone(),
            mac: planned.mac.to_string(),
            mtu: interface.mtu,
            vrf: config
                .vrfs
                .get(usize::from(interface.vrf))
                .cloned()
                .unwrap_or_default(),
            zone: interface
                .zone
                .and_then(|zone| config.zones.get(zone).cloned())
                .unwrap_or_default(),
            addresses: interface
                .addresses
                .iter()
                .map(|own| format!("{}/{}", own.address, own.network.length()))
                .collect(),
            ..InterfaceRow::default()
        })
        .collect()
}

/// IP protocol of ESP.
const ESP: u8 = 50;

/// The SPI of a session of ESP: one that was opened from outside has it in the order of what
/// comes in.
fn spi_of(view: &SessionView) -> u32 {
    let (first, second) = (view.out_key.src_port(), view.out_key.dst_port());
    if view.flags.has(Flags::FROM_OUTSIDE) {
        u32::from(second) << 16 | u32::from(first)
    } else {
        u32::from(first) << 16 | u32::from(second)
    }
}

fn endpoint(address: u32, port: u16) -> String {
    format!("{}:{port}", Ipv4Addr::from_bits(address))
}

pub(crate) fn protocol_name(number: u8) -> String {
    PROTOCOLS
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| number.to_string(), |(_, name)| (*name).into())
}

pub(crate) fn protocol_number(name: &str) -> Option<u8> {
    let lower = name.to_ascii_lowercase();
    PROTOCOLS
        .iter()
        .find(|(_, known)| *known == lower)
        .map(|(number, _)| *number)
        .or_else(|| lower.parse().ok())
}

#[allow(clippy::cast_precision_loss)]
fn seconds(ticks: u32) -> f64 {
    (u64::from(ticks) << TICK_SHIFT) as f64 / 1e9
}

fn worker_number(number: impl TryInto<u16>) -> u16 {
    number.try_into().unwrap_or(u16::MAX)
}
