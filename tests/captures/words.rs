//! Payloads as words and what is between them: what differs, and what the other end would say.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Words of an endpoint, a port or a number; everything else stands between words.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'-' | b',' | b'|' | b'@' | b'_')
}

/// A payload cut where words begin and end.
pub(crate) fn words(bytes: &[u8]) -> Vec<&[u8]> {
    bytes
        .chunk_by(|one, next| is_word(*one) == is_word(*next))
        .collect()
}

/// Whether it is readable text, the only thing words are of.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~' | 128..))
}

/// Where an address stands in dots or commas, and is not part of another.
pub(crate) fn places(bytes: &[u8], address: Ipv4Addr) -> Vec<usize> {
    let dots = address.to_string();
    let mut found = Vec::new();
    for text in [dots.clone(), dots.replace('.', ",")] {
        for at in 0..bytes.len().saturating_sub(text.len() - 1) {
            let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
            if is_digit(at + text.len()) || !bytes[at..].starts_with(text.as_bytes()) {
                continue;
            }
            let before = (0..at).rev().take_while(|at| is_digit(*at)).count();
            let octet = String::from_utf8_lossy(&bytes[at - before..at])
                + text.split(['.', ',']).next().unwrap();
            if before == 0 || octet.len() > 3 || octet.parse::<u8>().is_err() {
                found.push(at);
            }
        }
    }
    found
}

/// What has become of the words that the inside said.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// By the word before and the word itself.
    words: BTreeMap<(Vec<u8>, Vec<u8>), Vec<u8>>,
}

/// `rtcp:40001` without its name.
fn behind(word: &[u8]) -> &[u8] {
    word.strip_prefix(b"rtcp:").unwrap_or(word)
}

/// Whether a word may change so: it names the inside, or is a number.
fn may_become(old: &[u8], new: &[u8], inside: Ipv4Addr) -> bool {
    let is_number = |word: &[u8]| {
        !word.is_empty()
            && word
                .iter()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b','))
    };
    let (old, new) = (behind(old), behind(new));
    let bar = |word: &[u8]| word.starts_with(b"|");
    !places(old, inside).is_empty() || (is_number(old) && is_number(new)) || (bar(old) && bar(new))
}

impl Told {
    /// Compares what went in with what came out and takes down what became of each word; what
    /// else has changed is the complaint.
    pub(crate) fn learn(
        &mut self,
        before: &[u8],
        after: &[u8],
        inside: Ipv4Addr,
    ) -> Result<(), String> {
        let (old, new) = (words(before), words(after));
        if old.len() != new.len() {
            return Err(format!("{} words became {}", old.len(), new.len()));
        }
        for (at, (old_word, new_word)) in old.iter().zip(&new).enumerate() {
            if old_word != new_word && !may_become(old_word, new_word, inside) {
                return Err(format!(
                    "{:?} became {:?}",
                    old_word.escape_ascii().to_string(),
                    new_word.escape_ascii().to_string()
                ));
            }
            let context = at.checked_sub(2).map_or(&b""[..], |at| old[at]);
            if old_word != new_word || !places(old_word, inside).is_empty() {
                self.words
                    .insert((context.to_vec(), old_word.to_vec()), new_word.to_vec());
            }
        }
        Ok(())
    }

