"""What was handed in, by whom and when: a pile of files joined with the roster.

Everything that a TA has to know before grading is found here: who is missing, who handed in twice,
whose work nobody can be found for, and how far the times of handing in are known.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from autograder import aside, lms, submissions
from autograder.course import CourseError, Homework
from autograder.given import Given, Student
from autograder.people import Person, joined, spellings, squeeze
from autograder.rendering import clean
from autograder.submissions import Submission
from autograder.writing import write_text

FILE = "intake.json"

_OWN = {"canvas": "canvas", "moodle": "moodle", "gradescope": "student_id"}
_SPREAD = timedelta(hours=1)  # entries packed within it were all packed at the download
_PLATFORMS = {"canvas": "Canvas", "moodle": "Moodle", "gradescope": "Gradescope"}


@dataclass(frozen=True)
class Intake:
    """The submissions of a class, and what has to be said about them before they are graded."""

    submissions: tuple[Submission, ...]
    given: Given
    missing: tuple[Person, ...] = ()
    excused: tuple[Person, ...] = ()
    duplicates: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    """submissions graded before that stay, where one is graded into the folder of a class"""

    def lines(self) -> list[str]:
        """What a TA is told, a line each."""
        known = sum(each.submitted is not None for each in self.submissions)
        found = [
            f"{_count(len(self.submissions), 'submission')}; "
            f"the time of handing in is known for {known}."
        ]
        if self.given.roster:
            found.append(f"{_count(len(self.given.roster), 'student')} in the roster.")
        found += [f"Missing: {_who(person)}" for person in self.missing]
        found += [f"Excused: {_who(person)}" for person in self.excused]
        found += [
            f"Unreadable: {clean(each.source)}: {clean(each.problem)}"
            for each in self.submissions
            if each.problem
        ]
        found += [f"Duplicate: {line}" for line in self.duplicates]
        found += [f"Unmatched: {line}" for line in self.unmatched]
        if self.others:
            (own,) = self.submissions
            who = f" ({_claims(own)})" if own.people else ""
            stay = f"{_count(len(self.others), 'other')} graded before stay as they are"
            found.append(f"Goes into the class as {own.id}{who}; {stay}.")
        return [*found, *self.notes]

    def write(self, out: Path, before: Mapping[str, Any] | None = None) -> None:
        """Keep it as ``intake.json`` in the folder of a run.

        Parameters
        ----------
        out
            Where.
        before
            The record of the class that one submission is graded into.
        """
        record = self._record()
        if self.others and before is not None:
            record = _merged_records(before, record, self)
        write_text(out / FILE, json.dumps(record, indent=1, sort_keys=True) + "\n")

    def _record(self) -> dict[str, Any]:
        return {
            "submissions": {
                each.id: {
                    "student_id": each.student_id,
                    "name": each.name,
                    "email": each.email,
                    "group": each.group,
                    "attempt": each.attempt,
                    "submitted": each.submitted.isoformat() if each.submitted else None,
                    "late": each.late,
                    "platform": each.platform,
                    "source": each.source,
                }
                for each in self.submissions
            },
            "missing": [_record(person) for person in self.missing],
            "excused": [_record(person) for person in self.excused],
            "duplicates": list(self.duplicates),
            "unmatched": list(self.unmatched),
            "notes": list(self.notes),
        }


def take_in(homework: Homework, path: Path, tables: Given | None = None) -> Intake:
    """Find the submissions under a path and join them with what the TA's tables say.

    Parameters
    ----------
    homework
        What they are submissions of.
    path
        Anything that `autograder.submissions.find` reads.
    tables
        Roster, times, extensions; none by default.
    """
    tables = tables or Given()
    found = submissions.find(path, homework.module, f"{homework.id}.ipynb")
    found, unmatched = _identified(found, tables.roster)
    found, notes = _timed(found, homework, tables)
    kept, duplicates = _latest(found)
    handed_in = {name for each in kept for person in each.people for name in person.ids}
    absent = [one.person for one in tables.roster if not handed_in.intersection(one.person.ids)]
    excused = [person for person in absent if _is_excused(person, tables)]
    strangers = _strangers(kept, tables)
    return Intake(
        submissions=tuple(kept),
        given=tables,
        missing=tuple(person for person in absent if person not in excused),
        excused=tuple(excused),
        duplicates=tuple(duplicates),
        unmatched=(*unmatched, *strangers),
        notes=tuple(notes),
    )


def into_class(taken: Intake, out: Path) -> Intake:
    """What was taken in, as it is to be graded into a folder.

    One submission that is graded into the folder of a class is an addition to it: the others stay,
    and nobody is missing for not being under the path.

    Raises
    ------
    CourseError
        Where there is nothing in it to be graded: it may as well be a damaged download of all.
    """
    (own, *more) = taken.submissions
    if more or not (out / aside.STATE).exists():
        return taken
    own = _recognised(own, out)
    others = _others(read(out), own)
    if not others:
        return taken
    if own.problem:
        raise CourseError(f"{own.source}: {own.problem} The class in {out} is as it was.")
    return replace(
        taken,
        submissions=(own,),
        others=tuple(others),
        missing=(),
        excused=(),
        unmatched=tuple(line for line in taken.unmatched if line.startswith(f"{own.id} ")),
    )


def _recognised(own: Submission, out: Path) -> Submission:
    """A loose file with the name that a platform gave it, as the student's whom the class knows."""
    name = own.source.rpartition("/")[2]
    part = lms.canvas(name) or lms.moodle(name)
    if own.people or part is None:
        return own
    for entry in json.loads((out / aside.STATE).read_text(encoding="utf-8"))["entries"]:
        people = [
            Person(**{**one, "keys": tuple(map(tuple, one["keys"]))}) for one in entry["people"]
        ]
        if any(_is_named(person, part) for person in people):
            return replace(
                own,
                id=entry["submission"],
                people=tuple(people),
                student_id=joined(people, "student_id"),
                name=joined(people, "name"),
                email=joined(people, "email"),
                platform=part.platform,
                group=entry["group"],
                late=part.late,
                attempt=max(own.attempt, part.attempt),
            )
    return own


