"""What hidden tests call: comparisons with references and with the solved twin.

A hidden test runs in the judge; what it compares came over the boundary as plain data.
Where an answer is wrong, it is held against the known wrong computations (slips): a unique
match earns the sentence that helps.  No message holds a number or an expected value.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from autograder import build, course, references, slips
from autograder.remote import RemoteError, RemoteHandle
from autograder.slips import WrongFunction
from hlmtools import check
from hlmtools.check import SlipRecognised

_MAX_NOTED = 6  # numbers of an array
NEAR = 20.0  # tolerances: so close a miss can be another optimiser's doing, and wants a look


class Mismatch(AssertionError):
    """An answer is not right; the text says which, never what would be."""


@dataclass
class Run:
    """The homework that is being judged, slips recognised so far, and what this case noted."""

    homework: course.Homework
    recognised: Set[str] = frozenset()
    followed: bool = False
    got: str = ""  # the wrong numbers, for staff only
    near: bool = False  # wrong by a few tolerances only, for staff only


_run: ContextVar[Run] = ContextVar("run")


@contextmanager
def judging(homework: course.Homework, recognised: Set[str] = frozenset()) -> Iterator[Run]:
    """Tell the comparisons which homework a test belongs to; yields what they note."""
    token = _run.set(Run(homework, recognised))
    try:
        yield _run.get()
    finally:
        _run.reset(token)


def quantity(key: str, value: Any, follows: Callable[[], Any] | None = None) -> None:
    """Compare one number with the reference of that name.

    Parameters
    ----------
    key
        Name in ``references/hwN.json``; its tolerance class stands there.
    value
        The student's number.
    follows
        Gives the number that is right for the student's own earlier answers
        (follow-through); tried only where the reference is missed.

    Raises
    ------
    SlipRecognised
        Where the value is that of exactly one known wrong computation.
    Mismatch
        Where it is wrong in another way.
    """
    entry = _reference(key)
    tolerance = references.tolerances()[entry["tolerance"]]
    got = check.number(value, key)
    right = [entry["value"], *(other["value"] for other in entry.get("also_right", []))]
    if any(_agree(_numbers(value, key), np.array([each]), tolerance) for each in right):
        return
    if follows is not None and _follows(got, follows, tolerance):
        _run.get().followed = True
        return
    closest = min(right, key=lambda each: abs(got - each))
    _note(key, np.array([got]), np.array([closest]), tolerance)
    wrong = [slip for slip in entry["slips"] if _near(got, slip["value"], tolerance)]
    if len(wrong) == 1:
        raise SlipRecognised(wrong[0])
    raise Mismatch(f"{key} does not agree with the reference fit.")


def close(value: Any, expected: Any, tolerance: str = "closed_form", name: str = "it") -> None:
    """Compare a number or an array with what the test computed itself."""
    got, want = _numbers(value, name), _numbers(expected, name)
    bound = references.tolerances()[tolerance]
    if not _agree(got, want, bound):
        _note(name, got, want, bound)
        raise Mismatch(f"{name} is not right.")


def frame(
    value: Any,
    expected: pd.DataFrame,
    tolerance: str = "closed_form",
    name: str = "the table",
    columns: Sequence[str] | None = None,
) -> None:
    """Compare a DataFrame with the expected one: its index, and the numbers of some columns."""
    columns = list(expected.columns) if columns is None else list(columns)
    got = check.frame(value, name, columns=columns, rows=len(expected))
    if [str(label) for label in got.index] != [str(label) for label in expected.index]:
        raise Mismatch(f"{name} has the right number of rows, but not the right index.")
    for column in columns:
        close(got[column], expected[column], tolerance, f"column {column!r} of {name}")


def agrees(
    function_name: str,
    function: Any,
    *args: Any,
    fields: Sequence[str] = (),
    tolerance: str = "closed_form",
    name: str = "other data",
    **kwargs: Any,
) -> None:
    """Call the student's function and its solved twin on the same arguments, and compare.

    A function that is right given a recognised slip in an earlier function of the student
    counts as right (follow-through): the twin is then run with that wrong function in place.

    Parameters
    ----------
    function_name, function
        Name in the student module, and the student's function.
    *args, **kwargs
        What both are called with.
    fields
        Attributes to compare where a result object comes back.
    tolerance
        Tolerance class of tolerances.toml.
    name
        What the function is tried on, in words, for the message.

    Raises
    ------
    SlipRecognised
        Where the result is that of exactly one known wrong function on these arguments.
    Mismatch
        Where it is wrong in another way.
    """
    bound = references.tolerances()[tolerance]
    want = _numbers(getattr(solved(), function_name)(*args, **kwargs), function_name, fields)
    got = _numbers(function(*args, **kwargs), function_name, fields)
    if _agree(got, want, bound):
        return
    call = partial(_call_with, function_name, args, kwargs, fields)
    if any(_agree(got, call(slip.code), bound) for slip in _earlier_slips(function_name)):
        _run.get().followed = True
        return
    _note(f"{function_name} on {name}", got, want, bound)
    wrong = [
        {"name": slip.name, "says": slip.says, "see": slip.see}
        for slip in _wrong_functions()
        if slip.code.function == function_name and _agree(got, call(slip.code), bound)
    ]
    if len(wrong) == 1:
        raise SlipRecognised(wrong[0])
    raise Mismatch(f"{function_name} does not give the right result on {name}.")


def raises(error: type[Exception], function: Any, *args: Any, name: str, **kwargs: Any) -> None:
    """Check that a function refuses bad input with the right kind of error.

    The judge counts the refusal where the function gave back a value to some other call of a
    hidden case; what refuses whatever it is given has not looked at it (`judge.Session`).
    """
    try:
        function(*args, **kwargs)
    except NotImplementedError:
        raise
    except error:
        return
    except RemoteError:
        raise
    except Exception as other:
        kind = type(other).__name__
        raise Mismatch(f"It should raise {error.__name__} for {name}; it raised {kind}.") from None
    raise Mismatch(f"It should raise {error.__name__} for {name}; it returned a value.")


def true(condition: bool, sentence: str) -> None:
    """Check anything else; the sentence must not give the answer away."""
    if not condition:
        raise Mismatch(sentence)


def solved() -> ModuleType:
    """The solved twin of the student module."""
    build.use_solved()
    return importlib.import_module(f"hlmtools.{_run.get().homework.module}")


# ------------------------------------------------------------------------------------- details


def _reference(key: str) -> dict[str, Any]:
    quantities = references.load(_run.get().homework.id)["quantities"]
    if key not in quantities:
        raise KeyError(f"the reference {key!r} does not exist; mend the test")
    return quantities[key]


def _note(name: str, got: np.ndarray, want: np.ndarray, tolerance: Any) -> None:
    """Keep for staff what was answered, and whether it is a near miss; no student sees either."""
    shown = ", ".join(f"{each:.6g}" for each in got[:_MAX_NOTED])
    more = " ..." if len(got) > _MAX_NOTED else ""
    _run.get().got = f"{name} = {shown}{more}"
    _run.get().near = _agree(got, want, tolerance, times=NEAR)


def _near(value: float, wrong: float, tolerance: Any) -> bool:
    return abs(value - wrong) <= tolerance.width(wrong)


def _follows(got: float, follows: Callable[[], Any], tolerance: Any) -> bool:
    """Right for the student's own earlier answers; where those are unusable, it is not."""
    try:
        expected = check.number(follows(), "the earlier answer")
    except Exception:
        return False
    return abs(got - expected) <= tolerance.width(expected)


