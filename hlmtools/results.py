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
    """What a linear mixed model needs to know of the data: sums, over all rows and by cluster.

    Attributes
    ----------
    XX, Xy, yy
        X'X (p, p), X'y (p,) and y'y (a number), over all rows.
    ZZ, ZX, Zy
        Z_j'Z_j (J, q, q), Z_j'X_j (J, q, p) and Z_j'y_j (J, q), one slice a cluster.
    nobs
        Number of rows N.
    labels
        The J cluster labels, sorted; slice j of ZZ belongs to labels[j].
    x_names, z_names
        Names of the columns of X and of Z.
    """

    XX: np.ndarray
    Xy: np.ndarray
    yy: float
    ZZ: np.ndarray
    ZX: np.ndarray
    Zy: np.ndarray
    nobs: int
    labels: tuple
    x_names: tuple
    z_names: tuple


class GrowthProfile(NamedTuple):
    """The best that a linear mixed model can do for a given theta, by maximum likelihood.

    deviance is -2 log-likelihood, sigma2 the variance within persons, beta (p,) the fixed
    coefficients and cov_beta (p, p) their covariance matrix.

    Examples
    --------
    >>> GrowthProfile(12.5, 2.0, np.zeros(1), np.eye(1)).sigma2
    2.0
    """

    deviance: float
    sigma2: float
    beta: np.ndarray
    cov_beta: np.ndarray


@dataclass(frozen=True, eq=False)
class GrowthResult:
    """A growth model fitted by maximum likelihood.

    Attributes
    ----------
    beta
        Fixed coefficients by name, in units of y per unit of their covariate.
    cov_beta
        Their covariance matrix, by name.
    Psi
        Covariance matrix (q, q) of the random coefficients; squared units of y in its corner.
    sigma2
        Variance within persons, in squared units of y.
    deviance
        -2 log-likelihood.
    singular
        True where Psi has no full rank: a variance of 0, or a correlation of 1 or -1.
    cross
        The sums that the fit was computed from.
    """

    beta: pd.Series
    cov_beta: pd.DataFrame
    Psi: np.ndarray
    sigma2: float
    deviance: float
    singular: bool
    cross: CrossProducts

    @property
    def se(self) -> pd.Series:
        """Standard errors of the fixed coefficients, by name."""
        return pd.Series(np.sqrt(np.diag(self.cov_beta)), index=self.beta.index)

    @property
    def llf(self) -> float:
        """Log-likelihood: minus half the deviance."""
        return -self.deviance / 2

    @property
    def nobs(self) -> int:
        """Number of measurements."""
        return self.cross.nobs

    @property
    def n_groups(self) -> int:
        """Number of persons."""
        return len(self.cross.labels)
