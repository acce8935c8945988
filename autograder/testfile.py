"""Otter's test files as the judge runs them: on remote values, with messages that tell nothing.

What a test takes is fetched when the notebook stands at the check cell, and kept; the test itself
may run later, on what was kept.
"""

from __future__ import annotations

import inspect
import re
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from otter.test_files import ExceptionTestFile, TestCase

from autograder.remote import (
    CheckOver,
    Environment,
    Kernel,
    KernelLost,
    Record,
    RemoteError,
    RemoteHandle,
    TimeOver,
    is_remote,
    open_records,
)
from hlmtools.check import SlipRecognised

JUDGE_BYTES = 2**30
"""Memory that one test may take in the judge beyond what it has."""

JUDGE_SECONDS = 60
"""Time of one test in the judge beyond that in which the submission answers."""

_STATM = Path("/proc/self/statm")


@dataclass
class Conduct:
    """How the functions and objects of one submission behaved so far."""

    stopped: dict[str, str] = field(default_factory=dict)
    """what hung or ended the kernel, by name, and what happened: it is not used again"""
    answered: set[str] = field(default_factory=set)
    """functions that gave back a value to some call of a hidden case"""

    def refuse(self, name: str) -> None:
        """Raise where something of this name is not to be used again."""
        if name in self.stopped:
            earlier = f"{name} was not used again, because in an earlier check"
            raise TimeOver(f"{earlier} {self.stopped[name]}")

    def blame(self, names: Iterable[str], happened: str) -> None:
        """Where nothing is known to be the culprit, everything that a case used is."""
        if not self.stopped.keys() & set(names):
            self.stopped.update(dict.fromkeys(names, happened))


class StudentFunction(RemoteHandle):
    """A function of the student module; how its calls end is noted."""

    def __init__(self, handle: RemoteHandle, name: str, case: GuardedEnvironment) -> None:
        super().__init__(handle._kernel, handle._handle)
        self._name, self._case = name, case

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._case.conduct.refuse(self._name)
        try:
            value = super().__call__(*args, **kwargs)
        except CheckOver:
            raise
        except (TimeOver, KernelLost) as problem:
            self._case.conduct.stopped[self._name] = str(problem)
            raise
        except Exception:
            self._case.raised.add(self._name)
            raise
        if self._case.hidden:
            self._case.conduct.answered.add(self._name)
        return value


@dataclass(frozen=True)
class Absent:
    """What came instead of a value when it was fetched."""

    error: Exception


ABSENT = Absent(KeyError("not fetched yet"))


def fetch(environment: Environment, name: str, conduct: Conduct) -> Any:
    """A value of the notebook or function of the module, or what its absence raised."""
    try:
        conduct.refuse(name)
        return open_records(environment.get(name))
    except (TimeOver, KernelLost) as problem:
        conduct.stopped.setdefault(name, str(problem))
        return Absent(problem)
    except Exception as error:
        return Absent(error)


class GuardedEnvironment(Environment):
    """What one case takes: values fetched before; and notes of what is missing, what is no plain
    data, and which functions raised."""

    def __init__(
        self,
        kernel: Kernel,
        functions: frozenset[str],
        conduct: Conduct,
        taken: dict[str, Any],
        hidden: bool,
    ) -> None:
        super().__init__(kernel, functions)
        self.conduct, self._taken, self.hidden = conduct, taken, hidden
        self.handles: list[str] = []
        self.raised: set[str] = set()
        self.missing: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        if name in self._functions:
            value = self._function(name)
        else:
            value = self._taken[name] if name in self._taken else super().get(name, default)
        if isinstance(value, Absent):
            raise value.error
        if value is None or value is Ellipsis:
            self.missing.append(name)
        if not isinstance(value, RemoteHandle) or isinstance(value, Record):
            return value  # it is here, whatever became of the kernel
        if value._kernel is not self._kernel:
            raise RemoteError(f"{name} is no plain data")
        self.conduct.refuse(name)
        self.handles.append(name)
        if name not in self._functions:
            return value
        return StudentFunction(value, name, self)

    def _function(self, name: str) -> Any:
        """A function of the module, fetched anew where it was fetched in another kernel."""
        taken = self._taken.get(name)
        if taken is None or (isinstance(taken, RemoteHandle) and taken._kernel is not self._kernel):
            environment = Environment(self._kernel, self._functions)
            taken = self._taken[name] = fetch(environment, name, self.conduct)
        return taken

    def test_beside(self, source: str, function: str) -> None:
        """Have a test run beside the student's code; raises where it did not pass there."""
        seconds = max(self._kernel.limits.ask_seconds - 1, 1)
        answer = self._kernel.ask("beside", source, function, seconds)
        passed, text = answer if isinstance(answer, list) and len(answer) == 2 else (False, "")
        if passed is None:
            raise TimeOver(str(text)[:100])
        if passed is not True:
            raise AssertionError(str(text)[:300])

    @contextmanager
    def printing(self) -> Iterator[None]:
        """What the student's functions print while they are asked is printed here."""
        self._kernel.heard = lambda text: sys.stdout.write(text)
        try:
            yield
        finally:
            self._kernel.heard = None


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Keep what a test does here with values of a submission from taking memory or time at will.

    Both bounds hold for a process, so that they are set only where it grades one submission at a
    time, in its main thread, as the judge's own processes do.

    Parameters
    ----------
    seconds
        In which the submission may answer; `JUDGE_SECONDS` come on top.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if _STATM.exists():
        used = int(_STATM.read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (used + JUDGE_BYTES, hard))
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, seconds + JUDGE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _too_long(_: int, __: FrameType | None) -> None:
    raise CheckOver("the check took longer than its limit")


