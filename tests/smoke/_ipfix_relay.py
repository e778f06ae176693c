"""A collector's door for IPFIX over TCP: passes every message on as a datagram.

    _ipfix_relay.py ADDRESS:PORT COLLECTOR:PORT

Messages are told apart by their length field (RFC 7011 section 10.4.3); a connection that
does not begin with templates is an error.
"""

import socket
import sys


def endpoint(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


def exactly(stream, length):
    parts = b""
    while len(parts) < length:
        part = stream.recv(length - len(parts))
        if not part:
            return None
        parts += part
    return parts


def main():
    listener = socket.create_server(endpoint(sys.argv[1]))
    collector = endpoint(sys.argv[2])
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        stream, _ = listener.accept()
        first = True
        while head := exactly(stream, 16):
            version, length = (int.from_bytes(head[at : at + 2], "big") for at in (0, 2))
            body = exactly(stream, length - 16)
            if body is None:
                break
            templates = body[:2] == b"\x00\x02"
            number = int.from_bytes(head[8:12], "big")
            if version != 10 or first and (not templates or number != 0):
                print("a connection begins wrong", head.hex(), flush=True)
            first = False
            try:
                out.sendto(head + body, collector)
            except ConnectionRefusedError:
                pass


main()
