//! What is not to be changed: other protocols, and everything where the gateway is off or only
//! watches.

use tests::{Line, Pipe};

use crate::{connected, counted, setup, strict};

/// G2: "traffic on an ALG's port that is not that protocol is translated as ordinary traffic".
#[test]
fn another_protocol_passes_byte_for_byte() {
    for beginning in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "OPTIONS * HTTP/1.1\r\n\r\n",
        "\u{1}\u{2}\u{3}",
    ] {
        let mut nat = Pipe::new(&strict());
        let mut line = connected(&mut nat);
        line.says_unchanged(&mut nat, beginning);
        line.says_unchanged(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
        assert_eq!(nat.show("doors").len(), 0, "{beginning}");
        assert_eq!(counted(&mut nat, "bypassed"), 1, "{beginning}");
    }
}

#[test]
fn off_is_off() {
    let mut nat = Pipe::new(&strict().top("alg: { rtsp: off }"));
    let mut line = connected(&mut nat);
    line.says_unchanged(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(counted(&mut nat, "messages"), 0);
}

#[test]
fn ports_are_as_configured() {
    let mut nat = Pipe::new(&strict().top("alg: { rtsp: { ports: [8554] } }"));
    let mut line = connected(&mut nat);
    line.says_unchanged(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
    let mut line = Line::open(&mut nat, "10.64.0.7:4001", "192.0.2.1:8554");
    line.says(&mut nat, &setup(1, "RTP/AVP;unicast;client_port=5000-5001"));
    assert_eq!(nat.show("doors").len(), 2);
}

#[test]
fn a_shadow_changes_nothing_and_says_what_it_would() {
    let mut nat = Pipe::new(&strict().top("alg: { rtsp: { mode: shadow } }"));
    let mut line = connected(&mut nat);
    line.says_unchanged(
        &mut nat,
        &setup(
            1,
            "RTP/AVP;unicast;destination=10.64.0.7;client_port=5000-5001",
        ),
    );
    assert_eq!(nat.show("doors").len(), 0);
    assert_eq!(counted(&mut nat, "messages"), 1);
}
