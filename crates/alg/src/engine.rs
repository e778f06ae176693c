//! From findings to edits: trust, mappings, doors.
//!
//! Outbound, an endpoint in a message is the inside host's own and becomes the outside one
//! that stands for it; inbound, one of ours becomes the inside one behind it. Only the host of
//! the session is believed, and only about itself: an address that is not its own, or a port
//! that its protocol has no business with, stays as it is and opens nothing (NAT slipstreaming,
//! FTP bounce, third-party SDP).

use appproto::{Channel, Endpoint, Finding, Form, Ports, Remote, Role, Transport, Uses, h323};
use base::{Direction, Nanos};

use crate::edits::{Edit, Edits, add_lengths};

/// First port that a message may open a door for, unless its protocol needs less.
const FIRST_PORT: u16 = 1024;

/// The kind of sessions that media control of H.323 is: nothing else tells them.
pub const MEDIA_CONTROL: u8 = 1;

/// Pairs that one place may ask for.
const MOST_PAIRS: u8 = 16;

/// No mapping or door to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What a door is kept by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeper {
    /// The session of the message, with which it closes.
    #[default]
    Session,
    /// The call of the message: it closes when that has come to nothing or is over.
    Call(Agreed),
    /// Nothing but its time. Who asks for it once more makes that longer, never shorter.
    Time,
}

/// Whether what a message announces is agreed upon: what is not closes if it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreed {
    /// It is an offer.
    No,
    /// It answers.
    Yes,
    /// If the call is.
    AsTheCall,
}

/// How the doors that a message opens are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// How long; as usual where nothing is said.
    pub lifetime: Option<Nanos>,
    /// What by.
    pub keeper: Keeper,
    /// They have to be at the outside address of the session, which is all that a message without
    /// an address can mean.
    pub beside: bool,
}

/// The translator, as a gateway sees it: one session of one inside host.
pub trait Host {
    /// Whether an inside address is that of the session's host, or of one it may speak for.
    fn is_own(&self, address: u32) -> bool;

    /// Whether an address is one of ours on the session's outside.
    fn is_outside(&self, address: u32) -> bool;

    /// Maps the endpoints of a channel and opens its doors: the outside endpoint of the first.
    /// Where the sender `answers`, the gateway goes with whoever comes in, for a session of that
    /// kind.
    ///
    /// # Errors
    ///
    /// [`Refused`], with nothing opened.
    fn open(
        &mut self,
        inside: Endpoint,
        channel: Channel,
        answers: Option<u8>,
        terms: Terms,
    ) -> Result<Endpoint, Refused>;

    /// Notes for a while that the session's host is about to go to an endpoint of the other side,
    /// without an address on that of the session. Where its session is of a `kind` the gateway goes
    /// with it; of none it is left alone, and this session lives as long as that one.
    fn lead(&mut self, to: Endpoint, transport: Transport, kind: Option<u8>, terms: Terms);

    /// Lets the session's host go where the other side says that it listens, if it needs to be
    /// let.
    fn expect(&mut self, endpoint: Endpoint, channel: Channel, terms: Terms);

    /// The outside endpoint of an inside one that is mapped.
    fn outside_of(&self, inside: Endpoint, transport: Transport) -> Option<Endpoint>;

    /// The inside endpoint behind an outside one of ours; without an address on that of the
    /// session.
    fn inside_of(&self, outside: Endpoint, transport: Transport) -> Option<Endpoint>;

    /// Of the doors that the session has opened at an outside endpoint, lets in only whom a
    /// channel says.
    fn narrow(&mut self, outside: Endpoint, channel: Channel);

    /// The outside address that stands for a whole inside host.
    fn outside_host(&self, inside: u32) -> Option<u32>;

    /// The inside host that a whole outside address stands for.
    fn inside_host(&self, outside: u32) -> Option<u32>;
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Which way.
    pub direction: Direction,
    /// The inside endpoint of the session: where a message without an address means.
    pub inside: Endpoint,
    /// Nothing is opened: what would change is worked out as far as that can be known.
    pub shadow: bool,
    /// Ports below 1024 may be opened: the protocol demands them (rsh, rlogin).
    pub low_ports: bool,
}

