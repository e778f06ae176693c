//! Messages as clients, proxies and gateways in the field write them.

use std::string::String;
use std::vec::Vec;

use base::Direction::{self, Inbound, Outbound};

use super::testing::{crlf, listed, rewritten, summary, with_sdp};
use super::{Flow, Frame, Kind, MediaKind, Method, frame};
use crate::{Endpoint, Ports, Transport};

/// The message with the inside host's ports as the appliance maps them, outbound and back.
fn mapped(endpoint: Endpoint, direction: Direction) -> Endpoint {
    let pairs = [
        (5060, 41_000),
        (5070, 41_002),
        (16_384, 42_000),
        (16_385, 42_001),
        (16_386, 42_002),
    ];
    let port = pairs.iter().find_map(|(inside, outside)| match direction {
        Outbound => (*inside == endpoint.port).then_some(*outside),
        Inbound => (*outside == endpoint.port).then_some(*inside),
    });
    Endpoint {
        address: match direction {
            Outbound => super::testing::OUTSIDE,
            Inbound => super::testing::INSIDE,
        },
        port: port.unwrap_or(endpoint.port),
    }
}

fn translated(message: &[u8], direction: Direction) -> String {
    let out = rewritten(message, direction, |endpoint| mapped(endpoint, direction));
    assert_eq!(
        frame(&out, Transport::Tcp, 8192),
        Frame::Message(out.len()),
        "what is written is framed as what was read"
    );
    String::from_utf8(out).unwrap().replace("\r\n", "\n")
}

/// A telephone that registers, and the registrar's answer with another binding beside its own.
#[test]
fn a_registration_there_and_back() {
    let register = crlf(
        "REGISTER sip:registrar.example.net SIP/2.0\n\
         Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-524287-1---a1;rport\n\
         Max-Forwards: 70\n\
         Contact: <sip:1001@10.0.0.1:5060;rinstance=5b3;transport=UDP>\n\
         To: \"1001\"<sip:1001@registrar.example.net;transport=UDP>\n\
         From: \"1001\"<sip:1001@registrar.example.net;transport=UDP>;tag=9d2\n\
         Call-ID: Zk3nq..\n\
         CSeq: 2 REGISTER\n\
         Expires: 600\n\
         Authorization: Digest username=\"1001\",realm=\"x\",nonce=\"n\",uri=\"sip:registrar.example.net\",response=\"r\"\n\
         Content-Length: 0\n\n",
    );
    let out = translated(&register, Outbound);
    assert!(!out.contains("10.0.0.1"));
    assert_eq!(out.matches("203.0.113.7:41000").count(), 2);
    let told = summary(&register, Outbound).unwrap();
    assert_eq!(told.kind, Kind::Request(Method::Register));
    assert_eq!(told.lifetime(&told.contacts[0]), 600);

    let answer = crlf(
        "SIP/2.0 200 OK\n\
         Via: SIP/2.0/UDP 203.0.113.7:41000;branch=z9hG4bK-524287-1---a1;rport=41000\n\
         To: \"1001\"<sip:1001@registrar.example.net;transport=UDP>;tag=77\n\
         From: \"1001\"<sip:1001@registrar.example.net;transport=UDP>;tag=9d2\n\
         Call-ID: Zk3nq..\n\
         CSeq: 2 REGISTER\n\
         Contact: <sip:1001@192.0.2.44:5060>;expires=1200, <sip:1001@203.0.113.7:41000;rinstance=5b3;transport=UDP>;expires=300\n\
         Content-Length: 0\n\n",
    );
    let told = summary(&answer, Inbound).unwrap();
    assert_eq!(told.contacts.len(), 1);
    assert_eq!(told.lifetime(&told.contacts[0]), 300);
    let back = translated(&answer, Inbound);
    assert!(!back.contains("203.0.113.7") && back.contains("192.0.2.44:5060"));
    assert!(
        back.contains("Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK-524287-1---a1;rport=5060")
    );
}

