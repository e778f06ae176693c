//! Skinny (SCCP) between phones and their call manager.
//!
//! ```text
//!  0        4         8    12
//! +--------+---------+----+------    numbers have their lowest byte first, addresses as in
//! | length | version | id | ...      IP; the length counts from the ID on
//! +--------+---------+----+------
//!
//!  an address, up to version 16:    | four bytes |
//!  from version 17 on:              | 0: IPv4, 1: IPv6 | sixteen bytes, four of them IPv4's |
//! ```
//!
//! The version of each message decides for that message; phones write none into some, where its
//! length tells. Nothing becomes longer or shorter. A message that names where
//! its phone receives opens doors for RTP and RTCP; one that tells a phone where to send to
//! opens none. What is too short for a place does not have it.

use crate::frames::{self, Framed, Head, NoRoom, Then, push};
use crate::{
    Channel, Endpoint, Finding, Findings, Form, Ports, Remote, Role, Scan, Sender, Span, Transport,
    Uses,
};

pub use crate::frames::State;

const HEADER_LEN: usize = 12;
/// Longest message, header included.
const LONGEST: usize = 4096;
/// First version with addresses of two kinds.
const TWO_KINDS: u32 = 17;
/// First version in which port responses have them.
const TWO_KINDS_OF_RESPONSE: u32 = 19;
/// First version in which a channel to be opened has an address.
const SOURCES: u32 = 15;
/// No version is higher.
const LAST_VERSION: u32 = 0x3f;
/// Ports in a list of them.
const MOST_PORTS: usize = 16;
/// Managers in a list of them.
const SERVERS: usize = 5;

mod id {
    pub(super) const KEEP_ALIVE: u32 = 0;
    pub(super) const REGISTER: u32 = 1;
    pub(super) const IP_PORT: u32 = 2;
    pub(super) const MEDIA_PORTS: u32 = 0x11;
    pub(super) const OPEN_RECEIVE_ACK: u32 = 0x22;
    pub(super) const UNREGISTER: u32 = 0x27;
    pub(super) const REGISTER_TOKEN: u32 = 0x29;
    pub(super) const TRANSMISSION_FAILURE: u32 = 0x2a;
    pub(super) const OPEN_VIDEO_ACK: u32 = 0x31;
    pub(super) const PORT_RESPONSE: u32 = 0x45;
    pub(super) const REGISTER_ACK: u32 = 0x81;
    pub(super) const START_MEDIA: u32 = 0x8a;
    pub(super) const STOP_MEDIA: u32 = 0x8b;
    pub(super) const SERVERS: u32 = 0x9e;
    pub(super) const OPEN_RECEIVE: u32 = 0x105;
    pub(super) const CLOSE_RECEIVE: u32 = 0x106;
    pub(super) const OPEN_VIDEO: u32 = 0x131;
    pub(super) const START_VIDEO: u32 = 0x132;
    pub(super) const STOP_VIDEO: u32 = 0x133;
    pub(super) const CLOSE_VIDEO: u32 = 0x136;
    pub(super) const START_MEDIA_ACK: u32 = 0x154;
    pub(super) const START_VIDEO_ACK: u32 = 0x155;
}

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message(u32);

impl Message {
    /// Names it in statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            id::KEEP_ALIVE => "KeepAlive",
            id::REGISTER => "Register",
            id::IP_PORT => "IpPort",
            id::MEDIA_PORTS => "MediaPortList",
            id::OPEN_RECEIVE_ACK => "OpenReceiveChannelAck",
            id::UNREGISTER => "Unregister",
            id::REGISTER_TOKEN => "RegisterTokenReq",
            id::TRANSMISSION_FAILURE => "MediaTransmissionFailure",
            id::OPEN_VIDEO_ACK => "OpenMultiMediaReceiveChannelAck",
            id::PORT_RESPONSE => "PortResponse",
            id::REGISTER_ACK => "RegisterAck",
            id::START_MEDIA => "StartMediaTransmission",
            id::STOP_MEDIA => "StopMediaTransmission",
            id::SERVERS => "ServerRes",
            id::OPEN_RECEIVE => "OpenReceiveChannel",
            id::CLOSE_RECEIVE => "CloseReceiveChannel",
            id::OPEN_VIDEO => "OpenMultiMediaReceiveChannel",
            id::START_VIDEO => "StartMultiMediaTransmission",
            id::STOP_VIDEO => "StopMultiMediaTransmission",
            id::CLOSE_VIDEO => "CloseMultiMediaReceiveChannel",
            id::START_MEDIA_ACK => "StartMediaTransmissionAck",
            id::START_VIDEO_ACK => "StartMultiMediaTransmissionAck",
            _ => "other",
        }
    }

    /// Who sends it, if there is anything to be read in it.
    const fn sender(self) -> Option<Sender> {
        match self.0 {
            id::REGISTER
            | id::IP_PORT
            | id::MEDIA_PORTS
            | id::OPEN_RECEIVE_ACK
            | id::REGISTER_TOKEN
            | id::TRANSMISSION_FAILURE
            | id::OPEN_VIDEO_ACK
            | id::PORT_RESPONSE
            | id::START_MEDIA_ACK
            | id::START_VIDEO_ACK => Some(Sender::Client),
            id::START_MEDIA | id::SERVERS | id::OPEN_RECEIVE | id::START_VIDEO => {
                Some(Sender::Server)
            }
            _ => None,
        }
    }
}

