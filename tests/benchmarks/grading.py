"""How fast a class is graded: this judge, `otter run` and `nbgrader autograde`, in one run.

``python -m tests.benchmarks.grading`` grades a class of 4, with ``--full`` one of 40, and prints a
table in Markdown. The same notebook, with the same tests, goes through all three on the same
cores. The notebook's own computing is what its cells take in a plain process once everything is
imported; the rest of the wall time is overhead, imports included.
nbgrader is installed into a virtual environment of its own under ``dist/bench``; where that cannot
be had, it is left out and the table says so.
"""

from __future__ import annotations

import argparse
import csv
import importlib.metadata
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import nbformat
import numpy as np
import psutil
from nbformat.v4 import new_code_cell, new_notebook

from autograder.course import ROOT
from tests.assigned import Case, Made, Question, assign, solved

AIMS = {"otter run": 15.0, "nbgrader autograde": 5.0}
NBGRADER = "nbgrader==0.9.5"
BENCH = ROOT / "dist" / "bench"
SAMPLE_SECONDS = 0.25
ACCOUNTS = Path("/sys/fs/cgroup/cpuacct")

IMPORTS = """\
import numpy as np
import pandas as pd
import seaborn as sns
import statsmodels.formula.api as smf"""

QUESTIONS = (
    Question(
        "q1",
        'data = pd.read_csv("scores.csv")\nmeans = data.groupby("school")["score"].mean()',
        (
            Case("def test_length(means):\n    assert len(means) == 40"),
            Case("def test_mean(means):\n    assert abs(means.mean() - {mean}) < 1e-6", True),
        ),
    ),
    Question(
        "q2",
        'fit = smf.ols("score ~ hours + C(school)", data).fit()\nslope = fit.params["hours"]',
        (Case("def test_slope(slope):\n    assert abs(slope - {slope}) < 1e-6", True),),
    ),
    Question(
        "q3",
        "def icc(psi, sigma2):\n    return psi / (psi + sigma2)",
        (
            Case("def test_half(icc):\n    assert icc(2.0, 2.0) == 0.5"),
            Case("def test_other(icc):\n    assert abs(icc(8.6, 39.1) - 8.6 / 47.7) < 1e-9", True),
        ),
    ),
    Question(
        "q4",
        'axes = sns.scatterplot(data, x="hours", y="score")\nlabel = axes.get_xlabel()',
        (Case("def test_label(label):\n    assert label == 'hours'"),),
    ),
)
POINTS = len(QUESTIONS)


@dataclass(frozen=True)
class Measured:
    """What grading a class took."""

    wall: float  # seconds
    processor: float | None  # seconds; None where nobody counts them
    peak: float  # bytes, shared pages counted once


@dataclass(frozen=True)
class Class:
    """A class: the assignment, each student's notebook, and where things are put."""

    made: Made
    notebooks: dict[str, bytes]
    folder: Path
    cores: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a class of 40 rather than 4")
    parser.add_argument("--cores", type=int, default=1, help="for each of the three")
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        group = _class(Path(folder), 40 if options.full else 4, options.cores)
        own = _own_seconds(group)
        runners = {"hlm grade": _hlm, "otter run": _otter, "nbgrader autograde": _nbgrader}
        found = {name: _measured(name, run, group) for name, run in runners.items()}
    print(table(found, own, len(group.notebooks), options.cores))


# ---------------------------------------------------------------------------------- the class


def _class(folder: Path, size: int, cores: int) -> Class:
    master = folder / "master"
    master.mkdir()
    numbers = _write_data(master / "scores.csv")
    settings = {"tests": {"ok_format": False, "files": True}, "files": ["scores.csv"]}
    made = assign(master, settings, IMPORTS, *(_filled(each, numbers) for each in QUESTIONS))
    notebooks = {f"student{k:02}": _signed(solved(made), k) for k in range(size)}
    return Class(made, notebooks, folder, cores)


def _write_data(path: Path) -> dict[str, str]:
    """Pupils in schools, and what the right answers are."""
    import pandas as pd
    import statsmodels.formula.api as smf

    draw = np.random.default_rng(20270201)
    school = np.repeat(np.arange(40), 25)
    hours = draw.normal(5, 2, school.size)
    score = 50 + draw.normal(0, 3, 40)[school] + 1.5 * hours + draw.normal(0, 6, school.size)
    pd.DataFrame({"school": school, "hours": hours, "score": score}).to_csv(path, index=False)
    data = pd.read_csv(path)
    means = data.groupby("school")["score"].mean()
    slope = smf.ols("score ~ hours + C(school)", data).fit().params["hours"]
    return {"{mean}": repr(float(means.mean())), "{slope}": repr(float(slope))}


def _filled(question: Question, numbers: dict[str, str]) -> Question:
    cases = []
    for case in question.cases:
        code = case.code
        for mark, number in numbers.items():
            code = code.replace(mark, number)
        cases.append(Case(code, case.hidden))
    return Question(question.name, question.solution, tuple(cases))


