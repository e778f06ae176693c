//! Single steps. The client (outbound) begins at 1000, the server at 5000; `>` goes to the server.

use super::*;

const OUT: Direction = Direction::Outbound;
const BACK: Direction = Direction::Inbound;

/// What was sent, a segment a line: direction, number, acknowledgement, flags, payload.
#[derive(Default)]
struct Script(Vec<String>);

fn arrow(direction: Direction) -> char {
    if direction == OUT { '>' } else { '<' }
}

impl Outlet for Script {
    fn emit(&mut self, segment: &Emitted<'_>) {
        let mut line = format!(
            "{} {} {}",
            arrow(segment.direction),
            segment.seq.0,
            segment.ack.0
        );
        for (flag, name) in [(FIN, " F"), (RST, " R")] {
            if segment.flags & flag != 0 {
                line += name;
            }
        }
        if !segment.payload.is_empty() {
            line.push(' ');
            line += String::from_utf8_lossy(segment.payload).trim_end();
        }
        self.0.push(line);
    }
}

struct Middle {
    stream: Stream,
    memory: Memory,
    now: Nanos,
    window: u16,
    fate: Option<Fate>,
    windows: Vec<(Direction, u16)>,
}

const LIMITS: Limits = Limits {
    max_message: 2000,
    capacity: 5000,
    patience: Nanos::from_secs(30),
    mss: 1000,
};

impl Middle {
    fn new() -> Self {
        Self {
            stream: Stream::new(LIMITS),
            memory: Memory::new(100_000),
            now: Nanos(0),
            window: 60_000,
            fate: None,
            windows: Vec::new(),
        }
    }

    /// Behind the handshake.
    fn open() -> Self {
        Self::open_to(60_000)
    }

    /// Behind the handshake, with hosts that have so large a window.
    fn open_to(window: u16) -> Self {
        let mut middle = Self::new();
        middle.window = window;
        assert!(middle.put(OUT, 1000, 0, SYN, b"").is_empty());
        assert_eq!(middle.fate, Some(Fate::Pass));
        assert!(middle.put(BACK, 5000, 1001, SYN | ACK, b"").is_empty());
        assert_eq!(middle.fate, Some(Fate::Pass));
        assert_eq!(middle.put(OUT, 1001, 5001, ACK, b""), ["> 1001 5001"]);
        middle
    }

    fn put(
        &mut self,
        direction: Direction,
        seq: u32,
        ack: u32,
        flags: u8,
        payload: &[u8],
    ) -> Vec<String> {
        let options = Options {
            mss: Some(1000),
            sack_permitted: true,
            ..Options::default()
        };
        self.put_with(direction, seq, ack, flags, payload, options)
    }

    fn put_with(
        &mut self,
        direction: Direction,
        seq: u32,
        ack: u32,
        flags: u8,
        payload: &[u8],
        options: Options,
    ) -> Vec<String> {
        let segment = Arrived {
            direction,
            seq: Seq(seq),
            ack: Seq(ack),
            flags,
            window: self.window,
            urgent: 0,
            is_marked: false,
            options,
            payload,
        };
        let mut script = Watched::default();
        let mut around = Around {
            parser: &mut Lines,
            outlet: &mut script,
            memory: &mut self.memory,
            now: self.now,
        };
        self.fate = Some(self.stream.arrived(&segment, &mut around));
        self.windows = script.windows;
        script.script.0
    }

    fn out(&mut self, seq: u32, payload: &str) -> Vec<String> {
        self.put(OUT, seq, 5001, ACK, payload.as_bytes())
    }

    /// Only what the server hears.
    fn put_raw(&mut self, seq: u32, payload: &str) -> Vec<String> {
        let mut heard = Heard(Vec::new());
        let segment = Arrived {
            direction: OUT,
            seq: Seq(seq),
            ack: Seq(5001),
            flags: ACK,
            window: self.window,
            urgent: 0,
            is_marked: false,
            options: Options::default(),
            payload: payload.as_bytes(),
        };
        let mut around = Around {
            parser: &mut Lines,
            outlet: &mut heard,
            memory: &mut self.memory,
            now: self.now,
        };
        self.stream.arrived(&segment, &mut around);
        heard.0
    }

