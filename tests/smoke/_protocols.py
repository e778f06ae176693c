"""One question and one answer in each of several protocols, for hosts whose kernel may
not have them: TCP and UDP by the kernel, the others on raw sockets.

    _protocols.py serve
    _protocols.py ask PROTOCOL DESTINATION[,DESTINATION...] SOURCE...

PROTOCOL: tcp, udp, gre, sctp, dccp, udplite, or closed, which is UDP to port 9001, where
nobody listens, and the answer is that an ICMP error says so. Asks from each source, the nth from port
20000 + n and, if there are several destinations, the nth destination; prints a line
each, "SOURCE LOCAL PEER": where the server was reached, and whom it saw. Without an
answer that came from whom was asked, with ports and checksum right, there is no line.
The server listens on port 9000 of all addresses.
"""

import contextlib
import select
import signal
import socket
import struct
import sys
import threading
import time

PORT = 9000
NUMBERS = {"gre": 47, "sctp": 132, "dccp": 33, "udplite": 136}
REQUEST, RESPONSE = 0, 1  # DCCP
INIT, INIT_ACK = 1, 2  # SCTP
GRE = b"\x00\x00\x65\x58"  # GRE without options, Ethernet inside
TAG = 0x1234ABCD  # stands for SCTP's checksum, which covers no address


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def pseudo(src, dst, protocol, length):
    return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack("!HH", protocol, length)


def checked(src, dst, protocol, packet):
    """The packet with its checksum, which is at offset 6 for both that have one."""
    total = ones_sum(pseudo(src, dst, protocol, len(packet)) + packet)
    return packet[:6] + struct.pack("!H", (~total & 0xFFFF) or 0xFFFF) + packet[8:]


def build(name, src, dst, sport, dport, answers, text):
    number = NUMBERS[name]
    if name == "gre":
        return GRE + text
    if name == "sctp":
        chunk = struct.pack("!BBH", INIT_ACK if answers else INIT, 0, 4 + len(text)) + text
        return struct.pack("!HHII", sport, dport, 0, TAG) + chunk
    if name == "udplite":
        return checked(src, dst, number, struct.pack("!HHHH", sport, dport, 0, 0) + text)
    # 48 bits of sequence number, a service code; a response acknowledges too.
    text += b" " * (-len(text) % 4)
    kind = RESPONSE if answers else REQUEST
    rest = struct.pack("!BBHI", kind << 1 | 1, 0, 0, 1) + (struct.pack("!HHI", 0, 0, 1) if answers else b"") + b"PTLN"
    offset = (8 + len(rest)) // 4
    return checked(src, dst, number, struct.pack("!HHBBH", sport, dport, offset, 0, 0) + rest + text)


def parse(name, packet):
    """Ends, whether it answers, and text of a received packet with its IP header; None if wrong."""
    ip_len = (packet[0] & 15) * 4
    src, dst = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    body, number = packet[ip_len:], NUMBERS[name]
    if name == "gre":
        return (src, dst, 0, 0, None, body[4:]) if body[:4] == GRE else None
    sport, dport = struct.unpack_from("!HH", body)
    if name == "sctp":
        tag, kind = struct.unpack_from("!IB", body, 8)
        return (src, dst, sport, dport, kind == INIT_ACK, body[16:]) if tag == TAG else None
    if ones_sum(pseudo(src, dst, number, len(body)) + body) != 0xFFFF:
        return None
    if name == "udplite":
        return src, dst, sport, dport, None, body[8:]
    return src, dst, sport, dport, body[8] >> 1 & 15 == RESPONSE, body[body[4] * 4:].rstrip()


def raw(name, address=""):
    one = socket.socket(socket.AF_INET, socket.SOCK_RAW, NUMBERS[name])
    one.bind((address, 0))
    return one


def quiet(address, port):
    """Keeps a kernel that has UDP-Lite from refusing what is the raw socket's."""
    with contextlib.suppress(OSError):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, NUMBERS["udplite"])
        one.bind((address, port))
        return one


# --- server ------------------------------------------------------------------------


def seen(local, peer, port):
    return f"{local} {peer}:{port}".encode()


def serve_raw(name):
    one = raw(name)
    keep = quiet("", PORT) if name == "udplite" else None  # noqa: F841
    while True:
        found = parse(name, one.recv(65536))
        if not found:
            continue
        src, dst, sport, dport, answers, text = found
        if answers or not text.startswith(b"ask") or dport not in (0, PORT):
            continue
        with raw(name, dst) as answer:
            answer.sendto(build(name, dst, src, dport, sport, True, seen(dst, src, sport)), (src, 0))


def serve_udp():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    one.bind(("", PORT))
    while True:
        _, info, _, peer = one.recvmsg(2048, 256)
        local = info[0][2][8:12]
        # The same address as the source of the answer.
        packed = struct.pack("I4s4s", 0, local, b"\0" * 4)
        with contextlib.suppress(OSError):
            one.sendmsg([seen(socket.inet_ntoa(local), *peer)], [(socket.IPPROTO_IP, 8, packed)], 0, peer)


def serve_tcp():
    listener = socket.create_server(("", PORT))
    while True:
        one, peer = listener.accept()
        with one:
            one.sendall(seen(one.getsockname()[0], *peer))


def serve():
    for name in NUMBERS:
        threading.Thread(target=serve_raw, args=(name,), daemon=True).start()
    threading.Thread(target=serve_udp, daemon=True).start()
    serve_tcp()


# --- client ------------------------------------------------------------------------


def ask_kernel(name, source, destination, port):
    kind = socket.SOCK_STREAM if name == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.settimeout(2)
        one.bind((source, port))
        one.connect((destination, PORT))
        if name == "udp":
            one.send(b"ask")
        return one.recv(2048)


def ask_closed(source, destination, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(2)
        one.bind((source, port))
        one.connect((destination, PORT + 1))
        one.send(b"ask")
        try:
            one.recv(2048)
        except ConnectionRefusedError:
            return b"refused"
    raise TimeoutError


def ask_raw(name, source, destination, port):
    one = raw(name, source)
    keep = quiet(source, port) if name == "udplite" else None  # noqa: F841
    with one:
        for _ in range(2):
            one.sendto(build(name, source, destination, port, PORT, False, b"ask "), (destination, 0))
            until = time.monotonic() + 1
            while (left := until - time.monotonic()) > 0 and select.select([one], [], [], left)[0]:
                found = parse(name, one.recv(65536))
                if not found:
                    continue
                src, dst, sport, dport, answers, text = found
                ports = (0, 0) if name == "gre" else (PORT, port)
                if (src, dst) == (destination, source) and (sport, dport) == ports and answers in (None, True):
                    return text
    raise TimeoutError


def ask(name, destinations, *sources):
    destinations = destinations.split(",")
    lines = [None] * len(sources)

    def one(nth, source):
        with contextlib.suppress(OSError):
            where = destinations[nth % len(destinations)]
            if name == "closed":
                answer = ask_closed(source, where, 20000 + nth)
            else:
                answer = (ask_raw if name in NUMBERS else ask_kernel)(name, source, where, 20000 + nth)
            lines[nth] = f"{source} {answer.decode()}"

    threads = [threading.Thread(target=one, args=each) for each in enumerate(sources)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for line in filter(None, lines):
        print(line)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    {"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
