//! Deterministic NAT (RFC 7422) by whatever algorithm: every host opens all it
//! can, and nobody meets anybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;
use testkit::{echo, tcp, udp};
use tests::{Config, Outcome, Pipe, portolan};

/// Outside endpoints told back to the file.
const SAMPLES: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct Range {
    hosts: u32,
    /// A power of two.
    addresses: u32,
    first_port: u16,
    ports: u16,
    algorithm: String,
    protocol: &'static str,
}

/// Any range that leaves each host some ports.
pub(crate) fn any() -> impl Strategy<Value = Range> {
    let algorithm = prop_oneof![
        2 => "[a-z0-9]{16,24}".prop_map(|key| format!("random, key: k{key}")),
        2 => prop::sample::select(vec!["sequential", "staggered", "round-robin", "interlaced"])
            .prop_map(str::to_owned),
    ];
    let protocol = prop::sample::select(vec!["udp", "tcp", "icmp"]);
    let sizes = (1_u32..=12, 0_u32..=2, 1024_u16..=60_000, 16_u16..=64);
    (sizes, algorithm, protocol).prop_map(
        |((hosts, addresses, first_port, ports), algorithm, protocol)| Range {
            hosts,
            addresses: 1 << addresses,
            first_port,
            ports,
            algorithm,
            protocol,
        },
    )
}

impl Range {
    /// The ports of an address, divided evenly among the hosts that have to share it.
    fn ports_per_host(&self) -> usize {
        usize::from(self.ports) / self.hosts.div_ceil(self.addresses) as usize
    }

    fn host(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(Ipv4Addr::new(10, 80, 1, 0).to_bits() + number)
    }

    fn config(&self) -> Config {
        let last_port = self.first_port + (self.ports - 1);
        Config::new()
            .interface("inside", "addresses", "[10.64.0.1/16, 10.80.255.1/16]")
            .deterministic(&format!(
                "name: det, source: {}-{}, prefixes: [203.0.113.128/{}], ports: {}-{last_port}, \
                 algorithm: {}",
                Self::host(0),
                Self::host(self.hosts - 1),
                32 - self.addresses.trailing_zeros(),
                self.first_port,
                self.algorithm,
            ))
    }

    /// Opens ports of a host until it gets no more.
    fn open_all(&self, pipe: &mut Pipe, host: Ipv4Addr) -> BTreeSet<SocketAddrV4> {
        let mut all = BTreeSet::new();
        for port in 5000.. {
            let outcome = self.open(pipe, host, port);
            if outcome.verdict == "drop" {
                assert_eq!(outcome.reason, "drop.no_port", "{host}");
                break;
            }
            let outside = outcome.forwarded().src.0;
            assert!(all.insert(outside), "{host} has {outside} twice");
        }
        all
    }

    fn open(&self, pipe: &mut Pipe, host: Ipv4Addr, port: u16) -> Outcome {
        let flow = format!("{host}:{port} > 192.0.2.1:7000");
        pipe.inside(match self.protocol {
            "udp" => udp(&flow),
            "tcp" => tcp(&flow).syn(),
            _ => echo(&format!("{host}:{port} > 192.0.2.1")),
        })
    }

    /// What is outside and what is computed from it are one to one.
    pub(crate) fn is_a_bijection(&self) {
        let config = self.config();
        let mut pipe = Pipe::new(&config);
        let file = File::new(&config);
        let mut holders = BTreeMap::new();
        for host in (0..self.hosts).map(Self::host) {
            let all = self.open_all(&mut pipe, host);
            assert_eq!(all.len(), self.ports_per_host(), "ports of {host}");
            assert_eq!(file.ports_of(host), all, "{host}");
            for outside in all {
                let other = holders.insert(outside, host);
                assert_eq!(other, None, "{outside} is {host}'s");
            }
        }
        let ports = self.first_port..self.first_port + self.ports;
        assert!(
            holders
                .keys()
                .all(|outside| ports.contains(&outside.port()))
        );
        let step = (holders.len() / SAMPLES).max(1);
        for (outside, host) in holders.iter().step_by(step) {
            assert_eq!(file.holder_of(*outside), *host, "{outside}");
        }
        let rows = pipe.show("mappings");
        assert_eq!(rows.len(), holders.len());
        pipe.clear("translations");
        pipe.wait(1_000.0);
        for what in ["mappings", "subscribers"] {
            assert!(pipe.show(what).is_empty(), "{what} left over");
        }
        // All of it is there to be had again.
        let again = self.open_all(&mut pipe, Self::host(0));
        assert_eq!(again.len(), self.ports_per_host());
    }
}

/// A file that `portolan whois` is asked about.
struct File(PathBuf);

impl File {
    fn new(config: &Config) -> Self {
        let name = format!("portolan-model-{}.yaml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, config.yaml()).unwrap();
        Self(path)
    }

    fn whois(&self, question: &str) -> Vec<Value> {
        let path: &Path = &self.0;
        let output = Command::new(portolan())
            .args(["whois", "--json", question, "-c"])
            .arg(path)
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {question}: {output:?}"))
    }

    fn ports_of(&self, host: Ipv4Addr) -> BTreeSet<SocketAddrV4> {
        let answers = self.whois(&host.to_string());
        let mut all = BTreeSet::new();
        for answer in answers.iter().filter(|one| one["kind"] == "deterministic") {
            let address: Ipv4Addr = answer["outside"].as_str().unwrap().parse().unwrap();
            for run in answer["ports"].as_array().unwrap() {
                let [low, high] = [0, 1].map(|end| run[end].as_u64().unwrap() as u16);
                all.extend((low..=high).map(|port| SocketAddrV4::new(address, port)));
            }
        }
        all
    }

    fn holder_of(&self, outside: SocketAddrV4) -> Ipv4Addr {
        let answers = self.whois(&outside.to_string());
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers[0]["inside"].as_str().unwrap().parse().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
