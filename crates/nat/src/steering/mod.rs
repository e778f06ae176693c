//! Which worker's queue a packet comes to, and with it whose its addresses are.
//!
//! ```text
//!  inside port:  source address ──> Toeplitz ──> table ──> queue = owner of the subscriber
//!  outside port: destination    ──> Toeplitz ──> table ──> queue = owner of the outside address
//! ```
//!
//! The same computation as in the NIC (RSS on one address alone), so packets of
//! both directions arrive where their state is. Where a device spreads them in another
//! way, ownership is the same and the packets are handed over.
//!
//! Immutable from the start on: a reload changes neither key nor tables, so what
//! stays keeps its owner. Shared by all threads.

mod balance;
mod toeplitz;

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use base::Prefix;

pub use balance::balance;
use toeplitz::Table;
pub use toeplitz::{DEFAULT_KEY, toeplitz};

/// Entries of a redirection table where no device says how many.
pub const DEFAULT_ENTRIES: usize = 512;

/// Most entries of a redirection table.
pub const MAX_ENTRIES: usize = 1 << 16;

/// Why something cannot be a redirection table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SteeringError {
    /// Its index is the low bits of the hash.
    #[error(
        "a redirection table of {0} entries: their number has to be a power of two, at most 65536"
    )]
    Entries(usize),
    /// An entry names a queue that nobody serves.
    #[error("the redirection table names queue {0}, and there are {1}")]
    Queue(u16, u32),
}

/// One side's hash and redirection table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    hash: Table,
    reta: Vec<u16>,
}

impl Side {
    /// A key of the Toeplitz hash with the worker for each value of its low bits.
    ///
    /// # Errors
    ///
    /// [`SteeringError`] if it is no table for so many workers.
    pub fn new(key: &[u8], reta: Vec<u16>, workers: u32) -> Result<Self, SteeringError> {
        if !reta.len().is_power_of_two() || reta.len() > MAX_ENTRIES {
            return Err(SteeringError::Entries(reta.len()));
        }
        match reta.iter().find(|queue| u32::from(**queue) >= workers) {
            Some(queue) => Err(SteeringError::Queue(*queue, workers)),
            None => Ok(Self {
                hash: Table::new(key),
                reta,
            }),
        }
    }

    /// All workers in turn, as most devices have it after a reset.
    #[must_use]
    pub fn in_turn(workers: u32, entries: usize) -> Vec<u16> {
        let workers = u16::try_from(workers.max(1)).unwrap_or(u16::MAX);
        (0..workers).cycle().take(entries).collect()
    }

    /// The redirection table.
    #[must_use]
    pub fn reta(&self) -> &[u16] {
        &self.reta
    }

    /// The worker to which packets of an address come.
    #[must_use]
    #[inline]
    pub fn worker_of(&self, address: u32) -> u32 {
        self.reta
            .get(self.bucket_of(address))
            .copied()
            .map_or(0, u32::from)
    }

    /// The entry of the redirection table that an address leads to.
    #[must_use]
    #[inline]
    pub fn bucket_of(&self, address: u32) -> usize {
        self.hash.of_address(address) as usize & (self.reta.len() - 1)
    }

    /// Adds the addresses of a prefix to the entries they lead to.
    ///
    /// The hash is linear (that of `a ^ b` is the one of `a` xor that of `b`), so
    /// the addresses of a prefix spread evenly over the sums of what its free bits
    /// contribute. Nothing has to be sampled, however large the prefix.
    pub fn add_prefix(&self, prefix: Prefix, counts: &mut [u64]) {
        let mut basis: Vec<usize> = Vec::new();
        let free = u32::from(32 - prefix.length().min(32));
        for bit in 0..free {
            let column = self.bucket_of(1 << bit);
            let rest = basis.iter().fold(column, |rest, one| rest.min(rest ^ one));
            if rest != 0 {
                basis.push(rest);
            }
        }
        let first = self.bucket_of(prefix.network().to_bits());
        let each = prefix.size() >> basis.len();
        for sum in 0..1_usize << basis.len() {
            let chosen = basis
                .iter()
                .enumerate()
                .filter(|(nth, _)| sum >> nth & 1 == 1);
            let bucket = chosen.fold(first, |bucket, (_, one)| bucket ^ one);
            if let Some(count) = counts.get_mut(bucket) {
                *count += each;
            }
        }
    }
}

