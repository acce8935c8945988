"""The warm process: imports once inside bubblewrap, then forks each kernel into its own world.

The judge starts this file by its path, with `worker.py` and `wire.py` beside it, and asks for
kernels over a control socket (`warm.py` is the other end). It never meets code of a submission.
For each kernel it forks three times:

1. a go-between, which enters the submission's cgroup and fresh namespaces, and ends;
2. a keeper, the first process of the new namespaces: it makes the view of the file system, waits
   for the kernel, and takes every process of the submission with it when it ends;
3. the kernel, which bounds itself, gives up its rights, loads the filter of system calls, and
   only then meets code of the submission.

Every one of them closes what it inherited, the control socket first.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.util
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

HALL = "/hall"
"""Where the folders of the grading process's submissions stand; covered before a kernel starts."""

PRELOADED = (
    "numpy pandas pandas.core.methods.to_dict pandas.io.formats.html pandas.io.formats.string "
    "scipy.linalg scipy.optimize scipy.sparse scipy.special scipy.stats "
    "matplotlib matplotlib.pyplot matplotlib.patheffects "
    "seaborn statsmodels.api statsmodels.formula.api formulaic msgpack rich"
).split()
"""What notebooks import, and is imported once, beside what a kernel needs to start.

Nothing of the course, which each submission imports for itself.
"""

_KEEPER_UID = 65_534
_REPORT_BYTES = 4_000

# flags of unshare(2) and mount(2), and numbers of prctl(2): linux/sched.h, mount.h, prctl.h
_NEW_MOUNTS, _NEW_CGROUP, _NEW_IPC = 0x00020000, 0x02000000, 0x08000000
_NEW_USER, _NEW_PIDS, _NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_PROGRAMS = 1, 2, 4, 8
_REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 32, 4096, 16384, 1 << 18
_SET_DUMPABLE, _NO_NEW_PRIVILEGES = 4, 38
_KEYCTL, _JOIN_SESSION_KEYRING = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine), 1
_CAPABILITIES_VERSION = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Import, say so, and serve requests until the judge closes the control socket."""
    options = json.loads(sys.argv[1])
    control = socket.socket(fileno=options["control"])
    for name in options["preload"]:
        importlib.import_module(name)
    forker = _Forker(_lone_module("worker"))
    if options["preload"]:
        forker.worker.import_kernel()
    _call("prctl", _SET_DUMPABLE, 0, 0, 0, 0)  # no child of the same user can look inside
    gc.collect()
    gc.freeze()
    control.send(b'{"ready": true}')
    for request, descriptors in _requests(control):
        answer, sent = forker.start(request, descriptors)
        socket.send_fds(control, [json.dumps(answer).encode()], sent)
        for descriptor in [*descriptors, *sent]:
            os.close(descriptor)


def _requests(control: socket.socket) -> Iterator[tuple[dict[str, Any], list[int]]]:
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 2**17, 8)
        if not data:
            return
        yield json.loads(data), descriptors


class _Forker:
    """Starts kernels.

    Parameters
    ----------
    worker
        The module `worker`.
    """

    def __init__(self, worker: Any) -> None:
        self.worker = worker

    def start(
        self, request: dict[str, Any], descriptors: list[int]
    ) -> tuple[dict[str, Any], list[int]]:
        """Fork a kernel: the answer for the judge, and a descriptor of the keeper to go with it."""
        reading, writing = os.pipe()
        between = os.fork()
        if between == 0:
            _ending(lambda: self._between(request, descriptors, writing), writing)
        os.close(writing)
        try:
            keeper = _report(reading)
            return {"started": True}, [os.pidfd_open(keeper)]
        except OSError as error:
            return {"refused": str(error)}, []
        finally:
            os.close(reading)
            os.waitpid(between, 0)

    def _between(self, request: dict[str, Any], cgroups: list[int], report: int) -> None:
        _close_all_but({report, *cgroups})
        for cgroup in cgroups:
            os.write(cgroup, b"0")  # this process moves there
        _enter_namespaces(request["options"]["uid"] is None)
        keeper = os.fork()
        if keeper == 0:
            _ending(lambda: self._keep(request, report), report)
        os.write(report, json.dumps({"keeper": keeper}).encode() + b"\n")

    def _keep(self, request: dict[str, Any], report: int) -> None:
        _close_all_but({report})
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _make_view(request)
        kernel = os.fork()
        if kernel == 0:
            _ending(lambda: self._become_kernel(request, report), report)
        os.close(report)
        if request["options"]["uid"] is not None:
            self.worker.give_up_rights(_KEEPER_UID)
        _drop_capabilities()
        while os.wait()[0] != kernel:
            pass

    def _become_kernel(self, request: dict[str, Any], report: int) -> None:
        os.setsid()
        self.worker.confine(request["options"])
        _drop_capabilities()
        _call("prctl", _NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        _call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = [str(Path(__file__).with_name("worker.py"))]
        os.write(report, b'{"done": true}\n')
        os.close(report)
        if not request.get("probe"):
            self.worker.serve(request["options"])


def _ending(action: Callable[[], None], report: int) -> NoReturn:
    """Run a forked process's part, tell what went wrong, and end it without any clean-up."""
    try:
        action()
    except BaseException as error:
        text = f"{type(error).__name__}: {error}"[:500]
        with suppress(OSError):
            os.write(report, json.dumps({"error": text}).encode() + b"\n")
    finally:
        os._exit(0)


