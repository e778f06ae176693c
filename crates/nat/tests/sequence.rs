//! Sequence adjustment against a model that keeps both streams whole.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

#[path = "sequence/model.rs"]
mod model;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is changed, lost, doubled, reordered and cut anew: every byte that leaves is that of
    /// the changed stream, and acknowledgements never say more or less than was heard.
    #[test]
    fn receivers_hear_the_changed_stream_and_senders_learn_what_was_heard(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
    ) {
        model::play(&bytes);
    }
}
