"""Every figure of PERFORMANCE.md in one go: `perf/run --all` prepares the machine
and calls this.

Forwarding on the common source, in turns with testpmd, is measure.py's; everything
else is `load`, which drives the same worker over a source of its own. Prints a table of
G1 to G18 and records it with all that was measured and the configurations it is for.
"""

import argparse
import dataclasses
import json
import os
import resource
import signal
import subprocess
import sys
import time

import measure

ROOT = measure.ROOT
# Huge pages for load's packet buffers, in MiB.
LOAD_MEMORY = 160
# Share of the core that a figure needs, and one of single packets' times.
FULL_SHARE = 0.95
ALL_SHARE = 0.99
# Nothing that load does takes longer, in seconds.
LIMIT = 600


@dataclasses.dataclass
class Goal:
    """A row of the table; `less` if smaller is better."""

    number: str
    what: str
    floor: float
    goal: float
    figure: object = None
    spread: object = None
    setting: str = ""
    less: bool = False
    # Why the figure says nothing about the goal, whatever it is.
    doubt: str = ""

    def reaches(self, bound):
        if self.figure is None or bound is None:
            return None
        return self.figure <= bound if self.less else self.figure >= bound

    def verdict(self):
        if self.figure is None:
            return "not measured"
        if self.doubt:
            return self.doubt
        if self.reaches(self.goal):
            return "goal met"
        return "floor met" if self.reaches(self.floor) else "MISSED"


class Load:
    """The program, and all it has printed."""

    def __init__(self, options):
        self.options = options
        self.results = {}

    def __call__(self, name, *arguments):
        """Runs a command of it; `name` is what its result is kept under."""
        command = [self.options.load, *arguments]
        if self.options.no_huge:
            command.append("--no-huge")
        if self.options.nice:
            command = ["nice", "-n", str(self.options.nice), *command]
        measure.say(" ".join(["load", *arguments]))
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, timeout=LIMIT, check=True
            )
        except subprocess.CalledProcessError as why:
            raise measure.Failed(f"load {name} failed ({why.returncode})") from why
        except subprocess.TimeoutExpired as why:
            raise measure.Failed(f"load {name} took more than {LIMIT} s") from why
        self.results[name] = json.loads(done.stdout)
        return self.results[name]


def run_load(load, options):
    """All measurements of load, those of the hot path first."""
    pairs = ["--pairs", str(options.pairs)]
    rounds = ["--rounds", str(options.pairs)]
    most = options.largest
    sizes = [size for size in ("1k", "64k", "1M") if number(size) < number(most)]
    load("ratio", "ratio", "--sessions", ",".join([*sizes, most]), *pairs)
    load("setup", "setup", "--sessions", smaller("4M", most), *rounds)
    load("tcp", "tcp", *rounds)
    load("misses", "misses", *pairs)
    load("workers", "workers", *pairs)
    for per_mapping in ("8", "1"):
        load(f"memory-{per_mapping}", "memory", "--sessions", most, "--per-mapping", per_mapping)
    expiries = "1" if number(most) > number("4M") else "3"
    load("expiry", "expiry", "--sessions", most, "--rounds", expiries)
    load("latency", "latency", *pairs)
    plot = options.plots / f"{options.stem}-rfc9693.svg" if options.plots else None
    load("rfc9693", "rfc9693", *(["--plot", str(plot)] if plot else []))
    points = [size for size in SWEEP if number(size) <= number(most)]
    sweep = load("sweep", "sweep", "--sessions", ",".join(points), *pairs)
    if number(most) >= number("16M"):
        # As many as a worker is asked for, with several sessions under a mapping.
        largest = ["--sessions", "40M", "--per-mapping", "8"]
        sweep += load("sweep-40M", "sweep", *largest, *pairs)
        load.results["sweep"] = sweep


SWEEP = ("1k", "4k", "16k", "64k", "256k", "1M", "4M", "16M")


def number(text):
    return int(text.rstrip("kM")) * {"k": 1 << 10, "M": 1 << 20}.get(text[-1], 1)


def smaller(one, other):
    return min(one, other, key=number)


