"""Frames for a port with several queues, as a device with RSS on one address fills them.

    _queues.py DIRECTORY QUEUES KEY ENTRIES    writes in-Q.pcap and out-Q.pcap for each queue

Hosts of 10.64.0.0/16 each send one UDP packet, again and again; their answers go to the
pool address of the host's queue, to the port that the host sent from. Prints the pool
addresses, one for each queue. The hash is computed here as the RSS specification says,
not by Portolan.
"""

import ipaddress
import random
import struct
import sys

HOSTS = 64
SERVER = ipaddress.ip_address("192.0.2.10")
INSIDE_PEER, INSIDE = bytes.fromhex("020000000010"), bytes.fromhex("020000000001")
OUTSIDE_PEER, OUTSIDE = bytes.fromhex("0200000000fe"), bytes.fromhex("020000000002")


def toeplitz(key, data):
    key_bits = int.from_bytes(key, "big")
    length = 8 * len(key)
    result = 0
    for nth in range(8 * len(data)):
        if data[nth // 8] >> (7 - nth % 8) & 1:
            result ^= key_bits >> (length - 32 - nth) & 0xFFFFFFFF
    return result


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(ethernet, source, destination):
    (src, src_port), (dst, dst_port) = source, destination
    payload = b"18 bytes of nothing"[:18]
    udp = struct.pack("!HHHH", src_port, dst_port, 8 + len(payload), 0) + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0, src.packed, dst.packed)
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return ethernet + b"\x08\x00" + header + udp


def write(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for nth, one in enumerate(frames):
            file.write(struct.pack("<IIII", 0, nth, len(one), len(one)) + one)


def main():
    directory, queues, key, entries = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4])
    assert toeplitz(bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcb"), bytes([66, 9, 149, 187, 161, 142, 100, 80])) == 0x323E8FC2

    def queue(address):
        return toeplitz(key, address.packed) % entries % queues

    pool = {}
    for address in ipaddress.ip_network("203.0.113.0/24"):
        pool.setdefault(queue(address), address)
    frames = {side: [[] for _ in range(queues)] for side in ("in", "out")}
    chance = random.Random(7)
    for port in range(5000, 5000 + HOSTS):
        host = ipaddress.ip_address(int(ipaddress.ip_address("10.64.0.0")) + chance.randrange(256, 65000))
        worker = queue(host)
        frames["in"][worker].append(frame(INSIDE + INSIDE_PEER, (host, port), (SERVER, 9000)))
        outside = pool[worker]
        frames["out"][queue(outside)].append(frame(OUTSIDE + OUTSIDE_PEER, (SERVER, 9000), (outside, port)))
    for side, of_queues in frames.items():
        for number, of_queue in enumerate(of_queues):
            assert len(of_queue) > HOSTS // queues // 4, "hosts of all queues"
            write(f"{directory}/{side}-{number}.pcap", of_queue)
    print(*(pool[number] for number in range(queues)))


main()
