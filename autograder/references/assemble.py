"""From fits and slips to the file of references: values, right ones and wrong ones, per quantity.

Each quantity's expression is evaluated with the solved functions and has to agree with R; with a
slip in place it gives the slip's value.  Candidates that could be taken for each other are errors.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from autograder import course, references, slips
from hlmtools.datasets import dataset_names, load_dataset

APART = 5  # candidates of a quantity lie more than so many tolerances apart


class AssemblyError(Exception):
    """The fits, the solution and the slips of a homework contradict each other."""


def quantities(hw: str, reference: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every checked quantity of a homework, as it stands in ``hwN.json``.

    Parameters
    ----------
    hw
        Homework id, such as "hw1".
    reference
        What holds the "fits".

    Raises
    ------
    AssemblyError
        Where the solution misses the value of R, where two candidates are too near to each other,
        or where a key or a slip is listed twice.
    """
    listed = slips.load(hw).QUANTITIES
    keys = [quantity.key for quantity in listed]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise AssemblyError(f"{hw} lists {', '.join(sorted(twice))} twice; give each key once.")
    return {quantity.key: _entry(hw, quantity, reference) for quantity in listed}


class Answers(dict):
    """The names an expression may use, each worked out when it is first asked for.

    Notebook answers, the student module's functions, what slips.py defines, the data sets, and
    np, pd, math; in this order.
    """

    def __init__(self, hw: str, wrong: slips.WrongFunction | None = None) -> None:
        super().__init__(np=np, pd=pd, math=math, load_dataset=load_dataset)
        self._slips = slips.load(hw)
        self._functions = student_functions(hw, wrong)

    def __missing__(self, name: str) -> Any:
        self[name] = self._work_out(name)
        return self[name]

    def _work_out(self, name: str) -> Any:
        if name in self._slips.ANSWERS:
            return self.value(self._slips.ANSWERS[name])
        if name in self._functions:
            return self._functions[name]
        if name in dataset_names():
            return load_dataset(name)
        try:
            return getattr(self._slips, name)
        except AttributeError:
            raise KeyError(name) from None

    def value(self, expression: str) -> Any:
        """What an expression gives."""
        return eval(expression, {}, self)


def student_functions(hw: str, wrong: slips.WrongFunction | None = None) -> Mapping[str, Any]:
    """The names of a fresh copy of the solved student module, with a wrong function put in."""
    slips.load(hw)  # puts the solved package in place
    module = importlib.import_module(f"hlmtools.{course.homework(hw).module}")
    names = dict(vars(module))
    exec(_code(module), names)
    if wrong is not None:
        exec(compile(wrong.text, f"<wrong {wrong.function}>", "exec"), names)
    return names


def slip_value(hw: str, quantity: slips.Quantity, slip: slips.Slip) -> float:
    """The number that a quantity takes when a slip is made."""
    if isinstance(slip.code, slips.WrongFunction):
        answers = Answers(hw, slip.code)
    else:
        answers = Answers(hw)
        exec(slip.code.statement, {}, answers)
    return rounded(answers.value(quantity.expression))


def rounded(value: float, digits: int = 12) -> float:
    """A number at so many significant digits, as R's signif.

    Examples
    --------
    >>> rounded(2 / 3, 3), rounded(47116.79348, 7), rounded(0.0)
    (0.667, 47116.79, 0.0)
    """
    return float(f"{float(value):.{digits - 1}e}")


def _code(module: ModuleType) -> CodeType:
    assert module.__file__ is not None
    path = Path(module.__file__)
    return compile(path.read_text(encoding="utf-8"), str(path), "exec")


def _candidates(
    hw: str, quantity: slips.Quantity, reference: dict[str, Any]
) -> tuple[float, float]:
    """The number of R and that of the solution."""
    try:
        value = references.number(reference, quantity.source)
        return value, float(Answers(hw).value(quantity.expression))
    except KeyError as error:
        raise AssemblyError(f"{quantity.key}: {error.args[0]}, and run it with --r.") from None
    except NameError as error:
        raise AssemblyError(
            f"{quantity.key}: {error} in {quantity.expression!r}. An answer of the notebook stands "
            "in ANSWERS of slips.py, a function in the student module."
        ) from None


def _entry(hw: str, quantity: slips.Quantity, reference: dict[str, Any]) -> dict[str, Any]:
    tolerance = references.tolerances()[quantity.tolerance]
    value, solved = _candidates(hw, quantity, reference)
    if not abs(solved - value) <= tolerance.width(value):
        raise AssemblyError(
            f"{quantity.key}: the solution gives {solved!r} and R gives {value!r}, further apart "
            f"than the tolerance {quantity.tolerance!r} allows. One of the two is wrong."
        )
    entry = {
        "task": quantity.task,
        "value": value,
        "from": quantity.source,
        "tolerance": quantity.tolerance,
        "expression": quantity.expression,
        "also_right": [
            {"value": references.number(reference, other.source), "why": other.why}
            for other in quantity.also_right
        ],
        "slips": [_slip_entry(hw, quantity, slip) for slip in quantity.slips],
    }
    _see_that_apart(quantity.key, entry, tolerance)
    return entry


def _slip_entry(hw: str, quantity: slips.Quantity, slip: slips.Slip) -> dict[str, Any]:
    value = slip_value(hw, quantity, slip)
    return {"name": slip.name, "value": value, "says": slip.says, "see": slip.see}


def _see_that_apart(key: str, entry: dict[str, Any], tolerance: references.Tolerance) -> None:
    """Wrong values are told from each other and from right ones; two right ones need not be."""
    right = [("the right value", entry["value"])]
    right += [("a value that is also right", other["value"]) for other in entry["also_right"]]
    wrong = [(slip["name"], slip["value"]) for slip in entry["slips"]]
    pairs = [(a, b) for a in right for b in wrong] + list(combinations(wrong, 2))
    for (name, one), (other, two) in pairs:
        width = max(tolerance.width(one), tolerance.width(two))
        if not abs(one - two) > APART * width:
            raise AssemblyError(
                f"{key}: {name} ({one!r}) and {other} ({two!r}) cannot be told apart. "
                "Leave one of them out, or check another number."
            )
