"""Homework 3: random slopes, and the linear mixed model that they belong to.

The model for the n_j units of cluster j is

    y_j = X_j beta + Z_j zeta_j + epsilon_j,   zeta_j ~ N(0, Psi),   epsilon_j ~ N(0, sigma2 I),

with all zeta_j and epsilon_j independent of each other.
With a constant and x in both X and Z, each cluster has an intercept and a slope of its own, and

    Psi = [[psi11, psi21],      psi11: variance of the intercepts (where x is 0),
           [psi21, psi22]]      psi22: variance of the slopes, psi21: their covariance.

Tasks 3.1 to 3.3 build a small lme4, for any X and Z; tasks 3.4 to 3.8 read what it finds.
Every function takes arrays and numbers, returns plain values, and prints nothing.

Symbols: J clusters, n_j units in cluster j, N units in all, p columns of X, q columns of Z; the
table of all symbols, with the names that lme4, statsmodels and Stata give them, is in
``help(hlmtools)``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.stats import chi2, norm

from hlmtools.records import CrossProducts, LMMProfile, LMMResult


def cross_products(y: ArrayLike, X: ArrayLike, Z: ArrayLike, g: ArrayLike) -> CrossProducts:
    """Reduce the data to sums of products: by cluster where Z is in them, over all rows else.

    ::

        ZZ_j = Z_j'Z_j,   ZX_j = Z_j'X_j,   Zy_j = Z_j'y_j        for j = 1, ..., J
        XX = X'X,   Xy = X'y,   yy = y'y

    Parameters
    ----------
    y
        Response, N numbers.
    X
        Covariates of the fixed part, shape (N, p), the column of ones included.
    Z
        Covariates of the random part, shape (N, q), the column of ones included.
    g
        Cluster of each row, N labels: text or numbers, in any order.

    Returns
    -------
    A `hlmtools.records.CrossProducts`: clusters (sorted labels, a pandas Index), n, ZZ, ZX, Zy,
    XX, Xy and yy.

    Raises
    ------
    ValueError
        If the numbers of rows differ or are 0, if X or Z is not a table of columns, or if a
        value is missing or infinite.

    Notes
    -----
    ``pandas.factorize(labels, sort=True)`` gives the place 0, ..., J-1 of each row's cluster,
    and the sorted labels.
    ``np.add.at(total, place, rows)`` adds each row to its cluster's total.
    Source: lecture notes 3.3.

    Examples
    --------
    Cluster a has x = 0 and 2, so Z_a'Z_a = [[2, 2], [2, 4]] and, with y = 1 and 5,
    Z_a'y_a = [6, 10].

    >>> Z = [[1, 0], [1, 1], [1, 2]]
    >>> stats = cross_products([1.0, 3.0, 5.0], Z, Z, ["a", "b", "a"])
    >>> stats.ZZ[0].tolist(), stats.Zy[0].tolist(), stats.yy
    ([[2.0, 2.0], [2.0, 4.0]], [6.0, 10.0], 35.0)
    """
    # BEGIN SOLUTION 3.1
    y, X, Z = (np.asarray(part, dtype=float) for part in (y, X, Z))
    labels = np.asarray(g)
    rows = [len(part) for part in (y, X, Z, labels)]
    if y.ndim != 1 or X.ndim != 2 or Z.ndim != 2 or len(set(rows)) > 1 or not rows[0]:
        raise ValueError(
            f"y, X, Z and g have the shapes {y.shape}, {X.shape}, {Z.shape} and {labels.shape}; "
            "give columns y and g and tables X and Z with the same number of rows, at least one."
        )
    bad = sum(int((~np.isfinite(part)).sum()) for part in (y, X, Z)) + int(pd.isna(labels).sum())
    if bad:
        raise ValueError(
            f"{bad} missing or infinite values in y, X, Z or g; drop those rows first, and say so."
        )
    place, clusters = pd.factorize(labels, sort=True)
    J = len(clusters)

    def by_cluster(products: np.ndarray) -> np.ndarray:
        total = np.zeros((J, *products.shape[1:]))
        np.add.at(total, place, products)
        return total

    return CrossProducts(
        clusters=pd.Index(clusters, name="cluster"),
        n=np.bincount(place, minlength=J),
        ZZ=by_cluster(Z[:, :, None] * Z[:, None, :]),
        ZX=by_cluster(Z[:, :, None] * X[:, None, :]),
        Zy=by_cluster(Z * y[:, None]),
        XX=X.T @ X,
        Xy=X.T @ y,
        yy=float(y @ y),
    )
    # END SOLUTION


def relative_factor(theta: ArrayLike, q: int) -> np.ndarray:
    """Lower triangular Lambda from its free entries, so that Psi = sigma2 Lambda Lambda'.

    theta fills the lower triangle column by column, as in lme4::

        q = 2:   Lambda = [[theta1, 0     ],      q = 3:   [[theta1, 0,      0     ],
                           [theta2, theta3]]                [theta2, theta4, 0     ],
                                                            [theta3, theta5, theta6]]

    Parameters
    ----------
    theta
        q (q + 1) / 2 numbers without unit of their own: they are relative to sigma.
    q
        Number of random coefficients of a cluster.

    Returns
    -------
    Lambda, shape (q, q).

    Raises
    ------
    ValueError
        If theta has another length, or a value that is not finite.

    Notes
    -----
    Whatever theta is, Lambda Lambda' is a covariance matrix: no correlation beyond 1, no negative
    variance.
    Source: Bates, Maechler, Bolker and Walker (2015), section 2.2; lecture notes 3.3.

    Examples
    --------
    >>> relative_factor([2.0, 0.5, 1.0], 2).tolist()
    [[2.0, 0.0], [0.5, 1.0]]
    """
    # BEGIN SOLUTION 3.2a
    theta = np.asarray(theta, dtype=float)
    if theta.shape != (q * (q + 1) // 2,) or not np.isfinite(theta).all():
        raise ValueError(
            f"theta is {theta.tolist()}; for q = {q} give {q * (q + 1) // 2} finite numbers."
        )
    factor = np.zeros((q, q))
    column, row = np.triu_indices(q)
    factor[row, column] = theta
    return factor
    # END SOLUTION


def lmm_profile(theta: ArrayLike, stats: CrossProducts) -> LMMProfile:
    """Solve for the fixed coefficients at a given theta: the heart of a small lme4.

    With L = Lambda and, for every cluster j, its q x q matrices::

        A_j = I + L' ZZ_j L = C_j C_j'                (C_j lower triangular: Cholesky)
        R_j = C_j^-1 L' ZX_j,     c_j = C_j^-1 L' Zy_j
        M   = XX - sum_j R_j'R_j,     m = Xy - sum_j R_j'c_j
        beta = M^-1 m,     r2 = yy - sum_j c_j'c_j - beta'm,     log_det = 2 sum_j log det C_j

    Parameters
    ----------
    theta
        Free entries of Lambda, as for `relative_factor`.
    stats
        What `cross_products` returns.

    Returns
    -------
    A `hlmtools.records.LMMProfile`: beta (p,), r2, M (p, p) and log_det.

    Raises
    ------
    ValueError
        If theta does not fit the number of columns of Z.

    Notes
    -----
    ``np.linalg.cholesky`` and ``np.linalg.solve`` work on all J small matrices at once; for
    ``solve``, a vector a cluster needs a last axis of length 1: ``Zy[:, :, None]``.
    The determinant of a triangular matrix is the product of its diagonal.
    Source: Bates, Maechler, Bolker and Walker (2015), Journal of Statistical Software 67(1),
    section 3.4, cluster by cluster; lecture notes 3.3.

    Examples
    --------
    At theta = 0 it is least squares: beta = 2, r2 = (1-2)^2 + (3-2)^2 = 2, M = 2, log_det = 0.

    >>> stats = cross_products([1.0, 3.0], [[1], [1]], [[1], [1]], ["a", "b"])
    >>> beta, r2, M, log_det = lmm_profile([0.0], stats)
    >>> beta.tolist(), float(r2), M.tolist(), float(log_det)
    ([2.0], 2.0, [[2.0]], 0.0)
    """
    # BEGIN SOLUTION 3.2b
    q = stats.ZZ.shape[1]
    L = relative_factor(theta, q)
    C = np.linalg.cholesky(np.eye(q) + L.T @ stats.ZZ @ L)  # (J, q, q)
    R = np.linalg.solve(C, L.T @ stats.ZX)  # (J, q, p)
    c = np.linalg.solve(C, L.T @ stats.Zy[:, :, None])  # (J, q, 1)
    M = stats.XX - (R.transpose(0, 2, 1) @ R).sum(axis=0)
    m = stats.Xy - (R.transpose(0, 2, 1) @ c).sum(axis=0)[:, 0]
    beta = np.linalg.solve(M, m)
    r2 = stats.yy - np.sum(c**2) - beta @ m
    log_det = 2 * np.log(np.diagonal(C, axis1=1, axis2=2)).sum()
    return LMMProfile(beta=beta, r2=float(r2), M=M, log_det=float(log_det))
    # END SOLUTION


def lmm_deviance(theta: ArrayLike, stats: CrossProducts, reml: bool = True) -> float:
    """Deviance of a linear mixed model as a function of theta alone.

    With what `lmm_profile` gives at theta::

        ML:    log_det + N [1 + log(2 pi r2 / N)]
        REML:  log_det + log det M + (N - p) [1 + log(2 pi r2 / (N - p))]

    Parameters
    ----------
    theta
        Free entries of Lambda, as for `relative_factor`.
    stats
        What `cross_products` returns.
    reml
        True for lme4's REML criterion, False for -2 times the log-likelihood.

    Returns
    -------
    The deviance; the smaller, the better theta explains the data.
    At theta = 0 it is that of an ordinary regression of y on X.

    Raises
    ------
    ValueError
        If theta does not fit the number of columns of Z.

    Notes
    -----
    With X and Z a column of ones it is the deviance of Homework 1, and theta^2 its lam.
    Source: Bates, Maechler, Bolker and Walker (2015), equations 34 and 41; lecture notes 3.3.

    Examples
    --------
    At theta = 0, y = 1 and 3 around their mean: N = 2, r2 = 2, so ML gives 2 (1 + log(2 pi)).

    >>> stats = cross_products([1.0, 3.0], [[1], [1]], [[1], [1]], ["a", "b"])
    >>> round(lmm_deviance([0.0], stats, reml=False), 6)
    5.675754
    """
    # BEGIN SOLUTION 3.2c
    _, r2, M, log_det = lmm_profile(theta, stats)
    df = stats.n.sum() - len(M) if reml else stats.n.sum()
    deviance = log_det + df * (1 + np.log(2 * np.pi * r2 / df))
    return float(deviance + np.linalg.slogdet(M)[1] if reml else deviance)
    # END SOLUTION


def fit_lmm(y: ArrayLike, X: ArrayLike, Z: ArrayLike, g: ArrayLike, reml: bool = True) -> LMMResult:
    """Fit a linear mixed model by restricted or full maximum likelihood.

    Minimize `lmm_deviance` over theta, with the diagonal of Lambda at 0 or above; then, with
    what `lmm_profile` gives at that theta::

        sigma2 = r2 / (N - p)  under REML,    r2 / N  under ML
        Psi    = sigma2 Lambda Lambda'
        se     = sqrt(sigma2 diag(M^-1))

    Parameters
    ----------
    y, X, Z, g
        As for `cross_products`.
    reml
        True for restricted maximum likelihood, False for maximum likelihood.

    Returns
    -------
    A `hlmtools.records.LMMResult`: beta, se, Psi, sigma2, theta, deviance, reml, singular, stats.
    singular is True where an entry on the diagonal of Lambda is below 1e-4, as in lme4.

    Raises
    ------
    ValueError
        With fewer than two clusters, or when the columns of X depend on each other.

    Notes
    -----
    `best_theta`, below, does the minimizing.
    Source: lecture notes 3.3.

    Examples
    --------
    With Z a column of ones it is the model of Homework 1: psi = 7 and sigma2 = 2.

    >>> ones = [[1], [1], [1], [1]]
    >>> fit = fit_lmm([1, 3, 5, 7], ones, ones, ["a", "a", "b", "b"])
    >>> fit.beta.round(4).tolist(), fit.Psi.round(4).tolist(), round(fit.sigma2, 4), fit.singular
    ([4.0], [[7.0]], 2.0, False)
    """
    # BEGIN SOLUTION 3.3
    stats = cross_products(y, X, Z, g)
    p, q = stats.ZX.shape[2], stats.ZX.shape[1]
    if len(stats.n) < 2 or np.linalg.matrix_rank(stats.XX) < p:
        raise ValueError(
            f"{len(stats.n)} clusters, {p} columns of X of which "
            f"{np.linalg.matrix_rank(stats.XX)} are independent; give at least two clusters, and "
            "columns of X of which none follows from the others."
        )
    theta = best_theta(stats, reml)
    beta, r2, M, _ = lmm_profile(theta, stats)
    factor = relative_factor(theta, q)
    sigma2 = r2 / (stats.n.sum() - p if reml else stats.n.sum())
    return LMMResult(
        beta=beta,
        se=np.sqrt(sigma2 * np.diag(np.linalg.inv(M))),
        Psi=sigma2 * factor @ factor.T,
        sigma2=float(sigma2),
        theta=theta,
        deviance=lmm_deviance(theta, stats, reml),
        reml=reml,
        singular=bool(np.diag(factor).min() < 1e-4),
        stats=stats,
    )
    # END SOLUTION


def best_theta(stats: CrossProducts, reml: bool = True) -> np.ndarray:
    """Search for the theta with the smallest `lmm_deviance` (given: nothing to write here).

    The diagonal of Lambda is kept at 0 or above, which loses nothing: a column of Lambda may change
    its sign without changing Lambda Lambda'.

    Parameters
    ----------
    stats
        What `cross_products` returns.
    reml
        True for lme4's REML criterion, False for -2 times the log-likelihood.

    Returns
    -------
    theta at the minimum, column by column.

    Notes
    -----
    Every coefficient is measured in the unit of its column of Z, its root mean square, so that
    the search does not depend on whether x is in years or in days.
    A quasi-Newton search may stop at a place that is flat without being the lowest, so it starts
    from three places; a simplex search from the best of them, repeated until it gains nothing,
    finds the bottom.
    Source: lecture notes 3.3.

    Examples
    --------
    The balanced example of Homework 1: psi = 7 and sigma2 = 2, so theta^2 = 3.5.

    >>> ones = [[1], [1], [1], [1]]
    >>> stats = cross_products([1, 3, 5, 7], ones, ones, ["a", "a", "b", "b"])
    >>> (best_theta(stats) ** 2).round(4).tolist()
    [3.5]
    """
    column, row = np.triu_indices(stats.ZZ.shape[1])
    unit = np.sqrt(np.einsum("jkk->k", stats.ZZ) / stats.nobs)[row]
    bounds = [(0 if diagonal else None, None) for diagonal in row == column]

    def criterion(scaled: np.ndarray) -> float:
        return lmm_deviance(scaled / unit, stats, reml)

    starts = [size * (row == column) for size in (1.0, 0.3, 0.1)]
    tries = [
        optimize.minimize(criterion, start, method="L-BFGS-B", bounds=bounds) for start in starts
    ]
    best, gain = min(tries, key=lambda found: found.fun), np.inf
    while gain > 1e-6:
        simplex = best.x + np.vstack([np.zeros(len(row)), 0.02 * np.eye(len(row))])
        options = {"initial_simplex": simplex, "xatol": 1e-8, "fatol": 1e-9, "maxiter": 4000}
        found = optimize.minimize(
            criterion, best.x, method="Nelder-Mead", bounds=bounds, options=options
        )
        gain, best = best.fun - found.fun, min(best, found, key=lambda each: each.fun)
    return best.x / unit


def total_var(x: ArrayLike, Psi: ArrayLike, sigma2: float) -> float | np.ndarray:
    """Variance of the response of units with covariate value x: between plus within clusters.

    ::

        Var(y | x) = psi11 + 2 x psi21 + x^2 psi22 + sigma2

    Parameters
    ----------
    x
        One value of the covariate, or many.
    Psi
        Covariance matrix of intercept and slope, shape (2, 2).
    sigma2
        Variance within clusters.

    Returns
    -------
    Squared units of y: a number where x is one number, otherwise an array of the shape of x.

    Raises
    ------
    ValueError
        If Psi is no covariance matrix of two coefficients (not symmetric, a negative variance, a
        correlation beyond 1), or sigma2 is negative.

    Notes
    -----
    Source: lecture notes 3.4.

    Examples
    --------
    4 + 2*3*1 + 9*1 + 10:

    >>> total_var(3.0, [[4.0, 1.0], [1.0, 1.0]], 10.0)
    29.0
    """
    # BEGIN SOLUTION 3.4a
    Psi, x = np.asarray(Psi, dtype=float), np.asarray(x, dtype=float)
    if Psi.shape != (2, 2) or not sigma2 >= 0:
        raise ValueError(
            f"Psi has shape {Psi.shape} and sigma2 is {sigma2}; give the covariance matrix of "
            "intercept and slope and a variance of 0 or more."
        )
    room = 1e-9 * np.abs(Psi).max()
    if abs(Psi[0, 1] - Psi[1, 0]) > room or not np.linalg.eigvalsh(Psi)[0] >= -room:
        raise ValueError(
            f"Psi is {Psi.tolist()}; give a covariance matrix: symmetric, no variance below 0, "
            "no correlation beyond 1."
        )
    variance = Psi[0, 0] + 2 * x * Psi[1, 0] + x**2 * Psi[1, 1] + sigma2
    return variance if variance.ndim else float(variance)
    # END SOLUTION


def icc_at(x: ArrayLike, Psi: ArrayLike, sigma2: float) -> float | np.ndarray:
    """Intraclass correlation of units with covariate value x.

    ::

        icc(x) = (psi11 + 2 x psi21 + x^2 psi22) / Var(y | x)

    Parameters
    ----------
    x, Psi, sigma2
        As for `total_var`.

    Returns
    -------
    A number from 0 to 1 without unit where x is one number, otherwise an array of the shape of x.

    Raises
    ------
    ValueError
        As for `total_var`.

    Notes
    -----
    It is the share of the variance, among units with this x, that lies between clusters, and the
    correlation of two such units of the same cluster.
    Source: lecture notes 3.4.

    Examples
    --------
    (4 + 2*3*1 + 9*1) / 38, with 19 within:

    >>> icc_at(3.0, [[4.0, 1.0], [1.0, 1.0]], 19.0)
    0.5
    """
    # BEGIN SOLUTION 3.4b
    share = 1 - sigma2 / total_var(x, Psi, sigma2)
    return share if np.ndim(share) else float(share)
    # END SOLUTION


def corr_at(x1: float, x2: float, Psi: ArrayLike, sigma2: float) -> float:
    """Correlation of two different units of one cluster, with covariate values x1 and x2.

    ::

        Cov(y1, y2) = psi11 + (x1 + x2) psi21 + x1 x2 psi22
        corr        = Cov(y1, y2) / sqrt(Var(y | x1) Var(y | x2))

    Parameters
    ----------
    x1, x2
        Covariate values of the two units.
    Psi, sigma2
        As for `total_var`.

    Returns
    -------
    A number from -1 to 1 without unit; with x1 = x2 it is `icc_at`.

    Raises
    ------
    ValueError
        As for `total_var`.

    Notes
    -----
    Source: lecture notes 3.4.

    Examples
    --------
    Cov = 4 + 3*1 + 0*3*1 = 7; variances 4 + 21 = 25 at 0 and 4 + 6 + 9 + 21 = 40 at 3.

    >>> round(corr_at(0.0, 3.0, [[4.0, 1.0], [1.0, 1.0]], 21.0), 6)
    0.221359
    """
    # BEGIN SOLUTION 3.4c
    between = np.array([1.0, x1]) @ np.asarray(Psi, dtype=float) @ np.array([1.0, x2])
    scale = np.sqrt(total_var(x1, Psi, sigma2) * total_var(x2, Psi, sigma2))
    return float(between / scale)
    # END SOLUTION


def recenter(Psi: ArrayLike, c: float) -> np.ndarray:
    """Covariance matrix of intercept and slope when x is measured from a new origin c.

    With x' = x - c the intercept becomes the cluster's height at x = c, the slope stays::

        A = [[1, c],
             [0, 1]],      Psi' = A Psi A'

    Parameters
    ----------
    Psi
        Covariance matrix of intercept and slope for x, shape (2, 2).
    c
        New origin, in units of x.

    Returns
    -------
    Covariance matrix for x - c, shape (2, 2).

    Raises
    ------
    ValueError
        If Psi is not 2 x 2, or c is not finite.

    Notes
    -----
    The model says the same as before; only the place where intercepts are compared has moved.
    Source: lecture notes 3.5.

    Examples
    --------
    At c = 3: 4 + 2*3*1 + 9*1 = 19, and 1 + 3*1 = 4 for the covariance.

    >>> recenter([[4.0, 1.0], [1.0, 1.0]], 3.0).tolist()
    [[19.0, 4.0], [4.0, 1.0]]
    """
    # BEGIN SOLUTION 3.5
    Psi = np.asarray(Psi, dtype=float)
    if Psi.shape != (2, 2) or not np.isfinite(c):
        raise ValueError(
            f"Psi has shape {Psi.shape} and c is {c}; give the covariance matrix of intercept "
            "and slope and a finite origin."
        )
    A = np.array([[1.0, c], [0.0, 1.0]])
    return A @ Psi @ A.T
    # END SOLUTION


def lrt_slope(ll0: float, ll1: float) -> tuple[float, float]:
    """Likelihood-ratio test of a random slope: psi22 = 0 and, with it, psi21 = 0.

    ::

        L = 2 (ll1 - ll0)
        p = P(chi2_1 > L) / 2 + P(chi2_2 > L) / 2   for L > 0,      p = 1   for L <= 0

    A random slope brings two parameters, of which one, the variance, is at its boundary under the
    hypothesis; half of the time only the covariance is free to fit the data.

    Parameters
    ----------
    ll0
        Log-likelihood with a random intercept only.
    ll1
        Log-likelihood with a random intercept and a random slope; both by ML, or both by REML,
        with the same fixed part, on the same data.

    Returns
    -------
    The statistic L and the p-value; neither has a unit.

    Raises
    ------
    ValueError
        If a log-likelihood is not a finite number.

    Notes
    -----
    Source: Stram and Lee (1994), Biometrics 50, 1171-1177; lecture notes 3.6.

    Examples
    --------
    L = 2 (-100 + 103) = 6; chi-square variables with 1 and 2 degrees of freedom exceed 6 with
    probability 0.01431 and 0.04979.

    >>> stat, p = lrt_slope(-103.0, -100.0)
    >>> stat, round(p, 5)
    (6.0, 0.03205)
    """
    # BEGIN SOLUTION 3.6
    if not (np.isfinite(ll0) and np.isfinite(ll1)):
        raise ValueError(f"ll0 is {ll0} and ll1 is {ll1}; give two finite log-likelihoods.")
    stat = 2 * (ll1 - ll0)
    p = (chi2.sf(stat, 1) + chi2.sf(stat, 2)) / 2 if stat > 0 else 1.0
    return float(stat), float(p)
    # END SOLUTION


def eb_lmm(fit: LMMResult) -> pd.DataFrame:
    """Predict the random coefficients of each cluster (empirical Bayes, BLUP), with their errors.

    With L = Lambda and A_j = I + L' ZZ_j L, as in `lmm_profile`::

        e_j            = Zy_j - ZX_j beta                what Z_j sees of the residuals
        zeta_j         = L A_j^-1 L' e_j
        Var(zeta_j|y)  = sigma2 L A_j^-1 L'

    Parameters
    ----------
    fit
        A fitted model: beta, theta, sigma2 and stats are used.

    Returns
    -------
    One row a cluster, in the order of ``fit.stats.clusters`` (the index), with the columns
    ``zeta1``, ..., ``zetaq`` (predictions) and ``se1``, ..., ``seq`` (comparative standard errors,
    the square roots of the diagonal of Var(zeta_j|y)), in the units of the coefficients.

    Notes
    -----
    A_j always has an inverse: a cluster with fewer units than coefficients, or with one value of
    x, gets predictions as well.
    Source: Bates, Maechler, Bolker and Walker (2015), equations 56 to 58; lecture notes 3.7.

    Examples
    --------
    With Z a column of ones it is the shrinkage of Homework 1: 7/8 of the deviations -2 and 2.

    >>> ones = [[1], [1], [1], [1]]
    >>> fit = fit_lmm([1, 3, 5, 7], ones, ones, ["a", "a", "b", "b"])
    >>> eb_lmm(fit)["zeta1"].round(3).tolist()
    [-1.75, 1.75]
    """
    # BEGIN SOLUTION 3.7
    stats, q = fit.stats, fit.stats.ZZ.shape[1]
    L = relative_factor(fit.theta, q)
    spread = L @ np.linalg.solve(
        np.eye(q) + L.T @ stats.ZZ @ L, np.broadcast_to(L.T, stats.ZZ.shape)
    )
    e = stats.Zy - stats.ZX @ fit.beta  # (J, q)
    zeta = (spread @ e[:, :, None])[:, :, 0]
    se = np.sqrt(fit.sigma2 * np.diagonal(spread, axis1=1, axis2=2))
    columns = [f"{name}{k + 1}" for name in ("zeta", "se") for k in range(q)]
    return pd.DataFrame(np.hstack([zeta, se]), index=stats.clusters, columns=columns)
    # END SOLUTION


def slope_range(beta: float, psi22: float, level: float = 0.95) -> tuple[float, float]:
    """Range in which a given share of the clusters' true slopes lies.

    ::

        beta - z sqrt(psi22),   beta + z sqrt(psi22),   z = Phi^-1((1 + level) / 2)

    Parameters
    ----------
    beta
        Mean slope, in units of y per unit of x.
    psi22
        Variance of the slopes, the square of that.
    level
        Share of the clusters, between 0 and 1.

    Returns
    -------
    The lower and the upper end, in units of y per unit of x.
    It describes how slopes differ; a confidence interval for beta says how well their mean is
    known.

    Raises
    ------
    ValueError
        If psi22 is negative, or level is not between 0 and 1.

    Notes
    -----
    Source: lecture notes 3.4.

    Examples
    --------
    2 -+ 1.959964 * 0.5:

    >>> low, high = slope_range(2.0, 0.25)
    >>> round(low, 4), round(high, 4)
    (1.02, 2.98)
    """
    # BEGIN SOLUTION 3.8a
    if not (psi22 >= 0 and 0 < level < 1):
        raise ValueError(
            f"psi22 is {psi22} and level is {level}; give a variance of 0 or more "
            "and a level between 0 and 1, such as 0.95."
        )
    half_width = norm.ppf((1 + level) / 2) * np.sqrt(psi22)
    return float(beta - half_width), float(beta + half_width)
    # END SOLUTION


def p_negative(beta: float, psi22: float) -> float:
    """Share of the clusters whose true slope is below zero.

    ::

        P(beta + zeta2 < 0) = Phi(-beta / sqrt(psi22))

    Parameters
    ----------
    beta
        Mean slope, in units of y per unit of x.
    psi22
        Variance of the slopes, the square of that.

    Returns
    -------
    A number from 0 to 1; where psi22 is 0 all slopes are beta, and it is 1 or 0.

    Raises
    ------
    ValueError
        If psi22 is negative or not a number.

    Notes
    -----
    It leans on the normal distribution of slopes, far out in its tail more than near its middle.
    Source: lecture notes 3.4.

    Examples
    --------
    Phi(-1.96):

    >>> round(p_negative(1.96, 1.0), 4)
    0.025
    """
    # BEGIN SOLUTION 3.8b
    if not psi22 >= 0:
        raise ValueError(f"psi22 is {psi22}; give a variance, a number of 0 or more.")
    if psi22 == 0:
        return float(beta < 0)
    return float(norm.cdf(-beta / np.sqrt(psi22)))
    # END SOLUTION
