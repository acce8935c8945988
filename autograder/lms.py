"""What names and metadata in the downloads of learning platforms say.

The names come from the platforms' own sources: instructure/canvas-lms ``content_zipper.rb``,
moodle ``mod/assign/classes/downloader.php``.
Parts of every name are written by students: a name is read from its front, so that nothing in a
file's name can stand for somebody else's id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from autograder.given import moment
from autograder.people import Person
from autograder.rendering import clean

METADATA = "submission_metadata.yml"
MAX_METADATA = 64 * 2**20
MAX_DEPTH = 40

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

# A date such as 2027_11_05 is not a user and an attachment: so names of otter's exports begin.
_DATE = r"20\d\d_(?:0?[1-9]|1[0-2])_(?:[0-2]?\d|3[01])(?!\d)"
_CANVAS = re.compile(
    r"(?:(?P<name>(?!LATE_|anon_)[^_]+)_)?(?:(?P<late>LATE)_)?"
    rf"(?!{_DATE})(?P<user>anon_[A-Za-z0-9]+|\d+)_"
    r"(?:(?P<attachment>\d+)_(?P<file>.+)|(?P<kind>text|link)\.html)",
    re.DOTALL,
)
_MOODLE = re.compile(
    r"(?P<name>[^/]+?)_(?P<user>\d+)_assignsubmission_(?P<kind>file|onlinetext)"
    r"(?:_?/(?P<path>.+)|_(?P<flat>[^/]+))",
    re.DOTALL,
)
_RESUBMITTED = re.compile(r"-(\d{1,3})(?=\.[A-Za-z0-9.]+\Z)")  # Canvas: hw1-2.ipynb


@dataclass(frozen=True)
class Part:
    """One file of a hand-in, as its name in a download tells."""

    platform: str
    name: str
    user: str
    file: str  # as the student called it; "" for an entry typed into the platform
    late: bool = False
    number: int = 0  # of the attachment; a later one is larger
    attempt: int = 1


@dataclass(frozen=True)
class HandedIn:
    """What Gradescope's metadata say of one submission."""

    people: tuple[Person, ...]
    submitted: datetime | None
    attempt: int


# ------------------------------------------------------------------------------------- names in


def canvas(name: str) -> Part | None:
    """Read the name of an entry of Canvas' ``submissions.zip``.

    >>> canvas("doejane_LATE_4711_90210_hw1-2.zip")
    Part(platform='canvas', name='doejane', user='4711', file='hw1.zip', late=True, \
number=90210, attempt=3)
    >>> canvas("anon_x7f_90211_hw1.ipynb").user, canvas("hw1_2027_02_05T10_11_12_123456.zip")
    ('anon_x7f', None)
    """
    found = _CANVAS.fullmatch(name)
    if found is None:
        return None
    file = found["file"] or ""
    again = _RESUBMITTED.search(file)
    return Part(
        platform="canvas",
        name=found["name"] or "",
        user=found["user"],
        file=_RESUBMITTED.sub("", file),
        late=found["late"] is not None,
        number=int(found["attachment"][:18]) if found["attachment"] else 0,
        attempt=int(again[1]) + 1 if again else 1,
    )


def moodle(name: str) -> Part | None:
    """Read the name of an entry of Moodle's zip, in folders or flat.

    >>> moodle("Jane Doe_812_assignsubmission_file_/work/hw1.ipynb").file
    'work/hw1.ipynb'
    >>> moodle("Participant_813_assignsubmission_file_hw1.zip")
    Part(platform='moodle', name='', user='813', file='hw1.zip', late=False, number=0, attempt=1)
    """
    found = _MOODLE.fullmatch(name)
    if found is None:
        return None
    file = (found["path"] or found["flat"]) if found["kind"] == "file" else ""
    who = "" if found["name"] == "Participant" else found["name"]  # blind marking
    return Part("moodle", who, found["user"], file)


def platform(names: Iterable[str]) -> str:
    """Which platform's download has these entries; "" where it is none.

    Half of the entries have to have the platform's form, so that one file of a student that is
    called like an entry makes no class of a folder.
    """
    listed = list(names)
    if METADATA in listed:
        return "gradescope"
    if any(moodle(name) for name in listed):
        return (
            "moodle" if 2 * sum(moodle(name) is not None for name in listed) >= len(listed) else ""
        )
    top = [name for name in listed if "/" not in name]
    fits = sum(canvas(name) is not None for name in top)
    return "canvas" if fits and 2 * fits >= len(listed) else ""


# -------------------------------------------------------------------------- Gradescope's metadata


def gradescope(text: bytes) -> dict[str, HandedIn]:
    """What ``submission_metadata.yml`` says, by the folder of the submission.

    The keys are Ruby symbols (``:sid``).  PyYAML's base loader makes texts, lists and tables of
    everything and knows neither types nor merges; it is stricter than the safe one, which would
    take the id 007 for a number.

    Raises
    ------
    ValueError
        Where it is no such file.
    """
    try:
        decoded = text.decode("utf-8-sig")
        _refuse_depth(decoded)
        read = yaml.load(decoded, Loader=_LOADER)
    except UnicodeDecodeError:
        raise ValueError("it is not in UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ValueError(f"it is no YAML{where}") from None
    if not isinstance(read, dict):
        raise ValueError("it holds no table of submissions")
    return {
        str(folder): _handed_in(entry) for folder, entry in read.items() if isinstance(entry, dict)
    }


def _refuse_depth(text: str) -> None:
    """Nesting is bounded before libyaml's loader recurses over it in C."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


def _handed_in(entry: Mapping[str, Any]) -> HandedIn:
    submitters, history = entry.get(":submitters"), entry.get(":history")
    created = entry.get(":created_at")
    listed = submitters if isinstance(submitters, list) else []
    people = [_person(one) for one in listed if isinstance(one, dict)]
    return HandedIn(
        people=tuple(person for person in people if person != Person()),
        submitted=moment(created, UTC) if isinstance(created, str) else None,
        attempt=max(1, len(history)) if isinstance(history, list) else 1,
    )


def _person(entry: Mapping[str, Any]) -> Person:
    sid, name, email = (_one_line(entry.get(key)) for key in (":sid", ":name", ":email"))
    keys = (("gradescope", sid),) if sid else ()
    return Person(student_id=sid or email, name=name, email=email, keys=keys)


def _one_line(value: Any) -> str:
    text = " ".join(clean(value).split())[:200] if isinstance(value, str) else ""
    return "" if text in {"~", "null"} else text
