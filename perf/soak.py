"""The soak of perf/soak, which prepares the machine and calls this.

The source is that of perf/measure.py: two net_pcap ports with infinite_rx, 64 k sessions
whose return traffic is known beforehand because the pool has just as many ports.

Sessions come and go in two ways. Every few seconds a sixteenth of the subscribers is
cleared and comes back with its next packets; until its ports are in use again, packets to
them are dropped as drop.no_mapping, so drops are allowed for a moment after a clear,
and none at any other time. And visitors, by a veth pair: every one a new host with DNS
queries that nobody answers, so that mapping, session and block end by their timers.

On a machine with other users all of this may be stopped (SIGSTOP) and continued. That is
noticed by SIGCONT alone, told in the results, and its time left out: a minute is one of running.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import signal
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
import urllib.request

import measure
from measure import Failed, INSIDE_NET, colons, dotted, say

SHAPE = measure.Shape(measure.SIZES["64k"])
SLICES = 16
WHATS = (
    "translations mappings subscribers pools doors calls interfaces workers neighbors events "
    "counters alg zones ipsec"
).split()
METRICS = "127.0.0.1:9464"

VISITS = 2000  # new sessions a second
VISIT_FLOWS = 50  # of each visitor
VISITORS = 4096
VISITOR_NET = 0x64500000  # 100.80.0.0
VISIT_MAC = bytes.fromhex("020000000103")
# A second of udp_dns, a second of an idle block, and what a busy machine makes of them.
VISITS_AT_ONCE = VISITS * 4

# After a clear, the sessions are back: the port's hold-down and some rounds of the file.
SETTLE = 0.5
# Why packets may be dropped until then.
EXPLAINED = {"drop.no_mapping", "drop.block_limit", "drop.filtered"}

# Bounds. The poll gap is that of a virtual machine with other work: what is taken from the
# worker's core counts, so the median is bounded and the rest is told.
ANSWER_BOUND = 5.0
GAP_BOUND = 0.010
GROWTH_BOUND = 1.01
RATE_BOUND = 0.9


def config(files, memory, huge, other):
    """The file; `other` is what a reload changes it to."""
    devices = [measure.pcap_device(number, path) for number, path in enumerate(files)]
    text = measure.config(SHAPE, devices, memory, huge)
    sessions, subscribers = SHAPE.sessions * 21 // 20 + VISITS_AT_ONCE, SHAPE.hosts + VISITORS

    def put(before, after):
        nonlocal text
        if text.count(before) != 1:
            raise Failed(f"the configuration has changed: no {before!r}")
        text = text.replace(before, after)

    limits = re.search(r"limits: .*\n", text)[0]
    put(limits, f"limits: {{ sessions: {sessions}, mappings: {sessions}, subscribers: {subscribers} }}\n")
    put("{ socket: SOCKET }", f'{{ socket: SOCKET, metrics: "{METRICS}" }}')
    put(
        "routes:\n",
        '  - { name: visits, device: "net_af_packet0,iface=ptl-visit,framecnt=8192", '
        f'addresses: [192.0.2.9/30], mac: "{colons(VISIT_MAC)}", zone: visits }}\n'
        "routes:\n  - { prefix: 100.80.0.0/16, next_hop: 192.0.2.10 }\n",
    )
    put(
        "nat:\n",
        '  - { interface: visits, ip: 192.0.2.10, mac: "02:00:00:00:02:03" }\n'
        "nat:\n"
        "  hold_down: { time: 100ms }\n"
        f"  timeouts: {{ udp: {'310s' if other else '300s'}, udp_dns: 1s }}\n",
    )
    guests = "    - { name: guests, prefixes: [198.18.0.0/24], ports: 1024-65535 }\n"
    put(
        "  rules:\n",
        "    - name: visitors\n"
        "      prefixes: [203.0.114.0/28]\n"
        "      blocks: { size: 64, max_per_subscriber: 4, idle_timeout: 1s }\n"
        + (guests if other else "")
        + "  rules:\n"
        + ("    - { name: guests, inside: inside, source: 100.127.0.0/16, pool: guests }\n" if other else "")
        + "    - { name: visitors, inside: visits, source: 100.80.0.0/16, pool: visitors }\n",
    )
    return text + f"      limits: {{ sessions: {2048 if other else 1024} }}\n"


class Stops:
    """Time in which this process, and the program beside it, were stopped by somebody."""

    def __init__(self):
        self.continued = False
        self.count = 0
        self.seconds = 0.0
        self.last = -1e9
        self.ticked = time.monotonic()
        signal.signal(signal.SIGCONT, self.on_continue)

    def on_continue(self, *_):
        self.continued = True

    def tick(self):
        """Every few milliseconds; the jump of the clock across a stop is its length."""
        now = time.monotonic()
        if self.continued or now - self.ticked > 0.2:
            # The handler runs in the main thread, perhaps a little later than this.
            for _ in range(20):
                if self.continued:
                    self.count += 1
                    self.seconds += now - self.ticked
                    self.last = time.monotonic()
                    self.continued = False
                    break
                time.sleep(0.005)
        self.ticked = time.monotonic()

    def now(self):
        """Seconds of running."""
        return time.monotonic() - self.seconds


# --- visitors --------------------------------------------------------------


class Visitors:
    """Sends the first packets of ever new flows, and counts them."""

    def __init__(self, stops):
        self.stops = stops
        self.sent = 0
        self.failed = None
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        for command in (
            "link set lo up",
            "link add ptl-visit type veth peer name ptl-visitors",
        ):
            self.ip(command)
        for name in ("ptl-visit", "ptl-visitors"):
            pathlib.Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
            self.ip(f"link set {name} up")
        return self

    @staticmethod
    def ip(command):
        subprocess.run(["ip", *command.split()], check=True)

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.thread.start()

    def stop(self):
        self.over.set()
        if self.thread.ident:
            self.thread.join()

    def run(self):
        try:
            self.send_all()
        except OSError as why:
            self.failed = why

    def send_all(self):
        line = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        line.bind(("ptl-visitors", 0))
        began = time.monotonic()
        while not self.over.wait(0.005):
            self.stops.tick()
            # What the machine has kept us from is not made up for at once.
            wanted = int((time.monotonic() - began) * VISITS) - self.sent
            if wanted > 200:
                began += (wanted - 200) / VISITS
            for _ in range(min(wanted, 200)):
                line.send(self.frame(self.sent))
                self.sent += 1
        line.close()

    @staticmethod
    def frame(number):
        host = VISITOR_NET + 256 + number // VISIT_FLOWS % VISITORS
        ports = struct.pack(">HHHH", 20_000 + number % VISIT_FLOWS, 53, 26, 0)
        address = struct.pack(">II", host, measure.REMOTE[0])
        head = struct.pack(">BBHHHBBH", 0x45, 0, 46, 0, 0, 64, 17, 0)
        total = sum(struct.unpack(">10H", head + address))
        total = (total & 0xFFFF) + (total >> 16)
        total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        ip = head[:10] + struct.pack(">H", total) + address
        return VISIT_MAC + bytes.fromhex("020000000203") + b"\x08\x00" + ip + ports + bytes(18)


# --- asking ----------------------------------------------------------------


class Appliance(measure.Portolan):
    """One that is asked all the time; remembers how long answers take."""

    def __init__(self, *arguments, stops):
        super().__init__(*arguments)
        self.stops = stops

    def begin(self):
        self.slowest = {}
        self.refused = []
        super().begin()
        self.path = pathlib.Path(self.command[-1])

    def ask(self, name, request):
        return self.attempt(name, lambda: self.exchange(request))

    def exchange(self, request):
        """On a connection of its own, as the command does."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(300)
            line.connect(str(self.socket))
            line.sendall(json.dumps(request).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = json.loads(answers.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer

    def attempt(self, name, question):
        """Again, if the patience of either side ran out; without a stop that is noted."""
        for _ in range(20):
            began, stops = self.stops.now(), self.stops.count
            try:
                answer = question()
                self.took(name, began)
                return answer
            except (OSError, ValueError) as why:
                time.sleep(0.2)
                if self.stops.count == stops:
                    self.refused.append(f"{name}: {why}")
                    say(self.refused[-1])
                if self.process.poll() is not None:
                    break
        self.gone(f"no answer to {name}")

    def took(self, name, began):
        took = self.stops.now() - began
        self.slowest[name] = max(took, self.slowest.get(name, 0))

    def show(self, what, **filter):
        return self.ask(f"show {what}", {"show": what, "filter": filter})["rows"]

    def clear(self, number):
        hosts = SHAPE.hosts // SLICES
        inside = f"{dotted(INSIDE_NET + 256 + number % SLICES * hosts)}/{32 - (hosts - 1).bit_length()}"
        return self.ask("clear", {"clear": "translations", "filter": {"inside": inside}})["cleared"]

    def reload(self, text):
        draft = self.path.with_suffix(".new")
        draft.write_text(text.replace("SOCKET", str(self.socket)))
        draft.rename(self.path)
        return self.ask("reload", {"reload": ""})["reloaded"]

    def metrics(self):
        text = self.attempt("metrics", self.fetch)
        if "portolan_worker_longest_gap_seconds" not in text:
            raise Failed("the metrics are not whole")

    @staticmethod
    def fetch():
        with urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=300) as page:
            return page.read().decode()

    def resident(self):
        return self.status("VmRSS", "HugetlbPages")

    def waited(self):
        """Seconds the worker was kept from its core, by the scheduler's account."""
        looks = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                looks.append([int(word) for word in (task / "schedstat").read_text().split()])
            except OSError:
                # A connection's, which has ended.
                pass
        return max(looks)[1] / 1e9


def family(counters, prefix):
    return {name: value for name, value in counters.items() if name.startswith(prefix)}


def unbalanced(counters):
    """What does not add up in one look at the counters; a look may fall into a change."""
    total = {name: sum(family(counters, name).values()) for name in ("verdict.", "drop.", "forward.")}
    sums = {
        "verdicts and packets received": (total["verdict."], counters["rx.packets"]),
        "reasons and packets dropped": (total["drop."], counters["verdict.drop"]),
        "directions and packets forwarded": (total["forward."], counters["verdict.forward"]),
        "packets sent and those forwarded or made here": (
            counters["tx.packets"] + counters["tx.dropped"],
            counters["verdict.forward"]
            + counters["hold.neighbor_sent"]
            + counters["icmp.sent"]
            + counters["arp.requests_sent"],
        ),
    }
    return {name: pair for name, pair in sums.items() if pair[0] != pair[1]}


# --- the soak --------------------------------------------------------------


class Soak:
    def __init__(self, program, visitors, texts, stops):
        self.stops = stops
        self.program = program
        self.visitors = visitors
        self.texts = texts
        self.minutes = []
        self.gaps = []
        # Those of looks before which the worker had its core for itself.
        self.undisturbed = []
        self.waits = []
        self.torn = 0
        self.looks = 0
        self.reloads = 0
        self.wrong_reloads = []
        self.cleared = 0
        self.unexplained = {}
        self.highest = {"sessions": 0, "mappings": 0, "subscribers": 0, "blocks": 0}

    def drops(self):
        return {name: value for name, value in family(self.program.counters(), "drop.").items() if value}

    def quiet(self, before, after, allowed=frozenset()):
        """Notes drops between two looks for which there is no reason."""
        for name, value in after.items():
            more = value - before.get(name, 0)
            if more and name not in allowed:
                self.unexplained[name] = self.unexplained.get(name, 0) + more

    def look(self):
        """Everything there is to ask."""
        self.looks += 1
        for what in WHATS:
            limit = {"limit": 100} if what in ("translations", "mappings", "subscribers", "events") else {}
            rows = self.program.show(what, **limit)
            if what == "workers":
                self.gap(max(row["longest_gap"] for row in rows))
                self.high("sessions", sum(row["sessions"] for row in rows))
                self.high("mappings", sum(row["mappings"] for row in rows))
            elif what == "pools":
                self.high("blocks", sum(row["blocks_used"] for row in rows))
                self.high("subscribers", sum(row["subscribers"] for row in rows))
            elif what == "counters":
                self.torn += bool(unbalanced({row["name"]: row["value"] for row in rows}))
        self.program.metrics()

    def gap(self, seconds):
        """Unless it may be that of a stop."""
        now = time.monotonic()
        self.waits = [wait for wait in self.waits if now - wait[0] < 10]
        self.waits.append((now, self.program.waited()))
        before = [waited for at, waited in self.waits if at < now - 2.1]
        if now - self.stops.last < 3:
            return
        self.gaps.append(seconds)
        if before and self.waits[-1][1] - before[-1] < 0.0005:
            self.undisturbed.append(seconds)

    def settle(self):
        """Waits until what a clear has ended is back; a stop meanwhile begins it anew."""
        while True:
            stops = self.stops.count
            time.sleep(SETTLE)
            if self.stops.count == stops:
                return

    def high(self, name, value):
        self.highest[name] = max(value, self.highest[name])

    def minute(self, number):
        """One minute: clears and looks, then a reload."""
        spent, stopped = self.program.threads(), self.stops.seconds
        start, before = self.program.fresh()
        begun, first_gap = self.stops.now(), len(self.gaps)
        while self.stops.now() - begun < 57:
            began = time.monotonic()
            drops = self.drops()
            # Every third second another slice.
            if self.looks % 3 == 0:
                self.cleared += self.program.clear(self.looks // 3)
                self.settle()
                settled = self.drops()
                self.quiet(drops, settled, EXPLAINED)
                drops = settled
            self.look()
            time.sleep(max(0, began + 1 - time.monotonic()))
            self.quiet(drops, self.drops())
            if self.visitors.failed:
                raise Failed(f"no visitors: {self.visitors.failed}")
        drops = self.drops()
        self.reloads += 1
        reloaded = self.program.reload(self.texts[self.reloads % 2])
        changed = reloaded["changed"] and (reloaded["added"] or reloaded["removed"])
        if not changed or reloaded["sessions"]:
            self.wrong_reloads.append(reloaded)
        while self.stops.now() - begun < 60:
            time.sleep(0.05)
        self.quiet(drops, self.drops())
        end, after = self.program.fresh()
        stopped = self.stops.seconds - stopped
        took = end - start - stopped
        used = {task: (now - spent.get(task, 0)) / 1e9 / took for task, now in self.program.threads().items()}
        part = max(used.values())
        delta = {name: after[name] - before[name] for name in after}
        forwarded = delta["verdict.forward"]
        row = {
            "minute": number,
            "mpps": round(forwarded / took / 1e6, 3),
            "mpps_of_whole_core": round(forwarded / took / 1e6 / part, 3),
            "cpu_share": round(part, 4),
            "process_cpu": round(sum(used.values()), 3),
            "stopped_seconds": round(stopped, 1),
            "resident_bytes": self.program.resident(),
            "sessions": self.program.sessions(),
            "created_per_second": round(delta["nat.sessions_created"] / took),
            "ended_per_second": round(delta["nat.sessions_ended"] / took),
            "drops": {name: value for name, value in family(delta, "drop.").items() if value},
            "tx_dropped": delta["tx.dropped"],
            "longest_gap": max(self.gaps[first_gap:], default=0),
            "visits": self.visitors.sent,
        }
        self.minutes.append(row)
        say(
            f"minute {number}: {row['mpps']} Mpps on {part:.0%} of the core, {row['resident_bytes'] >> 20} MiB, "
            f"{row['sessions']} sessions, {row['created_per_second']} new a second, "
            f"dropped {sum(row['drops'].values())}, longest gap {row['longest_gap'] * 1e3:.1f} ms"
            + (f", stopped {stopped:.0f} s" if stopped else "")
        )

    def result(self):
        """After the visitors have stopped, and all their sessions have ended."""
        time.sleep(4)
        program = self.program
        for _ in range(50):
            counters = program.counters()
            wrong = unbalanced(counters)
            if not wrong:
                break
            time.sleep(0.01)
        visits = next(row for row in program.show("interfaces") if row["name"] == "visits")
        sessions = program.sessions()
        blocks = {row["name"]: row["blocks_used"] for row in program.show("pools")}
        window = min(5, max(1, len(self.minutes) // 2))

        def rate_of(rows):
            return statistics.mean(row["mpps_of_whole_core"] for row in rows)

        first, last = rate_of(self.minutes[:window]), rate_of(self.minutes[-window:])
        # Of the two files one has a pool more: like with like.
        since = min(2 + len(self.minutes) % 2, len(self.minutes))
        early = self.minutes[since - 1]["resident_bytes"]
        late = self.minutes[-1]["resident_bytes"]
        gaps = sorted(self.gaps)
        gap = {
            "p50": statistics.median(gaps),
            "p99": gaps[len(gaps) * 99 // 100],
            "max": gaps[-1],
        }
        seconds = 60 * len(self.minutes)
        created = counters["nat.sessions_created"]
        slowest = max(program.slowest, key=program.slowest.get)
        checks = [
            (
                f"every packet received has one verdict, every drop one reason: {counters['rx.packets']} packets"
                + (f", but {wrong}" if wrong else ""),
                not wrong,
            ),
            (f"no frame refused by a device: {counters['tx.dropped']}", counters["tx.dropped"] == 0),
            (
                f"no packet dropped but for {SETTLE} s after a clear, and then for want of its mapping: "
                f"{self.unexplained or 'none'}",
                not self.unexplained,
            ),
            (
                f"of {self.visitors.sent} visits {visits['rx_packets']} arrived, {visits['rx_missed']} missed",
                visits["rx_packets"] == self.visitors.sent and visits["rx_missed"] == 0,
            ),
            (
                f"sessions created less those ended are those there are: {created - counters['nat.sessions_ended']}, {sessions}",
                created - counters["nat.sessions_ended"] == sessions == SHAPE.sessions,
            ),
            (
                f"sessions came and went: {created / seconds:.0f} a second",
                created > VISITS * seconds / 2 and self.cleared > SHAPE.sessions,
            ),
            (
                f"never more than the source has: {self.highest}",
                self.highest["sessions"] <= SHAPE.sessions + VISITS_AT_ONCE
                and self.highest["mappings"] <= SHAPE.sessions + VISITS_AT_ONCE
                and self.highest["blocks"] <= SHAPE.hosts + VISITS_AT_ONCE // VISIT_FLOWS,
            ),
            (f"visitors left no block behind: {blocks}", blocks["visitors"] == 0),
            (
                f"memory from minute {since} to the end: {early >> 20} to {late >> 20} MiB",
                late <= early * GROWTH_BOUND,
            ),
            (
                f"every answer within {ANSWER_BOUND} s: the slowest {program.slowest[slowest]:.2f} s, {slowest}",
                program.slowest[slowest] <= ANSWER_BOUND,
            ),
            (
                f"longest gap of one to two seconds, median {gap['p50'] * 1e3:.2f} ms below {GAP_BOUND * 1e3:.0f}: "
                f"99 % {gap['p99'] * 1e3:.2f}, most {gap['max'] * 1e3:.2f} ms",
                gap["p50"] <= GAP_BOUND,
            ),
            (
                f"as fast at the end: {last:.2f} Mpps of a whole core, {first:.2f} at the beginning",
                last >= first * RATE_BOUND,
            ),
            (
                f"{self.reloads} reloads, all changed something and ended no session: {self.wrong_reloads or 'none'} otherwise",
                not self.wrong_reloads,
            ),
            (f"every question was answered: {program.refused or 'none'} otherwise", not program.refused),
        ]
        return {
            "checks": [{"what": what, "held": bool(held)} for what, held in checks],
            "bounds": {
                "settle_seconds": SETTLE,
                "answer_seconds": ANSWER_BOUND,
                "median_gap_seconds": GAP_BOUND,
                "growth": GROWTH_BOUND,
                "rate": RATE_BOUND,
            },
            "longest_gap": gap,
            "longest_gap_undisturbed": {
                "looks": len(self.undisturbed),
                "p50": statistics.median(self.undisturbed or [0]),
                "max": max(self.undisturbed, default=0),
            },
            "stops": {"count": self.stops.count, "seconds": round(self.stops.seconds, 1)},
            "slowest_answers": {name: round(took, 4) for name, took in sorted(program.slowest.items())},
            "looks": self.looks,
            "looks_into_a_change": self.torn,
            "cleared": self.cleared,
            "highest": self.highest,
            "counters": {name: value for name, value in counters.items() if value},
            "minutes": self.minutes,
        }


def report(results):
    print()
    for check in results["checks"]:
        print(f"  {'ok  ' if check['held'] else 'FAIL'} {check['what']}")
    drops = family(results["counters"], "drop.")
    received = results["counters"]["rx.packets"]
    print(f"  {results['cleared']} sessions cleared; dropped meanwhile, of {received}: {drops or 'none'}")
    shares = [row["cpu_share"] for row in results["minutes"]]
    print(f"  CPU share of the worker {min(shares):.0%} to {max(shares):.0%}")
    alone = results["longest_gap_undisturbed"]
    print(
        f"  longest gap where nobody else had the core, {alone['looks']} looks: "
        f"median {alone['p50'] * 1e3:.3f}, most {alone['max'] * 1e3:.3f} ms"
    )
    if results["stops"]["count"]:
        print("  stopped by others {count} times, {seconds} s, which are left out".format(**results["stops"]))
    return all(check["held"] for check in results["checks"])


def arguments():
    parser = argparse.ArgumentParser(prog="perf/soak")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--machine", help=argparse.SUPPRESS)
    for internal in ("--portolan", "--work"):
        parser.add_argument(internal, required=True, help=argparse.SUPPRESS)
    for internal in ("--no-huge", "--memory-only"):
        parser.add_argument(internal, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.minutes < 1:
        parser.error("--minutes is at least 1")
    options.pairs, options.seconds, options.nice = None, 60 * options.minutes, 0
    return options


def main():
    options = arguments()
    memory = measure.memory_for(2 * SHAPE.sessions) + 64
    if options.memory_only:
        print(memory + 64)
        return 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = pathlib.Path(options.work)
    files = measure.Files(work).of(SHAPE)
    texts = [config(files, memory, not options.no_huge, other) for other in (False, True)]
    stops = Stops()
    with Visitors(stops) as visitors, Appliance(options.portolan, texts[0], work, stops=stops) as program:
        program.fill(SHAPE.sessions)
        soak = Soak(program, visitors, texts, stops)
        visitors.start()
        time.sleep(1)
        for number in range(1, options.minutes + 1):
            soak.minute(number)
        visitors.stop()
        results = {"circumstances": measure.circumstances(options), **soak.result()}
    fine = report(results)
    if options.minutes >= 30:
        path = measure.ROOT / "perf" / "results" / "soak.json"
        path.write_text(json.dumps(results, indent=1) + "\n")
        owner = measure.ROOT.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
        print(f"\nrecorded in {path.relative_to(measure.ROOT)}")
    return 0 if fine else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as why:
        print(f"perf/soak: {why}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
