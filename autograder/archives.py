"""Files of folders and archives, read in memory and within bounds, without trust.

Archives are never extracted; links are not followed; whatever cannot be had says why when it is
read.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from autograder.repair import without_outputs

MAX_ENTRIES = 10_000  # files in one archive or one student's folder
MAX_DIRECTORY = 4 * 2**20  # bytes of an archive's table of contents, read at once
MAX_CLASS = 10  # times as much in the archive of a whole class
MAX_RATIO = 200  # unpacked to packed; text packs 3 to 20 times
MAX_DEPTH = 8  # folders within folders
MAX_WITH_OUTPUTS = 256 * 2**20  # a notebook with the outputs that are passed over
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?\Z", re.IGNORECASE)

_FREE_RATIO = 2**20  # below this size the ratio does not matter
_JUNK = {"__macosx", "thumbs.db", "desktop.ini", "__zip_filename__"}
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others can claim memory before any byte


class Unreadable(Exception):
    """Why something cannot be read, in one sentence."""


File = Callable[[int], bytes]
"""Reads a file up to a limit in bytes; raises `Unreadable` beyond it."""


# ------------------------------------------------------------------------------------- folders


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, without hidden files and platform junk, by name."""
    kept: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as scan:
            for entry in scan:
                if len(kept) >= MAX_ENTRIES:
                    raise Unreadable(f"The folder holds more than {MAX_ENTRIES} files.")
                if not is_junk(entry.name):
                    kept.append(entry)
    except OSError as error:
        raise Unreadable(f"The folder cannot be read: {error.strerror}.") from None
    return sorted(kept, key=lambda entry: os.fsencode(entry.name))


