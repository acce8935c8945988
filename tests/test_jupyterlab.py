"""Homeworks 1 and 4, opened and run in JupyterLab in a real browser without network."""

from __future__ import annotations

import browser
import matplotlib.font_manager  # noqa: F401 - a first import speaks up, here and not in the notebook
import nbformat
import pytest

from autograder import build, course, release


@pytest.mark.long
@browser.needs_chromium
@pytest.mark.parametrize("hw", ["hw1", "hw4"])
def test_a_homework_opens_and_runs_in_jupyterlab(hw, tmp_path):
    homework = course.homework(hw)
    folder, pictures = tmp_path / hw, tmp_path / "pictures"
    solved = build.staged(hw).solved.read_bytes()
    files = release.student_files(homework)
    files |= {f"{hw}.ipynb": solved}
    files |= {f"hlmtools/{homework.module}.py": build.solved_module(homework).encode()}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)

    seen = browser.run(folder, f"{hw}.ipynb", pictures)

    cells = nbformat.reads(solved.decode(), as_version=4).cells
    assert seen.executed == sum(cell.cell_type == "code" for cell in cells)
    assert seen.errors == []
    assert seen.warnings == []
    assert seen.raw_formulas == []
    assert seen.clipped == []
    assert seen.outside == []
    assert len(seen.pictures) > 5
    print(f"screenshots of {hw} are in {pictures}")


@pytest.mark.long
@browser.needs_chromium
def test_what_is_wrong_on_a_page_is_seen(tmp_path):
    """The test above can fail: each kind of blemish, planted."""
    sources = [
        "raise ValueError('no')",
        "import warnings; warnings.warn('noise')",
        "from IPython.display import HTML; HTML('<img src=\"http://far.away/x\"> \\\\psi')",
        "HTML('<div style=\"width: 3000px\">wide</div>')",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources[1:] + sources[:1]]
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    folder = tmp_path / "work"
    folder.mkdir()
    nbformat.write(book, folder / "odd.ipynb")

    seen = browser.run(folder, "odd.ipynb", tmp_path / "pictures")

    assert seen.errors == ["ValueError: no"]
    assert "noise" in seen.warnings[0]
    assert any("psi" in formula for formula in seen.raw_formulas)
    assert any("wide" in text for text in seen.clipped)
    assert set(seen.outside) == {"http://far.away/x"}
