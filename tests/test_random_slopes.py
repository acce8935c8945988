"""Homework 3's functions, solved: against lme4, against other routes, and at the edges."""

from __future__ import annotations

import doctest
import importlib
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import multivariate_normal

from autograder import build, references
from hlmtools import load_dataset
from hlmtools.simulate import random_slopes

build.use_solved()
rs = importlib.import_module("hlmtools.random_slopes")
vc = importlib.import_module("hlmtools.variance_components")

UNEVEN = (1, 3, 8, 20, 2, 1, 11, 14, 6)
PSI = np.array([[3.7, -1.1], [-1.1, 0.8]])
FITS = {
    "exam_ri_ml": ("exam", 1, False),
    "exam_rs_ml": ("exam", 2, False),
    "hsb_ri_reml": ("hsb", 1, True),
    "hsb_rs_reml": ("hsb", 2, True),
    "bdf_ri_ml": ("bdf", 1, False),
    "bdf_rs_ml": ("bdf", 2, False),
    "table_44_reml": ("table_44", 2, True),
    "table_45_reml": ("table_45", 2, True),
    "table_45_ri_reml": ("table_45", 1, True),
}


def numbers(key: str) -> dict:
    return references.load("hw3")["fits"][key]["numbers"]


@cache
def columns(name: str) -> tuple[pd.Series, np.ndarray, pd.Series]:
    """Response, X with intercept and slope first, and cluster of each row."""
    data = load_dataset("hsb_original" if name.startswith("table") else name)
    one = np.ones(len(data))
    if name == "exam":
        return data["normexam"], np.column_stack([one, data["standLRT"]]), data["school"]
    if name == "hsb":
        return data["mAch"], np.column_stack([one, data["cses"]]), data["school"]
    if name == "bdf":
        iq = data["IQ_verb"] - data["IQ_verb"].mean()
        return data["langPOST"], np.column_stack([one, iq]), data["schoolNR"]
    X = np.column_stack([one, data["SES"] - data["MEANSES"]])
    if name == "table_45":
        catholic = data["Sector"] == "Catholic"
        extra = np.column_stack([data["MEANSES"], catholic])
        X = np.column_stack([X, extra, extra * X[:, 1:]])
    return data["MathAch"], X, data["School"]


@cache
def fitted(key: str):
    name, q, reml = FITS[key]
    y, X, g = columns(name)
    return rs.fit_lmm(y, X, X[:, :q], g, reml)


