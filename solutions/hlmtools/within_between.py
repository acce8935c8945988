"""Homework 2: covariates at two levels, from partial demeaning to contextual effects.

The random-intercept model for unit i in cluster j is

    y_ij = x_ij' beta + zeta_j + epsilon_ij,   zeta_j ~ N(0, psi),   epsilon_ij ~ N(0, sigma2),

with zeta_j and epsilon_ij independent of each other *and of the covariates*.
Tasks 2.1 to 2.8 fill in the functions below; later ones call earlier ones.
Every function takes arrays and tables, returns plain values or a result, and prints nothing.

`y` and `g` are columns of n numbers and n cluster labels; the rows stand in any order.
`X` is the design matrix, a DataFrame (n, p) with one named column a coefficient, the constant
included; `design` makes it.

Symbols: J clusters, n_j units in cluster j, N units in all, p columns of X, lam = psi / sigma2;
the table of all symbols, with the names that lme4, statsmodels and Stata give them, is in
``help(hlmtools)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.stats import chi2

from hlmtools.records import FEResult, RIResult, RSquared


def design(data: pd.DataFrame, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Design matrix: a constant and the named columns of a table (given, nothing to write).

    Examples
    --------
    >>> design(pd.DataFrame({"ses": [0.5, -1.0]}), ["ses"]).to_numpy().tolist()
    [[1.0, 0.5], [1.0, -1.0]]
    """
    X = data[list(columns)].astype(float)
    X.insert(0, "const", 1.0)
    return X


