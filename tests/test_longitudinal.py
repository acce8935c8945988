"""Homework 6's functions, solved: against R, against other routes, and at the edges."""

from __future__ import annotations

import doctest
import importlib
from functools import cache

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from statsmodels.discrete.conditional_models import ConditionalLogit

from autograder import build, references
from hlmtools import load_dataset, simulate
from hlmtools.simulate import panel, two_waves

build.use_solved()
lg = importlib.import_module("hlmtools.longitudinal")


@cache
def numbers(fit: str) -> dict:
    return references.load("hw6")["fits"][fit]["numbers"]


def wages() -> tuple[pd.DataFrame, pd.DataFrame]:
    males = load_dataset("males")
    columns = ["constant", "black", "hisp", "union", "married", "exper", "t", "school"]
    return males.assign(constant=1.0, t=males["year"] - 1980)[columns], males


def jaws() -> tuple[pd.DataFrame, pd.DataFrame]:
    data = load_dataset("orthodont")
    data["female"] = (data["Sex"] == "Female") * 1.0
    data["female_age"] = data["female"] * data["age"]
    return data.assign(constant=1.0)[["constant", "female", "age", "female_age"]], data


def wheeze() -> tuple[pd.DataFrame, pd.DataFrame]:
    data = load_dataset("ohio")
    data["age_smoke"] = data["age"] * data["smoke"]
    return data.assign(constant=1.0)[["constant", "age", "smoke", "age_smoke"]], data


def uneven(seed: int = 1, **options) -> tuple[pd.DataFrame, pd.DataFrame]:
    data = panel(30, 5, psi=2, keep=0.7, seed=seed, **options)
    return data.assign(constant=1.0)[["constant", "x", "w"]], data


def see_table(table: pd.DataFrame, fit: str, rel: float, **columns: str) -> None:
    """Compare columns of a table with numbers of R: column=prefix of its keys there."""
    for column, prefix in columns.items():
        for name in table.index:
            key = f"{prefix}_{name}"
            assert table.loc[name, column] == pytest.approx(numbers(fit)[key], rel=rel), key


# ------------------------------------------------------------------------------ against R


def test_robust_least_squares():
    X, males = wages()
    found = lg.cluster_robust_ols(X, males["wage"], males["nr"])
    see_table(found, "males_ols", 1e-9, beta="beta", naive="naive", CR0="cr0", CR1="cr1")


def test_random_intercept_by_compound_symmetry():
    X, males = wages()
    fit = lg.gls_pattern(X, males["wage"], males["nr"], males["year"], "CS")
    see_table(fit.table, "males_ri", 1e-5, beta="beta", se="se")
    assert fit.llf == pytest.approx(numbers("males_ri")["llf"], abs=1e-6)
    assert fit.Sigma[0, 1] == pytest.approx(numbers("males_ri")["psi"], rel=1e-5)


@pytest.mark.parametrize("kind", ["IND", "CS", "AR1", "UN"])
def test_covariance_patterns(kind):
    X, data = jaws()
    name = f"orthodont_{kind.lower()}"
    fit = lg.gls_pattern(X, data["distance"], data["Subject"], data["age"], kind)
    see_table(fit.table, name, 2e-5, beta="beta", se="se")
    assert fit.llf == pytest.approx(numbers(name)["llf"], abs=1e-6)
    assert fit.n_par == numbers(name)["n_par"]
    assert fit.aic == pytest.approx(numbers(name)["aic"], abs=1e-5)
    assert fit.Sigma[0, 0] == pytest.approx(numbers(name)["variance"], rel=1e-4)
    assert fit.Sigma[0, 1] == pytest.approx(numbers(name)["neighbors"], rel=1e-4, abs=1e-12)


