"""A new homework: everything it needs, in one small form that builds, verifies and releases.

Its single task is a real one, a mean of cluster means, to be replaced by what the course is about.
Nothing that is there already is written over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from autograder import build, course
from autograder.build import Progress
from autograder.course import ROOT, Course, CourseError

_TEMPLATES = Path(__file__).parent / "templates" / "new"
_STOPS = {"a", "an", "and", "at", "for", "in", "of", "on", "the", "to", "two", "with"}


def new(
    hw: str,
    title: str,
    progress: Progress = lambda line: None,
) -> list[str]:
    """Write the files of a new homework and build it.

    Parameters
    ----------
    hw
        Id, such as "hw7"; the next number of the course.
    title
        What course and students call it, "Three levels".
    progress
        Is told in a line what is being done.

    Returns
    -------
    Paths of the files that were written, in order; those to edit first come first.

    Raises
    ------
    CourseError
        Where the id or the title cannot be used, or a file is there already.
    """
    plan = course.load()
    _refuse_id(plan, hw)
    files = scaffold(plan, hw, title)
    for path in files:
        if (ROOT / path).exists():
            raise CourseError(f"{path} is there already. Move it away, or choose another title.")
    settings = ROOT / "course.toml"
    before = settings.read_bytes()
    try:
        for path, text in files.items():
            progress(f"writing {path}")
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8", newline="\n")
        settings.write_bytes(before + _entry(plan, hw, title).encode())
        _assemble(hw)
        built = build.build([hw], progress=progress)
    except BaseException:
        settings.write_bytes(before)
        _take_back(files)
        raise
    return list(dict.fromkeys([*files, *(line.partition(":")[0] for line in built)]))


def scaffold(plan: Course, hw: str, title: str) -> dict[str, str]:
    """Text of each file of a new homework by its path."""
    folder, module = f"{hw}_{_slug(title)}", _module(plan, title)
    places = {
        "master.py": f"solutions/{folder}/{hw}.py",
        "module.py": f"solutions/hlmtools/{module}.py",
        "slips.py": f"solutions/{folder}/slips.py",
        "alternatives.py": f"solutions/{folder}/alternatives.py",
        "rubric.md": f"solutions/{folder}/rubric.md",
        "handout.md": f"assignments/{folder}/README.md",
        "notes.md": f"assignments/{folder}/notes.md",
        "references.R": f"autograder/references/{hw}.R",
        "references.json": f"autograder/references/{hw}.json",
    }
    words = {"@HW@": hw, "@N@": hw[2:], "@TITLE@": title, "@MODULE@": module}
    return {path: _filled(f"{name}.template", words) for name, path in places.items()}


# ---------------------------------------------------------------------------------- its parts


def _refuse_id(plan: Course, hw: str) -> None:
    numbers = [homework.number for homework in plan.homeworks]
    free = f"hw{max(numbers) + 1}"
    if not re.fullmatch(r"hw[1-9]", hw):
        raise CourseError(f"{hw!r} is no homework's id; hw1 to hw9 are. The next is {free}.")
    if hw != free:
        raise CourseError(f"{hw} is not the next homework. Give {free}, or edit course.toml.")


def _module(plan: Course, title: str) -> str:
    """Name of the student module, refused where given code or another homework has it."""
    name = _slug(title)
    if (plan.root / "hlmtools" / f"{name}.py").exists():
        raise CourseError(f"hlmtools/{name}.py is there already. Choose another title.")
    return name


def _slug(title: str) -> str:
    """The first three words of a title that say something, in snake_case.

    Examples
    --------
    >>> _slug("Three levels: pupils in classes in schools")
    'three_levels_pupils'
    """
    words = [word for word in re.findall(r"[a-z0-9]+", title.lower()) if word not in _STOPS]
    if not words or words[0].isdigit():
        raise CourseError(f"No file can be named after the title {title!r}. Begin with a word.")
    return "_".join(words[:3])


def _filled(name: str, words: dict[str, str]) -> str:
    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _entry(plan: Course, hw: str, title: str) -> str:
    """The homework in course.toml: released on the Monday after the last one is due."""
    last = plan.homeworks[-1].due
    released = (last + timedelta(days=7 - last.weekday())).replace(hour=9, minute=0)
    due = (released + timedelta(days=11)).replace(hour=23, minute=59)
    values = {
        "id": hw,
        "title": title,
        "folder": f"{hw}_{_slug(title)}",
        "module": _slug(title),
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    times = [f"released = {released:%Y-%m-%dT%H:%M:%S}", f"due = {due:%Y-%m-%dT%H:%M:%S}"]
    week = [
        "[[weeks]]",
        f"begins = {released:%Y-%m-%d}",
        f'homework = "{hw}"',
        f"topic = {json.dumps(title, ensure_ascii=False)}",
        f'notes = ["{hw[2:]}.1"]',
        'chapters = "to be chosen"',
        f'tasks = ["{hw[2:]}.1", "{hw[2:]}.2"]',
    ]
    data = 'data = ["bdf", "rail"]'
    return "\n".join(["", "[[assignments]]", *lines, *times, data, "", *week]) + "\n"


def _take_back(files: Iterable[str]) -> None:
    """Leave the course as it was."""
    for path in files:
        (ROOT / path).unlink(missing_ok=True)
        with suppress(OSError):  # not empty: it was there before
            (ROOT / path).parent.rmdir()


def _assemble(hw: str) -> None:
    """Put the quantities and the values of the slips into the new reference file."""
    from autograder.references.assemble import quantities

    path = ROOT / "autograder" / "references" / f"{hw}.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    table["quantities"] = quantities(hw, table)
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
