"""The judge's end of the boundary: a sandboxed kernel, and the remote values that tests see.

`Kernel` runs cells through nbclient and asks questions whose answers are plain data.
`Environment` is what a test gets for the notebook's globals: names of the student module give
its functions, whatever the notebook rebinds; other names give the notebook's values.
What is not plain data stays in the sandbox behind a `RemoteHandle`.
Every wait here has a bound, and nothing that arrives is unpickled, evaluated or believed.
"""

from __future__ import annotations

import builtins
import math
import time
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from threading import Event, Thread
from typing import Any, NoReturn

import psutil
import zmq
import zmq.asyncio
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from autograder import sandbox, wire
from autograder.course import Limits
from hlmtools import records

START_SECONDS = 60
INTERRUPT_SECONDS = 3
MAX_MESSAGE_BYTES = wire.MAX_BYTES + 2**20
WATCH_SECONDS = 0.2
CONNECT_MILLISECONDS = 20  # between two looks whether the kernel's sockets are there

CROSSING_ERRORS = frozenset(
    "ArithmeticError AssertionError AttributeError EOFError FileNotFoundError FloatingPointError "
    "ImportError IndentationError IndexError KeyError LookupError MemoryError ModuleNotFoundError "
    "NameError NotImplementedError OSError OverflowError PermissionError RecursionError "
    "RuntimeError StopIteration SyntaxError TypeError UnboundLocalError UnicodeDecodeError "
    "ValueError ZeroDivisionError".split()
)
"""Builtin exceptions that cross by name; every other one arrives as `RemoteError`."""


class RemoteError(Exception):
    """Code of the submission raised something, or a remote value was used as if it were here."""


class TimeOver(RemoteError):
    """An answer took longer than its limit."""


class CheckOver(TimeOver):
    """All answers of one check together took longer than the limit of a check."""


class KernelLost(RemoteError):
    """The kernel died or does not answer any more; it has to be replaced."""


def is_remote(error: BaseException) -> bool:
    """True where an exception was raised by code of the submission."""
    return isinstance(error, RemoteError) or getattr(error, "_from_sandbox", False)


# ---------------------------------------------------------------------------------- the kernel


