"""The `hlm` command: arguments in, one call, lines out.

Exit status 0 on success, 1 on a finding, 2 on wrong usage.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autograder import course
from autograder.course import CourseError

if TYPE_CHECKING:
    from autograder.regrade import Change
    from autograder.verdict import Verdict


class _Commands(click.Group):
    """Turns whatever goes wrong into one sentence and its remedy."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CourseError as error:
            click.echo(str(error), err=True)
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except Exception as error:
            if os.environ.get("HLM_TRACEBACK"):
                raise
            what = f"This should not have happened: {type(error).__name__}: {error}."
            remedy = (
                "Run it again with HLM_TRACEBACK=1 and send the output to who keeps the course."
            )
            click.echo(f"{what} {remedy}", err=True)
        return ctx.exit(1)


class _HomeworkId(click.ParamType):
    """A homework of course.toml by its id."""

    name = "hw"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        try:
            return course.homework(value).id
        except CourseError as error:
            self.fail(str(error), param, ctx)


_HW = _HomeworkId()
_JOBS = click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    show_default="one a processor",
    help="Submissions graded at the same time.",
)

_PDF = click.option(
    "--pdf", is_flag=True, help="Feedback pages as PDF too, where Chromium is there."
)


def _table(name: str, says: str) -> Callable[[Any], Any]:
    """An option that takes a CSV file."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option(name, type=file, metavar="CSV", help=says)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Build, verify, release and grade the homeworks of the course."""


@main.command()
def doctor() -> None:
    """Check whether this machine can build and grade; say what to do."""
    from autograder.doctor import examine

    with _step_lines() as say:
        findings = examine(lambda name: say(f"looking at {name}"))
    for finding in findings:
        click.echo(f"{'ok  ' if finding.fine else 'MISS'}  {finding.name}: {finding.says}")
        if finding.remedy:
            click.echo(f"      {finding.remedy}")
    if not all(finding.fine for finding in findings):
        sys.exit(1)


@main.command()
@click.argument("hws", metavar="[HW ...]", nargs=-1, type=_HW)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 where files are out of date.")
def build(hws: tuple[str, ...], check: bool) -> None:
    """Make notebooks, public tests, stubs and tables from the masters."""
    from autograder import build as builder

    with _step_lines() as say:
        lines = builder.build(hws, check=check, progress=say)
    for line in lines:
        click.echo(line)
    if check and lines:
        click.echo("Run hlm build, and commit what it wrote.", err=True)
        sys.exit(1)
    if not lines:
        click.echo("Everything is up to date.")


@main.command()
@click.argument("hws", metavar="[HW ...]", nargs=-1, type=_HW)
@click.option(
    "--thorough",
    is_flag=True,
    help="Every slip in a submission of its own, three runs.",
)
def verify(hws: tuple[str, ...], thorough: bool) -> None:
    """Prove that homeworks are sound before anybody sees them."""
    from autograder import verify as verifier

    found = 0
    for hw in hws or [homework.id for homework in course.load().homeworks]:
        started = time.monotonic()
        with _step_lines() as say:
            findings = verifier.verify(hw, thorough=thorough, progress=say)
        for finding in findings:
            click.echo(finding)
        said = f"{len(findings)} to mend" if findings else "sound"
        click.echo(f"{hw}: {said} ({time.monotonic() - started:.0f} s)")
        found += len(findings)
    if found:
        sys.exit(1)


@main.command()
@click.argument("hw")
@click.argument("title")
def new(hw: str, title: str) -> None:
    """Begin a homework with a small example in it, which builds, verifies and releases.

    HW is the next id, such as hw7; TITLE is what students read, in quotes.
    """
    from autograder import new as writer

    with _step_lines() as say:
        paths = writer.new(hw, title, progress=say)
    for path in paths:
        click.echo(path)
    click.echo(f"Next: edit {paths[0]} as solutions/AUTHORING.md says; then hlm verify {hw}.")


@main.command()
@click.argument("hw", type=_HW)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder to fill."
)
@click.option("--force", is_flag=True, help="Although an earlier homework is still open.")
def release(hw: str, out: Path, force: bool) -> None:
    """Write HW-student.zip and HW-autograder.zip."""
    from autograder import release as releaser

    with _step_lines() as say:
        paths = releaser.release(hw, out, force=force, progress=say)
    for path in paths:
        click.echo(path)


