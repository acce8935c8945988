"""From a path to submissions: a notebook, an otter export, or folders of either.

Nothing here is trusted.
Archives are read in memory and never extracted; of each hand-in only the notebook and the
assignment's own module are read, up to a limit, and everything else is listed by name.
What cannot be read becomes a `Submission` with a `problem`, so that no student is lost and no
class run stops.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from autograder.course import CourseError

MAX_NOTEBOOK = 16 * 2**20
MAX_MODULE = 2**20
MAX_ENTRIES = 10_000  # files in one archive or one student's folder
MAX_DIRECTORY = 4 * 2**20  # bytes of an archive's table of contents, read at once
MAX_RATIO = 200  # unpacked to packed; text packs 3 to 20 times
MAX_DEPTH = 8  # folders within folders
MAX_ID = 80

_FREE_RATIO = 2**20  # below this size the ratio does not matter
_LISTED = 50  # names kept of the files that are not used
_JUNK = {"__macosx", "thumbs.db", "desktop.ini", "__zip_filename__"}
_CLASS_LISTS = {".csv", ".xlsx", ".yml", ".yaml"}  # beside the hand-ins in a class folder
_NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?\Z", re.IGNORECASE)
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # others can claim memory before any byte


@dataclass(frozen=True)
class Person:
    """A student, with the ids that platforms know them by: ``(("canvas", "4711"), ...)``."""

    student_id: str = ""
    name: str = ""
    email: str = ""
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Submission:
    """What one student handed in, as far as it is used; every field is untrusted."""

    id: str
    """letters, digits and ``._-``, at most 80; unique in a run"""
    source: str
    """where it came from, relative to the path that was given"""
    student_id: str = ""
    name: str = ""
    notebook: bytes | None = None
    module: bytes | None = None
    """the assignment's own student module, where it was brought"""
    extra: tuple[str, ...] = ()
    """names of other files: listed, not used"""
    problem: str | None = None
    """why it cannot be graded, in one sentence"""
    email: str = ""
    group: str = ""
    """a team's name, where the platform or the roster knows one"""
    attempt: int = 1
    """2 where an earlier one was replaced"""
    submitted: datetime | None = None
    """when it was handed in, with time zone; None where nobody knows"""
    late: bool = False
    """whether the platform marked it as late"""
    platform: str = ""
    """"canvas", "moodle" or "gradescope", where it came in one of their downloads"""
    people: tuple[Person, ...] = ()
    """who handed it in, where that is known; several in a team"""


def find(path: Path, module: str, notebook: str = "") -> list[Submission]:
    """All submissions under a path, sorted by id.

    Parameters
    ----------
    path
        A notebook, an archive made by the notebook's last cell, or a folder of these.
        A folder that holds `hlmtools/` is one student's, and so is a folder in which just one
        thing was handed in; it gives the submission its name.
    module
        Name of the student module, ``variance_components``.
    notebook
        Name of the assignment's notebook, preferred where a hand-in holds several.

    Raises
    ------
    CourseError
        Where the path does not exist or holds nothing to grade.
    """
    path = Path(path)
    if not path.exists():
        raise CourseError(f"There is no {_text(path)}. Give a notebook, an export zip or a folder.")
    hand_ins = _hand_ins(path.resolve() if path.is_symlink() else path)
    if not hand_ins:
        remedy = "Put notebooks or export zips there."
        raise CourseError(f"{_text(path)} holds nothing that was handed in. {remedy}")
    ids = _ids(hand_ins)
    found = [_read(hand_in, ids[hand_in.key], module, notebook) for hand_in in hand_ins]
    return sorted(found, key=lambda submission: submission.id)


def one(folder: Path, module: str, notebook: str = "") -> Submission:
    """The submission of a folder in which all files belong to one student, or to one team."""
    hand_in = _HandIn(folder.name, _key(folder, folder), partial(_folder_files, folder))
    return _read(hand_in, _ids([hand_in])[hand_in.key], module, notebook)


# ------------------------------------------------------------------------------------ hand-ins


