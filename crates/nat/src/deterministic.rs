//! Ports computed from the inside address (RFC 7422).
//!
//! ```text
//!  inside host k, its j-th port  <── Computed ──>  outside address a, port p
//!  0 <= k < hosts, 0 <= j < P                      0 <= a < addresses, first <= p <= last
//!
//!  C = ceil(hosts / addresses)      hosts that share an outside address
//!  P = floor(ports / C)             ports of each host, alike for every protocol
//! ```
//!
//! Both ways are arithmetic on a few numbers, so that who had a port can be told
//! from the configuration alone, without a log and years later. The two are exact
//! inverses: every endpoint has one holder or none, and each holder P endpoints.
//! Nothing here has state; the engine and `portolan whois` compute the same.
//!
//! What no host has (the remainder of the division, the places of an address that
//! has fewer hosts than C) has no holder.

use core::fmt;

use siphasher::{sip::SipHasher24, sip128};

/// How the ports of the outside addresses are dealt out (RFC 7422 section 2, variable A).
///
/// ```text
///  whose port it is, of four hosts with two ports each, two addresses with four ports each
///
///               address 0   address 1
///  Sequential    0 0 1 1     2 2 3 3
///  Staggered     0 1 0 1     2 3 2 3
///  RoundRobin    0 1 2 3     0 1 2 3
///  Interlaced    0 1 2 3     2 3 0 1
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The ports of a host are one range, host after host.
    Sequential,
    /// A host has every C-th port of its address, starting at its place among the hosts of the address.
    Staggered,
    /// Hosts in turn get the same port of all addresses, then the next port of all addresses, and so
    /// on until they have theirs.
    RoundRobin,
    /// A host has every C-th port, each at the next address.
    Interlaced,
    /// A host has ports of its address that only the key tells. Reversing an old
    /// assignment takes the key it was made with: keep it as long as the logs would be kept.
    Random(Key),
}

impl Algorithm {
    /// Its name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Staggered => "staggered",
            Self::RoundRobin => "round-robin",
            Self::Interlaced => "interlaced",
            Self::Random(_) => "random",
        }
    }

    /// Whether all ports of a host are at one outside address (RFC 4787 REQ-2).
    #[must_use]
    pub const fn is_paired(self) -> bool {
        match self {
            Self::Sequential | Self::Staggered | Self::Random(_) => true,
            Self::RoundRobin | Self::Interlaced => false,
        }
    }
}

/// What the random assignment is drawn from; not shown in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; 16]);

impl Key {
    /// The key that a text stands for: the same on every machine and in every version.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self(sip128::SipHasher24::new().hash(text.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The assignment of one deterministic range.
///
/// Invariant: `ports_per_host` is at least 1, and the hosts of an address fit its ports:
/// `hosts_per_address * ports_per_host <= last_port - first_port + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Computed {
    hosts: u32,
    addresses: u32,
    first_port: u16,
    last_port: u16,
    hosts_per_address: u32,
    ports_per_host: u16,
    algorithm: Algorithm,
}

impl Computed {
    /// `hosts` inside addresses share `addresses` outside ones and their `ports` (first and
    /// last); `None` if a host would get no port.
    #[must_use]
    pub fn new(
        hosts: u32,
        addresses: u32,
        ports: (u16, u16),
        algorithm: Algorithm,
    ) -> Option<Self> {
        if hosts == 0 || addresses == 0 {
            return None;
        }
        let (first_port, last_port) = ports;
        let width = u32::from(last_port.checked_sub(first_port)?) + 1;
        let hosts_per_address = hosts.div_ceil(addresses);
        // All 65536 ports of one host are one more than a number of 16 bits can say.
        let ports_per_host = u16::try_from(width / hosts_per_address).unwrap_or(u16::MAX);
        (ports_per_host > 0).then_some(Self {
            hosts,
            addresses,
            first_port,
            last_port,
            hosts_per_address,
            ports_per_host,
            algorithm,
        })
    }

    /// Inside addresses.
    #[must_use]
    pub const fn hosts(&self) -> u32 {
        self.hosts
    }

    /// Outside addresses.
    #[must_use]
    pub const fn addresses(&self) -> u32 {
        self.addresses
    }

