"""Homework 2: other right ways; each has to pass every test of its task."""

import numpy as np
import pandas as pd
from scipy import optimize
from scipy.stats import chi2

from autograder.slips import Alternative
from hlmtools.records import FEResult, RIResult, RSquared
from hlmtools.within_between import _checked, ri_deviance, within_between


def split_by_projection(x, g):
    x, (codes, labels) = np.asarray(x, dtype=float), pd.factorize(np.asarray(g))
    if x.ndim == 0 or len(x) == 0 or len(x) != len(codes):
        raise ValueError("as many labels as rows")
    if (codes < 0).any() or not np.isfinite(x).all():
        raise ValueError("missing values")
    member = np.equal.outer(codes, np.arange(len(labels))).astype(float)  # (n, J)
    means = np.linalg.solve(member.T @ member, member.T @ x)
    return x - member @ means, member @ means


def demean_cluster_by_cluster(x, g, lam):
    if np.isnan(lam) or lam < 0:
        raise ValueError("lam is no ratio of variances")
    x, g = np.array(x, dtype=float), np.asarray(g)
    within_between(x, g)  # refuses what cannot be used
    for label in np.unique(g):
        rows = g == label
        part = 1 - (1 + rows.sum() * lam) ** -0.5
        x[rows] -= part * x[rows].mean(axis=0)
    return x


def deviance_from_whole_covariance_matrices(lam, y, X, g, reml=True):
    if np.isnan(lam) or lam < 0:
        raise ValueError("lam is no ratio of variances")
    y, X, g = np.asarray(y, dtype=float), np.asarray(X, dtype=float), np.asarray(g)
    XVX, XVy, yVy, log_det = 0, 0, 0, 0
    for label in np.unique(g):
        Xj, yj = X[g == label], y[g == label]
        V = np.eye(len(yj)) + lam
        XVX, XVy = XVX + Xj.T @ np.linalg.solve(V, Xj), XVy + Xj.T @ np.linalg.solve(V, yj)
        yVy, log_det = yVy + yj @ np.linalg.solve(V, yj), log_det + np.linalg.slogdet(V)[1]
    r2 = yVy - XVy @ np.linalg.solve(XVX, XVy)
    df = len(y) - X.shape[1] * reml
    found = log_det + df * (1 + np.log(2 * np.pi * r2 / df))
    return found + reml * np.log(np.linalg.det(XVX))


def fit_by_searching_log_lam(y, X, g, reml=True):
    y, X, g = _checked(y, X, g)
    sizes = pd.Series(np.bincount(g))
    if len(sizes) == 1 or (sizes == 1).all():
        raise ValueError("two variances need two clusters and a cluster of two")

    def deviance(log_lam):
        return ri_deviance(np.exp(log_lam), y, X, g, reml)

    grid = np.arange(-20.0, 12.0, 2)
    middle = grid[np.argmin([deviance(each) for each in grid])]
    found = optimize.minimize_scalar(
        deviance, bounds=(middle - 2, middle + 2), method="bounded", options={"xatol": 1e-10}
    )
    singular = bool(ri_deviance(0, y, X, g, reml) <= found.fun + 1e-8)
    lam = 0 if singular else np.exp(found.x)

    names, X = X.columns, X.to_numpy()
    member = np.equal.outer(np.arange(len(sizes)), g).astype(float)  # (J, n)
    shrunk = (lam / (1 + sizes.to_numpy() * lam))[:, None]
    VX, Vy = X - member.T @ (shrunk * (member @ X)), y - member.T @ (shrunk[:, 0] * (member @ y))
    inverse = np.linalg.inv(X.T @ VX)
    b = inverse @ (X.T @ Vy)
    sigma2 = (y - X @ b) @ (Vy - VX @ b) / (len(y) - len(b) * reml)
    return RIResult(
        params=pd.Series(b, names),
        cov=pd.DataFrame(sigma2 * inverse, names, names),
        psi=lam * sigma2,
        sigma2=sigma2,
        deviance=ri_deviance(lam, y, pd.DataFrame(X, columns=names), g, reml),
        reml=reml,
        singular=singular,
        sizes=sizes,
    )


