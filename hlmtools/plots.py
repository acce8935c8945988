"""Pictures of clustered data, of covariates at two levels and of predicted cluster effects.

Each function draws on the given axes, or on new ones, and returns them, so that titles, limits and
further layers can be added.  All stay legible with six clusters and with a few hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from scipy.stats import norm

_PLAIN, _STRONG, _MARKED = (sns.color_palette("colorblind")[i] for i in (0, 7, 3))
_NAMED = 40  # up to so many clusters are named on the axis


def cluster_strip(
    data: pd.DataFrame,
    y: str,
    cluster: str,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw every unit in its cluster, with the cluster means as bars.

    Clusters are sorted by their mean; the dashed line is the mean of all units drawn.

    Parameters
    ----------
    data
        One row a unit.
    y
        Column of the response.
    cluster
        Column of the cluster labels.
    label
        Text of the vertical axis, with the unit: "yield (grams)"; the column's name by default.
    ax
        Axes to draw on.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> data = pd.DataFrame({"y": [1.0, 3.0, 6.0], "class": ["a", "a", "b"]})
    >>> ax = cluster_strip(data, y="y", cluster="class", label="score (points)")
    >>> ax.get_ylabel(), [text.get_text() for text in ax.get_xticklabels()]
    ('score (points)', ['a', 'b'])
    """
    _need_columns(data, (y, cluster))
    ax = _axes(ax)
    means = data.groupby(cluster, observed=True)[y].mean().sort_values()
    place = pd.Series(np.arange(len(means)), index=means.index)
    center = data[cluster].map(place).to_numpy(dtype=float)
    jitter = np.random.default_rng(0).uniform(-0.22, 0.22, len(data))
    many = len(means) > _NAMED
    ax.scatter(
        center + jitter,
        data[y],
        s=4 if many else 16,
        alpha=0.25 if many else 0.5,
        color=_PLAIN,
        linewidths=0,
    )
    ax.hlines(means, place - 0.4, place + 0.4, color="black", linewidth=2, label="cluster mean")
    ax.axhline(data[y].mean(), color=_STRONG, linestyle="--", linewidth=1, label="mean of all")
    _cluster_axis(ax, list(means.index), cluster, "mean")
    ax.set_ylabel(label or y)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.1 * (high - low))  # room for the legend
    return _finish(ax, legend_columns=2)


def shrinkage(
    predictions: pd.DataFrame,
    highlight: Sequence[str] = (),
    unit: str = "units of y",
    ax: Axes | None = None,
) -> Axes:
    """Draw predicted against observed deviations of the clusters.

    A point on the dashed line would be taken at face value; its distance below or above the line
    is how far the prediction was shrunk towards 0.
    The color shows the reliability, where it differs: the darker, the less the cluster's own mean
    counts.

    Parameters
    ----------
    predictions
        One row a cluster, columns ``ml``, ``R``, ``eb``: what ``eb_predict`` returns.
    highlight
        Labels of clusters to name in the picture.
    unit
        Unit of the response, for the axes.
    ax
        Axes to draw on.

    Raises
    ------
    ValueError
        If a column is missing, or a label to highlight is not in the index.

    Examples
    --------
    >>> table = pd.DataFrame({"ml": [-4.0, 2.0], "R": [0.5, 0.9], "eb": [-2.0, 1.8]}, ["a", "b"])
    >>> ax = shrinkage(table, highlight=["a"], unit="points")
    >>> ax.get_xlabel()
    'observed deviation (points)'
    """
    _need_columns(predictions, ("ml", "R", "eb"))
    marked = _marked(predictions, highlight)
    ax = _axes(ax)
    ax.axline((0, 0), slope=1, color=_STRONG, linestyle="--", linewidth=1, label="no shrinkage")
    ax.axhline(0, color=_STRONG, linewidth=0.8)
    dots = ax.scatter(
        predictions["ml"],
        predictions["eb"],
        c=predictions["R"],
        cmap="viridis",
        s=30,
        edgecolors="white",
        linewidths=0.4,
        zorder=3,
    )
    if predictions["R"].max() > predictions["R"].min():
        ax.figure.colorbar(dots, ax=ax, label="reliability of the cluster mean")
    _name(ax, marked["ml"], marked["eb"])
    ax.set_xlabel(f"observed deviation ({unit})")
    ax.set_ylabel(f"predicted deviation ({unit})")
    return _finish(ax)


