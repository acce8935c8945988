"""The page a student gets: score, what was checked, what to read again, the notebook as it ran.

One self-contained HTML file without scripts, fonts or addresses to load from; a policy in the page
forbids them besides.
Messages come from the judge, which lets none of them hold an expected value or a test's code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from autograder import gradebook, pages, reading, rendering, written
from autograder.course import Homework
from autograder.late import Standing
from autograder.rendering import Rendered
from autograder.verdict import CaseResult, Verdict
from autograder.writing import write_text
from autograder.written import Score

_STATUS = {
    "repaired": "Something had to be mended before it could be graded.",
    "partial": "Part of your notebook could not run to its end; everything else was graded.",
    "unreadable": "Nothing could be graded.",
    "ungraded": "The grader itself failed on your work. That is not your fault and costs nothing; "
    "it will be graded again.",
}
_NOTHING_RAN = {"unreadable", "ungraded"}


@dataclass(frozen=True)
class Task:
    """One task on the page."""

    id: str
    title: str
    earned: float
    possible: float
    cases: tuple[tuple[CaseResult, str], ...]  # each with the name of one that failed alike before
    cell: int | None  # where the notebook checks it, or where its heading stands

    @property
    def open(self) -> bool:
        """Whether something in it is not right yet."""
        return any(not case.passed for case, _ in self.cases)


@dataclass(frozen=True)
class Hint:
    """A recognised mistake: its sentence, what to read again, and the tasks it shows in."""

    says: str
    see: str | None
    tasks: tuple[str, ...]


def write(out: Path, homework: Homework, verdicts: Iterable[Verdict]) -> list[Path]:
    """Write ``feedback/`` of a graded run: a page a submission, with what people gave and took.

    A verdict without its notebook is completed from ``executed/``.
    """
    scores = written.scores(out)
    places = gradebook.standings(out, homework) if (out / gradebook.STATE).exists() else {}
    paths = []
    for verdict in verdicts:
        name = verdict.submission
        own = {question: score for (who, question), score in scores.items() if who == name}
        whole = verdict if verdict.executed else replace(verdict, executed=_executed(out, name))
        path = out / "feedback" / f"{name}.html"
        text = page(whole, homework, places.get(name), own)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.with_suffix(".pdf").unlink(missing_ok=True)  # it shows an earlier page
            write_text(path, text)
        paths.append(path)
    return paths


def page(
    verdict: Verdict,
    homework: Homework,
    standing: Standing | None = None,
    scores: Mapping[str, Score] | None = None,
) -> str:
    """The feedback page of one submission, as HTML.

    Parameters
    ----------
    verdict
        What the judge found; the executed notebook in it is rendered as untrusted text.
    homework
        Gives the number and the title of the page, and the lecture notes.
    standing
        Points with written answers and lateness, where the gradebook knows them.
    scores
        What people gave for written answers, by question.
    """
    ran = rendering.notebook(verdict.executed)
    tasks = _tasks(verdict, ran) if verdict.status not in _NOTHING_RAN else []
    return pages.render(
        "feedback.html",
        ["feedback.css"],
        homework=homework,
        verdict=verdict,
        standing=standing,
        given=scores or {},
        notice=_STATUS.get(verdict.status),
        reason=verdict.alerts[0] if verdict.status == "unreadable" and verdict.alerts else None,
        ended=[cell for cell in ran.cells if cell.ended],
        hints=_hints(verdict.cases),
        tasks=tasks,
        unfinished=[task.id for task in tasks if task.earned < task.possible],
        written_points=sum(answer.points for answer in verdict.written),
        readings=reading.sections(
            homework, (case.see for case in verdict.cases if not case.passed)
        ),
        titles=ran.titles,
        scores=verdict.questions(),
        ran=ran,
    )


def _executed(out: Path, submission: str) -> dict[str, Any]:
    """The notebook as it ran; empty where nothing ran."""
    path = out / "executed" / f"{submission}.ipynb"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _tasks(verdict: Verdict, ran: Rendered) -> list[Task]:
    places: dict[str, int] = {}
    for cell in ran.cells:
        if cell.task:
            places.setdefault(cell.task, cell.number)
    scores = verdict.tasks()
    return [
        Task(task, ran.titles.get(task, ""), *scores[task], _with_earlier(cases), places.get(task))
        for task, cases in groupby(verdict.cases, key=lambda case: case.task)
    ]


def _with_earlier(cases: Iterable[CaseResult]) -> tuple[tuple[CaseResult, str], ...]:
    """Each case with the first one that failed with the same message, "" where there is none."""
    first: dict[str, str] = {}
    marked = []
    for case in cases:
        marked.append((case, first.get(case.message, "")))
        if not case.passed:
            first.setdefault(case.message, case.name)
    return tuple(marked)


def _hints(cases: Iterable[CaseResult]) -> list[Hint]:
    """Each recognised mistake once, in the order of the tasks."""
    found: dict[str, Hint] = {}
    for case in cases:
        if case.slip and not case.passed:
            earlier = found.get(case.message)
            tasks = earlier.tasks if earlier else ()
            found[case.message] = Hint(
                case.message, case.see, tuple(dict.fromkeys([*tasks, case.task]))
            )
    return list(found.values())
