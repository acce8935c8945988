"""What otter's and nbgrader's graders get wrong, each done to this judge.

One submission to an assignment made by `otter assign` holds all of it, a question each: what lies
gains nothing, what is right counts, and nothing costs another question a point.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import pytest

from autograder import course, grade, judge
from autograder.submissions import Submission
from autograder.verdict import Verdict
from tests.assigned import Case, Made, Question, answered, assign
from tests.conftest import needs_bwrap

pytestmark = pytest.mark.filterwarnings("ignore:Non-unique cell id")  # they are meant

SECRET = 314159.25
"""Stands in every hidden test and nowhere else."""


@dataclass(frozen=True)
class Fault:
    """One way in which another grader is fooled or stopped, done in a question of its own."""

    name: str
    of: str  # whose fault, and where it is described
    code: str
    earns: float


LIAR = """\
class Liar(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
{} = Liar(1.0)"""

REDUCER = """\
class Reducer:
    def __reduce__(self): return (print, ("unpickled",))
    def __eq__(self, other): return True
{} = Reducer()"""

PATCH = """\
import otter, numpy as np
from contextlib import suppress
np.isclose = lambda *_, **__: True
with suppress(Exception):
    from otter.test_files.abstract_test import TestFile
    TestFile.passed_all = TestFile.grade = TestFile.score = 4"""

SPY = """\
import glob, os, sys
for path in glob.glob("**", recursive=True) + glob.glob("/autograder/**", recursive=True):
    if os.path.isfile(path) and path.endswith(".py"):
        print(open(path).read())
{} = 314159.25"""

RIGHT = "{} = 314159.25"

FAULTS = (
    Fault("pickled", "otter 1: results pickled by the student's kernel are loaded", REDUCER, 0),
    Fault("patched", "otter 2: replacing a class of the shared process gives all points", PATCH, 0),
    Fault("liar", "otter 3: an __eq__ that is always true", LIAR, 0),
    Fault("spied", "otter 4: hidden tests are readable from the kernel", SPY, 3),
    Fault("ended", "otter 5: a cell that ends the kernel, although the answer is right", RIGHT, 3),
    Fault("exits", "otter 6: a graded function that exits", "def {}(x): raise SystemExit", 0),
    Fault("hangs", "otter 7: a function without an end", "def {}(x):\n    while True: pass", 0),
    Fault("quiet", "nbgrader #1324: no traceback, full marks", "", 0),
    Fault("noisy", "nbgrader #1904: text on stderr costs all", "", 3),
    Fault("number", "nbgrader: a lone number as the last value is partial credit", "2", 0),
    Fault("zero", "nbgrader #974: a score of 0 gave full marks", "{} = 0\n0", 0),
    Fault("partial", "nbgrader #1399: partial credit or an explanation, not both", "{} = 2.0", 1),
    Fault("twice", "nbgrader #1083: copied cells break the batch", RIGHT, 3),
    Fault("honest", "nbgrader: an unresponsive kernel costs the student's output", RIGHT, 3),
)

QUIET = """\
import sys
sys.tracebacklimit = 0
get_ipython().showtraceback = lambda *_, **__: None
get_ipython()._showtraceback = lambda *_, **__: None
raise ValueError("not seen")"""

NOISY = """\
import sys, warnings
warnings.warn("harmless")
print("a note", file=sys.stderr)
{} = 314159.25"""


def question(fault: Fault) -> Question:
    """Two tests: the public one is met by any number, the hidden one by the right one alone."""
    name = fault.name
    if fault.name in {"exits", "hangs"}:
        tests = (
            Case(f"def test_kind({name}):\n    assert {name}(1) is not None", points=1),
            Case(f"def test_value({name}):\n    assert {name}(2) == {SECRET}", True, 2),
        )
    else:
        tests = (
            Case(f"def test_kind({name}):\n    assert {name} == {name} and {name} > 0", points=1),
            Case(f"def test_value({name}):\n    assert {name} == {SECRET}", True, 2),
        )
    return Question(name, f"{name} = {SECRET}", tests)


def code(fault: Fault) -> str:
    own = {"quiet": QUIET, "noisy": NOISY}.get(fault.name, fault.code)
    return own.replace("{}", fault.name)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    settings = {"tests": {"ok_format": False, "files": True}}
    questions = [question(fault) for fault in FAULTS]
    return assign(tmp_path_factory.mktemp("faults"), settings, "import numpy as np", *questions)


@pytest.fixture(scope="module")
def limits() -> course.Limits:
    return replace(course.load().limits, cell_seconds=5, ask_seconds=3, test_seconds=10)


@pytest.fixture(scope="module")
def submission(made) -> Submission:
    """All faults in one notebook; before the last one copied cells, an endless loop, an exit."""
    content = answered(made, **{fault.name: code(fault) for fault in FAULTS})
    notebook = nbformat.reads(content.decode(), as_version=4)
    place = {cell.source: index for index, cell in enumerate(notebook.cells)}
    copied = place['grader.check("twice")']
    loop, end = map(nbformat.v4.new_code_cell, ("while True: pass", "import os; os._exit(0)"))
    copies = notebook.cells[copied - 1 : copied + 1]  # with the ids of their originals
    notebook.cells[copied + 1 : copied + 1] = [*copies, loop, end]
    return Submission("everything", "everything.ipynb", notebook=json.dumps(notebook).encode())


@pytest.fixture(scope="module")
def verdict(made, submission, limits) -> Verdict:
    return judge.grade_submission(made.archive, submission, "bwrap", limits)


@needs_bwrap
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(fault: Fault, verdict: Verdict) -> None:
    earned, possible = verdict.questions()[fault.name]
    assert possible == 3
    assert earned == fault.earns, (fault.of, verdict.alerts)


@needs_bwrap
def test_every_verdict_came_from_the_judge_and_gives_nothing_away(verdict: Verdict) -> None:
    assert verdict.status == "partial"
    assert all(case.beside is None for case in verdict.cases)
    outputs = [cell.get("outputs") for cell in verdict.executed["cells"]]
    shown = json.dumps([outputs, [case.message for case in verdict.cases]])
    assert "test_value" not in shown, "a hidden test was read"
    assert "unpickled" not in shown
    partial = [case for case in verdict.cases if case.question == "partial"]
    assert [(case.passed, bool(case.message)) for case in partial] == [(True, False), (False, True)]


@needs_bwrap
def test_results_have_an_entry_a_case_and_the_time_it_took(verdict: Verdict) -> None:
    results = verdict.to_results()
    assert len(results["tests"]) == 2 * len(FAULTS)
    assert all(entry["extra_data"]["tamper_proof"] for entry in results["tests"])
    assert results["execution_time"] > 0


@needs_bwrap
@pytest.mark.long
def test_no_submission_stops_the_batch_and_no_log_is_loaded(made, limits, tmp_path) -> None:
    """Otter 8 and 10, nbgrader #813: an endless notebook, a pickled log, and an honest one."""
    box, trace = tmp_path / "in", tmp_path / "trace"
    box.mkdir()
    honest = answered(made, honest="honest = 314159.25", number="number = 314159.25")
    (box / "ada.ipynb").write_bytes(honest)
    (box / "bob.ipynb").write_bytes(answered(made, honest="while True: pass"))
    pickled = b"cposix\nsystem\n(S'touch " + str(trace).encode() + b"'\ntR."
    with zipfile.ZipFile(box / "cyd.zip", "w") as archive:
        archive.writestr("lab.ipynb", honest)
        archive.writestr(".OTTER_LOG", pickled)
        archive.writestr("results.pkl", pickled)
    verdicts = grade.grade(made.archive, box, tmp_path / "out", jobs=1, limits=limits)
    assert [(each.submission, each.score) for each in verdicts] == [
        ("ada", 6),
        ("bob", 0),
        ("cyd", 6),
    ]
    assert [each.status for each in verdicts] == ["ok", "partial", "ok"]
    assert not trace.exists()
    rows = (tmp_path / "out" / "grades.csv").read_text().splitlines()
    assert len(rows) == 4
    assert len(list(Path(tmp_path / "out" / "feedback").glob("*.html"))) >= 3


def test_nothing_of_the_archive_is_run_but_its_tests(made, tmp_path) -> None:
    """Otter 9: no image is built; the archive's set-up scripts are not even looked at."""
    trace = tmp_path / "trace"
    with zipfile.ZipFile(made.archive) as before, zipfile.ZipFile(tmp_path / "a.zip", "w") as after:
        for name in before.namelist():
            script = f"touch {trace}\n" if name.endswith(".sh") else before.read(name)
            after.writestr(name, script)
    verdict = judge.grade_submission(
        tmp_path / "a.zip", Submission("none", "none", problem="Nothing came."), "none"
    )
    assert verdict.max_score == 3 * len(FAULTS)
    assert verdict.score == 0
    assert not trace.exists()
