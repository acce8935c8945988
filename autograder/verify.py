"""Proof that a homework is sound, before anybody sees it.

The solution earns everything, and so does each other right way; the stub and a module that refuses
whatever it is given earn nothing; each known mistake, made on purpose, earns its sentence, in
grading and in the student's own check; points add up; nothing leaks; tests reach the student's code
through their parameters only, and notice when the solution is changed in one place.
"""

from __future__ import annotations

import ast
import builtins
import json
import multiprocessing
import os
import symtable
from collections.abc import Iterable, Iterator, Set
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder import assignment, build, course, leaks, mutation, release
from autograder.assignment import Assignment
from autograder.build import Progress
from autograder.course import ROOT, CourseError, Homework
from autograder.statements import (
    Statement,
    affected,
    callers,
    on_which,
    only_values,
    parameters,
    statements,
    what_matters,
)

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.judge import Session
    from autograder.slips import Quantity, Slip, WrongAnswer, WrongFunction
    from autograder.submissions import Submission
    from autograder.verdict import CaseResult, Verdict

_NO_BACK_DOOR = {"env", "eval", "exec", "globals", "locals", "vars", "get_ipython", "__import__"}


def verify(
    hw: str, thorough: bool = False, progress: Progress = lambda line: None, sandbox: str = "none"
) -> list[str]:
    """Find whatever is wrong with a homework.

    Parameters
    ----------
    hw
        Id of the homework.
    thorough
        True gives every slip a submission of its own and compares three runs; False makes the
        slips one after the other in one kernel.
    progress
        Is told in a line what is being tried.
    sandbox
        Kind of sandbox for our own solutions; they need none.

    Returns
    -------
    One line a finding; empty where the homework is sound.

    Raises
    ------
    CourseError
        Where it cannot be tried at all, for its master breaks the grammar or a file is missing.
    """
    homework = course.homework(hw)
    progress(f"{hw}: generated files, tests, archive")
    findings = [*static_findings(homework), *hash_findings(homework)]
    progress(f"{hw}: the untouched stub, and one that refuses every call")
    findings += stub_findings(homework, sandbox)
    progress(f"{hw}: the solution")
    findings += _session_findings(homework, sandbox, progress, slips=not thorough)
    if thorough:
        progress(f"{hw}: the solution again and again")
        findings += repeat_findings(homework, sandbox)
        findings += _thorough_slip_findings(homework, progress)
    if findings:  # a changed solution tells nothing before the unchanged one is right
        return findings
    return mutation.findings(homework, progress)


def static_findings(homework: Homework, root: Path = ROOT) -> list[str]:
    """What can be found without running anything."""
    drift = build.build([homework.id], check=True, root=root)
    findings = [f"{line}; run hlm build" for line in drift]
    findings += case_findings(homework, root)
    findings += leaks.scan(release.student_files(homework, root), homework.id, root)
    return findings


def case_findings(homework: Homework, root: Path = ROOT) -> list[str]:
    """Tests that would test something else than what the student handed in."""
    master = build.read_master(homework, root)
    modules = {f"hlmtools.{each.module}" for each in course.load(root).homeworks}
    findings = []
    for question in master.questions:
        for case in question.cases:
            where = f"{master.name}, line {case.line}, {case.name}"
            for name in sorted(imported_modules(case.source) & modules):
                text = "take its functions as parameters, for in the judge this is the solution"
                findings.append(f"{where}: imports {name}; {text}")
            for name in sorted(outer_names(case.source)):
                findings.append(f"{where}: uses {name}, which is neither parameter nor import")
    return findings


def imported_modules(source: str) -> set[str]:
    """Dotted names that code imports, ``from a import b`` counted as a and a.b.

    Examples
    --------
    >>> sorted(imported_modules("from hlmtools import check"))
    ['hlmtools', 'hlmtools.check']
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def outer_names(source: str) -> set[str]:
    """Names that a test function takes from anywhere but its parameters, imports and itself.

    Examples
    --------
    >>> sorted(outer_names("def t(x, env):\\n    y = abs(x)\\n    return [y + z for z in w]"))
    ['env', 'w']
    """
    tables = [symtable.symtable(source, "test", "exec")]
    names: set[str] = set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            name = symbol.get_name()
            outside = table.get_type() == "function" and symbol.is_global()
            if name in _NO_BACK_DOOR or (outside and not hasattr(builtins, name)):
                names.add(name)
    return names


def hash_findings(homework: Homework) -> list[str]:
    """Right values that the student's own check takes for slips."""
    from hlmtools import check

    findings = []
    for key, entry in build.read_references(homework)["quantities"].items():
        for value in [entry["value"], *(also["value"] for also in entry["also_right"])]:
            try:
                check.no_slip(key, value)
            except check.SlipRecognised:
                findings.append(f"{key}: the notebook's own check takes a right value for a slip")
            except KeyError:
                findings.append(f"{key}: is not in hlmtools/slips; run hlm build")
    return list(dict.fromkeys(findings))


