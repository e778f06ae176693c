//! Which packets are meant: the expressions of `why` and `trace`.
//!
//! ```text
//!  any    := all { "or" all }                 also ||
//!  all    := one { "and" one }                also &&
//!  one    := "not" one | "(" any ")" | test   also !
//!  test   := PROTOCOL | "ip" | "arp" | "proto" NUMBER | "inside" | "outside" | "dropped"
//!          | [ "src" | "dst" ] ( "host" ADDRESS | "net" PREFIX
//!                              | ( "port" | "portrange" ) PORT [ "-" PORT ] )
//! ```
//!
//! The words are those of packet captures. A packet is looked at as it came and as it left, so
//! that `host 10.64.0.7` finds what comes back to that host as well; `inside` and `outside` say
//! by what kind of interface it came. The empty expression means every packet.

use core::fmt;
use core::net::Ipv4Addr;

use base::Prefix;

/// Longest text.
const MAX_TEXT: usize = 1024;

/// How deep parentheses and `not` may go.
const MAX_DEPTH: u32 = 32;

/// IP protocols with a name.
const PROTOCOLS: [(&str, u8); 10] = [
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("sctp", 132),
    ("udplite", 136),
];

/// An expression that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression(Node);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Everything,
    Ip,
    Arp,
    Protocol(u8),
    Inside(bool),
    Dropped,
    End(Which, Test),
    Not(Box<Self>),
    All(Box<[Self; 2]>),
    Any(Box<[Self; 2]>),
}

/// Which end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Source,
    Destination,
    Either,
}

/// What is asked of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Net(Prefix),
    Ports(u16, u16),
}

impl Test {
    fn holds(self, (address, port): Endpoint) -> bool {
        match self {
            Self::Net(prefix) => prefix.contains(Ipv4Addr::from_bits(address)),
            Self::Ports(first, last) => port.is_some_and(|port| (first..=last).contains(&port)),
        }
    }
}

/// An address, and a port where the protocol has them.
pub type Endpoint = (u32, Option<u16>);

/// Source and destination of a packet at some place of its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Source.
    pub from: Endpoint,
    /// Destination.
    pub to: Endpoint,
}

/// What is known of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// It is ARP.
    pub(crate) arp: bool,
    /// The IP protocol, of an IP packet.
    pub(crate) protocol: Option<u8>,
    /// Its ends, as it came and as it left.
    pub(crate) ends: &'a [Ends],
    /// It came by an interface that is inside.
    pub(crate) inside: bool,
    /// It was dropped, if that is known yet.
    pub(crate) dropped: Option<bool>,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// Where, counted from 1.
    column: usize,
    /// What is there.
    found: String,
    /// What would be right.
    wanted: &'static str,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            column,
            found,
            wanted,
        } = self;
        if found.is_empty() {
            write!(
                f,
                "column {column}: the expression ends here; write {wanted}"
            )
        } else {
            write!(
                f,
                "column {column}: `{found}` is not understood; write {wanted}"
            )
        }
    }
}

impl core::error::Error for ExpressionError {}

impl Default for Expression {
    /// Every packet.
    fn default() -> Self {
        Self(Node::Everything)
    }
}

impl core::str::FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        if text.len() > MAX_TEXT {
            return Err(ExpressionError {
                column: MAX_TEXT + 1,
                found: "…".into(),
                wanted: "at most 1024 characters",
            });
        }
        let mut parser = Parser { text, at: 0 };
        if parser.peek().0.is_empty() {
            return Ok(Self::default());
        }
        let node = parser.any(0)?;
        match parser.peek().0 {
            "" => Ok(Self(node)),
            _ => Err(parser.wrong("`and`, `or`, or nothing more")),
        }
    }
}

impl Expression {
    /// Whether a packet is meant; `None` if that depends on what is not known yet.
    pub(crate) fn holds(&self, known: &Known<'_>) -> Option<bool> {
        self.0.holds(known)
    }
}

impl Node {
    fn holds(&self, known: &Known<'_>) -> Option<bool> {
        Some(match self {
            Self::Everything => true,
            Self::Ip => known.protocol.is_some(),
            Self::Arp => known.arp,
            Self::Protocol(number) => known.protocol == Some(*number),
            Self::Inside(inside) => known.inside == *inside,
            Self::Dropped => return known.dropped,
            // What stands for a port in ICMP is an identifier.
            Self::End(_, Test::Ports(..)) if known.protocol == Some(1) => false,
            Self::End(which, test) => known.ends.iter().any(|ends| match which {
                Which::Source => test.holds(ends.from),
                Which::Destination => test.holds(ends.to),
                Which::Either => test.holds(ends.from) || test.holds(ends.to),
            }),
            Self::Not(node) => return node.holds(known).map(|holds| !holds),
            Self::All(both) => return decided(both, known, false),
            Self::Any(both) => return decided(both, known, true),
        })
    }
}

