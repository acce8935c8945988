"""The feedback page: says what helps, shows nothing secret, and can do nothing."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape
from PIL import Image
from test_verdict import CASES, VERDICT

from autograder import course, feedback, mathml, reading, rendering, slips
from autograder.late import Standing
from autograder.verdict import CaseResult, Verdict, WrittenAnswer
from autograder.written import Score

HOMEWORK = course.homework("hw1")
SENTENCE = "You report a standard deviation; the task asks for the variance. (See notes 1.3.)"


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def prose(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source}


def result(**data: Any) -> dict[str, Any]:
    kinds = {name.replace("_", "/", 1): value for name, value in data.items()}
    return {"output_type": "execute_result", "data": kinds}


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 5)) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", size, "white").save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def page(*cells: dict[str, Any], verdict: Verdict = VERDICT) -> str:
    return feedback.page(replace(verdict, executed={"cells": list(cells)}), HOMEWORK)


class _Page(HTMLParser):
    """Every tag, attribute and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def words(text: str) -> str:
    return " ".join(" ".join(_Page(text).texts).split())


# ------------------------------------------------------------------------------ what it says


def test_score_tasks_points_and_written_answers() -> None:
    text = words(page(prose("## 1.4 Fit the `model`")))
    assert "Homework 1 · Variance components" in text
    assert "0.5 of 2.5 points" in text
    assert "1.4 Fit the model" in text
    assert "0 / 2" in text
    assert "Not passed: Psi of hsb" in text
    assert "Passed: Form of fit vc" in text
    assert "worth 4 more; a person reads them" in text
    assert "Points are still open in task 1.4" in text
    assert "Because of <b>shrinkage</b>." in text


def test_slip_sentence_stands_once_on_top_with_all_its_tasks() -> None:
    slip = replace(CASES[1], message=SENTENCE)
    cases = (slip, replace(slip, name="other"), replace(slip, task="1.5", question="task1_5"))
    top = words(page(verdict=replace(VERDICT, cases=cases))).split("Tasks 1.4 ,")[0]
    text = words(page(verdict=replace(VERDICT, cases=cases)))
    assert top.count("You report a standard deviation") == 1
    assert "Tasks 1.4 , 1.5 · Read again: notes 1.3" in text
    assert "(See notes 1.3.)" not in text
    assert "As for “Psi of hsb”." in text


def test_follow_through_is_told() -> None:
    assert "follows from your own earlier answer" in words(page())


def test_full_marks_are_praised_and_only_they() -> None:
    full = replace(VERDICT, status="ok", cases=CASES[::2], alerts=())
    assert "Well done" in words(page(verdict=full))
    assert "Well done" not in words(page())


def test_repairs_ended_cells_and_unreadable_are_explained() -> None:
    ended = {
        "output_type": "stream",
        "text": "\nThis cell was ended while it was graded: it ran longer than 60 s.\n",
    }
    text = words(page(prose("x"), code("while True: pass", ended)))
    assert "A cell was mended" in text
    assert "Cell 2 was ended: it ran longer than 60 s." in text
    lost = Verdict("bob", "b.zip", "", "", "hw1", "unreadable", alerts=("it holds no notebook",))
    text = words(page(verdict=replace(lost, cases=CASES)))
    assert "It holds no notebook" in text
    assert "Hand in the zip file" in text
    assert "No task could be checked." in text
    assert "Psi of hsb" not in text


def test_alerts_are_for_staff_only() -> None:
    text = page(verdict=replace(VERDICT, alerts=("printed while answering: SECRET",)))
    assert "SECRET" not in text


def test_results_stand_at_the_check_cells_and_lead_back() -> None:
    text = page(prose("## 1.4 Fit"), code('grader.check("task1_4")'))
    assert "Task 1.4: 0 of 2 points." in words(text)
    assert 'href="#task-1.4"' in text
    assert 'id="task-1.4"' in text


def test_passed_checks_say_nothing_of_grading_later() -> None:
    assert "The form is right" not in page()


def test_points_of_people_and_lateness_are_told() -> None:
    due = HOMEWORK.due
    place = Standing(
        raw=3.5, max_score=6.5, submitted=due, due=due, late_days=1, penalty=0.65,
        score=2.85, excused=False, sentence="It came a day late.",
    )  # fmt: skip
    scores = {"task1_9a": Score(3.0, "Which <unit>?")}
    text = words(feedback.page(VERDICT, HOMEWORK, place, scores))
    assert "2.85 of 6.5 points" in text
    assert "Checked automatically: 0.5 of 2.5" in text
    assert "Written answers, read by a person: 3 of 4" in text
    assert "Taken off for lateness: 0.65" in text
    assert "It came a day late." in text
    assert "Remark: Which <unit>?" in text
    assert "3 / 4 points" in text
    excused = words(feedback.page(VERDICT, HOMEWORK, replace(place, excused=True)))
    assert "Excused" in excused


