#!/usr/bin/env python3
"""Datagrams of many flows, again and again: SECONDS TO PORT [FROM=COUNT...]."""

import socket
import sys
import time

end = time.time() + float(sys.argv[1])
to = (sys.argv[2], int(sys.argv[3]))
socks = []
for source in sys.argv[4:]:
    address, count = source.split("=")
    for _ in range(int(count)):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((address, 0))
        socks.append(sock)
while time.time() < end:
    for sock in socks:
        try:
            sock.sendto(b"x" * 400, to)
        except OSError:
            pass
    time.sleep(0.01)
