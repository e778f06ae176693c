//! Whose a call is: many in one session, and the same `Call-ID` twice.

use testkit::udp;
use tests::{A, B, Pipe, X};

use crate::phone::{self, Call, REMOTE_AUDIO};
use crate::{config, states};

/// P3, S2: all calls of a trunk use the same control channel.
#[test]
fn one_session_carries_many_calls() {
    let mut nat = Pipe::new(&config());
    let mut calls: Vec<Call> = (0..20_u16)
        .map(|nth| Call::new(A, &format!("{nth}@10.64.0.7")).with_audio(4000 + 2 * nth))
        .collect();
    // All of them ring before the first is answered.
    let invites: Vec<String> = calls.iter_mut().map(|call| call.invite(&mut nat)).collect();
    assert_eq!(nat.show("translations").len(), 1);
    assert_eq!(states(&mut nat), ["calling"; 20]);
    for (call, invite) in calls.iter_mut().zip(&invites).rev() {
        let body = phone::sdp(X, &[("audio", REMOTE_AUDIO)]);
        call.answer(&mut nat, invite, 200, "", Some(&body));
    }
    let rows = nat.show("calls");
    for (nth, row) in rows.iter().enumerate() {
        assert_eq!(row["call_id"], format!("{nth}@10.64.0.7"));
        assert_eq!(row["state"], "established");
        let inside = format!("{A}:{}", 4000 + 2 * nth);
        assert_eq!(row["media"][0]["inside"], inside);
    }
    // Each ends by itself.
    for nth in [13, 4, 0] {
        calls.remove(nth).hang_up(&mut nat);
        assert_eq!(states(&mut nat).len(), calls.len());
    }
    let ids: Vec<_> = nat
        .show("calls")
        .iter()
        .map(|row| row["call_id"].clone())
        .collect();
    assert!(!ids.contains(&"13@10.64.0.7".into()), "{ids:?}");
    assert!(ids.contains(&"12@10.64.0.7".into()), "{ids:?}");
}

/// P3: two clients that use the same `Call-ID` do not mix.
#[test]
fn clients_with_the_same_call_id_have_a_call_each() {
    let mut nat = Pipe::new(&config());
    let mut first = Call::new(A, "same");
    let mut second = Call::new(B, "same");
    first.establish(&mut nat);
    second.invite(&mut nat);
    assert_eq!(states(&mut nat), ["established", "calling"]);
    let rows = nat.show("calls");
    assert_eq!(rows[0]["media"][0]["inside"], "10.64.0.7:4000");
    assert_eq!(rows[1]["media"][0]["inside"], "10.64.0.8:4000");
    assert_ne!(
        rows[0]["media"][0]["outside"],
        rows[1]["media"][0]["outside"]
    );
    second.cancel(&mut nat);
    assert_eq!(states(&mut nat), ["established", "ended"]);
    first.hang_up(&mut nat);
    assert_eq!(states(&mut nat), ["ended"]);
}

/// A7: the same address and the same `Call-ID` in two VRFs.
#[test]
fn calls_of_vrfs_do_not_mix() {
    let mut config = config().no_neighbors();
    for (nth, vrf) in ["red", "green"].into_iter().enumerate() {
        config = config
            .add_interface(&format!(
                "name: {vrf}, device: \"net_af_packet{},iface=ptl-{vrf}\", \
                 addresses: [10.64.0.1/16], vrf: {vrf}",
                nth + 2
            ))
            .rule_before(&format!(
                "name: {vrf}, inside: {vrf}, source: 10.64.0.0/16, pool: public, \
                 outside_vrf: default"
            ));
    }
    let mut nat = Pipe::new(&config);
    for vrf in ["red", "green"] {
        nat.learn(vrf, A, tests::OWN_INSIDE, &[]);
    }
    let mut red = Call::at("red", A, "same");
    let mut green = Call::at("green", A, "same");
    red.establish(&mut nat);
    green.invite(&mut nat);
    let rows = nat.show("calls");
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (&row["vrf"], &row["state"]))
        .collect();
    let (red_is, green_is) = (&"established".into(), &"calling".into());
    assert_eq!(seen, [(&"red".into(), red_is), (&"green".into(), green_is)]);
    red.hang_up(&mut nat);
    assert_eq!(states(&mut nat), ["calling"]);
}

/// A trunk is shown by its address, and has calls of all its hosts.
#[test]
fn calls_of_a_trunk_say_so() {
    let config = config().top("alg: { sip: { trunks: [10.64.0.8/31] } }");
    let mut nat = Pipe::new(&config);
    Call::new(A, "one").invite(&mut nat);
    Call::new(B, "two").invite(&mut nat);
    Call::new(tests::C, "three").invite(&mut nat);
    let trunks: Vec<_> = nat
        .show("calls")
        .iter()
        .map(|row| row["trunk"].clone())
        .collect();
    assert_eq!(trunks, ["", "10.64.0.8/31", "10.64.0.8/31"]);
}

/// G2, G1: what is no SIP, and SIP that nobody looks at, is in no database.
#[test]
fn only_what_the_gateway_reads_is_a_call() {
    let mut nat = Pipe::new(&config());
    nat.inside(udp(&format!("{A}:5060 > {X}:5060")).payload(b"INVITE nothing"))
        .forwarded();
    assert!(states(&mut nat).is_empty());
    let mut nat = Pipe::new(&config().top("alg: { sip: off }"));
    let invite = "INVITE sip:b@192.0.2.1 SIP/2.0\r\nCall-ID: one\r\nCSeq: 1 INVITE\r\n\
                  Content-Length: 0\r\n\r\n";
    nat.inside(udp(&format!("{A}:5060 > {X}:5060")).payload(invite.as_bytes()))
        .forwarded();
    assert!(states(&mut nat).is_empty());
}
