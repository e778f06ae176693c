//! Random and mutated frames: nothing crashes, nothing grows, nothing gets in.
