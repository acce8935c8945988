"""The released archive in a container like Gradescope's: its own scripts, by chroot, as root."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import container
import pytest
from container import Container
from test_gradescope import METADATA, check_schema, visible

from autograder import course, demo, judge, release, verify
from autograder.submissions import Submission

MISSING = container.missing()
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(MISSING is not None, reason=MISSING or ""),
]
HOMEWORK = course.homework("hw1")
MARK = "stolen-by-the-student"

ENOUGH = (
    "import json, sys; tests = json.load(open("
    '"/autograder/results/results.json"))["tests"]; '
    'sys.exit(sum(each["score"] for each in tests) < 10)'
)
ATTACK = f"""\
import os, pathlib, signal, subprocess, sys

def _steal():
    for folder in ("/autograder", "/autograder/source", "/autograder/results", "/host"):
        for where, _, names in os.walk(folder):
            for name in names:
                if "venv" in where:
                    continue
                try:
                    text = open(os.path.join(where, name), errors="replace").read(2000)
                    print("{MARK}", where, name, text)
                except OSError:
                    pass
    for path in ("/autograder/results/results.json", "/autograder/run_autograder",
                 "/autograder/source/run_autograder", "/autograder/venv/bin/python"):
        try:
            with open(path, "w") as file:
                file.write('{{"score": 1000, "output": "{MARK}"}}')
        except OSError:
            pass
    for pid in range(2, 5000):
        if pid != os.getpid():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

_steal()
if os.fork() == 0:
    os.setsid()
    while True:
        try:
            open("/autograder/results/results.json", "w").write('{{"score": 1000}}')
        except OSError:
            pass
"""


@dataclass
class Gradescope:
    """The container with the archive set up in it."""

    inside: Container

    @property
    def place(self) -> Path:
        """/autograder, seen from outside."""
        return self.inside.root / "autograder"

    def grade(self, submission: Submission, stop: str = "") -> dict[str, Any]:
        """Lay a submission out as Gradescope does, run the script, and read what it wrote.

        With `stop`, the container ends as soon as this shell command succeeds.
        """
        for name in ("submission", "results"):
            shutil.rmtree(self.place / name, ignore_errors=True)
            (self.place / name).mkdir()
        upload = self.place / "upload.zip"
        demo.write_export(submission, HOMEWORK, upload)
        with zipfile.ZipFile(upload) as archive:  # Gradescope unpacks what students upload
            archive.extractall(self.place / "submission")
        (self.place / "submission_metadata.json").write_text(json.dumps(METADATA))
        shutil.copy(self.place / "source" / "run_autograder", self.place / "run_autograder")
        command = "cd /autograder && ./run_autograder"
        if stop:  # the first process of the container ends, and with it all others
            command = f"({command}) & until {stop}; do sleep 0.2; done"
        self.ran = self.inside.run(command, 660)
        results = json.loads((self.place / "results" / "results.json").read_text())
        check_schema(results)
        return results


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Gradescope:
    folder = tmp_path_factory.mktemp("gradescope")
    folder.chmod(0o755)
    inside = Container.make(folder / "root", seconds=600)
    source = inside.root / "autograder" / "source"
    source.mkdir(parents=True)
    _, archive = release.release("hw1", folder, force=True)
    with zipfile.ZipFile(archive) as unpacked:
        unpacked.extractall(source)
    for name in ("setup.sh", "run_autograder"):
        (source / name).chmod(0o755)
    ran = inside.run("/autograder/source/setup.sh", 1200)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return Gradescope(inside)


@pytest.fixture(params=["bwrap", "user"])
def gradescope(installed: Gradescope, request: pytest.FixtureRequest) -> Iterator[Gradescope]:
    """With bubblewrap, and as where the container does not allow it."""
    tool, away = (installed.inside.root / name for name in ("usr/bin/bwrap", "usr/bin/bwrap.away"))
    if request.param == "user":
        tool.rename(away)
    yield installed
    if away.exists():
        away.rename(tool)
    assert f"sandbox: {request.param}" in installed.ran.stdout


def score(results: dict[str, Any]) -> float:
    return sum(each["score"] for each in results["tests"])


def possible(results: dict[str, Any]) -> float:
    return sum(each["max_score"] for each in results["tests"])


def test_the_solution_earns_everything(gradescope: Gradescope) -> None:
    results = gradescope.grade(verify.solution(HOMEWORK))
    assert score(results) == possible(results) > 0, gradescope.ran.stdout[-3000:]
    assert {each["visibility"] for each in results["tests"]} == {"visible", "after_published"}
    assert results["extra_data"]["submission"] == f"submission_{METADATA['id']}"
    assert results["extra_data"]["submitted"] == "2027-02-01T10:00:00-08:00"


def test_a_mistake_earns_its_sentence(gradescope: Gradescope) -> None:
    results = gradescope.grade(demo.mistake(HOMEWORK, "sd_for_variance"))
    assert 0 < score(results) < possible(results)
    assert "standard deviation" in visible(results)
    assert "2.93" not in json.dumps(results)


def test_a_hostile_submission_gets_nothing_and_learns_nothing(gradescope: Gradescope) -> None:
    honest = verify.untouched(HOMEWORK)
    attack = demo.with_module(
        demo.with_cell(honest, "task1_1", ATTACK), lambda text: f"{text}\n\n{ATTACK}"
    )
    results = gradescope.grade(attack)
    assert score(results) == 0
    assert possible(results) > 0
    for secret in (MARK, "expect.quantity", "BEGIN SOLUTION", "hidden=True"):
        assert secret not in json.dumps(results)
    again = gradescope.grade(verify.solution(HOMEWORK))
    assert score(again) == possible(again)


def test_a_container_that_is_stopped_leaves_what_was_graded(gradescope: Gradescope) -> None:
    slow = "\n\ndef coverage_range(*args, **kwargs):\n    import time\n\n    time.sleep(15)\n"
    sleeping = demo.with_module(verify.solution(HOMEWORK), lambda text: text + slow)
    results = gradescope.grade(sleeping, stop=f"python3 -c '{ENOUGH}'")
    assert 10 <= score(results) < possible(results)
    unreached = [each for each in results["tests"] if each["output"] == judge.NOT_REACHED]
    assert "1.8" in {each["number"] for each in unreached}
    assert "stopped for lack of time" in results["output"]


def test_students_can_read_nothing_of_the_judge(installed: Gradescope) -> None:
    command = "setpriv --reuid 20001 --regid 20001 --clear-groups ls -R /autograder/source"
    ran = installed.inside.run(command, 60)
    assert ran.returncode != 0
    assert "hw1" not in ran.stdout
