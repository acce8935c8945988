"""Reads what was handed in damaged, and finds each task's cells again: by id, then by content.

Nothing here runs code or trusts a byte.
Each repair and each doubt is one sentence, which student and TA read in the result.
What is no notebook of the homework at all is `Unreadable`, with the reason.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import nbformat
from nbformat import NotebookNode

_CHECK = re.compile(r"^[ \t]*grader\.check\(\s*[\"'](\w+)[\"']\s*\)", re.MULTILINE)
_CHECKS_OF = re.compile(r"grader\.check\(\s*\\?[\"']task(\d)_")
_GIVES = re.compile(r"^([A-Za-z_]\w*)\s*=[^=]", re.MULTILINE)
_OUTPUTS = re.compile(rb"\"outputs\"\s*:\s*\Z")
_MARKS = re.compile(rb'["\\\[\]{}]')
_SCRIPT = re.compile(r"^(# %%|# In ?\[|#!/usr/bin/env python|\s*grader\.check\()", re.MULTILINE)
_FENCE = re.compile(r"\A\s*```\w*\n(.*?)\n```\s*\Z", re.DOTALL)
_FORMAT = {"nbformat": 4, "nbformat_minor": 5}
_LISTED = 5


class Unreadable(Exception):
    """No notebook that could run; the text says why, as a predicate: "is empty; ..."."""


@dataclass(frozen=True)
class Given:
    """One cell of the notebook as it was handed out: given code, code to be completed, the check
    of a question, or a written answer."""

    id: str
    kind: Literal["code", "answer", "check", "written"]
    source: str
    question: str
    """the question that it checks or belongs to; empty for none"""
    lead: str = ""
    """of a written answer: the text before it, which asks for it"""

    @cached_property
    def names(self) -> frozenset[str]:
        """Names that it gives a value."""
        return frozenset(_GIVES.findall(self.source))


@dataclass
class Mended:
    """A notebook that can run, and where in it each question is checked or answered."""

    notebook: NotebookNode
    checks: dict[int, list[str]] = field(default_factory=dict)
    """questions by the cell after which they are tested"""
    written: dict[str, str] = field(default_factory=dict)
    """texts of written answers by the id of the cell that was handed out for it"""
    lines: list[str] = field(default_factory=list)


def given_cells(template: str) -> tuple[Given, ...]:
    """Code cells and written answers of a notebook as it is handed out."""
    handed_out = json.loads(template)["cells"]
    leads = ["", *("".join(cell["source"]).strip() for cell in handed_out)]
    found = (_given(cell, lead) for cell, lead in zip(handed_out, leads, strict=False))
    return tuple(cell for cell in found if cell is not None)


def _given(cell: Mapping[str, Any], lead: str) -> Given | None:
    source, tags = "".join(cell["source"]), cell["metadata"].get("tags", ())
    task = re.match(r"task\d_\d", cell["id"])
    question = task.group() if task else ""
    if cell["cell_type"] == "code":
        check = _CHECK.search(source)
        if check:
            return Given(cell["id"], "check", source, check[1])
        open_answer = re.search(r"(^|= )\.\.\.$", source, re.MULTILINE)
        return Given(cell["id"], "answer" if open_answer else "code", source, question)
    if "otter_answer_cell" in tags:
        return Given(cell["id"], "written", source, question, lead)
    return None


# ------------------------------------------------------------------------------- reading bytes


def without_outputs(pieces: Iterable[bytes], limit: int) -> bytes | None:
    """A notebook's bytes as they come, with every list of outputs emptied.

    Outputs may be hundreds of megabytes, and none of it counts.

    Returns
    -------
    bytes or None
        None where more than `limit` bytes would remain.
    """
    kept = bytearray()
    quoted, escaped, skipping, position = False, -1, 0, 0
    for piece in pieces:
        begin = 0
        for mark in _MARKS.finditer(piece):
            sign, place = mark.group(), mark.start()
            if position + place == escaped:
                continue
            if quoted:
                escaped = position + place + 1 if sign == b"\\" else escaped
                quoted = sign != b'"'
            elif sign == b'"':
                quoted = True
            elif skipping:
                skipping += 1 if sign in b"[{" else -1 if sign in b"]}" else 0
                begin = place
            elif sign == b"[":
                kept += piece[begin:place]
                begin = place
                if _OUTPUTS.search(kept, max(0, len(kept) - 64)):
                    kept += b"["
                    skipping = 1
        kept += b"" if skipping else piece[begin:]
        position += len(piece)
        if len(kept) > limit:
            return None
    return bytes(kept)


def text(data: bytes) -> tuple[str, str]:
    """Text of a file in whatever encoding, with Unix line ends, and the encoding's name."""
    encoding: str = json.detect_encoding(data)
    try:
        found = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        found = data.decode(encoding, "replace")
    return found.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"), encoding


