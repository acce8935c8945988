"""Written questions: answers collected for people to score, and their scores read back.

`collect` writes, under ``written/`` of a run, one page a question and ``scores.csv``, one row an
answer.  Whoever scores fills in points and a remark; `scores` reads them and refuses what cannot
be meant.  Pages and rows carry no name: an answer goes by letters made from its submission.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rapidfuzz import fuzz, process

from autograder import aside, course, pages, tables
from autograder.course import CourseError, Homework
from autograder.rendering import clean, is_formula, markdown
from autograder.verdict import Verdict, stored
from autograder.writing import write_text

FOLDER = "written"
COLUMNS = ["answer", "question", "possible", "points", "remark", "version", "earlier"]
_LETTERS = str.maketrans("0123456789abcdef", "bcdfghjklmnpqrst")  # no spreadsheet sees a number
_MAX_PROBLEMS = 20
_COMPARED = 2_000  # characters of an answer
_ALIKE = 55  # percent, from which on answers are put next to each other


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


# ------------------------------------------------------------------------- giving out to score


@dataclass(frozen=True)
class Collected:
    """What `collect` wrote."""

    pages: tuple[Path, ...]
    table: Path
    answers: int
    scored: int
    outdated: tuple[str, ...]  # answers that changed after they were scored


@dataclass(frozen=True)
class Entry:
    """An answer with what has been filled in for it so far."""

    answer: Answer
    points: str = ""
    remark: str = ""
    earlier: str = ""


def collect(homework: Homework, out: Path) -> Collected:
    """Write one page a question, and the table to fill in; keeps what was filled in before.

    Answers stand in an order that names and scores do not tell, the same at every run, and
    similar ones next to each other.

    Raises
    ------
    CourseError
        Where nothing was graded yet, the homework has no written question, or an earlier table
        needs a correction.
    """
    aside.refuse_unfinished(out)
    answers = collected(verdict for verdict in stored(out) if verdict.homework == homework.id)
    if not answers:
        raise CourseError(
            f"There is no written answer to {homework.id} in {out}. Run hlm grade with --out {out}."
        )
    rows = read_rows(out / FOLDER)
    given = _checked(rows, {answer.id: answer for answer in answers})
    questions = sorted({answer.question for answer in answers})
    groups = {
        question: [
            _entry(answer, given, rows)
            for answer in arranged([each for each in answers if each.question == question])
        ]
        for question in questions
    }
    table = out / FOLDER / "scores.csv"
    write_text(table, _table([entry for entries in groups.values() for entry in entries]))
    outdated = [entry.answer.id for each in groups.values() for entry in each if entry.earlier]
    return Collected(
        pages=tuple(_write_page(homework, out, name, groups[name]) for name in questions),
        table=table,
        answers=len(answers),
        scored=len(given),
        outdated=tuple(outdated),
    )


def arranged(answers: Iterable[Answer]) -> list[Answer]:
    """Answers by their meaningless ids, but each followed by the one most like it; empty last."""
    ordered = sorted(answers, key=lambda answer: answer.id)
    full = [answer for answer in ordered if not answer.empty]
    texts = [" ".join(answer.text.lower().split())[:_COMPARED] for answer in full]
    alike = process.cdist(texts, texts, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    chain: list[Answer] = []
    left = list(range(len(full)))
    last = None
    while left:
        scores_left = [alike[last, each] if last is not None else 0 for each in left]
        best = max(range(len(left)), key=scores_left.__getitem__)  # the first where none is alike
        last = left.pop(best)
        chain.append(full[last])
    return [*chain, *(answer for answer in ordered if answer.empty)]


def _entry(answer: Answer, given: dict[str, Score], rows: Iterable[Row]) -> Entry:
    score = given.get(answer.id)
    own = [row for row in rows if row.answer == answer.id]
    if score is not None:
        return Entry(answer, f"{score.points:g}", score.remark)
    outdated = [row for row in own if row.points and is_outdated(row, answer)]
    if outdated:
        before = " / ".join(f"{row.points}: {row.remark}".strip(": ") for row in outdated)
        return Entry(answer, earlier=f"The answer changed after it was scored ({before}).")
    remark = ""
    for row in own:
        remark = _joined(remark, row.remark)
    return Entry(answer, remark=remark, earlier=next((row.earlier for row in own), ""))


def _table(entries: Iterable[Entry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        answer = entry.answer
        remarks = (_cell(entry.remark), answer.version, _cell(entry.earlier))
        writer.writerow(
            [answer.id, answer.question, f"{answer.possible:g}", entry.points, *remarks]
        )
    return text.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula; its lines stay."""
    return f"'{text}" if is_formula(text) else text


