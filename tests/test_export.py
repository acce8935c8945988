"""Files for platforms, read back by importers that follow the platforms' own rules."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from test_verdict import CASES, VERDICT

from autograder import cli, course, export, given, gradebook, intake
from autograder.course import CourseError
from autograder.people import Person
from autograder.submissions import Submission
from autograder.writing import write_text

HW = course.homework("hw1")
RIGHT = tuple(replace(case, passed=True) for case in CASES)

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,HW1: Variance components (4711),\
HW2 (4712),HW1 Current Score,Final Score
    Points Possible,,,,,,2.5,10,(read only),(read only)
"Doe, Jane",11,s11,jdoe,A,x,,,,
"=cmd|' /C calc'!A0",12,s12,=1+1,A,,1.00,,,
"Müller, Zoë",13,s13,zm,A,,,,,
"Nobody, Ned",14,s14,nn,B,,,7,,
"Student, Test",99,,test,A,,,,,
"""

WORKSHEET = """\
\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,\
Last modified (submission),Last modified (grade),Feedback comments
Participant 801,=Jane,j@x.edu,Submitted for grading,,2.50,Yes,-,-,=bad
Participant 802,Bo Lee,b@x.edu,Submitted for grading,,2.50,Yes,-,"Friday, 5 March 2027, 9:00 AM",
Participant 803,Cy,c@x.edu,Submitted for grading,1.00,2.50,No,-,-,
"""


def person(user: str, kind: str, **more: str) -> Person:
    return Person(more.get("student_id", user), more.get("name", ""), keys=((kind, user),))


def run(out: Path, kind: str, *users: str, right: tuple[str, ...] = ()) -> Path:
    """A graded run: who is in `right` has all points, the others one half point of 2.5."""
    found = [
        Submission(f"u{user}", "x", user, people=(person(user, kind),), platform=kind)
        for user in users
    ]
    verdicts = [
        replace(VERDICT, submission=one.id, cases=RIGHT if one.student_id in right else CASES)
        for one in found
    ]
    gradebook.enter(out, HW, found, verdicts, lambda changes: True)
    return out


def put(path: Path, text: str) -> Path:
    write_text(path, text)
    return path


# ------------------------------------------------------------------ importers, from their rules


def canvas_import(text: str, gradebook_text: str) -> dict[str, dict[str, str]]:
    """Scores by assignment and student, as Canvas' importer finds them; strict where it guesses."""
    known = list(csv.reader(io.StringIO(gradebook_text)))
    students = {row[1]: row for row in known if row[1].isdigit()}
    assignments = {found[1] for name in known[0] if (found := re.search(r"\((\d+)\)$", name))}
    lines = text.splitlines()[:3]
    delimiter = max(",;", key=lambda mark: sum(line.count(mark) for line in lines))
    header, *rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    assert len(header) > 3
    assert "Student" in header[0]
    assert "ID" in header[1]
    last = header.index("Section")
    scores: dict[str, dict[str, str]] = {}
    for place in range(last + 1, len(header)):
        found = re.search(r"\((\d+)\)$", header[place])
        assert found, "it would make a new assignment"
        assert found[1] in assignments, "it would make a new assignment"
        column = scores.setdefault(found[1], {})
        for row in rows:
            assert len(row) == len(header)
            assert row[1] in students, "it would make a new student"
            cell = row[place].strip()
            assert cell in {"", "-", "EX"} or re.fullmatch(r"\d+(\.\d{1,2})?", cell)
            if cell not in {"", "-"}:
                column[row[1]] = cell
    return scores


def moodle_import(text: str) -> dict[str, float]:
    """Grades by participant, as Moodle's offline grading importer finds them."""
    header, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    for name in ("Identifier", "Grade", "Last modified (grade)"):
        assert name in header
    grades = {}
    for row in rows:
        cells = dict(zip(header, row, strict=True))
        found = re.fullmatch(r"Participant (\d+)", cells["Identifier"])
        assert found
        assert cells.get("Grade can be changed", "Yes") == "Yes"
        grade = float(cells["Grade"])
        assert 0 <= grade <= float(cells["Maximum Grade"])
        grades[found[1]] = grade
    return grades


def formulas(text: str) -> list[str]:
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    return [
        cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@")) and cell != "-"
    ]


# -------------------------------------------------------------------------------------- Canvas


def test_canvas_takes_the_file(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "canvas", "11", "12", right=("11",))
    write_text(out / "given" / "extensions.csv", "student_id,hw,extension\n14,hw1,excused\n")
    done = export.export(out, "canvas", put(tmp_path / "book.csv", CANVAS))
    text = done.path.read_text(encoding="utf-8")
    assert canvas_import(text, CANVAS) == {"4711": {"11": "2.5", "12": "0.5", "14": "EX"}}
    assert done.students == 3
    assert formulas(text) == []
    assert "'=cmd" in text
    assert "13" not in text
    before = done.path.read_bytes()
    export.export(out, "canvas", tmp_path / "book.csv")
    assert done.path.read_bytes() == before


