//! The script for calls: phones inside, a proxy outside for each, and media of calls that stay.
//!
//! ```text
//!   INVITE, SDP ->   <- 100   <- 180   <- 200, SDP   ACK ->   BYE ->   <- 200
//! ```
//!
//! A message is made when the one before has arrived. Over TCP each comes in two segments, so that
//! it takes the slow path, and the hosts acknowledge with what they send. Each phone has a
//! remote address of its own, which tells whose turn it is. Texts are written once the phone's outside endpoint is known;
//! numbers of calls and ports of media are as wide in all of them, and are patched.

use std::collections::VecDeque;

use core::net::Ipv4Addr;
use dpdk::Mbuf;
use pktio::PacketBuf;
use wire::checksum::Sum;

use crate::flows::{Endpoint, low16};
use crate::frame::{ACK, OURS, SYN, THEIRS, Template, endpoints};
use crate::own::Script;

/// Messages of a call, and which of them is the last of one that stays.
const MESSAGES: usize = 7;
const ACKNOWLEDGED: usize = 4;

/// From which port each comes.
const FROM: [usize; MESSAGES] = [0, 1, 1, 1, 0, 0, 1];

/// The handshake, before the first message.
const OPENS: usize = MESSAGES;
const ANSWERS: usize = MESSAGES + 1;

const PHONES: u32 = 0x6440_0100;
const REMOTE: u32 = 0xcb01_0000;
const PORT: u16 = 5060;
/// First port of media inside, how many calls of a phone until it is used again, and the port outside.
const MEDIA: u32 = 16_384;
const LINES: u32 = 1024;
const REMOTE_MEDIA: u16 = 40_000;

/// A frame of G.711 media, 20 ms, without FCS.
const MEDIA_FRAME: usize = 214;

/// What is patched.
const NUMBER: &str = "########";
const PLACE: &str = "@@@@@";

const LINK: usize = 14;
const IP: usize = 20;
const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
/// With the option of the largest segment.
const SYN_HEADER: usize = 24;

/// What signalling runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
}

/// A message, and where in it something is patched.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    numbers: Vec<usize>,
    places: Vec<usize>,
}

impl Text {
    fn new(text: &str) -> Self {
        let all = |what| text.match_indices(what).map(|(at, _)| at).collect();
        Self {
            numbers: all(NUMBER),
            places: all(PLACE),
            bytes: text.into(),
        }
    }

    fn patch(&mut self, number: u32, place: u16) {
        digits(&mut self.bytes, &self.numbers, NUMBER.len(), number);
        digits(&mut self.bytes, &self.places, PLACE.len(), u32::from(place));
    }
}

fn digits(bytes: &mut [u8], places: &[usize], width: usize, value: u32) {
    for at in places {
        let mut left = value;
        let place = bytes.get_mut(*at..at + width).unwrap_or_default();
        for digit in place.iter_mut().rev() {
            *digit = b'0' + wire::low8((left % 10) as usize);
            left /= 10;
        }
    }
}

/// One host of a connection: the number of its next byte, and of the next it waits for.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    next: u32,
    heard: u32,
}

#[derive(Debug)]
struct Phone {
    inside: Endpoint,
    outside: Endpoint,
    /// Where media leave.
    media: Endpoint,
    texts: [Text; MESSAGES],
    sides: [Side; 2],
    step: usize,
    stays: bool,
}

/// Both ports.
#[derive(Debug)]
pub(crate) struct Sip {
    way: Way,
    phones: Vec<Phone>,
    /// Whose packets wait, and which part of the message, by port.
    queues: [VecDeque<(u32, u8)>; 2],
    /// Phones without a call.
    idle: VecDeque<u32>,
    /// Number of the next call.
    next: u32,
    /// Calls that may begin yet.
    pub(crate) allowed: u64,
    /// Calls set up, and those that are over.
    pub(crate) established: u64,
    pub(crate) complete: u64,
    /// Calls that stay, the first phones', and whether their media flow.
    stay: u32,
    streaming: bool,
    next_media: [u32; 2],
    templates: [Template; 2],
    /// Packets of media that were forwarded.
    pub(crate) media: u64,
}

impl Sip {
    /// So many phones, and so many more whose calls stay.
    pub(crate) fn new(way: Way, phones: u32, stay: u32) -> Self {
        let phone = |number: u32| Phone {
            inside: (PHONES + number, if way == Way::Udp { PORT } else { 20_000 }),
            outside: (0, 0),
            media: (0, 0),
            texts: Default::default(),
            sides: [Side::default(); 2],
            step: 0,
            stays: number < stay,
        };
        let all = phones + stay;
        Self {
            way,
            phones: (0..all).map(phone).collect(),
            queues: Default::default(),
            idle: (0..all).collect(),
            next: 0,
            allowed: 0,
            established: 0,
            complete: 0,
            stay,
            streaming: false,
            next_media: [0; 2],
            templates: [0, 1].map(|port| Template::udp(port, MEDIA_FRAME)),
            media: 0,
        }
    }

