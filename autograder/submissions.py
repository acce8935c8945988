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
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath

from autograder import repair
from autograder.archives import (
    MAX_DEPTH,
    NOTEBOOK,
    File,
    Unreadable,
    archive_files,
    entries,
    fold,
    folder_files,
    is_folder,
    is_junk,
    is_notebook,
    open_file,
    read_disk,
    shown,
)
from autograder.course import CourseError
from autograder.downloads import HandIn, bundle, class_hand_ins
from autograder.people import Person, joined

MAX_NOTEBOOK = 16 * 2**20
MAX_MODULE = 2**20
MAX_BROUGHT = 200  # other files of one hand-in, MAX_NOTEBOOK bytes in all
MAX_WRAPS = 2  # archives within archives
MAX_ID = 80

_LISTED = 50  # names kept of the files that are not used
_CLASS_LISTS = {".csv", ".xlsx", ".yml", ".yaml"}  # beside the hand-ins in a class folder
_STAMPED = re.compile(r"_(20\d\d_\d\d_\d\dT\d\d_\d\d_\d\d_\d{1,6})\.zip\Z")  # by otter's export


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
    repairs: tuple[str, ...] = ()
    """what was mended or doubtful when it was read, one sentence each"""
    files: tuple[tuple[str, bytes], ...] = ()
    """other files by relative name, where the assignment lets students bring them"""
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
    packed: datetime | None = None
    """what the archive of a class says of its time; `autograder.intake` decides what it is worth"""


def find(path: Path, module: str, notebook: str = "") -> list[Submission]:
    """All submissions under a path, sorted by id.

    Parameters
    ----------
    path
        A notebook, an archive made by the notebook's last cell, or a folder of these.
        A folder that holds `hlmtools/` is one student's, and so is a folder in which just one
        thing was handed in; it gives the submission its name.
    module
        Name of the student module, ``variance_components``; where it is empty, as for an
        assignment of another course, other files are kept too.
    notebook
        Name of the assignment's notebook, preferred where a hand-in holds several.

    Raises
    ------
    CourseError
        Where the path does not exist or holds nothing to grade.
    """
    path = Path(path)
    if not path.exists():
        raise CourseError(f"There is no {shown(path)}. Give a notebook, an export zip or a folder.")
    hand_ins = _hand_ins(path.resolve() if path.is_symlink() else path)
    if not hand_ins:
        remedy = "Put notebooks or export zips there."
        raise CourseError(f"{shown(path)} holds nothing that was handed in. {remedy}")
    ids = _ids(hand_ins)
    found = [_read(hand_in, ids[hand_in.key], module, notebook) for hand_in in hand_ins]
    return sorted(found, key=lambda submission: submission.id)


def one(folder: Path, module: str, notebook: str = "") -> Submission:
    """The submission of a folder in which all files belong to one student, or to one team."""
    hand_in = HandIn(folder.name, os.fsencode(folder.name), partial(folder_files, folder))
    return _read(hand_in, _ids([hand_in])[hand_in.key], module, notebook)


# ------------------------------------------------------------------------------------ hand-ins


def _hand_ins(path: Path) -> list[HandIn]:
    """One a student: of a platform's download, a folder of hand-ins, or a single file."""
    of_class = class_hand_ins(path)
    if of_class is not None:
        return of_class
    if path.is_dir():
        return _several_downloads(path) or _from_folder(path, path, 0)
    bundled = bundle(path) if path.suffix.casefold() == ".zip" else None
    if bundled is not None:
        return [
            HandIn(name, os.fsencode(f"{path.name}/{name}"), partial(dict, files))
            for name, files in sorted(bundled.items())
        ]
    hand_in = _from_file(path, path.parent)
    if is_notebook(path.name):  # in its working folder, its module lies beside it
        return [replace(hand_in, files=partial(_beside, path))]
    return [hand_in]


def _several_downloads(folder: Path) -> list[HandIn]:
    """A folder of nothing but platforms' archives, say of two sections; else none.

    One hand-in among them makes all of it hand-ins: a student's archive is never taken for a
    class, whatever the names in it.
    """
    paths = [Path(entry.path) for entry in entries(folder) if not entry.name.endswith(".csv")]
    if len(paths) < 2 or not all(path.suffix.casefold() == ".zip" for path in paths):
        return []
    found = []
    for path in paths:
        of_class = class_hand_ins(path) if path.is_file() and not path.is_symlink() else None
        if of_class is None:
            return []
        found += of_class
    return found


def _from_folder(folder: Path, root: Path, depth: int) -> list[HandIn]:
    try:
        listed = entries(folder)
    except Unreadable as reason:
        return [HandIn(folder.name, _key(folder, root), problem=str(reason))]
    if any(entry.name.casefold() == "hlmtools" and is_folder(entry) for entry in listed):
        return [HandIn(folder.name, _key(folder, root), partial(folder_files, folder))]
    found: list[HandIn] = []
    for entry in listed:
        path = Path(entry.path)
        if is_folder(entry):
            found += _from_subfolder(path, root, depth + 1)
        elif path.suffix.casefold() not in _CLASS_LISTS:
            found.append(_from_file(path, root))
    return found


