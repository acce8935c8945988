"""Releasing: what the archives hold, that they are reproducible, that nothing secret goes out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import miniature
import nbformat
import pytest
from nbclient import NotebookClient

from autograder import build, course, leaks, release, slips, submissions, verify
from autograder.course import CourseError
from hlmtools import check

MARCH = datetime(2027, 3, 1, tzinfo=ZoneInfo("America/Chicago"))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    root = miniature.make(tmp_path_factory.mktemp("course"))
    build.build(root=root)
    return root


@pytest.fixture
def mini(built, tmp_path) -> Path:
    return miniature.copy(built, tmp_path / "course")


def _released(root: Path, out: Path, hw: str = "hw1", **options) -> list[zipfile.ZipFile]:
    paths = release.release(hw, out, root=root, **options)
    return [zipfile.ZipFile(io.BytesIO(path.read_bytes())) for path in paths]


# ---------------------------------------------------------------------------------- archives


def test_the_student_archive_holds_what_a_student_needs(built, tmp_path):
    student, _ = _released(built, tmp_path)
    assert sorted(student.namelist()) == [
        "hw1/README.md",
        "hw1/START_HERE.txt",
        "hw1/data/registry.toml",
        "hw1/data/tiny.csv",
        "hw1/data/tiny.md",
        "hw1/hlmtools/__init__.py",
        "hw1/hlmtools/doubling.py",
        "hw1/hlmtools/given.py",
        "hw1/hlmtools/slips/hw1.json",
        "hw1/hlmtools/tripling.py",
        "hw1/hw1.ipynb",
        "hw1/notes.ipynb",
        "hw1/requirements.txt",
        "hw1/tests/task1_1.py",
        "hw1/tests/task1_2.py",
    ]
    assert student.read("hw1/requirements.txt") == b"numpy==2.2.0\n"
    notes = json.loads(student.read("hw1/notes.ipynb"))
    assert [cell["cell_type"] for cell in notes["cells"]] == ["markdown", "code", "markdown"]
    assert "jupytext" not in json.dumps(notes["metadata"])


def test_the_start_takes_three_lines_on_each_system(built, tmp_path):
    student, _ = _released(built, tmp_path)
    lines = student.read("hw1/START_HERE.txt").decode().splitlines()
    for system in ("Windows", "macOS", "Linux"):
        at = lines.index(system)
        venv, install, start = (line.strip() for line in lines[at + 1 : at + 4])
        assert venv.endswith("-m venv .venv")
        assert install.endswith("-m pip install -r requirements.txt")
        assert start.endswith("-m jupyter lab hw1.ipynb")
        assert lines[at + 4] == ""


def test_the_next_homework_ships_the_solution_of_the_one_before(built, tmp_path):
    student, _ = _released(built, tmp_path, "hw2", now=MARCH)
    assert b"NotImplementedError" not in student.read("hw2/hlmtools/doubling.py")
    assert b"SOLUTION" not in student.read("hw2/hlmtools/doubling.py")
    assert b"NotImplementedError" in student.read("hw2/hlmtools/tripling.py")


def test_two_releases_are_byte_identical(built, mini, tmp_path, monkeypatch):
    first = release.release("hw1", tmp_path / "first", root=built)
    os.utime(mini / "course.toml", (0, 0))
    (mini / "data" / "tiny.md").chmod(0o600)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    second = release.release("hw1", tmp_path / "second", root=mini)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_the_autograder_archive_is_a_course_that_grades(built, tmp_path):
    _, autograder = _released(built, tmp_path)
    names = set(autograder.namelist())
    assert {"setup.sh", "run_autograder", "course.toml", "requirements.txt"} <= names
    assert {"solutions/hw1_doubling/hw1.py", "solutions/hlmtools/doubling.py"} <= names
    assert "autograder/references/hw1.json" in names
    assert "autograder/references/hw2.json" not in names
    assert "solutions/hw2_tripling/hw2.py" not in names
    (tests,) = {
        name.rpartition("/")[0]
        for name in names
        if name.endswith("/tests/task1_1.py") and "/student/" not in name
    }
    assert "hidden=True" in autograder.read(f"{tests}/task1_1.py").decode()
    assert b"autograder.gradescope hw1" in autograder.read("run_autograder")
    modes = {name: autograder.getinfo(name).external_attr >> 16 for name in names}
    assert oct(modes["run_autograder"]) == oct(modes["setup.sh"]) == "0o100755"
    assert {mode for name, mode in modes.items() if "/" in name} == {0o100644}


def test_tests_in_the_autograder_archive_need_not_be_built_again(built, tmp_path):
    _, autograder = _released(built, tmp_path)
    before = {name for name in autograder.namelist() if name.startswith("dist/")}
    autograder.extractall(tmp_path / "source")
    tests = build.staged_tests("hw1", tmp_path / "source")
    assert (tests / "task1_1.py").relative_to(tmp_path / "source").as_posix() in before


def test_scripts_of_the_autograder_archive_are_valid_shell(built, tmp_path):
    _, autograder = _released(built, tmp_path)
    for name in ("setup.sh", "run_autograder"):
        text = autograder.read(name)
        assert text.startswith(b"#!/usr/bin/env bash\n")
        checked = subprocess.run(["bash", "-n"], input=text, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


# --------------------------------------------------------------------------------- refusals


def test_a_release_waits_until_the_homework_before_is_closed(built, tmp_path):
    closes = course.homework("hw1", built).closes
    with pytest.raises(CourseError, match=r"solution of hw1, .* until 2027-01-28 00:29"):
        release.release("hw2", tmp_path, root=built, now=closes.replace(minute=28))
    assert not list(tmp_path.iterdir())
    release.release("hw2", tmp_path, root=built, now=closes)
    release.release("hw2", tmp_path, root=built, now=closes.replace(minute=28), force=True)


def test_a_release_refuses_files_that_are_out_of_date(mini, tmp_path):
    miniature.replace(mini / "solutions" / "hw1_doubling" / "hw1.py", "A sentence", "Two")
    with pytest.raises(CourseError, match=r"hw1\.ipynb: differs .* Run hlm build first"):
        release.release("hw1", tmp_path / "out", root=mini)
    assert not (tmp_path / "out").exists()


def test_a_release_that_uses_data_it_does_not_ship_is_refused(mini, tmp_path):
    with (mini / "assignments" / "hw1_doubling" / "notes.md").open("a") as file:
        file.write('\n```{code-cell} ipython3\nload_dataset("tiny"), load_dataset("huge")\n```\n')
    with pytest.raises(CourseError, match=r"notes\.ipynb loads the data set 'huge'"):
        release.release("hw1", tmp_path, root=mini)


SOLUTION = """
        raise ValueError(f"x is {x}; give a finite number.")
    return 2 * x
