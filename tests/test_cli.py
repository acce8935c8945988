"""The `hlm` command: thin, its exit statuses, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import needs_bwrap
from submissions import archives
from test_verdict import VERDICT

from autograder import build, cli, course, demo, doctor, grade, printing, release, sandbox, verify
from autograder.course import CourseError
from autograder.regrade import Change


def hlm(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Records calls of the functions behind the commands, and keeps them from running."""
    made: list[Any] = []

    def recorded(module: Any, name: str, gives: Any) -> None:
        def stand_in(*args: Any, **kwargs: Any) -> Any:
            made.append((name, args, {k: v for k, v in kwargs.items() if k != "progress"}))
            if kwargs.get("progress") and name == "grade":
                kwargs["progress"](1, 1, VERDICT)
            return gives

        monkeypatch.setattr(module, name, stand_in)

    recorded(build, "build", [])
    recorded(verify, "verify", [])
    recorded(release, "release", (Path("a.zip"), Path("b.zip")))
    recorded(grade, "grade", [VERDICT])
    recorded(demo, "run", ([VERDICT], Path("demo/graded")))
    return made


# ------------------------------------------------------------------------ what is passed on


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with one hand-in."""
    return archives.put(tmp_path / "in", {"ann.ipynb": archives.notebook("1")})


def test_grade_passes_everything_on(calls: list[Any], box: Path, tmp_path: Path) -> None:
    options = ["--jobs", "3", "--sandbox", "none", "--fresh", "--scheduler", "tcp://a:1"]
    ran = hlm("grade", "hw1", box, "--out", tmp_path / "out", *options)
    assert ran.exit_code == 0
    ((name, positional, named),) = calls
    assert (name, positional) == ("grade", ("hw1", box, tmp_path / "out"))
    assert (named["jobs"], named["sandbox"], named["fresh"]) == (3, "none", True)
    assert named["scheduler"] == "tcp://a:1"
    assert [each.id for each in named["taken"].submissions] == ["ann"]
    assert "1 submission; the time of handing in is known for 0." in ran.stderr
    assert "[1/1] ann-1a2b3c4d: 0.5 of 2.5, it ran longer than 60 s" in ran.stderr
    assert "1 graded, 1 of them partly or not at all." in ran.stdout
    assert str(tmp_path / "out" / "grades.csv") in ran.stdout


def test_grade_never_weakens_the_sandbox_by_itself(
    calls: list[Any], box: Path, tmp_path: Path
) -> None:
    assert hlm("grade", "hw1", box, "--out", tmp_path).exit_code == 0
    assert calls[0][2]["sandbox"] == "bwrap"
    assert calls[0][2]["fresh"] is False


def test_grade_prints_pages_too(
    calls: list[Any], box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a browser it is said before anything is graded."""
    words = ("grade", "hw1", box, "--out", tmp_path / "out", "--pdf")
    monkeypatch.setattr(printing, "chromium", lambda: None)
    refused = hlm(*words)
    assert refused.exit_code == 1
    assert "no Chromium to print with. Install one" in refused.stderr
    assert calls == []
    monkeypatch.setattr(printing, "chromium", lambda: "/usr/bin/chromium")
    monkeypatch.setattr(printing, "to_pdf", list)
    page = tmp_path / "out" / "feedback" / "ann.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert f"PDF: 1 page in {page.parent}" in hlm(*words).stdout


def test_a_regrade_is_not_taken_over_where_nobody_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, box: Path, tmp_path: Path
) -> None:
    change = Change("ann", "1", "Ann", 2.0, 1.0, ("1.4 psi: from 2 to 1 of 2",))

    def ask(*args: Any, accept: Any, **kwargs: Any) -> list[Any]:
        if not accept([change]):
            raise CourseError("Run the same command with --accept.")
        return [VERDICT]

    monkeypatch.setattr(grade, "grade", ask)
    words = ("grade", "hw1", box, "--out", tmp_path / "out")
    refused = hlm(*words)
    assert refused.exit_code == 1
    assert "ann: from 2 to 1 (1.4 psi: from 2 to 1 of 2)" in refused.stderr
    assert refused.stderr.endswith("Run the same command with --accept.\n")
    assert hlm(*words, "--accept").exit_code == 0


def test_build_verify_release_and_demo(calls: list[Any], tmp_path: Path) -> None:
    assert hlm("build", "hw1").exit_code == 0
    assert hlm("verify", "--thorough").exit_code == 0
    assert hlm("release", "hw1", "--out", tmp_path, "--force").exit_code == 0
    shown = hlm("demo")
    assert shown.exit_code == 0
    assert "ann-1a2b3c4d" in shown.stdout
    assert "demo/graded/feedback" in shown.stdout
    assert next(name for name, _, _ in calls) == "build"
    assert [name for name, _, _ in calls].count("verify") == len(course.load().homeworks)
    assert ("release", ("hw1", tmp_path), {"force": True}) in calls


# ---------------------------------------------------------------------------- exit statuses


@pytest.mark.parametrize(
    "words",
    [
        ["grade"],
        ["grade", "hw9", ".", "--out", "x"],
        ["grade", "hw1", "no-such-path", "--out", "x"],
        ["grade", "hw1", "."],
        ["grade", "hw1", ".", "--out", "x", "--sandbox", "paper"],
        ["grade", "hw1", ".", "--out", "x", "--jobs", "0"],
        ["release", "hw1"],
        ["build", "nonsense"],
        ["dance"],
    ],
)
def test_wrong_usage_is_2(calls: list[Any], words: list[str]) -> None:
    ran = hlm(*words)
    assert ran.exit_code == 2
    assert calls == []


