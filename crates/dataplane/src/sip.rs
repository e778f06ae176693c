//! What a SIP message means beyond its bytes: the doors of its call, and what the database of
//! calls hears of it.

use alg::Host as _;
use alg::sip::{Message, Turn};
use appproto::{Endpoint, Transport};
use arrayvec::ArrayVec;
use base::{Direction, Nanos};
use nat::door::Door;
use nat::{Attached, Fate, SessionView, Shard};
use pktio::{Io, RingReceiver, RingSender};

use crate::calls::{CALL_ID, CallId, CallReport};
use crate::gateway::Session;
use crate::worker::Worker;

/// The number of a message's call. Its `Call-ID` counts as far as the `@`: the host behind that is
/// another one on the other side.
pub(crate) fn call_of(shard: &Shard, view: &SessionView, bytes: &[u8], message: &Message) -> u32 {
    let call_id = message.summary.call_id.of(message.span.of(bytes));
    let host = call_id.iter().rposition(|byte| *byte == b'@');
    let token = host.and_then(|at| call_id.get(..at)).unwrap_or(call_id);
    shard.call_of(view.id, token)
}

/// Does to the doors of a call what a message says.
pub(crate) fn turn(
    shard: &mut Shard,
    direction: Direction,
    call: u32,
    message: &Message,
    call_timeout: Nanos,
    now: Nanos,
) {
    let Some(turn) = message.turn(direction, call_timeout) else {
        return;
    };
    let sooner = |door: &Door, within: Nanos| {
        let left = door.expires.map(|at| at.since(now.ticks()));
        let is_sooner = left.is_some_and(|left| left < base::Ticks::in_duration(within));
        if is_sooner && within.0 > 0 {
            Fate::Same
        } else {
            Fate::Within(within)
        }
    };
    shard.revise_call(call, now, |door| match turn {
        Turn::Rings(time) if !door.answers && !door.agreed => Fate::Within(time),
        Turn::Agreed(time) if !door.answers => Fate::Agreed(time),
        Turn::Renewed(time) if !door.answers => Fate::Within(time),
        Turn::Refused { within } if !door.agreed => sooner(door, within),
        Turn::Over { within } => sooner(door, within),
        Turn::Granted if door.answers => {
            let granted = message.granted((door.outside.address, door.outside.port));
            Fate::Within(granted.unwrap_or_default())
        }
        Turn::Rings(_)
        | Turn::Agreed(_)
        | Turn::Renewed(_)
        | Turn::Refused { .. }
        | Turn::Granted => Fate::Same,
    });
}

impl<I, S, R> Worker<I, S, R>
where
    I: Io,
    S: RingSender<Buf = I::Buf>,
    R: RingReceiver<Buf = I::Buf>,
{
    /// Tells the database of calls about a message, if it wants to hear of it.
    pub(crate) fn tell_of_call(
        &mut self,
        attached: &Attached,
        (view, direction): (&SessionView, Direction),
        (bytes, message): (&[u8], &Message),
        edits: &alg::Edits,
        call: u32,
        now: Nanos,
    ) {
        if attached.shadow || !CallReport::is_wanted(&message.summary) {
            return;
        }
        let text = message.span.of(bytes);
        let timeout = self.shard.sip_settings(view.rule).call_timeout;
        let mut report = CallReport::new(view, direction, text, &message.summary, timeout);
        report.group = call;
        let trunk = (self.shard).trunk(view.rule, attached.gateway, view.out_key.src());
        report.trunk = trunk.map(|trunk| trunk.address);
        if direction == Direction::Inbound {
            report.call_id = inside_call_id(bytes, message, edits);
        } else {
            let session = Session::new(&mut self.shard, *view, attached.gateway, now);
            for line in &mut report.media {
                line.outside = outside_of(&session, line.named, line.transport);
            }
        }
        self.report_call(report);
    }
}

fn outside_of(session: &Session<'_>, inside: Endpoint, transport: Transport) -> Option<Endpoint> {
    (inside.port > 0 && session.is_own(inside.address))
        .then(|| session.outside_of(inside, transport))
        .flatten()
}

/// The `Call-ID` as the inside host has it.
fn inside_call_id(bytes: &[u8], message: &Message, edits: &alg::Edits) -> CallId {
    let within = message.summary.call_id;
    let start = message.span.start + within.start;
    let end = message.span.start + within.end;
    let edit = edits
        .iter()
        .find(|edit| edit.span.start >= start && edit.span.end <= end);
    let Some(edit) = edit else {
        return CallId::new(bytes.get(start..end).unwrap_or_default());
    };
    // The host is at the end; a longer one is told by what is in front.
    let mut text: ArrayVec<u8, { CALL_ID + 64 }> = ArrayVec::new();
    let parts = [
        bytes.get(start..edit.span.start).unwrap_or_default(),
        &edit.text,
        bytes.get(edit.span.end..end).unwrap_or_default(),
    ];
    for byte in parts.into_iter().flatten() {
        let _ = text.try_push(*byte);
    }
    CallId::new(&text)
}
