"""Self-contained pages: one HTML file each, that loads nothing and runs only what is its own.

A policy in the page names the hashes of its style and its script; whatever else a text of a
submission might smuggle in does not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder import rendering

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, styles: Sequence[str], script: str = "", **content: Any) -> str:
    """A page from its template.

    Parameters
    ----------
    template, styles, script
        Names of files in ``templates/``; `page.css`, which all pages share, comes first by itself.
    **content
        What the template shows; text is escaped there.
    """
    style = "\n".join(map(_file, ("page.css", *styles)))
    code = _file(script) if script else ""
    return (
        _environment()
        .get_template(template)
        .render(style=Markup(style), script=Markup(code), policy=_policy(style, code), **content)
    )


def points(number: float) -> str:
    """Points without needless zeros.

    >>> points(2.0), points(0.25)
    ('2', '0.25')
    """
    return f"{number:.2f}".rstrip("0").rstrip(".")


@lru_cache
def _file(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8").strip()


def _policy(style: str, script: str) -> str:
    """Nothing loads; the style and the script are the page's own, pictures stand in the page."""
    allowed = ["default-src 'none'", "img-src data:", f"style-src {_digest(style)}"]
    if script:
        allowed.append(f"script-src {_digest(script)}")
    return "; ".join([*allowed, "base-uri 'none'", "form-action 'none'"])


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points, "sentence": _sentence, "clean": rendering.clean}
    environment.filters |= {"number": _question_number, "without_see": _without_see}
    return environment


def _sentence(words: str) -> str:
    """Words with a capital letter in front; the rest stays, as it may name code."""
    return words[:1].upper() + words[1:]


def _question_number(question: str) -> str:
    """The number of a question: 1.9a of task1_9a."""
    return question.removeprefix("task").replace("_", ".")


def _without_see(message: str, see: str | None) -> str:
    """A slip's sentence without its reference, which the page shows by itself."""
    return message.removesuffix(f" (See {see}.)")
