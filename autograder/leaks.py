"""Searches what a student gets for what a student must not get.

Secret are, of a homework and of all later ones: solutions, hidden test cases, reference files,
and the graded numbers to six or more digits.
Numbers of fewer digits are published in textbooks and papers; longer ones that are published too
stand in course.toml.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from autograder import build, course, markers
from autograder.course import ROOT, Course, Homework

SECRET_DIGITS = 6

_ALLOWED = re.compile(
    r"""hw\d\.ipynb|notes\.ipynb|README\.md|START_HERE\.txt|requirements\.txt|LICENSE
    |hlmtools/\w+\.py|hlmtools/slips/hw\d\.json
    |data/\w+\.(?:csv|md)|data/registry\.toml|tests/task\d_\d[a-z]?\.py""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"(?<![\w.])(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")
_GROUPED = re.compile(r"(?<=\d)(?:,|\\,|\{,\}|[_\u00a0\u2009\u202f])(?=\d{3}(?!\d))")
_HIDDEN = re.compile(r"\bhidden\s*[=:]\s*(?i:true)\b|^\s*#\s*HIDDEN\s*$")
_BUILDER = re.compile(r"\bfrom autograder\b.*\bimport\b|\bimport autograder\b|BEGIN TEST CONFIG")
_PREFIX = re.compile(r"^(?:[\s#>*|-]|\.\.\.)+")
_TELLING = 20  # letters and digits in two lines that are worth keeping secret


@dataclass(frozen=True)
class Secrets:
    """What must not be seen before a homework is closed.

    Attributes
    ----------
    values
        Key and value of the graded numbers.
    pairs
        Two consecutive lines of a solution or of a hidden test, with where they come from.
    names
        Functions of hidden tests.
    hashes
        sha256 of files that are secret as a whole.
    published
        Numbers that may be quoted, as they are written.
    """

    values: tuple[tuple[str, float], ...]
    pairs: Mapping[tuple[str, str], str]
    names: frozenset[str]
    hashes: Mapping[str, str]
    published: frozenset[str]


def scan(files: Mapping[str, bytes], hw: str, root: Path = ROOT) -> list[str]:
    """Search the files of a student archive.

    Parameters
    ----------
    files
        Content by path inside the archive.
    hw
        The homework they are for.
    root
        Folder of the course.

    Returns
    -------
    One line a finding: file, line where there is one, and what was found. Empty when clean.
    """
    secrets = collect(hw, root)
    findings = []
    for path, content in sorted(files.items()):
        findings += [f"{path}{found}" for found in _scan_file(path, content, secrets)]
    return findings + _scan_package(files, hw, root) + _scan_data(files, root)


def collect(hw: str, root: Path = ROOT) -> Secrets:
    """Gather the secrets of a homework and of all later ones."""
    plan = course.load(root)
    number = plan.homework(hw).number
    open_ones = [homework for homework in plan.homeworks if homework.number >= number]
    values: list[tuple[str, float]] = []
    hashes: dict[str, str] = {}
    solutions: dict[tuple[str, str], str] = {}
    tests: dict[tuple[str, str], str] = {}
    names: set[str] = set()
    for homework in open_ones:
        values += _graded_values(homework, root)
        hashes |= _file_hashes(homework, root)
        master = build.read_master(homework, root)
        solutions |= _solution_pairs(homework, master, root)
        for question in master.questions:
            for case in (case for case in question.cases if case.hidden):
                names.add(case.name)
                lines = case.source.splitlines()[1:]
                tests |= dict.fromkeys(_pairs(lines), f"a hidden test of {question.name}")
    given = _given_pairs(plan, number)
    untold = {pair: where for pair, where in solutions.items() if pair not in given}
    return Secrets(
        values=tuple(values),
        pairs=untold | tests,
        names=frozenset(names),
        hashes=hashes,
        published=frozenset(text for homework in plan.homeworks for text in homework.published),
    )


# ------------------------------------------------------------------------------ what is secret


def _graded_values(homework: Homework, root: Path) -> list[tuple[str, float]]:
    values = []
    for key, entry in build.read_references(homework, root)["quantities"].items():
        right = [entry["value"], *(also["value"] for also in entry.get("also_right", []))]
        values += [(key, float(value)) for value in right]
    return values


