"""The formula parser: what it reads, and what it refuses with which words."""

from __future__ import annotations

import doctest

import numpy as np
import pandas as pd
import pytest

from hlmtools import formula
from hlmtools.formula import Bar, build, new_matrix, parse


def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "y": rng.standard_normal(24),
            "x": rng.standard_normal(24),
            "f": np.tile(["a", "b", "c"], 8),
            "g": np.repeat(list("pqrs"), 6),
            "h": np.tile([1, 2], 12),
            "one": 1.0,
            "IQ.verb": rng.standard_normal(24),
        }
    )


@pytest.mark.parametrize(
    ("text", "bars"),
    [
        ("y ~ x + (x | g)", [Bar("x", "g")]),
        ("y ~ (1|g) + x", [Bar("1", "g")]),
        ("y ~ (0 + x | g)", [Bar("0 + x", "g")]),
        ("y ~ (x || g)", [Bar("1", "g"), Bar("0 + x", "g")]),
        ("y ~ (0 + x || g)", [Bar("0 + x", "g")]),
        ("y ~ (1 | a/b)", [Bar("1", "b:a"), Bar("1", "a")]),
        ("y ~ (1 | a/b/c)", [Bar("1", "c:b:a"), Bar("1", "b:a"), Bar("1", "a")]),
        ("y ~ (1 | a:b)", [Bar("1", "a:b")]),
        ("y ~ (1 | a) + (1 | b)", [Bar("1", "a"), Bar("1", "b")]),
        ("y ~ (log(x + 2) | g)", [Bar("log(x + 2)", "g")]),
    ],
)
def test_bars(text, bars):
    assert list(parse(text).bars) == bars


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("y ~ (1 | g)", "1"),
        ("y ~ x * f + (1 | g)", "x * f"),
        ("y ~ (1 | g) + x", "x"),
        ("y ~ x + (1 | g) + f", "x + f"),
        ("y ~ (x + f) * h + (1 | g)", "(x + f) * h"),
    ],
)
def test_fixed_part(text, fixed):
    assert parse(text).fixed.replace(" ", "") == fixed.replace(" ", "")


def test_matrices_are_those_of_treatment_coding():
    design = build("y ~ x * f + I(x^2) + (0 + f | g) + (1 | h:g)", table())
    assert design.x_names == (
        "Intercept", "x", "f[T.b]", "f[T.c]", "I(x ** 2)", "x:f[T.b]", "x:f[T.c]",
    )  # fmt: skip
    assert design.terms[0].names == ("f[a]", "f[b]", "f[c]")
    assert [term.key for term in design.terms] == ["g", "h:g"]
    assert design.terms[1].levels[:2].tolist() == ["1:p", "1:q"]


def test_keys_of_several_terms_on_one_factor():
    design = build("y ~ 1 + (x || g) + (1 | h)", table())
    assert [term.key for term in design.terms] == ["g", "g.1", "h"]


def test_names_with_dots_need_no_quotes():
    design = build("y ~ IQ.verb + (IQ.verb | g)", table())
    assert design.x_names == ("Intercept", "IQ.verb")


def test_new_rows_get_the_coding_of_the_fit():
    design = build("y ~ x + f + (1 | g)", table())
    new = new_matrix(design.x_spec, pd.DataFrame({"x": [2.0], "f": ["c"]}))
    assert new.tolist() == [[1.0, 2.0, 0.0, 1.0]]
    with pytest.raises(ValueError, match="not seen"):
        new_matrix(design.x_spec, pd.DataFrame({"x": [2.0], "f": ["d"]}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("y x", "one '~'"),
        ("~ x + (1 | g)", "no response"),
        ("y ~ x", "no random term"),
        ("y ~ (x | g", "do not match"),
        ("y ~ x * (1 | g)", "only be added"),
        ("y ~ (x | g | h)", "must read"),
        ("y ~ ( | g)", "must read"),
        ("y ~ z + (1 | g)", "'z' is not in the data"),
        ("y ~ x + (z | g)", "'z' is not in the data"),
        ("y ~ x + (1 | G)", "'G' is not in the data"),
        ("Y ~ x + (1 | g)", "Did you mean 'y'"),
        ("y ~ one + (1 | g)", "'one' of the fixed part is constant"),
        ("y ~ x + I(2 * x) + (1 | g)", "collinear"),
        ("y ~ x + (one | g)", "'one' of the random term .* is constant"),
        ("y ~ x + (1 | one)", r"'one' has one cluster \(1.0\)"),
        ("log(y) ~ x + (1 | g)", r"'log\(y\)' has values that are not finite"),
        ("y ~ log(x) + (1 | g)", r"column 'log\(x\)' of the fixed part .* not finite"),
    ],
)
def test_refusals_name_what_is_wrong(text, words):
    with pytest.raises(ValueError, match=words):
        build(text, table())


def test_missing_infinite_and_empty_are_refused():
    data = table()
    data.loc[[2, 5], "x"] = np.nan
    with pytest.raises(ValueError, match="'x' has 2 missing"):
        build("y ~ x + (1 | g)", data)
    with pytest.raises(ValueError, match="'g' has 1 missing"):
        build("y ~ 1 + (1 | g)", table().assign(g=[None, *table()["g"][1:]]))
    with pytest.raises(ValueError, match="'y' has infinite"):
        build("y ~ x + (1 | g)", table().assign(y=np.inf))
    with pytest.raises(ValueError, match="no rows"):
        build("y ~ x + (1 | g)", table().head(0))
    with pytest.raises(ValueError, match="DataFrame"):
        build("y ~ x + (1 | g)", {"y": [1.0]})


def test_examples_in_docstrings():
    result = doctest.testmod(formula)
    assert result.attempted > 5
    assert result.failed == 0
