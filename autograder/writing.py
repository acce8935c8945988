"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from autograder.course import CourseError


def write_json(path: Path, data: Any, *, lasting: bool = False) -> None:
    """Write data as JSON, in one form for one content."""
    write_text(path, json.dumps(data, indent=1, sort_keys=True) + "\n", lasting=lasting)


def write_text(path: Path, text: str, *, lasting: bool = False) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    path
        Where; folders above it are made.
    text
        Its content; what UTF-8 cannot hold is written as an escape.
    lasting
        True waits until it is on the disk, so that a machine which stops leaves it whole.

    Raises
    ------
    CourseError
        Where the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _replace(path, text.encode("utf-8", "backslashreplace"), lasting)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        full = f"No space is left on the disk of {path.parent.parent}"
        remedy = "Free some and run the same command again; what is graded is kept."
        raise CourseError(f"{full}. {remedy}") from None


def _replace(path: Path, data: bytes, lasting: bool) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    if lasting:
        _keep_name(path.parent)


def _keep_name(folder: Path) -> None:
    """Bring a folder's table of names onto the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