/// Lists the endpoints in whole messages of one direction and calls `seen` for each message.
pub fn scan(
    state: &mut State,
    sender: Sender,
    bytes: &[u8],
    found: &mut Findings,
    seen: impl FnMut(Message),
) -> Scan {
    frames::scan(Skinny(seen), state, sender, bytes, found)
}

struct Skinny<F>(F);

impl<F: FnMut(Message)> Framed for Skinny<F> {
    fn head(&self, _: u8, sender: Sender, bytes: &[u8]) -> Head {
        // Bytes above what any length, version and ID has.
        let zeros = [2, 3, 5, 6, 7, 10, 11];
        if zeros
            .iter()
            .any(|at| bytes.get(*at).is_some_and(|byte| *byte != 0))
        {
            return Head::Other;
        }
        let Some(&[low, high, ..]) = bytes.first_chunk::<2>() else {
            return Head::Open;
        };
        let len = usize::from(u16::from_le_bytes([low, high])) + 8;
        let version_fits = number(bytes, 4).is_none_or(|version| version <= LAST_VERSION);
        if !(HEADER_LEN..=LONGEST).contains(&len) || !version_fits {
            return Head::Other;
        }
        match number(bytes, 8) {
            None => Head::Open,
            Some(id) if Message(id).sender() == Some(sender) => Head::Message(len),
            Some(_) => Head::Passes(len),
        }
    }

    fn read(
        &mut self,
        _: &mut u8,
        _: Sender,
        message: &[u8],
        found: &mut Findings,
    ) -> Result<Then, NoRoom> {
        list(&mut Places { message, found })?;
        Ok(Then::GoOn)
    }

    fn seen(&mut self, head: &[u8]) {
        (self.0)(Message(number(head, 8).unwrap_or(u32::MAX)));
    }
}

/// Where a phone receives: whoever it hears of sends there, before the answer at times.
const MEDIA: Channel = Channel {
    transport: Transport::Udp,
    ports: Ports::Pair,
    uses: Uses::Many,
    remote: Remote::Anyone,
};
const RECEIVES: Role = Role::Listens(MEDIA);
const SENDS: Role = Role::Names(Transport::Udp);

fn list(places: &mut Places<'_, '_>) -> Result<(), NoRoom> {
    let id = number(places.message, 8).unwrap_or(u32::MAX);
    match id {
        // The rest of it varies, and names no endpoint.
        id::REGISTER | id::REGISTER_TOKEN => places.host(36),
        id::IP_PORT => places.port(12, 0, RECEIVES),
        id::MEDIA_PORTS => {
            let count = places.number(12).map_or(0, |count| count as usize);
            for nth in 0..count.min(MOST_PORTS) {
                places.port(16 + 4 * nth, 0, RECEIVES)?;
            }
            Ok(())
        }
        id::OPEN_RECEIVE_ACK | id::OPEN_VIDEO_ACK if places.number(12) == Some(0) => {
            places.endpoint(16, places.two_kinds(TWO_KINDS, Some(48)), RECEIVES)
        }
        id::TRANSMISSION_FAILURE => {
            places.endpoint(20, places.two_kinds(TWO_KINDS, Some(48)), SENDS)
        }
        id::START_MEDIA => places.endpoint(20, places.two_kinds(TWO_KINDS, None), SENDS),
        id::START_VIDEO => places.endpoint(24, places.two_kinds(TWO_KINDS, None), SENDS),
        id::START_MEDIA_ACK | id::START_VIDEO_ACK => {
            places.endpoint(24, places.two_kinds(TWO_KINDS, Some(52)), RECEIVES)
        }
        id::PORT_RESPONSE => {
            let two_kinds = places.two_kinds(TWO_KINDS_OF_RESPONSE, Some(52));
            places.ports(24, two_kinds)
        }
        id::OPEN_RECEIVE if places.version() >= SOURCES => {
            places.endpoint(112, places.two_kinds(TWO_KINDS, None), SENDS)
        }
        id::SERVERS => places.servers(),
        _ => Ok(()),
    }
}

/// A message, and the places found in it.
struct Places<'m, 'f> {
    message: &'m [u8],
    found: &'f mut Findings,
}

impl Places<'_, '_> {
    fn number(&self, at: usize) -> Option<u32> {
        number(self.message, at)
    }

