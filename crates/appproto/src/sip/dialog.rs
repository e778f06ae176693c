//! What a message says about its dialog: all that the database of calls keeps.

use arrayvec::ArrayVec;

use super::{Class, Method};
use crate::{Endpoint, Ports, Span, Transport};

/// Request or response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A request.
    Request(Method),
    /// A response with its code, 100 to 699.
    Response(u16),
}

impl Kind {
    /// What statistics count it under.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request(method) => method.token(),
            Self::Response(code) => Class::of(code).name(),
        }
    }
}

/// What the body is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Body {
    /// There is none.
    #[default]
    None,
    /// `application/sdp`
    Sdp,
    /// `multipart/...`; its parts that are SDP have been read.
    Multipart,
    /// `message/sipfrag` (RFC 3420)
    SipFragment,
    /// Anything else, or encoded: not read.
    Other,
}

/// The topmost `Via`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// What it goes over; nothing where that is neither TCP nor UDP.
    pub transport: Option<Transport>,
    /// The host it names.
    pub host: Span,
    /// Host and port, the usual one where none is written; nothing where the host is a name.
    pub sent_by: Option<Endpoint>,
    /// Whether the port is written.
    pub explicit_port: bool,
    /// `received=`
    pub received: Option<(u32, Span)>,
    /// `rport=` with a value
    pub rport: Option<(u16, Span)>,
    /// `branch=`, which names the transaction; empty where there is none.
    pub branch: Span,
}

/// A `Contact` that is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Where it stands.
    pub span: Span,
    /// Where it answers; the usual port where none is written.
    pub endpoint: Endpoint,
    /// What it goes over.
    pub transport: Transport,
    /// `expires=`
    pub expires: Option<u32>,
}

/// Which way media go, as their sender sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names of RFC 8866 section 6.7")]
pub enum Flow {
    #[default]
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// What a media line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names of RFC 8866 section 8.2.2")]
pub enum MediaKind {
    Audio,
    Video,
    Text,
    Image,
    Application,
    Message,
    Other,
}

impl MediaKind {
    /// As `m=` has it; `other` for any other.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Text => "text",
            Self::Image => "image",
            Self::Application => "application",
            Self::Message => "message",
            Self::Other => "other",
        }
    }

    /// Of `m=`.
    #[must_use]
    pub(super) fn of(token: &[u8]) -> Self {
        [
            Self::Audio,
            Self::Video,
            Self::Text,
            Self::Image,
            Self::Application,
            Self::Message,
        ]
        .into_iter()
        .find(|kind| kind.name().as_bytes() == token)
        .unwrap_or(Self::Other)
    }
}

/// One media line, whoever's it is. Its place among the others names it in offer and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// What for.
    pub kind: MediaKind,
    /// Address and port; zero where they cannot be read or are none (a name, IPv6).
    pub endpoint: Endpoint,
    /// What it runs on.
    pub transport: Transport,
    /// How many ports.
    pub ports: Ports,
    /// Which way.
    pub flow: Flow,
    /// Port zero: there is none (RFC 3264 section 6).
    pub rejected: bool,
    /// It has been listed as one of ours that is listened to.
    pub ours: bool,
}

/// How many media lines a message may have.
pub(super) const MEDIA: usize = 16;

/// How many contacts of ours.
pub(super) const CONTACTS: usize = 8;

/// What a message says about its dialog. Spans are of the message; empty where there is nothing.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Request or response.
    pub kind: Kind,
    /// `Call-ID`
    pub call_id: Span,
    /// `CSeq`: the number and the method of the transaction.
    pub cseq: Option<(u32, Method)>,
    /// `From;tag=`
    pub from_tag: Span,
    /// `To;tag=`
    pub to_tag: Span,
    /// The topmost `Via`.
    pub via: Option<Hop>,
    /// `Expires`, in seconds
    pub expires: Option<u32>,
    /// `Session-Expires`, in seconds
    pub session_expires: Option<u32>,
    /// The first contact, whoever's it is.
    pub contact: Option<Endpoint>,
    /// Contacts of ours.
    pub contacts: ArrayVec<Contact, CONTACTS>,
    /// `Contact: *`: all of them are given up (RFC 3261 section 10.2.2).
    pub all_contacts: bool,
    /// What the body is.
    pub body: Body,
    /// There is SDP in the body.
    pub has_sdp: bool,
    /// The SDP speaks of ICE (RFC 8839): its candidates are left alone.
    pub ice: bool,
    /// The media lines.
    pub media: ArrayVec<Media, MEDIA>,
}

impl Summary {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            call_id: Span::default(),
            cseq: None,
            from_tag: Span::default(),
            to_tag: Span::default(),
            via: None,
            expires: None,
            session_expires: None,
            contact: None,
            contacts: ArrayVec::new(),
            all_contacts: false,
            body: Body::None,
            has_sdp: false,
            ice: false,
            media: ArrayVec::new(),
        }
    }

    /// How long a contact is to stay, in seconds: its own word, else the message's, else an hour
    /// (RFC 3261 section 10.2.1.1, PROTOCOLS B4.4).
    #[must_use]
    pub fn lifetime(&self, contact: &Contact) -> u32 {
        contact.expires.or(self.expires).unwrap_or(3600)
    }
}
