"""The cost of a packet by the number of sessions, fitted to a sweep.

    added(N) = base + l3 * miss(L2, N) + dram * miss(reach * L3, N)
    miss(S, N) = 1 - min(1, S / (touched * N))

`added` is what translating adds to forwarding: nanoseconds a packet of Portolan less those
of macswap on the same source. The costs base, l3 and dram are not negative, and enter
linearly; `reach` is the part of the L3 that sessions have to themselves, tried on a grid.
"""

import itertools
import math
from dataclasses import dataclass

MIB = 1 << 20
# Reaches tried: an eighth of the cache to twice it, in steps of a sixteenth of an octave.
GRID = [2 ** (step / 16) for step in range(-48, 17)]
# No point is taken to be more exact than this part of its time.
FINEST = 0.02
FEWEST = 5


class BadSweep(Exception):
    """A sweep that cannot be fitted, and why."""


@dataclass(frozen=True)
class Caches:
    """Of the machine that the sweep was made on, as one worker saw it."""

    l2: float = 1 * MIB
    l3: float = 32 * MIB
    # Bytes that a session brings into a cache: its line, its part of the index.
    touched: float = 80


@dataclass(frozen=True)
class Point:
    """One number of sessions: nanoseconds added, and how far its pairs lay apart."""

    sessions: int
    added: float
    width: float


@dataclass(frozen=True)
class Model:
    """Nanoseconds; of a miss in the L2, and on top of that in the L3."""

    base: float
    l3: float
    dram: float
    reach: float

    def misses(self, caches, sessions):
        """Part of the packets that miss the L2, and the L3."""
        size = caches.touched * sessions
        return missed(caches.l2, size), missed(self.reach * caches.l3, size)

    def parts(self, caches, sessions):
        """Nanoseconds of base, L3 and DRAM."""
        l2_missed, l3_missed = self.misses(caches, sessions)
        return self.base, self.l3 * l2_missed, self.dram * l3_missed

    def added(self, caches, sessions):
        return sum(self.parts(caches, sessions))


def missed(cache, size):
    """Part of random accesses to `size` bytes that a cache does not hold."""
    return 1 - min(1, cache / size)


def points(sweep):
    """What `load sweep` prints, checked, fewest sessions first."""
    if not isinstance(sweep, list):
        raise BadSweep("not a list of points")
    found = []
    for number, row in enumerate(sweep, 1):
        try:
            sessions, ns, macswap = row["sessions"], row["ns"], row["macswap_ns"]
            low, high = row["spread"]
            fine = sessions >= 1 and 0 < low <= high and 0 < macswap < ns
        except (KeyError, TypeError, ValueError) as why:
            raise BadSweep(f"point {number} has not the form of a sweep: {why!r}") from why
        if not fine:
            raise BadSweep(f"point {number} makes no sense: {row}")
        found.append(Point(sessions, ns - macswap, max(high - low, FINEST * ns)))
    found.sort(key=lambda point: point.sessions)
    if len({point.sessions for point in found}) < FEWEST:
        raise BadSweep(f"{FEWEST} different numbers of sessions are needed at least")
    return found


def fit(found, caches):
    """The model with the least squares of residuals, each by the width of its point."""
    tried = (model_with(reach, found, caches) for reach in GRID)
    return min(tried, key=lambda model: strain(model, found, caches))


def strain(model, found, caches):
    return sum(((point.added - model.added(caches, point.sessions)) / point.width) ** 2 for point in found)


def model_with(reach, found, caches):
    """The costs for one reach. With three of them, trying which are zero is simplest."""
    rows = []
    for point in found:
        l2_missed, l3_missed = Model(0, 0, 0, reach).misses(caches, point.sessions)
        rows.append(([1, l2_missed, l3_missed], point.added, 1 / point.width**2))
    candidates = [Model(0, 0, 0, reach)]
    for count in (1, 2, 3):
        for kept in itertools.combinations(range(3), count):
            costs = least_squares(rows, kept)
            if costs and min(costs) >= 0:
                candidates.append(Model(*costs, reach))
    return min(candidates, key=lambda model: strain(model, found, caches))


def least_squares(rows, kept):
    """Costs of the columns kept, zero for the others; None if they cannot be told apart."""
    matrix = [
        [sum(w * x[a] * x[b] for x, _, w in rows) for b in kept]
        + [sum(w * x[a] * y for x, y, w in rows)]
        for a in kept
    ]
    solution = solve(matrix)
    if solution is None:
        return None
    costs = [0.0, 0.0, 0.0]
    for place, value in zip(kept, solution):
        costs[place] = value
    return costs


def solve(matrix):
    """Of linear equations, each with its right side last; None if they have no one answer."""
    size = len(matrix)
    largest = max(abs(value) for row in matrix for value in row[:size])
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(matrix[row][column]))
        if abs(matrix[pivot][column]) <= 1e-12 * largest:
            return None
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        for row in range(size):
            if row != column:
                factor = matrix[row][column] / matrix[column][column]
                matrix[row] = [a - factor * b for a, b in zip(matrix[row], matrix[column])]
    return [matrix[row][size] / matrix[row][row] for row in range(size)]


def residuals(model, found, caches):
    """(sessions, measured, model, residual) of every point."""
    rows = []
    for point in found:
        expected = model.added(caches, point.sessions)
        rows.append((point.sessions, point.added, expected, point.added - expected))
    return rows


def root_mean_square(rows):
    return math.sqrt(sum(row[3] ** 2 for row in rows) / len(rows))