    /// The server acknowledges.
    fn ack(&mut self, ack: u32) -> Vec<String> {
        self.put(BACK, 5001, ack, ACK, b"")
    }

    /// Lets time go to the next thing that is due.
    fn wait(&mut self) -> Vec<String> {
        self.now = self.stream.next_due().unwrap();
        let mut script = Watched::default();
        let mut around = Around {
            parser: &mut Lines,
            outlet: &mut script,
            memory: &mut self.memory,
            now: self.now,
        };
        self.stream.due(&mut around);
        script.script.0
    }
}

/// What goes to the server.
struct Heard(Vec<String>);

impl Outlet for Heard {
    fn emit(&mut self, segment: &Emitted<'_>) {
        if segment.direction == OUT {
            self.0
                .push(String::from_utf8_lossy(segment.payload).into_owned());
        }
    }
}

/// The blocks of the last segment.
struct Last<'a>(&'a mut Blocks);

impl Outlet for Last<'_> {
    fn emit(&mut self, segment: &Emitted<'_>) {
        *self.0 = segment.blocks.clone();
    }
}

#[derive(Default)]
struct Watched {
    script: Script,
    windows: Vec<(Direction, u16)>,
}

impl Outlet for Watched {
    fn emit(&mut self, segment: &Emitted<'_>) {
        self.windows.push((segment.direction, segment.window));
        self.script.emit(segment);
    }
}

#[test]
fn half_a_message_is_acknowledged_and_held_until_the_rest_comes() {
    let mut middle = Middle::open();
    assert_eq!(middle.out(1001, "a x"), ["< 5001 1004"]);
    assert_eq!(middle.memory.used(), 3);
    // The end comes first, then the middle, with bytes that differ: the first ones count.
    assert_eq!(middle.out(1006, "c\n"), ["< 5001 1004"]);
    assert_eq!(
        middle.out(1003, "?yb?"),
        ["> 1001 5001 a <longer>bc", "< 5001 1008"]
    );
    // The sender does not know yet.
    assert_eq!(middle.out(1001, "a x"), ["< 5001 1008"]);
    // Two messages in one segment, and the server's acknowledgement is nobody's news.
    assert_eq!(middle.ack(1014), [""; 0]);
    assert_eq!(middle.memory.used(), 0);
    assert_eq!(
        middle.out(1008, "x\nd\ne"),
        ["> 1014 5001 <longer>\nd", "< 5001 1013"]
    );
    let Some([out, back]) = middle.stream.handed() else {
        panic!("it is open");
    };
    assert_eq!((out.from, out.offset), (1013, 13));
    assert_eq!((back.from, back.offset), (5001, 0));
}

/// Three segments, cut anywhere and in any order.
#[test]
fn no_cut_and_no_order_makes_a_difference() {
    let text = "one x\ntwo yy\n\nthree xyx\n";
    let mut expected = Vec::new();
    rewrite(text.as_bytes(), &mut expected);
    for first in 1..text.len() - 1 {
        for second in first + 1..text.len() {
            for order in [
                [0, 1, 2],
                [0, 2, 1],
                [1, 0, 2],
                [1, 2, 0],
                [2, 0, 1],
                [2, 1, 0],
            ] {
                let mut middle = Middle::open();
                let cuts = [0, first, second, text.len()];
                let mut heard = String::new();
                for piece in order {
                    let part = &text[cuts[piece]..cuts[piece + 1]];
                    let seq = 1001 + u32::try_from(cuts[piece]).unwrap();
                    for line in middle.put_raw(seq, part) {
                        heard += &line;
                    }
                }
                assert_eq!(heard.as_bytes(), expected, "{first} {second} {order:?}");
            }
        }
    }
}

/// RFC 6298 section 5, RFC 9293 section 3.8.3.
#[test]
fn what_is_not_acknowledged_is_sent_again_and_given_up_at_last() {
    let mut middle = Middle::open();
    assert_eq!(middle.out(1001, "x\n").len(), 2);
    let mut waits = Vec::new();
    for _ in 0..15 {
        let before = middle.now;
        assert_eq!(middle.wait(), ["> 1001 5001 <longer>"]);
        waits.push(middle.now.since(before).0 / 1_000_000_000);
    }
    assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(middle.wait(), ["> 1010 5001 R", "< 5001 1003 R"]);
    assert_eq!(middle.stream.cause(), Some(Cause::Unanswered));
    assert!(middle.stream.is_over() && middle.memory.used() == 0);
}

