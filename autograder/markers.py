"""The grammar of masters: solution markers, questions and test cases, read strictly.

Module masters mark what a student writes inside a function body::

    # BEGIN SOLUTION 1.3
    ...
    # END SOLUTION

Notebook masters (jupytext's ``py:percent``) use the same block in a code cell, the suffix
``name = value  # SOLUTION 1.3`` on a line, and otter's raw cells for questions and tests.
Whatever resembles a marker and is none is an error that names the file and the line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml

from autograder.course import CourseError

ID = r"[1-9]\.[1-9]"
_BEGIN = re.compile(rf"(?P<indent>\s*)# BEGIN SOLUTION (?P<id>{ID}[a-z]?)(?P<bare> NO PROMPT)?$")
_END = re.compile(rf"\s*# END SOLUTION(?: (?P<id>{ID}[a-z]?))?$")
_LINE = re.compile(rf"(?P<code>.*\S)\s*# SOLUTION (?P<id>{ID}[a-z]?)(?P<bare> NO PROMPT)?$")
MARK = re.compile(r"#\s*(?:(?:BEGIN|END)\W*SOLUTION|SOLUTION\b)")  # wherever it stands
_LIKE = re.compile(  # in code: a marker, or what somebody meant to be one
    r"#[\s#]*(?:(?:begin|end)\W*solution|solution\s*(?:\d|no prompt|$))", re.I
)
_CELL = re.compile(r"# %%(?: \[(?P<kind>\w+)\])?")
_HEADING = re.compile(rf"## (?P<task>{ID})\s+(?P<title>\S.*)$")
_RAW = re.compile(r"#\s+(?P<edge>BEGIN|END)\s+(?P<block>QUESTION|SOLUTION|TESTS)\s*$", re.I)
_QUESTION = re.compile(r"task([1-9])_([1-9])([a-z]?)")


@dataclass(frozen=True)
class Block:
    """One marked stretch of lines, markers included (line numbers count from 1)."""

    id: str
    start: int
    end: int
    indent: str
    lines: tuple[str, ...]  # what stands between the markers
    function: str = ""

    @property
    def task(self) -> str:
        """The task it belongs to: "1.5" of the ids 1.5a and 1.5b."""
        return self.id[:3]


@dataclass(frozen=True)
class Cell:
    """One cell of a py:percent master: its kind, its first source line and its source."""

    kind: str  # "code", "markdown" or "raw"
    line: int
    lines: tuple[str, ...]  # raw and markdown without the leading "# "

    @property
    def source(self) -> str:
        """The cell's text."""
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Case:
    """One test case of a question, as its decorator describes it."""

    name: str
    points: float
    hidden: bool
    success_message: str | None
    failure_message: str | None
    source: str  # the function, without its decorator
    line: int  # first line of its cell


@dataclass(frozen=True)
class Question:
    """One otter question: automatic with test cases, or written with points."""

    name: str  # "task1_4", "task1_9a"
    manual: bool
    written_points: float
    line: int
    cases: tuple[Case, ...] = ()

    @property
    def task(self) -> str:
        """The task it belongs to: "1.4" of task1_4, "1.9" of task1_9a."""
        return task_of(self.name)

    @property
    def points(self) -> float:
        """Points possible."""
        return self.written_points if self.manual else sum(case.points for case in self.cases)


@dataclass(frozen=True)
class Master:
    """A notebook master, checked: its cells, the title of each task, and its questions."""

    name: str
    cells: tuple[Cell, ...]
    titles: dict[str, str]
    questions: tuple[Question, ...]
    blocks: tuple[Block, ...]  # solutions in code cells


# ------------------------------------------------------------------------------------ modules


@lru_cache(maxsize=64)
def strip_module(text: str, name: str = "module") -> str:
    """Take the solutions out of a module master.

    Each block becomes one line, at the block's indent, that raises ``NotImplementedError`` with
    the task and the function around it; docstrings and everything unmarked stay.

    Parameters
    ----------
    text
        The module master.
    name
        What error messages call it.

    Raises
    ------
    CourseError
        Where a marker is unclosed, nested, unnumbered, misspelled, used twice or stands outside a
        function.

    Examples
    --------
    >>> print(strip_module('''def half(x):
    ...     # BEGIN SOLUTION 1.1
    ...     return x / 2
    ...     # END SOLUTION'''))
    def half(x):
        raise NotImplementedError("Task 1.1: half is not written yet")
    """
    lines = text.splitlines(keepends=True)
    for block in reversed(module_blocks(text, name)):
        message = f"Task {block.task}: {block.function} is not written yet"
        line = f'{block.indent}raise NotImplementedError("{message}")'
        last = lines[block.end - 1]
        lines[block.start - 1 : block.end] = [line + last[len(last.rstrip("\r\n")) :]]
    return "".join(lines)


