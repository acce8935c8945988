"""What is known already: verdicts by a hash of everything that they depend on.

The hash is made of what is graded (notebook, module, names of other files), of what grades it
(tests, references, given code, the judge's own modules, packages), of the limits and of the
strength of the sandbox.
Who handed it in, and when, is no part of it: the same work is graded once, and a verdict is given
its owner when it is taken out.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import platform
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder import assignment, build, course, writing
from autograder.course import ROOT
from autograder.submissions import Submission
from autograder.verdict import Verdict

_GRADED = ("notebook", "module", "files", "extra", "repairs", "problem")
_HASHED_ITSELF = {"build", "course", "markers", "submissions"}  # what these make is in the hash
_JUDGE_PACKAGES = ("otter-grader", "nbclient", "nbformat", "jupyter-client", "msgpack", "pyzmq")
_SHARED = {field.name for field in fields(Verdict)} & {field.name for field in fields(Submission)}
_OWNER = _SHARED - set(_GRADED)  # whose it is; what was mended belongs to the work


def key(submission: Submission, judge: str, strength: str, limits: course.Limits) -> str:
    """Name of the entry that holds the verdict on a submission.

    Parameters
    ----------
    submission
        What is graded.
    judge
        `judge_digest` of the homework.
    strength
        Of the sandbox, in words.
    limits
        Bounds of the grading.
    """
    parts = {
        "submission": {name: getattr(submission, name) for name in _GRADED},
        "judge": judge,
        "packages": packages(),
        "strength": strength,
        "limits": asdict(limits),
    }
    return _digest(json.dumps(parts, sort_keys=True, default=repr))


def path(folder: Path, entry: str) -> Path:
    """File of an entry."""
    return folder / f"{entry}.json"


def known(folder: Path, entry: str, submission: Submission) -> Verdict | None:
    """The verdict on this work as it is stored, given to who handed it in; None without one."""
    try:
        record = json.loads(path(folder, entry).read_text(encoding="utf-8"))
        return owned(Verdict.from_results(record["results"], record["executed"]), submission)
    except (OSError, ValueError, LookupError, TypeError):
        return None  # an entry that cannot be read is none


def remember(folder: Path, entry: str, verdict: Verdict) -> None:
    """Store a verdict for good: it stands on the disk before anything is made from it."""
    record = {"results": verdict.to_stored(), "executed": verdict.executed}
    writing.write_json(path(folder, entry), record, lasting=True)


def owned(verdict: Verdict, submission: Submission) -> Verdict:
    """A verdict on some work, as the verdict on a submission of that same work."""
    owner: dict[str, Any] = {name: getattr(submission, name) for name in _OWNER}
    return replace(verdict, submission=submission.id, **owner)


# ------------------------------------------------------------------------------ what is hashed


@lru_cache
def judge_digest(hw: str | Path) -> str:
    """Hash of all that the course brings to a verdict on a homework, as it is now.

    Prose, reports, dates and other homeworks are no part of it.
    Of a foreign assignment, it is the archive and the judge's own modules.
    """
    if isinstance(hw, Path):
        return _digest(hashlib.sha256(hw.read_bytes()).hexdigest(), _content(code_of("judge")))
    held = assignment.load(hw)
    homework = held.homework
    given = {
        "tests": held.tests,
        "written": held.written,
        "functions": sorted(held.functions),
        "cells": held.given,
    }
    return _digest(
        json.dumps(given, sort_keys=True, default=repr),
        _content([*code_of("judge"), *_course_files(homework)]),
        *(f"{module}: {text}" for module, text in _solved_modules(homework)),
    )


def code_of(module: str) -> list[Path]:
    """Files of the autograder that a module of it needs when it runs, its own included.

    Followed are imports, wherever they stand, and files named in the code, such as the worker's;
    not what only the type checker reads.
    """
    todo = {module}
    found: set[Path] = set()
    while todo:
        name = todo.pop()
        file = _file_of(name)
        if file is not None and file not in found and name not in _HASHED_ITSELF:
            found.add(file)
            todo |= set(_needs(file.read_text(encoding="utf-8")))
    return sorted(found)


@lru_cache
def packages() -> dict[str, str]:
    """Versions of Python, of what a submission can import, and of what runs it."""
    text = (ROOT / "requirements-student.txt").read_text(encoding="utf-8")
    names = {*re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE), *_JUDGE_PACKAGES}
    found = {"python": platform.python_version()}
    for name in sorted(names):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # one for another system
    return found


def _course_files(homework: course.Homework) -> Iterator[Path]:
    """Given code, data, references and slips that a homework's tests and students use."""
    modules = {each.module for each in course.load().homeworks}
    yield from (file for file in (ROOT / "hlmtools").glob("*.py") if file.stem not in modules)
    yield ROOT / "hlmtools" / "slips" / f"{homework.id}.json"
    yield from (ROOT / "data" / f"{name}.csv" for name in homework.data)
    yield from (ROOT / "autograder" / "references").glob(f"{homework.id}*")
    yield ROOT / "autograder" / "references" / "tolerances.toml"
    yield ROOT / "solutions" / homework.folder / "slips.py"


def _solved_modules(homework: course.Homework) -> Iterator[tuple[str, str]]:
    """Student modules of this homework and the earlier ones: twins, and what students get."""
    for each in (*course.load().before(homework.id), homework):
        yield each.module, build.solved_module(each)


def _needs(source: str) -> Iterator[str]:
    """Names of the autograder's modules that code imports or names as files."""
    for node in _running(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.endswith(".py"):
                yield node.value.removesuffix(".py")
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("autograder.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autograder"):
            inside = (node.module or "").removeprefix("autograder").removeprefix(".")
            yield from [inside] if inside else [alias.name for alias in node.names]


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """A syntax tree's nodes without those that only the type checker reads."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def _file_of(name: str) -> Path | None:
    base = ROOT.joinpath("autograder", *name.split("."))
    places = (base.with_suffix(".py"), base / "__init__.py")
    return next((place for place in places if name and place.is_file()), None)


def _content(paths: Iterable[Path]) -> str:
    """Names and hashes of files, in one text; names are relative to the course."""
    found = sorted((each.relative_to(ROOT).as_posix(), each) for each in paths if each.is_file())
    return "".join(
        f"{name} {hashlib.sha256(each.read_bytes()).hexdigest()}\n" for name, each in found
    )


def _digest(*texts: str) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return found.hexdigest()
