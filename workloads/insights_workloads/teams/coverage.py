"""What teams lack, who would bring it, and which people of all teams make a task force.

An energy leads in a person who has more of it than of any other. A team in which it leads in nobody
lacks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Lack", "TaskForce", "lacking", "task_force"]

_SWAPS = 20
_ROLE = 10.0
"""What a role more is worth; all energies together are worth 4 at most."""
_LIKENESS = 0.1


@dataclass(frozen=True)
class Lack:
    """What teams lack.

    Attributes:
        missing: bool (g, 4), energies that lead in nobody of a team.
        hire: float64 (g, 4), energies of somebody who would bring the team's mean to everyone's, as
            near as 0 to 100 allow.
        closes: int (4,), teams whose last gap somebody with this leading energy would close.
    """

    missing: np.ndarray
    hire: np.ndarray
    closes: np.ndarray


@dataclass(frozen=True)
class TaskForce:
    """People of several teams for a task that needs everything.

    Attributes:
        people: int (s,), in the order in which they add most.
        energies: float64 (4,), most of each energy that one of them has.
        roles: roles that are covered, none where no attribute was named.
        uncovered: roles that would need more people.
    """

    people: np.ndarray
    energies: np.ndarray
    roles: tuple[str, ...]
    uncovered: tuple[str, ...]


def lacking(energies: np.ndarray, team: np.ndarray, teams: int) -> Lack:
    """What each team lacks.

    Args:
        energies: float64 (n, 4), without missing values.
        team: int (n,), team of each person, -1 for people in none.
        teams: how many there are.
    """
    placed = team >= 0
    leading = energies[placed].argmax(axis=1)
    width = energies.shape[1]
    crowd = np.bincount(team[placed] * width + leading, minlength=teams * width)
    missing = crowd.reshape(teams, width) == 0
    sizes = np.bincount(team[placed], minlength=teams)
    sums = np.column_stack(
        [np.bincount(team[placed], column, minlength=teams) for column in energies[placed].T]
    )
    wanted = (sizes[:, None] + 1) * energies.mean(axis=0) - sums
    single = missing & (missing.sum(axis=1) == 1)[:, None]
    return Lack(missing, np.clip(wanted, 0.0, 100.0), single.sum(axis=0))


def task_force(
    energies: np.ndarray, team: np.ndarray, size: int, roles: Sequence[str | None] | None = None
) -> TaskForce:
    """Pick people who cover roles, then energies, and together are like everyone.

    They are picked one after another by what each adds (which comes near to the best there is;
    Nemhauser, Wolsey and Fisher, 1978), then exchanged while that helps. No team gives a second
    person before every team has given one.

    Args:
        energies: float64 (n, 4), 0 to 100, without missing values.
        team: int (n,), -1 for people in none, who may all be picked.
        size: people to pick, at most n.
        roles: role of each person, None for nothing; None to look at energies alone.
    """
    names = sorted({role for role in roles or () if role is not None})
    at = {name: number for number, name in enumerate(names)}
    role = np.array([at.get(r, -1) if r is not None else -1 for r in roles or [None] * len(team)])
    giving = len(np.unique(team[team >= 0]))
    most = max(1, -(-size // max(giving, 1)))
    everyone = energies.mean(axis=0)
    spread = max(1e-9, float(energies.std()))

    def worth(best: np.ndarray, held: np.ndarray, sums: np.ndarray, count: int) -> np.ndarray:
        """Of candidates in rows: roles, energies, and how like everyone the group is."""
        far = np.abs(sums / count - everyone).mean(axis=-1) / spread
        return np.asarray(_ROLE * held + best.sum(axis=-1) / 100.0 - _LIKENESS * far)

    def with_one_more(chosen: list[int]) -> np.ndarray:
        inside = np.array(chosen, dtype=int)
        best = np.maximum(energies[inside].max(axis=0, initial=0.0), energies)
        have = np.unique(role[inside][role[inside] >= 0])
        held = len(have) + ((role >= 0) & ~np.isin(role, have))
        value = worth(best, held, energies[inside].sum(axis=0) + energies, len(chosen) + 1)
        crowd = np.bincount(team[inside][team[inside] >= 0], minlength=int(team.max(initial=0)) + 1)
        full = (team >= 0) & (crowd[np.maximum(team, 0)] >= most)
        value[full] = -np.inf
        value[inside] = -np.inf
        return value

    chosen: list[int] = []
    while len(chosen) < min(size, len(team)):
        chosen.append(int(np.argmax(with_one_more(chosen))))
    for _ in range(_SWAPS):
        options = []
        for out in chosen:
            rest = [p for p in chosen if p != out]
            value = with_one_more(rest)
            now, new = value[out], int(np.argmax(value))
            options.append((float(value[new] - now), out, new))
        gain, out, new = max(options, key=lambda option: option[0], default=(0.0, -1, -1))
        if gain <= 1e-9:
            break
        chosen[chosen.index(out)] = new
    picked = np.array(chosen, dtype=int)
    covered = {int(r) for r in role[picked] if r >= 0}
    return TaskForce(
        people=picked,
        energies=energies[picked].max(axis=0, initial=0.0),
        roles=tuple(name for number, name in enumerate(names) if number in covered),
        uncovered=tuple(name for number, name in enumerate(names) if number not in covered),
    )
