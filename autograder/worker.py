"""The untrusted side: an IPython kernel that also answers the judge's questions with data.

The judge starts this file by its path, with `wire.py` beside it, inside the sandbox; or
`forker.py` calls `confine` and `serve` in a process that it forked.
It bounds itself, gives up its rights, and only then meets code of a submission.
After the first cell has run, nothing in this process can be believed: the judge treats every
byte that comes from here as the submission's own.
"""

from __future__ import annotations

import argparse
import base64
import builtins
import contextlib
import ctypes
import functools
import importlib
import importlib.util
import io
import json
import os
import random
import resource
import sys
import types
from pathlib import Path
from typing import Any

import numpy

MAX_HANDLES = 10_000
MAX_TEXT = 2_000
MAX_OUTPUT = 4_000
KERNEL_MODULES = (
    "IPython IPython.core.completerlib IPython.core.debugger IPython.core.logger "
    "IPython.core.oinspect IPython.extensions.autoreload IPython.extensions.storemagic "
    "ipykernel.debugger ipykernel.ipkernel ipykernel.kernelapp matplotlib_inline.config "
    "tornado.gen tornado.locks tornado.platform.asyncio tornado.queues zmq.utils.garbage "
    "faulthandler tomllib"
).split()
SEED = 0
"""Where the shared random generators start, so that grading twice gives the same result."""


def main() -> None:
    """Bound the process, then serve the kernel until the judge ends it."""
    options = _options()
    confine(options)
    sys.argv = sys.argv[:1]
    serve(options)


def confine(options: dict[str, Any]) -> None:
    """Go to the submission's folder, give up rights, and bound the process for good."""
    os.chdir(options["folder"])
    with contextlib.suppress(OSError):  # where memory runs out, this process is ended first
        Path("/proc/self/oom_score_adj").write_text("1000")
    give_up_rights(options["uid"])
    _bound(options["limits"])
    _filter_calls(base64.b64decode(options["filter"]))


def serve(options: dict[str, Any]) -> None:
    """Serve the kernel until the judge ends it; code of a submission runs from here on."""
    os.environ.pop("JPY_PARENT_PID", None)  # a process outside: the sandbox ends with the judge
    import_kernel()
    for name in options["preload"]:
        importlib.import_module(name)
    sys.path.insert(0, options["folder"])
    sys.modules["otter"] = _inert_otter()
    from ipykernel import kernelapp

    vars(kernelapp)["IOPubThread"] = _own_output(kernelapp.IOPubThread)
    kernelapp.IPKernelApp.launch_instance(
        argv=["-f", options["connection_file"], "--HistoryManager.enabled=False"],
        kernel_class=_answering_kernel(options["module"]),
    )


def import_kernel() -> None:
    """Import what a kernel needs to start, before a file of the submission can take its place."""
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # it takes as long as all the rest
    for name in KERNEL_MODULES:
        importlib.import_module(name)
    lone_module("wire")


def _options() -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("options", help="JSON: what `sandbox` wrote of a kernel")
    return json.loads(parser.parse_args().options)


