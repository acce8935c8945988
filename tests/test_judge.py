"""One submission through the judge: what is right counts, and a culprit costs its own task."""

from __future__ import annotations

import json
import re

import pytest

from autograder import assignment, course, judge, references
from autograder.verdict import Verdict
from tests.conftest import needs_bwrap

pytestmark = needs_bwrap


def lost_tasks(verdict: Verdict) -> set[str]:
    return {task for task, (earned, possible) in verdict.tasks().items() if earned < possible}


@pytest.fixture(scope="module")
def full(grade, solved) -> Verdict:
    return grade(solved)


def test_the_solution_gets_full_marks_and_leaves_the_written_task(full):
    assert full.status == "ok"
    assert lost_tasks(full) == set()
    assert full.score == full.max_score > 0
    assert [answer.task for answer in full.written] == ["1.9", "1.9"]
    assert not full.alerts


def test_the_untouched_stub_gets_nothing_on_any_case(grade, blank):
    verdict = grade(blank)
    assert [case.name for case in verdict.cases if case.passed] == []
    assert verdict.status == "ok"
    assert not [alert for alert in verdict.alerts if "check itself failed" in alert]


def test_the_sandbox_changes_no_result(grade, solved, full):
    bare = grade(solved, sandbox="none")
    assert [case.passed for case in bare.cases] == [case.passed for case in full.cases]
    assert bare.sandbox != full.sandbox


def test_results_survive_a_round_trip(full):
    again = Verdict.from_results(json.loads(json.dumps(full.to_results())), full.executed)
    assert again == full


def test_a_hanging_function_costs_its_task_only(grade, solved):
    work = solved.module_plus("def lrt_psi(ll0, ll1):\n    while True:\n        pass")
    verdict = grade(work)
    assert lost_tasks(verdict) == {"1.7"}
    assert verdict.status == "partial"


def test_a_cell_that_cannot_be_interrupted_costs_its_task_only(grade, solved):
    stubborn = (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: sum(range(9))"
    )
    verdict = grade(solved.cell_after("## 1.8", stubborn))
    assert lost_tasks(verdict) == set()
    assert verdict.status == "partial"
    assert any("could not be interrupted" in alert for alert in verdict.alerts), verdict.alerts


def test_a_cell_that_ends_the_kernel_costs_nothing_that_was_right(grade, solved):
    verdict = grade(solved.cell_after("## 1.5", "import os\nos._exit(0)"))
    assert lost_tasks(verdict) == set()
    assert verdict.status == "partial"


def test_a_function_that_exits_costs_its_task_only(grade, solved):
    verdict = grade(solved.module_plus("def coverage_range(*args):\n    raise SystemExit"))
    assert lost_tasks(verdict) == {"1.8"}


def test_tasks_without_a_check_cell_are_tested_after_the_last_cell(grade, solved):
    verdict = grade(solved.without_cells('grader.check("task1_3")'))
    assert lost_tasks(verdict) == set()


def test_a_syntax_error_in_the_module_costs_points_and_nothing_else(grade, solved):
    verdict = grade(solved.module_plus("def broken(:"))
    assert verdict.score < verdict.max_score
    assert any("SyntaxError" in case.message for case in verdict.cases)


def test_an_icc_right_for_ones_own_variances_counts(grade, solved):
    wrong = "hsb_psi, hsb_sigma2 = 9.0, 40.0\nhsb_icc = icc(hsb_psi, hsb_sigma2)"
    verdict = grade(solved.cell_after("hsb_icc = ", wrong))
    followed = [case for case in verdict.cases if case.followed]
    assert "1.5" in {case.task for case in followed}
    assert all(case.passed for case in followed)
    assert lost_tasks(verdict) <= {"1.4"}


def test_a_wrong_fit_does_not_sink_the_predictions_function(grade, solved):
    work = solved.module_plus(
        "_right = fit_vc\n\n\ndef fit_vc(y, g, reml=True):\n    return _right(y, g, reml=not reml)"
    )
    verdict = grade(work)
    assert "1.4" in lost_tasks(verdict)
    functions = [
        case for case in verdict.cases if case.task == "1.6" and case.hidden and case.points >= 1
    ]
    assert functions
    assert all(case.passed for case in functions)


def test_an_answer_that_lies_about_equality_gains_nothing(grade, solved):
    liar = (
        "class Liar(float):\n"
        "    def __eq__(self, other): return True\n"
        "    def __sub__(self, other): return 0.0\n"
        "    __rsub__ = __sub__\n"
        "hsb_icc = Liar(0.5)"
    )
    verdict = grade(solved.cell_after("hsb_icc = ", liar))
    assert lost_tasks(verdict) == {"1.5"}


def test_rebinding_a_name_in_the_notebook_changes_no_function(grade, solved):
    verdict = grade(solved.cell_after("## 1.8", "lrt_psi = lambda *args: (1.0, 1.0)"))
    assert "1.7" not in lost_tasks(verdict)


def test_output_while_answering_is_kept_for_the_ta_and_not_shown(grade, solved):
    work = solved.module_plus(
        "_icc = icc\n\n\ndef icc(psi, sigma2):\n"
        "    print('spied', psi)\n    return _icc(psi, sigma2)"
    )
    verdict = grade(work)
    assert any("spied" in alert for alert in verdict.alerts)
    assert not any("spied" in case.message for case in verdict.cases)


def test_messages_show_no_reference_number_and_no_test_code(grade, blank, solved):
    values = [entry["value"] for entry in references.load("hw1")["quantities"].values()]
    numbers = {f"{abs(value):.5g}" for value in values if abs(value) > 1e-6}
    sources = assignment.load("hw1").tests.values()
    lines = {line.strip() for source in sources for line in source.splitlines() if "(" in line}
    wrong = solved.module_plus("def icc(psi, sigma2):\n    return 0.123")
    for verdict in (grade(blank), grade(wrong)):
        for case in verdict.cases:
            if case.hidden:
                assert not numbers & set(re.findall(r"[\d.]+", case.message)), case
            assert not any(line in case.message for line in lines), case


def test_a_notebook_that_is_none_is_unreadable_with_the_reason(solved):
    from dataclasses import replace

    submission = replace(solved.submission(), notebook=b"not a notebook")
    verdict = judge.grade_submission("hw1", submission, "bwrap")
    assert verdict.status == "unreadable"
    assert verdict.score == 0
    assert verdict.max_score == sum(case.points for case in verdict.cases) > 0
    assert "not a notebook" in verdict.alerts[0]


def test_every_task_of_the_course_file_is_judged(full):
    tasks = {case.task for case in full.cases} | {answer.task for answer in full.written}
    number = course.homework("hw1").number
    assert tasks == {f"{number}.{k}" for k in range(1, 10)}


def test_a_function_right_given_a_known_slip_in_an_earlier_one_counts(grade, solved):
    from autograder import slips

    wrong = next(
        slip.code
        for quantity in slips.load("hw1").QUANTITIES
        for slip in quantity.slips
        if isinstance(slip.code, slips.WrongFunction) and slip.code.function == "cluster_stats"
    )
    verdict = grade(solved.module_plus(wrong.text))
    assert "1.1" in lost_tasks(verdict)
    followed = {case.task for case in verdict.cases if case.followed and case.points >= 1}
    assert "1.2" in followed
