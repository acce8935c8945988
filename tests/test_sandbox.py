"""The sandbox shows a submission nothing of the host, and bounds what it may use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from autograder import course, sandbox

ROOT = course.ROOT
LIMITS = replace(course.load().limits, disk_mb=8)

needs_bwrap = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="bubblewrap is missing: apt-get install bubblewrap"
)


@pytest.fixture
def inside(tmp_path):
    """Run Python source in the sandbox, as the worker does it, and give back what it prints."""
    space = sandbox.Workspace(tmp_path / "w", tmp_path / "s")
    space.files.mkdir()
    (space.files / "brought.txt").write_text("mine")
    space.sockets.mkdir()
    drop = "import os\n"
    uid = sandbox._uid("bwrap")
    if uid is not None:
        drop += f"os.setgroups([]); os.setresgid({uid}, {uid}, {uid})\n"
        drop += f"os.setresuid({uid}, {uid}, {uid})\n"

    def run(source: str) -> str:
        program = drop + textwrap.dedent(source)
        command = sandbox.command("bwrap", space, LIMITS, [sys.executable, "-c", program])
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=sandbox.environment(), cwd="/"
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run


@needs_bwrap
def test_the_course_and_the_host_do_not_exist_inside(inside):
    seen = json.loads(
        inside(
            f"""
            import json
            paths = [{str(ROOT / "solutions")!r}, {str(ROOT / "autograder")!r},
                     {str(Path.home() / ".ssh")!r}, "/etc/passwd", "/var", "/home", "/run"]
            print(json.dumps({{path: os.path.exists(path) for path in paths}}))
            """
        )
    )
    assert not any(seen.values()), seen


@needs_bwrap
def test_only_the_workspace_is_there_and_it_is_read_only(inside):
    printed = inside(
        """
        print(sorted(os.listdir(".")))
        try:
            open("brought.txt", "a")
        except OSError as error:
            print(type(error).__name__)
        open("new.txt", "w").write("private")
        print(os.path.exists("new.txt"))
        """
    )
    listing, refusal, own = printed.splitlines()
    assert listing == "['brought.txt']"
    assert refusal in ("OSError", "PermissionError")
    assert own == "True"


@needs_bwrap
def test_there_is_no_network(inside):
    printed = inside(
        """
        import socket
        print([name for _, name in socket.if_nameindex()])
        try:
            socket.create_connection(("127.0.0.1", 1), timeout=1)
        except OSError as error:
            print(type(error).__name__)
        """
    )
    assert printed.splitlines()[0] in ("['lo']", "[]")
    assert printed.splitlines()[1] in ("ConnectionRefusedError", "OSError", "TimeoutError")


@needs_bwrap
def test_an_abstract_socket_of_the_host_cannot_be_reached(inside):
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0hlm-test-abstract")
        server.listen(1)
        printed = inside(
            """
            import socket
            try:
                socket.socket(socket.AF_UNIX).connect("\\0hlm-test-abstract")
                print("reached")
            except OSError:
                print("refused")
            """
        )
    assert printed == "refused\n"


@needs_bwrap
def test_processes_of_the_host_cannot_be_seen_or_signalled(inside):
    printed = inside(
        f"""
        print(len([name for name in os.listdir("/proc") if name.isdigit()]) < 6)
        try:
            os.kill({os.getpid()}, 0)
            print("seen")
        except OSError:
            print("unseen")
        """
    )
    assert printed.splitlines() == ["True", "unseen"]


@needs_bwrap
def test_the_environment_holds_nothing_of_the_grader(inside, monkeypatch):
    monkeypatch.setenv("GRADER_SECRET", "token")
    names = set(json.loads(inside("import json; print(json.dumps(dict(os.environ)))")))
    assert names <= set(sandbox.environment()) | {"PWD", "LC_CTYPE"}


@needs_bwrap
def test_private_folders_are_small(inside):
    printed = inside(
        """
        try:
            with open("/tmp/flood", "wb") as file:
                for _ in range(64):
                    file.write(b"0" * 2**20)
            print("written")
        except OSError as error:
            print(error.errno)
        """
    )
    assert printed.strip() == "28", "no space left on device was expected"


@needs_bwrap
def test_rights_cannot_come_back(inside):
    printed = inside(
        """
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        print(int(status["CapEff"], 16), status["NoNewPrivs"].strip())
        try:
            os.setuid(0)
            print("root" if os.getuid() == 0 and open("/proc/self/uid_map").read().split()[1] == "0"
                  else "none")
        except OSError:
            print("none")
        """
    )
    assert printed.splitlines() == ["0 1", "none"]


def test_a_missing_sandbox_stops_with_the_remedy(monkeypatch):
    sandbox._check_bwrap.cache_clear()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(sandbox.SandboxMissing, match="apt-get install bubblewrap"):
        sandbox.check("bwrap")


def test_an_unknown_kind_is_named():
    with pytest.raises(sandbox.SandboxMissing, match="'docker'"):
        sandbox.check("docker")


def test_no_sandbox_is_called_by_its_name():
    assert sandbox.check("none").startswith("none")


def test_the_worker_limits_hold_where_they_are_set():
    worker = ROOT / "autograder" / "worker.py"
    program = f"""
        import importlib.util, resource
        spec = importlib.util.spec_from_file_location("worker", {str(worker)!r})
        worker = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(worker)
        worker._bound({{"memory_bytes": 2**29, "processes": None, "disk_bytes": 2**20,
                        "cpu_seconds": 60}})
        print(resource.getrlimit(resource.RLIMIT_FSIZE))
        try:
            bytearray(2**30)
        except MemoryError:
            print("refused")
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert ran.stdout.splitlines() == ["(1048576, 1048576)", "refused"], ran.stderr


