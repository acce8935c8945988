"""Homework 6: other approaches to longitudinal data.

A mixed model explains why measurements of one person resemble each other.
The approaches of this module do without that explanation, or answer another question: robust
standard errors, covariance patterns, comparisons within persons, analysis of variance, generalized
estimating equations, conditional likelihood, change scores, and what becomes of them under
drop-out.

``X`` is a table of covariates, one named column each (a pandas DataFrame), the column of ones
included where a constant is wanted; the names come back in the results.
`y`, `g` (person, or cluster) and `t` (occasion) may be lists, arrays or pandas columns; the rows
stand in any order.
Every function returns plain values and tables, and prints nothing.

Symbols: J clusters, n_j measurements of cluster j, N in all, T occasions, p columns of X; the table
of all symbols, with the names that lme4, statsmodels and Stata give them, is in ``help(hlmtools)``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.special import expit, logsumexp
from scipy.stats import chi2, f

from hlmtools.records import Block, GEEResult, GLSProfile, GLSResult, MundlakResult


def cluster_robust_ols(X: pd.DataFrame, y: ArrayLike, g: ArrayLike) -> pd.DataFrame:
    """Least squares with three standard errors: naive, cluster-robust, and corrected for few J.

    With B = (X'X)^-1, beta = B X'y, e = y - X beta and one score s_j = X_j'e_j a cluster::

        naive:  e'e / (N - p) B
        CR0:    B [sum_j s_j s_j'] B
        CR1:    J / (J - 1) * (N - 1) / (N - p) * CR0

    Parameters
    ----------
    X
        Covariates, one column each, N rows.
    y
        Response, N numbers.
    g
        Cluster of each row, N labels.

    Returns
    -------
    One row a column of X, with the columns ``beta``, ``naive``, ``CR0`` and ``CR1``: the
    coefficient and its standard errors, the square roots of the diagonals above.

    Raises
    ------
    ValueError
        If numbers of rows differ, a value is missing, columns of X depend on each other, or there
        are fewer than two clusters.

    Notes
    -----
    The naive standard errors hold if all N rows are independent; the robust ones if the clusters
    are, whatever happens within them.
    CR1 is what Stata's ``vce(cluster)`` and statsmodels' ``cov_type="cluster"`` report.
    Source: Liang and Zeger (1986), Biometrika 73, 13-22; lecture notes 6.1.

    Examples
    --------
    The mean of 1, 3 | 5, 7 is 4; the clusters' scores are (1-4) + (3-4) = -4 and 4, so CR0 is
    sqrt(32) / 4 and CR1 is sqrt(2 / 1 * 3 / 3) times as large.

    >>> X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    >>> cluster_robust_ols(X, [1, 3, 5, 7], ["a", "a", "b", "b"]).round(4).values.tolist()
    [[4.0, 1.291, 1.4142, 2.0]]
    """
    X, y, g = checked(X, y, g)
    # BEGIN SOLUTION 6.1
    N, p, J = *X.shape, len(np.unique(g))
    if J < 2:
        raise ValueError(f"There are {J} clusters; robust standard errors need two or more.")
    B = np.linalg.inv(X.T @ X)
    beta = B @ (X.T @ y)
    e = y - X @ beta
    s = (X.mul(e, axis=0)).groupby(g).sum()  # (J, p): one score a cluster
    naive = e @ e / (N - p) * B
    robust = B @ (s.T @ s).to_numpy() @ B
    corrected = J / (J - 1) * (N - 1) / (N - p) * robust
    spread = {"naive": naive, "CR0": robust, "CR1": corrected}
    errors = {name: np.sqrt(np.diag(cov)) for name, cov in spread.items()}
    return pd.DataFrame({"beta": np.asarray(beta), **errors}, index=X.columns)
    # END SOLUTION


def pattern_matrix(kind: str, par: ArrayLike, T: int) -> np.ndarray:
    """Covariance matrix of T occasions, up to the factor sigma2.

    For occasions s and t from 1 to T::

        IND:  1 where s = t, 0 elsewhere                     par is empty
        CS:   1 where s = t, rho elsewhere                   par = [rho]
        AR1:  phi^|s - t|                                    par = [phi]
        UN:   L L', L lower triangular, L_11 = 1             par = the other entries of L

    For UN the entries fill L column by column, from below the first one on.

    Parameters
    ----------
    kind
        "IND" (independence), "CS" (compound symmetry, exchangeable), "AR1" (first-order
        autoregression) or "UN" (unstructured).
    par
        0, 1, 1 or T (T + 1) / 2 - 1 numbers without unit.
    T
        Number of occasions.

    Returns
    -------
    Shape (T, T); times sigma2 it is the covariance matrix of a person's T measurements.

    Raises
    ------
    ValueError
        If kind is none of the four, or par has the wrong length.

    Notes
    -----
    Occasions are counted, so that neighbors are one step apart however much time is between them.
    ``np.triu_indices(T)`` gives (column, row) of the lower triangle, column by column.
    Source: lecture notes 6.2.

    Examples
    --------
    >>> pattern_matrix("AR1", [0.5], 3).tolist()
    [[1.0, 0.5, 0.25], [0.5, 1.0, 0.5], [0.25, 0.5, 1.0]]
    """
    # BEGIN SOLUTION 6.2a
    numbers = {"IND": 0, "CS": 1, "AR1": 1, "UN": T * (T + 1) // 2 - 1}
    par = np.asarray(par, dtype=float)
    if kind not in numbers or par.shape != (numbers[kind],):
        raise ValueError(
            f"kind is {kind!r} and par has {par.size} numbers; give one of {', '.join(numbers)} "
            f"with, for T = {T}, {', '.join(map(str, numbers.values()))} numbers."
        )
    if kind == "IND":
        return np.eye(T)
    if kind == "CS":
        return np.where(np.eye(T) == 1, 1.0, par[0])
    if kind == "AR1":
        return par[0] ** np.abs(np.subtract.outer(np.arange(T), np.arange(T)))
    L = np.zeros((T, T))
    column, row = np.triu_indices(T)
    L[row, column] = [1.0, *par]
    return L @ L.T
    # END SOLUTION


def gls_profile(par: ArrayLike, kind: str, blocks: list[Block]) -> GLSProfile:
    """Solve for the coefficients when the pattern of covariances is known.

    With R_j the rows and columns of `pattern_matrix` at which cluster j was measured::

        M = sum_j X_j'R_j^-1 X_j,     m = sum_j X_j'R_j^-1 y_j,     beta = M^-1 m
        r2 = sum_j (y_j - X_j beta)'R_j^-1 (y_j - X_j beta),        log_det = sum_j log |R_j|

    Parameters
    ----------
    par, kind
        As for `pattern_matrix`.
    blocks
        What `occasion_blocks` returns: for each set of occasions, ``at`` (m,), ``X`` (J, m, p)
        and ``y`` (J, m) of the J clusters that were measured then; and ``T``.

    Returns
    -------
    A `hlmtools.records.GLSProfile`: beta (p,), M (p, p), r2, log_det and N.

    Raises
    ------
    ValueError
        As for `pattern_matrix`.

    Notes
    -----
    With the Cholesky factor R = C C', the data X* = C^-1 X and y* = C^-1 y are independent with
    equal variances ("whitened"), and ordinary least squares does the rest.
    ``np.linalg.solve`` works on all J clusters of a block at once; a vector a cluster needs a last
    axis of length 1: ``y[:, :, None]``.
    log |R| = 2 sum log diag(C).
    Source: Pinheiro and Bates (2000), section 5.1; lecture notes 6.2.

    Examples
    --------
    Two persons with (1, 3) and (5, 7), rho = 0.5: the mean is 4, R^-1 has rows (4, -2)/3 and
    (-2, 4)/3, each person's deviations (-3, -1) and (1, 3) give 28/3, and |R| = 0.75.

    >>> X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    >>> blocks = occasion_blocks(X, [1, 3, 5, 7], ["a", "a", "b", "b"], [1, 2, 1, 2])
    >>> found = gls_profile([0.5], "CS", blocks)
    >>> found.beta.round(6).tolist(), round(found.r2, 6), float(np.exp(found.log_det).round(6))
    ([4.0], 18.666667, 0.5625)
    """
    # BEGIN SOLUTION 6.2b
    R = pattern_matrix(kind, par, blocks[0].T)
    white_X, white_y, log_det = [], [], 0.0
    for block in blocks:
        C = np.linalg.cholesky(R[np.ix_(block.at, block.at)])
        J, _, p = block.X.shape
        white_X.append(np.linalg.solve(C, block.X).reshape(-1, p))
        white_y.append(np.linalg.solve(C, block.y[:, :, None]).ravel())
        log_det += J * 2 * np.log(np.diag(C)).sum()
    X, y = np.concatenate(white_X), np.concatenate(white_y)
    M = X.T @ X
    beta = np.linalg.solve(M, X.T @ y)
    r2 = np.sum((y - X @ beta) ** 2)
    return GLSProfile(beta=beta, M=M, r2=float(r2), log_det=float(log_det), N=len(y))
    # END SOLUTION


def gls_deviance(par: ArrayLike, kind: str, blocks: list[Block]) -> float:
    """Deviance (-2 log-likelihood) of a covariance-pattern model as a function of par alone.

    With what `gls_profile` gives::

        log_det + N [1 + log(2 pi r2 / N)]

    Parameters
    ----------
    par, kind, blocks
        As for `gls_profile`.

    Returns
    -------
    The deviance by maximum likelihood.

    Raises
    ------
    ValueError
        As for `pattern_matrix`.

    Notes
    -----
    Source: lecture notes 6.2.

    Examples
    --------
    Independence, the mean 4 of 1, 3, 5, 7: r2 = 20, so 4 (1 + log(2 pi 20 / 4)).

    >>> X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    >>> blocks = occasion_blocks(X, [1, 3, 5, 7], ["a", "a", "b", "b"], [1, 2, 1, 2])
    >>> round(gls_deviance([], "IND", blocks), 5)
    17.78926
    """
    # BEGIN SOLUTION 6.2c
    found = gls_profile(par, kind, blocks)
    return float(found.log_det + found.N * (1 + np.log(2 * np.pi * found.r2 / found.N)))
    # END SOLUTION


def gls_pattern(
    X: pd.DataFrame, y: ArrayLike, g: ArrayLike, t: ArrayLike, kind: str = "UN"
) -> GLSResult:
    """Fit a model for the mean with a pattern of covariances, by maximum likelihood.

    Minimize `gls_deviance` over par; then, with what `gls_profile` gives there::

        sigma2 = r2 / N,     Sigma = sigma2 R,     Cov(beta) = sigma2 M^-1

    Parameters
    ----------
    X, y
        Covariates and response, N rows.
    g, t
        Person and occasion of each row; a person may miss occasions, and has each at most once.
    kind
        As for `pattern_matrix`.

    Returns
    -------
    A `hlmtools.records.GLSResult`: ``table`` (columns beta and se, one row a column of X), ``cov``
    (covariance matrix of beta), ``Sigma`` (T, T), ``deviance``, ``kind``, ``n_par`` (coefficients
    plus variance parameters, sigma2 included), ``nobs``; from them ``llf`` and ``aic``.

    Raises
    ------
    ValueError
        If kind is unknown, columns of X depend on each other, a value is missing, or a person has
        an occasion twice.

    Notes
    -----
    `occasion_blocks`, below, checks and stacks the data; `best_par` does the minimizing.
    With complete data and rho > 0, "CS" is the model with a random intercept.
    Source: lecture notes 6.2.

    Examples
    --------
    Deviations -3, -1 and 1, 3 from the mean: variance 20/4, covariance (3 + 3) / 2.

    >>> X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    >>> fit = gls_pattern(X, [1, 3, 5, 7], ["a", "a", "b", "b"], [1, 2, 1, 2], "CS")
    >>> fit.Sigma.round(4).tolist(), fit.n_par
    ([[5.0, 3.0], [3.0, 5.0]], 3)
    """
    # BEGIN SOLUTION 6.2d
    blocks, names = occasion_blocks(X, y, g, t), list(X.columns)
    T = blocks[0].T
    par = best_par(lambda each: gls_deviance(each, kind, blocks), kind, T)
    found = gls_profile(par, kind, blocks)
    sigma2 = found.r2 / found.N
    cov = sigma2 * np.linalg.inv(found.M)
    return GLSResult(
        table=pd.DataFrame({"beta": found.beta, "se": np.sqrt(np.diag(cov))}, index=names),
        cov=pd.DataFrame(cov, index=names, columns=names),
        Sigma=sigma2 * pattern_matrix(kind, par, T),
        deviance=gls_deviance(par, kind, blocks),
        kind=kind,
        n_par=len(names) + 1 + len(par),
        nobs=found.N,
    )
    # END SOLUTION


def fixed_effects(X: pd.DataFrame, y: ArrayLike, g: ArrayLike) -> pd.DataFrame:
    """Compare each person with itself: least squares after subtracting the person's own means.

    With dots for deviations from the person's mean, and k columns that vary within persons::

        beta   = (Xdot'Xdot)^-1 Xdot'ydot
        sigma2 = sum of squared residuals / (N - J - k)
        se     = sqrt(sigma2 diag (Xdot'Xdot)^-1)

    Parameters
    ----------
    X
        Covariates; columns that vary within no person, the constant among them, are left out.
    y, g
        Response and person of each row.

    Returns
    -------
    One row for each column that is left, with the columns ``beta`` and ``se``.

    Raises
    ------
    ValueError
        If no column varies within persons, or if those that do depend on each other there.

    Notes
    -----
    J degrees of freedom go into the persons' means.
    Source: Wooldridge (2010), section 10.5; lecture notes 6.3.

    Examples
    --------
    Person a: x 0, 2 and y 1, 5; person b: x 0, 2 and y 8, 10.  Deviations of x are -1, 1, of y
    -2, 2 and -1, 1: slope (4 + 2) / 4; residuals -0.5, 0.5, 0.5, -0.5 on 4 - 2 - 1 = 1 df.

    >>> X = pd.DataFrame({"x": [0.0, 2.0, 0.0, 2.0]})
    >>> fixed_effects(X, [1, 5, 8, 10], ["a", "a", "b", "b"]).values.tolist()
    [[1.5, 0.5]]
    """
    X, y, g = checked(X, y, g, rank=False)
    # BEGIN SOLUTION 6.3a
    X_dev = X - X.groupby(g).transform("mean")
    y_dev = y - y.groupby(g).transform("mean")
    X_dev = varying(X_dev, X)
    df = len(y) - len(np.unique(g)) - X_dev.shape[1]
    return least_squares(X_dev, y_dev, df)
    # END SOLUTION


def first_difference(X: pd.DataFrame, y: ArrayLike, g: ArrayLike, t: ArrayLike) -> pd.DataFrame:
    """Compare each measurement with the same person's one before.

    With D for the difference of a row from the person's row before it in time, n such rows and k
    columns with a difference other than 0::

        beta   = (DX'DX)^-1 DX'Dy
        sigma2 = sum of squared residuals / (n - k)
        se     = sqrt(sigma2 diag (DX'DX)^-1)

    Parameters
    ----------
    X
        Covariates; columns whose differences are all 0 are left out.
    y, g, t
        Response, person and occasion of each row.

    Returns
    -------
    One row for each column that is left, with the columns ``beta`` and ``se``.

    Raises
    ------
    ValueError
        If no column varies within persons, or if the differences depend on each other.

    Notes
    -----
    A covariate that grows by 1 at every occasion has differences of 1: its coefficient is the
    average growth of y.
    Source: Wooldridge (2010), section 10.6; lecture notes 6.3.

    Examples
    --------
    Differences of x are 2 and 1, of y 4 and 1: (8 + 1) / (4 + 1); residuals 0.4 and -0.8.

    >>> X = pd.DataFrame({"x": [0.0, 2.0, 3.0, 2.0]})
    >>> found = first_difference(X, [1, 5, 8, 7], ["a", "a", "b", "b"], [1, 2, 2, 1])
    >>> found.round(4).values.tolist()
    [[1.8, 0.4]]
    """
    X, y, g = checked(X, y, g, rank=False)
    # BEGIN SOLUTION 6.3b
    order = np.lexsort((np.asarray(t), np.unique(g, return_inverse=True)[1]))
    X, y, g = X.iloc[order], y.iloc[order], g[order]
    same = g[1:] == g[:-1]
    X_step = varying(X.diff().iloc[1:][same], X)
    y_step = y.diff().iloc[1:][same]
    return least_squares(X_step, y_step, len(y_step) - X_step.shape[1])
    # END SOLUTION


def mundlak(X: pd.DataFrame, y: ArrayLike, g: ArrayLike, columns: list[str]) -> MundlakResult:
    """Add the persons' means of some covariates to a random-intercept model, and test them.

    X gets a column "mean of x" for each x in columns; the model is fitted by `gls_pattern` with
    compound symmetry.  With d the coefficients of the means and C their covariance matrix::

        stat = d'C^-1 d,     df = len(columns),     p = P(chi2_df > stat)

    Parameters
    ----------
    X, y, g
        Covariates, the column of ones included; response; person of each row.
    columns
        Names of the covariates whose means are added.

    Returns
    -------
    A `hlmtools.records.MundlakResult`: ``table`` (beta and se; covariates, then means), ``stat``,
    ``df``, ``p``.

    Raises
    ------
    ValueError
        If a name is no column of X, or if a mean follows from other columns (as it does for a
        covariate that does not vary within persons).

    Notes
    -----
    The coefficient of x becomes the within-person one, and that of its mean the difference between
    the effect between persons and that within.
    If all differences are 0, the random-intercept model without means would do.
    Source: Mundlak (1978), Econometrica 46, 69-85; lecture notes 6.3.

    Examples
    --------
    >>> X = pd.DataFrame({"constant": 1.0, "x": [0.0, 2.0, 1.0, 3.0, 4.0, 5.0]})
    >>> found = mundlak(X, [1, 5, 8, 10, 3, 4], ["a", "a", "b", "b", "c", "c"], ["x"])
    >>> list(found.table.index), found.df
    (['constant', 'x', 'mean of x'], 1)
    """
    X, y, g = checked(X, y, g)
    # BEGIN SOLUTION 6.3c
    missing = [name for name in columns if name not in X.columns]
    if missing:
        raise ValueError(f"X has no column {missing[0]!r}; it has {', '.join(X.columns)}.")
    means = X[columns].groupby(g).transform("mean").add_prefix("mean of ")
    occasion = pd.Series(g).groupby(g).cumcount()
    fit = gls_pattern(X.join(means), y, g, occasion, "CS")
    d, C = fit.table.loc[means.columns, "beta"], fit.cov.loc[means.columns, means.columns]
    stat = float(d @ np.linalg.solve(C, d))
    p = float(chi2.sf(stat, len(columns)))
    return MundlakResult(table=fit.table, stat=stat, df=len(columns), p=p)
    # END SOLUTION


def rm_anova(y: ArrayLike, subject: ArrayLike, group: ArrayLike, time: ArrayLike) -> pd.DataFrame:
    """Repeated-measures analysis of variance: groups of subjects, each measured at T times.

    With subject means y_j, group means y_g of n_g subjects, the overall mean m, deviations
    d_jt = y_jt - y_j, and their means d_t over all J subjects and d_gt over group g (G groups)::

        between:  SS_group = T sum_g n_g (y_g - m)^2          df  G - 1
                  error    = T sum_j (y_j - y_g)^2            df  J - G
        within:   SS_time  = J sum_t d_t^2                    df  T - 1
                  SS_both  = sum_g n_g sum_t (d_gt - d_t)^2   df  (G - 1)(T - 1)
                  error    = sum_jt (d_jt - d_gt)^2           df  (J - G)(T - 1)

    Each F is a mean square divided by the mean square of the error of its own part.

    Parameters
    ----------
    y, subject, group, time
        Response, subject, group of the subject, and time of each row.

    Returns
    -------
    Rows ``group``, ``time``, ``group:time``, with the columns ``F``, ``df1``, ``df2`` and ``p``.

    Raises
    ------
    ValueError
        If a subject lacks a time, has one twice, or changes its group.

    Notes
    -----
    Two errors: subjects are compared with subjects, but times within a subject.
    It assumes compound symmetry; the F statistics are the Wald statistics of the random-intercept
    model with a mean for each group and time, but for their divisor.
    Source: Fitzmaurice, Laird and Ware (2011), chapter 3; lecture notes 6.4.

    Examples
    --------
    Subject means 2, 4 and 7, 10, group means 3 and 8.5, overall 5.75: SS_group = 60.5 on 1 df, its
    error 13 on 2, so F = 60.5 / 6.5.

    >>> table = rm_anova([1, 3, 3, 5, 5, 9, 7, 13], list("aabbccdd"), [1, 1, 1, 1, 2, 2, 2, 2],
    ...                  [1, 2, 1, 2, 1, 2, 1, 2])
    >>> table["F"].round(4).tolist(), table["df2"].tolist()
    ([9.3077, 49.0, 9.0], [2, 2, 2])
    """
    # BEGIN SOLUTION 6.4
    rows = pd.DataFrame({"y": y, "subject": subject, "group": group, "time": time})
    Y = rows.pivot_table(index="subject", columns="time", values="y")
    members = rows[["subject", "group"]].drop_duplicates()
    if Y.isna().to_numpy().any() or len(rows) != Y.size or len(members) > len(Y):
        raise ValueError(
            "Some subject lacks a time, has one twice, or changes its group; this analysis needs "
            "each subject at each time once."
        )
    member = members.set_index("subject")["group"]  # (J,)
    (J, T), G = Y.shape, member.nunique()
    means = Y.mean(axis=1)
    group_means = means.groupby(member).transform("mean")
    d = Y.sub(means, axis=0)  # (J, T)
    d_group, d_time = d.groupby(member).transform("mean"), d.mean()

    squares = {
        "group": T * ((group_means - means.mean()) ** 2).sum(),
        "time": J * (d_time**2).sum(),
        "group:time": ((d_group - d_time) ** 2).to_numpy().sum(),
    }
    between, within = T * ((means - group_means) ** 2).sum(), ((d - d_group) ** 2).to_numpy().sum()
    df1 = np.array([G - 1, T - 1, (G - 1) * (T - 1)])
    df2 = np.array([J - G, (J - G) * (T - 1), (J - G) * (T - 1)])
    error = np.array([between, within, within]) / df2
    F = np.array(list(squares.values())) / df1 / error
    return pd.DataFrame({"F": F, "df1": df1, "df2": df2, "p": f.sf(F, df1, df2)}, index=[*squares])
    # END SOLUTION


def gee_exch(
    X: pd.DataFrame, y: ArrayLike, g: ArrayLike, family: str = "binomial", tol: float = 1e-10
) -> GEEResult:
    """Generalized estimating equations with an exchangeable working correlation.

    A model for the mean alone, mu = 1 / (1 + exp(-X beta)) with variance v = mu (1 - mu) for
    "binomial", mu = X beta with v = 1 for "gaussian".  With Pearson residuals
    r = (y - mu) / sqrt(v), the rows of W = sqrt(v) X, and R_j with 1 on its diagonal and alpha
    elsewhere, repeat until beta moves by less than tol::

        phi   = sum r^2 / N
        alpha = sum over pairs s < t of a cluster r_s r_t / (phi * number of such pairs)
        M     = sum_j W_j'R_j^-1 W_j,     s_j = W_j'R_j^-1 r_j
        beta  = beta + M^-1 sum_j s_j

    and then, at the end::

        naive:   phi M^-1
        robust:  M^-1 [sum_j s_j s_j'] M^-1

    Parameters
    ----------
    X, y, g
        Covariates, the column of ones included; response (0 or 1 for "binomial"); cluster.
    family
        "binomial" or "gaussian".
    tol
        Largest step in a coefficient that ends the iteration.

    Returns
    -------
    A `hlmtools.records.GEEResult`: ``table`` (columns beta, naive, robust), ``alpha``, ``phi``.

    Raises
    ------
    ValueError
        If family is neither of the two, y is not 0 or 1 where it has to be, no cluster has two
        rows, or the iteration does not settle.

    Notes
    -----
    R_j^-1 = [I - c_j 1 1'] / (1 - alpha) with c_j = alpha / (1 + (n_j - 1) alpha), so that sums
    over clusters are all that is needed, as in
    W_j'R_j^-1 r_j = [W_j'r_j - c_j (W_j'1)(1'r_j)] / (1 - alpha).
    `totals`, below, adds up rows over clusters; ``np.unique(g, return_inverse=True)[1]`` says which
    cluster each row belongs to.
    The sum over pairs is ((sum r)^2 - sum r^2) / 2, cluster by cluster.
    Start from beta = 0.  alpha is computed from the residuals at the current beta.
    Packages divide by slightly different numbers in alpha and phi: coefficients and robust
    standard errors agree to many digits, alpha to three.
    Source: Liang and Zeger (1986), Biometrika 73, 13-22; lecture notes 6.5.

    Examples
    --------
    The mean of 1, 3 | 5, 7: residuals -3, -1, 1, 3; phi = 20/4, alpha = (3 + 3) / (5 * 2).

    >>> X = pd.DataFrame({"constant": [1.0, 1.0, 1.0, 1.0]})
    >>> fit = gee_exch(X, [1, 3, 5, 7], ["a", "a", "b", "b"], "gaussian")
    >>> fit.table.round(4).values.tolist(), round(fit.alpha, 4), round(fit.phi, 4)
    ([[4.0, 1.4142, 1.4142]], 0.6, 5.0)
    """
    X, y, g = checked(X, y, g)
    # BEGIN SOLUTION 6.5
    values, response = X.to_numpy(), y.to_numpy()
    place = np.unique(g, return_inverse=True)[1]
    n = np.bincount(place)
    pairs = (n * (n - 1)).sum() / 2
    if family not in ("binomial", "gaussian") or pairs == 0:
        raise ValueError(
            f"family is {family!r} with {pairs:.0f} pairs within clusters; give 'binomial' or "
            "'gaussian' and at least one cluster with two rows."
        )
    if family == "binomial" and not np.isin(response, (0, 1)).all():
        raise ValueError("y has values other than 0 and 1; 'binomial' takes a yes-or-no response.")
    beta = np.zeros(values.shape[1])
    for _ in range(200):
        mu = expit(values @ beta) if family == "binomial" else values @ beta
        v = mu * (1 - mu) if family == "binomial" else np.ones_like(mu)
        r, W = (response - mu) / np.sqrt(v), np.sqrt(v)[:, None] * values
        phi = np.sum(r**2) / len(response)
        alpha = (np.sum(totals(r, place) ** 2) - np.sum(r**2)) / 2 / (phi * pairs)
        c = (alpha / (1 + (n - 1) * alpha))[:, None]
        W_sum = totals(W, place)
        M = (W.T @ W - (c * W_sum).T @ W_sum) / (1 - alpha)
        s = totals(W * r[:, None], place) - c * W_sum * totals(r, place)[:, None]  # (J, p)
        s = s / (1 - alpha)
        step = np.linalg.solve(M, s.sum(axis=0))
        beta = beta + step
        if np.abs(step).max() < tol:
            break
    else:
        raise ValueError("The estimating equations did not settle in 200 rounds.")
    B = np.linalg.inv(M)
    spread = {"naive": phi * B, "robust": B @ s.T @ s @ B}
    errors = {name: np.sqrt(np.diag(cov)) for name, cov in spread.items()}
    table = pd.DataFrame({"beta": beta, **errors}, index=X.columns)
    return GEEResult(table=table, alpha=float(alpha), phi=float(phi))
    # END SOLUTION


def conditional_loglik(beta: ArrayLike, X: pd.DataFrame, y: ArrayLike, g: ArrayLike) -> float:
    """Log-likelihood of which rows of a cluster are the ones, given how many there are.

    For cluster j with k_j ones among its n_j rows::

        log P_j = sum_{i: y_i = 1} x_i'beta - log sum_{A} exp(sum_{i in A} x_i'beta)

    where A runs through all sets of k_j of the cluster's rows; the result is the sum over j.

    Parameters
    ----------
    beta
        Coefficients, p numbers.
    X
        Covariates, p columns; a constant drops out and has no place in it.
    y, g
        Response, 0 or 1, and cluster of each row.

    Returns
    -------
    The conditional log-likelihood, 0 or below; clusters with zeros only or ones only add 0.

    Raises
    ------
    ValueError
        If y has other values than 0 and 1, or the number of coefficients is not that of columns.

    Notes
    -----
    Whatever raises all rows of a cluster alike, observed or not, cancels.
    `subset_sums`, below, lists the sums of the rows of X over all sets A of a cluster.
    Source: Chamberlain (1980), Review of Economic Studies 47, 225-238; lecture notes 6.6.

    Examples
    --------
    One cluster, x = 0, 1, 2 with the last a one, beta = log 2: 4 / (1 + 2 + 4).

    >>> X = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    >>> ll = conditional_loglik([np.log(2)], X, [0, 0, 1], ["a", "a", "a"])
    >>> float(np.exp(ll).round(6))
    0.571429
    """
    # BEGIN SOLUTION 6.6a
    beta = np.asarray(beta, dtype=float)
    if beta.shape != (X.shape[1],):
        raise ValueError(f"beta has {beta.size} numbers and X {X.shape[1]} columns.")
    total = 0.0
    for observed, sums in subset_sums(X, y, g):
        total += observed @ beta - logsumexp(sums @ beta)
    return float(total)
    # END SOLUTION


def conditional_logit(X: pd.DataFrame, y: ArrayLike, g: ArrayLike) -> pd.DataFrame:
    """Fit a logistic model within clusters, whatever the clusters' own levels are.

    Maximize `conditional_loglik` by Newton's method.  With p_A the probability of the set A under
    beta, x_A its sum of rows, and x_obs the sum over the observed ones::

        gradient    = sum_j [x_obs - sum_A p_A x_A]
        information = sum_j [sum_A p_A x_A x_A' - (sum_A p_A x_A)(sum_A p_A x_A)']
        beta        = beta + information^-1 gradient,     se = sqrt(diag information^-1)

    Parameters
    ----------
    X
        Covariates; columns that vary within no informative cluster are left out.
    y, g
        Response, 0 or 1, and cluster of each row.

    Returns
    -------
    One row for each column that is left, with the columns ``beta`` and ``se``.

    Raises
    ------
    ValueError
        If y has other values than 0 and 1, no cluster has both, nothing varies within clusters,
        or columns depend on each other there.

    Notes
    -----
    Only clusters with both zeros and ones are informative.
    Start from beta = 0; a dozen rounds are plenty.
    Source: Chamberlain (1980); lecture notes 6.6.

    Examples
    --------
    Pairs with x = 0 and 1: in three of four the one goes with x = 1, so exp(beta) = 3.

    >>> X = pd.DataFrame({"x": [0.0, 1.0] * 4})
    >>> table = conditional_logit(X, [0, 1, 0, 1, 0, 1, 1, 0], list("aabbccdd"))
    >>> np.exp(table["beta"]).round(4).tolist(), table["se"].round(4).tolist()
    ([3.0], [1.1547])
    """
    X, y, g = checked(X, y, g, rank=False)
    # BEGIN SOLUTION 6.6b
    both = (y.groupby(g).transform("nunique") == 2).to_numpy()
    if not both.any():
        raise ValueError("No cluster has both a 0 and a 1 in y; there is nothing to compare.")
    X, y, g = X[both], y[both], g[both]
    X = X[varying(X - X.groupby(g).transform("mean"), X).columns]
    sets = subset_sums(X, y, g)
    beta = np.zeros(X.shape[1])
    for _ in range(25):
        gradient, information = np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
        for observed, sums in sets:
            chance = np.exp(sums @ beta - logsumexp(sums @ beta))
            mean = chance @ sums
            gradient += observed - mean
            information += (sums * chance[:, None]).T @ sums - np.outer(mean, mean)
        step = np.linalg.solve(information, gradient)
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    se = np.sqrt(np.diag(np.linalg.inv(information)))
    return pd.DataFrame({"beta": beta, "se": se}, index=X.columns)
    # END SOLUTION


def change_vs_ancova(
    pre: ArrayLike, post: ArrayLike, treat: ArrayLike, reference: str
) -> pd.DataFrame:
    """Compare treatments with a reference in three ways: change, ANCOVA, and post only.

    With an indicator for each treatment but the reference, three regressions by least squares::

        change:  post - pre  on  1, indicators
        ancova:  post        on  1, indicators, pre
        post:    post        on  1, indicators

    Parameters
    ----------
    pre, post
        Measurement before and after, N numbers each, in the same unit.
    treat
        Treatment of each row.
    reference
        The treatment that the others are compared with.

    Returns
    -------
    One row a treatment (sorted, without the reference), with the columns ``change``, ``change_se``,
    ``ancova``, ``ancova_se``, ``post``, ``post_se``: effects and standard errors, in that unit.

    Raises
    ------
    ValueError
        If reference is no treatment, or a value is missing.

    Notes
    -----
    ANCOVA subtracts b times the difference in pre, change all of it (b = 1), post nothing (b = 0).
    Source: Fitzmaurice, Laird and Ware (2011), section 5.7; lecture notes 6.7.

    Examples
    --------
    Changes: 1 and 3 under the reference, 4 and 6 under B: 5 - 2 = 3.

    >>> table = change_vs_ancova([1, 2, 1, 4], [2, 5, 5, 10], ["A", "A", "B", "B"], "A")
    >>> table[["change", "post"]].round(6).values.tolist()
    [[3.0, 4.0]]
    """
    # BEGIN SOLUTION 6.7
    rows = pd.DataFrame({"pre": pre, "post": post, "treat": np.asarray(treat)})
    levels = sorted(set(rows["treat"]))
    if reference not in levels:
        raise ValueError(
            f"There is no treatment {reference!r}; there are {', '.join(map(str, levels))}."
        )
    others = [level for level in levels if level != reference]
    X = pd.DataFrame({"constant": 1.0}, index=rows.index)
    for level in others:
        X[level] = (rows["treat"] == level).astype(float)
    fits = {
        "change": (X, rows["post"] - rows["pre"]),
        "ancova": (X.assign(**{"pre (covariate)": rows["pre"]}), rows["post"]),
        "post": (X, rows["post"]),
    }
    table = pd.DataFrame(index=others)
    for name, (design, response) in fits.items():
        design, response, _ = checked(design, response, rows["treat"])
        found = least_squares(design, response, len(design) - design.shape[1])
        table[name], table[f"{name}_se"] = found.loc[others, "beta"], found.loc[others, "se"]
    return table
    # END SOLUTION


def dropout_estimates(y1: ArrayLike, y2: ArrayLike) -> pd.Series:
    """Estimate the average change from y1 to y2 when some y2 are missing, in three ways.

    With means over all N persons (y1bar), and over the completers (marked c)::

        complete:   y2bar_c - y1bar_c
        available:  y2bar_c - y1bar
        ml:         y2bar_c + b (y1bar - y1bar_c) - y1bar

    where b is the slope of the regression of y2 on y1 among the completers.

    Parameters
    ----------
    y1
        First measurement, of everybody.
    y2
        Second measurement, NaN where it is missing.

    Returns
    -------
    A Series with the entries ``complete``, ``available`` and ``ml``, in units of y.

    Raises
    ------
    ValueError
        If the lengths differ, y1 has missing values, or fewer than three y2 are there.

    Notes
    -----
    "available" is what least squares, and estimating equations with independence, make of the long
    table with its missing rows.
    "ml" is the maximum-likelihood estimate of the bivariate normal model: it predicts the missing
    y2 from y1, so it is right where drop-out depends on y1 only.
    Source: Anderson (1957), JASA 52, 200-203; lecture notes 6.8.

    Examples
    --------
    Completers (0, 1), (1, 3), (2, 5): b = 2.  The fourth person has y1 = 5: y1bar = 2, y1bar_c = 1.

    >>> dropout_estimates([0, 1, 2, 5], [1, 3, 5, np.nan]).tolist()
    [2.0, 1.0, 3.0]
    """
    # BEGIN SOLUTION 6.8
    y1, y2 = np.asarray(y1, dtype=float), np.asarray(y2, dtype=float)
    if y1.shape != y2.shape or not np.isfinite(y1).all() or np.isfinite(y2).sum() < 3:
        raise ValueError(
            f"y1 has shape {y1.shape}, y2 has shape {y2.shape} with {np.isfinite(y2).sum()} "
            "values; give a complete y1, a y2 of the same length, and at least three completers."
        )
    here = np.isfinite(y2)
    first, second = y1[here], y2[here]
    b = np.sum((first - first.mean()) * second) / np.sum((first - first.mean()) ** 2)
    return pd.Series(
        {
            "complete": second.mean() - first.mean(),
            "available": second.mean() - y1.mean(),
            "ml": second.mean() + b * (y1.mean() - first.mean()) - y1.mean(),
        }
    )
    # END SOLUTION


# ---- given: nothing to write from here on


def occasion_blocks(X: pd.DataFrame, y: ArrayLike, g: ArrayLike, t: ArrayLike) -> list[Block]:
    """Sort the rows by person and occasion, and stack persons with the same occasions.

    Raises
    ------
    ValueError
        If columns of X depend on each other, a value is missing, or a person has an occasion twice.

    Examples
    --------
    Person b lacks the second occasion, so there are two blocks.

    >>> X = pd.DataFrame({"constant": [1.0, 1.0, 1.0]})
    >>> [block.at.tolist() for block in occasion_blocks(X, [1, 3, 5], list("aab"), [1, 2, 1])]
    [[0], [0, 1]]
    """
    X, y, g = checked(X, y, g)
    occasions, place = np.unique(np.asarray(t), return_inverse=True)
    rows = pd.DataFrame({"person": np.unique(g, return_inverse=True)[1], "place": place})
    if rows.duplicated().any():
        raise ValueError("A person has the same occasion twice; each may stand once.")
    rows = rows.sort_values(["person", "place"])
    sets: dict[tuple[int, ...], list[np.ndarray]] = {}
    for _, person in rows.groupby("person")["place"]:
        sets.setdefault(tuple(person), []).append(person.index.to_numpy())
    values, response = X.to_numpy(), y.to_numpy()
    return [
        Block(np.array(at), values[np.array(where)], response[np.array(where)], len(occasions))
        for at, where in sorted(sets.items())
    ]


def best_par(criterion: Callable[[np.ndarray], float], kind: str, T: int) -> np.ndarray:
    """Search for the par with the smallest criterion.

    One correlation is searched for on the interval where the matrix is a covariance matrix; the
    entries of an unstructured one from independence on, twice, so that no digits are left.

    Examples
    --------
    >>> best_par(lambda par: (par[0] - 0.3) ** 2, "AR1", 4).round(4).tolist()
    [0.3]
    """
    if kind == "IND":
        return np.zeros(0)
    if kind in ("CS", "AR1"):
        low = -1 / (T - 1) if kind == "CS" else -1
        found = optimize.minimize_scalar(
            lambda value: criterion(np.array([value])),
            bounds=(low + 1e-6, 1 - 1e-6),
            method="bounded",
            options={"xatol": 1e-10},
        )
        return np.array([found.x])
    column, row = np.triu_indices(T)
    best = (row == column)[1:].astype(float)
    for _ in range(3):
        best = optimize.minimize(criterion, best, method="BFGS", options={"gtol": 1e-7}).x
    return best


def totals(rows: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Sums of rows over clusters, where place says which cluster (0, 1, ...) a row belongs to.

    Examples
    --------
    >>> totals(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0])).tolist()
    [5.0, 2.0]
    """
    out = np.zeros((place.max() + 1, *rows.shape[1:]))
    np.add.at(out, place, rows)
    return out


def subset_sums(X: pd.DataFrame, y: ArrayLike, g: ArrayLike) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each cluster: the sum of its observed rows of X, and the sums over all sets as large.

    Examples
    --------
    Three rows, one of them a one: the sets are the single rows.

    >>> X = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    >>> [(seen.tolist(), sums.tolist()) for seen, sums in subset_sums(X, [0, 0, 1], list("aaa"))]
    [([2.0], [[0.0], [1.0], [2.0]])]
    """
    X, y, g = checked(X, y, g, rank=False)
    values, ones = X.to_numpy(), y.to_numpy()
    if not np.isin(ones, (0, 1)).all():
        raise ValueError("y has values other than 0 and 1; it has to be a yes-or-no response.")
    found = []
    for rows in pd.Series(np.arange(len(g))).groupby(g).indices.values():
        size, count = len(rows), int(ones[rows].sum())
        if comb(size, count) > 100_000:
            raise ValueError(
                f"A cluster has {count} ones among {size} rows: {comb(size, count)} sets to list, "
                "too many. This function is for small clusters."
            )
        sets = np.array(list(combinations(rows, count)), dtype=int)  # (sets, k)
        found.append((ones[rows] @ values[rows], values[sets].sum(axis=1)))
    return found


def checked(
    X: pd.DataFrame, y: ArrayLike, g: ArrayLike, rank: bool = True
) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """Covariates, response and labels with the same plain index, once they are seen to be sound.

    Examples
    --------
    >>> X, y, g = checked(pd.DataFrame({"x": [1, 2]}, index=[7, 9]), [3, 4], ["a", "b"])
    >>> X.index.tolist(), y.tolist()
    ([0, 1], [3.0, 4.0])
    """
    if not isinstance(X, pd.DataFrame):
        raise ValueError(f"X is a {type(X).__name__}; give a DataFrame, one named column each.")
    values = X.astype(float).reset_index(drop=True)
    response = pd.Series(np.asarray(y, dtype=float))
    labels = np.asarray(g)
    if not len(values) == len(response) == len(labels) or len(values) == 0:
        raise ValueError(
            f"X has {len(values)} rows, y {len(response)} and g {len(labels)}; "
            "give the same number, at least one."
        )
    bad = int((~np.isfinite(values.to_numpy())).sum() + (~np.isfinite(response)).sum())
    if bad or pd.isna(labels).any():
        raise ValueError("Missing or infinite values in X, y or g; drop those rows, and say so.")
    if rank and np.linalg.matrix_rank(values) < values.shape[1]:
        raise ValueError(
            f"The columns {', '.join(map(str, values.columns))} depend on each other; one of them "
            "follows from the others and has to go."
        )
    return values, response, labels


def varying(changes: pd.DataFrame, X: pd.DataFrame) -> pd.DataFrame:
    """The columns whose changes within persons are not all 0; they must not depend on each other.

    Examples
    --------
    >>> changes = pd.DataFrame({"x": [1.0, -1.0], "school": [0.0, 0.0]})
    >>> list(varying(changes, changes + 12).columns)
    ['x']
    """
    moves = changes.abs().max() > 1e-9 * X.abs().max()
    kept = changes.loc[:, moves]
    if kept.shape[1] == 0:
        raise ValueError(f"None of {', '.join(map(str, X.columns))} varies within a person.")
    if np.linalg.matrix_rank(kept) < kept.shape[1]:
        raise ValueError(
            f"Within persons the columns {', '.join(map(str, kept.columns))} depend on each other "
            "(they move in step); leave one of them out."
        )
    return kept


def least_squares(X: pd.DataFrame, y: pd.Series, df: int) -> pd.DataFrame:
    """Coefficients and standard errors with df residual degrees of freedom.

    Examples
    --------
    >>> least_squares(pd.DataFrame({"c": [1.0, 1.0]}), pd.Series([1.0, 3.0]), 1).values.tolist()
    [[2.0, 1.0]]
    """
    B = np.linalg.inv(X.T @ X)
    beta = B @ (X.T @ y).to_numpy()
    e = y.to_numpy() - X.to_numpy() @ beta
    se = np.sqrt(e @ e / df * np.diag(B)) if df > 0 else np.full(len(beta), np.nan)
    return pd.DataFrame({"beta": beta, "se": se}, index=X.columns)