def test_canvas_students_by_other_ids_and_split_names(tmp_path: Path) -> None:
    out = tmp_path / "out"
    jane = Submission("jane", "x", people=(Person("s11", "J"),))
    zoe = Submission("zoe", "x", people=(Person("7", "Z", keys=(("login", "ZM"),)),))
    verdicts = [replace(VERDICT, submission=name) for name in ("jane", "zoe")]
    gradebook.enter(out, HW, [jane, zoe], verdicts)
    book = CANVAS.replace("Student,ID", "LastName,FirstName,ID").replace(
        '"Doe, Jane",11', "Doe,Jane,11"
    )
    book = re.sub(r'^("[^"]*"),(\d+)', r"\1,X,\2", book, flags=re.M).replace(
        "Points Possible,", "Points Possible,,"
    )
    text = export.export(out, "canvas", put(tmp_path / "b.csv", book)).path.read_text()
    assert canvas_import(text, CANVAS) == {"4711": {"11": "0.5", "13": "0.5"}}
    assert '"Doe, Jane"' in text


def test_canvas_refuses_the_unknown_by_name(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "canvas", "11", "55")
    book = put(tmp_path / "book.csv", CANVAS)
    with pytest.raises(CourseError, match=r"not exactly one row for: u55 \(55\)"):
        export.export(out, "canvas", book)
    assert not (out / "export").exists()
    assert export.export(out, "canvas", book, leave_out=["u55"]).students == 1
    with pytest.raises(CourseError, match="no submission 'u56'"):
        export.export(out, "canvas", book, leave_out=["u56"])


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("HW1: Variance components (4711)", "has no column for hw1 Variance components"),
        ("HW2 (4712)", "2 columns for hw1"),
    ],
)
def test_canvas_refuses_what_would_be_a_new_assignment(
    tmp_path: Path, column: str, reason: str
) -> None:
    out = run(tmp_path / "out", "canvas", "11")
    other = "Quiz (9)" if reason.startswith("has no") else "Homework 1 (4712)"
    book = put(tmp_path / "book.csv", CANVAS.replace(column, other))
    with pytest.raises(CourseError, match=reason):
        export.export(out, "canvas", book)
    chosen = export.export(out, "canvas", book, column=other).path.read_text()
    assert other in chosen
    with pytest.raises(CourseError, match="no column for HW7"):
        export.export(out, "canvas", book, column="HW7")


def test_canvas_says_where_points_differ_and_what_is_missing(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "canvas", "11")
    book = put(tmp_path / "book.csv", CANVAS.replace(",2.5,10,", ",100,10,"))
    assert "100 points in Canvas, 2.5 here" in export.export(out, "canvas", book).notes[-1]
    with pytest.raises(CourseError, match="Give --roster: the gradebook"):
        export.export(out, "canvas")
    with pytest.raises(CourseError, match=r"w\.csv has no column 'ID'; it is no gradebook"):
        export.export(out, "canvas", put(tmp_path / "w.csv", WORKSHEET))


def test_two_submissions_of_one_student_are_not_chosen_between(tmp_path: Path) -> None:
    out = tmp_path / "out"
    two = [Submission(name, "x", people=(person("11", "canvas"),)) for name in ("a", "b")]
    gradebook.enter(out, HW, two, [replace(VERDICT, submission=name) for name in ("a", "b")])
    book = put(tmp_path / "book.csv", CANVAS)
    with pytest.raises(CourseError, match=r"book\.csv, row 3: a \(11\) and b \(11\)"):
        export.export(out, "canvas", book)


def test_only_what_a_regrade_changed(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "canvas", "11", "12", "13")
    book = put(tmp_path / "book.csv", CANVAS)
    with pytest.raises(CourseError, match="regraded yet"):
        export.export(out, "canvas", book, changed_only=True)
    run(out, "canvas", "11", "12", "13", right=("12",))
    text = export.export(out, "canvas", book, changed_only=True).path.read_text()
    assert canvas_import(text, CANVAS) == {"4711": {"12": "2.5"}}


# -------------------------------------------------------------------------------------- Moodle


def test_moodle_takes_the_file(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "moodle", "801", "802", "803", right=("802",))
    done = export.export(out, "moodle", put(tmp_path / "sheet.csv", WORKSHEET))
    text = done.path.read_text(encoding="utf-8")
    assert moodle_import(text) == {"801": 0.5, "802": 2.5}
    assert "Friday, 5 March 2027" in text
    assert "Feedback comments" not in text
    assert "\nParticipant 801,'=Jane,j@x.edu,Submitted for grading,0.5,2.50,Yes,-,-\n" in text
    assert formulas(text) == []
    assert "locked in Moodle: u803" in done.notes[-1]


def test_moodle_writes_the_decimals_of_its_sheet(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "moodle", "801")
    sheet = WORKSHEET.replace(",", ";").replace("2.50", "2,50")
    text = export.export(out, "moodle", put(tmp_path / "s.csv", sheet)).path.read_text()
    assert text.splitlines()[1].split(";")[4] == "0,5"


