"""Many submissions at once: one interface over processes of this machine and over a cluster.

Both are executors of `concurrent.futures`; `outcomes` hands them work and gives back what becomes
of it, once for each piece, whatever happens to the processes that do it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Generic, TypeVar

from autograder.course import CourseError

Piece = TypeVar("Piece")
Result = TypeVar("Result")

CONNECT_SECONDS = 20


@dataclass(frozen=True)
class Workers:
    """Where work is done: how many pieces at a time, and how to get hold of an executor."""

    slots: int
    executor: Callable[[int], AbstractContextManager[Executor]]
    """opens one for so many pieces at a time; left by an exception, it ends what runs"""


@dataclass(frozen=True)
class Outcome(Generic[Piece, Result]):
    """What became of one piece of work: a result, or the error that it ended with twice."""

    piece: Piece
    result: Result | None = None
    error: Exception | None = None


def outcomes(
    workers: Workers, function: Callable[[Piece], Result], pieces: Iterable[Piece]
) -> Generator[Outcome[Piece, Result]]:
    """What becomes of each piece of work, in the order in which it is known.

    When a process dies, nobody knows on which of the pieces at hand; each of these is done once
    more, alone, and the others go on in new processes.

    Parameters
    ----------
    workers
        `local` processes or a `cluster`.
    function
        Does one piece; it and the piece are sent by pickle.
    pieces
        The work.
    """
    waiting = deque(pieces)
    while waiting:
        suspects: list[Piece] = []
        with workers.executor(min(workers.slots, len(waiting))) as executor:
            yield from _until_broken(executor, 2 * workers.slots, function, waiting, suspects)
        for piece in suspects:
            yield _alone(workers, function, piece)


def _until_broken(
    executor: Executor,
    most: int,
    function: Callable[[Piece], Result],
    waiting: deque[Piece],
    suspects: list[Piece],
) -> Iterator[Outcome[Piece, Result]]:
    """Results until all is done or a process has died; what failed then stands in `suspects`."""
    at_hand: dict[Future[Result], Piece] = {}
    broken = False
    while (waiting or at_hand) and not broken:
        while waiting and len(at_hand) < most and not broken:
            try:
                at_hand[executor.submit(function, waiting[0])] = waiting[0]
                waiting.popleft()
            except BrokenExecutor:
                broken = True
        for future in wait(at_hand, return_when=FIRST_COMPLETED).done:
            piece = at_hand.pop(future)
            try:
                yield Outcome(piece, future.result())
            except Exception as error:
                suspects.append(piece)
                broken = broken or isinstance(error, (BrokenExecutor, CancelledError))
    suspects += at_hand.values()


def _alone(
    workers: Workers, function: Callable[[Piece], Result], piece: Piece
) -> Outcome[Piece, Result]:
    with workers.executor(1) as executor:
        try:
            return Outcome(piece, executor.submit(function, piece).result())
        except Exception as error:
            return Outcome(piece, error=error)


# ------------------------------------------------------------------------------- this machine


def local(jobs: int, folder: Path | None = None) -> Workers:
    """Processes of this machine.

    Parameters
    ----------
    jobs
        How many.
    folder
        Where they make their temporary files; the system's place by default.
    """
    return Workers(jobs, partial(_processes, folder=folder))


@contextmanager
def _processes(jobs: int, folder: Path | None) -> Iterator[Executor]:
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(folder,),
    )
    try:
        yield pool
    except BaseException:
        for process in set(multiprocessing.active_children()) - before:
            process.kill()  # what runs may take minutes, and nobody waits for it any more
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(folder: Path | None) -> None:
    """Leave an interrupt to the parent, end with it, and keep temporary files in one place."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    if folder is not None:
        tempfile.tempdir = str(folder)


def _end_with_parent() -> None:
    """A process whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# --------------------------------------------------------------------------------- a cluster


@contextmanager
def cluster(address: str, describe: Callable[[], Any]) -> Iterator[Workers]:
    """Workers of a `dask.distributed` scheduler.

    Parameters
    ----------
    address
        Of the scheduler, ``tcp://10.0.0.1:8786``.
    describe
        Says what a result depends on besides the work itself: it must give on every worker what
        it gives here.

    Raises
    ------
    CourseError
        Where the scheduler does not answer, has no workers, or has workers that would grade
        differently.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        remedy = "Start one (dask scheduler), and give its address as tcp://HOST:8786."
        raise CourseError(f"No scheduler answers at {address}: {reason}. {remedy}") from None
    with client:
        threads = client.nthreads()
        _check_threads(address, threads)
        _check_alike(describe(), client.run(describe, on_error="return"))
        yield Workers(len(threads), lambda jobs: _cluster_executor(client))


@contextmanager
def _cluster_executor(client: Any) -> Iterator[Executor]:
    if client.status != "running":
        raise CourseError("The scheduler is gone. Start it and its workers, and run this again.")
    executor = client.get_executor(pure=False, retries=0)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False)


def _check_threads(address: str, threads: dict[str, int]) -> None:
    how = "dask worker SCHEDULER --nworkers auto --nthreads 1"
    if not threads:
        raise CourseError(f"The scheduler at {address} has no workers. Start some: {how}.")
    wide = [name for name, number in threads.items() if number != 1]
    if wide:
        raise CourseError(f"The worker {wide[0]} runs several threads. Start it anew: {how}.")


def _check_alike(here: Any, there: dict[str, Any]) -> None:
    """Refuse workers whose course, packages or sandbox differ from those of this machine."""
    odd = {name: answer for name, answer in there.items() if answer != here}
    if odd:
        name, answer = next(iter(odd.items()))
        what = str(answer) if isinstance(answer, Exception) else _difference(here, answer)
        remedy = "Give every worker the same course folder and environment as this machine."
        raise CourseError(f"{len(odd)} workers differ, {name} for one: {what}. {remedy}")


def _difference(here: dict[str, Any], there: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} is {there.get(name)!r}, here {here[name]!r}"
        for name in here
        if there.get(name) != here[name]
    )
