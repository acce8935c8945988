"""Masters to what students get: notebook, public tests, stub, slip hashes, tables of points.

Everything made here says so, is the same byte for byte whenever it is made, and is compared with
the masters by ``hlm build --check``.
Functions take the root of the course, so that a small course in a test is built the same way.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from autograder import course, markers, schedule
from autograder.course import ROOT, CourseError, Homework
from autograder.markers import Block, Master, Question

TASK_TABLE = ("<!-- BEGIN GENERATED TASKS -->", "<!-- END GENERATED TASKS -->")
SCHEDULE = ("<!-- BEGIN GENERATED SCHEDULE -->", "<!-- END GENERATED SCHEDULE -->")
ANSWER_TAG = "otter_answer_cell"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Built:
    """One built homework.

    Attributes
    ----------
    student
        Folder with the student's notebook and tests/ with the public test cases.
    autograder_tests
        Folder with every test case, hidden ones included.
    solved
        The notebook with all answers in place, as a perfect student would hand it in.
    """

    student: Path
    autograder_tests: Path
    solved: Path


def use_solved(root: Path = ROOT) -> None:
    """Lay the solved student modules over the package ``hlmtools`` in this process.

    Puts ``solutions/hlmtools`` first on ``hlmtools.__path__`` and forgets stubs that were imported
    before; call it in every process that wants the solved package, spawned workers included.
    """
    import hlmtools

    folder = root / "solutions" / "hlmtools"
    if not folder.is_dir():
        raise CourseError(f"{folder} is missing. The solved modules stand there.")
    others = [path for path in hlmtools.__path__ if path != str(folder)]
    hlmtools.__path__ = [str(folder), *others]
    for path in folder.glob("*.py"):
        module = sys.modules.get(f"hlmtools.{path.stem}")
        if module and Path(module.__file__ or "").parent != folder:
            del sys.modules[f"hlmtools.{path.stem}"]
            vars(hlmtools).pop(path.stem, None)
    importlib.invalidate_caches()


def build(
    hws: Iterable[str] | None = None,
    check: bool = False,
    root: Path = ROOT,
    progress: Progress = lambda line: None,
) -> list[str]:
    """Make the generated files of homeworks, or compare them with their masters.

    Parameters
    ----------
    hws
        Ids such as "hw1"; all homeworks of the course where None or empty.
    check
        True changes nothing.
    root
        Folder of the course.
    progress
        Is told in a line what is being built.

    Returns
    -------
    One line a file: what was written, or with `check` how it drifts from its master.
    Empty where all is up to date.

    Raises
    ------
    CourseError
        Where a master, the handout or the references are not as they have to be.
    """
    plan = course.load(root)
    wanted = [plan.homework(hw) for hw in hws or [homework.id for homework in plan.homeworks]]
    made: dict[str, bytes] = {}
    for homework in wanted:
        progress(f"building {homework.id}")
        made |= generated_files(homework, root)
    made |= _schedule_file(plan)
    changes = [*_changes(made, root), *_leftovers(wanted, made, root)]
    if not check:
        _write(made, [path for path, _ in changes], root)
    return [f"{path}: {what if check else 'written'}" for path, what in changes]


def generated_files(homework: Homework, root: Path = ROOT) -> dict[str, bytes]:
    """Content of every generated file of one homework, by its path below the root."""
    master = read_master(homework, root)
    with tempfile.TemporaryDirectory() as folder:
        built = build_homework(homework.id, Path(folder), root)
        target = f"assignments/{homework.folder}"
        made = {f"{target}/{homework.id}.ipynb": (built.student / f"{homework.id}.ipynb")}
        for path in sorted((built.student / "tests").glob("*.py")):
            made[f"{target}/tests/{path.name}"] = path
        files = {path: source.read_bytes() for path, source in made.items()}
    files |= _handout(homework, master, root)
    files[f"hlmtools/{homework.module}.py"] = stub(homework, root).encode()
    files[f"hlmtools/slips/{homework.id}.json"] = _slip_file(homework, root)
    return files


def build_homework(hw: str, out: Path, root: Path = ROOT) -> Built:
    """Run otter assign on a homework's master and bring the result into a stable form.

    Parameters
    ----------
    hw
        Id of the homework.
    out
        Folder to fill: student/, tests/ and solved.ipynb.
    root
        Folder of the course.
    """
    homework = course.homework(hw, root)
    master = read_master(homework, root)
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder).resolve()
        staged = stage / f"{hw}.ipynb"
        _write_notebook(_staged_notebook(homework, master, root), staged)
        _otter_assign(staged, stage / "made", master.name)
        mark = f"Generated by hlm build from {master.name}; do not edit."
        built = Built(out / "student", out / "tests", out / "solved.ipynb")
        _copy_tests(stage / "made" / "student" / "tests", built.student / "tests", mark)
        _copy_tests(stage / "made" / "autograder" / "tests", built.autograder_tests, mark)
        for kind, target in (
            ("student", built.student / staged.name),
            ("autograder", built.solved),
        ):
            notebook = _tidy(stage / "made" / kind / staged.name, master)
            _write_notebook(_plain(notebook, homework, mark), target)
    _compare_points(master, built.autograder_tests)
    return built


def staged_tests(hw: str, root: Path = ROOT) -> Path:
    """Folder with the full tests of a homework, built once for each content of its master."""
    return staged(hw, root).autograder_tests


def staged(hw: str, root: Path = ROOT) -> Built:
    """A homework built under dist/, in a folder named by the content it was built from.

    Two processes may ask at once: each builds in a folder of its own and renames it into place;
    the second finds the first one's and drops its own.
    """
    folder = root / "dist" / hw / _content_key(course.homework(hw, root), root)
    built = Built(folder / "student", folder / "tests", folder / "solved.ipynb")
    if folder.is_dir():
        return built
    folder.parent.mkdir(parents=True, exist_ok=True)
    own = Path(tempfile.mkdtemp(prefix="build-", dir=folder.parent))
    try:
        own.chmod(0o755)
        build_homework(hw, own, root)
        os.rename(own, folder)
    except OSError:
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return built


def read_master(homework: Homework, root: Path = ROOT) -> Master:
    """Read and check a homework's notebook master against its module and the handout.

    Raises
    ------
    CourseError
        Where the grammar is broken, a task id is known in one place only, or points do not fit.
    """
    path = master_path(homework, root)
    name = path.relative_to(root).as_posix()
    master = markers.check_notebook(_read(path), name)
    _check_tasks(homework, master, root)
    _check_points(master)
    return master


def master_path(homework: Homework, root: Path = ROOT) -> Path:
    """The notebook master of a homework."""
    return root / "solutions" / homework.folder / f"{homework.id}.py"


def module_path(homework: Homework, root: Path = ROOT) -> Path:
    """The solved student module of a homework."""
    return root / "solutions" / "hlmtools" / f"{homework.module}.py"


def solution_blocks(homework: Homework, root: Path = ROOT) -> tuple[Block, ...]:
    """What students write in the module of a homework."""
    path = module_path(homework, root)
    return markers.module_blocks(_read(path), path.relative_to(root).as_posix())


def stub(homework: Homework, root: Path = ROOT) -> str:
    """The student module of a homework with the solutions taken out."""
    path = module_path(homework, root)
    name = path.relative_to(root).as_posix()
    first = f"# Generated by hlm build from {name}: students fill it in.\n"
    # what only solutions use is imported all the same: it hints at the way
    return first + "# ruff: noqa: F401\n" + markers.strip_module(_read(path), name)


def read_references(homework: Homework, root: Path = ROOT) -> dict[str, Any]:
    """The reference file of a homework, with its quantities."""
    path = root / "autograder" / "references" / f"{homework.id}.json"
    table = json.loads(_read(path))
    if "quantities" not in table:
        raise CourseError(f"{path} has no quantities. Run make references.")
    return table


def template(hw: str, root: Path = ROOT) -> str:
    """The student notebook of a homework, as JSON text."""
    return _read(staged(hw, root).student / f"{hw}.ipynb")


def written_questions(hw: str, root: Path = ROOT) -> dict[str, float]:
    """Points of the questions that a person reads, by name."""
    questions = read_master(course.homework(hw, root), root).questions
    return {question.name: question.points for question in questions if question.manual}


def lay_out_package(hw: str, folder: Path, root: Path = ROOT) -> None:
    """Write the package ``hlmtools`` as the students of a homework have it.

    Given code and hashed slips are copied; modules of earlier homeworks are solved, those of this
    one and of later ones are stubs.
    """
    plan = course.load(root)
    number = plan.homework(hw).number
    modules = {homework.module: homework for homework in plan.homeworks}
    slips = {homework.id for homework in plan.homeworks if homework.number <= number}
    (folder / "slips").mkdir(parents=True, exist_ok=True)
    for path in sorted((root / "hlmtools").glob("*.py")):
        if path.stem not in modules:
            shutil.copyfile(path, folder / path.name)
    for homework in modules.values():
        text = (solved_module if homework.number < number else stub)(homework, root)
        (folder / f"{homework.module}.py").write_text(text, encoding="utf-8", newline="\n")
    for path in sorted((root / "hlmtools" / "slips").glob("hw*.json")):
        if path.stem in slips:
            shutil.copyfile(path, folder / "slips" / path.name)


def solved_module(homework: Homework, root: Path = ROOT) -> str:
    """The student module of a homework with the solutions in it, without the markers."""
    path = module_path(homework, root)
    name = path.relative_to(root).as_posix()
    first = f"# Generated by hlm release from {name}: the module of an earlier homework, solved.\n"
    return first + markers.unmark_module(_read(path), name)


def notes_notebook(homework: Homework, root: Path = ROOT) -> str:
    """The lecture notes of a homework (MyST text) as a notebook without outputs."""
    import jupytext

    path = root / "assignments" / homework.folder / "notes.md"
    mark = f"Generated by hlm release from {path.relative_to(root).as_posix()}; do not edit."
    notebook = jupytext.reads(_read(path), fmt="md:myst")
    return _notebook_text(_plain(notebook, homework, mark))


# ----------------------------------------------------------------------- writing and comparing


def _changes(made: Mapping[str, bytes], root: Path) -> list[tuple[str, str]]:
    changes = []
    for path, content in sorted(made.items()):
        target = root / path
        if not target.exists():
            changes.append((path, "is missing"))
        elif target.read_bytes() != content:
            changes.append((path, "differs from what its master gives"))
    return changes


def _leftovers(
    homeworks: Iterable[Homework], made: Mapping[str, bytes], root: Path
) -> list[tuple[str, str]]:
    """Files in folders of generated tests that no master gives any more."""
    leftovers = []
    for homework in homeworks:
        for path in sorted((root / "assignments" / homework.folder / "tests").glob("*.py")):
            name = path.relative_to(root).as_posix()
            if name not in made:
                leftovers.append((name, "comes from no master"))
    return leftovers


def _write(made: Mapping[str, bytes], paths: Iterable[str], root: Path) -> None:
    for path in paths:
        target = root / path
        if path not in made:
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(made[path])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CourseError(f"{path} is missing. Write it, or take the homework out.") from None


def _between(text: str, marks: tuple[str, str], content: str, name: str) -> str:
    """Text with what stands between two mark lines replaced."""
    start, end = text.find(marks[0]), text.find(marks[1])
    if start < 0 or end < start:
        raise CourseError(f"{name} lacks the lines {marks[0]} and {marks[1]}. Put them in.")
    return f"{text[: start + len(marks[0])]}\n{content}\n{text[end:]}"


# ------------------------------------------------------------------------------ checks of points


def _check_tasks(homework: Homework, master: Master, root: Path) -> None:
    """Every task is known in the notebook, by heading and question, and in the module."""
    tasks = sorted({question.task for question in master.questions})
    expected = [f"{homework.number}.{number}" for number in range(1, len(tasks) + 1)]
    if not tasks or tasks != expected:
        found = ", ".join(tasks) or "none"
        raise CourseError(
            f"{master.name} has the tasks {found}; number them from {homework.number}.1 on, "
            "without gaps, at most nine."
        )
    if sorted(master.titles) != tasks:
        odd = sorted(set(master.titles) ^ set(tasks))[0]
        raise CourseError(
            f'{master.name}: task {odd} needs one heading "## {odd} Title" and a question.'
        )
    module = module_path(homework, root)
    name = module.relative_to(root).as_posix()
    for block in markers.module_blocks(_read(module), name):
        if block.task not in tasks:
            text = f"{name}, line {block.start}: task {block.task} has no question"
            raise CourseError(f"{text} in {master.name}. Add it or mend the id.")


def _check_points(master: Master) -> None:
    for question in master.questions:
        if not question.points:
            text = f"{master.name}, line {question.line}: {question.name} is worth nothing"
            raise CourseError(f"{text}. Give its test cases, or the written question, points.")
    cases = [case for question in master.questions for case in question.cases]
    hidden = sum(case.points for case in cases if case.hidden)
    public = sum(case.points for case in cases if not case.hidden)
    if public > hidden:
        raise CourseError(
            f"{master.name}: public cases carry {public:g} points, hidden ones {hidden:g}. "
            "Hidden cases carry most."
        )


def _compare_points(master: Master, tests: Path) -> None:
    """What otter reads from the test files it wrote are the points of the master."""
    from otter.test_files.exception_test import ExceptionTestFile

    for question in master.questions:
        if question.manual:
            continue
        otters = ExceptionTestFile.from_file(str(tests / f"{question.name}.py"))
        given = [(case.points, case.hidden) for case in question.cases]
        if [(case.points, case.hidden) for case in otters.test_cases] != given:
            text = f"{master.name}: the built tests of {question.name} do not carry its points"
            raise CourseError(f"{text}. Is a name used twice?")


# ------------------------------------------------------------------- notebooks through otter


def _staged_notebook(homework: Homework, master: Master, root: Path) -> Any:
    """The master as otter wants it: one settings cell, tests with settings, answers wrapped."""
    import jupytext
    import nbformat

    notebook = jupytext.reads(_read(master_path(homework, root)), fmt="py:percent")
    if [cell.cell_type for cell in notebook.cells] != [cell.kind for cell in master.cells]:
        raise CourseError(f"{master.name}: jupytext reads other cells. Is code above the first?")
    cases = {case.line: case for question in master.questions for case in question.cases}
    settings = _read(root / "solutions" / "otter.yml")
    cells: list[Any] = []
    for cell, read in zip(notebook.cells, master.cells, strict=True):
        if cell.cell_type == "raw" and re.match(r"#\s+ASSIGNMENT CONFIG", cell.source, re.I):
            settings = _merged(settings, cell.source)
        elif read.line in cases:
            cell.source = _test_source(cases[read.line])
            cells.append(cell)
        else:
            cells.extend(_wrapped(cell))
    before, after = _frame(homework, root)
    config = nbformat.v4.new_raw_cell(f"# ASSIGNMENT CONFIG\n{settings}")
    notebook.cells = [config, *before, *cells, *after]
    notebook.metadata["kernelspec"] = _KERNEL
    return notebook


_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def _merged(shared: str, own: str) -> str:
    """Shared settings with a master's own on top, as YAML."""
    import yaml

    return yaml.safe_dump(yaml.safe_load(shared) | (yaml.safe_load(own) or {}))


