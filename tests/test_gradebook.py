"""grades.csv: the columns of the design, safe in a spreadsheet, whole or not at all."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_verdict import CASES, VERDICT

from autograder import gradebook
from autograder.verdict import Verdict

HEADER = (
    "submission,student_id,name,hw,task1_4,task1_5,task1_9a,"
    "raw,late_days,penalty,score,max_score,status"
)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_columns_rows_and_numbers(tmp_path: Path) -> None:
    path = tmp_path / "out" / "grades.csv"
    other = replace(VERDICT, submission="Zoe", cases=tuple(replace(c, passed=True) for c in CASES))
    gradebook.write_grades([other, VERDICT], path)
    assert path.read_text(encoding="utf-8").splitlines() == [
        HEADER,
        "Zoe,4711,Ann,hw1,2,0.5,,2.5,,0,2.5,2.5,partial",
        "ann-1a2b3c4d,4711,Ann,hw1,0,0.5,,0.5,,0,0.5,2.5,partial",
    ]


def test_unreadable_gets_zero_of_the_points_of_the_others(tmp_path: Path) -> None:
    nothing = Verdict("bob", "bob.zip", "", "", "hw1", "unreadable")
    gradebook.write_grades([nothing, VERDICT], tmp_path / "g.csv")
    row = next(row for row in rows_of(tmp_path / "g.csv") if row["submission"] == "bob")
    assert (row["task1_4"], row["task1_9a"], row["score"], row["max_score"]) == (
        "0",
        "",
        "0",
        "2.5",
    )


def test_question_ten_follows_nine(tmp_path: Path) -> None:
    cases = tuple(replace(CASES[1], question=f"task1_{number}") for number in (10, 9, 1))
    gradebook.write_grades([replace(VERDICT, cases=cases)], tmp_path / "g.csv")
    header = (tmp_path / "g.csv").read_text().splitlines()[0]
    assert "task1_1,task1_9,task1_9a,task1_10" in header


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\ufeff=1", "\u200b=1", "＝1"]
)
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    gradebook.write_grades([replace(VERDICT, name=name, student_id=name)], tmp_path / "g.csv")
    row = rows_of(tmp_path / "g.csv")[0]
    assert row["name"].startswith("'")
    assert row["student_id"].startswith("'")


@given(st.text(max_size=40))
def test_a_text_cell_is_one_line_and_no_formula(text: str) -> None:
    cell = gradebook.safe(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert len(cell.splitlines()) <= 1
    assert cell.encode("utf-8").decode() == cell


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "g.csv"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        gradebook.write_grades([VERDICT], path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["g.csv"]