    /// Begins calls, as many as may begin.
    pub(crate) fn begin(&mut self) {
        while self.allowed > 0
            && let Some(number) = self.idle.pop_front()
        {
            self.allowed -= 1;
            let Some(phone) = self.phones.get_mut(number as usize) else {
                return;
            };
            if phone.outside.1 == 0 && self.way == Way::Tcp {
                phone.step = OPENS;
                self.queues[0].push_back((number, 0));
            } else {
                self.say(number, 0);
            }
        }
    }

    /// All calls that stay are there, and another one of every phone is over.
    pub(crate) fn is_warm(&self) -> bool {
        self.complete >= self.phones.len() as u64
            && (self.phones.iter().filter(|phone| phone.stays))
                .all(|phone| phone.step > ACKNOWLEDGED)
    }

    /// Lets media of calls that stay flow from now on, or no more.
    pub(crate) const fn stream(&mut self, flows: bool) {
        self.streaming = flows && self.stay > 0;
    }

    /// The next message of a call, number `step`.
    fn say(&mut self, number: u32, step: usize) {
        let call = self.next;
        let Some(phone) = self.phones.get_mut(number as usize) else {
            return;
        };
        if step == 0 {
            self.next = (call + 1) % 100_000_000;
        }
        phone.step = step;
        let (way, remote) = (self.way, REMOTE + number);
        if phone.texts.iter().all(|text| text.bytes.is_empty()) {
            phone.texts[0] = text(0, way, phone.inside, remote);
        }
        if step == 1 && phone.texts[1].bytes.is_empty() {
            let texts = [1, 2, 3, 4, 5, 6].map(|step| {
                let of = if FROM.get(step) == Some(&0) {
                    phone.inside
                } else {
                    phone.outside
                };
                text(step, way, of, remote)
            });
            for (place, text) in phone.texts.iter_mut().skip(1).zip(texts) {
                *place = text;
            }
        }
        // The number stays that of the INVITE.
        let call = if step == 0 { call } else { phone.call() };
        if let (Some(text), Some(port)) = (phone.texts.get_mut(step), FROM.get(step)) {
            let place = low16(MEDIA + 2 * (call / 7 % LINES));
            text.patch(call, place);
            if let Some(queue) = self.queues.get_mut(*port) {
                queue.push_back((number, 0));
                if way == Way::Tcp {
                    queue.push_back((number, 1));
                }
            }
        }
    }

    /// A message has arrived.
    fn arrived(&mut self, number: u32) {
        let Some(phone) = self.phones.get_mut(number as usize) else {
            return;
        };
        let (step, stays) = (phone.step, phone.stays);
        match step {
            ACKNOWLEDGED => {
                self.established += 1;
                if stays {
                    phone.step = step + 1;
                    return;
                }
                self.say(number, step + 1);
            }
            6 => {
                self.complete += 1;
                self.idle.push_back(number);
            }
            OPENS => {
                phone.step = ANSWERS;
                self.queues[1].push_back((number, 0));
            }
            ANSWERS => self.say(number, 0),
            _ => self.say(number, step + 1),
        }
    }

    fn write(&mut self, port: usize, number: u32, part: u8, packet: &mut Mbuf) -> Option<()> {
        let phone = self.phones.get_mut(number as usize)?;
        let remote = (REMOTE + number, PORT);
        let (from, to) = if port == 0 {
            (phone.inside, remote)
        } else {
            (remote, phone.outside)
        };
        if self.way == Way::Udp {
            let text = &phone.texts.get(phone.step)?.bytes;
            let len = UDP_HEADER + text.len();
            let datagram = ip(packet, port, 17, len, from, to)?;
            wire::put16(datagram, 4, low16(u32::try_from(len).ok()?));
            datagram.get_mut(UDP_HEADER..)?.copy_from_slice(text);
            finish(datagram, 6, 17, from, to);
            return Some(());
        }
        let heard = phone.sides.get(port)?.heard;
        let side = phone.sides.get_mut(port)?;
        if phone.step >= OPENS {
            side.next = number.wrapping_mul(0x9e37_79b1) ^ low(port);
            let flags = if phone.step == OPENS { SYN } else { SYN | ACK };
            let segment = ip(packet, port, 6, SYN_HEADER, from, to)?;
            header(segment, side.next, heard, flags, SYN_HEADER);
            segment
                .get_mut(TCP_HEADER..)?
                .copy_from_slice(&[2, 4, 0x05, 0x78]);
            finish(segment, 16, 6, from, to);
            side.next = side.next.wrapping_add(1);
            return Some(());
        }
        let text = &phone.texts.get(phone.step)?.bytes;
        let (first, second) = text.split_at_checked(text.len() / 2)?;
        let data = if part == 0 { first } else { second };
        let segment = ip(packet, port, 6, TCP_HEADER + data.len(), from, to)?;
        header(segment, side.next, heard, ACK | 8, TCP_HEADER);
        segment.get_mut(TCP_HEADER..)?.copy_from_slice(data);
        finish(segment, 16, 6, from, to);
        side.next = side.next.wrapping_add(u32::try_from(data.len()).ok()?);
        Some(())
    }

