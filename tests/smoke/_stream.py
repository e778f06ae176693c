"""Numbered traffic that tells what became of it: what was lost, came twice or out of
order, and from which outside endpoints it came.

    _stream.py serve ADDRESS REPORT
    _stream.py send ADDRESS REPORT KINDS SOURCE...    KINDS: udp,tcp,fresh
    _stream.py judge SERVER_REPORT SENDER_REPORT      one line about all flows of a sender

The server answers each datagram with a number of its own and sends TCP back as it
comes. (TCP repeats what is late as well as what is lost, so only UDP counts losses.) A sender has from each source two UDP flows of 50 datagrams a second, a TCP
connection of 70 kB/s, or a new socket five times a second. Both write their report
five times a second and go on until they are told to end by TERM.
"""

import contextlib
import hashlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time

PORT = 9000
FLOWS = 2
RATE, FRESH_RATE, CHUNK_RATE = 50, 5, 25
CHUNK = 2800
LINGER = 1.5  # seconds a sender waits for the last answers

ended = threading.Event()


class Numbers:
    """Which numbers of a series have come."""

    def __init__(self):
        self.seen = set()
        self.highest = self.twice = self.late = 0

    def add(self, number):
        if number in self.seen:
            self.twice += 1
            return
        self.seen.add(number)
        if number < self.highest:
            self.late += 1
        self.highest = max(self.highest, number)

    def report(self):
        missing = sorted(set(range(self.highest + 1)) - self.seen)
        return {"received": len(self.seen), "twice": self.twice, "late": self.late, "missing": missing[:20]}


def write_report(path, report):
    with open(path + ".new", "w") as out:
        json.dump(report, out)
    os.rename(path + ".new", path)


def udp_socket(address, port=0):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
    one.bind((address, port))
    one.setblocking(False)
    return one


def drain(one):
    """All datagrams that wait at a socket."""
    while True:
        try:
            yield one.recvfrom(2048)
        except BlockingIOError:
            return
        except OSError:  # an ICMP error: the flow goes on
            continue


# --- server ------------------------------------------------------------------------


def echo(connection, peer, report):
    report["endpoints"].append("{}:{}".format(*peer))
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(65536):
            connection.sendall(data)


def accept(listener, connections):
    while True:
        connection, peer = listener.accept()
        name = connection.recv(64).decode().split()[0]
        report = connections.setdefault(name, {"endpoints": []})
        threading.Thread(target=echo, args=(connection, peer, report), daemon=True).start()


def serve(address, path):
    listener = socket.create_server((address, PORT))
    connections = {}
    threading.Thread(target=accept, args=(listener, connections), daemon=True).start()
    udp = udp_socket(address, PORT)
    flows = {}
    due = 0

    def report():
        write_report(path, {
            "udp": {name: numbers.report() | {"answered": answered, "endpoints": endpoints}
                    for name, (numbers, endpoints, answered) in flows.items()},
            "tcp": connections,
        })

    selector = selectors.DefaultSelector()
    selector.register(udp, selectors.EVENT_READ)
    while not ended.is_set():
        selector.select(0.1)
        for data, peer in drain(udp):
            name, number = data.decode().split()
            flow = flows.setdefault(name, [Numbers(), [], 0])
            flow[0].add(int(number))
            endpoint = "{}:{}".format(*peer)
            if name.endswith("fresh"):
                endpoint = peer[0]
            if endpoint not in flow[1]:
                flow[1].append(endpoint)
            with contextlib.suppress(OSError):
                udp.sendto(f"{name} {flow[2]}".encode(), peer)
                flow[2] += 1
        if time.monotonic() >= due:
            due = time.monotonic() + 0.2
            report()
    report()


# --- sender ------------------------------------------------------------------------


class Transfer(threading.Thread):
    """A connection both ways at a bounded rate; what comes back must be what was sent."""

    def __init__(self, source, server):
        super().__init__(daemon=True)
        self.name_ = f"{source}/tcp"
        self.source, self.server = source, server
        self.state = {"sent": 0, "received": 0, "intact": False}

    def run(self):
        state = self.state
        sums = hashlib.sha256(), hashlib.sha256()
        with socket.create_connection(self.server, 10, (self.source, 0)) as one:
            one.sendall(f"{self.name_:<64}".encode())
            one.settimeout(LINGER * 10)
            reader = threading.Thread(target=self.read, args=(one, sums[1]), daemon=True)
            reader.start()
            with contextlib.suppress(OSError):
                while not ended.wait(1 / CHUNK_RATE):
                    chunk = os.urandom(CHUNK)
                    sums[0].update(chunk)
                    one.sendall(chunk)
                    state["sent"] += CHUNK
                one.shutdown(socket.SHUT_WR)
            reader.join()
        state["intact"] = sums[0].digest() == sums[1].digest()

    def read(self, one, digest):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                digest.update(data)
                self.state["received"] += len(data)


