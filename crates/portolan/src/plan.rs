//! From the validated file to what the engine is made from.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use base::{Nanos, Prefix};
use config::Config;
use config::model::{self, Vlan, VrfId, ZoneEnd};
use dataplane::{Interface, Multicast, Route, StaticNeighbor, StreamLimits, Topology};
use nat::pcp::Policy;
use nat::settings::{
    Action, Allocation, Dependence, Division, Limits, Log, MAX_RESERVED, Pairing, Pool, PoolList,
    Protection, Rate, Rule, Scan, Settings, Static, Timeouts, Translate,
};
use nat::zones::{ITSELF, NO_ZONE, ZoneAction, ZoneClass, ZonePair, ZoneRoute, ZoneSettings};
use nat::{
    Gateway, IpsecSettings, Layout, Prediction, ReviseError, Service, Services, Shard, SipSettings,
    Sizes, Trunk,
};
use pktio::PortId;
use wire::ethernet::{Mac, Tags};
use wire::igmp::Version;
use wire::ipv4::protocol;

/// A configuration in the engine's terms.
#[derive(Debug)]
pub struct Plan {
    /// Layer 3; MAC addresses that the file leaves open are zero.
    pub topology: Topology,
    /// Translation.
    pub settings: Settings,
    /// Device strings; a port's number is its place.
    pub devices: Vec<String>,
}

impl Plan {
    /// Puts it in the engine's terms.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut devices: Vec<String> = Vec::new();
        for interface in &config.interfaces {
            if !devices.contains(&interface.device) {
                devices.push(interface.device.clone());
            }
        }
        Self {
            topology: topology(config, &devices),
            settings: settings(config),
            devices,
        }
    }

    /// Largest MTU of the interfaces on a port, with room for their tags.
    #[must_use]
    pub fn mtu_of(&self, port: PortId) -> u16 {
        self.topology
            .interfaces
            .iter()
            .filter(|interface| interface.port == port)
            .map(|interface| interface.mtu)
            .max()
            .unwrap_or(1500)
    }

    /// Gives interfaces without a MAC address of their own that of their port.
    pub fn set_macs(&mut self, of_port: impl Fn(PortId) -> Mac) {
        for interface in &mut self.topology.interfaces {
            if interface.mac == Mac::default() {
                interface.mac = of_port(interface.port);
            }
        }
    }
}

/// One worker's share of the tables.
#[must_use]
pub fn sizes(config: &Config, workers: u32) -> Sizes {
    let share = |all: u32| all.div_ceil(workers);
    Sizes {
        sessions: share(config.limits.sessions),
        // Static mappings are in every shard.
        mappings: share(config.limits.mappings).saturating_add(pinned(config)),
        subscribers: share(config.limits.subscribers),
    }
}

/// Mappings that static ones are: one for each host, address and port.
fn pinned(config: &Config) -> u32 {
    let statics = config.nat.statics.iter();
    statics
        .map(|one| {
            let each = one.outside_ports.map_or(one.count, |(first, last)| {
                u32::from(last.saturating_sub(first)) + 1
            });
            each.saturating_mul(u32::try_from(one.inside.len()).unwrap_or(u32::MAX))
        })
        .fold(0, u32::saturating_add)
}

/// About as many bytes as the tables of all workers take, without taking them: what small
/// tables take, in proportion.
///
/// # Errors
///
/// The configuration is too large.
pub fn bytes_of_tables(config: &Config, workers: u32) -> Result<u64, ReviseError> {
    let plan = Plan::new(config);
    let layout = Arc::new(Layout::new(&plan.settings, workers)?);
    let full = sizes(config, workers);
    let scale = full.sessions.max(full.mappings).max(full.subscribers) / SAMPLE + 1;
    let measure = |sizes: Sizes| {
        let shard = Shard::new(Arc::clone(&layout), sizes, 0, 0, Nanos(0));
        u64::try_from(shard.bytes()).unwrap_or(u64::MAX)
    };
    let part = |number: u32| number.div_ceil(scale);
    let some = measure(Sizes {
        sessions: part(full.sessions),
        mappings: part(full.mappings),
        subscribers: part(full.subscribers),
    });
    let none = measure(Sizes {
        sessions: 1,
        mappings: 1,
        subscribers: 1,
    });
    let grown = some.saturating_sub(none).saturating_mul(u64::from(scale));
    Ok(none
        .saturating_add(grown)
        .saturating_mul(u64::from(workers)))
}

