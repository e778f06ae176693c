//! The configuration that everything is measured with: the full translator, with
//! a pool and a rule for each group of sessions.

use config::Config;

use crate::LoadError;
use crate::flows::{BLOCK, FIRST_PORT, Group};
use crate::frame::{OURS, THEIRS};

/// How large the tables are, and what else differs between measurements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Sessions and mappings that the tables have room for.
    pub(crate) sessions: u32,
    pub(crate) mappings: u32,
    pub(crate) subscribers: u32,
    /// Most blocks of a subscriber.
    pub(crate) blocks: u32,
    /// Workers.
    pub(crate) workers: u16,
    /// More of the file.
    pub(crate) more: &'static str,
}

impl Shape {
    /// Tables that these groups fill to so many hundredths.
    pub(crate) fn filled(groups: &[Group], percent: u32) -> Self {
        let room = |count: fn(&Group) -> u32| {
            let all: u64 = groups.iter().map(|group| u64::from(count(group))).sum();
            u32::try_from((all * 100).div_ceil(u64::from(percent))).unwrap_or(u32::MAX)
        };
        Self {
            sessions: room(Group::sessions),
            mappings: room(Group::mappings),
            subscribers: room(Group::hosts).max(1024),
            blocks: 1,
            workers: 1,
            more: "",
        }
    }
}

/// A file and what it says.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) text: String,
    pub(crate) config: Config,
}

impl File {
    /// Writes and reads it.
    ///
    /// # Errors
    ///
    /// [`LoadError::File`] if the configuration's own rules refuse it.
    pub(crate) fn new(groups: &[Group], shape: &Shape) -> Result<Self, LoadError> {
        let text = yaml(groups, shape);
        let config = config::parse("load.yaml", &text).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            LoadError::File(lines.join("\n"))
        })?;
        Ok(Self { text, config })
    }
}

fn yaml(groups: &[Group], shape: &Shape) -> String {
    let [inside, outside] = OURS.map(colons);
    let [hosts, router] = THEIRS.map(colons);
    let cores: Vec<String> = (1..=shape.workers).map(|core| core.to_string()).collect();
    let Shape {
        sessions,
        mappings,
        subscribers,
        blocks,
        ..
    } = shape;
    let mut text = format!(
        r#"dpdk: {{ eal_args: ["--no-pci", "--in-memory", "--no-telemetry"], memory_mb: 256 }}
workers: {{ cores: [{cores}], slow_path_core: 0 }}
limits: {{ sessions: {sessions}, mappings: {mappings}, subscribers: {subscribers} }}
interfaces:
  - {{ name: inside, device: load0, addresses: [192.0.2.1/30], mac: "{inside}", zone: inside, mss_clamp: 1400 }}
  - {{ name: outside, device: load1, addresses: [192.0.2.5/30], mac: "{outside}", zone: outside, mss_clamp: 1400 }}
routes:
  - {{ prefix: 100.64.0.0/10, next_hop: 192.0.2.2 }}
  - {{ prefix: 0.0.0.0/0, next_hop: 192.0.2.6 }}
neighbors:
  - {{ interface: inside, ip: 192.0.2.2, mac: "{hosts}" }}
  - {{ interface: outside, ip: 192.0.2.6, mac: "{router}" }}
nat:
  timeouts: {{ udp: 300s, udp_dns: 10s, tcp_established: 7440s, tcp_transitory: 240s, tcp_time_wait: 120s, icmp: 60s }}
  pools:
"#,
        cores = cores.join(", ")
    );
    let pools = groups.iter().enumerate().map(|(number, group)| {
        let prefixes = group.outside_prefixes().join(", ");
        let last = group.last_port();
        format!(
            "    - {{ name: pool-{number}, prefixes: [{prefixes}], ports: {FIRST_PORT}-{last}, \
             blocks: {{ size: {BLOCK}, max_per_subscriber: {blocks}, idle_timeout: 120s }} }}\n"
        )
    });
    let rules = groups.iter().enumerate().map(|(number, group)| {
        let source = group.inside_prefix();
        // Limits that are looked at for every session, and refuse none.
        let most = BLOCK * blocks;
        let sessions = most.saturating_mul(group.per_mapping());
        format!(
            "    - name: rule-{number}
      inside: inside
      source: {source}
      pool: pool-{number}
      mapping: endpoint-independent
      filtering: address-dependent
      paired: true
      hairpin: {{ enabled: true, source: translate }}
      limits: {{ sessions: {sessions}, new_sessions_per_second: 1000000, ports: {{ tcp: {most}, udp: {most}, icmp: 64 }} }}
"
        )
    });
    text.extend(pools);
    text += "  rules:\n";
    text.extend(rules);
    text += shape.more;
    text
}

fn colons(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_good_in_every_size() {
        for sessions in [1 << 10, 1 << 16, 1 << 24] {
            let groups = [Group::new(0, sessions, 1), Group::new(1, 1 << 16, 8)];
            let file = File::new(&groups, &Shape::filled(&groups, 90)).unwrap();
            assert_eq!(file.config.nat.rules.len(), 2);
            assert_eq!(config::warnings(&file.config), Vec::<String>::new());
        }
    }
}
