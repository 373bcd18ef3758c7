"""What makes each cluster different from everyone, in numbers and in words.

Effect sizes describe; they prove nothing, since the same features made the clusters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from insights_crds.v1 import ENERGIES
from insights_workloads.clustering.members import Members
from insights_workloads.clustering.result import ClusterProfile

__all__ = ["describe", "stability_words"]

_CLEAR = 0.5
"""Standard deviations from which a difference is worth a word."""
_STRONG = 1.0
_STABLE, _DISSOLVED = 0.75, 0.5


def describe(
    features: Sequence[str],
    centers: np.ndarray,
    sizes: np.ndarray,
    overall: np.ndarray,
    spread: np.ndarray,
    stability: np.ndarray | None = None,
    members: Sequence[Members] | None = None,
) -> tuple[ClusterProfile, ...]:
    """Profiles of clusters.

    Args:
        features: names of the features.
        centers: float64 (k, d), means of the clusters in the units of the input.
        sizes: int (k,), people in each.
        overall: float64 (d,), everyone's mean.
        spread: float64 (d,), everyone's standard deviation.
        stability: float64 (k,), Jaccard similarities, or None.
        members: a few people of each, or None.
    """
    total = max(1, int(sizes.sum()))
    safe = np.where(spread > 0, spread, 1.0)
    profiles: list[ClusterProfile] = []
    taken: dict[str, int] = {}
    for cluster, center in enumerate(centers):
        difference = center - overall
        effect = np.where(spread > 0, difference / safe, 0.0)
        name = _name(features, center, effect)
        taken[name] = taken.get(name, 0) + 1
        if taken[name] > 1:
            name = f"{name} {taken[name]}"
        profiles.append(
            ClusterProfile(
                name=name,
                words=_words(features, center, overall, effect),
                size=int(sizes[cluster]),
                share=float(sizes[cluster] / total),
                means=tuple(float(v) for v in center),
                differences=tuple(float(v) for v in difference),
                effects=tuple(float(v) for v in effect),
                stability=None if stability is None else float(stability[cluster]),
                members=Members() if members is None else members[cluster],
            )
        )
    return tuple(profiles)


def _name(features: Sequence[str], center: np.ndarray, effect: np.ndarray) -> str:
    """A name in absolute words where they are true, else in relative ones.

    `Red-Blue` has most of red and of blue, and more than others have; who has more red than others
    and yet more of other energies is `More Red`, and `Less Red` may still be led by red.
    """
    order = np.argsort(-effect, kind="stable")
    high = [int(j) for j in order[:2] if effect[j] >= _CLEAR]
    if high:
        leading = _leading(features, center)
        if all(features[j] in leading for j in high):
            return "-".join(_title(features[j]) for j in high)
        return "More " + " and ".join(_title(features[j]) for j in high)
    low = int(np.argmin(effect))
    if effect[low] <= -_CLEAR:
        return f"Less {_title(features[low])}"
    return "Balanced"


def _leading(features: Sequence[str], center: np.ndarray) -> set[str]:
    """The two energies of which a cluster has most: they alone are told on one scale."""
    energies = [j for j, feature in enumerate(features) if feature in ENERGIES]
    if len(energies) < len(ENERGIES):
        return set()
    return {features[j] for j in sorted(energies, key=lambda j: -center[j])[:2]}


def _words(
    features: Sequence[str], center: np.ndarray, overall: np.ndarray, effect: np.ndarray
) -> str:
    parts = []
    for j in np.argsort(-np.abs(effect), kind="stable"):
        if abs(effect[j]) < _CLEAR:
            break
        much = "much " if abs(effect[j]) >= _STRONG else ""
        way = "higher" if effect[j] > 0 else "lower"
        parts.append(
            f"{much}{way} in {features[j]} ({center[j]:.3g} against {overall[j]:.3g} for everyone)"
        )
    if not parts:
        return "Close to everyone in every feature."
    text = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return text[:1].upper() + text[1:] + "."


def stability_words(jaccard: float) -> str:
    """What a mean Jaccard similarity under resampling means (Hennig, 2007)."""
    if jaccard >= _STABLE:
        return "stable"
    return "doubtful" if jaccard > _DISSOLVED else "dissolves"


def _title(feature: str) -> str:
    return feature[:1].upper() + feature[1:]
