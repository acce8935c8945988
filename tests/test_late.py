"""The late policy: days are counted from the time of handing in, on the clock of the course."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import course
from autograder.course import LatePolicy
from autograder.late import Extension, Standing, standing

ZONE = ZoneInfo("America/Chicago")
HW = replace(course.homework("hw1"), due=datetime(2027, 2, 5, 23, 59, tzinfo=ZONE))
POLICY = LatePolicy(percent_per_day=10, grace_minutes=30, maximum_days=2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def stand(submitted: str | None = None, **more: Any) -> Standing:
    policy = more.pop("policy", POLICY)
    when = at(submitted) if submitted else None
    return standing(18.0, 20.0, more.pop("homework", HW), policy, submitted=when, **more)


@pytest.mark.parametrize(
    ("submitted", "days", "penalty", "score"),
    [
        ("2027-02-05T12:00", 0, 0, 18),
        ("2027-02-06T00:29", 0, 0, 18),  # the last minute of grace
        ("2027-02-06T00:29:01", 1, 2, 16),
        ("2027-02-07T00:29", 1, 2, 16),  # a day is begun after the grace period
        ("2027-02-07T00:30", 2, 4, 14),
        ("2027-02-08T00:29", 2, 4, 14),
        ("2027-02-08T00:30", 3, 18, 0),  # later than the maximum: not accepted
    ],
)
def test_begun_days(submitted: str, days: int, penalty: float, score: float) -> None:
    found = stand(submitted)
    assert (found.late_days, found.penalty, found.score) == (days, penalty, score)


def test_days_end_at_the_due_hour_also_when_clocks_change() -> None:
    spring = replace(HW, due=at("2027-03-13T23:59"))  # the next day has 23 hours
    assert stand("2027-03-15T00:29", homework=spring).late_days == 1
    assert stand("2027-03-15T00:30", homework=spring).late_days == 2
    autumn = replace(HW, due=at("2027-11-06T23:59"))  # the next day has 25 hours
    assert stand("2027-11-08T00:29", homework=autumn).late_days == 1
    assert stand("2027-11-08T00:30", homework=autumn).late_days == 2


def test_an_instant_counts_whatever_zone_it_is_written_in() -> None:
    utc = datetime(2027, 2, 6, 6, 29, tzinfo=UTC)
    assert standing(1, 1, HW, POLICY, submitted=utc).late_days == 0
    assert standing(1, 1, HW, POLICY, submitted=utc + timedelta(minutes=1)).late_days == 1


def test_the_penalty_is_of_the_points_possible_and_never_more_than_earned() -> None:
    poor = standing(1.0, 20.0, HW, POLICY, submitted=at("2027-02-06T10:00"))
    assert (poor.penalty, poor.score) == (1, 0)
    nothing = standing(0.0, 20.0, HW, POLICY, submitted=at("2027-02-06T10:00"))
    assert "taken off" not in nothing.sentence


def test_unknown_time_costs_nothing_and_is_not_called_on_time() -> None:
    found = stand()
    assert (found.late_days, found.penalty, found.sentence) == (None, 0, "")
    marked = stand(late=True)
    assert (marked.late_days, marked.penalty) == (None, 0)
    assert "nothing has been taken off yet" in marked.sentence
    assert stand(late=False).late_days == 0


def test_extensions_and_excuses() -> None:
    days = stand("2027-02-08T23:00", extension=Extension(days=3))
    assert (days.late_days, days.score) == (0, 18)
    assert "extended to Mon 8 Feb 2027, 23:59" in days.sentence
    due = stand("2027-02-11T00:00", extension=Extension(due=at("2027-02-09T12:00")))
    assert due.late_days == 2
    excused = stand("2027-03-11T00:00", extension=Extension(excused=True))
    assert (excused.excused, excused.penalty) == (True, 0)
    assert "excused" in excused.sentence


def test_a_bank_is_drawn_from_first() -> None:
    bank = replace(POLICY, bank_days=3)
    assert stand("2027-02-07T10:00", policy=bank).penalty == 0
    half = stand("2027-02-07T10:00", policy=bank, used_days=2)
    assert (half.late_days, half.penalty) == (2, 2)
    assert "1 day came out of your 3 free late days" in half.sentence
    empty = stand("2027-02-07T10:00", policy=bank, used_days=9)
    assert empty.penalty == 4
    assert stand("2027-02-10T10:00", policy=bank).score == 0  # the maximum holds all the same


def test_the_sentence_says_when_how_late_and_what_it_costs() -> None:
    assert stand("2027-02-06T10:05").sentence == (
        "You handed in on Sat 6 Feb 2027, 10:05 CST, within the first day after the due time. "
        "For 1 day late, 2 points are taken off (10 percent of the 20 points possible for each "
        "day)."
    )
    assert "is not accepted" in stand("2027-02-16T10:05").sentence


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9990, 1, 1)),
    st.floats(0, 20),
    st.integers(0, 9),
)
def test_whatever_the_time_the_score_lies_between_zero_and_raw(
    moment: datetime, raw: float, used: int
) -> None:
    found = standing(raw, 20, HW, POLICY, submitted=moment.replace(tzinfo=UTC), used_days=used)
    assert 0 <= found.score <= raw + 1e-6
    assert found.penalty >= 0
    assert (found.late_days == 0) == (found.submitted <= at("2027-02-06T00:29"))
