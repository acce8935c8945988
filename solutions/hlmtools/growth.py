"""Homework 5: growth curves, from a table of waves to a trajectory for each person.

The model for measurement i of person j, made at time t_ij, is

    y_ij = (beta_1 + zeta_1j) + (beta_2 + zeta_2j) t_ij + epsilon_ij,

with (zeta_1j, zeta_2j) ~ N(0, Psi) and epsilon_ij ~ N(0, sigma2), independent of each other and
between persons; given its own line, a person's measurements are independent.
Persons are the clusters, measurements the units: persons may have different numbers of
measurements, made at different times.

Every function takes arrays and numbers, returns plain values, and prints nothing.
`y`, `t` and `g` may be lists, arrays or pandas columns; the rows stand in any order.
All fits are by maximum likelihood, so that models with different fixed parts can be compared.

Symbols: J persons, n_j measurements of person j, N in all; X (N, p) fixed part, Z (N, q) random
part; the table of all symbols, with the names that lme4, statsmodels and Stata give them, is in
``help(hlmtools)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import optimize

from hlmtools.records import CrossProducts, GrowthProfile, GrowthResult

Table = pd.DataFrame | np.ndarray


def person_period(
    wide: pd.DataFrame, times: Mapping[str, float], keep: Sequence[str] = ()
) -> pd.DataFrame:
    """Turn one row a person (wide) into one row a measurement (long, "person-period").

    Parameters
    ----------
    wide
        One row a person; the index holds the persons' labels.
    times
        For each column of measurements, when they were made: ``{"y0": 0.0, "y1": 1.0}``.
    keep
        Columns that belong to the person, such as sex: repeated in each row of the person.

    Returns
    -------
    Columns ``person``, ``time``, ``y`` and those of `keep`, sorted by person and then by time, the
    rows numbered from 0.
    A measurement that was not made has no row; the other measurements of that person stay.

    Raises
    ------
    ValueError
        If a person has two rows, or a column of `times` or `keep` does not exist.

    Notes
    -----
    Source: Singer and Willett (2003), chapter 2; lecture notes 5.1.

    Examples
    --------
    Person a was seen twice, person b only at time 0.

    >>> wide = pd.DataFrame({"y0": [3.0, 5.0], "y1": [4.0, np.nan]}, index=["a", "b"])
    >>> person_period(wide, {"y0": 0.0, "y1": 1.0}).values.tolist()
    [['a', 0.0, 3.0], ['a', 1.0, 4.0], ['b', 0.0, 5.0]]
    """
    # BEGIN SOLUTION 5.1a
    if not wide.index.is_unique:
        twice = wide.index[wide.index.duplicated()][0]
        raise ValueError(f"Person {twice!r} has more than one row; give one row a person.")
    if unknown := [name for name in (*times, *keep) if name not in wide.columns]:
        raise ValueError(f"There is no column {unknown[0]!r}; there are {list(wide.columns)}.")
    waves = [
        pd.DataFrame(
            {"person": wide.index, "time": float(time), "y": wide[name].to_numpy()}
        ).assign(**{each: wide[each].to_numpy() for each in keep})
        for name, time in times.items()
    ]
    rows = pd.concat(waves).dropna(subset=["y"])
    return rows.sort_values(["person", "time"]).reset_index(drop=True)
    # END SOLUTION


def code_time(t: ArrayLike, origin: float = 0.0, unit: float = 1.0) -> np.ndarray:
    """Count time from another origin, in another unit.

    ::

        (t - origin) / unit

    Parameters
    ----------
    t
        Times, in any unit.
    origin
        The time that becomes 0, in the unit of t.
    unit
        How many old units make a new one: 12 from months to years.

    Returns
    -------
    The new times, an array.

    Raises
    ------
    ValueError
        If unit is not above 0.

    Notes
    -----
    An intercept is a statement about time 0, a slope one about a step of 1: with another coding
    the same model has other coefficients.
    Source: lecture notes 5.1.

    Examples
    --------
    Months 6, 18, 30, counted in years from month 6:

    >>> code_time([6, 18, 30], origin=6, unit=12).tolist()
    [0.0, 1.0, 2.0]
    """
    # BEGIN SOLUTION 5.1b
    if not unit > 0:
        raise ValueError(f"unit is {unit}; give the length of the new unit, a number above 0.")
    return (np.asarray(t, dtype=float) - origin) / unit
    # END SOLUTION


def cross_products(y: ArrayLike, X: Table, Z: Table, g: ArrayLike) -> CrossProducts:
    """Sum up the data once, so that the deviance never has to look at the N rows again.

    ::

        over all rows:   X'X (p, p),         X'y (p,),           y'y
        by person:       Z_j'Z_j (q, q),     Z_j'X_j (q, p),     Z_j'y_j (q,)

    Parameters
    ----------
    y
        Response, N numbers.
    X, Z
        Covariates of the fixed and of the random part, N rows; tables with names, or arrays.
    g
        Person of each row, N labels.

    Returns
    -------
    A `hlmtools.records.CrossProducts`, as in Homework 3, with the names of the columns of X and Z;
    clusters are the persons, sorted by their label.

    Raises
    ------
    ValueError
        If the numbers of rows differ, or there is a missing or infinite value.

    Notes
    -----
    ``np.unique(g, return_inverse=True)`` gives sorted labels and a number for each row's person;
    ``np.add.at(total, person, term)`` adds up by person.
    Source: Bates, Maechler, Bolker and Walker (2015), JSS 67(1), section 3, cluster by cluster;
    lecture notes 5.2.

    Examples
    --------
    Person a at times 0 and 2, person b at time 1: Z_a'Z_a = [[2, 2], [2, 4]].

    >>> X = pd.DataFrame({"intercept": 1.0, "time": [0.0, 2.0, 1.0]})
    >>> cross = cross_products([1.0, 5.0, 4.0], X, X, ["a", "a", "b"])
    >>> cross.ZZ[0].tolist(), cross.Zy[0].tolist(), list(cross.clusters)
    ([[2.0, 2.0], [2.0, 4.0]], [6.0, 10.0], ['a', 'b'])
    """
    # BEGIN SOLUTION 5.2a
    response, labels = np.asarray(y, dtype=float), np.asarray(g)
    fixed, random = pd.DataFrame(X), pd.DataFrame(Z)
    x, z = fixed.to_numpy(dtype=float), random.to_numpy(dtype=float)
    if not len(response) == len(labels) == len(x) == len(z) > 0:
        raise ValueError(
            f"y has {len(response)} rows, X {len(x)}, Z {len(z)}, g {len(labels)}; "
            "give one row a measurement in all of them."
        )
    if not np.isfinite(np.column_stack([response, x, z])).all() or pd.isna(labels).any():
        raise ValueError("There are missing or infinite values; drop those rows first, and say so.")
    names, person = np.unique(labels, return_inverse=True)

    def by_person(terms: np.ndarray) -> np.ndarray:
        total = np.zeros((len(names), *terms.shape[1:]))
        np.add.at(total, person, terms)
        return total

    return CrossProducts(
        clusters=pd.Index(names),
        n=np.bincount(person),
        ZZ=by_person(z[:, :, None] * z[:, None, :]),
        ZX=by_person(z[:, :, None] * x[:, None, :]),
        Zy=by_person(z * response[:, None]),
        XX=x.T @ x,
        Xy=x.T @ response,
        yy=float(response @ response),
        x_names=tuple(fixed.columns.tolist()),
        z_names=tuple(random.columns.tolist()),
    )
    # END SOLUTION


def growth_profile(theta: ArrayLike, cross: CrossProducts) -> GrowthProfile:
    """The deviance of the model as a function of theta, with the best beta and sigma2 for it.

    theta fills the lower triangle of Lambda down the columns, as in Homework 3, and
    Psi = sigma2 Lambda Lambda'::

        A_j    = I + Lambda' Z_j'Z_j Lambda
        M      = X'X - sum_j (Lambda' Z_j'X_j)' A_j^-1 (Lambda' Z_j'X_j)
        m      = X'y - sum_j (Lambda' Z_j'X_j)' A_j^-1 (Lambda' Z_j'y_j)
        beta   = M^-1 m
        r2     = y'y - sum_j (Lambda' Z_j'y_j)' A_j^-1 (Lambda' Z_j'y_j) - beta'm
        sigma2 = r2 / N,    cov_beta = sigma2 M^-1
        deviance = sum_j log det A_j + N [1 + log(2 pi r2 / N)]

    Parameters
    ----------
    theta
        q (q + 1) / 2 numbers; for q = 2 they are Lambda_11, Lambda_21, Lambda_22.
    cross
        What `cross_products` returns.

    Returns
    -------
    A `hlmtools.records.GrowthProfile`: deviance (-2 log-likelihood), sigma2 (squared units of y),
    beta (p,) and cov_beta (p, p).
    At theta = 0 they are those of an ordinary regression (by maximum likelihood, r2 / N).

    Raises
    ------
    ValueError
        If theta has the wrong length.

    Notes
    -----
    It is the deviance of Homework 3, by maximum likelihood.
    numpy's ``@``, ``linalg.solve`` and ``linalg.slogdet`` work on all J slices at once.
    Source: Bates, Maechler, Bolker and Walker (2015), JSS 67(1), section 3.4; lecture notes 5.2.

    Examples
    --------
    One person, times -1 and 1, y = -3 and 5: at theta = 0 the line is 1 + 4t, which leaves no
    residual; with the intercept alone r2 = 16 + 16, so the deviance is 2 [1 + log(2 pi 16)].

    >>> Z = np.array([[1.0, -1.0], [1.0, 1.0]])
    >>> cross = cross_products([-3.0, 5.0], Z[:, :1], Z, ["a", "a"])
    >>> round(growth_profile([0, 0, 0], cross).deviance, 6)
    11.220932
    """
    # BEGIN SOLUTION 5.2b
    q = cross.ZZ.shape[-1]
    columns, rows = np.triu_indices(q)
    if np.shape(theta) != (len(rows),):
        raise ValueError(f"theta has shape {np.shape(theta)}; q = {q} needs {len(rows)} numbers.")
    Lambda = np.zeros((q, q))
    Lambda[rows, columns] = theta
    A = np.eye(q) + Lambda.T @ cross.ZZ @ Lambda  # (J, q, q)
    LZX = Lambda.T @ cross.ZX  # (J, q, p)
    LZy = cross.Zy @ Lambda  # (J, q)
    RX, Ry = np.linalg.solve(A, LZX), np.linalg.solve(A, LZy[..., None])[..., 0]
    M = cross.XX - np.einsum("jqp,jqr->pr", LZX, RX)
    m = cross.Xy - np.einsum("jqp,jq->p", LZX, Ry)
    beta = np.linalg.solve(M, m)
    r2 = cross.yy - np.sum(LZy * Ry) - beta @ m
    sigma2 = r2 / cross.nobs
    deviance = np.linalg.slogdet(A)[1].sum() + cross.nobs * (1 + np.log(2 * np.pi * sigma2))
    return GrowthProfile(float(deviance), float(sigma2), beta, sigma2 * np.linalg.inv(M))
    # END SOLUTION


def growth_fit(
    y: ArrayLike, X: Table, Z: Table, g: ArrayLike, correlated: bool = True
) -> GrowthResult:
    """Fit a growth model, or any linear mixed model with one level of clusters, by ML.

    Minimize the deviance of `growth_profile` over theta; then Psi = sigma2 Lambda Lambda'.

    Parameters
    ----------
    y, X, Z, g
        As for `cross_products`.
    correlated
        False forces the random coefficients to be uncorrelated, as (time || person) does in lme4:
        Lambda is then diagonal.

    Returns
    -------
    A `hlmtools.records.GrowthResult`: beta and cov_beta by the names of X, Psi, sigma2, deviance,
    singular and cross.
    singular is True where a diagonal entry of Lambda is within 1e-4 of 0.

    Raises
    ------
    ValueError
        With fewer than two persons, or where a column of X is a combination of others.

    Notes
    -----
    Start L-BFGS-B from Lambda = I with ``jac="3-point"`` and ``options={"ftol": 1e-12}``:
    components are checked to one part in ten thousand, and its defaults stop earlier.
    Keep theta between -1000 and 1000, for far outside M loses its digits; but do not forbid a
    negative diagonal.
    Psi is the same for either sign, and a bound at 0 is a place where a minimizer can get stuck:
    the deviance is flat there.
    Source: lecture notes 5.2.

    Examples
    --------
    Three persons at times -1, 0 and 1: the mean line is the line through the three means, 2, 5, 8.

    >>> X = pd.DataFrame({"intercept": 1.0, "time": [-1.0, 0.0, 1.0] * 3})
    >>> y = [1.0, 3.5, 5.0, 2.0, 5.5, 7.0, 3.0, 6.0, 12.0]
    >>> fit = growth_fit(y, X, X, ["a"] * 3 + ["b"] * 3 + ["c"] * 3)
    >>> fit.beta.round(6).tolist(), fit.n_groups
    ([5.0, 3.0], 3)
    """
    # BEGIN SOLUTION 5.2c
    cross = cross_products(y, X, Z, g)
    if cross.n_groups < 2 or np.linalg.matrix_rank(cross.XX) < len(cross.XX):
        raise ValueError(
            f"{cross.n_groups} persons, columns {list(cross.x_names)}; give at least two "
            "persons, and columns of X of which none is a combination of others."
        )
    q = cross.ZZ.shape[-1]
    columns, rows = np.triu_indices(q)
    free = (rows == columns) | correlated

    def full(values: np.ndarray) -> np.ndarray:
        theta = np.zeros(len(rows))
        theta[free] = values
        return theta

    def criterion(values: np.ndarray) -> float:
        return growth_profile(full(values), cross).deviance

    start = (rows == columns)[free].astype(float)
    bounds = [(-1e3, 1e3)] * len(start)
    found = optimize.minimize(
        criterion,
        start,
        method="L-BFGS-B",
        jac="3-point",
        bounds=bounds,
        options={"ftol": 1e-12, "gtol": 1e-6, "maxfun": 100_000},
    )
    theta = full(found.x)
    best = growth_profile(theta, cross)
    Lambda = np.zeros((q, q))
    Lambda[rows, columns] = theta
    names = list(cross.x_names)
    return GrowthResult(
        beta=pd.Series(best.beta, index=names),
        cov_beta=pd.DataFrame(best.cov_beta, index=names, columns=names),
        Psi=best.sigma2 * Lambda @ Lambda.T,
        sigma2=best.sigma2,
        deviance=best.deviance,
        singular=bool(np.abs(np.diag(Lambda)).min() < 1e-4),
        cross=cross,
    )
    # END SOLUTION


def shift_time(Psi: ArrayLike, beta: ArrayLike, c: float) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of Psi and beta when time is counted from c: t' = t - c.

    The lines stay where they are; only the place where "intercept" is read moves to t = c::

        A = [[1, c], [0, 1]],    Psi' = A Psi A',    beta' = A beta

        psi'_11 = psi_11 + 2 c psi_21 + c^2 psi_22      psi'_21 = psi_21 + c psi_22
        beta'_1 = beta_1 + c beta_2                     psi'_22, beta'_2 unchanged

    Parameters
    ----------
    Psi
        Covariance matrix (2, 2) of intercepts and slopes, at the old origin.
    beta
        Mean intercept and mean slope at the old origin.
    c
        The new origin, in old time.

    Returns
    -------
    The new Psi (2, 2) and the new beta (2,).

    Raises
    ------
    ValueError
        If Psi is not 2 by 2 or beta does not hold two numbers.

    Notes
    -----
    Deviance, sigma2, fitted lines and the slope's mean and variance do not change.
    Source: lecture notes 5.3.

    Examples
    --------
    psi_11 = 4 + 2*3*1 + 9*2 = 28, psi_21 = 1 + 3*2 = 7; the mean at t = 3 is 10 + 3*5 = 25.

    >>> Psi, beta = shift_time([[4, 1], [1, 2]], [10, 5], 3)
    >>> Psi.tolist(), beta.tolist()
    ([[28.0, 7.0], [7.0, 2.0]], [25.0, 5.0])
    """
    # BEGIN SOLUTION 5.3
    old, coefficients = np.asarray(Psi, dtype=float), np.asarray(beta, dtype=float)
    if old.shape != (2, 2) or coefficients.shape != (2,):
        raise ValueError(
            f"Psi has shape {old.shape} and beta {coefficients.shape}; "
            "give those of a line: (2, 2) and (2,)."
        )
    A = np.array([[1.0, c], [0.0, 1.0]])
    return A @ old @ A.T, A @ coefficients
    # END SOLUTION