def test_moodle_refuses_strangers_excess_and_other_files(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "moodle", "801", "899", right=("801",))
    sheet = put(tmp_path / "sheet.csv", WORKSHEET)
    with pytest.raises(CourseError, match=r"u899 \(899\)"):
        export.export(out, "moodle", sheet)
    low = put(tmp_path / "low.csv", WORKSHEET.replace("2.50", "2.00"))
    with pytest.raises(CourseError, match=r"low\.csv, row 2, column 'Maximum Grade': 2.00 is less"):
        export.export(out, "moodle", low, leave_out=["u899"])
    with pytest.raises(CourseError, match="no column 'Identifier'"):
        export.export(out, "moodle", put(tmp_path / "book.csv", CANVAS))


# ------------------------------------------------------------------------------ Gradescope, CSV

GRADESCOPE = [
    *("First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points"),
    *("Status", "Submission ID", "Submission Time", "Lateness (H:M:S)", "View Count"),
    "Submission Count",
]


def test_gradescope_has_its_columns(tmp_path: Path) -> None:
    out = tmp_path / "out"
    late = datetime(2027, 2, 6, 10, 30, 5, tzinfo=ZoneInfo("America/Chicago"))
    team = (Person("007", "Jane Doe", "j@x.edu"), Person("8", "Lee, Bo"))
    one = Submission("submission_1", "x", people=team, submitted=late, attempt=3)
    gradebook.enter(out, HW, [one], [replace(VERDICT, submission=one.id, cases=RIGHT)])
    listed = "First Name,Last Name,SID,Email,Sections\nJane,Doe,007,,A\nBo,Lee,8,,B\nX,Y,9,,B\n"
    path = put(tmp_path / "roster.csv", listed)
    for roster in (None, path):
        text = export.export(out, "gradescope", roster).path.read_text()
        header, *rows = csv.reader(io.StringIO(text))
        assert header[: len(GRADESCOPE)] == GRADESCOPE
        assert header[len(GRADESCOPE) :] == ["task1_4", "task1_5", "task1_9a"]
        assert rows[0][:3] == ["Jane", "Doe", "007"]
        assert rows[1][:3] == ["Bo", "Lee", "8"]
        assert rows[0][5:9] == ["2.25", "2.5", "Graded", "submission_1"]
        assert rows[0][9:13] == ["2027-02-06 10:30:05 -0600", "10:31:05", "0", "3"]
    assert rows[2][:9] == ["X", "Y", "9", "", "B", "", "0", "Missing", ""]


def test_plain_file_has_everybody(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "canvas", "11")
    write_text(out / "given" / "roster.csv", "student_id,name\n11,=Jane\n12,Bo\n13,Cy\n")
    write_text(out / "given" / "extensions.csv", "student_id,hw,extension\n13,hw1,ex\n")
    rows = list(csv.DictReader(export.export(out, "csv").path.read_text().splitlines()))
    told = [(row["student_id"], row["score"], row["status"]) for row in rows]
    assert told == [("11", "0.5", "graded"), ("12", "", "missing"), ("13", "EX", "excused")]


def test_command(tmp_path: Path) -> None:
    out = run(tmp_path / "out", "canvas", "11")
    book = put(tmp_path / "book.csv", CANVAS)
    words = ["export", str(out), "--to", "canvas", "--roster", str(book)]
    ran = CliRunner().invoke(cli.main, words, catch_exceptions=False)
    assert (ran.exit_code, ran.stdout) == (0, f"1 students: {out / 'export' / 'canvas.csv'}\n")
    refused = CliRunner().invoke(cli.main, [*words, "--column", "x"], catch_exceptions=False)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "a new one would be a new assignment" in refused.stderr
    empty = CliRunner().invoke(cli.main, ["export", str(tmp_path), "--to", "csv"])
    assert empty.exit_code == 1
    assert "Run hlm grade" in empty.stderr


def test_a_canvas_download_comes_back_as_a_canvas_file(tmp_path: Path) -> None:
    from submissions import archives, platforms

    names = ("doejane_11_501_hw1.ipynb", "cmdccalca0_LATE_12_502_hw1.ipynb")
    files = dict.fromkeys(names, archives.notebook("1"))
    (tmp_path / "submissions.zip").write_bytes(platforms.packed(files))
    book, out = put(tmp_path / "book.csv", CANVAS), tmp_path / "out"
    times = put(tmp_path / "times.csv", "student_id,submitted\ns12,2027-02-06 10:00\n")
    tables = given.load(out, HW, roster=book, times=times)
    taken = intake.take_in(HW, tmp_path / "submissions.zip", tables)
    given.keep(out, tables, roster=book, times=times)
    verdicts = [replace(VERDICT, submission=one.id, cases=RIGHT) for one in taken.submissions]
    gradebook.enter(out, HW, taken.submissions, verdicts)
    text = export.export(out, "canvas").path.read_text(encoding="utf-8")
    assert canvas_import(text, CANVAS) == {"4711": {"11": "2.5", "12": "2.25"}}
