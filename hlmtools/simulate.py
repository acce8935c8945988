"""Simulated data whose truth is known, to try an estimator on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def two_level(
    psi: float, sigma2: float, sizes: Sequence[int], beta: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """Draw from the variance-components model, one cluster for each of the given sizes.

    ::

        y_ij = beta + zeta_j + epsilon_ij,   zeta_j ~ N(0, psi),   epsilon_ij ~ N(0, sigma2)

    Parameters
    ----------
    psi, sigma2
        Between-cluster and within-cluster variance, in squared units of y; 0 or more.
    sizes
        Number of units n_j of each of the J clusters, each 1 or more.
    beta
        Overall mean, in units of y.
    seed
        Start of the random numbers; the same seed gives the same data.

    Returns
    -------
    Columns ``y`` (float) and ``g`` (text label of the cluster), sum(sizes) rows in random order.

    Raises
    ------
    ValueError
        If a variance is negative, or there is no cluster, or a size is below 1.

    Examples
    --------
    >>> data = two_level(psi=4, sigma2=9, sizes=[2, 3], beta=50, seed=1)
    >>> data.shape, sorted(data["g"].unique())
    ((5, 2), ['c01', 'c02'])
    """
    n = np.asarray(sizes, dtype=int)
    if psi < 0 or sigma2 < 0 or n.size == 0 or (n < 1).any():
        raise ValueError(
            f"psi={psi}, sigma2={sigma2}, sizes={list(sizes)}; "
            "give variances of 0 or more and at least one cluster, each of 1 unit or more."
        )
    random = np.random.default_rng(seed)
    zeta = random.normal(0, np.sqrt(psi), n.size)
    epsilon = random.normal(0, np.sqrt(sigma2), n.sum())
    cluster = np.repeat(np.arange(n.size), n)
    data = pd.DataFrame({"y": beta + zeta[cluster] + epsilon, "g": _labels(n.size)[cluster]})
    return data.iloc[random.permutation(len(data))].reset_index(drop=True)


def with_covariate(
    within: float,
    between: float,
    psi: float,
    sigma2: float,
    sizes: Sequence[int],
    x_psi: float = 1.0,
    x_sigma2: float = 1.0,
    beta: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw a response and one covariate with its own slope within and between clusters.

    ::

        y_ij = beta + within (x_ij - xbar_j) + between xbar_j + zeta_j + epsilon_ij

    xbar_j is the mean of the units drawn from cluster j; x itself follows a variance-components
    model with mean 0 and variances x_psi and x_sigma2.

    Parameters
    ----------
    within, between
        Slopes, in units of y per unit of x; their difference is the contextual effect.
    psi, sigma2
        Residual variances between and within clusters, in squared units of y.
    sizes
        Number of units n_j of each of the J clusters, each 1 or more.
    x_psi, x_sigma2
        Variances of x between and within clusters, in squared units of x.
    beta
        Intercept, in units of y.
    seed
        Start of the random numbers; the same seed gives the same data.

    Returns
    -------
    Columns ``y`` and ``x`` (float) and ``g`` (text label of the cluster), rows in random order.

    Examples
    --------
    >>> data = with_covariate(within=2, between=5, psi=4, sigma2=9, sizes=[2, 3], seed=1)
    >>> data.shape, sorted(data["g"].unique())
    ((5, 3), ['c01', 'c02'])
    """
    # rows of x and of the residuals are matched cluster by cluster
    x = two_level(x_psi, x_sigma2, sizes, seed=seed)
    mean = x.groupby("g")["y"].transform("mean")
    noise = two_level(psi, sigma2, sizes, seed=seed + 1_000_003).sort_values("g", kind="stable")
    y = pd.Series(noise["y"].to_numpy(), index=x.sort_values("g", kind="stable").index)
    y += beta + within * (x["y"] - mean) + between * mean
    return pd.DataFrame({"y": y.sort_index(), "x": x["y"], "g": x["g"]})


