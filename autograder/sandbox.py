"""Where a submission's kernel runs: bubblewrap by default, and what it may see there.

The sandbox holds an allow-list of read-only mounts (the interpreter, its packages, this
submission's workspace), small private folders in memory, no network, and its own processes,
users and IPC.
Started by root, the kernel becomes a user of its own; started by anybody else, it has a user
namespace of its own.
`SandboxProvisioner` makes it a Jupyter kernel provisioner, so that nbclient drives it like any
other kernel.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import stat
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Int

from autograder.course import CourseError, Limits

KINDS = ("bwrap", "user", "none")
PROVISIONER = "hlm-sandbox"

_HERE = Path(__file__).parent
_WORK = "/submission"
_JUDGE_FILES = "/judge"
_REMEDY = (
    "Install bubblewrap (Debian and Ubuntu: sudo apt-get install bubblewrap) on Linux, or use WSL2 "
    "or a Linux virtual machine; for submissions that you trust, say --sandbox none."
)


class SandboxMissing(CourseError):
    """The wanted sandbox cannot be had; the text says what to do."""


@dataclass(frozen=True)
class Workspace:
    """One submission's files, laid out by the judge on the host."""

    files: Path
    """what stands in the notebook's folder; read-only inside bubblewrap"""
    sockets: Path
    """holds the connection file and the kernel's sockets: the only way in and out"""


@lru_cache
def check(kind: str) -> str:
    """Strength of a sandbox in words, after a program was started in it.

    Raises
    ------
    SandboxMissing
        Where it does not work here, with the remedy.
    """
    if kind not in KINDS:
        raise SandboxMissing(f"There is no sandbox {kind!r}; choose one of {', '.join(KINDS)}.")
    if kind == "none":
        return "none: submissions run with your rights"
    if kind == "user":
        _check_user()
        return "user: a user of its own, no namespaces"
    _check_bwrap()
    owner = "a user of its own" if _is_root() else "a user namespace"
    return f"bwrap: namespaces, no network, {owner}"


def kernel_spec(kind: str, space: Workspace, module: str, limits: Limits) -> KernelSpec:
    """Kernel specification that starts the worker for one workspace in a sandbox of this kind."""
    uid = _uid(kind)
    if uid is not None:
        _hand_over(space, kind, uid)
    worker = f"{_JUDGE_FILES}/worker.py" if kind == "bwrap" else str(_HERE / "worker.py")
    options = {
        "connection_file": str(space.sockets / "kernel.json"),
        "folder": _WORK if kind == "bwrap" else str(space.files),
        "module": f"hlmtools.{module}",
        "uid": uid,
        "limits": _worker_limits(kind, limits),
    }
    inner = [sys.executable, "-P", worker, json.dumps(options)]
    return KernelSpec(
        argv=command(kind, space, limits, inner),
        display_name="Python (sandboxed)",
        language="python",
        interrupt_mode="message",
        metadata={
            "kernel_provisioner": {"provisioner_name": PROVISIONER, "config": {"uid": uid}},
        },
    )


class SandboxProvisioner(LocalProvisioner):
    """Starts the command of the kernel specification with nothing of the grader's environment."""

    uid = Int(None, allow_none=True).tag(config=True)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        kwargs = await super().pre_launch(**kwargs)
        kwargs["env"] = environment()
        kwargs["cwd"] = "/"
        kwargs["stdout"] = kwargs["stderr"] = subprocess.DEVNULL
        if self.uid is not None:
            manager: Any = self.parent
            os.chown(manager.connection_file, self.uid, self.uid)
        return kwargs


def close_folder(sockets: Path) -> None:
    """Take the socket folder from the kernel's user once its sockets stand there.

    A socket that could be replaced by a link would let the submission choose what the judge
    connects to.
    """
    if _is_root():
        os.chown(sockets, 0, 0)
        sockets.chmod(0o755)


def end_user(kind: str) -> None:
    """End every process that a submission left behind where no namespace ends them with it."""
    uid = _uid(kind) if kind == "user" else None
    for process in psutil.process_iter(["uids"]) if uid is not None else ():
        with suppress(psutil.Error, AttributeError):
            if process.info["uids"].real == uid:
                process.kill()


