"""A call manager of Skinny, and phones, over real connections.

    _skinny.py manager ADDRESS SECONDS
    _skinny.py phone OWN MANAGER VERSION audio|video
    _skinny.py caller OWN MANAGER VERSION NAME EXTENSION

The manager answers on port 2000. A phone registers, keeps the connection alive, and has a call:
the manager has it open a channel for reception, sends RTP and RTCP to where the phone says that it
receives, and only when the phone has heard of that is the phone told where to send. What either
writes goes in pieces cut anywhere, several messages in one piece or one in several.

The manager prints a line for each call, and so does a phone: version, form, packets of RTP and of RTCP
that it has had; the manager with `inside` behind it if a phone told an address of its own network.

A caller is a phone at a real call manager: it registers by its name, calls an extension that sends back
what it hears, and prints its version and how many packets of RTP have come back.
"""

import contextlib
import random
import socket
import struct
import sys
import threading
import time

from _media import PATIENCE, Media

PORT = 2000
EN_BLOC, CAPABILITIES, ON_HOOK = 0x04, 0x10, 0x07
KEEP_ALIVE, REGISTER, KEEP_ALIVE_ACK, REGISTER_ACK, STOP = 0x00, 0x01, 0x100, 0x81, 0x8B
OPEN = {"audio": 0x105, "video": 0x131}
OPEN_ACK = {"audio": 0x22, "video": 0x31}
START = {"audio": 0x8A, "video": 0x132}
START_ACK = {"audio": 0x154, "video": 0x155}


def words(*numbers):
    return struct.pack(f"<{len(numbers)}I", *numbers)


def endpoint(version, address, port):
    raw = socket.inet_aton(address)
    return (words(0) + raw + bytes(12) if version >= 17 else raw) + words(port)


def endpoint_at(version, data, at):
    """Address and port there, and the offset behind them."""
    if version >= 17:
        at += 4
    after = at + (16 if version >= 17 else 4)
    return (socket.inet_ntoa(data[at:at + 4]), struct.unpack_from("<I", data, after)[0]), after + 4


class Line:
    """A connection: whole messages in, pieces out."""

    def __init__(self, connection, version=0):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(PATIENCE * 2)
        self.connection, self.version, self.had = connection, version, b""
        self.in_pieces = True

    def send(self, *messages):
        """(id, data) of each."""
        whole = b"".join(words(4 + len(data), self.version, kind) + data for kind, data in messages)
        if not self.in_pieces:
            self.connection.sendall(whole)
            return
        while whole:
            size = random.choice([1, 3, 7, 13, 40, len(whole), len(whole)])
            self.connection.sendall(whole[:size])
            whole = whole[size:]
            time.sleep(random.choice([0, 0, 0.003]))

    def read(self):
        while len(self.had) < 12 or len(self.had) < 8 + struct.unpack_from("<I", self.had)[0]:
            data = self.connection.recv(4096)
            if not data:
                raise ConnectionError("closed")
            self.had += data
        size, self.version, kind = struct.unpack_from("<III", self.had)
        data, self.had = self.had[12:8 + size], self.had[8 + size:]
        return kind, data

    def read_until(self, wanted):
        while True:
            kind, data = self.read()
            if kind == wanted:
                return data


# --- call manager ------------------------------------------------------------------


def serve(connection, address):
    line = Line(connection)
    data = line.read_until(REGISTER)
    told = {socket.inet_ntoa(data[24:28])}
    form = data[:16].rstrip(b"\0").decode()[-5:]
    line.read_until(KEEP_ALIVE)
    version, media = line.version, Media(address)
    opening = words(1, 77, 20, 4, 0, 0, 88) + bytes(48 + 60)
    line.send((REGISTER_ACK, words(30, 0, 0, 30, 0)), (KEEP_ALIVE_ACK, b""), (OPEN[form], opening))
    data = line.read_until(OPEN_ACK[form])
    peer, _ = endpoint_at(version, data, 4)
    told.add(peer[0])
    media.send(peer)
    where = words(1, 77) + (words(0) if form == "video" else b"") + endpoint(version, address, media.port)
    line.send((START[form], where + words(20, 4, 0, 0)), (KEEP_ALIVE_ACK, b""))
    data = line.read_until(START_ACK[form])
    again, _ = endpoint_at(version, data, 12)
    told.add(again[0])
    packets, reports = media.count()
    inside = " inside" if any(one.startswith("10.") for one in told) else ""
    other = "" if again == peer else f" {again} is not {peer}"
    print(f"{version} {form} {packets} {reports}{inside}{other}", flush=True)
    line.send((STOP, words(1, 77, 88)))
    # Closed with something unread, the connection would be reset before the phone has read that.
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def manager(address, seconds):
    listener = socket.create_server((address, PORT))
    listener.settimeout(seconds)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, address), daemon=True).start()


# --- phone -------------------------------------------------------------------------


def registration(own, version, name):
    data = name.encode()[:16].ljust(16, b"\0") + words(0, 1) + socket.inet_aton(own)
    return data + words(7, 5, 0, version) + bytes(84 if version >= 17 else 4)


def caller(own, server, version, name, extension):
    line = Line(socket.create_connection((server, PORT), timeout=5), version)
    # Asterisk gives up a connection on which a header comes in parts.
    line.in_pieces = False
    media = Media(own)
    line.send((REGISTER, registration(own, version, name)))
    line.read_until(REGISTER_ACK)
    line.version = version
    ulaw = words(1, 4, 20, 0, 0)
    line.send((CAPABILITIES, ulaw), (EN_BLOC, extension.encode().ljust(24, b"\0") + words(1)))
    data = line.read_until(OPEN["audio"])
    line.version = version
    line.send((OPEN_ACK["audio"], words(0) + endpoint(version, own, media.port) + data[4:8]))
    where, _ = endpoint_at(version, line.read_until(START["audio"]), 8)
    hearing = threading.Thread(target=lambda: print(version, media.count()[0], flush=True))
    hearing.start()
    media.send(where)
    hearing.join()
    line.version = version
    line.send((ON_HOOK, words(1, 0)))


def phone(own, server, version, form):
    random.seed(version * 2 + len(sys.argv[-1]))
    line = Line(socket.create_connection((server, PORT), timeout=5), version)
    media = Media(own)
    line.send((REGISTER, registration(own, version, f"SEP00112233{form}")), (KEEP_ALIVE, b""))
    line.read_until(REGISTER_ACK)
    line.read_until(OPEN[form])
    had = []
    hearing = threading.Thread(target=lambda: had.append(media.count()))
    hearing.start()
    line.version = version
    line.send((KEEP_ALIVE, b""), (OPEN_ACK[form], words(0) + endpoint(version, own, media.port) + words(77, 88)))
    # What comes in has to do so without anything of ours having gone out.
    hearing.join()
    where, _ = endpoint_at(version, line.read_until(START[form]), 8 if form == "audio" else 12)
    line.version = version
    ack = words(1, 77, 88) + endpoint(version, own, media.port) + words(0)
    line.send((START_ACK[form], ack), (KEEP_ALIVE, b""))
    media.send(where)
    line.read_until(STOP)
    print(f"{version} {form} {had[0][0]} {had[0][1]}", flush=True)


if sys.argv[1] == "manager":
    with contextlib.suppress(TimeoutError):
        manager(sys.argv[2], float(sys.argv[3]))
elif sys.argv[1] == "caller":
    caller(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6])
else:
    phone(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
