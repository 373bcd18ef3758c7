"""Ending the operator."""

from __future__ import annotations

import asyncio

from insights_operator.main import end


def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = 0

    async def work() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    async def main() -> None:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        await end([task])
        assert task.cancelled()

    asyncio.run(main())
    assert swallowed == 3
