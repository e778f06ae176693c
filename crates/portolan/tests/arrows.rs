//! The arrows of the design: which crate may use which, and where `unsafe` may be.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each crate may use of ours; crates that do not exist yet are listed too.
const ARROWS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &["base"]),
    ("appproto", &["base"]),
    ("nat", &["base", "wire"]),
    ("alg", &["base", "appproto", "nat"]),
    ("natlog", &["base", "nat"]),
    ("config", &["base", "nat"]),
    ("pktio", &["base"]),
    ("dpdk", &["base", "pktio", "dpdk-sys", "rte-sys"]),
    ("dpdk-sys", &[]),
    ("rte-sys", &["dpdk-sys"]),
    (
        "dataplane",
        &["base", "wire", "appproto", "nat", "alg", "natlog", "pktio"],
    ),
    ("control", &["base", "config", "nat", "natlog"]),
    (
        "portolan",
        &[
            "base",
            "wire",
            "appproto",
            "nat",
            "alg",
            "natlog",
            "config",
            "pktio",
            "dpdk",
            "dataplane",
            "control",
        ],
    ),
    ("testkit", &["base", "wire"]),
];

/// Crates whose sources may contain `unsafe`.
const UNSAFE: &[&str] = &["base", "dpdk", "dpdk-sys", "rte-sys"];

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn packages() -> Vec<serde_json::Value> {
    metadata()["packages"].as_array().expect("packages").clone()
}

#[test]
fn arrows_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let packages = packages();
    let ours: BTreeSet<String> = packages
        .iter()
        .map(|package| package["name"].as_str().expect("name").to_owned())
        .collect();
    for package in &packages {
        let name = package["name"].as_str().expect("name");
        // Test and measuring packages look at everything from outside.
        let Some(may_use) = allowed.get(name) else {
            continue;
        };
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let on = dependency["name"].as_str().expect("name");
            let dev = dependency["kind"] == "dev";
            assert!(
                !ours.contains(on) || may_use.contains(&on) || dev && on == "testkit",
                "{name} uses {on}"
            );
            assert!(on != "testkit" || dev, "{name} uses testkit outside tests");
        }
    }
    for name in [
        "base",
        "wire",
        "nat",
        "config",
        "pktio",
        "dataplane",
        "control",
        "dpdk",
        "portolan",
    ] {
        assert!(ours.contains(name), "{name} is missing");
    }
}

#[test]
fn unsafe_code_stays_in_its_crates() {
    for package in packages() {
        let name = package["name"].as_str().expect("name");
        if UNSAFE.contains(&name) || !ARROWS.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let manifest = package["manifest_path"].as_str().expect("path");
        let root = std::path::Path::new(manifest).with_file_name("src");
        let entry = ["lib.rs", "main.rs"]
            .map(|file| root.join(file))
            .into_iter()
            .find(|file| file.exists())
            .expect("an entry point");
        let code = std::fs::read_to_string(entry).expect("source");
        assert!(
            code.contains("#![forbid(unsafe_code)]"),
            "{name} does not forbid unsafe"
        );
    }
}