/// Of two nodes joined by a word for which one that is `enough` decides.
fn decided(both: &[Node; 2], known: &Known<'_>, enough: bool) -> Option<bool> {
    let [one, other] = both;
    let first = one.holds(known);
    if first == Some(enough) {
        return first;
    }
    let second = other.holds(known);
    if second == Some(enough) || first.is_some() {
        return second;
    }
    None
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

const TESTS: &str = "a protocol (tcp, udp, icmp, esp, gre, ...), `arp`, `host ADDRESS`, `net PREFIX`, `port PORT`, `inside`, `outside`, `dropped`, `not`, or parentheses";

impl<'a> Parser<'a> {
    /// The next word or sign, and where it begins.
    fn peek(&self) -> (&'a str, usize) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        let begin = self.at + rest.len() - trimmed.len();
        let len = ["&&", "||", "(", ")", "!"]
            .iter()
            .find(|sign| trimmed.starts_with(**sign))
            .map_or_else(
                || {
                    let ends = |sign: char| sign.is_whitespace() || "()!&|".contains(sign);
                    let len = trimmed.find(ends).unwrap_or(trimmed.len());
                    // A lone & or | is a word of its own.
                    len.max(trimmed.chars().next().map_or(0, char::len_utf8))
                },
                |sign| sign.len(),
            );
        (trimmed.get(..len).unwrap_or_default(), begin)
    }

    fn next(&mut self) -> &'a str {
        let (word, begin) = self.peek();
        self.at = begin + word.len();
        word
    }

    fn takes(&mut self, words: [&str; 2]) -> bool {
        let takes = words.contains(&self.peek().0);
        if takes {
            self.next();
        }
        takes
    }

    /// An error about what comes next.
    fn wrong(&self, wanted: &'static str) -> ExpressionError {
        let (found, begin) = self.peek();
        let before = self.text.get(..begin).unwrap_or_default();
        ExpressionError {
            column: before.chars().count() + 1,
            found: found.chars().take(40).collect(),
            wanted,
        }
    }

    fn any(&mut self, depth: u32) -> Result<Node, ExpressionError> {
        let mut node = self.all(depth)?;
        while self.takes(["or", "||"]) {
            node = Node::Any(Box::new([node, self.all(depth)?]));
        }
        Ok(node)
    }

    fn all(&mut self, depth: u32) -> Result<Node, ExpressionError> {
        let mut node = self.one(depth)?;
        while self.takes(["and", "&&"]) {
            node = Node::All(Box::new([node, self.one(depth)?]));
        }
        Ok(node)
    }

    fn one(&mut self, depth: u32) -> Result<Node, ExpressionError> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("at most 32 parentheses and `not` within each other"));
        }
        if self.takes(["not", "!"]) {
            return Ok(Node::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.takes(["(", "("]) {
            let node = self.any(depth + 1)?;
            if self.takes([")", ")"]) {
                return Ok(node);
            }
            return Err(self.wrong("`and`, `or` or `)`"));
        }
        self.test()
    }

    fn test(&mut self) -> Result<Node, ExpressionError> {
        let word = self.peek().0;
        let known = PROTOCOLS.iter().find(|(name, _)| *name == word);
        let node = match word {
            "ip" => Node::Ip,
            "arp" => Node::Arp,
            "inside" => Node::Inside(true),
            "outside" => Node::Inside(false),
            "dropped" => Node::Dropped,
            _ if let Some((_, number)) = known => Node::Protocol(*number),
            "proto" => {
                self.next();
                let wanted = "a protocol number from 0 to 255, such as 47";
                return self.value(wanted, |word| word.parse().ok().map(Node::Protocol));
            }
            "src" => {
                self.next();
                return self.end(Which::Source, "`host`, `net` or `port`");
            }
            "dst" => {
                self.next();
                return self.end(Which::Destination, "`host`, `net` or `port`");
            }
            _ if word.parse::<Ipv4Addr>().is_ok() => {
                return Err(self.wrong("`host` before an address"));
            }
            _ => return self.end(Which::Either, TESTS),
        };
        self.next();
        Ok(node)
    }

    fn end(&mut self, which: Which, wanted: &'static str) -> Result<Node, ExpressionError> {
        match self.peek().0 {
            "host" => {
                self.next();
                self.value("an IPv4 address, such as 10.64.0.7", |word| {
                    let address = word.parse().ok()?;
                    Some(Node::End(which, Test::Net(Prefix::new(address, 32))))
                })
            }
            "net" => {
                self.next();
                self.value("an IPv4 prefix, such as 10.64.0.0/16", |word| {
                    Some(Node::End(which, Test::Net(word.parse().ok()?)))
                })
            }
            "port" | "portrange" => {
                self.next();
                let wanted = "a port or a range, such as 53 or 1024-65535";
                self.value(wanted, |word| {
                    let (first, last) = word.split_once('-').unwrap_or((word, word));
                    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                    (first <= last).then_some(Node::End(which, Test::Ports(first, last)))
                })
            }
            _ => Err(self.wrong(wanted)),
        }
    }

    /// The next word as a value.
    fn value(
        &mut self,
        wanted: &'static str,
        read: impl FnOnce(&str) -> Option<Node>,
    ) -> Result<Node, ExpressionError> {
        match read(self.peek().0) {
            Some(node) => {
                self.next();
                Ok(node)
            }
            None => Err(self.wrong(wanted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: u32 = 0x0a40_0007;
    const REMOTE: u32 = 0xcb00_7101;
    const OUTSIDE: u32 = 0xc633_6414;

    fn expression(text: &str) -> Expression {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// A DNS query from inside, as it came and as it left.
    fn holds(text: &str, dropped: Option<bool>) -> Option<bool> {
        let ends = [
            Ends {
                from: (HOST, Some(4000)),
                to: (REMOTE, Some(53)),
            },
            Ends {
                from: (OUTSIDE, Some(1024)),
                to: (REMOTE, Some(53)),
            },
        ];
        expression(text).holds(&Known {
            arp: false,
            protocol: Some(17),
            ends: &ends,
            inside: true,
            dropped,
        })
    }

    #[test]
    fn a_packet_is_meant_by_what_it_is_and_was() {
        for text in [
            "",
            "  ",
            "udp",
            "ip",
            "proto 17",
            "udp and host 10.64.0.7 and port 53",
            "host 198.51.100.20",
            "src net 10.64.0.0/16",
            "dst host 203.0.113.1",
            "dst port 53",
            "port 1024-1030",
            "portrange 1024-1030",
            "dst portrange 53-53",
            "inside and not tcp",
            "tcp or udp",
            "tcp or udp and port 53",
            "!(tcp||esp)&&(host 203.0.113.1)",
            "not not udp",
        ] {
            assert_eq!(holds(text, None), Some(true), "{text}");
        }
        for text in [
            "tcp",
            "arp",
            "outside",
            "src port 53",
            "dst net 10.64.0.0/16",
            "not host 10.64.0.7",
            "not host 198.51.100.20",
            "port 54-60",
            "udp and tcp or esp",
            "(tcp or udp) and port 54",
        ] {
            assert_eq!(holds(text, None), Some(false), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_yet_decides_only_where_it_matters() {
        for (text, unknown, known) in [
            ("dropped", None, Some(true)),
            ("not dropped", None, Some(false)),
            ("dropped and tcp", Some(false), Some(false)),
            ("tcp and dropped", Some(false), Some(false)),
            ("dropped or udp", Some(true), Some(true)),
            ("udp or dropped", Some(true), Some(true)),
            ("dropped and udp", None, Some(true)),
            ("tcp or dropped", None, Some(true)),
            ("dropped or tcp", None, Some(true)),
        ] {
            assert_eq!(holds(text, None), unknown, "{text}");
            assert_eq!(holds(text, Some(true)), known, "{text}");
        }
    }

    #[test]
    fn errors_say_where_and_what_would_be_right() {
        for (text, column, part) in [
            (
                "upd",
                1,
                "`upd` is not understood; write a protocol (tcp, udp",
            ),
            ("udp and", 8, "ends here; write a protocol"),
            (
                "udp host 10.64.0.7",
                5,
                "write `and`, `or`, or nothing more",
            ),
            (
                "host 10.64.0",
                6,
                "write an IPv4 address, such as 10.64.0.7",
            ),
            ("host", 5, "ends here; write an IPv4 address"),
            ("10.64.0.7", 1, "write `host` before an address"),
            ("net 10.64.0.7/40", 5, "write an IPv4 prefix"),
            ("port 70000", 6, "write a port or a range"),
            ("port 9-5", 6, "write a port or a range"),
            ("portrange 9-5", 11, "write a port or a range"),
            ("src udp", 5, "write `host`, `net` or `port`"),
            ("(udp", 5, "write `and`, `or` or `)`"),
            ("udp)", 4, "write `and`, `or`, or nothing more"),
            ("udp & tcp", 5, "`&` is not understood"),
            ("proto 300", 7, "a protocol number"),
            ("ü", 1, "`ü` is not understood"),
        ] {
            let error = text.parse::<Expression>().unwrap_err().to_string();
            let place = format!("column {column}: ");
            assert!(error.starts_with(&place), "{text}: {error}");
            assert!(error.contains(part), "{text}: {error}");
        }
        let deep = format!("{}udp", "not ".repeat(40));
        assert!(deep.parse::<Expression>().is_err());
        assert!("udp ".repeat(300).parse::<Expression>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in "[a-z0-9 ()!&|./-]{0,60}|\\PC{0,20}") {
            let _ = text.parse::<Expression>();
        }

        #[test]
        fn words_in_any_order_are_understood_or_refused(
            words in proptest::collection::vec(
                prop_oneof![
                    Just("udp"), Just("host"), Just("10.64.0.7"), Just("port"), Just("53"),
                    Just("and"), Just("or"), Just("not"), Just("("), Just(")"), Just("src"),
                ],
                0..12,
            )
        ) {
            let text = words.join(" ");
            if let Err(error) = text.parse::<Expression>() {
                prop_assert!(error.column <= text.len() + 1);
            }
        }
    }
}
