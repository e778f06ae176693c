//! IKE whose port 500 stays 500: several hosts behind one outside endpoint, told apart by the
//! cookie, or SPI, that the initiator has chosen.
//!
//! A session of such a host has the number of its cookie as the scope of its keys, so
//! that the keys of several are different. Keys on the wire have none: a packet to or from port
//! 500 is given its cookie's first. The mapping is that of the address pair, as for ESP.

use alloc::vec::Vec;

use base::{Counter, Nanos};
use wire::ipv4::protocol;

use super::{First, Opened, Refusal, Shard};
use crate::gateway::IpsecSettings;
use crate::index::Index;
use crate::key::FlowKey;
use crate::tunnels::{Gate, Inside, Unclear};

/// The port that stays.
pub(super) const IKE_PORT: u16 = 500;

/// Cookies at most.
const MAX_COOKIES: usize = 1 << 12;

/// Old ones looked at for one that is not needed any more.
const PROBES: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Of the session, scope and all.
    key: FlowKey,
    cookie: u64,
}

/// All cookies of hosts whose port is kept.
#[derive(Debug)]
pub(super) struct Cookies {
    entries: Vec<Entry>,
    index: Index,
    /// Where the next look for an old one begins.
    next: usize,
    seed: u64,
}

impl Cookies {
    /// With room only if some rule needs it.
    pub(super) fn new(wanted: bool, seed: u64) -> Self {
        let capacity = if wanted { MAX_COOKIES } else { 0 };
        Self {
            entries: Vec::with_capacity(capacity),
            index: Index::with_capacity(capacity),
            next: 0,
            seed,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.index.bytes()
    }

    #[allow(clippy::cast_possible_truncation)]
    fn hash(&self, remote: u32, cookie: u64) -> u64 {
        let (high, low) = ((remote >> 16) as u16, remote as u16);
        FlowKey::new((cookie >> 32) as u32, cookie as u32, high, low, 0, 0).hash(self.seed)
    }
}

impl Shard {
    /// Whether port 500 is kept for anybody.
    #[must_use]
    pub fn keeps_ike_port(&self) -> bool {
        self.cookies.entries.capacity() > 0
    }

    /// Whether it takes more than the key to say whose a datagram is.
    #[must_use]
    pub fn is_by_cookie(&self, key: FlowKey) -> bool {
        (key.src_port() == IKE_PORT || key.dst_port() == IKE_PORT)
            && key.protocol() == protocol::UDP
            && self.keeps_ike_port()
    }

    /// Makes room for cookies if the layout asks for it.
    pub(super) fn adopt_cookies(&mut self) {
        let lists = |number| !self.ipsec_settings(number).preserve_port.is_empty();
        if !self.keeps_ike_port() && (0..self.layout.rule_count()).any(lists) {
            self.cookies = Cookies::new(true, self.rng.word());
        }
    }

    /// The key, with its cookie's number, of a message between the ends of `key`; `None` if
    /// there is no session of that cookie.
    #[must_use]
    pub fn cookie_key(&self, key: FlowKey, cookie: u64) -> Option<FlowKey> {
        let find = |remote, is_it: &dyn Fn(&Entry) -> bool| {
            let at = self
                .cookies
                .index
                .find(self.cookies.hash(remote, cookie), |at| {
                    let entry = self.cookies.entries.get(at as usize);
                    entry.is_some_and(|entry| entry.cookie == cookie && is_it(entry))
                })?;
            self.cookies.entries.get(at as usize)
        };
        let outbound = find(key.dst(), &|entry| entry.key.scoped(0) == key);
        let scope = |entry: &Entry| key.scoped(entry.key.scope());
        outbound.map(scope).or_else(|| {
            find(key.src(), &|entry| {
                let key = key.scoped(entry.key.scope());
                self.sessions.find(key, self.sessions.hash(key)).is_some()
            })
            .map(scope)
        })
    }

    /// A number for the cookie of a host by whose rule its port is kept; `None` if that is not
    /// so, or there is no room.
    pub fn keep_ike_port(&mut self, key: FlowKey, cookie: u64, rule: usize) -> Option<FlowKey> {
        let listed = &self.ipsec_settings(rule).preserve_port;
        if key.protocol() != protocol::UDP
            || key.src_port() != IKE_PORT
            || !IpsecSettings::lists(listed, key.src())
        {
            return None;
        }
        let at = self.free_cookie()?;
        let scope = u16::try_from(at + 1).ok()?;
        let entry = Entry {
            key: key.scoped(scope),
            cookie,
        };
        let hash = self.cookies.hash(key.dst(), cookie);
        self.cookies.index.insert(hash, u32::from(scope) - 1).ok()?;
        match self.cookies.entries.get_mut(at) {
            Some(place) => *place = entry,
            None => self.cookies.entries.push(entry),
        }
        Some(entry.key)
    }

    /// A place that was never used, or whose session is over.
    fn free_cookie(&mut self) -> Option<usize> {
        let used = self.cookies.entries.len();
        if used < self.cookies.entries.capacity() {
            return Some(used);
        }
        for _ in 0..PROBES.min(used) {
            let at = self.cookies.next % used.max(1);
            self.cookies.next = at + 1;
            let entry = self.cookies.entries.get(at).copied()?;
            let hash = self.sessions.hash(entry.key);
            if self.sessions.find(entry.key, hash).is_none() {
                let of = self.cookies.hash(entry.key.dst(), entry.cookie);
                self.cookies.index.remove(of, u32::try_from(at).ok()?);
                return Some(at);
            }
        }
        None
    }

    /// IKE that a gateway begins, to a port 500 that is kept: for the only host that has it.
    ///
    /// # Errors
    ///
    /// [`Counter::DropIkeCookie`] if several have it; `Ok(None)` if nobody has.
    pub fn ike_from_outside(
        &mut self,
        key: FlowKey,
        cookie: u64,
        now: Nanos,
    ) -> Result<Option<Opened>, Refusal> {
        let gate = Gate {
            outside: key.dst(),
            remote: key.src(),
            realm: key.realm(),
        };
        let Inside {
            address,
            realm,
            rule,
        } = match self.tunnels.only(gate, now.ticks()) {
            Ok(inside) => inside,
            Err(Unclear::Many) => return Err(Counter::DropIkeCookie),
            Err(_) => return Ok(None),
        };
        let rule = usize::from(rule);
        let out = FlowKey::new(
            address,
            key.src(),
            key.dst_port(),
            key.src_port(),
            protocol::UDP,
            realm,
        );
        let Some(out) = self.keep_ike_port(out, cookie, rule) else {
            return Ok(None);
        };
        let first = First {
            key: out,
            tcp: None,
            hairpin: false,
            outside_realm: gate.realm,
            sender_rule: None,
            ahead: None,
            interface: 0,
            now,
        };
        self.open_outbound(&first, Some(rule)).map(Some)
    }
}
