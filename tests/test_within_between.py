"""Homework 2's functions, solved: against lme4 and plm, against other routes, and at the edges."""

from __future__ import annotations

import doctest
import importlib
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import chi2, multivariate_normal

from autograder import build, references
from hlmtools import load_dataset, plots
from hlmtools.records import RIResult
from hlmtools.simulate import two_level, with_covariate

build.use_solved()
wb = importlib.import_module("hlmtools.within_between")
vc = importlib.import_module("hlmtools.variance_components")

UNEVEN = (1, 3, 8, 20, 2, 1, 11, 6)
RENAMED = {"(Intercept)": "const", "ses_dev": "cses", "ses_mean": "meanses"}
DATA = {"hsb": ("mAch", "school"), "bdf": ("langPOST", "schoolNR"), "males": ("wage", "nr")}


def fits() -> dict:
    return references.load("hw2")["fits"]


@cache
def dataset(name: str) -> pd.DataFrame:
    data = load_dataset(name)
    if name == "hsb":
        data["catholic"] = (data["sector"] == "Catholic").astype(float)
        data["minority"] = (data["minrty"] == "Yes").astype(float)
        data["minority_mean"] = wb.within_between(data["minority"], data["school"])[1]
    elif name == "bdf":
        data["iq_dev"], data["iq_mean"] = wb.within_between(data["IQ_verb"], data["schoolNR"])
    elif name == "males":
        data["years"], data["education"] = data["year"] - 1980, data["school"] - 12
        for column in ("union", "married"):
            data[f"{column}_mean"] = wb.within_between(data[column], data["nr"])[1]
    return data


@cache
def fitted(key: str) -> RIResult:
    """The fit that a reference of R describes, by the columns it has coefficients of."""
    reference = fits()[key]
    names = [name[2:] for name in reference["numbers"] if name.startswith("b_")]
    columns = [RENAMED.get(name, name) for name in names if name != "(Intercept)"]
    data, (y, g) = dataset(reference["data"]), DATA[reference["data"]]
    return wb.fit_ri(data[y], wb.design(data, columns), data[g], reml=reference["reml"])


def uneven(seed: int = 3, within: float = 2.0, between: float = 5.0) -> pd.DataFrame:
    data = with_covariate(within, between, psi=4, sigma2=9, sizes=UNEVEN, beta=50, seed=seed)
    data["dev"], data["mean"] = wb.within_between(data["x"], data["g"])
    return data


def fit_of(data: pd.DataFrame, *columns: str, reml: bool = True) -> RIResult:
    return wb.fit_ri(data["y"], wb.design(data, columns), data["g"], reml=reml)


def made(psi: float, sigma2: float, sizes=(3, 3), deviance=1.0, reml=True, names=("const",)):
    cov = pd.DataFrame(np.eye(len(names)), names, names)
    b = pd.Series(1.0, list(names))
    return RIResult(b, cov, psi, sigma2, deviance, reml, False, pd.Series(sizes))


# ------------------------------------------------------------------------------ against lme4

RI_FITS = [
    "hsb_null_reml",
    "hsb_ses_reml",
    "hsb_ses_ml",
    "hsb_wb_reml",
    "hsb_wb_ml",
    "hsb_dev_reml",
    "hsb_mean_reml",
    "hsb_mundlak_reml",
    "hsb_mundlak_two_reml",
    "hsb_ses_sector_ml",
    "hsb_sector_reml",
    "bdf_null_ml",
    "bdf_iq_ml",
    "bdf_wb_ml",
    "bdf_mundlak_ml",
    "bdf_school_ses_ml",
    "males_mundlak_ml",
]


@pytest.mark.parametrize("key", RI_FITS)
def test_fit_agrees_with_lme4(key):
    reference, fit = fits()[key], fitted(key)
    numbers = reference["numbers"]
    assert fit.deviance == pytest.approx(numbers["criterion"], abs=1e-6)
    assert fit.llf == pytest.approx(numbers["llf"], abs=1e-6)
    assert fit.psi == pytest.approx(numbers["psi"], rel=5e-6)
    assert fit.sigma2 == pytest.approx(numbers["sigma2"], rel=1e-6)
    assert fit.singular is reference["singular"]
    for name in (name[2:] for name in numbers if name.startswith("b_")):
        column = RENAMED.get(name, name).replace("Intercept", "const")
        close = {"rel": 5e-6, "abs": 1e-7}
        assert fit.params[column] == pytest.approx(numbers[f"b_{name}"], **close)
        assert fit.bse[column] == pytest.approx(numbers[f"se_{name}"], rel=5e-6)


