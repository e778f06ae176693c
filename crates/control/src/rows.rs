//! What `show` answers with: one struct for each kind of row.
//!
//! Field names are the keys of `show … --json` and part of the product's
//! contract: scripts rely on them, so they are added to and never renamed.
//! Addresses are text, endpoints `"ip:port"`, times seconds.  Rows are copies
//! made by whoever owns the state; nothing in here refers back to it.

use std::io;

use serde::{Deserialize, Serialize};

use crate::filter::Filter;
use crate::what::What;

/// One session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TranslationRow {
    /// `tcp`, `udp`, `icmp`, `esp`, ... or the protocol's number.
    pub protocol: String,
    /// Realm of the inside.
    pub vrf: String,
    /// Rule that made it; empty for static mappings.
    pub rule: String,
    /// Inside endpoint; an ICMP identifier or SPI stands in for the port.
    pub inside: String,
    /// What the inside endpoint looks like from outside.
    pub outside: String,
    /// The other side, as the inside host addressed it.
    pub remote: String,
    /// The same, where it is not the remote's own address; only for twice NAT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_inside: Option<String>,
    /// The remote's own endpoint; only for twice NAT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_outside: Option<String>,
    /// Protocol state.
    pub state: String,
    /// Since it was created.
    pub age: f64,
    /// Until it ends if nothing more is heard.
    pub expires: f64,
    /// Gateway that reads it; empty if none.
    pub alg: String,
    /// Worker that owns it.
    pub worker: u16,
    /// Packets from inside.
    pub packets_out: u64,
    /// Packets from outside.
    pub packets_in: u64,
    /// Bytes from inside.
    pub bytes_out: u64,
    /// Bytes from outside.
    pub bytes_in: u64,
}

/// One mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MappingRow {
    /// As in [`TranslationRow`].
    pub protocol: String,
    /// Realm of the inside.
    pub vrf: String,
    /// Inside endpoint.
    pub inside: String,
    /// Outside endpoint.
    pub outside: String,
    /// `dynamic`, `static`, `deterministic` or `pcp`.
    pub kind: String,
    /// Sessions under it.
    pub sessions: u64,
    /// Worker that owns it.
    pub worker: u16,
}

/// One expected flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DoorRow {
    /// As in [`TranslationRow`].
    pub protocol: String,
    /// Realm of the inside.
    pub vrf: String,
    /// Where the flow is expected.
    pub outside: String,
    /// Where it will go.
    pub inside: String,
    /// Who may use it; `*` for anyone.
    pub remote: String,
    /// Who asked for it: a gateway's name, `pcp` or `static`.
    pub origin: String,
    /// Until it closes by itself.
    pub expires: f64,
    /// Flows it still admits.
    pub uses: u32,
}

/// One SIP dialog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    /// `Call-ID`, as the network said it.
    pub call_id: String,
    /// Realm of the inside.
    pub vrf: String,
    /// Inside address it belongs to.
    pub subscriber: String,
    /// Trunk it came by; empty if none.
    pub trunk: String,
    /// State of the dialog.
    pub state: String,
    /// Its media streams.
    pub media: Vec<MediaRow>,
    /// Since its first message.
    pub age: f64,
    /// Until it is forgotten if nothing more is heard.
    pub expires: f64,
    /// How its audio and video do: `good`, `silent`, `outbound_only`, `inbound_only`; `unknown`
    /// while there is nothing to judge.
    #[serde(default)]
    pub health: String,
}

/// One media stream of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRow {
    /// Inside endpoint.
    pub inside: String,
    /// Outside endpoint.
    pub outside: String,
    /// `audio`, `video`, ...
    pub kind: String,
}

/// One subscriber.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriberRow {
    /// Its address.
    pub inside: String,
    /// Its realm.
    pub vrf: String,
    /// Its outside address; empty while it has none.
    pub outside: String,
    /// Port blocks it holds.
    pub blocks: u64,
    /// Ports in use.
    pub ports_used: u64,
    /// Sessions.
    pub sessions: u64,
    /// Sessions it was refused.
    pub refused: u64,
    /// Worker that owns it.
    pub worker: u16,
}

/// One pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRow {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Port blocks there are.
    pub blocks_total: u64,
    /// Port blocks lent.
    pub blocks_used: u64,
    /// Subscribers with an address of it.
    pub subscribers: u64,
    /// Whether it gives out nothing new.
    pub draining: bool,
}

