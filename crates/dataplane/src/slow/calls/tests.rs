//! Calls as people hear them.

use appproto::sip::{Flow, Kind, MediaKind, Method};
use appproto::{Endpoint, Transport};
use base::{Counter, Counters, Direction, Nanos, Prefix};
use nat::MediaFigures;

use super::call::{ANSWER, LINGER};
use super::*;
use crate::calls::{CallId, CallMedia, CallReport};

pub(super) const TIMEOUT: Nanos = Nanos::from_secs(10_800);
pub(super) const OUT: Direction = Direction::Outbound;
pub(super) const IN: Direction = Direction::Inbound;

const ALICE: u32 = 0x6440_0007;
const BOB: u32 = 0x6440_0008;
const DIALOG: u64 = 1;

/// A message without a body.
pub(super) fn said(call_id: &str, direction: Direction, kind: Kind, method: Method) -> CallReport {
    CallReport {
        realm: 0,
        outside_realm: 0,
        subscriber: ALICE,
        trunk: None,
        call_id: CallId::new(call_id.as_bytes()),
        group: 0,
        timeout: TIMEOUT,
        direction,
        kind,
        cseq: Some((1, method)),
        dialog: Some(DIALOG),
        session_expires: None,
        has_sdp: false,
        media: arrayvec::ArrayVec::new(),
    }
}

fn asks(method: Method, direction: Direction) -> CallReport {
    said("one", direction, Kind::Request(method), method)
}

fn answers(code: u16, method: Method, direction: Direction) -> CallReport {
    said("one", direction, Kind::Response(code), method)
}

fn invite() -> CallReport {
    CallReport {
        dialog: None,
        ..asks(Method::Invite, OUT)
    }
}

fn numbered(number: u32, report: CallReport) -> CallReport {
    CallReport {
        cseq: report.cseq.map(|(_, method)| (number, method)),
        ..report
    }
}

fn with_timer(secs: u32, report: CallReport) -> CallReport {
    CallReport {
        session_expires: Some(secs),
        ..report
    }
}

fn with_media(media: &[CallMedia], report: CallReport) -> CallReport {
    CallReport {
        has_sdp: true,
        media: media.iter().copied().collect(),
        ..report
    }
}

const fn at(address: u32, port: u16) -> Endpoint {
    Endpoint { address, port }
}

/// A line of the inside host's, mapped to the port above.
const fn ours(kind: MediaKind, port: u16) -> CallMedia {
    CallMedia {
        kind,
        transport: Transport::Udp,
        flow: Flow::SendRecv,
        rejected: false,
        named: at(ALICE, port),
        outside: Some(at(0xcb00_7101, port + 1)),
    }
}

const fn theirs(kind: MediaKind, port: u16) -> CallMedia {
    CallMedia {
        named: at(0xc633_640a, port),
        outside: None,
        ..ours(kind, 0)
    }
}

/// The database, and a clock.
struct Desk {
    calls: Calls,
    counters: Counters,
    now: Nanos,
}

impl Desk {
    fn new() -> Self {
        Self::with_room_for(16)
    }

    fn with_room_for(calls: u32) -> Self {
        Self {
            calls: Calls::new(calls),
            counters: Counters::default(),
            now: Nanos::from_secs(1000),
        }
    }

    fn hear(&mut self, reports: &[CallReport]) {
        for report in reports {
            self.calls.heard(0, report, self.now, &mut self.counters);
        }
    }

    fn pass(&mut self, time: Nanos) {
        self.now = self.now.plus(time);
        while self.calls.expire(self.now, &mut self.counters) > 0 {}
    }

    fn views(&self) -> Vec<CallView> {
        self.calls.views(0, usize::MAX, self.now).0
    }

    fn states(&self) -> Vec<CallState> {
        self.views().iter().map(|call| call.state).collect()
    }

    #[track_caller]
    fn only(&self) -> CallView {
        let mut views = self.views();
        assert_eq!(views.len(), 1, "{views:?}");
        views.remove(0)
    }

