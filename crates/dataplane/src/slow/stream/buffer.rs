//! Bytes that come at one end and go at the other.

/// Below this nothing is moved to the front.
const MIN_MOVE: usize = 4096;

/// A queue of bytes that can be looked at as one slice.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    gone: usize,
}

impl Buffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.gone..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.gone
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes at the end, to append to.
    pub(super) const fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Keeps the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(self.gone + len);
    }

    /// The first `len` bytes have gone; the memory too if they were the last.
    pub(super) fn consume(&mut self, len: usize) {
        self.gone = (self.gone + len).min(self.bytes.len());
        if self.is_empty() {
            *self = Self::default();
        } else if self.gone >= MIN_MOVE && self.gone > self.len() {
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_they_came() {
        let mut buffer = Buffer::default();
        let (mut put, mut taken) = (0_u32, 0_u32);
        for step in 0..2000 {
            for _ in 0..step % 23 {
                buffer.push(&put.to_be_bytes());
                put += 1;
            }
            for _ in 0..step % 19 {
                let Some(first) = buffer.as_slice().first_chunk() else {
                    break;
                };
                assert_eq!(u32::from_be_bytes(*first), taken);
                taken += 1;
                buffer.consume(4);
            }
            assert_eq!(buffer.len(), 4 * (put - taken) as usize);
        }
        buffer.consume(usize::MAX >> 1);
        assert!(buffer.is_empty() && buffer.bytes.capacity() == 0);
    }
}
