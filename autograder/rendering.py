"""A student's notebook as HTML that can do nothing but be read.

Every tag on the page is written here, by mistune's and pygments' own renderers, or passed by nh3;
text of the submission is escaped, of its HTML nothing but tables is kept, its pictures are
shown only where they are what they say.
Sizes are bounded, and no input takes more than time in proportion to its length.
"""

from __future__ import annotations

import base64
import binascii
import html
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import mistune
import nh3
from markupsafe import Markup, escape
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder import mathml

MAX_CELLS = 400
MAX_SOURCE = 20_000  # characters of a cell
MAX_TEXT = 8_000  # characters of one output
MAX_TABLE = 60_000  # characters of an output's HTML; beyond it, the plain text is shown
MAX_PICTURE = 3 * 2**20  # bytes
MAX_PIXELS = 25_000_000
MAX_PICTURES = 8 * 2**20  # bytes on one page
MAX_PAGE = 4 * 2**20  # characters of all outputs on one page

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff0-\ufffb]"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_HEADING = re.compile(r"^#{1,6}[ \t]+(?:Task[ \t]+)?(\d\.\d)\b[ \t.:]*([^\n]{0,200})", re.MULTILINE)
_CHECK = re.compile(r"^[ \t]*grader\.check\([ \t]*[\"'](task\d_\d[a-z]?)[\"']", re.MULTILINE)
_ENDED = re.compile(r"^This cell was ended while it was graded: ([^\n]{1,200})$", re.MULTILINE)


@dataclass(frozen=True)
class Output:
    """What a cell gave: "text", "error", "table" or "picture", and its HTML."""

    kind: str
    content: Markup


@dataclass(frozen=True)
class Cell:
    """One cell of the executed notebook, ready for the page."""

    number: int  # from 1, as the judge counts
    kind: str  # "markdown" or "code"
    content: Markup
    outputs: tuple[Output, ...] = ()
    task: str | None = None  # the task whose heading stands here
    checks: tuple[str, ...] = ()  # questions checked here
    ended: str | None = None  # why the judge ended it


@dataclass(frozen=True)
class Rendered:
    """A notebook taken apart for the page."""

    cells: tuple[Cell, ...]
    titles: Mapping[str, str]  # by task
    left_out: int = 0  # cells beyond the limit


def notebook(executed: Mapping[str, Any]) -> Rendered:
    """Render an executed notebook, whatever it holds.

    Parameters
    ----------
    executed
        Notebook JSON; anything in it may be missing or of a wrong type.
    """
    found = executed.get("cells")
    cells = [cell for cell in found if isinstance(cell, dict)] if isinstance(found, list) else []
    budget = _Budget()
    rendered = [_cell(i + 1, cell, budget) for i, cell in enumerate(cells[:MAX_CELLS])]
    titles: dict[str, str] = {}
    for cell in cells[:MAX_CELLS]:
        if cell.get("cell_type") == "markdown":
            for task, title in _HEADING.findall(_joined(cell.get("source"))[:MAX_SOURCE]):
                titles.setdefault(task, clean(re.sub(r"[`*_$]", "", title)).strip())
    shown = tuple(cell for cell in rendered if cell is not None)
    return Rendered(shown, titles, max(0, len(cells) - MAX_CELLS))


