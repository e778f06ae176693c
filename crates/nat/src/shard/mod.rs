//! One worker's part of the translator: what happens when a packet is not plain.
//!
//! Plain packets of known sessions go through [`Shard::find`] and
//! [`Shard::plain`] alone. Everything else comes here: [`Shard::open_outbound`]
//! and [`Shard::open_inbound`] for the first packet of a flow,
//! [`Shard::on_packet`] for what changes a session's state, [`Shard::expire`] for
//! time, [`Shard::begin_change`] for other settings.
//!
//! Invariants: a session's mapping exists as long as the session; a mapping's
//! port is set in its block; a subscriber counts its sessions, its mappings by
//! protocol and its blocks. Refusals change nothing.

mod admit;
mod ahead;
mod announce;
mod at_once;
mod change;
mod cookies;
mod doors;
mod end;
mod gateway;
mod guard;
mod inbound;
mod life;
mod log;
mod mapped;
mod media;
mod names;
mod natpmp;
mod outbound;
mod pcp;
mod ports;
mod pptp;
mod streams;
mod tunnels;
mod zones;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::{Counter, Counters, Direction, Nanos, Ticks};
use wire::ipv4::protocol;

use crate::affinity::Affinity;
use crate::door::Doors;
use crate::filter::AddressFilter;
use crate::gateway::{Attachments, Tallies};
use crate::guard::Guard;
use crate::holddown::Resting;
use crate::journal::Journal;
use crate::key::{FlowKey, Realm};
use crate::layout::{Layout, Sure, is_usual};
use crate::leads::Leads;
use crate::mapping::{MAX_STRONG, Mapping, MappingId, MappingKind, MappingTable, inbound_key};
use crate::notice::{Notice, Notices};
use crate::pcp::Records;
use crate::pool::{PoolUse, Pools, count, low16};
use crate::port_spread::PortSpread;
use crate::record::Life;
use crate::region::Region;
use crate::rng::Rng;
use crate::sequence::Adjusters;
use crate::session::{
    Flags, Glance, Guess, Hit, NewSession, Rewrite, Session, SessionId, SessionTable, SessionView,
};
use crate::settings::{Action, Dependence, Division, PortProtocol, Rule, Translate};
use crate::subscriber::{Subscriber, SubscriberId, SubscriberTable};
use crate::tcp_state::{Segment, State};
use crate::tunnels::Tunnels;
use crate::zones::ZoneUse;
use change::Change;

pub use ahead::Ahead;
pub use announce::{Announcement, Keeper};
pub use change::{Changed, Touched};
pub use doors::Fate;
pub use media::MediaFigures;
pub use names::{Asking, Standing};
pub use pcp::{Ask as PcpAsk, Denied as PcpDenied, Granted as PcpGranted};

/// Scope of static mappings' outbound keys; pools use their number plus one.
const STATIC_SCOPE: u16 = u16::MAX;

/// Stands for every protocol; no packet has it (RFC 3692 reserves 255).
pub const ANY_PROTOCOL: u8 = 255;

/// Rule number of sessions that a static mapping alone decides.
const NO_RULE: u16 = u16::MAX;

/// Sessions opened from outside and not answered yet, per mapping: enough for
/// any honest peer-to-peer program, too few to fill the table through one port.
const MAX_WEAK: u16 = 256;

/// One session of so many may have a gateway, and so many doors may be open.
const SESSIONS_PER_GATEWAY: u32 = 16;

/// At least, and at most.
const MIN_GATEWAYS: u32 = 256;
const MAX_GATEWAYS: u32 = 1 << 16;

/// Sessions at most whose messages are put together on the slow path.
const MAX_STREAMS: u32 = 1 << 12;

/// Doors of one subscriber: some dozen calls.
const DOORS_OF_A_SUBSCRIBER: u16 = 256;

/// Remote hosts that static mappings remember an inside host for.
const MAX_AFFINITIES: u32 = 1 << 16;

/// Sizes of one shard's tables.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Sessions.
    pub sessions: u32,
    /// Mappings.
    pub mappings: u32,
    /// Subscribers.
    pub subscribers: u32,
}

/// The first packet of a flow.
#[derive(Clone, Copy, Debug)]
pub struct First<'a> {
    /// Its key.
    pub key: FlowKey,
    /// Its segment, if TCP or DCCP.
    pub tcp: Option<Segment>,
    /// Its destination is an outside address.
    pub hairpin: bool,
    /// Realm in which its destination is an outside address.
    pub outside_realm: Realm,
    /// Rule of a sender inside that keeps its source (a hairpin).
    pub sender_rule: Option<usize>,
    /// What is known of it already ([`Shard::look_ahead`]).
    pub ahead: Option<&'a Ahead>,
    /// Number of the interface it came by; the zone policy asks.
    pub interface: u16,
    /// Now.
    pub now: Nanos,
}

