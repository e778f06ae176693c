//! Session descriptions, as far as servers put their addresses into them (RFC 2326 appendix C).

use super::url;
use super::{NoRoom, put};
use crate::text::{address, begins, line};
use crate::{Endpoint, Findings, Form, Role, Span, Transport};

/// Lists the addresses of `c=` and `o=` lines and the hosts of `a=control` ones.
pub(super) fn read(bytes: &[u8], body: Span, found: &mut Findings) -> Result<(), NoRoom> {
    let mut at = body.start;
    while let Some(rest) = bytes.get(at..body.end).filter(|rest| !rest.is_empty()) {
        let (text, len) = line(rest).unwrap_or((rest, rest.len()));
        if begins(text, b"a=control:") {
            let url = Span {
                start: at + b"a=control:".len(),
                end: at + text.len(),
            };
            if let Some(finding) = url::host(bytes, url) {
                found.try_push(finding).map_err(|_| NoRoom)?;
            }
        } else if let Some((span, address)) = host(text) {
            let endpoint = Endpoint { address, port: 0 };
            let span = Span::new(at + span.start, span.len());
            let role = Role::Names(Transport::Udp);
            put(found, span, endpoint, Form::Address, role)?;
        }
        at += len;
    }
    Ok(())
}

/// The address of a `c=` or `o=` line, if it is one host's.
fn host(text: &[u8]) -> Option<(Span, u32)> {
    let words_before = match text.get(..2)? {
        b"c=" => 0,
        b"o=" => 3,
        _ => return None,
    };
    let mut at = 2;
    for _ in 0..words_before {
        at += text.get(at..)?.iter().position(|byte| *byte == b' ')? + 1;
    }
    let rest = text.get(at..)?.strip_prefix(b"IN IP4 ")?;
    let (address, len) = address(rest)?;
    let is_host = address != 0 && address >> 28 != 0xe;
    is_host.then_some((Span::new(at + 7, len), address))
}
