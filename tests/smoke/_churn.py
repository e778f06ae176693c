"""New UDP flows of a host, or of several: a datagram each, from one port after the other.

    _churn.py HOST[,HOST...] FIRST_PORT COUNT REMOTE:PORT [PER_SECOND]
"""

import itertools
import socket
import sys
import time


def main():
    hosts, first, count, remote = sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    pace = float(sys.argv[5]) if len(sys.argv) > 5 else 2000.0
    address, port = remote.rsplit(":", 1)
    start = time.monotonic()
    for nth, (port_of, host) in enumerate(itertools.product(range(first, first + count), hosts)):
        due = start + nth / pace
        while (left := due - time.monotonic()) > 0:
            time.sleep(left)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((host, port_of))
            sender.sendto(b"x", (address, int(port)))


main()