def module(data: bytes, name: str) -> tuple[bytes, list[str]]:
    """The student module in UTF-8, and what was mended or is wrong with it."""
    cookie = re.match(rb"(.*\n)?[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+", data[:400])
    if cookie:  # it says its encoding itself, and Python reads it
        return data, []
    source, encoding = text(data)
    lines = [] if encoding.startswith("utf-8") else [f"{name} was read as {encoding}, not UTF-8."]
    problem = _syntax_problem(source)
    if problem:
        lines.append(f"{name} is no valid Python ({problem}); none of its functions can be used.")
    return source.encode("utf-8", "replace"), lines


def _syntax_problem(source: str) -> str:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno or 1}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return type(error).__name__
    return ""


@dataclass(frozen=True)
class _Cell:
    """One cell as it was handed in."""

    kind: str
    source: str
    id: str
    metadata: dict[str, Any] = field(default_factory=dict)
    attachments: dict[str, Any] = field(default_factory=dict)
    """pictures in a text"""

    @cached_property
    def checks(self) -> list[str]:
        """Questions that it checks, by its code or by what `otter assign` noted of it."""
        ours = self.metadata.get("otter")
        noted = ours.get("tests") if isinstance(ours, dict) else None
        names = [name for name in noted if isinstance(name, str)] if isinstance(noted, list) else []
        return [*names, *_CHECK.findall(self.source)] if self.kind == "code" else []

    @cached_property
    def names(self) -> set[str]:
        """Names that it gives a value."""
        return set(_GIVES.findall(self.source))


def cells(data: bytes) -> tuple[list[_Cell], dict[str, Any], list[str]]:
    """Cells of a notebook in whatever form, its metadata, and what was mended to read it.

    Raises
    ------
    Unreadable
        Where it is none.
    """
    if not data.strip():
        raise Unreadable("is empty; save the notebook and export it again")
    content, encoding = text(data)
    lines = [] if encoding.startswith("utf-8") else [f"The notebook was read as {encoding}."]
    try:
        book: Any = json.loads(content)
    except (ValueError, RecursionError):
        return _script_cells(content), {}, [*lines, "A script was read as a notebook."]
    if isinstance(book, dict) and isinstance(book.get("worksheets"), list):
        sheets = [each for each in book["worksheets"] if isinstance(each, dict)]
        found = [cell for each in sheets for cell in each.get("cells") or ()]
        lines.append("The notebook is in format 3; it was read as format 4.")
    elif isinstance(book, dict) and isinstance(book.get("cells"), list):
        found = book["cells"]
    else:
        raise Unreadable("is not a notebook of the present format: it has no cells")
    read = [_cell(each) for each in found if isinstance(each, dict)]
    if len(read) < len(found):
        lines.append(f"{len(found) - len(read)} damaged cells were left out.")
    metadata = book.get("metadata")
    return read, metadata if isinstance(metadata, dict) else {}, lines


def _cell(cell: Mapping[str, Any]) -> _Cell:
    kind = cell.get("cell_type")
    source = cell.get("source", cell.get("input", ""))  # format 3 says input
    parts = source if isinstance(source, list) else [source]
    joined = "".join(part for part in parts if isinstance(part, str))
    if kind == "heading":
        kind, joined = "markdown", f"## {joined}"
    metadata, attachments = cell.get("metadata"), cell.get("attachments")
    return _Cell(
        kind=kind if kind in ("code", "markdown") else "raw",
        source=joined.replace("\r\n", "\n"),
        id=cell["id"] if isinstance(cell.get("id"), str) else "",
        metadata=metadata if isinstance(metadata, dict) else {},
        attachments=attachments if isinstance(attachments, dict) else {},
    )


def _script_cells(content: str) -> list[_Cell]:
    """Cells of a notebook that was saved as a script."""
    if not _SCRIPT.search(content) or _syntax_problem(content):
        raise Unreadable("is not a notebook: its text is damaged")
    import jupytext

    book = jupytext.reads(content, fmt="py")
    return [_Cell(cell.cell_type, cell.source, "") for cell in book.cells]


