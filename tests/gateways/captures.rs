//! Recorded sessions, played through the appliance.
//!
//! The client is put inside as it is; the server outside answers to what it is told there: the
//! endpoint it sees, the numbers it sees, the endpoints that messages name. So a session that
//! was recorded over plain routing must come to its end, and the client must see exactly what
//! it saw then.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use testkit::pcap::{Record, read, write};
use testkit::{Packet, Seen, flags, protocol, tcp, udp};
use tests::{Config, GATEWAY, Pipe, mac_of, portolan};

use crate::ftp::read_endpoint;
use crate::{strict, tally, through};

/// A recorded frame and its time in seconds.
type Recorded = (f64, Seen);

/// What the outside knows of a connection of the client.
struct Flow {
    outside: SocketAddrV4,
    /// Ends of what was sent: the number inside, and outside.
    ends: BTreeMap<u32, u32>,
    shift: u32,
}

/// One session on its way through the appliance.
struct Player {
    nat: Pipe,
    /// Client and server.
    ends: [Ipv4Addr; 2],
    flows: BTreeMap<(u8, SocketAddrV4, SocketAddrV4), Flow>,
    /// Where the outside finds an endpoint of the client.
    told: BTreeMap<(u8, SocketAddrV4), SocketAddrV4>,
    /// Frames put on the wires, and IP packets that left, by interface.
    put: Vec<(f64, &'static str, Vec<u8>)>,
    left: Vec<(&'static str, Vec<u8>)>,
    changed: usize,
}

/// The client behind a router inside, whatever its address is.
fn config(client: Ipv4Addr, server: Ipv4Addr) -> Config {
    let mac = |host: Ipv4Addr| mac_of(host).map(|byte| format!("{byte:02x}")).join(":");
    let (behind, near) = (mac(client), mac(server));
    let config = strict()
        .rule("source", &format!("{client}/32"))
        .neighbor(&format!(
            "interface: inside, ip: 10.64.0.99, mac: \"{behind}\""
        ))
        .route(&format!("prefix: {client}/32, next_hop: 10.64.0.99"));
    if server.octets()[..3] == [198, 51, 100] {
        return config.neighbor(&format!(
            "interface: outside, ip: {server}, mac: \"{near}\""
        ));
    }
    config
}

impl Player {
    fn new(client: Ipv4Addr, server: Ipv4Addr) -> Self {
        Self {
            nat: Pipe::new(&config(client, server)),
            ends: [client, server],
            flows: BTreeMap::new(),
            told: BTreeMap::new(),
            put: Vec::new(),
            left: Vec::new(),
            changed: 0,
        }
    }

    #[track_caller]
    fn play(&mut self, session: &[Recorded]) {
        let begin = session[0].0;
        for (at, seen) in session {
            let wait = at - begin - self.nat.now();
            self.nat.later(wait.max(0.0));
            if seen.src.ip() == self.ends[0] {
                self.out(seen);
            } else {
                self.back(seen);
            }
        }
    }

    /// Sends a packet and notes both it and what left.
    #[track_caller]
    fn send(&mut self, interface: &'static str, packet: &Packet) -> Seen {
        let source = match interface {
            "outside" if packet.src.ip().octets()[..3] != [198, 51, 100] => {
                GATEWAY.parse().unwrap()
            }
            _ => *packet.src.ip(),
        };
        let frame = packet.frame(mac_of(source), self.nat.mac(interface));
        self.put.push((self.nat.now(), interface, frame));
        let left = through(self.nat.send(interface, packet));
        let to = if interface == "inside" {
            "outside"
        } else {
            "inside"
        };
        self.left.push((to, left.ip.clone()));
        left
    }

    /// The client's: nothing of the inside is left in it.
    #[track_caller]
    fn out(&mut self, seen: &Seen) {
        let left = self.send("inside", &again(seen));
        let key = (seen.protocol, seen.src.0, seen.dst.0);
        let flow = self.flows.entry(key).or_insert_with(|| Flow {
            outside: left.src.0,
            ends: BTreeMap::new(),
            shift: 0,
        });
        assert_eq!(left.src.0, flow.outside, "the connection moved");
        self.told.insert((seen.protocol, seen.src.0), flow.outside);
        for text in [
            self.ends[0].to_string(),
            self.ends[0].to_string().replace('.', ","),
        ] {
            let found = left
                .payload
                .windows(text.len())
                .any(|part| part == text.as_bytes());
            assert!(!found, "{text} is still in {}", left.payload.escape_ascii());
        }
        if let (Some(then), Some(now)) = (&seen.tcp, &left.tcp) {
            let there = flow.there(then.seq);
            if then.flags & flags::SYN == 0 {
                assert_eq!(now.seq, there, "{left:?}");
            }
            let control =
                u32::from(then.flags & flags::SYN != 0) + u32::from(then.flags & flags::FIN != 0);
            let end = then.seq.wrapping_add(seen.payload.len() as u32 + control);
            let end_there = now.seq.wrapping_add(left.payload.len() as u32 + control);
            flow.ends.insert(end, end_there);
            flow.shift = end_there.wrapping_sub(end);
            assert_eq!(now.ack, then.ack, "what the server sends does not change");
        }
        if let Some((inside, outside)) = named(seen, &left) {
            self.told.insert((protocol::TCP, inside), outside);
            self.changed += 1;
        } else {
            assert_eq!(left.payload, seen.payload);
        }
    }

    /// The server's, as it would be if it knew the client by its outside endpoint.
    #[track_caller]
    fn back(&mut self, seen: &Seen) {
        let told = self.told.get(&(seen.protocol, seen.dst.0));
        let outside = *told.unwrap_or_else(|| panic!("nobody told of {seen:?}"));
        let flow = self
            .flows
            .entry((seen.protocol, seen.dst.0, seen.src.0))
            .or_insert_with(|| Flow {
                outside,
                ends: BTreeMap::new(),
                shift: 0,
            });
        let mut packet = again(seen).to(outside);
        if let Some(then) = &seen.tcp {
            packet = packet.ack(flow.there(then.ack));
        }
        let left = self.send("outside", &packet);
        assert_eq!(
            (left.src.0, left.dst.0),
            (seen.src.0, seen.dst.0),
            "{left:?}"
        );
        assert_eq!(left.payload, seen.payload);
        if let (Some(then), Some(now)) = (&seen.tcp, &left.tcp) {
            assert_eq!((now.seq, now.ack), (then.seq, then.ack), "{left:?}");
        }
    }

    /// The same frames from files: the same leaves.
    fn play_from_files(&self) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let folder = std::env::temp_dir().join(format!(
            "portolan-captures-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        let [client, server] = self.ends;
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ptl.yaml"), config(client, server).yaml()).unwrap();
        let mut args = vec!["sim".to_string(), "-c".into(), "ptl.yaml".into()];
        for interface in ["inside", "outside"] {
            let mine = self.put.iter().filter(|(_, to, _)| *to == interface);
            let records: Vec<Record> = mine
                .map(|(at, _, frame)| Record {
                    nanos: std::time::Duration::from_secs_f64(*at).as_nanos() as u64,
                    frame: frame.clone(),
                })
                .collect();
            std::fs::write(folder.join(format!("{interface}.in")), write(&records)).unwrap();
            args.extend(["--in".into(), format!("{interface}={interface}.in")]);
            args.extend(["--out".into(), format!("{interface}={interface}.out")]);
        }
        let output = Command::new(portolan())
            .current_dir(&folder)
            .args(&args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        for interface in ["inside", "outside"] {
            let bytes = std::fs::read(folder.join(format!("{interface}.out"))).unwrap();
            let got: Vec<Vec<u8>> = read(&bytes)
                .unwrap()
                .iter()
                .map(|record| Seen::of(&record.frame).unwrap())
                .filter(|seen| seen.arp.is_none())
                .map(|seen| seen.ip)
                .collect();
            let expected: Vec<&Vec<u8>> = self
                .left
                .iter()
                .filter(|(to, _)| *to == interface)
                .map(|(_, ip)| ip)
                .collect();
            assert_eq!(got.iter().collect::<Vec<_>>(), expected, "{interface}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

impl Flow {
    /// A number of the client's as the outside has it.
    fn there(&self, number: u32) -> u32 {
        let known = self.ends.get(&number).copied();
        known.unwrap_or_else(|| number.wrapping_add(self.shift))
    }
}

/// The recorded packet, to be sent once more with right checksums.
fn again(seen: &Seen) -> Packet {
    let flow = format!("{} > {}", seen.src, seen.dst);
    let packet = match &seen.tcp {
        Some(then) => tcp(&flow)
            .seq(then.seq)
            .ack(then.ack)
            .flags(then.flags)
            .window(then.window)
            .tcp_options(&then.options),
        None => udp(&flow),
    };
    packet.payload(&seen.payload).id(seen.id).df(seen.df)
}

/// The endpoint that a message of the client names, and what the server reads there.
fn named(seen: &Seen, left: &Seen) -> Option<(SocketAddrV4, SocketAddrV4)> {
    let endpoint = |seen: &Seen| -> Option<SocketAddrV4> {
        match seen.dst.port() {
            512 | 514 => {
                let digits = seen.payload.strip_suffix(b"\0")?;
                let port = std::str::from_utf8(digits).ok()?.parse().ok()?;
                Some(SocketAddrV4::new(seen.src.ip(), port))
            }
            21 => read_endpoint(std::str::from_utf8(&seen.payload).ok()?)?
                .parse()
                .ok(),
            389 | 1002 => registered(&seen.payload),
            _ => None,
        }
    };
    Some((endpoint(seen)?, endpoint(left)?)).filter(|(inside, _)| inside.port() > 0)
}

/// What an entry says whose address is as x86 prints it, behind its name and two short headers.
fn registered(payload: &[u8]) -> Option<SocketAddrV4> {
    let value = |name: &str| {
        let at = payload
            .windows(name.len())
            .position(|part| part == name.as_bytes())?;
        let digits = payload.get(at + name.len() + 4..)?;
        let len = digits.iter().take_while(|byte| byte.is_ascii_digit());
        std::str::from_utf8(&digits[..len.count()])
            .ok()?
            .parse()
            .ok()
    };
    let address = u32::swap_bytes(value("sipaddress")?);
    let port = u16::try_from(value("sport")?).ok()?;
    Some(SocketAddrV4::new(address.into(), port))
}

/// The sessions of a file's first client.
fn recorded(file: &Path) -> Vec<Recorded> {
    let bytes = std::fs::read(file).unwrap();
    let Ok(records) = read(&bytes) else {
        return Vec::new();
    };
    let all: Vec<Recorded> = records
        .iter()
        .filter_map(|record| {
            let at = std::time::Duration::from_nanos(record.nanos).as_secs_f64();
            Some((at, Seen::of(&record.frame).ok()?))
        })
        .filter(|(_, seen)| {
            matches!(seen.protocol, protocol::TCP | protocol::UDP) && !seen.is_fragment()
        })
        .collect();
    let asks = |seen: &Seen| matches!(seen.dst.port(), 21 | 69 | 389 | 512..=514 | 1002);
    let Some((_, first)) = all.iter().find(|(_, seen)| asks(seen)) else {
        return Vec::new();
    };
    let ends = [first.src.ip(), first.dst.ip()];
    all.into_iter()
        .filter(|(_, seen)| ends.contains(&seen.src.ip()) && ends.contains(&seen.dst.ip()))
        .skip_while(|(_, seen)| seen.src.ip() != ends[0])
        .collect()
}

/// Plays a file; the gateway's tally.
#[track_caller]
fn played(file: &Path, gateway: &str) -> [u64; 6] {
    let session = recorded(file);
    let (client, server) = (session[0].1.src.ip(), session[0].1.dst.ip());
    let mut player = Player::new(client, server);
    player.play(&session);
    player.play_from_files();
    let tally = tally(&mut player.nat, gateway);
    assert_eq!(
        tally[1], player.changed as u64,
        "messages rewritten: {tally:?}"
    );
    tally
}

fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("gateways/captures")
        .join(name)
}

/// vsftpd and curl: `PORT`, then `EPRT`; the data connections come in.
#[test]
fn a_recorded_active_transfer_is_carried() {
    let [_, rewritten, opened, promoted, _, errors] =
        played(&own("ftp_active_port_eprt.pcap"), "ftp");
    assert_eq!([rewritten, opened, promoted, errors], [2, 2, 2, 0]);
}

/// rexecd: its second channel comes in.
#[test]
fn a_recorded_remote_command_is_carried() {
    let [messages, rewritten, opened, promoted, _, errors] =
        played(&own("rexec_stderr.pcap"), "rcmd");
    assert_eq!(
        [messages, rewritten, opened, promoted, errors],
        [2, 1, 1, 1, 0]
    );
}

/// slapd and ldapadd: a person is registered.
#[test]
fn a_recorded_registration_is_carried() {
    let [_, rewritten, opened, _, bypassed, errors] = played(&own("ldap_ils_add.pcap"), "ldap");
    assert_eq!([rewritten, opened, bypassed, errors], [1, 1, 0, 0]);
}

/// Any others: set `PORTOLAN_CAPTURES` to a directory with folders `ftp`, `tftp`, `rcmd` and `ldap`.
#[test]
fn other_recorded_sessions_are_carried() {
    let Some(root) = std::env::var_os("PORTOLAN_CAPTURES") else {
        println!("PORTOLAN_CAPTURES is not set: nothing more to be played");
        return;
    };
    for gateway in ["ftp", "tftp", "rcmd", "ldap"] {
        let folder = std::fs::read_dir(Path::new(&root).join(gateway)).expect("folder of captures");
        for entry in folder {
            let file = entry.unwrap().path();
            let session = recorded(&file);
            // Frames longer than any on a wire were put together by the host that recorded them.
            let usable = session.iter().all(|(_, seen)| seen.ip.len() <= 1500)
                && session.first().is_some_and(|(_, seen)| {
                    let begins = |tcp: &testkit::Tcp| tcp.flags == flags::SYN;
                    !seen.src.ip().is_loopback() && seen.tcp.as_ref().is_none_or(begins)
                });
            if usable {
                println!("{}: {:?}", file.display(), played(&file, gateway));
            } else {
                println!("{}: no session that can be played", file.display());
            }
        }
    }
}
