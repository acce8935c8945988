"""Homework 5's functions, solved: against lme4, against other routes, and at the edges."""

from __future__ import annotations

import ast
import doctest
import importlib
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from autograder import build, course, references
from hlmtools import load_dataset
from hlmtools.records import GrowthResult
from hlmtools.simulate import growth

build.use_solved()
gr = importlib.import_module("hlmtools.growth")

PSI = np.array([[9.0, 2.0], [2.0, 1.5]])


def fits() -> dict:
    return references.load("hw5")["fits"]


@cache
def egsingle() -> pd.DataFrame:
    return load_dataset("egsingle")


@cache
def fitted(name: str) -> GrowthResult:
    """One of the models of hw5.R by its name there."""
    if name.startswith("egsingle"):
        data = egsingle()
        y, g, t = data["math"], data["childid"], data["year"].to_numpy()
    elif name.startswith("sleepstudy"):
        data = load_dataset("sleepstudy")
        y, g, t = data["Reaction"], data["Subject"], data["Days"].to_numpy()
    else:
        data = load_dataset("oxboys")
        y, g, t = data["height"], data["Subject"], data["age"].to_numpy()
    t = gr.code_time(
        data["grade"] if name.endswith("grade") else t,
        origin={"start": -2.5, "end": 2.5}.get(name.rsplit("_", 1)[1], 0.0),
        unit=7 if name.endswith("weeks") else 1,
    )
    X = Z = gr.growth_design(t)
    if "groups" in name:
        X = gr.growth_design(t, data[["black", "hispanic"]])
        X = X.iloc[:, :4] if name.endswith("parallel") else X
    if "curve" in name:
        X = X.assign(square=t**2)
        Z = X if name.endswith("each") else Z
    Z = Z[["intercept"]] if name.endswith("_intercept") else Z
    return gr.growth_fit(y, X, Z, g, correlated="uncorrelated" not in name)


def simulated(seed: int = 1, missing: float = 0.25, persons: int = 40, **more) -> pd.DataFrame:
    return growth([20, 3], PSI, 4.0, [-1, 0, 1, 3], persons, seed=seed, missing=missing, **more)


def arguments(data: pd.DataFrame) -> tuple:
    X = gr.growth_design(data["t"])
    return data["y"], X, X, data["g"]


def dense(data: pd.DataFrame, X: pd.DataFrame, Psi, sigma2: float) -> np.ndarray:
    """Covariance matrix of all measurements: the slow second route."""
    Z = X.to_numpy()
    same = data["g"].to_numpy()[:, None] == data["g"].to_numpy()
    return same * (Z @ np.asarray(Psi) @ Z.T) + sigma2 * np.eye(len(data))


# ------------------------------------------------------------------------------ against lme4


@pytest.mark.parametrize(
    "name",
    [
        "egsingle_line",
        "egsingle_line_start",
        "egsingle_line_end",
        "egsingle_intercept",
        "egsingle_grade",
        "egsingle_groups",
        "egsingle_groups_parallel",
        "egsingle_curve",
        "sleepstudy_line",
        "sleepstudy_weeks",
        "oxboys_line",
        "oxboys_curve",
        "oxboys_curve_each",
    ],
)
def test_fit_agrees_with_lme4(name):
    reference = fits()[name]
    numbers, fit = reference["numbers"], fitted(name)
    assert fit.deviance <= numbers["criterion"] + 1e-6
    assert fit.deviance == pytest.approx(numbers["criterion"], abs=1e-5)
    assert fit.llf == pytest.approx(numbers["llf"], abs=1e-5)
    assert fit.sigma2 == pytest.approx(numbers["sigma2"], rel=1e-4)
    near = 1e-4 if len(fit.Psi) < 3 else 1e-3  # with three coefficients the deviance is flatter
    for k in range(len(fit.Psi)):
        for i in range(k, len(fit.Psi)):
            assert fit.Psi[i, k] == pytest.approx(numbers[f"psi_{i + 1}{k + 1}"], rel=near)
    for k, (beta, se) in enumerate(zip(fit.beta, fit.se, strict=True)):
        assert beta == pytest.approx(numbers[f"beta{k + 1}"], rel=1e-5, abs=1e-6)
        assert se == pytest.approx(numbers[f"se{k + 1}"], rel=near)
    assert fit.singular is reference["singular"]


