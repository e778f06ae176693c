//! `portolan sim` on pcap files: section 7.3.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testkit::pcap::{Record, read, write};
use testkit::{Mac, Packet, Seen, echo, udp};
use tests::{Config, GATEWAY, mac_of, portolan};

const INSIDE: Mac = [2, 0, 0, 0, 0, 0x11];
const OUTSIDE: Mac = [2, 0, 0, 0, 0, 0x22];

fn config() -> Config {
    Config::new()
        .interface("inside", "mac", "\"02:00:00:00:00:11\"")
        .interface("outside", "mac", "\"02:00:00:00:00:22\"")
}

/// A folder of its own for one test, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("portolan-pcap-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("ptl.yaml"), config().yaml()).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, frames: &[(f64, Vec<u8>)]) {
        let records: Vec<Record> = frames
            .iter()
            .map(|(at, frame)| Record {
                nanos: std::time::Duration::from_secs_f64(*at).as_nanos() as u64,
                frame: frame.clone(),
            })
            .collect();
        std::fs::write(self.0.join(name), write(&records)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(portolan())
            .current_dir(&self.0)
            .args(["sim", "-c", "ptl.yaml"])
            .args(args)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn ran(&self, args: &[&str]) {
        let output = self.run(args);
        assert!(output.status.success(), "{output:?}");
    }

    #[track_caller]
    fn got(&self, name: &str) -> Vec<(f64, Seen)> {
        let bytes = std::fs::read(self.0.join(name)).unwrap();
        read(&bytes)
            .unwrap()
            .iter()
            .map(|record| {
                let seen = Seen::of(&record.frame).unwrap();
                assert!(seen.problems.is_empty(), "{:?}", seen.problems);
                let at = std::time::Duration::from_nanos(record.nanos);
                (at.as_secs_f64(), seen)
            })
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(Path::new(&self.0));
    }
}

fn from_host(packet: &Packet) -> Vec<u8> {
    packet.frame(mac_of(*packet.src.ip()), INSIDE)
}

fn from_router(packet: &Packet) -> Vec<u8> {
    packet.frame(mac_of(GATEWAY.parse().unwrap()), OUTSIDE)
}

const ALL: [&str; 8] = [
    "--in",
    "inside=a.pcap",
    "--in",
    "outside=b.pcap",
    "--out",
    "inside=c.pcap",
    "--out",
    "outside=d.pcap",
];

/// Section 7.3: what goes in on one side comes out on the other, at its time.
#[test]
fn a_file_from_inside_comes_out_translated() {
    let folder = Folder::new("out");
    let flow = "10.64.0.7:5000 > 192.0.2.1:7000";
    folder.put(
        "a.pcap",
        &[
            (1.0, from_host(&udp(flow).payload(b"one"))),
            (1.5, from_host(&echo("10.64.0.8:5 > 192.0.2.1"))),
            (2.25, from_host(&udp(flow).payload(b"two"))),
        ],
    );
    folder.ran(&["--in", "inside=a.pcap", "--out", "outside=d.pcap"]);
    let got = folder.got("d.pcap");
    let times: Vec<f64> = got.iter().map(|(at, _)| *at).collect();
    assert_eq!(got.len(), 3, "{got:?}");
    for (at, expected) in times.iter().zip([1.0, 1.5, 2.25]) {
        assert!((at - expected).abs() < 0.001, "{times:?}");
    }
    assert_eq!(got[0].1.payload, b"one");
    assert_eq!(got[0].1.src, got[2].1.src);
    assert_eq!(got[0].1.src_mac, OUTSIDE);
}

