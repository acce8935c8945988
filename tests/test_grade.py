"""A class: results are written as they come, a second run changes nothing, a killed one goes on."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import distributed
import psutil
import pytest
from submissions import light, quick

from autograder import assignment, build, cache, course, grade, workers, writing
from autograder.submissions import Submission
from autograder.verdict import Verdict
from autograder.workers import Outcome
from tests.conftest import needs_bwrap


def hand_in(work, path: Path) -> None:
    """Write an otter export of this work."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hw1.ipynb", work.notebook)
        archive.writestr("hlmtools/variance_components.py", work.module)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file that a TA reads, by name; times of a run are left out."""
    names = ("run.json", "lock")
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in names]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@needs_bwrap
def test_a_second_run_grades_nothing_again_and_changes_nothing(tmp_path, solved, blank):
    box, out = tmp_path / "in", tmp_path / "out"
    box.mkdir()
    hand_in(solved, box / "ada.zip")
    hand_in(blank, box / "bob.zip")
    told = []
    first = grade.grade("hw1", box, out, progress=lambda done, total, _: told.append((done, total)))
    before = snapshot(out)
    started = time.monotonic()
    second = grade.grade("hw1", box, out)
    assert [verdict.submission for verdict in first] == ["ada", "bob"]
    assert [verdict.score for verdict in first] == [first[0].max_score, 0]
    assert told == [(1, 2), (2, 2)]
    assert second == first
    assert snapshot(out) == before
    assert time.monotonic() - started < 10, "nothing was graded, so no kernel was started"
    assert {"grades.csv", "results/ada.json", "feedback/bob.html", "executed/ada.ipynb"} <= set(
        before
    )

    (out / "results" / "ada.json").unlink()
    (out / "grades.csv").unlink()
    grade.grade("hw1", box, out)
    assert snapshot(out) == before, "files are made again from what is known"


def test_a_folder_of_another_homework_is_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"homework": "hw9"}))
    with pytest.raises(course.CourseError, match="hw9"):
        grade.grade("hw1", tmp_path, tmp_path, sandbox="none")


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    with pytest.raises(course.CourseError, match="holds nothing"):
        grade.grade("hw1", tmp_path, tmp_path.parent / "out", sandbox="none")


def test_results_among_the_submissions_are_refused(tmp_path):
    with pytest.raises(course.CourseError, match="a folder beside it"):
        grade.grade("hw1", tmp_path, tmp_path / "out", sandbox="none")


# ------------------------------------------------- what happens around the grading of a class


@pytest.fixture
def threads(monkeypatch) -> None:
    """Grade in threads of the test: a process costs seconds until it has imported everything."""
    monkeypatch.setattr(
        workers, "local", lambda jobs, folder: workers.Workers(jobs, ThreadPoolExecutor)
    )


def quickly(box: Path, out: Path, **options) -> list:
    return grade.grade("hw1", box, out, sandbox="none", grader=quick.grade_quickly, **options)


def one_by_one(crew, function, pieces):
    """Does the work in this very process."""
    yield from (Outcome(piece, function(piece)) for piece in pieces)


def grade_and_be_killed(box: Path, out: Path) -> None:
    """A run of one process, so that nothing outlives its end."""
    workers.outcomes = one_by_one
    quickly(box, out)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> tuple[Path, dict[str, bytes]]:
    """A class of twelve, and every file of its grading."""
    box, out = tmp_path_factory.mktemp("class"), tmp_path_factory.mktemp("graded")
    for k in range(12):
        quick.hand_in(box, f"student{k}", seconds=0.02)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(workers, "outcomes", one_by_one)
        quickly(box, out)
    return box, quick.snapshot(out)


@pytest.mark.usefixtures("threads")
def test_a_run_killed_at_any_moment_is_gone_on_with(tmp_path, undisturbed):
    box, expected = undisturbed
    chance = random.Random(20)
    fork = multiprocessing.get_context("fork")
    kills = 0
    for _ in range(40):
        run = fork.Process(target=grade_and_be_killed, args=(box, tmp_path))
        run.start()
        run.join(chance.uniform(0.01, 0.12))
        if run.exitcode is None:
            known = entries(tmp_path)
            run.kill()
            run.join()
            kills += 1
            assert known.items() <= entries(tmp_path).items(), "what was known is not done again"
        if kills == 20:
            break
    assert kills >= 20
    verdicts = quickly(box, tmp_path)
    assert len({verdict.submission for verdict in verdicts}) == len(verdicts) == 12
    assert len(entries(tmp_path)) == 12, "each was graded once"
    assert quick.snapshot(tmp_path) == expected
    assert not list(tmp_path.rglob("*.tmp"))


def entries(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (out / "cache").glob("[!.]*.json")}


def test_work_on_which_processes_die_is_done_all_the_same(tmp_path):
    """One piece ends its process once, one always, one raises; the others do not notice."""
    orders = [{"name": f"piece {k}"} for k in range(6)]
    orders += [{"name": "unlucky", "dies_once": str(tmp_path / "died")}]
    orders += [{"name": "deadly", "dies": True}, {"name": "faulty", "raises": True}]
    found = list(workers.outcomes(workers.local(2, tmp_path), light.obey, orders))
    names = [outcome.piece["name"] for outcome in found]
    assert sorted(names) == sorted(order["name"] for order in orders)
    right = {outcome.result for outcome in found if outcome.error is None}
    assert right == set(names) - {"deadly", "faulty"}


def test_processes_end_with_a_parent_that_was_killed(tmp_path):
    fork = multiprocessing.get_context("fork")
    log = tmp_path / "log"
    parent = fork.Process(target=light.start_and_wait, args=(str(log),))
    parent.start()
    wait_for(log.exists)
    parent.kill()
    child = psutil.Process(int(log.read_text()))
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 20)


@pytest.mark.long
def test_a_worker_that_is_killed_costs_nobody_anything(tmp_path, undisturbed):
    """One dies on a submission once, one always; the others do not notice."""
    box, log = tmp_path / "in", tmp_path / "log"
    for k in range(6):
        quick.hand_in(box, f"student{k}", log=str(log))
    quick.hand_in(box, "unlucky", log=str(log), dies_once=str(tmp_path / "died"))
    quick.hand_in(box, "deadly", log=str(log), dies=True)
    verdicts = {each.submission: each for each in quickly(box, tmp_path / "out", jobs=2)}
    assert len(verdicts) == 8
    bad = {name for name, verdict in verdicts.items() if verdict.status != "ok"}
    assert bad == {"deadly"}
    assert "the grader itself failed on it" in verdicts["deadly"].alerts[0]
    assert len(entries(tmp_path / "out")) == 7, "what failed is tried again in the next run"


@pytest.mark.usefixtures("threads")
def test_the_same_work_of_two_is_graded_once_and_each_gets_the_result(tmp_path):
    box, log = tmp_path / "in", tmp_path / "log"
    for name in ("ada", "bob"):
        quick.hand_in(box / name, "same", log=str(log))
    verdicts = quickly(box, tmp_path / "out")
    assert [verdict.submission for verdict in verdicts] == ["ada", "bob"]
    assert [verdict.source for verdict in verdicts] == ["ada/same.zip", "bob/same.zip"]
    assert len(log.read_text().splitlines()) == 1


def with_repairs(task: grade.Task, submission: Submission) -> Verdict:
    """What the judge mended stands in its verdict alone."""
    verdict = quick.grade_quickly(task, submission)
    repairs = (*submission.repairs, "the module was not handed in")
    return replace(verdict, status="repaired", repairs=repairs)


@pytest.mark.usefixtures("threads")
def test_what_the_judge_mended_is_said_to_all_who_handed_it_in(tmp_path):
    box, out = tmp_path / "in", tmp_path / "out"
    for name in ("ada", "bob"):
        quick.hand_in(box / name, "same")
    for _ in range(2):  # graded, then known
        for verdict in grade.grade("hw1", box, out, sandbox="none", grader=with_repairs):
            assert verdict.repairs == ("the module was not handed in",)
            page = (out / "feedback" / f"{verdict.submission}.html").read_text()
            assert "The module was not handed in" in page
    assert (out / "report.html").read_text().count('<span class="tag">repaired</span>') >= 2


@pytest.mark.usefixtures("threads")
def test_one_new_attempt_is_graded_and_nobody_else_again(tmp_path):
    box, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    for name in ("ada", "bob"):
        quick.hand_in(box, name, log=str(log))
    quickly(box, out)
    quick.hand_in(box, "bob", log=str(log), attempt=2)
    lines: list[str] = []
    quickly(box, out, begin=lines.append)
    assert lines == ["1 of 2 are known from before; --fresh would grade them anew."]
    assert sorted(log.read_text().split()) == ["ada", "bob", "bob"]
    quickly(box, out, fresh=True)
    assert sorted(log.read_text().split()) == ["ada", "ada", "bob", "bob", "bob"]


@pytest.mark.usefixtures("threads")
def test_a_damaged_cache_entry_is_graded_anew(tmp_path):
    box, out = tmp_path / "in", tmp_path / "out"
    quick.hand_in(box, "ada")
    quickly(box, out)
    before = quick.snapshot(out)
    (entry,) = (out / "cache").glob("*.json")
    for damage in ("", "{", "[]", '{"results": 1}'):
        entry.write_text(damage)
        quickly(box, out)
        assert quick.snapshot(out) == before
        assert len(entry.read_text()) > 100


@pytest.mark.long
def test_an_interrupt_does_not_wait_for_what_runs(tmp_path):
    check_interrupt(tmp_path, seconds=600)


@pytest.mark.usefixtures("threads")
def test_an_interrupt_says_what_is_kept_and_how_to_go_on(tmp_path):
    check_interrupt(tmp_path, seconds=0.5)


def check_interrupt(folder: Path, seconds: float) -> None:
    box, out = folder / "in", folder / "out"
    for k in range(3):
        quick.hand_in(box, f"student{k}")
    quick.hand_in(box, "last", seconds=seconds)

    def interrupt(done, total, verdict):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(grade.Stopped, match="3 of 4 submissions are graded and kept") as stopped:
        quickly(box, out, progress=interrupt)
    assert "same command again" in str(stopped.value)
    assert len(entries(out)) == 3


def test_two_runs_in_one_folder_are_refused(tmp_path):
    quick.hand_in(tmp_path / "in", "ada")
    with (
        grade._run_folder(tmp_path / "out"),
        pytest.raises(course.CourseError, match="Another run is at work"),
    ):
        quickly(tmp_path / "in", tmp_path / "out")


def test_what_a_killed_run_left_behind_is_removed(tmp_path):
    left = Path(tempfile.mkdtemp(prefix="hlm-"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "lock").write_text(str(left))
    (tmp_path / ".x.tmp").touch()
    with grade._run_folder(tmp_path) as scratch:
        assert not left.exists()
        assert not (tmp_path / ".x.tmp").exists()
        assert (tmp_path / "cache" / "lock").read_text() == str(scratch)
    assert not scratch.exists()
    assert (tmp_path / "cache" / "lock").read_text() == ""
    (tmp_path / "cache" / "lock").write_text(str(tmp_path))
    with grade._run_folder(tmp_path):
        assert tmp_path.exists(), "a lock file that points elsewhere removes nothing"


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 64 kB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk can only be made by root, where mounting is allowed")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.usefixtures("threads")
def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path, small_disk, undisturbed):
    box, expected = undisturbed
    with pytest.raises(course.CourseError, match=r"No space is left .* is kept"):
        quickly(box, small_disk)
    kept = entries(small_disk)
    assert 0 < len(kept) < 12
    assert not list(small_disk.rglob("*.tmp"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    quickly(box, small_disk)
    assert kept.items() <= entries(small_disk).items()
    assert quick.snapshot(small_disk) == expected


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "run" / "results.json"
    writing.write_text(path, "first", lasting=True)

    def full_disk(*_):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(course.CourseError, match="No space is left"):
        writing.write_text(path, "second")
    assert path.read_text() == "first"
    assert [each.name for each in path.parent.iterdir()] == ["results.json"]


# ------------------------------------------------------------------------------------ a cluster


def dask(*words: str) -> subprocess.Popen:
    """A process of the cluster, which finds the tests as well as the course."""
    paths = os.pathsep.join([str(course.ROOT), str(course.ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def cluster(tmp_path) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A scheduler and two workers on loopback."""
    place = tmp_path / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(place))
    processes = [dask("distributed.cli.dask_scheduler", *words)]
    wait_for(place.exists)
    wait_for(lambda: place.read_text().strip().endswith("}"))
    address = json.loads(place.read_text())["address"]
    options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory")
    for k in range(2):
        folder = str(tmp_path / f"worker{k}")
        processes.append(dask("distributed.cli.dask_worker", address, *options, folder))
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
    yield address, processes
    for process in processes:
        process.kill()
        process.wait()