/// One inside host and one IPsec gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IpsecRow {
    /// Realm of the inside.
    pub vrf: String,
    /// Inside address.
    pub inside: String,
    /// Outside address.
    pub outside: String,
    /// The gateway.
    pub remote: String,
    /// Major version of IKE; zero if none was seen.
    pub ike: u8,
    /// Initiator's SPI or cookie of the newest IKE association; empty if none was seen.
    pub initiator: String,
    /// Responder's.
    pub responder: String,
    /// NAT traversal was announced: by the inside, by the gateway.
    pub nat_traversal: [bool; 2],
    /// What the hash of the inside's endpoint will say behind the translation: `none`, `same`,
    /// `differs`, `differs-before` or `unknown`.
    pub nat_detection: String,
    /// How the payload goes: `none`, `esp` or `udp`.
    pub encapsulation: String,
    /// SPIs sent by, newest first.
    pub spis_out: Vec<String>,
    /// SPIs received by, newest first.
    pub spis_in: Vec<String>,
    /// The next unknown SPI from the gateway is this host's.
    pub expects: bool,
    /// Seconds since it was first seen.
    pub age: f64,
    /// Seconds since the inside host was last heard of.
    pub idle: f64,
    /// Worker that has it.
    pub worker: u16,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    /// When, in seconds since the start.
    pub at: f64,
    /// What: `pool_high`, `block_lent`, `reload`, ...
    pub event: String,
    /// Pool or deterministic range it is about; empty if none.
    pub pool: String,
    /// Inside address it is about; empty if none.
    pub inside: String,
    /// Its realm; empty if none.
    pub vrf: String,
    /// Outside address it is about; empty if none.
    pub outside: String,
    /// First and last port it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<[u16; 2]>,
    /// More, in words.
    pub detail: String,
    /// Worker it happened in.
    pub worker: u16,
}

/// One counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterRow {
    /// `area.thing`.
    pub name: String,
    /// Sum over the workers.
    pub value: u64,
}

/// One worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Its number.
    pub worker: u16,
    /// Core it runs on.
    pub core: u16,
    /// Packets received.
    pub packets: u64,
    /// Sessions it owns.
    pub sessions: u64,
    /// Mappings it owns.
    pub mappings: u64,
    /// Packets from other workers.
    pub handoff_in: u64,
    /// Packets to other workers.
    pub handoff_out: u64,
    /// Packets other workers had no room for.
    pub handoff_dropped: u64,
    /// Share of packets that were to be handed over by what the devices said at the start,
    /// 0 to 1; of all workers.
    pub handoff_expected: f64,
    /// Packets to the slow path.
    pub punted: u64,
    /// Share of time with packets to work on, 0 to 1.
    pub busy: f64,
    /// Longest time between two turns of the last one to two seconds, in seconds.
    #[serde(default)]
    pub longest_gap: f64,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceRow {
    /// Its name.
    pub name: String,
    /// Device under it.
    pub device: String,
    /// Own MAC address.
    pub mac: String,
    /// Longest IP packet.
    pub mtu: u16,
    /// Its realm.
    pub vrf: String,
    /// Its zone; empty if none.
    pub zone: String,
    /// Own addresses with their prefix length.
    pub addresses: Vec<String>,
    /// Whether there is a link.
    pub up: bool,
    /// Frames received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames the device lost for want of a buffer.
    pub rx_missed: u64,
    /// Frames sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Frames the device did not take.
    pub tx_dropped: u64,
}

/// One neighbour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NeighborRow {
    /// Where it is.
    pub interface: String,
    /// Its address.
    pub ip: String,
    /// Its MAC address; empty while unknown.
    pub mac: String,
    /// `static`, `reachable`, `stale`, `incomplete`, ...
    pub state: String,
    /// Since it was last heard of.
    pub age: f64,
}

/// One gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlgRow {
    /// Its key in the configuration.
    pub alg: String,
    /// On or off.
    pub enabled: bool,
    /// Its ports.
    pub ports: Vec<u16>,
    /// Messages read.
    pub messages: u64,
    /// Messages changed.
    pub rewritten: u64,
    /// Doors opened.
    pub doors_opened: u64,
    /// Doors that became sessions.
    pub doors_promoted: u64,
    /// Sessions released from the gateway for good.
    pub bypassed: u64,
    /// Messages it could not follow.
    pub errors: u64,
    /// Messages by method; only for SIP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub methods: Option<Tally>,
    /// Messages by response code; only for SIP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub responses: Option<Tally>,
}

