"""How many teams there are, what they are called, and how many people each has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from insights_crds.v1 import Teams, TeamSize

__all__ = ["ImpossibleSizesError", "TeamSlots", "team_slots"]


class ImpossibleSizesError(Exception):
    """The people cannot be split into teams of the wanted sizes; the message says why."""


@dataclass(frozen=True)
class TeamSlots:
    """The teams.

    Attributes:
        names: names.
        types: type of each.
        sizes: int64 (g,), people in each.
        locked: bool (g,), teams that keep exactly their people.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    sizes: np.ndarray
    locked: np.ndarray


def team_slots(
    spec: Teams,
    people: int,
    locked: Mapping[str, int],
    crowds: Sequence[tuple[str | None, int]] = (),
    kept: Sequence[str] = (),
) -> TeamSlots:
    """Decide number, names and sizes of the teams.

    Args:
        spec: `spec.teams`.
        people: everyone, people in locked teams included.
        locked: locked teams by name, with their people. They count as teams of the spec, and keep
            their size whatever it says.
        crowds: people who must be in one team: its name where rules give one, and how many. A crowd
            that is larger than a usual team gets one that holds it, where the spec allows it.
        kept: names of current teams, the largest first, so that the largest teams take them over;
            of no meaning where the spec has types, after which teams are called.

    Raises:
        ImpossibleSizesError: there is no way to split so many people.
    """
    free = people - sum(locked.values())
    names: list[str] = list(locked)
    types: list[str] = ["team"] * len(locked)
    sizes: list[int] = list(locked.values())
    for kind, wanted in _split(spec, free, len(locked), [many for _, many in crowds]):
        for at, size in enumerate(wanted):
            names.append(f"{kind}-{at + 1}")
            types.append(kind)
            sizes.append(size)
    names = _distinct(names, len(locked))
    if kept and not spec.types:
        names, sizes = _named_as_before(names, sizes, len(locked), kept)
    locks = np.zeros(len(sizes), dtype=bool)
    locks[: len(locked)] = True
    fitting = _by_name(names, types, np.array(sizes, dtype=np.int64), locks, crowds)
    return TeamSlots(tuple(names), tuple(types), fitting, locks)


def _by_name(
    names: Sequence[str],
    types: Sequence[str],
    sizes: np.ndarray,
    locked: np.ndarray,
    crowds: Sequence[tuple[str | None, int]],
) -> np.ndarray:
    """The same sizes, of each type the largest where the largest crowds are locked by name."""
    at = {name: team for team, name in enumerate(names) if not locked[team]}
    wanted = np.zeros(len(sizes), dtype=np.int64)
    for name, many in crowds:
        if name in at:
            wanted[at[name]] += many
    if (wanted <= sizes).all():
        return sizes
    dealt = sizes.copy()
    kinds = np.array(types, dtype=object)
    for kind in dict.fromkeys(types):
        here = np.flatnonzero((kinds == kind) & ~locked)
        order = here[np.argsort(-wanted[here], kind="stable")]
        dealt[order] = np.sort(sizes[here])[::-1]
    return dealt


