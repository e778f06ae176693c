//! SIP trunks: requests and answers back to back in one connection, with bodies that grow and
//! shrink (issue 5, row 3).

use std::collections::BTreeMap;
use std::fmt::Write;

use base::Counter;
use serde_json::Value;
use tests::{Config, Pipe};

use crate::world::{Cut, Line, World};

const INSIDE: &str = "10.64.0.7";

/// Calls at a time; their media take the same ports again and again.
const CALLS: usize = 12;

/// A connection to a proxy.
fn trunk(line: Line, cut: Cut, texts: [&[u8]; 2]) -> World {
    World::new(Pipe::new(&Config::new()), line, cut, texts).at_port(5060)
}

fn lines(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// What a phone offers in a call; the length differs from that of the call before.
fn offer(host: &str, nth: usize) -> String {
    let port = 20_000 + 2 * (nth % CALLS);
    let mut body = format!(
        "v=0\no=- {nth} 1 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    );
    if nth % 3 == 1 {
        let _ = writeln!(body, "m=video {} RTP/AVP 31", port + 1000);
    }
    let _ = writeln!(body, "a=x-note:{}", "n".repeat(nth * 7 % 300));
    lines(&body)
}

/// The head of a request in a call.
fn head(method: &str, call: &str, cseq: usize) -> String {
    lines(&format!(
        "{method} sip:bob@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/TCP {INSIDE}:40000;branch=z9hG4bK{call}.{cseq}\nMax-Forwards: 70\n\
         From: <sip:ann@{INSIDE}>;tag=a{call}\nTo: <sip:bob@192.0.2.1>\n\
         Call-ID: {call}@{INSIDE}\nCSeq: {cseq} {method}\n\
         Contact: <sip:ann@{INSIDE}:40000;transport=tcp>\n"
    ))
}

/// The names of headers in compact forms (RFC 3261 section 7.3.3).
fn compact(message: &str) -> String {
    let forms = [
        ("Via", "v"),
        ("From", "f"),
        ("To", "t"),
        ("Call-ID", "i"),
        ("Contact", "m"),
        ("Content-Type", "c"),
        ("Content-Length", "l"),
    ];
    forms.iter().fold(message.into(), |message, (long, short)| {
        message.replace(&format!("\r\n{long}: "), &format!("\r\n{short}: "))
    })
}

fn with_body(head: &str, body: &str) -> String {
    let kind = "Content-Type: application/sdp\r\n";
    format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn without_body(head: &str) -> String {
    format!("{head}Content-Length: 0\r\n\r\n")
}

/// An answer of the client to a request from outside.
fn answer(nth: usize) -> String {
    let head = lines(&format!(
        "SIP/2.0 200 OK\nVia: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKs{nth}\n\
         From: <sip:bob@192.0.2.1>;tag=b{nth}\nTo: <sip:ann@{INSIDE}>;tag=a{nth}\n\
         Call-ID: s{nth}@192.0.2.1\nCSeq: 1 OPTIONS\n\
         Contact: <sip:ann@{INSIDE}:40000;transport=tcp>\n"
    ));
    without_body(&head)
}

/// The `nth` thing that a client says.
fn said(nth: usize) -> String {
    let round = nth / 8;
    let call = &(round % CALLS).to_string();
    match nth % 8 {
        0 if round.is_multiple_of(2) => {
            with_body(&head("INVITE", call, nth), &offer(INSIDE, round))
        }
        0 => compact(&with_body(
            &head("INVITE", call, nth),
            &offer(INSIDE, round),
        )),
        1 => "\r\n\r\n".into(),
        2 => without_body(&head("ACK", call, nth - 2)),
        3 => answer(round),
        4 => without_body(&(head("REGISTER", "r", nth) + "Expires: 600\r\n")),
        5 => with_body(&head("UPDATE", call, nth), &offer(INSIDE, round)),
        6 => without_body(&head("BYE", call, nth)),
        _ => without_body(&(head("OPTIONS", "o", nth) + "Subject: 10 MB, or so\r\n")),
    }
}

/// A client's text, so many bytes at least.
fn requests(bytes: usize) -> String {
    let mut text = String::new();
    for nth in 0.. {
        if text.len() >= bytes {
            return text;
        }
        text += &said(nth);
    }
    text
}

/// Messages of a stream, and what stands between them.
#[track_caller]
fn messages(mut text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    while !text.is_empty() {
        let len = if text.starts_with("\r\n") {
            2
        } else {
            let head = text.find("\r\n\r\n").expect("the end of a head") + 4;
            let length = text[..head].split("\r\n").find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                (name == "Content-Length" || name == "l").then_some(value)
            });
            head + length.map_or(0, |length| length.parse::<usize>().expect("a length"))
        };
        let (message, rest) = text.split_at(len);
        found.push(message);
        text = rest;
    }
    found
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

/// Whether `heard` is `said` but for inside endpoints, in whose place others are (noted in
/// `known`), and for its length, which its reader has judged.
#[track_caller]
fn compare(said: &str, heard: &str, known: &mut BTreeMap<String, String>) {
    let pair = |known: &mut BTreeMap<String, String>, inside: &str, outside: &str| {
        let first = known.entry(inside.into()).or_insert_with(|| outside.into());
        assert_eq!(first, outside, "for {inside} in {said}");
    };
    let (mut left, mut right) = (said, heard);
    while !left.is_empty() {
        let numbers = ["Content-Length: ", "\r\nl: ", "m=audio ", "m=video "];
        if let Some(rest) = left.strip_prefix(INSIDE) {
            let end = right.find(|c: char| !c.is_ascii_digit() && c != '.');
            let (outside, others) = right.split_at(end.unwrap_or(right.len()));
            assert!(outside.starts_with("203.0.113."), "{heard}");
            pair(known, INSIDE, outside);
            (left, right) = (rest, others);
            if let (Some(port), Some(new)) = (left.strip_prefix(':'), right.strip_prefix(':')) {
                let (port, rest) = digits(port);
                let (new, others) = digits(new);
                pair(known, port, new);
                (left, right) = (rest, others);
            }
        } else if let Some(name) = numbers.iter().find(|name| left.starts_with(**name)) {
            assert!(right.starts_with(name), "{said}, {heard}");
            let (number, rest) = digits(&left[name.len()..]);
            let (new, others) = digits(&right[name.len()..]);
            if name.starts_with("m=") {
                pair(known, number, new);
            }
            (left, right) = (rest, others);
        } else {
            assert_eq!(left.as_bytes()[0], right.as_bytes()[0], "{said}, {heard}");
            (left, right) = (&left[1..], &right[1..]);
        }
    }
    assert_eq!(right, "", "{said}");
}

/// What was heard is what was said, rewritten; answers how many messages there were.
#[track_caller]
fn is_rewritten(said: &str, heard: &[u8]) -> usize {
    let heard = std::str::from_utf8(heard).unwrap();
    let (said, heard) = (messages(said), messages(heard));
    let mut known = BTreeMap::new();
    for (said, heard) in said.iter().zip(&heard) {
        compare(said, heard, &mut known);
    }
    assert_eq!(said.len(), heard.len());
    said.len()
}

fn row(world: &mut World) -> Value {
    let rows = world.nat.show("alg");
    rows.iter().find(|row| row["alg"] == "sip").unwrap().clone()
}

/// What arrives of a text that is cut like this.
#[track_caller]
fn arrives(line: Line, cut: Cut, client: &str, seconds: u64) -> World {
    let mut world = trunk(line, cut, [client.as_bytes(), b""]);
    world.run(seconds);
    is_rewritten(client, world.heard()[1]);
    assert_eq!(row(&mut world)["errors"], 0);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
    world.nat.check_verdicts();
    world
}

/// What is heard of messages each of which comes alone, in a segment of its own.
#[track_caller]
fn whole(messages: &[impl AsRef<str>]) -> Vec<Vec<u8>> {
    let mut world = trunk(Line::GOOD, Cut::Each(usize::MAX), [b"", b""]).without_closing();
    world.run(1);
    let mut heard = Vec::new();
    for message in messages {
        let before = world.heard()[1].len();
        world.say(0, message.as_ref().as_bytes());
        world.run(1);
        heard.push(world.heard()[1][before..].to_vec());
    }
    assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 0);
    assert_eq!(row(&mut world)["errors"], 0);
    heard
}

/// Issue 5, row 3: each kind of message over and over, each time cut one byte later, with the end
/// of one and the beginning of the next in a segment.
#[test]
fn every_boundary_gives_what_whole_messages_give() {
    let mut world = trunk(Line::GOOD, Cut::Each(usize::MAX), [b"", b""]).without_closing();
    world.run(1);
    let kinds: Vec<String> = (0..9).map(said).collect();
    for (message, alone) in kinds.iter().zip(whole(&kinds)) {
        let copies = message.repeat(message.len());
        let expected = alone.repeat(message.len());
        is_rewritten(&copies, &expected);
        let before = world.heard()[1].len();
        let mut from = 0;
        for end in (1..message.len()).map(|nth| nth * message.len() + nth) {
            world.say(0, &copies.as_bytes()[from..end.min(copies.len())]);
            world.run(1);
            from = end;
        }
        let rest = copies.as_bytes().get(from..);
        world.say(0, rest.unwrap_or_default());
        world.run(1);
        assert!(world.heard()[1][before..] == expected, "{message}");
    }
    assert_eq!(world.nat.counter(Counter::AlgVtcpStreams), 1);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
}

/// Issue 5, row 3: 2 MB of messages back to back, cut anywhere, with 5 % loss and reordering.
#[test]
fn two_megabytes_of_calls_cut_anywhere_arrive_exactly() {
    let line = Line {
        seed: 20,
        loss: 5,
        double: 1,
        jitter: 3,
    };
    let client = requests(2 << 20);
    let world = arrives(line, Cut::Anywhere, &client, 6000);
    assert!(world.reasons["hold.stream"] > 2000, "{:?}", world.reasons);
    assert!(world.heard()[1] == whole(&messages(&client)).concat());
}

/// What a call of a trunk says and is answered, in four steps.
fn step(step: usize, call: usize, outside: (&str, &str)) -> [String; 2] {
    let (host, port) = outside;
    let id = &format!("d{call}");
    let answer = |method: &str, cseq: usize| {
        lines(&format!(
            "SIP/2.0 200 OK\nVia: SIP/2.0/TCP {host}:{port};branch=z9hG4bK{id}.{cseq}\n\
             From: <sip:ann@{host}>;tag=a{id}\nTo: <sip:bob@192.0.2.1>;tag=b\n\
             Call-ID: {id}@{host}\nCSeq: {cseq} {method}\nContact: <sip:bob@192.0.2.1>\n"
        ))
    };
    let none = String::new();
    match step {
        0 => [
            with_body(&head("INVITE", id, 1), &offer(INSIDE, call)),
            none,
        ],
        1 => [
            none,
            with_body(&answer("INVITE", 1), &offer("192.0.2.9", call)),
        ],
        2 => [
            without_body(&head("ACK", id, 1)) + &without_body(&head("BYE", id, 2)),
            none,
        ],
        _ => [none, without_body(&answer("BYE", 2))],
    }
}

/// Issue 5, row 3, in both directions: a trunk with thousands of calls in one connection, over a
/// bad line. Nothing is left of any of them.
#[test]
fn thousands_of_calls_in_one_connection_leave_nothing_behind() {
    let line = Line {
        seed: 40,
        loss: 5,
        double: 1,
        jitter: 3,
    };
    let mut world = trunk(line, Cut::Anywhere, [b"", b""]).without_closing();
    let mut said = without_body(&head("OPTIONS", "o", 1));
    world.say(0, said.as_bytes());
    world.run(30);
    let heard = String::from_utf8(world.heard()[1].to_vec()).unwrap();
    let via = heard.split("SIP/2.0/TCP ").nth(1).unwrap();
    let outside = via.split(';').next().unwrap().to_owned();
    let outside = outside.split_once(':').unwrap();
    let mut answered = String::new();
    let mut before = 0;
    let (batches, calls) = (180, CALLS);
    // Each batch is at another step, so that both hosts speak at once.
    for round in 0..batches + 3 {
        let [mut out, mut back] = [String::new(), String::new()];
        for nth in (0..4)
            .rev()
            .filter(|nth| (*nth..batches + nth).contains(&round))
        {
            for call in (round - nth) * calls..(round - nth + 1) * calls {
                let [mine, theirs] = step(nth, call, outside);
                out += &mine;
                back += &theirs;
            }
        }
        world.say(0, out.as_bytes());
        world.say(1, back.as_bytes());
        world.run(60);
        said += &out;
        answered += &back;
        if round == batches / 4 {
            before = world.nat.resident_kib();
        }
    }
    // What is held in between goes on after both have said all.
    for _ in 0..40 {
        world.rest(1.0);
        world.run(60);
    }
    let grown = world.nat.resident_kib().saturating_sub(before);
    assert!(grown < 4096, "{grown} KiB more");
    assert!(said.len() + answered.len() > 2 << 20);
    assert_eq!(
        is_rewritten(&said, world.heard()[1]),
        1 + 3 * batches * calls
    );
    let heard = std::str::from_utf8(world.heard()[0]).unwrap();
    let (answered, heard) = (messages(&answered), messages(heard));
    assert_eq!(
        (answered.len(), heard.len()),
        (2 * batches * calls, 2 * batches * calls)
    );
    for (said, heard) in answered.iter().zip(heard) {
        compare(heard, said, &mut BTreeMap::new());
    }
    world.rest(1.0);
    world.nat.check_verdicts();
    assert_eq!(row(&mut world)["errors"], 0);
    assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), 0);
    let begun = world.nat.counter(Counter::CallBegun);
    assert_eq!(begun as usize, batches * calls);
    assert_eq!(world.nat.counter(Counter::CallEnded), begun);
    assert_eq!(world.nat.show("calls").len(), 0);
    // The connection itself, and who may come to it as `Via` and `Contact` say.
    let doors = world.nat.show("doors");
    assert_eq!(doors.len(), 2, "{doors:?}");
    assert!(
        doors.iter().all(|door| door["inside"] == "10.64.0.7:40000"),
        "{doors:?}"
    );
    assert_eq!(world.nat.show("mappings").len(), 1);
    assert_eq!(world.nat.show("translations").len(), 1);
}

/// A message as long as `vtcp.max_message` allows is read whole, and a longer one is let go.
#[test]
fn a_long_message_is_read_as_far_as_the_limit_goes() {
    for (limit, released) in [("16KiB", 0), ("8KiB", 1)] {
        let config = Config::new().top(&format!("alg: {{ vtcp: {{ max_message: {limit} }} }}"));
        let filler = format!("Subject: {}\r\n", "long ".repeat(100)).repeat(24);
        let client = with_body(&(head("INVITE", "l", 1) + &filler), &offer(INSIDE, 1));
        assert!(client.len() > 12_000);
        let texts = [client.as_bytes(), b""];
        let mut world = World::new(Pipe::new(&config), Line::GOOD, Cut::Anywhere, texts);
        world = world.at_port(5060);
        world.run(120);
        assert_eq!(world.nat.counter(Counter::AlgVtcpReleased), released);
        match released {
            0 => assert_eq!(is_rewritten(&client, world.heard()[1]), 1),
            _ => assert_eq!(world.heard()[1], client.as_bytes()),
        }
    }
}