_AS_SOMEBODY = """
set -e
cd {root}
for folder in {closed}; do  # what others may not walk through, of what is needed
    mkdir -p {hold} && mount --rbind {python} {hold}
    mount -t tmpfs -o mode=755 tmpfs "$folder"
    mkdir -p {python} && mount --move {hold} {python}
done
exec setpriv --reuid 23456 --regid 23456 --clear-groups env -i PATH=/usr/bin:/bin HOME=/tmp "$@"
"""


def _closed_to_others(path: Path) -> list[Path]:
    """The first folder above a path that other users may not walk through, if any."""
    closed = [each for each in reversed(path.parents) if not each.stat().st_mode & 1]
    return closed[:1]


@needs_bwrap
@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="not root: the other tests take this path already")
@pytest.mark.skipif(
    not (shutil.which("unshare") and shutil.which("setpriv")),
    reason="unshare or setpriv is missing: apt-get install util-linux",
)
def test_started_by_somebody_else_than_root_it_holds_as_well(tmp_path):
    """Warm and cold, as a user without any rights, in whose eyes the sandbox has its own users."""
    tmp_path.chmod(0o755)
    python = Path(sys.base_prefix)
    script = _AS_SOMEBODY.format(
        root=ROOT,
        closed=" ".join(map(str, _closed_to_others(python))),
        python=python,
        hold=tmp_path / "hold",
    )
    program = (
        "import os\nfrom autograder import doctor, sandbox\nassert os.geteuid() == 23456\n"
        "assert sandbox.why_cold() is None, sandbox.why_cold()\n"
        "print(doctor._holds('bwrap'))\nprint(doctor._holds('bwrap-cold'))\n"
    )
    command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"]
    ran = subprocess.run(
        [*command, sys.executable, "-c", program], capture_output=True, text=True, timeout=300
    )
    if "Permission denied" in ran.stderr and "mount" in ran.stderr:
        pytest.skip("this root may not mount, so no other user can be made ready")
    warm, cold = ran.stdout.splitlines() or pytest.fail(ran.stderr)
    assert "holds against" in warm
    assert "a user namespace" in warm
    assert warm.endswith("warm start)")
    assert cold.endswith("cold start)")
