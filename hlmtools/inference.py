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

from hlmtools.linear import (
    Criterion,
    LinearModel,
    criterion,
    eliminate,
    jacobian,
    lower_root,
    minimise,
    pack,
)


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
    """Profile-likelihood intervals of all parameters of a linear mixed model.

    A value t is inside where ``d(t) - d_min <= z^2``, d(t) the ML deviance minimised over all
    other parameters (Bates et al. 2015, section 5.1.2); a REML fit is refitted by ML, as lme4
    does.

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
    if not isinstance(fit.model, LinearModel):
        raise ValueError("profile intervals are for lmer fits; use method='wald' or 'boot' here.")
    z = float(ndtri((1.0 + _checked_level(level)) / 2.0))
    model = replace(fit.model, reml=False)
    best = minimise(model.deviance, fit.optimum.theta, model.blocks)
    components = Components.of(model, best.theta)
    rows = {
        name: components.interval(k, best.deviance, z) for k, name in enumerate(components.names)
    }
    for k, name in enumerate(model.design.x_names):
        rows[name] = _fixed_interval(model, best, k, z)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["lower", "upper"])


def component_names(model: LinearModel) -> list[str]:
    """Names of the standard deviations and correlations, term by term, and ``sigma``."""
    names = []
    for block in model.blocks:
        for term in block.terms:
            names += [f"sd({name}|{term.key})" for name in term.names]
            names += [
                f"cor({term.names[a]},{term.names[b]}|{term.key})"
                for a, b in _pairs(len(term.names))
            ]
    return [*names, "sigma"]


def component_values(fit: Any) -> np.ndarray:
    """Standard deviations and correlations in the order of :func:`component_names`."""
    values: list[float] = []
    for block in fit.model.blocks:
        for term in block.terms:
            psi = fit.cov_re[term.key].to_numpy()
            sd = np.sqrt(np.diag(psi))
            values += list(sd)
            for a, b in _pairs(len(sd)):
                scale = sd[a] * sd[b]
                values.append(float(np.clip(psi[a, b] / scale, -1, 1)) if scale > 0 else 0.0)
    return np.array([*values, np.sqrt(fit.scale)])


def _pairs(q: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(q) for b in range(a + 1, q)]


@dataclass(frozen=True, eq=False)
class Components:
    """The deviance of a model as a function of its standard deviations and correlations.

    ``free`` parameters, for a search without bounds: a standard deviation may be negative (only
    its square counts), a correlation is sin(a), sigma is exp(s); all in units of ``units``.
    """

    model: LinearModel
    names: list[str]
    units: np.ndarray
    best: np.ndarray

    @classmethod
    def of(cls, model: LinearModel, theta: np.ndarray) -> Components:
        """Set out from the estimates."""
        units: list[float] = []
        for block in model.blocks:
            for R in block.R:
                units += list(model.y_scale / np.linalg.norm(R, axis=0))
                units += [1.0] * len(_pairs(len(R)))
        units.append(model.y_scale)
        estimate = component_values(_Estimate(model, theta))
        return cls(model, component_names(model), np.array(units), estimate / units)

    def interval(self, k: int, deviance: float, z: float) -> tuple[float, float]:
        """Both ends for component k."""
        name, centre = self.names[k], float(self.best[k])
        low, high = (-1.0, 1.0) if name.startswith("cor(") else (0.0, np.inf)
        profile = _Profile(partial(self._profiled, k), deviance, self._to_free(self.best))
        step = 0.05 * max(abs(centre), 0.5)
        ends = [profile.end(centre, -z, low, step), profile.end(centre, z, high, step)]
        return ends[0] * self.units[k], ends[1] * self.units[k]

    def _profiled(self, k: int, value: float, start: np.ndarray) -> tuple[float, np.ndarray]:
        """Deviance with component k held at value, minimised over the others."""
        others = np.arange(len(self.best)) != k
        held = self.best.copy()
        held[k] = value
        held = self._to_free(held)

        def function(x: np.ndarray) -> tuple[float, np.ndarray]:
            full = held.copy()
            full[others] = x
            d, slope = self.deviance(full)
            return d, slope[others]

        d, x = _search(function, self._inside(start)[others])
        held[others] = x
        return d, held

    def deviance(self, free: np.ndarray) -> tuple[float, np.ndarray]:
        """Deviance and gradient by the free parameters."""
        values, inner = self._from_free(free)
        sigma2 = values[-1] ** 2
        model = self.model
        lambdas: list[np.ndarray] = []
        derivatives = []
        start = 0
        for block in model.blocks:
            lam = np.zeros((block.q, block.q))
            for R, columns in zip(block.R, block.slices, strict=True):
                stop = start + len(R) + len(_pairs(len(R)))
                psi, d_psi = _covariance(values[start:stop] * self.units[start:stop], len(R))
                omega = R @ psi @ R.T / model.y_scale**2 / sigma2
                if np.linalg.eigvalsh(omega)[0] < -1e-10:
                    return np.inf, np.zeros_like(free)
                lam[columns, columns] = lower_root(omega)
                unit = self.units[start:stop, None, None] / model.y_scale**2 / sigma2
                derivatives.append((columns, len(lambdas), R @ (d_psi * unit) @ R.T))
                start = stop
            lambdas.append(lam)
        here = criterion(eliminate(model.products, lambdas), model.n, False, sigma2)
        slope = [np.sum(here.G[b][c, c] * d, axis=(1, 2)) for c, b, d in derivatives]
        slope.append(np.array([self._sigma_slope(here, lambdas, sigma2)]))
        return here.deviance + model.constant, np.concatenate(slope) * inner

    def _sigma_slope(self, here: Criterion, lambdas: list, sigma2: float) -> float:
        """dd/dsigma, Omega = Psi / sigma2 moving with it."""
        trace = sum(np.sum(G * (lam @ lam.T)) for G, lam in zip(here.G, lambdas, strict=True))
        return float(2.0 * (self.model.n - here.rss / sigma2 - trace) / np.sqrt(sigma2))

    def _inside(self, free: np.ndarray) -> np.ndarray:
        """Move a start off zero variances and perfect correlations, where slopes vanish."""
        free, kinds = free.copy(), self._kinds()
        sd, cor = kinds == "sd", kinds == "co"
        free[sd] = np.maximum(np.abs(free[sd]), 0.05)
        free[cor] = np.arcsin(0.95 * np.sin(free[cor]))
        return free

    def _kinds(self) -> np.ndarray:
        return np.array([name[:2] for name in self.names])

    def _to_free(self, values: np.ndarray) -> np.ndarray:
        free, kinds = values.copy(), self._kinds()
        free[kinds == "co"] = np.arcsin(values[kinds == "co"])
        free[kinds == "si"] = np.log(values[kinds == "si"])
        return free

    def _from_free(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and their derivatives by the free parameters."""
        values, slope, kinds = free.copy(), np.ones_like(free), self._kinds()
        values[kinds == "co"], slope[kinds == "co"] = (
            np.sin(free[kinds == "co"]),
            np.cos(free[kinds == "co"]),
        )
        values[kinds == "si"] = slope[kinds == "si"] = np.exp(free[kinds == "si"])
        return values, slope