    /// What the outside says instead of `bytes`, having been told these words. `seen` is the
    /// endpoint it sees.
    pub(crate) fn said(
        &self,
        bytes: &[u8],
        inside: Ipv4Addr,
        seen: (Ipv4Addr, u16),
        endpoint: impl Fn(u16) -> Option<(Ipv4Addr, u16)>,
    ) -> Vec<u8> {
        let cut = words(bytes);
        let mut out = Vec::new();
        // Seen by another translator, which is not there now.
        let foreign = String::from_utf8_lossy(bytes)
            .split("received=")
            .skip(1)
            .any(|rest| !rest.starts_with(&inside.to_string()));
        for (at, word) in cut.iter().enumerate() {
            let context = at.checked_sub(2).map_or(&b""[..], |at| cut[at]);
            let key = (context.to_vec(), word.to_vec());
            let anywhere = || {
                let mut known = self.words.iter();
                known
                    .find(|((_, old), _)| old == word && !places(word, inside).is_empty())
                    .map(|(_, new)| new.clone())
            };
            let text = String::from_utf8_lossy(word);
            let plain = text.strip_prefix(&inside.to_string());
            let is = |name: &[u8]| {
                context.eq_ignore_ascii_case(name) && at > 0 && cut[at - 1].starts_with(b"=")
            };
            let new = if is(b"received") && plain == Some("") {
                seen.0.to_string().into_bytes()
            } else if is(b"rport") && !foreign && text.parse::<u16>().is_ok() {
                seen.1.to_string().into_bytes()
            } else if let (Some(new), false) = (
                self.words.get(&key).cloned().or_else(anywhere),
                // Its own, whatever it is.
                OWN.contains(&context),
            ) {
                new
            } else if let Some(port) = plain.and_then(|rest| rest.strip_prefix(':')?.parse().ok()) {
                let (address, port) = endpoint(port).unwrap_or((seen.0, port));
                format!("{address}:{port}").into_bytes()
            } else if plain == Some("") {
                seen.0.to_string().into_bytes()
            } else {
                word.to_vec()
            };
            out.extend(new);
        }
        with_length(bytes, out)
    }
}

/// What is said behind these words is the outside's own.
const OWN: [&[u8]; 6] = [
    b"audio",
    b"video",
    b"image",
    b"rport",
    b"Content-Length:",
    b"l:",
];

/// Writes the new length of a body where the old one was right.
fn with_length(old: &[u8], new: Vec<u8>) -> Vec<u8> {
    match (length(old), length(&new)) {
        (Some((_, said, len)), Some((at, _, new_len))) if said == len && len != new_len => {
            let digits = new[at..].iter().take_while(|byte| byte.is_ascii_digit());
            let end = at + digits.count();
            let number = new_len.to_string();
            [&new[..at], number.as_bytes(), &new[end..]].concat()
        }
        _ => new,
    }
}

/// Where `Content-Length` stands, what it says, and how long the body is.
pub(crate) fn length(bytes: &[u8]) -> Option<(usize, usize, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head])
        .ok()?
        .to_ascii_lowercase();
    let line = ["\r\ncontent-length:", "\r\nl:"]
        .iter()
        .find_map(|name| Some(text.find(name)? + name.len()))?;
    let at = line + text[line..].find(|digit: char| digit != ' ')?;
    let digits: String = text[at..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    Some((at, digits.parse().ok()?, bytes.len() - head - 4))
}

#[test]
fn an_address_is_found_where_it_is_no_part_of_another() {
    let address = Ipv4Addr::new(10, 0, 0, 1);
    for (text, found) in [
        ("x10.0.0.1y", true),
        ("f98010.0.0.1", true),
        ("10,0,0,1,4,0", true),
        ("110.0.0.1", false),
        ("10.0.0.12", false),
        ("10.0.0", false),
    ] {
        assert_eq!(
            !places(text.as_bytes(), address).is_empty(),
            found,
            "{text}"
        );
    }
}

#[test]
fn what_was_told_is_said_back() {
    let (inside, outside) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(203, 0, 113, 7));
    let mut told = Told::default();
    told.learn(
        b"Via: 10.0.0.1:5060;branch=z-10.0.0.1\r\n",
        b"Via: 203.0.113.7:1024;branch=z-10.0.0.1\r\n",
        inside,
    )
    .unwrap();
    let said = told.said(
        b"Via: 10.0.0.1:5060;branch=z-10.0.0.1;received=10.0.0.1;rport=5060\r\nl: 9\r\n\r\n10.0.0.1\n",
        inside,
        (outside, 4000),
        |_| None,
    );
    assert_eq!(
        said.escape_ascii().to_string(),
        "Via: 203.0.113.7:1024;branch=z-10.0.0.1;received=203.0.113.7;rport=4000\\r\\nl: 12\\r\\n\\r\\n203.0.113.7\\n"
    );
    let changed = told.learn(b"a 10.0.0.1 b", b"a 203.0.113.7 c", inside);
    assert_eq!(changed, Err("\"b\" became \"c\"".into()));
}