def clean(text: str) -> str:
    r"""Text without terminal escapes, control characters and marks that reverse its direction.

    >>> clean("\x1b[31mred\x1b[0m\u202e\x07 \ud800")
    'red \ufffd'
    """
    return _SURROGATES.sub("\ufffd", _UNSEEN.sub("", _ANSI.sub("", text)))


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula, on one line.

    >>> safe("=HYPERLINK(1)"), safe("-Anne"), safe(" @x"), safe("Ann\\nLee"), safe("hw-1")
    ("'=HYPERLINK(1)", "'-Anne", "' @x", 'Ann Lee', 'hw-1')
    """
    line = " ".join(clean(text.replace("\r", "\n")).splitlines()).replace("\t", " ")
    return f"'{line}" if is_formula(line) else line


def is_formula(text: str) -> bool:
    """Whether a spreadsheet may take a cell for a formula."""
    first = text.lstrip().lstrip("\ufeff\u200b\u00a0\"'")[:1]
    return first in set("=+-@|%\uff1d\uff0b\uff0d\uff20") and bool(first)


def markdown(text: str) -> Markup:
    """Markdown as HTML; formulas as MathML, HTML in it as text."""
    return _markdown(text[:MAX_SOURCE])


@lru_cache(maxsize=2000)
def _markdown(text: str) -> Markup:
    # the prose of an assignment is the same in every submission of a class
    return Markup(_MARKDOWN(clean(text)))


# --------------------------------------------------------------------------------------- cells


@dataclass
class _Budget:
    """What one page may still show."""

    characters: int = MAX_PAGE
    picture_bytes: int = MAX_PICTURES
    pictures: int = field(default=0)


def _cell(number: int, cell: dict[str, Any], budget: _Budget) -> Cell | None:
    source = _joined(cell.get("source"))[:MAX_SOURCE]
    if cell.get("cell_type") == "markdown":
        heading = _HEADING.search(source)
        content = markdown(source)
        return Cell(number, "markdown", content, task=heading[1] if heading else None)
    if cell.get("cell_type") != "code" or not source.strip():
        return None
    raw = cell.get("outputs")
    outputs = [one for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []
    ended = _ENDED.search("".join(_joined(output.get("text")) for output in outputs[-3:]))
    return Cell(
        number=number,
        kind="code",
        content=_code(clean(source)),
        outputs=tuple(_outputs(outputs, number, budget)),
        checks=tuple(_CHECK.findall(source)),
        ended=clean(ended[1]) if ended else None,
    )


def _joined(value: Any) -> str:
    """Text of the notebook format, which may be a string or a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


@lru_cache(maxsize=2000)
def _code(source: str) -> Markup:
    return Markup(highlight(source, PythonLexer(stripnl=False), _FORMAT))


_FORMAT = HtmlFormatter(nowrap=True, classprefix="py-")


# ------------------------------------------------------------------------------------- outputs


def _outputs(outputs: list[dict[str, Any]], number: int, budget: _Budget) -> Iterator[Output]:
    for output in outputs[:100]:
        shown = _output(output, number, budget)
        if shown is None:
            continue
        if len(shown.content) > budget.characters:
            yield Output("text", escape("(Not shown: this page is full.)"))
            return
        if shown.kind != "picture":
            budget.characters -= len(shown.content)
        yield shown


def _output(output: dict[str, Any], number: int, budget: _Budget) -> Output | None:
    kind = output.get("output_type")
    if kind == "stream":
        return _text("text", _joined(output.get("text")))
    if kind == "error":
        lines = output.get("traceback")
        trace = "\n".join(line for line in lines if isinstance(line, str)) if lines else ""
        return _text("error", trace or f"{output.get('ename')}: {output.get('evalue')}")
    data = output.get("data")
    if kind not in {"display_data", "execute_result"} or not isinstance(data, dict):
        return None
    return _rich(data, number, budget)


def _rich(data: dict[str, Any], number: int, budget: _Budget) -> Output | None:
    """The best of what was offered: picture, table, formula, plain text."""
    for kind in ("image/png", "image/jpeg"):
        picture = _picture(_joined(data.get(kind)), kind, number, budget)
        if picture:
            return picture
    table = _joined(data.get("text/html"))
    if "<table" in table and len(table) <= MAX_TABLE:
        return Output("table", _table(table))
    if isinstance(data.get("text/markdown"), (str, list)):
        return Output("table", markdown(_joined(data["text/markdown"])[:MAX_TEXT]))
    return _text("text", _joined(data.get("text/plain")))


