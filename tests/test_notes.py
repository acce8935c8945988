"""The concept checks of the lecture notes: questions to unfold, counted for nothing."""

from __future__ import annotations

import re

import pytest

from autograder import course

OPTION = re.compile(r"<details><summary>([A-D])\. (.+?)</summary>\n\n(.+?)\n\n</details>", re.S)


@pytest.mark.parametrize("homework", course.load().homeworks, ids=lambda homework: homework.id)
def test_four_to_six_questions_with_feedback_for_every_option(homework):
    path = course.ROOT / "assignments" / homework.folder / "notes.md"
    text = path.read_text(encoding="utf-8")
    _, *checks = re.split(r"^\*\*Check (?=\d+\.\*\*)", text, flags=re.M)
    assert 4 <= len(checks) <= 6
    assert [int(check[0]) for check in checks] == list(range(1, len(checks) + 1))
    for check in checks:
        question = re.split(r"^## ", check, flags=re.M)[0]
        options = OPTION.findall(question)
        letters = [letter for letter, _, _ in options]
        assert question.count("<details>") == len(options) >= 3, question[:80]
        assert letters == list("ABCD"[: len(options)])
        assert all(len(feedback.split()) >= 3 for _, _, feedback in options), question[:80]
        right = [letter for letter, _, feedback in options if feedback.startswith("Yes")]
        assert len(right) == 1, question[:80]
