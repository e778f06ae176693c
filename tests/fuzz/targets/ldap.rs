//! Any bytes as an LDAP connection, cut anywhere; see `streams`.
#![no_main]

mod streams;

use appproto::ldap;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    streams::any_segmentation_finds_the_same(
        data,
        ldap::State::default(),
        |state, sender, bytes, found| {
            assert_eq!(ldap::State::from_word(state.to_word()), *state);
            // Half of all addresses, so that both ways to read a number occur.
            let known = |address: u32| address.count_ones() % 2 == 0;
            ldap::scan(state, sender, bytes, found, known, |message| {
                assert!(!message.name().is_empty());
            })
        },
    );
});
