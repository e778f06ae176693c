//! `top`: what a running appliance is doing, on one screen, anew every second.
//!
//! ```text
//!  control socket ── show ──> Sample ── with the one before ──> view ─> Buffer ─> paint
//! ```
//!
//! It asks as anybody may, and only for what costs the appliance little; subscribers, whose table
//! has to be gone through, less often than the rest.

mod paint;
mod sample;
mod view;

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use crossterm::terminal;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::client::AskError;
use sample::{Sample, Taker};

/// Between two frames.
const SECOND: Duration = Duration::from_secs(1);

/// The least that anything can be read on.
const SMALLEST: (u16, u16) = (60, 16);

/// What is asked.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Control socket of the appliance.
    #[arg(long, value_name = "PATH", default_value = "/run/portolan.sock")]
    socket: PathBuf,
    /// Print one frame, with the rates of one second, and end.
    #[arg(long)]
    once: bool,
    /// Columns of that frame.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(60..=400))]
    width: u16,
    /// Lines of that frame.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(16..=200))]
    height: u16,
    /// Colours of that frame.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    color: Color,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// Shows it until `q`, or once.
pub(crate) fn top(options: &Options) -> Result<(), AskError> {
    let mut taker = Taker::new(options.socket.clone());
    let first = taker.take().map_err(failed)?;
    if options.once {
        thread::sleep(SECOND);
        let second = taker.take().map_err(failed)?;
        let color = match options.color {
            Color::Auto => io::stdout().is_terminal(),
            Color::Always => true,
            Color::Never => false,
        };
        let frame = frame(&first, &second, (options.width, options.height));
        return crate::whois::print(&paint::text(&frame, color)).map_err(failed);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(AskError::Usage(
            "a live view needs a terminal; `--once` prints one frame".into(),
        ));
    }
    terminal::enable_raw_mode().map_err(failed)?;
    let mut out = io::stdout();
    let shown = out
        .write_all(paint::BEGIN.as_bytes())
        .map_err(failed)
        .and_then(|()| live(&mut taker, first));
    // The terminal as it was, whatever happened.
    let restored = out
        .write_all(paint::END.as_bytes())
        .and_then(|()| out.flush())
        .and_then(|()| terminal::disable_raw_mode());
    shown.and(restored.map_err(failed))
}

fn live(taker: &mut Taker, first: Sample) -> Result<(), AskError> {
    let (press, keys) = mpsc::channel();
    // It ends with the process: reading a terminal cannot be called off.
    thread::spawn(move || {
        for byte in io::stdin().lock().bytes().map_while(Result::ok) {
            if press.send(byte).is_err() {
                return;
            }
        }
    });
    let mut before = first;
    loop {
        match keys.recv_timeout(SECOND) {
            Ok(b'q' | b'Q' | 3 | 4 | 27) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                let now = taker.take().map_err(failed)?;
                let (width, height) = terminal::size().map_err(failed)?;
                let size = (width.max(SMALLEST.0), height.max(SMALLEST.1));
                let frame = frame(&before, &now, size);
                let mut out = io::stdout();
                out.write_all(paint::screen(&frame).as_bytes())
                    .and_then(|()| out.flush())
                    .map_err(failed)?;
                before = now;
            }
        }
    }
}

fn frame(before: &Sample, now: &Sample, (width, height): (u16, u16)) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(before, now, &mut buffer);
    buffer
}

#[allow(clippy::needless_pass_by_value)]
fn failed(error: impl ToString) -> AskError {
    AskError::Failed(error.to_string())
}