def _signed(notebook: bytes, k: int) -> bytes:
    """The notebook as one student has it: no two are the same work."""
    book = nbformat.reads(notebook.decode(), as_version=4)
    book.cells.append(new_code_cell(f"# handed in by student {k}", id="signature"))
    return nbformat.writes(book).encode()


def _own_seconds(group: Class) -> float:
    """Seconds of the notebook's own computing, once everything is imported: median of three."""
    cells = [question.solution for question in QUESTIONS]
    program = (
        f"import time\n{IMPORTS}\nimport matplotlib\nmatplotlib.use('agg')\n"
        "import matplotlib.pyplot as plt\n"
        f"cells = {cells!r}\nwarm = {{}}\nexec({IMPORTS!r}, warm)\n"
        "started = time.perf_counter()\n"
        "for cell in cells:\n    exec(cell, warm)\n"
        "print(time.perf_counter() - started)\n"
    )
    folder = group.made.solved.parent
    command = [sys.executable, "-c", program]
    times = [
        float(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    return statistics.median(times)


# ---------------------------------------------------------------------------------- measuring


def _measured(name: str, run: Callable[[Class], Callable[[], list[float]] | None], group: Class):
    """What one of the three takes, after it was made ready; None where it cannot be had.

    Full marks for everybody are demanded: a grader that fails quickly is not fast.
    """
    print(f"{name} ...", file=sys.stderr, flush=True)
    ready = run(group)
    if ready is None:
        return None
    started = time.perf_counter()
    with _processor_seconds() as processor, _peak_memory() as peak:
        scores = ready()
    wall = time.perf_counter() - started
    if scores != [POINTS] * len(group.notebooks):
        raise SystemExit(f"{name} gave {scores}; everybody should have {POINTS} points.")
    return Measured(wall, processor[-1], max(peak))


@contextmanager
def _processor_seconds() -> Iterator[list[float | None]]:
    """Processor seconds of this process and all below it, as a cgroup counts them.

    Times that children report to those who wait for them leave out what ends with its namespace.
    """
    found: list[float | None] = [None]
    group = ACCOUNTS / f"hlm-bench-{os.getpid()}"
    if not os.access(ACCOUNTS, os.W_OK):
        yield found
        return
    group.mkdir()
    (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield found
        found.append(int((group / "cpuacct.usage").read_text()) / 1e9)
    finally:
        (ACCOUNTS / "cgroup.procs").write_text(str(os.getpid()))
        _remove_group(group)


def _remove_group(group: Path) -> None:
    """Once its last process has ended, which takes moments."""
    for _ in range(100):
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


@contextmanager
def _peak_memory() -> Iterator[list[float]]:
    """Memory of all processes below this one, sampled; pages that several share count once."""
    found, stopped = [0.0], Event()

    def watch() -> None:
        while not stopped.wait(SAMPLE_SECONDS):
            found.append(_memory())

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stopped.set()
        thread.join()


def _memory() -> float:
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            continue
    return float(total)


# ---------------------------------------------------------------------------------- the three


def _hlm(group: Class) -> Callable[[], list[float]]:
    box, out = group.folder / "class", group.folder / "graded"
    _write_class(group, box)
    program = "from autograder.cli import main; main()"
    words = ["grade", "--autograder", str(group.made.archive), str(box), "--out", str(out)]
    command = [sys.executable, "-c", program, *words, "--jobs", str(group.cores)]

    def grade() -> list[float]:
        _run(command, ROOT)
        with (out / "grades.csv").open(encoding="utf-8") as file:
            return [float(row["score"]) for row in csv.DictReader(file)]

    return grade


def _otter(group: Class) -> Callable[[], list[float]]:
    box = group.folder / "otter"
    _write_class(group, box)
    otter = str(Path(sys.executable).with_name("otter"))

    def grade_one(name: str) -> float:
        out = box / name
        out.mkdir()
        words = ["run", "-a", str(group.made.archive), "-o", str(out), "--no-logo"]
        _run([otter, *words, str(box / f"{name}.ipynb")], box)
        tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        return sum(each.get("score", 0) for each in tests)

    def grade() -> list[float]:
        with ThreadPoolExecutor(group.cores) as pool:
            return list(pool.map(grade_one, group.notebooks))

    return grade


def _nbgrader(group: Class) -> Callable[[], list[float]] | None:
    python = _nbgrader_python()
    if python is None:
        return None
    names = list(group.notebooks)
    shares = [names[k :: group.cores] for k in range(group.cores) if names[k :: group.cores]]
    courses = [group.folder / f"nbgrader{k}" for k in range(len(shares))]
    for course, share in zip(courses, shares, strict=True):
        _nbgrader_course(python, group, course, share)

    def grade() -> list[float]:
        command = [str(python), "-m", "nbgrader", "autograde", "lab"]
        with ThreadPoolExecutor(group.cores) as pool:
            list(pool.map(lambda course: _run(command, course), courses))
        return [score for course in courses for score in _nbgrader_scores(python, course)]

    return grade


def _write_class(group: Class, box: Path) -> None:
    box.mkdir()
    for name, notebook in group.notebooks.items():
        (box / f"{name}.ipynb").write_bytes(notebook)


def _run(command: list[str], folder: Path) -> None:
    """Run a program with its own environment's other programs at hand, as nbgrader needs."""
    paths = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": paths}
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    if ran.returncode:
        raise SystemExit(
            f"{' '.join(command[:4])} failed:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}"
        )


def _nbgrader_python() -> Path | None:
    """Python of an environment with nbgrader and this one's packages for the notebook."""
    folder = BENCH / "nbgrader"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        same = ("numpy", "pandas", "seaborn", "statsmodels", "scipy", "matplotlib")
        wanted = [NBGRADER, *(f"{name}=={importlib.metadata.version(name)}" for name in same)]
        install = [str(python), "-m", "pip", "install", "--quiet", *wanted]
        if subprocess.run(install, capture_output=True).returncode:
            return None
        (folder / "ready").touch()
    return python


def _nbgrader_course(python: Path, group: Class, course: Path, share: list[str]) -> None:
    """A course folder: the assignment released, and a share of the class handed in."""
    source = course / "source" / "lab"
    source.mkdir(parents=True)
    data = group.made.solved.parent / "scores.csv"
    shutil.copyfile(data, source / "scores.csv")
    nbformat.write(_nbgrader_notebook(group), source / "lab.ipynb")
    _run([str(python), "-m", "nbgrader", "generate_assignment", "lab"], course)
    for name in share:
        folder = course / "submitted" / name / "lab"
        folder.mkdir(parents=True)
        shutil.copyfile(data, folder / "scores.csv")
        nbformat.write(_nbgrader_notebook(group, name), folder / "lab.ipynb")


def _nbgrader_notebook(group: Class, name: str = "") -> nbformat.NotebookNode:
    """The same cells and tests with nbgrader's marks; a test's points as otter has them."""
    book = new_notebook(cells=[new_code_cell(IMPORTS, id="imports")])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    for question, held in zip(QUESTIONS, _tests(group), strict=True):
        cell = new_code_cell(
            f"### BEGIN SOLUTION\n{question.solution}\n### END SOLUTION", id=question.name
        )
        cell.metadata["nbgrader"] = _mark(question.name, solution=True)
        book.cells.append(cell)
        for k, code in enumerate(held):
            test = new_code_cell(code, id=f"{question.name}-{k}")
            test.metadata["nbgrader"] = _mark(f"{question.name}-{k}", points=1 / len(held))
            book.cells.append(test)
    book.cells.append(new_code_cell(f"# handed in by {name}", id="signature"))
    return book


def _tests(group: Class) -> list[list[str]]:
    """Each question's tests as cells: the function that otter has, and a call of it."""
    numbers = _write_data(group.folder / "again.csv")
    return [
        [_called(case.code) for case in _filled(question, numbers).cases] for question in QUESTIONS
    ]


def _called(code: str) -> str:
    signature = code.split("\n", 1)[0].removeprefix("def ").removesuffix(":")
    return f"{code}\n{signature}"


def _mark(grade_id: str, solution: bool = False, points: float | None = None) -> dict[str, Any]:
    mark = {"schema_version": 3, "task": False, "grade_id": grade_id, "cell_type": "code"}
    mark |= {"solution": solution, "grade": points is not None, "locked": not solution}
    return mark | ({"points": points} if points is not None else {})


def _nbgrader_scores(python: Path, course: Path) -> list[float]:
    _run([str(python), "-m", "nbgrader", "export"], course)
    with (course / "grades.csv").open(encoding="utf-8") as file:
        return [round(float(row["score"]), 6) for row in csv.DictReader(file)]


# ------------------------------------------------------------------------------------ the table


def table(found: dict[str, Measured | None], own: float, size: int, cores: int) -> str:
    """What was measured, in Markdown."""
    ours = found["hlm grade"]
    assert ours is not None
    head = "| grader | submissions a minute | processor seconds each | peak MB | wall seconds each "
    head += "| overhead each | overhead, theirs / ours (aim) | end to end | own computing |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    for name, measured in found.items():
        lines.append(_row(name, measured, ours, own, size, cores))
    about = f"A class of {size} on {_count(cores, 'core')}; the notebook's own computing takes "
    about += (
        f"{own:.2f} s. A submission's wall time is that of the class, times cores, by its size."
    )
    return "\n".join([about, "", *lines])


def _row(
    name: str, measured: Measured | None, ours: Measured, own: float, size: int, cores: int
) -> str:
    if measured is None:
        return f"| {name} | skipped: {NBGRADER} could not be installed | | | | | | | |"
    wall, our_wall = measured.wall * cores / size, ours.wall * cores / size
    ratio = (wall - own) / (our_wall - own)
    aim = f"{ratio:.1f} ({AIMS[name]:g})" if name in AIMS else "1"
    cells = [
        name,
        f"{60 * size / measured.wall:.1f}",
        "-" if measured.processor is None else f"{measured.processor / size:.2f}",
        f"{measured.peak / cores / 2**20:.0f}",
        f"{wall:.2f}",
        f"{wall - own:.2f}",
        aim,
        f"{wall / our_wall:.1f}",
        f"{own / wall:.0%}",
    ]
    return f"| {' | '.join(cells)} |"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


if __name__ == "__main__":
    main()
