"""Archives of a homework: one for students, one for Gradescope, the same byte for byte each time.

Nothing is written before every student-facing file was searched (`autograder.leaks`).
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from autograder import build, course, leaks
from autograder.build import Progress
from autograder.course import ROOT, Course, CourseError, Homework

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest a zip file can hold
_SCRIPTS = ("setup.sh", "run_autograder")
_TEMPLATES = Path(__file__).parent / "templates"


class LeakError(CourseError):
    """Something secret stands in a file for students; `findings` lists it all."""

    def __init__(self, hw: str, findings: Iterable[str]) -> None:
        self.findings = tuple(findings)
        head = f"{hw} is not released, for students would see what is secret. Take these out:"
        super().__init__("\n  ".join([head, *self.findings]))


def release(
    hw: str,
    out: Path,
    force: bool = False,
    root: Path = ROOT,
    now: datetime | None = None,
    progress: Progress = lambda line: None,
) -> tuple[Path, Path]:
    """Write the archives of a homework.

    Parameters
    ----------
    hw
        Id of the homework.
    out
        Folder for ``hw1-student.zip`` and ``hw1-autograder.zip``; made where it is missing.
    force
        True releases although an earlier homework, whose module goes out solved, can still be
        handed in.
    root
        Folder of the course.
    now
        The moment of release; the present by default.
    progress
        Is told in a line what is being done.

    Returns
    -------
    Paths of the student archive and of the autograder archive.

    Raises
    ------
    CourseError
        Where an earlier homework is open or generated files are out of date.
    LeakError
        Where a student would see something secret.
    """
    plan = course.load(root)
    homework = plan.homework(hw)
    if not force:
        _refuse_open(plan, homework, now)
    progress(f"comparing {hw} with its master")
    _refuse_drift(hw, root)
    student = student_files(homework, root)
    _refuse_missing_data(student, homework)
    progress(f"searching {len(student)} files")
    findings = leaks.scan(student, hw, root)
    if findings:
        raise LeakError(hw, findings)
    out.mkdir(parents=True, exist_ok=True)
    paths = out / f"{hw}-student.zip", out / f"{hw}-autograder.zip"
    progress("writing archives")
    paths[0].write_bytes(zipped({f"{hw}/{path}": data for path, data in student.items()}))
    paths[1].write_bytes(zipped(autograder_files(homework, root)))
    return paths


def student_files(homework: Homework, root: Path = ROOT) -> dict[str, bytes]:
    """Content of the student archive by path, below its one top folder."""
    source = root / "assignments" / homework.folder
    names = {
        f"{homework.id}.ipynb": source / f"{homework.id}.ipynb",
        "README.md": source / "README.md",
        "requirements.txt": root / "requirements-student.txt",
    }
    names |= {f"tests/{path.name}": path for path in (source / "tests").glob("*.py")}
    names |= _data_files(homework, root)
    if (root / "LICENSE").exists():
        names["LICENSE"] = root / "LICENSE"
    files = {name: _bytes(path) for name, path in names.items()}
    with tempfile.TemporaryDirectory() as folder:
        build.lay_out_package(homework.id, Path(folder), root)
        files |= _below(Path(folder), "hlmtools")
    files["notes.ipynb"] = build.notes_notebook(homework, root).encode()
    files["START_HERE.txt"] = _template("START_HERE.txt", homework)
    return files


def autograder_files(homework: Homework, root: Path = ROOT) -> dict[str, bytes]:
    """Content of the Gradescope archive by path: the judge and all that it holds of a homework."""
    files = {name: _template(name, homework) for name in _SCRIPTS}
    patterns = [
        "course.toml",
        "requirements.txt",
        "README.md",
        "pyproject.toml",
        "autograder/**/*.py",
        "autograder/templates/**/*",
        "autograder/references/*.toml",
        f"autograder/references/{homework.id}.json",
        "hlmtools/*.py",
        "hlmtools/slips/*.json",
        "solutions/*.yml",
        "solutions/*.py",
        "solutions/hlmtools/*.py",
        f"solutions/{homework.folder}/*",
    ]
    paths = {path for pattern in patterns for path in root.glob(pattern) if _is_source(path)}
    files |= {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    files |= {name: _bytes(path) for name, path in _data_files(homework, root).items()}
    built = build.staged(homework.id, root).autograder_tests.parent
    return files | _below(built, built.relative_to(root).as_posix())


def _template(name: str, homework: Homework) -> bytes:
    """A template of ours for one homework; ``hw0``, ``{title}`` and ``{module}`` are filled in."""
    text = (_TEMPLATES / name).read_text(encoding="utf-8").replace("hw0", homework.id)
    title = f"Homework {homework.number}: {homework.title}"
    return text.replace("{title}", title).replace("{module}", homework.module).encode()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip archive that depends on names and contents only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.create_system = 3  # Unix, wherever it is made
            entry.external_attr = (0o100755 if name in _SCRIPTS else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def _refuse_open(plan: Course, homework: Homework, now: datetime | None) -> None:
    moment = now or datetime.now(tz=homework.due.tzinfo)
    for earlier in plan.before(homework.id):
        if earlier.closes > moment:
            raise CourseError(
                f"{homework.id} ships the solution of {earlier.id}, which can be handed in until "
                f"{earlier.closes:%Y-%m-%d %H:%M}. Wait, or use --force."
            )


def _refuse_drift(hw: str, root: Path) -> None:
    drift = build.build([hw], check=True, root=root)
    if drift:
        raise CourseError(f"{drift[0]} ({len(drift)} files in all). Run hlm build first.")


def _refuse_missing_data(files: Mapping[str, bytes], homework: Homework) -> None:
    for path in (path for path in sorted(files) if path.endswith(".ipynb")):
        for cell in json.loads(files[path])["cells"]:
            for name in re.findall(r"load_dataset\(\s*[\"'](\w+)", "".join(cell["source"])):
                if name not in homework.data:
                    text = f"{homework.id}: {path} loads the data set {name!r}"
                    raise CourseError(f"{text}. Add it to the homework's data in course.toml.")


def _data_files(homework: Homework, root: Path) -> dict[str, Path]:
    names = ["registry.toml"]
    for dataset in homework.data:
        names += [f"{dataset}.csv", f"{dataset}.md"]
    return {f"data/{name}": root / "data" / name for name in names}


def _below(folder: Path, prefix: str) -> dict[str, bytes]:
    return {
        f"{prefix}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CourseError(f"{path} is missing, and the release needs it. Add it.") from None
