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
class GLSResult:
    """A fitted model for the mean with a pattern of covariances, by maximum likelihood.

    Attributes
    ----------
    table
        Columns beta and se, one row a covariate.
    cov
        Covariance matrix of the coefficients.
    Sigma
        Covariance matrix of a person's measurements at the T occasions, in squared units of y.
    deviance
        -2 log-likelihood.
    kind
        "IND", "CS", "AR1" or "UN".
    n_par
        Number of parameters: coefficients and those of Sigma.
    nobs
        Number of measurements.
    """

    table: pd.DataFrame
    cov: pd.DataFrame
    Sigma: np.ndarray
    deviance: float
    kind: str
    n_par: int
    nobs: int

    @property
    def llf(self) -> float:
        """Log-likelihood: minus half the deviance."""
        return -self.deviance / 2

    @property
    def aic(self) -> float:
        """Akaike's criterion: the deviance plus two points a parameter."""
        return self.deviance + 2 * self.n_par


class MundlakResult(NamedTuple):
    """A random-intercept model with cluster means, and the test of these means.

    Attributes
    ----------
    table
        Columns beta and se; the covariates, then their means.
    stat, df, p
        Wald statistic of all means, its degrees of freedom and p-value.
    """

    table: pd.DataFrame
    stat: float
    df: int
    p: float


@dataclass(frozen=True, eq=False)
class GEEResult:
    """A fitted marginal model.

    Attributes
    ----------
    table
        Columns beta, naive and robust (standard errors), one row a covariate.
    alpha
        Working correlation of two measurements of one cluster.
    phi
        Mean squared Pearson residual.
    """

    table: pd.DataFrame
    alpha: float
    phi: float


class Block(NamedTuple):
    """The persons who were measured at the same set of occasions.

    Attributes
    ----------
    at
        Places of these m occasions among all T, from 0.
    X, y
        Their covariates (J, m, p) and responses (J, m), in the order of the occasions.
    T
        Number of occasions in all.
    """

    at: np.ndarray
    X: np.ndarray
    y: np.ndarray
    T: int


class GLSProfile(NamedTuple):
    """What is left of a covariance-pattern model when its pattern is known.

    Attributes
    ----------
    beta, M
        Best coefficients (p,) and M = sum_j X_j'R_j^-1 X_j (p, p).
    r2
        Weighted residual sum of squares, sum_j e_j'R_j^-1 e_j.
    log_det
        sum_j log |R_j|.
    N
        Number of measurements.
    """

    beta: np.ndarray
    M: np.ndarray
    r2: float
    log_det: float
    N: int