def environment() -> dict[str, str]:
    """The whole environment of a sandboxed process."""
    return {
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "IPYTHONDIR": "/tmp/.ipython",
        "MPLCONFIGDIR": "/tmp/.matplotlib",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def command(kind: str, space: Workspace, limits: Limits, inner: list[str]) -> list[str]:
    """Command line that runs `inner` for a workspace in a sandbox of this kind."""
    if kind != "bwrap":
        return inner
    size = str(limits.disk_mb * 2**20)
    mounts = [*_system_mounts(size), *_workspace_mounts(space, size)]
    return [*_bwrap(), *mounts, "--chdir", _WORK, "--", *inner]


# ----------------------------------------------------------------------------------- bubblewrap


def _bwrap() -> list[str]:
    """Namespaces and rights. Root keeps just what the worker needs to become another user."""
    rights = (
        ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
        if _is_root()
        else ["--unshare-user", "--disable-userns"]
    )
    return [
        "bwrap",
        *("--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts"),
        *("--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname", "sandbox"),
        *rights,
    ]


def _system_mounts(size: str) -> list[str]:
    """The interpreter and what it links to; nothing else of the host exists inside."""
    mounts = ["--proc", "/proc", "--dev", "/dev", *_private_folder("/dev/shm", size)]
    mounts += ["--remount-ro", "/dev", *_private_folder("/tmp", size)]
    for path in _read_only_paths():
        mounts += [*_open_parents(path), "--ro-bind-try", path, path]
    for link in ("/bin", "/lib", "/lib64", "/sbin"):
        if os.path.islink(link):
            mounts += ["--symlink", os.readlink(link), link]
        elif os.path.isdir(link):
            mounts += ["--ro-bind", link, link]
    for package in _staff_packages():
        mounts += ["--tmpfs", package]
    for name in ("worker.py", "wire.py"):
        mounts += [
            *_open_parents(f"{_JUDGE_FILES}/{name}"),
            "--ro-bind",
            str(_HERE / name),
            f"{_JUDGE_FILES}/{name}",
        ]
    return mounts


def _open_parents(path: str) -> list[str]:
    """Folders above a mount that another user than the one who made them may walk through."""
    parents = [str(parent) for parent in reversed(Path(path).parents)][1:]
    return [word for parent in parents for word in ("--perms", "0755", "--dir", parent)]


def _private_folder(path: str, size: str) -> list[str]:
    return ["--size", size, "--perms", "1777", "--tmpfs", path]


def _read_only_paths() -> list[str]:
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix} - {"/usr", "/"}
    system = ["/usr", "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime"]
    return [*system, *sorted(prefixes)]


def _staff_packages() -> list[str]:
    """Installed copies of the staff's code, to be hidden; an editable install has none."""
    folders = [Path(folder) / "autograder" for folder in site.getsitepackages()]
    return [str(folder) for folder in folders if folder.is_dir()]


def _workspace_mounts(space: Workspace, size: str) -> list[str]:
    mounts = _private_folder(_WORK, size)
    for path in sorted(space.files.iterdir()):
        mounts += ["--ro-bind", str(path), f"{_WORK}/{path.name}"]
    mounts += ["--perms", "1777", "--dir", "/tmp/.matplotlib"]
    fonts = _font_list()
    mounts += ["--ro-bind-try", str(fonts), f"/tmp/.matplotlib/{fonts.name}"]
    sockets = str(space.sockets)
    return [*mounts, *_open_parents(sockets), "--bind", sockets, sockets]


@lru_cache
def _font_list() -> Path:
    """Matplotlib's list of fonts, which it would otherwise make anew in every sandbox."""
    import matplotlib as mpl
    from matplotlib import font_manager

    return Path(mpl.get_cachedir()) / f"fontlist-v{font_manager.FontManager.__version__}.json"


def _check_bwrap() -> None:
    if shutil.which("bwrap") is None:
        raise SandboxMissing(f"bubblewrap is not installed, so nothing can be graded. {_REMEDY}")
    probe = [*_bwrap(), *_system_mounts(str(2**20)), "--", sys.executable, "-c", "print('up')"]
    ran = subprocess.run(probe, capture_output=True, text=True, env=environment(), timeout=60)
    if ran.stdout != "up\n":
        reason = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SandboxMissing(
            f"bubblewrap does not start here ({reason}). On Ubuntu 23.10 and newer, unprivileged "
            "user namespaces need: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0. "
            + _REMEDY
        )


# ---------------------------------------------------------------------------- a user of its own


def _is_root() -> bool:
    return os.geteuid() == 0


def _uid(kind: str) -> int | None:
    """User of the kernel that this process starts: one a process, so that limits hold for it."""
    if kind == "none" or not _is_root():
        return None
    size = int(Path("/proc/self/uid_map").read_text().split()[2])
    first, users = (200_000, 100_000) if size > 300_000 else (20_000, 40_000)
    return first + os.getpid() % users


def _hand_over(space: Workspace, kind: str, uid: int) -> None:
    os.chown(space.sockets, uid, uid)
    if kind == "user":
        for path in [space.files, *space.files.rglob("*")]:
            os.chown(path, uid, uid)
        for folder in (space.files.parent, space.files, space.sockets):
            folder.chmod(0o711 if folder == space.files.parent else 0o700)


def _worker_limits(kind: str, limits: Limits) -> dict[str, int | None]:
    """Bounds the worker sets for itself; processes can be counted only for a user of its own."""
    return {
        "memory_bytes": limits.memory_mb * 2**20,
        "processes": limits.processes if kind != "none" else None,
        "disk_bytes": limits.disk_mb * 2**20,
        "cpu_seconds": int(limits.notebook_seconds + limits.tests_seconds),
    }


def _check_user() -> None:
    if not _is_root():
        raise SandboxMissing("--sandbox user needs root, to start another user. " + _REMEDY)
    root = _HERE.parent
    secrets = [root / "solutions", _HERE / "references", root / "dist"]
    for path in secrets:
        if path.exists() and _others_may_read([path, *path.resolve().parents]):
            raise SandboxMissing(
                f"Other users can read {path.name}/. Run chmod o= on it, or use --sandbox bwrap."
            )


def _others_may_read(chain: Iterable[Path]) -> bool:
    """True where every folder of the chain lets others in."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in chain)
