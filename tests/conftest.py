"""Homework 1 as a perfect and as an idle student would hand it in, and how to edit it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from autograder import build, course, judge
from autograder.submissions import Submission
from autograder.verdict import Verdict

needs_bwrap = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="bubblewrap is missing: apt-get install bubblewrap"
)


@dataclass(frozen=True)
class Work:
    """A notebook and a student module, as text."""

    notebook: str
    module: str

    def cell_after(self, heading: str, code: str) -> Work:
        """The same with one more code cell, behind the first cell that holds `heading`."""
        book = json.loads(self.notebook)
        place = next(i for i, cell in enumerate(book["cells"]) if heading in _text(cell))
        cell = {"cell_type": "code", "id": "added", "metadata": {}, "outputs": []}
        book["cells"].insert(place + 1, {**cell, "execution_count": None, "source": code})
        return replace(self, notebook=json.dumps(book))

    def without_cells(self, text: str) -> Work:
        """The same without the cells that hold `text`."""
        book = json.loads(self.notebook)
        book["cells"] = [cell for cell in book["cells"] if text not in _text(cell)]
        return replace(self, notebook=json.dumps(book))

    def module_plus(self, code: str) -> Work:
        """The same with code at the end of the student module; a later definition wins."""
        return replace(self, module=f"{self.module}\n\n{code}\n")

    def submission(self, name: str = "student") -> Submission:
        """What `submissions.find` would make of it."""
        return Submission(
            id=name,
            source=f"{name}.zip",
            student_id="",
            name="",
            notebook=self.notebook.encode(),
            module=self.module.encode(),
            extra=(),
            problem=None,
        )


def _text(cell: dict) -> str:
    return "".join(cell["source"])


@pytest.fixture(scope="session")
def solved() -> Work:
    """Homework 1, solved."""
    homework = course.homework("hw1")
    notebook = build.staged("hw1").solved.read_text(encoding="utf-8")
    return Work(notebook, build.solved_module(homework))


@pytest.fixture(scope="session")
def blank() -> Work:
    """Homework 1 as it is released."""
    homework = course.homework("hw1")
    template = build.staged("hw1").student / "hw1.ipynb"
    return Work(template.read_text(encoding="utf-8"), build.stub(homework))


@pytest.fixture(scope="session")
def short_limits() -> course.Limits:
    """Limits under which a hang costs seconds, also where the machine is busy."""
    return replace(
        course.load().limits,
        cell_seconds=20,
        ask_seconds=6,
        test_seconds=20,
        tests_seconds=120,
        notebook_seconds=240,
        memory_mb=1024,
        disk_mb=32,
    )


@pytest.fixture(scope="session")
def grade(short_limits) -> Callable[..., Verdict]:
    """Grade one piece of work in bubblewrap, with short limits."""

    def run(work: Work, sandbox: str = "bwrap") -> Verdict:
        return judge.grade_submission("hw1", work.submission(), sandbox, short_limits)

    return run
