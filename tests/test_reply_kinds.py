"""Kinds of replies: own phrasings that are not among the training examples, and ordinary questions that look like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.followups.acts import LAST, Act, act_of, reading_named
from rag.followups.reply_kinds import ABOUT_PROGRAM, ACTS, LONGEST_REPLY, QUESTION, SMALL_TALK, kind_of
from tests.conftest import ROOT

EXAMPLES = [
    ("would you kindly repeat that answer", "again"),
    ("oops, didn't get that, once more?", "again"),
    ("plz go on a bit", "more"),
    ("anythin else on that?", "more"),
    ("got any further details?", "more"),
    ("wheres that written pls", "source"),
    ("and which leaflet says so?", "source"),
    ("whats the page nr", "source"),
    ("says who exactly", "source"),
    ("number 4 plz", "choose"),
    ("lets have the third one", "choose"),
    ("yep go for that", "yes"),
    ("oh yes do that please", "yes"),
    ("cheers pal, very helpful", "thanks"),
    ("good evening to you", "greeting"),
    ("ok bye then", "goodbye"),
    ("brilliant answer, well done", "praise"),
    ("hey are u a robot?", "identity"),
    ("what's your name then", "identity"),
    ("so what can i ask you here", "abilities"),
    ("which files do u have in there", "documents"),
    ("how many docs have you got then", "count"),
    ("when was the index last updated?", "updated"),
    ("how do you actually work", "workings"),
    ("do you keep what i type in", "privacy"),
    ("tell me more about botulism", QUESTION),
    ("what else helps against cramps?", QUESTION),
    ("which documents do I need for a passport?", QUESTION),
    ("where does it say that swimming is allowed?", QUESTION),
    ("what can you do about blisters?", QUESTION),
    ("thanks, and how long does the cast stay on?", QUESTION),
    ("why?", QUESTION),
    ("how so?", QUESTION),
    ("and in children?", QUESTION),
    ("what about its price?", QUESTION),
    ("What is the second stage?", QUESTION),
    ("how does the valve work?", QUESTION),
    ("who made the first pacemaker?", QUESTION),
    ("when was the bridge last inspected?", QUESTION),
    ("the median nerve", QUESTION),
    ("", QUESTION),
]


@pytest.mark.parametrize(("reply", "kind"), EXAMPLES)
def test_kind_of_a_reply(reply: str, kind: str) -> None:
    assert kind_of(reply) == kind


def test_examples_here_are_not_learnt_from() -> None:
    learnt = {line.split("\t")[1] for line in (ROOT / "training" / "acts.tsv").read_text(encoding="utf-8").splitlines()}
    unseen = [reply for reply, kind in EXAMPLES if kind != QUESTION]
    assert learnt.isdisjoint(unseen)


@given(st.text(max_size=LONGEST_REPLY + 1))
def test_every_text_has_one_kind(text: str) -> None:
    assert kind_of(text) in (*ACTS, *SMALL_TALK, *ABOUT_PROGRAM, QUESTION)


@pytest.mark.parametrize(
    ("reply", "number"),
    [("the second one", 2), ("not the first, the second", 2), ("the last", LAST), ("the latter please", LAST), ("[3]", 3),
     ("number two pls", 2), ("2nd", 2), ("the first of the two", 1), ("the former", 1)],
)  # fmt: skip
def test_number_that_a_reply_chooses(reply: str, number: int) -> None:
    assert act_of(reply) == Act("one", number)


@pytest.mark.parametrize(
    ("reply", "number"),
    [("mumps", 2), ("the mumps one please", 2), ("Rubella?", 3), ("recovery", None), ("why", None), ("yes", None),
     ("how long does mumps last in adults", None)],
)  # fmt: skip
def test_a_reading_is_chosen_by_the_word_that_only_it_has(reply: str, number: int | None) -> None:
    readings = [f"What is the recovery time ({name})?" for name in ("Measles", "Mumps", "Rubella")]
    assert reading_named(reply, readings) == number
