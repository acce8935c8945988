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


def _labels(clusters: int) -> np.ndarray:
    """Text labels of equal width: c01, c02, ..."""
    width = max(2, len(str(clusters)))
    return np.array([f"c{j:0{width}d}" for j in range(1, clusters + 1)])
