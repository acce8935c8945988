"""Each student archive, unpacked in an empty folder: untouched, solved, and its lecture notes."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from autograder import build, course, release

HOMEWORKS = course.load().homeworks
STUB = "is not written yet"
WRONG = "&#10007;"  # the cross before what a check found


@pytest.fixture(scope="module", params=HOMEWORKS, ids=lambda homework: homework.id)
def homework(request) -> course.Homework:
    return request.param


@pytest.fixture(scope="module")
def archive(homework, tmp_path_factory) -> Path:
    """The student archive of one homework."""
    return release.release(homework.id, tmp_path_factory.mktemp("release"), force=True)[0]


@pytest.fixture
def folder(archive, homework, tmp_path) -> Path:
    """The archive, unpacked."""
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [homework.id]
    return tmp_path / homework.id


def _run(folder: Path, cells: list[Any]) -> list[Any]:
    """Run cells as a notebook of the folder; the package must be the one that lies there."""
    whence = nbformat.v4.new_code_cell("import hlmtools; print(hlmtools.__file__)")
    book = nbformat.v4.new_notebook(cells=[*cells, whence])
    client = NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute()
    assert book.cells.pop()["outputs"][0]["text"].strip() == str(folder / "hlmtools/__init__.py")
    return book.cells


def _cells(path: Path) -> list[Any]:
    return nbformat.read(path, as_version=4).cells


def _text(cells: list[Any]) -> str:
    return "".join(str(output) for cell in cells for output in cell.get("outputs", []))


def _errors(cells: list[Any]) -> list[str]:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output["evalue"] for output in outputs if output["output_type"] == "error"]


def _noise(cells: list[Any]) -> list[str]:
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output["text"] for output in outputs if output.get("name") == "stderr"]


@pytest.mark.long
def test_an_untouched_notebook_names_its_first_stub_and_can_be_handed_in(folder, homework):
    cells = _cells(folder / f"{homework.id}.ipynb")
    first = f'grader.check("task{homework.number}_1")'
    place = next(place for place, cell in enumerate(cells) if cell.source == first)

    ran = _run(folder, cells)  # stops at an error unless the cell expects one

    task = rf"Task {homework.number}\.1: \w+ {STUB}"
    assert re.search(task, _text(ran[place : place + 1])), _text(ran[place : place + 1])
    assert STUB not in _text(ran[:place])
    assert f"{homework.id}-submission.zip is ready to hand in" in _text(ran[-1:])
    assert _noise(ran) == []


@pytest.mark.long
def test_a_solved_notebook_runs_to_the_end_and_is_ready_to_hand_in(folder, homework):
    notebook, module = f"{homework.id}.ipynb", f"hlmtools/{homework.module}.py"
    (folder / notebook).write_bytes(build.staged(homework.id).solved.read_bytes())
    (folder / module).write_text(build.solved_module(homework), encoding="utf-8")

    ran = _run(folder, _cells(folder / notebook))

    checks = [cell for cell in ran if cell.source.startswith("grader.check(")]
    assert len(checks) >= 7
    assert all("&#10003;" in _text([cell]) for cell in checks)
    assert WRONG not in _text(checks)
    assert _errors(ran) == []
    assert f"{homework.id}-submission.zip is ready to hand in" in _text(ran[-1:])
    with zipfile.ZipFile(folder / f"{homework.id}-submission.zip") as handed_in:
        assert {notebook, module} <= set(handed_in.namelist())
    assert _noise(ran) == []


@pytest.mark.long
def test_lecture_notes_run_before_anything_is_written(folder):
    ran = _run(folder, _cells(folder / "notes.ipynb"))
    assert _noise(ran) == []