/// What a message came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Changes, lengths included.
    pub edits: Edits,
    /// Channels opened, with all their ports.
    pub opened: u32,
    /// Endpoints that were not believed.
    pub distrusted: u32,
    /// A mapping or door was refused: the message goes as it is.
    pub refused: bool,
}

/// Works out the changes of a message.
///
/// What is listened to is opened first, because other places name it before the message comes
/// to it.
pub fn resolve(
    findings: &[Finding],
    context: &Context,
    terms: impl Fn(&Finding) -> Terms,
    host: &mut impl Host,
) -> Outcome {
    let mut outcome = Outcome::default();
    if context.direction == Direction::Outbound {
        for finding in findings {
            let (channel, answers) = match finding.role {
                Role::Listens(channel) => (channel, None),
                Role::Answers(transport, remote) => (answered(transport, remote), Some(0)),
                Role::Leads(service, channel) => {
                    (channel, Some(kind_of(service, channel.transport)))
                }
                _ => continue,
            };
            let meant = meant(finding, context);
            let (inside, channel, behind) = first_of(meant, channel);
            if !host.is_own(inside.address) || !is_fit(inside.port, channel, context) {
                outcome.distrusted += 1;
                if answers.is_some() {
                    let named = named(finding.endpoint, channel.transport, host);
                    write(&mut outcome.edits, finding, named);
                }
                continue;
            }
            let known = host.outside_of(meant, channel.transport);
            let opened = if context.shadow {
                // Some other port, which only trying could tell.
                Ok(known.unwrap_or(Endpoint {
                    port: 0,
                    ..finding.endpoint
                }))
            } else {
                let terms = Terms {
                    beside: finding.endpoint.address == 0 && is_one_connection(channel),
                    ..terms(finding)
                };
                host.open(inside, channel, answers, terms)
                    .map(|outside| Endpoint {
                        port: outside.port.wrapping_add(behind),
                        ..outside
                    })
            };
            match opened {
                Ok(outside) => {
                    outcome.opened += u32::from(!context.shadow);
                    write(&mut outcome.edits, finding, Some(outside));
                }
                // It is mapped all the same, and whoever it has written to gets in.
                Err(Refused) if answers.is_some() && known.is_some() => {
                    write(&mut outcome.edits, finding, known);
                }
                Err(Refused) => {
                    outcome.refused = true;
                    outcome.edits.clear();
                    return outcome;
                }
            }
        }
    }
    for finding in findings {
        let endpoint = finding.endpoint;
        let new = match (context.direction, finding.role) {
            (Direction::Outbound, Role::Names(transport)) => named(endpoint, transport, host),
            (Direction::Outbound, Role::Repeats(transport)) => {
                host.outside_of(meant(finding, context), transport)
            }
            (Direction::Outbound, Role::Host) => host
                .outside_host(endpoint.address)
                .map(|address| Endpoint { address, port: 0 }),
            (Direction::Inbound, Role::Names(transport)) => echoed(endpoint, transport, host),
            (Direction::Inbound, Role::Echoes(channel)) => {
                if !context.shadow {
                    host.narrow(endpoint, channel);
                }
                host.inside_of(endpoint, channel.transport)
            }
            (Direction::Inbound, Role::Leads(service, channel)) => {
                let own = echoed(endpoint, channel.transport, host);
                // By way of an outside address it may be another inside host, all the same.
                if own.is_none() && !context.shadow {
                    let kind = Some(kind_of(service, channel.transport));
                    host.lead(endpoint, channel.transport, kind, terms(finding));
                }
                own
            }
            (Direction::Inbound, Role::Host) => host
                .inside_host(endpoint.address)
                .map(|address| Endpoint { address, port: 0 }),
            (Direction::Inbound, Role::Listens(channel)) => {
                if context.shadow {
                    continue;
                }
                if is_one_connection(channel) {
                    host.lead(endpoint, channel.transport, None, terms(finding));
                }
                let (first, channel, _) = first_of(endpoint, channel);
                if is_fit(first.port, channel, context) {
                    host.expect(first, channel, terms(finding));
                }
                continue;
            }
            // Done, done last, the other side's own, or given back to it.
            (_, Role::LengthOf(_))
            | (
                Direction::Outbound,
                Role::Listens(_) | Role::Answers(..) | Role::Leads(..) | Role::Echoes(_),
            )
            | (Direction::Inbound, Role::Answers(..) | Role::Repeats(_)) => {
                continue;
            }
        };
        write(&mut outcome.edits, finding, new);
    }
    outcome.edits.sort_unstable_by_key(|edit| edit.span.start);
    add_lengths(&mut outcome.edits, findings);
    outcome
}

