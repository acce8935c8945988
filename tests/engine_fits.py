"""The fits of autograder/references/engine.json, made by our own engine, and how to compare."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from autograder import references
from hlmtools import glmer, lmer, load_dataset

FITS = references.load("engine")["fits"]

LINEAR = {
    "hsb_null_reml": "mAch ~ 1 + (1 | school)",
    "hsb_slope_reml": "mAch ~ cses + (cses | school)",
    "hsb_full_reml": "mAch ~ meanses * cses + sector * cses + (cses | school)",
    "hsb_context_ml": "mAch ~ ses + meanses + (1 | school)",
    "hsb_three_reml": "mAch ~ cses + minrty + (cses + minrty | school)",
    "sleep_slope_reml": "Reaction ~ Days + (Days | Subject)",
    "sleep_slope_ml": "Reaction ~ Days + (Days | Subject)",
    "sleep_uncorrelated_reml": "Reaction ~ Days + (Days || Subject)",
    "sleep_intercept_reml": "Reaction ~ Days + (1 | Subject)",
    "sleep_slope_only_ml": "Reaction ~ Days + (0 + Days | Subject)",
    "dyestuff_reml": "Yield ~ 1 + (1 | Batch)",
    "dyestuff_ml": "Yield ~ 1 + (1 | Batch)",
    "dyestuff2_reml": "Yield ~ 1 + (1 | Batch)",
    "dyestuff2_ml": "Yield ~ 1 + (1 | Batch)",
    "rail_reml": "travel ~ 1 + (1 | Rail)",
    "bdf_slope_ml": "langPOST ~ IQ_verb + (IQ_verb | schoolNR)",
    "exam_slope_ml": "normexam ~ standLRT + (standLRT | school)",
    "exam_cross_ml": "normexam ~ standLRT * schavg + (standLRT | school)",
    "exam_sex_reml": "normexam ~ standLRT + sex + (sex | school)",
    "exam_three_ml": "normexam ~ standLRT + sex + (standLRT + sex | school)",
    "oxboys_three_reml": "height ~ age + I(age^2) + (age + I(age^2) | Subject)",
    "orthodont_slope_reml": "distance ~ Sex * age + (age | Subject)",
    "males_slope_ml": "wage ~ union + married + exper + (exper | nr)",
    "egsingle_growth_ml": "math ~ year + (year | childid)",
    "egsingle_nested_ml": "math ~ year + (1 | schoolid/childid)",
    "egsingle_three_level_ml": "math ~ year + (year | childid) + (year | schoolid)",
    "hsb_large_reml": "mAch ~ cses + (cses | school)",
    "scotssec_crossed_reml": "attain ~ verbal + (1 | primary) + (1 | second)",
    "scotssec_crossed_slope_ml": "attain ~ verbal + sex + (verbal | primary) + (1 | second)",
}
_USE = "use ~ urban + age + livch + (1 | district)"
_OHIO = "resp ~ age * smoke + (1 | id)"
GENERALIZED: dict[str, tuple[str, dict[str, Any]]] = {
    **{f"contraception_{k}": (_USE, {"n_agq": k}) for k in (1, 3, 7, 25)},
    "contraception_slope": ("use ~ urban + age + livch + (urban | district)", {}),
    **{f"ohio_{k}": (_OHIO, {"n_agq": k}) for k in (1, 25, 51)},
    "cells_binomial": ("users / women ~ urban + livch + (1 | district)", {}),
    "cells_poisson": ("users ~ urban + livch + (1 | district)", {"family": "poisson"}),
    "cells_poisson_two": (
        "users ~ urban + livch + (1 | district) + (1 | cell)",
        {"family": "poisson"},
    ),
    "scotssec_binary": ("high ~ I(verbal / 10) + sex + (1 | primary) + (1 | second)", {}),
}


@cache
def contraception_cells() -> pd.DataFrame:
    """Users and women by district, number of children and residence."""
    keys = ["urban", "livch", "district"]
    grouped = load_dataset("contraception").groupby(keys, observed=True)["use"]
    cells = grouped.agg(users="sum", women="size").reset_index().sort_values(keys)
    return cells.assign(cell=[f"{k:03d}" for k in range(1, len(cells) + 1)])


@cache
def data_of(key: str) -> pd.DataFrame:
    """The data of a fit, with the columns its script makes."""
    if key.startswith("cells"):
        return contraception_cells()
    data = load_dataset(FITS[key]["data"])
    if key == "hsb_large_reml":
        return pd.concat([_moved_copy(data, k) for k in range(10)], ignore_index=True)
    return data.assign(high=(data["attain"] >= 7).astype(int)) if "scotssec" in key else data


def _moved_copy(hsb: pd.DataFrame, k: int) -> pd.DataFrame:
    """The pupils in schools of their own, each score moved by a sine (engine.R has the same)."""
    moved = hsb["mAch"] + np.sin(np.arange(1, len(hsb) + 1) + k)
    return hsb.assign(school=hsb["school"] + f"_{k}", mAch=moved)


@cache
def fitted(key: str) -> Any:
    """Our fit of the model of that name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if key in LINEAR:
            return lmer(LINEAR[key], data_of(key), reml=FITS[key]["reml"])
        formula, options = GENERALIZED[key]
        if "poisson" in key:
            options = {**options, "offset": np.log(data_of(key)["women"])}
        return glmer(formula, data_of(key), **options)


