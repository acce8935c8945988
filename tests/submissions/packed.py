"""Archives that mean harm: each holds the solution of homework 1 and something that must not count.

What must happen is the same for all: the archive is refused with a reason, or what is graded is
the solution byte for byte; nothing is written anywhere, and what was brought is listed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from autograder.submissions import Submission
from submissions import archives

_EVIL = b"raise SystemExit('hostile')\n"


@dataclass(frozen=True)
class Packed:
    """One hostile archive."""

    name: str
    tries: str
    made: Callable[[bytes, bytes], bytes]  # of the notebook and the module
    listed: str  # what a TA is told

    def of(self, solution: Submission) -> bytes:
        return self.made(solution.notebook or b"", solution.module or b"")


def _with(*extra: tuple[str, bytes]) -> Callable[[bytes, bytes], bytes]:
    def made(notebook: bytes, module: bytes) -> bytes:
        return archives.archive_of_pairs(
            [("hw1.ipynb", notebook), (archives.MODULE, module), *extra]
        )

    return made


def _bomb(notebook: bytes, module: bytes) -> bytes:
    return archives.archive({"hw1.ipynb": notebook, archives.MODULE: module, "zeros": bytes(2**27)})


def _many(notebook: bytes, module: bytes) -> bytes:
    files = {f"many/{number}.txt": b"" for number in range(11_000)}
    return archives.archive({"hw1.ipynb": notebook, archives.MODULE: module, **files})


def _nested(notebook: bytes, module: bytes) -> bytes:
    inner = _with()(notebook, module)
    for _ in range(30):
        inner = archives.archive({"hw1.zip": inner})
    return inner


def _link(notebook: bytes, module: bytes) -> bytes:
    buffer = BytesIO(archives.with_link("hlmtools/check.py", "/etc/passwd"))
    with zipfile.ZipFile(buffer, "a") as out:
        out.writestr("hw1.ipynb", notebook)
        out.writestr(archives.MODULE, module)
    return buffer.getvalue()


def _encrypted(notebook: bytes, module: bytes) -> bytes:
    return archives.encrypted({"hw1.ipynb": notebook, archives.MODULE: module})


def _shadows(notebook: bytes, module: bytes) -> bytes:
    names = ["numpy.py", "otter/__init__.py", "sitecustomize.py", "conftest.py", "worker.py"]
    names += ["hlmtools/__init__.py", "hlmtools/check.py", "tests/task1_7.py", "data/hsb.csv"]
    return _with(*((name, _EVIL) for name in names))(notebook, module)


PACKED = (
    Packed(
        "absolute",
        "entries with absolute paths",
        _with(("/tmp/hostile-was-here", _EVIL)),
        "outside: /tmp/hostile-was-here",
    ),
    Packed(
        "climbs",
        "entries that climb",
        _with(("../../hostile-was-here", _EVIL)),
        "outside: ../../hostile-was-here",
    ),
    Packed(
        "drive", "entries on another drive", _with(("C:\\hostile-was-here", _EVIL)), "outside: C:"
    ),
    Packed("links", "a link in the place of a given module", _link, "hlmtools/check.py"),
    Packed("bomb", "128 MB of zeros in 130 kB", _bomb, "zeros"),
    Packed("many", "eleven thousand empty files", _many, "more than 10000 files"),
    Packed("nested", "thirty archives, one in the other", _nested, "hw1.zip"),
    Packed("encrypted", "entries that say they are encrypted", _encrypted, "encrypted"),
    Packed(
        "twice",
        "the module twice, the second one another",
        _with((archives.MODULE, _EVIL)),
        "stands there twice",
    ),
    Packed(
        "case",
        "names that differ in case only",
        _with((archives.MODULE.upper(), _EVIL)),
        "stands there twice",
    ),
    Packed("shadows", "modules that would stand before the real ones", _shadows, "conftest.py"),
    Packed(
        "long-name", "a name of 10,000 characters", _with(("x" * 10_000 + ".py", _EVIL)), "xxxxx"
    ),
    Packed(
        "odd-names",
        "names with markup, formulas, escapes and right-to-left marks",
        _with(
            ("<script>hostileScript()</script>.py", _EVIL),
            ("=cmd|'/c calc'!A1\x1b[2J\u202e", _EVIL),
        ),
        "=cmd",
    ),
    Packed(
        "no-table",
        "a table of contents that claims a gigabyte",
        lambda *_: archives.claiming_table(2**20),
        "damaged",
    ),
)
