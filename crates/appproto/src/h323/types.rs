//! How types of ASN.1 are laid out, as far as a reader has to know that passes over them.

/// A type, as it is encoded (X.691, aligned).
#[derive(Debug)]
pub(super) enum Type {
    /// So many bits, wherever they begin: `BOOLEAN`, `NULL`, small numbers and short strings.
    Bits(u8),
    /// So many octets, aligned.
    Octets(u8),
    /// A number of octets in so many bits, less one, then those, aligned; from the least value on.
    Number(u8, u32),
    /// Any number, behind the number of its octets.
    Integer,
    /// `ENUMERATED` with an extension marker, otherwise in so many bits.
    Enumerated(u8),
    /// Elements of so many bits one behind the other, aligned; so is what follows if there is none.
    String(Size, u8),
    /// `SEQUENCE`.
    Sequence(&'static Sequence),
    /// `CHOICE`.
    Choice(&'static Choice),
    /// `SEQUENCE OF`.
    List(Size, &'static Type),
    /// Defined elsewhere.
    Of(&'static Type),
    /// An IPv4 address and a port behind it.
    Address,
    /// What this is says what addresses in it are for.
    At(Place, &'static Type),
    /// An octet string with a value in it.
    Holds(&'static Type),
    /// Behind its length, what the last number says that it is.
    Told(&'static [(u32, Type)]),
    /// Nothing of interest from here on.
    Rest,
}

/// How a number of elements is encoded: from the least on in so many bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) least: u16,
    /// As many as no number has are a length that says itself how long it is.
    pub(super) bits: u8,
    /// They are octets.
    pub(super) aligned: bool,
}

/// Any number.
pub(super) const ANY: Size = Size {
    least: 0,
    bits: u8::MAX,
    aligned: true,
};

/// `SEQUENCE` or `SET`.
#[derive(Debug)]
pub(super) struct Sequence {
    /// Has an extension marker.
    pub(super) extensible: bool,
    /// Fields before the marker that may be missing.
    pub(super) optional: u8,
    /// Fields before the marker.
    pub(super) root: &'static [Field],
    /// Fields behind it, of interest or not.
    pub(super) more: &'static [Option<Type>],
}

/// A field before the extension marker.
#[derive(Debug)]
pub(super) enum Field {
    /// May be missing.
    May(Type),
    /// Is there.
    Must(Type),
}

/// `CHOICE`.
#[derive(Debug)]
pub(super) struct Choice {
    /// Has an extension marker.
    pub(super) extensible: bool,
    /// Of the index of those before it.
    pub(super) bits: u8,
    /// Those before it.
    pub(super) root: &'static [Type],
    /// Those behind it, of interest or not.
    pub(super) more: &'static [Option<Type>],
}

/// What an address is for, or what else is of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nobody knows.
    Nowhere,
    /// RAS messages go there.
    Ras,
    /// Calls go there.
    Signalling,
    /// Calls go there over UDP.
    SignallingUdp,
    /// An H.245 channel goes there.
    Control,
    /// One end of something over TCP.
    NamedTcp,
    /// One end of something over UDP.
    NamedUdp,
    /// Media go there.
    Media,
    /// The control packets of media go there.
    MediaControl,
    /// T.120 goes there.
    Stack,
    /// A direction of a channel begins.
    Channel,
    /// Number of a channel that is offered.
    Offered,
    /// Number of one that is accepted.
    Accepted,
    /// It is one over TCP.
    Tcp,
    /// It is one of datagrams that are no RTP.
    Udp,
    /// Seconds that a registration lasts.
    TimeToLive,
}
