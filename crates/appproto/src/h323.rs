//! H.323: RAS and call signalling (H.225.0), and media control (H.245).
//!
//! ```text
//!  RAS              UDP 1719        | RasMessage |
//!  call signalling  TCP 1720        | TPKT | Q.931: ... User-User | H323-UserInformation | ... |
//!                   UDP 1720, 2517  | ...  | Q.931 | ... | Q.931 |
//!                                       fastStart, h245Control: octet strings with H.245 in them
//!  media control    TCP, any port   | TPKT | MultimediaSystemControlMessage |
//! ```
//!
//! All of them are ASN.1 in aligned PER, read by the recommendations' own grammar up to the last
//! address; what later versions add is skipped. Addresses have six bytes, and nothing becomes
//! longer or shorter. So what call signalling over UDP has around its messages (Annex E of H.323)
//! need not be known, see [`datagram`]. Each kind of session names where those of the next kind go: what
//! [`Role::Leads`] says. Supplementary services ([`h450`]) are in octet strings of call signalling,
//! too. A message that cannot be read is left alone, and one tunnelled in another
//! by itself.

mod channels;
mod datagram;
mod grammar;
mod h450;
mod per;
mod types;

use self::per::{Stop, Told};
use self::types::Place;
use crate::frames::{self, Framed, Head, NoRoom, Then};
use crate::{
    Channel, Endpoint, Finding, Findings, Form, Ports, Remote, Role, Scan, Sender, Span, Transport,
    Uses,
};

pub use self::channels::State;

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
        self.leads_over(match self {
            Self::Ras => Transport::Udp,
            Self::CallSignalling | Self::MediaControl => Transport::Tcp,
        })
    }

    /// The same of call signalling over either.
    #[must_use]
    pub const fn leads_over(self, transport: Transport) -> Role {
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
    /// Which call of its connection it is about, of call signalling: chosen by who began that, with
    /// the highest bit set by the other one.
    pub reference: u16,
    /// Seconds that a registration is to last, of a request and of its confirmation.
    pub time_to_live: Option<u32>,
}

impl Message {
    const fn of(service: Service) -> Self {
        Self {
            service,
            kind: u16::MAX,
            what: u16::MAX,
            reference: 0,
            time_to_live: None,
        }
    }

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

    /// There is no registration any more: its end is confirmed, or it was refused.
    #[must_use]
    pub const fn unregisters(self) -> bool {
        matches!((self.service, self.kind), (Service::Ras, 5 | 7))
    }

    /// Its call is over.
    #[must_use]
    pub const fn releases(self) -> bool {
        matches!(
            (self.service, self.kind),
            (Service::CallSignalling, RELEASE_COMPLETE)
        )
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
                RELEASE_COMPLETE => "ReleaseComplete",
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

/// Type of Q.931.
const RELEASE_COMPLETE: u16 = 0x5a;

/// In the notes: a message has been read.
const SPOKEN: u8 = 0x01;

/// Lists the endpoints in whole messages of one direction and calls `seen` for each message:
/// over UDP one a datagram of RAS, and of call signalling as many as there are; over TCP in TPKT.
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
        let mut frames = state.frames;
        let framed = Framing {
            service,
            last: None,
            state,
            seen,
        };
        let scan = frames::scan(framed, &mut frames, sender, bytes, found);
        state.frames = frames;
        return scan;
    }
    if service == Service::CallSignalling {
        return datagram::scan(state, sender, bytes, found, seen);
    }
    match read(service, bytes, 0, (state, sender), found) {
        Ok(Some(message)) => {
            state.frames.notes |= SPOKEN;
            seen(message);
            Scan::Complete
        }
        // Who has spoken it before may say something odd.
        Err(NoRoom) => Scan::Complete,
        Ok(None) if state.frames.notes & SPOKEN != 0 => Scan::Complete,
        Ok(None) => Scan::Release,
    }
}

/// TPKT (RFC 1006 section 6).
struct Framing<'a, F> {
    service: Service,
    last: Option<Message>,
    state: &'a mut State,
    seen: F,
}

const TPKT_LEN: usize = 4;
const TPKT_VERSION: u8 = 3;

impl<F: FnMut(Message)> Framed for Framing<'_, F> {
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
        sender: Sender,
        message: &[u8],
        found: &mut Findings,
    ) -> Result<Then, NoRoom> {
        self.last = None;
        let session = (&mut *self.state, sender);
        self.last = read(self.service, message, TPKT_LEN, session, found)?;
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
    session: (&mut State, Sender),
    found: &mut Findings,
) -> Result<Option<Message>, NoRoom> {
    let mut message = Message::of(service);
    let (at, end, of) = match service {
        Service::Ras => (from, bytes.len(), &grammar::RAS_MESSAGE_LAST),
        Service::MediaControl => (
            from,
            bytes.len(),
            &grammar::H245_MULTIMEDIA_SYSTEM_CONTROL_MESSAGE_LAST,
        ),
        Service::CallSignalling => {
            let Some(q931) = q931(bytes, from) else {
                return Ok(None);
            };
            (message.kind, message.reference) = (u16::from(q931.kind), q931.reference);
            (q931.start, q931.end, &grammar::H323_USER_INFORMATION_LAST)
        }
    };
    // Without anything of H.323 in it, it is Q.931's alone.
    if service == Service::CallSignalling && at == end {
        return Ok(Some(message));
    }
    value(
        (bytes, at, end),
        of,
        (message, Transport::Tcp),
        session,
        found,
    )
}

