"""Files that learning platforms import, held against the rules of their importers.

The rules come from the platforms' own sources: instructure/canvas-lms ``gradebook_importer.rb``,
moodle ``mod/assign/feedback/offline/importgradeslib.php``.  A student whom the platform's list does
not have and a column that it does not know are refused, and no cell is a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from autograder.course import CourseError, Homework
from autograder.people import Person, squeeze
from autograder.rendering import clean, safe
from autograder.tables import Row, Table


@dataclass(frozen=True)
class Grade:
    """What one student gets; a team's members have one each."""

    person: Person
    submission: str  # "" where nothing was handed in
    score: float | None
    max_score: float
    excused: bool = False
    raw: float = 0.0
    penalty: float = 0.0
    late_days: int | None = None
    submitted: datetime | None = None
    due: datetime | None = None
    attempt: int = 1
    points: Mapping[str, float | None] | None = None

    @property
    def name(self) -> str:
        """How an error names the student."""
        who = " ".join(filter(None, (self.person.student_id, self.person.name)))
        return clean(f"{self.submission} ({who})" if self.submission and who else who)


@dataclass(frozen=True)
class File:
    """What is written for a platform, and what a TA should know about it."""

    text: str
    students: int
    notes: tuple[str, ...] = ()


_TITLED = re.compile(r"(?P<title>.*\S)\s+\((?P<id>\d+)\)", re.DOTALL)
_MOODLE_NEEDS = ("Identifier", "Grade", "Last modified (grade)")
_MOODLE_TEXTS = ("Feedback comments", "Online text")  # an import would write them back
_GRADESCOPE = [
    *("First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points"),
    *("Status", "Submission ID", "Submission Time", "Lateness (H:M:S)", "View Count"),
    "Submission Count",
]
_PLAIN = "student_id name email submission hw score max_score raw penalty late_days status".split()


def canvas_file(
    table: Table, grades: Sequence[Grade], homework: Homework, column: str = ""
) -> File:
    """A gradebook that Canvas imports: the students' ids and one assignment.

    Parameters
    ----------
    table
        The gradebook as Canvas exports it; it gives the students and the assignment's column.
    grades
        Scores; ``EX`` is written for who is excused.
    homework, column
        Which assignment: by name and title, or by the column's name where these do not tell.

    Raises
    ------
    CourseError
        Where it is no such gradebook, the assignment has no column, or a student no row.
    """
    info = _canvas_info(table)
    assignment = _assignment(table, homework, column)
    students = [row for row in table.rows if (row.get("ID") or "").isdigit()]
    told = [grade for grade in grades if grade.submission or grade.excused]
    rows = _matched(table, told, lambda grade: _canvas_row(students, grade.person))
    cells = [_canvas_cells(row, info, _points(grade, "EX")) for row, grade in rows]
    text = _csv([[*info, assignment]], cells)
    return File(text, len(rows), tuple(_points_differ(table, grades, assignment)))


def _canvas_info(table: Table) -> list[str]:
    """The columns before the assignments, as the importer wants them."""
    header = list(table.header)
    if "Section" not in header or "ID" not in header:
        lacks = "ID" if "ID" not in header else "Section"
        raise CourseError(
            f"{table.file} has no column {lacks!r}; it is no gradebook of Canvas. "
            "Export it there: Grades, Export, Entire gradebook."
        )
    known = ("SIS User ID", "SIS Login ID", "Integration ID", "Root Account", "Section")
    return ["Student", "ID", *(name for name in known if name in header)]


def _canvas_cells(row: Row, info: Sequence[str], points: str) -> list[str]:
    """Canvas finds the student by ID, so that a name or login which is a formula can be bent."""
    student = row.get("Student") or f"{row.get('LastName')}, {row.get('FirstName')}"
    cells = [row.get(name) for name in info[1:]]
    return [safe(student), *(cell if safe(cell) == cell else "" for cell in cells), points]


def _assignment(table: Table, homework: Homework, column: str) -> str:
    """The column ``Title (id)`` of a homework; any other title would make a new assignment."""
    places = table.header[table.header.index("Section") + 1 :]
    titled = {name: found["title"] for name in places if (found := _TITLED.fullmatch(name))}
    if column:
        fits = [name for name in titled if column in (name, titled[name])]
    else:
        fits = [name for name, title in titled.items() if squeeze(title) in _titles(homework)]
    if len(fits) == 1:
        return fits[0]
    listed = ", ".join(fits or titled) or "none"
    what = f"{len(fits)} columns" if fits else "no column"
    raise CourseError(
        f"{table.file} has {what} for {column or f'{homework.id} {homework.title}'}; "
        f"a new one would be a new assignment. Choose with --column: {listed}."
    )


