//! Which sessions have an application gateway, and what it must remember of them.
//!
//! A session gets its gateway when it begins: by the port of the server it goes to, or
//! from the door it came in by. It keeps it until the gateway releases it, and what the
//! gateway notes is kept here beside the session, for those few sessions alone.
//!
//! Owned by the shard; allocated when that is made, never grows.

use alloc::vec::Vec;

use core::net::Ipv4Addr;

use base::{Direction, Nanos, Prefix, Ticks};

use crate::index::Index;
use crate::key::FlowKey;
use crate::session::SessionId;
use crate::wheel::NIL;

/// An application gateway, in the order of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Gateway {
    /// FTP control channels.
    Ftp,
    /// TFTP requests.
    Tftp,
    /// DNS messages.
    Dns,
    /// RTSP connections.
    Rtsp,
    /// rsh, rexec and rlogin.
    Rcmd,
    /// SIP.
    Sip,
    /// PPTP control connections, and GRE of their calls.
    Pptp,
    /// Phones and their call manager.
    Skinny,
    /// `NetBIOS` names, datagrams and sessions.
    Netbios,
    /// IKE, which is only looked at.
    Ike,
    /// LDAP of `NetMeeting`'s directories.
    Ldap,
    /// H.323: RAS, call signalling and media control.
    H323,
}

impl Gateway {
    /// How many there are.
    pub const COUNT: usize = 12;

    /// All of them, by number.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Ftp,
        Self::Tftp,
        Self::Dns,
        Self::Rtsp,
        Self::Rcmd,
        Self::Sip,
        Self::Pptp,
        Self::Skinny,
        Self::Netbios,
        Self::Ike,
        Self::Ldap,
        Self::H323,
    ];

    /// Its key in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Tftp => "tftp",
            Self::Dns => "dns",
            Self::Rtsp => "rtsp",
            Self::Rcmd => "rcmd",
            Self::Sip => "sip",
            Self::Pptp => "pptp",
            Self::Skinny => "skinny",
            Self::Netbios => "netbios",
            Self::Ike => "ike",
            Self::Ldap => "ldap",
            Self::H323 => "h323",
        }
    }
}

/// A port on which servers of a gateway's protocol are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// IP protocol.
    pub protocol: u8,
    /// Port.
    pub port: u16,
    /// Who looks at what goes there.
    pub gateway: Gateway,
    /// It says what it would change, and changes nothing.
    pub shadow: bool,
    /// Messages that come in parts are put together (vTCP).
    pub in_parts: bool,
    /// Of DNS: what is answered by an address that is only lent must not be kept.
    pub reset_ttl: bool,
    /// Which of the kinds of sessions that the gateway has; zero if its protocol and port say it.
    pub kind: u8,
}

impl Service {
    /// The kind that call signalling of H.323 over UDP is, where RAS is, too.
    pub const CALLS_OVER_UDP: u8 = 2;

    /// Whether each packet says all there is to know: nothing is remembered of its sessions
    /// unless something comes up.
    pub(crate) const fn is_stateless(self) -> bool {
        matches!(self.gateway, Gateway::Dns) && self.protocol == wire::ipv4::protocol::UDP
    }
}

/// Inside hosts that carry calls for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trunk {
    /// By which protocol.
    pub gateway: Gateway,
    /// Where their signalling comes from.
    pub address: Prefix,
    /// Addresses that they may announce for media besides their own.
    pub media: Vec<Prefix>,
}

impl Trunk {
    /// Whether an inside address is one of its own or may be announced by them.
    #[must_use]
    pub fn has(&self, address: u32) -> bool {
        let address = Ipv4Addr::from_bits(address);
        let mut prefixes = core::iter::once(&self.address).chain(&self.media);
        prefixes.any(|prefix| prefix.contains(address))
    }
}

/// What the gateway of SIP keeps to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipSettings {
    /// How long a call lasts without a word.
    pub call_timeout: Nanos,
    /// Media lines of a message.
    pub max_media_lines: u8,
}

