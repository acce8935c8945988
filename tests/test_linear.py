"""lmer: against lme4, and properties that need no reference."""

from __future__ import annotations

import doctest
import pickle
import warnings
from dataclasses import replace

import engine_fits
import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from hlmtools import linear, lmer, load_dataset, results
from hlmtools.formula import build
from hlmtools.linear import LinearModel, eliminate, jacobian, minimise
from hlmtools.results import ConvergenceWarning, SingularWarning
from hlmtools.simulate import two_level

# Here lme4's optimiser stops short: our deviance is lower by more than 1e-6, so the components are
# held to the reference only loosely. The test fails where that is no longer so.
OURS_IS_BETTER: set[str] = set()


@pytest.mark.parametrize("key", engine_fits.LINEAR)
def test_agrees_with_lme4(key):
    fit, wanted = engine_fits.fitted(key), engine_fits.FITS[key]
    criterion = wanted["numbers"]["criterion"]
    assert fit.deviance <= criterion + 1e-6 * abs(criterion)
    assert fit.converged
    assert fit.singular == wanted["singular"]
    better = fit.deviance < criterion - 1e-6
    assert better == (key in OURS_IS_BETTER), (fit.deviance, criterion)
    assert engine_fits.misfits(key, fit, widen=30.0 if better else 1.0) == {}


def test_high_school_and_beyond_where_statsmodels_fails():
    fit = engine_fits.fitted("hsb_slope_reml")
    assert fit.deviance == pytest.approx(46714.234050, abs=1e-5)
    assert fit.deviance < 46718.81  # what MixedLM calls converged


# ---------------------------------------------------------------- properties


def simulated(seed: int = 5, J: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(J), rng.integers(1, 12, J))
    x = rng.normal(2.0, 1.0, len(g))
    zeta = rng.multivariate_normal([0, 0], [[1.0, 0.3], [0.3, 0.5]], J)
    y = 1.0 + 0.5 * x + zeta[g, 0] + zeta[g, 1] * x + rng.standard_normal(len(g))
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": rng.integers(0, 7, len(g))})


def dense_deviance(fit, psi_by_term, sigma2):
    """-2 log-likelihood or REML criterion from the whole (n, n) covariance matrix."""
    design = fit.model.design
    X, y = design.X, design.y
    V = sigma2 * np.eye(len(y))
    for term, psi in zip(design.terms, psi_by_term, strict=True):
        V += (term.Z @ psi @ term.Z.T) * (term.codes[:, None] == term.codes)
    Vi = np.linalg.inv(V)
    M = X.T @ Vi @ X
    e = y - X @ np.linalg.solve(M, X.T @ Vi @ y)
    size = len(y) - (X.shape[1] if fit.reml else 0)
    d = np.linalg.slogdet(V)[1] + e @ Vi @ e + size * np.log(2 * np.pi)
    return d + np.linalg.slogdet(M)[1] if fit.reml else d


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (x | g)",
        "y ~ x + (x || g)",
        "y ~ x + (x | g) + (1 | h)",
        "y ~ x + (1 | g) + (x | h)",
        "y ~ x + (1 | g) + (0 + x | h) + (1 | h:g)",
    ],
)
def test_two_routes_to_the_same_deviance(formula, reml):
    data = pd.concat([simulated(), simulated(6)])
    fit = lmer(formula, data, reml=reml)
    psis = [psi.to_numpy() for psi in fit.cov_re.values()]
    assert fit.deviance == pytest.approx(dense_deviance(fit, psis, fit.scale), rel=1e-10)
    higher = dense_deviance(fit, [1.1 * psi for psi in psis], fit.scale)
    assert higher > fit.deviance


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(
    "formula",
    ["y ~ x + (x | g)", "y ~ x + (x || g)", "y ~ (x | g) + (x | h)", "y ~ (1 | g) + (1 | h)"],
)
def test_gradient_is_the_derivative(formula, reml):
    model = LinearModel.of(build(formula, simulated()), reml)
    theta = model.start() + np.random.default_rng(1).normal(0, 0.1, len(model.start()))
    numeric = jacobian(lambda t: np.array([model.deviance(t)[0]]), theta, 1e-5)[0]
    assert model.deviance(theta)[1] == pytest.approx(numeric, rel=1e-6, abs=1e-6)


def test_modes_and_their_covariances_are_conditional_moments():
    fit = lmer("y ~ x + (x | g)", simulated())
    design, psi = fit.model.design, fit.cov_re["g"].to_numpy()
    label = design.terms[0].levels[3]
    rows = design.terms[0].codes == 3
    Z, e = design.X[rows], (design.y - design.X @ fit.params.to_numpy())[rows]
    V = Z @ psi @ Z.T + fit.scale * np.eye(rows.sum())
    gain = psi @ Z.T @ np.linalg.inv(V)
    assert fit.random_effects["g"].loc[label].to_numpy() == pytest.approx(gain @ e, rel=1e-8)
    covariance = fit.random_effects_cov["g"].loc[label].to_numpy()
    assert covariance == pytest.approx(psi - gain @ Z @ psi, rel=1e-7)


