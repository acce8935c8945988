"""Any folder or archive becomes submissions; no hostile one becomes more than its problem."""

from __future__ import annotations

import os
import re
import socket
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from submissions import archives

from autograder import downloads, submissions
from autograder.course import CourseError

NOTEBOOK = archives.notebook("psi = 1", 'grader.check("task1_1")')
MODULE = b"def icc(psi, sigma2): ...\n"
CLEAN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def find(path: Path) -> list[submissions.Submission]:
    return submissions.find(path, "variance_components", "hw1.ipynb")


def only(path: Path) -> submissions.Submission:
    found = find(path)
    assert len(found) == 1
    return found[0]


def from_zip(tmp_path: Path, content: bytes) -> submissions.Submission:
    path = tmp_path / "alice.zip"
    path.write_bytes(content)
    return only(path)


# ------------------------------------------------------------------------------------- layouts


def test_otter_export(tmp_path: Path) -> None:
    one = from_zip(tmp_path, archives.export(NOTEBOOK, MODULE))
    assert (one.id, one.source, one.problem) == ("alice", "alice.zip", None)
    assert (one.notebook, one.module, one.extra) == (NOTEBOOK, MODULE, ())


def test_renamed_notebook_and_no_module(tmp_path: Path) -> None:
    one = from_zip(tmp_path, archives.export(NOTEBOOK, name="hw1 (2) final.ipynb"))
    assert (one.notebook, one.module, one.problem) == (NOTEBOOK, None, None)


def test_whole_working_folder_zipped(tmp_path: Path) -> None:
    files = {
        "work/hw1.ipynb": NOTEBOOK,
        "work/notes.ipynb": archives.notebook("2"),
        "work/.ipynb_checkpoints/hw1-checkpoint.ipynb": archives.notebook("old"),
        "__MACOSX/work/._hw1.ipynb": b"\x00\x05",
        "work/hlmtools/variance_components.py": MODULE,
        "work/hlmtools/check.py": b"raise SystemExit",
        "work/tests/task1_1.py": b"",
    }
    one = from_zip(tmp_path, archives.archive(files))
    assert (one.notebook, one.module) == (NOTEBOOK, MODULE)
    assert set(one.extra) == {"work/hlmtools/check.py", "work/notes.ipynb", "work/tests/task1_1.py"}


def test_export_zipped_once_more(tmp_path: Path) -> None:
    inner = archives.export(NOTEBOOK, MODULE)
    one = from_zip(tmp_path, archives.archive({"hw1_2027.zip": inner}))
    assert (one.notebook, one.module) == (NOTEBOOK, MODULE)


def test_windows_archive_with_backslashes(tmp_path: Path) -> None:
    files = {"a\\hw1.ipynb": NOTEBOOK, "a\\hlmtools\\variance_components.py": MODULE}
    one = from_zip(tmp_path, archives.archive(files))
    assert (one.notebook, one.module) == (NOTEBOOK, MODULE)


def test_single_notebook_takes_the_module_beside_it(tmp_path: Path) -> None:
    archives.put(tmp_path, {"hw1.ipynb": NOTEBOOK, archives.MODULE: MODULE, "secret.txt": b"x"})
    one = only(tmp_path / "hw1.ipynb")
    assert (one.id, one.notebook, one.module, one.extra) == ("hw1", NOTEBOOK, MODULE, ())


def test_class_folder_of_files_folders_and_sections(tmp_path: Path) -> None:
    export = archives.export(NOTEBOOK, MODULE)
    archives.put(
        tmp_path,
        {
            "ann.ipynb": NOTEBOOK,
            "bob.zip": export,
            "cid/hw1.ipynb": NOTEBOOK,
            f"cid/{archives.MODULE}": MODULE,
            "dot/hw1_2027_02_01.zip": export,
            "eve/work/hw1.ipynb": NOTEBOOK,
            "section/fay.zip": export,
            "section/gus.zip": export,
            "hal/report.pdf": b"%PDF",
            "ida.rar": b"Rar!",
            "joe.ipynb.txt": NOTEBOOK,
            "roster.csv": b"name",
            ".DS_Store": b"",
        },
    )
    (tmp_path / "kim").mkdir()
    found = {one.id: one for one in find(tmp_path)}
    assert list(found) == "ann bob cid dot eve fay gus hal ida.rar joe kim".split()
    graded = {name for name, one in found.items() if one.problem is None}
    assert graded == set("ann bob cid dot eve fay gus joe".split())
    assert found["cid"].module == MODULE
    assert found["dot"].source == "dot/hw1_2027_02_01.zip"
    assert "report.pdf" in " ".join((*found["hal"].extra, found["hal"].source))