impl Default for SipSettings {
    fn default() -> Self {
        Self {
            call_timeout: Nanos::from_secs(3 * 3600),
            max_media_lines: 8,
        }
    }
}

/// How the SPI that comes back is foreseen from the one that goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prediction {
    /// Both are the same.
    #[default]
    Same,
    /// The responder's is the first four bytes of the SHA-1 of the initiator's.
    Hashed,
}

/// What is done for IPsec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IpsecSettings {
    /// ESP is translated by its SPIs, and needs not be named in a rule.
    pub esp: bool,
    /// Hosts whose port 500 stays 500.
    pub preserve_port: Vec<Prefix>,
    /// Hosts whose SPIs can be foreseen.
    pub spi_match: Vec<Prefix>,
    /// How.
    pub prediction: Prediction,
    /// Hosts whose sessions at port 4500 are kept alive for them.
    pub keepalive_for: Vec<Prefix>,
    /// How often.
    pub keepalive: Option<Nanos>,
    /// Pairs of a host and a gateway between which ESP travels in UDP outside.
    pub encapsulate: Vec<(Ipv4Addr, Ipv4Addr)>,
}

impl IpsecSettings {
    /// Whether a host is in one of these lists.
    #[must_use]
    pub fn lists(list: &[Prefix], address: u32) -> bool {
        let address = Ipv4Addr::from_bits(address);
        list.iter().any(|prefix| prefix.contains(address))
    }
}

/// The services of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    list: Vec<Service>,
    /// What SIP's keep to.
    pub sip: SipSettings,
    /// Hosts that carry calls for others.
    pub trunks: Vec<Trunk>,
    /// What is done for IPsec.
    pub ipsec: IpsecSettings,
    /// Ports modulo 64 that some service has: most others are none at one look.
    some: u64,
}

impl Services {
    /// Of all these; the first of two for the same port counts.
    #[must_use]
    pub fn new(list: Vec<Service>) -> Self {
        let some = list
            .iter()
            .fold(0, |some, service| some | 1 << (service.port & 63));
        Self {
            list,
            some,
            sip: SipSettings::default(),
            trunks: Vec::new(),
            ipsec: IpsecSettings::default(),
        }
    }

    /// The same with trunks.
    #[must_use]
    pub fn with_trunks(self, trunks: Vec<Trunk>) -> Self {
        Self { trunks, ..self }
    }

    /// The trunk that signals from an inside address.
    #[must_use]
    pub fn trunk(&self, gateway: Gateway, address: u32) -> Option<&Trunk> {
        let address = Ipv4Addr::from_bits(address);
        self.trunks
            .iter()
            .find(|trunk| trunk.gateway == gateway && trunk.address.contains(address))
    }

    /// The same with settings for IPsec.
    #[must_use]
    pub fn with_ipsec(self, ipsec: IpsecSettings) -> Self {
        Self { ipsec, ..self }
    }

    /// The same with settings for SIP.
    #[must_use]
    pub fn with_sip(self, sip: SipSettings) -> Self {
        Self { sip, ..self }
    }

    /// False for most ports without a service.
    #[must_use]
    #[inline]
    pub const fn may_have(&self, port: u16) -> bool {
        self.some & 1 << (port & 63) != 0
    }

    /// The service at a port.
    #[must_use]
    #[inline]
    pub fn at(&self, protocol: u8, port: u16) -> Option<Service> {
        if !self.may_have(port) {
            return None;
        }
        let is_it = |service: &&Service| service.port == port && service.protocol == protocol;
        self.list.iter().find(is_it).copied()
    }

    /// The service of a flow that comes from its port: who answers SIP over UDP at a port
    /// also asks from there, wherever others answer.
    #[must_use]
    #[inline]
    pub fn from(&self, protocol: u8, port: u16) -> Option<Service> {
        let is_symmetric = |service: &Service| {
            service.gateway == Gateway::Sip && service.protocol == wire::ipv4::protocol::UDP
        };
        self.at(protocol, port).filter(is_symmetric)
    }

