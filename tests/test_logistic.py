"""Homework 4: the solved module against references, against itself, and at its edges."""

from __future__ import annotations

import doctest
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from autograder import build, references
from hlmtools import load_dataset, numerical
from hlmtools.numerical import derivatives
from hlmtools.records import LogitResult
from hlmtools.simulate import two_level_logit

build.use_solved()

from hlmtools import logistic as lo  # noqa: E402

TRY = (np.array([-1.7, 0.7, -0.03, 1.1, 1.4, 1.35]), 0.5)
OHIO_TRY = (np.array([-3.1, -0.2, 0.45, 0.1]), 2.2)


def numbers(fit: str) -> dict[str, float]:
    return references.load("hw4")["fits"][fit]["numbers"]


@cache
def contraception() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    data = load_dataset("contraception")
    X = pd.DataFrame({"const": 1.0, "urban": data["urban"], "age": data["age"]})
    for name, level in (("livch1", "1"), ("livch2", "2"), ("livch3", "3+")):
        X[name] = 1.0 * (data["livch"] == level)
    return X, data["use"], data["district"]


@cache
def ohio() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    data = load_dataset("ohio")
    X = pd.DataFrame({"const": 1.0, "age": data["age"], "smoke": data["smoke"]})
    X["age_smoke"] = data["age"] * data["smoke"]
    return X, data["resp"], data["id"]


@cache
def simulated() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    data = two_level_logit(psi=2.0, sizes=[7, 1, 12, 4, 9] * 4, beta=(-0.4, 0.9), seed=4)
    return pd.DataFrame({"const": 1.0, "x": data["x"]}), data["y"], data["g"]


@cache
def fitted(name: str, k: int) -> LogitResult:
    X, y, g = {"contraception": contraception, "ohio": ohio, "simulated": simulated}[name]()
    return lo.fit_logit_ri(y, X, g, k)


# -------------------------------------------------------------------------------- references


@pytest.mark.parametrize("k", [1, 3, 7, 25])
def test_log_likelihood_of_contraception_agrees_with_lme4(k):
    value = lo.agq_loglik(*TRY, *contraception(), k)
    assert value == pytest.approx(numbers("contraception_try")[f"llf_{k}"], abs=1e-5)


@pytest.mark.parametrize("k", [1, 5, 25])
def test_log_likelihood_of_ohio_agrees_with_lme4(k):
    value = lo.agq_loglik(*OHIO_TRY, *ohio(), k)
    assert value == pytest.approx(numbers("ohio_try")[f"llf_{k}"], abs=1e-5)


def test_many_nodes_reach_the_integral():
    exact = numbers("ohio_try")["llf_exact"]
    assert lo.agq_loglik(*OHIO_TRY, *ohio(), 61) == pytest.approx(exact, abs=1e-6)
    assert abs(lo.agq_loglik(*OHIO_TRY, *ohio(), 7) - exact) > 0.1


def test_fit_of_contraception_agrees_with_glmer():
    fit, want = fitted("contraception", 15), numbers("contraception_agq25")
    assert fit.psi == pytest.approx(want["psi"], rel=1e-5)
    assert fit.llf == pytest.approx(want["llf"], abs=1e-6)
    assert fit.params["urban"] == pytest.approx(want["urban"], rel=1e-5)
    assert fit.bse["urban"] == pytest.approx(want["se_urban"], rel=1e-4)
    assert lo.lrt_psi(fit)[0] == pytest.approx(want["lrt"], abs=1e-5)
    assert lo.icc_latent(fit.psi) == pytest.approx(want["icc"], rel=1e-5)
    assert lo.mor(fit.psi) == pytest.approx(want["mor"], rel=1e-5)


@pytest.mark.parametrize(("k", "name"), [(1, "ohio_laplace"), (25, "ohio_agq25")])
def test_fit_of_ohio_agrees_with_glmer(k, name):
    fit, want = fitted("ohio", k), numbers(name)
    assert fit.psi == pytest.approx(want["psi"], rel=1e-4)
    assert fit.llf == pytest.approx(want["llf"], abs=1e-4)
    assert fit.params["smoke"] == pytest.approx(want["smoke"], rel=1e-4)
    assert fit.bse["smoke"] == pytest.approx(want["se_smoke"], rel=1e-3)


def test_predictions_agree_with_numerical_integration():
    table, want = lo.eb_mean_mode(fitted("contraception", 15)), numbers("contraception_agq25")
    for label in ("10", "11", "14"):
        for column in ("mode", "mean", "sd"):
            got, expected = table.loc[label, column], want[f"eb_{column}_{label}"]
            assert got == pytest.approx(expected, rel=2e-5), (label, column)


# -------------------------------------------------------------------------------- properties


