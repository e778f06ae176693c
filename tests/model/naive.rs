//! The translator once more, as simple as it can be: lists that are searched from
//! end to end, counts that are counted anew each time, no number that anything
//! else follows from.
//!
//! It knows nothing of the random choices of the real one: where a port is
//! chosen, it says which are right and asks which it was (`Choice`).

mod ports;
mod time;

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::packet::{Protocol, Sent, What};
use crate::setup::{Dependence, Millis, Setup};
use crate::tcp::{State, Way};
use ports::{Block, Resting};

/// No remote: what an endpoint-independent mapping depends on.
const ANY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);

/// What the real one chose, where there is a choice: told the inside endpoint,
/// answers the outside one, if it can still be seen.
pub(crate) type Choice<'a> = &'a mut dyn FnMut(Protocol, SocketAddrV4) -> Option<SocketAddrV4>;

/// Name of the counter that explains a drop.
pub(crate) type Refusal = &'static str;

#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    number: u64,
    pub(crate) protocol: Protocol,
    pub(crate) inside: SocketAddrV4,
    /// The remote address or endpoint it is for.
    remote: SocketAddrV4,
    pub(crate) outside: SocketAddrV4,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    number: u64,
    mapping: u64,
    pub(crate) protocol: Protocol,
    pub(crate) inside: SocketAddrV4,
    pub(crate) remote: SocketAddrV4,
    pub(crate) outside: SocketAddrV4,
    from_outside: bool,
    /// Keeps its mapping: opened or answered from inside, or one whose timer
    /// packets from outside restart.
    strong: bool,
    /// The inside has sent something to this remote.
    answered: bool,
    pub(crate) state: State,
    last_seen: Millis,
    pub(crate) packets: [u64; 2],
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Subscriber {
    pub(crate) refused: u64,
    /// In microseconds: when the next session at the limited rate would begin.
    next_session: u64,
}

/// A SYN kept for six seconds (RFC 5382 REQ-4).
#[derive(Clone, Debug)]
struct HeldSyn {
    due: Millis,
    sent: Sent,
}

/// What becomes of a packet: the counter that explains it, and its endpoints if
/// it is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) reason: &'static str,
    pub(crate) forwarded: Option<(SocketAddrV4, SocketAddrV4)>,
}

impl End {
    const fn of(reason: &'static str) -> Self {
        Self {
            reason,
            forwarded: None,
        }
    }
}

/// The naive translator.
#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) setup: Setup,
    now: Millis,
    pub(crate) sessions: Vec<Session>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) subscribers: HashMap<Ipv4Addr, Subscriber>,
    /// Blocks that are lent, in the order they were.
    blocks: Vec<Block>,
    resting: Vec<Resting>,
    syns: Vec<HeldSyn>,
    next_number: u64,
    /// By name.
    pub(crate) counters: BTreeMap<&'static str, u64>,
}

impl Naive {
    pub(crate) fn new(setup: &Setup) -> Self {
        Self {
            setup: setup.clone(),
            now: 0,
            sessions: Vec::new(),
            mappings: Vec::new(),
            subscribers: HashMap::new(),
            blocks: Vec::new(),
            resting: Vec::new(),
            syns: Vec::new(),
            next_number: 0,
            counters: BTreeMap::new(),
        }
    }

    /// A packet from an inside host.
    pub(crate) fn inside(&mut self, sent: &Sent, choice: Choice<'_>) -> End {
        let end = self.inside_packet(sent, choice);
        self.count_end(end)
    }

    /// A packet from a remote host.
    pub(crate) fn outside(&mut self, sent: &Sent) -> End {
        let end = self.outside_packet(sent);
        self.count_end(end)
    }

    /// Ends all sessions.
    pub(crate) fn clear(&mut self) {
        while let Some(session) = self.sessions.first() {
            self.end_session(session.number);
        }
    }

    /// Sessions of a subscriber, those from outside included.
    pub(crate) fn sessions_of(&self, host: Ipv4Addr) -> usize {
        let of = |session: &&Session| *session.inside.ip() == host;
        self.sessions.iter().filter(of).count()
    }

    /// Sessions under a mapping.
    pub(crate) fn sessions_under(&self, mapping: &Mapping) -> usize {
        let under = |session: &&Session| session.mapping == mapping.number;
        self.sessions.iter().filter(under).count()
    }

    /// Whether a port that is chosen for a packet, and given back when that is refused,
    /// cannot be seen from outside and yet matters: for what it leaves behind, or
    /// because a filter asks for its address.
    pub(crate) fn is_unobservable(&self, sent: &Sent) -> bool {
        let limits = &self.setup.limits;
        let may_be_refused = limits.inbound.is_some()
            || limits.sessions.is_some()
            || limits.rule.is_some()
            || self.mapping_at(sent.protocol(), sent.dst).is_none();
        let matters = self.setup.leaves_traces() || self.setup.filters_by_one_of_several();
        matters
            && self.setup.owns(*sent.dst.ip())
            && may_be_refused
            && self.mapping_for(sent).is_none()
    }