/// Enters what a place is to say, if that is something else.
fn write(edits: &mut Edits, finding: &Finding, new: Option<Endpoint>) {
    if let Some(new) = new
        && new != finding.endpoint
        && finding.form != Form::Implied
    {
        // As many edits as findings at most.
        let _ = edits.try_push(Edit {
            span: finding.span,
            text: finding.form.write(new),
        });
    }
}

/// Where somebody answers from: one port, for as many as come.
const fn answered(transport: Transport, remote: Remote) -> Channel {
    Channel {
        transport,
        ports: Ports::One,
        uses: Uses::Many,
        remote,
    }
}

/// Whether a channel is one connection: a transfer of FTP, errors of rsh. Who began it is silent
/// while it lasts.
const fn is_one_connection(channel: Channel) -> bool {
    matches!(channel.transport, Transport::Tcp) && matches!(channel.uses, Uses::Once)
}

/// Number of a kind of session that H.323 leads to: the others are told by their protocol.
const fn kind_of(service: h323::Service, transport: Transport) -> u8 {
    match (service, transport) {
        (h323::Service::MediaControl, _) => MEDIA_CONTROL,
        (h323::Service::CallSignalling, Transport::Udp) => nat::Service::CALLS_OVER_UDP,
        (h323::Service::Ras | h323::Service::CallSignalling, _) => 0,
    }
}

/// The first port of a channel, with the others from there on, and how far behind it the port is
/// that was named.
fn first_of(named: Endpoint, channel: Channel) -> (Endpoint, Channel, u16) {
    if channel.ports != Ports::Behind {
        return (named, channel, 0);
    }
    let first = Endpoint {
        port: named.port.saturating_sub(1),
        ..named
    };
    let pair = Channel {
        ports: Ports::Pair,
        ..channel
    };
    (first, pair, 1)
}

/// What an inside endpoint is called outside: where nothing is mapped, by the address of its host
/// alone.
fn named(inside: Endpoint, transport: Transport, host: &impl Host) -> Option<Endpoint> {
    host.outside_of(inside, transport).or_else(|| {
        let address = host.outside_host(inside.address)?;
        Some(Endpoint { address, ..inside })
    })
}

/// The reverse, for what is the session's own: a shared address is others', too, and those have to
/// be reached by it.
fn echoed(outside: Endpoint, transport: Transport, host: &impl Host) -> Option<Endpoint> {
    if let Some(inside) = host.inside_of(outside, transport) {
        return host.is_own(inside.address).then_some(inside);
    }
    let address = host.inside_host(outside.address)?;
    Some(Endpoint { address, ..outside })
}

/// The endpoint that a finding means: what it leaves out is the session's.
fn meant(finding: &Finding, context: &Context) -> Endpoint {
    match (finding.form, finding.endpoint.address) {
        (Form::Implied, _) if finding.endpoint.port == 0 => context.inside,
        (_, 0) => Endpoint {
            address: context.inside.address,
            ..finding.endpoint
        },
        _ => finding.endpoint,
    }
}

