"""Inference for mixed models: intervals, tests, degrees of freedom, robust covariances, R2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.special import binom, chdtrc, ndtri, stdtr

from hlmtools.linear import LinearModel, Optimum, guarded, jacobian
from hlmtools.results import covariances


class LRTResult(NamedTuple):
    """A likelihood-ratio test: statistic, difference in parameters, p-value, reference law."""

    stat: float
    df: int
    p_value: float
    reference: str


def wald_interval(fit: Any, level: float = 0.95) -> pd.DataFrame:
    """Estimate -+ z standard errors, for the fixed effects.

    There is none for variances: their estimates are far from normal.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> one = pd.Series([2.0], index=["x"])
    >>> wald_interval(SimpleNamespace(params=one, bse=one / 2)).round(2).to_numpy().tolist()
    [[0.04, 3.96]]
    """
    z = ndtri((1.0 + _checked_level(level)) / 2.0)
    return pd.DataFrame({"lower": fit.params - z * fit.bse, "upper": fit.params + z * fit.bse})


# ---------------------------------------------------------------- likelihood-ratio tests


def lrt(smaller: Any, larger: Any) -> LRTResult:
    """Test a smaller model within a larger one by their likelihoods.

    A variance under test stands at the boundary of its range, so for one more random effect
    beside q others the statistic follows an equal mixture of chi2_q and chi2_(q+1)
    (Self & Liang 1987; Stram & Lee 1994): the p-value is the mean of the two tails.

    Parameters
    ----------
    smaller, larger
        Fits to the same data; ``smaller=None`` means the larger model without random effects.

    Raises
    ------
    ValueError
        For REML fits with different fixed effects (their likelihoods are of different data), for
        REML against ML, and where the models do not have the same rows or are not nested.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> fit = lmer("Yield ~ 1 + (1 | Batch)", load_dataset("dyestuff"), reml=False)
    >>> test = lrt(None, fit)
    >>> round(test.stat, 4), round(test.p_value, 4), test.reference
    (5.4028, 0.0101, '0.5 chi2_0 + 0.5 chi2_1')
    """
    if smaller is None:
        stat = larger.model.deviance_without_random() - larger.deviance
        return _mixture(stat, 0, *_counts(larger))
    _check_comparable(smaller, larger)
    stat = smaller.deviance - larger.deviance
    fixed = len(larger.params) - len(smaller.params)
    (v0, c0), (v1, c1) = _counts(smaller), _counts(larger)
    if fixed < 0 or v1 < v0 or c1 < c0 or fixed + v1 - v0 + c1 - c0 == 0:
        raise ValueError("the first fit must be the smaller model, nested in the second.")
    return _mixture(stat, fixed, v1 - v0, c1 - c0)


def _counts(fit: Any) -> tuple[int, int]:
    """Number of variances and of covariances in the random part."""
    sizes = [len(term.names) for term in fit.model.design.terms]
    return sum(sizes), sum(q * (q - 1) // 2 for q in sizes)


def _mixture(stat: float, fixed: int, variances: int, covariances: int) -> LRTResult:
    df = fixed + variances + covariances
    free = fixed + covariances
    if variances == 0 or (variances > 1 and covariances):
        weights = {df: 1.0}  # with several correlated variances chi2_df is conservative
    else:
        weights = {free + k: binom(variances, k) / 2.0**variances for k in range(variances + 1)}
    p = sum(w * (chdtrc(k, max(stat, 0.0)) if k else float(stat <= 0)) for k, w in weights.items())
    terms = (f"{w:g} chi2_{k}" for k, w in weights.items())
    name = f"chi2_{df}" if len(weights) == 1 else " + ".join(terms)
    return LRTResult(float(stat), df, 1.0 if stat <= 0 else float(p), name)


def _check_comparable(a: Any, b: Any) -> None:
    if a.nobs != b.nobs or not np.array_equal(a.model.design.y, b.model.design.y):
        raise ValueError("the two fits are of different data; fit both to the same rows.")
    reml_a, reml_b = getattr(a, "reml", False), getattr(b, "reml", False)
    if reml_a != reml_b:
        raise ValueError("one fit is REML, the other ML; fit both with reml=False.")
    if reml_a and list(a.params.index) != list(b.params.index):
        raise ValueError(
            "REML likelihoods of models with different fixed effects cannot be compared; "
            "refit both with reml=False."
        )


# ---------------------------------------------------------------- profile likelihood


def profile_interval(fit: Any, level: float = 0.95) -> pd.DataFrame:
    """Profile-likelihood intervals of all parameters.

    A value is inside where some parameters have it and a deviance within z^2 of the minimum
    (Bates et al. 2015, section 5.1.2).
    So the ends of an interval are the largest and the smallest value that the parameter takes in
    the region ``d(x) <= d_min + z^2``; each is found by one constrained search that starts at
    the end of the Wald interval.
    A REML fit is refitted by ML, as lme4 does.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> fit = lmer("Yield ~ 1 + (1 | Batch)", load_dataset("dyestuff"))
    >>> fit.conf_int("profile").round(2)
                           lower    upper
    sd(Intercept|Batch)    12.20    84.06
    sigma                  38.23    67.66
    Intercept            1486.45  1568.55
    """
    region = _Region.of(fit.model, fit.optimum, float(ndtri((1.0 + _checked_level(level)) / 2.0)))
    ends = pd.DataFrame(
        {side: [region.end(k, sign) for k in range(len(region.names))] for side, sign in _SIDES},
        index=region.names,
    )
    for term in fit.model.design.terms:
        sd = [f"sd({name}|{term.key})" for name in term.names]
        for a, b in _pairs(len(sd)):  # any correlation goes with a variance of 0
            if not ends.loc[[sd[a], sd[b]], "lower"].all():
                ends.loc[f"cor({term.names[a]},{term.names[b]}|{term.key})"] = -1.0, 1.0
    return ends


_SIDES = (("lower", -1.0), ("upper", 1.0))


def parameter_names(model: Any) -> list[str]:
    """Standard deviations and correlations, term by term, ``sigma``, and the fixed effects."""
    names = []
    for term in model.design.terms:
        names += [f"sd({name}|{term.key})" for name in term.names]
        pairs = _pairs(len(term.names))
        names += [f"cor({term.names[a]},{term.names[b]}|{term.key})" for a, b in pairs]
    sigma = ["sigma"] if isinstance(model, LinearModel) else []
    return [*names, *sigma, *model.design.x_names]


def _values(model: Any, lambdas: Any, scale: float, params: np.ndarray) -> np.ndarray:
    """Parameters in the order of :func:`parameter_names`."""
    spread = [_spread(psi) for psi in covariances(model, lambdas, scale).values()]
    sigma = [np.sqrt(scale)] if isinstance(model, LinearModel) else []
    return np.concatenate([*spread, sigma, params])


def _spread(psi: np.ndarray) -> np.ndarray:
    """Standard deviations, then correlations, of a covariance matrix."""
    sd = np.sqrt(np.diag(psi))
    scale = np.outer(sd, sd)
    C = np.divide(psi, scale, out=np.zeros_like(scale), where=scale > 0)
    return np.array([*sd, *(np.clip(C[a, b], -1.0, 1.0) for a, b in _pairs(len(sd)))])


def _pairs(q: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(q) for b in range(a + 1, q)]


@dataclass(frozen=True, eq=False)
class _Region:
    """Parameters ``best + root v`` of a deviance near d_min + |v|^2, and how far v may go: z."""

    model: Any
    function: Callable
    best: np.ndarray
    root: np.ndarray
    lowest: float
    z: float
    names: list[str]

    @classmethod
    def of(cls, model: Any, optimum: Optimum, z: float) -> _Region:
        """The region round an optimum; of a linear model the one of ML, beta and sigma included."""
        if isinstance(model, LinearModel):
            theta = (replace(model, reml=False).fit() if model.reml else optimum).theta
            model = replace(model, reml=False)
            end = model.end(theta)[1]
            best = np.concatenate([theta, [np.log(end.rss / model.n) / 2.0], end.coef])
            function: Any = model.full_deviance
        else:
            best, function = optimum.theta, model.likelihood(model.n_agq)
        hessian = jacobian(lambda x: function(x)[1], best, 1e-5)
        values, vectors = np.linalg.eigh(hessian)
        root = vectors * np.sqrt(2.0 / np.maximum(values, 2.0))
        lowest = function(best)[0]
        return cls(model, guarded(function), best, root, lowest, z, parameter_names(model))

    def room(self, v: np.ndarray) -> tuple[float, np.ndarray]:
        """How far the deviance may still rise, and its gradient."""
        deviance, slope = self.function(self.best + self.root @ v)
        return self.lowest + self.z**2 - deviance, -self.root.T @ slope

    def values(self, v: np.ndarray) -> np.ndarray:
        """All parameters; the squares of standard deviations, which are smooth at 0."""
        x, model = self.best + self.root @ v, self.model
        scale, beta = model.scale_and_beta(x)
        found = _values(model, model.lambdas(x), scale, beta)
        return np.where(self.squared, found**2, found)

    @property
    def squared(self) -> np.ndarray:
        """Which of the parameters are standard deviations of random effects."""
        return np.array([name.startswith("sd(") for name in self.names])

    def end(self, k: int, sign: float) -> float:
        """The largest (sign = 1) or smallest (-1) value of parameter k in the region."""
        centre = np.zeros(len(self.best))
        slope = jacobian(self.values, centre)[k]
        start = slope if slope.any() else np.ones(len(centre))
        start = sign * self.z * start / np.linalg.norm(start)
        unit = abs(self.values(start)[k] - self.values(centre)[k]) or 1.0
        found = optimize.minimize(
            lambda v: -sign * self.values(v)[k] / unit,
            start,
            jac=lambda v: -sign * jacobian(self.values, v)[k] / unit,
            method="SLSQP",
            bounds=[(-6.0 * self.z, 6.0 * self.z)] * len(start),
            constraints={
                "type": "ineq",
                "fun": lambda v: self.room(v)[0],
                "jac": lambda v: self.room(v)[1],
            },
            options={"ftol": 1e-7, "maxiter": 50},
        )
        return self._shown(k, sign, found)

    def _shown(self, k: int, sign: float, found: Any) -> float:
        """Where the region still has room the end is a natural one; nan where none was found."""
        value = float(self.values(found.x)[k]) if found.success else np.nan
        inside = self.room(found.x)[0] > 1e-6
        if self.squared[k]:
            return 0.0 if inside else float(np.sqrt(value))
        return sign if inside and self.names[k].startswith("cor(") else value


# ---------------------------------------------------------------- parametric bootstrap


def bootstrap(
    fit: Any,
    n_sim: int = 500,
    seed: int = 0,
    processes: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Parametric bootstrap: simulate from the fit, refit, keep every parameter.

    Parameters
    ----------
    fit
        A fit of ``lmer`` or ``glmer``.
    n_sim
        Number of simulated data sets.
    seed
        Start of the random numbers; the result does not depend on ``processes``.
    processes
        Number of processes that share the work.
    progress
        Show a progress bar.

    Returns
    -------
    One row a simulation; standard deviations, correlations, sigma and fixed effects.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> fit = lmer("Yield ~ 1 + (1 | Batch)", load_dataset("dyestuff"))
    >>> bootstrap(fit, n_sim=4, seed=1, progress=False).shape
    (4, 3)
    """
    if n_sim < 1:
        raise ValueError(f"n_sim is {n_sim}; at least one simulation is needed.")
    seeds = np.random.SeedSequence(seed).spawn(n_sim)
    task = partial(_one_bootstrap, fit)
    if processes == 1:
        rows = list(_shown(map(task, seeds), n_sim, progress))
    else:
        with ProcessPoolExecutor(processes) as pool:
            rows = list(_shown(pool.map(task, seeds, chunksize=8), n_sim, progress))
    return pd.DataFrame(rows, columns=parameter_names(fit.model))


