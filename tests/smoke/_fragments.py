"""Second fragments of UDP datagrams whose first ones never come.

    _fragments.py SOURCE DESTINATION COUNT
"""

import socket
import struct
import sys

PAYLOAD = b"x" * 64
OFFSET = 1480 // 8


def main():
    source, destination, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
        for identification in range(1, count + 1):
            # The kernel writes the checksum and the total length.
            head = struct.pack("!BBHHHBBH", 0x45, 0, 0, identification, OFFSET, 64, socket.IPPROTO_UDP, 0)
            sender.sendto(head + ends + PAYLOAD, (destination, 0))


main()
