//! Two TCP hosts with the appliance between them, over lines that lose, double and reorder: in
//! virtual time, segment by segment.

use std::collections::BTreeMap;

use testkit::{Packet, Seen, flags, tcp};
use tests::{Left, Outcome, Pipe};

/// Microseconds in a millisecond.
const MS: u64 = 1000;

/// Segments a host sends before it waits.
const IN_FLIGHT: usize = 24;

/// A line's habits, in per cent and milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) seed: u64,
    pub(crate) loss: u64,
    pub(crate) double: u64,
    pub(crate) jitter: u64,
}

impl Line {
    /// One that does nothing of the kind.
    pub(crate) const GOOD: Self = Self {
        seed: 1,
        loss: 0,
        double: 0,
        jitter: 0,
    };

    fn below(&mut self, end: u64) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 11) % end.max(1)
    }
}

/// How a host cuts what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// In pieces of so many bytes.
    Each(usize),
    /// Anywhere.
    Anywhere,
}

/// One host: sends its text, hears that of the other.
#[derive(Debug)]
pub(crate) struct Host {
    interface: &'static str,
    me: String,
    peer: Option<String>,
    first: u32,
    says: Vec<u8>,
    cut: Cut,
    /// Options of every segment that is no SYN.
    has_timestamps: bool,
    shift: u8,
    /// It says no more than its text.
    closes: bool,
    una: usize,
    next: usize,
    right: usize,
    mss: usize,
    duplicates: u32,
    is_open: bool,
    peer_first: Option<u32>,
    /// What it has heard.
    pub(crate) heard: Vec<u8>,
    early: BTreeMap<usize, u8>,
    peer_fin: Option<usize>,
    peer_is_done: bool,
    deadline: Option<u64>,
    waits: u64,
    /// It was reset.
    pub(crate) is_reset: bool,
}

impl Host {
    fn is_client(&self) -> bool {
        self.interface == "inside"
    }

    fn segment(&self, at: usize, extra: u8, payload: &[u8]) -> Packet {
        let peer = self.peer.as_deref().expect("a peer");
        let is_syn = extra & flags::SYN != 0;
        let mut options = Vec::new();
        if is_syn {
            options.extend([2, 4, 5, 0xb4, 1, 3, 3, self.shift, 4, 2]);
        }
        if self.has_timestamps {
            options.extend([1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 1, 0]);
        }
        while options.len() % 4 != 0 {
            options.push(1);
        }
        let offset = u32::try_from(at).unwrap();
        let seq = self.first.wrapping_add(offset + u32::from(!is_syn));
        let window = if is_syn { 65_535 } else { 65_535 >> self.shift };
        let mut packet = tcp(&format!("{} > {peer}", self.me))
            .seq(seq)
            .window(window)
            .tcp_options(&options)
            .payload(payload);
        let mut all = extra;
        if let Some(first) = self.peer_first {
            let heard = self.heard.len() + usize::from(self.peer_is_done);
            packet = packet.ack(first.wrapping_add(u32::try_from(heard + 1).unwrap()));
            all |= flags::ACK;
        }
        packet.flags(all)
    }

    /// Whether all has been said, and heard by the other.
    fn is_done(&self) -> bool {
        let last = usize::from(self.closes);
        self.is_reset || self.is_open && self.una >= self.says.len() + last
    }

