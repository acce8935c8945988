"""Verification: it is silent about a sound homework, and says what is wrong with any other."""

from __future__ import annotations

import ast
import importlib
import json
from dataclasses import replace
from pathlib import Path

import miniature
import pytest

from autograder import build, course, slips, statements, verify
from autograder.course import CourseError
from autograder.slips import Alternative, Quantity, Slip, WrongAnswer, WrongFunction
from autograder.verdict import CaseResult, Verdict, WrittenAnswer


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    root = miniature.make(tmp_path_factory.mktemp("course"))
    build.build(root=root)
    return root


@pytest.fixture
def mini(built, tmp_path) -> Path:
    return miniature.copy(built, tmp_path / "course")


@pytest.fixture(scope="module")
def hw1() -> course.Homework:
    return course.homework("hw1")


# ------------------------------------------------------------------------------ the real course


@pytest.mark.long
def test_homework_1_is_sound():
    """Solution, stub, alternatives and slips, made and undone in one kernel, and every mutant.

    The long way, `hlm verify --thorough` of all homeworks, is a step of its own in `make check`.
    """
    assert verify.verify("hw1") == []


@pytest.mark.parametrize("homework", course.load().homeworks, ids=lambda homework: homework.id)
def test_every_homework_has_other_right_ways(homework):
    functions = {block.function for block in build.solution_blocks(homework)}
    others = {each.code.function for each in slips.alternatives(homework.id)}
    assert others <= functions
    assert len(others) >= 3


def icc_in_percent(psi, sigma2):
    return 100 * psi / (psi + sigma2)


def test_what_is_not_recognised_is_a_finding(hw1, monkeypatch):
    """A wrong alternative; a slip as it is, one whose sentence nobody gives, an idle one."""
    other = (Alternative("in percent", icc_in_percent, "icc"),)
    monkeypatch.setattr(slips, "alternatives", lambda hw: other)
    module = slips.load("hw1")
    quantity = next(each for each in module.QUANTITIES if each.key == "hsb_icc")
    known = quantity.slips[0]
    unknown = replace(known, name="unknown", says="A sentence that stands nowhere.")
    idle = Slip("idle", "Nothing.", "notes 1", WrongAnswer("hsb_icc = hsb_icc + 0.0"))
    monkeypatch.setattr(module, "QUANTITIES", (replace(quantity, slips=(known, unknown, idle)),))
    findings = verify._session_findings(hw1, "none", lambda line: None)
    assert "fails a right icc (in percent)" in findings[0]
    assert [each for each in findings if "fails a right" not in each] == [
        f"hsb_icc: the slip {name} is not recognised {where}"
        for name in ("unknown", "idle")
        for where in ("when it is graded", "by the notebook's own check")
    ]


def test_a_slip_in_a_submission_of_its_own_runs_what_its_task_depends_on(hw1):
    quantity = next(each for each in slips.load("hw1").QUANTITIES if each.key == "hsb_icc")
    submission = verify.slip_submission(hw1, quantity.slips[0])
    verdict = verify._graded_in_part(hw1, submission, {quantity.task}, "none")
    assert {case.task for case in verdict.cases} == {quantity.task}
    assert verify.slip_findings(quantity, quantity.slips[0], verdict.cases) == []
    ran = [cell for cell in verdict.executed["cells"] if cell.get("execution_count")]
    assert 0 < len(ran) < sum(cell["cell_type"] == "code" for cell in verdict.executed["cells"]) / 2


