//! A recorded session, played by both of its ends.
//!
//! The inside host says what it said. The outside answers to the endpoint that it sees, with the
//! numbers it sees, and repeats what it was told in the words it was told it in. So what arrives
//! inside has to be what was recorded, byte for byte.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use testkit::pcap::Record;
use testkit::{Packet, Seen, flags, protocol};
use tests::{Config, GATEWAY, Outcome, Pipe, mac_of};

use crate::Protocol;
use crate::binary::{self, Announced, Calls, Speech};
use crate::left;
use crate::observed::Observed;
use crate::recorded::{Recorded, again};
use crate::shark::Reading;
use crate::words::{Told, is_text};

/// How the inside host is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By ports of an address that it shares.
    Shared,
    /// By an address of its own, which anyone may come to.
    Whole,
}

/// A session that has been played.
pub(crate) struct Run {
    pub(crate) title: String,
    pub(crate) complaints: Vec<String>,
    pub(crate) tally: String,
    /// Frames of the outside, both ways.
    pub(crate) outside: Vec<Record>,
    /// Which packets of the file have passed.
    pub(crate) passed: Vec<usize>,
    /// Of H.323, what went in and what came out: RAS and streams, with the inside and the outside
    /// address.
    pub(crate) spoken: Vec<Spoken>,
    /// What tshark makes of those as they were recorded.
    pub(crate) expected: Option<Reading>,
}

/// Whether it is of a connection, both addresses, before and after.
pub(crate) type Spoken = (bool, [Ipv4Addr; 2], [Vec<u8>; 2]);

/// What is counted of a run.
#[derive(Default)]
struct Tally {
    played: u32,
    lost: u32,
    unknown: u32,
    changed: u32,
    excused: BTreeMap<&'static str, u32>,
}

/// A connection as one end of it knows its numbers: those inside to those outside.
#[derive(Default)]
struct Numbers {
    ends: BTreeMap<u32, u32>,
    shift: u32,
}

impl Numbers {
    fn outside(&self, number: u32) -> u32 {
        let known = self.ends.get(&number).copied();
        known.unwrap_or_else(|| number.wrapping_add(self.shift))
    }

    fn note(&mut self, inside: u32, outside: u32) {
        self.ends.insert(inside, outside);
        self.shift = outside.wrapping_sub(inside);
    }
}

type Flow = (u8, SocketAddrV4, SocketAddrV4);

struct Player<'a> {
    nat: Pipe,
    inside: Ipv4Addr,
    ports: &'a [u16],
    speech: Speech,
    calls: Calls,
    /// What the inside host said it would be at.
    announced: BTreeMap<(u8, u16), u16>,
    whole: Option<Ipv4Addr>,
    told: Told,
    /// Where the outside finds an endpoint of the inside host.
    found: BTreeMap<(u8, u16), SocketAddrV4>,
    /// Of each connection, what the inside sends and what the outside sends.
    sent: BTreeMap<Flow, [Numbers; 2]>,
    /// What the outside has said at a number, for when it says it again.
    said: BTreeMap<(Flow, u32, usize), Vec<u8>>,
    tally: Tally,
    complaints: Vec<String>,
    outside: Vec<Record>,
    passed: Vec<usize>,
    observed: Observed,
    spoken: Vec<Spoken>,
    /// An FTP server has agreed to TLS.
    protected: bool,
    /// What the inside host has sent of each connection, and what has come of it.
    streams: BTreeMap<Flow, [Stream; 2]>,
}

/// Segments by their numbers.
type Stream = BTreeMap<u32, Vec<u8>>;

/// Whether the configuration has room for a host inside.
pub(crate) fn may_be_inside(host: Ipv4Addr) -> bool {
    let [a, b, ..] = host.octets();
    !host.is_loopback() && !host.is_multicast() && !host.is_broadcast() && (a, b) != (10, 64)
}

/// Whether the first packet of a host is its own.
pub(crate) fn begins(host: Ipv4Addr, packets: &[Recorded]) -> bool {
    let ends = |seen: &Seen| [seen.src.ip(), seen.dst.ip()];
    let mut mine = packets
        .iter()
        .filter(|(_, seen)| ends(seen).contains(&host));
    mine.next().is_some_and(|(_, seen)| seen.src.ip() == host)
}

