//! What happens, by chance. Steps name things by number, taken modulo what there
//! is when their turn comes, so that a shorter list of steps still means something.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use proptest::prelude::*;

use crate::packet::What;
use crate::setup::Millis;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// An inside host writes to a remote one.
    Out {
        what: What,
        host: usize,
        port: u16,
        remote: usize,
    },
    /// A remote host writes to an outside endpoint that is in use.
    In {
        what: What,
        remote: usize,
        mapping: usize,
    },
    /// A remote host writes to whatever endpoint of the pools.
    Stray {
        what: What,
        remote: usize,
        endpoint: usize,
    },
    /// An inside host writes to an outside endpoint that is in use.
    Hairpin {
        what: What,
        host: usize,
        port: u16,
        mapping: usize,
    },
    /// One more packet of a session, from inside.
    More { what: What, session: usize },
    /// One more packet of a session, from its remote.
    Reply { what: What, session: usize },
    /// Time goes by.
    Wait(Millis),
    /// The operator ends all sessions.
    Clear,
}

/// Inside hosts, all of them known neighbours.
const HOSTS: [u8; 5] = [7, 8, 9, 10, 11];

/// An endpoint of an inside host.
pub(crate) fn inside(host: usize, port: u16) -> SocketAddrV4 {
    let host = Ipv4Addr::new(10, 64, 0, HOSTS[host % HOSTS.len()]);
    // Where the pools' ports are too, so that one may be preserved.
    SocketAddrV4::new(host, 5000 + port)
}

/// An endpoint of a remote host.
pub(crate) fn remote(number: usize) -> SocketAddrV4 {
    const PORTS: [u16; 3] = [53, 443, 7000];
    let host = Ipv4Addr::new(192, 0, 2, 1 + (number / PORTS.len() % 3) as u8);
    SocketAddrV4::new(host, PORTS[number % PORTS.len()])
}

/// One after the other, and a line for each when they are shown.
#[derive(Clone)]
pub(crate) struct Steps(pub(crate) Vec<Step>);

impl fmt::Debug for Steps {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.iter();
        lines.try_for_each(|step| write!(out, "\n    {step:?}"))
    }
}

/// Any steps.
pub(crate) fn any(most: usize) -> impl Strategy<Value = Steps> {
    prop::collection::vec(step(), 1..=most).prop_map(Steps)
}

fn step() -> impl Strategy<Value = Step> {
    let number = 0..1_000_usize;
    let (host, port, remote) = (0..HOSTS.len(), 0..8_u16, 0..9_usize);
    prop_oneof![
        8 => (what(), host.clone(), port.clone(), remote.clone())
            .prop_map(|(what, host, port, remote)| Step::Out { what, host, port, remote }),
        3 => (what(), remote.clone(), number.clone())
            .prop_map(|(what, remote, mapping)| Step::In { what, remote, mapping }),
        1 => (what(), remote, number.clone())
            .prop_map(|(what, remote, endpoint)| Step::Stray { what, remote, endpoint }),
        3 => (what(), host, port, number.clone())
            .prop_map(|(what, host, port, mapping)| Step::Hairpin { what, host, port, mapping }),
        3 => (what(), number.clone()).prop_map(|(what, session)| Step::More { what, session }),
        5 => (what(), number).prop_map(|(what, session)| Step::Reply { what, session }),
        3 => prop::sample::select(vec![1, 1, 2, 6, 11, 25, 31, 61, 121, 301])
            .prop_map(|seconds| Step::Wait(seconds * 1000)),
        1 => prop::bool::weighted(0.2).prop_map(|all| if all { Step::Clear } else { Step::Wait(0) }),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        6 => Just(What::Udp),
        3 => Just(What::Ping),
        1 => Just(What::Pong),
        5 => Just(What::Syn),
        1 => Just(What::SynAck),
        2 => Just(What::Data),
        2 => Just(What::Fin),
        1 => Just(What::Rst),
    ]
}
