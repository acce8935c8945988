"""A class of sixty, packed as Canvas does: grades, pages, report and import file, twice the same.

Thirty hand in homework 1 and thirty homework 3: honest, mistaken, damaged and hostile.
"""

from __future__ import annotations

import csv
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import needs_bwrap
from submissions import hostile

from autograder import course, demo, slips, verify
from autograder.course import Homework
from autograder.submissions import Submission

SIZE = 30  # of each homework
WORDS = {"OUTSIDE": "/nowhere", "ROOT": str(course.ROOT), "PORT": "9", "SOCKET": "s", "MARK": "m"}
HOSTILE_CELLS = (
    "while True:\n    pass",
    "import os\nos._exit(0)",
    "import os\nos.fork()\nraise SystemExit",
    "print('x' * 10**8)",
)
TRUNCATED = 200  # bytes kept of a damaged archive


def members(homework: Homework) -> Iterator[tuple[str, Submission]]:
    """Thirty submissions by name; what is damaged comes from `damaged`."""
    solution = verify.solution(homework)
    yield "untouched", verify.untouched(homework)
    yield "refusing", verify.refusing(homework)
    for number in range(6):
        yield f"honest-{number}", demo.with_module(solution, _remark(number))
    for number, cell in enumerate(HOSTILE_CELLS):
        question = f"task{homework.number}_1"
        yield f"hostile-{number}", demo.with_cell(solution, question, cell)
    attacks = [each for each in hostile.ATTACKS if each.fast][:2] if homework.id == "hw1" else []
    for attack in attacks:
        yield f"attack-{attack.name}", attack.on(solution, WORDS)
    listed = {
        f"mistaken-{slip.name}": slip
        for quantity in slips.load(homework.id).QUANTITIES
        for slip in quantity.slips
    }
    room = SIZE - 2 - 6 - len(HOSTILE_CELLS) - len(attacks) - len(DAMAGED)
    for name, slip in list(listed.items())[:room]:
        yield name.replace("_", "-"), verify.slip_submission(homework, slip)


def _remark(number: int):
    return lambda text: f"{text}\n# handed in by number {number}\n"


DAMAGED = ("truncated", "no-notebook", "broken-json", "no-module")


def damaged(homework: Homework, name: str) -> Submission:
    """The solution, damaged in one way; `truncated` is cut when it is packed."""
    solution = verify.solution(homework)
    if name == "no-notebook":
        return replace(solution, notebook=b"")
    if name == "broken-json":
        return replace(solution, notebook=(solution.notebook or b"")[:5000])
    return replace(solution, module=None) if name == "no-module" else solution


def pack(homework: Homework, folder: Path) -> tuple[Path, Path]:
    """The archive of thirty and Canvas's gradebook."""
    made = dict(members(homework)) | {name: damaged(homework, name) for name in DAMAGED}
    assert len(made) == SIZE
    archive, book = demo.pack(made, homework, folder)
    with zipfile.ZipFile(archive) as whole:
        entries = {each: whole.read(each) for each in whole.infolist()}
    with zipfile.ZipFile(archive, "w") as out:
        for entry, content in entries.items():
            cut = entry.filename.startswith("truncated")
            out.writestr(entry, content[:TRUNCATED] if cut else content)
    return archive, book


def hlm(*arguments: str | Path) -> str:
    """Run the command, and give what it says."""
    command = [sys.executable, "-c", "from autograder.cli import main; main()"]
    ran = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, timeout=3600
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def fingerprints(out: Path) -> dict[str, str]:
    """Hash of each file of a run; run.json holds the time that this run took."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


@needs_bwrap
@pytest.mark.long
@pytest.mark.parametrize("hw", ["hw1", "hw3"])
def test_half_a_class_of_sixty_goes_the_whole_way_and_a_second_run_changes_nothing(
    hw: str, tmp_path: Path
) -> None:
    homework = course.homework(hw)
    archive, book = pack(homework, tmp_path)
    out = tmp_path / "graded"
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("grade", hw, archive, "--out", out, "--jobs", "2"),
        ("report", out),
        ("export", out, "--to", "canvas", "--roster", book),
    )
    for command in commands:
        hlm(*command)
    rows = list(csv.DictReader((out / "grades.csv").read_text().splitlines()))
    assert len(rows) == SIZE == len(list((out / "feedback").glob("*.html")))
    statuses = {row["submission"].rpartition("_")[0]: row["status"] for row in rows}
    assert statuses["truncated"] == statuses["nonotebook"] == "unreadable"
    raw = {row["submission"].rpartition("_")[0]: float(row["raw"]) for row in rows}
    assert raw["untouched"] == raw["refusing"] == 0
    assert {raw[f"honest{number}"] for number in range(6)} == {max(raw.values())}
    assert all(raw[name] < raw["honest0"] for name in raw if name.startswith("mistaken"))
    assert (out / "report.html").stat().st_size > 10_000
    imported = list(csv.reader((out / "export" / "canvas.csv").read_text().splitlines()))
    assert len([row for row in imported if row[1].isdigit()]) == SIZE
    before = fingerprints(out)
    for command in commands:
        hlm(*command)
    assert fingerprints(out) == before
