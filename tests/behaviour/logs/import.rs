//! Files of two boxes in one store.

use std::process::Command;

use serde_json::Value;
use tests::portolan;

use super::{Files, config};
use crate::udp_endpoint;

/// What the program says, its words and how it ended.
fn run(words: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(portolan()).args(words).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

fn rows(words: &[&str]) -> Vec<Value> {
    let (out, err, status) = run(&[words, &["--json"]].concat());
    assert_eq!(status, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

/// REQUIREMENTS O3: the same outside address of two boxes has two answers, each with its box; a file that
/// comes again adds nothing, and one that is damaged costs what is damaged.
#[test]
fn two_boxes_are_told_apart_by_one_store() {
    let boxes = [("10.64.0.7", Files::new()), ("10.64.0.9", Files::new())];
    for (host, files) in &boxes {
        let mut nat = files.run(&config());
        udp_endpoint(&mut nat, &format!("{host}:5000"), "192.0.2.1:7000");
        crate::run_until(&mut nat, 900.0);
    }
    let [one, other] = boxes.each_ref().map(|(_, files)| files.ipfix.as_path());
    let [name, other_name] = [one, other].map(|path| path.file_stem().unwrap().to_str().unwrap());
    let directory = one.with_extension("store");
    let store = directory.to_str().unwrap();
    let import = ["import", "--store", store];
    let [one, other] = [one, other].map(|path| path.to_str().unwrap());

    let accounts = rows(&[&import[..], &[one, other]].concat());
    assert_eq!(accounts.len(), 2);
    for account in &accounts {
        // A block lent and returned; an address bound and not.
        let counts = ["kept", "known", "other", "missing"].map(|key| account[key].as_u64());
        assert_eq!(counts, [Some(2), Some(0), Some(2), Some(0)]);
    }
    let again = rows(&[&import[..], &[one]].concat());
    let counts = ["kept", "known"].map(|key| again[0][key].as_u64());
    assert_eq!(counts, [Some(0), Some(2)]);

    let asked = ["whois", "--store", store, "203.0.113.2:1024-1151"];
    let then = [&asked[..], &["--from", "0", "--to", "800"]].concat();
    let mut found: Vec<[String; 2]> = rows(&then)
        .iter()
        .map(|row| ["inside", "appliance"].map(|key| row[key].as_str().unwrap().to_owned()))
        .collect();
    found.sort();
    let expected = [
        ["10.64.0.7".to_owned(), format!("{name} domain 0")],
        ["10.64.0.9".to_owned(), format!("{other_name} domain 0")],
    ];
    assert_eq!(found, expected);
    let (text, ..) = run(&then);
    assert!(
        text.contains(&format!("appliance:   {name} domain 0\n")),
        "{text}"
    );

    let mut bytes = std::fs::read(one).unwrap();
    bytes.extend(*b"no message");
    std::fs::write(one, bytes).unwrap();
    let (_, err, status) = run(&[&import[..], &["--exporter", "third", one]].concat());
    assert_eq!(status, Some(1));
    assert!(err.contains("10 bytes are no IPFIX message"), "{err}");
    assert_eq!(rows(&then).len(), 3);
    std::fs::remove_dir_all(directory).unwrap();
}
