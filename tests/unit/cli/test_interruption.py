from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from insights_workloads.cli.interruption import finishing, interruptible
from insights_workloads.progress import Snapshot


def snapshot(percent: int) -> Snapshot:
    return Snapshot("Cluster", 0.5, percent, None, "")


def test_a_swallowed_ctrl_c_comes_again_at_the_next_step() -> None:
    told: list[Snapshot] = []
    before = signal.getsignal(signal.SIGINT)
    with interruptible(told.append) as tell:
        tell(snapshot(10))
        with suppress(KeyboardInterrupt):  # as a callback from C does
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            tell(snapshot(20))
        tell(snapshot(100))
    assert [each.percent for each in told] == [10, 100]
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_asks_to_finish_and_ends_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with finishing() as enough:
        assert not enough()
        signal.raise_signal(signal.SIGTERM)
        assert enough()
    assert signal.getsignal(signal.SIGTERM) is before
