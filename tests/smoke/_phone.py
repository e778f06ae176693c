"""Telephones, as simple as they can be: SIP and audio over UDP.

    _phone.py answer ADDRESS
    _phone.py call ADDRESS SERVER USER CALL-ID SECONDS

The one that answers takes every call and sends every packet of audio back, but not to a
caller who asks for `mute`. The one that calls sends fifty packets a second for so many
seconds or until SIGUSR1, hangs up, and prints how many it sent and how many came back.
"""

import select
import signal
import socket
import sys
import time

SIP, AUDIO, MUTE = 5060, 7000, 7002


def sdp(address, port):
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\n"
    )


def message(lines, body=""):
    if body:
        lines = [*lines, "Content-Type: application/sdp"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def header(text, name):
    return next(line for line in text.split("\r\n") if line.startswith(name + ": "))


def bound(address, port):
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((address, port))
    return opened


def answer(address):
    sip, audio, mute = (bound(address, port) for port in (SIP, AUDIO, MUTE))
    while True:
        ready, _, _ = select.select([sip, audio, mute], [], [])
        for one in ready:
            data, peer = one.recvfrom(4096)
            if one is audio:
                audio.sendto(data, peer)
            elif one is sip:
                reply(sip, address, data.decode(), peer)


def reply(sip, address, text, peer):
    start = text.split("\r\n", 1)[0]
    print(peer, start, flush=True)
    if start.startswith("ACK "):
        return
    to = header(text, "To")
    lines = ["SIP/2.0 200 OK", header(text, "Via"), header(text, "From")]
    lines += [to if "tag=" in to else to + ";tag=b", header(text, "Call-ID"), header(text, "CSeq")]
    port = MUTE if ":mute@" in start else AUDIO
    sip.sendto(message(lines, sdp(address, port) if start.startswith("INVITE ") else ""), peer)


def call(address, server, user, call_id, seconds):
    sip, audio = bound(address, SIP), bound(address, 4000)
    sip.settimeout(5)

    def send(method, number, tag="", body=""):
        lines = [
            f"{method} sip:{user}@{server} SIP/2.0",
            f"Via: SIP/2.0/UDP {address}:{SIP};branch=z9hG4bK{method}{number}",
            "Max-Forwards: 70",
            f"From: <sip:caller@{server}>;tag=a",
            f"To: <sip:{user}@{server}>{tag}",
            f"Call-ID: {call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:caller@{address}:{SIP}>",
        ]
        sip.sendto(message(lines, body), (server, SIP))

    send("INVITE", 1, body=sdp(address, 4000))
    text = sip.recv(4096).decode()
    assert text.startswith("SIP/2.0 200 "), text
    send("ACK", 1, ";tag=b")
    there = next(line for line in text.split("\r\n") if line.startswith("m=audio "))
    there = (server, int(there.split(" ")[1]))
    audio.setblocking(False)
    told = []
    signal.signal(signal.SIGUSR1, lambda *_: told.append(True))
    sent, back, end = 0, 0, time.monotonic() + seconds
    while not told and time.monotonic() < end:
        audio.sendto(b"\x80" * 172, there)
        sent += 1
        time.sleep(0.02)
        while select.select([audio], [], [], 0)[0]:
            audio.recv(4096)
            back += 1
    send("BYE", 2, ";tag=b")
    assert sip.recv(4096).startswith(b"SIP/2.0 200 ")
    print(sent, back, flush=True)


if sys.argv[1] == "answer":
    answer(sys.argv[2])
else:
    call(*sys.argv[2:6], float(sys.argv[6]))