def test_comparisons_within_men():
    X, males = wages()
    X = X.drop(columns="t")
    within = lg.fixed_effects(X, males["wage"], males["nr"])
    see_table(within, "males_fe", 1e-9, beta="beta", se="se")
    steps = lg.first_difference(X, males["wage"], males["nr"], males["year"])
    assert list(steps.index) == ["union", "married", "exper"]
    # plm has a constant where we have exper, whose differences are 1
    steps = steps.rename(index={"exper": "constant"})
    see_table(steps, "males_fd", 1e-9, beta="beta", se="se")


def test_mundlak_and_its_equality_with_fixed_effects():
    X, males = wages()
    found = lg.mundlak(X, males["wage"], males["nr"], ["union", "married"])
    rename = {"mean of union": "mean_union", "mean of married": "mean_married"}
    see_table(found.table.rename(index=rename), "males_mundlak", 1e-5, beta="beta", se="se")
    assert found.stat == pytest.approx(numbers("males_mundlak")["wald"], rel=1e-5)
    assert found.p == pytest.approx(numbers("males_mundlak")["wald_p"], rel=1e-4)
    within = lg.fixed_effects(X.drop(columns="t"), males["wage"], males["nr"])["beta"]
    assert found.table.loc["union", "beta"] == pytest.approx(within["union"], abs=1e-8)


def test_repeated_measures_anova():
    _, data = jaws()
    table = lg.rm_anova(data["distance"], data["Subject"], data["Sex"], data["age"])
    aov = numbers("orthodont_aov")
    for row, name in [("group", "group"), ("time", "time"), ("group:time", "both")]:
        assert table.loc[row, "F"] == pytest.approx(aov[f"f_{name}"], rel=1e-9)
        assert table.loc[row, "p"] == pytest.approx(aov[f"p_{name}"], rel=1e-7)


def test_estimating_equations():
    X, data = wheeze()
    fit = lg.gee_exch(X, data["resp"], data["id"])
    see_table(fit.table, "ohio_gee", 1e-6, beta="beta", robust="robust", naive="naive")
    assert fit.alpha == pytest.approx(numbers("ohio_gee")["alpha"], rel=1e-6)
    assert fit.phi == pytest.approx(numbers("ohio_gee")["phi"], rel=1e-6)


def test_conditional_likelihood():
    X, data = wheeze()
    table = lg.conditional_logit(X, data["resp"], data["id"])
    assert list(table.index) == ["age", "age_smoke"]
    see_table(table, "ohio_clogit", 1e-7, beta="beta", se="se")
    changing = X[["age", "age_smoke"]]
    for beta, key in [([0, 0], "llf_0"), (table["beta"], "llf")]:
        found = lg.conditional_loglik(beta, changing, data["resp"], data["id"])
        assert found == pytest.approx(numbers("ohio_clogit")[key], abs=1e-8)


def test_change_and_covariance():
    data = load_dataset("anorexia")
    table = lg.change_vs_ancova(data["Prewt"], data["Postwt"], data["Treat"], "Cont")
    for name in ("change", "ancova", "post"):
        for treatment in ("CBT", "FT"):
            fit = numbers(f"anorexia_{name}")
            assert table.loc[treatment, name] == pytest.approx(fit[f"beta_Treat{treatment}"])
            assert table.loc[treatment, f"{name}_se"] == pytest.approx(fit[f"se_Treat{treatment}"])


def test_drop_out():
    wide = jaws()[1].pivot_table(index="Subject", columns="age", values="distance")
    found = lg.dropout_estimates(wide[8], wide[14].where(wide[8] <= 23))
    for name in ("complete", "available", "ml"):
        assert found[name] == pytest.approx(numbers("orthodont_dropout")[name], rel=1e-5)


# ------------------------------------------------------------------------------ other routes


