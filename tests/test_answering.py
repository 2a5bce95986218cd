from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering import compose
from rag.config import AnsweringSettings
from rag.index.contents import Index
from rag.reader import ScoredSentence
from rag.records import Answer, Hit, Passage
from tests.conftest import WordEmbedder, index_of


class Marked:
    """A reader for which a sentence is as good as the number of stars in it says."""

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        return [
            ScoredSentence(passage, n, sentence.span.of(" " * passage.span.start + passage.text).count("*") / 10)
            for passage in passages
            for n, sentence in enumerate(passage.sentences)
            if sentence.quotable
        ]


def ask(folder: Path, files: dict[str, str], *, most: int = 3, sure: float = 0.0, query: str = "stars") -> tuple[Answer, Index]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    index = index_of(folder, WordEmbedder())
    hits = [Hit(passage, score=1.0, rank=rank, similarity=0.5) for rank, passage in enumerate(index.passages, start=1)]
    return compose(query, query, hits, Marked(), index, AnsweringSettings(max_sentences=most, min_confidence=sure)), index


def shown(answer: Answer) -> list[tuple[str, bool]]:
    return [(sentence.text, sentence.context) for sentence in answer.sentences]


def test_the_best_first_then_those_nearly_as_good(tmp_path: Path) -> None:
    answer, _ = ask(
        tmp_path,
        {"a.txt": "Some nine ********* stars. Poor one *. Here ten ********** stars. Many nine ********* suns."},
    )
    assert [text for text, _ in shown(answer)] == [
        "Here ten ********** stars.",
        "Some nine ********* stars.",
        "Many nine ********* suns.",
    ]


def test_a_sentence_that_leans_brings_the_one_before_as_context(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "Botulinum is a toxin. This toxin blocks release *********. Nothing else."})
    assert shown(answer) == [("Botulinum is a toxin.", True), ("This toxin blocks release *********.", False)]
    assert [citation.number for citation in answer.citations] == [1, 2]
    assert answer.text == "Botulinum is a toxin. [1] This toxin blocks release *********. [2]"


def test_context_comes_from_the_passage_before_too(tmp_path: Path) -> None:
    text = "Toxins\n\n" + "The word " * 12 + "toxin ends. It blocks " + "many nerve endings " * 6 + "*********."
    answer, index = ask(tmp_path, {"a.txt": text})
    assert len(index.passages) == 2
    assert [context for _, context in shown(answer)] == [True, False]


def test_context_that_is_quoted_anyway_is_not_shown_twice(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "Botulinum is a toxin **********. This toxin blocks release *********."})
    assert shown(answer) == [
        ("Botulinum is a toxin **********.", False),
        ("This toxin blocks release *********.", False),
    ]


def test_near_repetitions_are_quoted_once(tmp_path: Path) -> None:
    text = "Nerves regrow about one millimetre a day **********."
    answer, _ = ask(
        tmp_path, {"a.txt": text, "b.txt": text, "c.txt": "Nerves regrow about one millimetre daily, a day *********."}
    )
    assert len(answer.citations) == 1


def test_a_sentence_that_stands_twice_is_cited_where_it_was_chosen(tmp_path: Path) -> None:
    answer, index = ask(
        tmp_path,
        {"a.txt": "No effect was seen. Group B *********. No effect was seen. It was small *********."},
        most=1,
    )
    for citation in answer.citations:
        assert citation.span.of(index.documents["a.txt"].text) == citation.quote


def test_cited_papers_are_no_answer(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.md": "# T\n\n## Body\n\nOne star * here.\n\n## References\n\n- A paper on stars **********.\n"})
    assert [text for text, _ in shown(answer)] == ["One star * here."]


def test_abstentions_have_a_reason_and_the_nearest_passages(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "One star * here."}, sure=1.0)
    assert (answer.abstained, answer.reason, answer.text, len(answer.nearest)) == (True, "not_in_documents", "", 1)
    answer, _ = ask(tmp_path, {}, query="   ")
    assert (answer.reason, answer.nearest) == ("empty_question", ())
    (tmp_path / "a.txt").unlink()
    assert ask(tmp_path, {})[0].reason == "no_documents"


sentence = st.sampled_from(
    [
        "No effect was seen *.",
        "It rose **.",
        "İß ﬁ 😀 e\u0301 ***.",
        "This \u00ad is so **.",
        "<b>x</b> & $y$ ****.",
        "Why? ",
        "However, no *.",
        "\n\n",
    ]
)


@settings(max_examples=60)
@given(st.lists(st.lists(sentence, max_size=12).map(" ".join), min_size=1, max_size=4), st.integers(1, 6))
def test_numbers_and_citations_are_a_bijection_of_exact_slices(texts: list[str], most: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        answer, index = ask(Path(folder), {f"{i}.txt": text for i, text in enumerate(texts)}, most=most)
    assert (
        [s.citation for s in answer.sentences]
        == [c.number for c in answer.citations]
        == list(range(1, len(answer.citations) + 1))
    )
    assert len({(c.document_id, c.span) for c in answer.citations}) == len(answer.citations)
    for quoted, citation in zip(answer.sentences, answer.citations, strict=True):
        assert quoted.text == citation.quote == citation.span.of(index.documents[citation.document_id].text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "The drug did prevent atrophy in the denervated muscle group",
            "The drug did not prevent atrophy in the denervated muscle group",
        ),
        (
            "A dose of 5 mg of botulinum toxin is given into the muscle",
            "A dose of 50 mg of botulinum toxin is given into the muscle",
        ),
    ],
)
def test_what_differs_by_a_number_or_a_negation_is_no_repetition(one: str, other: str, tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": f"{one} **********.", "b.txt": f"{other} *********."})
    assert len(answer.citations) == 2


def test_a_chosen_sentence_that_is_also_context_is_shown_once(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "Fern toxin blocks nerves *********. It weakens muscles fast **********."})
    assert shown(answer) == [("Fern toxin blocks nerves *********.", False), ("It weakens muscles fast **********.", False)]
