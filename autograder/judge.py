"""Grades one submission: runs its notebook in the sandbox, and its tests here.

The way of a submission:

1. `assignment.load` reads what the judge holds of a homework: tests, written questions, functions.
2. `Session` lays out a workspace (given package, data, the student's module), starts a kernel,
   and runs the notebook cell by cell.
3. When the notebook reaches a task's check cell, what the task's tests take is fetched.
4. When the notebook's outputs are collected, the tests run here, as otter's own test files, on
   what was fetched and in a kernel in which no cell has run: nothing that learns a hidden test's
   inputs can show them on the student's page, and what a cell spoiled answers nothing. (Those of
   a foreign assignment run at their check cell, in its kernel, as otter runs them.)
5. A cell or a function that hangs or ends its kernel costs what depends on it: the kernel is
   replaced, the earlier cells run again without the culprit, and the rest is graded.
6. A refusal of bad input counts where the function answered some call of a hidden case.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import course, expect, repair
from autograder.assignment import ANSWER_PROMPT, Assignment, load, versions
from autograder.remote import Environment, Kernel, KernelLost, RemoteError, TimeOver
from autograder.sandbox import Workspace, end_user, kernel_spec, new_folder
from autograder.sandbox import check as check_sandbox
from autograder.submissions import Submission
from autograder.testfile import (
    ABSENT,
    Absent,
    Conduct,
    GuardedEnvironment,
    JudgeTestFile,
    bounded,
    fetch,
    label,
)
from autograder.verdict import CaseResult, Status, Verdict, WrittenAnswer

MAX_NEW_KERNELS = 6
MAX_WRITTEN = 20_000
NOT_REACHED = "This check was not reached in the time that there is."

Told = Callable[[Verdict], None]


def grade_submission(
    hw: str | Path,
    submission: Submission,
    sandbox: str,
    limits: course.Limits | None = None,
    told: Told | None = None,
) -> Verdict:
    """Grade one submission.

    Parameters
    ----------
    hw
        Homework id, such as ``"hw1"``, or the path of an archive that `otter assign` made.
    submission
        What `submissions.find` made of a file.
    sandbox
        ``bwrap``, ``user`` or ``none``.
    limits
        Bounds; those of course.toml by default.
    told
        Is given what is known so far after each test case.

    Returns
    -------
    Verdict
        Always one, whatever the submission does.
    """
    started = time.monotonic()
    assignment = load(hw)
    check_sandbox(sandbox)
    if submission.problem is None:
        try:
            with Session(assignment, submission, sandbox, limits, told) as session:
                session.run_notebook()
                verdict = session.verdict()
        except repair.Unreadable as problem:
            verdict = _unreadable(assignment, submission, f"The notebook {problem}.")
    else:
        verdict = _unreadable(assignment, submission, submission.problem)
    seconds = round(time.monotonic() - started, 3)
    return replace(verdict, sandbox=check_sandbox(sandbox), seconds=seconds, versions=versions())


@contextmanager
def open_session(
    hw: str | Path, submission: Submission, sandbox: str, limits: course.Limits | None = None
) -> Iterator[Session]:
    """A session that stays open, to run single tasks again (`verify` plants slips this way)."""
    with Session(load(hw), submission, sandbox, limits) as session:
        yield session


class Session:
    """One submission being graded.

    Parameters
    ----------
    assignment
        What the judge holds of the homework.
    submission
        The student's notebook and module.
    sandbox
        Kind of sandbox.
    limits
        Bounds; those of course.toml by default.
    told
        Is given what is known so far after each test case.

    Examples
    --------
    A session is a context; leaving it ends every process of the submission::

        with Session(load("hw1"), submission, "bwrap") as session:
            session.run_notebook()
            verdict = session.verdict()
    """

    def __init__(
        self,
        assignment: Assignment,
        submission: Submission,
        sandbox: str,
        limits: course.Limits | None = None,
        told: Told | None = None,
    ) -> None:
        self.assignment, self.submission = assignment, submission
        self._told = told
        self.limits = limits or course.load().limits
        self.sandbox = sandbox
        self._mended = repair.mend(
            submission.notebook or b"",
            assignment.given,
            list(assignment.tests),
            has_module=submission.module is not None,
        )
        self.notebook = self._mended.notebook
        if reason := assignment.refusal(self.notebook):
            raise repair.Unreadable(reason)
        self.cases: dict[tuple[str, int], CaseResult] = {}
        self.repairs: list[str] = [*submission.repairs, *self._mended.lines]
        self.alerts: list[str] = [f"brought {name!r}, not used" for name in submission.extra[:20]]
        self.partial = False
        self._executed: dict[str, Any] = {}
        self._skipped = {
            i for i, cell in enumerate(self.notebook.cells) if assignment.ignores(cell)
        }
        self._conduct = Conduct()
        self._recognised: set[str] = set()
        self._refused: dict[tuple[str, int], frozenset[str]] = {}
        self._files = {name: assignment.test_file(name) for name in assignment.tests}
        self._checks = self._mended.checks
        self._taken: dict[str, dict[str, Any]] = {}
        self._kernels = 0
        self._answered = -1
        self._over = self._aside = False
        self._ends = time.monotonic() + self.limits.notebook_seconds
        self._tests_left = float(self.limits.tests_seconds)

    def __enter__(self) -> Session:
        self._folder = new_folder(self.sandbox)
        self._space = _lay_out(self._folder, self.assignment, self._readable())
        self._start_kernel()
        return self

    def _readable(self) -> Submission:
        """The submission with its module as it can be read; what is wrong with it is noted."""
        own, submission = self.assignment.homework.module, self.submission
        name = f"hlmtools/{own}.py"
        if not own:
            return submission
        if submission.module is None:
            self.repairs.append(f"{name} was not handed in; its tasks count as empty.")
            return submission
        module, lines = repair.module(submission.module, name)
        self.repairs += lines
        return replace(submission, module=module)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kernel.close()
        end_user(self.sandbox)
        shutil.rmtree(self._folder, ignore_errors=True)

    # ------------------------------------------------------------------ running the notebook

    def run_notebook(self, apart: bool = True) -> None:
        """Run all cells, then the tests, on what stood in the notebook at their check cells.

        Parameters
        ----------
        apart
            False keeps the notebook's kernel for the tests, which is for trusted work only.
        """
        last = len(self.notebook.cells) - 1
        for index in range(-1, last + 1):
            self._reach(index)
            if self.assignment.at_check_cells:
                for question in self._checks.get(index, ()):
                    self._run_cases(question, index)
        self._executed = json.loads(nbformat.writes(self.notebook))
        if not self.assignment.at_check_cells:
            if apart:
                self._set_cells_aside()
            for hidden in (False, True):  # what learns inputs of hidden cases finds no public one
                for question in self._files:
                    self._run_cases(question, last, hidden)

    def run_task(self, task: str) -> list[CaseResult]:
        """Run the tests of a task again, on the kernel as it is now."""
        last = len(self.notebook.cells) - 1
        questions = [name for name in self._files if self.assignment.task(name) == task]
        for question in questions:
            self._taken[question] = {}
            self._take(question, last)
            self._run_cases(question, last)
        return [case for question in questions for case in self._results(question)]

    def patch(self, code: str) -> None:
        """Run code in the notebook's kernel that is no cell of the notebook."""
        self._kernel.run_code(code)

    def _reach(self, index: int) -> None:
        """Run a cell, and fetch what the tests take that are checked there."""
        if index >= 0 and _is_code(self.notebook.cells[index]):
            self._run_cell(index)
        for question in self._checks.get(index, ()):
            self._seed()
            self._take(question, index)
        if index in self._checks and not self._over:
            self._answered = max(index, self._answered)

    def _run_cell(self, index: int) -> None:
        if index in self._skipped or self._over:
            return
        if time.monotonic() > self._ends:
            self._over = True
            self._cut([index], f"the notebook ran longer than {self.limits.notebook_seconds:g} s")
            return
        try:
            if not self.notebook.cells[index].source.startswith("%%"):
                self._seed()
            self._kernel.run_cell(index)
        except TimeOver as problem:
            self._cut([index], str(problem))
        except KernelLost as problem:
            self._cut([index], str(problem))
            self._replace_kernel(index)
        if index in self._kernel.cut:
            self._alert(f"cell {index + 1}: printed more than {self.limits.output_kb} kB, now cut")

    def _seed(self) -> None:
        """Set the seeds as the assignment wants them at the beginning of every cell."""
        if self.assignment.seeding and not self._over:
            with suppress(RemoteError):
                self._kernel.run_code(self.assignment.seeding)

    def _cut(self, cells: Sequence[int], reason: str) -> None:
        """Note that cells were ended, where the student and the TA will see it."""
        self.partial = True
        self._skipped.update(cells)
        where = "cell" if len(cells) == 1 else "cells"
        self._alert(f"{where} {', '.join(str(index + 1) for index in cells)}: {reason}")
        text = f"\nThis cell was ended while it was graded: {reason}.\n"
        self.notebook.cells[cells[-1]].outputs.append(
            NotebookNode(output_type="stream", name="stderr", text=text)
        )

    def _blame_cells(self, index: int) -> bool:
        """Leave out the cells since the last check that was answered; False where there are none.

        What is fetched is only looked up, so that one of them has spoiled the kernel.
        """
        cells = [
            each
            for each in range(self._answered + 1, index + 1)
            if _is_code(self.notebook.cells[each]) and each not in self._skipped
        ]
        if cells:
            why = self._kernel.lost or "it took too long"
            self._cut(cells, f"after this no value could be fetched ({why})")
        return bool(cells)

    def _alert(self, text: str) -> None:
        """Tell the TA, once."""
        if text not in self.alerts:
            self.alerts.append(text)

    # ---------------------------------------------------------------------------- the kernel

    def _start_kernel(self) -> None:
        self._kernels += 1
        module = self.assignment.homework.module
        sockets = self._space.sockets
        shutil.rmtree(sockets, ignore_errors=True)
        sockets.mkdir(mode=0o700)
        spec = kernel_spec(self.sandbox, self._space, module, self.limits)
        self._kernel = Kernel(spec, sockets, self.notebook, self.limits)

    def _replace_kernel(self, index: int) -> None:
        """Bring a new kernel to where the notebook was, without the culprits."""
        if self._kernels > MAX_NEW_KERNELS or time.monotonic() > self._ends:
            self._kernel.close()
            self._stop()
            return
        self._renew_kernel()
        for earlier in range(-1, -1 if self._aside or self._over else index):
            self._reach(earlier)

    def _set_cells_aside(self) -> None:
        """Go on in a kernel in which no cell has run: none can have spoiled what it answers."""
        self._aside, self._over = True, False
        self._renew_kernel()

    def _renew_kernel(self) -> None:
        self._kernel.close()
        end_user(self.sandbox)
        try:
            self._start_kernel()
        except KernelLost:
            self._stop()

    def _stop(self) -> None:
        self._over = True
        self.alerts.append("no new kernel was started; what follows was not run")

    # ----------------------------------------------------------------------------- the tests

    def _take(self, question: str, index: int) -> None:
        """Fetch what the tests of a question take, at its check cell."""
        environment = Environment(self._kernel, self.assignment.functions)
        taken, stopped = self._taken.setdefault(question, {}), self._conduct.stopped
        before = len(stopped)
        with self._kernel.within(self.limits.test_seconds):
            for name in self._wanted(question):
                taken[name] = fetch(environment, name, self._conduct)
                if len(stopped) > before:
                    break
        if len(stopped) > before and not self._over:
            if self._blame_cells(index):
                del stopped[name]  # it may be innocent
            self._replace_kernel(index + 1)  # which fetches anew what is wanting

    def _wanted(self, question: str) -> list[str]:
        """What is to be fetched: not twice where the tests run apart, and no functions then."""
        names = self._files[question].parameters()
        if self.assignment.at_check_cells:
            return names
        taken = self._taken[question]
        wanting = {name for name in names if isinstance(taken.get(name, ABSENT), Absent)}
        return [name for name in names if name in wanting - self.assignment.functions]

    def _run_cases(self, question: str, index: int, hidden: bool | None = None) -> None:
        """Run a question's cases: all of them, or the public or the hidden ones."""
        test_file = self._files[question]
        for position, case in enumerate(test_file.test_cases):
            if hidden not in (None, bool(case.hidden)):
                continue
            self.cases[question, position] = self._run_case(test_file, position, index)
            if self._told is not None:
                self._told(self.verdict())

    def _run_case(self, test_file: JudgeTestFile, position: int, index: int) -> CaseResult:
        started = time.monotonic()
        case = test_file.test_cases[position]
        environment = GuardedEnvironment(
            self._kernel,
            self.assignment.functions,
            self._conduct,
            self._taken.setdefault(test_file.name, {}),
            hidden=bool(case.hidden),
        )
        one = type(test_file)(test_file.name, test_file.path, [case])
        one.missing = environment.missing
        with (
            expect.judging(self.assignment.homework, self._recognised) as notes,
            self._kernel.within(min(self.limits.test_seconds, self._tests_left)),
            bounded(self.limits.test_seconds),
        ):
            one.run(environment)
        seconds = time.monotonic() - started
        self._tests_left = max(0.0, self._tests_left - seconds)
        self._refused[test_file.name, position] = frozenset(environment.raised)
        self._after_case(one, environment, index)
        passed = bool(one.test_case_results[0].passed)
        return CaseResult(
            task=self.assignment.task(test_file.name),
            question=test_file.name,
            name=label(case),
            points=float(case.points),
            passed=passed,
            hidden=bool(case.hidden),
            message=one.message or case.success_message or "",
            slip=one.slip.get("name") if one.slip else None,
            see=one.slip.get("see") if one.slip else None,
            seconds=round(seconds, 3),
            followed=notes.followed,
            got="" if passed else notes.got,
            near=not passed and notes.near,
            beside=getattr(case.body, "beside", None),
        )

    def _after_case(self, one: JudgeTestFile, environment: GuardedEnvironment, index: int) -> None:
        for text in self._kernel.output_while_answering:
            self._alert(f"{one.name}: printed while answering: {text}")
        self._kernel.output_while_answering.clear()
        if one.odd:
            self._alert(f"{one.name}: no usable answer: {one.odd}")
        if one.slip and "name" in one.slip:
            self._recognised.add(one.slip["name"])
        if one.fault:
            self._alert(f"{one.name}: the check itself failed: {one.fault}")
        if one.hang:
            self.partial = True
            self._conduct.blame(environment.handles, one.hang)
            self._alert(f"{one.name}: {one.hang}")
        if self._kernel.lost and not self._over:
            self._replace_kernel(index + 1)

    def _results(self, question: str) -> list[CaseResult]:
        """Cases of a question in the order of its file; a mere refusal of everything fails."""
        count = len(self._files[question].test_cases)
        cases = [self._counted(question, position) for position in range(count)]
        withheld = self._files[question].all_or_nothing and not all(case.passed for case in cases)
        return [replace(case, withheld=withheld) for case in cases]

    def _counted(self, question: str, position: int) -> CaseResult:
        if (question, position) not in self.cases:
            case = self._files[question].test_cases[position]
            return _not_run(self.assignment, question, case, NOT_REACHED)
        case = self.cases[question, position]
        never = sorted(self._refused[question, position] - self._conduct.answered)
        if not (case.passed and case.hidden and never):
            return case
        message = f"{never[0]} refuses every call, also those that it should answer."
        return replace(case, passed=False, message=message)

    # --------------------------------------------------------------------------- the verdict

    def verdict(self) -> Verdict:
        """What is known by now; a case that has not run yet has not passed."""
        cases = tuple(case for name in self._files for case in self._results(name))
        status: Status = "partial" if self.partial else "repaired" if self.repairs else "ok"
        return Verdict(
            submission=self.submission.id,
            source=self.submission.source,
            student_id=self.submission.student_id,
            name=self.submission.name,
            homework=self.assignment.homework.id,
            status=status,
            cases=cases,
            written=_written_answers(self.assignment, self._mended.written),
            repairs=tuple(self.repairs),
            alerts=(*self.alerts, *_not_tamper_proof(cases)),
            executed=self._executed,
            total=_total(self.assignment, cases),
        )


