//! `multicast`, and what interfaces say about ICMP.

use super::{INTERFACES, check};

#[test]
fn who_takes_part() {
    check(
        INTERFACES,
        &[
            (
                "multicast: §§{}\n",
                &["has no `upstream`", "has no `downstream`"],
            ),
            ("multicast: §off\n", &["is a single value, not a map"]),
            (
                "multicast: { upstream: §outsid, downstream: [inside] }\n",
                &["there is no interface `outsid`"],
            ),
            (
                "multicast: { upstream: outside, downstream: §[] }\n",
                &["`downstream` is empty"],
            ),
            (
                "multicast: { upstream: outside, downstream: [inside, §inside] }\n",
                &["listed twice"],
            ),
            (
                "multicast: { upstream: outside, downstream: [inside, §outside] }\n",
                &["is the upstream interface"],
            ),
            (
                "multicast: { upstream: §outsid, downstream: [inside], groups_max: §0 }\n",
                &["there is no interface", "`groups_max`"],
            ),
            (
                "multicast: { §upstraem: outside, downstream: [inside] }\n",
                &["did you mean `upstream`?"],
            ),
        ],
    );
}

#[test]
fn an_interface_without_address_cannot_send_igmp() {
    check(
        "",
        &[(
            "interfaces:\n  - { name: inside, device: d0, addresses: [10.64.0.1/16] }\n  \
             - { name: outside, device: d1 }\n\
             multicast: { upstream: §outside, downstream: [inside] }\n",
            &["has no address to send IGMP from"],
        )],
    );
}

#[test]
fn what_may_leave() {
    check(
        INTERFACES,
        &[
            (
                "multicast: { upstream: outside, downstream: [inside], scopes: [§224.0.0.0/24] }\n",
                &["never forwarded"],
            ),
            (
                "multicast: { upstream: outside, downstream: [inside], scopes: [§224.0.0.251/32] }\n",
                &["never forwarded"],
            ),
            (
                "multicast: { upstream: outside, downstream: [inside], scopes: [§10.0.0.0/8, §0.0.0.0/0] }\n",
                &["no groups", "no groups"],
            ),
            (
                "multicast: { upstream: outside, downstream: [inside], outward: §maybe }\n",
                &["`outward`"],
            ),
            (
                "multicast: { upstream: outside, downstream: [inside], groups_max: §0, igmp_version: §4 }\n",
                &["`groups_max`", "`igmp_version`"],
            ),
        ],
    );
}

#[test]
fn icmp_errors_is_a_boolean() {
    check(
        "",
        &[(
            "interfaces: [ { name: a, device: d0, addresses: [10.64.0.1/16], icmp_errors: §some } ]\n",
            &["`icmp_errors`"],
        )],
    );
}