def test_one_students_folder_itself(tmp_path: Path) -> None:
    folder = tmp_path / "ann"
    archives.put(folder, {"hw1.ipynb": NOTEBOOK, archives.MODULE: MODULE, "x.zip": b"PK"})
    one = only(folder)
    assert (one.id, one.module, one.extra) == ("ann", MODULE, ("x.zip",))


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="There is no"):
        find(tmp_path / "missing")
    with pytest.raises(CourseError, match="holds nothing that was handed in"):
        find(tmp_path)


# ------------------------------------------------------------------------------------- damaged


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"<html>saved page</html>", "is not a notebook"),
        (b'{"cells": [', "is not a notebook"),
        (b"[" * 200_000, "is not a notebook"),
        (b'{"sheets": []}', "present format"),
        (b"\xff\xfe\x00", "is not a notebook"),
    ],
)
def test_damaged_notebook(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "hw1.ipynb").write_bytes(content)
    one = only(tmp_path / "hw1.ipynb")
    assert one.notebook is None
    assert problem in (one.problem or "")


def test_several_notebooks_are_not_guessed(tmp_path: Path) -> None:
    files = {"one.ipynb": NOTEBOOK, "two.ipynb": NOTEBOOK}
    assert "several notebooks" in (from_zip(tmp_path, archives.archive(files)).problem or "")


@pytest.mark.parametrize("cut", [10, 60, 200])
def test_cut_off_archive(tmp_path: Path, cut: int) -> None:
    content = archives.export(NOTEBOOK, MODULE)
    assert from_zip(tmp_path, content[:-cut]).problem
    assert from_zip(tmp_path, content[cut:] if cut < 60 else content[:cut]).problem


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(edits=[(415, 0)])  # an entry without a name
@given(edits=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=12))
def test_flipped_bytes_never_raise(tmp_path: Path, edits: list[tuple[int, int]]) -> None:
    content = bytearray(archives.export(NOTEBOOK, MODULE))
    for place, value in edits:
        content[place % len(content)] = value
    one = from_zip(tmp_path, bytes(content))
    assert one.problem or one.notebook is not None


# ------------------------------------------------------------------------------------- hostile


ZEROS = b"0" * (8 * 2**20)
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {  # archive, what its problem says
    "absolute path": (lambda: archives.archive({"/tmp/hw1.ipynb": NOTEBOOK}), "holds no notebook"),
    "parent path": (lambda: archives.archive({"a/../../hw1.ipynb": NOTEBOOK}), "holds no notebook"),
    "drive letter": (lambda: archives.archive({"C:\\hw1.ipynb": NOTEBOOK}), "holds no notebook"),
    "link": (lambda: archives.with_link("hw1.ipynb", "/etc/passwd"), "is a link"),
    "encrypted": (lambda: archives.encrypted({"hw1.ipynb": NOTEBOOK}), "is encrypted"),
    "unusual packing": (
        lambda: archives.archive({"hw1.ipynb": NOTEBOOK}, zipfile.ZIP_LZMA),
        "packed in an unusual way",
    ),
    "same name twice": (
        lambda: archives.archive_of_pairs([("hw1.ipynb", NOTEBOOK), ("hw1.ipynb", MODULE)]),
        "stands there twice",
    ),
    "case collision": (
        lambda: archives.archive({"hw1.ipynb": NOTEBOOK, "HW1.ipynb": NOTEBOOK}),
        "several notebooks",
    ),
    "case collision of the module": (
        lambda: archives.archive(
            {"hw1.ipynb": NOTEBOOK, archives.MODULE: MODULE, archives.MODULE.upper(): b""}
        ),
        "stands there twice",
    ),
    "bomb by ratio": (lambda: archives.archive({"hw1.ipynb": ZEROS}), "times its size"),
    "bomb by size": (
        lambda: archives.archive({"hw1.ipynb": NOTEBOOK, archives.MODULE: ZEROS * 3}),
        "is larger than",
    ),
    "too many files": (
        lambda: archives.archive({f"{number}": b"" for number in range(10_001)}),
        "more than 10000 files",
    ),
    "giant table": (lambda: archives.claiming_table(5 * 2**20), "table of contents"),
    "bomb in a zip": (
        lambda: archives.archive({"a.zip": archives.archive({"hw1.ipynb": ZEROS * 3})}),
        "times its size",
    ),
    "not a zip": (lambda: b"MZ\x90\x00", "damaged or not a zip"),
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_archive_is_only_a_problem(tmp_path: Path, kind: str) -> None:
    make, problem = HOSTILE[kind]
    content, before = make(), sorted(tmp_path.rglob("*"))
    tracemalloc.start()
    one = from_zip(tmp_path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problem in (one.problem or "")
    assert one.notebook is None
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "alice.zip"]
    assert peak < 50 * 2**20


def test_size_that_lies_is_bounded_when_read(tmp_path: Path) -> None:
    content = bytearray(archives.archive({"hw1.ipynb": b"0" * (20 * 2**20)}))
    small = (1000).to_bytes(4, "little")
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = small
    one = from_zip(tmp_path, bytes(content))
    assert one.notebook is None
    assert one.problem


def test_module_as_link_or_twice_is_refused(tmp_path: Path) -> None:
    pairs = [("hw1.ipynb", NOTEBOOK), (archives.MODULE, MODULE), (archives.MODULE, b"")]
    assert "twice" in (from_zip(tmp_path, archives.archive_of_pairs(pairs)).problem or "")


def test_folder_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.ipynb"
    outside.write_bytes(NOTEBOOK)
    folder = tmp_path / "class"
    archives.put(folder, {"ann.ipynb": NOTEBOOK})
    (folder / "bob.ipynb").symlink_to(outside)
    (folder / "cid").symlink_to(tmp_path)
    os.mkfifo(folder / "dot.ipynb")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "eve.zip"))
        found = {one.id: one.problem or "" for one in find(folder)}
    assert found["ann"] == ""
    assert "it is a link" in found["bob"]
    assert found["cid"]
    assert "cannot be read" in found["dot"]
    assert "cannot be read" in found["eve"]


