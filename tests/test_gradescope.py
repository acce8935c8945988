"""Gradescope: its schema, who sees what, partial results, and what its metadata may hold."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import needs_bwrap

from autograder import course, demo, gradescope, judge, verify
from autograder.sandbox import SandboxMissing
from autograder.verdict import CaseResult, Verdict, WrittenAnswer

SCHEMA = json.loads((Path(__file__).parent / "gradescope_results.schema.json").read_text())
METADATA = {
    "id": 123456,
    "created_at": "2027-02-01T10:00:00.000000-08:00",
    "assignment": {"title": "Homework 1", "total_points": "48.0"},
    "submission_method": "upload",
    "users": [{"id": 7, "name": "Ann <b>Lee</b>", "email": "ann@example.edu"}],
    "previous_submissions": [],
}


def check_schema(results: dict[str, Any]) -> None:
    jsonschema.validate(results, SCHEMA)


def visible(results: dict[str, Any]) -> str:
    """All text that a student could come to see, published or not."""
    tests = [(each["name"], each["output"]) for each in results["tests"]]
    return json.dumps([results["output"], tests, [each["extra_data"] for each in results["tests"]]])


@pytest.fixture
def verdict() -> Verdict:
    shown = CaseResult("1.1", "task1_1", "form", 0, True, False, "The form is right.")
    wrong = CaseResult(
        "1.1", "task1_1", "value", 2.5, False, True, "You report a spread.", "sd", "notes 1.3"
    )
    return Verdict(
        "submission_1",
        "hw1.ipynb",
        "7",
        "Ann",
        "hw1",
        "repaired",
        cases=(shown, replace(wrong, got="hsb_psi = 2.934966")),
        written=(WrittenAnswer("task1_9a", "1.9", 4, "My answer"),),
        repairs=("a cell was damaged",),
        alerts=("task1_1: printed while answering: secret input",),
        sandbox="user: a user of its own",
        seconds=3.25,
    )


def test_results_keep_the_schema_and_show_nothing_that_is_for_staff(verdict, capsys):
    results = gradescope.results(verdict, gradescope.Upload())
    check_schema(results)
    assert "score" not in results  # a total would tell of hidden tests before they are published
    assert [each["visibility"] for each in results["tests"]] == ["visible", "after_published"]
    assert results["stdout_visibility"] == "hidden"
    assert results["extra_data"]["sandbox"] == verdict.sandbox
    for secret in ("2.934966", "secret input", "My answer"):
        assert secret not in json.dumps(results)
    assert "a cell was damaged" in results["output"]
    assert "4 points" in results["output"]
    gradescope._log(verdict)
    logged = capsys.readouterr().out
    assert "secret input" in logged
    assert "hsb_psi = 2.934966" in logged


@pytest.mark.parametrize(
    "damage",
    [
        {"score": "12"},
        {"tests": [{"status": "ok", "score": 1}]},
        {"tests": [{"visibility": "secret", "score": 1}]},
        {"tests": [{"score": 1, "points": 2}]},
        {"output_format": "latex"},
        {"grade": 1},
    ],
)
def test_the_schema_refuses_what_gradescope_does_not_know(verdict, damage):
    results = gradescope.results(verdict, gradescope.Upload())
    with pytest.raises(jsonschema.ValidationError):
        check_schema(results | damage)
    with pytest.raises(jsonschema.ValidationError):
        check_schema({"output": "neither score nor tests"})


def test_metadata_names_the_student(tmp_path):
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps(METADATA))
    upload = gradescope.read_upload(path)
    assert upload.id == "submission_123456"
    assert upload.submitted == datetime(2027, 2, 1, 18, tzinfo=UTC)
    (person,) = upload.people
    assert (person.student_id, person.name) == ("7", "Ann <b>Lee</b>")


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{", '{"users": null}', '{"users": [3], "created_at": 5}', '"x"']
)
def test_metadata_that_is_damaged_costs_nothing(tmp_path, text):
    path = tmp_path / "submission_metadata.json"
    if text is not None:
        path.write_text(text)
    assert gradescope.read_upload(path) == gradescope.Upload()


@pytest.mark.parametrize("seconds", [120, 600, 2400])
def test_limits_fit_into_the_time_that_gradescope_gives(seconds):
    limits = gradescope.fitting(course.load().limits, seconds)
    assert limits.notebook_seconds + limits.tests_seconds <= 0.85 * seconds
    assert limits.cell_seconds < limits.notebook_seconds
    assert limits.test_seconds < limits.tests_seconds


def test_the_strongest_sandbox_that_is_there_is_taken(monkeypatch):
    def only_user(kind: str) -> str:
        if kind == "bwrap":
            raise SandboxMissing("not here")
        return "user: another one"

    monkeypatch.setattr(gradescope, "check_sandbox", only_user)
    assert gradescope.strongest_sandbox() == ("user", "user: another one")
    monkeypatch.setattr(gradescope, "check_sandbox", lambda kind: f"{kind}: works")
    assert gradescope.strongest_sandbox() == ("bwrap", "bwrap: works")


def test_what_fails_in_the_autograder_is_said_without_a_traceback(tmp_path, monkeypatch, capsys):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(gradescope, "PLACE", tmp_path)

    def no_sandbox(kind: str) -> str:
        raise SandboxMissing("neither here nor there")

    monkeypatch.setattr(gradescope, "check_sandbox", no_sandbox)
    gradescope.main(["hw1"])
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    check_schema(results)
    assert results["score"] == 0
    assert results["output"] == gradescope.FAILED
    assert "neither here nor there" in capsys.readouterr().out


@needs_bwrap
def test_a_submission_is_graded_and_partial_results_are_written_as_they_come(
    tmp_path, monkeypatch, short_limits
):
    homework = course.homework("hw1")
    made = verify.untouched(homework)
    folder = tmp_path / "submission"
    folder.mkdir()
    (folder / "hw1.ipynb").write_bytes(made.notebook or b"")
    (folder / "variance_components.py").write_bytes(made.module or b"")  # as students drag it in
    (tmp_path / "submission_metadata.json").write_text(json.dumps(METADATA))
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(gradescope, "write", lambda path, content: written.append(dict(content)))
    monkeypatch.setattr(gradescope, "WRITE_EVERY", 0)
    monkeypatch.setattr(gradescope, "fitting", lambda limits, seconds: short_limits)
    verdict = gradescope.run("hw1", tmp_path)
    for results in written:
        check_schema(results)
    assert written[0]["output"] == gradescope.STARTED
    unreached = [
        sum(each["output"] == judge.NOT_REACHED for each in results["tests"])
        for results in written[1:]
    ]
    assert unreached == [*range(len(verdict.cases) - 1, -1, -1), 0]
    assert gradescope.STOPPED in written[-2]["output"]
    assert gradescope.STOPPED not in written[-1]["output"]
    assert (verdict.submission, verdict.student_id) == ("submission_123456", "7")
    assert verdict.name == "Ann <b>Lee</b>"
    assert "bwrap" in written[1]["extra_data"]["sandbox"]
    assert "handed in" not in json.dumps(written[-1]["output"])  # the loose module was found


def test_all_files_of_the_folder_are_one_students(tmp_path):
    homework = course.homework("hw1")
    demo.write_export(verify.untouched(homework), homework, tmp_path / "hw1-submission.zip")
    zipped = gradescope.handed_in(tmp_path, homework, gradescope.Upload())
    assert zipped.problem is None
    assert zipped.module
    (tmp_path / "hw1-submission.zip").unlink()
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    assert gradescope.handed_in(tmp_path, homework, gradescope.Upload()).problem
