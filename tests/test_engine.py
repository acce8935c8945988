"""The engine as a whole: the names it promises, and that it stays small enough to be read."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from pathlib import Path

import engine_fits
import pytest

import hlmtools

HERE = Path(hlmtools.__file__).parent
ENGINE = ("formula", "linear", "generalized", "results", "inference")
NO_CODE = (
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
)  # fmt: skip

# ---------------------------------------------------------------- size


def code_lines(text: str) -> set[int]:
    """Numbers of the lines that hold code: not blank, not a comment, not a docstring."""
    documented = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and ast.get_docstring(node, clean=False) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    held = (range(t.start[0], t.end[0] + 1) for t in tokens if t.type not in NO_CODE)
    return {line for lines in held for line in lines} - documented


def functions(text: str) -> list[int]:
    """How many lines of code every function has, its signature included."""
    lines = code_lines(text)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return [len(lines & set(range(n.lineno, (n.end_lineno or 0) + 1))) for n in nodes]


def test_counting_leaves_out_what_is_no_code():
    assert code_lines('"""Doc.\n\nMore."""\n\nx = (\n    1\n)  # why\n# no\n') == {5, 6, 7}
    assert functions('def f():\n    """Doc."""\n    # no\n    return 1\n') == [2]


def test_the_engine_is_small():
    """Aim of its design: about 1,500 lines, docstrings and the companions not counted."""
    texts = [(HERE / f"{name}.py").read_text(encoding="utf-8") for name in ENGINE]
    assert sum(len(code_lines(text)) for text in texts) <= 1630
    lengths = [length for text in texts for length in functions(text)]
    assert statistics.median(lengths) <= 12
    assert max(lengths) <= 40


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("key", ["hsb_slope_reml", "contraception_25"])
def test_names_of_a_result(key):
    fit = engine_fits.fitted(key)
    group = "school" if key.startswith("hsb") else "district"
    assert list(fit.params.index) == list(fit.bse.index) == list(fit.cov_params().columns)
    assert list(fit.cov_re) == list(fit.random_effects) == list(fit.random_effects_cov) == [group]
    assert list(fit.cov_re[group].index) == list(fit.random_effects[group].columns)
    assert fit.deviance == -2 * fit.llf
    assert fit.aic < fit.bic
    assert fit.converged
    assert not fit.singular
    assert len(fit.fittedvalues) == len(fit.resid) == len(fit.predict(random=False)) == fit.nobs
    assert fit.n_groups == {group: len(fit.random_effects[group])}
    assert (fit.scale == 1.0) == (key == "contraception_25")
    assert list(fit.conf_int(method="wald").columns) == ["lower", "upper"]
    assert fit.formula in fit.summary()


def test_keys_of_several_terms_are_those_of_lme4():
    fit = engine_fits.fitted("sleep_uncorrelated_reml")
    assert list(fit.cov_re) == list(fit.random_effects) == ["Subject", "Subject.1"]
    assert list(engine_fits.fitted("egsingle_nested_ml").cov_re) == ["childid:schoolid", "schoolid"]
    assert list(engine_fits.fitted("scotssec_crossed_reml").cov_re) == ["primary", "second"]