def _from_subfolder(folder: Path, root: Path, depth: int) -> list[HandIn]:
    """A section of the class, or one student's folder, which then gives the name."""
    alone = HandIn(folder.name, _key(folder, root))
    if depth > MAX_DEPTH:
        return [replace(alone, problem=f"It lies more than {MAX_DEPTH} folders deep.")]
    found = _from_folder(folder, root, depth)
    likely = _newest(folder, [one for one in found if one.problem is None]) or found
    if len(likely) == 1:
        others = tuple(shown(one.key) for one in found if one is not likely[0])
        return [replace(likely[0], label=folder.name, extra=(*likely[0].extra, *others))]
    if likely[:1] and likely[0].problem is None:
        return found
    names = tuple(shown(one.key) for one in found)
    return [replace(alone, extra=names, problem="The folder holds no notebook and no export zip.")]


def _newest(folder: Path, likely: list[HandIn]) -> list[HandIn]:
    """Only the latest of several exports that bear nothing but the time in their names."""
    names = [os.fsdecode(one.key).rpartition("/")[2] for one in likely]
    alike = {_STAMPED.sub("", name) for name in names}
    newest = newest_export(names) if len(names) > 1 and len(alike) == 1 else None
    if newest is None:
        return likely
    return [replace(likely[names.index(newest)], attempt=len(likely))]


def _from_file(path: Path, root: Path) -> HandIn:
    key = _key(path, root)
    if is_notebook(path.name):
        label = NOTEBOOK.sub("", path.name)
        return HandIn(label, key, partial(dict, {path.name: partial(read_disk, path)}))
    if path.suffix.casefold() == ".py":
        return HandIn(path.stem, key, partial(dict, {path.name: partial(read_disk, path)}))
    if path.suffix.casefold() == ".zip":
        return HandIn(path.stem, key, partial(archive_files, partial(open_file, path)))
    reason = "It is neither a notebook (.ipynb) nor the zip that the last cell exports."
    return HandIn(path.name, key, problem=reason)


def _key(path: Path, root: Path) -> bytes:
    relative = path.relative_to(root)
    return os.fsencode(relative if relative.parts else path.name)


def _beside(notebook: Path) -> dict[str, File]:
    """A notebook and the modules that lie with it, nothing else of its folder."""
    modules = sorted((notebook.parent / "hlmtools").glob("*.py"))
    files = {f"hlmtools/{path.name}": partial(read_disk, path) for path in modules}
    return {notebook.name: partial(read_disk, notebook), **files}


# ---------------------------------------------------------------------- reading one submission


@dataclass(frozen=True)
class _Parts:
    notebook: bytes | None = None
    module: bytes | None = None
    extra: tuple[str, ...] = ()
    problem: str | None = None
    repairs: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()


def _read(hand_in: HandIn, identity: str, module: str, notebook: str) -> Submission:
    parts = _parts(hand_in, module, notebook)
    return Submission(
        id=identity,
        source=shown(hand_in.key, 300),
        student_id=joined(hand_in.people, "student_id"),
        name=joined(hand_in.people, "name"),
        notebook=parts.notebook,
        module=parts.module,
        extra=_listing([*parts.extra, *hand_in.extra]),
        problem=parts.problem,
        repairs=parts.repairs,
        files=parts.files,
        email=joined(hand_in.people, "email"),
        attempt=hand_in.attempt,
        submitted=hand_in.submitted,
        late=hand_in.late,
        platform=hand_in.platform,
        people=hand_in.people,
        packed=hand_in.packed,
    )


def _parts(hand_in: HandIn, module: str, notebook: str) -> _Parts:
    """The files of a hand-in that are used; whatever goes wrong becomes its problem."""
    names: list[str] = []
    try:
        if hand_in.problem:
            raise Unreadable(hand_in.problem)
        files = _unwrapped(hand_in.files())
        names = [name for name in files if not _is_hidden(name)]
        chosen = _choose_notebook({name: files[name] for name in names}, notebook)
        content = files[chosen](MAX_NOTEBOOK)
        _check_notebook(content, chosen)
        notes = _doubts(names, chosen)
        brought = _choose_module(names, chosen, module)
        source = files[brought](MAX_MODULE) if brought else None
        rest = {name: files[name] for name in names if name not in {chosen, brought}}
        kept = {} if module else _brought(rest, PurePosixPath(chosen).parent)
        brought_files = tuple((name, data) for name, (_, data) in kept.items())
        left = tuple(set(rest) - {whole for whole, _ in kept.values()})
        return _Parts(content, source, left, files=brought_files, repairs=notes)
    except Unreadable as reason:
        return _Parts(extra=tuple(names), problem=str(reason))
    except Exception as error:  # hostile bytes find what nobody thought of; the class run goes on
        return _Parts(extra=tuple(names), problem=f"It cannot be read ({type(error).__name__}).")


