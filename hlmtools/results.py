"""Result objects of fits: plain, frozen records with statsmodels' names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
class LogitResult:
    """A fitted logistic model with a random intercept, logit P(y_ij = 1) = x_ij' beta + zeta_j.

    Attributes
    ----------
    params
        Fixed coefficients beta by name, in log-odds for one unit of their covariate.
    bse
        Their standard errors.
    psi
        Variance of zeta_j between clusters, in squared log-odds.
    llf
        Log-likelihood, approximated with k nodes a cluster.
    k
        Number of nodes; 1 is the Laplace approximation.
    singular
        True where the likelihood is largest at psi = 0.
    y, X, g
        The data of the fit: response (0 or 1), covariates by name, cluster of each row.
    """

    params: pd.Series
    bse: pd.Series
    psi: float
    llf: float
    k: int
    singular: bool
    y: pd.Series
    X: pd.DataFrame
    g: pd.Series

    @property
    def deviance(self) -> float:
        """Minus two times the log-likelihood."""
        return -2 * self.llf

    @property
    def nobs(self) -> int:
        """Number of level-1 units."""
        return len(self.y)

    @property
    def n_groups(self) -> int:
        """Number of clusters."""
        return int(self.g.nunique())
