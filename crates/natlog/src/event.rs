//! The events of RFC 8158, by number.

use nat::{Life, Quota, Record, Threshold};

/// Value of `natEvent` (RFC 8158 section 4.3). NAT64's and the historic 1 and 2 are never used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// A pool has no address left.
    AddressesExhausted = 3,
    /// NAT44 session.
    SessionCreated = 4,
    /// Its end.
    SessionDeleted = 5,
    /// NAT44 mapping.
    MappingCreated = 8,
    /// Its end.
    MappingDeleted = 9,
    /// An outside address has no port left.
    PortsExhausted = 12,
    /// A limit has refused something.
    QuotaExceeded = 13,
    /// An outside address is a host's.
    AddressBound = 14,
    /// No more.
    AddressUnbound = 15,
    /// A block of ports is a host's.
    BlockAllocated = 16,
    /// No more.
    BlockReleased = 17,
    /// A threshold was reached.
    ThresholdReached = 18,
}

impl Event {
    /// The event that a record tells of.
    #[must_use]
    pub const fn of(record: &Record) -> Self {
        match record {
            Record::Session(Life::Begun, ..) => Self::SessionCreated,
            Record::Session(Life::Ended, ..) => Self::SessionDeleted,
            Record::Mapping(Life::Begun, ..) => Self::MappingCreated,
            Record::Mapping(Life::Ended, ..) => Self::MappingDeleted,
            Record::Address {
                life: Life::Begun, ..
            } => Self::AddressBound,
            Record::Address {
                life: Life::Ended, ..
            } => Self::AddressUnbound,
            Record::Block(Life::Begun, _) => Self::BlockAllocated,
            Record::Block(Life::Ended, _) => Self::BlockReleased,
            Record::AddressesExhausted { .. } => Self::AddressesExhausted,
            Record::PortsExhausted { .. } => Self::PortsExhausted,
            Record::Quota(_) => Self::QuotaExceeded,
            Record::Threshold(_) => Self::ThresholdReached,
        }
    }

    /// Its name, as syslog has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddressesExhausted => "addresses-exhausted",
            Self::SessionCreated => "session-created",
            Self::SessionDeleted => "session-deleted",
            Self::MappingCreated => "mapping-created",
            Self::MappingDeleted => "mapping-deleted",
            Self::PortsExhausted => "ports-exhausted",
            Self::QuotaExceeded => "quota-exceeded",
            Self::AddressBound => "address-bound",
            Self::AddressUnbound => "address-unbound",
            Self::BlockAllocated => "block-allocated",
            Self::BlockReleased => "block-released",
            Self::ThresholdReached => "threshold-reached",
        }
    }
}

/// Value of `natQuotaExceededEvent`.
pub(crate) const fn quota_event(quota: &Quota) -> u32 {
    match quota {
        Quota::Sessions(_) => 1,
        Quota::Mappings(_) => 2,
        Quota::Entries(..) => 3,
        Quota::Subscribers(_) => 4,
        Quota::Fragments(..) => 5,
    }
}

/// Value of `natThresholdEvent`.
pub(crate) const fn threshold_event(threshold: &Threshold) -> u32 {
    match threshold {
        Threshold::PoolHigh(..) => 1,
        Threshold::PoolLow(..) => 2,
        Threshold::Mappings(_) => 3,
        Threshold::OfSubscriber(..) => 4,
        Threshold::Subscribers(_) => 5,
    }
}