def bootstrap_interval(fit: Any, level: float = 0.95, **options: Any) -> pd.DataFrame:
    """Percentile intervals of :func:`bootstrap`."""
    tail = (1.0 - _checked_level(level)) / 2.0
    ends = bootstrap(fit, **options).quantile([tail, 1.0 - tail]).T
    return ends.set_axis(["lower", "upper"], axis=1)


def _one_bootstrap(fit: Any, seed: np.random.SeedSequence) -> np.ndarray:
    drawn = fit.model.simulate(fit, np.random.default_rng(seed))
    return _values(drawn.model, drawn._lambdas, drawn.scale, drawn.params.to_numpy())


def _shown(rows: Iterable, total: int, progress: bool) -> Iterable:
    if not progress:
        return rows
    from rich.progress import track

    return track(rows, description="bootstrap", total=total)


# ---------------------------------------------------------------- degrees of freedom


def satterthwaite(fit: Any, contrast: Any = None) -> pd.DataFrame:
    """t tests of the fixed effects with Satterthwaite's degrees of freedom.

    For a contrast c, with V = c'Cov(b)c as a function of the variance parameters, g its gradient
    and A their asymptotic covariance: ``df = 2 V^2 / g'Ag`` (Kuznetsova, Brockhoff & Christensen
    2017, J. Stat. Software 82:13, eq. 4).

    Parameters
    ----------
    fit
        A fit of ``lmer``.
    contrast
        Matrix with one row a contrast of the fixed effects; without it each effect by itself.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> fit = lmer("Reaction ~ Days + (Days | Subject)", load_dataset("sleepstudy"))
    >>> satterthwaite(fit)["df"].round(3).tolist()
    [17.0, 17.0]
    """
    model = fit.model
    if not isinstance(model, LinearModel):
        raise ValueError("Satterthwaite's degrees of freedom are for lmer fits; use z tests here.")
    names = list(fit.params.index)
    given = contrast is not None
    L = np.atleast_2d(np.asarray(contrast, dtype=float)) if given else np.eye(len(names))
    if L.shape[1] != len(names):
        raise ValueError(f"contrast has {L.shape[1]} columns; the model has {len(names)} effects.")
    labels = [f"contrast {k + 1}" for k in range(len(L))] if given else names
    estimate, variance = L @ fit.params.to_numpy(), np.diag(L @ fit.cov_params().to_numpy() @ L.T)
    df = _satterthwaite_df(fit, L @ np.linalg.solve(model.R, np.eye(model.p)))
    t = estimate / np.sqrt(variance)
    table = {"coef": estimate, "std err": np.sqrt(variance), "df": df, "t": t}
    return pd.DataFrame({**table, "p_value": 2.0 * stdtr(df, -np.abs(t))}, index=labels)


