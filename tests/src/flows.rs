//! Flows that tests of many subjects need: endpoints, connections, datagrams in
//! pieces, and what is said of packets that get nowhere.

use base::Counter;
use testkit::{Endpoint, Packet, Seen, tcp, udp};

use crate::{Outcome, Pipe};

/// How long after its end a timer may still be running.
pub const GRAIN: f64 = 2.0;

/// It was dropped, for whatever reason, and nobody heard of it.
#[track_caller]
pub fn lost(outcome: &Outcome) {
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(
        outcome.left.is_empty(),
        "dropped, yet something left: {outcome:?}"
    );
}

/// It was dropped, and at most its sender heard of it.
#[track_caller]
pub fn lost_but_told(outcome: &Outcome) {
    assert_eq!(outcome.verdict, "drop", "{outcome:?}");
    assert!(
        outcome
            .left
            .iter()
            .all(|left| left.interface == outcome.from && left.seen.icmp_kind() == Some((3, 1))),
        "{outcome:?}"
    );
}

/// It did not get in: dropped, or kept and left unanswered, as an unsolicited SYN is.
#[track_caller]
pub fn kept_out(outcome: &Outcome) {
    assert!(
        matches!(outcome.verdict.as_str(), "drop" | "hold"),
        "{outcome:?}"
    );
    assert!(
        outcome.left.is_empty(),
        "kept out, yet something left: {outcome:?}"
    );
}

/// Time passes second by second, as it does for a host that keeps still.
#[track_caller]
pub fn run_until(nat: &mut Pipe, time: f64) {
    while nat.now() < time {
        nat.wait(1.0);
    }
}

/// The outside endpoint of a UDP packet sent now.
#[track_caller]
pub fn udp_endpoint(nat: &mut Pipe, inside: &str, remote: &str) -> Endpoint {
    nat.inside(udp(&format!("{inside} > {remote}")))
        .forwarded()
        .src
}

/// The outside endpoint of a SYN sent now.
#[track_caller]
pub fn tcp_endpoint(nat: &mut Pipe, inside: &str, remote: &str) -> Endpoint {
    nat.inside(tcp(&format!("{inside} > {remote}")).syn())
        .forwarded()
        .src
}

/// Opens UDP mappings from consecutive ports of `host`; their outside endpoints.
#[track_caller]
pub fn open_udp(nat: &mut Pipe, host: &str, first_port: u16, count: u16) -> Vec<Endpoint> {
    (first_port..first_port + count)
        .map(|port| udp_endpoint(nat, &format!("{host}:{port}"), "192.0.2.1:7000"))
        .collect()
}

/// Three pieces of a datagram with recognizable bytes.
pub fn pieces(packet: Packet) -> Vec<Packet> {
    let data: Vec<u8> = (0..600_u32).map(|byte| (byte * 7) as u8).collect();
    packet.payload(&data).fragments(&[208, 200])
}

/// Sends pieces in an order; everything that left, in order.
#[track_caller]
pub fn send_pieces(
    nat: &mut Pipe,
    interface: &str,
    pieces: &[Packet],
    order: &[usize],
) -> Vec<Seen> {
    let mut left = Vec::new();
    let mut first_seen = false;
    for index in order {
        let outcome = nat.send(interface, &pieces[*index]);
        first_seen |= *index == 0;
        left.extend(verdict_of_piece(outcome, first_seen));
    }
    left
}

/// What left because of a piece: nothing before the first piece of its datagram has come.
#[track_caller]
pub fn verdict_of_piece(outcome: Outcome, first_seen: bool) -> Vec<Seen> {
    if first_seen {
        outcome.forwarded_pieces()
    } else {
        outcome.held(Counter::HoldFragment);
        Vec::new()
    }
}

/// A connection with its three segments behind it.
pub struct Connection {
    /// The inside host's endpoint.
    pub inside: String,
    /// The remote's endpoint.
    pub remote: String,
    /// The inside host's endpoint as the remote knows it.
    pub outside: Endpoint,
}

impl Connection {
    /// The inside host connects; it starts at sequence number 1000, the remote at 9000.
    #[track_caller]
    pub fn open(nat: &mut Pipe, inside: &str, remote: &str) -> Self {
        let syn = nat
            .inside(tcp(&format!("{inside} > {remote}")).syn().seq(1000))
            .forwarded();
        let connection = Self {
            inside: inside.into(),
            remote: remote.into(),
            outside: syn.src,
        };
        let answer = connection.inbound().syn_ack().seq(9000).ack(1001);
        let answered = nat.outside(answer).forwarded();
        assert!(answered.dst == inside, "{answered:?}");
        connection.send(nat, b"");
        connection
    }

    /// A segment from inside, the next in order.
    pub fn outbound(&self) -> Packet {
        tcp(&format!("{} > {}", self.inside, self.remote))
            .seq(1001)
            .ack(9001)
    }

    /// A segment from the remote, the next in order.
    pub fn inbound(&self) -> Packet {
        tcp(&format!("{} > {}", self.remote, self.outside))
            .seq(9001)
            .ack(1001)
    }

    /// Sends data out; it must arrive.
    #[track_caller]
    pub fn send(&self, nat: &mut Pipe, bytes: &[u8]) -> Seen {
        let seen = nat.inside(self.outbound().payload(bytes)).forwarded();
        assert_eq!(seen.src, self.outside, "the connection moved");
        seen
    }

    /// Data comes in; it must arrive.
    #[track_caller]
    pub fn receive(&self, nat: &mut Pipe, bytes: &[u8]) -> Seen {
        let seen = nat.outside(self.inbound().payload(bytes)).forwarded();
        assert!(seen.dst == self.inside.as_str(), "{seen:?}");
        seen
    }

    /// Both ends say that they are done, the remote last; nothing acknowledges that.
    #[track_caller]
    pub fn close_without_last_ack(&self, nat: &mut Pipe) {
        nat.inside(self.outbound().fin()).forwarded();
        nat.outside(self.inbound().fin().ack(1002)).forwarded();
    }

    /// Both ends say that they are done and know it of each other.
    #[track_caller]
    pub fn close(&self, nat: &mut Pipe) {
        self.close_without_last_ack(nat);
        nat.inside(self.outbound().seq(1002).ack(9002)).forwarded();
    }
}
