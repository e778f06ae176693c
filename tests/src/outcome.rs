//! What came of one frame, and what a test may say about it.

use base::Counter;
use testkit::Seen;

/// A frame that left the appliance.
#[derive(Clone, Debug)]
pub struct Left {
    /// Virtual time.
    pub at: f64,
    /// By which interface.
    pub interface: String,
    /// Taken apart.
    pub seen: Seen,
}

/// What came of one frame.
#[derive(Clone, Debug)]
#[must_use = "say what must have come of the frame"]
pub struct Outcome {
    /// What was sent, if it could be read.
    pub sent: Option<Seen>,
    /// Where it came in.
    pub from: String,
    /// `forward`, `drop`, `consume` or `hold`.
    pub verdict: String,
    /// The counter that explains it.
    pub reason: String,
    /// Every frame that left because of it, in order, without ARP questions that
    /// were answered for the hosts.
    pub left: Vec<Left>,
    /// The sentences about it, if they were asked for (`{"why": ...}`).
    pub why: Vec<String>,
}

impl Outcome {
    /// It went through to another interface as one packet, with nothing changed
    /// but what translation changes.
    #[track_caller]
    pub fn forwarded(self) -> Seen {
        let from = self.from.clone();
        let left = self.one_forwarded();
        assert_ne!(
            left.interface, from,
            "left where it came in: {:?}",
            left.seen
        );
        left.seen
    }

    /// It came back in to another inside host as one packet.
    #[track_caller]
    pub fn hairpinned(self) -> Seen {
        let from = self.from.clone();
        let left = self.one_forwarded();
        assert_eq!(left.interface, from, "left elsewhere: {:?}", left.seen);
        left.seen
    }

    /// It went through in several pieces, or let others go with it.
    #[track_caller]
    pub fn forwarded_pieces(self) -> Vec<Seen> {
        assert_eq!(self.verdict, "forward", "{self:?}");
        self.left.into_iter().map(|left| left.seen).collect()
    }

    /// Nothing left, for this reason.
    #[track_caller]
    pub fn dropped(self, reason: Counter) {
        self.dropped_for(&[reason]);
    }

    /// Nothing left, for one of these reasons.
    #[track_caller]
    pub fn dropped_for(self, reasons: &[Counter]) {
        assert_eq!(self.verdict, "drop", "{self:?}");
        assert!(
            self.left.is_empty(),
            "dropped, yet something left: {self:?}"
        );
        self.explained(reasons);
    }

    /// It was dropped for this reason, and its sender got the ICMP error returned here.
    #[track_caller]
    pub fn refused(self, reason: Counter) -> Seen {
        assert_eq!(self.verdict, "drop", "{self:?}");
        self.explained(&[reason]);
        assert_eq!(self.left.len(), 1, "expected one ICMP error: {self:?}");
        let sent = self.sent.expect("a readable packet was refused");
        let left = self.left.into_iter().next().unwrap();
        assert_eq!(left.interface, self.from, "error went elsewhere");
        assert_eq!(
            left.seen.dst.ip(),
            sent.src.ip(),
            "error is not for the sender"
        );
        let quote = left.seen.quote();
        assert_eq!(
            (quote.src, quote.dst),
            (sent.src, sent.dst),
            "the quote is not what was sent"
        );
        left.seen
    }

    /// It is kept for later.
    #[track_caller]
    pub fn held(self, reason: Counter) {
        assert_eq!(self.verdict, "hold", "{self:?}");
        assert!(self.left.is_empty(), "held, yet something left: {self:?}");
        self.explained(&[reason]);
    }

    /// It was for the appliance, which sent these answers.
    #[track_caller]
    pub fn consumed(self, reason: Counter) -> Vec<Seen> {
        assert_eq!(self.verdict, "consume", "{self:?}");
        self.explained(&[reason]);
        self.left.into_iter().map(|left| left.seen).collect()
    }

    #[track_caller]
    fn explained(&self, reasons: &[Counter]) {
        assert!(
            reasons.iter().any(|reason| reason.name() == self.reason),
            "reason is {}, not one of {reasons:?}: {self:?}",
            self.reason
        );
    }

    #[track_caller]
    fn one_forwarded(self) -> Left {
        assert_eq!(self.verdict, "forward", "{self:?}");
        assert!(self.reason.starts_with("forward."), "{self:?}");
        assert_eq!(self.left.len(), 1, "expected one packet: {self:?}");
        let left = self.left.into_iter().next().unwrap();
        if let Some(sent) = &self.sent {
            let seen = &left.seen;
            assert_eq!(seen.ttl, sent.ttl.wrapping_sub(1), "TTL of {seen:?}");
            assert_eq!(seen.tos, sent.tos, "DSCP of {seen:?}");
            assert_eq!(seen.protocol, sent.protocol);
            assert_eq!(seen.options, sent.options, "IP options of {seen:?}");
            assert_eq!(
                (seen.df, seen.mf, seen.offset),
                (sent.df, sent.mf, sent.offset)
            );
            let quoting = sent.icmp.as_ref().is_some_and(|icmp| icmp.quote.is_some());
            if !quoting && !sent.is_fragment() {
                assert_eq!(seen.payload, sent.payload, "payload of {seen:?}");
            }
            if let (Some(now), Some(then)) = (&seen.tcp, &sent.tcp) {
                assert_eq!(
                    (now.seq, now.ack, now.flags, now.window),
                    (then.seq, then.ack, then.flags, then.window),
                );
            }
        }
        left
    }
}
