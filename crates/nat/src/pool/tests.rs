//! Ports and blocks are lent once, come back, and rest.

use std::collections::HashSet;
use std::sync::Arc;

use base::{Nanos, Ticks};

use super::*;
use crate::settings::{Allocation, Pool as PoolSettings, Settings};

/// Two addresses with blocks of a size.
fn settings(first_port: u16, last_port: u16, size: u16, exclude: &[(u16, u16)]) -> PoolSettings {
    PoolSettings {
        name: "public".into(),
        addresses: vec![Ipv4Addr::new(203, 0, 113, 1), Ipv4Addr::new(203, 0, 113, 2)],
        draining: Vec::new(),
        realm: 0,
        first_port,
        last_port,
        exclude_ports: exclude.to_vec(),
        division: Division::Blocks {
            size,
            max_per_subscriber: 8,
            idle: Nanos::from_secs(120),
            active: None,
        },
        allocation: Allocation::Random,
        overloads: false,
        watermarks: Some((75, 50)),
    }
}

fn pools(pool: PoolSettings) -> Pools {
    let settings = Settings {
        pools: vec![pool],
        ..Settings::default()
    };
    let layout = Arc::new(Layout::new(&settings, 1).unwrap());
    let mut pools = Pools::default();
    pools.adopt(&layout);
    for slot in 0..count(layout.addresses().len()) {
        pools.enter(&layout, slot, 0);
    }
    pools
}

fn wish(odd: Option<bool>) -> Wish {
    Wish {
        odd,
        ..Wish::default()
    }
}

#[test]
fn a_block_gives_each_port_once_and_no_excluded_one() {
    let mut rng = Rng::new(3);
    let mut pools = pools(settings(1000, 1199, 100, &[(1050, 1053)]));
    assert!(pools.lend_block(0, 7, Ticks(0)));
    let mut seen = HashSet::new();
    while let Some(offset) = pools.take_port(0, PortProtocol::Udp, wish(None), &mut rng) {
        assert!(offset < 100 && !(50..=53).contains(&offset));
        assert!(seen.insert(offset));
    }
    assert_eq!(seen.len(), 96);
    for offset in seen {
        pools.free_port(0, offset, PortProtocol::Udp, false);
    }
    assert!(pools.block(0).unwrap().is_unused());
    assert_eq!(pools.block(0).unwrap().left(PortProtocol::Udp), 96);
}

#[test]
fn parity_is_kept_while_there_is_one_left() {
    let mut rng = Rng::new(4);
    let mut pools = pools(settings(1001, 1128, 64, &[]));
    assert!(pools.lend_block(0, 7, Ticks(0)));
    let mut take = |odd| {
        let offset = pools.take_port(0, PortProtocol::Udp, wish(Some(odd)), &mut rng);
        1001 + offset.unwrap()
    };
    for _ in 0..32 {
        assert_eq!(take(true) % 2, 1);
    }
    assert_eq!(take(true) % 2, 0);
}

#[test]
fn a_wished_port_is_given_if_it_is_free() {
    let mut rng = Rng::new(4);
    let mut pools = pools(settings(1000, 1199, 100, &[]));
    assert!(pools.lend_block(0, 7, Ticks(0)));
    let exact = Wish {
        odd: None,
        exact: Some(1042),
        ..Wish::default()
    };
    let side = PortProtocol::Tcp;
    assert_eq!(pools.take_port(0, side, exact, &mut rng), Some(42));
    assert_ne!(pools.take_port(0, side, exact, &mut rng), Some(42));
    let elsewhere = Wish {
        odd: None,
        exact: Some(1142),
        ..Wish::default()
    };
    assert!(pools.take_port(0, side, elsewhere, &mut rng).is_some());
}

#[test]
fn addresses_close_when_lent_out_and_open_again() {
    let mut rng = Rng::new(5);
    let mut pools = pools(settings(1024, 1087, 32, &[]));
    let first = pools.lend(0, 1, Ticks(0), &mut rng).unwrap();
    pools.lend(0, 1, Ticks(0), &mut rng).unwrap();
    assert_eq!(pools.lend(0, 1, Ticks(0), &mut rng), None);
    let mut pick = |pools: &Pools| pools.pick(0, PortProtocol::Tcp, &mut rng);
    for _ in 0..20 {
        assert_eq!(pick(&pools), Some(1));
    }
    assert_eq!(
        (pools.used(0).blocks_total, pools.used(0).blocks_used),
        (4, 2)
    );
    pools.give_back(first);
    assert!((0..50).any(|_| pick(&pools) == Some(0)));
}

