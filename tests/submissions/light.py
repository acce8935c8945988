"""Work that ends well or badly, in a module that costs a process nothing to import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def obey(orders: dict) -> str:
    """Do what the orders say: dies, dies_once (a file that marks the first time), raises."""
    once = orders.get("dies_once")
    if orders.get("dies") or (once and not Path(once).exists()):
        if once:
            Path(once).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if orders.get("raises"):
        raise RuntimeError("told to")
    return orders["name"]


def start_and_wait(log: str) -> None:
    """Start one process, which writes its number and then sleeps."""
    from autograder import workers

    with workers.local(1).executor(1) as pool:
        pool.submit(write_and_sleep, log).result()


def write_and_sleep(log: str) -> None:
    temporary = Path(f"{log}.part")
    temporary.write_text(str(os.getpid()))
    temporary.rename(log)
    time.sleep(600)
