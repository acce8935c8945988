"""Any pile of submissions, joined with a roster: who, when, and what has to be said before."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from submissions import archives, platforms

from autograder import cli, course, given, intake, lms, submissions
from autograder.course import CourseError
from autograder.intake import Intake
from autograder.submissions import Submission

HW = course.homework("hw1")
ONE = archives.notebook("psi = 1", 'grader.check("task1_1")')
TWO = archives.notebook("psi = 2", 'grader.check("task1_1")')
MODULE = b"def icc(psi, sigma2): ...\n"
EXPORT = archives.export(ONE, MODULE)
ZONE = ZoneInfo("America/Chicago")


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def take(path: Path, **tables: str) -> Intake:
    """Take in a pile with tables given as text."""
    folder = path.parent / "tables"
    files = {name: put(folder / f"{name}.csv", text.encode()) for name, text in tables.items()}
    return intake.take_in(HW, path, given.load(folder / "none", HW, **files))


def by_id(taken: Intake) -> dict[str, Submission]:
    return {each.id: each for each in taken.submissions}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


# -------------------------------------------------------------------------------------- Canvas

CANVAS = {
    "doejane_11_501_hw1.zip": EXPORT,
    "müllerzoë_LATE_12_502_hw1-1.ipynb": TWO,
    "müllerzoë_LATE_12_503_variance_components-1.py": MODULE,
    "müllerzoë_LATE_12_504_photo.png": b"PNG",
    "anon_x7f_505_hw1.ipynb": ONE,
    "leebo_14_text.html": b"<p>Sorry</p>",
    "annlee_15_506_hw1.ipynb": ONE,
    "annlee_15_507_hw1-1.ipynb": TWO,
}


@pytest.fixture(params=["zip", "folder", "wrapped zip"])
def canvas(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "folder":
        return archives.put(tmp_path / "unpacked", CANVAS)
    wrap = "submissions/" if request.param == "wrapped zip" else ""
    files = {wrap + name: content for name, content in CANVAS.items()}
    return put(tmp_path / "submissions.zip", platforms.packed(files))


def test_canvas(canvas: Path) -> None:
    taken = take(canvas)
    found = {each.student_id: each for each in taken.submissions}
    assert sorted(found) == ["11", "12", "14", "15", "anon_x7f"]
    assert found["11"].id == "doejane_11"
    assert (found["11"].notebook, found["11"].module, found["11"].late) == (ONE, MODULE, False)
    zoe = found["12"]
    assert (zoe.notebook, zoe.module, zoe.late, zoe.attempt) == (TWO, MODULE, True, 2)
    assert any("photo.png" in name for name in zoe.extra)
    assert found["anon_x7f"].name == ""
    assert "only a text or a link" in (found["14"].problem or "")
    assert (found["15"].notebook, found["15"].attempt) == (TWO, 2)
    assert all(each.submitted is None for each in taken.submissions)
    assert any("Marked LATE, days unknown: mullerzoe_12" in note for note in taken.notes)
    assert any("4 submissions without its LATE mark" in note for note in taken.notes)


ROSTER = """\
Student,ID,SIS User ID,SIS Login ID,Section,HW1 (4711),Final Score
    Points Possible,,,,,20,(read only)
