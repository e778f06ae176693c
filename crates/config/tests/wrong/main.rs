//! Files that are wrong. `§` stands before each place that must be named, in order;
//! after it come what the message must say. Anything else reported fails the case.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod multicast;
mod nat;
mod policy;
mod protection;
mod sets;
mod statics;
mod zones;

use config::parse;

/// A text with marks, and a part of the message for each mark.
type Case = (&'static str, &'static [&'static str]);

const INTERFACES: &str = "\
interfaces:
  - { name: inside, device: d0, addresses: [10.64.0.1/16], zone: lan }
  - { name: outside, device: d1, addresses: [198.51.100.1/24], zone: wan }
";

/// Two interfaces and one pool, for the rest of the `nat` section.
const POOL: &str = "\
interfaces:
  - { name: inside, device: d0, addresses: [10.64.0.1/16], zone: lan }
  - { name: outside, device: d1, addresses: [198.51.100.1/24], zone: wan }
nat:
  pools: [ { name: p, prefixes: [203.0.113.0/28] } ]
";

#[track_caller]
fn check(before: &str, cases: &[Case]) {
    let mut failures = Vec::new();
    for (marked, messages) in cases {
        let marked = format!("{before}{marked}");
        let mut wanted = Vec::new();
        let (mut line, mut column) = (1, 1);
        for c in marked.chars() {
            match c {
                '§' => wanted.push((line, column)),
                '\n' => (line, column) = (line + 1, 1),
                _ => column += 1,
            }
        }
        assert_eq!(wanted.len(), messages.len(), "marks in {marked}");
        let text = marked.replace('§', "");
        let errors = parse("f.yaml", &text).err().unwrap_or_default();
        let agree = errors.len() == wanted.len()
            && errors
                .iter()
                .zip(&wanted)
                .zip(*messages)
                .all(|((error, at), message)| {
                    let shown = error.to_string();
                    (error.line(), error.column()) == *at
                        && shown.starts_with(&format!("f.yaml:{}:{}: ", at.0, at.1))
                        && shown.contains(message)
                        && shown.matches("; ").count() == 1
                        && !shown.contains('\n')
                });
        if !agree {
            let got: Vec<String> = errors.iter().map(ToString::to_string).collect();
            failures.push(format!(
                "{text}wanted {wanted:?} {messages:?}, got\n{}\n",
                got.join("\n")
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn syntax() {
    check(
        "",
        &[
            ("§", &["there is no interface"]),
            ("interfaces: §[]\n", &["there is no interface"]),
            ("§- a\n- b\n", &["the file is a list, not a map"]),
            ("§just text\n", &["the file is a single value"]),
            ("a:\n\t§b: 1\n", &["not valid YAML: tab"]),
            ("interfaces: §*nowhere\n", &["unknown anchor"]),
            ("interfaces: \"abc\n§", &["not valid YAML"]),
            (
                "limits: {}\n---\n§limits: {}\n",
                &["multiple YAML documents"],
            ),
            ("limits: §@x\n", &["not valid YAML"]),
            ("limits: { a: b§: c }\n", &["not valid YAML"]),
            ("limits: { §[1]: 2 }\n", &["a key is a list"]),
            ("limits: { §{a: b}: 2 }\n", &["a key is a map"]),
            ("limits: !!int §x\n", &["not valid YAML"]),
        ],
    );
}

#[test]
fn keys() {
    check(
        INTERFACES,
        &[
            (
                "§limit: {}\n",
                &["unknown key `limit` in the file; did you mean `limits`?"],
            ),
            (
                "§xyzzy: {}\n",
                &["unknown key `xyzzy` in the file; known here: dpdk"],
            ),
            (
                "limits: {}\n§limits: {}\n",
                &["`limits` is given twice, first at line 4"],
            ),
            ("limits: { §session: 1 }\n", &["did you mean `sessions`?"]),
            ("limits: { §<<: { sessions: 1 } }\n", &["unknown key `<<`"]),
            ("limits: §[1]\n", &["`limits` is a list, not a map"]),
            ("limits: §5\n", &["`limits` is a single value, not a map"]),
            ("nat: { §rule: [] }\n", &["did you mean `rules`?"]),
            ("nat: { §pool: [] }\n", &["did you mean `pools`?"]),
            (
                "nat: { pools: §{ name: p } }\n",
                &["`pools` is a map, not a list"],
            ),
            ("nat: { pools: [ §p ] }\n", &["a pool is a single value"]),
            ("nat: { timeouts: { §tcp: 5s } }\n", &["unknown key `tcp`"]),
            (
                "§foo: 1\n§bar: 2\nlimits: { §baz: 3 }\n",
                &[
                    "unknown key `foo`",
                    "unknown key `bar`",
                    "unknown key `baz`",
                ],
            ),
        ],
    );
}

#[test]
fn machine() {
    check(
        INTERFACES,
        &[
            (
                "dpdk: { memory_mb: §lots }\n",
                &["`lots` is not a whole number"],
            ),
            ("dpdk: { memory_mb: §0 }\n", &["write a number from 16"]),
            (
                "dpdk: { memory_mb: §[512] }\n",
                &["a list where a single value belongs"],
            ),
            (
                "dpdk: { eal_args: [a, §{ b: c }] }\n",
                &["a map where a single value"],
            ),
            ("workers: { cores: §[] }\n", &["`cores` is empty"]),
            (
                "workers: { cores: [1, 2, §1] }\n",
                &["core 1 is listed twice"],
            ),
            (
                "workers: { cores: [§-1] }\n",
                &["`-1` is not a whole number"],
            ),
            ("workers: { cores: [§5000] }\n", &["out of range"]),
            (
                "workers: { rss: §nic }\n",
                &["`nic` is neither `device` nor `external`"],
            ),
            (
                "workers: { rss: external, reta: §rebalance }\n",
                &["leave out one of the two"],
            ),
            (
                "workers: { rss_key: §6d5a }\n",
                &["no key of 40 to 64 bytes"],
            ),
            ("workers: { reta_size: §500 }\n", &["write 512"]),
            (
                "workers: { reta_size: §0 }\n",
                &["write a number from 1 to 65536"],
            ),
            ("limits: { sessions: §0 }\n", &["`0` is out of range"]),
            (
                "limits: { sessions: §2000000000 }\n",
                &["write a number from 1 to 1073741824"],
            ),
            ("limits: { sessions: §010 }\n", &["not a whole number"]),
            (
                "limits: { sessions: §99999999999999999999999 }\n",
                &["out of range"],
            ),
            ("limits: { sessions: §1e6 }\n", &["not a whole number"]),
            ("limits: { subscribers: §0 }\n", &["out of range"]),
            ("limits: { neighbors: §65535 }\n", &["1 to 65534"]),
            ("limits: { fragments: §true }\n", &["not a whole number"]),
            (
                "control: { socket: §relative.sock }\n",
                &["not an absolute path"],
            ),
            (
                "control: { metrics: §9464 }\n",
                &["not an address and a port"],
            ),
            (
                "control: { metrics: §\"127.0.0.1:0\" }\n",
                &["not an address and a port"],
            ),
            (
                "log: { store: { path: §log } }\n",
                &["not an absolute path; write one such as /var/lib/portolan/log"],
            ),
            (
                "log: { store: §{ keep: 24h } }\n",
                &["has no `path`; add `path: /var/lib/portolan/log`"],
            ),
            (
                "log: { store: { path: /log, keep: §5s } }\n",
                &["too short"],
            ),
            (
                "log: { store: { path: /log, max_size: §1MiB } }\n",
                &["too little; write 512MiB or more"],
            ),
            (
                "log: { ipfix: §{ domain: 1 } }\n",
                &["has no `collector`; add `collector: \"192.0.2.50:4739\"`"],
            ),
            (
                "log: { ipfix: { collector: §192.0.2.50 } }\n",
                &["not an address and a port; write both, such as \"192.0.2.50:4739\""],
            ),
            (
                "log: { ipfix: { collector: \"192.0.2.50:4739\", transport: §sctp } }\n",
                &["not a transport; write udp or tcp"],
            ),
            (
                "log: { ipfix: { collector: \"192.0.2.50:4739\", transport: tcp, §template_refresh: 60s } }\n",
                &["`template_refresh` has no effect over TCP"],
            ),
            (
                "log: { syslog: { server: \"192.0.2.51:514\", facility: §mail } }\n",
                &["not a facility; write local0"],
            ),
            (
                "log: { syslog: §{ §collector: \"192.0.2.51:514\" } }\n",
                &[
                    "has no `server`",
                    "unknown key `collector` in a syslog server",
                ],
            ),
            ("log: { §sislog: null }\n", &["did you mean `syslog`?"]),
        ],
    );
}

#[test]
fn interfaces() {
    check(
        "interfaces:\n",
        &[
            ("  - §{ device: d0 }\n", &["the interface has no `name`"]),
            ("  - §{ name: a }\n", &["the interface has no `device`"]),
            ("  - §name: a\n", &["the interface has no `device`"]),
            ("  - { name: §\"a b\", device: d }\n", &["has a space"]),
            ("  - { name: §\"\", device: d }\n", &["is not a name"]),
            ("  - { name: a, device: §\"\" }\n", &["the text is empty"]),
            (
                "  - { name: a, device: d, §adresses: [10.0.0.1/8] }\n",
                &["did you mean `addresses`?"],
            ),
            (
                "  - { name: a, device: d, addresses: [§10.0.0.1] }\n",
                &["with a prefix length"],
            ),
            (
                "  - { name: a, device: d, addresses: [§10.0.0.1/33] }\n",
                &["with a prefix length"],
            ),
            (
                "  - { name: a, device: d, addresses: [§10.0.0.300/8] }\n",
                &["with a prefix length"],
            ),
            (
                "  - { name: a, device: d, addresses: [§\"2001:db8::1/64\"] }\n",
                &["with a prefix length"],
            ),
            (
                "  - { name: a, device: d, addresses: [§10.0.0.0/24] }\n",
                &["the network address of 10.0.0.0/24"],
            ),
            (
                "  - { name: a, device: d, addresses: [§10.0.0.255/24] }\n",
                &["the broadcast address"],
            ),
            (
                "  - { name: a, device: d, addresses: [§224.0.0.5/24] }\n",
                &["cannot be a host's address"],
            ),
            (
                "  - { name: a, device: d, addresses: [§127.0.0.1/8] }\n",
                &["cannot be a host's address"],
            ),
            (
                "  - { name: a, device: d, addresses: [10.0.0.1/24, §10.0.0.1/24] }\n",
                &["already an own address"],
            ),
            (
                "  - { name: a, device: d, addresses: [10.0.0.1/24] }\n  - { name: b, device: e, addresses: [§10.0.0.1/32] }\n",
                &["already an own address, of `a`"],
            ),
            (
                "  - { name: a, device: d, addresses: [10.0.0.1/24] }\n  - { name: b, device: e, addresses: [§10.0.0.2/16] }\n",
                &["10.0.0.0/16 overlaps 10.0.0.0/24 of interface `a`"],
            ),
            (
                "  - { name: a, device: d, addresses: [10.0.0.1/8] }\n  - { name: b, device: e, addresses: [§10.9.0.2/16] }\n",
                &["10.9.0.0/16 overlaps 10.0.0.0/8"],
            ),
            (
                "  - { name: a, device: d }\n  - { name: §a, device: e }\n",
                &["two interfaces are called `a`, the first at line 2"],
            ),
            (
                "  - { name: a, device: d }\n  - { name: b, device: §d }\n",
                &["device `d` has this VLAN already"],
            ),
            (
                "  - { name: a, device: d, vlan: 5 }\n  - { name: b, device: §d, vlan: [5] }\n",
                &["has this VLAN already"],
            ),
            ("  - { name: a, device: d, vlan: §0 }\n", &["1 to 4094"]),
            ("  - { name: a, device: d, vlan: §4095 }\n", &["1 to 4094"]),
            (
                "  - { name: a, device: d, vlan: §[1, 2, 3] }\n",
                &["`vlan` has 3 tags"],
            ),
            (
                "  - { name: a, device: d, vlan: [1, §x] }\n",
                &["not a whole number"],
            ),
            ("  - { name: a, device: d, mtu: §575 }\n", &["576 to 9180"]),
            ("  - { name: a, device: d, mtu: §9181 }\n", &["576 to 9180"]),
            (
                "  - { name: a, device: d, mss_clamp: §87 }\n",
                &["88 to 9140, or `auto`"],
            ),
            (
                "  - { name: a, device: d, mss_clamp: §on }\n",
                &["or `auto`"],
            ),
            (
                "  - { name: a, device: d, mac: §\"01:00:5e:00:00:01\" }\n",
                &["not a unicast MAC"],
            ),
            (
                "  - { name: a, device: d, mac: §02:00 }\n",
                &["not a MAC address"],
            ),
            (
                "  - { name: a, device: d, mac: §\"ff:ff:ff:ff:ff:ff\" }\n",
                &["not a unicast MAC"],
            ),
        ],
    );
}

#[test]
fn routes_and_neighbours() {
    check(
        INTERFACES,
        &[
            (
                "routes: [ §{ next_hop: 198.51.100.2 } ]\n",
                &["the route has no `prefix`"],
            ),
            (
                "routes: [ §{ prefix: 0.0.0.0/0 } ]\n",
                &["the route has no `next_hop`"],
            ),
            (
                "routes: [ { prefix: §0.0.0.0/40, next_hop: 198.51.100.2 } ]\n",
                &["not a prefix: the prefix length"],
            ),
            (
                "routes: [ { prefix: §10.0.0.1/8, next_hop: 198.51.100.2 } ]\n",
                &["host bits are set beyond the prefix length; write `10.0.0.0/8`"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: §192.0.2.1 } ]\n",
                &["next hop 192.0.2.1 is not on a network of any interface in VRF `default`"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: §198.51.100.1 } ]\n",
                &["own address of interface `outside`"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: §198.51.100.255 } ]\n",
                &["broadcast address"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: §198.51.100.2, interface: inside } ]\n",
                &["not on a network of interface `inside`"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: 198.51.100.2, interface: §outsid } ]\n",
                &["did you mean `outside`?"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: 198.51.100.2, vrf: §blue } ]\n",
                &["no interface is in VRF `blue`"],
            ),
            (
                "routes: [ { prefix: 0.0.0.0/0, next_hop: 198.51.100.2 }, { prefix: §0.0.0.0/0, next_hop: 198.51.100.3 } ]\n",
                &["has a route already"],
            ),
            (
                "neighbors: [ §{ ip: 198.51.100.2, mac: \"02:00:00:00:00:01\" } ]\n",
                &["no `interface`"],
            ),
            (
                "neighbors: [ §{ interface: outside, mac: \"02:00:00:00:00:01\" } ]\n",
                &["no `ip`"],
            ),
            (
                "neighbors: [ §{ interface: outside, ip: 198.51.100.2 } ]\n",
                &["no `mac`"],
            ),
            (
                "neighbors: [ { interface: outside, ip: §10.64.0.2, mac: \"02:00:00:00:00:01\" } ]\n",
                &["neighbour 10.64.0.2 is not on a network of interface `outside`"],
            ),
            (
                "neighbors: [ { interface: outside, ip: §198.51.100.1, mac: \"02:00:00:00:00:01\" } ]\n",
                &["own address"],
            ),
            (
                "neighbors: [ { interface: outside, ip: 198.51.100.2, mac: §\"03:00:00:00:00:01\" } ]\n",
                &["unicast MAC"],
            ),
            (
                "neighbors: [ { interface: §wan, ip: 198.51.100.2, mac: \"02:00:00:00:00:01\" } ]\n",
                &["no interface `wan`"],
            ),
            (
                "limits: { neighbors: 1 }\nneighbors:\n  - { interface: outside, ip: 198.51.100.2, mac: 02-00-00-00-00-01 }\n  - §{ interface: outside, ip: 198.51.100.3, mac: 02-00-00-00-00-02 }\n",
                &["keep at most 1"],
            ),
            (
                "neighbors:\n  - { interface: outside, ip: 198.51.100.2, mac: 02-00-00-00-00-01 }\n  - { interface: outside, ip: §198.51.100.2, mac: 02-00-00-00-00-02 }\n",
                &["a neighbour already"],
            ),
        ],
    );
}

#[test]
fn one_mistake_in_interfaces_is_reported_once() {
    check(
        "",
        &[(
            "interfaces: [ { name: a, device: d, addresses: [§10.0.0.1/99], vrf: x } ]
routes: [ { prefix: 0.0.0.0/0, next_hop: 10.0.0.2, vrf: x } ]
neighbors: [ { interface: a, ip: 10.0.0.2, mac: 02-00-00-00-00-01 } ]
nat: { pools: [ { name: p, interface: a } ], rules: [ { pool: p, inside: a, vrf: x } ] }
",
            &["with a prefix length"],
        )],
    );
}

#[test]
fn a_slip_of_the_pen_is_reported_once() {
    check(
        "",
        &[
            (
                "§interface: [ { name: a, device: d } ]\nnat: { rules: [ { action: drop, inside: b } ] }\n",
                &["did you mean `interfaces`?"],
            ),
            (
                "interfaces: [ { §nmae: a, device: d } ]\nnat: { rules: [ { action: drop, inside: a } ] }\n",
                &["did you mean `name`?"],
            ),
            (
                "interfaces: [ { name: a, device: d, §zne: z } ]\nnat: { rules: [ { action: drop, inside: z } ] }\n",
                &["did you mean `zone`?"],
            ),
            (
                "interfaces: [ { name: a, device: d } ]\nnat: { rules: [ { §pol: p } ] }\n",
                &["did you mean `pool`?"],
            ),
            (
                "interfaces: [ { name: a, device: d } ]\nnat: { §pols: [ { name: p } ], rules: [ { pool: p } ] }\n",
                &["did you mean `pools`?"],
            ),
            (
                "interfaces: [ { name: a, device: d } ]\nnat: { pools: [ { name: p, §prefix: [203.0.113.0/28] } ], rules: [ { pool: p } ] }\n",
                &["did you mean `prefixes`?"],
            ),
        ],
    );
}

#[test]
fn mistakes_that_have_nothing_to_do_with_each_other_are_all_reported() {
    check(
        "",
        &[(
            "interfaces: [ { name: a, device: d, §adresses: [10.0.0.1/8], mtu: §1 } ]
routes: [ { prefix: 0.0.0.0/0, next_hop: 10.0.0.2, interface: §b } ]
nat:
  pools: [ { name: p, prefixes: [203.0.113.0/28], ports: §9-8 } ]
  rules: [ { pool: §q, inside: §c, vrf: §x } ]
",
            &[
                "did you mean `addresses`?",
                "576 to 9180",
                "no interface `b`",
                "reversed",
                "no pool `q`",
                "no interface or zone `c`",
                "in VRF `x`",
            ],
        )],
    );
}

#[test]
fn errors_come_in_the_order_of_the_file() {
    check(
        "",
        &[(
            "alg: { ftp: §x }
nat:
  timeouts: { udp: §5s }
  rules: [ §{} ]
  pools: [ { name: §[], interface: a } ]
interfaces: [ { name: a, device: d, addresses: [10.0.0.1/8], mtu: §1 } ]
limits: { sessions: §0 }
",
            &["`x`", "5s", "no pool", "a list", "`1`", "`0`"],
        )],
    );
}
