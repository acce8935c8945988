"""What the judge concludes about one submission, and its form in a results file.

A results file follows Gradescope's ``results.json``: one entry a test case, ``extra_data`` for
what Gradescope has no field for.  The executed notebook is stored beside it, not in it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

_STOP = re.compile(r"(?:cell \d+|task\w{1,10}): (it [a-z0-9 .]{1,60})$")
Status = Literal["ok", "repaired", "partial", "unreadable", "ungraded"]
"""`ungraded`: the grader itself failed, which says nothing of the work and never counts as 0."""


@dataclass(frozen=True)
class CaseResult:
    """One test case: what was checked, how it went and what it earned."""

    task: str  # "1.4"
    question: str  # "task1_4"
    name: str  # "unbalanced text ids"
    points: float
    passed: bool
    hidden: bool
    message: str  # for the student; never an expected value or test code
    slip: str | None = None  # name of the recognised wrong computation
    see: str | None = None  # what to read again, "notes 1.3"
    seconds: float = 0.0
    followed: bool = False  # right given the student's own earlier answer
    withheld: bool = False  # another case of a question that counts all or nothing failed
    beside: str | None = None  # why it was tested beside the student's code, where it can be forged
    got: str = ""  # "hsb_psi = 2.935", the wrong numbers: for staff only
    near: bool = False  # wrong by a few tolerances: for staff only

    @property
    def earned(self) -> float:
        """Points this case gave."""
        return self.points if self.passed and not self.withheld else 0.0


@dataclass(frozen=True)
class WrittenAnswer:
    """One answer a person scores: the text as the student wrote it (untrusted)."""

    question: str  # "task1_9a"
    task: str  # "1.9"
    points: float  # possible points
    text: str


@dataclass(frozen=True)
class Verdict:
    """Everything known about one graded submission."""

    submission: str
    source: str
    student_id: str
    name: str
    homework: str
    status: Status
    cases: tuple[CaseResult, ...] = ()
    written: tuple[WrittenAnswer, ...] = ()
    repairs: tuple[str, ...] = ()  # what was mended, for student and TA
    alerts: tuple[str, ...] = ()  # for the TA only
    executed: dict[str, Any] = field(default_factory=dict)  # notebook JSON, outputs cut
    sandbox: str = ""  # strength the result was obtained with
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    total: tuple[float, float] | None = None  # earned and possible, where they are not the sums

    @property
    def score(self) -> float:
        """Automatic points earned."""
        return _tidy(self.total[0] if self.total else sum(case.earned for case in self.cases))

    @property
    def max_score(self) -> float:
        """Automatic points possible."""
        return _tidy(self.total[1] if self.total else sum(case.points for case in self.cases))

    @property
    def slips(self) -> tuple[str, ...]:
        """Names of the recognised slips, in the order of the tasks, each once."""
        return tuple(dict.fromkeys(case.slip for case in self.cases if case.slip))

    @property
    def reason(self) -> str:
        """Why the score is what it is, in a few words.

        >>> Verdict("a", "a.zip", "", "", "hw1", "ok").reason
        'all right'
        """
        failed = Counter(case.message for case in self.cases if not case.passed)
        stops = [match[1] for alert in self.alerts if (match := _STOP.match(alert))]
        if self.status in {"unreadable", "ungraded"}:
            return self.alerts[0] if self.alerts else "it could not be read"
        if stops:
            return stops[0]
        if self.slips:
            return ", ".join(name.replace("_", " ") for name in self.slips)
        return failed.most_common(1)[0][0] if failed else "all right"

    def tasks(self) -> dict[str, tuple[float, float]]:
        """Points earned and possible by task id.

        >>> case = CaseResult("1.4", "task1_4", "psi of HSB", 2.0, True, True, "")
        >>> Verdict("a", "a.zip", "", "", "hw1", "ok", cases=(case,)).tasks()
        {'1.4': (2.0, 2.0)}
        """
        return self._sums("task")

    def questions(self) -> dict[str, tuple[float, float]]:
        """Points earned and possible by question (``task1_4``)."""
        return self._sums("question")

    def _sums(self, key: Literal["task", "question"]) -> dict[str, tuple[float, float]]:
        sums: dict[str, tuple[float, float]] = {}
        for case in self.cases:
            earned, possible = sums.get(getattr(case, key), (0.0, 0.0))
            sums[getattr(case, key)] = (earned + case.earned, possible + case.points)
        return {name: (_tidy(earned), _tidy(possible)) for name, (earned, possible) in sums.items()}

    def to_stored(self) -> dict[str, Any]:
        """`to_results` with what only staff may see: wrong numbers, and which are near misses."""
        results = self.to_results()
        for entry, case in zip(results["tests"], self.cases, strict=True):
            entry["extra_data"] |= {"got": case.got, "near": case.near}
        return results

    def to_results(self) -> dict[str, Any]:
        """Gradescope's results schema, one entry a test case, as plain JSON data.

        It goes where students can see it, and holds nothing that tells how far a number is off.
        """
        return {
            "score": self.score,
            "execution_time": round(self.seconds, 3),
            "output": _summary(self),
            "output_format": "text",
            "test_output_format": "text",
            "visibility": "visible",
            "stdout_visibility": "hidden",
            "tests": [_test_entry(case) for case in self.cases],
            "extra_data": {
                "submission": self.submission,
                "source": self.source,
                "student_id": self.student_id,
                "name": self.name,
                "homework": self.homework,
                "status": self.status,
                "sandbox": self.sandbox,
                "repairs": list(self.repairs),
                "alerts": list(self.alerts),
                "slips": list(self.slips),
                "written": [vars(answer).copy() for answer in self.written],
                "versions": dict(self.versions),
                "seconds": round(self.seconds, 3),
                "total": list(self.total) if self.total else None,
            },
        }

    @classmethod
    def from_results(
        cls, results: Mapping[str, Any], executed: dict[str, Any] | None = None
    ) -> Verdict:
        """Read a results file back; the executed notebook is handed in where it is wanted."""
        extra = results["extra_data"]
        return cls(
            submission=extra["submission"],
            source=extra["source"],
            student_id=extra["student_id"],
            name=extra["name"],
            homework=extra["homework"],
            status=extra["status"],
            cases=tuple(_case(entry) for entry in results["tests"]),
            written=tuple(WrittenAnswer(**answer) for answer in extra["written"]),
            repairs=tuple(extra["repairs"]),
            alerts=tuple(extra["alerts"]),
            executed=executed or {},
            sandbox=extra["sandbox"],
            seconds=extra["seconds"],
            versions=dict(extra["versions"]),
            total=tuple(extra["total"]) if extra.get("total") else None,
        )


def stored(out: Path) -> list[Verdict]:
    """Verdicts of a graded run, from its results files, in the order of the submissions' names."""
    paths = sorted((out / "results").glob("*.json"))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return sorted(map(Verdict.from_results, found), key=lambda verdict: verdict.submission)


