"""Every figure of PERFORMANCE.md in one go: `perf/run --all` prepares the machine
and calls this.

Forwarding on the common source, in turns with testpmd, is measure.py's; who owns what is
`micro steering`; everything else is `load`, which drives the same worker over a source of its
own. Says beforehand how long each step takes, and makes as many pairs as there is time for.
Prints a table of G1 to G18 and records it with all that was measured and the configurations
it is for.
"""

import argparse
import dataclasses
import json
import os
import pathlib
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
# Packets whose answers `micro steering` follows.
TUPLES = 1_000_000_000
# Seconds of mass expiry that are looked at.
EXPIRY = 30
# Share of the time allowed that is planned: machines differ.
SPARE = 0.85


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
    # What else was read in the same run: with translation or expiry, without, the difference.
    beside: object = None
    absent: str = "not measured"

    def quote(self, measured, baseline, difference, of):
        self.beside = {"measured": measured, "baseline": baseline, "difference": difference, "baseline_is": of}
        self.setting += f"; {measured:.4g} measured, {baseline:.4g} {of}: {difference:.4g} more"

    def reaches(self, bound):
        if self.figure is None or bound is None:
            return None
        return self.figure <= bound if self.less else self.figure >= bound

    def verdict(self):
        if self.figure is None:
            return self.absent
        if self.doubt:
            return self.doubt
        if self.reaches(self.goal):
            return "goal met"
        return "floor met" if self.reaches(self.floor) else "MISSED"


class Programs:
    """`load` and `micro`, and all they have printed."""

    def __init__(self, options):
        self.options = options
        self.results = {}

    def __call__(self, name, *arguments):
        """Runs a command of `load`; `name` is what its result is kept under."""
        pages = ["--no-huge"] if self.options.no_huge else []
        return self.run(name, [self.options.load, *arguments, *pages])

    def steering(self):
        """`micro steering`, which fails if an answer is wrong; that is told by its figure."""
        return self.run("steering", [self.options.micro, "steering", str(TUPLES)], right=(0, 1))

    def run(self, name, command, right=(0,)):
        measure.say(" ".join([pathlib.Path(command[0]).name, *command[1:]]))
        if self.options.nice:
            command = ["nice", "-n", str(self.options.nice), *command]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT)
        except subprocess.TimeoutExpired as why:
            raise measure.Failed(f"{name} took more than {LIMIT} s") from why
        if done.returncode not in right or not done.stdout:
            raise measure.Failed(f"{name} failed ({done.returncode})")
        self.results[name] = json.loads(done.stdout)
        return self.results[name]


@dataclasses.dataclass
class Step:
    """Something to run, and the seconds it takes: once, and for each pair or round."""

    name: str
    run: object
    once: float
    each: float = 0.0
    # Pairs or rounds at the most, however many are asked for.
    most: int = 100

    def pairs(self, wanted):
        return min(wanted, self.most)

    def seconds(self, wanted):
        return self.once + self.each * self.pairs(wanted)


def steps(bench, load, options):
    """All there is to do, those of the hot path first. Seconds are those of two cores of
    2.6 GHz with little else to do: opening three million sessions a second, and so on."""
    largest = options.largest
    millions = number(largest) / (1 << 20)
    slices = 2 * options.seconds
    pairs = lambda count: ["--pairs", str(count)]
    rounds = lambda count: ["--rounds", str(count)]
    sizes = [size for size in ("1k", "64k", "1M") if number(size) < number(largest)] + [largest]
    plot = options.plots / f"{options.stem}-rfc9693.svg" if options.plots else None

    def forward(name):
        def run(count):
            options.pairs = count
            load.results.setdefault("forward", []).append(bench.forward(name))

        packets = measure.SIZES[name] / (1 << 20)
        return Step(f"forward-{name}", run, 2 + 24 * packets, 9 + slices + 12 * packets)

    def memory(per_mapping):
        arguments = ["--sessions", largest, "--per-mapping", per_mapping]
        return lambda _: load(f"memory-{per_mapping}", "memory", *arguments)

    def sweep(count):
        points = [size for size in SWEEP if number(size) <= number(largest)]
        found = load("sweep", "sweep", "--sessions", ",".join(points), *pairs(count))
        if number(largest) >= number("16M"):
            # As many as a worker is asked for, with several sessions under a mapping.
            found += load("sweep-40M", "sweep", "--sessions", "40M", "--per-mapping", "8", *pairs(count))
            load.results["sweep"] = found

    return [
        *map(forward, options.forward),
        Step("steering", lambda _: load.steering(), TUPLES / 1.6e7),
        Step(
            "ratio",
            lambda count: load("ratio", "ratio", "--sessions", ",".join(sizes), *pairs(count)),
            3 + millions,
            0.8 * len(sizes),
        ),
        Step(
            "setup",
            lambda count: load("setup", "setup", "--sessions", smaller("4M", largest), *rounds(count)),
            4,
            0.8 * min(millions, 4),
        ),
        Step("tcp", lambda count: load("tcp", "tcp", *rounds(count)), 1.5, 1),
        Step("gateways", lambda count: load("gateways", "gateways", *pairs(count)), 6, 3),
        Step("calls", lambda _: load("calls", "calls", "--rounds", "3", "--slice", "300", "--flows", "1"), 25),
        Step("misses", lambda count: load("misses", "misses", *pairs(count)), 1, 1),
        Step("workers", lambda count: load("workers", "workers", *pairs(count)), 1.5, 1.5),
        Step("memory-8", memory("8"), 2 + millions),
        Step("memory-1", memory("1"), 2 + millions),
        Step(
            "expiry",
            lambda count: load(
                "expiry", "expiry", "--sessions", largest, "--seconds", str(EXPIRY), *rounds(count)
            ),
            2,
            # While they expire, as long without, as long while their ports return.
            3 * min(EXPIRY, 12 * millions) + 3 * millions,
            most=1 if millions > 4 else 3,
        ),
        Step("latency", lambda count: load("latency", "latency", *pairs(count)), 12, 3),
        Step(
            "rfc9693",
            lambda _: load("rfc9693", "rfc9693", *(["--plot", str(plot)] if plot else [])),
            120,
        ),
        Step("sweep", sweep, 8 + 3 * millions, 0.8 * len(SWEEP)),
    ]


