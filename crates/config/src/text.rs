//! Values as people write them: ports, durations, sizes, addresses.

use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use core::time::Duration;

use base::{Prefix, PrefixError};

use crate::error::Wrong;

/// First and last port, both included.
pub(crate) type Ports = (u16, u16);

/// A user's text inside a message: in backticks, one line, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(MOST_SHOWN)
        .map(|c| if c.is_control() || c == ';' { '?' } else { c })
        .collect();
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

const MOST_SHOWN: usize = 48;

/// A whole number in decimal digits.
pub(crate) fn integer(text: &str, range: &RangeInclusive<u64>) -> Result<u64, Wrong> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    let value = if digits && !leading_zero {
        text.parse().ok()
    } else {
        None
    };
    match value {
        Some(value) if range.contains(&value) => Ok(value),
        _ => {
            let what = if digits && !leading_zero {
                format!("{} is out of range", shown(text))
            } else {
                format!("{} is not a whole number", shown(text))
            };
            let remedy = format!("write a number from {} to {}", range.start(), range.end());
            Err(Wrong::new(what, remedy))
        }
    }
}

pub(crate) fn boolean(text: &str) -> Result<bool, Wrong> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "on" | "On" | "ON" => Ok(true),
        "false" | "False" | "FALSE" | "no" | "off" | "Off" | "OFF" => Ok(false),
        _ => Err(Wrong::new(
            format!("{} is neither true nor false", shown(text)),
            "write `true` or `false`",
        )),
    }
}

/// `500ms`, `300s`, `10m`, `3h`, `1d`; without a unit, seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, Wrong> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let parsed = number.parse::<u64>().ok().and_then(|number| {
        let seconds = match unit.trim_start() {
            "ms" => return Some(Duration::from_millis(number)),
            "" | "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        number.checked_mul(seconds).map(Duration::from_secs)
    });
    parsed.filter(|&time| time <= LONGEST).ok_or_else(|| {
        Wrong::new(
            format!("{} is not a duration of at most 365 days", shown(text)),
            "write a number and a unit, such as `500ms`, `300s`, `10m` or `3h`",
        )
    })
}

const LONGEST: Duration = Duration::from_hours(8760);

/// `8KiB`, `1MiB`, `512B` or a number of bytes.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let parsed = number.parse::<u64>().ok().and_then(|number| {
        let bytes = match unit.trim_start() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(bytes)
    });
    parsed.ok_or_else(|| {
        Wrong::new(
            format!("{} is not a size", shown(text)),
            "write a number and a unit, such as `8KiB`",
        )
    })
}

pub(crate) fn address(text: &str) -> Result<Ipv4Addr, Wrong> {
    text.parse().map_err(|_| {
        Wrong::new(
            format!("{} is not an IPv4 address", shown(text)),
            "write four numbers from 0 to 255 with dots, such as `203.0.113.1`",
        )
    })
}

pub(crate) fn prefix(text: &str) -> Result<Prefix, Wrong> {
    text.parse().map_err(|error| {
        let what = format!("{} is not a prefix: {error}", shown(text));
        match error {
            PrefixError::HostBits => match address_with_length(text) {
                Some((address, length)) => {
                    Wrong::new(what, format!("write `{}`", Prefix::new(address, length)))
                }
                None => Wrong::new(what, "clear the bits beyond the length"),
            },
            _ => Wrong::new(
                what,
                "write an address and a length, such as `10.64.0.0/16`",
            ),
        }
    })
}

/// An address and the length of its network: `10.64.0.1/16`.
pub(crate) fn interface_address(text: &str) -> Result<(Ipv4Addr, u8), Wrong> {
    address_with_length(text).ok_or_else(|| {
        Wrong::new(
            format!("{} is not an address with a prefix length", shown(text)),
            "write the own address and the length of its network, such as `10.64.0.1/16`",
        )
    })
}

fn address_with_length(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, length) = text.split_once('/')?;
    let length = integer(length, &(0..=32)).ok()?;
    Some((address.parse().ok()?, u8::try_from(length).ok()?))
}

/// One address, a prefix, or `FIRST-LAST`.
pub(crate) fn address_range(text: &str) -> Result<(Ipv4Addr, Ipv4Addr), Wrong> {
    let Some((first, last)) = text.split_once('-') else {
        return prefix(text).map(|prefix| (prefix.network(), prefix.last()));
    };
    let (first, last) = (address(first.trim())?, address(last.trim())?);
    if first > last {
        return Err(Wrong::new(
            format!("the range {} is reversed", shown(text)),
            format!("write `{last}-{first}`"),
        ));
    }
    Ok((first, last))
}

