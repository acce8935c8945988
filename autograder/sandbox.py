"""Where a submission's kernel runs: bubblewrap by default, and what it may see there.

``bwrap`` forks kernels from a warm process that runs under one bubblewrap (`warm.py`), where that
can be had; ``bwrap-cold`` starts a bubblewrap for each.
The sandbox holds an allow-list of read-only mounts (the interpreter, its packages, this
submission's workspace), small private folders in memory, no network, and its own processes,
users and IPC.
Started by root, the kernel becomes a user of its own; started by anybody else, it has a user
namespace of its own.
`SandboxProvisioner` makes it a Jupyter kernel provisioner, so that nbclient drives it like any
other kernel.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import site
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import LocalProvisioner
from traitlets import Dict, Int

from autograder import cgroups, course, forker, seccomp, warm
from autograder.course import CourseError, Limits

KINDS = ("bwrap", "bwrap-cold", "user", "none")
PROVISIONER = "hlm-sandbox"
END_SECONDS = 2

_BWRAP = ("bwrap", "bwrap-cold")
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


def check(kind: str) -> str:
    """Strength of a sandbox in words, after a program was started in it.

    How kernels start is part of it, and may change where the warm process is lost for good.

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
        return f"user: a user of its own, no namespaces, {seccomp.in_words()}, {cgroups.in_words()}"
    _check_bwrap()
    owner = "a user of its own" if _is_root() else "a user namespace"
    parts = (owner, seccomp.in_words(), cgroups.in_words(), _start_in_words(kind))
    return f"bwrap: namespaces, no network, {', '.join(parts)}"


def new_folder(kind: str) -> Path:
    """A folder for one submission, where a sandbox of this kind can show it to its kernel."""
    hall = warm.hall()
    if kind == "user":
        hall.chmod(0o711)  # its user passes through
    return Path(tempfile.mkdtemp(prefix="s-", dir=hall))


def kernel_spec(kind: str, space: Workspace, module: str, limits: Limits) -> KernelSpec:
    """Kernel specification that starts the worker for one workspace in a sandbox of this kind."""
    uid = _uid(kind)
    if uid is not None:
        _hand_over(space, kind, uid)
    options = _worker_options(kind, space, module, limits, uid)
    return KernelSpec(
        argv=command(kind, space, limits, _worker(kind, options)),
        display_name="Python (sandboxed)",
        language="python",
        interrupt_mode="message",
        metadata={
            "kernel_provisioner": {
                "provisioner_name": PROVISIONER,
                "config": {
                    "uid": uid,
                    "request": _warm_request(kind, space, options),
                    "bounds": _whole_bounds(kind, limits),
                },
            },
        },
    )


class SandboxProvisioner(LocalProvisioner):
    """Starts the kernel with nothing of the grader's environment.

    Where the warm process refuses, the command of the kernel specification starts it cold.
    """

    uid = Int(None, allow_none=True).tag(config=True)
    request = Dict(None, allow_none=True).tag(config=True)
    bounds = Dict(None, allow_none=True).tag(config=True)
    _group: cgroups.Group | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        kwargs = await super().pre_launch(**kwargs)
        kwargs["env"] = environment()
        kwargs["cwd"] = "/"
        kwargs["stdout"] = kwargs["stderr"] = subprocess.DEVNULL
        if self.uid is not None:
            manager: Any = self.parent
            os.chown(manager.connection_file, self.uid, self.uid)
        return kwargs

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        self._group = cgroups.make(**self.bounds) if self.bounds else None
        entrances = self._group.entrances() if self._group else []
        try:
            if self.request and self._start_warm(entrances):
                return self.connection_info
            kwargs["preexec_fn"] = partial(_enter, entrances)
            with _filtered(cmd) as (cmd, descriptors):
                return await super().launch_kernel(cmd, pass_fds=descriptors, **kwargs)
        finally:
            for entrance in entrances:
                os.close(entrance)

    def _start_warm(self, entrances: list[int]) -> bool:
        try:
            child: Any = warm.start(_forker, environment(), self.request, entrances)
        except warm.WarmMissing as missing:
            warm.note_trouble(str(missing))
            return False
        self.process, self.pid = child, child.pid
        return True

    async def kill(self, restart: bool = False) -> None:
        """End it, and wait for that, which takes milliseconds; a caller looks every 100."""
        await super().kill(restart)
        ends = time.monotonic() + END_SECONDS
        while await self.poll() is None and time.monotonic() < ends:
            await asyncio.sleep(0.005)

    async def cleanup(self, restart: bool = False) -> None:
        await super().cleanup(restart)
        if self._group is not None:
            self._group.remove()


