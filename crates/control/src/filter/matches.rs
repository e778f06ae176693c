//! Rows against filters.
//!
//! Parts that say nothing about a kind of row are refused beforehand
//! ([`Filter::check_show`]) and not looked at here.

use super::{EndpointPattern, Filter, NamePattern};
use crate::rows::{
    AlgRow, CallRow, CounterRow, DoorRow, EventRow, InterfaceRow, IpsecRow, MappingRow,
    NeighborRow, PoolRow, SubscriberRow, TranslationRow, WorkerRow, ZoneRow,
};

impl Filter {
    /// Whether this session is meant.
    #[must_use]
    pub fn matches_translation(&self, row: &TranslationRow) -> bool {
        endpoint(self.inside, &row.inside)
            && endpoint(self.outside, &row.outside)
            && endpoint(self.remote, &row.remote)
            && self.protocol(&row.protocol)
            && self.vrf(&row.vrf)
            && self.rule.as_ref().is_none_or(|rule| *rule == row.rule)
            && self.worker(row.worker)
    }

    /// Whether this mapping is meant.
    #[must_use]
    pub fn matches_mapping(&self, row: &MappingRow) -> bool {
        endpoint(self.inside, &row.inside)
            && endpoint(self.outside, &row.outside)
            && self.protocol(&row.protocol)
            && self.vrf(&row.vrf)
            && self.worker(row.worker)
    }

    /// Whether this door is meant.  One that anybody may use is meant by every `remote`.
    #[must_use]
    pub fn matches_door(&self, row: &DoorRow) -> bool {
        endpoint(self.inside, &row.inside)
            && endpoint(self.outside, &row.outside)
            && (row.remote == "*" || endpoint(self.remote, &row.remote))
            && self.protocol(&row.protocol)
            && self.vrf(&row.vrf)
    }

    /// Whether this call is meant: `inside` and `outside` by any of its media,
    /// `inside` by its subscriber too, `name` by its `Call-ID`.
    #[must_use]
    pub fn matches_call(&self, row: &CallRow) -> bool {
        let media = |pattern, side: fn(&crate::rows::MediaRow) -> &String| {
            row.media.iter().any(|media| endpoint(pattern, side(media)))
        };
        (endpoint(self.inside, &row.subscriber) || media(self.inside, |media| &media.inside))
            && (self.outside.is_none() || media(self.outside, |media| &media.outside))
            && self.vrf(&row.vrf)
            && self.name(&row.call_id)
    }

    /// Whether this subscriber is meant.
    #[must_use]
    pub fn matches_subscriber(&self, row: &SubscriberRow) -> bool {
        endpoint(self.inside, &row.inside)
            && endpoint(self.outside, &row.outside)
            && self.vrf(&row.vrf)
            && self.worker(row.worker)
    }

    /// Whether this pool is meant.
    #[must_use]
    pub fn matches_pool(&self, row: &PoolRow) -> bool {
        self.name(&row.name)
    }

    /// Whether this peer is meant.
    #[must_use]
    pub fn matches_ipsec(&self, row: &IpsecRow) -> bool {
        endpoint(self.inside, &row.inside)
            && endpoint(self.outside, &row.outside)
            && endpoint(self.remote, &row.remote)
            && self.vrf(&row.vrf)
            && self.worker(row.worker)
    }

    /// Whether this event is meant: `name` is what happened.
    #[must_use]
    pub fn matches_event(&self, row: &EventRow) -> bool {
        (self.inside.is_none() || endpoint(self.inside, &row.inside))
            && (self.outside.is_none() || endpoint(self.outside, &row.outside))
            && self.vrf(&row.vrf)
            && self.worker(row.worker)
            && self.name(&row.event)
    }

    /// Whether this counter is meant.
    #[must_use]
    pub fn matches_counter(&self, row: &CounterRow) -> bool {
        self.name(&row.name)
    }

    /// Whether this worker is meant.
    #[must_use]
    pub fn matches_worker(&self, row: &WorkerRow) -> bool {
        self.worker(row.worker)
    }

    /// Whether this interface is meant.
    #[must_use]
    pub fn matches_interface(&self, row: &InterfaceRow) -> bool {
        self.name(&row.name) && self.vrf(&row.vrf)
    }