def test_shift_and_scale_of_a_predictor():
    data = simulated()
    a = lmer("y ~ x + (x | g)", data)
    b = lmer("y ~ x + (x | g)", data.assign(x=1990.0 + 1e6 * data["x"]))
    shift = 2 * np.log(1e6)  # log|X'V^-1X| counts the units of X under REML
    assert b.deviance == pytest.approx(a.deviance + shift, abs=1e-6)
    assert b.cov_re["g"].loc["x", "x"] == pytest.approx(a.cov_re["g"].loc["x", "x"] / 1e12)
    assert b.bse["x"] == pytest.approx(a.bse["x"] / 1e6, rel=1e-6)
    assert b.fittedvalues.to_numpy() == pytest.approx(a.fittedvalues.to_numpy(), abs=1e-6)


def test_shift_and_scale_of_the_response():
    data = simulated()
    a = lmer("y ~ x + (x | g)", data)
    b = lmer("y ~ x + (x | g)", data.assign(y=1e5 + 1e-3 * data["y"]))
    assert b.cov_re["g"].to_numpy() * 1e6 == pytest.approx(a.cov_re["g"].to_numpy(), rel=1e-5)
    assert b.bse.to_numpy() * 1e3 == pytest.approx(a.bse.to_numpy(), rel=1e-6)


def test_labels_and_order_of_rows_do_not_count():
    data = simulated()
    a = lmer("y ~ x + (x | g) + (1 | h)", data)
    renamed = data.assign(g="s" + (97 * data["g"] % 61).astype(str)).sample(
        frac=1.0, random_state=1
    )
    b = lmer("y ~ x + (x | g) + (1 | h)", renamed)
    assert b.deviance == pytest.approx(a.deviance, abs=1e-7)
    assert b.params.to_numpy() == pytest.approx(a.params.to_numpy(), abs=1e-6)
    assert b.fittedvalues.sort_index().to_numpy() == pytest.approx(
        a.fittedvalues.to_numpy(), abs=1e-5
    )


def test_balanced_anova_estimates():
    data = two_level(psi=4, sigma2=9, sizes=[6] * 12, seed=4)
    fit = lmer("y ~ 1 + (1 | g)", data)
    means = data.groupby("g")["y"].mean()
    msw = float(((data["y"] - data["g"].map(means)) ** 2).sum() / 60)
    assert fit.scale == pytest.approx(msw, rel=1e-7)
    assert fit.cov_re["g"].iloc[0, 0] == pytest.approx(means.var() - msw / 6, rel=1e-6)


def test_clusters_smaller_than_their_random_effects():
    data = simulated().groupby("g").head(2)
    fit = lmer("y ~ x + (x | g)", pd.concat([data, simulated().query("g < 5")]))
    assert np.isfinite(fit.random_effects["g"].to_numpy()).all()


# ---------------------------------------------------------------- boundary and convergence


def test_boundary_is_exact_marked_and_warned_of_once():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = lmer("Yield ~ 1 + (1 | Batch)", load_dataset("dyestuff2"))
        _ = fit.params, fit.bse, fit.random_effects, fit.summary()
    assert [w.category for w in caught] == [SingularWarning]
    assert fit.singular
    assert fit.cov_re["Batch"].iloc[0, 0] == 0.0
    assert fit.random_effects["Batch"].abs().to_numpy().max() == 0.0
    assert "Singular" in fit.summary()


def test_perfect_correlation_is_found_and_marked():
    with pytest.warns(SingularWarning):
        fit = lmer(engine_fits.LINEAR["exam_sex_reml"], load_dataset("exam"))
    psi = fit.cov_re["school"].to_numpy()
    assert fit.singular
    assert np.linalg.eigvalsh(psi)[0] == pytest.approx(0.0, abs=1e-12)
    assert psi[1, 1] > 0


def test_a_start_on_the_boundary_is_left():
    model = LinearModel.of(build("y ~ x + (x | g)", simulated()), reml=True)
    inside = minimise(model.deviance, model.start(), model.blocks)
    outside = minimise(model.deviance, np.zeros(3), model.blocks)
    assert outside.deviance == pytest.approx(inside.deviance, abs=1e-7)


@pytest.mark.parametrize("seed", [1031, 1251, 1487])
def test_bounds_would_stick(seed):
    """Three of 500 small data sets on which L-BFGS-B with diag(Lambda) >= 0 stops too early."""
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(8), 5), rng.standard_normal(40)
    zeta = rng.multivariate_normal([0, 0], [[0.15, 0.12], [0.12, 0.1]], 8)
    y = x + zeta[g, 0] + zeta[g, 1] * x + rng.standard_normal(40)
    data = pd.DataFrame({"y": y, "x": x, "g": g})
    model = LinearModel.of(build("y ~ x + (x | g)", data), reml=True)
    bounded = optimize.minimize(
        model.deviance,
        model.start(),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None), (None, None), (0, None)],
        options={"ftol": 1e-12, "gtol": 1e-7},
    )
    optimum = model.fit()
    assert optimum.converged
    assert optimum.deviance < bounded.fun - 0.1


