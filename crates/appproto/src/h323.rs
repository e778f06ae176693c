//! H.323: RAS and call signalling (H.225.0), and media control (H.245).
//!
//! ```text
//!  RAS              UDP 1719        | RasMessage |
//!  call signalling  TCP 1720        | TPKT | Q.931: ... User-User | H323-UserInformation | ... |
//!                                       fastStart, h245Control: octet strings with H.245 in them
//!  media control    TCP, any port   | TPKT | MultimediaSystemControlMessage |
//! ```
//!
//! All of them are ASN.1 in aligned PER, read by the recommendations' own grammar up to the last
//! address; what later versions add is skipped. Addresses have six bytes, and nothing becomes
//! longer or shorter. Each kind of session names where those of the next kind go: what
//! [`Role::Leads`] says. A message that cannot be read is left alone, and one tunnelled in another
//! by itself.

mod grammar;
mod per;
mod types;

use self::per::{Stop, Told};
use self::types::Place;
use crate::frames::{self, Framed, Head, NoRoom, Then};
use crate::{
    Channel, Endpoint, Finding, Findings, Form, Ports, Remote, Role, Scan, Sender, Span, Transport,
    Uses,
};

pub use crate::frames::State;

/// What a session carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Registration, admission and status, with a gatekeeper.
    Ras,
    /// Calls, of Q.931.
    CallSignalling,
    /// Channels of media, of H.245.
    MediaControl,
}

impl Service {
    /// Whoever announces it takes its sessions there, from anybody.
    #[must_use]
    pub const fn leads(self) -> Role {
        let transport = match self {
            Self::Ras => Transport::Udp,
            Self::CallSignalling | Self::MediaControl => Transport::Tcp,
        };
        Role::Leads(self, channel(transport, Ports::One))
    }
}

/// A message that went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is of.
    pub service: Service,
    /// Which one: the type of Q.931, or the outermost choice.
    kind: u16,
    /// Which of those.
    what: u16,
    /// Seconds that a registration is to last, of a request and of its confirmation.
    pub time_to_live: Option<u32>,
}

impl Message {
    /// It asks for a registration, or renews it.
    #[must_use]
    pub const fn registers(self) -> bool {
        matches!((self.service, self.kind), (Service::Ras, 3))
    }

    /// It confirms one.
    #[must_use]
    pub const fn confirms(self) -> bool {
        matches!((self.service, self.kind), (Service::Ras, 4))
    }

    /// Names it in statistics.
    #[must_use]
    pub fn name(self) -> &'static str {
        const RAS: [&str; 25] = [
            "gatekeeperRequest",
            "gatekeeperConfirm",
            "gatekeeperReject",
            "registrationRequest",
            "registrationConfirm",
            "registrationReject",
            "unregistrationRequest",
            "unregistrationConfirm",
            "unregistrationReject",
            "admissionRequest",
            "admissionConfirm",
            "admissionReject",
            "bandwidthRequest",
            "bandwidthConfirm",
            "bandwidthReject",
            "disengageRequest",
            "disengageConfirm",
            "disengageReject",
            "locationRequest",
            "locationConfirm",
            "locationReject",
            "infoRequest",
            "infoRequestResponse",
            "nonStandardMessage",
            "unknownMessageResponse",
        ];
        match (self.service, self.kind, self.what) {
            (Service::Ras, kind, _) => RAS.get(usize::from(kind)).copied().unwrap_or("other"),
            (Service::CallSignalling, kind, _) => match kind {
                0x01 => "Alerting",
                0x02 => "CallProceeding",
                0x03 => "Progress",
                0x05 => "Setup",
                0x07 => "Connect",
                0x0d => "SetupAcknowledge",
                0x5a => "ReleaseComplete",
                0x62 => "Facility",
                0x6e => "Notify",
                0x75 => "StatusInquiry",
                0x7b => "Information",
                0x7d => "Status",
                _ => "other",
            },
            (Service::MediaControl, 0, 2) => "terminalCapabilitySet",
            (Service::MediaControl, 0, 3) => "openLogicalChannel",
            (Service::MediaControl, 0, 4) => "closeLogicalChannel",
            (Service::MediaControl, 0, _) => "request",
            (Service::MediaControl, 1, 5) => "openLogicalChannelAck",
            (Service::MediaControl, 1, _) => "response",
            (Service::MediaControl, 2, _) => "command",
            (Service::MediaControl, 3, _) => "indication",
            (Service::MediaControl, ..) => "other",
        }
    }
}