def test_what_to_read_again_stands_in_the_page() -> None:
    shown = feedback.page(VERDICT, HOMEWORK)
    assert '<a href="#notes-1.3">notes 1.3, The model, and its estimation' in shown
    assert 'id="notes-1.3"' in shown
    assert "Profiling: three unknowns" not in shown  # of section 1.4
    section = shown[shown.index('id="notes-1.3"') :]
    assert "<math" in section
    assert "&lt;details" not in section
    elsewhere = replace(VERDICT, cases=(replace(CASES[1], see="Gelman, page 3"),))
    assert "Read again: Gelman, page 3" in words(feedback.page(elsewhere, HOMEWORK))


def test_every_section_that_a_slip_names_is_in_the_notes() -> None:
    for homework in course.load().homeworks:
        named = {
            slip.see
            for each in slips.load(homework.id).QUANTITIES
            for slip in each.slips
            if slip.see
        }
        found = reading.sections(homework, named)
        assert {section.see for section in found} == named
        for section in found:
            assert_harmless_part(str(section.content))


# ------------------------------------------------------------------------- that it is harmless

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><style>@import 'http://evil.example/x.css'</style></svg>",
    "</textarea></style></script></title><script>alert(1)</script>",
    "<iframe src='javascript:alert(1)'></iframe><object data='http://evil.example/'></object>",
    "<meta http-equiv='refresh' content='0;url=http://evil.example/'><base href='//evil.example'>",
    "<form action='http://evil.example/'><input autofocus onfocus=alert(1)></form>",
    "<link rel=stylesheet href=http://evil.example/a.css>",
    "<table background='http://evil.example/x.png'><tr><td style='background:url(//evil.example)'>",
    "[a](javascript:alert(1)) [b](data:text/html,x) ![c](http://evil.example/x.png)",
    "[d]: http://evil.example/ \"'onmouseover='alert(1)\"\n\n[d]",
    "<a href='jav&#x09;ascript:alert(1)'>x</a> <http://ok.example/?a='><img/onerror=x>",
    "$\\href{javascript:alert(1)}{x}$ $\\text{</math><script>alert(1)</script>}$",
    "$$\n\\begin{aligned} <img src=x onerror=alert(1)> \\end{aligned}\n$$",
    "`<script>` ```<script>``` ~~~\n<script>alert(1)</script>\n~~~",
    "{{ 7 * 7 }}{% raw %}",
    "]]><!--<img src=x onerror=alert(1)>-->",
]
ALLOWED_TAGS = set(
    "html head meta title style body a header p h1 h2 h3 h4 h5 h6 div strong em del svg rect nav "
    "main section article ul ol li span details summary blockquote pre code img table thead tbody "
    "tfoot tr th td caption footer br hr math mi mn mo mrow msub msup msubsup munder mover "
    "munderover mfrac msqrt mtable mtr mtd mspace".split()
)
ALLOWED_ATTRIBUTES = set(
    "lang charset http-equiv content name href id class viewbox preserveaspectratio aria-hidden "
    "focusable width height aria-label aria-labelledby tabindex role dir src alt rel colspan "
    "rowspan display mathvariant accent start".split()
)


def assert_harmless(text: str) -> None:
    assert_harmless_part(text)
    found = _Page(text)
    assert sum(tag == "style" for tag, _ in found.tags) == 1
    metas = [attributes for tag, attributes in found.tags if tag == "meta"]
    assert sum("http-equiv" in meta for meta in metas) == 2