class _Estimate:
    """cov_re and scale of a model at theta, for :func:`component_values`."""

    def __init__(self, model: LinearModel, theta: np.ndarray) -> None:
        from hlmtools.results import LinearResult

        shown = LinearResult(model, type("End", (), {"theta": theta}))
        self.model, self.cov_re, self.scale = model, shown.cov_re, shown.scale


def _covariance(values: np.ndarray, q: int) -> tuple[np.ndarray, np.ndarray]:
    """Psi = D C D from standard deviations and correlations, and its derivatives by each."""
    D, C = np.diag(values[:q]), np.eye(q)
    for (a, b), rho in zip(_pairs(q), values[q:], strict=True):
        C[a, b] = C[b, a] = rho
    slopes = np.zeros((len(values), q, q))
    for k in range(q):
        unit = np.zeros((q, q))
        unit[k, k] = 1.0
        slopes[k] = unit @ C @ D + D @ C @ unit
    for k, (a, b) in enumerate(_pairs(q)):
        slopes[q + k, a, b] = slopes[q + k, b, a] = values[a] * values[b]
    return D @ C @ D, slopes


class _Profile:
    """zeta(t) = sqrt(d(t) - d_min) on one side of the estimate, and where it reaches z.

    ``function(t, start)`` gives d(t) and its solution; every search starts from the solution at
    the farthest t known to be inside.
    """

    def __init__(self, function: Callable, deviance: float, start: np.ndarray) -> None:
        self.function, self.deviance, self.start = function, deviance, start

    def end(self, centre: float, z: float, bound: float, step: float) -> float:
        """Step outwards past the crossing, then interpolate; the bound where there is none."""
        sign, target = np.sign(z), abs(z)
        last = bound - sign * 1e-7 * max(1.0, abs(bound)) if np.isfinite(bound) else bound
        inside, solution = (centre, 0.0), self.start
        outside: tuple[float, float] | None = None
        t = centre + sign * step
        for k in range(100):
            t = min(t, last) if sign > 0 else max(t, last)
            d, point = self.function(t, solution)
            zeta = np.sqrt(max(d - self.deviance, 0.0))
            if abs(zeta - target) < 1e-6:
                break
            if zeta > target:
                outside = (t, zeta)
            elif t == last:
                return bound
            else:
                inside, solution = (t, zeta), point
            t = (
                inside[0] + sign * step * 1.6**k
                if outside is None
                else _between(inside, outside, target, halve=k % 4 == 3)
            )
        return t


def _between(
    inside: tuple[float, float], outside: tuple[float, float], target: float, halve: bool
) -> float:
    """Where the straight line between two points of zeta meets the target, or the middle."""
    share = 0.5 if halve else (target - inside[1]) / (outside[1] - inside[1])
    return inside[0] + share * (outside[0] - inside[0])


