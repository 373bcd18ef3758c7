"""How a search spends its work: repair, then annealing by single exchanges or by subsets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from insights_workloads.progress import Progress
from insights_workloads.teams.kernels import anneal
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
        choose: number of the plan to take, None for that of the given weights.
    """

    seed: int = 0
    rounds: int | None = None
    time_limit_seconds: float | None = None
    plans: int = 1
    choose: int | None = None
    enough: Callable[[], bool] | None = None


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
        self._progress(share, f"teams are {100 * unbalance:.2g} % as unequal as by chance")
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
        _by_subsets(state, options.seed, budget)
    else:
        _by_single_exchanges(state, options.seed, budget)
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


def _by_single_exchanges(state: SearchState, seed: int, budget: _Budget) -> None:
    """Anneal several times where that is cheap, and keep the best."""
    everyone = np.arange(len(state.class_slots), dtype=np.int32)
    people = len(state.cost.unit_people)
    steps = min(_STEPS, budget.rounds)
    starts = max(1, min(_STARTS, _STARTS_PEOPLE // people, budget.rounds // steps))
    tries = budget.rounds * people // (starts * steps)
    best, lowest = state.snapshot(), np.inf
    for step in range(starts * steps):
        warm = step % steps / max(1.0, steps * (1.0 - _QUENCH))
        hot = state.cost.scale * _COLDEST**warm if warm < 1.0 else 0.0
        _anneal(state, everyone, tries, hot, seed * 1_000_003 + step)
        spent = budget.rounds * (step + 1) // (starts * steps) - budget.spent
        going = budget.spend(spent, state.unbalance())
        if budget.stopped:
            _anneal(state, everyone, _LAST_ROUNDS * people, 0.0, seed)
        if (step + 1) % steps == 0 or not going:
            value = state.value()
            if value < lowest:
                best, lowest = state.snapshot(), value
        if not going:
            break
    state.held = best


def _by_subsets(state: SearchState, seed: int, budget: _Budget) -> None:
    repair(state, seed, _EARLY_REPAIRS)
    rounds = max(1, budget.rounds // _SUBSET_WORK)
    going = True
    # Few people are for what rules leave in the end; they find too little to begin with.
    sizes = (4, 3) if rounds < _SUBSET_SLOW else (4, 3, 2, 1) if state.ruled else (4, 3, 2)
    subsets = SubsetExchange(state, sizes, seed)
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
