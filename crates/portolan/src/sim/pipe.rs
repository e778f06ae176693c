//! The pipe: one JSON object a line in, its answers out, in order, unbuffered.

use std::io::{self, BufRead, Write};

use base::Nanos;
use config::Config;
use control::export::{Exporter, Handle};
use control::protocol;
use dataplane::ExpressionError;
use pktio::PacketBuf;
use pktio::mem::MemBuf;
use serde::{Deserialize, Serialize};

use super::SimError;
use super::engine::{Engine, Sent};
use crate::words::{self, hex, unhex};

/// A line that is about packets or time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Option<f64>,
    #[serde(rename = "if")]
    interface: Option<String>,
    frame: Option<String>,
}

#[derive(Serialize)]
struct Left<'a> {
    at: f64,
    #[serde(rename = "if")]
    interface: &'a str,
    frame: &'a str,
}

#[derive(Serialize)]
struct Ended {
    at: f64,
    verdict: &'static str,
    reason: &'static str,
    /// How it came to that, if `why` was asked about such frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Vec<String>>,
}

/// A question about all frames to come, until the next: an expression, or null for none.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    why: Option<String>,
}

#[derive(Serialize)]
struct Idle {
    at: f64,
    idle: bool,
}

#[derive(Serialize)]
struct Refused {
    error: String,
}

/// Longest line: a jumbo frame in hexadecimal, with room to spare.
const MAX_LINE: u64 = 1 << 20;

/// Answers lines until there are no more.
pub(crate) fn run(config: &Config, log: (Exporter, Handle), seed: u64) -> Result<(), SimError> {
    let mut engine = Engine::new(config, log, seed, false, Nanos(0))?;
    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    let mut line = Vec::new();
    let mut answer = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut input, MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(SimError::Pipe)?;
        if read == 0 {
            return Ok(());
        }
        answer.clear();
        answer_line(&mut engine, line.trim_ascii(), &mut answer).map_err(SimError::Pipe)?;
        match output.write_all(&answer).and_then(|()| output.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.map_err(SimError::Pipe)?,
        }
    }
}

fn answer_line(engine: &mut Engine, line: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    if line.is_empty() {
        return Ok(());
    }
    // What is asked about goes the way of the control socket.
    if let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(line)
        && ["show", "clear", "reload"]
            .iter()
            .any(|verb| object.contains_key(*verb))
    {
        return match protocol::Request::parse(line) {
            Ok(request) => {
                let filter = request.filter();
                engine.ask(request).write(&filter, out)
            }
            Err(error) => refuse(out, error.to_string()),
        };
    }
    if let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(line)
        && object.contains_key("why")
    {
        return ask_why(engine, line, out);
    }
    let line: Line = match serde_json::from_slice(line) {
        Ok(line) => line,
        Err(error) => {
            return refuse(
                out,
                format!(
                    "not understood: {error}; a line is {{\"at\", \"if\", \"frame\"}}, {{\"at\"}}, {{\"show\"}}, {{\"clear\"}}, {{\"reload\"}} or {{\"why\"}}"
                ),
            );
        }
    };
    let at = match time(engine, line.at) {
        Ok(at) => at,
        Err(why) => return refuse(out, why),
    };
    match (line.interface, line.frame) {
        (Some(interface), Some(frame)) => {
            let buf = match frame_of(engine, &interface, &frame) {
                Ok(buf) => buf,
                Err(why) => return refuse(out, why),
            };
            let before = engine.advance(at);
            let at = engine.now().as_secs_f64();
            write_frames(out, &before)?;
            let (sent, verdict) = engine.receive(buf);
            write_frames(out, &sent)?;
            write_line(
                out,
                &Ended {
                    at,
                    verdict: verdict.verdict,
                    reason: verdict.reason,
                    why: explained(engine),
                },
            )
        }
        (None, None) if line.at.is_some() => {
            let sent = engine.advance(at);
            let at = engine.now().as_secs_f64();
            write_frames(out, &sent)?;
            write_line(out, &Idle { at, idle: true })
        }
        _ => refuse(
            out,
            "a packet needs both \"if\" and \"frame\"; time alone needs \"at\"".into(),
        ),
    }
}

/// Has frames to come explained, or no longer.
fn ask_why(engine: &mut Engine, line: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let why = match serde_json::from_slice(line) {
        Ok(Why { why }) => why,
        Err(error) => return refuse(out, format!("not understood: {error}")),
    };
    match why.as_deref().map(str::parse).transpose() {
        Ok(expression) => {
            engine.explain(expression);
            write_line(out, &Why { why })
        }
        Err(error) => refuse(out, ExpressionError::to_string(&error)),
    }
}

/// The sentences about the frame just received, if they are wanted.
fn explained(engine: &mut Engine) -> Option<Vec<String>> {
    let packet = engine.explained().pop()?;
    let verdict = words::verdict(&packet);
    let left = packet.left.iter().map(|left| format!("left by {left}"));
    let left: Vec<String> = left.collect();
    let steps = packet.steps.into_iter();
    Some(steps.chain(left).chain([verdict]).collect())
}

/// The time of a line, which must not lie in the past; without one, now.
fn time(engine: &Engine, at: Option<f64>) -> Result<Nanos, String> {
    /// Three hundred years, in seconds.
    const MAX: f64 = 9.4e9;
    let Some(at) = at else {
        return Ok(engine.now());
    };
    if !(0.0..=MAX).contains(&at) {
        return Err(format!(
            "\"at\" is {at}; it must be seconds from 0 to {MAX}"
        ));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let nanos = Nanos((at * 1e9).round() as u64);
    if nanos < engine.now() {
        return Err(format!(
            "\"at\" is {at}, but it is {} already; time cannot go back",
            engine.now().as_secs_f64()
        ));
    }
    Ok(nanos)
}

fn frame_of(engine: &Engine, interface: &str, hex: &str) -> Result<MemBuf, String> {
    let port = engine.port(interface).ok_or_else(|| {
        format!(
            "no interface is named {interface:?}; there are: {}",
            engine.interface_names()
        )
    })?;
    let bytes = unhex(hex).ok_or("\"frame\" must be an even number of hexadecimal digits")?;
    MemBuf::from_frame(port, &bytes).ok_or_else(|| {
        format!(
            "the frame has {} bytes; the longest possible has {}",
            bytes.len(),
            pktio::MAX_FRAME
        )
    })
}

fn write_frames(out: &mut Vec<u8>, sent: &[Sent]) -> io::Result<()> {
    for one in sent {
        let line = Left {
            at: one.at.as_secs_f64(),
            interface: &one.interface,
            frame: &hex(one.frame.bytes()),
        };
        write_line(out, &line)?;
    }
    Ok(())
}

fn write_line(out: &mut Vec<u8>, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

fn refuse(out: &mut Vec<u8>, error: String) -> io::Result<()> {
    write_line(out, &Refused { error })
}