@pytest.mark.parametrize("where", ["middle", "start"])
def test_uncorrelated_fits_agree_with_lme4(where):
    numbers = fits()[f"egsingle_uncorrelated_{where}"]["numbers"]
    fit = fitted(f"egsingle_uncorrelated_{where}")
    assert fit.deviance == pytest.approx(numbers["criterion"], abs=1e-5)
    assert fit.Psi[0, 0] == pytest.approx(numbers["psi_childid_11"], rel=1e-4)
    assert fit.Psi[1, 1] == pytest.approx(numbers["psi_childid.1_11"], rel=1e-4)
    assert fit.Psi[0, 1] == 0


@pytest.mark.parametrize("origin", [2.5, 20])
def test_no_origin_is_a_trap_for_the_minimiser(origin):
    data, line = egsingle(), fitted("egsingle_line")
    X = gr.growth_design(data["year"] - origin)
    fit = gr.growth_fit(data["math"], X, X, data["childid"])
    assert fit.deviance == pytest.approx(line.deviance, abs=1e-6)
    assert fit.Psi[1, 1] == pytest.approx(line.Psi[1, 1], rel=1e-4)
    assert not fit.singular


@pytest.mark.parametrize(("name", "c"), [("start", -2.5), ("end", 2.5)])
def test_shift_of_origin_is_the_refit(name, c):
    line, moved = fitted("egsingle_line"), fitted(f"egsingle_line_{name}")
    Psi, beta = gr.shift_time(line.Psi, line.beta, c)
    assert Psi == pytest.approx(moved.Psi, rel=2e-5)
    assert beta == pytest.approx(moved.beta.to_numpy(), rel=1e-6)
    reference = fits()[f"egsingle_line_{name}"]["numbers"]["corr_int_slope"]
    assert gr.corr_int_slope(Psi) == pytest.approx(reference, rel=1e-4)


def test_variances_and_correlations_agree_with_r():
    line, numbers = fitted("egsingle_line"), fits()["egsingle_line"]["numbers"]
    years = np.arange(-2.5, 3.0)
    found = gr.var_at(years, line.Psi, line.sigma2)
    assert found == pytest.approx([numbers[f"var_{k}"] for k in range(6)], rel=1e-5)
    found = gr.corr_at(-2.5, years[1:], line.Psi, line.sigma2)
    assert found == pytest.approx([numbers[f"corr_0{k}"] for k in range(1, 6)], rel=1e-5)


def test_gaps_reductions_and_predictions_agree_with_r():
    line, groups = fitted("egsingle_line"), fitted("egsingle_groups")
    numbers = fits()["egsingle_groups"]["numbers"]
    for where, t in (("start", -2.5), ("end", 2.5)):
        gap, se = gr.gap_at(groups, "black", "time:black", t)
        assert gap == pytest.approx(numbers[f"gap_black_{where}"], rel=1e-5)
        assert se == pytest.approx(numbers[f"se_gap_black_{where}"], rel=1e-5)
    reduction = gr.pseudo_r2(line.Psi, groups.Psi)
    assert reduction == pytest.approx((numbers["r2_intercept"], numbers["r2_slope"]), rel=1e-4)
    child = gr.trajectory_eb(line).loc["309364181"]
    numbers = fits()["egsingle_line"]["numbers"]
    assert child["intercept"] == pytest.approx(numbers["eb1_309364181"], rel=1e-5)
    assert child["time"] == pytest.approx(numbers["eb2_309364181"], rel=1e-4)