def var_at(t: ArrayLike, Psi: ArrayLike, sigma2: float) -> float | np.ndarray:
    """Variance between persons of a measurement made at time t.

    ::

        Var(y | t) = psi_11 + 2 t psi_21 + t^2 psi_22 + sigma2

    Parameters
    ----------
    t
        One time, or many.
    Psi
        Covariance matrix (2, 2) of intercepts and slopes.
    sigma2
        Variance within persons, in squared units of y.

    Returns
    -------
    Squared units of y: a number where t is one, otherwise an array.

    Raises
    ------
    ValueError
        If Psi is not 2 by 2 or sigma2 is negative.

    Notes
    -----
    A parabola in t, lowest at -psi_21 / psi_22, where intercept and slope are uncorrelated.
    Source: lecture notes 5.4.

    Examples
    --------
    4 + 2*3*1 + 9*2 + 0.5:

    >>> var_at(3, [[4, 1], [1, 2]], 0.5)
    28.5
    """
    # BEGIN SOLUTION 5.4a
    matrix, times = np.asarray(Psi, dtype=float), np.asarray(t, dtype=float)
    if matrix.shape != (2, 2) or not sigma2 >= 0:
        raise ValueError(
            f"Psi has shape {matrix.shape} and sigma2 is {sigma2}; "
            "give a 2 by 2 matrix and a variance of 0 or more."
        )
    variance = matrix[0, 0] + 2 * times * matrix[0, 1] + times**2 * matrix[1, 1] + sigma2
    return variance if variance.ndim else float(variance)
    # END SOLUTION


