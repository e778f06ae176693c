//! Frames of every quality.

use std::net::Ipv4Addr;

use testkit::{
    Arp, Mac, Packet, Rng, Seen, Sum, echo, flags, icmp_error, icmp_query, protocol, raw, tcp, udp,
};
use tests::{GATEWAY, mac_of};

/// Seeded, and fed with what left so that it can answer.
pub(crate) struct Generator {
    rng: Rng,
    lan: Mac,
    wan: Mac,
    /// The last packets seen outside.
    outside: Vec<Seen>,
    /// The last frames of either side, to repeat and to spoil.
    recent: Vec<(&'static str, Vec<u8>)>,
}

impl Generator {
    pub(crate) fn new(seed: u64, lan: Mac, wan: Mac) -> Self {
        Self {
            rng: Rng::new(seed),
            lan,
            wan,
            outside: Vec::new(),
            recent: Vec::new(),
        }
    }

    /// This left to the outside.
    pub(crate) fn answer_to(&mut self, seen: &Seen) {
        if seen.arp.is_none() {
            keep(&mut self.outside, seen.clone(), &mut self.rng);
        }
    }

    /// How much later, by which interface, and what.
    pub(crate) fn next(&mut self) -> (f64, &'static str, Vec<u8>) {
        let wait = match self.rng.below(10_000) {
            0 => 130.0,
            1..10 => 1.0,
            _ => f64::from(self.rng.byte()) / 100_000.0,
        };
        let (interface, frame) = match self.rng.below(100) {
            0..3 => self.noise(),
            3..6 => self.arp(),
            6..12 => self.repeat(),
            12..45 => {
                let (interface, frame) = self.good();
                (interface, self.spoilt(frame))
            }
            _ => self.good(),
        };
        if frame.len() < 600 {
            keep(&mut self.recent, (interface, frame.clone()), &mut self.rng);
        }
        (wait, interface, frame)
    }

    fn noise(&mut self) -> (&'static str, Vec<u8>) {
        let interface = *self.rng.pick(&["lan", "wan"]);
        let len = *self
            .rng
            .pick(&[0, 1, 13, 14, 34, 60, 200, 1514, 4000, 9000]);
        let len = self.rng.below(len + 1);
        let mut frame = self.rng.bytes(len);
        if len > 34 && self.rng.chance(80) {
            frame[..6].copy_from_slice(&self.mac(interface));
            let kind = *self
                .rng
                .pick(&[[8, 0], [8, 0], [8, 6], [0x81, 0], [0x86, 0xdd]]);
            frame[12..14].copy_from_slice(&kind);
            if self.rng.chance(70) {
                frame[14] = 0x45;
            }
        }
        (interface, frame)
    }

    fn arp(&mut self) -> (&'static str, Vec<u8>) {
        let interface = *self.rng.pick(&["lan", "wan"]);
        let (own, host) = if interface == "lan" {
            (
                Ipv4Addr::new(10, 64, 0, 1),
                Ipv4Addr::new(10, 64, self.rng.byte(), self.rng.byte()),
            )
        } else {
            (
                Ipv4Addr::new(198, 51, 100, 1),
                Ipv4Addr::new(198, 51, 100, self.rng.byte()),
            )
        };
        let mut arp = Arp::request(mac_of(host), host, own);
        match self.rng.below(4) {
            0 => {
                arp.operation = 2;
                arp.target_mac = self.mac(interface);
            }
            1 => arp.target = host,
            2 => arp.target = Ipv4Addr::from(self.rng.number() as u32),
            _ => {}
        }
        (interface, arp.frame(&[]))
    }

    fn repeat(&mut self) -> (&'static str, Vec<u8>) {
        if self.recent.is_empty() {
            return self.good();
        }
        let (interface, frame) = self.rng.pick(&self.recent).clone();
        let frame = self.spoilt(frame);
        (interface, frame)
    }

    /// A well-formed frame, though perhaps one that must not pass.
    fn good(&mut self) -> (&'static str, Vec<u8>) {
        let (interface, packet) = if self.rng.chance(50) {
            ("lan", self.inside_packet())
        } else {
            ("wan", self.outside_packet())
        };
        let packet = self.varied(packet);
        let packet = if self.rng.chance(12) {
            self.piece(&packet)
        } else {
            packet
        };
        (interface, self.frame(interface, &packet))
    }

