//! The validated configuration: what the rest of the program may rely on.
//!
//! Every name has been resolved to an index, every default filled in, every
//! range checked against the others. Nothing here can contradict itself.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::path::PathBuf;

use base::Prefix;
use nat::Computed;

/// One whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `dpdk:`
    pub dpdk: Dpdk,
    /// `workers:`
    pub workers: Workers,
    /// `limits:`
    pub limits: Limits,
    /// `control:`
    pub control: Control,
    /// Names of the VRFs mentioned anywhere; index 0 is `default`. At most 255.
    pub vrfs: Vec<String>,
    /// Names of the zones mentioned by interfaces, in order of appearance.
    pub zones: Vec<String>,
    /// `interfaces:`; an [`InterfaceId`] is an index into this.
    pub interfaces: Vec<Interface>,
    /// `routes:`
    pub routes: Vec<Route>,
    /// `neighbors:`, the static ones.
    pub neighbors: Vec<Neighbor>,
    /// `nat:`
    pub nat: Nat,
    /// `multicast:`, if it is on.
    pub multicast: Option<Multicast>,
    /// `alg:`, one entry per gateway in a fixed order; defaults filled in.
    pub alg: Vec<Alg>,
    /// `protection:`, if something is kept out.
    pub protection: Option<Protection>,
    /// `zones.pairs:`; empty: no zone policy.
    pub zone_pairs: Vec<ZonePair>,
    /// `log:`
    pub log: Log,
    /// The text it was read from.
    pub source: String,
    /// What was accepted but deserves a second look, as `FILE:LINE:COLUMN: what; what would be right`.
    pub warnings: Vec<String>,
}

/// Index of an interface in [`Config::interfaces`].
pub type InterfaceId = usize;
/// Index of a VRF in [`Config::vrfs`].
pub type VrfId = u8;
/// Index of a pool in [`Nat::pools`].
pub type PoolId = usize;

/// How the EAL is started.
#[derive(Clone, Debug, PartialEq)]
pub struct Dpdk {
    /// Passed to the EAL as they are.
    pub eal_args: Vec<String>,
    /// Memory for packet buffers, in MiB.
    pub memory_mb: u32,
}

/// Which cores do what.
#[derive(Clone, Debug, PartialEq)]
pub struct Workers {
    /// One worker on each; at least one, no duplicates. Default `[1]`, or `[0]` on a machine with one core.
    pub cores: Vec<u16>,
    /// The core of the slow path; at best not one of `cores`.
    pub slow_path_core: u16,
    /// How packets are brought to them.
    pub steering: Steering,
}

/// How packets are brought to workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// `rss: external`: queues are filled by something else than the device's own RSS,
    /// in the same way. Default: by the device, as far as it can.
    pub external: bool,
    /// `reta: rebalance`: redirection tables are written by load. Default: left as they are.
    pub rebalance: bool,
    /// `rss_key:`, 40 to 64 bytes. Default: one that spreads neighbouring addresses.
    pub key: Option<Vec<u8>>,
    /// `reta_size:`, entries of redirection tables where no device says how many. Default 512.
    pub entries: u32,
}

/// Sizes of the tables, for the whole appliance; divided among the workers.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Default 1 000 000.
    pub sessions: u32,
    /// Default: as `sessions`.
    pub mappings: u32,
    /// Default 65 536.
    pub subscribers: u32,
    /// Default 16 384, at most 65 534.
    pub neighbors: u32,
    /// Fragmented datagrams followed at once. Default 4 096.
    pub fragments: u32,
    /// `vrfs:`, sessions of all subscribers of a VRF together.
    pub vrf_sessions: Vec<(VrfId, u32)>,
}

/// Where to ask the running appliance.
#[derive(Clone, Debug, PartialEq)]
pub struct Control {
    /// Default `/run/portolan.sock`.
    pub socket: PathBuf,
    /// Address of the Prometheus endpoint; absent means none.
    pub metrics: Option<SocketAddr>,
}