def _is_named(person: Person, part: lms.Part) -> bool:
    """Whether both the id and the name on a file are a student's."""
    known = {squeeze(person.name), *spellings(person.name)}
    return person.key(part.platform) == part.user and squeeze(part.name) in known


def read(out: Path) -> dict[str, Any]:
    """The record that `Intake.write` kept; empty where there is none that can be read."""
    try:
        found = json.loads((out / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _others(record: Mapping[str, Any], own: Submission) -> list[str]:
    """Submissions of other students."""
    listed = record.get("submissions", {})
    return [
        name
        for name, each in listed.items()
        if name != own.id and not (own.student_id and each["student_id"] == own.student_id)
    ]


def _merged_records(
    before: Mapping[str, Any], now: Mapping[str, Any], taken: Intake
) -> dict[str, Any]:
    """The record of a class with one submission added or put in place of an earlier one."""
    (own,) = taken.submissions
    there = {name for person in own.people for name in person.ids}
    lists = {
        key: list(dict.fromkeys([*before[key], *now[key]]))
        for key in ("duplicates", "unmatched", "notes")
    }
    absent = {
        key: [one for one in before[key] if there.isdisjoint(_ids(one))]
        for key in ("missing", "excused")
    }
    kept = {name: before["submissions"][name] for name in taken.others}
    return {**lists, **absent, "submissions": {**kept, **now["submissions"]}}


def _ids(record: Mapping[str, str]) -> set[str]:
    return {value.casefold() for key, value in record.items() if key != "name" and value}


def _is_excused(person: Person, tables: Given) -> bool:
    grant = tables.extension(person.ids)
    return grant is not None and grant.excused


def _strangers(kept: Iterable[Submission], tables: Given) -> list[str]:
    """Ids in the tables that belong to nobody: a slip of the pen there costs a student."""
    known = {name for one in tables.roster for name in one.person.ids}
    for each in kept:
        known |= {each.id.casefold(), *(name for one in each.people for name in one.ids)}
    return [
        f"{name!r} in the {table}: no student and no submission is called so"
        for table, names in (("extensions", tables.extensions), ("times", tables.times))
        for name in sorted(names)
        if name not in known
    ]


# -------------------------------------------------------------------------------------- people


class _Roster:
    """Finds students by what a submission says of its owner."""

    def __init__(self, students: Sequence[Student]) -> None:
        self._by_id: dict[tuple[str, str], Student] = {}
        self._by_name: dict[str, list[Student]] = {}
        self.groups: dict[str, list[Student]] = {}
        for student in students:
            person = student.person
            ids = [*person.keys, ("student_id", person.student_id), ("email", person.email)]
            for kind, value in ids:
                self._by_id[kind, value.casefold()] = student
            for spelling in spellings(person.name):
                self._by_name.setdefault(spelling, []).append(student)
            if student.group:
                self.groups.setdefault(squeeze(student.group), []).append(student)

    def by_id(self, value: str, *kinds: str) -> Student | None:
        """The first kind of id that fits; an empty id fits nobody."""
        found = (self._by_id.get((kind, value.casefold())) for kind in kinds)
        return next(filter(None, found), None) if value else None

    def by_name(self, name: str) -> Student | None:
        """The only student of that name."""
        found = self._by_name.get(squeeze(name), []) if name else []
        return found[0] if len(found) == 1 else None

    def of_person(self, person: Person, platform: str) -> Student | None:
        """By the platform's own id, by others only where the roster lacks it; then by name."""
        kind = _OWN.get(platform, "student_id")
        known = any(kind == each for each, _ in self._by_id)
        kinds = (kind,) if known else ("student_id", "login", "email")
        own = self.by_id(person.student_id, *kinds) or self.by_id(person.email, "email")
        anonymous = person.student_id.startswith("anon_")
        return own or (None if anonymous else self.by_name(person.name))

    def of_label(self, label: str) -> Student | None:
        """By the name of a loose file or folder: whole, or the one part of it that fits."""
        kinds = ("student_id", "login", "email", "canvas", "moodle")
        whole = self.by_id(label, *kinds) or self.by_name(label)
        parts = {part for separator in "_- " for part in label.split(separator)} - {label}
        fits = {id(one): one for part in parts if (one := self.by_id(part, *kinds[:3]))}
        return whole or (next(iter(fits.values())) if len(fits) == 1 else None)


def _identified(
    found: Sequence[Submission], students: Sequence[Student]
) -> tuple[list[Submission], list[str]]:
    """Each submission with its people as the roster knows them, and those it does not know."""
    claimed, unmatched = _without_false_claims(found, students)
    if not students:
        return claimed, unmatched
    roster = _Roster(students)
    individually = Counter(
        student.person for each in claimed for student in _students(each, roster) if student
    )
    joined_up = []
    for each in claimed:
        matched = _with_team(each, _students(each, roster), roster, individually)
        if not any(matched):
            unmatched.append(f"{each.id} ({_claims(each)}): nobody in the roster fits")
        joined_up.append(_with_people(each, matched))
    return joined_up, unmatched


def _with_team(
    each: Submission,
    matched: list[Student | None],
    roster: _Roster,
    individually: Mapping[Person, int],
) -> list[Student | None]:
    """All of a team, by its name or where one of it hands in and the others did not themselves."""
    named = roster.groups.get(squeeze(joined(each.people, "name")), [])
    if named and not any(matched):
        return list(named)
    first = matched[0] if len(matched) == 1 else None
    if first is None or not first.group or each.platform not in {"canvas", ""}:
        return matched
    mates = roster.groups[squeeze(first.group)]
    return [one for one in mates if one is first or not individually.get(one.person)]


def _students(each: Submission, roster: _Roster) -> list[Student | None]:
    """Who the roster says it is; what a platform knows nobody for is not guessed from a name."""
    if each.people or each.platform:
        return [roster.of_person(person, each.platform) for person in each.people]
    # a file's own name is the student's word: it counts only where no folder stands over it
    *folders, file = each.source.split("/")
    given_names = folders[::-1] or [file.partition(".")[0]]
    labels = dict.fromkeys((each.id, re.sub(r"-[0-9a-f]{8}$", "", each.id), *given_names))
    fits = (roster.of_label(label) for label in labels)
    return [next(filter(None, fits), None)]


def _with_people(each: Submission, matched: Sequence[Student | None]) -> Submission:
    """The roster's ids and names in place of the platform's, whose ids are kept besides."""
    platform = each.people or (Person(),) * len(matched)
    padded = [*platform, *(Person(),) * (len(matched) - len(platform))]
    people = [
        _merged(person, student.person) if student else person
        for person, student in zip(padded, matched, strict=False)
    ]
    group = next((student.group for student in matched if student and student.group), each.group)
    return replace(
        each,
        people=tuple(person for person in people if person != Person()),
        student_id=joined(people, "student_id"),
        name=joined(people, "name"),
        email=joined(people, "email"),
        group=group,
    )


def _merged(platform: Person, roster: Person) -> Person:
    keys = dict(platform.keys) | dict(roster.keys)
    return replace(
        roster,
        name=roster.name or platform.name,
        email=roster.email or platform.email,
        keys=tuple(sorted(keys.items())),
    )


def _without_false_claims(
    found: Sequence[Submission], students: Sequence[Student]
) -> tuple[list[Submission], list[str]]:
    """Of entries that claim one Canvas id under several names, only the roster's keeps it.

    A name in Canvas is chosen by its owner, and one such as ``x_4711`` reads like another's id.
    """
    names: dict[str, set[str]] = {}
    for each in found:
        if each.platform == "canvas" and len(each.people) == 1:
            names.setdefault(each.student_id, set()).add(squeeze(each.name))
    roster = _Roster(students)
    kept, unmatched = [], []
    for each in found:
        claims = names.get(each.student_id, set()) if each.platform == "canvas" else set()
        owner = roster.by_id(each.student_id, "canvas", "student_id") if len(claims) > 1 else None
        honest = owner is not None and squeeze(each.name) in spellings(owner.person.name)
        if len(claims) > 1 and not honest:
            unmatched.append(f"{each.id} ({_claims(each)}): several names claim this id")
            each = replace(each, people=(), student_id="", name="", email="")
        kept.append(each)
    return kept, unmatched


# --------------------------------------------------------------------------------------- times


def _timed(
    found: Sequence[Submission], homework: Homework, tables: Given
) -> tuple[list[Submission], list[str]]:
    """The time of each, from the best source there is: never from now.

    A table of times, the roster's, the platform's metadata, the class archive where its times can
    be those of handing in.
    """
    rosters = {one.person: one.submitted for one in tables.roster if one.submitted}
    by_id = {name: time for person, time in rosters.items() for name in person.ids}
    zone = homework.due.tzinfo or UTC
    told = [replace(each, submitted=_told(each, tables.times, by_id)) for each in found]
    packed = [each for each in told if each.submitted is None and each.packed is not None]
    doubt = _doubt(packed, homework, tables, zone)
    notes = [f"Times in the archive are not used: {doubt}."] if packed and doubt else []
    if packed and not doubt:
        notes.append(
            f"Times in the archive are used for {_count(len(packed), 'submission')}; "
            f"where they name no zone they count as {zone}."
        )
        told = [
            replace(each, submitted=_local(each.packed, zone))
            if each.submitted is None and each.packed is not None
            else each
            for each in told
        ]
    return told, [*notes, *_unknown(told)]


def _told(
    each: Submission, times: Mapping[str, datetime], roster: Mapping[str, datetime]
) -> datetime | None:
    ids = [each.id.casefold(), *(name for person in each.people for name in person.ids)]
    for source in (times, roster):
        found = [source[name] for name in ids if name in source]
        if found:
            return max(found)
    return each.submitted


def _local(time: datetime | None, zone: tzinfo) -> datetime | None:
    return time if time is None or time.tzinfo else time.replace(tzinfo=zone)


def _doubt(
    packed: Sequence[Submission], homework: Homework, tables: Given, zone: tzinfo
) -> str | None:
    """Why an archive's times cannot be those of handing in; None where they can."""
    times = [time for each in packed if (time := _local(each.packed, zone))]
    if not times:
        return None
    if min(times) < homework.released:
        return "some lie before the homework was released"
    if max(times) - min(times) <= _SPREAD:
        return "they lie so close together that they tell of the download"
    for each in packed:
        granted = tables.extension(name for person in each.people for name in person.ids)
        time = _local(each.packed, zone)
        if each.platform == "canvas" and not granted and time is not None:
            after = time > homework.due
            if after != each.late:
                return f"{each.id} is {'' if each.late else 'not '}marked LATE, against its time"
    return None


def _unknown(found: Sequence[Submission]) -> list[str]:
    """What is not known, and what stands in for it."""
    canvas = [each for each in found if each.platform == "canvas" and each.submitted is None]
    marked = [each.id for each in canvas if each.late]
    notes = []
    if len(canvas) > len(marked):
        notes.append(
            f"Canvas tells no time for {_count(len(canvas) - len(marked), 'submission')} without "
            "its LATE mark; they count as on time."
        )
    if marked:
        notes.append(f"Marked LATE, days unknown: {', '.join(marked)}. Give --times.")
    others = [each for each in found if each.submitted is None and each.platform != "canvas"]
    if others:
        notes.append(
            f"No time of handing in is known for {_count(len(others), 'submission')}; "
            "their late days stay empty. Give --times."
        )
    return notes


# ---------------------------------------------------------------------------------- duplicates


def _latest(found: Sequence[Submission]) -> tuple[list[Submission], list[str]]:
    """Of several hand-ins of one student the latest, where that can be told; else all of them."""
    owners: dict[str, list[Submission]] = {}
    for each in found:
        for identity in each.student_id.split("; ") if each.student_id else []:
            owners.setdefault(identity.casefold(), []).append(each)
    dropped: dict[str, str] = {}
    lines = []
    for several in owners.values():
        rest = [each for each in several if each.id not in dropped]
        latest = _last(rest) if len(rest) > 1 else None
        names = ", ".join(each.id for each in rest)
        if latest is not None and all(each.people == latest.people for each in rest):
            lines.append(f"{names} are one student's; the latest counts, {latest.id}")
            dropped |= {each.id: latest.id for each in rest if each is not latest}
        elif len(rest) > 1:
            lines.append(f"{names} are one student's; nothing tells which is the latest")
    return [each for each in found if each.id not in dropped], list(dict.fromkeys(lines))


def _last(several: Sequence[Submission]) -> Submission | None:
    times = [each.submitted for each in several if each.submitted is not None]
    if len(times) != len(several) or Counter(times)[max(times)] > 1:
        return None
    return several[times.index(max(times))]


# --------------------------------------------------------------------------------------- words


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _who(person: Person) -> str:
    return " ".join(filter(None, (person.student_id, person.name)))


def _claims(each: Submission) -> str:
    of = _PLATFORMS.get(each.platform, "")
    return " ".join(filter(None, (of, each.student_id, each.name))) or each.source


def _record(person: Person) -> dict[str, str]:
    return {"student_id": person.student_id, "name": person.name, "email": person.email}
