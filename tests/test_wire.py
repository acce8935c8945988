"""What crosses the boundary: everything plain comes back as it was, nothing else gets through."""

from __future__ import annotations

import contextlib
import math
import pickle

import msgpack
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.extra import pandas as hpd

from autograder import wire

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.complex_numbers(allow_nan=False)
)
PLAIN = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
        | st.sets(ATOMS, max_size=4)
        | st.frozensets(st.text(max_size=5), max_size=4)
    ),
    max_leaves=20,
)
ARRAYS = hnp.arrays(
    dtype=hnp.integer_dtypes() | hnp.floating_dtypes() | hnp.boolean_dtypes(),
    shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
)
FRAMES = hpd.data_frames(
    [hpd.column("y", dtype=float), hpd.column("n", dtype=int), hpd.column("s", dtype=str)],
    index=hpd.range_indexes(max_size=6),
)


def there_and_back(value):
    return wire.unpack(wire.pack(value))


@given(PLAIN)
@settings(deadline=None)
def test_plain_values_come_back_equal_and_of_the_same_type(value):
    back = there_and_back(value)
    assert back == value
    assert type(back) is type(value)


@given(ARRAYS)
@settings(deadline=None)
def test_arrays_keep_dtype_shape_and_bits(array):
    back = there_and_back(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == np.ascontiguousarray(array).tobytes()


@given(FRAMES)
@settings(deadline=None, max_examples=50)
def test_frames_come_back_equal(frame):
    pd.testing.assert_frame_equal(there_and_back(frame), frame, check_index_type=False)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0])
def test_floats_that_json_cannot_carry(value):
    back = there_and_back(value)
    assert repr(back) == repr(value)


def test_ellipsis_is_an_answer_still_to_be_filled_in():
    assert there_and_back(...) is ...


def test_categories_dates_text_and_multi_indexes():
    frame = pd.DataFrame(
        {
            "k": pd.Categorical(["u", "v", "u"], categories=["v", "u"], ordered=True),
            "day": pd.date_range("2027-01-01", periods=3),
            "text": ["a", None, "c"],
        },
        index=pd.MultiIndex.from_product([["s"], [1, 2, 3]], names=["school", "wave"]),
    )
    pd.testing.assert_frame_equal(there_and_back(frame), frame)


class Liar(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class LyingArray(np.ndarray):
    pass


class LyingFrame(pd.DataFrame):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Liar(3),
        np.zeros(2).view(LyingArray),
        LyingFrame({"y": [1]}),
        print,
        object(),
        b"bytes",
        {b"bytes"},
        lambda: 0,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_exactly_plain_stays_behind(value):
    with pytest.raises(wire.WireError):
        wire.pack(value)
    kept = []

    def keep(value):
        kept.append(value)
        return wire.Handle(len(kept), type(value).__name__)

    back = wire.unpack(wire.pack([value], keep), lambda handle: handle)
    assert kept[0] is value
    assert back == [wire.Handle(1, type(value).__name__)]


def packed(tree):
    return msgpack.packb(tree)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        pickle.dumps(print),
        packed(["unknown", 1]),
        packed(["atom", [1]]),
        packed({"atom": 1}),
        packed(["array", "|O", [1], b"12345678"]),
        packed(["array", "<f8", [10**9, 10**9], b""]),
        packed(["array", "<f8", [3], b"1"]),
        packed(["array", "<f8", [-1], b"12345678"]),
        packed(["handle", 1, "x"]),
        packed(["big", "9" * 10_000]),
        packed(["result", "VCResult", ["dict", []]]),
        packed(["frame"]),
        packed(["dict", [[["list", [["atom", 1]]], ["atom", 1]]]]),
        msgpack.packb(msgpack.ExtType(1, b"x")),
    ],
    ids=range(16),
)
def test_malformed_messages_are_refused(data):
    with pytest.raises(wire.WireError):
        wire.unpack(data)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_random_bytes_give_a_value_or_a_wire_error(data):
    with contextlib.suppress(wire.WireError):
        wire.unpack(data)


def test_nesting_is_bounded_on_both_sides():
    deep: list = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(wire.WireError, match="nested"):
        wire.pack(deep)
    tree = ["atom", 1]
    for _ in range(200):
        tree = ["list", [tree]]
    with pytest.raises(wire.WireError):
        wire.unpack(packed(tree))


def test_size_is_bounded_on_both_sides():
    large = np.zeros(wire.MAX_BYTES // 8 + 1)
    with pytest.raises(wire.WireError, match="at most"):
        wire.pack(large)
    with pytest.raises(wire.WireError, match="at most"):
        wire.unpack(b"0" * (wire.MAX_BYTES + 1))


def test_results_cross_by_their_fields_to_the_sandbox_only():
    from hlmtools.records import AnovaComponents

    result = AnovaComponents(psi=1.0, sigma2=2.0, msb=3.0, msw=2.0, n0=4.0)
    data = wire.pack(result)
    with pytest.raises(wire.WireError, match="unknown class"):
        wire.unpack(data)


def test_of_what_is_printed_while_answering_the_beginning_is_kept():
    from autograder import worker

    def flood() -> int:
        for _ in range(3000):
            print("x" * 999)
        return 7

    answers = worker.Answers({"flood": flood}, "", wire)
    number = answers.keep(flood)
    head, data = answers.answer(wire.pack(["call", number, (), {}]))
    assert (head["ok"], wire.unpack(data)) == (True, 7)
    assert len(head["printed"]) == len(head["output"]) == worker.MAX_OUTPUT


def test_an_answer_that_is_too_large_is_no_refusal():
    """Tests may want a ValueError, and what cannot cross must not be taken for one."""
    from autograder import worker

    answers = worker.Answers({"large": np.zeros(wire.MAX_BYTES // 8 + 1)}, "", wire)
    head, data = answers.answer(wire.pack(["value", "large"]))
    assert (head["ok"], head["error"], data) == (False, "", b"")
    assert "at most" in head["message"]


def test_truth_values_are_true_or_false_whatever_byte_stands_for_them():
    found = wire.unpack(packed(["array", "|b1", [3], b"\x00\x01\xff"]))
    assert found.view("u1").tolist() == [0, 1, 1]
