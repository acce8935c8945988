"""Homework 1: other right ways; each has to pass every test of its task."""

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import norm

from autograder.slips import Alternative
from hlmtools.records import AnovaComponents, VCResult
from hlmtools.variance_components import cluster_stats, vc_deviance


def cluster_stats_by_segments(y, g):
    y, g = np.array(y, dtype=float), np.array(g)
    if y.ndim != 1 or y.shape != g.shape or y.size == 0:
        raise ValueError("y and g are no two columns of the same length")
    if not np.isfinite(y).all() or pd.isna(g).any():
        raise ValueError("missing values")
    order = np.argsort(g, kind="stable")
    y, g = y[order], g[order]
    first = np.flatnonzero(np.r_[True, g[1:] != g[:-1]])
    n = np.diff(np.r_[first, len(y)])
    mean = np.add.reduceat(y, first) / n
    ssw = np.add.reduceat((y - np.repeat(mean, n)) ** 2, first)
    index = pd.Index(g[first], name="cluster")
    return pd.DataFrame({"n": n, "mean": mean, "ssw": ssw}, index=index)


def anova_from_the_total(y, g):
    stats = cluster_stats(y, g)
    y, n = np.asarray(y, dtype=float), stats["n"].to_numpy()
    J, N = len(n), len(y)
    if J == 1 or N == J:
        raise ValueError("two variances need two clusters and a cluster of two")
    within = stats["ssw"].sum()
    total = ((y - y.mean()) ** 2).sum()
    msb, msw = (total - within) / (J - 1), within / (N - J)
    n0 = n.mean() - n.var(ddof=1) / (J * n.mean())
    return AnovaComponents((msb - msw) / n0, msw, msb, msw, n0)


def deviance_of_cluster_means(lam, stats, reml=True):
    if np.isnan(lam) or lam < 0:
        raise ValueError("lam is no ratio of variances")
    n, mean = stats["n"].to_numpy(float), stats["mean"].to_numpy(float)
    variance = lam + 1 / n  # of a cluster's mean, in units of sigma2
    root = np.sqrt(variance)
    (b,) = np.linalg.lstsq((1 / root)[:, None], mean / root, rcond=None)[0]
    r2 = stats["ssw"].sum() + (((mean - b) / root) ** 2).sum()
    df = n.sum() - reml
    deviance = np.log(n * variance).sum() + df * np.log(2 * np.pi * np.e * r2 / df)
    return deviance + reml * np.log((1 / variance).sum())


def fit_on_the_scale_of_the_icc(y, g, reml=True):
    stats = cluster_stats(y, g)
    n, mean, ssw = (stats[name].to_numpy(float) for name in ("n", "mean", "ssw"))
    if len(n) < 2 or ssw.sum() == 0:
        raise ValueError("nothing to compare")

    def deviance(rho):
        return vc_deviance(rho / (1 - rho), stats, reml)

    grid = np.r_[0, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 1 - 1e-4, 1 - 1e-6]
    tries = [
        optimize.minimize_scalar(deviance, bounds=ends, method="bounded", options={"xatol": 1e-13})
        for ends in np.c_[grid[:-1], grid[1:]]
    ]
    best = min(tries, key=lambda each: each.fun)
    singular = deviance(0) - best.fun < 1e-8
    rho = 0.0 if singular else best.x
    lam = rho / (1 - rho)
    precision = 1 / (lam + 1 / n)
    beta = precision @ mean / precision.sum()
    sigma2 = (ssw.sum() + precision @ (mean - beta) ** 2) / (n.sum() - reml)
    return VCResult(
        beta=np.float64(beta),
        se=(sigma2 / precision.sum()) ** 0.5,
        psi=lam * sigma2,
        sigma2=sigma2,
        deviance=deviance(rho),
        reml=reml,
        singular=bool(singular),
        stats=stats,
    )


def icc_in_single_precision(psi, sigma2):
    if psi < 0 or sigma2 < 0 or psi + sigma2 == 0:
        raise ValueError("no variances")
    return np.float32(psi) / np.float32(psi + sigma2)


def reliability_from_the_error_of_a_mean(psi, sigma2, n):
    n = np.asarray(n)
    if psi < 0 or sigma2 < 0 or psi == sigma2 == 0 or np.any(n <= 0):
        raise ValueError("no variances, or a cluster of no units")
    return psi / (psi + sigma2 / n)


def predict_by_weights_of_precision(fit, plus_beta=False):
    n = fit.stats["n"].to_numpy()
    ml = fit.stats["mean"].to_numpy() - fit.beta
    R = np.array([fit.psi / (fit.psi + fit.sigma2 / size) for size in n])
    variance = R * fit.sigma2 / n
    if plus_beta:
        variance = variance + ((1 - R) * fit.se) ** 2
    columns = {
        "ml": ml,
        "R": R,
        "eb": R * ml,
        "comp_se": variance**0.5,
        "diag_se": (R * fit.psi) ** 0.5,
    }
    return pd.DataFrame(columns, index=fit.stats.index)


def lrt_by_the_normal_distribution(ll0, ll1):
    if not np.all(np.isfinite([ll0, ll1])):
        raise ValueError("no log-likelihoods")
    stat = 2 * (ll1 - ll0)
    return (stat, norm.sf(np.sqrt(stat))) if stat > 0 else (stat, 1)


def range_as_a_normal_interval(beta, psi, level=0.95):
    if psi < 0 or not 0 < level < 1:
        raise ValueError("no variance, or no share")
    low, high = norm.ppf([(1 - level) / 2, (1 + level) / 2]) * psi**0.5 + beta
    return np.float32(low), np.float32(high)


ALTERNATIVES = (
    Alternative("sorted rows, sums of segments", cluster_stats_by_segments, "cluster_stats"),
    Alternative("between as total less within", anova_from_the_total, "anova_components"),
    Alternative("regression of the means", deviance_of_cluster_means, "vc_deviance"),
    Alternative("many short searches for the icc", fit_on_the_scale_of_the_icc, "fit_vc"),
    Alternative("single precision", icc_in_single_precision, "icc"),
    Alternative("variance of a mean", reliability_from_the_error_of_a_mean, "reliability"),
    Alternative("weights of precision", predict_by_weights_of_precision, "eb_predict"),
    Alternative("the normal tail", lrt_by_the_normal_distribution, "lrt_psi"),
    Alternative("quantiles, single precision", range_as_a_normal_interval, "coverage_range"),
)