/// RFC 5681 section 3.2.
#[test]
fn three_duplicates_have_the_lost_segment_sent_again() {
    let mut middle = Middle::open();
    let line = [&[b'a'; 999][..], b"\n"].concat();
    for n in 0..4 {
        let seq = 1001 + 1000 * n;
        assert_eq!(middle.put(OUT, seq, 5001, ACK, &line).len(), 2);
    }
    assert_eq!(middle.ack(1001), [""; 0]);
    assert_eq!(middle.ack(1001), [""; 0]);
    let again = middle.ack(1001);
    assert!(again.len() == 1 && again[0].starts_with("> 1001 5001 aaa"));
    // The next is lost as well (RFC 6582 section 3.2).
    let next = middle.ack(2001);
    assert!(next[0].starts_with("> 2001 5001 aaa"));
    assert!(!next[1..].iter().any(|line| line.starts_with('>')));
    assert_eq!(middle.ack(5001), [""; 0]);
    assert_eq!(middle.stream.next_due(), None);
}

/// RFC 3168 section 6.1.2: what was marked counts as lost, once a window.
#[test]
fn a_receiver_that_got_something_marked_slows_the_sender() {
    for (flags, expected) in [(ACK, 1), (ACK | ECE, 0)] {
        let mut middle = Middle::open();
        let line = [&[b'a'; 999][..], b"\n"].concat();
        let to_server =
            |sent: Vec<String>| sent.iter().filter(|line| line.starts_with('>')).count();
        for n in 0..4 {
            let sent = middle.put(OUT, 1001 + 1000 * n, 5001, ACK, &line);
            assert_eq!(to_server(sent), 1);
        }
        middle.put(BACK, 5001, 2001, flags, b"");
        let sent = middle.put(OUT, 5001, 5001, ACK, &line);
        assert_eq!(to_server(sent), expected, "three in flight, then one more");
        // Two are half of what was in flight; what is said again of the same window is no news.
        middle.put(BACK, 5001, 3001, flags, b"");
        let sent = middle.put(BACK, 5001, 4001, flags, b"");
        assert_eq!(to_server(sent), 1 - expected);
    }
}

/// RFC 9293 section 3.8.6.1.
#[test]
fn a_closed_window_is_probed_and_the_sender_held_back() {
    let mut middle = Middle::open();
    middle.window = 0;
    assert_eq!(middle.ack(1001), [""; 0]);
    let mut seq = 1001;
    let line = [&[b'a'; 999][..], b"\n"].concat();
    let mut windows = Vec::new();
    for _ in 0..5 {
        middle.window = 0;
        middle.put(OUT, seq, 5001, ACK, &line);
        windows.extend(middle.windows.iter().map(|(_, window)| *window));
        seq += 1000;
    }
    // What the client was promised before is not taken back, but no more is given.
    assert_eq!(windows.last(), Some(&0));
    for _ in 0..40 {
        let probe = middle.wait();
        assert_eq!(probe, ["> 1001 5001 a"]);
        assert_eq!(middle.ack(1001), [""; 0]);
    }
    middle.window = 3000;
    let sent = middle.ack(1002);
    assert_eq!(sent.len(), 3);
    assert!(sent[0].starts_with("> 1002 5001 aaa"));
    // There is room again, and the client is told.
    let told = middle.ack(4002);
    assert!(told.contains(&"< 5001 6001".to_string()), "{told:?}");
    assert!(
        middle
            .windows
            .iter()
            .any(|(direction, window)| *direction == BACK && *window > 1000)
    );
}

#[test]
fn a_message_larger_than_the_receivers_window_comes_through() {
    let mut middle = Middle::open_to(500);
    assert_eq!(middle.out(1001, &"a".repeat(500)), ["< 5001 1501"]);
    assert!(middle.windows[0].1 >= 1000, "{:?}", middle.windows);
    let sent = middle.put(OUT, 1501, 5001, ACK, &[&[b'b'; 699][..], b"\n"].concat());
    assert_eq!(sent.len(), 2);
    let mut heard = sent[0].len() - "> 1001 5001 ".len();
    assert_eq!(heard, 500);
    for _ in 0..2 {
        let sent = middle.ack(1001 + u32::try_from(heard).unwrap());
        let payload: Vec<_> = sent.iter().filter(|line| line.len() > 12).collect();
        assert_eq!(payload.len(), 1, "{sent:?}");
        heard += (payload[0].len() - "> 1001 5001 ".len()).min(500);
    }
    assert!(heard >= 1199);
}

