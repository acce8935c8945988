"""The course as course.toml describes it: homeworks in order, late policy, limits of grading."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = "assignment.json"

_NEVER = datetime(9000, 1, 1, tzinfo=UTC)


class CourseError(Exception):
    """Something in the course is not as it has to be; the text is one sentence and its remedy."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use while it is graded."""

    cell_seconds: float
    ask_seconds: float
    test_seconds: float
    tests_seconds: float
    notebook_seconds: float
    memory_mb: int
    processes: int
    disk_mb: int
    output_kb: int


@dataclass(frozen=True)
class LatePolicy:
    """Percent of the points possible that a begun day costs, after a grace period.

    A day from the bank costs nothing; each student has that many for the whole course.
    """

    percent_per_day: float
    grace_minutes: float
    maximum_days: int
    bank_days: int = 0


@dataclass(frozen=True)
class Homework:
    """One assignment: its id "hw1", its folder in assignments/ and solutions/, the student's
    module and its dates (with time zone)."""

    id: str
    title: str
    folder: str
    module: str
    released: datetime
    due: datetime
    closes: datetime  # nothing is accepted after this
    data: tuple[str, ...] = ()
    published: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        """1 for hw1."""
        return int(self.id.removeprefix("hw"))

    @property
    def heading(self) -> str:
        """Number and title, or the title alone of another course's assignment."""
        return f"Homework {self.number} · {self.title}" if self.module else self.title


@dataclass(frozen=True)
class Week:
    """One week of the course: its Monday, the homework it belongs to, the sections of the lecture
    notes and the chapters to read, and the tasks to do."""

    begins: date
    homework: str
    topic: str
    notes: tuple[str, ...]
    chapters: str
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Course:
    """Everything course.toml says, and the folder it stands in."""

    title: str
    timezone: str
    homeworks: tuple[Homework, ...]
    limits: Limits
    late: LatePolicy
    root: Path
    weeks: tuple[Week, ...] = ()

    def homework(self, hw: str) -> Homework:
        """The homework of an id such as "hw1"."""
        for homework in self.homeworks:
            if homework.id == hw:
                return homework
        known = ", ".join(homework.id for homework in self.homeworks)
        raise CourseError(f"There is no homework {hw!r}. Use one of: {known}.")

    def before(self, hw: str) -> tuple[Homework, ...]:
        """The homeworks that come before one."""
        return self.homeworks[: self.homeworks.index(self.homework(hw))]


def load(root: Path = ROOT) -> Course:
    """Read course.toml.

    Parameters
    ----------
    root
        Folder that holds it.

    Raises
    ------
    CourseError
        Where the file is missing or an entry is missing, unknown or of the wrong kind.

    Examples
    --------
    >>> load().homework("hw1").folder
    'hw1_variance_components'
    """
    path = root / "course.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise CourseError(f"{path} cannot be read. Run this in the course's repository.") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"course.toml is not valid TOML: {error}.") from None
    _know(table, _SECTIONS, "course.toml")
    zone = _zone(_text(table, "timezone", "course.toml"))
    late = _record(LatePolicy, table, "late")
    homeworks = _homeworks(table, zone, late)
    return Course(
        title=_text(table, "title", "course.toml"),
        timezone=zone.key,
        homeworks=homeworks,
        limits=_record(Limits, table, "limits"),
        late=late,
        root=root,
        weeks=_weeks(table, {homework.id: homework for homework in homeworks}),
    )


_SECTIONS = {"title", "timezone", "late", "limits", "assignments", "weeks"}


def homework(hw: str, root: Path = ROOT) -> Homework:
    """The homework of an id such as "hw1"; a `CourseError` names the known ones."""
    return load(root).homework(hw)


def elsewhere(hw: str, title: str) -> Homework:
    """An assignment of another course, of which little is known: no module, never late."""
    return Homework(hw, title, "", "", _NEVER, _NEVER, _NEVER)


def homework_of(out: Path, hw: str) -> Homework:
    """The homework that a run's folder holds results of; another course's is described there."""
    record = out / ELSEWHERE
    if not record.exists():
        return homework(hw)
    return elsewhere(hw, json.loads(record.read_text(encoding="utf-8"))["title"])


def _homeworks(table: Mapping[str, Any], zone: ZoneInfo, late: LatePolicy) -> tuple[Homework, ...]:
    entries = table.get("assignments")
    if not isinstance(entries, list) or not entries:
        raise CourseError("course.toml lists no homework. Add one [[assignments]] entry each.")
    homeworks = tuple(_homework(entry, zone, late) for entry in entries)
    for kind in ("id", "folder", "module"):
        names = [getattr(homework, kind) for homework in homeworks]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise CourseError(f"course.toml gives the {kind} {twice!r} twice. Each is used once.")
    return homeworks