    #[track_caller]
    fn expect(&self, counts: &[(Counter, u64)]) {
        for (counter, count) in counts {
            assert_eq!(self.counters.value(*counter), *count, "{}", counter.name());
        }
    }

    /// An answered call.
    fn answered() -> Self {
        let mut desk = Self::new();
        desk.hear(&[invite(), answers(200, Method::Invite, IN)]);
        desk
    }

    /// An answered call with audio, whose ports are 4000 inside and 6000 outside.
    fn talking() -> Self {
        let mut desk = Self::new();
        desk.hear(&[
            with_media(&[ours(MediaKind::Audio, 4000)], invite()),
            with_media(
                &[theirs(MediaKind::Audio, 6000)],
                answers(200, Method::Invite, IN),
            ),
        ]);
        desk
    }
}

const SECOND: Nanos = Nanos::from_secs(1);

// --- states ------------------------------------------------------------------

#[test]
fn a_call_rings_is_answered_hung_up_and_gone() {
    let mut desk = Desk::new();
    desk.hear(&[invite()]);
    assert_eq!(desk.only().state, CallState::Calling);
    desk.hear(&[answers(100, Method::Invite, IN)]);
    assert_eq!(desk.only().state, CallState::Calling);
    desk.hear(&[answers(180, Method::Invite, IN)]);
    assert_eq!(desk.only().state, CallState::Ringing);
    desk.pass(SECOND);
    desk.hear(&[answers(200, Method::Invite, IN)]);
    let call = desk.only();
    assert_eq!((call.state, call.age), (CallState::Established, SECOND));
    desk.hear(&[asks(Method::Bye, IN)]);
    assert_eq!(desk.only().state, CallState::Ended);
    desk.hear(&[answers(200, Method::Bye, OUT)]);
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallBegun, 1), (Counter::CallEnded, 1)]);
}

#[test]
fn a_call_from_outside_is_the_same_the_other_way_round() {
    let mut desk = Desk::new();
    desk.hear(&[CallReport {
        direction: IN,
        ..invite()
    }]);
    desk.hear(&[answers(183, Method::Invite, OUT)]);
    assert_eq!(desk.only().state, CallState::Ringing);
    desk.hear(&[answers(200, Method::Invite, OUT)]);
    assert_eq!(desk.only().state, CallState::Established);
}

#[test]
fn only_an_invite_begins_a_call() {
    let mut desk = Desk::new();
    for method in Method::ALL {
        if method != Method::Invite {
            desk.hear(&[asks(method, OUT)]);
        }
        desk.hear(&[answers(200, method, IN)]);
    }
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallBegun, 0)]);
}

/// RFC 3261 section 12: whoever restarts hears of a call in its middle.
#[test]
fn an_invite_within_an_unknown_dialog_makes_it_known_once_it_is_answered() {
    let mut desk = Desk::new();
    desk.hear(&[asks(Method::Invite, OUT)]);
    assert_eq!(desk.only().state, CallState::Calling);
    desk.hear(&[answers(200, Method::Invite, IN)]);
    assert_eq!(desk.only().state, CallState::Established);
}

#[test]
fn responses_from_the_caller_itself_mean_nothing() {
    let mut desk = Desk::new();
    desk.hear(&[invite(), answers(180, Method::Invite, OUT)]);
    desk.hear(&[answers(200, Method::Invite, OUT)]);
    desk.hear(&[answers(486, Method::Invite, OUT)]);
    assert_eq!(desk.only().state, CallState::Calling);
}

// --- whose ---------------------------------------------------------------------

/// P3: two clients that use the same `Call-ID`.
#[test]
fn clients_with_the_same_call_id_have_a_call_each() {
    let mut desk = Desk::new();
    let bobs = |report| CallReport {
        subscriber: BOB,
        ..report
    };
    desk.hear(&[invite(), bobs(invite())]);
    desk.hear(&[answers(200, Method::Invite, IN)]);
    let calls = desk.views();
    let states: Vec<_> = calls
        .iter()
        .map(|call| (call.subscriber, call.state))
        .collect();
    assert_eq!(
        states,
        [(ALICE, CallState::Established), (BOB, CallState::Calling)]
    );
    desk.hear(&[bobs(answers(486, Method::Invite, IN))]);
    assert_eq!(desk.only().subscriber, ALICE);
}

