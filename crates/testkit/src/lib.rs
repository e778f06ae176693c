//! Packet builder and flow notation for tests.
#![forbid(unsafe_code)]
