//! The one memory hint of the packet path.

/// Asks the processor to load the cache line of `value`.
///
/// A hint only: it reads nothing, faults never, and does nothing on processors
/// without it.
#[inline(always)]
#[allow(unsafe_code, clippy::inline_always)]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is harmless, and a reference points
        // to memory that exists.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(value).cast::<i8>()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