/// Counts by name, in the order of the names.
pub type Tally = std::collections::BTreeMap<String, u64>;

/// One class of a pair of zones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneRow {
    /// Name of the pair.
    pub name: String,
    /// Zone its flows begin in.
    pub from: String,
    /// Zone they go to.
    pub to: String,
    /// The class; `default` for what is in none.
    pub class: String,
    /// What is done with it: `inspect`, `pass` or `drop`.
    pub action: String,
    /// Packets it was asked about.
    pub packets: u64,
    /// Sessions it has let in.
    pub sessions: u64,
}

macro_rules! rows {
    ($( $variant:ident($row:ident) by $matches:ident, )*) => {
        /// Rows of one kind; as JSON a plain array.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Rows {
            $( #[doc = concat!("Rows of [`What::", stringify!($variant), "`].")] $variant(Vec<$row>), )*
        }

        impl Rows {
            /// No rows of this kind.
            #[must_use]
            pub const fn none(what: What) -> Self {
                match what { $( What::$variant => Self::$variant(Vec::new()), )* }
            }

            /// Their kind.
            #[must_use]
            pub const fn what(&self) -> What {
                match self { $( Self::$variant(_) => What::$variant, )* }
            }

            /// How many.
            #[must_use]
            pub fn len(&self) -> usize {
                match self { $( Self::$variant(rows) => rows.len(), )* }
            }

            /// Keeps the first `count`.
            pub fn truncate(&mut self, count: usize) {
                match self { $( Self::$variant(rows) => rows.truncate(count), )* }
            }

            /// Keeps the rows that `filter` asks for.
            pub fn retain(&mut self, filter: &Filter) {
                match self { $( Self::$variant(rows) => rows.retain(|row| filter.$matches(row)), )* }
            }

            /// Reads a JSON array of rows of this kind.
            ///
            /// # Errors
            ///
            /// [`serde_json::Error`] if the text is no such array.
            pub fn from_json(what: What, text: &str) -> serde_json::Result<Self> {
                Ok(match what { $( What::$variant => Self::$variant(serde_json::from_str(text)?), )* })
            }

            /// Writes the rows as JSON objects with commas between them; `first`
            /// says whether one went before.
            pub(crate) fn write_items(
                &self,
                out: &mut impl io::Write,
                first: &mut bool,
            ) -> io::Result<()> {
                match self { $( Self::$variant(rows) => write_all(rows, out, first), )* }
            }
        }
    };
}

rows! {
    Translations(TranslationRow) by matches_translation,
    Mappings(MappingRow) by matches_mapping,
    Subscribers(SubscriberRow) by matches_subscriber,
    Pools(PoolRow) by matches_pool,
    Doors(DoorRow) by matches_door,
    Calls(CallRow) by matches_call,
    Ipsec(IpsecRow) by matches_ipsec,
    Events(EventRow) by matches_event,
    Counters(CounterRow) by matches_counter,
    Workers(WorkerRow) by matches_worker,
    Interfaces(InterfaceRow) by matches_interface,
    Neighbors(NeighborRow) by matches_neighbor,
    Alg(AlgRow) by matches_alg,
    Zones(ZoneRow) by matches_zone,
}

