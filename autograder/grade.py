"""Grades a class: many submissions in parallel, resumable, each result written once it is known.

Under the folder of a run stand ``results/``, ``executed/``, ``feedback/`` (one file a submission),
``grades.csv``, ``run.json`` and ``cache/``.  A cache entry holds all that is known of one piece of
work (`cache`).  It is written first and atomically, and the other files are made from it, so that
a run which is killed goes on where it stopped and grades nothing twice.
Where the work is done, on this machine or on a cluster, is the business of `workers`.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from autograder import (
    aside,
    assignment,
    cache,
    course,
    feedback,
    given,
    gradebook,
    intake,
    judge,
    workers,
)
from autograder.course import CourseError
from autograder.sandbox import check as check_sandbox
from autograder.submissions import Submission
from autograder.verdict import Verdict
from autograder.workers import Workers
from autograder.writing import write_json, write_text

Progress = Callable[[int, int, Verdict], None]
"""Called with the number done, the number in all, and the latest verdict."""


@dataclass(frozen=True)
class Task:
    """How each submission of a run is graded: what is sent to other processes and machines."""

    homework: course.Homework
    source: str | Path  # homework id, or the archive of a foreign assignment
    sandbox: str
    strength: str
    limits: course.Limits
    digest: str
    """of all that the course brings to a verdict"""


Grader = Callable[[Task, Submission], Verdict]


class Stopped(CourseError):
    """The run was interrupted; the text says what is kept and how to go on."""


def grade(
    hw: str | Path,
    path: Path,
    out: Path,
    *,
    jobs: int = 2,
    sandbox: str = "bwrap",
    scheduler: str | None = None,
    fresh: bool = False,
    limits: course.Limits | None = None,
    progress: Progress | None = None,
    taken: intake.Intake | None = None,
    accept: gradebook.Ask | None = None,
    say: Callable[[str], None] = lambda line: None,
    begin: Callable[[str], None] = lambda line: None,
    grader: Grader | None = None,
) -> list[Verdict]:
    """Grade a file or a folder of submissions.

    Parameters
    ----------
    hw
        Homework id, or the path of an autograder archive that `otter assign` made.
    path
        A notebook, an otter export zip, a folder of either, or a platform's class archive.
    out
        Folder of the run; an earlier run there is gone on with.
    jobs
        Number of processes on this machine.
    sandbox
        ``bwrap``, ``user`` or ``none``.
    scheduler
        Address of a `dask.distributed` scheduler whose workers grade in place of this machine.
    fresh
        Grade everything again, whatever the cache holds.
    limits
        Bounds; those of course.toml by default.
    progress
        Told of each result, known ones included.
    taken
        The submissions under `path` with their people and times, where they were taken in already.
    accept
        Asked before a regrade changes the gradebook; nothing is changed where it is None.
    say
        Told of what a TA should look at.
    begin
        Told in a line what is known from an earlier run.
    grader
        Grades one submission, in another process; `grade_one` by default.

    Returns
    -------
    list of Verdict
        In the order of the submissions' ids.

    Raises
    ------
    Stopped
        Where it was interrupted.
    CourseError
        Where there is no such homework, nothing to grade, no sandbox, no scheduler, no space, or
        a regrade that is not accepted.
    """
    started = time.monotonic()
    task = _task(hw, sandbox, limits)
    _refuse_other_homework(out, task.homework)
    _refuse_inside(out, path)
    taken = taken or intake.take_in(task.homework, path, given.load(out, task.homework))
    verdicts: dict[str, Verdict] = {}
    with _run_folder(out) as scratch:
        gradebook.take_over(out, task.homework)
        taken = intake.into_class(taken, out)
        found = list(taken.submissions)
        place = aside.begin(out)
        taken.write(place, intake.read(out))
        if not task.homework.module:
            write_json(out / course.ELSEWHERE, {"title": task.homework.title})
        try:
            with _workers(task, jobs, scheduler, scratch) as crew:
                run = _Run(task, out, crew, grader or grade_one, fresh, begin)
                for verdict in run.verdicts(found):
                    verdicts[verdict.submission] = verdict
                    _write(place, verdict)
                    if progress is not None:
                        progress(len(verdicts), len(found), verdict)
        except KeyboardInterrupt:
            raise Stopped(_stopped(len(verdicts), len(found), out)) from None
        ordered = [verdicts[name] for name in sorted(verdicts)]
        _write_modules(place, found)
        add = bool(taken.others)
        for line in gradebook.enter(out, task.homework, found, ordered, accept, add=add):
            say(line)
        feedback.write(out, task.homework, ordered)
        summary = _summary(task, jobs, scheduler, ordered, time.monotonic() - started)
        _write_summary(out, summary, taken)
        _write_report(out)
    return ordered


def grade_one(task: Task, submission: Submission) -> Verdict:
    """Grade one submission here, whatever it does."""
    if cache.judge_digest(task.source) != task.digest:
        raise CourseError("The course was changed while it graded. Run it again.")
    return judge.grade_submission(task.source, submission, task.sandbox, task.limits)


def _task(hw: str | Path, sandbox: str, limits: course.Limits | None) -> Task:
    return Task(
        homework=assignment.homework(hw),
        source=hw,
        sandbox=sandbox,
        strength=check_sandbox(sandbox),
        limits=limits or course.load().limits,
        digest=cache.judge_digest(hw),
    )


def _stopped(done: int, total: int, out: Path) -> str:
    kept = f"{done} of {total} submissions are graded and kept in {out}"
    return f"Stopped. {kept}; run the same command again to go on with the others."


# ------------------------------------------------------------------------- the folder of a run


@contextmanager
def _run_folder(out: Path) -> Iterator[Path]:
    """The folder of a run for one run at a time; gives a place for temporary files.

    What a killed run left behind is removed when the next one begins.
    """
    (out / "cache").mkdir(parents=True, exist_ok=True)
    with (out / "cache" / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourseError(f"Another run is at work in {out}. Wait until it is done.") from None
        lock.seek(0)
        _remove_scratch(Path(lock.read()))
        _remove_unfinished(out)
        scratch = Path(tempfile.mkdtemp(prefix="hlm-"))
        scratch.chmod(0o711)  # kernels that are users of their own pass through it
        try:
            lock.truncate(0)
            lock.write(str(scratch))
            lock.flush()
            yield scratch
        finally:
            _remove_scratch(scratch)
            lock.truncate(0)


def _remove_scratch(folder: Path) -> None:
    """Remove a run's temporary files, and nothing else whatever the lock file says."""
    ours = folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith("hlm-")
    if ours and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def _remove_unfinished(out: Path) -> None:
    for path in (*out.glob(".*.tmp"), *out.glob("*/.*.tmp")):
        path.unlink(missing_ok=True)


