//! Who owns what, for several shards; DESIGN section 3.

use alloc::collections::BTreeSet;
use alloc::string::String;

use base::{Nanos, Prefix};

use super::*;
use crate::gateway::{Gateway, Services, Trunk};
use crate::key::FlowKey;
use crate::settings::{
    Action, Allocation, Dependence, Division, Limits, Log, Pairing, PoolList, Translate,
};
use crate::shard::{First, Shard, Sizes};
use crate::steering::{DEFAULT_KEY, Side, toeplitz};
use crate::tcp_state::Segment;

const BLOCKS: Division = Division::Blocks {
    size: 512,
    max_per_subscriber: 8,
    idle: Nanos::from_secs(120),
    active: None,
};

const SYN: Segment = Segment {
    flags: 0x02,
    seq: 1,
    ack: 0,
    window_scale: None,
    len: 0,
};

fn pool(name: &str, first: [u8; 4], addresses: u32, division: Division) -> Pool {
    let first = Ipv4Addr::from(first).to_bits();
    Pool {
        name: String::from(name),
        addresses: (first..first + addresses)
            .map(Ipv4Addr::from_bits)
            .collect(),
        draining: Vec::new(),
        realm: 0,
        first_port: 1024,
        last_port: u16::MAX,
        exclude_ports: Vec::new(),
        division,
        allocation: Allocation::Random,
        overloads: false,
        watermarks: None,
    }
}

/// One rule for 10.64.0.0/16 that draws on these.
fn settings(pools: Vec<Pool>) -> Settings {
    let translate = Translate {
        pools: PoolList::new(0..pools.len()),
        mapping: Dependence::Endpoint,
        filtering: Dependence::Endpoint,
        pairing: Pairing::Strict,
        parity: true,
        preserve: false,
        overload: false,
        hairpin: true,
        hairpin_preserve: false,
        limits: Limits::NONE,
        log: Log::NONE,
    };
    Settings {
        pools,
        rules: vec![Rule {
            name: String::from("subscribers"),
            interfaces: None,
            realm: 0,
            outside_realm: 0,
            source: vec![Prefix::new(Ipv4Addr::new(10, 64, 0, 0), 16)],
            destination: Vec::new(),
            destination_ports: Vec::new(),
            protocols: Vec::new(),
            all_protocols: false,
            services: Services::default(),
            pcp: None,
            action: Action::Translate(translate),
        }],
        hold_down_percent: 50,
        services: Services::default(),
        ..Settings::default()
    }
}

/// The queue of a device that hashes one address, computed bit by bit.
fn queue(address: u32, reta: &[u16]) -> u32 {
    let hash = toeplitz(&DEFAULT_KEY, &address.to_be_bytes());
    u32::from(reta[hash as usize % reta.len()])
}

fn steering(workers: u32, inside: Vec<u16>, outside: Vec<u16>) -> Arc<Steering> {
    Arc::new(Steering {
        inside: Side::new(&DEFAULT_KEY, inside, workers).unwrap(),
        outside: Side::new(&DEFAULT_KEY, outside, workers).unwrap(),
    })
}

/// What a trunk announces is mapped by the worker that reads it.
#[test]
fn the_hosts_of_a_trunk_belong_where_its_first_address_does() {
    let mut settings = settings(vec![pool("public", [203, 0, 113, 0], 64, BLOCKS)]);
    let prefix = |last, length| Prefix::new(Ipv4Addr::new(10, 64, 0, last), length);
    let trunks = vec![
        Trunk {
            gateway: Gateway::Sip,
            address: prefix(4, 30),
            media: vec![prefix(32, 27)],
        },
        Trunk {
            gateway: Gateway::H323,
            address: prefix(9, 32),
            media: Vec::new(),
        },
    ];
    settings.rules[0].services = Services::default().with_trunks(trunks);
    let reta = Side::in_turn(5, 128);
    let layout = Layout::steered(&settings, 5, steering(5, reta.clone(), reta.clone())).unwrap();
    let host = |last: u32| 0x0a40_0000 + last;
    for last in (4..8).chain(32..64) {
        let owner = layout.inside_owner(0, host(last));
        assert_eq!(owner, queue(host(4), &reta), "{last}");
        let elsewhere = layout.inside_owner(1, host(last));
        assert_eq!(elsewhere, queue(host(last), &reta));
    }
    for last in [3, 8, 9, 31, 64] {
        assert_eq!(layout.inside_owner(0, host(last)), queue(host(last), &reta));
    }
}

