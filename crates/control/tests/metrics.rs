//! Metrics over real TCP connections.
#![allow(clippy::unwrap_used, reason = "helpers of tests are not seen as tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use control::exchange::AskError;
use control::metrics::{Serving, Snapshot, WorkerNumbers, serve};

fn snapshot() -> Snapshot {
    Snapshot {
        version: "1.2.3".into(),
        workers: vec![WorkerNumbers {
            sessions: 42,
            ..WorkerNumbers::default()
        }],
        ..Snapshot::default()
    }
}

fn start() -> Serving {
    serve("127.0.0.1:0".parse().unwrap(), || {
        Ok::<_, AskError>(snapshot())
    })
    .unwrap()
}

/// Sends `request` as it is; the answer's header and body.
fn scrape(serving: &Serving, request: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(serving.address()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (header, body) = answer.split_once("\r\n\r\n").unwrap();
    (header.to_owned(), body.to_owned())
}

#[test]
fn a_scraper_gets_the_snapshot() {
    let serving = start();
    let (header, body) = scrape(&serving, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(header.starts_with("HTTP/1.1 200 OK\r\n"), "{header}");
    assert!(header.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8"));
    assert!(header.contains(&format!("\r\nContent-Length: {}", body.len())));
    assert_eq!(body, snapshot().to_text().unwrap());
    assert!(body.contains("portolan_sessions{worker=\"0\"} 42\n"));
}

#[test]
fn anything_else_is_refused_by_its_name() {
    let serving = start();
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many = format!(
        "GET /metrics HTTP/1.1\r\n{}\r\n",
        "X: yyyy\r\n".repeat(2_000)
    );
    for (request, status) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
        (b"GET /metricsx HTTP/1.1\r\n\r\n", "404"),
        (
            b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "405",
        ),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", "405"),
        (b"hello\r\n\r\n", "400"),
        (b"GET /metrics SIP/2.0\r\n\r\n", "400"),
        (b"\xff\xfe\x00\n\n", "400"),
        (b"GET /metrics?name[]=x HTTP/1.0\n\n", "200"),
        (long.as_bytes(), "431"),
        (many.as_bytes(), "431"),
    ] {
        let (header, body) = scrape(&serving, request);
        assert!(
            header.starts_with(&format!("HTTP/1.1 {status} ")),
            "{header}"
        );
        assert!(!body.is_empty());
        assert_eq!(
            header.contains("\r\nAllow: GET"),
            status == "405",
            "{header}"
        );
    }
}

#[test]
fn a_source_that_fails_is_unavailable() {
    let address = "127.0.0.1:0".parse().unwrap();
    let serving = serve(address, || Err::<Snapshot, _>(AskError::Timeout)).unwrap();
    let (header, body) = scrape(&serving, b"GET /metrics HTTP/1.1\r\n\r\n");
    assert!(header.starts_with("HTTP/1.1 503 "), "{header}");
    assert_eq!(body, "the slow-path core does not answer in time\n");
}

#[test]
fn a_silent_client_holds_up_nobody_else() {
    let serving = start();
    let _silent: Vec<TcpStream> = (0..7)
        .map(|_| TcpStream::connect(serving.address()).unwrap())
        .collect();
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| scrape(&serving, b"GET /metrics HTTP/1.1\r\n\r\n"));
        }
    });
    // Silent clients are given up after five seconds.
    assert!(start.elapsed() < Duration::from_secs(4));
}

#[test]
fn an_address_in_use_is_an_error_that_names_it() {
    let serving = start();
    let Err(error) = serve(serving.address(), || Ok::<_, AskError>(snapshot())) else {
        panic!("served twice");
    };
    assert!(
        error.to_string().contains(&serving.address().to_string()),
        "{error}"
    );
}

#[test]
fn after_the_stop_nobody_answers() {
    let serving = start();
    let address = serving.address();
    let _idle = TcpStream::connect(address).unwrap();
    serving.stop();
    assert!(TcpStream::connect(address).is_err());
}
