"""Similar work: copies are found through renaming, and what the homework brings about is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autograder import build, course, similarity
from autograder.similarity import Part
from tests import classroom

HOMEWORK = course.homework("hw1")
COPIED = '''
def icc(psi, sigma2):
    """Share of variance."""
    # my way
    {total} = 0.0
    for {piece} in (psi, sigma2):
        {total} = {total} + {piece} * 1.0
    if {total} <= 0.0:
        raise ValueError("no variance at all, so there is no share of it")
    {share} = psi * 1.0 / {total}
    return float({share})
'''
NAMES = {"total": "total", "piece": "piece", "share": "share"}
OTHERS = {"total": "summe", "piece": "teil", "share": "anteil"}


def store(out: Path, modules: dict[str, str], cells: dict[str, list[dict]] | None = None) -> Path:
    for name, text in modules.items():
        for folder, file, content in (
            ("modules", f"{name}.py", text),
            ("executed", f"{name}.ipynb", json.dumps({"cells": (cells or {}).get(name, [])})),
        ):
            (out / folder).mkdir(exist_ok=True)
            (out / folder / file).write_text(content, encoding="utf-8")
    return out


def found(out: Path, *names: str) -> list[tuple[str, str, str]]:
    parts = similarity.read(out, HOMEWORK, names)
    return [
        (pair.first.submission, pair.second.submission, pair.first.name)
        for pair in similarity.pairs(parts)
    ]


def test_a_renamed_copy_is_found(tmp_path: Path) -> None:
    renamed = COPIED.format(**OTHERS).replace("# my way", "# how I do it")
    store(tmp_path, {"ann": COPIED.format(**NAMES), "bob": renamed, "cyd": "def icc(a): return a"})
    assert found(tmp_path, "ann", "bob", "cyd") == [("ann", "bob", "icc")]


def test_the_solution_and_the_stub_are_like_nothing(tmp_path: Path) -> None:
    solved, stub = build.solved_module(HOMEWORK), build.stub(HOMEWORK)
    store(tmp_path, {"a": solved, "b": solved, "c": stub, "d": stub})
    assert found(tmp_path, "a", "b", "c", "d") == []


def test_what_many_write_is_no_pair(tmp_path: Path) -> None:
    modules = {f"s{i}": COPIED.format(**NAMES) for i in range(12)}
    assert found(store(tmp_path, modules), *modules) == []


def test_copied_written_answers_and_cells_are_found(tmp_path: Path) -> None:
    text = (
        "The fifteen pupils of this school had a rather bad day. Its mean is low for that reason "
        "alone; I would not call it the worst of the lot. Other schools are lower still."
    )
    odd = "value = [3, 1, 4]\nvalue.append(1)\nwhile len(value) > 2:\n    value.pop()\nprint(7)\n"
    cells = [
        {"cell_type": "markdown", "id": "task1_9a-answer", "source": text},
        {"cell_type": "code", "id": "mine", "source": odd * 2},
    ]
    changed = [dict(cells[0], source=text.replace("rather", "really")), cells[1]]
    store(tmp_path, {"ann": "", "bob": ""}, {"ann": cells, "bob": changed})
    assert set(found(tmp_path, "ann", "bob")) == {
        ("ann", "bob", "written answer 1.9a"),
        ("ann", "bob", "answer cells"),
    }


def test_untouched_cells_do_not_count(tmp_path: Path) -> None:
    path = course.ROOT / "assignments" / HOMEWORK.folder / "hw1.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    store(tmp_path, {"ann": "", "bob": ""}, {"ann": cells, "bob": cells})
    assert found(tmp_path, "ann", "bob") == []


def test_page_shows_both_texts_as_text(tmp_path: Path) -> None:
    nasty = COPIED.format(**NAMES).replace("# my way", "# <script>alert(1)</script>")
    store(tmp_path, {"student-00": nasty, "student-01": nasty})
    verdicts = classroom.verdicts(2)
    parts = similarity.read(tmp_path, HOMEWORK, ["student-00", "student-01"])
    assert similarity.write(tmp_path, HOMEWORK, verdicts, parts) == 1
    page = (tmp_path / similarity.PAGE).read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)") == 2
    assert page.count("<mark>") >= 10
    assert "never a verdict" in page


@pytest.mark.parametrize(
    "text", ["def f(:\n  '''", "\x00\ud800", "def " * 5000, "((" * 9000, "@\n@\n"]
)
def test_any_text_can_be_compared(tmp_path: Path, text: str) -> None:
    (tmp_path / "modules").mkdir()
    for name in ("a", "b"):
        (tmp_path / "modules" / f"{name}.py").write_bytes(text.encode("utf-8", "surrogatepass"))
    found(tmp_path, "a", "b")


def test_own_code_is_what_stands_nowhere_else(tmp_path: Path) -> None:
    module = build.solved_module(HOMEWORK) + "\n\ndef spy():\n    import socket\n"
    parts = similarity.read(store(tmp_path, {"eve": module}), HOMEWORK, ["eve"])
    assert similarity.own_code(parts) == "def spy():\n    import socket"
    assert all(isinstance(part, Part) for part in parts)
