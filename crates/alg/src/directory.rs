//! Who is registered in a directory over LDAP: how long calls may come in.
//!
//! An entry is good for the minutes that it says from each refresh on, which is a search or a
//! change that names them once more, and no port. Its door stays open for as long, whether or not the connection
//! to the directory does: readers of the entry call without asking.

use appproto::ldap::Message;
use appproto::{Endpoint, Finding, Findings, Form, Role, Span};
use base::Nanos;

use crate::engine::{Keeper, Terms};

/// Minutes that an entry is good for which says nothing.
const USUAL: u16 = 10;

/// The longest that calls are waited for without a refresh: a day.
const LONGEST: u16 = 24 * 60;

/// What a connection has registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Registration {
    /// Zero if nothing was said.
    minutes: u16,
    /// Where calls are awaited; zero if nothing is registered.
    port: u16,
    /// What has just been read asks for more time.
    refreshes: bool,
}

impl Registration {
    pub(crate) const fn to_word(self) -> u64 {
        (self.minutes as u64) << 16 | self.port as u64
    }

    pub(crate) const fn from_word(word: u64) -> Self {
        let [.., m0, m1, p0, p1] = word.to_be_bytes();
        Self {
            minutes: u16::from_be_bytes([m0, m1]),
            port: u16::from_be_bytes([p0, p1]),
            refreshes: false,
        }
    }

    /// A message of the client.
    pub(crate) fn note(&mut self, message: Message) {
        self.minutes = message.minutes().unwrap_or(self.minutes);
        self.refreshes |= message.is_refresh();
        if message.is_end() {
            self.port = 0;
        }
    }

    /// Notes which port the messages that were read announce; if they only ask for more time,
    /// announces that port again.
    pub(crate) fn complete(&mut self, found: &mut Findings) {
        let mut announced = found
            .iter()
            .filter(|finding| matches!(finding.role, Role::Listens(_)));
        if let Some(last) = announced.next_back() {
            self.port = last.endpoint.port;
        } else if self.refreshes && self.port != 0 {
            // Without room for it there is more to be read, and then again.
            let _ = found.try_push(Finding {
                span: Span::default(),
                endpoint: Endpoint {
                    address: 0,
                    port: self.port,
                },
                form: Form::Implied,
                role: Role::Listens(appproto::ldap::CALLS),
            });
        }
    }

    /// How the door for calls is kept.
    pub(crate) fn terms(self) -> Terms {
        let minutes = match self.minutes {
            0 => USUAL,
            minutes => minutes.min(LONGEST),
        };
        Terms {
            lifetime: Some(Nanos::from_secs(u64::from(minutes) * 60)),
            keeper: Keeper::Time,
            ..Terms::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_what_is_registered() {
        let registration = Registration {
            minutes: 10,
            port: 1720,
            refreshes: false,
        };
        let kept = Registration::from_word(registration.to_word());
        assert_eq!(kept, registration);
        assert_eq!(kept.terms().lifetime, Some(Nanos::from_secs(600)));
        let silent = Registration::default();
        assert_eq!(silent.terms().lifetime, Some(Nanos::from_secs(600)));
        let long = Registration {
            minutes: u16::MAX,
            ..silent
        };
        assert_eq!(long.terms().lifetime, Some(Nanos::from_secs(86400)));
    }

    #[test]
    fn only_a_refresh_of_what_is_registered_announces_it_again() {
        for (port, refreshes, announced) in [(1720, true, 1), (0, true, 0), (1720, false, 0)] {
            let mut registration = Registration {
                minutes: 5,
                port,
                refreshes,
            };
            let mut found = Findings::new();
            registration.complete(&mut found);
            assert_eq!(found.len(), announced, "{port} {refreshes}");
        }
    }
}