/// One layer-3 interface: a device, or a VLAN on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// Unique.
    pub name: String,
    /// PCI address or DPDK vdev string. Interfaces with the same string share the port and differ in `vlan`.
    pub device: String,
    /// Own addresses with the prefix length of their network; may be empty.
    pub addresses: Vec<InterfaceAddress>,
    /// Index into [`Config::zones`].
    pub zone: Option<usize>,
    /// No tag, one (802.1Q), or outer and inner (`QinQ`); each 1 to 4094.
    pub vlan: Vlan,
    /// Realm it belongs to.
    pub vrf: VrfId,
    /// Longest IP packet, 576 to 9 180. Default 1 500.
    pub mtu: u16,
    /// Own MAC address; absent means the device's (in `sim` one made from the interface's number).
    pub mac: Option<[u8; 6]>,
    /// Upper bound for the MSS of TCP connections through this interface, in bytes.
    pub mss_clamp: Option<u16>,
    /// Whether the appliance sends ICMP errors of its own to what came by it. Default true.
    pub icmp_errors: bool,
}

/// 802.1Q tags of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vlan {
    /// Untagged.
    None,
    /// One tag. YAML: `vlan: 100`.
    Single(u16),
    /// Outer and inner tag. YAML: `vlan: [200, 100]`, or `"200.100"`.
    Double(u16, u16),
}

/// An own address and the network it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The appliance's address.
    pub address: Ipv4Addr,
    /// The connected network.
    pub network: Prefix,
}

/// A static route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Destinations.
    pub prefix: Prefix,
    /// On a connected network of an interface in the same VRF.
    pub next_hop: Ipv4Addr,
    /// Where the next hop is.
    pub interface: InterfaceId,
    /// Realm.
    pub vrf: VrfId,
}

/// A static neighbour.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbor {
    /// Where it is.
    pub interface: InterfaceId,
    /// On a connected network of that interface.
    pub ip: Ipv4Addr,
    /// Unicast.
    pub mac: [u8; 6],
}

/// `multicast:` (RFC 5135)
#[derive(Clone, Debug, PartialEq)]
pub struct Multicast {
    /// Where groups are joined and multicast from inside leaves; has an address.
    pub upstream: InterfaceId,
    /// Where members are; other interfaces than `upstream`, no duplicates, each with an address.
    pub downstream: Vec<InterfaceId>,
    /// Whether multicast from inside leaves at all. Default true (RFC 5135 REQ-5a).
    pub outward: bool,
    /// Groups that may leave. Default: all but 239.0.0.0/8 (RFC 5135 REQ-6). 224.0.0.0/24 never
    /// does, whatever is here (REQ-7).
    pub scopes: Vec<Prefix>,
    /// Most memberships at once. Default 1 024.
    pub groups_max: u32,
    /// 2 or 3. Default 3.
    pub igmp_version: u8,
}

/// `nat:`
#[derive(Clone, Debug, PartialEq)]
pub struct Nat {
    /// `pools:`
    pub pools: Vec<Pool>,
    /// `rules:`, in order; first match wins.
    pub rules: Vec<Rule>,
    /// `deterministic:`
    pub deterministic: Vec<Deterministic>,
    /// `static:`
    pub statics: Vec<Static>,
    /// `outside_source:`, first match wins.
    pub outside_sources: Vec<OutsideSource>,
    /// `timeouts:`
    pub timeouts: Timeouts,
    /// `udp_inbound_refresh:`, default false (RFC 4787 REQ-6a): inbound packets restart a UDP timer.
    pub udp_inbound_refresh: bool,
    /// `hold_down:`
    pub hold_down: HoldDown,
    /// `refusal_code:` code of the ICMP unreachable sent when no mapping can be made:
    /// 1 host unreachable (default, RFC 6888 REQ-11) or 13 administratively prohibited. YAML: `host-unreachable` or `admin-prohibited`.
    pub refusal_code: u8,
}

/// Outside addresses of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Unique.
    pub name: String,
    /// Whose routes the outside follows (`outside_vrf:`).
    pub vrf: VrfId,
    /// The addresses, expanded, exclusions left out, ascending as written; no duplicates here or with other pools.
    /// Those that static mappings take as a whole are left out too; where a static mapping takes
    /// single ports, or a protocol without ports, its address stays and the translator reserves them.
    pub addresses: Vec<Ipv4Addr>,
    /// Set when the pool is `interface: NAME`; `addresses` then has that interface's first address.
    pub interface: Option<InterfaceId>,
    /// First and last port, both used. Default 1024-65535.
    pub ports: (u16, u16),
    /// Never used (also as ICMP identifiers).
    pub exclude_ports: Vec<(u16, u16)>,
    /// Absent: subscribers share the whole range of an address.
    pub blocks: Option<Blocks>,
    /// `one_to_one:`, every subscriber gets a whole address; also pools of `outside_source`.
    pub one_to_one: bool,
    /// `allocation:`
    pub allocation: Allocation,
    /// `watermarks:` high and low, in percent. Default 90 and 80.
    pub watermarks: (u8, u8),
    /// Addresses from which nothing new is lent (`drain:`, `drain_addresses:`).
    pub draining: Vec<Ipv4Addr>,
}