/// Why a session was not opened: the drop reason that counts it.
pub type Refusal = Counter;

/// A session just opened.
pub type Opened = SessionId;

/// What the rules say about a packet.
#[derive(Clone, Copy, Debug)]
pub enum Match<'a> {
    /// The first rule that matches.
    Rule(usize, &'a Action),
    /// A translating rule does but for the protocol, which it has no ports for.
    Protocol,
    /// None.
    None,
}

/// A port at rest before it is given out again: block, place in it, protocol.
type HeldPort = (u32, u16, PortProtocol);

/// One worker's part of all translation state.
#[derive(Debug)]
pub struct Shard {
    number: u32,
    layout: Arc<Layout>,
    sessions: SessionTable,
    mappings: MappingTable,
    subscribers: SubscriberTable,
    pools: Pools,
    /// Only if a rule needs it.
    filter: Option<AddressFilter>,
    affinity: Option<Affinity>,
    attachments: Attachments,
    leads: Leads,
    adjusters: Adjusters,
    streams: streams::Streams,
    doors: Doors,
    /// IPsec behind shared addresses.
    pub tunnels: Tunnels,
    cookies: cookies::Cookies,
    /// Only if a rule lets hosts ask (PCP).
    records: Option<Records>,
    /// Since when nothing of what they asked for was lost.
    epoch: Nanos,
    /// Doors that keep a whole address for somebody who has heard of it.
    loans: u32,
    /// Keeps remote hosts from choosing the numbers of calls.
    call_seed: u64,
    /// What gateways have seen and done.
    pub tallies: Tallies,
    held_ports: Resting<HeldPort>,
    /// Blocks without a port in use, by pool, with the time of their notice.
    idle_blocks: Vec<Resting<u32>>,
    /// Sessions by rule and by realm of the inside, for their limits.
    rule_sessions: Vec<u32>,
    realm_sessions: Box<[u32; 256]>,
    /// By number of the class.
    zone_uses: Vec<ZoneUse>,
    /// Only if something is protected.
    guard: Option<Guard>,
    change: Change,
    rng: Rng,
    sizes: Sizes,
    notices: Notices,
    journal: Journal,
    /// What happened, `nat.*`.
    pub counters: Counters,
}

impl Shard {
    /// Makes shard `number` of those the layout plans, with all it will ever
    /// allocate but for the addresses of later layouts.
    #[must_use]
    pub fn new(layout: Arc<Layout>, sizes: Sizes, number: u32, seed: u64, now: Nanos) -> Self {
        let mut rng = Rng::new(seed ^ u64::from(number).rotate_left(32));
        let timeouts = timeouts(&layout);
        let hold = Ticks::in_duration(layout.hold_down());
        let of_gateways = (sizes.sessions / SESSIONS_PER_GATEWAY).clamp(MIN_GATEWAYS, MAX_GATEWAYS);
        let mut shard = Self {
            number,
            sessions: SessionTable::with_capacity(
                sizes.sessions,
                rng.word(),
                timeouts,
                now.ticks(),
            ),
            mappings: MappingTable::with_capacity(sizes.mappings, rng.word()),
            subscribers: SubscriberTable::with_capacity(sizes.subscribers, rng.word()),
            pools: Pools::default(),
            filter: None,
            affinity: None,
            attachments: Attachments::with_capacity(of_gateways, rng.word()),
            leads: Leads::new(rng.word()),
            adjusters: Adjusters::with_capacity(of_gateways, of_gateways, rng.word()),
            streams: streams::Streams::with_capacity(of_gateways.min(MAX_STREAMS)),
            doors: Doors::with_capacity(
                of_gateways,
                sizes.subscribers,
                DOORS_OF_A_SUBSCRIBER,
                rng.word(),
                now.ticks(),
            ),
            tunnels: Tunnels::with_capacity(of_gateways, rng.word(), layout.timeouts().esp),
            cookies: cookies::Cookies::new(false, 0),
            records: None,
            epoch: now,
            loans: 0,
            call_seed: rng.word(),
            tallies: Tallies::default(),
            held_ports: Resting::new(sizes.mappings as usize, hold),
            idle_blocks: Vec::new(),
            rule_sessions: Vec::new(),
            realm_sessions: Box::new([0; 256]),
            zone_uses: Vec::new(),
            guard: None,
            change: Change::default(),
            rng,
            sizes,
            notices: Notices::default(),
            journal: Journal::new(),
            counters: Counters::default(),
            layout,
        };
        shard.settle_at_once(now.ticks());
        shard.adopt_zones();
        shard.adopt_protection(None);
        shard.adopt_cookies();
        shard
    }

