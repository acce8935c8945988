"""Hostile submissions gain nothing, learn nothing, touch nothing, and cost nobody else anything."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import needs_bwrap
from submissions import archives, quick
from submissions.hostile import ATTACKS, UNDESERVED, Attack
from submissions.packed import PACKED, Packed

from autograder import (
    assignment,
    attention,
    course,
    feedback,
    given,
    grade,
    intake,
    judge,
    submissions,
    verify,
    warm,
    workers,
)
from autograder.verdict import Verdict

CANARY = "canary-6f1d0c55-in-the-environment"
LOOT = "canary-0b7f3a91-in-a-file"
MARK = "hlm-hostile-mark-4e1c"
HIDDEN_INPUTS = "3.7, 11.9"  # of `correlation_on_other_variances`
HOMEWORK = course.homework("hw1")


class Outside:
    """What lies outside the sandbox, and whether it was touched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "secret.txt").write_text(LOOT)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.tcp.getsockname())
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0hlm-hostile-{os.getpid()}")
        self.abstract.listen()

    def words(self) -> dict[str, str]:
        return {
            "OUTSIDE": str(self.folder),
            "ROOT": str(course.ROOT),
            "PORT": str(self.tcp.getsockname()[1]),
            "SOCKET": f"hlm-hostile-{os.getpid()}",
            "MARK": MARK,
        }

    def heard(self) -> list[str]:
        """Which of the listeners somebody spoke to."""
        return [name for name in ("tcp", "udp", "abstract") if self._spoken_to(getattr(self, name))]

    @staticmethod
    def _spoken_to(listener: socket.socket) -> bool:
        listener.settimeout(0.05)
        try:
            if listener.type == socket.SOCK_DGRAM:
                listener.recv(1)
            else:
                listener.accept()[0].close()
        except TimeoutError:
            return False
        return True

    def written(self) -> list[str]:
        """New files in its folder, the repository and the host's shared folders."""
        mine = [path.name for path in self.folder.iterdir() if path.name != "secret.txt"]
        places = [course.ROOT, course.ROOT / "tests", Path("/"), Path("/tmp"), Path("/dev/shm")]
        return mine + [str(path) for place in places for path in place.glob("hostile-*")]

    def close(self) -> None:
        for listener in (self.tcp, self.udp, self.abstract):
            listener.close()


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    monkeypatch.setenv("HLM_SECRET", CANARY)
    tmp_path.chmod(0o777)
    place = Outside(tmp_path)
    yield place
    place.close()


def secrets() -> set[str]:
    """Texts that stand in secret files and in nothing a student has."""
    held = assignment.load("hw1")
    own = verify.solution(HOMEWORK)
    known = f"{(own.notebook or b'').decode()}{(own.module or b'').decode()}"
    lines = {line.strip() for source in held.tests.values() for line in source.splitlines()}
    hidden = {line for line in lines if len(line) > 30 and json.dumps(line)[1:-1] not in known}
    public = {name for name in hidden if "check." in name or "assert " in name}
    return (hidden - public) | {CANARY, LOOT, "root:x:0:0", '"provenance"'}


def left_over() -> list[str]:
    """Processes of submissions that still run."""
    left = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if MARK in command:
            left.append(command)
    return left


def graded(attack: Attack, kind: str, outside: Outside, limits: course.Limits) -> Verdict:
    """Its verdict; cold kernels get twice the time, so that a busy machine costs no honest task."""
    if kind == "bwrap-cold":
        names = ("cell", "ask", "test", "tests", "notebook")
        doubled = {f"{name}_seconds": 2 * getattr(limits, f"{name}_seconds") for name in names}
        limits = replace(limits, **doubled)
    submission = attack.on(verify.solution(HOMEWORK), outside.words())
    return judge.grade_submission("hw1", submission, kind, limits)


def told_to_staff(attack: Attack, verdict: Verdict) -> str:
    """What the report says of a submission under "who needs a look", a line each."""
    found = attention.reasons(verdict, attack.code)
    return "\n".join(f"{reason.kind}: {reason.says}" for reason in found)


def everything_shown(verdict: Verdict) -> str:
    """All that is written about a submission, decoded."""
    parts: list[Any] = [verdict.to_results(), verdict.executed]
    texts = "".join(json.dumps(part, ensure_ascii=False) for part in parts)
    return texts.replace('\\"', '"') + feedback.page(verdict, HOMEWORK)


def shown_to_students(verdict: Verdict) -> str:
    """Messages of the tests and the page."""
    return " ".join(case.message for case in verdict.cases) + feedback.page(verdict, HOMEWORK)