/// The address that stands for a host that has one of its own; no run has that of another.
const fn whole(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(203, 1, number, 14)
}

fn config(inside: Ipv4Addr, near: &[Ipv4Addr], (number, way): (u8, Way)) -> Config {
    let mac = |host: Ipv4Addr| mac_of(host).map(|byte| format!("{byte:02x}")).join(":");
    let mut config = Config::new()
        .rule("filtering", "address-and-port-dependent")
        .pool("prefixes", &format!("[203.1.{number}.0/28]"))
        .rule("source", &format!("{inside}/32"))
        .neighbor(&format!(
            "interface: inside, ip: 10.64.0.99, mac: \"{}\"",
            mac(inside)
        ))
        .route(&format!("prefix: {inside}/32, next_hop: 10.64.0.99"));
    for host in near {
        config = config.neighbor(&format!(
            "interface: outside, ip: {host}, mac: \"{}\"",
            mac(*host)
        ));
    }
    match way {
        Way::Shared => config,
        Way::Whole => config.fixed(&format!("inside: {inside}, outside: {}", whole(number))),
    }
}

pub(crate) fn play(
    title: String,
    number: u8,
    protocol: &Protocol,
    (inside, way): (Ipv4Addr, Way),
    packets: &[Recorded],
) -> Run {
    let mine: Vec<(usize, &Recorded)> = packets
        .iter()
        .enumerate()
        .filter(|(_, (_, seen))| {
            let ends = [seen.src.ip(), seen.dst.ip()];
            let other = if ends[0] == inside { ends[1] } else { ends[0] };
            ends.contains(&inside) && other != inside && may_be_inside(other)
        })
        .collect();
    let mut near: Vec<Ipv4Addr> = mine
        .iter()
        .flat_map(|(_, (_, seen))| [seen.src.ip(), seen.dst.ip()])
        .filter(|host| *host != inside && is_near(*host))
        .collect();
    near.sort_unstable();
    near.dedup();
    let mut player = Player {
        nat: Pipe::new(&config(inside, &near, (number, way))),
        inside,
        ports: protocol.ports,
        speech: protocol.speech,
        calls: Calls::default(),
        announced: BTreeMap::new(),
        whole: (way == Way::Whole).then(|| whole(number)),
        told: Told::default(),
        found: BTreeMap::new(),
        sent: BTreeMap::new(),
        said: BTreeMap::new(),
        tally: Tally::default(),
        complaints: Vec::new(),
        outside: Vec::new(),
        passed: Vec::new(),
        observed: Observed::default(),
        spoken: Vec::new(),
        protected: false,
        streams: BTreeMap::new(),
    };
    let begin = mine.first().map_or(0.0, |(_, (at, _))| *at);
    for (place, (at, seen)) in mine {
        let left = player.tally.lost + player.tally.unknown;
        let wait = at - begin - player.nat.now();
        player.nat.later(wait.max(0.0));
        if seen.src.ip() == inside {
            player.out(seen);
        } else {
            player.back(seen);
        }
        if player.tally.lost + player.tally.unknown == left {
            player.passed.push(place);
            if player.speech == Speech::Sealed {
                player.observed.note(seen, inside);
            }
        }
    }
    if player.speech != Speech::Words && player.tally.lost > 0 {
        let text = format!("{} packets did not pass", player.tally.lost);
        player.complaints.push(text);
    }
    player.compare_streams();
    if !player.observed.is_empty() {
        let rows = player.nat.show("ipsec");
        let judged = player.observed.judged(&rows, way == Way::Whole);
        player.complaints.extend(judged);
    }
    let tally = player.tally;
    Run {
        title,
        tally: format!(
            "{} played, {} changed, {} did not pass, {} to nobody, excused {:?}",
            tally.played, tally.changed, tally.lost, tally.unknown, tally.excused
        ),
        complaints: player.complaints,
        outside: player.outside,
        spoken: player.spoken,
        passed: player.passed,
        expected: None,
    }
}

/// On the appliance's own network outside.
fn is_near(host: Ipv4Addr) -> bool {
    host.octets()[..3] == [198, 51, 100]
}

