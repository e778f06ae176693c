//! `nat.outside_source`: remote hosts that get an address towards the inside.

use crate::error::Report;
use crate::interfaces::Interfaces;
use crate::keys::keys;
use crate::model::{Action, OutsideSource, PoolId, Rule};
use crate::pools::Pools;
use crate::section::{Found, Names, Section, list};
use crate::text::{self, shown};

/// Reads the list; the pools it names become one-to-one.
pub(crate) fn read(
    nat: &Section<'_>,
    net: &Interfaces,
    pools: &mut Pools,
    rules: &[Rule],
    report: &mut Report,
) -> Vec<OutsideSource> {
    let mut all: Vec<OutsideSource> = Vec::new();
    let mut names = Names::default();
    let nodes = list(nat, "outside_source", MOST_SOURCES, report);
    for (index, node) in nodes.iter().enumerate() {
        let section = Section::open(node, "an outside source", KEYS, report);
        for (key, example) in [("source", "192.0.2.0/24"), ("pool", "remotes")] {
            if section.lacks(key) {
                section.missing("the outside source", key, example, report);
            }
        }
        let name = section
            .value("name", report, text::name)
            .unwrap_or_else(|| Found {
                at: section.at,
                value: format!("outside-source-{}", index + 1),
            });
        names.add("outside sources", &name, report);
        if rules.iter().any(|rule| rule.name == name.value) {
            let what = format!("a rule is called {} too", shown(&name.value));
            report.error(name.at, what, "give each its own name");
        }
        let vrf = net.vrf(&section, "vrf", report);
        let source = section.prefixes("source", report);
        let pool = section.value("pool", report, text::name);
        let id = pool.as_ref().and_then(|name| pools.named(name, report));
        let (Some(source), Some(pool), Some(id)) = (source, pool, id) else {
            continue;
        };
        if rules.iter().any(|rule| draws_on(rule, id)) {
            let what = format!("a rule takes addresses of pool {}", shown(&pool.value));
            report.error(pool.at, what, "use a pool of its own for remote hosts");
            continue;
        }
        if pools.is_overflow(id) {
            let what = format!(
                "a deterministic range takes ports of pool {}",
                shown(&pool.value)
            );
            report.error(pool.at, what, "use a pool of its own for remote hosts");
            continue;
        }
        if let Some(what) = pools.make_whole(id) {
            report.error(
                pool.at,
                what,
                "remote hosts get whole addresses: leave both out",
            );
            continue;
        }
        let of_pool = pools.list.get(id).map_or(0, |pool| pool.vrf);
        if let Some(vrf) = vrf.filter(|vrf| *vrf != of_pool) {
            let what = format!(
                "the remote hosts are in VRF {} and the pool in VRF {}",
                net.vrf_name(vrf),
                net.vrf_name(of_pool)
            );
            report.error(section.at("vrf"), what, "give the pool that `outside_vrf`");
            continue;
        }
        all.push(OutsideSource {
            name: name.value,
            source: source.into_iter().map(|found| found.value).collect(),
            pool: id,
            vrf: of_pool,
        });
    }
    all
}

keys! {
    pub(crate) KEYS:
        "name" Text,
        "source" Many(&Prefix),
        "pool" Text,
        "vrf" Text;
}
const MOST_SOURCES: usize = 1_024;

fn draws_on(rule: &Rule, pool: PoolId) -> bool {
    matches!(&rule.action, Action::Translate(translate) if translate.pools.contains(&pool))
}
