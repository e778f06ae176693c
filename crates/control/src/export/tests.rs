//! The exporter with collectors on this machine. Time is passed in; only the system's own
//! sockets are waited for.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use config::model::{LogStore, Transport};
use nat::{BlockNotice, Life, Record};

use super::*;

const TEMPLATES: [u8; 2] = [0, 2];

struct Desk {
    exporter: Exporter,
    handle: Handle,
    now: Nanos,
    offered: u64,
}

impl Desk {
    fn new(log: Log) -> Self {
        let (exporter, handle) = Exporter::new(Identity {
            host: "cgn1".into(),
            process: None,
        });
        handle.order(Order::Configure(
            Box::new(log),
            Names::default(),
            String::new(),
        ));
        let mut desk = Self {
            exporter,
            handle,
            now: Nanos::from_secs(1),
            offered: 0,
        };
        desk.turn();
        desk
    }

    fn clock(&self) -> Clock {
        Clock {
            now: self.now,
            start: 1_700_000_000_000,
        }
    }

    fn offer(&mut self, records: u64) {
        let block = BlockNotice {
            inside: "10.64.0.7".parse().unwrap(),
            realm: 0,
            outside: "203.0.113.1".parse().unwrap(),
            ports: (1024, 1535),
        };
        let logged = Logged {
            at: self.now,
            record: Record::Block(Life::Begun, block),
        };
        for _ in 0..records {
            self.exporter.record(0, &logged, self.clock());
        }
        self.offered += records;
    }

    fn turn(&mut self) {
        self.exporter.turn(self.clock());
    }

    fn pass(&mut self, time: Nanos) {
        self.now = self.now.plus(time);
        self.turn();
    }

    fn count(&self, counter: Counter) -> u64 {
        self.handle.counters().value(counter)
    }

    /// Takes turns until something has come about.
    #[track_caller]
    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            self.pass(Nanos(1_000_000));
            if done(self) {
                return;
            }
            assert!(Instant::now() < end, "never: {what}");
            std::thread::yield_now();
        }
    }

    /// Every record is in one of two counters, once nothing is on its way any more.
    #[track_caller]
    fn adds_up(&mut self, sent: Counter, lost: Counter) {
        let offered = self.offered;
        self.until("every record counted", |desk| {
            desk.count(sent) + desk.count(lost) == offered
        });
        assert_eq!(self.count(Counter::LogRecords), offered);
    }
}

fn ipfix(address: SocketAddr, transport: Transport) -> Log {
    Log {
        ipfix: vec![Collector {
            address,
            transport,
            domain: 7,
            template_refresh: Duration::from_mins(1),
        }],
        ..Log::default()
    }
}

fn syslog(address: SocketAddr, transport: Transport) -> Log {
    Log {
        syslog: vec![LogServer {
            address,
            transport,
            facility: LogServer::FACILITY,
            enterprise: 32473,
        }],
        ..Log::default()
    }
}

fn udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn datagram(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = vec![0; 65536];
    let length = socket.recv(&mut bytes).unwrap();
    bytes.truncate(length);
    bytes
}

/// The set that a message begins with.
fn first_set(message: &[u8]) -> [u8; 2] {
    message[16..18].try_into().unwrap()
}

fn sequence(message: &[u8]) -> u32 {
    u32::from_be_bytes(message[8..12].try_into().unwrap())
}

/// The next message of a connection.
fn message(stream: &mut TcpStream) -> Vec<u8> {
    let mut message = vec![0; 4];
    stream.read_exact(&mut message).unwrap();
    let length = usize::from(u16::from_be_bytes([message[2], message[3]]));
    message.resize(length, 0);
    stream.read_exact(&mut message[4..]).unwrap();
    message
}

/// RFC 7011 section 8.1: before the first record, and again and again.
#[test]
fn templates_come_first_and_are_repeated_over_udp() {
    let (socket, address) = udp();
    let mut desk = Desk::new(ipfix(address, Transport::Udp));
    desk.offer(2);
    desk.turn();
    assert_eq!(first_set(&datagram(&socket)), TEMPLATES);
    let data = datagram(&socket);
    assert_eq!(first_set(&data), [1, 3]);
    assert_eq!(data[12..16], [0, 0, 0, 7], "domain");
    assert_eq!(sequence(&data), 0);
    desk.pass(Nanos::from_secs(59));
    desk.offer(1);
    desk.turn();
    assert_eq!(sequence(&datagram(&socket)), 2);
    desk.pass(Nanos::from_secs(1));
    desk.offer(1);
    desk.turn();
    let templates = datagram(&socket);
    assert_eq!(first_set(&templates), TEMPLATES);
    assert_eq!(sequence(&templates), 3);
    assert_eq!(first_set(&datagram(&socket)), [1, 3]);
    desk.adds_up(Counter::LogIpfixSent, Counter::LogIpfixLost);
    assert_eq!(desk.count(Counter::LogIpfixLost), 0);
}