/// `allocation:`, which address a newcomer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// `random`
    Random,
    /// `least-used`
    LeastUsed,
}

/// Remote hosts that get an address towards the inside (twice NAT).
#[derive(Clone, Debug, PartialEq)]
pub struct OutsideSource {
    /// Unique among the rules.
    pub name: String,
    /// Their addresses.
    pub source: Vec<Prefix>,
    /// One-to-one; its realm is the remote hosts'.
    pub pool: PoolId,
    /// That realm.
    pub vrf: VrfId,
}

/// `blocks:`
#[derive(Clone, Debug, PartialEq)]
pub struct Blocks {
    /// Ports in a block; fits the pool's range. Default 512.
    pub size: u16,
    /// Default 8.
    pub max_per_subscriber: u16,
    /// An unused block goes back after this. Default 120 s.
    pub idle_timeout: Duration,
    /// A block stops being the one new ports come from after this; absent: never.
    pub active_timeout: Option<Duration>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique.
    pub name: String,
    /// Interfaces traffic comes in by; `None`: any. (YAML `inside:` names an interface or a zone; interfaces win.)
    pub inside: Option<Vec<InterfaceId>>,
    /// Realm of the inside.
    pub vrf: VrfId,
    /// Realm of the outside; default that of the pool, else that of the inside.
    pub outside_vrf: VrfId,
    /// Source prefixes (`source:` one or a list); absent in YAML means all.
    pub source: Vec<Prefix>,
    /// Destination prefixes (`destination:` one or a list); absent means all.
    pub destination: Vec<Prefix>,
    /// Destination ports (`destination_ports:` numbers or ranges); empty: all.
    pub destination_ports: Vec<(u16, u16)>,
    /// IP protocol numbers (`protocols:` names or numbers); empty: all.
    pub protocols: Vec<u8>,
    /// Gateways that `alg:` in it names; all others are as at the top.
    pub alg: Vec<Alg>,
    /// What to do.
    pub action: Action,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Translate with a pool.
    Translate(Translate),
    /// Forward untouched.
    Pass,
    /// Drop.
    Drop,
}

/// How a rule translates.
#[derive(Clone, Debug, PartialEq)]
pub struct Translate {
    /// Where outside addresses come from (`pool:` one or a list), in this order.
    pub pools: Vec<PoolId>,
    /// RFC 4787 section 4.1. Default endpoint-independent.
    pub mapping: Dependence,
    /// RFC 4787 section 5. Default endpoint-independent.
    pub filtering: Dependence,
    /// One outside address per subscriber (RFC 4787 REQ-2). Default strict (`true`).
    pub paired: Pairing,
    /// `preserve_port:`, the port stays where it is free. Default false.
    pub preserve_port: bool,
    /// `port_overloading:` (RFC 7857 section 3). Default false.
    pub port_overloading: bool,
    /// An even port stays even and an odd one odd, while there are such (RFC 4787 REQ-4), for UDP. Default true.
    pub parity: bool,
    /// `hairpin:`
    pub hairpin: Hairpin,
    /// `limits:`
    pub limits: RuleLimits,
    /// `log:` and `destinations:`
    pub log: RuleLog,
    /// `pcp:`, if its subscribers may ask for mappings.
    pub pcp: Option<Pcp>,
}

/// What of a rule's flows is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleLog {
    /// `sessions` or `both`. Default false.
    pub sessions: bool,
    /// `blocks` or `both`. Default true.
    pub blocks: bool,
    /// `destinations:`, where sessions lead. Default false.
    pub destinations: bool,
}

impl RuleLog {
    /// What is logged unless a rule says otherwise.
    pub const DEFAULT: Self = Self {
        sessions: false,
        blocks: true,
        destinations: false,
    };
}

/// `log:`, who is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// `ipfix:`, one or a list.
    pub ipfix: Vec<Collector>,
    /// `syslog:`, one or a list.
    pub syslog: Vec<LogServer>,
    /// `store:`
    pub store: Option<LogStore>,
    /// Records are wanted by somebody whom the file does not name: never read from it.
    pub besides: bool,
}

impl Log {
    /// Whether anybody is.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.besides || self.store.is_some() || !self.ipfix.is_empty() || !self.syslog.is_empty()
    }
}

