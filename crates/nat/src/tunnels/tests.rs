//! Windows, and a model of hosts and gateways that know what belongs to whom.

use base::{Nanos, Ticks};
use proptest::prelude::*;

use super::{Gate, Inside, Tunnels, Unclear};

const GATE: Gate = Gate {
    outside: 0xcb00_7101,
    remote: 0xc000_0201,
    realm: 0,
};

fn host(nth: u32) -> Inside {
    Inside {
        address: 0x0a40_0000 + nth,
        realm: 0,
        rule: 0,
    }
}

fn at(seconds: u64) -> Ticks {
    Nanos::from_secs(seconds).ticks()
}

fn tunnels(members: u32) -> Tunnels {
    Tunnels::with_capacity(members, 7, Nanos::from_secs(1800))
}

#[test]
fn a_second_host_waits_until_the_first_has_its_answer() {
    let mut tunnels = tunnels(8);
    assert_eq!(tunnels.begin(GATE, host(1), at(0)), Ok(()));
    assert_eq!(tunnels.begin(GATE, host(2), at(1)), Err(Unclear::Busy));
    assert_eq!(tunnels.slots(), 1, "a refusal changes nothing");
    assert_eq!(tunnels.whose(GATE, at(1)), Ok(host(1)));
    tunnels.paired(GATE, host(1), at(1));
    assert_eq!(tunnels.windows_closed(), 1);
    assert_eq!(tunnels.begin(GATE, host(2), at(1)), Ok(()));
    assert_eq!(tunnels.whose(GATE, at(1)), Ok(host(2)));
}

#[test]
fn other_gateways_and_other_addresses_are_not_waited_for() {
    let mut tunnels = tunnels(8);
    let address = Gate { outside: 1, ..GATE };
    let gateway = Gate { remote: 1, ..GATE };
    let realm = Gate { realm: 1, ..GATE };
    for (nth, gate) in (1..).zip([GATE, address, gateway, realm]) {
        assert_eq!(tunnels.begin(gate, host(nth), at(0)), Ok(()));
    }
    assert_eq!(tunnels.begin(gateway, host(3), at(0)), Ok(()), "its own");
    assert_eq!(tunnels.whose(gateway, at(0)), Ok(host(3)));
}

#[test]
fn a_window_closes_by_itself() {
    let mut tunnels = tunnels(8);
    tunnels.begin(GATE, host(1), at(0)).unwrap();
    assert_eq!(tunnels.begin(GATE, host(2), at(4)), Err(Unclear::Busy));
    assert_eq!(tunnels.begin(GATE, host(2), at(5)), Ok(()));
    assert_eq!(tunnels.whose(GATE, at(10)), Err(Unclear::Many));
}

#[test]
fn the_gateway_may_be_first_after_a_negotiation() {
    let mut tunnels = tunnels(8);
    tunnels.begin(GATE, host(1), at(0)).unwrap();
    tunnels.paired(GATE, host(1), at(0));
    tunnels.negotiate(GATE, host(2), at(0)).unwrap();
    assert_eq!(tunnels.begin(GATE, host(1), at(0)), Err(Unclear::Busy));
    assert_eq!(tunnels.whose(GATE, at(0)), Ok(host(2)));
    tunnels.paired(GATE, host(2), at(0));
    assert!(
        tunnels.is_busy(GATE, host(1), at(0)),
        "its own SPI is to come"
    );
    tunnels.begin(GATE, host(2), at(0)).unwrap();
    assert!(!tunnels.is_busy(GATE, host(1), at(0)));
}

/// Two pairs are agreed upon before the first is used.
#[test]
fn a_window_stays_open_for_all_that_was_negotiated() {
    let mut tunnels = tunnels(8);
    tunnels.negotiate(GATE, host(1), at(0)).unwrap();
    tunnels.negotiate(GATE, host(1), at(0)).unwrap();
    for _ in 0..2 {
        assert!(tunnels.is_busy(GATE, host(2), at(0)));
        tunnels.begin(GATE, host(1), at(0)).unwrap();
        tunnels.paired(GATE, host(1), at(0));
    }
    assert!(!tunnels.is_busy(GATE, host(2), at(0)));
}