/// Entries of the largest table that is made only to be measured.
const SAMPLE: u32 = 1 << 17;

/// Bytes of a shard, said in words.
#[must_use]
pub fn describe_memory(shard: &Shard, sizes: Sizes) -> String {
    let mib = |bytes: usize| bytes.div_ceil(1 << 20);
    format!(
        "{} sessions in {} MiB ({} bytes each with their index), all tables {} MiB",
        sizes.sessions,
        mib(shard.bytes_of_sessions()),
        shard.bytes_of_sessions() / usize::try_from(sizes.sessions.max(1)).unwrap_or(1),
        mib(shard.bytes()),
    )
}

fn topology(config: &Config, devices: &[String]) -> Topology {
    let port_of = |device: &String| {
        let place = devices
            .iter()
            .position(|known| known == device)
            .unwrap_or(0);
        PortId(number(place))
    };
    Topology {
        interfaces: config
            .interfaces
            .iter()
            .map(|interface| Interface {
                port: port_of(&interface.device),
                tags: match interface.vlan {
                    Vlan::None => Tags::NONE,
                    Vlan::Single(vlan) => Tags::single(vlan),
                    Vlan::Double(outer, inner) => Tags::double(outer, inner),
                },
                realm: interface.vrf,
                mac: interface.mac.map(Mac).unwrap_or_default(),
                any_mac: false,
                mtu: interface.mtu,
                mss_clamp: interface.mss_clamp,
                icmp_errors: interface.icmp_errors,
                addresses: interface
                    .addresses
                    .iter()
                    .map(|own| (own.address, own.network))
                    .collect(),
            })
            .collect(),
        routes: config
            .routes
            .iter()
            .map(|route| Route {
                prefix: route.prefix,
                next_hop: route.next_hop,
                interface: number(route.interface),
                realm: route.vrf,
            })
            .collect(),
        neighbors: config
            .neighbors
            .iter()
            .map(|neighbor| StaticNeighbor {
                interface: number(neighbor.interface),
                ip: neighbor.ip,
                mac: Mac(neighbor.mac),
            })
            .collect(),
        max_neighbors: number(config.limits.neighbors as usize),
        max_fragments: config.limits.fragments,
        fragment_timeout: nanos(config.nat.timeouts.fragments),
        refusal_code: config.nat.refusal_code,
        max_calls: max_calls(config),
        multicast: config.multicast.as_ref().map(multicast),
        streams: streams(config),
    }
}

/// A call for each subscriber, within reason: the memory of calls is taken as they come.
fn max_calls(config: &Config) -> u32 {
    config.limits.subscribers.clamp(4096, 262_144)
}

fn multicast(from: &model::Multicast) -> Multicast {
    Multicast {
        upstream: number(from.upstream),
        downstream: from.downstream.iter().copied().map(number).collect(),
        outward: from.outward,
        scopes: from.scopes.clone(),
        groups_max: from.groups_max,
        igmp_version: match from.igmp_version {
            2 => Version::V2,
            _ => Version::V3,
        },
    }
}

