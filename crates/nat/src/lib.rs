//! The translator: sessions, mappings, pools, port blocks.