def test_sandwich_and_equations_agree_with_statsmodels():
    X, data = uneven()
    codes = pd.factorize(data["person"])[0]
    ols = sm.OLS(data["y"], X).fit(cov_type="cluster", cov_kwds={"groups": codes})
    assert lg.cluster_robust_ols(X, data["y"], data["person"])["CR1"].to_numpy() == pytest.approx(
        ols.bse.to_numpy()
    )
    rows = data.sort_values("person").index
    for column, name, family in [
        ("y", "gaussian", sm.families.Gaussian()),
        ("yes", "binomial", sm.families.Binomial()),
    ]:
        gee = sm.GEE(
            data[column][rows],
            X.loc[rows],
            groups=data["person"][rows],
            family=family,
            cov_struct=sm.cov_struct.Exchangeable(),
        ).fit()
        table = lg.gee_exch(X, data[column], data["person"], name).table
        assert table["beta"].to_numpy() == pytest.approx(gee.params.to_numpy(), abs=2e-2)
        assert table["robust"].to_numpy() == pytest.approx(gee.bse.to_numpy(), rel=2e-2)


def test_deviance_is_that_of_the_dense_normal_density():
    X, data = uneven(phi=0.4)
    blocks = lg.occasion_blocks(X, data["y"], data["person"], data["time"])
    for kind, par in [("CS", [0.3]), ("AR1", [-0.4]), ("IND", [])]:
        found = lg.gls_profile(par, kind, blocks)
        R = lg.pattern_matrix(kind, par, 5) * found.r2 / found.N
        total = 0.0
        for _, own in data.groupby("person"):
            at = own["time"].to_numpy() - 1
            mean = X.loc[own.index] @ found.beta
            total += multivariate_normal.logpdf(own["y"], mean, R[np.ix_(at, at)])
        assert lg.gls_deviance(par, kind, blocks) == pytest.approx(-2 * total, abs=1e-8)


def test_two_occasions_make_deviations_and_differences_equal():
    data = panel(25, 2, link=0.7, seed=4)
    one = lg.fixed_effects(data[["x", "w"]], data["y"], data["person"])
    two = lg.first_difference(data[["x", "w"]], data["y"], data["person"], data["time"])
    pd.testing.assert_frame_equal(one, two)


def test_fixed_effects_are_dummies():
    X, data = uneven(link=0.8)
    dummies = smf.ols("y ~ x + C(person)", data).fit()
    table = lg.fixed_effects(X, data["y"], data["person"])
    assert table.loc["x", "beta"] == pytest.approx(dummies.params["x"])
    assert table.loc["x", "se"] == pytest.approx(dummies.bse["x"])


def test_anova_is_the_wald_test_of_compound_symmetry():
    data = panel(16, 3, psi=2, seed=5)
    data["group"] = data["person"].map(lambda label: int(label[1:]) % 2)
    cells = pd.get_dummies(data["group"].astype(str) + data["time"].astype(str)).astype(float)
    fit = lg.gls_pattern(cells, data["y"], data["person"], data["time"], "CS")
    contrast = np.array([[1, -1, 0, -1, 1, 0], [1, 0, -1, -1, 0, 1]])
    d = contrast @ fit.table["beta"]
    wald = d @ np.linalg.solve(contrast @ fit.cov @ contrast.T, d)
    table = lg.rm_anova(data["y"], data["person"], data["group"], data["time"])
    assert table.loc["group:time", "F"] == pytest.approx(wald / 2 * 14 / 16, rel=1e-5)


def test_conditional_likelihood_agrees_with_statsmodels_and_has_no_gradient_at_its_top():
    data = panel(60, 5, psi=2, link=0.5, keep=0.8, seed=6)
    X, args = data[["x", "w"]].assign(time=data["time"]), (data["yes"], data["person"])
    table = lg.conditional_logit(X, *args)
    changing = X[["x", "time"]]
    mixed = data.groupby("person")["yes"].transform("nunique") == 2
    other = ConditionalLogit(
        data.loc[mixed, "yes"], changing[mixed], groups=data.loc[mixed, "person"]
    ).fit(disp=0)
    assert table["beta"].to_numpy() == pytest.approx(other.params.to_numpy(), abs=1e-4)
    slope = approx_fprime(
        table["beta"].to_numpy(), lambda beta: lg.conditional_loglik(beta, changing, *args), 1e-6
    )
    assert np.abs(slope).max() < 1e-3


