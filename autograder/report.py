"""The class at a glance: one page for staff, made from what a run has stored.

It stands beside the feedback pages, works offline, and holds names and wrong numbers: it is not
for students.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from autograder import (
    aside,
    attention,
    course,
    feedback,
    figures,
    given,
    gradebook,
    items,
    pages,
    similarity,
    written,
)
from autograder.attention import Reason
from autograder.course import CourseError, Homework
from autograder.items import Interval, Model
from autograder.late import Standing
from autograder.rendering import clean, notebook
from autograder.similarity import Part
from autograder.verdict import Verdict, stored
from autograder.writing import write_text

PAGE = "report.html"
_LENGTH = 220  # characters of what was seen


@dataclass(frozen=True)
class Student:
    """One row of the table of students."""

    verdict: Verdict
    name: str
    standing: Standing | None
    ability: Interval | None
    reasons: tuple[Reason, ...]

    @property
    def graded(self) -> bool:
        """False where the grader itself failed."""
        return self.verdict.status != "ungraded"

    @property
    def score(self) -> float:
        """Points after lateness where they are known, else what was checked automatically."""
        return self.standing.score if self.standing else self.verdict.score

    @property
    def says(self) -> list[str]:
        """What was seen, in short; what reads the same stands once, with its count."""
        texts = [clean(reason.says) for reason in self.reasons]
        counted = Counter(text if len(text) <= _LENGTH else f"{text[:_LENGTH]}…" for text in texts)
        return [f"{text} ({count} times)" if count > 1 else text for text, count in counted.items()]

    @property
    def kinds(self) -> list[str]:
        """Why to look, each kind once."""
        return list(dict.fromkeys(reason.kind for reason in self.reasons))


def renew(out: Path) -> tuple[Path, list[str]]:
    """Take in written scores and dates as they are now, and write every page of a run anew.

    Returns
    -------
    The report's path, and lines of what a TA should know.
    """
    aside.refuse_unfinished(out)
    verdicts = _stored(out)
    homework = course.homework_of(out, verdicts[0].homework)
    notes = gradebook.refresh(out, homework) if (out / gradebook.STATE).exists() else []
    feedback.write(out, homework, verdicts)
    return write(out, homework), notes


def write(out: Path, homework: Homework | None = None) -> Path:
    """Write ``report.html`` of a graded run, and the page of similar work beside it.

    Parameters
    ----------
    out
        Folder of the run.
    homework
        What was graded, where course.toml does not list it.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    CourseError
        Where nothing was graded yet.
    """
    verdicts = _stored(out)
    homework = homework or course.homework_of(out, verdicts[0].homework)
    parts = similarity.read(out, homework, [verdict.submission for verdict in verdicts])
    model = items.fit(verdicts)
    students = _students(out, homework, verdicts, model, parts)
    tasks = items.summarise(verdicts) if items.readable(verdicts) else []
    possible = max((verdict.max_score for verdict in verdicts), default=0.0)
    text = pages.render(
        "report.html",
        ["report.css"],
        script="report.js",
        homework=homework,
        students=students,
        looks=sorted((each for each in students if each.reasons), key=lambda each: each.graded),
        late=[student for student in students if student.standing and student.standing.late_days],
        missing=_missing(out, homework),
        tasks=tasks,
        titles=_titles(out, verdicts),
        model=model,
        possible=possible,
        key_figures=_key_figures(out, students, possible),
        pictures=_pictures(verdicts, model, possible),
        similar=similarity.write(out, homework, verdicts, parts),
        strengths=sorted({verdict.sandbox for verdict in verdicts}),
    )
    path = out / PAGE
    write_text(path, text)
    return path


def _stored(out: Path) -> list[Verdict]:
    verdicts = stored(out)
    if not verdicts:
        raise CourseError(f"{out} holds no results. Run hlm grade with --out {out}.")
    return verdicts


def _students(
    out: Path, homework: Homework, verdicts: Sequence[Verdict], model: Model, parts: Sequence[Part]
) -> list[Student]:
    places = gradebook.standings(out, homework) if (out / gradebook.STATE).exists() else {}
    own: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        own[part.submission].append(part)
    return [
        Student(
            verdict=verdict,
            name=verdict.name or verdict.submission,
            standing=places.get(verdict.submission),
            ability=model.ability.get(verdict.submission),
            reasons=tuple(attention.reasons(verdict, similarity.own_code(own[verdict.submission]))),
        )
        for verdict in verdicts
    ]


def _missing(out: Path, homework: Homework) -> list[str] | None:
    """Who is on the roster and handed in nothing; None where no roster was given."""
    roster = given.load(out, homework).roster
    if not roster or not (out / gradebook.STATE).exists():
        return None
    there = {each for entry in gradebook.read(out) for each in entry.ids}
    return [
        student.person.name or student.person.student_id
        for student in roster
        if not there.intersection(student.person.ids)
    ]


def _titles(out: Path, verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Titles of the tasks, from the first executed notebook that has them."""
    titles: dict[str, str] = {}
    for verdict in verdicts[:5]:
        path = out / "executed" / f"{verdict.submission}.ipynb"
        if path.exists():
            cells = json.loads(path.read_text(encoding="utf-8")).get("cells", [])
            prose = [cell for cell in cells if cell.get("cell_type") == "markdown"]
            titles = {**notebook({"cells": prose}).titles, **titles}
    return titles


def _key_figures(out: Path, students: Sequence[Student], possible: float) -> list[tuple[str, str]]:
    """What stands large on top: a number and what it counts."""
    scores = [student.score for student in students if student.graded]
    failed = len(students) - len(scores)
    looks = sum(bool(student.reasons) for student in students)
    found = [
        (str(len(students)), "submissions"),
        (pages.points(median(scores or [0.0])), f"median score of {pages.points(possible)}"),
        (str(looks), "to look at"),
    ]
    if failed:
        found.insert(0, (str(failed), "not graded, run hlm grade again"))
    answers = written.collected(student.verdict for student in students)
    if answers:
        found.append((f"{len(written.scores(out))}/{len(answers)}", "written answers scored"))
    return found


def _pictures(verdicts: Sequence[Verdict], model: Model, possible: float) -> dict[str, object]:
    """Each picture with its name for those who cannot see it; only those that can be drawn."""
    points = [verdict.score for verdict in verdicts if verdict.status != "ungraded"] or [0.0]
    says = (
        f"Histogram of {len(points)} scores from {min(points):g} to {max(points):g} "
        f"of {possible:g} points, median {median(points):g}."
    )
    found: dict[str, object] = {"scores": figures.scores(points, possible or 1.0, says)}
    if model.easiness:
        ordered = sorted(model.easiness, key=lambda task: model.easiness[task].estimate)
        says = f"Tasks from hardest ({ordered[0]}) to easiest ({ordered[-1]}), with 95% intervals."
        found["easiness"] = figures.easiness(model.easiness, says)
    if model.ability:
        says = f"Abilities of {len(model.ability)} students in order, with 95% intervals."
        found["abilities"] = figures.abilities(model.ability, says)
    return found