/// Whether a message may ask for doors from this port on.
fn is_fit(port: u16, channel: Channel, context: &Context) -> bool {
    if channel.transport == Transport::Gre {
        return true;
    }
    let last = match channel.ports {
        Ports::One | Ports::Behind => Some(port),
        Ports::Pair => port.checked_add(1),
        Ports::Pairs(pairs) if pairs > MOST_PAIRS => None,
        Ports::Pairs(pairs) => port.checked_add((u16::from(pairs) * 2).saturating_sub(1)),
    };
    port > 0 && last.is_some() && (port >= FIRST_PORT || context.low_ports)
}

#[cfg(test)]
mod tests {
    use appproto::Span;
    use std::vec::Vec;

    use super::*;

    const INSIDE: u32 = 0x0a40_000a;
    const OUTSIDE: u32 = 0xcb00_7105;

    /// One host whose outside ports are its inside ones plus a thousand.
    #[derive(Default)]
    struct One {
        opened: Vec<(Endpoint, Channel)>,
        narrowed: Vec<(Endpoint, Channel)>,
        led: Vec<(Endpoint, Option<u8>)>,
        expected: Vec<(Endpoint, Channel)>,
        full: bool,
        /// Nothing is mapped but what has been opened.
        empty: bool,
    }

    impl Host for One {
        fn is_own(&self, address: u32) -> bool {
            address == INSIDE
        }

        fn is_outside(&self, address: u32) -> bool {
            address == OUTSIDE
        }

        fn open(
            &mut self,
            inside: Endpoint,
            channel: Channel,
            _: Option<u8>,
            _: Terms,
        ) -> Result<Endpoint, Refused> {
            if self.full {
                return Err(Refused);
            }
            self.opened.push((inside, channel));
            self.outside_of(inside, channel.transport).ok_or(Refused)
        }

        fn lead(&mut self, to: Endpoint, _: Transport, kind: Option<u8>, _: Terms) {
            self.led.push((to, kind));
        }

        fn expect(&mut self, endpoint: Endpoint, channel: Channel, _: Terms) {
            self.expected.push((endpoint, channel));
        }

        fn outside_of(&self, inside: Endpoint, _: Transport) -> Option<Endpoint> {
            let opened = self.opened.iter().any(|(known, _)| *known == inside);
            (inside.address == INSIDE && (opened || !self.empty)).then_some(Endpoint {
                address: OUTSIDE,
                port: inside.port + 1000,
            })
        }

        fn inside_of(&self, outside: Endpoint, _: Transport) -> Option<Endpoint> {
            (outside.address == OUTSIDE && !self.empty).then_some(Endpoint {
                // What is beyond that is another host's.
                address: INSIDE + u32::from(outside.port >= 60000),
                port: outside.port - 1000,
            })
        }

        fn narrow(&mut self, outside: Endpoint, channel: Channel) {
            self.narrowed.push((outside, channel));
        }

        fn outside_host(&self, inside: u32) -> Option<u32> {
            (inside == INSIDE).then_some(OUTSIDE)
        }

        fn inside_host(&self, outside: u32) -> Option<u32> {
            (outside == OUTSIDE).then_some(INSIDE)
        }
    }

    const CHANNEL: Channel = Channel {
        transport: Transport::Tcp,
        ports: Ports::One,
        uses: Uses::Once,
        remote: Remote::Peer,
    };

    fn outbound() -> Context {
        Context {
            direction: Direction::Outbound,
            inside: Endpoint {
                address: INSIDE,
                port: 4000,
            },
            shadow: false,
            low_ports: false,
        }
    }

    fn resolve(found: &[Finding], context: &Context, host: &mut One) -> Outcome {
        super::resolve(found, context, |_| Terms::default(), host)
    }

    fn finding(address: u32, port: u16, role: Role) -> Finding {
        Finding {
            span: Span::new(5, 10),
            endpoint: Endpoint { address, port },
            form: Form::AddressPort,
            role,
        }
    }

