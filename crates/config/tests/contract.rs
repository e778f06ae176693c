//! Files that are right, and what becomes of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use core::net::Ipv4Addr;
use core::time::Duration;

use config::model::{Action, Dependence, Pairing, RuleLog, Transport, Vlan, ZoneAction, ZoneEnd};
use config::{Config, parse};
use nat::{Algorithm, Key};

const INTERFACES: &str = "\
interfaces:
  - { name: inside, device: d0, addresses: [10.64.0.1/16], zone: lan }
  - { name: outside, device: d1, addresses: [198.51.100.1/24], zone: wan }
";

#[track_caller]
fn right(text: &str) -> Config {
    match parse("a.yaml", text) {
        Ok(config) => config,
        Err(errors) => {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"));
        }
    }
}

#[track_caller]
fn with(rest: &str) -> Config {
    right(&format!("{INTERFACES}{rest}"))
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

#[test]
fn the_contract_parses() {
    let config = right(include_str!("contract.yaml"));
    assert_eq!(config.dpdk.eal_args, ["--no-pci"]);
    assert_eq!(config.dpdk.memory_mb, 512);
    assert_eq!(config.workers.cores, [1]);
    assert_eq!(config.workers.slow_path_core, 0);
    assert_eq!(config.limits.sessions, 1_000_000);
    assert_eq!(
        config.control.metrics,
        Some("127.0.0.1:9464".parse().unwrap())
    );
    assert_eq!(config.vrfs, ["default"]);
    assert_eq!(config.zones, ["inside", "outside"]);
    assert_eq!(config.interfaces[0].device, "net_af_packet0,iface=ptl-in");
    assert_eq!(
        config.interfaces[1].addresses[0].address,
        ip("198.51.100.1")
    );
    assert_eq!(config.routes[0].interface, 1);
    assert_eq!(config.neighbors[0].mac, [2, 0, 0, 0, 0, 0xfe]);

    let pool = &config.nat.pools[0];
    // .14 belongs to a static mapping as a whole; .12 and .13 only in part.
    let addresses: Vec<Ipv4Addr> = (0..16)
        .filter(|&host| host != 14)
        .map(|host| Ipv4Addr::new(203, 0, 113, host))
        .collect();
    assert_eq!(pool.addresses, addresses);
    assert_eq!(pool.ports, (1024, 65_535));
    let blocks = pool.blocks.as_ref().unwrap();
    assert_eq!((blocks.size, blocks.max_per_subscriber), (512, 8));
    assert_eq!(blocks.idle_timeout, Duration::from_mins(2));

    let rule = &config.nat.rules[0];
    assert_eq!(rule.inside, Some(vec![0]));
    let Action::Translate(translate) = &rule.action else {
        panic!("the rule translates");
    };
    assert_eq!(translate.pools, [0]);
    assert_eq!(translate.mapping, Dependence::EndpointIndependent);
    assert_eq!(translate.paired, Pairing::Strict);
    assert!(translate.parity && translate.hairpin.enabled);
    assert!(!translate.hairpin.preserve_source);
    assert_eq!(translate.limits.sessions, Some(4_096));
    assert_eq!(translate.limits.icmp_ids, Some(64));

    let range = &config.nat.deterministic[0];
    assert_eq!(range.addresses.len(), 32);
    // 4096 hosts on 32 addresses are 128 on each: 64512 / 128.
    assert_eq!(range.computed.ports_per_host(), 504);
    assert_eq!(range.overflow_pool, Some(0));

    let statics = &config.nat.statics;
    assert_eq!(statics[0].protocol, None);
    assert_eq!(statics[1].protocol, Some(6));
    assert_eq!(statics[1].inside_port, Some(8_080));
    assert_eq!(statics[1].outside_ports, Some((80, 80)));
    assert_eq!(statics[2].protocol, Some(50));
    assert_eq!(
        config.nat.timeouts.tcp_established,
        Duration::from_mins(124)
    );
    assert_eq!(config.alg.len(), 14);
    assert!(config.alg.iter().all(|gateway| gateway.enabled));
    assert!(config::warnings(&config).is_empty());
}

#[test]
fn steering_is_the_devices_own_unless_the_file_says_more() {
    let steering = |text: &str| with(text).workers.steering;
    let default = steering("workers: { cores: [1, 2] }\n");
    assert_eq!((default.external, default.rebalance), (false, false));
    assert_eq!((default.key, default.entries), (None, 512));
    let key = ["6d"; 40];
    for joint in ["", ":"] {
        let key = key.join(joint);
        let text = format!("workers: {{ rss: external, rss_key: \"{key}\", reta_size: 128 }}\n");
        let external = steering(&text);
        assert_eq!(external.key, Some(vec![0x6d; 40]));
        assert_eq!((external.external, external.entries), (true, 128));
    }
    assert!(steering("workers: { reta: rebalance }\n").rebalance);
}

/// Two cores can carry two workers; the slow path mostly sleeps.
#[test]
fn a_slow_path_on_a_core_of_several_workers_is_warned_about() {
    let shared = with("workers: { cores: [0, 1], slow_path_core: 0 }\n");
    assert_eq!(shared.workers.cores, [0, 1]);
    assert_eq!(shared.workers.slow_path_core, 0);
    let warnings = config::warnings(&shared);
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("a.yaml:4:43: core 0 is a worker's and the slow path's"),
        "{warnings:?}"
    );

    for quiet in [
        "{ cores: [0, 1], slow_path_core: 2 }",
        "{ cores: [0], slow_path_core: 0 }",
    ] {
        let alone = with(&format!("workers: {quiet}\n"));
        assert!(config::warnings(&alone).is_empty());
    }
}

