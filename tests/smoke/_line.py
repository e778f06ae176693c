"""A bad line between two interfaces, where the kernel has no netem.

    _line.py LEFT RIGHT

Carries every frame from one to the other, except that one in a hundred is lost
and two in a hundred are held back until a few later ones have gone ahead.
Prints "carried lost reordered" every second. Same frames, same fate: the seed
is fixed.
"""

import random
import select
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
LOSS, HELD = 0.01, 0.02
AHEAD = 4  # frames that overtake one held back
HELD_AT_MOST = 0.01  # seconds


def port(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    s.bind((name, ETH_P_ALL))
    s.setblocking(False)
    return s


def main():
    left, right = port(sys.argv[1]), port(sys.argv[2])
    other = {left: right, right: left}
    held = {left: [], right: []}  # by receiving port: (frames to go, deadline, frame)
    chance = random.Random(1)
    carried = lost = reordered = 0
    said = time.monotonic()

    def send(to, frame):
        try:
            to.send(frame)
        except OSError:  # queue full or link down: lost, as on a real line
            pass

    while True:
        ready, _, _ = select.select([left, right], [], [], HELD_AT_MOST)
        now = time.monotonic()
        for at in ready:
            to = other[at]
            for _ in range(256):
                try:
                    frame = at.recv(65536)
                except BlockingIOError:
                    break
                fate = chance.random()
                if fate < LOSS:
                    lost += 1
                    continue
                if fate < LOSS + HELD:
                    reordered += 1
                    held[at].append([AHEAD, now + HELD_AT_MOST, frame])
                    continue
                send(to, frame)
                carried += 1
                for waiting in held[at]:
                    waiting[0] -= 1
                while held[at] and held[at][0][0] <= 0:
                    send(to, held[at].pop(0)[2])
        for at, frames in held.items():
            while frames and frames[0][1] <= now:
                send(other[at], frames.pop(0)[2])
        if now - said >= 1:
            said = now
            print(carried, lost, reordered, flush=True)


main()
