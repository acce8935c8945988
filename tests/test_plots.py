"""Plots: what is drawn, with which labels, and that many clusters stay legible."""

from __future__ import annotations

import doctest
import importlib

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

mpl.use("Agg")

import matplotlib.pyplot as plt

from autograder import build
from hlmtools import load_dataset, plots

build.use_solved()
vc = importlib.import_module("hlmtools.variance_components")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    hsb = load_dataset("hsb")
    return vc.eb_predict(vc.fit_vc(hsb["mAch"], hsb["school"]))


def _texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def _ticks(ax) -> list[str]:
    return [text.get_text() for text in ax.get_xticklabels()]


def _dots(ax) -> np.ndarray:
    return np.vstack([each.get_offsets() for each in ax.collections if len(each.get_offsets())])


def test_strip_shows_every_unit_in_its_cluster_sorted_by_mean():
    data = load_dataset("dyestuff")
    ax = plots.cluster_strip(data, y="Yield", cluster="Batch", label="yield (grams)")
    means = data.groupby("Batch")["Yield"].mean().sort_values()
    assert _ticks(ax) == list(means.index)
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("yield (grams)", "Batch, sorted by mean")
    dots = _dots(ax)[: len(data)]
    place = {label: i for i, label in enumerate(means.index)}
    assert (np.round(dots[:, 0]) == data["Batch"].map(place)).all()
    assert (dots[:, 1] == data["Yield"]).all()
    bars = next(each for each in ax.collections if each.get_label() == "cluster mean")
    heights = [segment[0][1] for segment in bars.get_segments()]
    assert heights == pytest.approx(means.to_list())
    assert any(np.allclose(line.get_ydata(), 1527.5) for line in ax.lines)


def test_strip_is_the_same_each_time_and_takes_categories():
    data = load_dataset("dyestuff")
    data["Batch"] = pd.Categorical(data["Batch"], categories=[*"FEDCBA", "unused"])
    first = plots.cluster_strip(data, y="Yield", cluster="Batch")
    second = plots.cluster_strip(data, y="Yield", cluster="Batch")
    assert (_dots(first) == _dots(second)).all()
    assert len(_ticks(first)) == 6


def test_strip_of_160_schools_names_none_of_them():
    ax = plots.cluster_strip(load_dataset("hsb"), y="mAch", cluster="school")
    assert _ticks(ax) == []
    assert ax.get_xlabel() == "school, sorted by mean (160 of them)"
    assert ax.get_ylabel() == "mAch"


def test_shrinkage_plot_sets_predictions_against_observations(predictions):
    ax = plots.shrinkage(predictions, highlight=["8367"], unit="test points")
    assert ax.get_xlabel() == "observed deviation (test points)"
    assert ax.get_ylabel() == "predicted deviation (test points)"
    dots = _dots(ax)[: len(predictions)]
    assert (dots == predictions[["ml", "eb"]].to_numpy()).all()
    assert _texts(ax) == ["8367"]
    assert ax.figure.axes[1].get_ylabel() == "reliability of the cluster mean"


def test_shrinkage_plot_of_balanced_data_needs_no_scale_of_reliability():
    data = load_dataset("dyestuff")
    ax = plots.shrinkage(vc.eb_predict(vc.fit_vc(data["Yield"], data["Batch"])))
    assert len(ax.figure.axes) == 1


def test_caterpillar_plot_sorts_and_has_intervals_of_the_right_length(predictions):
    few = predictions.iloc[:12]
    ax = plots.caterpillar(few, unit="test points", level=0.9)
    order = few["eb"].sort_values().index
    assert _ticks(ax) == list(order)
    assert ax.get_ylabel() == "predicted deviation (test points)"
    ends = {}
    for bars in (each for each in ax.collections if isinstance(each, LineCollection)):
        for (x, low), (_, high) in bars.get_segments():
            ends[round(x)] = (low, high)
    middle, reach = few["eb"].loc[order], 1.644854 * few["comp_se"].loc[order]
    assert len(ends) == 12
    for i in range(12):
        low_high = (middle.iloc[i] - reach.iloc[i], middle.iloc[i] + reach.iloc[i])
        assert ends[i] == pytest.approx(low_high, abs=1e-5)


def test_caterpillar_plot_of_160_schools(predictions):
    ax = plots.caterpillar(predictions, highlight=["8367", "2305"])
    assert _ticks(ax) == []
    assert "160" in ax.get_xlabel()
    assert _texts(ax) == ["8367", "2305"]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["95% interval holds 0", "95% interval leaves 0 out"]


def test_nothing_differs_from_0_at_the_boundary():
    data = load_dataset("dyestuff2")
    table = vc.eb_predict(vc.fit_vc(data["Yield"], data["Batch"]))
    ax = plots.caterpillar(table)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["95% interval holds 0"]
    plots.shrinkage(table)


@pytest.mark.parametrize("draw", [plots.shrinkage, plots.caterpillar])
def test_given_axes_are_used_and_data_left_alone(draw, predictions):
    before = predictions.copy()
    ax = plt.subplots()[1]
    figures = plt.get_fignums()
    assert draw(predictions, ax=ax) is ax
    assert plt.get_fignums() == figures
    assert predictions.equals(before)


@pytest.mark.parametrize("draw", [plots.shrinkage, plots.caterpillar])
def test_unknown_cluster_and_missing_column_are_explained(draw, predictions):
    with pytest.raises(ValueError, match="no cluster 8367 to highlight"):
        draw(predictions, highlight=[8367])
    with pytest.raises(ValueError, match="no column 'eb'; it has ml"):
        draw(predictions.drop(columns="eb"))


def test_unusable_arguments_are_explained(predictions):
    with pytest.raises(ValueError, match="between 0 and 1"):
        plots.caterpillar(predictions, level=95)
    with pytest.raises(ValueError, match="no column 'score'"):
        plots.cluster_strip(load_dataset("rail"), y="score", cluster="Rail")


def test_docstring_examples_run():
    result = doctest.testmod(plots)
    assert result.attempted >= 9
    assert result.failed == 0
