"""What the comparisons note for staff besides their verdict."""

from __future__ import annotations

import numpy as np
import pytest

from autograder import course, expect, references

HOMEWORK = course.homework("hw1")


def test_a_wrong_number_and_a_near_miss_are_noted() -> None:
    entry = references.load("hw1")["quantities"]["hsb_psi"]
    width = references.tolerances()[entry["tolerance"]].width(entry["value"])
    for off, near in ((3.0, True), (500.0, False)):
        with expect.judging(HOMEWORK) as notes, pytest.raises(AssertionError):
            expect.quantity("hsb_psi", entry["value"] + off * width)
        assert notes.got.startswith("hsb_psi = ")
        assert notes.near is near


def test_what_is_right_leaves_no_note() -> None:
    with expect.judging(HOMEWORK) as notes:
        expect.close(np.array([1.0, 2.0]), [1.0, 2.0])
    assert (notes.got, notes.near) == ("", False)


def test_long_arrays_are_cut() -> None:
    with expect.judging(HOMEWORK) as notes, pytest.raises(expect.Mismatch):
        expect.close(np.arange(1000.0), np.ones(1000), name="the weights")
    assert notes.got == "the weights = 0, 1, 2, 3, 4, 5 ..."
