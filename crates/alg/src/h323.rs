//! H.323: how long the doors last by which a host is called, and those of its calls.
//!
//! A host says where it is called when it asks a gatekeeper to be registered, and the gatekeeper
//! for how many seconds that is, when it confirms it. So the doors of the last request are opened
//! once more with that time. A registration is kept as a call is, and its end is the call's.
//!
//! The doors of a connection for call signalling close when its call is released. Where it has
//! several at a time nothing tells whose a door is: they close by their time.

use appproto::h323::{Message, Service};
use appproto::{Endpoint, Finding, Findings, Form, Role, Span, Transport};
use arrayvec::ArrayVec;
use base::{Direction, Nanos};

use crate::engine::Host;

/// Seconds of a registration where nothing is said.
const USUAL: u32 = 300;

/// The longest that doors wait for somebody.
const LONGEST: u32 = 24 * 3600;

/// How much longer they do than a registration lasts.
const GRACE: Nanos = Nanos::from_secs(30);

/// What is opened once more.
pub(crate) type Renewed = ArrayVec<Finding, 3>;

/// Where a host is reached, in the order of [`Registration::ports`].
const REACHED: [Role; 3] = [
    Service::Ras.leads(),
    Service::CallSignalling.leads(),
    Service::CallSignalling.leads_over(Transport::Udp),
];

/// What is known of the registration that a session is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registration {
    /// Seconds, at most [`LONGEST`]; zero if nothing was said.
    time_to_live: u32,
    /// Ports of the host's own that it asked for: of RAS, and of calls over TCP and UDP.
    ports: [u16; 3],
}

impl Registration {
    /// An odd second is one more then.
    pub(crate) const fn to_word(self) -> u64 {
        let [ras, calls, over_udp] = self.ports;
        let pairs = self.time_to_live.div_ceil(2);
        (ras as u64) << 48 | (calls as u64) << 32 | (over_udp as u64) << 16 | pairs as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "parts of the word")]
    pub(crate) const fn from_word(word: u64) -> Self {
        Self {
            time_to_live: (word as u16) as u32 * 2,
            ports: [
                (word >> 48) as u16,
                (word >> 32) as u16,
                (word >> 16) as u16,
            ],
        }
    }

    /// Takes note of a message, and answers what is to be opened once more.
    pub(crate) fn note(
        &mut self,
        direction: Direction,
        message: Message,
        found: &Findings,
        host: &impl Host,
    ) -> Renewed {
        let mut renewed = Renewed::new();
        let said = message.time_to_live.map(|seconds| seconds.min(LONGEST));
        match direction {
            Direction::Outbound if message.registers() => {
                let port = |role| {
                    let mut own = found.iter().filter(|finding| {
                        finding.role == role && host.is_own(finding.endpoint.address)
                    });
                    own.next().map_or(0, |finding| finding.endpoint.port)
                };
                self.ports = REACHED.map(port);
                self.time_to_live = said.unwrap_or(self.time_to_live);
            }
            Direction::Inbound if message.confirms() => {
                self.time_to_live = said.unwrap_or(self.time_to_live);
                for (role, port) in REACHED
                    .into_iter()
                    .zip(self.ports)
                    .filter(|(_, port)| *port > 0)
                {
                    // There is room for all.
                    let _ = renewed.try_push(Finding {
                        span: Span::default(),
                        endpoint: Endpoint { address: 0, port },
                        form: Form::BinaryPort,
                        role,
                    });
                }
            }
            Direction::Outbound | Direction::Inbound => {}
        }
        renewed
    }

    /// How long its doors wait.
    pub(crate) fn lifetime(self) -> Nanos {
        let seconds = match self.time_to_live {
            0 => USUAL,
            seconds => seconds,
        };
        Nanos::from_secs(u64::from(seconds)).plus(GRACE)
    }
}

/// What is known of the calls of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    /// The reference of one of them, as whoever chose it writes it, and which side that is.
    one: u16,
    known: bool,
    /// That one is released: more may come of it.
    over: bool,
    several: bool,
}

impl Calls {
    pub(crate) const fn to_word(self) -> u64 {
        (self.several as u64) << 18
            | (self.over as u64) << 17
            | (self.known as u64) << 16
            | self.one as u64
    }

    pub(crate) const fn from_word(word: u64) -> Self {
        let [.., flags, high, low] = word.to_be_bytes();
        Self {
            one: u16::from_be_bytes([high, low]),
            known: flags & 1 != 0,
            over: flags & 2 != 0,
            several: flags & 4 != 0,
        }
    }

    /// Takes note of a message; whether the doors close.
    pub(crate) fn note(&mut self, direction: Direction, message: Message) -> bool {
        /// Not the sender's choice.
        const ANSWERS: u16 = 0x8000;
        let one = match direction {
            Direction::Outbound => message.reference,
            Direction::Inbound => message.reference ^ ANSWERS,
        };
        if message.releases() {
            let is_known = one == self.one;
            self.over |= is_known;
            return is_known && !self.several;
        }
        if !self.known || self.over && one != self.one {
            *self = Self {
                one,
                known: true,
                over: false,
                ..*self
            };
        }
        self.several |= one != self.one;
        false
    }
}

/// What the other side listens to opens nothing here, but it may be ours that it gives back.
///
/// In a call the host may send the other side on to whomever it likes (`alternativeAddress`, H.450):
/// that opens nothing, and is named as it is known outside.
pub(crate) fn settle(
    direction: Direction,
    service: Service,
    found: &mut Findings,
    host: &impl Host,
) {
    for finding in found {
        match (direction, finding.role) {
            (Direction::Inbound, Role::Listens(channel)) => {
                finding.role = Role::Names(channel.transport);
            }
            (Direction::Outbound, Role::Leads(Service::CallSignalling, channel))
                if service != Service::Ras && !host.is_own(finding.endpoint.address) =>
            {
                finding.role = Role::Names(channel.transport);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors_last_as_long_as_the_registration() {
        for (said, lasts) in [(0, 330), (60, 90), (899, 930), (LONGEST, 24 * 3600 + 30)] {
            let registration = Registration {
                time_to_live: said,
                ports: [1719, 1720, 2517],
            };
            let kept = Registration::from_word(registration.to_word());
            assert_eq!(kept.lifetime(), Nanos::from_secs(lasts));
            assert_eq!(kept.ports, registration.ports);
        }
    }
}
