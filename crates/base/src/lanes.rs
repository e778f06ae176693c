//! Many bytes compared at once.

/// Which of sixteen bytes, each half of them in one word in the order of memory, are
/// `wanted`: a bit each, the first byte's lowest.
#[must_use]
#[inline(always)]
#[allow(unsafe_code, clippy::inline_always)]
pub fn equal_lanes([low, high]: [u64; 2], wanted: u8) -> u16 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: SSE2, all that it needs, is part of every x86-64.
        unsafe { with_sse2([low, high], wanted) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let bytes = u128::from(high) << 64 | u128::from(low);
        let lanes = bytes.to_le_bytes().into_iter().enumerate();
        lanes.fold(0, |mask, (lane, byte)| {
            mask | u16::from(byte == wanted) << lane
        })
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bits above the sixteenth are zero"
)]
fn with_sse2([low, high]: [u64; 2], wanted: u8) -> u16 {
    use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let bytes = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
    _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted.cast_signed()))) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_its_bit() {
        for lane in 0..16 {
            let mut bytes = [7; 16];
            bytes[lane] = 200;
            let (words, _) = bytes.as_chunks::<8>();
            let halves = [0, 1].map(|half| u64::from_le_bytes(words[half]));
            assert_eq!(equal_lanes(halves, 200), 1 << lane);
            assert_eq!(equal_lanes(halves, 7), !(1 << lane));
            assert_eq!(equal_lanes(halves, 0), 0);
        }
    }
}