    /// Whether messages of a gateway that come in parts are put together.
    #[must_use]
    pub fn in_parts(&self, gateway: Gateway) -> bool {
        self.list
            .iter()
            .any(|service| service.gateway == gateway && service.in_parts)
    }

    /// Whether there is none at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// What one host of a TCP connection has said of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// The options of its SYN.
    pub options: Option<Offered>,
    /// Its last acknowledgement, and the window from there in bytes.
    pub heard: Option<(u32, u32)>,
}

impl Spoken {
    /// Nothing yet.
    const NOTHING: Self = Self {
        options: None,
        heard: None,
    };
}

/// Options of a SYN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// Maximum segment size (RFC 9293 section 3.7.1).
    pub mss: Option<u16>,
    /// Window scale (RFC 7323 section 2).
    pub window_scale: Option<u8>,
    /// SACK permitted (RFC 2018 section 2).
    pub sack_permitted: bool,
    /// Time stamps (RFC 7323 section 3).
    pub timestamps: bool,
}

/// What a gateway remembers of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub gateway: Gateway,
    /// It changes nothing.
    pub shadow: bool,
    /// Messages that come in parts are put together (vTCP).
    pub in_parts: bool,
    /// As the service has it.
    pub reset_ttl: bool,
    /// The direction that the client sends in.
    pub client: Direction,
    /// IP protocol.
    pub protocol: u8,
    /// Well-known port of the server.
    pub port: u16,
    /// As the service has it.
    pub kind: u8,
    /// The gateway's own, zero at first.
    pub notes: [u64; 2],
    /// By direction: the sequence number of the next byte that was not looked at, once known.
    pub next: [Option<u32>; 2],
    /// By direction: the same of the first byte, once its SYN was seen.
    pub first: [Option<u32>; 2],
    /// The hosts of a TCP connection, by the direction they send in.
    pub spoken: [Spoken; 2],
    /// The number of the stream that has it: what comes is the slow path's to read.
    pub diverted: Option<u32>,
    /// No more messages are looked at; numbers may have to be changed for ever.
    pub released: bool,
    /// The last session that came through a door of this one, or went where this one has led,
    /// and when it began: as long as it lives, so does this one.
    pub child: Option<(SessionId, Ticks)>,
}

impl Attached {
    /// Nothing noted yet.
    #[must_use]
    pub const fn new(session: SessionId, service: Service, client: Direction) -> Self {
        Self {
            session,
            gateway: service.gateway,
            shadow: service.shadow,
            in_parts: service.in_parts,
            reset_ttl: service.reset_ttl,
            client,
            protocol: service.protocol,
            port: service.port,
            kind: service.kind,
            notes: [0; 2],
            next: [None; 2],
            first: [None; 2],
            spoken: [Spoken::NOTHING; 2],
            diverted: None,
            released: false,
            child: None,
        }
    }
}

impl Attached {
    /// A FIN behind `len` bytes from `seq` on has gone on: it takes a number too.
    pub fn note_fin(&mut self, direction: Direction, seq: u32, len: usize) {
        let end = seq.wrapping_add(u32::try_from(len).unwrap_or(0));
        if let Some(Some(next)) = self.next.get_mut(direction as usize)
            && *next == end
        {
            *next = end.wrapping_add(1);
        }
    }
}

/// What one gateway has seen and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages read.
    pub messages: u64,
    /// Messages changed, or in shadow mode those that would have been.
    pub rewritten: u64,
    /// Doors opened.
    pub doors_opened: u64,
    /// Flows that came in by a door.
    pub doors_promoted: u64,
    /// Sessions released: not the protocol, or nothing more to be read in them.
    pub bypassed: u64,
    /// Messages that were not changed as they should have been: no port, no door, no room, or
    /// somebody else's address.
    pub errors: u64,
}