def _split(
    spec: Teams, people: int, locked: int, crowds: Sequence[int]
) -> list[tuple[str, list[int]]]:
    if not spec.types:
        return [("team", _one_type(spec.size, spec.count, people, locked, crowds))]
    rest = [kind for kind in spec.types if kind.count is None]
    counted = [kind for kind in spec.types if kind.count is not None]
    least = sum((kind.count or 0) * kind.size.min for kind in counted)
    most = sum((kind.count or 0) * kind.size.max for kind in counted)
    if least > people or (not rest and most < people):
        raise ImpossibleSizesError(
            f"{people:,} people do not fit the types of teams, which take {_span(least, most)}"
        )
    # The type without a count takes the rest; the others are as near their middle as that allows.
    middle = sum((kind.count or 0) * (kind.size.min + kind.size.max) // 2 for kind in counted)
    for share in sorted(range(least, most + 1), key=lambda s: abs(s - min(middle, people))):
        left = people - share
        if rest and not _counts(rest[0].size, left):
            continue
        if not rest and left:
            continue
        return [
            *_counted(counted, share),
            *((kind.name, _one_type(kind.size, None, left, 0, ())) for kind in rest),
        ]
    raise ImpossibleSizesError(f"{people:,} people cannot be split over the types of teams")


def _counted(kinds: list, share: int) -> list[tuple[str, list[int]]]:  # type: ignore[type-arg]
    sizes = [[kind.size.min] * kind.count for kind in kinds]
    left = share - sum(sum(part) for part in sizes)
    while left:
        for kind, part in zip(kinds, sizes, strict=True):
            for at in range(len(part)):
                if left and part[at] < kind.size.max:
                    part[at] += 1
                    left -= 1
    return [(kind.name, part) for kind, part in zip(kinds, sizes, strict=True)]


def _one_type(
    size: TeamSize | None, count: int | None, people: int, locked: int, crowds: Sequence[int]
) -> list[int]:
    if count is not None:
        count -= locked
        if count <= 0 and people > 0:
            raise ImpossibleSizesError(
                f"spec.teams.count leaves no team beside the {locked:,} locked ones for "
                f"{people:,} people"
            )
        if size is not None and not count * size.min <= people <= count * size.max:
            raise ImpossibleSizesError(
                f"{count:,} teams of {_span(size.min, size.max)} take "
                f"{_span(count * size.min, count * size.max)} people, but there are "
                f"{_outside(people, locked)}"
            )
        if count > people:
            raise ImpossibleSizesError(f"{_outside(people, locked)} cannot fill {count:,} teams")
    elif people == 0:
        return []
    else:
        if size is None:
            raise ImpossibleSizesError("spec.teams has neither size nor count")
        fitting = _counts(size, people)
        if not fitting:
            raise ImpossibleSizesError(
                f"{_outside(people, locked)} cannot be split into teams of "
                f"{_span(size.min, size.max)}"
            )
        middle = people / ((size.min + size.max) / 2)
        count = min(fitting, key=lambda c: (abs(c - middle), c))
    return _nearly_equal(people, count, size, crowds)


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _outside(people: int, locked: int) -> str:
    """People to be placed, and that there are others, where locks keep those away."""
    teams = "the locked team" if locked == 1 else f"the {locked:,} locked teams"
    return f"{people:,} people" + (f" outside {teams}" if locked else "")


def _nearly_equal(
    people: int, count: int, size: TeamSize | None, crowds: Sequence[int]
) -> list[int]:
    """Sizes that differ by one at most, but for teams that a larger crowd needs."""
    each, more = divmod(people, max(count, 1))
    usual = [each + 1] * more + [each] * (count - more)
    if size is None:
        return usual
    large = sorted((many for many in crowds if each < many <= size.max), reverse=True)
    if not large or (large[0] <= usual[0] and len(large) <= more):
        return usual
    for kept in range(min(len(large), count), 0, -1):
        rest, others = people - sum(large[:kept]), count - kept
        if others * size.min <= rest and (others > 0 or rest == 0):
            each, more = divmod(rest, max(others, 1))
            return [*large[:kept], *([each + 1] * more), *([each] * (others - more))]
    return usual


def _counts(size: TeamSize, people: int) -> range:
    """Numbers of teams of a size range that so many people can fill."""
    fewest = -(-people // size.max)
    return range(fewest, people // size.min + 1)


def _distinct(names: list[str], locked: int) -> list[str]:
    """Names in which no team is called like a locked one."""
    taken = set(names[:locked])
    out = names[:locked]
    for name in names[locked:]:
        kind, _, number = name.rpartition("-")
        at = int(number)
        while name in taken:
            at += 1
            name = f"{kind}-{at}"
        taken.add(name)
        out.append(name)
    return out


def _named_as_before(
    names: list[str], sizes: list[int], locked: int, kept: Sequence[str]
) -> tuple[list[str], list[int]]:
    """Names and sizes, the largest teams called like the largest of before, sorted by name.

    Paired like this fewest people find no place in the team of their name.
    """
    largest_first = sorted(sizes[locked:], reverse=True)
    taken = set(names[:locked])
    again = [name for name in kept if name not in taken][: len(largest_first)]
    taken.update(again)
    others = iter(f"team-{at + 1}" for at in range(len(taken) + len(names)))
    fresh = (name for name in others if name not in taken)
    again += [next(fresh) for _ in range(len(largest_first) - len(again))]
    pairs = sorted(zip(again, largest_first, strict=True), key=lambda pair: _spoken(pair[0]))
    return (
        names[:locked] + [name for name, _ in pairs],
        sizes[:locked] + [size for _, size in pairs],
    )


def _spoken(name: str) -> list[str | int]:
    """A key that sorts team-9 before team-10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]
