"""The tables a TA gives along: roster, times of handing in, extensions, earlier late days.

They are checked whole before anything is graded, and kept under ``given/`` in the folder of the
run, so that later commands (`hlm report`, `hlm export`) need not be told again.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path

from autograder import course, tables
from autograder.course import CourseError, Homework
from autograder.late import Extension
from autograder.people import Person
from autograder.tables import Row, Table
from autograder.writing import write_text

FOLDER = "given"
MAX_DAYS = 366

_ROSTER = {
    "student_id": ["student_id", "SIS User ID", "SID", "ID number", "student number"],
    "canvas": ["canvas_id", "ID"],
    "login": ["login", "SIS Login ID", "username", "user name"],
    "moodle": ["moodle_id", "participant", "Identifier"],
    "name": ["name", "Student", "Full name", "student name"],
    "first": ["first_name", "First Name", "given name"],
    "last": ["last_name", "Last Name", "surname", "family name"],
    "email": ["email", "Email address", "e-mail", "mail"],
    "group": ["group", "team"],
    "submitted": ["submitted", "Last modified (submission)", "Submission Time", "submission_time"],
}
_IDS = ("student_id", "canvas", "login", "moodle", "email")  # in the order of preference
_TIMES = {
    "id": ["student_id", "id", "submission", "SID", "email", "canvas_id", "Identifier"],
    "submitted": ["submitted", "submitted_at", "time", "Submission Time"],
}
_EXTENSIONS = {
    "id": ["student_id", "id", "SID", "email", "submission"],
    "hw": ["hw", "homework", "assignment"],
    "value": ["extension", "extended", "grant", "value"],
    "due": ["due", "extended_due", "extended due", "new due", "until"],
    "days": ["days", "extra days"],
    "excused": ["excused", "excuse"],
}
_GRANTS = ("value", "due", "days", "excused")
_YES = {"yes", "true", "x", "1", "ex", "excused"}


@dataclass(frozen=True)
class Student:
    """One row of the roster."""

    person: Person
    group: str = ""
    submitted: datetime | None = None


@dataclass(frozen=True)
class Given:
    """What the tables say; ids are folded to small letters."""

    roster: tuple[Student, ...] = ()
    times: Mapping[str, datetime] = field(default_factory=dict)
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    used_days: Mapping[str, int] = field(default_factory=dict)

    def extension(self, ids: Iterable[str]) -> Extension | None:
        """What was granted to a student, or the most generous grant within a team."""
        granted = [self.extensions[each] for each in ids if each in self.extensions]
        return max(granted, key=_generosity, default=None)

    def used(self, ids: Iterable[str]) -> int:
        """Late days used in earlier homeworks; the fewest within a team."""
        return min((self.used_days[each] for each in ids if each in self.used_days), default=0)


def _generosity(grant: Extension) -> tuple[bool, datetime, int]:
    return grant.excused, grant.due or datetime.min.replace(tzinfo=UTC), grant.days


# ------------------------------------------------------------------------------ read and kept


def load(
    out: Path,
    homework: Homework,
    *,
    roster: Path | None = None,
    times: Path | None = None,
    extensions: Path | None = None,
    earlier: Sequence[Path] = (),
) -> Given:
    """Read the tables: those given now, else those kept in the folder of the run."""
    paths = {"roster": roster, "times": times, "extensions": extensions}
    files = {name: path or _kept(out, name) for name, path in paths.items()}
    zone = homework.due.tzinfo or UTC
    used = _earlier_runs(earlier, homework) if earlier else _kept_days(_kept(out, "earlier"))
    return Given(
        roster=read_roster(files["roster"], zone) if files["roster"] else (),
        times=read_times(files["times"], zone) if files["times"] else {},
        extensions=read_extensions(files["extensions"], homework) if files["extensions"] else {},
        used_days=used,
    )


def keep(out: Path, given: Given, **paths: Path | None) -> None:
    """Keep the tables given now (``roster=``, ``times=``, ``extensions=``), and earlier days."""
    for name, path in paths.items():
        if path is not None and path.resolve() != (out / FOLDER / f"{name}.csv").resolve():
            write_text(out / FOLDER / f"{name}.csv", path.read_text(encoding="utf-8-sig"))
    if given.used_days:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([["student_id", "late_days"], *sorted(given.used_days.items())])
        write_text(out / FOLDER / "earlier.csv", text.getvalue())


def _kept(out: Path, name: str) -> Path | None:
    path = out / FOLDER / f"{name}.csv"
    return path if path.exists() else None


def _earlier_runs(folders: Sequence[Path], homework: Homework) -> dict[str, int]:
    """Late days by student over the runs of other homeworks."""
    days: dict[str, int] = {}
    seen: dict[str, Path] = {}
    for folder in folders:
        table = tables.read(
            folder / "grades.csv", {name: [name] for name in ("student_id", "hw", "late_days")}
        )
        hw = next((row.get("hw") for row in table.rows), "")
        if hw == homework.id or hw in seen:
            other = f"as {seen[hw]}" if hw in seen else "which is being graded"
            raise CourseError(f"--earlier {folder} holds {hw}, {other}. Give each homework once.")
        seen[hw] = folder
        for row in table.rows:
            late = _days_of(row)
            for identity in filter(None, map(str.strip, row.get("student_id").split(";"))):
                days[identity.casefold()] = days.get(identity.casefold(), 0) + late
    return days


def _days_of(row: Row) -> int:
    """Days that drew on the bank; work that was not accepted drew nothing."""
    text = row.get("late_days")
    if not re.fullmatch(r"\d{0,4}", text):
        row.refuse("late_days", f"{text!r} is no number of days. Grade that homework again.")
    days = int(text or 0)
    return days if days <= course.load().late.maximum_days else 0


def _kept_days(path: Path | None) -> dict[str, int]:
    if path is None:
        return {}
    rows = tables.read(path, {"student_id": ["student_id"]}, ["student_id"]).rows
    return {row.get("student_id").casefold(): int(row.get("late_days")) for row in rows}


# ------------------------------------------------------------------------------------- roster


def read_roster(path: Path, zone: tzinfo) -> tuple[Student, ...]:
    """The students of the course.

    Columns: any of ``student_id``, ``canvas_id``, ``login``, ``moodle_id``, ``email``; a ``name``;
    and, where there are any, ``group`` and ``submitted``.  Gradebook exports of Canvas, grading
    worksheets of Moodle and rosters of Gradescope are read as they are.
    """
    table = tables.read(path, _ROSTER)
    if not any(table.has(column) for column in _IDS):
        raise CourseError(
            f"{path.name} has no column 'student_id' (or canvas_id, login, moodle_id, email). "
            f"Its columns are: {', '.join(table.header[:12])}."
        )
    students = []
    seen: dict[str, dict[str, int]] = {column: {} for column in _IDS}
    for row in table.rows:
        if _is_student(row, table):
            for column in _IDS:
                if row.get(column):
                    tables.once(seen[column], row, column, row.get(column))
            students.append(_student(row, zone))
    return tuple(students)


def _is_student(row: Row, table: Table) -> bool:
    """False for the rows that Canvas adds: points possible, muted, the test student."""
    first = row.cells.get(table.header[0], "").strip()
    return first != "Student, Test" and not first.startswith(("Points Possible", "Manual Posting"))


def _student(row: Row, zone: tzinfo) -> Student:
    keys = tuple((kind, row.get(kind)) for kind in ("canvas", "login") if row.get(kind))
    participant = re.sub(r"^\D+", "", row.get("moodle"))
    keys += (("moodle", participant),) if participant else ()
    identity = row.get("student_id") or next((value for _, value in keys), row.get("email"))
    if not identity:
        row.refuse("student_id", "it is empty, and so are the other ids. Give one.")
    name = row.get("name") or f"{row.get('first')} {row.get('last')}".strip()
    text = row.get("submitted")
    submitted = (
        None if text in {"", "-"} else _checked_moment(row, "submitted", row.get("submitted"), zone)
    )
    person = Person(identity, name, row.get("email"), keys)
    return Student(person, row.get("group"), submitted)


# ------------------------------------------------------------------------- times, extensions


def read_times(path: Path, zone: tzinfo) -> dict[str, datetime]:
    """Times of handing in by student or submission; columns ``student_id`` and ``submitted``."""
    times: dict[str, datetime] = {}
    seen: dict[str, int] = {}
    for row in tables.read(path, _TIMES, ["id", "submitted"]).rows:
        identity = row.get("id")
        if not identity:
            row.refuse("id", "it is empty. Give the student's id or the submission's name.")
        tables.once(seen, row, "id", identity)
        if row.get("submitted") not in {"", "-"}:
            times[identity.casefold()] = _checked_moment(
                row, "submitted", row.get("submitted"), zone
            )
    return times


def read_extensions(path: Path, homework: Homework) -> dict[str, Extension]:
    """Extensions and excuses for one homework by student.

    Columns ``student_id``, ``hw`` and ``extension``: a due time (``2027-02-08 12:00``), a number
    of days, or ``excused``; also as columns of their own, ``due``, ``days``, ``excused``.
    Rows of other homeworks are checked and skipped.
    """
    table = tables.read(path, _EXTENSIONS, ["id", "hw"])
    if not any(table.has(column) for column in _GRANTS):
        raise CourseError(
            f"{path.name} has no column 'extension' (or due, days, excused). "
            f"Its columns are: {', '.join(table.header[:12])}."
        )
    found: dict[str, Extension] = {}
    seen: dict[str, int] = {}
    homeworks = {each.id: each for each in course.load().homeworks} | {homework.id: homework}
    for row in table.rows:
        hw = homeworks.get(row.get("hw").casefold())
        if hw is None:
            row.refuse("hw", f"{row.get('hw')!r} is no homework. Known: {', '.join(homeworks)}.")
        if not row.get("id"):
            row.refuse("id", "it is empty. Give the student's id.")
        tables.once(seen, row, "id", f"{row.get('id')} ({hw.id})")
        grant = _grant(row, hw)
        if hw.id == homework.id:
            found[row.get("id").casefold()] = grant
    return found


def _grant(row: Row, homework: Homework) -> Extension:
    filled = [column for column in _GRANTS if _says_something(row, column)]
    if len(filled) != 1:
        what = "two things are granted" if filled else "nothing is granted"
        row.refuse(filled[-1] if filled else "value", f"{what}. Give a due time, days or excused.")
    (column,) = filled
    text = row.get(column).casefold()
    if text in {"excused", "ex"} or (column == "excused" and text in _YES):
        return Extension(excused=True)
    if column in {"value", "days"} and re.fullmatch(r"[-+]?\d{1,9}(\.0+)?", text):
        days = int(float(text))
        if not 0 <= days <= MAX_DAYS:
            row.refuse(column, f"{text} days; give 0 to {MAX_DAYS}.")
        return Extension(days=days)
    if column in {"days", "excused"}:
        row.refuse(column, f"{tables.shown(text)} is not understood. Give days, or 'excused'.")
    return Extension(due=_extended(row, column, homework))


def _says_something(row: Row, column: str) -> bool:
    text = row.get(column).casefold()
    return text not in {"", "-", "no", "false"} and (column, text) != ("excused", "0")


def _extended(row: Row, column: str, homework: Homework) -> datetime:
    """The new due time; a day alone means the hour at which the homework is due."""
    text = row.get(column)
    whole = f"{text} {homework.due:%H:%M:%S}" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text
    due = _checked_moment(row, column, whole, homework.due.tzinfo or UTC)
    if due < homework.released:
        row.refuse(column, f"{text} lies before {homework.id} was released. Mend the date.")
    return due.astimezone(homework.due.tzinfo)


_FORMATS = (
    "%A, %d %B %Y, %I:%M %p",  # Moodle
    "%A, %d %B %Y, %H:%M",
    "%d %B %Y, %I:%M %p",
)


def _checked_moment(row: Row, column: str, text: str, zone: tzinfo) -> datetime:
    found = moment(text, zone)
    if found is None:
        remedy = "Give 2027-02-05 23:59, with +hh:mm where it is not the course's time."
        row.refuse(column, f"{tables.shown(row.get(column))} is no time that can be. {remedy}")
    return found


def moment(text: str, zone: tzinfo) -> datetime | None:
    """A time as people and platforms write it; without a zone it is the course's.

    >>> moment("2027-02-05 23:10:11 -0600", UTC).isoformat()
    '2027-02-05T23:10:11-06:00'
    >>> moment("Friday, 5 February 2027, 11:58 PM", UTC).isoformat()
    '2027-02-05T23:58:00+00:00'
    >>> moment("2027-02-30 10:00", UTC), moment("-0001-01-01", UTC), moment("soon", UTC)
    (None, None, None)
    """
    text = re.sub(r" UTC$", "+00:00", " ".join(text.split()))
    text = re.sub(r" (Z|[+-]\d\d:?\d\d)$", r"\1", text)  # Ruby puts a space there
    readers: list[Callable[[str], datetime]] = [partial(_strptime, form) for form in _FORMATS]
    if re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d", text):
        readers.insert(0, datetime.fromisoformat)
    found = next(filter(None, (_tried(reader, text) for reader in readers)), None)
    if found is None or not 2000 <= found.year <= 2100:
        return None
    return found if found.utcoffset() is not None else found.replace(tzinfo=zone)


def _strptime(pattern: str, text: str) -> datetime:
    return datetime.strptime(text, pattern)


def _tried(reader: Callable[[str], datetime], text: str) -> datetime | None:
    try:
        return reader(text)
    except ValueError:
        return None