#[test]
fn the_same_client_in_another_realm_is_another() {
    let mut desk = Desk::new();
    desk.hear(&[
        invite(),
        CallReport {
            realm: 1,
            ..invite()
        },
    ]);
    let realms: Vec<_> = desk.views().iter().map(|call| call.realm).collect();
    assert_eq!(realms, [0, 1]);
}

#[test]
fn calls_of_a_trunk_are_one_set_whichever_of_its_addresses_speaks() {
    let mut desk = Desk::new();
    let trunk = Some(Prefix::new(core::net::Ipv4Addr::from_bits(ALICE), 28));
    desk.hear(&[CallReport { trunk, ..invite() }]);
    desk.hear(&[CallReport {
        trunk,
        subscriber: BOB,
        ..answers(180, Method::Invite, IN)
    }]);
    let call = desk.only();
    assert_eq!((call.state, call.trunk), (CallState::Ringing, trunk));
    assert_eq!(call.subscriber, BOB);
    // Its own, and not the trunk's.
    desk.hear(&[invite()]);
    assert_eq!(desk.views().len(), 2);
}

#[test]
fn long_call_ids_are_told_apart_by_their_last_byte() {
    let mut desk = Desk::new();
    let long = "x".repeat(crate::calls::CALL_ID);
    for end in ["", "a", "b"] {
        let call_id = CallId::new(format!("{long}{end}").as_bytes());
        desk.hear(&[CallReport {
            call_id,
            ..invite()
        }]);
    }
    assert_eq!(desk.views().len(), 3);
    assert!(
        desk.views()
            .iter()
            .all(|call| *call.call_id == *long.as_bytes())
    );
}

// --- ends ----------------------------------------------------------------------

#[test]
fn a_call_given_up_is_gone_with_its_final_answer() {
    let mut desk = Desk::new();
    desk.hear(&[invite(), answers(180, Method::Invite, IN)]);
    desk.hear(&[asks(Method::Cancel, OUT)]);
    assert_eq!(desk.only().state, CallState::Ended);
    desk.hear(&[answers(487, Method::Invite, IN)]);
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallEnded, 1), (Counter::CallExpired, 0)]);
}

#[test]
fn a_call_given_up_is_gone_without_a_final_answer_too() {
    let mut desk = Desk::new();
    desk.hear(&[invite(), asks(Method::Cancel, OUT)]);
    desk.pass(Nanos(LINGER.0 - 1));
    assert_eq!(desk.only().state, CallState::Ended);
    desk.pass(Nanos(1));
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallEnded, 1), (Counter::CallExpired, 0)]);
}

/// RFC 3261 section 9.1: a CANCEL and the answer may cross.
#[test]
fn a_call_answered_while_it_is_given_up_is_established() {
    let mut desk = Desk::new();
    desk.hear(&[invite(), asks(Method::Cancel, OUT)]);
    desk.hear(&[answers(200, Method::Invite, IN)]);
    assert_eq!(desk.only().state, CallState::Established);
    desk.hear(&[asks(Method::Bye, OUT), answers(200, Method::Invite, IN)]);
    assert_eq!(desk.only().state, CallState::Ended);
}

#[test]
fn only_the_caller_gives_up_and_only_what_has_its_number() {
    let mut desk = Desk::new();
    desk.hear(&[invite(), asks(Method::Cancel, IN)]);
    desk.hear(&[numbered(7, asks(Method::Cancel, OUT))]);
    assert_eq!(desk.only().state, CallState::Calling);
}

#[test]
fn any_final_error_ends_a_call_that_nobody_has_answered() {
    for code in [300, 302, 401, 404, 407, 486, 487, 503, 600, 603, 699] {
        let mut desk = Desk::new();
        desk.hear(&[invite(), answers(code, Method::Invite, IN)]);
        assert_eq!(desk.states(), [], "{code}");
        desk.expect(&[(Counter::CallEnded, 1)]);
    }
}

