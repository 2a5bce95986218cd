"""The trained reader: its input, what it makes of the network's output, and its weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rag.errors import ModelError
from rag.models.bundled import bundled_folder
from rag.reader import trained_reader
from rag.reader.networks import ENGLISH
from rag.reader.token_pairs import CLS, LONGEST, NO_SENTENCE, SEP, encode
from rag.reader.trained_reader import TrainedReader, _best_phrase, _pieces
from rag.records import Passage, Sentence, Span
from rag.text.sentences import split_sentences
from tests.conftest import WordEmbedder, index_of

TEXT = "Injured nerves grow back at about 1 mm a day. Muscles waste without their nerve. Botulinum toxin was first used in 1977."


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    loaded = Tokenizer.from_file(str(bundled_folder() / "tokenizer.json"))
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


@pytest.fixture(scope="module")
def reader() -> TrainedReader:
    return TrainedReader()


def passage_of(text: str, context: str = "") -> Passage:
    sentences = tuple(Sentence(span, "paragraph") for span in split_sentences(text))
    return Passage("a.txt", Span(0, len(text)), text, sentences=sentences, context=context)


def test_tokens_of_a_worked_example(tokenizer: Tokenizer) -> None:
    """[CLS] why ? [SEP] t [SEP] go . stop . [SEP]"""
    encoded = encode(tokenizer, "Why?", "T", "Go. Stop.", [Span(0, 3), Span(4, 9)])
    assert encoded.ids[0] == CLS and [i for i, token in enumerate(encoded.ids) if token == SEP] == [3, 5, 10]
    assert encoded.start == 6
    assert encoded.kinds == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]
    assert encoded.sentence_of == [NO_SENTENCE] * 6 + [0, 0, 1, 1, NO_SENTENCE]
    assert [offset.of("Go. Stop.") for offset in encoded.offsets] == ["Go", ".", "Stop", "."]


words = st.sampled_from(
    [
        "Nerves ",
        "grow. ",
        "İß ",
        "ﬁ ",
        "😀 ",
        "e\u0301 ",
        "\u00ad",
        "\u202e",
        "Why? ",
        "1.5 mm. ",
        "\n\n",
        "神経。",
        "x" * 60 + " ",
    ]
)


@given(st.lists(words, max_size=60).map("".join), st.text(max_size=40))
def test_offsets_of_tokens_lie_in_their_sentences(tokenizer: Tokenizer, text: str, question: str) -> None:
    spans = split_sentences(text)
    encoded = encode(tokenizer, question.encode("utf-8", "replace").decode(), "", text, spans)
    assert len(encoded.ids) == len(encoded.sentence_of) <= LONGEST
    assert len(encoded.offsets) == len(encoded.ids) - encoded.start - 1
    for token, offset in enumerate(encoded.offsets, start=encoded.start):
        number = encoded.sentence_of[token]
        assert 0 <= offset.start <= offset.end <= len(text)
        if number != NO_SENTENCE:
            assert spans[number].start <= offset.start < spans[number].end


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=45))
def test_best_phrase_equals_a_search_of_all_pairs(scores: list[tuple[float, float]]) -> None:
    starts, ends = [s for s, _ in scores], [e for _, e in scores]
    strength, first, last = _best_phrase(list(range(len(scores))), starts, ends)
    longest = trained_reader.LONGEST_PHRASE
    pairs = [(i, j) for i in range(len(scores)) for j in range(i, min(i + longest, len(scores)))]
    assert strength == max(starts[i] + ends[j] for i, j in pairs)
    assert (first, last) == max(pairs, key=lambda pair: (starts[pair[0]] + ends[pair[1]], -pair[0], -pair[1]))


def test_long_passages_are_read_in_pieces(tokenizer: Tokenizer) -> None:
    text = " ".join(f"Sentence number {i} says that nerve {i} regrows at {i} millimetres." for i in range(120))
    passage = passage_of(text)
    pieces = list(_pieces(passage, tokenizer))
    assert len(pieces) > 1
    assert [n for piece in pieces for n in piece.numbers] == list(range(len(passage.sentences)))
    for piece in pieces:
        assert len(tokenizer.encode(piece.text.of(text), add_special_tokens=False).ids) <= trained_reader.ROOM
    assert [piece.numbers for piece in _pieces(passage_of(TEXT), tokenizer)] == [(0, 1, 2)]


def test_headings_are_read_but_not_scored(tokenizer: Tokenizer) -> None:
    text = "How fast? A day."
    sentences = (Sentence(Span(0, 9), "question"), Sentence(Span(10, 16), "paragraph"))
    (piece,) = _pieces(Passage("a.txt", Span(0, len(text)), text, sentences=sentences), tokenizer)
    assert piece.numbers == (1,)
    assert piece.text.of(text) == text


def test_weights_with_another_hash_are_refused(tmp_path: Path) -> None:
    for content in (b"something else", None):
        path = tmp_path / "reader.safetensors"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ModelError, match="are not those of this version"):
            TrainedReader(replace(ENGLISH, weights=path))


@pytest.mark.slow
def test_finds_sentence_and_phrase(reader: TrainedReader) -> None:
    scored = reader.read("When was botulinum toxin first used?", [passage_of(TEXT)])
    best = max(scored, key=lambda s: s.score)
    assert best.text.startswith("Botulinum")
    assert best.answer_phrase is not None and "1977" in best.answer_phrase.of(TEXT)
    assert best.score > 0.5


@pytest.mark.slow
def test_scores_are_low_if_nothing_answers(reader: TrainedReader) -> None:
    there = max(s.score for s in reader.read("How fast do nerves regrow?", [passage_of(TEXT)]))
    absent = max(s.score for s in reader.read("What is the capital of France?", [passage_of(TEXT)]))
    assert there > 0.5 > 0.1 > absent


@pytest.mark.slow
def test_scores_do_not_depend_on_order_or_other_passages(reader: TrainedReader, tmp_path: Path) -> None:
    """Results come in the order of the passages; asking again gives the same bytes."""
    (tmp_path / "a.md").write_text(
        f"# A\n\n{TEXT}\n\n- One item.\n- Another item of a list.\n\n| x | y |\n|---|---|\n| 1 | 2 |\n"
    )
    (tmp_path / "b.txt").write_text("Something quite different is said here. And here again.")
    passages = list(index_of(tmp_path, WordEmbedder(max_tokens=60)).passages)
    query = "How fast do nerves regrow?"
    together, alone = reader.read(query, passages), [s for p in passages for s in reader.read(query, [p])]
    assert [(s.passage.id, s.number) for s in together] == [(s.passage.id, s.number) for s in alone]
    assert [s.score for s in together] == pytest.approx([s.score for s in alone], abs=1e-4)
    assert together == reader.read(query, passages)
    assert all(s.sentence.quotable for s in together)
    backwards = reader.read(query, passages[::-1])
    assert sorted(s.score for s in backwards) == pytest.approx(sorted(s.score for s in together), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("text", ["x", "x" * 5000, "? ! .", "\u200b\u200b a", "word " * 3000])
def test_odd_texts(text: str, reader: TrainedReader) -> None:
    passage = passage_of(text)
    scored = reader.read("Why \u0000 is it? " * 50, [passage, passage])
    assert len(scored) == 2 * len(passage.sentences)
    for one in scored:
        assert 0 <= one.score <= 1
        if one.answer_phrase:
            assert one.sentence.span.start <= one.answer_phrase.start < one.answer_phrase.end <= one.sentence.span.end
    assert reader.read("why", []) == []


@pytest.mark.slow
def test_reads_like_the_network_in_torch(reader: TrainedReader, tokenizer: Tokenizer) -> None:
    """Encoder and heads against the torch network that the weights were trained in."""
    import torch
    from safetensors.torch import load_file

    from rag.models.encoder import Encoder
    from training.network import ReadingNetwork, collate

    tensors = load_file(ENGLISH.weights)
    layers = sum(name.endswith("intermediate.dense.bias") for name in tensors)
    network = ReadingNetwork(layers)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    encoded = encode(tokenizer, "How fast do nerves grow?", "Nerves", TEXT, split_sentences(TEXT))
    with torch.inference_mode():
        expected = network.train(False)(*collate([encoded]))
    parts = reader.load()
    body = {name.removeprefix("encoder."): tensor.numpy() for name, tensor in tensors.items() if name.startswith("encoder.")}
    exact = Encoder(body, heads=trained_reader.HEADS, epsilon=trained_reader.EPSILON, precision="float32")
    found = parts.heads.read(exact.states(encoded.ids, encoded.kinds), encoded.sentence_of)
    assert found.none == pytest.approx(float(expected.none[0]), abs=1e-4)
    assert [found.sentences[n] for n in range(3)] == pytest.approx(expected.sentences[0].tolist(), abs=1e-4)
    inside = torch.isfinite(expected.starts[0])
    for ours, theirs in ((found.starts, expected.starts), (found.ends, expected.ends)):
        assert np.array(ours)[inside.numpy()] == pytest.approx(theirs[0][inside].numpy(), abs=1e-4)
    # In 8 bits, as it is used, the log odds move a little.
    rounded = parts.heads.read(parts.encoder.states(encoded.ids, encoded.kinds), encoded.sentence_of)
    margins = [[heads.sentences[n] - heads.none for n in range(3)] for heads in (rounded, found)]
    assert margins[0] == pytest.approx(margins[1], abs=1.0)
    assert int(np.argmax(margins[0])) == int(np.argmax(margins[1]))
