//! Answers `show`, `clear`, `reload` and metrics on the slow path's thread, a slice per turn.
//!
//! What workers own is asked for by command and comes back as rows; what they
//! have laid out is read; the rest is the slow path's own. One question at a
//! time; the others wait in the channel. A `show` whose reader hangs up is given up at
//! once: the workers are told, and what they have sent by then carries its number.

use std::collections::HashSet;
use std::sync::Arc;

use base::{Counter, Counters, Nanos};
use config::Config;
use control::exchange::{NotSent, Piece, Question, Reply};
use control::export::{Handle, Order};
use control::filter::Filter;
use control::metrics::{InterfaceNumbers, PoolNumbers, Snapshot, WorkerNumbers};
use control::protocol::Request;
use control::reloaded::Reloaded;
use control::rows::{CounterRow, Rows, WorkerRow, ZoneRow};
use control::traced::Asked;
use control::what::{Clearable, What};
use dataplane::{
    CallView, Command, Expression, ExpressionError, Gaps, Inspect, Published, Row, SlowPath, Ticket,
};
use nat::zones::ZoneUse;
use nat::{Gateway, PortSpread, SipKinds, Tally, Touched};
use natlog::syslog::Names;
use pktio::{PacketBuf, RingReceiver, RingSender};

use crate::book::{Book, PortFigures};
use crate::events::Events;
use crate::reload::{self, Next};
use crate::watch::{self, Watch};

/// Rows in one piece of an answer.
const PIECE: usize = 512;

/// Where an answer goes.
pub(crate) trait Sink {
    /// Takes a piece; gives it back if there is no room now, `None` if nobody waits.
    fn put(&mut self, piece: Piece) -> Result<(), Option<Piece>>;
}

impl Sink for Reply {
    fn put(&mut self, piece: Piece) -> Result<(), Option<Piece>> {
        self.send(piece).map_err(|error| match error {
            NotSent::Full(piece) => Some(piece),
            NotSent::Gone => None,
        })
    }
}

/// A question being answered.
struct Job<K> {
    ticket: Ticket,
    sink: K,
    kind: Kind,
    /// Workers that have not said all yet.
    waiting: usize,
    ended: u64,
    rows: Option<Rows>,
    /// Of subscribers: these many with most sessions, of those that the filter means.
    busiest: Option<(usize, Filter)>,
    /// Of a question about calls: which of them comes next, unless all have been asked for.
    calls: Option<u64>,
    /// Which of them are to be cleared.
    meant: Option<Filter>,
    /// Of a reload: where it leads, and the subscribers it touches.
    next: Option<Next>,
    touched: HashSet<Touched>,
    /// Pieces the sink had no room for.
    ready: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rows,
    Clear,
    Reload,
}

/// Reads a configuration file, for a dry run or not; `None` means the appliance's own.
pub(crate) type Reread = Box<dyn FnMut(Option<&str>, bool) -> Result<Config, String> + Send>;

/// The desk where questions are answered.
pub(crate) struct Console<K> {
    config: Config,
    reread: Reread,
    events: Events,
    book: Book,
    published: Vec<Arc<Published>>,
    figures: Box<dyn FnMut() -> Vec<PortFigures> + Send>,
    log: Handle,
    baseline: Counters,
    /// Of the last question to workers.
    ticket: Ticket,
    job: Option<Job<K>>,
    /// A trace at work beside it.
    watch: Option<Watch<K>>,
    /// Number of the configuration in force; each reload adds one.
    epoch: u64,
    /// What hosts have asked for is just gone.
    mappings_lost: bool,
}

impl<K: Sink> Console<K> {
    pub(crate) fn new(
        config: &Config,
        book: Book,
        published: Vec<Arc<Published>>,
        figures: Box<dyn FnMut() -> Vec<PortFigures> + Send>,
        log: Handle,
        reread: Reread,
    ) -> Self {
        log.order(configure(config, &book));
        Self {
            config: config.clone(),
            reread,
            events: Events::default(),
            book,
            published,
            figures,
            log,
            baseline: Counters::default(),
            ticket: Ticket::default(),
            job: None,
            watch: None,
            epoch: 1,
            mappings_lost: false,
        }
    }

    pub(crate) fn rereading(&mut self, reread: Reread) {
        self.reread = reread;
    }

    pub(crate) const fn book(&self) -> &Book {
        &self.book
    }

