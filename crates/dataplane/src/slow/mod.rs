//! The slow path: what a worker should not do itself.
//!
//! ```text
//!  punts ──> ARP ────────> neighbours ──> adjacencies to all workers
//!        ──> no MAC ─────> held by the neighbour until it answers
//!        ──> ping, errors ─> ICMP made here, within a rate
//!        ──> IGMP ───────> groups: queries, reports, members to all workers
//!        ──> SYN ────────> held six seconds, then asked back, then answered
//!  start, addresses gone ─> PCP clients told, ten times
//!  reports ─> calls ───────> a database; questions to workers about their media
//!        ──> streams ────> messages in parts put together, their segments to the worker
//!  everything made here goes out through a worker's reply ring
//! ```
//!
//! One thread owns it. Never writes a shard; talks to workers through rings. Its
//! work is bounded by what the rings bring and by the queues' capacities.

mod announce;
mod calls;
mod errors;
mod igmp;
mod neighbors;
pub mod stream;
mod vtcp;

use std::collections::VecDeque;

use appproto::pcp;
use base::{Counter, Counters, Nanos};
use nat::settings::Rule;
use nat::{FlowKey, Layout, Notice};
use pktio::{Burst, PacketBuf, RingReceiver, RingSender};
use wire::arp::{self, Arp};
use wire::ethernet::{self, Mac};
use wire::igmp::{IP_LEN, Message, write_ip};
use wire::{checksum, icmp, ipv4, udp};

pub use calls::{CallState, CallView, Health, MediaView};
pub use neighbors::NeighborRow;

use crate::calls::CallReport;
use crate::command::{Command, Event, Ticket, Told};
use crate::emit::reheader;
use crate::inspect::Row;
use crate::mark::{Mark, Punt};
use crate::pcp::write_datagram;
use crate::router::{Hop, Router};
use crate::topology::Topology;
use crate::trace::Record;
use announce::Announcer;
use calls::Calls;
use errors::ErrorLimit;
use igmp::Igmp;
use neighbors::{Action, Neighbors};
use vtcp::Streams;

/// How long an unsolicited SYN is held (RFC 5382 REQ-4).
const SYN_HOLD: Nanos = Nanos::from_secs(6);

/// Most SYNs held at once.
const MAX_HELD_SYNS: usize = 4096;

/// Rows taken from workers before somebody fetches them; more wait in the rings.
const MAX_ROWS: usize = 4096;

/// Notices taken from workers before somebody fetches them; more wait in the rings.
const MAX_NOTICES: usize = 4096;

/// Traced packets kept for whoever asked, likewise.
const MAX_TRACED: usize = 4096;

/// Reports of calls taken from a worker in a turn.
const REPORTS: usize = 256;

/// Commands that wait for a worker, above which it is not asked how media do.
const MAX_WAITING: usize = 1024;

/// TTL of packets made here.
const TTL: u8 = 64;

/// The slow path's ends of the rings to one worker.
#[derive(Debug)]
pub struct SlowPorts<S, R> {
    /// Packets from the worker.
    pub punt: R,
    /// Packets to the worker.
    pub reply: S,
    /// Messages to the worker.
    pub commands: rtrb::Producer<Command>,
    /// Messages from the worker.
    pub events: rtrb::Consumer<Event>,
    /// What it tells about streams.
    pub told: rtrb::Consumer<Told>,
    /// What happened there, and when.
    pub notices: rtrb::Consumer<(Nanos, Notice)>,
    /// What was said about calls there.
    pub calls: rtrb::Consumer<CallReport>,
    /// Packets that are traced there.
    pub traced: rtrb::Consumer<Box<Record>>,
}

