"""A new homework is whole at once: it builds, verifies, releases, and its numbers are R's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import needs_bwrap

from autograder import course, markers, new
from autograder.course import CourseError

ROOT = course.ROOT
FREE = f"hw{len(course.load().homeworks) + 1}"
COPIED = ("assignments", "autograder", "data", "hlmtools", "solutions")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The course in a folder of its own."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    for path in [*ROOT.glob("*.toml"), *ROOT.glob("*.txt"), *ROOT.glob("*.md"), ROOT / "LICENSE"]:
        shutil.copy(path, tmp_path)
    return tmp_path


def hlm(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command of a copy of the course."""
    command = "from autograder.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-P", "-c", command, *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )


@needs_bwrap
@pytest.mark.long
def test_a_new_homework_builds_verifies_and_releases_at_once(copied: Path, tmp_path: Path) -> None:
    made = hlm(copied, "new", FREE, "Three levels")
    assert made.returncode == 0, made.stderr
    assert f"assignments/{FREE}_three_levels/{FREE}.ipynb" in made.stdout
    assert hlm(copied, "build", "--check").returncode == 0
    verified = hlm(copied, "verify", FREE, "--thorough")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    released = hlm(copied, "release", FREE, "--out", str(tmp_path / "out"), "--force")
    assert released.returncode == 0, released.stderr
    with zipfile.ZipFile(tmp_path / "out" / f"{FREE}-student.zip") as student:
        assert b"NotImplementedError" in student.read(f"{FREE}/hlmtools/three_levels.py")
    again = hlm(copied, "new", FREE, "Three levels")
    assert again.returncode == 1
    assert "is not the next homework" in again.stderr


@pytest.mark.long
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is missing: apt-get install r-base")
def test_its_reference_number_is_what_its_script_gives(copied: Path) -> None:
    assert hlm(copied, "new", FREE, "Three levels").returncode == 0
    command = [sys.executable, "-P", "-m", "autograder.references", FREE, "--r"]
    ran = subprocess.run(
        command,
        cwd=copied,
        env={**os.environ, "PYTHONPATH": str(copied)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "up to date" in ran.stdout


def test_a_failure_leaves_the_course_as_it_was(copied: Path) -> None:
    handout = copied / "autograder" / "templates" / "new" / "handout.md.template"
    handout.write_text(handout.read_text().replace("<!-- END GENERATED TASKS -->", ""))
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    ran = hlm(copied, "new", FREE, "Three levels")
    assert ran.returncode == 1
    assert "lacks the lines" in ran.stderr
    after = {
        path: path.read_bytes()
        for path in copied.rglob("*")
        if path.is_file() and "dist" not in path.relative_to(copied).parts
    }
    assert after == before


def test_the_master_keeps_the_grammar_and_no_word_is_left_unfilled() -> None:
    files = new.scaffold(course.load(), FREE, "Three levels")
    for path, text in files.items():
        assert "@" not in text.replace("@test_case", ""), path
    (master,) = (text for path, text in files.items() if path.endswith(f"/{FREE}.py"))
    questions = markers.check_notebook(master).questions
    assert [question.manual for question in questions] == [False, True]


def test_the_stored_fit_belongs_to_the_data_that_is_shipped() -> None:
    files = new.scaffold(course.load(), FREE, "Three levels")
    table = json.loads(files[f"autograder/references/{FREE}.json"])
    registry = tomllib.loads((ROOT / "data" / "registry.toml").read_text())
    for fit in table["fits"].values():
        assert fit["sha256"] == registry[fit["data"]]["sha256"]


@pytest.mark.parametrize(
    ("hw", "title", "text"),
    [
        ("seven", "Three levels", f"is no homework's id; hw1 to hw9 are. The next is {FREE}"),
        ("hw1", "Three levels", f"hw1 is not the next homework. Give {FREE}"),
        (FREE, "Variance components", "variance_components.py is there already"),
        (FREE, "The of", "No file can be named after the title"),
    ],
)
def test_what_cannot_be_is_refused(hw: str, title: str, text: str) -> None:
    with pytest.raises(CourseError, match=text):
        new.new(hw, title)
