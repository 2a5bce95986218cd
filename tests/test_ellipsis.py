"""Elliptic follow-ups, completed from the last question."""

import pytest

from rag.followups.ellipsis import completed


@pytest.mark.parametrize(
    ("question", "last", "whole"),
    [
        ("why?", "How fast do nerves regrow?", "Why do nerves regrow?"),
        ("How so?", "Is renal denervation safe?", "Why is renal denervation safe?"),
        ("why not?", "Can denervation be reversed?", "Why can't denervation be reversed?"),
        ("and how often?", "How do I descale the Brisa 300?", "How often do I descale the Brisa 300?"),
        ("for how long?", "Does the warranty cover scratches?", "For how long does the warranty cover scratches?"),
        ("and in children?", "How fast do nerves regrow?", "How fast do nerves regrow in children?"),
        ("what about in winter", "When does the pool open?", "When does the pool open in winter?"),
        ("And if I lose it?", "How do I renew my card?", "How do I renew my card if I lose it?"),
        ("type 2 diabetes?", "What is the treatment of type 1 diabetes?", "What is the treatment of type 2 diabetes?"),
        ("And the Brisa 500?", "How do I descale the Brisa 300?", "How do I descale the Brisa 500?"),
        ("why?", "What is EMG?", None),
        ("how long?", "How common is it?", None),
        ("in which document?", "How long is it?", None),
        ("at what dose?", "Does duloxetine help?", None),
        ("when is it done?", "What is EMG?", None),
        ("and pregabalin?", "Does duloxetine help?", None),
        ("with it?", "Does it work?", None),
        ("", "Does it work?", None),
    ],
)
def test_elliptic_questions(question: str, last: str, whole: str | None) -> None:
    assert completed(question, last) == whole