def caterpillar(
    predictions: pd.DataFrame,
    highlight: Sequence[str] = (),
    unit: str = "units of y",
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Draw the predicted deviation of each cluster with its interval, sorted.

    Intervals are eb -+ z comp_se, z = Phi^-1((1 + level) / 2); those that leave 0 out are blue.
    They compare a cluster with the overall mean: two of them may overlap although the clusters
    differ.

    Parameters
    ----------
    predictions
        One row a cluster, columns ``eb`` and ``comp_se``: what ``eb_predict`` returns.
    highlight
        Labels of clusters to name in the picture.
    unit
        Unit of the response, for the axis.
    level
        Coverage of the intervals, between 0 and 1.
    ax
        Axes to draw on.

    Raises
    ------
    ValueError
        If a column is missing, a label to highlight is not in the index, or level is not between
        0 and 1.

    Examples
    --------
    >>> table = pd.DataFrame({"eb": [1.8, -2.0], "comp_se": [0.4, 1.5]}, index=["b", "a"])
    >>> ax = caterpillar(table, unit="points")
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['a', 'b']
    """
    _need_columns(predictions, ("eb", "comp_se"))
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; give a number between 0 and 1, such as 0.95.")
    marked = _marked(predictions, highlight)
    ax = _axes(ax)
    table = predictions.sort_values("eb", kind="stable")
    place = pd.Series(np.arange(len(table)), index=table.index)
    reach = norm.ppf((1 + level) / 2) * table["comp_se"]
    away = table["eb"].abs() > reach
    for rows, color, text in (
        (~away, _STRONG, f"{level:.0%} interval holds 0"),
        (away, _PLAIN, f"{level:.0%} interval leaves 0 out"),
    ):
        _intervals(ax, place[rows], table["eb"][rows], reach[rows], color, text)
    ax.axhline(0, color="black", linewidth=0.8)
    _name(ax, place.loc[marked.index], marked["eb"])
    _cluster_axis(ax, list(table.index), "cluster", "prediction")
    ax.set_ylabel(f"predicted deviation ({unit})")
    return _finish(ax)


def within_between(
    data: pd.DataFrame,
    y: str,
    x: str,
    cluster: str,
    within: float | None = None,
    between: tuple[float, float] | None = None,
    highlight: Sequence[str] = (),
    labels: tuple[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw units and cluster means in one picture, with a slope within and a slope between.

    Small dots are units, large ones the means of clusters.
    Each highlighted cluster is drawn in its own color, with a line of slope `within` through its
    mean.

    Parameters
    ----------
    data
        One row a unit.
    y, x
        Columns of the response and of the covariate.
    cluster
        Column of the cluster labels.
    within
        Slope of the short lines of the highlighted clusters; none are drawn without it.
    between
        Intercept and slope of the line through the cluster means; none is drawn without it.
    highlight
        Labels of the clusters to draw in color, at most six.
    labels
        Texts of the horizontal and the vertical axis, with units; the columns' names by default.
    ax
        Axes to draw on.

    Raises
    ------
    ValueError
        If a column is missing, or a label to highlight does not occur.

    Examples
    --------
    >>> data = pd.DataFrame({"y": [1.0, 3.0, 6.0], "x": [0.0, 1.0, 2.0], "g": ["a", "a", "b"]})
    >>> ax = within_between(data, "y", "x", "g", within=2.0, highlight=["a"])
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x', 'y')
    """
    _need_columns(data, (y, x, cluster))
    ax = _axes(ax)
    means = data.groupby(cluster, observed=True)[[x, y]].mean()
    marked = _marked(means, highlight)
    ax.scatter(data[x], data[y], s=4, alpha=0.25, color=_STRONG, linewidths=0, rasterized=True)
    ax.scatter(means[x], means[y], s=16, color="black", linewidths=0, label="cluster mean")
    for label, color in zip(marked.index, sns.color_palette("colorblind"), strict=False):
        _one_cluster(ax, data[data[cluster] == label], (x, y), within, color, str(label))
    if between is not None:
        ends = np.array([means[x].min(), means[x].max()])
        line = between[0] + between[1] * ends
        halo = [withStroke(linewidth=6, foreground="white")]
        ax.plot(ends, line, color="black", lw=2.5, path_effects=halo, label="slope between")
    ax.set_xlabel(labels[0] if labels else x)
    ax.set_ylabel(labels[1] if labels else y)
    return _finish(ax)


def _one_cluster(
    ax: Axes,
    units: pd.DataFrame,
    columns: tuple[str, str],
    slope: float | None,
    color: Any,
    label: str,
) -> None:
    """Units of one cluster in its color, its mean, and a line of the given slope through that."""
    x, y = units[columns[0]], units[columns[1]]
    ax.scatter(x, y, s=14, alpha=0.7, color=color, linewidths=0)
    ax.scatter(x.mean(), y.mean(), s=90, color=color, edgecolors="white", zorder=4, label=label)
    if slope is not None:
        ends = np.array([x.min(), x.max()])
        line = y.mean() + slope * (ends - x.mean())
        ax.plot(ends, line, color=color, linewidth=2.5, zorder=3)


def _intervals(
    ax: Axes, place: pd.Series, center: pd.Series, reach: pd.Series, color: Any, text: str
) -> None:
    """Dots with vertical bars, thin where there are many."""
    if place.empty:
        return
    many = len(place) > _NAMED
    ax.errorbar(
        place,
        center,
        yerr=reach,
        fmt="o",
        markersize=2.5 if many else 5,
        elinewidth=0.8 if many else 1.6,
        color=color,
        label=text,
    )


def _name(ax: Axes, x: pd.Series, y: pd.Series) -> None:
    """Ring and label the highlighted clusters."""
    ax.scatter(x, y, s=90, facecolors="none", edgecolors=[_MARKED], linewidths=1.8, zorder=4)
    for text, x_j, y_j in zip(x.index, x, y, strict=True):
        ax.annotate(
            str(text),
            (x_j, y_j),
            xytext=(7, -13),
            textcoords="offset points",
            color=_MARKED,
            fontweight="bold",
            path_effects=[withStroke(linewidth=3, foreground="white")],
            zorder=5,
        )


def _cluster_axis(ax: Axes, labels: list, kind: str, order: str) -> None:
    """Name each cluster on the axis, or say how many there are."""
    title = f"{kind}, sorted by {order}"
    if len(labels) <= _NAMED:
        crowded = sum(len(str(label)) for label in labels) > 50
        ax.set_xticks(range(len(labels)), [str(label) for label in labels])
        ax.tick_params(axis="x", labelrotation=90 if crowded else 0)
        ax.set_xlabel(title)
    else:
        ax.set_xticks([])
        ax.set_xlabel(f"{title} ({len(labels)} of them)")
    ax.set_xlim(-0.7, len(labels) - 0.3)


def _marked(predictions: pd.DataFrame, highlight: Sequence[str]) -> pd.DataFrame:
    """The rows to highlight."""
    wanted = [highlight] if isinstance(highlight, str) else list(highlight)
    unknown = [label for label in wanted if label not in predictions.index]
    if unknown:
        raise ValueError(
            f"There is no cluster {unknown[0]!r} to highlight; labels are written as in the "
            f"table's index, such as {predictions.index[0]!r}."
        )
    return predictions.loc[wanted]


def _need_columns(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise ValueError(
            f"The table has no column {missing[0]!r}; it has {', '.join(map(str, table.columns))}."
        )


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots(figsize=(8, 4.5), layout="constrained")[1] if ax is None else ax


def _finish(ax: Axes, legend_columns: int = 1) -> Axes:
    sns.despine(ax=ax)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize="small", loc="upper left", ncols=legend_columns)
    return ax
