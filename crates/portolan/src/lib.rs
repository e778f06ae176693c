//! What the `portolan` command shares with programs that run its engine in
//! another way, as `perf/load` does: how a file becomes an engine.
#![forbid(unsafe_code)]

pub mod plan;
