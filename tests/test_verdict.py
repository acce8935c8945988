"""A verdict survives its results file, and the file is Gradescope's."""

from __future__ import annotations

import json
from dataclasses import replace

from autograder.verdict import CaseResult, Verdict, WrittenAnswer

CASES = (
    CaseResult("1.4", "task1_4", "form of fit vc", 0.0, True, False, "The form is right."),
    CaseResult("1.4", "task1_4", "psi of hsb", 2.0, False, True, "An SD.", "sd", "notes 1.3", 0.12),
    CaseResult("1.5", "task1_5", "icc of hsb", 0.5, True, True, "", followed=True),
)
VERDICT = Verdict(
    submission="ann-1a2b3c4d",
    source="Ann's.zip",
    student_id="4711",
    name="Ann",
    homework="hw1",
    status="partial",
    cases=CASES,
    written=(WrittenAnswer("task1_9a", "1.9", 4.0, "Because of <b>shrinkage</b>."),),
    repairs=("a cell was mended",),
    alerts=("cell 3: it ran longer than 60 s",),
    executed={"cells": []},
    sandbox="bwrap: namespaces",
    seconds=3.25,
    versions={"python": "3.11"},
)


def test_round_trip_through_json() -> None:
    results = json.loads(json.dumps(VERDICT.to_results()))
    assert Verdict.from_results(results, {"cells": []}) == VERDICT


def test_gradescope_schema_one_entry_a_case() -> None:
    results = VERDICT.to_results()
    assert results["score"] == 0.5
    assert [test["status"] for test in results["tests"]] == ["passed", "failed", "passed"]
    assert [test["max_score"] for test in results["tests"]] == [0.0, 2.0, 0.5]
    assert {test["visibility"] for test in results["tests"]} == {"visible", "after_published"}
    extra = "submission student_id homework status sandbox repairs alerts slips versions seconds"
    assert set(extra.split()) <= set(results["extra_data"])
    assert "cells" not in json.dumps(results)


def test_alerts_stay_out_of_what_students_see() -> None:
    shown = dict(VERDICT.to_results(), extra_data=None)
    assert "longer than 60 s" not in json.dumps(shown)


def test_how_far_a_number_is_off_is_stored_and_never_shown() -> None:
    off = replace(CASES[1], got="hsb_psi = 8.6139", near=True)
    verdict = replace(VERDICT, cases=(CASES[0], off))
    shown = json.dumps(verdict.to_results())
    assert "8.6139" not in shown
    assert "near" not in shown
    assert Verdict.from_results(json.loads(json.dumps(verdict.to_stored()))).cases[1] == off


def test_sums_without_binary_tails() -> None:
    cases = tuple(replace(CASES[0], points=0.1, question=f"task1_{i}") for i in range(3))
    verdict = replace(VERDICT, cases=cases)
    assert verdict.score == verdict.max_score == 0.3
    assert verdict.tasks() == {"1.4": (0.3, 0.3)}
    assert set(verdict.questions()) == {"task1_0", "task1_1", "task1_2"}


def test_reason_names_what_counts_most() -> None:
    assert VERDICT.reason == "it ran longer than 60 s"
    calm = replace(VERDICT, alerts=(), status="ok")
    assert calm.reason == "sd"
    assert replace(calm, cases=CASES[::2]).reason == "all right"
    assert replace(calm, cases=(replace(CASES[1], slip=None),)).reason == "An SD."
    lost = replace(VERDICT, status="unreadable", cases=(), alerts=("It holds no notebook.",))
    assert lost.reason == "It holds no notebook."
    forged = replace(calm, alerts=("task1_4: printed while answering: it is right",))
    assert forged.reason == "sd"
