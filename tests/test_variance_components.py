"""Homework 1's functions, solved: against lme4, against other routes, and at the edges."""

from __future__ import annotations

import doctest
import importlib
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from autograder import build, references
from hlmtools import load_dataset
from hlmtools.simulate import two_level

build.use_solved()
vc = importlib.import_module("hlmtools.variance_components")

DATA = {
    "hsb": ("mAch", "school"),
    "dyestuff": ("Yield", "Batch"),
    "dyestuff2": ("Yield", "Batch"),
    "rail": ("travel", "Rail"),
    "bdf": ("langPOST", "schoolNR"),
}
UNEVEN = (1, 3, 8, 20, 2, 1, 11)


def fits() -> dict:
    return references.load("hw1")["fits"]


@cache
def columns(name: str) -> tuple[pd.Series, pd.Series]:
    data = load_dataset(name)
    y, g = DATA[name]
    return data[y], data[g]


@cache
def fitted(name: str, reml: bool = True):
    return vc.fit_vc(*columns(name), reml=reml)


def uneven(seed: int = 3, psi: float = 4.0) -> pd.DataFrame:
    return two_level(psi=psi, sigma2=9, sizes=UNEVEN, beta=50, seed=seed)


def dense(y, g, psi, sigma2):
    """Z, V and the GLS mean with full matrices: the slow second route."""
    labels = sorted(set(g))
    Z = np.array([[label == each for each in labels] for label in g], dtype=float)
    V = psi * Z @ Z.T + sigma2 * np.eye(len(y))
    weights = np.linalg.solve(V, np.ones(len(y)))
    return Z, V, float(weights @ np.asarray(y) / weights.sum()), 1 / weights.sum()


# ------------------------------------------------------------------------------ against lme4


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", DATA)
def test_fit_agrees_with_lme4(name, reml):
    reference = fits()[f"{name}_null_{'reml' if reml else 'ml'}"]
    numbers, fit = reference["numbers"], fitted(name, reml)
    assert fit.deviance == pytest.approx(numbers["criterion"], abs=1e-6)
    assert fit.psi == pytest.approx(numbers["psi"], rel=5e-6)
    assert fit.sigma2 == pytest.approx(numbers["sigma2"], rel=1e-6)
    assert fit.beta == pytest.approx(numbers["beta"], rel=1e-8)
    assert fit.se == pytest.approx(numbers["se"], rel=5e-6)
    assert fit.llf == pytest.approx(numbers["llf"], abs=1e-6)
    assert fit.singular is reference["singular"]
    assert fit.reml is reml


@pytest.mark.parametrize("reml", [True, False])
def test_dyestuff2_is_exactly_at_its_boundary(reml):
    fit = fitted("dyestuff2", reml)
    assert fit.psi == 0.0
    assert fit.singular is True
    assert fit.deviance == vc.vc_deviance(0.0, fit.stats, reml)


@pytest.mark.parametrize("name", DATA)
def test_anova_agrees_with_r(name):
    numbers = fits()[f"{name}_anova"]["numbers"]
    found = vc.anova_components(*columns(name))
    for field in ("psi", "sigma2", "msb", "msw", "n0"):
        assert getattr(found, field) == pytest.approx(numbers[field], rel=1e-10)


def test_sufficient_statistics_of_hsb():
    stats = vc.cluster_stats(*columns("hsb"))
    numbers = fits()["hsb_anova"]["numbers"]
    assert list(stats.columns) == ["n", "mean", "ssw"]
    assert (len(stats), stats["n"].sum(), stats["n"].min(), stats["n"].max()) == (160, 7185, 14, 67)
    assert stats["ssw"].sum() == pytest.approx(numbers["ssw"], rel=1e-10)
    assert stats["mean"].mean() == pytest.approx(numbers["mean_of_means"], rel=1e-10)


def test_predictions_agree_with_lme4():
    numbers, fit = fits()["hsb_null_reml"]["numbers"], fitted("hsb")
    table, with_beta = vc.eb_predict(fit), vc.eb_predict(fit, plus_beta=True)
    school = table.loc["8367"]
    assert school["eb"] == pytest.approx(numbers["eb_8367"], rel=1e-6)
    assert school["comp_se"] == pytest.approx(numbers["comp_se_8367"], rel=1e-6)
    assert school["diag_se"] ** 2 == pytest.approx(numbers["diag_var_8367"], rel=1e-6)
    assert school["ml"] == pytest.approx(-8.084188, abs=5e-7)
    assert table.loc["2305", "eb"] == pytest.approx(numbers["eb_2305"], rel=1e-6)
    assert with_beta.loc["8367", "comp_se"] == pytest.approx(
        numbers["comp_se_plus_beta_8367"], rel=1e-6
    )
    assert with_beta.drop(columns="comp_se").equals(table.drop(columns="comp_se"))


