"""What a learning platform's download holds: one archive, or its folder, of a whole class.

Canvas', Moodle's and Gradescope's downloads are known by the names in them (`autograder.lms`).
Only the path that was given is looked at in this way: a student's own archive inside of it may
hold what it likes, it stays the hand-in of that student.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath

from autograder import lms
from autograder.archives import (
    File,
    Unreadable,
    class_archive,
    entries,
    folder_files,
    is_folder,
    is_junk,
    shown,
)
from autograder.course import CourseError
from autograder.lms import Part
from autograder.people import Person

_GRADABLE = re.compile(r"\.(?:zip|ipynb(?:\.txt|\.json)?)\Z", re.IGNORECASE)
_MODULE = re.compile(r"\.py\Z", re.IGNORECASE)


@dataclass(frozen=True)
class HandIn:
    """What belongs to one student: files by relative name, none of them read yet."""

    label: str  # the id is made from it
    key: bytes  # relative path: unique in a run
    files: Callable[[], Mapping[str, File]] = dict
    extra: tuple[str, ...] = ()
    problem: str | None = None  # known before any file was read
    platform: str = ""
    people: tuple[Person, ...] = ()
    late: bool = False
    attempt: int = 1
    submitted: datetime | None = None
    packed: datetime | None = None  # what a class archive says of the time, to be doubted


@dataclass(frozen=True)
class _Pile:
    """A download: its files by name below the folder that may wrap it."""

    source: str
    files: Mapping[str, File]
    times: Mapping[str, datetime]
    platform: str


def class_hand_ins(path: Path) -> list[HandIn] | None:
    """The hand-ins of a platform's download, None where the path is none.

    Raises
    ------
    CourseError
        Where it is one and cannot be read as such.
    """
    try:
        pile = _pile(path)
    except Unreadable as reason:
        raise CourseError(f"{shown(path.name)}: {reason}") from None
    if pile is None:
        return None
    make = {"canvas": _canvas, "moodle": _moodle, "gradescope": _gradescope}
    return make[pile.platform](pile)


def bundle(path: Path) -> dict[str, dict[str, File]] | None:
    """Files by student where an archive holds several folders or zips, each with one hand-in.

    None where it is one student's: it then has a notebook outside of such folders.
    """
    try:
        files = _unwrapped(_visible(class_archive(path).files))
    except Unreadable:
        return None
    groups: dict[str, dict[str, File]] = {}
    for name, file in files.items():
        top, _, rest = name.partition("/")
        if rest:
            groups.setdefault(top, {})[rest] = file
        elif name.casefold().endswith(".zip"):
            groups.setdefault(PurePosixPath(name).stem, {})[name] = file
        elif _GRADABLE.search(name):
            return None
    full = {name: group for name, group in groups.items() if any(map(_GRADABLE.search, group))}
    given = {"hlmtools", "data", "tests"}.intersection(groups)
    return full if len(full) > 1 and not given else None


def _pile(path: Path) -> _Pile | None:
    if path.is_dir():
        return _folder_pile(path)
    if path.suffix.casefold() != ".zip":
        return None
    try:
        archive = class_archive(path)
    except Unreadable:
        return None  # said where it is read as one student's
    files = _visible(archive.files)
    for prefix in ("", _wrapping(files)):
        inside = {name[len(prefix) :]: file for name, file in files.items()}
        platform = lms.platform(inside)
        if platform:
            times = {name[len(prefix) :]: time for name, time in archive.times.items()}
            return _Pile(path.name, inside, times, platform)
    return None


def _folder_pile(folder: Path) -> _Pile | None:
    """A download that was unpacked: only names at its top decide, and only then is it walked."""
    listed = entries(folder)
    if len(listed) == 1 and is_folder(listed[0]):
        inner = Path(listed[0].path)
        return _folder_pile(inner) if _platform_of_folder(inner) else None
    platform = _platform_of_folder(folder)
    return _Pile(folder.name, folder_files(folder), {}, platform) if platform else None


def _platform_of_folder(folder: Path) -> str:
    names = [f"{each.name}/-" if is_folder(each) else each.name for each in entries(folder)]
    return lms.platform(name for name in names if not name.casefold().endswith(".csv"))


def _visible(files: Mapping[str, File]) -> dict[str, File]:
    return {name: file for name, file in files.items() if not any(map(is_junk, name.split("/")))}


def _unwrapped(files: Mapping[str, File]) -> dict[str, File]:
    prefix = _wrapping(files)
    return {name[len(prefix) :]: file for name, file in files.items()}


def _wrapping(names: Iterable[str]) -> str:
    """The one folder that everything lies in, ``assignment_7_export/``, or ""."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and tops != {""} else ""


# -------------------------------------------------------------------------------- the platforms


