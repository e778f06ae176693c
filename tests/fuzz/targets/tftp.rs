//! Any bytes as a TFTP datagram: one door for a request, none for anything else.
#![no_main]

use appproto::{Findings, Scan, Sender, tftp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    let mut found = Findings::new();
    let mut requests = 0;
    let scanned = tftp::scan(Sender::Client, datagram, &mut found, |_| requests += 1);
    assert_eq!(found.len(), requests);
    assert_eq!(scanned == Scan::Complete, requests == 1);
    assert!(found.iter().all(|finding| finding.span.is_empty()));
    found.clear();
    tftp::scan(Sender::Server, datagram, &mut found, |_| ());
    assert!(found.is_empty());
});
