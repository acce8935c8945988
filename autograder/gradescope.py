"""Grades the one submission in Gradescope's container, and writes results.json as it goes.

``run_autograder`` of the released archive calls `main`.
The judge runs as root, the student's kernel as another user: in bubblewrap where the container
allows it, else without namespaces; what it was is recorded.
results.json is written before anything runs and again after each test case, so that a container
that is stopped from outside keeps what was graded.
Students see what a test is about and what its message says; whatever is for staff (alerts, wrong
values) goes to the log, which they do not see.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder import course, judge, submissions
from autograder.course import CourseError, Homework, Limits
from autograder.rendering import clean
from autograder.sandbox import SandboxMissing
from autograder.sandbox import check as check_sandbox
from autograder.submissions import Person, Submission
from autograder.verdict import Verdict

PLACE = Path("/autograder")
SECONDS = 600.0  # Gradescope's own limit where an assignment's settings say nothing else
SHARES = {"notebook": 0.55, "tests": 0.3}  # of these seconds; the rest starts and ends things
WRITE_EVERY = 0.5  # seconds between two partial results

STARTED = (
    "The autograder was stopped before it had graded anything, most likely because a cell of the "
    "notebook never ends. Run the notebook from the top, and hand it in again."
)
STOPPED = (
    "Grading was stopped for lack of time. Checks that say they were not reached count as not "
    "passed; look for a cell or a function that takes very long."
)
FAILED = "The autograder failed, not you. Please tell the staff."


@dataclass(frozen=True)
class Upload:
    """What Gradescope says about a submission; every part may be missing."""

    id: str = ""
    submitted: datetime | None = None
    people: tuple[Person, ...] = ()


def main(arguments: list[str]) -> None:
    """``python -m autograder.gradescope hw1 [SECONDS]``."""
    hw = arguments[0]
    seconds = float(arguments[1]) if len(arguments) > 1 else SECONDS
    try:
        run(hw, PLACE, seconds)
    except Exception as error:
        write(PLACE / "results" / "results.json", failure(FAILED))
        text = str(error) if isinstance(error, CourseError) else repr(error)
        print(f"The autograder failed: {clean(text)}")
        if not isinstance(error, CourseError):
            raise


def run(hw: str, place: Path = PLACE, seconds: float = SECONDS) -> Verdict:
    """Grade what lies in ``submission/`` and write ``results/results.json``.

    Parameters
    ----------
    hw
        Id of the homework.
    place
        Folder with ``submission/``, ``results/`` and ``submission_metadata.json``.
    seconds
        Time that Gradescope gives for everything.
    """
    target = place / "results" / "results.json"
    target.parent.mkdir(exist_ok=True)
    write(target, failure(STARTED))
    homework = course.homework(hw)
    kind, strength = strongest_sandbox()
    print(f"sandbox: {strength}", flush=True)  # also where the container is stopped
    upload = read_upload(place / "submission_metadata.json")
    submission = handed_in(place / "submission", homework, upload)
    limits = fitting(course.load().limits, seconds)
    told = _PartialResults(target, upload, strength)
    verdict = judge.grade_submission(hw, submission, kind, limits, told)
    write(target, results(verdict, upload))
    _log(verdict)
    return verdict


def strongest_sandbox() -> tuple[str, str]:
    """Kind and strength in words of the best sandbox that this container allows.

    Raises
    ------
    SandboxMissing
        Where neither bubblewrap nor another user can be had; nothing is then run.
    """
    try:
        return "bwrap", check_sandbox("bwrap")
    except SandboxMissing as problem:
        print(f"No bubblewrap here: {problem}")
    return "user", check_sandbox("user")


def fitting(limits: Limits, seconds: float) -> Limits:
    """Limits under which one submission ends within so many seconds.

    Examples
    --------
    >>> limits = fitting(course.load().limits, 600)
    >>> limits.notebook_seconds + limits.tests_seconds < 600
    True
    """
    notebook, tests = (SHARES[name] * seconds for name in ("notebook", "tests"))
    return replace(
        limits,
        notebook_seconds=min(limits.notebook_seconds, notebook),
        tests_seconds=min(limits.tests_seconds, tests),
        cell_seconds=min(limits.cell_seconds, notebook / 3),
        test_seconds=min(limits.test_seconds, tests / 3),
        ask_seconds=min(limits.ask_seconds, tests / 6),
    )


def handed_in(folder: Path, homework: Homework, upload: Upload) -> Submission:
    """The submission of a folder that belongs to one student, or to one team."""
    found = submissions.one(folder, homework.module, f"{homework.id}.ipynb")
    people = upload.people
    return replace(
        found,
        id=upload.id or found.id,
        student_id=", ".join(each.student_id for each in people),
        name=", ".join(each.name for each in people),
        email=", ".join(each.email for each in people),
        people=people,
        submitted=upload.submitted,
        platform="gradescope",
    )


def read_upload(path: Path) -> Upload:
    """What submission_metadata.json says, as far as it can be understood."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        users = [each for each in given.get("users") or () if isinstance(each, Mapping)]
        return Upload(
            id=f"submission_{given['id']}" if given.get("id") else "",
            submitted=_moment(given.get("created_at")),
            people=tuple(map(_person, users)),
        )
    except (OSError, ValueError, AttributeError) as problem:
        print(f"submission_metadata.json is not used: {type(problem).__name__}")
        return Upload()


