"""Grades a class: many submissions in parallel, resumable, each result written once it is known.

Under the folder of a run stand ``results/``, ``executed/``, ``feedback/`` (one file a submission),
``grades.csv``, ``run.json`` and ``cache/``.  A cache entry holds all that is known of one
submission; its name is a hash of everything the verdict depends on.  It is written first and
atomically, and the other files are made from it, so that a run which is killed goes on where it
stopped and grades nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from autograder import assignment, course, feedback, given, gradebook, intake, judge
from autograder.course import CourseError
from autograder.sandbox import check as check_sandbox
from autograder.submissions import Submission
from autograder.verdict import Verdict
from autograder.writing import write_text

Progress = Callable[[int, int, Verdict], None]
"""Called with the number done, the number in all, and the latest verdict."""


@dataclass(frozen=True)
class Run:
    """One grading of a class: what is graded, how, and where the results go."""

    homework: course.Homework
    out: Path
    sandbox: str
    strength: str
    limits: course.Limits
    jobs: int


def grade(
    hw: str,
    path: Path,
    out: Path,
    *,
    jobs: int = 2,
    sandbox: str = "bwrap",
    fresh: bool = False,
    limits: course.Limits | None = None,
    progress: Progress | None = None,
    taken: intake.Intake | None = None,
    accept: gradebook.Ask | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Verdict]:
    """Grade a file or a folder of submissions.

    Parameters
    ----------
    hw
        Homework id.
    path
        A notebook, an otter export zip, a folder of either, or a platform's class archive.
    out
        Folder of the run; an earlier run there is gone on with.
    jobs
        Number of processes.
    sandbox
        ``bwrap``, ``user`` or ``none``.
    fresh
        Grade everything again, whatever the cache holds.
    limits
        Bounds; those of course.toml by default.
    progress
        Told of each result.
    taken
        The submissions under `path` with their people and times, where they were taken in already.
    accept
        Asked before a regrade changes the gradebook; nothing is changed where it is None.
    say
        Told of what a TA should look at.

    Returns
    -------
    list of Verdict
        In the order of the submissions' ids.

    Raises
    ------
    CourseError
        Where there is no such homework, nothing to grade, no sandbox, or a regrade that is not
        accepted.
    """
    started = time.monotonic()
    run = Run(
        homework=course.homework(hw),
        out=out,
        sandbox=sandbox,
        strength=check_sandbox(sandbox),
        limits=limits or course.load().limits,
        jobs=jobs,
    )
    _refuse_other_homework(run)
    taken = taken or intake.take_in(run.homework, path, given.load(out, run.homework))
    taken.write(out)
    found = list(taken.submissions)
    keys = {each.id: _key(run, each) for each in found}
    verdicts: dict[str, Verdict] = {}
    for verdict in chain(
        () if fresh else _known(run, keys), _graded(run, found, keys, known=verdicts)
    ):
        verdicts[verdict.submission] = verdict
        _write(run, verdict)
        if progress is not None:
            progress(len(verdicts), len(found), verdict)
    ordered = [verdicts[name] for name in sorted(verdicts)]
    for line in gradebook.enter(out, run.homework, found, ordered, accept):
        say(line)
    _write_summary(run, ordered, time.monotonic() - started)
    _write_modules(run, found)
    _write_report(out)
    return ordered


def _refuse_other_homework(run: Run) -> None:
    summary = run.out / "run.json"
    if summary.exists():
        other = json.loads(summary.read_text(encoding="utf-8"))["homework"]
        if other != run.homework.id:
            raise CourseError(f"{run.out} holds results of {other}. Give another folder as --out.")


# ------------------------------------------------------------------------------ what is known


def _key(run: Run, submission: Submission) -> str:
    """Hash of everything that the verdict on a submission depends on."""
    parts = {
        "submission": asdict(submission),
        "judge": assignment.digest(run.homework.id),
        "versions": assignment.versions(),
        "strength": run.strength,
        "limits": asdict(run.limits),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=repr).encode()).hexdigest()


def _known(run: Run, keys: dict[str, str]) -> Iterator[Verdict]:
    """Verdicts of an earlier run that still hold."""
    for key in keys.values():
        entry = run.out / "cache" / f"{key}.json"
        if entry.exists():
            record = json.loads(entry.read_text(encoding="utf-8"))
            yield Verdict.from_results(record["results"], record["executed"])


def _remember(run: Run, key: str, verdict: Verdict) -> None:
    record = {"results": verdict.to_stored(), "executed": verdict.executed}
    _write_json(run.out / "cache" / f"{key}.json", record)


# -------------------------------------------------------------------------------- what is new


def _graded(
    run: Run, found: list[Submission], keys: dict[str, str], known: dict[str, Verdict]
) -> Iterator[Verdict]:
    """Verdicts on the submissions not known yet, each remembered as soon as it is there."""
    work = [each for each in found if each.id not in known]
    lost: list[Submission] = []
    for verdict in _in_parallel(run, work, lost):
        _remember(run, keys[verdict.submission], verdict)
        yield verdict
    for submission in lost:
        yield _alone(run, submission, keys)


def _in_parallel(run: Run, work: list[Submission], lost: list[Submission]) -> Iterator[Verdict]:
    """Grade in processes; what one of them could not finish is put into `lost`."""
    with _pool(min(run.jobs, len(work)) or 1) as pool:
        futures = {pool.submit(_grade_one, run, each): each for each in work}
        for future in as_completed(futures):
            try:
                yield future.result()
            except Exception:
                lost.append(futures[future])


def _alone(run: Run, submission: Submission, keys: dict[str, str]) -> Verdict:
    """Grade one that was lost once more, in a process of its own.

    A second failure is the grader's, not the student's: it is said, and not remembered, so that
    the next run tries again.
    """
    with _pool(1) as pool:
        try:
            verdict = pool.submit(_grade_one, run, submission).result()
        except Exception as error:
            problem = f"the grader itself failed on it ({type(error).__name__}); run it again"
            return _grade_one(run, replace(submission, problem=problem))
    _remember(run, keys[submission.id], verdict)
    return verdict


def _pool(jobs: int) -> Executor:
    return ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn"))


def _grade_one(run: Run, submission: Submission) -> Verdict:
    return judge.grade_submission(run.homework.id, submission, run.sandbox, run.limits)


# ---------------------------------------------------------------------------- what is written


def _write(run: Run, verdict: Verdict) -> None:
    """Results, executed notebook and feedback page of one submission, where they changed."""
    name = verdict.submission
    _write_json(run.out / "executed" / f"{name}.ipynb", verdict.executed)
    write_text(run.out / "feedback" / f"{name}.html", feedback.page(verdict, run.homework))
    _write_json(run.out / "results" / f"{name}.json", verdict.to_stored())


def _write_summary(run: Run, verdicts: list[Verdict], seconds: float) -> None:
    summary = {
        "homework": run.homework.id,
        "submissions": len(verdicts),
        "sandbox": run.strength,
        "jobs": run.jobs,
        "limits": asdict(run.limits),
        "versions": assignment.versions(),
        "seconds": round(seconds, 3),
        "seconds_by_submission": {each.submission: each.seconds for each in verdicts},
    }
    _write_json(run.out / "run.json", summary)


def _write_modules(run: Run, found: list[Submission]) -> None:
    """The student modules as they were handed in, for whoever looks at similar work."""
    for submission in found:
        path = run.out / "modules" / f"{submission.id}.py"
        if submission.module is None:
            path.unlink(missing_ok=True)
        else:
            write_text(path, submission.module.decode("utf-8", errors="replace"))


def _write_report(out: Path) -> None:
    from autograder import report  # imported late: processes that only grade draw no pictures

    report.write(out)


def _write_json(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n")