def test_drop_out_by_likelihood_is_the_unstructured_pattern():
    wide = two_waves(80, change=1.5, seed=7)
    rows = wide.melt(ignore_index=False, value_name="y").dropna()
    X = pd.DataFrame({"constant": 1.0, "second": (rows["variable"] == "y2") * 1.0})
    fit = lg.gls_pattern(X, rows["y"], rows.index, rows["variable"], "UN")
    ml = lg.dropout_estimates(wide["y1"], wide["y2"])["ml"]
    assert fit.table.loc["second", "beta"] == pytest.approx(ml, abs=1e-5)


def test_one_mean_before_and_an_unstructured_pattern_are_ancova():
    data = load_dataset("anorexia")
    rows = pd.concat([data.assign(post=post, y=data[f"{when}wt"]) for post, when in
                      enumerate(("Pre", "Post"))])  # fmt: skip
    X = pd.DataFrame({"constant": 1.0, "post": rows["post"]})
    for level in ("CBT", "FT"):
        X[level] = rows["post"] * (rows["Treat"] == level)
    fit = lg.gls_pattern(X, rows["y"], rows.index, rows["post"], "UN")
    assert fit.table.loc["FT", "beta"] == pytest.approx(
        numbers("anorexia_ancova")["beta_TreatFT"], rel=1e-5
    )


# ------------------------------------------------------------------------------ properties


def test_order_of_rows_and_names_of_persons_do_not_matter():
    X, data = uneven(phi=0.5)
    order = np.random.default_rng(0).permutation(len(data))
    names = data["person"].map({name: f"z{k}" for k, name in enumerate(data["person"].unique())})
    pairs = [(X, data["y"], data["person"], data["time"])]
    pairs.append(tuple(each.iloc[order] for each in (X, data["y"], names, data["time"])))
    for function in (lg.gls_pattern, lg.first_difference, lg.fixed_effects, lg.gee_exch):
        extra = {"kind": "AR1"} if function is lg.gls_pattern else {}
        extra = {"family": "gaussian"} if function is lg.gee_exch else extra
        count = 3 if function in (lg.fixed_effects, lg.gee_exch) else 4
        one, two = (function(*each[:count], **extra) for each in pairs)
        one, two = (getattr(each, "table", each) for each in (one, two))
        pd.testing.assert_frame_equal(one, two, rtol=1e-6)


def test_scale_of_the_response():
    X, data = uneven()
    for kind in ("CS", "UN"):
        one, ten = (
            lg.gls_pattern(X, k * data["y"], data["person"], data["time"], kind) for k in (1, 10)
        )
        assert ten.Sigma == pytest.approx(100 * one.Sigma, rel=1e-4)
        assert ten.deviance - one.deviance == pytest.approx(2 * len(X) * np.log(10), abs=1e-4)


@pytest.mark.parametrize("kind", ["CS", "AR1", "UN"])
def test_found_pattern_is_a_minimum(kind):
    X, data = uneven(phi=0.3)
    blocks = lg.occasion_blocks(X, data["y"], data["person"], data["time"])
    par = lg.best_par(lambda each: lg.gls_deviance(each, kind, blocks), kind, 5)
    best = lg.gls_deviance(par, kind, blocks)
    for k in range(len(par)):
        for step in (-1e-3, 1e-3):
            moved = par + step * (np.arange(len(par)) == k)
            assert lg.gls_deviance(moved, kind, blocks) > best


def test_compound_symmetry_may_be_negative():
    y, g, t = [1.0, 9.0, 8.5, 2.0, 1.5, 9.5], list("aabbcc"), [1, 2] * 3
    fit = lg.gls_pattern(pd.DataFrame({"constant": np.ones(6)}), y, g, t, "CS")
    assert fit.Sigma[0, 1] < 0


