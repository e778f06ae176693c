//! Pools, rules and deterministic ranges.

use crate::{INTERFACES, POOL, check};

#[test]
fn pools() {
    check(
        &format!("{INTERFACES}nat:\n  pools:\n"),
        &[
            (
                "    - §{ prefixes: [203.0.113.0/28] }\n",
                &["the pool has no `name`"],
            ),
            (
                "    - §{ name: p }\n",
                &["neither `prefixes` nor `interface`"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], §interface: outside }\n",
                &["both `prefixes` and `interface`"],
            ),
            (
                "    - { name: p, interface: §outsid }\n",
                &["did you mean `outside`?"],
            ),
            (
                "    - { name: p, prefixes: §[] }\n",
                &["the pool has no address left"],
            ),
            (
                "    - { name: p, prefixes: [§203.0.113.1/28] }\n",
                &["write `203.0.113.0/28`"],
            ),
            (
                "    - { name: p, prefixes: §[203.0.113.0/31], exclude_addresses: [203.0.113.0, 203.0.113.1] }\n",
                &["no address left"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], exclude_addresses: [§203.0.113.9-203.0.113.2] }\n",
                &["is reversed"],
            ),
            (
                "    - { name: p, prefixes: [§0.0.0.0/0] }\n",
                &["more than 65536 outside addresses"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28, §203.0.113.8/29] }\n",
                &["overlaps the same pool"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28] }\n    - { name: q, prefixes: [192.0.2.0/28, §203.0.113.8/29] }\n",
                &["203.0.113.8/29 overlaps a pool at line 6: 203.0.113.8 is in both"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28] }\n    - { name: §p, prefixes: [192.0.2.0/28] }\n",
                &["two pools are called `p`"],
            ),
            (
                "    - { name: p, interface: outside }\n    - { name: q, interface: §outside }\n",
                &["overlaps a pool"],
            ),
            (
                "    - { name: p, prefixes: [§198.51.100.0/30] }\n",
                &["198.51.100.0 is the network address of 198.51.100.0/24"],
            ),
            (
                "    - { name: p, prefixes: [§198.51.100.1/32] }\n",
                &["own address of interface `outside`"],
            ),
            (
                "    - { name: p, prefixes: [§10.64.255.255/32] }\n",
                &["broadcast address"],
            ),
            (
                "    - { name: p, prefixes: [§224.0.0.0/30] }\n",
                &["cannot be a host's address"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: §2000-1000 }\n",
                &["the port range `2000-1000` is reversed; write `1000-2000`"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: §0-1000 }\n",
                &["port 0"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: §1-70000 }\n",
                &["not a port"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: 5000-5009, exclude_ports: §[1-5004, 5005-6000] }\n",
                &["no port of `5000-5009` is left"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], exclude_ports: [§0] }\n",
                &["port 0"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: 5000-5099, blocks: { size: §512 } }\n",
                &["a block of 512 ports does not fit the 100 ports of `5000-5099`"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], blocks: { size: §0 } }\n",
                &["1 to 64512"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], blocks: { size: §64513 } }\n",
                &["1 to 64512"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], blocks: { max_per_subscriber: §0 } }\n",
                &["out of range"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/31], ports: 2000-2999, blocks: { size: 500, max_per_subscriber: §5 } }\n",
                &["may have 5 blocks of 500 ports, the pool has 4"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], blocks: { idle_timeout: §soon } }\n",
                &["not a duration"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], blocks: { idle_timeout: §0s } }\n",
                &["too short; write 1ms"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], vrf: §blue }\n",
                &["no interface is in VRF `blue`"],
            ),
        ],
    );
}

#[test]
fn pools_and_routes() {
    check(
        INTERFACES,
        &[(
            "routes: [ { prefix: 0.0.0.0/0, next_hop: 198.51.100.9 } ]\nnat: { pools: [ { name: p, prefixes: [§198.51.100.8/29] } ] }\n",
            &["198.51.100.9 is the next hop of a route"],
        )],
    );
}

