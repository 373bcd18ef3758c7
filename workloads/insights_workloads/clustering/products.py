"""A pass of k-means by matrix products, for rows of many features.

With many features boxes exclude nothing, and a matrix product of centres and rows is the fastest
way to all distances. Features are expected near zero (`scaling` centres them): what a product
loses to cancellation grows with the distance from there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from insights_workloads.clustering.kernels.products import TILE, fill, product_pass

__all__ = ["Tiles", "product_labels", "product_totals", "tiles_of"]


class Tiles(NamedTuple):
    """Rows of many features, twice: products want columns, sums by centre want rows.

    Attributes:
        rows: float32 or float64 (n, d), C-contiguous.
        columns: the same in tiles, (t, d, 512), zero after the last row.
    """

    rows: np.ndarray
    columns: np.ndarray


def tiles_of(rows: np.ndarray) -> Tiles:
    """Tiles of some rows, float32 or float64 (n, d), C-contiguous."""
    n, d = rows.shape
    columns = np.zeros((-(-n // TILE), d, TILE), dtype=rows.dtype)
    fill(rows, columns)
    return Tiles(rows, columns)


def product_totals(tiles: Tiles, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums float64 (k, d) and counts float64 (k,) of the rows nearest to each centre."""
    return _run(tiles, centers, np.empty(0, dtype=np.int32))


def product_labels(tiles: Tiles, centers: np.ndarray) -> np.ndarray:
    """Nearest centre of each row, int32 (n,); of equally near ones the first."""
    labels = np.empty(len(tiles.rows), dtype=np.int32)
    _run(tiles, centers, labels)
    return labels


def _run(tiles: Tiles, centers: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kind = tiles.columns.dtype
    sums, counts = np.zeros(centers.shape), np.zeros(len(centers))
    behind = ((centers**2).sum(axis=1) / 2).astype(kind)
    rounded = np.ascontiguousarray(centers, dtype=kind)
    product_pass(*tiles, rounded, behind, sums, counts, labels)
    return sums, counts