    // --- packets -------------------------------------------------------------

    fn inside_packet(&mut self, sent: &Sent, choice: Choice<'_>) -> End {
        if sent.what == What::Pong {
            // Pings from outside are answered by the appliance, so nobody inside has
            // anything to answer.
            return End::of("drop.icmp_no_session");
        }
        let hairpin = self.setup.owns(*sent.dst.ip());
        match self.session_from_inside(sent, &mut *choice) {
            Some(known) => self.send_out(sent, known, false),
            None if sent.what == What::Ping && hairpin => End::of("consume.echo"),
            None if hairpin && !self.setup.hairpin => End::of("drop.hairpin"),
            None => match self.open_from_inside(sent, choice) {
                Ok(new) => self.send_out(sent, new, true),
                Err(reason) => End::of(reason),
            },
        }
    }

    fn send_out(&mut self, sent: &Sent, number: u64, fresh: bool) -> End {
        let outside = self.session(number).outside;
        let mut end = End {
            reason: "forward.outbound",
            forwarded: Some((outside, sent.dst)),
        };
        let mut other_half = None;
        if self.setup.owns(*sent.dst.ip()) {
            let turned = Sent {
                src: outside,
                ..*sent
            };
            match self.session_from_outside(&turned) {
                Ok(second) => other_half = Some(second),
                Err(reason) => {
                    // The way back from a remote that filters is open all the same.
                    if fresh && reason != "drop.filtered" {
                        self.end_session(number);
                    }
                    return self.refused_inbound(sent, reason);
                }
            }
        }
        self.passes(number, Way::Out, sent.what);
        if let Some(second) = other_half {
            self.passes(second, Way::In, sent.what);
            end.reason = "forward.hairpin";
            end.forwarded = Some((outside, self.session(second).inside));
        }
        end
    }

    fn outside_packet(&mut self, sent: &Sent) -> End {
        if sent.what == What::Ping {
            return End::of("consume.echo");
        }
        match self.session_from_outside(sent) {
            Ok(number) => {
                self.passes(number, Way::In, sent.what);
                End {
                    reason: "forward.inbound",
                    forwarded: Some((sent.src, self.session(number).inside)),
                }
            }
            Err(reason) => self.refused_inbound(sent, reason),
        }
    }

    fn refused_inbound(&mut self, sent: &Sent, reason: Refusal) -> End {
        let unsolicited = matches!(reason, "drop.no_mapping" | "drop.filtered");
        if sent.what == What::Syn && unsolicited {
            self.syns.push(HeldSyn {
                due: self.now + 6_000,
                sent: *sent,
            });
            return End::of("hold.syn");
        }
        End::of(reason)
    }

    fn passes(&mut self, number: u64, way: Way, what: What) {
        let refreshes_inbound = self.setup.inbound_refresh;
        let now = self.now;
        let Some(session) = self.sessions.iter_mut().find(|one| one.number == number) else {
            panic!("no session {number}");
        };
        if way == Way::Out && what != What::Rst {
            session.strong = true;
            session.answered = true;
        }
        let by_inbound = match session.protocol {
            Protocol::Udp => refreshes_inbound,
            Protocol::Tcp => true,
            Protocol::Icmp => false,
        };
        let state = session.state.after(way, what);
        let refreshes = way == Way::Out || session.strong && by_inbound;
        if state != session.state || refreshes && what != What::Rst {
            session.last_seen = now;
        }
        session.state = state;
        session.packets[way as usize] += 1;
    }

    fn count_end(&mut self, end: End) -> End {
        self.count(end.reason);
        self.count(match end.reason.split('.').next() {
            Some("forward") => "verdict.forward",
            Some("drop") => "verdict.drop",
            Some("hold") => "verdict.hold",
            _ => "verdict.consume",
        });
        end
    }

    // --- sessions ------------------------------------------------------------

    fn session(&self, number: u64) -> &Session {
        let found = self.sessions.iter().find(|one| one.number == number);
        found.unwrap_or_else(|| panic!("no session {number}"))
    }

    /// The session of a packet from inside. Under mappings that depend on the
    /// remote, a laxer filter may have let this one in through the mapping for
    /// another; then either serves.
    fn session_from_inside(&self, sent: &Sent, choice: Choice<'_>) -> Option<u64> {
        let has = |one: &&Session| {
            (one.protocol, one.inside, one.remote) == (sent.protocol(), sent.src, sent.dst)
        };
        let found: Vec<&Session> = self.sessions.iter().filter(has).collect();
        if found.len() < 2 {
            return found.first().map(|one| one.number);
        }
        let chosen = choice(sent.protocol(), sent.src);
        let one = found.iter().find(|one| Some(one.outside) == chosen);
        assert!(
            chosen.is_none() || one.is_some(),
            "{chosen:?} is in none of {found:?}"
        );
        one.or(found.first()).map(|one| one.number)
    }