def _language(metadata: Mapping[str, Any]) -> str:
    for name, key in (("language_info", "name"), ("kernelspec", "language")):
        record = metadata.get(name)
        language = record.get(key) if isinstance(record, dict) else None
        if isinstance(language, str) and language:
            return language[:40]
    return "python"


# ----------------------------------------------------------------------------- finding the tasks


def mend(
    data: bytes, given: Sequence[Given], questions: Sequence[str], has_module: bool = False
) -> Mended:
    """A notebook that can run, with the place of every question.

    Parameters
    ----------
    data
        What was handed in.
    given
        Cells of the notebook as it was handed out; none where they are not known.
    questions
        Questions that are tested, in order.
    has_module
        Whether the homework's own module came with it: then it is graded in any case.

    Raises
    ------
    Unreadable
        Where it is no notebook, or one of another homework or language without the module.
    """
    found, metadata, lines = cells(data)
    work = _Matching(found, given, questions, lines)
    if given:
        work.refuse_others(data, _language(metadata), has_module)
        work.retype()
        work.put_back()
        work.doubt()
    mended = work.mended()
    mended.notebook.metadata = nbformat.from_dict(metadata)
    return mended


class _Matching:
    """Which handed-out cell each cell of a submission is."""

    def __init__(
        self,
        found: list[_Cell],
        given: Sequence[Given],
        questions: Sequence[str],
        lines: list[str],
    ) -> None:
        self.cells, self.given, self.questions, self.lines = found, given, questions, lines
        self.match = self._matched()

    def _matched(self) -> list[Given | None]:
        """For each cell the one that was handed out: of its id, else of its content."""
        by_id = {each.id: each for each in self.given}
        match = [by_id.get(cell.id) if cell.id else None for cell in self.cells]
        taken = {each.id for each in match if each is not None}
        for each in (each for each in self.given if each.id not in taken):
            for index, cell in enumerate(self.cells):
                lead = self.cells[index - 1].source if index else ""
                if match[index] is None and _alike(cell, each, lead):
                    match[index] = each
                    break
        return match

    def refuse_others(self, data: bytes, language: str, has_module: bool) -> None:
        """Raise where nothing of this homework is in the notebook."""
        own = any(each.question for each in self.match if each is not None)
        number = self.questions[0][len("task")] if self.questions else ""
        others = Counter(_CHECKS_OF.findall(data.decode("utf-8", "replace")))
        if language.casefold() not in ("python", "python3", "ipython"):
            problem = f"is for the language {_plain(language)}; this homework is in Python"
        elif others and number not in others:
            other = others.most_common(1)[0][0]
            problem = f"is that of homework {other}, not of homework {number}; hand in the other"
        else:
            problem = f"holds none of the cells of homework {number}; hand in the right one"
        if not own and not has_module:
            raise Unreadable(problem)
        if not own or problem.startswith("is for"):
            self.lines.append(f"The notebook {problem}. It was run as it is.")

    def retype(self) -> None:
        """Give cells the type back that they were handed out with."""
        for index, (cell, each) in enumerate(zip(self.cells, self.match, strict=True)):
            if each is None:
                continue
            source = _FENCE.sub(r"\1", cell.source)
            if each.kind != "written" and cell.kind != "code" and _runs(source):
                self._replace(index, "code", source)
            elif each.kind == "written" and cell.kind != "markdown":
                self._replace(index, "markdown", cell.source)

    def _replace(self, index: int, kind: str, source: str) -> None:
        cell = self.cells[index]
        self.lines.append(f"Cell {index + 1} was a {cell.kind} cell; it was read as {kind}.")
        self.cells[index] = replace(cell, kind=kind, source=source)

    def put_back(self) -> None:
        """Insert given code that is missing, behind the cell that it followed."""
        lines = {line.strip() for cell in self._code() for line in cell.source.splitlines()}
        there = {each.id for each in self.match if each is not None}
        before: str | None = None
        for each in self.given:
            wanted = {line.strip() for line in each.source.splitlines() if line.strip()}
            if each.kind == "code" and each.id not in there and not wanted <= lines:
                place = self._place_after(before)
                self.cells.insert(place, _Cell("code", each.source, each.id))
                self.match.insert(place, each)
                self.lines.append(f"The given cell {each.id} was missing; it was put back.")
                there.add(each.id)
            before = each.id if each.id in there else before

    def _place_after(self, identity: str | None) -> int:
        places = [i for i, each in enumerate(self.match) if each and each.id == identity]
        return places[-1] + 1 if places else 0

    def doubt(self) -> None:
        """Say which cells are missing, stand twice or stand in another order."""
        count = Counter(each.id for each in self.match if each is not None)
        twice = [name for name, number in count.items() if number > 1]
        gives = {name for cell in self._code() for name in cell.names}
        missing = [
            each.id
            for each in self.given
            if each.kind in ("answer", "written")
            and each.id not in count
            and (each.kind == "written" or (each.names and not each.names <= gives))
        ]
        order = {each.id: place for place, each in enumerate(self.given)}
        places = [order[each.id] for each in self.match if each is not None]
        moved = [self.given[b].id for a, b in pairwise(places) if b < a]
        self._list("These cells stand several times, and all of them ran", twice)
        self._list("These cells are missing", missing)
        self._list("These cells stand in another order, in which they ran", moved)

    def _list(self, what: str, names: list[str]) -> None:
        if names:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            self.lines.append(f"{what}: {', '.join(names[:_LISTED])}{more}.")

    def _code(self) -> list[_Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    def mended(self) -> Mended:
        """The notebook with the places of the questions and the written answers."""
        checks: dict[int, list[str]] = {}
        for question in self.questions:
            checks.setdefault(self._check_place(question), []).append(question)
        return Mended(self._notebook(), checks, self._written(), self.lines)

    def _check_place(self, question: str) -> int:
        """Index of a question's check cell; without one, of the last cell of its task."""
        called = [i for i, cell in enumerate(self.cells) if question in cell.checks]
        if called:
            if len(called) > 1:
                self.lines.append(f"{question} is checked in several cells; the last one counts.")
            return called[-1]
        last = len(self.cells) - 1
        if not self.given:
            return last
        pairs = list(enumerate(self.match))
        place = [
            i for i, each in pairs if each and each.kind == "check" and each.question == question
        ]
        if place:
            self.lines.append(f"The check cell of {question} was changed; its place counts.")
            return place[-1]
        own = [i for i, each in pairs if each and each.question == question]
        if not own:
            self.lines.append(f"{question} has no check cell; it was tested after the last cell.")
            return last
        self.lines.append(f"{question} has no check cell; it was tested where its task ends.")
        later = [i for i, each in pairs if each and each.question != question and i > own[-1]]
        return min(later, default=last + 1) - 1

    def _written(self) -> dict[str, str]:
        """Texts by cell; of several the last that was written."""
        texts: dict[str, str] = {}
        for cell, each in zip(self.cells, self.match, strict=True):
            if each is None or each.kind != "written":
                continue
            if cell.source.strip() not in ("", each.source.strip()) or each.id not in texts:
                texts[each.id] = cell.source
        return texts

    def _notebook(self) -> NotebookNode:
        """The cells in the present format, with ids that differ."""
        used: Counter[str] = Counter()
        made = []
        for index, cell in enumerate(self.cells):
            name = cell.id if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", cell.id) else f"cell-{index + 1}"
            used[name] += 1
            made.append(_node(cell, name if used[name] == 1 else f"{name}-{index + 1}"))
        return nbformat.from_dict({"cells": made, "metadata": {}, **_FORMAT})


def _node(cell: _Cell, identity: str) -> dict[str, Any]:
    """A cell as nbformat has it, without outputs."""
    node = {
        "cell_type": cell.kind,
        "id": identity,
        "metadata": cell.metadata,
        "source": cell.source,
    }
    if cell.kind == "code":
        return {**node, "execution_count": None, "outputs": []}
    return {**node, "attachments": cell.attachments} if cell.attachments else node


def _alike(cell: _Cell, given: Given, lead: str) -> bool:
    """Whether a cell without a known id has the content of one that was handed out; `lead` is
    the text before it."""
    if given.kind == "written":
        return lead.strip() == given.lead
    if given.kind == "check":
        return given.question in cell.checks or (
            cell.kind != "code" and given.source.strip() in cell.source
        )
    if given.kind == "answer" and given.names:
        return len(given.names & cell.names) * 2 > len(given.names)
    return cell.source.strip() == given.source.strip()


def _runs(source: str) -> bool:
    """Whether text is Python, but for IPython's own lines."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    return bool(source.strip()) and not _syntax_problem("\n".join(lines))


def _plain(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum() or letter in "+#-. ")[:30] or "?"
