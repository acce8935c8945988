"""Damaged submissions: tasks are found again, every repair is said, and nothing ends the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from submissions import archives
from submissions.damaged import DAMAGED, MODULE, Damage, Files, solution

from autograder import assignment, build, course, judge, repair, submissions
from autograder.submissions import Submission
from tests.conftest import needs_bwrap

HOMEWORK = course.homework("hw1")


@pytest.fixture(scope="module")
def files() -> Files:
    return solution()


def handed_in(damage: Damage, files: Files, folder: Path) -> Submission:
    """The damaged submission as a TA finds it, read by the grader."""
    made = damage.made(dict(files))
    content = (
        made if isinstance(made, bytes) else archives.archive(made, archives.zipfile.ZIP_STORED)
    )
    (folder / "student.zip").write_bytes(content)
    (one,) = submissions.find(folder, HOMEWORK.module, "hw1.ipynb")
    return one


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(each, id=each.name, marks=pytest.mark.long if each.slow else ())
        for each in DAMAGED
    ],
)
def test_what_is_read_and_said(damage: Damage, files: Files, tmp_path: Path) -> None:
    """Without running anything: what is unreadable, what is mended, where tasks are tested."""
    held = assignment.load("hw1")
    one = handed_in(damage, files, tmp_path)
    lines, reason = list(one.repairs), one.problem
    if not reason:
        try:
            mended = repair.mend(
                one.notebook or b"", held.given, list(held.tests), one.module is not None
            )
            lines += mended.lines
            placed = [question for each in mended.checks.values() for question in each]
            assert sorted(placed) == sorted(held.tests)
        except repair.Unreadable as problem:
            reason = str(problem)
        lines += (
            repair.module(one.module, MODULE)[1] if one.module else [f"{MODULE} was not handed in"]
        )
    if damage.status == "unreadable":
        assert damage.says in (reason or "")
    else:
        assert reason is None
        assert damage.says in "\n".join(lines)
        assert bool(lines) == (damage.status == "repaired"), lines


@needs_bwrap
@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        pytest.param(
            each,
            kind,
            id=f"{each.name}-{kind.removeprefix('bwrap-')}",
            marks=() if each.fast and kind == "bwrap" else pytest.mark.long,
        )
        for kind in ("bwrap", "bwrap-cold")
        for each in DAMAGED
    ],
)
def test_damaged(damage: Damage, kind: str, files: Files, tmp_path: Path) -> None:
    """Graded for real: status, what is said, and which tasks it costs."""
    one = handed_in(damage, files, tmp_path)
    verdict = judge.grade_submission("hw1", one, kind)
    said = verdict.alerts if damage.status == "unreadable" else verdict.repairs
    tasks = verdict.tasks()
    lost = {task for task, (earned, possible) in tasks.items() if earned < possible}
    assert (verdict.status, damage.says in "\n".join(said)) == (damage.status, True), said
    assert lost <= damage.loses, [case for case in verdict.cases if not case.passed]
    assert verdict.score > 0 or damage.loses == set(tasks)
    assert verdict.max_score == 40


def test_the_set_covers_what_it_should() -> None:
    assert len(DAMAGED) >= 25
    assert len({damage.name for damage in DAMAGED}) == len(DAMAGED)
    assert all(damage.wrong for damage in DAMAGED)


@pytest.mark.parametrize("homework", course.load().homeworks, ids=lambda each: each.id)
def test_nothing_is_found_wrong_with_what_is_handed_out(homework: course.Homework) -> None:
    held = assignment.load(homework.id)
    for book in (
        build.template(homework.id).encode(),
        build.staged(homework.id).solved.read_bytes(),
    ):
        mended = repair.mend(book, held.given, list(held.tests))
        assert mended.lines == []
        assert set(mended.written) == {each.cell_id for each in held.written}


def test_a_written_answer_is_not_lost_to_an_empty_copy(files: Files, tmp_path: Path) -> None:
    damage = next(each for each in DAMAGED if each.name == "answer-duplicated")
    one = handed_in(damage, files, tmp_path)
    held = assignment.load("hw1")
    mended = repair.mend(one.notebook or b"", held.given, list(held.tests))
    assert len(mended.written["task1_9a-answer"]) > 100


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_outputs_are_passed_over_wherever_the_pieces_end(size: int) -> None:
    slim = build.template("hw1").encode()
    output = rb'"outputs": [{"data": {"x": "a\"]\\"}, "outputs": [1, [2]], "y": "\\\"["}]'
    large = slim.replace(b'"outputs": []', output)
    assert large != slim
    pieces = [large[at : at + size] for at in range(0, len(large), size)]
    assert repair.without_outputs(pieces, len(slim)) == slim
    assert repair.without_outputs(pieces, len(slim) - 1) is None