fn settings(config: &Config) -> Settings {
    let nat = &config.nat;
    let mut pools: Vec<Pool> = nat
        .pools
        .iter()
        .enumerate()
        .map(|(place, pool)| pool_settings(config, place, pool))
        .collect();
    let mut rules: Vec<Rule> = nat
        .rules
        .iter()
        .map(|rule| rule_settings(rule, config))
        .collect();
    let computed = log_settings(config, model::RuleLog::DEFAULT);
    for one in &nat.deterministic {
        let services = services(config, &[], Some((one.vrf, one.outside_vrf)));
        rules.push(deterministic_rule(one, pools.len(), services, computed));
        pools.push(deterministic_pool(one));
    }
    Settings {
        pools,
        rules,
        outside_rules: nat.outside_sources.iter().map(outside_rule).collect(),
        statics: nat.statics.iter().filter_map(static_settings).collect(),
        services: services(config, &[], None),
        realm_sessions: config.limits.vrf_sessions.clone(),
        zones: zones(config),
        protection: config.protection.as_ref().map(protection),
        timeouts: timeouts(&nat.timeouts),
        udp_inbound_refresh: nat.udp_inbound_refresh,
        hold_down: nanos(nat.hold_down.time),
        hold_down_percent: nat.hold_down.max_percent,
    }
}

fn protection(found: &model::Protection) -> Protection {
    let as_burst = |per_second| Rate {
        per_second,
        burst: per_second,
    };
    Protection {
        packets: found
            .packets
            .map(|(per_second, burst)| Rate { per_second, burst }),
        icmp: found.icmp.map(as_burst),
        unsolicited: found.unsolicited.map(as_burst),
        shut_for: nanos(found.shut_for),
        black_hole: found.black_hole.clone(),
        scan: found.scan.map(|scan| Scan {
            ports: scan.ports,
            window: nanos(scan.window),
            block: nanos(scan.block),
        }),
    }
}

/// The zone policy, if there is a pair.
fn zones(config: &Config) -> Option<ZoneSettings> {
    if config.zone_pairs.is_empty() {
        return None;
    }
    let zone = |zone: usize| number(zone).saturating_add(1);
    let end = |end: ZoneEnd| match end {
        ZoneEnd::Zone(place) => zone(place),
        ZoneEnd::Unzoned => NO_ZONE,
        ZoneEnd::Itself => ITSELF,
    };
    let pair = |pair: &model::ZonePair| {
        let classes = pair.classes.iter().map(|(class, action)| ZoneClass {
            name: class.name.clone(),
            action: zone_action(*action),
            services: class.services.clone(),
            source: class.source.clone(),
            destination: class.destination.clone(),
        });
        let last = ZoneClass {
            name: LAST_CLASS.to_owned(),
            action: zone_action(pair.last),
            services: Vec::new(),
            source: Vec::new(),
            destination: Vec::new(),
        };
        ZonePair {
            name: pair.name.clone(),
            from: end(pair.from),
            to: end(pair.to),
            classes: classes.chain([last]).collect(),
        }
    };
    Some(ZoneSettings {
        interfaces: config
            .interfaces
            .iter()
            .map(|interface| interface.zone.map_or(NO_ZONE, zone))
            .collect(),
        routes: zone_routes(config),
        pairs: config.zone_pairs.iter().map(pair).collect(),
    })
}

/// Flows of a pair in none of its classes.
const LAST_CLASS: &str = "default";

const fn zone_action(action: model::ZoneAction) -> ZoneAction {
    match action {
        model::ZoneAction::Inspect => ZoneAction::Inspect,
        model::ZoneAction::Pass => ZoneAction::Pass,
        model::ZoneAction::Drop => ZoneAction::Drop,
    }
}

/// Where addresses are, as the router finds them: groups behind the upstream interface, the
/// longest prefix first, connected networks before routes of the same length.
fn zone_routes(config: &Config) -> Vec<ZoneRoute> {
    let mut routes = Vec::new();
    for (place, interface) in config.interfaces.iter().enumerate() {
        let connected = interface.addresses.iter().map(|own| ZoneRoute {
            realm: interface.vrf,
            prefix: own.network,
            interface: number(place),
        });
        routes.extend(connected);
    }
    routes.extend(config.routes.iter().map(|route| ZoneRoute {
        realm: route.vrf,
        prefix: route.prefix,
        interface: number(route.interface),
    }));
    routes.sort_by_key(|route| core::cmp::Reverse(route.prefix.length()));
    if let Some(multicast) = &config.multicast {
        let realm = config.interfaces.get(multicast.upstream);
        routes.insert(
            0,
            ZoneRoute {
                realm: realm.map_or(0, |upstream| upstream.vrf),
                prefix: Prefix::new(Ipv4Addr::new(224, 0, 0, 0), 4),
                interface: number(multicast.upstream),
            },
        );
    }
    routes
}

