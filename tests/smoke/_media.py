"""RTP and RTCP of a call, for the programs here that have calls."""

import contextlib
import random
import socket
import struct
import time

PACKETS, REPORTS, PATIENCE = 50, 5, 4.0


class Media:
    """RTP and RTCP of one end, on ports that follow each other, the first of them even."""

    def __init__(self, address):
        while True:
            port = random.randrange(16384, 32768, 2)
            self.ends = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            with contextlib.suppress(OSError):
                for place, end in enumerate(self.ends):
                    end.bind((address, port + place))
                break
        self.port = port

    def send(self, peer):
        """To nobody if there is no way to the peer."""
        with contextlib.suppress(OSError):
            self.send_all(peer)

    def send_all(self, peer):
        for number in range(PACKETS):
            self.ends[0].sendto(struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + bytes(160), peer)
            if number % (PACKETS // REPORTS) == 0:
                self.ends[1].sendto(struct.pack("!BBHI", 0x80, 201, 1, 7), (peer[0], peer[1] + 1))
            time.sleep(0.01)

    def count(self):
        """How many of RTP and RTCP come, until there are all or patience ends."""
        had, deadline = [set(), 0], time.monotonic() + PATIENCE
        for end in self.ends:
            end.settimeout(0.05)
        while (len(had[0]) < PACKETS or had[1] < REPORTS) and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                had[0].add(self.ends[0].recv(2048)[2:4])
            with contextlib.suppress(TimeoutError):
                if had[1] < REPORTS and len(had[0]) == PACKETS or time.monotonic() > deadline - PATIENCE / 2:
                    self.ends[1].recv(2048)
                    had[1] += 1
        return len(had[0]), had[1]
