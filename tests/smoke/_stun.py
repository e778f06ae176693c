"""A second opinion on mapping and filtering (RFC 5780 section 4), more exact than the
usual programs: it asks both addresses and both ports of the server.

    _stun.py mapping udp|tcp SERVER OTHER       how many outside endpoints one inside endpoint has
    _stun.py filtering SERVER                   from where answers come in: address+port address port
    _stun.py hairpin SERVER                     whose packets come in from inside: stranger asked

The server listens on ports 3478 and 3479 of two addresses.
"""

import os
import socket
import struct
import sys

PORTS = 3478, 3479
BINDING, COOKIE, XOR_MAPPED, CHANGE_REQUEST = 0x0001, 0x2112A442, 0x0020, 0x0003
CHANGES = {"address+port": 6, "address": 4, "port": 2}


def request(change=None):
    attribute = b"" if change is None else struct.pack("!HHI", CHANGE_REQUEST, 4, change)
    transaction = os.urandom(12)
    return transaction, struct.pack("!HHI", BINDING, len(attribute), COOKIE) + transaction + attribute


def mapped(answer, transaction):
    """The XOR-MAPPED-ADDRESS of a success response (RFC 5389 section 15.2)."""
    kind, length, cookie = struct.unpack_from("!HHI", answer)
    assert (kind, cookie, answer[8:20]) == (0x0101, COOKIE, transaction), "not our answer"
    at = 20
    while at < 20 + length:
        attribute, size = struct.unpack_from("!HH", answer, at)
        if attribute == XOR_MAPPED:
            _, family, port, address = struct.unpack_from("!BBHI", answer, at + 4)
            assert family == 1
            return socket.inet_ntoa(struct.pack("!I", address ^ COOKIE)), port ^ COOKIE >> 16
        at += 4 + (size + 3 & ~3)
    raise AssertionError("no XOR-MAPPED-ADDRESS")


def udp_socket():
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("", 0))
    one.settimeout(3)
    return one


def over_udp(servers):
    one = udp_socket()
    for server in servers:
        transaction, ask = request()
        one.sendto(ask, server)
        answer, who = one.recvfrom(2048)
        assert who == server
        yield mapped(answer, transaction)


def over_tcp(servers):
    """All connections from one port, open at the same time."""
    connections = []
    port = 0
    for server in servers:
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(("", port))
        port = one.getsockname()[1]
        one.settimeout(3)
        one.connect(server)
        connections.append(one)
        transaction, ask = request()
        one.sendall(ask)
        yield mapped(one.recv(2048), transaction)


def comes_in(server, change):
    """Whether an answer from elsewhere arrives; asked twice, since one may be lost."""
    one = udp_socket()
    one.settimeout(0.5)
    transaction, ask = request()
    one.sendto(ask, server)
    one.recvfrom(2048)
    for _ in range(2):
        transaction, ask = request(change)
        one.sendto(ask, server)
        try:
            answer, who = one.recvfrom(2048)
        except TimeoutError:
            continue
        mapped(answer, transaction)
        moved = (who[0] != server[0]) * 4 | (who[1] != server[1]) * 2
        assert moved == change, f"the server answered from {who}"
        return True
    return False


def hairpin(server):
    """A second endpoint writes to the first by its outside endpoint, before and after the
    first has written to the second (with an endpoint-independent mapping)."""
    first, second = udp_socket(), udp_socket()
    first.settimeout(0.5)
    outside = []
    for one in (first, second):
        transaction, ask = request()
        one.sendto(ask, server)
        outside.append(mapped(one.recv(2048), transaction))
    for word in ("stranger", "asked"):
        if word == "asked":
            first.sendto(b"come in", outside[1])
        second.sendto(word.encode(), outside[0])
        try:
            data, who = first.recvfrom(2048)
        except TimeoutError:
            continue
        assert (data.decode(), who) == (word, outside[1]), (data, who)
        yield word


def main(what, *arguments):
    if what == "mapping":
        over = {"udp": over_udp, "tcp": over_tcp}[arguments[0]]
        servers = [(address, port) for address in arguments[1:] for port in PORTS]
        print(len(set(over(servers))))
        return
    server = arguments[0], PORTS[0]
    if what == "hairpin":
        print(*hairpin(server))
    else:
        print(*(name for name, change in CHANGES.items() if comes_in(server, change)))


main(*sys.argv[1:])