# ------------------------------------------------------------------------ what a student sent


def _is_code(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def _written_answers(assignment: Assignment, texts: Mapping[str, str]) -> tuple[WrittenAnswer, ...]:
    """Answers to the written questions, whose texts are known by the ids of their cells."""
    return tuple(
        WrittenAnswer(
            question=each.name,
            task=assignment.task(each.name),
            points=each.points,
            text=texts.get(each.cell_id, "").removeprefix(ANSWER_PROMPT)[:MAX_WRITTEN],
        )
        for each in assignment.written
    )


def _lay_out(folder: Path, assignment: Assignment, submission: Submission) -> Workspace:
    files = folder / "w"
    files.mkdir()
    assignment.lay_out(submission, files)
    return Workspace(files, folder / "s")


def _unreadable(assignment: Assignment, submission: Submission, problem: str) -> Verdict:
    """Nothing could run: every case failed, and the reason stands in the alerts."""
    cases = [
        _not_run(assignment, name, case, "Nothing could be run.")
        for name in assignment.tests
        for case in assignment.test_file(name).test_cases
    ]
    return Verdict(
        submission=submission.id,
        source=submission.source,
        student_id=submission.student_id,
        name=submission.name,
        homework=assignment.homework.id,
        status="unreadable",
        cases=tuple(cases),
        repairs=submission.repairs,
        alerts=(problem,),
        total=_total(assignment, cases),
    )


def _not_run(assignment: Assignment, question: str, case: Any, message: str) -> CaseResult:
    return CaseResult(
        task=assignment.task(question),
        question=question,
        name=label(case),
        points=float(case.points),
        passed=False,
        hidden=bool(case.hidden),
        message=message,
    )


def _total(assignment: Assignment, cases: Sequence[CaseResult]) -> tuple[float, float] | None:
    return assignment.total(sum(each.earned for each in cases), sum(each.points for each in cases))


def _not_tamper_proof(cases: Sequence[CaseResult]) -> list[str]:
    """A sentence for the TA on each reason why a question was tested beside the student's code."""
    found = dict.fromkeys((case.question, case.beside) for case in cases if case.beside)
    note = "tested beside the student's code, so that this verdict is not tamper-proof"
    return [f"{question}: {note}: {reason}" for question, reason in found]
