"""Inference on mixed models: against lme4, lmerTest and clubSandwich, and by other routes."""

from __future__ import annotations

import doctest
import warnings
from dataclasses import replace

import engine_fits
import numpy as np
import pandas as pd
import pytest
from scipy import optimize
from scipy.stats import chi2

from hlmtools import glmer, inference, lmer, load_dataset
from hlmtools.inference import bootstrap, cluster_robust, lrt, r2_levels, satterthwaite
from hlmtools.linear import guarded, jacobian
from hlmtools.results import SingularWarning

SLEEP = engine_fits.FITS["sleep_slope_reml"]["numbers"]

# ---------------------------------------------------------------- likelihood-ratio tests


def test_one_more_variance_and_covariance():
    """Homework 3: L = 9.761657, half chi2_1 and half chi2_2 gives .004686."""
    hsb = load_dataset("hsb")
    test = lrt(lmer("mAch ~ cses + (1 | school)", hsb), engine_fits.fitted("hsb_slope_reml"))
    assert test.stat == pytest.approx(9.761657, abs=1e-5)
    assert test.p_value == pytest.approx(0.004686, abs=1e-6)
    assert test.reference == "0.5 chi2_1 + 0.5 chi2_2"


def test_first_variance_against_none():
    fit = engine_fits.fitted("dyestuff_ml")
    test = lrt(None, fit)
    assert test.stat == pytest.approx(5.402826, abs=1e-5)
    assert test.p_value == pytest.approx(0.010052, abs=1e-6)


def test_logistic_intercept_against_none():
    test = lrt(None, engine_fits.fitted("contraception_25"))
    assert test.stat == pytest.approx(43.3807, abs=1e-3)


def test_no_improvement_has_p_one():
    assert lrt(None, engine_fits.fitted("dyestuff2_ml")).p_value == 1.0


def test_fixed_effects_and_independent_variances():
    sleep = load_dataset("sleepstudy")
    fits = [
        lmer(f"Reaction ~ {f}", sleep, reml=False)
        for f in ("1 + (1 | Subject)", "Days + (1 | Subject)", "Days + (Days || Subject)")
    ]
    assert lrt(fits[0], fits[1]).p_value == pytest.approx(
        chi2.sf(fits[0].deviance - fits[1].deviance, 1)
    )
    assert lrt(fits[1], fits[2]).reference == "0.5 chi2_0 + 0.5 chi2_1"
    assert lrt(fits[0], fits[2]).reference == "0.5 chi2_1 + 0.5 chi2_2"


def test_refusals_of_the_test():
    sleep = load_dataset("sleepstudy")
    a = lmer("Reaction ~ 1 + (Days | Subject)", sleep)
    b = engine_fits.fitted("sleep_slope_reml")
    with pytest.raises(ValueError, match=r"REML likelihoods .* different fixed effects"):
        lrt(a, b)
    with pytest.raises(ValueError, match="one fit is REML"):
        lrt(engine_fits.fitted("sleep_slope_ml"), b)
    with pytest.raises(ValueError, match="different data"):
        lrt(lmer("Reaction ~ Days + (1 | Subject)", sleep.head(100)), b)
    with pytest.raises(ValueError, match="smaller model"):
        lrt(b, b)


# ---------------------------------------------------------------- intervals


def test_wald_intervals():
    interval = engine_fits.fitted("sleep_slope_reml").conf_int(level=0.9)
    b, se = SLEEP["b2"], SLEEP["se2"]
    assert interval.loc["Days"].to_numpy() == pytest.approx(
        [b - 1.6448536 * se, b + 1.6448536 * se], rel=1e-6
    )


def test_profile_intervals():
    """Fixed effects: root search on lme4's deviance; components: as published (JSS 67:1)."""
    interval = engine_fits.fitted("sleep_slope_reml").conf_int("profile")
    for k, name in enumerate(["Intercept", "Days"], 1):
        ends = [SLEEP[f"profile_b{k}_low"], SLEEP[f"profile_b{k}_high"]]
        assert interval.loc[name].to_numpy() == pytest.approx(ends, abs=1e-4)
    published = [[14.3814, 37.7160], [3.8012, 8.7534], [-0.4815, 0.6850], [22.8983, 28.8580]]
    assert interval.to_numpy()[:4] == pytest.approx(np.array(published), abs=2e-4)


