"""Simulated data whose truth is known, to try an estimator on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


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
