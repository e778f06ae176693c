//! One look at the bytes of a session, by the parser of its gateway.

use appproto::{
    Finding, Findings, Scan, Sender, Transport, ftp, h323, ldap, netbios, pptp, rcmd, rtsp, skinny,
    tftp,
};
use base::{Direction, Nanos};
use nat::{Attached, Gateway, Service};

use crate::directory;
use crate::engine::{Agreed, Host, Keeper, MEDIA_CONTROL, Terms};
use crate::h323::{Calls, Registration, Renewed};
use crate::names;
use crate::rtsp::{Doors, Sessions};
use crate::sip::{self, Limits};

/// IP protocol number of UDP.
const UDP: u8 = 17;

/// What a look came to.
#[derive(Clone, Debug)]
pub struct Scanned {
    /// How far it got.
    pub scan: Scan,
    /// Messages that it has seen.
    pub messages: u64,
    /// What they mean for the doors that are open.
    pub doors: Doors,
    /// What the host announced before, and may be opened once more.
    pub renewed: Renewed,
    /// Messages that could not be followed.
    pub errors: u64,
    /// The message that all findings are of, if it is one of SIP.
    pub message: Option<sip::Message>,
}

impl Scanned {
    pub(crate) const fn of(scan: Scan) -> Self {
        Self {
            scan,
            messages: 0,
            doors: Doors::Stay,
            renewed: Renewed::new_const(),
            errors: 0,
            message: None,
        }
    }

    /// How the door at a place of what was read is kept.
    #[must_use]
    pub fn terms(&self, attached: &Attached, finding: &Finding, call_timeout: Nanos) -> Terms {
        match (&self.message, attached.gateway) {
            (Some(message), _) => message.terms(finding, call_timeout),
            (None, Gateway::Rtsp) => Terms {
                lifetime: Some(Sessions::from_word(attached.notes[1]).lifetime()),
                ..Terms::default()
            },
            (None, Gateway::Ldap) => directory::Registration::from_word(attached.notes[1]).terms(),
            (None, Gateway::H323) if is_ras(attached) => Terms {
                lifetime: Some(Registration::from_word(attached.notes[1]).lifetime()),
                // Longer than the session, which a quiet host loses before it is called.
                keeper: Keeper::Call(Agreed::Yes),
                ..Terms::default()
            },
            (None, _) => Terms::default(),
        }
    }
}

/// Whether a session is H.323's with a gatekeeper.
#[must_use]
pub const fn is_ras(attached: &Attached) -> bool {
    matches!(attached.gateway, Gateway::H323)
        && attached.protocol == UDP
        && attached.kind != Service::CALLS_OVER_UDP
}