    fn inside_packet(&mut self) -> Packet {
        let host = 7 + self.rng.below(64);
        let port = 5000 + self.rng.below(60);
        let remote = 1 + self.rng.below(8);
        let service = *self.rng.pick(&[53, 80, 443, 5060, 7000]);
        let flow = format!("10.64.0.{host}:{port} > 192.0.2.{remote}:{service}");
        let bare = format!("10.64.0.{host} > 192.0.2.{remote}");
        let ping = format!("10.64.0.{host}:{port} > 192.0.2.{remote}");
        match self.rng.below(20) {
            0..8 => udp(&flow),
            8..13 => {
                let flags = self.tcp_flags();
                tcp(&flow).flags(flags)
            }
            13..16 => echo(&ping),
            16 => {
                let kind = self.rng.byte();
                icmp_query(kind, &ping)
            }
            17 => {
                let other = *self.rng.pick(&[2, 47, 50, 51, 132, 136]);
                raw(&bare, other)
            }
            18 => {
                let to = *self.rng.pick(&[
                    "10.64.0.1:53",
                    "198.51.100.1:22",
                    "203.0.113.1:2000",
                    "224.0.0.5:9",
                    "255.255.255.255:67",
                    "10.64.0.9:5000",
                ]);
                udp(&format!("10.64.0.{host}:{port} > {to}"))
            }
            _ => {
                // An error about something that may have come in.
                let inward = format!("192.0.2.{remote}:{service} > 10.64.0.{host}:{port}");
                self.error(&format!("10.64.0.{host}"), &udp(&inward).ip())
            }
        }
    }

    fn outside_packet(&mut self) -> Packet {
        let stranger = format!("192.0.2.{}:{}", self.rng.byte(), self.rng.word());
        let pool = format!("203.0.113.{}:{}", self.rng.below(5), self.rng.word());
        if self.outside.is_empty() || self.rng.chance(15) {
            let flow = format!("{stranger} > {pool}");
            return match self.rng.below(4) {
                0 => udp(&flow),
                1 => tcp(&flow).syn(),
                2 => icmp_query(0, &format!("192.0.2.1 > {pool}")),
                _ => self.error("192.0.2.77", &udp(&format!("{pool} > {stranger}")).ip()),
            };
        }
        let out = self.rng.pick(&self.outside).clone();
        let answerable = match out.icmp_kind() {
            Some((kind, _)) => matches!(kind, 8 | 13),
            None => out.protocol != protocol::ICMP && !out.is_fragment(),
        };
        if self.rng.chance(15) || !answerable {
            return self.error("192.0.2.77", &out.ip);
        }
        let mut reply = out.reply();
        if out.tcp.is_some() {
            let flags = self.tcp_flags();
            reply = reply.flags(flags);
        }
        match self.rng.below(10) {
            // Of the right host, of its other ports, of other hosts.
            0 => reply.src.set_port(self.rng.word()),
            1 => reply = reply.from(&stranger),
            2 => reply.dst.set_port(self.rng.word()),
            _ => {}
        }
        reply
    }

    fn error(&mut self, from: &str, quoted: &[u8]) -> Packet {
        let kind = *self.rng.pick(&[3, 3, 4, 5, 11, 12]);
        let code = self.rng.byte() % 16;
        let quoted = if self.rng.chance(20) {
            self.spoilt_ip(quoted.to_vec())
        } else {
            quoted.to_vec()
        };
        let len = if self.rng.chance(40) {
            28
        } else {
            20 + self.rng.below(200)
        };
        let packet = icmp_error(kind, code, from, &quoted).quote_len(len);
        match self.rng.below(5) {
            0 => packet.extensions(&[0, 8, 1, 1, 0, 1, 2, 3]),
            1 => packet.rest(self.rng.number() as u32),
            _ => packet,
        }
    }

    fn tcp_flags(&mut self) -> u8 {
        let usual = [
            flags::SYN,
            flags::SYN | flags::ACK,
            flags::ACK,
            flags::ACK | flags::PSH,
            flags::FIN | flags::ACK,
            flags::RST,
        ];
        if self.rng.chance(90) {
            *self.rng.pick(&usual)
        } else {
            self.rng.byte()
        }
    }

