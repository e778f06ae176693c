//! What pycrate makes of H.323: an encoder and decoder that has nothing in common with the gateway.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::replay::Run;

/// Complaints about all runs; none where `PORTOLAN_PYCRATE` names no Python.
pub(crate) fn judged(runs: &[Run]) -> Vec<String> {
    let mut input = String::new();
    for run in runs {
        for (is_stream, ends, both) in &run.spoken {
            let kind = if *is_stream { "stream" } else { "ras" };
            write!(input, "{}\t{kind}", run.title).unwrap();
            for bytes in ends
                .iter()
                .map(|end| end.octets().to_vec())
                .chain(both.iter().cloned())
            {
                input.push('\t');
                for byte in bytes {
                    write!(input, "{byte:02x}").unwrap();
                }
            }
            input.push('\n');
        }
    }
    if input.is_empty() {
        return Vec::new();
    }
    let Some(python) = std::env::var_os("PORTOLAN_PYCRATE") else {
        println!("PORTOLAN_PYCRATE is not set: what pycrate would say is not known");
        return Vec::new();
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/h323/differences.py");
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "pycrate cannot decode it");
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().map(str::to_string).collect()
}