def test_profile_at_the_boundary():
    interval = engine_fits.fitted("dyestuff2_reml").conf_int("profile")
    assert interval.loc["sd(Intercept|Batch)", "lower"] == 0.0
    assert interval.loc["sd(Intercept|Batch)", "upper"] == pytest.approx(2.0840, abs=1e-3)
    low, high = interval.loc["Intercept"]
    fixed_psi = 3.653230 * np.sqrt(np.exp(3.841459 / 30) - 1)
    assert high - low > 2 * fixed_psi  # psi may grow as the mean is moved away


def test_profile_of_crossed_factors_holds_its_definition():
    """With the parameter held at an end, the least deviance is z^2 above the minimum."""
    fit = engine_fits.fitted("scotssec_crossed_reml")
    ml = replace(fit.model, reml=False)
    region = inference._Region.of(fit.model, fit.optimum, 1.959964)
    assert region.names[0] == "sd(Intercept|primary)"
    end = region.end(0, 1.0)

    def held(free: np.ndarray) -> float:
        log_sigma, theta_second = free
        theta = [end / ml.y_scale / np.exp(log_sigma), theta_second]
        coef = ml.end(np.array(theta))[1].coef
        return ml.full_deviance(np.array([*theta, log_sigma, *coef]))[0]

    start = [np.log(np.sqrt(fit.scale) / ml.y_scale), 0.3]
    found = optimize.minimize(held, start, method="Nelder-Mead", tol=1e-8)
    assert found.fun - ml.fit().deviance == pytest.approx(1.959964**2, abs=1e-4)


def test_profile_of_three_levels_needs_few_evaluations():
    fit, asked = engine_fits.fitted("egsingle_three_level_ml"), []
    model, region = fit.model, inference._Region.of(fit.model, fit.optimum, 1.959964)

    def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
        asked.append(x)
        return model.full_deviance(x)

    k = region.names.index("cor(Intercept,year|childid)")
    end = replace(region, function=guarded(counted)).end(k, -1.0)
    assert end < fit.cov_re["childid"].iloc[0, 1] / fit.sd_re["childid"].prod()
    assert len(asked) < 60


def test_deviance_of_all_parameters():
    model = replace(engine_fits.fitted("exam_slope_ml").model, reml=False)
    theta = engine_fits.fitted("exam_slope_ml").optimum.theta
    end = model.end(theta)[1]
    x = np.concatenate([theta, [np.log(end.rss / model.n) / 2], end.coef])
    assert model.full_deviance(x)[0] == pytest.approx(model.deviance(theta)[0], rel=1e-12)
    x = x + 0.1
    numeric = jacobian(lambda t: np.array([model.full_deviance(t)[0]]), x, 1e-5)[0]
    assert model.full_deviance(x)[1] == pytest.approx(numeric, rel=1e-6)


def test_profile_intervals_of_a_logistic_model():
    """Root search on glmer's deviance, the coefficient held by an offset."""
    wanted = engine_fits.FITS["contraception_1"]["numbers"]
    interval = engine_fits.fitted("contraception_1").conf_int("profile")
    ends = [wanted["profile_b2_low"], wanted["profile_b2_high"]]
    assert interval.loc["urban"].to_numpy() == pytest.approx(ends, abs=1e-4)
    assert list(interval.index[:2]) == ["sd(Intercept|district)", "Intercept"]


def test_profile_of_a_correlation_whose_variance_may_be_zero():
    with pytest.warns(SingularWarning):
        fit = lmer(engine_fits.LINEAR["exam_sex_reml"], load_dataset("exam"))
    interval = fit.conf_int("profile")
    assert interval.loc["sd(sex[T.M]|school)", "lower"] == 0.0
    assert interval.loc["cor(Intercept,sex[T.M]|school)"].tolist() == [-1.0, 1.0]


