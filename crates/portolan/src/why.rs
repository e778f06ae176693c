//! `why`: tells in words what becomes of packets, and what was dropped lately.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use control::socket::{self, ClientError};
use control::traced::{Asked, Ended, Line, MAX_COUNT, MAX_SECONDS, Packet};
use dataplane::Expression;

use crate::client::AskError;
use crate::whois::Time;
use crate::words;

/// Which packets, for how long, of whom.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// Which packets, such as 'udp and host 10.64.0.7 and port 53': protocols, `host`, `net`,
    /// `port` (with `src` or `dst`), `inside`, `outside`, `dropped`, `and`, `or`, `not`,
    /// parentheses. Without it: all.
    #[arg(long = "match", value_name = "EXPRESSION", default_value = "")]
    expression: String,
    /// Ends after so many seconds.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SECONDS)))]
    seconds: u32,
    /// Control socket of the appliance; else that of the file, or `/run/portolan.sock`.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Configuration file that names the control socket.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Which {
    /// Has the appliance trace them.
    pub(crate) fn trace(
        &self,
        count: u32,
        past: bool,
        mut each: impl FnMut(Line) -> bool,
    ) -> Result<Ended, AskError> {
        let understood = self.expression.parse::<Expression>();
        understood.map_err(|error| AskError::Usage(format!("--match: {error}")))?;
        let socket = match (&self.socket, &self.config) {
            (Some(socket), _) => socket.clone(),
            (None, Some(file)) => {
                let config = config::load(file).map_err(|errors| {
                    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    AskError::File(lines.join("\n"))
                })?;
                config.control.socket
            }
            (None, None) => PathBuf::from("/run/portolan.sock"),
        };
        let asked = Asked {
            expression: self.expression.clone(),
            count,
            seconds: self.seconds,
            past,
        };
        let heard = |line: Line| {
            if matches!(line, Line::Tracing(_)) {
                let seconds = self.seconds;
                eprintln!("listening, for {seconds} seconds or {count} packets");
            }
            each(line)
        };
        socket::trace(&socket, &asked, heard)
            .map_err(|error: ClientError| AskError::Failed(error.to_string()))
    }
}

/// How a count is given.
pub(crate) fn count(text: &str) -> Result<u32, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=MAX_COUNT).contains(number))
        .ok_or_else(|| format!("write a number from 1 to {MAX_COUNT}"))
}

/// What is asked.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    which: Which,
    /// Ends after so many packets.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = count)]
    count: u32,
    /// Only packets that are still to come, not what was dropped lately.
    #[arg(long)]
    new: bool,
    /// Print JSON, a line for each packet, instead of text.
    #[arg(long)]
    json: bool,
}

/// Prints what becomes of packets, as they come.
pub(crate) fn why(options: &Options) -> Result<(), AskError> {
    let mut clock = Clock::default();
    let mut failed = None;
    let ended = options.which.trace(options.count, !options.new, |line| {
        let text = match &line {
            Line::Tracing(begun) => {
                clock = Clock::at(begun.now);
                return true;
            }
            Line::Packet(packet) if options.json => {
                let mut json = serde_json::to_string(packet).unwrap_or_default();
                json.push('\n');
                json
            }
            Line::Packet(packet) => words::text(packet, &clock.time(packet)),
            Line::Waiting | Line::Traced(_) => return true,
        };
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = written {
            failed = Some(error);
        }
        failed.is_none()
    })?;
    match failed {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(AskError::Failed(error.to_string()));
        }
        Some(_) => return Ok(()),
        None => {}
    }
    if ended.packets == 0 {
        eprintln!("no such packet came, and none was dropped lately");
    }
    if ended.lost > 0 {
        eprintln!("{} more were meant, but came too fast to tell", ended.lost);
    }
    Ok(())
}

/// The time of day when the appliance's time was zero.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock(Duration);

impl Clock {
    /// The appliance's time is so many nanoseconds.
    pub(crate) fn at(now: u64) -> Self {
        let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(
            today
                .unwrap_or_default()
                .saturating_sub(Duration::from_nanos(now)),
        )
    }

    /// Since 1970.
    pub(crate) fn of(self, packet: &Packet) -> Duration {
        self.0 + Duration::from_nanos(packet.at)
    }

    fn time(self, packet: &Packet) -> String {
        let at = self.of(packet);
        let seconds = i64::try_from(at.as_secs()).unwrap_or(i64::MAX);
        let time = Time(seconds).to_string();
        let time = time.trim_end_matches('Z');
        format!("{time}.{:06}Z", at.subsec_micros())
    }
}
