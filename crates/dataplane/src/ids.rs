//! Identifications of the datagrams that leave (RFC 7857 section 10).
//!
//! Every outside address is many hosts' one, so their own numbers may meet; those
//! that leave are counted here, by hash of outside address and destination
//! (RFC 6864 section 4.2). Owned by one worker.

use nat::FlowKey;

/// Counters; those of two destinations may be one, which uses it up faster.
const IDS: usize = 1024;

/// The next identification of everybody.
#[derive(Debug)]
pub(crate) struct Ids([u16; IDS]);

impl Default for Ids {
    fn default() -> Self {
        Self([0; IDS])
    }
}

impl Ids {
    /// The next one from `outside` to the destination of `key`.
    #[inline]
    pub(crate) fn next(&mut self, outside: u32, key: FlowKey) -> u16 {
        let mixed = (outside.rotate_left(16) ^ key.dst()).wrapping_mul(0x9e37_79b9);
        let place = mixed >> (u32::BITS - IDS.ilog2());
        let Some(id) = self.0.get_mut(place as usize) else {
            return 0;
        };
        *id = id.wrapping_add(1);
        *id
    }
}
