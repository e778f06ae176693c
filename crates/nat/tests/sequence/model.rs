//! Two hosts with a translator between them that changes what they say, and a line that loses,
//! doubles and reorders: against streams that are kept whole.

use base::Direction;
use nat::sequence::{AdjustId, Adjusters, Handed, MAX_NEW};

/// What happens next, read from any bytes.
pub(crate) struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() << 8 | self.next()) % end.max(1)
    }
}

/// One host: what it says, and what it has heard.
#[derive(Default)]
struct Host {
    first: u32,
    /// What is added to its numbers before anything is changed.
    offset: u32,
    said: Vec<u8>,
    /// What its peer ought to hear.
    meant: Vec<u8>,
    /// Byte of `meant` that byte `n` of `said` begins at.
    places: Vec<usize>,
    /// Bytes of `said` that it knows to have been heard.
    known: usize,
    heard: Vec<Option<u8>>,
}

impl Host {
    /// Bytes it has heard without a gap.
    fn heard_to(&self) -> usize {
        self.heard.iter().take_while(|byte| byte.is_some()).count()
    }

    /// What it would put in SACK blocks.
    fn blocks(&self) -> Vec<(usize, usize)> {
        let mut blocks: Vec<(usize, usize)> = Vec::new();
        for (at, _) in self
            .heard
            .iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_some())
        {
            match blocks.last_mut() {
                Some((_, end)) if *end == at => *end += 1,
                _ => blocks.push((at, at + 1)),
            }
        }
        blocks
    }
}

enum Packet {
    /// Behind the translator: place in `meant`, bytes, and whether they are none of the stream.
    Data(Direction, i64, Vec<u8>, bool),
    /// In front of it: as the receiver counts.
    Ack(Direction, usize, Vec<(usize, usize)>),
}

struct World {
    adjusters: Adjusters,
    id: AdjustId,
    hosts: [Host; 2],
    line: Vec<Packet>,
}

fn side(direction: Direction) -> usize {
    usize::from(direction == Direction::Inbound)
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap()
}

impl World {
    fn new(choices: &mut Choices) -> Self {
        let mut adjusters = Adjusters::with_capacity(1, 20, 7);
        let mut hosts = [Host::default(), Host::default()];
        for host in &mut hosts {
            host.first = (number(choices.next()) << 24 | 0x00ff_fff0).wrapping_sub(0x8100_0000);
            host.places.push(0);
        }
        let id = if choices.next() < 128 {
            adjusters.open(1, Direction::Outbound, hosts[0].first, hosts[1].first)
        } else {
            for host in &mut hosts {
                host.offset = number(choices.next()).wrapping_sub(100);
            }
            let handed = hosts.each_ref().map(|host| Handed {
                from: host.first,
                next: host.first,
                offset: host.offset,
            });
            adjusters.take_over(1, handed)
        };
        Self {
            adjusters,
            id: id.unwrap(),
            hosts,
            line: Vec::new(),
        }
    }

    /// Bytes never said before, some of them changed.
    fn say(&mut self, direction: Direction, choices: &mut Choices) {
        let host = &mut self.hosts[side(direction)];
        let begin = host.said.len();
        let len = 1 + choices.next() % 48;
        let bytes: Vec<u8> = (begin..begin + len)
            .map(|at| b'a' + (at % 26) as u8)
            .collect();
        let mut changes = Vec::new();
        let mut at = choices.next() % 24;
        while changes.len() < 3 && at < len {
            let old = 1 + choices.next() % (len - at);
            let new = [0, 1, old, old.saturating_sub(1), old + 1, MAX_NEW][choices.next() % 6]
                .min(MAX_NEW);
            changes.push((at, old, vec![b'A' + (choices.next() % 26) as u8; new]));
            at += old + choices.next() % 16;
        }
        let first = host.first.wrapping_add(number(begin));
        let mut adjust = self.adjusters.connection(self.id).unwrap();
        assert_eq!(adjust.next(direction), first);
        let room = adjust.room(direction);
        for (at, old, new) in &changes {
            let done = adjust.change(direction, first.wrapping_add(number(*at)), *old, new);
            if done.is_err() {
                assert!(room < changes.len());
                adjust.withdraw(direction);
                changes.clear();
                break;
            }
        }
        let mut upto = 0;
        for (at, old, new) in &changes {
            let start = host.meant.len();
            host.meant.extend_from_slice(&bytes[upto..*at]);
            host.places
                .extend((upto..*at).map(|n| start + n - upto + 1));
            let start = host.meant.len();
            host.places
                .extend((1..*old).map(|k| start + k.min(new.len())));
            host.meant.extend_from_slice(new);
            host.places.push(host.meant.len());
            upto = at + old;
        }
        let start = host.meant.len();
        host.meant.extend_from_slice(&bytes[upto..]);
        host.places
            .extend((upto..len).map(|n| start + n - upto + 1));
        host.said.extend_from_slice(&bytes);
        assert_eq!(host.places.len(), host.said.len() + 1);
        self.send(direction, begin, len);
    }