/// Both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// By source address, of packets from subscribers.
    pub inside: Side,
    /// By destination address, of packets to outside addresses.
    pub outside: Side,
}

impl Steering {
    /// All workers in turn on both sides, by the usual key: what is as good as any
    /// other where no device steers.
    #[must_use]
    pub fn in_turn(workers: u32) -> Self {
        let side = Side {
            hash: Table::new(&DEFAULT_KEY),
            reta: Side::in_turn(workers, DEFAULT_ENTRIES),
        };
        Self {
            inside: side.clone(),
            outside: side,
        }
    }
}

/// Loads for [`balance`]: by entry of the table, how many of these addresses lead to it.
#[must_use]
pub fn load_of_addresses(key: &[u8], entries: usize, addresses: &[Ipv4Addr]) -> Vec<u64> {
    let mut load = alloc::vec![0; entries];
    let Ok(side) = Side::new(key, alloc::vec![0; entries], 1) else {
        return load;
    };
    for address in addresses {
        if let Some(count) = load.get_mut(side.bucket_of(address.to_bits())) {
            *count += 1;
        }
    }
    load
}

/// The same of all addresses of some prefixes.
#[must_use]
pub fn load_of_prefixes(key: &[u8], entries: usize, prefixes: &[Prefix]) -> Vec<u64> {
    let mut load = alloc::vec![0; entries];
    if let Ok(side) = Side::new(key, alloc::vec![0; entries], 1) {
        for prefix in prefixes {
            side.add_prefix(*prefix, &mut load);
        }
    }
    load
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_must_fit_the_hash_and_the_workers() {
        let new = |reta: Vec<u16>| Side::new(&DEFAULT_KEY, reta, 2).map(|side| side.reta.len());
        assert_eq!(new(alloc::vec![0, 1, 1, 0]), Ok(4));
        assert_eq!(new(alloc::vec![0, 1, 1]), Err(SteeringError::Entries(3)));
        assert_eq!(new(Vec::new()), Err(SteeringError::Entries(0)));
        assert_eq!(new(alloc::vec![0, 2]), Err(SteeringError::Queue(2, 2)));
    }

    /// The low bits of the hash choose the entry, as in the RSS specification.
    #[test]
    fn an_address_leads_to_the_entry_of_its_hash() {
        let side = Side::new(&DEFAULT_KEY, Side::in_turn(5, 128), 5).unwrap();
        for address in [0_u32, 1, 0x0a40_000a, 0xcb00_7105, u32::MAX] {
            let hash = toeplitz(&DEFAULT_KEY, &address.to_be_bytes());
            assert_eq!(side.bucket_of(address), hash as usize % 128);
            assert_eq!(side.worker_of(address), hash % 128 % 5);
        }
    }

    #[test]
    fn a_prefix_is_counted_as_its_addresses_are_one_by_one() {
        for (network, length) in [
            ([10, 64, 0, 0], 16),
            ([203, 0, 113, 8], 29),
            ([192, 0, 2, 1], 32),
        ] {
            let prefix = Prefix::new(Ipv4Addr::from(network), length);
            for entries in [1, 128, 2048] {
                let side = Side::new(&DEFAULT_KEY, Side::in_turn(1, entries), 1).unwrap();
                let mut at_once = alloc::vec![0; entries];
                side.add_prefix(prefix, &mut at_once);
                let mut singly = alloc::vec![0; entries];
                for address in prefix.network().to_bits()..=prefix.last().to_bits() {
                    singly[side.bucket_of(address)] += 1;
                }
                assert_eq!(at_once, singly, "{network:?}/{length}, {entries} entries");
            }
        }
    }
}
