"""Assignments made by `otter assign` elsewhere: what is read, refused, and equal to `otter run`."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from autograder import foreign, judge, submissions, testfile
from autograder.cli import main
from autograder.course import CourseError
from autograder.remote import RemoteError, TimeOver
from autograder.submissions import Submission
from autograder.verdict import Verdict
from tests.assigned import Case, Made, Question, answered, assign, solved
from tests.conftest import needs_bwrap

pytestmark = pytest.mark.filterwarnings(  # of otter's own code
    "ignore:The inplace keyword", "ignore:unclosed .*socket:ResourceWarning"
)

NUMBERS = Question(
    "q1",
    "mean = pd.read_csv('data.csv').x.mean()",
    (
        Case("def test_kind(mean):\n    assert isinstance(mean, float)"),
        Case("def test_value(mean):\n    assert abs(mean - 2.5) < 1e-9", True, 2),
    ),
    {"points": 3},
)
FUNCTION = Question(
    "q2",
    "def square(x):\n    return x * x",
    (
        Case("def test_one(env):\n    assert env['square'](3) == 9", points=1),
        Case(
            "def test_array(square):\n    import numpy as np\n"
            "    assert np.allclose(square(np.array([1.0, 2.0])), [1, 4])",
            hidden=True,
            points=1,
        ),
        Case("def test_callable(square):\n    assert callable(square)", points=1),
    ),
    {"all_or_nothing": True},
)
CHANGES = Question(
    "q3",
    "def tidy(xs):\n    xs.sort()",
    (
        Case(
            "def test_in_place(tidy):\n    xs = [3, 1, 2]\n    tidy(xs)\n    assert xs == [1, 2, 3]"
        ),
        Case("def test_none(tidy):\n    assert tidy([2, 1]) is None", hidden=True),
    ),
)
SHAPES = Question(
    "q1",
    "class Square:\n    def __init__(self, side):\n        self.side = side\n"
    "    def area(self):\n        return self.side ** 2\nshape = Square(3)",
    (
        Case("shape.area()", output="9"),
        Case("isinstance(Square(2), Square)", hidden=True, output="True"),
        Case("[Square(n).area() for n in range(3)]", hidden=True, output="[0, 1, 4]"),
    ),
    {"points": [1, 0.5, 2]},
)
PRINTS = Question(
    "q2",
    "def greet(name):\n    print('Hello', name)\n    return len(name)",
    (Case("greet('Ada')", output="Hello Ada\n3"), Case("n = greet('Bo')\nn == 2", output="True")),
    {"points": {"each": 2}},
)
DRAWN = Question(
    "q1",
    "draws = np.random.normal(size=3)",
    (
        Case("len(draws)", output="3"),
        Case("round(float(draws.sum()), 6)", hidden=True, points=2, output="{draws}"),
    ),
)
DRAWS = Question(
    "q2",
    "def draw():\n    return int(np.random.randint(1000))",
    (Case("draw()", hidden=True, output="{draw}"),),
)

VARIABLE = Question(
    "q1",
    "draws = np.random.default_rng(rng_seed).normal(size=2).round(6).tolist()",
    (Case("draws", hidden=True, output="{by variable}"), Case("len(draws)", output="2")),
)


@dataclass(frozen=True)
class Lab:
    """An assignment and several answers to it, by the name of a student."""

    settings: dict[str, Any]
    questions: tuple[Question, ...]
    answers: dict[str, dict[str, str]]
    before: str = "import numpy as np\nimport pandas as pd"


LABS = {
    "exceptions": Lab(
        {"tests": {"ok_format": False, "files": True}, "files": ["data.csv"], "name": "lab"},
        (NUMBERS, FUNCTION, CHANGES),
        {
            "halfway": {
                "q1": "mean = 2.5",
                "q2": "def square(x):\n    return x + x + 3 if x == 3 else x",
                "q3": "def tidy(xs):\n    return sorted(xs)",
            },
            "wrong": {"q1": "mean = '2.5'", "q3": "def tidy(xs):\n    xs.sort()\n    return 1"},
            "broken": {"q1": "mean = 1 / 0", "q2": "def square(:", "q3": NUMBERS.solution},
            "empty": {},
        },
    ),
    "doctests": Lab(
        {},  # OK format in the notebook's metadata, as otter has it by default
        (SHAPES, PRINTS),
        {
            "halfway": {
                "q1": SHAPES.solution.replace("** 2", "* 3"),
                "q2": PRINTS.solution.replace("Hello", "Hi"),
            },
            "quiet": {"q1": "shape = 9", "q2": "def greet(name):\n    return len(name)"},
        },
    ),
    "seeds": Lab(
        {"generate": {"seed": 42}, "tests": {"files": True}},
        (DRAWN, DRAWS),
        {"other": {"q1": "draws = np.random.normal(size=4)[1:]", "q2": "def draw(): return 5"}},
    ),
    "seed-variable": Lab(
        {"seed": {"variable": "rng_seed", "autograder_value": 713, "student_value": 42}},
        (VARIABLE,),
        {"fixed": {"q1": VARIABLE.solution.replace("rng_seed", "42")}},
        before="import numpy as np\nrng_seed = 713 # SEED",
    ),
    "rescaled": Lab(
        {"generate": {"points_possible": 10}, "tests": {"ok_format": False}, "files": ["data.csv"]},
        (NUMBERS, FUNCTION),
        {"halfway": {"q1": "mean = 2.5"}},
    ),
    "threshold": Lab(
        {"generate": {"score_threshold": 0.5}, "tests": {"ok_format": False}},
        (FUNCTION, CHANGES),
        {"pass": {"q2": FUNCTION.solution}, "fail": {"q3": CHANGES.solution.replace("sort", "x")}},
    ),
}


def make(name: str, folder: Path) -> Made:
    (folder / "data.csv").write_text("x\n1\n2\n3\n4\n")
    return assign(folder, LABS[name].settings, LABS[name].before, *_drawn(LABS[name].questions))


def _drawn(questions: tuple[Question, ...]) -> list[Question]:
    """The numbers that the seeds give stand in the tests, as an executed master would have them."""
    import numpy as np

    np.random.seed(42)  # noqa: NPY002
    draws = round(float(np.random.normal(size=3).sum()), 6)  # noqa: NPY002
    np.random.seed(42)  # noqa: NPY002
    found = {"{draws}": str(draws), "{draw}": str(int(np.random.randint(1000)))}  # noqa: NPY002
    found["{by variable}"] = str(np.random.default_rng(713).normal(size=2).round(6).tolist())
    return [
        Question(
            each.name,
            each.solution,
            tuple(
                Case(
                    case.code, case.hidden, case.points, output=found.get(case.output, case.output)
                )
                for case in each.cases
            ),
            each.settings,
        )
        for each in questions
    ]


def by_otter(made: Made, content: bytes, folder: Path) -> tuple[dict[str, float], float]:
    """Scores by question and in all, as `otter run` gives them."""
    from otter.run import capture_run_output
    from otter.run import main as run

    folder.mkdir()
    path = folder / "lab.ipynb"
    path.write_bytes(content)
    quiet = contextlib.redirect_stderr(io.StringIO())
    with quiet, capture_run_output():
        results = run(str(path), autograder=str(made.archive), output_dir=str(folder), no_logo=True)
    written = json.loads((folder / "results.json").read_text())
    scores = {name: float(each.score) for name, each in results.results.items()}
    return scores, float(written.get("score", sum(scores.values())))


def by_judge(made: Made, content: bytes) -> Verdict:
    return judge.grade_submission(
        made.archive, Submission("student", "student.ipynb", notebook=content), "bwrap"
    )


def compare(name: str, students: list[str], folder: Path) -> None:
    made = make(name, folder)
    for student in students:
        content = (
            solved(made) if student == "solved" else answered(made, **LABS[name].answers[student])
        )
        verdict = by_judge(made, content)
        scores, total = by_otter(made, content, folder / student)
        ours = {question: earned for question, (earned, _) in verdict.questions().items()}
        assert ours == pytest.approx(scores), (student, verdict.cases, verdict.alerts)
        assert verdict.score == pytest.approx(total), student


@needs_bwrap
def test_scores_equal_those_of_otter_run(tmp_path) -> None:
    compare("exceptions", ["halfway"], tmp_path)


@needs_bwrap
@pytest.mark.long
@pytest.mark.parametrize("name", sorted(LABS))
def test_scores_equal_those_of_otter_run_in_every_form(name: str, tmp_path) -> None:
    compare(name, ["solved", *LABS[name].answers], tmp_path)


@needs_bwrap
@pytest.mark.long
def test_a_class_from_the_command_line(tmp_path) -> None:
    made, box, out = make("exceptions", tmp_path), tmp_path / "in", tmp_path / "out"
    box.mkdir()
    (box / "ada.ipynb").write_bytes(solved(made))
    with zipfile.ZipFile(box / "bob.zip", "w") as archive:
        archive.writestr(
            "lab.ipynb",
            answered(
                made,
                q1="import lib\nmean = lib.MEAN",
                q2="square = lib.square",
                q3="tidy = list.sort\nimport os; os.path.exists('tests')",
            ),
        )
        archive.writestr("lib.py", "MEAN = 2.5\ndef square(x):\n    return x * x\n")
        archive.writestr("data.csv", "x\n9\n")
    other = json.loads(solved(made))
    other["metadata"]["otter"] = {"assignment_name": "another"}
    (box / "cyd.ipynb").write_text(json.dumps(other))
    words = ["grade", "--autograder", str(made.archive), str(box), "--out", str(out)]
    ran = CliRunner().invoke(main, words)
    assert ran.exit_code == 0, ran.output
    assert "not of 'lab'" in ran.output
    results = {path.stem: json.loads(path.read_text()) for path in (out / "results").glob("*.json")}
    assert {name: each["score"] for name, each in results.items()} == {"ada": 7, "bob": 7, "cyd": 0}
    cases = {each["name"]: each["extra_data"] for each in results["ada"]["tests"]}
    assert cases["q1 test value"]["tamper_proof"]
    assert not cases["q2 test callable"]["tamper_proof"]
    assert "not tamper-proof" in " ".join(results["ada"]["extra_data"]["alerts"])
    for page in [out / "report.html", *(out / "feedback").glob("*.html")]:
        assert "lab" in page.read_text()
    again = CliRunner().invoke(main, ["report", str(out)])
    assert again.exit_code == 0, again.output


def repacked(made: Made, path: Path, **changed: Any) -> Path:
    """The archive with other settings or files."""
    with zipfile.ZipFile(made.archive) as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            if name == "otter_config.json":
                data = json.dumps({**json.loads(data), **changed.get("settings", {})}).encode()
            after.writestr(name, data)
        for name, data in changed.get("files", {}).items():
            after.writestr(name, data)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return make("exceptions", tmp_path_factory.mktemp("made"))


def test_what_is_read_of_an_archive(made) -> None:
    found = foreign.load(made.archive)
    assert list(found.tests) == ["q1", "q2", "q3"]
    assert [name for name, _ in found.files] == ["data.csv"]
    assert found.homework.title == "lab"
    points = {
        name: [case.points for case in found.test_file(name).test_cases] for name in found.tests
    }
    assert points == {"q1": [1, 2], "q2": [1, 1, 1], "q3": [0.5, 0.5]}
    assert found.test_file("q2").all_or_nothing
    beside = [bool(case.body.beside) for case in found.test_file("q2").test_cases]
    assert beside == [False, False, True]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"lang": "r"}, "R"),
        ({"plugins": ["otter.plugins.builtin.RateLimiting"]}, "plugins"),
        ({"grade_from_log": True}, "grade_from_log"),
    ],
)
def test_what_cannot_be_carried_over_is_refused_by_name(settings, named, made, tmp_path) -> None:
    path = repacked(made, tmp_path / "a.zip", settings=settings)
    with pytest.raises(CourseError, match=named):
        foreign.load(path)


@pytest.mark.parametrize("name", ["../outside.py", "/etc/passwd", "files/../../x", "files\\..\\x"])
def test_paths_that_lead_outside_are_refused(name: str, made, tmp_path) -> None:
    path = repacked(made, tmp_path / "a.zip", files={name: "x"})
    with pytest.raises(CourseError, match="outside"):
        foreign.load(path)


def test_an_archive_without_tests_and_a_file_that_is_none(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("otter_config.json", "{}")
    with pytest.raises(CourseError, match="holds no tests"):
        foreign.load(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_text("no zip")
    with pytest.raises(CourseError, match="otter assign"):
        foreign.load(tmp_path / "b.zip")


def test_an_answer_that_the_judge_cannot_compare_is_shown_to_the_ta(made) -> None:
    held = foreign.load(made.archive).test_file("q1")
    one = type(held)(held.name, held.path, held.test_cases[1:])
    error = RemoteError("a Fraction was given where plain data is needed")
    assert one._generate_error_message(error) == "This check did not pass."
    assert "by hand" in (one.odd or "")


def test_what_a_student_brings_lies_under_what_the_assignment_brings(made, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "ada.zip", "w") as archive:
        archive.writestr("lab.ipynb", answered(made))
        for name in ("lib.py", "data.csv", "tests/q1.py", "../out.py", "deep/er.txt", ".OTTER_LOG"):
            archive.writestr(name, "theirs")
    (submission,) = submissions.find(tmp_path / "ada.zip", "")
    space = tmp_path / "space"
    space.mkdir()
    foreign.load(made.archive).lay_out(submission, space)
    found = {str(path.relative_to(space)) for path in space.rglob("*") if path.is_file()}
    assert found == {"lib.py", "data.csv", "deep/er.txt"}
    assert (space / "data.csv").read_text() != "theirs"
    assert not (tmp_path / "out.py").exists()


@needs_bwrap
@pytest.mark.parametrize("kind", ["bwrap", "bwrap-cold"])
def test_no_file_of_a_student_takes_the_place_of_what_a_kernel_needs(kind: str, made) -> None:
    names = ("IPython", "ipykernel", "tornado", "zmq", "msgpack", "pandas", "otter", "worker")
    files = tuple((f"{name}.py", b"import os; os._exit(3)") for name in names)
    work = Submission("a", "a.zip", notebook=solved(made), files=files)
    verdict = judge.grade_submission(made.archive, work, kind)
    assert (verdict.score, verdict.status) == (verdict.max_score, "ok"), verdict.alerts


def test_a_test_file_that_cannot_be_read_is_named(made, tmp_path) -> None:
    path = repacked(made, tmp_path / "a.zip", files={"tests/q9.py": "OK_FORMAT = False\n"})
    with pytest.raises(CourseError, match=r"q9\.py"):
        foreign.load(path)


def test_size_is_bounded(made, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(foreign, "MAX_FILE", 100)
    with pytest.raises(CourseError, match="too large"):
        foreign.load(repacked(made, tmp_path / "a.zip"))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("[0] * 10**10", MemoryError),
        ("'%8000000000d' % 2", MemoryError),
        ("[n for n in range(10**12) if n < 0]", TimeOver),
    ],
)
def test_what_a_test_does_in_the_judge_is_bounded(code, error, monkeypatch) -> None:
    """A test that computes with a size of the submission's choice costs its own points at most."""
    monkeypatch.setattr(testfile, "JUDGE_SECONDS", 1)
    with pytest.raises(error), testfile.bounded(0):
        eval(code)


@pytest.mark.parametrize("words", [["x.zip"], ["hw1"], ["hw1", "x", "y"], []])
def test_grade_says_how_it_is_called(words: list[str]) -> None:
    ran = CliRunner().invoke(main, ["grade", *words, "--out", "out"])
    assert ran.exit_code == 2
    assert "--autograder" in ran.output or "Missing argument" in ran.output
