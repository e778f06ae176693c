//! Single steps, and whole connections between two hosts over lines that lose, double and reorder.

mod hosts;
mod steps;

use base::{Direction, Nanos, Seq};
use proptest::prelude::*;

use super::*;
use hosts::{Line, World};

/// Lines of text: each `x` becomes `<longer>`, each `y` vanishes, and `!` begins something else.
#[derive(Debug, Default)]
struct Lines;

fn rewrite(line: &[u8], new: &mut Vec<u8>) {
    for byte in line {
        match byte {
            b'x' => new.extend(b"<longer>"),
            b'y' => {}
            byte => new.push(*byte),
        }
    }
}

impl Parser for Lines {
    fn next(&mut self, _: Direction, bytes: &[u8], new: &mut Vec<u8>) -> Framed {
        if bytes.starts_with(b"!") {
            return Framed::Release;
        }
        match bytes.iter().position(|byte| *byte == b'\n') {
            None => {
                // Nothing of this may remain.
                new.extend(b"half a message");
                Framed::NeedMore
            }
            Some(end) if bytes[..end].iter().any(|byte| b"xy".contains(byte)) => {
                rewrite(&bytes[..=end], new);
                Framed::Rewritten(end + 1)
            }
            Some(end) => Framed::Unchanged(end + 1),
        }
    }
}

/// What a receiver ought to hear of a stream.
fn rewritten(stream: &[u8]) -> Vec<u8> {
    let mut new = Vec::new();
    let mut rest = stream;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        if rest.starts_with(b"!") {
            break;
        }
        rewrite(&rest[..=end], &mut new);
        rest = &rest[end + 1..];
    }
    new.extend(rest);
    new
}

/// Lines of up to 600 bytes.
fn text(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .flat_map(|byte| match byte {
            0..10 => vec![b'\n'],
            10..20 => vec![b'x'],
            20..30 => vec![b'y'],
            30..34 => vec![b'.'; 300],
            byte => vec![b'a' + byte % 23],
        })
        .collect::<Vec<u8>>()
        .chunks(600)
        .flat_map(|line| line.iter().copied().chain([b'\n']))
        .collect()
}

fn limits() -> Limits {
    Limits {
        max_message: 2048,
        capacity: 6000,
        patience: Nanos::from_secs(600),
        mss: 700,
    }
}

/// One that loses, doubles and reorders nothing.
fn calm_line() -> impl Strategy<Value = Line> {
    any::<u64>().prop_map(|seed| Line {
        seed: seed | 1,
        loss: 0,
        double: 0,
        jitter: 0,
    })
}

fn any_line() -> impl Strategy<Value = Line> {
    (any::<u64>(), 0..15_u64, 0..10_u64, 0..40_u64).prop_map(|(seed, loss, double, jitter)| Line {
        seed: seed | 1,
        loss,
        double,
        jitter,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// G5: whatever the cut, order and loss, receivers hear the rewritten streams, senders are
    /// acknowledged all of it, both ends close, and no memory is left.
    #[test]
    fn both_hosts_hear_what_was_meant_and_close(
        out in prop::collection::vec(any::<u8>(), 0..1500),
        back in prop::collection::vec(any::<u8>(), 0..1500),
        line in any_line(),
    ) {
        let (out, back) = (text(&out), text(&back));
        let mut world = World::new(line, limits(), [&out, &back]);
        world.run();
        prop_assert!(world.heard() == [rewritten(&out), rewritten(&back)]);
        prop_assert_eq!(world.stream.cause(), Some(Cause::Closed));
        prop_assert_eq!(world.memory.used(), 0);
    }

    /// The same if one side begins something else in between: nothing breaks, and the rest goes
    /// through the translator's own numbers.
    #[test]
    fn a_connection_outlives_its_gateway(
        out in prop::collection::vec(any::<u8>(), 0..600),
        rest in prop::collection::vec(any::<u8>(), 0..3000),
        line in any_line(),
    ) {
        let out = [text(&out), b"!xyz\n".to_vec(), text(&rest)].concat();
        let back = b"zebra\n".repeat(rest.len() / 4);
        let mut world = World::new(line, limits(), [&out, &back]);
        world.run();
        prop_assert!(world.heard() == [rewritten(&out), back]);
        prop_assert_eq!(world.memory.used(), 0);
        prop_assert!(world.stream.is_over());
    }

    /// Whatever runs out (memory, patience, or the length a message may have), the connection goes
    /// on; of these lines nothing is to be changed.
    #[test]
    fn what_runs_out_ends_the_gateway_and_not_the_connection(
        out in prop::collection::vec(any::<u8>(), 0..800),
        back in prop::collection::vec(any::<u8>(), 0..800),
        line in any_line(),
        memory in 0..6000_usize,
        patience in 1..3_000_u64,
        max_message in 1..700_usize,
    ) {
        let [out, back] = [out, back].map(|bytes| {
            let mut text = text(&bytes);
            text.retain(|byte| !b"xy".contains(byte));
            text
        });
        let limits = Limits { max_message, patience: Nanos(patience * 1_000_000), ..limits() };
        let mut world = World::new(line, limits, [&out, &back]);
        world.memory = Memory::new(memory);
        world.run();
        prop_assert!(world.heard() == [out, back]);
        prop_assert_eq!(world.memory.used(), 0);
        prop_assert!(world.stream.is_over());
    }

    /// A reset at any time ends it for both, and nothing is held any more.
    #[test]
    fn a_reset_in_any_state_frees_everything(
        out in prop::collection::vec(any::<u8>(), 0..800),
        back in prop::collection::vec(any::<u8>(), 0..800),
        line in prop_oneof![any_line(), calm_line()],
        after in 0..3_000_u64,
        by in 0..2_usize,
    ) {
        let (out, back) = (text(&out), text(&back));
        let mut world = World::new(line, limits(), [&out, &back]);
        world.reset_at = Some((Nanos(after * 1_000_000), by));
        world.run();
        prop_assert_eq!(world.memory.used(), 0);
        prop_assert!(world.stream.is_over());
        // What comes late, behind the reset, goes on as it came: to a host that has not heard of it.
        let in_order = (line.loss, line.double, line.jitter) == (0, 0, 0);
        let meant = [rewritten(&out), rewritten(&back)];
        for (heard, meant) in world.heard().iter().zip(&meant) {
            prop_assert!(!in_order || meant.starts_with(heard));
        }
    }
}
