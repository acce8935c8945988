"""One folder is one state: what counts changes as a whole, or not at all."""

from __future__ import annotations

import csv
import itertools
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from submissions import quick

from autograder import (
    aside,
    cli,
    course,
    export,
    feedback,
    grade,
    gradebook,
    report,
    workers,
    written,
)
from autograder.course import CourseError
from autograder.submissions import Submission
from autograder.verdict import Verdict, WrittenAnswer

ROSTER = "student_id,name\nada,Ada L\nbob,Bob M\ncyd,Cyd N\ndan,Dan O\n"


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grade in threads of the test, where a grader can be any function."""
    monkeypatch.setattr(
        workers, "local", lambda jobs, folder: workers.Workers(jobs, ThreadPoolExecutor)
    )


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """Three students' work."""
    for name in ("ada", "bob", "cyd"):
        quick.hand_in(tmp_path / "in", name)
    return tmp_path / "in"


def quickly(path: Path, out: Path, **options) -> list[Verdict]:
    options = {"grader": quick.grade_quickly, "say": lambda line: None, **options}
    return grade.grade("hw1", path, out, sandbox="none", **options)


def one_less(task: grade.Task, submission: Submission) -> Verdict:
    """What another test would say of the same work."""
    verdict = quick.grade_quickly(task, submission)
    case = replace(verdict.cases[0], passed=False, message="It is wrong.")
    answer = WrittenAnswer("task1_9a", "1.9", 4.0, "as graded anew")
    return replace(verdict, cases=(case,), written=(answer,))


def failing(name: str) -> Callable[[grade.Task, Submission], Verdict]:
    """A grader with a fault of its own on one submission."""

    def grader(task: grade.Task, submission: Submission) -> Verdict:
        if submission.id == name:
            raise ZeroDivisionError
        return replace(quick.grade_quickly(task, submission), status="partial")

    return grader


def state(out: Path) -> dict[str, bytes]:
    """What counts, without the proposal that a refused regrade leaves to be read."""
    found = quick.snapshot(out)
    return {name: found[name] for name in found if not name.startswith(("regrade.", "next/"))}


def grades(out: Path) -> dict[str, dict[str, str]]:
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}


# ------------------------------------------------------------------------------- refused, killed


