"""How the tasks of a homework behaved in a class: shares, discrimination, difficulty, ability.

Difficulty and ability come from the course's own model of homework 4: whether student j has full
points on task i is Bernoulli with ``logit P = beta_i + zeta_j``, ``zeta_j ~ N(0, psi)``; a fixed
effect a task, a random intercept a student.  In test theory this is the Rasch model.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import pandas as pd
from scipy.special import expit

import hlmtools
from autograder.verdict import Verdict

FEWEST_STUDENTS = 10
FEWEST_TASKS = 2
_NODES = 15
_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Interval:
    """An estimate on the logit scale with its 95 percent interval."""

    estimate: float
    low: float
    high: float

    def probabilities(self) -> Interval:
        """The same as probabilities, for a student of average ability or an average task."""
        return Interval(*(float(expit(each)) for each in (self.estimate, self.low, self.high)))


@dataclass(frozen=True)
class Model:
    """Difficulty by task and ability by submission, where they can be told.

    `easiness` is the logit of being right for the average student; `ability` is relative to that
    student.  `notes` say in sentences what could not be estimated, and why.
    """

    easiness: dict[str, Interval]
    ability: dict[str, Interval]
    spread: float | None  # standard deviation of ability, in logits
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """One task in a class."""

    task: str
    points: float  # possible
    earned: float  # mean share of the points
    right: float  # share of submissions with all points
    discrimination: float | None  # item-rest correlation; None where one of the two is constant
    seconds: float  # median time of its checks
    slip: tuple[str, int] | None  # commonest recognised slip, and how many have it
    wrong: tuple[str, int] | None  # commonest wrong number nobody knows the reason of


def summarise(verdicts: Sequence[Verdict]) -> list[Item]:
    """Every task of a class, in order; unreadable submissions do not count."""
    graded = readable(verdicts)
    shares = points_shares(graded)
    return [
        Item(
            task=task,
            points=max(verdict.tasks().get(task, (0.0, 0.0))[1] for verdict in graded),
            earned=float(shares[task].mean()),
            right=float((shares[task] == 1.0).mean()),
            discrimination=_item_rest(shares, task),
            seconds=median(_seconds(verdict, task) for verdict in graded),
            slip=_commonest(_slips(graded, task), 1),
            wrong=_commonest(_unrecognised(graded, task), 2),
        )
        for task in shares.columns
    ]


def readable(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The submissions that tell something about the tasks."""
    return [each for each in verdicts if each.status not in {"unreadable", "ungraded"}]


def points_shares(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Share of the points, a row a submission and a column a task that has points."""
    shares = {
        verdict.submission: {
            task: earned / possible
            for task, (earned, possible) in verdict.tasks().items()
            if possible > 0
        }
        for verdict in verdicts
    }
    return pd.DataFrame.from_dict(shares, orient="index").fillna(0.0)


def _item_rest(shares: pd.DataFrame, task: str) -> float | None:
    """Correlation of a task with the sum of the others."""
    own, rest = shares[task].to_numpy(), shares.drop(columns=task).sum(axis=1).to_numpy()
    if len(own) < 3 or np.ptp(own) < 1e-12 or np.ptp(rest) < 1e-12:
        return None
    return float(np.corrcoef(own, rest)[0, 1])


def _seconds(verdict: Verdict, task: str) -> float:
    return sum(case.seconds for case in verdict.cases if case.task == task)


def _slips(verdicts: Iterable[Verdict], task: str) -> Counter[str]:
    """Recognised slips, each once a submission."""
    return Counter(
        slip
        for verdict in verdicts
        for slip in {case.slip for case in verdict.cases if case.task == task and case.slip}
    )


def _unrecognised(verdicts: Iterable[Verdict], task: str) -> Counter[str]:
    """Wrong numbers that match no slip, to four digits, each once a submission."""
    return Counter(
        got
        for verdict in verdicts
        for got in {
            _rounded(case.got)
            for case in verdict.cases
            if case.task == task and case.got and not case.passed and not case.slip
        }
    )


def _rounded(got: str) -> str:
    """Numbers to four digits, so that the same mistake counts as the same.

    >>> _rounded("hsb_psi = 2.934966")
    'hsb_psi = 2.935'
    """
    name, _, numbers = got.rpartition(" = ")
    short = re.sub(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", lambda m: f"{float(m[0]):.4g}", numbers)
    return f"{name} = {short}"


def _commonest(counts: Counter[str], fewest: int) -> tuple[str, int] | None:
    """The value with the highest count, the first by name among equals."""
    best = min(counts.items(), key=lambda pair: (-pair[1], pair[0]), default=None)
    return best if best is not None and best[1] >= fewest else None


# ------------------------------------------------------------------------------------ the model


def fit(verdicts: Iterable[Verdict]) -> Model:
    """Fit the model to a class; what the data cannot tell is left out and said."""
    right = points_shares(readable(verdicts)) == 1.0
    notes: list[str] = []
    if len(right) < FEWEST_STUDENTS:
        few = f"{len(right)} submissions could be graded; the model needs {FEWEST_STUDENTS}."
        return Model({}, {}, None, (few,))
    easy = [str(task) for task in right if right[task].all()]
    hard = [str(task) for task in right if not right[task].any()]
    if easy:
        notes.append(f"Everybody is right on {', '.join(easy)}: easier than the data can tell.")
    if hard:
        notes.append(f"Nobody is right on {', '.join(hard)}: harder than the data can tell.")
    told = right.drop(columns=[*easy, *hard])
    if told.shape[1] < FEWEST_TASKS:
        notes.append("Fewer than two tasks separate the students, so no model is fitted.")
        return Model({}, {}, None, tuple(notes))
    return _fitted(told, notes)


def _fitted(right: pd.DataFrame, notes: list[str]) -> Model:
    answers = pd.DataFrame(
        {
            "right": right.to_numpy().ravel().astype(float),
            "task": np.tile([f"t{task}" for task in right.columns], len(right)),
            "student": np.repeat(np.arange(len(right)), right.shape[1]),
        }
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they warn of is said below, in words
            found = hlmtools.glmer("right ~ 0 + task + (1 | student)", answers, n_agq=_NODES)
    except (ValueError, np.linalg.LinAlgError) as error:
        return Model({}, {}, None, (*notes, f"The model could not be fitted: {error}"))
    if not found.converged:
        return Model({}, {}, None, (*notes, "The search for the estimates did not converge."))
    spread = float(np.sqrt(np.ravel(found.cov_re["student"])[0]))
    if found.singular:
        notes.append("Students differ no more than chance would make them: all abilities are 0.")
    names = {str(task): f"task[t{task}]" for task in right.columns}
    easiness = {
        task: _interval(found.params[name], found.bse[name]) for task, name in names.items()
    }
    modes = found.random_effects["student"]["Intercept"]
    errors = np.sqrt(found.random_effects_cov["student"].xs("Intercept", level=1)["Intercept"])
    ability = {
        str(name): _interval(modes.loc[i], errors.loc[i]) for i, name in enumerate(right.index)
    }
    return Model(easiness, ability, spread, tuple(notes))


def _interval(estimate: float, error: float) -> Interval:
    half = _NORMAL_95 * error
    return Interval(float(estimate), float(estimate - half), float(estimate + half))