impl Player<'_> {
    /// Whether a gateway reads it: that of the protocol, or `NetBIOS`, which is in many a file.
    fn is_read(&self, seen: &Seen) -> bool {
        let is_served = |port| self.ports.contains(&port) || matches!(port, 137..=139);
        [seen.src, seen.dst].iter().any(|end| is_served(end.port()))
    }

    /// How what goes between these ports is written, where a gateway reads it.
    fn speech_at(&self, protocol: u8, ends: [u16; 2]) -> Speech {
        let any = |ports: &[u16]| ends.iter().any(|end| ports.contains(end));
        match (self.speech, protocol) {
            (Speech::Sealed, _) | (_, protocol::ESP | protocol::GRE) => Speech::Sealed,
            _ if any(&[137, 138, 139]) => Speech::Addresses,
            // Media control is at ports that messages name.
            (Speech::Addresses, protocol::TCP) => Speech::Addresses,
            (speech, _) if any(self.ports) => speech,
            _ => Speech::Words,
        }
    }

    fn speech_of(&self, seen: &Seen) -> Speech {
        self.speech_at(seen.protocol, [seen.src.port(), seen.dst.port()])
    }

    fn send(&mut self, interface: &'static str, packet: &Packet) -> Outcome {
        self.tally.played += 1;
        let source = match interface {
            "outside" if !is_near(*packet.src.ip()) => GATEWAY.parse().unwrap(),
            _ => *packet.src.ip(),
        };
        let nanos = Duration::from_secs_f64(self.nat.now()).as_nanos() as u64;
        let outcome = self.nat.send(interface, packet);
        let through = outcome.left.iter().any(|left| left.interface != interface);
        if !through && outcome.verdict != "hold" {
            self.tally.lost += 1;
            return outcome;
        }
        if interface == "outside" {
            let frame = packet.frame(mac_of(source), self.nat.mac(interface));
            self.outside.push(Record { nanos, frame });
        }
        for left in &outcome.left {
            if left.interface == "outside" {
                let mut frame = vec![2; 12];
                frame.extend([8, 0]);
                frame.extend(&left.seen.ip);
                self.outside.push(Record { nanos, frame });
            }
        }
        outcome
    }

    /// What the inside host says: nothing of the inside is left in it.
    fn out(&mut self, seen: &Seen) {
        let outcome = self.send("inside", &again(seen));
        let all: Vec<Seen> = outcome
            .left
            .iter()
            .filter(|left| left.interface == "outside" && left.seen.protocol == seen.protocol)
            .map(|left| left.seen.clone())
            .collect();
        self.protected |= seen.src.port() == 21 && seen.payload.starts_with(b"234");
        for left in &all {
            self.judge(left);
        }
        let Some(left) = all.last() else { return };
        let place = (seen.protocol, seen.src.port());
        self.found.insert(place, left.src.0);
        if let (Some(then), Some(now)) = (&seen.tcp, &left.tcp) {
            let [numbers, _] = self.sent.entry(flow(seen, true)).or_default();
            numbers.note(end(then, seen), end(now, left));
        }
        if let Some(then) = &seen.tcp {
            let [before, after] = self.streams.entry(flow(seen, true)).or_default();
            before.insert(then.seq, seen.payload.clone());
            for left in &all {
                let number = left.tcp.as_ref().map_or(0, |tcp| tcp.seq);
                after.insert(number, left.payload.clone());
            }
        }
        self.tally.changed += u32::from(left.payload != seen.payload);
        let speech = self.speech_of(seen);
        if speech != Speech::Words {
            // Of connections the same as of words.
            let ends = [self.inside, left.src.ip()];
            if seen.tcp.is_none() && [seen.src, seen.dst].iter().any(|end| end.port() == 1719) {
                self.note_spoken(ends, [&seen.payload, &left.payload], seen.protocol);
            }
            match binary::compared(speech, &seen.payload, &left.payload, ends) {
                Ok(announced) => self.note_announced(&announced, left),
                Err(why) if seen.tcp.is_none() => self.complain(&why, &seen.payload),
                Err(_) => {}
            }
        } else if !self.is_read(seen) || !is_text(&seen.payload) {
            if seen.tcp.is_none() && left.payload != seen.payload && !self.is_read(seen) {
                self.complain("changed though no gateway reads it", &seen.payload);
            }
        } else {
            let learnt = self.told.learn(&seen.payload, &left.payload, self.inside);
            // Segments may be cut elsewhere: what has become of streams is seen at their end.
            if let (Err(why), None) = (learnt, &seen.tcp) {
                self.complain(&why, &seen.payload);
            }
        }
        self.note_ports(seen, left);
        if let Some(told) = self.announced.get(&place)
            && seen.tcp.is_none()
            && *told != left.src.port()
        {
            let text = format!("{} was told of as {told} and is {}", seen.src, left.src);
            self.complaints.push(text);
        }
    }

    fn note_spoken(&mut self, ends: [Ipv4Addr; 2], [before, after]: [&[u8]; 2], protocol: u8) {
        if self.ports.contains(&1720) && !before.is_empty() {
            let both = [before.to_vec(), after.to_vec()];
            self.spoken.push((protocol == protocol::TCP, ends, both));
        }
    }

    /// What connections have come to as a whole.
    fn compare_streams(&mut self) {
        for (flow, [before, after]) in std::mem::take(&mut self.streams) {
            let ends = [flow.1.port(), flow.2.port()];
            let read = ends.iter().any(|port| self.ports.contains(port));
            let (before, after) = (joined(&before), joined(&after));
            let speech = self.speech_at(flow.0, ends);
            let compared = if speech != Speech::Words {
                let seen_as = self.found.get(&(flow.0, flow.1.port()));
                let outside = self.whole.or(seen_as.map(|seen| *seen.ip()));
                let ends = [self.inside, outside.unwrap_or(self.inside)];
                self.note_spoken(ends, [&before, &after], flow.0);
                binary::compared(speech, &before, &after, ends).map(|_| ())
            } else if read && is_text(&before) {
                Told::default().learn(&before, &after, self.inside)
            } else {
                (read || before == after)
                    .then_some(())
                    .ok_or("changed".into())
            };
            if let Err(why) = compared {
                self.complain(&format!("{} > {}: {why}", flow.1, flow.2), &before);
            }
        }
    }

    /// Endpoints that the inside host tells of, and where RTCP goes beside RTP.
    fn note_announced(&mut self, announced: &[Announced], left: &Seen) {
        let outside = left.src.ip();
        for (protocol, inside, told) in announced.iter().copied() {
            if protocol == protocol::GRE {
                self.calls.note(inside, told);
                let pair = SocketAddrV4::new(outside, 0);
                self.found.entry((protocol, 0)).or_insert(pair);
                continue;
            }
            if inside == 0 {
                continue;
            }
            let beside = inside
                .is_multiple_of(2)
                .then_some((inside + 1, told.wrapping_add(1)));
            for (inside, told) in beside.into_iter().chain([(inside, told)]) {
                let endpoint = SocketAddrV4::new(outside, told);
                self.found.entry((protocol, inside)).or_insert(endpoint);
            }
            self.announced.insert((protocol, inside), told);
        }
    }

    /// Endpoints that a message names, wherever they stand.
    fn note_ports(&mut self, seen: &Seen, left: &Seen) {
        for (protocol, inside, outside) in named(seen, left, self.inside) {
            self.found.entry((protocol, inside)).or_insert(outside);
        }
    }

    fn judge(&mut self, left: &Seen) {
        let (mut excused, mut lines) = left::lines(&left.payload, self.inside);
        if !self.protected {
            lines.extend(
                excused
                    .extract_if(.., |reason| reason.contains("TLS"))
                    .map(Into::into),
            );
        }
        let speech = self.speech_of(left);
        let read = self.is_read(left)
            || speech != Speech::Words
            || self.whole.is_none() && self.ports.contains(&left.dst.port());
        if !read {
            if !lines.is_empty() {
                *self
                    .tally
                    .excused
                    .entry("no gateway's: data or media")
                    .or_default() += 1;
            }
            return;
        }
        if let (Some(why), false) = (
            left::unreadable(&left.payload, self.ports),
            lines.is_empty(),
        ) {
            lines.clear();
            excused.push(why);
        }
        for reason in excused {
            *self.tally.excused.entry(reason).or_default() += 1;
        }
        for line in lines {
            self.complaints.push(format!("left outside: {line:.240}"));
        }
        if matches!(speech, Speech::Addresses | Speech::Skinny | Speech::Calls)
            && left::binary(&left.payload, self.inside)
            || speech == Speech::Entries && left::decimal(&left.payload, self.inside)
        {
            self.complain("left outside in binary", &left.payload);
        }
        let is_dns = [left.src, left.dst].iter().any(|end| end.port() == 53);
        if is_dns && self.whole.is_some() && left::binary(&left.payload, self.inside) {
            if left::is_update(&left.payload) {
                *self
                    .tally
                    .excused
                    .entry("DNS updates pass as they are")
                    .or_default() += 1;
            } else {
                self.complain("left outside in binary", &left.payload);
            }
        }
    }

    /// What the outside says, in the words that it knows.
    fn back(&mut self, seen: &Seen) {
        let known = self.found.get(&(seen.protocol, seen.dst.port())).copied();
        let whole = self
            .whole
            .map(|address| SocketAddrV4::new(address, seen.dst.port()));
        let Some(outside) = whole.or(known) else {
            self.tally.unknown += 1;
            return;
        };
        let flow = flow(seen, false);
        let number = seen.tcp.as_ref().map_or(0, |tcp| tcp.seq);
        let key = (flow, number, seen.payload.len());
        let (whole, found) = (self.whole, &self.found);
        let endpoint = |port: u16| {
            let found = found.get(&(seen.protocol, port));
            let whole = whole.map(|address| (address, port));
            whole.or(found.map(|found| (*found.ip(), found.port())))
        };
        let speech = self.speech_of(seen);
        let mut payload = if seen.protocol == protocol::GRE {
            self.calls.enclosed(&seen.payload)
        } else if speech != Speech::Words {
            binary::said(speech, &seen.payload, self.inside, &self.calls, endpoint)
        } else if self.is_read(seen) && is_text(&seen.payload) {
            let seen_as = (*outside.ip(), outside.port());
            self.told
                .said(&seen.payload, self.inside, seen_as, endpoint)
        } else {
            seen.payload.clone()
        };
        let is_dns = seen.src.port() == 53 || seen.dst.port() == 53;
        if let (true, Some(address)) = (is_dns && !left::is_update(&seen.payload), self.whole) {
            let old = self.inside.octets();
            while let Some(at) = payload.windows(4).position(|four| four == old) {
                payload[at..at + 4].copy_from_slice(&address.octets());
            }
        }
        if seen.tcp.is_some() {
            payload.clone_from(self.said.entry(key).or_insert(payload.clone()));
        }
        let mut packet = again(seen).to(outside).payload(&payload);
        if let Some(then) = &seen.tcp {
            let [out, back] = self.sent.entry(flow).or_default();
            let start = back.outside(then.seq);
            packet = packet.seq(start).ack(out.outside(then.ack));
            let grown = (payload.len() as u32).wrapping_sub(seen.payload.len() as u32);
            let last = end(then, seen);
            let last_outside = start
                .wrapping_add(last.wrapping_sub(then.seq))
                .wrapping_add(grown);
            if !back.ends.contains_key(&last) {
                back.note(last, last_outside);
            }
        }
        let lost = self.tally.lost;
        let outcome = self.send("outside", &packet);
        let place = (seen.protocol, seen.dst.port());
        if self.tally.lost > lost && seen.tcp.is_none() && self.announced.contains_key(&place) {
            let text = format!("{seen:?} does not come in, told of as {outside}");
            self.complaints.push(format!("{text:.300}"));
        }
        let inside: Vec<&Seen> = outcome
            .left
            .iter()
            .filter(|left| left.interface == "inside" && left.seen.protocol == seen.protocol)
            .map(|left| &left.seen)
            .collect();
        let [left] = inside[..] else { return };
        let bare = |bytes: &[u8]| usual_port_left_out(bytes, self.inside);
        let same = left.payload == seen.payload || bare(&left.payload) == bare(&seen.payload);
        if !same && left.tcp.is_none() | left.payload.is_empty() {
            let (left, said) = (left.payload.clone(), payload);
            let at = left
                .iter()
                .zip(&seen.payload)
                .take_while(|(one, other)| one == other);
            let at = at.count().saturating_sub(30);
            let part = |bytes: &[u8]| {
                let end = bytes.len().min(at + 80);
                bytes
                    .get(at..end)
                    .unwrap_or_default()
                    .escape_ascii()
                    .to_string()
            };
            self.complaints.push(format!(
                "the way back: {} instead of {}, said {}",
                part(&left),
                part(&seen.payload),
                part(&said),
            ));
        }
    }

    fn complain(&mut self, what: &str, payload: &[u8]) {
        let text: String = payload
            .escape_ascii()
            .to_string()
            .chars()
            .take(200)
            .collect();
        self.complaints.push(format!("{what}: {text}"));
    }
}

