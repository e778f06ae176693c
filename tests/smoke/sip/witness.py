"""What a SIP call looks like on both sides of the translator, and what is wrong with it.

    witness.py INSIDE OUTSIDE REPORT

listens on eth0 of two network namespaces. At SIGUSR1 it writes REPORT about what was there since the
last one:

    {"faults": [...], "sent": N, "heard": N, "lines": N, "contact": "ADDRESS:PORT"}

`sent` are packets of sound of the inside host's, `heard` those for it, `lines` the endpoints outside
they were for, `contact` the one it registered last, as it is known outside. A fault is

    an inside address in a message outside; a wrong Content-Length,
    a message that is not on both sides, a packet of sound that is not,
    sound from or to an endpoint that was not announced,
    a dialog to be replaced that is unknown where it is named.
"""

import ctypes
import json
import os
import re
import select
import signal
import socket
import sys
import urllib.parse

ETH_ALL, ETH_IP, OUTGOING = 3, 0x0800, 4
SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33
STARTS = re.compile(rb"SIP/2\.0 \d|[A-Z]+ sip:[^ ]+ SIP/2\.0")
MEDIA = re.compile(r"^m=\w+ (\d+) ", re.M)
ADDRESS = re.compile(r"^c=IN IP4 ([\d.]+)", re.M)


def header(text, name):
    found = re.search(rf"^{name}[ \t]*:[ \t]*(.*?)\r?$", text, re.M | re.I)
    return found.group(1) if found else ""


class Tap:
    """One side. True stands for what its host sends, False for what it gets."""

    def __init__(self, name, namespace):
        self.name = name
        with open(f"/run/netns/{namespace}", "rb") as file:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(file.fileno(), 0):
                raise OSError(ctypes.get_errno(), namespace)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        self.socket.bind(("eth0", ETH_ALL))
        self.socket.setblocking(False)
        self.streams = {}
        self.forget()

    def forget(self):
        self.announced = {True: set(), False: set()}
        self.messages = {True: [], False: []}
        self.sound = {True: {}, False: {}}
        self.faults = []

    def hear(self):
        while True:
            try:
                packet, origin = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            is_own = origin[2] == OUTGOING
            if origin[1] != ETH_IP:
                continue
            start = (packet[0] & 15) * 4
            src, dst = (socket.inet_ntoa(packet[at : at + 4]) for at in (12, 16))
            ports = (int.from_bytes(packet[start + at : start + at + 2], "big") for at in (0, 2))
            ends = tuple(zip((src, dst), ports))
            if packet[9] == 17:
                self.datagram(is_own, ends, packet[start + 8 :])
            elif packet[9] == 6:
                total = int.from_bytes(packet[2:4], "big")
                self.segment(is_own, ends, packet[start:total])

    def datagram(self, is_own, ends, data):
        # RTP, not RTCP.
        if len(data) > 12 and data[0] >> 6 == 2 and not 72 <= data[1] & 127 <= 76:
            self.sound[is_own][ends] = self.sound[is_own].get(ends, 0) + 1
        elif STARTS.match(data):
            self.message(is_own, data)

    def segment(self, is_own, ends, tcp):
        """Text of one direction in its order; what comes again is left out."""
        data, sequence = tcp[(tcp[12] >> 4) * 4 :], int.from_bytes(tcp[4:8], "big")
        if tcp[13] & 2:
            self.streams[ends] = (sequence + 1, b"")
        if ends not in self.streams and STARTS.match(data):
            # A connection from before.
            self.streams[ends] = (sequence, b"")
        if not data or ends not in self.streams:
            return
        expected, text = self.streams[ends]
        known = (expected - sequence) & 0xFFFFFFFF
        if known >= len(data):
            return
        text += data[known:]
        while b"\r\n\r\n" in text:
            head, rest = text.split(b"\r\n\r\n", 1)
            length = int(header(head.decode(), "Content-Length") or 0)
            if len(rest) < length:
                break
            if head.strip():
                self.message(is_own, head + b"\r\n\r\n" + rest[:length])
            text = rest[length:]
        self.streams[ends] = (expected + len(data) - known, text)

    def message(self, is_own, data):
        text = data.decode()
        head, _, body = text.partition("\r\n\r\n")
        start = head.split("\r\n")[0]
        if not STARTS.match(data) or int(header(head, "Content-Length") or 0) != len(body):
            self.faults.append(f"{self.name}: framing of {start}")
        if self.name == "outside" and "10.64." in text:
            inside = next(line for line in text.split("\r\n") if "10.64." in line)
            self.faults.append(f"outside: in {start}: {inside}")
        self.messages[is_own].append(text)
        address = ADDRESS.search(body)
        for port in MEDIA.findall(body) if address else []:
            self.announced[is_own].add((address.group(1), int(port)))

    def judge(self):
        for is_own, flows in self.sound.items():
            for (src, dst), count in flows.items():
                for end, by in ((src, is_own), (dst, not is_own)):
                    if end not in self.announced[by]:
                        self.faults.append(f"{self.name}: {count} packets {src} > {dst}: {end} was not announced")
        every = self.messages[True] + self.messages[False]
        known = {header(text, "Call-ID") for text in every}
        refers = [urllib.parse.unquote(header(text, "Refer-To")) for text in every]
        asked = {refer.partition("?Replaces=")[2].rstrip(">") for refer in refers} - {""}
        for named in asked:
            # What is consulted beside the caller nobody else has heard of.
            if not named.startswith("consulted-") and named.split(";")[0] not in known:
                self.faults.append(f"{self.name}: {named} is not known")
        for replaces in {header(text, "Replaces") for text in every} - {""} - asked:
            self.faults.append(f"{self.name}: {replaces} was not asked for")
        statistics = self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        if lost := int.from_bytes(statistics[4:], sys.byteorder):
            self.faults.append(f"{self.name}: {lost} packets not seen")
        return self.faults

    def count(self, is_own):
        return sum(self.sound[is_own].values())


