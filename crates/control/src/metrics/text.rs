//! A snapshot in the text format, version 0.0.4. The number of series depends on the configuration
//! alone, never on how many subscribers or sessions there are.

use std::fmt::{self, Display};

use base::{Counter, Counters};

use super::page::{Kind, Page};
use super::{InterfaceNumbers, PoolNumbers, Snapshot, WorkerNumbers};
use crate::rows::{AlgRow, ZoneRow};

impl Snapshot {
    /// The snapshot as Prometheus reads it.
    ///
    /// # Errors
    ///
    /// [`fmt::Error`] never, in fact: a string takes everything.
    pub fn to_text(&self) -> Result<String, fmt::Error> {
        let mut page = Page(String::with_capacity(32 * 1024));
        page.family(
            "portolan_build_info",
            "Version of the running program.",
            Kind::Gauge,
            [("version", &*self.version, 1)],
        )?;
        self.counters(&mut page)?;
        self.workers(&mut page)?;
        self.subscribers(&mut page)?;
        self.gateways(&mut page)?;
        self.pools(&mut page)?;
        self.interfaces(&mut page)?;
        self.zones(&mut page)?;
        Ok(page.0)
    }

    fn counters(&self, page: &mut Page) -> fmt::Result {
        let mut owners: Vec<(String, &Counters)> = self
            .workers
            .iter()
            .map(|worker| (worker.worker.to_string(), &worker.counters))
            .collect();
        if let Some(counters) = &self.slow_path {
            owners.push(("slow_path".to_owned(), counters));
        }
        for counter in Counter::ALL {
            page.family(
                &counter_name(*counter),
                counter.help(),
                Kind::Counter,
                owners
                    .iter()
                    .map(|(owner, counters)| ("worker", &**owner, counters.value(*counter))),
            )?;
        }
        Ok(())
    }

    fn workers(&self, page: &mut Page) -> fmt::Result {
        type Value = fn(&WorkerNumbers) -> u64;
        const GAUGES: [(&str, &str, Value); 3] = [
            ("portolan_sessions", "Sessions now.", |of| of.sessions),
            ("portolan_mappings", "Mappings now.", |of| of.mappings),
            ("portolan_subscribers", "Subscribers now.", |of| {
                of.subscribers
            }),
        ];
        for (name, help, value) in GAUGES {
            let samples = self
                .workers
                .iter()
                .map(|of| ("worker", of.worker, value(of)));
            page.family(name, help, Kind::Gauge, samples)?;
        }
        page.family(
            "portolan_worker_busy_ratio",
            "Share of time with packets to work on, 0 to 1.",
            Kind::Gauge,
            self.workers.iter().map(|of| ("worker", of.worker, of.busy)),
        )?;
        page.family(
            "portolan_worker_longest_gap_seconds",
            "Longest time between two turns of the last one to two seconds.",
            Kind::Gauge,
            self.workers
                .iter()
                .map(|of| ("worker", of.worker, of.longest_gap)),
        )?;
        self.gaps(page)
    }

    fn gaps(&self, page: &mut Page) -> fmt::Result {
        let name = "portolan_worker_gap_seconds";
        if self.workers.is_empty() {
            return Ok(());
        }
        page.head(name, "Time between two turns.", Kind::Histogram)?;
        for of in &self.workers {
            let mut count = 0;
            for (most, gaps) in &of.gaps {
                count += gaps;
                page.sample(
                    &format!("{name}_bucket"),
                    &[("worker", &of.worker), ("le", &Most(*most))],
                    count,
                )?;
            }
            let worker: [(_, &dyn Display); 1] = [("worker", &of.worker)];
            page.sample(&format!("{name}_sum"), &worker, of.gap_sum)?;
            page.sample(&format!("{name}_count"), &worker, count)?;
        }
        Ok(())
    }