def test_deviance_off_the_optimum_agrees_with_lme4():
    cross = fitted("egsingle_line").cross
    expected = fits()["egsingle_line_off_optimum"]["numbers"]["criterion"]
    assert gr.growth_profile([1.5, 0.1, 0.3], cross).deviance == pytest.approx(expected, abs=1e-6)


# ----------------------------------------------------------------------- by a second route


@pytest.mark.parametrize("theta", [(0, 0, 0), (1, 0.4, 0.6), (0.2, -0.7, 1.5), (5, 1, 0.01)])
def test_profile_is_generalised_least_squares_with_full_matrices(theta):
    data = simulated()
    y, X, Z, g = arguments(data)
    profile = gr.growth_profile(theta, gr.cross_products(y, X, Z, g))
    Lambda = np.array([[theta[0], 0], [theta[1], theta[2]]])
    V = dense(data, X, Lambda @ Lambda.T, 1.0)
    M = X.T @ np.linalg.solve(V, X)
    beta = np.linalg.solve(M, X.T @ np.linalg.solve(V, y))
    residual = y - X.to_numpy() @ beta
    sigma2 = residual @ np.linalg.solve(V, residual) / len(y)
    density = multivariate_normal(X.to_numpy() @ beta, sigma2 * V)
    assert profile.beta == pytest.approx(beta, rel=1e-9)
    assert profile.sigma2 == pytest.approx(sigma2, rel=1e-9)
    assert profile.cov_beta == pytest.approx(sigma2 * np.linalg.inv(M), rel=1e-8)
    assert profile.deviance == pytest.approx(-2 * density.logpdf(y), abs=1e-7)


def test_predictions_are_the_conditional_means():
    data = simulated(missing=0.5)
    fit = gr.growth_fit(*arguments(data))
    _, X, Z, _ = arguments(data)
    table = gr.trajectory_eb(fit)
    solved = np.linalg.solve(dense(data, X, fit.Psi, fit.sigma2), data["y"] - X @ fit.beta)
    for person in table.index:
        rows = (data["g"] == person).to_numpy()
        expected = fit.Psi @ Z.to_numpy()[rows].T @ solved[rows]
        assert table.loc[person].to_numpy() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_variance_and_correlation_are_those_of_the_whole_matrix():
    t = np.array([-2.0, 0.0, 1.5, 4.0])
    Z = np.column_stack([np.ones(4), t])
    V = Z @ PSI @ Z.T + 0.7 * np.eye(4)
    assert gr.var_at(t, PSI, 0.7) == pytest.approx(np.diag(V))
    for i in range(4):
        for k in set(range(4)) - {i}:
            expected = V[i, k] / np.sqrt(V[i, i] * V[k, k])
            assert gr.corr_at(t[i], t[k], PSI, 0.7) == pytest.approx(expected)


def test_many_data_come_near_the_truth():
    data = growth([20, 3], PSI, 4.0, [-1, 0, 1, 3], 2000, seed=9, leave_below=15)
    fit = gr.growth_fit(*arguments(data))
    assert len(data) < 0.9 * 8000
    assert fit.beta.to_numpy() == pytest.approx([20, 3], abs=0.2)
    assert fit.Psi == pytest.approx(PSI, rel=0.15)
    assert fit.sigma2 == pytest.approx(4, rel=0.05)
    complete = data[data.groupby("g")["t"].transform("size") == 4]
    assert gr.growth_fit(*arguments(complete)).beta["intercept"] > 20.8


# ------------------------------------------------------------------------------- the minimum


@pytest.mark.parametrize("seed", range(4))
def test_no_neighbor_does_better(seed):
    fit = gr.growth_fit(*arguments(simulated(seed)))
    Lambda = np.linalg.cholesky(fit.Psi / fit.sigma2 + 1e-14 * np.eye(2))
    theta = Lambda[np.tril_indices(2)]
    random = np.random.default_rng(seed)
    for _ in range(60):
        near = theta + random.normal(0, 0.05, 3)
        assert gr.growth_profile(near, fit.cross).deviance >= fit.deviance - 1e-7


