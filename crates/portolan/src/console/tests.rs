//! The desk with a worker that the tests play: they see what it is told, and say what it says.

use std::path::Path;

use dataplane::{Event, SlowPorts};
use nat::{Layout, Mapping, Shard};
use pktio::mem::{MemBuf, MemReceiver, MemSender, ring};

use control::traced::Line;

use super::*;
use crate::steering::Arrivals;
use portolan::plan::{Plan, sizes};

const FILE: &str = "\
dpdk: { eal_args: [\"--no-pci\"] }
interfaces:
  - { name: inside, device: a, addresses: [10.64.0.1/16] }
  - { name: outside, device: b, addresses: [198.51.100.1/24] }
nat:
  static:
    - { protocol: udp, inside: \"10.64.0.20:80\", outside: \"203.0.113.1:80\" }
";

/// Pieces for a reader, who may hang up.
#[derive(Clone, Default)]
struct Reader(Arc<std::sync::Mutex<(bool, Vec<Piece>)>>);

impl Reader {
    fn hang_up(&self) {
        self.0.lock().unwrap().0 = true;
    }

    /// How many rows have come, if the answer is complete.
    fn rows(&self) -> Option<usize> {
        let pieces = &self.0.lock().unwrap().1;
        let rows = pieces.iter().map(|piece| match piece {
            Piece::Rows(rows) => rows.len(),
            _ => 0,
        });
        matches!(pieces.last(), Some(Piece::End)).then(|| rows.sum())
    }
}

impl Sink for Reader {
    fn put(&mut self, piece: Piece) -> Result<(), Option<Piece>> {
        let mut inner = self.0.lock().unwrap();
        if inner.0 {
            return Err(None);
        }
        inner.1.push(piece);
        Ok(())
    }
}

struct Office {
    console: Console<Reader>,
    slow: SlowPath<MemBuf, MemSender, MemReceiver>,
    commands: rtrb::Consumer<Command>,
    events: rtrb::Producer<Event>,
    /// A row for answers.
    mapping: Mapping,
    _notices: rtrb::Producer<(Nanos, nat::Notice)>,
    _calls: rtrb::Producer<dataplane::CallReport>,
    traced: rtrb::Producer<Box<dataplane::Record>>,
    _packets: (MemSender, MemReceiver),
}

impl Office {
    fn new() -> Self {
        let name = format!(
            "ptl-console-{}-{:?}.yaml",
            std::process::id(),
            std::thread::current().id()
        );
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, FILE).unwrap();
        let config = config::load(Path::new(&path)).unwrap();
        let _ = std::fs::remove_file(&path);
        let plan = Plan::new(&config);
        let layout = Arc::new(Layout::new(&plan.settings, 1).unwrap());
        let shard = Shard::new(Arc::clone(&layout), sizes(&config, 1), 0, 1, Nanos(0));
        let (punt, punted) = ring(1);
        let (reply, replied) = ring(1);
        let (command, commands) = rtrb::RingBuffer::new(64);
        let (events, event) = rtrb::RingBuffer::new(4096);
        let (notices, notice) = rtrb::RingBuffer::new(1);
        let (calls, call) = rtrb::RingBuffer::new(64);
        let (traced, trace) = rtrb::RingBuffer::new(64);
        let ports = SlowPorts {
            punt: punted,
            reply,
            commands: command,
            events: event,
            told: rtrb::RingBuffer::new(1).1,
            notices: notice,
            calls: call,
            traced: trace,
        };
        let slow = SlowPath::new(&plan.topology, vec![ports], Box::new(|| None), Nanos(0));
        let (_, log) = control::export::Exporter::offline(control::export::Identity {
            host: "-".into(),
            process: None,
        });
        let console = Console::new(
            &config,
            Book::new(&config, &plan, layout, Arrivals::ALL),
            vec![Arc::new(Published::default())],
            Box::new(Vec::new),
            log,
            Box::new(|_, _| Err("nothing to reload".into())),
        );
        Self {
            console,
            slow,
            commands,
            events,
            mapping: shard.mapping_at(0).unwrap(),
            _notices: notices,
            _calls: calls,
            traced,
            _packets: (punt, replied),
        }
    }

    /// Asks for mappings; the number of the question, as the worker sees it.
    fn show_mappings(&mut self, reader: &Reader) -> Ticket {
        assert!(self.console.is_idle());
        let question = Question::Request(Request::show(What::Mappings));
        self.console
            .start(&question, reader.clone(), &mut self.slow, Nanos(0));
        match self.commands.pop() {
            Ok(Command::Inspect(ticket, Inspect::Mappings)) => ticket,
            other => panic!("{other:?}"),
        }
    }

    /// The worker says these.
    fn say(&mut self, ticket: Ticket, row: Row, times: usize) {
        for _ in 0..times {
            self.events.push(Event::Row(ticket, row)).unwrap();
        }
        self.slow.turn(Nanos(0));
        self.console.step(&mut self.slow, Nanos(0));
    }
}

#[test]
fn a_reader_that_hangs_up_keeps_nobody_waiting_and_the_worker_is_told() {
    let mut office = Office::new();
    let reader = Reader::default();
    let ticket = office.show_mappings(&reader);
    let row = Row::Mapping(office.mapping);
    office.say(ticket, row, PIECE);
    assert!(!office.console.is_idle());
    reader.hang_up();
    office.say(ticket, row, PIECE);
    assert!(office.console.is_idle());
    assert!(matches!(office.commands.pop(), Ok(Command::Enough)));
}