def test_what_is_right_is_no_slip_to_the_own_check(hw1, monkeypatch):
    from hlmtools import check

    assert verify.hash_findings(hw1) == []
    table = json.loads(json.dumps(check._slip_table()))
    entry = table["hsb_icc"]
    value = build.read_references(hw1)["quantities"]["hsb_icc"]["value"]
    entry["slips"][0]["hash"] = check.slip_hash(entry["salt"], int(value // entry["width"]))
    del table["hsb_se"]
    monkeypatch.setattr(check, "_slip_table", lambda: table)
    assert sorted(verify.hash_findings(hw1)) == [
        "hsb_icc: the notebook's own check takes a right value for a slip",
        "hsb_se: is not in hlmtools/slips; run hlm build",
    ]


# -------------------------------------------------------------------------------------- tests


def test_tests_of_a_sound_homework_reach_students_by_parameters(built):
    assert verify.static_findings(course.homework("hw1", built), built) == []


@pytest.mark.parametrize(
    ("line", "finding"),
    [
        ("from hlmtools.doubling import double", "imports hlmtools.doubling; take its functions"),
        ("from hlmtools import doubling", "imports hlmtools.doubling; take its functions"),
        ("import hlmtools.tripling", "imports hlmtools.tripling; take its functions"),
        ("answer", "uses answer, which is neither parameter nor import"),
        ("value = math.pi", "uses math, which is neither parameter nor import"),
        ("globals()['answer']", "uses globals, which is neither"),
        ("eval('answer')", "uses eval, which is neither"),
        ("get_ipython().user_ns", "uses get_ipython, which is neither"),
    ],
)
def test_a_test_that_goes_round_its_parameters_is_a_finding(mini, line, finding):
    master = mini / "solutions" / "hw1_doubling" / "hw1.py"
    old = "def double_of_two(double_all):\n"
    miniature.replace(master, old, f"{old}    {line}\n")
    (found,) = verify.case_findings(course.homework("hw1", mini), mini)
    assert found.startswith("solutions/hw1_doubling/hw1.py, line ")
    assert f"double_of_two: {finding}" in found


def test_names_of_a_test_itself_are_no_finding():
    source = """
def test(x):
    import math
    from hlmtools import check
    y = math.sqrt(x)
    def inner(z):
        return z + y
    total = sum(inner(each) for each in [lambda w: w + y])
    with open("f") as file:
        check.number(total, file.name)
    try:
        total[0] = 1
    except TypeError as error:
        raise AssertionError(str(error))
"""
    assert verify.outer_names(source) == set()


def test_a_drift_and_a_leak_are_findings(mini):
    handout = mini / "assignments" / "hw1_doubling" / "README.md"
    miniature.replace(handout, "comes first", "gives 1764.0512345")
    miniature.replace(mini / "hlmtools" / "doubling.py", "Task 1.1", "Task 1.3")
    findings = verify.static_findings(course.homework("hw1", mini), mini)
    assert findings == [
        "hlmtools/doubling.py: differs from what its master gives; run hlm build",
        "README.md, line 12: the value of hw1_answer to 6 or more digits",
    ]


# ------------------------------------------------------------------------------- verdicts


def _case(task: str = "1.1", points: float = 2, passed: bool = True, **others) -> CaseResult:
    question = f"task{task.replace('.', '_')}"
    given = {"hidden": True, "message": "", "name": "a case"} | others
    return CaseResult(task=task, question=question, points=points, passed=passed, **given)


def _verdict(hw1, *cases: CaseResult, **others) -> Verdict:
    written = tuple(
        WrittenAnswer(name, "1.9", points, "An answer.")
        for name, points in build.written_questions("hw1").items()
    )
    given = {"written": written} | others
    return Verdict("s", "s", "", "", "hw1", status="ok", cases=cases, **given)


def _possible(hw1) -> float:
    questions = build.read_master(hw1).questions
    return sum(question.points for question in questions if not question.manual)


def test_a_solution_that_fails_or_is_worth_something_else_is_a_finding(hw1):
    points = _possible(hw1)
    assert verify.solution_findings(hw1, _verdict(hw1, _case(points=points))) == []
    failing = _verdict(hw1, _case(points=points, passed=False, message="Wrong."))
    assert verify.solution_findings(hw1, failing) == [
        "task1_1, a case: the solution fails (Wrong.)"
    ]
    (found,) = verify.solution_findings(hw1, _verdict(hw1, _case(points=points - 1)))
    assert found == f"the judge counts {points - 1:g} points, the master {points:g}"
    alarmed = _verdict(hw1, _case(points=points), alerts=("printed a lot",))
    assert verify.solution_findings(hw1, alarmed) == ["the solution: printed a lot"]


def test_a_written_answer_that_is_not_found_is_a_finding(hw1):
    found = verify.solution_findings(hw1, _verdict(hw1, _case(points=_possible(hw1)), written=()))
    assert found == [
        f"{name}: the judge does not find the written answer"
        for name in build.written_questions("hw1")
    ]


def test_a_stub_that_earns_points_is_a_finding(hw1, monkeypatch):
    cases = [_case(), _case(passed=False), _case("1.2", passed=False), _case("1.3", points=0)]
    monkeypatch.setattr(verify, "_graded", lambda *given: _verdict(hw1, *cases))
    assert verify.stub_findings(hw1, "none") == [
        "task 1.1: the untouched stub earns 2 points",
        "task 1.1: a module that refuses every call earns 2 points",
    ]


def test_a_sentence_counts_only_in_a_case_that_fails():
    slip = Slip("wrong", "That is wrong.", "notes 1", WrongAnswer("x = 1"))
    quantity = Quantity("x", "1.1", "fit.x", "closed_form", "x", (slip,))
    graded = _case(passed=False, message="That is wrong. (See notes 1.)")
    checked = replace(graded, hidden=False)
    assert verify.slip_findings(quantity, slip, [graded, checked]) == []
    assert verify.slip_findings(quantity, slip, [graded]) == [
        "x: the slip wrong is not recognised by the notebook's own check"
    ]
    assert verify.slip_findings(quantity, slip, [checked, replace(graded, passed=True)]) == [
        "x: the slip wrong is not recognised when it is graded"
    ]


# ------------------------------------------------------------------------ submissions of slips


def _slip_of(kind: type) -> Slip:
    return next(
        slip
        for quantity in slips.load("hw1").QUANTITIES
        for slip in quantity.slips
        if isinstance(slip.code, kind)
    )


def test_a_wrong_function_takes_the_place_of_the_right_one(hw1):
    slip = _slip_of(WrongFunction)
    right = ast.parse(build.solved_module(hw1))
    wrong = ast.parse(verify.slip_submission(hw1, slip).module or b"")
    different = [
        one.name
        for one, other in zip(right.body, wrong.body, strict=True)
        if isinstance(one, ast.FunctionDef) and ast.dump(one) != ast.dump(other)
    ]
    assert different == [slip.code.function]


def test_a_wrong_answer_stands_after_the_last_cell_that_gives_it(hw1):
    slip = _slip_of(WrongAnswer)
    name = slip.code.statement.split(" = ")[0]
    notebook = json.loads(verify.slip_submission(hw1, slip).notebook or b"")
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    at = sources.index(slip.code.statement)
    assert any(f"{name} = " in source for source in sources[:at])
    assert not any(f"\n{name} = " in f"\n{source}" for source in sources[at + 1 :])


def test_slips_that_change_nothing_known_are_refused(hw1):
    with pytest.raises(CourseError, match="No cell gives unheard_of a value"):
        verify.slip_submission(hw1, Slip("s", "", "", WrongAnswer("unheard_of = 1")))
    wrong = WrongFunction("unheard_of", len, "def unheard_of(): pass")
    with pytest.raises(CourseError, match="no function 'unheard_of'"):
        verify.slip_submission(hw1, Slip("s", "", "", wrong))


# ------------------------------------------------------------------------ slips in one kernel

CELLS = [
    "%magic\nimport math\na = f(1)\nb = a + 1",
    "c = [b, 0]\nc[1] = a\nd = 5",
    "print(c)",
    "e = sum(c) + d",
]


def _statements() -> list[statements.Statement]:
    return [statement for cell in CELLS for statement in statements.statements(cell)]


def test_statements_that_depend_on_a_change_are_run_again_and_no_others():
    notebook = _statements()
    texts = [each.text for each in statements.affected(notebook, {"f"}, frozenset())]
    assert texts == ["a = f(1)", "b = a + 1", "c = [b, 0]", "c[1] = a", "e = sum(c) + d"]
    texts = [each.text for each in statements.affected(notebook, {"b"}, frozenset({"b"}))]
    assert texts == ["c = [b, 0]", "c[1] = a", "e = sum(c) + d"]
    assert statements.affected(notebook, {"d"}, frozenset())[0].text == "e = sum(c) + d"


def test_cells_on_which_nothing_depends_are_idle():
    cells = [
        {"cell_type": "code", "id": str(place), "source": text} for place, text in enumerate(CELLS)
    ]
    cells.insert(2, {"cell_type": "markdown", "id": "text", "source": "e = 1"})
    assert set(verify._idle_cells(cells, {"e"})) == {"2"}
    assert set(verify._idle_cells(cells, {"a"})) == {"1", "2", "3"}
    assert "0" not in verify._idle_cells(cells, set())  # it imports


def test_a_wrong_answer_is_made_and_undone(hw1):
    notebook = _statements()
    names = {"f": lambda x: 10 * x}
    exec("\n".join(each.text for each in notebook), names)
    before = {key: names[key] for key in "abcde"}
    slip = Slip("s", "", "", WrongAnswer("b = a + 7"))
    make, undo = verify._patch(hw1, slip.code, notebook)
    exec(make, names)
    assert [names[key] for key in "abcde"] == [10, 17, [17, 10], 5, 32]
    exec(undo, names)
    assert {key: names[key] for key in "abcde"} == before


def test_a_wrong_function_is_made_and_undone(hw1):
    module = importlib.import_module(f"hlmtools.{hw1.module}")
    right = module.icc
    notebook = list(statements.statements("x = icc(1.0, 3.0)\ny = 2"))
    names = {"icc": lambda psi, sigma2: psi / (psi + sigma2)}
    wrong = WrongFunction("icc", len, "def icc(psi, sigma2):\n    return psi / sigma2\n")
    make, undo = verify._patch(hw1, wrong, notebook)
    try:
        exec(make, names)
        assert names["x"] == 1 / 3
        assert module.icc(1.0, 4.0) == 0.25
    finally:
        exec(undo, names)
    assert module.icc is right


def test_a_statement_that_fails_with_a_wrong_function_stops_nothing():
    later = list(statements.statements("a = 1 / 0\nb = 2"))
    names: dict = {}
    exec(verify._lines([], later), names)
    assert names["b"] == 2


def test_callers_of_a_wrong_function_are_affected_too(hw1):
    assert statements.callers(hw1, "vc_deviance") == {"vc_deviance", "fit_vc"}
    assert {"anova_components", "fit_vc"} <= statements.callers(hw1, "cluster_stats")


def test_only_what_the_tests_of_a_task_depend_on_matters(hw1, monkeypatch):
    monkeypatch.setattr(statements, "parameters", lambda homework: {"1.1": {"b"}, "1.2": {"e"}})
    matters = statements.what_matters(hw1, _statements())
    assert [each.text for each in matters["1.1"]] == ["a = f(1)", "b = a + 1"]
    assert [each.text for each in matters["1.2"]][-1] == "e = sum(c) + d"
    assert len(matters["1.2"]) == 6