    /// Part of what was said, maybe again.
    fn send(&mut self, direction: Direction, begin: usize, len: usize) {
        let host = &self.hosts[side(direction)];
        let payload = host.said[begin..begin + len].to_vec();
        self.through(direction, begin as i64, &payload, false);
    }

    fn through(&mut self, direction: Direction, begin: i64, payload: &[u8], is_garbage: bool) {
        let host = &self.hosts[side(direction)];
        let first = host.first.wrapping_add(host.offset);
        let seq = host.first.wrapping_add(begin as u32);
        let mut out = [0; 512];
        let mut adjust = self.adjusters.connection(self.id).unwrap();
        let placed = adjust
            .apply(direction, seq, payload, false, &mut out)
            .unwrap();
        let at = i64::from(placed.seq.wrapping_sub(first).cast_signed());
        let bytes = out[..placed.len].to_vec();
        if placed.len == 0 {
            let end = usize::try_from(begin).unwrap() + payload.len();
            let place = host.places[if is_garbage { host.said.len() } else { end }];
            let heard_to = self.hosts[side(direction.opposite())].heard_to();
            assert!(at < place.max(heard_to) as i64, "nobody answers this");
        }
        self.line
            .push(Packet::Data(direction, at, bytes, is_garbage));
    }

    fn acknowledge(&mut self, direction: Direction) {
        let host = &self.hosts[side(direction)];
        let ack = Packet::Ack(direction, host.heard_to(), host.blocks());
        self.line.push(ack);
    }

    fn deliver(&mut self, packet: &Packet) {
        match packet {
            Packet::Data(direction, at, bytes, is_garbage) => {
                let [sender, receiver] = self.pair(*direction);
                let heard_to = receiver.heard_to() as i64;
                receiver
                    .heard
                    .resize(sender.meant.len().max(receiver.heard.len()), None);
                for (at, byte) in (*at..).zip(bytes) {
                    if *is_garbage && at < heard_to || at < 0 {
                        continue;
                    }
                    let at = usize::try_from(at).unwrap();
                    assert_eq!(sender.meant.get(at), Some(byte), "at {at}");
                    receiver.heard[at] = Some(*byte);
                }
                // RFC 9293 section 3.10.7.4: others are answered, an empty one that is
                // expected is not.
                if !bytes.is_empty() || *at < heard_to {
                    self.acknowledge(direction.opposite());
                }
            }
            Packet::Ack(direction, ack, blocks) => {
                let other = direction.opposite();
                let [sender, receiver] = self.pair(other);
                let (said, first) = (sender.first, sender.first.wrapping_add(sender.offset));
                let is_fresh = receiver.heard_to() == *ack;
                let wire = first.wrapping_add(number(*ack));
                let [sender_side, receiver_side] = [side(other), side(*direction)];
                let mut adjust = self.adjusters.connection(self.id).unwrap();
                let sacks: Vec<_> = blocks
                    .iter()
                    .filter_map(|(left, right)| {
                        let [left, right] = [left, right].map(|n| first.wrapping_add(number(*n)));
                        adjust.sack(*direction, left, right)
                    })
                    .collect();
                let window = adjust.window(*direction, wire, 1000);
                let told = adjust
                    .ack(*direction, wire)
                    .wrapping_sub(said)
                    .cast_signed();
                let [sender, receiver] = [&self.hosts[sender_side], &self.hosts[receiver_side]];
                let Ok(told) = usize::try_from(told) else {
                    assert!(!is_fresh);
                    return;
                };
                assert!(told <= sender.said.len());
                let heard = |upto: usize| sender.places[upto] <= receiver.heard_to();
                assert!(heard(told), "{told} has not been heard");
                if is_fresh {
                    assert!(
                        told == sender.said.len() || !heard(told + 1),
                        "{told} is too little"
                    );
                    let end = told + window as usize;
                    assert!(
                        end > sender.said.len() || sender.places[end] <= ack + 1000,
                        "the window reaches further for the sender"
                    );
                }
                for (left, right) in sacks {
                    let [left, right] =
                        [left, right].map(|edge| edge.wrapping_sub(said).cast_signed());
                    let (Ok(left), Ok(right)) = (usize::try_from(left), usize::try_from(right))
                    else {
                        assert!(left < right);
                        continue;
                    };
                    let bytes = &receiver.heard[sender.places[left]..sender.places[right]];
                    assert!(bytes.iter().all(Option::is_some), "a block with a gap");
                }
                let sender = &mut self.hosts[sender_side];
                sender.known = sender.known.max(told);
            }
        }
    }