    /// First and last port that are divided.
    #[must_use]
    pub const fn ports(&self) -> (u16, u16) {
        (self.first_port, self.last_port)
    }

    /// C, the compression: how many hosts share an outside address.
    #[must_use]
    pub const fn hosts_per_address(&self) -> u32 {
        self.hosts_per_address
    }

    /// P, the ports of each host, for each protocol.
    #[must_use]
    pub const fn ports_per_host(&self) -> u16 {
        self.ports_per_host
    }

    /// How they are dealt out.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Number of the outside address, and port, that are the `nth` of `host`.
    #[must_use]
    pub fn endpoint(&self, host: u32, nth: u16) -> Option<(u32, u16)> {
        if host >= self.hosts || nth >= self.ports_per_host {
            return None;
        }
        let (group, place) = (host / self.hosts_per_address, host % self.hosts_per_address);
        let nth = u32::from(nth);
        let row = nth * self.hosts_per_address + place;
        let column = place * u32::from(self.ports_per_host) + nth;
        let (address, offset) = match self.algorithm {
            Algorithm::Sequential => (group, column),
            Algorithm::Staggered => (group, row),
            Algorithm::RoundRobin => {
                let number = u64::from(host) * u64::from(self.ports_per_host) + u64::from(nth);
                let (row, address) = divide(number, self.addresses)?;
                (address, row)
            }
            Algorithm::Interlaced => (self.address_after(group, nth), row),
            Algorithm::Random(key) => (group, self.shuffle(key, group).forth(column)),
        };
        let port = u32::from(self.first_port) + offset;
        Some((address, u16::try_from(port).ok()?))
    }

    /// Whose a port of an outside address is: the host, and which of its ports this is.
    #[must_use]
    pub fn holder(&self, address: u32, port: u16) -> Option<(u32, u16)> {
        let offset = u32::from(port.checked_sub(self.first_port)?);
        if address >= self.addresses || offset >= self.divided() {
            return None;
        }
        let by_row = (
            offset % self.hosts_per_address,
            offset / self.hosts_per_address,
        );
        let by_column = |offset: u32| {
            let size = u32::from(self.ports_per_host);
            (offset / size, offset % size)
        };
        let (group, (place, nth)) = match self.algorithm {
            Algorithm::Sequential => (address, by_column(offset)),
            Algorithm::Staggered => (address, by_row),
            Algorithm::RoundRobin => {
                let number = u64::from(offset) * u64::from(self.addresses) + u64::from(address);
                (0, divide(number, u32::from(self.ports_per_host))?)
            }
            Algorithm::Interlaced => {
                let back = self.addresses - by_row.1 % self.addresses;
                (self.address_after(address, back), by_row)
            }
            Algorithm::Random(key) => (address, by_column(self.shuffle(key, address).back(offset))),
        };
        let host = u64::from(group) * u64::from(self.hosts_per_address) + u64::from(place);
        let host = u32::try_from(host).ok().filter(|host| *host < self.hosts)?;
        Some((host, u16::try_from(nth).ok()?))
    }

    /// Ports of an address that can have a holder; the rest are the remainder.
    fn divided(&self) -> u32 {
        self.hosts_per_address * u32::from(self.ports_per_host)
    }

    /// The address `steps` after another, around all of them.
    fn address_after(&self, address: u32, steps: u32) -> u32 {
        let sum = u64::from(address) + u64::from(steps);
        divide(sum, self.addresses).map_or(0, |(_, address)| address)
    }

    fn shuffle(&self, key: Key, address: u32) -> Shuffle {
        Shuffle::new(key, address, self.divided())
    }
}

/// Quotient and remainder, where the quotient is small.
fn divide(number: u64, by: u32) -> Option<(u32, u32)> {
    let by = u64::from(by);
    let quotient = u32::try_from(number.checked_div(by)?).ok()?;
    Some((quotient, u32::try_from(number % by).ok()?))
}

/// A keyed permutation of the numbers below `size`, at most 2^16, one for each address.
///
/// A Feistel network over just as many bits as it takes, halves unlike by a bit if need
/// be. A result that is no number below `size` goes through again: on the way
/// around its cycle the walk meets such a number at the latest where it began, and
/// on average after less than two steps, since more than half of them are.
struct Shuffle {
    key: Key,
    address: u32,
    size: u32,
    /// Bits of the lower half, and masks of both.
    low_bits: u32,
    low_mask: u32,
    high_mask: u32,
}

