"""How examples are made and what the reader learns from: on small texts of our own."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from training.examples import MOST_WORDS, example, lines, part
from training.prepare import SpanQuestion, changed, says, without_answer

TEXT = "Anna Berg cut the nerve in 1850. The muscle wasted within 14 days. Paul Stein repeated it before the war."


def asked(question: str, answer: str) -> SpanQuestion:
    return SpanQuestion("set", question, "doc", "Title", TEXT, [(answer, TEXT.index(answer))])


def test_parts_are_told_by_the_name_alone_and_of_their_size() -> None:
    parts = [part("squad2", f"article {i}") for i in range(4000)]
    assert parts == [part("squad2", f"article {i}") for i in range(4000)]
    assert parts.count("report") / 4000 == pytest.approx(0.50, abs=0.03)
    assert parts.count("choose") / 4000 == pytest.approx(0.07, abs=0.02)


@given(st.integers(1, 60), st.integers(0, 59), st.integers(0, 99))
def test_a_text_that_is_cut_keeps_its_answer(number: int, place: int, seed: int) -> None:
    sentences = [f"Nerve number {i} is cut and grows by {i} millimetres in a week." for i in range(number)]
    text, answer = " ".join(sentences), f"number {place % number} is"
    start = text.index(answer)
    made = example("s", "q", "", text, [[start, start + len(answer)]], random.Random(seed))
    assert made.text in text
    assert len(made.text.split()) <= MOST_WORDS
    assert [made.text[a:b] for a, b in made.phrases] == [answer]
    assert [made.text[slice(*made.sentences[n])] for n in made.gold] == [sentences[place % number]]


def test_an_answer_taken_out_is_gone() -> None:
    one = asked("When was the nerve cut?", "1850")
    (made,) = without_answer([one], random.Random(0))
    assert (made.gold, made.kind) == ([], "none")
    assert "1850" not in made.text and "wasted" in made.text
    # It stands elsewhere too: no example.
    assert without_answer([replace(one, text=TEXT + " In 1850 it was.")], random.Random(0)) == []


@pytest.mark.parametrize(
    ("question", "answer", "becomes"),
    [
        ("What did Anna Berg cut?", "the nerve", "What did Stein cut?"),
        ("What happened within 14 days?", "The muscle wasted", None),
        ("Who repeated it before the war?", "Paul Stein", "Who repeated it after the war?"),
    ],
)
def test_a_question_is_changed_so_that_its_text_no_longer_answers(question: str, answer: str, becomes: str | None) -> None:
    (made,) = changed([asked(question, answer)], random.Random(0))
    assert (made.gold, made.text) == ([], TEXT)
    assert made.question != question
    if becomes:
        assert made.question == becomes
    else:
        assert "14" not in made.question


def test_what_says_the_answer_is_no_negative() -> None:
    one = asked("When was the nerve cut?", "in 1850")
    assert says("It was IN  1850, they say.", one)
    assert not says("It was in 1851.", one)


@pytest.mark.slow
def test_the_loss_of_a_worked_example() -> None:
    """Two passages: the second of two sentences answers; nothing does. Chances from logits by hand."""
    import torch

    from training.losses import losses_of
    from training.network import Reading

    none = torch.tensor([0.0, 1.0])
    sentences = torch.tensor([[0.0, 2.0], [-1.0, float("-inf")]])
    starts = torch.tensor([[0.0, 0.0, 1.0], [2.0, 0.0, float("-inf")]])
    reading = Reading(none, sentences, starts, starts)
    wanted = {
        "answers": torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        "open": torch.zeros(2, 2),
        "labelled": torch.tensor([1.0, 1.0]),
        "starts": torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        "ends": torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
        "phrased": torch.tensor([1.0, 0.0]),
    }
    e = torch.exp
    choice = -(torch.log(e(torch.tensor(2.0)) / (2 + e(torch.tensor(2.0)))) + torch.log(torch.sigmoid(torch.tensor(2.0)))) / 2
    # One softmax over both passages: "none" 0, sentences 0 and 2 against their passage's none, -2 against that of the other.
    joint = -torch.log(e(torch.tensor(2.0)) / (2 + e(torch.tensor(2.0)) + e(torch.tensor(-2.0))))
    softplus = torch.nn.functional.softplus
    # Sentence against none: logits 0 (wrong) and 2 (right) in the first passage, -2 (wrong) in the second.
    each = ((softplus(torch.tensor(0.0)) + softplus(torch.tensor(-2.0))) / 2 + softplus(torch.tensor(-2.0))) / 2
    total = 2 + e(torch.tensor(1.0))
    phrase = -(torch.log(e(torch.tensor(1.0)) / total) + torch.log((1 + e(torch.tensor(1.0))) / total)) / 2
    losses = losses_of(reading, wanted, [2])
    assert losses["choice"] == pytest.approx(float(choice), abs=1e-5)
    assert losses["joint"] == pytest.approx(float(joint), abs=1e-5)
    assert losses["each"] == pytest.approx(float(each), abs=1e-5)
    assert losses["phrase"] == pytest.approx(float(phrase), abs=1e-5)
    # Asked apart, each passage is a softmax of its own.
    assert losses_of(reading, wanted, [1, 1])["joint"] == pytest.approx(float(choice), abs=1e-5)
    # A sentence that only helps counts neither way: without the first, the first passage has two columns left.
    wanted["open"][0, 0] = 1
    alone = -(torch.log(torch.sigmoid(torch.tensor(2.0))) + torch.log(torch.sigmoid(torch.tensor(2.0)))) / 2
    assert losses_of(reading, wanted, [2])["choice"] == pytest.approx(float(alone), abs=1e-5)


def test_our_questions_name_what_they_need(tmp_path: Path) -> None:
    """No text of the sources is in the repository: only where it stands."""
    rows = list(lines(ROOT / "training" / "questions.jsonl"))
    assert len(rows) > 3000
    assert {tuple(sorted(row)) for row in rows} == {
        ("count", "document", "first", "kind", "phrase", "question", "sentences", "source")
    }
    for row in rows:
        assert all(0 <= number < row["count"] for number in row["sentences"])
        assert (row["kind"] == "near") == (not row["sentences"])
        assert len(row["phrase"] or "") <= 150
