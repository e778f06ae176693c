//! Any bytes as a request of PCP: what is answered is the request again, as much of it as may be. And as
//! one of NAT-PMP, whose answers are short.
#![no_main]

use core::net::Ipv4Addr;

use appproto::natpmp;
use appproto::pcp::{self, Granted, Refused};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    // Its own address is in it, or most would be refused for that.
    let from = datagram
        .get(20..)
        .and_then(<[u8]>::first_chunk)
        .map_or(Ipv4Addr::UNSPECIFIED, |octets| Ipv4Addr::from(*octets));
    let mut out = [0; pcp::MAX_LEN];
    if let Some(request) = natpmp::read(datagram) {
        let granted = Err(natpmp::Code::NotAuthorized);
        let len = natpmp::answer(datagram, request, granted, 1, &mut out);
        assert!((8..=natpmp::MAX_LEN).contains(&len));
        assert_eq!(out[..2], [0, datagram[1] | 0x80]);
    }
    let len = match pcp::read(datagram, from) {
        Ok(request) => {
            assert_ne!(request.third_party, Some(from));
            let granted = Granted {
                lifetime: request.lifetime,
                outside: Some((Ipv4Addr::new(203, 0, 113, 1), 4000)),
                ports: 2,
            };
            let len = pcp::grant(datagram, &request, granted, 1, &mut out);
            assert!(len <= datagram.len());
            assert_eq!(out[4..8], datagram[4..8]);
            len
        }
        Err(Refused::With(code)) => pcp::refuse(datagram, code, code.lifetime(), 1, &mut out),
        Err(Refused::Silently) => return,
    };
    assert!((pcp::HEADER_LEN..=pcp::MAX_LEN).contains(&len));
    assert!(len.is_multiple_of(4));
    assert_eq!(out[1], datagram[1] | 0x80);
});
