"""From the gradebook of a run to a file that a learning platform imports."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from autograder import course, given, gradebook, tables, uploads
from autograder.course import CourseError, Homework
from autograder.people import Person
from autograder.uploads import File, Grade
from autograder.writing import write_text

FOLDER = "export"
_WANTED = {
    "canvas": "the gradebook as Canvas exports it (Grades, Export)",
    "moodle": "the grading worksheet of the assignment (Submissions, Download grading worksheet)",
}


@dataclass(frozen=True)
class Exported:
    """The file that was written, and what a TA should know."""

    path: Path
    students: int
    notes: tuple[str, ...]


def export(
    out: Path,
    to: str,
    roster: Path | None = None,
    *,
    changed_only: bool = False,
    column: str = "",
    leave_out: Collection[str] = (),
) -> Exported:
    """Write ``export/PLATFORM.csv`` in the folder of a run.

    Scores of written answers, dates and extensions are taken in as they are now.

    Parameters
    ----------
    out
        Folder of the run.
    to
        ``canvas``, ``moodle``, ``gradescope`` or ``csv``.
    roster
        The platform's own list of students; the one kept in the run by default.
    changed_only
        Only students whose score changed since before the last regrade.
    column
        Canvas: the column of the assignment, where its title does not tell.
    leave_out
        Submissions that are not exported.

    Raises
    ------
    CourseError
        Where a student is unknown, an assignment would be new, or a list is missing or damaged.
    """
    notes = gradebook.refresh(out)
    rows = gradebook.rows(out)
    homework = course.homework_of(out, gradebook.homework_of(out))
    kept = out / given.FOLDER / "roster.csv"
    path = roster or (kept if kept.exists() else None)
    if path is None and to in _WANTED:
        raise CourseError(f"Give --roster: {_WANTED[to]}.")
    grades = _grades(out, homework, rows, path)
    failed = [row.entry.submission for row in rows if not row.graded]
    chosen = _chosen(out, grades, changed_only, {*leave_out, *failed})
    file = _file(to, path, chosen, homework, column)
    target = out / FOLDER / f"{to}.csv"
    write_text(target, file.text)
    left = [f"Left out, as they are not graded yet: {', '.join(failed)}."] if failed else []
    return Exported(target, file.students, (*left, *notes, *file.notes))


def _file(to: str, path: Path | None, grades: list[Grade], homework: Homework, column: str) -> File:
    if to == "csv":
        return uploads.plain_file(grades, homework)
    if to == "gradescope":
        table = tables.read(path) if path else None
        listed = table if table is not None and {"SID", "Email"} & set(table.header) else None
        return uploads.gradescope_file(listed, grades, homework)
    assert path is not None
    if to == "moodle":
        return uploads.moodle_file(tables.read(path), grades)
    return uploads.canvas_file(tables.read(path), grades, homework, column)


def _grades(
    out: Path, homework: Homework, rows: list[gradebook.Row], roster: Path | None
) -> list[Grade]:
    """One a student: of each submission, and of those who are excused or handed in nothing."""
    found = [_grade(row, person) for row in rows for person in row.entry.people]
    if roster is None:
        return found
    kept = {name: one.person for one in given.load(out, homework).roster for name in one.person.ids}
    present = {name for grade in found for name in grade.person.ids}
    known = given.load(out, homework, roster=roster)
    for student in known.roster:
        ids = list(student.person.ids)
        ids += [other for name in ids if name in kept for other in kept[name].ids]
        if not present.intersection(ids):
            granted = known.extension(ids)
            excused = granted is not None and granted.excused
            found.append(Grade(student.person, "", None, 0.0, excused))
    return found


def _grade(row: gradebook.Row, person: Person) -> Grade:
    place = row.standing
    return Grade(
        person=person,
        submission=row.entry.submission,
        score=place.score if row.graded else None,
        max_score=place.max_score,
        excused=place.excused,
        raw=place.raw,
        penalty=place.penalty,
        late_days=place.late_days,
        submitted=place.submitted,
        due=place.due,
        attempt=row.entry.attempt,
        points=row.points,
    )


def _chosen(
    out: Path, grades: list[Grade], changed_only: bool, leave_out: Collection[str]
) -> list[Grade]:
    known = {grade.submission for grade in grades}
    stray = sorted(set(leave_out) - known)
    if stray:
        raise CourseError(f"There is no submission {stray[0]!r} to leave out.")
    changed = gradebook.changed_since_regrade(out) if changed_only else known
    return [
        grade
        for grade in grades
        if grade.submission in changed and grade.submission not in leave_out
    ]