def test_a_refused_regrade_leaves_everything_as_it_was(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quickly(box, out)
    before = state(out)
    quick.hand_in(box, "dan")
    with pytest.raises(CourseError, match=r"3 go down.* is as it was.*--accept"):
        quickly(box, out, fresh=True, grader=one_less, accept=lambda changes: False)
    assert state(out) == before
    assert (out / "regrade.md").exists()
    report.renew(out)
    assert state(out) == before, "and reports are made from what counts"


def test_an_accepted_regrade_changes_everything(box: Path, tmp_path: Path) -> None:
    out, anew = tmp_path / "out", tmp_path / "anew"
    quickly(box, out)
    old = (out / "grades.csv").read_bytes()
    quickly(box, out, fresh=True, grader=one_less, accept=lambda changes: True)
    quickly(box, anew, grader=one_less)
    after = state(out)
    assert after.pop("history/0001/grades.csv") == old
    assert {name: after[name] for name in after if not name.startswith("history/")} == state(anew)
    assert not (out / "next").exists()


@pytest.mark.parametrize("pages", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_run_killed_while_it_takes_over_goes_on_with_that(
    pages: bool, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before each single change to the folder: the same end, and nobody is asked again."""
    if not pages:  # which cost most of the time
        monkeypatch.setattr(feedback, "write", lambda *words: [])
        monkeypatch.setattr(grade, "_write_report", lambda out: None)
    start, end = tmp_path / "start", tmp_path / "end"
    quickly(box, start)
    shutil.copytree(start, end)
    quickly(box, end, fresh=True, grader=one_less, accept=lambda changes: True)
    expected = state(end)
    for steps in itertools.count():
        out, stopping = tmp_path / f"out{steps}", Stopping(steps)
        shutil.copytree(start, out)
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", stopping.replace)
            try:
                quickly(box, out, fresh=True, grader=one_less, accept=stopping.agree)
                break
            except KeyboardInterrupt:
                pass
        if aside.accepted(out):
            for reader in (report.renew, gradebook.refresh):
                with pytest.raises(CourseError, match="Run the same command again"):
                    reader(out)
            quickly(box, out, grader=one_less)  # asks nobody
        elif (out / "gradebook.json").read_bytes() == expected["gradebook.json"]:
            quickly(box, out, grader=one_less)
        else:
            assert state(out) == state(start), "before it was accepted, nothing has changed"
            quickly(box, out, grader=one_less, accept=lambda changes: True)
        assert state(out) == expected, f"stopped before change {steps}"
    assert steps > 10


@dataclass
class Stopping:
    """Ends a run before one of the changes that it makes once it was accepted."""

    left: int
    begun: bool = False
    real: Callable[..., None] = os.replace

    def agree(self, changes: object) -> bool:
        self.begun = True
        return True

    def replace(self, source: object, target: object) -> None:
        if self.begun:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        self.real(source, target)


# ---------------------------------------------------------------------- the grader's own failures


def test_a_failure_of_the_grader_is_no_zero(box: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "out", list[str]()
    verdicts = quickly(box, out, grader=failing("bob"), say=lines.append)
    assert [verdict.status for verdict in verdicts] == ["partial", "ungraded", "partial"]
    row = grades(out)["bob"]
    assert [row[name] for name in ("task1_1", "raw", "penalty", "score")] == [""] * 4
    assert row["status"] == "ungraded"
    assert lines[0] == "Not graded, the grader itself failed: bob. Run it again."
    page = (out / "feedback" / "bob.html").read_text()
    assert "Not graded yet" in page
    assert "not your fault" in page
    assert "of 0 points" not in page
    text = (out / "report.html").read_text()
    assert "not graded, run hlm grade again" in text
    assert text.index(">bob</a>") < text.index(">ada</a>")
    done = export.export(out, "csv")
    assert done.students == 2
    assert done.notes[0] == "Left out, as they are not graded yet: bob."
    quickly(box, out)
    assert grades(out)["bob"]["score"] not in {"", "0"}, "the next run tries again, asking nobody"


def test_a_grade_is_not_lost_to_a_failure_unasked(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quickly(box, out)
    before = state(out)
    with pytest.raises(CourseError, match=r"touches 1 submission.*1 could not be graded"):
        quickly(box, out, fresh=True, grader=failing("bob"))
    assert state(out) == before


def test_the_command_names_a_failure_first_and_ends_with_1(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = grade.grade
    monkeypatch.setattr(
        grade, "grade", lambda *words, **options: whole(*words, **options, grader=failing("cyd"))
    )
    words = ["grade", "hw1", str(box), "--out", str(tmp_path / "out"), "--sandbox", "none"]
    ran = CliRunner().invoke(cli.main, words)
    assert ran.exit_code == 1
    listed = [line for line in ran.stdout.splitlines() if line.startswith("  ")]
    assert listed[0].startswith("  cyd (ungraded): the grader itself failed on it")
    assert [line.split()[0] for line in listed] == ["cyd", "ada", "bob"]


# ------------------------------------------------------------------ one student, beside the class


def test_one_student_alone_leaves_the_others(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "roster.csv").write_text(ROSTER)
    tables = ("--roster", str(tmp_path / "roster.csv"))
    words = ["grade", "hw1", str(box), "--out", str(out), "--sandbox", "none", "--dry-run"]
    assert "Missing: dan Dan O" in CliRunner().invoke(cli.main, [*words, *tables]).stdout
    shutil.copytree(tmp_path, out / "given", ignore=lambda *_: ["in", "out"])
    quickly(box, out)
    before, old = grades(out), json.loads((out / "intake.json").read_text())
    assert [one["student_id"] for one in old["missing"]] == ["dan"]
    quick.hand_in(tmp_path / "again", "bob", attempt=2)
    words = ["grade", "hw1", str(tmp_path / "again" / "bob.zip"), "--out", str(out), "--dry-run"]
    told = CliRunner().invoke(cli.main, words).stdout
    assert (
        "Goes into the class as bob (bob Bob M); 2 others graded before stay as they are." in told
    )
    assert "Missing" not in told
    quickly(tmp_path / "again" / "bob.zip", out)
    after, record = grades(out), json.loads((out / "intake.json").read_text())
    assert list(after) == ["ada", "bob", "cyd"]
    assert {name: after[name] for name in ("ada", "cyd")} == {
        name: before[name] for name in ("ada", "cyd")
    }
    assert after["bob"] != before["bob"]
    assert (out / "history" / "0001" / "grades.csv").exists()
    assert set(record["submissions"]) == {"ada", "bob", "cyd"}
    run = json.loads((out / "run.json").read_text())
    assert run["submissions"] == len(run["seconds_by_submission"]) == 3
    assert len(report._stored(out)) == 3
    quick.hand_in(tmp_path / "late", "dan")
    quickly(tmp_path / "late", out)
    assert list(grades(out)) == ["ada", "bob", "cyd", "dan"]
    assert json.loads((out / "intake.json").read_text())["missing"] == []


def test_another_file_of_the_same_student_takes_the_place_of_the_first(
    box: Path, tmp_path: Path
) -> None:
    out, lines = tmp_path / "out", list[str]()
    (out / "given").mkdir(parents=True)
    (out / "given" / "roster.csv").write_text(ROSTER)
    quickly(box, out)
    quick.hand_in(tmp_path / "again", "bob_second")
    then = grades(out)["bob"]["score"]
    verdicts = quickly(tmp_path / "again", out, grader=one_less, say=lines.append)
    assert [verdict.student_id for verdict in verdicts] == ["bob"]
    assert list(grades(out)) == ["ada", "bob_second", "cyd"]
    assert not list(out.glob("*/bob.*")), "nothing is left of the one that does not count"
    assert f"bob_second: {then} before, 0 now." in lines


@pytest.mark.parametrize(
    "pattern", ["{who}_{user}_9{user}_hw1.zip", "{who}_{user}_assignsubmission_file_hw1.zip"]
)
def test_a_file_out_of_the_archive_is_still_its_student_s(pattern: str, tmp_path: Path) -> None:
    """Taken out of a download and graded alone, a file is known by the name it has there."""
    users = {"adal": "11", "bobm": "12"}
    names = {who: pattern.format(who=who, user=user) for who, user in users.items()}
    for who, name in names.items():
        quick.hand_in(tmp_path, who)
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / f"{who}.zip").rename(tmp_path / "in" / name)
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for name in names.values():
            archive.write(tmp_path / "in" / name, name)
    out = tmp_path / "out"
    quickly(tmp_path / "class.zip", out)
    before = state(out)
    quickly(tmp_path / "in" / names["bobm"], out)
    assert csv_ids(state(out)) == csv_ids(before)
    assert gradebook.read(out)[1].people[0].student_id == "12"
    stranger = tmp_path / "in" / names["bobm"].replace("bobm", "mallory")
    (tmp_path / "in" / names["bobm"]).rename(stranger)
    quickly(stranger, out)
    assert len(grades(out)) == 3, "an id alone makes nobody another"


def csv_ids(found: dict[str, bytes]) -> list[str]:
    lines = found["grades.csv"].decode().splitlines()[1:]
    return [line.partition(",")[0] for line in lines]


def test_a_damaged_download_is_not_added_to_the_class(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quickly(box, out)
    before = state(out)
    (tmp_path / "submissions.zip").write_bytes((box / "ada.zip").read_bytes()[:60])
    words = ["grade", "hw1", str(tmp_path / "submissions.zip"), "--dry-run", "--out"]
    alone = CliRunner().invoke(cli.main, [*words, str(tmp_path / "other")])
    assert "Unreadable: submissions.zip: The archive is damaged or not a zip" in alone.stdout
    with pytest.raises(CourseError, match=r"submissions\.zip: The archive .* is as it was"):
        quickly(tmp_path / "submissions.zip", out)
    assert state(out) == before


def test_several_that_are_not_the_class_are_asked_about(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quickly(box, out)
    before = state(out)
    (box / "ada.zip").unlink()
    with pytest.raises(CourseError, match=r"1 is gone.*put them among the others, or give one"):
        quickly(box, out)
    assert state(out) == before
    quickly(box, out, accept=lambda changes: True)
    assert list(grades(out)) == ["bob", "cyd"]
    assert not list(out.glob("*/ada.*"))


# --------------------------------------------------------------------------------- and around it


def test_a_page_that_changed_leaves_no_earlier_pdf(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quickly(box, out)
    for name in ("ada", "bob"):
        (out / "feedback" / f"{name}.pdf").write_bytes(b"%PDF")
    quickly(box, out)
    assert len(list((out / "feedback").glob("*.pdf"))) == 2
    quick.hand_in(box, "bob", attempt=2)
    quickly(box, out)
    assert [path.name for path in (out / "feedback").glob("*.pdf")] == ["ada.pdf"]


def test_written_answers_wait_for_the_state_to_be_whole(box: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    quickly(box, out, grader=one_less)
    (out / "next").mkdir()
    (out / "next" / "gradebook.json").write_bytes((out / "gradebook.json").read_bytes())
    with pytest.raises(CourseError, match="Run the same command again"):
        written.collect(course.homework("hw1"), out)
    quickly(box, out, grader=one_less)
    assert written.collect(course.homework("hw1"), out).answers == 3
