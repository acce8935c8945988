"""Submissions that mean well and are damaged: what is wrong with each, and what must happen.

Each is made from the solution of homework 1; none may end the grading of the class.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jupytext
import nbformat

from autograder import build, course, verify
from submissions import archives

MODULE = archives.MODULE
EVERYTHING = frozenset(f"1.{number}" for number in range(1, 9))

Files = dict[str, bytes]


@dataclass(frozen=True)
class Damage:
    """One damaged submission."""

    name: str
    wrong: str
    made: Callable[[Files], Files | bytes]
    """from the solution's files: other files, or the bytes of the zip"""
    status: str = "repaired"
    says: str = ""
    """stands in one of the repairs, or is the reason why it is unreadable"""
    loses: frozenset[str] = frozenset()
    """tasks that cannot be given in full"""
    fast: bool = False
    slow: bool = False
    """takes seconds to make"""


def solution() -> Files:
    """What a perfect student hands in for homework 1."""
    own = verify.solution(course.homework("hw1"))
    return {"hw1.ipynb": own.notebook or b"", MODULE: own.module or b""}


def _book(change: Callable[[dict[str, Any]], Any]) -> Callable[[Files], Files]:
    """Change the notebook in place."""

    def made(files: Files) -> Files:
        book = json.loads(files["hw1.ipynb"])
        change(book)
        return {**files, "hw1.ipynb": json.dumps(book).encode()}

    return made


def _cells(change: Callable[[list[dict]], list[dict]]) -> Callable[[Files], Files]:
    """Put other cells in place of the notebook's."""
    return _book(lambda book: book.update(cells=change(book["cells"])))


def _notebook(change: Callable[[bytes], bytes]) -> Callable[[Files], Files]:
    return lambda files: {**files, "hw1.ipynb": change(files["hw1.ipynb"])}


def _module(change: Callable[[bytes], bytes]) -> Callable[[Files], Files]:
    return lambda files: {**files, MODULE: change(files[MODULE])}


def _source(cell: dict) -> str:
    return "".join(cell["source"])


def _place(cells: list[dict], identity: str) -> int:
    return next(i for i, cell in enumerate(cells) if cell["id"] == identity)


def _without(*identities: str) -> Callable[[Files], Files]:
    return _cells(lambda cells: [cell for cell in cells if cell["id"] not in identities])


def _retyped(identity: str, kind: str) -> Callable[[Files], Files]:
    def change(cells: list[dict]) -> list[dict]:
        cell = cells[_place(cells, identity)]
        cells[_place(cells, identity)] = {
            "id": identity,
            "cell_type": kind,
            "metadata": {},
            "source": _source(cell),
        }
        return cells

    return _cells(change)


def _moved(identity: str, behind: str) -> Callable[[Files], Files]:
    def change(cells: list[dict]) -> list[dict]:
        cell = cells.pop(_place(cells, identity))
        cells.insert(_place(cells, behind) + 1, cell)
        return cells

    return _cells(change)


def _twice(identity: str, code: str | None = None) -> Callable[[Files], Files]:
    """A cell and its copy, as copying in Jupyter's editor leaves it."""

    def change(cells: list[dict]) -> list[dict]:
        place = _place(cells, identity)
        copy = dict(cells[place], source=code or cells[place]["source"])
        return [*cells[: place + 1], copy, *cells[place + 1 :]]

    return _cells(change)


def _split(cells: list[dict]) -> list[dict]:
    """The answer cell of task 1.4, cut in two at a line."""
    place = _place(cells, "task1_4-03")
    lines = _source(cells[place]).splitlines()
    first = dict(cells[place], source="\n".join(lines[:2]))
    second = dict(cells[place], source="\n".join(lines[2:]), id="split")
    return [*cells[:place], first, second, *cells[place + 1 :]]


def _split_check(cells: list[dict]) -> list[dict]:
    """A check cell, cut in the middle of its call."""
    place = _place(cells, "task1_3-05")
    first = dict(cells[place], source="grader.check(")
    second = dict(cells[place], source='"task1_3")', id="split")
    return [*cells[:place], first, second, *cells[place + 1 :]]


def _merged(cells: list[dict]) -> list[dict]:
    """Both answer cells of task 1.4 and its check cell in one."""
    names = ("task1_5-03", "task1_5-04", "task1_5-05")
    source = "\n".join(_source(cells[_place(cells, name)]) for name in names)
    cells[_place(cells, names[0])]["source"] = source
    return [cell for cell in cells if cell["id"] not in names[1:]]


def _without_ids(book: dict[str, Any]) -> None:
    """As Colab saves it."""
    for cell in book["cells"]:
        cell.pop("id")
    book["nbformat_minor"] = 0


