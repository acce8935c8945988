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


def _labels(clusters: int) -> np.ndarray:
    """Text labels of equal width: c01, c02, ..."""
    width = max(2, len(str(clusters)))
    return np.array([f"c{j:0{width}d}" for j in range(1, clusters + 1)])


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