def chosen(plan, wanted, budget):
    """As many pairs as there is time for, at least three (or as few as are wanted)."""
    for pairs in range(wanted, 2, -1):
        if sum(step.seconds(pairs) for step in plan) <= budget:
            return pairs
    return min(wanted, 3)


def attempt(step, pairs):
    """Twice, where the machine got in the way; answers why it failed, if it did. The other
    steps are worth having without it."""
    for _ in range(2):
        try:
            step.run(pairs)
            return None
        except measure.Failed as why:
            failed = str(why)
            measure.say(f"{step.name}: {failed}")
    return failed


def carry_out(plan, options):
    """Each step, with what it was thought to take; late ones with fewer pairs if time is short."""
    budget = options.minutes * 60 * SPARE
    end = time.monotonic() + budget
    wanted = options.pairs
    pairs = chosen(plan, wanted, budget)
    print(f"\n{'step':12} {'pairs':>5} {'seconds':>8}")
    for step in plan:
        count = step.pairs(pairs) if step.each else "-"
        print(f"{step.name:12} {count:>5} {step.seconds(pairs):>8.0f}")
    print(f"{'all':12} {'':>5} {sum(step.seconds(pairs) for step in plan):>8.0f}  of {budget:.0f}\n", flush=True)
    took = {}
    for place, step in enumerate(plan):
        pairs = chosen(plan[place:], wanted, end - time.monotonic())
        began = time.monotonic()
        failed = attempt(step, step.pairs(pairs))
        took[step.name] = {
            "pairs": step.pairs(pairs) if step.each else None,
            "estimate": round(step.seconds(pairs)),
            "seconds": round(time.monotonic() - began, 1),
            **({"failed": failed} if failed else {}),
        }
        measure.say("{}: {seconds} s, {estimate} estimated".format(step.name, **took[step.name]))
    options.pairs = wanted
    return took


SWEEP = ("1k", "4k", "16k", "64k", "256k", "1M", "4M", "16M")


def number(text):
    return int(text.rstrip("kM")) * {"k": 1 << 10, "M": 1 << 20}.get(text[-1], 1)


def smaller(one, other):
    return min(one, other, key=number)


def goals(load, forward, options):
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
            Goal("G16a", "packets on the wrong worker, emulated RSS", 0, 0, less=True),
            Goal("G16b", "cycles for a queue-affine port", 160, 5, less=True),
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
    if "64k" not in options.forward or "1k" not in options.forward:
        table["G1"].absent = "not asked for"
    for goal, name in (("G5a", "1k"), ("G5b", "64k"), ("G5c", "1M")):
        if name not in options.forward:
            table[goal].absent = f"--forward {name}"
    for name, rows in DERIVED.items():
        if name in load:
            rows(table, put, load[name])
    if number(options.largest) < number("16M"):
        for goal in ("G2", "G3", "G4b", "G10", "G13a", "G13b"):
            table[goal].doubt = f"at {options.largest} only"
    return list(table.values())


def of_steering(table, put, steering):
    where = f"micro steering, {steering['tuples']:.0e} packets"
    put("G16a", steering["wrong"], where)
    put("G16b", steering["owner_cycles"], f"{where}; the owner's look-up, {steering['owner_ns']} ns")