/// The number behind the last of a segment.
fn end(tcp: &testkit::Tcp, seen: &Seen) -> u32 {
    let control = u32::from(tcp.flags & flags::SYN != 0) + u32::from(tcp.flags & flags::FIN != 0);
    tcp.seq.wrapping_add(seen.payload.len() as u32 + control)
}

/// A stream's bytes in their order, each once.
fn joined(stream: &Stream) -> Vec<u8> {
    let first = stream.iter().find(|(_, bytes)| !bytes.is_empty());
    let Some((first, _)) = first else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (number, bytes) in stream {
        let at = number.wrapping_sub(*first) as usize;
        if let Some(rest) = all
            .len()
            .checked_sub(at)
            .and_then(|known| bytes.get(known..))
        {
            all.extend_from_slice(rest);
        }
    }
    all
}

/// A port that was left out is written once it is another, and stays written on its way back.
fn usual_port_left_out(bytes: &[u8], inside: Ipv4Addr) -> Vec<u8> {
    let text = bytes.escape_ascii().to_string();
    let written = format!("{inside}:5060");
    text.replace(&written, &inside.to_string()).into_bytes()
}

/// Inside endpoint first.
fn flow(seen: &Seen, out: bool) -> Flow {
    if out {
        (seen.protocol, seen.src.0, seen.dst.0)
    } else {
        (seen.protocol, seen.dst.0, seen.src.0)
    }
}