@pytest.mark.parametrize(
    ("key", "column", "published"),
    [
        ("hsb_mean_reml", "meanses", 5.8635),  # Raudenbush and Bryk, Table 4.3, by SAS on UCLA
        ("bdf_iq_ml", "IQ_verb", 2.488094),  # Rodriguez, by Stata
    ],
)
def test_published_slopes(key, column, published):
    assert fitted(key).params[column] == pytest.approx(published, abs=1e-4)


def test_published_standard_deviations_of_bdf():
    fit = fitted("bdf_iq_ml")
    assert (fit.psi**0.5, fit.sigma2**0.5) == pytest.approx((3.08172, 6.498244), abs=1e-5)
    assert fit.llf == pytest.approx(-7625.8865, abs=1e-4)


@pytest.mark.parametrize("reml", [True, False])
def test_deviance_away_from_its_minimum_agrees_with_lme4(reml):
    numbers = fits()[f"hsb_ses_criterion_{'reml' if reml else 'ml'}"]["numbers"]
    hsb = dataset("hsb")
    X = wb.design(hsb, ["ses"])
    for lam, name in [(0.0, "criterion_0"), (0.05, "criterion_05")]:
        found = wb.ri_deviance(lam, hsb["mAch"], X, hsb["school"], reml)
        assert found == pytest.approx(numbers[name], abs=1e-6)


def test_split_of_ses_agrees_with_the_data_set():
    hsb, numbers = dataset("hsb"), fits()["hsb_ses_split"]["numbers"]
    dev, mean = wb.within_between(hsb["ses"], hsb["school"])
    np.testing.assert_allclose(dev, hsb["cses"], atol=1e-12)
    np.testing.assert_allclose(mean, hsb["meanses"], atol=1e-12)
    assert dev[0] == pytest.approx(numbers["first_dev"], rel=1e-10)
    share = mean.var() / hsb["ses"].to_numpy().var()
    assert share == pytest.approx(numbers["share_between"], rel=1e-10)


@pytest.mark.parametrize(("name", "x"), [("hsb", "ses"), ("bdf", "IQ_verb")])
def test_fixed_effects_agree_with_dummy_variables(name, x):
    numbers, data, (y, g) = fits()[f"{name}_fixed"]["numbers"], dataset(name), DATA[name]
    fit = wb.fixed_effects(data[y], wb.design(data, [x]), data[g])
    assert fit.params[x] == pytest.approx(numbers[f"b_{x}"], rel=1e-9)
    assert fit.bse[x] == pytest.approx(numbers[f"se_{x}"], rel=1e-9)
    assert fit.sigma2 == pytest.approx(numbers["sigma2"], rel=1e-9)
    assert fit.df_resid == numbers["df_resid"]


def test_fixed_effects_agree_with_plm():
    numbers, hsb = fits()["hsb_plm"]["numbers"], dataset("hsb")
    fit = wb.fixed_effects(hsb["mAch"], wb.design(hsb, ["ses", "catholic"]), hsb["school"])
    assert fit.dropped == ("const", "catholic")
    assert fit.params["ses"] == pytest.approx(numbers["b_within"], rel=1e-9)
    assert fit.bse["ses"] == pytest.approx(numbers["se_within"], rel=1e-9)


def test_contextual_effects_agree_with_lme4():
    for key, pair in [("hsb", ("cses", "meanses")), ("bdf", ("iq_dev", "iq_mean"))]:
        both, mundlak = (
            ("hsb_wb_reml", "hsb_mundlak_reml") if key == "hsb" else ("bdf_wb_ml", "bdf_mundlak_ml")
        )
        numbers = fits()[mundlak]["numbers"]
        effect, se = wb.contextual(fitted(both), *pair)
        assert effect == pytest.approx(numbers["effect_contextual"], rel=1e-6)
        assert se == pytest.approx(numbers["se_contextual"], rel=1e-5)