class _Unreadable(Exception):
    """Why something cannot be read, in one sentence."""


@dataclass(frozen=True)
class _HandIn:
    """What belongs to one student: files by relative name, none of them read yet."""

    label: str  # the id is made from it
    key: bytes  # relative path: unique in a run
    files: Callable[[], Mapping[str, _File]] = dict
    extra: tuple[str, ...] = ()
    problem: str | None = None  # known before any file was read
    student_id: str = ""
    name: str = ""


_File = Callable[[int], bytes]
"""Reads a file up to a limit in bytes; raises `_Unreadable` beyond it."""


def _hand_ins(path: Path) -> list[_HandIn]:
    """The seam for formats of learning platforms.

    A downloaded class archive or folder is recognised here by its names, and gives one `_HandIn`
    a student, with `student_id` and `name` where the format tells them.
    """
    if path.is_dir():
        return _from_folder(path, path, 0)
    hand_in = _from_file(path, path.parent)
    if _is_notebook(path.name):  # in its working folder, its module lies beside it
        return [replace(hand_in, files=partial(_beside, path))]
    return [hand_in]


def _from_folder(folder: Path, root: Path, depth: int) -> list[_HandIn]:
    try:
        entries = _entries(folder)
    except _Unreadable as reason:
        return [_HandIn(folder.name, _key(folder, root), problem=str(reason))]
    if any(entry.name.casefold() == "hlmtools" and _is_folder(entry) for entry in entries):
        return [_HandIn(folder.name, _key(folder, root), partial(_folder_files, folder))]
    found: list[_HandIn] = []
    for entry in entries:
        path = Path(entry.path)
        if _is_folder(entry):
            found += _from_subfolder(path, root, depth + 1)
        elif path.suffix.casefold() not in _CLASS_LISTS:
            found.append(_from_file(path, root))
    return found


def _from_subfolder(folder: Path, root: Path, depth: int) -> list[_HandIn]:
    """A section of the class, or one student's folder, which then gives the name."""
    alone = _HandIn(folder.name, _key(folder, root))
    if depth > MAX_DEPTH:
        return [replace(alone, problem=f"It lies more than {MAX_DEPTH} folders deep.")]
    found = _from_folder(folder, root, depth)
    likely = [one for one in found if one.problem is None] or found
    if len(likely) == 1:
        others = tuple(_text(one.key) for one in found if one is not likely[0])
        return [replace(likely[0], label=folder.name, extra=(*likely[0].extra, *others))]
    if likely[:1] and likely[0].problem is None:
        return found
    names = tuple(_text(one.key) for one in found)
    return [replace(alone, extra=names, problem="The folder holds no notebook and no export zip.")]


def _from_file(path: Path, root: Path) -> _HandIn:
    key = _key(path, root)
    if _is_notebook(path.name):
        label = _NOTEBOOK.sub("", path.name)
        return _HandIn(label, key, partial(dict, {path.name: partial(_read_disk, path)}))
    if path.suffix.casefold() == ".zip":
        return _HandIn(path.stem, key, partial(_archive_files, partial(_open, path)))
    reason = "It is neither a notebook (.ipynb) nor the zip that the last cell exports."
    return _HandIn(path.name, key, problem=reason)


def _key(path: Path, root: Path) -> bytes:
    relative = path.relative_to(root)
    return os.fsencode(relative if relative.parts else path.name)


# ------------------------------------------------------------------------- files of a hand-in


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, without hidden files and platform junk, by name."""
    kept: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as scan:
            for entry in scan:
                if len(kept) >= MAX_ENTRIES:
                    raise _Unreadable(f"The folder holds more than {MAX_ENTRIES} files.")
                if not _is_junk(entry.name):
                    kept.append(entry)
    except OSError as error:
        raise _Unreadable(f"The folder cannot be read: {error.strerror}.") from None
    return sorted(kept, key=lambda entry: os.fsencode(entry.name))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.casefold() in _JUNK or name == "__pycache__"


def _folder_files(folder: Path) -> dict[str, _File]:
    """Files of one student's folder, links included: reading one says that it is a link."""
    files: dict[str, _File] = {}
    for path in _walk(folder, 0):
        if len(files) >= MAX_ENTRIES:
            raise _Unreadable(f"The folder holds more than {MAX_ENTRIES} files.")
        files[path.relative_to(folder).as_posix()] = partial(_read_disk, path)
    return files


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for entry in _entries(folder):
        if not _is_folder(entry):
            yield Path(entry.path)
        elif depth < MAX_DEPTH and entry.name not in {"node_modules", "site-packages"}:
            yield from _walk(Path(entry.path), depth + 1)