def _brought(files: Mapping[str, File], folder: PurePosixPath) -> dict[str, tuple[str, bytes]]:
    """Other files below the notebook's folder, up to a limit: by name there, and whole name."""
    kept: dict[str, tuple[str, bytes]] = {}
    room = MAX_NOTEBOOK
    for name in sorted(files)[:MAX_BROUGHT]:
        if not (_is_inside(name) and PurePosixPath(name).is_relative_to(folder)):
            continue
        try:
            data = files[name](room)
        except Unreadable:
            continue
        room -= len(data)
        kept[str(PurePosixPath(name).relative_to(folder))] = (name, data)
    return kept


def _unwrapped(files: Mapping[str, File]) -> Mapping[str, File]:
    """The files, or those of the newest archive among them, also if it was zipped once more."""
    for _ in range(MAX_WRAPS):
        visible = [name for name in files if not _is_hidden(name)]
        archives = [name for name in visible if name.casefold().endswith(".zip")]
        if not archives or any(map(is_notebook, visible)):
            break
        newest = newest_export(archives)
        if newest is None:
            break
        data = files[newest](2 * MAX_NOTEBOOK)
        others = {name: file for name, file in files.items() if name != newest}
        files = {**archive_files(partial(io.BytesIO, data)), **_set_aside(others)}
    return files


def _set_aside(files: Mapping[str, File]) -> dict[str, File]:
    """Files under names that are listed and that nothing looks for."""
    return {f"outside: {name}": file for name, file in files.items()}


def newest_export(names: Sequence[str]) -> str | None:
    """The only archive, or the one with the latest time in its name; None where names tell none.

    >>> newest_export(["hw1_2027_02_01T10_00_00_000001.zip", "hw1_2027_02_03T10_00_00_000001.zip"])
    'hw1_2027_02_03T10_00_00_000001.zip'
    """
    if len(names) == 1:
        return names[0]
    times = {name: found[1] for name in names if (found := _STAMPED.search(name))}
    return max(names, key=times.__getitem__) if len(times) == len(names) else None


def _is_hidden(name: str) -> bool:
    return _is_inside(name) and any(is_junk(part) for part in name.split("/"))


def _choose_notebook(files: Mapping[str, File], wanted: str) -> str:
    inside = [name for name in files if _is_inside(name)]
    names = [name for name in inside if is_notebook(name)]
    if not names:
        names = [name for name in inside if _is_script(name) and _has_checks(files[name])]
    if not names:
        raise Unreadable("It holds no notebook; hand in the zip that the last cell exports.")
    for keep in (lambda name: _is_called(name, wanted), lambda name: _has_checks(files[name])):
        if len(names) > 1:
            names = [name for name in names[:20] if keep(name)] or names
    depth = min(name.count("/") for name in names)
    names = [name for name in names if name.count("/") == depth]
    if len(names) > 1:
        listed = ", ".join(shown(PurePosixPath(name).name, 40) for name in sorted(names)[:4])
        raise Unreadable(f"It holds several notebooks ({listed}); hand in one.")
    return names[0]


def _is_script(name: str) -> bool:
    """Whether it can be a notebook that was saved as a script; a module of the package is none."""
    return name.casefold().endswith(".py") and "hlmtools" not in name.casefold().split("/")


def _is_inside(name: str) -> bool:
    return not name.startswith("outside: ")


def _is_called(name: str, wanted: str) -> bool:
    return bool(wanted) and fold(PurePosixPath(name).name) == fold(wanted)


def _has_checks(read: File) -> bool:
    try:
        return b"grader.check(" in read(MAX_NOTEBOOK)
    except Unreadable:
        return True  # it may be the one; the reason shows when it is chosen


def _choose_module(names: Iterable[str], notebook: str, module: str) -> str | None:
    """The module beside the notebook, else the only one of its name under `hlmtools/`."""
    beside = PurePosixPath(notebook).parent
    file = f"{module.removesuffix('.py').rpartition('.')[2]}.py"
    inside = {fold(name): name for name in names if _is_inside(name)}
    for place in (beside / "hlmtools" / file, beside / file):
        if fold(str(place)) in inside:
            return inside[fold(str(place))]
    anywhere = [name for fold, name in inside.items() if f"/{fold}".endswith(f"/hlmtools/{file}")]
    return anywhere[0] if len(anywhere) == 1 else None


def _check_notebook(content: bytes, name: str) -> None:
    """Refuse what is no notebook at all; damaged cells are the judge's to mend."""
    try:
        repair.cells(content)
    except repair.Unreadable as reason:
        raise Unreadable(f"{shown(PurePosixPath(name).name)} {reason}.") from None


def _doubts(names: Iterable[str], chosen: str) -> tuple[str, ...]:
    """Which notebook was taken where there are several."""
    others = [name for name in names if is_notebook(name) and name != chosen]
    if not others:
        return ()
    taken = shown(PurePosixPath(chosen).name, 40)
    return (f"{len(others) + 1} notebooks were handed in; {taken} was graded.",)


def _listing(names: Iterable[str]) -> tuple[str, ...]:
    listed = sorted(shown(name, 120) for name in names)
    more = len(listed) - _LISTED
    return (*listed[:_LISTED], f"and {more} more") if more > 0 else tuple(listed)


# --------------------------------------------------------------------------------- names, text


def _ids(hand_ins: Iterable[HandIn]) -> dict[bytes, str]:
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
