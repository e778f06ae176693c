//! A record of every form, for tests.

use core::net::Ipv4Addr;

use nat::{BlockNotice, Flow, Life, Quota, Record, Remote, Threshold};

pub(crate) const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 7);
pub(crate) const OUTSIDE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
pub(crate) const REMOTE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);

pub(crate) const FLOW: Flow = Flow {
    inside: INSIDE,
    outside: OUTSIDE,
    inside_port: 4000,
    outside_port: 1030,
    protocol: 17,
    realm: 1,
};

pub(crate) const BLOCK: BlockNotice = BlockNotice {
    inside: INSIDE,
    realm: 1,
    outside: OUTSIDE,
    ports: (1024, 1535),
};

const TO: Remote = Remote {
    known_as: REMOTE,
    address: REMOTE,
    port: 53,
};

/// One of each form, and of each event.
pub(crate) fn all() -> Vec<Record> {
    let address = |life| Record::Address {
        life,
        inside: INSIDE,
        realm: 1,
        outside: OUTSIDE,
    };
    vec![
        Record::Session(Life::Begun, FLOW, TO),
        Record::Session(Life::Ended, FLOW, TO),
        Record::Mapping(Life::Begun, FLOW),
        Record::Mapping(Life::Ended, FLOW),
        address(Life::Begun),
        address(Life::Ended),
        Record::Block(Life::Begun, BLOCK),
        Record::Block(Life::Ended, BLOCK),
        Record::AddressesExhausted { pool: 2 },
        Record::PortsExhausted {
            outside: OUTSIDE,
            protocol: 6,
        },
        Record::Quota(Quota::Sessions(1000)),
        Record::Quota(Quota::Mappings(1000)),
        Record::Quota(Quota::Entries(64, INSIDE, 1)),
        Record::Quota(Quota::Subscribers(1000)),
        Record::Quota(Quota::Fragments(16, INSIDE, 1)),
        Record::Threshold(Threshold::PoolHigh(900, 2)),
        Record::Threshold(Threshold::PoolLow(800, 2)),
        Record::Threshold(Threshold::Mappings(900)),
        Record::Threshold(Threshold::OfSubscriber(57, INSIDE, 1)),
        Record::Threshold(Threshold::Subscribers(900)),
    ]
}
