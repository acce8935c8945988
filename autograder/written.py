"""Written questions: answers collected for people to score, and their scores read back.

`collect` writes, under ``written/`` of a run, one page a question and ``scores.csv``, one row an
answer.  Whoever scores fills in points and a remark; `scores` reads them and refuses what cannot
be meant.  Pages and rows carry no name: an answer goes by letters made from its submission.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course import CourseError
from autograder.rendering import clean, safe
from autograder.verdict import Verdict, stored

FOLDER = "written"
COLUMNS = ["answer", "question", "possible", "points", "remark", "version", "earlier"]
_NEEDED = {"answer", "points", "remark"}
_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst")  # no spreadsheet sees a number
_MAX_PROBLEMS = 20


@dataclass(frozen=True)
class Score:
    """What a person gave for one written answer."""

    points: float
    remark: str


@dataclass(frozen=True)
class Answer:
    """One answer to score; `id` and `version` say nothing about who wrote it."""

    submission: str
    question: str  # "task1_9a"
    possible: float
    text: str  # untrusted
    id: str
    version: str  # of the text: a score holds for the text that was read

    @property
    def empty(self) -> bool:
        """Whether nothing was written."""
        return not self.text.strip()


@dataclass(frozen=True)
class Row:
    """One row of a file of scores, and where it stands."""

    where: str  # "scores.csv, row 7"
    answer: str
    version: str
    points: str  # as typed
    remark: str
    earlier: str


def scores(out: Path) -> dict[tuple[str, str], Score]:
    """What people gave for the written answers of a graded run.

    Parameters
    ----------
    out
        Folder of the run.  Read are ``written/scores.csv`` and, where several people score,
        every other ``written/scores*.csv``.

    Returns
    -------
    dict
        By submission and question; answers not scored yet are left out, and so are scores
        of a text that was handed in anew since.

    Raises
    ------
    CourseError
        Names each row with points out of range, an unknown answer, or a second, different
        score for one answer.
    """
    if not (out / FOLDER).is_dir():
        return {}
    answers = collected(stored(out))
    by_id = {answer.id: answer for answer in answers}
    given = _checked(read_rows(out / FOLDER), by_id)
    return {(by_id[name].submission, by_id[name].question): given[name] for name in given}


def collected(verdicts: Iterable[Verdict]) -> list[Answer]:
    """Every written answer of a class, in the order of submissions and questions."""
    return [
        Answer(
            submission=verdict.submission,
            question=answer.question,
            possible=answer.points,
            text=answer.text,
            id=_letters(8, verdict.homework, answer.question, verdict.submission),
            version=_letters(4, answer.text),
        )
        for verdict in verdicts
        for answer in verdict.written
    ]


def _letters(length: int, *parts: str) -> str:
    """A name without meaning, the same in every run."""
    text = "\0".join(parts).encode("utf-8", errors="replace")
    return hashlib.blake2s(text).hexdigest()[:length].translate(_LETTERS)


# ------------------------------------------------------------------------ reading what was given


def read_rows(folder: Path) -> list[Row]:
    """The rows of every file of scores in a folder, as they were typed."""
    paths = sorted(folder.glob("scores*.csv"), key=lambda path: (path.stem != "scores", path.name))
    return [row for path in paths for row in _rows_of(path)]


def _rows_of(path: Path) -> Iterator[Row]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CourseError(f"{path} is not in UTF-8. Save it as 'CSV UTF-8'.") from None
    delimiter = max(",;\t", key=(text.splitlines() or [""])[0].count)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = {(name or "").strip().lower(): name for name in reader.fieldnames or []}
        missing = sorted(_NEEDED - set(columns))
        if missing:
            remedy = f"its first row needs {', '.join(COLUMNS)}"
            raise CourseError(f"{path} has no column {missing[0]!r}; {remedy}.")
        for number, entry in enumerate(reader, start=2):
            fields = {name: (entry[columns[name]] or "").strip() for name in columns}
            row = _row(f"{path.name}, row {number}", fields)
            if row.answer or row.points:
                yield row
    except csv.Error as error:
        raise CourseError(f"{path} cannot be read as a table: {error}. Save it anew.") from None


def _row(where: str, fields: dict[str, str]) -> Row:
    remark = clean(fields["remark"])
    return Row(
        where=where,
        answer=fields["answer"].lower(),
        version=fields.get("version", ""),
        points="" if fields["points"] in {"-", "–"} else fields["points"],
        remark=remark.removeprefix("'") if safe(remark[1:]) == remark else remark,
        earlier=fields.get("earlier", ""),
    )


def _checked(rows: Iterable[Row], answers: dict[str, Answer]) -> dict[str, Score]:
    """Scores by the id of their answer; every problem at once."""
    given: dict[str, Score] = {}
    places: dict[str, str] = {}
    problems: list[str] = []
    for row in rows:
        answer = answers.get(row.answer)
        if answer is None:
            problems.append(_unknown(row))
            continue
        if not row.points or is_outdated(row, answer):
            continue
        points = _number(row.points)
        if points is None or not 0 <= points <= answer.possible:
            problems.append(_out_of_range(row, answer))
            continue
        earlier = given.get(answer.id)
        if earlier is not None and earlier.points != points:
            other = f"{places[answer.id]} gives {earlier.points:g}"
            problems.append(f"{row.where}: answer {answer.id} has {points:g} points, but {other}.")
            continue
        given[answer.id] = Score(points, _joined(earlier.remark if earlier else "", row.remark))
        places.setdefault(answer.id, row.where)
    if problems:
        more = len(problems) - _MAX_PROBLEMS
        tail = [f"and {more} more."] if more > 0 else []
        head = "The scores of written answers need a correction:"
        raise CourseError("\n".join([head, *problems[:_MAX_PROBLEMS], *tail]))
    return given


def is_outdated(row: Row, answer: Answer) -> bool:
    """Whether a row was filled in for another text than the one that counts now."""
    return bool(row.version) and row.version != answer.version


def _number(typed: str) -> float | None:
    """Points as typed, with a decimal point or comma; None where they are none.

    >>> _number("3"), _number(" 2,5"), _number("nan"), _number("good")
    (3.0, 2.5, None, None)
    """
    try:
        points = float(typed.replace(",", "."))
    except ValueError:
        return None
    return points if points - points == 0 else None


def _joined(first: str, second: str) -> str:
    return second if first in {"", second} else f"{first} / {second}" if second else first


def _unknown(row: Row) -> str:
    name = clean(row.answer)[:40]
    return f"{row.where}: there is no answer {name!r} in this run. Take ids from the pages as is."


def _out_of_range(row: Row, answer: Answer) -> str:
    typed = clean(row.points)[:20]
    return (
        f"{row.where}: answer {answer.id} has {typed!r} points; give a number "
        f"from 0 to {answer.possible:g}, or nothing."
    )
