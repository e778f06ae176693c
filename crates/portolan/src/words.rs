//! What became of a packet, in words: turns a worker's record into the sentences of `why`.

use std::net::Ipv4Addr;

use base::{Counter, Direction};
use control::traced::{Packet, TracedInterface};
use dataplane::{Arrival, Endpoint, Ends, Made, Record, Ruling, Step};
use nat::SessionView;

use crate::book::{Book, protocol_name};

/// A record as the control socket tells it.
pub(crate) fn packet(book: &Book, worker: usize, record: &Record, epoch: u64) -> Packet {
    let interface = record
        .interface
        .map(|number| book.interface_name(number))
        .unwrap_or_default();
    let verdict = record.verdict.and_then(Counter::is_reason);
    let verdict = verdict.and_then(|verdict| verdict.name().strip_prefix("verdict."));
    Packet {
        at: record.at.0,
        worker: u16::try_from(worker).unwrap_or(u16::MAX),
        arrival: arrival(record.arrival).into(),
        what: what(record),
        frame: hex(&record.frame),
        len: record.len as u64,
        verdict: verdict.unwrap_or_default().into(),
        reason: record.verdict.map_or("", Counter::name).into(),
        steps: steps(book, record),
        outside: outside(record),
        left: left(book, record),
        past: record.past,
        epoch,
        interface,
    }
}

/// The interfaces, as a capture describes them.
pub(crate) fn interfaces(book: &Book) -> Vec<TracedInterface> {
    let described = |(number, row): (usize, control::rows::InterfaceRow)| TracedInterface {
        name: row.name,
        mac: row.mac,
        inside: book.layout().is_inside(number),
    };
    let rows = book.interfaces(&[]);
    rows.into_iter().enumerate().map(described).collect()
}

const fn arrival(arrival: Arrival) -> &'static str {
    match arrival {
        Arrival::Received => "received",
        Arrival::Handed => "handed",
        Arrival::HalfTranslated => "half_translated",
    }
}

/// The headers in a few words.
fn what(record: &Record) -> String {
    let len = record.len;
    let (protocol, ends) = dataplane::headers(&record.frame);
    match (protocol, ends) {
        (Some(protocol), Some(ends)) => {
            format!(
                "{} {}, {len} bytes",
                protocol_name(protocol),
                between(&ends)
            )
        }
        (None, Some(ends)) => format!("arp {}, {len} bytes", between(&ends)),
        _ => format!("a frame of {len} bytes"),
    }
}

fn steps(book: &Book, record: &Record) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(number) = record.interface {
        let (name, vrf) = (book.interface_name(number), book.vrf_of(number));
        steps.push(match record.arrival {
            Arrival::Received => format!("it came in on interface {name}, VRF {vrf}"),
            Arrival::Handed => {
                format!("it came in on interface {name}, VRF {vrf}, and was handed over by the worker that received it")
            }
            Arrival::HalfTranslated => {
                "another worker has translated its source and handed it over: a hairpin".into()
            }
        });
    } else {
        steps.push("it came in, and no interface of the configuration is meant by it".into());
    }
    if record.past {
        steps.push("it was dropped before the question; only its header is known".into());
    }
    steps.extend(record.steps.iter().filter_map(|step| sentence(book, step)));
    steps
}

fn outside(record: &Record) -> Vec<String> {
    let outside = |step: &Step| match step {
        Step::Found(view, _) | Step::Opened(view, ..) => {
            Some(endpoint((view.outside, some(view.outside_port))))
        }
        _ => None,
    };
    record.steps.iter().filter_map(outside).collect()
}

fn left(book: &Book, record: &Record) -> Vec<String> {
    let left = |step: &Step| match step {
        Step::Left(interface, ends, len) => Some(format!(
            "{}: {}, {len} bytes",
            book.interface_name(*interface),
            between(ends)
        )),
        _ => None,
    };
    record.steps.iter().filter_map(left).collect()
}