# -------------------------------------------------------------------------- submissions of ours


def solution(homework: Homework) -> Submission:
    """The solved notebook and module, as a perfect student would hand them in."""
    notebook = build.staged(homework.id).solved.read_bytes()
    return _submission("solution", notebook, build.solved_module(homework))


def untouched(homework: Homework) -> Submission:
    """Notebook and stub as they were given out."""
    notebook = build.template(homework.id).encode()
    return _submission("untouched", notebook, build.stub(homework))


def refusing(homework: Homework) -> Submission:
    """The stub in which every function refuses whatever it is given."""
    module = build.stub(homework).replace("raise NotImplementedError(", "raise ValueError(")
    return _submission("refusing", build.template(homework.id).encode(), module)


def slip_submission(homework: Homework, slip: Slip) -> Submission:
    """The solution with one slip in it."""
    from autograder.slips import WrongFunction

    notebook = json.loads(build.staged(homework.id).solved.read_bytes())
    module = build.solved_module(homework)
    if isinstance(slip.code, WrongFunction):
        module = _with_function(module, slip.code.function, slip.code.text)
    else:
        _insert_after_answer(notebook, slip.code.statement)
    return _submission(slip.name, json.dumps(notebook).encode(), module)


def _submission(name: str, notebook: bytes, module: str) -> Submission:
    from autograder.submissions import Submission

    return Submission(id=name, source=name, notebook=notebook, module=module.encode())


def _with_function(module: str, name: str, text: str) -> str:
    """A module's text with one of its functions replaced."""
    lines = module.splitlines()
    for node in ast.parse(module).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            lines[node.lineno - 1 : node.end_lineno] = text.splitlines()
            return "\n".join(lines) + "\n"
    raise CourseError(f"The module has no function {name!r}. Mend slips.py.")


def _insert_after_answer(notebook: dict[str, Any], statement: str) -> None:
    """Put a statement into a cell of its own, after the last one that gives its names a value."""
    targets = Statement.of(statement).stores
    cells = notebook["cells"]
    places = [
        index
        for index, cell in enumerate(cells)
        if cell["cell_type"] == "code" and targets & _cell_stores("".join(cell["source"]))
    ]
    if not places:
        raise CourseError(f"No cell gives {', '.join(sorted(targets))} a value. Mend slips.py.")
    cell = {"cell_type": "code", "id": "slip", "source": statement, "metadata": {}, "outputs": []}
    cells.insert(places[-1] + 1, cell | {"execution_count": None})


def _cell_stores(source: str) -> set[str]:
    return {name for statement in statements(source) for name in statement.stores}


# ------------------------------------------------------------------------------------- findings


def solution_findings(homework: Homework, verdict: Verdict) -> list[str]:
    """Cases that the solution fails, and points that do not add up."""
    findings = [
        f"{case.question}, {case.name}: the solution fails ({case.message})"
        for case in verdict.cases
        if not case.passed
    ]
    findings += [f"the solution: {alert}" for alert in verdict.alerts]
    questions = build.read_master(homework).questions
    points = sum(question.points for question in questions if not question.manual)
    if verdict.max_score != points:
        findings.append(f"the judge counts {verdict.max_score:g} points, the master {points:g}")
    written = {(answer.question, answer.points): answer.text for answer in verdict.written}
    for question in questions:
        if question.manual and not written.get((question.name, question.points), "").strip():
            findings.append(f"{question.name}: the judge does not find the written answer")
    return findings


def stub_findings(homework: Homework, sandbox: str) -> list[str]:
    """Tasks on which one earns points without writing anything."""
    findings = []
    for submission, what in (
        (untouched(homework), "the untouched stub"),
        (refusing(homework), "a module that refuses every call"),
    ):
        tasks = _graded(homework, submission, sandbox).tasks()
        earned = {task: points for task, (points, _) in tasks.items() if points}
        findings += [
            f"task {task}: {what} earns {points:g} points" for task, points in earned.items()
        ]
    return findings