def _homework(entry: Mapping[str, Any], zone: ZoneInfo, late: LatePolicy) -> Homework:
    where = f"course.toml, assignment {entry.get('id', '?')}"
    _know(entry, {"id", "title", "folder", "module", "released", "due", "data", "published"}, where)
    hw, module = _text(entry, "id", where), _text(entry, "module", where)
    folder = _text(entry, "folder", where)
    if not re.fullmatch(r"hw[1-9]", hw):
        raise CourseError(f"{where}: the id is {hw!r}; it has the form hw1 to hw9.")
    if not re.fullmatch(r"hw[1-9]_[a-z0-9_]+", folder):
        raise CourseError(f"{where}: the folder is {folder!r}; it has the form hw1_topic.")
    if not module.isidentifier():
        raise CourseError(f"{where}: the module is {module!r}; give the name of a Python module.")
    released, due = _time(entry, "released", zone, where), _time(entry, "due", zone, where)
    if due <= released:
        raise CourseError(f"{where}: it is due before it is released. Mend one of the two times.")
    return Homework(
        id=hw,
        title=_text(entry, "title", where),
        folder=folder,
        module=module,
        released=released,
        due=due,
        closes=due + timedelta(minutes=late.grace_minutes, days=late.maximum_days),
        data=_texts(entry, "data", where),
        published=_texts(entry, "published", where),
    )


def _weeks(table: Mapping[str, Any], homeworks: Mapping[str, Homework]) -> tuple[Week, ...]:
    weeks = tuple(_week(entry, homeworks) for entry in table.get("weeks", []))
    for earlier, later in pairwise(weeks):
        if later.begins < earlier.begins + timedelta(days=7):
            where = f"course.toml, week of {later.begins}"
            raise CourseError(
                f"{where}: it begins before the one above has ended. Put them in order."
            )
    return weeks


def _week(entry: Mapping[str, Any], homeworks: Mapping[str, Homework]) -> Week:
    begins = entry.get("begins")
    where = f"course.toml, week of {begins}"
    _know(entry, {field.name for field in fields(Week)}, where)
    if not isinstance(begins, date) or isinstance(begins, datetime) or begins.weekday() != 0:
        raise CourseError(f"{where}: begins is {begins!r}; give the date of a Monday, 2027-01-25.")
    homework = homeworks.get(_text(entry, "homework", where))
    if homework is None:
        known = ", ".join(homeworks)
        raise CourseError(f"{where}: the homework is {entry['homework']!r}; use one of: {known}.")
    if not homework.released.date() <= begins <= homework.due.date():
        raise CourseError(f"{where}: {homework.id} is not open then. Mend one of the dates.")
    return Week(
        begins=begins,
        homework=homework.id,
        topic=_text(entry, "topic", where),
        notes=_texts(entry, "notes", where),
        chapters=_text(entry, "chapters", where),
        tasks=_texts(entry, "tasks", where),
    )


def _record(kind: type, table: Mapping[str, Any], section: str) -> Any:
    """A dataclass of non-negative numbers from one section of the file."""
    entries, where = table.get(section), f"course.toml, [{section}]"
    if not isinstance(entries, dict):
        raise CourseError(f"course.toml has no section [{section}]. Add it.")
    names = [field.name for field in fields(kind)]
    _know(entries, set(names), where)
    defaults = {field.name: field.default for field in fields(kind)}
    for name in names:
        value = entries.get(name, defaults[name])
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise CourseError(f"{where}: {name} is {value!r}; give a number of 0 or more.")
    return kind(**entries)


def _know(table: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        allowed = ", ".join(sorted(known))
        raise CourseError(f"{where}: {unknown[0]!r} is not known. Known are: {allowed}.")


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise CourseError(f"{where}: {key} is {value!r}; give a text.")
    return value


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CourseError(f"{where}: {key} is {value!r}; give a list of texts in quotes.")
    return tuple(value)


def _time(table: Mapping[str, Any], key: str, zone: ZoneInfo, where: str) -> datetime:
    value = table.get(key)
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise CourseError(f"{where}: {key} is {value!r}; give a local time, 2027-02-05T23:59:00.")
    return value.replace(tzinfo=zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        remedy = "give a name such as America/Chicago"
        raise CourseError(f"course.toml: the timezone {name!r} is not known; {remedy}.") from None