/// GRE passes for PPTP, or where a rule names it.
#[test]
fn pptp_that_is_off_is_warned_about_where_gre_would_not_pass() {
    let of = |rule: &str, top: &str| {
        let pools = "pools: [{ name: p, prefixes: [203.0.113.0/28] }, \
                     { name: w, prefixes: [203.0.114.0/28], one_to_one: true }]";
        let file = format!(
            "nat:\n  {pools}\n  rules: [{{ name: r, inside: inside, {rule} }}]\nalg: {top}\n"
        );
        config::warnings(&with(&file))
    };
    let all = "protocols: [tcp, udp, icmp, gre]";
    let some = "protocols: [tcp, 99, gre]";
    let alone = "a rule with `protocols: [gre]`";
    for (rule, top, remedy) in [
        ("pool: p", "{ pptp: off }", all),
        ("pool: p, alg: { pptp: off }", "{}", all),
        (
            "pool: p, alg: { ftp: off }",
            "{ pptp: { enabled: false } }",
            all,
        ),
        ("pool: p, protocols: [tcp, 99]", "{ pptp: off }", some),
        (
            "pool: p, destination_ports: [1000-2000]",
            "{ pptp: off }",
            alone,
        ),
    ] {
        let warnings = of(rule, top);
        assert_eq!(warnings.len(), 1, "{rule}: {warnings:?}");
        let warning = &warnings[0];
        let named = warning.contains("`pptp` is off, and rule `r` translates no GRE");
        assert!(named && warning.contains(remedy), "{rule}: {warning}");
    }
    for (rule, top) in [
        ("pool: p", "{}"),
        ("pool: p, alg: { pptp: on }", "{ pptp: off }"),
        ("pool: p, protocols: [tcp, gre]", "{ pptp: off }"),
        ("pool: p, protocols: [udp]", "{ pptp: off }"),
        ("pool: p, destination_ports: [80]", "{ pptp: off }"),
        ("pool: w", "{ pptp: off }"),
        ("action: pass", "{ pptp: off }"),
    ] {
        let warnings = of(rule, top);
        assert!(warnings.is_empty(), "{rule}: {warnings:?}");
    }
}

