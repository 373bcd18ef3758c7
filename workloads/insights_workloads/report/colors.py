"""Colours of the report, chosen so that colour is never all that tells things apart.

A cluster has the colour of where it stands on the wheel, so that the red cluster is red; it carries
its number everywhere as well. Clusters that stand at the same place, or in the middle, take the
palette of Okabe and Ito (2008), which people with any colour vision can read.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ENERGIES", "cluster_colors"]

ENERGIES = {"red": "#C8322B", "yellow": "#C99700", "green": "#2E8B57", "blue": "#2F6DB5"}

_AROUND = ("#C8322B", "#8A4BA0", "#2F6DB5", "#1F8A93", "#2E8B57", "#7A9A2E", "#C99700", "#D9741F")
"""Counter-clockwise from red at 45 degrees: purple, blue, teal, green, lime, yellow, orange."""
_OTHERS = ("#6B7280", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#5B3A8C", "#8C6D1F")
_MIDDLE = 0.08
"""Distance from the middle of the wheel below which a place has no colour of its own."""


def cluster_colors(places: np.ndarray) -> tuple[str, ...]:
    """Colours of clusters, by their centres' places on the wheel.

    Args:
        places: float64 (k, 2), see `charts.wheel_positions`.
    """
    taken: set[str] = set()
    colors = []
    for number, (x, y) in enumerate(places):
        turn = (np.degrees(np.arctan2(y, x)) - 45.0) % 360.0
        color = _AROUND[round(turn / 45.0) % 8]
        if np.hypot(x, y) < _MIDDLE or color in taken:
            free = [other for other in _OTHERS if other not in taken]
            color = free[0] if free else _OTHERS[number % len(_OTHERS)]
        taken.add(color)
        colors.append(color)
    return tuple(colors)
