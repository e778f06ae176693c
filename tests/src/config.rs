//! The usual configuration of `DESIGN.md` section 7.2, and changes to it.

use std::fmt::Write;

/// A configuration file to be: two interfaces, one pool, one rule, known
/// neighbours; every piece can be changed or added to.
#[derive(Clone, Debug)]
pub struct Config {
    interfaces: Vec<Entry>,
    routes: Vec<String>,
    neighbors: Vec<String>,
    pools: Vec<Entry>,
    rules: Vec<Entry>,
    deterministic: Vec<String>,
    statics: Vec<String>,
    timeouts: Entry,
    limits: Entry,
    nat: Vec<String>,
    top: Vec<String>,
    cores: String,
    steering: String,
}

/// Keys and values of one flow mapping, in order.
type Entry = Vec<(String, String)>;

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// Two interfaces, a pool of fourteen addresses, one endpoint-independent rule.
    pub fn new() -> Self {
        let hosts = [7, 8, 9, 10, 11, 20];
        let neighbor = |interface: &str, ip: &str| {
            let mac = super::mac_of(ip.parse().unwrap()).map(|byte| format!("{byte:02x}"));
            format!(
                "{{ interface: {interface}, ip: {ip}, mac: \"{}\" }}",
                mac.join(":")
            )
        };
        let mut neighbors = vec![neighbor("outside", super::GATEWAY)];
        neighbors.extend(hosts.map(|host| neighbor("inside", &format!("10.64.0.{host}"))));
        Self {
            interfaces: vec![
                entry(&[
                    ("name", "inside"),
                    ("device", "\"net_af_packet0,iface=ptl-in\""),
                    ("addresses", "[10.64.0.1/16]"),
                    ("zone", "inside"),
                ]),
                entry(&[
                    ("name", "outside"),
                    ("device", "\"net_af_packet1,iface=ptl-out\""),
                    ("addresses", "[198.51.100.1/24]"),
                    ("zone", "outside"),
                ]),
            ],
            routes: vec!["{ prefix: 0.0.0.0/0, next_hop: 198.51.100.254 }".into()],
            neighbors,
            pools: vec![entry(&[
                ("name", "public"),
                ("prefixes", "[203.0.113.0/28]"),
                ("ports", "1024-65535"),
                (
                    "blocks",
                    "{ size: 512, max_per_subscriber: 8, idle_timeout: 120s }",
                ),
            ])],
            rules: vec![entry(&[
                ("name", "subscribers"),
                ("inside", "inside"),
                ("source", "10.64.0.0/16"),
                ("pool", "public"),
                ("mapping", "endpoint-independent"),
                ("filtering", "endpoint-independent"),
                ("paired", "true"),
                ("hairpin", "{ enabled: true, source: translate }"),
            ])],
            deterministic: Vec::new(),
            statics: Vec::new(),
            timeouts: Vec::new(),
            limits: entry(&[
                ("sessions", "20000"),
                ("mappings", "20000"),
                ("subscribers", "1024"),
            ]),
            nat: Vec::new(),
            top: Vec::new(),
            cores: "[1]".into(),
            steering: String::new(),
        }
    }

    /// Sets a key of the only pool.
    pub fn pool(mut self, key: &str, value: &str) -> Self {
        set(&mut self.pools[0], key, value);
        self
    }

    /// Removes a key of the only pool.
    pub fn pool_without(mut self, key: &str) -> Self {
        self.pools[0].retain(|(name, _)| name != key);
        self
    }

    /// Adds a pool, as `key: value, ...`.
    pub fn add_pool(mut self, keys: &str) -> Self {
        self.pools.push(vec![(String::new(), keys.into())]);
        self
    }

    /// Sets a key of the last rule.
    pub fn rule(mut self, key: &str, value: &str) -> Self {
        set(self.rules.last_mut().unwrap(), key, value);
        self
    }

    /// Removes a key of the last rule.
    pub fn rule_without(mut self, key: &str) -> Self {
        let rule = self.rules.last_mut().unwrap();
        rule.retain(|(name, _)| name != key);
        self
    }

    /// Puts a rule, as `key: value, ...`, before the others.
    pub fn rule_before(mut self, keys: &str) -> Self {
        self.rules.insert(0, vec![(String::new(), keys.into())]);
        self
    }

    /// Sets a key of an interface.
    pub fn interface(mut self, name: &str, key: &str, value: &str) -> Self {
        let found = self
            .interfaces
            .iter_mut()
            .find(|entry| entry.iter().any(|(k, v)| k == "name" && v == name));
        set(found.expect("interface"), key, value);
        self
    }

    /// Adds an interface, as `key: value, ...`.
    pub fn add_interface(mut self, keys: &str) -> Self {
        self.interfaces.push(vec![(String::new(), keys.into())]);
        self
    }

    /// Adds a route, as `key: value, ...`.
    pub fn route(mut self, keys: &str) -> Self {
        self.routes.push(format!("{{ {keys} }}"));
        self
    }

    /// Leaves the default route out: only connected networks are known.
    pub fn no_routes(mut self) -> Self {
        self.routes.clear();
        self
    }

    /// Adds a static neighbour, as `key: value, ...`.
    pub fn neighbor(mut self, keys: &str) -> Self {
        self.neighbors.push(format!("{{ {keys} }}"));
        self
    }

    /// Leaves the static neighbours out: everything is found by ARP.
    pub fn no_neighbors(mut self) -> Self {
        self.neighbors.clear();
        self
    }

    /// Adds a static mapping, as `key: value, ...`.
    pub fn fixed(mut self, keys: &str) -> Self {
        self.statics.push(format!("{{ {keys} }}"));
        self
    }

    /// Adds a deterministic range, as `key: value, ...`.
    pub fn deterministic(mut self, keys: &str) -> Self {
        self.deterministic.push(format!("{{ {keys} }}"));
        self
    }

    /// Sets a timeout.
    pub fn timeout(mut self, key: &str, value: &str) -> Self {
        set(&mut self.timeouts, key, value);
        self
    }

    /// Sets a table size.
    pub fn limit(mut self, key: &str, value: &str) -> Self {
        set(&mut self.limits, key, value);
        self
    }

    /// Adds a line under `nat:`.
    pub fn nat(mut self, line: &str) -> Self {
        self.nat.push(line.into());
        self
    }

    /// Adds a line at the top.
    pub fn top(mut self, line: &str) -> Self {
        self.top.push(line.into());
        self
    }

    /// Sets the workers' cores.
    pub fn cores(mut self, cores: &str) -> Self {
        self.cores = cores.into();
        self
    }

    /// Adds keys to the workers'.
    pub fn steering(mut self, keys: &str) -> Self {
        self.steering = format!(", {keys}");
        self
    }

    /// The file.
    pub fn yaml(&self) -> String {
        let mut yaml = String::from("dpdk: { eal_args: [\"--no-pci\"], memory_mb: 64 }\n");
        let mut line = |text: String| writeln!(yaml, "{text}").unwrap();
        line(format!(
            "workers: {{ cores: {}, slow_path_core: 0{} }}",
            self.cores, self.steering
        ));
        line(format!("limits: {}", flow(&self.limits)));
        let entries = |list: &[Entry]| list.iter().map(flow).collect::<Vec<_>>();
        for (indent, key, list) in [
            ("", "interfaces", entries(&self.interfaces)),
            ("", "routes", self.routes.clone()),
            ("", "neighbors", self.neighbors.clone()),
        ] {
            line(list_of(indent, key, &list));
        }
        line("nat:".into());
        for (key, list) in [
            ("pools", entries(&self.pools)),
            ("rules", entries(&self.rules)),
            ("deterministic", self.deterministic.clone()),
            ("static", self.statics.clone()),
        ] {
            line(list_of("  ", key, &list));
        }
        line(format!("  timeouts: {}", flow(&self.timeouts)));
        for text in &self.nat {
            line(format!("  {text}"));
        }
        for text in &self.top {
            line(text.clone());
        }
        yaml
    }
}