@contextmanager
def _filtered(cmd: list[str]) -> Iterator[tuple[list[str], list[int]]]:
    """The command with the filter for bubblewrap's own first process, which the user may share."""
    if cmd[0] != "bwrap" or not seccomp.code():
        yield cmd, []
        return
    with tempfile.TemporaryFile() as file:
        file.write(seccomp.code())
        file.seek(0)
        yield ["bwrap", "--seccomp", str(file.fileno()), *cmd[1:]], [file.fileno()]


def _enter(entrances: list[int]) -> None:
    for entrance in entrances:
        os.write(entrance, b"0")


def close_folder(sockets: Path) -> None:
    """Take the socket folder from the kernel once the judge is connected.

    A socket that could be replaced by a link would let the submission choose what the judge
    connects to. So the folder loses the name by which the judge knows it, and where root grades,
    the kernel's user loses the folder.
    """
    if _is_root():
        os.chown(sockets, 0, 0)
        sockets.chmod(0o755)
    sockets.rename(tempfile.mkdtemp(prefix="connected-", dir=sockets.parent))


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
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def command(kind: str, space: Workspace, limits: Limits, inner: list[str]) -> list[str]:
    """Command line that runs `inner` for a workspace in a sandbox of this kind."""
    if kind not in _BWRAP:
        return inner
    size = str(limits.disk_mb * 2**20)
    mounts = [*_system_mounts(size), *_workspace_mounts(space, size)]
    return [*_bwrap(), *mounts, "--remount-ro", "/", "--chdir", _WORK, "--", *inner]


# ----------------------------------------------------------------------------------- bubblewrap


def _bwrap(rights: Sequence[str] = ()) -> list[str]:
    """Namespaces and rights. Root keeps just what the worker needs to become another user."""
    rights = rights or _few_rights()
    return [
        "bwrap",
        *("--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts"),
        *("--unshare-cgroup-try", "--die-with-parent", "--new-session", "--hostname", "sandbox"),
        *rights,
    ]


def _few_rights() -> list[str]:
    if _is_root():
        return ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["--unshare-user", "--disable-userns"]


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
    for name in ("worker.py", "wire.py", "forker.py", "beside.py"):
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
    sockets = str(space.sockets)
    return [*mounts, *_fonts(), *_open_parents(sockets), "--bind", sockets, sockets]


def _fonts() -> list[str]:
    fonts = _font_list()
    target = f"/tmp/.matplotlib/{fonts.name}"
    return ["--perms", "1777", "--dir", "/tmp/.matplotlib", "--ro-bind-try", str(fonts), target]


@lru_cache
def _font_list() -> Path:
    """Matplotlib's list of fonts, which it would otherwise make anew in every sandbox."""
    import matplotlib as mpl
    from matplotlib import font_manager

    return Path(mpl.get_cachedir()) / f"fontlist-v{font_manager.FontManager.__version__}.json"


@lru_cache
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


# ------------------------------------------------------------------------------------ warm start


def _start_in_words(kind: str) -> str:
    if kind == "bwrap-cold":
        return "cold start"
    why = why_cold()
    return f"cold start ({why})" if why else "warm start"


def why_cold() -> str | None:
    """Why kernels start cold in this grading process; None where they start warm."""
    return warm.trouble() or _why_no_fork()