class JudgeTestFile(ExceptionTestFile):
    """Otter's test file, with messages that never show the test's code or an expected value."""

    message: str = ""
    slip: dict[str, Any] | None = None
    hang: str | None = None
    fault: str | None = None
    odd: str | None = None
    missing: Sequence[str] = ()

    def parameters(self) -> list[str]:
        """Names that the test cases take, each once."""
        functions = [case.body.test_func for case in self.test_cases]
        found = [name for each in functions for name in inspect.signature(each).parameters]
        return [name for name in dict.fromkeys(found) if name != "env"]

    def _generate_error_message(self, excp: Exception, context: int = 0) -> str:
        self.message = self._explain(excp, hidden=bool(self.test_cases[0].hidden))
        return self.message

    def _explain(self, error: Exception, hidden: bool) -> str:
        if isinstance(error, SlipRecognised):
            self.slip = error.slip
            return str(error)
        if isinstance(error, (TimeOver, KernelLost)):
            self.hang = str(error)
            return f"Your code did not answer: {error}."
        if isinstance(error, RemoteError) or (is_remote(error) and isinstance(error, MemoryError)):
            self.odd = str(error)[:300] or "MemoryError"
        if is_remote(error):
            return _remote_message(error, hidden)
        if isinstance(error, AssertionError) and str(error):
            return without_values(str(error)) if hidden else str(error)
        if isinstance(error, AssertionError):
            return "This check did not pass."
        if self.missing:
            return f"{self.missing[0]} has no value. Is its cell run, and are the dots replaced?"
        what = f"{type(error).__name__}: {error}"[:300]
        self.fault = f"{what}; perhaps it was given something of a kind that it does not expect"
        return "This check could not run. Tell your instructor."


def without_values(text: str) -> str:
    """A message of a hidden case without what the submission gave: that could be its inputs.

    >>> without_values("the table lacks the column 'n'; it has ['seen: 3.7, 11.9'].")
    "the table lacks the column 'n'."
    >>> without_values("psi is 3.71e+09; it cannot be above 1.")
    'psi cannot be above 1.'
    >>> without_values("psi should be one number; it is a list.")
    'psi should be one number; it is a list.'
    """
    text = re.sub(r" is \S+; it ", " ", text)
    return re.sub(
        rf"(?:; it has |; it is an? (?!(?:{_KINDS})\.$)| Yours is ).*", ".", text, flags=re.S
    )


_KINDS = "str|int|float|bool|list|tuple|dict|ndarray|Series|DataFrame|function|method|type"
"""Types that a message may name."""


def _remote_message(error: Exception, hidden: bool) -> str:
    """What the submission raised; its text only where the student could see it anyway."""
    if isinstance(error, NotImplementedError):
        return "This function is not written yet."
    if isinstance(error, RemoteError) and hidden:
        return "Your code raised an error, or gave back something that is not plain numbers."
    text = "" if hidden else f": {str(error)[:300]}"
    return f"Your code raised {type(error).__name__}{text}"


def label(case: TestCase) -> str:
    """What a case is called: its function's name as words, where it has a function."""
    function = getattr(case.body, "test_func", None)
    return function.__name__.replace("_", " ") if function else case.name
