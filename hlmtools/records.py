"""What the functions of the homeworks return: plain, frozen records with statsmodels' names."""

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
    x_names, z_names
        Names of the columns of X and of Z, where they have any.
    """

    clusters: pd.Index
    n: np.ndarray
    ZZ: np.ndarray
    ZX: np.ndarray
    Zy: np.ndarray
    XX: np.ndarray
    Xy: np.ndarray
    yy: float
    x_names: tuple = ()
    z_names: tuple = ()

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
        return self.cross.n_groups


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
