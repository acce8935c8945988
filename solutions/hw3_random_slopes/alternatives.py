"""Homework 3: other right ways; each has to pass every test of its task."""

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import norm

from autograder.slips import Alternative
from hlmtools.random_slopes import (
    cross_products,
    lmm_deviance,
    lmm_profile,
    recenter,
    relative_factor,
    total_var,
)
from hlmtools.records import CrossProducts, LMMProfile, LMMResult


def products_cluster_by_cluster(y, X, Z, g):
    y, X, Z, g = np.array(y, float), np.array(X, float), np.array(Z, float), pd.Series(list(g))
    if y.ndim != 1 or {X.ndim, Z.ndim} != {2} or not len(y) == len(X) == len(Z) == len(g) > 0:
        raise ValueError("no columns and tables with as many rows")
    if not np.isfinite(np.c_[y, X, Z]).all() or g.isna().any():
        raise ValueError("missing values")
    parts = {label: rows.to_numpy() for label, rows in g.groupby(g).groups.items()}
    return CrossProducts(
        clusters=pd.Index(parts),
        n=np.array([len(rows) for rows in parts.values()]),
        ZZ=np.array([Z[rows].T @ Z[rows] for rows in parts.values()]),
        ZX=np.array([Z[rows].T @ X[rows] for rows in parts.values()]),
        Zy=np.array([Z[rows].T @ y[rows] for rows in parts.values()]),
        XX=np.einsum("ip,ir->pr", X, X),
        Xy=y @ X,
        yy=np.sum(y**2),
    )


def factor_column_by_column(theta, q):
    theta = np.asarray(theta, dtype=float)
    if theta.ndim != 1 or len(theta) != sum(range(q + 1)) or not np.isfinite(theta).all():
        raise ValueError("too many numbers, too few, or none")
    factor, left = np.zeros((q, q)), list(theta)
    for column in range(q):
        for row in range(column, q):
            factor[row, column] = left.pop(0)
    return factor


def profile_from_mixed_model_equations(theta, stats):
    """Henderson's equations for beta and all spherical effects at once."""
    J, q, p = stats.ZX.shape
    L = relative_factor(theta, q)
    system, right = np.zeros((J * q + p, J * q + p)), np.zeros(J * q + p)
    for j in range(J):
        at = slice(j * q, (j + 1) * q)
        system[at, at] = np.eye(q) + L.T @ stats.ZZ[j] @ L
        system[at, J * q :] = L.T @ stats.ZX[j]
        system[J * q :, at] = system[at, J * q :].T
        right[at] = L.T @ stats.Zy[j]
    system[J * q :, J * q :], right[J * q :] = stats.XX, stats.Xy
    solution = np.linalg.solve(system, right)
    M = np.linalg.inv(np.linalg.inv(system)[J * q :, J * q :])
    log_det = sum(np.linalg.slogdet(np.eye(q) + L.T @ ZZ @ L)[1] for ZZ in stats.ZZ)
    return LMMProfile(solution[J * q :], stats.yy - solution @ right, M, log_det)


def deviance_from_the_density(theta, stats, reml=True):
    beta, r2, M, log_det = lmm_profile(theta, stats)
    N = int(np.sum(stats.n))
    df = N - len(beta) if reml else N
    sigma2 = r2 / df
    deviance = N * np.log(2 * np.pi * sigma2) + log_det + r2 / sigma2
    if reml:
        deviance += np.log(np.linalg.eigvalsh(M / sigma2)).sum() - len(beta) * np.log(2 * np.pi)
    return deviance


def fit_without_bounds(y, X, Z, g, reml=True):
    stats = cross_products(y, X, Z, g)
    q, p = stats.ZX.shape[1:]
    if len(stats.clusters) == 1 or np.linalg.svd(stats.XX)[1][-1] < 1e-9 * stats.XX.max():
        raise ValueError("one cluster, or columns that depend on each other")
    column, row = np.triu_indices(q)
    unit = np.sqrt(np.einsum("jkk->k", stats.ZZ) / stats.n.sum())[row]

    def criterion(scaled):
        return lmm_deviance(scaled / unit, stats, reml)

    best = min(
        (
            optimize.minimize(criterion, size * (row == column), method="BFGS", jac="3-point")
            for size in (0.5, 0.1)
        ),
        key=lambda found: found.fun,
    )
    for _ in range(2):
        best = optimize.minimize(
            criterion,
            best.x,
            method="Powell",
            options={"xtol": 1e-9, "ftol": 1e-13, "direc": np.eye(len(row)) * 0.1},
        )
        best = min(
            best,
            optimize.minimize(criterion, best.x, method="BFGS", jac="3-point"),
            key=lambda found: found.fun,
        )
    factor = relative_factor(best.x / unit, q)
    factor = factor * np.where(np.diag(factor) < 0, -1, 1)  # a column may change its sign
    theta = factor[row, column]
    beta, r2, M, _ = lmm_profile(theta, stats)
    sigma2 = r2 / (stats.n.sum() - (p if reml else 0))
    return LMMResult(
        beta=beta,
        se=np.diag(sigma2 * np.linalg.inv(M)) ** 0.5,
        Psi=sigma2 * factor @ factor.T,
        sigma2=sigma2,
        theta=theta,
        deviance=lmm_deviance(theta, stats, reml),
        reml=reml,
        singular=bool((np.diag(factor) < 1e-4).any()),
        stats=stats,
    )


