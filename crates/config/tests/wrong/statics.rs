//! Static mappings, times and gateways.

use crate::{INTERFACES, POOL, check};

#[test]
fn static_mappings() {
    check(
        &format!("{POOL}  static:\n"),
        &[
            ("    - §{ outside: 192.0.2.1 }\n", &["has no `inside`"]),
            ("    - §{ inside: 10.64.0.9 }\n", &["has no `outside`"]),
            (
                "    - { inside: §10.64.0, outside: 192.0.2.1 }\n",
                &["not an IPv4 address"],
            ),
            (
                "    - { inside: §[], outside: 192.0.2.1 }\n",
                &["`inside` is an empty list"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: §198.51.100.1 }\n",
                &["own address of interface `outside`"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: §198.51.100.255 }\n",
                &["broadcast address"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: §{ interface: outside } }\n",
                &["whole own address"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: §\"interface: outside\" }\n",
                &["whole own address"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: §{ port: 80 } }\n",
                &["`outside` has no `interface`"],
            ),
            (
                "    - { protocol: tcp, inside: \"10.64.0.9:80\", outside: { interface: §wan, port: 80 } }\n",
                &["no interface `wan`"],
            ),
            (
                "    - { protocol: tcp, inside: \"10.64.0.9:80-89\", outside: §\"192.0.2.1:80-88\" }\n",
                &["10 inside ports cannot map to 9"],
            ),
            (
                "    - { protocol: tcp, inside: \"10.64.0.9:80\", outside: §192.0.2.1 }\n",
                &["the outside has none"],
            ),
            (
                "    - { protocol: tcp, inside: §10.64.0.9, outside: \"192.0.2.1:80\" }\n",
                &["the inside has none"],
            ),
            (
                "    - { inside: \"10.64.0.9:80\", outside: §\"192.0.2.1:80\" }\n",
                &["ports are given without a protocol"],
            ),
            (
                "    - { protocol: §esp, inside: \"10.64.0.9:80\", outside: \"192.0.2.1:80\" }\n",
                &["protocol 50 has no ports"],
            ),
            (
                "    - { protocol: §icmp, inside: \"10.64.0.9:80\", outside: \"192.0.2.1:80\" }\n",
                &["protocol 1 has no ports"],
            ),
            (
                "    - { protocol: §tpc, inside: \"10.64.0.9:80\", outside: \"192.0.2.1:80\" }\n",
                &["not a protocol"],
            ),
            (
                "    - { protocol: tcp, inside: §\"10.64.0.9:99-80\", outside: \"192.0.2.1:80\" }\n",
                &["reversed"],
            ),
            (
                "    - { protocol: tcp, inside: §\"10.64.0.9:0\", outside: \"192.0.2.1:80\" }\n",
                &["port 0"],
            ),
            (
                "    - { inside: 10.64.8.0/24, outside: §192.0.2.0/25 }\n",
                &["256 inside addresses cannot map to 128"],
            ),
            (
                "    - { inside: 10.0.0.0/8, outside: §11.0.0.0/8 }\n",
                &["more than 65536 static mappings"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: 192.0.2.1 }\n    - { inside: 10.64.0.8, outside: §192.0.2.1 }\n",
                &["outside 192.0.2.1 is mapped already at line 7"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: 192.0.2.1 }\n    - { protocol: tcp, inside: \"10.64.0.8:1\", outside: §\"192.0.2.1:1\" }\n",
                &["mapped already"],
            ),
            (
                "    - { protocol: tcp, inside: \"10.64.0.8:1-9\", outside: \"192.0.2.1:1-9\" }\n    - { protocol: tcp, inside: \"10.64.0.8:1\", outside: §\"192.0.2.1:9\" }\n",
                &["mapped already"],
            ),
            (
                "    - { inside: 10.64.8.0/24, outside: 192.0.2.0/24 }\n    - { inside: 10.64.9.0, outside: §192.0.2.77 }\n",
                &["192.0.2.77 is mapped already"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: 192.0.2.1 }\n    - { inside: 10.64.0.9, outside: §192.0.2.2 }\n",
                &["inside 10.64.0.9 is mapped to another outside address at line 7"],
            ),
            (
                "    - { inside: [10.64.0.9, §10.64.0.9], outside: 192.0.2.1 }\n",
                &["inside 10.64.0.9 is listed twice"],
            ),
            (
                "    - { protocol: tcp, inside: [\"10.64.0.9:80\", §\"10.64.0.8:81\"], outside: \"192.0.2.1:80\" }\n",
                &["inside hosts that share load have different ports"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: 192.0.2.1, §affinity: 300s }\n",
                &["`affinity` has no effect"],
            ),
            (
                "    - { inside: 10.64.0.9, outside: 192.0.2.1, vrf: §blue }\n",
                &["no interface is in VRF `blue`"],
            ),
            (
                "    - { inside: 10.64.0.1, outside: §192.0.2.1 }\n",
                &["inside 10.64.0.1 is the appliance's own address"],
            ),
        ],
    );
}

#[test]
fn statics_and_limits() {
    check(
        INTERFACES,
        &[
            (
                "nat:\n  pools: [ { name: p, prefixes: §[203.0.113.0/28] } ]\n  static: [ { inside: 10.64.8.0/28, outside: 203.0.113.0/28 } ]\n",
                &["static mappings take every address of pool `p`"],
            ),
            (
                "limits: { mappings: 2 }\nnat: { static: [ { inside: 10.64.8.0/30, outside: §203.0.113.0/30 } ] }\n",
                &["more than 2 static mappings; raise `limits.mappings`"],
            ),
        ],
    );
}

#[test]
fn times_and_the_rest_of_nat() {
    check(
        &format!("{INTERFACES}nat:\n"),
        &[
            (
                "  timeouts: { udp: §119s }\n",
                &["`119s` is too short; write 120s or more"],
            ),
            ("  timeouts: { udp: §1m }\n", &["write 120s or more"]),
            ("  timeouts: { icmp: §0 }\n", &["too short"]),
            ("  timeouts: { esp: §1.5h }\n", &["not a duration"]),
            ("  timeouts: { esp: §-5s }\n", &["not a duration"]),
            ("  timeouts: { esp: §9999d }\n", &["at most 365 days"]),
            (
                "  timeouts: { esp: §\"10 minutes\" }\n",
                &["not a duration"],
            ),
            ("  hold_down: { max_percent: §101 }\n", &["1 to 100"]),
            ("  hold_down: { time: §x }\n", &["not a duration"]),
            (
                "  refusal_code: §3\n",
                &["write host-unreachable or admin-prohibited"],
            ),
            ("  udp_inbound_refresh: §2\n", &["neither true nor false"]),
            (
                "  outside_source: [ { source: 10.0.0.0/8, pool: §p } ]\n",
                &["there is no pool `p`"],
            ),
            (
                "  outside_source: [ §{ source: 10.0.0.0/8 } ]\n",
                &["the outside source has no `pool`"],
            ),
            ("  timeouts: { tcp_opening: §0 }\n", &["too short"]),
        ],
    );
}

#[test]
fn gateways() {
    check(
        INTERFACES,
        &[
            ("alg: { §ftpp: {} }\n", &["did you mean `ftp`?"]),
            (
                "alg: { ftp: §maybe }\n",
                &["`maybe` is not a gateway's setting; write `off`"],
            ),
            ("alg: { ftp: §[21] }\n", &["`ftp` is a list"]),
            ("alg: { ftp: { ports: [§0] } }\n", &["1 to 65535"]),
            (
                "alg: { ftp: { §port: [21] } }\n",
                &["did you mean `ports`?"],
            ),
            ("alg: { ftp: { mode: §silent } }\n", &["not a mode"]),
            (
                "alg: { netbios: { §ports: [1] } }\n",
                &["unknown key `ports`"],
            ),
            (
                "alg: { dns: { reset_ttl: §5 } }\n",
                &["neither true nor false"],
            ),
            ("alg: { sip: { max_media_lines: §0 } }\n", &["1 to 255"]),
            (
                "alg: { sip: { call_timeout: §long } }\n",
                &["not a duration"],
            ),
            (
                "alg: { sip: { trunks: [§pbx] } }\n",
                &["not an IPv4 address"],
            ),
            (
                "alg: { sip: { trunks: [ §{ media: [10.0.0.0/24] } ] } }\n",
                &["a trunk has no `address`"],
            ),
            (
                "alg: { skinny: { §trunks: [] } }\n",
                &["unknown key `trunks`"],
            ),
            (
                "alg: { h323: { trunks: [ §{ media: [10.0.0.0/24] } ] } }\n",
                &["a trunk has no `address`"],
            ),
            (
                "alg: { sip: { trunks: [ { §adress: 10.0.0.5 } ] } }\n",
                &["unknown key `adress`"],
            ),
            ("alg: { vtcp: { max_message: §8KB } }\n", &["not a size"]),
            ("alg: { vtcp: { max_message: §1GiB } }\n", &["out of range"]),
            (
                "alg: { ike: { preserve_port: [§10.0.0.1/8] } }\n",
                &["host bits"],
            ),
            (
                "alg: { ike: { keepalive: §4s, keepalive_for: [10.0.0.0/8] } }\n",
                &["out of range; write 5s to 3600s"],
            ),
            (
                "alg: { ike: { keepalive_for: [§ten] } }\n",
                &["not a prefix"],
            ),
            (
                "alg: { esp: { spi_prediction: §md5 } }\n",
                &["no way to foresee"],
            ),
            (
                "alg: { esp: { encapsulate: [ §{ inside: 10.0.0.1 } ] } }\n",
                &["needs `inside` and `gateway`"],
            ),
            (
                "alg: { esp: { encapsulate: [ { inside: 10.0.0.1, gateway: 10.0.0.2, §peer: 1 } ] } }\n",
                &["unknown key `peer`"],
            ),
            (
                "alg: { esp: { enabled: §5 } }\n",
                &["neither true nor false"],
            ),
            ("alg: §off\n", &["`alg` is a single value"]),
        ],
    );
}