def _satterthwaite_df(fit: Any, L: np.ndarray) -> np.ndarray:
    """``2 V^2 / (g'A g + 2 V^2 / N*)`` for contrasts L of the orthonormal columns.

    V(theta) = r2/N* L M^-1 L' has sigma2 profiled out, g is its gradient and A = 2 H^-1 the
    covariance of theta; given theta, log sigma2 has variance 2/N*.
    """
    model, theta = fit.model, fit.optimum.theta
    size = model.n - model.p if model.reml else model.n

    def variances(at: np.ndarray) -> np.ndarray:
        here = model.end(at)[1]
        return here.rss / size * np.einsum("kp,pq,kq->k", L, here.M_inverse, L)

    hessian = jacobian(lambda at: model.deviance(at)[1], theta)
    A = 2.0 * np.linalg.pinv(hessian, rcond=1e-8, hermitian=True)
    V, g = variances(theta), jacobian(variances, theta)
    return 2.0 * V**2 / (np.einsum("ki,ij,kj->k", g, A, g) + 2.0 * V**2 / size)


# ---------------------------------------------------------------- robust covariances


def cluster_robust(fit: Any, kind: str = "CR0") -> pd.DataFrame:
    """Sandwich covariance of the fixed effects, clusters of the topmost grouping factor.

    ``M^-1 [sum_j X_j'V_j^-1 A_j e_j e_j' A_j' V_j^-1 X_j] M^-1`` with M = X'V^-1 X.
    CR0 (Liang & Zeger 1986) has A_j = I. CR2 (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018)
    takes the A_j that makes it unbiased where the model's V is right, for few clusters.

    Parameters
    ----------
    fit
        A fit of ``lmer`` with nested grouping factors.
    kind
        ``"CR0"`` or ``"CR2"``.

    Raises
    ------
    ValueError
        For another kind, and for crossed grouping factors.

    Examples
    --------
    With X = Z and an unstructured Psi, ML and CR0 give the very same standard errors.

    >>> from hlmtools import lmer, load_dataset
    >>> data = load_dataset("sleepstudy")
    >>> fit = lmer("Reaction ~ Days + (Days | Subject)", data, reml=False)
    >>> robust = np.sqrt(np.diag(cluster_robust(fit)))
    >>> robust.round(4).tolist(), fit.bse.round(4).tolist()
    ([6.6323, 1.5022], [6.6323, 1.5022])
    """
    if kind not in ("CR0", "CR2"):
        raise ValueError(f"kind {kind!r} must be 'CR0' or 'CR2'.")
    X = fit.model.design.X
    e = fit.model.design.y - X @ fit.params.to_numpy()
    bread = fit.cov_params().to_numpy()
    scores = []
    for rows, V in _cluster_covariances(fit):
        residual = _bell_mccaffrey(V, X[rows], bread, e[rows]) if kind == "CR2" else e[rows]
        scores.append(X[rows].T @ np.linalg.solve(V, residual))
    S = np.array(scores)
    names = fit.params.index
    return pd.DataFrame(bread @ S.T @ S @ bread, index=names, columns=names)