def within_between(x: ArrayLike, g: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Split a variable into its deviations within clusters and its cluster means.

    ::

        x_ij = (x_ij - xbar_j) + xbar_j,      xbar_j = sum_i x_ij / n_j

    Parameters
    ----------
    x
        One variable (n,) or several (n, k).
    g
        Cluster of each row, n labels: text or numbers, in any order.

    Returns
    -------
    The deviations and the means, in units of x: two arrays of the shape of x.
    The mean of a cluster stands in each of its rows.

    Raises
    ------
    ValueError
        If x and g differ in length or are empty, if x has a missing or infinite value, or if g has
        a missing label.

    Notes
    -----
    The mean is taken over the units of the cluster, so that deviations add up to 0 in each.
    A cluster of one unit has the deviation 0.
    Source: Raudenbush and Bryk (2002), chapter 5; lecture notes 2.2.

    Examples
    --------
    Cluster a holds 1 and 5, with mean 3; cluster b holds 4 alone.

    >>> deviation, mean = within_between([1.0, 4.0, 5.0], ["a", "b", "a"])
    >>> deviation.tolist(), mean.tolist()
    ([-2.0, 0.0, 2.0], [3.0, 4.0, 3.0])
    """
    # BEGIN SOLUTION 2.1
    values, labels = np.asarray(x, dtype=float), np.asarray(g)
    if values.ndim == 0 or len(values) != len(labels) or len(values) == 0:
        raise ValueError(
            f"x has shape {values.shape} and g has shape {labels.shape}; "
            "give the same number of rows in both, at least one."
        )
    bad = int((~np.isfinite(values)).sum() + pd.isna(labels).sum())
    if bad:
        raise ValueError(
            f"{bad} missing or infinite values in x or g; drop those rows first, and say so."
        )
    grouped = pd.DataFrame(values).groupby(labels, sort=False)
    mean = grouped.transform("mean").to_numpy().reshape(values.shape)
    return values - mean, mean
    # END SOLUTION


def partial_demean(x: ArrayLike, g: ArrayLike, lam: float) -> np.ndarray:
    """Take a part of each cluster's mean away.

    ::

        x_ij - k_j xbar_j,      k_j = 1 - 1 / sqrt(1 + n_j lam)

    Parameters
    ----------
    x
        One variable (n,) or several (n, k).
    g
        Cluster of each row, n labels.
    lam
        Ratio psi / sigma2, at least 0; ``np.inf`` takes the whole mean away.

    Returns
    -------
    An array of the shape of x.
    With lam = 0 it is x itself, with lam = inf it is the deviation within clusters.

    Raises
    ------
    ValueError
        If lam is negative or not a number.

    Notes
    -----
    In other words: the deviations stay as they are, and the means are divided by
    sqrt(1 + n_j lam).
    Rows that are treated so are uncorrelated and have the same variance sigma2, if lam is the true
    ratio: generalized least squares is ordinary least squares on them.
    Source: Fuller and Battese (1973), JASA 68, 626-632; lecture notes 2.3.

    Examples
    --------
    Clusters of two with lam = 1.5: sqrt(1 + 2 * 1.5) = 2, so half of each mean is taken away.

    >>> partial_demean([1.0, 5.0, 4.0, 8.0], ["a", "a", "b", "b"], 1.5).tolist()
    [-0.5, 3.5, 1.0, 5.0]
    """
    # BEGIN SOLUTION 2.2a
    if not lam >= 0:
        raise ValueError(f"lam is {lam}; give a ratio of variances, a number of 0 or more.")
    deviation, mean = within_between(x, g)
    n = pd.Series(1.0, index=range(len(deviation))).groupby(np.asarray(g)).transform("size")
    return deviation + (mean.T / np.sqrt(1 + n.to_numpy() * lam)).T
    # END SOLUTION


def ri_deviance(
    lam: float, y: ArrayLike, X: pd.DataFrame, g: ArrayLike, reml: bool = True
) -> float:
    """Deviance of the random-intercept model as a function of lam = psi / sigma2.

    With y* and X* the partially demeaned y and X, and b the least-squares coefficients of y* on
    X*::

        r2     = |y* - X* b|^2

        ML:    sum_j log(1 + n_j lam) + N [1 + log(2 pi r2 / N)]
        REML:  sum_j log(1 + n_j lam) + log det(X*' X*) + (N - p) [1 + log(2 pi r2 / (N - p))]

    Parameters
    ----------
    lam
        Ratio psi / sigma2, at least 0; it has no unit.
    y, X, g
        Response (n,), design matrix (n, p) with its constant, cluster of each row (n,).
    reml
        True for lme4's REML criterion, False for -2 times the log-likelihood.

    Returns
    -------
    The deviance; at lam = 0 that of the ordinary regression of y on X.

    Raises
    ------
    ValueError
        If lam is negative or not a number.

    Notes
    -----
    log is the natural logarithm; ``np.linalg.slogdet`` gives that of a determinant without
    overflow.
    X is partially demeaned with its constant, which becomes 1 / sqrt(1 + n_j lam).
    With the constant as the only column this is the deviance of Task 1.3.
    Source: Bates, Maechler, Bolker and Walker (2015), Journal of Statistical Software 67(1),
    section 3.4, for one random intercept; lecture notes 2.3.

    Examples
    --------
    At lam = 1.5 with a constant only: X* is 1/2 everywhere, y* is -0.5, 3.5, 1, 5 with mean 2.25,
    and r2 = 7.5625 + 1.5625 + 1.5625 + 7.5625 = 18.25.
    ML gives 2 log 4 + 4 (1 + log(2 pi 18.25 / 4)).

    >>> X = pd.DataFrame({"const": np.ones(4)})
    >>> round(ri_deviance(1.5, [1.0, 5.0, 4.0, 8.0], X, ["a", "a", "b", "b"], reml=False), 6)
    20.19558
    """
    # BEGIN SOLUTION 2.2b
    y_star = partial_demean(y, g, lam)
    X_star = partial_demean(X, g, lam)
    b = np.linalg.lstsq(X_star, y_star, rcond=None)[0]
    r2 = ((y_star - X_star @ b) ** 2).sum()
    n = pd.Series(np.asarray(g)).value_counts().to_numpy()
    N, p = X_star.shape
    df = N - p if reml else N
    deviance = np.log1p(n * lam).sum() + df * (1 + np.log(2 * np.pi * r2 / df))
    logdet = np.linalg.slogdet(X_star.T @ X_star)[1]
    return float(deviance + logdet if reml else deviance)
    # END SOLUTION


def fit_ri(y: ArrayLike, X: pd.DataFrame, g: ArrayLike, reml: bool = True) -> RIResult:
    """Fit the random-intercept model by restricted or full maximum likelihood.

    Minimize `ri_deviance` over lam >= 0; then, with y* and X* partially demeaned at that lam::

        beta   = b                                  least squares of y* on X*
        sigma2 = r2 / (N - p)  under REML,   r2 / N  under ML
        psi    = lam sigma2
        Cov(b) = sigma2 (X*' X*)^-1

    Parameters
    ----------
    y, X, g
        Response (n,), design matrix (n, p) with its constant, cluster of each row (n,).
    reml
        True for restricted maximum likelihood, False for maximum likelihood.

    Returns
    -------
    A `hlmtools.records.RIResult`: params and cov with the names of the columns of X, psi and sigma2
    in squared units of y, the deviance at the minimum, reml, singular, and the cluster sizes.
    Where no positive lam beats lam = 0, psi is exactly 0 and singular is True.

    Raises
    ------
    ValueError
        If columns do not match or have missing values, if a column of X is a combination of the
        others, with fewer than two clusters, or with no cluster of two units or more.

    Notes
    -----
    `_checked` tests the input and numbers the clusters 0, 1, 2, ...; use what it returns.
    As in Homework 1, a minimizer on an interval never reaches its end: compare with lam = 0.
    The scale rho = lam / (1 + lam), from 0 to 1, is a handy one.
    Source: lecture notes 2.3.

    Examples
    --------
    Within both clusters y rises by 3 for 1 of x; between them it falls, which pulls the one slope
    a little down.

    >>> data = pd.DataFrame({"x": [0, 1, 2, 4, 5, 6], "g": list("aaabbb")})
    >>> data["y"] = [20.0, 24.0, 26.0, 10.0, 12.0, 16.0]
    >>> fit = fit_ri(data["y"], design(data, ["x"]), data["g"])
    >>> fit.params.round(2).to_dict(), fit.singular
    ({'const': 9.06, 'x': 2.98}, False)
    """
    # BEGIN SOLUTION 2.3
    y, X, g = _checked(y, X, g)
    sizes = pd.Series(g).value_counts().sort_index()
    if len(sizes) < 2 or sizes.max() == 1:
        raise ValueError(
            f"{len(sizes)} clusters, the largest of {sizes.max()} units; two variances need at "
            "least two clusters, and a cluster with two units."
        )

    def criterion(rho: float) -> float:
        return ri_deviance(rho / (1 - rho), y, X, g, reml)

    # a coarse grid finds the valley, the minimizer its lowest point
    grid = np.linspace(0, 1, 17)
    lowest = int(np.argmin([criterion(rho) for rho in grid[:-1]]))
    bounds = (grid[max(lowest - 1, 0)], grid[lowest + 1])
    inside = optimize.minimize_scalar(
        criterion, bounds=bounds, method="bounded", options={"xatol": 1e-11}
    )
    # lam = 0 wins unless it is beaten by more than rounding error
    singular = bool(criterion(0.0) <= inside.fun + 1e-8)
    lam = 0.0 if singular else inside.x / (1 - inside.x)

    y_star, X_star = partial_demean(y, g, lam), partial_demean(X, g, lam)
    inverse = np.linalg.inv(X_star.T @ X_star)
    b = np.linalg.lstsq(X_star, y_star, rcond=None)[0]
    r2 = ((y_star - X_star @ b) ** 2).sum()
    sigma2 = float(r2 / (len(y) - len(b) if reml else len(y)))
    return RIResult(
        params=pd.Series(b, index=X.columns),
        cov=pd.DataFrame(sigma2 * inverse, index=X.columns, columns=X.columns),
        psi=float(lam * sigma2),
        sigma2=sigma2,
        deviance=ri_deviance(lam, y, X, g, reml),
        reml=reml,
        singular=singular,
        sizes=sizes,
    )
    # END SOLUTION


def fixed_effects(y: ArrayLike, X: pd.DataFrame, g: ArrayLike) -> FEResult:
    """Fit the fixed-effects model: every cluster has an intercept of its own.

    Least squares of the deviations of y on the deviations of X, both within clusters; with k
    columns that vary within clusters::

        b      = (Xd' Xd)^-1 Xd' yd,      Xd, yd deviations
        sigma2 = |yd - Xd b|^2 / (N - J - k)
        Cov(b) = sigma2 (Xd' Xd)^-1

    Parameters
    ----------
    y, X, g
        Response (n,), design matrix (n, p), cluster of each row (n,), as for `fit_ri`.

    Returns
    -------
    A `hlmtools.records.FEResult`: params and cov of the columns that vary within clusters, sigma2,
    df_resid, and the names of the columns that were dropped because they do not vary there.

    Raises
    ------
    ValueError
        If no column varies within clusters, if one is a combination of others there, or if no
        degrees of freedom are left.

    Notes
    -----
    The J means have used up J degrees of freedom, though no coefficient shows for them.
    The constant is always dropped; so is every variable of level 2.
    After demeaning, such a column is 0 up to rounding: compare with its own size.
    Source: lecture notes 2.5.

    Examples
    --------
    Slopes of 2 in one cluster and 4 in the other, with equal spread of x: b is their mean.

    >>> X = pd.DataFrame({"const": np.ones(4), "x": [1.0, 3.0, 7.0, 9.0]})
    >>> fit = fixed_effects([0.0, 4.0, 1.0, 9.0], X, ["a", "a", "b", "b"])
    >>> round(float(fit.params["x"]), 6), fit.df_resid, fit.dropped
    (3.0, 1, ('const',))
    """
    # BEGIN SOLUTION 2.4
    y, X, g = _checked(y, X, g)
    y_dev, X_dev = within_between(y, g)[0], within_between(X, g)[0]
    varies = np.abs(X_dev).max(axis=0) > 1e-10 * np.abs(X).max(axis=0).to_numpy()
    names, X_dev = X.columns[varies], X_dev[:, varies]
    clusters = int(g.max()) + 1
    df = len(y) - clusters - len(names)
    if len(names) == 0 or df < 1 or np.linalg.matrix_rank(X_dev) < len(names):
        raise ValueError(
            f"{len(names)} columns of X vary within the {clusters} clusters of {len(y)} units; "
            "at least one is needed, none a combination of the others, and N above J + k."
        )
    inverse = np.linalg.inv(X_dev.T @ X_dev)
    b = np.linalg.lstsq(X_dev, y_dev, rcond=None)[0]
    sigma2 = float(((y_dev - X_dev @ b) ** 2).sum() / df)
    return FEResult(
        params=pd.Series(b, index=names),
        cov=pd.DataFrame(sigma2 * inverse, index=names, columns=names),
        sigma2=sigma2,
        df_resid=df,
        dropped=tuple(X.columns[~varies]),
        nobs=len(y),
        n_groups=clusters,
    )
    # END SOLUTION


def contextual(fit: RIResult, within: str, between: str) -> tuple[float, float]:
    """Contextual effect: slope between clusters minus slope within, with its standard error.

    ::

        effect = b_B - b_W,      se = sqrt(Var(b_B) + Var(b_W) - 2 Cov(b_B, b_W))

    Parameters
    ----------
    fit
        A fit whose columns hold the deviations within clusters and the cluster means.
    within, between
        Names of these two columns.

    Returns
    -------
    The difference and its standard error, in units of y per unit of x.

    Raises
    ------
    ValueError
        If the fit has no such column.

    Notes
    -----
    The covariance stands in ``fit.cov``; it is 0 for deviations from the means of the very rows of
    the fit, and need not be 0 otherwise.
    Source: lecture notes 2.4.

    Examples
    --------
    5 - 2, and the root of 0.25 + 0.04 - 2 * 0.10:

    >>> names = ["x_dev", "x_mean"]
    >>> cov = pd.DataFrame([[0.04, 0.10], [0.10, 0.25]], index=names, columns=names)
    >>> fit = RIResult(pd.Series([2.0, 5.0], names), cov, 1, 1, 1, True, False, pd.Series([2, 2]))
    >>> effect, se = contextual(fit, within="x_dev", between="x_mean")
    >>> round(effect, 6), round(se, 6)
    (3.0, 0.3)
    """
    # BEGIN SOLUTION 2.5a
    unknown = [name for name in (within, between) if name not in fit.params.index]
    if unknown:
        raise ValueError(
            f"The fit has no column {unknown[0]!r}; it has {', '.join(fit.params.index)}."
        )
    V = fit.cov
    variance = V.loc[between, between] + V.loc[within, within] - 2 * V.loc[between, within]
    return float(fit.params[between] - fit.params[within]), float(np.sqrt(variance))
    # END SOLUTION


def mundlak_test(fit: RIResult, means: Sequence[str]) -> tuple[float, int, float]:
    """Wald test that all contextual effects are 0, in a fit on variables and their cluster means.

    With d the coefficients of the cluster means and V_d their covariance matrix::

        W = d' V_d^-1 d,      df = number of means,      p = P(chi2_df > W)

    Parameters
    ----------
    fit
        A fit whose columns hold the variables *as they are* and their cluster means.
    means
        Names of the columns with the cluster means.

    Returns
    -------
    The statistic W, its degrees of freedom and the p-value.

    Raises
    ------
    ValueError
        If `means` is empty, or the fit has no such column.

    Notes
    -----
    Beside the variable itself, the coefficient of its mean *is* the contextual effect.
    ``np.linalg.solve(V, d)`` is V^-1 d.
    Source: Mundlak (1978), Econometrica 46, 69-85; lecture notes 2.6.

    Examples
    --------
    One mean with coefficient 3 and variance 2.25: W = 9 / 2.25.

    >>> names = ["x", "x_mean"]
    >>> cov = pd.DataFrame([[0.09, 0.01], [0.01, 2.25]], index=names, columns=names)
    >>> fit = RIResult(pd.Series([2.0, 3.0], names), cov, 1, 1, 1, True, False, pd.Series([2, 2]))
    >>> statistic, df, p = mundlak_test(fit, ["x_mean"])
    >>> round(statistic, 6), df, round(p, 4)
    (4.0, 1, 0.0455)
    """
    # BEGIN SOLUTION 2.5b
    columns = list(means)
    unknown = [name for name in columns if name not in fit.params.index]
    if unknown or not columns:
        raise ValueError(
            f"means is {columns}; give columns of the fit, which has {', '.join(fit.params.index)}."
        )
    d = fit.params[columns].to_numpy()
    V = fit.cov.loc[columns, columns].to_numpy()
    statistic = float(d @ np.linalg.solve(V, d))
    return statistic, len(columns), float(chi2.sf(statistic, len(columns)))
    # END SOLUTION


def hausman(
    b_fe: pd.Series, V_fe: pd.DataFrame, b_re: pd.Series, V_re: pd.DataFrame
) -> tuple[float, int, float]:
    """Hausman's test: do fixed and random effects estimate the same coefficients?

    Over the k coefficients that both have::

        d = b_fe - b_re,      H = d' (V_fe - V_re)^-1 d,      p = P(chi2_k > H)

    Parameters
    ----------
    b_fe, V_fe
        Coefficients of the fixed-effects fit and their covariance matrix, by name.
    b_re, V_re
        The same of the random-intercept fit; it may have more coefficients.

    Returns
    -------
    The statistic H, its degrees of freedom k and the p-value.

    Raises
    ------
    ValueError
        If the two have no coefficient in common, or if V_fe - V_re is not positive definite: then
        the statistic does not exist, and `mundlak_test` answers the question.

    Notes
    -----
    If the model holds, b_re is efficient, and then Var(b_fe - b_re) = V_fe - V_re.
    ``np.linalg.cholesky`` fails where a matrix is not positive definite.
    Source: Hausman (1978), Econometrica 46, 1251-1271; lecture notes 2.6.

    Examples
    --------
    The difference is 2 - 3 = -1, its variance 0.50 - 0.25, and 1 / 0.25 = 4.

    >>> one = ["x"]
    >>> b_fe, V_fe = pd.Series([2.0], one), pd.DataFrame([[0.50]], one, one)
    >>> b_re, V_re = pd.Series([3.0], one), pd.DataFrame([[0.25]], one, one)
    >>> statistic, df, p = hausman(b_fe, V_fe, b_re, V_re)
    >>> statistic, df, round(p, 4)
    (4.0, 1, 0.0455)
    """
    # BEGIN SOLUTION 2.6
    names = [name for name in b_fe.index if name in b_re.index]
    if not names:
        raise ValueError(
            f"The fits have no coefficient in common: {list(b_fe.index)} and {list(b_re.index)}."
        )
    d = (b_fe[names] - b_re[names]).to_numpy()
    V = (V_fe.loc[names, names] - V_re.loc[names, names]).to_numpy()
    try:
        np.linalg.cholesky(V)
    except np.linalg.LinAlgError:
        raise ValueError(
            "V_fe - V_re is not positive definite, so the statistic does not exist for these fits; "
            "add the cluster means to the random-intercept model and use mundlak_test."
        ) from None
    statistic = float(d @ np.linalg.solve(V, d))
    return statistic, len(names), float(chi2.sf(statistic, len(names)))
    # END SOLUTION


def r2_levels(null: RIResult, fit: RIResult) -> RSquared:
    """Compare the variances of a fit with those of the model without covariates.

    With 0 for the null model, 1 for the fit, and n the harmonic mean of the cluster sizes::

        rb_between = 1 - psi1 / psi0
        rb_within  = 1 - sigma2_1 / sigma2_0
        sb_level1  = 1 - (psi1 + sigma2_1) / (psi0 + sigma2_0)
        sb_level2  = 1 - (psi1 + sigma2_1 / n) / (psi0 + sigma2_0 / n),   n = J / sum_j (1 / n_j)

    Parameters
    ----------
    null, fit
        Two fits of the same rows by the same method; `null` has the constant only.

    Returns
    -------
    A `hlmtools.records.RSquared` with these four shares.
    They are reported as they come out; a negative one is possible, and has something to say.

    Raises
    ------
    ValueError
        If the fits are of different rows or by different methods, or if psi of the null model is 0.

    Notes
    -----
    Source: Raudenbush and Bryk (2002), chapter 4; Snijders and Bosker (2012), chapter 7; lecture
    notes 2.7.

    Examples
    --------
    Variances 4 and 12 become 1 and 9 in clusters of 3: 1 - 1/4, 1 - 9/12, 1 - 10/16, 1 - 4/8.

    >>> def made(psi, sigma2):
    ...     b, V = pd.Series([0.0], ["const"]), pd.DataFrame([[1.0]], ["const"], ["const"])
    ...     return RIResult(b, V, psi, sigma2, 1.0, True, False, pd.Series([3, 3]))
    >>> [round(share, 6) for share in r2_levels(made(4.0, 12.0), made(1.0, 9.0))]
    [0.75, 0.25, 0.375, 0.5]
    """
    # BEGIN SOLUTION 2.7
    if null.nobs != fit.nobs or null.reml != fit.reml or null.psi == 0:
        raise ValueError(
            f"null: {null.nobs} rows, REML {null.reml}, psi {null.psi:g}; fit: {fit.nobs} rows, "
            f"REML {fit.reml}. Give two fits of the same rows by the same method, null psi above 0."
        )
    n = len(fit.sizes) / (1 / fit.sizes).sum()
    return RSquared(
        rb_between=float(1 - fit.psi / null.psi),
        rb_within=float(1 - fit.sigma2 / null.sigma2),
        sb_level1=float(1 - (fit.psi + fit.sigma2) / (null.psi + null.sigma2)),
        sb_level2=float(1 - (fit.psi + fit.sigma2 / n) / (null.psi + null.sigma2 / n)),
    )
    # END SOLUTION


def lrt_fixed(fit0: RIResult, fit1: RIResult) -> tuple[float, int, float]:
    """Likelihood-ratio test of the coefficients that fit1 has and fit0 lacks.

    ::

        L = deviance0 - deviance1,      df = p1 - p0,      p = P(chi2_df > L)

    Parameters
    ----------
    fit0, fit1
        The smaller and the larger model, fitted to the same rows by *maximum likelihood*.

    Returns
    -------
    The statistic L, its degrees of freedom and the p-value.

    Raises
    ------
    ValueError
        If a fit is by REML, if the fits are of different rows, or if the columns of fit0 are not
        some of those of fit1.

    Notes
    -----
    REML takes the fixed part out of the data before it looks at them; two models with different
    fixed parts look at different data, and their criteria cannot be compared.
    A coefficient can be negative, so nothing is halved here.
    Source: lecture notes 2.8.

    Examples
    --------
    Deviances 104 and 100 with one column more: L = 4, and p is that of chi2_1.

    >>> def made(deviance, names):
    ...     V = pd.DataFrame(np.eye(len(names)), names, names)
    ...     b, sizes = pd.Series(0.0, names), pd.Series([2, 2])
    ...     return RIResult(b, V, 1.0, 1.0, deviance, False, False, sizes)
    >>> L, df, p = lrt_fixed(made(104.0, ["const"]), made(100.0, ["const", "x"]))
    >>> L, df, round(p, 4)
    (4.0, 1, 0.0455)
    """
    # BEGIN SOLUTION 2.8
    if fit0.reml or fit1.reml:
        raise ValueError(
            f"fit0 has reml={fit0.reml} and fit1 has reml={fit1.reml}; models with different fixed "
            "parts are compared by maximum likelihood. Fit both again with reml=False."
        )
    small, large = set(fit0.params.index), set(fit1.params.index)
    if fit0.nobs != fit1.nobs or not small < large:
        raise ValueError(
            f"fit0 has {fit0.nobs} rows and columns {sorted(small)}, fit1 has {fit1.nobs} rows and "
            f"columns {sorted(large)}; give the same rows, and all columns of fit0 in fit1."
        )
    statistic = float(fit0.deviance - fit1.deviance)
    df = len(large) - len(small)
    return statistic, df, float(chi2.sf(statistic, df))
    # END SOLUTION


# ------------------------------------------------------------------- given, nothing to write here


def _checked(
    y: ArrayLike, X: pd.DataFrame, g: ArrayLike
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Test the input of a fit; y as numbers, X as a table of numbers, clusters as 0, 1, 2, ...

    Raises
    ------
    ValueError
        If X is no DataFrame, if lengths differ, if a value is missing or infinite, or if a column
        of X is a combination of the others.
    """
    if not isinstance(X, pd.DataFrame):
        raise ValueError(f"X is a {type(X).__name__}; give a DataFrame, as design() makes it.")
    response, table = np.asarray(y, dtype=float), X.astype(float)
    codes = pd.factorize(np.asarray(g), sort=False)[0]
    if not (len(response) == len(table) == len(codes) > 0):
        raise ValueError(
            f"y has {len(response)} rows, X {len(table)}, g {len(codes)}; give as many in each."
        )
    finite = np.isfinite(table.to_numpy()).all() and np.isfinite(response).all()
    if not finite or (codes < 0).any():
        raise ValueError("y, X or g has missing or infinite values; drop those rows, and say so.")
    if np.linalg.matrix_rank(table.to_numpy()) < table.shape[1]:
        raise ValueError(
            f"One of the columns {', '.join(map(str, table.columns))} is a combination of the "
            "others, or constant beside the constant; leave one out."
        )
    return response, table, codes
