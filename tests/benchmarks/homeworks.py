"""How long a solved homework and its public checks take, as a student has them.

    python -m tests.benchmarks.homeworks [HW ...]

Each student archive is laid out with its solution and run from top to bottom; the table is in
Markdown. Processor seconds are those of the notebook's kernel, so that they hold on a busy machine
too; seconds are by the clock, starting the kernel included.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from traitlets.config import Config

from autograder import build, course, release

AIMS = {"notebook": 60.0, "check": 2.0}  # seconds, on two cores
HEADER = "| homework | notebook, s | processor s | slowest check | s | processor s |"


@dataclass
class Clock:
    """Seconds and processor seconds of the cells of one run."""

    client: NotebookClient | None = None
    begun: tuple[float, float] = (0.0, 0.0)
    checks: dict[str, tuple[float, float]] = field(default_factory=dict)
    processor: float = 0.0

    def start(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        """A cell begins."""
        self.begun = self._now()

    def stop(self, cell: nbformat.NotebookNode, cell_index: int, execute_reply: object) -> None:
        """A cell has ended."""
        _, self.processor = ended = self._now()
        if cell.source.startswith("grader.check("):
            name = cell.source.split('"')[1]
            self.checks[name] = (ended[0] - self.begun[0], ended[1] - self.begun[1])

    def _now(self) -> tuple[float, float]:
        used = psutil.Process(self.client.km.provisioner.pid).cpu_times()
        return time.perf_counter(), used.user + used.system


def row(homework: course.Homework) -> str:
    """Run one solved homework; its line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        _lay_out(homework, Path(folder))
        book = nbformat.read(Path(folder) / f"{homework.id}.ipynb", as_version=4)
        clock = Clock()
        clock.client = NotebookClient(
            book,
            config=Config(KernelManager={"transport": "ipc", "ip": str(Path(folder) / "socket")}),
            timeout=600,
            resources={"metadata": {"path": folder}},
            on_cell_start=clock.start,
            on_cell_executed=clock.stop,
        )
        begun = time.perf_counter()
        clock.client.execute()
        whole = time.perf_counter() - begun
    name, (seconds, processor) = max(clock.checks.items(), key=lambda check: check[1][0])
    return (
        f"| {homework.id} | {whole:.1f} | {clock.processor:.1f} "
        f"| {name} | {seconds:.2f} | {processor:.2f} |"
    )


def main(names: list[str]) -> None:
    """Print the table, a line as soon as it is known."""
    print(HEADER, "|---|---:|---:|---|---:|---:|", sep="\n")
    for homework in course.load().homeworks:
        if homework.id in names or not names:
            print(row(homework), flush=True)
    print(f"\nAims: {AIMS['notebook']:.0f} s a notebook, {AIMS['check']:.0f} s a check.")


def _lay_out(homework: course.Homework, folder: Path) -> None:
    files = release.student_files(homework)
    files[f"{homework.id}.ipynb"] = build.staged(homework.id).solved.read_bytes()
    files[f"hlmtools/{homework.module}.py"] = build.solved_module(homework).encode()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1:])