#[test]
fn a_window_smaller_than_a_segment_is_given_again_and_again() {
    let mut middle = Middle::open_to(500);
    let line = [&[b'a'; 499][..], b"\n"].concat();
    for n in 1..4 {
        let seq = 501 + 500 * n;
        assert_eq!(middle.put(OUT, seq, 5001, ACK, &line).len(), 2);
        assert!(middle.windows.contains(&(BACK, 0)));
        assert_eq!(middle.ack(seq + 500), [format!("< 5001 {}", seq + 500)]);
        assert_eq!(middle.windows, [(BACK, 500)]);
    }
}

/// RFC 9293 section 3.10.7.4: SND.WL1.
#[test]
fn an_older_segment_does_not_open_a_window_again() {
    let mut middle = Middle::open();
    middle.window = 0;
    middle.put(BACK, 5006, 1001, ACK, b"later\n");
    middle.window = 60_000;
    middle.put(BACK, 5001, 1001, ACK, b"soon\n");
    assert_eq!(middle.out(1001, "x\n"), ["< 5012 1003"]);
    assert_eq!(
        middle.put(BACK, 5012, 1001, ACK, b""),
        ["> 1001 5012 <longer>"]
    );
}

/// A server that goes back to what it has lost acknowledges with lower numbers than before; were
/// its window not heard of, every byte from then on would need a probe.
#[test]
fn an_acknowledgement_of_more_tells_the_window_whatever_its_number() {
    let mut middle = Middle::open();
    middle.window = 1000;
    middle.put(BACK, 5006, 1001, ACK | FIN, b"later\n");
    let line = [&[b'a'; 999][..], b"\n"].concat();
    for (seq, segments) in [(1001, 2), (2001, 1)] {
        let sent = middle.put(OUT, seq, 5001, ACK, &line);
        assert_eq!(sent.len(), segments, "{sent:?}");
    }
    let sent = middle.put(BACK, 5001, 2001, ACK, b"");
    let next = sent.first().expect("the rest");
    assert!(next.starts_with("> 2001 5001 aaa"), "{sent:?}");
}

/// RFC 9293 section 3.10.7.4: an acknowledgement in front of what is expected is not read.
#[test]
fn an_acknowledgement_comes_behind_what_is_under_way() {
    let mut middle = Middle::open();
    middle.out(1001, "x\n");
    assert_eq!(middle.put(BACK, 5001, 1001, ACK, b"half"), ["> 1010 5005"]);
}

/// RFC 9293 section 3.8.4.
#[test]
fn whoever_asks_whether_its_peer_is_alive_is_answered_by_the_peer() {
    let mut middle = Middle::open();
    middle.out(1001, "x\n");
    middle.ack(1010);
    for garbage in ["", "?"] {
        assert_eq!(middle.out(1002, garbage), ["> 1009 5001"]);
        assert_eq!(middle.ack(1010), ["< 5001 1003"]);
        assert_eq!(middle.ack(1010), [""; 0]);
    }
    assert_eq!(middle.memory.used(), 0);
}

