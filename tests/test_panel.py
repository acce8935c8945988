"""Fixed effects, differences, Hausman, Mundlak, conditional logit: plm, clogit, linearmodels."""

from __future__ import annotations

import doctest
import warnings

import engine_fits
import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS

from hlmtools import lmer, load_dataset, panel
from hlmtools.panel import (
    DroppedColumnWarning,
    between,
    conditional_logit,
    first_differences,
    fixed_effects,
    hausman,
    mundlak,
)

WAGE = "wage ~ union + married + exper"


def check(fit, key: str) -> None:
    wanted = engine_fits.FITS[key]["numbers"]
    for k, name in enumerate(fit.params.index, 1):
        assert fit.params[name] == pytest.approx(wanted[f"b{k}"], rel=1e-7)
        assert fit.bse[name] == pytest.approx(wanted[f"se{k}"], rel=1e-7)


def test_within_agrees_with_plm():
    check(fixed_effects(WAGE, load_dataset("males"), groups="nr"), "males_within")


def test_between_agrees_with_plm():
    check(between(WAGE, load_dataset("males"), groups="nr"), "males_between")


def test_differences_agree_with_plm():
    males = load_dataset("males").sample(frac=1.0, random_state=1)
    check(first_differences("wage ~ union + married", males, "nr", "year"), "males_fd")


def test_within_and_its_robust_errors_agree_with_linearmodels():
    males = load_dataset("males")
    ours = fixed_effects(WAGE, males, groups="nr", robust=True)
    indexed = males.set_index([males["nr"].astype(int), males["year"]])
    theirs = PanelOLS(indexed["wage"], indexed[["union", "married", "exper"]], entity_effects=True)
    fit = theirs.fit(cov_type="clustered", cluster_entity=True, debiased=False)
    assert ours.params.to_numpy() == pytest.approx(fit.params.to_numpy(), rel=1e-8)
    assert ours.bse.to_numpy() == pytest.approx(fit.std_errors.to_numpy(), rel=2e-3)
    assert ours.bse["union"] == pytest.approx(0.023089, abs=2e-5)


def test_constant_columns_are_left_out_and_said():
    males = load_dataset("males")
    with pytest.warns(DroppedColumnWarning, match="school"):
        fit = fixed_effects(WAGE + " + school", males, groups="nr")
    assert list(fit.params.index) == ["union", "married", "exper"]
    with pytest.warns(DroppedColumnWarning, match="common trend: exper"):
        fit = first_differences(WAGE, males, groups="nr", time="year")
    assert fit.params["union"] == pytest.approx(0.042406, abs=1e-6)


def test_mundlak_within_effects_are_the_fixed_effects():
    males = load_dataset("males")
    fit, test = mundlak(WAGE, males, groups="nr")
    within = fixed_effects(WAGE, males, groups="nr")
    assert fit.params[within.params.index].to_numpy() == pytest.approx(
        within.params.to_numpy(), abs=1e-8
    )
    assert test.df == 3


def test_published_hausman_and_mundlak():
    """Homework 2: Hausman 63.1386 with the REML fit, 63.4030 with ML; Mundlak 94.6867."""
    hsb = load_dataset("hsb")
    within = fixed_effects("mAch ~ ses", hsb, groups="school")
    reml, ml = (lmer("mAch ~ ses + (1 | school)", hsb, reml=r) for r in (True, False))
    assert hausman(within, reml).stat == pytest.approx(63.1386, abs=1e-3)
    assert hausman(within, ml).stat == pytest.approx(63.4030, abs=1e-3)
    fit, test = mundlak("mAch ~ ses", hsb, groups="school", reml=True)
    assert test.stat == pytest.approx(94.6867, abs=1e-3)
    assert fit.params["mean(ses)"] == pytest.approx(3.675002, abs=1e-5)


def test_hausman_warns_where_it_is_not_valid():
    hsb = load_dataset("hsb")
    within = fixed_effects("mAch ~ ses", hsb, groups="school")
    worse = lmer("mAch ~ ses + (ses | school)", hsb)
    with pytest.warns(UserWarning, match="not positive definite"):
        hausman(within, worse)


def test_conditional_logit_agrees_with_clogit():
    wanted = engine_fits.FITS["ohio_clogit"]["numbers"]
    with pytest.warns(DroppedColumnWarning, match="smoke"):
        fit = conditional_logit("resp ~ age * smoke", load_dataset("ohio"), groups="id")
    assert fit.params.to_numpy() == pytest.approx([wanted["b1"], wanted["b2"]], abs=1e-6)
    assert fit.bse.to_numpy() == pytest.approx([wanted["se1"], wanted["se2"]], rel=1e-4)
    assert fit.llf == pytest.approx(wanted["llf"], abs=1e-6)
    assert fit.n_groups == 164


def test_row_order_and_shift_do_not_count():
    hsb = load_dataset("hsb")
    a = fixed_effects("mAch ~ ses", hsb, groups="school")
    shuffled = hsb.sample(frac=1.0, random_state=1).assign(mAch=lambda d: d["mAch"] + 100)
    b = fixed_effects("mAch ~ ses", shuffled, groups="school")
    assert a.params["ses"] == pytest.approx(b.params["ses"], rel=1e-10)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda d: fixed_effects("y ~ w", d, "g"), "nothing can be estimated"),
        (lambda d: fixed_effects("y ~ x + I(x + w)", d, "g"), "collinear"),
        (lambda d: conditional_logit("x ~ y", d, "g"), "'x' is not binary"),
        (lambda d: conditional_logit("w ~ x", d, "g"), "all responses are equal"),
        (lambda d: mundlak("y ~ w", d, "g"), "nothing to test"),
    ],
)
@pytest.mark.filterwarnings("ignore::hlmtools.panel.DroppedColumnWarning")
def test_refusals(call, words):
    rng = np.random.default_rng(1)
    g = np.repeat([0, 1, 2, 3], 5)
    data = pd.DataFrame({"y": rng.standard_normal(20), "x": np.arange(20.0) ** 1.5, "g": g})
    with pytest.raises(ValueError, match=words):
        call(data.assign(w=(g % 2).astype(float)))


def test_examples_in_docstrings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert doctest.testmod(panel).failed == 0
