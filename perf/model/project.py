"""What a fitted model means for more cores and a faster port, and what bounds it.

    packet(N) = nic + added(N)               nanoseconds on a core of the target
    cores     = count / imbalance / packet   packets a second
    memory    = bandwidth / bytes(N)
    port      = speed / (8 * (frame + 20))
    rate      = the least of the three, if the sessions fit the memory at all

A core of the target has the cost of the one measured, divided by `clock`, but only its
share of the target's L3. Nothing is shared between cores but memory and port.
"""

from dataclasses import dataclass

from fit import MIB, Caches

GIB = 1 << 30
LINE = 64
# Preamble, start of frame and gap between frames, in bytes of a frame's time.
BETWEEN = 20
# Frame sizes with FCS: the simple IMIX has seven to four to one.
FRAMES = {"64 B": 64, "IMIX": (7 * 64 + 4 * 594 + 1518) / 12}


@dataclass(frozen=True)
class Target:
    """A machine that is not here."""

    speed: float = 100e9
    # Receiving and sending a packet with a NIC, instead of the sweep's source.
    nic: float = 40
    l2: float = 1 * MIB
    l3: float = 256 * MIB
    # Bytes a second that random lines and packets get, and bytes for sessions.
    bandwidth: float = 200e9
    dram: float = 256 * GIB
    # Bytes of memory a session takes, everything counted (G10), and cache lines of it
    # that a packet reads and writes back.
    session: float = 80
    lines: float = 2
    # The busiest core's load by the mean (`portolan plan`), and a core's clock with all
    # of them busy by the clock of the core measured.
    imbalance: float = 1.05
    clock: float = 1.0


@dataclass(frozen=True)
class Row:
    """Packets a second, and what keeps them from being more."""

    frames: str
    cores: int
    sessions: int
    packet: float
    rate: float
    limit: str


def port_rate(target, frames):
    """Packets a second that the port carries."""
    return target.speed / (8 * (FRAMES[frames] + BETWEEN))


def packet_parts(model, target, touched, cores, sessions):
    """Nanoseconds of a packet on one of so many cores, by what they are spent on."""
    share = Caches(target.l2, target.l3 / cores, touched)
    base, l3, dram = model.parts(share, sessions)
    return {
        "NIC": target.nic / target.clock,
        "translating": base / target.clock,
        "L2 misses": l3 / target.clock,
        # Memory does not become faster with the clock.
        "L3 share": dram,
    }


def memory_bytes(model, target, touched, cores, sessions, frames):
    """Bytes between memory and the rest for a packet: lines that miss, read and written
    back, and the frame as if the NIC put it into memory and took it from there."""
    share = Caches(target.l2, target.l3 / cores, touched)
    _, l3_missed = model.misses(share, sessions)
    return 2 * target.lines * LINE * l3_missed + 2 * FRAMES[frames]


def project(model, target, touched, frames, cores, sessions):
    """One row; `sessions` are those of each core."""
    parts = packet_parts(model, target, touched, cores, sessions)
    packet = sum(parts.values())
    limits = {
        f"core time: {max(parts, key=parts.get)}": cores / target.imbalance / packet * 1e9,
        "memory bandwidth": target.bandwidth
        / memory_bytes(model, target, touched, cores, sessions, frames),
        "port": port_rate(target, frames),
    }
    if cores * sessions * target.session > target.dram:
        return Row(frames, cores, sessions, packet, 0, "DRAM capacity")
    limit = min(limits, key=limits.get)
    return Row(frames, cores, sessions, packet, limits[limit], limit)


def cores_for_port(model, target, touched, frames, sessions, most=1024):
    """The fewest cores, with so many sessions in all, that fill the port; None if there
    are not enough. Each has its share of the sessions."""
    for cores in range(1, most + 1):
        if project(model, target, touched, frames, cores, max(1, sessions // cores)).limit == "port":
            return cores
    return None