def random_slopes(
    Psi: Sequence[Sequence[float]] | np.ndarray,
    sigma2: float,
    sizes: Sequence[int],
    beta: Sequence[float] = (0.0, 0.0),
    seed: int = 0,
) -> pd.DataFrame:
    """Draw from the model in which every cluster has an intercept and a slope of its own.

    ::

        y_ij = (beta1 + zeta1_j) + (beta2 + zeta2_j) x_ij + epsilon_ij
        (zeta1_j, zeta2_j) ~ N(0, Psi),   x_ij ~ N(0, 1),   epsilon_ij ~ N(0, sigma2)

    Parameters
    ----------
    Psi
        Covariance matrix of intercept and slope, shape (2, 2).
    sigma2
        Variance within clusters, in squared units of y; 0 or more.
    sizes
        Number of units n_j of each of the J clusters, each 1 or more.
    beta
        Mean intercept and mean slope.
    seed
        Start of the random numbers; the same seed gives the same data.

    Returns
    -------
    Columns ``y``, ``x`` (float) and ``g`` (text label of the cluster), sum(sizes) rows in random
    order.

    Raises
    ------
    ValueError
        If Psi is no covariance matrix, sigma2 is negative, or there is no cluster, or a size is
        below 1.

    Examples
    --------
    >>> data = random_slopes([[4, 1], [1, 2]], sigma2=9, sizes=[2, 3], beta=(50, 3), seed=1)
    >>> data.shape, list(data.columns)
    ((5, 3), ['y', 'x', 'g'])
    """
    n, Psi = np.asarray(sizes, dtype=int), np.asarray(Psi, dtype=float)
    proper = Psi.shape == (2, 2) and Psi[0, 1] == Psi[1, 0] and np.linalg.eigvalsh(Psi)[0] > -1e-12
    if not proper or sigma2 < 0 or n.size == 0 or (n < 1).any():
        raise ValueError(
            f"Psi={Psi.tolist()}, sigma2={sigma2}, sizes={list(sizes)}; give a 2 by 2 covariance "
            "matrix, a variance of 0 or more and at least one cluster, each of 1 unit or more."
        )
    random = np.random.default_rng(seed)
    zeta = random.normal(size=(n.size, 2)) @ _factor(Psi).T
    x, epsilon = random.normal(size=n.sum()), random.normal(0, np.sqrt(sigma2), n.sum())
    cluster = np.repeat(np.arange(n.size), n)
    intercept, slope = (np.asarray(beta, dtype=float) + zeta[cluster]).T
    data = pd.DataFrame(
        {"y": intercept + slope * x + epsilon, "x": x, "g": _labels(n.size)[cluster]}
    )
    return data.iloc[random.permutation(len(data))].reset_index(drop=True)


def _factor(Psi: np.ndarray) -> np.ndarray:
    """Lower triangular factor of a 2 by 2 covariance matrix, singular ones included."""
    first = np.sqrt(Psi[0, 0])
    below = Psi[1, 0] / first if first > 0 else 0.0
    return np.array([[first, 0.0], [below, np.sqrt(max(Psi[1, 1] - below**2, 0.0))]])


