"""GEE and GLS: against geepack and nlme."""

from __future__ import annotations

import doctest

import engine_fits
import numpy as np
import pytest

from hlmtools import lmer, load_dataset, marginal
from hlmtools.marginal import gee, gls

PATTERNS = {
    "IND": ("IND", False),
    "CS": ("CS", False),
    "AR1": ("AR1", False),
    "CSH": ("CS", True),
    "UN": ("UN", True),
}


def growth(pattern: str, reml: bool = False):
    kind, heteroscedastic = PATTERNS[pattern]
    data = load_dataset("orthodont")
    return gls("distance ~ Sex * age", data, "Subject", "age", kind, heteroscedastic, reml)


@pytest.mark.parametrize("method", ["ml", "reml"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_gls_agrees_with_nlme(pattern, method):
    wanted = engine_fits.FITS[f"orthodont_gls_{pattern}_{method}"]["numbers"]
    fit = growth(pattern, reml=method == "reml")
    assert fit.llf == pytest.approx(wanted["llf"], abs=1e-7)
    for k, name in enumerate(fit.params.index, 1):
        assert fit.params[name] == pytest.approx(wanted[f"b{k}"], abs=1e-5 * wanted[f"se{k}"])
        assert fit.bse[name] == pytest.approx(wanted[f"se{k}"], rel=1e-5)


def test_published_deviances():
    """Verbeke & Molenberghs' table for these data: 419.477, 428.639, 440.681, 478.242."""
    found = [growth(p).deviance for p in ("UN", "CS", "AR1", "IND")]
    assert found == pytest.approx([419.477, 428.639, 440.681, 478.242], abs=1e-3)


def test_compound_symmetry_is_a_random_intercept():
    fit, data = growth("CS"), load_dataset("orthodont")
    mixed = lmer("distance ~ Sex * age + (1 | Subject)", data, reml=False)
    assert fit.llf == pytest.approx(mixed.llf, abs=1e-7)
    psi = mixed.cov_re["Subject"].iloc[0, 0]
    assert fit.details["rho"] == pytest.approx(psi / (psi + mixed.scale), rel=1e-5)


def test_negative_compound_symmetry_beats_a_random_intercept():
    data = load_dataset("orthodont").copy()
    rng = np.random.default_rng(4)
    e = rng.standard_normal((27, 4))
    data["distance"] = (e - 0.9 * e.mean(axis=1, keepdims=True)).ravel()
    assert gls("distance ~ 1", data, "Subject", "age", "CS").details["rho"] < 0


def test_incomplete_clusters_and_order_of_rows():
    data = load_dataset("orthodont").drop(index=[3, 10, 11, 50])
    a = gls("distance ~ age", data, "Subject", "age", "UN")
    b = gls("distance ~ age", data.sample(frac=1.0, random_state=1), "Subject", "age", "UN")
    assert a.llf == pytest.approx(b.llf, abs=1e-7)
    V = a.details["covariance"].to_numpy()
    assert np.linalg.eigvalsh(V)[0] > 0
    assert V[0, 0] == pytest.approx(a.scale)


def test_gee_agrees_with_geepack():
    wanted = engine_fits.FITS["ohio_gee"]["numbers"]
    ohio = load_dataset("ohio").sample(frac=1.0, random_state=3)
    fit = gee("resp ~ age * smoke", ohio, groups="id")
    for k, name in enumerate(fit.params.index, 1):
        assert fit.params[name] == pytest.approx(wanted[f"b{k}"], abs=1e-5 * wanted[f"se{k}"])
        assert fit.bse[name] == pytest.approx(wanted[f"se{k}"], rel=1e-5)
    assert fit.details["working correlation"] == pytest.approx(0.35438, abs=1e-5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: gls("distance ~ age", d, "Subject", "age", "AR2"), "'AR2' must be one of"),
        (lambda d: gls("distance ~ age", d, "Sex", "age"), "may stand once"),
        (lambda d: gls("Sex ~ age", d, "Subject", "age"), "'Sex' is not numeric"),
        (lambda d: gls("distance ~ age + (1 | Subject)", d, "Subject", "age"), "takes none"),
        (lambda d: gee("distance ~ age", d, "Person"), "'Person' is not in the data"),
        (lambda d: gee("distance ~ age", d, "Subject", correlation="ar1"), "must be one of"),
        (lambda d: gee("distance ~ age", d, "Subject", family="gamma"), "must be one of"),
    ],
)
def test_refusals(call, words):
    with pytest.raises(ValueError, match=words):
        call(load_dataset("orthodont"))


def test_examples_in_docstrings():
    assert doctest.testmod(marginal).failed == 0