def of_ratio(table, put, ratio):
    first, last = ratio["sizes"][0], ratio["sizes"][-1]
    large = f"load ratio, {last['sessions']} sessions, one a mapping"
    put("G4a", first["ns_added"], f"load ratio, {first['sessions']} sessions", share=first["lowest_share"])
    put("G4b", last["ns_added"], large, share=last["lowest_share"])
    put("G2", last["ratio"], large, share=last["lowest_share"])
    put("G3", last["to_first"], large, share=last["lowest_share"])


def of_setup(table, put, setup):
    where = f"load setup, tables for {setup['capacity']}"
    put("G6", setup["per_second"], where, 1e6, setup["lowest_share"])
    put("G8a", setup["full_to_empty"], where, share=setup["lowest_share"])
    put("G8b", setup["refused_below_95_percent"], where)


def of_tcp(table, put, tcp):
    put("G9", tcp["per_second"], f"load tcp, {tcp['live']} sessions live", 1e6, tcp["lowest_share"])


def of_memory(table, put, memory):
    put("G10", memory["bytes_per_session"], f"load memory, {memory['sessions']} sessions, 8 a mapping")


def of_expiry(table, put, expiry):
    where = f"load expiry, {expiry['sessions']} sessions, {expiry['ended']} while looked at"
    put("G13a", expiry["loss_percent"], where, share=expiry["lowest_share"])
    during, without = (expiry[f"gap_{when}"]["longest_us"] for when in ("during", "without"))
    put("G13b", during, where, share=expiry["lowest_share"], whole=ALL_SHARE)
    during, without = during["median"], without["median"]
    table["G13b"].quote(during, without, during - without, "in as long without expiry")


def of_workers(table, put, workers):
    where = f"load workers, {workers['sessions_each']} sessions each"
    put("G15", workers["together_to_alone"], where, share=workers["lowest_share"])


def of_latency(table, put, latency):
    for goal, at in (("G17a", "p50"), ("G17b", "p99_9")):
        nat, swap, added = (latency[what][at] for what in ("nat_us", "macswap_us", "added_us"))
        where = f"load latency, {latency['at_mpps']} Mpps"
        put(goal, added, where, share=latency["lowest_share"], whole=ALL_SHARE)
        table[goal].quote(nat["median"], swap["median"], added["median"], "macswap's own")


def of_misses(table, put, misses):
    put("G18", misses["to_hits"], f"load misses, {misses['sessions']} sessions", share=misses["lowest_share"])


DERIVED = {
    "steering": of_steering,
    "ratio": of_ratio,
    "setup": of_setup,
    "tcp": of_tcp,
    "memory-8": of_memory,
    "expiry": of_expiry,
    "workers": of_workers,
    "latency": of_latency,
    "misses": of_misses,
}


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
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--steps", type=lambda text: text.split(","), help="only these; nothing is recorded")
    parser.add_argument("--machine")
    parser.add_argument("--no-record", action="store_true")
    for internal in ("--portolan", "--load", "--micro", "--work"):
        parser.add_argument(internal, required=True, help=argparse.SUPPRESS)
    for internal in ("--no-huge", "--memory-only"):
        parser.add_argument(internal, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.pairs, options.seconds, options.minutes) < 1:
        parser.error("--pairs, --seconds and --minutes are at least 1")
    if options.steps:
        options.no_record = True
        options.forward = [name for name in options.forward if f"forward-{name}" in options.steps]
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
    load = Programs(options)
    plan = steps(measure.Bench(options), load, options)
    if options.steps:
        unknown = set(options.steps) - {step.name for step in plan}
        if unknown:
            names = ", ".join(step.name for step in plan)
            raise measure.Failed(f"no step {', '.join(sorted(unknown))}; there are {names}")
        plan = [step for step in plan if step.name in options.steps]
    by_step = carry_out(plan, options)
    forward = load.results.pop("forward", [])
    table = goals(load.results, forward, options)
    fine = show([row for row in table if not options.steps or row.figure is not None])
    took = round(time.monotonic() - began)
    print(f"\nall of it in {took // 60} minutes {took % 60} seconds, with the full translator: see the configurations")
    if not options.no_record:
        path = results / f"{options.stem}-all.json"
        record = {
            "circumstances": facts,
            "seconds": took,
            "steps": by_step,
            "goals": [dataclasses.asdict(row) | {"verdict": row.verdict()} for row in table],
            "forward": forward,
            "load": load.results,
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
        sweep = results / "sweep.json"
        if "sweep" in load.results:
            sweep.write_text(json.dumps(load.results["sweep"], indent=1) + "\n")
        owner = ROOT.stat()
        for written in (path, sweep, options.plots / f"{options.stem}-rfc9693.svg"):
            if written.exists():
                os.chown(written, owner.st_uid, owner.st_gid)
        print(f"recorded in {path.relative_to(ROOT)}")
    failed = [name for name, one in by_step.items() if "failed" in one]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 0 if fine and not failed else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as why:
        print(f"perf/run --all: {why}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