def wait_for(condition, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.05)


@pytest.mark.long
def test_a_cluster_of_which_a_worker_is_killed(tmp_path, cluster):
    address, processes = cluster
    box, out, here = tmp_path / "in", tmp_path / "out", tmp_path / "here"
    for k in range(20):
        quick.hand_in(box, f"student{k}", seconds=0.2)

    def kill_one(done, total, verdict):
        if done == 5:
            processes[1].kill()

    verdicts = quickly(box, out, scheduler=address, progress=kill_one)
    assert processes[1].poll() is not None
    assert len({verdict.submission for verdict in verdicts}) == len(verdicts) == 20
    assert {verdict.status for verdict in verdicts} == {"ok"}
    quickly(box, here)
    assert quick.snapshot(out) == quick.snapshot(here), "the same as on this machine"


@needs_bwrap
@pytest.mark.long
def test_a_cluster_grades_in_the_sandbox_as_this_machine_does(tmp_path, cluster, solved, blank):
    box = tmp_path / "in"
    box.mkdir()
    hand_in(solved, box / "ada.zip")
    hand_in(blank, box / "bob.zip")
    far = grade.grade("hw1", box, tmp_path / "far", scheduler=cluster[0])
    near = grade.grade("hw1", box, tmp_path / "near")
    assert [timeless(verdict) for verdict in far] == [timeless(verdict) for verdict in near]


