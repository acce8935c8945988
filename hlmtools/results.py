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
class RIResult:
    """A fitted random-intercept model y_ij = x_ij' beta + zeta_j + epsilon_ij.

    Attributes
    ----------
    params
        Coefficients beta by the names of their columns, in units of y per unit of the column.
    cov
        Their covariance matrix given psi and sigma2, names on both sides.
    psi, sigma2
        Between-cluster and within-cluster residual variance, in squared units of y.
    deviance
        lme4's REML criterion, or -2 log-likelihood under maximum likelihood.
    reml
        True where the fit is by restricted maximum likelihood.
    singular
        True where the criterion is smallest at psi = 0.
    sizes
        Number of units n_j of each cluster.
    """

    params: pd.Series
    cov: pd.DataFrame
    psi: float
    sigma2: float
    deviance: float
    reml: bool
    singular: bool
    sizes: pd.Series

    @property
    def bse(self) -> pd.Series:
        """Standard errors of the coefficients."""
        return pd.Series(np.sqrt(np.diag(self.cov)), index=self.params.index)

    @property
    def llf(self) -> float:
        """Log-likelihood (restricted under REML): minus half the deviance."""
        return -self.deviance / 2

    @property
    def nobs(self) -> int:
        """Number of level-1 units."""
        return int(self.sizes.sum())

    @property
    def n_groups(self) -> int:
        """Number of clusters."""
        return len(self.sizes)


@dataclass(frozen=True, eq=False)
class FEResult:
    """A fitted fixed-effects model y_ij = x_ij' beta + alpha_j + epsilon_ij.

    Attributes
    ----------
    params
        Coefficients of the columns that vary within clusters, by name.
    cov
        Their covariance matrix, names on both sides.
    sigma2
        Variance within clusters, in squared units of y.
    df_resid
        Residual degrees of freedom, N - J - k.
    dropped
        Columns that are constant in every cluster; they have no coefficient.
    nobs, n_groups
        Number of units and of clusters.
    """

    params: pd.Series
    cov: pd.DataFrame
    sigma2: float
    df_resid: int
    dropped: tuple[str, ...]
    nobs: int
    n_groups: int

    @property
    def bse(self) -> pd.Series:
        """Standard errors of the coefficients."""
        return pd.Series(np.sqrt(np.diag(self.cov)), index=self.params.index)


class RSquared(NamedTuple):
    """Shares of variance that covariates account for, against the model without them.

    rb: Raudenbush and Bryk, one variance at a time; sb: Snijders and Bosker, in the prediction of
    a unit (level 1) and of the mean of a cluster (level 2).

    Examples
    --------
    >>> RSquared(rb_between=0.5, rb_within=0.1, sb_level1=0.2, sb_level2=0.4).rb_between
    0.5
    """

    rb_between: float
    rb_within: float
    sb_level1: float
    sb_level2: float
