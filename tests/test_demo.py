"""The demo class is graded for real, and its scores are what its makers did to the solution."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import needs_bwrap

from autograder import course, demo, slips, submissions
from autograder.verdict import Verdict

HOMEWORK = course.homework(demo.HOMEWORK)
SAMPLE = ("untouched", "icc-as-a-ratio", "endless-loop", "burglar")


def lost(verdict: Verdict) -> set[str]:
    """Tasks that did not get all their points."""
    return {task for task, (earned, possible) in verdict.tasks().items() if earned < possible}


def tasks_of_slip(name: str) -> set[str]:
    quantities = slips.load(demo.HOMEWORK).QUANTITIES
    return {each.task for each in quantities if any(slip.name == name for slip in each.slips)}


def check(verdicts: dict[str, Verdict]) -> None:
    """What must be true of any part of the class."""
    for name, verdict in verdicts.items():
        assert verdict.max_score > 0
        if name in demo.MISTAKES:
            assert verdict.slips == (demo.MISTAKES[name],)
            assert lost(verdict) <= tasks_of_slip(demo.MISTAKES[name])
            assert 0 < verdict.score < verdict.max_score
            assert verdict.reason == demo.MISTAKES[name].replace("_", " ")
    for name in {"untouched", "burglar"} & set(verdicts):
        assert verdicts[name].score == 0
    if "endless-loop" in verdicts:
        assert lost(verdicts["endless-loop"]) == {"1.6"}
        assert verdicts["endless-loop"].status == "partial"
        assert "longer than" in verdicts["endless-loop"].reason


def graded(folder: Path, *names: str) -> dict[str, Verdict]:
    told: list[int] = []
    verdicts, results = demo.run(
        folder, progress=lambda done, total, verdict: told.append(total), names=names
    )
    assert told == [len(verdicts)] * len(verdicts)
    names_of = {label: name for name, label in demo.canvas_ids(names or demo.students()).items()}
    for verdict in verdicts:
        assert (results / "feedback" / f"{verdict.submission}.html").exists()
    assert (results / "grades.csv").read_text().count("\n") == len(verdicts) + 1
    book = (results / "export" / "canvas.csv").read_text()
    assert all(f"u{label.rpartition('_')[2]}" in book for label in names_of)
    return {names_of[verdict.submission]: verdict for verdict in verdicts}


@needs_bwrap
def test_a_part_of_the_class(tmp_path: Path) -> None:
    verdicts = graded(tmp_path, *SAMPLE)
    assert set(verdicts) == set(SAMPLE)
    check(verdicts)


@needs_bwrap
@pytest.mark.long
def test_the_whole_class(tmp_path: Path) -> None:
    verdicts = graded(tmp_path)
    assert set(verdicts) == set(demo.students())
    assert len(verdicts) == 12
    check(verdicts)
    assert verdicts["all-right"].reason == "all right"
    assert verdicts["all-right"].score == verdicts["all-right"].max_score
    assert lost(verdicts["crash"]) == {"1.8"}
    assert "ended the kernel" in verdicts["crash"].reason
    assert {"1.1", "1.2"}.isdisjoint(lost(verdicts["two-tasks-only"]))
    assert verdicts["typing-error"].score < 0.1 * verdicts["typing-error"].max_score
    assert "SyntaxError" in verdicts["typing-error"].reason


def test_submissions_are_exports_that_differ_where_they_should(tmp_path: Path) -> None:
    for name, make in demo.students().items():
        demo.write_export(make(HOMEWORK), HOMEWORK, tmp_path / f"{name}.zip")
    found = {one.id: one for one in submissions.find(tmp_path, HOMEWORK.module)}
    assert set(found) == set(demo.students())
    assert all(one.problem is None and one.module for one in found.values())
    assert len({(one.notebook, one.module) for one in found.values()}) == len(found)
    assert b"os._exit(1)" in (found["crash"].module or b"")
    assert b"NotImplementedError" in (found["two-tasks-only"].module or b"")
    with pytest.raises(SyntaxError):
        compile(found["typing-error"].module or b"", "module", "exec")


def test_an_earlier_demonstration_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "graded" / "feedback" / "old.html"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    other = tmp_path / "mine.txt"
    other.write_text("mine")
    monkeypatch.setattr(demo.grade, "grade", lambda *args, **kwargs: [])
    monkeypatch.setattr(demo.export, "export", lambda *args, **kwargs: None)
    demo.run(tmp_path, names=["untouched"])
    assert not old.exists()
    assert other.read_text() == "mine"
    found = submissions.find(tmp_path / "submissions.zip", HOMEWORK.module)
    assert [one.id for one in found] == ["untouched_101"]