/// RFC 9293 section 3.6.
#[test]
fn the_end_follows_the_last_byte_and_is_acknowledged_by_the_receiver() {
    let mut middle = Middle::open();
    let end = middle.put(OUT, 1001, 5001, ACK | FIN, b"x\nhalf");
    assert_eq!(end, ["> 1001 5001 F <longer>\nhalf", "< 5001 1007"]);
    assert_eq!(middle.put(OUT, 1007, 5001, ACK | FIN, b""), ["< 5001 1007"]);
    assert_eq!(middle.wait(), ["> 1001 5001 F <longer>\nhalf"]);
    // All but the FIN.
    assert_eq!(middle.ack(1014), [""; 0]);
    assert_eq!(middle.wait(), ["> 1014 5001 F"]);
    assert_eq!(middle.ack(1015), ["< 5001 1008"]);
    // The server goes on for a while.
    let line = middle.put(BACK, 5001, 1015, ACK, b"good\n");
    assert_eq!(line, ["> 1015 5006", "< 5001 1008 good"]);
    let end = middle.put(BACK, 5006, 1015, ACK | FIN, b"");
    assert_eq!(end, ["> 1015 5006", "< 5006 1008 F"]);
    assert_eq!(middle.put(OUT, 1008, 5007, ACK, b""), ["> 1015 5007"]);
    assert_eq!(middle.stream.cause(), Some(Cause::Closed));
    assert_eq!(middle.put(BACK, 5006, 1015, ACK | FIN, b""), [""; 0]);
    assert_eq!(middle.fate, Some(Fate::Over));
}

/// RFC 9293 section 3.5.3, RFC 5961 section 3.2.
#[test]
fn a_reset_that_hits_passes_with_the_receivers_number() {
    let mut middle = Middle::open();
    middle.out(1001, "x\nhalf");
    assert_eq!(middle.put(OUT, 9000, 5001, RST | ACK, b""), [""; 0]);
    // In the window: the receiver has to ask, and its question is passed on.
    assert_eq!(
        middle.put(OUT, 1010, 5001, RST | ACK, b""),
        ["> 1017 5001 R"]
    );
    assert_eq!(middle.ack(1010), ["< 5001 1007"]);
    assert!(!middle.stream.is_over());
    assert_eq!(middle.put(OUT, 1007, 0, RST, b""), ["> 1010 5001 R"]);
    assert_eq!(
        (middle.stream.cause(), middle.memory.used()),
        (Some(Cause::Reset), 0)
    );
}

#[test]
fn a_message_that_is_too_long_passes_as_it_is() {
    let mut middle = Middle::open();
    middle.out(1001, "x\n");
    middle.ack(1010);
    let long = "y".repeat(1000);
    assert_eq!(middle.out(1003, &long), ["< 5001 2003"]);
    let sent = middle.out(2003, &long);
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(sent[0].starts_with("> 1010 5001 yyyy") && sent[0].len() == 1012);
    assert_eq!(middle.stream.cause(), Some(Cause::TooLong));
    // What comes now is the client's own care.
    assert_eq!(middle.out(3003, "x\n"), ["> 3010 5001 x"]);
    assert_eq!(middle.ack(2010), [""; 0]);
    assert_eq!(middle.put(OUT, 1003, 5001, ACK, b"yy"), ["< 5001 3003"]);
    assert!(!middle.stream.is_over());
    // From here on acknowledgements are the server's own.
    assert_eq!(middle.ack(3010), ["< 5001 3003"]);
    assert!(middle.stream.is_over() && middle.memory.used() == 0);
    let [out, back] = middle.stream.handed().unwrap();
    assert_eq!((out.from, out.next, out.offset), (3003, 3005, 7));
    assert_eq!((back.from, back.next, back.offset), (5001, 5001, 0));
}

#[test]
fn patience_with_half_a_message_ends() {
    let mut middle = Middle::open();
    middle.out(1001, "half x");
    assert_eq!(middle.stream.next_due(), Some(Nanos::from_secs(30)));
    assert_eq!(middle.wait(), ["> 1001 5001 half x"]);
    assert_eq!(middle.stream.cause(), Some(Cause::Patience));
    middle.ack(1007);
    assert!(middle.stream.is_over());
}

#[test]
fn without_memory_the_connection_goes_on_and_nothing_is_held() {
    let mut middle = Middle::open();
    middle.memory = Memory::new(10);
    assert_eq!(middle.out(1001, "half x"), ["< 5001 1007"]);
    // Out of order: it will come again.
    assert_eq!(middle.out(1010, "seven..\n"), ["< 5001 1007"]);
    let sent = middle.out(1007, "seven..\n");
    assert_eq!(
        sent,
        ["> 1007 5001 seven..", "> 1001 5001 half x", "< 5001 1007"]
    );
    assert_eq!(middle.stream.cause(), Some(Cause::Memory));
    assert_eq!(middle.ack(1015), ["< 5001 1015"]);
    assert!(middle.stream.is_over());
    assert_eq!(middle.memory.used(), 0);
}