def _bell_mccaffrey(V: np.ndarray, X: np.ndarray, bread: np.ndarray, e: np.ndarray) -> np.ndarray:
    """A e with A = D'(D (V - X M^-1 X') D')^(+1/2) D and V = D'D."""
    D = np.linalg.cholesky(V).T
    values, vectors = np.linalg.eigh(D @ (V - X @ bread @ X.T) @ D.T)
    kept = values > 1e-10 * values.max()
    half = (vectors[:, kept] / np.sqrt(values[kept])) @ vectors[:, kept].T
    return D.T @ (half @ (D @ e))


def _cluster_covariances(fit: Any) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Rows and V_j = sigma2 I + sum Z Psi Z' of every cluster of the topmost factor."""
    if not isinstance(fit.model, LinearModel):
        raise ValueError("robust covariances are for lmer fits; for binary data use gee().")
    blocks = fit.model.blocks
    top = min(blocks, key=lambda block: len(block.levels))
    for block in blocks:
        pairs = pd.DataFrame({"own": block.codes, "top": top.codes}).drop_duplicates()
        if len(pairs) > len(block.levels):
            raise ValueError(
                f"{block.terms[0].group!r} is crossed with {top.terms[0].group!r}; "
                "a sandwich needs grouping factors nested in one another."
            )
    order = np.argsort(top.codes, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(top.codes))[:-1]):
        V = fit.scale * np.eye(len(rows))
        for block, lam in zip(blocks, fit._lambdas, strict=True):
            ZL = block.Z[rows] @ lam
            same = block.codes[rows][:, None] == block.codes[rows]
            V += fit.scale * same * (ZL @ ZL.T)
        yield rows, V


