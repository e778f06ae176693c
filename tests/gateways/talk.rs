//! A TCP connection through the appliance, with what each of its ends knows of it.
//!
//! An end counts its own bytes and those that reach it. So it does not matter what a gateway
//! has made of them on the way: a segment is right if it has exactly the numbers that the
//! receiver expects next, and acknowledges exactly what the receiver has sent.

use std::net::SocketAddrV4;

use testkit::{Packet, Seen, tcp};
use tests::Pipe;

use crate::through;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Inside,
    Outside,
}

use Side::{Inside, Outside};

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Inside, Outside];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Inside => "inside",
            Outside => "outside",
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Inside => Outside,
            Outside => Inside,
        }
    }
}

/// What one end knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Its own endpoint.
    pub(crate) own: SocketAddrV4,
    /// That of the other end, as it sees it.
    pub(crate) peer: SocketAddrV4,
    /// Number of the next byte it sends.
    pub(crate) next: u32,
    /// Number of the next byte that comes.
    pub(crate) expects: u32,
}

/// An established connection.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    ends: [End; 2],
}

impl Talk {
    /// An inside host connects to a remote.
    #[track_caller]
    pub(crate) fn open(nat: &mut Pipe, inside: &str, remote: &str) -> Self {
        Self::open_at(nat, inside, remote, [1000, 9000])
    }

    /// The same with first sequence numbers of both.
    #[track_caller]
    pub(crate) fn open_at(nat: &mut Pipe, inside: &str, remote: &str, first: [u32; 2]) -> Self {
        let syn = tcp(&format!("{inside} > {remote}")).syn().seq(first[0]);
        Self::established(nat, Inside, &syn, first)
    }

    /// A remote connects to an outside endpoint of ours.
    #[track_caller]
    pub(crate) fn come(nat: &mut Pipe, remote: &str, outside: &str) -> Self {
        let syn = tcp(&format!("{remote} > {outside}")).syn().seq(7000);
        Self::established(nat, Outside, &syn, [5000, 7000])
    }

    /// The handshake that begins with this segment.
    #[track_caller]
    pub(crate) fn established(nat: &mut Pipe, from: Side, syn: &Packet, first: [u32; 2]) -> Self {
        let there = nat.send(from.name(), syn).forwarded();
        let mut ends = [End {
            own: there.src.0,
            peer: there.dst.0,
            next: 0,
            expects: 0,
        }; 2];
        ends[from as usize] = End {
            own: syn.src,
            peer: syn.dst,
            ..ends[0]
        };
        ends[from.other() as usize].own = there.dst.0;
        ends[from.other() as usize].peer = there.src.0;
        for (place, end) in ends.iter_mut().enumerate() {
            end.next = first[place].wrapping_add(1);
            end.expects = first[1 - place].wrapping_add(1);
        }
        let talk = Self { ends };
        let answer = talk.segment(from.other());
        let answer = answer.syn_ack().seq(first[from.other() as usize]);
        let back = nat.send(from.other().name(), &answer).forwarded();
        assert_eq!((back.src.0, back.dst.0), (syn.dst, syn.src), "{back:?}");
        let mut talk = talk;
        talk.sends(nat, from, b"");
        talk
    }

    pub(crate) fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    /// The endpoint by which the outside knows the inside host.
    pub(crate) fn outside(&self) -> String {
        self.end(Outside).peer.to_string()
    }

    /// The next segment of an end, without data.
    pub(crate) fn segment(&self, side: Side) -> Packet {
        let end = self.end(side);
        tcp(&format!("{} > {}", end.own, end.peer))
            .seq(end.next)
            .ack(end.expects)
    }

    /// Sends data, which must arrive as the next of the other end.
    #[track_caller]
    pub(crate) fn sends(&mut self, nat: &mut Pipe, side: Side, bytes: &[u8]) -> Seen {
        let packet = self.segment(side).payload(bytes);
        let seen = through(nat.send(side.name(), &packet));
        self.arrives(side, bytes.len(), &seen);
        seen
    }

    /// The same, and nothing of it may have changed.
    #[track_caller]
    pub(crate) fn says(&mut self, nat: &mut Pipe, side: Side, bytes: &[u8]) {
        let seen = self.sends(nat, side, bytes);
        assert_eq!(
            seen.payload.escape_ascii().to_string(),
            bytes.escape_ascii().to_string()
        );
    }

    /// The end of data, which must arrive as such and be acknowledged.
    #[track_caller]
    pub(crate) fn finishes(&mut self, nat: &mut Pipe, side: Side) {
        let packet = self.segment(side).fin();
        let seen = through(nat.send(side.name(), &packet));
        self.arrives(side, 0, &seen);
        self.ends[side as usize].next = self.end(side).next.wrapping_add(1);
        let other = &mut self.ends[side.other() as usize];
        other.expects = other.expects.wrapping_add(1);
        self.sends(nat, side.other(), b"");
    }

    /// What `len` bytes of an end have become is what the other expects.
    #[track_caller]
    pub(crate) fn arrives(&mut self, side: Side, len: usize, seen: &Seen) {
        self.is_addressed(side, seen);
        let other = *self.end(side.other());
        let numbers = seen.tcp.as_ref().unwrap();
        assert_eq!(numbers.seq, other.expects, "sequence number of {seen:?}");
        assert_eq!(numbers.ack, other.next, "acknowledgement of {seen:?}");
        self.counted(side, len, seen.payload.len());
    }

    /// An end has sent `len` bytes, of which the other got `got`.
    pub(crate) fn counted(&mut self, side: Side, len: usize, got: usize) {
        let end = &mut self.ends[side as usize];
        end.next = end.next.wrapping_add(len as u32);
        let other = &mut self.ends[side.other() as usize];
        other.expects = other.expects.wrapping_add(got as u32);
    }

    /// It comes from where the other end knows this one to be.
    #[track_caller]
    pub(crate) fn is_addressed(&self, side: Side, seen: &Seen) {
        let other = self.end(side.other());
        assert_eq!(
            (seen.src.0, seen.dst.0),
            (other.peer, other.own),
            "{seen:?}"
        );
    }
}