def test_bootstrap_is_reproducible_and_shared_among_processes():
    fit = engine_fits.fitted("dyestuff_reml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = bootstrap(fit, n_sim=12, seed=7, progress=False)
        shared = bootstrap(fit, n_sim=12, seed=7, processes=2, progress=False)
    pd.testing.assert_frame_equal(alone, shared)
    assert list(alone.columns) == ["sd(Intercept|Batch)", "sigma", "Intercept"]


def test_bootstrap_surrounds_the_estimates():
    fit = engine_fits.fitted("sleep_slope_ml")
    interval = fit.conf_int("boot", n_sim=60, seed=3, progress=False)
    assert (interval["lower"] < interval["upper"]).all()
    wald = fit.conf_int()
    for name in fit.params.index:
        assert interval.loc[name].to_numpy() == pytest.approx(
            wald.loc[name].to_numpy(), abs=fit.bse[name]
        )


def test_bootstrap_of_a_logistic_model():
    fit = glmer("use ~ urban + (1 | district)", load_dataset("contraception"))
    draws = bootstrap(fit, n_sim=8, seed=1, progress=False)
    assert list(draws.columns) == ["sd(Intercept|district)", "Intercept", "urban"]
    assert draws["urban"].std() < 0.5


def test_refusals_of_intervals():
    fit = engine_fits.fitted("dyestuff_reml")
    with pytest.raises(ValueError, match="'wald', 'profile' or 'boot'"):
        fit.conf_int("bayes")
    with pytest.raises(ValueError, match="level is 95"):
        fit.conf_int(level=95)
    with pytest.raises(ValueError, match="n_sim is 0"):
        bootstrap(fit, n_sim=0)


# ---------------------------------------------------------------- degrees of freedom, sandwich, R2


@pytest.mark.parametrize(
    "key",
    [
        "hsb_slope_reml",
        "hsb_full_reml",
        "sleep_slope_reml",
        "sleep_intercept_reml",
        "orthodont_slope_reml",
        "scotssec_crossed_reml",
    ],
)
def test_satterthwaite_agrees_with_lmertest(key):
    wanted = engine_fits.FITS[key]["numbers"]
    df = satterthwaite(engine_fits.fitted(key))["df"].to_numpy()
    assert df == pytest.approx([wanted[f"df{k}"] for k in range(1, len(df) + 1)], rel=1e-3)


@pytest.mark.parametrize("key", ["sleep_slope_reml", "orthodont_slope_reml"])
def test_satterthwaite_equals_kenward_and_roger_where_data_are_balanced(key):
    wanted = engine_fits.FITS[key]["numbers"]
    df = satterthwaite(engine_fits.fitted(key))["df"].to_numpy()
    assert df == pytest.approx([wanted[f"kr_df{k}"] for k in range(1, len(df) + 1)], rel=1e-3)


def test_satterthwaite_of_a_contrast():
    fit = engine_fits.fitted("sleep_slope_reml")
    table = satterthwaite(fit, [[1, 5]])
    assert table["coef"].iloc[0] == pytest.approx(fit.params["Intercept"] + 5 * fit.params["Days"])
    with pytest.raises(ValueError, match="3 columns"):
        satterthwaite(fit, [[1, 0, 0]])


@pytest.mark.parametrize("key", ["sleep_slope_reml", "orthodont_slope_reml", "hsb_full_reml"])
@pytest.mark.parametrize("kind", ["CR0", "CR2"])
def test_sandwich_agrees_with_clubsandwich(key, kind):
    wanted = engine_fits.FITS[key]["numbers"]
    fit = engine_fits.fitted(key)
    se = np.sqrt(np.diag(cluster_robust(fit, kind)))
    stored = [wanted[f"{kind.lower()}_se{k}"] for k in range(1, len(se) + 1)]
    assert se == pytest.approx(stored, rel=1e-4)


def test_sandwich_equals_the_model_where_x_is_z():
    fit = engine_fits.fitted("exam_slope_ml")
    robust = np.sqrt(np.diag(cluster_robust(fit)))
    assert robust == pytest.approx(fit.bse.to_numpy(), rel=1e-6)
    assert robust == pytest.approx([0.03978348, 0.0199368], abs=2e-6)


def test_sandwich_needs_nested_factors():
    with pytest.raises(ValueError, match="crossed"):
        cluster_robust(engine_fits.fitted("scotssec_crossed_reml"))
    with pytest.raises(ValueError, match="'CR0' or 'CR2'"):
        cluster_robust(engine_fits.fitted("sleep_slope_ml"), "HC3")
    assert cluster_robust(engine_fits.fitted("egsingle_nested_ml")).shape == (2, 2)


def test_r2_may_be_negative():
    """Homework 2: cses alone takes -.006764 off the variance between schools."""
    hsb = load_dataset("hsb")
    null = engine_fits.fitted("hsb_null_reml")
    r2 = r2_levels(null, lmer("mAch ~ cses + (1 | school)", hsb))
    assert r2["R&B level 2"] == pytest.approx(-0.006764, abs=1e-5)
    both = r2_levels(null, lmer("mAch ~ ses + meanses + (1 | school)", hsb))
    assert both.to_numpy() == pytest.approx([0.687425, 0.054390, 0.624338, 0.168559], abs=1e-5)
    with pytest.raises(ValueError, match="random-intercept"):
        r2_levels(null, engine_fits.fitted("hsb_slope_reml"))


def test_examples_in_docstrings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularWarning)
        assert doctest.testmod(inference).failed == 0
