//! FTP (RFC 959, 1123, 2428, 4217; PROTOCOLS B1).

mod active;
mod doors;
mod numbers;
mod passive;
mod release;
mod server;
mod settings;

use testkit::Seen;
use tests::{A, Pipe, X};

use crate::talk::Side::{Inside, Outside};
use crate::talk::Talk;

/// A control connection of the usual subscriber, logged in.
#[track_caller]
pub(crate) fn control(nat: &mut Pipe) -> Talk {
    control_of(nat, A)
}

/// The same of another subscriber.
#[track_caller]
pub(crate) fn control_of(nat: &mut Pipe, host: &str) -> Talk {
    let mut talk = Talk::open(nat, &format!("{host}:40000"), &format!("{X}:21"));
    log_in(nat, &mut talk);
    talk
}

/// What is said before anything that matters here, by a server outside.
#[track_caller]
pub(crate) fn log_in(nat: &mut Pipe, talk: &mut Talk) {
    talk.says(nat, Outside, b"220-Welcome\r\n220 ready\r\n");
    talk.says(nat, Inside, b"USER anonymous\r\n");
    talk.says(nat, Outside, b"331 Password please.\r\n");
    talk.says(nat, Inside, b"PASS guest@\r\n");
    talk.says(nat, Outside, b"230 Logged in.\r\n");
}

/// Sends a command or reply that announces an endpoint; the one that the other end reads.
#[track_caller]
pub(crate) fn announces(
    nat: &mut Pipe,
    talk: &mut Talk,
    side: crate::talk::Side,
    line: &str,
) -> String {
    let seen = talk.sends(nat, side, line.as_bytes());
    announced(&seen)
}

/// The endpoint in what left.
#[track_caller]
pub(crate) fn announced(seen: &Seen) -> String {
    let text = String::from_utf8_lossy(&seen.payload).into_owned();
    read_endpoint(&text).unwrap_or_else(|| panic!("no endpoint in {text:?}"))
}

/// The endpoint that a line of this protocol names, if it is a command or reply that does.
pub(crate) fn read_endpoint(line: &str) -> Option<String> {
    let upper = line.to_ascii_uppercase();
    if upper.starts_with("EPRT ") {
        let argument = line[4..].trim();
        let bar = argument.chars().next()?;
        let parts: Vec<&str> = argument.split(bar).collect();
        return match parts[..] {
            ["", "1", address, port, ""] => Some(format!("{address}:{port}")),
            _ => None,
        };
    }
    if !upper.starts_with("PORT ") && !upper.starts_with("227 ") {
        return None;
    }
    let numbers: Vec<u16> = line[4..]
        .split(|byte: char| !byte.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let [a, b, c, d, high, low] = *numbers.first_chunk()?;
    Some(format!("{a}.{b}.{c}.{d}:{}", high << 8 | low))
}

/// `a,b,c,d,high,low`.
pub(crate) fn commas(endpoint: &str) -> String {
    let (address, port) = endpoint.split_once(':').unwrap();
    let port: u16 = port.parse().unwrap();
    format!("{},{},{}", address.replace('.', ","), port >> 8, port & 255)
}
