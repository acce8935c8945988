"""Archives and folders as students hand them in, honest and not."""

from __future__ import annotations

import io
import json
import stat
import struct
import warnings
import zipfile
from pathlib import Path

MODULE = "hlmtools/variance_components.py"


def notebook(*sources: str) -> bytes:
    """A notebook of code cells, as JSON."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "source": source, "outputs": []}
        for i, source in enumerate(sources)
    ]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content).encode()


def export(notebook_bytes: bytes, module: bytes | None = None, name: str = "hw1.ipynb") -> bytes:
    """What `grader.export` makes: notebook, module, log and the archive's own name."""
    files = {name: notebook_bytes}
    if module is not None:
        files[MODULE] = module
    return archive({**files, ".OTTER_LOG": b"\x80\x04cos\nsystem\n", "__zip_filename__": b"x.zip"})


def archive(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return buffer.getvalue()


def archive_of_pairs(pairs: list[tuple[str, bytes]]) -> bytes:
    """A zip in which a name may stand more than once."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        warnings.simplefilter("ignore", UserWarning)
        for name, content in pairs:
            out.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def with_link(name: str, target: str) -> bytes:
    """A zip whose entry is a symbolic link."""
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr(entry, target)
    return buffer.getvalue()


def encrypted(files: dict[str, bytes]) -> bytes:
    """A zip whose entries say that they are encrypted."""
    data = bytearray(archive(files))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 4)
    return bytes(data)


def claiming_table(size: int) -> bytes:
    """A zip whose table of contents claims a size."""
    data = bytearray(size + 100)
    data += b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, size, 100, 0)
    return bytes(data)


def put(folder: Path, files: dict[str, bytes]) -> Path:
    """Write files under a folder and return it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
