"""What a run found, kept aside until it counts: a folder of grades is always in one state.

``next/`` in the folder of a run holds results, executed notebooks, modules and the intake of a run
that goes over an earlier one.  They do not count before ``next/gradebook.json`` stands there,
which is written once a regrade was accepted.  Then each file takes the place of the old one; who
is stopped in between goes on with that, and nothing else is done first.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from autograder.course import CourseError

STATE = "gradebook.json"
FOLDER = "next"
_FILES = {"results": ".json", "executed": ".ipynb", "modules": ".py"}
_MADE = {"feedback": (".html", ".pdf")}  # from these, for each submission


def begin(out: Path) -> Path:
    """Where a new run writes: the folder itself, or beside what counts there, where that is."""
    if not (out / STATE).exists():
        return out
    clear(out)
    return out / FOLDER


def accepted(out: Path) -> bool:
    """Whether something was accepted that does not stand in its place yet."""
    return (out / FOLDER / STATE).exists()


def refuse_unfinished(out: Path) -> None:
    """Say so where a run was stopped between two states.

    Raises
    ------
    CourseError
        With what to do.
    """
    if accepted(out):
        raise CourseError(
            f"The last hlm grade in {out} was stopped while it put accepted results in their "
            "place. Run the same command again, then this one."
        )


def move_in(out: Path, submissions: Collection[str]) -> None:
    """Put what was found in its place, and remove what belongs to no submission any more."""
    for folder, ending in _FILES.items():
        for path in sorted((out / FOLDER / folder).glob(f"*{ending}")):
            (out / folder).mkdir(exist_ok=True)
            os.replace(path, out / folder / path.name)
        _remove_strays(out / folder, ending, submissions)
    for folder, endings in _MADE.items():
        for ending in endings:
            _remove_strays(out / folder, ending, submissions)
    for path in (out / FOLDER).glob("intake.json"):
        os.replace(path, out / path.name)


def _remove_strays(folder: Path, ending: str, submissions: Collection[str]) -> None:
    for path in folder.glob(f"*{ending}"):
        if path.name.removesuffix(ending) not in submissions:
            path.unlink()


def clear(out: Path) -> None:
    """Forget what was kept aside."""
    shutil.rmtree(out / FOLDER, ignore_errors=True)
