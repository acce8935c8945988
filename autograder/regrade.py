"""A regrade: who would get other points for the same work, by how much, and from which case.

`compare` looks at submissions that did not change themselves, so that every difference comes from
the tests, the references or the judge.  The difference is written down for people to read before
it counts.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from autograder.people import Person
from autograder.rendering import clean, safe
from autograder.writing import write_text

FILES = ("regrade.csv", "regrade.md")
_COLUMNS = ["submission", "student_id", "name", "before", "after", "change", "why"]


@dataclass(frozen=True)
class CaseScore:
    """What one test case gave."""

    task: str
    question: str
    name: str
    earned: float
    points: float


@dataclass(frozen=True)
class Entry:
    """One submission in the gradebook: whose, when, and what it earned automatically."""

    submission: str
    people: tuple[Person, ...]
    group: str
    attempt: int
    submitted: datetime | None
    late: bool | None
    """marked as late by the platform, not marked, or None where it marks nothing"""
    status: str
    content: str
    """hash of what was graded"""
    cases: tuple[CaseScore, ...]
    written: tuple[tuple[str, float], ...]
    """questions a person scores, with the points possible"""

    def questions(self) -> dict[str, tuple[float, float]]:
        """Points earned and possible by question."""
        sums: dict[str, tuple[float, float]] = {}
        for case in self.cases:
            earned, possible = sums.get(case.question, (0.0, 0.0))
            sums[case.question] = (earned + case.earned, possible + case.points)
        return {name: (round(a, 6), round(b, 6)) for name, (a, b) in sums.items()}

    @property
    def ids(self) -> tuple[str, ...]:
        """Everything its people are known by."""
        return tuple(name for person in self.people for name in person.ids)

    @property
    def raw(self) -> float:
        """Automatic points."""
        return round(sum(case.earned for case in self.cases), 6)


@dataclass(frozen=True)
class Change:
    """One submission whose automatic points differ; `after` is None where it has none any more."""

    submission: str
    student_id: str
    name: str
    before: float
    after: float | None
    why: tuple[str, ...]
    failed: bool = False
    """whether it is there, but the grader itself failed on it"""

    @property
    def change(self) -> float:
        """Points gained; negative where some are lost."""
        return round((self.after or 0.0) - self.before, 6)


def compare(old: Iterable[Entry], new: Iterable[Entry]) -> list[Change]:
    """Changes of submissions that were in the gradebook, the greatest losses first."""
    later = list(new)
    now = {entry.submission: entry for entry in later}
    by_id = {name: entry for entry in later for name in entry.ids}
    changes = []
    for entry in old:
        same = next((by_id[name] for name in entry.ids if name in by_id), None)
        change = _change(entry, now.get(entry.submission, same))
        changes += [change] if change else []
    return sorted(changes, key=lambda change: (change.change, change.submission))


def _change(before: Entry, after: Entry | None) -> Change | None:
    people = before.people
    who = "; ".join(filter(None, (person.student_id for person in people)))
    name = "; ".join(filter(None, (person.name for person in people)))
    if after is None:
        gone = ("it is not among the submissions any more",)
        return Change(before.submission, who, name, before.raw, None, gone)
    if after.content != before.content or before.status in {"unreadable", "ungraded"}:
        return None  # the student handed in anew, or nothing could be graded before
    if after.status == "ungraded":
        failed = ("the grader itself failed on it",)
        return Change(before.submission, who, name, before.raw, None, failed, failed=True)
    why = _reasons(before, after)
    if not why:
        return None
    return Change(before.submission, who, name, before.raw, after.raw, why)


def _reasons(before: Entry, after: Entry) -> tuple[str, ...]:
    """Each case that gives other points, or is worth other points, in the order of the tasks."""
    old, new = _by_case(before), _by_case(after)
    return tuple(
        _reason(case, old.get(case), new.get(case))
        for case in dict.fromkeys([*new, *old])
        if old.get(case) != new.get(case)
    )


def _by_case(entry: Entry) -> dict[tuple[str, str, str], tuple[float, float]]:
    found: dict[tuple[str, str, str], tuple[float, float]] = {}
    for case in entry.cases:
        key = (case.task, case.question, case.name)
        earned, points = found.get(key, (0.0, 0.0))
        found[key] = (earned + case.earned, points + case.points)
    return {key: value for key, value in found.items() if value != (0.0, 0.0)}


def _reason(
    case: tuple[str, str, str],
    old: tuple[float, float] | None,
    new: tuple[float, float] | None,
) -> str:
    task, _, name = case
    if old is None and new is not None:
        return f"{task} {name}: new, {new[0]:g} of {new[1]:g}"
    if new is None and old is not None:
        return f"{task} {name}: no longer there, was {old[0]:g} of {old[1]:g}"
    (earned, points), (now, worth) = old or (0.0, 0.0), new or (0.0, 0.0)
    of = f" of {worth:g}" if points == worth else f" of {worth:g} instead of {points:g}"
    return f"{task} {name}: from {earned:g} to {now:g}{of}"


# ------------------------------------------------------------------------------------- writing


def write(out: Path, changes: Sequence[Change]) -> None:
    """Write ``regrade.csv`` and ``regrade.md`` into the folder of the run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_cells(change) for change in changes)
    write_text(out / "regrade.csv", text.getvalue())
    rows = ["| " + " | ".join(map(_marked, _cells(change))) + " |" for change in changes]
    head = ["| " + " | ".join(_COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    lines = ["# What the regrade changes", "", summary(changes), "", *head, *rows]
    write_text(out / "regrade.md", "\n".join(lines) + "\n")


def summary(changes: Sequence[Change]) -> str:
    """How many go up, down and stay, in one sentence.

    >>> summary([Change("a", "", "", 2.0, 1.0, ()), Change("b", "", "", 0.0, None, ())])
    'The regrade touches 2 submissions: 0 go up, 1 goes down, 0 keep their points, 1 is gone.'
    """
    up = sum(change.after is not None and change.change > 0 for change in changes)
    down = sum(change.after is not None and change.change < 0 for change in changes)
    failed = sum(change.failed for change in changes)
    gone = sum(change.after is None for change in changes) - failed
    same = len(changes) - up - down - gone - failed
    parts = [
        f"{up} {'goes' if up == 1 else 'go'} up",
        f"{down} {'goes' if down == 1 else 'go'} down",
        f"{same} {'keeps its' if same == 1 else 'keep their'} points",
    ]
    parts += [f"{gone} {'is' if gone == 1 else 'are'} gone"] if gone else []
    parts += [f"{failed} could not be graded"] if failed else []
    count = f"{len(changes)} submission{'s' if len(changes) != 1 else ''}"
    return f"The regrade touches {count}: {', '.join(parts)}."


def lines(changes: Sequence[Change]) -> list[str]:
    """One line a change, for the terminal."""
    return [
        f"{change.submission}: from {change.before:g} to {_now(change)} ({'; '.join(change.why)})"
        for change in changes
    ]


def _now(change: Change) -> str:
    if change.failed:
        return "not graded"
    return "gone" if change.after is None else f"{change.after:g}"


def refusal(out: Path, changes: Sequence[Change]) -> str:
    """What stands in the way, and what to do."""
    remedies = [f"Read {out / 'regrade.md'}, then run the same command with --accept."]
    if any(change.after is None and not change.failed for change in changes):
        remedies.append("To grade some into this class, put them among the others, or give one.")
    return f"{summary(changes)} {out} is as it was. {' '.join(remedies)}"


def _cells(change: Change) -> list[str]:
    after = "" if change.after is None else f"{change.after:g}"
    points = [f"{change.before:g}", after, f"{change.change:g}"]
    who = map(safe, (change.submission, change.student_id, change.name))
    return [*who, *points, safe("; ".join(change.why))]


def _marked(text: str) -> str:
    """Text that no Markdown takes for a table, a link or HTML."""
    line = " ".join(clean(text).split())
    return re.sub(r"[\\`*_{}\[\]#<>|&]", _escape, line)


def _escape(mark: re.Match[str]) -> str:
    return f"&#{ord(mark[0])};" if mark[0] in "<>|&" else f"\\{mark[0]}"
