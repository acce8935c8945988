"""What a submission would try in order to get out of the sandbox; `hlm doctor` runs it inside one.

`attempts` imports nothing of the course: its source runs in a kernel as any cell would.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell

_CLONE_NEWUSER = 0x10000000
_PTRACE_ATTACH = 16
MANY = 400
"""Processes that a fork bomb may not reach."""


def attempts(secrets: list[str], port: int, abstract: str, host_pid: int) -> dict[str, bool]:
    """Try everything; true where it worked, which it must not.

    Parameters
    ----------
    secrets
        Paths of the host that must not exist here.
    port, abstract
        Where the host listens, on loopback and on an abstract socket.
    host_pid
        A process of the host.
    """
    if os.geteuid() == 0:  # and what follows would harm the machine
        return {"runs as root": True}
    tries: dict[str, Callable[[], Any]] = {
        "reads a secret of the host": lambda: any(map(os.path.exists, secrets)),
        "reads other files of the host": lambda: _opens("/etc/shadow") or os.listdir("/home"),
        "reads the folders of other submissions": _sees_other_submissions,
        "reads an environment that is not its own": _reads_other_environment,
        "writes to the interpreter": lambda: _opens(sys.executable, "r+b"),
        "writes to the system": lambda: any(
            _made(f"{folder}/x") for folder in ("/usr", "/etc", "")
        ),
        "writes to the judge's files": lambda: _opens("/judge/worker.py", "ab"),
        "writes to the given package": lambda: _opens("hlmtools/__init__.py", "ab"),
        "reaches the network by TCP": lambda: _reaches(socket.AF_INET, ("127.0.0.1", port)),
        "reaches another address": lambda: _reaches(socket.AF_INET, ("192.0.2.1", 9)),
        "opens a socket of the network": _opens_network_socket,
        "reaches an abstract socket": lambda: _reaches(socket.AF_UNIX, f"\0{abstract}"),
        "signals a process of the host": lambda: _signals(host_pid),
        "ends the first process": _ends_the_first,
        "traces another process": lambda: _called("ptrace", _PTRACE_ATTACH, os.getppid(), 0, 0),
        "mounts a folder": lambda: _called("mount", b"x", b"/tmp", b"tmpfs", 0, None),
        "makes a user namespace": lambda: _child(lambda: _called("unshare", _CLONE_NEWUSER)),
        "becomes root": _becomes_root,
        "holds a capability": lambda: int(_status("CapEff"), 16) | int(_status("CapPrm"), 16),
        "may gain rights": lambda: _status("NoNewPrivs") != "1",
        "shares memory with others": _shares_memory,
        "holds a line to the warm process": _holds_a_line,
        "forks without bound": _forks_without_bound,
    }
    return {name: _worked(action) for name, action in tries.items()}


def _worked(action: Callable[[], Any]) -> bool:
    try:
        return bool(action())
    except (OSError, ValueError):
        return False


def _opens(path: str, mode: str = "rb") -> bool:
    with open(path, mode) as file:
        return "a" in mode or "+" in mode or bool(file.read(1))


def _sees_other_submissions() -> bool:
    own = [f"/tmp/{name}" for name in os.listdir("/tmp") if name.startswith("hlm-")]
    folders = ["/hall", *own]
    with contextlib.suppress(OSError):
        return any(len(os.listdir(folder)) > 1 for folder in folders)
    return bool(os.path.exists("/hall") and os.access("/hall", os.R_OK))


def _made(path: str) -> bool:
    with contextlib.suppress(OSError):
        Path(path).write_text("x")
    return os.path.exists(path)


def _reaches(family: int, address: Any) -> bool:
    with socket.socket(family) as line:
        line.settimeout(2)
        line.connect(address)
    return True


def _reads_other_environment() -> bool:
    known = Path("/proc/self/environ").read_bytes().split(b"\0")
    return any(part not in known for part in Path("/proc/1/environ").read_bytes().split(b"\0"))


def _opens_network_socket() -> bool:
    kinds = ((socket.AF_INET6, socket.SOCK_DGRAM), (socket.AF_NETLINK, socket.SOCK_RAW))
    for kind in kinds:
        with contextlib.suppress(OSError), socket.socket(*kind):
            return True
    return False


def _signals(pid: int) -> bool:
    os.kill(pid, 0)
    return True


def _ends_the_first() -> bool:
    os.kill(1, signal.SIGKILL)
    return not os.path.exists("/proc/1/stat")


def _called(name: str, *arguments: Any) -> bool:
    return getattr(ctypes.CDLL(None), name)(*arguments) == 0


def _child(action: Callable[[], Any]) -> bool:
    """The same in a process of one thread."""
    pid = os.fork()
    if pid == 0:
        os._exit(_worked(action))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def _becomes_root() -> bool:
    os.setuid(0)
    return Path("/proc/self/uid_map").read_text().split()[0] == "0"


def _status(name: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith(f"{name}:"))


def _shares_memory() -> bool:
    """A mapping that is written to by all who have it, and that this process did not make."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return any(line.split()[1].startswith("rw") and line.split()[1][3] == "s" for line in lines)


def _holds_a_line() -> bool:
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as line:
                    if line.type == socket.SOCK_SEQPACKET:
                        return True
    return False


def _forks_without_bound() -> bool:
    children: list[int] = []
    try:
        while len(children) < MANY:
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(children) >= MANY


# -------------------------------------------------------------------------------- the judge's side


def code(**words: Any) -> str:
    """A cell that tries everything and prints what worked."""
    source = Path(__file__).read_text(encoding="utf-8").split("# ------")[0]
    imports = "import nbformat\nfrom nbformat.v4 import new_code_cell\n"
    return f"{source.replace(imports, '')}\nprint(json.dumps(attempts(**{words!r})))"


def outcome(notebook: nbformat.NotebookNode) -> dict[str, bool]:
    """What was tried and whether it worked, as the last cell of a notebook printed it."""
    text = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    try:
        return json.loads(text)
    except ValueError:
        return {f"does not answer ({text[-300:]})": True}


def cell(**words: Any) -> nbformat.NotebookNode:
    """`code` as a cell of a notebook."""
    return new_code_cell(code(**words))