def variance_as_a_quadratic_form(x, Psi, sigma2):
    Psi = np.asarray(Psi, dtype=float)
    if Psi.shape != (2, 2) or not np.allclose(Psi, Psi.T) or not sigma2 >= 0:
        raise ValueError("no covariance matrix, or no variance")
    if min(Psi[0, 0], Psi[1, 1]) < 0 or Psi[0, 1] ** 2 > Psi[0, 0] * Psi[1, 1] * (1 + 1e-12):
        raise ValueError("no covariance matrix")
    z = np.stack([np.ones(np.shape(x)), x], axis=-1)
    return np.einsum("...i,ij,...j->...", z, Psi, z) + sigma2


def icc_in_single_precision(x, Psi, sigma2):
    total = total_var(x, Psi, sigma2)
    return np.float32((total - sigma2) / total)


def corr_as_icc_of_recentered_lines(x1, x2, Psi, sigma2):
    total = [total_var(each, Psi, sigma2) for each in (x1, x2)]
    there = recenter(Psi, x1)  # with x measured from x1 on, the first unit is at 0
    return (there[0, 0] + (x2 - x1) * there[0, 1]) / np.prod(total) ** 0.5


def recenter_entry_by_entry(Psi, c):
    (psi11, psi12), (psi21, psi22) = np.asarray(Psi)
    if not np.isfinite(c) or np.shape(Psi) != (2, 2):
        raise ValueError("no origin, or no covariance matrix of a line")
    corner = psi11 + c * (psi12 + psi21) + c**2 * psi22
    return np.array([[corner, psi12 + c * psi22], [psi21 + c * psi22, psi22]])


def lrt_in_closed_form(ll0, ll1):
    import math

    if not (math.isfinite(ll0) and math.isfinite(ll1)):
        raise ValueError("no log-likelihoods")
    stat = 2 * (ll1 - ll0)
    half = max(stat, 0) / 2
    return stat, (math.erfc(half**0.5) + math.exp(-half)) / 2


def predictions_from_Psi(fit):
    stats, q = fit.stats, len(fit.Psi)
    rows = []
    for ZZ, ZX, Zy in zip(stats.ZZ, stats.ZX, stats.Zy, strict=True):
        weight = np.linalg.inv(fit.sigma2 * np.eye(q) + fit.Psi @ ZZ)
        zeta = weight @ fit.Psi @ (Zy - ZX @ fit.beta)
        se = np.sqrt(np.diag(fit.sigma2 * weight @ fit.Psi).clip(0))
        rows.append(np.r_[zeta, se])
    columns = [f"zeta{k}" for k in range(1, q + 1)] + [f"se{k}" for k in range(1, q + 1)]
    return pd.DataFrame(rows, stats.clusters, columns)


def range_in_single_precision(beta, psi22, level=0.95):
    if psi22 < 0 or level <= 0 or level >= 1:
        raise ValueError("no variance, or no share")
    low, high = beta + psi22**0.5 * norm.ppf([0.5 - level / 2, 0.5 + level / 2])
    return np.float32(low), np.float32(high)


def share_by_the_error_function(beta, psi22):
    import math

    if math.isnan(psi22) or psi22 < 0:
        raise ValueError("no variance")
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.divide(beta, np.sqrt(psi22))
    return 0.0 if np.isnan(z) else math.erfc(z / 2**0.5) / 2


ALTERNATIVES = (
    Alternative("a loop over clusters", products_cluster_by_cluster, "cross_products"),
    Alternative("a loop over columns", factor_column_by_column, "relative_factor"),
    Alternative("Henderson's equations", profile_from_mixed_model_equations, "lmm_profile"),
    Alternative("the normal density", deviance_from_the_density, "lmm_deviance"),
    Alternative("a search without bounds", fit_without_bounds, "fit_lmm"),
    Alternative("a quadratic form", variance_as_a_quadratic_form, "total_var"),
    Alternative("single precision", icc_in_single_precision, "icc_at"),
    Alternative("lines from another origin", corr_as_icc_of_recentered_lines, "corr_at"),
    Alternative("entry by entry", recenter_entry_by_entry, "recenter"),
    Alternative("closed forms of both tails", lrt_in_closed_form, "lrt_slope"),
    Alternative("from Psi in place of Lambda", predictions_from_Psi, "eb_lmm"),
    Alternative("single precision", range_in_single_precision, "slope_range"),
    Alternative("the error function", share_by_the_error_function, "p_negative"),
)
