use super::*;
use crate::Entry;
use crate::ipfix::Writer;
use crate::samples::{self, BLOCK};
use nat::{Life, Record};

/// A message of sets, the first of the stream.
fn message(sets: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::from([0, 10, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 7]);
    for (id, body) in sets {
        bytes.extend(id.to_be_bytes());
        bytes.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
        bytes.extend_from_slice(body);
    }
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn read(reader: &mut Reader, bytes: &[u8]) -> (Vec<Told>, Outcome) {
    let header = Header::read(bytes).unwrap();
    let mut all = Vec::new();
    let outcome = reader.read(&header, bytes, &mut |told| all.push(told));
    (all, outcome)
}

#[track_caller]
fn holding(told: &[Told]) -> Holding {
    let [Told::Holding(holding)] = told else {
        panic!("{told:?}");
    };
    *holding
}

#[test]
fn what_is_written_is_read() {
    let mut writer = Writer::new(7);
    let mut reader = Reader::default();
    let (_, outcome) = read(&mut reader, &writer.templates(1));
    assert_eq!(outcome, Outcome::default());
    let mut told = Vec::new();
    let mut records = 0;
    for record in samples::all() {
        let entry = Entry {
            at: 5,
            instance: 3,
            record: &record,
        };
        assert!(writer.push(&entry));
        let bytes = writer.finish(1, |bytes, _| bytes.to_vec()).unwrap();
        let (one, outcome) = read(&mut reader, &bytes);
        assert!(!outcome.damaged && outcome.without_template == 0);
        records += outcome.records;
        told.extend(one);
        let holds = matches!(
            record,
            Record::Session(..) | Record::Mapping(..) | Record::Block(..)
        );
        assert_eq!(
            matches!(told.last(), Some(Told::Holding(_))),
            holds,
            "{record:?}"
        );
        if let Record::Block(life, block) = record {
            let holding = holding(&told[told.len() - 1..]);
            assert_eq!(holding.begins, life == Life::Begun);
            assert_eq!(holding.ports, block.ports);
            assert_eq!(
                (holding.inside, holding.outside),
                (BLOCK.inside, BLOCK.outside)
            );
            assert_eq!((holding.at, holding.protocol), (5, None));
        }
    }
    assert_eq!(records as usize, told.len());
}

/// Any order, numbers in fewer bytes (RFC 7011 section 6.2), variable lengths in both forms (section 7),
/// elements of an enterprise, and no time but the message's.
#[test]
fn templates_of_others_are_understood() {
    let template = words(&[
        300, 8, 225, 4, 0x8005, 2, 0, 9, 82, VARIABLE, 361, 1, 364, 2, 96, VARIABLE, 8, 4, 230, 1,
    ]);
    let mut record = Vec::from([203, 0, 113, 1, 1, 2, 3, b'e', b't', b'h', 80, 1, 0]);
    record.extend([255, 1, 44]);
    record.extend([b'x'; 300]);
    record.extend([10, 0, 0, 1, 16]);
    let mut body = record.clone();
    body.extend(&record);
    // Padding.
    body.extend([0; 3]);
    let (told, outcome) = read(
        &mut Reader::default(),
        &message(&[(2, &template), (300, &body)]),
    );
    assert_eq!((outcome.records, outcome.damaged), (2, false));
    assert_eq!(told[0], told[1]);
    let holding = holding(&told[..1]);
    assert_eq!(holding.ports, (80, 335));
    assert_eq!(holding.inside, Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(holding.at, 100_000);
}

/// RFC 7011 section 8.1: one template, then all of a kind.
#[test]
fn a_template_that_was_withdrawn_is_not_known() {
    let template = words(&[300, 1, 230, 1]);
    let options = words(&[301, 1, 1, 230, 1]);
    let data: [(u16, &[u8]); 2] = [(300, &[3]), (301, &[16])];
    for (withdrawal, left) in [
        ((2, words(&[300, 0])), 1),
        ((2, words(&[2, 0])), 1),
        ((3, words(&[3, 0])), 1),
        ((2, words(&[400, 0])), 2),
    ] {
        let mut reader = Reader::default();
        let (told, _) = read(
            &mut reader,
            &message(&[(2, &template), (3, &options), data[0], data[1]]),
        );
        assert_eq!(told, [Told::Other; 2]);
        read(&mut reader, &message(&[(withdrawal.0, &withdrawal.1)]));
        let (told, outcome) = read(&mut reader, &message(&data));
        assert_eq!(told.len(), left);
        assert_eq!(outcome.without_template as usize, 2 - left);
    }
}

#[test]
fn templates_are_of_their_domain() {
    let mut reader = Reader::default();
    let template = words(&[300, 1, 230, 1]);
    read(&mut reader, &message(&[(2, &template)]));
    let mut other = message(&[(300, &[3])]);
    other[15] = 8;
    assert_eq!(read(&mut reader, &other).1.without_template, 1);
}

#[test]
fn what_comes_before_the_damage_is_told() {
    let template = words(&[300, 1, 230, 1]);
    let whole = message(&[(2, &template), (300, &[3, 3])]);
    for set in [&[1, 44, 0, 3][..], &[1, 44, 0, 9, 1], &[1]] {
        let mut bytes = whole.clone();
        bytes.extend(set);
        let (told, outcome) = read(&mut Reader::default(), &bytes);
        assert_eq!((told.len(), outcome.damaged), (2, true));
    }
    // Records of no bytes.
    let (_, outcome) = read(
        &mut Reader::default(),
        &message(&[(2, &words(&[300, 1, 230, 0]))]),
    );
    assert!(outcome.damaged);
}

#[test]
fn ports_of_nobody_are_incomplete() {
    let template = words(&[300, 3, 230, 1, 225, 4, 361, 2]);
    let (told, _) = read(
        &mut Reader::default(),
        &message(&[(2, &template), (300, &[16, 203, 0, 113, 1, 4, 0])]),
    );
    assert_eq!(told, [Told::Incomplete]);
}
