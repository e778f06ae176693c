//! IP options: RFC 791, RFC 5508 REQ-10b, RFC 1812 section 4.2.2.1.

use base::Counter;
use testkit::{echo, tcp, udp};
use tests::{Config, Pipe};

use super::open;

const ROUTER_ALERT: [u8; 4] = [0x94, 4, 0, 0];

/// RFC 2113: the router alert is none of translation's business.
#[test]
fn a_router_alert_passes_both_ways() {
    let mut pipe = Pipe::new(&Config::new());
    for packet in [
        udp("10.64.0.7:5000 > 192.0.2.1:7000").payload(b"abc"),
        tcp("10.64.0.7:5000 > 192.0.2.1:80").syn(),
        echo("10.64.0.7:5000 > 192.0.2.1"),
    ] {
        let out = pipe.inside(packet.ip_options(&ROUTER_ALERT)).forwarded();
        assert_eq!(out.options, ROUTER_ALERT);
        let back = match out.tcp {
            Some(_) => out.reply().syn_ack(),
            None => out.reply(),
        };
        let back = pipe.outside(back.ip_options(&ROUTER_ALERT)).forwarded();
        assert_eq!(back.options, ROUTER_ALERT);
    }
}

/// RFC 791: headers of every length.
#[test]
fn headers_of_every_length_pass() {
    let mut pipe = Pipe::new(&Config::new());
    for words in 0..=10 {
        let mut options = vec![1; words * 4];
        if let Some(last) = options.last_mut() {
            *last = 0;
        }
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ip_options(&options);
        let out = pipe.inside(packet).forwarded();
        pipe.outside(out.reply().ip_options(&options)).forwarded();
    }
}

/// RFC 5508 REQ-10b: a source route that is not rewritten is not forwarded.
#[test]
fn source_routes_are_dropped_both_ways() {
    let mut pipe = Pipe::new(&Config::new());
    let out = open(&mut pipe);
    for kind in [0x83, 0x89] {
        let route = [kind, 7, 4, 192, 0, 2, 55, 0];
        let behind_others = [1, kind, 7, 4, 192, 0, 2, 55];
        for options in [route, behind_others] {
            let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ip_options(&options);
            pipe.inside(packet).dropped(Counter::DropIpOption);
            let ping = echo("10.64.0.7:5 > 192.0.2.1").ip_options(&options);
            pipe.inside(ping).dropped(Counter::DropIpOption);
            pipe.outside(out.reply().ip_options(&options))
                .dropped(Counter::DropIpOption);
        }
    }
}

/// RFC 3022 section 5.2: a record route is left alone, and does not stop translation.
#[test]
fn a_record_route_does_not_stop_translation() {
    let mut pipe = Pipe::new(&Config::new());
    let record = [7, 7, 4, 0, 0, 0, 0, 0];
    let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ip_options(&record);
    let out = pipe.inside(packet).forwarded();
    assert_eq!(out.src.ip().octets()[..3], [203, 0, 113]);
    let back = pipe.outside(out.reply().ip_options(&record)).forwarded();
    assert!(back.dst == "10.64.0.7:5000" && back.options == record);
}

/// RFC 1122 section 3.2.1.8: a used-up source route is still one.
#[test]
fn a_source_route_to_the_appliance_itself_is_dropped() {
    let mut pipe = Pipe::new(&Config::new());
    let route = [0x83, 7, 4, 10, 64, 0, 8, 0];
    let ping = echo("10.64.0.7:5 > 10.64.0.1").ip_options(&route);
    pipe.inside(ping).dropped(Counter::DropIpOption);
}

/// Options whose lengths cannot be are never walked beyond their header.
#[test]
fn options_with_impossible_lengths_do_no_harm() {
    let mut pipe = Pipe::new(&Config::new());
    for options in [
        [0x94, 0, 0, 0],
        [0x94, 1, 0, 0],
        [0x94, 200, 0, 0],
        [1, 1, 1, 0x94],
        [1, 1, 0x83, 0],
    ] {
        let packet = udp("10.64.0.7:5000 > 192.0.2.1:7000").ip_options(&options);
        let outcome = pipe.inside(packet);
        assert!(outcome.left.len() <= 1, "{outcome:?}");
    }
    open(&mut pipe);
}
