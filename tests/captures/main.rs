//! Recorded traffic through the appliance, judged from outside: nothing of the inside is left in
//! what goes out, nothing else has changed, and tshark reads it as it read the original.
//!
//! ```text
//!  capture ─> for each host that speaks a gateway's protocol, as the only one inside
//!               and for each way to translate it: a shared address, a whole one
//!             ─> replay: both ends talk as recorded, the outside says what it was told
//!             ─> words: what differs, what is left       (every packet)
//!             ─> binary: the same of protocols that are no text
//!             ─> shark: checksums, errors, messages       (all runs in one file)
//!             ─> pycrate: H.323 decoded before and after
//! ```
//!
//! `PORTOLAN_PYCRATE` names a Python that has pycrate, if there is one.
//! `PORTOLAN_CAPTURES` names the directory of captures, a folder for each protocol: that takes
//! a minute or two. Sessions in the tree are always played.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod binary;
mod left;
mod observed;
mod own;
mod pycrate;
mod recorded;
mod replay;
mod shark;
mod words;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use binary::Speech;
use recorded::Recorded;
use replay::{Run, Way};
use testkit::protocol;

/// A gateway, by the folder its captures are in, and its ports.
struct Protocol {
    name: &'static str,
    ports: &'static [u16],
    speech: Speech,
}

const PROTOCOLS: [Protocol; 12] = [
    Protocol {
        name: "sip",
        ports: &[5060],
        speech: Speech::Words,
    },
    Protocol {
        name: "ftp",
        ports: &[21],
        speech: Speech::Words,
    },
    Protocol {
        name: "rtsp",
        ports: &[554],
        speech: Speech::Words,
    },
    Protocol {
        name: "dns",
        ports: &[53],
        speech: Speech::Words,
    },
    Protocol {
        name: "tftp",
        ports: &[69],
        speech: Speech::Words,
    },
    Protocol {
        name: "rcmd",
        ports: &[512, 513, 514],
        speech: Speech::Words,
    },
    Protocol {
        name: "sccp",
        ports: &[2000],
        speech: Speech::Skinny,
    },
    Protocol {
        name: "h323",
        ports: &[1719, 1720],
        speech: Speech::Addresses,
    },
    Protocol {
        name: "netbios",
        ports: &[137, 138, 139],
        speech: Speech::Addresses,
    },
    Protocol {
        name: "ldap",
        ports: &[389, 1002],
        speech: Speech::Entries,
    },
    Protocol {
        name: "pptp",
        ports: &[1723],
        speech: Speech::Calls,
    },
    Protocol {
        name: "ipsec",
        ports: &[500, 4500],
        speech: Speech::Sealed,
    },
];

/// Most hosts of a file that are put inside, one after the other.
const HOSTS: usize = 4;

/// What is to be played: the protocol, a name, and the packets or why there are none.
type Session = (&'static Protocol, String, Result<Vec<Recorded>, String>);

fn of_name(name: &str) -> &'static Protocol {
    let mut all = PROTOCOLS.iter();
    all.find(|protocol| protocol.name == name).unwrap()
}

/// Sessions in the tree.
fn own() -> impl Iterator<Item = Session> {
    let written = [
        ("sip", own::sip()),
        ("tftp", own::tftp()),
        ("dns", own::dns()),
    ];
    let written = written.map(|(name, packets)| (of_name(name), "own".into(), Ok(packets)));
    let recorded = own::files().map(|(name, file)| of_file(of_name(name), &file));
    written.into_iter().chain(recorded)
}

fn of_file(protocol: &'static Protocol, file: &Path) -> Session {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    (protocol, name, recorded::recorded(file, protocol.ports))
}

/// Where captures of others are, if anywhere.
fn directory() -> Option<PathBuf> {
    std::env::var_os("PORTOLAN_CAPTURES").map(PathBuf::from)
}

fn others(root: &Path) -> impl Iterator<Item = Session> {
    let mut all = Vec::new();
    for protocol in &PROTOCOLS {
        let Ok(folder) = std::fs::read_dir(root.join(protocol.name)) else {
            println!("{}: no captures of {}", root.display(), protocol.name);
            continue;
        };
        let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        all.extend(files.into_iter().map(|file| (protocol, file)));
    }
    all.into_iter()
        .map(|(protocol, file)| of_file(protocol, &file))
}

/// Hosts that sent or were sent something at a port of the gateway, who began first.
fn speakers(packets: &[Recorded], ports: &[u16]) -> Vec<Ipv4Addr> {
    let mut known = BTreeSet::new();
    let mut hosts = Vec::new();
    for (_, seen) in packets {
        let speaks = [seen.src, seen.dst]
            .iter()
            .any(|end| ports.contains(&end.port()))
            || matches!(seen.protocol, protocol::GRE | protocol::ESP);
        if speaks && seen.src.ip() != seen.dst.ip() {
            for host in [seen.src.ip(), seen.dst.ip()] {
                let is_group = host.octets()[3] == 255;
                if known.insert(host) && replay::may_be_inside(host) && !is_group {
                    hosts.push(host);
                }
            }
        }
    }
    hosts.truncate(HOSTS);
    hosts
}

/// Plays all sessions; every complaint.
fn judged(sessions: impl Iterator<Item = Session>) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut runs: Vec<Run> = Vec::new();
    for (protocol, name, packets) in sessions {
        let packets = match packets {
            Ok(packets) => packets,
            Err(why) => {
                println!("{}/{name}: not played: {why}", protocol.name);
                continue;
            }
        };
        let hosts = speakers(&packets, protocol.ports);
        if hosts.is_empty() {
            println!(
                "{}/{name}: not played: nobody to be put inside",
                protocol.name
            );
        }
        let reference = shark::reference(&packets);
        for host in hosts {
            for way in [Way::Shared, Way::Whole] {
                // A host that has one address with others cannot be the first to be written to.
                if way == Way::Shared && !replay::begins(host, &packets) {
                    continue;
                }
                let title = format!("{}/{name}, {host} inside, {way:?}", protocol.name);
                let number = u8::try_from(runs.len() % 250).unwrap();
                let mut run = replay::play(title, number, protocol, (host, way), &packets);
                println!("{}: {}", run.title, run.tally);
                let complaints_of = run.complaints.drain(..);
                complaints.extend(complaints_of.map(|text| format!("{}: {text}", run.title)));
                run.expected = reference.as_ref().map(|known| known.of(&run.passed));
                runs.push(run);
            }
        }
    }
    complaints.extend(shark::judged(&runs));
    complaints.extend(pycrate::judged(&runs));
    complaints
}

#[track_caller]
fn all_well(complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

/// Issues 5 and 6: what is recorded in the tree.
#[test]
fn own_sessions_have_nothing_of_the_inside_left() {
    all_well(&judged(own()));
}

/// Issues 5 and 6: captures of others, as many as there are.
#[test]
fn recorded_sessions_have_nothing_of_the_inside_left() {
    match directory() {
        Some(root) => all_well(&judged(others(&root))),
        None => println!("there are no captures of others: set PORTOLAN_CAPTURES"),
    }
}