def corr_at(t1: ArrayLike, t2: ArrayLike, Psi: ArrayLike, sigma2: float) -> float | np.ndarray:
    """Correlation of two measurements of one person, made at times t1 and t2.

    ::

        Cov(y_1, y_2) = psi_11 + (t1 + t2) psi_21 + t1 t2 psi_22
        Corr          = Cov / sqrt(Var(y_1) Var(y_2))

    Parameters
    ----------
    t1, t2
        Times; one number each, or arrays that go together.
    Psi, sigma2
        As for `var_at`.

    Returns
    -------
    A number from -1 to 1 where both times are one number, otherwise an array.
    Where t1 equals t2 two separate measurements at that time are meant: less than 1.

    Raises
    ------
    ValueError
        As for `var_at`.

    Notes
    -----
    sigma2 stands in the variances only: errors of two measurements have nothing in common.
    Source: lecture notes 5.4.

    Examples
    --------
    Cov = 4 + 3*1 + 0 = 7, variances 4.5 and 28.5:

    >>> round(corr_at(0, 3, [[4, 1], [1, 2]], 0.5), 6)
    0.618115
    """
    # BEGIN SOLUTION 5.4b
    spread = np.sqrt(np.asarray(var_at(t1, Psi, sigma2)) * var_at(t2, Psi, sigma2))
    matrix, first, second = (np.asarray(each, dtype=float) for each in (Psi, t1, t2))
    shared = matrix[0, 0] + (first + second) * matrix[0, 1] + first * second * matrix[1, 1]
    correlation = shared / spread
    return correlation if correlation.ndim else float(correlation)
    # END SOLUTION


