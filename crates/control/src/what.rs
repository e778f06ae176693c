//! The things `show` and `clear` can be asked about.

use std::fmt;
use std::str::FromStr;

macro_rules! named {
    (
        $(#[doc = $doc:literal])+
        $type:ident, $error:ident = $verb:literal {
            $( $(#[doc = $variant_doc:literal])+ $variant:ident = $name:literal, )*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type {
            $( $(#[doc = $variant_doc])+ $variant, )*
        }

        impl $type {
            /// All of them, in the order help texts list them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The word on the command line and on the socket.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|what| what.name() == text)
                    .ok_or_else(|| $error(text.chars().take(LONGEST_ECHO).collect()))
            }
        }

        #[doc = concat!("A word that is no [`", stringify!($type), "`].")]
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("`{0}` cannot be {verb}; possible: {names}", verb = $verb, names = list($type::ALL))]
        pub struct $error(String);
    };
}

named! {
    /// What `show` can be asked for.
    What, UnknownWhat = "shown" {
        /// Sessions and their translation.
        Translations = "translations",
        /// Inside endpoints and the outside endpoints they hold.
        Mappings = "mappings",
        /// Inside addresses, their outside address and blocks.
        Subscribers = "subscribers",
        /// Outside addresses of a policy.
        Pools = "pools",
        /// Expected flows.
        Doors = "doors",
        /// SIP dialogs.
        Calls = "calls",
        /// Observed IKE and ESP peers.
        Ipsec = "ipsec",
        /// What happened lately: thresholds, refusals, blocks lent and returned.
        Events = "events",
        /// Every counter.
        Counters = "counters",
        /// Worker cores.
        Workers = "workers",
        /// Layer-3 interfaces.
        Interfaces = "interfaces",
        /// The ARP table.
        Neighbors = "neighbors",
        /// Application gateways.
        Alg = "alg",
        /// Zones and their interfaces.
        Zones = "zones",
    }
}

named! {
    /// What `clear` can be asked to forget.
    Clearable, UnknownClearable = "cleared" {
        /// Ends sessions.
        Translations = "translations",
        /// Sets counters to zero.
        Counters = "counters",
        /// Forgets learned neighbours.
        Neighbors = "neighbors",
        /// Forgets calls and closes their doors.
        Calls = "calls",
    }
}

impl Clearable {
    /// The same thing, as `show` names it.
    #[must_use]
    pub const fn what(self) -> What {
        match self {
            Self::Translations => What::Translations,
            Self::Counters => What::Counters,
            Self::Neighbors => What::Neighbors,
            Self::Calls => What::Calls,
        }
    }
}

fn list(all: &[impl fmt::Display]) -> String {
    all.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// How much of a wrong word an error repeats.
const LONGEST_ECHO: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for what in What::ALL {
            assert_eq!(what.name().parse(), Ok(*what));
        }
        for what in Clearable::ALL {
            assert_eq!(what.name().parse(), Ok(*what));
            assert_eq!(what.what().name(), what.name());
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        let error = "pools".parse::<Clearable>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`pools` cannot be cleared; possible: translations, counters, neighbors, calls"
        );
        let long = "x".repeat(10_000).parse::<What>().unwrap_err();
        assert!(long.to_string().len() < 250, "{long}");
    }
}