def _beside(notebook: Path) -> dict[str, _File]:
    """A notebook and the modules that lie with it, nothing else of its folder."""
    modules = sorted((notebook.parent / "hlmtools").glob("*.py"))
    files = {f"hlmtools/{path.name}": partial(_read_disk, path) for path in modules}
    return {notebook.name: partial(_read_disk, notebook), **files}


def _open(path: Path) -> IO[bytes]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "it is a link" if path.is_symlink() else error.strerror
        raise _Unreadable(f"{_text(path.name)} cannot be read: {reason}.") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _Unreadable(f"{_text(path.name)} cannot be read: it is not a file.")
    return os.fdopen(handle, "rb")


def _read_disk(path: Path, limit: int) -> bytes:
    with _open(path) as file:
        return _bounded(file, limit, path.name)


def _bounded(file: IO[bytes], limit: int, name: str) -> bytes:
    data = bytearray()
    while piece := file.read(2**16):
        data += piece
        if len(data) > limit:
            raise _Unreadable(f"{_text(name)} {_too_large(limit)}.")
    return bytes(data)


def _too_large(limit: int) -> str:
    return f"is larger than {limit // 2**20} MB; clear its outputs, save it and export again"


# ------------------------------------------------------------------------------------ archives


class _ShortReads(io.RawIOBase):
    """An archive that refuses to be read in one large piece.

    `zipfile` reads the table of contents at once, whatever size it claims, before anything can
    be checked; entries are read in small pieces.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(MAX_DIRECTORY + 1 if size < 0 else min(size, MAX_DIRECTORY + 1))
        if len(data) > MAX_DIRECTORY:
            raise _Unreadable("The archive's table of contents is too large.")
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def _archive_files(opened: Callable[[], IO[bytes]]) -> dict[str, _File]:
    """Files of an archive by name; one that cannot be had says why when it is read.

    Names that lead out of the archive are kept under a name that nothing looks for.
    """
    with opened() as file:
        entries = _table_of_contents(file)
    names = [_safe_name(entry.filename) for entry in entries]
    count = Counter(map(_fold, names))
    files: dict[str, _File] = {}
    for position, (entry, name) in enumerate(zip(entries, names, strict=True)):
        if not entry.is_dir():
            twice = count[_fold(name)] > 1
            files[name] = partial(_read_entry, opened, position, twice)
    return files


def _table_of_contents(file: IO[bytes]) -> list[zipfile.ZipInfo]:
    with _open_archive(file) as archive:
        entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        advice = "hand in the zip that the notebook's last cell makes"
        raise _Unreadable(f"The archive holds more than {MAX_ENTRIES} files; {advice}.")
    return entries


def _open_archive(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_ShortReads(file))
    except _Unreadable:
        raise
    except Exception:  # a damaged archive raises whatever its bytes lead to
        raise _Unreadable("The archive is damaged or not a zip; export and upload again.") from None


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


def _fold(name: str) -> str:
    """Names that are one and the same on some computer."""
    return unicodedata.normalize("NFC", name).casefold()


def _read_entry(opened: Callable[[], IO[bytes]], position: int, twice: bool, limit: int) -> bytes:
    with opened() as file, _open_archive(file) as archive:
        entry = archive.infolist()[position]
        name = PurePosixPath(entry.filename).name
        reason = _refusal(entry, twice, limit)
        if reason:
            raise _Unreadable(f"{_text(name)} in the archive {reason}.")
        try:
            with archive.open(entry) as content:
                return _bounded(content, limit, name)
        except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
            raise _Unreadable(f"{_text(name)} in the archive is damaged; export again.") from None


def _refusal(entry: zipfile.ZipInfo, twice: bool, limit: int) -> str | None:
    if twice:
        return "stands there twice, in names that differ at most in case; export again"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link, not a file"
    if entry.flag_bits & 0x1:
        return "is encrypted; export without a password"
    if entry.compress_type not in _METHODS:
        return "is packed in an unusual way; use the zip that the notebook's last cell makes"
    if entry.file_size > limit:
        return _too_large(limit)
    if entry.file_size > max(_FREE_RATIO, MAX_RATIO * entry.compress_size):
        return f"unpacks to more than {MAX_RATIO} times its size"
    return None


# ---------------------------------------------------------------------- reading one submission


@dataclass(frozen=True)
class _Parts:
    notebook: bytes | None = None
    module: bytes | None = None
    extra: tuple[str, ...] = ()
    problem: str | None = None


def _read(hand_in: _HandIn, identity: str, module: str, notebook: str) -> Submission:
    parts = _parts(hand_in, module, notebook)
    return Submission(
        id=identity,
        source=_text(hand_in.key, 300),
        student_id=hand_in.student_id,
        name=hand_in.name,
        notebook=parts.notebook,
        module=parts.module,
        extra=_listing([*parts.extra, *hand_in.extra]),
        problem=parts.problem,
    )


def _parts(hand_in: _HandIn, module: str, notebook: str) -> _Parts:
    """The files of a hand-in that are used; whatever goes wrong becomes its problem."""
    names: list[str] = []
    try:
        if hand_in.problem:
            raise _Unreadable(hand_in.problem)
        files = _unwrapped(hand_in.files())
        names = [name for name in files if not _is_hidden(name)]
        chosen = _choose_notebook({name: files[name] for name in names}, notebook)
        content = files[chosen](MAX_NOTEBOOK)
        _check_notebook(content, chosen)
        brought = _choose_module(names, chosen, module)
        source = files[brought](MAX_MODULE) if brought else None
        rest = [name for name in names if name not in {chosen, brought}]
        return _Parts(content, source, tuple(rest))
    except _Unreadable as reason:
        return _Parts(extra=tuple(names), problem=str(reason))
    except Exception as error:  # hostile bytes find what nobody thought of; the class run goes on
        return _Parts(extra=tuple(names), problem=f"It cannot be read ({type(error).__name__}).")


def _unwrapped(files: Mapping[str, _File]) -> Mapping[str, _File]:
    """The files, or those of the one archive that was zipped once more."""
    visible = [name for name in files if not _is_hidden(name)]
    archives = [name for name in visible if name.casefold().endswith(".zip")]
    if len(archives) != 1 or any(map(_is_notebook, visible)):
        return files
    data = files[archives[0]](2 * MAX_NOTEBOOK)
    return _archive_files(partial(io.BytesIO, data))


def _is_hidden(name: str) -> bool:
    return any(_is_junk(part) for part in name.split("/"))


def _choose_notebook(files: Mapping[str, _File], wanted: str) -> str:
    names = [name for name in files if _is_notebook(name) and _is_inside(name)]
    if not names:
        raise _Unreadable("It holds no notebook; hand in the zip that the last cell exports.")
    for keep in (lambda name: _is_called(name, wanted), lambda name: _has_checks(files[name])):
        if len(names) > 1:
            names = [name for name in names[:20] if keep(name)] or names
    depth = min(name.count("/") for name in names)
    names = [name for name in names if name.count("/") == depth]
    if len(names) > 1:
        listed = ", ".join(_text(PurePosixPath(name).name, 40) for name in sorted(names)[:4])
        raise _Unreadable(f"It holds several notebooks ({listed}); hand in one.")
    return names[0]


def _is_notebook(name: str) -> bool:
    """Whether a name is a notebook's; some browsers append a suffix of their own."""
    return _NOTEBOOK.search(name) is not None