def corr_int_slope(Psi: ArrayLike) -> float:
    """Correlation of persons' intercepts with their slopes, at the origin that Psi belongs to.

    ::

        psi_21 / sqrt(psi_11 psi_22)

    Parameters
    ----------
    Psi
        Covariance matrix (2, 2) of intercepts and slopes.

    Returns
    -------
    A number from -1 to 1.

    Raises
    ------
    ValueError
        If Psi is not 2 by 2, or a variance in it is not above 0.

    Notes
    -----
    It is a statement about one moment: counted from another origin, the same persons have
    another one.
    Source: lecture notes 5.3.

    Examples
    --------
    1 / sqrt(4 * 2):

    >>> round(corr_int_slope([[4, 1], [1, 2]]), 6)
    0.353553
    """
    # BEGIN SOLUTION 5.5
    matrix = np.asarray(Psi, dtype=float)
    if matrix.shape != (2, 2) or not (np.diag(matrix) > 0).all():
        raise ValueError(
            f"Psi is {matrix.tolist()}; give a 2 by 2 matrix with variances above 0: "
            "what does not vary correlates with nothing."
        )
    return float(matrix[0, 1] / np.sqrt(matrix[0, 0] * matrix[1, 1]))
    # END SOLUTION


def growth_design(t: ArrayLike, W: pd.DataFrame | None = None) -> pd.DataFrame:
    """The fixed part of a growth model in which persons' characteristics shift level and slope.

    ::

        columns: intercept, time, w1, w2, ..., time:w1, time:w2, ...

    Parameters
    ----------
    t
        Time of each row.
    W
        Characteristics of the row's person, one column each; None for the unconditional model.

    Returns
    -------
    A table of numbers, one row a measurement, the rows numbered from 0.

    Raises
    ------
    ValueError
        If t and W differ in length.

    Notes
    -----
    Put into the two-stage form: the coefficient of w shifts the intercept, that of time:w the
    slope (a cross-level interaction).
    Source: lecture notes 5.5.

    Examples
    --------
    >>> growth_design([0, 2], pd.DataFrame({"girl": [1, 1]})).values.tolist()
    [[1.0, 0.0, 1.0, 0.0], [1.0, 2.0, 1.0, 2.0]]
    """
    # BEGIN SOLUTION 5.6a
    times = np.asarray(t, dtype=float)
    traits = pd.DataFrame(index=range(len(times))) if W is None else W.reset_index(drop=True)
    if len(traits) != len(times):
        raise ValueError(f"t has {len(times)} rows and W {len(traits)}; give one a measurement.")
    columns = {"intercept": np.ones(len(times)), "time": times}
    columns |= {str(name): traits[name].to_numpy(dtype=float) for name in traits}
    columns |= {f"time:{name}": times * traits[name].to_numpy(dtype=float) for name in traits}
    return pd.DataFrame(columns)
    # END SOLUTION