#[test]
fn everything_but_interfaces_has_a_default() {
    let config = with("");
    assert_eq!(config.dpdk.memory_mb, 512);
    assert_eq!(config.limits.sessions, 1_000_000);
    assert_eq!(config.limits.mappings, 1_000_000);
    assert_eq!(config.limits.subscribers, 65_536);
    assert_eq!(config.limits.neighbors, 16_384);
    assert_eq!(config.limits.fragments, 4_096);
    assert_eq!(config.control.socket.to_str(), Some("/run/portolan.sock"));
    assert_eq!(config.control.metrics, None);
    assert_eq!(config.nat.timeouts.udp, Duration::from_mins(5));
    assert_eq!(config.nat.timeouts.fragments, Duration::from_secs(5));
    assert_eq!(config.nat.hold_down.time, Duration::from_mins(2));
    assert_eq!(config.nat.hold_down.max_percent, 50);
    assert_eq!(config.nat.refusal_code, 1);
    assert!(!config.nat.udp_inbound_refresh);
    assert_eq!(config.interfaces[0].mtu, 1_500);
    assert!(config.warnings.is_empty());
    let same = with("nat:\nroutes: null\ndpdk: {}\n");
    let source = config.source.clone();
    assert_eq!(Config { source, ..same }, config);
}

#[test]
fn mappings_follow_sessions() {
    assert_eq!(with("limits: { sessions: 5000 }\n").limits.mappings, 5_000);
    let config = with("limits: { sessions: 10, mappings: 20 }\n");
    assert!(config.warnings[0].starts_with("a.yaml:4:35: there can be more mappings"));
}

#[test]
fn one_core_may_do_everything_and_others_find_a_free_one() {
    let config = with("workers: { cores: [0], slow_path_core: 0 }\n");
    assert_eq!(
        (config.workers.cores, config.workers.slow_path_core),
        (vec![0], 0)
    );
    let config = with("workers: { cores: [0, 1] }\n");
    assert_eq!(config.workers.slow_path_core, 2);
}

#[test]
fn tags_are_written_in_four_ways() {
    let vlans = |vlan: &str| {
        right(&format!(
            "interfaces: [ {{ name: a, device: d, vlan: {vlan} }} ]\n"
        ))
        .interfaces[0]
            .vlan
    };
    assert_eq!(vlans("100"), Vlan::Single(100));
    assert_eq!(vlans("[200, 100]"), Vlan::Double(200, 100));
    assert_eq!(vlans("\"200.100\""), Vlan::Double(200, 100));
    assert_eq!(vlans("200.100"), Vlan::Double(200, 100));
    assert_eq!(vlans("null"), Vlan::None);
}

#[test]
fn interfaces_share_a_device_by_vlan_and_networks_by_vrf() {
    let config = right(
        "interfaces:
  - { name: a, device: d0, addresses: [10.0.0.1/24], vlan: 1, vrf: red }
  - { name: b, device: d0, addresses: [10.0.0.1/24], vlan: 2, vrf: blue, mtu: 9000 }
  - { name: c, device: d0, addresses: [192.0.2.0/31, 192.0.2.9/32], mac: 02-00-00-00-00-01, mss_clamp: auto }
routes: [ { prefix: 0.0.0.0/0, next_hop: 10.0.0.254, vrf: blue }, { prefix: 0.0.0.0/0, next_hop: 10.0.0.254, interface: a } ]
",
    );
    assert_eq!(config.vrfs, ["default", "red", "blue"]);
    assert_eq!(config.routes[0].interface, 1);
    assert_eq!((config.routes[1].interface, config.routes[1].vrf), (0, 1));
    assert_eq!(config.interfaces[2].mss_clamp, Some(1_460));
}

#[test]
fn names_of_interfaces_win_over_zones() {
    let config = with(
        "nat: { pools: [ { name: p, prefixes: [203.0.113.0/30] } ], rules: [
  { name: a, inside: lan, pool: p }, { inside: [inside, wan], action: drop }, { action: pass, destination_ports: [80, 8000-8009], protocols: [tcp, 17] } ] }\n",
    );
    let rules = &config.nat.rules;
    assert_eq!(rules[0].inside, Some(vec![0]));
    assert_eq!(rules[1].inside, Some(vec![0, 1]));
    assert_eq!(rules[1].name, "rule-2");
    assert_eq!(rules[2].inside, None);
    assert_eq!(rules[2].destination_ports, [(80, 80), (8_000, 8_009)]);
    assert_eq!(rules[2].protocols, [6, 17]);
    assert_eq!(rules[2].action, Action::Pass);
}