    /// Bytes of all tables.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.sessions.bytes()
            + self.mappings.bytes()
            + self.subscribers.bytes()
            + self.pools.bytes()
            + self.held_ports.bytes()
            + self.filter.as_ref().map_or(0, AddressFilter::bytes)
            + self.affinity.as_ref().map_or(0, Affinity::bytes)
            + self.attachments.bytes()
            + self.leads.bytes()
            + self.adjusters.bytes()
            + self.streams.bytes()
            + self.doors.bytes()
            + self.tunnels.bytes()
            + self.cookies.bytes()
            + self.records.as_ref().map_or(0, Records::bytes)
            + self.guard.as_ref().map_or(0, Guard::bytes)
            + self.idle_blocks.iter().map(Resting::bytes).sum::<usize>()
    }

    /// Where the large tables lie.
    #[must_use]
    pub fn regions(&self) -> [Region; 5] {
        let [hot, cold, index] = self.sessions.regions();
        let [mappings, mapping_index] = self.mappings.regions();
        [hot, cold, index, mappings, mapping_index]
    }

    /// Bytes of the session table, its index included, per session it can hold.
    #[must_use]
    pub fn bytes_of_sessions(&self) -> usize {
        self.sessions.bytes()
    }

    /// Sessions there are.
    #[must_use]
    pub const fn session_count(&self) -> u32 {
        self.sessions.live()
    }

    /// Sessions that ever began.
    #[must_use]
    #[inline]
    pub fn sessions_created(&self) -> u64 {
        self.counters.value(Counter::NatSessionsCreated)
    }

    /// Mappings there are.
    #[must_use]
    pub fn mapping_count(&self) -> u32 {
        self.mappings.live()
    }

    /// Subscribers there are.
    #[must_use]
    pub fn subscriber_count(&self) -> u32 {
        self.subscribers.live()
    }

    /// How many subscribers use how many ports.
    #[must_use]
    pub const fn port_spread(&self) -> &PortSpread {
        self.subscribers.spread()
    }

    /// The settings in force, with numbers.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    // --- the fast path -----------------------------------------------------

    /// Hash of a key, for the calls below.
    #[must_use]
    #[inline]
    pub fn hash(&self, key: FlowKey) -> u64 {
        self.sessions.hash(key)
    }

    /// For the first steps of many lookups.
    #[must_use]
    #[inline]
    pub fn glance(&self) -> Glance<'_> {
        self.sessions.glance()
    }

    /// Whether a guess was right; if not, [`Shard::find`] knows.
    #[must_use]
    #[inline]
    pub fn confirm(&self, key: FlowKey, guess: Guess) -> Option<Hit> {
        self.sessions.confirm(key, guess)
    }

    /// Finds a session by either key.
    #[must_use]
    #[inline]
    pub fn find(&self, key: FlowKey, hash: u64) -> Option<Hit> {
        self.sessions.find(key, hash)
    }

    /// A session for a packet to pass.
    #[inline]
    pub fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(id)
    }

    /// Makes room in a session's counters, after [`Session::pass`] said so.
    pub fn carry(&mut self, id: SessionId) {
        self.sessions.carry(id);
    }

    // --- the general path --------------------------------------------------

    /// A session.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The rewrite of one direction.
    #[must_use]
    pub fn rewrite(&self, id: SessionId, direction: Direction) -> Option<Rewrite> {
        self.sessions.rewrite(id, direction)
    }

    /// Notes where a direction of a session leaves.
    pub fn cache_egress(
        &mut self,
        id: SessionId,
        direction: Direction,
        adjacency: u16,
        epoch: u16,
    ) {
        self.sessions.cache_egress(id, direction, adjacency, epoch);
    }

    /// Whether packets from this interface are from inside for some rule.
    #[must_use]
    pub fn is_inside(&self, interface: usize) -> bool {
        self.layout.is_inside(interface)
    }

    /// The translating rule that a packet from `interface` meets for certain.
    #[must_use]
    #[inline]
    pub fn sure_rule(&self, interface: usize, key: FlowKey) -> Option<usize> {
        if self.is_by_cookie(key) {
            return None;
        }
        match self.layout.sure_match(interface, key) {
            Sure::Rule(number) => self.layout.plan(number).map(|_| number),
            Sure::None | Sure::Unsure => None,
        }
    }

    /// What the rules say about a packet from `interface`; the first match wins.
    #[must_use]
    pub fn match_rule(&self, interface: usize, key: FlowKey) -> Match<'_> {
        match self.layout.sure_match(interface, key) {
            Sure::Rule(number) => match self.layout.rule(number) {
                Some(rule) => Match::Rule(number, &rule.action),
                None => Match::None,
            },
            Sure::None => Match::None,
            Sure::Unsure => first_match(self.layout.rules_from(interface), key),
        }
    }

    /// The rule that gives the sender of a packet from outside an address
    /// towards the inside (twice NAT).
    #[must_use]
    pub fn match_outside_rule(&self, key: FlowKey) -> Option<(usize, Translate)> {
        match first_match(self.layout.outside_rules(), key) {
            Match::Rule(number, Action::Translate(translate)) => Some((number, *translate)),
            _ => None,
        }
    }

    /// The rule by which the answer to this packet would be passed untouched, so that the
    /// packet is too.
    #[must_use]
    pub fn passes_back(&self, key: FlowKey) -> Option<usize> {
        match first_match(self.layout.rules(), key.reversed()) {
            Match::Rule(number, Action::Pass) => Some(number),
            _ => None,
        }
    }

    /// The realm to which an inside host has a static mapping for this flow, with
    /// or without a rule.
    #[must_use]
    #[inline]
    pub fn static_outside(&self, key: FlowKey) -> Option<Realm> {
        let mapping = self.mappings.get(self.static_mapping(key)?)?;
        Some(mapping.outside_realm)
    }

    /// The remote host behind the address that a session's inside host knows it
    /// by (twice NAT).
    #[must_use]
    pub fn remote_behind(&self, view: &SessionView) -> Option<Ipv4Addr> {
        if !view.flags.has(Flags::HAIRPIN) {
            return None;
        }
        let whole = inbound_key(view.out_key.dst(), 0, ANY_PROTOCOL, view.outside_realm);
        let mapping = self.mappings.get(self.mappings.find_inbound(whole)?)?;
        self.is_outside_rule(mapping.rule)
            .then(|| Ipv4Addr::from_bits(mapping.out_key.src()))
    }

    /// Whether a rule is one for remote hosts (twice NAT).
    #[must_use]
    pub fn is_outside_rule(&self, rule: u16) -> bool {
        self.layout
            .outside_rules()
            .any(|(number, _)| number == usize::from(rule))
    }

    /// Whether a session is one of a remote host under such a rule.
    #[must_use]
    pub fn is_outside_session(&self, id: SessionId) -> bool {
        self.sessions
            .view(id)
            .is_some_and(|view| self.is_outside_rule(view.rule))
    }

    /// Whether a remote host has an address towards the inside already.
    #[must_use]
    pub fn knows_remote(&self, key: FlowKey) -> bool {
        self.match_outside_rule(key).is_some_and(|(_, translate)| {
            let mut pools = translate.pools.iter();
            pools.any(|pool| self.mappings.find_outbound(whole_key(key, pool)).is_some())
        })
    }

    /// Whether some host has a whole outside address for all protocols.
    #[must_use]
    pub fn has_whole_mapping(&self, realm: Realm, outside: u32) -> bool {
        if self.mappings.special().whole == 0 {
            return false;
        }
        let key = inbound_key(outside, 0, ANY_PROTOCOL, realm);
        self.mappings.find_inbound(key).is_some()
    }

    /// The outside address that an inside host has for itself, if it has one: by a
    /// static mapping, or lent as a whole.
    #[must_use]
    pub fn own_outside(&self, realm: Realm, inside: u32, protocol: u8) -> Option<u32> {
        let key = FlowKey::new(inside, 0, 0, 0, protocol, realm);
        if let Some(mapping) = self
            .static_mapping(key)
            .and_then(|id| self.mappings.get(id))
        {
            return Some(mapping.outside);
        }
        let subscriber = self
            .subscribers
            .get(self.subscribers.find(inside, realm)?)?;
        let lent_whole = |slot: &u32| {
            let pool = self.pools.pool_of(*slot);
            pool.and_then(|pool| self.pools.division(pool)) == Some(Division::Whole)
        };
        let slot = subscriber.slots().find(lent_whole)?;
        self.pools.ip(slot).map(Ipv4Addr::to_bits)
    }

    /// How many sessions, ports and blocks may end before somebody has to hear of what
    /// happened; whoever ends more goes on in the next turn.
    #[must_use]
    pub fn room_for_ends(&self) -> u32 {
        let room = self.notices.room_for_ends();
        room.min(self.journal.room_for_ends())
    }

    /// What happened that somebody should hear of, oldest first.
    pub fn next_notice(&mut self) -> Option<Notice> {
        let lost = self.notices.take_lost();
        self.counters.add(Counter::EventLost, lost);
        self.notices.pop()
    }

    // --- to look at --------------------------------------------------------

    /// One more than the highest session number ever used.
    #[must_use]
    pub fn session_slots(&self) -> u32 {
        self.sessions.slots()
    }

    /// The session with number `slot`, if there is one.
    #[must_use]
    pub fn session_at(&self, slot: u32) -> Option<SessionView> {
        self.sessions.view(SessionId(slot))
    }

    /// When a session would end without another packet.
    #[must_use]
    pub fn deadline(&self, view: &SessionView) -> Ticks {
        view.last_seen.plus(self.sessions.timeout(view.id))
    }

    /// One more than the highest mapping number ever used.
    #[must_use]
    pub fn mapping_slots(&self) -> u32 {
        self.mappings.slots()
    }

    /// The mapping with number `slot`, if there is one.
    #[must_use]
    pub fn mapping_at(&self, slot: u32) -> Option<Mapping> {
        self.mappings.get(MappingId(slot))
    }

    /// One more than the highest subscriber number ever used.
    #[must_use]
    pub fn subscriber_slots(&self) -> u32 {
        self.subscribers.slots()
    }

    /// The subscriber with number `slot`, if there is one.
    #[must_use]
    pub fn subscriber_at(&self, slot: u32) -> Option<&Subscriber> {
        self.subscribers.get(SubscriberId(slot))
    }

    /// How full a pool is, in this shard's part.
    #[must_use]
    pub fn pool_use(&self, pool: usize) -> PoolUse {
        self.pools.used(pool)
    }

    // --- helpers -----------------------------------------------------------

    /// Makes a session under a mapping, which counts for a subscriber.
    fn insert_session(
        &mut self,
        new: &NewSession,
        mapping: &Mapping,
        charged: Option<SubscriberId>,
        now: Nanos,
    ) -> Result<SessionId, Refusal> {
        // Hosts that share an outside endpoint may choose the same remote.
        if mapping.kind == MappingKind::Static && self.find_way_back(new) {
            return Err(Counter::DropAddressPair);
        }
        if mapping.strong >= MAX_STRONG {
            return Err(Counter::DropSessionTable);
        }
        let id = self
            .sessions
            .insert(new, now.ticks())
            .map_err(|_| Counter::DropSessionTable)?;
        self.counters.bump(Counter::NatSessionsCreated);
        if self.journal.log.sessions {
            self.note_session(Life::Begun, id);
        }
        self.count_session(new.rule, new.out_key.realm(), 1);
        if new.flags.has(Flags::FROM_OUTSIDE)
            && let Some(id) = new.mapping
        {
            self.mappings.change(id, |mapping| {
                mapping.visitors = mapping.visitors.saturating_add(1);
            });
        }
        if let Some(subscriber) = charged.and_then(|id| self.subscribers.get_mut(id)) {
            subscriber.sessions += 1;
        }
        Ok(id)
    }

    /// Who a mapping counts for; nobody for static ones.
    fn subscriber_of(&self, mapping: &Mapping) -> Option<SubscriberId> {
        self.owner_of(mapping, None)
    }

    fn find_way_back(&self, new: &NewSession) -> bool {
        let key = new
            .out_key
            .reversed()
            .with_dst(new.outside, new.outside_port)
            .in_realm(new.outside_realm);
        self.sessions.find(key, self.sessions.hash(key)).is_some()
    }

    #[inline]
    fn count_session(&mut self, rule: u16, realm: Realm, change: i32) {
        let places = [
            self.rule_sessions.get_mut(usize::from(rule)),
            self.realm_sessions.get_mut(usize::from(realm)),
        ];
        for place in places.into_iter().flatten() {
            *place = place.saturating_add_signed(change);
        }
    }

    fn udp_refresh(&self, transport: u8) -> Flags {
        if transport == protocol::UDP && self.layout.udp_inbound_refresh() {
            Flags::INBOUND_REFRESH
        } else {
            Flags::default()
        }
    }

    fn translate_of(&self, rule: usize) -> Option<(Translate, Realm)> {
        match self.layout.rule(rule) {
            Some(Rule {
                action: Action::Translate(translate),
                outside_realm,
                ..
            }) => Some((*translate, *outside_realm)),
            _ => None,
        }
    }
}