impl Tally {
    /// Adds another worker's.
    pub const fn merge(&mut self, other: &Self) {
        self.messages += other.messages;
        self.rewritten += other.rewritten;
        self.doors_opened += other.doors_opened;
        self.doors_promoted += other.doors_promoted;
        self.bypassed += other.bypassed;
        self.errors += other.errors;
    }
}

/// Messages of SIP by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SipKinds {
    /// Requests by method, in the order of the parser's.
    pub requests: [u64; Self::METHODS],
    /// Responses by class of their code, in the order of the parser's.
    pub responses: [u64; Self::CLASSES],
}

impl SipKinds {
    /// How many methods there are.
    pub const METHODS: usize = 16;
    /// How many classes of responses.
    pub const CLASSES: usize = 10;

    /// Counts a message.
    pub fn count(&mut self, is_request: bool, place: usize) {
        let places = if is_request {
            self.requests.get_mut(place)
        } else {
            self.responses.get_mut(place)
        };
        if let Some(count) = places {
            *count += 1;
        }
    }

    /// Adds another worker's.
    pub fn merge(&mut self, other: &Self) {
        let all = self.requests.iter_mut().chain(&mut self.responses);
        for (sum, count) in all.zip(other.requests.iter().chain(&other.responses)) {
            *sum += count;
        }
    }
}

/// The same of all gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    all: [Tally; Gateway::COUNT],
    /// Of SIP.
    pub sip: SipKinds,
}

impl Tallies {
    /// Of one gateway.
    #[must_use]
    pub fn of(&self, gateway: Gateway) -> Tally {
        self.all.get(gateway as usize).copied().unwrap_or_default()
    }

