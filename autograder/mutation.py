"""Tests of the tests: each solution is changed in one place, and some test has to go red.

A mutant is one operator, comparison or constant changed, or one statement dropped, in what a
student writes: a function of the module or an answer of the notebook.
It runs in this process, on the staff's own code, against the tests of its task.
One that passes them all is a hole in the tests, or says the same in other words; the latter are
listed with their reason in ``solutions/equivalent.toml``.
"""

from __future__ import annotations

import ast
import copy
import importlib
import io
import multiprocessing
import os
import re
import signal
import time
import tomllib
import types
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

from autograder import assignment, build, course, expect
from autograder.build import Progress
from autograder.course import ROOT, CourseError, Homework
from autograder.markers import Block, task_of
from autograder.statements import Statement, affected, callers, statements, what_matters
from autograder.testfile import JudgeTestFile

NOTEBOOK = "notebook"
DROPPED = "(dropped)"
PORTION = 20  # mutants that a process takes at once

_OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_SECONDS = 20.0  # of processor time that every mutant has
_TIMES = 3.0  # as long as the solution, where that is more


@dataclass(frozen=True)
class Mutant:
    """A solution with one change.

    Attributes
    ----------
    task
        Whose tests have to notice.
    where
        Name of the function, or "notebook".
    line
        Line of the changed statement in its master.
    old, new
        The statement's first line before and after.
    source
        The whole function, or the whole statement of the notebook, after the change.
    """

    task: str
    where: str
    line: int
    old: str
    new: str
    source: str


@dataclass(frozen=True)
class Equivalent:
    """A mutant that cannot be told from the solution, and why."""

    where: str
    old: str
    why: str
    new: str = ""
    """empty for whatever change of the statement"""

    def covers(self, mutant: Mutant) -> bool:
        """Whether it speaks of this mutant."""
        same = (self.where, self.old) == (mutant.where, mutant.old)
        return same and self.new in {"", mutant.new}


def findings(
    homework: Homework,
    progress: Progress = lambda line: None,
    jobs: int | None = None,
) -> list[str]:
    """Mutants that pass all tests of their task, and answers that no test takes.

    Parameters
    ----------
    homework
        Whose tests are tried.
    progress
        Is told in a line what is being tried.
    jobs
        Number of processes; one a processor by default.

    Returns
    -------
    One line a finding.
    """
    made = list(chain.from_iterable(mutants(homework).values()))
    known = equivalents(homework)
    found = [
        f"solutions/equivalent.toml, {homework.id}, {each.where}: {each.old!r} -> {each.new!r} is "
        "no mutant any more; take it out"
        for each in known
        if not any(each.covers(mutant) for mutant in made)
    ]
    found += [f"{homework.id}: {line}" for line in untested_answers(homework)]
    chosen = [mutant for mutant in made if not any(each.covers(mutant) for each in known)]
    unnoticed = survivors(homework, chosen, progress, jobs)
    return found + [_sentence(homework, each) for each in unnoticed]


def survivors(
    homework: Homework,
    chosen: Sequence[Mutant],
    progress: Progress = lambda line: None,
    jobs: int | None = None,
) -> list[Mutant]:
    """Those mutants that no test of their task notices."""
    portions, tried = _portions(chosen), 0
    found: list[Mutant] = []
    progress(f"{homework.id}: {len(chosen)} mutants of the solution")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs or os.cpu_count(), context) as pool:
        results = pool.map(partial(_survivors_among, homework.id), portions)
        for portion, unnoticed in zip(portions, results, strict=True):
            tried, found = tried + len(portion), found + unnoticed
            progress(f"{homework.id}: {tried} of {len(chosen)} mutants, {len(found)} unnoticed")
    return found


def _portions(chosen: Iterable[Mutant]) -> list[list[Mutant]]:
    """Mutants of one task each, few enough that all processors are busy to the end."""
    by_task: dict[str, list[Mutant]] = {}
    for mutant in chosen:
        by_task.setdefault(mutant.task, []).append(mutant)
    return [
        group[first : first + PORTION]
        for group in by_task.values()
        for first in range(0, len(group), PORTION)
    ]


