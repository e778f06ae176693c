//! The two hosts of the stream's own tests, and what they say to each other.

pub use base::Nanos;
use base::{Direction, Seq};
pub use dataplane::stream::*;
use wire::tcp::{ACK, FIN, RST, SYN};

#[path = "../../../crates/dataplane/src/slow/stream/tests/hosts.rs"]
mod hosts;

pub fn run(
    [loss, double, jitter]: [u64; 3],
    seed: u64,
    limits: Limits,
    says: [&[u8]; 2],
) -> ([Vec<u8>; 2], usize) {
    let line = hosts::Line {
        seed,
        loss,
        double,
        jitter,
    };
    let mut world = hosts::World::new(line, limits, says);
    world.reset_at = None;
    world.run();
    assert!(world.stream.is_over());
    (world.heard(), world.memory.used())
}

/// Lines: each `x` becomes `<longer>`, each `y` vanishes, `!` begins something else.
pub struct Lines;

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
                super::rewrite(&bytes[..=end], new);
                Framed::Rewritten(end + 1)
            }
            Some(end) => Framed::Unchanged(end + 1),
        }
    }
}
