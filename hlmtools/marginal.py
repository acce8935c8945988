"""Marginal models: generalized estimating equations and GLS with patterned covariance.

They describe the mean over the population and treat the dependence within clusters as a nuisance
(GEE) or as a covariance matrix over time (GLS), without random effects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, stdtr, stdtrit

from hlmtools.formula import Design, build, check_values, unknown_column
from hlmtools.linear import minimise, orthonormal

PATTERNS = ("IND", "CS", "AR1", "UN")
_STRUCTURES = {"exchangeable": "Exchangeable", "independence": "Independence"}
_FAMILIES = {"binomial": "Binomial", "poisson": "Poisson", "gaussian": "Gaussian"}


def gee(
    formula: str,
    data: pd.DataFrame,
    groups: str,
    family: str = "binomial",
    correlation: str = "exchangeable",
) -> RegressionResult:
    """Fit a marginal model by generalized estimating equations (Liang & Zeger 1986).

    A thin wrapper of ``statsmodels.GEE``, which agrees with R's geepack.
    Covariances are the robust (sandwich) ones; the model-based ones are in ``details``.

    Parameters
    ----------
    formula
        Without random terms.
    data
        One row a level-1 unit, in any order.
    groups
        Column of the cluster labels.
    family
        ``"binomial"``, ``"poisson"`` or ``"gaussian"``.
    correlation
        Working correlation, ``"exchangeable"`` or ``"independence"``. (Autoregressive ones
        differ between programs, and are not offered.)

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> fit = gee("resp ~ age*smoke", load_dataset("ohio"), groups="id")
    >>> fit.params.round(4).to_list(), fit.bse.round(4).to_list()
    ([-1.9005, -0.1412, 0.3138, 0.0708], [0.1191, 0.0582, 0.1878, 0.0883])
    """
    import statsmodels.api as sm

    structure = _one_of("correlation", correlation, _STRUCTURES)
    law = _one_of("family", family, _FAMILIES)
    design = clustered(formula, data, groups)
    X = pd.DataFrame(design.X, columns=list(design.x_names))
    y = numeric_response(design)
    family_of, structure_of = getattr(sm.families, law), getattr(sm.cov_struct, structure)
    model = sm.GEE(
        y, X, groups=design.terms[0].codes, family=family_of(), cov_struct=structure_of()
    )
    fit = model.fit(maxiter=200, ctol=1e-10)
    alpha = float(np.ravel(fit.cov_struct.dep_params)[0]) if correlation == "exchangeable" else 0.0
    return RegressionResult(
        title=f"GEE, {family}, {correlation} working correlation",
        formula=formula,
        params=fit.params,
        cov=pd.DataFrame(fit.cov_params(), index=X.columns, columns=X.columns),
        nobs=len(y),
        n_groups=len(design.terms[0].levels),
        scale=float(fit.scale),
        details={"working correlation": alpha, "cov_naive": fit.cov_naive},
    )


def gls(
    formula: str,
    data: pd.DataFrame,
    groups: str,
    time: str,
    pattern: str = "UN",
    heteroscedastic: bool = False,
    reml: bool = False,
) -> RegressionResult:
    """Fit a linear model with a patterned residual covariance over occasions, as ``nlme::gls``.

    The T occasions are the sorted values of ``time``; a cluster may lack some of them.

    Parameters
    ----------
    formula
        Without random terms.
    data
        One row an occasion of a cluster.
    groups, time
        Columns of the cluster labels and the occasions.
    pattern
        ``"IND"`` no correlation; ``"CS"`` one correlation rho; ``"AR1"`` rho^lag, lag counted in
        occasions; ``"UN"`` any covariance matrix.
    heteroscedastic
        A variance of its own for every occasion (``"UN"`` always has).
    reml
        Restricted maximum likelihood instead of maximum likelihood.

    Returns
    -------
    RegressionResult
        ``details["covariance"]`` is the estimated (T, T) matrix; ``"rho"``, ``"aic"``, ``"bic"``.

    Raises
    ------
    ValueError
        For another pattern, or two rows of one cluster at the same time.

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> fit = gls("distance ~ Sex*age", load_dataset("orthodont"), "Subject", "age", "CS")
    >>> round(fit.llf, 4)
    -214.3195
    """
    if pattern not in PATTERNS:
        raise ValueError(f"pattern {pattern!r} must be one of {', '.join(PATTERNS)}.")
    design = clustered(formula, data, groups, time)
    y = numeric_response(design)
    X, R = orthonormal(design.X)
    b = X.T @ y / len(X)
    scale = float(np.sqrt(np.mean((y - X @ b) ** 2)))
    occasions, times = pd.factorize(data[time], sort=True)
    W = np.column_stack([X, (y - X @ b) / scale])
    stacks = _stacks(W, design.terms[0].codes, occasions, f"{groups!r} at the same {time!r}")
    shape = _Pattern(pattern, len(times), heteroscedastic)
    model = _Gls(stacks, shape, len(y), X.shape[1], reml)
    optimum = minimise(model, shape.start(), ())
    end = model.end(optimum.theta)
    sigma2 = scale**2 * end.rss / model.size
    deviance = optimum.deviance + 2.0 * model.size * np.log(scale)
    deviance += 2.0 * np.log(np.diagonal(R)).sum() if reml else 0.0
    names, R_inverse = list(design.x_names), np.linalg.inv(R)
    return RegressionResult(
        title=f"GLS, {pattern} covariance, {'REML' if reml else 'ML'}",
        formula=formula,
        params=pd.Series(R_inverse @ (b + scale * end.coef), index=names),
        cov=pd.DataFrame(sigma2 * R_inverse @ end.inverse @ R_inverse.T, names, names),
        nobs=len(y),
        n_groups=len(design.terms[0].levels),
        llf=float(-deviance / 2.0),
        scale=sigma2,
        details=_gls_details(model, optimum, sigma2, deviance, times),
    )


def _gls_details(
    model: _Gls, optimum: Any, sigma2: float, deviance: float, times: Any
) -> dict[str, Any]:
    k = model.p + len(optimum.theta) + 1
    covariance = sigma2 * model.shape.matrix(optimum.theta)
    return {
        "rho": model.shape.rho(optimum.theta),
        "covariance": pd.DataFrame(covariance, times, times),
        "aic": float(deviance + 2.0 * k),
        "bic": float(deviance + np.log(model.size) * k),
        "converged": optimum.converged,
    }


def _one_of(what: str, given: str, known: dict[str, str]) -> str:
    if given not in known:
        raise ValueError(f"{what} {given!r} must be one of {', '.join(known)}.")
    return known[given]


# ---------------------------------------------------------------- GLS


def clustered(formula: str, data: pd.DataFrame, groups: str, *columns: str) -> Design:
    """Matrices of a formula without random terms, the clusters as its only term.

    Further columns that the model uses are checked too.

    Examples
    --------
    >>> data = pd.DataFrame({"y": [1.0, 2.0], "x": [0, 1], "g": ["a", "b"]})
    >>> design = clustered("y ~ x", data, "g")
    >>> design.x_names, design.terms[0].codes.tolist()
    (('Intercept', 'x'), [0, 1])
    """
    if "|" in formula:
        raise ValueError(f"formula {formula!r} has a random term; this model takes none.")
    design = build(f"{formula} + (1 | `{groups}`)", data)
    for column in columns:
        if column not in data.columns:
            raise ValueError(unknown_column(column, data))
        check_values(column, data[column])
    return design


def numeric_response(design: Any) -> np.ndarray:
    """The response as floats, or an error that names it."""
    if design.y.dtype == object:
        raise ValueError(f"response {design.response!r} is not numeric; code it as a number.")
    return design.y.astype(float)


@dataclass(frozen=True)
class _Pattern:
    """The (T, T) covariance, relative to sigma2, as a function of free parameters."""

    kind: str
    T: int
    heteroscedastic: bool

    def start(self) -> np.ndarray:
        """Independence, or for one correlation a small positive one."""
        if self.kind == "UN":
            return np.eye(self.T)[np.tril_indices(self.T)][1:]
        ratios = np.zeros(self.T - 1) if self.heteroscedastic else np.empty(0)
        return ratios if self.kind == "IND" else np.append(0.0, ratios)

    def rho(self, x: np.ndarray) -> float:
        """The correlation of CS or AR1; 0 for IND, nan for UN."""
        if self.kind == "UN":
            return float("nan")
        if self.kind == "IND":
            return 0.0
        low = -1.0 / (self.T - 1) if self.kind == "CS" else -1.0
        return float(low + (1.0 - low) * expit(x[0]))

    def matrix(self, x: np.ndarray) -> np.ndarray:
        """Relative covariance; the variance at the first occasion is 1."""
        if self.kind == "UN":
            L = np.zeros((self.T, self.T))
            L[np.tril_indices(self.T)] = np.append(1.0, x)
            return L @ L.T
        lag = np.abs(np.subtract.outer(np.arange(self.T), np.arange(self.T)))
        power = lag if self.kind == "AR1" else np.minimum(lag, 1)
        C = np.power(self.rho(x), power)
        if not self.heteroscedastic:
            return C
        sd = np.exp(np.append(0.0, x[-(self.T - 1) :]))
        return C * np.outer(sd, sd)

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """Derivatives of the matrix by each parameter, (k, T, T), by central differences."""
        steps = 1e-6 * np.eye(len(x))
        found = [(self.matrix(x + h) - self.matrix(x - h)) / 2e-6 for h in steps]
        return np.array(found).reshape(-1, self.T, self.T)


def _stacks(
    W: np.ndarray, clusters: np.ndarray, occasions: np.ndarray, where: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Collect clusters seen at the same occasions: (occasions (t,), W (J', t, w))."""
    order = np.lexsort((occasions, clusters))
    groups = np.split(order, np.cumsum(np.bincount(clusters))[:-1])
    by_pattern: dict[tuple[int, ...], list[np.ndarray]] = {}
    for rows in groups:
        seen = tuple(int(t) for t in occasions[rows])
        if len(set(seen)) < len(seen):
            raise ValueError(f"two rows of one cluster {where}; each occasion may stand once.")
        by_pattern.setdefault(seen, []).append(rows)
    return [(np.array(seen), W[np.array(rows)]) for seen, rows in by_pattern.items()]