class _Markup(HTMLParser):
    """What of the submission's markup a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.live: list[str] = []
        self.within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag
        for name, value in attrs:
            if "hostileScript" in (value or "") and (name.startswith("on") or tag == "iframe"):
                self.live.append(f"{tag} {name}")
            if (value or "").strip().lower().startswith("javascript:"):
                self.live.append(f"{tag} {name}")
        if tag in {"base", "iframe", "object", "embed"}:
            self.live.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.within = ""

    def handle_data(self, data: str) -> None:
        if self.within == "script" and "hostileScript" in data:
            self.live.append("script")
        if "\x1b" in data or "\u202e" in data:
            self.live.append("control characters")


def live_markup(page: str) -> list[str]:
    """Markup of the submission that is more than text on a page."""
    parser = _Markup()
    parser.feed(page)
    return parser.live


@needs_bwrap
@pytest.mark.parametrize(
    ("attack", "kind"),
    [
        pytest.param(
            each,
            kind,
            id=f"{each.name}-{kind.removeprefix('bwrap-')}",
            marks=() if each.fast and kind == "bwrap" else pytest.mark.long,
        )
        for kind in ("bwrap", "bwrap-cold")
        for each in ATTACKS
    ],
)
def test_hostile(
    attack: Attack,
    kind: str,
    outside: Outside,
    short_limits: course.Limits,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verdict = graded(attack, kind, outside, short_limits)
    tasks = verdict.tasks()
    right = {task for task, (earned, possible) in tasks.items() if earned == possible}
    assert tasks[UNDESERVED][0] == 0, [case for case in verdict.cases if case.task == UNDESERVED]
    assert set(tasks) - right <= {UNDESERVED} | attack.may_lose, verdict.alerts
    assert verdict.status in {"ok", "repaired", "partial"}
    if not attack.unseen:
        assert re.search(attack.listed, told_to_staff(attack, verdict)), verdict.alerts
    shown = everything_shown(verdict)
    assert [secret for secret in secrets() if secret in shown] == []
    assert len(shown) < 12 * 2**20
    assert HIDDEN_INPUTS not in shown_to_students(verdict)
    grade._write(tmp_path_factory.mktemp("run"), verdict)
    assert live_markup(feedback.page(verdict, HOMEWORK)) == []
    assert outside.heard() == []
    assert outside.written() == []
    assert left_over() == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 700 * 1024


@pytest.mark.parametrize("packed", PACKED, ids=lambda packed: packed.name)
def test_hostile_archive(packed: Packed, tmp_path: Path) -> None:
    solution = verify.solution(HOMEWORK)
    place = tmp_path / "handed-in"
    archives.put(place, {"student.zip": packed.of(solution)})
    (found,) = submissions.find(place, HOMEWORK.module, "hw1.ipynb")
    assert packed.listed in " ".join([*found.extra, found.problem or ""])
    if found.problem is None:
        assert (found.notebook, found.module) == (solution.notebook, solution.module)
    else:
        assert "\x1b" not in found.problem
        assert len(found.problem) < 500
        assert (
            live_markup(feedback.page(judge.grade_submission("hw1", found, "none"), HOMEWORK)) == []
        )
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["handed-in", "student.zip"]
    assert not Path("/tmp/hostile-was-here").exists()
    assert all(len(name) <= 200 and name.isprintable() for name in found.extra)


NASTY = (
    "=cmd|'calc'!A1<img src=x onerror=hostileScript()>",
    "+1+1\u202egnp",
    "@SUM(1)\x1b[2J" + "x" * 150,
    "-2+3<script>hostileScript()<",
)


def test_no_name_is_a_formula_or_markup_in_what_a_class_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files, ids and names of the roster: in the gradebook, other tables and all pages."""
    monkeypatch.setattr(workers, "local", lambda n, _: workers.Workers(n, ThreadPoolExecutor))
    box, out, roster = tmp_path / "class", tmp_path / "out", tmp_path / "roster.csv"
    for name in NASTY:
        quick.hand_in(box, name)
    with roster.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("student_id", "name", "email"), *((name, f" {name}", name) for name in NASTY)]
        )
    tables = given.load(out, HOMEWORK, roster=roster)
    taken = intake.take_in(HOMEWORK, box, tables)
    grade.grade(
        "hw1", box, out, sandbox="none", grader=quick.grade_quickly, taken=taken, say=lambda _: None
    )
    written = [path for path in out.rglob("*") if path.is_file() and "cache" not in path.parts]
    assert {"grades.csv", "report.html", "feedback"} <= {path.name for path in out.iterdir()}
    tables_of_class = [path for path in written if path.suffix == ".csv"]
    cells = [cell for path in tables_of_class for row in rows_of(path) for cell in row]
    assert sum("cmd" in cell for cell in cells) >= 2
    assert [cell for cell in cells if cell.lstrip().startswith(("=", "+", "@", "-2"))] == []
    for page in (path for path in written if path.suffix == ".html"):
        assert live_markup(page.read_text(encoding="utf-8")) == [], page.name
    assert all(path.name.isprintable() and len(path.name) < 256 for path in written)


def rows_of(table: Path) -> list[list[str]]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


@needs_bwrap
@pytest.mark.long
def test_after_poison_the_next_submission_is_graded_as_ever(
    outside: Outside, short_limits: course.Limits
) -> None:
    poison = next(each for each in ATTACKS if each.name == "poisons-the-warm-process")
    before = warm.process()
    graded(poison, "bwrap", outside, short_limits)
    honest = judge.grade_submission("hw1", verify.solution(HOMEWORK), "bwrap", short_limits)
    assert honest.score == honest.max_score
    assert before is None or warm.process() is before


@pytest.mark.long
@pytest.mark.parametrize("name", ["reads-secrets", "calls-home"])
def test_the_attack_would_be_seen_where_there_is_no_sandbox(
    name: str, outside: Outside, short_limits: course.Limits
) -> None:
    attack = next(each for each in ATTACKS if each.name == name)
    submission = attack.on(verify.solution(HOMEWORK), outside.words())
    verdict = judge.grade_submission("hw1", submission, "none", short_limits)
    shown = everything_shown(verdict)
    assert outside.heard() or [secret for secret in secrets() if secret in shown]


def test_the_set_covers_what_it_should() -> None:
    assert HIDDEN_INPUTS in "".join(assignment.load("hw1").tests.values())
    assert len(ATTACKS) >= 40
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert all(attack.tries and attack.must for attack in ATTACKS)
    assert sum(bool(attack.unseen) for attack in ATTACKS) <= 3
    assert all(packed.tries for packed in PACKED)
    assert sum(attack.fast for attack in ATTACKS) >= 3