@lru_cache(maxsize=64)
def unmark_module(text: str, name: str = "module") -> str:
    """Take the marker lines out of a module master and leave the solutions: a solved module."""
    lines = text.splitlines(keepends=True)
    for block in reversed(module_blocks(text, name)):
        del lines[block.end - 1], lines[block.start - 1]
    return "".join(lines)


def module_blocks(text: str, name: str = "module") -> tuple[Block, ...]:
    """The solution blocks of a module master, each with the function it stands in."""
    lines = text.splitlines()
    blocks = _blocks(lines, name, 0)
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if _LINE.match(line) and not _BEGIN.match(line):
            raise _error(name, number, "a line cannot be marked in a module; mark a block")
    for block in blocks:
        if block.id in seen:
            raise _error(name, block.start, f"the id {block.id} stands in two blocks; use it once")
        seen.add(block.id)
    functions = _functions(text, name)
    return tuple(replace(block, function=_around(block, functions, name)) for block in blocks)


def _functions(text: str, name: str) -> list[ast.FunctionDef]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise _error(name, error.lineno or 1, f"this is not valid Python ({error.msg})") from None
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _around(block: Block, functions: Iterable[ast.FunctionDef], name: str) -> str:
    """Name of the innermost function whose body holds a block."""
    around = [f for f in functions if f.lineno < block.start <= (f.end_lineno or 0)]
    if not around:
        raise _error(name, block.start, "the block stands outside a function; move it into one")
    for number, line in enumerate(block.lines, block.start + 1):
        if line.strip() and not line.startswith(block.indent):
            raise _error(name, number, f"this line is indented less than the block {block.id}")
    return max(around, key=lambda function: function.lineno).name


def _blocks(lines: Iterable[str], name: str, offset: int) -> list[Block]:
    """Marked blocks of one module or one cell, whose first line is number offset + 1."""
    blocks: list[Block] = []
    start, opened = 0, None
    inside: list[str] = []
    for number, line in enumerate(lines, offset + 1):
        begin, end = _BEGIN.match(line), _END.match(line)
        if not begin and not end and _LIKE.search(line) and not _LINE.match(line):
            form = '"# BEGIN SOLUTION 1.3", "# END SOLUTION" or "... # SOLUTION 1.3"'
            raise _error(name, number, f"this marker has none of the forms {form}")
        if begin and opened:
            raise _error(name, number, f"BEGIN SOLUTION inside the block of line {start}")
        if end and not opened:
            raise _error(name, number, "END SOLUTION without BEGIN SOLUTION")
        if begin:
            start, opened, inside = number, begin, []
        elif end and opened:
            if end["id"] not in (None, opened["id"]):
                raise _error(name, number, f"END SOLUTION {end['id']} closes {opened['id']}")
            _not_empty(inside, name, start)
            blocks.append(Block(opened["id"], start, number, opened["indent"], tuple(inside)))
            opened = None
        elif opened:
            if _LINE.match(line):
                raise _error(name, number, f"a marked line inside the block of line {start}")
            inside.append(line)
    if opened:
        raise _error(name, start, f"BEGIN SOLUTION {opened['id']} is never closed")
    return blocks


def _not_empty(inside: list[str], name: str, start: int) -> None:
    if not any(line.strip() for line in inside):
        raise _error(name, start, "the solution block is empty")


# ---------------------------------------------------------------------------------- notebooks


def check_notebook(text: str, name: str = "notebook") -> Master:
    """Read a notebook master and see that it keeps the grammar.

    Parameters
    ----------
    text
        The master, in jupytext's py:percent form.
    name
        What error messages call it.

    Returns
    -------
    Its cells, task titles, questions with test cases and points, and solution blocks.

    Raises
    ------
    CourseError
        Where a rule is broken, with file, line and what is expected.
    """
    cells = tuple(_cells(text))
    blocks: list[Block] = []
    questions: list[Question] = []
    state: list[str] = []
    answered: set[str] = set()
    for cell in cells:
        if cell.kind == "raw":
            _raw_cell(cell, state, questions, name)
        elif state[-1:] == ["TESTS"]:
            case = read_case(cell, name)
            questions[-1] = replace(questions[-1], cases=(*questions[-1].cases, case))
        elif state[-1:] == ["SOLUTION"]:
            _written_answer(cell, answered, questions[-1], name)
        else:
            task = questions[-1].task if state else None
            blocks.extend(_answers(cell, task, name))
    if state:
        raise _error(name, len(text.splitlines()), f"BEGIN {state[-1]} is never closed")
    _check_questions(questions, answered, name)
    return Master(name, cells, _titles(cells, name), tuple(questions), tuple(blocks))


