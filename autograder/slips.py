"""Slips: known wrong computations, each as code, with the sentence that helps.

``solutions/hwN_*/slips.py`` lists the checked quantities of a homework as `QUANTITIES` and the
notebook's answers as `ANSWERS` (name -> expression), in the words of this module.
The values that slips give are computed from there (`autograder.references.assemble`), submitted
by the demo and by the tests, and recognised by the judge and by the student's own check.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from autograder import build, course

_MARKERS = ("# BEGIN SOLUTION", "# END SOLUTION")


@dataclass(frozen=True)
class WrongFunction:
    """A wrong function of the student module, in place of the right one.

    Most are the right one with a line changed: make those with `changed`.

    Attributes
    ----------
    function
        Name of the function that it stands for.
    source
        The wrong function itself, with the same signature; it may use what the student module
        imports and defines.
    written
        Its source code, where Python cannot find that itself.
    """

    function: str
    source: Callable
    written: str = ""

    @property
    def text(self) -> str:
        """Its source code under the right function's name, ready to be put into the module."""
        text = self.written or textwrap.dedent(inspect.getsource(self.source))
        return text.replace(f"def {self.source.__name__}(", f"def {self.function}(", 1)


def changed(right: Callable, *changes: tuple[str, str]) -> WrongFunction:
    """The right function with some of its solution's code replaced: (old, new), ...

    Parameters
    ----------
    right
        The solved function.
    *changes
        Code that stands exactly once in the solution, and what to put there.

    Raises
    ------
    ValueError
        Where the solution does not hold the old code exactly once.
    """
    head, marker, body = inspect.getsource(right).partition("# BEGIN SOLUTION")
    for old, new in changes:
        if not marker or body.count(old) != 1:
            raise ValueError(
                f"The solution of {right.__name__} holds {old!r} {body.count(old)} times; "
                "a slip changes code that stands there once. Mend slips.py."
            )
        body = body.replace(old, new)
    lines = (head + marker + body).splitlines(keepends=True)
    text = "".join(line for line in lines if not line.strip().startswith(_MARKERS))
    namespace = dict(vars(sys.modules[right.__module__]))
    exec(compile(text, f"<wrong {right.__name__}>", "exec"), namespace)
    return WrongFunction(right.__name__, namespace[right.__name__], text)


@dataclass(frozen=True)
class WrongAnswer:
    """A statement that makes an answer of the notebook wrong; it runs after the answer's cell."""

    statement: str


@dataclass(frozen=True)
class Slip:
    """One wrong computation.

    Attributes
    ----------
    name
        In snake_case; the same name means the same mistake, in whatever quantity it shows.
    says
        The sentence that it earns; it names the likely mistake and never a right number.
    see
        Where to read again, such as "notes 1.3".
    code
        How to make it.
    """

    name: str
    says: str
    see: str
    code: WrongFunction | WrongAnswer


@dataclass(frozen=True)
class AlsoRight:
    """Another number that counts as right.

    Attributes
    ----------
    source
        Where it stands in the fits, as "fit.number".
    why
        Why it is right as well.
    """

    source: str
    why: str


@dataclass(frozen=True)
class Alternative:
    """A right function that goes another way than the solution; it has to pass all tests.

    ``solutions/hwN_*/alternatives.py`` lists them as `ALTERNATIVES`.

    Attributes
    ----------
    why
        What is different about it, in a few words.
    source
        The function, called as the solved one is; it may use what the student module imports and
        defines.
    function
        Name of the solved function, where that is not the name of `source`.
    """

    why: str
    source: Callable
    function: str = ""

    @property
    def code(self) -> WrongFunction:
        """It, in place of the solved one."""
        return WrongFunction(self.function or self.source.__name__, self.source)


@dataclass(frozen=True)
class Quantity:
    """One number that is checked.

    Attributes
    ----------
    key
        Unique over all homeworks.
    task
        Task that it belongs to, such as "1.4".
    source
        Where the right value stands in the fits, as "fit.number".
    tolerance
        Its class in tolerances.toml.
    expression
        Gives it from the notebook's answers.
    slips, also_right
        Known wrong computations, and other numbers that count as right.
    """

    key: str
    task: str
    source: str
    tolerance: str
    expression: str
    slips: tuple[Slip, ...] = ()
    also_right: tuple[AlsoRight, ...] = ()


@cache
def load(hw: str) -> ModuleType:
    """The module ``solutions/hwN_*/slips.py`` of a homework, with `QUANTITIES` and `ANSWERS`.

    Raises
    ------
    course.CourseError
        Where the homework is not known or has no such file.
    """
    path = _path(hw, "slips")
    if not path.exists():
        raise course.CourseError(f"{hw} has no slips.py. Write {path.relative_to(course.ROOT)}.")
    return _imported(path, hw)


@cache
def alternatives(hw: str) -> tuple[Alternative, ...]:
    """Right functions that go another way, none where there is no ``alternatives.py``."""
    path = _path(hw, "alternatives")
    return _imported(path, hw).ALTERNATIVES if path.exists() else ()


def _path(hw: str, name: str) -> Path:
    return course.ROOT / "solutions" / course.homework(hw).folder / f"{name}.py"


def _imported(path: Path, hw: str) -> ModuleType:
    build.use_solved()
    spec = importlib.util.spec_from_file_location(f"{path.stem}_{hw}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