@cache
def uneven(seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = random_slopes(PSI, 4, UNEVEN, beta=(50, 3), seed=seed)
    X = np.column_stack([np.ones(len(data)), data["x"], data["x"] ** 2])
    return data["y"].to_numpy(), X, data["g"].to_numpy()


def dense(X, Z, g, Psi, sigma2):
    """Full Z of all clusters, the covariance matrix V and the covariance of GLS beta."""
    labels = sorted(set(g))
    blocks = np.hstack([Z * (g == label)[:, None] for label in labels])
    V = blocks @ np.kron(np.eye(len(labels)), Psi) @ blocks.T + sigma2 * np.eye(len(g))
    return blocks, V, np.linalg.inv(X.T @ np.linalg.solve(V, X))


# ------------------------------------------------------------------------------ against lme4


@pytest.mark.parametrize("key", FITS)
def test_fit_agrees_with_lme4(key):
    fit, want = fitted(key), numbers(key)
    assert fit.deviance == pytest.approx(want["criterion"], abs=1e-5)
    assert fit.sigma2 == pytest.approx(want["sigma2"], rel=1e-5)
    for k, place in enumerate([1, 4, 2, 3, 5, 6] if key.startswith("table_45") else [1, 2]):
        assert fit.beta[k] == pytest.approx(want[f"beta{place}"], abs=1e-4 * fit.se[k])
        assert fit.se[k] == pytest.approx(want[f"se{place}"], rel=1e-4)
    for k in range(len(fit.Psi)):
        assert fit.Psi[k, k] == pytest.approx(want[f"psi{k + 1}"], rel=3e-4)
    assert fit.singular is references.load("hw3")["fits"][key]["singular"]


def test_the_published_number_that_statsmodels_misses():
    assert fitted("hsb_rs_reml").deviance == pytest.approx(46714.234, abs=5e-4)


def test_published_tables_of_raudenbush_and_bryk():
    table = fitted("table_45_reml")
    published = [12.1136, 2.9388, 5.3391, 1.2167, 1.0389, -1.6426]
    assert table.beta == pytest.approx(published, abs=6e-5)
    share = 1 - table.Psi[1, 1] / fitted("table_44_reml").Psi[1, 1]
    assert share == pytest.approx(numbers("table_45_reml")["slope_share"], abs=1e-4)


@pytest.mark.parametrize("school", ["1", "28", "48", "53", "59"])
def test_predictions_agree_with_lme4(school):
    row, want = rs.eb_lmm(fitted("exam_rs_ml")).loc[school], numbers("exam_rs_ml")
    for column in ("zeta1", "zeta2", "se1", "se2"):
        assert row[column] == pytest.approx(want[f"{column}_{school}"], rel=2e-5)


def test_variance_function_agrees_with_lme4():
    fit, want = fitted("exam_rs_ml"), numbers("exam_rs_ml")
    for x, name in zip((-2, -1, 0, 1, 2), ("m2", "m1", "0", "1", "2"), strict=True):
        assert rs.total_var(x, fit.Psi, fit.sigma2) == pytest.approx(
            want[f"var_at_{name}"], rel=1e-5
        )
        assert rs.icc_at(x, fit.Psi, fit.sigma2) == pytest.approx(want[f"icc_at_{name}"], rel=1e-5)
    assert rs.corr_at(-1, 1, fit.Psi, fit.sigma2) == pytest.approx(want["corr_m1_1"], rel=1e-5)
    moved = rs.recenter(fit.Psi, -2)
    assert moved[0, 0] == pytest.approx(numbers("exam_rs_low_ml")["psi1"], rel=1e-4)
    assert moved[1, 0] == pytest.approx(numbers("exam_rs_low_ml")["cov"], rel=1e-4)


@pytest.mark.parametrize(
    ("small", "large"), [("exam_ri_ml", "exam_rs_ml"), ("hsb_ri_reml", "hsb_rs_reml")]
)
def test_likelihood_ratio_test_agrees_with_lme4(small, large):
    stat, p = rs.lrt_slope(fitted(small).llf, fitted(large).llf)
    assert stat == pytest.approx(numbers(large)["lrt"], abs=1e-5)
    assert p == pytest.approx(numbers(large)["lrt_p"], rel=1e-4)


def test_ranges_agree_with_lme4():
    fit, want = fitted("exam_rs_ml"), numbers("exam_rs_ml")
    low, high = rs.slope_range(fit.beta[1], fit.Psi[1, 1])
    assert (low, high) == pytest.approx((want["range_low"], want["range_high"]), rel=1e-5)
    hsb = fitted("hsb_rs_reml")
    share = rs.p_negative(hsb.beta[1], hsb.Psi[1, 1])
    assert share == pytest.approx(numbers("hsb_rs_reml")["p_negative"], rel=1e-4)


# ----------------------------------------------------------------------- by a second route


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("theta", [(0, 0, 0), (0.7, 0.2, 0.5), (3, -2, 0.1), (0, 0.4, 0.6)])
def test_profiled_deviance_is_that_of_the_normal_density(theta, reml):
    y, X, g = uneven()
    Z, n, p = X[:, :2], len(y), X.shape[1]
    stats = rs.cross_products(y, X, Z, g)
    beta, r2, M, _ = rs.lmm_profile(theta, stats)
    sigma2 = r2 / (n - p * reml)
    factor = rs.relative_factor(theta, 2)
    _, V, spread = dense(X, Z, g, sigma2 * factor @ factor.T, sigma2)
    assert beta == pytest.approx(spread @ X.T @ np.linalg.solve(V, y), rel=1e-8)
    assert sigma2 * np.linalg.inv(M) == pytest.approx(spread, rel=1e-8)
    direct = -2 * multivariate_normal(X @ beta, V).logpdf(y)
    # REML integrates beta out: + log |X' V^-1 X| - p log(2 pi)
    direct -= reml * (np.linalg.slogdet(spread)[1] + p * np.log(2 * np.pi))
    assert rs.lmm_deviance(theta, stats, reml) == pytest.approx(direct, abs=1e-8)


def test_at_theta_zero_it_is_ordinary_regression():
    y, X, g = columns("bdf")
    ols = sm.OLS(np.asarray(y, dtype=float), X).fit()
    stats = rs.cross_products(y, X, X, g)
    assert rs.lmm_deviance([0, 0, 0], stats, reml=False) == pytest.approx(-2 * ols.llf, abs=1e-7)


@pytest.mark.parametrize("reml", [True, False])
def test_with_intercepts_only_it_is_homework_1(reml):
    y, _, g = columns("bdf")
    ones = np.ones((len(y), 1))
    old, new = vc.fit_vc(y, g, reml), rs.fit_lmm(y, ones, ones, g, reml)
    assert new.deviance == pytest.approx(old.deviance, abs=1e-7)
    assert new.Psi[0, 0] == pytest.approx(old.psi, rel=1e-5)
    assert new.se[0] == pytest.approx(old.se, rel=1e-5)
    table, before = rs.eb_lmm(new), vc.eb_predict(old)
    assert table["zeta1"].to_numpy() == pytest.approx(before["eb"].to_numpy(), rel=1e-4)
    assert table["se1"].to_numpy() == pytest.approx(before["comp_se"].to_numpy(), rel=1e-4)


def test_predictions_are_the_conditional_means_and_variances():
    y, X, g = uneven()
    Z = X[:, :2]
    fit = rs.fit_lmm(y, X, Z, g)
    blocks, V, _ = dense(X, Z, g, fit.Psi, fit.sigma2)
    gain = np.kron(np.eye(len(UNEVEN)), fit.Psi) @ blocks.T
    mean = (gain @ np.linalg.solve(V, y - X @ fit.beta)).reshape(-1, 2)
    left = np.kron(np.eye(len(UNEVEN)), fit.Psi) - gain @ np.linalg.solve(V, gain.T)
    table = rs.eb_lmm(fit)
    assert table[["zeta1", "zeta2"]].to_numpy() == pytest.approx(mean, abs=1e-8)
    spread = np.sqrt(np.diag(left)).reshape(-1, 2)
    assert table[["se1", "se2"]].to_numpy() == pytest.approx(spread, abs=1e-8)


def test_sandwich_of_clusters_equals_the_model_where_x_is_z():
    """By maximum likelihood with X = Z and free Psi, CR0 gives the model's own errors."""
    y, X, g = columns("exam")
    fit = fitted("exam_rs_ml")
    scores = np.zeros((2, 2))
    for rows in pd.Series(range(len(y))).groupby(g.to_numpy()).indices.values():
        Xj = X[rows]
        V = Xj @ fit.Psi @ Xj.T + fit.sigma2 * np.eye(len(rows))
        score = Xj.T @ np.linalg.solve(V, y.to_numpy()[rows] - Xj @ fit.beta)
        scores += np.outer(score, score)
    bread = np.linalg.inv(rs.lmm_profile(fit.theta, fit.stats).M / fit.sigma2)
    robust = np.sqrt(np.diag(bread @ scores @ bread))
    assert robust == pytest.approx(fit.se, rel=1e-5)


# ------------------------------------------------------------------------------- the minimum


@pytest.mark.parametrize("key", ["exam_rs_ml", "hsb_rs_reml", "bdf_rs_ml"])
def test_gradient_is_zero_inside(key):
    fit = fitted(key)
    scale = np.abs(fit.theta).max()
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-3 * scale
        above, below = (
            rs.lmm_deviance(fit.theta + each, fit.stats, fit.reml) for each in (step, -step)
        )
        curvature = above + below - 2 * fit.deviance
        assert curvature > 0
        assert abs(above - below) < 2e-2 * curvature


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_other_theta_does_better(seed, reml):
    y, X, g = uneven(seed)
    fit = rs.fit_lmm(y, X, X[:, :2], g, reml)
    random = np.random.default_rng(seed)
    near = fit.theta + random.normal(0, 0.05, (100, 3))
    far = random.normal(0, 2, (200, 3))
    others = [rs.lmm_deviance(theta, fit.stats, reml) for theta in (*near, *far)]
    assert fit.deviance <= min(others) + 1e-7


def test_saddle_with_a_vanished_intercept_is_left_again():
    """A search from Lambda = I in raw units stops in bdf at psi11 = 0, far above the minimum."""
    assert fitted("bdf_rs_ml").deviance < 15231
    assert not fitted("bdf_rs_ml").singular


def test_equal_slopes_give_a_singular_fit():
    data = random_slopes([[4, 0], [0, 0]], 9, [6] * 12, beta=(10, 2), seed=3)
    X = np.column_stack([np.ones(len(data)), data["x"]])
    fit = rs.fit_lmm(data["y"], X, X, data["g"])
    assert fit.singular is True
    assert np.linalg.eigvalsh(fit.Psi)[0] == pytest.approx(0, abs=1e-8)
    assert rs.eb_lmm(fit).notna().all(axis=None)


def test_three_random_coefficients():
    random = np.random.default_rng(8)
    g = np.repeat(np.arange(80), 12)
    x = random.normal(size=len(g))
    X = np.column_stack([np.ones(len(g)), x, x**2])
    zeta = random.normal(size=(80, 3)) * [2.0, 1.0, 0.7]
    y = np.sum(X * zeta[g], axis=1) + random.normal(size=len(g))
    fit = rs.fit_lmm(y, X, X, g)
    assert fit.theta.shape == (6,)
    assert np.diag(fit.Psi) == pytest.approx([4, 1, 0.49], rel=0.5)
    start = fit.theta + random.normal(0, 0.02, (30, 6))
    assert fit.deviance <= min(rs.lmm_deviance(theta, fit.stats) for theta in start) + 1e-7


# -------------------------------------------------------------------------------- invariance


def test_moving_the_origin_of_x_changes_only_what_it_should():
    y, X, g = uneven()
    X = X[:, :2]
    moved_X = X - np.array([0, -2.0])
    fit, moved = (rs.fit_lmm(y, each, each, g) for each in (X, moved_X))
    assert moved.deviance == pytest.approx(fit.deviance, abs=1e-7)
    assert moved.sigma2 == pytest.approx(fit.sigma2, rel=1e-5)
    assert moved.Psi == pytest.approx(rs.recenter(fit.Psi, -2.0), rel=2e-4, abs=1e-5)
    lines = rs.eb_lmm(fit)[["zeta1", "zeta2"]].to_numpy() + fit.beta
    moved_lines = rs.eb_lmm(moved)[["zeta1", "zeta2"]].to_numpy() + moved.beta
    assert moved_lines[:, 0] + 2 * moved_lines[:, 1] == pytest.approx(lines[:, 0], abs=1e-4)


@pytest.mark.parametrize("factor", [1e-3, 365.0])
def test_the_unit_of_x_does_not_matter(factor):
    y, X, g = uneven()
    X = X[:, :2]
    fit, other = (rs.fit_lmm(y, each, each, g) for each in (X, X * [1, factor]))
    assert other.deviance == pytest.approx(fit.deviance + 2 * np.log(factor), abs=1e-6)
    assert other.Psi[1, 1] * factor**2 == pytest.approx(fit.Psi[1, 1], rel=2e-4)
    assert other.Psi[0, 0] == pytest.approx(fit.Psi[0, 0], rel=2e-4)


def test_order_of_rows_and_names_of_clusters_do_not_matter():
    y, X, g = uneven()
    order = np.random.default_rng(0).permutation(len(y))
    names = np.array(["z" + label[::-1] for label in g])
    fit = rs.fit_lmm(y, X, X[:, :2], g)
    other = rs.fit_lmm(y[order], X[order], X[order][:, :2], names[order])
    assert other.deviance == pytest.approx(fit.deviance, abs=1e-7)
    before, after = rs.eb_lmm(fit), rs.eb_lmm(other)
    after.index = ["".join(reversed(label[1:])) for label in after.index]
    assert after.loc[before.index].to_numpy() == pytest.approx(before.to_numpy(), abs=1e-4)


@pytest.mark.parametrize("c", [-3.0, 0.0, 2.7])
def test_recentring_leaves_the_variance_function(c):
    x = np.linspace(-4, 4, 9)
    moved = rs.recenter(PSI, c)
    assert rs.total_var(x - c, moved, 2.0) == pytest.approx(rs.total_var(x, PSI, 2.0))
    assert rs.recenter(moved, -c) == pytest.approx(PSI)
    assert np.linalg.det(moved) == pytest.approx(np.linalg.det(PSI))


# --------------------------------------------------------------------------- small functions


def test_factor_is_filled_down_the_columns():
    assert rs.relative_factor([1, 2, 3, 4, 5, 6], 3).tolist() == [[1, 0, 0], [2, 4, 0], [3, 5, 6]]
    assert rs.relative_factor([7], 1).tolist() == [[7]]


def test_correlation_at_equal_x_is_the_intraclass_correlation():
    for x in (-2.0, 0.0, 1.375, 3.0):
        assert rs.corr_at(x, x, PSI, 2.0) == pytest.approx(rs.icc_at(x, PSI, 2.0))
    assert rs.corr_at(-1, 2, PSI, 2.0) == pytest.approx(rs.corr_at(2, -1, PSI, 2.0))
    assert abs(rs.corr_at(-9, 9, PSI, 0.01)) <= 1


def test_variance_function_is_what_simulation_gives():
    random = np.random.default_rng(4)
    zeta = random.multivariate_normal([0, 0], PSI, 200_000)
    y = zeta[:, 0] + 1.5 * zeta[:, 1] + random.normal(0, 2, 200_000)
    assert y.var() == pytest.approx(rs.total_var(1.5, PSI, 4.0), rel=0.02)


def test_mixture_lies_between_the_two_tails():
    for stat in (0.5, 3.0, 20.0):
        got = rs.lrt_slope(0.0, stat / 2)[1]
        assert vc.lrt_psi(0.0, stat / 2)[1] < got
    assert rs.lrt_slope(-10.0, -10.0) == (0.0, 1.0)
    assert rs.lrt_slope(-10.0, -10.1)[1] == 1.0


def test_share_of_negative_slopes():
    assert rs.p_negative(0.0, 2.0) == 0.5
    assert rs.p_negative(1.0, 0.0) == 0.0
    assert rs.p_negative(-1.0, 0.0) == 1.0
    low, _ = rs.slope_range(1.0, 4.0, level=0.9)
    assert rs.p_negative(1.0 - low, 4.0) == pytest.approx(0.05)


# ------------------------------------------------------------------------------------- edges


def test_lists_and_labels_of_any_kind():
    y, text = [5.0, 1.0, 4.0, 3.0], ["b", "a", "b", "a"]
    X = [[1, 0], [1, 1], [1, 2], [1, 3]]
    for g in (text, np.array(text), pd.Series(text, index=list("wxyz")), pd.Categorical(text)):
        stats = rs.cross_products(y, X, X, g)
        assert list(stats.clusters) == ["a", "b"]
        assert stats.Zy.tolist() == [[4, 10], [9, 8]]
    assert (stats.nobs, stats.n_groups) == (4, 2)
    assert list(rs.cross_products(y, X, X, [10, 9, 10, 9]).clusters) == [9, 10]


ONES = [[1.0], [1.0], [1.0]]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (([1.0, np.nan, 2.0], ONES, ONES, list("aab")), "1 missing"),
        (([1.0, 3.0, 2.0], [[1.0], [np.inf], [1.0]], ONES, list("aab")), "1 missing"),
        (([1.0, 3.0, 2.0], ONES, ONES, ["a", None, "b"]), "1 missing"),
        (([1.0, 3.0], ONES, ONES, list("aab")), "same number of rows"),
        (([1.0, 3.0, 2.0], [1.0, 1.0, 1.0], ONES, list("aab")), "same number of rows"),
        (([], np.empty((0, 1)), np.empty((0, 1)), []), "at least one"),
    ],
)
def test_unusable_rows_are_refused_with_a_reason(arguments, word):
    for function in (rs.cross_products, rs.fit_lmm):
        with pytest.raises(ValueError, match=word):
            function(*arguments)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rs.relative_factor([1.0, 2.0], 2),
        lambda: rs.relative_factor([1.0, np.nan, 1.0], 2),
        lambda: rs.lmm_deviance([1.0], fitted("exam_rs_ml").stats),
        lambda: rs.fit_lmm([1.0, 2.0, 4.0], ONES, ONES, list("aaa")),
        lambda: rs.fit_lmm([1.0, 2.0, 4.0], [[1.0, 2.0]] * 3, ONES, list("aab")),
        lambda: rs.total_var(1.0, [[1.0, 2.0], [2.0, 1.0]], 1.0),
        lambda: rs.total_var(1.0, [[1.0, 0.2], [0.3, 1.0]], 1.0),
        lambda: rs.total_var(1.0, [[1.0]], 1.0),
        lambda: rs.total_var(1.0, PSI, -1.0),
        lambda: rs.icc_at(1.0, -PSI, 1.0),
        lambda: rs.corr_at(1.0, 2.0, PSI, float("nan")),
        lambda: rs.recenter([[1.0]], 2.0),
        lambda: rs.recenter(PSI, float("inf")),
        lambda: rs.lrt_slope(float("nan"), -1.0),
        lambda: rs.lrt_slope(-1.0, float("inf")),
        lambda: rs.slope_range(0.0, -1.0),
        lambda: rs.slope_range(0.0, 1.0, level=95),
        lambda: rs.p_negative(0.0, -1.0),
        lambda: random_slopes([[1, 2], [2, 1]], 1.0, [3, 3]),
        lambda: random_slopes(PSI, 1.0, []),
    ],
)
def test_impossible_numbers_are_refused(call):
    with pytest.raises(ValueError, match="give"):
        call()