impl Rows {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn write_all(
    rows: &[impl Serialize],
    out: &mut impl io::Write,
    first: &mut bool,
) -> io::Result<()> {
    for row in rows {
        if !std::mem::take(first) {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys scripts rely on, in their order.
    const CONTRACT: &[(What, &str)] = &[
        (
            What::Translations,
            "protocol vrf rule inside outside remote remote_inside remote_outside state age expires alg worker \
             packets_out packets_in bytes_out bytes_in",
        ),
        (
            What::Mappings,
            "protocol vrf inside outside kind sessions worker",
        ),
        (
            What::Doors,
            "protocol vrf outside inside remote origin expires uses",
        ),
        (
            What::Calls,
            "call_id vrf subscriber trunk state media age expires health",
        ),
        (
            What::Subscribers,
            "inside vrf outside blocks ports_used sessions refused worker",
        ),
        (
            What::Pools,
            "name addresses blocks_total blocks_used subscribers draining",
        ),
        (
            What::Interfaces,
            "name device mac mtu vrf zone addresses up rx_packets rx_bytes rx_missed tx_packets \
             tx_bytes tx_dropped",
        ),
        (
            What::Workers,
            "worker core packets sessions mappings handoff_in handoff_out handoff_dropped \
             handoff_expected punted busy longest_gap",
        ),
        (What::Neighbors, "interface ip mac state age"),
        (
            What::Events,
            "at event pool inside vrf outside ports detail worker",
        ),
        (What::Counters, "name value"),
        (
            What::Alg,
            "alg enabled ports messages rewritten doors_opened doors_promoted bypassed errors \
             methods responses",
        ),
        (What::Zones, "name from to class action packets sessions"),
        (
            What::Ipsec,
            "vrf inside outside remote ike initiator responder nat_traversal nat_detection \
                 encapsulation spis_out spis_in expects age idle worker",
        ),
    ];

    fn sample(what: What) -> Rows {
        match what {
            What::Translations => Rows::Translations(vec![TranslationRow {
                remote_inside: Some("10.9.9.9:53".into()),
                remote_outside: Some("192.0.2.9:53".into()),
                ..TranslationRow::default()
            }]),
            What::Mappings => Rows::Mappings(vec![MappingRow::default()]),
            What::Subscribers => Rows::Subscribers(vec![SubscriberRow::default()]),
            What::Pools => Rows::Pools(vec![PoolRow::default()]),
            What::Doors => Rows::Doors(vec![DoorRow::default()]),
            What::Calls => Rows::Calls(vec![CallRow {
                media: vec![MediaRow::default()],
                ..CallRow::default()
            }]),
            What::Ipsec => Rows::Ipsec(vec![IpsecRow::default()]),
            What::Events => Rows::Events(vec![EventRow {
                ports: Some([1024, 1535]),
                ..EventRow::default()
            }]),
            What::Counters => Rows::Counters(vec![CounterRow::default()]),
            What::Workers => Rows::Workers(vec![WorkerRow::default()]),
            What::Interfaces => Rows::Interfaces(vec![InterfaceRow::default()]),
            What::Neighbors => Rows::Neighbors(vec![NeighborRow::default()]),
            What::Alg => Rows::Alg(vec![AlgRow {
                methods: Some(Tally::new()),
                responses: Some(Tally::new()),
                ..AlgRow::default()
            }]),
            What::Zones => Rows::Zones(vec![ZoneRow::default()]),
        }
    }

    fn keys_of(object: &serde_json::Value) -> Vec<&str> {
        let mut keys: Vec<&str> = object
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn every_row_has_the_keys_scripts_rely_on() {
        assert_eq!(CONTRACT.len(), What::ALL.len());
        for (what, keys) in CONTRACT {
            let json = serde_json::to_value(sample(*what)).unwrap();
            let mut expected: Vec<&str> = keys.split_whitespace().collect();
            expected.sort_unstable();
            assert_eq!(keys_of(&json[0]), expected, "{what}");
        }
    }

    #[test]
    fn a_media_stream_has_the_keys_scripts_rely_on() {
        let json = serde_json::to_value(sample(What::Calls)).unwrap();
        assert_eq!(keys_of(&json[0]["media"][0]), ["inside", "kind", "outside"]);
    }

    #[test]
    fn what_is_special_to_a_few_rows_is_left_out_of_the_others() {
        let json = serde_json::to_string(&TranslationRow::default()).unwrap();
        assert!(!json.contains("remote_inside"), "{json}");
        let json = serde_json::to_string(&AlgRow::default()).unwrap();
        assert!(
            !json.contains("methods") && !json.contains("responses"),
            "{json}"
        );
    }

    #[test]
    fn rows_are_read_back_and_unknown_keys_ignored() {
        for what in What::ALL {
            let rows = sample(*what);
            let text = serde_json::to_string(&rows).unwrap();
            assert_eq!(Rows::from_json(*what, &text).unwrap(), rows);
            assert_eq!(rows.what(), *what);
            assert!(Rows::none(*what).is_empty());
        }
        let newer = r#"[{"name":"out","from":"in","to":"out","class":"sip","action":"inspect","packets":1,"sessions":1,"invented_later":1}]"#;
        assert_eq!(Rows::from_json(What::Zones, newer).unwrap().len(), 1);
    }

    #[test]
    fn chunks_are_written_with_commas_between_all_rows() {
        let mut out = Vec::new();
        let mut first = true;
        for chunk in [2, 0, 1] {
            Rows::Zones(vec![ZoneRow::default(); chunk])
                .write_items(&mut out, &mut first)
                .unwrap();
        }
        let text = format!("[{}]", String::from_utf8(out).unwrap());
        assert_eq!(Rows::from_json(What::Zones, &text).unwrap().len(), 3);
    }
}
