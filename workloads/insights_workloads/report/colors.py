"""Colours of the report, chosen so that colour is never all that tells things apart.

Clusters use the palette of Okabe and Ito (2008), which people with any colour vision can read, and
carry a number; energies carry their letter.
"""

from __future__ import annotations

__all__ = ["CLUSTERS", "ENERGIES", "cluster_color"]

CLUSTERS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9", "#6A3D9A", "#7F7F7F")
ENERGIES = {"red": "#C8322B", "yellow": "#D9A400", "green": "#2E8B57", "blue": "#2F6DB5"}


def cluster_color(number: int) -> str:
    """Colour of a cluster; colours repeat after eight, numbers do not."""
    return CLUSTERS[number % len(CLUSTERS)]
