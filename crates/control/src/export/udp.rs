//! Datagrams to a collector.
//!
//! UDP does not say what arrives. A machine without a listener does, by ICMP: the system
//! reports that at the next call, so a datagram counts as sent when the next one, or some
//! time, has passed without such a report. What is lost on the way is seen by whoever
//! receives, from the sequence numbers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use base::Nanos;

use super::line::Outcome;

/// How long an answer of the collector's machine may take.
const ANSWER: Nanos = Nanos(200_000_000);

/// How often a socket that cannot be had is tried for.
const AGAIN: Nanos = Nanos::from_secs(1);

#[derive(Debug)]
pub(super) struct Udp {
    address: SocketAddr,
    socket: Option<UdpSocket>,
    tried: Option<Nanos>,
    /// Records of the last datagram, and when it went.
    last: (u32, Nanos),
    /// Nobody has listened yet, or nobody did the last time.
    takes_up: bool,
    pub(super) outcome: Outcome,
}

impl Udp {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            socket: None,
            tried: None,
            last: (0, Nanos(0)),
            takes_up: true,
            outcome: Outcome::default(),
        }
    }

    pub(super) fn send(&mut self, message: &[u8], records: u32, now: Nanos) {
        self.open(now);
        let Some(socket) = &self.socket else {
            self.outcome.lost += u64::from(records);
            return;
        };
        let mut sent = socket.send(message);
        if matches!(&sent, Err(error) if error.kind() == ErrorKind::ConnectionRefused) {
            // That was about the one before; this one has not been sent.
            sent = socket.send(message);
            self.lost_last();
        } else {
            self.settle();
        }
        match sent {
            Ok(_) => self.last = (records, now),
            Err(_) => self.outcome.lost += u64::from(records),
        }
    }

    pub(super) fn turn(&mut self, now: Nanos) {
        let (records, at) = self.last;
        if records > 0 && now >= at.plus(ANSWER) {
            let error = self.socket.as_ref().map(UdpSocket::take_error);
            match error {
                Some(Ok(Some(_))) => self.lost_last(),
                _ => self.settle(),
            }
        }
    }

    pub(super) fn takes_up(&mut self) -> bool {
        core::mem::take(&mut self.takes_up)
    }

    /// The last datagram has probably arrived.
    pub(super) fn settle(&mut self) {
        self.outcome.sent += u64::from(core::mem::take(&mut self.last.0));
    }

    /// It has not: nobody listens, and whoever will has heard nothing.
    fn lost_last(&mut self) {
        self.outcome.lost += u64::from(core::mem::take(&mut self.last.0));
        self.takes_up = true;
    }

    fn open(&mut self, now: Nanos) {
        if self.socket.is_some() || self.tried.is_some_and(|at| now < at.plus(AGAIN)) {
            return;
        }
        self.tried = Some(now);
        let any = if self.address.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        };
        let open = || {
            let socket = UdpSocket::bind(any)?;
            socket.connect(self.address)?;
            socket.set_nonblocking(true)?;
            Ok::<_, std::io::Error>(socket)
        };
        self.socket = open().ok();
    }
}
