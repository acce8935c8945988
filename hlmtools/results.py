"""Result objects of fits: plain, frozen records with statsmodels' names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd


class AnovaComponents(NamedTuple):
    """One-way ANOVA estimates of the variance components (all but n0 in squared units of y).

    Examples
    --------
    >>> AnovaComponents(psi=4.0, sigma2=9.0, msb=49.0, msw=9.0, n0=10.0).psi
    4.0
    """

    psi: float
    sigma2: float
    msb: float
    msw: float
    n0: float


@dataclass(frozen=True, eq=False)
class VCResult:
    """A fitted variance-components model y_ij = beta + zeta_j + epsilon_ij.

    Attributes
    ----------
    beta
        Overall mean of the cluster means, in units of y.
    se
        Standard error of beta given psi and sigma2, in units of y.
    psi, sigma2
        Between-cluster and within-cluster variance, in squared units of y.
    deviance
        lme4's REML criterion, or -2 log-likelihood under maximum likelihood.
    reml
        True where the fit is by restricted maximum likelihood.
    singular
        True where the criterion is smallest at psi = 0.
    stats
        The sufficient statistics: one row a cluster, columns n, mean, ssw.
    """

    beta: float
    se: float
    psi: float
    sigma2: float
    deviance: float
    reml: bool
    singular: bool
    stats: pd.DataFrame

    @property
    def llf(self) -> float:
        """Log-likelihood (restricted under REML): minus half the deviance."""
        return -self.deviance / 2

    @property
    def nobs(self) -> int:
        """Number of level-1 units."""
        return int(self.stats["n"].sum())

    @property
    def n_groups(self) -> int:
        """Number of clusters."""
        return len(self.stats)


@dataclass(frozen=True, eq=False)
class CrossProducts:
    """Sums of products of a two-level data set: all that a linear mixed model asks of the rows.

    Attributes
    ----------
    clusters
        Labels of the J clusters, sorted.
    n
        Size n_j of each cluster, shape (J,).
    ZZ, ZX, Zy
        Z_j'Z_j, Z_j'X_j and Z_j'y_j of each cluster, shapes (J, q, q), (J, q, p) and (J, q).
    XX, Xy, yy
        X'X, X'y and y'y over all rows, shapes (p, p), (p,) and a number.
    """

    clusters: pd.Index
    n: np.ndarray
    ZZ: np.ndarray
    ZX: np.ndarray
    Zy: np.ndarray
    XX: np.ndarray
    Xy: np.ndarray
    yy: float

    @property
    def nobs(self) -> int:
        """Number of level-1 units."""
        return int(self.n.sum())

    @property
    def n_groups(self) -> int:
        """Number of clusters."""
        return len(self.n)


class LMMProfile(NamedTuple):
    """What is left of a linear mixed model at a given theta, with beta and sigma2 solved for.

    Attributes
    ----------
    beta
        Best fixed coefficients at this theta, shape (p,).
    r2
        Penalized residual sum of squares, in squared units of y.
    M
        X'V^-1 X times sigma2, shape (p, p).
    log_det
        log |V / sigma2|, summed over clusters.
    """

    beta: np.ndarray
    r2: float
    M: np.ndarray
    log_det: float


@dataclass(frozen=True, eq=False)
class LMMResult:
    """A fitted linear mixed model y_j = X_j beta + Z_j zeta_j + epsilon_j, one grouping factor.

    Attributes
    ----------
    beta, se
        Fixed coefficients and their standard errors given the variances, shape (p,).
    Psi
        Covariance matrix of a cluster's random coefficients, shape (q, q).
    sigma2
        Variance within clusters, in squared units of y.
    theta
        Free entries of the relative factor Lambda, column by column.
    deviance
        lme4's REML criterion, or -2 log-likelihood under maximum likelihood.
    reml
        True where the fit is by restricted maximum likelihood.
    singular
        True where Psi has no inverse: a variance is 0, or a correlation is -1 or 1.
    stats
        The sums of products it was fitted to.
    """

    beta: np.ndarray
    se: np.ndarray
    Psi: np.ndarray
    sigma2: float
    theta: np.ndarray
    deviance: float
    reml: bool
    singular: bool
    stats: CrossProducts

    @property
    def llf(self) -> float:
        """Log-likelihood (restricted under REML): minus half the deviance."""
        return -self.deviance / 2

    @property
    def nobs(self) -> int:
        """Number of level-1 units."""
        return self.stats.nobs

    @property
    def n_groups(self) -> int:
        """Number of clusters."""
        return self.stats.n_groups
