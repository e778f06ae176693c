//! Two plain TCP hosts with a stream between them, in virtual time.

use std::collections::BTreeMap;

use nat::sequence::Adjusters;
use wire::tcp;

use super::*;

const MS: u64 = 1_000_000;

/// A line's habits, per cent and milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) seed: u64,
    pub(super) loss: u64,
    pub(super) double: u64,
    pub(super) jitter: u64,
}

impl Line {
    fn next(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed >> 11
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// A segment on the line.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    direction: Direction,
    seq: Seq,
    ack: Seq,
    flags: u8,
    window: u16,
    options: Options,
    payload: Vec<u8>,
}

/// Segments as the stream sends them, through bytes.
#[derive(Debug, Default)]
pub(super) struct Sent(pub(super) Vec<Segment>);

impl Outlet for Sent {
    fn emit(&mut self, segment: &Emitted<'_>) {
        let header = segment.header(1, 2);
        let found = tcp::Header::parse(&header).unwrap();
        self.0.push(Segment {
            direction: segment.direction,
            seq: Seq(found.seq),
            ack: Seq(found.ack),
            flags: found.flags,
            window: found.window(&header),
            options: Options::parse(&header),
            payload: segment.payload.to_vec(),
        });
    }
}

trait Window {
    fn window(&self, header: &[u8]) -> u16;
}

impl Window for tcp::Header {
    fn window(&self, header: &[u8]) -> u16 {
        u16::from_be_bytes([header[14], header[15]])
    }
}

/// A host: sends its text from a go-back sender, and hears that of the other.
#[derive(Debug)]
struct Host {
    direction: Direction,
    first: Seq,
    options: Options,
    says: Vec<u8>,
    is_active: bool,
    has_begun: bool,
    /// Acknowledged, and sent; the FIN is one more than there are bytes, the SYN not counted.
    una: usize,
    next: usize,
    /// How far the other lets it go.
    right: usize,
    syn_is_heard: bool,
    peer: Option<(Seq, Options)>,
    heard: Vec<u8>,
    early: BTreeMap<usize, u8>,
    /// Where the other's FIN is, once heard of.
    peer_fin: Option<usize>,
    peer_is_done: bool,
    unread: usize,
    buffer: usize,
    deadline: Nanos,
    waits: u64,
    is_reset: bool,
    clock: u32,
}

impl Host {
    fn new(direction: Direction, says: &[u8], line: &mut Line) -> Self {
        let has = |line: &mut Line| line.below(4) > 0;
        Self {
            direction,
            first: Seq(u32::try_from(line.below(4000)).unwrap()).minus(2000),
            options: Options {
                mss: Some(u16::try_from(100 + line.below(1360)).unwrap()),
                window_scale: has(line).then_some(u8::try_from(line.below(8)).unwrap()),
                sack_permitted: has(line),
                timestamps: has(line).then_some((0, 0)),
                is_signed: false,
            },
            says: says.to_vec(),
            is_active: direction == Direction::Outbound,
            has_begun: false,
            una: 0,
            next: 0,
            right: 0,
            syn_is_heard: false,
            peer: None,
            heard: Vec::new(),
            early: BTreeMap::new(),
            peer_fin: None,
            peer_is_done: false,
            unread: 0,
            buffer: usize::try_from(400 + line.below(9000)).unwrap(),
            deadline: Nanos(0),
            waits: 300 * MS,
            is_reset: false,
            clock: u32::MAX - 50,
        }
    }

    fn is_done(&self) -> bool {
        self.una == self.says.len() + 1 && self.peer_is_done
    }

    fn agreed<T>(&self, of: impl Fn(&Options) -> Option<T>) -> Option<T> {
        let (_, theirs) = self.peer?;
        of(&theirs).and(of(&self.options))
    }

    fn shift(&self) -> u8 {
        self.agreed(|options| options.window_scale).unwrap_or(0)
    }

    fn peer_shift(&self) -> u8 {
        let theirs = self.peer.and_then(|(_, options)| options.window_scale);
        theirs
            .filter(|_| self.options.window_scale.is_some())
            .unwrap_or(0)
    }

