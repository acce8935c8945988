"""Derivatives by differences, for likelihoods that have no handy formula for theirs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike


def derivatives(
    function: Callable[[np.ndarray], float], at: ArrayLike, steps: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives of a function of p numbers, by central differences.

    ::

        df/da      = [f(a + h) - f(a - h)] / (2 h)
        d2f/da2    = [f(a + h) - 2 f(a) + f(a - h)] / h^2
        d2f/dadb   = [f(+,+) - f(+,-) - f(-,+) + f(-,-)] / (4 h_a h_b)

    Parameters
    ----------
    function
        Takes an array of p numbers and returns one number.
    at
        Where the derivatives are wanted, p numbers.
    steps
        Step h for each of them; about a hundredth of a standard error suits a log-likelihood.

    Returns
    -------
    The gradient, shape (p,), and the symmetric matrix of second derivatives, shape (p, p).

    Notes
    -----
    It calls the function 1 + 2 p^2 times.

    Examples
    --------
    >>> gradient, hessian = derivatives(lambda x: x[0] ** 2 * x[1], [3.0, 5.0], [0.01, 0.01])
    >>> gradient.round(6).tolist(), hessian.round(6).tolist()
    ([30.0, 9.0], [[10.0, 6.0], [6.0, 0.0]])
    """
    x, h = np.asarray(at, dtype=float), np.diag(np.asarray(steps, dtype=float))
    middle, size = function(x), np.diag(h)
    up = np.array([function(x + step) for step in h])
    down = np.array([function(x - step) for step in h])
    hessian = np.diag((up - 2 * middle + down) / size**2)
    for a, b in combinations(range(len(x)), 2):
        crossed = sum(
            sign_a * sign_b * function(x + sign_a * h[a] + sign_b * h[b])
            for sign_a in (1, -1)
            for sign_b in (1, -1)
        )
        hessian[a, b] = hessian[b, a] = crossed / (4 * size[a] * size[b])
    return (up - down) / (2 * size), hessian
