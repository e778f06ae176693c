//! Reading text protocols: numbers, addresses, lines.
//!
//! All of these take the bytes from some place on and give back what they read with the
//! number of bytes it took; nothing where the bytes do not begin like that.

/// A decimal number of at most `digits` digits, none of them left over.
#[must_use]
pub fn number(bytes: &[u8], digits: usize) -> Option<(u32, usize)> {
    let len = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if len == 0 || len > digits.min(9) {
        return None;
    }
    let value = bytes
        .iter()
        .take(len)
        .fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    Some((value, len))
}

/// A port: up to five digits, 0 to 65535.
#[must_use]
pub fn port(bytes: &[u8]) -> Option<(u16, usize)> {
    let (value, len) = number(bytes, 5)?;
    Some((u16::try_from(value).ok()?, len))
}

/// Dotted decimal, exactly: no longer run of digits and dots goes on behind it.
#[must_use]
pub fn address(bytes: &[u8]) -> Option<(u32, usize)> {
    let (address, len) = quad(bytes, b'.')?;
    let more = bytes
        .get(len)
        .is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'_');
    let dotted =
        bytes.get(len) == Some(&b'.') && bytes.get(len + 1).is_some_and(u8::is_ascii_alphanumeric);
    (!more && !dotted).then_some((address, len))
}

/// Four octets in decimal with `between` between them.
#[must_use]
pub fn quad(bytes: &[u8], between: u8) -> Option<(u32, usize)> {
    let mut address = 0;
    let mut at = 0;
    for place in 0..4 {
        if place > 0 {
            if bytes.get(at) != Some(&between) {
                return None;
            }
            at += 1;
        }
        let (octet, len) = octet(bytes.get(at..)?)?;
        address = address << 8 | u32::from(octet);
        at += len;
    }
    Some((address, at))
}

/// One to three digits, 0 to 255.
#[must_use]
pub fn octet(bytes: &[u8]) -> Option<(u8, usize)> {
    let (value, len) = number(bytes, 3)?;
    Some((u8::try_from(value).ok()?, len))
}

/// How many blanks and tabs there are.
#[must_use]
pub fn blanks(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// Whether `bytes` begin with `word`, whatever the case of its letters.
#[must_use]
pub fn begins(bytes: &[u8], word: &[u8]) -> bool {
    bytes
        .get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// The first line without its end (LF or CR LF), and the bytes it takes with it; nothing
/// where no end has come yet.
#[must_use]
pub fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let text = bytes.get(..end)?;
    Some((text.strip_suffix(b"\r").unwrap_or(text), end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_whole_or_none() {
        assert_eq!(address(b"10.0.0.1"), Some((0x0a00_0001, 8)));
        assert_eq!(address(b"10.0.0.1:5060"), Some((0x0a00_0001, 8)));
        assert_eq!(address(b"10.0.0.1;x"), Some((0x0a00_0001, 8)));
        assert_eq!(address(b"10.0.0.1."), Some((0x0a00_0001, 8)));
        for wrong in [
            &b"10.0.0.1234"[..],
            b"10.0.0.256",
            b"10.0.0",
            b"10.0.0.1.5",
            b"10.0.0.1a",
            b"10.0.0.1.example",
            b"",
            b".1.2.3.4",
            b"1..2.3.4",
        ] {
            assert_eq!(address(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn numbers_have_an_end() {
        assert_eq!(port(b"65535x"), Some((65535, 5)));
        assert_eq!(port(b"65536"), None);
        assert_eq!(port(b"123456"), None);
        assert_eq!(port(b"00021"), Some((21, 5)));
        assert_eq!(number(b"", 3), None);
        assert_eq!(number(b"1234567890", 12), None);
    }

    #[test]
    fn lines_end_with_lf_or_cr_lf() {
        assert_eq!(line(b"USER x\r\nPASS"), Some((&b"USER x"[..], 8)));
        assert_eq!(line(b"a\nb"), Some((&b"a"[..], 2)));
        assert_eq!(line(b"a\r"), None);
    }

    #[test]
    fn words_have_no_case() {
        assert!(begins(b"port 1", b"PORT "));
        assert!(!begins(b"por", b"PORT"));
        assert_eq!(blanks(b" \t x"), 3);
    }
}