def test_a_scheduler_in_this_process(tmp_path):
    """The seam alone: one worker, a thread of the test."""
    box = tmp_path / "in"
    for k in range(3):
        quick.hand_in(box, f"student{k}")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as inside:
        verdicts = quickly(box, tmp_path / "out", scheduler=inside.scheduler_address)
    assert [verdict.status for verdict in verdicts] == ["ok"] * 3


def test_workers_that_would_grade_differently_are_refused():
    here = {"the course": "abc", "numpy": "2.2"}
    workers._check_alike(here, {"tcp://a:1": here})
    with pytest.raises(course.CourseError, match=r"tcp://a:1 .* numpy is '2.1', here '2.2'"):
        workers._check_alike(here, {"tcp://a:1": {**here, "numpy": "2.1"}})
    with pytest.raises(course.CourseError, match="bubblewrap is missing"):
        workers._check_alike(here, {"tcp://a:1": course.CourseError("bubblewrap is missing")})
    with pytest.raises(course.CourseError, match=r"several threads.*--nthreads 1"):
        workers._check_threads("tcp://b", {"tcp://a:1": 8})
    with pytest.raises(course.CourseError, match="no workers"):
        workers._check_threads("tcp://b", {})


def test_a_scheduler_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 0.5)
    quick.hand_in(tmp_path / "in", "ada")
    with pytest.raises(course.CourseError, match=r"No scheduler answers at tcp://127\.0\.0\.1:9"):
        quickly(tmp_path / "in", tmp_path / "out", scheduler="tcp://127.0.0.1:9")


