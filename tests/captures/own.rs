//! Sessions written down here, for protocols of which no recording is in the tree.

use std::path::Path;

use testkit::{Packet, Seen, udp};

use crate::recorded::Recorded;

/// One packet each tenth of a second.
fn session(packets: Vec<Packet>) -> Vec<Recorded> {
    let seen = |packet: Packet| Seen::of(&packet.frame([2; 6], [4; 6])).unwrap();
    let times = (0_u32..).map(|nth| f64::from(nth) / 10.0);
    times.zip(packets.into_iter().map(seen)).collect()
}

fn said(flow: &str, head: &str, body: &str) -> Packet {
    let body = body.replace('\n', "\r\n");
    let head = head.replace('\n', "\r\n");
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    udp(flow).payload(format!("{head}{length}{body}").as_bytes())
}

/// A call that is referred: `Via` with an address in its branch, SDP, a fragment.
pub(crate) fn sip() -> Vec<Recorded> {
    let out = "10.55.0.2:5060 > 192.0.2.1:5060";
    let back = "192.0.2.1:5060 > 10.55.0.2:5060";
    let dialog = |branch: &str, cseq: &str| {
        format!(
            "Via: SIP/2.0/UDP 10.55.0.2:5060;branch=z9hG4bK{branch}10.55.0.2;rport\n\
             From: \"10\" <sip:ann@10.55.0.2>;tag=a1\nTo: <sip:bob@192.0.2.1>\n\
             Call-ID: 4f1c@10.55.0.2\nCSeq: {cseq}\n"
        )
    };
    let answered = |head: &str| {
        let seen = ";received=10.55.0.2;rport=5060\nFrom";
        head.replace(";rport\nFrom", seen)
            .replace("192.0.2.1>\n", "192.0.2.1>;tag=b2\n")
    };
    let sdp = |address: &str, port: u16| {
        format!(
            "v=0\no=- 1 1 IN IP4 {address}\ns=-\nc=IN IP4 {address}\nt=0 0\n\
             m=audio {port} RTP/AVP 0\na=rtcp:{}\n",
            port + 1
        )
    };
    let invite = dialog("1-", "1 INVITE");
    let bye = dialog("x9f80", "3 BYE");
    let notify = dialog("2.", "2 NOTIFY");
    let fragment = "SIP/2.0 200 OK\nContact: <sip:ann@10.55.0.2:5060>\n";
    session(vec![
        said(
            out,
            &format!(
                "INVITE sip:bob@192.0.2.1 SIP/2.0\n{invite}Contact: <sip:ann@10.55.0.2:5060>\n\
                 Content-Type: application/sdp\n"
            ),
            &sdp("10.55.0.2", 40_000),
        ),
        said(
            back,
            &format!(
                "SIP/2.0 200 OK\n{}Contact: <sip:bob@192.0.2.1>\nContent-Type: application/sdp\n",
                answered(&invite)
            ),
            &sdp("192.0.2.1", 30_000),
        ),
        udp("10.55.0.2:40000 > 192.0.2.1:30000").payload(&[0x80; 40]),
        udp("192.0.2.1:30000 > 10.55.0.2:40000").payload(&[0x80; 40]),
        said(
            out,
            &format!("NOTIFY sip:bob@192.0.2.1 SIP/2.0\n{notify}Content-Type: message/sipfrag\n"),
            fragment,
        ),
        said(back, &format!("SIP/2.0 200 OK\n{}", answered(&notify)), ""),
        said(out, &format!("BYE sip:bob@192.0.2.1 SIP/2.0\n{bye}"), ""),
        said(back, &format!("SIP/2.0 200 OK\n{}", answered(&bye)), ""),
    ])
}

/// A read request and what is read, from a port that nobody knows before.
pub(crate) fn tftp() -> Vec<Recorded> {
    session(vec![
        udp("10.55.0.2:4000 > 192.0.2.1:69").payload(b"\0\x01file\0octet\0"),
        udp("192.0.2.1:32000 > 10.55.0.2:4000").payload(b"\0\x03\0\x01contents"),
        udp("10.55.0.2:4000 > 192.0.2.1:32000").payload(b"\0\x04\0\x01"),
    ])
}

/// A server tells its own address: 10.55.0.3 has `ns.example`.
pub(crate) fn dns() -> Vec<Recorded> {
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02ns\x07example\0\0\x01\0\x01";
    let mut answer = question.to_vec();
    answer[2..4].copy_from_slice(&[0x84, 0]);
    answer[7] = 1;
    answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\x0a\x37\0\x03");
    session(vec![
        udp("192.0.2.1:5300 > 10.55.0.3:53").payload(question),
        udp("10.55.0.3:53 > 192.0.2.1:5300").payload(&answer),
    ])
}

/// Recordings in the tree.
pub(crate) fn files() -> [(&'static str, std::path::PathBuf); 3] {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateways/captures");
    [
        ("ftp", tree.join("ftp_active_port_eprt.pcap")),
        ("rcmd", tree.join("rexec_stderr.pcap")),
        ("ldap", tree.join("ldap_ils_add.pcap")),
    ]
}
