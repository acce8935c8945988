"""Simulated data: what was asked for, the same again from the same seed."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from hlmtools import simulate
from hlmtools.simulate import two_level


def test_sizes_labels_and_order():
    data = two_level(psi=4, sigma2=9, sizes=[1, 3, 20], beta=50, seed=7)
    assert list(data.columns) == ["y", "g"]
    assert data.groupby("g").size().to_dict() == {"c01": 1, "c02": 3, "c03": 20}
    assert list(data.index) == list(range(24))
    assert data["y"].dtype == float
    assert all(isinstance(label, str) for label in data["g"])
    assert not data["g"].is_monotonic_increasing


def test_labels_sort_as_numbers_do():
    data = two_level(psi=1, sigma2=1, sizes=[1] * 120, seed=1)
    assert sorted(data["g"].unique())[:2] == ["c001", "c002"]


def test_seed_decides():
    arguments = {"psi": 4, "sigma2": 9, "sizes": [5, 6], "beta": 1}
    assert two_level(**arguments, seed=3).equals(two_level(**arguments, seed=3))
    assert not two_level(**arguments, seed=3).equals(two_level(**arguments, seed=4))


def test_truth_is_in_the_data():
    data = two_level(psi=4, sigma2=9, sizes=[50] * 2000, beta=50, seed=1)
    means = data.groupby("g")["y"].mean()
    within = data.groupby("g")["y"].var().mean()
    assert within == pytest.approx(9, rel=0.02)
    assert means.var() - within / 50 == pytest.approx(4, rel=0.12)
    assert means.mean() == pytest.approx(50, abs=0.2)


def test_no_variance_at_one_level():
    assert two_level(psi=0, sigma2=0, sizes=[2, 3], beta=5)["y"].eq(5).all()
    data = two_level(psi=4, sigma2=0, sizes=[2, 3], seed=1)
    assert np.allclose(data.groupby("g")["y"].std(), 0)
    assert data["y"].nunique() == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"psi": -1, "sigma2": 9, "sizes": [2]},
        {"psi": 1, "sigma2": -9, "sizes": [2]},
        {"psi": 1, "sigma2": 9, "sizes": []},
        {"psi": 1, "sigma2": 9, "sizes": [2, 0]},
    ],
)
def test_impossible_requests_are_refused(arguments):
    with pytest.raises(ValueError, match="at least one cluster"):
        two_level(**arguments)


def test_docstring_examples_run():
    result = doctest.testmod(simulate)
    assert result.attempted >= 2
    assert result.failed == 0
