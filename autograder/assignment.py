"""What the judge holds of one assignment: tests, written questions, names of the functions.

`Assignment` is a homework of this course; `foreign.Foreign` is one that `otter assign` made
elsewhere. The judge grades both through what stands here.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import platform
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder import build, course, expect, repair
from autograder.markers import Question, task_of
from autograder.submissions import Submission
from autograder.testfile import JudgeTestFile

ANSWER_PROMPT = "_Type your answer here, replacing this text._"


@dataclass(frozen=True)
class WrittenQuestion:
    """A question that a person scores, and where its answer stands in the notebook."""

    name: str  # "task1_9a"
    points: float
    cell_id: str


@dataclass(frozen=True)
class Assignment:
    """What the judge holds of one homework.

    Attributes
    ----------
    homework
        Its entry in course.toml.
    tests
        Source of the full test file of each automatic question, in the order of the tasks.
    written
        Each written question with its points and the id of its answer's cell.
    functions
        Names that mean functions of the student module.
    given
        Cells of the notebook as it is handed out, by which a damaged one is mended.
    """

    homework: course.Homework
    tests: dict[str, str]
    written: tuple[WrittenQuestion, ...]
    functions: frozenset[str]
    given: tuple[repair.Given, ...] = ()

    def task(self, question: str) -> str:
        """The task that a question belongs to."""
        return task_of(question)

    def test_file(self, question: str) -> JudgeTestFile:
        """A question's test cases, as the judge runs them."""
        return JudgeTestFile.from_string(self.tests[question], path=f"{question}.py")

    def lay_out(self, submission: Submission, files: Path) -> None:
        """The notebook's folder as the student had it: ours, but for the student's own module."""
        build.lay_out_package(self.homework.id, files / "hlmtools")
        (files / "data").mkdir()
        for name in ("registry.toml", *(f"{each}.csv" for each in self.homework.data)):
            shutil.copyfile(course.ROOT / "data" / name, files / "data" / name)
        if submission.module is not None:
            (files / "hlmtools" / f"{self.homework.module}.py").write_bytes(submission.module)

    @property
    def at_check_cells(self) -> bool:
        """Whether tests run when the notebook stands at their check cells, in its kernel.

        Ours run after the last cell, in a kernel of their own: no cell can show their inputs or
        spoil what is answered to them.
        """
        return False

    @property
    def seeding(self) -> str:
        """Code that runs before every cell."""
        return ""

    def ignores(self, cell: NotebookNode) -> bool:
        """Whether a cell is not to run when it is graded."""
        return False

    def refusal(self, notebook: NotebookNode) -> str | None:
        """Why a notebook is none of this assignment."""
        return None

    def total(self, earned: float, possible: float) -> tuple[float, float] | None:
        """Points in all where they are not the sum of the cases' points."""
        return None


def load(source: str | Path) -> Assignment:
    """Everything needed to judge an assignment; a homework's notebook is built where it changed.

    Parameters
    ----------
    source
        Homework id, or the path of an archive that `otter assign` made.
    """
    if isinstance(source, Path):
        from autograder import foreign  # which is made of what stands here

        return foreign.load(source)
    return _load(source, build.staged(source))


def homework(source: str | Path) -> course.Homework:
    """The entry of an assignment: from course.toml, or made from the archive."""
    return load(source).homework if isinstance(source, Path) else course.homework(source)


@lru_cache
def versions() -> dict[str, str]:
    """Versions that a result depends on."""
    packages = ("numpy", "scipy", "pandas", "statsmodels", "otter-grader", "ipykernel")
    installed = {name: importlib.metadata.version(name) for name in packages}
    return dict(sorted({"python": platform.python_version(), **installed}.items()))


@lru_cache
def _load(hw: str, built: build.Built) -> Assignment:
    homework = course.homework(hw)
    tests = built.autograder_tests
    questions = build.read_master(homework).questions
    names = [question.name for question in questions if not question.manual]
    return Assignment(
        homework=homework,
        tests={name: (tests / f"{name}.py").read_text(encoding="utf-8") for name in names},
        written=_written_questions(questions, built.student / f"{hw}.ipynb"),
        functions=_function_names(homework),
        given=repair.given_cells((built.student / f"{hw}.ipynb").read_text(encoding="utf-8")),
    )


def _written_questions(
    questions: tuple[Question, ...], template: Path
) -> tuple[WrittenQuestion, ...]:
    cells = nbformat.read(template, as_version=4).cells
    answers = [cell.id for cell in cells if cell.source.startswith(ANSWER_PROMPT)]
    manual = [question for question in questions if question.manual]
    return tuple(
        WrittenQuestion(question.name, question.points, cell_id)
        for question, cell_id in zip(manual, answers, strict=True)
    )


def _function_names(homework: course.Homework) -> frozenset[str]:
    with expect.judging(homework):
        module = expect.solved()
    found = inspect.getmembers(module, inspect.isfunction)
    names = {name for name, function in found if function.__module__ == module.__name__}
    return frozenset(name for name in names if not name.startswith("_"))
