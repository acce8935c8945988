"""Hand-ins of a few bytes and a grader that costs nothing: for what happens around grading."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

from autograder.grade import Task
from autograder.submissions import Submission
from autograder.verdict import CaseResult, Verdict
from submissions import archives, light


def hand_in(folder: Path, name: str, **orders: object) -> None:
    """One zip; its orders say how `grade_quickly` behaves on it."""
    folder.mkdir(parents=True, exist_ok=True)
    notebook = archives.notebook(json.dumps({"of": name, **orders}))
    (folder / f"{name}.zip").write_bytes(archives.export(notebook, b"x = 1\n"))


def grade_quickly(task: Task, submission: Submission) -> Verdict:
    """A verdict that depends on the content alone; orders: seconds, log, dies, dies_once."""
    notebook = json.loads(submission.notebook or b"{}")
    source = notebook["cells"][0]["source"] if notebook else "{}"
    orders = json.loads(source if isinstance(source, str) else "".join(source))
    time.sleep(orders.get("seconds", 0))
    light.obey({"name": submission.id, **orders})
    if "log" in orders:
        with open(orders["log"], "a", encoding="utf-8") as log:
            log.write(f"{submission.id}\n")
    points = hashlib.sha256(submission.notebook or b"").digest()[0] % 9
    case = CaseResult("1.1", "task1_1", "a case", float(points), True, True, "")
    return Verdict(
        submission.id,
        submission.source,
        submission.student_id,
        submission.name,
        task.homework.id,
        "ok",
        (case,),
        executed=notebook,
        sandbox=task.strength,
    )


def snapshot(out: Path) -> dict[str, bytes]:
    """Every file that a TA reads, by name; times of a run and its cache are left out."""
    paths = [path for path in out.rglob("*") if path.is_file() and path.name != "run.json"]
    names = {path.relative_to(out).as_posix(): path for path in paths}
    return {
        name: path.read_bytes() for name, path in names.items() if not name.startswith("cache/")
    }
