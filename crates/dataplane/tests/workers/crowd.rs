//! Many hosts, each with something to be told of.

use core::net::Ipv4Addr;

use base::Nanos;
use testkit::udp;

use crate::appliance::{Appliance, INSIDE, settings};

/// More than a worker keeps to tell, and the ring besides.
pub(crate) const HOSTS: u32 = 5000;

/// Messages of the ring.
const RING: usize = 64;

pub(crate) const IDLE: Nanos = Nanos::from_secs(120);

/// Every host has a session, and a block of its own.
pub(crate) fn crowd(idle: Nanos) -> Appliance {
    let mut appliance = Appliance::new(&settings(8, idle), 1, RING);
    for host in 0..HOSTS {
        let inside = Ipv4Addr::from_bits(0x6440_0100 + host);
        let first = udp(&format!("{inside}:4000 > 198.51.100.2:4500"));
        appliance.receive(0, INSIDE, &first);
        if host % 32 == 31 {
            appliance.turn();
            appliance.listen();
        }
    }
    appliance.turn();
    appliance.listen();
    assert_eq!(blocks(&appliance), u64::from(HOSTS));
    assert_eq!(appliance.heard.len(), HOSTS as usize);
    appliance.heard.clear();
    appliance.sent(0);
    appliance
}

/// Blocks that are lent.
pub(crate) fn blocks(appliance: &Appliance) -> u64 {
    appliance.workers[0].shard().pool_use(0).blocks_used
}