/// In the notes: a message has been read.
const SPOKEN: u8 = 0x01;

/// Lists the endpoints in whole messages of one direction and calls `seen` for each message:
/// over UDP one a datagram, over TCP in TPKT.
pub fn scan(
    service: Service,
    transport: Transport,
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    mut seen: impl FnMut(Message),
) -> Scan {
    if transport == Transport::Tcp {
        let framed = Framing {
            service,
            last: None,
            seen,
        };
        return frames::scan(framed, state, sender, bytes, found);
    }
    match read(service, bytes, 0, found) {
        Ok(Some(message)) => {
            state.notes |= SPOKEN;
            seen(message);
            Scan::Complete
        }
        // Who has spoken it before may say something odd.
        Err(NoRoom) => Scan::Complete,
        Ok(None) if state.notes & SPOKEN != 0 => Scan::Complete,
        Ok(None) => Scan::Release,
    }
}

/// TPKT (RFC 1006 section 6).
struct Framing<F> {
    service: Service,
    last: Option<Message>,
    seen: F,
}

const TPKT_LEN: usize = 4;
const TPKT_VERSION: u8 = 3;

impl<F: FnMut(Message)> Framed for Framing<F> {
    fn head(&self, _: u8, _: Sender, bytes: &[u8]) -> Head {
        match *bytes {
            [TPKT_VERSION] | [TPKT_VERSION, 0] | [TPKT_VERSION, 0, _] => Head::Open,
            [TPKT_VERSION, 0, high, low, ..] => {
                let len = usize::from(u16::from_be_bytes([high, low]));
                if len < TPKT_LEN {
                    Head::Other
                } else {
                    Head::Message(len)
                }
            }
            _ => Head::Other,
        }
    }

    fn read(
        &mut self,
        notes: &mut u8,
        _: Sender,
        message: &[u8],
        found: &mut Findings,
    ) -> Result<Then, NoRoom> {
        self.last = None;
        self.last = read(self.service, message, TPKT_LEN, found)?;
        if self.last.is_some() {
            *notes |= SPOKEN;
        }
        Ok(Then::GoOn)
    }

    fn seen(&mut self, _: &[u8]) {
        if let Some(message) = self.last.take() {
            (self.seen)(message);
        }
    }
}

/// Reads the message from an offset on. Nothing is listed of one that cannot be read.
fn read(
    service: Service,
    bytes: &[u8],
    from: usize,
    found: &mut Findings,
) -> Result<Option<Message>, NoRoom> {
    let (kind, at, end, of) = match service {
        Service::Ras => (None, from, bytes.len(), &grammar::RAS_MESSAGE_LAST),
        Service::MediaControl => (
            None,
            from,
            bytes.len(),
            &grammar::H245_MULTIMEDIA_SYSTEM_CONTROL_MESSAGE_LAST,
        ),
        Service::CallSignalling => match q931(bytes, from) {
            Some((kind, at, end)) => (Some(kind), at, end, &grammar::H323_USER_INFORMATION_LAST),
            None => return Ok(None),
        },
    };
    let before = found.len();
    let mut places = Places {
        found,
        base: at,
        tcp: false,
        full: false,
        message: Message {
            service,
            kind: kind.map_or(u16::MAX, u16::from),
            what: u16::MAX,
            time_to_live: None,
        },
    };
    // Without anything of H.323 in it, it is Q.931's alone.
    let plain = service == Service::CallSignalling && at == end;
    let value = bytes.get(at..end).unwrap_or_default();
    let read = if plain {
        Ok(())
    } else {
        per::read(value, of, &mut places)
    };
    let (message, full) = (places.message, places.full);
    if full || read.is_err() {
        found.truncate(before);
    }
    match (full, read) {
        (true, _) => Err(NoRoom),
        (false, Ok(())) => Ok(Some(message)),
        (false, Err(_)) => Ok(None),
    }
}