def numbers_of(fit: Any, group_modes: bool = True) -> dict[str, float]:
    """Our numbers under the names of engine.json."""
    found = {"criterion": fit.deviance, "llf": fit.llf}
    if fit.scale != 1.0:
        found["sigma2"] = fit.scale
    for k, name in enumerate(fit.params.index, 1):
        found[f"b{k}"], found[f"se{k}"] = fit.params[name], fit.bse[name]
    for key, psi in fit.cov_re.items():
        for a in range(len(psi)):
            for b in range(a + 1):
                found[f"cov_{key}_{a + 1}{b + 1}"] = psi.iloc[a, b]
    groups: dict[str, list[pd.DataFrame]] = {}
    for term in fit.model.design.terms:
        groups.setdefault(term.group, []).append(fit.random_effects[term.key])
    for group, frames in groups.items():
        modes = pd.concat(frames, axis=1)
        for cluster in modes.index[:3]:
            for a, value in enumerate(modes.loc[cluster], 1):
                found[f"mode_{group}_{cluster}_{a}"] = value
    return found


def allowed(name: str, wanted: dict[str, float]) -> float:
    """How far one of our numbers may be from R's: the issue's tolerances, by kind of number."""
    size = abs(wanted[name])
    if name.startswith("b"):
        return 1e-5 * wanted[f"se{name[1:]}"]
    if name.startswith("cov_"):
        key, (a, b) = name[4:-3], name[-2:]
        scale = np.sqrt(abs(wanted[f"cov_{key}_{a}{a}"] * wanted[f"cov_{key}_{b}{b}"]))
        return 1e-4 * scale + 1e-9
    if name.startswith("mode_"):
        group, effect = name.split("_")[1], name[-1]
        spread = wanted.get(f"cov_{group}_{effect}{effect}")
        if spread is None:  # the second of two terms of one factor
            spread = wanted[f"cov_{group}.{int(effect) - 1}_11"]
        return 1e-4 * np.sqrt(spread) + 1e-7
    return {"criterion": 1e-6 * size, "llf": 5e-7 * size}.get(name, 1e-4 * size)


def misfits(key: str, fit: Any, widen: float = 1.0) -> dict[str, tuple[float, float]]:
    """Numbers that are farther from R's than allowed: name -> (ours, R's)."""
    wanted, ours = FITS[key]["numbers"], numbers_of(fit)
    return {
        name: (ours[name], wanted[name])
        for name in wanted.keys() & ours.keys()
        if abs(ours[name] - wanted[name]) > widen * allowed(name, wanted)
    }
