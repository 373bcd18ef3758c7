"""Maximally diverse grouping over a matrix of distances, by parallel tempering.

Several solutions are held at temperatures between nearly free and nearly frozen, and neighbours in
temperature change places by the rule of replica exchange (Hukushima and Nemoto, 1996), so that cold
solutions leave local optima by way of hot ones. The temperatures are found by cooling one solution
until few visits change it, and so need no knowledge of what kind of distances they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from insights_workloads.teams.diversity_kernels import fill_gains, visit

__all__ = ["Grouping", "diverse_groups", "largest_squares"]

_REPLICAS = 6
_FREE, _FROZEN = 0.09, 0.01
"""Shares of visits that change something, at the hottest and the coldest temperature."""
_HOTTEST, _COLDEST = 0.6, 0.02
_COOLING = 0.95
_PROBES = 15_000
"""Visits at each temperature while it is looked for."""
_SETTLING = 30
_NOISE = 1 << 16
_VISITS = 150_000
"""Valued exchanges between two replica exchanges."""


@dataclass(frozen=True)
class Grouping:
    """Groups.

    Attributes:
        group: int32 (n,), group of each person.
        value: summed distance of all pairs within groups.
        rounds: rounds of replica exchange that were made.
    """

    group: np.ndarray
    value: float
    rounds: int


class _Replica:
    """One solution at one temperature."""

    def __init__(self, distances: np.ndarray, group: np.ndarray, groups: int) -> None:
        self.group = group.astype(np.int32)
        self.sizes = np.bincount(group, minlength=groups).astype(np.int64)
        self.gains = np.empty((groups, len(group)), np.float32)
        self.own = np.empty(len(group), np.float32)
        fill_gains(distances, self.group, self.gains, self.own)
        self.value = np.full(2, float(self.own.sum(dtype=np.float64)) / 2)
        self.best = self.group.copy()


def diverse_groups(
    distances: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    seed: int,
    more: Callable[[int], bool],
) -> Grouping:
    """Form groups whose members are as far from each other as possible in sum.

    Args:
        distances: float64 (n, n), symmetric.
        low: int (g,), fewest people of each group.
        high: int (g,), most people of each group.
        seed: of every random choice.
        more: told the rounds that were made; whether to go on. Count work in it where the answer
            must be the same again.

    Raises:
        ValueError: no sizes within the bounds sum to n.
    """
    random = np.random.default_rng([seed, 29])
    exact = np.asarray(distances, dtype=np.float64)
    single = exact.astype(np.float32)
    np.fill_diagonal(single, 0.0)
    low, high = np.asarray(low, dtype=np.int64), np.asarray(high, dtype=np.int64)
    sizes = largest_squares(len(exact), low, high)
    places = np.repeat(np.arange(len(low), dtype=np.int32), sizes)
    noise = random.gumbel(size=_NOISE + len(exact) + len(low)).astype(np.float32)
    generator = random.integers(1, 2**63, 1, dtype=np.uint64)

    def tempered(replica: _Replica, hot: float, turns: int) -> int:
        return int(
            visit(
                single, replica.group, replica.gains, replica.own, replica.sizes, low, high, hot,
                turns, noise, generator, replica.value, replica.best,
            )
        )  # fmt: skip

    turns = max(1, _VISITS // len(exact) ** 2)
    first = _Replica(single, random.permutation(places), len(low))
    ladder, cooled = _ladder(_noise_scale(exact), first, tempered)
    replicas = [_Replica(single, group, len(low)) for group in cooled]
    rounds = 0
    while more(rounds):
        for replica, hot in zip(replicas, ladder, strict=True):
            tempered(replica, hot, turns)
        for at in range(rounds % 2, _REPLICAS - 1, 2):
            hotter, colder = replicas[at], replicas[at + 1]
            gain = hotter.value[0] - colder.value[0]
            if np.log(random.random()) < (1 / ladder[at + 1] - 1 / ladder[at]) * gain:
                replicas[at], replicas[at + 1] = colder, hotter
        rounds += 1
    groups = []
    for replica in replicas:
        settled = _Replica(single, replica.best, len(low))
        tempered(settled, 0.0, _SETTLING)
        groups.append(settled.best)
    values = [_within(exact, group) for group in groups]
    return Grouping(groups[int(np.argmax(values))], max(values), rounds)


def largest_squares(people: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Sizes within bounds whose squares sum to most, so that most pairs are within groups.

    Raises:
        ValueError: no sizes within the bounds sum to `people`.
    """
    best = np.full((len(low) + 1, people + 1), -1, dtype=np.int64)
    best[0, 0] = 0
    chosen = np.zeros_like(best)
    for g in range(len(low)):
        for size in range(int(low[g]), min(int(high[g]), people) + 1):
            before = best[g, : people + 1 - size]
            squares = np.where(before >= 0, before + size * size, -1)
            better = squares > best[g + 1, size:]
            best[g + 1, size:][better] = squares[better]
            chosen[g + 1, size:][better] = size
    if best[-1, people] < 0:
        raise ValueError(
            f"{people} people do not fit {len(low)} groups of {int(np.sum(low))} to "
            f"{int(np.sum(high))} people in all; widen the bounds"
        )
    sizes = np.zeros(len(low), dtype=np.int64)
    for g in range(len(low) - 1, -1, -1):
        sizes[g] = chosen[g + 1, people]
        people -= int(sizes[g])
    return sizes


def _ladder(
    scale: float, replica: _Replica, tempered: Callable[[_Replica, float, int], int]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Temperatures from nearly free to nearly frozen, and a solution cooled to each."""
    people = len(replica.group)
    turns = max(1, _PROBES // people)
    trace: list[tuple[float, np.ndarray]] = []
    hot = _HOTTEST * scale * float(np.sqrt(people / len(replica.sizes)))
    coldest = hot * _COLDEST
    while hot > coldest:
        made = tempered(replica, hot, turns)
        if made <= _FREE * turns * people:
            trace.append((hot, replica.group.copy()))
        if made < _FROZEN * turns * people:
            break
        hot *= _COOLING
    if not trace:
        trace.append((hot, replica.group.copy()))
    ladder = np.geomspace(trace[0][0], trace[-1][0], _REPLICAS)
    seen = np.array([at for at, _ in trace])
    return ladder, [trace[int(np.argmin(np.abs(seen - at)))][1] for at in ladder]


def _noise_scale(distances: np.ndarray) -> float:
    """Standard deviation of distances that rows and columns do not explain."""
    apart = ~np.eye(len(distances), dtype=bool)
    filled = np.where(apart, distances, distances[apart].mean())
    rows = filled.mean(axis=0)
    return max(1e-12, float((filled - rows - rows[:, None] + filled.mean())[apart].std()))


def _within(distances: np.ndarray, group: np.ndarray) -> float:
    return float(distances[group[:, None] == group[None, :]].sum()) / 2