/// Ticks of every state's timeout.
fn timeouts(layout: &Layout) -> [u32; State::COUNT] {
    let mut timeouts = [0; State::COUNT];
    for (ticks, state) in timeouts.iter_mut().zip(State::ALL) {
        *ticks = Ticks::in_duration(layout.timeouts().of(state));
    }
    timeouts
}

fn first_match<'a>(rules: impl Iterator<Item = (usize, &'a Rule)>, key: FlowKey) -> Match<'a> {
    let (src, dst) = (Ipv4Addr::from_bits(key.src()), key.destination());
    let protocol = key.protocol();
    let has_ports = || {
        matches!(
            protocol,
            protocol::TCP | protocol::UDP | protocol::DCCP | protocol::SCTP | protocol::UDP_LITE
        )
    };
    let mut but_for_protocol = false;
    for (number, rule) in rules {
        let matches = rule.realm == key.realm()
            && rule.source.iter().any(|prefix| prefix.contains(src))
            && (rule.destination.is_empty()
                || rule.destination.iter().any(|prefix| prefix.contains(dst)))
            && (rule.protocols.is_empty() || rule.protocols.contains(&protocol))
            && (rule.destination_ports.is_empty()
                || has_ports()
                    && rule
                        .destination_ports
                        .iter()
                        .any(|(low, high)| (*low..=*high).contains(&key.dst_port())));
        if !matches {
            continue;
        }
        let translates = matches!(rule.action, Action::Translate(_));
        let taken = is_usual(protocol) || protocol == protocol::ESP && rule.services.ipsec.esp;
        if translates && rule.protocols.is_empty() && !rule.all_protocols && !taken {
            but_for_protocol = true;
            continue;
        }
        return Match::Rule(number, &rule.action);
    }
    if but_for_protocol {
        Match::Protocol
    } else {
        Match::None
    }
}