#[test]
fn a_large_pool_belongs_by_whole_addresses_to_where_its_packets_come() {
    let settings = settings(vec![pool("public", [203, 0, 113, 0], 64, BLOCKS)]);
    let reta = Side::in_turn(5, 128);
    let layout = Layout::steered(&settings, 5, steering(5, reta.clone(), reta.clone())).unwrap();
    for address in &settings.pools[0].addresses {
        let address = address.to_bits();
        for (protocol, port) in [(6, 1024), (17, 40_000), (1, 65_535), (47, 0)] {
            let owner = layout.outside_owner(0, address, protocol, port);
            assert_eq!(owner, Some(queue(address, &reta)));
        }
    }
    let spread = layout.spread();
    assert_eq!(spread.pools[0].dealt, Dealt::Whole);
    assert_eq!(spread.pools[0].elsewhere, 0);
    assert_eq!(spread.subscribers.iter().sum::<u64>(), 1 << 16);
}

#[test]
fn a_pool_that_leaves_a_shard_without_address_is_divided_by_ports() {
    // Four addresses for three shards, but all of them of the last one.
    let settings = settings(vec![pool("public", [203, 0, 113, 0], 4, BLOCKS)]);
    let steering = steering(3, Side::in_turn(3, 8), vec![2; 8]);
    let layout = Layout::steered(&settings, 3, steering).unwrap();
    let spread = layout.spread();
    assert_eq!(spread.pools[0].dealt, Dealt::Divided);
    assert_eq!(spread.pools[0].addresses, [0, 0, 4]);
    assert_eq!(spread.pools[0].blocks, [168, 168, 168]);
    assert!((spread.pools[0].share_elsewhere() - 2.0 / 3.0).abs() < 1e-9);
    let owners: BTreeSet<_> = (1024..=u16::MAX)
        .map(|port| layout.outside_owner(0, 0xcb00_7100, 17, port))
        .collect();
    assert_eq!(owners, BTreeSet::from([Some(0), Some(1), Some(2)]));
    // What has no ports is all the first one's, for hosts and for their answers.
    assert_eq!(layout.pairs_owner(47, 0), Some(0));
    for address in 0xcb00_7100..0xcb00_7104 {
        assert_eq!(layout.outside_owner(0, address, 47, 0), Some(0));
    }
}

/// Two blocks an address: the second address serves the other half of the shards.
#[test]
fn few_large_blocks_are_dealt_out_over_all_addresses() {
    let large = Division::Blocks {
        size: 32_000,
        max_per_subscriber: 1,
        idle: Nanos::from_secs(120),
        active: None,
    };
    let mut two = pool("public", [203, 0, 113, 0], 2, large);
    two.first_port = 1;
    let layout = Layout::new(&settings(vec![two]), 4).unwrap();
    assert_eq!(layout.spread().pools[0].blocks, [1, 1, 1, 1]);
}

#[test]
fn addresses_lent_whole_are_dealt_out_where_they_are_few() {
    let steering = || steering(2, Side::in_turn(2, 8), vec![1; 8]);
    let settings = settings(vec![pool("whole", [198, 18, 0, 0], 4, Division::Whole)]);
    let layout = Layout::steered(&settings, 2, steering()).unwrap();
    assert_eq!(layout.spread().pools[0].blocks, [2, 2]);
    // All protocols of an address have one owner.
    assert_eq!(layout.pairs_owner(47, 0), None);
    for (place, address) in (0..).zip(&settings.pools[0].addresses) {
        for protocol in [6, 17, 47] {
            let owner = layout.outside_owner(0, address.to_bits(), protocol, 9);
            assert_eq!(owner, Some(place % 2));
        }
    }
}

#[test]
fn what_stays_under_other_settings_keeps_its_owner() {
    let before = Layout::new(
        &settings(vec![pool("public", [203, 0, 113, 0], 32, BLOCKS)]),
        4,
    );
    let before = before.unwrap();
    // Half of it goes, something else comes.
    let mut kept = pool("public", [203, 0, 113, 16], 32, BLOCKS);
    kept.addresses.rotate_left(5);
    let other = pool("another", [198, 51, 100, 0], 3, BLOCKS);
    let after = before.revise(&settings(vec![other, kept])).unwrap();
    for address in 0xcb00_7110..0xcb00_7120 {
        for port in [1024, 2000, 65_535] {
            let owner = |layout: &Layout| layout.outside_owner(0, address, 6, port);
            assert_eq!(owner(&before), owner(&after));
        }
    }
    for host in 0x0a40_0000..0x0a40_0100 {
        assert_eq!(before.inside_owner(0, host), after.inside_owner(0, host));
    }
}