    fn act(&mut self, line: &mut Line, now: u64) -> Vec<Packet> {
        let mut sent = Vec::new();
        if self.is_reset {
            self.deadline = None;
            return sent;
        }
        let is_late = self.deadline.is_some_and(|deadline| deadline <= now);
        if !self.is_open {
            let may = self.is_client() || self.peer_first.is_some();
            if may && (is_late || self.deadline.is_none()) {
                self.deadline = Some(now + 500 * MS);
                sent.push(self.segment(0, flags::SYN, b""));
            }
            return sent;
        }
        if is_late {
            self.next = self.una;
            self.waits = (self.waits * 2).min(3000 * MS);
            self.deadline = None;
            self.right = self.right.max(self.una + 1);
        }
        let mut pieces = 0;
        while self.next < self.says.len().min(self.right) && pieces < IN_FLIGHT {
            let left = (self.says.len().min(self.right) - self.next).min(self.mss);
            let len = match self.cut {
                Cut::Each(len) => len.min(left),
                Cut::Anywhere => 1 + usize::try_from(line.below(left as u64)).unwrap(),
            };
            let payload = self.says[self.next..self.next + len].to_vec();
            sent.push(self.segment(self.next, 0, &payload));
            self.next += len;
            pieces += 1;
        }
        if self.closes && self.next == self.says.len() {
            sent.push(self.segment(self.next, flags::FIN, b""));
            self.next += 1;
        }
        // A closed window is asked after as well (RFC 9293 section 3.8.6.1).
        if self.una < self.next.max(self.says.len()) && self.deadline.is_none() {
            self.deadline = Some(now + self.waits);
        }
        sent
    }

    fn hear(&mut self, seen: &Seen, now: u64) -> Option<Packet> {
        let tcp = seen.tcp.as_ref()?;
        if self.is_reset {
            return None;
        }
        if tcp.flags & flags::SYN != 0 {
            self.peer.get_or_insert(seen.src.0.to_string());
            self.peer_first.get_or_insert(tcp.seq);
            if let Some(mss) = tcp.options.windows(4).find(|four| four[..2] == [2, 4]) {
                let mss = usize::from(u16::from_be_bytes([mss[2], mss[3]]));
                self.mss = mss - if self.has_timestamps { 12 } else { 0 };
            }
            if tcp.flags & flags::ACK == 0 {
                return None;
            }
        }
        let first = self.peer_first?;
        if tcp.flags & flags::RST != 0 {
            let at = tcp.seq.wrapping_sub(first.wrapping_add(1)) as usize;
            self.is_reset = at == self.heard.len() + usize::from(self.peer_is_done);
            return None;
        }
        assert!(
            !self.has_timestamps || tcp.options.windows(2).any(|two| two == [8, 10]),
            "a segment without its time: {seen:?}"
        );
        if tcp.flags & flags::ACK != 0 {
            self.acked(tcp.ack, tcp.window, tcp.flags & flags::SYN != 0, seen, now);
        }
        if tcp.flags & flags::SYN != 0 {
            return Some(self.segment(self.next, 0, b""));
        }
        let at = tcp.seq.wrapping_sub(first.wrapping_add(1)).cast_signed();
        let is_empty = seen.payload.is_empty() && tcp.flags & flags::FIN == 0;
        let is_answered = !is_empty || at < i32::try_from(self.heard.len()).unwrap();
        for (at, byte) in (i64::from(at)..).zip(&seen.payload) {
            let Ok(at) = usize::try_from(at) else {
                continue;
            };
            match self.heard.get(at).or(self.early.get(&at)) {
                Some(known) => assert_eq!(known, byte, "another byte at {at}"),
                None => drop(self.early.insert(at, *byte)),
            }
        }
        while let Some(byte) = self.early.remove(&self.heard.len()) {
            self.heard.push(byte);
        }
        if tcp.flags & flags::FIN != 0 {
            let end = usize::try_from(at).unwrap() + seen.payload.len();
            assert!(self.peer_fin.is_none_or(|fin| fin == end), "another end");
            self.peer_fin = Some(end);
        }
        self.peer_is_done |= self.peer_fin == Some(self.heard.len());
        is_answered.then(|| self.segment(self.next, 0, b""))
    }