/// What gateways look at, where some of them are set otherwise than at the top, between an inside
/// realm and an outside one or any.
fn services(config: &Config, overrides: &[model::Alg], realms: Option<(VrfId, VrfId)>) -> Services {
    let names = has_names(config, realms);
    let in_parts = config
        .alg
        .iter()
        .filter(|alg| alg.name == VTCP)
        .map(|alg| in_force(alg, overrides))
        .any(|alg| alg.enabled && !alg.shadow);
    let of_one = |alg: &model::Alg| {
        let gateway = Gateway::ALL
            .into_iter()
            .find(|gateway| gateway.name() == alg.name)
            .filter(|_| alg.enabled)
            .filter(|gateway| *gateway != Gateway::Dns || names);
        let (shadow, reset_ttl) = (alg.shadow, alg.reset_ttl);
        let service = move |(number, port): &(u8, u16)| {
            gateway.map(|gateway| Service {
                protocol: *number,
                port: *port,
                gateway,
                shadow,
                in_parts,
                reset_ttl,
                kind: if *number == protocol::UDP && alg.calls_over_udp.contains(port) {
                    Service::CALLS_OVER_UDP
                } else {
                    0
                },
            })
        };
        alg.services.iter().filter_map(service).collect::<Vec<_>>()
    };
    let in_force = || config.alg.iter().map(|alg| in_force(alg, overrides));
    let sip = in_force().find_map(|alg| alg.sip.as_ref());
    Services::new(in_force().flat_map(of_one).collect())
        .with_sip(sip.map(sip_settings).unwrap_or_default())
        .with_trunks(in_force().flat_map(trunks).collect())
        .with_ipsec(ipsec_settings(in_force()))
}

fn ipsec_settings<'a>(algs: impl Iterator<Item = &'a model::Alg>) -> IpsecSettings {
    let mut settings = IpsecSettings::default();
    for alg in algs.filter(|alg| alg.enabled) {
        let said = &alg.ipsec;
        match alg.name.as_str() {
            "ike" if !alg.shadow => {
                settings.preserve_port.clone_from(&said.preserve_port);
                settings.keepalive_for.clone_from(&said.keepalive_for);
                settings.keepalive = said.keepalive.map(nanos);
            }
            "esp" if !alg.shadow => {
                settings.esp = true;
                settings.spi_match.clone_from(&said.spi_match);
                settings.encapsulate.clone_from(&said.encapsulate);
                if said.hashed {
                    settings.prediction = Prediction::Hashed;
                }
            }
            _ => {}
        }
    }
    settings
}

fn trunks(alg: &model::Alg) -> Vec<Trunk> {
    let gateway = Gateway::ALL
        .into_iter()
        .find(|gateway| gateway.name() == alg.name);
    let trunk = |trunk: &model::Trunk| {
        Some(Trunk {
            gateway: gateway?,
            address: trunk.address,
            media: trunk.media.clone(),
        })
    };
    alg.trunks.iter().filter_map(trunk).collect()
}

fn sip_settings(sip: &model::Sip) -> SipSettings {
    SipSettings {
        call_timeout: nanos(sip.call_timeout),
        max_media_lines: sip.max_media_lines,
    }
}

/// The key of what puts messages together.
const VTCP: &str = "vtcp";

