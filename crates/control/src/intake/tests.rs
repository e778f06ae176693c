use std::path::Path;

use nat::{BlockNotice, Life as Stage, Record};

use super::*;
use crate::store::{self, Keep};

const KEEP: Keep = Keep {
    age: u64::MAX,
    bytes: u64::MAX,
};

/// Messages of an exporter: templates, then a block for each host, a message each.
fn messages(domain: u32, hosts: core::ops::Range<u8>) -> Vec<Vec<u8>> {
    let mut writer = natlog::ipfix::Writer::new(domain);
    let mut messages = vec![writer.templates(1)];
    for host in hosts {
        let block = BlockNotice {
            inside: [10, 0, 0, host].into(),
            realm: 0,
            outside: [203, 0, 113, 1].into(),
            ports: (u16::from(host) * 100, u16::from(host) * 100 + 99),
        };
        let record = Record::Block(Stage::Begun, block);
        assert!(writer.push(&natlog::Entry {
            at: 1000,
            instance: 0,
            record: &record,
        }));
        messages.push(writer.finish(1, |bytes, _| bytes.to_vec()).unwrap());
    }
    messages
}

fn intake(directory: &Path) -> Intake {
    Intake::new(Writer::open(directory, KEEP, 5000).unwrap(), 5000)
}

/// Takes one file of an exporter: bytes that are no message, and the account.
fn take(directory: &Path, bytes: &[u8]) -> (usize, Account) {
    let mut intake = intake(directory);
    let damaged = intake.file("edge", bytes).unwrap();
    let mut accounts = intake.finish().unwrap();
    assert_eq!(accounts.len(), 1);
    (damaged, accounts.remove(0))
}

#[test]
fn a_file_that_comes_again_adds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let bytes = messages(7, 1..11).concat();
    let (_, account) = take(path, &bytes);
    assert_eq!((account.kept, account.known, account.missing), (10, 0, 0));
    // Sealed meanwhile, then twice in one go.
    let (_, account) = take(path, &bytes);
    assert_eq!((account.kept, account.known), (0, 10));
    let longer = messages(7, 1..12).concat();
    let mut intake = intake(path);
    intake.file("edge", &longer).unwrap();
    intake.file("edge", &longer).unwrap();
    let account = intake.finish().unwrap().remove(0);
    assert_eq!((account.kept, account.known), (1, 21));
}

/// RFC 7011 section 3.1: what a sequence number counts and nobody read is missing.
#[test]
fn a_gap_in_sequence_numbers_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut all = messages(7, 1..11);
    let late = all.remove(5);
    all.remove(5);
    let (_, account) = take(directory.path(), &all.concat());
    assert_eq!((account.records, account.missing, account.late), (8, 2, 0));
    all.push(late);
    let (_, account) = take(directory.path(), &all.concat());
    assert_eq!((account.kept, account.missing, account.late), (1, 2, 1));
    all.remove(1);
    all.remove(0);
    let (_, account) = take(directory.path(), &all.concat());
    assert_eq!((account.before, account.records), (1, 0));
    assert_eq!(account.without_template, 8);
}

#[test]
fn what_is_good_behind_damage_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let all = messages(7, 1..11);
    let mut bytes = all[..4].concat();
    bytes.extend([0, 10, 0, 3, 9]);
    bytes.extend(all[4..].concat());
    let cut = bytes.len() - 7;
    let last = all[10].len() - 7;
    let (damaged, account) = take(directory.path(), &bytes[..cut]);
    assert_eq!((damaged, account.kept), (5 + last, 9));
}

/// The same outside address and port of two boxes, and of two domains of one.
#[test]
fn boxes_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let mut intake = intake(directory.path());
    for (exporter, domain) in [("one", 7), ("two", 7), ("two", 8)] {
        let bytes = messages(domain, 1..2).concat();
        assert_eq!(intake.file(exporter, &bytes).unwrap(), 0);
    }
    intake.finish().unwrap();
    let reader = store::Reader::open(directory.path()).unwrap();
    let found = reader.outside([203, 0, 113, 1].into(), (150, 150)).unwrap();
    let mut names: Vec<&str> = found
        .iter()
        .map(|one| reader.appliance(one.entry.appliance))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["one domain 7", "two domain 7", "two domain 8"]);
}
