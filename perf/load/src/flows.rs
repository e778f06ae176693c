//! Which endpoints a session has, by its number.
//!
//! ```text
//!  session n = mapping (n / remotes) to remote (n % remotes)
//!  mapping m = port 10000 + m % 512 of host m / 512      inside
//!  endpoint e = one of 32 768 ports of an address        outside
//! ```
//!
//! A group has a rule and a pool of its own, and the pool has exactly as many ports
//! as the group has mappings. Ports are given out by chance, but once all sessions
//! exist all ports are in use; so packets from a mapping's remotes to *every*
//! endpoint of the pool are the return traffic, and nothing has to be learnt.

use core::net::Ipv4Addr;

/// An address and a port.
pub(crate) type Endpoint = (u32, u16);

/// Ports of a block, and mappings of a host.
pub(crate) const BLOCK: u32 = 512;

/// First port given out.
pub(crate) const FIRST_PORT: u16 = 1024;

/// Ports of an address where there are several.
const PORTS: u32 = 64 * BLOCK;

/// First inside address of the first group; a group has a /14.
const INSIDE: u32 = 0x6440_0000;
const INSIDE_LENGTH: u8 = 14;

/// First outside address of the first group (RFC 2544); a group has a /18.
const OUTSIDE: u32 = 0xc612_0000;
const OUTSIDE_LENGTH: u8 = 18;

/// First remote address, and the port of all of them: not that of DNS, whose
/// sessions are short.
const REMOTE: Endpoint = (0xcb00_7101, 53_053);

/// Sessions of hosts in one prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    number: u32,
    mappings: u32,
    remotes_log2: u32,
    ports_log2: u32,
    remote_port: u16,
    /// Hosts and outside addresses where they do not follow each other.
    hosts: &'static [u32],
    addresses: &'static [u32],
}

impl Group {
    /// Group `number` with at least so many sessions: as many as make whole
    /// addresses, or a power of two. `per_mapping` likewise.
    pub(crate) fn new(number: u32, sessions: u32, per_mapping: u32) -> Self {
        let remotes = per_mapping.max(1).next_power_of_two();
        let mappings = sessions.div_ceil(remotes);
        let mappings = if mappings <= PORTS {
            mappings.next_power_of_two().max(BLOCK)
        } else {
            mappings.next_multiple_of(PORTS)
        };
        Self {
            number,
            mappings,
            remotes_log2: remotes.trailing_zeros(),
            ports_log2: mappings.min(PORTS).trailing_zeros(),
            remote_port: REMOTE.1,
            hosts: &[],
            addresses: &[],
        }
    }

    /// The part of a worker: as many sessions, of hosts that are its own, with
    /// addresses that are its own; `None` if it does not have so many. A pool for
    /// all of them is that of [`Group::times`].
    pub(crate) fn owned(
        mut self,
        host: impl Fn(u32) -> bool,
        address: impl Fn(u32) -> bool,
        workers: u32,
    ) -> Option<Self> {
        let hosts: Vec<u32> = (self.first_inside()..)
            .take(1 << 17)
            .filter(|inside| host(*inside))
            .take(self.hosts() as usize)
            .collect();
        let addresses: Vec<u32> = (self.first_outside()..)
            .take((self.addresses() * workers) as usize)
            .filter(|outside| address(*outside))
            .take(self.addresses() as usize)
            .collect();
        let enough =
            hosts.len() == self.hosts() as usize && addresses.len() == self.addresses() as usize;
        self.hosts = hosts.leak();
        self.addresses = addresses.leak();
        enough.then_some(self)
    }

    /// A group with so many times the mappings, on so many times the addresses.
    pub(crate) const fn times(mut self, workers: u32) -> Self {
        self.mappings *= workers;
        self
    }

    /// The same sessions with another port of the remotes.
    pub(crate) const fn to_port(mut self, port: u16) -> Self {
        self.remote_port = port;
        self
    }

    /// How many sessions there are.
    pub(crate) const fn sessions(&self) -> u32 {
        self.mappings << self.remotes_log2
    }

    /// How many mappings there are.
    pub(crate) const fn mappings(&self) -> u32 {
        self.mappings
    }

    /// How many hosts there are.
    pub(crate) const fn hosts(&self) -> u32 {
        self.mappings / BLOCK
    }

    /// How many sessions a mapping has.
    pub(crate) const fn per_mapping(&self) -> u32 {
        1 << self.remotes_log2
    }

    /// How many outside addresses there are.
    pub(crate) const fn addresses(&self) -> u32 {
        self.mappings >> self.ports_log2
    }

