//! Much that ends at once, and a slow path that is busy elsewhere: nothing is lost (RFC
//! 6888 REQ-14 wants every block returned on record).

use core::net::Ipv4Addr;
use std::sync::Arc;

use base::{Counter, Nanos};
use dataplane::{Command, SessionFilter, Ticket};
use nat::Notice;
use nat::settings::Settings;

use crate::appliance::{Appliance, settings};
use crate::crowd::{HOSTS, IDLE, blocks, crowd};

/// A crowd when all sessions have ended: their blocks rest.
fn resting() -> Appliance {
    let mut appliance = crowd(IDLE);
    appliance.now = appliance.now.plus(Nanos::from_secs(301));
    for _ in 0..20_000 {
        appliance.turn();
    }
    assert_eq!(appliance.workers[0].shard().session_count(), 0);
    assert_eq!(blocks(&appliance), u64::from(HOSTS));
    appliance
}

/// Many turns without the slow path, in which not everything ends; then it comes back, and
/// hears of each block once.
#[track_caller]
fn all_is_told(appliance: &mut Appliance) {
    for _ in 0..20_000 {
        appliance.turn();
    }
    let left = blocks(appliance);
    assert!(left < u64::from(HOSTS), "nothing has ended");
    assert!(left > 0, "nobody waited to be heard");
    for _ in 0..20_000 {
        appliance.turn();
        appliance.listen();
    }
    assert_eq!(appliance.counter(0, Counter::EventLost), 0);
    assert_eq!(blocks(appliance), 0);
    let of_block = |notice: &Notice| match notice {
        Notice::BlockReturned(block) => block.inside,
        other => panic!("{other:?}"),
    };
    let mut hosts: Vec<Ipv4Addr> = appliance.heard.iter().map(of_block).collect();
    hosts.sort();
    hosts.dedup();
    assert_eq!(hosts.len(), HOSTS as usize);
    assert_eq!(appliance.heard.len(), HOSTS as usize);
}

#[test]
fn blocks_that_all_expire_at_once_are_all_told_of() {
    let mut appliance = resting();
    appliance.now = appliance.now.plus(IDLE);
    all_is_told(&mut appliance);
}

/// In virtual time too, which does not pass until all has been heard of.
#[test]
fn time_that_jumps_waits_until_all_is_heard_of() {
    let mut appliance = crowd(Nanos(0));
    let then = appliance.now.plus(Nanos::from_secs(301));
    assert!(!appliance.workers[0].catch_up(then));
    assert!(blocks(&appliance) > 0);
    while !appliance.workers[0].catch_up(then) {
        appliance.listen();
    }
    assert_eq!(blocks(&appliance), 0);
    appliance.now = then;
    for _ in 0..HOSTS {
        appliance.turn();
        appliance.listen();
    }
    assert_eq!(appliance.heard.len(), HOSTS as usize);
    assert_eq!(appliance.counter(0, Counter::EventLost), 0);
}

/// Blocks that do not rest go back with their last session.
#[test]
fn blocks_returned_by_a_clear_are_all_told_of() {
    let mut appliance = crowd(Nanos(0));
    appliance.command(&Command::Clear(Ticket(1), SessionFilter::default()));
    all_is_told(&mut appliance);
}

/// Moves to other settings.
fn change(appliance: &mut Appliance, other: &Settings) {
    let layout = appliance.layout.revise(other).unwrap();
    appliance.command(&Command::Change {
        ticket: Ticket(1),
        layout: Arc::new(layout),
        trial: false,
    });
}

#[test]
fn blocks_returned_with_their_addresses_are_all_told_of() {
    for mut appliance in [crowd(IDLE), resting()] {
        let mut other = settings(16, IDLE);
        other.pools[0].addresses.drain(..8);
        change(&mut appliance, &other);
        all_is_told(&mut appliance);
    }
}

#[test]
fn blocks_returned_with_the_sessions_of_a_rule_that_goes_are_all_told_of() {
    let mut appliance = crowd(Nanos(0));
    let mut other = settings(8, Nanos(0));
    other.rules.clear();
    change(&mut appliance, &other);
    all_is_told(&mut appliance);
}