def kinds(messages):
    return sorted((text.split(" ", 2)[1 if text.startswith("SIP") else 0], header(text, "CSeq")) for text in messages)


def compare(inside, outside):
    faults = inside.judge() + outside.judge()
    for is_out, way in ((True, "out"), (False, "in")):
        a, b = inside.count(is_out), outside.count(not is_out)
        if a != b:
            faults.append(f"{way}: sound: {a} packets inside, {b} outside")
        a, b = kinds(inside.messages[is_out]), kinds(outside.messages[not is_out])
        if a != b:
            faults.append(f"{way}: messages: {len(a)} inside, {len(b)} outside")
    contacts = [header(text, "Contact") for text in outside.messages[False] if text.startswith("REGISTER")]
    contact = re.search(r"[\d.]+:\d+", contacts[-1]).group(0) if contacts else ""
    return {
        "faults": faults,
        "sent": outside.count(False),
        "heard": inside.count(False),
        "lines": len({dst for _, dst in outside.sound[True]}),
        "contact": contact,
    }


def main(inside, outside, report):
    asked = []
    wake, waker = os.pipe()
    for end in (wake, waker):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGUSR1, lambda *_: asked.append(True))
    taps = Tap("inside", inside), Tap("outside", outside)
    print("listening", flush=True)
    while True:
        ready, _, _ = select.select([wake, *(tap.socket for tap in taps)], [], [])
        for tap in taps:
            tap.hear()
        if wake not in ready:
            continue
        os.read(wake, 64)
        while asked:
            asked.pop()
            with open(report + ".draft", "w", encoding="ascii") as file:
                json.dump(compare(*taps), file)
            os.replace(report + ".draft", report)
            for tap in taps:
                tap.forget()


main(*sys.argv[1:])