/// RFC 3261 section 22.2: with credentials the same `Call-ID` comes with a higher `CSeq`.
#[test]
fn an_error_repeated_does_not_end_the_next_attempt() {
    let mut desk = Desk::new();
    desk.hear(&[invite(), answers(407, Method::Invite, IN)]);
    desk.hear(&[numbered(2, invite()), answers(407, Method::Invite, IN)]);
    assert_eq!(desk.only().state, CallState::Calling);
    desk.hear(&[numbered(2, answers(180, Method::Invite, IN))]);
    assert_eq!(desk.only().state, CallState::Ringing);
    desk.hear(&[numbered(2, answers(486, Method::Invite, IN))]);
    assert_eq!(desk.states(), []);
}

/// RFC 3261 section 14.1: the session stays as it was.
#[test]
fn a_refused_change_leaves_the_call_alone() {
    let mut desk = Desk::answered();
    desk.hear(&[numbered(2, asks(Method::Invite, OUT))]);
    desk.hear(&[numbered(2, answers(488, Method::Invite, IN))]);
    desk.hear(&[numbered(3, asks(Method::Cancel, OUT))]);
    assert_eq!(desk.only().state, CallState::Established);
}

/// RFC 3261 section 12.2.1.2.
#[test]
fn a_peer_that_knows_nothing_of_a_call_ends_it() {
    for method in [Method::Invite, Method::Update] {
        let mut desk = Desk::answered();
        desk.hear(&[numbered(2, asks(method, OUT))]);
        desk.hear(&[numbered(2, answers(481, method, IN))]);
        assert_eq!(desk.only().state, CallState::Ended);
    }
}

#[test]
fn a_bye_that_needs_credentials_waits_for_them_as_long_as_they_may_take() {
    let mut desk = Desk::answered();
    desk.hear(&[asks(Method::Bye, OUT), answers(407, Method::Bye, IN)]);
    assert_eq!(desk.only().state, CallState::Ended);
    desk.hear(&[numbered(3, asks(Method::Bye, OUT))]);
    desk.hear(&[numbered(3, answers(481, Method::Bye, IN))]);
    assert_eq!(desk.states(), []);
}

#[test]
fn a_bye_repeated_does_not_keep_a_call() {
    let mut desk = Desk::answered();
    desk.hear(&[asks(Method::Bye, OUT)]);
    desk.pass(Nanos::from_secs(31));
    desk.hear(&[asks(Method::Bye, OUT)]);
    desk.pass(SECOND);
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallEnded, 1)]);
}

/// RFC 3261 section 13.2.2.4: of several answers to a forked INVITE the caller keeps one.
#[test]
fn a_forked_call_ends_with_the_last_of_its_dialogs() {
    let mut desk = Desk::answered();
    let other = |report| CallReport {
        dialog: Some(2),
        ..report
    };
    desk.hear(&[other(answers(200, Method::Invite, IN))]);
    desk.hear(&[other(asks(Method::Bye, OUT))]);
    desk.hear(&[other(answers(200, Method::Bye, IN))]);
    assert_eq!(desk.only().state, CallState::Established);
    // What is repeated of the one that is over does not bring it back.
    desk.hear(&[other(answers(200, Method::Invite, IN))]);
    desk.hear(&[asks(Method::Bye, OUT)]);
    assert_eq!(desk.only().state, CallState::Ended);
}

#[test]
fn a_bye_of_a_dialog_that_is_none_of_it_ends_no_call() {
    let mut desk = Desk::answered();
    desk.hear(&[CallReport {
        dialog: Some(99),
        ..asks(Method::Bye, IN)
    }]);
    assert_eq!(desk.only().state, CallState::Established);
}

#[test]
fn a_call_may_be_made_anew_before_the_old_one_is_gone() {
    let mut desk = Desk::talking();
    desk.hear(&[asks(Method::Bye, OUT), invite()]);
    assert_eq!(desk.only().state, CallState::Ended);
    desk.hear(&[numbered(5, invite())]);
    let call = desk.only();
    assert_eq!((call.state, call.media.len()), (CallState::Calling, 0));
    desk.hear(&[numbered(5, answers(200, Method::Invite, IN))]);
    assert_eq!(desk.only().state, CallState::Established);
}