def _is_inside(name: str) -> bool:
    return not name.startswith("outside: ")


def _is_called(name: str, wanted: str) -> bool:
    return bool(wanted) and _fold(PurePosixPath(name).name) == _fold(wanted)


def _has_checks(read: _File) -> bool:
    try:
        return b"grader.check(" in read(MAX_NOTEBOOK)
    except _Unreadable:
        return True  # it may be the one; the reason shows when it is chosen


def _choose_module(names: Iterable[str], notebook: str, module: str) -> str | None:
    """The module beside the notebook, else the only one of its name under `hlmtools/`."""
    beside = PurePosixPath(notebook).parent
    file = f"{module.removesuffix('.py').rpartition('.')[2]}.py"
    inside = {_fold(name): name for name in names if _is_inside(name)}
    for place in (beside / "hlmtools" / file, beside / file):
        if _fold(str(place)) in inside:
            return inside[_fold(str(place))]
    anywhere = [name for fold, name in inside.items() if f"/{fold}".endswith(f"/hlmtools/{file}")]
    return anywhere[0] if len(anywhere) == 1 else None


def _check_notebook(content: bytes, name: str) -> None:
    """Refuse what is no notebook at all; damaged cells are the judge's to mend."""
    file = _text(PurePosixPath(name).name)
    if not content.strip():
        raise _Unreadable(f"{file} is empty; save the notebook and export it again.")
    try:
        notebook: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise _Unreadable(f"{file} is not a notebook: its text is damaged.") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise _Unreadable(f"{file} is not a notebook of the present format: it has no cells.")


