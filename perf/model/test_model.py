"""python3 -m unittest discover -s perf/model: the fit and the projection, on made-up sweeps."""

import random
import unittest
from dataclasses import replace

import fit
import project
from fit import MIB, Caches, Model
from project import GIB, Target

CACHES = Caches()
TRUTH = Model(base=12.0, l3=3.0, dram=9.0, reach=0.5)
SESSIONS = [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 16_500_000, 40_000_000]


def sweep(model=TRUTH, macswap=11.0, noise=0.0, seed=1):
    """What `load sweep` would print of a machine that is just as the model says."""
    chance = random.Random(seed)
    rows = []
    for sessions in SESSIONS:
        ns = macswap + model.added(CACHES, sessions) * (1 + chance.uniform(-noise, noise))
        spread = [ns * 0.99, ns * 1.01]
        rows.append({"sessions": sessions, "ns": ns, "macswap_ns": macswap, "spread": spread})
    return rows


def fitted(rows):
    found = fit.points(rows)
    return fit.fit(found, CACHES), found


class Fit(unittest.TestCase):
    def test_costs_and_reach_are_found_again(self):
        model, found = fitted(sweep())
        for name in ("base", "l3", "dram", "reach"):
            self.assertAlmostEqual(getattr(model, name), getattr(TRUTH, name), places=6, msg=name)
        self.assertLess(fit.root_mean_square(fit.residuals(model, found, CACHES)), 1e-6)

    def test_noise_of_three_percent_moves_no_point_by_more_than_five(self):
        for seed in range(20):
            model, _ = fitted(sweep(noise=0.03, seed=seed))
            for sessions in SESSIONS:
                truth = TRUTH.added(CACHES, sessions)
                self.assertAlmostEqual(model.added(CACHES, sessions) / truth, 1, delta=0.05)

    def test_no_cost_is_negative_where_more_sessions_seem_cheaper(self):
        rows = sweep()
        for place, row in enumerate(rows):
            row["ns"] = 40.0 - place
            row["spread"] = [row["ns"], row["ns"]]
        model, _ = fitted(rows)
        self.assertGreaterEqual(min(model.base, model.l3, model.dram), 0)
        self.assertAlmostEqual(model.added(CACHES, 1024), 25, delta=1)

    def test_a_point_with_wide_spread_counts_little(self):
        rows = sweep()
        rows[4]["ns"] += 10
        rows[4]["spread"] = [1, 1000]
        model, _ = fitted(rows)
        self.assertAlmostEqual(model.added(CACHES, 1 << 18), TRUTH.added(CACHES, 1 << 18), delta=0.1)

    def test_a_residual_is_measured_less_model(self):
        found = fit.points(sweep())
        low = replace(TRUTH, base=TRUTH.base - 2)
        for sessions, measured, expected, rest in fit.residuals(low, found, CACHES):
            self.assertAlmostEqual(rest, 2, msg=sessions)
            self.assertAlmostEqual(measured - expected, rest)

    def test_points_may_come_in_any_order(self):
        rows = sweep()
        self.assertEqual(fit.points(rows), fit.points(rows[::-1]))

    def test_what_is_no_sweep_is_refused(self):
        def without(name):
            return [{key: value for key, value in row.items() if key != name} for row in sweep()]

        def with_first(**changes):
            return [dict(sweep()[0], **changes), *sweep()[1:]]

        for rows in (
            {},
            [],
            sweep()[:4],
            sweep()[:1] * 9,
            without("macswap_ns"),
            without("spread"),
            with_first(sessions=0),
            with_first(ns=10.0),
            with_first(spread=[3]),
            with_first(spread=[20, 10]),
            with_first(ns="fast"),
        ):
            with self.assertRaises(fit.BadSweep, msg=rows):
                fit.points(rows)