@pytest.mark.parametrize(
    ("key", "means", "published"),
    [
        ("hsb_mundlak_reml", ["meanses"], 94.6867),
        ("hsb_mundlak_two_reml", ["meanses", "minority_mean"], 67.6312),
        ("bdf_mundlak_ml", ["iq_mean"], 25.7980),
        ("males_mundlak_ml", ["union_mean", "married_mean"], 16.623),
    ],
)
def test_mundlak_test_agrees_with_lme4(key, means, published):
    statistic, df, p = wb.mundlak_test(fitted(key), means)
    numbers = fits()[key]["numbers"]
    assert statistic == pytest.approx(numbers["wald"], rel=2e-5)
    assert statistic == pytest.approx(published, abs=1e-3)
    assert (df, p) == (len(means), pytest.approx(numbers["wald_p"], rel=1e-3))


@pytest.mark.parametrize(
    ("key", "name", "x", "ending"),
    [
        ("hsb_ses_reml", "hsb", "ses", "reml"),
        ("hsb_ses_ml", "hsb", "ses", "ml"),
        ("bdf_iq_ml", "bdf", "IQ_verb", "ml"),
    ],
)
def test_hausman_agrees_with_r(key, name, x, ending):
    data, (y, g) = dataset(name), DATA[name]
    fixed = wb.fixed_effects(data[y], wb.design(data, [x]), data[g])
    fit, numbers = fitted(key), fits()[f"{name}_fixed"]["numbers"]
    statistic, df, p = wb.hausman(fixed.params, fixed.cov, fit.params, fit.cov)
    assert statistic == pytest.approx(numbers[f"hausman_{ending}"], rel=2e-5)
    assert df == 1
    assert p == pytest.approx(numbers[f"hausman_p_{ending}"], rel=1e-3, abs=1e-18)


def test_hausman_of_plm_from_its_own_numbers():
    numbers, x = fits()["hsb_plm"]["numbers"], ["ses"]
    arguments = []
    for kind in ("within", "random"):
        arguments.append(pd.Series([numbers[f"b_{kind}"]], x))
        arguments.append(pd.DataFrame([[numbers[f"se_{kind}"] ** 2]], x, x))
    assert wb.hausman(*arguments)[0] == pytest.approx(112.195014, rel=1e-6)


@pytest.mark.parametrize(
    ("null", "key"),
    [
        ("hsb_null_reml", "hsb_wb_reml"),
        ("hsb_null_reml", "hsb_dev_reml"),
        ("hsb_null_reml", "hsb_sector_reml"),
        ("bdf_null_ml", "bdf_wb_ml"),
    ],
)
def test_shares_agree_with_lme4(null, key):
    numbers = fits()[key]["numbers"]
    for name, share in wb.r2_levels(fitted(null), fitted(key))._asdict().items():
        assert share == pytest.approx(numbers[name], abs=5e-6)


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ("hsb_ses_ml", "hsb_ses_sector_ml"),
        ("hsb_wb_ml", "hsb_sector_ml"),
        ("bdf_mundlak_ml", "bdf_school_ses_ml"),
    ],
)
def test_likelihood_ratio_test_agrees_with_lme4(small, large):
    statistic, df, p = wb.lrt_fixed(fitted(small), fitted(large))
    numbers = fits()[large]["numbers"]
    assert statistic == pytest.approx(numbers["lrt"], abs=1e-6)
    assert (df, p) == (numbers["lrt_df"], pytest.approx(numbers["lrt_p"], rel=1e-5))