def _frame(homework: Homework, root: Path) -> tuple[list[Any], list[Any]]:
    """Cells that stand before and after every homework."""
    import jupytext

    text = _read(root / "solutions" / "frame.py").replace("hw0", homework.id)
    cells: dict[str, list[Any]] = {"before": [], "after": []}
    for cell in jupytext.reads(text, fmt="py:percent").cells:
        for tag in cell.metadata.pop("tags", []):
            cells[tag].append(cell)
    return cells["before"], cells["after"]


def _test_source(case: markers.Case) -> str:
    """A test cell in otter's grammar: its settings in a string, then the bare function."""
    import yaml

    from hlmtools import check

    success = case.success_message or (None if case.hidden else check.FORM_IS_RIGHT)
    settings = {
        "hidden": case.hidden,
        "points": case.points,
        "success_message": _quoted(success),
        "failure_message": _quoted(case.failure_message),
    }
    lines = yaml.safe_dump({key: value for key, value in settings.items() if value is not None})
    return f'""" # BEGIN TEST CONFIG\n{lines}""" # END TEST CONFIG\n{case.source}'


def _quoted(message: str | None) -> str | None:
    """Otter writes a message between double quotes as it stands: escape it for that."""
    return None if message is None else json.dumps(message, ensure_ascii=False)[1:-1]