def test_ratios_and_range_agree_with_lme4():
    numbers, fit = fits()["hsb_null_reml"]["numbers"], fitted("hsb")
    sizes = fit.stats["n"]
    assert vc.icc(fit.psi, fit.sigma2) == pytest.approx(numbers["icc"], rel=1e-6)
    for n in (14, 67):
        found = vc.reliability(fit.psi, fit.sigma2, n)
        assert found == pytest.approx(numbers[f"reliability_{n}"], rel=1e-6)
    mean = vc.reliability(fit.psi, fit.sigma2, sizes).mean()
    assert mean == pytest.approx(numbers["mean_reliability"], rel=1e-6)
    low, high = vc.coverage_range(fit.beta, fit.psi)
    assert (low, high) == pytest.approx((numbers["range_low"], numbers["range_high"]), rel=1e-6)


@pytest.mark.parametrize("name", ["hsb", "dyestuff", "dyestuff2", "bdf"])
def test_likelihood_ratio_test_agrees_with_lme4(name):
    fit = fitted(name, reml=False)
    stat, p = vc.lrt_psi(-vc.vc_deviance(0.0, fit.stats, reml=False) / 2, fit.llf)
    numbers = fits()[f"{name}_null_ml"]["numbers"]
    assert stat == pytest.approx(numbers["lrt"], abs=1e-6)
    assert p == pytest.approx(numbers["lrt_p"], rel=1e-5)


# ----------------------------------------------------------------------- by a second route


@pytest.mark.parametrize("lam", [0.0, 0.07, 1.3, 25.0])
def test_profiled_deviance_is_that_of_the_normal_density(lam):
    data = uneven()
    stats = vc.cluster_stats(data["y"], data["g"])
    n = len(data)
    for reml in (False, True):
        _, V, b, _ = dense(data["y"], data["g"], lam, 1.0)
        residual = data["y"].to_numpy() - b
        sigma2 = residual @ np.linalg.solve(V, residual) / (n - reml)
        _, V, b, variance = dense(data["y"], data["g"], lam * sigma2, sigma2)
        direct = -2 * multivariate_normal(np.full(n, b), V).logpdf(data["y"])
        # REML integrates beta out: + log |X' V^-1 X| - log(2 pi)
        direct += reml * (-np.log(variance) - np.log(2 * np.pi))
        assert vc.vc_deviance(lam, stats, reml) == pytest.approx(direct, abs=1e-9)


def test_without_clusters_it_is_ordinary_regression():
    y, g = columns("bdf")
    ols = sm.OLS(np.asarray(y, dtype=float), np.ones(len(y))).fit()
    stats = vc.cluster_stats(y, g)
    assert vc.vc_deviance(0.0, stats, reml=False) == pytest.approx(-2 * ols.llf, abs=1e-8)
    n, ssr = len(y), ols.ssr
    restricted = np.log(n) + (n - 1) * (1 + np.log(2 * np.pi * ssr / (n - 1)))
    assert vc.vc_deviance(0.0, stats, reml=True) == pytest.approx(restricted, abs=1e-8)


@pytest.mark.parametrize("reml", [True, False])
def test_fit_is_generalised_least_squares_at_its_own_variances(reml):
    data = uneven()
    fit = vc.fit_vc(data["y"], data["g"], reml)
    _, _, b, variance = dense(data["y"], data["g"], fit.psi, fit.sigma2)
    assert fit.beta == pytest.approx(b, rel=1e-10)
    assert fit.se == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert (fit.nobs, fit.n_groups) == (len(data), len(UNEVEN))


