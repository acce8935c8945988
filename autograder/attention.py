"""Which submissions a person should look at, and why.

A reason is never a verdict: it says what was seen, and who reads it decides what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pygments.lexers import PythonLexer
from pygments.token import Comment, Name

from autograder.verdict import Verdict

_KINDS = {  # what an alert says of a submission, in the order in which it is tried
    "timed out": r"longer than|too long|within \d|out of time|timed? ?out",
    "brought files": r"^brought ",
    "printed": r"printed (?:while answering|more than)",
    "odd answer": r": no usable answer:",
    "check failed": r"the check itself failed",
    "crashed": r"kernel|process|memory|ended|interrupted|killed|died|lost|disk|output",
}
_WHOLE = {"unreadable": "unreadable", "ungraded": "not graded"}  # nothing of it ran
_REACHES = re.compile(
    r"\A(?:socket|subprocess|ctypes|multiprocessing|threading|signal|pty|resource|urllib|requests|"
    r"http|ftplib|_exit|fork|execv\w*|kill|system|popen|environ|_getframe|_current_frames|"
    r"get_objects|get_referrers|__subclasses__|__globals__|__builtins__|builtins|currentframe|"
    r"settrace|autograder|expect|walk|glob|open|unlink|symlink|chmod|mkfifo|write_text|write_bytes|"
    r"get_ipython|user_ns|meta_path|modules|Javascript|"
    r"__(?:eq|float|array\w*|reduce\w*|getattr\w*|getitem|dlpack|str|repr)__)\Z"
)


@dataclass(frozen=True)
class Reason:
    """One thing that was seen: its kind in a word or two, and the sentence."""

    kind: str
    says: str


def reasons(verdict: Verdict, code: str = "") -> list[Reason]:
    """Why a person should look at a submission; empty where nothing stands out.

    Parameters
    ----------
    verdict
        What the judge found.
    code
        The student's own code, to be searched for what no homework needs.
    """
    found = [Reason("repaired", text) for text in verdict.repairs]
    for text in verdict.alerts:
        whole = _WHOLE.get(verdict.status)
        found.append(Reason(whole or kind_of(text), text))
    reached = sorted(set(_reached(code)))
    if reached:
        found.append(Reason("reaches out", f"its code names {', '.join(reached)}"))
    found += [
        Reason("near miss", f"{case.task} {case.name}: {case.got}")
        for case in verdict.cases
        if case.near and not case.passed
    ]
    return found


def kind_of(alert: str) -> str:
    """The kind of an alert of the judge.

    >>> kind_of("cell 3: it ran longer than 60 s"), kind_of("something new")
    ('timed out', 'other')
    """
    return next((kind for kind, words in _KINDS.items() if re.search(words, alert)), "other")


def _reached(code: str) -> Iterator[str]:
    """Names of modules and functions that reach out of a notebook; comments do not count."""
    for kind, text in PythonLexer().get_tokens(code):
        if kind in Name and kind not in Comment:
            yield from (part for part in text.split(".") if _REACHES.match(part))
