//! How the ports of one address are cut into blocks.

use crate::settings::{Division, Pool};

use super::low16;

/// First port that is no system port (RFC 6335 section 6).
const FIRST_USER_PORT: u16 = 1024;

/// The blocks of each address of a pool. Where ports are computed, a block is
/// what one inside host has, wherever that is.
///
/// ```text
///  first ...                         .. last | low ports, if any
///  | block 0 | block 1 | ... | block n - 1   | block n
/// ```
///
/// A range that subscribers share is one block, or one for each shard. If it
/// goes below port 1024, those ports are a block of their own, so that both
/// classes can be told apart (RFC 4787 REQ-3a).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// First port of block 0.
    pub(crate) first_port: u16,
    /// Last port of all.
    last_port: u16,
    /// Ports of a block.
    pub(crate) size: u16,
    /// Blocks, that of the low ports included.
    pub(crate) blocks: u32,
    /// First and number of the low ports, which are the last block.
    low: (u16, u16),
    /// Blocks are dealt out to the shards in turn: too few addresses for each to own one.
    pub(crate) divided: bool,
    /// All ports, whatever they are.
    pub(crate) whole: bool,
}

impl Geometry {
    /// That of a pool, for so many shards, each of which owns some of its addresses or,
    /// if it is divided, of its blocks.
    pub(crate) fn new(pool: &Pool, shards: u32, divided: bool) -> Self {
        let (first, last) = (pool.first_port, pool.last_port);
        let range = u32::from(last) + 1 - u32::from(first);
        let plain = Self {
            first_port: first,
            last_port: last,
            divided,
            ..Self::default()
        };
        match pool.division {
            Division::Shared => {
                let low = if !divided && first < FIRST_USER_PORT && last >= FIRST_USER_PORT {
                    FIRST_USER_PORT - first
                } else {
                    0
                };
                let parts = if divided { shards } else { 1 };
                Self {
                    first_port: first + low,
                    size: low16(((range - u32::from(low)) / parts).min(0xffff)),
                    blocks: parts + u32::from(low > 0),
                    low: (first, low),
                    ..plain
                }
            }
            Division::Blocks { size, .. } => Self {
                size,
                blocks: range / u32::from(size).max(1),
                ..plain
            },
            Division::Deterministic { computed, .. } => Self {
                size: computed.ports_per_host(),
                blocks: computed.hosts_per_address(),
                divided: false,
                ..plain
            },
            Division::Whole => Self {
                size: 1,
                blocks: 1,
                whole: true,
                ..plain
            },
        }
    }

    /// First port and number of ports of a block.
    pub(crate) fn ports_of(&self, block: u32) -> (u16, u16) {
        if self.low.1 > 0 && block + 1 == self.blocks {
            return self.low;
        }
        let first = u32::from(self.first_port) + u32::from(self.size) * block;
        (low16(first), self.size)
    }

    /// The block of the low ports.
    pub(crate) fn low_block(&self) -> Option<u32> {
        (self.low.1 > 0).then(|| self.blocks - 1)
    }

    /// Whether a port is in the range.
    pub(crate) fn has(&self, port: u16) -> bool {
        self.whole || port <= self.last_port && (port >= self.first_port || self.is_low(port))
    }

    fn is_low(&self, port: u16) -> bool {
        port.checked_sub(self.low.0)
            .is_some_and(|nth| nth < self.low.1)
    }

    /// The block that a port is in.
    pub(crate) fn block_at(&self, port: u16) -> Option<u32> {
        if self.whole {
            return Some(0);
        }
        if self.is_low(port) {
            return self.low_block();
        }
        let nth = u32::from(port.checked_sub(self.first_port)?) / u32::from(self.size.max(1));
        let blocks = self.blocks - u32::from(self.low.1 > 0);
        (nth < blocks).then_some(nth)
    }
}
