"""Which tests of a foreign assignment can run in the judge: by looking at their source.

A test runs in the judge, on remote values, if it is made only of what means the same there as on
the real objects: plain data, arithmetic and comparisons, calls of the student's functions,
attributes and items, and a list of harmless functions of Python, numpy, pandas, math and
statistics.
Everything else (types of the student's own, functions as arguments, printed text, files, changed
arguments, anything unknown) is tested beside the student's code, where it cannot be tamper-proof.
The lists are also what keeps a value of the submission from becoming a file name or code of the
judge's.
"""

from __future__ import annotations

import ast
import builtins
import doctest
from collections.abc import Iterable, Set

import numpy as np
import pandas as pd

from autograder.remote import CROSSING_ERRORS


def why_beside(function: ast.FunctionDef) -> str | None:
    """Why an exception-based test case cannot run in the judge; None where it can.

    Examples
    --------
    >>> def case(text): return ast.parse(text).body[0]
    >>> why_beside(case("def area(square): assert square(3) == 9"))
    >>> why_beside(case("def area(square, Shape): assert isinstance(square(3), Shape)"))
    'it asks for a type of its own'
    """
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.defaults or arguments.kw_defaults:
        return "its parameters have defaults"
    names = {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    return _reason(_Look(names), function.body)


def why_doctest_beside(text: str) -> str | None:
    """Why an OK-format test case cannot run in the judge; None where it can.

    Examples
    --------
    >>> why_doctest_beside(">>> square(3)\\n9")
    >>> why_doctest_beside(">>> greet('Ada')\\nHello Ada")
    'it compares printed text'
    """
    examples = doctest.DocTestParser().get_examples(text)
    try:
        bodies = [(ast.parse(example.source).body, example.want) for example in examples]
    except SyntaxError:
        return "it is no plain Python"
    if any(example.options or example.exc_msg for example in examples):
        return "it uses doctest options or expects a traceback"
    statements = [statement for body, _ in bodies for statement in body]
    look = _Look(names_of(statements) - set(dir(builtins)))
    for body, want in bodies:
        if want and not _is_plain_text(want):
            return "it compares printed text"
        if reason := _reason(look, body, shown=bool(want)):
            return reason
    return None


def names_of(statements: Iterable[ast.stmt]) -> set[str]:
    """Names that some statements read before anything in them gives them a value."""
    return {
        node.id
        for statement in statements
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


# ------------------------------------------------------------------------------------ the lists

MODULES = {
    "np": "numpy",
    "numpy": "numpy",
    "pd": "pandas",
    "pandas": "pandas",
    "math": "math",
    "statistics": "statistics",
}
"""Names that mean a module of the judge's, whatever the notebook makes of them."""

_MEMBERS = {
    "numpy": set(
        """abs absolute add all allclose any append argmax argmin argsort around array array_equal
        array_equiv asarray average bincount ceil clip concatenate corrcoef cos count_nonzero cov
        cumsum diag diff digitize divide dot e equal exp expm1 fabs floor histogram hstack inf
        intersect1d isclose isfinite isin isinf isnan isreal isscalar linalg log log10 log1p log2
        logical_and logical_not logical_or max maximum mean median min minimum mod nan nanmax
        nanmean nanmin nanstd nansum ndim newaxis percentile pi power prod quantile ravel round
        setdiff1d shape sign sin size sort sqrt square squeeze stack std subtract sum tan testing
        trace transpose tril triu union1d unique var vstack where zeros_like ones_like
        arange linspace zeros ones full eye identity tile repeat
        ndarray integer floating number generic bool_ float64 float32 int64 int32 str_""".split()
    ),
    "numpy.linalg": set("norm inv det solve eigvals eigvalsh matrix_rank".split()),
    "numpy.testing": set(
        """assert_allclose assert_almost_equal assert_array_almost_equal assert_array_equal
        assert_equal""".split()
    ),
    "pandas": set(
        """DataFrame Series Index concat isna isnull notna notnull to_numeric to_datetime unique NA
        NaT testing""".split()
    ),
    "pandas.testing": set("assert_frame_equal assert_series_equal assert_index_equal".split()),
    "math": set(
        """ceil copysign cos degrees e erf exp fabs floor fsum gcd hypot inf isclose isfinite isinf
        isnan lcm lgamma log log10 log1p log2 nan pi prod radians sin sqrt tan tau trunc
        factorial comb""".split()
    ),
    "statistics": set("fmean mean median mode pstdev pvariance stdev variance".split()),
}

_TYPES = set("bool complex dict float frozenset int list set str tuple".split()) | set(
    "ndarray integer floating number generic bool_ float64 float32 int64 int32 str_".split()
    + "DataFrame Series Index".split()
)

_CONSTANTS = set("pi e inf nan tau newaxis NA NaT".split())

_BUILTINS = CROSSING_ERRORS | set(
    """abs all any bool complex dict divmod enumerate Exception float frozenset int isinstance len
    list max min range reversed round set sorted sum tuple type zip""".split()
)

_NO_ARGUMENTS = set("enumerate range reversed zip".split())
"""What these give cannot cross, so that it is no argument for a function of the student's."""

_PLAIN = (bool, int, float, complex, str, list, tuple, dict, set, frozenset, np.float64, np.ndarray)
_PLAIN_PANDAS = (pd.DataFrame, pd.Series, pd.Index, pd.MultiIndex, pd.DatetimeIndex)

_ATTRIBUTES = set(
    """T add all any append abs argmax argmin astype at between capitalize columns conjugate copy
    corr count cov cumsum describe diff difference drop_duplicates dropna dtype dtypes duplicated
    empty endswith equals extend fillna find flatten get groupby head iat idxmax idxmin iloc imag
    index intersection isalnum isalpha isdigit isdisjoint isin islower isna isnull issubset
    issuperset is_integer isupper item items keys kind loc lower lstrip max mean median min name
    names ndim nlevels notna notnull nunique prod quantile ravel real reset_index round rstrip
    set_index shape size sort_index sort_values split startswith std strip sum
    symmetric_difference tail title to_dict to_frame to_list to_numpy tolist union unique upper
    value_counts values var""".split()
)
"""Attributes of plain data that read no file, run no code and make nothing large."""


def _is_on_plain_data(name: str) -> bool:
    return any(hasattr(kind, name) for kind in _PLAIN + _PLAIN_PANDAS)


def _is_plain_text(want: str) -> bool:
    """Whether an expected output is how plain data is shown."""
    if want.startswith(("array(", "np.")):
        return True
    try:
        ast.literal_eval(want.strip())
    except (ValueError, SyntaxError):
        return False
    return True


# ------------------------------------------------------------------------------------- the look


class _BesideError(Exception):
    """A test cannot run in the judge; the text says why."""


def _reason(look: _Look, body: list[ast.stmt], shown: bool = False) -> str | None:
    look.shown = shown
    try:
        for statement in body:
            look.visit(statement)
    except _BesideError as reason:
        return str(reason)
    return None


class _Look(ast.NodeVisitor):
    """Walks over a test and stops at the first thing that is not known to be the same remotely.

    Parameters
    ----------
    given
        Names whose values come from the notebook.
    """

    def __init__(self, given: set[str]) -> None:
        self.modules = {name: MODULES[name] for name in given & set(MODULES)}
        self.theirs = given - set(MODULES)  # names whose values a submission can choose
        self.own: set[str] = set()  # names that the test itself gives a value
        self.functions: set[str] = set()  # imported from a module
        self.trying = self.shown = False

    # What a test may be made of: nodes without a rule of their own are looked into.

    _OPEN = (
        ast.Expression, ast.Pass, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.IfExp, ast.List,
        ast.Tuple, ast.Set, ast.Dict, ast.Constant, ast.ListComp, ast.SetComp, ast.DictComp,
        ast.GeneratorExp, ast.Slice, ast.JoinedStr, ast.keyword, ast.expr_context, ast.boolop,
        ast.operator, ast.unaryop, ast.cmpop, ast.If, ast.Starred, ast.BinOp,
    )  # fmt: skip

    def generic_visit(self, node: ast.AST) -> None:
        if not isinstance(node, self._OPEN):
            raise _BesideError(f"it has a {type(node).__name__.lower()}")
        super().generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        values = [node.left, *node.comparators]
        for operator, left, right in zip(node.ops, values, values[1:], strict=False):
            same = isinstance(operator, (ast.Is, ast.IsNot))
            if same and not (_is_single(left) or _is_single(right) or self._is_type_of(left)):
                raise _BesideError("it asks whether two objects are one")
        for value, other in ((node.left, values[1]), (values[1], node.left)):
            if self._is_type_of(value) and not self._is_type(other):
                raise _BesideError("it asks for a type of its own")
        asked = isinstance(node.ops[0], (ast.In, ast.NotIn)) and _is_env(values[1])
        for value in values[:1] if asked else values:
            if not (self._is_type(value) and any(map(self._is_type_of, values))):
                self._visit_compared(value)

    def _visit_compared(self, node: ast.expr) -> None:
        if self._is_type_of(node):
            assert isinstance(node, ast.Call)
            self.visit(node.args[0])
        else:
            self.visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value
        if isinstance(value, ast.Call) and not self.shown:
            if self._is_theirs(value.func) and not self.trying:
                raise _BesideError("it calls for an effect, not for a value")
        elif self.shown:
            self._must_depend(value)
        self.visit(value)

    def visit_Assert(self, node: ast.Assert) -> None:
        if not self.trying:
            self._must_depend(node.test)
        self.visit(node.test)
        if node.msg is not None:
            self.visit(node.msg)

    def _must_depend(self, node: ast.expr) -> None:
        """A check that no answer can change is about what a call did to its arguments."""
        if not self._is_theirs(node):
            raise _BesideError("it looks at what a call did to something")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self._give(target, self._is_theirs(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        self._give(node.target, self._is_theirs(node))

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self._give(node.target, self._is_theirs(node.iter))
        for statement in (*node.body, *node.orelse):
            self.visit(statement)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self.visit(node.iter)
        self._give(node.target, self._is_theirs(node.iter))
        for condition in node.ifs:
            self.visit(condition)

    def _visit_loop(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        for generator in node.generators:
            self.visit(generator)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(part)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _visit_loop

    def _give(self, target: ast.expr, theirs: bool) -> None:
        """A name gets a value that the submission chose, or one that it did not."""
        if isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self._give(part, theirs)
        elif isinstance(target, ast.Name):
            self.modules.pop(target.id, None)
            self.own.add(target.id)
            self.theirs = self.theirs | {target.id} if theirs else self.theirs - {target.id}
        elif isinstance(target, ast.Subscript) and _root(target) in self.own:
            self.visit(target.slice)
            self.theirs = self.theirs | {_root(target)} if theirs else self.theirs
        else:
            raise _BesideError("it changes an object")

    def visit_Try(self, node: ast.Try) -> None:
        for handler in node.handlers:
            self._visit_handler(handler)
        before, self.trying = self.trying, True
        for statement in node.body:
            self.visit(statement)
        self.trying = before
        for statement in (*node.orelse, *node.finalbody):
            self.visit(statement)

    def _visit_handler(self, node: ast.ExceptHandler) -> None:
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if not all(isinstance(kind, ast.Name) and kind.id in _BUILTINS for kind in kinds):
            raise _BesideError("it expects an exception of its own")
        if node.name:
            self.own.add(node.name)
            self.theirs = self.theirs | {node.name}
        for statement in node.body:
            self.visit(statement)

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            self.visit(node.exc)

    def visit_Import(self, node: ast.Import) -> None:
        for each in node.names:
            if each.name not in _MEMBERS or (each.asname is None and "." in each.name):
                raise _BesideError(f"it imports {each.name}")
            self.modules[each.asname or each.name] = each.name
            self.theirs = self.theirs - {each.asname or each.name}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for each in node.names:
            if node.level or each.name not in _MEMBERS.get(node.module or "", ()):
                raise _BesideError(f"it imports {each.name} from {node.module}")
            kept = self.own if each.name in _CONSTANTS else self.functions
            kept.add(each.asname or each.name)
            self.theirs = self.theirs - {each.asname or each.name}

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        if node.format_spec is not None and self._is_theirs(node.format_spec):
            raise _BesideError("it formats with a value of the notebook")
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        """A value; modules and functions of the judge's are none, so that they have one name."""
        if node.id not in self.theirs | self.own | _TYPES | CROSSING_ERRORS | {"Exception"}:
            raise _BesideError(f"it uses {node.id}")
        if node.id == "env":
            raise _BesideError("it uses all names of the notebook at once")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        module = self._module(node.value)
        if module is not None:
            if node.attr not in _MEMBERS[module] & (_CONSTANTS | _TYPES):
                raise _BesideError(f"it uses {module}.{node.attr} as a value")
            return
        self.visit(node.value)
        known = node.attr in _ATTRIBUTES or not _is_on_plain_data(node.attr)
        text = isinstance(node.value, ast.Constant) and node.attr in {"join", "format"}
        if node.attr.startswith("_") or not (known or text):
            raise _BesideError(f"it uses .{node.attr}")

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not _is_env(node.value):
            self.visit(node.value)
        elif not isinstance(node.slice, ast.Constant):
            raise _BesideError("it uses all names of the notebook at once")
        self.visit(node.slice)

    def visit_Call(self, node: ast.Call) -> None:
        if self._visit_special_call(node):
            return
        theirs = self._is_theirs(node.func)
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if (
            theirs
            and name[:1].isupper()
            and self._module(getattr(node.func, "value", None)) is None
        ):
            raise _BesideError("it makes an object of the student's own")
        if theirs and any(map(self._cannot_cross, arguments)):
            raise _BesideError("it hands over something that is not plain data")
        if any(keyword.arg in {None, "key", "default"} for keyword in node.keywords) and not theirs:
            raise _BesideError("it sorts by a function or unpacks arguments")
        if not self._is_known_function(node.func):
            self.visit(node.func)
        for argument in arguments:
            self.visit(argument)

    def _is_known_function(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute) and (module := self._module(node.value)):
            return node.attr in _MEMBERS[module]
        return _is_in(node, (_BUILTINS | self.functions) - self.own - self.theirs)

    def _visit_special_call(self, node: ast.Call) -> bool:
        """``isinstance``, ``type`` and ``env.get``, which have rules of their own."""
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "isinstance" and len(node.args) == 2:
            if not self._is_type(node.args[1]):
                raise _BesideError("it asks for a type of its own")
            self.visit(node.args[0])
            return True
        if name in {"type", "isinstance"}:
            raise _BesideError("it asks for a type of its own")
        if isinstance(node.func, ast.Attribute) and _is_env(node.func.value):
            key = node.args[0] if node.args else None
            known = isinstance(key, ast.Constant) and key.value not in MODULES
            if node.func.attr != "get" or not known:
                raise _BesideError("it uses all names of the notebook at once")
            return True
        return False

    def _cannot_cross(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            ours = node.id in self.functions or node.id in _BUILTINS or node.id in self.modules
            return ours and node.id not in self.own
        if isinstance(node, ast.Attribute) and (module := self._module(node.value)):
            return node.attr not in _CONSTANTS or module == "pandas"
        called = node.func if isinstance(node, ast.Call) else None
        views = isinstance(called, ast.Attribute) and called.attr in {"keys", "values", "items"}
        made = isinstance(called, ast.Name) and called.id in _NO_ARGUMENTS
        return isinstance(node, (ast.GeneratorExp, ast.Lambda)) or views or made

    def _is_type(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Tuple):
            return all(map(self._is_type, node.elts))
        if isinstance(node, ast.Attribute):
            return self._module(node.value) is not None and node.attr in _TYPES
        known = isinstance(node, ast.Name) and node.id in _TYPES
        return known and not _is_in(node, self.own | self.theirs)

    def _is_type_of(self, node: ast.expr) -> bool:
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        return called and node.func.id == "type" and len(node.args) == 1  # type: ignore[attr-defined]

    def _module(self, node: ast.expr | None) -> str | None:
        """The judge's module that an expression means: ``np``, ``np.linalg``, ``env["np"]``."""
        if isinstance(node, ast.Name):
            return self.modules.get(node.id)
        if isinstance(node, ast.Subscript) and _is_env(node.value):
            return MODULES.get(getattr(node.slice, "value", ""))
        if isinstance(node, ast.Attribute) and (module := self._module(node.value)):
            return f"{module}.{node.attr}" if f"{module}.{node.attr}" in _MEMBERS else None
        return None

    def _is_theirs(self, node: ast.AST) -> bool:
        """Whether a submission can choose the value of an expression."""
        names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        return bool(names & (self.theirs | {"env"}))


def _is_env(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "env"


def _is_single(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))


def _is_in(node: ast.expr, names: Set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