// --- timers --------------------------------------------------------------------

#[test]
fn a_call_that_nobody_says_a_word_to_is_forgotten_after_three_minutes() {
    let mut desk = Desk::new();
    desk.hear(&[invite()]);
    desk.pass(Nanos(ANSWER.0 - 1));
    assert_eq!(desk.only().expires, Nanos(1));
    desk.hear(&[answers(100, Method::Invite, IN)]);
    desk.pass(Nanos(ANSWER.0 - 1));
    assert_eq!(desk.states().len(), 1);
    desk.pass(Nanos(1));
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallExpired, 1), (Counter::CallEnded, 0)]);
}

#[test]
fn a_call_of_which_nothing_is_heard_is_forgotten_after_its_timeout() {
    let mut desk = Desk::answered();
    assert_eq!(desk.only().expires, TIMEOUT);
    desk.pass(Nanos(TIMEOUT.0 - 1));
    desk.hear(&[numbered(2, asks(Method::Update, OUT))]);
    desk.pass(Nanos(TIMEOUT.0 - 1));
    assert_eq!(desk.states().len(), 1);
    desk.pass(Nanos(1));
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallExpired, 1)]);
}

/// RFC 4028 section 10: whoever hears no refresh hangs up.
#[test]
fn a_session_timer_ends_a_call_that_is_not_refreshed() {
    let mut desk = Desk::new();
    desk.hear(&[
        with_timer(1800, invite()),
        with_timer(600, answers(200, Method::Invite, IN)),
    ]);
    let lasts = Nanos::from_secs(600).plus(LINGER);
    assert_eq!(desk.only().expires, lasts);
    desk.pass(Nanos::from_secs(300));
    // It is the answer that refreshes.
    desk.hear(&[with_timer(600, numbered(2, asks(Method::Update, OUT)))]);
    assert_eq!(desk.only().expires, Nanos(lasts.0 - 300_000_000_000));
    desk.hear(&[with_timer(
        600,
        numbered(2, answers(200, Method::Update, IN)),
    )]);
    assert_eq!(desk.only().expires, lasts);
    desk.pass(lasts);
    assert_eq!(desk.states(), []);
    desk.expect(&[(Counter::CallExpired, 1)]);
}

#[test]
fn an_answer_without_a_session_timer_ends_the_one_that_was() {
    let mut desk = Desk::new();
    desk.hear(&[invite(), with_timer(600, answers(200, Method::Invite, IN))]);
    desk.hear(&[numbered(2, asks(Method::Invite, OUT))]);
    desk.hear(&[numbered(2, answers(200, Method::Invite, IN))]);
    assert_eq!(desk.only().expires, TIMEOUT);
}

/// RFC 4028 section 4: 90 seconds at least; and nobody pins a call for years.
#[test]
fn session_timers_that_cannot_be_meant_are_brought_into_bounds() {
    for (said, meant) in [(0, 90), (u32::MAX, 86_400)] {
        let mut desk = Desk::new();
        desk.hear(&[invite(), with_timer(said, answers(200, Method::Invite, IN))]);
        let lasts = Nanos::from_secs(meant).plus(LINGER);
        assert_eq!(desk.only().expires, lasts);
    }
}

#[test]
fn what_is_due_is_forgotten_in_slices() {
    let mut desk = Desk::with_room_for(100);
    for number in 0..70 {
        let call_id = CallId::new(format!("{number}").as_bytes());
        desk.hear(&[CallReport {
            call_id,
            ..invite()
        }]);
    }
    let now = desk.now.plus(ANSWER);
    assert_eq!(desk.calls.next_due(), Some(now));
    let slices = [0; 4].map(|_| desk.calls.expire(now, &mut desk.counters));
    assert_eq!(slices, [32, 32, 6, 0]);
    assert_eq!(desk.calls.next_due(), None);
}

// --- media ---------------------------------------------------------------------

fn ports(call: &CallView) -> Vec<(u16, u16, &'static str)> {
    let lines = call.media.iter();
    lines
        .map(|line| (line.inside.1, line.outside.1, line.kind))
        .collect()
}

