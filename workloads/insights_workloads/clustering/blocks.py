"""Rows in blocks of neighbours, so that a pass of k-means can leave most of its work out.

The rows of each chunk are ordered along a space-filling curve (Morton, 1966) and cut into blocks of
64, each with the box that holds it. A centre that is farther from every point of the box than
another cannot win a row of the block (Kanungo et al., 2002); where one centre is left, the block is
settled by its sums without a look at its rows. What is left runs over columns without a branch. And
a block is asked again only when centres have moved far enough to matter (Hamerly, 2010).

A block's rows are kept relative to the middle of its box: differences of squared distances then
lose no digits, wherever the block lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from insights_workloads.clustering.kernels.cutting import cut
from insights_workloads.clustering.kernels.lanes import LANES
from insights_workloads.clustering.kernels.passes import KEPT, block_labels, block_pass
from insights_workloads.clustering.kernels.plain import unrolled

__all__ = ["BlockedRows"]


class Blocks(NamedTuple):
    """Blocks of 64 rows of d features, all of the rows' own float type.

    Attributes:
        boxed: whether rows were ordered and have boxes.
        near: (b, d, 64), rows less their block's middle; zero after the last row.
        middle: (t, d, 64), middles of the boxes of tile t; block b is number b % 64 of tile
            b // 64, and the last tile ends in zeros. Zero without boxes.
        half: (t, d, 64), half their widths.
        reach: (t, 1, 64), squared distances of the middles to their farthest rows.
        total: float64 (b, d + 1), sums of the rows of each block, and their number.
        order: uint32 (n,), the row of the chunk that stands at each place.
        typical: distance of a middle to its farthest row, on average.
    """

    boxed: bool
    near: np.ndarray
    middle: np.ndarray
    half: np.ndarray
    reach: np.ndarray
    total: np.ndarray
    order: np.ndarray
    typical: float


class Memory(NamedTuple):
    """What passes have found for each of s sets of k centres.

    Attributes:
        centers: (s, k, d), where the centres were last.
        spent: float64 (s,), how far they have moved.
        until: float64 (s, t, 64), how far they may move before a block has to be looked at.
        present: uint8 (s, b), how many centres have rows of a block.
        who: int32 (s, b, 4), which.
        parts: float64 (s, b, 4, d + 1), sums and numbers of their rows.
        tiles: float64 (s, t, k, d + 1), sums and numbers of each tile's rows.
        chunks: float64 (s, c, k, d + 1), those of each chunk.
    """

    centers: np.ndarray
    spent: np.ndarray
    until: np.ndarray
    present: np.ndarray
    who: np.ndarray
    parts: np.ndarray
    tiles: np.ndarray
    chunks: np.ndarray


class BlockedRows:
    """Rows in blocks, and what passes over them have found."""

    def __init__(self, rows: np.ndarray, rows_a_chunk: int) -> None:
        """Order rows, float32 or float64 (n, d), C-contiguous, 1 <= n."""
        n, d = rows.shape
        count = -(-n // LANES)
        tiles = -(-count // LANES)
        kind = rows.dtype
        near = np.empty((count, d, LANES), kind)
        middle, half = np.zeros((tiles, d, LANES), kind), np.zeros((tiles, d, LANES), kind)
        reach = np.zeros((tiles, 1, LANES), kind)
        total, order = np.empty((count, d + 1)), np.empty(n, np.uint32)
        few = unrolled(d)
        # Boxes of many features exclude too few centres to pay for the ordering.
        boxed = len(few) > 0
        cut(
            rows,
            rows_a_chunk,
            boxed,
            near,
            middle,
            half,
            reach,
            total,
            order,
            few,
        )
        typical = float(np.sqrt(reach.sum(dtype=np.float64) / count))
        self._blocks = Blocks(boxed, near, middle, half, reach, total, order, typical)
        self._memories: dict[int, Memory] = {}
        self._tiles_a_chunk = rows_a_chunk // LANES**2
        # More than rounding can amount to, in the boxes and where rows are compared.
        self._margin = kind.type(4 * (d + 4) * np.finfo(kind).eps)

    def totals(self, slots: Sequence[int], centers: np.ndarray) -> np.ndarray:
        """Sums and counts of the rows nearest to each centre, float64 (s, c, k, d + 1).

        Args:
            slots: a number for each set of centres, the same for its next ones: what was found for
                the last ones is then made use of. It does not change a bit of the answer.
            centers: float64 (s, k, d).
        """
        memory = self._memory(max(slots) + 1, centers.shape[1])
        rounded = centers.astype(self._blocks.near.dtype)
        at = np.asarray(slots)
        block_pass(self._blocks, memory, at, rounded, self._margin, self._tiles_a_chunk)
        return np.asarray(memory.chunks[at])

    def labels(self, centers: np.ndarray) -> np.ndarray:
        """Nearest of centres, float64 (k, d), of each row: int32 (n,)."""
        labels = np.empty(len(self._blocks.order), dtype=np.int32)
        rounded = centers.astype(self._blocks.near.dtype)
        block_labels(self._blocks, rounded, self._margin, self._tiles_a_chunk, labels)
        return labels

    def _memory(self, slots: int, k: int) -> Memory:
        held = self._memories.get(k)
        if held is None or len(held.spent) < slots:
            tiles, d, _ = self._blocks.middle.shape
            count = len(self._blocks.total)
            chunks = -(-tiles // self._tiles_a_chunk)
            held = Memory(
                centers=np.zeros((slots, k, d), self._blocks.near.dtype),
                spent=np.zeros(slots),
                until=np.full((slots, tiles, LANES), -np.inf),
                present=np.empty((slots, count), np.uint8),
                who=np.empty((slots, count, KEPT), np.int32),
                parts=np.empty((slots, count, KEPT, d + 1)),
                tiles=np.empty((slots, tiles, k, d + 1)),
                chunks=np.empty((slots, chunks, k, d + 1)),
            )
            self._memories = {k: held}
        return held