    fn segment(&mut self, at: usize, flags: u8, payload: &[u8], now: Nanos) -> Segment {
        self.clock = (u32::MAX - 50).wrapping_add(u32::try_from(now.0 / MS).unwrap());
        let is_syn = flags & SYN != 0;
        let window = (self.buffer - self.unread) >> if is_syn { 0 } else { self.shift() };
        let mut options = Options::default();
        if is_syn {
            options = self.options;
            options.timestamps = self.options.timestamps.map(|_| (self.clock, 0));
        } else if self.agreed(|options| options.timestamps).is_some() {
            options.timestamps = Some((self.clock, 0));
        }
        let ack = self.peer.map(|(first, _)| {
            let heard = self.heard.len() + usize::from(self.peer_is_done);
            first.plus(u32::try_from(heard + 1).unwrap())
        });
        Segment {
            direction: self.direction,
            seq: if is_syn {
                self.first
            } else {
                self.first.plus(u32::try_from(at + 1).unwrap())
            },
            ack: ack.unwrap_or_default(),
            flags: flags | if ack.is_some() { ACK } else { 0 },
            window: u16::try_from(window).unwrap(),
            options,
            payload: payload.to_vec(),
        }
    }

    fn acknowledge(&mut self, now: Nanos) -> Segment {
        self.segment(self.next, 0, &[], now)
    }

    /// What it sends of itself at this time.
    fn act(&mut self, line: &mut Line, now: Nanos) -> Vec<Segment> {
        let mut sent = Vec::new();
        if self.is_reset {
            return sent;
        }
        if !self.syn_is_heard {
            let may = self.is_active || self.peer.is_some();
            if may && now >= self.deadline {
                self.deadline = now.plus(Nanos(500 * MS));
                self.has_begun = true;
                sent.push(self.segment(0, SYN, &[], now));
            }
            return sent;
        }
        if self.unread > 0 && line.below(8) == 0 {
            let was_small = self.buffer - self.unread < 300;
            self.unread = 0;
            if was_small {
                sent.push(self.acknowledge(now));
            }
        }
        if now >= self.deadline && self.una <= self.says.len() {
            self.next = self.una;
            self.waits = (self.waits * 2).min(3000 * MS);
            self.deadline = now.plus(Nanos(self.waits));
            // A closed window is probed.
            self.right = self.right.max(self.una + 1);
        }
        let mss = usize::from(
            self.peer
                .and_then(|(_, options)| options.mss)
                .unwrap_or(536),
        ) - 12;
        while self.next < self.says.len() && self.next < self.right {
            let most = (self.right - self.next)
                .min(mss)
                .min(self.says.len() - self.next);
            let len = 1 + usize::try_from(line.below(most as u64)).unwrap();
            let payload = self.says[self.next..self.next + len].to_vec();
            sent.push(self.segment(self.next, 0, &payload, now));
            self.next += len;
        }
        if self.next == self.says.len() {
            sent.push(self.segment(self.next, FIN, &[], now));
            self.next += 1;
        }
        sent
    }