def _refuse_other_homework(out: Path, homework: course.Homework) -> None:
    summary = out / "run.json"
    if summary.exists():
        other = json.loads(summary.read_text(encoding="utf-8"))["homework"]
        if other != homework.id:
            raise CourseError(f"{out} holds results of {other}. Give another folder as --out.")


def _refuse_inside(out: Path, path: Path) -> None:
    """Results among the submissions would be taken for submissions by the next run."""
    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
        raise CourseError(f"{out} lies in {path}, among the submissions. Give a folder beside it.")


# ---------------------------------------------------------------------------------- one run


@dataclass(frozen=True)
class _Run:
    task: Task
    out: Path
    crew: Workers
    grader: Grader
    fresh: bool
    say: Callable[[str], None]

    def verdicts(self, found: list[Submission]) -> Iterator[Verdict]:
        """A verdict on every submission, known or new, each piece of work graded once."""
        entries = self.out / "cache"
        keys = {each.id: self._key(each) for each in found}
        there = sum(cache.path(entries, key).exists() for key in keys.values())
        if there and not self.fresh:
            self.say(
                f"{there} of {len(found)} are known from before; --fresh would grade them anew."
            )
        new: defaultdict[str, list[Submission]] = defaultdict(list)
        for each in found:
            verdict = None if self.fresh else cache.known(entries, keys[each.id], each)
            if verdict is None:
                new[keys[each.id]].append(each)
            else:
                yield verdict
        yield from self._graded(new)

    def _key(self, submission: Submission) -> str:
        return cache.key(submission, self.task.digest, self.task.strength, self.task.limits)

    def _graded(self, new: Mapping[str, list[Submission]]) -> Iterator[Verdict]:
        work = {owners[0].id: key for key, owners in new.items()}
        first = [owners[0] for owners in new.values()]
        done = workers.outcomes(self.crew, partial(self.grader, self.task), first)
        with closing(done):
            for outcome in done:
                key = work[outcome.piece.id]
                verdict = outcome.result or self._given_up(outcome.piece, outcome.error)
                if outcome.result is not None:
                    cache.remember(self.out / "cache", key, verdict)
                yield from (cache.owned(verdict, each) for each in new[key])

    def _given_up(self, submission: Submission, error: Exception | None) -> Verdict:
        """A second failure is the grader's, not the student's: it is said, counts for nothing, and
        is not remembered, so that the next run tries again."""
        what = str(error) if isinstance(error, CourseError) else type(error).__name__
        problem = f"the grader itself failed on it ({what}); run it again"
        verdict = grade_one(self.task, replace(submission, problem=problem))
        return replace(verdict, status="ungraded")


