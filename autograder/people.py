"""Who handed something in, and under which ids platforms know them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Person:
    """A student, with the ids that platforms know them by: ``(("canvas", "4711"), ...)``."""

    student_id: str = ""
    name: str = ""
    email: str = ""
    keys: tuple[tuple[str, str], ...] = ()

    def key(self, kind: str) -> str:
        """The id on one platform, "" where it is not known."""
        return dict(self.keys).get(kind, "")

    @property
    def ids(self) -> tuple[str, ...]:
        """Everything the student is known by, in small letters."""
        named = [self.student_id, self.email, *(value for _, value in self.keys)]
        return tuple(dict.fromkeys(name.casefold() for name in named if name))


def joined(people: Iterable[Person], field: Literal["student_id", "name", "email"]) -> str:
    """One text for a student or a team.

    >>> joined([Person("101", "Ann"), Person("102")], "student_id")
    '101; 102'
    """
    return "; ".join(filter(None, (getattr(person, field) for person in people)))


def spellings(name: str) -> set[str]:
    """A name as platforms may squeeze it: letters and digits only, last name first or last.

    >>> sorted(spellings("Doe, Jane")), sorted(spellings("Jane Doe"))
    (['doejane', 'janedoe'], ['doejane', 'janedoe'])
    """
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.strip().rpartition(" ")
    pairs = {f"{last} {first}", f"{first} {last}"}
    return {squeezed for pair in pairs if (squeezed := squeeze(pair))}


def squeeze(name: str) -> str:
    """Letters and digits of a name, in small letters.

    >>> squeeze("O'Neil-Müller, Zoë"), squeeze("<b>")
    ('oneilmüllerzoë', 'b')
    """
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFC", name).casefold())
