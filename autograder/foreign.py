"""An assignment that `otter assign` made elsewhere, from its autograder archive.

The archive is the staff's own, so its tests are run and believed; its size and its paths are
looked at all the same.  It holds ``otter_config.json``, ``tests/*.py`` (wherever students have
their tests: in files or in the notebook's metadata) and ``files/``.
What such an archive asks for and the judge cannot do is refused by name.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import json
import re
import stat
import zipfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import CodeType
from typing import Any

from nbformat import NotebookNode
from otter.test_files import ExceptionTestFile, OKTestFile, TestCase

from autograder import kinds
from autograder.assignment import Assignment
from autograder.course import CourseError, elsewhere
from autograder.remote import KernelLost, RemoteError, TimeOver
from autograder.submissions import Submission
from autograder.testfile import GuardedEnvironment, JudgeTestFile

MAX_FILES = 10_000
MAX_FILE = 64 * 2**20
MAX_ARCHIVE = 256 * 2**20
_IGNORED_TAG = "otter_ignore"
_SEEDS = "__import__('numpy').random.seed({0}); __import__('random').seed({0})"


@dataclass(frozen=True)
class Foreign(Assignment):
    """What the judge holds of an assignment made by `otter assign`.

    Attributes
    ----------
    files
        Support files by their path in the notebook's folder.
    seed
        Code that runs before every cell; empty where there is no seed.
    assignment_name
        What the metadata of a student's notebook must say, where it is given.
    points_possible, score_threshold
        Otter's settings for the score in all: what the sum of points is scaled to, and the share
        of points from which on everything counts and below which nothing does.
    """

    files: tuple[tuple[str, bytes], ...] = ()
    seed: str = ""
    assignment_name: str | None = None
    points_possible: float | None = None
    score_threshold: float | None = None

    def task(self, question: str) -> str:
        """A question is a task of its own."""
        return question

    def test_file(self, question: str) -> JudgeTestFile:
        """A question's test cases, each to be run here or beside the student's code."""
        return _test_file(question, self.tests[question])

    def lay_out(self, submission: Submission, files: Path) -> None:
        """The files that the assignment brings, and what else the student handed in."""
        theirs = [(name, data) for name, data in submission.files if not name.startswith("tests/")]
        for name, data in (*self.files, *theirs):
            path = files / name
            with contextlib.suppress(OSError):  # a name that is taken, or too long for the disk
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    file.write(data)

    @property
    def at_check_cells(self) -> bool:
        """Otter tests at the check cell: what a later cell changes must not change a score."""
        return True

    @property
    def seeding(self) -> str:
        """Otter's seeding between cells."""
        return self.seed

    def ignores(self, cell: NotebookNode) -> bool:
        """Whether a cell is marked not to run when it is graded."""
        tags, ours = cell.metadata.get("tags"), cell.metadata.get("otter")
        tagged = isinstance(tags, list) and _IGNORED_TAG in tags
        return tagged or (isinstance(ours, dict) and bool(ours.get("ignore")))

    def refusal(self, notebook: NotebookNode) -> str | None:
        """Why a notebook is not one of this assignment."""
        ours = notebook.metadata.get("otter")
        name = ours.get("assignment_name") if isinstance(ours, dict) else None
        if self.assignment_name is None or name == self.assignment_name:
            return None
        return f"is of {str(name)[:80]!r}, not of {self.assignment_name!r}"

    def total(self, earned: float, possible: float) -> tuple[float, float] | None:
        """Points in all where they are not the sum of the cases' points."""
        if self.points_possible is None and self.score_threshold is None:
            return None
        whole = possible if self.points_possible is None else self.points_possible
        share = earned / possible if possible else 0.0
        if self.score_threshold is not None:
            share = float(share >= self.score_threshold)
        return share * whole, whole


def load(path: Path) -> Foreign:
    """Read an autograder archive.

    Raises
    ------
    CourseError
        Where it is none, or asks for something that cannot be carried over.
    """
    status = path.stat() if path.is_file() else None
    return _load(path, (status.st_mtime_ns, status.st_size) if status else None)


