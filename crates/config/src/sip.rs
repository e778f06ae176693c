//! `alg.sip`: calls.

use core::time::Duration;

use crate::error::Report;
use crate::model::Sip;
use crate::section::Section;

/// Keys that are read here.
pub(crate) const KEYS: [&str; 2] = ["max_media_lines", "call_timeout"];

pub(crate) fn read(section: &Section<'_>, report: &mut Report) -> Sip {
    let usual = Sip::default();
    let lines = section.number("max_media_lines", 1..=255, report);
    let timeout = section.duration("call_timeout", Duration::from_secs(1), report);
    Sip {
        call_timeout: timeout.unwrap_or(usual.call_timeout),
        max_media_lines: lines.unwrap_or(usual.max_media_lines),
    }
}