/// Endpoints that a message names: protocol, port inside, endpoint outside.
fn named(seen: &Seen, left: &Seen, inside: Ipv4Addr) -> Vec<(u8, u16, SocketAddrV4)> {
    let (old, new) = (
        crate::words::words(&seen.payload),
        crate::words::words(&left.payload),
    );
    let outside = *left.src.0.ip();
    let mut all = Vec::new();
    let mut note = |protocol: u8, old: Option<u16>, new: Option<u16>| {
        if let (Some(old), Some(new)) = (old, new) {
            all.push((protocol, old, SocketAddrV4::new(outside, new)));
        }
    };
    let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
    for (at, (old_word, new_word)) in old.iter().zip(&new).enumerate() {
        let before = at.checked_sub(2).map_or(String::new(), |at| text(old[at]));
        let (was, is) = (text(old_word), text(new_word));
        let behind = |word: &str| {
            word.rsplit_once(':')
                .and_then(|(_, port)| port.parse().ok())
        };
        if was.starts_with(&format!("{inside}:")) {
            note(protocol::UDP, behind(&was), behind(&is));
            note(protocol::TCP, behind(&was), behind(&is));
        } else if matches!(
            before.as_str(),
            "audio" | "video" | "image" | "client_port" | "server_port"
        ) {
            let pair = |word: &str| {
                let mut parts = word.split('-').map(|part| part.parse::<u16>().ok());
                let first = parts.next().flatten();
                (
                    first,
                    parts
                        .next()
                        .flatten()
                        .or(first.and_then(|port| port.checked_add(1))),
                )
            };
            let ((old, old_next), (new, new_next)) = (pair(&was), pair(&is));
            note(protocol::UDP, old, new);
            note(protocol::UDP, old_next, new_next);
        } else if seen.dst.port() == 21 || seen.src.port() == 21 {
            note(protocol::TCP, ftp_port(&was), ftp_port(&is));
        } else if matches!(seen.dst.port(), 512 | 514) && seen.payload.ends_with(b"\0") {
            note(protocol::TCP, was.parse().ok(), is.parse().ok());
        }
    }
    all
}

/// `10,0,0,1,4,0` or `|1|10.0.0.1|1024|`.
fn ftp_port(word: &str) -> Option<u16> {
    if let Some(rest) = word.strip_suffix('|') {
        return rest.rsplit_once('|')?.1.parse().ok();
    }
    let numbers: Vec<u16> = word
        .trim_end_matches(['.', ','])
        .split(',')
        .map(|part| part.parse().ok().filter(|number| *number < 256))
        .collect::<Option<_>>()?;
    match numbers[..] {
        [_, _, _, _, high, low] => Some(high << 8 | low),
        _ => None,
    }
}
