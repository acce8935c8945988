"""grades.csv: the columns of the design, safe in a spreadsheet; what counts and what changes it."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_verdict import CASES, VERDICT

from autograder import course, gradebook, written
from autograder.course import CourseError
from autograder.people import Person
from autograder.regrade import Change
from autograder.rendering import safe
from autograder.submissions import Submission
from autograder.verdict import Verdict
from autograder.writing import write_text

HW = course.homework("hw1")
HEADER = (
    "submission,student_id,name,hw,task1_4,task1_5,task1_9a,"
    "raw,late_days,penalty,score,max_score,status"
)
ANN = Submission("ann-1a2b3c4d", "Ann's.zip", "4711", "Ann", notebook=b"{}")
RIGHT = tuple(replace(case, passed=True) for case in CASES)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Chicago"))


def enter(
    out: Path, *pairs: tuple[Submission, Verdict], accept: gradebook.Ask | None = None
) -> list[str]:
    return gradebook.enter(out, HW, [one for one, _ in pairs], [two for _, two in pairs], accept)


def yes(changes: Sequence[Change]) -> bool:
    return True


def rows_of(out: Path, name: str = "grades.csv") -> list[dict[str, str]]:
    with (out / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def differences(out: Path) -> list[dict[str, str]]:
    return rows_of(out, "regrade.csv")


def snapshot(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], written.Score]:
    """Scores that people gave, to be filled in by a test."""
    given: dict[tuple[str, str], written.Score] = {}
    monkeypatch.setattr(written, "scores", lambda out: given)
    return given


# ------------------------------------------------------------------------------------ the file


def test_columns_rows_and_numbers(tmp_path: Path) -> None:
    zoe = Submission("Zoe", "Zoe.zip", "12", "Zoe", submitted=at("2027-02-06T10:00"))
    full = replace(VERDICT, submission="Zoe", cases=RIGHT, status="ok")
    enter(tmp_path, (zoe, full), (ANN, VERDICT))
    assert (tmp_path / "grades.csv").read_text(encoding="utf-8").splitlines() == [
        HEADER,
        "Zoe,12,Zoe,hw1,2,0.5,,2.5,1,0.25,2.25,2.5,ok",
        "ann-1a2b3c4d,4711,Ann,hw1,0,0.5,,0.5,,0,0.5,2.5,partial",
    ]


def test_unreadable_gets_zero_of_the_points_of_the_others(tmp_path: Path) -> None:
    bob = Submission("bob", "bob.zip", problem="It is a link.")
    enter(tmp_path, (bob, Verdict("bob", "bob.zip", "", "", "hw1", "unreadable")), (ANN, VERDICT))
    row = next(row for row in rows_of(tmp_path) if row["submission"] == "bob")
    cells = [row[name] for name in ("task1_4", "task1_9a", "score", "max_score")]
    assert cells == ["0", "", "0", "2.5"]


def test_question_ten_follows_nine(tmp_path: Path) -> None:
    cases = tuple(replace(CASES[1], question=f"task1_{number}") for number in (10, 9, 1))
    enter(tmp_path, (ANN, replace(VERDICT, cases=cases)))
    header = (tmp_path / "grades.csv").read_text().splitlines()[0]
    assert "task1_1,task1_9,task1_9a,task1_10" in header


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\ufeff=1", "\u200b=1", "＝1"]
)
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    enter(tmp_path, (replace(ANN, name=name, student_id=name), VERDICT))
    row = rows_of(tmp_path)[0]
    assert row["name"].startswith("'")
    assert row["student_id"].startswith("'")


@given(st.text(max_size=40))
def test_a_text_cell_is_one_line_and_no_formula(text: str) -> None:
    cell = safe(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert len(cell.splitlines()) <= 1
    assert cell.encode("utf-8").decode() == cell


def test_a_team_stands_in_one_row(tmp_path: Path) -> None:
    team = (Person("101", "Ann"), Person("102", "Bo"))
    enter(tmp_path, (replace(ANN, people=team), VERDICT))
    assert (rows_of(tmp_path)[0]["student_id"], rows_of(tmp_path)[0]["name"]) == (
        "101; 102",
        "Ann; Bo",
    )


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.csv"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new", lasting=True)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["g.csv"]


# ------------------------------------------------------- what counts besides the judge's verdict


def test_written_scores_enter_points_and_maximum(tmp_path: Path, scored: dict[Any, Any]) -> None:
    bob = (Submission("bob", "bob.zip", notebook=b"{}"), replace(VERDICT, submission="bob"))
    scored["ann-1a2b3c4d", "task1_9a"] = written.Score(3.5, "Good.")
    notes = enter(tmp_path, (ANN, VERDICT), bob)
    ann, other = rows_of(tmp_path)
    assert (ann["task1_9a"], ann["raw"], ann["score"], ann["max_score"]) == ("3.5", "4", "4", "6.5")
    assert (other["task1_9a"], other["raw"], other["max_score"]) == ("", "0.5", "6.5")
    assert "Written answers without a score count 0 so far: 1." in notes


def test_a_changed_date_changes_the_penalty_without_grading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = replace(ANN, submitted=at("2027-02-07T00:45"))
    enter(tmp_path, (late, VERDICT))
    assert (rows_of(tmp_path)[0]["late_days"], rows_of(tmp_path)[0]["penalty"]) == ("2", "0.5")
    assert "2 begun days late" in gradebook.standings(tmp_path)[ANN.id].sentence
    moved = replace(HW, due=at("2027-02-06T23:59"))
    monkeypatch.setattr(course, "homework", lambda hw: moved)
    gradebook.refresh(tmp_path)
    row = rows_of(tmp_path)[0]
    assert (row["late_days"], row["penalty"], row["score"]) == ("1", "0.25", "0.25")
    assert (tmp_path / "history" / "0001" / "grades.csv").exists()


def test_extensions_kept_in_the_run_count_at_once(tmp_path: Path) -> None:
    enter(tmp_path, (replace(ANN, submitted=at("2027-02-07T00:45")), VERDICT))
    write_text(tmp_path / "given" / "extensions.csv", "student_id,hw,extension\n4711,hw1,2\n")
    gradebook.refresh(tmp_path)
    assert (rows_of(tmp_path)[0]["late_days"], rows_of(tmp_path)[0]["score"]) == ("0", "0.5")
    write_text(tmp_path / "given" / "extensions.csv", "student_id,hw,extension\n4711,hw1,EX\n")
    gradebook.refresh(tmp_path)
    assert (rows_of(tmp_path)[0]["late_days"], rows_of(tmp_path)[0]["score"]) == ("", "")


def test_a_score_that_goes_down_is_said(tmp_path: Path) -> None:
    enter(tmp_path, (ANN, VERDICT))
    anew = replace(ANN, notebook=b"other", submitted=at("2027-02-06T09:00"))
    notes = enter(tmp_path, (anew, VERDICT))
    assert "ann-1a2b3c4d: 0.5 before, 0.25 now." in notes


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    enter(tmp_path, (ANN, VERDICT))
    before = snapshot(tmp_path)
    assert "Time of handing in not known: ann-1a2b3c4d" in enter(tmp_path, (ANN, VERDICT))[0]
    assert snapshot(tmp_path) == before


# ----------------------------------------------------------------------------------- regrading


def test_a_regrade_asks_first_and_leaves_the_gradebook(tmp_path: Path) -> None:
    enter(tmp_path, (ANN, replace(VERDICT, cases=RIGHT)))
    before = snapshot(tmp_path)
    with pytest.raises(CourseError, match=r"1 goes down.*--accept"):
        enter(tmp_path, (ANN, VERDICT))
    with pytest.raises(CourseError, match="--accept"):
        enter(tmp_path, (ANN, VERDICT), accept=lambda changes: False)
    after = snapshot(tmp_path)
    assert {name: after[name] for name in before} == before
    (row,) = differences(tmp_path)
    assert (row["before"], row["after"], row["change"]) == ("2.5", "0.5", "-2")
    assert row["why"] == "1.4 psi of hsb: from 2 to 0 of 2"
    assert "1.4 psi of hsb" in (tmp_path / "regrade.md").read_text()


def test_an_accepted_regrade_keeps_the_history(tmp_path: Path) -> None:
    enter(tmp_path, (ANN, replace(VERDICT, cases=RIGHT)))
    old = (tmp_path / "grades.csv").read_bytes()
    notes = enter(tmp_path, (ANN, VERDICT), accept=yes)
    assert "ann-1a2b3c4d: 2.5 before, 0.5 now." in notes
    assert rows_of(tmp_path)[0]["score"] == "0.5"
    assert (tmp_path / "history" / "0001" / "grades.csv").read_bytes() == old
    assert (tmp_path / "history" / "0001" / "regrade.csv").exists()
    assert gradebook.changed_since_regrade(tmp_path) == {"ann-1a2b3c4d"}
    before = snapshot(tmp_path)
    enter(tmp_path, (ANN, VERDICT))
    assert snapshot(tmp_path) == before


def test_a_new_hand_in_is_no_regrade(tmp_path: Path) -> None:
    enter(tmp_path, (ANN, replace(VERDICT, cases=RIGHT)))
    enter(tmp_path, (replace(ANN, notebook=b"anew"), VERDICT))
    assert rows_of(tmp_path)[0]["score"] == "0.5"
    assert not (tmp_path / "regrade.csv").exists()
    with pytest.raises(CourseError, match=r"Nothing in .* was regraded yet"):
        gradebook.changed_since_regrade(tmp_path)


def test_what_could_not_be_graded_before_is_no_regrade(tmp_path: Path) -> None:
    wrong = tuple(replace(case, passed=False) for case in CASES)
    failed = replace(VERDICT, status="unreadable", cases=wrong)
    enter(tmp_path, (ANN, failed))
    enter(tmp_path, (ANN, VERDICT))
    assert rows_of(tmp_path)[0]["score"] == "0.5"
    with pytest.raises(CourseError, match="1 goes down"):
        enter(tmp_path, (ANN, failed))


def test_a_submission_that_disappears_is_not_dropped_in_silence(tmp_path: Path) -> None:
    bob = (Submission("bob", "bob.zip", notebook=b"{}"), replace(VERDICT, submission="bob"))
    enter(tmp_path, (ANN, VERDICT), bob)
    with pytest.raises(CourseError, match="1 is gone"):
        enter(tmp_path, (ANN, VERDICT))
    renamed = replace(ANN, id="ann-2", notebook=b"second attempt")
    with pytest.raises(CourseError, match="1 is gone"):
        enter(tmp_path, (renamed, replace(VERDICT, submission="ann-2")))
    enter(tmp_path, (renamed, replace(VERDICT, submission="ann-2")), bob)  # the same student id


def test_points_that_a_case_is_worth_count_as_a_change(tmp_path: Path) -> None:
    enter(tmp_path, (ANN, VERDICT))
    dearer = tuple(replace(case, points=case.points * 2) for case in CASES)
    with pytest.raises(CourseError, match="1 goes up"):
        enter(tmp_path, (ANN, replace(VERDICT, cases=dearer)))
    assert (
        "1.5 icc of hsb: from 0.5 to 1 of 1 instead of 0.5"
        in (tmp_path / "regrade.csv").read_text()
    )


def test_names_in_the_difference_are_text(tmp_path: Path) -> None:
    evil = replace(ANN, name="<b>=1|x</b>", student_id="=1")
    enter(tmp_path, (evil, VERDICT))
    with pytest.raises(CourseError):
        enter(tmp_path, (evil, replace(VERDICT, cases=RIGHT)))
    text = (tmp_path / "regrade.md").read_text()
    assert "<b>" not in text
    assert "| &#60;b&#62;=1&#124;x&#60;/b&#62; |" in text
    assert differences(tmp_path)[0]["student_id"] == "'=1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"entries": 3}'])
def test_a_damaged_gradebook_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "gradebook.json").write_text(text)
    with pytest.raises(CourseError, match=r"gradebook\.json is damaged"):
        gradebook.rows(tmp_path)
    with pytest.raises(CourseError, match="holds no gradebook"):
        gradebook.rows(tmp_path / "nowhere")