    /// The session of a packet to an outside endpoint, opened if it may be.
    fn session_from_outside(&mut self, sent: &Sent) -> Result<u64, Refusal> {
        let has = |one: &&Session| {
            (one.protocol, one.remote, one.outside) == (sent.protocol(), sent.src, sent.dst)
        };
        match self.sessions.iter().find(has) {
            Some(known) => Ok(known.number),
            None => self.open_from_outside(sent),
        }
    }

    fn open_from_inside(&mut self, sent: &Sent, choice: Choice<'_>) -> Result<u64, Refusal> {
        if sent.protocol() == Protocol::Tcp && sent.what != What::Syn {
            return Err("drop.tcp_not_syn");
        }
        let host = *sent.src.ip();
        if let Err(reason) = self.admit_rule() {
            // Nobody becomes a subscriber by that.
            self.refuse(host);
            return Err(reason);
        }
        self.subscribe(host)?;
        let mapping = self
            .admit_session(host)
            .and_then(|()| self.admit_rate(host))
            .and_then(|()| match self.mapping_for(sent) {
                Some(known) => Ok(known.number),
                None => self.new_mapping(sent, choice),
            });
        match mapping {
            Ok(mapping) => Ok(self.new_session(mapping, sent.src, sent.dst, Way::Out)),
            Err(reason) => {
                self.refuse(host);
                Err(reason)
            }
        }
    }

    fn open_from_outside(&mut self, sent: &Sent) -> Result<u64, Refusal> {
        let mapping = self
            .mapping_at(sent.protocol(), sent.dst)
            .ok_or("drop.no_mapping")?
            .clone();
        if !self.admits(&mapping, *sent.src.ip()) {
            return Err("drop.filtered");
        }
        if sent.protocol() == Protocol::Tcp && sent.what != What::Syn {
            return Err("drop.tcp_not_syn");
        }
        let host = *mapping.inside.ip();
        let visits = |one: &&Session| one.mapping == mapping.number && one.from_outside;
        let visitors = self.sessions.iter().filter(visits).count();
        let admitted = if self
            .setup
            .limits
            .inbound
            .is_some_and(|most| visitors >= most)
        {
            Err("drop.inbound_limit")
        } else {
            self.admit_rule().and_then(|()| self.admit_session(host))
        };
        if let Err(reason) = admitted {
            self.refuse(host);
            return Err(reason);
        }
        Ok(self.new_session(mapping.number, mapping.inside, sent.src, Way::In))
    }

    fn new_session(
        &mut self,
        mapping: u64,
        inside: SocketAddrV4,
        remote: SocketAddrV4,
        way: Way,
    ) -> u64 {
        let number = self.number();
        let under = self.mappings.iter().find(|one| one.number == mapping);
        let Some(&Mapping {
            protocol, outside, ..
        }) = under
        else {
            panic!("no mapping {mapping}");
        };
        let refreshed = protocol == Protocol::Udp && self.setup.inbound_refresh;
        self.sessions.push(Session {
            number,
            mapping,
            protocol,
            inside,
            remote,
            outside,
            from_outside: way == Way::In,
            strong: way == Way::Out || refreshed,
            answered: way == Way::Out,
            state: State::first(protocol, way, remote.port()),
            last_seen: self.now,
            packets: [0; 2],
        });
        self.count("nat.sessions_created");
        number
    }

    fn end_session(&mut self, number: u64) {
        let gone = self.session(number).clone();
        self.sessions.retain(|one| one.number != number);
        self.count("nat.sessions_ended");
        let keeps = |one: &Session| one.mapping == gone.mapping && one.strong;
        if !self.sessions.iter().any(keeps) {
            // Nobody inside keeps it: visitors go too.
            let visitor = self.sessions.iter().find(|one| one.mapping == gone.mapping);
            match visitor.map(|one| one.number) {
                Some(visitor) => self.end_session(visitor),
                None => self.end_mapping(gone.mapping),
            }
        }
        self.forget_if_idle(*gone.inside.ip());
    }

    // --- mappings ------------------------------------------------------------

    /// The mapping that a packet from inside would use.
    fn mapping_for(&self, sent: &Sent) -> Option<&Mapping> {
        let remote = self.depends_on(sent.dst);
        self.mappings.iter().find(|one| {
            (one.protocol, one.inside, one.remote) == (sent.protocol(), sent.src, remote)
        })
    }