def test_results_are_plain_numbers_and_arrays():
    fit = fitted("exam_rs_ml")
    assert type(fit.sigma2) is float
    assert type(fit.deviance) is float
    assert type(rs.total_var(np.float64(1), PSI, 1.0)) is float
    assert type(rs.icc_at(1, PSI, 1.0)) is float
    assert isinstance(rs.icc_at([1.0], PSI, 1.0), np.ndarray)
    assert all(type(each) is float for each in rs.lrt_slope(-2.0, -1.0))
    assert all(type(each) is float for each in rs.slope_range(1.0, 2.0))
    assert type(rs.p_negative(1.0, 2.0)) is float


def test_simulated_lines_have_the_moments_that_were_asked_for():
    data = random_slopes(PSI, 1e-12, [2] * 4000, beta=(5, 2), seed=0)
    wide = data.sort_values("g")
    x, y = (wide[name].to_numpy().reshape(-1, 2) for name in ("x", "y"))
    slope = (y[:, 1] - y[:, 0]) / (x[:, 1] - x[:, 0])
    intercept = y[:, 0] - slope * x[:, 0]
    keep = np.abs(x[:, 1] - x[:, 0]) > 0.05
    lines = np.array([intercept[keep], slope[keep]])
    assert lines.mean(axis=1) == pytest.approx([5, 2], abs=0.1)
    assert np.cov(lines) == pytest.approx(PSI, abs=0.25)


def test_docstring_examples_run():
    result = doctest.testmod(rs)
    assert result.attempted >= 20
    assert result.failed == 0