    #[test]
    fn a_channel_of_the_host_is_opened_and_written() {
        let mut host = One::default();
        let found = [finding(INSIDE, 5000, Role::Listens(CHANNEL))];
        let outcome = resolve(&found, &outbound(), &mut host);
        assert_eq!(outcome.opened, 1);
        assert_eq!(outcome.edits[0].text.as_slice(), b"203.0.113.5:6000");
        assert_eq!(host.opened, [(found[0].endpoint, CHANNEL)]);
    }

    #[test]
    fn others_addresses_and_low_ports_open_nothing() {
        for (address, port, ports) in [
            (INSIDE + 1, 5000, Ports::One),
            (0xc633_6401, 5000, Ports::One),
            (INSIDE, 80, Ports::One),
            (INSIDE, 0, Ports::One),
            (INSIDE, 65535, Ports::Pair),
            (INSIDE, 65530, Ports::Pairs(4)),
            (INSIDE, 5000, Ports::Pairs(17)),
        ] {
            let mut host = One::default();
            let channel = Channel { ports, ..CHANNEL };
            let found = [finding(address, port, Role::Listens(channel))];
            let outcome = resolve(&found, &outbound(), &mut host);
            assert_eq!(
                (outcome.distrusted, outcome.edits.len()),
                (1, 0),
                "{found:?}"
            );
            assert_eq!(host.opened, []);
        }
    }

    #[test]
    fn a_message_whose_channel_is_refused_stays_whole() {
        let mut host = One {
            full: true,
            ..One::default()
        };
        let found = [
            finding(INSIDE, 5060, Role::Names(Transport::Udp)),
            finding(INSIDE, 5000, Role::Listens(CHANNEL)),
        ];
        let outcome = resolve(&found, &outbound(), &mut host);
        assert!(outcome.refused && outcome.edits.is_empty());
    }

    #[test]
    fn inbound_names_of_ours_become_inside_ones() {
        let mut host = One::default();
        let inbound = Context {
            direction: Direction::Inbound,
            ..outbound()
        };
        let found = [
            finding(OUTSIDE, 6060, Role::Names(Transport::Udp)),
            finding(OUTSIDE, 6000, Role::Listens(CHANNEL)),
            finding(0xc633_6401, 6060, Role::Names(Transport::Udp)),
        ];
        let outcome = resolve(&found, &inbound, &mut host);
        assert_eq!(outcome.edits.len(), 1);
        assert_eq!(outcome.edits[0].text.as_slice(), b"10.64.0.10:5060");
        assert_eq!(host.opened, []);
    }

    /// PROTOCOLS B4.3: `c=` comes before the media line that says what is to be mapped.
    #[test]
    fn what_is_named_before_it_is_opened_has_its_new_name() {
        let mut host = One {
            empty: true,
            ..One::default()
        };
        let found = [
            finding(INSIDE, 5000, Role::Names(Transport::Tcp)),
            Finding {
                span: Span::new(20, 4),
                ..finding(INSIDE, 5000, Role::Listens(CHANNEL))
            },
        ];
        let outcome = resolve(&found, &outbound(), &mut host);
        let texts: Vec<_> = outcome
            .edits
            .iter()
            .map(|edit| edit.text.as_slice())
            .collect();
        assert_eq!(texts, [b"203.0.113.5:6000"; 2]);
        assert!(outcome.edits[0].span.start < outcome.edits[1].span.start);
    }

    /// No inside address is told to anybody, whether something is mapped or not.
    #[test]
    fn what_is_not_mapped_is_named_by_its_host() {
        let mut host = One {
            empty: true,
            ..One::default()
        };
        let names = [finding(INSIDE, 5062, Role::Names(Transport::Udp))];
        let outcome = resolve(&names, &outbound(), &mut host);
        assert_eq!(outcome.edits[0].text.as_slice(), b"203.0.113.5:5062");
        let inbound = Context {
            direction: Direction::Inbound,
            ..outbound()
        };
        let names = [finding(OUTSIDE, 5062, Role::Names(Transport::Udp))];
        let outcome = resolve(&names, &inbound, &mut host);
        assert_eq!(outcome.edits[0].text.as_slice(), b"10.64.0.10:5062");
    }

