"""The untrusted side: runs one test of a foreign assignment beside the student's code.

Some tests need the real objects. They run in a fork of the notebook's kernel, so that they change
nothing there and a hang costs nothing else. What they conclude can be forged by the student's
code; the judge marks such verdicts.
The module imports nothing of the course, so that the worker can load it as a lone file.
"""

from __future__ import annotations

import contextlib
import doctest
import inspect
import io
import json
import os
import select
import signal
import sys
import time
import types
from collections.abc import Callable
from typing import Any

MAX_TEXT = 2_000


def run(source: str, function: str, namespace: dict[str, Any], seconds: float) -> list[Any]:
    """Whether a test passed, and what it says.

    Parameters
    ----------
    source
        A test file, or the text of a doctest.
    function
        The test case's function in the file; empty for a doctest.
    namespace
        The notebook's globals.
    seconds
        How long it may take.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _conclude(writing, lambda: _test(source, function, namespace))
    os.close(writing)
    try:
        data = _read(reading, seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return json.loads(data) if data else [None, "it took too long or ended its process"]


def _conclude(writing: int, test: Callable[[], str]) -> None:
    """Run the test and end this process, whatever happens."""
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            failure = test()
        os.write(writing, json.dumps([not failure, failure[:MAX_TEXT]]).encode())
    finally:
        os._exit(0)


def _read(reading: int, seconds: float) -> bytes:
    ends, data = time.monotonic() + seconds, b""
    while (left := ends - time.monotonic()) > 0 and len(data) < 10 * MAX_TEXT:
        if not select.select([reading], [], [], left)[0]:
            return b""
        piece = os.read(reading, 2**16)
        if not piece:
            return data
        data += piece
    return b""


def _test(source: str, function: str, namespace: dict[str, Any]) -> str:
    """What failed, in words; nothing where the test passed."""
    if not function:
        return _doctest(source, namespace)
    try:
        _call(source, function, namespace)
    except BaseException as error:
        return f"{type(error).__name__}: {error}".strip()
    return ""


def _doctest(source: str, namespace: dict[str, Any]) -> str:
    examples = doctest.DocTestParser().get_examples(source)
    test = doctest.DocTest(examples, namespace, "test", None, None, source)
    said: list[str] = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(test, out=said.append, clear_globs=False)
    return "".join(said).strip() or "it failed" if failed else ""


def _call(source: str, function: str, namespace: dict[str, Any]) -> None:
    """Call a test function as otter does: by the names of its parameters."""
    sys.modules["otter.test_files"] = _otter_test_files()
    made: dict[str, Any] = {}
    exec(compile(source, "test", "exec"), made)
    case = made[function]
    names = inspect.signature(case).parameters
    case(**{name: namespace if name == "env" else namespace.get(name) for name in names})


def _otter_test_files() -> types.ModuleType:
    """Otter's decorator, which here marks nothing."""
    module = types.ModuleType("otter.test_files")
    module.__dict__["test_case"] = lambda *_, **__: lambda function: function
    return module