    fn hear(&mut self, segment: &Segment, now: Nanos) -> Option<Segment> {
        if self.is_reset {
            return None;
        }
        if segment.flags & SYN != 0 {
            assert_eq!(
                (segment.payload.len(), segment.options.is_signed),
                (0, false)
            );
            self.peer.get_or_insert((segment.seq, segment.options));
            if segment.flags & ACK != 0 && segment.ack == self.first.plus(1) {
                self.right = self.right.max(usize::from(segment.window));
                self.syn_is_heard = true;
                return Some(self.acknowledge(now));
            }
            return None;
        }
        let (first, _) = self.peer?;
        if segment.flags & RST == 0 && self.agreed(|options| options.timestamps).is_some() {
            assert!(
                segment.options.timestamps.is_some(),
                "a segment without its time"
            );
        }
        let at = segment.seq.since(first.plus(1)).cast_signed();
        let heard_to = self.heard.len() + usize::from(self.peer_is_done);
        if segment.flags & RST != 0 {
            if usize::try_from(at) == Ok(heard_to) {
                self.is_reset = true;
                return None;
            }
            // RFC 5961 section 3.2.
            return Some(self.acknowledge(now));
        }
        if segment.flags & ACK != 0 {
            let acked = segment.ack.since(self.first.plus(1)).cast_signed();
            let window = usize::from(segment.window) << self.peer_shift();
            if let Ok(acked) = usize::try_from(acked) {
                assert!(
                    acked <= self.says.len() + 1,
                    "acknowledged what was not said"
                );
                self.syn_is_heard = true;
                if acked > self.una {
                    self.una = acked;
                    self.next = self.next.max(acked);
                    self.waits = 300 * MS;
                    self.deadline = now.plus(Nanos(self.waits));
                }
                if acked == self.una {
                    self.right = acked + window;
                }
            }
        }
        let is_empty = segment.payload.is_empty() && segment.flags & FIN == 0;
        // RFC 9293 section 3.10.7.4: what does not fit is answered.
        let is_answered = !is_empty || at < i32::try_from(heard_to).unwrap();
        for (at, byte) in (i64::from(at)..).zip(&segment.payload) {
            let Ok(at) = usize::try_from(at) else {
                continue;
            };
            if let Some(known) = self.heard.get(at).or(self.early.get(&at)) {
                assert_eq!(known, byte, "another byte at {at}");
            } else if at < self.heard.len() + self.buffer - self.unread {
                self.early.insert(at, *byte);
            }
        }
        while let Some(byte) = self.early.remove(&self.heard.len()) {
            self.heard.push(byte);
            self.unread += 1;
        }
        if segment.flags & FIN != 0 {
            let end = usize::try_from(at).unwrap() + segment.payload.len();
            assert!(self.peer_fin.is_none_or(|fin| fin == end), "another end");
            self.peer_fin = Some(end);
        }
        if self.peer_fin == Some(self.heard.len()) {
            self.peer_is_done = true;
        }
        is_answered.then(|| self.acknowledge(now))
    }
}

pub(super) struct World {
    pub(super) stream: Stream,
    pub(super) memory: Memory,
    /// When, and which host resets.
    pub(super) reset_at: Option<(Nanos, usize)>,
    hosts: [Host; 2],
    line: Line,
    /// By time: a segment, and whether it is on its way to the middle.
    under_way: BTreeMap<(u64, u64), (bool, Segment)>,
    count: u64,
    adjusters: Adjusters,
    now: Nanos,
}

fn side(direction: Direction) -> usize {
    usize::from(direction == Direction::Inbound)
}

impl World {
    pub(super) fn new(mut line: Line, limits: Limits, says: [&[u8]; 2]) -> Self {
        let [out, back] = says;
        Self {
            stream: Stream::new(limits),
            memory: Memory::new(1 << 20),
            reset_at: None,
            hosts: [
                Host::new(Direction::Outbound, out, &mut line),
                Host::new(Direction::Inbound, back, &mut line),
            ],
            line,
            under_way: BTreeMap::new(),
            count: 0,
            adjusters: Adjusters::with_capacity(1, 1, 1),
            now: Nanos(0),
        }
    }

    /// What was heard of what each host says.
    pub(super) fn heard(&self) -> [Vec<u8>; 2] {
        [self.hosts[1].heard.clone(), self.hosts[0].heard.clone()]
    }

    fn put(&mut self, to_middle: bool, segment: &Segment) {
        let copies = if self.line.below(100) < self.line.loss {
            0
        } else {
            1 + u64::from(self.line.below(100) < self.line.double)
        };
        for _ in 0..copies {
            let at = self.now.0 + (2 + self.line.below(self.line.jitter)) * MS;
            self.count += 1;
            let key = (at, self.count);
            self.under_way.insert(key, (to_middle, segment.clone()));
        }
    }

