"""How training examples are made, and what the reader is trained for, on small texts of our own."""

import gzip
import json
import random
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.models.onnx_graph import in_8_bits
from tests.conftest import ROOT
from training import dependence
from training.derived_examples import changed, without_answer
from training.examples import MOST_WORDS, example, lines, part
from training.other_languages import SIZES, other_languages
from training.ranking_weights import Observations, first_right, fit, loss
from training.ship import shipped
from training.span_questions import SpanQuestion, says
from training.written_sets import PER_FAMILY, families, written

TEXT = "Anna Berg cut the nerve in 1850. The muscle wasted within 14 days. Paul Stein repeated it before the war."


def asked(question: str, answer: str) -> SpanQuestion:
    return SpanQuestion("set", question, "doc", "Title", TEXT, [(answer, TEXT.index(answer))])


def test_parts_depend_on_the_name_alone_and_have_their_sizes() -> None:
    parts = [part("squad2", f"article {i}") for i in range(4000)]
    assert parts == [part("squad2", f"article {i}") for i in range(4000)]
    assert parts.count("report") / 4000 == pytest.approx(0.50, abs=0.03)
    assert parts.count("choose") / 4000 == pytest.approx(0.07, abs=0.02)


@given(st.integers(1, 60), st.integers(0, 59), st.integers(0, 99))
def test_cutting_a_text_keeps_its_answer(number: int, place: int, seed: int) -> None:
    sentences = [f"Nerve number {i} is cut and grows by {i} millimetres in a week." for i in range(number)]
    text, answer = " ".join(sentences), f"number {place % number} is"
    start = text.index(answer)
    made = example("s", "q", "", text, [[start, start + len(answer)]], random.Random(seed))
    assert made.text in text
    assert len(made.text.split()) <= MOST_WORDS
    assert [made.text[a:b] for a, b in made.phrases] == [answer]
    assert [made.text[slice(*made.sentences[n])] for n in made.gold] == [sentences[place % number]]


def test_removed_answers_are_gone() -> None:
    one = asked("When was the nerve cut?", "1850")
    (made,) = without_answer([one], random.Random(0))
    assert (made.gold, made.kind) == ([], "none")
    assert "1850" not in made.text and "wasted" in made.text
    # The answer occurs elsewhere too: no example.
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


def test_a_text_that_has_the_answer_is_no_negative() -> None:
    one = asked("When was the nerve cut?", "in 1850")
    assert says("It was IN  1850, they say.", one)
    assert not says("It was in 1851.", one)


@pytest.mark.slow
def test_the_loss_of_a_worked_example() -> None:
    """Two passages: in the first, the second of two sentences answers; in the other nothing does."""
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
    """The repository has no text of the sources, only where it is."""
    rows = list(lines(ROOT / "training" / "questions.jsonl"))
    assert len(rows) > 3000
    assert {tuple(sorted(row)) for row in rows} == {
        ("count", "document", "first", "kind", "phrase", "question", "sentences", "source")
    }
    for row in rows:
        assert all(0 <= number < row["count"] for number in row["sentences"])
        assert (row["kind"] == "near") == (not row["sentences"])
        assert len(row["phrase"] or "") <= 150


SENTENCES = ["The P50 weighs 8 kg.", "It is red.", "The P35 weighs 5 kg."]