/// The type of a message of Q.931, and where H323-UserInformation is in it.
fn q931(bytes: &[u8], from: usize) -> Option<(u8, usize, usize)> {
    const DISCRIMINATOR: u8 = 8;
    const USER_USER: u8 = 0x7e;
    const OF_ASN1: u8 = 5;
    /// Information elements of one byte.
    const SHORT: u8 = 0x80;
    let (&[discriminator, reference_len], _) = bytes.get(from..)?.split_first_chunk::<2>()?;
    if discriminator != DISCRIMINATOR || reference_len & 0xf0 != 0 {
        return None;
    }
    let mut at = from + 2 + usize::from(reference_len);
    let kind = *bytes.get(at)?;
    at += 1;
    while let Some(&element) = bytes.get(at) {
        at += 1;
        if element & SHORT != 0 {
            continue;
        }
        if element != USER_USER {
            at += 1 + usize::from(*bytes.get(at)?);
            continue;
        }
        let len = usize::from(frames::word(bytes, at)?);
        let start = at + 2;
        let end = start + len;
        let content = bytes.get(start..end)?;
        if content.first() == Some(&OF_ASN1) {
            return Some((kind, start + 1, end));
        }
        at = end;
    }
    Some((kind, at, at))
}

struct Places<'a> {
    found: &'a mut Findings,
    /// Offset of what is read in the whole message.
    base: usize,
    /// The channel is over TCP.
    tcp: bool,
    /// There was no room.
    full: bool,
    message: Message,
}

impl Told for Places<'_> {
    fn address(&mut self, place: Place, at: usize, endpoint: Endpoint) -> Result<(), Stop> {
        /// First four bits of multicast addresses.
        const MULTICAST: u32 = 0xe;
        let Some(role) = role(place, endpoint.port, self.tcp) else {
            return Ok(());
        };
        if endpoint.address == 0 || endpoint.port == 0 || endpoint.address >> 28 == MULTICAST {
            return Ok(());
        }
        let finding = Finding {
            span: Span::new(self.base + at, 6),
            endpoint,
            form: Form::BinaryAddressPort,
            role,
        };
        frames::push(self.found, finding).map_err(|NoRoom| {
            self.full = true;
            Stop::Wrong
        })
    }

    fn note(&mut self, place: Place, value: u32) {
        match place {
            Place::Channel => self.tcp = false,
            Place::Tcp => self.tcp = true,
            Place::TimeToLive => self.message.time_to_live = Some(value),
            _ => {}
        }
    }

    fn held(&mut self, read: bool, before: usize) {
        if !read {
            self.found.truncate(before);
        }
    }

    fn told(&self) -> usize {
        self.found.len()
    }

    fn kind(&mut self, depth: u8, index: usize) {
        let Message {
            service,
            kind,
            what,
            ..
        } = &mut self.message;
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        match (service, depth) {
            (Service::Ras | Service::MediaControl, 1) => *kind = index,
            (Service::MediaControl, 2) => *what = index,
            _ => {}
        }
    }
}

const fn role(place: Place, port: u16, tcp: bool) -> Option<Role> {
    let even = port.is_multiple_of(2);
    Some(match place {
        Place::Ras => Service::Ras.leads(),
        Place::Signalling => Service::CallSignalling.leads(),
        Place::Control => Service::MediaControl.leads(),
        Place::NamedTcp => Role::Names(Transport::Tcp),
        Place::NamedUdp => Role::Names(Transport::Udp),
        Place::Stack => Role::Listens(channel(Transport::Tcp, Ports::One)),
        Place::Media | Place::MediaControl if tcp => {
            Role::Listens(channel(Transport::Tcp, Ports::One))
        }
        Place::Media if even => Role::Listens(channel(Transport::Udp, Ports::Pair)),
        Place::MediaControl if !even => Role::Listens(channel(Transport::Udp, Ports::Behind)),
        Place::Media | Place::MediaControl => Role::Listens(channel(Transport::Udp, Ports::One)),
        Place::Nowhere | Place::Channel | Place::Tcp | Place::TimeToLive => return None,
    })
}

/// Whoever it is that the other side has sent on.
const fn channel(transport: Transport, ports: Ports) -> Channel {
    Channel {
        transport,
        ports,
        uses: Uses::Many,
        remote: Remote::Anyone,
    }
}

#[cfg(test)]
mod tests;
