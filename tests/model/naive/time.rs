//! Time: what ends by itself, one after the other.

use super::Naive;
use crate::packet::Sent;
use crate::setup::{Millis, Setup};

/// The next thing to end, by its number or place.
enum Due {
    Session(u64),
    Port(usize),
    Block(usize),
    Syn(usize),
}

impl Naive {
    /// Moves time on.
    pub(crate) fn advance(&mut self, until: Millis) {
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= until) {
            self.now = at;
            match due {
                Due::Session(number) => self.end_session(number),
                Due::Port(place) => {
                    let port = self.resting.remove(place);
                    self.freed(port.outside);
                }
                Due::Block(place) => self.return_block(place),
                Due::Syn(place) => {
                    let sent = self.syns.remove(place).sent;
                    let counter = if self.is_taken_up(&sent) {
                        "hold.syn_matched"
                    } else {
                        "hold.syn_answered"
                    };
                    self.count(counter);
                }
            }
        }
        self.now = until;
    }

    fn next_due(&self) -> Option<(Millis, Due)> {
        let sessions = self.sessions.iter().map(|session| {
            let at = session.last_seen + Setup::timeout(session.state);
            (at, Due::Session(session.number))
        });
        let ports = (0..).zip(&self.resting);
        let ports = ports.map(|(place, port)| (port.until, Due::Port(place)));
        let blocks = (0..).zip(&self.blocks);
        let blocks =
            blocks.filter_map(|(place, block)| Some((Self::returns_at(block)?, Due::Block(place))));
        let syns = (0..).zip(&self.syns);
        let syns = syns.map(|(place, syn)| (syn.due, Due::Syn(place)));
        let all = sessions.chain(ports).chain(blocks).chain(syns);
        all.min_by_key(|(at, _)| *at)
    }

    /// Whether a held SYN's connection was opened from inside meanwhile.
    fn is_taken_up(&self, sent: &Sent) -> bool {
        self.sessions.iter().any(|one| {
            one.protocol == sent.protocol()
                && ((one.remote, one.outside) == (sent.src, sent.dst)
                    || (one.inside, one.remote) == (sent.src, sent.dst))
        })
    }
}