# ----------------------------------------------------------------------------------- the cache


def test_the_judges_modules_are_those_that_a_verdict_depends_on():
    names = {path.stem for path in cache.code_of("judge")}
    assert {"judge", "testfile", "expect", "remote", "worker", "wire", "sandbox"} <= names
    assert not {"cli", "report", "feedback", "gradebook", "demo", "verify", "release"} & names


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A copy of what the course brings to a verdict, to be changed."""
    root = tmp_path / "course"
    names = shutil.ignore_patterns(".*", "dist", "tests", "demo", "node_modules")
    shutil.copytree(course.ROOT, root, ignore=names)
    monkeypatch.setattr(cache, "ROOT", root)
    monkeypatch.setattr(
        build, "solved_module", lambda homework: build.module_path(homework, root).read_text()
    )
    return root


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("autograder/expect.py", True),
        ("autograder/worker.py", True),
        ("autograder/references/hw1.json", True),
        ("autograder/references/tolerances.toml", True),
        ("hlmtools/linear.py", True),
        ("hlmtools/slips/hw1.json", True),
        ("data/hsb.csv", True),
        ("solutions/hlmtools/variance_components.py", True),
        ("solutions/hw1_variance_components/slips.py", True),
        ("autograder/references/hw2.json", False),
        ("solutions/hlmtools/within_between.py", False),
        ("hlmtools/variance_components.py", False),
        ("solutions/hw1_variance_components/rubric.md", False),
        ("assignments/hw1_variance_components/README.md", False),
        ("autograder/feedback.py", False),
        ("autograder/cli.py", False),
        ("autograder/README.md", False),
        ("course.toml", False),
    ],
)
def test_what_invalidates_the_cache(copied, file, counts):
    before = cache.judge_digest.__wrapped__("hw1")
    path = copied / file
    path.write_bytes(path.read_bytes() + b"\n")
    assert (cache.judge_digest.__wrapped__("hw1") != before) == counts


def test_a_changed_test_or_limit_changes_the_key_and_an_owner_does_not(monkeypatch):
    work = Submission("ada", "ada.zip", notebook=b"{}", module=b"x = 1")
    limits = course.load().limits
    key = cache.key(work, "judge", "bwrap", limits)
    other = replace(work, id="bob", source="bob.zip", student_id="7", name="Bob", attempt=3)
    assert cache.key(other, "judge", "bwrap", limits) == key
    different = [
        cache.key(replace(work, notebook=b"[]"), "judge", "bwrap", limits),
        cache.key(replace(work, module=None), "judge", "bwrap", limits),
        cache.key(work, "another judge", "bwrap", limits),
        cache.key(work, "judge", "none", limits),
        cache.key(work, "judge", "bwrap", replace(limits, cell_seconds=1)),
    ]
    assert len({key, *different}) == 6
    held = assignment.load("hw1")
    changed = replace(held, tests={**held.tests, "task1_1": held.tests["task1_1"] + "\n"})
    before = cache.judge_digest.__wrapped__("hw1")
    monkeypatch.setattr(assignment, "load", lambda hw: changed)
    assert cache.judge_digest.__wrapped__("hw1") != before


# ---------------------------------------------------------------------------------- for real


def timeless(verdict: Verdict) -> Verdict:
    """A verdict without the times, and without the words on the sandbox."""
    cases = tuple(replace(case, seconds=0.0) for case in verdict.cases)
    return replace(verdict, cases=cases, seconds=0.0, sandbox="")


@needs_bwrap
@pytest.mark.long
def test_results_are_the_same_every_time(tmp_path, solved, blank):
    """Graded twice, by one process and by two, warm and cold."""
    box = tmp_path / "in"
    box.mkdir()
    wrong = solved.module_plus("def icc(psi, sigma2):\n    return psi / sigma2")
    random_numbers = solved.cell_after("## 1.8", "import random\nprint(random.random())")
    for name, work in (("a", solved), ("b", blank), ("c", wrong), ("d", random_numbers)):
        hand_in(work, box / f"{name}.zip")
    ways = ((1, "bwrap"), (2, "bwrap"), (1, "bwrap-cold"))
    runs = [
        grade.grade("hw1", box, tmp_path / f"{kind}{jobs}", jobs=jobs, sandbox=kind)
        for jobs, kind in ways
    ]
    first, *others = [[timeless(verdict) for verdict in verdicts] for verdicts in runs]
    for other in others:
        assert other == first


@needs_bwrap
@pytest.mark.long
def test_a_killed_run_goes_on_where_it_stopped(tmp_path, solved, blank):
    box, out = tmp_path / "in", tmp_path / "out"
    box.mkdir()
    for k in range(4):
        hand_in(solved if k % 2 else blank, box / f"student{k}.zip")
    program = "from autograder.cli import main; main()"
    command = [sys.executable, "-c", program, "grade", "hw1", str(box), "--out", str(out)]
    run = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)
    while not list((out / "results").glob("*.json")) and run.poll() is None:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    known = {path.name: path.stat().st_mtime_ns for path in (out / "cache").glob("*.json")}
    assert 1 <= len(known) < 4
    verdicts = grade.grade("hw1", box, out)
    assert len(verdicts) == 4
    after = {path.name: path.stat().st_mtime_ns for path in (out / "cache").glob("*.json")}
    assert known.items() <= after.items(), "what was known was not graded again"
    assert not list(out.rglob("*.tmp"))