#[test]
fn rules() {
    check(
        &format!("{POOL}  rules:\n"),
        &[
            (
                "    - §{ name: r, source: 10.64.0.0/16 }\n",
                &["the rule translates but has no pool"],
            ),
            (
                "    - { name: r, pool: §q }\n",
                &["there is no pool `q`; did you mean `p`?"],
            ),
            (
                "    - { name: r, pool: §other }\n",
                &["there is no pool `other`; known here: p"],
            ),
            (
                "    - { name: r, pool: p, inside: §insid }\n",
                &["no interface or zone `insid`; did you mean `inside`?"],
            ),
            ("    - { name: r, pool: p, inside: §[] }\n", &["empty list"]),
            (
                "    - { name: r, pool: p }\n    - { name: §r, pool: p }\n",
                &["two rules are called `r`"],
            ),
            (
                "    - { name: r, pool: p, mapping: §symmetric }\n",
                &["`symmetric` is not a behaviour; write endpoint-independent"],
            ),
            (
                "    - { name: r, pool: p, filtering: §any }\n",
                &["not a behaviour"],
            ),
            (
                "    - { name: r, pool: p, paired: §maybe }\n",
                &["neither true nor false"],
            ),
            (
                "    - { name: r, pool: p, hairpin: { source: §keep } }\n",
                &["neither translate nor preserve"],
            ),
            (
                "    - { name: r, pool: p, hairpin: { §enable: true } }\n",
                &["did you mean `enabled`?"],
            ),
            (
                "    - { name: r, pool: p, limits: { sessions: §0 } }\n",
                &["out of range"],
            ),
            (
                "    - { name: r, pool: p, limits: { ports: { §sctp: 5 } } }\n",
                &["unknown key `sctp`"],
            ),
            (
                "    - { name: r, pool: p, limits: { ports: { tcp: §65536 } } }\n",
                &["1 to 65535"],
            ),
            (
                "    - { name: r, pool: p, action: §accept }\n",
                &["`accept` is not an action"],
            ),
            (
                "    - { name: r, §pool: p, action: drop }\n",
                &["`pool` has no effect"],
            ),
            (
                "    - { name: r, action: pass, §filtering: address-dependent }\n",
                &["`filtering` has no effect"],
            ),
            (
                "    - { name: r, pool: p, source: §10.64.0.1/16 }\n",
                &["write `10.64.0.0/16`"],
            ),
            (
                "    - { name: r, pool: p, source: [10.0.0.0/8, §1.x] }\n",
                &["not an IPv4 address"],
            ),
            (
                "    - { name: r, pool: p, destination_ports: §90-80 }\n",
                &["reversed"],
            ),
            (
                "    - { name: r, pool: p, protocols: [icmp], destination_ports: §[80] }\n",
                &["none of `protocols` has ports"],
            ),
            (
                "    - { name: r, pool: p, protocols: [§igmp] }\n",
                &["`igmp` is not a protocol"],
            ),
            (
                "    - { name: r, pool: p, protocols: [§256] }\n",
                &["not a protocol"],
            ),
            (
                "    - { name: r, pool: p, vrf: §blue }\n",
                &["no interface is in VRF `blue`"],
            ),
            (
                "    - { name: r, pool: p, log: §all }\n",
                &["`all` cannot be logged; write sessions, blocks, both or none"],
            ),
            (
                "    - { name: r, pool: p, log: blocks, §destinations: true }\n",
                &["`destinations` are of sessions"],
            ),
            (
                "    - { name: r, action: drop, §log: none }\n",
                &["`log` has no effect in a rule that does not translate"],
            ),
            (
                "    - { name: r, pool: p, alg: { §fttp: off } }\n",
                &["did you mean `ftp`?"],
            ),
            (
                "    - { name: r, pool: §q, paired: §maybe, §limit: {} }\n",
                &["no pool `q`", "neither true", "unknown key `limit`"],
            ),
        ],
    );
}

#[test]
fn realms() {
    check(
        "interfaces:
  - { name: a, device: d0, addresses: [10.0.0.1/24], vrf: red, zone: z }
  - { name: b, device: d1, addresses: [192.0.2.1/24], vrf: net, zone: z }
nat:
  pools: [ { name: p, prefixes: [203.0.113.0/30], vrf: red, outside_vrf: net } ]
",
        &[
            (
                "  rules: [ { pool: p, vrf: §net } ]\n",
                &["the pool serves VRF `red`"],
            ),
            (
                "  rules: [ { inside: §b, action: pass, vrf: default } ]\n",
                &["no `inside` interface is in VRF `default`; write `vrf: net`"],
            ),
            (
                "  rules: [ { inside: §z, action: pass } ]\n",
                &["are in several VRFs"],
            ),
            (
                "  deterministic: [ { source: 10.0.0.0/24, prefixes: [203.0.113.8/29], overflow_pool: §p } ]\n",
                &["the overflow pool is in VRF `net`"],
            ),
            (
                "  static: [ { protocol: tcp, inside: \"10.0.0.5:1\", outside: { interface: b }, outside_vrf: §red } ]\n",
                &["the interface is in VRF `net`"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: 192.0.2.9, interface: b, vrf: §red } ]\n",
                &["the interface is in VRF `net`"],
            ),
        ],
    );
}

