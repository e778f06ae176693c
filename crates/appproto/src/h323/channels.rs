//! What has to be known between two looks at a session: the channels that are offered and carry no
//! RTP. Who accepts one names its endpoint, but not what it is for.

use crate::{Sender, Transport, frames};

/// As many as are remembered; the older one is forgotten for a third.
const CHANNELS: usize = 2;
/// Bits of one in a word, and of the notes of frames.
const BITS: usize = 19;
const NOTES: usize = 8;

/// A channel that one side has offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Channel {
    number: u16,
    from: Sender,
    transport: Transport,
}

impl Channel {
    const SERVER: u32 = 1 << 16;
    const TCP: u32 = 1 << 17;
    const THERE: u32 = 1 << 18;

    fn to_bits(self) -> u32 {
        let server = if self.from == Sender::Server {
            Self::SERVER
        } else {
            0
        };
        let tcp = if self.transport == Transport::Tcp {
            Self::TCP
        } else {
            0
        };
        u32::from(self.number) | server | tcp | Self::THERE
    }

    fn from_bits(bits: u32) -> Option<Self> {
        let [_, flags, high, low] = bits.to_be_bytes();
        let has = |flag: u32| u32::from(flags) & flag >> 16 != 0;
        has(Self::THERE).then_some(Self {
            number: u16::from_be_bytes([high, low]),
            from: if has(Self::SERVER) {
                Sender::Server
            } else {
                Sender::Client
            },
            transport: if has(Self::TCP) {
                Transport::Tcp
            } else {
                Transport::Udp
            },
        })
    }
}

/// What has to be known between two looks at a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub(super) frames: frames::State,
    channels: [Option<Channel>; CHANNELS],
}

impl State {
    /// As one word, to be kept.
    #[must_use]
    pub fn to_word(self) -> u64 {
        let channels = self.channels.iter().rev().fold(0, |word, channel| {
            word << BITS | u64::from(channel.map_or(0, Channel::to_bits))
        });
        channels << NOTES | u64::from(self.frames.notes)
    }

    /// From that word.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "parts of the word")]
    pub fn from_word(word: u64) -> Self {
        let mut frames = frames::State::default();
        frames.notes = word as u8;
        let channel = |nth: usize| {
            let bits = (word >> NOTES >> (nth * BITS)) as u32 & ((1 << BITS) - 1);
            Channel::from_bits(bits)
        };
        Self {
            frames,
            channels: core::array::from_fn(channel),
        }
    }

    /// A channel is offered: one with that number before was another one.
    pub(super) fn offered(&mut self, number: u16, from: Sender) {
        for channel in &mut self.channels {
            if channel.is_some_and(|known| (known.number, known.from) == (number, from)) {
                *channel = None;
            }
        }
    }

    /// It runs on that, without RTP.
    pub(super) fn carries(&mut self, number: u16, from: Sender, transport: Transport) {
        self.offered(number, from);
        let [first, second] = &mut self.channels;
        if first.is_some() {
            *second = *first;
        }
        *first = Some(Channel {
            number,
            from,
            transport,
        });
    }

    /// What a channel runs on that this side accepts, if it is one without RTP.
    pub(super) fn accepted(&self, number: u16, by: Sender) -> Option<Transport> {
        let mut known = self.channels.iter().flatten();
        let channel = known.find(|channel| channel.number == number && channel.from != by)?;
        Some(channel.transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_channels_are_remembered() {
        let mut state = State::default();
        state.frames.notes = 0x81;
        for number in [1, 2, 0xffff] {
            state.carries(number, Sender::Server, Transport::Tcp);
            state.carries(number, Sender::Client, Transport::Udp);
            state = State::from_word(state.to_word());
            assert_eq!(state.frames.notes, 0x81);
            let accepted = |by| state.accepted(number, by);
            assert_eq!(accepted(Sender::Client), Some(Transport::Tcp));
            assert_eq!(accepted(Sender::Server), Some(Transport::Udp));
        }
        assert_eq!(state.accepted(2, Sender::Client), None);
        // The number is used again, for pictures or sound.
        state.offered(0xffff, Sender::Server);
        assert_eq!(state.accepted(0xffff, Sender::Client), None);
        assert!(state.accepted(0xffff, Sender::Server).is_some());
    }
}