fn entry(pairs: &[(&str, &str)]) -> Entry {
    pairs
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect()
}

fn set(entry: &mut Entry, key: &str, value: &str) {
    if let Some(found) = entry.iter_mut().find(|(name, _)| name == key) {
        found.1 = value.into();
    } else {
        entry.push((key.into(), value.into()));
    }
}

fn flow(entry: &Entry) -> String {
    let parts: Vec<String> = entry
        .iter()
        .map(|(key, value)| {
            if key.is_empty() {
                value.clone()
            } else {
                format!("{key}: {value}")
            }
        })
        .collect();
    format!("{{ {} }}", parts.join(", "))
}

fn list_of(indent: &str, key: &str, items: &[String]) -> String {
    if items.is_empty() {
        return format!("{indent}{key}: []");
    }
    let mut text = format!("{indent}{key}:");
    for item in items {
        write!(text, "\n{indent}  - {item}").unwrap();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_replace_and_add() {
        let yaml = Config::new()
            .rule("filtering", "address-dependent")
            .rule("parity", "false")
            .fixed("inside: 10.64.0.10, outside: 203.0.113.14")
            .nat("udp_inbound_refresh: true")
            .yaml();
        assert!(yaml.contains("filtering: address-dependent, paired: true"));
        assert!(yaml.contains("parity: false }"));
        assert!(yaml.contains("  static:\n    - { inside: 10.64.0.10"));
        assert!(yaml.contains("\n  udp_inbound_refresh: true\n"));
        assert!(yaml.contains("deterministic: []"));
    }
}
