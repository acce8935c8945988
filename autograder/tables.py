"""CSV files that people keep: read whole, and refused with file, row and column where they err.

Spreadsheets and platforms differ in delimiter (``,``, ``;`` or tab) and may put a mark in front of
UTF-8; both are taken.  Another encoding is refused, because a guess would spoil names in silence.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from autograder.course import CourseError
from autograder.rendering import clean

MAX_BYTES = 16 * 2**20

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Row:
    """One row: its number as a spreadsheet shows it, and its cells by column."""

    table: str
    number: int
    cells: dict[str, str]
    names: Mapping[str, str] = field(default_factory=dict)

    def get(self, column: str) -> str:
        """The trimmed text of a cell; "" where there is no such column."""
        return self.cells.get(self.names.get(column, column), "").strip()

    def refuse(self, column: str, reason: str) -> NoReturn:
        """Raise a `CourseError` that names file, row and column."""
        name = self.names.get(column, column)
        raise CourseError(f"{self.table}, row {self.number}, column {name!r}: {reason}")


@dataclass(frozen=True)
class Table:
    """A file as it stands: header, rows, delimiter, and the columns under the names we use."""

    file: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    delimiter: str
    names: Mapping[str, str]

    def has(self, column: str) -> bool:
        """Whether a column of ours is there, whatever the file calls it."""
        return column in self.names


def read(
    path: Path, columns: Mapping[str, Iterable[str]] = {}, required: Iterable[str] = ()
) -> Table:
    """Read a CSV file.

    Parameters
    ----------
    path
        UTF-8, with or without a mark in front; ``,``, ``;`` or tab between cells.
    columns
        Our name of each column, and what files call it (in any case).
    required
        Names of ours that must be there.

    Raises
    ------
    CourseError
        One sentence that names the file, and row and column where there are any.
    """
    text = _decoded(path)
    delimiter = _delimiter(text)
    lines = _parsed(path.name, text, delimiter)
    if not lines:
        raise CourseError(f"{path.name} is empty. Its first row names the columns.")
    header = tuple(clean(cell).strip() for cell in lines[0][1])
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice:
        raise CourseError(f"{path.name}, row 1: column {twice!r} stands there twice. Keep one.")
    names = _names(header, columns)
    for column in required:
        if column not in names:
            _refuse_missing(path.name, column, columns, header)
    rows = tuple(_row(path.name, number, header, cells, names) for number, cells in lines[1:])
    return Table(path.name, header, rows, delimiter, names)


def once(seen: dict[str, int], row: Row, column: str, value: str) -> None:
    """Refuse a value that an earlier row has."""
    earlier = seen.setdefault(value.casefold(), row.number)
    if earlier != row.number:
        row.refuse(column, f"{shown(value)} stands in row {earlier} already. Keep one of the two.")


def shown(text: str) -> str:
    """A cell in quotes, on one short line."""
    line = " ".join(clean(text).split())
    return repr(line if len(line) <= 40 else f"{line[:39]}…")


def _decoded(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CourseError(f"{path.name} cannot be read: {error.strerror}.") from None
    if len(data) > MAX_BYTES:
        raise CourseError(f"{path.name} is larger than {MAX_BYTES // 2**20} MB. Is it the CSV?")
    if data[:2] == b"PK":
        raise CourseError(f"{path.name} is a workbook or a zip. Save it as 'CSV UTF-8'.")
    if data.startswith(_WIDE) or b"\0" in data[:1000]:
        raise CourseError(f"{path.name} is in UTF-16, not UTF-8. Save it as 'CSV UTF-8'.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row, column = _place(data, error.start)
        byte = f"byte 0x{data[error.start]:02x}"
        remedy = "Save it as 'CSV UTF-8'."
        raise CourseError(
            f"{path.name}, row {row}, {column}: {byte} is not UTF-8. {remedy}"
        ) from None


def _place(data: bytes, start: int) -> tuple[int, str]:
    """Row and column of a byte, as well as they can be told before the file is read."""
    before = data[:start]
    cells = before[before.rfind(b"\n") + 1 :]
    delimiter = _delimiter(data.decode("latin-1")).encode()
    return before.count(b"\n") + 1, f"column {cells.count(delimiter) + 1}"


def _delimiter(text: str) -> str:
    """What stands most often in the first row, outside quotes."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = "".join(first.split('"')[::2])
    return max(",;\t", key=bare.count)


def _parsed(name: str, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows that hold anything, each with its number; line ends inside of a cell make no row."""
    found = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((number, cells))
            number += 1
    except csv.Error as error:
        raise CourseError(f"{name}, row {number}: {error}. Mend the quotes of this row.") from None
    return found


def _names(header: tuple[str, ...], columns: Mapping[str, Iterable[str]]) -> dict[str, str]:
    by_fold = {_fold(name): name for name in reversed(header)}
    names = {}
    for ours, theirs in columns.items():
        found = next((by_fold[_fold(name)] for name in theirs if _fold(name) in by_fold), None)
        if found is not None:
            names[ours] = found
    return names


def _fold(name: str) -> str:
    """Column names that mean the same: ``Student ID`` and ``student_id``."""
    return name.casefold().replace("_", " ").replace("-", " ").strip()


def _refuse_missing(
    file: str, column: str, columns: Mapping[str, Iterable[str]], header: tuple[str, ...]
) -> NoReturn:
    known = " or ".join(repr(name) for name in columns.get(column, [column]))
    there = ", ".join(shown(name) for name in header[:12])
    raise CourseError(f"{file} has no column {known}. Its columns are: {there}.")


def _row(
    file: str, number: int, header: tuple[str, ...], cells: list[str], names: Mapping[str, str]
) -> Row:
    if any(cell.strip() for cell in cells[len(header) :]):
        raise CourseError(
            f"{file}, row {number}: it has {len(cells)} cells, the first row has {len(header)}. "
            "Put cells with the delimiter in them in quotes."
        )
    return Row(file, number, dict(zip(header, cells, strict=False)), names)