#[test]
fn deterministic() {
    check(
        &format!("{POOL}  deterministic:\n"),
        &[
            (
                "    - §{ name: d, prefixes: [192.0.2.0/28] }\n",
                &["has no `source`"],
            ),
            (
                "    - §{ name: d, source: 10.80.0.0/20 }\n",
                &["has no `prefixes`"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: §[] }\n",
                &["no outside address"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: [§203.0.113.8/29] }\n",
                &["overlaps a pool at line 5"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: [§198.51.100.0/28] }\n",
                &["network address"],
            ),
            (
                "    - { name: d, source: §10.0.0.0/8, prefixes: [192.0.2.0/28] }\n",
                &["1048576 inside hosts share the 64512 ports"],
            ),
            (
                "    - { name: d, source: §10.80.0.0/24, prefixes: [192.0.2.0/32], ports: 1024-1033 }\n",
                &["so none gets any"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: [192.0.2.0/28], overflow_pool: §q }\n",
                &["no pool `q`"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: [192.0.2.0/28] }\n    - { name: §d, source: 10.81.0.0/20, prefixes: [192.0.2.16/28] }\n",
                &["two deterministic ranges"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: [192.0.2.0/28] }\n    - { name: e, source: §10.80.0.0/24, prefixes: [192.0.2.16/28] }\n",
                &["overlaps the deterministic range at line 7"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: [192.0.2.0/28] }\n    - { name: e, source: 10.81.0.0/24, prefixes: [§192.0.2.0/29] }\n",
                &["overlaps a deterministic range"],
            ),
            (
                "    - { name: d, source: 10.80.0.0/20, prefixes: [192.0.2.0/28], ports: §9-8 }\n",
                &["reversed"],
            ),
            (
                "    - { source: 10.80.0.0/20, prefixes: [192.0.2.0/28] }\n  static: [ { inside: 10.64.0.9, outside: §192.0.2.3 } ]\n",
                &["192.0.2.3 is in a deterministic range"],
            ),
            (
                "    - { source: 10.80.0.0/20, prefixes: [192.0.2.0/28] }\n  static: [ { protocol: tcp, inside: \"10.64.0.9:2000\", outside: §\"192.0.2.3:2000\" } ]\n",
                &["is in a deterministic range"],
            ),
        ],
    );
}

#[test]
fn computed_ports() {
    check(
        &format!("{POOL}  deterministic:\n"),
        &[
            (
                "    - { source: §10.80.0.9-10.80.0.2, prefixes: [192.0.2.0/28] }\n",
                &["the range `10.80.0.9-10.80.0.2` is reversed; write `10.80.0.2-10.80.0.9`"],
            ),
            (
                "    - { source: §10.80.0.2-x, prefixes: [192.0.2.0/28] }\n",
                &["`source`: `x` is not an IPv4 address"],
            ),
            (
                "    - { source: §[10.80.0.0/24, 10.81.0.0/24], prefixes: [192.0.2.0/28] }\n",
                &["`source` has a list where a single value belongs"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28] }\n    - { source: §10.80.0.255-10.80.1.4, prefixes: [192.0.2.16/28] }\n",
                &[
                    "`10.80.0.255-10.80.1.4` overlaps the deterministic range at line 7; use disjoint `source` addresses",
                ],
            ),
            (
                "    - { source: §0.0.0.0/0, prefixes: [192.0.2.0/28] }\n",
                &["268435456 inside hosts share the 64512 ports of an outside address"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], algorithm: §stagered }\n",
                &["`algorithm`: `stagered` is not an algorithm; did you mean `staggered`?"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], algorithm: §best, key: a key to be kept }\n",
                &["known here: sequential, staggered, round-robin, interlaced, random"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], algorithm: §random }\n",
                &["the random algorithm has no `key`; add `key: TEXT` and keep it"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], algorithm: random, key: §\"\" }\n",
                &["`key`: the key has 0 characters; write 1 to 256 characters"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], §key: a key to be kept }\n",
                &[
                    "`key` has no effect with the sequential algorithm; leave it out or use `algorithm: random`",
                ],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], algorithm: interlaced, §key: a key to be kept }\n",
                &["`key` has no effect with the interlaced algorithm"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], §algoritm: random, key: a key to be kept }\n",
                &["did you mean `algorithm`?"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], overflow_pool: p, max_ports: §4031 }\n",
                &["`max_ports` is less than the 4032 computed ports of a host; write 4032 or more"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], max_ports: §0 }\n",
                &["`0` is out of range; write a number from 1 to 65535"],
            ),
            (
                "    - { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], max_ports: §65536 }\n",
                &["`65536` is out of range"],
            ),
        ],
    );
}