    fn acked(&mut self, ack: u32, window: u16, is_syn: bool, seen: &Seen, now: u64) {
        let acked = ack.wrapping_sub(self.first.wrapping_add(1)).cast_signed();
        let Ok(acked) = usize::try_from(acked) else {
            return;
        };
        assert!(
            acked <= self.says.len() + usize::from(self.closes),
            "acknowledged what was not said: {seen:?}"
        );
        if !self.is_open {
            self.is_open = true;
            self.deadline = None;
        }
        let shift = if is_syn { 0 } else { self.shift };
        if acked > self.una {
            self.una = acked;
            self.next = self.next.max(acked);
            self.waits = 300 * MS;
            self.deadline = (self.next > self.una).then_some(now + self.waits);
            self.duplicates = 0;
        } else if acked == self.una && seen.payload.is_empty() && self.next > self.una {
            self.duplicates += 1;
            if self.duplicates == 3 {
                self.next = self.una;
            }
        }
        if acked == self.una {
            self.right = acked + (usize::from(window) << shift);
        }
    }
}

/// A client inside and a server outside, with what they say.
fn hosts(line: Line, cut: Cut, [client, server]: [&[u8]; 2]) -> [Host; 2] {
    let host = |interface, me: &str, peer: Option<&str>, first, says: &[u8]| Host {
        interface,
        me: me.into(),
        peer: peer.map(Into::into),
        first,
        says: says.to_vec(),
        cut,
        has_timestamps: line.seed.is_multiple_of(2),
        shift: u8::try_from(line.seed % 3).unwrap(),
        closes: true,
        una: 0,
        next: 0,
        right: 0,
        mss: 536,
        duplicates: 0,
        is_open: false,
        peer_first: None,
        heard: Vec::new(),
        early: BTreeMap::new(),
        peer_fin: None,
        peer_is_done: false,
        deadline: None,
        waits: 300 * MS,
        is_reset: false,
    };
    let remote = "192.0.2.1:21";
    [
        host(
            "inside",
            "10.64.0.7:40000",
            Some(remote),
            u32::MAX - 200,
            client,
        ),
        host("outside", remote, None, 0x7fff_ff00, server),
    ]
}

#[derive(Debug)]
enum Event {
    /// From a host to the appliance.
    In(usize, Packet),
    /// From the appliance to a host.
    Out(usize, Box<Seen>),
}

/// All of it.
pub(crate) struct World {
    pub(crate) nat: Pipe,
    pub(crate) hosts: [Host; 2],
    line: Line,
    events: BTreeMap<(u64, u64), Event>,
    count: u64,
    now: u64,
    polled: u64,
    /// Verdicts of segments, by reason.
    pub(crate) reasons: BTreeMap<String, u64>,
}

impl World {
    /// A client inside says the first text, a server outside the second.
    pub(crate) fn new(nat: Pipe, line: Line, cut: Cut, texts: [&[u8]; 2]) -> Self {
        let now = (nat.now() * 1e6) as u64 + MS;
        Self {
            hosts: hosts(line, cut, texts),
            nat,
            line,
            events: BTreeMap::new(),
            count: 0,
            now,
            polled: now,
            reasons: BTreeMap::new(),
        }
    }

    /// The server is at another port.
    pub(crate) fn at_port(mut self, port: u16) -> Self {
        let remote = format!("192.0.2.1:{port}");
        self.hosts[0].peer = Some(remote.clone());
        self.hosts[1].me = remote;
        self
    }

    /// Neither host closes.
    pub(crate) fn without_closing(mut self) -> Self {
        for host in &mut self.hosts {
            host.closes = false;
        }
        self
    }

    /// A host says more.
    pub(crate) fn say(&mut self, host: usize, text: &[u8]) {
        self.hosts[host].says.extend_from_slice(text);
    }

    /// A host closes when it has said all.
    pub(crate) fn close(&mut self, host: usize) {
        self.hosts[host].closes = true;
    }

    /// How it cuts from now on.
    pub(crate) fn cut(&mut self, host: usize, cut: Cut) {
        self.hosts[host].cut = cut;
    }

