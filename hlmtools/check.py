"""What the public tests of the notebooks call, and how a notebook is handed in.

A public test sees the form of an answer (type, shape, sign), one number that can be checked by
hand, and whether the value is that of a known wrong computation.
It never holds the right value: wrong values are kept as salted hashes in ``slips/hwN.json``.
The same checks run in the student's notebook and in the judge.

In a notebook, ``%load_ext hlmtools.check`` shows the results of a check in words and remembers
which cells ran, so that `hand_in` can tell whether the notebook was saved.
"""

from __future__ import annotations

import hashlib
import html
import json
import math
import numbers
import zipfile
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

FORM_IS_RIGHT = "The form is right; the value is checked at grading."

_HERE = Path(__file__).parent
_ran_cells: dict[str, str] = {}


class SlipRecognised(AssertionError):
    """A value equals that of a known wrong computation; the text says which.

    Attributes
    ----------
    slip
        What the slip file or the references hold of it: its sentence and where to read again.
    """

    def __init__(self, slip: dict[str, Any]) -> None:
        see = slip.get("see")
        super().__init__(slip["says"] + (f" (See {see}.)" if see else ""))
        self.slip = slip


# --------------------------------------------------------------------------- form of an answer


def number(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Check that an answer is one real, finite number between `low` and `high`.

    Parameters
    ----------
    value
        The answer.
    name
        What the student calls it; stands in the message.
    low, high
        Bounds, both allowed values, in the units of the answer.

    Returns
    -------
    float
        The answer as a float.

    Raises
    ------
    AssertionError
        Where it is none; the text says what was given and what was expected.

    Examples
    --------
    >>> number(0.25, "icc(1, 3)", low=0, high=1)
    0.25
    >>> number("0.25", "icc(1, 3)")
    Traceback (most recent call last):
    AssertionError: icc(1, 3) should be one number; it is a str.
    """
    _present(value, name)
    real = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    assert real, f"{name} should be one number; it is a {_kind(value)}."
    got = float(value)
    assert math.isfinite(got), f"{name} is {got}; it should be a finite number."
    assert low <= got, f"{name} is {got:.6g}; it cannot be below {low:g}."
    assert got <= high, f"{name} is {got:.6g}; it cannot be above {high:g}."
    return got


def array(
    value: Any,
    name: str,
    shape: tuple[int, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """Check that an answer is an array (or Series, list) of finite numbers of a given shape.

    Examples
    --------
    >>> array([0.2, 0.4], "reliability", shape=(2,), low=0, high=1)
    array([0.2, 0.4])
    """
    _present(value, name)
    plain = isinstance(value, (np.ndarray, pd.Series, pd.DataFrame, list, tuple))
    assert plain, f"{name} should be an array of numbers; it is a {_kind(value)}."
    try:
        got = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise AssertionError(f"{name} should hold numbers only.") from None
    if shape is not None:
        assert got.shape == shape, f"{name} should have shape {shape}; it has {got.shape}."
    assert np.isfinite(got).all(), f"{name} holds missing or infinite values."
    assert low is None or (got >= low).all(), f"{name} holds values below {low:g}."
    assert high is None or (got <= high).all(), f"{name} holds values above {high:g}."
    return got


def frame(
    value: Any,
    name: str,
    columns: Iterable[str] = (),
    rows: int | None = None,
    index: Iterable[Any] | None = None,
) -> pd.DataFrame:
    """Check that an answer is a DataFrame with certain columns, number of rows and index.

    Examples
    --------
    >>> frame(pd.DataFrame({"n": [2]}, index=["a"]), "stats", columns=["n"], index=["a"]).n.sum()
    np.int64(2)
    """
    _present(value, name)
    right = isinstance(value, pd.DataFrame)
    assert right, f"{name} should be a pandas DataFrame; it is a {_kind(value)}."
    missing = [column for column in columns if column not in value.columns]
    assert not missing, f"{name} lacks the column {missing[0]!r}; it has {list(value.columns)}."
    if rows is not None:
        assert len(value) == rows, f"{name} should have {rows} rows; it has {len(value)}."
    if index is not None:
        wanted = list(index)
        same = list(value.index) == wanted
        assert same, f"{name} should have the index {wanted}; it has {list(value.index)[:10]}."
    return value


# ------------------------------------------------------------------- value of an answer

SINGLE = 1e-6
"""Relative rounding error of a few operations in single precision (float32)."""


def precision(value: Any) -> type[np.floating]:
    """np.float32 where a number, an array or a part of a table or tuple is, else np.float64.

    Examples
    --------
    >>> precision((1.0, np.float32(2))).__name__, precision([1.0]).__name__
    ('float32', 'float64')
    """
    if isinstance(value, pd.DataFrame):
        kinds = set(value.dtypes)
    elif isinstance(value, tuple):
        kinds = {np.dtype(precision(each)) for each in value}
    else:
        kinds = {getattr(value, "dtype", None)}
    return np.float32 if np.dtype(np.float32) in kinds else np.float64


def by_hand(value: Any, expected: Any, name: str, why: str) -> None:
    """Check an answer that can be computed by hand (1e-8 relative).

    Parameters
    ----------
    value
        The answer, a number or an array of numbers.
    expected
        What the computation by hand gives.
    name, why
        What is checked, and the computation in words.

    Examples
    --------
    >>> by_hand(0.2, 0.25, "icc(1, 3)", "1 / (1 + 3)")
    Traceback (most recent call last):
    AssertionError: icc(1, 3) should be 0.25, by hand: 1 / (1 + 3). Yours is 0.2.
    """
    if np.ndim(expected) == 0:
        got: Any = number(value, name)
    else:
        got = array(value, name, shape=np.shape(expected))
    relative = SINGLE if precision(value) == np.float32 else 1e-8
    close = np.allclose(got, expected, rtol=relative, atol=1e-12)
    assert close, f"{name} should be {expected}, by hand: {why}. Yours is {_short(got)}."


def raises(error: type[Exception], function: Callable, *args: Any, why: str, **kwargs: Any) -> None:
    """Check that a function refuses bad input with the right kind of error.

    Examples
    --------
    >>> raises(ValueError, int, "x", why="the text is no number")
    """
    try:
        function(*args, **kwargs)
    except NotImplementedError:
        raise
    except error:
        return
    except Exception as other:
        text = f"It should raise {error.__name__} ({why}); it raised {type(other).__name__}."
        raise AssertionError(text) from None
    raise AssertionError(f"It should raise {error.__name__} ({why}); it returned a value.")


def no_slip(quantity: str, value: Any) -> None:
    """Say so, at once, where an answer is the value of a known wrong computation.

    Parameters
    ----------
    quantity
        Key of the quantity in ``slips/hwN.json``.
    value
        The answer, in the units of the quantity.

    Raises
    ------
    SlipRecognised
        With the sentence that helps.

    Notes
    -----
    The file holds ``scrypt(cell of the wrong value)`` on a grid as wide as the tolerance.
    The cell of the answer and both its neighbours are tried.
    """
    entry = _slip_table()[quantity]
    cell = math.floor(number(value, quantity) / entry["width"])
    hashes = {slip_hash(entry["salt"], near) for near in (cell - 1, cell, cell + 1)}
    matches = [slip for slip in entry["slips"] if slip["hash"] in hashes]
    if len(matches) == 1:
        raise SlipRecognised(matches[0])


@lru_cache(maxsize=4096)
def slip_hash(salt: str, cell: int) -> str:
    """Hash one cell of a slip grid: slow on purpose (scrypt), so that tables do not pay.

    Examples
    --------
    >>> len(slip_hash("00ff", 17)), slip_hash("00ff", 17) == slip_hash("00ff", 18)
    (32, False)
    """
    key = str(cell).encode()
    return hashlib.scrypt(key, salt=bytes.fromhex(salt), n=2**13, r=8, p=1, dklen=16).hex()


def grid_width(tolerance: float) -> float:
    """Smallest of 1, 2 or 5 times a power of ten that is not below `tolerance`.

    A slip is then found within one width, and nothing is taken for it beyond five tolerances.

    Examples
    --------
    >>> grid_width(0.00031), grid_width(0.2)
    (0.0005, 0.2)
    """
    decade = 10.0 ** math.floor(math.log10(tolerance))
    return next(
        float(f"{step * decade:.0e}")
        for step in (1, 2, 5, 10)
        if step * decade >= tolerance * (1 - 1e-9)
    )


# ------------------------------------------------------------------------------- handing in


def hand_in(grader: Any, homework: str) -> None:
    """Export the notebook and the student module to one zip file, and list what went in.

    Parameters
    ----------
    grader
        The notebook's ``otter.Notebook``.
    homework
        Id such as ``"hw1"``: the notebook is ``hw1.ipynb``.

    Raises
    ------
    RuntimeError
        Where cells were run after the notebook was last saved; the zip would lack them.
    """
    notebook = Path(f"{homework}.ipynb")
    module = _student_module(homework)
    _refuse_unsaved(notebook)
    archive = Path(f"{homework}-submission.zip")
    grader.export(str(notebook), export_path=str(archive), pdf=False, files=[module])
    if not archive.exists():  # while grading, export does nothing
        return
    with zipfile.ZipFile(archive) as zipped:
        names = [name for name in zipped.namelist() if name in (str(notebook), module)]
    print(f"{archive} is ready to hand in. It holds:")
    for name in names:
        print(f"  {name} ({Path(name).stat().st_size:,} bytes)")


def _student_module(homework: str) -> str:
    table = json.loads((_HERE / "slips" / f"{homework}.json").read_text(encoding="utf-8"))
    return f"hlmtools/{table['module']}.py"


def _refuse_unsaved(notebook: Path) -> None:
    if not notebook.exists() or not _ran_cells:
        return
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    saved = {cell.get("id"): "".join(cell["source"]) for cell in cells}
    changed = [key for key, source in _ran_cells.items() if saved.get(key, source) != source]
    if changed:
        raise RuntimeError(
            f"{notebook} was changed after it was last saved. Save it (Ctrl+S, or Cmd+S on macOS) "
            "and run this cell again."
        )


# -------------------------------------------------------------------------- in the notebook


def load_ipython_extension(shell: Any) -> None:
    """Show check results in words and remember which cells ran (called by ``%load_ext``)."""
    shell.events.register("post_run_cell", _remember)
    formatter = shell.display_formatter.formatters["text/html"]
    for module in ("exception_test", "ok_test"):
        kind = {"exception_test": "ExceptionTestFile", "ok_test": "OKTestFile"}[module]
        formatter.for_type_by_name(f"otter.test_files.{module}", kind, _results_html)


def _remember(result: Any) -> None:
    cell_id = getattr(result.info, "cell_id", None)
    if cell_id:
        _ran_cells[cell_id] = result.info.raw_cell


def _results_html(test_file: Any) -> str:
    """Otter's result of one question, without the test's code."""
    rows = dict.fromkeys(_case_html(case) for case in test_file.test_case_results)
    return f"<p><strong>{html.escape(_title(test_file.name))}</strong></p>" + "".join(rows)


def _case_html(result: Any) -> str:
    label = html.escape(str(result.test_case.name))
    if result.passed:
        text = html.escape(result.test_case.success_message or "Passed.")
        return f"<p>&#10003; {text}</p>"
    lines = str(result.message or "").strip().splitlines()
    reason = html.escape(_reason(lines)) or label
    return f"<p style='color:#b00020'>&#10007; {reason}</p>"


def _reason(lines: list[str]) -> str:
    """Last part of otter's message: the exception's text without its class for our own checks."""
    start = next((i for i, line in enumerate(lines) if _exception_line(line)), len(lines) - 1)
    text = " ".join(line.strip() for line in lines[start:])
    for prefix in ("AssertionError: ", "SlipRecognised: ", "NotImplementedError: "):
        text = text.removeprefix(prefix)
    return text


def _exception_line(line: str) -> bool:
    head = line.split(":", 1)[0]
    return ":" in line and head.isidentifier() and head[0].isupper()


def _title(question: str) -> str:
    return "Task " + question.removeprefix("task").replace("_", ".", 1)


# ------------------------------------------------------------------------------------ details


@lru_cache(maxsize=1)
def _slip_table() -> dict[str, dict[str, Any]]:
    files = sorted((_HERE / "slips").glob("hw*.json"))
    tables = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return {key: entry for table in tables for key, entry in table["quantities"].items()}


def _present(value: Any, name: str) -> None:
    assert value is not Ellipsis, f"{name} is still ...: put your answer in place of the dots."
    assert value is not None, f"{name} is None. Is the cell run? Does the function return a value?"


def _kind(value: Any) -> str:
    return str(getattr(value, "type_name", type(value).__name__))


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else np.array2string(value, precision=6)
