use proptest::prelude::*;

use super::entry::tests::any_entry;
use super::*;

const KEEP: Keep = Keep {
    age: u64::MAX,
    bytes: u64::MAX,
};

fn block(life: Life, at: u64, port: u16, host: u8) -> Entry {
    Entry {
        class: Class::Block,
        outside: [203, 0, 113, 1].into(),
        first: port,
        at,
        life,
        protocol: 0,
        last: port + 511,
        appliance: 0,
        inside: [10, 64, 0, host].into(),
        inside_port: 0,
        vrf: 0,
        remote: [0; 4].into(),
        remote_port: 0,
    }
}

fn lent(at: u64, port: u16, host: u8) -> Entry {
    block(Life::Begun, at, port, host)
}

fn returned(at: u64, port: u16, host: u8) -> Entry {
    block(Life::Ended, at, port, host)
}

/// Who had a port at a time, by the last number of his address.
fn holders(directory: &Path, port: u16, at: u64) -> Vec<u8> {
    let reader = Reader::open(directory).unwrap();
    let all = reader
        .outside([203, 0, 113, 1].into(), (port, port))
        .unwrap();
    let then = all.iter().filter(|one| one.was_at(at));
    then.map(|one| one.entry.inside.octets()[3]).collect()
}

#[test]
fn a_port_is_whose_block_it_is_in_at_the_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut writer = Writer::open(path, KEEP, 0).unwrap();
    let entries = [
        lent(10, 1024, 7),
        lent(12, 1536, 8),
        returned(20, 1024, 7),
        lent(20, 1024, 9),
    ];
    writer.append(&entries, 30).unwrap();
    writer.tick(1031).unwrap();
    // Before it is sealed, and after.
    for _ in 0..2 {
        assert_eq!(holders(path, 1024, 9), [0_u8; 0]);
        assert_eq!(holders(path, 1024, 10), [7]);
        assert_eq!(holders(path, 1535, 19), [7]);
        assert_eq!(holders(path, 1535, 20), [9]);
        assert_eq!(holders(path, 1536, 1000), [8]);
        assert_eq!(holders(path, 2048, 1000), [0_u8; 0]);
        drop(writer);
        writer = Writer::open(path, KEEP, 2000).unwrap();
    }
}

#[test]
fn what_an_appliance_lent_before_it_began_anew_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut writer = Writer::open(path, KEEP, 0).unwrap();
    let other = Entry {
        appliance: 1,
        ..lent(10, 2048, 8)
    };
    let entries = [
        Entry::start(0, 1),
        lent(10, 1024, 7),
        other,
        Entry::start(0, 50),
    ];
    writer.append(&entries, 60).unwrap();
    drop(writer);
    assert_eq!(holders(path, 1024, 49), [7]);
    assert_eq!(holders(path, 1024, 50), [0_u8; 0]);
    assert_eq!(holders(path, 2048, 100), [8], "another appliance");
}

#[test]
fn a_crash_in_the_middle_of_a_batch_costs_that_batch() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut writer = Writer::open(path, KEEP, 0).unwrap();
    writer.append(&[lent(10, 1024, 7)], 10).unwrap();
    writer
        .append(&[lent(11, 1536, 8), lent(12, 2048, 9)], 12)
        .unwrap();
    drop(writer);
    let journal = file(path, 0, JOURNAL);
    let whole = fs::read(&journal).unwrap();
    for len in 0..whole.len() {
        fs::write(&journal, &whole[..len]).unwrap();
        let first_is_there = len >= 8 + entry::LEN;
        assert_eq!(!holders(path, 1024, 10).is_empty(), first_is_there, "{len}");
        assert_eq!(holders(path, 2048, 12), [0_u8; 0], "{len}");
    }
    // Somebody goes on with what is left.
    fs::write(&journal, &whole[..whole.len() - 1]).unwrap();
    let mut writer = Writer::open(path, KEEP, 20).unwrap();
    writer.append(&[lent(20, 4096, 6)], 20).unwrap();
    drop(writer);
    assert_eq!(holders(path, 1024, 20), [7]);
    assert_eq!(holders(path, 4096, 20), [6]);
    assert_eq!(holders(path, 2048, 20), [0_u8; 0]);
}

/// The crash comes when the segment is there and the journal still is, too.
#[test]
fn a_journal_that_has_been_sealed_counts_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut writer = Writer::open(path, KEEP, 0).unwrap();
    writer.append(&[lent(10, 1024, 7)], 10).unwrap();
    drop(writer);
    let journal = fs::read(file(path, 0, JOURNAL)).unwrap();
    drop(Writer::open(path, KEEP, 20).unwrap());
    fs::write(file(path, 0, JOURNAL), journal).unwrap();
    let reader = Reader::open(path).unwrap();
    assert_eq!(reader.inside([10, 64, 0, 7].into()).unwrap().len(), 1);
    drop(Writer::open(path, KEEP, 30).unwrap());
    assert_eq!(numbers(path, SEGMENT).unwrap(), [0]);
    assert_eq!(holders(path, 1024, 10), [7]);
}