    fn version(&self) -> u32 {
        self.number(4).unwrap_or_default()
    }

    /// Whether addresses are of two kinds: from this version on, and in messages without one that
    /// are as long as that makes them.
    fn two_kinds(&self, from: u32, len: Option<usize>) -> bool {
        match (self.version(), len) {
            (0, Some(len)) => self.message.len() >= len,
            (version, _) => version >= from,
        }
    }

    /// Where an address of IPv4 is and where what is behind its field, if it is one.
    fn address(&self, at: usize, two_kinds: bool) -> Option<(usize, usize)> {
        if !two_kinds {
            return Some((at, at + 4));
        }
        (self.number(at) == Some(0)).then_some((at + 4, at + 20))
    }

    fn put(
        &mut self,
        span: Span,
        endpoint: Endpoint,
        form: Form,
        role: Role,
    ) -> Result<(), NoRoom> {
        if span.end > self.message.len() {
            return Ok(());
        }
        let finding = Finding {
            span,
            endpoint,
            form,
            role,
        };
        push(self.found, finding)
    }

    /// An address without a port.
    fn host(&mut self, at: usize) -> Result<(), NoRoom> {
        match frames::long(self.message, at) {
            None | Some(0) => Ok(()),
            Some(address) => {
                let endpoint = Endpoint { address, port: 0 };
                self.put(Span::new(at, 4), endpoint, Form::Binary, Role::Host)
            }
        }
    }

    /// A port, on an address that stands elsewhere.
    fn port(&mut self, at: usize, address: u32, role: Role) -> Result<(), NoRoom> {
        match self.number(at).map(u16::try_from) {
            None | Some(Err(_) | Ok(0)) => Ok(()),
            Some(Ok(port)) => {
                let endpoint = Endpoint { address, port };
                self.put(Span::new(at, 2), endpoint, Form::LittlePort, role)
            }
        }
    }

    /// An address and the port behind it.
    fn endpoint(&mut self, at: usize, two_kinds: bool, role: Role) -> Result<(), NoRoom> {
        let Some((at, behind)) = self.address(at, two_kinds) else {
            return Ok(());
        };
        self.both(at, behind, role)
    }

    fn both(&mut self, at: usize, port_at: usize, role: Role) -> Result<(), NoRoom> {
        let port = self.number(port_at).map(u16::try_from);
        match (frames::long(self.message, at), port) {
            (Some(address @ 1..), Some(Ok(port @ 1..))) => {
                let endpoint = Endpoint { address, port };
                self.put(Span::new(at, 4), endpoint, Form::Binary, SENDS)?;
                self.put(Span::new(port_at, 2), endpoint, Form::LittlePort, role)
            }
            _ => Ok(()),
        }
    }

    /// An address, the port of RTP and that of RTCP.
    fn ports(&mut self, at: usize, two_kinds: bool) -> Result<(), NoRoom> {
        let Some((at, rtp)) = self.address(at, two_kinds) else {
            return Ok(());
        };
        let (Some(address), Some(port), Some(second)) = (
            frames::long(self.message, at),
            self.number(rtp),
            self.number(rtp + 4),
        ) else {
            return Ok(());
        };
        if second == port.wrapping_add(1) || second == 0 {
            self.both(at, rtp, RECEIVES)?;
            return self.port(rtp + 4, address, SENDS);
        }
        let alone = Role::Listens(Channel {
            ports: Ports::One,
            ..MEDIA
        });
        self.both(at, rtp, alone)?;
        self.port(rtp + 4, address, alone)
    }

    /// The managers that a phone may go to.
    fn servers(&mut self) -> Result<(), NoRoom> {
        const PORTS: usize = 252;
        const ADDRESSES: usize = 272;
        let two_kinds = self.two_kinds(TWO_KINDS, None);
        let step = if two_kinds { 20 } else { 4 };
        let names = Role::Names(Transport::Tcp);
        let server = |places: &Self, nth: usize| {
            let (at, _) = places.address(ADDRESSES + nth * step, two_kinds)?;
            let address = frames::long(places.message, at).filter(|address| *address != 0)?;
            let port = places.number(PORTS + 4 * nth)?;
            let port = u16::try_from(port).ok()?;
            Some((at, Endpoint { address, port }))
        };
        for nth in 0..SERVERS {
            if let Some((_, endpoint)) = server(self, nth) {
                self.port(PORTS + 4 * nth, endpoint.address, names)?;
            }
        }
        for nth in 0..SERVERS {
            if let Some((at, endpoint)) = server(self, nth) {
                self.put(Span::new(at, 4), endpoint, Form::Binary, names)?;
            }
        }
        Ok(())
    }
}

/// The 32 bits at an offset, the lowest byte first.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    frames::long(bytes, at).map(u32::swap_bytes)
}

#[cfg(test)]
mod tests;