def test_predictions_are_the_conditional_means_and_variances():
    data = uneven()
    fit = vc.fit_vc(data["y"], data["g"])
    Z, V, b, _ = dense(data["y"], data["g"], fit.psi, fit.sigma2)
    table = vc.eb_predict(fit)
    mean = fit.psi * Z.T @ np.linalg.solve(V, data["y"].to_numpy() - b)
    spread = fit.psi * Z.T @ np.linalg.solve(V, Z) * fit.psi
    assert table["eb"].to_numpy() == pytest.approx(mean, rel=1e-8)
    assert table["diag_se"].to_numpy() ** 2 == pytest.approx(np.diag(spread), rel=1e-8)
    conditional = fit.psi - np.diag(spread)
    assert table["comp_se"].to_numpy() ** 2 == pytest.approx(conditional, rel=1e-8)


@pytest.mark.parametrize("name", ["dyestuff", "rail"])
def test_balanced_reml_is_anova(name):
    fit, anova = fitted(name), vc.anova_components(*columns(name))
    assert fit.psi == pytest.approx(anova.psi, rel=1e-6)
    assert fit.sigma2 == pytest.approx(anova.sigma2, rel=1e-7)


def test_anova_is_unbiased_with_uneven_clusters():
    truth, sizes = np.array([4.0, 9.0]), (1, 3, 8, 40, 2, 1, 11)
    draws = [two_level(*truth, sizes=sizes, seed=seed) for seed in range(300)]
    found = np.array([vc.anova_components(d["y"], d["g"])[:2] for d in draws])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(found.mean(axis=0) - truth) < 3 * error).all()


# ------------------------------------------------------------------------------- the minimum


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_no_other_lam_does_better(seed, reml):
    data = uneven(seed)
    fit = vc.fit_vc(data["y"], data["g"], reml)
    others = [vc.vc_deviance(lam, fit.stats, reml) for lam in [0.0, *np.geomspace(1e-4, 1e3, 200)]]
    assert fit.deviance <= min(others) + 1e-8
    assert fit.singular == (fit.psi == 0)


def test_gradient_is_zero_inside_and_positive_at_the_boundary():
    fit, step = fitted("hsb"), 1e-4
    lam = fit.psi / fit.sigma2
    above, below = (vc.vc_deviance(lam + each, fit.stats) for each in (step, -step))
    curvature = (above + below - 2 * fit.deviance) / step**2
    assert curvature > 0
    assert abs((above - below) / (2 * step)) < 1e-5 * curvature * lam
    stats = fitted("dyestuff2").stats
    assert vc.vc_deviance(1e-6, stats) > vc.vc_deviance(0.0, stats)


@pytest.mark.parametrize(("psi", "sigma2"), [(1e6, 1.0), (4.0, 9.0), (0.05, 9.0)])
def test_small_and_large_ratios_are_found_equally_well(psi, sigma2):
    data = two_level(psi, sigma2, sizes=[50] * 120, beta=3, seed=8)
    fit, anova = vc.fit_vc(data["y"], data["g"]), vc.anova_components(data["y"], data["g"])
    assert fit.psi == pytest.approx(anova.psi, rel=1e-5)
    assert fit.sigma2 == pytest.approx(anova.sigma2, rel=1e-6)


# -------------------------------------------------------------------------------- invariance


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    shift=st.floats(-1e4, 1e4),
    scale=st.floats(1e-2, 1e2),
    reml=st.booleans(),
)
def test_shift_scale_relabelling_and_order_change_what_they_should(seed, shift, scale, reml):
    data = uneven(seed)
    fit = vc.fit_vc(data["y"], data["g"], reml)
    order = np.random.default_rng(seed).permutation(len(data))
    labels = data["g"].map(lambda text: "z" + text[::-1])
    moved = vc.fit_vc((scale * data["y"] + shift).iloc[order], labels.iloc[order], reml)
    assert moved.beta == pytest.approx(scale * fit.beta + shift, rel=1e-6, abs=1e-6 * scale)
    assert moved.psi == pytest.approx(scale**2 * fit.psi, rel=1e-4, abs=1e-9 * scale**2)
    assert moved.sigma2 == pytest.approx(scale**2 * fit.sigma2, rel=1e-4)
    # scaling y by c adds log c^2 for each unit, less one under REML
    change = 2 * (fit.nobs - reml) * np.log(scale)
    assert moved.deviance == pytest.approx(fit.deviance + change, abs=1e-6)
    assert moved.singular == fit.singular
    before, after = vc.eb_predict(fit)["eb"], vc.eb_predict(moved)["eb"]
    after.index = ["".join(reversed(text[1:])) for text in after.index]
    assert after.loc[before.index].to_numpy() == pytest.approx(
        scale * before.to_numpy(), rel=1e-3, abs=1e-4 * scale
    )