def _without_ids_and_checks(book: dict[str, Any]) -> None:
    book["cells"] = [cell for cell in book["cells"] if "grader.check(" not in _source(cell)]
    _without_ids(book)


def _format_3(data: bytes) -> bytes:
    return nbformat.writes(nbformat.reads(data.decode(), as_version=4), version=3).encode()


def _script(files: Files) -> Files:
    book = nbformat.reads(files["hw1.ipynb"].decode(), as_version=4)
    return {"hw1.py": jupytext.writes(book, "py:percent").encode(), MODULE: files[MODULE]}


def _in_r(files: Files) -> Files:
    book = json.loads(archives.notebook("x <- lmer(mAch ~ 1 + (1 | school), hsb)"))
    book["metadata"] = {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}
    return {"hw1.ipynb": json.dumps(book).encode()}


def _other_homework(files: Files) -> Files:
    return {"hw1.ipynb": build.staged("hw2").solved.read_bytes()}


def _other_with_module(files: Files) -> Files:
    return {**files, "hw1.ipynb": build.staged("hw2").solved.read_bytes()}


def _large(book: dict[str, Any]) -> None:
    """200 MB of outputs, as a picture in every cell leaves them."""
    picture = "iVBORw0KGgo+/abc" * 2**16
    output = {"output_type": "display_data", "metadata": {}, "data": {"image/png": picture}}
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    for k in range(200):
        code[k % len(code)].setdefault("outputs", []).append(output)


def _kernel(book: dict[str, Any]) -> None:
    book["metadata"]["kernelspec"] = {"name": "my-env", "display_name": "My env", "language": ""}


def _language(book: dict[str, Any]) -> None:
    book["metadata"]["language_info"] = {"name": "R"}


def _odd_cells(cells: list[dict]) -> list[dict]:
    return [
        *cells[:4],
        "no cell",
        {"cell_type": "code"},
        {"cell_type": 7, "source": [1]},
        *cells[4:],
    ]


def _cp1252(data: bytes) -> bytes:
    text = data.decode().replace('"""', '"""“Größe” – ', 1)
    return text.encode("cp1252", "replace")