    /// Labelled as a histogram, but a gauge: how many there are now, which may fall.
    fn subscribers(&self, page: &mut Page) -> fmt::Result {
        let all = self.port_spread.iter().map(|(_, there)| there).sum();
        let all = (!self.port_spread.is_empty()).then_some(("le", Most(f64::INFINITY), all));
        let mut count = 0;
        page.family(
            "portolan_subscriber_ports_at_most",
            "Subscribers now that use at most so many ports, of all protocols.",
            Kind::Gauge,
            self.port_spread
                .iter()
                .map(|(most, there)| {
                    count += there;
                    ("le", Most(f64::from(*most)), count)
                })
                .chain(all),
        )
    }

    fn gateways(&self, page: &mut Page) -> fmt::Result {
        type Value = fn(&AlgRow) -> u64;
        const COUNTERS: [(&str, &str, Value); 6] = [
            ("messages", "Messages read.", |of| of.messages),
            ("rewritten", "Messages changed.", |of| of.rewritten),
            ("doors_opened", "Doors opened.", |of| of.doors_opened),
            ("doors_promoted", "Doors that became sessions.", |of| {
                of.doors_promoted
            }),
            ("bypassed", "Sessions released for good.", |of| of.bypassed),
            ("errors", "Messages it could not follow.", |of| of.errors),
        ];
        for (name, help, value) in COUNTERS {
            page.family(
                &format!("portolan_gateway_{name}_total"),
                help,
                Kind::Counter,
                self.gateways
                    .iter()
                    .map(|of| ("gateway", &*of.alg, value(of))),
            )?;
        }
        let methods = self.gateways.iter().filter_map(|of| of.methods.as_ref());
        page.family(
            "portolan_sip_requests_total",
            "SIP requests.",
            Kind::Counter,
            methods
                .flatten()
                .map(|(name, count)| ("method", name, *count)),
        )?;
        let responses = self.gateways.iter().filter_map(|of| of.responses.as_ref());
        page.family(
            "portolan_sip_responses_total",
            "SIP responses.",
            Kind::Counter,
            responses
                .flatten()
                .map(|(name, count)| ("status", name, *count)),
        )?;
        let (established, unanswered) = self.calls;
        page.family(
            "portolan_calls",
            "SIP calls now.",
            Kind::Gauge,
            [
                ("state", "established", established),
                ("state", "unanswered", unanswered),
            ],
        )
    }

    fn pools(&self, page: &mut Page) -> fmt::Result {
        type Value = fn(&PoolNumbers) -> u64;
        // No gauge's name ends with `_total`: that is for counters.
        const GAUGES: [(&str, &str, Value); 4] = [
            ("portolan_pool_blocks", "Port blocks there are.", |of| {
                of.blocks_total
            }),
            ("portolan_pool_blocks_used", "Port blocks lent.", |of| {
                of.blocks_used
            }),
            (
                "portolan_pool_subscribers",
                "Subscribers with an outside address of it.",
                |of| of.subscribers,
            ),
            (
                "portolan_pool_draining",
                "Whether it lends nothing any more.",
                |of| u64::from(of.draining),
            ),
        ];
        for (name, help, value) in GAUGES {
            let samples = self.pools.iter().map(|of| ("pool", &*of.name, value(of)));
            page.family(name, help, Kind::Gauge, samples)?;
        }
        Ok(())
    }

    fn interfaces(&self, page: &mut Page) -> fmt::Result {
        type Value = fn(&InterfaceNumbers) -> u64;
        const COUNTERS: [(&str, &str, Value); 6] = [
            ("rx_packets", "Frames received.", |of| of.rx_packets),
            ("rx_bytes", "Bytes received.", |of| of.rx_bytes),
            (
                "rx_missed",
                "Frames the device lost for want of a buffer.",
                |of| of.rx_missed,
            ),
            ("tx_packets", "Frames sent.", |of| of.tx_packets),
            ("tx_bytes", "Bytes sent.", |of| of.tx_bytes),
            ("tx_dropped", "Frames the device did not take.", |of| {
                of.tx_dropped
            }),
        ];
        page.family(
            "portolan_interface_up",
            "Whether there is a link.",
            Kind::Gauge,
            self.interfaces
                .iter()
                .map(|of| ("interface", &*of.name, u8::from(of.up))),
        )?;
        for (name, help, value) in COUNTERS {
            page.family(
                &format!("portolan_interface_{name}_total"),
                help,
                Kind::Counter,
                self.interfaces
                    .iter()
                    .map(|of| ("interface", &*of.name, value(of))),
            )?;
        }
        Ok(())
    }