def give_up_rights(uid: int | None) -> None:
    """Become a user of its own for good, where the sandbox was started by root."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def _bound(limits: dict[str, int | None]) -> None:
    """Limits that every process of the submission inherits and none can raise."""
    bounds = {
        resource.RLIMIT_DATA: limits["memory_bytes"],
        resource.RLIMIT_NPROC: limits["processes"],
        resource.RLIMIT_FSIZE: limits["disk_bytes"],
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_NOFILE: 512,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in bounds.items():
        if bound is None:
            continue
        _, hard = resource.getrlimit(kind)
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def _filter_calls(code: bytes) -> None:
    """Let the machine's kernel refuse dangerous calls from here on; nothing takes this back."""
    if not code:
        return
    program = _Program(len(code) // 8, code)
    for arguments in (_NO_NEW_PRIVILEGES, _FILTER_CALLS):
        address = ctypes.byref(program) if arguments is _FILTER_CALLS else 0
        if _libc.prctl(*arguments, address, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the filter of system calls was refused")


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_libc = ctypes.CDLL(None, use_errno=True)
_NO_NEW_PRIVILEGES = (38, 1)  # number of prctl(2) and its argument: linux/prctl.h
_FILTER_CALLS = (22, 2)


def _inert_otter() -> types.ModuleType:
    """A stand-in whose checks and exports cost nothing and change nothing."""

    class Notebook:
        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

        def check(self, *args: Any, **kwargs: Any) -> None: ...

        def check_all(self, *args: Any, **kwargs: Any) -> None: ...

        def export(self, *args: Any, **kwargs: Any) -> None: ...

        def to_pdf(self, *args: Any, **kwargs: Any) -> None: ...

    module = types.ModuleType("otter")
    module.__dict__["Notebook"] = Notebook
    return module


def _own_output(thread: type) -> type:
    """The kernel's broadcasts without those of its children, which would need a local network."""

    class OwnOutput(thread):
        def __init__(self, socket: Any, pipe: bool = False, **kwargs: Any) -> None:
            super().__init__(socket, pipe=False, **kwargs)

        def _really_send(self, *args: Any, **kwargs: Any) -> None:
            if self._is_master_process():
                super()._really_send(*args, **kwargs)

    return OwnOutput


# ------------------------------------------------------------------------------- the answers


class Answers:
    """Looks up, calls and opens objects of the submission, and packs what comes out.

    Parameters
    ----------
    namespace
        The notebook's globals.
    module
        Dotted name of the student module.
    wire
        The module `wire`.
    """

    def __init__(self, namespace: dict[str, Any], module: str, wire: Any) -> None:
        self.namespace, self.module, self.wire = namespace, module, wire
        self.kept: dict[int, Any] = {}
        self.kept_before = 0  # the answer that is being made

    def answer(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        """Serve one packed question: what happened, and the packed value."""
        printed, output = _Beginning(), _Beginning()
        head: dict[str, Any] = {"ok": True}
        data = b""
        self.kept_before = len(self.kept)
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(output):
                question, *parts = self.wire.unpack(request, self.kept_object)
                data = self.wire.pack(getattr(self, f"ask_{question}")(*parts), self.keep)
        except self.wire.WireError as error:  # to the judge no ValueError, which a test may want
            head = {"ok": False, "error": "", "type": "an answer", "message": str(error)}
        except BaseException as error:
            head = {"ok": False, **_described(error)}
        head["printed"] = printed.getvalue()
        head["output"] = (head["printed"] + output.getvalue())[:MAX_OUTPUT]
        return head, data

    def ask_has(self, name: str) -> bool:
        return name in self.namespace

    def ask_value(self, name: str) -> Any:
        return self.namespace[name]

    def ask_function(self, name: str) -> Any:
        return getattr(importlib.import_module(self.module), name)

    def ask_call(self, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        return function(*args, **kwargs)

    def ask_attribute(self, owner: Any, name: str) -> Any:
        return getattr(owner, name)

    def ask_item(self, owner: Any, key: Any) -> Any:
        return owner[key]

    def ask_record(self, owner: Any) -> list[dict[str, Any]] | None:
        """Fields and properties of a given record; None for any other object."""
        kind = type(owner)
        if self.wire.RESULT_MAKERS.get(kind.__name__) is not kind:
            return None
        fields = self.wire.result_fields(owner)[1]
        more = [name for name, value in vars(kind).items() if isinstance(value, property)]
        return [fields, {name: _property(owner, name) for name in more}]

    def ask_beside(self, source: str, function: str, seconds: float) -> list[Any]:
        """Run a test here, in a fork: whether it passed, and its text. This can be forged."""
        return lone_module("beside").run(source, function, self.namespace, seconds)

    def keep(self, value: Any) -> Any:
        if len(self.kept) - self.kept_before >= MAX_HANDLES:
            raise RuntimeError(f"more than {MAX_HANDLES} objects in one answer")
        number = len(self.kept) + 1
        self.kept[number] = value
        return self.wire.Handle(number, type(value).__name__)

    def kept_object(self, handle: Any) -> Any:
        return self.kept[handle.number]


class _Beginning(io.StringIO):
    """Keeps the beginning of what is printed; the rest takes no memory."""

    def write(self, text: str) -> int:
        super().write(text[: MAX_OUTPUT - self.tell()])
        return len(text)


def _property(owner: Any, name: str) -> Any:
    """A property of a record, or None where the record's fields do not allow it."""
    try:
        return getattr(owner, name)
    except Exception:
        return None


def _described(error: BaseException) -> dict[str, str]:
    """Name of the builtin exception that it is, or RemoteError, and a bounded text."""
    kind = type(error)
    known = [each for each in kind.__mro__ if vars(builtins).get(each.__name__) is each]
    name = known[0].__name__ if known else "RemoteError"
    try:
        text = str(error)
    except BaseException:
        text = ""
    return {"error": name, "type": kind.__name__[:80], "message": text[:MAX_TEXT]}


def _answering_kernel(module: str) -> type:
    """IPython's kernel with one more message: ``hlm_ask`` with packed bytes in its buffer."""
    wire = lone_module("wire")
    from ipykernel.ipkernel import IPythonKernel

    if module:
        wire.RESULT_MAKERS.update(_record_classes())

    class AnsweringKernel(IPythonKernel):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            shell: Any = self.shell
            self.answers = Answers(shell.user_ns, module, wire)
            self.shell_handlers["hlm_ask"] = self.hlm_ask
            self.seeded = False

        def seed(self) -> None:
            """As late as can be: imports and the banner draw from it, too."""
            if not self.seeded:
                random.seed(SEED)
                numpy.random.seed(SEED)  # noqa: NPY002
                self.seeded = True

        async def do_execute(self, *args: Any, **kwargs: Any) -> Any:
            self.seed()
            return await super().do_execute(*args, **kwargs)

        def hlm_ask(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
            self.seed()
            head, data = self.answers.answer(bytes(parent["buffers"][0]))
            session: Any = self.session
            session.send(stream, "hlm_reply", head, parent, ident=ident, buffers=[data])

    return AnsweringKernel


def _record_classes() -> dict[str, type]:
    """Classes of the given package whose values the judge may send."""
    from hlmtools import records

    kinds = {name: kind for name, kind in vars(records).items() if isinstance(kind, type)}
    return {name: kind for name, kind in kinds.items() if kind.__module__ == records.__name__}


@functools.lru_cache
def lone_module(name: str) -> Any:
    """Load the file that stands beside this one, whatever package it belongs to; once."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