def _canvas(pile: _Pile) -> list[HandIn]:
    """One hand-in a student: Canvas writes the files of one attempt beside each other."""
    groups: dict[tuple[str, str], list[tuple[str, Part]]] = {}
    others: list[HandIn] = []
    for name in sorted(pile.files):
        part = lms.canvas(name) if "/" not in name else None
        if part is None:
            others += _stray(pile, name)
        else:
            groups.setdefault((part.user, part.name), []).append((name, part))
    hand_ins = []
    for (user, who), parts in groups.items():
        label = f"{who}_{user}" if who else user
        hand_in = HandIn(label, os.fsencode(f"{pile.source}/{label}"), platform="canvas")
        person = Person(user, who, keys=(("canvas", user),))
        late = any(part.late for _, part in parts)
        hand_ins.append(_filled(replace(hand_in, people=(person,), late=late), pile, parts))
    return hand_ins + others


def _filled(hand_in: HandIn, pile: _Pile, parts: list[tuple[str, Part]]) -> HandIn:
    """The newest notebook or zip with the newest of each module; the rest is listed."""
    newest = sorted(parts, key=lambda each: each[1].number)
    gradable = [(name, part) for name, part in newest if _GRADABLE.search(part.file)]
    if not gradable:
        typed = all(not part.file for _, part in parts)
        what = "only a text or a link typed into the platform" if typed else "no notebook or zip"
        names = tuple(name for name, _ in parts)
        return replace(hand_in, extra=names, problem=f"It holds {what}; {_ASK}.")
    name, part = gradable[-1]
    files = {PurePosixPath(part.file).name: pile.files[name]}
    used = {name}
    for other, module in newest:
        if _MODULE.search(module.file) and _GRADABLE.search(part.file)[0].casefold() != ".zip":  # type: ignore[index]
            files[PurePosixPath(module.file).name] = pile.files[other]
            used.add(other)
    return replace(
        hand_in,
        files=partial(dict, files),
        extra=tuple(name for name, _ in parts if name not in used),
        attempt=max(part.attempt, len(gradable)),
        packed=_latest(pile, used),
    )


_ASK = "ask for the zip that the notebook's last cell makes"


def _moodle(pile: _Pile) -> list[HandIn]:
    """One hand-in a participant or team: a folder, or files that begin alike."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    others: list[HandIn] = []
    for name in sorted(pile.files):
        part = lms.moodle(name)
        if part is None:
            others += _stray(pile, name)
        else:
            files = groups.setdefault((part.user, part.name), {})
            files |= {part.file: name} if part.file else {}
    hand_ins = []
    for (user, who), files in groups.items():
        label = f"{who or 'Participant'}_{user}"
        problem = None if files else f"It holds only a text typed into the platform; {_ASK}."
        hand_ins.append(
            HandIn(
                label,
                os.fsencode(f"{pile.source}/{label}"),
                partial(dict, {file: pile.files[name] for file, name in files.items()}),
                problem=problem,
                platform="moodle",
                people=(Person(user, who, keys=(("moodle", user),)),),
                packed=_latest(pile, files.values()),
            )
        )
    return hand_ins + others


def _gradescope(pile: _Pile) -> list[HandIn]:
    """One hand-in an entry of the metadata; what they do not know is listed all the same."""
    try:
        known = lms.gradescope(pile.files[lms.METADATA](lms.MAX_METADATA))
    except ValueError as reason:
        raise CourseError(
            f"{lms.METADATA} cannot be read: {reason}. Download the export again."
        ) from None
    groups: dict[str, dict[str, File]] = {folder: {} for folder in known}
    others = []
    for name, file in sorted(pile.files.items()):
        folder, _, rest = name.partition("/")
        if rest:
            groups.setdefault(folder, {})[rest] = file
        elif name != lms.METADATA:
            others += _stray(pile, name)
    hand_ins = []
    for folder, files in groups.items():
        entry = known.get(folder)
        one = HandIn(folder, os.fsencode(f"{pile.source}/{folder}"), partial(dict, files))
        one = replace(one, platform="gradescope")
        if entry is not None:
            one = replace(
                one, people=entry.people, submitted=entry.submitted, attempt=entry.attempt
            )
        if not files:
            one = replace(one, problem="The export holds no files of it; download it again.")
        hand_ins.append(one)
    return hand_ins + others


def _stray(pile: _Pile, name: str) -> list[HandIn]:
    """A file that the platform did not name: read where it can be, never dropped in silence."""
    if PurePosixPath(name).suffix.casefold() in {".csv", ".xlsx", ".html", ".yml", ".yaml"}:
        return []
    key = os.fsencode(f"{pile.source}/{name}")
    base = PurePosixPath(name).name
    if _GRADABLE.search(base):
        files = {base: pile.files[name]}
        return [HandIn(_GRADABLE.sub("", base), key, partial(dict, files))]
    return [HandIn(base, key, problem=f"Its name is none that the platform gives; {_ASK}.")]


def _latest(pile: _Pile, names: Iterable[str]) -> datetime | None:
    """The latest time of some entries, where all are of one kind."""
    times = [pile.times[name] for name in names if name in pile.times]
    aware = [time for time in times if time.tzinfo is not None]
    return max(aware or times, default=None)
