"""Changes of solutions: which are made, and that a hole in the tests is found."""

from __future__ import annotations

import ast
import importlib
import inspect
import time
from dataclasses import replace
from itertools import chain

import pytest

from autograder import build, course, mutation
from autograder.course import CourseError
from autograder.mutation import DROPPED, NOTEBOOK, Equivalent, Mutant


def news(source: str, **lines: int) -> set[str]:
    return {new for _, _, new, _ in mutation.changes(ast.parse(source), **lines)}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("x = a + b", {"x = a - b"}),
        ("x = a / 2", {"x = a * 2", "x = a / 3"}),
        ("x = a ** -b", {"x = a * -b", "x = a ** b"}),
        ("x = a < b", {"x = a <= b"}),
        ("x = a == b and c", {"x = a != b and c", "x = a == b or c"}),
        ("x = not a", {"x = a"}),
        ("x = f(reml=True)", {"x = f(reml=False)"}),
        ("x = d['a']", {"x = d['not a']"}),
        ("x = f'{a}: 1'", set()),
        ("raise ValueError('x', 1)", set()),
    ],
)
def test_each_place_is_changed_once_and_each_statement_dropped(statement, expected):
    assert news(statement) == {*expected, DROPPED}


def test_only_the_lines_of_the_solution_are_changed():
    source = 'def f(x):\n    """Text."""\n    y = x + 1\n    return y\n'
    assert news(source, first=3, last=3) == {"y = x - 1", "y = x + 2", DROPPED}
    whole = [text for _, _, new, text in mutation.changes(ast.parse(source)) if new == "y = x - 1"]
    assert whole == [source.replace("+", "-").strip()]


def test_the_tests_notice_a_change_and_a_hole_is_found():
    """Two mutants of one function on the real tests: one they notice, one that says the same."""
    homework = course.homework("hw1")
    made = mutation.mutants(homework)
    noticed = next(each for each in made["icc"] if each.new == "return float(psi / (psi - sigma2))")
    same = replace(noticed, source=noticed.source.replace("psi - sigma2)", "sigma2 + psi)"))
    answer = next(each for each in made[NOTEBOOK] if each.old.startswith("dyestuff_psi ="))
    endless = replace(noticed, source="def icc(psi, sigma2):\n    while True:\n        pass\n")
    started = time.process_time()
    bench = mutation.bench("hw1")
    assert bench.notices(noticed)
    assert bench.notices(answer)
    assert not bench.notices(same)
    assert bench.passes(bench.cases["1.5"], dict(bench.names))
    assert time.process_time() - started < 60
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutation, "_SECONDS", 0.5)
        assert bench.notices(endless)


def test_cases_that_need_no_notebook_come_first(monkeypatch):
    """A change that a call of the function shows runs nothing of the notebook again."""
    homework, ran = course.homework("hw1"), []
    bench = mutation.bench("hw1")
    monkeypatch.setattr(mutation, "run_again", lambda names, wanted: ran.extend(wanted))
    monkeypatch.setattr(mutation, "_usual_seconds", lambda hw, task: 1.0)
    made = mutation.mutants(homework)["icc"]
    assert bench.notices(next(each for each in made if each.new.endswith("(psi - sigma2))")))
    assert ran == []
    same = replace(made[0], source=inspect.getsource(solved("icc")))
    assert not bench.notices(same)
    assert any("icc(" in each.text for each in ran)


def solved(name: str):
    build.use_solved()
    return getattr(importlib.import_module("hlmtools.variance_components"), name)


def test_no_mutant_is_left_out_of_the_portions():
    made = list(chain.from_iterable(mutation.mutants(course.homework("hw1")).values()))
    portions = mutation._portions(made)
    assert sorted(chain.from_iterable(portions), key=repr) == sorted(made, key=repr)
    assert all(len({each.task for each in portion}) == 1 for portion in portions)
    assert max(map(len, portions)) <= mutation.PORTION


def test_equivalent_changes_are_passed_over_and_stale_ones_are_findings(monkeypatch):
    homework = course.homework("hw1")
    one = Mutant("1.5", "icc", 7, "return a", "return b", "")
    monkeypatch.setattr(mutation, "mutants", lambda homework: {"icc": [one]})
    monkeypatch.setattr(mutation, "survivors", lambda homework, chosen, *others: list(chosen))
    monkeypatch.setattr(mutation, "untested_answers", lambda homework: [])

    def found(*known: Equivalent) -> list[str]:
        monkeypatch.setattr(mutation, "equivalents", lambda homework: list(known))
        return mutation.findings(homework)

    (sentence,) = found()
    assert "line 7, icc: no test of task 1.5 notices 'return a' -> 'return b'" in sentence
    assert found(Equivalent("icc", "return a", "the same", "return b")) == []
    assert found(Equivalent("icc", "return a", "whatever it is")) == []
    stale = found(Equivalent("icc", "return c", "gone"), Equivalent("icc", "return a", "the same"))
    assert len(stale) == 1
    assert "is no mutant any more" in stale[0]


def test_the_list_of_equivalent_changes_is_read_strictly(tmp_path):
    (tmp_path / "solutions").mkdir()
    path = tmp_path / "solutions" / "equivalent.toml"
    homework = course.homework("hw1")
    assert mutation.equivalents(homework, tmp_path) == []
    path.write_text('[[hw1]]\nwhere = "icc"\nold = "x"\nwhy = "so"\n')
    assert mutation.equivalents(homework, tmp_path) == [Equivalent("icc", "x", "so")]
    for text in ('[[hw1]]\nwhere = "icc"\n', '[[hw1]]\nwhy = "so"\nodd = 1\n', "[["):
        path.write_text(text)
        with pytest.raises(CourseError, match="each entry has where, old and why"):
            mutation.equivalents(homework, tmp_path)


@pytest.mark.parametrize("hw", [homework.id for homework in course.load().homeworks])
def test_every_answer_that_students_are_asked_for_is_tested(hw):
    assert mutation.untested_answers(course.homework(hw)) == []
