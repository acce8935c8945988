"""Reading lme4's formulas: random-effects bars here, the fixed part by formulaic.

``"y ~ x*z + (x | school) + (1 | a/b)"`` becomes a response ``y``, a fixed-effects matrix ``X`` and
one :class:`RandomTerm` a bar, each with its matrix ``Z`` and the cluster of every row.
The grammar of the bars is that of Bates, Maechler, Bolker & Walker (2015, table 2).
"""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec, model_matrix
from formulaic.errors import DataMismatchWarning, FormulaicError

_NAME = re.compile(r"`([^`]+)`|(?<![\w.])([^\W\d][\w.]*)(\s*\(|\s*=(?!=))?")
_WORDS = {"in", "and", "or", "not", "if", "else", "True", "False", "None"}
_CONTEXT = {"np": np, "log": np.log, "exp": np.exp, "sqrt": np.sqrt}


@dataclass(frozen=True)
class Bar:
    """One random term as written: ``(expr | group)``."""

    expr: str
    group: str


@dataclass(frozen=True)
class ParsedFormula:
    """The three parts of a mixed-model formula, as text."""

    response: str
    fixed: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, eq=False)
class RandomTerm:
    """One random term as data: ``Z`` is (n, q), ``codes`` gives the cluster of every row."""

    key: str
    group: str
    names: tuple[str, ...]
    Z: np.ndarray
    codes: np.ndarray
    levels: pd.Index
    spec: Any


@dataclass(frozen=True, eq=False)
class Design:
    """Everything a fit needs from formula and data: y (n,), X (n, p) and the random terms."""

    formula: str
    response: str
    y: np.ndarray
    X: np.ndarray
    x_names: tuple[str, ...]
    x_spec: Any
    terms: tuple[RandomTerm, ...]
    index: pd.Index
    denominator: np.ndarray | None = None


def parse(formula: str) -> ParsedFormula:
    """Split a formula into response, fixed part and bars.

    Parameters
    ----------
    formula
        lme4's notation. ``(x | g)`` correlated intercept and slope, ``(x || g)`` uncorrelated,
        ``(0 + x | g)`` slope only, ``(1 | a/b)`` b nested in a, ``(1 | a:b)`` their combination.

    Raises
    ------
    ValueError
        Where there is no ``~``, a parenthesis is open, or there is no bar.

    Examples
    --------
    >>> parse("y ~ x + (x || g) + (1 | a/b)").bars
    (Bar(expr='1', group='g'), Bar(expr='0 + x', group='g'), Bar(expr='1', group='b:a'), \
Bar(expr='1', group='a'))
    """
    if formula.count("~") != 1:
        raise ValueError(f"formula {formula!r} must have one '~': response ~ predictors.")
    response, right = (side.strip() for side in formula.split("~"))
    if not response:
        raise ValueError(f"formula {formula!r} has no response on the left of '~'.")
    bars: list[Bar] = []
    fixed = []
    for piece in _summands(right):
        if "|" not in piece:
            fixed.append(piece)
        elif piece.startswith("(") and piece.endswith(")"):
            bars.extend(_expand(piece[1:-1]))
        else:
            raise ValueError(f"a random term can only be added with '+', not as in {piece!r}.")
    if not bars:
        raise ValueError(
            f"formula {formula!r} has no random term; write one in parentheses, as in (1 | school)."
        )
    return ParsedFormula(response, " + ".join(fixed) or "1", tuple(bars))


def build(formula: str, data: pd.DataFrame, *, ratio: bool = False) -> Design:
    """Turn formula and data into matrices, checking every column on the way.

    Parameters
    ----------
    formula
        See :func:`parse`.
    data
        One row a level-1 unit.
    ratio
        True where ``successes / trials`` on the left means a binomial count.

    Raises
    ------
    ValueError
        For an empty frame, an unknown column, missing or infinite values, a factor with one
        cluster, a constant or collinear column; the message names the column.

    Examples
    --------
    >>> d = pd.DataFrame({"y": [1.0, 2.0, 4.0, 3.0], "x": [0, 1, 2, 5], "g": list("aabb")})
    >>> design = build("y ~ x + (1 | g)", d)
    >>> design.X.shape, design.x_names, design.terms[0].codes.tolist()
    ((4, 2), ('Intercept', 'x'), [0, 0, 1, 1])
    """
    parsed = parse(formula)
    if not isinstance(data, pd.DataFrame):
        raise ValueError(f"data is a {type(data).__name__}; give a pandas DataFrame.")
    if len(data) == 0:
        raise ValueError("data has no rows.")
    _check_columns(parsed, data)
    y, denominator = _response(parsed.response, data, ratio)
    X, x_spec = _matrix(parsed.fixed, data)
    x_names = tuple(x_spec.column_names)
    check_rank(X, x_names, "the fixed part")
    terms = tuple(_random_terms(parsed.bars, data))
    return Design(formula, parsed.response, y, X, x_names, x_spec, terms, data.index, denominator)