def task_of(question: str) -> str:
    """Task of a question's name.

    Examples
    --------
    >>> task_of("task1_4"), task_of("task1_9a")
    ('1.4', '1.9')
    """
    match = _QUESTION.fullmatch(question)
    if not match:
        raise CourseError(f"{question!r} is no question's name; expected task1_4 or task1_9a.")
    return f"{match[1]}.{match[2]}"


def heading(line: str) -> tuple[str, str] | None:
    """Task and title of a task's heading ``## 1.4 Title``, None for any other line."""
    match = _HEADING.match(line)
    return (match["task"], match["title"].strip()) if match else None


def _cells(text: str) -> Iterator[Cell]:
    """Split a py:percent text at its ``# %%`` lines; what stands before the first is its header."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = _CELL.match(lines[start])
        kind = (match["kind"] if match else None) or "code"
        body, first = lines[start + 1 : end], start + 2
        while body and not body[-1].strip():
            body.pop()
        while body and not body[0].strip():
            body.pop(0)
            first += 1
        if kind in ("raw", "markdown"):
            body = [line.removeprefix("#").removeprefix(" ") for line in body]
        yield Cell(kind, first, tuple(body))


def _raw_cell(cell: Cell, state: list[str], questions: list[Question], name: str) -> None:
    """Follow the nesting of otter's raw cells; a new question is appended to `questions`."""
    match = _RAW.match(cell.lines[0]) if cell.lines else None
    if not match:
        if cell.lines and re.match(r"#\s+ASSIGNMENT CONFIG", cell.lines[0], re.I):
            return
        raise _error(name, cell.line, "this raw cell is neither BEGIN nor END of a known block")
    block = match["block"].upper()
    if match["edge"].upper() == "END":
        if state[-1:] != [block]:
            found = f"the open block is {state[-1]}" if state else "no block is open"
            raise _error(name, cell.line, f"END {block}, but {found}")
        state.pop()
        return
    if (block == "QUESTION") != (not state) or len(state) > 1:
        where = f"inside {state[-1]}" if state else "outside a question"
        raise _error(name, cell.line, f"BEGIN {block} {where}")
    if block == "SOLUTION" and not questions[-1].manual:
        raise _error(name, cell.line, "raw SOLUTION cells are for written questions; mark the code")
    state.append(block)
    if block == "QUESTION":
        questions.append(_question(cell, name))


def _question(cell: Cell, name: str) -> Question:
    try:
        config = yaml.safe_load("\n".join(cell.lines[1:])) or {}
    except yaml.YAMLError:
        config = None
    if not isinstance(config, dict):
        raise _error(
            name, cell.line, "the question's settings are not lines of the form key: value"
        )
    unknown = set(config) - {"name", "manual", "points"}
    if unknown:
        raise _error(name, cell.line, f"the setting {sorted(unknown)[0]!r} is not known here")
    question, manual = str(config.get("name")), bool(config.get("manual", False))
    if not _QUESTION.fullmatch(question):
        raise _error(name, cell.line, f"the name is {question!r}; expected task1_4 or task1_9a")
    if manual != ("points" in config):
        raise _error(name, cell.line, "points stand in written questions, and in every one")
    points = _points(config.get("points", 0), name, cell.line)
    return Question(question, manual, points, cell.line)


def _answers(cell: Cell, task: str | None, name: str) -> list[Block]:
    """Solution blocks and marked lines of one cell that is no test."""
    if cell.kind != "code":
        _no_marker(cell, name)
        return []
    blocks = _blocks(cell.lines, name, cell.line - 1)
    names = [block.id for block in blocks]
    twice = next((block for block in blocks if names.count(block.id) > 1), None)
    if twice:
        raise _error(name, twice.start, f"two blocks {twice.id} in one cell; put them in one block")
    for number, line in enumerate(cell.lines, cell.line):
        match = _LINE.match(line)
        if match and not _BEGIN.match(line):
            _one_statement(match["code"], bool(match["bare"]), name, number)
            blocks.append(Block(match["id"], number, number, "", (match["code"].strip(),)))
    for block in blocks:
        if block.task != task:
            where = f"in a question of task {task}" if task else "outside a question"
            raise _error(name, block.start, f"a solution of task {block.id} stands {where}")
    return blocks


def _written_answer(cell: Cell, answered: set[str], question: Question, name: str) -> None:
    if cell.kind != "markdown" or question.name in answered:
        raise _error(name, cell.line, "the answer to a written question is one markdown cell")
    _no_marker(cell, name)
    answered.add(question.name)


