//! Every parser of `wire` on any bytes: none panics, what one accepts lies in
//! the bytes, and what is patched keeps its checksum right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{ChecksumDelta, arp, checksum, ethernet, icmp, igmp, ipv4, tcp, udp};

fuzz_target!(|frame: &[u8]| {
    let mut frame = frame.to_vec();
    // The layers one after the other, as the data plane does ...
    if let Ok(header) = ethernet::parse(&frame) {
        assert!(header.len <= frame.len());
        layer3(&mut frame[header.len..].to_vec());
        let mut again = vec![0; header.len];
        assert!(ethernet::write(
            &mut again,
            header.dst,
            header.src,
            header.tags,
            header.ether_type
        ));
    }
    // ... and each from the first byte, to get deep quickly.
    layer3(&mut frame);
    layer4(&mut frame);
});

fn layer3(packet: &mut [u8]) {
    if let Ok(found) = arp::Arp::parse(packet) {
        let mut again = [0; 64];
        assert!(found.write(&mut again));
        assert_eq!(arp::Arp::parse(&again), Ok(found));
    }
    if let Ok(quoted) = ipv4::Header::parse_quoted(packet) {
        assert!(quoted.header_len <= packet.len());
        assert!(quoted.header_len + quoted.payload_len() == quoted.total_len);
    }
    let Ok(header) = ipv4::Header::parse(packet, true) else {
        return;
    };
    let _ = ipv4::has_routing_option(&packet[ipv4::HEADER_LEN..header.header_len]);
    if header.checksum_is_right(packet) {
        ipv4::set_src(packet, 0xc633_6401);
        ipv4::set_dst(packet, 0x0a40_000a);
        ipv4::set_id(packet, 0x1234);
        if header.ttl > 0 {
            ipv4::decrement_ttl(packet);
        }
        assert!(
            checksum::is_valid(&packet[..header.header_len]),
            "{header:?}"
        );
    }
    let payload = &mut packet[header.header_len..header.total_len];
    let _ = udp::ports(payload, header.payload_len(), header.is_fragment());
    layer4(payload);
}

fn layer4(payload: &mut [u8]) {
    let _ = udp::ports(payload, payload.len(), false);
    let _ = icmp::classify(payload);
    assert!(icmp::quote_len(payload) <= payload.len());
    if let Ok(header) = tcp::Header::parse(payload) {
        assert!(header.len <= payload.len());
        assert!(tcp::window_scale(payload, header.len).is_none_or(|shift| shift <= 14));
        let right = checksum::is_valid(payload);
        let clamped = tcp::clamp_mss(payload, header.len, 1_400);
        assert!(!(right && clamped) || checksum::is_valid(payload));
    }
    udp::patch_checksum(payload, ChecksumDelta::default().replace(1, 2));
    membership(payload);
}

/// With the checksum made right, so that the lengths are looked at.
fn membership(payload: &mut [u8]) {
    wire::put16(payload, 2, 0);
    let sum = checksum::Sum::default().bytes(payload).checksum();
    wire::put16(payload, 2, sum);
    match igmp::Message::parse(payload) {
        Ok(igmp::Message::Records(records)) => {
            assert!(
                records
                    .iter()
                    .all(|record| ipv4::is_multicast(record.group))
            );
            assert!(records.iter().count() <= payload.len() / 8);
        }
        Ok(igmp::Message::Query(query)) => {
            assert!(query.sources.iter().count() <= payload.len() / 4);
        }
        _ => {}
    }
}