# ----------------------------------------------------------------------- by a second route


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("lam", [0.0, 0.07, 1.3, 25.0])
def test_deviance_is_that_of_the_normal_density(lam, reml):
    data = uneven()
    X, y = wb.design(data, ["x", "mean"]).to_numpy(), data["y"].to_numpy()
    same = np.equal.outer(data["g"].to_numpy(), data["g"].to_numpy())
    R = np.eye(len(y)) + lam * same
    information = X.T @ np.linalg.solve(R, X)
    b = np.linalg.solve(information, X.T @ np.linalg.solve(R, y))
    resid = y - X @ b
    df = len(y) - X.shape[1] if reml else len(y)
    sigma2 = resid @ np.linalg.solve(R, resid) / df
    expected = -2 * multivariate_normal.logpdf(y, X @ b, sigma2 * R)
    if reml:
        p = X.shape[1]
        expected += np.linalg.slogdet(information / sigma2)[1] - p * np.log(2 * np.pi)
    found = wb.ri_deviance(lam, y, wb.design(data, ["x", "mean"]), data["g"], reml)
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("reml", [True, False])
def test_a_constant_alone_is_homework_1(reml):
    data = two_level(psi=4, sigma2=9, sizes=UNEVEN, beta=50, seed=8)
    fit, old = fit_of(data, reml=reml), vc.fit_vc(data["y"], data["g"], reml=reml)
    assert fit.params["const"] == pytest.approx(old.beta, rel=1e-7)
    assert fit.bse["const"] == pytest.approx(old.se, rel=1e-6)
    assert (fit.psi, fit.sigma2) == pytest.approx((old.psi, old.sigma2), rel=1e-6)
    assert fit.deviance == pytest.approx(old.deviance, abs=1e-8)
    for lam in (0.0, 0.4, 7.0):
        old_criterion = vc.vc_deviance(lam, old.stats, reml)
        found = wb.ri_deviance(lam, data["y"], wb.design(data), data["g"], reml)
        assert found == pytest.approx(old_criterion, abs=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.3, 8.0])
def test_partially_demeaned_residuals_are_white(lam):
    g = np.repeat(["a", "b", "c"], [1, 3, 6])
    R = np.eye(10) + lam * np.equal.outer(g, g)
    T = wb.partial_demean(np.eye(10), g, lam)
    np.testing.assert_allclose(T @ R @ T.T, np.eye(10), atol=1e-12)


def test_slope_within_is_the_fixed_effects_slope():
    data = uneven()
    fixed = wb.fixed_effects(data["y"], wb.design(data, ["x"]), data["g"]).params["x"]
    for columns, name in [(("dev", "mean"), "dev"), (("x", "mean"), "x"), (("dev",), "dev")]:
        assert fit_of(data, *columns).params[name] == pytest.approx(fixed, rel=1e-9)


def test_both_forms_of_the_model_are_one():
    data = uneven()
    split, mundlak = fit_of(data, "dev", "mean"), fit_of(data, "x", "mean")
    assert split.deviance == pytest.approx(mundlak.deviance, abs=1e-7)
    effect, se = wb.contextual(split, "dev", "mean")
    assert effect == pytest.approx(mundlak.params["mean"], rel=1e-7)
    assert se == pytest.approx(mundlak.bse["mean"], rel=1e-5)
    assert wb.mundlak_test(mundlak, ["mean"])[0] == pytest.approx((effect / se) ** 2, rel=1e-5)
    assert split.cov.loc["dev", "mean"] == pytest.approx(0, abs=1e-12)
    V = mundlak.cov
    assert V.loc["x", "mean"] == pytest.approx(-V.loc["x", "x"], rel=1e-8)
    between = V.loc["x", "x"] + V.loc["mean", "mean"] + 2 * V.loc["x", "mean"]
    assert between**0.5 == pytest.approx(split.bse["mean"], rel=1e-5)


def test_raw_slope_is_a_weighted_mean_of_both_slopes():
    hsb = dataset("hsb")
    dev, mean = wb.within_between(hsb["ses"], hsb["school"])
    share = mean.var() / (dev + mean).var()
    slope = {x: smf.ols(f"mAch ~ {x}", hsb).fit().params[x] for x in ("ses", "cses", "meanses")}
    mixed = (1 - share) * slope["cses"] + share * slope["meanses"]
    assert slope["ses"] == pytest.approx(mixed, rel=1e-10)
    raw, both = fitted("hsb_ses_reml"), fitted("hsb_wb_reml")
    assert both.params["cses"] < raw.params["ses"] < both.params["meanses"]