def _write_page(homework: Homework, out: Path, question: str, entries: list[Entry]) -> Path:
    path = out / FOLDER / f"{question}.html"
    number = question.removeprefix("task").replace("_", ".")
    page = pages.render(
        "written.html",
        ["written.css"],
        homework=homework,
        question=question,
        possible=entries[0].answer.possible,
        prompt=markdown(_prompt(homework, question)),
        rubric=markdown(_rubric(homework, number)),
        entries=[(entry, markdown(entry.answer.text)) for entry in entries],
        scored=sum(bool(entry.points) for entry in entries),
    )
    write_text(path, page)
    return path


def _prompt(homework: Homework, question: str) -> str:
    """The question as the student's notebook asks it; "" where there is no such cell."""
    path = course.ROOT / "assignments" / homework.folder / f"{homework.id}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else []
    for before, cell in pairwise(cells):
        if cell.get("id") == f"{question}-answer":
            return "".join(before["source"])
    return ""


def _rubric(homework: Homework, number: str) -> str:
    """What the rubric says of a question, and what it says of all."""
    path = course.ROOT / "solutions" / homework.folder / "rubric.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    common, *parts = re.split(r"^(?=## \d\.\d)", text, flags=re.MULTILINE)
    own = [part for part in parts if part.startswith(f"## {number} ")]
    return "\n\n".join([*own, re.sub(r"\A# .*", "## For all questions", common)])


# ------------------------------------------------------------------------ reading what was given


def read_rows(folder: Path) -> list[Row]:
    """The rows of every file of scores in a folder, as they were typed."""
    paths = sorted(folder.glob("scores*.csv"), key=lambda path: (path.stem != "scores", path.name))
    return [row for path in paths for row in _rows_of(path)]


def _rows_of(path: Path) -> Iterator[Row]:
    names = {column: [column] for column in COLUMNS}
    for row in tables.read(path, names, ["answer", "points", "remark"]).rows:
        points, remark = row.get("points"), clean(row.get("remark"))
        formula = remark[:1] == "'" and is_formula(remark[1:])  # as it was written, see `_cell`
        yield Row(
            where=f"{row.table}, row {row.number}",
            answer=row.get("answer").lower(),
            version=row.get("version"),
            points="" if points in {"-", "–"} else points,
            remark=remark[1:] if formula else remark,
            earlier=row.get("earlier"),
        )


def _checked(rows: Iterable[Row], answers: dict[str, Answer]) -> dict[str, Score]:
    """Scores by the id of their answer; every problem at once."""
    given: dict[str, Score] = {}
    places: dict[str, str] = {}
    problems: list[str] = []
    for row in rows:
        answer = answers.get(row.answer)
        if answer is None:
            problems += [_unknown(row)] if row.points or row.remark else []
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
    remedy = "Take ids from the pages as they are."
    return f"{row.where}: there is no answer {name!r} in this run. {remedy}"


def _out_of_range(row: Row, answer: Answer) -> str:
    typed = clean(row.points)[:20]
    return (
        f"{row.where}: answer {answer.id} has {typed!r} points; give a number "
        f"from 0 to {answer.possible:g}, or nothing."
    )