#[test]
fn a_parser_that_has_seen_enough_lets_go_at_once() {
    let mut middle = Middle::open();
    assert_eq!(middle.out(1001, "!x\n"), ["> 1001 5001 !x", "< 5001 1004"]);
    assert_eq!(middle.stream.cause(), Some(Cause::Released));
    assert!(!middle.stream.is_over());
    middle.ack(1004);
    assert!(middle.stream.is_over());
}

/// RFC 2385, RFC 5925: a signature covers the sequence numbers.
#[test]
fn a_signed_connection_is_left_alone() {
    let mut middle = Middle::new();
    let signed = Options {
        is_signed: true,
        ..Options::default()
    };
    middle.put_with(OUT, 1000, 0, SYN, b"", signed);
    assert_eq!(
        (middle.fate, middle.stream.cause()),
        (Some(Fate::Over), Some(Cause::Signed))
    );
    assert_eq!(middle.stream.handed(), None);
}

/// RFC 7413 section 3: data in a SYN need not be taken.
#[test]
fn data_in_a_syn_has_to_come_again() {
    let mut middle = Middle::new();
    middle.put(OUT, 1000, 0, SYN, b"x\n");
    assert_eq!(middle.fate, Some(Fate::PassEmpty));
    middle.put(BACK, 5000, 1001, SYN | ACK, b"");
    assert_eq!(
        middle.out(1001, "x\n"),
        ["> 1001 5001 <longer>", "< 5001 1003"]
    );
}

#[test]
fn a_repeated_handshake_is_answered() {
    let mut middle = Middle::new();
    for _ in 0..2 {
        middle.put(OUT, 1000, 0, SYN, b"");
        assert_eq!(middle.fate, Some(Fate::Pass));
    }
    for _ in 0..2 {
        middle.put(BACK, 5000, 1001, SYN | ACK, b"");
        assert_eq!(middle.fate, Some(Fate::Pass));
        assert_eq!(middle.put(OUT, 1001, 5001, ACK, b""), ["> 1001 5001"]);
    }
    // Nobody was there in the first place.
    let mut middle = Middle::new();
    middle.put(OUT, 1000, 0, SYN, b"");
    middle.put(BACK, 0, 1001, RST | ACK, b"");
    assert_eq!(
        (middle.fate, middle.stream.cause()),
        (Some(Fate::Pass), Some(Cause::Reset))
    );
}

/// RFC 9293 section 3.5.1, figure 9: the client has crashed and begins anew.
#[test]
fn a_host_that_begins_anew_resets_the_old_connection_or_replaces_it() {
    let mut middle = Middle::open();
    middle.out(1001, "x\nhalf");
    middle.put(OUT, 3000, 0, SYN, b"");
    assert_eq!(middle.fate, Some(Fate::Pass));
    assert_eq!(middle.ack(1010), ["< 5001 1007"]);
    assert_eq!(middle.put(OUT, 1007, 0, RST, b""), ["> 1010 5001 R"]);

    let mut middle = Middle::open();
    middle.out(1001, "x\nhalf");
    middle.put(OUT, 3000, 0, SYN, b"");
    middle.put(BACK, 7000, 3001, SYN | ACK, b"");
    assert_eq!((middle.fate, middle.memory.used()), (Some(Fate::Pass), 0));
    let sent = middle.put(OUT, 3001, 7001, ACK, b"x\n");
    assert_eq!(sent, ["> 3001 7001 <longer>", "< 7001 3003"]);
}

/// RFC 2018 section 4.
#[test]
fn bytes_behind_a_gap_are_named_in_blocks() {
    let mut middle = Middle::open();
    let mut blocks = Blocks::new();
    let segment = Arrived {
        direction: OUT,
        seq: Seq(1011),
        ack: Seq(5001),
        flags: ACK,
        window: 60_000,
        urgent: 0,
        is_marked: false,
        options: Options::default(),
        payload: b"ten bytes.",
    };
    let mut around = Around {
        parser: &mut Lines,
        outlet: &mut Last(&mut blocks),
        memory: &mut middle.memory,
        now: Nanos(0),
    };
    middle.stream.arrived(&segment, &mut around);
    assert_eq!(blocks[..], [(Seq(1011), Seq(1021))]);
}