/// Section 7.3: inputs are merged by time stamp, so an answer finds its question.
#[test]
fn inputs_are_merged_by_time() {
    let folder = Folder::new("merge");
    let question = from_host(&udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"q"));
    folder.put("a.pcap", &[(10.0, question)]);
    folder.put("b.pcap", &[]);
    folder.ran(&ALL);
    let out = folder.got("d.pcap")[0].1.clone();
    assert!(folder.got("c.pcap").is_empty());
    // Early, in time, and after the mapping is long gone.
    let answer = |text: &str| from_router(&out.reply().payload(text.as_bytes()));
    folder.put(
        "b.pcap",
        &[
            (9.0, answer("early")),
            (11.0, answer("right")),
            (1000.0, answer("late")),
        ],
    );
    folder.ran(&ALL);
    let got = folder.got("c.pcap");
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(got[0].1.payload, b"right");
    assert!(got[0].1.dst == "10.64.0.7:5000");
}

/// Section 7.3: same file, same seed, same input: same output, byte for byte.
#[test]
fn the_same_input_gives_the_same_bytes() {
    let folder = Folder::new("same");
    let frames: Vec<(f64, Vec<u8>)> = (0..50)
        .map(|port| {
            let flow = format!("10.64.0.7:{} > 192.0.2.1:7000", 5000 + port);
            (f64::from(port), from_host(&udp(&flow)))
        })
        .collect();
    folder.put("a.pcap", &frames);
    let run = |args: &[&str]| {
        let mut all = vec!["--in", "inside=a.pcap", "--out", "outside=d.pcap"];
        all.extend(args);
        folder.ran(&all);
        std::fs::read(folder.0.join("d.pcap")).unwrap()
    };
    let first = run(&[]);
    assert_eq!(first, run(&[]));
    assert_eq!(first, run(&["--seed", "1"]), "the default seed is 1");
    assert_ne!(first, run(&["--seed", "2"]), "ports are chosen by the seed");
}

/// Section 7.3: files of microseconds and of the other byte order are read too.
#[test]
fn files_of_either_byte_order_and_resolution_are_read() {
    let folder = Folder::new("order");
    let frame = from_host(&udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    let mut big = Vec::new();
    for word in [0xa1b2_c3d4_u32, 2 << 16 | 4, 0, 0, 65_535, 1] {
        big.extend(word.to_be_bytes());
    }
    let len = frame.len() as u32;
    for word in [3, 500_000, len, len] {
        big.extend(word.to_be_bytes());
    }
    big.extend(&frame);
    std::fs::write(folder.0.join("a.pcap"), big).unwrap();
    folder.ran(&["--in", "inside=a.pcap", "--out", "outside=d.pcap"]);
    let got = folder.got("d.pcap");
    assert_eq!(got.len(), 1);
    assert!((got[0].0 - 3.5).abs() < 0.001);
}

/// Section 7.1: anything wrong ends with a line that says why.
#[test]
fn wrong_files_and_names_are_refused_with_a_reason() {
    let folder = Folder::new("wrong");
    folder.put("a.pcap", &[]);
    std::fs::write(folder.0.join("junk.pcap"), [7; 100]).unwrap();
    for args in [
        &["--in", "inside=missing.pcap"][..],
        &["--in", "inside=junk.pcap"],
        &["--in", "nowhere=a.pcap"],
        &["--in", "inside"],
        &["--in", "inside=a.pcap", "--out", "nowhere=d.pcap"],
    ] {
        let output = folder.run(args);
        assert!(!output.status.success(), "{args:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{args:?} says nothing");
        assert!(output.status.code().is_some_and(|code| code < 100));
    }
}

/// Section 7.3: a file cut inside a frame is refused or read as far as it goes, never fatal.
#[test]
fn a_file_that_is_cut_short_does_not_crash() {
    let folder = Folder::new("cut");
    let frame = from_host(&udp("10.64.0.7:5000 > 192.0.2.1:7000"));
    folder.put("whole.pcap", &[(1.0, frame.clone()), (2.0, frame)]);
    let whole = std::fs::read(folder.0.join("whole.pcap")).unwrap();
    for len in [0, 3, 23, 24, 30, 39, 45, whole.len() - 1] {
        std::fs::write(folder.0.join("a.pcap"), &whole[..len]).unwrap();
        let output = folder.run(&["--in", "inside=a.pcap", "--out", "outside=d.pcap"]);
        let code = output.status.code().expect("no signal");
        assert!(code < 100, "{output:?}");
    }
}
