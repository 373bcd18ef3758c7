"""The plane of the four energies, in which people and clusters are placed."""

from __future__ import annotations

import numpy as np

__all__ = ["wheel_positions"]


def wheel_positions(energies: np.ndarray) -> np.ndarray:
    """Where people stand on the wheel: float64 (n, 2), x to the right and y up, within the circle.

    Args:
        energies: float64 (n, 4): red, yellow, green, blue, 0 to 100.
    """
    red, yellow, green, blue = energies.T
    across = (red + yellow - green - blue) / 200.0
    up = (red + blue - yellow - green) / 200.0
    return np.column_stack([across, up])
