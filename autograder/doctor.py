"""What `hlm doctor` looks at: whether this machine can build, grade, and hold submissions in.

Nothing is taken for granted that can be tried: the sandbox is started, and a program in it tries
what a submission must not be able to do.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from packaging.requirements import Requirement

from autograder import cgroups, course, escape, sandbox, seccomp
from autograder.course import ROOT, CourseError
from autograder.remote import Kernel, RemoteError
from autograder.sandbox import SandboxMissing, Workspace

OLDEST_PYTHON = (3, 11)
LINUX_RECIPE = (
    "Grading needs Linux. On Windows use WSL2 (wsl --install), on macOS a Linux virtual machine or "
    "container; then run make demo there. Building and verifying homeworks works here as well."
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    fine: bool
    says: str
    remedy: str = ""


def examine(progress: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """Look at everything, each thing whatever the others gave.

    Parameters
    ----------
    progress
        Told the name of what is looked at next.
    """
    findings = []
    for name, look in _LOOKS.items():
        progress(name)
        try:
            findings.append(Finding(name, True, look()))
        except _Wrong as wrong:
            findings.append(Finding(name, False, wrong.says, wrong.remedy))
        except CourseError as error:
            findings.append(Finding(name, False, str(error)))
    return findings


class _Wrong(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, says: str, remedy: str) -> None:
        super().__init__(says)
        self.says, self.remedy = says, remedy


def _python() -> str:
    version = platform.python_version()
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise _Wrong(f"Python {version} is too old", "Install Python 3.11 or newer.")
    return f"Python {version}"


def _packages() -> str:
    pins = requirement_pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    odd = [f"{name} {_installed(name)} (wanted {pin})" for name, pin in pins if _differs(name, pin)]
    if odd:
        more = f" and {len(odd) - 4} more" if len(odd) > 4 else ""
        says = f"{len(odd)} packages differ from requirements.txt: {', '.join(odd[:4])}{more}"
        raise _Wrong(says, "Run: .venv/bin/pip install --require-hashes -r requirements.txt")
    return f"all {len(pins)} packages as in requirements.txt"


def requirement_pins(text: str) -> list[tuple[str, str]]:
    r"""Names and versions pinned for this platform.

    >>> requirement_pins("numpy==2.0 \\\n    --hash=x\nold==1 ; python_version < '3'\n# note\n")
    [('numpy', '2.0')]
    """
    pins = []
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            wanted = Requirement(line.split(" \\")[0].strip())
            if wanted.marker is None or wanted.marker.evaluate():
                pins.append((wanted.name, str(wanted.specifier).removeprefix("==")))
    return pins


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "is missing"


def _differs(name: str, pin: str) -> bool:
    return _installed(name) != pin


def _data() -> str:
    from hlmtools import datasets

    names = datasets.dataset_names()
    for name in names:
        try:
            datasets.load_dataset(name)
        except (ValueError, OSError) as error:
            raise _Wrong(f"{name}: {error}", "Run: git checkout -- data") from None
    if not names:
        raise _Wrong("no data set is here", "Run: git checkout -- data")
    return f"{len(names)} data sets with the right checksums"


def _bubblewrap() -> str:
    if sys.platform != "linux":
        raise _Wrong(f"there is none for {platform.system()}", LINUX_RECIPE)
    if shutil.which("bwrap") is None:
        remedy = "Run: sudo apt-get install bubblewrap (Fedora: sudo dnf install bubblewrap)"
        raise _Wrong("bubblewrap is not installed", remedy)
    ran = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=10)
    return ran.stdout.strip()


_SWITCHES = {  # file under /proc/sys: value that forbids, command that allows
    "kernel/apparmor_restrict_unprivileged_userns": (
        "1",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (or give bwrap an AppArmor "
        "profile that allows userns)",
    ),
    "kernel/unprivileged_userns_clone": ("0", "sudo sysctl kernel.unprivileged_userns_clone=1"),
    "user/max_user_namespaces": ("0", "sudo sysctl user.max_user_namespaces=15000"),
}


def _user_namespaces() -> str:
    if sys.platform != "linux":
        raise _Wrong(f"there are none on {platform.system()}", LINUX_RECIPE)
    command = ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "--", "true"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError:
        raise _Wrong("could not be tried without bubblewrap", "Install bubblewrap.") from None
    if ran.returncode:
        raise _Wrong(f"cannot be made: {ran.stderr.strip()[:200]}", _switch_remedy())
    return "can be made"


def _switch_remedy() -> str:
    for name, (forbids, command) in _SWITCHES.items():
        path = Path("/proc/sys") / name
        if path.exists() and path.read_text().strip() == forbids:
            return f"Run: {command}"
    return "In a container, start it with the right to make user namespaces, or use a machine."


# ------------------------------------------------------------------------ trying the sandbox


def _filter() -> str:
    if not seccomp.code():
        raise _Wrong("libseccomp is missing: no filter of system calls", seccomp.REMEDY)
    return f"{len(seccomp.DENIED)} kinds of dangerous system calls are refused"


def _whole_bounds() -> str:
    return f"for a submission as a whole: {cgroups.in_words()}"


def _warm_start() -> str:
    why = sandbox.why_cold()
    if why:
        return f"kernels start cold, which is slower ({why})"
    return "kernels are forked from a warm process"


def _holds(kind: str) -> str:
    """Start a kernel in the sandbox and let it try what submissions must not do."""
    strength = sandbox.check(kind)
    with _outside() as words, _kernel(kind, escape.cell(**words)) as (kernel, notebook):
        kernel.run_cell(0)
        tried = escape.outcome(notebook)
    if reached := _worked(tried):
        remedy = "Do not grade here; tell who keeps this machine."
        raise _Wrong(f"a program in it {reached} ({strength})", remedy)
    return f"holds against {len(tried)} ways out ({strength})"


def _user_holds() -> str:
    """The weaker sandbox for machines without bubblewrap: what it leaves open is said."""
    try:
        strength = sandbox.check("user")
    except SandboxMissing as missing:
        return f"not used here: {missing}"
    with _outside() as words, _kernel("user", escape.cell(**words)) as (kernel, notebook):
        kernel.run_cell(0)
        reached = _worked(escape.outcome(notebook))
    return f"{strength}; weaker than bwrap: a program in it {reached or 'did nothing it must not'}"


def _worked(tried: dict[str, bool]) -> str:
    return ", ".join(name for name, worked in tried.items() if worked)


@contextmanager
def _outside() -> Iterator[dict[str, Any]]:
    """What must not be reached."""
    secrets = [ROOT / "solutions", ROOT / "autograder" / "references", ROOT / "course.toml"]
    name = f"hlm-doctor-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{name}")
        abstract.listen()
        yield {
            "secrets": [str(path) for path in secrets],
            "port": tcp.getsockname()[1],
            "abstract": name,
            "host_pid": os.getpid(),
        }


@contextmanager
def _kernel(kind: str, cell: NotebookNode) -> Iterator[tuple[Kernel, NotebookNode]]:
    """A kernel in a sandbox of this kind, with the given package and nothing else."""
    folder = sandbox.new_folder(kind)
    space = Workspace(folder / "w", folder / "s")
    notebook = new_notebook(cells=[cell])
    limits = course.load().limits
    try:
        shutil.copytree(ROOT / "hlmtools", space.files / "hlmtools")
        space.sockets.mkdir(mode=0o700)
        spec = sandbox.kernel_spec(kind, space, "check", limits)
        kernel = Kernel(spec, space.sockets, notebook, limits)
        try:
            yield kernel, notebook
        finally:
            kernel.close()
            sandbox.end_user(kind)
    except RemoteError as problem:
        raise SandboxMissing(f"A kernel in the sandbox {kind} failed: {problem}.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_LOOKS: dict[str, Callable[[], str]] = {
    "Python": _python,
    "packages": _packages,
    "data": _data,
    "bubblewrap": _bubblewrap,
    "user namespaces": _user_namespaces,
    "filter of system calls": _filter,
    "bounds": _whole_bounds,
    "warm start": _warm_start,
    "sandbox bwrap": partial(_holds, "bwrap"),
    "sandbox bwrap --cold": partial(_holds, "bwrap-cold"),
    "sandbox user": _user_holds,
}
