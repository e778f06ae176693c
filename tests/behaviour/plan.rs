//! `portolan plan` through the built binary (DESIGN section 3): no appliance runs, the
//! file alone says how work would spread.

use std::process::{Command, Output};

use serde_json::Value;
use tests::{Config, portolan};

use crate::whois::File;

fn ask(config: &Config, words: &str) -> Output {
    let file = File::new(config);
    let mut command = Command::new(portolan());
    command.arg("plan").arg("-c").arg(file.path());
    command.args(words.split_whitespace()).output().unwrap()
}

fn rows(config: &Config, words: &str) -> Vec<Value> {
    let output = ask(config, &format!("{words} --json"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn of_addresses(prefixes: &str) -> Config {
    Config::new().pool("prefixes", prefixes)
}

#[test]
fn one_to_128_workers_and_three_tables_are_planned_for_unless_one_is_asked_for() {
    let config = of_addresses("[203.0.113.0/24]");
    let cases: Vec<_> = rows(&config, "")
        .iter()
        .map(|row| {
            (
                row["workers"].as_u64().unwrap(),
                row["reta"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(cases.len(), 24);
    assert_eq!((cases[0], cases[23]), ((1, 128), (128, 2048)));
    let one = rows(&config, "--workers 5 --reta 256");
    assert_eq!(one.len(), 1);
    assert_eq!(
        (&one[0]["workers"], &one[0]["reta"]),
        (&5.into(), &256.into())
    );
}

#[test]
fn a_pool_with_an_address_for_each_worker_is_whole_and_needs_no_hand_off() {
    let row = &rows(&of_addresses("[203.0.113.0/28]"), "--workers 16 --reta 128")[0];
    let pool = &row["pools"][0];
    assert_eq!(pool["dealt"], "whole");
    assert_eq!(
        (&pool["addresses"]["min"], &pool["addresses"]["max"]),
        (&1.into(), &1.into())
    );
    assert_eq!(row["handoff_percent"], 0.0);
}

#[test]
fn a_pool_with_fewer_addresses_than_workers_is_divided_and_half_of_all_is_handed_over() {
    let row = &rows(&of_addresses("[203.0.113.0/30]"), "--workers 16 --reta 128")[0];
    let pool = &row["pools"][0];
    assert_eq!(pool["dealt"], "divided");
    // Of 16 owners one is where packets arrive; none of those from inside are elsewhere.
    let percent = |value: &Value| value.as_f64().unwrap();
    assert!(
        (percent(&pool["handoff_percent"]) - 93.75).abs() < 0.5,
        "{pool}"
    );
    assert!(
        (percent(&row["handoff_percent"]) - 46.875).abs() < 0.25,
        "{row}"
    );
}

/// Six workers in turn over 128 entries leave one of them without any of six addresses.
#[test]
fn tables_by_load_make_a_small_pool_whole() {
    let config = of_addresses("[203.0.113.0/30, 203.0.113.4/31]");
    let dealt = |config: &Config, words| rows(config, words)[0]["pools"][0]["dealt"].clone();
    assert_eq!(dealt(&config, "--workers 6 --reta 128"), "divided");
    assert_eq!(
        dealt(&config, "--workers 6 --reta 128 --rebalance"),
        "whole"
    );
    // As the file says without the option.
    let by_load = config.steering("reta: rebalance");
    assert_eq!(dealt(&by_load, "--workers 6 --reta 128"), "whole");
}

#[test]
fn a_wrong_value_is_refused_with_what_would_be_right() {
    for (words, right) in [
        ("--workers 0", "write a number from 1 to 128"),
        ("--workers 129", "write a number from 1 to 128"),
        ("--workers many", "write a number from 1 to 128"),
        (
            "--reta 500",
            "a redirection table has a power of two of entries; write 512",
        ),
        ("--reta 0", "write a power of two from 1 to 65536"),
        ("--reta 131072", "write a power of two from 1 to 65536"),
    ] {
        let output = ask(&of_addresses("[203.0.113.0/28]"), words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), output.stdout.len()),
            (Some(2), 0),
            "{words}"
        );
        assert!(said.contains(right), "{words}: {said}");
    }
}

/// Without a file, by numbers; with one, by its own.
#[test]
fn what_so_many_subscribers_take_is_told() {
    let plan = |words: &str| {
        let output = Command::new(portolan())
            .arg("plan")
            .args(words.split(' '))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let numbers = "--subscribers 100000 --sessions-per-subscriber 300 --addresses 2000 --mpps 20";
    let size: Value = serde_json::from_str(&plan(&format!("{numbers} --json"))).unwrap();
    assert_eq!(size["asked"]["sessions"], 30_000_000);
    assert_eq!(size["ports_per_subscriber"], 1290);
    let text = plan(numbers);
    for what in [
        format!("{}, half busy", size["workers"]),
        format!("{} MiB", size["tables_mb"]),
        format!("{} of 2 MiB", size["huge_pages"]),
        "amd-epyc-2c".into(),
    ] {
        assert!(text.contains(&what), "{what}: {text}");
    }

    let config = of_addresses("[203.0.113.0/28]").limit("subscribers", "224");
    let size: Value = serde_json::from_slice(&ask(&config, "--size --json").stdout).unwrap();
    assert_eq!(
        (
            &size["asked"]["addresses"],
            &size["subscribers_per_address"]
        ),
        (&16.into(), &14.into())
    );
    assert_eq!(size["asked"]["sessions"], 20_000);
    let nothing = Command::new(portolan()).arg("plan").output().unwrap();
    assert_eq!(nothing.status.code(), Some(2));
}
