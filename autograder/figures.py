"""Pictures of a class as SVG that stands in a page: no style of its own, the same bytes each time.

The page's policy allows no style attributes, so each becomes attributes of its element; ink and
accent take the colours of the page, in light and in dark.  No text of a submission is drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
import seaborn as sns
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from autograder.items import Interval

_INK, _ACCENT, _SOFT = "#010203", "#010204", "#010205"  # stand for colours of the page
_COLOURS = {_INK: "currentColor", _ACCENT: "var(--accent)", _SOFT: "var(--soft)"}
_SETTINGS = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("notebook"),
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "text.parse_math": False,
    **dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor"], _INK),
    **dict.fromkeys(["xtick.color", "ytick.color"], _INK),
    **dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "none"),
}


def scores(points: Sequence[float], possible: float, says: str) -> Markup:
    """Histogram of the scores of a class."""

    def draw(axes: Axes) -> None:
        width = _bin_width(possible)
        edges = np.arange(0.0, possible + 1.5 * width, width)
        looks = {"color": _ACCENT, "alpha": 1.0, "linewidth": 0, "shrink": 0.92}
        sns.histplot(x=list(points), bins=list(edges), ax=axes, **looks)
        axes.set(xlabel="points", ylabel="submissions", xlim=(0, edges[-1]))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))

    return _svg("scores", says, draw, (7.2, 2.8))


def easiness(tasks: Mapping[str, Interval], says: str) -> Markup:
    """Probability that the average student is right, a row a task, hardest last."""
    ordered = sorted(tasks.items(), key=lambda pair: pair[1].estimate)

    def draw(axes: Axes) -> None:
        _rows(axes, [interval.probabilities() for _, interval in ordered])
        axes.set_yticks(range(len(ordered)), [task for task, _ in ordered])
        axes.set(xlabel="chance that the average student gets all points", xlim=(0, 1))

    return _svg("easiness", says, draw, (7.2, 0.9 + 0.34 * len(ordered)))


def abilities(students: Mapping[str, Interval], says: str) -> Markup:
    """Caterpillar plot: ability in logits, a row a student, without names."""
    ordered = sorted(students.values(), key=lambda interval: interval.estimate)

    def draw(axes: Axes) -> None:
        _rows(axes, ordered)
        axes.axvline(0.0, color=_SOFT, linewidth=1, linestyle=(0, (4, 4)))
        axes.set(xlabel="ability, in logits from the average student", yticks=[])

    return _svg("abilities", says, draw, (7.2, min(6.0, 0.9 + 0.11 * len(ordered))))


def _rows(axes: Axes, intervals: Sequence[Interval]) -> None:
    places = range(len(intervals))
    lows, highs = [each.low for each in intervals], [each.high for each in intervals]
    axes.hlines(places, lows, highs, color=_SOFT, linewidth=1.5)
    axes.plot([each.estimate for each in intervals], places, "o", color=_ACCENT, markersize=5)
    axes.set_ylim(-0.8, len(intervals) - 0.2)


def _bin_width(possible: float) -> float:
    """Bars that are easy to name: some ten to twenty of them."""
    return next(width for width in (0.5, 1.0, 2.0, 5.0, 10.0, possible) if possible / width <= 21)


def _svg(name: str, says: str, draw: Callable[[Axes], None], size: tuple[float, float]) -> Markup:
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        sns.despine(ax=axes)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return _embedded(stream.getvalue(), name, says)


def _embedded(text: str, name: str, says: str) -> Markup:
    """Without prolog, metadata, styles and needless ids; with a name for those who cannot see."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r' style="([^"]*)"', lambda match: _attributes(match[1]), body)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    for stand_in, colour in _COLOURS.items():
        body = body.replace(stand_in, colour)
    view = re.search(r'viewBox="[^"]*"', body)
    opening = (
        f'<svg class="figure" role="img" aria-labelledby="alt-{name}" stroke-linejoin="round" '
        f'{view[0] if view else ""} xmlns="http://www.w3.org/2000/svg" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink"><title id="alt-{name}">{escape(says)}</title>'
    )
    return Markup(re.sub(r"\A<svg[^>]*>", lambda _: opening, body).strip())


def _attributes(style: str) -> str:
    """The attributes that say what a style said.

    >>> _attributes("fill: none; stroke-width: 1.5; font: 12px 'DejaVu Sans'")
    ' fill="none" stroke-width="1.5" font-size="12px"'
    """
    pairs = [part.split(":", 1) for part in style.split(";") if ":" in part]
    found = {name.strip(): value.strip() for name, value in pairs}
    if "font" in found:
        size = re.search(r"[\d.]+px", found.pop("font"))
        found["font-size"] = size[0] if size else "12px"
    found.pop("font-family", None)
    return "".join(f' {name}="{escape(value)}"' for name, value in found.items())
