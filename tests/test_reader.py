from pathlib import Path

import numpy as np
import pytest

from rag.models.embedder import ModelEmbedder
from rag.reader.similarity_reader import SimilarityReader, late_interaction, mean_similarity
from rag.records import Passage
from tests.conftest import WordEmbedder, index_of


def passages(folder: Path, **files: str) -> list[Passage]:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return list(index_of(folder, WordEmbedder()).passages)


def test_late_interaction_of_a_worked_example() -> None:
    """The first token of the query matches exactly (1), the second partly (0.6)."""
    query = np.array([[2, 0], [0, 3]], dtype=np.float32)
    text = np.array([[5, 0], [8, 6]], dtype=np.float32)
    assert late_interaction(query, text) == pytest.approx((1 + 0.6) / 2)


def test_mean_similarity_of_a_worked_example() -> None:
    query = np.array([[1, 0], [0, 1]], dtype=np.float32)
    assert mean_similarity(query, np.array([[2, 0]], dtype=np.float32)) == pytest.approx(1 / np.sqrt(2))


def test_similarity_without_tokens_is_zero() -> None:
    some, none = np.ones((2, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.float32)
    assert [late_interaction(some, none), late_interaction(none, some), mean_similarity(some, none)] == [0, 0, 0]


def test_rare_terms_count_more_than_terms_of_every_sentence(tmp_path: Path) -> None:
    found = passages(tmp_path, a="Ferns grow here. Ferns grow there. Ferns need iron.")
    scored = SimilarityReader(WordEmbedder()).read("ferns iron", found)
    assert max(scored, key=lambda s: s.score).number == 2


def test_half_of_a_faq_answers_score_is_that_of_its_question(tmp_path: Path) -> None:
    found = passages(
        tmp_path,
        faq="How fast do nerves regrow?\nAbout a millimetre daily. Patience helps.\nDoes it hurt?\nOften, yes, at night.\n",
    )
    scored = SimilarityReader(WordEmbedder()).read("How fast do nerves regrow?", found)
    # The question is the query and has all its terms: about (0 + 0.8) / 2 + 0.2, as the answer itself has no similar word.
    assert scored[0].score == pytest.approx(1 / (1 + np.exp(-14 * (0.6 - 0.65))), abs=0.15)
    assert scored[0].score > scored[1].score > scored[-1].score


def test_reading_nothing() -> None:
    assert SimilarityReader(WordEmbedder()).read("anything", []) == []


@pytest.mark.slow
def test_sentence_tokens_are_embedded_after_the_context(embedder: ModelEmbedder) -> None:
    alone, behind = embedder.sentence_tokens(["Nerves regrow."] * 2, ["", "Recovery > Speed"])
    assert len(alone) == len(behind) == sum(embedder.count_tokens(["Nerves regrow."]))
    assert not np.allclose(alone, behind)
    assert embedder.query_tokens("Nerves regrow.") == pytest.approx(alone, abs=1e-5)


@pytest.mark.slow
def test_best_sentence_is_the_one_that_answers(tmp_path: Path, embedder: ModelEmbedder) -> None:
    text = "Ferns are old plants. They have no flowers. A fern drinks about half a litre of water a week. Many live in woods."
    scored = SimilarityReader(embedder).read("How much do I have to water a fern?", passages(tmp_path, a=text))
    assert max(scored, key=lambda s: s.score).number == 2