def test_converged_is_judged_by_the_gradient():
    downhill = minimise(lambda t: (float(t.sum()), np.ones(2)), np.zeros(2), ())
    assert not downhill.converged
    fit = engine_fits.fitted("sleep_slope_ml")
    stopped = replace(fit.optimum, converged=False, decrement=0.3)
    with pytest.warns(ConvergenceWarning, match="still fall by 3.0e-01"):
        linear.warn_about(results.LinearResult(fit.model, stopped), stopped)
    assert "NOT CONVERGED" in results.LinearResult(fit.model, stopped).summary()


# ---------------------------------------------------------------- results and refusals


def test_predictions():
    data = simulated()
    fit = lmer("y ~ x + (x | g) + (1 | h)", data)
    assert fit.predict().to_numpy() == pytest.approx(fit.predict(data).to_numpy(), abs=1e-9)
    assert (fit.resid + fit.fittedvalues).to_numpy() == pytest.approx(data["y"].to_numpy())
    unseen = data.head(3).assign(g=-1, h=-1)
    average = fit.predict(data.head(3), random=False)
    assert fit.predict(unseen).to_numpy() == pytest.approx(average.to_numpy())
    assert average.iloc[0] == pytest.approx(fit.params @ [1.0, data["x"].iloc[0]])


def test_information_criteria_and_counts():
    fit = engine_fits.fitted("sleep_slope_ml")
    assert fit.df_model == 6
    assert fit.aic == pytest.approx(fit.deviance + 12)
    assert fit.bic == pytest.approx(fit.deviance + 6 * np.log(180))
    assert fit.n_groups == {"Subject": 18}
    assert fit.nobs == 180


def test_summary_names_variances_and_standard_deviations():
    text = engine_fits.fitted("sleep_slope_reml").summary()
    assert "Variance" in text
    assert "Std. dev." in text
    assert "612.09    24.7405" in text
    assert "REML criterion: 1743.6283" in text


def test_a_fit_can_be_pickled():
    fit = engine_fits.fitted("hsb_null_reml")
    again = pickle.loads(pickle.dumps(fit))
    assert again.deviance == fit.deviance
    assert again.model.simulate(again, np.random.default_rng(1)).nobs == 7185


@pytest.mark.parametrize(
    ("formula", "change", "words"),
    [
        ("y ~ x + (1 | g)", {"y": "text"}, "'y' is not numeric"),
        ("y ~ x + (1 | row)", {}, "random effects of 'row'"),
        ("y ~ x + (1 | g)", {"y": lambda d: 3.0 + 2.0 * d["x"]}, "determined exactly"),
    ],
)
def test_refusals(formula, change, words):
    data = simulated().assign(row=lambda d: np.arange(len(d)), **change)
    with pytest.raises(ValueError, match=words):
        lmer(formula, data)


def test_no_fixed_effects():
    data = simulated()
    fit = lmer("y ~ 0 + (1 | g)", data)
    assert fit.params.empty
    assert fit.deviance == pytest.approx(
        dense_deviance(fit, [fit.cov_re["g"].to_numpy()], fit.scale), rel=1e-10
    )


def test_products_do_not_change_with_a_reduced_factor():
    model = LinearModel.of(build("y ~ x + (1 | g) + (1 | h)", simulated()), reml=True)
    swapped = LinearModel.of(build("y ~ x + (1 | h) + (1 | g)", simulated()), reml=True)
    assert [b.terms[0].group for b in swapped.blocks] == ["g", "h"]
    here = eliminate(model.products, model.lambdas(model.start()))
    there = eliminate(swapped.products, swapped.lambdas(swapped.start()))
    assert here.logdet == pytest.approx(there.logdet)


@pytest.mark.long
def test_intervals_cover_at_their_level():
    """400 data sets of 40 clusters: 95 % Wald intervals cover 95 +- 3 %; variances are unbiased."""
    covered, variances = [], []
    for seed in range(400):
        data = two_level(psi=2.0, sigma2=4.0, sizes=[3, 5, 7, 9] * 10, beta=1.0, seed=seed)
        fit = lmer("y ~ 1 + (1 | g)", data)
        low, high = fit.conf_int().iloc[0]
        covered.append(low < 1.0 < high)
        variances.append(fit.cov_re["g"].iloc[0, 0])
    assert np.mean(covered) == pytest.approx(0.945, abs=0.03)
    assert np.mean(variances) == pytest.approx(2.0, abs=4 * np.std(variances) / 20)


@pytest.mark.parametrize("module", [linear, results])
def test_examples_in_docstrings(module):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert doctest.testmod(module).failed == 0