def _titles(homework: Homework) -> set[str]:
    """What an assignment of this homework may be called, squeezed."""
    names = {f"{word}{homework.id.removeprefix('hw')}" for word in ("hw", "homework", "assignment")}
    title = squeeze(homework.title)
    return {title, *names, *(f"{name}{title}" for name in names)}


def _canvas_row(rows: Iterable[Row], person: Person) -> list[Row]:
    ids = [("ID", person.key("canvas"))]
    if not ids[0][1]:
        login = person.key("login")
        ids = [("SIS User ID", person.student_id), ("SIS Login ID", login)]
        ids += [("SIS Login ID", person.student_id), ("SIS Login ID", person.email)]
        ids += [("ID", person.student_id)]
    return _first(rows, ids)


def _points_differ(table: Table, grades: Sequence[Grade], assignment: str) -> list[str]:
    """Canvas shows points of those possible there; they should be the homework's."""
    possible = max((grade.max_score for grade in grades), default=0.0)
    for row in table.rows:
        if "Points Possible" in row.cells.get(table.header[0], ""):
            there = row.get(assignment)
            if re.fullmatch(r"\d+(\.\d+)?", there) and abs(float(there) - possible) > 0.005:
                points = f"{there} points in Canvas, {possible:g} here"
                return [f"{assignment} has {points}. Set them there."]
    return []


def moodle_file(table: Table, grades: Sequence[Grade]) -> File:
    """A grading worksheet that Moodle imports, from the one that it gave.

    Only rows with a grade are written; comments are left out, as an import would write them back.

    Raises
    ------
    CourseError
        Where it is no such worksheet, a student is not in it, or a score exceeds its maximum.
    """
    for name in _MOODLE_NEEDS:
        if name not in table.header:
            raise CourseError(
                f"{table.file} has no column {name!r}; it is no grading worksheet. "
                "Download it in Moodle: Submissions, Download grading worksheet."
            )
    header = [name for name in table.header if name not in _MOODLE_TEXTS]
    graded = [grade for grade in grades if grade.submission and not grade.excused]
    rows = _matched(table, graded, lambda grade: _moodle_row(table.rows, grade.person))
    comma = table.delimiter == ";" or any(
        re.fullmatch(r"\d+,\d+", row.get(name))
        for row in table.rows
        for name in ("Grade", "Maximum Grade")
    )
    notes = ["Moodle has no mark for excused; those students have no row."]
    notes = notes if any(grade.excused for grade in grades) else []
    written = []
    for row, grade in rows:
        if row.get("Grade can be changed").casefold() == "no":
            notes.append(f"Left out, as its grade is locked in Moodle: {grade.name}.")
            continue
        _refuse_excess(table, row, grade)
        points = _points(grade, "")
        cells = {**row.cells, "Grade": points.replace(".", ",") if comma else points}
        written.append([_harmless(cells.get(name, "")) for name in header])
    return File(_csv([header], written, delimiter=table.delimiter), len(written), tuple(notes))


def _harmless(cell: str) -> str:
    """A cell as it was, but no formula; Moodle's lone dash stays."""
    return cell if cell == "-" else safe(cell)


def _moodle_row(rows: Iterable[Row], person: Person) -> list[Row]:
    participant = person.key("moodle")
    if participant:
        return [row for row in rows if re.sub(r"^\D+", "", row.get("Identifier")) == participant]
    ids = [("ID number", person.student_id), ("Username", person.key("login"))]
    return _first(rows, [*ids, ("Email address", person.email)])


def _refuse_excess(table: Table, row: Row, grade: Grade) -> None:
    text = row.get("Maximum Grade").replace(",", ".")
    if re.fullmatch(r"\d+(\.\d+)?", text) and (grade.score or 0.0) > float(text) + 0.005:
        row.refuse("Maximum Grade", f"{text} is less than the {grade.score:g} of {grade.name}.")


def gradescope_file(table: Table | None, grades: Sequence[Grade], homework: Homework) -> File:
    """The CSV of an assignment as Gradescope writes it, one row a student."""
    names = list(grades[0].points or {}) if grades else []
    rows: list[list[str]] = []
    if table is not None:
        matched = _matched(table, grades, lambda grade: _gradescope_row(table.rows, grade.person))
        rows = [_gradescope_cells(grade, homework, names, row) for row, grade in matched]
    else:
        rows = [_gradescope_cells(grade, homework, names, None) for grade in grades]
    return File(_csv([[*_GRADESCOPE, *names]], rows), len(rows))


