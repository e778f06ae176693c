//! Limits (RFC 6888 REQ-4, REQ-5): of a subscriber, of a rule, of a realm.

use base::{Counter, Nanos, Ticks};

use super::{Refusal, Shard};
use crate::key::FlowKey;
use crate::layout::Plan;
use crate::notice::Notice;
use crate::settings::{PortProtocol, Translate};
use crate::subscriber::SubscriberId;

/// How often it is told that a subscriber is refused.
const TELL_REFUSAL: Nanos = Nanos::from_secs(60);

impl Shard {
    /// Whether a rule and a realm may have another session.
    pub(super) fn admit_rule(
        &self,
        rule: usize,
        translate: &Translate,
        key: FlowKey,
    ) -> Result<(), Refusal> {
        let used = self.rule_sessions.get(rule).copied().unwrap_or(0);
        if used >= self.layout.share(translate.limits.rule_sessions) {
            return Err(Counter::DropRuleLimit);
        }
        let realm = key.realm();
        let most = self.layout.share(self.layout.realm_sessions(realm));
        let used = self.realm_sessions.get(usize::from(realm)).copied();
        if used.unwrap_or(0) >= most {
            return Err(Counter::DropVrfLimit);
        }
        Ok(())
    }

    /// Whether a subscriber may have another session, to this destination port if it
    /// opens one; one from outside is never what the reserve is for.
    pub(super) fn admit_session(
        &self,
        id: SubscriberId,
        translate: &Translate,
        to: Option<u16>,
    ) -> Result<(), Refusal> {
        let subscriber = self
            .subscribers
            .get(id)
            .ok_or(Counter::DropSubscriberTable)?;
        let limits = &translate.limits;
        let kept = to.map_or(limits.reserve, |port| limits.reserved_from(port));
        if subscriber.sessions >= limits.sessions.saturating_sub(kept) {
            return Err(Counter::DropSessionLimit);
        }
        Ok(())
    }

    /// Takes one from the subscriber's new sessions of this second: a bucket one
    /// second deep.
    pub(super) fn admit_rate(
        &mut self,
        id: SubscriberId,
        rate: Option<u32>,
        now: Nanos,
    ) -> Result<(), Refusal> {
        const SECOND: u64 = 1_000_000_000;
        let Some(rate) = rate else {
            return Ok(());
        };
        let subscriber = self
            .subscribers
            .get_mut(id)
            .ok_or(Counter::DropSubscriberTable)?;
        // The virtual start may run ahead by a second.
        let step = SECOND / u64::from(rate.max(1));
        let start = subscriber.next_session.0.max(now.0);
        if start + step > now.0 + SECOND {
            return Err(Counter::DropSessionRate);
        }
        subscriber.next_session = Nanos(start + step);
        Ok(())
    }

    /// Whether a subscriber may have another port for a flow to this destination port.
    pub(super) fn admit_port(
        &self,
        id: SubscriberId,
        plan: &Plan,
        side: PortProtocol,
        to: u16,
    ) -> Result<(), Refusal> {
        let used = self
            .subscribers
            .get(id)
            .and_then(|subscriber| subscriber.ports.get(side as usize))
            .copied()
            .unwrap_or(0);
        let most = plan.most.get(side as usize).copied().unwrap_or(u32::MAX);
        let kept = plan.translate.limits.reserved_from(to);
        if used >= most.saturating_sub(kept) {
            return Err(Counter::DropPortLimit);
        }
        Ok(())
    }

    /// Counts one more port of a subscriber, and reports it if that is much.
    pub(super) fn count_port(&mut self, id: SubscriberId, plan: &Plan, side: PortProtocol) {
        if self.subscribers.use_port(id, plan, side) {
            let high = plan.high.get(side as usize).copied();
            self.tell_high(id, high.unwrap_or(0));
        }
    }

    /// Reports a subscriber that uses so many of its ports.
    #[cold]
    pub(super) fn tell_high(&mut self, id: SubscriberId, high: u32) {
        if self.logs() {
            self.note_high(id, high);
        }
        if let Some(subscriber) = self.subscribers.get(id) {
            self.notices.push(Notice::SubscriberHigh {
                inside: subscriber.inside,
                realm: subscriber.realm,
            });
            self.counters.bump(Counter::EventSubscriberHigh);
        }
    }

    /// Counts a refusal for the sender of a packet, if it is a subscriber by now: a
    /// rule or realm that is full makes nobody one.
    pub(super) fn refused_known(&mut self, key: FlowKey, now: Ticks) {
        if let Some(known) = self.subscribers.find(key.src(), key.realm()) {
            self.refused(known, now);
        }
    }

    /// Counts a refusal, and tells of it now and then.
    pub(super) fn refused(&mut self, id: SubscriberId, now: Ticks) {
        let Some(subscriber) = self.subscribers.get_mut(id) else {
            return;
        };
        subscriber.refused += 1;
        let tells = subscriber
            .refusal_told
            .is_none_or(|told| now.since(told) >= Ticks::in_duration(TELL_REFUSAL));
        if tells {
            subscriber.refusal_told = Some(now);
            self.notices.push(Notice::SubscriberRefused {
                inside: subscriber.inside,
                realm: subscriber.realm,
            });
            self.counters.bump(Counter::EventSubscriberRefused);
        }
        self.forget_if_idle(id);
    }
}
