"""The grammar of masters: what is taken out, what stays, and what is refused."""

from __future__ import annotations

import ast

import pytest

from autograder import markers
from autograder.course import CourseError

MODULE = '''\
"""A module."""

import math


def half(x):
    """Half of x."""
    # BEGIN SOLUTION 1.1
    y = x / 2

    return y
    # END SOLUTION


def shape(x):
    """Given start, solved end."""
    given = math.floor(x)
    if given:
        # BEGIN SOLUTION 1.5a
        return given
        # END SOLUTION 1.5a
    return None


def outer(x):
    # BEGIN SOLUTION 1.5b
    def inner(y):
        return y

    return inner(x)
    # END SOLUTION
'''


def test_a_stub_keeps_docstrings_and_raises_the_task_of_each_function():
    stub = markers.strip_module(MODULE)
    namespace = {}
    exec(stub, namespace)
    for name, task in (("half", "1.1"), ("shape", "1.5"), ("outer", "1.5")):
        with pytest.raises(NotImplementedError, match=rf"^Task {task}: {name} is not written yet$"):
            namespace[name](2)
    assert namespace["half"].__doc__ == "Half of x."
    assert "given = math.floor(x)" in stub
    assert "SOLUTION" not in stub
    assert "return y" not in stub


def test_a_stub_keeps_every_line_outside_the_blocks():
    kept = markers.strip_module(MODULE).splitlines()
    inside = set()
    for block in markers.module_blocks(MODULE):
        inside |= set(range(block.start, block.end + 1))
    outside = [line for number, line in enumerate(MODULE.splitlines(), 1) if number not in inside]
    assert [line for line in kept if "NotImplementedError" not in line] == outside


def test_a_solved_module_differs_from_its_master_by_the_markers_only():
    solved = markers.unmark_module(MODULE)
    assert ast.dump(ast.parse(solved)) == ast.dump(ast.parse(MODULE))
    assert solved.splitlines() == [line for line in MODULE.splitlines() if "SOLUTION" not in line]


def _module(*lines):
    return "\n".join(["def f(x):", '    """Doc."""', *lines, "    return x", ""])


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (["    # BEGIN SOLUTION 1.1", "    y = 1"], 3, "never closed"),
        (["    y = 1", "    # END SOLUTION"], 4, "without BEGIN"),
        (["    # BEGIN SOLUTION 1.1", "    y = 1", "    # BEGIN SOLUTION 1.2"], 5, "inside"),
        (["    # BEGIN SOLUTION", "    y = 1", "    # END SOLUTION"], 3, "none of the forms"),
        (["    # BEGIN SOLUTION 1", "    y = 1", "    # END SOLUTION"], 3, "none of the forms"),
        (["    # BEGIN SOLUTION 1.10", "    y = 1", "    # END SOLUTION"], 3, "none of the forms"),
        (["    # Begin Solution 1.1", "    y = 1", "    # END SOLUTION"], 3, "none of the forms"),
        (["    #BEGIN SOLUTION 1.1", "    y = 1", "    # END SOLUTION"], 3, "none of the forms"),
        (["    # BEGIN SOLUTION 1.1", "    y = 1", "    # END  SOLUTION"], 5, "none of the forms"),
        (["    # BEGIN SOLUTION 1.1", "    y = 1", "    # END SOLUTION 1.2"], 5, "closes 1.1"),
        (["    # BEGIN SOLUTION 1.1", "    y = 1  # END SOLUTION"], 4, "none of the forms"),
        (["    # BEGIN SOLUTION 1.1", "", "    # END SOLUTION"], 3, "empty"),
        (["    y = 1  # SOLUTION 1.1"], 3, "mark a block"),
        (["    y = 1  # solution 1.1"], 3, "none of the forms"),
        (["    # BEGIN SOLUTION 1.1", "    y = (", "    # END SOLUTION"], None, "not valid Python"),
    ],
)
def test_a_broken_module_is_refused_with_file_and_line(lines, line, words):
    with pytest.raises(CourseError) as raised:
        markers.strip_module(_module(*lines), "vc.py")
    text = str(raised.value)
    assert words in text
    assert text.startswith("vc.py, line " if line is None else f"vc.py, line {line}: ")


