//! Reads the files of `sim --log-ipfix` and `--log-syslog`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use netflow_parser::variable_versions::ipfix::FlowSetBody;
use netflow_parser::variable_versions::ipfix::lookup::IPFixField;
use netflow_parser::{NetflowPacket, NetflowParser};
use serde_json::Value;
use tests::{Config, Pipe};

/// A decoded record: names of elements and their values, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Entry(Vec<(String, String)>);

impl Entry {
    pub(crate) fn event(&self) -> &str {
        self.value("NatEvent")
    }

    /// Seconds since 1970, which is the start.
    pub(crate) fn at(&self) -> f64 {
        let value = self.value("ObservationTimeMilliseconds");
        value
            .parse()
            .unwrap_or_else(|_| panic!("no time: {value} in {self:?}"))
    }

    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> &str {
        self.find(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

/// The two files of a run.
pub(crate) struct Files {
    pub(crate) ipfix: PathBuf,
    syslog: PathBuf,
}

impl Files {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| {
            let name = format!("portolan-logs-{}-{number}.{kind}", std::process::id());
            std::env::temp_dir().join(name)
        };
        Self {
            ipfix: file("ipfix"),
            syslog: file("syslog"),
        }
    }

    /// An appliance that logs to them.
    #[track_caller]
    pub(crate) fn run(&self, config: &Config) -> Pipe {
        let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let (ipfix, syslog) = (path(&self.ipfix), path(&self.syslog));
        Pipe::with_args(config, &["--log-ipfix", &ipfix, "--log-syslog", &syslog])
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.ipfix).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.syslog).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Records whose event has this in its name.
    #[track_caller]
    pub(crate) fn of(&self, event: &str) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| entry.event().contains(event));
        entries
    }

    /// All records so far, decoded; sequence numbers must count them.
    #[track_caller]
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let result = NetflowParser::default().parse_bytes(&self.bytes());
        assert!(result.error.is_none(), "{:?}", result.error);
        let mut entries = Vec::new();
        for packet in result.packets {
            let NetflowPacket::IPFix(message) = packet else {
                panic!("not IPFIX");
            };
            let number = usize::try_from(message.header.sequence_number).unwrap();
            assert_eq!(number, entries.len(), "sequence number");
            for set in message.flowsets {
                match set.body {
                    FlowSetBody::Templates(_) => {}
                    FlowSetBody::Data(data) => {
                        entries.extend(data.fields.iter().map(|fields| entry(fields)));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        entries
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for file in [&self.ipfix, &self.syslog] {
            let _ = std::fs::remove_file(file);
        }
    }
}

fn entry(
    fields: &[(
        IPFixField,
        netflow_parser::variable_versions::field_value::FieldValue,
    )],
) -> Entry {
    let pairs = fields.iter().map(|(field, value)| {
        let IPFixField::IANA(element) = field else {
            panic!("not of IANA: {field:?}");
        };
        (
            format!("{element:?}"),
            scalar(&serde_json::to_value(value).unwrap()),
        )
    });
    Entry(pairs.collect())
}

/// The value within whatever the decoder wraps it in.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(time) if time.contains_key("secs") => {
            let of = |key: &str| time[key].as_f64().unwrap();
            (of("secs") + of("nanos") / 1e9).to_string()
        }
        Value::Object(wrapped) => wrapped.values().map(scalar).collect(),
        other => other.to_string(),
    }
}