#[test]
fn a_connection_is_picked_up_where_others_have_brought_it() {
    let mut middle = Middle::new();
    let options = Options {
        mss: Some(1000),
        ..Options::default()
    };
    let host = Host { options, clock: 0 };
    // The client has sent up to 2000, 10 was added; the server has not acknowledged the last 5.
    let begun = [(2000, 10, 2005), (6000, 0, 6000)].map(|(next, offset, acknowledged)| Begun {
        next: Seq(next),
        offset,
        acknowledged: Seq(acknowledged),
        window: 60_000,
    });
    middle.stream = Stream::pick_up(LIMITS, [host, host], begun);
    let out = |middle: &mut Middle, seq, text: &[u8]| middle.put(OUT, seq, 6000, ACK, text);
    // Nothing is acknowledged before the server has what came before.
    assert_eq!(out(&mut middle, 2000, b"half x"), ["< 6000 1995"]);
    assert_eq!(
        out(&mut middle, 1995, b"again"),
        ["> 2005 6000 again", "< 6000 1995"]
    );
    let ack = |middle: &mut Middle, ack| middle.put(BACK, 6000, ack, ACK, b"");
    assert_eq!(ack(&mut middle, 2010), ["< 6000 2006"]);
    let sent = out(&mut middle, 2006, b"\n");
    assert_eq!(sent, ["> 2010 6000 half <longer>", "< 6000 2007"]);
    assert_eq!(out(&mut middle, 1995, b"again"), ["< 6000 2007"]);
    let mut outlet = Script::default();
    let mut around = Around {
        parser: &mut Lines,
        outlet: &mut outlet,
        memory: &mut middle.memory,
        now: Nanos(0),
    };
    middle.stream.let_go(&mut around);
    assert!(!middle.stream.is_over());
    ack(&mut middle, 2024);
    assert!(middle.stream.is_over());
    let [out, _] = middle.stream.handed().unwrap();
    assert_eq!((out.from, out.offset), (2007, 17));
}

/// Has to be told before it reads a message.
#[derive(Default)]
struct Late {
    is_told: bool,
}

impl Parser for Late {
    fn next(&mut self, direction: Direction, bytes: &[u8], new: &mut Vec<u8>) -> Framed {
        if core::mem::take(&mut self.is_told) {
            return Lines.next(direction, bytes, new);
        }
        new.extend(b"not yet");
        Framed::Wait
    }
}

/// A whole message whose replacement is not known yet is neither lacking, nor too long, nor ended by
/// a FIN.
#[test]
fn a_parser_that_waits_is_asked_again_when_it_is_told() {
    let begun = |next, acknowledged| Begun {
        next: Seq(next),
        offset: 0,
        acknowledged: Seq(acknowledged),
        window: 60_000,
    };
    let both = [begun(1001, 1001), begun(5001, 5001)];
    let mut stream = Stream::pick_up(LIMITS, [Host::default(); 2], both);
    let mut memory = Memory::new(100_000);
    let (mut parser, mut sent) = (Late::default(), Script::default());
    let long = [b"x\n".to_vec(), vec![b'.'; 2100], b"\n".to_vec()].concat();
    let mut around = Around {
        parser: &mut parser,
        outlet: &mut sent,
        memory: &mut memory,
        now: Nanos(0),
    };
    let arrived = Arrived {
        direction: OUT,
        seq: Seq(1001),
        ack: Seq(5001),
        flags: ACK | FIN,
        window: 60_000,
        urgent: 0,
        is_marked: false,
        options: Options::default(),
        payload: &long,
    };
    assert_eq!(stream.arrived(&arrived, &mut around), Fate::Taken);
    assert!(!stream.is_lacking() && !stream.is_idle());
    assert_eq!(around.outlet.0, ["< 5001 3104"]);
    around.outlet.0.clear();
    around.parser.is_told = true;
    stream.answered(OUT, &mut around);
    assert_eq!(around.outlet.0, ["> 1001 5001 <longer>"]);
    around.outlet.0.clear();
    around.parser.is_told = true;
    stream.answered(OUT, &mut around);
    let flags: String = around.outlet.0.concat();
    assert!(flags.contains(" F "), "{flags}");
    assert_eq!(stream.cause(), None);
}