def goals(load, forward, most):
    """The table, from what there is."""
    table = {
        row.number: row
        for row in (
            Goal("G1", "NAT / testpmd macswap, up to 64 k sessions", 0.35, 0.50),
            Goal("G2", "NAT / macswap, 16.5 M sessions", 0.22, 0.33),
            Goal("G3", "pps at 16.5 M / pps at 1 k", 0.50, 0.65),
            Goal("G4a", "ns added, hot", 20, 12, less=True),
            Goal("G4b", "ns added, 16.5 M", 36, 24, less=True),
            Goal("G5a", "NAT / VPP nat44-ed, 1 k", 1.5, 2.5),
            Goal("G5b", "NAT / VPP nat44-ed, 64 k", 4, 8),
            Goal("G5c", "NAT / VPP nat44-ed, 1 M", 4, 6),
            Goal("G6", "new UDP sessions a second, M", 3, 9),
            Goal("G8a", "new-session rate, nearly full / empty", 0.6, 0.85),
            Goal("G8b", "refused below 95 % full", 0, 0, less=True),
            Goal("G9", "complete TCP connections a second, M", 0.8, 2.5),
            Goal("G10", "bytes a session, everything counted", 128, 80, less=True),
            Goal("G13a", "mass expiry: pps lost, %", 10, 3, less=True),
            Goal("G13b", "mass expiry: longest poll gap, us", 200, 20, less=True),
            Goal("G15", "two workers / one, hot", 1.7, 1.97),
            Goal("G16", "packets on the wrong worker; cycles for a queue-affine port", None, None),
            Goal("G17a", "latency added at 80 % load, p50, us", 10, 3, less=True),
            Goal("G17b", "latency added at 80 % load, p99.9, us", 50, 15, less=True),
            Goal("G18", "pps of misses / pps of hits", 1.0, 1.5),
        )
    }

    def put(number, spread, setting, scale=1.0, share=1.0, whole=FULL_SHARE):
        row = table[number]
        if share < whole:
            row.doubt = f"CPU {share:.0%}"
        if isinstance(spread, dict):
            row.spread = [spread["lowest"] / scale, spread["highest"] / scale]
            spread = spread["median"]
        row.figure, row.setting = spread / scale, setting

    hot = {row["sessions"]: row for row in forward if row["kind"] == "napt"}
    low = [hot[size] for size in (1 << 10, 1 << 16) if size in hot]
    if low:
        worst = min(low, key=lambda row: row["ratio"]["median"])
        put("G1", worst["ratio"], f"net_pcap, testpmd, {worst['sessions']} sessions", share=worst["cpu_share_lowest"])
    for goal, size, name in (("G5a", 1 << 10, "1k"), ("G5b", 1 << 16, "64k"), ("G5c", 1 << 20, "1M")):
        if size in hot:
            put(goal, hot[size]["portolan_mpps"], "net_pcap; VPP's Mpps from PERFORMANCE.md", measure.VPP[name], hot[size]["cpu_share_lowest"])
    first, *_, last = load["ratio"]["sizes"]
    large = f"load ratio, {last['sessions']} sessions, one a mapping"
    put("G4a", first["ns_added"], f"load ratio, {first['sessions']} sessions", share=first["lowest_share"])
    put("G4b", last["ns_added"], large, share=last["lowest_share"])
    put("G2", last["ratio"], large, share=last["lowest_share"])
    put("G3", last["to_first"], large, share=last["lowest_share"])
    setup = load["setup"]
    where = f"load setup, tables for {setup['capacity']}"
    put("G6", setup["per_second"], where, 1e6, setup["lowest_share"])
    put("G8a", setup["full_to_empty"], where, share=setup["lowest_share"])
    put("G8b", setup["refused_below_95_percent"], where)
    put("G9", load["tcp"]["per_second"], f"load tcp, {load['tcp']['live']} sessions live", 1e6, load["tcp"]["lowest_share"])
    memory = load["memory-8"]
    put("G10", memory["bytes_per_session"], f"load memory, {memory['sessions']} sessions, 8 a mapping")
    expiry = load["expiry"]
    where = f"load expiry, {expiry['sessions']} sessions"
    put("G13a", expiry["loss_percent"], where, share=expiry["lowest_share"])
    without = expiry["gap_without"]["longest_us"]["median"]
    put("G13b", expiry["gap_during"]["longest_us"], f"{where}; without expiry {without:.0f}", share=expiry["lowest_share"], whole=ALL_SHARE)
    put("G15", load["workers"]["together_to_alone"], f"load workers, {load['workers']['sessions_each']} sessions each", share=load["workers"]["lowest_share"])
    added = load["latency"]["added_us"]
    where = f"load latency, {load['latency']['at_mpps']} Mpps"
    share = load["latency"]["lowest_share"]
    put("G17a", added["p50"], where, share=share, whole=ALL_SHARE)
    put("G17b", added["p99_9"], where, share=share, whole=ALL_SHARE)
    put("G18", load["misses"]["to_hits"], f"load misses, {load['misses']['sessions']} sessions", share=load["misses"]["lowest_share"])
    if number(most) < number("16M"):
        for goal in ("G2", "G3", "G4b", "G10", "G13a", "G13b"):
            table[goal].doubt = f"at {most} only"
    return list(table.values())


