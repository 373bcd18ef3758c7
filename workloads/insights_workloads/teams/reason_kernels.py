"""The best exchange that is left for everyone. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numba import njit

from insights_workloads.teams.kernels import change

__all__ = ["best_exchanges"]


@njit(cache=True, nogil=True)
def best_exchanges(cost, held, class_start, class_slots, partners):  # type: ignore[no-untyped-def]
    """For every exchangeable slot the exchange with a unit of another team that costs least.

    Args:
        cost: what teams cost.
        held: who is where.
        class_start: int64 (c + 1,), first entry of each class of exchangeable slots.
        class_slots: int32, slots of each class.
        partners: most partners that are looked at for a slot, evenly over its class.

    Returns:
        slot of the partner int32 (s,), -1 for none, and the change of the cost float64 (s,).
    """
    slots = held.slots.shape[0]
    partner = np.full(slots, -1, np.int32)
    least = np.full(slots, np.inf)
    parts = np.empty(3)
    out = np.empty(1, np.int32)
    into = np.empty(1, np.int32)
    for which in range(class_start.shape[0] - 1):
        begin, end = class_start[which], class_start[which + 1]
        step = max(1, (end - begin) // partners)
        for first in range(begin, end):
            slot = class_slots[first]
            a = held.slot_team[slot]
            out[0] = held.slots[slot]
            for second in range(begin + (first - begin) % step, end, step):
                other = class_slots[second]
                b = held.slot_team[other]
                if a == b:
                    continue
                into[0] = held.slots[other]
                worse = change(cost, held, a, b, out, into, 1, least[slot], parts)
                if worse < least[slot]:
                    least[slot] = worse
                    partner[slot] = other
    return partner, least