# ------------------------------------------------------------------------------ edges

BAD = {
    "one cluster": lambda X, d: lg.cluster_robust_ols(X, d["y"], ["a"] * len(d)),
    "missing": lambda X, d: lg.cluster_robust_ols(X, d["y"].where(d["y"] > 0), d["person"]),
    "lengths": lambda X, d: lg.cluster_robust_ols(X, d["y"][:-1], d["person"]),
    "array": lambda X, d: lg.cluster_robust_ols(X.to_numpy(), d["y"], d["person"]),
    "collinear": lambda X, d: lg.gls_pattern(X.assign(z=X["x"]), d["y"], d["person"], d["time"]),
    "twice": lambda X, d: lg.gls_pattern(X, d["y"], d["person"], d["time"] * 0),
    "kind": lambda X, d: lg.gls_pattern(X, d["y"], d["person"], d["time"], "TOEP"),
    "constant": lambda X, d: lg.fixed_effects(X[["w"]], d["y"], d["person"]),
    "in step": lambda X, d: lg.fixed_effects(X.assign(z=X["x"] + X["w"]), d["y"], d["person"]),
    "no column": lambda X, d: lg.mundlak(X, d["y"], d["person"], ["z"]),
    "own mean": lambda X, d: lg.mundlak(X, d["y"], d["person"], ["w"]),
    "incomplete": lambda X, d: lg.rm_anova(d["y"], d["person"], d["w"] > 0, d["time"]),
    "family": lambda X, d: lg.gee_exch(X, d["y"], d["person"], "poisson"),
    "not binary": lambda X, d: lg.gee_exch(X, d["y"], d["person"]),
    "no pairs": lambda X, d: lg.gee_exch(X, d["yes"], range(len(d))),
    "no change": lambda X, d: lg.conditional_logit(X, d["yes"] * 0, d["person"]),
    "yes or no": lambda X, d: lg.conditional_logit(X, d["yes"] * 2, d["person"]),
    "coefficients": lambda X, d: lg.conditional_loglik([1.0], X, d["yes"], d["person"]),
    "sets": lambda X, d: lg.conditional_loglik([0, 0, 0], X, d["yes"], ["a"] * len(d)),
    "reference": lambda X, d: lg.change_vs_ancova(d["x"], d["y"], d["w"] > 0, "C"),
    "gap in y1": lambda X, d: lg.dropout_estimates(d["y"].where(d["y"] > 0), d["y"]),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused(what):
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        BAD[what](*uneven())


def test_constant_columns_drop_out():
    X, data = uneven()
    assert list(lg.fixed_effects(X, data["y"], data["person"]).index) == ["x"]
    assert list(lg.first_difference(X, data["y"], data["person"], data["time"]).index) == ["x"]
    assert list(lg.conditional_logit(X, data["yes"], data["person"]).index) == ["x"]


def test_everybody_stays_makes_three_equal_estimates():
    draw = two_waves(50, change=1.0, chance=0.0, seed=8)
    found = lg.dropout_estimates(draw["y1"], draw["y2"])
    assert found.to_numpy() == pytest.approx(found["ml"])


@pytest.mark.parametrize("module", [lg, simulate])
def test_docstring_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted >= 3
    assert result.failed == 0


def test_public_results_of_lme4_agree_with_the_references():
    table = load_dataset("lme4_results").set_index(["model", "quantity", "term"])["value"]
    assert table.size == 73
    null = table.loc["hsb null"]
    stored = references.load("hw1")["fits"]["hsb_null_reml"]["numbers"]
    assert null.loc["criterion"].item() == pytest.approx(stored["criterion"], abs=1e-3)
    assert null.loc[("variance", "constant")] == pytest.approx(stored["psi"], rel=1e-4)