def test_an_id_stands_in_one_block_of_a_module_only():
    block = ["    # BEGIN SOLUTION 1.1", "    y = 1", "    # END SOLUTION"]
    with pytest.raises(CourseError, match=r"line 6: the id 1\.1 stands in two blocks"):
        markers.strip_module(_module(*block, *block))


def test_a_block_outside_a_function_is_refused():
    text = "# BEGIN SOLUTION 1.1\nX = 1\n# END SOLUTION\n"
    with pytest.raises(CourseError, match="outside a function"):
        markers.strip_module(text)


def test_a_block_that_reaches_out_of_its_function_is_refused():
    text = "def f(x):\n    # BEGIN SOLUTION 1.1\n    return x\n\nY = 2\n    # END SOLUTION\n"
    with pytest.raises(CourseError):
        markers.strip_module(text)


# --------------------------------------------------------------------------------- notebooks

HEAD = ["# %% [raw]", "# # BEGIN QUESTION", "# name: task1_1", ""]
TESTS = [
    "# %% [raw]",
    "# # BEGIN TESTS",
    "",
    "# %%",
    "@test_case()",
    "def form(x):",
    "    pass",
    "",
    "# %%",
    "@test_case(points=2, hidden=True)",
    "def value(x):",
    "    pass",
    "",
    "# %% [raw]",
    "# # END TESTS",
    "",
]
TAIL = ["# %% [raw]", "# # END QUESTION", ""]


def _notebook(*cell, head=HEAD, tests=TESTS, tail=TAIL):
    title = ["# %% [markdown]", "# ## 1.1 A title", ""]
    return "\n".join([*title, *head, *cell, "", *tests, *tail])


def test_a_notebook_master_gives_its_questions_points_and_solutions():
    master = markers.check_notebook(
        _notebook(
            "# %%", "a = 1  # SOLUTION 1.1", "# BEGIN SOLUTION 1.1", "b = 2", "# END SOLUTION"
        )
    )
    (question,) = master.questions
    assert (question.name, question.task, question.points) == ("task1_1", "1.1", 2)
    assert [(case.name, case.hidden) for case in question.cases] == [
        ("form", False),
        ("value", True),
    ]
    assert master.titles == {"1.1": "A title"}
    assert sorted(block.lines for block in master.blocks) == [("a = 1",), ("b = 2",)]


CODE = "# %%"
FIRST = 9  # line of the first line of a code cell in _notebook


@pytest.mark.parametrize(
    ("cell", "line", "words"),
    [
        (["# %%", "a = 1  # SOLUTION"], FIRST, "none of the forms"),
        (["# %%", "a = 1  # solution"], FIRST, "none of the forms"),
        (["# %%", "a = (  # SOLUTION 1.1", "    1,", ")"], FIRST, "one whole statement"),
        (["# %%", "a, b = 1, 2  # SOLUTION 1.1"], FIRST, "one name on the left"),
        (["# %%", "a = 1  # SOLUTION 1.2"], FIRST, "of task 1.2 stands in a question of task 1.1"),
        (["# %%", "# BEGIN SOLUTION 1.1", "a = 1"], FIRST, "never closed"),
        (["# %%", "a = 1", "# END SOLUTION"], FIRST + 1, "without BEGIN"),
        (
            ["# %%", *["# BEGIN SOLUTION 1.1", "a = 1", "# END SOLUTION"] * 2],
            FIRST,
            "two blocks 1.1 in one cell",
        ),
        (
            ["# %%", "# BEGIN SOLUTION 1.1", "a = 1  # SOLUTION 1.1", "# END SOLUTION"],
            FIRST + 1,
            "inside the block",
        ),
        (["# %% [markdown]", "# # BEGIN SOLUTION 1.1"], FIRST, "none of the forms|not code"),
        (["# %% [raw]", "# # BEGIN SOLUTION", "", "# %% [raw]", "# # END SOLUTION"], FIRST, "mark"),
        (["# %% [raw]", "# # BEGIN QUESTION", "# name: task1_2"], FIRST, "inside QUESTION"),
        (["# %% [raw]", "# # END TESTS"], FIRST, "open block is QUESTION"),
        (["# %% [raw]", "# # BEGIN SOMETHING"], FIRST, "neither BEGIN nor END"),
    ],
)
def test_a_broken_cell_is_refused_with_file_and_line(cell, line, words):
    with pytest.raises(CourseError, match=words) as raised:
        markers.check_notebook(_notebook(*cell), "hw1.py")
    assert str(raised.value).startswith(f"hw1.py, line {line}: ")


