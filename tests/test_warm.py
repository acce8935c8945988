"""Kernels forked from the warm process: like cold ones in their results, and as well confined."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from conftest import needs_bwrap
from nbformat.v4 import new_code_cell

from autograder import assignment, judge, sandbox, verify, warm
from autograder.course import homework
from autograder.remote import KernelLost
from autograder.verdict import Verdict

pytestmark = needs_bwrap


@pytest.fixture(scope="module", autouse=True)
def _warm_here() -> None:
    if why := sandbox.why_cold():
        pytest.skip(f"no warm process can be had here: {why}")


@pytest.fixture
def open_kernel(short_limits) -> Iterator:
    """Start sessions, and end what was started."""
    sessions: list[judge.Session] = []

    def start(kind: str = "bwrap") -> judge.Session:
        submission = verify.solution(homework("hw1"))
        session = judge.Session(assignment.load("hw1"), submission, kind, short_limits)
        sessions.append(session.__enter__())
        return session

    yield start
    for session in sessions:
        session.__exit__(None, None, None)


def said(session: judge.Session, code: str) -> str:
    """What code prints in a session's kernel."""
    notebook = session.notebook
    notebook.cells.append(new_code_cell(code))
    session._kernel.run_cell(len(notebook.cells) - 1)
    outputs = notebook.cells.pop().outputs
    return "".join(output.get("text", "") or str(output.get("evalue")) for output in outputs)


def comparable(verdict: Verdict) -> Verdict:
    """A verdict without times and without how it was obtained."""
    cases = tuple(replace(case, seconds=0) for case in verdict.cases)
    cells = json.loads(json.dumps(verdict.executed))["cells"]
    for cell in cells:
        cell["metadata"].pop("execution", None)
    return replace(verdict, cases=cases, executed={"cells": cells}, sandbox="", seconds=0)


def test_it_is_used_by_default_and_says_so(open_kernel):
    open_kernel()
    assert warm.process() is not None
    assert sandbox.check("bwrap").endswith("warm start")
    assert sandbox.check("bwrap-cold").endswith("cold start")


def test_two_kernels_start_with_the_same_random_state_as_a_cold_one(open_kernel):
    code = "import random, numpy as np; print(random.random(), np.random.rand(), hash('a'))"
    first, second, cold = (
        said(open_kernel(kind), code) for kind in ("bwrap", "bwrap", "bwrap-cold")
    )
    assert first == second == cold


def test_a_warm_process_that_died_is_replaced(open_kernel):
    session = open_kernel()
    before = warm.process()
    before.process.kill()
    before.process.wait()
    with pytest.raises(KernelLost):
        session._kernel.run_code("1")
    assert said(open_kernel(), "print(1 + 1)") == "2\n"
    assert warm.process() is not before


def test_where_the_warm_process_refuses_kernels_start_cold(open_kernel, monkeypatch):
    def refuse(*args: object) -> warm.Child:
        raise warm.WarmMissing("not today")

    monkeypatch.setattr(warm, "start", refuse)
    try:
        assert said(open_kernel(), "print(1 + 1)") == "2\n"
        assert sandbox.check("bwrap").endswith("cold start (not today)")
    finally:
        warm.note_trouble("")


@pytest.mark.long
def test_warm_and_cold_give_the_same_verdict_and_the_same_outputs(solved, grade):
    first, second = grade(solved, "bwrap"), grade(solved, "bwrap-cold")
    assert comparable(first) == comparable(second)
