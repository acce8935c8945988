"""Downloads of learning platforms, written as the platforms write them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime

GRADESCOPE = """\
---
submission_1001: &1 !ruby/hash:ActiveSupport::HashWithIndifferentAccess
  :submitters:
  - :name: Jane Doe
    :sid: '007'
    :email: jane@example.edu
  :created_at: 2027-02-06 07:00:00.123456789 -06:00
  :score: 12.5
  :results:
    tests:
    - {name: '=1+1', output: "<script>alert(1)</script>"}
  :history:
  - {":created_at": 2027-02-04 10:00:00 Z, ":score": 0.0}
  - {":created_at": 2027-02-05 10:00:00 Z, ":score": 1.0}
submission_1002:
  :submitters:
  - :name: 王 芳
    :sid: 102
  - {":name": Bo, ":sid": 103, ":email": bo@example.edu}
  :created_at: '2027-02-05 23:10:11 -0600'
submission_1003:
  :submitters: []
"""


def packed(
    files: Mapping[str, bytes],
    times: Mapping[str, datetime] | None = None,
    default: tuple[int, ...] = (2027, 2, 9, 8, 0, 0),
) -> bytes:
    """A zip with a time for each entry: with a zone as Unix time, without one as local time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, default[:6])  # type: ignore[arg-type]
            time = (times or {}).get(name)
            if time is not None and time.tzinfo is None:
                entry.date_time = time.timetuple()[:6]
            elif time is not None:
                entry.extra = struct.pack("<HHBi", 0x5455, 5, 1, int(time.timestamp()))
            out.writestr(entry, content)
    return buffer.getvalue()


def utc(text: str) -> datetime:
    """A time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