class Kernel:
    """One running kernel in a sandbox.

    Parameters
    ----------
    spec
        How to start it (`sandbox.kernel_spec`).
    sockets
        Folder for the connection file and the sockets; its path must be short.
    notebook
        The notebook whose cells will run.
    limits
        Bounds from course.toml.
    """

    def __init__(self, spec: KernelSpec, sockets: Path, notebook: NotebookNode, limits: Limits):
        self.limits = limits
        self.lost: str | None = None
        self._channel: Any = None
        self.output_while_answering: list[str] = []
        self.heard: Callable[[str], Any] | None = None  # told what an answer printed
        self._ends = math.inf
        self._sockets = sockets
        self._context = _bounded_context()
        self._manager = AsyncKernelManager(
            context=self._context,
            kernel_spec_manager=_OneSpec(spec),
            connection_file=str(sockets / "kernel.json"),
            transport="ipc",
            ip=str(sockets / "k"),
        )
        self._client = _BoundedClient(
            notebook,
            km=self._manager,
            allow_errors=True,
            ipython_hist_file="",
            record_timing=False,  # the same submission gives the same bytes
            timeout=limits.cell_seconds,
            output_bytes=limits.output_kb * 1024,
        )
        self._start()

    def _start(self) -> None:
        try:
            self._client.start_new_kernel()
            self._watch = _MemoryWatch(self._pid(), self.limits.memory_mb * 2**20, self._too_large)
            self._channel = self._client.kc = self._manager.client(context=self._context)
            self._channel.allow_stdin = False
            self._channel.start_channels()
            run_sync(self._wait_until_ready)(START_SECONDS)
            sandbox.close_folder(self._sockets)
        except Exception as error:
            self.close()
            raise KernelLost(f"the kernel did not start ({type(error).__name__})") from None

    async def _wait_until_ready(self, seconds: float) -> None:
        """Until the kernel answers, and what it broadcasts about that answer arrives as well."""
        channel = self._channel
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and await self._manager.is_alive():
            asked = channel.kernel_info()
            if await _heard(channel.shell_channel, asked, "kernel_info_reply", 1) and await _heard(
                channel.iopub_channel, asked, "status", 0.1
            ):
                return
        raise TimeoutError

    @property
    def cut(self) -> Set[int]:
        """Cells whose output was longer than the limit."""
        return self._client.cut

    def run_cell(self, index: int) -> bool:
        """Run one cell; False where it raised.

        Raises
        ------
        TimeOver
            Where it was interrupted at its limit.
        KernelLost
            Where the kernel has to be replaced.
        """
        cell = self._client.nb.cells[index]
        try:
            self._client.execute_cell(cell, index, store_history=True)
        except CellTimeoutError:
            self._interrupt()
            raise TimeOver(f"it ran longer than {self.limits.cell_seconds} s") from None
        except DeadKernelError:
            self._give_up("it ended the kernel")
        except Exception as error:
            self._give_up(f"its messages could not be read ({type(error).__name__})")
        return not any(output.get("output_type") == "error" for output in cell.outputs)

    def run_code(self, source: str) -> None:
        """Run code that is no cell of the notebook, as `verify` does to plant a slip."""
        cells = self._client.nb.cells
        cells.append(NotebookNode(cell_type="code", source=source, metadata={}, outputs=[]))
        try:
            if not self.run_cell(len(cells) - 1):
                raise RemoteError(f"this code raised: {source}")
        finally:
            del cells[-1]

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """All questions asked inside this block share so many seconds."""
        self._ends = time.monotonic() + seconds
        try:
            yield
        finally:
            self._ends = math.inf

    def ask(self, question: str, *parts: Any) -> Any:
        """Value of an answer, or the exception that the submission raised."""
        if self.lost:
            raise KernelLost(self.lost)
        seconds = min(self._ends - time.monotonic(), self.limits.ask_seconds)
        if seconds <= 0:
            raise CheckOver("the check took longer than its limit")
        request = wire.pack([question, *[self._sent(part) for part in parts]])
        reply = run_sync(self._exchange)(request, seconds)
        if reply is None:
            self._interrupt()
            if seconds < self.limits.ask_seconds:
                raise CheckOver("the check took longer than its limit")
            raise TimeOver(f"it took longer than {seconds:g} s")
        return self._answer(reply)

    def _sent(self, part: Any) -> Any:
        """A question's part with handles in the wire's form, wherever they stand."""
        if isinstance(part, RemoteHandle):
            if part._kernel is self:
                return part._handle
            if isinstance(part, Record):
                return part.copy()
            raise RemoteError(f"a {part.type_name} was given where plain data is needed")
        if type(part) in (list, tuple):
            return type(part)(self._sent(item) for item in part)
        if type(part) is dict:
            return {key: self._sent(item) for key, item in part.items()}
        return part

    def close(self) -> None:
        """End the kernel and every process of it."""
        with suppress(AttributeError):
            self._watch.stop()
        with suppress(Exception):
            self._channel.stop_channels()
        with suppress(Exception):
            run_sync(self._manager.shutdown_kernel)(now=True)
        with suppress(Exception):
            self._context.destroy(linger=0)

    async def _exchange(self, request: bytes, seconds: float) -> dict[str, Any] | None:
        channel = self._channel
        message = channel.session.msg("hlm_ask", {})
        try:
            channel.session.send(channel.shell_channel.socket, message, buffers=[request])
        except zmq.ZMQError:
            self._give_up("it closed the line to the judge")
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            reply = await self._next_reply(min(left, 0.5))
            if reply and reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply
        return None

    async def _next_reply(self, seconds: float) -> dict[str, Any] | None:
        try:
            return await self._channel.shell_channel.get_msg(timeout=seconds)
        except Empty:
            if self.lost or not await self._manager.is_alive():
                self._give_up("it ended the kernel")
        except Exception as error:
            self._give_up(f"its messages could not be read ({type(error).__name__})")
        return None

    def _answer(self, reply: dict[str, Any]) -> Any:
        head, buffers = reply.get("content"), reply.get("buffers") or [b""]
        if not isinstance(head, dict):
            raise RemoteError("the answer is malformed")
        self._keep_output(head.get("output"))
        if self.heard and isinstance(head.get("printed"), str):
            self.heard(head["printed"])
        if head.get("ok") is not True:
            _raise_crossing(head)
        try:
            return wire.unpack(bytes(buffers[0]), lambda handle: RemoteHandle(self, handle))
        except wire.WireError as error:
            raise RemoteError(f"the answer cannot be read: {error}") from None

    def _keep_output(self, text: Any) -> None:
        if isinstance(text, str) and text and len(self.output_while_answering) < 20:
            self.output_while_answering.append(text[:500])

    def _interrupt(self) -> None:
        """Interrupt what runs; where the kernel does not come back, give it up."""
        channel = self._channel
        with suppress(Exception):
            channel.session.send(channel.control_channel.socket, "interrupt_request", {})
        request = wire.pack(["has", "_"])
        with suppress(KernelLost):
            if run_sync(self._exchange)(request, INTERRUPT_SECONDS) is not None:
                return
        self._give_up("it could not be interrupted")

    def _give_up(self, reason: str) -> NoReturn:
        self.lost = self.lost or reason
        raise KernelLost(self.lost) from None

    def _too_large(self) -> None:
        self.lost = f"it used more than {self.limits.memory_mb} MB of memory"
        with suppress(Exception):
            psutil.Process(self._pid()).kill()

    def _pid(self) -> int:
        provisioner: Any = self._manager.provisioner
        return provisioner.pid