@main.command()
@click.argument("words", metavar="[HW] PATH", nargs=-1, required=True)
@click.option(
    "--autograder",
    type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="In place of HW: the autograder archive of any assignment made by otter assign.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run; an earlier run there is gone on with.",
)
@_JOBS
@click.option(
    "--sandbox",
    type=click.Choice(["bwrap", "user", "none"]),
    default="bwrap",
    show_default=True,
    help="Where submissions run; none is for your own only.",
)
@click.option("--cold", is_flag=True, help="Start each kernel anew, not from a warm process.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Grade on the workers of a dask scheduler, tcp://HOST:8786, in place of this machine.",
)
@click.option("--fresh", is_flag=True, help="Grade again what is known already.")
@_table("--roster", "Students: student_id, name, email, ids of platforms; or a platform's own.")
@_table("--times", "Times of handing in: student_id, submitted.")
@_table("--extensions", "What was granted: student_id, hw, extension (a due time, days, excused).")
@click.option(
    "--earlier",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of an earlier homework's run, whose late days drew on the bank; repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Say what was handed in, and stop there.")
@click.option("--accept", is_flag=True, help="Take over what a regrade changes without asking.")
@_PDF
def grade(
    words: tuple[str, ...],
    autograder: Path | None,
    out: Path,
    jobs: int,
    sandbox: str,
    cold: bool,
    scheduler: str | None,
    fresh: bool,
    roster: Path | None,
    times: Path | None,
    extensions: Path | None,
    earlier: tuple[Path, ...],
    dry_run: bool,
    accept: bool,
    pdf: bool,
) -> None:
    """Grade a notebook, an export zip, a folder of either, or what a platform gives.

    HW is a homework of this course; with --autograder, an assignment of any other is graded.
    PATH may be Canvas' submissions.zip, Moodle's zip, a Gradescope export, or their folders.
    Who is missing, handed in twice or fits nobody in the roster is said before grading starts.
    Tables given once are kept in the folder of the run.

    One submission that is graded into the folder of a class is added to it, or takes the place of
    the student's earlier one; all others stay.

    Where tests or references changed, DIR/regrade.md says whose points would change and why; the
    gradebook changes only when you agree, or with --accept.
    """
    from autograder import assignment, given, intake, printing
    from autograder import grade as grader

    if pdf:
        printing.required()
    if cold and sandbox == "bwrap":
        sandbox = "bwrap-cold"
    source, path = _what_to_grade(words, autograder)
    homework = assignment.homework(source)
    files = {"roster": roster, "times": times, "extensions": extensions}
    tables = given.load(out, homework, **files, earlier=earlier)
    taken = intake.into_class(intake.take_in(homework, path, tables), out)
    for line in taken.lines():
        click.echo(_shown(line, 400), err=not dry_run)
    if dry_run:
        return
    given.keep(out, tables, **files)
    notes: list[str] = []
    with _progress_bar("Grading") as progress:
        verdicts = grader.grade(
            source,
            path,
            out,
            jobs=jobs,
            sandbox=sandbox,
            scheduler=scheduler,
            fresh=fresh,
            progress=progress,
            taken=taken,
            accept=partial(_agree, accept=accept),
            say=notes.append,
            begin=lambda line: click.echo(line, err=True),
        )
    _tell_graded(verdicts, notes)
    if pdf:
        _print_pages(out)
    click.echo(f"Grades: {out / 'grades.csv'}\nFeedback: {out / 'feedback'}")
    click.echo(f"Report: {out / 'report.html'}")
    if any(verdict.status == "ungraded" for verdict in verdicts):
        sys.exit(1)


def _tell_graded(verdicts: Sequence[Verdict], notes: Sequence[str]) -> None:
    """What a TA should know of a run, what was not graded first."""
    odd = [each for each in verdicts if each.status in {"partial", "unreadable", "ungraded"}]
    click.echo(f"{len(verdicts)} graded, {len(odd)} of them partly or not at all.")
    for verdict in sorted(odd, key=lambda each: each.status != "ungraded"):
        click.echo(f"  {verdict.submission} ({verdict.status}): {_shown(verdict.reason)}")
    for note in notes:
        click.echo(_shown(note, 400))


def _print_pages(out: Path) -> None:
    from autograder import printing

    printed = printing.to_pdf(sorted((out / "feedback").glob("*.html")))
    pages = "1 page" if len(printed) == 1 else f"{len(printed)} pages"
    click.echo(f"PDF: {pages} in {out / 'feedback'}")


@main.command()
@click.argument("out", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_PDF
def report(out: Path, pdf: bool) -> None:
    """Write DIR/report.html, the class at a glance, from stored results.

    Takes in the scores of written answers, and the dates as they are now: grades.csv and the
    feedback pages are written anew too.  DIR/similarity.html shows work that is alike.
    """
    from autograder import report as reporter

    path, notes = reporter.renew(out)
    for note in notes:
        click.echo(_shown(note, 400))
    if pdf:
        _print_pages(out)
    click.echo(f"Report: {path}")


def _agree(changes: Sequence[Change], accept: bool) -> bool:
    """Whether a regrade counts: said with --accept, or asked where somebody can answer."""
    from autograder import regrade

    click.echo(regrade.summary(changes), err=True)
    for line in regrade.lines(changes)[:20]:
        click.echo(f"  {_shown(line, 200)}", err=True)
    if len(changes) > 20:
        click.echo(f"  and {len(changes) - 20} more", err=True)
    if accept or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return accept
    return click.confirm("Take these changes into the gradebook?", err=True)


@main.command()
@click.argument("hw", type=_HW)
@click.argument("out", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
def written(hw: str, out: Path) -> None:
    """Collect the written answers of a graded run for scoring.

    Writes DIR/written: one page a question with its rubric, answers without names, and scores.csv
    to fill in.  Run it again after new submissions; what was filled in stays.
    hlm grade, hlm report and hlm export take the scores in.
    """
    from autograder import written as questions

    found = questions.collect(course.homework(hw), out)
    click.echo(f"{found.answers} answers, {found.scored} of them scored.")
    for name in found.outdated:
        click.echo(f"  {name}: the answer changed after it was scored; score it again.")
    for path in found.pages:
        click.echo(f"Page: {path}")
    click.echo(f"Fill in points and remarks: {found.table}")


@main.command()
@click.argument("out", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--to",
    required=True,
    type=click.Choice(["canvas", "moodle", "gradescope", "csv"]),
    help="Who reads the file.",
)
@_table("--roster", "Canvas: its exported gradebook; Moodle: its grading worksheet.")
@click.option("--changed-only", is_flag=True, help="Only who was changed by the last regrade.")
@click.option("--column", default="", help="Canvas: the assignment, where its title does not tell.")
@click.option("--leave-out", multiple=True, metavar="SUBMISSION", help="Leave one out; repeatable.")
def export(
    out: Path,
    to: str,
    roster: Path | None,
    changed_only: bool,
    column: str,
    leave_out: tuple[str, ...],
) -> None:
    """Write grades as a file that a learning platform imports.

    Scores of written answers, dates and extensions count as they are now.
    A student whom the platform's list does not have, or an assignment that it does not know, is
    named and nothing is written.
    """
    from autograder import export as exporter

    done = exporter.export(
        out, to, roster, changed_only=changed_only, column=column, leave_out=leave_out
    )
    for note in done.notes:
        click.echo(_shown(note, 400), err=True)
    click.echo(f"{done.students} students: {done.path}")


@main.command()
@_JOBS
def demo(jobs: int) -> None:
    """Grade a small class of honest, mistaken, broken and hostile submissions.

    They go the whole way, from Canvas's archive to the file that Canvas imports.
    """
    from autograder import demo as show

    with _progress_bar("Grading") as progress:
        verdicts, graded = show.run(jobs=jobs, progress=progress)
    _print_table(verdicts)
    click.echo(f"Sandbox: {verdicts[0].sandbox}")
    click.echo(f"In:  {graded.parent / 'submissions.zip'}, as Canvas packs a class")
    click.echo(f"Out: {graded / 'grades.csv'}")
    click.echo(f"     {graded / 'export' / 'canvas.csv'}, to be imported into Canvas")
    click.echo(f"     {graded / 'feedback'}, a page a student")
    click.echo(f"Look at {graded / 'report.html'} first.")


def _what_to_grade(words: tuple[str, ...], autograder: Path | None) -> tuple[str | Path, Path]:
    """The assignment (a homework's id, or an archive) and the path of what was handed in."""
    if len(words) != (2 if autograder is None else 1):
        usage = "hlm grade HW PATH --out DIR, or hlm grade --autograder ZIP PATH --out DIR"
        raise click.UsageError(f"Say what to grade and where it is: {usage}.")
    source = autograder or _HW.convert(words[0], None, None)
    exists = click.Path(exists=True, path_type=Path)
    return source, exists.convert(words[-1], None, None)


# ------------------------------------------------------------------------------------- output


@contextmanager
def _step_lines() -> Iterator[Callable[[str], None]]:
    """Tells what is being done: one changing line on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda line: click.echo(line, err=True)
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda line: status.update(_escaped(line))


@contextmanager
def _progress_bar(title: str) -> Iterator[Callable[[int, int, Verdict], None]]:
    """Tells of each graded submission: under a bar on a terminal, as plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, total, verdict: click.echo(_line(done, total, verdict), err=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=4) as bar:
        task = bar.add_task(title, total=None)

        def told(done: int, total: int, verdict: Verdict) -> None:
            bar.update(task, completed=done, total=total)
            bar.console.print(_escaped(_line(done, total, verdict)), highlight=False)

        yield told


def _line(done: int, total: int, verdict: Verdict) -> str:
    points = f"{verdict.score:g} of {verdict.max_score:g}"
    return f"[{done}/{total}] {verdict.submission}: {points}, {_shown(verdict.reason)}"


def _shown(text: str, limit: int = 100) -> str:
    """Text that may hold a student's words, fit for a terminal."""
    from autograder.rendering import clean

    line = " ".join(clean(text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _print_table(verdicts: list[Verdict]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("submission", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("reason")
    for verdict in verdicts:
        points = f"{verdict.score:g}/{verdict.max_score:g}"
        reason = _escaped(_shown(verdict.reason))
        table.add_row(verdict.submission, points, verdict.status, reason)
    Console(highlight=False).print(table)