@lru_cache(maxsize=4)
def _load(path: Path, _: tuple[int, int] | None) -> Foreign:
    held = _read_archive(path)
    settings = _settings(held, path)
    _refuse(settings, held, path)
    tests = {
        PurePosixPath(name).stem: data.decode("utf-8")
        for name, data in sorted(held.items())
        if name.startswith("tests/") and name.endswith(".py") and name.count("/") == 1
    }
    if not tests:
        raise CourseError(f"{path} holds no tests/*.py. Give the archive that otter assign wrote.")
    name = settings.get("assignment_name")
    title = name or path.stem.split("-autograder")[0]
    found = Foreign(
        homework=elsewhere(_identifier(title), title),
        tests=tests,
        written=(),
        functions=frozenset(),
        files=tuple(
            (inner.removeprefix("files/"), data)
            for inner, data in sorted(held.items())
            if inner.startswith("files/")
        ),
        seed=_seeding(settings),
        assignment_name=name,
        points_possible=settings.get("points_possible"),
        score_threshold=settings.get("score_threshold"),
    )
    for question in tests:
        found.test_file(question)  # a file that is none is said now, not for each student
    return found


def _identifier(title: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", title).strip("._-")[:60] or "assignment"


# --------------------------------------------------------------------------------- the archive


def _read_archive(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            _refuse_size(entries, path)
            return {_inner_name(entry, path): archive.read(entry) for entry in entries}
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        remedy = "Give the zip that otter assign wrote into its folder autograder/."
        raise CourseError(f"{path} cannot be read as an archive ({error}). {remedy}") from None


def _refuse_size(entries: list[zipfile.ZipInfo], path: Path) -> None:
    sizes = [entry.file_size for entry in entries]
    if len(sizes) > MAX_FILES or max(sizes, default=0) > MAX_FILE or sum(sizes) > MAX_ARCHIVE:
        limits = f"{MAX_FILES} files, {MAX_FILE >> 20} MB each, {MAX_ARCHIVE >> 20} MB in all"
        raise CourseError(f"{path} is too large. At most {limits} are read; leave files out.")


def _inner_name(entry: zipfile.ZipInfo, path: Path) -> str:
    parts = PurePosixPath(entry.filename).parts
    outside = entry.filename.startswith("/") or ".." in parts or "\\" in entry.filename
    if outside or not parts or stat.S_ISLNK(entry.external_attr >> 16):
        raise CourseError(f"{path} holds {entry.filename!r}, a link or a path that leads outside.")
    return "/".join(part for part in parts if part != ".")


def _settings(held: dict[str, bytes], path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(held.get("otter_config.json", b"{}"))
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise CourseError(f"otter_config.json in {path} is no JSON object. Make the archive again.")
    return settings


def _refuse(settings: dict[str, Any], held: dict[str, bytes], path: Path) -> None:
    """Say what cannot be carried over, by otter's own names."""
    in_r = settings.get("lang") == "r" or any(
        name.startswith("tests/") and name.lower().endswith(".r") for name in held
    )
    wanted = {
        "lang: r (an assignment in R)": in_r,
        "plugins": bool(settings.get("plugins")),
        "grade_from_log": bool(settings.get("grade_from_log")),
    }
    named = ", ".join(name for name, is_wanted in wanted.items() if is_wanted)
    if named:
        remedy = "Grade it with otter grade, or make it again without."
        raise CourseError(f"{path} asks for what this judge cannot do: {named}. {remedy}")


def _seeding(settings: dict[str, Any]) -> str:
    seed, variable = settings.get("seed"), settings.get("seed_variable")
    if seed is None:
        return ""
    return f"{variable} = {seed!r}" if variable else _SEEDS.format(int(seed))


# ----------------------------------------------------------------------------------- the tests


class ForeignTestFile(JudgeTestFile):
    """Test cases of a foreign assignment; of a hidden one, only its own message is shown."""

    def parameters(self) -> list[str]:
        """Nothing is fetched ahead: the tests run where they would be fetched."""
        return []

    def _explain(self, error: Exception, hidden: bool) -> str:
        says, case = super()._explain(error, hidden), self.test_cases[0]
        if isinstance(error, (TimeOver, KernelLost)):
            return says
        self.fault, self.odd = None, _by_hand(error) or self.odd
        if case.failure_message:
            return case.failure_message
        if hidden or isinstance(error, (AssertionError, RemoteError)) or self.missing:
            return "This check did not pass." if hidden else says
        return f"This check did not pass: {type(error).__name__}: {str(error)[:300]}"


def _by_hand(error: Exception) -> str | None:
    """What a TA should look at: an honest answer may be of a kind that the judge cannot compare."""
    text = str(error)
    is_handle = isinstance(error, RemoteError) and text.endswith("where plain data is needed")
    return (
        f"{text}; if that is right for this question, give its points by hand"
        if is_handle
        else None
    )


def _test_file(question: str, source: str) -> ForeignTestFile:
    try:
        made: dict[str, Any] = {}
        exec(_compiled(question, source), made)
        if made.get("OK_FORMAT", "test" in made):
            held: Any = OKTestFile.from_spec(made["test"], path=f"{question}.py")
            cases = [replace(case, body=_Doctest(case.body)) for case in held.test_cases]
        else:
            held = ExceptionTestFile.from_string(source, path=f"{question}.py")
            cases = [replace(case, body=_function(case, source)) for case in held.test_cases]
    except CourseError:
        raise
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise CourseError(f"tests/{question}.py cannot be read ({problem}). Mend it.") from None
    return ForeignTestFile(question, held.path, cases, all_or_nothing=held.all_or_nothing)


@lru_cache
def _compiled(question: str, source: str) -> CodeType:
    return compile(source, f"{question}.py", "exec")


def _function(case: TestCase, source: str) -> _Function:
    name = case.body.test_func.__name__
    found = [node for node in _functions(source) if node.name == name]
    return _Function(case.body, source, kinds.why_beside(found[-1]))


@lru_cache
def _functions(source: str) -> tuple[ast.FunctionDef, ...]:
    return tuple(node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))


class _Function:
    """Body of an exception-based test case."""

    def __init__(self, decorated: Any, source: str, why_beside: str | None) -> None:
        self.test_func, self._decorated = decorated.test_func, decorated
        self._source, self.beside = source, why_beside

    def call_func(self, environment: GuardedEnvironment) -> None:
        """Run it, as otter's own body does."""
        if self.beside:
            environment.test_beside(self._source, self.test_func.__name__)
            return
        self._decorated.call_func(_JudgeModules(environment))


class _Doctest:
    """Body of an OK-format test case."""

    def __init__(self, text: str) -> None:
        self._text, self.beside = text, kinds.why_doctest_beside(text)

    def call_func(self, environment: GuardedEnvironment) -> None:
        """Run it on the values that the notebook has for its names."""
        if self.beside:
            environment.test_beside(self._text, "")
            return
        values, parser = _JudgeModules(environment), doctest.DocTestParser()
        examples = parser.get_examples(self._text)
        read = kinds.names_of([line for each in examples for line in ast.parse(each.source).body])
        known = {name: values[name] for name in sorted(read) if name in values}
        test = doctest.DocTest(examples, known, "test", None, None, self._text)
        with environment.printing():
            _run_examples(test)


def _run_examples(test: doctest.DocTest) -> None:
    try:
        doctest.DebugRunner(verbose=False).run(test, clear_globs=False)
    except doctest.UnexpectedException as failure:
        raise failure.exc_info[1] from None
    except doctest.DocTestFailure as failure:
        text = failure.example.source.strip()[:200]
        raise AssertionError(f"This did not give what it should: {text}") from None


class _JudgeModules:
    """The notebook's names, but that `np` and its like are the judge's own modules."""

    def __init__(self, environment: GuardedEnvironment) -> None:
        self._environment = environment

    def get(self, name: str, default: Any = None) -> Any:
        if name in kinds.MODULES and name in self._environment:
            return __import__(kinds.MODULES[name])
        return self._environment.get(name, default)

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._environment
