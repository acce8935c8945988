"""The grades of a class: what was earned, what lateness costs, and when grades may change.

``gradebook.json`` in the folder of a run holds what counts: each submission with its people, its
time of handing in and its automatic points, as they were accepted.  ``grades.csv`` is made from it
together with written scores, extensions and the late policy, and made anew whenever one of these
changes.  Earlier versions are kept under ``history/``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from autograder import aside, course, given, regrade, tables, written
from autograder.course import CourseError, Homework
from autograder.late import Standing, standing
from autograder.people import Person
from autograder.regrade import CaseScore, Change, Entry
from autograder.rendering import safe
from autograder.submissions import Submission
from autograder.uploads import number
from autograder.verdict import Verdict
from autograder.writing import write_text

__all__ = ["Row", "Standing", "enter", "read", "refresh", "rows", "standings"]

STATE = aside.STATE
GRADES = "grades.csv"
HISTORY = "history"

Ask = Callable[[Sequence[Change]], bool]
"""Shown what a regrade changes; says whether it is accepted."""

_IDENTITY = ["submission", "student_id", "name", "hw"]
_TOTALS = ["raw", "late_days", "penalty", "score", "max_score", "status"]


@dataclass(frozen=True)
class Row:
    """One row of grades.csv."""

    entry: Entry
    points: Mapping[str, float | None]
    """by question (``task1_1``); None where a written answer has no score yet"""
    standing: Standing

    @property
    def graded(self) -> bool:
        """False where the grader itself failed: it has no points then, not none of them."""
        return self.entry.status != "ungraded"

    @property
    def student_id(self) -> str:
        """The id, or those of a team, ``101; 102``."""
        return "; ".join(filter(None, (person.student_id for person in self.entry.people)))

    @property
    def name(self) -> str:
        """The name, or those of a team."""
        return "; ".join(filter(None, (person.name for person in self.entry.people)))


def enter(
    out: Path,
    homework: Homework,
    found: Iterable[Submission],
    verdicts: Iterable[Verdict],
    accept: Ask | None = None,
    *,
    add: bool = False,
) -> list[str]:
    """Take the verdicts of a run into the gradebook, and write grades.csv.

    Where a submission that did not change itself now earns other points, the tests or references
    changed: the difference is written to ``regrade.csv`` and ``regrade.md``, and counts only once
    it is accepted.
    With `add` the others in the gradebook stay; without, the verdicts are the whole class.

    Returns
    -------
    list of str
        What a TA should know: lines for the terminal.

    Raises
    ------
    CourseError
        Where a regrade is not accepted; the gradebook is as it was.
    """
    by_id = {submission.id: submission for submission in found}
    new = [_entry(verdict, by_id[verdict.submission]) for verdict in verdicts]
    old = read(out) if (out / STATE).exists() else ()
    if add:
        new += [entry for entry in old if not _replaced(entry, new)]
    changes = regrade.compare(old, new)
    if changes:
        regrade.write(out, changes)
        if accept is None or not accept(changes):
            raise CourseError(regrade.refusal(out, changes))
        regrade.write(out / aside.FOLDER, changes)
    state = {
        "homework": homework.id,
        "entries": [asdict(each) for each in sorted(new, key=lambda each: each.submission)],
    }
    text = json.dumps(state, indent=1, sort_keys=True, default=datetime.isoformat) + "\n"
    write_text(out / aside.FOLDER / STATE, text, lasting=True)  # from here on it counts
    return take_over(out, homework)


def take_over(out: Path, homework: Homework) -> list[str]:
    """Put what was accepted in its place, and write grades.csv; it may be stopped and begun again.

    Returns
    -------
    list of str
        What a TA should know; empty where nothing waits to be taken over.
    """
    if not aside.accepted(out):
        return []
    text = (out / aside.FOLDER / STATE).read_text(encoding="utf-8")
    entries = json.loads(text)["entries"]
    aside.move_in(out, {entry["submission"] for entry in entries})
    regraded = (out / aside.FOLDER / regrade.FILES[0]).exists()
    notes = _write(out, homework, text, regraded)
    aside.clear(out)
    return notes


def _replaced(entry: Entry, new: Iterable[Entry]) -> bool:
    """Whether a submission, or another one of the same student, takes its place."""
    return any(
        entry.submission == each.submission or set(entry.ids).intersection(each.ids) for each in new
    )


def refresh(out: Path, homework: Homework | None = None) -> list[str]:
    """Write grades.csv anew from what was accepted, with scores and dates as they are now."""
    aside.refuse_unfinished(out)
    homework = homework or _homework(out)
    return _write(out, homework, (out / STATE).read_text(encoding="utf-8"))


def standings(out: Path, homework: Homework | None = None) -> dict[str, Standing]:
    """By submission: points, lateness, penalty and the sentence about it for the student."""
    return {row.entry.submission: row.standing for row in rows(out, homework)}


def read(out: Path) -> tuple[Entry, ...]:
    """The accepted entries of a run, in the order of the submissions' names."""
    return tuple(_entry_of(record) for record in _state(out)["entries"])