def test_log_is_never_opened(tmp_path: Path) -> None:
    content = archives.archive({"hw1.ipynb": NOTEBOOK, ".OTTER_LOG": os.urandom(2**20) * 20})
    tracemalloc.start()
    one = from_zip(tmp_path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (one.problem, one.extra) == (None, ())
    assert peak < 5 * 2**20


# --------------------------------------------------------------------------------------- names

HOSTILE_NAMES = [
    "<script>alert(1)</script>",
    "=cmd|' C calc'!A0",
    "\x1b[31mred\x07",
    "\u202egpj.exe",
    "-rf",
    "..hidden",
    "a b\nc",
    "Zoë Müller",
    "名前",
    "x" * 200,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_names_become_clean_ids(tmp_path: Path, name: str) -> None:
    archives.put(tmp_path, {"ann.ipynb": NOTEBOOK})
    (tmp_path / f"{name.replace('/', '_')}.ipynb").write_bytes(NOTEBOOK)
    found = [one for one in find(tmp_path) if one.id != "ann"]
    assert all(CLEAN.fullmatch(one.id) for one in found)
    assert all(one.source.isprintable() for one in found)
    assert len(found) == (0 if name.startswith(".") else 1)


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.ipynb", "wb") as file:
        file.write(NOTEBOOK)
    with open(os.fsencode(tmp_path) + b"/\xfe.ipynb", "wb") as file:
        file.write(NOTEBOOK)
    found = find(tmp_path)
    assert len({one.id for one in found}) == 2
    assert all(one.source.encode() for one in found)


def test_entry_name_of_ten_thousand_characters(tmp_path: Path) -> None:
    one = from_zip(tmp_path, archives.archive({"hw1.ipynb": NOTEBOOK, "é" * 10_000: b""}))
    assert len(one.extra[0]) == 120


labels = st.text(max_size=120).filter(lambda text: "\x00" not in text)


@given(st.lists(labels, max_size=8))
def test_ids_are_clean_and_unique_whatever_the_names(names: list[str]) -> None:
    hand_ins = [
        downloads.HandIn(name, f"{i}/{name}".encode("utf-8", "replace"))
        for i, name in enumerate(names)
    ]
    ids = submissions._ids(hand_ins)
    assert all(CLEAN.fullmatch(identity) for identity in ids.values())
    assert len({identity.casefold() for identity in ids.values()}) == len(names)


def test_names_made_to_look_like_others_ids() -> None:
    hand_ins = [downloads.HandIn("José", b"victim")]
    for key in (b"attacker", b"accomplice"):  # each takes the name that the one before gets
        ids = submissions._ids(hand_ins)
        hand_ins.append(downloads.HandIn(ids[hand_ins[-1].key], key))
    ids = submissions._ids(hand_ins)
    assert len(set(ids.values())) == 3


def test_unchanged_names_keep_no_hash_and_ids_do_not_depend_on_order(tmp_path: Path) -> None:
    hand_ins = [downloads.HandIn(name, name.encode()) for name in ("ann", "bob.2", "ann!")]
    ids = submissions._ids(hand_ins)
    assert ids == submissions._ids(hand_ins[::-1])
    assert ids[b"ann"] == "ann"
    assert ids[b"bob.2"] == "bob.2"
    assert ids[b"ann!"].startswith("ann-")


def test_giant_notebook_and_module_on_disk_are_not_read(tmp_path: Path) -> None:
    giant = b" " * (submissions.MAX_NOTEBOOK + 1)
    archives.put(tmp_path / "ann", {"hw1.ipynb": giant, archives.MODULE: MODULE})
    archives.put(tmp_path / "bob", {"hw1.ipynb": NOTEBOOK, archives.MODULE: giant})
    found = find(tmp_path)
    assert ["is larger than" in (one.problem or "") for one in found] == [True, True]
    assert [one.notebook for one in found] == [None, None]
