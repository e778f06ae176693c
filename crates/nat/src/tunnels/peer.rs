//! What was seen of one inside host and one gateway.

use base::Ticks;

use super::Inside;

/// How the payload of a tunnel goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encapsulation {
    /// None was seen.
    #[default]
    None,
    /// ESP in IP.
    Esp,
    /// ESP in UDP (RFC 3948).
    Udp,
}

impl Encapsulation {
    /// As `show ipsec` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Esp => "esp",
            Self::Udp => "udp",
        }
    }
}

/// What the hashes that detect a NAT will say behind this one (RFC 3947 section 3.2,
/// RFC 7296 section 2.23).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Traversal {
    /// No hash was seen.
    #[default]
    Unseen,
    /// That of the sender is right and stays so: nothing of it is changed.
    Same,
    /// It is right as sent and will not be as received: a NAT is found.
    Differs,
    /// It is wrong as sent: there is a NAT before this one, or one is pretended.
    Before,
    /// It is made by a function that is not known here.
    Unknown,
}

impl Traversal {
    /// As `show ipsec` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unseen => "none",
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Before => "differs-before",
            Self::Unknown => "unknown",
        }
    }
}

/// The last SPIs of one direction, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent([u32; Self::KEPT]);

impl Recent {
    const KEPT: usize = 4;

    /// Notes one; answers whether it was not the newest.
    pub fn note(&mut self, spi: u32) -> bool {
        let [newest, older, oldest, last] = self.0;
        if newest == spi {
            return false;
        }
        self.0 = match spi {
            _ if spi == older => [spi, newest, oldest, last],
            _ if spi == oldest => [spi, newest, older, last],
            _ => [spi, newest, older, oldest],
        };
        true
    }

    /// All of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.into_iter().filter(|spi| *spi != 0)
    }
}

/// One inside host and one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The host.
    pub inside: Inside,
    /// When it was first seen.
    pub since: Ticks,
    /// When a packet of the host was last seen.
    pub seen: Ticks,
    /// It has negotiated, and no new SPI has come in since.
    pub(super) is_owed: bool,
    /// Major version of IKE, zero if none was seen.
    pub ike: u8,
    /// SPIs, or cookies, of its newest IKE association: initiator's, responder's.
    pub cookies: [u64; 2],
    /// Support for NAT traversal was announced: by the inside, by the gateway.
    pub supports: [bool; 2],
    /// What the hashes say.
    pub traversal: Traversal,
    /// The exchange that is negotiating: its message identifier.
    pub exchange: Option<u32>,
    /// How its payload goes.
    pub encapsulation: Encapsulation,
    /// SPIs it has sent by, and been sent by.
    pub spis: [Recent; 2],
}

impl Peer {
    pub(super) const fn new(inside: Inside, now: Ticks) -> Self {
        Self {
            inside,
            since: now,
            seen: now,
            is_owed: false,
            ike: 0,
            cookies: [0; 2],
            supports: [false; 2],
            traversal: Traversal::Unseen,
            exchange: None,
            encapsulation: Encapsulation::None,
            spis: [Recent([0; Recent::KEPT]); 2],
        }
    }
}
