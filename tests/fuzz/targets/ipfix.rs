//! Any bytes as a message of IPFIX, and again with the templates it has taught: as many records are told
//! as are counted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use natlog::ipfix::{Header, Reader};

fuzz_target!(|message: &[u8]| {
    let Some(header) = Header::read(message) else {
        return;
    };
    let mut reader = Reader::default();
    for _ in 0..2 {
        let mut told = 0;
        let outcome = reader.read(&header, message, &mut |_| told += 1);
        assert_eq!(outcome.records, told);
    }
});