def assert_harmless_part(text: str) -> None:
    for tag, attributes in _Page(text).tags:
        assert tag in ALLOWED_TAGS, tag
        assert set(attributes) <= ALLOWED_ATTRIBUTES, (tag, attributes)
        if "src" in attributes:
            assert re.match(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+\Z", attributes["src"])
        if "href" in attributes:
            assert re.match(r"#|https?://", attributes["href"] or "")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_submission_becomes_code(text: str) -> None:
    stream = {"output_type": "stream", "text": text}
    error = {"output_type": "error", "ename": text, "evalue": text, "traceback": [text]}
    rich = result(text_html=f"<table><tr><td>{text}</td></tr></table>{text}", text_plain=text)
    verdict = replace(
        VERDICT,
        name=text,
        submission=re.sub(r"\W", "", text)[:20],
        written=(WrittenAnswer("task1_9a", "1.9", 4.0, text),),
        cases=(replace(CASES[1], message=text, name=text, see=text),),
        repairs=(text,),
    )
    shown = page(
        prose(text),
        prose(f"## 1.4 {text}"),
        prose(f"| a | b |\n|---|---|\n| {text} | 1 |"),
        code(text, stream, error, rich, result(text_markdown=text, image_svg=text)),
        verdict=verdict,
    )
    assert_harmless(shown)
    assert "49" not in words(shown) or "49" in text


def test_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    text = page(prose("x"))
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    found = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert found is not None
    policy = found[1].replace("&#39;", "'")
    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_terminal_escapes_and_direction_marks_are_gone() -> None:
    nasty = "\x1b[31mred\x1b[0m \u202eevil\u2066 \x00\x07 \ud800"
    shown = page(
        prose(nasty), code(nasty, {"output_type": "stream", "text": nasty}), verdict=VERDICT
    )
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert "red" in shown


@pytest.mark.parametrize(
    "executed",
    [
        {},
        {"cells": None},
        {"cells": [None, 3, "x", {}, {"cell_type": "code"}]},
        {"cells": [{"cell_type": "code", "source": [1, "a = 1"], "outputs": [3, {}, None]}]},
        {"cells": [code("1", {"output_type": "error"}, result(text_plain=3, image_png=[1]))]},
        {"cells": [code("1", {"output_type": "execute_result", "data": 5})]},
    ],
)
def test_any_notebook_json_gives_a_page(executed: dict[str, Any]) -> None:
    assert_harmless(feedback.page(replace(VERDICT, executed=executed), HOMEWORK))


# --------------------------------------------------------------------------- outputs, pictures


def test_own_pictures_are_shown_with_words_for_those_who_cannot_see_them() -> None:
    shown = page(code("plot()", result(image_png=picture(), text_plain="<Axes>")))
    assert re.search(
        r'<img src="data:image/png;base64,[^"]+" alt="Picture 1, made by cell 1"', shown
    )
    assert "&lt;Axes&gt;" not in shown


@pytest.mark.parametrize(
    "data",
    [
        "not base64!",
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        base64.b64encode(b"\x89PNG\r\n\x1a\nbroken").decode(),
        picture("JPEG"),
        picture("GIF"),
        picture(size=(6000, 6000)),
        "A" * 6_000_000,
    ],
    ids=["text", "svg", "broken", "jpeg as png", "gif as png", "too many pixels", "too large"],
)
def test_false_and_giant_pictures_fall_back_to_text(data: str) -> None:
    shown = page(code("plot()", result(image_png=data, text_plain="the axes")))
    assert "<img" not in shown
    assert "the axes" in shown


def test_all_pictures_together_are_bounded() -> None:
    noise = io.BytesIO()
    pixels = bytes(range(256)) * 3000
    Image.frombytes("L", (800, 960), pixels).save(noise, "PNG", compress_level=0)
    large = base64.b64encode(noise.getvalue()).decode()
    cells = [code("plot()", result(image_png=large, text_plain="axes")) for _ in range(30)]
    assert len(page(*cells)) < 1.5 * rendering.MAX_PICTURES


def test_tables_keep_numbers_and_lose_everything_else() -> None:
    table = "<div><style scoped>td{color:red}</style><table border='1' class='dataframe'><thead>"
    table += "<tr><th colspan='2'>a&nbsp;&lt;b</th></tr></thead><tbody><tr><td>1.5</td></table>"
    shown = str(rendering._table(table))
    assert shown == (
        '<table><thead><tr><th colspan="2">a&nbsp;&lt;b</th></tr></thead>'
        "<tbody><tr><td>1.5</td></tr></tbody></table>"
    )


def test_long_output_is_cut_and_says_so() -> None:
    shown = page(code("spam()", {"output_type": "stream", "text": "spam\n" * 100_000}))
    assert "cut here" in shown
    assert len(shown) < 60_000
    many = [code("x", *[{"output_type": "stream", "text": "y" * 9000}] * 100)] * 400
    assert len(page(*many)) < 6 * 2**20


BOMBS = {
    "brackets": "[" * 20_000,
    "stars": "**a " * 5_000,
    "backticks": "`" * 20_000,
    "quotes": ">" * 20_000,
    "lists": "\n".join(" " * depth + "- a" for depth in range(190)),
    "dollars": "$a" * 10_000,
    "braces": "$" + "{" * 2_900 + "$",
    "primes": "$x" + "'" * 2_900 + "$",
    "tags": "<a " * 6_000,
    "comments": "<!--" * 5_000,
    "strings": '"""' * 6_000,
    "parentheses": "(" * 20_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_text_takes_long(name: str) -> None:
    text = BOMBS[name]
    html = result(text_html="<table><tr><td>" + text * 3, text_plain=text)
    started = time.process_time()
    shown = page(prose(text), code(text, html, {"output_type": "stream", "text": text}))
    assert time.process_time() - started < 3
    assert_harmless(shown)


# ---------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("tex", "part"),
    [
        (r"\sigma^2", "<msup><mi>σ</mi><mn>2</mn></msup>"),
        (r"y_{ij}", "<msub><mi>y</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub>"),
        (r"\frac{a}{b}", "<mfrac><mi>a</mi><mi>b</mi></mfrac>"),
        (r"\tfrac45 x^10", "<mn>4</mn><mn>5</mn></mfrac><msup><mi>x</mi><mn>1</mn></msup><mn>0<"),
        (r"\hat\psi", '<mover accent="true"><mi>ψ</mi><mo>^</mo></mover>'),
        (r"x_i^2", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        (r"\text{level 1 (pupils)}", ">level 1 (pupils)</mi>"),
        (r"\operatorname{Var}(y) \ge 0.5", "<mo>≥</mo><mn>0.5</mn>"),
        (r"\underbrace{a}_{\text{b c}}", "<munder><munder><mi>a</mi><mo>⏟</mo></munder><mi"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "<mtr>"),
    ],
)
def test_formulas_become_mathml(tex: str, part: str) -> None:
    assert part in (mathml.convert(tex) or "")


@pytest.mark.parametrize("tex", [r"\unknown", "{", r"\begin{evil}x\end{evil}", "x" * 4000, "a & b"])
def test_other_formulas_are_shown_as_typed(tex: str) -> None:
    assert mathml.convert(tex) is None
    assert str(escape(tex)) in rendering.markdown(f"${tex}$")


def test_every_formula_of_the_course_is_known() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(_texts())]
    formulas = [match for text in texts for match in re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)]
    formulas += [match for text in texts for match in re.findall(r"(?<!\$)\$([^$\n]+)\$", text)]
    plain = [re.sub(r"^# ?", "", formula, flags=re.MULTILINE) for formula in formulas]
    assert plain
    assert [formula for formula in plain if mathml.convert(formula) is None] == []