/// Many records are few messages, none of them longer than a packet.
#[test]
fn records_of_a_turn_share_messages() {
    let (socket, address) = udp();
    let mut desk = Desk::new(ipfix(address, Transport::Udp));
    desk.offer(100);
    desk.turn();
    datagram(&socket);
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let message = datagram(&socket);
        assert!(message.len() <= natlog::ipfix::LONGEST);
        numbers.push(sequence(&message));
    }
    assert_eq!(numbers, [0, 47, 94]);
}

/// A machine where nobody listens says so, and whoever comes back knows no templates.
#[test]
fn records_to_nobody_are_lost_and_templates_said_again() {
    let (socket, address) = udp();
    let mut desk = Desk::new(ipfix(address, Transport::Udp));
    desk.offer(1);
    desk.turn();
    drop(socket);
    desk.until("a loss", |desk| desk.count(Counter::LogIpfixSent) == 1);
    desk.offer(5);
    desk.until("a loss", |desk| desk.count(Counter::LogIpfixLost) == 5);
    let socket = UdpSocket::bind(address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    desk.offer(1);
    desk.turn();
    assert_eq!(first_set(&datagram(&socket)), TEMPLATES);
    assert_eq!(sequence(&datagram(&socket)), 6);
    desk.adds_up(Counter::LogIpfixSent, Counter::LogIpfixLost);
}

/// RFC 7011 section 3.1 and 10.4: a connection is a stream of its own.
#[test]
fn every_connection_begins_with_templates_and_number_0() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut desk = Desk::new(ipfix(listener.local_addr().unwrap(), Transport::Tcp));
    for _ in 0..2 {
        desk.offer(3);
        desk.until("sending", |desk| !desk.exporter.is_busy());
        let (mut stream, _) = listener.accept().unwrap();
        let templates = message(&mut stream);
        assert_eq!(
            (first_set(&templates), sequence(&templates)),
            (TEMPLATES, 0)
        );
        let data = message(&mut stream);
        assert_eq!((first_set(&data), sequence(&data)), ([1, 3], 0));
        desk.offer(2);
        desk.until("sending", |desk| !desk.exporter.is_busy());
        assert_eq!(sequence(&message(&mut stream)), 3);
        desk.pass(Nanos::from_secs(2));
        drop(stream);
        // It is noticed without anything to send, and tried again after a while.
        desk.until("the end", |desk| {
            matches!(
                desk.exporter.sinks.as_slice(),
                [Sink::Ipfix(_, sink)] if !sink.is_connected()
            )
        });
        desk.pass(Nanos::from_secs(2));
    }
    assert_eq!(desk.count(Counter::LogIpfixSent), 10);
    desk.adds_up(Counter::LogIpfixSent, Counter::LogIpfixLost);
}

/// What was on its way when a connection broke is counted as lost: nobody knows.
#[test]
fn what_a_broken_connection_took_last_is_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut desk = Desk::new(ipfix(listener.local_addr().unwrap(), Transport::Tcp));
    desk.offer(4);
    desk.until("sending", |desk| !desk.exporter.is_busy());
    drop(listener.accept().unwrap());
    desk.until("the loss", |desk| desk.count(Counter::LogIpfixLost) == 4);
    assert_eq!(desk.count(Counter::LogIpfixSent), 0);
}

/// A collector that reads nothing keeps nobody waiting, and costs no more than a buffer.
#[test]
fn a_collector_that_does_not_read_costs_counted_records() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut desk = Desk::new(ipfix(listener.local_addr().unwrap(), Transport::Tcp));
    desk.offer(1);
    desk.until("sending", |desk| !desk.exporter.is_busy());
    let (stream, _) = listener.accept().unwrap();
    while desk.count(Counter::LogIpfixLost) == 0 {
        desk.offer(20_000);
        desk.turn();
        assert!(desk.offered < 5_000_000, "all of it went somewhere");
    }
    drop((stream, listener));
    desk.adds_up(Counter::LogIpfixSent, Counter::LogIpfixLost);
}