# ---------------------------------------------------------------- R2


def r2_levels(null: Any, fit: Any) -> pd.Series:
    """Proportional reduction of the variance at both levels, against a null model.

    Raudenbush & Bryk: ``1 - psi/psi0`` (level 2) and ``1 - sigma2/sigma2_0`` (level 1).
    Snijders & Bosker: the same of ``psi + sigma2`` (level 1) and of ``psi + sigma2/n``, n the
    harmonic mean of the cluster sizes (level 2). They may be negative, and are not clipped.

    Examples
    --------
    >>> from hlmtools import lmer, load_dataset
    >>> hsb = load_dataset("hsb")
    >>> null = lmer("mAch ~ 1 + (1 | school)", hsb)
    >>> r2_levels(null, lmer("mAch ~ ses + meanses + (1 | school)", hsb)).round(4).tolist()
    [0.6874, 0.0544, 0.6243, 0.1686]
    """
    (psi0, s0), (psi1, s1) = ((each.intercept_variance(), each.scale) for each in (null, fit))
    n = 1.0 / np.mean(1.0 / np.bincount(fit.model.blocks[0].codes))
    return pd.Series(
        {
            "R&B level 2": 1.0 - psi1 / psi0,
            "R&B level 1": 1.0 - s1 / s0,
            "S&B level 2": 1.0 - (psi1 + s1 / n) / (psi0 + s0 / n),
            "S&B level 1": 1.0 - (psi1 + s1) / (psi0 + s0),
        }
    )


def _checked_level(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it must lie between 0 and 1, such as 0.95.")
    return level
