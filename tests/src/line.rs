//! A TCP connection whose payload may change on the way: each side's numbers have to fit.

use testkit::{Packet, Seen, flags, tcp};

use crate::Pipe;

/// A connection, by the endpoints of its client and its server as each side knows them.
pub struct Line {
    /// The client in its own network.
    client: String,
    /// The server as the client knows it.
    server: String,
    /// The inside host's endpoint as the remote knows it.
    outside: String,
    from_inside: bool,
    /// Next number of the client and of the server, as they count.
    sent: [u32; 2],
    /// The same as the other side counts.
    arrived: [u32; 2],
}

/// Who sends.
const CLIENT: usize = 0;
const SERVER: usize = 1;

impl Line {
    /// An inside client connects.
    #[track_caller]
    pub fn open(nat: &mut Pipe, client: &str, server: &str) -> Self {
        let syn = tcp(&format!("{client} > {server}")).syn().seq(1000);
        let outside = nat.inside(syn).forwarded().src.to_string();
        Self {
            client: client.into(),
            server: server.into(),
            outside,
            from_inside: true,
            sent: [1001, 9000],
            arrived: [1001, 9000],
        }
        .answered(nat)
    }

    /// An outside client connects to what it knows an inside server by.
    #[track_caller]
    pub fn come(nat: &mut Pipe, client: &str, server: &str) -> Self {
        let syn = tcp(&format!("{client} > {server}")).syn().seq(1000);
        let inside = nat.outside(syn).forwarded().dst;
        Self {
            client: client.into(),
            server: inside.to_string(),
            outside: server.into(),
            from_inside: false,
            sent: [1001, 9000],
            arrived: [1001, 9000],
        }
        .answered(nat)
    }

    #[track_caller]
    fn answered(mut self, nat: &mut Pipe) -> Self {
        let answer = self.packet(SERVER, b"").flags(flags::SYN | flags::ACK);
        self.send(nat, SERVER, &answer);
        self.sent[SERVER] += 1;
        self.arrived[SERVER] += 1;
        let end = self.packet(CLIENT, b"");
        self.send(nat, CLIENT, &end);
        self
    }

    /// The inside host's address as the remote knows it.
    pub fn outside_address(&self) -> &str {
        self.outside.split(':').next().unwrap()
    }

    /// The client sends bytes; what the server reads.
    #[track_caller]
    pub fn says_bytes(&mut self, nat: &mut Pipe, bytes: &[u8]) -> Vec<u8> {
        self.carry(nat, CLIENT, bytes)
    }

    /// The server sends some; what the client reads.
    #[track_caller]
    pub fn hears_bytes(&mut self, nat: &mut Pipe, bytes: &[u8]) -> Vec<u8> {
        self.carry(nat, SERVER, bytes)
    }

    /// The client sends a message; what the server reads.
    #[track_caller]
    pub fn says(&mut self, nat: &mut Pipe, text: &str) -> String {
        String::from_utf8(self.says_bytes(nat, text.as_bytes())).unwrap()
    }

    /// The server sends one; what the client reads.
    #[track_caller]
    pub fn hears(&mut self, nat: &mut Pipe, text: &str) -> String {
        String::from_utf8(self.hears_bytes(nat, text.as_bytes())).unwrap()
    }

    /// Bytes that the client sends and the server reads as they are.
    #[track_caller]
    pub fn says_unchanged(&mut self, nat: &mut Pipe, text: &str) {
        assert_eq!(self.says(nat, text), text);
    }

    /// The same the other way.
    #[track_caller]
    pub fn hears_unchanged(&mut self, nat: &mut Pipe, text: &str) {
        assert_eq!(self.hears(nat, text), text);
    }

    /// Both sides are done.
    #[track_caller]
    pub fn close(&mut self, nat: &mut Pipe) {
        for side in [CLIENT, SERVER] {
            let fin = self.packet(side, b"").fin();
            self.send(nat, side, &fin);
            self.sent[side] += 1;
            self.arrived[side] += 1;
        }
        let last = self.packet(CLIENT, b"");
        self.send(nat, CLIENT, &last);
    }

    /// The client gives up.
    #[track_caller]
    pub fn reset(&mut self, nat: &mut Pipe) {
        let rst = self.packet(CLIENT, b"").flags(flags::RST | flags::ACK);
        self.send(nat, CLIENT, &rst);
    }

    #[track_caller]
    fn carry(&mut self, nat: &mut Pipe, side: usize, bytes: &[u8]) -> Vec<u8> {
        let packet = self.packet(side, bytes);
        let seen = self.send(nat, side, &packet);
        self.sent[side] += bytes.len() as u32;
        self.arrived[side] += seen.payload.len() as u32;
        seen.payload
    }

    fn packet(&self, side: usize, bytes: &[u8]) -> Packet {
        let outside = &self.outside;
        let (src, dst) = match (side, self.from_inside) {
            (CLIENT, true) => (&self.client, &self.server),
            (CLIENT, false) => (&self.client, outside),
            (_, true) => (&self.server, outside),
            (_, false) => (&self.server, &self.client),
        };
        tcp(&format!("{src} > {dst}"))
            .seq(self.sent[side])
            .ack(self.arrived[1 - side])
            .payload(bytes)
    }

    #[track_caller]
    fn send(&self, nat: &mut Pipe, side: usize, packet: &Packet) -> Seen {
        let interface = if (side == CLIENT) == self.from_inside {
            "inside"
        } else {
            "outside"
        };
        let outcome = nat.send(interface, packet);
        assert_eq!(outcome.verdict, "forward", "{outcome:?}");
        assert_eq!(outcome.left.len(), 1, "{outcome:?}");
        let seen = outcome.left[0].seen.clone();
        let numbers = seen.tcp.as_ref().unwrap();
        assert_eq!(numbers.seq, self.arrived[side], "{seen:?}");
        assert_eq!(numbers.ack, self.sent[1 - side], "{seen:?}");
        seen
    }
}
