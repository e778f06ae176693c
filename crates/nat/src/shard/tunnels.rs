//! ESP under mappings of address pairs: a session for each SPI, and whose those from outside are.
//!
//! An SPI stands in a key where ports do, its high half as the source's. A tunnel has one session
//! for each direction: that of the SPI it sends by, opened from inside, and that of the SPI it is
//! sent by, opened from outside when it is known whose it is (see [`crate::tunnels`]).

use core::net::Ipv4Addr;

use base::{Counter, Direction, Nanos, Ticks};
use wire::ipv4::protocol;

use super::{First, Refusal, Shard, dynamic_key};
use crate::gateway::{IpsecSettings, Prediction};
use crate::key::FlowKey;
use crate::mapping::{Mapping, MappingId, MappingKind, NewMapping, Reach};
use crate::session::{Flags, Hit, NewSession};
use crate::settings::{Action, Dependence, Rule};
use crate::tcp_state::State;
use crate::tunnels::{Encapsulation, Gate, Inside, Unclear};

/// By how much a sequence number may lie behind the highest seen and still be of the same sender.
const REORDERED: u32 = 1024;

/// The SPI in a key.
#[must_use]
pub(super) const fn spi_of(key: FlowKey) -> u32 {
    (key.src_port() as u32) << 16 | key.dst_port() as u32
}

#[allow(clippy::cast_possible_truncation)]
const fn with_spi(key: FlowKey, spi: u32) -> FlowKey {
    key.with_src(key.src(), (spi >> 16) as u16)
        .with_dst(key.dst(), spi as u16)
}

/// The first packet of a flow, of ESP without its SPI: as mappings know it.
pub(super) fn at_pair<'a>(first: &First<'a>) -> First<'a> {
    let key = first.key;
    match key.protocol() {
        protocol::ESP => First {
            key: with_spi(key, 0),
            ..*first
        },
        // IKE whose port is kept has no port of its own.
        protocol::UDP if key.scope() != 0 => First {
            key: FlowKey::new(key.src(), key.dst(), 0, 0, protocol::ESP, key.realm())
                .scoped(key.scope()),
            ..*first
        },
        _ => *first,
    }
}

/// Whether a mapping is that of an address pair, for ESP.
pub(super) fn is_of_pair(mapping: &Mapping, key: FlowKey) -> bool {
    key.protocol() == protocol::ESP
        && mapping.kind != MappingKind::Static
        && mapping.out_key.protocol() == protocol::ESP
        && mapping.out_key.dst() == key.src()
}

impl Shard {
    /// What is done for IPsec by a rule.
    #[must_use]
    pub fn ipsec_settings(&self, rule: usize) -> &IpsecSettings {
        &self.layout.services(rule).ipsec
    }

    /// Whether ESP between a host and a gateway goes in UDP outside.
    #[must_use]
    pub fn encapsulates(&self, rule: usize, inside: u32, remote: u32) -> bool {
        let pair = (Ipv4Addr::from_bits(inside), Ipv4Addr::from_bits(remote));
        self.ipsec_settings(rule).encapsulate.contains(&pair)
    }

    /// How often the sessions of a host are kept alive for it, if they are.
    #[must_use]
    pub fn keepalive(&self, rule: usize, inside: u32) -> Option<Nanos> {
        let ipsec = self.ipsec_settings(rule);
        ipsec
            .keepalive
            .filter(|_| IpsecSettings::lists(&ipsec.keepalive_for, inside))
    }

    /// Whether several hosts may have tunnels from one outside address to one gateway.
    pub(super) fn has_tunnels(&self, rule: usize, transport: u8) -> bool {
        let ipsec = self.ipsec_settings(rule);
        transport == protocol::ESP && (ipsec.esp || !ipsec.preserve_port.is_empty())
    }

    fn foresees(&self, rule: usize, inside: u32) -> Option<Prediction> {
        let ipsec = self.ipsec_settings(rule);
        IpsecSettings::lists(&ipsec.spi_match, inside).then_some(ipsec.prediction)
    }

    /// Whether a host would have to wait before its first SPI at this outside address.
    pub(super) fn must_wait(&self, new: &NewMapping, now: Ticks) -> bool {
        let key = new.out_key;
        let gate = Gate {
            outside: new.outside,
            remote: key.dst(),
            realm: new.outside_realm,
        };
        let inside = Inside {
            address: key.src(),
            realm: key.realm(),
            rule: new.rule,
        };
        self.foresees(usize::from(new.rule), key.src()).is_none()
            && self.tunnels.is_busy(gate, inside, now)
    }

