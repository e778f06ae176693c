#!/usr/bin/env python3
"""Files for pktgen's `-s`: known sessions of profile.lua in random order.

    perf/pktgen/pcaps.py DIR                          IMIX, 65536 packets a direction
    perf/pktgen/pcaps.py DIR --sizes 64 --addresses 17 --packets 1084736

DIR gets inside.pcap for port 0 and outside.pcap for port 1. pktgen keeps every packet in
a buffer with room for the largest one, so a million of them take 0.4 GB a direction
at 64 bytes and 1.8 GB with IMIX.
"""

import argparse
import pathlib
import random
import struct

# Those of profile.lua and portolan.yaml.
HOSTS_PER_ADDRESS = 64
PORTS_PER_HOST = 997
SESSIONS_PER_ADDRESS = HOSTS_PER_ADDRESS * PORTS_PER_HOST
INSIDE_NET, OUTSIDE_NET = 0x64400000, 0xC6120000
INSIDE_PORT, FIRST_PORT = 10_000, 1024
REMOTE = (0xC6130001, 20_000)
PORTOLAN_MACS = ("020000000101", "020000000102")
PKTGEN_MACS = ("020000000201", "020000000202")

# Frame sizes with FCS, seven to four to one.
IMIX = (64,) * 7 + (594,) * 4 + (1518,)
FCS = 4


def inside(session):
    """Inside endpoint of a session."""
    host, port = divmod(session, PORTS_PER_HOST)
    return INSIDE_NET + host, INSIDE_PORT + port


def outside(session):
    """Outside endpoint of one session or another: all of them are in use."""
    address, port = divmod(session, SESSIONS_PER_ADDRESS)
    return OUTSIDE_NET + address, FIRST_PORT + port


def checksum(data):
    """Of RFC 1071, over an even number of bytes."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def frame(macs, source, destination, size):
    """UDP over IPv4 with right checksums; `size` is that on the wire, with FCS."""
    length = size - FCS - 14
    payload = bytes(length - 28)
    pseudo = struct.pack(">IIBBH", source[0], destination[0], 0, 17, length - 20)
    udp = struct.pack(">HHH", source[1], destination[1], length - 20)
    right = checksum(pseudo + udp) or 0xFFFF
    head = struct.pack(">BBHHHBB", 0x45, 0, length, 0, 0, 64, 17)
    addresses = struct.pack(">II", source[0], destination[0])
    ip = head + struct.pack(">H", checksum(head + addresses)) + addresses
    return macs + b"\x08\x00" + ip + udp + struct.pack(">H", right) + payload


def frames(side, sessions, sizes, packets, seed):
    """`packets` frames of different sessions, which must be as many at least."""
    chance = random.Random(seed)
    macs = bytes.fromhex(PORTOLAN_MACS[side] + PKTGEN_MACS[side])
    for session in chance.sample(range(sessions), packets):
        ends = (REMOTE, outside(session)) if side else (inside(session), REMOTE)
        yield frame(macs, *ends, chance.choice(sizes))


def write(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for packet in packets:
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)


def frame_sizes(text):
    if text == "imix":
        return IMIX
    size = int(text)
    if not 64 <= size <= 1518:
        raise argparse.ArgumentTypeError("a frame has 64 to 1518 bytes")
    return (size,)


def main():
    parser = argparse.ArgumentParser(prog="perf/pktgen/pcaps.py")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--addresses", type=int, default=1, help="outside addresses in use")
    parser.add_argument("--packets", type=int, help="a direction, each of another session")
    parser.add_argument("--sizes", type=frame_sizes, default=IMIX, help="imix, or one size")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sessions = options.addresses * SESSIONS_PER_ADDRESS
    packets = min(65536, sessions) if options.packets is None else options.packets
    if not 1 <= packets <= sessions:
        parser.error(f"{options.addresses} addresses have {sessions} sessions")
    options.directory.mkdir(parents=True, exist_ok=True)
    for side, name in enumerate(("inside", "outside")):
        made = frames(side, sessions, options.sizes, packets, options.seed + side)
        write(options.directory / f"{name}.pcap", made)


if __name__ == "__main__":
    main()
