//! Huge pages for memory that DPDK did not allocate.

/// Asks the system to put `len` bytes at `start` on huge pages, those already in
/// use included; true if it will. Only whole huge pages inside are meant.
///
/// Any range is harmless: it is advice about how pages are kept, never about
/// what is in them.
#[must_use]
pub fn advise_huge(start: usize, len: usize) -> bool {
    const HUGE: usize = 2 << 20;
    let first = start.next_multiple_of(HUGE);
    let last = (start + len) / HUGE * HUGE;
    if last <= first {
        return false;
    }
    let address = std::ptr::with_exposed_provenance_mut(first);
    // SAFETY: this advice changes neither contents nor validity of any page, and
    // an address that is not mapped is answered with an error.
    let advised = unsafe { libc::madvise(address, last - first, libc::MADV_HUGEPAGE) } == 0;
    if advised {
        // SAFETY: as above. Kernels before 6.1 do not know it and answer an error:
        // then pages in use are gathered in the background.
        let _ = unsafe { libc::madvise(address, last - first, libc::MADV_COLLAPSE) };
    }
    advised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_its_contents() {
        let memory = vec![7_u8; 8 << 20];
        let _ = advise_huge(memory.as_ptr().addr(), memory.len());
        assert!(memory.iter().all(|byte| *byte == 7));
        assert!(!advise_huge(memory.as_ptr().addr(), 4096));
    }
}
