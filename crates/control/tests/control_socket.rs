//! The control socket over real Unix sockets.
#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "helpers of tests are not seen as tests; handlers take requests by value"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use control::filter::Filter;
use control::protocol::{MAX_REQUEST, Request, Response};
use control::reloaded::Reloaded;
use control::rows::{CounterRow, Rows, TranslationRow};
use control::socket::{Answer, BindError, ClientError, Server, Serving, request, trace};
use control::traced;
use control::what::{Clearable, What};

/// A directory of its own for each test; removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ptl-control-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("portolan.sock")
    }

    fn entries(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().to_string_lossy().into_owned()
        };
        fs::read_dir(&self.0).unwrap().map(name).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn counters(count: usize) -> Rows {
    let row = |value: usize| CounterRow {
        name: format!("rx.packets{value}"),
        value: value as u64,
    };
    Rows::Counters((0..count).map(row).collect())
}

fn handler(request: Request) -> Response {
    match request {
        Request::Show {
            what: What::Counters,
            ..
        } => Response::rows(counters(2)),
        Request::Show { what, .. } => Response::refused(format!("no {what} here")),
        Request::Clear { .. } => Response::Cleared(7),
        Request::Reload { dry_run, .. } => Response::Reloaded(Box::new(Reloaded {
            dry_run,
            sessions: 5,
            ..Reloaded::default()
        })),
        Request::Trace(asked) if asked.expression == "busy" => Response::refused("busy"),
        Request::Trace(asked) => {
            let packet = |at| {
                let packet = traced::Packet {
                    at: u64::from(at),
                    ..traced::Packet::default()
                };
                Ok(traced::Line::Packet(Box::new(packet)))
            };
            let ended = traced::Ended {
                packets: u64::from(asked.count),
                lost: 1,
            };
            let lines = (0..asked.count).map(packet);
            let begin = [Ok(traced::Line::Tracing(traced::Tracing::default()))];
            let end = [Ok(traced::Line::Waiting), Ok(traced::Line::Traced(ended))];
            Response::Traced(Box::new(begin.into_iter().chain(lines).chain(end)))
        }
    }
}

fn serve(path: &Path) -> Serving {
    Server::bind(path).unwrap().serve(handler).unwrap()
}

fn clear() -> Request {
    Request::Clear {
        what: Clearable::Calls,
        filter: Filter::default(),
    }
}

/// Sends `text` as it is and returns the first answer line.
fn answer_to(stream: &mut UnixStream, text: &[u8]) -> String {
    stream.write_all(text).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn requests_are_answered() {
    let place = Place::new();
    let _serving = serve(&place.socket());
    let Answer::Shown(shown) = request(&place.socket(), &Request::show(What::Counters)).unwrap()
    else {
        panic!("no rows");
    };
    assert_eq!(shown.rows().unwrap(), counters(2));
    assert_eq!(
        shown.json(),
        r#"[{"name":"rx.packets0","value":0},{"name":"rx.packets1","value":1}]"#
    );
    assert!(matches!(
        request(&place.socket(), &clear()),
        Ok(Answer::Cleared(7))
    ));
    let reload = Request::Reload {
        file: None,
        dry_run: true,
    };
    let Answer::Reloaded(reloaded) = request(&place.socket(), &reload).unwrap() else {
        panic!("not what a reload does");
    };
    assert!(reloaded.dry_run && reloaded.sessions == 5);
    let refused = request(&place.socket(), &Request::show(What::Zones)).unwrap_err();
    assert_eq!(refused.to_string(), "the appliance says: no zones here");
}

#[test]
fn a_trace_is_heard_line_by_line_until_it_ends_or_the_listener_has_had_enough() {
    let place = Place::new();
    let _serving = serve(&place.socket());
    let mut asked = traced::Asked {
        expression: "udp".into(),
        count: 3,
        seconds: 1,
        past: false,
    };
    let mut heard = Vec::new();
    let ended = trace(&place.socket(), &asked, |line| {
        heard.push(match line {
            traced::Line::Packet(packet) => packet.at.to_string(),
            other => format!("{other:?}").chars().take(7).collect(),
        });
        true
    });
    assert_eq!(
        ended.unwrap(),
        traced::Ended {
            packets: 3,
            lost: 1
        }
    );
    assert_eq!(heard, ["Tracing", "0", "1", "2", "Waiting"]);
    let ended = trace(&place.socket(), &asked, |line| {
        !matches!(line, traced::Line::Packet(_))
    });
    assert_eq!(
        ended.unwrap(),
        traced::Ended {
            packets: 1,
            lost: 0
        }
    );
    asked.expression = "busy".into();
    let refused = trace(&place.socket(), &asked, |_| true).unwrap_err();
    assert_eq!(refused.to_string(), "the appliance says: busy");
    asked.count = 0;
    let refused = trace(&place.socket(), &asked, |_| true).unwrap_err();
    assert!(refused.to_string().contains("`count` must be from 1"));
}

#[test]
fn only_the_owner_may_use_the_socket_and_nothing_else_is_left() {
    let place = Place::new();
    let serving = serve(&place.socket());
    let mode = fs::metadata(place.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(place.entries(), ["portolan.sock"]);
    serving.stop();
    assert_eq!(place.entries(), [""; 0]);
}

#[test]
fn a_socket_left_by_a_dead_process_is_replaced() {
    let place = Place::new();
    drop(UnixListener::bind(place.socket()).unwrap());
    assert!(place.socket().exists());
    let _serving = serve(&place.socket());
    assert!(request(&place.socket(), &clear()).is_ok());
}

#[test]
fn a_second_server_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let serving = serve(&place.socket());
    let error = Server::bind(&place.socket()).unwrap_err();
    assert!(matches!(error, BindError::InUse(_)), "{error}");
    assert!(request(&place.socket(), &clear()).is_ok());
    serving.stop();
    assert!(Server::bind(&place.socket()).is_ok());
}

#[test]
fn of_servers_started_at_once_exactly_one_is_there() {
    let place = Place::new();
    // A stale socket makes the race harder.
    drop(UnixListener::bind(place.socket()).unwrap());
    let start = Barrier::new(8);
    let servers: Vec<Result<Server, BindError>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    Server::bind(&place.socket())
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(servers.iter().filter(|server| server.is_ok()).count(), 1);
    assert_eq!(place.entries(), ["portolan.sock"]);
}

#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let place = Place::new();
    fs::write(place.socket(), "precious").unwrap();
    let error = Server::bind(&place.socket()).unwrap_err();
    assert!(matches!(error, BindError::NotASocket(_)), "{error}");
    assert_eq!(fs::read_to_string(place.socket()).unwrap(), "precious");
}