    /// A host begins to send by an SPI.
    pub(super) fn begin_tunnel(&mut self, first: &First<'_>, id: MappingId) -> Result<(), Refusal> {
        if first.key.protocol() != protocol::ESP {
            return Ok(());
        }
        let mapping = self.mappings.get(id).ok_or(Counter::DropNoMapping)?;
        if mapping.reach != Reach::Hidden || mapping.kind == MappingKind::Static {
            return Ok(());
        }
        let (gate, inside) = ends(&mapping);
        let now = first.now.ticks();
        let spi = spi_of(first.key);
        match self.foresees(usize::from(mapping.rule), inside.address) {
            Some(prediction) => {
                self.tunnels
                    .join(gate, inside, now)
                    .ok_or(Counter::DropSessionTable)?;
                self.open_foreseen(first, id, &mapping, prediction.answer_to(spi));
            }
            None => match self.tunnels.begin(gate, inside, now) {
                Ok(()) => {}
                Err(Unclear::Busy) => return Err(Counter::DropEspWaiting),
                Err(_) => return Err(Counter::DropSessionTable),
            },
        }
        if let Some(peer) = self.tunnels.peer_mut(gate, inside) {
            peer.spis[0].note(spi);
            peer.encapsulation = Encapsulation::Esp;
        }
        Ok(())
    }

    /// Opens the way back for an SPI before anything has come by it.
    fn open_foreseen(&mut self, first: &First<'_>, id: MappingId, mapping: &Mapping, spi: u32) {
        let new = NewSession {
            // As if it had come from outside.
            out_key: half_turned(with_spi(first.key, spi)),
            outside: mapping.outside,
            outside_port: low(spi),
            outside_realm: mapping.outside_realm,
            state: State::Esp,
            flags: Flags::FROM_OUTSIDE.with(Flags::INBOUND_REFRESH),
            rule: mapping.rule,
            mapping: Some(id),
        };
        let known = self.find_way_back(&new);
        let subscriber = self.subscriber_of(mapping);
        if known {
            self.counters.bump(Counter::EspCollision);
        } else if self
            .insert_session(&new, mapping, subscriber, first.now)
            .is_ok()
        {
            self.mappings.strengthen(id);
        }
    }

    /// Makes the mapping of a host that has negotiated and sent nothing yet, where an unknown SPI
    /// is for it.
    pub(super) fn prepare_tunnel(
        &mut self,
        first: &First<'_>,
    ) -> Result<Option<MappingId>, Refusal> {
        let key = first.key;
        if key.protocol() != protocol::ESP || self.mapping_to(key, first.outside_realm).is_some() {
            return Ok(None);
        }
        let gate = gate_of(first);
        let inside = match self.whose_tunnel(first) {
            Ok(inside) => inside,
            Err(Unclear::Many) => return Err(Counter::DropEspUnmatched),
            Err(_) => return Err(Counter::DropNoMapping),
        };
        if self.tunnel_to(first).is_some() {
            return Ok(None);
        }
        let pair = First {
            key: FlowKey::new(inside.address, key.src(), 0, 0, protocol::ESP, inside.realm),
            ..*first
        };
        let rule = usize::from(inside.rule);
        let (id, _) = self.mapping_for(&pair, rule)?;
        let outside = self.mappings.get(id).map(|mapping| mapping.outside);
        if outside != Some(gate.outside) {
            self.end_mapping_if_unused(id, first.now.ticks());
            return Err(Counter::DropEspUnmatched);
        }
        Ok(Some(id))
    }

    /// Whose an unknown SPI is, by what was foreseen or by order.
    fn whose_tunnel(&self, first: &First<'_>) -> Result<Inside, Unclear> {
        let gate = gate_of(first);
        let asked = Prediction::Hashed.answer_to(spi_of(first.key));
        // It may be the initiator's: then the responder's is known.
        let way = with_spi(first.key, asked);
        let sent = way
            .with_src(way.src(), low(asked))
            .with_dst(way.dst(), high(asked));
        let hit = self.sessions.find(sent, self.sessions.hash(sent));
        if let Some(view) = hit.and_then(|hit| self.sessions.view(hit.id))
            && self.foresees(usize::from(view.rule), view.out_key.src()) == Some(Prediction::Hashed)
        {
            return Ok(Inside {
                address: view.out_key.src(),
                realm: view.out_key.realm(),
                rule: view.rule,
            });
        }
        self.tunnels.whose(gate, first.now.ticks())
    }

    /// The mapping of the address pair that an unknown SPI is for.
    pub(super) fn tunnel_to(&self, first: &First<'_>) -> Option<MappingId> {
        let key = first.key;
        if key.protocol() != protocol::ESP {
            return None;
        }
        let inside = self.whose_tunnel(first).ok()?;
        let Rule {
            action: Action::Translate(translate),
            ..
        } = self.layout.rule(usize::from(inside.rule))?
        else {
            return None;
        };
        let pair = FlowKey::new(inside.address, key.src(), 0, 0, protocol::ESP, inside.realm);
        let found = translate.pools.iter().find_map(|pool| {
            let key = dynamic_key(pair, Dependence::AddressAndPort, pool);
            self.mappings.find_outbound(key)
        })?;
        let outside = self.mappings.get(found)?.outside;
        (outside == key.dst()).then_some(found)
    }