/// While a collector is away as much waits as fits.
#[test]
fn a_collector_that_comes_late_gets_what_waited() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut desk = Desk::new(ipfix(address, Transport::Tcp));
    desk.offer(3);
    desk.pass(Nanos::from_secs(1));
    desk.until("a refusal", |desk| {
        matches!(
            desk.exporter.sinks.as_slice(),
            [Sink::Ipfix(_, sink)] if sink.is_waiting()
        )
    });
    let listener = TcpListener::bind(address).unwrap();
    desk.pass(Nanos::from_secs(30));
    desk.until("sending", |desk| !desk.exporter.is_busy());
    let (mut stream, _) = listener.accept().unwrap();
    assert_eq!(first_set(&message(&mut stream)), TEMPLATES);
    assert_eq!(sequence(&message(&mut stream)), 0);
    desk.pass(Nanos::from_secs(2));
    assert_eq!(desk.count(Counter::LogIpfixSent), 3);
}

/// RFC 5426: a datagram for each.
#[test]
fn syslog_over_udp_is_a_line_in_a_datagram() {
    let (socket, address) = udp();
    let mut desk = Desk::new(syslog(address, Transport::Udp));
    desk.offer(2);
    for _ in 0..2 {
        let line = String::from_utf8(datagram(&socket)).unwrap();
        assert!(
            line.starts_with("<134>1 2023-11-14T22:13:21.000Z cgn1 portolan - block-allocated ["),
            "{line}"
        );
        assert!(line.ends_with("ports=\"1024-1535\"]"), "{line}");
    }
    desk.adds_up(Counter::LogSyslogSent, Counter::LogSyslogLost);
}

/// RFC 6587 section 3.4.1: octets are counted.
#[test]
fn syslog_over_tcp_says_how_long_a_line_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut desk = Desk::new(syslog(listener.local_addr().unwrap(), Transport::Tcp));
    desk.offer(2);
    desk.until("sending", |desk| !desk.exporter.is_busy());
    let (mut stream, _) = listener.accept().unwrap();
    desk.exporter = Exporter::offline(Identity {
        host: "-".into(),
        process: None,
    })
    .0;
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    for _ in 0..2 {
        let (length, rest) = text.split_once(' ').unwrap();
        let (line, rest) = rest.split_at(length.parse().unwrap());
        assert!(
            line.starts_with("<134>1 ") && line.ends_with("\"]"),
            "{line}"
        );
        text = rest.to_owned();
    }
    assert_eq!(text, "");
}

/// A reload that leaves a collector as it is does not interrupt it; one that is taken out
/// goes with what it had not sent.
#[test]
fn collectors_that_stay_are_not_disturbed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let kept = ipfix(listener.local_addr().unwrap(), Transport::Tcp);
    let mut desk = Desk::new(kept.clone());
    desk.offer(1);
    desk.until("sending", |desk| !desk.exporter.is_busy());
    let (mut stream, _) = listener.accept().unwrap();
    let (socket, address) = udp();
    let more = Log {
        ipfix: [kept.ipfix, ipfix(address, Transport::Udp).ipfix].concat(),
        ..Log::default()
    };
    desk.handle.order(Order::Configure(
        Box::new(more),
        Names::default(),
        String::new(),
    ));
    desk.turn();
    desk.offer(1);
    desk.until("sending", |desk| !desk.exporter.is_busy());
    assert_eq!(first_set(&message(&mut stream)), TEMPLATES);
    assert_eq!(sequence(&message(&mut stream)), 0);
    assert_eq!(sequence(&message(&mut stream)), 1);
    assert_eq!(first_set(&datagram(&socket)), TEMPLATES);
    desk.handle.order(Order::Configure(
        Box::default(),
        Names::default(),
        String::new(),
    ));
    desk.turn();
    assert!(desk.exporter.is_idle());
    assert_eq!(desk.count(Counter::LogIpfixSent), 3);
    let mut rest = Vec::new();
    assert_eq!(stream.read_to_end(&mut rest).unwrap(), 0, "{rest:?}");
}