    /// Number of the configuration in force.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Ready for the next question.
    pub(crate) const fn is_idle(&self) -> bool {
        self.job.is_none()
    }

    /// Begins to answer; only when idle.
    pub(crate) fn start<B, S, R>(
        &mut self,
        question: &Question,
        sink: K,
        slow: &mut SlowPath<B, S, R>,
        now: Nanos,
    ) where
        B: PacketBuf,
        S: RingSender<Buf = B>,
        R: RingReceiver<Buf = B>,
    {
        let workers = self.published.len();
        self.ticket = Ticket(self.ticket.0.wrapping_add(1));
        let ticket = self.ticket;
        let mut job = Job {
            ticket,
            sink,
            kind: Kind::Rows,
            waiting: 0,
            ended: 0,
            rows: None,
            busiest: None,
            calls: None,
            meant: None,
            next: None,
            touched: HashSet::new(),
            ready: Vec::new(),
        };
        let mut ask_all = |job: &mut Job<K>, command: &Command| {
            job.waiting = workers;
            for worker in 0..workers {
                slow.command(worker, command.clone());
            }
        };
        match question {
            Question::Snapshot => {
                let snapshot = self.snapshot(slow.counters(), slow.call_counts());
                job.ready.push(Piece::Snapshot(Box::new(snapshot)));
            }
            Question::Request(Request::Show { what, filter }) => match what {
                What::Translations => {
                    job.rows = Some(Rows::none(*what));
                    ask_all(&mut job, &Command::Inspect(ticket, Inspect::Sessions));
                }
                What::Mappings => {
                    job.rows = Some(Rows::none(*what));
                    ask_all(&mut job, &Command::Inspect(ticket, Inspect::Mappings));
                }
                What::Doors => {
                    job.rows = Some(Rows::none(*what));
                    ask_all(&mut job, &Command::Inspect(ticket, Inspect::Doors));
                }
                What::Ipsec => {
                    job.rows = Some(Rows::none(*what));
                    ask_all(&mut job, &Command::Inspect(ticket, Inspect::Tunnels));
                }
                What::Subscribers => {
                    job.rows = Some(Rows::none(*what));
                    job.busiest = filter.busiest.map(|most| (most, filter.clone()));
                    ask_all(&mut job, &Command::Inspect(ticket, Inspect::Subscribers));
                }
                What::Calls => job.calls = Some(0),
                _ => {
                    let rows = self.at_once(*what, slow, now);
                    job.ready.push(Piece::Rows(rows));
                    job.ready.push(Piece::End);
                }
            },
            Question::Request(Request::Clear { what, filter }) => match what {
                Clearable::Translations => match self.book.session_filter(filter) {
                    Ok(wanted) => {
                        job.kind = Kind::Clear;
                        let only = filter.worker.map(usize::from);
                        for worker in
                            (0..workers).filter(|worker| only.is_none_or(|only| only == *worker))
                        {
                            job.waiting += 1;
                            slow.command(worker, Command::Clear(ticket, wanted));
                        }
                        if job.waiting == 0 {
                            job.ready
                                .push(Piece::Refused("no worker has this number".into()));
                        }
                    }
                    Err(why) => job.ready.push(Piece::Refused(why.into())),
                },
                Clearable::Counters => {
                    let cleared = self.clear_counters(filter, slow.counters());
                    job.ready.push(Piece::Cleared(cleared));
                }
                Clearable::Neighbors => {
                    let book = &self.book;
                    let cleared = slow
                        .clear_neighbors(now, |row| filter.matches_neighbor(&book.neighbor(row)));
                    job.ready.push(Piece::Cleared(cleared));
                }
                Clearable::Calls => {
                    job.kind = Kind::Clear;
                    job.calls = Some(0);
                    job.meant = Some(filter.clone());
                }
            },
            Question::Request(Request::Reload { file, dry_run }) => {
                let next = (self.reread)(file.as_deref(), *dry_run).and_then(|config| {
                    reload::prepare(&self.config, self.book.layout(), config, *dry_run)
                });
                match next {
                    Ok(next) => {
                        job.kind = Kind::Reload;
                        let command = Command::Change {
                            ticket,
                            layout: Arc::clone(&next.layout),
                            trial: *dry_run,
                        };
                        job.next = Some(next);
                        ask_all(&mut job, &command);
                    }
                    Err(why) => job.ready.push(Piece::Refused(why)),
                }
            }
            Question::Request(Request::Trace(asked)) => {
                match self.may_trace(asked) {
                    Ok(expression) => {
                        let lost = watch::lost(&self.totals(slow.counters()));
                        self.watch = Some(Watch::begin(
                            (asked, &expression, ticket),
                            (&self.book, self.epoch, lost),
                            job.sink,
                            slow,
                            (workers, now),
                        ));
                        // Other questions need not wait.
                        return;
                    }
                    Err(why) => job.ready.push(Piece::Refused(why)),
                }
            }
        }
        self.job = Some(job);
    }