def test_fixed_effects_agree_with_statsmodels_dummies():
    data = uneven()
    data["square"] = data["x"] ** 2
    dummies = smf.ols("y ~ x + square + g", data).fit()
    fit = wb.fixed_effects(data["y"], wb.design(data, ["x", "square", "mean"]), data["g"])
    assert fit.dropped == ("const", "mean")
    for name in ("x", "square"):
        assert fit.params[name] == pytest.approx(dummies.params[name], rel=1e-8)
        assert fit.bse[name] == pytest.approx(dummies.bse[name], rel=1e-8)
    assert fit.df_resid == dummies.df_resid


# ------------------------------------------------------------------------------- properties


def test_parts_add_up_and_are_uncorrelated():
    data = uneven()
    dev, mean = wb.within_between(data["x"], data["g"])
    np.testing.assert_allclose(dev + mean, data["x"], atol=1e-14)
    sums = pd.Series(dev).groupby(data["g"]).sum()
    np.testing.assert_allclose(sums, 0, atol=1e-12)
    assert dev @ mean == pytest.approx(0, abs=1e-10)


def test_several_columns_are_split_one_by_one():
    data = uneven()
    both = wb.within_between(data[["x", "y"]], data["g"])
    for i, name in enumerate(("x", "y")):
        one = wb.within_between(data[name], data["g"])
        np.testing.assert_array_equal(both[0][:, i], one[0])
        np.testing.assert_array_equal(both[1][:, i], one[1])


def test_ends_of_partial_demeaning():
    data = uneven()
    x, g = data["x"], data["g"]
    np.testing.assert_allclose(wb.partial_demean(x, g, 0.0), x, atol=1e-15)
    np.testing.assert_allclose(wb.partial_demean(x, g, np.inf), data["dev"], atol=1e-15)


@pytest.mark.parametrize("reml", [True, False])
def test_fit_is_the_lowest_point(reml):
    data = uneven(within=2.0, between=2.0)
    X, fit = wb.design(data, ["x"]), fit_of(data, "x", reml=reml)
    lam = fit.psi / fit.sigma2
    assert not fit.singular
    for other in (0.0, lam * 0.999, lam * 1.001, lam + 5):
        assert fit.deviance <= wb.ri_deviance(other, data["y"], X, data["g"], reml) + 1e-9


def test_rows_and_labels_do_not_matter():
    data = uneven()
    fit = fit_of(data, "x", "mean")
    shuffled = data.sample(frac=1, random_state=1)
    shuffled["g"] = shuffled["g"].map({g: i for i, g in enumerate(sorted(set(data["g"]))[::-1])})
    again = fit_of(shuffled, "x", "mean")
    np.testing.assert_allclose(again.params, fit.params, rtol=1e-7)
    assert again.psi == pytest.approx(fit.psi, rel=1e-6)
    assert again.sizes.sort_values().tolist() == sorted(UNEVEN)


def test_shift_and_scale_carry_over():
    data = uneven()
    fit = fit_of(data, "x", reml=False)
    moved = data.assign(y=10 * data["y"] - 4, x=data["x"] * 100 + 7)
    again = fit_of(moved, "x", reml=False)
    assert again.params["x"] == pytest.approx(fit.params["x"] / 10, rel=1e-6)
    assert again.psi == pytest.approx(100 * fit.psi, rel=1e-5)
    expected = fit.deviance + 2 * len(data) * np.log(10)
    assert again.deviance == pytest.approx(expected, abs=1e-6)


def test_truth_is_found_in_many_clusters():
    data = with_covariate(1, 3, psi=4, sigma2=16, sizes=[12] * 300, seed=5)
    data["dev"], data["mean"] = wb.within_between(data["x"], data["g"])
    fit = fit_of(data, "dev", "mean")
    for name, truth in [("dev", 1), ("mean", 3)]:
        assert abs(fit.params[name] - truth) < 3.5 * fit.bse[name]
    assert fit.psi == pytest.approx(4, rel=0.25)
    assert fit.sigma2 == pytest.approx(16, rel=0.1)