/// `80` or `8000-8009`; never port 0.
pub(crate) fn ports(text: &str) -> Result<Ports, Wrong> {
    let port = |text: &str| -> Option<u16> {
        let value = integer(text.trim(), &(0..=65_535)).ok()?;
        u16::try_from(value).ok()
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (Some(first), Some(last)) = (port(first), port(last)) else {
        return Err(Wrong::new(
            format!("{} is not a port or a range of ports", shown(text)),
            "write `80` or `1024-65535`, each at most 65535",
        ));
    };
    if first > last {
        return Err(Wrong::new(
            format!("the port range {} is reversed", shown(text)),
            format!("write `{last}-{first}`"),
        ));
    }
    if first == 0 {
        return Err(Wrong::new(
            format!("{} contains port 0, which is never used", shown(text)),
            "start at 1 or above",
        ));
    }
    Ok((first, last))
}

/// How many ports a range has.
pub(crate) fn width(ports: Ports) -> u32 {
    u32::from(ports.1).saturating_sub(u32::from(ports.0)) + 1
}

/// `198.51.100.7`, `198.51.100.7:80` or `198.51.100.7:8000-8009`.
pub(crate) fn endpoint(text: &str) -> Result<(Ipv4Addr, Option<Ports>), Wrong> {
    match text.split_once(':') {
        Some((host, port)) => Ok((address(host)?, Some(ports(port)?))),
        None => Ok((address(text)?, None)),
    }
}

/// A name or a number.
pub(crate) fn protocol(text: &str) -> Result<u8, Wrong> {
    if let Some((_, number)) = PROTOCOLS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
    {
        return Ok(*number);
    }
    integer(text, &(0..=255))
        .ok()
        .and_then(|number| u8::try_from(number).ok())
        .ok_or_else(|| {
            Wrong::new(
                format!("{} is not a protocol", shown(text)),
                "write tcp, udp, icmp, esp, ah, gre, sctp, dccp, udplite or a number from 0 to 255",
            )
        })
}

/// Its name, or else its number.
pub(crate) fn protocol_name(protocol: u8) -> String {
    let mut names = PROTOCOLS.iter();
    let name = names.find(|(_, number)| *number == protocol);
    name.map_or_else(|| protocol.to_string(), |(name, _)| (*name).to_owned())
}

/// Whether `protocol` has ports.
pub(crate) const fn has_ports(protocol: u8) -> bool {
    matches!(protocol, 6 | 17 | 33 | 132 | 136)
}

const PROTOCOLS: [(&str, u8); 9] = [
    ("tcp", 6),
    ("udp", 17),
    ("icmp", 1),
    ("esp", 50),
    ("ah", 51),
    ("gre", 47),
    ("sctp", 132),
    ("dccp", 33),
    ("udplite", 136),
];

/// Six bytes in hexadecimal, of one station.
pub(crate) fn mac(text: &str) -> Result<[u8; 6], Wrong> {
    let malformed = || {
        Wrong::new(
            format!("{} is not a MAC address", shown(text)),
            "write six pairs of hexadecimal digits, such as \"02:00:00:00:00:fe\"",
        )
    };
    let mut bytes = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut bytes {
        let part = parts.next().filter(|part| part.len() == 2);
        let part = part.filter(|part| part.bytes().all(|b| b.is_ascii_hexdigit()));
        *byte = part
            .and_then(|part| u8::from_str_radix(part, 16).ok())
            .ok_or_else(malformed)?;
    }
    if parts.next().is_some() {
        return Err(malformed());
    }
    let [first, ..] = bytes;
    if first & 1 == 1 || bytes == [0; 6] {
        return Err(Wrong::new(
            format!("{} is not a unicast MAC address", shown(text)),
            "write the address of one station, whose first byte is even, such as \"02:00:00:00:00:fe\"",
        ));
    }
    Ok(bytes)
}

/// A name people and tools will refer to.
pub(crate) fn name(text: &str) -> Result<String, Wrong> {
    let length = text.chars().count();
    if length == 0 || length > 64 || text.chars().any(char::is_control) {
        return Err(Wrong::new(
            format!("{} is not a name", shown(text)),
            "write 1 to 64 printable characters",
        ));
    }
    Ok(text.to_owned())
}

/// A name that also stands in command lines.
pub(crate) fn word(text: &str) -> Result<String, Wrong> {
    let name = name(text)?;
    if name.contains(|c: char| c.is_whitespace() || c == '=' || c == ',') {
        return Err(Wrong::new(
            format!("{} has a space, a comma or an equals sign", shown(text)),
            "write letters, digits, dots, dashes and underscores",
        ));
    }
    Ok(name)
}

/// Any text but none.
pub(crate) fn non_empty(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new("the text is empty", "write a name"));
    }
    Ok(text.to_owned())
}

/// Whether a host may have this address.
pub(crate) fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && first != 127 && first < 224
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_or_are_seconds() {
        assert_eq!(duration("300s"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(duration("3h"), Ok(Duration::from_hours(3)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("45"), Ok(Duration::from_secs(45)));
        for bad in [
            "",
            "s",
            "-1s",
            "1.5s",
            "5 minutes",
            "99999999999999999999s",
            "9999999h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size("8KiB"), Ok(8_192));
        assert_eq!(size("512"), Ok(512));
        assert!(size("8KB").is_err());
        assert!(size("99999999999999999GiB").is_err());
    }

    #[test]
    fn ports_are_ordered_and_never_zero() {
        assert_eq!(ports("80"), Ok((80, 80)));
        assert_eq!(ports("1024-65535"), Ok((1024, 65_535)));
        for bad in ["", "-", "0", "0-5", "9-8", "65536", "+1", "1-2-3", "http"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mac_addresses_are_those_of_one_station() {
        assert_eq!(mac("02:00:00:00:00:fe"), Ok([2, 0, 0, 0, 0, 0xfe]));
        assert_eq!(mac("02-00-00-00-00-FE"), Ok([2, 0, 0, 0, 0, 0xfe]));
        for bad in [
            "",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "2:0:0:0:0:1",
            "+2:00:00:00:00:00",
        ] {
            assert!(mac(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn user_text_in_a_message_stays_on_one_line() {
        assert_eq!(shown("a\nb;c"), "`a?b?c`");
        assert!(shown(&"x".repeat(1_000)).chars().count() < 60);
    }
}
