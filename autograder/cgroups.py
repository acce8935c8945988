"""Bounds for a submission as a whole: a cgroup for each kernel, where cgroups can be written.

Limits that a process sets for itself hold for each process, or for its user; a cgroup counts the
memory and the processes of all of them together, whoever they run as.
Both versions are served: in the first, memory and pids have trees of their own; in the second,
a folder must have both handed down.
A kernel enters its group by itself, through a descriptor of the group's list of processes that it
was given, so that no moment of its life goes uncounted.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_NAME = "hlm-{pid}-{number}"
_SETTINGS = {
    "memory": {
        "memory.limit_in_bytes": "memory",
        "memory.max": "memory",
        "memory.memsw.limit_in_bytes": "memory",
        "memory.swap.max": "none",
        "memory.oom.group": "one",
    },
    "pids": {"pids.max": "processes"},
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Group:
    """One submission's cgroup: a folder in each tree."""

    folders: tuple[Path, ...]

    def entrances(self) -> list[int]:
        """Descriptors to which a process writes ``0`` to enter; the caller closes them."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY) for folder in self.folders]

    def remove(self) -> None:
        """Take it away, once its processes have ended; what still lives there is left alone."""
        for folder in self.folders:
            for _ in range(20):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:  # busy: the kernel is still letting go of the last process
                    time.sleep(0.02)
                else:
                    break


def make(memory_bytes: int, processes: int) -> Group | None:
    """A new cgroup with these bounds; None where there can be none."""
    parents = _parents()
    if not parents:
        return None
    name = _NAME.format(pid=os.getpid(), number=next(_numbers))
    group = Group(tuple(parent / name for parent in parents))
    values = {"memory": memory_bytes, "processes": processes, "none": 0, "one": 1}
    try:
        for folder in group.folders:
            folder.mkdir()
            _set(folder, values)
    except OSError:
        group.remove()
        return None
    return group


def in_words() -> str:
    """What a sandbox's strength says of it."""
    return "bounds by cgroup" if _parents() else "bounds by process and watcher"


def _set(folder: Path, values: dict[str, int]) -> None:
    """Write the bounds that this version of cgroups knows; one at least must be there."""
    known = [
        (folder / name, values[value])
        for settings in _SETTINGS.values()
        for name, value in settings.items()
        if (folder / name).exists()
    ]
    if not known:
        raise OSError(f"{folder} bounds nothing")
    for path, value in known:
        with suppress(PermissionError):
            path.write_text(str(value))


@lru_cache
def _parents() -> tuple[Path, ...]:
    """Folders under which groups can be made so that memory and processes are both bounded."""
    for parents in _candidates():
        _sweep(parents)
        if _usable(parents):
            return parents
    return ()


def _candidates() -> Iterator[tuple[Path, ...]]:
    own = dict(_own_folders())
    if {"memory", "pids"} <= set(own):
        yield (own["memory"], own["pids"])
    if "" in own:
        for folder in (own[""], *own[""].parents[:2]):
            handed_down = folder / "cgroup.subtree_control"
            with suppress(OSError):
                if {"memory", "pids"} <= set(handed_down.read_text().split()):
                    yield (folder,)


def _own_folders() -> Iterator[tuple[str, Path]]:
    """Controller (nothing for the second version) and the folder this process is in."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for name in controllers.split(","):
                tree = Path("/sys/fs/cgroup", name)
                folder = tree / path.lstrip("/")
                yield name, folder if folder.is_dir() else tree  # a container may see its own as /


def _usable(parents: tuple[Path, ...]) -> bool:
    """Try: make a group and set a bound in it."""
    name = _NAME.format(pid=os.getpid(), number=0)
    group = Group(tuple(parent / name for parent in parents))
    try:
        for folder in group.folders:
            folder.mkdir(exist_ok=True)
            _set(folder, {"memory": 2**30, "processes": 64, "none": 0, "one": 1})
        for entrance in group.entrances():
            os.close(entrance)
    except OSError:
        return False
    finally:
        group.remove()
    return True


def _sweep(parents: tuple[Path, ...]) -> None:
    """Take away the empty groups of grading processes that were killed."""
    for parent in parents:
        for folder in parent.glob("hlm-*-*"):
            if not Path("/proc", folder.name.split("-")[1]).exists():
                with suppress(OSError):
                    folder.rmdir()