def test_hausman_of_two_slopes_in_any_order():
    fe, re = ["x", "z"], ["const", "z", "x"]
    b_fe, b_re = pd.Series([2.0, -1.0], fe), pd.Series([5.0, -0.7, 2.4], re)
    V_fe = pd.DataFrame([[0.30, 0.05], [0.05, 0.50]], fe, fe)
    V_re = pd.DataFrame(np.diag([9.0, 0.2, 0.1]), re, re)
    statistic, df, p = wb.hausman(b_fe, V_fe, b_re, V_re)
    d, V = np.array([-0.4, -0.3]), np.array([[0.2, 0.05], [0.05, 0.3]])
    assert statistic == pytest.approx(d @ np.linalg.inv(V) @ d, rel=1e-12)
    assert (df, p) == (2, pytest.approx(chi2.sf(statistic, 2), rel=1e-12))


def test_mundlak_test_does_not_depend_on_units():
    data = uneven()
    data["square"] = data["x"] ** 2
    data["square_mean"] = wb.within_between(data["square"], data["g"])[1]
    means = ["mean", "square_mean"]
    W = wb.mundlak_test(fit_of(data, "x", "square", *means), means)[0]
    scaled = data.assign(mean=data["mean"] * 60)
    fit = fit_of(scaled, "x", "square", *means)
    assert wb.mundlak_test(fit, means[::-1])[0] == pytest.approx(W, rel=1e-5)


# ------------------------------------------------------------------------------ at the edges


@pytest.mark.parametrize("reml", [True, False])
def test_boundary_is_exact(reml):
    X = pd.DataFrame({"const": np.ones(8), "x": [2.0, 1.0, 3.0, 0.0, 1.0, 2.0, 4.0, 3.0]})
    y, g = [1.0, 9.0, 2.0, 8.5, 1.5, 9.5, 4.0, 6.0], list("xxyyzzzx")
    fit = wb.fit_ri(y, X, g, reml=reml)
    pooled = smf.ols("y ~ x", X.assign(y=y)).fit()
    assert (fit.psi, fit.singular) == (0.0, True)
    assert fit.params["x"] == pytest.approx(pooled.params["x"], rel=1e-10)
    if reml:
        assert fit.bse["x"] == pytest.approx(pooled.bse["x"], rel=1e-10)


def bad_input() -> dict[str, tuple]:
    X = pd.DataFrame({"const": np.ones(4), "x": [1.0, 2.0, 3.0, 5.0]})
    y, g = [1.0, 2.0, 4.0, 3.0], ["a", "a", "b", "b"]
    return {
        "an array for X": (y, X.to_numpy(), g),
        "too few rows": (y[:3], X, g),
        "missing y": ([1.0, np.nan, 4.0, 3.0], X, g),
        "infinite x": (y, X.assign(x=[1.0, np.inf, 3.0, 5.0]), g),
        "missing label": (y, X, ["a", None, "b", "b"]),
        "a column twice": (y, X.assign(z=2 * X["x"]), g),
    }


@pytest.mark.parametrize("function", ["fit_ri", "fixed_effects"])
@pytest.mark.parametrize("case", bad_input())
def test_bad_input_is_refused(function, case):
    with pytest.raises(ValueError, match=r"give|drop|leave"):
        getattr(wb, function)(*bad_input()[case])


@pytest.mark.parametrize("g", [["a"] * 4, list("abcd")])
def test_clusters_that_show_no_variance_are_refused(g):
    X = pd.DataFrame({"const": np.ones(4)})
    with pytest.raises(ValueError, match="two clusters"):
        wb.fit_ri([1.0, 2.0, 4.0, 3.0], X, g)


def test_fixed_effects_refuse_what_does_not_vary_within():
    X = pd.DataFrame({"const": np.ones(6), "z": [1.0, 1.0, 2.0, 2.0, 0.1, 0.1]})
    with pytest.raises(ValueError, match="0 columns"):
        wb.fixed_effects([1.0, 4.0, 2.0, 2.5, 7.0, 1.0], X, list("aabbcc"))
    varies = X.assign(x=[1.0, 2.0, 1.0, 3.0, 2.0, 2.5]).iloc[[0, 1, 2, 4]]
    with pytest.raises(ValueError, match="above J"):
        wb.fixed_effects([1.0, 4.0, 2.0, 7.0], varies, list("aabc"))


