"""The class report: what its numbers are, and that names and numbers can do nothing in it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from autograder import attention, course, items, report
from autograder.cli import main
from autograder.course import CourseError
from autograder.items import Interval
from autograder.verdict import Verdict
from tests import classroom

CLASS = classroom.verdicts()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return classroom.store(tmp_path_factory.mktemp("class"), CLASS)


@pytest.fixture(scope="module")
def page(out: Path) -> str:
    return report.write(out).read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------- tasks


def test_shares_and_discrimination_are_those_of_the_points() -> None:
    found = {item.task: item for item in items.summarise(CLASS)}
    graded = [verdict for verdict in CLASS if verdict.status != "unreadable"]
    right = np.array([[verdict.tasks()[task][0] == 4 for task in found] for verdict in graded])
    for column, item in enumerate(found.values()):
        rest = right.sum(axis=1) - right[:, column]
        assert item.right == pytest.approx(right[:, column].mean())
        assert item.discrimination == pytest.approx(np.corrcoef(right[:, column], rest)[0, 1])
        assert item.points == 4


def test_commonest_slip_and_wrong_number_are_counted_once_a_student() -> None:
    item = next(item for item in items.summarise(CLASS) if item.task == "1.8")
    cases = [case for verdict in items.readable(CLASS) for case in verdict.cases]
    mine = [case for case in cases if case.task == "1.8" and not case.passed]
    assert item.slip == ("sd_for_variance", sum(case.slip is not None for case in mine))
    got = ["hsb_psi = 6.217", "hsb_psi = 39.15"]
    assert item.wrong is not None
    assert item.wrong[0] in got
    assert item.wrong[1] == sum(items._rounded(case.got) == item.wrong[0] for case in mine)


def test_a_constant_task_has_no_discrimination() -> None:
    same = [replace(verdict, cases=CLASS[6].cases[:2]) for verdict in CLASS]
    assert [item.discrimination for item in items.summarise(same)] == [None]


# ------------------------------------------------------------------------------------- model


def test_model_finds_the_order_of_the_tasks_and_of_the_students() -> None:
    large = classroom.verdicts(students=150, seed=8)
    model = items.fit(large)
    truth = classroom.TASKS
    assert set(model.easiness) == set(truth)
    off = [model.easiness[task].estimate - truth[task] for task in truth]
    assert np.ptp(off) < 1.5
    assert all(each.low < each.estimate < each.high for each in model.ability.values())
    scores = {verdict.submission: verdict.score for verdict in items.readable(large)}
    ordered = sorted(model.ability, key=lambda name: model.ability[name].estimate)
    assert [scores[name] for name in ordered] == sorted(scores.values())
    assert 0.6 < (model.spread or 0.0) < 2.0
    assert model.notes == ()


def test_intervals_become_probabilities() -> None:
    assert Interval(0.0, 0.0, 0.0).probabilities() == Interval(0.5, 0.5, 0.5)


def test_tasks_that_all_or_none_got_are_told_and_left_out() -> None:
    def settled(verdict: Verdict) -> Verdict:
        fixed = {"1.1": True, "1.8": False}
        cases = [
            replace(case, passed=fixed.get(case.task, case.passed), slip=None)
            for case in verdict.cases
        ]
        return replace(verdict, cases=tuple(cases))

    model = items.fit([settled(verdict) for verdict in CLASS])
    assert set(model.easiness) == {f"1.{k}" for k in range(2, 8)}
    assert any("Everybody is right on 1.1" in note for note in model.notes)
    assert any("Nobody is right on 1.8" in note for note in model.notes)


def test_a_tiny_class_gets_a_sentence_and_no_model(tmp_path: Path) -> None:
    few = CLASS[6:9]
    model = items.fit(few)
    assert (model.easiness, model.ability, model.spread) == ({}, {}, None)
    assert "3 submissions could be graded; the model needs 10." in model.notes
    text = report.write(classroom.store(tmp_path, few)).read_text(encoding="utf-8")
    assert "the model needs 10" in text


def test_a_class_that_is_all_alike_gets_sentences() -> None:
    alike = [replace(CLASS[6], submission=f"s{i}") for i in range(12)]
    model = items.fit(alike)
    assert model.spread is None
    assert "Fewer than two tasks separate the students" in model.notes[-1]


def test_students_who_differ_by_chance_only_are_told_so() -> None:
    random = np.random.default_rng(5)
    blind = []
    for verdict in items.readable(CLASS):
        odd = random.permutation(8) < 4  # all have four of eight: less spread than chance
        cases = [
            replace(case, passed=bool(odd[int(case.task[-1]) - 1]), slip=None)
            for case in verdict.cases
        ]
        blind.append(replace(verdict, cases=tuple(cases)))
    model = items.fit(blind)
    assert any("no more than chance" in note for note in model.notes)


# ---------------------------------------------------------------------------------- the page


def test_page_is_the_same_bytes_each_time(out: Path, page: str) -> None:
    assert report.write(out).read_text(encoding="utf-8") == page


def test_who_needs_a_look_and_why(page: str) -> None:
    for kind in ("brought files", "printed", "timed out", "repaired", "unreadable", "near miss"):
        assert f'<span class="tag">{kind}</span>' in page
    assert "hsb_psi = 8.6151" in page
    assert page.count("data-look>") == 5


def test_names_are_text(page: str) -> None:
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert page.count("<script>") == 1
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_figures_have_names_and_no_style_of_their_own(page: str) -> None:
    figures = re.findall(r'<svg class="figure".*?</svg>', page, re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        assert re.search(r'role="img" aria-labelledby="(alt-\w+)"', figure)
        assert "<title id=" in figure
        assert "style=" not in figure
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_page_loads_nothing(page: str) -> None:
    assert "default-src 'none'" in page.replace("&#39;", "'")
    assert not re.search(
        r'(?:src|href)="(?!#|feedback/|similarity\.html)', page.replace("xlink:", "")
    )
    assert "url(http" not in page


def test_a_class_of_unreadable_work_has_a_report(tmp_path: Path) -> None:
    lost = [replace(CLASS[3], submission=f"s{i}") for i in range(3)]
    text = report.write(classroom.store(tmp_path, lost)).read_text(encoding="utf-8")
    assert "No submission could be graded." in text


def test_another_courses_assignment_has_a_report(tmp_path: Path) -> None:
    few = [replace(verdict, homework="lab01") for verdict in CLASS[6:9]]
    lab = course.elsewhere("lab01", "Lab 1: loops")
    text = report.write(classroom.store(tmp_path, few), lab).read_text(encoding="utf-8")
    assert "Lab 1: loops" in text
    assert "Variance components" not in text


def test_scores_of_people_are_taken_in_by_the_command(tmp_path: Path) -> None:
    classroom.store(tmp_path, CLASS[6:9])
    run = CliRunner()
    given = run.invoke(main, ["written", "hw1", str(tmp_path)])
    assert given.exit_code == 0, given.output
    assert "3 answers, 0 of them scored." in given.output
    table = tmp_path / "written" / "scores.csv"
    row = next(line for line in table.read_text().splitlines() if ",task1_9a,4,," in line)
    table.write_text(table.read_text().replace(row, row.replace(",4,,,", ",4,3,Which unit?,")))
    made = run.invoke(main, ["report", str(tmp_path)])
    assert made.exit_code == 0, made.output
    assert "1/3" in (tmp_path / "report.html").read_text(encoding="utf-8")
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "feedback").glob("*.html")]
    assert sum("Which unit?" in page for page in pages) == 1
    table.write_text(table.read_text().replace(",4,3,", ",4,5,"))
    refused = run.invoke(main, ["report", str(tmp_path)])
    assert refused.exit_code == 1
    assert "give a number from 0 to 4" in refused.output


def test_nothing_graded_is_said(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="holds no results"):
        report.write(tmp_path)


# --------------------------------------------------------------------------------- attention


def test_code_that_reaches_out_is_named_and_comments_are_not() -> None:
    code = "import socket, numpy  # subprocess\nos._exit(1)\ntext = 'ctypes'\n"
    found = attention.reasons(CLASS[7], code)
    assert [reason.says for reason in found] == ["its code names _exit, socket"]
    assert attention.reasons(CLASS[7], "import numpy as np\nicc = 0.2") == []