def fixed_effects_by_dummies(y, X, g):
    y, X, g = _checked(y, X, g)
    varies = (X.groupby(g).transform("max") - X.groupby(g).transform("min") > 1e-9).any()
    names, J = list(X.columns[varies]), g.max() + 1
    dummies = np.equal.outer(g, np.arange(J)).astype(float)
    D = np.hstack([X[names].to_numpy(), dummies])
    df = len(y) - D.shape[1]
    if not names or df < 1 or np.linalg.matrix_rank(D) < D.shape[1]:
        raise ValueError("nothing to estimate within clusters")
    coefficients = np.linalg.lstsq(D, y, rcond=None)[0]
    sigma2 = ((y - D @ coefficients) ** 2).sum() / df
    cov = sigma2 * np.linalg.inv(D.T @ D)[: len(names), : len(names)]
    return FEResult(
        params=pd.Series(coefficients[: len(names)], names),
        cov=pd.DataFrame(cov, names, names),
        sigma2=sigma2,
        df_resid=df,
        dropped=tuple(X.columns[~varies]),
        nobs=len(y),
        n_groups=J,
    )


def contextual_as_a_contrast(fit, within, between):
    if not {within, between} <= set(fit.params.index):
        raise ValueError("no such column")
    contrast = (fit.params.index == between) * 1.0 - (fit.params.index == within)
    return contrast @ fit.params, (contrast @ fit.cov.to_numpy() @ contrast) ** 0.5


def mundlak_by_whitening(fit, means):
    means = list(means)
    if not means or not set(means) <= set(fit.params.index):
        raise ValueError("no such column")
    root = np.linalg.cholesky(fit.cov.loc[means, means])
    z = np.linalg.solve(root, fit.params[means])  # independent, with variance 1
    return z @ z, len(z), chi2.sf(z @ z, len(z))


def hausman_by_eigenvalues(b_fe, V_fe, b_re, V_re):
    names = b_fe.index.intersection(b_re.index, sort=False)
    if names.empty:
        raise ValueError("nothing in common")
    values, vectors = np.linalg.eigh(V_fe.loc[names, names] - V_re.loc[names, names])
    if values.min() <= 0:
        raise ValueError("no covariance matrix")
    H = np.sum((vectors.T @ (b_fe - b_re)[names]) ** 2 / values)
    return H, len(names), chi2.sf(H, len(names))


def shares_in_single_precision(null, fit):
    if null.nobs != fit.nobs or bool(null.reml) is not bool(fit.reml) or null.psi <= 0:
        raise ValueError("two fits that cannot be compared")
    n = np.mean(1.0 / fit.sizes) ** -1
    before, after = np.array([null.psi, null.sigma2]), np.array([fit.psi, fit.sigma2])
    weights = np.array([[1, 0], [0, 1], [1, 1], [1, 1 / n]])
    return RSquared(*np.float32(1 - (weights @ after) / (weights @ before)))


def lrt_from_log_likelihoods(fit0, fit1):
    if fit0.reml or fit1.reml:
        raise ValueError("REML")
    extra = fit1.params.index.difference(fit0.params.index)
    missing = fit0.params.index.difference(fit1.params.index)
    if len(missing) or not len(extra) or fit0.nobs != fit1.nobs:
        raise ValueError("not nested")
    stat = 2 * (-fit1.deviance / 2 + fit0.deviance / 2)
    return stat, len(extra), chi2(len(extra)).sf(stat)


ALTERNATIVES = (
    Alternative("projection on dummies", split_by_projection, "within_between"),
    Alternative("a loop over clusters", demean_cluster_by_cluster, "partial_demean"),
    Alternative("whole matrices", deviance_from_whole_covariance_matrices, "ri_deviance"),
    Alternative("search on log lam, GLS by Woodbury", fit_by_searching_log_lam, "fit_ri"),
    Alternative("a dummy a cluster", fixed_effects_by_dummies, "fixed_effects"),
    Alternative("a contrast of all coefficients", contextual_as_a_contrast, "contextual"),
    Alternative("whitened coefficients", mundlak_by_whitening, "mundlak_test"),
    Alternative("eigenvalues", hausman_by_eigenvalues, "hausman"),
    Alternative("weights, single precision", shares_in_single_precision, "r2_levels"),
    Alternative("log-likelihoods", lrt_from_log_likelihoods, "lrt_fixed"),
)