def test_large_numbers_keep_their_digits():
    data = uneven()
    plain, far = (vc.anova_components(data["y"] + c, data["g"]) for c in (0, 1e9))
    assert far.psi == pytest.approx(plain.psi, rel=1e-5)
    assert far.sigma2 == pytest.approx(plain.sigma2, rel=1e-5)


@given(psi=st.floats(0, 1e3), sigma2=st.floats(1e-3, 1e3), n=st.integers(1, 10**6))
def test_ratios_lie_between_0_and_1_and_grow_with_n(psi, sigma2, n):
    single, several, more = vc.reliability(psi, sigma2, [1, n, n + 1])
    assert 0 <= single <= several <= more <= 1
    assert vc.icc(psi, sigma2) == pytest.approx(single, rel=1e-12)
    assert vc.icc(sigma2, psi) == pytest.approx(1 - single, rel=1e-9, abs=1e-12)


def test_predictions_are_shrunk_towards_0_the_more_the_smaller_the_cluster():
    table = vc.eb_predict(fitted("hsb"))
    assert (table["eb"].abs() <= table["ml"].abs()).all()
    assert (np.sign(table["eb"]) == np.sign(table["ml"])).all()
    by_size = table["R"].groupby(fitted("hsb").stats["n"]).first()
    assert by_size.is_monotonic_increasing
    # comparative and diagnostic variance make up psi
    total = table["comp_se"] ** 2 + table["diag_se"] ** 2
    assert total.to_numpy() == pytest.approx(fitted("hsb").psi, rel=1e-12)


def test_nothing_is_predicted_at_the_boundary():
    table = vc.eb_predict(fitted("dyestuff2"))
    assert (table[["R", "eb", "comp_se", "diag_se"]] == 0).all(axis=None)
    assert (table["ml"] != 0).any()
    with_beta = vc.eb_predict(fitted("dyestuff2"), plus_beta=True)
    assert with_beta["comp_se"].to_numpy() == pytest.approx(fitted("dyestuff2").se)


# ------------------------------------------------------------------------- tests and ranges


def test_p_value_is_half_the_tail():
    assert vc.lrt_psi(0.0, 2.705543 / 2)[1] == pytest.approx(0.05, abs=1e-7)
    assert vc.lrt_psi(0.0, 3.841459 / 2)[1] == pytest.approx(0.025, abs=1e-7)
    assert vc.lrt_psi(-10.0, -10.0) == (0.0, 1.0)
    assert vc.lrt_psi(-10.0, -10.1)[1] == 1.0
    assert vc.lrt_psi(-600.0, -100.0)[1] > 0  # no 1 - cdf: the far tail keeps its digits


def test_range_holds_its_share_of_true_means():
    low, high = vc.coverage_range(50.0, 4.0, level=0.8)
    draws = np.random.default_rng(0).normal(50, 2, 200_000)
    assert np.mean((draws > low) & (draws < high)) == pytest.approx(0.8, abs=0.004)
    assert (low + high) / 2 == pytest.approx(50)
    assert vc.coverage_range(50.0, 0.0) == (50.0, 50.0)


# ------------------------------------------------------------------------------------- edges


def test_rows_in_any_order_and_labels_of_any_kind():
    y, text = [5.0, 1.0, 4.0, 3.0, 9.0], ["b", "a", "b", "a", "c"]
    expected = [[2.0, 2.0, 2.0], [2.0, 4.5, 0.5], [1.0, 9.0, 0.0]]
    numbers = [{"a": 1, "b": 2, "c": 10}[label] for label in text]
    categories = pd.Categorical(text, categories=["unused", "c", "b", "a"])
    for g in (text, np.array(text), pd.Series(text, index=list("vwxyz")), numbers, categories):
        stats = vc.cluster_stats(y, g)
        assert stats.to_numpy().tolist() == expected
        assert list(stats.index) == sorted(set(g))
    assert stats["n"].dtype.kind == "i"


def test_filtered_columns_are_taken_row_by_row():
    data = pd.DataFrame({"y": [1.0, 2.0, 3.0, 4.0], "g": list("abab")})
    kept = data[data["y"] > 1]
    assert vc.cluster_stats(kept["y"], kept["g"].reset_index(drop=True))["n"].tolist() == [1, 2]


