//! Whether media flow both ways: what people complain about, and where the translator is blamed.

use base::Direction;
use nat::MediaFigures;

/// What is known of a call's media, from good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Nothing yet, or nothing that has to flow both ways.
    #[default]
    Unknown,
    /// Both ways.
    Good,
    /// Neither way: silence may be suppressed at both ends.
    Silent,
    /// Only from inside.
    OutboundOnly,
    /// Only from outside.
    InboundOnly,
}

impl Health {
    /// As `show calls` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "good",
            Self::Silent => "silent",
            Self::OutboundOnly => "outbound_only",
            Self::InboundOnly => "inbound_only",
        }
    }
}

/// What passed between two looks. Media that come from elsewhere than was announced count for
/// those from there: whoever listens does not mind.
pub(super) fn judge(before: &MediaFigures, now: &MediaFigures) -> Health {
    let moved = |direction: Direction| {
        let at = direction as usize;
        // Fewer than before: of another session.
        now.packets.get(at) > Some(&0) && now.packets.get(at) != before.packets.get(at)
    };
    let (out, back) = (moved(Direction::Outbound), moved(Direction::Inbound));
    let came = back || now.unanswered > 0;
    match (out, came) {
        _ if now.answered > 0 => Health::Good,
        (true, true) => Health::Good,
        (true, false) => Health::OutboundOnly,
        (false, true) => Health::InboundOnly,
        (false, false) => Health::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(out: u64, back: u64) -> MediaFigures {
        MediaFigures {
            packets: [out, back],
            answered: 0,
            unanswered: 0,
        }
    }

    #[test]
    fn media_are_judged_by_what_passed_since_the_last_look() {
        let before = figures(100, 100);
        assert_eq!(judge(&before, &figures(150, 150)), Health::Good);
        assert_eq!(judge(&before, &figures(150, 100)), Health::OutboundOnly);
        assert_eq!(judge(&before, &figures(100, 150)), Health::InboundOnly);
        assert_eq!(judge(&before, &figures(100, 100)), Health::Silent);
    }

    #[test]
    fn a_session_made_anew_counts_from_nothing() {
        assert_eq!(
            judge(&figures(100, 100), &figures(3, 0)),
            Health::OutboundOnly
        );
    }

    #[test]
    fn media_from_elsewhere_than_announced_are_heard_all_the_same() {
        let elsewhere = MediaFigures {
            unanswered: 1,
            ..figures(150, 0)
        };
        assert_eq!(judge(&figures(100, 0), &elsewhere), Health::Good);
        let latched = MediaFigures {
            answered: 1,
            ..figures(100, 0)
        };
        assert_eq!(judge(&figures(100, 0), &latched), Health::Good);
        let deaf = MediaFigures {
            unanswered: 1,
            ..figures(0, 0)
        };
        assert_eq!(judge(&figures(0, 0), &deaf), Health::InboundOnly);
    }
}