def equivalents(homework: Homework, root: Path = ROOT) -> list[Equivalent]:
    """The mutants of a homework that are known to be no mistakes.

    Raises
    ------
    CourseError
        Where an entry lacks a part or has one too many.
    """
    path = root / "solutions" / "equivalent.toml"
    if not path.exists():
        return []
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8")).get(homework.id, [])
        found = [Equivalent(**entry) for entry in listed]
    except (tomllib.TOMLDecodeError, TypeError) as error:
        expected = "each entry has where, old and why, and may have new"
        raise CourseError(f"solutions/equivalent.toml: {expected} ({error}).") from None
    return found


def _sentence(homework: Homework, mutant: Mutant) -> str:
    master = f"{homework.id}.py" if mutant.where == NOTEBOOK else f"{homework.module}.py"
    return (
        f"{master}, line {mutant.line}, {mutant.where}: no test of task {mutant.task} notices "
        f"{mutant.old!r} -> {mutant.new!r}; add a case, or list it in solutions/equivalent.toml"
    )


# --------------------------------------------------------------------------------- the mutants


def mutants(homework: Homework, root: Path = ROOT) -> dict[str, list[Mutant]]:
    """All mutants of a homework by the function, or "notebook", that they stand in."""
    made: dict[str, list[Mutant]] = {}
    text = build.module_path(homework, root).read_text(encoding="utf-8")
    functions = _functions(text)
    for block in build.solution_blocks(homework, root):
        function = functions[block.function]
        made.setdefault(block.function, []).extend(
            Mutant(block.task, block.function, *change)
            for change in changes(function, block.start, block.end)
        )
    for block, statement in _answers(homework, root):
        tree = ast.parse(statement.text)
        made.setdefault(NOTEBOOK, []).extend(
            Mutant(block.task, NOTEBOOK, statement.line, *change[1:])
            for change in changes(tree)
            if change[2] != DROPPED  # a missing answer is what the stub has
        )
    return made


def changes(
    tree: ast.AST, first: int = 0, last: int = 10**9
) -> Iterator[tuple[int, str, str, str]]:
    """Line, old and new first line of a statement, and the whole text, for each change.

    Examples
    --------
    >>> tree = ast.parse("def f(x):\\n    return x + 2").body[0]
    >>> [new for _, _, new, _ in changes(tree, first=2)]
    ['return x - 2', 'return x + 3', '(dropped)']
    """
    tree = copy.deepcopy(tree)
    for body, place in list(_statement_places(tree)):
        statement = body[place]
        if not first <= statement.lineno <= last or _is_docstring(statement):
            continue
        old = _head(statement)
        if not isinstance(statement, ast.Raise):
            for put, original, others in list(_own_places(statement)):
                for other in others:
                    put(other)
                    yield statement.lineno, old, _head(statement), ast.unparse(tree)
                put(original)
        if not isinstance(statement, (ast.Pass, ast.Import, ast.ImportFrom, ast.FunctionDef)):
            body[place] = ast.Pass()
            yield statement.lineno, old, DROPPED, ast.unparse(tree)
            body[place] = statement


def _head(statement: ast.stmt) -> str:
    return ast.unparse(statement).splitlines()[0]


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _statement_places(tree: ast.AST) -> Iterator[tuple[list[Any], int]]:
    """Each list of statements with each place in it."""
    for node in ast.walk(tree):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list):
                yield from (
                    (value, place) for place, each in enumerate(value) if isinstance(each, ast.stmt)
                )


_Place = tuple[Callable[[Any], None], Any, list[Any]]


def _own_places(node: ast.AST) -> Iterator[_Place]:
    """Where a statement's own expressions can be changed: how to put a node there, which stands
    there now, and which others may."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns"}:
            continue
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if not isinstance(child, ast.AST) or isinstance(child, (ast.stmt, ast.JoinedStr)):
                continue
            put = (
                partial(value.__setitem__, place)
                if isinstance(value, list)
                else partial(setattr, node, name)
            )
            others = _others(child)
            if others:
                yield put, child, others
            yield from _own_places(child)


def _others(node: ast.AST) -> list[ast.AST]:
    """What may stand in a node's place."""
    if type(node) in _OPERATORS:
        return [_OPERATORS[type(node)]()]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not, ast.Invert)):
        return [node.operand]
    if isinstance(node, ast.Constant):
        return [ast.Constant(other) for other in _other_values(node.value)]
    return []