/// `log.store`, records kept on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStore {
    /// `path:`, its directory.
    pub path: PathBuf,
    /// `keep:`, how long entries are kept. Default 90 days.
    pub keep: Duration,
    /// `max_size:`, bytes of its files. Default 64 GiB.
    pub max_size: u64,
}

/// One of `log.ipfix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// `collector:`
    pub address: SocketAddr,
    /// `transport:`, default UDP.
    pub transport: Transport,
    /// `domain:`, the observation domain (RFC 7011 section 3.1). Default 0.
    pub domain: u32,
    /// `template_refresh:`, over UDP. Default 600 s.
    pub template_refresh: Duration,
}

/// One of `log.syslog`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogServer {
    /// `server:`
    pub address: SocketAddr,
    /// `transport:`, default UDP.
    pub transport: Transport,
    /// `facility:`, by number. Default `local0`.
    pub facility: u8,
    /// `enterprise:`, whose names the structured data has. Default 32473 (RFC 5612).
    pub enterprise: u32,
}

impl LogServer {
    /// `local0`
    pub const FACILITY: u8 = 16;
}

/// `transport:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `udp`
    Udp,
    /// `tcp`
    Tcp,
}

/// `protection:`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// Packets a second and burst to one outside address (`per_address.packets_per_second:`,
    /// `per_address.burst:`). Default no limit; a tenth of a second's, 64 at least.
    pub packets: Option<(u32, u32)>,
    /// The same for ICMP (`per_address.icmp_per_second:`), with a second's as the burst.
    pub icmp: Option<u32>,
    /// The same for packets of no session (`per_address.unsolicited_per_second:`).
    pub unsolicited: Option<u32>,
    /// How long an address is shut that got more (`per_address.black_hole_for:`). Default zero:
    /// only what is too much is dropped.
    pub shut_for: Duration,
    /// From and to where nothing comes in (`black_hole:`).
    pub black_hole: Vec<Prefix>,
    /// `scan:`
    pub scan: Option<Scan>,
}

/// `protection.scan:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Ports nobody has (`ports:`). Default 100.
    pub ports: u16,
    /// In this time (`window:`). Default 10 s.
    pub window: Duration,
    /// How long first packets are dropped (`block:`). Default 600 s.
    pub block: Duration,
}

/// `pcp:` of a rule or a deterministic range (RFC 6887).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcp {
    /// Explicit mappings of one subscriber at most (`max_mappings:`). Default 64.
    pub max_mappings: u16,
    /// They last at least so long (`min_lifetime:`). Default 120 s.
    pub min_lifetime: Duration,
    /// And at most so long (`max_lifetime:`). Default a day.
    pub max_lifetime: Duration,
    /// Who may ask in the name of subscribers (`third_party:`). Default nobody.
    pub third_party: Vec<Prefix>,
    /// They may ask by NAT-PMP as well (`nat_pmp:`). Default no.
    pub nat_pmp: bool,
}

impl Default for Pcp {
    fn default() -> Self {
        Self {
            max_mappings: 64,
            min_lifetime: Duration::from_mins(2),
            max_lifetime: Duration::from_hours(24),
            third_party: Vec::new(),
            nat_pmp: false,
        }
    }
}

/// `paired:`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// `false`
    Off,
    /// `true`
    Strict,
    /// `soft`: another address when the first has no port left (RFC 7857 section 4).
    Soft,
}

/// The three behaviours of RFC 4787.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependence {
    /// `endpoint-independent`
    EndpointIndependent,
    /// `address-dependent`
    AddressDependent,
    /// `address-and-port-dependent`
    AddressAndPortDependent,
}

/// `hairpin:`, how inside hosts reach each other's outside addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hairpin {
    /// Default true.
    pub enabled: bool,
    /// `source: preserve` leaves the inside source as it is; default false (`translate`).
    pub preserve_source: bool,
}

/// Limits per subscriber; `None`: no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleLimits {
    /// Sessions.
    pub sessions: Option<u32>,
    /// New sessions a second, as a token bucket one second deep.
    pub new_sessions_per_second: Option<u32>,
    /// Ports for TCP.
    pub tcp_ports: Option<u32>,
    /// Ports for UDP.
    pub udp_ports: Option<u32>,
    /// Identifiers for ICMP queries.
    pub icmp_ids: Option<u32>,
    /// Ports for DCCP and UDP-Lite together.
    pub other_ports: Option<u32>,
    /// Sessions of all subscribers of the rule together.
    pub rule_sessions: Option<u32>,
    /// Sessions from outside through one mapping.
    pub inbound_sessions: Option<u16>,
    /// `reserve:`, the last sessions and ports of a subscriber, for flows to these ports.
    pub reserve: Option<Reserve>,
    /// Percent of a ports limit at which a subscriber is reported. Default 90.
    pub watermark: Option<u8>,
}

