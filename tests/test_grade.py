"""A class: results are written as they come, a second run changes nothing, a killed one goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from autograder import course, grade
from tests.conftest import needs_bwrap


def hand_in(work, path: Path) -> None:
    """Write an otter export of this work."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hw1.ipynb", work.notebook)
        archive.writestr("hlmtools/variance_components.py", work.module)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file that a TA reads, by name; times of a run are left out."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "run.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@needs_bwrap
def test_a_second_run_grades_nothing_again_and_changes_nothing(tmp_path, solved, blank):
    box, out = tmp_path / "in", tmp_path / "out"
    box.mkdir()
    hand_in(solved, box / "ada.zip")
    hand_in(blank, box / "bob.zip")
    told = []
    first = grade.grade("hw1", box, out, progress=lambda done, total, _: told.append((done, total)))
    before = snapshot(out)
    started = time.monotonic()
    second = grade.grade("hw1", box, out)
    assert [verdict.submission for verdict in first] == ["ada", "bob"]
    assert [verdict.score for verdict in first] == [first[0].max_score, 0]
    assert told == [(1, 2), (2, 2)]
    assert second == first
    assert snapshot(out) == before
    assert time.monotonic() - started < 10, "nothing was graded, so no kernel was started"
    assert {"grades.csv", "results/ada.json", "feedback/bob.html", "executed/ada.ipynb"} <= set(
        before
    )

    (out / "results" / "ada.json").unlink()
    (out / "grades.csv").unlink()
    grade.grade("hw1", box, out)
    assert snapshot(out) == before, "files are made again from what is known"


def test_a_folder_of_another_homework_is_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"homework": "hw9"}))
    with pytest.raises(course.CourseError, match="hw9"):
        grade.grade("hw1", tmp_path, tmp_path, sandbox="none")


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(course.CourseError, match="holds nothing"):
        grade.grade("hw1", tmp_path, tmp_path / "out", sandbox="none")


@needs_bwrap
@pytest.mark.long
def test_a_killed_run_goes_on_where_it_stopped(tmp_path, solved, blank):
    box, out = tmp_path / "in", tmp_path / "out"
    box.mkdir()
    for k in range(4):
        hand_in(solved if k % 2 else blank, box / f"student{k}.zip")
    program = "from autograder.cli import main; main()"
    command = [sys.executable, "-c", program, "grade", "hw1", str(box), "--out", str(out)]
    run = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    while not list((out / "results").glob("*.json")) and run.poll() is None:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    known = {path.name: path.stat().st_mtime_ns for path in (out / "cache").glob("*.json")}
    assert 1 <= len(known) < 4
    verdicts = grade.grade("hw1", box, out)
    assert len(verdicts) == 4
    after = {path.name: path.stat().st_mtime_ns for path in (out / "cache").glob("*.json")}
    assert known.items() <= after.items(), "what was known was not graded again"
    assert not list(out.rglob("*.tmp"))