    /// Of one gateway, to be counted in.
    pub fn of_mut(&mut self, gateway: Gateway) -> &mut Tally {
        let [
            ftp,
            tftp,
            dns,
            rtsp,
            rcmd,
            sip,
            pptp,
            skinny,
            netbios,
            ike,
            ldap,
            h323,
        ] = &mut self.all;
        match gateway {
            Gateway::Ftp => ftp,
            Gateway::Tftp => tftp,
            Gateway::Dns => dns,
            Gateway::Rtsp => rtsp,
            Gateway::Rcmd => rcmd,
            Gateway::Sip => sip,
            Gateway::Pptp => pptp,
            Gateway::Skinny => skinny,
            Gateway::Netbios => netbios,
            Gateway::Ike => ike,
            Gateway::Ldap => ldap,
            Gateway::H323 => h323,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Used(Attached),
    /// The next free one.
    Free(u32),
}

/// All sessions with a gateway.
#[derive(Debug)]
pub(crate) struct Attachments {
    slots: Vec<Slot>,
    free: u32,
    live: u32,
    capacity: usize,
    index: Index,
    seed: u64,
}

impl Attachments {
    /// For so many sessions.
    pub(crate) fn with_capacity(sessions: u32, seed: u64) -> Self {
        let capacity = sessions as usize;
        Self {
            slots: Vec::with_capacity(capacity),
            free: NIL,
            live: 0,
            capacity,
            index: Index::with_capacity(capacity),
            seed,
        }
    }

    /// Bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.capacity * size_of::<Slot>() + self.index.bytes()
    }

    /// How many sessions have one.
    pub(crate) const fn live(&self) -> u32 {
        self.live
    }

    fn hash(&self, session: SessionId) -> u64 {
        FlowKey::new(session.0, 0, 0, 0, 0, 0).hash(self.seed)
    }

    fn place(&self, session: SessionId) -> Option<u32> {
        self.index.find(self.hash(session), |at| {
            matches!(self.slots.get(at as usize), Some(Slot::Used(found)) if found.session == session)
        })
    }

    pub(crate) fn get(&self, session: SessionId) -> Option<&Attached> {
        match self.slots.get(self.place(session)? as usize)? {
            Slot::Used(attached) => Some(attached),
            Slot::Free(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, session: SessionId) -> Option<&mut Attached> {
        let at = self.place(session)?;
        match self.slots.get_mut(at as usize)? {
            Slot::Used(attached) => Some(attached),
            Slot::Free(_) => None,
        }
    }

    /// Remembers a session that has none yet; false if there is no room.
    pub(crate) fn insert(&mut self, attached: Attached) -> bool {
        let at = match self.free {
            NIL if self.slots.len() < self.capacity => {
                u32::try_from(self.slots.len()).unwrap_or(NIL)
            }
            free => free,
        };
        if at == NIL || self.index.insert(self.hash(attached.session), at).is_err() {
            return false;
        }
        match self.slots.get_mut(at as usize) {
            Some(slot) => {
                if let Slot::Free(next) = *slot {
                    self.free = next;
                }
                *slot = Slot::Used(attached);
            }
            None => self.slots.push(Slot::Used(attached)),
        }
        self.live += 1;
        true
    }

    /// Forgets a session; answers what was remembered.
    pub(crate) fn remove(&mut self, session: SessionId) -> Option<Attached> {
        let at = self.place(session)?;
        let hash = self.hash(session);
        let slot = self.slots.get_mut(at as usize)?;
        let Slot::Used(attached) = *slot else {
            return None;
        };
        *slot = Slot::Free(self.free);
        self.free = at;
        self.index.remove(hash, at);
        self.live -= 1;
        Some(attached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(port: u16) -> Service {
        Service {
            protocol: 6,
            port,
            gateway: Gateway::Ftp,
            shadow: false,
            in_parts: true,
            reset_ttl: false,
            kind: 0,
        }
    }

    #[test]
    fn services_are_found_by_protocol_and_port() {
        let services = Services::new(alloc::vec![service(21), service(2121)]);
        assert_eq!(services.at(6, 21), Some(service(21)));
        assert_eq!(services.at(17, 21), None);
        assert_eq!(services.at(6, 21 + 64), None);
        assert_eq!(services.at(6, 80), None);
        assert!(!services.is_empty() && Services::default().is_empty());
    }

    /// REQUIREMENTS P4: between proxies, and from a server to its clients.
    #[test]
    fn sip_over_udp_is_known_by_either_port() {
        let sip = |protocol| Service {
            protocol,
            gateway: Gateway::Sip,
            ..service(5060)
        };
        let services = Services::new(alloc::vec![service(21), sip(6), sip(17)]);
        assert_eq!(services.from(17, 5060), Some(sip(17)));
        for (protocol, port) in [(6, 5060), (6, 21), (17, 21), (17, 5061)] {
            assert_eq!(services.from(protocol, port), None);
        }
    }

    #[test]
    fn sessions_come_and_go_up_to_the_capacity() {
        let mut table = Attachments::with_capacity(3, 1);
        let one = |number| Attached::new(SessionId(number), service(21), Direction::Outbound);
        for number in 0..3 {
            assert!(table.insert(one(number)));
        }
        assert!(!table.insert(one(3)));
        assert_eq!(table.remove(SessionId(1)), Some(one(1)));
        assert_eq!(table.remove(SessionId(1)), None);
        assert_eq!((table.get(SessionId(1)), table.live()), (None, 2));
        assert!(table.insert(one(7)));
        if let Some(found) = table.get_mut(SessionId(7)) {
            found.notes = [5, 6];
        }
        assert_eq!(
            table.get(SessionId(7)).map(|found| found.notes),
            Some([5, 6])
        );
        for number in [0, 2, 7] {
            assert!(table.remove(SessionId(number)).is_some());
        }
        assert_eq!(table.live(), 0);
    }

    #[test]
    fn numbers_are_places() {
        for (place, gateway) in Gateway::ALL.into_iter().enumerate() {
            assert_eq!(gateway as usize, place);
        }
    }
}