/// `reserve:`
#[derive(Clone, Debug, PartialEq)]
pub struct Reserve {
    /// How many sessions, and ports.
    pub sessions: u32,
    /// Destination ports they are for; 1 to 8 ranges.
    pub ports: Vec<(u16, u16)>,
}

/// Deterministic NAT (RFC 7422).
#[derive(Clone, Debug, PartialEq)]
pub struct Deterministic {
    /// Unique.
    pub name: String,
    /// First of the consecutive inside addresses (`source:`); `computed` knows how many.
    pub first: Ipv4Addr,
    /// Realm of the inside.
    pub vrf: VrfId,
    /// Realm of the outside.
    pub outside_vrf: VrfId,
    /// Outside addresses, expanded.
    pub addresses: Vec<Ipv4Addr>,
    /// Which ports of which of them an inside address has; numbers are places in `addresses`
    /// and distances from `first`. With `ports:`, `algorithm:` and `key:`.
    pub computed: Computed,
    /// Most ports of an inside address and protocol, computed ones and overflow together
    /// (`max_ports:`); at least the computed ones. `None`: no limit.
    pub max_ports: Option<u16>,
    /// Where blocks come from when the computed range is used up.
    pub overflow_pool: Option<PoolId>,
    /// `pcp:`, if its hosts may ask for mappings.
    pub pcp: Option<Pcp>,
}

impl Deterministic {
    /// Last inside address.
    #[must_use]
    pub const fn last(&self) -> Ipv4Addr {
        let more = self.computed.hosts().saturating_sub(1);
        Ipv4Addr::from_bits(self.first.to_bits().saturating_add(more))
    }

    /// Number of an inside address.
    #[must_use]
    pub fn host_number(&self, inside: Ipv4Addr) -> Option<u32> {
        let number = inside.to_bits().checked_sub(self.first.to_bits())?;
        (number < self.computed.hosts()).then_some(number)
    }

    /// Inside address by number.
    #[must_use]
    pub fn host(&self, number: u32) -> Option<Ipv4Addr> {
        let bits = self.first.to_bits().checked_add(number)?;
        (number < self.computed.hosts()).then_some(Ipv4Addr::from_bits(bits))
    }

    /// The inside addresses as prefixes, as few as there can be.
    #[must_use]
    pub fn prefixes(&self) -> Vec<Prefix> {
        let mut prefixes = Vec::new();
        let (mut next, end) = (
            u64::from(self.first.to_bits()),
            u64::from(self.last().to_bits()) + 1,
        );
        while next < end {
            // As wide as the address is aligned, and as there are addresses left.
            let wide = next.trailing_zeros().min((end - next).ilog2()).min(32);
            let (Ok(bits), Ok(length)) = (u32::try_from(next), u8::try_from(32 - wide)) else {
                break;
            };
            prefixes.push(Prefix::new(Ipv4Addr::from_bits(bits), length));
            next += 1 << wide;
        }
        prefixes
    }
}

/// A static mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Static {
    /// IP protocol; `None`: all.
    pub protocol: Option<u8>,
    /// Inside addresses (several: load sharing).
    pub inside: Vec<Ipv4Addr>,
    /// First inside port of the range; with `outside_ports`.
    pub inside_port: Option<u16>,
    /// Outside address.
    pub outside: Ipv4Addr,
    /// Number of consecutive addresses on both sides (network to network); 1 for a host. `inside` then has the first one.
    pub count: u32,
    /// First and last outside port; `None`: the whole address.
    pub outside_ports: Option<(u16, u16)>,
    /// How long an outside host stays with the same inside host.
    pub affinity: Option<Duration>,
    /// Realm of the inside.
    pub vrf: VrfId,
    /// Realm of the outside.
    pub outside_vrf: VrfId,
    /// Who may come in: default endpoint-independent.
    pub filtering: Dependence,
}

