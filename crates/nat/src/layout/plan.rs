//! What a rule wants of first packets, worked out before they come.

use base::Ticks;

use super::Layout;
use crate::key::Realm;
use crate::pool::{count, low16};
use crate::settings::{Action, Dependence, Division, Pairing, PortProtocol, Translate};

/// A subscriber is reported again once it has fallen by this many percent.
const HYSTERESIS: u8 = 10;

/// Ports of a subscriber in use, by protocol, at which something happens.
type Ports = [u32; PortProtocol::COUNT];

/// A pool that lends blocks, the only one of its rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lender {
    pub(crate) pool: u16,
    /// New ports stop coming from a block after this.
    pub(crate) active: Option<u32>,
}

impl Lender {
    /// Whether new ports still come from a block that was lent then.
    #[inline]
    pub(crate) fn lends_from(self, since: Ticks, now: Ticks) -> bool {
        self.active.is_none_or(|active| now.since(since) < active)
    }
}

/// How a rule translates, and what follows from it and its pools.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) translate: Translate,
    pub(crate) outside_realm: Realm,
    /// For remote hosts (twice NAT).
    pub(crate) is_outside: bool,
    /// Some pool lends whole addresses.
    pub(crate) is_whole: bool,
    pub(crate) lender: Option<Lender>,
    /// Endpoint-independent, by a lender, with no wish that could not be met at once and
    /// nothing kept in reserve.
    pub(crate) is_simple: bool,
    /// This shard's share of the sessions of the rule, and of those of its realm.
    pub(crate) shares: [u32; 2],
    /// Most of a subscriber: as the rule says, or its computed range.
    pub(crate) most: Ports,
    /// From here on a subscriber is reported.
    pub(crate) high: Ports,
    /// Below this it may be reported again.
    pub(crate) low: Ports,
}

impl Plan {
    pub(super) fn new(layout: &Layout, number: usize) -> Option<Self> {
        let rule = layout.rule(number)?;
        let Action::Translate(translate) = rule.action else {
            return None;
        };
        let pools = || {
            let pools = translate.pools.iter();
            pools.filter_map(|number| Some((number, layout.pool(number)?.division)))
        };
        let computed = pools().find_map(|(_, division)| match division {
            Division::Deterministic { most, .. } => most,
            _ => None,
        });
        let most = translate
            .limits
            .ports
            .map(|most| most.min(computed.unwrap_or(u32::MAX)));
        // Without a limit, what a subscriber can have is measured by its ranges.
        let ranges = pools().find_map(|(_, division)| match division {
            Division::Deterministic {
                computed,
                overflow: None,
                ..
            } => Some(u32::from(computed.ports_per_host())),
            Division::Blocks {
                size,
                max_per_subscriber,
                ..
            } => Some(u32::from(size) * u32::from(max_per_subscriber)),
            _ => None,
        });
        let lender = match (pools().next(), pools().nth(1)) {
            (Some((pool, Division::Blocks { active, .. })), None) => Some(Lender {
                pool: low16(count(pool)),
                active: active.map(Ticks::in_duration),
            }),
            _ => None,
        };
        let watermark = translate.limits.watermark;
        let at = |percent: u8, never: u32| {
            most.map(|most| {
                let most = if most == u32::MAX { ranges } else { Some(most) };
                let at = |most| u64::from(most) * u64::from(percent) / 100;
                most.map_or(never, |most: u32| u32::try_from(at(most)).unwrap_or(never))
            })
        };
        let is_outside = layout.outside_rules().any(|(outside, _)| outside == number);
        Some(Self {
            is_simple: lender.is_some()
                && !is_outside
                && translate.mapping == Dependence::Endpoint
                && translate.pairing != Pairing::Soft
                && !translate.preserve
                && !translate.overload
                && translate.limits.reserve == 0,
            shares: [
                layout.share(translate.limits.rule_sessions),
                layout.share(layout.realm_sessions(rule.realm)),
            ],
            translate,
            outside_realm: rule.outside_realm,
            is_outside,
            is_whole: pools().any(|(_, division)| division == Division::Whole),
            lender,
            most,
            high: at(watermark, u32::MAX),
            low: at(watermark.saturating_sub(HYSTERESIS), 0),
        })
    }
}