def _tidy(points: float) -> float:
    return round(float(points), 6)  # sums of quarter and tenth points, without binary tails


def _summary(verdict: Verdict) -> str:
    """The text over Gradescope's list of tests: what was mended or went wrong, never an alert."""
    return "\n".join(verdict.repairs)


def _test_entry(case: CaseResult) -> dict[str, Any]:
    return {
        "score": _tidy(case.earned),
        "max_score": _tidy(case.points),
        "status": "passed" if case.passed else "failed",
        "name": f"{case.task} {case.name}",
        "number": case.task,
        "output": case.message,
        "visibility": "after_published" if case.hidden else "visible",
        "extra_data": {
            "task": case.task,
            "question": case.question,
            "case": case.name,
            "hidden": case.hidden,
            "slip": case.slip,
            "see": case.see,
            "seconds": round(case.seconds, 3),
            "followed": case.followed,
            "withheld": case.withheld,
            "tamper_proof": case.beside is None,
            "beside": case.beside,
        },
    }


def _case(entry: Mapping[str, Any]) -> CaseResult:
    extra = entry["extra_data"]
    return CaseResult(
        task=extra["task"],
        question=extra["question"],
        name=extra["case"],
        points=entry["max_score"],
        passed=entry["status"] == "passed",
        hidden=extra["hidden"],
        message=entry["output"],
        slip=extra["slip"],
        see=extra["see"],
        seconds=extra["seconds"],
        followed=extra["followed"],
        withheld=extra.get("withheld", False),
        beside=extra.get("beside"),
        got=extra.get("got", ""),
        near=extra.get("near", False),
    )