/// A TCP connection begins with a SYN.
fn opens(first: &First<'_>) -> Result<(), Refusal> {
    match first.tcp {
        Some(segment) if !segment.opens() => Err(Counter::DropTcpNotSyn),
        _ => Ok(()),
    }
}

fn rule_number(rule: usize) -> u16 {
    low16(count(rule))
}

/// The inside endpoint of a flow, as static mappings know it.
fn static_key(key: FlowKey) -> FlowKey {
    key.with_dst(0, 0).scoped(STATIC_SCOPE)
}

/// What a dynamic mapping of a flow depends on (RFC 4787 section 4.1).
fn dynamic_key(key: FlowKey, mapping: Dependence, pool: usize) -> FlowKey {
    match mapping {
        Dependence::Endpoint => key.with_dst(0, 0),
        Dependence::Address => key.with_dst(key.dst(), 0),
        Dependence::AddressAndPort => key,
    }
    .scoped(pool_scope(pool))
}

/// The inside address of a flow, as mappings of whole addresses know it.
fn whole_key(key: FlowKey, pool: usize) -> FlowKey {
    FlowKey::new(key.src(), 0, 0, 0, ANY_PROTOCOL, key.realm()).scoped(pool_scope(pool))
}

/// The same of a static mapping, for a protocol or any.
fn static_whole_key(inside: u32, protocol: u8, realm: Realm) -> FlowKey {
    FlowKey::new(inside, 0, 0, 0, protocol, realm).scoped(STATIC_SCOPE)
}

fn pool_scope(pool: usize) -> u16 {
    low16(count(pool)).wrapping_add(1)
}

/// State of a new session.
#[inline]
fn first_state(key: FlowKey, direction: Direction) -> State {
    match (key.protocol(), direction) {
        (protocol::TCP | protocol::DCCP, Direction::Outbound) => State::OutboundSyn,
        (protocol::TCP | protocol::DCCP, Direction::Inbound) => State::InboundSyn,
        (protocol::UDP, Direction::Outbound) if key.dst_port() == 53 => State::UdpDns,
        (protocol::UDP, _) => State::Udp,
        (protocol::ICMP, _) => State::Icmp,
        (protocol::ESP, _) => State::Esp,
        _ => State::Other,
    }
}