def _listing(names: Iterable[str]) -> tuple[str, ...]:
    listed = sorted(_text(name, 120) for name in names)
    more = len(listed) - _LISTED
    return (*listed[:_LISTED], f"and {more} more") if more > 0 else tuple(listed)


# --------------------------------------------------------------------------------- names, text


def _ids(hand_ins: Iterable[_HandIn]) -> dict[bytes, str]:
    """A clean name for each; a hash of the path where that changed the name or two are alike.

    Equal means equal on a disk that ignores case. A name may be made to look like another's
    hashed one, so that the hash grows until all differ.
    """
    todo = {hand_in.key: hand_in.label for hand_in in hand_ins}
    ids = {key: _clean(label, key) for key, label in todo.items()}
    for digits in (8, 16, 32, 64):
        count = Counter(identity.casefold() for identity in ids.values())
        alike = [key for key, identity in ids.items() if count[identity.casefold()] > 1]
        for key in alike:
            ids[key] = _hashed(_reduced(todo[key]), key, digits)
    return ids


def _clean(label: str, key: bytes) -> str:
    reduced = _reduced(label)
    kept = reduced == label and 0 < len(label) <= MAX_ID
    return reduced if kept else _hashed(reduced, key, 8)


def _reduced(label: str) -> str:
    """Letters, digits and ``._-`` of a name, the first of them a letter or digit.

    >>> _reduced("José Núñez (1)"), _reduced("=cmd|'/C calc'!A0"), _reduced("../../etc/passwd")
    ('Jose_Nunez_1', 'cmd_C_calc_A0', 'etc_passwd')
    """
    plain = unicodedata.normalize("NFKD", label[:500]).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^A-Za-z0-9._-]+", "_", plain)
    return re.sub(r"^[._-]+|_+$", "", joined)


def _hashed(reduced: str, key: bytes, digits: int) -> str:
    tail = hashlib.sha256(key).hexdigest()[:digits]
    return f"{reduced[: MAX_ID - digits - 1]}-{tail}" if reduced else f"submission-{tail}"[:MAX_ID]


def _text(name: str | bytes | Path, limit: int = 80) -> str:
    """A name as one line of printable text of bounded length.

    >>> _text("hw1\\x1b[31m\\u202e.ipynb"), _text("x" * 100, 10)
    ('hw1[31m.ipynb', 'xxxxxxxxx…')
    """
    text = os.fsencode(name).decode("utf-8", "replace")
    shown = "".join(character for character in text[: 20 * limit] if character.isprintable())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
