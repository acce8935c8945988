"""Kernels forked from the warm process: like cold ones in their results, and as well confined."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import needs_bwrap
from nbformat.v4 import new_code_cell

from autograder import assignment, escape, judge, sandbox, seccomp, verify, warm
from autograder.course import homework
from autograder.remote import KernelLost
from autograder.verdict import Verdict

pytestmark = needs_bwrap
HERE = Path(sandbox.__file__).parent


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
    session._kernel._manager.provisioner.process.wait(20)  # its kernels end with it
    with pytest.raises(KernelLost):
        session._kernel.run_code("1")
    assert said(open_kernel(), "print(1 + 1)") == "2\n"
    assert warm.process() is not before


def test_halls_of_processes_that_were_killed_are_taken_away(tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "NEW_SECONDS", -1)
    left, held, other = (tmp_path / name for name in (f"{warm.HALL}a", f"{warm.HALL}b", "hlm-c"))
    for folder in (left, held, other):
        (folder / "s-1").mkdir(parents=True)
    (tmp_path / f"{warm.HALL}link").symlink_to(other)
    descriptor = warm._hold(held)
    warm._sweep(tmp_path)
    os.close(descriptor)
    assert [folder.exists() for folder in (left, held, other)] == [False, True, True]
    assert (other / "s-1").exists(), "a link is not followed"
    assert warm.hall().exists()


def test_where_the_warm_process_refuses_kernels_start_cold(open_kernel, monkeypatch):
    def refuse(*args: object) -> warm.Child:
        raise warm.WarmMissing("not today")

    monkeypatch.setattr(warm, "start", refuse)
    try:
        assert said(open_kernel(), "print(1 + 1)") == "2\n"
        assert sandbox.check("bwrap").endswith("cold start (not today)")
    finally:
        warm.note_trouble("")


# --------------------------------------------------------------------------- what a child may do


def test_a_kernel_leaves_nothing_to_the_next_one(open_kernel):
    """Files, shared memory, queues, sockets, modules and random state of one are not another's."""
    traces = """
import builtins, ctypes, os, random, socket, sys, numpy as np
for folder in ("/tmp", "/dev/shm", "/submission"): open(folder + "/trace", "w").write("x")
segment = ctypes.CDLL(None).shmget(4711, 4096, 0o1666)
line = socket.socket(socket.AF_UNIX); line.bind("\\0trace"); line.listen()
builtins.trace = np.trace_left = sys.modules["trace_left"] = 1
np.pi = 3
np.zeros(3)[:] = 7
random.seed(9); np.random.seed(9); os.environ["TRACE"] = "x"; np.seterr(all="raise")
print(segment >= 0)
"""
    seen = """
import builtins, ctypes, os, random, socket, sys, numpy as np
found = [f for f in ("/tmp", "/dev/shm", "/submission") if os.path.exists(f + "/trace")]
found += ["shm"] * (ctypes.CDLL(None).shmget(4711, 4096, 0o666) >= 0)
try: socket.socket(socket.AF_UNIX).connect("\\0trace"); found.append("abstract")
except OSError: pass
found += [n for n in ("trace", ) if hasattr(builtins, n)] + ["np"] * hasattr(np, "trace_left")
found += ["sys"] * ("trace_left" in sys.modules) + ["pi"] * (np.pi == 3)
found += ["TRACE"] * ("TRACE" in os.environ) + ["seterr"] * (np.geterr()["over"] == "raise")
print(found, random.random(), np.random.rand())
"""
    first, second = open_kernel(), open_kernel()
    assert said(first, traces) == "True\n"
    before = said(second, seen)
    assert before.startswith("[] 0.844421851")
    assert said(open_kernel(), seen) == before


def test_a_kernel_sees_its_own_world_only(open_kernel):
    first, second = open_kernel(), open_kernel()
    folders = f"""
import os
print([p for p in (os.listdir("/tmp/" + os.listdir("/tmp")[0]) if os.listdir("/tmp") else [])])
print(os.path.exists({str(first._folder)!r}), os.path.isdir({str(second._folder / "w")!r}))
print(len([n for n in os.listdir("/proc") if n.isdigit()]) <= 3, os.getpid() < 4)
print(sorted(os.listdir(".")))
"""
    printed = said(second, folders).splitlines()
    assert printed[1:] == ["False False", "True True", "['data', 'hlmtools']"]


def test_a_kernel_has_a_user_and_no_way_to_the_warm_process(open_kernel):
    code = escape.code(secrets=["/hall/x"], port=9, abstract="nobody", host_pid=os.getpid())
    for kind in ("bwrap", "bwrap-cold"):
        tried = json.loads(said(open_kernel(kind), code))
        assert [name for name, worked in tried.items() if worked] == []
        assert len(tried) > 15


def test_nothing_outlives_a_kernel(open_kernel):
    """Not a daemon, not a process that left its session; and its cgroup goes with it."""
    session = open_kernel()
    daemon = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0: time.sleep(900)\n"
        "    os._exit(0)\n"
        "print(os.getpid())"
    )
    assert said(session, daemon)
    kernel: Any = session._kernel
    tree = psutil.Process(kernel._pid()).children(recursive=True)
    assert len(tree) >= 2
    kernel.close()
    assert not any(process.is_running() for process in tree)
    group = kernel._manager.provisioner._group
    assert group is None or not any(folder.exists() for folder in group.folders)


def test_the_warm_process_ends_with_its_judge():
    program = (
        "from autograder import sandbox, warm\n"
        "place = warm._place_of(__import__('os').getpid())\n"
        "process = place.running(lambda fd: sandbox._forker(fd, ()), sandbox.environment())\n"
        "process._wait_until_ready()\n"
        "print(process.process.pid, flush=True)\n"
        "__import__('os').kill(__import__('os').getpid(), 9)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    pid = int(ran.stdout)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(pid)


def test_the_filter_refuses_and_allows_what_it_should():
    if not seccomp.code():
        pytest.skip(f"libseccomp is missing. {seccomp.REMEDY}")
    program = f"""
import base64, ctypes, errno, importlib.util, multiprocessing, os, socket, subprocess, threading
spec = importlib.util.spec_from_file_location("worker", {str(HERE / "worker.py")!r})
worker = importlib.util.module_from_spec(spec); spec.loader.exec_module(worker)
worker._filter_calls(base64.b64decode({base64.b64encode(seccomp.code()).decode()!r}))
libc = ctypes.CDLL(None, use_errno=True)
def refused(name, *arguments):
    return getattr(libc, name)(*arguments) == -1 and ctypes.get_errno() == errno.EPERM
print(refused("unshare", 0), refused("ptrace", 0, 0, 0, 0), refused("syscall", 425, 8, 0))
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET):
    try: socket.socket(family, socket.SOCK_RAW)
    except PermissionError: print("refused")
socket.socketpair(); threading.Thread(target=print).start()
pool = multiprocessing.get_context("fork").Pool(1)
print(subprocess.run(["true"]).returncode, pool.map(abs, [-1]))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.split() == "True True True refused refused refused refused 0 [1]".split(), ran


@pytest.mark.long
def test_warm_and_cold_give_the_same_verdict_and_the_same_outputs(solved, grade):
    first, second = grade(solved, "bwrap"), grade(solved, "bwrap-cold")
    assert comparable(first) == comparable(second)
