"""Times that a cron expression names in a time zone.

Daylight saving as Debian's cron has it: a time that a change of clocks skips is due at once after
it, and one that it repeats is due once, unless its hour or minute is a wildcard.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

__all__ = ["latest_due", "next_due", "valid_cron", "valid_zone"]


def valid_cron(expression: str) -> str:
    """The expression itself.

    Raises:
        ValueError: it is not five fields of cron, or no time ever matches.
    """
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(
            f"wanted five fields (minute, hour, day of month, month, day of week), got "
            f"{len(fields)}"
        )
    try:
        next(CronSim(expression, datetime(2024, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration):
        raise ValueError("not a time of cron; wanted five fields such as `30 6 * * 1-5`") from None
    return expression


def valid_zone(name: str) -> str:
    """The name itself.

    Raises:
        ValueError: the IANA database has no such time zone.
    """
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(
            f"no time zone `{name}`; wanted a name from the IANA database, such as `Europe/Berlin`"
        ) from None
    return name


def latest_due(expression: str, zone: str, after: datetime, now: datetime) -> datetime | None:
    """The last time that was due in (after, now], None if there was none.

    Args:
        expression: five fields of cron.
        zone: name from the IANA database.
        after: with a time zone.
        now: with a time zone.

    Returns:
        A time in UTC.
    """
    # Backwards from just after now, so that a schedule that slept for a year costs one step.
    # Ticks backwards name a repeated hour by its first pass, so the last hour is walked forwards.
    times = CronSim(expression, now.astimezone(ZoneInfo(zone)), reverse=True)
    latest = next(times, None)
    if latest is not None and latest.astimezone(UTC) == now:
        latest = next(times, None)
    due = latest.astimezone(UTC) if latest is not None else after
    walked = max(due, after)
    while True:
        following = next_due(expression, zone, walked)
        if following is None or following > now:
            break
        due = walked = following
    return due if due > after else None


def next_due(expression: str, zone: str, after: datetime) -> datetime | None:
    """The first time that is due after a moment, in UTC; None if there is none."""
    following = next(CronSim(expression, after.astimezone(ZoneInfo(zone))), None)
    return following.astimezone(UTC) if following is not None else None