/// What putting messages together may take: rules may switch it off or on.
fn streams(config: &Config) -> Option<StreamLimits> {
    let vtcp = config.alg.iter().find(|alg| alg.name == VTCP)?;
    let size = |key| {
        let found = vtcp.sizes.iter().find(|(name, _)| *name == key);
        found.and_then(|(_, size)| usize::try_from(*size).ok())
    };
    Some(StreamLimits {
        max_message: size("max_message")?,
        memory: size("memory")?,
    })
}

/// Whether name servers can tell addresses that are others on the other side: those of hosts that
/// have a whole one there. Without them nobody's queries need be looked at.
fn has_names(config: &Config, realms: Option<(VrfId, VrfId)>) -> bool {
    let concerns =
        |inside: VrfId, outside: VrfId| realms.is_none_or(|all| all == (inside, outside));
    let nat = &config.nat;
    let fixed = nat.statics.iter().any(|one| {
        one.protocol.is_none() && one.outside_ports.is_none() && concerns(one.vrf, one.outside_vrf)
    });
    let lent = nat.pools.iter().enumerate().any(|(place, pool)| {
        pool.one_to_one
            && rules_of(config, place).any(|(rule, _)| concerns(rule.vrf, rule.outside_vrf))
    });
    let mut partners = nat.outside_sources.iter();
    fixed || lent || partners.any(|one| realms.is_none_or(|(_, outside)| outside == one.vrf))
}

/// A gateway's settings: those of the rule if it has some.
fn in_force<'a>(alg: &'a model::Alg, overrides: &'a [model::Alg]) -> &'a model::Alg {
    let in_rule = overrides.iter().find(|other| other.name == alg.name);
    in_rule.unwrap_or(alg)
}

/// The rules that take addresses of a pool.
fn rules_of(
    config: &Config,
    pool: usize,
) -> impl Iterator<Item = (&model::Rule, &model::Translate)> {
    config
        .nat
        .rules
        .iter()
        .filter_map(move |rule| match &rule.action {
            model::Action::Translate(translate) if translate.pools.contains(&pool) => {
                Some((rule, translate))
            }
            _ => None,
        })
}

fn pool_settings(config: &Config, place: usize, pool: &model::Pool) -> Pool {
    Pool {
        name: pool.name.clone(),
        addresses: pool.addresses.clone(),
        draining: pool.draining.clone(),
        // The outside of a pool: where its rules say, else its own realm.
        realm: rules_of(config, place)
            .next()
            .map_or(pool.vrf, |(rule, _)| rule.outside_vrf),
        first_port: pool.ports.0,
        last_port: pool.ports.1,
        exclude_ports: pool.exclude_ports.clone(),
        division: match &pool.blocks {
            _ if pool.one_to_one => Division::Whole,
            None => Division::Shared,
            Some(blocks) => Division::Blocks {
                size: blocks.size,
                max_per_subscriber: blocks.max_per_subscriber,
                idle: nanos(blocks.idle_timeout),
                active: blocks.active_timeout.map(nanos),
            },
        },
        allocation: match pool.allocation {
            model::Allocation::Random => Allocation::Random,
            model::Allocation::LeastUsed => Allocation::LeastUsed,
        },
        overloads: rules_of(config, place).any(|(_, translate)| translate.port_overloading),
        watermarks: Some(pool.watermarks),
    }
}

/// A remote host is "inside" to its rule: the side whose address is replaced.
fn outside_rule(one: &model::OutsideSource) -> Rule {
    Rule {
        name: one.name.clone(),
        interfaces: None,
        realm: one.vrf,
        outside_realm: one.vrf,
        source: one.source.clone(),
        destination: Vec::new(),
        destination_ports: Vec::new(),
        protocols: Vec::new(),
        all_protocols: true,
        services: Services::default(),
        pcp: None,
        action: Action::Translate(Translate {
            parity: false,
            ..plain(PoolList::new([one.pool]))
        }),
    }
}