def test_cluster_of_one_has_no_spread_and_still_counts():
    with_one = vc.anova_components([1.0, 3.0, 5.0, 7.0, 30.0], list("aabbc"))
    assert with_one.msw == pytest.approx(2.0)
    assert with_one.n0 == pytest.approx((5 - 9 / 5) / 2)


@pytest.mark.parametrize(
    ("y", "g", "word"),
    [
        ([1.0, np.nan], ["a", "b"], "1 missing"),
        ([1.0, np.inf], ["a", "b"], "1 missing"),
        ([1.0, 2.0, 3.0], ["a", None, np.nan], "2 missing"),
        ([1.0, 2.0], ["a", "b", "b"], "same length"),
        ([], [], "at least one row"),
        ([[1.0, 2.0]], [["a", "b"]], "columns"),
    ],
)
def test_unusable_columns_are_refused_with_a_reason(y, g, word):
    for function in (vc.cluster_stats, vc.anova_components, vc.fit_vc):
        with pytest.raises(ValueError, match=word):
            function(y, g)


@pytest.mark.parametrize(
    ("y", "g"),
    [
        ([1.0, 2.0, 4.0], ["a", "a", "a"]),
        ([1.0, 2.0, 4.0], ["a", "b", "c"]),
    ],
)
def test_designs_without_two_variances_are_refused(y, g):
    for function in (vc.anova_components, vc.fit_vc):
        with pytest.raises(ValueError, match="two clusters"):
            function(y, g)


def test_no_variation_within_clusters_is_refused():
    with pytest.raises(ValueError, match="differ within a cluster"):
        vc.fit_vc([1.0, 1.0, 4.0, 4.0], ["a", "a", "b", "b"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: vc.vc_deviance(-0.1, fitted("dyestuff").stats),
        lambda: vc.vc_deviance(float("nan"), fitted("dyestuff").stats),
        lambda: vc.icc(-1.0, 2.0),
        lambda: vc.icc(1.0, -2.0),
        lambda: vc.icc(0.0, 0.0),
        lambda: vc.icc(float("nan"), 1.0),
        lambda: vc.reliability(-1.0, 2.0, 3),
        lambda: vc.reliability(1.0, 2.0, 0),
        lambda: vc.reliability(1.0, 2.0, [3, -1]),
        lambda: vc.lrt_psi(float("nan"), -1.0),
        lambda: vc.lrt_psi(-1.0, float("inf")),
        lambda: vc.coverage_range(0.0, -1.0),
        lambda: vc.coverage_range(0.0, 1.0, level=95),
        lambda: vc.coverage_range(0.0, 1.0, level=0),
    ],
)
def test_impossible_numbers_are_refused(call):
    with pytest.raises(ValueError, match="give"):
        call()


def test_extremes_of_the_intraclass_correlation():
    assert vc.icc(0.0, 3.0) == 0.0
    assert vc.icc(3.0, 0.0) == 1.0
    assert vc.reliability(0.0, 3.0, 10) == 0.0


def test_results_are_plain_numbers():
    fit = fitted("dyestuff")
    for name in ("beta", "se", "psi", "sigma2", "deviance"):
        assert type(getattr(fit, name)) is float
    assert all(type(each) is float for each in vc.anova_components(*columns("dyestuff")))
    assert all(type(each) is float for each in vc.lrt_psi(-2.0, -1.0))
    assert all(type(each) is float for each in vc.coverage_range(1.0, 2.0))
    assert type(vc.icc(np.float64(1), np.float64(3))) is float
    assert type(vc.reliability(1.0, 3.0, np.int64(4))) is float
    assert isinstance(vc.reliability(1.0, 3.0, [4]), np.ndarray)


def test_arguments_are_left_as_they_were():
    y, g = columns("dyestuff")
    before = (y.copy(), g.copy())
    fit = vc.fit_vc(y, g)
    stats = fit.stats.copy()
    vc.eb_predict(fit, plus_beta=True)
    assert y.equals(before[0])
    assert g.equals(before[1])
    assert fit.stats.equals(stats)


def test_docstring_examples_run():
    result = doctest.testmod(vc)
    assert result.attempted >= 15
    assert result.failed == 0
