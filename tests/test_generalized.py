"""glmer: against lme4, and properties that need no reference."""

from __future__ import annotations

import doctest
import warnings

import engine_fits
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm

from hlmtools import generalized, glmer, load_dataset
from hlmtools.formula import build
from hlmtools.generalized import (
    GeneralizedModel,
    Laplace,
    Quadrature,
    QuadratureWarning,
    marginal_probability,
    median_odds_ratio,
)
from hlmtools.linear import jacobian

# glmer's own search stops short here: our log-likelihood is higher by 3e-5, and so the estimates
# are held to the reference only loosely. The test fails where that is no longer so.
OURS_IS_BETTER = {"ohio_1"}


@pytest.mark.parametrize("key", engine_fits.GENERALIZED)
def test_agrees_with_lme4(key):
    fit, wanted = engine_fits.fitted(key), engine_fits.FITS[key]
    assert fit.converged
    assert fit.singular == wanted["singular"]
    higher = fit.llf - wanted["numbers"]["llf"]
    assert higher > -1e-5
    assert (higher > 1e-5) == (key in OURS_IS_BETTER), higher
    assert engine_fits.misfits(key, fit, widen=100.0 if key in OURS_IS_BETTER else 1.0) == {}


# ---------------------------------------------------------------- properties


def simulated(seed: int = 8, J: int = 40, family: str = "binomial") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(J), rng.integers(2, 12, J))
    x = rng.standard_normal(len(g))
    zeta = rng.multivariate_normal([0, 0], [[0.8, 0.2], [0.2, 0.4]], J)
    eta = -0.3 + 0.6 * x + zeta[g, 0] + zeta[g, 1] * x
    y = rng.binomial(1, expit(eta)) if family == "binomial" else rng.poisson(np.exp(eta))
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": rng.integers(0, 6, len(g))})


def model_of(formula: str, k: int = 1, family: str = "binomial") -> GeneralizedModel:
    data = simulated(family=family)
    design = build(formula, data)
    return GeneralizedModel.of(design, family, np.ones(len(data)), np.zeros(len(data)), k)


def parameters(model: GeneralizedModel) -> np.ndarray:
    rng = np.random.default_rng(0)
    beta = rng.normal(0, 0.3, model.X.shape[1])
    return np.concatenate([rng.uniform(0.3, 0.8, model.n_theta), beta])


