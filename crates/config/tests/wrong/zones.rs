//! Zone policy: what makes no sense.

use crate::{INTERFACES, check};

/// Two classes and a policy that is right.
const GOOD: &str = "\
zones:
  classes:
    - { name: sip, protocols: [sip] }
    - { name: web, protocols: [tcp], destination_ports: [80] }
  policies:
    - { name: out, classes: [ { class: sip, action: inspect }, { class: web, action: drop } ] }
";

#[test]
fn classes() {
    check(
        &format!("{INTERFACES}zones:\n  classes:\n"),
        &[
            (
                "    - §{ protocols: [tcp] }\n",
                &["the class has no `name`; add `name: sip`"],
            ),
            (
                "    - { name: a, §port: 80 }\n",
                &["unknown key `port` in a class"],
            ),
            (
                "    - { name: a }\n    - { name: §a }\n",
                &["two classes are called `a`"],
            ),
            (
                "    - { name: §default }\n",
                &["`default` is what no class of a policy takes; give the class another name"],
            ),
            (
                "    - { name: a, protocols: [tcp, §sipp] }\n",
                &["`sipp` is neither a protocol nor a gateway with ports; write tcp, udp, icmp"],
            ),
            (
                "    - { name: a, protocols: [§vtcp] }\n",
                &["neither a protocol nor a gateway"],
            ),
            (
                "    - { name: a, protocols: [§sip], destination_ports: [5070] }\n",
                &["`sip` has its ports from `alg`; make it a class of its own"],
            ),
            (
                "    - { name: a, protocols: [icmp], destination_ports: §[80] }\n",
                &["none of `protocols` has ports; add tcp or udp"],
            ),
            (
                "    - { name: a, source: §10.64.0.1/16 }\n",
                &["10.64.0.0/16"],
            ),
        ],
    );
}

#[test]
fn policies() {
    check(
        &format!(
            "{INTERFACES}zones:\n  classes:\n    - {{ name: sip, protocols: [sip] }}\n    \
             - {{ name: voice, protocols: [udp], destination_ports: [5060], source: 10.64.0.0/24 }}\n    \
             - {{ name: udp, protocols: [udp] }}\n    - {{ name: all }}\n  policies:\n"
        ),
        &[
            (
                "    - §{ classes: [] }\n",
                &["the policy has no `name`; add `name: out`"],
            ),
            (
                "    - { name: p }\n    - { name: §p }\n",
                &["two policies are called `p`"],
            ),
            (
                "    - { name: p, default: §reject }\n",
                &["`reject` is not an action; write inspect, pass or drop"],
            ),
            (
                "    - { name: p, classes: [ { class: §spi, action: drop } ] }\n",
                &["there is no class `spi`; did you mean `sip`?"],
            ),
            (
                "    - { name: p, classes: [ §{ class: sip } ] }\n",
                &["the entry has no `action`; add `action: inspect`"],
            ),
            (
                "    - { name: p, classes: [ §{ action: drop } ] }\n",
                &["the entry has no `class`; add `class: sip`"],
            ),
            (
                "    - { name: p, classes: [ { class: sip, action: drop }, { class: §sip, action: pass } ] }\n",
                &["nothing reaches the class `sip`: `sip` before it takes all of it; move it up"],
            ),
            (
                "    - { name: p, classes: [ { class: sip, action: inspect }, { class: §voice, action: drop } ] }\n",
                &["nothing reaches the class `voice`: `sip` before it takes all of it"],
            ),
            (
                "    - { name: p, classes: [ { class: udp, action: inspect }, { class: sip, action: drop }, { class: §voice, action: drop } ] }\n",
                &["nothing reaches the class `voice`: `udp` before it takes all of it"],
            ),
            (
                "    - { name: p, classes: [ { class: all, action: inspect }, { class: §udp, action: drop } ] }\n",
                &["nothing reaches the class `udp`: `all` before it takes all of it"],
            ),
        ],
    );
}

#[test]
fn pairs() {
    check(
        &format!("{INTERFACES}{GOOD}  pairs:\n"),
        &[
            (
                "    - §{ from: lan, to: wan }\n",
                &["the pair has no `policy`; add `policy: out`"],
            ),
            (
                "    - §{ to: wan, policy: out }\n",
                &["the pair has no `from`; add `from: inside`"],
            ),
            (
                "    - { from: lan, to: §wna, policy: out }\n",
                &["no interface is in zone `wna`; did you mean `wan`?"],
            ),
            (
                "    - { from: lan, to: wan, policy: §uot }\n",
                &["there is no policy `uot`; did you mean `out`?"],
            ),
            (
                "    - { from: lan, to: wan, policy: out }\n    - §{ from: lan, to: wan, policy: out }\n",
                &[
                    "a second pair from lan to wan, the first at line 11; put all classes into one policy",
                ],
            ),
            (
                "    - { name: a, from: lan, to: wan, policy: out }\n    - { name: §a, from: wan, to: lan, policy: out }\n",
                &["two pairs are called `a`"],
            ),
            (
                "    - { from: lan, to: §lan, policy: out }\n",
                &["what stays in its zone is not asked about; name another zone"],
            ),
            (
                "    - { from: §self, to: wan, policy: out }\n",
                &[
                    "the appliance opens no flows of its own, it only answers; name a zone: `self` can be `to` alone",
                ],
            ),
        ],
    );
}

#[test]
fn zones_that_are_called_like_something_else() {
    let interfaces = INTERFACES.replace("zone: lan", "zone: self");
    check(
        &format!("{interfaces}{GOOD}  pairs: "),
        &[(
            "§[ { from: wan, to: default, policy: out } ]\n",
            &["an interface is in a zone called `self`, which pairs have a meaning for"],
        )],
    );
}

/// A mistake in a class is not said again of its policy and its pairs.
#[test]
fn one_mistake_is_reported_once() {
    check(
        &format!("{INTERFACES}zones:\n"),
        &[(
            "  classes: [ { §nmae: sip, protocols: [sip] } ]\n  \
             policies: [ { name: out, classes: [ { class: sip, action: inspect } ] } ]\n  \
             pairs: [ { from: lan, to: wan, policy: out } ]\n",
            &["unknown key `nmae` in a class; did you mean `name`?"],
        )],
    );
}

/// What few lines can stand for has its bounds.
#[test]
fn pairs_have_bounds() {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        let lines: Vec<String> = (0..count).map(line).collect();
        lines.concat()
    };
    let classes = lines(200, &|n| {
        format!("    - {{ name: c{n}, protocols: [{n}] }}\n")
    });
    let entries = lines(200, &|n| format!("{{ class: c{n}, action: drop }}, "));
    let interfaces = lines(8, &|n| {
        format!("  - {{ name: i{n}, device: d{n}, zone: z{n} }}\n")
    });
    let pairs = lines(21, &|n| {
        let mark = if n == 20 { "§" } else { "" };
        let (from, to) = (n / 7, n % 7 + usize::from(n % 7 >= n / 7));
        format!("    - {mark}{{ from: z{from}, to: z{to}, policy: p }}\n")
    });
    check(
        &format!(
            "interfaces:\n{interfaces}zones:\n  classes:\n{classes}  policies:\n    \
             - {{ name: p, classes: [ {entries} ] }}\n  pairs:\n{pairs}"
        ),
        &[(
            "",
            &[
                "the pairs up to this one have 4221 classes with 4200 prefixes and services; keep to 4096",
            ],
        )],
    );
}