@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.3, 5.0, 30.0, -2.0])
def test_derivative_is_zero_at_every_mode(sigma):
    X, y, g = simulated()
    eta = (X @ [0.2, -0.8]).to_numpy()
    mode = lo.cluster_mode(eta, y, g, sigma)["mode"]
    u = mode.loc[g].to_numpy()
    residual = pd.Series(y.to_numpy() - expit(eta + sigma * u)).groupby(g.to_numpy()).sum()
    assert (sigma * residual - mode).abs().max() < 1e-9


def test_modes_agree_where_unguarded_steps_cycle():
    # with four times yes at this sigma, Newton's method alone jumps back and forth
    table = lo.cluster_mode([-3.4] * 4, [1] * 4, ["a"] * 4, 2.33)
    u = table.loc["a", "mode"]
    assert 2.33 * 4 * (1 - expit(-3.4 + 2.33 * u)) == pytest.approx(u, rel=1e-9)


def test_curvature_is_that_of_the_joint_density():
    X, y, g = simulated()
    eta = X @ [0.2, -0.8]
    table = lo.cluster_mode(eta, y, g, 1.7)
    h = 1e-4
    three = table["mode"].to_numpy()[:, None] + [-h, 0, h]
    low, middle, high = lo.log_joint(three, eta, y, g, 1.7).T
    assert table["sd"].to_numpy() == pytest.approx(
        1 / np.sqrt((2 * middle - low - high) / h**2), rel=1e-5
    )
    assert (middle >= low).all()
    assert (middle >= high).all()


def test_quadrature_agrees_with_integration_of_one_cluster():
    y, eta = np.array([1, 1, 0, 1]), np.array([-1.0, 0.3, 0.8, -2.0])
    signs = 2 * y - 1

    def joint(u):
        return np.prod(expit(signs * (eta + 1.8 * u))) * norm.pdf(u)

    value = lo.agq_loglik([1.0], 1.8, eta[:, None], y, list("aaaa"), 40)
    assert value == pytest.approx(np.log(quad(joint, -12, 12)[0]), abs=1e-8)


def test_likelihood_does_not_see_labels_order_or_sign():
    X, y, g = simulated()
    value = lo.agq_loglik([0.3, 0.5], 1.4, X, y, g, 5)
    order = np.random.default_rng(1).permutation(len(y))
    renamed = g.map(lambda label: f"x{hash(label) % 9973}-{label}")
    shuffled = (X.iloc[order], y.iloc[order], renamed.iloc[order])
    assert lo.agq_loglik([0.3, 0.5], 1.4, *shuffled, 5) == pytest.approx(value, rel=1e-12)
    assert lo.agq_loglik([0.3, 0.5], -1.4, X, y, g, 5) == pytest.approx(value, rel=1e-12)
    turned = lo.agq_loglik([-0.3, -0.5], 1.4, X, 1 - y, g, 5)
    assert turned == pytest.approx(value, rel=1e-12)


def test_without_spread_it_is_logistic_regression():
    X, y, g = simulated()
    plain = sm.Logit(y, X).fit(disp=0)
    for k in (1, 6):
        assert lo.agq_loglik(plain.params, 0.0, X, y, g, k) == pytest.approx(plain.llf, abs=1e-9)


def test_fit_is_a_maximum():
    fit = fitted("simulated", 9)
    at = np.append(fit.params, np.sqrt(fit.psi))

    def llf(theta):
        return lo.agq_loglik(theta[:-1], theta[-1], *simulated(), 9)

    gradient, hessian = derivatives(llf, at, [1e-3] * 3)
    assert np.abs(gradient).max() < 1e-3
    assert (np.linalg.eigvalsh(hessian) < 0).all()
    assert fit.bse.to_numpy() == pytest.approx(
        np.sqrt(np.diag(np.linalg.inv(-hessian)))[:2], rel=1e-4
    )


def test_fit_does_not_see_shifts_and_scales():
    X, y, g = simulated()
    fit = fitted("simulated", 9)
    other = lo.fit_logit_ri(y, X.assign(x=10 * X["x"] + 3), g, 9)
    assert other.llf == pytest.approx(fit.llf, abs=1e-6)
    assert other.psi == pytest.approx(fit.psi, rel=1e-4)
    assert other.params["x"] == pytest.approx(fit.params["x"] / 10, rel=1e-4)


def test_truth_is_found_in_many_clusters():
    data = two_level_logit(psi=1.5, sizes=[12] * 400, beta=(-0.5, 0.8), seed=8)
    fit = lo.fit_logit_ri(data["y"], pd.DataFrame({"const": 1.0, "x": data["x"]}), data["g"], 5)
    assert np.abs((fit.params.to_numpy() - [-0.5, 0.8]) / fit.bse.to_numpy()).max() < 3
    assert fit.psi == pytest.approx(1.5, rel=0.25)


