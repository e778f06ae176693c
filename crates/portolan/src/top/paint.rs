//! A buffer as text: plain, with colours, or all over a terminal.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

/// Another screen, empty, without cursor.
pub(super) const BEGIN: &str = "\x1b[?1049h\x1b[2J\x1b[?25l";

/// The screen as it was.
pub(super) const END: &str = "\x1b[?25h\x1b[?1049l";

/// Lines, with colours or without.
pub(super) fn text(buffer: &Buffer, color: bool) -> String {
    lines(buffer, color).fold(String::new(), |mut text, line| {
        text.push_str(line.trim_end());
        text.push('\n');
        text
    })
}

/// The same over what is on a terminal.
pub(super) fn screen(buffer: &Buffer) -> String {
    let lines: Vec<String> = lines(buffer, true).collect();
    format!("\x1b[H{}\x1b[J", lines.join("\r\n"))
}

fn lines(buffer: &Buffer, color: bool) -> impl Iterator<Item = String> {
    let area = buffer.area;
    (0..area.height).map(move |y| {
        let mut line = String::new();
        let mut style = Style::new();
        for x in 0..area.width {
            let Some(cell) = buffer.cell((x, y)) else {
                continue;
            };
            let mut own = Style::new().add_modifier(cell.modifier & Modifier::BOLD);
            if cell.fg != Color::Reset {
                own = own.fg(cell.fg);
            }
            if color && own != style {
                line.push_str(&sgr(own));
                style = own;
            }
            line.push_str(cell.symbol());
        }
        if color && style != Style::new() {
            line.push_str("\x1b[0m");
        }
        line
    })
}

/// The sequence that sets a style.
fn sgr(style: Style) -> String {
    let mut codes = String::from("\x1b[0");
    if style.add_modifier.contains(Modifier::BOLD) {
        codes.push_str(";1");
    }
    let code = match style.fg {
        Some(Color::Red) => 31,
        Some(Color::Green) => 32,
        Some(Color::Yellow) => 33,
        Some(Color::Blue) => 34,
        Some(Color::Magenta) => 35,
        Some(Color::Cyan) => 36,
        Some(Color::DarkGray) => 90,
        _ => 39,
    };
    // Writing to a text cannot fail.
    let _ = write!(codes, ";{code}m");
    codes
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;

    #[test]
    fn a_frame_is_plain_text_or_has_colours() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        buffer.set_string(0, 0, "busy", Style::new().fg(Color::Red));
        buffer.set_string(5, 0, "85%", Style::new());
        assert_eq!(text(&buffer, false), "busy 85%\n\n");
        assert_eq!(text(&buffer, true), "\x1b[0;31mbusy\x1b[0;39m 85%\n\n");
        assert!(screen(&buffer).starts_with("\x1b[H"));
    }
}