def _other_values(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, (int, float)):
        return [value + 1]
    return [f"not {value}"] if isinstance(value, str) else []


def _functions(text: str) -> dict[str, ast.FunctionDef]:
    return {each.name: each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)}


# ------------------------------------------------------------------- the answers of a notebook


def untested_answers(homework: Homework) -> list[str]:
    """Answers that students are asked for and that no test depends on."""
    statement_lines = {each.line for each in _needed(homework)}
    found = []
    for block in build.read_master(homework).blocks:
        asked = block.start == block.end and "NO PROMPT" not in block.lines[0]
        if asked and block.start not in statement_lines:
            found.append(f"{homework.id}.py, line {block.start}: no test takes {block.lines[0]!r}")
    return found


def _answers(homework: Homework, root: Path) -> Iterator[tuple[Block, Statement]]:
    """Solved statements of the notebook that a test depends on, with their block."""
    needed = _needed(homework, root)
    for block in build.read_master(homework, root).blocks:
        for statement in needed:
            if block.start <= statement.line <= block.end:
                yield block, statement


def _needed(homework: Homework, root: Path = ROOT) -> list[Statement]:
    notebook = [each for cell in _cells(homework, root) for each in cell]
    matters = what_matters(homework, notebook)
    used = {each.line for kept in matters.values() for each in kept}
    return [each for each in notebook if each.line in used]


def _cells(homework: Homework, root: Path = ROOT) -> Iterator[list[Statement]]:
    """Statements of the master's code cells, numbered by the lines of the master."""
    for source, line in _sources(homework, root):
        yield [
            Statement(each.text, each.loads, each.stores, each.line + line - 1)
            for each in statements(source)
        ]


def _sources(homework: Homework, root: Path = ROOT) -> Iterator[tuple[str, int]]:
    """Code cells of the master that are no tests, with their first line."""
    master = build.read_master(homework, root)
    tests = {case.line for question in master.questions for case in question.cases}
    for cell in master.cells:
        if cell.kind == "code" and cell.line not in tests:
            yield cell.source, cell.line


# ------------------------------------------------------------------------------ trying them


class _OutOfTime(BaseException):
    """A mutant took far longer than the solution; no test file can catch it."""


@dataclass(frozen=True)
class Bench:
    """A homework whose solved notebook has run in this process, and the test cases of each task."""

    homework: Homework
    names: dict[str, Any]
    notebook: list[Statement]
    matters: dict[str, list[Statement]]
    cases: dict[str, list[JudgeTestFile]]

    def notices(self, mutant: Mutant) -> bool:
        """Whether a test fails that has to, or it never ends."""
        return any(self.task_notices(mutant, task) for task in self.tasks(mutant))

    def tasks(self, mutant: Mutant) -> list[str]:
        """Its own task, and for an answer of the notebook those whose tests depend on it."""
        others = [
            task
            for task, kept in self.matters.items()
            if mutant.where == NOTEBOOK and any(each.line == mutant.line for each in kept)
        ]
        return list(dict.fromkeys([mutant.task, *others]))

    def task_notices(self, mutant: Mutant, task: str) -> bool:
        """Whether a test of one task fails.

        Cases that take changed functions and no answer that depends on them come first: they do
        without a part of the notebook. What takes nothing that changed passes as it did before.
        """
        names, changed, again = self.changed(mutant, task)
        answers = {name for each in again for name in each.stores}
        takes = [(case, set(case.parameters())) for case in self.cases[task]]
        first = [case for case, taken in takes if taken & changed and not taken & answers]
        then = [case for case, taken in takes if taken & answers]
        try:
            with _processor_seconds(max(_SECONDS, _TIMES * _usual_seconds(self.homework.id, task))):
                if not self.passes(first, names):
                    return True
                run_again(names, again)
                return not self.passes(then, names)
        except _OutOfTime:
            return True

    def passes(self, cases: Iterable[JudgeTestFile], names: dict[str, Any]) -> bool:
        """Whether test cases pass; the first that fails ends it."""
        with expect.judging(self.homework):
            for case in cases:
                one = JudgeTestFile(case.name, case.path, case.test_cases)
                one.run(names)
                if not one.test_case_results[0].passed:
                    return False
        return True

    def changed(
        self, mutant: Mutant, task: str
    ) -> tuple[dict[str, Any], set[str], list[Statement]]:
        """The names with a mutant in place, the functions that it changes, and the statements that
        have to run again for the answers that the task's tests take."""
        names, matters = dict(self.names), self.matters[task]
        if mutant.where == NOTEBOOK:
            later = [each for each in matters if each.line > mutant.line]
            own = next(each for each in self.notebook if each.line == mutant.line)
            wrong = Statement.of(mutant.source)
            return names, set(), [wrong, *affected(later, set(own.stores), own.stores)]
        module = _module(self.homework, mutant.source)
        names |= {name: getattr(module, name) for name in _own(self.homework)}
        changed = callers(self.homework, mutant.where)
        return names, changed, affected(matters, set(changed), frozenset())