    /// Who shares an address is reached by it, not by an inside one.
    #[test]
    fn another_hosts_endpoint_stays_inbound() {
        let inbound = Context {
            direction: Direction::Inbound,
            ..outbound()
        };
        let names = [finding(OUTSIDE, 61000, Role::Names(Transport::Udp))];
        let outcome = resolve(&names, &inbound, &mut One::default());
        assert!(outcome.edits.is_empty());
    }

    /// One more door than may be does not keep a message from being understood.
    #[test]
    fn who_answers_where_it_is_mapped_needs_no_door() {
        let mut host = One {
            full: true,
            ..One::default()
        };
        let role = Role::Answers(Transport::Udp, Remote::Anyone);
        let outcome = resolve(&[finding(INSIDE, 5060, role)], &outbound(), &mut host);
        assert_eq!((outcome.refused, outcome.edits.len()), (false, 1));
        host.empty = true;
        let outcome = resolve(&[finding(INSIDE, 5060, role)], &outbound(), &mut host);
        assert_eq!((outcome.refused, outcome.edits.len()), (true, 0));
    }

    /// The port of control packets alone brings the pair that it is of.
    #[test]
    fn the_odd_port_of_a_pair_opens_both() {
        let mut host = One {
            empty: true,
            ..One::default()
        };
        let behind = Channel {
            ports: Ports::Behind,
            ..CHANNEL
        };
        let found = [finding(INSIDE, 5001, Role::Listens(behind))];
        let outcome = resolve(&found, &outbound(), &mut host);
        let pair = Channel {
            ports: Ports::Pair,
            ..CHANNEL
        };
        let first = Endpoint {
            address: INSIDE,
            port: 5000,
        };
        assert_eq!(host.opened, [(first, pair)]);
        assert_eq!(outcome.edits[0].text.as_slice(), b"203.0.113.5:6001");
        let low = [finding(INSIDE, 1024, Role::Listens(behind))];
        assert_eq!(resolve(&low, &outbound(), &mut host).distrusted, 1);
    }

    #[test]
    fn who_is_led_elsewhere_takes_the_gateway_along() {
        let role = Role::Leads(h323::Service::MediaControl, CHANNEL);
        let mut host = One::default();
        let own = [finding(INSIDE, 5000, role)];
        let outcome = resolve(&own, &outbound(), &mut host);
        assert_eq!(outcome.edits[0].text.as_slice(), b"203.0.113.5:6000");
        assert_eq!(host.opened, [(own[0].endpoint, CHANNEL)]);
        let inbound = Context {
            direction: Direction::Inbound,
            ..outbound()
        };
        // Another's, one of ours given back, and one of ours that is another host's.
        let found = [
            finding(0xc633_6401, 5000, role),
            finding(OUTSIDE, 6000, role),
            finding(OUTSIDE, 61000, role),
        ];
        let outcome = resolve(&found, &inbound, &mut host);
        assert_eq!(outcome.edits[0].text.as_slice(), b"10.64.0.10:5000");
        let led = [0, 2].map(|nth| (found[nth].endpoint, Some(MEDIA_CONTROL)));
        assert_eq!(host.led, led);
        let shadow = Context {
            shadow: true,
            ..inbound
        };
        resolve(&found, &shadow, &mut host);
        assert_eq!((host.led.len(), outcome.edits.len()), (2, 1));
    }

    /// Where the other side listens: a pair by its first port, and no port that nobody may ask for.
    #[test]
    fn what_the_other_side_listens_to_is_expected() {
        let mut host = One::default();
        let inbound = Context {
            direction: Direction::Inbound,
            ..outbound()
        };
        let behind = Channel {
            ports: Ports::Behind,
            ..CHANNEL
        };
        let found = [
            finding(0xc633_6401, 5000, Role::Listens(CHANNEL)),
            finding(0xc633_6401, 80, Role::Listens(CHANNEL)),
            finding(0xc633_6401, 5003, Role::Listens(behind)),
        ];
        let outcome = resolve(&found, &inbound, &mut host);
        assert!(outcome.edits.is_empty());
        let expected: Vec<_> = host.expected.iter().map(|(at, _)| at.port).collect();
        assert_eq!(expected, [5000, 5002]);
        let shadow = Context {
            shadow: true,
            ..inbound
        };
        resolve(&found, &shadow, &mut host);
        resolve(&found, &outbound(), &mut host);
        assert_eq!(host.expected.len(), 2);
    }

