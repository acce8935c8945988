"""Rules of a session, on a tiny assignment: when tests run, what counts, what each limit ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from textwrap import dedent

import pytest
from conftest import needs_bwrap
from submissions import archives

from autograder import assignment, course, judge
from autograder.submissions import Submission
from autograder.verdict import Verdict

TESTS = {
    "task1_1": """
        from otter.test_files import test_case

        OK_FORMAT = False
        name = "task1_1"
        points = None

        @test_case(points=0)
        def form_of_double(double):
            assert double(1.0) == 2.0

        @test_case(points=2, hidden=True)
        def double_of_other_numbers(double):
            assert double(20270117) == 40540234

        @test_case(points=1, hidden=True)
        def text_is_refused(double):
            from autograder import expect

            expect.raises(ValueError, double, "a", name="a text")
    """,
    "task1_2": """
        from otter.test_files import test_case

        OK_FORMAT = False
        name = "task1_2"
        points = None

        @test_case(points=1, hidden=True)
        def the_answer(x):
            assert x == 42
    """,
}

DOUBLE = """
def double(x):
    if isinstance(x, str):
        raise ValueError(x)
    return 2 * x
"""
FIRST, SECOND = 'grader.check("task1_1")', 'grader.check("task1_2")'
SETUP = "import otter\ngrader = otter.Notebook()"

Judged = Callable[..., Verdict]


@pytest.fixture(scope="module")
def tiny() -> assignment.Assignment:
    tests = {name: dedent(text) for name, text in TESTS.items()}
    held = assignment.load("hw1")
    own = frozenset({"double"})
    return replace(held, tests=tests, written=(), functions=own, given=())


@pytest.fixture(scope="module")
def judged(tiny, short_limits) -> Judged:
    """Grade cells and a module without a sandbox, which costs a second."""

    def run(*cells: str, module: str = DOUBLE, **limits: float) -> Verdict:
        bounds = replace(short_limits, **limits)
        submission = Submission(
            "student", "student.zip", notebook=archives.notebook(*cells), module=module.encode()
        )
        with judge.Session(tiny, submission, "none", bounds) as session:
            session.run_notebook()
            return session.verdict()

    return run


def passed(verdict: Verdict) -> list[str]:
    return [case.name for case in verdict.cases if case.passed]


EVERYTHING = [
    "form of double",
    "double of other numbers",
    "text is refused",
    "the answer",
]


def test_a_variable_counts_as_it_was_at_its_check_cell(judged):
    verdict = judged(SETUP, FIRST, "x = 42", SECOND, "x = 0\nimport hlmtools\ndel x")
    assert passed(verdict) == EVERYTHING
    assert verdict.status == "ok"


@pytest.mark.long
def test_a_function_counts_as_it_was_at_its_check_cell(judged):
    spoil = "import hlmtools.variance_components as own\nown.double = None"
    assert passed(judged(SETUP, FIRST, "x = 42", SECOND, spoil)) == EVERYTHING


def test_inputs_of_hidden_tests_cannot_be_shown_on_the_page(judged, tmp_path):
    """Neither by a later cell nor by one that runs again in a new kernel."""
    kept = tmp_path / "kept-inputs"
    keep = (
        f"import pathlib\nKEPT = pathlib.Path({str(kept)!r})\n"
        "def double(x):\n    KEPT.open('a').write(f'{x}\\n')\n"
        "    if isinstance(x, str):\n        import os\n        os._exit(1)\n    return 2 * x\n"
    )
    show = (
        "from hlmtools.variance_components import KEPT\nprint(KEPT.exists() and KEPT.read_text())"
    )
    verdict = judged(SETUP, FIRST, "x = 42", SECOND, show, module=keep)
    assert passed(verdict) == ["form of double", "double of other numbers", "the answer"]
    page = json.dumps(verdict.executed)
    assert "20270117" in kept.read_text(), "the attempt was made"
    assert "1.0" not in page, "no test is asked while cells run"
    assert "20270117" not in page
    assert "20270117" not in "".join(case.message for case in verdict.cases)


def test_a_module_that_refuses_every_call_earns_nothing(judged):
    verdict = judged(SETUP, FIRST, module="def double(x):\n    raise ValueError(x)")
    assert passed(verdict) == []
    assert [case.message for case in verdict.cases if case.name == "text is refused"] == [
        "double refuses every call, also those that it should answer."
    ]


def test_a_module_that_answers_what_the_student_sees_and_refuses_the_rest_earns_nothing(judged):
    fitted = "def double(x):\n    if x == 1.0:\n        return 2.0\n    raise ValueError(x)"
    assert passed(judged(SETUP, FIRST, module=fitted)) == ["form of double"]


@pytest.mark.long
def test_a_wrong_function_that_refuses_bad_input_keeps_these_points(judged):
    triple = (
        "def double(x):\n    if isinstance(x, str):\n        raise ValueError\n    return 3 * x"
    )
    assert passed(judged(SETUP, FIRST, module=triple)) == ["text is refused"]


@needs_bwrap
@pytest.mark.parametrize("again", ["bwrap", pytest.param("bwrap-cold", marks=pytest.mark.long)])
def test_the_same_work_gives_the_same_result(tiny, short_limits, again):
    """Graded twice, and warm and cold: the same but for times, random numbers included."""
    draw = "import random\nimport numpy as np\nprint(random.random(), np.random.rand(), {'a', 'b'})"
    cells = archives.notebook(SETUP, FIRST, draw, "x = 42", SECOND, "1 / 0")
    work = Submission("student", "student.zip", notebook=cells, module=DOUBLE.encode())
    found = []
    for kind in ("bwrap", again):
        with judge.Session(tiny, work, kind, short_limits) as session:
            session.run_notebook()
            verdict = session.verdict()
        cases = tuple(replace(case, seconds=0.0) for case in verdict.cases)
        found.append(replace(verdict, cases=cases))
    assert found[0] == found[1]
    assert passed(found[0]) == EVERYTHING


# --------------------------------------------------------------------------------------- limits


def test_a_cell_has_its_limit_and_the_rest_is_graded(judged):
    loop = "x = 42\nwhile True:\n    pass"
    verdict = judged(SETUP, FIRST, loop, SECOND, cell_seconds=2)
    assert passed(verdict) == EVERYTHING
    assert verdict.status == "partial"
    assert verdict.alerts == ("cell 3: it ran longer than 2 s",)


def test_a_question_has_its_limit_and_the_function_is_not_called_again(judged):
    slow = (
        "import time\n\ndef double(x):\n    if x != 1.0:\n        time.sleep(60)\n    return 2 * x"
    )
    verdict = judged(SETUP, FIRST, "x = 42", SECOND, module=slow, ask_seconds=2)
    assert passed(verdict) == ["form of double", "the answer"]
    messages = [case.message for case in verdict.cases if not case.passed]
    assert messages == [
        "Your code did not answer: it took longer than 2 s.",
        "Your code did not answer: double was not used again, because in an earlier check "
        "it took longer than 2 s.",
    ]


def test_what_ended_the_kernel_is_said_and_not_called_again(judged):
    deadly = "import os\n\ndef double(x):\n    return 2 * x if x == 1.0 else os._exit(1)"
    verdict = judged(SETUP, FIRST, "x = 42", SECOND, module=deadly)
    assert passed(verdict) == ["form of double", "the answer"]
    messages = [case.message for case in verdict.cases if not case.passed]
    assert messages == [
        "Your code did not answer: it ended the kernel.",
        "Your code did not answer: double was not used again, because in an earlier check "
        "it ended the kernel.",
    ]


@pytest.mark.long
def test_a_test_has_its_limit_however_many_questions_it_asks(judged):
    slow = "import time\n\ndef double(x):\n    time.sleep(3)\n    return 2 * x"
    verdict = judged(SETUP, FIRST, "x = 42", SECOND, module=slow, test_seconds=1)
    assert passed(verdict) == ["the answer"]
    assert any("the check took longer than its limit" in case.message for case in verdict.cases)


@pytest.mark.long
def test_all_tests_together_have_a_limit_that_leaves_the_answers_in(judged):
    slow = "import time\n\ndef double(x):\n    time.sleep(2)\n    return 2 * x"
    verdict = judged(SETUP, FIRST, "x = 42", SECOND, module=slow, tests_seconds=3)
    assert passed(verdict) == ["form of double", "the answer"]


@pytest.mark.long
def test_a_notebook_has_its_limit(judged):
    naps = ["import time\ntime.sleep(1.5)"] * 4
    verdict = judged(SETUP, FIRST, *naps, "x = 42", SECOND, notebook_seconds=4)
    assert set(passed(verdict)) == set(EVERYTHING[:3])
    assert any("the notebook ran longer than 4 s" in alert for alert in verdict.alerts)


def test_limits_of_the_course_are_those_of_the_file():
    limits = course.load().limits
    assert 0 < limits.ask_seconds <= limits.test_seconds <= limits.tests_seconds
    assert 0 < limits.cell_seconds <= limits.notebook_seconds