#[test]
fn who_has_negotiated_and_not_heard_is_meant_when_no_window_is_open() {
    let mut tunnels = tunnels(8);
    assert_eq!(tunnels.whose(GATE, at(0)), Err(Unclear::Nobody));
    tunnels.begin(GATE, host(1), at(0)).unwrap();
    tunnels.paired(GATE, host(1), at(0));
    tunnels.negotiate(GATE, host(2), at(0)).unwrap();
    assert_eq!(tunnels.whose(GATE, at(60)), Ok(host(2)));
    tunnels.paired(GATE, host(2), at(60));
    assert_eq!(tunnels.whose(GATE, at(60)), Err(Unclear::Many));
}

#[test]
fn what_is_silent_is_forgotten_and_its_room_used_again() {
    let mut tunnels = tunnels(4);
    for nth in 0..4 {
        tunnels.join(GATE, host(nth), at(0)).unwrap();
    }
    assert!(tunnels.join(GATE, host(9), at(1000)).is_none());
    tunnels.join(GATE, host(2), at(1700)).unwrap();
    tunnels.sweep(at(1900), 4);
    assert_eq!(tunnels.whose(GATE, at(1900)), Ok(host(2)));
    for nth in 10..13 {
        tunnels.join(GATE, host(nth), at(1900)).unwrap();
    }
    assert!(tunnels.join(GATE, host(13), at(1900)).is_none());
    tunnels.sweep(at(9000), 64);
    assert!(
        tunnels.gates.get(0).is_none(),
        "with the last of its members"
    );
}

/// One step of the hosts and their gateways.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A host would negotiate, if it may.
    Negotiate(u8),
    /// It would send by its new SPI without negotiating.
    Begin(u8),
    /// The gateway sends by the SPI it was told last, if it has not yet.
    Answer(u8),
    Wait(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..6u8).prop_map(Step::Negotiate),
        (0..6u8).prop_map(Step::Begin),
        (0..6u8).prop_map(Step::Answer),
        (0..2u8).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..200)
}

proptest! {
    /// A gateway answers only what it was asked, within the time of a window: then no SPI is
    /// ever given to another host, whoever is first.
    #[test]
    fn what_is_answered_in_time_is_never_given_to_another(steps in steps()) {
        let mut tunnels = tunnels(16);
        let gates = [GATE, Gate { remote: 5, ..GATE }];
        let (mut now, mut asked) = (0u64, [[None::<u64>; 6]; 2]);
        for step in steps {
            let place = |nth: u8| (usize::from(nth % 2), usize::from(nth));
            match step {
                Step::Wait(seconds) => {
                    now += u64::from(seconds);
                    // What was not answered in time never is.
                    for since in asked.iter_mut().flatten() {
                        *since = since.filter(|since| now - since <= 3);
                    }
                }
                Step::Negotiate(nth) | Step::Begin(nth) => {
                    let (gate, host_) = place(nth);
                    let others = asked[gate].iter().enumerate();
                    let others = others.filter(|(at, since)| *at != host_ && since.is_some()).count();
                    let negotiates = matches!(step, Step::Negotiate(_));
                    let begun = if negotiates {
                        tunnels.negotiate(gates[gate], host(u32::from(nth)), at(now))
                    } else {
                        tunnels.begin(gates[gate], host(u32::from(nth)), at(now))
                    };
                    prop_assert!(begun.is_err() || others == 0, "two at once");
                    if begun.is_ok() {
                        asked[gate][host_] = Some(now);
                        if negotiates {
                            tunnels.begin(gates[gate], host(u32::from(nth)), at(now)).unwrap();
                        }
                    }
                }
                Step::Answer(nth) => {
                    let (gate, host_) = place(nth);
                    if asked[gate][host_].take().is_some() {
                        let whose = tunnels.whose(gates[gate], at(now));
                        prop_assert_eq!(whose, Ok(host(u32::from(nth))));
                        tunnels.paired(gates[gate], host(u32::from(nth)), at(now));
                    }
                }
            }
        }
    }
}
