"""Hostile submissions gain nothing, learn nothing, touch nothing, and cost nobody else anything."""

from __future__ import annotations

import json
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import needs_bwrap
from submissions.hostile import ATTACKS, UNDESERVED, Attack

from autograder import assignment, course, feedback, judge, verify
from autograder.verdict import Verdict

CANARY = "canary-6f1d0c55-in-the-environment"
LOOT = "canary-0b7f3a91-in-a-file"
MARK = "hlm-hostile-mark-4e1c"
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


def graded(attack: Attack, outside: Outside, limits: course.Limits) -> Verdict:
    submission = attack.on(verify.solution(HOMEWORK), outside.words())
    return judge.grade_submission("hw1", submission, "bwrap", limits)


def everything_shown(verdict: Verdict) -> str:
    """All that is written about a submission, decoded."""
    parts: list[Any] = [verdict.to_results(), verdict.executed]
    texts = "".join(json.dumps(part, ensure_ascii=False) for part in parts)
    return texts.replace('\\"', '"') + feedback.page(verdict, HOMEWORK)


@needs_bwrap
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(each, id=each.name, marks=() if each.fast else pytest.mark.long)
        for each in ATTACKS
    ],
)
def test_hostile(attack: Attack, outside: Outside, short_limits: course.Limits) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verdict = graded(attack, outside, short_limits)
    tasks = verdict.tasks()
    right = {task for task, (earned, possible) in tasks.items() if earned == possible}
    assert tasks[UNDESERVED][0] == 0, [case for case in verdict.cases if case.task == UNDESERVED]
    assert set(tasks) - right <= {UNDESERVED} | attack.may_lose, verdict.alerts
    assert verdict.status in {"ok", "repaired", "partial"}
    shown = everything_shown(verdict)
    assert [secret for secret in secrets() if secret in shown] == []
    assert len(shown) < 12 * 2**20
    assert outside.heard() == []
    assert outside.written() == []
    assert left_over() == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 700 * 1024


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
    assert len(ATTACKS) >= 10
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
    assert all(attack.tries and attack.must for attack in ATTACKS)
    assert sum(attack.fast for attack in ATTACKS) >= 3