    /// REQUIREMENTS P10: where the other side waits for one connection, it is this session's.
    #[test]
    fn where_one_connection_is_awaited_the_host_is_led() {
        let inbound = Context {
            direction: Direction::Inbound,
            ..outbound()
        };
        let many = Channel {
            uses: Uses::Many,
            ..CHANNEL
        };
        let datagrams = Channel {
            transport: Transport::Udp,
            ..CHANNEL
        };
        let found = [CHANNEL, many, datagrams]
            .map(|channel| finding(0xc633_6401, 5000, Role::Listens(channel)));
        let mut host = One::default();
        let outcome = resolve(&found, &inbound, &mut host);
        assert_eq!(host.led, [(found[0].endpoint, None)]);
        assert!(outcome.edits.is_empty() && host.opened.is_empty());
        let shadow = Context {
            shadow: true,
            ..inbound
        };
        resolve(&found, &shadow, &mut host);
        resolve(&found, &outbound(), &mut host);
        assert_eq!(host.led.len(), 1);
    }

    #[test]
    fn what_is_given_back_narrows_its_door() {
        let mut host = One::default();
        let channel = Channel {
            remote: Remote::Endpoint(Endpoint {
                address: 0,
                port: 6256,
            }),
            ..CHANNEL
        };
        let found = [finding(OUTSIDE, 6000, Role::Echoes(channel))];
        let inbound = Context {
            direction: Direction::Inbound,
            ..outbound()
        };
        let outcome = resolve(&found, &inbound, &mut host);
        assert_eq!(outcome.edits[0].text.as_slice(), b"10.64.0.10:5000");
        assert_eq!(host.narrowed, [(found[0].endpoint, channel)]);
        // Who gives back what others have announced says nothing about their doors here.
        resolve(&found, &outbound(), &mut host);
        let shadow = Context {
            shadow: true,
            ..inbound
        };
        resolve(&found, &shadow, &mut host);
        assert_eq!(host.narrowed.len(), 1);
    }

    #[test]
    fn edits_are_in_the_order_of_the_message() {
        let mut first = finding(INSIDE, 5000, Role::Names(Transport::Tcp));
        first.span = Span::new(0, 3);
        let found = [first, finding(INSIDE, 5000, Role::Listens(CHANNEL))];
        let outcome = resolve(&found, &outbound(), &mut One::default());
        let starts: Vec<_> = outcome.edits.iter().map(|edit| edit.span.start).collect();
        assert_eq!(starts, [0, 5]);
    }

    #[test]
    fn a_shadow_says_what_it_would_write_and_opens_nothing() {
        let mut host = One::default();
        let shadow = Context {
            shadow: true,
            ..outbound()
        };
        let found = [finding(INSIDE, 5000, Role::Listens(CHANNEL))];
        let outcome = resolve(&found, &shadow, &mut host);
        assert_eq!((outcome.opened, outcome.edits.len()), (0, 1));
        assert_eq!(host.opened, []);
    }

    #[test]
    fn a_shadow_counts_what_has_no_mapping_yet() {
        let mut host = One {
            empty: true,
            ..One::default()
        };
        let shadow = Context {
            shadow: true,
            ..outbound()
        };
        let found = [finding(INSIDE, 5000, Role::Listens(CHANNEL))];
        let outcome = resolve(&found, &shadow, &mut host);
        assert_eq!((outcome.opened, outcome.edits.len()), (0, 1));
        assert!(!outcome.refused && host.opened.is_empty());
    }
}