/// RFC 3264 section 8: a line keeps its place; P6.
#[test]
fn later_offers_change_what_is_there() {
    use MediaKind::{Audio, Image, Video};
    let mut desk = Desk::talking();
    assert_eq!(ports(&desk.only()), [(4000, 4001, "audio")]);
    let both = [ours(Audio, 4000), ours(Video, 4010)];
    desk.hear(&[with_media(&both, numbered(2, asks(Method::Invite, OUT)))]);
    assert_eq!(
        ports(&desk.only()),
        [(4000, 4001, "audio"), (4010, 4011, "video")]
    );
    let no_video = [
        theirs(Audio, 6000),
        CallMedia {
            rejected: true,
            ..theirs(Video, 0)
        },
    ];
    desk.hear(&[with_media(
        &no_video,
        numbered(2, answers(200, Method::Invite, IN)),
    )]);
    assert_eq!(ports(&desk.only()), [(4000, 4001, "audio")]);
    // A fax takes the place of the voice.
    desk.hear(&[with_media(&[theirs(Image, 6000)], asks(Method::Invite, IN))]);
    desk.hear(&[with_media(
        &[ours(Image, 4000)],
        answers(200, Method::Invite, OUT),
    )]);
    assert_eq!(ports(&desk.only()), [(4000, 4001, "image")]);
}

#[test]
fn a_call_on_hold_keeps_its_ports() {
    let mut desk = Desk::talking();
    let hold = CallMedia {
        named: at(0, 4000),
        outside: None,
        ..ours(MediaKind::Audio, 4000)
    };
    desk.hear(&[with_media(&[hold], numbered(2, asks(Method::Invite, OUT)))]);
    assert_eq!(ports(&desk.only()), [(4000, 4001, "audio")]);
    assert_eq!(desk.inquired(), []);
}

/// RFC 3262 section 5 and P5: offers and answers in PRACK.
#[test]
fn early_media_are_known_by_any_message_that_carries_them() {
    let mut desk = Desk::new();
    let audio = theirs(MediaKind::Audio, 6000);
    desk.hear(&[
        invite(),
        with_media(&[audio], answers(183, Method::Invite, IN)),
        with_media(&[ours(MediaKind::Audio, 4000)], asks(Method::Prack, OUT)),
    ]);
    assert_eq!(ports(&desk.only()), [(4000, 4001, "audio")]);
}

#[test]
fn media_beyond_the_room_for_lines_are_left_out() {
    let mut desk = Desk::new();
    let many = [ours(MediaKind::Audio, 4000); crate::calls::LINES];
    desk.hear(&[with_media(&many, invite())]);
    assert_eq!(desk.only().media.len(), crate::calls::LINES);
}

// --- health --------------------------------------------------------------------

impl Desk {
    /// What a whole round asks after.
    fn inquired(&mut self) -> Vec<MediaQuestion> {
        let mut asked = Vec::new();
        while self.calls.inquire(self.now, |_, one| asked.push(one)) > 0 {}
        asked
    }

    /// A round in which so much has passed of everything.
    fn round(&mut self, packets: [u64; 2]) -> Health {
        self.pass(ROUND);
        for question in self.inquired() {
            let figures = MediaFigures {
                packets,
                ..MediaFigures::default()
            };
            self.calls.told(question.call, question.line, figures);
        }
        self.only().health
    }
}

#[test]
fn media_are_asked_after_by_both_ends_at_the_worker_that_has_them() {
    let mut desk = Desk::talking();
    let mut asked = Vec::new();
    let count = desk
        .calls
        .inquire(desk.now, |worker, one| asked.push((worker, one)));
    assert_eq!(count, 1);
    let key = FlowKey::new(ALICE, 0xc633_640a, 4000, 6000, protocol::UDP, 0);
    let question = MediaQuestion {
        call: 0,
        line: 0,
        key,
        outside: (0xcb00_7101, 4001),
        outside_realm: 0,
    };
    assert_eq!(asked, [(0, question)]);
    // Once in a round.
    assert_eq!(desk.inquired(), []);
    assert_eq!(desk.calls.next_due(), Some(desk.now.plus(ROUND)));
    desk.pass(ROUND);
    assert_eq!(desk.inquired().len(), 1);
}