def test_a_solution_outside_a_question_is_refused():
    text = "# %%\nanswer = 42  # SOLUTION 1.1\n"
    with pytest.raises(CourseError, match=r"line 2: a solution of task 1\.1 stands outside"):
        markers.check_notebook(text)


@pytest.mark.parametrize(
    ("decorator", "words"),
    [
        ("@test_case", "has the form @test_case"),
        ("@test_case(2)", "has the form @test_case"),
        ("@test_case(point=2)", "does not know 'point'"),
        ("@test_case(points=N)", "plain values"),
        ("@test_case(hidden=True)", "earns points"),
        ("@test_case(points=-1)", "from 0 to 100"),
        ("@test_case(points=True)", "from 0 to 100"),
        ("x = 1\n@test_case()", "one function"),
        ("", "one function"),
    ],
)
def test_a_test_cell_is_one_decorated_function(decorator, words):
    tests = [line.replace("@test_case()", decorator) for line in TESTS]
    with pytest.raises(CourseError, match=words):
        markers.check_notebook(_notebook(tests=tests))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def value", "def form", "two cases form"),
        ("@test_case(points=2, hidden=True)", "@test_case(points=2)", "a public and a hidden"),
        ("@test_case()", "@test_case(points=1, hidden=True)", "a public and a hidden"),
        ("    pass", "    pass  # SOLUTION 1.1", "marker in a test cell"),
    ],
)
def test_a_question_has_public_and_hidden_cases_of_different_names(old, new, words):
    tests = [line.replace(old, new) for line in TESTS]
    with pytest.raises(CourseError, match=words):
        markers.check_notebook(_notebook(tests=tests))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("# name: task1", "expected task1_4"),
        ("# title: x", "'title' is not known"),
        ("# name: task1_1\n# points: 3", "points stand in written questions"),
        ("# name: task1_1\n# manual: true", "points stand in written questions"),
        ("# name: task1_1\n# manual: true\n# points: 4", "has test cases"),
        ("# name", "not lines of the form"),
    ],
)
def test_settings_of_a_question_are_checked(head, words):
    with pytest.raises(CourseError, match=words):
        markers.check_notebook(_notebook(head=[*HEAD[:2], head, ""]))


def test_unclosed_and_double_questions_are_refused():
    with pytest.raises(CourseError, match="BEGIN QUESTION is never closed"):
        markers.check_notebook(_notebook(tail=[]))
    with pytest.raises(CourseError, match="task1_1 stands twice"):
        markers.check_notebook(_notebook().replace("1.1 A", "1.2 A") + "\n" + _notebook())
    with pytest.raises(CourseError, match="two headings"):
        markers.check_notebook(_notebook() + "\n# %% [markdown]\n# ## 1.1 Again\n")


def test_a_written_question_has_one_model_answer():
    head = [*HEAD[:2], "# name: task1_1a", "# manual: true", "# points: 4", ""]
    with pytest.raises(CourseError, match="no model answer"):
        markers.check_notebook(_notebook(head=head, tests=[]))
    raw = [
        "# %% [raw]",
        "# # BEGIN SOLUTION",
        "",
        "# %%",
        "x = 1",
        "",
        "# %% [raw]",
        "# # END SOLUTION",
    ]
    with pytest.raises(CourseError, match="one markdown cell"):
        markers.check_notebook(_notebook(*raw, head=head, tests=[]))