def test_findings_are_1(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "build", lambda *args, **kwargs: ["hlmtools/x.py: differs"])
    assert hlm("build", "--check").exit_code == 1
    assert hlm("build").exit_code == 0
    monkeypatch.setattr(verify, "verify", lambda *args, **kwargs: ["the solution fails"])
    ran = hlm("verify", "hw1")
    assert ran.exit_code == 1
    assert "the solution fails" in ran.stdout


def test_course_error_is_one_sentence_on_stderr(
    monkeypatch: pytest.MonkeyPatch, box: Path, tmp_path: Path
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise CourseError("There is no sandbox. Install bubblewrap.")

    monkeypatch.setattr(grade, "grade", refuse)
    ran = hlm("grade", "hw1", box, "--out", tmp_path)
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.endswith("\nThere is no sandbox. Install bubblewrap.\n")


def test_unforeseen_error_is_a_sentence_too_unless_asked(
    monkeypatch: pytest.MonkeyPatch, box: Path, tmp_path: Path
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(grade, "grade", fail)
    ran = hlm("grade", "hw1", box, "--out", tmp_path)
    assert ran.exit_code == 1
    assert "ZeroDivisionError: by nothing" in ran.stderr
    assert "Traceback" not in ran.stderr
    monkeypatch.setenv("HLM_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        hlm("grade", "hw1", box, "--out", tmp_path)


def test_words_of_a_student_are_cleaned_for_the_terminal() -> None:
    case = replace(
        VERDICT.cases[1], slip=None, message="\x1b[2Jgone\n\u202eleft [bold]" + "x" * 300
    )
    line = cli._line(1, 2, replace(VERDICT, alerts=(), cases=(case,)))
    assert "\x1b" not in line
    assert "\n" not in line
    assert "\u202e" not in line
    assert len(line) < 160


def test_the_installed_command_answers_quickly_and_without_heavy_imports() -> None:
    program = "import sys; sys.argv = ['hlm', '--help']\nfrom autograder import cli\n"
    program += "try: cli.main()\nexcept SystemExit as end: print(end.code)\n"
    program += "print(sorted({'pandas', 'nbclient', 'otter'} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.splitlines()[-2:] == ["0", "[]"]
    assert all(name in ran.stdout for name in cli.main.commands)


def test_refuses_without_a_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox._check_bwrap.cache_clear()
    (tmp_path / "hw1.ipynb").write_text('{"cells": []}')
    ran = hlm("grade", "hw1", tmp_path / "hw1.ipynb", "--out", tmp_path / "out")
    sandbox._check_bwrap.cache_clear()
    assert ran.exit_code == 1
    assert "bubblewrap" in ran.stderr
    assert "apt-get install bubblewrap" in ran.stderr
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------ doctor


def test_pins_are_read_with_their_markers() -> None:
    text = (course.ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = dict(doctor.requirement_pins(text))
    assert pins["otter-grader"].startswith("7.")
    assert "pywin32" not in pins or sys.platform == "win32"


@needs_bwrap
def test_doctor_finds_this_machine_fit() -> None:
    ran = hlm("doctor")
    assert ran.exit_code == 0, ran.stdout
    assert "sandbox bwrap: holds" in ran.stdout
    assert "sandbox bwrap --cold: holds" in ran.stdout
    assert "data sets with the right checksums" in ran.stdout


def test_doctor_names_what_is_missing_and_the_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "OLDEST_PYTHON", (4, 0))
    monkeypatch.setattr(doctor, "requirement_pins", lambda text: [("numpy", "0.1"), ("nope", "1")])
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox._check_bwrap.cache_clear()
    ran = hlm("doctor")
    sandbox._check_bwrap.cache_clear()
    assert ran.exit_code == 1
    for part in (
        "is too old",
        "2 packages differ from requirements.txt: numpy",
        "nope is missing (wanted 1)",
        "bubblewrap is not installed",
        "sudo apt-get install bubblewrap",
        "could not be tried without bubblewrap",
    ):
        assert part in ran.stdout


@needs_bwrap
def test_doctor_sees_a_sandbox_that_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every kernel can see stands for a secret: nothing is tried outside a sandbox."""

    @contextmanager
    def leaking() -> Iterator[dict[str, Any]]:
        yield {"secrets": ["/usr"], "port": 9, "abstract": "nobody", "host_pid": os.getpid()}

    monkeypatch.setattr(doctor, "_outside", leaking)
    with pytest.raises(doctor._Wrong, match="reads a secret of the host") as raised:
        doctor._holds("bwrap")
    assert "Do not grade here" in raised.value.remedy


def test_doctor_sees_changed_data(monkeypatch: pytest.MonkeyPatch) -> None:
    from hlmtools import datasets

    def changed(name: str) -> None:
        raise ValueError("hsb.csv is not the registered file")

    monkeypatch.setattr(datasets, "load_dataset", changed)
    finding = next(each for each in doctor.examine() if each.name == "data")
    assert "is not the registered file" in finding.says
    assert "git checkout -- data" in finding.remedy