def repeat_findings(homework: Homework, sandbox: str, times: int = 3) -> list[str]:
    """Cases whose result depends on when they are run."""
    runs = [_graded(homework, solution(homework), sandbox) for _ in range(times)]
    findings = []
    for cases in zip(*(run.cases for run in runs), strict=True):
        if len({(case.passed, case.message, case.slip, case.followed) for case in cases}) > 1:
            findings.append(
                f"{cases[0].question}, {cases[0].name}: {times} runs of the solution do not agree"
            )
    return findings


def slip_findings(quantity: Quantity, slip: Slip, cases: Iterable[CaseResult]) -> list[str]:
    """Whether the cases of a task gave a slip's sentence, in grading and in the own check."""
    said = [case for case in cases if slip.says in case.message and not case.passed]
    where = f"{quantity.key}: the slip {slip.name}"
    findings = []
    if not any(case.hidden for case in said):
        findings.append(f"{where} is not recognised when it is graded")
    if not any(not case.hidden for case in said):
        findings.append(f"{where} is not recognised by the notebook's own check")
    return findings


def _graded(homework: Homework, submission: Submission, sandbox: str) -> Verdict:
    from autograder import judge

    return judge.grade_submission(homework.id, submission, sandbox)


def _thorough_slip_findings(homework: Homework, progress: Progress) -> Iterator[str]:
    """Slips that are not recognised in a submission of their own.

    Of each submission runs what its tasks depend on, where it can be in a sandbox: kernels that are
    forked from a warm process have their imports for nothing.
    """
    listed = _slips(homework)
    tasks: dict[tuple[str, ...], set[str]] = {}
    for quantity, slip in listed:
        tasks.setdefault(_content(slip), set()).add(quantity.task)
    submissions = {_content(slip): slip_submission(homework, slip) for _, slip in listed}
    verdicts: dict[tuple[str, ...], Verdict] = {}
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        grade = partial(_graded_in_part, homework, sandbox=_quickest_sandbox())
        graded = pool.map(grade, submissions.values(), tasks.values())
        for content, verdict in zip(submissions, graded, strict=True):
            verdicts[content] = verdict
            progress(f"{homework.id}: {len(verdicts)} of {len(submissions)} slips")
    for quantity, slip in listed:
        cases = [case for case in verdicts[_content(slip)].cases if case.task == quantity.task]
        yield from slip_findings(quantity, slip, cases)


def _quickest_sandbox() -> str:
    from autograder import sandbox

    try:
        sandbox.check("bwrap")
    except sandbox.SandboxMissing:
        return "none"
    return "none" if sandbox.why_cold() else "bwrap"


@dataclass(frozen=True)
class _Part(Assignment):
    """Some tasks of a homework, without the cells that their tests do not depend on."""

    idle: frozenset[str] = frozenset()
    """ids of those cells"""

    def ignores(self, cell: NotebookNode) -> bool:
        return cell.id in self.idle


def _graded_in_part(
    homework: Homework, submission: Submission, tasks: Set[str], sandbox: str
) -> Verdict:
    """Grade some tasks; cells that their tests do not depend on are left out."""
    from autograder import judge

    whole = assignment.load(homework.id)
    chosen = {name: text for name, text in whole.tests.items() if whole.task(name) in tasks}
    cells = json.loads(submission.notebook or b"{}")["cells"]
    wanted = set().union(*(parameters(homework)[task] for task in tasks))
    idle = frozenset(_idle_cells(cells, wanted))
    part = _Part(**{**vars(whole), "tests": chosen, "idle": idle})
    with judge.Session(part, submission, sandbox) as session:
        session.run_notebook()
        return session.verdict()