def _file_hashes(homework: Homework, root: Path) -> dict[str, str]:
    references = root / "autograder" / "references"
    paths = [*references.glob(f"{homework.id}.*"), build.module_path(homework, root)]
    paths += (root / "solutions" / homework.folder).rglob("*")
    return {
        hashlib.sha256(path.read_bytes()).hexdigest(): path.relative_to(root).as_posix()
        for path in paths
        if path.is_file()
    }


def _solution_pairs(
    homework: Homework, master: markers.Master, root: Path
) -> dict[tuple[str, str], str]:
    text = build.module_path(homework, root).read_text(encoding="utf-8")
    blocks = [*markers.module_blocks(text), *_joined(master.blocks)]
    return {
        pair: f"a solution of task {block.task}" for block in blocks for pair in _pairs(block.lines)
    }


def _joined(blocks: Iterable[markers.Block]) -> Iterator[markers.Block]:
    """Marked stretches of a notebook, those that follow each other at once as one."""
    last: markers.Block | None = None
    for block in sorted(blocks, key=lambda block: block.start):
        if last and block.start == last.end + 1:
            lines = (*last.lines, *block.lines)
            last = markers.Block(last.id, last.start, block.end, last.indent, lines)
            continue
        if last:
            yield last
        last = block
    if last:
        yield last


def _given_pairs(plan: Course, number: int) -> set[tuple[str, str]]:
    """Pairs of lines that stand in given code: the package, earlier modules, given cells."""
    open_modules = {each.module for each in plan.homeworks if each.number >= number}
    texts = [
        path.read_text(encoding="utf-8")
        for path in (plan.root / "hlmtools").glob("*.py")
        if path.stem not in open_modules
    ]
    for homework in plan.homeworks:
        if homework.number < number:
            texts.append(build.solved_module(homework, plan.root))
            continue
        texts.append(build.stub(homework, plan.root))
        notebook = json.loads(build.template(homework.id, plan.root))
        texts += ["".join(cell["source"]) for cell in notebook["cells"]]
    return {pair for text in texts for pair in _pairs(text.splitlines())}


def _pairs(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Consecutive lines of code that say enough together to be recognised."""
    code = [plain for line in lines if (plain := _normal(line))]
    for pair in pairwise(code):
        imports = all(line.startswith(("import", "from")) for line in pair)
        if sum(map(str.isalnum, "".join(pair))) >= _TELLING and not imports:
            yield pair


def _normal(line: str) -> str:
    """A line without indent, spacing and whatever makes it a comment, quotation or doctest."""
    return re.sub(r"\s+", "", _PREFIX.sub("", line))


# -------------------------------------------------------------------------- what is searched


def _scan_file(path: str, content: bytes, secrets: Secrets) -> Iterator[str]:
    if not _ALLOWED.fullmatch(path):
        yield ": this file has no place in a student archive"
    source = secrets.hashes.get(hashlib.sha256(content).hexdigest())
    if source:
        yield f": is {source}"
    if path.endswith(".csv"):
        return  # compared with its registered checksum
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        yield ": is not text, and cannot be searched"
        return
    if path.endswith(".json"):
        yield from _scan_json(text)
    for name, lines in _passages(path, text):
        yield from _scan_lines(name, lines, secrets)


def _passages(path: str, text: str) -> Iterator[tuple[str, list[str]]]:
    """A file's lines; a notebook's by cell, for JSON hides line breaks."""
    if not path.endswith(".ipynb"):
        yield "", text.splitlines()
        return
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        name = f", cell {cell.get('id', '?')}"
        yield name, "".join(cell["source"]).splitlines()
        rest = {key: value for key, value in cell.items() if key != "source"}
        yield f"{name} (outputs and metadata)", list(_strings(rest))
    rest = {key: value for key, value in notebook.items() if key != "cells"}
    yield ", metadata", list(_strings(rest))


def _strings(value: Any) -> Iterator[str]:
    """Every line of text or number in a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list):
        joined = all(isinstance(item, str) and item.endswith("\n") for item in value[:-1])
        for item in ["".join(map(str, value))] if joined else value:
            yield from _strings(item)
    elif value is not None:
        yield from str(value).splitlines()


