"""A client of PPTP: Debian's pptp, and what takes the place of its pppd.

    _pptp.py SERVER CALLS FRAMES

Makes CALLS calls, one after the other, and in each sends FRAMES frames of PPP, all different, to a
server that echoes them; prints how many came back, a line for each call.
"""

import os
import select
import socket
import subprocess
import sys
import time

FLAG, ESCAPE = 0x7E, 0x7D
PATIENCE = 6.0
# Where pptp looks for one: it is there as long as its socket is.
MANAGERS = "/run/pptp"


def check(data):
    """The frame check sequence of RFC 1662."""
    fcs = 0xFFFF
    for byte in data:
        fcs ^= byte
        for _ in range(8):
            fcs = fcs >> 1 ^ (0x8408 if fcs & 1 else 0)
    return fcs ^ 0xFFFF


def wrap(data):
    body = bytearray()
    for byte in data + check(data).to_bytes(2, "little"):
        body += bytes([ESCAPE, byte ^ 0x20]) if byte < 0x20 or byte in (FLAG, ESCAPE) else bytes([byte])
    return bytes([FLAG]) + bytes(body) + bytes([FLAG])


def unwrap(stream):
    """Frames that are whole, without those whose check is wrong; what is left of the stream."""
    *frames, rest = stream.split(bytes([FLAG]))
    found = []
    for frame in frames:
        body, escaped = bytearray(), False
        for byte in frame:
            if byte == ESCAPE:
                escaped = True
            else:
                body.append(byte ^ 0x20 if escaped else byte)
                escaped = False
        if len(body) > 2 and check(bytes(body[:-2])).to_bytes(2, "little") == body[-2:]:
            found.append(bytes(body[:-2]))
    return found, rest


def call(server, name, count):
    ours, theirs = socket.socketpair()
    program = subprocess.Popen(["pptp", server, "--nolaunchpppd", "--nobuffer"], stdin=theirs, stderr=subprocess.DEVNULL)
    theirs.close()
    wanted = [b"\xff\x03\xc0\x21%s frame %d" % (name.encode(), n) for n in range(count)]
    seen, stream, deadline = set(), b"", time.monotonic() + PATIENCE
    try:
        while len(seen) < count and time.monotonic() < deadline:
            # Before the call is there, frames are lost; and one at a time, as a ping does.
            ours.send(wrap(next(frame for frame in wanted if frame not in seen)))
            pause = time.monotonic() + 0.1
            while (left := pause - time.monotonic()) > 0 and select.select([ours], [], [], left)[0]:
                data = ours.recv(4096)
                if not data:
                    return len(seen)
                frames, stream = unwrap(stream + data)
                fresh = set(frames) & set(wanted) - seen
                seen |= fresh
                if fresh:
                    break
    except OSError:
        pass
    finally:
        # The end of its input ends the call. A signal may find pptp in syslog(), where it stays.
        ours.close()
        try:
            program.wait(timeout=2)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
        connection_over()
    return len(seen)


def connection_over():
    """Waits for the process that has the control connection, which outlives the call: the next call
    would be made through it while it leaves."""
    deadline = time.monotonic() + PATIENCE
    while os.listdir(MANAGERS) and time.monotonic() < deadline:
        time.sleep(0.02)


def main():
    server, calls, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    name = socket.gethostname() + str(time.monotonic_ns())
    for number in range(calls):
        print(call(server, f"{name} call {number}", frames), flush=True)


main()