"Doe, Jane",11,s11,jdoe,A,,
"Müller, Zoë",12,s12,zmueller,A,,
"Lee, Bo",14,s14,blee,B,,
"Nobody, Ned",16,s16,nned,B,,
"""


def test_a_canvas_gradebook_is_a_roster(canvas: Path) -> None:
    taken = take(canvas, roster=ROSTER)
    found = {each.student_id: each for each in taken.submissions}
    assert (found["s11"].name, found["s12"].name) == ("Doe, Jane", "Müller, Zoë")
    assert found["s11"].people[0].key("canvas") == "11"
    assert [person.student_id for person in taken.missing] == ["s16"]
    assert len(taken.unmatched) == 2
    lines = "\n".join(taken.lines())
    for part in ("Missing: s16 Nobody, Ned", "anon_x7f", "annlee_15", "4 students in the roster"):
        assert part in lines


def test_canvas_times_are_taken_where_they_can_be_true(tmp_path: Path) -> None:
    files = {"a_1_1_hw1.ipynb": ONE, "b_LATE_2_2_hw1.ipynb": ONE}
    times = {
        "a_1_1_hw1.ipynb": datetime(2027, 2, 5, 20, 0),
        "b_LATE_2_2_hw1.ipynb": platforms.utc("2027-02-06T12:00"),
    }
    taken = take(put(tmp_path / "a.zip", platforms.packed(files, times)))
    assert by_id(taken)["a_1"].submitted == at("2027-02-05T20:00")
    assert by_id(taken)["b_2"].submitted == platforms.utc("2027-02-06T12:00")
    assert any("America/Chicago" in note for note in taken.notes)


@pytest.mark.parametrize(
    ("first", "second", "doubt"),
    [
        (datetime(2027, 2, 9, 8, 0), datetime(2027, 2, 9, 8, 5), "tell of the download"),
        (datetime(1980, 1, 1), datetime(2027, 2, 9, 8, 5), "before the homework was released"),
        (datetime(2027, 2, 6, 8, 0), datetime(2027, 2, 9, 8, 5), "against its time"),
    ],
)
def test_canvas_times_are_doubted(
    tmp_path: Path, first: datetime, second: datetime, doubt: str
) -> None:
    files = {"a_1_1_hw1.ipynb": ONE, "b_LATE_2_2_hw1.ipynb": ONE}
    times = dict(zip(files, (first, second), strict=True))
    taken = take(put(tmp_path / "a.zip", platforms.packed(files, times)))
    assert [each.submitted for each in taken.submissions] == [None, None]
    assert doubt in " ".join(taken.notes)


def test_nobody_can_hand_in_under_anothers_id(tmp_path: Path) -> None:
    files = {"doejane_11_501_hw1.ipynb": ONE, "evil_11_12_9_doejane_13_3_hw1.ipynb": TWO}
    path = put(tmp_path / "a.zip", platforms.packed(files))
    taken = take(path)
    assert [each.student_id for each in taken.submissions] == ["", ""]
    assert "several names claim this id" in " ".join(taken.unmatched)
    known = take(path, roster=ROSTER)
    assert {each.student_id: each.notebook for each in known.submissions} == {"s11": ONE, "": TWO}
    plain = take(path, roster="student_id,name\n11,Jane Doe\n")
    assert {each.student_id: each.notebook for each in plain.submissions} == {"11": ONE, "": TWO}


def test_ids_of_two_kinds_are_not_mixed_up(tmp_path: Path) -> None:
    files = {"annlee_11_1_hw1.ipynb": ONE, "strange_77_2_hw1.ipynb": TWO}
    roster = "student_id,name,canvas_id\n77,Ann Lee,11\n"
    taken = take(put(tmp_path / "a.zip", platforms.packed(files)), roster=roster)
    assert [each.notebook for each in taken.submissions if each.name == "Ann Lee"] == [ONE]
    assert len(taken.unmatched) == 1


# -------------------------------------------------------------------------------------- Moodle

MOODLE = {
    "Jane Doe_801_assignsubmission_file_/work/hw1.ipynb": ONE,
    "Jane Doe_801_assignsubmission_file_/work/hlmtools/variance_components.py": MODULE,
    "Jane Doe_801_assignsubmission_onlinetext_/onlinetext.html": b"<p>see file</p>",
    "Participant_802_assignsubmission_file/hw1-submission.zip": EXPORT,
    "Team Blue_31_assignsubmission_file_/hw1.ipynb": TWO,
    "Ann Lee_804_assignsubmission_onlinetext/onlinetext.html": b"text",
}
FLAT = {
    "Jane Doe_801_assignsubmission_file_hw1.ipynb": ONE,
    "Jane Doe_801_assignsubmission_file_variance_components.py": MODULE,
    "Mallory_803_assignsubmission_file_Jane Doe_801_assignsubmission_file_hw1.ipynb": TWO,
}


@pytest.mark.parametrize("unpacked", [False, True])
def test_moodle_folders(tmp_path: Path, unpacked: bool) -> None:
    path = tmp_path / "moodle.zip"
    if unpacked:
        path = archives.put(tmp_path / "moodle", MOODLE)
    else:
        put(path, platforms.packed(MOODLE))
    found = {each.student_id: each for each in take(path).submissions}
    assert sorted(found) == ["31", "801", "802", "804"]
    assert (found["801"].name, found["801"].notebook, found["801"].module) == (
        "Jane Doe",
        ONE,
        MODULE,
    )
    assert (found["802"].name, found["802"].module) == ("", MODULE)
    assert "only a text typed" in (found["804"].problem or "")


def test_moodle_flat_and_a_file_called_like_anothers_entry(tmp_path: Path) -> None:
    path = put(tmp_path / "moodle.zip", platforms.packed(FLAT))
    found = {each.student_id: each for each in take(path).submissions}
    assert (found["801"].notebook, found["801"].module) == (ONE, MODULE)
    assert (found["803"].name, found["803"].notebook) == ("Mallory", TWO)


WORKSHEET = """\
\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,\
Last modified (submission),Last modified (grade),Feedback comments
Participant 801,Jane Doe,j@x.edu,Submitted for grading,,20.00,Yes,\
"Saturday, 6 February 2027, 9:15 AM",-,
Participant 802,Bo Lee,b@x.edu,Submitted for grading,,20.00,Yes,-,-,
Participant 805,Ned Nobody,n@x.edu,No submission,,20.00,Yes,-,-,
"""


def test_a_moodle_worksheet_is_a_roster_with_times(tmp_path: Path) -> None:
    path = put(tmp_path / "moodle.zip", platforms.packed(MOODLE))
    taken = take(path, roster=WORKSHEET)
    found = {each.student_id: each for each in taken.submissions}
    assert found["801"].submitted == at("2027-02-06T09:15")
    assert (found["802"].name, found["802"].submitted) == ("Bo Lee", None)
    assert [person.student_id for person in taken.missing] == ["805"]


def test_teams_of_the_roster(tmp_path: Path) -> None:
    path = put(tmp_path / "moodle.zip", platforms.packed(MOODLE))
    roster = "student_id,name,group\n1,Ann,Team Blue\n2,Bo,Team Blue\n"
    team = next(each for each in take(path, roster=roster).submissions if each.notebook == TWO)
    assert (team.student_id, team.name, team.group) == ("1; 2", "Ann; Bo", "Team Blue")


# ---------------------------------------------------------------------------------- Gradescope


@pytest.mark.parametrize("unpacked", [False, True])
def test_gradescope(tmp_path: Path, unpacked: bool) -> None:
    files = {
        "assignment_5_export/submission_metadata.yml": platforms.GRADESCOPE.encode(),
        "assignment_5_export/submission_1001/hw1.ipynb": ONE,
        "assignment_5_export/submission_1001/hlmtools/variance_components.py": MODULE,
        "assignment_5_export/submission_1002/hw1.ipynb": TWO,
        "assignment_5_export/submission_1004/hw1.ipynb": TWO,
    }
    path = tmp_path / "export.zip"
    if unpacked:
        path = archives.put(tmp_path / "export", files)
    else:
        put(path, platforms.packed(files))
    taken = take(path)
    found = by_id(taken)
    jane, team = found["submission_1001"], found["submission_1002"]
    assert (jane.student_id, jane.name, jane.email) == ("007", "Jane Doe", "jane@example.edu")
    assert (jane.module, jane.attempt) == (MODULE, 2)
    assert jane.submitted == platforms.utc("2027-02-06T13:00:00.123456")
    assert (team.student_id, team.name) == ("102; 103", "王 芳; Bo")
    assert "holds no files" in (found["submission_1003"].problem or "")
    assert (found["submission_1004"].notebook, found["submission_1004"].student_id) == (TWO, "")


def test_the_latest_of_two_submissions_counts(tmp_path: Path) -> None:
    text = platforms.GRADESCOPE + (
        "submission_1009:\n  :submitters:\n  - {':name': Jane Doe, ':sid': '007'}\n"
        "  :created_at: 2027-02-07 10:00:00 Z\n"
    )
    files = {f"e/submission_{number}/hw1.ipynb": ONE for number in (1001, 1002, 1003, 1009)}
    files["e/submission_metadata.yml"] = text.replace("\n    :email: jane@example.edu", "").encode()
    taken = take(put(tmp_path / "export.zip", platforms.packed(files)))
    assert sorted(by_id(taken)) == ["submission_1002", "submission_1003", "submission_1009"]
    assert "the latest counts, submission_1009" in taken.duplicates[0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a: [", "it is no YAML in line"),
        (b"- a\n- b\n", "holds no table"),
        (b"[" * 100_000, "more than 40 levels"),
        ("a: é".encode("cp1252"), "not in UTF-8"),
        (b"a: &a {b: *a}", "it is no YAML"),
    ],
)
def test_damaged_metadata(tmp_path: Path, text: bytes, reason: str) -> None:
    path = put(tmp_path / "e.zip", archives.archive({"submission_metadata.yml": text}))
    with pytest.raises(CourseError, match=f"submission_metadata.yml cannot be read: .*{reason}"):
        take(path)


# --------------------------------------------------------------------------- loose files, zips


def test_loose_files_and_folders_are_found_in_the_roster(tmp_path: Path) -> None:
    box = archives.put(
        tmp_path / "in",
        {
            "jdoe_hw1.ipynb": ONE,
            "s12/hw1.zip": EXPORT,
            "Lee, Bo.ipynb": ONE,
            "stranger/s16_hw1.ipynb": ONE,
        },
    )
    taken = take(box, roster=ROSTER)
    found = {each.student_id: each.source for each in taken.submissions}
    assert found == {
        "s11": "jdoe_hw1.ipynb",
        "s12": "s12/hw1.zip",
        "s14": "Lee, Bo.ipynb",
        "": "stranger/s16_hw1.ipynb",
    }


def test_a_zip_of_hand_ins_is_a_class_and_a_students_zip_is_not(tmp_path: Path) -> None:
    pile = put(tmp_path / "all.zip", archives.archive({"ann.zip": EXPORT, "bo/hw1.ipynb": TWO}))
    assert sorted(by_id(take(pile))) == ["ann", "bo"]
    disguised = archives.archive({f"x_{n}_{n}_hw1.ipynb": ONE for n in (11, 12)})
    box = archives.put(tmp_path / "in", {"mallory.zip": disguised, "ann.zip": EXPORT})
    found = by_id(take(box))
    assert sorted(found) == ["ann", "mallory"]
    assert "several notebooks" in (found["mallory"].problem or "")


def test_downloads_of_two_sections(tmp_path: Path) -> None:
    box = tmp_path / "in"
    for user in (1, 2):
        put(box / f"section{user}.zip", platforms.packed({f"a_{user}_{user}_hw1.ipynb": ONE}))
    assert sorted(by_id(take(box))) == ["a_1", "a_2"]


def test_the_newest_of_several_exports_counts(tmp_path: Path) -> None:
    old, new = archives.export(ONE), archives.export(TWO)
    names = ("ann/hw1_2027_02_01T10_00_00_000001.zip", "ann/hw1_2027_02_03T10_00_00_000001.zip")
    box = archives.put(tmp_path / "in", dict(zip(names, (old, new), strict=True)))
    (ann,) = take(box).submissions
    assert (ann.id, ann.notebook, ann.attempt) == ("ann", TWO, 2)
    files = {f"Ann_5_assignsubmission_file_/{name[4:]}": old for name in names}
    files[f"Ann_5_assignsubmission_file_/{names[1][4:]}"] = new
    (ann,) = take(put(tmp_path / "moodle.zip", platforms.packed(files))).submissions
    assert ann.notebook == TWO


def test_times_come_from_a_table_before_all_else(tmp_path: Path) -> None:
    box = archives.put(tmp_path / "in", {"s11.ipynb": ONE, "other.ipynb": ONE})
    taken = take(
        box,
        roster=ROSTER,
        times="student_id;submitted\ns11;2027-02-06 10:00\nother;2027-02-05T01:00:00Z\nx;-\n",
    )
    assert by_id(taken)["s11"].submitted == at("2027-02-06T10:00")
    assert by_id(taken)["other"].submitted == platforms.utc("2027-02-05T01:00")


def test_ids_in_tables_that_nobody_has_are_said(tmp_path: Path) -> None:
    box = archives.put(tmp_path / "in", {"s11.ipynb": ONE})
    taken = take(
        box, roster=ROSTER, extensions="student_id,hw,extension\nS11,hw1,3\ns16,hw1,ex\ns99,hw1,1\n"
    )
    assert "'s99' in the extensions: no student" in taken.unmatched[0]
    assert [person.student_id for person in taken.excused] == ["s16"]
    assert "s16" not in {person.student_id for person in taken.missing}


def test_dry_run_lists_and_writes_nothing(tmp_path: Path) -> None:
    box = archives.put(tmp_path / "in", {"s11.ipynb": ONE})
    roster = put(tmp_path / "roster.csv", ROSTER.encode())
    words = ["grade", "hw1", box, "--out", tmp_path / "out", "--roster", roster, "--dry-run"]
    ran = CliRunner().invoke(cli.main, list(map(str, words)), catch_exceptions=False)
    assert ran.exit_code == 0
    assert "Missing: s12 Müller, Zoë" in ran.stdout
    assert not (tmp_path / "out").exists()


def test_what_was_found_is_kept_for_the_report(tmp_path: Path) -> None:
    box = archives.put(tmp_path / "in", {"s11.ipynb": ONE})
    taken = take(box, roster=ROSTER)
    taken.write(tmp_path / "out")
    first = (tmp_path / "out" / "intake.json").read_bytes()
    record = json.loads(first)
    assert record["submissions"]["s11"]["name"] == "Doe, Jane"
    assert [person["student_id"] for person in record["missing"]] == ["s12", "s14", "s16"]
    taken.write(tmp_path / "out")
    assert (tmp_path / "out" / "intake.json").read_bytes() == first


# ------------------------------------------------------------------------------------- damaged


@pytest.mark.parametrize("cut", [10, 200, 2000])
def test_a_download_that_broke_off(tmp_path: Path, cut: int) -> None:
    content = platforms.packed({f"a_{user}_{user}_hw1.zip": EXPORT for user in range(1, 9)})
    (one,) = take(put(tmp_path / "submissions.zip", content[:-cut])).submissions
    assert "damaged or not a zip" in (one.problem or "")


def test_damaged_entries_cost_their_student_only(tmp_path: Path) -> None:
    files = {"a_1_1_hw1.zip": EXPORT, "b_2_2_hw1.zip": EXPORT[:100], "c_3_3_hw1.zip": b""}
    content = bytearray(platforms.packed(files))
    at_entry = content.find(b"a_1_1_hw1.zip") + 40
    content[at_entry : at_entry + 8] = b"\xff" * 8
    found = by_id(take(put(tmp_path / "submissions.zip", bytes(content))))
    assert sorted(found) == ["a_1", "b_2", "c_3"]
    assert all(each.problem for each in found.values())


def test_names_of_any_script_and_intent(tmp_path: Path) -> None:
    names = ["<script>x<script>", "=cmd|calc", "名前", "\u202egpj", "a" * 150]
    files = {f"{name}_{n}_{n}_hw1.ipynb": ONE for n, name in enumerate(names, start=1)}
    taken = take(put(tmp_path / "submissions.zip", platforms.packed(files)))
    assert sorted(each.student_id for each in taken.submissions) == ["1", "2", "3", "4", "5"]
    assert all(line.isprintable() or "\u202e" not in line for line in taken.lines())
    assert all(submissions._clean(each.id, b"") == each.id for each in taken.submissions)


TABLES: dict[str, tuple[str, bytes, str]] = {  # kind of table, content, sentence
    "UTF-16": ("roster", ROSTER.encode("utf-16"), r"roster.csv is in UTF-16, not UTF-8"),
    "cp1252": (
        "roster",
        ROSTER.encode("cp1252"),
        r"roster.csv, row 4, column 1: byte 0xfc is not UTF-8. Save it as 'CSV UTF-8'",
    ),
    "workbook": ("roster", b"PK\x03\x04", r"roster.csv is a workbook or a zip"),
    "empty": ("roster", b"\n\n", r"roster.csv is empty"),
    "no id": ("roster", b"name,section\nAnn,A\n", r"roster.csv has no column 'student_id'.*name"),
    "same id": (
        "roster",
        b"student_id;name\n1;Ann\n2;Bo\n1;Cy\n",
        r"roster.csv, row 4, column 'student_id': '1' stands in row 2 already",
    ),
    "no id in a row": ("roster", b"student_id,name\n,Ann\n", r"row 2, column 'student_id': it is"),
    "same column": (
        "roster",
        b"student_id,name,name\n",
        r"row 1: column 'name' stands there twice",
    ),
    "wide row": ("roster", b"student_id,name\n1,Doe, Jane\n", r"roster.csv, row 2: it has 3 cells"),
    "open quote": ("roster", b'student_id,name\n1,"Ann\n', r"roster.csv, row 2: unexpected end"),
    "bad time": (
        "times",
        b"student_id,submitted\n1,soon\n",
        r"times.csv, row 2, column 'submitted': 'soon' is no time that can be",
    ),
    "negative date": (
        "times",
        b"student_id,submitted\n1,-2027-02-05 10:00\n",
        r"times.csv, row 2, column 'submitted': '-2027-02-05 10:00' is no time",
    ),
    "no times": ("times", b"student_id,day\n1,2\n", r"times.csv has no column 'submitted'"),
    "unknown homework": (
        "extensions",
        b"student_id,hw,extension\n1,hw99,2\n",
        r"extensions.csv, row 2, column 'hw': 'hw99' is no homework",
    ),
    "negative days": (
        "extensions",
        b"student_id,hw,extension\n1,hw1,-2\n",
        r"extensions.csv, row 2, column 'extension': -2 days; give 0 to 366",
    ),
    "date before release": (
        "extensions",
        b"student_id,hw,due\n1,hw1,2020-02-05\n",
        r"extensions.csv, row 2, column 'due': 2020-02-05 lies before hw1 was released",
    ),
    "two grants": (
        "extensions",
        b"student_id,hw,days,excused\n1,hw1,2,yes\n",
        r"extensions.csv, row 2, column 'excused': two things are granted",
    ),
    "granted twice": (
        "extensions",
        b"student_id,hw,days\n1,hw1,2\n2,hw1,1\n1,hw1,3\n",
        r"row 4, column 'student_id': '1 \(hw1\)' stands in row 2 already",
    ),
    "nothing granted": (
        "extensions",
        b"student_id,hw,days\n1,hw1,\n",
        r"extensions.csv, row 2.*nothing is granted",
    ),
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_damaged_tables_name_file_row_and_column(tmp_path: Path, kind: str) -> None:
    name, content, sentence = TABLES[kind]
    files: dict[str, Any] = {name: put(tmp_path / f"{name}.csv", content)}
    with pytest.raises(CourseError, match=sentence) as raised:
        given.load(tmp_path / "out", HW, **files)
    assert len(str(raised.value).splitlines()) == 1


def test_tables_with_a_mark_semicolons_or_tabs_are_read(tmp_path: Path) -> None:
    for text in ("\ufeffstudent_id;name\r\n1;Doe, Jane\r\n", "student_id\tname\n1\tDoe, Jane\n"):
        path = put(tmp_path / "roster.csv", text.encode())
        (student,) = given.read_roster(path, ZONE)
        assert (student.person.student_id, student.person.name) == ("1", "Doe, Jane")


@pytest.mark.parametrize(
    ("cell", "days", "due", "excused"),
    [
        ("3", 3, None, False),
        ("excused", 0, None, True),
        ("2027-02-09", 0, "2027-02-09T23:59", False),
        ("2027-02-09 12:00", 0, "2027-02-09T12:00", False),
        ("2027-02-09T18:00:00Z", 0, "2027-02-09T12:00", False),
    ],
)
def test_what_an_extension_may_be(
    tmp_path: Path, cell: str, days: int, due: str | None, excused: bool
) -> None:
    text = f"student_id,hw,extension\nAnn,HW1,{cell}\nann,hw2,9\n"
    path = put(tmp_path / "extensions.csv", text.encode())
    grant = given.read_extensions(path, HW)["ann"]
    assert (grant.days, grant.excused) == (days, excused)
    assert grant.due == (at(due) if due else None)


def test_days_of_earlier_homeworks_are_counted_once_each(tmp_path: Path) -> None:
    grades = "submission,student_id,hw,late_days\na,1,hw2,2\nb,2; 3,hw2,1\nc,4,hw2,\nd,5,hw2,9\n"
    put(tmp_path / "hw2" / "grades.csv", grades.encode())
    tables = given.load(tmp_path / "out", HW, earlier=[tmp_path / "hw2"])
    assert tables.used_days == {"1": 2, "2": 1, "3": 1, "4": 0, "5": 0}
    given.keep(tmp_path / "out", tables)
    assert given.load(tmp_path / "out", HW).used_days == tables.used_days
    with pytest.raises(CourseError, match="Give each homework once"):
        given.load(tmp_path / "out", HW, earlier=[tmp_path / "hw2", tmp_path / "hw2"])


def test_names_that_are_none_of_a_platform() -> None:
    for name in (
        "hw1_2027_11_05T10_11_12_123456.zip",
        "hw1_2027_02_01.zip",
        "ann.ipynb",
        "a_b.zip",
    ):
        assert lms.canvas(name) is None
        assert lms.moodle(name) is None
