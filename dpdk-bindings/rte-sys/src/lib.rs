//! rte-sys.