@pytest.mark.parametrize("family", ["binomial", "poisson"])
@pytest.mark.parametrize(
    ("formula", "k"),
    [
        ("y ~ x + (1 | g)", 1),
        ("y ~ x + (1 | g)", 2),
        ("y ~ x + (1 | g)", 9),
        ("y ~ x + (x | g)", 1),
        ("y ~ x + (x | g)", 4),
        ("y ~ x + (1 | g) + (1 | h)", 1),
        ("y ~ x + (x | g) + (1 | h) + (1 | h:g)", 1),
    ],
)
def test_gradient_is_the_derivative(formula, k, family):
    model = model_of(formula, k, family)
    function, x = model.likelihood(k), parameters(model)
    numeric = jacobian(lambda t: np.array([function(t)[0]]), x, 1e-4)[0]
    assert function(x)[1] == pytest.approx(numeric, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("formula", ["y ~ x + (1 | g)", "y ~ x + (x | g)"])
def test_two_routes_to_laplace(formula):
    model = model_of(formula)
    x = parameters(model)
    one, two = Quadrature(model, 1)(x), Laplace(model)(x)
    assert one[0] == pytest.approx(two[0], rel=1e-10)
    assert one[1] == pytest.approx(two[1], rel=1e-6, abs=1e-6)


def test_quadrature_is_the_integral():
    """The trapezoidal rule on a fine grid is exact here: the integrand vanishes at both ends."""
    model = model_of("y ~ x + (1 | g)", 30)
    x = parameters(model)
    u = np.linspace(-9.0, 9.0, 2001)
    p = expit((model.X @ x[1:])[:, None] + x[0] * u)
    likelihood = np.where(model.design.y[:, None] == 1, p, 1 - p)
    codes = model.blocks[0].codes
    each = [np.trapezoid(np.prod(likelihood[codes == j], axis=0) * norm.pdf(u), u)
            for j in range(40)]  # fmt: skip
    exact = -2.0 * np.log(each).sum()
    assert Quadrature(model, 30)(x)[0] == pytest.approx(exact, abs=1e-6)


def test_product_rule_settles_as_nodes_are_added():
    model = model_of("y ~ x + (x | g)", 1)
    x = parameters(model)
    d = [Quadrature(model, k)(x)[0] for k in (1, 5, 9, 15)]
    assert abs(d[3] - d[2]) < 1e-4 < abs(d[1] - d[0])


def test_shift_scale_order_and_labels():
    data = simulated()
    a = glmer("y ~ x + (x | g)", data)
    changed = data.assign(x=100 + 1e4 * data["x"], g="s" + (7 * data["g"] % 41).astype(str))
    b = glmer("y ~ x + (x | g)", changed.sample(frac=1.0, random_state=2))
    assert b.llf == pytest.approx(a.llf, abs=1e-6)
    assert b.params["x"] * 1e4 == pytest.approx(a.params["x"], rel=1e-4)
    assert b.bse["x"] * 1e4 == pytest.approx(a.bse["x"], rel=1e-4)


def test_counts_equal_their_single_trials():
    cells = engine_fits.contraception_cells()
    rows = load_dataset("contraception")
    a = engine_fits.fitted("cells_binomial")
    b = glmer("use ~ urban + livch + (1 | district)", rows)
    c = glmer(
        "share ~ urban + livch + (1 | district)",
        cells.assign(share=cells["users"] / cells["women"]),
        weights="women",
    )
    assert a.params.to_numpy() == pytest.approx(b.params.to_numpy(), abs=1e-6)
    assert a.llf == pytest.approx(c.llf, abs=1e-7)


def test_text_responses_count_their_second_category():
    data = simulated()
    text = data.assign(y=np.where(data["y"] == 1, "yes", "no"))
    assert glmer("y ~ x + (1 | g)", text).llf == glmer("y ~ x + (1 | g)", data).llf


def test_standard_errors_are_of_the_observed_information():
    fit = engine_fits.fitted("contraception_25")
    function, x = fit.model.likelihood(25), fit.optimum.theta
    information = jacobian(lambda t: function(t)[1], x, 1e-3) / 2
    joint = np.linalg.inv(information)[1:, 1:]
    R = np.linalg.inv(fit.model.R)
    assert fit.bse.to_numpy() == pytest.approx(np.sqrt(np.diag(R @ joint @ R.T)), rel=2e-5)


def test_all_equal_clusters_have_finite_modes():
    data = load_dataset("contraception")
    fit = engine_fits.fitted("contraception_25")
    equal = data.groupby("district")["use"].nunique().loc[lambda n: n == 1].index
    assert len(equal) == 3
    assert fit.random_effects["district"].loc[equal].abs().to_numpy().max() < 1.5
    assert "all equal: 3 of 60 in district" in fit.summary()


def test_means_and_modes_of_a_cluster():
    fit = engine_fits.fitted("contraception_25")
    mean = fit.posterior_means["district"].loc["10", "Intercept"]
    mode = fit.random_effects["district"].loc["10", "Intercept"]
    assert mode == pytest.approx(
        engine_fits.FITS["contraception_25"]["numbers"]["mode_district_10_1"], abs=1e-5
    )
    rows = (fit.model.blocks[0].levels[fit.model.blocks[0].codes] == "10").nonzero()[0]
    eta = (fit.model.design.X @ fit.params.to_numpy())[rows]
    y, psi = fit.model.design.y[rows], fit.cov_re["district"].iloc[0, 0]
    zeta = np.linspace(-4, 4, 4001)
    p = expit(eta[:, None] + zeta)
    posterior = np.prod(np.where(y[:, None] == 1, p, 1 - p), axis=0)
    posterior *= norm.pdf(zeta, scale=np.sqrt(psi))
    assert mean == pytest.approx(posterior @ zeta / posterior.sum(), abs=1e-5)


def test_published_marginal_probabilities():
    """Homework 4's reference numbers: 0.365155 and 0.535988; odds ratio 2.008240."""
    fit = engine_fits.fitted("contraception_25")
    rows = pd.DataFrame({"urban": [0, 1], "age": 0.0, "livch": "1"})
    p = fit.predict(rows, kind="marginal")
    assert p.to_numpy() == pytest.approx([0.365155, 0.535988], abs=2e-6)
    ratio = fit.marginal_odds_ratio(rows.iloc[[0]], rows.iloc[[1]])
    assert ratio == pytest.approx(2.008240, abs=2e-5)
    assert np.exp(fit.params["urban"]) == pytest.approx(2.080094, abs=2e-5)
    assert fit.icc_latent() == pytest.approx(0.061476, abs=1e-6)
    assert fit.mor() == pytest.approx(1.557067, abs=2e-6)


def test_marginal_probability_at_its_edges():
    assert marginal_probability(0.7, 0.0) == pytest.approx(expit(0.7))
    assert marginal_probability([0.0], 25.0) == pytest.approx([0.5])
    assert median_odds_ratio(0.0) == 1.0


# ---------------------------------------------------------------- warnings and refusals


def test_too_few_nodes_are_said():
    ohio = load_dataset("ohio")
    with pytest.warns(QuadratureWarning, match="raise n_agq"):
        glmer("resp ~ age*smoke + (1 | id)", ohio, n_agq=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        glmer("resp ~ age*smoke + (1 | id)", ohio, n_agq=61)


@pytest.mark.parametrize(
    ("formula", "options", "words"),
    [
        ("y ~ x + (1 | g)", {"n_agq": 0}, "n_agq is 0"),
        ("y ~ x + (1 | g)", {"n_agq": 2.5}, "n_agq is 2.5"),
        ("y ~ x + (1 | g) + (1 | h)", {"n_agq": 5}, "use n_agq=1"),
        ("y ~ x + (x + I(x^2) | g)", {"n_agq": 5}, "one or two random"),
        ("y ~ x + (1 | g)", {"family": "gamma"}, "'gamma' must be one of"),
        ("x ~ y + (1 | g)", {}, "'x' is not binary"),
        ("three ~ x + (1 | g)", {}, "'three' is not binary"),
        ("same ~ x + (1 | g)", {}, "'same' is the same in every row"),
        ("x ~ y + (1 | g)", {"family": "poisson"}, "'x' must hold counts"),
        ("two / y ~ x + (1 | g)", {}, "successes and trials"),
        ("y ~ x + (1 | g)", {"weights": "w"}, "'w' is not in the data"),
        ("y ~ x + (1 | g)", {"offset": [1.0]}, "offset must be"),
        ("y ~ perfect + (1 | g)", {}, "'perfect' separates"),
        ("y ~ x + rare + (1 | g)", {}, "'rare' separates"),
        ("fixed ~ x + (1 | g)", {}, "every cluster of 'g' all responses are equal"),
    ],
)
def test_refusals(formula, options, words):
    data = simulated()
    ones = np.flatnonzero(data["y"])[:4]
    data = data.assign(
        three=np.resize(["a", "b", "c"], len(data)),
        same=1,
        two=2,
        fixed=data["g"] % 2,
        perfect=data["y"] * 2.0 + data["x"].abs() / 100,
        rare=np.isin(np.arange(len(data)), ones).astype(float),
    )
    with pytest.raises(ValueError, match=words):
        glmer(formula, data, **options)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_estimates_recover_the_truth():
    """100 data sets: mean estimates within 4 standard errors of the truth, coverage near 95 %."""
    found, covered = [], []
    for seed in range(100):
        fit = glmer("y ~ x + (x | g)", simulated(seed, J=80), n_agq=7)
        found.append([*fit.params, fit.cov_re["g"].iloc[0, 0], fit.cov_re["g"].iloc[1, 1]])
        low, high = fit.conf_int().loc["x"]
        covered.append(low < 0.6 < high)
    error = np.std(found, axis=0) / 10
    assert np.mean(found, axis=0) == pytest.approx([-0.3, 0.6, 0.8, 0.4], abs=4 * error.max())
    assert np.mean(covered) > 0.88


def test_examples_in_docstrings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert doctest.testmod(generalized).failed == 0
