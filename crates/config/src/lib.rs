//! YAML to validated configuration.
#![forbid(unsafe_code)]

pub mod model;
