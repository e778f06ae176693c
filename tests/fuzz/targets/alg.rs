//! Any message of any gateway through scan, resolve and splice, with a translator of one host:
//! what changes is what was found, no inside address of it is left, and what comes out is read as
//! it was written.
//!
//! Input: a byte for the gateway, one for directions, the message.
#![no_main]

use alg::sip::Limits;
use alg::{Context, Edits, Host, Refused, Scanned, Terms, resolve, scan, splice};
use appproto::{Channel, Endpoint, Findings, Role, Transport};
use base::{Direction, Nanos};
use libfuzzer_sys::fuzz_target;
use nat::{Attached, Gateway, Service, SessionId};

const INSIDE: u32 = 0x0a00_0001;
const OUTSIDE: u32 = 0xcb00_7105;
const LIMITS: Limits = Limits {
    message: 8192,
    media: 8,
};
const SERVICES: [(Gateway, u8, u16); 10] = [
    (Gateway::Ftp, 6, 21),
    (Gateway::Tftp, 17, 69),
    (Gateway::Dns, 6, 53),
    (Gateway::Rtsp, 6, 554),
    (Gateway::Rcmd, 6, 512),
    (Gateway::Rcmd, 6, 513),
    (Gateway::Rcmd, 6, 514),
    (Gateway::Sip, 17, 5060),
    (Gateway::Sip, 6, 5060),
    // As many again for the one with the most to say.
    (Gateway::Sip, 17, 5060),
];
/// Those that came later have the last numbers, so that older inputs mean what they did.
const LATER: [(Gateway, u8, u16); 7] = [
    (Gateway::Pptp, 6, 1723),
    (Gateway::Skinny, 6, 2000),
    (Gateway::Netbios, 17, 137),
    (Gateway::Netbios, 17, 138),
    (Gateway::Netbios, 6, 139),
    (Gateway::H323, 17, 1719),
    (Gateway::H323, 6, 1720),
];
/// The first of these.
const FIRST_LATER: u8 = 240;

fuzz_target!(|data: &[u8]| {
    let [service, ways, message @ ..] = data else {
        return;
    };
    let (gateway, protocol, port) = match service.checked_sub(FIRST_LATER) {
        Some(later) => LATER[usize::from(later) % LATER.len()],
        None => SERVICES[usize::from(*service) % SERVICES.len()],
    };
    let service = Service {
        protocol,
        port,
        gateway,
        shadow: false,
        in_parts: true,
        reset_ttl: false,
        kind: 0,
    };
    let way = |bit: u8| match ways & bit {
        0 => Direction::Outbound,
        _ => Direction::Inbound,
    };
    let (direction, client) = (way(1), way(2));
    let fresh = || Attached::new(SessionId::NONE, service, client);

    let mut found = Findings::new();
    let mut host = One::default();
    let scanned = look(&mut fresh(), direction, message, &host, &mut found);
    let context = Context {
        direction,
        inside: Endpoint {
            address: INSIDE,
            port: 4000,
        },
        shadow: ways & 4 != 0,
        low_ports: gateway == Gateway::Rcmd,
    };
    let terms = |finding: &_| scanned.terms(&fresh(), finding, Nanos::from_secs(60));
    let edits = resolve(&found, &context, terms, &mut host).edits;
    let mut at = 0;
    for edit in &edits {
        assert!(at <= edit.span.start && edit.span.end <= message.len());
        at = edit.span.end;
        assert!(found.iter().any(|finding| finding.span == edit.span));
    }
    let mut new = vec![0; message.len() + edits.len() * 64];
    let len = splice(message, &edits, &mut new).expect("there is room");
    new.truncate(len);
    if edits.is_empty() {
        assert_eq!(new, message);
        return;
    }
    if context.shadow {
        return;
    }

    // Across, the same message is about the other address.
    let across = One {
        is_across: true,
        ..One::default()
    };
    let mut again = Findings::new();
    let read = look(&mut fresh(), direction, &new, &across, &mut again);
    assert_eq!(read.messages, scanned.messages);
    // A length that was wrong before may be right by chance now.
    again.retain(|is| {
        !matches!(is.role, Role::LengthOf(_))
            || found
                .iter()
                .any(|was| moved(was.span.start, &edits) == is.span.start)
    });
    assert_eq!(again.len(), found.len(), "{found:?}\n{again:?}");
    for (was, is) in found.iter().zip(&again) {
        assert_eq!(moved(was.span.start, &edits), is.span.start);
        match (was.role, is.role) {
            (Role::LengthOf(was), Role::LengthOf(is)) => {
                assert_eq!(moved(was.start, &edits), is.start);
                assert_eq!(moved(was.end, &edits), is.end);
            }
            (was, is) => assert_eq!(kind(was), kind(is)),
        }
        if let Some(edit) = edits.iter().find(|edit| edit.span == was.span) {
            assert_eq!(is.span.of(&new), edit.text.as_slice());
            if !matches!(is.role, Role::LengthOf(_)) {
                assert_eq!(is.form.write(is.endpoint).as_slice(), edit.text.as_slice());
            }
        }
    }
});

