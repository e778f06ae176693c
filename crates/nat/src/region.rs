//! Where tables lie in memory, for whoever can ask the system for huge pages.

use alloc::vec::Vec;

/// A piece of memory by address and length, to be advised about and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First address.
    pub start: usize,
    /// Length, in bytes.
    pub len: usize,
}

impl Region {
    /// What a vector has allocated, used or not.
    pub(crate) fn of<T>(table: &Vec<T>) -> Self {
        Self {
            start: table.as_ptr().addr(),
            len: table.capacity() * size_of::<T>(),
        }
    }
}