#[test]
fn realms_come_from_the_pool_and_the_interfaces() {
    let config = right(
        "interfaces:
  - { name: a, device: d0, addresses: [10.0.0.1/24], vrf: red }
  - { name: b, device: d1, addresses: [192.0.2.1/24], vrf: net }
nat:
  pools: [ { name: p, prefixes: [203.0.113.0/30], outside_vrf: net }, { name: q, interface: b, vrf: red } ]
  rules: [ { inside: a, pool: p }, { pool: q }, { vrf: red, action: drop } ]
  static: [ { protocol: tcp, inside: \"10.0.0.7:80\", vrf: red, outside: { interface: b } } ]
",
    );
    let rules = &config.nat.rules;
    assert_eq!((rules[0].vrf, rules[0].outside_vrf), (1, 2));
    assert_eq!((rules[1].vrf, rules[1].outside_vrf), (1, 2));
    assert_eq!((rules[2].vrf, rules[2].outside_vrf), (1, 1));
    assert_eq!(config.nat.pools[1].addresses, [ip("192.0.2.1")]);
    let each = &config.nat.statics[0];
    assert_eq!((each.vrf, each.outside_vrf), (1, 2));
    assert_eq!(each.outside_ports, Some((80, 80)));
}

#[test]
fn pools_leave_out_what_is_excluded() {
    let config = with(
        "nat: { pools: [
  { name: a, prefixes: [203.0.113.0/29], exclude_addresses: [203.0.113.0, 203.0.113.4/31, 203.0.113.6-203.0.113.7], exclude_ports: [5060, 1-1030], blocks: {} },
  { name: b, prefixes: [203.0.113.6/32, 192.0.2.1/32], ports: 2000-2099, blocks: {} } ] }\n",
    );
    let pools = &config.nat.pools;
    assert_eq!(
        pools[0].addresses,
        [ip("203.0.113.1"), ip("203.0.113.2"), ip("203.0.113.3")]
    );
    assert_eq!(pools[0].exclude_ports, [(1, 1_030), (5_060, 5_060)]);
    assert_eq!(pools[1].addresses, [ip("203.0.113.6"), ip("192.0.2.1")]);
    // The defaults shrink to what fits.
    let blocks = pools[1].blocks.as_ref().unwrap();
    assert_eq!((blocks.size, blocks.max_per_subscriber), (100, 1));
}

