from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insights_crds.cron import latest_due, next_due, valid_cron, valid_zone

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * * *", "got 4"),
        ("0 0 * * * *", "got 6"),
        ("61 * * * *", "not a time of cron"),
        ("0 0 30 2 *", "not a time of cron"),
        ("a b c d e", "not a time of cron"),
    ],
)
def test_what_is_no_time(expression, said) -> None:
    with pytest.raises(ValueError, match=said):
        valid_cron(expression)


@pytest.mark.parametrize("name", ["Mars/Base", "../../etc/passwd", "", "Europe"])
def test_what_is_no_zone(name) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        valid_zone(name)


@pytest.mark.parametrize(
    ("expression", "zone", "after", "now", "due"),
    [
        ("0 9 * * *", "Etc/UTC", "2026-01-01T08:00", "2026-01-01T08:59", None),
        ("0 9 * * *", "Etc/UTC", "2026-01-01T08:00", "2026-01-01T09:00", "2026-01-01T09:00"),
        ("0 9 * * *", "Etc/UTC", "2026-01-01T09:00", "2026-01-01T10:00", None),
        # A year asleep: one time, the last.
        ("0 9 * * *", "Etc/UTC", "2025-01-01T09:00", "2026-01-01T10:00", "2026-01-01T09:00"),
        # Summer begins: 02:30 does not exist, and is due as soon as it is past.
        ("30 2 * * *", BERLIN, "2026-03-28T12:00", "2026-03-29T01:00", "2026-03-29T01:00"),
        # Summer ends: 02:30 happens twice, and is due once.
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", "2026-10-25T00:30", "2026-10-25T00:30"),
        ("30 2 * * *", BERLIN, "2026-10-25T00:30", "2026-10-25T01:45", None),
        # An interval goes on through the repeated hour.
        ("*/30 * * * *", BERLIN, "2026-10-25T00:30", "2026-10-25T01:10", "2026-10-25T01:00"),
        ("*/30 * * * *", BERLIN, "2026-10-25T01:00", "2026-10-25T01:45", "2026-10-25T01:30"),
        ("0 9 * * 1-5", BERLIN, "2026-11-20T09:00", "2026-11-22T12:00", None),
    ],
)
def test_the_last_time_that_was_due(expression, zone, after, now, due) -> None:
    found = latest_due(expression, zone, at(after), at(now))
    assert found == (None if due is None else at(due))


@given(
    expression=st.sampled_from(
        ["* * * * *", "*/7 * * * *", "30 2 * * *", "0 */3 * * *", "15 14 1 * *", "0 9 * * 1-5"]
    ),
    zone=st.sampled_from(["Etc/UTC", BERLIN, "America/New_York", "Asia/Kolkata"]),
    start=st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)),
    hours=st.floats(0, 80),
)
def test_it_is_what_walking_forwards_finds(expression, zone, start, hours) -> None:
    after = start.replace(tzinfo=UTC, microsecond=0)
    now = after + timedelta(hours=hours)
    walked, due = None, next_due(expression, zone, after)
    while due is not None and due <= now:
        walked, due = due, next_due(expression, zone, due)
    assert latest_due(expression, zone, after, now) == walked