#[test]
fn media_that_go_one_way_are_told_from_those_that_go_both() {
    let mut desk = Desk::talking();
    assert_eq!(desk.round([50, 50]), Health::Unknown);
    assert_eq!(desk.round([100, 100]), Health::Good);
    assert_eq!(desk.round([150, 100]), Health::OutboundOnly);
    assert_eq!(desk.round([150, 150]), Health::InboundOnly);
    assert_eq!(desk.round([150, 150]), Health::Silent);
}

#[test]
fn the_worst_line_speaks_for_the_call() {
    use MediaKind::{Audio, Video};
    let mut desk = Desk::new();
    desk.hear(&[
        with_media(&[ours(Audio, 4000), ours(Video, 4010)], invite()),
        with_media(
            &[theirs(Audio, 6000), theirs(Video, 6010)],
            answers(200, Method::Invite, IN),
        ),
    ]);
    for (line, figures) in [(0, [1, 1]), (1, [1, 1]), (0, [2, 2]), (1, [2, 1])] {
        let figures = MediaFigures {
            packets: figures,
            ..MediaFigures::default()
        };
        desk.calls.told(0, line, figures);
    }
    assert_eq!(desk.only().health, Health::OutboundOnly);
}

#[test]
fn what_may_well_go_one_way_is_not_judged() {
    use MediaKind::{Audio, Image};
    let music = CallMedia {
        flow: Flow::SendOnly,
        ..theirs(Audio, 6000)
    };
    for (one, other) in [
        (ours(Audio, 4000), music),
        (ours(Image, 4000), theirs(Image, 6000)),
    ] {
        let mut desk = Desk::new();
        desk.hear(&[
            with_media(&[one], invite()),
            with_media(&[other], answers(200, Method::Invite, IN)),
        ]);
        assert_eq!(desk.inquired(), []);
        assert_eq!(desk.only().health, Health::Unknown);
    }
}

#[test]
fn nobody_is_asked_before_a_call_is_answered_or_after_it_has_ended() {
    let mut desk = Desk::new();
    let audio = theirs(MediaKind::Audio, 6000);
    desk.hear(&[
        with_media(&[ours(MediaKind::Audio, 4000)], invite()),
        with_media(&[audio], answers(183, Method::Invite, IN)),
    ]);
    assert_eq!(desk.inquired(), []);
    let mut desk = Desk::talking();
    desk.hear(&[asks(Method::Bye, OUT)]);
    assert_eq!(desk.inquired(), []);
    // A late answer finds the call, or nothing.
    desk.calls.told(0, 0, MediaFigures::default());
    desk.calls.told(7, 0, MediaFigures::default());
    desk.calls.told(0, 200, MediaFigures::default());
}

/// Else the first call of all would be asked after a round too late.
#[test]
fn the_first_round_begins_with_the_first_answer() {
    let mut desk = Desk::new();
    desk.hear(&[with_media(&[ours(MediaKind::Audio, 4000)], invite())]);
    assert_eq!(desk.inquired(), []);
    assert_eq!(
        desk.calls.next_due(),
        Some(desk.only().expires.plus(desk.now))
    );
    let audio = theirs(MediaKind::Audio, 6000);
    desk.hear(&[with_media(&[audio], answers(200, Method::Invite, IN))]);
    assert_eq!(desk.inquired().len(), 1);
}

#[test]
fn other_ports_are_judged_anew() {
    let mut desk = Desk::talking();
    assert_eq!(desk.round([50, 50]), Health::Unknown);
    assert_eq!(desk.round([100, 50]), Health::OutboundOnly);
    let elsewhere = [theirs(MediaKind::Audio, 6100)];
    desk.hear(&[with_media(&elsewhere, asks(Method::Update, IN))]);
    assert_eq!(desk.only().health, Health::Unknown);
    assert_eq!(desk.round([200, 200]), Health::Unknown);
    assert_eq!(desk.round([250, 250]), Health::Good);
}

