//! What all streams together may hold.

/// Bytes that streams hold, of those they may.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    limit: usize,
    used: usize,
}

impl Memory {
    /// For so many bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    /// Bytes held.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }

    /// Bytes that may yet be held.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.limit.saturating_sub(self.used)
    }

    /// Who held `before` holds `after`.
    pub(super) const fn change(&mut self, before: usize, after: usize) {
        self.used = (self.used + after).saturating_sub(before);
    }
}
