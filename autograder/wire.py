"""What may cross between the judge and the sandbox: plain data as typed, bounded bytes.

A value becomes a small tree of tagged lists, packed with msgpack. The tags are the whole
language; nothing in it names code, and decoding calls no constructor that a submission chooses.

=========  ============================================================================
tag        carries
=========  ============================================================================
atom       None, bool, int (64 bit), float, str
dots       Ellipsis: an answer that is still to be filled in
big        int beyond 64 bit, as decimal digits (at most 400)
complex    two floats
list       items; also ``tuple``;  ``set`` and ``frozenset``, of plain items
dict       pairs of atoms and values
scalar     a numpy scalar: dtype, bytes
array      a numpy array of numbers, bools, dates or text: dtype, shape, bytes
objects    a numpy object array: shape, items
index      a pandas Index: name, array;  ``multi``: a MultiIndex by its levels
series     name, index, values
frame      columns, index, one values entry a column
category   codes, categories, ordered
result     one of the given result classes by its fields (judge to sandbox only)
handle     number and type name of an object that stays in the sandbox
=========  ============================================================================

The module imports nothing of the course, so that the worker can load it as a lone file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np
import pandas as pd

MAX_BYTES = 16 * 2**20
"""Bound on one packed value; longer ones are refused on either side."""

MAX_DEPTH = 30
"""Bound on nesting."""

MAX_ITEMS = 1_000_000
"""Bound on the entries of any one list or dict."""

MAX_WORK = 2_000_000
"""Bound on what decoding one message may cost: entries of msgpack, and `_WORK` for each tag."""

_DTYPE_KINDS = "biufcMmUS"
_ATOMS = (type(None), bool, float, str)
_NUMPY_SCALARS = set(np.sctypeDict.values())


class WireError(ValueError):
    """A value cannot cross, or bytes that came across are not in the language."""


@dataclass(frozen=True)
class Handle:
    """Stands for an object that stays in the sandbox."""

    number: int
    type_name: str


def pack(value: Any, keep: Callable[[Any], Handle] | None = None) -> bytes:
    """Encode a value; what is not plain data is given to `keep`, or refused without it.

    Examples
    --------
    >>> unpack(pack({"psi": 8.6, "n": (14, 67)}))
    {'psi': 8.6, 'n': (14, 67)}
    >>> pack(print)
    Traceback (most recent call last):
    autograder.wire.WireError: a builtin_function_or_method is not plain data
    """
    data = msgpack.packb(_encode(value, keep, 0), use_bin_type=True)
    if len(data) > MAX_BYTES:
        raise WireError(f"the value takes {len(data):,} bytes; at most {MAX_BYTES:,} can cross")
    return data


def unpack(data: bytes, receive: Callable[[Handle], Any] | None = None) -> Any:
    """Decode bytes of the other side; handles become what `receive` makes of them.

    Raises
    ------
    WireError
        For anything that is not a value of the language within its bounds.
    """
    if len(data) > MAX_BYTES:
        raise WireError(f"a message of {len(data):,} bytes came; at most {MAX_BYTES:,} may cross")
    work = _Work()
    try:
        tree = msgpack.unpackb(
            data,
            raw=False,
            use_list=True,
            list_hook=work.see,
            strict_map_key=True,
            max_map_len=0,
            max_ext_len=0,
            max_array_len=MAX_ITEMS,
        )
        return _decode(tree, receive, 0)
    except WireError:
        raise
    except RecursionError:
        raise WireError("the message is nested too deep") from None
    except Exception as error:
        raise WireError(f"the message is malformed ({type(error).__name__})") from None


# ------------------------------------------------------------------------------------ encoding


def _encode(value: Any, keep: Callable[[Any], Handle] | None, depth: int) -> list:
    """Exact types only: a subclass may lie, so it stays behind as a handle."""
    if depth > MAX_DEPTH:
        raise WireError(f"the value is nested deeper than {MAX_DEPTH}")
    kind = type(value)
    if value is Ellipsis:
        return ["dots"]
    if kind in _ATOMS:
        return ["atom", value]
    if kind is int:
        return ["atom", value] if -(2**63) <= value < 2**63 else _encode_big(value)
    if kind is complex:
        return ["complex", value.real, value.imag]
    encoder = _ENCODERS.get(kind)
    if encoder is not None:
        return encoder(value, keep, depth + 1)
    if kind in _NUMPY_SCALARS and value.dtype.kind in _DTYPE_KINDS:
        return ["scalar", value.dtype.str, value.tobytes()]
    return _encode_object(value, keep, depth)


def _encode_big(value: int) -> list:
    if value.bit_length() > 1300:
        raise WireError("the integer has more than 400 digits")
    return ["big", str(value)]


def _encode_object(value: Any, keep: Callable[[Any], Handle] | None, depth: int) -> list:
    if isinstance(value, Handle):
        return ["handle", value.number, value.type_name]
    fields = result_fields(value)
    if fields is not None and keep is None:
        name, values = fields
        return ["result", name, _encode(values, keep, depth + 1)]
    if keep is None:
        raise WireError(f"a {type(value).__name__} is not plain data")
    handle = keep(value)
    return ["handle", handle.number, handle.type_name]


def result_fields(value: Any) -> tuple[str, dict[str, Any]] | None:
    """Name and fields of a given result (a dataclass or NamedTuple of hlmtools.records)."""
    kind = type(value)
    if kind.__module__ != "hlmtools.records":
        return None
    names = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "_fields", None)
    return (kind.__name__, {name: getattr(value, name) for name in names}) if names else None


def _encode_items(tag: str) -> Callable:
    def encode(value: Any, keep: Any, depth: int) -> list:
        if len(value) > MAX_ITEMS:
            raise WireError(f"the {tag} has more than {MAX_ITEMS:,} entries")
        return [tag, [_encode(item, keep, depth) for item in value]]

    return encode


def _encode_set(value: set | frozenset, keep: Any, depth: int) -> list:
    """As plain data where all items are; as a whole it stays behind otherwise."""
    try:
        return _encode_items(type(value).__name__)(sorted(value, key=repr), None, depth)
    except WireError:
        return _encode_object(value, keep, depth)


def _encode_dict(value: dict, keep: Any, depth: int) -> list:
    if len(value) > MAX_ITEMS:
        raise WireError(f"the dict has more than {MAX_ITEMS:,} entries")
    pairs = [[_encode(key, None, depth), _encode(item, keep, depth)] for key, item in value.items()]
    return ["dict", pairs]


def _encode_array(value: np.ndarray, keep: Any, depth: int) -> list:
    if value.dtype.hasobject:
        items = [_encode(item, keep, depth) for item in value.ravel().tolist()]
        return ["objects", list(value.shape), items]
    if value.dtype.kind not in _DTYPE_KINDS:
        raise WireError(f"an array of dtype {value.dtype} cannot cross")
    plain = np.ascontiguousarray(value)
    return ["array", plain.dtype.str, list(value.shape), plain.tobytes()]


def _encode_index(value: pd.Index, keep: Any, depth: int) -> list:
    return ["index", _encode(value.name, None, depth), _encode_values(value.array, keep, depth)]


def _encode_multi(value: pd.MultiIndex, keep: Any, depth: int) -> list:
    levels = [value.get_level_values(i) for i in range(value.nlevels)]
    return ["multi", [_encode_index(level, keep, depth) for level in levels]]


def _encode_values(value: Any, keep: Any, depth: int) -> list:
    """The values of a Series or Index: categories by their codes, all else as an array."""
    if isinstance(value, pd.Categorical):
        categories = _encode_index(value.categories, keep, depth)
        return ["category", _encode_array(value.codes, keep, depth), categories, value.ordered]
    if isinstance(value.dtype, pd.StringDtype):
        return ["text", [None if item is pd.NA or item != item else item for item in value]]
    return _encode_array(np.asarray(value), keep, depth)


def _encode_series(value: pd.Series, keep: Any, depth: int) -> list:
    index = _encode(value.index, keep, depth)
    return [
        "series",
        _encode(value.name, None, depth),
        index,
        _encode_values(value.array, keep, depth),
    ]


def _encode_frame(value: pd.DataFrame, keep: Any, depth: int) -> list:
    columns = [_encode_values(value.iloc[:, i].array, keep, depth) for i in range(value.shape[1])]
    return [
        "frame",
        _encode(value.columns, keep, depth),
        _encode(value.index, keep, depth),
        columns,
    ]


_ENCODERS: dict[type, Callable] = {
    list: _encode_items("list"),
    tuple: _encode_items("tuple"),
    set: _encode_set,
    frozenset: _encode_set,
    dict: _encode_dict,
    np.ndarray: _encode_array,
    pd.Index: _encode_index,
    pd.RangeIndex: _encode_index,
    pd.DatetimeIndex: _encode_index,
    pd.CategoricalIndex: _encode_index,
    pd.MultiIndex: _encode_multi,
    pd.Series: _encode_series,
    pd.DataFrame: _encode_frame,
}


# ------------------------------------------------------------------------------------ decoding


class _Work:
    """Counts, while msgpack reads a message, what decoding it will cost, and refuses too much."""

    def __init__(self) -> None:
        self.left = MAX_WORK

    def see(self, items: list) -> list:
        """One list of the message, its own lists having been seen before."""
        self.left -= len(items) + 1
        if items and type(items[0]) is str:
            self.left -= _WORK.get(items[0], 0)
            if items[0] == "frame" and len(items) == 4:
                self.left -= _WORK["series"] * len(items[3])
        if self.left < 0:
            raise WireError("the message has too many parts")
        return items


_WORK = dict.fromkeys(("array", "scalar", "objects"), 10) | dict.fromkeys(
    ("index", "multi", "category", "text", "series", "frame"), 200
)
"""What some tags cost beyond their entries, in times of one entry (about a microsecond)."""


def _decode(tree: Any, receive: Callable[[Handle], Any] | None, depth: int) -> Any:
    if depth > MAX_DEPTH + 5:
        raise WireError("the message is nested too deep")
    tag, *parts = tree
    if tag == "handle":
        return _decode_handle(parts, receive)
    return _DECODERS[tag](parts, lambda part: _decode(part, receive, depth + 1))


def _decode_handle(parts: list, receive: Callable[[Handle], Any] | None) -> Any:
    number, type_name = parts
    if type(number) is not int or type(type_name) is not str or receive is None:
        raise WireError("the message holds a handle that is none")
    return receive(Handle(number, type_name[:80]))


def _decode_atom(parts: list, _: Callable) -> Any:
    (value,) = parts
    if type(value) not in (*_ATOMS, int):
        raise WireError("the message holds an atom that is none")
    return value


def _decode_big(parts: list, _: Callable) -> int:
    (digits,) = parts
    if type(digits) is not str or len(digits) > 402:
        raise WireError("the message holds an integer that is none")
    return int(digits)


def _decode_dict(parts: list, decode: Callable) -> dict:
    (pairs,) = parts
    return {decode(key): decode(item) for key, item in pairs}


def _plain_dtype(text: Any) -> np.dtype:
    dtype = np.dtype(text) if type(text) is str and len(text) < 20 else np.dtype("V")
    if dtype.kind not in _DTYPE_KINDS or dtype.hasobject:
        raise WireError(f"the message holds an array of dtype {str(text)[:20]!r}")
    return dtype


def _decode_scalar(parts: list, _: Callable) -> Any:
    dtype, data = parts
    return np.frombuffer(data, dtype=_plain_dtype(dtype), count=1)[0]


def _shape(sizes: Any) -> tuple[int, ...]:
    if len(sizes) > 8 or any(type(size) is not int or size < 0 for size in sizes):
        raise WireError("the message holds an array of no shape")
    if math.prod(sizes) > MAX_BYTES:
        raise WireError("the message holds an array that is too large")
    return tuple(sizes)


def _decode_array(parts: list, _: Callable) -> np.ndarray:
    dtype, sizes, data = parts
    array = np.frombuffer(data, dtype=_plain_dtype(dtype)).reshape(_shape(sizes))
    return array.view("u1") != 0 if array.dtype.kind == "b" else array.copy()


def _decode_objects(parts: list, decode: Callable) -> np.ndarray:
    sizes, items = parts
    array = np.empty(len(items), dtype=object)
    array[:] = [decode(item) for item in items]
    return array.reshape(_shape(sizes))


def _decode_category(parts: list, decode: Callable) -> pd.Categorical:
    codes, categories, ordered = parts
    return pd.Categorical.from_codes(
        decode(codes), categories=decode(categories), ordered=bool(ordered)
    )


def _decode_text(parts: list, _: Callable) -> Any:
    (items,) = parts
    if any(type(item) not in (str, type(None)) for item in items):
        raise WireError("the message holds text that is none")
    return pd.array(items, dtype="str")


def _decode_index(parts: list, decode: Callable) -> pd.Index:
    name, values = parts
    return pd.Index(decode(values), name=decode(name))


def _decode_multi(parts: list, decode: Callable) -> pd.MultiIndex:
    (levels,) = parts
    return pd.MultiIndex.from_arrays([decode(level) for level in levels])


def _decode_series(parts: list, decode: Callable) -> pd.Series:
    name, index, values = parts
    return pd.Series(decode(values), index=decode(index), name=decode(name))


def _decode_frame(parts: list, decode: Callable) -> pd.DataFrame:
    names, index, columns = (parts[0], parts[1], parts[2])
    rows = decode(index)
    data = {i: pd.Series(decode(column), index=rows) for i, column in enumerate(columns)}
    frame = pd.DataFrame(data, index=rows)
    frame.columns = decode(names)
    return frame


def _decode_result(parts: list, decode: Callable) -> Any:
    """Only the sandbox calls this: the judge refuses results that come to it."""
    name, fields = parts
    maker = RESULT_MAKERS.get(name)
    if maker is None:
        raise WireError(f"a result of the unknown class {str(name)[:40]!r} came")
    return maker(**decode(fields))


RESULT_MAKERS: dict[str, Callable] = {}
"""Classes that `result` may build, by name; filled by the worker, empty in the judge."""

_DECODERS: dict[str, Callable] = {
    "atom": _decode_atom,
    "dots": lambda parts, _: Ellipsis,
    "big": _decode_big,
    "complex": lambda parts, _: complex(*map(float, parts)),
    "list": lambda parts, decode: [decode(item) for item in parts[0]],
    "tuple": lambda parts, decode: tuple(decode(item) for item in parts[0]),
    "set": lambda parts, decode: {decode(item) for item in parts[0]},
    "frozenset": lambda parts, decode: frozenset(decode(item) for item in parts[0]),
    "dict": _decode_dict,
    "scalar": _decode_scalar,
    "array": _decode_array,
    "objects": _decode_objects,
    "category": _decode_category,
    "text": _decode_text,
    "index": _decode_index,
    "multi": _decode_multi,
    "series": _decode_series,
    "frame": _decode_frame,
    "result": _decode_result,
}