// --- room ----------------------------------------------------------------------

fn named(call_id: &str, report: CallReport) -> CallReport {
    CallReport {
        call_id: CallId::new(call_id.as_bytes()),
        ..report
    }
}

#[test]
fn a_full_database_forgets_the_oldest_call_that_is_not_established() {
    let mut desk = Desk::with_room_for(2);
    desk.hear(&[invite(), answers(200, Method::Invite, IN)]);
    desk.hear(&[named("two", invite()), named("three", invite())]);
    let ids: Vec<_> = desk
        .views()
        .iter()
        .map(|call| call.call_id.clone())
        .collect();
    assert_eq!(
        ids,
        [(*b"one").into(), (*b"three").into()] as [Box<[u8]>; 2]
    );
    desk.expect(&[(Counter::CallDisplaced, 1), (Counter::CallRefused, 0)]);
}

#[test]
fn a_database_full_of_established_calls_refuses_others() {
    let mut desk = Desk::with_room_for(1);
    desk.hear(&[invite(), answers(200, Method::Invite, IN)]);
    desk.hear(&[named("two", invite())]);
    assert_eq!(*desk.only().call_id, *b"one");
    desk.expect(&[(Counter::CallDisplaced, 0), (Counter::CallRefused, 1)]);
    // The one that is known goes on.
    desk.hear(&[asks(Method::Bye, OUT), answers(200, Method::Bye, IN)]);
    assert_eq!(desk.states(), []);
}

// --- shown and cleared ---------------------------------------------------------

#[test]
fn calls_are_shown_and_cleared_in_pieces() {
    let mut desk = Desk::new();
    for name in ["a", "b", "c", "d", "e"] {
        desk.hear(&[CallReport {
            group: u32::from(name.as_bytes()[0]),
            ..named(name, invite())
        }]);
    }
    let mut names = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        let (views, next) = desk.calls.views(start, 2, desk.now);
        assert!(views.len() <= 2);
        names.extend(views.into_iter().map(|call| call.call_id));
        from = next;
    }
    assert_eq!(names.concat(), b"abcde");

    let meant = |call: &CallView| *call.call_id != *b"c";
    let (mut cleared, mut from) = (0, Some(0));
    while let Some(start) = from {
        let (count, next) = desk
            .calls
            .clear(start, 2, desk.now, &mut desk.counters, meant);
        (cleared, from) = (cleared + count, next);
    }
    assert_eq!(cleared, 4);
    assert_eq!(*desk.only().call_id, *b"c");
    desk.expect(&[(Counter::CallCleared, 4), (Counter::CallEnded, 0)]);
    let closed: Vec<_> = desk.calls.take_closings();
    let groups = closed.iter().map(|one| (one.worker, one.group));
    let letters = b"abde".map(|letter| (0, u32::from(letter)));
    assert!(groups.eq(letters), "{closed:?}");
}

#[test]
fn doors_of_a_call_that_is_forgotten_are_closed_and_those_of_one_that_made_room_are_not() {
    let mut desk = Desk::with_room_for(1);
    let first = CallReport {
        group: 5,
        ..invite()
    };
    desk.hear(&[first]);
    desk.hear(&[CallReport {
        group: 6,
        ..named("two", invite())
    }]);
    assert_eq!(desk.calls.take_closings(), []);
    desk.pass(ANSWER);
    let closing = Closing {
        worker: 0,
        group: 6,
    };
    assert_eq!(desk.calls.take_closings(), [closing]);
}

/// The documents say what a call takes at most. Nodes of ordered maps may be half empty.
#[test]
fn a_call_takes_less_than_a_kibibyte() {
    let entries = size_of::<(u64, Box<Call>)>()
        + size_of::<(Arc<Key>, u64)>()
        + size_of::<(Nanos, u64)>()
        + size_of::<u64>();
    let key = size_of::<Key>() + crate::calls::CALL_ID;
    let all = size_of::<Call>() + key + 2 * entries;
    assert!(all < 1024, "{all} bytes");
}