    /// The last port given out.
    pub(crate) fn last_port(&self) -> u16 {
        FIRST_PORT + low16((1 << self.ports_log2) - 1)
    }

    /// The prefix that the hosts are in.
    pub(crate) fn inside_prefix(&self) -> String {
        let first = INSIDE + (self.number << (32 - INSIDE_LENGTH));
        format!("{}/{INSIDE_LENGTH}", Ipv4Addr::from_bits(first))
    }

    /// Prefixes that are the outside addresses and no others.
    pub(crate) fn outside_prefixes(&self) -> Vec<String> {
        let mut prefixes = Vec::new();
        let (mut next, mut left) = (self.first_outside(), self.addresses());
        while left > 0 {
            let size = 1 << left.ilog2().min(next.trailing_zeros());
            let length = 32 - u32::trailing_zeros(size);
            prefixes.push(format!("{}/{length}", Ipv4Addr::from_bits(next)));
            next += size;
            left -= size;
        }
        prefixes
    }

    /// Source and destination of a session's packets from inside.
    #[inline]
    pub(crate) fn outbound(&self, session: u32) -> (Endpoint, Endpoint) {
        let (mapping, remote) = self.split(session);
        let host = mapping / BLOCK;
        let address = match self.hosts.get(host as usize) {
            Some(address) => *address,
            None => self.first_inside() + host,
        };
        ((address, 10_000 + low16(mapping % BLOCK)), remote)
    }

    /// Source and destination of the packets back: of an endpoint of the pool for
    /// each mapping, in another order.
    #[inline]
    pub(crate) fn inbound(&self, session: u32) -> (Endpoint, Endpoint) {
        let (endpoint, remote) = self.split(session);
        let port = endpoint & ((1 << self.ports_log2) - 1);
        let place = endpoint >> self.ports_log2;
        let address = match self.addresses.get(place as usize) {
            Some(address) => *address,
            None => self.first_outside() + place,
        };
        (remote, (address, FIRST_PORT + low16(port)))
    }

    #[inline]
    fn split(&self, session: u32) -> (u32, Endpoint) {
        let remote = session & ((1 << self.remotes_log2) - 1);
        (
            session >> self.remotes_log2,
            (REMOTE.0 + remote, self.remote_port),
        )
    }

    const fn first_inside(&self) -> u32 {
        INSIDE + (self.number << (32 - INSIDE_LENGTH)) + 256
    }

    const fn first_outside(&self) -> u32 {
        OUTSIDE + (self.number << (32 - OUTSIDE_LENGTH))
    }
}

/// The lower half.
#[inline]
pub(crate) fn low16(word: u32) -> u16 {
    wire::low16(word as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn sessions_have_tuples_of_their_own_and_fill_the_pool() {
        for (sessions, per_mapping) in [(1000, 1), (70_000, 1), (5000, 8)] {
            let group = Group::new(1, sessions, per_mapping);
            assert!(group.sessions() >= sessions);
            let all = 0..group.sessions();
            let out: HashSet<_> = all.clone().map(|n| group.outbound(n)).collect();
            let back: HashSet<_> = all.map(|n| group.inbound(n)).collect();
            assert_eq!(out.len(), back.len());
            assert_eq!(out.len(), group.sessions() as usize);
            let ports: HashSet<_> = back.iter().map(|(_, outside)| *outside).collect();
            assert_eq!(ports.len(), group.mappings() as usize);
            let in_pool =
                (group.last_port() - FIRST_PORT + 1) as usize * group.addresses() as usize;
            assert_eq!(ports.len(), in_pool);
        }
    }

    #[test]
    fn workers_have_sessions_of_their_own() {
        let whole = Group::new(0, 1 << 16, 1);
        let parts: Vec<Group> = (0..2)
            .map(|worker| {
                let own = move |address: u32| address % 2 == worker;
                whole.owned(own, own, 2).unwrap()
            })
            .collect();
        for (worker, part) in (0..).zip(&parts) {
            for session in 0..part.sessions() {
                let (inside, _) = part.outbound(session);
                let (_, outside) = part.inbound(session);
                assert_eq!((inside.0 % 2, outside.0 % 2), (worker, worker));
            }
        }
        assert_eq!(whole.times(2).addresses(), 2 * whole.addresses());
        assert!(whole.owned(|_| false, |_| true, 2).is_none());
    }

    #[test]
    fn prefixes_hold_exactly_the_addresses() {
        let group = Group::new(0, 5 << 23, 8);
        assert_eq!(group.sessions(), 5 << 23);
        assert_eq!(group.addresses(), 160);
        assert_eq!(
            group.outside_prefixes(),
            ["198.18.0.0/25", "198.18.0.128/27"]
        );
    }
}
