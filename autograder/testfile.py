"""Otter's test files as the judge runs them: on remote values, with messages that tell nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from otter.test_files import ExceptionTestFile, TestCase

from autograder import expect
from autograder.remote import Environment, Kernel, KernelLost, RemoteError, TimeOver, is_remote
from hlmtools.check import SlipRecognised


class GuardedEnvironment(Environment):
    """Remembers what a case took and what had no value; refuses functions that hung before."""

    def __init__(self, kernel: Kernel, functions: frozenset[str], hung: set[str]) -> None:
        super().__init__(kernel, functions)
        self._hung = hung
        self.called: set[str] = set()
        self.missing: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        if name in self._hung:
            raise TimeOver(f"{name} took too long in an earlier check")
        if name in self._functions:
            self.called.add(name)
        value = super().get(name, default)
        if value is None or value is Ellipsis:
            self.missing.append(name)
        return value

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


class JudgeTestFile(ExceptionTestFile):
    """Otter's test file, with messages that never show the test's code or an expected value."""

    message: str = ""
    slip: dict[str, Any] | None = None
    hang: str | None = None
    fault: str | None = None
    missing: Sequence[str] = ()

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
        if is_remote(error):
            return _remote_message(error, hidden)
        if isinstance(error, expect.Mismatch) or (isinstance(error, AssertionError) and str(error)):
            return str(error)
        if isinstance(error, AssertionError):
            return "This check did not pass."
        if self.missing:
            return f"{self.missing[0]} has no value. Is its cell run, and are the dots replaced?"
        self.fault = f"{type(error).__name__}: {error}"
        return "This check could not run. Tell your instructor."


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