    /// Who sends in a direction, and who receives.
    fn pair(&mut self, direction: Direction) -> [&mut Host; 2] {
        let [a, b] = &mut self.hosts;
        match direction {
            Direction::Outbound => [a, b],
            Direction::Inbound => [b, a],
        }
    }

    fn step(&mut self, choices: &mut Choices) {
        let op = choices.next();
        let direction = [Direction::Outbound, Direction::Inbound][op & 1];
        let host = &self.hosts[side(direction)];
        let (known, said) = (host.known, host.said.len());
        match op >> 1 & 7 {
            0 if said < 6000 => self.say(direction, choices),
            1 | 2 if known < said => {
                let begin = known + choices.below(said - known);
                let len = 1 + choices.next() % 64;
                self.send(direction, begin, len.min(said - begin));
            }
            3 if said > 0 => {
                let garbage = &[b'?'][..choices.next() & 1];
                if known == said {
                    self.through(direction, said as i64 - 1, garbage, true);
                }
            }
            4 => self.acknowledge(direction),
            _ if !self.line.is_empty() => {
                let at = choices.below(self.line.len());
                let fate = choices.next();
                let mut packet = self.line.swap_remove(at);
                // Whoever is in between may cut, or lose what the translator has seen.
                if let Packet::Data(_, _, bytes, _) = &mut packet
                    && fate >= 200
                {
                    bytes.truncate(fate - 200);
                }
                if fate >= 40 {
                    let known = self.hosts.each_ref().map(|host| host.known);
                    self.deliver(&packet);
                    if (100..130).contains(&fate) {
                        for (host, known) in self.hosts.iter_mut().zip(known) {
                            host.known = known;
                        }
                    }
                }
                if (40..70).contains(&fate) {
                    self.line.push(packet);
                }
            }
            _ => {}
        }
        if self.line.len() > 64 {
            self.line.remove(0);
        }
    }

    /// The line gets better: everything is heard, and known to be.
    fn settle(&mut self) {
        for _ in 0..4000 {
            while let Some(packet) = self.line.pop() {
                self.deliver(&packet);
            }
            let mut is_done = true;
            for direction in [Direction::Outbound, Direction::Inbound] {
                let host = &self.hosts[side(direction)];
                if host.known < host.said.len() {
                    is_done = false;
                    let len = (host.said.len() - host.known).min(7);
                    self.send(direction, host.known, len);
                }
            }
            if is_done {
                break;
            }
        }
        for direction in [Direction::Outbound, Direction::Inbound] {
            let [sender, receiver] = self.pair(direction);
            assert_eq!(sender.known, sender.said.len());
            let heard: Vec<u8> = receiver.heard.iter().map_while(|byte| *byte).collect();
            assert_eq!(heard, sender.meant);
        }
        self.adjusters.close(self.id);
        assert_eq!((self.adjusters.live(), self.adjusters.changes()), (0, 0));
    }
}

/// Plays what `bytes` say.
pub(crate) fn play(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut world = World::new(&mut choices);
    while !choices.0.is_empty() {
        world.step(&mut choices);
    }
    world.settle();
}