/// Translation as it is unless a file says otherwise.
const fn plain(pools: PoolList) -> Translate {
    Translate {
        pools,
        mapping: Dependence::Endpoint,
        filtering: Dependence::Endpoint,
        pairing: Pairing::Strict,
        parity: true,
        preserve: false,
        overload: false,
        hairpin: true,
        hairpin_preserve: false,
        limits: Limits::NONE,
        log: Log::NONE,
    }
}

fn rule_settings(rule: &model::Rule, config: &Config) -> Rule {
    let interfaces = config.interfaces.len();
    let whole = |pool: &usize| {
        config
            .nat
            .pools
            .get(*pool)
            .is_some_and(|pool| pool.one_to_one)
    };
    Rule {
        name: rule.name.clone(),
        interfaces: rule.inside.as_ref().map(|inside| {
            (0..interfaces)
                .map(|number| inside.contains(&number))
                .collect()
        }),
        realm: rule.vrf,
        outside_realm: rule.outside_vrf,
        source: rule.source.clone(),
        destination: rule
            .destination
            .iter()
            .copied()
            .filter(|prefix| prefix.length() > 0)
            .collect(),
        destination_ports: rule.destination_ports.clone(),
        protocols: rule.protocols.clone(),
        all_protocols: matches!(&rule.action, model::Action::Translate(translate)
            if translate.pools.iter().any(whole)),
        services: services(config, &rule.alg, Some((rule.vrf, rule.outside_vrf))),
        pcp: match &rule.action {
            model::Action::Translate(translate) => translate.pcp.as_ref().map(policy),
            model::Action::Pass | model::Action::Drop => None,
        },
        action: match &rule.action {
            model::Action::Pass => Action::Pass,
            model::Action::Drop => Action::Drop,
            model::Action::Translate(translate) => Action::Translate(Translate {
                pools: PoolList::new(translate.pools.iter().copied()),
                mapping: dependence(translate.mapping),
                filtering: dependence(translate.filtering),
                pairing: match translate.paired {
                    model::Pairing::Off => Pairing::Off,
                    model::Pairing::Strict => Pairing::Strict,
                    model::Pairing::Soft => Pairing::Soft,
                },
                parity: translate.parity,
                preserve: translate.preserve_port,
                overload: translate.port_overloading,
                hairpin: translate.hairpin.enabled,
                hairpin_preserve: translate.hairpin.preserve_source,
                limits: limits(&translate.limits),
                log: log_settings(config, translate.log),
            }),
        },
    }
}

fn policy(pcp: &model::Pcp) -> Policy {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Policy {
        max_mappings: pcp.max_mappings,
        min_lifetime: seconds(pcp.min_lifetime),
        max_lifetime: seconds(pcp.max_lifetime),
        third_party: pcp.third_party.clone(),
        nat_pmp: pcp.nat_pmp,
    }
}

fn limits(limits: &model::RuleLimits) -> Limits {
    let most = |limit: Option<u32>| limit.unwrap_or(u32::MAX);
    let mut reserve_ports = [(0, 0); MAX_RESERVED];
    if let Some(reserve) = &limits.reserve {
        for (place, ports) in reserve_ports.iter_mut().zip(&reserve.ports) {
            *place = *ports;
        }
    }
    Limits {
        sessions: most(limits.sessions),
        rate: limits.new_sessions_per_second,
        ports: [
            most(limits.tcp_ports),
            most(limits.udp_ports),
            most(limits.icmp_ids),
            most(limits.other_ports),
        ],
        rule_sessions: most(limits.rule_sessions),
        inbound: limits.inbound_sessions.unwrap_or(u16::MAX),
        reserve: limits
            .reserve
            .as_ref()
            .map_or(0, |reserve| reserve.sessions),
        reserve_ports,
        watermark: limits.watermark.unwrap_or(Limits::NONE.watermark),
    }
}

/// What a rule wants logged, if anybody is told at all.
fn log_settings(config: &Config, log: model::RuleLog) -> Log {
    if !config.log.is_on() {
        return Log::NONE;
    }
    Log {
        sessions: log.sessions,
        destinations: log.destinations,
        blocks: log.blocks,
    }
}