@dataclass(frozen=True, eq=False)
class _End:
    """GLS solution: coefficients, (X'V^-1 X)^-1, weighted residual sum of squares, dd/dV."""

    deviance: float
    coef: np.ndarray
    inverse: np.ndarray
    rss: float
    G: np.ndarray


@dataclass(frozen=True, eq=False)
class _Gls:
    """Profiled deviance; the same algebra as :func:`hlmtools.linear.criterion`, V given."""

    stacks: list[tuple[np.ndarray, np.ndarray]]
    shape: _Pattern
    n: int
    p: int
    reml: bool

    @property
    def size(self) -> int:
        """n, or n - p under REML."""
        return self.n - self.p if self.reml else self.n

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        end = self.end(x)
        return end.deviance, np.einsum("ab,kab->k", end.G, self.shape.slopes(x))

    def end(self, x: np.ndarray) -> _End:
        """Everything at covariance parameters x."""
        V, p, size = self.shape.matrix(x), self.p, self.size
        inverses = [np.linalg.inv(V[np.ix_(seen, seen)]) for seen, _ in self.stacks]
        H = np.zeros((p + 1, p + 1))
        logdet = 0.0
        for (seen, W), VI in zip(self.stacks, inverses, strict=True):
            H += np.tensordot(W, VI @ W, axes=([0, 1], [0, 1]))
            logdet += len(W) * np.linalg.slogdet(V[np.ix_(seen, seen)])[1]
        lower = np.linalg.cholesky(H)
        inner = np.linalg.inv(lower[:p, :p])
        inverse, coef, rss = inner.T @ inner, inner.T @ lower[p, :p], lower[p, p] ** 2
        deviance = logdet + size * (1.0 + np.log(2.0 * np.pi * rss / size))
        residual = np.append(-coef, 1.0)
        Q = size / rss * np.outer(residual, residual)
        if self.reml:
            deviance += 2.0 * np.log(np.diagonal(lower)[:p]).sum()
            Q[:p, :p] += inverse
        G = np.zeros_like(V)
        for (seen, W), VI in zip(self.stacks, inverses, strict=True):
            E = VI @ W
            G[np.ix_(seen, seen)] += len(W) * VI - np.tensordot(E @ Q, E, axes=([0, 2], [0, 2]))
        return _End(float(deviance), coef, inverse, float(rss), G)


