"""Fixed-effects companions of the mixed model: within, first differences, between, and tests.

They answer whether a random intercept may be trusted: it must not depend on the covariates.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from hlmtools.formula import Design, build, check_rank
from hlmtools.linear import LinearModel
from hlmtools.marginal import RegressionResult, clustered, numeric_response
from hlmtools.results import LinearResult


class WaldTest(NamedTuple):
    """A chi-square test: statistic, degrees of freedom, p-value."""

    stat: float
    df: int
    p_value: float


class DroppedColumnWarning(UserWarning):
    """A column that an estimator cannot use was left out."""


def fixed_effects(
    formula: str, data: pd.DataFrame, groups: str, robust: bool = False
) -> RegressionResult:
    """Fit by least squares with an intercept for every cluster (the within estimator).

    y and X are taken as deviations from their cluster means; the residual degrees of freedom are
    N - J - k. Columns constant within every cluster are left out, with a warning.

    Parameters
    ----------
    formula
        Without random terms.
    data
        One row a level-1 unit.
    groups
        Column of the cluster labels.
    robust
        Cluster-robust covariance with the factor J/(J-1) (N-1)/(N-k).

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> fit = fixed_effects("wage ~ union + married + exper", load_dataset("males"), groups="nr")
    >>> fit.params.round(6).to_dict()
    {'union': 0.083791, 'married': 0.061038, 'exper': 0.059867}
    """
    design, codes, J = _prepare(formula, data, groups)
    X, y = _within(design.X, codes, J), _within(numeric_response(design)[:, None], codes, J)[:, 0]
    X, names = _usable(X, design, "constant within every cluster")
    df = len(y) - J - X.shape[1]
    return _ols("Fixed effects (within)", formula, X, y, names, df, codes, cluster_robust=robust)


def first_differences(
    formula: str, data: pd.DataFrame, groups: str, time: str, intercept: bool = True
) -> RegressionResult:
    """Fit by least squares on the change from one occasion to the next within a cluster.

    Parameters
    ----------
    formula
        Without random terms.
    data
        One row an occasion of a cluster.
    groups, time
        Columns of the cluster labels and the occasions.
    intercept
        Keep an intercept, a common trend, as R's plm does.

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> males = load_dataset("males")
    >>> fit = first_differences("wage ~ union + married", males, groups="nr", time="year")
    >>> fit.params.round(6).to_dict()
    {'Intercept': 0.06486, 'union': 0.042406, 'married': 0.04313}
    """
    design, codes, _ = _prepare(formula, data, groups, time)
    order = np.lexsort((data[time], codes))
    same = np.diff(codes[order]) == 0
    dX, dy = np.diff(design.X[order], axis=0)[same], np.diff(numeric_response(design)[order])[same]
    X, names = _usable(dX, design, "constant over time")
    if intercept:
        steady = np.ptp(X, axis=0) < 1e-12
        _warn_dropped([n for n, s in zip(names, steady, strict=True) if s], "a common trend")
        X = np.column_stack([np.ones(len(X)), X[:, ~steady]])
        names = ["Intercept", *(n for n, s in zip(names, steady, strict=True) if not s)]
    df = len(dy) - X.shape[1]
    return _ols("First differences", formula, X, dy, names, df, codes[order][1:][same])


def between(formula: str, data: pd.DataFrame, groups: str) -> RegressionResult:
    """Fit by least squares on the cluster means, one row a cluster.

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> fit = between("mAch ~ ses", load_dataset("hsb"), groups="school")
    >>> fit.params.round(4).to_dict()
    {'Intercept': 12.6573, 'ses': 5.9093}
    """
    design, codes, J = _prepare(formula, data, groups)
    X, y = _means(design.X, codes, J), _means(numeric_response(design)[:, None], codes, J)[:, 0]
    names = list(design.x_names)
    check_rank(X, design.x_names, "the cluster means")
    return _ols("Between", formula, X, y, names, J - X.shape[1], np.arange(J))


def hausman(fixed: Any, random: Any) -> WaldTest:
    """Test that within and random-intercept estimates agree, on the coefficients they share.

    ``d'(V_fe - V_re)^-1 d`` with d = b_fe - b_re (Hausman 1978); warns where the difference of
    the covariances is not positive definite, for then the test is not valid.

    Parameters
    ----------
    fixed
        Of :func:`fixed_effects`.
    random
        Of ``lmer`` with a random intercept.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> hsb = load_dataset("hsb")
    >>> within = fixed_effects("mAch ~ ses", hsb, groups="school")
    >>> round(hausman(within, lmer("mAch ~ ses + (1 | school)", hsb)).stat, 1)
    63.1
    """
    names = [name for name in fixed.params.index if name in random.params.index]
    if not names:
        raise ValueError("the two fits share no coefficient.")
    d = (fixed.params[names] - random.params[names]).to_numpy()
    V = (fixed.cov_params() - random.cov_params()).loc[names, names].to_numpy()
    if np.linalg.eigvalsh(V)[0] <= 0:
        warnings.warn(
            "the difference of the covariance matrices is not positive definite; "
            "use mundlak() instead.",
            UserWarning,
            stacklevel=2,
        )
    stat = float(d @ np.linalg.solve(V, d))
    return WaldTest(stat, len(names), float(chdtrc(len(names), max(stat, 0.0))))


def mundlak(
    formula: str, data: pd.DataFrame, groups: str, reml: bool = False
) -> tuple[LinearResult, WaldTest]:
    """Add the cluster means of all covariates to a random-intercept model, and test them.

    The coefficients of the covariates become the within effects, those of the means
    (``mean(x)``) the contextual effects, between minus within; that all are 0 is what the random
    intercept assumes (Mundlak 1978).

    Returns
    -------
    The fit (of ``lmer``; it predicts for its own rows only), and the Wald test of the means.

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> fit, test = mundlak("mAch ~ ses", load_dataset("hsb"), groups="school", reml=True)
    >>> fit.params.round(4).to_dict(), round(test.stat, 3)
    ({'Intercept': 12.6833, 'ses': 2.1912, 'mean(ses)': 3.675}, 94.687)
    """
    design = build(f"{formula} + (1 | {groups})", data)
    codes, J = design.terms[0].codes, len(design.terms[0].levels)
    means = _means(design.X, codes, J)[codes]
    scale = np.abs(design.X).max(axis=0)
    varies = np.abs(design.X - means).max(axis=0) > 1e-10 * scale
    names = tuple(f"mean({n})" for n, v in zip(design.x_names, varies, strict=True) if v)
    if not names:
        raise ValueError("no covariate varies within clusters; there is nothing to test.")
    X = np.column_stack([design.X, means[:, varies]])
    check_rank(X, (*design.x_names, *names), "the model with cluster means")
    numeric_response(design)
    full = Design(
        f"{formula} + cluster means + (1 | {groups})",
        design.response,
        design.y,
        X,
        (*design.x_names, *names),
        None,
        design.terms,
        design.index,
    )
    model = LinearModel.of(full, reml)
    fit = LinearResult(model, model.fit())
    return fit, wald_test(fit, list(names))


def wald_test(fit: Any, names: list[str]) -> WaldTest:
    """Test that the named coefficients are all 0.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> fit = lmer("Reaction ~ Days + (1 | Subject)", load_dataset("sleepstudy"))
    >>> round(wald_test(fit, ["Days"]).stat, 2) == round(float(fit.tvalues["Days"] ** 2), 2)
    True
    """
    unknown = [name for name in names if name not in fit.params.index]
    if unknown:
        raise ValueError(f"coefficient {unknown[0]!r} is not in the fit.")
    b, V = fit.params[names].to_numpy(), fit.cov_params().loc[names, names].to_numpy()
    stat = float(b @ np.linalg.solve(V, b))
    return WaldTest(stat, len(names), float(chdtrc(len(names), stat)))


def conditional_logit(formula: str, data: pd.DataFrame, groups: str) -> RegressionResult:
    """Fit a logistic regression given the number of successes in each cluster.

    The cluster effects drop out of the likelihood, and with them the clusters whose responses are
    all equal and the covariates that are constant within clusters.
    A thin wrapper of ``statsmodels.ConditionalLogit``, which agrees with R's ``clogit``.

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> ohio = load_dataset("ohio")
    >>> with warnings.catch_warnings(action="ignore"):
    ...     fit = conditional_logit("resp ~ age*smoke", ohio, groups="id")
    >>> fit.params.round(5).to_dict(), fit.n_groups
    ({'age': -0.21668, 'age:smoke': 0.10508}, 164)
    """
    from statsmodels.discrete.conditional_models import ConditionalLogit

    design, codes, J = _prepare(formula, data, groups)
    y = numeric_response(design)
    if not set(np.unique(y)) <= {0.0, 1.0}:
        raise ValueError(f"response {design.response!r} is not binary; code it 0/1.")
    share = _means(y[:, None], codes, J)[codes, 0]
    informative = (share > 0) & (share < 1)
    if not informative.any():
        raise ValueError("in every cluster all responses are equal; nothing can be estimated.")
    deviations = _within(design.X, codes, J)[informative]
    kept = np.abs(deviations).max(axis=0) > 1e-10 * np.abs(design.X).max(axis=0)
    names = _keep_names(design, kept, "constant within every cluster")
    X = pd.DataFrame(design.X[informative][:, kept], columns=names)
    model = ConditionalLogit(y[informative], X, groups=codes[informative])
    fit = model.fit(method="bfgs", disp=False, gtol=1e-8)
    return RegressionResult(
        title="Conditional logit",
        formula=formula,
        params=pd.Series(np.asarray(fit.params), index=names),
        cov=pd.DataFrame(np.asarray(fit.cov_params()), names, names),
        nobs=int(informative.sum()),
        n_groups=len(np.unique(codes[informative])),
        llf=float(fit.llf),
    )


# ---------------------------------------------------------------- shared steps


def _prepare(
    formula: str, data: pd.DataFrame, groups: str, *columns: str
) -> tuple[Design, np.ndarray, int]:
    design = clustered(formula, data, groups, *columns)
    return design, design.terms[0].codes, len(design.terms[0].levels)


def _means(A: np.ndarray, codes: np.ndarray, J: int) -> np.ndarray:
    sums = np.column_stack([np.bincount(codes, column, J) for column in A.T])
    return sums / np.bincount(codes, minlength=J)[:, None]


def _within(A: np.ndarray, codes: np.ndarray, J: int) -> np.ndarray:
    return A - _means(A, codes, J)[codes]


def _usable(X: np.ndarray, design: Design, why: str) -> tuple[np.ndarray, list[str]]:
    """Leave out the columns that a transformation has emptied (the intercept silently)."""
    kept = np.abs(X).max(axis=0) > 1e-10 * np.abs(design.X).max(axis=0)
    names = _keep_names(design, kept, why)
    if not names:
        raise ValueError(f"every column of the formula is {why}; nothing can be estimated.")
    check_rank(X[:, kept], tuple(names), "the transformed data")
    return X[:, kept], names


def _keep_names(design: Design, kept: np.ndarray, why: str) -> list[str]:
    pairs = list(zip(design.x_names, kept, strict=True))
    _warn_dropped([n for n, k in pairs if not k and n != "Intercept"], why)
    return [n for n, k in pairs if k]


def _warn_dropped(names: list[str], why: str) -> None:
    if names:
        warnings.warn(
            f"left out, being {why}: {', '.join(names)}.", DroppedColumnWarning, stacklevel=4
        )


def _ols(
    title: str,
    formula: str,
    X: np.ndarray,
    y: np.ndarray,
    names: list[str],
    df: int,
    codes: np.ndarray,
    cluster_robust: bool = False,
) -> RegressionResult:
    bread = np.linalg.inv(X.T @ X)
    b = bread @ (X.T @ y)
    e = y - X @ b
    scale = float(e @ e) / df
    cov = scale * bread
    J = len(np.unique(codes))
    if cluster_robust:
        scores = np.column_stack([np.bincount(codes, column * e) for column in X.T])
        factor = J / (J - 1.0) * (len(y) - 1.0) / (len(y) - X.shape[1])
        cov = factor * bread @ scores.T @ scores @ bread
    return RegressionResult(
        title=title,
        formula=formula,
        params=pd.Series(b, index=names),
        cov=pd.DataFrame(cov, names, names),
        nobs=len(y),
        n_groups=J,
        df_resid=float(df),
        scale=scale,
    )