#[test]
fn the_least_used_address_is_next() {
    let mut rng = Rng::new(6);
    let mut pools = pools(PoolSettings {
        allocation: Allocation::LeastUsed,
        ..settings(1024, 1151, 32, &[])
    });
    let mut lent = [0; 2];
    for round in 1..=4 {
        for _ in 0..2 {
            let slot = pools.pick(0, PortProtocol::Tcp, &mut rng).unwrap();
            pools.lend(slot, 1, Ticks(0), &mut rng).unwrap();
            lent[slot as usize] += 1;
        }
        assert_eq!(lent, [round; 2]);
    }
    assert_eq!(pools.pick(0, PortProtocol::Tcp, &mut rng), None);
    pools.give_back(block_id(1, 3));
    assert_eq!(pools.pick(0, PortProtocol::Tcp, &mut rng), Some(1));
}

#[test]
fn watermarks_are_crossed_once_each_way() {
    let mut rng = Rng::new(7);
    let mut pools = pools(settings(1024, 1087, 32, &[]));
    let blocks: Vec<u32> = [0, 0, 1]
        .map(|slot| pools.lend(slot, 1, Ticks(0), &mut rng).unwrap())
        .to_vec();
    assert_eq!(pools.crossed(0), Some(Crossed::High));
    assert_eq!(pools.crossed(0), None);
    pools.give_back(blocks[0]);
    assert_eq!(pools.crossed(0), Some(Crossed::Low));
    assert_eq!(pools.crossed(0), None);
}

#[test]
fn a_port_that_others_use_is_found_where_it_suits() {
    let mut rng = Rng::new(8);
    let mut pools = pools(PoolSettings {
        overloads: true,
        ..settings(1024, 1031, 8, &[])
    });
    assert!(pools.lend_block(0, 7, Ticks(0)));
    let side = PortProtocol::Udp;
    let offset = pools.take_port(0, side, wish(None), &mut rng).unwrap();
    assert_eq!(pools.shared_port(0, side, 5, |_| true), None);
    pools.share(0, offset, side);
    assert_eq!(pools.shared_port(0, side, 5, |_| true), Some(offset));
    assert_eq!(pools.shared_port(0, side, 5, |_| false), None);
    pools.share(0, offset, side);
    assert!(pools.unshare(0, offset, side));
    assert!(!pools.unshare(0, offset, side));
}

#[test]
fn system_ports_are_a_block_of_their_own_in_a_shared_range() {
    let pool = PoolSettings {
        division: Division::Shared,
        ..settings(512, 65_535, 1, &[])
    };
    let geometry = Geometry::new(&pool, 1, false);
    assert_eq!((geometry.blocks, geometry.low_block()), (2, Some(1)));
    assert_eq!(geometry.ports_of(0), (1024, 64_512));
    assert_eq!(geometry.ports_of(1), (512, 512));
    assert_eq!(geometry.block_at(600), Some(1));
    assert_eq!(geometry.block_at(1024), Some(0));
    assert_eq!(geometry.block_at(511), None);
}

#[test]
fn a_foreseen_place_is_taken_if_it_is_still_free() {
    let mut rng = Rng::new(5);
    let mut pools = pools(settings(1000, 1199, 100, &[]));
    assert!(pools.lend_block(0, 7, Ticks(0)));
    let mut wish = Wish {
        chance: Some(rng.half()),
        ..Wish::default()
    };
    let (offset, outside, port) = pools.foresee(0, PortProtocol::Tcp, wish).unwrap();
    assert_eq!(outside, Ipv4Addr::new(203, 0, 113, 1).to_bits());
    assert_eq!(port, 1000 + offset);
    wish.foreseen = Some(offset);
    let mut take = || pools.take_port(0, PortProtocol::Tcp, wish, &mut rng);
    assert_eq!(take(), Some(offset));
    let other = take().unwrap();
    assert_ne!(other, offset);
    assert_eq!(pools.block(0).unwrap().left(PortProtocol::Tcp), 98);
}