    fn write_media(&mut self, port: usize, packet: &mut Mbuf) {
        let Some(next) = self.next_media.get_mut(port) else {
            return;
        };
        let number = *next;
        *next = (*next + 1) % self.stay.max(1);
        let (Some(phone), Some(template)) =
            (self.phones.get(number as usize), self.templates.get(port))
        else {
            return;
        };
        let remote = (REMOTE + number, REMOTE_MEDIA);
        let inside = (phone.inside.0, phone.place());
        // Until the first has left nothing comes back.
        if port == 0 || phone.media.1 == 0 {
            template.write(packet, inside, remote);
        } else {
            template.write(packet, remote, phone.media);
        }
    }

    fn see(&mut self, port: usize, bytes: &[u8]) -> Option<()> {
        let (from, to) = endpoints(bytes)?;
        let (near, far) = if port == 1 { (from, to) } else { (to, from) };
        let number = far.0.checked_sub(REMOTE)?;
        let phone = self.phones.get_mut(number as usize)?;
        if far.1 != PORT {
            if port == 1 && phone.media.1 == 0 {
                phone.media = near;
            }
            self.media += 1;
            return Some(());
        }
        if port == 1 {
            phone.outside = near;
        }
        if self.way == Way::Udp {
            self.arrived(number);
            return Some(());
        }
        let end = LINK + usize::from(wire::be16(bytes, 16)?);
        let segment = bytes.get(LINK + IP..end)?;
        let seq = wire::be32(segment, 4)?;
        let header = usize::from(segment.get(12)? >> 4) * 4;
        let data = segment.get(header..)?;
        let side = phone.sides.get_mut(port)?;
        if segment.get(13)? & SYN != 0 {
            side.heard = seq.wrapping_add(1);
            self.arrived(number);
        } else if !data.is_empty() && seq == side.heard {
            side.heard = seq.wrapping_add(u32::try_from(data.len()).ok()?);
            if data.ends_with(b"\r\n\r\n") || data.ends_with(b"a=sendrecv\r\n") {
                self.arrived(number);
            }
        }
        Some(())
    }
}

impl Phone {
    /// The number of its call.
    fn call(&self) -> u32 {
        let text = &self.texts[0];
        let at = text.numbers.first().copied().unwrap_or(0);
        value(text.bytes.get(at..at + NUMBER.len()))
    }

    /// The port of its media.
    fn place(&self) -> u16 {
        let text = &self.texts[0];
        let at = text.places.first().copied().unwrap_or(0);
        low16(value(text.bytes.get(at..at + PLACE.len())))
    }
}

fn value(digits: Option<&[u8]>) -> u32 {
    let digits = digits.unwrap_or_default();
    digits.iter().fold(0, |value, digit| {
        value * 10 + u32::from(digit.wrapping_sub(b'0'))
    })
}

const fn low(side: usize) -> u32 {
    if side == 0 { 0 } else { 0x5555_5555 }
}

impl Script for Sip {
    fn waiting(&self, port: usize) -> usize {
        if self.streaming {
            return usize::MAX;
        }
        self.queues.get(port).map_or(0, VecDeque::len)
    }

    fn fill(&mut self, port: usize, packets: &mut [Mbuf]) {
        for (place, packet) in packets.iter_mut().enumerate() {
            // Media come as often as messages, and fill what these leave.
            let queue = self.queues.get_mut(port);
            let queue = queue.filter(|_| !self.streaming || place % 2 == 0);
            match queue.and_then(VecDeque::pop_front) {
                Some((number, part)) => {
                    self.write(port, number, part, packet);
                }
                None => self.write_media(port, packet),
            }
        }
    }

    fn sent(&mut self, port: usize, packets: &[Mbuf]) {
        for packet in packets {
            self.see(port, packet.bytes());
        }
    }
}

