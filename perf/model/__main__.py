"""Fits the cost model to a sweep, prints what it leaves unexplained, and projects it.

    python3 perf/model                        perf/results/sweep.json
    python3 perf/model SWEEP --l3 16 --nic 45 --dram 512

The equations are in README.md beside this.
"""

import argparse
import json
import pathlib
import sys
from dataclasses import replace

import fit
import project
from fit import MIB, Caches
from project import GIB, Target

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORES = (8, 16, 32, 64)
# Of each core; the last but one is a billion over 64 cores.
SESSIONS = (65_536, 1_048_576, 16_800_000, 40_000_000)


def fitted(sweep, caches):
    found = fit.points(sweep)
    model = fit.fit(found, caches)
    rows = fit.residuals(model, found, caches)
    print("nanoseconds added to macswap, by sessions")
    print("    sessions   measured      model   residual")
    for sessions, measured, expected, rest in rows:
        print(f"{sessions:>12} {measured:10.2f} {expected:10.2f} {rest:+10.2f}  {rest / measured:+6.1%}")
    print(f"root of the mean square of the residuals: {fit.root_mean_square(rows):.2f} ns")
    print(
        f"base {model.base:.2f} ns, miss of the L2 {model.l3:.2f} ns, of the L3 {model.dram:.2f} ns more; "
        f"sessions have {model.reach:.0%} of the L3"
    )
    return model


def projected(model, target, touched, spread):
    print()
    print(f"{target.speed / 1e9:.0f} Gbit/s, NIC {spread[0]:.0f} to {spread[1]:.0f} ns a packet, imbalance {target.imbalance}")
    print("frames  cores  sessions/core  ns/packet              Mpps   limit")
    costs = [replace(target, nic=nic) for nic in spread]
    for frames in project.FRAMES:
        for cores in CORES:
            for sessions in SESSIONS:
                cheap, dear = (
                    project.project(model, cost, touched, frames, cores, sessions) for cost in costs
                )
                limit = dear.limit if cheap.limit == dear.limit else f"{cheap.limit} to {dear.limit}"
                print(
                    f"{frames:>6} {cores:>6} {sessions:>14} {cheap.packet:5.1f} to {dear.packet:5.1f}"
                    f" {dear.rate / 1e6:8.1f} to {cheap.rate / 1e6:6.1f}   {limit}"
                )
    for frames in project.FRAMES:
        print(f"{frames}: {project.port_rate(target, frames) / 1e6:.1f} Mpps fill the port; cores for it, sessions in all:")
        for sessions in (1_000_000, 100_000_000, 1_000_000_000):
            few, many = (
                project.cores_for_port(model, cost, touched, frames, sessions) for cost in costs
            )
            print(f"  {sessions:>12}: {few or 'none'} to {many or 'none'}")


def arguments():
    caches, target = Caches(), Target()
    parser = argparse.ArgumentParser(prog="python3 perf/model")
    parser.add_argument("sweep", nargs="?", type=pathlib.Path, default=ROOT / "perf/results/sweep.json")
    measured = parser.add_argument_group("the machine measured")
    measured.add_argument("--l2", type=float, default=caches.l2 / MIB, help="MiB a core")
    measured.add_argument("--l3", type=float, default=caches.l3 / MIB, help="MiB, all of it")
    measured.add_argument("--touched", type=float, default=caches.touched, help="bytes a session brings into a cache")
    there = parser.add_argument_group("the machine projected")
    there.add_argument("--speed", type=float, default=target.speed / 1e9, help="Gbit/s of the port")
    there.add_argument("--nic", type=float, nargs=2, default=(35, 45), metavar=("LOW", "HIGH"), help="ns a packet")
    there.add_argument("--target-l2", type=float, default=target.l2 / MIB, help="MiB a core")
    there.add_argument("--target-l3", type=float, default=target.l3 / MIB, help="MiB, all of it")
    there.add_argument("--bandwidth", type=float, default=target.bandwidth / 1e9, help="GB/s that can be had")
    there.add_argument("--dram", type=float, default=target.dram / GIB, help="GiB for sessions")
    there.add_argument("--session", type=float, default=target.session, help="bytes of memory a session")
    there.add_argument("--lines", type=float, default=target.lines, help="cache lines of state a packet")
    there.add_argument("--imbalance", type=float, default=target.imbalance, help="busiest core by the mean")
    there.add_argument("--clock", type=float, default=target.clock, help="by the clock measured")
    return parser.parse_args()


def main():
    options = arguments()
    try:
        sweep = json.loads(options.sweep.read_text())
        model = fitted(sweep, Caches(options.l2 * MIB, options.l3 * MIB, options.touched))
    except (OSError, ValueError, fit.BadSweep) as why:
        print(f"perf/model: {options.sweep}: {why}", file=sys.stderr)
        return 1
    target = Target(
        speed=options.speed * 1e9,
        l2=options.target_l2 * MIB,
        l3=options.target_l3 * MIB,
        bandwidth=options.bandwidth * 1e9,
        dram=options.dram * GIB,
        session=options.session,
        lines=options.lines,
        imbalance=options.imbalance,
        clock=options.clock,
    )
    projected(model, target, options.touched, options.nic)
    return 0


if __name__ == "__main__":
    sys.exit(main())