    fn varied(&mut self, packet: Packet) -> Packet {
        let id = self.rng.word();
        let mut packet = packet.id(id);
        if packet.payload.is_empty() && self.rng.chance(70) {
            let len = *self.rng.pick(&[1, 2, 7, 40, 400, 1472, 1800, 5000]);
            let len = self.rng.below(len);
            let bytes = self.rng.bytes(len);
            packet = packet.payload(&bytes);
        }
        match self.rng.below(40) {
            0 => packet.ttl(self.rng.byte() % 3),
            1 => packet.transport_sum(Sum::Wrong),
            2 => packet.transport_sum(Sum::Zero),
            3 => packet.ip_sum(Sum::Wrong),
            4 => packet.df(true),
            5 => packet.ip_options(&[0x94, 4, 0, 0]),
            6 => packet.ip_options(&[0x83, 7, 4, 192, 0, 2, 55, 0]),
            7 => {
                let len = 4 * self.rng.below(11);
                let options = self.rng.bytes(len);
                packet.ip_options(&options)
            }
            8 => packet.link_padding(),
            9 => {
                let tag = self.rng.word() & 0xfff;
                packet.vlan(&[tag])
            }
            10 => packet.tos(self.rng.byte()),
            _ => packet,
        }
    }

    /// One of a datagram's fragments; which others come, and when, is left to chance.
    fn piece(&mut self, packet: &Packet) -> Packet {
        let id = self.rng.word() % 64;
        let sizes = [8 * (1 + self.rng.below(40)), 8 * (1 + self.rng.below(40))];
        let len = packet.transport().len();
        if len <= sizes[0] + sizes[1] || self.rng.chance(10) {
            let offset = 8 * self.rng.below(8192);
            let more = self.rng.chance(50);
            return packet.clone().id(id).fragment_at(offset, more);
        }
        let pieces = packet.clone().id(id).fragments(&sizes);
        self.rng.pick(&pieces).clone()
    }

    fn frame(&mut self, interface: &str, packet: &Packet) -> Vec<u8> {
        let from = if interface == "lan" {
            mac_of(*packet.src.ip())
        } else {
            mac_of(GATEWAY.parse().unwrap())
        };
        packet.frame(from, self.mac(interface))
    }

    /// Something wrong with it.
    fn spoilt(&mut self, mut frame: Vec<u8>) -> Vec<u8> {
        if frame.is_empty() {
            return frame;
        }
        match self.rng.below(7) {
            0 => frame.truncate(self.rng.below(frame.len() + 1)),
            1 => {
                let len = self.rng.below(64);
                let more = self.rng.bytes(len);
                frame.extend(more);
            }
            2 | 3 if frame.len() > 34 => {
                let ip = self.spoilt_ip(frame.split_off(14));
                frame.extend(ip);
            }
            4 => {
                let at = self.rng.below(frame.len());
                frame[at] ^= 1 << self.rng.below(8);
            }
            5 => {
                let count = 1 + self.rng.below(8);
                for _ in 0..count {
                    let at = self.rng.below(frame.len());
                    frame[at] = self.rng.byte();
                }
            }
            _ => {}
        }
        frame
    }

    /// A field of the packet changed and the header checksum put right again, so
    /// that the change is looked at.
    fn spoilt_ip(&mut self, mut ip: Vec<u8>) -> Vec<u8> {
        if ip.len() < 20 {
            return ip;
        }
        let at = if self.rng.chance(60) {
            self.rng.below(20)
        } else {
            self.rng.below(ip.len())
        };
        ip[at] = match self.rng.below(4) {
            0 => 0,
            1 => 0xff,
            2 => ip[at] ^ (1 << self.rng.below(8)),
            _ => self.rng.byte(),
        };
        let header_len = usize::from(ip[0] & 0xf) * 4;
        if (20..=ip.len()).contains(&header_len) {
            ip[10..12].fill(0);
            let sum = testkit::internet_checksum(&ip[..header_len]);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        ip
    }

    fn mac(&self, interface: &str) -> Mac {
        if interface == "lan" {
            self.lan
        } else {
            self.wan
        }
    }
}

/// Keeps a few hundred, replacing any.
fn keep<T>(list: &mut Vec<T>, item: T, rng: &mut Rng) {
    if list.len() < 300 {
        list.push(item);
    } else {
        let at = rng.below(list.len());
        list[at] = item;
    }
}