/// The store is told of blocks, by name and in time; what cannot be written is counted.
#[test]
fn the_store_is_one_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let log = || Log {
        store: Some(LogStore {
            path: path.clone(),
            keep: Duration::from_hours(1),
            max_size: 1 << 30,
        }),
        ..Log::default()
    };
    // A file is in the way.
    std::fs::write(&path, "").unwrap();
    let mut desk = Desk::new(log());
    desk.offer(2);
    desk.turn();
    assert_eq!(desk.count(Counter::LogStoreLost), 2);
    std::fs::remove_file(&path).unwrap();
    desk.pass(Nanos::from_secs(11));
    let names = Names {
        vrfs: vec!["blue".into()],
        pools: Vec::new(),
    };
    let order = Order::Configure(Box::new(log()), names, "workers: {}".into());
    desk.handle.order(order);
    desk.turn();
    desk.offer(1);
    desk.pass(Nanos::from_secs(2));
    assert_eq!(desk.count(Counter::LogStoreWritten), 1);
    let reader = crate::store::Reader::open(&path).unwrap();
    let found = reader
        .outside([203, 0, 113, 1].into(), (1100, 1100))
        .unwrap();
    assert_eq!(found.len(), 1);
    let (entry, start) = (found[0].entry, 1_700_000_000_000);
    assert_eq!((found[0].from, found[0].until), (start + 12_000, None));
    assert_eq!(reader.vrf(entry.vrf), "blue");
    assert_eq!(reader.appliance(entry.appliance), "cgn1");
    // To keep more of it does not end what is lent.
    let mut more = log();
    more.store.as_mut().unwrap().keep = Duration::from_hours(9);
    let order = Order::Configure(Box::new(more), Names::default(), "workers: {}".into());
    desk.handle.order(order);
    desk.turn();
    desk.offer(1);
    desk.pass(Nanos::from_secs(12));
    desk.pass(Nanos::from_secs(2));
    assert_eq!(desk.count(Counter::LogStoreLost), 2);
    let again = crate::store::Reader::open(&path).unwrap();
    let found = again
        .outside([203, 0, 113, 1].into(), (1100, 1100))
        .unwrap();
    assert_eq!((found[0].from, found[0].until), (start + 12_000, None));
    let epoch = reader.configuration(start + 12_000).unwrap();
    assert_eq!(epoch, Some((start + 12_000, "workers: {}".into())));
}

/// What was lent before a file failed is told again, when the file that told it goes by age.
#[test]
fn a_block_outlives_a_file_that_failed_and_its_own_age() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let log = || Log {
        store: Some(LogStore {
            path: path.clone(),
            keep: Duration::from_hours(1),
            max_size: 1 << 30,
        }),
        ..Log::default()
    };
    let mut desk = Desk::new(log());
    desk.offer(1);
    desk.pass(Nanos::from_secs(2));
    // Where the configuration would be noted there is a file.
    let epochs = path.join("epochs");
    std::fs::remove_dir_all(&epochs).unwrap();
    std::fs::write(&epochs, "").unwrap();
    let order = Order::Configure(Box::new(log()), Names::default(), "workers: {}".into());
    desk.handle.order(order);
    desk.turn();
    desk.offer(1);
    desk.turn();
    assert_eq!(desk.count(Counter::LogStoreLost), 1);
    std::fs::remove_file(&epochs).unwrap();
    desk.pass(Nanos::from_secs(11));
    // Something else, for there to be a file to seal.
    let other = Logged {
        at: desk.now,
        record: Record::Block(
            Life::Ended,
            BlockNotice {
                inside: "10.64.0.8".parse().unwrap(),
                realm: 0,
                outside: "203.0.113.1".parse().unwrap(),
                ports: (2048, 2559),
            },
        ),
    };
    desk.exporter.record(0, &other, desk.clock());
    desk.pass(Nanos::from_secs(2));
    desk.pass(Nanos::from_secs(7200));
    desk.pass(Nanos::from_secs(2));
    let reader = crate::store::Reader::open(&path).unwrap();
    let outside = "203.0.113.1".parse().unwrap();
    assert_eq!(
        reader.outside(outside, (2100, 2100)).unwrap(),
        [],
        "it is too old"
    );
    let found = reader.outside(outside, (1100, 1100)).unwrap();
    assert_eq!(found.len(), 1);
    let start = 1_700_000_000_000;
    assert_eq!((found[0].from, found[0].until), (start + 1000, None));
}
