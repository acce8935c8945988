"""Small assignments made by `otter assign`, which know nothing of this course, and answers to them.

Each is a master notebook as an instructor elsewhere would write it. `assign` makes its archive and
the students' notebook; `answered` fills that in.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

PLAIN = "A question whose answer is plain data."


@dataclass(frozen=True)
class Case:
    """A test cell: its code, whether it is hidden, and its points."""

    code: str
    hidden: bool = False
    points: float | None = None
    config: dict[str, Any] = field(default_factory=dict)
    output: str = ""  # of an OK-format test


@dataclass(frozen=True)
class Question:
    """A question of a master: the solved cell and its tests."""

    name: str
    solution: str
    cases: tuple[Case, ...]
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Made:
    """What `otter assign` made of a master."""

    archive: Path
    student: Path  # the students' notebook
    solved: Path  # the solved notebook


def assign(folder: Path, settings: dict[str, Any], before: str, *questions: Question) -> Made:
    """Run `otter assign` on a master in a folder, which may hold support files already."""
    from otter.assign import main

    master = folder / "lab.ipynb"
    nbformat.write(_master(settings, before, questions), master)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(str(master), str(folder / "made"), no_run_tests=True, no_pdfs=True)
    (archive,) = (folder / "made" / "autograder").glob("*.zip")
    made = folder / "made"
    return Made(archive, made / "student" / "lab.ipynb", made / "autograder" / "lab.ipynb")


def answered(made: Made, **answers: str) -> bytes:
    """The students' notebook with the answers to some questions; the others stay empty."""
    notebook = nbformat.read(made.student, as_version=4)
    answer = NotebookNode()
    for cell in notebook.cells:
        check = re.match(r'grader\.check\("(\w+)"\)', cell.source)
        if check and check[1] in answers:
            answer.source = answers[check[1]]
        if cell.cell_type == "code":
            answer = cell
    return nbformat.writes(notebook).encode()


def solved(made: Made) -> bytes:
    """The solved notebook, as a student who knows everything would hand it in."""
    return made.solved.read_bytes()


def _master(settings: dict[str, Any], before: str, questions: tuple[Question, ...]) -> NotebookNode:
    header = yaml.safe_dump({"export_cell": False, **settings})
    cells = [new_raw_cell(f"# ASSIGNMENT CONFIG\n{header}"), new_code_cell(before)]
    for question in questions:
        cells += _question_cells(question)
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


def _question_cells(question: Question) -> list[NotebookNode]:
    header = yaml.safe_dump({"name": question.name, **question.settings})
    return [
        new_raw_cell(f"# BEGIN QUESTION\n{header}"),
        new_markdown_cell(PLAIN),
        new_raw_cell("# BEGIN SOLUTION"),
        new_code_cell(f"# BEGIN SOLUTION\n{question.solution}\n# END SOLUTION"),
        new_raw_cell("# END SOLUTION"),
        new_raw_cell("# BEGIN TESTS"),
        *[_test_cell(case) for case in question.cases],
        new_raw_cell("# END TESTS"),
        new_raw_cell("# END QUESTION"),
    ]


def _test_cell(case: Case) -> NotebookNode:
    config = {"hidden": case.hidden, **case.config}
    if case.points is not None:
        config["points"] = case.points
    lines = json.dumps(config)
    source = f'""" # BEGIN TEST CONFIG\n{lines}\n""" # END TEST CONFIG\n{case.code}'
    cell = new_code_cell(source)
    if case.output:
        cell.outputs = [nbformat.v4.new_output("stream", text=case.output)]
    return cell