@pytest.mark.parametrize("lam", [-0.1, float("nan")])
def test_ratio_below_zero_is_refused(lam):
    y, g = [1.0, 2.0, 4.0, 3.0], ["a", "a", "b", "b"]
    with pytest.raises(ValueError, match="0 or more"):
        wb.partial_demean(y, g, lam)
    with pytest.raises(ValueError, match="0 or more"):
        wb.ri_deviance(lam, y, pd.DataFrame({"const": np.ones(4)}), g)


@pytest.mark.parametrize(
    ("x", "g"),
    [([1.0, np.nan], ["a", "a"]), ([1.0, 2.0], ["a", None]), ([1.0], ["a", "b"]), ([], [])],
)
def test_split_refuses_what_it_cannot_split(x, g):
    with pytest.raises(ValueError, match=r"drop|give"):
        wb.within_between(x, g)


def test_unknown_columns_are_refused():
    fit = made(1.0, 2.0, names=("const", "x"))
    for call in (
        lambda: wb.contextual(fit, "x", "x_mean"),
        lambda: wb.mundlak_test(fit, ["x_mean"]),
        lambda: wb.mundlak_test(fit, []),
    ):
        with pytest.raises(ValueError, match="const, x"):
            call()


def test_hausman_refuses_what_does_not_exist():
    def one(value, name="x"):
        return pd.Series([value], [name]), pd.DataFrame([[value]], [name], [name])

    with pytest.raises(ValueError, match="mundlak_test"):
        wb.hausman(*one(0.2), *one(0.25))
    with pytest.raises(ValueError, match="in common"):
        wb.hausman(*one(0.2), *one(0.1, "z"))


def test_shares_of_fits_that_do_not_compare():
    null = made(4.0, 12.0)
    for other in (made(1.0, 9.0, sizes=(3, 4)), made(1.0, 9.0, reml=False)):
        with pytest.raises(ValueError, match="same rows"):
            wb.r2_levels(null, other)
    with pytest.raises(ValueError, match="above 0"):
        wb.r2_levels(made(0.0, 12.0), null)


def test_tests_of_fits_that_do_not_compare():
    small, large = made(1, 1, reml=False), made(1, 1, reml=False, names=("const", "x"))
    with pytest.raises(ValueError, match="reml=False"):
        wb.lrt_fixed(made(1, 1), made(1, 1, names=("const", "x")))
    for pair in ((large, small), (small, small)):
        with pytest.raises(ValueError, match="columns"):
            wb.lrt_fixed(*pair)
    with pytest.raises(ValueError, match="rows"):
        wb.lrt_fixed(small, made(1, 1, sizes=(3, 4), reml=False, names=("const", "x")))


# ------------------------------------------------------------------------------- given parts


@pytest.mark.parametrize("module", ["within_between", "results", "simulate"])
def test_examples_in_docstrings(module):
    outcome = doctest.testmod(importlib.import_module(f"hlmtools.{module}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_simulated_covariate_has_the_slopes_it_was_asked_for():
    data = with_covariate(2, 5, psi=0, sigma2=0, sizes=[4, 7, 1], beta=3, seed=9)
    dev, mean = wb.within_between(data["x"], data["g"])
    np.testing.assert_allclose(data["y"], 3 + 2 * dev + 5 * mean, atol=1e-12)
    assert data["g"].value_counts().sort_index().tolist() == [4, 7, 1]


def test_picture_of_both_slopes():
    data = uneven()
    ax = plots.within_between(
        data, "y", "x", "g", within=2.0, between=(50.0, 5.0), highlight=["c04", "c07"]
    )
    lines = [line.get_xydata() for line in ax.lines]
    slopes = [np.diff(ends[:, 1])[0] / np.diff(ends[:, 0])[0] for ends in lines]
    assert slopes == pytest.approx([2.0, 2.0, 5.0])
    with pytest.raises(ValueError, match="c99"):
        plots.within_between(data, "y", "x", "g", highlight=["c99"])