    /// What is to be traced, if that is possible.
    fn may_trace(&self, asked: &Asked) -> Result<Expression, String> {
        if self.watch.is_some() {
            return Err("somebody else is tracing; try again when that has ended".into());
        }
        asked
            .expression
            .parse()
            .map_err(|error: ExpressionError| error.to_string())
    }

    /// Goes on with a trace, if there is one.
    fn watch<B, S, R>(&mut self, slow: &mut SlowPath<B, S, R>, now: Nanos)
    where
        B: PacketBuf,
        S: RingSender<Buf = B>,
        R: RingReceiver<Buf = B>,
    {
        let Some(mut watch) = self.watch.take() else {
            return;
        };
        let place = (self.published.len(), now);
        let lost = |slow: &SlowPath<B, S, R>| watch::lost(&self.totals(slow.counters()));
        if watch.step((&self.book, self.epoch), slow, lost, place) {
            self.watch = Some(watch);
        }
    }

    /// When it has something to do by itself; for virtual time.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        (!self.config.nat.deterministic.is_empty()).then_some(self.events.record_due())
    }

    /// Takes note of what happened, and goes on answering.
    pub(crate) fn step<B, S, R>(&mut self, slow: &mut SlowPath<B, S, R>, now: Nanos)
    where
        B: PacketBuf,
        S: RingSender<Buf = B>,
        R: RingReceiver<Buf = B>,
    {
        for (at, worker, notice) in slow.take_notices() {
            self.events.notice(&self.book, at, worker, notice);
        }
        if now >= self.events.record_due() {
            self.record_ranges(now);
        }
        self.watch(slow, now);
        let Some(mut job) = self.job.take() else {
            // Late rows of a question nobody waits for any more.
            drop(slow.take_rows());
            return;
        };
        if job.ready.is_empty() {
            for (worker, ticket, row) in slow.take_rows() {
                // Else late, of one that was given up.
                if ticket == job.ticket {
                    self.collect(&mut job, worker, row);
                }
            }
            if let Some(from) = job.calls {
                self.go_through_calls(&mut job, from, slow, now);
            }
            if job.waiting == 0 && job.calls.is_none() {
                self.finish(&mut job, now);
                if core::mem::take(&mut self.mappings_lost) {
                    slow.announce_pcp(self.book.layout(), now);
                }
            }
        }
        match deliver(job) {
            Delivered::All => {}
            Delivered::Part(job) => self.job = Some(*job),
            Delivered::ToNobody => {
                for worker in 0..self.published.len() {
                    slow.command(worker, Command::Enough);
                }
            }
        }
    }

    /// Shows or clears the next calls.
    fn go_through_calls<B, S, R>(
        &self,
        job: &mut Job<K>,
        from: u64,
        slow: &mut SlowPath<B, S, R>,
        now: Nanos,
    ) where
        B: PacketBuf,
        S: RingSender<Buf = B>,
        R: RingReceiver<Buf = B>,
    {
        let book = &self.book;
        let next = if let Some(filter) = &job.meant {
            let meant = |call: &CallView| filter.matches_call(&book.call(call));
            let (cleared, next) = slow.clear_calls(from, PIECE, now, meant);
            job.ended += cleared;
            next
        } else {
            let (calls, next) = slow.calls(from, PIECE, now);
            let rows = calls.iter().map(|call| book.call(call)).collect();
            job.ready.push(Piece::Rows(Rows::Calls(rows)));
            next
        };
        job.calls = next;
    }

    fn collect(&self, job: &mut Job<K>, worker: usize, row: Row) {
        match (row, &mut job.rows) {
            (Row::End(ended), _) => {
                job.waiting = job.waiting.saturating_sub(1);
                job.ended += ended;
            }
            (Row::Touched(touched), _) => {
                job.touched.insert(touched);
            }
            (
                Row::Session(view, now, deadline, behind, gateway),
                Some(Rows::Translations(rows)),
            ) => {
                let row = self
                    .book
                    .translation(worker, &view, (now, deadline), behind, gateway);
                rows.push(row);
            }
            (Row::Door(door, now), Some(Rows::Doors(rows))) => {
                rows.push(self.book.door(&door, now));
            }
            (Row::Tunnel(gate, peer, expects, now), Some(Rows::Ipsec(rows))) => {
                rows.push(self.book.tunnel(worker, &gate, &peer, expects, now));
            }
            (Row::Mapping(mapping), Some(Rows::Mappings(rows))) => {
                rows.extend(self.book.mapping(worker, &mapping));
            }
            (Row::Subscriber(subscriber), Some(Rows::Subscribers(rows))) => {
                rows.push(self.book.subscriber(worker, &subscriber));
            }
            _ => {}
        }
        if let Some(rows) = &mut job.rows
            && rows.len() >= PIECE
        {
            if let Some((most, filter)) = &job.busiest {
                keep_busiest(rows, *most, filter);
                return;
            }
            let what = rows.what();
            job.ready
                .push(Piece::Rows(core::mem::replace(rows, Rows::none(what))));
        }
    }

    fn finish(&mut self, job: &mut Job<K>, now: Nanos) {
        match job.kind {
            Kind::Reload => {
                let piece = self.reloaded(job, now);
                job.ready.extend(piece);
            }
            Kind::Rows => {
                if let (Some(rows), Some((most, filter))) = (&mut job.rows, &job.busiest) {
                    keep_busiest(rows, *most, filter);
                }
                job.ready.extend(job.rows.take().map(Piece::Rows));
                job.ready.push(Piece::End);
            }
            Kind::Clear => job.ready.push(Piece::Cleared(job.ended)),
        }
    }

    /// All workers have moved, or said what they would end.
    fn reloaded(&mut self, job: &mut Job<K>, now: Nanos) -> Option<Piece> {
        let next = job.next.take()?;
        let reloaded = Reloaded {
            sessions: job.ended,
            subscribers: job.touched.len() as u64,
            ..next.reloaded
        };
        if !reloaded.dry_run {
            let deterministic = self.config.nat.deterministic != next.config.nat.deterministic;
            self.mappings_lost = next.layout.loses_mappings_of(self.book.layout());
            self.book.set_layout(next.layout);
            self.epoch += 1;
            self.config = next.config;
            self.log.order(configure(&self.config, &self.book));
            let detail = format!(
                "{} added, {} removed, {} changed; {} sessions of {} subscribers ended",
                reloaded.added.len(),
                reloaded.removed.len(),
                reloaded.changed.len(),
                reloaded.sessions,
                reloaded.subscribers
            );
            self.events.say(now, "reload", detail);
            if deterministic {
                self.record_ranges(now);
            }
        }
        Some(Piece::Reloaded(Box::new(reloaded)))
    }

    /// Records the parameters of deterministic ranges where events are and in the log.
    fn record_ranges(&mut self, now: Nanos) {
        let ranges = self.events.record(&self.config.nat.deterministic, now);
        if !ranges.is_empty() {
            self.log.order(Order::Ranges(ranges));
        }
    }

    fn pool_use(&self, pool: usize) -> nat::PoolUse {
        self.published.iter().map(|worker| worker.pool(pool)).fold(
            nat::PoolUse::default(),
            |sum, part| nat::PoolUse {
                blocks_total: sum.blocks_total + part.blocks_total,
                blocks_used: sum.blocks_used + part.blocks_used,
                subscribers: sum.subscribers + part.subscribers,
                draining: sum.draining || part.draining,
            },
        )
    }

    fn at_once<B, S, R>(&mut self, what: What, slow: &SlowPath<B, S, R>, now: Nanos) -> Rows
    where
        B: PacketBuf,
        S: RingSender<Buf = B>,
        R: RingReceiver<Buf = B>,
    {
        match what {
            What::Pools => Rows::Pools(
                self.book
                    .pools()
                    .filter_map(|(number, _)| self.book.pool(number, self.pool_use(number)))
                    .collect(),
            ),
            What::Events => Rows::Events(self.events.rows()),
            What::Counters => Rows::Counters(self.counter_rows(slow.counters())),
            What::Workers => Rows::Workers(self.worker_rows()),
            What::Interfaces => Rows::Interfaces(self.book.interfaces(&(self.figures)())),
            What::Neighbors => Rows::Neighbors(
                slow.neighbors(now)
                    .iter()
                    .map(|row| self.book.neighbor(row))
                    .collect(),
            ),
            What::Alg => {
                let rows = self
                    .book
                    .algs(|gateway| self.tally(gateway), &self.sip_kinds());
                Rows::Alg(rows)
            }
            What::Zones => Rows::Zones(self.zones()),
            // Rows that are not there at once, and those of what is not in this version.
            _ => Rows::none(what),
        }
    }

    /// What a gateway has seen and done at all workers.
    fn tally(&self, gateway: Gateway) -> Tally {
        let mut sum = Tally::default();
        for worker in &self.published {
            sum.merge(&worker.tally(gateway));
        }
        sum
    }

    fn zones(&self) -> Vec<ZoneRow> {
        self.book.zones(|class| self.zone_use(class))
    }

    /// What a class of the zone policy has come to at all workers.
    fn zone_use(&self, class: usize) -> ZoneUse {
        let uses = self.published.iter().map(|worker| worker.zone(class));
        uses.fold(ZoneUse::default(), |sum, part| ZoneUse {
            packets: sum.packets + part.packets,
            sessions: sum.sessions + part.sessions,
        })
    }

    /// Messages of SIP at all workers.
    fn sip_kinds(&self) -> SipKinds {
        let mut sum = SipKinds::default();
        for worker in &self.published {
            sum.merge(&worker.sip_kinds());
        }
        sum
    }

    /// Subscribers of all workers by the ports they use.
    fn port_spread(&self) -> Vec<(u32, u64)> {
        let workers: Vec<PortSpread> = self.published.iter().map(|one| one.port_spread()).collect();
        (0..PortSpread::PLACES)
            .map(|place| {
                let there = workers.iter().filter_map(|one| one.counts().get(place));
                let there = there.map(|count| u64::from(*count)).sum();
                (PortSpread::most(place), there)
            })
            .collect()
    }

    /// What happened on the slow path and on the way to the log.
    fn beside_workers(&self, slow: &Counters) -> Counters {
        let mut counters = *slow;
        counters.merge(&self.log.counters());
        counters
    }

    fn totals(&self, slow: &Counters) -> Counters {
        let mut totals = self.beside_workers(slow);
        for worker in &self.published {
            totals.merge(&worker.counters());
        }
        totals
    }

    fn counter_rows(&self, slow: &Counters) -> Vec<CounterRow> {
        let totals = self.totals(slow);
        Counter::ALL
            .iter()
            .map(|counter| CounterRow {
                name: counter.name().into(),
                value: totals
                    .value(*counter)
                    .wrapping_sub(self.baseline.value(*counter)),
            })
            .collect()
    }

    fn clear_counters(&mut self, filter: &Filter, slow: &Counters) -> u64 {
        let totals = self.totals(slow);
        let mut cleared = 0;
        for counter in Counter::ALL {
            let row = CounterRow {
                name: counter.name().into(),
                value: 0,
            };
            if filter.matches_counter(&row) {
                let behind = totals
                    .value(*counter)
                    .wrapping_sub(self.baseline.value(*counter));
                self.baseline.add(*counter, behind);
                cleared += 1;
            }
        }
        cleared
    }

    fn worker_rows(&self) -> Vec<WorkerRow> {
        self.published
            .iter()
            .enumerate()
            .map(|(number, worker)| {
                let counters = worker.counters();
                WorkerRow {
                    worker: u16::try_from(number).unwrap_or(u16::MAX),
                    core: self.book.cores.get(number).copied().unwrap_or(0),
                    packets: counters.value(Counter::RxPackets),
                    sessions: worker.sessions(),
                    mappings: worker.mappings(),
                    handoff_in: counters.value(Counter::HandoffIn),
                    handoff_out: counters.value(Counter::HandoffOut),
                    handoff_dropped: counters.value(Counter::HandoffDropped),
                    handoff_expected: self.book.handoff_expected,
                    punted: counters.value(Counter::PuntSent),
                    busy: worker.busy(),
                    longest_gap: worker.longest_gap(),
                }
            })
            .collect()
    }

    fn snapshot(&mut self, slow: &Counters, calls: (usize, usize)) -> Snapshot {
        let figures = (self.figures)();
        Snapshot {
            version: env!("CARGO_PKG_VERSION").into(),
            workers: self
                .published
                .iter()
                .enumerate()
                .map(|(number, worker)| WorkerNumbers {
                    worker: u16::try_from(number).unwrap_or(u16::MAX),
                    counters: worker.counters(),
                    sessions: worker.sessions(),
                    mappings: worker.mappings(),
                    subscribers: worker.subscribers(),
                    busy: worker.busy(),
                    longest_gap: worker.longest_gap(),
                    ..turns(&worker.gaps())
                })
                .collect(),
            slow_path: Some(self.beside_workers(slow)),
            port_spread: self.port_spread(),
            calls: (calls.0 as u64, calls.1 as u64),
            gateways: self
                .book
                .algs(|gateway| self.tally(gateway), &self.sip_kinds()),
            pools: self
                .book
                .pools()
                .map(|(number, name)| {
                    let pool = self.pool_use(number);
                    PoolNumbers {
                        name: name.into(),
                        blocks_total: pool.blocks_total,
                        blocks_used: pool.blocks_used,
                        subscribers: pool.subscribers,
                        draining: pool.draining,
                    }
                })
                .collect(),
            interfaces: self
                .book
                .interfaces(&figures)
                .into_iter()
                .map(|row| InterfaceNumbers {
                    name: row.name,
                    up: row.up,
                    rx_packets: row.rx_packets,
                    rx_bytes: row.rx_bytes,
                    rx_missed: row.rx_missed,
                    tx_packets: row.tx_packets,
                    tx_bytes: row.tx_bytes,
                    tx_dropped: row.tx_dropped,
                })
                .collect(),
            zones: self.zones(),
        }
    }
}