def homework_of(out: Path) -> str:
    """The id of the homework that a run graded."""
    return str(_state(out)["homework"])


def rows(out: Path, homework: Homework | None = None) -> list[Row]:
    """The rows of grades.csv as they follow from everything known now.

    Parameters
    ----------
    out
        Folder of the run.
    homework
        What was graded, where course.toml does not list it.
    """
    return _rows(out, homework or _homework(out), read(out))


# ------------------------------------------------------------------------------------- entries


def _entry(verdict: Verdict, submission: Submission) -> Entry:
    alone = Person(submission.student_id, submission.name, submission.email)
    known = submission.late or submission.platform == "canvas"  # which marks what is late
    return Entry(
        submission=verdict.submission,
        people=submission.people or (alone,),
        group=submission.group,
        attempt=submission.attempt,
        submitted=submission.submitted,
        late=submission.late if known else None,
        status=verdict.status,
        content=_content(submission),
        cases=tuple(
            CaseScore(case.task, case.question, case.name, case.earned, case.points)
            for case in verdict.cases
        ),
        written=tuple((answer.question, answer.points) for answer in verdict.written),
    )


def _content(submission: Submission) -> str:
    """A hash of all that is graded: another one means that the student handed in anew."""
    parts = (submission.notebook, submission.module, (submission.problem or "").encode())
    digests = [hashlib.sha256(b"-" if part is None else part).hexdigest() for part in parts]
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:32]


def _entry_of(record: Mapping[str, Any]) -> Entry:
    people = [
        Person(**{**person, "keys": tuple(map(tuple, person["keys"]))})
        for person in record["people"]
    ]
    submitted = record["submitted"]
    return Entry(
        **{
            **record,
            "people": tuple(people),
            "submitted": datetime.fromisoformat(submitted) if submitted else None,
            "cases": tuple(CaseScore(**case) for case in record["cases"]),
            "written": tuple((question, points) for question, points in record["written"]),
        }
    )


def _state(out: Path) -> dict[str, Any]:
    try:
        found = json.loads((out / STATE).read_text(encoding="utf-8"))
    except OSError:
        raise CourseError(f"{out} holds no gradebook. Run hlm grade with --out {out}.") from None
    except ValueError:
        raise CourseError(f"{out / STATE} is damaged. Remove it and run hlm grade again.") from None
    if not isinstance(found, dict) or not isinstance(found.get("entries"), list):
        raise CourseError(f"{out / STATE} is damaged. Remove it and run hlm grade again.")
    return found


def _homework(out: Path) -> Homework:
    return course.homework_of(out, homework_of(out))


# ---------------------------------------------------------------------------------------- rows


def _rows(out: Path, homework: Homework, entries: Sequence[Entry]) -> list[Row]:
    scores = {key: score.points for key, score in written.scores(out).items()}
    tables_given = given.load(out, homework)
    policy = course.load().late
    scored = {question for _, question in scores}
    possible = _possible(entries, scored)
    made = []
    for entry in entries:
        points = _points(entry, possible, scores)
        ids = [entry.submission.casefold(), *entry.ids]
        place = standing(
            _sum(value or 0.0 for value in points.values()),
            _sum(possible[question] or 0.0 for question in possible),
            homework,
            policy,
            submitted=entry.submitted,
            late=entry.late,
            extension=tables_given.extension(ids),
            used_days=tables_given.used(ids),
        )
        made.append(Row(entry, points, place))
    return made


def _possible(entries: Iterable[Entry], scored: set[str]) -> dict[str, float | None]:
    """Points possible by question in order; None for written ones that nobody has scored yet."""
    found: dict[str, float | None] = {}
    for entry in entries:
        for question, points in entry.questions().items():
            found[question] = max(found.get(question) or 0.0, points[1])
        for question, worth in entry.written:
            found[question] = worth if question in scored else None
    return {question: found[question] for question in sorted(found, key=_by_number)}


def _points(
    entry: Entry, possible: Mapping[str, float | None], scores: Mapping[tuple[str, str], float]
) -> dict[str, float | None]:
    if entry.status == "ungraded":
        return dict.fromkeys(possible)
    by_hand = {question for question, _ in entry.written}
    automatic = entry.questions()
    return {
        question: scores.get((entry.submission, question))
        if question in by_hand or (question not in automatic and possible[question] is None)
        else automatic.get(question, (0.0, 0.0))[0]
        for question in possible
    }


def _sum(points: Iterable[float]) -> float:
    return round(sum(points), 6)


