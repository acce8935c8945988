"""What the statements of a notebook read and give, and so what a change has an effect on.

`verify` and `mutation` put one mistake after the other into a notebook that has run, and run again
only what depends on it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from autograder import build
from autograder.course import Homework

_GIVES_VALUES = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.With)
_MAGIC = ("%", "!")


@dataclass(frozen=True)
class Statement:
    """One statement of a notebook with the names that it reads and those it gives a value."""

    text: str
    loads: frozenset[str]
    stores: frozenset[str]
    line: int = 0
    """its first line, in the text that it was read from"""

    @staticmethod
    def of(text: str, line: int = 0) -> Statement:
        """Read a statement; ``x[i] = 1`` counts as a use of x and as a new value."""
        names = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)]
        loads = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        stores = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        for node in ast.walk(ast.parse(text)):
            target = node
            if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
                while isinstance(target, (ast.Subscript, ast.Attribute)):
                    target = target.value
                if isinstance(target, ast.Name):
                    stores.add(target.id)
        return Statement(text, frozenset(loads), frozenset(stores), line)


def statements(source: str) -> Iterator[Statement]:
    """Statements of a cell that can give a name a value; imports and expressions cannot.

    Examples
    --------
    >>> [each.text for each in statements("%magic\\na = f(1)\\nprint(a)\\nb = a")]
    ['a = f(1)', 'b = a']
    """
    for node in _parsed(source).body:
        if isinstance(node, _GIVES_VALUES):
            yield Statement.of(ast.unparse(node), node.lineno)


def only_values(source: str) -> bool:
    """Whether a cell only gives names values and shows things: no import, function or magic.

    Examples
    --------
    >>> only_values("a = 1\\nprint(a)"), only_values("import math"), only_values("%magic")
    (True, False, False)
    """
    magic = any(line.startswith(_MAGIC) for line in source.splitlines())
    return not magic and all(
        isinstance(node, (*_GIVES_VALUES, ast.Expr)) for node in _parsed(source).body
    )


def _parsed(source: str) -> ast.Module:
    lines = ["" if line.startswith(_MAGIC) else line for line in source.splitlines()]
    return ast.parse("\n".join(lines))


def what_matters(homework: Homework, notebook: list[Statement]) -> dict[str, list[Statement]]:
    """For each task, the statements that its tests depend on, directly or not."""
    return {task: on_which(names, notebook) for task, names in parameters(homework).items()}


def on_which(names: set[str], notebook: list[Statement]) -> list[Statement]:
    """The statements on which the values of names depend, directly or not."""
    needed, kept = set(names), []
    for statement in reversed(notebook):
        if statement.stores & needed:
            needed |= statement.loads
            kept.append(statement)
    return kept[::-1]


def parameters(homework: Homework) -> dict[str, set[str]]:
    """Names that the tests of each task take."""
    found: dict[str, set[str]] = {}
    for question in build.read_master(homework).questions:
        for case in question.cases:
            (function,) = ast.parse(case.source).body
            assert isinstance(function, ast.FunctionDef)
            names = {argument.arg for argument in function.args.args}
            found.setdefault(question.task, set()).update(names)
    return found


def callers(homework: Homework, name: str) -> set[str]:
    """A function of the student module and those that call it, directly or not."""
    found = {name}
    uses = _function_uses(build.solved_module(homework))
    while more := {caller for caller, used in uses if caller not in found and used & found}:
        found |= more
    return found


def affected(
    notebook: list[Statement], changed: set[str], fixed: frozenset[str]
) -> list[Statement]:
    """Statements whose result depends on changed names, but for those that give `fixed` a value."""
    found = []
    for statement in notebook:
        if statement.loads & changed and not statement.stores & fixed:
            found.append(statement)
            changed |= statement.stores
    return found


@lru_cache
def _function_uses(module: str) -> tuple[tuple[str, frozenset[str]], ...]:
    functions = [node for node in ast.parse(module).body if isinstance(node, ast.FunctionDef)]
    return tuple((each.name, Statement.of(ast.unparse(each)).loads) for each in functions)