"""
HIDDEN = """
def double_of_two(double_all):
    pass
"""
HIDDEN_BODY = """
    secret_seed_number = 20270117
    expect.close(double(secret_seed_number), 2 * 20270117, name="double of a number")
"""

PLANTS = {
    "marker": ("# BEGIN SOLUTION 1.1", "a solution marker"),
    "marker of a line": ("x = 2  # SOLUTION 1.1", "a solution marker"),
    "hidden test by its flag": ("@test_case(points=2, hidden=True)", "a hidden test"),
    "hidden test by its name": (HIDDEN, "the hidden test double_of_two"),
    "hidden test by its lines": (HIDDEN_BODY, "lines of a hidden test of task1_1"),
    "judge's own code": ("from autograder import expect", "only the judge uses"),
    "value": ("The result is 1764.0512345.", "the value of hw1_answer"),
    "value, rounded": ("The result is 1764.051.", "the value of hw1_answer"),
    "value, cut": ("The result is 1764.05123", "the value of hw1_answer"),
    "value, grouped": ("The result is 1,764.051.", "the value of hw1_answer"),
    "value, in TeX": (r"The result is $-1{,}764.0512$.", "the value of hw1_answer"),
    "value, with exponent": ("The result is 1.764051e3.", "the value of hw1_answer"),
    "value that is right as well": ("Stata gives 0.0244409.", "the value of hw1_answer"),
    "value of a later homework": ("Later: 43.1234567", "the value of hw2_answer"),
    "solution": (SOLUTION, "lines of a solution of task 1.1"),
    "solution, commented out": (SOLUTION.replace("\n", "\n# "), "lines of a solution of task 1.1"),
    "solution, spaced differently": (SOLUTION.replace(" ", "  "), "solution of task 1.1"),
    "solution of the notebook": (
        "first_step = double(3.25)\nsecond_step = math.sqrt(first_step)",
        "lines of a solution of task 1.1",
    ),
    "solution of a later homework": (SOLUTION.replace("2 *", "3 *"), "a solution of task 2.1"),
}


PLACES = [(kind, place) for kind in PLANTS for place in ("handout", "notes")]
PLACES += [(kind, place) for kind in ("marker", "value") for place in ("card", "package")]


@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_a_release_with_something_secret_is_refused(mini, tmp_path, kind, place):
    plant, words = PLANTS[kind]
    folder = mini / "assignments" / "hw1_doubling"
    if place == "notes":
        plant = f"\n```{{code-cell}} ipython3\n{plant}\n```\n"
    if place == "package":
        plant = "\n# " + plant.replace("\n", "\n# ") + "\n"
    paths = {
        "handout": folder / "README.md",
        "notes": folder / "notes.md",
        "card": mini / "data" / "tiny.md",
        "package": mini / "hlmtools" / "given.py",
    }
    with paths[place].open("a", encoding="utf-8") as file:
        file.write(f"\n{plant}\n")
    with pytest.raises(release.LeakError, match="hw1 is not released") as raised:
        release.release("hw1", tmp_path / "out", root=mini)
    assert any(words in finding for finding in raised.value.findings), raised.value
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "source",
    [
        "autograder/references/hw1.json",
        "autograder/references/hw2.json",
        "solutions/hlmtools/doubling.py",
        "solutions/hw1_doubling/hw1.py",
        "solutions/hw1_doubling/rubric.md",
    ],
)
def test_a_secret_file_under_another_name_is_refused(mini, tmp_path, source):
    (mini / "data" / "tiny.md").write_bytes((mini / source).read_bytes())
    with pytest.raises(release.LeakError, match=f"data/tiny.md: is {source}"):
        release.release("hw1", tmp_path, root=mini)


@pytest.mark.parametrize(
    "text",
    [
        "The value is about 1764.1, or 1764.",
        "As published: 1764.05.",
        "There are 1764 pupils; 1764050 is another number, and so is 1764.06.",
        "The solution of task 1.1 is yours to find; begin with a sketch.",
        "Use hidden layers = true love.",
        "# Hidden assumptions\n\n## Solution\n\nThe autograder does not import your notebook.",
    ],
)
def test_what_is_no_secret_passes(mini, tmp_path, text):
    with (mini / "assignments" / "hw1_doubling" / "README.md").open("a") as file:
        file.write(f"\n{text}\n")
    release.release("hw1", tmp_path, root=mini)


def test_numbers_of_a_closed_homework_are_no_secret_any_more(mini, tmp_path):
    with (mini / "assignments" / "hw2_tripling" / "README.md").open("a") as file:
        file.write("\nIn homework 1 you found 1764.0512345.\n")
    release.release("hw2", tmp_path, root=mini, now=MARCH)


# --------------------------------------------------------- files that release makes by itself


def _files(root: Path) -> dict[str, bytes]:
    return release.student_files(course.homework("hw1", root), root)


def test_a_clean_archive_has_no_findings(built):
    assert leaks.scan(_files(built), "hw1", built) == []


@pytest.mark.parametrize(
    ("path", "content", "finding"),
    [
        ("hlmtools/doubling.py", b"def double(x):\n    return 2 * x\n", "is not the stub"),
        ("hlmtools/tripling.py", b"", "is not the stub"),
        ("hlmtools/slips/hw1.json", b'{"quantities": {"a": {"value": 1}}}', "no file of hashed"),
        (
            "hlmtools/slips/hw1.json",
            b'{"quantities": {"a": {"value": 1, "slips": []}}}',
            "a reference file (value)",
        ),
        ("data/tiny.csv", b"x\n1764.0512345\n", "is not the registered data set"),
        ("data/other.csv", b"x\n1\n", "is not the registered data set"),
        ("solutions/hw1.py", b"", "has no place in a student archive"),
        ("tests/helper.py", b"", "has no place in a student archive"),
        ("README.md", b"\xff\xfe", "is not text"),
    ],
)
def test_a_planted_file_is_found(built, path, content, finding):
    findings = leaks.scan(_files(built) | {path: content}, "hw1", built)
    assert any(found.startswith(path) and finding in found for found in findings), findings


@pytest.mark.parametrize("where", ["source", "output", "cell metadata", "notebook metadata"])
def test_every_part_of_a_notebook_is_searched(built, where):
    files = _files(built)
    notebook = json.loads(files["hw1.ipynb"])
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    if where == "source":
        cell["source"] = ["x = 1\n", "y = 1764.0512345"]
    elif where == "output":
        text = {"output_type": "stream", "name": "stdout", "text": ["1764.0512345\n"]}
        cell["outputs"] = [text]
    elif where == "cell metadata":
        cell["metadata"]["note"] = {"value": 1764.0512345}
    else:
        notebook["metadata"]["note"] = ["BEGIN", "1764.0512345"]
    files["hw1.ipynb"] = json.dumps(notebook).encode()
    (found,) = leaks.scan(files, "hw1", built)
    assert found.startswith("hw1.ipynb, ")
    assert "the value of hw1_answer" in found


# ------------------------------------------------------------------------------ the real course


@pytest.mark.parametrize("homework", course.load().homeworks, ids=lambda homework: homework.id)
def test_nothing_leaks_from_the_course(homework):
    assert leaks.scan(release.student_files(homework), homework.id) == []


def test_a_released_archive_works_by_itself(tmp_path):
    """The package in the archive finds its data, and its functions are stubs."""
    homework = course.load().homeworks[0]
    for path, content in release.student_files(homework).items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    code = """