# ---------------------------------------------------------------- result


@dataclass(frozen=True, eq=False, repr=False)
class RegressionResult:
    """A regression with its covariance: GEE, GLS, fixed effects, differences, conditional logit.

    Attributes
    ----------
    title, formula
        What was fitted.
    params, cov
        Coefficients and their covariance matrix.
    nobs, n_groups
        Rows and clusters that count in the fit.
    df_resid
        Residual degrees of freedom for t tests; infinite where z tests are meant.
    llf
        Log-likelihood (restricted under REML), nan where the method has none.
    scale
        Residual variance.
    details
        What is particular to the method, by name.

    Examples
    --------
    >>> from hlmtools import load_dataset
    >>> from hlmtools.panel import fixed_effects
    >>> fit = fixed_effects("mAch ~ cses", load_dataset("hsb"), groups="school")
    >>> fit.params.round(4).to_dict(), fit.bse.round(4).to_dict()
    ({'cses': 2.1912}, {'cses': 0.1086})
    """

    title: str
    formula: str
    params: pd.Series
    cov: pd.DataFrame
    nobs: int
    n_groups: int
    df_resid: float = math.inf
    llf: float = math.nan
    scale: float = math.nan
    details: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<RegressionResult {self.title}: {self.formula!r}>"

    def __str__(self) -> str:
        return self.summary()

    def cov_params(self) -> pd.DataFrame:
        """Covariance matrix of the coefficients."""
        return self.cov

    @property
    def bse(self) -> pd.Series:
        """Standard errors."""
        return pd.Series(np.sqrt(np.diag(self.cov)), index=self.params.index)

    @property
    def tvalues(self) -> pd.Series:
        """Estimates divided by their standard errors."""
        return self.params / self.bse

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided, from t with ``df_resid`` degrees of freedom."""
        t = -np.abs(self.tvalues.to_numpy())
        return pd.Series(2.0 * stdtr(min(self.df_resid, 1e10), t), index=self.params.index)

    @property
    def deviance(self) -> float:
        """-2 log-likelihood."""
        return -2.0 * self.llf

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Wald intervals, columns ``lower`` and ``upper``."""
        t = stdtrit(min(self.df_resid, 1e10), (1.0 + level) / 2.0)
        return pd.DataFrame(
            {"lower": self.params - t * self.bse, "upper": self.params + t * self.bse}
        )

    def summary(self) -> str:
        """A table of the fit."""
        rule = "=" * 78
        table = pd.DataFrame(
            {"coef": self.params, "std err": self.bse, "t": self.tvalues, "P>|t|": self.pvalues}
        ).join(self.conf_int())
        lines = [f"{self.title:^78}".rstrip(), rule, f"Formula: {self.formula}"]
        lines += [f"Observations: {self.nobs}   Clusters: {self.n_groups}", "-" * 78]
        lines += [table.to_string(float_format=lambda value: f"{value:.4f}"), "-" * 78]
        numbers = {k: v for k, v in self.details.items() if isinstance(v, (int, float))}
        lines += [f"{key}: {value:.6g}" for key, value in numbers.items()]
        return "\n".join([*lines, rule])