def _person(user: Mapping[str, Any]) -> Person:
    text = {key: str(user.get(key) or "") for key in ("id", "name", "email")}
    return Person(text["id"], text["name"], text["email"], (("gradescope", text["id"]),))


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


# -------------------------------------------------------------------------------- results.json


def results(verdict: Verdict, upload: Upload, note: str = "") -> dict[str, Any]:
    """What Gradescope shows of a verdict; nothing in it is for staff only.

    Without a total: Gradescope adds up the tests, and shows no sum before the hidden ones are
    published.
    """
    whole = verdict.to_results()
    shown = {key: whole[key] for key in whole if key not in {"score", "tests", "extra_data"}}
    output = [note, whole["output"], _by_hand(verdict)]
    return shown | {
        "output": "\n".join(line for line in output if line),
        "tests": [_shown(entry) for entry in whole["tests"]],
        "extra_data": {
            "submission": verdict.submission,
            "student_id": verdict.student_id,
            "homework": verdict.homework,
            "status": verdict.status,
            "sandbox": verdict.sandbox,
            "submitted": upload.submitted.isoformat() if upload.submitted else None,
            "versions": verdict.versions,
            "seconds": whole["extra_data"]["seconds"],
        },
    }


def _shown(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A test case without what only staff may see: the student's wrong values."""
    kept = {key: entry["extra_data"][key] for key in ("task", "question", "case")}
    return dict(entry) | {"extra_data": kept}


def _by_hand(verdict: Verdict) -> str:
    points = sum(answer.points for answer in verdict.written)
    return f"Written answers ({points:g} points) are read by a person." if points else ""


def failure(sentence: str) -> dict[str, Any]:
    """Results without any test: no points, and why."""
    return {
        "score": 0,
        "output": sentence,
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [],
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write results whole or not at all, readable by Gradescope only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".json")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, sort_keys=True)
    os.replace(name, path)


class _PartialResults:
    """Writes what is known so far, at most twice a second."""

    def __init__(self, path: Path, upload: Upload, strength: str) -> None:
        self._path, self._upload, self._strength = path, upload, strength
        self._started = self._next = time.monotonic()

    def __call__(self, verdict: Verdict) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + WRITE_EVERY
        known = replace(
            verdict, status="partial", sandbox=self._strength, seconds=now - self._started
        )
        write(self._path, results(known, self._upload, STOPPED))


def _log(verdict: Verdict) -> None:
    """For staff, in the part of Gradescope's page that students do not see."""
    print(f"{verdict.submission}: {verdict.status}, {verdict.score:g} of {verdict.max_score:g}")
    print(f"{verdict.seconds:.1f} s")
    for alert in verdict.alerts:
        print(f"alert: {clean(alert)}")
    for case in verdict.cases:
        if case.got:
            print(f"{case.question}, {case.name}: {clean(case.got)}")


if __name__ == "__main__":
    main(sys.argv[1:])
