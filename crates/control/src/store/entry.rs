//! One thing that happened, as it lies in files: fixed in size, and in the order that it is looked
//! for, so that sorting entries is sorting their bytes.
//!
//! ```text
//!  class  outside  first port  at | life  protocol  last port  box  inside  port  vrf  remote  port
//!    1       4         2        8 |  1       1          2       2     4      2     2     4       2
//! ```
//!
//! Numbers are big-endian. Times are milliseconds since 1970.

use std::net::Ipv4Addr;

/// Bytes of an entry in a file.
pub(super) const LEN: usize = 35;

/// An entry as it lies in files.
pub(super) type Raw = [u8; LEN];

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Ports lent to a subscriber.
    Block = 0,
    /// A session or a mapping: one outside port.
    Flow = 1,
    /// An appliance began anew: whatever it had told before is over.
    Start = 2,
}

/// Whether something begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Life {
    /// It ends; of what ends and begins at the same time, the end comes first.
    Ended = 0,
    /// It begins.
    Begun = 1,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// What it is about.
    pub class: Class,
    /// Outside address.
    pub outside: Ipv4Addr,
    /// First outside port.
    pub first: u16,
    /// When.
    pub at: u64,
    /// Whether it begins or ends.
    pub life: Life,
    /// IP protocol; 0 for all.
    pub protocol: u8,
    /// Last outside port.
    pub last: u16,
    /// Number of the appliance, by the store's table of names.
    pub appliance: u16,
    /// Inside address.
    pub inside: Ipv4Addr,
    /// Inside port; 0 of a block.
    pub inside_port: u16,
    /// Number of the inside's VRF, by the store's table of names.
    pub vrf: u16,
    /// Remote address; unspecified where it is not logged.
    pub remote: Ipv4Addr,
    /// Remote port.
    pub remote_port: u16,
}

impl Entry {
    /// That an appliance began anew.
    #[must_use]
    pub const fn start(appliance: u16, at: u64) -> Self {
        Self {
            class: Class::Start,
            outside: Ipv4Addr::UNSPECIFIED,
            first: 0,
            at,
            life: Life::Begun,
            protocol: 0,
            last: 0,
            appliance,
            inside: Ipv4Addr::UNSPECIFIED,
            inside_port: 0,
            vrf: 0,
            remote: Ipv4Addr::UNSPECIFIED,
            remote_port: 0,
        }
    }

    pub(super) fn to_raw(self) -> Raw {
        let mut raw = [0; LEN];
        let mut rest = raw.as_mut_slice();
        let mut put = |bytes: &[u8]| {
            if let Some((head, tail)) = core::mem::take(&mut rest).split_at_mut_checked(bytes.len())
            {
                head.copy_from_slice(bytes);
                rest = tail;
            }
        };
        put(&[self.class as u8]);
        put(&self.outside.octets());
        put(&self.first.to_be_bytes());
        put(&self.at.to_be_bytes());
        put(&[self.life as u8, self.protocol]);
        put(&self.last.to_be_bytes());
        put(&self.appliance.to_be_bytes());
        put(&self.inside.octets());
        put(&self.inside_port.to_be_bytes());
        put(&self.vrf.to_be_bytes());
        put(&self.remote.octets());
        put(&self.remote_port.to_be_bytes());
        raw
    }

    /// Nothing if it says what no entry can.
    pub(super) fn from_raw(raw: &Raw) -> Option<Self> {
        let mut rest = raw.as_slice();
        let class = match take::<1>(&mut rest)? {
            [0] => Class::Block,
            [1] => Class::Flow,
            [2] => Class::Start,
            _ => return None,
        };
        let outside = take(&mut rest)?.into();
        let first = u16::from_be_bytes(take(&mut rest)?);
        let at = u64::from_be_bytes(take(&mut rest)?);
        let life = match take::<1>(&mut rest)? {
            [0] => Life::Ended,
            [1] => Life::Begun,
            _ => return None,
        };
        let [protocol] = take(&mut rest)?;
        Some(Self {
            class,
            outside,
            first,
            at,
            life,
            protocol,
            last: u16::from_be_bytes(take(&mut rest)?),
            appliance: u16::from_be_bytes(take(&mut rest)?),
            inside: take(&mut rest)?.into(),
            inside_port: u16::from_be_bytes(take(&mut rest)?),
            vrf: u16::from_be_bytes(take(&mut rest)?),
            remote: take(&mut rest)?.into(),
            remote_port: u16::from_be_bytes(take(&mut rest)?),
        })
    }
}

/// The first bytes of a slice, which is what lies behind them then.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}

/// Where entries of a class begin that have this outside address and first port.
pub(super) fn bound(class: Class, outside: Ipv4Addr, first: u16) -> [u8; 7] {
    let [a, b, c, d] = outside.octets();
    let [high, low] = first.to_be_bytes();
    [class as u8, a, b, c, d, high, low]
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn any_entry() -> impl Strategy<Value = Entry> {
        let class = prop_oneof![Just(Class::Block), Just(Class::Flow), Just(Class::Start)];
        let life = prop_oneof![Just(Life::Begun), Just(Life::Ended)];
        (
            (
                class,
                any::<u32>(),
                any::<u16>(),
                any::<u64>(),
                life,
                any::<u8>(),
            ),
            (
                any::<u16>(),
                any::<u16>(),
                any::<u32>(),
                any::<u16>(),
                any::<u16>(),
            ),
            (any::<u32>(), any::<u16>()),
        )
            .prop_map(|(key, rest, (remote, remote_port))| {
                let (class, outside, first, at, life, protocol) = key;
                let (last, appliance, inside, inside_port, vrf) = rest;
                Entry {
                    class,
                    outside: Ipv4Addr::from_bits(outside),
                    first,
                    at,
                    life,
                    protocol,
                    last,
                    appliance,
                    inside: Ipv4Addr::from_bits(inside),
                    inside_port,
                    vrf,
                    remote: Ipv4Addr::from_bits(remote),
                    remote_port,
                }
            })
    }

    proptest! {
        #[test]
        fn there_and_back_it_is_the_same(entry in any_entry()) {
            prop_assert_eq!(Entry::from_raw(&entry.to_raw()), Some(entry));
        }

        #[test]
        fn bytes_have_the_order_of_entries(one in any_entry(), other in any_entry()) {
            prop_assert_eq!(one.to_raw().cmp(&other.to_raw()), one.cmp(&other));
        }
    }
}