DAMAGED = [
    Damage("undamaged", "nothing", lambda files: files, status="ok", fast=True),
    Damage(
        "not-json",
        "a PDF under the notebook's name",
        _notebook(lambda data: b"%PDF-1.7"),
        "unreadable",
        "is not a notebook: its text is damaged",
        EVERYTHING,
        fast=True,
    ),
    Damage(
        "cut-off",
        "an upload that broke off",
        _notebook(lambda data: data[: len(data) // 2]),
        "unreadable",
        "its text is damaged",
        EVERYTHING,
    ),
    Damage(
        "empty",
        "a file of no bytes",
        _notebook(lambda data: b""),
        "unreadable",
        "is empty",
        EVERYTHING,
    ),
    Damage(
        "no-cells",
        "JSON that is no notebook",
        _notebook(lambda data: b'{"a": 1}'),
        "unreadable",
        "it has no cells",
        EVERYTHING,
    ),
    Damage(
        "without-any-cell",
        "a new notebook",
        _book(lambda book: book.update(cells=[])),
        says="none of the cells of homework 1",
        loses=EVERYTHING,
    ),
    Damage("format-3", "saved by a program of 2014", _notebook(_format_3), says="format 3"),
    Damage("another-kernel", "the student's own environment", _book(_kernel), status="ok"),
    Damage("says-r", "Python, saved under R's kernel", _book(_language), says="language R"),
    Damage("in-r", "a notebook in R", _in_r, "unreadable", "is for the language R", EVERYTHING),
    Damage("script", "saved as a Python script", _script, says="A script was read"),
    Damage(
        "check-deleted",
        "no check cell of 1.3",
        _without("task1_3-05"),
        says="task1_3 has no check cell; it was tested where its task ends",
        fast=True,
    ),
    Damage(
        "task-deleted",
        "nothing of task 1.7 is left",
        _without(*(f"task1_7-0{k}" for k in range(1, 7))),
        says="missing: task1_7-03, task1_7-04",
        loses=frozenset({"1.7"}),
    ),
    Damage(
        "setup-deleted", "the first cell is gone", _without("start-01"), says="start-01 was missing"
    ),
    Damage(
        "data-deleted",
        "the cell that loads the data is gone",
        _without("the-data-02"),
        says="the-data-02 was missing; it was put back",
    ),
    Damage(
        "check-duplicated", "a copied check cell", _twice("task1_2-09"), says="checked in several"
    ),
    Damage(
        "task-duplicated",
        "a copied answer cell",
        _twice("task1_8-03"),
        says="several times",
    ),
    Damage(
        "answer-duplicated",
        "a written answer and its empty copy",
        _twice("task1_9a-answer", "_Type your answer here, replacing this text._"),
        says="several times",
    ),
    Damage("task-split", "an answer cell cut in two", _cells(_split), status="ok"),
    Damage(
        "check-split", "a check cell cut in two", _cells(_split_check), says="task1_3 was changed"
    ),
    Damage("merged", "answers and check of 1.5 in one cell", _cells(_merged), status="ok"),
    Damage(
        "check-moved",
        "the check of 1.2 stands behind that of 1.6",
        _moved("task1_2-09", "task1_6-07"),
        says="another order",
    ),
    Damage(
        "task-moved",
        "task 1.8 is answered before task 1.7",
        _moved("task1_8-03", "task1_6-07"),
        says="another order",
    ),
    Damage(
        "check-as-text",
        "a check cell turned into text",
        _retyped("task1_4-12", "markdown"),
        says="was a markdown cell",
    ),
    Damage(
        "check-as-raw",
        "a check cell turned into a raw cell",
        _retyped("task1_4-12", "raw"),
        says="was a raw cell; it was read as code",
    ),
    Damage(
        "task-as-text",
        "an answer turned into text",
        _retyped("task1_5-03", "markdown"),
        says="was a markdown cell; it was read as code",
        fast=True,
    ),
    Damage(
        "answer-as-code",
        "a written answer in a code cell",
        _retyped("task1_9b-answer", "code"),
        says="was a code cell; it was read as markdown",
    ),
    Damage("without-ids", "saved by Colab", _book(_without_ids), status="ok"),
    Damage(
        "without-ids-and-checks",
        "saved by Colab, check cells deleted",
        _book(_without_ids_and_checks),
        says="task1_6 has no check cell",
    ),
    Damage(
        "public-test-edited",
        "its own tests/, which pass always",
        lambda files: {**files, "tests/task1_3.py": b"name = 'task1_3'\npoints = 99\n"},
        status="ok",
    ),
    Damage(
        "another-homework",
        "the notebook of homework 2",
        _other_homework,
        "unreadable",
        "is that of homework 2, not of homework 1",
        EVERYTHING,
        fast=True,
    ),
    Damage(
        "another-homework-right-module",
        "homework 2's notebook, homework 1's module",
        _other_with_module,
        says="is that of homework 2",
        loses=EVERYTHING,
    ),
    Damage(
        "two-notebooks",
        "a draft beside the notebook",
        lambda files: {**files, "draft.ipynb": archives.notebook("1")},
        says="2 notebooks were handed in; hw1.ipynb was graded",
    ),
    Damage(
        "two-alike",
        "two notebooks with the same checks under other names",
        lambda files: {"a.ipynb": files["hw1.ipynb"], "b.ipynb": files["hw1.ipynb"]},
        "unreadable",
        "several notebooks",
        EVERYTHING,
    ),
    Damage(
        "without-module",
        "the notebook alone",
        lambda files: {"hw1.ipynb": files["hw1.ipynb"]},
        says="was not handed in",
        loses=EVERYTHING,
    ),
    Damage(
        "syntax-error",
        "a module with a typing error",
        _module(lambda data: data.replace(b"\ndef icc(", b"\ndef icc((", 1)),
        says="is no valid Python (line",
        loses=EVERYTHING,
    ),
    Damage(
        "windows-lines",
        "Windows line ends in both",
        lambda files: {name: data.replace(b"\n", b"\r\n") for name, data in files.items()},
        status="ok",
    ),
    Damage(
        "byte-order-mark",
        "UTF-8 as Windows' Notepad saves it",
        lambda files: {name: b"\xef\xbb\xbf" + data for name, data in files.items()},
        status="ok",
    ),
    Damage(
        "utf-16",
        "UTF-16 as PowerShell writes it",
        lambda files: {name: data.decode().encode("utf-16") for name, data in files.items()},
        says="was read as utf-16",
    ),
    Damage("cp1252", "a module in the code page of Windows", _module(_cp1252), says="cp1252"),
    Damage("odd-cells", "cells that are none", _cells(_odd_cells), says="1 damaged cells"),
    Damage("large-outputs", "200 MB of outputs", _book(_large), status="ok", slow=True),
    Damage(
        "damaged-zip",
        "an archive with a broken table",
        lambda files: archives.archive(files)[:-30],
        "unreadable",
        "damaged or not a zip",
        EVERYTHING,
    ),
]