    fn mapping_at(&self, protocol: Protocol, outside: SocketAddrV4) -> Option<&Mapping> {
        let has = |one: &&Mapping| (one.protocol, one.outside) == (protocol, outside);
        self.mappings.iter().find(has)
    }

    fn depends_on(&self, remote: SocketAddrV4) -> SocketAddrV4 {
        match self.setup.mapping {
            Dependence::Endpoint => ANY,
            Dependence::Address => SocketAddrV4::new(*remote.ip(), 0),
            Dependence::AddressAndPort => remote,
        }
    }

    /// Filtering of a remote without a session.
    fn admits(&self, mapping: &Mapping, remote: Ipv4Addr) -> bool {
        match self.setup.filtering {
            Dependence::Endpoint => true,
            Dependence::Address if self.setup.mapping != Dependence::Endpoint => {
                *mapping.remote.ip() == remote
            }
            Dependence::Address => self.sessions.iter().any(|one| {
                one.mapping == mapping.number && one.answered && *one.remote.ip() == remote
            }),
            Dependence::AddressAndPort => false,
        }
    }

    fn new_mapping(&mut self, sent: &Sent, choice: Choice<'_>) -> Result<u64, Refusal> {
        let limits = self.setup.limits;
        if limits
            .mapping_table
            .is_some_and(|most| self.mappings.len() >= most)
        {
            return Err("drop.mapping_table");
        }
        let host = *sent.src.ip();
        let has = |one: &&Mapping| *one.inside.ip() == host && one.protocol == sent.protocol();
        let used = self.mappings.iter().filter(has).count();
        if limits.ports.is_some_and(|most| used >= most) {
            return Err("drop.port_limit");
        }
        let offer = self.offer(host, sent.protocol())?;
        let outside = choice(sent.protocol(), sent.src);
        let outside = self.accept(host, sent, outside, &offer);
        let number = self.number();
        self.mappings.push(Mapping {
            number,
            protocol: sent.protocol(),
            inside: sent.src,
            remote: self.depends_on(sent.dst),
            outside,
        });
        self.count("nat.mappings_created");
        Ok(number)
    }

    fn end_mapping(&mut self, number: u64) {
        let place = self.mappings.iter().position(|one| one.number == number);
        let Some(place) = place else {
            return;
        };
        let gone = self.mappings.remove(place);
        self.count("nat.mappings_ended");
        self.release(gone.protocol, gone.outside);
        self.forget_if_idle(*gone.inside.ip());
    }

    // --- subscribers -----------------------------------------------------------

    fn admit_rule(&self) -> Result<(), Refusal> {
        let most = self.setup.limits.rule;
        if most.is_some_and(|most| self.sessions.len() >= most) {
            return Err("drop.rule_limit");
        }
        Ok(())
    }

    fn admit_session(&self, host: Ipv4Addr) -> Result<(), Refusal> {
        let most = self.setup.limits.sessions;
        if most.is_some_and(|most| self.sessions_of(host) >= most) {
            return Err("drop.session_limit");
        }
        Ok(())
    }

    /// A bucket of one second's sessions.
    fn admit_rate(&mut self, host: Ipv4Addr) -> Result<(), Refusal> {
        const SECOND: u64 = 1_000_000;
        let Some(rate) = self.setup.limits.rate else {
            return Ok(());
        };
        let now = self.now * 1000;
        let subscriber = self.subscribers.entry(host).or_default();
        let end = subscriber.next_session.max(now) + SECOND / rate;
        if end > now + SECOND {
            return Err("drop.session_rate");
        }
        subscriber.next_session = end;
        Ok(())
    }

    fn subscribe(&mut self, host: Ipv4Addr) -> Result<(), Refusal> {
        if self.subscribers.contains_key(&host) {
            return Ok(());
        }
        let most = self.setup.limits.subscriber_table;
        if most.is_some_and(|most| self.subscribers.len() >= most) {
            return Err("drop.subscriber_table");
        }
        self.subscribers.insert(host, Subscriber::default());
        self.count("nat.subscribers_created");
        Ok(())
    }

    fn refuse(&mut self, host: Ipv4Addr) {
        if let Some(subscriber) = self.subscribers.get_mut(&host) {
            subscriber.refused += 1;
        }
        self.forget_if_idle(host);
    }

    fn forget_if_idle(&mut self, host: Ipv4Addr) {
        let needed = self.sessions.iter().any(|one| *one.inside.ip() == host)
            || self.mappings.iter().any(|one| *one.inside.ip() == host)
            || self.blocks.iter().any(|one| one.owner == host);
        if !needed && self.subscribers.remove(&host).is_some() {
            self.count("nat.subscribers_ended");
        }
    }

    // --- helpers ---------------------------------------------------------------

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }

    fn count(&mut self, counter: &'static str) {
        *self.counters.entry(counter).or_default() += 1;
    }
}
