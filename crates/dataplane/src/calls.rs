//! What a worker tells the slow path's database of calls about one SIP message.
//!
//! Plain data without references: made by the worker that has read the message, moved through its
//! ring of events, kept by nobody. Everything in it is bounded.

use appproto::sip::{Flow, Kind, MediaKind, Method, Summary};
use appproto::{Endpoint, Span, Transport};
use arrayvec::ArrayVec;
use base::{Direction, Nanos, Prefix};
use nat::{Realm, SessionView};

/// Bytes of a `Call-ID` that are kept; of a longer one a digest tells the rest.
pub const CALL_ID: usize = 128;

/// Media lines of a message that are told.
pub const LINES: usize = 8;

/// A `Call-ID`, compared byte by byte (RFC 3261 section 20.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallId {
    text: ArrayVec<u8, CALL_ID>,
    /// Of all of it if it is longer than the text; else zero.
    digest: u64,
}

impl CallId {
    /// Of what a message has.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let kept = bytes.get(..CALL_ID).unwrap_or(bytes);
        Self {
            text: kept.iter().copied().collect(),
            digest: if bytes.len() > CALL_ID {
                digest(bytes)
            } else {
                0
            },
        }
    }

    /// Its first bytes.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// What tells longer ones with the same first bytes apart.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }
}

/// One media line of a message; its place among the others names it in offer and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallMedia {
    /// What for.
    pub kind: MediaKind,
    /// What it runs on.
    pub transport: Transport,
    /// Which way, as the sender of the message sees it.
    pub flow: Flow,
    /// Port zero: there is none (RFC 3264 section 6).
    pub rejected: bool,
    /// Where the sender listens, before anything is rewritten; zero where that cannot be read.
    pub named: Endpoint,
    /// What stands for it outside; only in messages from inside, and only if it is mapped.
    pub outside: Option<Endpoint>,
}

/// One message of a call.
#[derive(Clone, Debug)]
pub struct CallReport {
    /// Realm of the inside.
    pub realm: Realm,
    /// Realm of the outside.
    pub outside_realm: Realm,
    /// Inside address of the session that the message was in.
    pub subscriber: u32,
    /// The trunk that the address is of: its calls are one set, whichever address they are of.
    pub trunk: Option<Prefix>,
    /// `Call-ID`, always as the inside host knows it: of an outbound message as it came, of an
    /// inbound one as it is rewritten. Else the two directions would be two calls.
    pub call_id: CallId,
    /// What the shard keeps the doors of the call under; zero if it has none.
    pub group: u32,
    /// For how long nothing need be heard of the call.
    pub timeout: Nanos,
    /// Which way the message went.
    pub direction: Direction,
    /// Request or response.
    pub kind: Kind,
    /// `CSeq`: the number and the method of the transaction.
    pub cseq: Option<(u32, Method)>,
    /// Which dialog of the call, the same in both directions; nothing before both sides have a
    /// tag.
    pub dialog: Option<u64>,
    /// `Session-Expires`, in seconds.
    pub session_expires: Option<u32>,
    /// There is SDP: the media lines say all there is.
    pub has_sdp: bool,
    /// The media lines.
    pub media: ArrayVec<CallMedia, LINES>,
}

impl CallReport {
    /// Whether the database wants to hear of a message: what begins, changes or ends a call.
    #[must_use]
    pub fn is_wanted(summary: &Summary) -> bool {
        if summary.call_id.is_empty() {
            return false;
        }
        let method = match summary.kind {
            Kind::Request(method) => method,
            Kind::Response(_) => match summary.cseq {
                Some((_, method)) => method,
                None => return false,
            },
        };
        match method {
            Method::Invite | Method::Update | Method::Bye => true,
            Method::Cancel => matches!(summary.kind, Kind::Request(_)),
            _ => summary.has_sdp,
        }
    }