/// Reads the next bytes that a session carries in a direction; notes what has to be known for
/// those behind them.
pub fn scan(
    attached: &mut Attached,
    direction: Direction,
    bytes: &[u8],
    limits: Limits,
    host: &impl Host,
    found: &mut Findings,
) -> Scanned {
    let sender = if direction == attached.client {
        Sender::Client
    } else {
        Sender::Server
    };
    let mut messages = 0;
    let mut doors = Doors::Stay;
    let mut renewed = Renewed::new();
    let [note, other_note] = &mut attached.notes;
    let scan = match attached.gateway {
        // Read where it is looked at: nothing in it may change.
        Gateway::Ike => Scan::Complete,
        Gateway::Ftp => {
            let mut state = ftp::State::from_word(*note);
            let scan = ftp::scan(&mut state, sender, bytes, found, |_| messages += 1);
            *note = state.to_word();
            scan
        }
        Gateway::Tftp => tftp::scan(sender, bytes, found, |_| messages += 1),
        Gateway::Dns => names::list(bytes, found, || messages += 1),
        Gateway::Rtsp => {
            let mut state = rtsp::State::from_word(*note);
            if direction == Direction::Inbound {
                state = state.passing(sender);
            }
            let mut sessions = Sessions::from_word(*other_note);
            let scan = rtsp::scan(&mut state, sender, bytes, found, |message| {
                messages += 1;
                let says = sessions.note(sender, bytes, &message);
                if says != Doors::Stay {
                    doors = says;
                }
            });
            *note = state.to_word();
            *other_note = sessions.to_word();
            scan
        }
        Gateway::Rcmd => {
            let service = match attached.port {
                512 => rcmd::Service::Exec,
                513 => rcmd::Service::Login,
                _ => rcmd::Service::Shell,
            };
            let mut state = rcmd::State::from_word(*note);
            let scan = rcmd::scan(service, &mut state, sender, bytes, found, |_| messages += 1);
            *note = state.to_word();
            scan
        }
        Gateway::Skinny => {
            let mut state = skinny::State::from_word(*note);
            let scan = skinny::scan(&mut state, sender, bytes, found, |_| messages += 1);
            *note = state.to_word();
            scan
        }
        Gateway::Netbios if attached.protocol == UDP => {
            let scan = if attached.port == netbios::DATAGRAMS {
                netbios::datagram(bytes, found, |_| messages += 1)
            } else {
                netbios::name(bytes, found, |_| messages += 1)
            };
            // Who has spoken it before may say something odd.
            *note |= messages;
            if *note > 0 { Scan::Complete } else { scan }
        }
        Gateway::Netbios => {
            let mut state = netbios::State::from_word(*note);
            let scan = netbios::session(&mut state, sender, bytes, found, |_| messages += 1);
            *note = state.to_word();
            scan
        }
        Gateway::Pptp => {
            let mut state = pptp::State::from_word(*note);
            let scan = pptp::scan(&mut state, sender, bytes, found, |_| messages += 1);
            *note = state.to_word();
            scan
        }
        Gateway::Ldap => {
            let mut state = ldap::State::from_word(*note);
            let mut registration = directory::Registration::from_word(*other_note);
            let known = |address| host.is_own(address) || host.is_outside(address);
            let scan = ldap::scan(&mut state, sender, bytes, found, known, |message| {
                messages += 1;
                if sender == Sender::Client {
                    registration.note(message);
                }
            });
            registration.complete(found);
            *note = state.to_word();
            *other_note = registration.to_word();
            scan
        }
        Gateway::H323 => {
            let mut state = h323::State::from_word(*note);
            let (service, transport) = match (attached.protocol, attached.kind) {
                (UDP, Service::CALLS_OVER_UDP) => (h323::Service::CallSignalling, Transport::Udp),
                (UDP, _) => (h323::Service::Ras, Transport::Udp),
                (_, MEDIA_CONTROL) => (h323::Service::MediaControl, Transport::Tcp),
                _ => (h323::Service::CallSignalling, Transport::Tcp),
            };
            let mut calls = Calls::from_word(*other_note);
            let mut last = None;
            let scan = h323::scan(
                service,
                transport,
                &mut state,
                sender,
                bytes,
                found,
                |message| {
                    messages += 1;
                    last = Some(message);
                    if service == h323::Service::CallSignalling && calls.note(direction, message) {
                        doors = Doors::Close;
                    }
                },
            );
            crate::h323::settle(direction, service, found, host);
            *note = state.to_word();
            match (service, last) {
                (h323::Service::CallSignalling, _) => *other_note = calls.to_word(),
                (h323::Service::Ras, Some(message)) => {
                    let mut registration = Registration::from_word(*other_note);
                    renewed = registration.note(direction, message, found, host);
                    *other_note = registration.to_word();
                    if message.unregisters() {
                        doors = Doors::Close;
                    }
                }
                (h323::Service::Ras | h323::Service::MediaControl, _) => {}
            }
            scan
        }
        Gateway::Sip => {
            let transport = if attached.protocol == UDP {
                Transport::Udp
            } else {
                Transport::Tcp
            };
            return sip::read(note, (direction, transport), bytes, limits, host, found);
        }
    };
    Scanned {
        messages,
        doors,
        renewed,
        ..Scanned::of(scan)
    }
}
