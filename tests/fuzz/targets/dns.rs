//! Any bytes as a DNS message: what is found lies in it, what is not interesting holds
//! nothing, and what has been rewritten can be read again and means as much.
#![no_main]

use appproto::{Findings, dns};
use libfuzzer_sys::fuzz_target;

const ONE: u32 = 0x0a00_0005;
const OTHER: u32 = 0xcb00_7164;

fuzz_target!(|message: &[u8]| {
    assert!(dns::frame(message).is_none_or(|span| span.end <= message.len()));
    if let Some(span) = dns::frame(message).filter(|span| dns::plausible(span.of(message))) {
        assert!((0..span.end).all(|end| dns::may_begin(&message[..end])));
    }
    let mut found = Findings::new();
    let scanned = dns::scan(message, &mut found);
    assert!(scanned.is_ok() || found.is_empty());
    let mut at = dns::HEADER_LEN;
    for finding in &found {
        assert!(at <= finding.span.start && finding.span.end <= message.len());
        assert_eq!(finding.span.len(), 4);
        at = finding.span.end;
    }
    if let Ok(summary) = scanned
        && !dns::interesting(message)
    {
        assert!(found.is_empty() && !summary.has_reverse);
    }

    let mut copy = message.to_vec();
    if let Ok(len) = dns::truncate(&mut copy) {
        assert!(len <= message.len());
    }
    let mut there = vec![0; 65_535];
    let mut back = vec![0; 65_535];
    let Ok(len) = dns::rewrite(message, None, swap, &mut there) else {
        return;
    };
    if let Ok(len) = dns::rewrite(&there[..len], None, swap, &mut back) {
        let again = dns::scan(&back[..len], &mut Findings::new());
        if let (Ok(was), Ok(is)) = (scanned, again) {
            assert_eq!(was, is);
        }
    }
});

fn swap(_: dns::What, address: u32) -> Option<u32> {
    match address {
        ONE => Some(OTHER),
        OTHER => Some(ONE),
        _ => None,
    }
}
