"""Which tests run in the judge: known forms do, everything that is not known goes beside."""

from __future__ import annotations

import ast

import pytest

from autograder import kinds


def why(code: str) -> str | None:
    function = ast.parse(code).body[0]
    assert isinstance(function, ast.FunctionDef)
    return kinds.why_beside(function)


@pytest.mark.parametrize(
    "code",
    [
        "def t(x): assert x == 3",
        "def t(env): assert 'x' in env and env['x'] == 3 and env.get('y') is None",
        "def t(f):\n    import numpy as np\n    assert np.allclose(f([1, 2]), np.array([1, 4]))",
        "def t(f):\n    from math import isclose, pi\n    assert isclose(f(2), pi)",
        "def t(x): assert isinstance(x, (int, float)) and type(x) is not bool, f'{x} is none'",
        "def t(df): assert list(df.columns) == ['a'] and df.loc[0, 'a'] == df.a.mean()",
        "def t(f):\n    for n in range(3):\n        assert f(n) == n ** 2",
        "def t(f):\n    xs = [3, 1]\n    assert sorted(f(xs)) == [k for k in sorted(xs)]",
        "def t(f):\n    try:\n        f(-1)\n        0 + 1\n    except ValueError:\n        pass",
        "def t(f):\n    got = {}\n    got['a'] = f(1)\n    assert got == {'a': 2}",
        "def t(f, g): assert f(g, 2) == 4",
        "def t(fit): assert round(fit.params['x'], 2) == 0.5 and fit.predict(3) > 0",
        "def t(np, x): assert np.isclose(x, np.linalg.norm([3, 4]))",
    ],
)
def test_plain_forms_run_in_the_judge(code: str) -> None:
    assert why(code) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def t(x, Shape): assert isinstance(x, Shape)", "type of its own"),
        ("def t(x, y): assert type(x) == type(y)", "type of its own"),
        ("def t(f): assert f(lambda k: k) == 1", "not plain data"),
        ("def t(f): assert f(len) == 1", "not plain data"),
        ("def t(f): assert f(x for x in [1]) == 1", "not plain data"),
        ("def t(f):\n    import numpy as np\n    assert f(np.mean) == 1", "not plain data"),
        ("def t(f): assert callable(f)", "callable"),
        ("def t(f):\n    import io\n    assert f(io.StringIO()) == 1", "imports io"),
        ("def t(f):\n    xs = [2, 1]\n    f(xs)\n    assert xs == [1, 2]", "effect"),
        ("def t(f):\n    xs = [2, 1]\n    ys = f(xs)\n    assert xs == [2, 1]", "what a call did"),
        ("def t(f, Point): assert f(Point(1, 2)) == 3", "student's own"),
        ("def t(x): assert x is x", "are one"),
        ("def t(path): assert open(path).read() == ''", "open"),
        ("def t(x): assert eval(x) == 3", "eval"),
        ("def t(x): assert x.__class__ == int", "__class__"),
        (
            "def t(f):\n    try:\n        f()\n    except Mine:\n        pass",
            "exception of its own",
        ),
        ("def t(env): assert len(env) > 3", "all names"),
        ("def t(f):\n    with f() as g:\n        assert g", "a with"),
        ("def t(f, x=1): assert f(x)", "defaults"),
    ],
)
def test_what_needs_real_objects_goes_beside(code: str, reason: str) -> None:
    assert reason in (why(code) or "it runs in the judge")


@pytest.mark.parametrize(
    "body",
    [
        "import numpy as np\n    assert np.load(x) == 1",
        "import numpy as np\n    np.save(x, [1])\n    assert x",
        "import numpy as np\n    load = np\n    assert load.load(x)",
        "import numpy as np\n    assert np.add.outer(x, x).size",
        "import pandas as pd\n    assert pd.read_pickle(x).size",
        "import pandas as pd\n    assert pd.eval(x)",
        "import pandas as pd\n    assert pd.DataFrame(x).to_csv(x)",
        "import pandas as pd\n    made = pd.DataFrame({'a': [1]})\n    assert made.query(x).size",
        "import pandas as pd\n    made = pd.DataFrame({'a': [1]})\n    assert made.agg(x).size",
        "from numpy import load\n    assert load(x)",
        "import os\n    assert os.system(x)",
        "assert x.format(x)",
        "assert [].__class__.__base__",
        "assert getattr(x, 'y')",
        "assert __import__(x)",
        "assert env['np'].load(x) and x",
        "assert env.get('np').load(x) and x",
    ],
)
def test_no_value_of_a_submission_becomes_a_file_or_code_of_the_judges(body: str) -> None:
    assert why(f"def t(x, env):\n    {body}") is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (">>> x == 3\nTrue", None),
        (">>> y = f(3)\n>>> round(y, 2)\n9.0", None),
        (">>> assert np.isclose(x, 3)", None),
        (">>> f(3)\n9", None),
        (">>> f('a')\n'b'", None),
        (">>> f([1])\narray([1])", None),
        (">>> greet('Ada')\nHello Ada", "printed text"),
        (">>> print(x)\n3", "print"),
        (">>> p\n<Point 1>", "printed text"),
        (">>> xs = [2, 1]\n>>> f(xs)\n>>> xs\n[1, 2]", "effect"),
        (">>> f(3) # doctest: +ELLIPSIS\n9", "options"),
        (">>> def g(): pass\n>>> f(g)\n1", "functiondef"),
        (">>> isinstance(x, Shape)\nTrue", "type of its own"),
    ],
)
def test_doctests(text: str, reason: str | None) -> None:
    found = kinds.why_doctest_beside(text)
    assert (found is None) if reason is None else (reason in (found or "it runs in the judge"))
