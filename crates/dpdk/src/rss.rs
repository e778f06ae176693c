//! Receive-side scaling: what a device is asked to hash, and what it says it does.
//!
//! A device that hashes one address alone, with a key and a redirection table that
//! are known, brings each packet to a queue that can be predicted. So nothing is
//! taken for granted: key, hash and table are read back.

use dpdk_sys::{rte_eth_dev_info, rte_eth_rss_conf, rte_eth_rss_reta_entry64};

use crate::error::DpdkError;
use crate::port::{PortConfig, PortInner};

/// Receive-side scaling by one address of IPv4 packets.
#[derive(Clone, Debug)]
pub struct Rss {
    /// The address that is hashed.
    pub field: RssField,
    /// Key of the Toeplitz hash; at least 40 bytes, or 52 for some devices.
    pub key: Vec<u8>,
}

/// Which address is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RssField {
    /// The source: subscribers stay with their worker.
    Source,
    /// The destination: outside addresses stay with their worker.
    Destination,
}

/// How a started port spreads packets over its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RssSupport {
    /// Not by a hash that can be set: there is one queue, nothing was asked for,
    /// or the device has its own way.
    None,
    /// By a hash over more than the address asked for; packets have to be handed
    /// to their owner.
    Other,
    /// As asked: Toeplitz over one address.
    Address {
        /// The queue for each value of the hash's low bits; empty if the device
        /// does not tell.
        reta: Vec<u16>,
        /// The key in use.
        key: Vec<u8>,
    },
}

/// How a device is told to spread packets.
#[derive(Debug, Default)]
pub(crate) struct Spread {
    /// Hash functions in the words of DPDK; zero for none.
    pub(crate) hash: u64,
    /// Which part of it says that the address asked for counts alone; zero where the
    /// device cannot do that.
    field: u64,
    pub(crate) key: Vec<u8>,
}

impl Spread {
    /// The best the device offers for what is asked: one address of all IPv4
    /// packets, else whatever it hashes of them.
    pub(crate) fn choose(config: &PortConfig, info: &rte_eth_dev_info) -> Result<Self, DpdkError> {
        let ipv4 = info.flow_type_rss_offloads & dpdk_sys::PTL_RSS_IPV4_ALL;
        let Some(rss) = &config.rss else {
            return Ok(Self::default());
        };
        if config.queues < 2 || ipv4 == 0 {
            return Ok(Self::default());
        }
        let field = match rss.field {
            RssField::Source => 1 << dpdk_sys::PTL_RSS_L3_SRC_ONLY_BIT,
            RssField::Destination => 1 << dpdk_sys::PTL_RSS_L3_DST_ONLY_BIT,
        } & info.flow_type_rss_offloads;
        let needed = match info.hash_key_size {
            0 => DEFAULT_KEY_LEN,
            size => usize::from(size),
        };
        let key = rss.key.get(..needed).ok_or(DpdkError::RssKeyTooShort {
            device: config.device.clone(),
            given: rss.key.len(),
            needed,
        })?;
        Ok(Self {
            hash: ipv4 | field,
            field,
            key: key.to_vec(),
        })
    }
}

impl PortInner {
    /// What came of a choice.
    pub(crate) fn rss_support(&self, spread: &Spread, reta_size: u16) -> RssSupport {
        if spread.hash == 0 {
            return RssSupport::None;
        }
        // Where the device does not tell, nothing else is known than what was asked for.
        let (hash, key) = self
            .rss_in_effect(spread.key.len())
            .unwrap_or_else(|| (spread.hash, spread.key.clone()));
        if spread.field == 0 || hash & spread.field == 0 {
            return RssSupport::Other;
        }
        RssSupport::Address {
            reta: self.reta(usize::from(reta_size)).unwrap_or_default(),
            key,
        }
    }

    /// Hash functions and key in use, if the device tells.
    fn rss_in_effect(&self, key_len: usize) -> Option<(u64, Vec<u8>)> {
        // Some drivers write as many bytes as their key has, whatever they are told.
        let mut key = vec![0; key_len.max(MAX_KEY_LEN)];
        let mut conf = rte_eth_rss_conf {
            rss_key: key.as_mut_ptr(),
            rss_key_len: u8::try_from(key_len).unwrap_or(u8::MAX),
            ..rte_eth_rss_conf::default()
        };
        // SAFETY: `conf` and the key it points to are writable, the key for more
        // bytes than any driver has; the port exists.
        let result = unsafe { dpdk_sys::rte_eth_dev_rss_hash_conf_get(self.id(), &raw mut conf) };
        key.truncate(key_len);
        // A driver that leaves the key alone does not tell it.
        (result == 0 && key.iter().any(|byte| *byte != 0)).then_some((conf.rss_hf, key))
    }

    /// The device's redirection table, if it tells.
    pub(crate) fn reta(&self, size: usize) -> Option<Vec<u16>> {
        let mut table = groups(&vec![0; size]);
        let size = u16::try_from(size).ok().filter(|size| *size > 0)?;
        // SAFETY: `table` is writable for `size` entries in groups of 64; the
        // port exists.
        let result =
            unsafe { dpdk_sys::rte_eth_dev_rss_reta_query(self.id(), table.as_mut_ptr(), size) };
        let entries = table.iter().flat_map(|group| group.reta);
        (result == 0).then(|| entries.take(usize::from(size)).collect())
    }

    pub(crate) fn write_reta(&self, entries: &[u16]) -> Result<(), DpdkError> {
        let mut table = groups(entries);
        let size = u16::try_from(entries.len()).unwrap_or(u16::MAX);
        // SAFETY: `table` has `size` entries in groups of 64; the port exists, and
        // the caller has it for itself.
        let result =
            unsafe { dpdk_sys::rte_eth_dev_rss_reta_update(self.id(), table.as_mut_ptr(), size) };
        self.check("rte_eth_dev_rss_reta_update", result)
    }
}

/// A redirection table as DPDK takes it, all entries meant.
fn groups(entries: &[u16]) -> Vec<rte_eth_rss_reta_entry64> {
    entries
        .chunks(RETA_GROUP)
        .map(|chunk| {
            let mut group = rte_eth_rss_reta_entry64 {
                mask: u64::MAX >> (RETA_GROUP - chunk.len()),
                reta: [0; RETA_GROUP],
            };
            for (place, entry) in group.reta.iter_mut().zip(chunk) {
                *place = *entry;
            }
            group
        })
        .collect()
}

/// Entries in a group of the redirection table.
const RETA_GROUP: usize = dpdk_sys::PTL_RETA_GROUP;
/// Length of the key where a device does not tell.
const DEFAULT_KEY_LEN: usize = 40;
/// No driver has longer ones.
const MAX_KEY_LEN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_there_are_get_written() {
        let table = groups(&[1; 100]);
        assert_eq!(table.len(), 2);
        assert_eq!((table[0].mask, table[1].mask), (u64::MAX, (1 << 36) - 1));
        assert_eq!((table[1].reta[35], table[1].reta[36]), (1, 0));
    }
}
