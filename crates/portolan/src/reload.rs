//! From one configuration to the next, while packets pass.
//!
//! ```text
//!  file ──> Config ──> what needs a restart? refused, by name
//!                 └──> Settings ──revise──> Layout ──> every worker, which moves to it in slices
//!                                              └────> what is added, removed, changed
//! ```
//!
//! What may change: everything under `nat` but for `refusal_code` and
//! `timeouts.fragments`, `limits.vrfs`, `zones` and `log`. Nothing of a file that cannot be taken
//! as a whole is taken.

use std::path::Path;
use std::sync::Arc;

use config::Config;
use config::model::{Limits, Nat, Pool};
use control::reloaded::Reloaded;
use nat::Layout;

use crate::steering;
use portolan::plan::Plan;

/// Entries of one list of differences.
const MOST: usize = 200;

/// Another configuration, ready to be taken.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) config: Config,
    pub(crate) layout: Arc<Layout>,
    /// Without the numbers that only the workers know.
    pub(crate) reloaded: Reloaded,
}

/// Reads a file.
///
/// # Errors
///
/// All that is wrong with it, a line each.
pub(crate) fn read(file: &Path) -> Result<Config, String> {
    config::load(file).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })
}

/// Compares a configuration with the one in force.
///
/// # Errors
///
/// What cannot change without a restart, or has no room beside the old.
pub(crate) fn prepare(
    now: &Config,
    layout: &Layout,
    config: Config,
    dry_run: bool,
) -> Result<Next, String> {
    let fixed = needs_restart(now, &config);
    if !fixed.is_empty() {
        return Err(format!(
            "nothing was changed: {} cannot change at run time; restart, or undo that",
            fixed.join(", ")
        ));
    }
    let settings = Plan::new(&config).settings;
    let revised = layout
        .revise(&settings)
        .map_err(|error| format!("nothing was changed: {error}"))?;
    let mut reloaded = Reloaded {
        dry_run,
        warnings: warnings(&config, &revised),
        ..Reloaded::default()
    };
    differences(&now.nat, &config.nat, &mut reloaded);
    compare(
        "zone pair",
        &now.zone_pairs,
        &config.zone_pairs,
        |pair| &pair.name,
        &mut reloaded,
    );
    if now.limits.vrf_sessions != config.limits.vrf_sessions {
        reloaded.changed.push("limits.vrfs".into());
    }
    if now.protection != config.protection {
        reloaded.changed.push("protection".into());
    }
    if now.log != config.log {
        reloaded.changed.push("log".into());
    }
    for list in [
        &mut reloaded.added,
        &mut reloaded.removed,
        &mut reloaded.changed,
    ] {
        shorten(list);
    }
    Ok(Next {
        config,
        layout: Arc::new(revised),
        reloaded,
    })
}

/// What the file is warned about, and workers left without outside addresses.
fn warnings(config: &Config, layout: &Layout) -> Vec<String> {
    let mut warnings = config::warnings(config);
    if layout.shards() > 1 {
        warnings.extend(steering::starved(layout, &layout.spread()));
    }
    warnings
}

/// The parts that differ and are laid out once, at the start.
fn needs_restart(now: &Config, next: &Config) -> Vec<&'static str> {
    let sizes = |limits: &Limits| Limits {
        vrf_sessions: Vec::new(),
        ..limits.clone()
    };
    [
        ("`dpdk`", now.dpdk != next.dpdk),
        ("`workers`", now.workers != next.workers),
        ("`limits`", sizes(&now.limits) != sizes(&next.limits)),
        ("`control`", now.control != next.control),
        (
            "`interfaces`",
            now.interfaces != next.interfaces || now.vrfs != next.vrfs || now.zones != next.zones,
        ),
        ("`routes`", now.routes != next.routes),
        ("`neighbors`", now.neighbors != next.neighbors),
        ("`multicast`", now.multicast != next.multicast),
        ("`alg`", now.alg != next.alg),
        (
            "`nat.refusal_code`",
            now.nat.refusal_code != next.nat.refusal_code,
        ),
        (
            "`nat.timeouts.fragments`",
            now.nat.timeouts.fragments != next.nat.timeouts.fragments,
        ),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

fn differences(now: &Nat, next: &Nat, reloaded: &mut Reloaded) {
    compare("pool", &now.pools, &next.pools, |pool| &pool.name, reloaded);
    for pool in &next.pools {
        if let Some(before) = now.pools.iter().find(|before| before.name == pool.name) {
            addresses(before, pool, reloaded);
        }
    }
    compare("rule", &now.rules, &next.rules, |rule| &rule.name, reloaded);
    compare(
        "deterministic range",
        &now.deterministic,
        &next.deterministic,
        |range| &range.name,
        reloaded,
    );
    compare(
        "outside source",
        &now.outside_sources,
        &next.outside_sources,
        |source| &source.name,
        reloaded,
    );
    let order = |nat: &Nat| -> Vec<String> {
        let names = nat.rules.iter().map(|rule| rule.name.clone());
        names
            .filter(|name| {
                let known = |nat: &Nat| nat.rules.iter().any(|rule| rule.name == *name);
                known(now) && known(next)
            })
            .collect()
    };
    if order(now) != order(next) {
        reloaded.changed.push("order of the rules".into());
    }
    for one in next.statics.iter().filter(|one| !now.statics.contains(one)) {
        reloaded
            .added
            .push(format!("static mapping {}", one.outside));
    }
    for one in now.statics.iter().filter(|one| !next.statics.contains(one)) {
        reloaded
            .removed
            .push(format!("static mapping {}", one.outside));
    }
    for (what, differs) in [
        ("timeouts", now.timeouts != next.timeouts),
        ("hold_down", now.hold_down != next.hold_down),
        (
            "udp_inbound_refresh",
            now.udp_inbound_refresh != next.udp_inbound_refresh,
        ),
    ] {
        if differs {
            reloaded.changed.push(what.into());
        }
    }
}

fn compare<T: PartialEq>(
    kind: &str,
    now: &[T],
    next: &[T],
    name: impl Fn(&T) -> &String,
    reloaded: &mut Reloaded,
) {
    for one in next {
        let label = format!("{kind} {}", name(one));
        match now.iter().find(|before| name(before) == name(one)) {
            None => reloaded.added.push(label),
            Some(before) if before != one => reloaded.changed.push(label),
            Some(_) => {}
        }
    }
    for one in now {
        if !next.iter().any(|after| name(after) == name(one)) {
            reloaded.removed.push(format!("{kind} {}", name(one)));
        }
    }
}

/// Addresses that come to a pool or leave it.
fn addresses(now: &Pool, next: &Pool, reloaded: &mut Reloaded) {
    let of = |pool: &Pool| -> std::collections::HashSet<std::net::Ipv4Addr> {
        pool.addresses.iter().copied().collect()
    };
    let (before, after) = (of(now), of(next));
    let name = &next.name;
    for address in next.addresses.iter().filter(|one| !before.contains(*one)) {
        reloaded
            .added
            .push(format!("address {address} of pool {name}"));
    }
    for address in now.addresses.iter().filter(|one| !after.contains(*one)) {
        reloaded
            .removed
            .push(format!("address {address} of pool {name}"));
    }
}

fn shorten(list: &mut Vec<String>) {
    let more = list.len().saturating_sub(MOST);
    if more > 0 {
        list.truncate(MOST);
        list.push(format!("and {more} more"));
    }
}
