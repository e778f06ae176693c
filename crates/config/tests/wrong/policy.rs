//! How pools lend and rules limit: wrong uses of these keys.

use crate::{INTERFACES, POOL, check};

#[test]
fn lending() {
    check(
        &format!("{INTERFACES}nat:\n  pools:\n"),
        &[
            (
                "    - { name: p, prefixes: [203.0.113.0/28], allocation: §least_used }\n",
                &["`least_used` is not a way to choose addresses; write random or least-used"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], watermarks: { high: 80, low: §80 } }\n",
                &["the low watermark (80) is not below the high one (80)"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], watermarks: { high: §101 } }\n",
                &["1 to 100"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], drain: true, §drain_addresses: [203.0.113.1] }\n",
                &["`drain_addresses` has no effect when all of the pool is drained"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], drain_addresses: [203.0.113.1, §203.0.113.16] }\n",
                &["none of the addresses to drain is in the pool"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], drain: §maybe }\n",
                &["neither true nor false"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], one_to_one: true, §ports: 1-65535, §blocks: { size: 512 } }\n",
                &[
                    "`ports` has no effect in a one-to-one pool",
                    "`blocks` has no effect in a one-to-one pool",
                ],
            ),
            (
                "    - { name: p, one_to_one: true, §interface: outside }\n",
                &["an interface's own address cannot be given to one subscriber"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: 1024-2047 }\n    - { name: q, prefixes: [§203.0.113.8/30], ports: 2047-4095 }\n",
                &[
                    "203.0.113.8 is in both; give each outside address to one pool, or give them `ports` that do not meet",
                ],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: 1024-2047 }\n    - { name: q, prefixes: [§203.0.113.8/30] }\n",
                &["203.0.113.8 is in both"],
            ),
            (
                "    - { name: p, prefixes: [203.0.113.0/28], ports: 1024-2047 }\n    - { name: q, prefixes: [§203.0.113.8/30], one_to_one: true }\n",
                &["203.0.113.8 is in both"],
            ),
        ],
    );
}

#[test]
fn choosing() {
    check(
        "\
interfaces:
  - { name: inside, device: d0, addresses: [10.64.0.1/16] }
  - { name: outside, device: d1, addresses: [198.51.100.1/24] }
  - { name: red, device: d2, addresses: [10.64.0.1/16], vrf: red }
  - { name: blue, device: d3, addresses: [10.64.0.1/16], vrf: blue }
nat:
  pools:
    - { name: p, prefixes: [203.0.113.0/28] }
    - { name: whole, prefixes: [203.0.113.16/28], one_to_one: true }
    - { name: far, prefixes: [203.0.113.32/28], outside_vrf: red }
    - { name: reds, prefixes: [203.0.113.48/28], vrf: red, outside_vrf: default }
    - { name: blues, prefixes: [203.0.113.64/28], vrf: blue, outside_vrf: default }
    - { name: a, prefixes: [203.0.113.80/28] }
    - { name: b, prefixes: [203.0.113.96/28] }
    - { name: c, prefixes: [203.0.113.112/28] }
  rules:
",
        &[
            ("    - { pool: §[] }\n", &["`pool` is an empty list"]),
            (
                "    - { pool: [p, §p] }\n",
                &["pool `p` is named twice; name each pool once"],
            ),
            (
                "    - { pool: [p, a, b, c, §whole] }\n",
                &["the rule has 5 pools; keep at most 4"],
            ),
            (
                "    - { pool: [p, §far] }\n",
                &["the pools of a rule are in different VRFs"],
            ),
            (
                "    - { pool: §[p, whole] }\n",
                &["some of the pools are one-to-one and some are not"],
            ),
            (
                "    - { inside: red, pool: [reds, §blues] }\n",
                &["pool `blues` serves VRF `blue`, the rule is for VRF `red`"],
            ),
            (
                "    - { inside: red, pool: [p, §blues] }\n",
                &["pool `blues` serves VRF `blue`, the rule is for VRF `red`"],
            ),
            (
                "    - { pool: whole, §mapping: address-dependent, §paired: soft, §parity: false }\n",
                &[
                    "`mapping` has no effect with a one-to-one pool",
                    "`paired` has no effect with a one-to-one pool",
                    "`parity` has no effect with a one-to-one pool",
                ],
            ),
            (
                "    - { pool: p, §port_overloading: true }\n",
                &["contradicts endpoint-independent mapping (RFC 4787 REQ-3)"],
            ),
            (
                "    - { pool: p, §port_overloading: true, mapping: address-and-port-dependent, filtering: address-dependent }\n",
                &["write `filtering: address-and-port-dependent`"],
            ),
            (
                "    - { pool: p, outside_vrf: red }\n    - { pool: p, outside_vrf: §blue, destination: 192.0.2.0/24 }\n",
                &["pool `p` leads to VRF `red` in another rule"],
            ),
            (
                "    - { pool: far, outside_vrf: §blue }\n",
                &["pool `far` leads to VRF `red`"],
            ),
        ],
    );
}