def _by_number(name: str) -> list[tuple[int, str]]:
    """Orders task1_10 after task1_9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


# ------------------------------------------------------------------------------------- writing


def _write(out: Path, homework: Homework, state: str, regraded: bool = False) -> list[str]:
    """Write both files where they changed; what stood there before goes into the history."""
    entries = [_entry_of(record) for record in json.loads(state)["entries"]]
    made = _rows(out, homework, entries)
    text = _text(made, homework)
    path = out / GRADES
    before = path.read_text(encoding="utf-8") if path.exists() else None
    notes = _notes(made, before)
    if before is not None and before != text:
        _archive(out, before, regraded)
    if before != text:
        write_text(path, text, lasting=True)
    write_text(out / STATE, state, lasting=True)
    return notes


def _text(made: Sequence[Row], homework: Homework) -> str:
    questions = list(made[0].points) if made else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_IDENTITY, *questions, *_TOTALS])
    writer.writerows(_cells(row, homework, questions) for row in made)
    return text.getvalue()


def _cells(row: Row, homework: Homework, questions: Sequence[str]) -> list[str]:
    place = row.standing
    points = [number(row.points[question]) for question in questions]
    totals = [
        number(place.raw if row.graded else None),
        "" if place.late_days is None or place.excused else str(place.late_days),
        number(place.penalty if row.graded else None),
        number(place.score if row.graded and not place.excused else None),
        number(place.max_score),
    ]
    identity = [row.entry.submission, row.student_id, row.name, homework.id]
    return [*map(safe, identity), *points, *totals, row.entry.status]


def _archive(out: Path, before: str, regraded: bool) -> None:
    """Keep a gradebook that is about to change: ``history/0001`` is the oldest.

    One that a run was stopped in is written again, not a second time.
    """
    earlier = [int(path.name) for path in (out / HISTORY).glob("[0-9]*") if path.name.isdigit()]
    last = max(earlier, default=0)
    kept = out / HISTORY / f"{last:04}" / GRADES
    there = kept.read_text(encoding="utf-8") if kept.exists() else None
    again = bool(last) and there in {None, before}
    folder = out / HISTORY / f"{last if again else last + 1:04}"
    write_text(folder / GRADES, before)
    if (out / STATE).exists():
        write_text(folder / STATE, (out / STATE).read_text(encoding="utf-8"))
    for name in regrade.FILES if regraded else ():
        write_text(folder / name, (out / name).read_text(encoding="utf-8"))


def _notes(made: Sequence[Row], before: str | None) -> list[str]:
    """What a TA should look at: failures, unknown times, missing scores, scores that went down."""
    failed = [row.entry.submission for row in made if not row.graded]
    unknown = [row.entry.submission for row in made if row.standing.late_days is None]
    marked = [row.entry.submission for row in made if _is_open(row)]
    unscored = _unscored(made)
    found = []
    if failed:
        found.append(f"Not graded, the grader itself failed: {_names(failed)}. Run it again.")
    if unknown:
        found.append(f"Time of handing in not known: {_names(unknown)}. Give it with --times.")
    if marked:
        found.append(f"Marked LATE without a time, nothing taken off yet: {_names(marked)}.")
    if unscored:
        found.append(f"Written answers without a score count 0 so far: {unscored}.")
    return [*found, *(_lowered(made, before) if before is not None else [])]


def _is_open(row: Row) -> bool:
    return bool(row.entry.late) and row.standing.late_days is None and not row.standing.excused


def _unscored(made: Sequence[Row]) -> int:
    """Answers to questions that others have a score for already."""
    by_hand = [
        (question, row.points[question]) for row in made for question, _ in row.entry.written
    ]
    scored = {question for question, points in by_hand if points is not None}
    return sum(points is None and question in scored for question, points in by_hand)


def _lowered(made: Sequence[Row], before: str) -> list[str]:
    """Scores that go down, each named: nothing is lowered in silence."""
    try:
        table = list(csv.DictReader(io.StringIO(before)))
        scores = [(row, float(row["score"])) for row in table if row["score"]]
        earlier = {row["student_id"]: score for row, score in scores if row["student_id"]}
        earlier |= {row["submission"]: score for row, score in scores}
    except (KeyError, TypeError, ValueError):
        raise CourseError(
            f"{GRADES} was changed by hand and cannot be read. Move it away and run again."
        ) from None
    lowered = []
    for row in made:
        own = earlier.get(safe(row.entry.submission), earlier.get(safe(row.student_id)))
        counts = row.graded and not row.standing.excused
        if counts and own is not None and row.standing.score < own - 1e-9:
            now = f"{row.standing.score:g}"
            lowered.append(f"{row.entry.submission}: {own:g} before, {now} now.")
    return lowered


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more


def changed_since_regrade(out: Path) -> set[str]:
    """Submissions whose score is not what it was before the last regrade.

    Raises
    ------
    CourseError
        Where nothing was regraded yet.
    """
    folders = sorted(path.parent for path in (out / HISTORY).glob("*/regrade.csv"))
    if not folders:
        raise CourseError(f"Nothing in {out} was regraded yet. Leave out --changed-only.")
    columns = {name: [name] for name in ("submission", "score")}
    scores = partial(_scores_of, columns=columns)
    before, now = scores(folders[-1] / GRADES), scores(out / GRADES)
    return {name for name, score in now.items() if before.get(name) != score}


def _scores_of(path: Path, columns: dict[str, list[str]]) -> dict[str, str]:
    table = tables.read(path, columns, columns)
    return {row.get("submission"): row.get("score") for row in table.rows}
