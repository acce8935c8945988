"""Written questions: what is given to score, and what is taken back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from autograder import course, written
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
        (b"", "scores.csv is empty"),
        ("answer,points,remark\nx,1,caf\u00e9\n".encode("latin-1"), "row 2, .* is not UTF-8"),
        (b'answer,points,remark\nx,1,"never closed\n', "row 2: .*Mend the quotes"),
    ],
    ids=["missing column", "empty", "wrong encoding", "unclosed quote"],
)
def test_damaged_files_get_one_clear_sentence(run: Path, content: bytes, says: str) -> None:
    (run / "written" / "scores.csv").write_bytes(content)
    with pytest.raises(CourseError, match=says):
        written.scores(run)


# ------------------------------------------------------------------------------ what is given out

HOMEWORK = course.homework("hw1")


def table(run: Path) -> list[dict[str, str]]:
    with open(run / "written" / "scores.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def set_points(run: Path, answer: str, points: str, remark: str) -> None:
    path = run / "written" / "scores.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    new = [
        f"{answer},{line.split(',')[1]},4,{points},{remark},{line.split(',')[5]},"
        if line.startswith(answer)
        else line
        for line in lines
    ]
    path.write_text("\n".join(new) + "\n", encoding="utf-8")


def test_one_page_a_question_and_one_row_an_answer(run: Path) -> None:
    found = written.collect(HOMEWORK, run)
    assert [path.name for path in found.pages] == ["task1_9a.html", "task1_9b.html"]
    assert (found.answers, found.scored) == (6, 0)
    assert [row["question"] for row in table(run)] == ["task1_9a"] * 3 + ["task1_9b"] * 3
    page = found.pages[0].read_text(encoding="utf-8")
    assert "Is school 8367 the worst?" in page  # the question
    assert "comparative standard error" in page  # its rubric
    assert "In two sentences" not in page  # the other question's
    assert "Small samples are unreliable." in page


def test_pages_and_table_carry_no_name(run: Path) -> None:
    found = written.collect(HOMEWORK, run)
    for path in (*found.pages, found.table):
        assert not any(name in path.read_text(encoding="utf-8").lower().split() for name in TEXTS)
        assert "ann.zip" not in path.read_text(encoding="utf-8")


def test_similar_answers_stand_next_to_each_other_and_empty_ones_last() -> None:
    base = {f"s{i}": (text, "") for i, text in enumerate("alpha beta gamma delta".split())}
    texts = {**base, "x": ("The school is below average by six points.", ""), "e": (" ", "")}
    texts["y"] = ("The school is below average by 6 points!", "")
    answers = written.collected(verdict(name, each) for name, each in texts.items())
    first = [answer for answer in answers if answer.question == "task1_9a"]
    order = [answer.submission for answer in written.arranged(first)]
    assert abs(order.index("x") - order.index("y")) == 1
    assert order[-1] == "e"
    assert order == [answer.submission for answer in written.arranged(reversed(first))]
    assert order != sorted(order)


def test_what_was_filled_in_is_kept_and_taken_in(run: Path) -> None:
    written.collect(HOMEWORK, run)
    set_points(run, ANN, "3", "Which unit?")
    store(run, {"dan": ("A new answer.", "")})
    before = (run / "written" / "scores.csv").read_text(encoding="utf-8")
    assert written.collect(HOMEWORK, run).scored == 1
    assert written.scores(run) == {("ann", "task1_9a"): Score(3, "Which unit?")}
    after = (run / "written" / "scores.csv").read_text(encoding="utf-8")
    assert len(after.splitlines()) == len(before.splitlines()) + 2
    written.collect(HOMEWORK, run)
    assert (run / "written" / "scores.csv").read_text(encoding="utf-8") == after


def test_a_score_does_not_outlive_its_text(run: Path) -> None:
    written.collect(HOMEWORK, run)
    set_points(run, ANN, "3", "Fine")
    store(run, {"ann": ("Something else.", "")})
    assert written.scores(run) == {}
    assert written.collect(HOMEWORK, run).outdated == (ANN,)
    row = next(row for row in table(run) if row["answer"] == ANN)
    assert row["points"] == ""
    assert "3: Fine" in row["earlier"]


@pytest.mark.parametrize("remark", ["=1+1", "'=1+1", "-minus", "two\nlines", 'a "quote", a comma'])
def test_remarks_come_back_as_typed_and_are_no_formula(run: Path, remark: str) -> None:
    fill(run, (ANN, "3", remark))
    for _ in range(2):
        written.collect(HOMEWORK, run)
        assert written.scores(run)["ann", "task1_9a"].remark == remark.removeprefix(
            "'" if remark == "'=1+1" else ""
        )
        cell = next(row["remark"] for row in table(run) if row["answer"] == ANN)
        assert cell[0] not in "=-+@"


def test_answers_are_shown_as_text(run: Path) -> None:
    store(run, {"eve": ("<script>alert(1)</script> $\\psi^2$", "<img src=x onerror=alert(1)>")})
    for path in written.collect(HOMEWORK, run).pages:
        page = path.read_text(encoding="utf-8")
        assert "<script" not in page
        assert "<img" not in page


def test_nothing_to_score_is_said(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="no written answer to hw1"):
        written.collect(HOMEWORK, tmp_path)