/// Its sessions end, as with any other change of how ports are divided, and every
/// shard can go on.
#[test]
fn a_pool_is_another_one_once_a_shard_would_own_none_of_it() {
    let reta = Side::in_turn(2, 8);
    let of = |worker| {
        let all = (0xcb00_7100..0xcb00_7200_u32).filter(|address| queue(*address, &reta) == worker);
        all.take(3).map(Ipv4Addr::from_bits).collect::<Vec<_>>()
    };
    let public = |addresses: &[Ipv4Addr]| {
        let mut public = pool("public", [0; 4], 0, BLOCKS);
        public.addresses = addresses.to_vec();
        settings(vec![public])
    };
    let both = [of(0), of(1)].concat();
    let steering = steering(2, reta.clone(), reta.clone());
    let before = Layout::steered(&public(&both), 2, steering).unwrap();
    assert_eq!(before.spread().pools[0].dealt, Dealt::Whole);
    let fewer = before.revise(&public(&both[2..])).unwrap();
    assert_eq!(
        (fewer.spread().pools[0].dealt, fewer.spread().pools[0].pool),
        (Dealt::Whole, 0)
    );
    let after = fewer.revise(&public(&of(1))).unwrap();
    let spread = after.spread();
    assert_eq!(
        (spread.pools[0].dealt, spread.pools[0].pool),
        (Dealt::Divided, 1)
    );
    assert!(spread.pools[0].blocks.iter().all(|blocks| *blocks > 0));
    // Divided it stays, whoever comes.
    let again = after.revise(&public(&both)).unwrap().spread();
    assert_eq!(
        (again.pools[0].dealt, again.pools[0].pool),
        (Dealt::Divided, 1)
    );
}

#[test]
fn tables_by_load_make_small_pools_whole() {
    let pools = vec![
        pool("large", [203, 0, 113, 0], 60, BLOCKS),
        pool("small", [198, 51, 100, 0], 6, Division::Shared),
    ];
    let settings = settings(pools);
    let in_turn = Layout::new(&settings, 6).unwrap();
    assert_eq!(in_turn.spread().pools[1].dealt, Dealt::Divided);
    let inside = in_turn.balanced_inside(&DEFAULT_KEY, 512);
    let outside = in_turn.balanced_outside(&DEFAULT_KEY, 512);
    let layout = Layout::steered(&settings, 6, steering(6, inside, outside)).unwrap();
    let spread = layout.spread();
    for pool in &spread.pools {
        assert_eq!((pool.dealt, pool.elsewhere), (Dealt::Whole, 0));
    }
    assert_eq!(spread.pools[1].addresses, [1; 6]);
    assert_eq!(spread.pools[0].addresses, [10; 6]);
    let even = 65_536 / 6;
    let off = |count: &u64| count.abs_diff(even) > 128;
    assert!(
        !spread.subscribers.iter().any(off),
        "{:?}",
        spread.subscribers
    );
}

/// DESIGN section 3: whatever port a subscriber gets, the answer comes to its own worker.
#[test]
fn the_answers_of_real_shards_come_back_to_them() {
    let settings = settings(vec![pool("public", [203, 0, 113, 0], 64, BLOCKS)]);
    let reta = Side::in_turn(3, 128);
    let layout =
        Arc::new(Layout::steered(&settings, 3, steering(3, reta.clone(), reta.clone())).unwrap());
    let sizes = Sizes {
        sessions: 4096,
        mappings: 4096,
        subscribers: 4096,
    };
    let mut shards: Vec<Shard> = (0..3)
        .map(|number| Shard::new(Arc::clone(&layout), sizes, number, 7, Nanos(0)))
        .collect();
    let mut opened = [0; 3];
    for nth in 0..3000 {
        let host = 0x0a40_0000 + nth * 7 % 0x1_0000;
        let arrives = queue(host, &reta);
        assert_eq!(layout.inside_owner(0, host), arrives);
        let protocol = [1, 6, 17][nth as usize % 3];
        let first = First {
            key: FlowKey::new(
                host,
                0xc000_020a,
                4000,
                if protocol == 1 { 0 } else { 80 },
                protocol,
                0,
            ),
            tcp: (protocol == 6).then_some(SYN),
            hairpin: false,
            outside_realm: 0,
            sender_rule: None,
            ahead: None,
            interface: 0,
            now: Nanos(0),
        };
        let shard = &mut shards[arrives as usize];
        let id = shard.open_outbound(&first, Some(0)).unwrap();
        let view = shard.session_at(id.0).unwrap();
        assert_eq!(queue(view.outside, &reta), arrives, "{}", view.outside_port);
        let owner = layout.outside_owner(0, view.outside, protocol, view.outside_port);
        assert_eq!(owner, Some(arrives));
        opened[arrives as usize] += 1;
    }
    assert!(opened.iter().all(|count| *count > 500), "{opened:?}");
}