/// Makes `packet` an IP packet with so many bytes behind the header, which are the answer.
fn ip(
    packet: &mut Mbuf,
    port: usize,
    protocol: u8,
    len: usize,
    from: Endpoint,
    to: Endpoint,
) -> Option<&mut [u8]> {
    if !packet.set_len(LINK + IP + len) {
        return None;
    }
    let frame = packet.bytes_mut();
    frame.get_mut(0..6)?.copy_from_slice(OURS.get(port)?);
    frame.get_mut(6..12)?.copy_from_slice(THEIRS.get(port)?);
    wire::put16(frame, 12, 0x0800);
    let total = low16(u32::try_from(IP + len).ok()?);
    for (place, word) in [0x4500, total, 0, 0x4000, 0x4000 | u16::from(protocol), 0]
        .into_iter()
        .enumerate()
    {
        wire::put16(frame, LINK + 2 * place, word);
    }
    wire::put32(frame, 26, from.0);
    wire::put32(frame, 30, to.0);
    let sum = Sum::default().bytes(frame.get(LINK..LINK + IP)?).checksum();
    wire::put16(frame, 24, sum);
    wire::put16(frame, 34, from.1);
    wire::put16(frame, 36, to.1);
    frame.get_mut(LINK + IP..)
}

fn header(segment: &mut [u8], seq: u32, ack: u32, flags: u8, len: usize) {
    wire::put32(segment, 4, seq);
    wire::put32(segment, 8, if flags & ACK == 0 { 0 } else { ack });
    wire::put16(
        segment,
        12,
        low16(u32::from(wire::low8(len / 4)) << 12) | u16::from(flags),
    );
    wire::put16(segment, 14, u16::MAX);
    wire::put16(segment, 18, 0);
}

/// Writes the checksum, which is at this place.
fn finish(datagram: &mut [u8], at: usize, protocol: u8, from: Endpoint, to: Endpoint) {
    wire::put16(datagram, at, 0);
    let sum = Sum::default()
        .pseudo_header(from.0, to.0, protocol, wire::low16(datagram.len()))
        .bytes(datagram)
        .checksum();
    wire::put16(datagram, at, if sum == 0 { u16::MAX } else { sum });
}

/// A message as who is at `of` writes it, or hears it answered.
fn text(step: usize, way: Way, of: Endpoint, remote: u32) -> Text {
    let remote = Ipv4Addr::from_bits(remote);
    let (ip, port) = (Ipv4Addr::from_bits(of.0), of.1);
    let (transport, uri) = match way {
        Way::Udp => ("UDP", ""),
        Way::Tcp => ("TCP", ";transport=tcp"),
    };
    let (start, cseq) = match step {
        0 => (format!("INVITE sip:bob@{remote} SIP/2.0"), "1 INVITE"),
        1 => ("SIP/2.0 100 Trying".into(), "1 INVITE"),
        2 => ("SIP/2.0 180 Ringing".into(), "1 INVITE"),
        3 => ("SIP/2.0 200 OK".into(), "1 INVITE"),
        4 => (format!("ACK sip:bob@{remote}:5060{uri} SIP/2.0"), "1 ACK"),
        5 => (format!("BYE sip:bob@{remote}:5060{uri} SIP/2.0"), "2 BYE"),
        _ => ("SIP/2.0 200 OK".into(), "2 BYE"),
    };
    let branch = ["i", "i", "i", "i", "a", "b", "b"]
        .get(step)
        .copied()
        .unwrap_or("x");
    let tag = if step < 2 { "" } else { ";tag=b########" };
    let contact = match step {
        0 => format!("Contact: <sip:alice@{ip}:{port}{uri}>\r\n"),
        2 | 3 => format!("Contact: <sip:bob@{remote}:5060{uri}>\r\n"),
        _ => String::new(),
    };
    let body = |address, media: &str| {
        format!(
            "v=0\r\no=- 1 1 IN IP4 {address}\r\ns=call\r\nc=IN IP4 {address}\r\nt=0 0\r\n\
             m=audio {media} RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n"
        )
    };
    let body = match step {
        0 => body(ip, PLACE),
        3 => body(remote, "40000"),
        _ => String::new(),
    };
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    Text::new(&format!(
        "{start}\r\nVia: SIP/2.0/{transport} {ip}:{port};branch=z9hG4bK{branch}########\r\n\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.net>;tag=a########\r\n\
         To: <sip:bob@example.net>{tag}\r\nCall-ID: ########@{ip}\r\nCSeq: {cseq}\r\n\
         {contact}User-Agent: load\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}
