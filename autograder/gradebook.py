"""grades.csv: one row a submission, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from autograder.late import Standing
from autograder.rendering import safe
from autograder.verdict import Verdict

__all__ = ["Standing", "write_grades"]

_IDENTITY = ["submission", "student_id", "name", "hw"]
_TOTALS = ["raw", "late_days", "penalty", "score", "max_score", "status"]


def write_grades(results: Iterable[Verdict], path: Path) -> None:
    """Write the grades of a class, whole or not at all.

    Columns: ``submission, student_id, name, hw``, one a question (``task1_1`` ...), then ``raw,
    late_days, penalty, score, max_score, status``; rows in the order of the submissions' names.
    Points of written questions stay empty until a person gives them, and days until the time of
    handing in is known; `raw` and `max_score` count automatic points.

    Parameters
    ----------
    results
        Verdicts on one homework.
    path
        The file; an earlier one is replaced.
    """
    verdicts = sorted(results, key=lambda verdict: verdict.submission)
    written = {answer.question for verdict in verdicts for answer in verdict.written}
    questions = sorted(
        written.union(*(verdict.questions() for verdict in verdicts)), key=_by_number
    )
    possible = max((verdict.max_score for verdict in verdicts), default=0.0)
    rows = [_row(verdict, questions, written, possible) for verdict in verdicts]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([[*_IDENTITY, *questions, *_TOTALS], *rows])
    _replace(path, text.getvalue())


def _by_number(name: str) -> list[tuple[int, str]]:
    """Orders task1_10 after task1_9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _row(
    verdict: Verdict, questions: Sequence[str], written: set[str], possible: float
) -> list[str]:
    earned = {name: points for name, (points, _) in verdict.questions().items()}
    automatic = ["" if name in written else _number(earned.get(name, 0)) for name in questions]
    identity = [verdict.submission, verdict.student_id, verdict.name, verdict.homework]
    score = _number(verdict.score)
    totals = [score, "", "0", score, _number(verdict.max_score or possible), verdict.status]
    return [*map(safe, identity), *automatic, *totals]


def _number(points: float) -> str:
    """Points as a plain decimal number."""
    return f"{points:.6f}".rstrip("0").rstrip(".")


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