def show(table):
    """Prints; answers whether no floor was missed, and no figure is in doubt."""
    print(f"\n{'':5} {'':58} {'floor':>7} {'goal':>7} {'figure':>10}  {'spread':21}")
    for row in table:
        bound = lambda value: "-" if value is None else f"{value:g}"
        figure = "-" if row.figure is None else f"{row.figure:.4g}"
        spread = f"({row.spread[0]:.4g} to {row.spread[1]:.4g})" if row.spread else ""
        print(
            f"{row.number:5} {row.what:58} {bound(row.floor):>7} {bound(row.goal):>7} {figure:>10}"
            f"  {spread:21} {row.verdict():12} {row.setting}"
        )
    return all(row.reaches(row.floor) is not False and not row.doubt for row in table)


def arguments():
    parser = argparse.ArgumentParser(prog="perf/run --all")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--largest", default="16M", choices=["64k", "1M", "4M", "16M"])
    parser.add_argument("--forward", default="1k,64k,1M", type=lambda text: [n for n in text.split(",") if n])
    parser.add_argument("--machine")
    parser.add_argument("--no-record", action="store_true")
    for internal in ("--portolan", "--load", "--work"):
        parser.add_argument(internal, required=True, help=argparse.SUPPRESS)
    for internal in ("--no-huge", "--memory-only"):
        parser.add_argument(internal, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pairs < 1 or options.seconds < 1:
        parser.error("--pairs and --seconds are at least 1")
    for name in options.forward:
        if name not in measure.SIZES:
            parser.error(f"{name}: not one of {', '.join(measure.SIZES)}")
    options.sessions, options.quick = options.forward, False
    return options


def main():
    options = arguments()
    if options.forward:
        options.forward = measure.fitting(options)
    largest = max((measure.SIZES[name] for name in options.forward), default=0)
    if options.memory_only:
        print(max(measure.memory_for(2 * largest) + 64 if largest else 0, LOAD_MEMORY))
        return 0
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    measure.Program.nice = options.nice
    began = time.monotonic()
    facts = measure.circumstances(options)
    options.stem = f"{facts['date'][:10]}-{facts['machine']}"
    results = ROOT / "perf" / "results"
    options.plots = None if options.no_record else results
    bench = measure.Bench(options)
    forward = [bench.forward(name) for name in options.forward]
    load = Load(options)
    run_load(load, options)
    table = goals(load.results, forward, options.largest)
    fine = show(table)
    took = round(time.monotonic() - began)
    print(f"\nall of it in {took // 60} minutes {took % 60} seconds, with the full translator: see the configurations")
    if not options.no_record:
        path = results / f"{options.stem}-all.json"
        record = {
            "circumstances": facts,
            "seconds": took,
            "goals": [dataclasses.asdict(row) | {"verdict": row.verdict()} for row in table],
            "forward": forward,
            "load": load.results,
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
        sweep = results / "sweep.json"
        sweep.write_text(json.dumps(load.results["sweep"], indent=1) + "\n")
        owner = ROOT.stat()
        for written in (path, sweep, options.plots / f"{options.stem}-rfc9693.svg"):
            if written.exists():
                os.chown(written, owner.st_uid, owner.st_gid)
        print(f"recorded in {path.relative_to(ROOT)}")
    return 0 if fine else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as why:
        print(f"perf/run --all: {why}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
