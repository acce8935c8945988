"""Grades one submission: runs its notebook in the sandbox, and its tests here.

The way of a submission:

1. `assignment.load` reads what the judge holds of a homework: tests, written questions, functions.
2. `Session` lays out a workspace (given package, data, the student's module), starts a kernel,
   and runs the notebook cell by cell.
3. When the notebook reaches a task's check cell, the task's tests run here, as otter's own
   test files, on remote values; tasks without a check cell are tested after the last cell.
4. A cell that hangs or ends its kernel costs what depends on it: the kernel is replaced, the
   earlier cells run again without the culprit, and the rest is graded.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import course, expect
from autograder.assignment import ANSWER_PROMPT, Assignment, load, versions
from autograder.remote import Kernel, KernelLost, RemoteError, TimeOver
from autograder.sandbox import Workspace, end_user, kernel_spec
from autograder.sandbox import check as check_sandbox
from autograder.submissions import Submission
from autograder.testfile import GuardedEnvironment, JudgeTestFile, label
from autograder.verdict import CaseResult, Status, Verdict, WrittenAnswer

MAX_NEW_KERNELS = 6
MAX_WRITTEN = 20_000
_CHECK_CELL = re.compile(r"^\s*grader\.check\(\s*[\"'](\w+)[\"']\s*\)", re.MULTILINE)


def grade_submission(
    hw: str | Path, submission: Submission, sandbox: str, limits: course.Limits | None = None
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

    Returns
    -------
    Verdict
        Always one, whatever the submission does.
    """
    started = time.monotonic()
    assignment = load(hw)
    strength = check_sandbox(sandbox)
    if submission.problem is None:
        try:
            with Session(assignment, submission, sandbox, limits) as session:
                session.run_notebook()
                verdict = session.verdict()
        except Unreadable as problem:
            verdict = _unreadable(assignment, submission, str(problem))
    else:
        verdict = _unreadable(assignment, submission, submission.problem)
    seconds = round(time.monotonic() - started, 3)
    return replace(verdict, sandbox=strength, seconds=seconds, versions=versions())


@contextmanager
def open_session(
    hw: str | Path, submission: Submission, sandbox: str, limits: course.Limits | None = None
) -> Iterator[Session]:
    """A session that stays open, to run single tasks again (`verify` plants slips this way)."""
    with Session(load(hw), submission, sandbox, limits) as session:
        yield session