def _idle_cells(cells: list[dict[str, Any]], wanted: set[str]) -> Iterator[str]:
    """Ids of code cells that give no name a value on which the wanted ones depend."""
    for cell in reversed(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            kept = on_which(wanted, list(statements(source)))
            wanted = wanted.union(*(each.loads for each in kept))
            if not kept and only_values(source):
                yield cell["id"]


def _slips(homework: Homework) -> list[tuple[Quantity, Slip]]:
    from autograder import slips

    listed = slips.load(homework.id).QUANTITIES
    return [(quantity, slip) for quantity in listed for slip in quantity.slips]


def _content(slip: Slip) -> tuple[str, ...]:
    """What a slip changes: two slips of the same content are one submission."""
    from autograder.slips import WrongFunction

    if isinstance(slip.code, WrongFunction):
        return slip.code.function, slip.code.text
    return (slip.code.statement,)


# ------------------------------------------------------------------- all slips in one kernel


def _session_findings(
    homework: Homework, sandbox: str, progress: Progress, slips: bool = True
) -> list[str]:
    """The solution and, in the same kernel, one other right way and one slip after the other."""
    from autograder import judge

    submission = solution(homework)
    notebook = [statement for cell in _code_cells(submission) for statement in cell]
    matters = what_matters(homework, notebook)
    with judge.open_session(homework.id, submission, sandbox) as session:
        session.run_notebook(apart=False)
        findings = solution_findings(homework, session.verdict())
        findings += _alternative_findings(session, homework, matters, progress)
        known: dict[tuple[str, ...], list[CaseResult]] = {}
        for quantity, slip in _slips(homework) if slips else ():
            progress(f"{homework.id}: {quantity.key}, {slip.name}")
            key = (quantity.task, *_content(slip))
            if key not in known:
                patch = _patch(homework, slip.code, matters[quantity.task])
                known[key] = _cases_with(session, quantity.task, patch)
            findings += slip_findings(quantity, slip, known[key])
        findings += _undone_findings(homework, session)
    return findings


def _cases_with(session: Session, task: str, patch: tuple[str, str]) -> list[CaseResult]:
    """Cases of a task with a change in the kernel; afterwards the kernel is as before."""
    make, undo = patch
    session.patch(make)
    try:
        return session.run_task(task)
    finally:
        session.patch(undo)


def _alternative_findings(
    session: Session,
    homework: Homework,
    matters: dict[str, list[Statement]],
    progress: Progress,
) -> Iterator[str]:
    """Right functions of another kind that a test does not take."""
    from autograder import slips

    tasks = {block.function: block.task for block in build.solution_blocks(homework)}
    for alternative in slips.alternatives(homework.id):
        code = alternative.code
        task = tasks[code.function]
        progress(f"{homework.id}: {code.function}, {alternative.why}")
        for case in _cases_with(session, task, _patch(homework, code, matters[task])):
            if not case.passed:
                yield (
                    f"{case.question}, {case.name}: fails a right {code.function} "
                    f"({alternative.why}): {case.message}"
                )


def _undone_findings(homework: Homework, session: Session) -> list[str]:
    """Every task passes again; otherwise what was found about later slips is not to be trusted."""
    tasks = sorted({quantity.task for quantity, _ in _slips(homework)})
    failed = [case for task in tasks for case in session.run_task(task) if not case.passed]
    return [
        f"{case.question}, {case.name}: fails after all slips were undone; use the thorough way"
        for case in failed
    ]


def _code_cells(submission: Submission) -> Iterator[list[Statement]]:
    for cell in json.loads(submission.notebook or b"{}")["cells"]:
        if cell["cell_type"] == "code":
            yield list(statements("".join(cell["source"])))


def _patch(
    homework: Homework, code: WrongFunction | WrongAnswer, notebook: list[Statement]
) -> tuple[str, str]:
    """Code that makes a change in a kernel where the solution ran, and code that undoes it."""
    from autograder.slips import WrongFunction

    if isinstance(code, WrongFunction):
        name = code.function
        make, undo = _swap(homework.module, name, code.text)
        later = affected(notebook, set(callers(homework, name)), frozenset())
        return _lines([make], later), _lines([undo], later)
    targets = Statement.of(code.statement).stores
    places = [index for index, each in enumerate(notebook) if targets & each.stores]
    if not places:
        raise CourseError(f"No cell gives {', '.join(sorted(targets))} a value. Mend slips.py.")
    right = [notebook[index] for index in places]
    later = affected(notebook[places[-1] + 1 :], set(targets), targets)
    return _lines([code.statement], later), _lines([], [*right, *later])


def _swap(module: str, name: str, text: str) -> tuple[str, str]:
    """Code that puts a wrong function into the student module, and code that takes it out."""
    make = (
        f"import hlmtools.{module} as _module\n"
        f"_kept = _module.{name}\n"
        f"exec({text!r}, vars(_module))\n"
        f"{name} = _module.{name}"
    )
    return make, f"_module.{name} = {name} = _kept"


def _lines(first: list[str], statements: list[Statement]) -> str:
    """One piece of code; a statement that a wrong function makes fail is passed over."""
    guarded = [
        "try:\n    " + each.text.replace("\n", "\n    ") + "\nexcept Exception:\n    pass"
        for each in statements
    ]
    return "\n".join([*first, *guarded])