def test_singular_fits_say_so():
    data = growth([10, 2], [[4, 0], [0, 0]], 1.0, [0, 1, 2, 3], 30, seed=0, missing=0.2)
    fit = gr.growth_fit(*arguments(data))
    assert fit.singular
    assert np.linalg.det(fit.Psi) == pytest.approx(0, abs=1e-5)
    assert np.isfinite(gr.trajectory_eb(fit).to_numpy()).all()


# -------------------------------------------------------------------------------- invariance


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.1, 10), c=st.floats(-3, 3))
def test_order_labels_scale_and_origin_change_what_they_should(seed, scale, c):
    data = simulated(seed, persons=25)
    fit = gr.growth_fit(*arguments(data))
    moved = data.sample(frac=1, random_state=seed).assign(g=lambda d: "z" + d["g"].str[::-1])
    moved = moved.assign(y=scale * moved["y"], t=moved["t"] - c)
    other = gr.growth_fit(*arguments(moved))
    Psi, beta = gr.shift_time(fit.Psi, fit.beta, c)
    assert other.deviance == pytest.approx(fit.deviance + 2 * len(data) * np.log(scale), abs=1e-4)
    assert other.beta.to_numpy() == pytest.approx(scale * beta, rel=1e-3, abs=1e-3 * scale)
    size = np.abs(Psi).max()
    assert other.Psi / scale**2 == pytest.approx(Psi, abs=5e-3 * size)


@given(c=st.floats(-50, 50))
def test_shifts_keep_variances_over_time(c):
    Psi, _ = gr.shift_time(PSI, [1.0, 2.0], c)
    assert gr.var_at(1.5 - c, Psi, 0.3) == pytest.approx(gr.var_at(1.5, PSI, 0.3), rel=1e-6)
    assert gr.corr_at(1.5 - c, -c, Psi, 0.3) == pytest.approx(
        gr.corr_at(1.5, 0, PSI, 0.3), rel=1e-6
    )
    assert np.linalg.det(Psi) == pytest.approx(np.linalg.det(PSI), rel=1e-4)


# ------------------------------------------------------------------------------------- edges


def test_long_table_of_egsingle_is_egsingle():
    data = egsingle()
    wide = data.pivot_table(index="childid", columns="year", values="math")
    black = data.groupby("childid")["black"].first()
    wide = wide.set_axis([f"w{year}" for year in wide.columns], axis=1).assign(black=black)
    table = gr.person_period(wide, {f"w{t}": t for t in np.arange(-2.5, 3)}, keep=["black"])
    original = data.sort_values(["childid", "year"])
    assert table["y"].tolist() == original["math"].tolist()
    assert table["time"].tolist() == original["year"].tolist()
    assert table["black"].tolist() == original["black"].tolist()
    assert table.index.tolist() == list(range(7230))


def test_a_person_never_measured_has_no_row():
    wide = pd.DataFrame({"y0": [np.nan, 2.0], "y1": [np.nan, 3.0]}, index=["a", "b"])
    table = gr.person_period(wide, {"y1": 1.0, "y0": 0.0})
    assert table["person"].tolist() == ["b", "b"]
    assert table["y"].tolist() == [2.0, 3.0]


def test_a_person_with_one_measurement_takes_part():
    data = pd.concat([simulated(), pd.DataFrame({"y": [40.0], "t": [1.0], "g": ["one"]})])
    fit = gr.growth_fit(*arguments(data))
    assert gr.trajectory_eb(fit).loc["one"].gt(0).all()