    /// Until both hosts are done, and what they know has been told.
    pub(super) fn run(&mut self) {
        let mut over_since = None;
        for step in 0..400_000_u64 {
            self.now = Nanos(step * MS);
            if let Some((at, by)) = self.reset_at
                && at <= self.now
            {
                self.reset_at = None;
                let host = &mut self.hosts[by];
                if host.has_begun && host.syn_is_heard && !host.is_reset {
                    let reset = host.segment(host.next, RST, &[], self.now);
                    host.is_reset = true;
                    self.put(true, &reset);
                }
            }
            while let Some(entry) = self.under_way.first_entry()
                && entry.key().0 <= self.now.0
            {
                let (to_middle, segment) = entry.remove();
                if to_middle {
                    self.cross(&segment);
                } else {
                    let to = 1 - side(segment.direction);
                    if let Some(answer) = self.hosts[to].hear(&segment, self.now) {
                        self.put(true, &answer);
                    } else if self.hosts[to].is_reset && segment.flags & RST == 0 {
                        self.refuse(to, &segment);
                    }
                }
            }
            for at in 0..2 {
                for segment in self.hosts[at].act(&mut self.line, self.now) {
                    self.put(true, &segment);
                }
            }
            if self.stream.next_due().is_some_and(|due| due <= self.now) {
                let mut sent = Sent::default();
                let mut around = Around {
                    parser: &mut Lines,
                    outlet: &mut sent,
                    memory: &mut self.memory,
                    now: self.now,
                };
                self.stream.due(&mut around);
                self.forward(&sent);
            }
            let is_over = self
                .hosts
                .iter()
                .all(|host| host.is_done() || host.is_reset);
            if is_over {
                let since = *over_since.get_or_insert(step);
                if self.stream.is_over() && self.under_way.is_empty() || step > since + 120_000 {
                    return;
                }
            }
            let is_half_open = self.hosts.iter().any(|host| host.is_reset);
            if is_half_open && self.line.loss > 0 && step > 200_000 {
                // The RST was lost, and nobody has anything to say: as when the session ends.
                self.stream.close(&mut self.memory);
                return;
            }
        }
        let hosts = self.hosts.each_ref().map(|host| {
            let said = (host.una, host.next, host.right, host.says.len());
            (said, host.heard.len(), host.peer_fin, host.is_reset)
        });
        panic!("{hosts:?} {:?} {:?}", self.stream, self.under_way.len());
    }

    /// A host that has no connection any more (RFC 9293 section 3.10.7.1).
    fn refuse(&mut self, by: usize, segment: &Segment) {
        if segment.flags & ACK != 0 {
            let reset = Segment {
                direction: self.hosts[by].direction,
                seq: segment.ack,
                ack: Seq(0),
                flags: RST,
                window: 0,
                options: Options::default(),
                payload: Vec::new(),
            };
            self.put(true, &reset);
        }
    }

    fn forward(&mut self, sent: &Sent) {
        for segment in &sent.0 {
            let to = &self.hosts[1 - side(segment.direction)];
            let own = if self.stream.cause().is_some() {
                1460
            } else {
                700
            };
            let most = to.options.mss.map_or(536, usize::from).min(own);
            let options = if segment.options.timestamps.is_some() {
                12
            } else {
                0
            };
            assert!(
                segment.payload.len() + options <= most,
                "longer than the host takes"
            );
            self.put(false, segment);
        }
    }

    /// A segment comes to the middle.
    fn cross(&mut self, segment: &Segment) {
        let arrived = Arrived {
            direction: segment.direction,
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            window: segment.window,
            urgent: 0,
            is_marked: false,
            options: segment.options,
            payload: &segment.payload,
        };
        let mut sent = Sent::default();
        let mut around = Around {
            parser: &mut Lines,
            outlet: &mut sent,
            memory: &mut self.memory,
            now: self.now,
        };
        let fate = self.stream.arrived(&arrived, &mut around);
        assert_eq!(self.stream.held(), self.memory.used());
        assert!(self.stream.held() < 3 * 2 * 6000);
        self.forward(&sent);
        match fate {
            Fate::Taken => {}
            Fate::Pass => self.put(false, segment),
            Fate::PassEmpty => {
                let mut segment = segment.clone();
                segment.payload.clear();
                self.put(false, &segment);
            }
            Fate::Over => self.translate(segment),
        }
    }

    /// The stream has gone: numbers are shifted.
    fn translate(&mut self, segment: &Segment) {
        let mut segment = segment.clone();
        if let Some(handed) = self.stream.handed() {
            let id = match self.adjusters.find(1) {
                Some(id) => id,
                None => self.adjusters.take_over(1, handed).unwrap(),
            };
            let mut adjust = self.adjusters.connection(id).unwrap();
            let (direction, fin) = (segment.direction, segment.flags & FIN != 0);
            let mut out = [0; 2000];
            let placed = adjust.apply(direction, segment.seq.0, &segment.payload, fin, &mut out);
            let placed = placed.unwrap();
            segment.seq = Seq(placed.seq);
            segment.payload = out[..placed.len].to_vec();
            segment.ack = Seq(adjust.ack(direction, segment.ack.0));
        }
        self.put(false, &segment);
    }
}
