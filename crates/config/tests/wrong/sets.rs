//! Named lists of prefixes.

use crate::{INTERFACES, POOL, check};

#[test]
fn prefix_sets() {
    check(
        INTERFACES,
        &[
            (
                "prefix_sets: §[10.0.0.0/8]\n",
                &["`prefix_sets` is a list, not a map; write `NAME: [10.64.0.0/16]`"],
            ),
            (
                "prefix_sets: §homes\n",
                &["`prefix_sets` is a single value, not a map"],
            ),
            (
                "prefix_sets: { homes: §[] }\n",
                &["prefix set `homes` is empty; list at least one prefix"],
            ),
            (
                "prefix_sets:\n  §homes:\n",
                &["prefix set `homes` is empty"],
            ),
            (
                "prefix_sets: { homes: [10.0.0.0/8, §10.1.2.3/16] }\n",
                &[
                    "`homes`: `10.1.2.3/16` is not a prefix: host bits are set beyond the prefix length; write `10.1.0.0/16`",
                ],
            ),
            (
                "prefix_sets: { homes: §{ a: 10.0.0.0/8 } }\n",
                &["`homes` has a map where a single value belongs"],
            ),
            (
                "prefix_sets: { homes: [10.0.0.0/8], shops: [§homes] }\n",
                &["`homes` is not a prefix: not an IPv4 address"],
            ),
            (
                "prefix_sets: { homes: [10.0.0.0/8], §homes: [10.0.0.0/8] }\n",
                &[
                    "two prefix sets are called `homes`, the first at line 4; give each its own name",
                ],
            ),
            (
                "prefix_sets: { §10.0.0.0/8: [10.0.0.0/8] }\n",
                &["prefix set `10.0.0.0/8` looks like an address; begin the name with a letter"],
            ),
            (
                "prefix_sets: { §10.0.0.1: [10.0.0.0/8] }\n",
                &["looks like an address"],
            ),
            (
                "prefix_sets: { §\"fe80::1\": [10.0.0.0/8] }\n",
                &["looks like an address"],
            ),
            (
                "prefix_sets: { §a b: [10.0.0.0/8] }\n",
                &["`a b` has a space, a comma or an equals sign"],
            ),
            (
                "§prefix_set: { homes: [10.0.0.0/8] }\nnat:\n  pools: [ { name: p, prefixes: [203.0.113.0/28] } ]\n  rules: [ { pool: p, source: homes } ]\n",
                &["did you mean `prefix_sets`?"],
            ),
        ],
    );
}

#[test]
fn prefix_sets_in_rules() {
    check(
        &format!("{POOL}  rules:\n"),
        &[
            (
                "    - { pool: p, source: §home }\nprefix_sets: { homes: [10.0.0.0/8] }\n",
                &["there is no prefix set `home`; did you mean `homes`?"],
            ),
            (
                "    - { pool: p, source: homes, destination: [192.0.2.0/24, §elsewhere] }\nprefix_sets: { homes: [10.0.0.0/8] }\n",
                &["there is no prefix set `elsewhere`; known here: homes"],
            ),
            (
                "    - { pool: p, source: §homes }\n",
                &[
                    "there is no prefix set `homes`; add it under `prefix_sets`, or write a prefix such as `10.64.0.0/16`",
                ],
            ),
            (
                "    - { pool: p, source: [homes, §10.64.0.x/16] }\nprefix_sets: { homes: [10.0.0.0/8] }\n",
                &["not an IPv4 address"],
            ),
            (
                "    - { pool: p, source: §\"fe80::/64\" }\n",
                &["`fe80::/64` is not a prefix"],
            ),
        ],
    );
}

/// Sets are written once and used often; what becomes of that is bounded.
#[test]
fn prefix_sets_do_not_explode() {
    use std::fmt::Write as _;
    let mut text = format!("{POOL}  rules:\n");
    for _ in 0..1_000 {
        text.push_str("    - { pool: p, source: many }\n");
    }
    text.push_str("prefix_sets: { many: [");
    for i in 0..2_000 {
        write!(text, "10.{}.{}.0/24,", i / 250, i % 250).unwrap();
    }
    text.push_str("] }\n");
    let errors = config::parse("f.yaml", &text).unwrap_err();
    assert_eq!(errors.len(), 500);
    let shown = errors[0].to_string();
    assert!(
        shown.contains("with set `many` rules have more than 1000000 prefixes; use wider prefixes"),
        "{shown}"
    );
}
