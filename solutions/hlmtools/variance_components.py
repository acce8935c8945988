"""Homework 1: the variance-components model, from sufficient statistics to shrinkage.

The model for unit i in cluster j is

    y_ij = beta + zeta_j + epsilon_ij,   zeta_j ~ N(0, psi),   epsilon_ij ~ N(0, sigma2),

with all zeta_j and epsilon_ij independent of each other.
Tasks 1.1 to 1.8 are one function each (1.5 has two), and later ones call earlier ones.
Every function takes arrays and numbers, returns plain values, and prints nothing.
`y` and `g` may be lists, arrays or pandas columns; the rows stand in any order.

Symbols: J clusters, n_j units in cluster j, N units in all; the table of all symbols, with the
names that lme4, statsmodels and Stata give them, is in ``help(hlmtools)``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.stats import chi2, norm

from hlmtools.records import AnovaComponents, VCResult


def cluster_stats(y: ArrayLike, g: ArrayLike) -> pd.DataFrame:
    """Summarize each cluster by its size, its mean and its sum of squares around that mean.

    For the variance-components model these J rows say everything that the N rows say
    (they are sufficient statistics)::

        n_j,    ybar_j = sum_i y_ij / n_j,    ssw_j = sum_i (y_ij - ybar_j)^2

    Parameters
    ----------
    y
        Response, N numbers.
    g
        Cluster of each row, N labels: text or numbers, in any order.

    Returns
    -------
    One row a cluster, sorted by its label (the index, named ``cluster``), with columns
    ``n`` (whole number), ``mean`` (units of y) and ``ssw`` (squared units of y; 0 where n is 1).

    Raises
    ------
    ValueError
        If y and g differ in length or are empty, if y has a missing or infinite value,
        or if g has a missing label.

    Notes
    -----
    Square the deviations from the mean.
    The shortcut ``sum(y^2) - n * mean^2`` loses its digits when y is large and varies little.
    Source: lecture notes 1.2.

    Examples
    --------
    Cluster a holds 1 and 3: mean 2, sum of squares (1-2)^2 + (3-2)^2 = 2.

    >>> table = cluster_stats([1.0, 5.0, 3.0], ["a", "b", "a"])
    >>> table["n"].tolist(), table["mean"].tolist(), table["ssw"].tolist()
    ([2, 1], [2.0, 5.0], [2.0, 0.0])
    """
    # BEGIN SOLUTION 1.1
    values = np.asarray(y, dtype=float)
    labels = np.asarray(g)
    if values.ndim != 1 or values.shape != labels.shape or len(values) == 0:
        raise ValueError(
            f"y has shape {values.shape} and g has shape {labels.shape}; "
            "give two columns of the same length, at least one row."
        )
    bad = int((~np.isfinite(values)).sum() + pd.isna(labels).sum())
    if bad:
        raise ValueError(
            f"{bad} missing or infinite values in y or g; drop those rows first, and say so."
        )
    rows = pd.DataFrame({"y": values, "cluster": labels})
    grouped = rows.groupby("cluster")["y"]
    squares = (rows["y"] - grouped.transform("mean")) ** 2
    return pd.DataFrame(
        {
            "n": grouped.size(),
            "mean": grouped.mean(),
            "ssw": squares.groupby(rows["cluster"]).sum(),
        }
    )
    # END SOLUTION


def anova_components(y: ArrayLike, g: ArrayLike) -> AnovaComponents:
    """Estimate both variances from the one-way analysis of variance.

    With the grand mean ybar = sum_ij y_ij / N::

        msb    = sum_j n_j (ybar_j - ybar)^2 / (J - 1)        E(msb) = n0 psi + sigma2
        msw    = sum_j ssw_j / (N - J)                        E(msw) = sigma2
        n0     = (N - sum_j n_j^2 / N) / (J - 1)
        sigma2 = msw,    psi = (msb - msw) / n0

    Parameters
    ----------
    y, g
        Response and cluster of each row, as for `cluster_stats`.

    Returns
    -------
    psi, sigma2, msb, msw (squared units of y) and n0 (units a cluster), by name.
    psi is reported as it comes out: a negative value says that the cluster means differ less
    than chance alone would make them differ.

    Raises
    ------
    ValueError
        With fewer than two clusters, or with no cluster of two units or more.

    Notes
    -----
    In a balanced design n0 is the common cluster size; otherwise it is a little smaller than
    the average size.
    Source: Searle, Casella and McCulloch (1992), chapter 3; lecture notes 1.3.

    Examples
    --------
    Means 2 and 6 around 4: msb = (2*4 + 2*4)/1 = 16, msw = (2 + 2)/2 = 2, psi = (16 - 2)/2.

    >>> anova_components([1, 3, 5, 7], ["a", "a", "b", "b"])
    AnovaComponents(psi=7.0, sigma2=2.0, msb=16.0, msw=2.0, n0=2.0)
    """
    # BEGIN SOLUTION 1.2
    stats = cluster_stats(y, g)
    n, total, clusters = stats["n"], stats["n"].sum(), len(stats)
    if clusters < 2 or total == clusters:
        raise ValueError(
            f"{total} rows in {clusters} clusters; two variances need at least two clusters, "
            "and at least one cluster with two rows."
        )
    grand_mean = np.average(stats["mean"], weights=n)
    msb = (n * (stats["mean"] - grand_mean) ** 2).sum() / (clusters - 1)
    msw = stats["ssw"].sum() / (total - clusters)
    n0 = (total - (n**2).sum() / total) / (clusters - 1)
    return AnovaComponents(
        psi=float((msb - msw) / n0),
        sigma2=float(msw),
        msb=float(msb),
        msw=float(msw),
        n0=float(n0),
    )
    # END SOLUTION


def vc_deviance(lam: float, stats: pd.DataFrame, reml: bool = True) -> float:
    """Deviance of the model as a function of one number, lam = psi / sigma2.

    Given lam, the best beta and sigma2 have closed forms, so that they drop out ("profiling")::

        w_j  = n_j / (1 + n_j lam)
        b    = sum_j w_j ybar_j / sum_j w_j
        r2   = sum_j ssw_j + sum_j w_j (ybar_j - b)^2

        ML:    sum_j log(1 + n_j lam) + N [1 + log(2 pi r2 / N)]
        REML:  sum_j log(1 + n_j lam) + log(sum_j w_j) + (N - 1) [1 + log(2 pi r2 / (N - 1))]

    Parameters
    ----------
    lam
        Ratio psi / sigma2, at least 0; it has no unit.
    stats
        What `cluster_stats` returns: columns n, mean, ssw; J rows.
    reml
        True for lme4's REML criterion, False for -2 times the log-likelihood.

    Returns
    -------
    The deviance; the smaller, the better lam explains the data.
    At lam = 0 it is that of an ordinary regression on a constant.

    Raises
    ------
    ValueError
        If lam is negative or not a number.

    Notes
    -----
    log is the natural logarithm.
    Source: Bates, Maechler, Bolker and Walker (2015), Journal of Statistical Software 67(1),
    section 3.4, for the case of one random intercept; lecture notes 1.4.

    Examples
    --------
    At lam = 0 the weights are n_j, b is the grand mean 4 and r2 = 4 + 2*4 + 2*4 = 20,
    so ML gives 4 (1 + log(2 pi 20 / 4)) = 4 (1 + log(31.4159)).

    >>> stats = cluster_stats([1, 3, 5, 7], ["a", "a", "b", "b"])
    >>> round(vc_deviance(0.0, stats, reml=False), 6)
    17.78926
    """
    # BEGIN SOLUTION 1.3
    if not lam >= 0:
        raise ValueError(f"lam is {lam}; give a ratio of variances, a number of 0 or more.")
    n, mean = stats["n"].to_numpy(dtype=float), stats["mean"].to_numpy()
    w = n / (1 + n * lam)
    b = np.average(mean, weights=w)
    r2 = stats["ssw"].sum() + np.sum(w * (mean - b) ** 2)
    df = n.sum() - 1 if reml else n.sum()
    deviance = np.log1p(n * lam).sum() + df * (1 + np.log(2 * np.pi * r2 / df))
    return float(deviance + np.log(w.sum()) if reml else deviance)
    # END SOLUTION


def fit_vc(y: ArrayLike, g: ArrayLike, reml: bool = True) -> VCResult:
    """Fit the variance-components model by restricted or full maximum likelihood.

    Minimize `vc_deviance` over lam >= 0; then, at that lam::

        beta   = b
        sigma2 = r2 / (N - 1)  under REML,    r2 / N  under ML
        psi    = lam sigma2
        se     = sqrt(sigma2 / sum_j w_j)

    Parameters
    ----------
    y, g
        Response and cluster of each row, as for `cluster_stats`.
    reml
        True for restricted maximum likelihood, False for maximum likelihood.

    Returns
    -------
    A `hlmtools.records.VCResult`: beta and se in units of y, psi and sigma2 in squared units of y,
    the deviance at the minimum, reml, singular, and the table of `cluster_stats`.
    Where no positive lam beats lam = 0, psi is exactly 0 and singular is True.

    Raises
    ------
    ValueError
        With fewer than two clusters, with no cluster of two units or more, or when y does not
        vary within clusters.

    Notes
    -----
    A numerical minimizer on an interval comes close to the end of it and never gets there.
    Compare what it finds with the deviance at 0, and ask it for enough digits: psi and sigma2 are
    checked to one part in ten thousand.
    log(lam) is a handy scale: it has no unit and no end, and small and large ratios are found
    equally well.
    Source: lecture notes 1.4 and 1.7.

    Examples
    --------
    Balanced data with msb > msw: REML gives the ANOVA estimates, psi = 7 and sigma2 = 2.

    >>> fit = fit_vc([1, 3, 5, 7], ["a", "a", "b", "b"])
    >>> round(fit.beta, 6), round(fit.psi, 4), round(fit.sigma2, 4), fit.singular
    (4.0, 7.0, 2.0, False)
    """
    # BEGIN SOLUTION 1.4
    stats = cluster_stats(y, g)
    n, mean, ssw = stats["n"].to_numpy(dtype=float), stats["mean"].to_numpy(), stats["ssw"].sum()
    if len(n) < 2 or ssw == 0:
        raise ValueError(
            f"{len(n)} clusters, sum of squares within them {ssw:g}; two variances need at least "
            "two clusters, and values that differ within a cluster."
        )

    def criterion(log_lam: float) -> float:
        return vc_deviance(np.exp(log_lam), stats, reml)

    # a coarse grid finds the valley, the minimizer its lowest point
    grid = np.linspace(-25, 25, 101)
    lowest = int(np.argmin([criterion(each) for each in grid]))
    bounds = (grid[max(lowest - 1, 0)], grid[min(lowest + 1, 100)])
    inside = optimize.minimize_scalar(
        criterion, bounds=bounds, method="bounded", options={"xatol": 1e-10}
    )
    # lam = 0 wins unless it is beaten by more than rounding error
    singular = bool(vc_deviance(0.0, stats, reml) <= inside.fun + 1e-8)
    lam = 0.0 if singular else np.exp(inside.x)

    w = n / (1 + n * lam)
    beta = np.average(mean, weights=w)
    r2 = ssw + np.sum(w * (mean - beta) ** 2)
    sigma2 = r2 / (n.sum() - 1 if reml else n.sum())
    return VCResult(
        beta=float(beta),
        se=float(np.sqrt(sigma2 / w.sum())),
        psi=float(lam * sigma2),
        sigma2=float(sigma2),
        deviance=vc_deviance(lam, stats, reml),
        reml=reml,
        singular=singular,
        stats=stats,
    )
    # END SOLUTION


def icc(psi: float, sigma2: float) -> float:
    """Intraclass correlation: the correlation of two units of the same cluster.

    ::

        icc = psi / (psi + sigma2)

    It is also the share of the variance of y that lies between clusters.

    Parameters
    ----------
    psi, sigma2
        Between-cluster and within-cluster variance, in squared units of y.

    Returns
    -------
    A number from 0 to 1 without unit; 0 where psi is 0.

    Raises
    ------
    ValueError
        If a variance is negative, or both are 0.

    Notes
    -----
    Source: lecture notes 1.5.

    Examples
    --------
    1 / (1 + 3):

    >>> icc(1.0, 3.0)
    0.25
    """
    # BEGIN SOLUTION 1.5a
    if not (psi >= 0 and sigma2 >= 0 and psi + sigma2 > 0):
        raise ValueError(
            f"psi is {psi} and sigma2 is {sigma2}; give variances of 0 or more, not both 0."
        )
    return float(psi / (psi + sigma2))
    # END SOLUTION


def reliability(psi: float, sigma2: float, n: ArrayLike) -> float | np.ndarray:
    """Reliability of the mean of n units as a measure of their cluster's true mean.

    ::

        R_j = n_j psi / (n_j psi + sigma2)

    It is the share of the variance of cluster means that true differences make up, and the
    factor by which a cluster's deviation is shrunk.

    Parameters
    ----------
    psi, sigma2
        Between-cluster and within-cluster variance, in squared units of y.
    n
        Number of units in the cluster: one number, or one a cluster.

    Returns
    -------
    A number from 0 to 1 where n is one number, otherwise an array of the shape of n.

    Raises
    ------
    ValueError
        If a variance is negative, both are 0, or an n is not positive.

    Notes
    -----
    With n = 1 it is the intraclass correlation; it grows towards 1 as n grows (Spearman-Brown).
    Source: lecture notes 1.5.

    Examples
    --------
    6*1 / (6*1 + 3):

    >>> round(reliability(1.0, 3.0, 6), 6)
    0.666667
    """
    # BEGIN SOLUTION 1.5b
    sizes = np.asarray(n, dtype=float)
    if not (psi >= 0 and sigma2 >= 0 and psi + sigma2 > 0 and (sizes > 0).all()):
        raise ValueError(
            f"psi is {psi}, sigma2 is {sigma2}, n is {n!r}; "
            "give variances of 0 or more, not both 0, and cluster sizes above 0."
        )
    ratio = sizes * psi / (sizes * psi + sigma2)
    return ratio if ratio.ndim else float(ratio)
    # END SOLUTION


def eb_predict(fit: VCResult, plus_beta: bool = False) -> pd.DataFrame:
    """Predict each cluster's zeta_j (empirical Bayes, also called BLUP), with standard errors.

    With R_j of `reliability`::

        ml_j       = ybar_j - beta                     deviation as observed
        eb_j       = R_j ml_j                          posterior mean of zeta_j
        comp_se_j  = sqrt((1 - R_j) psi)               how far eb_j is from the true zeta_j
        diag_se_j  = sqrt(R_j psi)                     how far eb_j spreads around 0

    Parameters
    ----------
    fit
        A fitted model: beta, se, psi, sigma2 and stats are used.
    plus_beta
        True adds (1 - R_j)^2 se^2, the uncertainty of beta, to the square of comp_se.

    Returns
    -------
    One row a cluster, in the order of ``fit.stats``, with columns ``ml``, ``R``, ``eb``,
    ``comp_se`` and ``diag_se``; R without unit, the others in units of y.
    Where psi is 0, so are R, eb and both standard errors.

    Notes
    -----
    Use comp_se (comparative) for intervals around a cluster, diag_se (diagnostic) to look for
    outlying clusters.
    lme4's ``ranef(condVar = TRUE)`` gives the comparative variance without, Stata's ``reses``
    after REML with the uncertainty of beta.
    Source: Skrondal and Rabe-Hesketh (2009), JRSS A 172, 659-687; lecture notes 1.6.

    Examples
    --------
    Two clusters of 2 with psi = 7 and sigma2 = 2: R = 14/16 = 0.875, and 0.875 * (2 - 4) = -1.75.

    >>> stats = cluster_stats([1, 3, 5, 7], ["a", "a", "b", "b"])
    >>> fit = VCResult(4.0, 2.0, 7.0, 2.0, 17.0, True, False, stats)
    >>> eb_predict(fit)["R"].tolist(), eb_predict(fit)["eb"].tolist()
    ([0.875, 0.875], [-1.75, 1.75])
    """
    # BEGIN SOLUTION 1.6
    table = pd.DataFrame({"ml": fit.stats["mean"] - fit.beta})
    table["R"] = reliability(fit.psi, fit.sigma2, fit.stats["n"])
    table["eb"] = table["R"] * table["ml"]
    comparative = (1 - table["R"]) * fit.psi
    if plus_beta:
        comparative += (1 - table["R"]) ** 2 * fit.se**2
    table["comp_se"] = np.sqrt(comparative)
    table["diag_se"] = np.sqrt(table["R"] * fit.psi)
    return table
    # END SOLUTION


def lrt_psi(ll0: float, ll1: float) -> tuple[float, float]:
    """Likelihood-ratio test of psi = 0, with the p-value that fits a variance.

    ::

        L = 2 (ll1 - ll0)
        p = P(chi2_1 > L) / 2   for L > 0,      p = 1   for L <= 0

    Under psi = 0 the estimate lands on the boundary about half the time, and L is then 0: its
    distribution is a half-and-half mixture of 0 and a chi-square with one degree of freedom.

    Parameters
    ----------
    ll0
        Log-likelihood without cluster effects (psi = 0).
    ll1
        Log-likelihood of the fitted model; both by ML, or both by REML, on the same data.

    Returns
    -------
    The statistic L and the p-value; neither has a unit.

    Raises
    ------
    ValueError
        If a log-likelihood is not a finite number.

    Notes
    -----
    Source: Self and Liang (1987), JASA 82, 605-610; Stram and Lee (1994), Biometrics 50,
    1171-1177; lecture notes 1.7.

    Examples
    --------
    L = 2 (-100 + 102) = 4; a chi-square with one degree of freedom exceeds 4 with
    probability 0.0455, and half of that is 0.02275.

    >>> stat, p = lrt_psi(-102.0, -100.0)
    >>> stat, round(p, 5)
    (4.0, 0.02275)
    """
    # BEGIN SOLUTION 1.7
    if not (np.isfinite(ll0) and np.isfinite(ll1)):
        raise ValueError(f"ll0 is {ll0} and ll1 is {ll1}; give two finite log-likelihoods.")
    stat = 2 * (ll1 - ll0)
    p = chi2.sf(stat, 1) / 2 if stat > 0 else 1.0
    return float(stat), float(p)
    # END SOLUTION


def coverage_range(beta: float, psi: float, level: float = 0.95) -> tuple[float, float]:
    """Range in which a given share of the true cluster means lies.

    ::

        beta - z sqrt(psi),   beta + z sqrt(psi),   z = Phi^-1((1 + level) / 2)

    Parameters
    ----------
    beta
        Overall mean, in units of y.
    psi
        Between-cluster variance, in squared units of y.
    level
        Share of the clusters, between 0 and 1.

    Returns
    -------
    The lower and the upper end, in units of y.
    It describes how clusters differ; a confidence interval for beta says how well one number,
    their mean, is known.

    Raises
    ------
    ValueError
        If psi is negative, or level is not between 0 and 1.

    Notes
    -----
    Phi^-1 is the quantile function of the standard normal distribution (1.959964 for 0.975).
    Source: lecture notes 1.5.

    Examples
    --------
    50 -+ 1.959964 * 2, since the standard deviation is the square root of 4:

    >>> low, high = coverage_range(50.0, 4.0)
    >>> round(low, 4), round(high, 4)
    (46.0801, 53.9199)
    """
    # BEGIN SOLUTION 1.8
    if not (psi >= 0 and 0 < level < 1):
        raise ValueError(
            f"psi is {psi} and level is {level}; give a variance of 0 or more "
            "and a level between 0 and 1, such as 0.95."
        )
    half_width = norm.ppf((1 + level) / 2) * np.sqrt(psi)
    return float(beta - half_width), float(beta + half_width)
    # END SOLUTION