def _gradescope_row(rows: Iterable[Row], person: Person) -> list[Row]:
    sid = person.key("gradescope") or person.student_id
    return _first(rows, [("SID", sid), ("Email", person.email), ("Email", person.student_id)])


def _gradescope_cells(
    grade: Grade, homework: Homework, names: Sequence[str], row: Row | None
) -> list[str]:
    last, comma, first = grade.person.name.partition(",")
    if not comma:
        first, _, last = grade.person.name.rpartition(" ")
    who = [first.strip(), last.strip(), grade.person.student_id, grade.person.email, ""]
    if row is not None:
        who = [row.get(name) for name in ("First Name", "Last Name", "SID", "Email", "Sections")]
    status = "Excused" if grade.excused else "Graded" if grade.submission else "Missing"
    points = grade.points or {}
    when = f"{grade.submitted:%Y-%m-%d %H:%M:%S %z}" if grade.submitted else ""
    return [
        *map(safe, who),
        _points(grade, ""),
        number(grade.max_score),
        status,
        grade.submission,
        when,
        _lateness(grade.submitted, grade.due),
        "0",
        str(grade.attempt if grade.submission else 0),
        *(number(points.get(name)) for name in names),
    ]


def _lateness(submitted: datetime | None, due: datetime | None) -> str:
    """Hours, minutes, seconds after the due time, ``25:03:10``."""
    if submitted is None or due is None:
        return ""
    seconds = int(max(timedelta(), submitted.astimezone(UTC) - due.astimezone(UTC)).total_seconds())
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def plain_file(grades: Sequence[Grade], homework: Homework) -> File:
    """One row a student, for everything that reads CSV."""
    names = list(next((grade.points for grade in grades if grade.points), {}))
    rows = []
    for grade in grades:
        person, points = grade.person, grade.points or {}
        status = "excused" if grade.excused else "graded" if grade.submission else "missing"
        numbers = [grade.max_score, grade.raw, grade.penalty]
        rows.append(
            [
                *map(safe, (person.student_id, person.name, person.email, grade.submission)),
                homework.id,
                _points(grade, "EX"),
                *(number(value) if grade.submission else "" for value in numbers),
                "" if grade.late_days is None else str(grade.late_days),
                status,
                *(number(points.get(name)) for name in names),
            ]
        )
    return File(_csv([[*_PLAIN, *names]], rows), len(rows))


# ------------------------------------------------------------------------- common to all of them


def number(points: float | None) -> str:
    """Points as a plain decimal number; "" where there are none yet.

    >>> number(2.50), number(0.0), number(None)
    ('2.5', '0', '')
    """
    return "" if points is None else f"{points:.6f}".rstrip("0").rstrip(".") or "0"


def _points(grade: Grade, excused: str) -> str:
    """A score in the two decimals that platforms compare."""
    if grade.excused:
        return excused
    return "" if grade.score is None else number(round(grade.score, 2))


def _first(rows: Iterable[Row], ids: Iterable[tuple[str, str]]) -> list[Row]:
    """Rows that fit the first kind of id that any row fits."""
    listed = list(rows)
    for column, value in ids:
        fits = [row for row in listed if value and row.get(column).casefold() == value.casefold()]
        if fits:
            return fits
    return []


def _matched(
    table: Table, grades: Sequence[Grade], find: Callable[[Grade], list[Row]]
) -> list[tuple[Row, Grade]]:
    """Each grade with its row, in the order of the rows; nobody is left out in silence."""
    found = [(find(grade), grade) for grade in grades]
    unknown = [grade.name for rows, grade in found if len(rows) != 1]
    if unknown:
        raise CourseError(
            f"{table.file} has not exactly one row for: {', '.join(unknown)}. "
            "Give a roster that has them, or leave them out with --leave-out SUBMISSION."
        )
    owners: dict[int, Grade] = {}
    for rows, grade in found:
        other = owners.setdefault(rows[0].number, grade)
        if other is not grade:
            raise CourseError(
                f"{table.file}, row {rows[0].number}: {other.name} and {grade.name} are both "
                "this student's. Leave one out with --leave-out SUBMISSION."
            )
    pairs = [(rows[0], grade) for rows, grade in found]
    return sorted(pairs, key=lambda pair: pair[0].number)


def _csv(*blocks: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", delimiter=delimiter)
    for block in blocks:
        writer.writerows(block)
    return text.getvalue()
