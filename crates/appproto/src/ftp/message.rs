//! What control channels say, for counters.

/// A whole message of a control channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A command.
    Command(Verb),
    /// The last line of a reply with this code.
    Reply(u16),
}

impl Message {
    /// Names it in statistics: the verb, or the code; replies that matter to nobody here have
    /// their first digit only.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Command(verb) => verb.name(),
            Self::Reply(code) => reply_name(code),
        }
    }
}

/// The verb of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verb(u8);

impl Verb {
    /// One that is not in [`VERBS`].
    pub const OTHER: Self = Self(u8::MAX);

    /// The verb with these letters, whatever their case.
    #[must_use]
    pub fn of(word: &[u8]) -> Self {
        VERBS
            .iter()
            .position(|name| name.as_bytes().eq_ignore_ascii_case(word))
            .and_then(|index| u8::try_from(index).ok())
            .map_or(Self::OTHER, Self)
    }

    /// In capitals; `other` for those that are not in [`VERBS`].
    #[must_use]
    pub fn name(self) -> &'static str {
        VERBS.get(usize::from(self.0)).copied().unwrap_or("other")
    }
}

/// Verbs of RFC 959, 775, 1639, 2228, 2389, 2428, 2640, 3659, 7151 and of common servers.
pub const VERBS: [&str; 70] = [
    "USER", "PASS", "ACCT", "CWD", "CDUP", "SMNT", "QUIT", "REIN", "PORT", "PASV", "TYPE", "STRU",
    "MODE", "RETR", "STOR", "STOU", "APPE", "ALLO", "REST", "RNFR", "RNTO", "ABOR", "DELE", "RMD",
    "MKD", "PWD", "LIST", "NLST", "SITE", "SYST", "STAT", "HELP", "NOOP", "XCWD", "XCUP", "XMKD",
    "XPWD", "XRMD", "LPRT", "LPSV", "AUTH", "ADAT", "PROT", "PBSZ", "CCC", "MIC", "CONF", "ENC",
    "FEAT", "OPTS", "EPRT", "EPSV", "LANG", "SIZE", "MDTM", "MLST", "MLSD", "HOST", "CLNT", "MFMT",
    "MFCT", "MFF", "AVBL", "CSID", "DSIZ", "HASH", "XCRC", "XMD5", "SPSV", "COMB",
];

/// Whether more letters may make a verb of these.
pub(super) fn may_become_a_verb(letters: &[u8]) -> bool {
    VERBS.iter().any(|name| {
        name.as_bytes()
            .get(..letters.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(letters))
    })
}

fn reply_name(code: u16) -> &'static str {
    const EXACT: [(u16, &str); 16] = [
        (150, "150"),
        (200, "200"),
        (220, "220"),
        (221, "221"),
        (226, "226"),
        (227, "227"),
        (229, "229"),
        (230, "230"),
        (234, "234"),
        (235, "235"),
        (331, "331"),
        (421, "421"),
        (425, "425"),
        (426, "426"),
        (500, "500"),
        (530, "530"),
    ];
    let exact = EXACT.iter().find(|(known, _)| *known == code);
    exact.map_or_else(
        || match code / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        },
        |(_, name)| name,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_verb_and_code() {
        for (message, name) in [
            (Message::Command(Verb::of(b"pAsV")), "PASV"),
            (Message::Command(Verb::of(b"PASVX")), "other"),
            (Message::Command(Verb::of(b"")), "other"),
            (Message::Reply(227), "227"),
            (Message::Reply(257), "2xx"),
            (Message::Reply(631), "other"),
        ] {
            assert_eq!(message.name(), name);
        }
    }

    #[test]
    fn a_verb_is_in_the_list_once() {
        for (index, name) in VERBS.iter().enumerate() {
            assert_eq!(
                Verb::of(name.as_bytes()),
                Verb(u8::try_from(index).unwrap())
            );
        }
    }
}