/// Reads a value of ASN.1 between two offsets.
fn value(
    (bytes, at, end): (&[u8], usize, usize),
    of: &'static types::Type,
    (message, transport): (Message, Transport),
    (state, sender): (&mut State, Sender),
    found: &mut Findings,
) -> Result<Option<Message>, NoRoom> {
    let before = found.len();
    let mut places = Places {
        found,
        base: at,
        state,
        sender,
        transport,
        offered: 0,
        data: None,
        full: false,
        message,
    };
    let read = per::read(bytes.get(at..end).unwrap_or_default(), of, &mut places);
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

/// A message of Q.931.
struct Q931 {
    kind: u8,
    reference: u16,
    /// Where H323-UserInformation is in it; nothing if it has none.
    start: usize,
    end: usize,
}

fn q931(bytes: &[u8], from: usize) -> Option<Q931> {
    const DISCRIMINATOR: u8 = 8;
    const USER_USER: u8 = 0x7e;
    const OF_ASN1: u8 = 5;
    /// Information elements of one byte.
    const SHORT: u8 = 0x80;
    let (&[discriminator, reference_len], rest) = bytes.get(from..)?.split_first_chunk::<2>()?;
    if discriminator != DISCRIMINATOR || reference_len & 0xf0 != 0 {
        return None;
    }
    let reference = match *rest {
        [high, low, ..] if reference_len == 2 => u16::from_be_bytes([high, low]),
        _ => 0,
    };
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
            return Some(Q931 {
                kind,
                reference,
                start: start + 1,
                end,
            });
        }
        at = end;
    }
    Some(Q931 {
        kind,
        reference,
        start: at,
        end: at,
    })
}

struct Places<'a> {
    found: &'a mut Findings,
    /// Offset of what is read in the whole message.
    base: usize,
    state: &'a mut State,
    sender: Sender,
    /// What the message has come over.
    transport: Transport,
    /// Number of the channel that is offered.
    offered: u16,
    /// What it runs on, if it has no RTP.
    data: Option<Transport>,
    /// There was no room.
    full: bool,
    message: Message,
}

impl Told for Places<'_> {
    fn address(&mut self, place: Place, at: usize, endpoint: Endpoint) -> Result<(), Stop> {
        /// First four bits of multicast addresses.
        const MULTICAST: u32 = 0xe;
        let of_calls = self.message.service == Service::CallSignalling;
        let place = match (place, self.transport) {
            // Where calls go over UDP, those that are sent on do, and are named so.
            (Place::Signalling, Transport::Udp) if of_calls => Place::SignallingUdp,
            (Place::NamedTcp, Transport::Udp) if of_calls => Place::NamedUdp,
            _ => place,
        };
        let Some(role) = role(place, endpoint.port, self.data) else {
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
        let number = u16::try_from(value).unwrap_or(u16::MAX);
        match place {
            Place::Offered => {
                self.offered = number;
                self.state.offered(number, self.sender);
            }
            Place::Channel => self.data = None,
            Place::Tcp => self.carries(Transport::Tcp),
            Place::Udp => self.carries(Transport::Udp),
            Place::Accepted => self.data = self.state.accepted(number, self.sender),
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

impl Places<'_> {
    fn carries(&mut self, transport: Transport) {
        self.data = Some(transport);
        self.state.carries(self.offered, self.sender, transport);
    }
}

const fn role(place: Place, port: u16, data: Option<Transport>) -> Option<Role> {
    let even = port.is_multiple_of(2);
    Some(match place {
        Place::Ras => Service::Ras.leads(),
        Place::Signalling => Service::CallSignalling.leads(),
        Place::SignallingUdp => Service::CallSignalling.leads_over(Transport::Udp),
        Place::Control => Service::MediaControl.leads(),
        Place::NamedTcp => Role::Names(Transport::Tcp),
        Place::NamedUdp => Role::Names(Transport::Udp),
        Place::Stack => Role::Listens(channel(Transport::Tcp, Ports::One)),
        Place::Media | Place::MediaControl if let Some(transport) = data => {
            Role::Listens(channel(transport, Ports::One))
        }
        Place::Media if even => Role::Listens(channel(Transport::Udp, Ports::Pair)),
        Place::MediaControl if !even => Role::Listens(channel(Transport::Udp, Ports::Behind)),
        Place::Media | Place::MediaControl => Role::Listens(channel(Transport::Udp, Ports::One)),
        Place::Nowhere
        | Place::Channel
        | Place::Offered
        | Place::Accepted
        | Place::Tcp
        | Place::Udp
        | Place::TimeToLive => return None,
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
