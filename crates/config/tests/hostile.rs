//! Whatever the bytes, reading ends, and ends with an answer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use config::{ConfigError, parse};
use proptest::prelude::*;

const CONTRACT: &str = include_str!("contract.yaml");

/// Reads a text with a bound on time far above what it takes; an `Err` must say something.
#[track_caller]
fn read(text: &str) -> Vec<ConfigError> {
    let start = Instant::now();
    let result = parse("h.yaml", text);
    assert!(
        start.elapsed() < Duration::from_mins(1),
        "took {:?}",
        start.elapsed()
    );
    let errors = result.err();
    if let Some(errors) = &errors {
        assert!(!errors.is_empty());
        assert!(errors.is_sorted_by_key(|error| (error.line(), error.column())));
        for error in errors {
            assert!(error.line() > 0 && error.column() > 0);
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
    errors.unwrap_or_default()
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [
        ("[", "]"),
        ("{a: ", "}"),
        ("- ", ""),
        ("? ", ""),
        ("[{a: ", "}]"),
    ] {
        for depth in [20, 1_000, 100_000] {
            let text = format!("{}1{}\n", open.repeat(depth), close.repeat(depth));
            assert!(!read(&text).is_empty());
            assert!(!read(&format!("interfaces: {text}")).is_empty());
            assert!(!read(&open.repeat(depth)).is_empty());
        }
    }
    let mut steps = String::new();
    for depth in 0..500 {
        steps.push_str(&" ".repeat(depth));
        steps.push_str("a:\n");
    }
    assert!(!read(&steps).is_empty());
}

#[test]
fn aliases_do_not_explode() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..30 {
        let refs = vec![format!("*a{}", i - 1); 9].join(", ");
        writeln!(laughs, "a{i}: &a{i} [{refs}]").unwrap();
    }
    assert!(!read(&laughs).is_empty());

    let mut chain = String::from("a0: &a0 [x]\n");
    for i in 1..5_000 {
        writeln!(chain, "a{i}: &a{i} [*a{}]", i - 1).unwrap();
    }
    assert!(!read(&chain).is_empty());
    assert!(!read("interfaces: &a [*a]\n").is_empty());
}

#[test]
fn long_files_end_in_reasonable_time() {
    let repeat = |head: &str, line: &dyn Fn(u32) -> String, tail: &str| {
        let mut text = head.to_owned();
        let mut i = 0;
        while text.len() < 1 << 20 {
            text.push_str(&line(i));
            i += 1;
        }
        text.push_str(tail);
        text
    };
    let ip = |i: u32| std::net::Ipv4Addr::from_bits((10 << 24) + i).to_string();
    let base = "interfaces: [ { name: a, device: d, addresses: [192.0.2.1/24] } ]\n";
    let texts = [
        repeat("", &|i| format!("k{i}: 1\n"), ""),
        repeat("", &|_| "limits: {}\n".to_owned(), ""),
        repeat(
            "interfaces: [ { name: a, device: d, addresses: [",
            &|i| format!("{}/9,", ip(i)),
            "] } ]\n",
        ),
        repeat(
            "interfaces:\n",
            &|i| format!("- {{ name: i{i}, device: d, vlan: {i} }}\n"),
            "",
        ),
        repeat(
            &format!("{base}routes:\n"),
            &|i| format!("- {{ prefix: {}/32, next_hop: 192.0.2.2 }}\n", ip(i)),
            "",
        ),
        repeat(
            &format!("{base}neighbors:\n"),
            &|i| {
                format!(
                    "- {{ interface: a, ip: {}, mac: 02-00-00-00-00-00 }}\n",
                    ip(i)
                )
            },
            "",
        ),
        repeat(
            &format!("{base}nat: {{ pools: [ {{ name: p, prefixes: ["),
            &|i| format!("{}/32,", ip(2 * i)),
            "] } ] }\n",
        ),
        repeat(
            &format!(
                "{base}nat: {{ pools: [ {{ name: p, prefixes: [10.0.0.0/16], exclude_addresses: ["
            ),
            &|i| format!("{},", ip(2 * i)),
            "] } ] }\n",
        ),
        repeat(
            &format!("{base}nat:\n  static:\n"),
            &|i| {
                format!(
                    "  - {{ protocol: tcp, inside: \"10.0.0.1:{0}\", outside: \"11.0.0.1:{0}\" }}\n",
                    i % 65_535 + 1
                )
            },
            "",
        ),
        repeat(
            &format!("{base}nat:\n  static:\n"),
            &|i| format!("  - {{ inside: {}, outside: 11.0.0.1 }}\n", ip(i)),
            "",
        ),
        repeat(
            &format!("{base}nat: {{ static: [ {{ outside: 11.0.0.1, inside: ["),
            &|i| format!("{},", ip(i)),
            "] } ] }\n",
        ),
        repeat(
            &format!("{base}nat:\n  deterministic:\n"),
            &|i| {
                format!(
                    "  - {{ source: {}/32, prefixes: [11.0.0.{}/32] }}\n",
                    ip(i),
                    i % 255
                )
            },
            "",
        ),
        repeat(
            &format!("{base}prefix_sets:\n"),
            &|i| format!("  s{i}: [{}/32]\n", ip(i)),
            "nat: { rules: [ { action: pass, source: [s1, s2, x] } ] }\n",
        ),
        repeat(
            &format!("{base}nat:\n  rules:\n"),
            &|i| format!("  - {{ pool: p{i}, inside: z{i} }}\n"),
            "",
        ),
        repeat(
            &format!("{base}dpdk: {{ eal_args: ["),
            &|_| "a,".to_owned(),
            "] }\n",
        ),
        repeat("#", &|_| "x".to_owned(), "\n"),
        repeat("a: \"", &|_| "x".to_owned(), "\"\n"),
        repeat("a: ", &|_| "x ".to_owned(), "\n"),
        repeat("", &|_| "\n".to_owned(), ""),
    ];
    // Many classes, all of them in many policies, all of these between many zones.
    let mut zones = String::from("interfaces:\n");
    for i in 0..64 {
        writeln!(zones, "- {{ name: i{i}, device: d{i}, zone: z{i} }}").unwrap();
    }
    zones.push_str("prefix_sets: { many: [");
    for i in 0..20_000 {
        write!(zones, "11.{}.{}.0/25,", i >> 8, i & 255).unwrap();
    }
    zones.push_str("] }\nzones:\n  classes:\n");
    for i in 1..1000 {
        writeln!(
            zones,
            "  - {{ name: c{i}, protocols: [6], destination_ports: [{i}], source: many }}"
        )
        .unwrap();
    }
    zones.push_str("  policies:\n");
    for i in 0..60 {
        write!(zones, "  - {{ name: p{i}, classes: [").unwrap();
        for class in 1..1000 {
            write!(zones, "{{ class: c{class}, action: drop }},").unwrap();
        }
        zones.push_str("] }\n");
    }
    zones.push_str("  pairs:\n");
    for i in 0..1000 {
        let (from, to, policy) = (i % 64, i / 64 + 1, i % 60);
        writeln!(
            zones,
            "  - {{ from: z{from}, to: z{to}, policy: p{policy} }}"
        )
        .unwrap();
    }
    read(&zones);
    // Many rules that name a zone of many interfaces, and many that name nothing.
    let mut zone = String::from("interfaces:\n");
    for i in 0..4_096 {
        writeln!(zone, "- {{ name: i{i}, device: d{i}, zone: z }}").unwrap();
    }
    zone.push_str("nat:\n  pools: [ { name: p, prefixes: [11.0.0.0/28] } ]\n  rules:\n");
    for i in 0..4_096 {
        let inside = if i % 2 == 0 { "z" } else { "nobody" };
        writeln!(zone, "  - {{ inside: {inside}, pool: p }}").unwrap();
    }
    read(&zone);
    for text in &texts {
        read(text);
    }
    assert!(!read(&" ".repeat((4 << 20) + 1)).is_empty());
}

#[test]
fn every_beginning_of_a_right_file_is_answered() {
    for end in 0..CONTRACT.len() {
        if let Some(text) = CONTRACT.get(..end) {
            read(text);
        }
    }
}

/// What files are made of, to put in wrong places.
const PIECES: [&str; 36] = [
    "\n",
    "  ",
    "\t",
    "- ",
    "{ ",
    " }",
    "[",
    "]",
    ": ",
    ", ",
    "#",
    "&a ",
    "*a",
    "!!int ",
    "|\n",
    ">\n",
    "\"",
    "'",
    "---\n",
    "...\n",
    "~",
    "null",
    "off",
    "0",
    "-1",
    "65536",
    "4294967296",
    "10.0.0.0/8",
    "0.0.0.0/0",
    "255.255.255.255/32",
    "0-65535",
    "1e9",
    "inside",
    "é",
    "\u{feff}",
    "\0",
];

fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0_usize..12,
        prop::sample::select(&PIECES[..]),
    );
    prop::collection::vec(edit, 1..6).prop_map(|edits| {
        let mut chars: Vec<char> = CONTRACT.chars().collect();
        for (at, removed, piece) in edits {
            let from = at.index(chars.len());
            let to = (from + removed).min(chars.len());
            chars.splice(from..to, piece.chars());
        }
        chars.into_iter().collect()
    })
}

/// Lines of a right file in another order, some of them missing or repeated.
fn shuffled() -> impl Strategy<Value = String> {
    let lines: Vec<&str> = CONTRACT.lines().collect();
    prop::collection::vec(prop::sample::select(lines), 0..60).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)) {
        read(&pieces.concat());
        read(&format!("interfaces: {}", pieces.concat()));
    }

    #[test]
    fn mutated_files_never_panic(text in mutated()) {
        read(&text);
    }

    #[test]
    fn shuffled_files_never_panic(text in shuffled()) {
        read(&text);
    }
}