def gap_at(fit: GrowthResult, level: str, slope: str, t: float) -> tuple[float, float]:
    """Difference between two groups at time t, with its standard error.

    With b_l the coefficient called `level` and b_s the one called `slope`::

        gap = b_l + t b_s
        se  = sqrt( Var(b_l) + 2 t Cov(b_l, b_s) + t^2 Var(b_s) )

    Parameters
    ----------
    fit
        A fitted model: beta and cov_beta are used.
    level, slope
        Names of the coefficient of a group and of its product with time.
    t
        Time, counted as in the fit.

    Returns
    -------
    The gap and its standard error, in units of y.

    Raises
    ------
    ValueError
        If there is no coefficient of that name.

    Notes
    -----
    Source: lecture notes 5.5.

    Examples
    --------
    Gap 1 + 2*0.5; variance 0.09 + 2*2*(-0.01) + 4*0.04 = 0.21.

    >>> names = ["girl", "time:girl"]
    >>> cov = pd.DataFrame([[0.09, -0.01], [-0.01, 0.04]], names, names)
    >>> fit = GrowthResult(pd.Series([1.0, 0.5], names), cov, np.eye(2), 1.0, 0.0, False, None)
    >>> gap, se = gap_at(fit, "girl", "time:girl", 2)
    >>> gap, round(se, 6)
    (2.0, 0.458258)
    """
    # BEGIN SOLUTION 5.6b
    if unknown := [name for name in (level, slope) if name not in fit.beta.index]:
        raise ValueError(
            f"There is no coefficient {unknown[0]!r}; there are {list(fit.beta.index)}."
        )
    weights, names = np.array([1.0, t]), [level, slope]
    gap = weights @ fit.beta[names].to_numpy()
    variance = weights @ fit.cov_beta.loc[names, names].to_numpy() @ weights
    return float(gap), float(np.sqrt(variance))
    # END SOLUTION