class Unreadable(Exception):
    """A submission without a notebook that could run; the text says why."""


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
    ) -> None:
        self.assignment, self.submission = assignment, submission
        self.limits = limits or course.load().limits
        self.sandbox = sandbox
        self.notebook = _read_notebook(submission)
        if reason := assignment.refusal(self.notebook):
            raise Unreadable(reason)
        self.cases: dict[str, list[CaseResult]] = {}
        self.repairs: list[str] = []
        self.alerts: list[str] = [f"brought {name!r}, not used" for name in submission.extra[:20]]
        self.partial = False
        self._skipped = {
            i for i, cell in enumerate(self.notebook.cells) if assignment.ignores(cell)
        }
        self._hung: set[str] = set()
        self._recognised: set[str] = set()
        self._kernels = 0
        self._over = False
        self._ends = time.monotonic() + self.limits.notebook_seconds

    def __enter__(self) -> Session:
        self._folder = Path(tempfile.mkdtemp(prefix="hlm-"))
        self._space = _lay_out(self._folder, self.assignment, self.submission)
        module = self.assignment.homework.module
        if module and self.submission.module is None:
            self.repairs.append(f"hlmtools/{module}.py was not handed in; its tasks count as empty")
        self._start_kernel()
        return self

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

    def run_notebook(self) -> None:
        """Run all cells; test each task at its check cell, or after the last cell."""
        checks = _check_cells(self.notebook, list(self.assignment.tests))
        for index, cell in enumerate(self.notebook.cells):
            if cell.cell_type == "code" and cell.source.strip():
                self._run_cell(index)
            for question in checks.get(index, ()):
                self._seed()
                self._run_question(question, index)
        for question in self.assignment.tests:
            if question not in self.cases:
                self._run_question(question, len(self.notebook.cells) - 1)

    def run_task(self, task: str) -> list[CaseResult]:
        """Run the tests of a task again, on the kernel as it is now."""
        tests, task_of = self.assignment.tests, self.assignment.task
        questions = [name for name in tests if task_of(name) == task]
        for question in questions:
            self._run_question(question, len(self.notebook.cells) - 1)
        return [case for question in questions for case in self.cases[question]]

    def patch(self, code: str) -> None:
        """Run code in the notebook's kernel that is no cell of the notebook."""
        self._kernel.run_code(code)

    def _run_cell(self, index: int) -> None:
        if index in self._skipped or self._over:
            return
        if time.monotonic() > self._ends:
            self._over = True
            self._cut(index, f"the notebook ran longer than {self.limits.notebook_seconds:g} s")
            return
        try:
            if not self.notebook.cells[index].source.startswith("%%"):
                self._seed()
            self._kernel.run_cell(index)
        except TimeOver as problem:
            self._cut(index, str(problem))
        except KernelLost as problem:
            self._cut(index, str(problem))
            self._replace_kernel(index)

    def _seed(self) -> None:
        """Set the seeds as the assignment wants them at the beginning of every cell."""
        if self.assignment.seeding and not self._over:
            with suppress(RemoteError):
                self._kernel.run_code(self.assignment.seeding)

    def _cut(self, index: int, reason: str) -> None:
        """Note that a cell was ended, where the student and the TA will see it."""
        self.partial = True
        self._skipped.add(index)
        self.alerts.append(f"cell {index + 1}: {reason}")
        text = f"\nThis cell was ended while it was graded: {reason}.\n"
        self.notebook.cells[index].outputs.append(
            NotebookNode(output_type="stream", name="stderr", text=text)
        )

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
        """Start a new kernel and bring it to where the notebook was, without the culprits."""
        self._kernel.close()
        if self._kernels > MAX_NEW_KERNELS or time.monotonic() > self._ends:
            self._stop()
            return
        try:
            self._start_kernel()
        except KernelLost:
            self._stop()
            return
        for earlier in range(index):
            cell = self.notebook.cells[earlier]
            if cell.cell_type == "code" and cell.source.strip():
                self._run_cell(earlier)

    def _stop(self) -> None:
        self._over = True
        self.alerts.append("no new kernel was started; what follows was not run")

    # ----------------------------------------------------------------------------- the tests

    def _run_question(self, question: str, index: int) -> None:
        test_file = self.assignment.test_file(question)
        cases = [self._run_case(test_file, case, index) for case in test_file.test_cases]
        if test_file.all_or_nothing and not all(case.passed for case in cases):
            cases = [replace(case, withheld=True) for case in cases]
        self.cases[question] = cases
        for reason in dict.fromkeys(case.beside for case in cases if case.beside):
            note = "tested beside the student's code, where a verdict is not tamper-proof"
            self.alerts.append(f"{test_file.name}: {note}: {reason}")

    def _run_case(self, test_file: JudgeTestFile, case: Any, index: int) -> CaseResult:
        started = time.monotonic()
        environment = GuardedEnvironment(self._kernel, self.assignment.functions, self._hung)
        one = type(test_file)(test_file.name, test_file.path, [case])
        one.missing = environment.missing
        with (
            expect.judging(self.assignment.homework, self._recognised) as notes,
            self._kernel.within(self.limits.test_seconds),
        ):
            one.run(environment)
        self._after_case(one, environment, index)
        if one.slip and "name" in one.slip:
            self._recognised.add(one.slip["name"])
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
            seconds=round(time.monotonic() - started, 3),
            followed=notes.followed,
            beside=getattr(case.body, "beside", None),
            got="" if passed else notes.got,
            near=not passed and notes.near,
        )

    def _after_case(self, one: JudgeTestFile, environment: GuardedEnvironment, index: int) -> None:
        for text in self._kernel.output_while_answering:
            self.alerts.append(f"{one.name}: printed while answering: {text}")
        self._kernel.output_while_answering.clear()
        if one.fault:
            self.alerts.append(f"{one.name}: the check itself failed: {one.fault}")
        if one.hang:
            self.partial = True
            self._hung.update(environment.called)
            self.alerts.append(f"{one.name}: {one.hang}")
        if self._kernel.lost and not self._over:
            self._replace_kernel(index + 1)

    # --------------------------------------------------------------------------- the verdict

    def verdict(self) -> Verdict:
        """What is known once the notebook has run."""
        cases = tuple(case for name in self.assignment.tests for case in self.cases[name])
        status: Status = "partial" if self.partial else "repaired" if self.repairs else "ok"
        return Verdict(
            submission=self.submission.id,
            source=self.submission.source,
            student_id=self.submission.student_id,
            name=self.submission.name,
            homework=self.assignment.homework.id,
            status=status,
            cases=cases,
            written=_written_answers(self.assignment, self.notebook),
            repairs=tuple(self.repairs),
            alerts=tuple(self.alerts),
            executed=json.loads(nbformat.writes(self.notebook)),
            total=_total(self.assignment, cases),
        )


# ------------------------------------------------------------------------ what a student sent


def _read_notebook(submission: Submission) -> NotebookNode:
    try:
        notebook = nbformat.reads((submission.notebook or b"").decode("utf-8-sig"), as_version=4)
        for cell in notebook.cells:
            cell.source = "".join(cell.source)
            if cell.cell_type == "code":
                cell.outputs = []
                cell.execution_count = None
    except Exception as error:
        raise Unreadable(f"the notebook cannot be read ({type(error).__name__})") from None
    return notebook


def _check_cells(notebook: NotebookNode, questions: list[str]) -> dict[int, list[str]]:
    """Questions by the cell that checks them; the last cell counts where there are several."""
    places: dict[str, int] = {}
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            places.update(dict.fromkeys(_marked_checks(cell), index))
            places.update(dict.fromkeys(_CHECK_CELL.findall(cell.source), index))
    checks: dict[int, list[str]] = {}
    for question in questions:
        if question in places:
            checks.setdefault(places[question], []).append(question)
    return checks


def _marked_checks(cell: NotebookNode) -> list[str]:
    """Questions that `otter assign` noted in the metadata of their last cell."""
    ours = cell.metadata.get("otter")
    names = ours.get("tests") if isinstance(ours, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _written_answers(assignment: Assignment, notebook: NotebookNode) -> tuple[WrittenAnswer, ...]:
    """Texts of the written questions, found by the ids of their cells."""
    texts = {cell.get("id"): cell.source for cell in notebook.cells if cell.cell_type == "markdown"}
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
        CaseResult(
            task=assignment.task(name),
            question=name,
            name=label(case),
            points=float(case.points),
            passed=False,
            hidden=bool(case.hidden),
            message="Nothing could be run.",
        )
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
        alerts=(problem,),
        total=_total(assignment, cases),
    )


def _total(assignment: Assignment, cases: Sequence[CaseResult]) -> tuple[float, float] | None:
    return assignment.total(sum(each.earned for each in cases), sum(each.points for each in cases))