def _fixed_interval(model: LinearModel, best: Any, k: int, z: float) -> tuple[float, float]:
    """Profile interval of one fixed effect, in its own units."""
    reduced = criterion(eliminate(model.products, model.lambdas(best.theta)), model.n, False)
    inverse = np.linalg.solve(model.R, np.eye(model.p))
    centre = model.beta_ols[k] + model.y_scale * inverse[k] @ reduced.coef
    unit = model.y_scale * np.sqrt(inverse[k] @ reduced.M_inverse @ inverse[k])
    unit *= np.sqrt(reduced.rss / model.n)
    others, _ = np.linalg.qr(np.delete(model.R, k, axis=1))

    def profiled(t: float, start: np.ndarray) -> tuple[float, np.ndarray]:
        # y - t x_k on the other columns: a linear change of the columns of W
        shift = (model.R @ model.beta_ols - (centre + t * unit) * model.R[:, k]) / model.y_scale
        C = np.zeros((model.p + 1, model.p))
        C[:-1, :-1], C[:-1, -1], C[-1, -1] = others, shift - others @ (others.T @ shift), 1.0
        held = replace(model, products=model.products.times(C))
        lambdas = model.lambdas(start)
        inside = [lam + np.diag(0.05 * (np.abs(np.diag(lam)) < 0.05)) for lam in lambdas]
        return _search(held.deviance, pack(inside, model.blocks))

    profile = _Profile(profiled, best.deviance, best.theta)
    low, high = (profile.end(0.0, side, side * np.inf, z) for side in (-z, z))
    return centre + unit * low, centre + unit * high


def _search(function: Callable, start: np.ndarray) -> tuple[float, np.ndarray]:
    if not len(start):
        return function(start)[0], start
    options = {"ftol": 1e-12, "gtol": 1e-5}
    found = optimize.minimize(function, start, jac=True, method="L-BFGS-B", options=options)
    return float(found.fun), found.x


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
    task = partial(_one_bootstrap, fit.model.simulator(fit))
    if processes == 1:
        rows = list(_shown(map(task, seeds), n_sim, progress))
    else:
        with ProcessPoolExecutor(processes) as pool:
            rows = list(_shown(pool.map(task, seeds, chunksize=8), n_sim, progress))
    names = component_names(fit.model)
    if not fit._n_scale:
        names = names[:-1]
    return pd.DataFrame(rows, columns=[*names, *fit.params.index])


def bootstrap_interval(fit: Any, level: float = 0.95, **options: Any) -> pd.DataFrame:
    """Percentile intervals of :func:`bootstrap`."""
    tail = (1.0 - _checked_level(level)) / 2.0
    ends = bootstrap(fit, **options).quantile([tail, 1.0 - tail]).T
    return ends.set_axis(["lower", "upper"], axis=1)


def _one_bootstrap(simulator: Callable, seed: np.random.SeedSequence) -> np.ndarray:
    fit = simulator(np.random.default_rng(seed))
    components = component_values(fit)
    return np.concatenate([components[: len(components) - 1 + fit._n_scale], fit.params])


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
    """L in the orthonormal columns. Parameters: theta, and sigma in units of ``y_scale``."""
    model = fit.model
    at = np.append(fit.optimum.theta, np.sqrt(fit.scale) / model.y_scale)

    def gradient(x: np.ndarray) -> np.ndarray:
        lambdas, sigma = model.lambdas(x[:-1]), x[-1]
        here = criterion(eliminate(model.products, lambdas), model.n, model.reml, sigma**2)
        size = model.n - model.p if model.reml else model.n
        slopes = [2.0 * G @ lam for G, lam in zip(here.G, lambdas, strict=True)]
        return np.append(pack(slopes, model.blocks), 2.0 * size / sigma - 2.0 * here.rss / sigma**3)

    def variances(x: np.ndarray) -> np.ndarray:
        here = model.end(x[:-1])[1]
        return x[-1] ** 2 * np.einsum("kp,pq,kq->k", L, here.M_inverse, L)

    values, vectors = np.linalg.eigh(jacobian(gradient, at))
    kept = values > 1e-8 * values.max()
    A = 2.0 * (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    g = np.stack(
        [(variances(at + h) - variances(at - h)) / 2e-4 for h in 1e-4 * np.eye(len(at))], axis=1
    )
    return 2.0 * variances(at) ** 2 / np.einsum("ki,ij,kj->k", g, A, g)


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
    (psi0, s0), (psi1, s1) = _intercept_variance(null), _intercept_variance(fit)
    n = 1.0 / np.mean(1.0 / np.bincount(fit.model.blocks[0].codes))
    return pd.Series(
        {
            "R&B level 2": 1.0 - psi1 / psi0,
            "R&B level 1": 1.0 - s1 / s0,
            "S&B level 2": 1.0 - (psi1 + s1 / n) / (psi0 + s0 / n),
            "S&B level 1": 1.0 - (psi1 + s1) / (psi0 + s0),
        }
    )


def _intercept_variance(fit: Any) -> tuple[float, float]:
    terms = fit.model.design.terms
    if len(terms) != 1 or terms[0].names != ("Intercept",):
        raise ValueError("R2 by level is for random-intercept models of one grouping factor.")
    return float(fit.cov_re[terms[0].key].iloc[0, 0]), fit.scale


def _checked_level(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it must lie between 0 and 1, such as 0.95.")
    return level