def pseudo_r2(Psi0: ArrayLike, Psi1: ArrayLike) -> tuple[float, ...]:
    """How much smaller a model's variances between persons are than those of a simpler one.

    ::

        1 - psi1_kk / psi0_kk    for the intercept (k = 1), the slope (k = 2), ...

    Parameters
    ----------
    Psi0, Psi1
        Covariance matrices of the random coefficients in the simpler and in the larger model, with
        time counted from the same origin.

    Returns
    -------
    One number a random coefficient; without unit, at most 1.
    A negative one is possible and reported as it is.

    Raises
    ------
    ValueError
        If the shapes differ, or a variance of the simpler model is not above 0.

    Notes
    -----
    Source: Raudenbush and Bryk (2002), chapter 4; Singer and Willett (2003), chapter 4; lecture
    notes 5.5.

    Examples
    --------
    1 - 3/4 and 1 - 1.9/2:

    >>> [round(each, 6) for each in pseudo_r2([[4, 1], [1, 2]], [[3, 0.5], [0.5, 1.9]])]
    [0.25, 0.05]
    """
    # BEGIN SOLUTION 5.7
    before, after = np.asarray(Psi0, dtype=float), np.asarray(Psi1, dtype=float)
    if before.shape != after.shape or before.ndim != 2 or not (np.diag(before) > 0).all():
        raise ValueError(
            f"Psi0 is {before.tolist()} and Psi1 is {after.tolist()}; give two covariance matrices "
            "of the same coefficients, the first with variances above 0."
        )
    return tuple((1 - np.diag(after) / np.diag(before)).tolist())
    # END SOLUTION