    /// A host resets, if it knows of a connection.
    pub(crate) fn reset(&mut self, host: usize) {
        if self.hosts[host].peer_first.is_none() {
            return;
        }
        let packet = self.hosts[host].segment(self.hosts[host].next, flags::RST, b"");
        self.hosts[host].is_reset = true;
        self.put(&Event::In(host, packet));
    }

    fn put(&mut self, event: &Event) {
        let copies = match () {
            () if self.line.below(100) < self.line.loss => 0,
            () => 1 + u64::from(self.line.below(100) < self.line.double),
        };
        for _ in 0..copies {
            self.count += 1;
            let at = self.now + 2 * MS + self.line.below(self.line.jitter * MS + 1);
            let event = match event {
                Event::In(host, packet) => Event::In(*host, packet.clone()),
                Event::Out(host, seen) => Event::Out(*host, seen.clone()),
            };
            self.events.insert((at, self.count), event);
        }
    }

    fn left(&mut self, left: Vec<Left>) {
        for left in left.into_iter().filter(|left| left.seen.tcp.is_some()) {
            let host = usize::from(left.interface == "outside");
            self.put(&Event::Out(host, Box::new(left.seen)));
        }
    }

    fn seconds(&self) -> f64 {
        self.now as f64 / 1e6
    }

    /// Two other hosts of the same addresses.
    pub(crate) fn again(&mut self, line: Line, cut: Cut, texts: [&[u8]; 2]) {
        self.hosts = hosts(line, cut, texts);
        self.hosts[0].me = "10.64.0.7:40001".into();
        self.line = line;
        self.events.clear();
    }

    /// Runs for so many milliseconds, whatever is left to be said.
    pub(crate) fn run_for(&mut self, millis: u64) {
        self.run_until(self.now + millis * MS);
    }

    /// Nobody says anything for so long.
    pub(crate) fn rest(&mut self, seconds: f64) {
        self.now += (seconds * 1e6) as u64;
        let left = self.nat.at(self.seconds());
        self.left(left);
    }

    /// Runs until both hosts have said all they have to, or for so many seconds.
    #[track_caller]
    pub(crate) fn run(&mut self, seconds: u64) {
        self.run_until(self.now + seconds * 1_000_000);
    }

    fn run_until(&mut self, end: u64) {
        loop {
            for host in 0..2 {
                for packet in self.hosts[host].act(&mut self.line, self.now) {
                    self.put(&Event::In(host, packet));
                }
            }
            let is_done = self.hosts.iter().all(Host::is_done);
            if is_done && self.events.is_empty() {
                return;
            }
            let deadlines = self.hosts.iter().filter_map(|host| host.deadline);
            let next = self
                .events
                .first_key_value()
                .map(|((at, _), _)| *at)
                .into_iter()
                .chain(deadlines)
                .chain([self.polled + 50 * MS, end])
                .min()
                .unwrap();
            self.now = self.now.max(next);
            if self.now >= end {
                return;
            }
            if self.now >= self.polled + 50 * MS {
                self.polled = self.now;
                let left = self.nat.at(self.seconds());
                self.left(left);
                self.nat.forget_transcript();
            }
            while let Some(entry) = self.events.first_entry()
                && entry.key().0 <= self.now
            {
                match entry.remove() {
                    Event::In(host, packet) => self.enter(host, &packet),
                    Event::Out(host, seen) => {
                        if let Some(answer) = self.hosts[host].hear(&seen, self.now) {
                            self.put(&Event::In(host, answer));
                        }
                    }
                }
            }
        }
    }

    fn enter(&mut self, host: usize, packet: &Packet) {
        let ahead = self.seconds() - self.nat.now();
        self.nat.later(ahead.max(0.0));
        let outcome: Outcome = self.nat.send(self.hosts[host].interface, packet);
        *self.reasons.entry(outcome.reason.clone()).or_default() += 1;
        self.left(outcome.left);
    }

    /// What each has heard: the client, then the server.
    pub(crate) fn heard(&self) -> [&[u8]; 2] {
        [&self.hosts[0].heard, &self.hosts[1].heard]
    }
}