async def _heard(channel: Any, asked: str, kind: str, seconds: float) -> bool:
    """Whether a message of this kind about a request comes in time."""
    deadline = time.monotonic() + seconds
    with suppress(Empty):
        while (left := deadline - time.monotonic()) > 0:
            message = await channel.get_msg(timeout=left)
            if message["msg_type"] == kind and message["parent_header"].get("msg_id") == asked:
                return True
    return False


class _OneSpec(KernelSpecManager):
    """Knows the one kernel specification it was made for."""

    def __init__(self, spec: KernelSpec):
        super().__init__()
        self._spec = spec

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return self._spec


class _BoundedClient(NotebookClient):
    """nbclient that keeps at most so many bytes of a cell's output."""

    def __init__(self, *args: Any, output_bytes: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._output_bytes = output_bytes
        self._seen: dict[int, int] = {}
        self.cut: set[int] = set()

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> Any:
        if msg["msg_type"] not in ("status", "execute_input"):
            before = self._seen.get(cell_index, 0)
            self._seen[cell_index] = before + _size(msg["content"])
            if before > self._output_bytes:
                return None
            if self._seen[cell_index] > self._output_bytes:
                self.cut.add(cell_index)
                msg = _cut(msg, self._output_bytes - before)
        return super().process_message(msg, cell, cell_index)

    def handle_comm_msg(self, outs: list, msg: dict, cell_index: int) -> None:
        """Widgets are not kept."""


def _size(content: Any) -> int:
    if isinstance(content, dict):
        return sum(len(str(key)) + _size(value) for key, value in content.items())
    if isinstance(content, list):
        return sum(map(_size, content))
    return len(content) if isinstance(content, (str, bytes)) else 8


def _cut(msg: dict, room: int) -> dict:
    """The first part of what was printed, and a note, in place of an output that is too long."""
    text = str(msg["content"].get("text", ""))[:room]
    content = {"name": "stdout", "text": f"{text}\n[the output was cut here]\n"}
    header = {**msg["header"], "msg_type": "stream"}  # nbformat reads this one
    return {**msg, "header": header, "msg_type": "stream", "content": content}


class _MemoryWatch:
    """Ends a process tree whose resident memory goes beyond a bound."""

    def __init__(self, pid: int, bound: int, too_large: Callable[[], None]):
        self._pid, self._bound, self._too_large = pid, bound, too_large
        self._stopped = Event()
        Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_SECONDS):
            try:
                too_large = _uses_more(self._pid, self._bound)
            except psutil.NoSuchProcess:
                return
            if too_large:
                self._too_large()
                return


def _uses_more(pid: int, bound: int) -> bool:
    """Whether a process tree holds more memory, pages that several of them share counted once."""
    tree = psutil.Process(pid).children(recursive=True)
    if sum(_bytes(process, shared_in_full=True) for process in tree) <= bound:
        return False
    return sum(_bytes(process, shared_in_full=False) for process in tree) > bound


def _bytes(process: psutil.Process, shared_in_full: bool) -> int:
    with suppress(psutil.NoSuchProcess):
        with suppress(psutil.AccessDenied):
            if not shared_in_full:
                return process.memory_full_info().pss
        return process.memory_info().rss
    return 0


def _bounded_context() -> zmq.asyncio.Context:
    """Sockets that drop a connection rather than take in a giant message or wait for a peer."""
    context = zmq.asyncio.Context()
    context.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
    context.setsockopt(zmq.RCVHWM, 10)  # messages of the largest size that wait here
    context.setsockopt(zmq.LINGER, 0)
    context.setsockopt(zmq.RECONNECT_IVL, CONNECT_MILLISECONDS)
    context.setsockopt(zmq.SNDTIMEO, 1000 * INTERRUPT_SECONDS)  # a kernel may close its end
    return context


