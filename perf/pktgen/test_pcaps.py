"""python3 -m unittest discover -s perf/pktgen: the files for pktgen, without pktgen."""

import pathlib
import re
import struct
import unittest

import pcaps

PROFILE = (pathlib.Path(__file__).parent / "profile.lua").read_text()


def ends(frame):
    """Source and destination of a frame."""
    source, destination, source_port, port = struct.unpack_from(">IIHH", frame, 26)
    return (source, source_port), (destination, port)


class Pcaps(unittest.TestCase):
    def made(self, side, packets=2000, addresses=3, sizes=pcaps.IMIX):
        sessions = addresses * pcaps.SESSIONS_PER_ADDRESS
        return list(pcaps.frames(side, sessions, sizes, packets, 1))

    def test_numbers_are_those_of_the_profile(self):
        for name, value in (
            ("hosts_per_address", pcaps.HOSTS_PER_ADDRESS),
            ("ports_per_host", pcaps.PORTS_PER_HOST),
            ("first_port", pcaps.FIRST_PORT),
            ("inside_port", pcaps.INSIDE_PORT),
            ("remote_port", pcaps.REMOTE[1]),
        ):
            self.assertEqual(re.search(rf"^    {name} = (\d+),$", PROFILE, re.M)[1], str(value), name)

    def test_every_packet_is_of_another_session(self):
        for side in (0, 1):
            made = {ends(frame) for frame in self.made(side)}
            self.assertEqual(len(made), 2000)
            self.assertEqual({pair[1 - side] for pair in made}, {pcaps.REMOTE})

    def test_all_sessions_have_all_inside_and_all_outside_endpoints(self):
        count = pcaps.SESSIONS_PER_ADDRESS
        inside = {pcaps.inside(session) for session in range(count)}
        outside = {pcaps.outside(session) for session in range(count)}
        self.assertEqual(len(inside), count)
        self.assertEqual({address - pcaps.INSIDE_NET for address, _ in inside}, set(range(64)))
        self.assertEqual(outside, {(pcaps.OUTSIDE_NET, port) for port in range(1024, 64832)})

    def test_checksums_are_right(self):
        for frame in self.made(0) + self.made(1):
            self.assertEqual(pcaps.checksum(frame[14:34]), 0)
            udp = frame[34:]
            pseudo = frame[26:34] + struct.pack(">BBH", 0, 17, len(udp))
            self.assertEqual(pcaps.checksum(pseudo + udp), 0)
            self.assertNotEqual(udp[6:8], b"\0\0")

    def test_lengths_agree_and_are_those_of_imix(self):
        sizes = [len(frame) + pcaps.FCS for frame in self.made(0, 12_000)]
        for size, share in ((64, 7), (594, 4), (1518, 1)):
            self.assertAlmostEqual(sizes.count(size) / 1000, share, delta=0.3)
        for frame in self.made(0):
            total = struct.unpack_from(">H", frame, 16)[0]
            self.assertEqual(total, len(frame) - 14)
            self.assertEqual(struct.unpack_from(">H", frame, 38)[0], total - 20)


if __name__ == "__main__":
    unittest.main()
