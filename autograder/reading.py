"""Sections of the lecture notes, to be read again on the feedback page.

A student may have nothing but the page, so that a link out of it would lead nowhere: the page
brings the sections that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from autograder import course
from autograder.course import Homework
from autograder.rendering import markdown


@dataclass(frozen=True)
class Section:
    """One section of the notes, rendered."""

    see: str  # "notes 1.3", as slips name it
    number: str  # "1.3"
    title: str
    content: Markup


def sections(homework: Homework, sees: Iterable[str | None]) -> list[Section]:
    """The sections that are named, each once, in order; what no notes have is left out."""
    known = _sections(homework)
    named = {see for see in sees if see in known}
    return sorted((known[see] for see in named), key=lambda section: section.number)


@lru_cache
def _sections(homework: Homework) -> dict[str, Section]:
    path = course.ROOT / "assignments" / homework.folder / "notes.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = {}
    for block in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        heading = re.match(r"## (\d\.\d+) (.+)\n", block)
        if heading:
            number, see = heading[1], f"notes {heading[1]}"
            content = Markup("").join(_rendered(block[heading.end() :]))
            found[see] = Section(see, number, heading[2].strip(), content)
    return found


def _rendered(text: str) -> Iterator[Markup]:
    """Prose as HTML; the answers that the notes fold away stay folded."""
    for part in re.split(r"(<details>.*?</details>)", text, flags=re.DOTALL):
        folded = re.fullmatch(r"<details><summary>(.*?)</summary>(.*)</details>", part, re.DOTALL)
        if folded:
            summary = markdown(folded[1]).removeprefix("<p>").removesuffix("</p>\n")
            yield Markup(f"<details><summary>{summary}</summary>{markdown(folded[2])}</details>\n")
        else:
            yield markdown(re.sub(r"^```\{code-cell\}.*$", "```", part, flags=re.MULTILINE))