/// The slow path.
pub struct SlowPath<B, S, R> {
    router: Router,
    workers: Vec<SlowPorts<S, R>>,
    outgoing: Vec<VecDeque<B>>,
    pending: Vec<VecDeque<Command>>,
    allocate: Box<dyn FnMut() -> Option<B> + Send>,
    neighbors: Neighbors<B>,
    syns: VecDeque<(Nanos, usize, B)>,
    igmp: Option<Igmp>,
    announcer: Announcer,
    calls: Calls,
    streams: Option<Streams>,
    limit: ErrorLimit,
    counters: Counters,
    rows: Vec<(usize, Ticket, Row)>,
    notices: Vec<(Nanos, usize, Notice)>,
    traced: Vec<(usize, Box<Record>)>,
    id: u16,
}

impl<B, S, R> SlowPath<B, S, R>
where
    B: PacketBuf,
    S: RingSender<Buf = B>,
    R: RingReceiver<Buf = B>,
{
    /// Puts it together; `allocate` gives buffers for frames made from nothing.
    #[must_use]
    pub fn new(
        topology: &Topology,
        workers: Vec<SlowPorts<S, R>>,
        allocate: Box<dyn FnMut() -> Option<B> + Send>,
        now: Nanos,
    ) -> Self {
        let mut slow = Self {
            router: Router::new(topology),
            outgoing: workers.iter().map(|_| VecDeque::new()).collect(),
            pending: workers.iter().map(|_| VecDeque::new()).collect(),
            workers,
            allocate,
            neighbors: Neighbors::new(topology.max_neighbors),
            syns: VecDeque::new(),
            igmp: Igmp::new(topology, now),
            announcer: Announcer::default(),
            calls: Calls::new(topology.max_calls),
            streams: topology.streams.map(Streams::new),
            limit: ErrorLimit::new(now),
            counters: Counters::default(),
            rows: Vec::new(),
            notices: Vec::new(),
            traced: Vec::new(),
            id: 0,
        };
        for neighbor in &topology.neighbors {
            let hop = Hop {
                interface: neighbor.interface,
                ip: neighbor.ip.to_bits(),
            };
            let actions = slow.neighbors.add_static(hop, neighbor.mac, now);
            slow.carry_out(actions, 0);
        }
        slow.flush();
        slow
    }

    /// One turn; answers how many packets and messages it moved.
    pub fn turn(&mut self, now: Nanos) -> usize {
        let mut moved = 0;
        for worker in 0..self.workers.len() {
            let mut burst = Burst::new();
            if let Some(ports) = self.workers.get_mut(worker) {
                ports.punt.pop(&mut burst);
            }
            moved += burst.len();
            // What was told of a stream before its segments is heard before them.
            moved += self.hear_of_streams(worker, now);
            for buf in burst.drain(..) {
                self.punted(buf, worker, now);
            }
            while self.rows.len() < MAX_ROWS
                && let Some(Ok(event)) =
                    self.workers.get_mut(worker).map(|ports| ports.events.pop())
            {
                moved += 1;
                match event {
                    Event::AdjacencyUsed(number) => {
                        let actions = self.neighbors.used(number, now);
                        self.carry_out(actions, worker);
                    }
                    Event::Row(ticket, row) => self.rows.push((worker, ticket, row)),
                    // Here, where nothing waits for it.
                    Event::Retired(layout) => drop(layout),
                    Event::Media {
                        call,
                        line,
                        figures,
                    } => self.calls.told(call, line, figures),
                }
            }
            while self.notices.len() < MAX_NOTICES
                && let Some(Ok((at, notice))) = self
                    .workers
                    .get_mut(worker)
                    .map(|ports| ports.notices.pop())
            {
                moved += 1;
                self.notices.push((at, worker, notice));
            }
            while self.traced.len() < MAX_TRACED
                && let Some(Ok(record)) =
                    self.workers.get_mut(worker).map(|ports| ports.traced.pop())
            {
                moved += 1;
                self.traced.push((worker, record));
            }
        }
        while let Some((due, ..)) = self.syns.front()
            && now >= *due
            && let Some((_, worker, mut buf)) = self.syns.pop_front()
        {
            moved += 1;
            let interface = Mark::decode(buf.mark()).map_or(0, |mark| mark.interface);
            buf.set_mark(Mark::new(Punt::SynCheck, interface).encode());
            if !self.reply(worker, buf) {
                self.counters.bump(Counter::HoldSynDropped);
            }
        }
        let actions = self.neighbors.expire(now);
        moved += actions.len();
        self.carry_out(actions, 0);
        if let Some(igmp) = &mut self.igmp {
            let actions = igmp.expire(now);
            moved += actions.len();
            self.carry_out_igmp(actions, 0);
        }
        moved += self.announce(now);
        moved += self.keep_calls(now);
        if let Some(streams) = &mut self.streams {
            for (worker, actions) in streams.expire(now, &mut self.allocate) {
                moved += 1;
                self.carry_out_streams(actions, worker, now);
            }
        }
        self.flush();
        moved
    }

    /// Takes up what workers report of calls, and what time brings.
    fn keep_calls(&mut self, now: Nanos) -> usize {
        let mut moved = 0;
        for (worker, ports) in self.workers.iter_mut().enumerate() {
            for _ in 0..REPORTS {
                let Ok(report) = ports.calls.pop() else { break };
                moved += 1;
                self.calls.heard(worker, &report, now, &mut self.counters);
            }
        }
        moved += self.calls.expire(now, &mut self.counters);
        self.close_doors();
        let pending = &mut self.pending;
        if pending.iter().all(|waiting| waiting.len() < MAX_WAITING) {
            moved += self.calls.inquire(now, |worker, question| {
                if let Some(waiting) = pending.get_mut(worker) {
                    waiting.push_back(Command::Listen(question));
                }
            });
        }
        moved
    }

    /// Has the doors closed of calls that are forgotten.
    fn close_doors(&mut self) {
        for closing in self.calls.take_closings() {
            if let Some(pending) = self.pending.get_mut(closing.worker) {
                pending.push_back(Command::CloseCall(closing.group));
            }
        }
    }

    /// When time next matters here; for virtual time, which may then jump to it.
    #[must_use]
    pub fn next_due(&self) -> Option<Nanos> {
        let syn = self.syns.front().map(|(due, ..)| *due);
        let igmp = self.igmp.as_ref().and_then(Igmp::next_due);
        syn.into_iter()
            .chain(self.neighbors.next_due())
            .chain(igmp)
            .chain(self.announcer.next_due())
            .chain(self.calls.next_due())
            .chain(self.streams.as_ref().and_then(Streams::next_due))
            .min()
    }

    /// Sends a command to one worker.
    pub fn command(&mut self, worker: usize, command: Command) {
        if let Some(pending) = self.pending.get_mut(worker) {
            pending.push_back(command);
        }
        self.flush();
    }

    /// Rows that workers have sent since the last call, with the worker's number and that
    /// of the question.
    pub fn take_rows(&mut self) -> Vec<(usize, Ticket, Row)> {
        core::mem::take(&mut self.rows)
    }

    /// What happened in the workers since the last call: when, where, what.
    pub fn take_notices(&mut self) -> Vec<(Nanos, usize, Notice)> {
        core::mem::take(&mut self.notices)
    }

    /// Packets that workers have traced since the last call, with the worker's number.
    pub fn take_traced(&mut self) -> Vec<(usize, Box<Record>)> {
        core::mem::take(&mut self.traced)
    }

    /// What happened here.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The neighbour table.
    #[must_use]
    pub fn neighbors(&self, now: Nanos) -> Vec<NeighborRow> {
        self.neighbors.rows(now)
    }

    /// Forgets neighbours that were learned and that `meant` says yes to; answers how many.
    pub fn clear_neighbors(&mut self, now: Nanos, meant: impl Fn(&NeighborRow) -> bool) -> u64 {
        let actions = self.neighbors.clear(now, meant);
        let count = actions
            .iter()
            .filter(|action| matches!(action, Action::Remove(_)))
            .count() as u64;
        self.carry_out(actions, 0);
        self.flush();
        count
    }

    /// How many calls are established, and how many are not.
    #[must_use]
    pub fn call_counts(&self) -> (usize, usize) {
        self.calls.counts()
    }

    /// Calls from number `from` on, at most so many; and where to go on, if there are more.
    #[must_use]
    pub fn calls(&self, from: u64, most: usize, now: Nanos) -> (Vec<CallView>, Option<u64>) {
        self.calls.views(from, most, now)
    }

    /// Forgets those of the same calls that `meant` says yes to, and has their doors closed;
    /// answers how many.
    pub fn clear_calls(
        &mut self,
        from: u64,
        most: usize,
        now: Nanos,
        meant: impl Fn(&CallView) -> bool,
    ) -> (u64, Option<u64>) {
        let cleared = self.calls.clear(from, most, now, &mut self.counters, meant);
        self.close_doors();
        self.flush();
        cleared
    }

    // --- packets -----------------------------------------------------------

    fn punted(&mut self, buf: B, worker: usize, now: Nanos) {
        let Some(Mark { punt, interface }) = Mark::decode(buf.mark()) else {
            return;
        };
        match punt {
            Punt::Arp => self.arp(buf, interface, worker, now),
            Punt::Echo => self.echo(buf, interface, worker, now),
            Punt::Neighbor(ip) => {
                let hop = Hop { interface, ip };
                let (actions, dropped) = self.neighbors.hold(hop, buf, now);
                self.counters.add(Counter::HoldNeighborDropped, dropped);
                self.carry_out(actions, worker);
            }
            Punt::Error { kind, code, rest } => {
                self.error(buf, interface, (kind, code, rest), None, worker, now);
            }
            Punt::Igmp => self.igmp(&buf, interface, worker, now),
            Punt::Syn if self.syns.len() < MAX_HELD_SYNS => {
                self.syns.push_back((now.plus(SYN_HOLD), worker, buf));
            }
            Punt::Syn => self.counters.bump(Counter::HoldSynDropped),
            Punt::SynExpired => {
                // In the name of the host that is not there.
                let source = buf
                    .bytes()
                    .get(ethernet::parse(buf.bytes()).map_or(0, |header| header.len)..)
                    .and_then(|packet| ipv4::Header::parse(packet, true).ok())
                    .map(|ip| ip.destination());
                self.error(
                    buf,
                    interface,
                    (icmp::UNREACHABLE, 3, 0),
                    source,
                    worker,
                    now,
                );
            }
            Punt::Stream(of) => {
                if let Some(streams) = &mut self.streams {
                    let from = (worker, of, interface);
                    let actions = streams.arrived(from, buf, now, &mut self.allocate);
                    self.carry_out_streams(actions, worker, now);
                }
            }
            Punt::Handoff { .. }
            | Punt::Inject(_)
            | Punt::Resume(_)
            | Punt::Send
            | Punt::SynCheck => {}
        }
    }

    /// Takes what a worker has told about streams; answers how much that was.
    fn hear_of_streams(&mut self, worker: usize, now: Nanos) -> usize {
        let mut moved = 0;
        while let Some(Ok(told)) = self.workers.get_mut(worker).map(|ports| ports.told.pop()) {
            moved += 1;
            let Some(streams) = &mut self.streams else {
                continue;
            };
            let actions = match told {
                Told::Diverted(told) => streams.begin(worker, &told, now),
                Told::Answered(question) => {
                    streams.answered(worker, question, now, &mut self.allocate)
                }
                Told::Ended(session, stream) => {
                    streams.ended(worker, session.number(), stream);
                    Vec::new()
                }
            };
            self.carry_out_streams(actions, worker, now);
        }
        moved
    }

    fn carry_out_streams(&mut self, actions: Vec<vtcp::Action<B>>, worker: usize, now: Nanos) {
        for action in actions {
            match action {
                vtcp::Action::Send(buf) => {
                    if !self.reply(worker, buf) {
                        self.counters.bump(Counter::AlgVtcpDropped);
                    }
                }
                vtcp::Action::Tell(command) => {
                    if let Some(pending) = self.pending.get_mut(worker) {
                        pending.push_back(command);
                    }
                }
                vtcp::Action::Notice(notice) => {
                    if self.notices.len() < MAX_NOTICES {
                        self.notices.push((now, worker, notice));
                    } else {
                        self.counters.bump(Counter::EventLost);
                    }
                }
                vtcp::Action::Count(counter) => self.counters.bump(counter),
            }
        }
    }

    fn arp(&mut self, mut buf: B, number: u16, worker: usize, now: Nanos) {
        let Ok(header) = ethernet::parse(buf.bytes()) else {
            return;
        };
        let Some(Ok(message)) = buf.bytes().get(header.len..).map(Arp::parse) else {
            return;
        };
        let Some(interface) = self.router.interface(number) else {
            return;
        };
        let (mac, tags, port) = (interface.mac, interface.tags, interface.port);
        // Whoever speaks of itself to us is known from now on (RFC 826), unless
        // it claims an address it cannot have.
        let known = self.router.is_connected(number, message.sender_ip)
            && self
                .router
                .owner(interface.realm, message.sender_ip.to_bits())
                .is_none();
        let hop = Hop {
            interface: number,
            ip: message.sender_ip.to_bits(),
        };
        // An announcement (RFC 5227 section 3) changes what is known and adds nothing.
        let announced = message.sender_ip == message.target_ip;
        if known && (!announced || self.neighbors.knows(hop)) {
            let actions = self.neighbors.learn(hop, message.sender_mac, now);
            self.carry_out(actions, worker);
        }
        if message.operation != arp::REQUEST || announced {
            return;
        }
        let written = buf
            .bytes_mut()
            .get_mut(header.len..)
            .is_some_and(|payload| message.reply(mac).write(payload));
        let to = message.sender_mac;
        if written && reheader(&mut buf, header.len, tags, to, mac, ethernet::ARP) {
            buf.set_port(port);
            self.send(worker, buf);
        }
    }

    fn igmp(&mut self, buf: &B, interface: u16, worker: usize, now: Nanos) {
        let Ok(header) = ethernet::parse(buf.bytes()) else {
            return;
        };
        let packet = buf.bytes().get(header.len..).unwrap_or_default();
        let Ok(ip) = ipv4::Header::parse(packet, true) else {
            return;
        };
        let payload = packet.get(ip.header_len..ip.total_len);
        if let Some(Ok(message)) = payload.map(Message::parse)
            && let Some(igmp) = &mut self.igmp
        {
            let actions = igmp.received(interface, ip.src, &message, now);
            self.carry_out_igmp(actions, worker);
        }
    }

    fn carry_out_igmp(&mut self, actions: Vec<igmp::Action>, worker: usize) {
        for action in actions {
            match action {
                igmp::Action::Query(interface, to, message) => {
                    self.counters.bump(Counter::IgmpQueriesSent);
                    self.send_igmp(interface, to, message.bytes(), worker);
                }
                igmp::Action::Report(interface, to, message) => {
                    self.counters.bump(Counter::IgmpReportsSent);
                    self.send_igmp(interface, to, message.bytes(), worker);
                }
                igmp::Action::Tell(command) => self.tell_all(&command),
                igmp::Action::Refused(count) => self.counters.add(Counter::IgmpRefused, count),
            }
        }
    }

    /// Begins to tell PCP clients that what they have asked for is lost (RFC 6887 section 14.1).
    pub fn announce_pcp(&mut self, layout: &Layout, now: Nanos) {
        let serves = |number: &u16| {
            let mut rules = layout.rules();
            rules.any(|(_, rule)| rule.pcp.is_some() && self.has_hosts_of(*number, rule))
        };
        let interfaces = (0..self.router.interfaces()).filter(serves).collect();
        self.announcer.begin(interfaces, now);
    }

    /// Whether an interface is one that a rule names, or is in a network that it is for.
    fn has_hosts_of(&self, number: u16, rule: &Rule) -> bool {
        let named = rule.interfaces.as_ref();
        self.router.interface(number).is_some_and(|interface| {
            let mut addresses = interface.addresses.iter();
            interface.realm == rule.realm
                && match named {
                    Some(named) => named.get(usize::from(number)) == Some(&true),
                    None => addresses.any(|(own, _)| {
                        let mut source = rule.source.iter();
                        source.any(|prefix| prefix.contains(*own))
                    }),
                }
        })
    }

    fn announce(&mut self, now: Nanos) -> usize {
        let (interfaces, epoch) = self.announcer.expire(now);
        for number in &interfaces {
            self.send_announcement(*number, epoch);
        }
        interfaces.len()
    }

    fn send_announcement(&mut self, number: u16, epoch: u32) {
        let Some(interface) = self.router.interface(number) else {
            return;
        };
        let Some((own, _)) = interface.addresses.first().copied() else {
            return;
        };
        let (realm, mac) = (interface.realm, interface.mac);
        let (tags, port) = (interface.tags, interface.port);
        let Some(mut buf) = (self.allocate)() else {
            return;
        };
        let mut message = [0; pcp::HEADER_LEN];
        pcp::announce(epoch, &mut message);
        let l2 = ethernet::HEADER_LEN + tags.len();
        let group = Mac::of_group(pcp::CLIENTS.to_bits());
        let room = buf.set_len(l2 + ipv4::HEADER_LEN + udp::HEADER_LEN + message.len())
            && ethernet::write(buf.bytes_mut(), group, mac, tags, ethernet::IPV4);
        let Some(packet) = buf.bytes_mut().get_mut(l2..).filter(|_| room) else {
            return;
        };
        self.id = self.id.wrapping_add(1);
        let header = ipv4::NewHeader {
            src: own,
            dst: pcp::CLIENTS,
            protocol: ipv4::protocol::UDP,
            tos: 0,
            ttl: 1,
            id: self.id,
        };
        ipv4::write(packet, &header);
        if let Some(datagram) = packet.get_mut(ipv4::HEADER_LEN..) {
            let key = FlowKey::new(
                own.to_bits(),
                pcp::CLIENTS.to_bits(),
                pcp::PORT,
                pcp::CLIENT_PORT,
                ipv4::protocol::UDP,
                realm,
            );
            write_datagram(datagram, key, &message);
        }
        buf.set_port(port);
        self.send(0, buf);
        self.counters.bump(Counter::PcpAnnounced);
    }

    fn send_igmp(&mut self, number: u16, to: u32, message: &[u8], worker: usize) {
        let Some(interface) = self.router.interface(number) else {
            return;
        };
        let Some((own, _)) = interface.addresses.first().copied() else {
            return;
        };
        let (mac, tags, port) = (interface.mac, interface.tags, interface.port);
        let Some(mut buf) = (self.allocate)() else {
            return;
        };
        let l2 = ethernet::HEADER_LEN + tags.len();
        let group = Mac::of_group(to);
        let room = buf.set_len(l2 + IP_LEN + message.len())
            && ethernet::write(buf.bytes_mut(), group, mac, tags, ethernet::IPV4);
        let Some(packet) = buf.bytes_mut().get_mut(l2..).filter(|_| room) else {
            return;
        };
        if let Some(place) = packet.get_mut(IP_LEN..) {
            place.copy_from_slice(message);
        }
        self.id = self.id.wrapping_add(1);
        let to = core::net::Ipv4Addr::from_bits(to);
        if write_ip(packet, own, to, self.id) {
            buf.set_port(port);
            self.send(worker, buf);
        }
    }

    /// A ping becomes its answer.
    fn echo(&mut self, mut buf: B, interface: u16, worker: usize, now: Nanos) {
        let Ok(header) = ethernet::parse(buf.bytes()) else {
            return;
        };
        let Some(packet) = buf.bytes_mut().get_mut(header.len..) else {
            return;
        };
        let Ok(ip) = ipv4::Header::parse(packet, true) else {
            return;
        };
        let Some(message) = packet.get_mut(ip.header_len..ip.total_len) else {
            return;
        };
        if !checksum::is_valid(message) {
            return;
        }
        if let Some(kind) = message.first_mut() {
            *kind = icmp::ECHO_REPLY;
        }
        let delta = wire::ChecksumDelta::NONE.replace(u16::from_be_bytes([icmp::ECHO, 0]), 0);
        checksum::patch(message, 2, delta);
        wire::put32(packet, 12, ip.dst);
        wire::put32(packet, 16, ip.src);
        if let Some(ttl) = packet.get_mut(8) {
            *ttl = TTL;
        }
        ipv4::refresh_checksum(packet, ip.header_len);
        self.route(buf, header.len, interface, ip.src, worker, now);
    }

    /// An ICMP error about the packet in `buf`, if there may be one.
    fn error(
        &mut self,
        mut buf: B,
        interface: u16,
        (kind, code, rest): (u8, u8, u16),
        source: Option<core::net::Ipv4Addr>,
        worker: usize,
        now: Nanos,
    ) {
        let Ok(header) = ethernet::parse(buf.bytes()) else {
            return;
        };
        let Some(packet) = buf.bytes().get(header.len..) else {
            return;
        };
        let Ok(ip) = ipv4::Header::parse(packet, true) else {
            return;
        };
        let source = source.or_else(|| self.router.address_towards(interface, ip.src));
        let Some(source) = source.filter(|_| errors::is_allowed(packet, &ip)) else {
            self.counters.bump(Counter::IcmpSuppressed);
            return;
        };
        if !self.limit.take(now) {
            self.counters.bump(Counter::IcmpRateLimited);
            return;
        }
        self.id = self.id.wrapping_add(1);
        let made = errors::write(
            &mut buf,
            header.len,
            &ip,
            (kind, code, rest),
            source,
            self.id,
        );
        if made {
            self.counters.bump(Counter::IcmpSent);
            self.route(buf, ethernet::HEADER_LEN, interface, ip.src, worker, now);
        }
    }

    /// Sends a packet made here: by its route, else back where its cause came from.
    fn route(
        &mut self,
        mut buf: B,
        l3: usize,
        interface: u16,
        destination: u32,
        worker: usize,
        now: Nanos,
    ) {
        let Some(realm) = self.router.interface(interface).map(|found| found.realm) else {
            return;
        };
        let Some(hop) = self.router.route(realm, destination) else {
            return;
        };
        if let Some(mac) = self.neighbors.mac_of(hop) {
            let actions = self.neighbors.used_hop(hop, now);
            self.carry_out(actions, worker);
            self.send_to(buf, l3, hop, mac, worker);
            return;
        }
        let (to, from) = (Mac::default(), Mac::default());
        if reheader(&mut buf, l3, ethernet::Tags::NONE, to, from, ethernet::IPV4) {
            let (actions, dropped) = self.neighbors.hold_own(hop, buf, now);
            // Not a received packet: nothing to account for.
            let _ = dropped;
            self.carry_out(actions, worker);
        }
    }

    fn send_to(&mut self, mut buf: B, l3: usize, hop: Hop, mac: Mac, worker: usize) {
        let Some(interface) = self.router.interface(hop.interface) else {
            return;
        };
        let (tags, from, port) = (interface.tags, interface.mac, interface.port);
        if reheader(&mut buf, l3, tags, mac, from, ethernet::IPV4) {
            buf.set_port(port);
            self.send(worker, buf);
        }
    }

    fn request(&mut self, hop: Hop, to: Option<Mac>, worker: usize) {
        let Some(interface) = self.router.interface(hop.interface) else {
            return;
        };
        let Some(own) = self.router.address_towards(hop.interface, hop.ip) else {
            return;
        };
        let (mac, tags, port) = (interface.mac, interface.tags, interface.port);
        let message = Arp {
            operation: arp::REQUEST,
            sender_mac: mac,
            sender_ip: own,
            target_mac: to.unwrap_or_default(),
            target_ip: core::net::Ipv4Addr::from_bits(hop.ip),
        };
        let Some(mut buf) = (self.allocate)() else {
            return;
        };
        let l2 = ethernet::HEADER_LEN + tags.len();
        let frame_to = to.unwrap_or(Mac::BROADCAST);
        let written = buf.set_len(l2 + arp::LEN)
            && ethernet::write(buf.bytes_mut(), frame_to, mac, tags, ethernet::ARP)
            && buf
                .bytes_mut()
                .get_mut(l2..)
                .is_some_and(|payload| message.write(payload));
        if written {
            self.counters.bump(Counter::ArpRequestsSent);
            buf.set_port(port);
            self.send(worker, buf);
        }
    }

    fn carry_out(&mut self, actions: Vec<Action<B>>, worker: usize) {
        for action in actions {
            match action {
                Action::Request(hop, to) => self.request(hop, to, worker),
                Action::Set(number, hop, mac) => {
                    self.router.set_adjacency(number, hop, mac);
                    self.tell_all(&Command::SetAdjacency {
                        number,
                        interface: hop.interface,
                        ip: hop.ip,
                        mac,
                    });
                }
                Action::Watch(number) => self.tell_all(&Command::WatchAdjacency(number)),
                Action::Remove(number) => {
                    self.router.remove_adjacency(number);
                    self.tell_all(&Command::RemoveAdjacency(number));
                }
                Action::Release(hop, mac, buf, own) => {
                    let l3 = ethernet::parse(buf.bytes()).map_or(0, |header| header.len);
                    if !own {
                        self.counters.bump(Counter::HoldNeighborSent);
                    }
                    self.send_to(buf, l3, hop, mac, worker);
                }
                Action::Dropped(count) => self.counters.add(Counter::HoldNeighborDropped, count),
            }
        }
    }

    // --- rings -------------------------------------------------------------

    fn tell_all(&mut self, command: &Command) {
        for pending in &mut self.pending {
            pending.push_back(command.clone());
        }
    }

    fn send(&mut self, worker: usize, mut buf: B) {
        buf.set_mark(Mark::new(Punt::Send, 0).encode());
        // Of this there is no one who waits for it and does not ask again.
        let _ = self.reply(worker, buf);
    }

    /// Queues a marked frame for a worker; false, and the frame gone, if too many wait.
    fn reply(&mut self, worker: usize, buf: B) -> bool {
        let queue = self.outgoing.get_mut(worker);
        let Some(queue) = queue.filter(|queue| queue.len() < MAX_HELD_SYNS) else {
            return false;
        };
        queue.push_back(buf);
        true
    }

    /// Hands over what is waiting, as far as there is room.
    fn flush(&mut self) {
        for ((ports, queue), pending) in self
            .workers
            .iter_mut()
            .zip(&mut self.outgoing)
            .zip(&mut self.pending)
        {
            while let Some(command) = pending.pop_front() {
                if let Err(rtrb::PushError::Full(command)) = ports.commands.push(command) {
                    pending.push_front(command);
                    break;
                }
            }
            while !queue.is_empty() {
                let mut burst: Burst<B> = Burst::new();
                while !burst.is_full()
                    && let Some(buf) = queue.pop_front()
                {
                    burst.push(buf);
                }
                ports.reply.push(&mut burst);
                if !burst.is_empty() {
                    for buf in burst.drain(..).rev() {
                        queue.push_front(buf);
                    }
                    break;
                }
            }
        }
    }
}