    /// What `message` says, as far as it does: the caller knows the trunk, the group and what
    /// stands for the media outside, and whether the `Call-ID` was rewritten.
    #[must_use]
    pub fn new(
        session: &SessionView,
        direction: Direction,
        message: &[u8],
        summary: &Summary,
        timeout: Nanos,
    ) -> Self {
        let media = summary.media.iter().take(LINES).map(|line| CallMedia {
            kind: line.kind,
            transport: line.transport,
            flow: line.flow,
            rejected: line.rejected,
            named: line.endpoint,
            outside: None,
        });
        Self {
            realm: session.out_key.realm(),
            outside_realm: session.outside_realm,
            subscriber: session.out_key.src(),
            trunk: None,
            call_id: CallId::new(summary.call_id.of(message)),
            group: 0,
            timeout,
            direction,
            kind: summary.kind,
            cseq: summary.cseq,
            dialog: dialog(message, summary.from_tag, summary.to_tag),
            session_expires: summary.session_expires,
            has_sdp: summary.has_sdp,
            media: media.collect(),
        }
    }
}

/// The two tags, whoever's is which: `From` and `To` change places with the caller of a request.
fn dialog(message: &[u8], from: Span, to: Span) -> Option<u64> {
    if from.is_empty() || to.is_empty() {
        return None;
    }
    let (one, other) = (digest(from.of(message)), digest(to.of(message)));
    let [low, high] = if one < other {
        [one, other]
    } else {
        [other, one]
    };
    Some(low.rotate_left(23) ^ high)
}

/// FNV-1a: tells apart, hides nothing.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use appproto::Findings;
    use appproto::sip::scan;

    use super::*;

    fn summary(message: &str) -> Summary {
        let mut found = Findings::new();
        scan(
            message.as_bytes(),
            Direction::Outbound,
            |_| true,
            &mut found,
        )
        .unwrap()
    }

    fn message(start: &str, cseq: &str, more: &str) -> String {
        format!(
            "{start}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=a\r\n\
             To: <sip:b@x>\r\nCall-ID: one\r\nCSeq: 1 {cseq}\r\n{more}"
        )
    }

    fn request(method: &str) -> String {
        let more = "Content-Length: 0\r\n\r\n";
        message(&format!("{method} sip:b@x SIP/2.0"), method, more)
    }

    fn response(code: u16, method: &str) -> String {
        let more = "Content-Length: 0\r\n\r\n";
        message(&format!("SIP/2.0 {code} Well"), method, more)
    }

    #[test]
    fn what_begins_changes_or_ends_a_call_is_wanted() {
        let wanted = |text: &str| CallReport::is_wanted(&summary(text));
        for method in ["INVITE", "UPDATE", "BYE"] {
            assert!(wanted(&request(method)), "{method}");
            assert!(wanted(&response(200, method)), "{method}");
        }
        assert!(wanted(&request("CANCEL")));
        assert!(!wanted(&response(200, "CANCEL")));
        for method in ["REGISTER", "OPTIONS", "ACK", "PRACK", "SUBSCRIBE", "NOTIFY"] {
            assert!(!wanted(&request(method)), "{method}");
            assert!(!wanted(&response(200, method)), "{method}");
        }
        let body = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";
        let more = format!(
            "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let text = message("PRACK sip:b@x SIP/2.0", "PRACK", &more);
        assert!(wanted(&text));
        assert!(!wanted(&text.replace("Call-ID", "X-ID")));
    }

    /// `From` and `To` change places when the other side asks.
    #[test]
    fn a_dialog_is_the_same_whoever_asks() {
        let between = |tags: [&str; 2]| {
            let text = tags.concat();
            let at = tags[0].len();
            dialog(
                text.as_bytes(),
                Span::new(0, at),
                Span::new(at, tags[1].len()),
            )
        };
        assert_eq!(between(["abc", "xyz"]), between(["xyz", "abc"]));
        assert_ne!(between(["abc", "xyz"]), between(["abc", "xyw"]));
        assert_ne!(between(["abc", "abc"]), between(["xyz", "xyz"]));
        assert_eq!(between(["abc", ""]), None);
    }

    #[test]
    fn call_ids_that_fit_are_kept_whole_and_longer_ones_told_by_a_digest() {
        let fits = CallId::new(&[b'x'; CALL_ID]);
        assert_eq!((fits.text().len(), fits.digest()), (CALL_ID, 0));
        let long = CallId::new(&[b'x'; CALL_ID + 1]);
        assert_eq!(long.text(), fits.text());
        assert_ne!(long, fits);
        assert_ne!(long, CallId::new(&[b'x'; CALL_ID + 2]));
    }
}
