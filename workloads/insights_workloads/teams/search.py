"""How a search spends its work: repair, then annealing by single exchanges or by subsets."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from insights_workloads.measures import ROUNDS, UNBALANCE
from insights_workloads.progress import Progress
from insights_workloads.teams.kernels import Occupancy, anneal
from insights_workloads.teams.state import SearchState
from insights_workloads.teams.subset_exchange import SubsetExchange

__all__ = ["TeamOptions", "search", "usual_rounds"]

_TRIES = 75_000_000
"""Exchanges that are tried in all, where the spec names no rounds; a round is one a person."""
_MOST_ROUNDS = 20_000
_FEWEST_ROUNDS = 300
_STEPS = 60
_COLDEST = 1e-5
_STARTS, _STARTS_PEOPLE = 20, 2_000
"""Most anneals, and people over all of them: few people have few teams, soon seen."""
_REHEAT = 0.6
"""How far into an anneal chains go on from the best of them, once all have ended."""
_QUENCH = 0.15
"""Share of the work that is spent at temperature 0, at the end."""
_REPAIRS = 60
_FEWEST_TRIES, _MOST_TRIES = 2, 100
"""Exchanges that a repair tries for every place in a broken team: few while they still help."""
_EARLY_REPAIRS = 6
"""Turns of repair before subsets are looked at, which mend some rules on their way."""
_SUBSET_WORK = 9
"""Rounds that a round of subset exchanges takes, by time."""
_SUBSET_SLOW = 100
"""Rounds of subset exchanges from which on they start hot: a shorter anneal starts colder."""
_SUBSET_COLD = (0.45, 0.8)
_SUBSET_QUENCH = (0.2, 0.1)
_SUBSET_HOT = (1.0, 0.85)
"""Of a short anneal and a long one: share of the heat that is left before the quench, share of the
rounds that are quench, and heat at the start."""
_LAST_ROUNDS = 6
"""Rounds at temperature 0 with which a search that was asked to end does so."""
_CLOCK_AHEAD = 0.05
"""Share of the time limit by which the clock has to be ahead of the work to set the pace."""


@dataclass(frozen=True)
class TeamOptions:
    """How to search.

    Attributes:
        seed: of every random choice.
        rounds: work to spend, in tried exchanges a person; None for a default by size.
        time_limit_seconds: ends the search early, and marks the plan as not reproducible.
        plans: how many plans to find, under several weights of the objectives, to choose from; the
            work is divided among them.
        enough: asked between pieces of work; where it says so the best so far is given, and marked
            as not reproducible.
        workers: threads to use, None for one a CPU; the answer is the same on any number.
        choose: number of the plan to take, None for that of the given weights.
    """

    seed: int = 0
    rounds: int | None = None
    time_limit_seconds: float | None = None
    plans: int = 1
    choose: int | None = None
    enough: Callable[[], bool] | None = None
    workers: int | None = None


class _Budget:
    """Work that is left, and how it is told."""

    def __init__(self, options: TeamOptions, rounds: int, progress: Progress) -> None:
        self.rounds = rounds
        self.spent = 0
        self.hurried = False
        self.reproducible = True
        self.stopped = False
        self._enough = options.enough
        self._progress = progress
        self._limit = options.time_limit_seconds
        self._began = time.monotonic()

    def passed(self, share: float) -> float:
        """Share of the search that is over, by work, or by the clock where that is far ahead."""
        if self._limit is not None:
            clock = (time.monotonic() - self._began) / self._limit
            if clock > share + _CLOCK_AHEAD:
                self.hurried = True
                return min(1.0, clock)
        return share

    def spend(self, rounds: int, unbalance: float) -> bool:
        """Note work, and how far teams are from equal; False where it has to end."""
        self.spent = min(self.rounds, self.spent + rounds)
        share = self.passed(self.spent / self.rounds)
        said = f"teams are {100 * unbalance:.2g} % as unequal as by chance"
        self._progress(share, said, {ROUNDS: rounds, UNBALANCE: unbalance})
        if self._enough is not None and self._enough():
            self.stopped, self.reproducible = True, False
        if self._limit is not None and time.monotonic() - self._began > self._limit:
            self.reproducible = False
        return self.reproducible and self.spent < self.rounds


def usual_rounds(people: int) -> int:
    """Work of a search whose spec names none."""
    return max(_FEWEST_ROUNDS, min(_MOST_ROUNDS, _TRIES // people))


def search(state: SearchState, options: TeamOptions, progress: Progress) -> tuple[int, bool]:
    """Improve the teams in place.

    Args:
        state: what to improve.
        options: how.
        progress: told how far it is; may raise to stop.

    Returns:
        Rounds that were spent, and whether the work and not the clock ended it.
    """
    rounds = options.rounds or usual_rounds(len(state.cost.unit_people))
    budget = _Budget(options, rounds, progress)
    if state.class_start[-1] < 2 or len(state.held.team_start) < 3:
        return 0, True
    if SubsetExchange.suits(state):
        _by_subsets(state, options.seed, budget, options.workers)
    else:
        _by_single_exchanges(state, options.seed, budget, options.workers)
    repair(state, options.seed)
    return budget.spent, budget.reproducible and not budget.hurried


def repair(state: SearchState, seed: int, turns: int = _REPAIRS) -> None:
    """Try exchanges with everyone for the people of teams that break a hard rule."""
    tries, before = _FEWEST_TRIES, len(state.held.team_start)
    for turn in range(turns):
        broken = state.broken_teams()
        count = int(broken.sum())
        if not count:
            return
        if 2 * count > before:
            tries = min(_MOST_TRIES, 2 * tries)
        before = count
        firsts = np.flatnonzero(broken[state.held.slot_team[state.class_slots]]).astype(np.int32)
        if not len(firsts):
            return
        _anneal(state, firsts, tries * len(firsts), 0.0, seed + 7_919 * (turn + 1))


def _by_single_exchanges(
    state: SearchState, seed: int, budget: _Budget, workers: int | None
) -> None:
    """Anneal several times side by side where that is cheap; go on from the best, keep the best.

    Chains depend on the seed alone and wait for each other after every step, so the answer is the
    same on any number of workers.
    """
    people = len(state.cost.unit_people)
    steps = min(_STEPS, budget.rounds)
    chains = max(1, min(_STARTS, _STARTS_PEOPLE // people, budget.rounds // steps))
    legs = (0.0,) if chains == 1 else (0.0, _REHEAT)
    own = [state.alike() for _ in range(chains)]
    planned = [max(1, round(steps * (1.0 - begin))) for begin in legs]
    tries = max(1, budget.rounds * people // (chains * sum(planned)))
    everyone = np.arange(len(state.class_slots), dtype=np.int32)
    best, lowest, done = state.snapshot(), np.inf, 0

    def advance(chain: int, hot: float, number: int, tries: int = tries) -> None:
        _anneal(own[chain], everyone, tries, hot, seed * 1_000_003 + chains * number + chain)

    with ThreadPoolExecutor(_threads(chains, workers)) as pool:
        for begin, length in zip(legs, planned, strict=True):
            for step in range(length):
                warm = begin + step / max(1.0, steps * (1.0 - _QUENCH))
                hot = state.cost.scale * _COLDEST**warm if warm < 1.0 else 0.0
                list(pool.map(partial(advance, hot=hot, number=done), range(chains)))
                done += 1
                spent = budget.rounds * done // sum(planned) - budget.spent
                going = budget.spend(spent, min(chain.unbalance() for chain in own))
                if not going:
                    break
            if budget.stopped:
                last = partial(advance, hot=0.0, number=done, tries=_LAST_ROUNDS * people)
                list(pool.map(last, range(chains)))
            values = [chain.value() for chain in own]
            if min(values) < lowest:
                lowest, best = min(values), own[int(np.argmin(values))].snapshot()
            if not going:
                break
            for chain in own:
                chain.held = Occupancy(*(part.copy() for part in best))
    state.held = best


def _threads(parts: int, workers: int | None) -> int:
    return max(1, min(parts, workers or len(os.sched_getaffinity(0))))


def _by_subsets(state: SearchState, seed: int, budget: _Budget, workers: int | None) -> None:
    repair(state, seed, _EARLY_REPAIRS)
    rounds = max(1, budget.rounds // _SUBSET_WORK)
    going = True
    # Few people are for what rules leave in the end; they find too little to begin with.
    sizes = (4, 3) if rounds < _SUBSET_SLOW else (4, 3, 2, 1) if state.ruled else (4, 3, 2)
    subsets = SubsetExchange(state, sizes, seed, workers)
    for turn in range(rounds):
        if not going:
            break
        slow = min(1.0, rounds / _SUBSET_SLOW)
        if budget.hurried:
            # The clock allows as many rounds as it has so far, over its share.
            slow = min(slow, turn / max(budget.passed(0.0), 1e-9) / _SUBSET_SLOW)
        hottest, cold, quench = (
            short + slow * (long - short)
            for short, long in (_SUBSET_HOT, _SUBSET_COLD, _SUBSET_QUENCH)
        )
        warm = budget.passed(turn / rounds) / (1.0 - quench)
        hot = slow * hottest * cold**warm if warm < 1.0 else 0.0
        subsets.round(turn, hot)
        going = budget.spend(_SUBSET_WORK, state.unbalance())
    if budget.stopped:
        for turn in range(_LAST_ROUNDS):
            subsets.round(rounds + turn, 0.0)


def _anneal(state: SearchState, firsts: np.ndarray, tries: int, hot: float, seed: int) -> None:
    anneal(
        state.cost,
        state.held,
        state.class_start,
        state.class_slots,
        firsts,
        tries,
        hot,
        seed % 2**31,
    )