def trajectory_eb(fit: GrowthResult) -> pd.DataFrame:
    """Predict each person's deviations from the mean trajectory (empirical Bayes).

    ::

        zeta_j = (sigma2 I + Psi Z_j'Z_j)^-1 Psi Z_j'(y_j - X_j beta)

    Parameters
    ----------
    fit
        A fitted model: beta, Psi, sigma2 and cross are used.

    Returns
    -------
    One row a person (the index), one column a random coefficient, named as the columns of Z;
    units of y for the intercept, units of y per unit of time for the slope.
    A person's predicted line has the coefficients beta + zeta_j (where X and Z are the same).

    Notes
    -----
    It works for persons with fewer measurements than random coefficients, and for a singular Psi.
    Source: Laird and Ware (1982), Biometrics 38, 963-974; lecture notes 5.6.

    Examples
    --------
    One person of two, residuals 3 and 3 at times -1 and 1, Psi = I, sigma2 = 1: Z'Z = 2 I, so
    that the intercept is 6 / (1 + 2) = 2.

    >>> X = pd.DataFrame({"intercept": 1.0, "time": [-1.0, 1.0, 0.0]})
    >>> cross = cross_products([3.0, 3.0, 0.0], X, X, ["a", "a", "b"])
    >>> fit = GrowthResult(pd.Series([0.0, 0.0]), None, np.eye(2), 1.0, 0.0, False, cross)
    >>> trajectory_eb(fit).loc["a"].tolist()
    [2.0, 0.0]
    """
    # BEGIN SOLUTION 5.8
    cross, q = fit.cross, len(fit.Psi)
    residual = cross.Zy - cross.ZX @ fit.beta.to_numpy()  # (J, q)
    weight = fit.sigma2 * np.eye(q) + fit.Psi @ cross.ZZ  # (J, q, q)
    zeta = np.linalg.solve(weight, (residual @ fit.Psi)[..., None])[..., 0]
    return pd.DataFrame(zeta, index=list(cross.clusters), columns=list(cross.z_names))
    # END SOLUTION
