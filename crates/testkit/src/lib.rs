//! Packet builder and flow notation for tests.
