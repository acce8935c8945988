"""Pages as PDF, through a Chromium that is installed; nothing is fetched, no script runs."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from autograder.course import CourseError

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ["--disable-gpu", "--disable-background-networking", "--no-first-run"]
_DATE = re.compile(rb"/(CreationDate|ModDate) \(D:[^)]*\)")


def chromium() -> str | None:
    """Path of a browser to print with; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def options() -> list[str]:
    """Options to start it with; for root its own sandbox has to be left out."""
    return [*_OPTIONS, "--no-sandbox"] if os.geteuid() == 0 else _OPTIONS


def required() -> str:
    """Path of the browser to print with.

    Raises
    ------
    CourseError
        Where there is none.
    """
    program = chromium()
    if program is None:
        remedy = "Install one (apt-get install chromium), or leave out --pdf."
        raise CourseError(f"There is no Chromium to print with. {remedy}")
    return program


def to_pdf(pages: Iterable[Path]) -> list[Path]:
    """Print each page beside itself, with the ending .pdf; the same bytes for the same page.

    Raises
    ------
    CourseError
        Where no Chromium is installed.
    """
    program = required()
    from playwright.sync_api import sync_playwright

    written = []
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=program, args=options())
        tab = browser.new_context(java_script_enabled=False, offline=True).new_page()
        for page in pages:
            tab.goto(page.resolve().as_uri())
            data = tab.pdf(format="A4", print_background=True, tagged=True, outline=True)
            path = page.with_suffix(".pdf")
            path.write_bytes(_DATE.sub(_same_length, data))
            written.append(path)
        browser.close()
    return written


def _same_length(match: re.Match[bytes]) -> bytes:
    """A date that is always the same, as long as the one it replaces."""
    return b"/%s (D:%s)" % (match[1], b"0" * (len(match[0]) - len(match[1]) - 6))