def _wrapped(cell: Any) -> list[Any]:
    """A cell with the ids taken off its markers, inside otter's solution cells where it has any."""
    import nbformat

    if cell.cell_type != "code" or "SOLUTION" not in cell.source:
        return [cell]
    found = re.sub(rf"(# (?:BEGIN |END )?SOLUTION) {markers.ID}[a-z]?", r"\1", cell.source)
    if found == cell.source and "# END SOLUTION" not in found:
        return [cell]
    cell.source = found
    edges = (f"# {edge} SOLUTION" for edge in ("BEGIN", "END"))
    begin, end = (nbformat.v4.new_raw_cell(edge) for edge in edges)
    return [begin, cell, end]


def _otter_assign(notebook: Path, out: Path, name: str) -> None:
    from otter.assign import main as assign

    try:
        assign(str(notebook), str(out), no_pdfs=True, no_run_tests=True)
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise CourseError(f"{name}: otter assign refuses it ({first}). Mend the master.") from error


def _copy_tests(source: Path, target: Path, mark: str) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.py")):
        lines = [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]
        text = "\n".join([f"# {mark}", *lines]).rstrip() + "\n"
        (target / path.name).write_text(text, encoding="utf-8", newline="\n")


def _tidy(path: Path, master: Master) -> Any:
    """A notebook that otter wrote, with answers tagged and written ones named by their question."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    written = iter([question.name for question in master.questions if question.manual])
    cells: list[Any] = []
    for cell in notebook.cells:
        answer = {"otter_assign_solution_cell", ANSWER_TAG} & set(cell.metadata.get("tags", []))
        if answer:
            cell.metadata["tags"] = [ANSWER_TAG]
        if answer and cell.cell_type == "markdown":
            if cells and cells[-1].get("id", "").endswith("-answer"):
                cell["id"] = cells.pop()["id"]  # the model answer takes the place of its prompt
            else:
                cell["id"] = f"{next(written)}-answer"
        cells.append(cell)
    notebook.cells = cells
    return notebook


def _plain(notebook: Any, homework: Homework, mark: str) -> Any:
    """A notebook without outputs, random ids and versions of tools."""
    for cell in notebook.cells:
        cell.source = cell.source.strip("\n").rstrip()
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells = [cell for cell in notebook.cells if cell.source or cell.cell_type == "code"]
    _number_cells(notebook.cells)
    notebook.metadata = {
        "kernelspec": _KERNEL,
        "language_info": {"name": "python"},
        "hlm": {"generated": mark, "homework": homework.id},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def _number_cells(cells: Iterable[Any]) -> None:
    """Ids from the task and the place in it: task1_4-02; written answers keep task1_9a-answer."""
    section, count = "start", Counter[str]()
    for cell in cells:
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        for line in (line for line in lines if line.startswith("## ")):
            found = markers.heading(line)
            section = f"task{found[0].replace('.', '_')}" if found else _slug(line)
        count[section] += 1
        if not cell.get("id", "").endswith("-answer"):
            cell["id"] = f"{section}-{count[section]:02d}"


def _slug(line: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", line.lower()).strip("-")[:40] or "section"


def _write_notebook(notebook: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_notebook_text(notebook), encoding="utf-8", newline="\n")


def _notebook_text(notebook: Any) -> str:
    import nbformat

    return nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n"


def _content_key(homework: Homework, root: Path) -> str:
    """Hash of everything a built homework depends on."""
    from hlmtools import check

    solutions = root / "solutions"
    files = [master_path(homework, root), solutions / "otter.yml", solutions / "frame.py"]
    tools = [version(name) for name in ("otter-grader", "jupytext", "nbformat")]
    own = [Path(module.__file__ or "").read_bytes() for module in (markers, sys.modules[__name__])]
    parts = [*(_read(path).encode() for path in files), *own]
    parts += [text.encode() for text in (homework.folder, check.FORM_IS_RIGHT, *tools)]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


# --------------------------------------------------------------------------- slips and tables


def _slip_file(homework: Homework, root: Path) -> bytes:
    """Salted hashes of the wrong values with their sentences; no right value goes in."""
    from autograder.references import tolerances
    from hlmtools import check

    quantities = {}
    for key, entry in read_references(homework, root)["quantities"].items():
        salt = hashlib.sha256(f"{homework.id}/{key}".encode()).hexdigest()[:32]
        width = check.grid_width(tolerances()[entry["tolerance"]].width(entry["value"]))
        slips = [
            {
                "hash": check.slip_hash(salt, math.floor(slip["value"] / width)),
                "says": slip["says"],
                "see": slip["see"],
            }
            for slip in entry["slips"]
        ]
        quantities[key] = {"task": entry["task"], "salt": salt, "width": width, "slips": slips}
    table = {
        "generated": f"by hlm build from autograder/references/{homework.id}.json; do not edit",
        "homework": homework.id,
        "module": homework.module,
        "quantities": quantities,
    }
    return (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode()


def _handout(homework: Homework, master: Master, root: Path) -> dict[str, bytes]:
    path = root / "assignments" / homework.folder / "README.md"
    name = path.relative_to(root).as_posix()
    text = _read(path)
    known = {question.task for question in master.questions}
    for task in re.findall(r"\b[Tt]asks? (\d+\.\d+)", text):
        if task not in known:
            raise CourseError(f"{name} speaks of task {task}, which {master.name} does not have.")
    table = _task_table(homework, master, root)
    return {name: _between(text, TASK_TABLE, table, name).encode()}


def _task_table(homework: Homework, master: Master, root: Path) -> str:
    path = module_path(homework, root)
    functions: dict[str, list[str]] = {}
    for block in markers.module_blocks(_read(path), path.name):
        functions.setdefault(block.task, []).append(f"`{block.function}`")
    rows = ["| Task | Topic | You write | Points |", "|---|---|---|---:|"]
    for task, title in sorted(master.titles.items()):
        questions = [question for question in master.questions if question.task == task]
        what = ", ".join([*functions.get(task, []), *_answers_in_words(questions)])
        points = sum(question.points for question in questions)
        rows.append(f"| {task} | {title} | {what} | {points:g} |")
    total = sum(question.points for question in master.questions)
    written = sum(question.points for question in master.questions if question.manual)
    by_hand = f"{written:g} of them read by a person" if written else ""
    return "\n".join([*rows, f"| | **all tasks** | {by_hand} | **{total:g}** |"])


def _answers_in_words(questions: Iterable[Question]) -> list[str]:
    written = sum(question.manual for question in questions)
    if written:
        return ["a written answer" if written == 1 else f"{written} written answers"]
    return ["answers in the notebook"]


def _schedule_file(plan: course.Course) -> dict[str, bytes]:
    path = plan.root / "assignments" / "README.md"
    name = path.relative_to(plan.root).as_posix()
    masters = {homework.id: read_master(homework, plan.root) for homework in plan.homeworks}
    sections = {homework.id: _sections_of_notes(homework, plan) for homework in plan.homeworks}
    table = schedule.text(plan, masters, sections)
    return {name: _between(_read(path), SCHEDULE, table, name).encode()}


def _sections_of_notes(homework: Homework, plan: course.Course) -> list[str]:
    text = _read(plan.root / "assignments" / homework.folder / "notes.md")
    return re.findall(rf"^## ({markers.ID}) ", text, re.M)
