"""Typing errors: which words are corrected, which are never, and what an answer says of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from rag.conversation import Chat
from rag.models.word_list import english_vocabulary
from rag.text.spelling import TWO_EDITS, Vocabulary, corrections, spelled_words, with_corrections
from rag.wire import answer_values
from tests.conftest import WordEmbedder, index_of, updated
from tests.test_followups import asked, chat  # noqa: F401 - chat is a fixture

WORDS = Vocabulary.of(
    {
        "nerve": 9, "nerves": 5, "carrot": 3, "denervation": 7, "guillain": 2, "barré": 2, "muscles": 4, "base": 3, "earnings": 2,
        "satellite": 2, "suxamethonium": 2, "axons": 3, "innervated": 2, "brisk": 1, "reinnervation": 2, "muscle": 8, "regrow": 1, "seen": 4, "bow": 2, "beat": 1, "given": 1,
        "recovered": 3, "contraction": 2,
    }.items()
)  # fmt: skip


def corrected(question: str) -> dict[str, str]:
    return corrections(question, WORDS, english_vocabulary())


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("How fast do nervs regrow?", {"nervs": "nerves"}),
        ("What is denervaton?", {"denervaton": "denervation"}),
        ("DENERVATON or Denervaton", {"Denervaton": "Denervation"}),
        ("Which nreve?", {"nreve": "nerve"}),
        ("What is Guilain-Barré syndrome?", {"Guilain": "Guillain"}),
        ("Why is suxametonum dangerous?", {"suxametonum": "suxamethonium"}),
        ("Are muscels and satelite cells alive?", {"muscels": "muscles", "satelite": "satellite"}),
        ("What is reinervation?", {"reinervation": "reinnervation"}),
        ("Who dicovered it?", {"dicovered": "discovered"}),
        ("Is it under constraction?", {"constraction": "contraction"}),  # as near as "construction"
        ("Has it recoverd?", {"recoverd": "recovered"}),
    ],
)
def test_misspelt_words_are_matched_to_the_documents(question: str, wanted: dict[str, str]) -> None:
    assert corrected(question) == wanted


@pytest.mark.parametrize(
    "question",
    [
        "Can a parrot regrow?", "Which earrings?", "How do I bake bread?", "an axon", "innervates", "sewn sown", "hewn", "beaten eaten", "the Brisa 300", "E-1042 and nerv3s",
        "mail nervs@musclle.org", "toothbrush", "unpaid overtime", "What did Smithson say?", "nerve's muscle's", "DNRV", "nrv", "Überraschung", "", "神经",
    ],
)  # fmt: skip
def test_real_words_names_and_codes_are_left(question: str) -> None:
    assert corrected(question) == {}


@given(st.sampled_from(sorted(WORDS.frequency)))
def test_no_word_of_the_documents_is_corrected(word: str) -> None:
    assert corrected(f"What is {word}?") == {}


@given(st.text(alphabet="abenrsv", min_size=4, max_size=12))
def test_the_nearest_word_is_within_its_distance(word: str) -> None:
    nearest = WORDS.nearest(word)
    limit = 2 if len(word) >= TWO_EDITS else 1
    distances = {other: OSA.distance(word, other) for other in WORDS.frequency}
    if nearest is None:
        assert min(distances.values()) > limit
    else:
        assert distances[nearest] == min(distances.values()) <= limit


def test_ties_go_to_the_more_frequent_word_then_by_alphabet() -> None:
    words = Vocabulary.of([("cable", 1), ("table", 3), ("fable", 3)])
    assert words.nearest("zable") == "fable"


def test_only_whole_words_are_replaced() -> None:
    assert with_corrections("nervs or nervsy, nervs?", {"nervs": "nerves"}) == "nerves or nervsy, nerves?"


def test_words_are_spelt_as_in_the_text() -> None:
    assert spelled_words("The nerve's 3 Nerves, E-1042 naïve") == ["the", "nerve", "s", "nerves", "e", "naïve"]


def test_vocabulary_follows_updates(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    updated(corpus, folder)
    (corpus / "moss.txt").write_text("Sphagnum holds water. Sphagnum is a moss.")
    (corpus / "faq.txt").unlink()
    index, _ = updated(corpus, folder)
    assert index.vocabulary == index_of(corpus).vocabulary
    assert index.vocabulary.frequency["sphagnum"] == 1 and "toxic" not in index.vocabulary.frequency


def test_answers_say_what_was_corrected_and_search_as_typed_on_request(chat: Chat) -> None:  # noqa: F811
    answer = chat.ask("Are frens toxic to cats?")
    assert (answer.question, answer.query, answer.corrected) == (
        "Are frens toxic to cats?", "Are ferns toxic to cats?", {"frens": "ferns"},
    )  # fmt: skip
    assert answer.citations == chat.ask("Are ferns toxic to cats?").citations
    assert answer_values(answer)["corrected"] == {"frens": "ferns"}
    typed = chat.ask("Are frens toxic to cats?", correct=False)
    assert (typed.query, typed.corrected) == ("Are frens toxic to cats?", {})
    assert chat.ask("frens", query="Are frens toxic?").query == "Are frens toxic?"


def test_follow_ups_and_parts_are_corrected(chat: Chat) -> None:  # noqa: F811
    after = chat.ask("and frens in the shaed?", history=asked(chat, "How often should I repot a fern?"))
    assert after.corrected["frens"] == "ferns" and "frens" not in after.query
    both = chat.ask("Are frens toxic to cats? How often should I repto a fern?")
    assert (
        both.corrected == {"frens": "ferns", "repto": "repot"} == {k: v for part in both.parts for k, v in part.corrected.items()}
    )


def test_an_index_without_words_corrects_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert index_of(tmp_path / "empty", WordEmbedder()).vocabulary.frequency == {}
