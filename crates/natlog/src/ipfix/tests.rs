use super::*;
use crate::samples::{self, BLOCK};
use nat::Life;

const AT: u64 = 0x0000_0190_0102_0304;

fn entry(record: &Record) -> Entry<'_> {
    Entry {
        at: AT,
        instance: 3,
        record,
    }
}

fn taken(writer: &mut Writer, now: u32) -> (Vec<u8>, u32) {
    writer
        .finish(now, |message, records| (message.to_vec(), records))
        .unwrap()
}

/// RFC 7011 section 3 and RFC 8158 section 5.6.10: header, set, and both ends of the range.
#[test]
fn a_block_is_these_bytes() {
    let mut writer = Writer::new(0x0a0b_0c0d);
    assert!(writer.push(&entry(&Record::Block(Life::Begun, BLOCK))));
    let (message, records) = taken(&mut writer, 0x6745_2301);
    assert_eq!(records, 1);
    #[rustfmt::skip]
    let expected = [
        0x00, 0x0a, 0x00, 49, 0x67, 0x45, 0x23, 0x01, 0, 0, 0, 0, 0x0a, 0x0b, 0x0c, 0x0d,
        0x01, 0x03, 0x00, 33,
        0, 0, 0x01, 0x90, 0x01, 0x02, 0x03, 0x04, 16,
        10, 64, 0, 7, 203, 0, 113, 1, 0x04, 0x00, 0x05, 0xff,
        0, 0, 0, 3, 0, 0, 0, 1,
    ];
    assert_eq!(message, expected);
}

/// RFC 8158 section 5.6.1, with the optional destination: the host's view first.
#[test]
fn a_session_names_its_remote_before_and_after() {
    let mut writer = Writer::new(1);
    let record = Record::Session(
        Life::Ended,
        samples::FLOW,
        Remote {
            known_as: Ipv4Addr::new(10, 9, 9, 9),
            address: samples::REMOTE,
            port: 53,
        },
    );
    assert!(writer.push(&entry(&record)));
    let (message, _) = taken(&mut writer, 0);
    #[rustfmt::skip]
    let expected = [
        5,
        10, 64, 0, 7, 203, 0, 113, 1, 17, 0x0f, 0xa0, 0x04, 0x06,
        10, 9, 9, 9, 198, 51, 100, 9, 0, 53, 0, 53,
        0, 0, 0, 3, 0, 0, 0, 1,
    ];
    assert_eq!(message[28..], expected);
}

#[test]
fn every_record_is_as_long_as_its_template_says() {
    for record in samples::all() {
        let mut bytes = Vec::new();
        write_record(&mut bytes, &entry(&record));
        assert_eq!(bytes.len(), Template::of(&record).length(), "{record:?}");
    }
}

#[test]
fn there_is_a_sample_of_every_template() {
    for template in Template::ALL {
        assert!(
            samples::all()
                .iter()
                .any(|record| Template::of(record) == template),
            "{template:?}"
        );
    }
}

/// RFC 7011 section 3.4.1: number, count, then element and length of each.
#[test]
fn templates_are_one_message_without_a_sequence_number_of_their_own() {
    let mut writer = Writer::new(7);
    let record = Record::AddressesExhausted { pool: 2 };
    assert!(writer.push(&entry(&record)));
    assert!(writer.push(&entry(&record)));
    taken(&mut writer, 0);
    let message = writer.templates(9);
    assert!(message.len() <= LONGEST);
    let length = u16::try_from(message.len()).unwrap();
    assert_eq!(message[..2], [0, 10]);
    assert_eq!(message[2..4], length.to_be_bytes());
    assert_eq!(message[4..16], [0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 7]);
    assert_eq!(message[16..18], [0, 2]);
    assert_eq!(message[18..20], (length - 16).to_be_bytes());
    // The fifth template: addresses exhausted.
    let before: usize = Template::ALL[..4]
        .iter()
        .map(|template| 4 + 4 * (2 + template.elements().len()))
        .sum();
    #[rustfmt::skip]
    let expected = [
        0x01, 0x04, 0, 4,
        0x01, 0x43, 0, 8, 0x00, 0xe6, 0, 1, 0x01, 0x1b, 0, 4, 0x01, 0xcf, 0, 4,
    ];
    assert_eq!(message[20 + before..][..expected.len()], expected);
}

/// RFC 7011 section 3.1: the number of the first message is 0, of the next how many records
/// came before.
#[test]
fn sequence_numbers_count_records() {
    let mut writer = Writer::new(1);
    let record = Record::AddressesExhausted { pool: 2 };
    let mut numbers = Vec::new();
    for records in [1, 2, 3] {
        for _ in 0..records {
            assert!(writer.push(&entry(&record)));
        }
        let (message, count) = taken(&mut writer, 0);
        assert_eq!(count, records);
        numbers.push(u32::from_be_bytes(message[8..12].try_into().unwrap()));
    }
    assert_eq!(numbers, [0, 1, 3]);
    writer.restart();
    assert!(writer.push(&entry(&record)));
    assert_eq!(taken(&mut writer, 0).0[8..12], [0; 4]);
}

#[test]
fn records_of_a_kind_share_a_set_and_others_begin_one() {
    let mut writer = Writer::new(1);
    let pool = Record::AddressesExhausted { pool: 2 };
    let block = Record::Block(Life::Begun, BLOCK);
    for record in [&pool, &pool, &block, &pool] {
        assert!(writer.push(&entry(record)));
    }
    let (message, _) = taken(&mut writer, 0);
    let mut sets = Vec::new();
    let mut at = MESSAGE_HEADER;
    while at < message.len() {
        let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
        sets.push((word(at), word(at + 2)));
        at += usize::from(word(at + 2));
    }
    assert_eq!(at, message.len());
    assert_eq!(sets, [(260, 4 + 2 * 17), (259, 4 + 29), (260, 4 + 17)]);
}

#[test]
fn a_message_takes_what_fits_and_no_more() {
    let mut writer = Writer::new(1);
    let mut all = samples::all().into_iter().cycle();
    for _ in 0..50 {
        let refused = all.by_ref().find(|record| !writer.push(&entry(record)));
        let (message, _) = taken(&mut writer, 0);
        let least = LONGEST - SET_HEADER - Template::of(&refused.unwrap()).length();
        assert!(message.len() <= LONGEST && message.len() > least);
    }
}

#[test]
fn without_records_there_is_no_message() {
    assert!(Writer::new(1).finish(0, |_, _| ()).is_none());
}