class Series:
    """Datagrams with numbers, from one socket or each from a new one."""

    def __init__(self, source, server, nth, selector):
        self.source, self.server, self.selector = source, server, selector
        self.fresh = nth is None
        self.name = f"{source}/fresh" if self.fresh else f"{source}/{nth}"
        self.interval = 1 / (FRESH_RATE if self.fresh else RATE)
        self.numbers = Numbers()
        self.sent = 0
        self.sockets = []  # with the time each was made
        self.due = time.monotonic()
        if not self.fresh:
            self.open()

    def open(self):
        one = udp_socket(self.source)
        one.connect(self.server)
        self.selector.register(one, selectors.EVENT_READ, self)
        self.sockets.append((time.monotonic(), one))

    def step(self, now):
        if now < self.due:
            return
        # Late by much: what was missed is not sent in a burst.
        self.due = max(self.due + self.interval, now - self.interval)
        if self.fresh:
            self.open()
            while self.sockets[0][0] < now - LINGER:
                _, old = self.sockets.pop(0)
                self.selector.unregister(old)
                old.close()
        try:
            self.sockets[-1][1].send(f"{self.name} {self.sent}".encode())
            self.sent += 1
        except OSError:  # the ICMP error of an earlier one
            pass

    def take(self, one):
        for data, _ in drain(one):
            name, number = data.decode().split()
            assert name == self.name, f"{name} came to {self.name}"
            self.numbers.add(int(number))

    def report(self):
        return self.numbers.report() | {"sent": self.sent}


def send(address, path, kinds, *sources):
    server = address, PORT
    selector = selectors.DefaultSelector()
    kinds = kinds.split(",")
    series, transfers = [], []
    for source in sources:
        if "udp" in kinds:
            series += [Series(source, server, nth, selector) for nth in range(FLOWS)]
        if "fresh" in kinds:
            series.append(Series(source, server, None, selector))
        if "tcp" in kinds:
            transfers.append(Transfer(source, server))
    for transfer in transfers:
        transfer.start()

    def report():
        write_report(path, {"udp": {each.name: each.report() for each in series},
                            "tcp": {each.name_: each.state for each in transfers}})

    due = until = 0
    while not until or time.monotonic() < until:
        for key, _ in selector.select(0.005):
            key.data.take(key.fileobj)
        now = time.monotonic()
        if not until and ended.is_set():
            until = now + LINGER
        if not until:
            for each in series:
                each.step(now)
        if now >= due:
            due = now + 0.2
            report()
    for transfer in transfers:
        transfer.join(LINGER * 10)
    report()


# --- judge -------------------------------------------------------------------------


def judge(served, sent):
    with open(served) as one, open(sent) as other:
        served, sent = json.load(one), json.load(other)
    flows = lost = twice = late = moved = broken = 0
    for name, ours in sent["udp"].items():
        theirs = served["udp"].get(name, {"received": 0, "answered": 0, "twice": 0, "late": 0, "endpoints": []})
        flows += ours["sent"] > 0 and theirs["received"] > 0
        lost += ours["sent"] - theirs["received"] + theirs["answered"] - ours["received"]
        twice += ours["twice"] + theirs["twice"]
        if not name.endswith("fresh"):  # each by a flow of its own, so in no order
            late += ours["late"] + theirs["late"]
        moved += len(theirs["endpoints"]) - 1
    for name, ours in sent["tcp"].items():
        flows += ours["received"] > 0
        broken += not ours["intact"]
        moved += len(served["tcp"].get(name, {"endpoints": []})["endpoints"]) - 1
    print(f"{flows} flows, {lost} lost, {twice} twice, {late} late, {moved} re-translated, {broken} broken")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    # A process that changes its core may have the kernel overtake its own packets on a virtual link.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    {"serve": serve, "send": send, "judge": judge}[sys.argv[1]](*sys.argv[2:])
