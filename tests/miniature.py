"""A course of two tiny homeworks in a folder of its own, to build, break and release in tests."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

COURSE = """\
title = "A miniature course"
timezone = "America/Chicago"

[late]
percent_per_day = 10
grace_minutes = 30
maximum_days = 5

[limits]
cell_seconds = 10
ask_seconds = 5
test_seconds = 10
tests_seconds = 60
notebook_seconds = 60
memory_mb = 1024
processes = 32
disk_mb = 64
output_kb = 64

[[assignments]]
id = "hw1"
title = "Doubling"
folder = "hw1_doubling"
module = "doubling"
released = 2027-01-11T09:00:00
due = 2027-01-22T23:59:00
data = ["tiny"]
published = ["1764.05"]

[[assignments]]
id = "hw2"
title = "Tripling"
folder = "hw2_tripling"
module = "tripling"
released = 2027-02-01T09:00:00
due = 2027-02-12T23:59:00

[[weeks]]
begins = 2027-01-11
homework = "hw1"
topic = "One"
notes = ["1.1"]
chapters = "Euclid, book 5"
tasks = ["1.1"]

[[weeks]]
begins = 2027-01-18
homework = "hw1"
topic = "Many"
notes = ["1.2"]
chapters = "Euclid, book 7"
tasks = ["1.2"]

[[weeks]]
begins = 2027-02-08
homework = "hw2"
topic = "Three"
notes = ["2.1", "2.2"]
chapters = "Euclid, book 9"
tasks = ["2.1", "2.2"]
"""

MODULE = '''\
"""Homework {number}: {verb} numbers."""

from __future__ import annotations

import math


def {name}(x: float) -> float:
    """Give {factor} times a number.

    >>> {name}(1.0)
    {factor}.0
    """
    # BEGIN SOLUTION {number}.1
    if not math.isfinite(x):
        raise ValueError(f"x is {{x}}; give a finite number.")
    return {factor} * x
    # END SOLUTION


def {name}_all(xs: list[float]) -> list[float]:
    """Give {factor} times each number."""
    # BEGIN SOLUTION {number}.2a
    return [{name}(x) for x in xs]
    # END SOLUTION
'''

MASTER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Homework {number}. {verb}
# How much is {factor} times a number?

# %%
import math

from otter.test_files import test_case  # IGNORE

from hlmtools.{module} import {name}, {name}_all

# %% [markdown]
# ## {number}.1 One number
# A sentence.

# %% [raw]
# # BEGIN QUESTION
# name: task{number}_1

# %% [markdown]
# Write `{name}`, then use it.

# %%
answer = {name}(21.5)  # SOLUTION {number}.1

# %%
# BEGIN SOLUTION {number}.1
first_step = {name}(3.25)
second_step = math.sqrt(first_step)
# END SOLUTION

# %%
print("given code")

# %% [raw]
# # BEGIN TESTS


# %%
@test_case()
def form_of_{name}({name}):
    from hlmtools import check

    check.by_hand({name}(1.0), {factor}.0, "{name}(1)", "1 times {factor}")


# %%
@test_case(points=2, hidden=True)
def {name}_of_other_numbers({name}, answer):
    from autograder import expect

    secret_seed_number = 20270117
    expect.close({name}(secret_seed_number), {factor} * 20270117, name="{name} of a number")


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [markdown]
# ## {number}.2 Many numbers, and in words

# %% [raw]
# # BEGIN QUESTION
# name: task{number}_2

# %% [markdown]
# Write `{name}_all`.

# %% [raw]
# # BEGIN TESTS


# %%
@test_case(success_message='It says "list".')
def form_of_{name}_all({name}_all):
    assert {name}_all([]) == []


# %%
@test_case(points=1.5, hidden=True)
def {name}_of_two({name}_all):
    assert {name}_all([1.0, 2.0]) == [{factor}.0, 2 * {factor}.0]


# %% [raw]
# # END TESTS

# %% [raw]
# # END QUESTION

# %% [raw]
# # BEGIN QUESTION
# name: task{number}_2b
# manual: true
# points: 4

# %% [markdown]
# Explain it.

# %% [raw]
# # BEGIN SOLUTION

# %% [markdown]
# The model answer of the staff.

# %% [raw]
# # END SOLUTION

# %% [raw]
# # END QUESTION
"""

HANDOUT = """\
# Homework {number}

## Points
<!-- BEGIN GENERATED TASKS -->
<!-- END GENERATED TASKS -->

Task {number}.1 comes first.
"""

NOTES = """\
---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# Notes

Published: 43.0.

## {number}.1 One

```{{code-cell}} ipython3
1 + 1
```

## {number}.2 Many
"""

TINY = b"x\n1.5\n2.25\n"


def make(root: Path) -> Path:
    """Write the miniature course to a folder and return it."""
    _text(root / "course.toml", COURSE)
    for name in ("otter.yml", "frame.py"):
        _text(root / "solutions" / name, (REPOSITORY / "solutions" / name).read_text())
    _text(root / "hlmtools" / "__init__.py", '"""A package."""\n')
    _text(root / "hlmtools" / "given.py", '"""Given code."""\n\nGIVEN = 1\n')
    _text(root / "autograder" / "__init__.py", "")
    _text(root / "requirements.txt", "numpy==2.2.0\n")
    _text(root / "requirements-student.txt", "numpy==2.2.0\n")
    marks = "<!-- BEGIN GENERATED SCHEDULE -->\n<!-- END GENERATED SCHEDULE -->\n"
    _text(root / "assignments" / "README.md", f"# Assignments\n\n{marks}")
    _data(root / "data")
    for number, module, name, verb, factor in (
        (1, "doubling", "double", "Doubling", 2),
        (2, "tripling", "triple", "Tripling", 3),
    ):
        words = {"number": number, "module": module, "name": name, "verb": verb, "factor": factor}
        _homework(root, words)
    return root


def replace(path: Path, old: str, new: str) -> None:
    """Change a file of the course; what is replaced must be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def _homework(root: Path, words: dict) -> None:
    hw = f"hw{words['number']}"
    folder = f"{hw}_{words['module']}"
    _text(root / "solutions" / "hlmtools" / f"{words['module']}.py", MODULE.format(**words))
    _text(root / "solutions" / folder / f"{hw}.py", MASTER.format(**words))
    _text(root / "solutions" / folder / "rubric.md", f"# Rubric of {hw}\n")
    _text(root / "assignments" / folder / "README.md", HANDOUT.format(**words))
    _text(root / "assignments" / folder / "notes.md", NOTES.format(**words))
    quantity = {
        "task": f"{words['number']}.1",
        "value": 1764.0512345 if words["number"] == 1 else 43.1234567,
        "from": "fit.number",
        "tolerance": "closed_form",
        "also_right": [{"value": 0.0244409, "why": "another formula"}],
        "slips": [{"name": "undone", "value": 21.5, "says": "You did nothing.", "see": "notes 1"}],
    }
    table = {"provenance": {}, "fits": {}, "quantities": {f"{hw}_answer": quantity}}
    path = root / "autograder" / "references" / f"{hw}.json"
    _text(path, json.dumps(table))


def _data(folder: Path) -> None:
    digest = hashlib.sha256(TINY).hexdigest()
    _text(folder / "registry.toml", f'[tiny]\nfile = "tiny.csv"\nsha256 = "{digest}"\n')
    _text(folder / "tiny.md", "# tiny\n")
    (folder / "tiny.csv").write_bytes(TINY)


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def copy(source: Path, target: Path) -> Path:
    """A copy of a course that a test may break."""
    return Path(shutil.copytree(source, target))
