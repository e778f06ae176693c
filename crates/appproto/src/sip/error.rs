//! Why a message is not followed.

use core::fmt;

/// Why a message is not followed. It passes as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SipError {
    /// Does not begin like a message.
    NotSip,
    /// Longer than the caller allows.
    TooLong,
    /// A line of the head ends with CR or LF alone, or the head does not end.
    Head,
    /// `Content-Length` is missing on a stream, no number, too large, or says different things.
    ContentLength,
    /// More places, contacts or media lines than one message may have.
    TooMany,
}

impl SipError {
    /// All of them, for tables of counters.
    pub const ALL: [Self; 5] = [
        Self::NotSip,
        Self::TooLong,
        Self::Head,
        Self::ContentLength,
        Self::TooMany,
    ];

    /// Its name in counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSip => "not_sip",
            Self::TooLong => "too_long",
            Self::Head => "head",
            Self::ContentLength => "content_length",
            Self::TooMany => "too_many",
        }
    }
}

impl fmt::Display for SipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSip => "does not begin like a SIP message",
            Self::TooLong => "longer than allowed",
            Self::Head => "head with lines that do not end with CR LF",
            Self::ContentLength => "Content-Length that cannot be followed",
            Self::TooMany => "more places than a message may have",
        })
    }
}

impl core::error::Error for SipError {}
