"""Reference numbers of the homeworks, and how near an answer has to come to them.

``hwN.R`` fits the models in R and gives the "fits" of ``hwN.json``; the "quantities" beside them
are assembled from the fits and from ``solutions/hwN_*/slips.py``.
Grading reads the JSON and needs no R.  Rebuild with ``python -m autograder.references``.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Tolerance:
    """One class of tolerances.toml: how near is near enough, and why."""

    name: str
    reason: str
    relative: float = 0.0
    absolute: float = 0.0

    def width(self, value: float) -> float:
        """Absolute half-width at a value: max(relative |value|, absolute).

        Examples
        --------
        >>> Tolerance("percent", "an example", relative=0.01, absolute=0.5).width(-200.0)
        2.0
        """
        return max(self.relative * abs(value), self.absolute)


@cache
def load(name: str) -> dict[str, Any]:
    """The content of ``NAME.json``: provenance, fits and, for a homework, quantities.

    Raises
    ------
    FileNotFoundError
        Where there is no such file; the message names those there are.
    """
    path = HERE / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in HERE.glob("*.json"))) or "none yet"
        raise FileNotFoundError(f"There are no references {name!r}; there are: {known}.")
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def tolerances() -> dict[str, Tolerance]:
    """All classes of tolerances.toml by name.

    Examples
    --------
    >>> tolerances()["deviance"].width(47116.8)
    0.0001
    """
    table = tomllib.loads((HERE / "tolerances.toml").read_text(encoding="utf-8"))
    return {name: Tolerance(name, **entry) for name, entry in table.items()}


def number(reference: dict[str, Any], source: str) -> float:
    """One number of the fits by its address "fit.number".

    Examples
    --------
    >>> number({"fits": {"null": {"numbers": {"psi": 8.5}}}}, "null.psi")
    8.5
    """
    fit, _, name = source.partition(".")
    try:
        return float(reference["fits"][fit]["numbers"][name])
    except KeyError:
        raise KeyError(f"the fits hold no number {source!r}; mend it or the R script") from None
