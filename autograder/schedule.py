"""The schedule of the course: homeworks with their dates, weeks with what to read and do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from autograder.course import Course, CourseError, Homework, LatePolicy, Week
from autograder.markers import Master


def text(plan: Course, masters: Mapping[str, Master], sections: Mapping[str, list[str]]) -> str:
    """Tables of the homeworks and of the weeks, in Markdown.

    Parameters
    ----------
    plan
        What course.toml says.
    masters
        The notebook master of each homework, for its points.
    sections
        The numbers of the sections of each homework's lecture notes.

    Raises
    ------
    CourseError
        Where the weeks leave out a task or a section, or name one twice or out of order.
    """
    lines = _homework_table(plan, masters)
    if plan.weeks:
        _check_weeks(plan, masters, sections)
        lines += ["", "### Week by week", "", *_week_table(plan, masters)]
    return "\n".join([*lines, "", f"Times are those of {plan.timezone}.", _late(plan.late)])


def _homework_table(plan: Course, masters: Mapping[str, Master]) -> list[str]:
    rows = ["| Homework | Topic | Released | Due | Points | Folder |", "|---|---|---|---|---:|---|"]
    for homework in plan.homeworks:
        times = f"{_moment(homework.released)} | {_moment(homework.due)}"
        points = sum(_points(masters[homework.id]).values())
        link = f"[{homework.folder}]({homework.folder}/)"
        rows.append(f"| {homework.number} | {homework.title} | {times} | {points:g} | {link} |")
    total = sum(sum(_points(master).values()) for master in masters.values())
    return [*rows, f"| | **all homeworks** | | | **{total:g}** | |"]


def _week_table(plan: Course, masters: Mapping[str, Master]) -> list[str]:
    rows = ["| Week | Begins | Topic | Read | Do | Points |", "|---:|---|---|---|---|---:|"]
    last = {week.homework: week for week in plan.weeks}
    for number, week in enumerate(plan.weeks, start=1):
        homework = plan.homework(week.homework)
        points = _points(masters[week.homework])
        do = f"tasks {_span(week.tasks)}"
        if week is last[week.homework]:
            do += f"; hand in homework {homework.number} by {_day(homework.due)}"
        read = f"{_notes(homework, week)}; {week.chapters}"
        value = sum(points[task] for task in week.tasks)
        day = _day(week.begins)
        rows.append(f"| {number} | {day} | {week.topic} | {read} | {do} | {value:g} |")
    return rows


def _check_weeks(
    plan: Course, masters: Mapping[str, Master], sections: Mapping[str, list[str]]
) -> None:
    for homework in plan.homeworks:
        weeks = [week for week in plan.weeks if week.homework == homework.id]
        tasks = [task for week in weeks for task in week.tasks]
        notes = [section for week in weeks for section in week.notes]
        _check_order(homework, "tasks", tasks, sorted(masters[homework.id].titles))
        _check_order(homework, "sections of the notes", notes, sections[homework.id])


def _check_order(homework: Homework, what: str, found: Sequence[str], wanted: list[str]) -> None:
    if list(found) != wanted:
        raise CourseError(
            f"course.toml: the weeks of {homework.id} name the {what} {', '.join(found) or 'none'};"
            f" name each once and in order: {', '.join(wanted)}."
        )


def _points(master: Master) -> dict[str, float]:
    points = dict.fromkeys(master.titles, 0.0)
    for question in master.questions:
        points[question.task] += question.points
    return points


def _notes(homework: Homework, week: Week) -> str:
    return f"[notes {_span(week.notes)}]({homework.folder}/notes.md)"


def _span(numbers: Sequence[str]) -> str:
    joint = " and " if len(numbers) == 2 else " to "
    return joint.join(dict.fromkeys([numbers[0], numbers[-1]]))


def _day(day: date | datetime) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _moment(moment: datetime) -> str:
    return f"{_day(moment)} {moment:%Y}, {moment:%H:%M}"


def _late(late: LatePolicy) -> str:
    words = (
        f"Late work loses {late.percent_per_day:g} percent of the points possible for each day "
        f"begun, after {late.grace_minutes:g} minutes of grace; "
        f"after {late.maximum_days} days it is not accepted."
    )
    bank = f"\nThe first {late.bank_days} late days in the whole course cost nothing."
    return words + (bank if late.bank_days else "")