def growth(
    beta: ArrayLike,
    Psi: ArrayLike,
    sigma2: float,
    times: Sequence[float],
    persons: int,
    seed: int = 0,
    missing: float = 0.0,
    leave_below: float = -np.inf,
) -> pd.DataFrame:
    """Draw from the linear growth model, with measurements that go missing if you like.

    ::

        y_ij = (beta_0 + zeta_0j) + (beta_1 + zeta_1j) t_ij + epsilon_ij
        (zeta_0j, zeta_1j) ~ N(0, Psi),   epsilon_ij ~ N(0, sigma2)

    Parameters
    ----------
    beta
        Intercept and slope, in units of y and units of y per unit of time.
    Psi
        Covariance matrix (2, 2) of the persons' intercepts and slopes.
    sigma2
        Variance within persons, in squared units of y.
    times
        When everybody is to be measured.
    persons
        How many persons.
    seed
        Start of the random numbers; the same seed gives the same data.
    missing
        Probability that a measurement is missing for no reason (completely at random).
    leave_below
        A person is not seen again after a measurement below this value, in units of y.
        Who leaves is then decided by what was seen of that person (missing at random).

    Returns
    -------
    Columns ``y`` and ``t`` (float) and ``g`` (text label of the person), in random order.

    Raises
    ------
    ValueError
        If Psi is no covariance matrix, sigma2 is negative, or there are no persons or times.

    Examples
    --------
    >>> data = growth([10, 2], [[4, 1], [1, 1]], 0.5, times=[0, 1, 2], persons=50, seed=1)
    >>> data.shape, data["g"].nunique()
    ((150, 3), 50)
    >>> some = growth([10, 2], [[4, 1], [1, 1]], 0.5, [0, 1, 2], 50, seed=1, leave_below=8)
    >>> len(some) < 150, some["g"].nunique()
    (True, 50)
    """
    matrix, t = np.asarray(Psi, dtype=float), np.asarray(times, dtype=float)
    root = _square_root(matrix)
    if root is None or sigma2 < 0 or persons < 1 or t.size == 0:
        raise ValueError(
            f"Psi={matrix.tolist()}, sigma2={sigma2}, persons={persons}, times={list(times)}; give "
            "a covariance matrix of intercepts and slopes, a variance of 0 or more, at least one "
            "person and one time."
        )
    random = np.random.default_rng(seed)
    lines = np.asarray(beta, dtype=float) + random.normal(size=(persons, 2)) @ root.T
    y = lines[:, :1] + lines[:, 1:] * t + random.normal(0, np.sqrt(sigma2), (persons, t.size))
    low_before = np.cumsum(y < leave_below, axis=1) - (y < leave_below)
    seen = (low_before == 0) & (random.uniform(size=y.shape) >= missing)
    person, wave = np.nonzero(seen)
    data = pd.DataFrame({"y": y[seen], "t": t[wave], "g": _labels(persons)[person]})
    return data.iloc[random.permutation(len(data))].reset_index(drop=True)


def _square_root(matrix: np.ndarray) -> np.ndarray | None:
    """A matrix R with R R' = matrix, or None where a 2 x 2 matrix is no covariance matrix."""
    if matrix.shape != (2, 2) or not np.allclose(matrix, matrix.T):
        return None
    values, vectors = np.linalg.eigh(matrix)
    if values.min() < -1e-12 * max(values.max(), 1.0):
        return None
    return vectors * np.sqrt(np.clip(values, 0, None))


def two_level_logit(
    psi: float, sizes: Sequence[int], beta: Sequence[float] = (0.0, 1.0), seed: int = 0
) -> pd.DataFrame:
    """Draw from the logistic model with a random intercept and one covariate.

    ::

        logit P(y_ij = 1) = beta_0 + beta_1 x_ij + zeta_j,   zeta_j ~ N(0, psi),   x_ij ~ N(0, 1)

    Parameters
    ----------
    psi
        Between-cluster variance, in squared log-odds; 0 or more.
    sizes
        Number of units n_j of each of the J clusters, each 1 or more.
    beta
        Intercept and coefficient of x, in log-odds.
    seed
        Start of the random numbers; the same seed gives the same data.

    Returns
    -------
    Columns ``y`` (0 or 1), ``x`` and ``g`` (text label of the cluster), sum(sizes) rows in random
    order.

    Raises
    ------
    ValueError
        If psi is negative, or there is no cluster, or a size is below 1.

    Examples
    --------
    >>> data = two_level_logit(psi=1.0, sizes=[2, 3], seed=1)
    >>> data.shape, sorted(data["y"].unique().tolist())
    ((5, 3), [0, 1])
    """
    n = np.asarray(sizes, dtype=int)
    if psi < 0 or n.size == 0 or (n < 1).any():
        raise ValueError(
            f"psi={psi}, sizes={list(sizes)}; "
            "give a variance of 0 or more and at least one cluster, each of 1 unit or more."
        )
    random = np.random.default_rng(seed)
    zeta = random.normal(0, np.sqrt(psi), n.size)
    cluster = np.repeat(np.arange(n.size), n)
    x = random.normal(size=n.sum())
    log_odds = beta[0] + beta[1] * x + zeta[cluster]
    y = (random.uniform(size=n.sum()) < 1 / (1 + np.exp(-log_odds))).astype(int)
    data = pd.DataFrame({"y": y, "x": x, "g": _labels(n.size)[cluster]})
    return data.iloc[random.permutation(len(data))].reset_index(drop=True)


