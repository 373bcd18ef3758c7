"""How a search spends its work: repair, then annealing by single exchanges or by subsets."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np

from insights_workloads.measures import ROUNDS, UNBALANCE
from insights_workloads.progress import Progress
from insights_workloads.teams.crew import Crew, Threads
from insights_workloads.teams.kernels import mend
from insights_workloads.teams.single_exchange import SingleExchange
from insights_workloads.teams.state import SearchState
from insights_workloads.teams.subset_exchange import SubsetExchange

__all__ = ["TeamOptions", "search", "usual_rounds"]

_TRIES = 75_000_000
"""Exchanges that are tried in all, where the spec names no rounds; a round is one a person."""
_MOST_ROUNDS = 20_000
_FEWEST_ROUNDS = 300
_STEPS = 60
_COLDEST = 1e-5
_STARTS, _STARTS_PEOPLE = 60, 2_000
"""Most anneals, and people over all of them: few people have few teams, soon seen, of which the
best may lie so far from all others that one anneal in five ends there."""
_REHEAT = 0.6
"""How far into an anneal chains go on from the best of them, once all have ended."""
_QUENCH = 0.15
"""Share of the work that is spent at temperature 0, at the end."""
_REPAIRS = 60
_FEWEST_TRIES, _MOST_TRIES = 2, 100
"""Exchanges that a repair tries for every place in a broken team: few while they still help."""
_NEAREST, _FARTHER = 32, 4
"""Places apart, in order of likeness, of whom a repair exchanges first, and how that grows: who is
alike leaves teams balanced, and mends what is no matter of balance."""
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
        crew: who searches, threads of this process or actors of Ray; the answer is the same.
        choose: number of the plan to take, None for that of the given weights.
    """

    seed: int = 0
    rounds: int | None = None
    time_limit_seconds: float | None = None
    plans: int = 1
    choose: int | None = None
    enough: Callable[[], bool] | None = None
    crew: Crew = field(default_factory=Threads)


class _Budget:
    """Work that is left, and how it is told."""

    def __init__(self, options: TeamOptions, rounds: int, progress: Progress, began: float) -> None:
        self.rounds = rounds
        self.spent = 0
        self.hurried = False
        self.reproducible = True
        self.stopped = False
        self._enough = options.enough
        self._progress = progress
        self._limit = options.time_limit_seconds
        self._began = began

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


def search(
    state: SearchState, options: TeamOptions, progress: Progress, began: float
) -> tuple[int, bool]:
    """Improve the teams in place.

    Args:
        state: what to improve.
        options: how.
        progress: told how far it is; may raise to stop.
        began: of `time.monotonic`, from when on the time limit counts.

    Returns:
        Rounds that were spent, and whether the work and not the clock ended it.
    """
    rounds = options.rounds or usual_rounds(len(state.cost.unit_people))
    budget = _Budget(options, rounds, progress, began)
    if state.class_start[-1] < 2 or len(state.held.team_start) < 3:
        return 0, True
    if SubsetExchange.suits(state):
        _by_subsets(state, options.seed, budget, options.crew)
    else:
        _by_single_exchanges(state, options.seed, budget, options.crew)
    repair(state, options.seed)
    return budget.spent, budget.reproducible and not budget.hurried


def repair(state: SearchState, seed: int, turns: int = _REPAIRS) -> None:
    """Try exchanges for the people of teams that break a hard rule, first with those like them."""
    if not state.broken_teams().any():
        return
    ring, place = state.likeness
    slot_of = np.empty(len(state.held.slots), dtype=np.int32)
    slot_of[state.held.slots] = np.arange(len(slot_of))
    tries, before = _FEWEST_TRIES, len(state.held.team_start)
    for turn in range(turns):
        broken = state.broken_teams()
        count = int(broken.sum())
        if not count:
            return
        if 2 * count > before:
            tries = min(_MOST_TRIES, 2 * tries)
        before = count
        units = ring[broken[state.held.slot_team[slot_of[ring]]]]
        reach = min(len(ring), _NEAREST * _FARTHER**turn)
        mend(
            state.cost, state.held, state.class_start, ring, place, slot_of, units, tries, reach,
            (seed + 7_919 * (turn + 1)) % 2**31,
        )  # fmt: skip


def _by_single_exchanges(state: SearchState, seed: int, budget: _Budget, crew: Crew) -> None:
    """Anneal several times side by side where that is cheap; go on from the best, keep the best.

    Chains depend on the seed alone and wait for each other after every step, so the answer is the
    same on any number of workers.
    """
    people = len(state.cost.unit_people)
    steps = min(_STEPS, budget.rounds)
    chains = max(1, min(_STARTS, _STARTS_PEOPLE // people, budget.rounds // steps))
    legs = (0.0,) if chains == 1 else (0.0, _REHEAT)
    own = [state.snapshot() for _ in range(chains)]
    planned = [max(1, round(steps * (1.0 - begin))) for begin in legs]
    tries = max(1, budget.rounds * people // (chains * sum(planned)))
    best, lowest, done = own[0], np.inf, 0

    def advance(tries: int, hot: float) -> float:
        """One step of all chains; how far the best is from equal."""
        seeds = [seed * 1_000_003 + chains * done + chain for chain in range(chains)]
        calls = [(held, tries, hot, at) for held, at in zip(own, seeds, strict=True)]
        placements, unbalances = zip(*hands.ask("advance", calls), strict=True)
        own[:] = placements
        return float(min(unbalances))

    crew = crew if chains > 1 else Threads(1)
    with closing(crew.hold(SingleExchange(state), chains)) as hands:
        for begin, length in zip(legs, planned, strict=True):
            for step in range(length):
                warm = begin + step / max(1.0, steps * (1.0 - _QUENCH))
                unbalance = advance(tries, state.cost.scale * _COLDEST**warm if warm < 1 else 0.0)
                done += 1
                spent = budget.rounds * done // sum(planned) - budget.spent
                going = budget.spend(spent, unbalance)
                if not going:
                    break
            if budget.stopped:
                advance(_LAST_ROUNDS * people, 0.0)
            values = [state.holding(held).value() for held in own]
            if min(values) < lowest:
                lowest = min(values)
                best = own[values.index(lowest)]
            if not going:
                break
            own = [state.holding(best).snapshot() for _ in range(chains)]
    state.held = best


def _by_subsets(state: SearchState, seed: int, budget: _Budget, crew: Crew) -> None:
    repair(state, seed, _EARLY_REPAIRS)
    rounds = max(1, budget.rounds // _SUBSET_WORK)
    # Few people are for what rules leave in the end; they find too little to begin with.
    sizes = (4, 3) if rounds < _SUBSET_SLOW else (4, 3, 2, 1) if state.ruled else (4, 3, 2)
    with closing(SubsetExchange(state, sizes, seed, crew)) as subsets:
        for turn in range(rounds):
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
            if not budget.spend(_SUBSET_WORK, state.unbalance()):
                break
        if budget.stopped:
            for turn in range(_LAST_ROUNDS):
                subsets.round(rounds + turn, 0.0)