class Projection(unittest.TestCase):
    def row(self, frames="64 B", cores=8, sessions=1 << 20, model=TRUTH, **target):
        return project.project(model, Target(**target), CACHES.touched, frames, cores, sessions)

    def test_a_hundred_gigabits_are_148_million_small_frames(self):
        self.assertAlmostEqual(project.port_rate(Target(), "64 B") / 1e6, 148.8, places=1)
        self.assertAlmostEqual(project.port_rate(Target(), "IMIX") / 1e6, 32.7, places=1)

    def test_one_core_takes_the_sum_of_its_parts(self):
        row = self.row(cores=1, sessions=1024, imbalance=1, nic=40)
        self.assertAlmostEqual(row.packet, 40 + TRUTH.base)
        self.assertAlmostEqual(row.rate, 1e9 / 52)

    def test_the_port_bounds_many_cores(self):
        row = self.row(cores=64)
        self.assertEqual(row.limit, "port")
        self.assertAlmostEqual(row.rate, project.port_rate(Target(), "64 B"))

    def test_the_nic_bounds_few_cores(self):
        self.assertEqual(self.row(cores=2, sessions=1024).limit, "core time: NIC")

    def test_the_share_of_the_l3_bounds_cores_that_wait_for_memory(self):
        slow = replace(TRUTH, dram=200.0)
        self.assertEqual(self.row(cores=16, model=slow, l3=16 * MIB).limit, "core time: L3 share")
        # Alone with the whole of it, the same sessions mostly fit.
        alone = self.row(cores=1, sessions=1 << 18, model=slow, l3=64 * MIB)
        self.assertEqual(alone.limit, "core time: NIC")

    def test_memory_bandwidth_bounds_a_machine_with_little_of_it(self):
        row = self.row(cores=64, sessions=40_000_000, bandwidth=20e9)
        self.assertEqual(row.limit, "memory bandwidth")
        # Two lines there and back of which nearly all miss, and the frame twice.
        self.assertAlmostEqual(row.rate / (20e9 / (256 + 128)), 1, delta=0.01)

    def test_sessions_that_do_not_fit_the_memory_are_not_served(self):
        row = self.row(cores=64, sessions=40_000_000, dram=64 * GIB)
        self.assertEqual((row.limit, row.rate), ("DRAM capacity", 0))
        self.assertNotEqual(self.row(cores=64, sessions=10_000_000, dram=64 * GIB).rate, 0)

    def test_the_busiest_core_decides(self):
        even, uneven = (self.row(cores=2, imbalance=value).rate for value in (1, 1.25))
        self.assertAlmostEqual(even / uneven, 1.25)

    def test_a_slower_clock_does_not_slow_memory(self):
        full, half = (self.row(cores=2, imbalance=1, clock=value).packet for value in (1, 0.5))
        waiting = project.packet_parts(TRUTH, Target(), CACHES.touched, 2, 1 << 20)["L3 share"]
        self.assertGreater(waiting, 0)
        self.assertAlmostEqual(half - waiting, 2 * (full - waiting))

    def test_more_sessions_are_never_faster_and_more_cores_never_slower(self):
        for cores in (8, 16, 32, 64):
            rates = [self.row(cores=cores, sessions=sessions, speed=1e15).rate for sessions in SESSIONS]
            self.assertEqual(rates, sorted(rates, reverse=True))
        # With the same sessions in all. With as many for each, a shared L3 may become too small.
        without_end = {"speed": 1e15, "bandwidth": 1e15}
        rates = [self.row(cores=1 << n, sessions=1 << 24 - n, **without_end).rate for n in range(7)]
        self.assertEqual(rates, sorted(rates))

    def test_the_fewest_cores_that_fill_the_port(self):
        few = project.cores_for_port(TRUTH, Target(), CACHES.touched, "64 B", 1 << 20)
        self.assertEqual(self.row(cores=few, sessions=(1 << 20) // few).limit, "port")
        self.assertNotEqual(self.row(cores=few - 1, sessions=(1 << 20) // (few - 1)).limit, "port")
        starved = Target(bandwidth=1e9)
        self.assertIsNone(project.cores_for_port(TRUTH, starved, CACHES.touched, "64 B", 1 << 20))


if __name__ == "__main__":
    unittest.main()