def _no_marker(cell: Cell, name: str) -> None:
    for number, line in enumerate(cell.lines, cell.line):
        if MARK.search(line):
            raise _error(name, number, "a solution marker in a cell that is not code")


def _one_statement(code: str, bare: bool, name: str, number: int) -> None:
    """A marked line has to be a whole statement with one target, for otter leaves the rest."""
    try:
        (statement,) = ast.parse(code.strip()).body
    except (SyntaxError, ValueError):
        text = "a marked line is one whole statement; use a block for more"
        raise _error(name, number, text) from None
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    if isinstance(target, (ast.Tuple, ast.List)) and not bare:
        raise _error(name, number, "a marked line has one name on the left; use a block for more")


def _check_questions(questions: list[Question], answered: set[str], name: str) -> None:
    names = [question.name for question in questions]
    for question in questions:
        if names.count(question.name) > 1:
            raise _error(name, question.line, f"{question.name} stands twice; use it once")
        if question.manual:
            if question.cases:
                raise _error(name, question.line, f"{question.name} is written and has test cases")
            if question.name not in answered:
                raise _error(name, question.line, f"{question.name} has no model answer")
            continue
        labels = [case.name for case in question.cases]
        for case in question.cases:
            if labels.count(case.name) > 1:
                text = f"{question.name} has two cases {case.name}; the second would hide the first"
                raise _error(name, case.line, text)
        if {case.hidden for case in question.cases} != {False, True}:
            text = f"{question.name} needs a public and a hidden test case"
            raise _error(name, question.line, text)


def _titles(cells: Iterable[Cell], name: str) -> dict[str, str]:
    titles: dict[str, str] = {}
    for cell in cells:
        for number, line in enumerate(cell.lines, cell.line):
            found = heading(line) if cell.kind == "markdown" else None
            if found and found[0] in titles:
                raise _error(name, number, f"task {found[0]} has two headings; use one")
            if found:
                titles[found[0]] = found[1]
    return titles


# --------------------------------------------------------------------------------- test cases


def read_case(cell: Cell, name: str = "notebook") -> Case:
    """Read one test cell: a function under ``@test_case(...)`` and nothing else.

    Examples
    --------
    >>> lines = ("@test_case(points=2, hidden=True)", "def wide(x):", "    assert x > 3")
    >>> case = read_case(Cell("code", 7, lines))
    >>> case.name, case.points, case.hidden
    ('wide', 2, True)
    """
    if cell.kind != "code":
        raise _error(name, cell.line, "only code cells may stand between BEGIN TESTS and END TESTS")
    for number, line in enumerate(cell.lines, cell.line):
        if _LIKE.search(line):
            raise _error(name, number, "a solution marker in a test cell")
    try:
        body = ast.parse(cell.source).body
    except SyntaxError as error:
        at = cell.line - 1 + (error.lineno or 1)
        raise _error(name, at, f"this is not valid Python ({error.msg})") from None
    function = body[0] if len(body) == 1 else None
    if not isinstance(function, ast.FunctionDef) or len(function.decorator_list) != 1:
        raise _error(name, cell.line, "a test cell holds one function under @test_case(...)")
    settings = _decorator(function.decorator_list[0], cell, name)
    hidden = settings.get("hidden", False)
    points = _points(settings.get("points", 0), name, cell.line)
    if hidden and not points:
        raise _error(name, cell.line, "a hidden case earns points; give it some")
    return Case(
        name=function.name,
        points=points,
        hidden=hidden,
        success_message=settings.get("success_message"),
        failure_message=settings.get("failure_message"),
        source="\n".join(cell.lines[function.lineno - 1 :]),
        line=cell.line,
    )


def _decorator(node: ast.expr, cell: Cell, name: str) -> dict[str, Any]:
    if not isinstance(node, ast.Call) or ast.unparse(node.func) != "test_case" or node.args:
        raise _error(
            name, cell.line, "the decorator has the form @test_case(points=2, hidden=True)"
        )
    known = {"points", "hidden", "success_message", "failure_message"}
    try:
        settings = {str(key.arg): ast.literal_eval(key.value) for key in node.keywords}
    except ValueError:
        raise _error(name, cell.line, "settings of @test_case are plain values") from None
    unknown = sorted(set(settings) - known)
    if unknown:
        text = f"@test_case does not know {unknown[0]!r}; it knows {', '.join(sorted(known))}"
        raise _error(name, cell.line, text)
    return settings


def _points(value: Any, name: str, line: int) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 100:
        raise _error(name, line, f"points are {value!r}; give a number from 0 to 100")
    return value


def _error(name: str, line: int, what: str) -> CourseError:
    return CourseError(f"{name}, line {line}: {what}.")