/// `timeouts:`
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// 300 s. Below 120 s is refused (RFC 4787 REQ-5).
    pub udp: Duration,
    /// UDP to port 53; 10 s.
    pub udp_dns: Duration,
    /// 7 440 s.
    pub tcp_established: Duration,
    /// Opening: as `tcp_transitory`, 240 s.
    pub tcp_opening: Duration,
    /// Closing and after a reset: as `tcp_transitory`, 240 s.
    pub tcp_closing: Duration,
    /// 120 s: after both FINs were acknowledged.
    pub tcp_time_wait: Duration,
    /// 60 s.
    pub icmp: Duration,
    /// 1 800 s.
    pub esp: Duration,
    /// 5 s.
    pub fragments: Duration,
}

/// `hold_down:`, before a freed port is given out again (RFC 6888 REQ-8).
#[derive(Clone, Debug, PartialEq)]
pub struct HoldDown {
    /// `time:`, 120 s by default, 0 switches it off.
    pub time: Duration,
    /// `max_percent:` of a block's ports held at once; default 50.
    pub max_percent: u8,
}

/// What may go from one zone to another.
#[derive(Clone, Debug, PartialEq)]
pub struct ZonePair {
    /// Unique; `FROM-TO` unless it is given.
    pub name: String,
    /// Where flows begin.
    pub from: ZoneEnd,
    /// Where they go to.
    pub to: ZoneEnd,
    /// Classes of its policy, first match first.
    pub classes: Vec<(ZoneClass, ZoneAction)>,
    /// `default:` of its policy, what becomes of flows in none of them. Default drop.
    pub last: ZoneAction,
}

/// One end of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ZoneEnd {
    /// Index into [`Config::zones`].
    Zone(usize),
    /// `default`: interfaces without a zone.
    Unzoned,
    /// `self`: the appliance.
    Itself,
}

/// Which flows are meant; an empty list stands for all.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneClass {
    /// Unique.
    pub name: String,
    /// Protocols with their destination ports, gateways written out.
    pub services: Vec<(u8, Option<(u16, u16)>)>,
    /// Who begins them.
    pub source: Vec<Prefix>,
    /// Who they are for.
    pub destination: Vec<Prefix>,
}

/// `action:` of a class in a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneAction {
    /// `inspect`
    Inspect,
    /// `pass`
    Pass,
    /// `drop`
    Drop,
}

/// One gateway's settings, as `show alg` prints them.
#[derive(Clone, Debug, PartialEq)]
pub struct Alg {
    /// Its key under `alg:`.
    pub name: String,
    /// On or off.
    pub enabled: bool,
    /// `reset_ttl:` of DNS.
    pub reset_ttl: bool,
    /// `mode: shadow`: it says what it would change and changes nothing.
    pub shadow: bool,
    /// Its ports, all kinds.
    pub ports: Vec<u16>,
    /// The same with the IP protocol of each.
    pub services: Vec<(u8, u16)>,
    /// Those of them at which `h323` has calls over UDP.
    pub calls_over_udp: Vec<u16>,
    /// Sizes in bytes, by key.
    pub sizes: Vec<(&'static str, u64)>,
    /// Of `sip` alone.
    pub sip: Option<Sip>,
    /// `trunks:` of `sip` and `h323`.
    pub trunks: Vec<Trunk>,
    /// Of `ike` and `esp`, each its part.
    pub ipsec: Ipsec,
}

/// What `alg.ike` and `alg.esp` say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ipsec {
    /// `ike.preserve_port:`
    pub preserve_port: Vec<Prefix>,
    /// `ike.keepalive:`, how often.
    pub keepalive: Option<Duration>,
    /// `ike.keepalive_for:`
    pub keepalive_for: Vec<Prefix>,
    /// `esp.spi_match:`
    pub spi_match: Vec<Prefix>,
    /// `esp.spi_prediction: hashed`
    pub hashed: bool,
    /// `esp.encapsulate:`, hosts and their gateways.
    pub encapsulate: Vec<(Ipv4Addr, Ipv4Addr)>,
}

/// What `alg.sip` says besides.
#[derive(Clone, Debug, PartialEq)]
pub struct Sip {
    /// `call_timeout:`, 3 h by default.
    pub call_timeout: Duration,
    /// `max_media_lines:` of a message; default 8.
    pub max_media_lines: u8,
}

impl Default for Sip {
    fn default() -> Self {
        Self {
            call_timeout: Duration::from_hours(3),
            max_media_lines: 8,
        }
    }
}

/// Inside hosts that carry calls for others.
#[derive(Clone, Debug, PartialEq)]
pub struct Trunk {
    /// `address:`, or the item itself: where their signalling comes from.
    pub address: Prefix,
    /// `media:`, which they may announce besides their own addresses.
    pub media: Vec<Prefix>,
}
