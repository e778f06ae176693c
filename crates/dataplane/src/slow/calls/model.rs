//! The database against a list: whatever is said, in whatever order, the same calls are there,
//! and in the end none.

use proptest::prelude::*;

use super::tests::{IN, OUT, said};
use super::*;
use crate::calls::CallId;
use appproto::sip::{Kind, Method};
use base::Direction;

const CAPACITY: usize = 4;

/// A call as somebody would write it on paper.
#[derive(Clone, Debug)]
struct Noted {
    who: (u8, u32, &'static str),
    state: CallState,
    /// The INVITE, and who has sent it.
    invite: (u32, Direction),
    answered: bool,
    open: Vec<u64>,
    closed: Vec<u64>,
    /// When it is forgotten.
    until: u64,
    /// What its session timer says.
    timer: Option<u64>,
}

#[derive(Debug, Default)]
struct Paper {
    calls: Vec<Noted>,
    begun: u64,
    gone: u64,
    refused: u64,
}

impl Paper {
    fn forget(&mut self, gone: impl Fn(&Noted) -> bool) {
        let before = self.calls.len();
        self.calls.retain(|call| !gone(call));
        self.gone += (before - self.calls.len()) as u64;
    }

    fn hear(&mut self, who: (u8, u32, &'static str), one: &CallReport, now: u64) {
        let (number, method) = one.cseq.unwrap();
        let is_request = matches!(one.kind, Kind::Request(_));
        if !self.calls.iter().any(|call| call.who == who) {
            if !is_request || method != Method::Invite {
                return;
            }
            if self.calls.len() == CAPACITY {
                let oldest = self
                    .calls
                    .iter()
                    .position(|call| call.state != CallState::Established);
                let Some(oldest) = oldest else {
                    self.refused += 1;
                    return;
                };
                self.calls.remove(oldest);
                self.gone += 1;
            }
            self.begun += 1;
            self.calls.push(Noted {
                who,
                state: CallState::Calling,
                invite: (number, one.direction),
                answered: false,
                open: Vec::new(),
                closed: Vec::new(),
                until: 0,
                timer: None,
            });
        }
        let call = self.calls.iter_mut().find(|call| call.who == who).unwrap();
        let was_ended = call.state == CallState::Ended;
        let is_waiting = matches!(call.state, CallState::Calling | CallState::Ringing);
        let is_to_invite = one.direction != call.invite.1 && number >= call.invite.0;
        let mut is_over = false;
        match (one.kind, method) {
            (Kind::Request(Method::Invite), _) => {
                let other = (number, one.direction) != call.invite;
                if is_waiting && other && (one.direction != call.invite.1 || number > call.invite.0)
                {
                    call.invite = (number, one.direction);
                }
                if was_ended && other && one.dialog.is_none() {
                    let fresh = Noted {
                        who,
                        state: CallState::Calling,
                        invite: (number, one.direction),
                        answered: false,
                        open: Vec::new(),
                        closed: Vec::new(),
                        until: 0,
                        timer: None,
                    };
                    *call = fresh;
                }
            }
            (Kind::Request(Method::Cancel), _)
                if is_waiting && (number, one.direction) == call.invite =>
            {
                call.state = CallState::Ended;
            }
            (Kind::Request(Method::Bye), _) => call.hang_up(one.dialog),
            (Kind::Response(101..=199), Method::Invite)
                if call.state == CallState::Calling && is_to_invite =>
            {
                call.state = CallState::Ringing;
            }
            (Kind::Response(200..=299), Method::Invite) => {
                let taken = match call.state {
                    CallState::Established => true,
                    CallState::Ended => !call.answered && is_to_invite,
                    _ => is_to_invite,
                };
                if taken && !one.dialog.is_some_and(|it| call.closed.contains(&it)) {
                    call.state = CallState::Established;
                    call.answered = true;
                    call.open.extend(one.dialog);
                    call.open.sort_unstable();
                    call.open.dedup();
                    call.timer = one.session_expires.map(|secs| now + u64::from(secs) + 32);
                }
            }
            (Kind::Response(200..=299), Method::Update) if call.state == CallState::Established => {
                call.timer = one.session_expires.map(|secs| now + u64::from(secs) + 32);
            }
            (Kind::Response(300..), Method::Invite) if !call.answered => is_over = is_to_invite,
            (Kind::Response(481), Method::Invite | Method::Update)
                if call.answered && (one.direction == call.invite.1 || number != call.invite.0) =>
            {
                call.hang_up(one.dialog);
            }
            (Kind::Response(code), Method::Bye) => {
                is_over = code >= 200 && code != 401 && code != 407 && was_ended;
            }
            _ => {}
        }
        match call.state {
            CallState::Calling => call.until = now + 180,
            CallState::Ringing => call.until = now + 10_800,
            CallState::Established => call.until = call.timer.unwrap_or(now + 10_800),
            CallState::Ended if !was_ended => call.until = now + 32,
            CallState::Ended => {}
        }
        if is_over {
            self.forget(|call| call.who == who);
        }
    }
}

impl Noted {
    fn hang_up(&mut self, dialog: Option<u64>) {
        if self.state == CallState::Established
            && let Some(dialog) = dialog
            && !self.open.is_empty()
        {
            if !self.open.contains(&dialog) {
                return;
            }
            self.open.retain(|known| *known != dialog);
            self.closed.push(dialog);
        }
        if self.open.is_empty() || dialog.is_none() || self.state != CallState::Established {
            self.state = CallState::Ended;
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Hear((u8, u32, &'static str), Box<CallReport>),
    Wait(u64),
    Clear(&'static str),
}

fn any_report() -> impl Strategy<Value = Step> {
    let who = (0..2_u8, 0..2_u32, prop::sample::select(vec!["a", "b", "c"]));
    let method = prop::sample::select(vec![
        Method::Invite,
        Method::Invite,
        Method::Bye,
        Method::Cancel,
        Method::Update,
        Method::Prack,
    ]);
    let code = prop::sample::select(vec![100, 180, 183, 200, 200, 200, 302, 401, 407, 481, 487]);
    let dialog = prop::option::of(0..3_u64);
    let timer = prop::option::of(90..2000_u32);
    let what = (method, prop::option::of(code), any::<bool>(), 1..4_u32);
    (who, what, dialog, timer).prop_map(|(who, what, dialog, session_expires)| {
        let (method, code, is_out, number) = what;
        let kind = code.map_or(Kind::Request(method), Kind::Response);
        let report = CallReport {
            realm: who.0,
            subscriber: who.1,
            call_id: CallId::new(who.2.as_bytes()),
            cseq: Some((number, method)),
            dialog,
            session_expires,
            ..said(who.2, if is_out { OUT } else { IN }, kind, method)
        };
        Step::Hear(who, Box::new(report))
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => any_report(),
        2 => (1..300_u64).prop_map(Step::Wait),
        1 => (1..20_000_u64).prop_map(Step::Wait),
        1 => prop::sample::select(vec!["a", "b"]).prop_map(Step::Clear),
    ]
}

/// All containers agree.
fn check(calls: &Calls) {
    assert_eq!(calls.index.len(), calls.by_number.len());
    assert_eq!(calls.due.len(), calls.by_number.len());
    for (id, call) in &calls.by_number {
        assert_eq!(calls.index.get(&call.key), Some(id));
        assert!(calls.due.contains(&(call.deadline, *id)));
        let is_unanswered = call.state != CallState::Established;
        assert_eq!(calls.unanswered.contains(id), is_unanswered);
    }
    assert!(
        calls
            .unanswered
            .iter()
            .all(|id| calls.by_number.contains_key(id))
    );
    assert!(calls.by_number.len() <= CAPACITY);
}

proptest! {
    #[test]
    fn whatever_is_said_the_same_calls_are_there(
        steps in prop::collection::vec(any_step(), 1..120),
    ) {
        let mut calls = Calls::new(4);
        let mut counters = Counters::default();
        let mut paper = Paper::default();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Hear(who, report) => {
                    calls.heard(0, &report, Nanos::from_secs(now), &mut counters);
                    paper.hear(who, &report, now);
                }
                Step::Wait(secs) => {
                    now += secs;
                    while calls.expire(Nanos::from_secs(now), &mut counters) > 0 {}
                    paper.forget(|call| call.until <= now);
                }
                Step::Clear(name) => {
                    calls.clear(0, 9, Nanos::from_secs(now), &mut counters, |call| {
                        *call.call_id == *name.as_bytes()
                    });
                    paper.forget(|call| call.who.2 == name);
                }
            }
            check(&calls);
            let (views, _) = calls.views(0, usize::MAX, Nanos::from_secs(now));
            let seen = views.iter().map(|call| {
                let who = (call.realm, call.subscriber, call.call_id.to_vec());
                (who, call.state, call.expires)
            });
            let noted = paper.calls.iter().map(|call| {
                let (realm, subscriber, name) = call.who;
                let left = Nanos::from_secs(call.until - now);
                ((realm, subscriber, name.as_bytes().to_vec()), call.state, left)
            });
            prop_assert_eq!(seen.collect::<Vec<_>>(), noted.collect::<Vec<_>>());
        }
        let value = |counter| counters.value(counter);
        prop_assert_eq!(value(Counter::CallBegun), paper.begun);
        prop_assert_eq!(value(Counter::CallRefused), paper.refused);
        let gone = [
            Counter::CallEnded,
            Counter::CallExpired,
            Counter::CallDisplaced,
            Counter::CallCleared,
        ];
        prop_assert_eq!(gone.map(value).iter().sum::<u64>(), paper.gone);

        // Nothing is for ever: two days without a word, and all memory is given back.
        while calls.expire(Nanos::from_secs(now + 200_000), &mut counters) > 0 {}
        prop_assert!(calls.by_number.is_empty() && calls.index.is_empty());
        prop_assert!(calls.due.is_empty() && calls.unanswered.is_empty());
        prop_assert_eq!(calls.next_due(), None);
    }
}