    /// An SPI from outside has got its session.
    pub(super) fn tunnel_paired(&mut self, mapping: &Mapping, key: FlowKey, now: Ticks) {
        if !is_of_pair(mapping, key) || mapping.reach != Reach::Hidden {
            return;
        }
        let (gate, inside) = ends(mapping);
        self.tunnels.paired(gate, inside, now);
        self.counters.bump(Counter::EspPaired);
        if let Some(peer) = self.tunnels.peer_mut(gate, inside) {
            peer.spis[1].note(spi_of(key));
            peer.encapsulation = Encapsulation::Esp;
        }
    }

    /// A packet of ESP along a session.
    ///
    /// # Errors
    ///
    /// Why it must not go: its key is another's seen from the wrong side, it seems to be another
    /// host's, or the inside has been silent for too long.
    pub fn on_esp(&mut self, hit: Hit, key: FlowKey, seq: u32, now: Ticks) -> Result<(), Refusal> {
        let session = self.sessions.get(hit.id).ok_or(Counter::DropNoMapping)?;
        let from_outside = session.flags().has(Flags::FROM_OUTSIDE);
        if from_outside != (hit.direction == Direction::Inbound) {
            return Err(Counter::DropEspCollision);
        }
        let Some(mapping) = self
            .sessions
            .mapping(hit.id)
            .and_then(|id| self.mappings.get(id))
            .filter(|mapping| {
                mapping.reach == Reach::Hidden && mapping.kind != MappingKind::Static
            })
        else {
            return Ok(());
        };
        let (gate, inside) = ends(&mapping);
        if !from_outside {
            if let Some(peer) = self.tunnels.join(gate, inside, now) {
                peer.spis[0].note(spi_of(key));
            }
            return Ok(());
        }
        let highest = self.sessions.mark_esp(hit.id, seq);
        let is_older = seq <= 1 && highest >= 1 || seq.saturating_add(REORDERED) < highest;
        if is_older && self.tunnels.another_waits(gate, inside, now) {
            return Err(Counter::DropEspCollision);
        }
        // What comes from outside alone keeps nothing alive.
        if !self.tunnels.is_heard(gate, inside, now) {
            self.end_session(hit.id, now);
            return Err(Counter::DropEspUnmatched);
        }
        Ok(())
    }

    /// A message of IKE that may agree upon SPIs goes between a session's ends.
    ///
    /// # Errors
    ///
    /// [`Counter::DropEspWaiting`] if it has to wait.
    pub fn negotiates(&mut self, hit: Hit, exchange: u32, now: Ticks) -> Result<(), Refusal> {
        let Some((gate, inside)) = self.tunnel_ends(hit) else {
            return Ok(());
        };
        if !self.ipsec_settings(usize::from(inside.rule)).esp
            || self
                .foresees(usize::from(inside.rule), inside.address)
                .is_some()
        {
            return Ok(());
        }
        let known = self.tunnels.peer_mut(gate, inside);
        if known.is_some_and(|peer| peer.exchange == Some(exchange)) {
            return Ok(());
        }
        match self.tunnels.negotiate(gate, inside, now) {
            Ok(()) => {}
            Err(Unclear::Busy) => return Err(Counter::DropEspWaiting),
            Err(_) => return Ok(()),
        }
        if let Some(peer) = self.tunnels.peer_mut(gate, inside) {
            peer.exchange = Some(exchange);
        }
        Ok(())
    }

    /// The ends of a session, as tunnels know them.
    #[must_use]
    pub fn tunnel_ends(&self, hit: Hit) -> Option<(Gate, Inside)> {
        let view = self.sessions.view(hit.id)?;
        let gate = Gate {
            outside: view.outside,
            remote: view.out_key.dst(),
            realm: view.outside_realm,
        };
        let inside = Inside {
            address: view.out_key.src(),
            realm: view.out_key.realm(),
            rule: view.rule,
        };
        Some((gate, inside))
    }
}

impl Prediction {
    /// The SPI that comes back for one that goes out.
    #[must_use]
    pub fn answer_to(self, spi: u32) -> u32 {
        match self {
            Self::Same => spi,
            Self::Hashed => {
                let [a, b, c, d, ..] = base::digest::sha1(&spi.to_be_bytes());
                u32::from_be_bytes([a, b, c, d])
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation)]
const fn low(spi: u32) -> u16 {
    spi as u16
}

#[allow(clippy::cast_possible_truncation)]
const fn high(spi: u32) -> u16 {
    (spi >> 16) as u16
}

/// The outside key of a session opened from outside, from the key of what goes out by its SPI.
const fn half_turned(key: FlowKey) -> FlowKey {
    key.with_src(key.src(), key.dst_port())
        .with_dst(key.dst(), key.src_port())
}

fn ends(mapping: &Mapping) -> (Gate, Inside) {
    let key = mapping.out_key;
    let gate = Gate {
        outside: mapping.outside,
        remote: key.dst(),
        realm: mapping.outside_realm,
    };
    let inside = Inside {
        address: key.src(),
        realm: key.realm(),
        rule: mapping.rule,
    };
    (gate, inside)
}

const fn gate_of(first: &First<'_>) -> Gate {
    Gate {
        outside: first.key.dst(),
        remote: first.key.src(),
        realm: first.outside_realm,
    }
}
