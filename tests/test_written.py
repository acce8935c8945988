"""Written questions: what is given to score, and what is taken back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from autograder import written
from autograder.course import CourseError
from autograder.verdict import Verdict, WrittenAnswer
from autograder.written import Score

TEXTS = {
    "ann": ("School 8367 is below average, by 6 points.", "0.18 within schools"),
    "bob": ("School 8367 is below the average, by 6 points.", ""),
    "cyd": ("Small samples are unreliable.", "Two pupils correlate 0.18."),
}


def verdict(name: str, texts: tuple[str, ...]) -> Verdict:
    answers = tuple(
        WrittenAnswer(f"task1_9{letter}", "1.9", 4.0, text)
        for letter, text in zip("ab", texts, strict=True)
    )
    return Verdict(name, f"{name}.zip", "", name, "hw1", "ok", written=answers)


def store(out: Path, texts: dict[str, tuple[str, ...]] = TEXTS) -> None:
    (out / "results").mkdir(parents=True, exist_ok=True)
    for name, answers in texts.items():
        results = json.dumps(verdict(name, answers).to_results())
        (out / "results" / f"{name}.json").write_text(results, encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A graded run of three students, with a folder for scores."""
    store(tmp_path)
    (tmp_path / "written").mkdir()
    return tmp_path


def ids(texts: dict[str, tuple[str, ...]] = TEXTS) -> dict[tuple[str, str], str]:
    found = written.collected(verdict(name, answers) for name, answers in texts.items())
    return {(each.submission, each.question): each.id for each in found}


def fill(run: Path, *rows: tuple[str, ...], name: str = "scores.csv", delimiter: str = ",") -> None:
    with open(run / "written" / name, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([["answer", "points", "remark"], *rows])


ANN, BOB = ids()["ann", "task1_9a"], ids()["bob", "task1_9a"]


def test_scores_are_known_by_submission_and_question(run: Path) -> None:
    fill(run, (ANN, "3.5", "Say what it rests on."), (BOB, "", "later"))
    assert written.scores(run) == {("ann", "task1_9a"): Score(3.5, "Say what it rests on.")}


def test_nothing_is_scored_before_anything_was_collected(tmp_path: Path) -> None:
    store(tmp_path)
    assert written.scores(tmp_path) == {}


def test_a_german_spreadsheet_is_read(run: Path) -> None:
    fill(run, (ANN, "2,5", "gut; knapp"), delimiter=";")
    assert written.scores(run)["ann", "task1_9a"] == Score(2.5, "gut; knapp")


@pytest.mark.parametrize("points", ["5", "-1", "nan", "inf", "good", "1e9"])
def test_points_out_of_range_name_the_row(run: Path, points: str) -> None:
    fill(run, (BOB, "1", ""), (ANN, points, ""))
    with pytest.raises(CourseError, match=rf"scores.csv, row 3: answer {ANN} .* from 0 to 4"):
        written.scores(run)


def test_unknown_answers_name_the_row(run: Path) -> None:
    fill(run, ("zzzz", "1", ""))
    with pytest.raises(CourseError, match="row 2: there is no answer 'zzzz' in this run"):
        written.scores(run)


def test_two_different_scores_name_both_rows(run: Path) -> None:
    fill(run, (ANN, "3", "a"), (ANN, "2", "b"))
    with pytest.raises(CourseError, match=r"row 3: answer .* has 2 points, but .*row 2 gives 3"):
        written.scores(run)


def test_scorers_may_share_the_work(run: Path) -> None:
    fill(run, (ANN, "3", "good"), (BOB, "", ""))
    fill(run, (ANN, "3", "clear"), (BOB, "1", ""), name="scores-second.csv")
    assert written.scores(run) == {
        ("ann", "task1_9a"): Score(3, "good / clear"),
        ("bob", "task1_9a"): Score(1, ""),
    }


def test_all_problems_are_told_at_once(run: Path) -> None:
    fill(run, (ANN, "9", ""), ("zzzz", "1", ""))
    with pytest.raises(CourseError) as caught:
        written.scores(run)
    assert "row 2" in str(caught.value)
    assert "row 3" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"answer,points\nx,1\n", "no column 'remark'"),
        (b"", "no column 'answer'"),
        ("answer,points,remark\nx,1,caf\u00e9\n".encode("latin-1"), "not in UTF-8"),
        (b'answer,points,remark\nx,1,"never closed\n', "cannot be read as a table"),
    ],
    ids=["missing column", "empty", "wrong encoding", "unclosed quote"],
)
def test_damaged_files_get_one_clear_sentence(run: Path, content: bytes, says: str) -> None:
    (run / "written" / "scores.csv").write_bytes(content)
    with pytest.raises(CourseError, match=says):
        written.scores(run)
