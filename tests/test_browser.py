"""Every page in a real browser, wide and narrow, light and dark: it works, fits, and asks nothing.

Rules of accessibility are checked where the browser knows them best: contrast as it is painted,
names of controls and pictures, order of headings.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autograder import course, feedback, printing, report, similarity, written
from autograder.late import Standing
from autograder.written import Score
from tests import classroom
from tests.test_feedback import code, picture, prose, result
from tests.test_similarity import COPIED, NAMES

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        printing.chromium() is None, reason="chromium is missing: apt-get install chromium"
    ),
]
HOMEWORK = course.homework("hw1")
PAGES = ["report.html", "similarity.html", "written/task1_9a.html", "feedback/student-06.html"]

PROBLEMS = (Path(__file__).parent / "accessibility.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graded class with every page that a run has."""
    out = classroom.store(tmp_path_factory.mktemp("class"), classroom.verdicts())
    (out / "modules").mkdir()
    for name in ("student-10", "student-11"):
        (out / "modules" / f"{name}.py").write_text(COPIED.format(**NAMES), encoding="utf-8")
    report.write(out)
    written.collect(HOMEWORK, out)
    one = classroom.verdicts()[6]
    wide = "<table><tr>" + "<td>a long number 123456.789</td>" * 40 + "</tr></table>"
    cells = [
        prose("## 1.4 Fit\nWith $\\psi$ and\n$$\n" + r"a + b + " * 60 + "c\n$$"),
        code("plot()", result(image_png=picture(size=(2000, 300)))),
        code("x" * 500, result(text_html=wide)),
        prose(classroom.NASTY),
    ]
    due = HOMEWORK.due
    place = Standing(20, 36, due, due, 1, 3.6, 16.4, False, "It came a day late.")
    verdict = replace(one, executed={"cells": cells}, name=classroom.NASTY)
    page = feedback.page(verdict, HOMEWORK, place, {"task1_9a": Score(3, "Which unit?")})
    (out / "feedback").mkdir()
    (out / "feedback" / "student-06.html").write_text(page, encoding="utf-8")
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        program = player.chromium.launch(
            executable_path=printing.chromium(), args=printing.options()
        )
        yield program
        program.close()


class Tab:
    """A page that is open, and everything it asked for or complained of."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.noise: list[str] = []
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            permissions=["clipboard-read", "clipboard-write"],
        )
        self.page = context.new_page()
        self.page.on("console", lambda message: self.noise.append(message.text))
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.on("dialog", lambda dialog: self.noise.append(dialog.message))
        self.page.on("request", self._asked)
        self._own = path.as_uri()
        self.page.goto(self._own)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("data:", self._own)):
            self.noise.append(f"asks for {request.url}")

    def column(self, table: str, number: int) -> list[str]:
        """The shown cells of a column, as text."""
        rows = f"#{table} tbody tr:not([hidden])"
        script = "(rows, n) => rows.map(row => row.cells[n].innerText.trim())"
        return self.page.eval_on_selector_all(rows, script, number)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_can_be_read_and_ask_for_nothing(
    run: Path, browser: Any, name: str, width: int, scheme: str
) -> None:
    tab = Tab(browser, run / name, width, scheme)
    assert tab.page.evaluate(PROBLEMS) == []
    assert tab.noise == []
    tab.page.close()


def test_report_sorts(run: Path, browser: Any) -> None:
    tab = Tab(browser, run / report.PAGE)
    tab.page.click("#table-students th button:text-is('Score')")
    scores = [float(text) for text in tab.column("table-students", 2)]
    assert scores == sorted(scores, reverse=True)
    assert scores != sorted(scores)
    tab.page.click("#table-students th button:text-is('Score')")
    assert [float(text) for text in tab.column("table-students", 2)] == sorted(scores)
    assert tab.page.get_attribute("#table-students th:nth-child(3)", "aria-sort") == "ascending"
    tab.page.click("#table-students th button:text-is('Student')")
    names = tab.column("table-students", 0)
    assert names[1:] == sorted(names[1:])
    assert tab.noise == []


def test_report_filters(run: Path, browser: Any) -> None:
    tab = Tab(browser, run / report.PAGE)
    tab.page.fill("[data-filter=table-students]", "STUDENT 1")
    assert tab.column("table-students", 0) == [f"Student {number}" for number in range(10, 20)]
    assert tab.page.inner_text("[data-shown=table-students]") == "10 of 60 shown"
    tab.page.fill("[data-filter=table-students]", "")
    tab.page.check("[data-only=table-students]")
    assert len(tab.column("table-students", 0)) == 5
    assert tab.noise == []


def test_tables_are_copied_as_csv_without_formulas(run: Path, browser: Any) -> None:
    tab = Tab(browser, run / report.PAGE)
    tab.page.evaluate("document.querySelector('#table-look a').textContent = '=1+1, \"x\"'")
    tab.page.click("[data-copy=table-look]")
    tab.page.wait_for_selector("[data-copy=table-look]:text-is('Copied')")
    rows = list(csv.reader(io.StringIO(tab.page.evaluate("navigator.clipboard.readText()"))))
    assert rows[0] == ["Student", "Why", "What was seen"]
    assert rows[1][0] == '\'=1+1, "x"'
    assert len(rows) == 6
    tab.page.click("[data-copy=table-tasks]")
    tab.page.wait_for_selector("[data-copy=table-tasks]:text-is('Copied')")
    tasks = list(csv.DictReader(io.StringIO(tab.page.evaluate("navigator.clipboard.readText()"))))
    assert [row["Task"] for row in tasks] == list(classroom.TASKS)
    assert all(0 <= float(row["All points"]) <= 1 for row in tasks)


def test_a_link_to_the_notes_unfolds_them(run: Path, browser: Any) -> None:
    tab = Tab(browser, run / "feedback" / "student-06.html", 360)
    assert not tab.page.is_visible("[id='notes-1.3']")
    tab.page.click(".see a >> nth=0")
    tab.page.wait_for_selector("[id='notes-1.3']", state="visible")
    assert tab.noise == []


def test_feedback_prints_to_the_same_bytes(run: Path) -> None:
    page = run / "feedback" / "student-06.html"
    script = "import sys, pathlib; from autograder import printing; "
    script += "printing.to_pdf([pathlib.Path(sys.argv[1])])"
    made = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, str(page)], check=True, timeout=120)
        made.append(page.with_suffix(".pdf").read_bytes())
    assert made[0].startswith(b"%PDF")
    assert made[0] == made[1]


def test_the_rules_see_what_is_wrong(tmp_path: Path, browser: Any) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<h1>a</h1><h3>b</h3><p style='color: #999'>pale</p><img src='data:,'><input>"
        "<a href='#no'>x</a><i id=a></i><i id=a></i><pre style='width: 3000px'>wide</pre>",
        encoding="utf-8",
    )
    found = "; ".join(Tab(browser, page).page.evaluate(PROBLEMS))
    for rule in ("contrast 2.8", "heading H3", "without words", "INPUT without", "#no", "id twice"):
        assert rule in found
    assert "wider than the window" in found
    assert "no language or title" in found


def test_similar_work_stands_side_by_side(run: Path, browser: Any) -> None:
    tab = Tab(browser, run / similarity.PAGE)
    sides = tab.page.query_selector_all(".pair:first-of-type .side")
    boxes = [side.bounding_box() for side in sides[:2]]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["x"] < boxes[1]["x"]