def _texts() -> list[Path]:
    return list((course.ROOT / "solutions").glob("hw*_*/hw*.py"))


# ------------------------------------------------------------------------------- in a browser


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1280])
def test_page_in_a_browser_asks_for_nothing_and_fits(tmp_path: Path, width: int) -> None:
    browser = pytest.importorskip("playwright.sync_api")
    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("chromium is missing: apt-get install chromium")
    wide = "<table><tr>" + "<td>a long number 123456.789</td>" * 40 + "</tr></table>"
    cells = [prose(text) for text in HOSTILE]
    cells += [code("x" * 500, result(text_html=wide), result(image_png=picture(size=(2000, 300))))]
    cells += [prose("$$\n" + r"a + b + " * 60 + "c\n$$")]
    path = tmp_path / "page.html"
    long_name = replace(VERDICT, name="Wolfeschlegelsteinhausenbergerdorff" * 3)
    path.write_text(page(*cells, verdict=long_name), encoding="utf-8")
    asked: list[str] = []
    said: list[str] = []
    options = "--no-sandbox --disable-gpu --disable-background-networking --no-first-run".split()
    with browser.sync_playwright() as player:
        window = player.chromium.launch(executable_path=str(chromium), args=options)
        tab = window.new_page(viewport={"width": width, "height": 844})
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: said.append(dialog.message))
        tab.on("console", lambda message: said.append(message.text))
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate("getComputedStyle(document.body).maxWidth") != "none"
        headings = tab.eval_on_selector_all("h1,h2,h3,h4,h5,h6", "all => all.map(h => h.tagName)")
        window.close()
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert said == []
    assert headings.count("H1") == 1


def test_case_results_never_bring_code_or_numbers_of_their_own() -> None:
    case = CaseResult("1.4", "task1_4", "psi of hsb", 2.0, False, True, "psi is not right.")
    text = words(page(verdict=replace(VERDICT, cases=(case,))))
    assert "psi is not right." in text
    assert "expect" not in text
    assert "8.614" not in text
