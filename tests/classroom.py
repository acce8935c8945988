"""A class that nobody taught: verdicts from abilities and difficulties, with all that occurs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from autograder.verdict import CaseResult, Verdict, WrittenAnswer

TASKS = {f"1.{k + 1}": 2.4 - 0.55 * k for k in range(8)}  # logits of the average student
TITLES = ["Clusters", "By hand", "The deviance", "Fit", "Reading", "Shrinkage", "Test", "Range"]
NASTY = "<script>alert('x')</script> =HYPERLINK(1) $\\psi^2$ \u202egnp.exe"


def verdicts(students: int = 60, seed: int = 3) -> list[Verdict]:
    """A class of so many; the first few have what a TA has to look at."""
    random = np.random.default_rng(seed)
    found = [_student(i, random) for i in range(students)]
    odd = [_nasty, _slow, _mended, _unreadable, _near]
    return [change(each) for change, each in zip(odd, found, strict=False)] + found[len(odd) :]


def store(out: Path, found: list[Verdict]) -> Path:
    """Write what `hlm grade` leaves of a class."""
    for verdict in found:
        files = {
            f"results/{verdict.submission}.json": verdict.to_stored(),
            f"executed/{verdict.submission}.ipynb": verdict.executed,
        }
        for name, data in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(json.dumps(data), encoding="utf-8")
    return out


def _student(number: int, random: np.random.Generator) -> Verdict:
    ability = random.normal(0.0, 1.2)
    cases = [case for task in TASKS for case in _cases(task, ability, random)]
    text = f"School 8367 lies {random.normal(6, 1):.1f} points below the mean."
    return Verdict(
        submission=f"student-{number:02}",
        source=f"student-{number:02}.zip",
        student_id=str(1000 + number),
        name=f"Student {number:02}",
        homework="hw1",
        status="ok",
        cases=tuple(cases),
        written=(WrittenAnswer("task1_9a", "1.9", 4.0, text),),
        executed=_notebook(),
        sandbox="bwrap",
        seconds=float(random.gamma(4.0, 2.0)),
    )


def _cases(task: str, ability: float, random: np.random.Generator) -> list[CaseResult]:
    right = random.random() < 1.0 / (1.0 + np.exp(-(ability + TASKS[task])))
    base = CaseResult(task, f"task{task.replace('.', '_')}", "form", 0.0, True, False, "")
    hidden = replace(base, name="other data", points=4.0, hidden=True, seconds=random.random())
    if right:
        return [base, replace(hidden, passed=True)]
    wrong = replace(hidden, passed=False, message="It is not right.")
    if random.random() < 0.5:
        says = "You report a standard deviation. (See notes 1.3.)"
        return [base, replace(wrong, slip="sd_for_variance", message=says, see="notes 1.3")]
    got = random.choice(
        ["hsb_psi = 6.2173", "hsb_psi = 39.148", f"hsb_psi = {random.random():.5f}"]
    )
    return [base, replace(wrong, got=str(got))]


def _notebook() -> dict:
    cells = [
        {"cell_type": "markdown", "id": f"c{i}", "source": f"## 1.{i + 1} {title}"}
        for i, title in enumerate(TITLES)
    ]
    return {"cells": cells}


def _nasty(verdict: Verdict) -> Verdict:
    alerts = ("brought 'tests/task1_1.py', not used", f"task1_4: printed while answering: {NASTY}")
    return replace(verdict, name=NASTY, alerts=alerts)


def _slow(verdict: Verdict) -> Verdict:
    alert = "cell 31: it ran longer than 60 s"
    return replace(verdict, status="partial", alerts=(alert, "task1_7: it took longer than 20 s"))


def _mended(verdict: Verdict) -> Verdict:
    return replace(verdict, status="repaired", repairs=("The notebook was called Untitled.ipynb.",))


def _unreadable(verdict: Verdict) -> Verdict:
    lost = [replace(case, passed=False, message="Nothing could be run.") for case in verdict.cases]
    alerts = ("The archive is cut off in the middle.",)
    return replace(
        verdict, status="unreadable", cases=tuple(lost), written=(), alerts=alerts, executed={}
    )


def _near(verdict: Verdict) -> Verdict:
    case = replace(verdict.cases[7], passed=False, got="hsb_psi = 8.6151", near=True, slip=None)
    return replace(verdict, cases=(*verdict.cases[:7], case, *verdict.cases[8:]))