fn sentence(book: &Book, step: &Step) -> Option<String> {
    Some(match step {
        Step::Found(view, direction) => format!(
            "session found, {}: {}",
            way(*direction),
            session(book, view)
        ),
        Step::Ruled(ruling) => format!("no session yet; {}", ruled(book, *ruling)),
        Step::Opened(view, direction, made) => format!(
            "{}; session opened, {}: {}",
            mapped(view, *made),
            way(*direction),
            session(book, view)
        ),
        Step::HeldBy(address, port) => {
            format!(
                "the outside endpoint belongs to {}",
                endpoint((*address, some(*port)))
            )
        }
        Step::Handed(worker) => {
            format!("it belongs to worker {worker}, which decides about it")
        }
        Step::Hop(interface, ip) => format!(
            "its next hop is {} on interface {}",
            Ipv4Addr::from_bits(*ip),
            book.interface_name(*interface)
        ),
        Step::Looked(gateway) => format!("the gateway `{}` looks at it", gateway.name()),
        Step::Told(kind, code) => {
            format!("its sender is told by ICMP of type {kind}, code {code}")
        }
        Step::Left(..) => return None,
    })
}

fn ruled(book: &Book, ruling: Ruling) -> String {
    match ruling {
        Ruling::Translate(number) => {
            let pools = book.pools_of(number);
            let pools = if pools.is_empty() {
                String::new()
            } else {
                format!(" by pool {}", pools.join(", "))
            };
            format!("rule {} translates it{pools}", book.rule_name(number))
        }
        Ruling::Pass(number) => format!("rule {} lets it pass untouched", book.rule_name(number)),
        Ruling::Drop(number) => format!("rule {} drops it", book.rule_name(number)),
        Ruling::Static => "a static mapping stands for its sender".into(),
        Ruling::Protocol => "a rule matches its source, but translates no such protocol".into(),
        Ruling::Nothing => "it is from inside, and no rule matches".into(),
        Ruling::NotInside => "it is not from inside".into(),
    }
}

const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Outbound => "outbound",
        Direction::Inbound => "inbound",
    }
}

fn mapped(view: &SessionView, made: Made) -> String {
    let inside = (view.out_key.src(), some(view.out_key.src_port()));
    let outside = (view.outside, some(view.outside_port));
    let did = if made.mapping { "made" } else { "used" };
    let block = if made.block {
        ", in a block of ports lent just now"
    } else {
        ""
    };
    format!(
        "mapping {did}: {} -> {}{block}",
        endpoint(inside),
        endpoint(outside)
    )
}

fn session(book: &Book, view: &SessionView) -> String {
    let key = view.out_key;
    let of = match book.rule_name(usize::from(view.rule)) {
        rule if rule.is_empty() => "of a static mapping".to_owned(),
        rule => format!("of rule {rule}"),
    };
    format!(
        "{} as {} with {}, {of}, {}",
        endpoint((key.src(), some(key.src_port()))),
        endpoint((view.outside, some(view.outside_port))),
        endpoint((key.dst(), some(key.dst_port()))),
        view.state.name()
    )
}

/// Ports of what has none are zero.
fn some(port: u16) -> Option<u16> {
    (port != 0).then_some(port)
}

fn between(ends: &Ends) -> String {
    format!("{} > {}", endpoint(ends.from), endpoint(ends.to))
}

/// `ADDRESS:PORT`, or the address alone.
pub(crate) fn endpoint((address, port): Endpoint) -> String {
    let address = Ipv4Addr::from_bits(address);
    port.map_or_else(|| address.to_string(), |port| format!("{address}:{port}"))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let room = String::with_capacity(bytes.len() * 2);
    bytes.iter().fold(room, |mut hex, byte| {
        // Writing to a text cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The other way round.
pub(crate) fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect()
}

/// For people: a line of what it is, a line for each step, the verdict last.
pub(crate) fn text(packet: &Packet, when: &str) -> String {
    let mut text = format!("{when}  {}\n", packet.what);
    for step in &packet.steps {
        text.push_str("    ");
        text.push_str(step);
        text.push('\n');
    }
    for left in &packet.left {
        text.push_str("    left by ");
        text.push_str(left);
        text.push('\n');
    }
    text.push_str("  ");
    text.push_str(&verdict(packet));
    text.push('\n');
    text
}

/// How it ended, in a sentence.
pub(crate) fn verdict(packet: &Packet) -> String {
    let Packet {
        verdict, reason, ..
    } = packet;
    let mut all = Counter::ALL.iter();
    let why = all
        .find(|counter| counter.name() == reason)
        .and_then(|counter| counter.sentence());
    match why {
        Some(why) => format!("=> {verdict} ({reason}): {why}"),
        None if verdict.is_empty() => "=> no verdict here: another worker has it".into(),
        None => format!("=> {verdict} ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_reads_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("0g"), None);
        assert_eq!(unhex("é"), None);
        assert_eq!(unhex(""), Some(Vec::new()));
    }
}