    /// Whether this neighbour is meant: `name` is its interface's, `remote` its address.
    #[must_use]
    pub fn matches_neighbor(&self, row: &NeighborRow) -> bool {
        self.name(&row.interface) && endpoint(self.remote, &row.ip)
    }

    /// Whether this gateway is meant.
    #[must_use]
    pub fn matches_alg(&self, row: &AlgRow) -> bool {
        self.name(&row.alg)
    }

    /// Whether a class of this pair is meant.
    #[must_use]
    pub fn matches_zone(&self, row: &ZoneRow) -> bool {
        self.name(&row.name)
    }

    fn protocol(&self, protocol: &str) -> bool {
        self.protocol
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(protocol))
    }

    fn vrf(&self, vrf: &str) -> bool {
        self.vrf.as_ref().is_none_or(|wanted| wanted == vrf)
    }

    fn worker(&self, worker: u16) -> bool {
        self.worker.is_none_or(|wanted| wanted == worker)
    }

    fn name(&self, name: &str) -> bool {
        self.name
            .as_ref()
            .is_none_or(|wanted: &NamePattern| wanted.matches(name))
    }
}

fn endpoint(pattern: Option<EndpointPattern>, text: &str) -> bool {
    pattern.is_none_or(|pattern| pattern.matches_text(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{MediaRow, Rows};

    fn session() -> TranslationRow {
        TranslationRow {
            protocol: "tcp".into(),
            vrf: "default".into(),
            rule: "subscribers".into(),
            inside: "10.64.0.7:4000".into(),
            outside: "203.0.113.5:1024".into(),
            remote: "192.0.2.1:80".into(),
            worker: 1,
            ..TranslationRow::default()
        }
    }

    fn filter(json: &str) -> Filter {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_part_can_exclude_a_session() {
        let meant = filter(
            r#"{"inside":"10.64.0.0/16","outside":"203.0.113.5","remote":"192.0.2.1:80",
                "protocol":"TCP","vrf":"default","rule":"subscribers","worker":1}"#,
        );
        assert!(meant.matches_translation(&session()));
        assert!(Filter::default().matches_translation(&session()));
        for other in [
            r#"{"inside":"10.64.0.8"}"#,
            r#"{"outside":"203.0.113.5:1025"}"#,
            r#"{"remote":":443"}"#,
            r#"{"protocol":"udp"}"#,
            r#"{"vrf":"blue"}"#,
            r#"{"rule":"subscriber"}"#,
            r#"{"worker":0}"#,
        ] {
            assert!(!filter(other).matches_translation(&session()), "{other}");
        }
    }

    #[test]
    fn a_door_for_anybody_is_meant_by_every_remote() {
        let mut door = DoorRow {
            remote: "*".into(),
            ..DoorRow::default()
        };
        let wanted = filter(r#"{"remote":"192.0.2.1"}"#);
        assert!(wanted.matches_door(&door));
        door.remote = "192.0.2.2:5".into();
        assert!(!wanted.matches_door(&door));
    }

    #[test]
    fn a_call_is_found_by_subscriber_media_and_id() {
        let call = CallRow {
            call_id: "abc@host".into(),
            subscriber: "10.64.0.7".into(),
            media: vec![MediaRow {
                inside: "10.64.0.9:4000".into(),
                outside: "203.0.113.5:1024".into(),
                kind: "audio".into(),
            }],
            ..CallRow::default()
        };
        for meant in [
            r#"{"inside":"10.64.0.7"}"#,
            r#"{"inside":"10.64.0.9:4000"}"#,
            r#"{"outside":"203.0.113.5"}"#,
            r#"{"name":"abc"}"#,
        ] {
            assert!(filter(meant).matches_call(&call), "{meant}");
        }
        for other in [
            r#"{"inside":"10.64.0.8"}"#,
            r#"{"outside":"203.0.113.6"}"#,
            r#"{"name":"host"}"#,
        ] {
            assert!(!filter(other).matches_call(&call), "{other}");
        }
    }

    #[test]
    fn rows_keep_what_is_meant() {
        let row = |name: &str| CounterRow {
            name: name.into(),
            value: 1,
        };
        let mut rows = Rows::Counters(vec![row("drop.arp"), row("rx.packets")]);
        rows.retain(&filter(r#"{"name":"drop."}"#));
        assert_eq!(rows, Rows::Counters(vec![row("drop.arp")]));
    }
}
