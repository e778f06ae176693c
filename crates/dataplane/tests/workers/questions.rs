//! What a worker is asked, and by whom it is heard.

use dataplane::{Command, Inspect, Row, Ticket};
use nat::Notice;
use testkit::udp;

use crate::appliance::INSIDE;
use crate::crowd::{HOSTS, IDLE, crowd};

#[test]
fn no_more_rows_come_once_nobody_waits_for_them() {
    let mut appliance = crowd(IDLE);
    let (given_up, next) = (Ticket(1), Ticket(2));
    appliance.command(&Command::Inspect(given_up, Inspect::Subscribers));
    for _ in 0..3 {
        appliance.turn();
    }
    appliance.command(&Command::Enough);
    for _ in 0..100 {
        appliance.turn();
    }
    appliance.command(&Command::Inspect(next, Inspect::Mappings));
    let mut rows = Vec::new();
    for _ in 0..1000 {
        appliance.turn();
        appliance.slow.turn(appliance.now);
        rows.extend(appliance.slow.take_rows());
    }
    let of = |wanted| rows.iter().filter(move |(_, ticket, _)| *ticket == wanted);
    let subscribers = of(given_up).count();
    assert!(
        (1..HOSTS as usize / 2).contains(&subscribers),
        "{subscribers} rows"
    );
    assert!(of(given_up).all(|(.., row)| matches!(row, Row::Subscriber(_))));
    let mappings = of(next).filter(|(.., row)| matches!(row, Row::Mapping(_)));
    let ends = of(next).filter(|(.., row)| matches!(row, Row::End(0)));
    assert_eq!((mappings.count(), ends.count()), (HOSTS as usize, 1));
}

/// A reader who takes its time holds up its rows, and nothing else.
#[test]
fn what_happens_is_heard_of_though_nobody_fetches_rows() {
    let mut appliance = crowd(IDLE);
    appliance.command(&Command::Inspect(Ticket(1), Inspect::Sessions));
    for _ in 0..1000 {
        appliance.turn();
        appliance.slow.turn(appliance.now);
    }
    appliance.receive(0, INSIDE, &udp("100.127.0.1:4000 > 198.51.100.2:4500"));
    appliance.turn();
    appliance.slow.turn(appliance.now);
    let notices = appliance.slow.take_notices();
    assert!(
        matches!(notices[..], [(_, 0, Notice::BlockLent(_))]),
        "{notices:?}"
    );
}
