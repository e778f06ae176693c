//! The keys of a file: each section's, with what they take.
//!
//! Each module declares the keys it reads. The parser knows a key, and the range of a number,
//! from here; `configs/portolan.schema.json` is made from here, and `docs/configuration.md` is
//! held to it (`tests/schema.rs`, which also asks the parser whether it agrees on every key).

/// A key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
}

/// What a key takes. `null`, as good as no key at all, goes without saying.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true`, `off` and the like.
    Boolean,
    /// From and to, both included.
    Number(u64, u64),
    /// `300s`; a plain number is seconds.
    Duration,
    /// `8KiB`; a plain number is bytes.
    Size,
    /// An IPv4 address.
    Address,
    /// `10.64.0.0/16`, or one address.
    Prefix,
    /// A prefix, or `FIRST-LAST`.
    Addresses,
    /// `10.64.0.1/16`: an own address in its network.
    OwnAddress,
    /// `80` or `8000-8009`.
    Ports,
    /// By name or number.
    Protocol,
    /// Six bytes in hexadecimal.
    Mac,
    /// A name or another text.
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// One, or a list.
    Many(&'static Kind),
    /// Any of these.
    Either(&'static [Kind]),
    /// A map with these keys.
    Map(&'static [Key]),
    /// A list of maps with these keys.
    Maps(&'static [Key]),
    /// A map whose keys are names.
    Named(&'static Kind),
    /// A map of gateways, see [`crate::gateway_keys`].
    Gateways,
    /// One of them: its map of settings, or `off`.
    Gateway,
}

impl Key {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind }
    }
}

/// Declares keys: `keys! { NAME: "key" Kind, … }`.
macro_rules! keys {
    ($($(#[$about:meta])* $visibility:vis $table:ident: $($name:literal $kind:expr),+ $(,)?;)+) => {
        $(
            $(#[$about])*
            $visibility const $table: &[$crate::keys::Key] = {
                use $crate::keys::Kind::*;
                &[$($crate::keys::Key::new($name, $kind)),+]
            };
        )+
    };
}
pub(crate) use keys;

/// RFC 4787's three words.
pub(crate) const DEPENDENCE: Kind = Kind::Word(&[
    "endpoint-independent",
    "address-dependent",
    "address-and-port-dependent",
]);