/// How long a worker's turns were.
fn turns(gaps: &Gaps) -> WorkerNumbers {
    WorkerNumbers {
        gaps: gaps
            .counts()
            .iter()
            .enumerate()
            .map(|(place, count)| {
                let most = Gaps::most(place).map_or(f64::INFINITY, Nanos::as_secs_f64);
                (most, *count)
            })
            .collect(),
        gap_sum: gaps.sum().as_secs_f64(),
        ..WorkerNumbers::default()
    }
}

/// Who is to be told what happens, and by which names.
fn configure(config: &Config, book: &Book) -> Order {
    let mut names = Names {
        pools: Vec::new(),
        vrfs: config.vrfs.clone(),
    };
    for (number, name) in book.pools() {
        names
            .pools
            .resize(names.pools.len().max(number + 1), String::new());
        if let Some(place) = names.pools.get_mut(number) {
            name.clone_into(place);
        }
    }
    Order::Configure(Box::new(config.log.clone()), names, config.source.clone())
}

/// Leaves the subscribers with most sessions, most first: at most so many, and less than a piece.
fn keep_busiest(rows: &mut Rows, most: usize, filter: &Filter) {
    rows.retain(filter);
    if let Rows::Subscribers(rows) = rows {
        rows.sort_by_key(|row| core::cmp::Reverse(row.sessions));
        rows.truncate(most.min(PIECE / 2));
    }
}

/// What became of the pieces that were ready.
enum Delivered<K> {
    /// They were the last.
    All,
    /// There is more to come, or there was no room for some.
    Part(Box<Job<K>>),
    /// Whoever asked for rows has gone, with workers still at it.
    ToNobody,
}

/// Hands out what is ready.
fn deliver<K: Sink>(mut job: Job<K>) -> Delivered<K> {
    let mut pieces = core::mem::take(&mut job.ready).into_iter();
    while let Some(piece) = pieces.next() {
        let last = !matches!(piece, Piece::Rows(_));
        match job.sink.put(piece) {
            Ok(()) if last => return Delivered::All,
            Ok(()) => {}
            Err(Some(piece)) => {
                job.ready.push(piece);
                job.ready.extend(pieces);
                break;
            }
            Err(None) if job.waiting == 0 => return Delivered::All,
            Err(None) => return Delivered::ToNobody,
        }
    }
    Delivered::Part(Box::new(job))
}

#[cfg(test)]
mod tests;
