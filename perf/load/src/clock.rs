//! Time: the machine's, which may be set ahead; and what a thread got of its core.

use std::time::{Duration, Instant};

use base::Nanos;

/// The engine's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    ahead: Nanos,
    stopped: Option<Nanos>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            // Nothing was ever at zero.
            ahead: Nanos::from_secs(1),
            stopped: None,
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Nanos {
        match self.stopped {
            Some(now) => now,
            None => nanos(self.start.elapsed()).plus(self.ahead),
        }
    }

    /// Lets so much time pass at once.
    pub(crate) fn jump(&mut self, time: Nanos) {
        self.ahead = self.ahead.plus(time);
        if let Some(now) = &mut self.stopped {
            *now = now.plus(time);
        }
    }

    /// Stays where it is until [`Clock::go`], or but for jumps.
    pub(crate) fn stop(&mut self) {
        self.stopped = Some(self.now());
    }

    /// Goes on from where it was stopped.
    pub(crate) fn go(&mut self) {
        if let Some(now) = self.stopped.take() {
            (self.start, self.ahead) = (Instant::now(), now);
        }
    }
}

/// Measures time, and the share of it that this thread was on a core.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    start: Instant,
    on_core: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self {
            on_core: on_core(),
            start: Instant::now(),
        }
    }

    /// Seconds on a core since then, and their share of all seconds.
    pub(crate) fn read(&self) -> (f64, f64) {
        let all = self.start.elapsed().as_secs_f64();
        let had = Duration::from_nanos(on_core().saturating_sub(self.on_core)).as_secs_f64();
        let had = had.clamp(1e-9, all.max(1e-9));
        (had, had / all.max(1e-9))
    }
}

/// Nanoseconds that this thread has been on a core.
fn on_core() -> u64 {
    // Makes the kernel bring the figure up to date.
    std::thread::yield_now();
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

pub(crate) fn nanos(duration: Duration) -> Nanos {
    Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_only_jumps() {
        let mut clock = Clock::new();
        clock.stop();
        let before = clock.now();
        clock.jump(Nanos::from_secs(3));
        assert_eq!(clock.now(), before.plus(Nanos::from_secs(3)));
        clock.go();
        assert!(clock.now() >= before.plus(Nanos::from_secs(3)));
        assert!(clock.now() < before.plus(Nanos::from_secs(60)));
    }

    /// However long it stood: nothing of that is made up for.
    #[test]
    fn a_clock_goes_on_from_where_it_was_stopped() {
        let mut clock = Clock::new();
        clock.stop();
        let before = clock.now();
        let minute = Duration::from_mins(1);
        clock.start = clock.start.checked_sub(minute).unwrap_or(clock.start);
        clock.go();
        assert!(clock.now() < before.plus(Nanos::from_secs(30)));
    }
}