def written_folder(folder: Path, number: int) -> Path:
    """One set of three passages with the same sentences, and two questions on it."""
    text = " ".join(SENTENCES)
    spans = [[text.index(sentence), text.index(sentence) + len(sentence)] for sentence in SENTENCES]
    page = {"title": "Pumps", "context": "Pumps > Data", "text": text, "sentences": spans}
    (folder / "rows").mkdir(parents=True)
    with gzip.open(folder / "sets.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps({"set": number, "passages": [page] * 3}) + "\n")
    rows = ["full\t2.0,2.2/3.1\t8 kg\tWhat do the pumps weigh?", "near\t-/1.1\t-\tWhich pump is blue?"]
    (folder / "rows" / "000.tsv").write_text("".join(f"{number}\t{row}\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize(("number", "split", "shown"), [(8, "learn", 2), (7, "choose", 3)])
def test_written_questions_become_groups_of_passages(tmp_path: Path, number: int, split: str, shown: int) -> None:
    """Two passages to learn from: the one that answers, and the one that helps; all of a set to choose by."""
    made = list(written(written_folder(tmp_path / "w", number), random.Random(0), passages=2))
    asked, near = made[:shown], made[shown:]
    assert {item.joint for item in asked} == {f"{number}:full:What do the pumps weigh?"}
    assert [item.split for item in made] == [split] * len(made)
    assert [(item.gold, item.partly) for item in asked][:2] == [([0, 2], []), ([], [1])]
    assert [item.text[slice(*item.phrases[0])] for item in asked if item.phrases] == ["8 kg"]
    assert near[0].partly == [1] and not any(item.gold for item in near)


PUMPS = ["P20", "P35", "P50"]
FAMILY = {
    "title": "Pumps",
    "key": "Model",
    "things": PUMPS,
    "absent": ["P90"],
    "other": ["They are made in Kiel.", "All are red."],
    "not_told": ["Who invented the {t}?"],
    "properties": [
        {
            "column": column,
            "values": values,
            "sentences": [f"The {column} of the {{t}} is {{v}}."],
            "questions": [f"What is the {column} of the {{t}}?"],
            "reverse": [f"Which pump has a {column} of {{v}}?"],
        }
        for column, values in (("weight", ["2 kg", "5 kg", "8 kg"]), ("lift", ["3 m", "6 m", "9 m"]))
    ],
}


def test_families_ask_for_one_of_several_similar_things(tmp_path: Path) -> None:
    """What answers names the thing and the value; what is absent or untold has no answer; halves of a table share a question."""
    (tmp_path / "families").mkdir()
    (tmp_path / "families" / "a1.jsonl").write_text(json.dumps(FAMILY) + "\n", encoding="utf-8")
    made = list(families(tmp_path, random.Random(3)))
    assert len({item.joint for item in made}) == 2 * PER_FAMILY
    answered = [item for item in made if item.gold]
    assert 0.3 < len(answered) / len(made) < 0.8
    for item in answered:
        sentence = item.text[slice(*item.sentences[item.gold[0]])]
        if item.phrases:
            assert item.text[slice(*item.phrases[0])] in sentence
        named = [thing for thing in PUMPS if thing in item.question]
        assert not named or named[0] in sentence
    assert not [item for item in answered if "P90" in item.question]


@pytest.mark.slow
def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    import torch

    from training.network import ReadingNetwork
    from training.train import Training, read_examples

    (tmp_path / "examples.jsonl").write_text(
        "".join(
            json.dumps(asdict(item)) + "\n" for item in written(written_folder(tmp_path / "w", 8), random.Random(0), passages=2)
        )
    )
    batch = read_examples([tmp_path / "examples.jsonl"])
    assert [len(group) for group in batch] == [2, 2]
    torch.manual_seed(0)
    whole = Training(ReadingNetwork(1), steps=3, rate=1e-3)
    whole.learn(batch)
    whole.save_state(tmp_path / "state")
    resumed = Training(ReadingNetwork(1), steps=3, rate=1e-3)
    resumed.load_state(tmp_path / "state")
    losses = [[training.learn(batch) for _ in range(2)] for training in (whole, resumed)]
    assert losses[0] == losses[1]
    assert losses[0][1]["joint"] < losses[0][0]["joint"]
    for name, tensor in whole.averaged.state_dict().items():
        assert torch.equal(tensor, resumed.averaged.state_dict()[name])


def test_first_questions_are_no_examples_of_dependence(tmp_path: Path) -> None:
    page = ["Title", "Section"]
    rows = [
        {"question": "When was it founded?", "rewrite": "When was the band founded?", "history": page},
        {"question": "Who left it?", "rewrite": "Who left the band?", "history": [*page, "When was it founded?", "In 1970."]},
        {"question": "Who is Ada?", "rewrite": "Who is Ada?", "history": [*page, "When was it founded?", "In 1970."]},
    ]
    with gzip.open(tmp_path / "rows.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(json.dumps(row) for row in rows))
    examples = list(dependence.rewritten(tmp_path / "rows.gz"))
    assert [(example.question, example.depends) for example in examples] == [("Who left it?", True), ("Who is Ada?", False)]
    assert [turn.by_user for turn in examples[0].turns] == [True, False]


def test_ranking_weights_of_a_worked_example() -> None:
    # The reader prefers the first sentence by 1, retrieval the second by 0.5; only the second is gold. The other question has
    # no answer among its one sentence.
    signals = np.array([[1.0, -0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]])
    one = Observations(signals, np.array([False, True, False]), np.array([0, 0, 1]), np.array([True, False]))
    none = -np.log(1 / (1 + np.exp(2.0)))
    gold = -np.log(1 / (np.exp(1.0 - 0.5) + 1 + 1))
    assert loss(np.array([1.0, 1.0, 0.0, 0.0, 0.0]), [one]) == pytest.approx((gold + none) / 2)
    assert [first_right(one, prior, 0.0) for prior in (1.0, 3.0)] == [0.0, 1.0]


def test_ranking_weights_are_recovered_from_choices_made_with_them() -> None:
    random = np.random.default_rng(5)
    signals, gold, number = random.normal(size=(6000, 4)), [], np.repeat(np.arange(1500), 4)
    for rows in signals.reshape(1500, 4, 4):
        odds = np.exp([*(rows @ [1.0, 2.0, 4.0, 0.5]), 1.0])
        chosen = random.choice(5, p=odds / odds.sum())
        gold.append(np.arange(4) == chosen)
    observations = Observations(signals, np.concatenate(gold), number, np.array([any(flags) for flags in gold]))
    assert fit([observations]) == pytest.approx([1.0, 2.0, 4.0, 0.5, 1.0], abs=0.2)


def test_questions_in_other_languages_are_asked_of_parts_with_and_without_the_answer(tmp_path: Path) -> None:
    sentences = [f"Satz {n} nennt Zahl {n}." for n in range(40)]
    text = " ".join(sentences)
    start = text.index("Zahl 30")
    row = {"title": "T", "text": text, "question": "Q?", "answers": [[start, start + 7]], "language": "de"}
    (tmp_path / "train").mkdir()
    with gzip.open(tmp_path / "train" / "tydiqa_other.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for _ in range(20))
    examples = list(other_languages(tmp_path))
    assert len(examples) > 20
    for made in examples:
        assert {made.source, made.question} == {"tydiqa_de", "Q?"} and len(made.text) <= max(SIZES) + 30
        assert all(made.text[start:end].startswith("Satz ") for start, end in made.sentences)
        if made.kind == "span":
            ((start, end),) = made.phrases
            (gold,) = made.gold
            assert made.text[start:end] == "Zahl 30"
            assert made.sentences[gold][0] <= start < end <= made.sentences[gold][1]
        else:
            assert not made.gold and not made.phrases and "Zahl 30" not in made.text and len(made.sentences) >= 3
    assert {made.kind for made in examples} == {"span", "none"} and {made.context for made in examples} == {"", "T"}
    assert list(other_languages(tmp_path)) == examples


def test_what_is_shipped_is_what_the_reader_computes_with() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(6, 8)).astype(np.float16)
    trained = {
        "encoder.encoder.layer.0.output.dense.weight": matrix,
        "encoder.encoder.layer.0.output.LayerNorm.weight": matrix[0],
        "encoder.embeddings.word_embeddings.weight": matrix,
        "none.weight": matrix[:1],
    }
    tensors = shipped(trained)
    integers, scales = in_8_bits(matrix.astype(np.float32))
    assert set(tensors) == {*list(trained)[:2], "none.weight", "encoder.encoder.layer.0.output.dense.weight.scale"}
    assert np.array_equal(tensors["encoder.encoder.layer.0.output.dense.weight"], integers)
    assert np.array_equal(tensors["encoder.encoder.layer.0.output.dense.weight.scale"], scales)
    assert tensors["none.weight"].dtype == np.float16
