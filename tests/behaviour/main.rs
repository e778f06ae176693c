//! Behaviour of the built binary, packet by packet.
