"""What handing in late costs: from the time of handing in, never from now.

Days are counted on the wall clock of the course, so that a day begun ends at the hour of the due
time also when clocks change in between.
Nothing of this is stored: a changed date or extension counts at the next writing of the grades.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from autograder.course import Homework, LatePolicy


@dataclass(frozen=True)
class Extension:
    """What one student was granted for one homework: another due time, more days, or to skip it."""

    due: datetime | None = None
    days: int = 0
    excused: bool = False

    def applied_to(self, due: datetime) -> datetime:
        """The due time of this student."""
        return self.due or due + timedelta(days=self.days)


@dataclass(frozen=True)
class Standing:
    """Where a submission stands: points, days late, what they cost, and a sentence about it.

    Attributes
    ----------
    raw, max_score
        Points earned and possible, before anything is taken off.
    submitted, due
        With time zone; the due time has the extension in it.
    late_days
        Days begun after the due time and the grace period; None where nobody knows.
    penalty
        Points taken off; never more than were earned.
    score
        ``raw - penalty``.
    excused
        Whether the homework does not count for this student.
    sentence
        For the student: when it came, what was taken off and why.  May be empty.
    """

    raw: float
    max_score: float
    submitted: datetime | None
    due: datetime
    late_days: int | None
    penalty: float
    score: float
    excused: bool
    sentence: str


def standing(
    raw: float,
    max_score: float,
    homework: Homework,
    policy: LatePolicy,
    *,
    submitted: datetime | None = None,
    late: bool | None = None,
    extension: Extension | None = None,
    used_days: int = 0,
) -> Standing:
    """Apply the late policy to one submission.

    Parameters
    ----------
    raw, max_score
        Points earned and possible.
    homework, policy
        Due time and rules, of course.toml.
    submitted
        When it was handed in; None where nobody knows.
    late
        What the platform says where it tells no time: marked as late, not marked, or None.
    extension
        What this student was granted.
    used_days
        Late days of this student in earlier homeworks, which draw on the same bank.
    """
    granted = extension or Extension()
    due = granted.applied_to(homework.due)
    days = _late_days(submitted, late, due, policy)
    refused = days is not None and days > policy.maximum_days
    free = 0 if refused else min(days or 0, max(0, policy.bank_days - used_days))
    percent = policy.percent_per_day * ((days or 0) - free)
    penalty = raw if refused else min(raw, percent / 100 * max_score)
    penalty = 0.0 if granted.excused else round(max(0.0, penalty), 6)
    told = [
        _arrival(submitted, late, due, days),
        f"Your due time was extended to {_moment(due)}." if due != homework.due else "",
        _cost(days or 0, free, penalty, max_score, policy),
    ]
    return Standing(
        raw=raw,
        max_score=max_score,
        submitted=submitted,
        due=due,
        late_days=days,
        penalty=penalty,
        score=round(raw - penalty, 6),
        excused=granted.excused,
        sentence=_EXCUSED if granted.excused else " ".join(filter(None, told)),
    )


_EXCUSED = "You are excused from this homework: it does not count for you."


def _late_days(
    submitted: datetime | None, late: bool | None, due: datetime, policy: LatePolicy
) -> int | None:
    if submitted is None:
        return 0 if late is False else None
    grace = timedelta(minutes=policy.grace_minutes)
    moment = submitted.astimezone(UTC)
    days = max(0, (moment - due.astimezone(UTC)).days - 1)
    while moment > (due + grace + timedelta(days=days)).astimezone(UTC):
        days += 1
    return days


def _arrival(submitted: datetime | None, late: bool | None, due: datetime, days: int | None) -> str:
    if submitted is not None:
        when = _moment(submitted.astimezone(due.tzinfo))
        return f"You handed in on {when}, {_in_words(days or 0)}."
    if late:
        return (
            "It was marked as late where you handed it in; the time is not known here, "
            "so nothing has been taken off yet."
        )
    return ""


def _in_words(days: int) -> str:
    if days == 0:
        return "on time"
    return "within the first day after the due time" if days == 1 else f"{days} begun days late"


def _cost(days: int, free: int, penalty: float, max_score: float, policy: LatePolicy) -> str:
    if days > policy.maximum_days:
        return f"Work that comes more than {_days(policy.maximum_days)} late is not accepted."
    paid = days - free
    bank = f"{_days(free)} came out of your {policy.bank_days} free late days." if free else ""
    rule = f"{policy.percent_per_day:g} percent of the {max_score:g} points possible for each day"
    taken = f"For {_days(paid)} late, {_number(penalty)} points are taken off ({rule})."
    return " ".join(filter(None, [bank, taken if paid and penalty else ""]))


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _number(points: float) -> str:
    return f"{points:.2f}".rstrip("0").rstrip(".")


def _moment(moment: datetime) -> str:
    return f"{moment:%a} {moment.day} {moment:%b %Y}, {moment:%H:%M %Z}"