def run_again(names: dict[str, Any], wanted: Iterable[Statement]) -> None:
    """Run statements; what fails leaves its names without a value, as in a notebook."""
    for statement in wanted:
        try:
            exec(compile(statement.text, "<notebook>", "exec"), names)
        except Exception:
            names |= dict.fromkeys(statement.stores)


@lru_cache(maxsize=1)
def bench(hw: str) -> Bench:
    """Run the solved notebook of a homework in this process."""
    homework = course.homework(hw)
    build.use_solved()
    importlib.import_module("matplotlib").use("Agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    with _quiet():
        for source, line in _sources(homework):
            exec(compile(re.sub(r"(?m)^[%!].*", "", source), f"<{hw}.py {line}>", "exec"), names)
    names |= {name: vars(_module(homework))[name] for name in _own(homework)}
    cases: dict[str, list[JudgeTestFile]] = {}
    for name, source in assignment.load(hw).tests.items():
        test = JudgeTestFile.from_string(source, path=f"{name}.py")
        each_alone = [JudgeTestFile(test.name, test.path, [case]) for case in test.test_cases]
        cases.setdefault(task_of(name), []).extend(each_alone)
    notebook = [each for cell in _cells(homework) for each in cell]
    return Bench(homework, names, notebook, what_matters(homework, notebook), cases)


@lru_cache
def _usual_seconds(hw: str, task: str) -> float:
    """Processor time of whatever a mutant can make run again, for the solution."""
    one, started = bench(hw), time.process_time()
    names = dict(one.names)
    run_again(names, one.matters[task])
    if not one.passes(one.cases[task], names):
        raise CourseError(f"{hw}: a test of task {task} fails on the solution. Mend it first.")
    return time.process_time() - started


def _survivors_among(hw: str, portion: Sequence[Mutant]) -> list[Mutant]:
    one, task = bench(hw), portion[0].task
    with _quiet():
        found = [mutant for mutant in portion if not one.notices(mutant)]
        if not one.passes(one.cases[task], dict(one.names)):
            raise CourseError(
                f"{hw}: a test of task {task} fails on the solution after its mutants ran. See "
                "that no test or answer changes data in place."
            )
    return found


def _module(homework: Homework, function: str = "") -> types.ModuleType:
    """A fresh copy of the solved student module, with one function put in."""
    right = importlib.import_module(f"hlmtools.{homework.module}")
    module = types.ModuleType(right.__name__)
    vars(module).update(vars(right))
    exec(_code(Path(right.__file__ or "")), vars(module))
    exec(compile(function, f"<mutant of {homework.module}>", "exec"), vars(module))
    return module


@lru_cache
def _code(path: Path) -> types.CodeType:
    return compile(path.read_text(encoding="utf-8"), str(path), "exec")


@lru_cache
def _own(homework: Homework) -> frozenset[str]:
    """Names of the functions that the student module defines."""
    return frozenset(_functions(build.solved_module(homework)))


@contextmanager
def _processor_seconds(bound: float) -> Iterator[None]:
    """End what takes longer than so much processor time, however busy the machine is."""

    def over(*_: Any) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, bound)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is printed, no warning shown, no picture kept."""
    import matplotlib.pyplot as plt
    import numpy as np

    nothing = io.StringIO()
    with (
        warnings.catch_warnings(),
        redirect_stdout(nothing),
        redirect_stderr(nothing),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")
        yield
    plt.close("all")
