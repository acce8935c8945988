"""What the judge holds of one assignment: tests, written questions, names of the functions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nbformat

from autograder import build, course, expect, repair
from autograder.markers import Question

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


def load(hw: str) -> Assignment:
    """Everything needed to judge a homework; its notebook is built where it changed."""
    return _load(hw, build.staged(hw))


def digest(hw: str) -> str:
    """Hash of all that the judge brings to a verdict: tests, references, given and own code."""
    homework = course.homework(hw)
    folders = [
        (course.ROOT / "autograder", "*.py"),
        (course.ROOT / "autograder" / "references", "*"),
        (course.ROOT / "hlmtools", "*.py"),
        (course.ROOT / "data", "*.csv"),
        (course.ROOT / "solutions" / "hlmtools", "*.py"),
        (course.ROOT / "solutions" / homework.folder, "*.py"),
    ]
    paths = [path for folder, pattern in folders for path in sorted(folder.glob(pattern))]
    found = hashlib.sha256()
    for path in paths:
        if path.is_file():
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


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
