//! Values as people read them.

use std::time::Duration;

/// A duration in its two largest units: `0.4s`, `42s`, `5m10s`, `2h03m`, `3d04h`.
pub(super) fn duration(seconds: f64) -> String {
    let Ok(duration) = Duration::try_from_secs_f64(seconds) else {
        return "-".to_owned();
    };
    let whole = duration.as_secs();
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600, whole / 60);
    if days > 0 {
        format!("{days}d{:02}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h{:02}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m{:02}s", whole % 60)
    } else if whole > 0 {
        format!("{whole}s")
    } else {
        format!("0.{}s", duration.subsec_millis() / 100)
    }
}

/// A share of one, in percent.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// `yes` or `no`.
pub(super) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// A list, or how it begins.
pub(super) fn list<T: ToString>(items: &[T]) -> String {
    let mut shown: Vec<String> = items
        .iter()
        .take(LONGEST_LIST)
        .map(ToString::to_string)
        .collect();
    if let more @ 1.. = items.len().saturating_sub(LONGEST_LIST) {
        shown.push(format!("+{more}"));
    }
    shown.join(",")
}

/// `text` with everything that is not simply printed replaced.
pub(super) fn printable(text: String) -> String {
    if text.chars().all(is_printable) {
        return text;
    }
    text.chars()
        .map(|char| if is_printable(char) { char } else { '?' })
        .collect()
}

/// No control codes, and none of the invisible ones that turn the direction of writing.
fn is_printable(char: char) -> bool {
    !char.is_control()
        && !matches!(char, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

const LONGEST_LIST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (seconds, text) in [
            (0.0, "0.0s"),
            (0.45, "0.4s"),
            (1.9, "1s"),
            (59.9, "59s"),
            (60.0, "1m00s"),
            (310.0, "5m10s"),
            (7_440.0, "2h04m"),
            (86_400.0 * 3.0 + 3_600.0 * 4.0, "3d04h"),
            (-1.0, "-"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list(&[1, 2, 3, 4]), "1,2,3,4");
        assert_eq!(list(&[1, 2, 3, 4, 5, 6]), "1,2,3,4,+2");
        assert_eq!(list::<u8>(&[]), "");
    }

    #[test]
    fn shares_are_percents() {
        assert_eq!(percent(0.256), "26%");
    }
}