#[test]
fn what_a_worker_still_says_to_a_question_given_up_is_no_answer_to_the_next() {
    let mut office = Office::new();
    let row = Row::Mapping(office.mapping);
    let gone = Reader::default();
    let first = office.show_mappings(&gone);
    gone.hang_up();
    office.say(first, row, PIECE);
    assert!(matches!(office.commands.pop(), Ok(Command::Enough)));

    let reader = Reader::default();
    let second = office.show_mappings(&reader);
    office.say(first, row, 7);
    office.say(first, Row::End(0), 1);
    assert_eq!(
        reader.rows(),
        None,
        "the first question's end was taken for the second's"
    );
    office.say(second, row, 3);
    office.say(second, Row::End(0), 1);
    assert_eq!(reader.rows(), Some(3));
}

/// What has begun to change is completed, whoever asked for it.
#[test]
fn a_clear_is_completed_though_nobody_waits() {
    let mut office = Office::new();
    let reader = Reader::default();
    let question = Question::Request(Request::Clear {
        what: Clearable::Translations,
        filter: Filter::default(),
    });
    office
        .console
        .start(&question, reader.clone(), &mut office.slow, Nanos(0));
    let Ok(Command::Clear(ticket, _)) = office.commands.pop() else {
        panic!("the worker was told nothing");
    };
    reader.hang_up();
    office.say(ticket, Row::Mapping(office.mapping), 1);
    assert!(!office.console.is_idle());
    office.say(ticket, Row::End(5), 1);
    assert!(office.console.is_idle());
    assert!(office.commands.pop().is_err());
}

impl Reader {
    /// What a trace has told, a word for each line.
    fn told(&self) -> Vec<String> {
        let pieces = &self.0.lock().unwrap().1;
        let word = |piece: &Piece| match piece {
            Piece::Traced(Line::Packet(packet)) => format!("packet at {}", packet.at),
            Piece::Traced(Line::Traced(ended)) => format!("ended with {}", ended.packets),
            other => format!("{other:?}")
                .chars()
                .take_while(|sign| !"{ ".contains(*sign))
                .collect(),
        };
        pieces.iter().map(word).collect()
    }
}

impl Office {
    /// Asks for a trace of so many packets; the order, as the worker sees it.
    fn trace(&mut self, reader: &Reader, count: u32) -> Option<Box<dataplane::Order>> {
        let asked = Asked {
            expression: "udp".into(),
            count,
            seconds: 10,
            past: false,
        };
        let question = Question::Request(Request::Trace(asked));
        self.console
            .start(&question, reader.clone(), &mut self.slow, Nanos(0));
        self.turn(Nanos(0));
        match self.commands.pop() {
            Ok(Command::Trace(order)) => Some(order),
            _ => None,
        }
    }

    fn turn(&mut self, now: Nanos) {
        self.slow.turn(now);
        self.console.step(&mut self.slow, now);
    }

    /// The worker tells of packets of a trace.
    fn tell(&mut self, ticket: Ticket, times: &[u64]) {
        for at in times {
            let record = dataplane::Record {
                ticket,
                at: Nanos(*at),
                ..dataplane::Record::default()
            };
            self.traced.push(Box::new(record)).unwrap();
        }
        self.turn(Nanos(1));
    }
}

#[test]
fn a_trace_keeps_no_other_question_waiting_and_ends_with_its_last_packet() {
    let mut office = Office::new();
    let (listener, other) = (Reader::default(), Reader::default());
    let order = office.trace(&listener, 3).unwrap();
    assert!(office.console.is_idle(), "others need not wait");
    assert!(office.trace(&other, 1).is_none());
    assert_eq!(other.told(), ["Refused(\"somebody"], "one at a time");
    // Packets of an older trace are nobody's; those of a turn are told of in order.
    office.tell(Ticket(order.ticket.0.wrapping_add(9)), &[5]);
    office.tell(order.ticket, &[30, 20]);
    for _ in 0..2 {
        assert!(matches!(office.commands.pop(), Ok(Command::Reuse(_))));
    }
    office.tell(order.ticket, &[40, 50]);
    office.turn(Nanos(2));
    let told = [
        "Traced(Tracing(Tracing",
        "packet at 20",
        "packet at 30",
        "packet at 40",
        "ended with 3",
        "End",
    ];
    assert_eq!(listener.told(), told);
    for _ in 0..2 {
        assert!(matches!(office.commands.pop(), Ok(Command::Reuse(_))));
    }
    assert!(matches!(office.commands.pop(), Ok(Command::Untrace)));
    assert!(office.trace(&other, 1).is_some(), "the next may ask");
}

#[test]
fn a_trace_ends_with_its_time_or_its_listener() {
    let mut office = Office::new();
    let listener = Reader::default();
    office.trace(&listener, 3).unwrap();
    office.turn(Nanos::from_secs(2));
    office.turn(Nanos::from_secs(10));
    office.turn(Nanos::from_secs(10));
    assert_eq!(
        listener.told(),
        [
            "Traced(Tracing(Tracing",
            "Traced(Waiting)",
            "Traced(Waiting)",
            "ended with 0",
            "End"
        ]
    );
    assert!(matches!(office.commands.pop(), Ok(Command::Untrace)));
    let gone = Reader::default();
    office.trace(&gone, 3).unwrap();
    gone.hang_up();
    office.turn(Nanos::from_secs(2));
    assert!(matches!(office.commands.pop(), Ok(Command::Untrace)));
}