fn deterministic_rule(
    one: &model::Deterministic,
    pool: usize,
    services: Services,
    log: Log,
) -> Rule {
    Rule {
        name: one.name.clone(),
        interfaces: None,
        realm: one.vrf,
        outside_realm: one.outside_vrf,
        source: one.prefixes(),
        destination: Vec::new(),
        destination_ports: Vec::new(),
        protocols: Vec::new(),
        all_protocols: false,
        services,
        pcp: one.pcp.as_ref().map(policy),
        action: Action::Translate(Translate {
            log,
            ..plain(PoolList::new([pool]))
        }),
    }
}

fn deterministic_pool(one: &model::Deterministic) -> Pool {
    Pool {
        name: one.name.clone(),
        addresses: one.addresses.clone(),
        draining: Vec::new(),
        realm: one.outside_vrf,
        first_port: one.computed.ports().0,
        last_port: one.computed.ports().1,
        exclude_ports: Vec::new(),
        division: Division::Deterministic {
            first: one.first,
            realm: one.vrf,
            computed: one.computed,
            overflow: one.overflow_pool,
            most: one.max_ports.map(u32::from),
        },
        allocation: Allocation::Random,
        overloads: false,
        watermarks: None,
    }
}

fn static_settings(one: &model::Static) -> Option<Static> {
    let (inside, others) = one.inside.split_first()?;
    let ports = one.outside_ports.map(|(first, last)| {
        (
            one.inside_port.unwrap_or(first),
            first,
            last.saturating_sub(first).saturating_add(1),
        )
    });
    Some(Static {
        protocol: one.protocol,
        inside: *inside,
        others: others.to_vec(),
        affinity: one.affinity.map(nanos),
        outside: one.outside,
        count: one.count,
        ports,
        realm: one.vrf,
        outside_realm: one.outside_vrf,
        filtering: dependence(one.filtering),
    })
}

const fn dependence(dependence: model::Dependence) -> Dependence {
    match dependence {
        model::Dependence::EndpointIndependent => Dependence::Endpoint,
        model::Dependence::AddressDependent => Dependence::Address,
        model::Dependence::AddressAndPortDependent => Dependence::AddressAndPort,
    }
}

fn timeouts(timeouts: &model::Timeouts) -> Timeouts {
    Timeouts {
        udp: nanos(timeouts.udp),
        udp_dns: nanos(timeouts.udp_dns),
        tcp_established: nanos(timeouts.tcp_established),
        tcp_opening: nanos(timeouts.tcp_opening),
        tcp_closing: nanos(timeouts.tcp_closing),
        tcp_time_wait: nanos(timeouts.tcp_time_wait),
        icmp: nanos(timeouts.icmp),
        esp: nanos(timeouts.esp),
    }
}

fn nanos(duration: Duration) -> Nanos {
    Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

fn number(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_foretold_without_being_taken() {
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../configs/quickstart.yaml"
        ))
        .expect("quickstart is there");
        for (sessions, workers) in [(65_536, 1), (400_000, 2)] {
            let limits = format!("sessions: {sessions}, mappings: {sessions}");
            let text = text.replace("sessions: 65536, mappings: 65536", &limits);
            let config = config::parse("quickstart.yaml", &text).expect("it is good");
            let layout = Layout::new(&Plan::new(&config).settings, workers).expect("it fits");
            let sizes = sizes(&config, workers);
            let shard = Shard::new(Arc::new(layout), sizes, 0, 0, Nanos(0));
            let taken = u64::try_from(shard.bytes()).expect("a number") * u64::from(workers);
            let foretold = bytes_of_tables(&config, workers).expect("it fits");
            let error = foretold.abs_diff(taken) * 100 / taken;
            assert!(error <= 25, "{foretold} foretold, {taken} taken");
        }
    }
}