#[test]
fn static_mappings_come_in_many_shapes() {
    let config = with(
        "nat: { static: [
  { inside: 10.64.8.0/24, outside: 203.0.113.0/24 },
  { protocol: udp, inside: \"10.64.0.3:8000-8009\", outside: \"192.0.2.3:9000-9009\" },
  { protocol: tcp, inside: [\"10.64.0.4:80\"], outside: \"192.0.2.3:80\" },
  { protocol: tcp, inside: \"10.64.0.6:22\", outside: { interface: outside, port: 2222 } },
  { protocol: tcp, inside: \"10.64.0.6:23\", outside: \"interface: outside\", filtering: address-dependent },
  { protocol: udp, inside: \"10.64.0.6:24\", outside: \"interface outside:2400\" },
  { protocol: 47, inside: 10.64.0.7, outside: 192.0.2.3 } ] }\n",
    );
    let statics = &config.nat.statics;
    assert_eq!((statics[0].count, statics[0].outside_ports), (256, None));
    assert_eq!(statics[1].inside_port, Some(8_000));
    assert_eq!(statics[1].outside_ports, Some((9_000, 9_009)));
    assert_eq!(statics[2].inside, [ip("10.64.0.4")]);
    assert_eq!(statics[3].outside, ip("198.51.100.1"));
    assert_eq!(statics[3].outside_ports, Some((2_222, 2_222)));
    assert_eq!(statics[4].outside_ports, Some((23, 23)));
    assert_eq!(statics[4].filtering, Dependence::AddressDependent);
    assert_eq!(statics[5].outside_ports, Some((2_400, 2_400)));
    assert_eq!(statics[6].protocol, Some(47));
}

#[test]
fn a_gateway_is_switched_off_in_three_ways() {
    let config = with(
        "alg: { ftp: off, tftp: false, dns: { enabled: false }, skinny: \"off\", rtsp: { ports: [8554], mode: shadow }, sip: on, h323: , ldap: on }
nat: { pools: [ { name: p, prefixes: [203.0.113.0/30] } ], rules: [ { pool: p, alg: { ftp: off } } ] }\n",
    );
    let off: Vec<&str> = config
        .alg
        .iter()
        .filter(|gateway| !gateway.enabled)
        .map(|gateway| gateway.name.as_str())
        .collect();
    assert_eq!(off, ["ftp", "tftp", "dns", "skinny"]);
    assert_eq!(config.alg[4].ports, [8_554]);
    assert_eq!(config.alg[6].ports, [1_718, 1_719, 1_720, 2_517]);
    assert_eq!(config.alg[6].calls_over_udp, [1_720, 2_517]);
    assert!(config.warnings.is_empty());
}

#[test]
fn trunks_are_prefixes_with_or_without_media_of_their_own() {
    let config = with(
        "alg: { sip: { call_timeout: 4h, trunks: [ 10.0.0.5, { address: 10.0.1.0/30, media: [10.0.2.0/24, 10.0.3.1] } ] },
  h323: { trunks: [ { address: 10.0.0.6, media: [10.0.2.0/24] } ] } }
nat: { pools: [ { name: p, prefixes: [203.0.113.0/30] } ], rules: [ { pool: p, alg: { sip: { max_media_lines: 3 } } } ] }\n",
    );
    let sip = config.alg.iter().find_map(|alg| alg.sip.as_ref()).unwrap();
    let texts: Vec<(String, usize)> = config
        .alg
        .iter()
        .flat_map(|alg| &alg.trunks)
        .map(|trunk| (trunk.address.to_string(), trunk.media.len()))
        .collect();
    assert_eq!(
        texts,
        [
            ("10.0.0.5/32".into(), 0),
            ("10.0.1.0/30".into(), 2),
            ("10.0.0.6/32".into(), 1)
        ]
    );
    assert_eq!(
        (sip.call_timeout.as_secs(), sip.max_media_lines),
        (14_400, 8)
    );
    let of_rule = &config.nat.rules[0].alg[0];
    let lines = of_rule.sip.as_ref().unwrap().max_media_lines;
    assert_eq!((lines, of_rule.trunks.len()), (3, 0));
    assert!(config.warnings.is_empty());
}

#[test]
fn short_timeouts_are_warned_about() {
    let config = with(
        "nat: { timeouts: { udp: 2m, tcp_established: 1h, tcp_transitory: 239, icmp: 30s }, hold_down: { time: 0s } }\n",
    );
    assert_eq!(config.nat.timeouts.udp, Duration::from_mins(2));
    assert_eq!(config.nat.timeouts.tcp_opening, Duration::from_secs(239));
    assert_eq!(config.nat.timeouts.tcp_closing, Duration::from_secs(239));
    assert_eq!(config.nat.hold_down.time, Duration::ZERO);
    assert_eq!(config.warnings.len(), 3);
}

#[test]
fn aliases_are_followed() {
    let config = right(
        "interfaces: [ &a { name: a, device: &d x, vlan: 1 }, { name: b, device: *d, vlan: 2 } ]\n",
    );
    assert_eq!(config.interfaces[1].device, "x");
}

#[test]
fn multicast_is_off_until_asked_for_and_keeps_private_groups_in() {
    let groups = |config: &Config, group: &str| {
        let scopes = config.multicast.as_ref().map(|found| &found.scopes);
        scopes.is_some_and(|scopes| scopes.iter().any(|prefix| prefix.contains(ip(group))))
    };
    assert_eq!(with("").multicast, None);
    let keys = "upstream: outside, downstream: [inside]";
    assert_eq!(
        with(&format!("multicast: {{ enabled: false, {keys} }}\n")).multicast,
        None
    );
    let config = with(&format!("multicast: {{ {keys} }}\n"));
    let multicast = config.multicast.as_ref().unwrap();
    assert_eq!((multicast.upstream, &multicast.downstream), (1, &vec![0]));
    assert_eq!((multicast.outward, multicast.groups_max), (true, 1_024));
    assert_eq!(multicast.igmp_version, 3);
    for group in [
        "224.0.1.1",
        "232.1.2.3",
        "233.1.2.3",
        "237.1.2.3",
        "238.255.255.255",
    ] {
        assert!(groups(&config, group), "{group}");
    }
    assert!(!groups(&config, "239.0.0.0") && !groups(&config, "239.255.255.255"));
    let config = with(&format!("multicast: {{ {keys}, scopes: 239.1.0.0/16 }}\n"));
    assert!(groups(&config, "239.1.2.3") && !groups(&config, "233.1.2.3"));
}

#[test]
fn icmp_errors_are_sent_unless_switched_off() {
    let config = right(
        "interfaces:\n  - { name: a, device: d0, icmp_errors: off }\n  - { name: b, device: d1 }\n",
    );
    assert!(!config.interfaces[0].icmp_errors && config.interfaces[1].icmp_errors);
}

/// One of each or several, and what a rule logs by default.
#[test]
fn collectors_are_one_or_several_and_rules_log_blocks() {
    let config = right(
        "interfaces: [ { name: a, device: d0, addresses: [10.0.0.1/24] } ]
nat:
  pools: [ { name: p, prefixes: [203.0.113.0/30] } ]
  rules:
    - { pool: p }
    - { pool: p, log: both, destinations: true }
log:
  ipfix: { collector: \"192.0.2.50:4739\" }
  syslog:
    - { server: \"192.0.2.51:514\", facility: daemon, enterprise: 9 }
    - { server: \"[2001:db8::1]:601\", transport: tcp }
",
    );
    let logs: Vec<RuleLog> = config
        .nat
        .rules
        .iter()
        .filter_map(|rule| match &rule.action {
            Action::Translate(translate) => Some(translate.log),
            _ => None,
        })
        .collect();
    let both = RuleLog {
        sessions: true,
        blocks: true,
        destinations: true,
    };
    assert_eq!(logs, [RuleLog::DEFAULT, both]);
    let [collector] = config.log.ipfix.as_slice() else {
        panic!("{:?}", config.log);
    };
    assert_eq!(collector.transport, Transport::Udp);
    assert_eq!(collector.domain, 0);
    assert_eq!(collector.template_refresh, Duration::from_mins(10));
    let [first, second] = config.log.syslog.as_slice() else {
        panic!("{:?}", config.log);
    };
    assert_eq!((first.facility, first.enterprise), (3, 9));
    assert_eq!((second.facility, second.enterprise), (16, 32473));
    assert_eq!(second.transport, Transport::Tcp);
    assert!(config.log.is_on() && !right(INTERFACES).log.is_on());
}

#[test]
fn a_file_is_read_from_disk() {
    let dir = std::env::temp_dir().join(format!("portolan-config-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("good.yaml");
    std::fs::write(&path, INTERFACES).unwrap();
    assert!(config::load(&path).is_ok());

    std::fs::write(&path, b"a: 1\nb: \xff\n").unwrap();
    let errors = config::load(&path).unwrap_err();
    assert_eq!((errors[0].line(), errors[0].column()), (2, 4));

    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    let errors = config::load(&path).unwrap_err();
    assert!(
        errors[0]
            .to_string()
            .contains(":1:1: the file is larger than 4 MiB; ")
    );

    std::fs::remove_dir_all(&dir).unwrap();
    let errors = config::load(&path).unwrap_err();
    assert!(
        errors[0]
            .to_string()
            .contains(":1:1: cannot read the file: ")
    );
}

/// RFC 7422 section 2: fourteen hosts, C = 14, D = 2.
#[test]
fn a_deterministic_range_may_begin_and_end_anywhere() {
    let config = with(
        "nat: { deterministic: [ { source: 203.0.113.1-203.0.113.14, prefixes: [192.0.2.1/32], ports: 1024-57471 } ] }\n",
    );
    let range = &config.nat.deterministic[0];
    assert_eq!(
        (range.first, range.last()),
        (ip("203.0.113.1"), ip("203.0.113.14"))
    );
    assert_eq!(range.computed.hosts(), 14);
    assert_eq!(range.computed.ports_per_host(), 4_032);
    assert_eq!(range.computed.algorithm(), Algorithm::Sequential);
    assert_eq!(range.max_ports, None);
    assert_eq!(range.host_number(ip("203.0.113.0")), None);
    assert_eq!(range.host_number(ip("203.0.113.1")), Some(0));
    assert_eq!(range.host_number(ip("203.0.113.14")), Some(13));
    assert_eq!(range.host_number(ip("203.0.113.15")), None);
    assert_eq!(range.host(13), Some(ip("203.0.113.14")));
    assert_eq!(range.host(14), None);
    let prefixes: Vec<String> = range.prefixes().iter().map(ToString::to_string).collect();
    assert_eq!(
        prefixes,
        [
            "203.0.113.1/32",
            "203.0.113.2/31",
            "203.0.113.4/30",
            "203.0.113.8/30",
            "203.0.113.12/31",
            "203.0.113.14/32"
        ]
    );
    let config = with(
        "nat: { deterministic: [ { source: 10.80.0.0/20, prefixes: [192.0.2.0/27] }, { source: 255.255.255.254-255.255.255.255, prefixes: [192.0.2.64/32] } ] }\n",
    );
    let prefixes = |range: usize| config.nat.deterministic[range].prefixes();
    assert_eq!(prefixes(0), ["10.80.0.0/20".parse().unwrap()]);
    assert_eq!(prefixes(1), ["255.255.255.254/31".parse().unwrap()]);
    assert!(config.warnings.is_empty());
}

#[test]
fn a_deterministic_range_says_how_ports_are_dealt_out() {
    let of = |keys: &str| {
        let config = with(&format!(
            "nat:\n  pools: [ {{ name: p, prefixes: [203.0.113.0/28] }} ]\n  deterministic:\n    - {{ source: 10.80.0.0/24, prefixes: [192.0.2.0/28], {keys} }}\n"
        ));
        (config.nat.deterministic[0].clone(), config.warnings)
    };
    for (name, algorithm, warned) in [
        ("sequential", Algorithm::Sequential, false),
        ("staggered", Algorithm::Staggered, false),
        ("round-robin", Algorithm::RoundRobin, true),
        ("interlaced", Algorithm::Interlaced, true),
    ] {
        let (range, warnings) = of(&format!("algorithm: {name}"));
        assert_eq!(range.computed.algorithm(), algorithm);
        assert_eq!(!warnings.is_empty(), warned, "{warnings:?}");
        assert!(!warned || warnings[0].contains("against RFC 4787 REQ-2"));
    }
    let (range, warnings) =
        of("algorithm: random, key: a key to be kept, overflow_pool: p, max_ports: 5000");
    let key = Key::from_text("a key to be kept");
    assert_eq!(range.computed.algorithm(), Algorithm::Random(key));
    assert_eq!(range.max_ports, Some(5_000));
    assert!(warnings.is_empty(), "{warnings:?}");
    let (_, warnings) = of("algorithm: random, key: 1234");
    assert!(
        warnings[0].starts_with("a.yaml:7:81: a `key` of less than 16 characters"),
        "{warnings:?}"
    );
    assert!(!warnings[0].contains("1234"), "a key is not shown");
    let (_, warnings) = of("max_ports: 5000");
    assert!(
        warnings[0].contains("a host has 4032 ports and never more"),
        "{warnings:?}"
    );
}

#[test]
fn prefix_sets_stand_for_their_prefixes() {
    let config = with(
        "prefix_sets:
  homes: [10.64.0.0/16, 10.66.0.0/16]
  office: 10.70.0.0/24
  nobody: [10.99.0.0/16]
nat:
  pools: [ { name: p, prefixes: [203.0.113.0/28] } ]
  rules:
    - { pool: p, source: [homes, 10.80.0.0/16], destination: office }
    - { action: pass, source: office }
",
    );
    let shown = |prefixes: &[base::Prefix]| -> Vec<String> {
        prefixes.iter().map(ToString::to_string).collect()
    };
    let rules = &config.nat.rules;
    assert_eq!(
        shown(&rules[0].source),
        ["10.64.0.0/16", "10.66.0.0/16", "10.80.0.0/16"]
    );
    assert_eq!(shown(&rules[0].destination), ["10.70.0.0/24"]);
    assert_eq!(shown(&rules[1].source), ["10.70.0.0/24"]);
    assert_eq!(
        config.warnings,
        [
            "a.yaml:7:3: no rule or class uses prefix set `nobody`; name it in `source` or `destination` of one, or leave it out"
        ]
    );
}

/// Seed 2: class, policy and pair; what it leaves open is dropped.
#[test]
fn zone_policy_is_written_out() {
    let text = format!(
        "{INTERFACES}\
alg: {{ sip: {{ udp: [5060, 5070] }} }}
zones:
  classes:
    - {{ name: sip-class1, protocols: [sip] }}
    - {{ name: web, protocols: [tcp, icmp], destination_ports: [80], source: [10.64.0.0/16], destination: 0.0.0.0/0 }}
  policies:
    - {{ name: sip-policy, classes: [ {{ class: sip-class1, action: inspect }}, {{ class: web, action: pass }} ] }}
    - {{ name: closed }}
  pairs:
    - {{ name: in-out, from: lan, to: wan, policy: sip-policy }}
    - {{ from: default, to: self, policy: closed }}
"
    );
    let config = parse("f.yaml", &text).unwrap();
    let [out, itself] = config.zone_pairs.as_slice() else {
        panic!("two pairs")
    };
    assert_eq!(
        (&*out.name, out.from, out.to),
        ("in-out", ZoneEnd::Zone(0), ZoneEnd::Zone(1))
    );
    let (sip, action) = &out.classes[0];
    assert_eq!((&*sip.name, *action), ("sip-class1", ZoneAction::Inspect));
    let at = |protocol, port| (protocol, Some((port, port)));
    let served = [at(17, 5060), at(17, 5070), at(6, 5060), at(6, 5061)];
    assert_eq!(sip.services.len(), served.len());
    assert!(
        served.iter().all(|one| sip.services.contains(one)),
        "{sip:?}"
    );
    let (web, action) = &out.classes[1];
    assert_eq!(*action, ZoneAction::Pass);
    assert_eq!(web.services, [at(6, 80), (1, None)]);
    assert_eq!(web.source.len(), 1);
    assert!(web.destination.is_empty(), "all addresses");
    assert_eq!(out.last, ZoneAction::Drop);
    assert_eq!(
        (itself.from, itself.to),
        (ZoneEnd::Unzoned, ZoneEnd::Itself)
    );
    assert_eq!((&*itself.name, itself.classes.len()), ("default-self", 0));
}

#[test]
fn zones_are_warned_about() {
    let text = format!(
        "{INTERFACES}\
alg: {{ ftp: off }}
zones: {{ classes: [ {{ name: ftp, protocols: [ftp] }} ] }}
"
    );
    let config = parse("a.yaml", &text).unwrap();
    let warnings = config::warnings(&config);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("no policy has the class `ftp`"));
    assert!(warnings[1].contains("the gateway `ftp` is off"));
}