def new_matrix(spec: ModelSpec, data: pd.DataFrame) -> np.ndarray:
    """Apply the coding of a fit to new rows.

    Raises
    ------
    ValueError
        Where a column is missing or a category was not seen by the fit.

    Examples
    --------
    >>> d = pd.DataFrame({"x": [1.0, 2.0], "f": ["a", "b"]})
    >>> new_matrix(_matrix("x + f", d)[1], pd.DataFrame({"x": [9.0], "f": ["b"]})).tolist()
    [[1.0, 9.0, 1.0]]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataMismatchWarning)
        try:
            return _values(spec.get_model_matrix(data, context=_CONTEXT, na_action="ignore"))
        except DataMismatchWarning as error:
            raise ValueError(f"new data have categories the fit has not seen: {error}") from None
        except FormulaicError as error:
            raise ValueError(f"new data do not fit the formula: {error}") from None


def cluster_labels(group: str, data: pd.DataFrame) -> pd.Series:
    """Return the cluster label of every row; ``b:a`` joins the labels of two columns.

    Examples
    --------
    >>> cluster_labels("b:a", pd.DataFrame({"a": [1, 1], "b": [7, 8]})).tolist()
    ['7:1', '8:1']
    """
    names = [part.strip().strip("`") for part in group.split(":")]
    for name in names:
        if name not in data.columns:
            raise ValueError(unknown_column(name, data))
    if len(names) == 1:
        return data[names[0]]
    others = data[names[1:]].astype(str)
    return data[names[0]].astype(str).str.cat(others, sep=":")


# ---------------------------------------------------------------- bars


def _summands(text: str) -> list[str]:
    """Split at the plus signs outside all brackets."""
    pieces, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            break
        if character == "+" and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += character
    if depth:
        raise ValueError(f"parentheses in {text!r} do not match.")
    return [piece.strip() for piece in pieces if piece.strip()]


def _expand(inside: str) -> Iterator[Bar]:
    correlated = "||" not in inside
    expr, _, group = inside.partition("|" if correlated else "||")
    if "|" in group or not expr.strip() or not group.strip():
        raise ValueError(f"random term ({inside}) must read (terms | group).")
    for name in _nested(group.strip()):
        if correlated:
            yield Bar(expr.strip(), name)
        else:
            yield from (Bar(piece, name) for piece in _split_terms(expr))


def _nested(group: str) -> list[str]:
    """``a/b/c`` is c within b within a: ``c:(b:a)``, ``b:a``, ``a``."""
    parts = [part.strip() for part in group.split("/")]
    return [":".join(reversed(parts[: k + 1])) for k in reversed(range(len(parts)))]


def _split_terms(expr: str) -> list[str]:
    terms = [str(term) for term in Formula(_python(expr))]
    return ["1" if term == "1" else f"0 + {term}" for term in terms]


# ---------------------------------------------------------------- matrices


def _python(expr: str) -> str:
    return expr.replace("^", "**")


def _matrix(expr: str, data: pd.DataFrame) -> tuple[np.ndarray, Any]:
    quoted = _quote_dots(_python(expr), data)
    try:
        matrix = model_matrix(quoted, data, output="numpy", na_action="ignore", context=_CONTEXT)
    except FormulaicError as error:
        raise ValueError(f"cannot evaluate {expr!r}: {error}") from None
    return _values(matrix), matrix.model_spec


def _values(matrix: Any) -> np.ndarray:
    values = np.asarray(matrix, dtype=float)
    return values.reshape(len(values), -1)


def _quote_dots(expr: str, data: pd.DataFrame) -> str:
    """Put backticks round column names that hold a dot, as R's names often do."""

    def quote(match: re.Match[str]) -> str:
        name = match.group(2)
        known = name and "." in name and name in data.columns
        return f"`{name}`{match.group(3) or ''}" if known else match.group(0)

    return _NAME.sub(quote, expr) if "." in expr else expr


def _response(text: str, data: pd.DataFrame, ratio: bool) -> tuple[np.ndarray, np.ndarray | None]:
    if ratio and "/" in text:
        top, bottom = (_column(part.strip(), data) for part in text.split("/", 1))
        return top.astype(float), bottom.astype(float)
    return _column(text, data), None


