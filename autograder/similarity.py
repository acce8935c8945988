"""Work of one class that is alike beyond what the homework itself brings about.

Compared are the functions of the student module, the answer cells of the notebook, and each
written answer.  Lines of the released files, of the solution, and lines that many have are taken
out first; names that a student chose count as one, so that renaming changes nothing.
A pair is a reason to read both texts, never a verdict.
"""

from __future__ import annotations

import builtins
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pygments.lexers import PythonLexer
from pygments.token import Comment, Name, String
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel

from autograder import build, course, pages
from autograder.course import Homework
from autograder.rendering import clean
from autograder.verdict import Verdict
from autograder.writing import write_text

PAGE = "similarity.html"
MODULES = "modules"
ALIKE = 0.8  # share of tokens, in order, from which on a pair is shown
FEWEST_TOKENS = 25  # of one's own; shorter work is alike by itself
MOST_PAIRS = 60
MOST_CHARACTERS, MOST_LINES = 20_000, 500  # of one part
MOST_FUNCTIONS = 60  # of one module

_NAMED = re.compile(r"(?<=\.)\w+|\w+(?=\()|(?<=import )\w+|(?<=from )\w+|(?<= as )\w+")

Line = tuple[str, ...]
"""The tokens of one line of text; empty for a comment."""


@dataclass(frozen=True)
class Part:
    """One piece of a submission that is compared with its like."""

    submission: str
    name: str  # "icc", "answer cells", "written answer 1.9a"
    text: str  # untrusted
    lines: tuple[Line, ...]  # one a line of the text
    own: frozenset[int]  # the lines that count


@dataclass(frozen=True)
class Pair:
    """Two parts that are alike."""

    first: Part
    second: Part
    similarity: float
    tokens: int  # of the shorter one

    @property
    def weight(self) -> float:
        """Long and alike comes first."""
        return self.similarity * math.log(self.tokens)


def write(out: Path, homework: Homework, verdicts: Iterable[Verdict], parts: Iterable[Part]) -> int:
    """Write the page of similar work of a graded run; returns the number of pairs on it."""
    names = {verdict.submission: verdict.name or verdict.submission for verdict in verdicts}
    found = pairs(parts)
    text = pages.render(
        "similarity.html",
        ["similarity.css"],
        homework=homework,
        names=names,
        pairs=[(pair, *_side_by_side(pair)) for pair in found],
        submissions=len(names),
        alike=ALIKE,
    )
    write_text(out / PAGE, text)
    return len(found)


def pairs(parts: Iterable[Part]) -> list[Pair]:
    """Pairs of like parts of different submissions, the most telling first."""
    by_name: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        by_name[part.name].append(part)
    found = [pair for group in by_name.values() for pair in _pairs_of(group)]
    return sorted(found, key=lambda pair: -pair.weight)[:MOST_PAIRS]


def read(out: Path, homework: Homework, submissions: Iterable[str]) -> list[Part]:
    """The parts of every submission of a run, with what the homework brings about taken out."""
    given = _given(homework)
    parts = []
    for submission in submissions:
        module = _text(out / MODULES / f"{submission}.py")
        notebook = _text(out / "executed" / f"{submission}.ipynb")
        parts += list(_parts(submission, module, _cells(notebook), given))
    return _without_common(parts)


def own_code(parts: Iterable[Part]) -> str:
    """The lines of code in some parts that are the student's own."""
    return "\n".join(
        line
        for part in parts
        if not part.name.startswith("written")
        for i, line in enumerate(part.text.split("\n"))
        if i in part.own
    )


# ------------------------------------------------------------------------- what was handed out


@dataclass(frozen=True)
class _Given:
    """What comes with the homework: its lines, its words, the cells of the notebook."""

    lines: frozenset[Line]
    words: frozenset[str]  # names of functions and attributes: nobody chose them
    cells: Mapping[str, str]


@lru_cache
def _given(homework: Homework) -> _Given:
    if not homework.module:  # another course's, of which only the tests are here
        return _Given(frozenset(), frozenset({*dir(builtins), "self", "np", "pd"}), {})
    master = _text(build.master_path(homework)) if homework.module else ""
    prose = "\n".join(line.removeprefix("# ") for line in master.splitlines())
    released = _text(course.ROOT / "assignments" / homework.folder / f"{homework.id}.ipynb")
    modules = [build.stub(homework), build.solved_module(homework)] if homework.module else []
    sources = [*modules, master]
    named = {word for text in sources for word in _NAMED.findall(text)}
    words = frozenset(named | set(dir(builtins)) | {"self"})
    lines = {line for text in sources for line in token_lines(text, words)}
    lines |= set(word_lines(_sentences(prose)))
    cells = {str(cell.get("id")): _source(cell) for cell in _cells(released)}
    return _Given(frozenset(lines), words, cells)