/// An office exchange over TCP, in compact form, with its call and its answer in one segment.
#[test]
fn two_compact_messages_in_one_segment() {
    let sdp = "v=0\no=pbx 1 1 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nt=0 0\n\
        m=audio 16384 RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\na=ptime:20\n";
    let invite = with_sdp(
        "INVITE sip:+4930@trunk.example SIP/2.0\nv:SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKt;alias\n\
         f:<sip:100@10.0.0.1>;tag=f\nt:<sip:+4930@trunk.example>\ni:77@10.0.0.1\nCSeq:1 INVITE\n\
         m:<sip:100@10.0.0.1;transport=tcp>\nx:1800\nk:timer\n",
        sdp,
    );
    let ringing = with_sdp(
        "SIP/2.0 183 Session Progress\nv:SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKu\n\
         f:<sip:x@trunk.example>;tag=1\nt:<sip:100@trunk.example>;tag=2\ni:88@trunk.example\n\
         CSeq:1 INVITE\nm:<sip:100@10.0.0.1:5060;transport=tcp>\nRSeq:1\nRequire:100rel\n",
        sdp,
    );
    let stream = [invite.clone(), ringing.clone()].concat();
    let Frame::Message(first) = frame(&stream, Transport::Tcp, 8192) else {
        panic!("the first message is whole");
    };
    assert_eq!(first, invite.len());
    assert_eq!(
        frame(&stream[first..], Transport::Tcp, 8192),
        Frame::Message(ringing.len())
    );
    let doors = |message: &[u8]| -> Vec<String> {
        listed(message, Outbound)
            .into_iter()
            .filter(|text| text.contains("answers") || text.contains("listens"))
            .collect()
    };
    assert_eq!(
        doors(&invite),
        [
            "10.0.0.1 = 5060 answers tcp",
            "10.0.0.1 = 5060 answers tcp",
            "16384 = 16384 listens udp pair"
        ]
    );
    assert_eq!(doors(&ringing).len(), 2);
    let out = translated(&invite, Outbound);
    assert!(!out.contains("10.0.0.1"));
    assert!(out.contains("m:<sip:100@203.0.113.7:41000;transport=tcp>"));
    assert!(out.contains("f:<sip:100@203.0.113.7>;tag=f"));
    assert!(out.contains("m=audio 42000 RTP"));
    let told = summary(&invite, Outbound).unwrap();
    assert_eq!(told.session_expires, Some(1800));
}

/// REQUIREMENTS P6: a gateway that goes from speech to fax, and the audio line is given up.
#[test]
fn a_call_becomes_a_fax() {
    let sdp = "v=0\no=gw 7 8 IN IP4 10.0.0.1\ns=SIP Call\nc=IN IP4 10.0.0.1\nt=0 0\n\
        m=audio 0 RTP/AVP 8\nm=image 16384 udptl t38\nc=IN IP4 10.0.0.1\na=T38FaxVersion:0\n\
        a=T38FaxUdpEC:t38UDPRedundancy\n";
    let message = with_sdp("INVITE sip:b@192.0.2.9 SIP/2.0\nCSeq: 102 INVITE\n", sdp);
    let told = summary(&message, Outbound).unwrap();
    assert!(told.media[0].rejected && told.media[0].kind == MediaKind::Audio);
    assert_eq!(
        (told.media[1].kind, told.media[1].ports, told.media[1].ours),
        (MediaKind::Image, Ports::One, true)
    );
    let out = translated(&message, Outbound);
    assert!(!out.contains("10.0.0.1") && out.contains("m=image 42000 udptl t38"));
    assert!(out.contains("m=audio 0 RTP/AVP 8"));
}

/// A conference with everything at once, on hold.
#[test]
fn audio_video_slides_and_chat_in_one_offer() {
    let sdp = "v=0\no=- 4 5 IN IP4 10.0.0.1\ns=-\nc=IN IP4 10.0.0.1\nb=CT:1920\nt=0 0\na=sendonly\n\
        m=audio 16384 RTP/AVP 9\na=rtcp:16385\n\
        m=video 16386 RTP/AVP 97\na=label:11\na=inactive\n\
        m=video 16390 RTP/AVP 97\na=rtcp-mux\na=content:slides\n\
        m=application 16392 RTP/AVP 100\na=rtpmap:100 H224/4800\n\
        m=application 16394 UDP/BFCP *\na=floorctrl:c-s\n\
        m=message 16396 TCP/MSRP *\na=path:msrp://10.0.0.1:16396/s;tcp\na=setup:passive\n";
    let message = with_sdp("UPDATE sip:b@x SIP/2.0\n", sdp);
    let told = summary(&message, Outbound).unwrap();
    assert_eq!(told.media.len(), 6);
    assert!(told.media.iter().all(|media| media.ours));
    assert_eq!(told.media[1].flow, Flow::Inactive);
    assert_eq!(told.media[2].flow, Flow::SendOnly);
    let ports: Vec<_> = told.media.iter().map(|media| media.ports).collect();
    let (one, pair) = (Ports::One, Ports::Pair);
    assert_eq!(ports, [pair, pair, one, pair, one, one]);
    assert!(!translated(&message, Outbound).contains("10.0.0.1"));
}

/// REQUIREMENTS P5: transfer after consultation names the dialog to be replaced, and the far end
/// knows that by its outside name.
#[test]
fn a_transfer_names_the_dialog_as_the_others_know_it() {
    let refer = crlf(
        "REFER sip:b@192.0.2.9 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKr\n\
         Refer-To: <sip:c@192.0.2.10:5060?Replaces=abc%4010.0.0.1%3Bto-tag%3D2%3Bfrom-tag%3D1>\n\
         Referred-By: \"Ann\" <sip:ann@10.0.0.1>\nCall-ID: other@10.0.0.1\nContent-Length: 0\n\n",
    );
    let out = translated(&refer, Outbound);
    assert!(!out.contains("10.0.0.1"));
    assert!(out.contains("?Replaces=abc%40203.0.113.7%3Bto-tag%3D2%3Bfrom-tag%3D1>"));
    assert!(out.contains("sip:c@192.0.2.10:5060"));
}