@lru_cache
def _why_no_fork() -> str | None:
    """Why no warm process can be had here; None where one confined a kernel just now."""
    folder = new_folder("bwrap")
    space = Workspace(folder / "w", folder / "s")
    options = _worker_options("bwrap", space, "", course.load().limits, _uid("bwrap"))
    try:
        for each in (space.files, space.sockets):
            each.mkdir()
        process = warm.WarmProcess(partial(_forker, preload=()), environment(), 30)
        with closing(process):
            process.start({**_request(space, options), "probe": True}).wait(30)
    except (warm.WarmMissing, OSError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _forker(control: int, preload: Sequence[str] = forker.PRELOADED) -> list[str]:
    """Command line of the warm process."""
    hall = str(warm.hall())
    options = {"control": control, "preload": list(preload)}
    mounts = [*_system_mounts(str(64 * 2**20)), *_fonts(), "--tmpfs", _WORK]
    mounts += ["--dir", forker.HALL, "--bind", hall, forker.HALL]
    worker = [sys.executable, "-P", f"{_JUDGE_FILES}/forker.py", json.dumps(options)]
    return [*_bwrap(_forker_rights()), *mounts, "--remount-ro", "/", "--", *worker]


def _forker_rights() -> list[str]:
    """What it takes to make namespaces and mounts; no kernel keeps any of it."""
    if not _is_root():
        return ["--unshare-user"]
    names = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID")
    return ["--cap-drop", "ALL", *(word for name in names for word in ("--cap-add", name))]


def _warm_request(kind: str, space: Workspace, options: dict[str, Any]) -> dict[str, Any] | None:
    """What the warm process is asked; None where the kernel has to start cold."""
    if kind != "bwrap" or why_cold():
        return None
    return _request(space, options)


def _request(space: Workspace, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "options": options,
        "files": str(space.files.relative_to(warm.hall())),
        "sockets": str(space.sockets.relative_to(warm.hall())),
        "sockets_place": str(space.sockets),
    }


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


def _worker(kind: str, options: dict[str, Any]) -> list[str]:
    worker = f"{_JUDGE_FILES}/worker.py" if kind in _BWRAP else str(_HERE / "worker.py")
    return [sys.executable, "-P", worker, json.dumps(options)]


def _worker_options(
    kind: str, space: Workspace, module: str, limits: Limits, uid: int | None
) -> dict[str, Any]:
    return {
        "connection_file": str(space.sockets / "kernel.json"),
        "folder": _WORK if kind in _BWRAP else str(space.files),
        "module": f"hlmtools.{module}" if module else "",
        # imported by a cold kernel, too, so that they take the time of no question and no cell
        "preload": forker.PRELOADED if module and kind != "none" else (),
        "uid": uid,
        "limits": _worker_limits(kind, limits),
        "filter": base64.b64encode(b"" if kind == "none" else seccomp.code()).decode(),
    }


def _worker_limits(kind: str, limits: Limits) -> dict[str, int | None]:
    """Bounds the worker sets for itself; processes can be counted only for a user of its own."""
    return {
        "memory_bytes": limits.memory_mb * 2**20,
        "processes": limits.processes if kind != "none" else None,
        "disk_bytes": limits.disk_mb * 2**20,
        "cpu_seconds": int(limits.notebook_seconds + limits.tests_seconds),
    }


def _whole_bounds(kind: str, limits: Limits) -> dict[str, int] | None:
    """What a kernel and all it starts may use together: its private folders lie in memory."""
    if kind == "none":
        return None
    folders = 3 * limits.disk_mb if kind in _BWRAP else 0
    return {
        "memory_bytes": (limits.memory_mb + folders) * 2**20,
        "processes": limits.processes + 4,  # the keeper, bubblewrap's own
    }


def _check_user() -> None:
    if not _is_root():
        raise SandboxMissing("--sandbox user needs root, to start another user. " + _REMEDY)
    root = _HERE.parent
    secrets = [root / "solutions", _HERE / "references", root / "dist"]
    with suppress(OSError):
        secrets[-1].mkdir(mode=0o700)  # where tests will be built
    open_ones = [path for path in secrets if path.exists() and _others_may_enter(path)]
    if open_ones:
        names = " ".join(str(path.relative_to(root)) for path in open_ones)
        raise SandboxMissing(
            f"Other users, as whom submissions run, can read {names}. In {root}, run "
            f"chmod o= {names}, or use --sandbox bwrap."
        )
    needed = [_HERE, Path(sys.prefix), Path(sys.base_prefix)]
    closed = next((path for path in needed if not _others_may_enter(path)), None)
    if closed is not None:
        raise SandboxMissing(
            f"Other users, as whom submissions run, cannot enter {closed}, which they need. "
            "Run chmod o+x on it and the folders above it, or use --sandbox bwrap."
        )


def _others_may_enter(folder: Path) -> bool:
    """True where it and every folder above it let others in."""
    chain = [folder, folder.resolve(), *folder.parents, *folder.resolve().parents]
    return all(path.stat().st_mode & stat.S_IXOTH for path in chain)