def _text(kind: str, text: str) -> Output | None:
    shown = clean(text[: 2 * MAX_TEXT])
    cut = len(shown) > MAX_TEXT or len(text) > 2 * MAX_TEXT
    shown = shown[:MAX_TEXT] + ("\n… (cut here)" if cut else "")
    return Output(kind, escape(shown.strip("\n"))) if shown.strip() else None


def _picture(text: str, kind: str, number: int, budget: _Budget) -> Output | None:
    """A picture whose bytes are of the kind it claims, of bounded size."""
    if not text or len(text) > 1.4 * min(MAX_PICTURE, budget.picture_bytes):
        return None
    try:
        content = base64.b64decode(text.strip().replace("\n", ""), validate=True)
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as picture:
            size = picture.size
            name = Image.MIME[picture.format or ""]
    except (
        binascii.Error,
        OSError,
        ValueError,
        KeyError,
        SyntaxError,
        Image.DecompressionBombError,
    ):
        return None
    if size[0] * size[1] > MAX_PIXELS or name != kind:
        return None
    budget.picture_bytes -= len(content)
    budget.pictures += 1
    data = base64.b64encode(content).decode("ascii")
    alternative = f"Picture {budget.pictures}, made by cell {number}"
    tag = f'<img src="data:{kind};base64,{data}" alt="{alternative}" width="{size[0]}">'
    return Output("picture", Markup(tag))


# -------------------------------------------------------------------------------------- tables

_TABLE_TAGS = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption"}
_SPANS = {"colspan", "rowspan"}
_SILENT = {"style", "script", "title", "template", "noscript", "textarea", "svg", "math", "iframe"}


def _table(text: str) -> Markup:
    """The tables of an HTML text: no other tag, no attribute but spans.

    >>> _table("<table onclick=x><tr><td colspan='2'>1 &lt; 2<script>x</script></table></div>")
    Markup('<table><tbody><tr><td colspan="2">1 &lt; 2</td></tr></tbody></table>')
    """
    return Markup(
        nh3.clean(
            clean(text),
            tags=_TABLE_TAGS,
            attributes={"td": _SPANS, "th": _SPANS},
            clean_content_tags=_SILENT,
            attribute_filter=_short_span,
            link_rel=None,
        )
    )


def _short_span(tag: str, name: str, value: str) -> str | None:
    return value if re.fullmatch(r"\d{1,2}", value) else None


# ------------------------------------------------------------------------------------ markdown


class _Renderer(mistune.HTMLRenderer):
    """Mistune's renderer without HTML, pictures and foreign links that load by themselves."""

    def __init__(self) -> None:
        super().__init__(escape=True)

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        level = min(level + 2, 6)  # under the page's own headings
        return f"<h{level}>{text}</h{level}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not re.match(r"https?://[^\s\"'<>]+\Z", url):
            return text
        return f'<a href="{html.escape(url)}" rel="noopener noreferrer nofollow">{text}</a>'

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        tag = "th" if head else "td"
        return f'<{tag} class="{align or "left"}">{text}</{tag}>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return f"<em>[picture: {html.escape(text) or 'without a name'}]</em>"

    def inline_html(self, html: str) -> str:
        return "<br>" if re.fullmatch(r"<br\s*/?>", html) else self._typed(html)

    def block_html(self, html: str) -> str:
        return f"<p>{self._typed(html)}</p>\n" if self._typed(html).strip() else ""

    def block_code(self, code: str, info: str | None = None) -> str:
        return f"<pre><code>{html.escape(code)}</code></pre>\n"

    @staticmethod
    def _typed(text: str) -> str:
        return "" if text.lstrip().startswith("<!--") else html.escape(text)

    def inline_math(self, text: str) -> str:
        return mathml.convert(text) or f"<code>{html.escape(text)}</code>"

    def block_math(self, text: str) -> str:
        formula = mathml.convert(text, block=True)
        return f'<div class="formula">{formula or f"<code>{html.escape(text)}</code>"}</div>\n'


_MARKDOWN = mistune.create_markdown(
    renderer=_Renderer(), plugins=["table", "math", "strikethrough"]
)