#[test]
fn limiting() {
    check(
        &format!("{POOL}  rules:\n"),
        &[
            (
                "    - { pool: p, limits: { rule_sessions: §0 } }\n",
                &["out of range"],
            ),
            (
                "    - { pool: p, limits: { inbound_sessions: §65536 } }\n",
                &["1 to 65535"],
            ),
            (
                "    - { pool: p, limits: { sessions: 9, reserve: §{ ports: [53] } } }\n",
                &["`reserve` has no `sessions`"],
            ),
            (
                "    - { pool: p, pcp: { max_mappings: §0 } }\n",
                &["1 to 4096"],
            ),
            (
                "    - { pool: p, pcp: { max_lifetime: §80h } }\n",
                &["`max_lifetime` is too long"],
            ),
            (
                "    - { pool: p, pcp: { min_lifetime: §10m, max_lifetime: 5m } }\n",
                &["`min_lifetime` is longer than `max_lifetime`"],
            ),
            (
                "    - { pool: p, pcp: { max_lifetime: §60s } }\n",
                &["`min_lifetime` is longer than `max_lifetime`"],
            ),
            (
                "    - { action: pass, §pcp: {} }\n",
                &["`pcp` has no effect in a rule that does not translate"],
            ),
            (
                "    - { pool: p, limits: { sessions: 9, reserve: { ports: [53], sessions: §9 } } }\n",
                &["all of a subscriber's sessions would be reserved (9)"],
            ),
            (
                "    - { pool: p, limits: { ports: { udp: 99, icmp: 4 }, reserve: { ports: [53], sessions: §8 } } }\n",
                &["all of a subscriber's `icmp` ports would be reserved (8)"],
            ),
            (
                "    - { pool: p, limits: { §reserve: { ports: [53], sessions: 8 } } }\n",
                &["`reserve` has no effect without a limit; add `sessions` or `ports`"],
            ),
            (
                "    - { pool: p, limits: { sessions: 9, reserve: { ports: §[1, 2, 3, 4, 5, 6, 7, 8, 9], sessions: 1 } } }\n",
                &["`reserve` has 9 port ranges; keep at most 8"],
            ),
            (
                "    - { pool: p, limits: { sessions: 9, reserve: { ports: §[], sessions: 1 } } }\n",
                &["`ports` is an empty list, so nobody could use what is reserved"],
            ),
        ],
    );
}

#[test]
fn limits_of_vrfs() {
    check(
        INTERFACES,
        &[
            (
                "limits: { vrfs: { §red: { sessions: 5 } } }\n",
                &["no interface is in VRF `red`"],
            ),
            (
                "limits: { vrfs: { default: §{} } }\n",
                &["the VRF's limits has no `sessions`"],
            ),
            (
                "limits: { vrfs: { default: { sessions: §0 } } }\n",
                &["out of range"],
            ),
            (
                "limits: { vrfs: §5 }\n",
                &["write `NAME: { sessions: N }` for each VRF"],
            ),
        ],
    );
}

#[test]
fn remote_hosts() {
    check(
        "\
interfaces:
  - { name: inside, device: d0, addresses: [10.64.0.1/16] }
  - { name: outside, device: d1, addresses: [198.51.100.1/24] }
  - { name: red, device: d2, addresses: [10.64.0.1/16], vrf: red }
nat:
  pools:
    - { name: p, prefixes: [203.0.113.0/28] }
    - { name: ported, prefixes: [203.0.113.16/28], ports: 1024-2047 }
    - { name: rest, prefixes: [203.0.113.32/28] }
    - { name: partners, prefixes: [10.99.0.0/28] }
  rules: [ { name: r, source: 10.64.0.0/16, pool: p } ]
  deterministic: [ { source: 10.80.0.0/24, prefixes: [203.0.113.48/28], overflow_pool: rest } ]
",
        &[
            (
                "  outside_source: [ §{ pool: partners } ]\n",
                &["the outside source has no `source`"],
            ),
            (
                "  outside_source: [ { source: 192.0.2.0/24, pool: §partner } ]\n",
                &["there is no pool `partner`; did you mean `partners`?"],
            ),
            (
                "  outside_source: [ { source: 192.0.2.0/24, pool: §p } ]\n",
                &["a rule takes addresses of pool `p`; use a pool of its own for remote hosts"],
            ),
            (
                "  outside_source: [ { source: 192.0.2.0/24, pool: §ported } ]\n",
                &["pool `ported` has `ports` or `blocks`; remote hosts get whole addresses"],
            ),
            (
                "  outside_source: [ { source: 192.0.2.0/24, pool: §rest } ]\n",
                &["a deterministic range takes ports of pool `rest`"],
            ),
            (
                "  outside_source: [ { source: 192.0.2.0/24, pool: partners, vrf: §red } ]\n",
                &["the remote hosts are in VRF `red` and the pool in VRF `default`"],
            ),
            (
                "  outside_source: [ { name: §r, source: 192.0.2.0/24, pool: partners } ]\n",
                &["a rule is called `r` too"],
            ),
            (
                "  outside_source: [ { source: §192.0.2.1/24, pool: partners } ]\n",
                &["write `192.0.2.0/24`"],
            ),
        ],
    );
}

#[test]
fn overflow() {
    check(
        &format!(
            "{INTERFACES}nat:\n  pools: [ {{ name: whole, prefixes: [203.0.113.0/28], one_to_one: true }} ]\n"
        ),
        &[(
            "  deterministic: [ { source: 10.80.0.0/24, prefixes: [192.0.2.0/28], overflow_pool: §whole } ]\n",
            &["pool `whole` is one-to-one, so it has no ports to go on with"],
        )],
    );
}
