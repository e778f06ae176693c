//! Single steps, and any of them against a list.

use proptest::prelude::*;

use super::*;

fn place(address: u32, port: u16) -> Place {
    Place {
        address,
        port,
        realm: 0,
    }
}

fn door(port: u16) -> Door {
    Door {
        outside: place(0xcb00_7101, port),
        protocol: 17,
        remote: Remote::ANY,
        inside: place(0x0a40_000a, port),
        uses: Uses::Left(1),
        origin: Origin::Gateway(Gateway::Tftp),
        parent: Some(Parent::Session(5)),
        subscriber: Some(SubscriberId(0)),
        expires: Some(Ticks(100)),
        answers: false,
        kind: 0,
        agreed: false,
    }
}

fn doors(capacity: u32, share: u16) -> Doors {
    Doors::with_capacity(capacity, 4, share, 1, Ticks(0))
}

fn opened(doors: &mut Doors, door: Door) -> DoorId {
    match doors.open(door) {
        Ok(OpenedDoor::New(id)) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_last_flow_shuts_the_door_behind_it() {
    let mut doors = doors(4, 4);
    let wanted = Door {
        uses: Uses::Left(2),
        ..door(4000)
    };
    let id = opened(&mut doors, wanted);
    assert_eq!(doors.find(wanted.outside, 17, 1, 1), Some(id));
    assert_eq!(doors.find(wanted.outside, 6, 1, 1), None);
    assert_eq!(doors.enter(id), Some(wanted));
    assert_eq!(doors.get(id).map(|door| door.uses), Some(Uses::Left(1)));
    assert!(doors.enter(id).is_some());
    assert_eq!((doors.enter(id), doors.live()), (None, 0));
    assert_eq!(doors.find(wanted.outside, 17, 1, 1), None);
    assert_eq!(doors.share_of(SubscriberId(0)), 0);
}

/// G3: a door points only at the subscriber that asked.
#[test]
fn an_endpoint_of_one_host_is_not_opened_for_another() {
    let mut doors = doors(4, 4);
    let first = door(4000);
    opened(&mut doors, first);
    let mut other = first;
    other.inside.address += 1;
    assert_eq!(doors.open(other), Err(DoorRefusal::Taken));
    other.inside = first.inside;
    other.inside.port += 1;
    assert_eq!(doors.open(other), Err(DoorRefusal::Taken));
    other.outside.realm = 1;
    opened(&mut doors, other);
    assert_eq!(doors.live(), 2);
}

#[test]
fn a_door_is_narrowed_to_who_is_told() {
    let mut doors = doors(8, 8);
    let mine = opened(&mut doors, door(4000));
    let others = Door {
        parent: Some(Parent::Session(6)),
        ..door(4000)
    };
    let others = opened(&mut doors, others);
    let again = Door {
        remote: Remote {
            address: Some(7),
            port: None,
        },
        ..door(4000)
    };
    opened(&mut doors, again);
    let only = Remote {
        address: Some(9),
        port: Some(6256),
    };
    // Of the two of this parent one is left, and the other's stays what it was.
    let closed = doors.narrow(again.outside, 17, Parent::Session(5), only);
    assert_eq!(
        closed.map(|door| door.parent),
        Some(Some(Parent::Session(5)))
    );
    assert_eq!(
        doors.narrow(again.outside, 17, Parent::Session(5), only),
        None
    );
    assert_eq!(doors.live(), 2);
    let left: Vec<_> = [mine, others]
        .into_iter()
        .filter_map(|id| doors.get(id))
        .chain((0..doors.slots()).filter_map(|slot| doors.at(slot)))
        .filter(|door| door.parent == Some(Parent::Session(5)))
        .map(|door| door.remote)
        .collect();
    assert!(!left.is_empty() && left.iter().all(|remote| *remote == only));
    assert_eq!(doors.get(others).map(|door| door.remote), Some(Remote::ANY));
    // At another endpoint, or of another protocol, there is nothing to narrow.
    assert_eq!(
        doors.narrow(again.outside, 6, Parent::Session(5), Remote::ANY),
        None
    );
    assert_eq!(
        doors.narrow(
            place(0xcb00_7101, 4001),
            17,
            Parent::Session(5),
            Remote::ANY
        ),
        None
    );
    assert!(left.iter().all(|remote| remote.admits(9, 6256)));
}

#[test]
fn all_doors_of_a_parent_are_renewed_at_once() {
    let mut doors = doors(8, 8);
    let of_parent: Vec<_> = (0..3)
        .map(|port| opened(&mut doors, door(4000 + port)))
        .collect();
    let other = Door {
        parent: Some(Parent::Session(6)),
        ..door(5000)
    };
    let other = opened(&mut doors, other);
    doors.renew_of(Parent::Session(5), Ticks(900));
    assert!(
        doors.has_of(Parent::Session(5))
            && doors.has_of(Parent::Session(6))
            && !doors.has_of(Parent::Session(7))
    );
    let mut budget = 100;
    assert_eq!(
        doors
            .close_expired(Ticks(500), &mut budget)
            .map(|door| door.parent),
        Some(Some(Parent::Session(6)))
    );
    assert_eq!(doors.close_expired(Ticks(500), &mut budget), None);
    assert_eq!(doors.get(other), None);
    assert!(of_parent.iter().all(|id| doors.get(*id).is_some()));
    for _ in of_parent {
        assert!(doors.close_expired(Ticks(901), &mut budget).is_some());
    }
    assert!(!doors.has_of(Parent::Session(5)));
}

#[test]
fn who_opens_a_door_again_renews_it() {
    let mut doors = doors(4, 4);
    let id = opened(&mut doors, door(4000));
    for (expires, uses) in [
        (Some(Ticks(300)), Uses::Many),
        (Some(Ticks(200)), Uses::Left(3)),
        (None, Uses::Many),
    ] {
        let again = Door {
            uses,
            expires,
            ..door(4000)
        };
        assert_eq!(doors.open(again), Ok(OpenedDoor::Renewed(id)));
        assert_eq!(doors.get(id), Some(&again));
        let mut budget = 10;
        assert_eq!(doors.close_expired(Ticks(150), &mut budget), None);
        assert_eq!(doors.next_due().is_some(), expires.is_some());
    }
    assert_eq!((doors.live(), doors.share_of(SubscriberId(0))), (1, 1));
}

/// PROTOCOLS B4.4: a registration's door is not shortened by a call from the same contact.
#[test]
fn where_somebody_answers_the_longest_time_counts() {
    let mut doors = doors(4, 4);
    let contact = Door {
        parent: None,
        answers: true,
        ..door(5060)
    };
    let id = opened(&mut doors, contact);
    for (asked, expected) in [(50, 100), (300, 300), (200, 300)] {
        let expires = Some(Ticks(asked));
        let again = Door { expires, ..contact };
        assert_eq!(doors.open(again), Ok(OpenedDoor::Renewed(id)));
        assert_eq!(
            doors.get(id).and_then(|door| door.expires),
            Some(Ticks(expected))
        );
    }
    assert!(doors.answering(contact.outside, 17).is_some());
    assert!(doors.answering(contact.outside, 6).is_none());
    let mut budget = 10;
    assert_eq!(doors.close_expired(Ticks(250), &mut budget), None);
    doors.set_expiry(id, Some(Ticks(260)));
    assert!(doors.close_expired(Ticks(270), &mut budget).is_some());
}

#[test]
fn the_doors_of_a_call_are_found_one_after_the_other() {
    let mut doors = doors(8, 8);
    let call = Some(Parent::Call(5));
    for (port, parent) in [
        (4000, call),
        (4002, door(0).parent),
        (4004, call),
        (4006, call),
    ] {
        opened(
            &mut doors,
            Door {
                parent,
                ..door(port)
            },
        );
    }
    let mut ports = Vec::new();
    let mut next = doors.first_of(Parent::Call(5));
    while let Some(id) = next {
        next = doors.next_of(id);
        doors.agree(id);
        let door = doors.close(id).expect("it is open");
        assert!(door.agreed);
        ports.push(door.outside.port);
    }
    ports.sort_unstable();
    assert_eq!(ports, [4000, 4004, 4006]);
    assert_eq!((doors.live(), doors.first_of(Parent::Call(5))), (1, None));
}

#[test]
fn the_door_that_asks_for_most_is_taken() {
    let mut doors = doors(4, 4);
    let any = door(4000);
    let ids = [(None, None), (Some(7), None), (Some(7), Some(9))].map(|(address, port)| {
        let remote = Remote { address, port };
        opened(&mut doors, Door { remote, ..any })
    });
    assert_eq!(doors.find(any.outside, 17, 7, 9), Some(ids[2]));
    assert_eq!(doors.find(any.outside, 17, 7, 8), Some(ids[1]));
    assert_eq!(doors.find(any.outside, 17, 8, 9), Some(ids[0]));
    doors.close(ids[0]);
    assert_eq!(doors.find(any.outside, 17, 8, 9), None);
}

#[test]
fn a_share_is_not_exceeded_nor_the_table() {
    let mut doors = doors(3, 2);
    opened(&mut doors, door(4000));
    opened(&mut doors, door(4001));
    assert_eq!(doors.open(door(4002)), Err(DoorRefusal::Share));
    let others = |port| Door {
        subscriber: None,
        ..door(port)
    };
    opened(&mut doors, others(4002));
    assert_eq!(doors.open(others(4003)), Err(DoorRefusal::Full));
    let unusable = Door {
        uses: Uses::Left(0),
        ..door(4000)
    };
    assert_eq!(doors.open(unusable), Err(DoorRefusal::NoUses));
    assert_eq!(
        doors
            .close_of(Parent::Session(5))
            .map(|door| door.outside.port),
        Some(4002)
    );
    opened(&mut doors, others(4003));
}

#[test]
fn one_endpoint_does_not_fill_the_table() {
    let mut doors = doors(100, 100);
    let to = |n| Door {
        remote: Remote {
            address: Some(n),
            port: None,
        },
        ..door(4000)
    };
    let refused = (0..100).find(|n| doors.open(to(*n)).is_err());
    assert_eq!(refused, Some(32));
}

/// Many calls with media at one place: it stays open for the last of them.
#[test]
fn of_many_calls_at_one_endpoint_the_first_to_end_gives_place() {
    let mut doors = doors(100, 100);
    let of_call = |call: u32| Door {
        parent: Some(Parent::Call(call)),
        expires: Some(Ticks(200 - call)),
        ..door(4000)
    };
    for call in 0..32 {
        assert_eq!(doors.to_be_replaced(&of_call(99)), None);
        opened(&mut doors, of_call(call));
    }
    assert_eq!(doors.open(of_call(32)), Err(DoorRefusal::Full));
    let first = doors.to_be_replaced(&of_call(32)).expect("one of them");
    assert_eq!(doors.close(first), Some(of_call(31)));
    opened(&mut doors, of_call(32));
    let other = Door {
        remote: Remote {
            address: Some(7),
            port: None,
        },
        ..of_call(33)
    };
    assert_eq!(doors.to_be_replaced(&other), None);
}

#[derive(Clone, Debug)]
enum Step {
    Open(Door),
    Enter(u32, u8, u32, u16),
    Close(usize),
    CloseOf(Parent),
    Time(u32),
}

fn any_door() -> impl Strategy<Value = Door> {
    let remote = (prop::option::of(0..2_u32), prop::option::of(0..2_u16));
    (
        (0..3_u32, 0..2_u8, 0..8_u32, 0..3_u16),
        remote,
        prop::option::of(0..3_u32),
        prop::option::weighted(0.9, 1..400_u32),
        prop::option::of(0..2_u32),
    )
        .prop_map(
            |((outside, protocol, inside, uses), remote, parent, expires, subscriber)| Door {
                outside: place(outside, 4000),
                protocol,
                remote: Remote {
                    address: remote.0,
                    port: remote.1,
                },
                // Mostly one of its own.
                inside: place(if inside == 0 { 99 } else { outside }, 5000),
                uses: if uses == 0 {
                    Uses::Many
                } else {
                    Uses::Left(uses)
                },
                origin: Origin::Gateway(Gateway::Ftp),
                parent: parent.map(parent_of),
                subscriber: subscriber.map(SubscriberId),
                expires: expires.map(Ticks),
                answers: false,
                kind: 0,
                agreed: false,
            },
        )
}

/// A session and a call of the same number, and another session.
const fn parent_of(number: u32) -> Parent {
    match number {
        0 => Parent::Call(1),
        number => Parent::Session(number),
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any_door().prop_map(Step::Open),
        2 => (0..3_u32, 0..2_u8, 0..2_u32, 0..2_u16).prop_map(|(a, p, r, q)| Step::Enter(a, p, r, q)),
        1 => any::<prop::sample::Index>().prop_map(|n| Step::Close(n.index(24))),
        1 => (0..3_u32).prop_map(|parent| Step::CloseOf(parent_of(parent))),
        1 => (0..60_u32).prop_map(Step::Time),
    ]
}

/// What a table of doors is, without any art.
#[derive(Default)]
struct List(Vec<Door>);

const CAPACITY: usize = 20;
const SHARE: usize = 6;

impl List {
    fn open(&mut self, door: Door) -> Result<bool, DoorRefusal> {
        let is_there =
            |other: &&mut Door| other.outside == door.outside && other.protocol == door.protocol;
        if self
            .0
            .iter_mut()
            .filter(is_there)
            .any(|other| other.inside != door.inside)
        {
            return Err(DoorRefusal::Taken);
        }
        if let Some(open) = self
            .0
            .iter_mut()
            .filter(is_there)
            .find(|other| other.is_same(&door))
        {
            open.uses = door.uses;
            open.expires = door.expires;
            return Ok(false);
        }
        let share = self
            .0
            .iter()
            .filter(|other| other.subscriber == door.subscriber);
        if door.subscriber.is_some() && share.count() >= SHARE {
            return Err(DoorRefusal::Share);
        }
        if self.0.len() >= CAPACITY {
            return Err(DoorRefusal::Full);
        }
        self.0.push(door);
        Ok(true)
    }

    fn best(&self, outside: Place, protocol: u8, remote: u32, port: u16) -> Option<u8> {
        self.0
            .iter()
            .filter(|door| {
                door.outside == outside
                    && door.protocol == protocol
                    && door.remote.admits(remote, port)
            })
            .map(|door| door.remote.strictness())
            .max()
    }

    fn take(&mut self, door: &Door) {
        let at = self.0.iter().position(|other| other == door);
        self.0.swap_remove(at.expect("a door of the list"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_table_does_what_a_list_does(steps in prop::collection::vec(any_step(), 0..200)) {
        let mut doors = Doors::with_capacity(20, 2, 6, 3, Ticks(0));
        let (mut list, mut now) = (List::default(), Ticks(0));
        for step in steps {
            match step {
                Step::Open(door) => {
                    let door = Door { expires: door.expires.map(|at| now.plus(at.0)), ..door };
                    let opened = doors.open(door).map(|done| matches!(done, OpenedDoor::New(_)));
                    prop_assert_eq!(opened, list.open(door));
                }
                Step::Enter(outside, protocol, remote, port) => {
                    let outside = place(outside, 4000);
                    let found = doors.find(outside, protocol, remote, port);
                    let strictness = found.and_then(|id| doors.get(id)).map(|door| door.remote.strictness());
                    prop_assert_eq!(strictness, list.best(outside, protocol, remote, port));
                    if let Some(id) = found {
                        let door = doors.enter(id).unwrap();
                        list.take(&door);
                        match door.uses {
                            Uses::Left(1) => {}
                            Uses::Left(n) => list.0.push(Door { uses: Uses::Left(n - 1), ..door }),
                            Uses::Many => list.0.push(door),
                        }
                    }
                }
                Step::Close(slot) => {
                    let slot = DoorId(u32::try_from(slot).unwrap());
                    if let Some(door) = doors.close(slot) {
                        list.take(&door);
                    }
                }
                Step::CloseOf(parent) => {
                    while let Some(door) = doors.close_of(parent) {
                        prop_assert_eq!(door.parent, Some(parent));
                        list.take(&door);
                    }
                    prop_assert!(list.0.iter().all(|door| door.parent != Some(parent)));
                }
                Step::Time(ticks) => {
                    now = now.plus(ticks);
                    let mut budget = 1000;
                    while let Some(door) = doors.close_expired(now, &mut budget) {
                        prop_assert!(now.reached(door.expires.unwrap()));
                        list.take(&door);
                    }
                    let is_over = |door: &Door| door.expires.is_some_and(|at| now.reached(at));
                    prop_assert!(!list.0.iter().any(is_over));
                }
            }
            let mut open: Vec<_> = (0..doors.slots()).filter_map(|slot| doors.at(slot)).collect();
            prop_assert_eq!(open.len(), doors.live() as usize);
            prop_assert_eq!(open.len(), list.0.len());
            open.retain(|door| !list.0.contains(door));
            prop_assert!(open.is_empty());
            for subscriber in [SubscriberId(0), SubscriberId(1)] {
                let share = list.0.iter().filter(|door| door.subscriber == Some(subscriber)).count();
                prop_assert_eq!(usize::from(doors.share_of(subscriber)), share);
            }
        }
    }
}