impl Shuffle {
    fn new(key: Key, address: u32, size: u32) -> Self {
        let bits = u32::BITS - size.saturating_sub(1).leading_zeros();
        let low_bits = bits / 2;
        let mask = |bits: u32| (1 << bits) - 1;
        Self {
            key,
            address,
            size,
            low_bits,
            low_mask: mask(low_bits),
            high_mask: mask(bits - low_bits),
        }
    }

    fn forth(&self, number: u32) -> u32 {
        self.walk(number, |round| round)
    }

    fn back(&self, number: u32) -> u32 {
        self.walk(number, |round| ROUNDS - 1 - round)
    }

    fn walk(&self, number: u32, order: impl Fn(u8) -> u8) -> u32 {
        let mut number = number;
        loop {
            let (mut high, mut low) = (number >> self.low_bits, number & self.low_mask);
            for round in (0..ROUNDS).map(&order) {
                // Each round is its own inverse: only their order tells the ways apart.
                if round % 2 == 0 {
                    high ^= self.mix(round, low) & self.high_mask;
                } else {
                    low ^= self.mix(round, high) & self.low_mask;
                }
            }
            number = high << self.low_bits | low;
            if number < self.size {
                return number;
            }
        }
    }

    fn mix(&self, round: u8, half: u32) -> u32 {
        let [a, b, c, d] = self.address.to_le_bytes();
        let [low, high, ..] = half.to_le_bytes();
        let hash = SipHasher24::new_with_key(&self.key.0).hash(&[round, low, high, a, b, c, d]);
        let [low, high, ..] = hash.to_le_bytes();
        u32::from(u16::from_le_bytes([low, high]))
    }
}