@pytest.mark.parametrize(
    ("function", "bad"),
    [
        ("person_period", (pd.DataFrame({"y": [1.0, 2.0]}, index=["a", "a"]), {"y": 0.0})),
        ("person_period", (pd.DataFrame({"y": [1.0, 2.0]}), {"z": 0.0})),
        ("code_time", ([1.0], 0.0, -1.0)),
        ("cross_products", ([1.0, np.nan], np.ones((2, 1)), np.ones((2, 1)), ["a", "b"])),
        ("cross_products", ([1.0], np.ones((2, 1)), np.ones((2, 1)), ["a", "b"])),
        ("cross_products", ([1.0, 2.0], np.ones((2, 1)), np.ones((2, 1)), ["a", None])),
        ("growth_fit", ([1.0, 2.0], np.ones((2, 1)), np.ones((2, 1)), ["a", "a"])),
        ("growth_fit", ([1.0, 2.0, 4.0], np.ones((3, 2)), np.ones((3, 1)), ["a", "a", "b"])),
        ("shift_time", (np.eye(3), [1.0, 2.0, 3.0], 1.0)),
        ("var_at", (0.0, PSI, -1.0)),
        ("corr_at", (0.0, 1.0, np.eye(3), 1.0)),
        ("corr_int_slope", (np.diag([1.0, 0.0]),)),
        ("growth_design", ([0.0, 1.0], pd.DataFrame({"w": [1.0]}))),
        ("pseudo_r2", (np.diag([1.0, 0.0]), np.eye(2))),
    ],
)
def test_bad_input_is_refused_in_words(function, bad):
    with pytest.raises(ValueError, match=r"\w+ .*\.$"):
        getattr(gr, function)(*bad)


def test_theta_of_the_wrong_length_and_unknown_coefficients_are_refused():
    fit = gr.growth_fit(*arguments(simulated()))
    with pytest.raises(ValueError, match="needs 3 numbers"):
        gr.growth_profile([1.0, 0.0], fit.cross)
    with pytest.raises(ValueError, match="no coefficient 'boy'"):
        gr.gap_at(fit, "intercept", "boy", 1.0)


def test_negative_reductions_are_kept():
    assert gr.pseudo_r2(np.diag([4.0, 2.0]), np.diag([5.0, 1.0])) == (-0.25, 0.5)


def test_doctests():
    assert doctest.testmod(gr).failed == 0


def test_simulated_growth_refuses_what_is_no_covariance_matrix():
    for wrong in ([[1, 2], [2, 1]], [[1, 0.5], [0, 1]], [[1.0]]):
        with pytest.raises(ValueError, match="covariance matrix"):
            growth([0, 1], wrong, 1.0, [0, 1], 5)


def test_nobody_comes_back_after_leaving():
    data = growth([20, 3], PSI, 4.0, [0, 1, 2, 3], 200, seed=4, leave_below=19)
    for _, person in data.groupby("g"):
        times = np.sort(person["t"].to_numpy())
        assert times.tolist() == list(range(len(times)))
        assert (person.sort_values("t")["y"].iloc[:-1] >= 19).all()


def test_the_table_of_three_levels_in_the_notebook_is_that_of_the_references():
    source = (course.ROOT / "solutions/hw5_growth_curves/hw5.py").read_text(encoding="utf-8")
    cell = source[source.index("two_and_three = [") : source.index("pd.DataFrame(two_and_three")]
    rows = ast.literal_eval(cell.removeprefix("two_and_three = ").strip())
    two, three = (fits()[name]["numbers"] for name in ("egsingle_line", "egsingle_three_levels"))
    names = [
        ("criterion", "criterion"),
        ("beta1", "beta1"),
        ("se1", "se1"),
        ("beta2", "beta2"),
        ("se2", "se2"),
        (None, "psi_schoolid_11"),
        (None, "psi_schoolid_22"),
        ("psi_11", "psi_childid_11"),
        ("psi_22", "psi_childid_22"),
        ("sigma2", "sigma2"),
    ]
    for (_, *printed), (left, right) in zip(rows, names, strict=True):
        for text, value in zip(printed, (left and two[left], three[right]), strict=True):
            digits = len(text.partition(".")[2])
            assert text == ("" if value is None else f"{value:.{digits}f}")
