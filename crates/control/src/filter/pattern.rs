//! Patterns for endpoints and for names.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use base::{Prefix, PrefixError};
use serde::{Deserialize, Serialize};

/// Addresses and, possibly, one port: `IP`, `IP:PORT`, `PREFIX`, `PREFIX:PORT` or `:PORT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointPattern {
    addresses: Prefix,
    /// Port, ICMP identifier or SPI.
    port: Option<u32>,
}

impl EndpointPattern {
    /// Addresses meant.
    #[must_use]
    pub const fn addresses(self) -> Prefix {
        self.addresses
    }

    /// Port, ICMP identifier or SPI meant; `None`: any.
    #[must_use]
    pub const fn port(self) -> Option<u32> {
        self.port
    }

    /// Whether `address` and `port` are meant.
    #[must_use]
    pub fn matches(self, address: Ipv4Addr, port: u32) -> bool {
        self.addresses.contains(address) && self.port.is_none_or(|wanted| wanted == port)
    }

    /// Whether the endpoint in `text` is meant: `ip:port` or `ip`.  A pattern
    /// with a port does not mean an endpoint without one, and a text that is
    /// no endpoint (`*`, or empty) is meant by no pattern.
    #[must_use]
    pub fn matches_text(self, text: &str) -> bool {
        let (address, port) = match text.split_once(':') {
            Some((address, port)) => (address, port.parse().ok()),
            None => (text, None),
        };
        address
            .parse()
            .is_ok_and(|address| self.addresses.contains(address))
            && (self.port.is_none() || self.port == port)
    }
}

impl FromStr for EndpointPattern {
    type Err = EndpointPatternError;

    fn from_str(text: &str) -> Result<Self, EndpointPatternError> {
        let (addresses, port) = match text.split_once(':') {
            Some((addresses, port)) => (addresses, Some(parse_port(port)?)),
            None => (text, None),
        };
        let addresses = match addresses {
            "" if port.is_some() => Prefix::ALL,
            addresses => addresses.parse().map_err(EndpointPatternError::Addresses)?,
        };
        Ok(Self { addresses, port })
    }
}

fn parse_port(text: &str) -> Result<u32, EndpointPatternError> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| EndpointPatternError::Port)
    } else {
        Err(EndpointPatternError::Port)
    }
}

impl fmt::Display for EndpointPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.addresses.length() == 32 {
            write!(f, "{}", self.addresses.network())?;
        } else {
            write!(f, "{}", self.addresses)?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for EndpointPattern {
    type Error = EndpointPatternError;

    fn try_from(text: String) -> Result<Self, EndpointPatternError> {
        text.parse()
    }
}

impl From<EndpointPattern> for String {
    fn from(pattern: EndpointPattern) -> Self {
        pattern.to_string()
    }
}

/// Why a text is no [`EndpointPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointPatternError {
    /// What stands before the colon.
    #[error("{0}; right would be `10.0.0.1`, `10.0.0.1:80`, `10.0.0.0/8` or `:80`")]
    Addresses(#[source] PrefixError),
    /// What stands after the colon.
    #[error("after the colon there must be a port, ICMP identifier or SPI, as a decimal number")]
    Port,
}

/// The beginning of a name, or a pattern of the whole name where `*` stands for
/// any text and `?` for any character.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamePattern(String);

impl NamePattern {
    /// Whether `name` is meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.0.contains(['*', '?']) {
            glob(self.0.as_bytes(), name.as_bytes())
        } else {
            name.starts_with(&self.0)
        }
    }
}

impl<T: Into<String>> From<T> for NamePattern {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// Goes back to the last star only, so time is at most `pattern` times `name`.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', after)), _) => {
                star = Some((after, name));
                pattern = after;
            }
            (Some((wanted, after)), Some((byte, rest))) if *wanted == b'?' || wanted == byte => {
                (pattern, name) = (after, rest);
            }
            (None, None) => return true,
            _ => match star {
                Some((after, [_, rest @ ..])) => {
                    star = Some((after, rest));
                    (pattern, name) = (after, rest);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> EndpointPattern {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_means_all_its_ports_and_a_port_means_just_that() {
        assert!(pattern("10.0.0.1").matches_text("10.0.0.1:80"));
        assert!(pattern("10.0.0.1").matches_text("10.0.0.1"));
        assert!(!pattern("10.0.0.1").matches_text("10.0.0.11:80"));
        assert!(pattern("10.0.0.1:80").matches_text("10.0.0.1:80"));
        assert!(!pattern("10.0.0.1:80").matches_text("10.0.0.1:8080"));
        assert!(!pattern("10.0.0.1:80").matches_text("10.0.0.1"));
        assert!(pattern("10.0.0.0/8").matches_text("10.200.0.1:80"));
        assert!(!pattern("10.0.0.0/8").matches_text("11.0.0.1:80"));
        assert!(pattern(":80").matches_text("11.0.0.1:80"));
        assert!(!pattern("0.0.0.0/0").matches_text("*"));
    }

    #[test]
    fn numbers_and_text_are_matched_alike() {
        for text in ["10.0.0.1:4294967295", "10.0.0.1", "10.0.0.0/31:7", ":7"] {
            for (address, port) in [([10, 0, 0, 1], u32::MAX), ([10, 0, 0, 0], 7)] {
                let address = Ipv4Addr::from(address);
                assert_eq!(
                    pattern(text).matches(address, port),
                    pattern(text).matches_text(&format!("{address}:{port}")),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn patterns_print_as_they_are_read() {
        for text in ["10.0.0.1", "10.0.0.1:80", "10.0.0.0/8", "0.0.0.0/0:80"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn bad_endpoints_say_why() {
        let error = |text: &str| text.parse::<EndpointPattern>().unwrap_err();
        assert_eq!(error("10.0.0.1:"), EndpointPatternError::Port);
        assert_eq!(error("10.0.0.1:+8"), EndpointPatternError::Port);
        assert_eq!(
            error(""),
            EndpointPatternError::Addresses(PrefixError::Address)
        );
        assert_eq!(
            error("10.0.0.1/8"),
            EndpointPatternError::Addresses(PrefixError::HostBits)
        );
        assert!(error("x").to_string().contains("10.0.0.0/8"));
    }

    #[test]
    fn names_match_by_their_beginning_or_as_a_whole_pattern() {
        let matches = |pattern: &str, name| NamePattern::from(pattern).matches(name);
        assert!(matches("drop.", "drop.no_route"));
        assert!(!matches("no_route", "drop.no_route"));
        assert!(matches("*.no_route", "drop.no_route"));
        assert!(!matches("drop.*_rout", "drop.no_route"));
        assert!(matches("*no*te", "drop.no_route"));
        assert!(matches("drop.n?_route", "drop.no_route"));
        assert!(!matches("drop.no_route?", "drop.no_route"));
        assert!(matches("", "anything"));
        assert!(matches("a*", "a") && matches("*", "") && !matches("?", ""));
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = NamePattern::from("a*".repeat(5_000) + "b");
        assert!(!pattern.matches(&"a".repeat(10_000)));
    }
}
