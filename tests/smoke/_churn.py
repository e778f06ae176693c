"""New UDP flows of one host: a datagram each, from one port after the other.

    _churn.py HOST FIRST_PORT COUNT REMOTE:PORT [PER_SECOND]
"""

import socket
import sys
import time


def main():
    host, first, count, remote = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    pace = float(sys.argv[5]) if len(sys.argv) > 5 else 2000.0
    address, port = remote.rsplit(":", 1)
    start = time.monotonic()
    for nth in range(count):
        due = start + nth / pace
        while (left := due - time.monotonic()) > 0:
            time.sleep(left)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((host, first + nth))
            sender.sendto(b"x", (address, int(port)))


main()
