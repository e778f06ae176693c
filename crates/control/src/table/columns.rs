//! Which columns each table has: what is worth a glance.  Everything else is in the JSON.

use super::Column;
use super::cells::{duration, list, percent, yes};
use crate::rows::{
    AlgRow, CallRow, CounterRow, DoorRow, EventRow, InterfaceRow, IpsecRow, MappingRow,
    NeighborRow, PoolRow, SubscriberRow, TranslationRow, WorkerRow, ZoneRow,
};

pub(super) const TRANSLATIONS: &[Column<TranslationRow>] = &[
    Column::text("PROTO", |row| row.protocol.clone()),
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::text("INSIDE", |row| row.inside.clone()),
    Column::text("OUTSIDE", |row| row.outside.clone()),
    Column::text("REMOTE", |row| row.remote.clone()),
    Column::optional("REMOTE OUTSIDE", |row| {
        row.remote_outside.clone().unwrap_or_default()
    }),
    Column::text("STATE", |row| row.state.clone()),
    Column::number("AGE", |row| duration(row.age)),
    Column::number("EXPIRES", |row| duration(row.expires)),
    Column::number("OUT", |row| row.packets_out.to_string()),
    Column::number("IN", |row| row.packets_in.to_string()),
    Column::optional("ALG", |row| row.alg.clone()),
    Column::optional("RULE", |row| row.rule.clone()),
    Column::number("WORKER", |row| row.worker.to_string()),
];

pub(super) const MAPPINGS: &[Column<MappingRow>] = &[
    Column::text("PROTO", |row| row.protocol.clone()),
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::text("INSIDE", |row| row.inside.clone()),
    Column::text("OUTSIDE", |row| row.outside.clone()),
    Column::text("KIND", |row| row.kind.clone()),
    Column::number("SESSIONS", |row| row.sessions.to_string()),
    Column::number("WORKER", |row| row.worker.to_string()),
];

pub(super) const SUBSCRIBERS: &[Column<SubscriberRow>] = &[
    Column::text("INSIDE", |row| row.inside.clone()),
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::text("OUTSIDE", |row| row.outside.clone()),
    Column::number("BLOCKS", |row| row.blocks.to_string()),
    Column::number("PORTS", |row| row.ports_used.to_string()),
    Column::number("SESSIONS", |row| row.sessions.to_string()),
    Column::number("REFUSED", |row| row.refused.to_string()),
    Column::number("WORKER", |row| row.worker.to_string()),
];

pub(super) const POOLS: &[Column<PoolRow>] = &[
    Column::text("POOL", |row| row.name.clone()),
    Column::number("BLOCKS", |row| row.blocks_total.to_string()),
    Column::number("USED", |row| row.blocks_used.to_string()),
    Column::number("SUBSCRIBERS", |row| row.subscribers.to_string()),
    Column::text("DRAINING", |row| yes(row.draining)),
    Column::text("ADDRESSES", |row| list(&row.addresses)),
];

pub(super) const DOORS: &[Column<DoorRow>] = &[
    Column::text("PROTO", |row| row.protocol.clone()),
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::text("OUTSIDE", |row| row.outside.clone()),
    Column::text("INSIDE", |row| row.inside.clone()),
    Column::text("REMOTE", |row| row.remote.clone()),
    Column::text("ORIGIN", |row| row.origin.clone()),
    Column::number("EXPIRES", |row| duration(row.expires)),
    Column::number("USES", |row| row.uses.to_string()),
];

pub(super) const CALLS: &[Column<CallRow>] = &[
    Column::text("CALL-ID", |row| row.call_id.clone()),
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::text("SUBSCRIBER", |row| row.subscriber.clone()),
    Column::optional("TRUNK", |row| row.trunk.clone()),
    Column::text("STATE", |row| row.state.clone()),
    Column::number("MEDIA", |row| row.media.len().to_string()),
    Column::text("HEALTH", |row| row.health.clone()),
    Column::number("AGE", |row| duration(row.age)),
    Column::number("EXPIRES", |row| duration(row.expires)),
];

pub(super) const IPSEC: &[Column<IpsecRow>] = &[
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::text("INSIDE", |row| row.inside.clone()),
    Column::text("OUTSIDE", |row| row.outside.clone()),
    Column::text("REMOTE", |row| row.remote.clone()),
    Column::text("IKE", |row| match row.ike {
        0 => "-".into(),
        version => format!("v{version}"),
    }),
    Column::text("NAT-T", |row| {
        match row.nat_traversal {
            [true, true] => "both",
            [true, false] => "inside",
            [false, true] => "remote",
            [false, false] => "-",
        }
        .into()
    }),
    Column::text("NAT-D", |row| row.nat_detection.clone()),
    Column::text("PAYLOAD", |row| row.encapsulation.clone()),
    Column::text("SPI-OUT", |row| newest(&row.spis_out)),
    Column::text("SPI-IN", |row| newest(&row.spis_in)),
    Column::number("AGE", |row| duration(row.age)),
    Column::number("IDLE", |row| duration(row.idle)),
];