/// Part of what a key means, like the rest of [`Shuffle`]: never to be changed.
const ROUNDS: u8 = 8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn algorithms() -> [Algorithm; 5] {
        [
            Algorithm::Sequential,
            Algorithm::Staggered,
            Algorithm::RoundRobin,
            Algorithm::Interlaced,
            Algorithm::Random(Key::from_text("a key to be kept")),
        ]
    }

    fn computed(hosts: u32, addresses: u32, ports: (u16, u16), algorithm: Algorithm) -> Computed {
        Computed::new(hosts, addresses, ports, algorithm).unwrap()
    }

    /// All endpoints of a host.
    fn endpoints(of: &Computed, host: u32) -> Vec<(u32, u16)> {
        let endpoints = (0..of.ports_per_host()).map(|nth| of.endpoint(host, nth).unwrap());
        endpoints.collect()
    }

    /// RFC 7422 section 2: fourteen hosts behind 192.0.2.1, D = 2, R = 0-1023; what is
    /// left to the dynamic pool begins at 57472.
    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let example = computed(14, 1, (1_024, 57_471), Algorithm::Sequential);
        assert_eq!(example.ports_per_host(), 4_032);
        let range = |host| {
            let first = example.endpoint(host, 0).unwrap();
            let last = example.endpoint(host, 4_031).unwrap();
            ((first.0, last.0), first.1, last.1)
        };
        assert_eq!(range(0), ((0, 0), 1_024, 5_055));
        assert_eq!(range(1), ((0, 0), 5_056, 9_087));
        assert_eq!(range(2), ((0, 0), 9_088, 13_119));
        assert_eq!(range(13), ((0, 0), 53_440, 57_471));
        assert_eq!(example.holder(0, 2_001), Some((0, 2_001 - 1_024)));
        assert_eq!(example.holder(0, 9_087), Some((1, 4_031)));
        assert_eq!(example.holder(0, 53_440), Some((13, 0)));
        assert_eq!(example.holder(0, 58_204), None);
        assert_eq!(example.holder(0, 1_023), None);
        assert_eq!(example.holder(1, 2_001), None);
    }

    /// The figure of [`Algorithm`].
    #[test]
    fn the_figure_is_true() {
        let row = |algorithm| {
            let range = computed(4, 2, (1, 4), algorithm);
            [0, 1].map(|address| [1, 2, 3, 4].map(|port| range.holder(address, port).unwrap().0))
        };
        assert_eq!(row(Algorithm::Sequential), [[0, 0, 1, 1], [2, 2, 3, 3]]);
        assert_eq!(row(Algorithm::Staggered), [[0, 1, 0, 1], [2, 3, 2, 3]]);
        assert_eq!(row(Algorithm::RoundRobin), [[0, 1, 2, 3], [0, 1, 2, 3]]);
        assert_eq!(row(Algorithm::Interlaced), [[0, 1, 2, 3], [2, 3, 0, 1]]);
    }

    /// RFC 7422 section 2: host n has ports n, n + C, n + 2C, ...
    #[test]
    fn staggered_hosts_have_every_c_th_port() {
        let range = computed(6, 2, (1_000, 1_009), Algorithm::Staggered);
        assert_eq!(endpoints(&range, 1), [(0, 1_001), (0, 1_004), (0, 1_007)]);
        assert_eq!(endpoints(&range, 5), [(1, 1_002), (1, 1_005), (1, 1_008)]);
        assert_eq!(range.holder(0, 1_009), None, "the remainder");
    }

    /// RFC 7422 section 2: ten addresses and a thousand ports of a host are the same
    /// hundred ports at all ten.
    #[test]
    fn round_robin_hosts_have_the_same_ports_of_all_addresses() {
        let range = computed(640, 10, (1_024, 65_023), Algorithm::RoundRobin);
        assert_eq!(range.ports_per_host(), 1_000);
        let all: BTreeSet<(u32, u16)> = endpoints(&range, 2).into_iter().collect();
        let same = (0..10).flat_map(|address| (1_224..1_324).map(move |port| (address, port)));
        assert_eq!(all, same.collect());
        assert_eq!(endpoints(&range, 2)[..2], [(0, 1_224), (1, 1_224)]);
        assert_eq!(range.endpoint(2, 10), Some((0, 1_225)));
    }

    /// RFC 7422 section 2: every C-th port, spread across the addresses.
    #[test]
    fn interlaced_hosts_have_every_c_th_port_each_at_the_next_address() {
        let range = computed(6, 3, (1_000, 1_009), Algorithm::Interlaced);
        let of_host = [(1, 1_001), (2, 1_003), (0, 1_005), (1, 1_007), (2, 1_009)];
        assert_eq!(endpoints(&range, 3), of_host);
    }

    /// RFC 6431 section 2.2: what one host's ports are says nothing about another's.
    #[test]
    fn random_hosts_have_scattered_ports_that_the_key_decides() {
        let with = |text| {
            let key = Key::from_text(text);
            computed(64, 4, (1_024, 65_535), Algorithm::Random(key))
        };
        let ports = |of: &Computed, host| -> BTreeSet<u16> {
            let endpoints = endpoints(of, host).into_iter();
            endpoints.map(|(_, port)| port).collect()
        };
        let range = with("a key to be kept");
        let of_host = ports(&range, 3);
        assert_eq!(of_host, ports(&with("a key to be kept"), 3));
        let adjacent = of_host.iter().filter(|port| of_host.contains(&(*port + 1)));
        // One in sixteen ports is the host's, so one in sixteen has such a neighbour.
        let share = adjacent.count() * 16;
        assert!(
            (of_host.len() / 2..of_host.len() * 2).contains(&share),
            "{share}"
        );
        // Another key, or the same place at another address: other ports.
        for other in [ports(&with("another key"), 3), ports(&range, 19)] {
            let common = of_host.intersection(&other).count();
            assert!(common < of_host.len() / 8, "{common}");
        }
    }

    /// What was assigned years ago must come out the same: a change here loses it.
    #[test]
    fn the_meaning_of_a_key_does_not_change() {
        let key = Key::from_text("a key to be kept");
        let range = computed(14, 1, (1_024, 57_471), Algorithm::Random(key));
        let some = [0, 1, 2, 4_031].map(|nth| range.endpoint(5, nth).unwrap().1);
        assert_eq!(some, [19_910, 17_871, 25_247, 40_000]);
    }

    #[test]
    fn the_key_is_not_shown() {
        let algorithm = Algorithm::Random(Key::from_text("secret"));
        assert_eq!(format!("{algorithm:?}"), "Random(Key(..))");
    }

    #[test]
    fn a_range_that_gives_a_host_no_port_is_none() {
        let make =
            |hosts, addresses, ports| Computed::new(hosts, addresses, ports, Algorithm::Sequential);
        assert_eq!(make(0, 1, (1, 9)), None);
        assert_eq!(make(1, 0, (1, 9)), None);
        assert_eq!(make(1, 1, (9, 8)), None);
        assert_eq!(make(10, 1, (1, 9)), None);
        assert_eq!(make(9, 1, (1, 9)).unwrap().ports_per_host(), 1);
        let all = make(1, 1, (0, u16::MAX)).unwrap();
        assert_eq!(all.ports_per_host(), u16::MAX);
        // Numbers at their ends overflow nothing.
        for algorithm in algorithms() {
            let huge = computed(u32::MAX, u32::MAX, (1, u16::MAX), algorithm);
            let (address, port) = huge.endpoint(u32::MAX - 1, u16::MAX - 1).unwrap();
            assert_eq!(
                huge.holder(address, port),
                Some((u32::MAX - 1, u16::MAX - 1))
            );
            assert_eq!(huge.holder(u32::MAX, 1), None);
        }
    }

    fn shapes() -> impl Strategy<Value = (u32, u32, (u16, u16))> {
        (1_u32..60, 1_u32..9, 1_u16..2_000, 0_u16..300)
            .prop_map(|(hosts, addresses, first, more)| (hosts, addresses, (first, first + more)))
    }

    proptest! {
        /// RFC 7422 section 2: who had a port can be computed, for every port and both ways.
        #[test]
        fn every_port_has_at_most_one_holder_and_every_holder_all_its_ports(
            (hosts, addresses, ports) in shapes(),
            key in any::<[u8; 16]>(),
        ) {
            for algorithm in algorithms().into_iter().chain([Algorithm::Random(Key(key))]) {
                let Some(range) = Computed::new(hosts, addresses, ports, algorithm) else {
                    continue;
                };
                let mut taken = BTreeSet::new();
                for host in 0..hosts {
                    let mut used = BTreeSet::new();
                    for nth in 0..range.ports_per_host() {
                        let (address, port) = range.endpoint(host, nth).unwrap();
                        prop_assert!(address < addresses);
                        prop_assert!((ports.0..=ports.1).contains(&port));
                        prop_assert!(taken.insert((address, port)), "{algorithm:?} gives it twice");
                        prop_assert_eq!(range.holder(address, port), Some((host, nth)));
                        used.insert(address);
                    }
                    prop_assert!(used.len() == 1 || !algorithm.is_paired());
                }
                for address in 0..=addresses {
                    for port in ports.0 - 1..=ports.1 + 1 {
                        let held = range.holder(address, port);
                        prop_assert_eq!(held.is_some(), taken.contains(&(address, port)));
                    }
                }
                prop_assert_eq!(range.endpoint(hosts, 0), None);
                prop_assert_eq!(range.endpoint(0, range.ports_per_host()), None);
            }
        }

        /// The same for ranges of the sizes that operators have, at single places.
        #[test]
        fn large_ranges_are_reversible_too(
            hosts in 1_u32..1 << 20,
            addresses in 1_u32..4_096,
            first in 1_u16..u16::MAX,
            at in any::<(u32, u16)>(),
        ) {
            for algorithm in algorithms() {
                let Some(range) = Computed::new(hosts, addresses, (first, u16::MAX), algorithm)
                else {
                    continue;
                };
                let (host, nth) = (at.0 % hosts, at.1 % range.ports_per_host());
                let (address, port) = range.endpoint(host, nth).unwrap();
                prop_assert!(address < addresses && port >= first);
                prop_assert_eq!(range.holder(address, port), Some((host, nth)));
                let (address, port) = (at.0 % addresses, first.saturating_add(at.1));
                if let Some((host, nth)) = range.holder(address, port) {
                    prop_assert_eq!(range.endpoint(host, nth), Some((address, port)));
                }
            }
        }
    }
}