def is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def is_junk(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _JUNK or name == "__pycache__"


def folder_files(folder: Path) -> dict[str, File]:
    """Files of one student's folder, links included: reading one says that it is a link."""
    files: dict[str, File] = {}
    for path in _walk(folder, 0):
        if len(files) >= MAX_ENTRIES:
            raise Unreadable(f"The folder holds more than {MAX_ENTRIES} files.")
        files[path.relative_to(folder).as_posix()] = partial(read_disk, path)
    return files


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for entry in entries(folder):
        if not is_folder(entry):
            yield Path(entry.path)
        elif depth < MAX_DEPTH and entry.name not in {"node_modules", "site-packages"}:
            yield from _walk(Path(entry.path), depth + 1)


def open_file(path: Path) -> IO[bytes]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else error.strerror
        raise Unreadable(f"{shown(path.name)} cannot be read: {reason}.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable(f"{shown(path.name)} cannot be read: it is not a file.")
    return os.fdopen(handle, "rb")


def read_disk(path: Path, limit: int) -> bytes:
    with open_file(path) as file:
        return _bounded(file, limit, path.name)


def _bounded(file: IO[bytes], limit: int, name: str) -> bytes:
    """Content up to a limit; that of a notebook without its outputs, which do not count."""
    pieces = _pieces(file, limit, name)
    content = without_outputs(pieces, limit) if is_notebook(name) else b"".join(pieces)
    if content is None:
        raise Unreadable(f"{shown(name)} {_too_large(limit)}.")
    return content


def _pieces(file: IO[bytes], limit: int, name: str) -> Iterator[bytes]:
    read, most = 0, _most(limit, name)
    while piece := file.read(2**16):
        read += len(piece)
        if read > most:
            raise Unreadable(f"{shown(name)} {_too_large(most)}.")
        yield piece


def _most(limit: int, name: str) -> int:
    """Bytes that are read at most: of a notebook more than are kept."""
    return max(limit, MAX_WITH_OUTPUTS) if is_notebook(name) else limit


def is_notebook(name: str) -> bool:
    """Whether a name is a notebook's; some browsers append a suffix of their own."""
    return NOTEBOOK.search(name) is not None


def _too_large(limit: int) -> str:
    return f"is larger than {limit // 2**20} MB; clear its outputs, save it and export again"


# ------------------------------------------------------------------------------------ archives


class _ShortReads(io.RawIOBase):
    """An archive that refuses to be read in one large piece.

    `zipfile` reads the table of contents at once, whatever size it claims, before anything can
    be checked; entries are read in small pieces.
    """

    def __init__(self, file: IO[bytes], limit: int = MAX_DIRECTORY) -> None:
        self._file = file
        self._limit = limit

    def read(self, size: int = -1, /) -> bytes:
        wanted = self._limit + 1 if size < 0 else min(size, self._limit + 1)
        data = bytearray()
        while piece := self._file.read(min(wanted - len(data), 2**16)):
            data += piece
        if len(data) > self._limit:
            raise Unreadable("The archive's table of contents is too large.")
        return bytes(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def archive_files(opened: Callable[[], IO[bytes]]) -> dict[str, File]:
    """Files of an archive by name; one that cannot be had says why when it is read.

    Names that lead out of the archive are kept under a name that nothing looks for.
    """
    with opened() as file:
        listed = _table_of_contents(_open_archive(file), MAX_ENTRIES)
    return {
        name: partial(_read_entry, opened, position, twice)
        for position, (_, name, twice) in enumerate(listed)
        if name is not None
    }


@dataclass(frozen=True)
class ClassArchive:
    """An archive of a whole class, open while its submissions are read."""

    files: dict[str, File]
    times: dict[str, datetime]
    """when each file was packed, as the archive says: local time where it names no zone"""


def class_archive(path: Path) -> ClassArchive:
    """Files of the archive of a whole class, with ampler bounds than one student has."""
    file = open_file(path)
    try:
        archive = _open_archive(file, MAX_CLASS * MAX_DIRECTORY)
    except Unreadable:
        file.close()
        raise
    listed = _table_of_contents(archive, MAX_CLASS * MAX_ENTRIES)
    kept = [(entry, name, twice) for entry, name, twice in listed if name is not None]
    return ClassArchive(
        files={name: partial(_read_from, archive, entry, twice) for entry, name, twice in kept},
        times={name: time for entry, name, _ in kept if (time := _packed(entry)) is not None},
    )


def _table_of_contents(
    archive: zipfile.ZipFile, limit: int
) -> list[tuple[zipfile.ZipInfo, str | None, bool]]:
    """Every entry with its safe name, None for a folder, and whether it stands there twice."""
    entries = archive.infolist()
    if len(entries) > limit:
        advice = "hand in the zip that the notebook's last cell makes"
        raise Unreadable(f"The archive holds more than {limit} files; {advice}.")
    names = [
        None if entry.filename.endswith("/") else _safe_name(entry.filename) for entry in entries
    ]
    count = Counter(fold(name) for name in names if name is not None)
    return [
        (entry, name, name is not None and count[fold(name)] > 1)
        for entry, name in zip(entries, names, strict=True)
    ]


def _packed(entry: zipfile.ZipInfo) -> datetime | None:
    """The time of an entry: Unix time where it is there, else the local time without a zone."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        if kind == 0x5455 and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return datetime.fromtimestamp(struct.unpack("<i", extra[5:9])[0], UTC)
        extra = extra[4 + size :]
    try:
        return datetime(*entry.date_time)
    except ValueError:
        return None


def _open_archive(file: IO[bytes], limit: int = MAX_DIRECTORY) -> zipfile.ZipFile:
    try:
        if not _is_whole(file):
            raise zipfile.BadZipFile
        return zipfile.ZipFile(_ShortReads(file, limit))
    except Unreadable:
        raise
    except Exception:  # a damaged archive raises whatever its bytes lead to
        raise Unreadable("The archive is damaged or not a zip; export and upload again.") from None


def _is_whole(file: IO[bytes]) -> bool:
    """Whether the archive ends where it says and begins where the file does.

    `zipfile` takes the last end mark that it finds, so that an archive of archives which broke off
    would be read as the last whole one inside of it.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 22 - 2**16))
    tail = file.read(22 + 2**16)
    mark = tail.rfind(b"PK\x05\x06")
    if mark < 0 or len(tail) - mark < 22:
        return False
    length, start, comment = struct.unpack("<LLH", tail[mark + 12 : mark + 22])
    end = size - len(tail) + mark
    wide = start == 0xFFFFFFFF or length == 0xFFFFFFFF  # the numbers stand in a record before it
    return mark + 22 + comment == len(tail) and (wide or start + length in {end, end - 76})


def _safe_name(name: str) -> str:
    """Relative name with forward slashes, or one marked as leading elsewhere.

    >>> _safe_name("a\\\\hw1.ipynb"), _safe_name("../hw1.ipynb"), _safe_name("./hw1.ipynb")
    ('a/hw1.ipynb', 'outside: ../hw1.ipynb', 'hw1.ipynb')
    """
    slashed = name.replace("\\", "/")
    parts = [part for part in slashed.split("/") if part not in {"", "."}]
    if slashed.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", slashed) or not parts:
        return f"outside: {name}"
    return "/".join(parts)


def fold(name: str) -> str:
    """Names that are one and the same on some computer."""
    return unicodedata.normalize("NFC", name).casefold()


def _read_entry(opened: Callable[[], IO[bytes]], position: int, twice: bool, limit: int) -> bytes:
    with opened() as file, _open_archive(file) as archive:
        return _read_from(archive, archive.infolist()[position], twice, limit)


def _read_from(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, twice: bool, limit: int) -> bytes:
    name = PurePosixPath(entry.filename).name
    reason = _refusal(entry, twice, limit)
    if reason:
        raise Unreadable(f"{shown(name)} in the archive {reason}.")
    try:
        with archive.open(entry) as content:
            return _bounded(content, limit, name)
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        raise Unreadable(f"{shown(name)} in the archive is damaged; export again.") from None


def _refusal(entry: zipfile.ZipInfo, twice: bool, limit: int) -> str | None:
    if twice:
        return "stands there twice, in names that differ at most in case; export again"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link, not a file"
    if entry.flag_bits & 0x1:
        return "is encrypted; export without a password"
    if entry.compress_type not in _METHODS:
        return "is packed in an unusual way; use the zip that the notebook's last cell makes"
    most = _most(limit, entry.filename)
    if entry.file_size > most:
        return _too_large(most)
    if entry.file_size > max(_FREE_RATIO, MAX_RATIO * entry.compress_size):
        return f"unpacks to more than {MAX_RATIO} times its size"
    return None


def shown(name: str | bytes | Path, limit: int = 80) -> str:
    """A name as one line of printable text of bounded length.

    >>> shown("hw1\\x1b[31m\\u202e.ipynb"), shown("x" * 100, 10)
    ('hw1[31m.ipynb', 'xxxxxxxxx…')
    """
    text = os.fsencode(name).decode("utf-8", "replace")
    shown = "".join(character for character in text[: 20 * limit] if character.isprintable())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