@contextmanager
def _workers(task: Task, jobs: int, scheduler: str | None, scratch: Path) -> Iterator[Workers]:
    if scheduler is None:
        yield workers.local(jobs, scratch)
        return
    describe = partial(_description, task.source, task.sandbox)
    with workers.cluster(scheduler, describe) as crew:
        yield crew


def _description(hw: str | Path, sandbox: str) -> dict[str, Any]:
    """What a verdict depends on besides the submission: the same on every machine of a run."""
    packages = cache.packages()
    return {
        "the course": cache.judge_digest(hw)[:12],
        "the sandbox": check_sandbox(sandbox),
        **packages,
    }


# ---------------------------------------------------------------------------- what is written


def _write(out: Path, verdict: Verdict) -> None:
    """Results and executed notebook of one submission; its page waits for the gradebook."""
    name = verdict.submission
    write_json(out / "executed" / f"{name}.ipynb", verdict.executed)
    write_json(out / "results" / f"{name}.json", verdict.to_stored())


def _summary(
    task: Task, jobs: int, scheduler: str | None, verdicts: list[Verdict], seconds: float
) -> dict[str, Any]:
    return {
        "homework": task.homework.id,
        "submissions": len(verdicts),
        "sandbox": task.strength,
        "jobs": jobs if scheduler is None else None,
        "scheduler": scheduler,
        "limits": asdict(task.limits),
        "versions": assignment.versions(),
        "seconds": round(seconds, 3),
        "seconds_by_submission": {each.submission: each.seconds for each in verdicts},
    }


def _write_summary(out: Path, summary: dict[str, Any], taken: intake.Intake) -> None:
    """Write ``run.json``, with what it knew of submissions that were left as they are."""
    path = out / "run.json"
    before = json.loads(path.read_text(encoding="utf-8")) if taken.others and path.exists() else {}
    known = before.get("seconds_by_submission", {})
    kept = {name: known[name] for name in taken.others if name in known}
    seconds = {**kept, **summary["seconds_by_submission"]}
    submissions = len(taken.others) + summary["submissions"]
    write_json(path, {**summary, "submissions": submissions, "seconds_by_submission": seconds})


def _write_modules(out: Path, found: list[Submission]) -> None:
    """The student modules as they were handed in, for whoever looks at similar work; empty where
    none was."""
    for submission in found:
        text = (submission.module or b"").decode("utf-8", errors="replace")
        write_text(out / "modules" / f"{submission.id}.py", text)


def _write_report(out: Path) -> None:
    from autograder import report  # imported late: processes that only grade draw no pictures

    report.write(out)