def _numbers(value: Any, name: str, fields: Sequence[str] = ()) -> np.ndarray:
    """A result as one flat array of numbers: the fields of an object, or the plain data.

    It is of single precision where any part of the result is.
    """
    if fields:
        parts = {each: getattr(value, each) for each in fields}
        single = [check.number(part, f"{name}.{each}") for each, part in parts.items()]
        return np.array(single, dtype=check.precision(tuple(parts.values())))
    if isinstance(value, RemoteHandle):
        _run.get().got = f"{name} gives a {value.type_name}"
        raise Mismatch(f"{name} gives an object of some kind; numbers were expected.")
    if isinstance(value, pd.DataFrame):
        value = value.sort_index(key=lambda index: index.map(str))
        value = value[sorted(value.columns, key=str)]
    precision = check.precision(value)
    if isinstance(value, tuple):  # several numbers or arrays, which need not have one shape
        several = [_numbers(each, name) for each in value] or [np.array([])]
        return np.concatenate(several).astype(precision)
    if np.ndim(value) == 0:
        return np.array([check.number(value, name)], dtype=precision)
    return check.array(value, name).ravel().astype(precision)


def _agree(got: np.ndarray, want: np.ndarray, tolerance: Any, times: float = 1.0) -> bool:
    if got.shape != want.shape:
        return False
    widths = np.array([tolerance.width(float(each)) for each in want])
    if got.dtype == np.float32:  # as near as its digits allow
        widths = np.maximum(widths, check.SINGLE * np.abs(want))
    return bool((np.abs(got - want) <= times * widths).all())


def _wrong_functions() -> list[Any]:
    """Slips of this homework that are wrong functions, each once."""
    found = {
        slip.name: slip
        for each in slips.load(_run.get().homework.id).QUANTITIES
        for slip in each.slips
        if isinstance(slip.code, WrongFunction)
    }
    return list(found.values())


def _earlier_slips(function_name: str) -> list[Any]:
    """Wrong functions that this student was seen to have, other than the one on trial."""
    recognised = _run.get().recognised
    return [
        slip
        for slip in _wrong_functions()
        if slip.name in recognised and slip.code.function != function_name
    ]


def _call_with(
    function_name: str, args: tuple, kwargs: dict[str, Any], fields: Sequence[str], code: Any
) -> np.ndarray:
    """What the twin gives where one function of its module is the wrong one; empty if it fails."""
    module = solved()
    right = getattr(module, code.function)
    setattr(module, code.function, code.source)
    try:
        return _numbers(getattr(module, function_name)(*args, **kwargs), "slip", fields)
    except Exception:
        return np.array([])
    finally:
        setattr(module, code.function, right)