def _report(reading: int) -> int:
    """Process id of the keeper, once the kernel has given up its rights."""
    told: dict[str, Any] = {}
    text = b""
    while not {"keeper", "done"} <= set(told):
        part = os.read(reading, _REPORT_BYTES)
        if not part:
            raise OSError(told.get("error", "the kernel ended while it was confined"))
        *lines, text = (text + part).split(b"\n")
        for line in lines:
            told.update(json.loads(line))
        if "error" in told:
            raise OSError(told["error"])
    return told["keeper"]


# ---------------------------------------------------------------------------- a world of its own


def _enter_namespaces(new_user: bool) -> None:
    user, group = os.getuid(), os.getgid()
    flags = _NEW_MOUNTS | _NEW_CGROUP | _NEW_IPC | _NEW_PIDS | _NEW_NETWORK
    _call("unshare", flags | (_NEW_USER if new_user else 0))
    if new_user:
        _call("prctl", _SET_DUMPABLE, 1, 0, 0, 0)  # else these files belong to root
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        _call("prctl", _SET_DUMPABLE, 0, 0, 0, 0)
    if _KEYCTL is not None:  # a keyring that is shared with nobody, where the kernel has any
        _libc.syscall(_KEYCTL, _JOIN_SESSION_KEYRING, None)


def _make_view(request: dict[str, Any]) -> None:
    """The submission's files, its sockets, its processes; what others have is covered."""
    folder, size = request["options"]["folder"], request["options"]["limits"]["disk_bytes"]
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_PROGRAMS)
    if request["options"]["uid"] is None:
        _forbid_namespaces()
    for place in ("/tmp", "/dev/shm", folder):
        kept = _interpreter_below(place)
        _mount("tmpfs", place, "tmpfs", _NO_SUID | _NO_DEVICES, f"size={size},mode=1777")
        for prefix, descriptor in kept.items():
            _bind(Path(f"/proc/self/fd/{descriptor}"), Path(prefix), _READ_ONLY)
            os.close(descriptor)
    files = Path(HALL, request["files"])
    for path in sorted(files.iterdir()):
        _bind(path, Path(folder, path.name), _READ_ONLY)
    _bind(Path(HALL, request["sockets"]), Path(request["sockets_place"]), 0)
    Path("/tmp/.matplotlib").mkdir()
    Path("/tmp/.matplotlib").chmod(0o1777)
    _mount("tmpfs", HALL, "tmpfs", _READ_ONLY | _NO_SUID | _NO_DEVICES, "size=4096,mode=0")


def _interpreter_below(place: str) -> dict[str, int]:
    """What of the interpreter stands below a folder that is about to be covered, held open."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    below = [path for path in sorted(prefixes) if Path(path).is_relative_to(place)]
    return {path: os.open(path, os.O_PATH) for path in below}


def _forbid_namespaces() -> None:
    """No further namespaces in this user namespace, where the system lets that be said."""
    with suppress(OSError):
        Path("/proc/sys/user/max_user_namespaces").write_text("0")


def _bind(source: Path, target: Path, read_only: int) -> None:
    if source.is_dir():
        target.mkdir(parents=True)
    else:
        target.touch()
    _mount(str(source), str(target), None, _BIND)
    flags = _REMOUNT | _BIND | read_only | _NO_SUID | _NO_DEVICES
    _mount(None, str(target), None, flags)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    words = [word.encode() if word else None for word in (source, target, kind, data)]
    _call("mount", words[0], words[1], words[2], ctypes.c_ulong(flags), words[3], what=target)


# --------------------------------------------------------------------------------- fewer rights


def _close_all_but(kept: set[int]) -> None:
    """Nothing inherited stays open: the three standard descriptors lead nowhere."""
    nowhere = os.open("/dev/null", os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nowhere, descriptor)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    borders = [2, *sorted(kept), limit]
    for low, high in pairwise(borders):
        os.closerange(low + 1, high)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _drop_capabilities() -> None:
    none = (ctypes.c_uint32 * 6)()
    _call("capset", ctypes.byref(_Header(_CAPABILITIES_VERSION, 0)), ctypes.byref(none))


def _call(name: str, *arguments: Any, what: str = "") -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name} {what}: {os.strerror(number)}")


def _lone_module(name: str) -> Any:
    """Load the file that stands beside this one."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