#[test]
fn a_socket_that_another_has_put_in_our_place_is_left() {
    let place = Place::new();
    let serving = serve(&place.socket());
    fs::remove_file(place.socket()).unwrap();
    let _other = UnixListener::bind(place.socket()).unwrap();
    serving.stop();
    assert!(place.socket().exists());
}

#[test]
fn a_missing_directory_is_an_error_that_names_the_path() {
    let place = Place::new();
    let error = Server::bind(&place.0.join("missing/portolan.sock")).unwrap_err();
    assert!(
        error.to_string().contains("missing/portolan.sock"),
        "{error}"
    );
}

#[test]
fn without_an_appliance_the_client_says_so() {
    let place = Place::new();
    let says_so = || {
        let error = request(&place.socket(), &clear()).unwrap_err();
        assert!(matches!(error, ClientError::NotRunning { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("no appliance answers at /"), "{text}");
        assert!(text.contains("is `portolan run` running?"), "{text}");
    };
    says_so();
    drop(UnixListener::bind(place.socket()).unwrap());
    says_so();
}

#[test]
fn an_answer_that_is_cut_off_is_not_taken_for_one() {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 64];
        let _ = stream.read(&mut request).unwrap();
        stream.write_all(b"{\"cleared\":1").unwrap();
    });
    let error = request(&place.socket(), &clear()).unwrap_err();
    assert!(matches!(error, ClientError::Closed(_)), "{error}");
    server.join().unwrap();
}

#[test]
fn garbage_is_answered_and_the_connection_goes_on() {
    let place = Place::new();
    let _serving = serve(&place.socket());
    let mut stream = UnixStream::connect(place.socket()).unwrap();
    for garbage in [&b"\n"[..], b"hello\n", b"\xff\xfe\0\n", b"[[[[[[\n"] {
        let answer = answer_to(&mut stream, garbage);
        assert!(answer.starts_with("{\"error\":\"not a request"), "{answer}");
    }
    let deep = "[".repeat(60_000) + "\n";
    assert!(answer_to(&mut stream, deep.as_bytes()).starts_with("{\"error\""));
    assert_eq!(
        answer_to(&mut stream, b"{\"clear\":\"calls\"}\n"),
        "{\"cleared\":7}\n"
    );
}

#[test]
fn an_oversized_request_is_answered_and_the_connection_closed() {
    let place = Place::new();
    let _serving = serve(&place.socket());
    for end in ["", "\n"] {
        let mut stream = UnixStream::connect(place.socket()).unwrap();
        let text = "x".repeat(MAX_REQUEST + 10_000) + end;
        let answer = answer_to(&mut stream, text.as_bytes());
        assert_eq!(
            answer,
            "{\"error\":\"the request is longer than 65536 bytes\"}\n"
        );
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert!(request(&place.socket(), &clear()).is_ok());
}

#[test]
fn a_hundred_clients_at_once_are_all_answered() {
    let place = Place::new();
    let _serving = serve(&place.socket());
    let start = Barrier::new(100);
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..5 {
                    let answer = request(&place.socket(), &Request::show(What::Counters));
                    assert!(matches!(answer, Ok(Answer::Shown(_))), "{answer:?}");
                }
            });
        }
    });
}