def _text(path: Path) -> str:
    try:
        return clean(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""


def _cells(notebook: str) -> list[dict[str, Any]]:
    found = json.loads(notebook).get("cells", []) if notebook else []
    return [cell for cell in found if isinstance(cell, dict)]


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


# --------------------------------------------------------------------------------------- parts


def _parts(
    submission: str, module: str, cells: Sequence[Mapping[str, Any]], given: _Given
) -> Iterator[Part]:
    for name, text in _functions(module):
        short = _bounded(text.rstrip())
        yield _part(submission, name, short, token_lines(short, given.words), given)
    changed = [cell for cell in cells if _source(cell) != given.cells.get(str(cell.get("id")))]
    code = "\n\n".join(clean(_source(cell)) for cell in changed if cell.get("cell_type") == "code")
    code = _bounded(code)
    yield _part(submission, "answer cells", code, token_lines(code, given.words), given)
    for cell in changed:
        identity = str(cell.get("id"))
        if cell.get("cell_type") == "markdown" and identity.endswith("-answer"):
            number = identity.removeprefix("task").removesuffix("-answer").replace("_", ".")
            text = _bounded(_sentences(clean(_source(cell))))
            yield _part(submission, f"written answer {number}", text, word_lines(text), given)


def _functions(module: str) -> Iterator[tuple[str, str]]:
    """Functions and classes of a module by name, also where it does not parse."""
    blocks = re.split(r"^(?=(?:async )?def |class |@)", module, flags=re.MULTILINE)
    for block in blocks[: MOST_FUNCTIONS + 1]:
        named = re.match(r"(?:@.*\n)*(?:async )?(?:def|class) (\w+)", block)
        if named:
            yield named[1], block


def _bounded(text: str) -> str:
    """The first part of a text that is too long to compare."""
    return "\n".join(text[:MOST_CHARACTERS].split("\n")[:MOST_LINES])


def _part(submission: str, name: str, text: str, lines: tuple[Line, ...], given: _Given) -> Part:
    own = frozenset(i for i, line in enumerate(lines) if line and line not in given.lines)
    return Part(submission, name, text, lines, own)


def _sentences(text: str) -> str:
    """Prose with one sentence a line."""
    return re.sub(r"(?<=[.!?;])\s+", "\n", text)


@lru_cache(maxsize=4096)  # functions that nobody changed are the same in the whole class
def token_lines(code: str, words: frozenset[str]) -> tuple[Line, ...]:
    """Tokens of code line by line; comments and docstrings count nothing, own names are one.

    >>> token_lines("y = f(x)  # so", frozenset({"f"}))
    (('N', '=', 'f', '(', 'N', ')'),)
    """
    lines: list[list[str]] = [[]]
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
        first, *others = text.split("\n")
        for i, piece in enumerate([first, *others]):
            if i:
                lines.append([])
            if piece.strip() and kind not in Comment and kind not in String.Doc:
                own = kind in Name and piece not in words
                lines[-1].append("N" if own else piece.strip())
    return tuple(map(tuple, lines))


def word_lines(text: str) -> tuple[Line, ...]:
    """Words of prose line by line."""
    return tuple(tuple(re.findall(r"\w+", line.lower())) for line in text.split("\n"))


def _without_common(parts: Iterable[Part]) -> list[Part]:
    """Parts without the lines that many have: those are how one writes it."""
    parts = list(parts)
    everybody = Counter(part.name for part in parts)
    having: Counter[tuple[str, Line]] = Counter(
        (part.name, line) for part in parts for line in {part.lines[i] for i in part.own}
    )
    return [
        Part(
            part.submission,
            part.name,
            part.text,
            part.lines,
            frozenset(
                i
                for i in part.own
                if having[part.name, part.lines[i]] <= max(4, everybody[part.name] / 5)
            ),
        )
        for part in parts
    ]


# --------------------------------------------------------------------------------------- pairs


def _pairs_of(group: Sequence[Part]) -> Iterator[Pair]:
    letters: dict[str, str] = {}
    long = [part for part in group if _length(part) >= FEWEST_TOKENS]
    texts = [_encoded((part.lines[i] for i in sorted(part.own)), letters) for part in long]
    scorer = Indel.normalized_similarity
    alike = process.cdist(texts, texts, scorer=scorer, score_cutoff=ALIKE)
    for i, j in np.argwhere(np.triu(alike, 1) >= ALIKE):
        shorter = min(len(texts[i]), len(texts[j]))
        yield Pair(long[i], long[j], float(alike[i, j]), shorter)


def _length(part: Part) -> int:
    return sum(len(part.lines[i]) for i in part.own)


def _encoded(lines: Iterable[Line], letters: dict[str, str]) -> str:
    """Tokens as a string of one letter each, as rapidfuzz compares fastest."""
    return "".join(
        letters.setdefault(token, chr(0x100 + len(letters))) for line in lines for token in line
    )


def _side_by_side(pair: Pair) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The lines of both texts, each "same" where the other has one like it, "given" or "own"."""
    return _marked(pair.first, pair.second), _marked(pair.second, pair.first)


def _marked(part: Part, other: Part) -> list[tuple[str, str]]:
    others = [" ".join(other.lines[i]) for i in sorted(other.own)]

    def kind(i: int) -> str:
        if i not in part.own:
            return "given"
        line = " ".join(part.lines[i])
        like = process.extractOne(line, others, scorer=fuzz.ratio, score_cutoff=85)
        return "same" if like else "own"

    return [(line, kind(i)) for i, line in enumerate(part.text.split("\n"))]