import hlmtools, json, sys
from hlmtools import load_dataset
from hlmtools.variance_components import icc
print(len(load_dataset("dyestuff")))
try:
    icc(1.0, 3.0)
except NotImplementedError as error:
    print(error)
import otter
grader = otter.Notebook()
print(grader.check("task1_5", global_env={"icc": icc, "reliability": icc}))
print(hlmtools.__file__)
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert out.stdout.startswith("30\nTask 1.5: icc is not written yet\n"), out.stderr
    assert out.stdout.rstrip().endswith(str(tmp_path / "hlmtools" / "__init__.py"))


def test_a_student_works_in_the_archive_and_hands_in(tmp_path):
    """The solution with one slip, run as a student does: the check speaks up, the zip is whole."""
    homework = course.homework("hw1")
    quantity = next(each for each in slips.load("hw1").QUANTITIES if each.key == "hsb_icc")
    slip = quantity.slips[0]
    work = verify.slip_submission(homework, slip)
    files = release.student_files(homework)
    files |= {"hw1.ipynb": work.notebook, f"hlmtools/{homework.module}.py": work.module}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)

    notebook = nbformat.reads(work.notebook.decode(), as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()

    shown = {
        cell.source: "".join(str(output) for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    assert slip.says.split(";")[0] in shown['grader.check("task1_5")']
    assert check.FORM_IS_RIGHT in shown['grader.check("task1_6")']
    assert "hw1-submission.zip is ready to hand in" in shown['check.hand_in(grader, "hw1")']
    (found,) = submissions.find(tmp_path / "hw1-submission.zip", homework.module, "hw1.ipynb")
    assert found.problem is None
    assert found.module == work.module
    assert json.loads(found.notebook) == json.loads(work.notebook)