#[test]
fn no_more_than_sixteen_requests_are_handled_at_once() {
    let place = Place::new();
    let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let counts: &'static _ = Box::leak(Box::new((now, most)));
    let slow = |_| {
        let now = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
        counts.1.fetch_max(now, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        counts.0.fetch_sub(1, Ordering::SeqCst);
        Response::Cleared(0)
    };
    let _serving = Server::bind(&place.socket()).unwrap().serve(slow).unwrap();
    thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| request(&place.socket(), &clear()).unwrap());
        }
    });
    let most = counts.1.load(Ordering::SeqCst);
    assert!((2..=16).contains(&most), "{most}");
}

#[test]
fn a_million_rows_are_streamed() {
    const CHUNK: usize = 1_000;
    let place = Place::new();
    let server = Server::bind(&place.socket()).unwrap();
    let _serving = server
        .serve(|_| {
            let chunk = || Rows::Translations(vec![TranslationRow::default(); CHUNK]);
            let chunks = std::iter::repeat_with(chunk).take(1_000).map(Ok);
            Response::Rows(What::Translations, Box::new(chunks))
        })
        .unwrap();
    let mut stream = UnixStream::connect(place.socket()).unwrap();
    stream.write_all(b"{\"show\":\"translations\"}\n").unwrap();
    let (mut rows, mut last) = (0, 0);
    let mut piece = vec![0; 64 * 1024];
    while last != b'\n' {
        let length = stream.read(&mut piece).unwrap();
        rows += piece[..length].split(|byte| *byte == b'{').count() - 1;
        last = piece[length - 1];
    }
    // One brace more for the answer itself.
    assert_eq!(rows, 1_000 * CHUNK + 1);
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let place = Place::new();
    let server = Server::bind(&place.socket()).unwrap();
    let _serving = server
        .serve(|request| match request {
            Request::Show { what, .. } => {
                let chunks = std::iter::repeat_with(|| Ok(counters(1_000)));
                Response::Rows(what, Box::new(chunks))
            }
            _ => Response::Cleared(1),
        })
        .unwrap();
    let mut lazy = UnixStream::connect(place.socket()).unwrap();
    lazy.write_all(b"{\"show\":\"counters\"}\n").unwrap();
    assert!(matches!(
        request(&place.socket(), &clear()),
        Ok(Answer::Cleared(1))
    ));
}

#[test]
fn stopping_lets_an_answer_under_way_finish() {
    let place = Place::new();
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = std::sync::Mutex::new(released);
    let server = Server::bind(&place.socket()).unwrap();
    let serving = server
        .serve(move |_| {
            entered.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            Response::Cleared(1)
        })
        .unwrap();
    thread::scope(|scope| {
        let client = scope.spawn(|| request(&place.socket(), &clear()));
        has_entered.recv().unwrap();
        let stop = scope.spawn(|| serving.stop());
        // The file goes first; then the answer may come.
        while place.socket().exists() {
            thread::yield_now();
        }
        release.send(()).unwrap();
        assert!(matches!(client.join().unwrap(), Ok(Answer::Cleared(1))));
        stop.join().unwrap();
    });
}

#[test]
fn stopping_does_not_wait_for_idle_clients() {
    let place = Place::new();
    let serving = serve(&place.socket());
    let mut idle = UnixStream::connect(place.socket()).unwrap();
    answer_to(&mut idle, b"{\"clear\":\"calls\"}\n");
    let start = Instant::now();
    serving.stop();
    assert!(start.elapsed() < Duration::from_millis(1_500));
    assert_eq!(idle.read(&mut [0]).unwrap(), 0);
}

#[test]
fn stopping_cuts_off_a_client_that_does_not_read() {
    let place = Place::new();
    let server = Server::bind(&place.socket()).unwrap();
    let serving = server
        .serve(|_| {
            let chunks = std::iter::repeat_with(|| Ok(counters(1_000)));
            Response::Rows(What::Counters, Box::new(chunks))
        })
        .unwrap();
    let mut lazy = UnixStream::connect(place.socket()).unwrap();
    lazy.write_all(b"{\"show\":\"counters\"}\n").unwrap();
    lazy.read_exact(&mut [0]).unwrap();
    serving.stop();
    // What the kernel holds, and then the end of an endless answer.
    let mut left = Vec::new();
    lazy.take(16 << 20).read_to_end(&mut left).unwrap();
    assert!(left.len() < 16 << 20);
}