def _raise_crossing(head: dict[str, Any]) -> NoReturn:
    """Raise what the submission raised: an allow-listed builtin by name, else a RemoteError."""
    name, text = head.get("error"), str(head.get("message", ""))[:2000]
    if name not in CROSSING_ERRORS:
        raise RemoteError(f"{str(head.get('type', 'an error'))[:80]}: {text}")
    error = RemoteError(text) if name == "AssertionError" else _builtin_error(name, text)
    error._from_sandbox = True  # type: ignore[attr-defined]
    raise error


def _builtin_error(name: Any, text: str) -> Exception:
    kind = getattr(builtins, name)
    return kind("utf-8", b"", 0, 1, text) if kind is UnicodeDecodeError else kind(text)


# ------------------------------------------------------------------------------- remote values


class RemoteHandle:
    """An object that stays in the sandbox: it can be called, indexed, asked for an attribute,
    and passed back as an argument; used as a value, it raises."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, kernel: Kernel, handle: wire.Handle):
        self._kernel, self._handle = kernel, handle

    @property
    def type_name(self) -> str:
        """What the sandbox says the object is; for messages only."""
        return self._handle.type_name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._kernel_ask("call", self, args, kwargs)

    def __getitem__(self, key: Any) -> Any:
        return self._kernel_ask("item", self, key)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._kernel_ask("attribute", self, name)

    def __repr__(self) -> str:
        return f"<a {self.type_name} in the sandbox>"

    def _kernel_ask(self, question: str, *parts: Any) -> Any:
        return self._kernel.ask(question, *parts)


def _refused(name: str) -> Callable:
    def refuse(self: RemoteHandle, *args: Any) -> NoReturn:
        raise RemoteError(f"a {self.type_name} was given where plain data is needed")

    refuse.__name__ = name
    return refuse


for _name in (
    "bool eq ne lt le gt ge iter len contains float int index complex round abs neg pos add radd "
    "sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul and or "
    "xor invert array array_ufunc array_function enter exit setitem delitem format"
).split():
    setattr(RemoteHandle, f"__{_name}__", _refused(f"__{_name}__"))


class Record(RemoteHandle):
    """A given record of the submission whose values were fetched: it outlives its kernel.

    Parameters
    ----------
    handle
        The record where it stands.
    fields, properties
        What the sandbox said of it.
    """

    def __init__(
        self, handle: RemoteHandle, fields: dict[str, Any], properties: dict[str, Any]
    ) -> None:
        super().__init__(handle._kernel, handle._handle)
        self._fields, self._properties = fields, properties

    def __getattr__(self, name: str) -> Any:
        known = self._properties | self._fields
        if name.startswith("_") or name not in known:
            _raise_crossing({"error": "AttributeError", "message": f"no attribute {name!r}"})
        return known[name]

    def __getitem__(self, key: Any) -> Any:
        return list(self._fields.values())[key]

    def copy(self) -> Any:
        """The same record, made here of its plain fields, to be sent to another kernel."""
        kind = vars(records).get(self.type_name)
        plain = not any(isinstance(value, RemoteHandle) for value in self._fields.values())
        if plain and isinstance(kind, type) and kind.__module__ == records.__name__:
            with suppress(TypeError):
                return kind(**self._fields)
        raise RemoteError(f"the {self.type_name[:80]} is no plain data")


def open_records(value: Any) -> Any:
    """A value with its given records fetched, also those in lists, tuples and dictionaries."""
    if type(value) in (list, tuple):
        return type(value)(open_records(item) for item in value)
    if type(value) is dict:
        return {key: open_records(item) for key, item in value.items()}
    if not isinstance(value, RemoteHandle):
        return value
    parts = value._kernel.ask("record", value)
    told = type(parts) is list and len(parts) == 2 and all(type(part) is dict for part in parts)
    return Record(value, *parts) if told else value


class Environment:
    """What otter's test cases take for the notebook's globals.

    Parameters
    ----------
    kernel
        Where the notebook ran.
    functions
        Names that mean functions of the student module.
    """

    def __init__(self, kernel: Kernel, functions: frozenset[str]):
        self._kernel, self._functions = kernel, functions

    def get(self, name: str, default: Any = None) -> Any:
        """A function of the student module, or a value of the notebook."""
        if name in self._functions:
            return self._kernel.ask("function", name)
        return self._kernel.ask("value", name) if name in self else default

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return self.get(name)

    def __contains__(self, name: str) -> bool:
        if name in self._functions:
            return True
        return self._kernel.ask("has", name) is True