/// The newest of some SPIs.
fn newest(spis: &[String]) -> String {
    spis.first().cloned().unwrap_or_else(|| "-".into())
}

pub(super) const EVENTS: &[Column<EventRow>] = &[
    Column::number("AT", |row| duration(row.at)),
    Column::text("EVENT", |row| row.event.clone()),
    Column::optional("POOL", |row| row.pool.clone()),
    Column::optional("INSIDE", |row| row.inside.clone()),
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::optional("OUTSIDE", |row| row.outside.clone()),
    Column::optional("PORTS", |row| {
        row.ports
            .map(|[first, last]| format!("{first}-{last}"))
            .unwrap_or_default()
    }),
    Column::optional("DETAIL", |row| row.detail.clone()),
];

pub(super) const COUNTERS: &[Column<CounterRow>] = &[
    Column::text("COUNTER", |row| row.name.clone()),
    Column::number("VALUE", |row| row.value.to_string()),
];

pub(super) const WORKERS: &[Column<WorkerRow>] = &[
    Column::number("WORKER", |row| row.worker.to_string()),
    Column::number("CORE", |row| row.core.to_string()),
    Column::number("BUSY", |row| percent(row.busy)),
    Column::number("PACKETS", |row| row.packets.to_string()),
    Column::number("SESSIONS", |row| row.sessions.to_string()),
    Column::number("MAPPINGS", |row| row.mappings.to_string()),
    Column::number("HANDOFF IN", |row| row.handoff_in.to_string()),
    Column::number("OUT", |row| row.handoff_out.to_string()),
    Column::number("DROPPED", |row| row.handoff_dropped.to_string()),
    Column::number("EXPECTED", |row| percent(row.handoff_expected)),
    Column::number("PUNTED", |row| row.punted.to_string()),
];

pub(super) const INTERFACES: &[Column<InterfaceRow>] = &[
    Column::text("INTERFACE", |row| row.name.clone()),
    Column::text("LINK", |row| if row.up { "up" } else { "down" }.to_owned()),
    Column::optional("ZONE", |row| row.zone.clone()),
    Column::optional("VRF", |row| row.vrf.clone()),
    Column::text("ADDRESSES", |row| list(&row.addresses)),
    Column::text("MAC", |row| row.mac.clone()),
    Column::number("MTU", |row| row.mtu.to_string()),
    Column::number("RX PACKETS", |row| row.rx_packets.to_string()),
    Column::number("RX BYTES", |row| row.rx_bytes.to_string()),
    Column::number("RX MISSED", |row| row.rx_missed.to_string()),
    Column::number("TX PACKETS", |row| row.tx_packets.to_string()),
    Column::number("TX BYTES", |row| row.tx_bytes.to_string()),
    Column::number("TX DROPPED", |row| row.tx_dropped.to_string()),
    Column::text("DEVICE", |row| row.device.clone()),
];

pub(super) const NEIGHBORS: &[Column<NeighborRow>] = &[
    Column::text("INTERFACE", |row| row.interface.clone()),
    Column::text("ADDRESS", |row| row.ip.clone()),
    Column::text("MAC", |row| row.mac.clone()),
    Column::text("STATE", |row| row.state.clone()),
    Column::number("AGE", |row| duration(row.age)),
];

pub(super) const ALG: &[Column<AlgRow>] = &[
    Column::text("GATEWAY", |row| row.alg.clone()),
    Column::text("STATE", |row| {
        if row.enabled { "on" } else { "off" }.to_owned()
    }),
    Column::text("PORTS", |row| list(&row.ports)),
    Column::number("MESSAGES", |row| row.messages.to_string()),
    Column::number("REWRITTEN", |row| row.rewritten.to_string()),
    Column::number("DOORS", |row| row.doors_opened.to_string()),
    Column::number("PROMOTED", |row| row.doors_promoted.to_string()),
    Column::number("BYPASSED", |row| row.bypassed.to_string()),
    Column::number("ERRORS", |row| row.errors.to_string()),
];

pub(super) const ZONES: &[Column<ZoneRow>] = &[
    Column::text("PAIR", |row| row.name.clone()),
    Column::text("FROM", |row| row.from.clone()),
    Column::text("TO", |row| row.to.clone()),
    Column::text("CLASS", |row| row.class.clone()),
    Column::text("ACTION", |row| row.action.clone()),
    Column::number("PACKETS", |row| row.packets.to_string()),
    Column::number("SESSIONS", |row| row.sessions.to_string()),
];