fn look(
    attached: &mut Attached,
    direction: Direction,
    message: &[u8],
    host: &One,
    found: &mut Findings,
) -> Scanned {
    let scanned = scan(attached, direction, message, LIMITS, host, found);
    let mut at = 0;
    for finding in found.iter() {
        assert!(at <= finding.span.start && finding.span.end <= message.len());
        at = finding.span.end;
    }
    scanned
}

/// Where a place of a message is once it is changed.
fn moved(at: usize, edits: &Edits) -> usize {
    let before = edits.iter().filter(|edit| edit.span.end <= at);
    let growth: isize = before.map(alg::Edit::growth).sum();
    at.strict_add_signed(growth)
}

fn kind(role: Role) -> usize {
    match role {
        Role::Listens(_) => 0,
        Role::Answers(..) => 1,
        Role::Echoes(_) => 2,
        Role::Names(_) => 3,
        Role::Host => 4,
        Role::LengthOf(_) => 5,
        Role::Repeats(_) => 6,
        Role::Leads(..) => 7,
    }
}

/// One host, whose outside ports are its inside ones and 1000 more; or the same seen from behind
/// the translator.
#[derive(Default)]
struct One {
    is_across: bool,
}

impl One {
    fn own(&self) -> u32 {
        if self.is_across { OUTSIDE } else { INSIDE }
    }
}

impl Host for One {
    fn is_own(&self, address: u32) -> bool {
        address == self.own()
    }

    fn is_outside(&self, address: u32) -> bool {
        address == if self.is_across { INSIDE } else { OUTSIDE }
    }

    fn open(
        &mut self,
        inside: Endpoint,
        channel: Channel,
        _: Option<u8>,
        _: Terms,
    ) -> Result<Endpoint, Refused> {
        self.outside_of(inside, channel.transport).ok_or(Refused)
    }

    fn lead(&mut self, _: Endpoint, _: Transport, _: Option<u8>, _: Terms) {}

    fn expect(&mut self, _: Endpoint, _: Channel, _: Terms) {}

    fn outside_of(&self, inside: Endpoint, _: Transport) -> Option<Endpoint> {
        (inside.address == INSIDE && inside.port < 60_000).then(|| Endpoint {
            address: OUTSIDE,
            port: inside.port + 1000,
        })
    }

    fn inside_of(&self, outside: Endpoint, _: Transport) -> Option<Endpoint> {
        (matches!(outside.address, 0 | OUTSIDE) && outside.port > 2000).then(|| Endpoint {
            address: INSIDE,
            port: outside.port - 1000,
        })
    }

    fn narrow(&mut self, _: Endpoint, _: Channel) {}

    fn outside_host(&self, inside: u32) -> Option<u32> {
        (inside == INSIDE).then_some(OUTSIDE)
    }

    fn inside_host(&self, outside: u32) -> Option<u32> {
        (outside == OUTSIDE).then_some(INSIDE)
    }
}
