"""The judge's end of the warm process: one a grading process, asked for kernels.

`forker.py` is the other end. The two speak over a socket pair, one packet a message:

=========  ======================================================================
from       packet
=========  ======================================================================
forker     ``{"ready": true}`` once, after its imports
judge      a request (`request`), with a descriptor for each cgroup to be entered
forker     ``{"started": true}`` with a pidfd of the keeper, whose end ends every
           process of the kernel; or ``{"refused": "why"}``
=========  ======================================================================

The judge alone holds its end, and the forker's end is closed in every kernel.
A forker that died is replaced; where none can be had, kernels start cold.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from multiprocessing.util import Finalize
from pathlib import Path
from threading import RLock
from typing import Any

START_SECONDS = 120
ANSWER_SECONDS = 30
HALL = "hlm-hall-"
NEW_SECONDS = 60  # so young a hall may be about to be held


class WarmMissing(Exception):
    """No warm process can be had; the text says why."""


class Child:
    """A kernel's keeper, with what `jupyter_client` needs of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.pid = _pid(descriptor)

    def poll(self) -> int | None:
        """None while it runs."""
        return 0 if _readable(self._descriptor, 0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it and every process of its kernel has ended."""
        if not _readable(self._descriptor, timeout):
            raise subprocess.TimeoutExpired("kernel", timeout or 0)
        return 0

    def send_signal(self, number: int) -> None:
        """Signal the keeper; the first process of a namespace takes none but SIGKILL."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        """End the kernel and every process of it."""
        self.send_signal(signal.SIGKILL)

    terminate = kill

    def __del__(self) -> None:
        os.close(self._descriptor)


class WarmProcess:
    """One running forker.

    Parameters
    ----------
    command
        Command line of the forker for a descriptor of its control socket.
    environment
        Its whole environment.
    """

    def __init__(
        self, command: Callable[[int], list[str]], environment: dict[str, str], seconds: float
    ) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command(theirs.fileno()),
            env=environment,
            cwd="/",
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )
        theirs.close()
        self._seconds = seconds
        self._ready = self._silent = False

    def start(self, request: dict[str, Any], cgroups: Sequence[int] = ()) -> Child:
        """A new kernel.

        Raises
        ------
        WarmMissing
            Where there is none, with the reason.
        """
        self._wait_until_ready()
        try:
            socket.send_fds(self._control, [json.dumps(request).encode()], cgroups)
        except OSError:
            raise WarmMissing(self._last_words()) from None
        answer, descriptors = self._receive(ANSWER_SECONDS)
        if "refused" in answer:
            raise WarmMissing(answer["refused"])
        return Child(descriptors[0])

    def close(self) -> None:
        """End it, and every kernel that it has."""
        self._control.close()
        self.process.kill()
        self.process.wait()
        self._errors.close()

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self.process.poll() is None and not self._silent

    def _wait_until_ready(self) -> None:
        if not self._ready:
            self._receive(self._seconds)
            self._ready = True

    def _receive(self, seconds: float) -> tuple[dict[str, Any], list[int]]:
        self._control.settimeout(seconds)
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, 2**16, 1)
        except OSError as error:
            self._silent = True
            raise WarmMissing(f"it did not answer ({type(error).__name__})") from None
        if not data:
            raise WarmMissing(self._last_words())
        return json.loads(data), descriptors

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=2)
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended"


class _Place:
    """What a grading process has: the hall, the warm process, and why there is none."""

    def __init__(self) -> None:
        self.lock = RLock()
        _sweep(Path(tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=HALL))
        self._held = _hold(self.folder)
        self.process: WarmProcess | None = None
        self.trouble: str | None = None
        self.owner = os.getpid()
        Finalize(None, _leave, args=(self,), exitpriority=20)

    def running(
        self, command: Callable[[int], list[str]], environment: dict[str, str]
    ) -> WarmProcess:
        if self.process is None:
            self.process = WarmProcess(command, environment, START_SECONDS)
        return self.process

    def close(self) -> None:
        if self.process is not None:
            self.process.close()
            self.process = None


def _sweep(places: Path) -> None:
    """Take away the halls of grading processes that were killed: those that nobody holds."""
    for hall in places.glob(f"{HALL}*"):
        with suppress(OSError):
            held = _hold(hall)
            if time.time() - hall.stat().st_mtime > NEW_SECONDS:
                shutil.rmtree(hall, ignore_errors=True)
            os.close(held)


def _hold(folder: Path) -> int:
    """Hold a folder as long as this process lives.

    Raises
    ------
    OSError
        Where another process does.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _leave(place: _Place) -> None:
    if place.owner == os.getpid():
        place.close()
        shutil.rmtree(place.folder, ignore_errors=True)


@lru_cache
def _place_of(pid: int) -> _Place:
    return _Place()


def hall() -> Path:
    """Folder in which the submissions of this grading process have theirs."""
    return _place_of(os.getpid()).folder


def start(
    command: Callable[[int], list[str]],
    environment: dict[str, str],
    request: dict[str, Any],
    cgroups: Sequence[int] = (),
) -> Child:
    """A kernel of this grading process's warm process, which is started where there is none.

    Where it has died, the request is made once more of a new one.
    """
    place = _place_of(os.getpid())
    with place.lock:
        try:
            return place.running(command, environment).start(request, cgroups)
        except WarmMissing:
            if place.process is None or place.process.alive:
                raise
            place.close()
            return place.running(command, environment).start(request, cgroups)


def trouble() -> str | None:
    """Why this grading process has given its warm process up, where it has."""
    return _place_of(os.getpid()).trouble


def note_trouble(why: str) -> None:
    """Ask for no more warm kernels in this grading process."""
    _place_of(os.getpid()).trouble = why


def process() -> WarmProcess | None:
    """The warm process of this grading process, where one was started."""
    return _place_of(os.getpid()).process


def end() -> None:
    """End this grading process's warm process, and every kernel of it."""
    place = _place_of(os.getpid())
    with place.lock:
        place.close()


def _pid(descriptor: int) -> int:
    """Process id that a pidfd stands for, as this process sees it."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pid:")).split()[1])


def _readable(descriptor: int, seconds: float | None) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else int(1000 * seconds)))
