//! DNS messages to be and as they came (RFC 1035 section 4).

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const PTR: u16 = 12;
pub(crate) const MX: u16 = 15;
pub(crate) const SRV: u16 = 33;
pub(crate) const OPT: u16 = 41;
pub(crate) const RRSIG: u16 = 46;
pub(crate) const AXFR: u16 = 252;

/// A message that is put together.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    id: u16,
    flags: u16,
    counts: [u16; 4],
    body: Vec<u8>,
    /// Names from each label on, and where.
    known: Vec<(String, usize)>,
}

/// The name by which an address is asked for.
pub(crate) fn reverse(address: &str) -> String {
    let mut octets: Vec<_> = address.split('.').collect();
    octets.reverse();
    format!("{}.in-addr.arpa", octets.join("."))
}

impl Message {
    /// A query.
    pub(crate) fn query(id: u16, name: &str, kind: u16) -> Self {
        Self::new(id, 0x0100, name, kind)
    }

    /// An answer without records yet.
    pub(crate) fn answer(id: u16, name: &str, kind: u16) -> Self {
        Self::new(id, 0x8180, name, kind)
    }

    fn new(id: u16, flags: u16, name: &str, kind: u16) -> Self {
        let mut message = Self {
            id,
            flags,
            counts: [1, 0, 0, 0],
            body: Vec::new(),
            known: Vec::new(),
        };
        message.name(name);
        message.body.extend(kind.to_be_bytes());
        message.body.extend([0, 1]);
        message
    }

    /// Sets the flags.
    pub(crate) fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    /// A record with an address, in the answer section.
    pub(crate) fn address(self, name: &str, address: &str) -> Self {
        self.address_in(1, name, address)
    }

    /// The same in another section.
    pub(crate) fn address_in(self, section: usize, name: &str, address: &str) -> Self {
        let octets: Vec<u8> = address
            .split('.')
            .map(|octet| octet.parse().unwrap())
            .collect();
        self.record(section, name, A, |to| to.body.extend(octets))
    }

    /// A record with a name behind some bytes.
    pub(crate) fn target(
        self,
        section: usize,
        name: &str,
        kind: u16,
        before: &[u8],
        target: &str,
    ) -> Self {
        self.record(section, name, kind, |to| {
            to.body.extend(before);
            to.name(target);
        })
    }

    /// A record with any bytes.
    pub(crate) fn raw(self, section: usize, name: &str, kind: u16, data: &[u8]) -> Self {
        self.record(section, name, kind, |to| to.body.extend(data))
    }

    /// What the sender takes in a datagram, and whether it wants signatures (RFC 6891).
    pub(crate) fn edns(mut self, size: u16, wants_signatures: bool) -> Self {
        self.counts[3] += 1;
        self.body.push(0);
        self.body.extend(OPT.to_be_bytes());
        self.body.extend(size.to_be_bytes());
        self.body
            .extend([0, 0, if wants_signatures { 0x80 } else { 0 }, 0, 0, 0]);
        self
    }

    fn record(
        mut self,
        section: usize,
        name: &str,
        kind: u16,
        data: impl FnOnce(&mut Self),
    ) -> Self {
        self.counts[section] += 1;
        self.name(name);
        self.body.extend(kind.to_be_bytes());
        self.body.extend([0, 1, 0, 0, 0x0e, 0x10, 0, 0]);
        let start = self.body.len();
        data(&mut self);
        let len = (self.body.len() - start) as u16;
        self.body[start - 2..start].copy_from_slice(&len.to_be_bytes());
        self
    }

    /// Compressed as servers do.
    fn name(&mut self, name: &str) {
        let mut rest = name;
        while !rest.is_empty() {
            if let Some((_, at)) = self.known.iter().find(|(known, _)| known == rest) {
                self.body.extend((0xc000 | *at as u16).to_be_bytes());
                return;
            }
            self.known.push((rest.to_string(), 12 + self.body.len()));
            let (label, tail) = rest.split_once('.').unwrap_or((rest, ""));
            self.body.push(label.len() as u8);
            self.body.extend(label.as_bytes());
            rest = tail;
        }
        self.body.push(0);
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [self.id, self.flags].into_iter().chain(self.counts) {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend(&self.body);
        bytes
    }

    /// The same behind their number, as on TCP.
    pub(crate) fn framed(&self) -> Vec<u8> {
        framed(&self.bytes())
    }
}

/// Bytes behind their number.
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

/// A message that came.
#[derive(Debug)]
pub(crate) struct Read {
    /// Identifier.
    pub(crate) id: u16,
    /// Flags.
    pub(crate) flags: u16,
    /// Questions and records as `name type [ttl] data`.
    pub(crate) lines: Vec<String>,
}

/// Takes a message apart, to its last byte.
#[track_caller]
pub(crate) fn read(bytes: &[u8]) -> Read {
    let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let mut lines = Vec::new();
    let mut at = 12;
    for section in 0..4 {
        for _ in 0..word(4 + 2 * section) {
            let (name, end) = name_at(bytes, at);
            let kind = word(end);
            if section == 0 {
                lines.push(format!("{name} {kind}"));
                at = end + 4;
                continue;
            }
            let ttl = u32::from(word(end + 4)) << 16 | u32::from(word(end + 6));
            let (start, len) = (end + 10, usize::from(word(end + 8)));
            at = start + len;
            let data = &bytes[start..at];
            let target = |before: usize| {
                let (target, behind) = name_at(bytes, start + before);
                assert_eq!(behind, at, "a name as long as its record");
                format!("{:?} {target}", &data[..before])
            };
            let data = match kind {
                A if len == 4 => format!("{}.{}.{}.{}", data[0], data[1], data[2], data[3]),
                NS | CNAME | PTR => target(0),
                MX => target(2),
                SRV => target(6),
                _ => format!("{data:?}"),
            };
            lines.push(format!("{name} {kind} [{ttl}] {data}"));
        }
    }
    assert_eq!(at, bytes.len(), "ends with its last record");
    Read {
        id: word(0),
        flags: word(2),
        lines,
    }
}

/// A name, and where it ends in its place.
fn name_at(bytes: &[u8], mut at: usize) -> (String, usize) {
    let (mut labels, mut end) = (Vec::new(), None);
    loop {
        let len = usize::from(bytes[at]);
        if len >= 0xc0 {
            end.get_or_insert(at + 2);
            let to = (len & 0x3f) << 8 | usize::from(bytes[at + 1]);
            assert!(to < at, "a pointer leads backwards");
            at = to;
        } else if len == 0 {
            return (labels.join("."), end.unwrap_or(at + 1));
        } else {
            labels.push(String::from_utf8(bytes[at + 1..at + 1 + len].to_vec()).unwrap());
            at += 1 + len;
        }
    }
}