def panel(
    persons: int,
    occasions: int,
    beta: float = 0.5,
    psi: float = 1.0,
    sigma2: float = 1.0,
    link: float = 0.0,
    phi: float = 0.0,
    keep: float = 1.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw repeated measurements of persons, with one covariate that changes and one that does not.

    For person j at occasion t::

        y_tj = 1 + beta x_tj + 0.3 w_j + zeta_j + epsilon_tj,      x_tj = link zeta_j + N(0, 1)

    zeta_j ~ N(0, psi); epsilon has variance sigma2 and correlation phi from one occasion to the
    next; yes_tj is 1 with log-odds y_tj - 1, 0 otherwise.

    Parameters
    ----------
    persons, occasions
        How many; each occasion is kept with probability keep, the first two always.
    beta
        Effect of x within a person.
    psi, sigma2
        Variance between and within persons, in squared units of y.
    link
        How much x goes with the person's level; where it is not 0, x is endogenous.
    phi
        Correlation of neighboring errors of a person, between -1 and 1.
    keep
        Share of the occasions that are kept.
    seed
        Start of the random numbers; the same seed gives the same data.

    Returns
    -------
    Columns ``person`` (text), ``time`` (1, 2, ...), ``x``, ``w``, ``y``, ``yes``; rows shuffled.

    Examples
    --------
    >>> data = panel(3, 4, seed=1)
    >>> data.shape, sorted(data["person"].unique())
    ((12, 6), ['c01', 'c02', 'c03'])
    """
    random = np.random.default_rng(seed)
    shape = (persons, occasions)
    zeta = random.normal(0, np.sqrt(psi), (persons, 1))
    x = link * zeta + random.normal(size=shape)
    w = random.normal(size=(persons, 1))
    lag = np.abs(np.subtract.outer(np.arange(occasions), np.arange(occasions)))
    epsilon = random.normal(0, np.sqrt(sigma2), shape) @ np.linalg.cholesky(phi**lag).T
    y = 1 + beta * x + 0.3 * w + zeta + epsilon
    kept = random.random(shape) < keep
    kept[:, :2] = True
    columns = {
        "person": np.broadcast_to(_labels(persons)[:, None], shape),
        "time": np.broadcast_to(np.arange(1, occasions + 1), shape),
        "x": x,
        "w": np.broadcast_to(w, shape),
        "y": y,
        "yes": (random.random(shape) < 1 / (1 + np.exp(1 - y))).astype(int),
    }
    data = pd.DataFrame({name: values[kept] for name, values in columns.items()})
    return data.iloc[random.permutation(len(data))].reset_index(drop=True)


def two_waves(
    persons: int, change: float = 0.0, cut: float = 1.0, chance: float = 0.9, seed: int = 0
) -> pd.DataFrame:
    """Draw two measurements a person, of which the second is lost where the first was high.

    ::

        y1 = zeta + epsilon1,   y2 = change + zeta + epsilon2,   all three with variance 1

    Parameters
    ----------
    persons
        How many.
    change
        True average change.
    cut, chance
        y2 is lost with probability chance where y1 is above cut.
    seed
        Start of the random numbers; the same seed gives the same data.

    Returns
    -------
    Columns ``y1`` and ``y2``, the latter with NaN where it was lost.

    Examples
    --------
    >>> data = two_waves(500, seed=1)
    >>> bool(data["y1"].isna().any()), bool(data["y2"].isna().any())
    (False, True)
    """
    random = np.random.default_rng(seed)
    zeta, first, second = random.normal(size=(3, persons))
    y1, y2 = zeta + first, change + zeta + second
    lost = (y1 > cut) & (random.random(persons) < chance)
    return pd.DataFrame({"y1": y1, "y2": np.where(lost, np.nan, y2)})


def _labels(clusters: int) -> np.ndarray:
    """Text labels of equal width: c01, c02, ..."""
    width = max(2, len(str(clusters)))
    return np.array([f"c{j:0{width}d}" for j in range(1, clusters + 1)])