#[test]
fn the_oldest_go_but_not_what_is_still_lent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let keep = Keep {
        age: 4_000_000,
        ..KEEP
    };
    let mut writer = Writer::open(path, keep, 0).unwrap();
    let entries = [lent(10, 1024, 7), lent(11, 1536, 8), returned(12, 1536, 8)];
    writer.append(&entries, 12).unwrap();
    for at in [3_600_000, 7_200_000] {
        writer.tick(at).unwrap();
        writer
            .append(&[lent(at, 2048, 9), returned(at + 1, 2048, 9)], at)
            .unwrap();
    }
    writer.tick(10_800_000).unwrap();
    drop(writer);
    assert_eq!(
        numbers(path, SEGMENT).unwrap().len(),
        1,
        "the others are too old"
    );
    assert_eq!(holders(path, 1536, 11), [0_u8; 0]);
    assert_eq!(holders(path, 1024, 10), [7]);
    assert_eq!(holders(path, 1024, 10_800_000), [7]);
}

#[test]
fn there_is_one_writer() {
    let directory = tempfile::tempdir().unwrap();
    let writer = Writer::open(directory.path(), KEEP, 0).unwrap();
    let error = Writer::open(directory.path(), KEEP, 0).unwrap_err();
    assert_eq!(error.to_string(), "another process writes to this store");
    drop(writer);
    Writer::open(directory.path(), KEEP, 0).unwrap();
}

#[test]
fn names_keep_their_numbers_and_configurations_their_times() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut writer = Writer::open(path, KEEP, 0).unwrap();
    assert_eq!(writer.vrf("default").unwrap(), 0);
    assert_eq!(writer.vrf("blue").unwrap(), 1);
    assert_eq!(writer.appliance("north").unwrap(), 0);
    writer.note_epoch(1000, "first").unwrap();
    writer.note_epoch(2000, "second").unwrap();
    drop(writer);
    let mut writer = Writer::open(path, KEEP, 0).unwrap();
    assert_eq!(writer.vrf("blue").unwrap(), 1);
    let reader = Reader::open(path).unwrap();
    assert_eq!(
        (reader.vrf(1), reader.appliance(0), reader.vrf(9)),
        ("blue", "north", "")
    );
    assert_eq!(reader.configuration(999).unwrap(), None);
    assert_eq!(
        reader.configuration(1999).unwrap(),
        Some((1000, "first".into()))
    );
    assert_eq!(
        reader.configuration(2000).unwrap(),
        Some((2000, "second".into()))
    );
}

#[test]
fn a_damaged_segment_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let mut writer = Writer::open(path, KEEP, 0).unwrap();
    writer.append(&[lent(10, 1024, 7)], 10).unwrap();
    drop(writer);
    drop(Writer::open(path, KEEP, 0).unwrap());
    let segment = file(path, 0, SEGMENT);
    let whole = fs::read(&segment).unwrap();
    for damage in [&whole[..whole.len() - 1], &whole[..20], b""] {
        fs::write(&segment, damage).unwrap();
        assert!(Reader::open(path).is_err(), "{} bytes", damage.len());
    }
    let mut flipped = whole.clone();
    flipped[12] ^= 1;
    fs::write(&segment, flipped).unwrap();
    assert!(Reader::open(path).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However entries are spread over segments and a journal, what is found is what a search
    /// through all of them finds.
    #[test]
    fn every_question_is_answered_as_by_a_search_through_everything(
        batches in prop::collection::vec(
            (prop::collection::vec(few(), 0..40), any::<bool>()), 0..6),
        address in 0_u32..3, first in 0_u16..2000, more in 0_u16..300, inside in 0_u32..4,
    ) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let mut writer = Writer::open(path, KEEP, 0).unwrap();
        let mut all = Vec::new();
        for (entries, reopen) in batches {
            writer.append(&entries, 0).unwrap();
            all.extend(entries);
            if reopen {
                drop(writer);
                writer = Writer::open(path, KEEP, 0).unwrap();
            }
        }
        drop(writer);
        let reader = Reader::open(path).unwrap();
        let (outside, ports) = (address.into(), (first, first.saturating_add(more)));
        let starts: Vec<Entry> =
            all.iter().filter(|one| one.class == Class::Start).copied().collect();
        let of = |is_one: &dyn Fn(&Entry) -> bool| {
            let found = all.iter().filter(|one| one.class != Class::Start && is_one(one));
            holding::pair(found.copied().collect(), &starts)
        };
        prop_assert_eq!(
            reader.outside(outside, ports).unwrap(),
            of(&|one| one.outside == outside && one.first <= ports.1 && one.last >= ports.0)
        );
        prop_assert_eq!(
            reader.inside(inside.into()).unwrap(),
            of(&|one| one.inside == std::net::Ipv4Addr::from(inside))
        );
    }
}

/// Entries of few addresses, ports and times, so that they meet.
fn few() -> impl Strategy<Value = Entry> {
    any_entry().prop_map(|entry| {
        let first = entry.first % 2000;
        let span = if entry.class == Class::Block {
            entry.last % 300
        } else {
            0
        };
        let is_start = entry.class == Class::Start;
        Entry {
            outside: if is_start {
                0
            } else {
                entry.outside.to_bits() % 3
            }
            .into(),
            first: if is_start { 0 } else { first },
            last: if is_start { 0 } else { first + span },
            at: entry.at % 50,
            appliance: entry.appliance % 2,
            inside: (entry.inside.to_bits() % 4).into(),
            ..entry
        }
    })
}
