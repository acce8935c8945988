r"""The TeX that notebooks use, as MathML: a page without scripts shows formulas with it.

Letters, numbers, scripts, fractions, roots, accents, text, delimiters and aligned rows; whatever
else stands in a formula makes `convert` give up, and the caller shows the formula as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from IPython.core.latex_symbols import latex_symbols

MAX_LENGTH = 3000

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|[0-9]+(?:\.[0-9]+)?|.", re.DOTALL)
_ACCENTS = {"bar": "¯", "overline": "¯", "hat": "^", "widehat": "^", "tilde": "~", "dot": "˙"}
_UPRIGHT = {"text", "mathrm", "operatorname", "textrm", "mathsf", "mathtt", "texttt"}
_BOLD = {"mathbf", "boldsymbol", "textbf", "bm"}
_NAMES = set("log ln exp min max arg sup inf det dim rank lim Pr cov var diag tr logit".split())
_SPACES = {",": 0.17, ":": 0.22, ";": 0.28, " ": 0.33, "quad": 1.0, "qquad": 2.0, "!": 0.0}
_SIZES = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)\Z")
_LARGE = {"sum": "∑", "prod": "∏", "int": "∫"}
_MORE = {
    **{"le": "≤", "ge": "≥", "ne": "≠", "neq": "≠", "leq": "≤", "geq": "≥", "to": "→"},
    **{"dots": "…", "ldots": "…", "cdots": "⋯", "cdot": "·", "mid": "|", "lVert": "‖"},
    **{"{": "{", "}": "}", "%": "%", "$": "$", "_": "_", "&": "&", "#": "#", "|": "‖"},
    **{"pm": "±", "mp": "∓", "sim": "∼", "approx": "≈", "equiv": "≡", "propto": "∝", "in": "∈"},
    **{"infty": "∞", "times": "×", "div": "÷", "ll": "≪", "gg": "≫", "perp": "⊥", "partial": "∂"},
    **{"leftarrow": "←", "rightarrow": "→", "Rightarrow": "⇒", "Leftrightarrow": "⇔"},
    **{"forall": "∀", "exists": "∃", "notin": "∉", "subset": "⊂", "cup": "∪", "cap": "∩"},
    **{"langle": "⟨", "rangle": "⟩", "circ": "∘", "star": "⋆", "ell": "ℓ", "nabla": "∇"},
    **{"prime": "′", "lambda": "λ", "epsilon": "ε", "rVert": "‖", "lvert": "|", "rvert": "|"},
}
_BRACES = {"underbrace": ("munder", "⏟"), "overbrace": ("mover", "⏞")}
_IGNORED = {"displaystyle", "textstyle", "limits", "nolimits", "nonumber", "notag"}
_GRIDS = re.compile(r"(?:aligned|align|alignedat|gathered|split|cases|array|[pbvBV]?matrix)\*?\Z")


class _Unknown(Exception):
    """The formula holds something that is not known here."""


def convert(tex: str, block: bool = False) -> str | None:
    r"""MathML of a formula, or None where it cannot be told.

    Everything that comes from the formula is escaped.

    >>> convert(r"\psi^2")
    '<math><msup><mi>ψ</mi><mn>2</mn></msup></math>'
    >>> convert(r"\href{javascript:x}{y}") is None
    True
    """
    if len(tex) > MAX_LENGTH:
        return None
    try:
        inner = "".join(_Reader(tex, block).row(""))
    except (_Unknown, RecursionError):
        return None
    return f'<math display="block">{inner}</math>' if block else f"<math>{inner}</math>"


class _Reader:
    """Reads a formula from left to right; each method takes what it names and gives MathML."""

    def __init__(self, tex: str, block: bool) -> None:
        self._tokens = _TOKEN.findall(tex)
        self._place = 0
        self._block = block

    def row(self, end: str) -> Iterator[str]:
        """Elements up to the token `end`, which is taken too; "" means the end of the formula."""
        while (token := self._next()) != end:
            if not token:
                raise _Unknown("an unclosed group")
            yield self._scripted(token)

    def _next(self) -> str:
        """The next token that is no space; "" at the end."""
        token = self._peek()
        self._place += 1
        return token

    def _peek(self) -> str:
        while self._place < len(self._tokens) and self._tokens[self._place].isspace():
            self._place += 1
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _scripted(self, token: str) -> str:
        """One element with the scripts and primes behind it."""
        base = _row([]) if token in {"^", "_"} else self._element(token)
        if token in {"^", "_"}:
            self._place -= 1
        scripts: dict[str, str] = {}
        while self._peek() in {"^", "_", "'"}:
            mark = self._next()
            value = "<mo>′</mo>" if mark == "'" else self._argument()
            mark = "^" if mark == "'" else mark
            scripts[mark] = _row([scripts[mark], value]) if mark in scripts else value
        name = token.lstrip("\\")
        around = name in _BRACES or (self._block and name in {*_LARGE, "max", "min", "lim"})
        return _with_scripts(base, scripts, around)

    def _element(self, token: str) -> str:
        if token == "{":
            return _row(list(self.row("}")))
        if token in {"}", "&", ""} or token == r"\\":
            raise _Unknown(token)
        if token.startswith("\\"):
            return self._command(token)
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{escape(token)}</mi>"
        return _operator("−" if token == "-" else token)

    def _argument(self) -> str:
        token = self._next()
        if token[:1].isdigit() and len(token) > 1:  # one digit, as in LaTeX: \frac12
            self._place -= 1
            self._tokens[self._place] = token[1:]
            token = token[0]
        return self._element(token) if token not in {"^", "_"} else _row([])

    def _command(self, token: str) -> str:
        name = token[1:]
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}em"></mspace>'
        if name in {"frac", "dfrac", "tfrac"}:
            return f"<mfrac>{self._argument()}{self._argument()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self._argument()}</msqrt>"
        if name in _BRACES:
            tag, brace = _BRACES[name]
            return f"<{tag}>{self._argument()}<mo>{brace}</mo></{tag}>"
        if name in _ACCENTS:
            inner = self._argument()
            return f'<mover accent="true">{inner}<mo>{_ACCENTS[name]}</mo></mover>'
        if name in _UPRIGHT | _BOLD:
            return self._words(bold=name in _BOLD)
        if _SIZES.match(token):
            delimiter = self._next()
            return "" if delimiter == "." else _operator(_symbol(delimiter))
        if name == "begin":
            return self._grid()
        return _named(name)

    def _words(self, bold: bool) -> str:
        style = ' class="bold"' if bold else ' mathvariant="normal"'
        return f"<mi{style}>{escape(self._typed_group())}</mi>"

    def _typed_group(self) -> str:
        """What stands in braces, with its spaces."""
        if self._peek() != "{":
            return self._next()
        self._next()
        typed = ""
        for token in self._tokens[self._place :]:
            self._place += 1
            if token == "}":
                return typed
            if token in {"{", "$"}:
                break
            typed += _symbol(token) if token.startswith("\\") else token
        raise _Unknown("a group within text")

    def _grid(self) -> str:
        """Rows between begin and end; the columns of aligned rows lean on each other."""
        kind = self._typed_group()
        if not _GRIDS.match(kind):
            raise _Unknown(kind)
        if kind == "array":
            self._typed_group()
        rows: list[list[list[str]]] = [[[]]]
        while (token := self._next()) != r"\end":
            if not token:
                raise _Unknown("an unclosed environment")
            if token == r"\\":
                rows.append([[]])
            elif token == "&":
                rows[-1].append([])
            else:
                rows[-1][-1].append(self._scripted(token))
        self._typed_group()
        return _table(rows, kind)


def _table(rows: list[list[list[str]]], kind: str) -> str:
    aligned = "align" in kind or kind.startswith("split")
    lines = []
    for row in rows:
        cells = [
            f'<mtd class="{"right" if aligned and i % 2 == 0 else "left"}">{"".join(cell)}</mtd>'
            for i, cell in enumerate(row)
        ]
        lines.append(f"<mtr>{''.join(cells)}</mtr>")
    table = f"<mtable>{''.join(lines)}</mtable>"
    return f"<mrow><mo>{{</mo>{table}</mrow>" if kind == "cases" else table


def _with_scripts(base: str, scripts: dict[str, str], around: bool) -> str:
    low, high = scripts.get("_"), scripts.get("^")
    if low and high:
        tag = "munderover" if around else "msubsup"
        return f"<{tag}>{base}{low}{high}</{tag}>"
    if low:
        tag = "munder" if around else "msub"
        return f"<{tag}>{base}{low}</{tag}>"
    if high:
        tag = "mover" if around else "msup"
        return f"<{tag}>{base}{high}</{tag}>"
    return base


def _named(name: str) -> str:
    """A symbol by its command."""
    if name in _LARGE:
        return f"<mo>{_LARGE[name]}</mo>"
    if name in _NAMES:
        return f"<mi>{name}</mi>"
    if name in _IGNORED:
        return ""
    symbol = _symbol(f"\\{name}")
    return f"<mi>{symbol}</mi>" if symbol.isalpha() else _operator(symbol)


def _symbol(token: str) -> str:
    if not token.startswith("\\"):
        return token
    symbol = _MORE.get(token[1:]) or latex_symbols.get(token)
    if symbol is None:
        raise _Unknown(token)
    return symbol


def _operator(symbol: str) -> str:
    return f"<mo>{escape(symbol)}</mo>"


def _row(elements: list[str]) -> str:
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"