    fn zones(&self, page: &mut Page) -> fmt::Result {
        type Value = fn(&ZoneRow) -> u64;
        const COUNTERS: [(&str, &str, Value); 2] = [
            (
                "portolan_zone_packets_total",
                "Packets the class was asked about; those of a class that drops are drops.",
                |of| of.packets,
            ),
            (
                "portolan_zone_sessions_total",
                "Sessions the class has let in.",
                |of| of.sessions,
            ),
        ];
        for (name, help, value) in COUNTERS.into_iter().filter(|_| !self.zones.is_empty()) {
            page.head(name, help, Kind::Counter)?;
            for of in &self.zones {
                page.sample(
                    name,
                    &[
                        ("pair", &of.name),
                        ("from", &of.from),
                        ("to", &of.to),
                        ("class", &of.class),
                        ("action", &of.action),
                    ],
                    value(of),
                )?;
            }
        }
        Ok(())
    }
}

/// `area.thing` as `portolan_area_thing_total`.
fn counter_name(counter: Counter) -> String {
    format!("portolan_{}_total", counter.name().replace('.', "_"))
}

/// The `le` of a place; the last one has no end.
struct Most(f64);

impl Display for Most {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() {
            self.0.fmt(to)
        } else {
            to.write_str("+Inf")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn snapshot() -> Snapshot {
        let mut counters = Counters::default();
        counters.add(Counter::RxPackets, 12);
        let worker = |worker| WorkerNumbers {
            worker,
            counters,
            sessions: 5,
            busy: 0.25,
            longest_gap: 0.000_125,
            gaps: vec![(0.001, 3), (f64::INFINITY, 1)],
            gap_sum: 0.5,
            ..WorkerNumbers::default()
        };
        Snapshot {
            version: "1.2.3".into(),
            workers: vec![worker(0), worker(1)],
            slow_path: Some(Counters::default()),
            port_spread: vec![(0, 4), (1, 2), (2, 1)],
            calls: (7, 2),
            gateways: vec![AlgRow {
                alg: "sip".into(),
                rewritten: 11,
                methods: Some([("INVITE".to_owned(), 6)].into()),
                responses: Some([("180".to_owned(), 8)].into()),
                ..AlgRow::default()
            }],
            pools: vec![PoolNumbers {
                name: "pub\"l\\ic\n".into(),
                blocks_total: 100,
                blocks_used: 7,
                subscribers: 3,
                draining: true,
            }],
            interfaces: vec![InterfaceNumbers {
                name: "inside".into(),
                up: true,
                rx_packets: 9,
                ..InterfaceNumbers::default()
            }],
            zones: vec![ZoneRow {
                name: "in-out".into(),
                from: "home".into(),
                to: "net".into(),
                class: "default".into(),
                action: "drop".into(),
                packets: 13,
                sessions: 0,
            }],
        }
    }

    #[test]
    fn numbers_stand_under_their_names() {
        let text = snapshot().to_text().unwrap();
        for line in [
            "# HELP portolan_rx_packets_total Packets received.",
            "# TYPE portolan_rx_packets_total counter",
            "portolan_rx_packets_total{worker=\"0\"} 12",
            "portolan_rx_packets_total{worker=\"1\"} 12",
            "portolan_rx_packets_total{worker=\"slow_path\"} 0",
            "portolan_drop_no_route_total{worker=\"0\"} 0",
            "# TYPE portolan_sessions gauge",
            "portolan_sessions{worker=\"1\"} 5",
            "portolan_mappings{worker=\"1\"} 0",
            "portolan_subscribers{worker=\"1\"} 0",
            "portolan_worker_busy_ratio{worker=\"0\"} 0.25",
            "portolan_worker_longest_gap_seconds{worker=\"1\"} 0.000125",
            "# TYPE portolan_worker_gap_seconds histogram",
            "portolan_worker_gap_seconds_bucket{worker=\"1\",le=\"0.001\"} 3",
            "portolan_worker_gap_seconds_bucket{worker=\"1\",le=\"+Inf\"} 4",
            "portolan_worker_gap_seconds_sum{worker=\"1\"} 0.5",
            "portolan_worker_gap_seconds_count{worker=\"1\"} 4",
            "portolan_subscriber_ports_at_most{le=\"0\"} 4",
            "portolan_subscriber_ports_at_most{le=\"2\"} 7",
            "portolan_subscriber_ports_at_most{le=\"+Inf\"} 7",
            "portolan_gateway_rewritten_total{gateway=\"sip\"} 11",
            "portolan_sip_requests_total{method=\"INVITE\"} 6",
            "portolan_sip_responses_total{status=\"180\"} 8",
            "portolan_calls{state=\"established\"} 7",
            "portolan_calls{state=\"unanswered\"} 2",
            "portolan_pool_subscribers{pool=\"pub\\\"l\\\\ic\\n\"} 3",
            "portolan_pool_draining{pool=\"pub\\\"l\\\\ic\\n\"} 1",
            "portolan_pool_blocks{pool=\"pub\\\"l\\\\ic\\n\"} 100",
            "portolan_pool_blocks_used{pool=\"pub\\\"l\\\\ic\\n\"} 7",
            "portolan_interface_up{interface=\"inside\"} 1",
            "portolan_interface_rx_packets_total{interface=\"inside\"} 9",
            "portolan_build_info{version=\"1.2.3\"} 1",
            "portolan_zone_packets_total{pair=\"in-out\",from=\"home\",to=\"net\",class=\"default\",action=\"drop\"} 13",
            "portolan_zone_sessions_total{pair=\"in-out\",from=\"home\",to=\"net\",class=\"default\",action=\"drop\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn every_counter_is_there() {
        let text = snapshot().to_text().unwrap();
        for counter in Counter::ALL {
            let sample = format!("\n{}{{worker=\"0\"}} ", counter_name(*counter));
            assert_eq!(text.matches(&sample).count(), 1, "{sample}");
        }
    }

    /// Families in one piece, declared once and before their samples; counters
    /// and nothing else end with `_total`.
    #[test]
    fn the_text_keeps_the_rules_of_the_format() {
        let text = snapshot().to_text().unwrap();
        assert!(text.ends_with('\n') && !text.contains("\n\n"));
        let mut families = HashSet::new();
        let mut family = String::new();
        let mut samples = HashSet::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, sentence) = help.split_once(' ').unwrap();
                assert!(families.insert(name.to_owned()), "{name} twice");
                assert!(!sentence.is_empty(), "{name}");
                name.clone_into(&mut family);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(name, family);
                assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split_once('{').unwrap().0;
                let parts = ["", "_bucket", "_sum", "_count"];
                assert!(
                    parts.iter().any(|part| name == format!("{family}{part}")),
                    "{line}"
                );
                assert!(series.ends_with("\"}"), "{line}");
                assert!(samples.insert(series.to_owned()), "{series} twice");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }

    /// Row O4: subscribers and sessions are in numbers, not in labels, so only what is configured
    /// makes series; this is more than anybody has.
    #[test]
    fn a_large_appliance_has_less_than_100_000_series() {
        let small = snapshot();
        let many = |count: usize| 0..count;
        let spread = |place: u32| (place, 1_000_000);
        let large = Snapshot {
            workers: many(128).map(|_| small.workers[0].clone()).collect(),
            port_spread: (0..64).map(spread).collect(),
            gateways: many(16).map(|_| small.gateways[0].clone()).collect(),
            pools: many(4096).map(|_| small.pools[0].clone()).collect(),
            interfaces: many(256).map(|_| small.interfaces[0].clone()).collect(),
            zones: many(4096).map(|_| small.zones[0].clone()).collect(),
            ..small
        };
        let text = large.to_text().unwrap();
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        assert!((40_000..100_000).contains(&series), "{series}");
    }

    #[test]
    fn families_without_samples_are_left_out() {
        let text = Snapshot::default().to_text().unwrap();
        let families = text.lines().filter(|line| line.starts_with("# TYPE"));
        assert_eq!(families.count(), 2, "the build and calls: {text}");
    }
}