def _scan_lines(name: str, lines: list[str], secrets: Secrets) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        where = f"{name}, line {number}"
        if markers.MARK.search(line):
            yield f"{where}: a solution marker"
        if _HIDDEN.search(line):
            yield f"{where}: a hidden test"
        if _BUILDER.search(line):
            yield f"{where}: what only the judge uses"
        defined = re.search(r"\bdef (\w+)\(", line)
        if defined and defined[1] in secrets.names:
            yield f"{where}: the hidden test {defined[1]}"
        for key in _graded(line, secrets):
            yield f"{where}: the value of {key} to {SECRET_DIGITS} or more digits"
    yield from _scan_pairs(name, lines, secrets)


def _scan_pairs(name: str, lines: list[str], secrets: Secrets) -> Iterator[str]:
    found = dict.fromkeys(secrets.pairs[pair] for pair in _pairs(lines) if pair in secrets.pairs)
    for where in found:
        yield f"{name}: lines of {where}"


def _graded(line: str, secrets: Secrets) -> list[str]:
    """Keys of the graded numbers that a line gives to six or more digits."""
    texts = {*_NUMBER.findall(line), *_NUMBER.findall(_GROUPED.sub("", line))}
    long = [text for text in texts if _digits(text) >= SECRET_DIGITS] if texts else []
    found = (
        key
        for text in long
        if text not in secrets.published
        for key, value in secrets.values
        if _same_number(text, value)
    )
    return list(dict.fromkeys(found))


def _digits(text: str) -> int:
    """Significant digits of a number as written.

    Examples
    --------
    >>> _digits("0.00123"), _digits("47116.79"), _digits("1.50e-3")
    (3, 7, 3)
    """
    mantissa = re.split("[eE]", text)[0]
    return len(mantissa.replace(".", "").lstrip("0"))


def _same_number(text: str, value: float) -> bool:
    """Whether a number as written is a value rounded or cut to its digits (sign set aside).

    Examples
    --------
    >>> _same_number("8.61403", -8.614025), _same_number("8.61405", 8.614025)
    (True, False)
    """
    mantissa, _, exponent = text.lower().partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))  # of the last digit
    beyond = (abs(value) - float(text)) / unit
    return -0.5 - 1e-6 <= beyond < 1  # rounded up, or rounded down and cut


def _scan_json(text: str) -> Iterator[str]:
    """Slip files hold hashes and sentences; whatever else they hold is a finding."""
    try:
        table = json.loads(text)
        entries = table["quantities"].values()
        entry_keys = {key for entry in entries for key in entry}
        slip_keys = {key for entry in entries for slip in entry["slips"] for key in slip}
    except (ValueError, KeyError, TypeError, AttributeError):
        yield ": is no file of hashed slips"
        return
    known = {"generated", "homework", "module", "quantities"}
    odd = set(table) - known | entry_keys - {"task", "salt", "width", "slips"}
    odd |= slip_keys - {"hash", "says", "see"}
    if odd:
        yield f": a reference file ({', '.join(sorted(odd))})"


def _scan_package(files: Mapping[str, bytes], hw: str, root: Path) -> list[str]:
    """Student modules of open homeworks are stubs: no function body does more than raise."""
    plan = course.load(root)
    number = plan.homework(hw).number
    findings = []
    for homework in (each for each in plan.homeworks if each.number >= number):
        path = f"hlmtools/{homework.module}.py"
        if path in files and files[path].decode() != build.stub(homework, root):
            findings.append(f"{path}: is not the stub of its master")
    return findings


def _scan_data(files: Mapping[str, bytes], root: Path) -> list[str]:
    """Data sets are the registered ones."""
    registry = tomllib.loads((root / "data" / "registry.toml").read_text(encoding="utf-8"))
    known = {entry["file"]: entry["sha256"] for entry in registry.values()}
    return [
        f"{path}: is not the registered data set"
        for path, content in sorted(files.items())
        if path.endswith(".csv")
        and known.get(path.removeprefix("data/")) != hashlib.sha256(content).hexdigest()
    ]
