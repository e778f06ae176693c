//! L2 to L4 headers in place.