def _column(text: str, data: pd.DataFrame) -> np.ndarray:
    """Return a column, or an expression of columns, unconverted where it is text."""
    name = text.strip("`")
    if name in data.columns:
        values = data[name]
        numeric = pd.api.types.is_numeric_dtype(values)
        return values.to_numpy(dtype=float) if numeric else values.to_numpy(dtype=object)
    matrix, _ = _matrix(f"0 + {text}", data)
    if matrix.shape[1] != 1:
        raise ValueError(f"response {text!r} gives {matrix.shape[1]} columns; one is needed.")
    if not np.isfinite(matrix).all():
        raise ValueError(f"response {text!r} has values that are not finite.")
    return matrix[:, 0]


def _random_terms(bars: tuple[Bar, ...], data: pd.DataFrame) -> Iterator[RandomTerm]:
    factors: dict[str, tuple[np.ndarray, pd.Index]] = {}
    matrices: dict[str, tuple[np.ndarray, Any]] = {}
    seen: dict[str, int] = {}
    for bar in bars:
        if bar.group not in factors:
            factors[bar.group] = cluster_codes(bar.group, data)
        if bar.expr not in matrices:
            matrices[bar.expr] = _matrix(bar.expr, data)
        codes, levels = factors[bar.group]
        Z, spec = matrices[bar.expr]
        names = tuple(spec.column_names)
        if not names:
            raise ValueError(f"random term ({bar.expr} | {bar.group}) is empty.")
        check_rank(Z, names, f"the random term ({bar.expr} | {bar.group})")
        group = str(levels.name)
        count = seen[group] = seen.get(group, -1) + 1
        key = f"{group}.{count}" if count else group
        yield RandomTerm(key, group, names, Z, codes, levels, spec)


def cluster_codes(group: str, data: pd.DataFrame) -> tuple[np.ndarray, pd.Index]:
    """Number the clusters 0 ... J-1 in the order of their sorted labels.

    Examples
    --------
    >>> cluster_codes("g", pd.DataFrame({"g": ["b", "a", "b"]}))[0].tolist()
    [1, 0, 1]
    """
    codes, levels = pd.factorize(cluster_labels(group, data), sort=True)
    group = group.replace("`", "")
    if len(levels) < 2:
        raise ValueError(
            f"grouping factor {group!r} has one cluster ({levels[0]}); at least two are needed."
        )
    return codes, pd.Index(levels, name=group)


# ---------------------------------------------------------------- checks


def _check_columns(parsed: ParsedFormula, data: pd.DataFrame) -> None:
    if data.columns.has_duplicates:
        raise ValueError("data has two columns of the same name.")
    pieces = [parsed.response, parsed.fixed]
    pieces += [text for bar in parsed.bars for text in (bar.expr, bar.group)]
    used = sorted({name for text in pieces for name in _names(text)})
    for name in used:
        if name not in data.columns:
            raise ValueError(unknown_column(name, data))
    for name in used:
        check_values(name, data[name])


def _names(text: str) -> Iterator[str]:
    text = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    for quoted, plain, follows in _NAME.findall(text):
        if quoted:
            yield quoted
        elif not follows and plain not in _WORDS:
            yield plain


def unknown_column(name: str, data: pd.DataFrame) -> str:
    """The message for a column that is not there, with the nearest name."""
    by_lower = {str(column).lower(): str(column) for column in data.columns}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    hint = f" Did you mean {by_lower[near[0]]!r}?" if near else ""
    return f"column {name!r} is not in the data.{hint}"


def check_values(name: str, values: pd.Series) -> None:
    """Refuse missing and infinite values."""
    missing = int(values.isna().sum())
    if missing:
        raise ValueError(
            f"column {name!r} has {missing} missing values; drop or fill those rows first."
        )
    if pd.api.types.is_float_dtype(values) and not np.isfinite(values.to_numpy()).all():
        raise ValueError(f"column {name!r} has infinite values.")


def check_rank(matrix: np.ndarray, names: tuple[str, ...], where: str) -> None:
    """Find the first column that the ones before it determine (R's diagonal in a QR)."""
    broken = np.flatnonzero(~np.isfinite(matrix).all(axis=0))
    if broken.size:
        raise ValueError(f"column {names[broken[0]]!r} of {where} has values that are not finite.")
    length = np.linalg.norm(matrix, axis=0)
    scaled = matrix / np.where(length > 0, length, 1.0)
    left_over = np.abs(np.diagonal(np.linalg.qr(scaled, mode="r")))
    bad = np.flatnonzero((left_over < 1e-9) | (length == 0))
    if len(matrix) < matrix.shape[1]:
        raise ValueError(f"{where} has more columns ({matrix.shape[1]}) than rows ({len(matrix)}).")
    if bad.size:
        name = names[bad[0]]
        kind = "constant" if np.ptp(matrix[:, bad[0]]) == 0 else "collinear with those before it"
        raise ValueError(f"column {name!r} of {where} is {kind}; drop it.")
