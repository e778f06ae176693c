//! Recordings, as they are played: what each packet says, and to whom.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::pcap::{Error, Record, read};
use testkit::{Packet, Seen, flags, protocol, raw, tcp, udp};

/// A recorded packet and its time in seconds.
pub(crate) type Recorded = (f64, Seen);

/// As many packets of a file are played.
const MOST: usize = 1000;

/// The packets of a file that can be played.
pub(crate) fn recorded(file: &Path, ports: &[u16]) -> Result<Vec<Recorded>, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let records = match read(&bytes) {
        Ok(records) => records,
        Err(Error::LinkType) if bytes[20..24] == [0; 4] => of_loopback(bytes)?,
        Err(_) => read(&converted(file)?).map_err(|error| format!("{error:?}"))?,
    };
    let all: Vec<Recorded> = records
        .iter()
        .filter_map(|record| {
            let at = Duration::from_nanos(record.nanos).as_secs_f64();
            let mut seen = Seen::of(&record.frame).ok()?;
            seen.src.0.set_ip(moved(seen.src.ip()));
            seen.dst.0.set_ip(moved(seen.dst.ip()));
            Some((at, seen))
        })
        .filter(|(_, seen)| {
            seen.arp.is_none()
                && matches!(seen.protocol, protocol::TCP | protocol::UDP | protocol::GRE | protocol::ESP)
                && !seen.is_fragment()
                // What is longer was put together by the host that recorded it.
                && seen.ip.len() <= 1500
        })
        .take(MOST)
        .collect();
    Ok(with_beginnings(all, ports))
}

/// A file of the loopback interface, whose frames begin with the family of what is in them.
fn of_loopback(mut bytes: Vec<u8>) -> Result<Vec<Record>, String> {
    let is_little = bytes[0] != 0xa1;
    bytes[if is_little { 20 } else { 23 }] = 1;
    let mut records = read(&bytes).map_err(|error| format!("{error:?}"))?;
    for record in &mut records {
        let header = [[0; 12].as_slice(), &[8, 0]].concat();
        record.frame.splice(..4.min(record.frame.len()), header);
    }
    Ok(records)
}

/// What two of a machine's own addresses said to each other, two hosts may have said.
const fn moved(host: Ipv4Addr) -> Ipv4Addr {
    match host.octets() {
        [127, b, c, d] => Ipv4Addr::new(10, 127 - b, c, d),
        _ => host,
    }
}

/// A connection that was recorded from its middle on begins as its ends must have begun it.
fn with_beginnings(packets: Vec<Recorded>, ports: &[u16]) -> Vec<Recorded> {
    let mut known = BTreeSet::new();
    let mut all = Vec::new();
    for (at, seen) in packets {
        let (from, to) = (seen.src.0, seen.dst.0);
        if let Some(then) = &seen.tcp
            && known.insert((from.min(to), from.max(to)))
            && then.flags & (flags::SYN | flags::RST) == 0
        {
            let mut ends = [(from, then.seq), (to, then.ack)];
            if ports.contains(&from.port()) {
                ends.reverse();
            }
            let [(client, first), (server, answered)] = ends;
            let (before, to_answer) = (first.wrapping_sub(1), answered.wrapping_sub(1));
            let there = tcp(&format!("{client} > {server}"));
            let back = tcp(&format!("{server} > {client}"));
            for packet in [
                there.clone().seq(before).ack(0).flags(flags::SYN),
                back.seq(to_answer)
                    .ack(first)
                    .flags(flags::SYN | flags::ACK),
                there.seq(first).ack(answered).flags(flags::ACK),
            ] {
                all.push((at, Seen::of(&packet.frame([2; 6], [4; 6])).unwrap()));
            }
        }
        all.push((at, seen));
    }
    all
}

/// Any other kind of file, read by tshark.
fn converted(file: &Path) -> Result<Vec<u8>, String> {
    let output = Command::new("tshark")
        .args(["-r".as_ref(), file.as_os_str()])
        .args(["-F", "pcap", "-w", "-"])
        .output()
        .map_err(|_| "tshark is not there to read it".to_string())?;
    Ok(output.stdout)
}

/// The recorded packet, to be sent once more with right checksums.
pub(crate) fn again(seen: &Seen) -> Packet {
    let flow = format!("{} > {}", seen.src, seen.dst);
    let packet = match &seen.tcp {
        Some(then) => tcp(&flow)
            .seq(then.seq)
            .ack(then.ack)
            .flags(then.flags)
            .window(then.window)
            .tcp_options(&then.options),
        None if seen.protocol == protocol::UDP => udp(&flow),
        None => raw(&flow, seen.protocol),
    };
    packet.payload(&seen.payload).id(seen.id).df(seen.df)
}