def test_average_lies_between_the_plug_in_and_one_half():
    xb = np.linspace(-5, 5, 21)
    average = lo.marginal_prob(xb, 2.0)
    assert (np.abs(average - 0.5) <= np.abs(expit(xb) - 0.5) + 1e-12).all()
    assert average == pytest.approx(1 - average[::-1], rel=1e-10)
    direct = quad(lambda z: expit(1.2 + np.sqrt(2.0) * z) * norm.pdf(z), -12, 12)[0]
    assert lo.marginal_prob(1.2, 2.0) == pytest.approx(direct, rel=1e-6)


def test_attenuation_approximates_the_marginal_odds_ratio():
    for psi in (0.2, 1.0, 4.0):
        exact = np.log(lo.marginal_or(-0.4, 0.8, psi))
        assert lo.attenuate(0.8, psi) == pytest.approx(exact, rel=0.08)
        assert 0 < exact < 0.8


def test_median_odds_ratio_is_a_median():
    effects = np.random.default_rng(3).normal(0, np.sqrt(0.7), size=(400_000, 2))
    ratio = np.exp(np.abs(effects[:, 0] - effects[:, 1]))
    assert lo.mor(0.7) == pytest.approx(np.median(ratio), rel=0.01)


# ------------------------------------------------------------------------------------- edges


def test_identical_clusters_are_a_singular_fit():
    X = pd.DataFrame({"const": np.ones(8)})
    fit = lo.fit_logit_ri([0, 1] * 4, X, list("aabbccdd"), 5)
    assert fit.psi == 0.0
    assert fit.singular
    assert lo.lrt_psi(fit) == (0.0, 1.0)
    assert (lo.eb_mean_mode(fit).abs() < 1e-12).all(axis=None)


def test_results_are_plain():
    fit = fitted("simulated", 9)
    assert type(fit.psi) is float
    assert type(fit.llf) is float
    assert not fit.singular
    assert list(fit.params.index) == ["const", "x"]
    assert all(type(each) is float for each in lo.lrt_psi(fit))
    assert type(lo.marginal_prob(0.3, 1.0)) is float
    assert type(lo.attenuate(0.3, 1.0)) is float
    assert type(lo.marginal_or(0.1, 0.3, 1.0)) is float
    assert (fit.nobs, fit.n_groups) == (len(fit.y), 20)
    assert fit.deviance == -2 * fit.llf


@pytest.mark.parametrize(
    "call",
    [
        lambda: lo.log_joint([0.0], [0.0, 0.0], [0, 2], ["a", "a"], 1.0),
        lambda: lo.log_joint([0.0], [0.0], [0, 1], ["a", "a"], 1.0),
        lambda: lo.cluster_mode([0.0, 0.0], [0, 0.5], ["a", "a"], 1.0),
        lambda: lo.agq_loglik([0.0], 1.0, [[1.0], [1.0]], [0, 1], ["a", "b"], 0),
        lambda: lo.icc_latent(-0.1),
        lambda: lo.mor(float("nan")),
        lambda: lo.marginal_prob(0.0, -1.0),
        lambda: lo.marginal_or(0.0, 1.0, -1.0),
        lambda: lo.attenuate(1.0, -1.0),
    ],
)
def test_impossible_input_is_refused(call):
    with pytest.raises(ValueError, match="give"):
        call()


@pytest.mark.parametrize(
    ("y", "g", "word"),
    [
        ([0, 1, 1, 0], ["a"] * 4, "1 clusters"),
        ([1, 1, 1, 1], list("aabb"), "has the values"),
        ([0, 1, np.nan, 0], list("aabb"), "missing"),
        ([0, 1, 1, 0], ["a", "a", None, "b"], "missing"),
        ([0, 1, 2, 0], list("aabb"), "0 and 1"),
    ],
)
def test_data_without_a_fit_are_refused(y, g, word):
    with pytest.raises(ValueError, match=word):
        lo.fit_logit_ri(y, pd.DataFrame({"const": np.ones(4)}), g)


def test_missing_covariate_is_refused():
    X = pd.DataFrame({"const": [1.0, 1.0, 1.0, np.nan]})
    with pytest.raises(ValueError, match="missing"):
        lo.fit_logit_ri([0, 1, 1, 0], X, list("aabb"))


def test_simulated_data_have_their_truth():
    data = two_level_logit(psi=0.0, sizes=[20000], beta=(0.5, 0.0), seed=2)
    assert data["y"].mean() == pytest.approx(expit(0.5), abs=0.01)
    assert set(data["g"]) == {"c01"}
    with pytest.raises(ValueError, match="give"):
        two_level_logit(psi=-1.0, sizes=[3])


def test_docstring_examples_run():
    result = doctest.testmod(lo)
    assert result.attempted >= 15
    assert result.failed == 0
    assert doctest.testmod(numerical).failed == 0
