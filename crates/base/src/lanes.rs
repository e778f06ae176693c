//! Many bytes compared at once.

/// Which of sixteen bytes, each half of them in one word in the order of memory, are
/// `wanted`: a bit each, the first byte's lowest.
#[must_use]
#[inline(always)]
#[allow(unsafe_code, clippy::inline_always)]
pub fn equal_lanes([low, high]: [u64; 2], wanted: u8) -> u16 {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8,
        };
        // SAFETY: SSE2, all that these need, is part of every x86-64; they touch no memory.
        let mask = unsafe {
            let bytes = _mm_set_epi64x(high.cast_signed(), low.cast_signed());
            _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted.cast_signed())))
        };
        // Bits above the sixteenth are zero.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let mask = mask as u16;
        mask
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_its_bit() {
        for lane in 0..16 {
            let mut bytes = [7; 16];
            bytes[lane] = 200;
            let word = u128::from_le_bytes(bytes);
            let halves = [word as u64, (word >> 64) as u64];
            assert_eq!(equal_lanes(halves, 200), 1 << lane);
            assert_eq!(equal_lanes(halves, 7), !(1 << lane));
            assert_eq!(equal_lanes(halves, 0), 0);
        }
    }
}
