//! How long doors are open (B5: "until TEARDOWN, TCP close, or session timeout plus grace; each
//! PLAY or keep-alive refreshes").

use tests::{GRAIN, Pipe, run_until};

use crate::{comes_in, connected, counted, pair, request, set_up, setup, stays_out, strict, x};

/// What RFC 2326 section 12.37 has for nothing said, and the grace.
const USUAL: f64 = 60.0 + 30.0;

#[test]
fn doors_close_when_the_server_has_waited_long_enough() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let (rtp, rtcp) = set_up(&mut nat, &mut line, 5000);
    run_until(&mut nat, USUAL - GRAIN);
    comes_in(&mut nat, &line, &x(6256), rtp, 5000);
    run_until(&mut nat, USUAL + GRAIN);
    assert_eq!(nat.show("doors").len(), 0);
    stays_out(&mut nat, &line, &x(6257), rtcp);
    // What came in while they were open goes on.
    comes_in(&mut nat, &line, &x(6256), rtp, 5000);
}

#[test]
fn requests_of_the_client_keep_them_open() {
    for method in ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "PLAY", "PAUSE"] {
        let mut nat = Pipe::new(&strict());
        let mut line = connected(&mut nat);
        let (rtp, _) = set_up(&mut nat, &mut line, 5000);
        for _ in 0..4 {
            let then = nat.now() + 55.0;
            run_until(&mut nat, then);
            line.says_unchanged(&mut nat, &request(method));
        }
        comes_in(&mut nat, &line, &x(6256), rtp, 5000);
        let end = nat.now() + USUAL + GRAIN;
        run_until(&mut nat, end);
        assert_eq!(nat.show("doors").len(), 0, "{method}");
    }
}

/// RFC 2326 section 12.37: `timeout` says how long.
#[test]
fn the_server_says_how_long_it_waits() {
    for (timeout, life) in [(10, 40.0), (600, 630.0), (999_999_999, 3630.0)] {
        let mut nat = Pipe::new(&strict());
        let mut line = connected(&mut nat);
        let sent = line.says(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
        let (rtp, rtcp) = pair(&sent, "client_port=");
        line.hears(
            &mut nat,
            &format!(
                "RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 42;timeout={timeout}\r\n\
                 Transport: RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port=6256-6257\r\n\r\n"
            ),
        );
        nat.at(life - GRAIN);
        assert_eq!(nat.show("doors").len(), 2, "{timeout}");
        nat.at(life + GRAIN);
        assert_eq!(nat.show("doors").len(), 0, "{timeout}");
    }
}

#[test]
fn a_teardown_closes_them() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let (rtp, rtcp) = set_up(&mut nat, &mut line, 5000);
    comes_in(&mut nat, &line, &x(6256), rtp, 5000);
    line.says_unchanged(&mut nat, &request("TEARDOWN"));
    assert_eq!(nat.show("doors").len(), 0);
    stays_out(&mut nat, &line, &x(6257), rtcp);
    line.hears_unchanged(
        &mut nat,
        "RTSP/1.0 200 OK\r\nCSeq: 9\r\nSession: 42\r\n\r\n",
    );
    // The connection may be used again.
    let (rtp, _) = set_up(&mut nat, &mut line, 5000);
    comes_in(&mut nat, &line, &x(6256), rtp, 5000);
}

#[test]
fn the_end_of_the_connection_closes_them() {
    for reset in [false, true] {
        let mut nat = Pipe::new(&strict());
        let mut line = connected(&mut nat);
        set_up(&mut nat, &mut line, 5000);
        if reset {
            line.reset(&mut nat);
        } else {
            line.close(&mut nat);
        }
        assert_eq!(nat.show("doors").len(), 0, "reset: {reset}");
    }
}

/// Nothing is left when all timers have run out: no mapping, no door, no session.
#[test]
fn nothing_is_left_in_the_end() {
    let mut nat = Pipe::new(&strict());
    let mut line = connected(&mut nat);
    let (rtp, _) = set_up(&mut nat, &mut line, 5000);
    comes_in(&mut nat, &line, &x(6256), rtp, 5000);
    line.close(&mut nat);
    let end = nat.now() + 1000.0;
    nat.at(end);
    for what in ["translations", "mappings", "doors", "subscribers"] {
        assert_eq!(nat.show(what).len(), 0, "{what}");
    }
}

/// Bounded: a subscriber has its share of doors, and what is refused leaves unchanged.
#[test]
fn two_hundred_channels_of_one_connection_are_bounded() {
    let config = strict().pool(
        "blocks",
        "{ size: 4096, max_per_subscriber: 8, idle_timeout: 120s }",
    );
    let mut nat = Pipe::new(&config);
    let mut line = connected(&mut nat);
    let mut refused = 0;
    for nth in 0..200_u16 {
        let port = 5000 + 2 * nth;
        let transport = format!("RTP/AVP;unicast;client_port={port}-{}", port + 1);
        let request = setup(u32::from(nth), &transport);
        refused += u64::from(line.says(&mut nat, &request) == request);
        line.hears_unchanged(&mut nat, "RTSP/1.0 100 Continue\r\n\r\n");
    }
    assert_eq!(nat.show("doors").len(), 256);
    assert_eq!(refused, 200 - 128);
    assert_eq!(counted(&mut nat, "errors"), refused);
    line.says_unchanged(&mut nat, &request("TEARDOWN"));
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(nat.show("mappings").len(), 1);
}

/// B0.1: "allocate both or neither"; a message is changed as a whole or not at all.
#[test]
fn no_pair_to_be_had_leaves_the_request_as_it_is() {
    let config = strict()
        .rule("limits", "{ ports: { udp: 1 } }")
        .pool("prefixes", "[203.0.113.0/32]");
    let mut nat = Pipe::new(&config);
    let mut line = connected(&mut nat);
    line.says_unchanged(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(nat.show("mappings").len(), 1);
    assert_eq!(counted(&mut nat, "errors"), 1);
}
