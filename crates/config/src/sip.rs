//! `alg.sip`: calls.

use core::time::Duration;

use crate::error::Report;
use crate::keys::keys;
use crate::model::Sip;
use crate::section::Section;
use crate::trunks;

keys! {
    pub(crate) KEYS:
        "max_media_lines" Number(1, 255),
        "call_timeout" Duration,
        "trunks" trunks::KIND;
}

pub(crate) fn read(section: &Section<'_>, report: &mut Report) -> Sip {
    let usual = Sip::default();
    let lines = section.number("max_media_lines", report);
    let timeout = section.duration("call_timeout", Duration::from_secs(1), report);
    Sip {
        call_timeout: timeout.unwrap_or(usual.call_timeout),
        max_media_lines: lines.unwrap_or(usual.max_media_lines),
    }
}
