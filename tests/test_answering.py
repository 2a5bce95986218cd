import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.answering.composition import compose, weighed
from rag.answering.confidence import Band, Calibration
from rag.answering.question_forms import asks_for_one
from rag.answering.sameness import says_the_same
from rag.answering.wording import disagreement_note
from rag.config import AnsweringSettings
from rag.errors import IndexBroken
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Answer, Hit, Passage, Span
from rag.text.question_language import foreign_language
from tests.conftest import WordEmbedder, index_of

SURE = Calibration(
    0.0, (0.0, 0.0, 0.0, 0.0), 0.5, (Band("strong", 0.9, 10, 0.9), Band("weak", 0.5, 10, 0.7)), {}, {}
)  # every confidence is 0.5


class StarReader:
    """Scores a sentence by the number of stars in it."""

    identity = "stars-1"

    def load(self) -> None:
        """Nothing to load."""

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        return [
            ScoredSentence(passage, n, sentence.span.of(" " * passage.span.start + passage.text).count("*") / 10)
            for passage in passages
            for n, sentence in enumerate(passage.sentences)
            if sentence.quotable
        ]


def ask(
    folder: Path, files: dict[str, str], *, limit: int = 3, minimum: float = 0.0, query: str = "stars"
) -> tuple[Answer, Index]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    index = index_of(folder, WordEmbedder())
    hits = [Hit(passage, 1.0, rank, 0.5, relative_similarity=0.5) for rank, passage in enumerate(index.passages, start=1)]
    settings = AnsweringSettings(max_sentences=limit, min_confidence=minimum)
    return compose(query, query, hits, StarReader(), index, settings, SURE), index


def shown(answer: Answer) -> list[tuple[str, bool]]:
    return [(sentence.text, sentence.context) for sentence in answer.sentences]


def test_best_sentence_first_then_those_nearly_as_good(tmp_path: Path) -> None:
    answer, _ = ask(
        tmp_path,
        query="what are the stars",
        files={"a.txt": "Some nine ********* stars. Poor one *. Here ten ********** stars. Many nine ********* suns."},
    )
    assert [text for text, _ in shown(answer)] == [
        "Here ten ********** stars.",
        "Many nine ********* suns.",  # follows the first
        "Some nine ********* stars.",
    ]


def test_dependent_sentence_brings_the_one_before_as_context(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "Botulinum is a toxin. This toxin blocks release *********. Nothing else."})
    assert shown(answer) == [("Botulinum is a toxin.", True), ("This toxin blocks release *********.", False)]
    assert [citation.number for citation in answer.citations] == [1, 2]
    assert answer.text == "Botulinum is a toxin. [1] This toxin blocks release *********. [2]"


def test_context_may_come_from_the_previous_passage(tmp_path: Path) -> None:
    text = "Toxins\n\n" + "The word " * 12 + "toxin ends. It blocks " + "many nerve endings " * 6 + "*********."
    answer, index = ask(tmp_path, {"a.txt": text})
    assert len(index.passages) == 2
    assert [context for _, context in shown(answer)] == [True, False]


def test_quoted_sentence_is_not_repeated_as_context(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "Botulinum is a toxin **********. This toxin blocks release *********."})
    assert shown(answer) == [
        ("Botulinum is a toxin **********.", False),
        ("This toxin blocks release *********.", False),
    ]


def test_near_duplicates_are_quoted_once(tmp_path: Path) -> None:
    text = "Nerves regrow about one millimetre a day **********."
    answer, _ = ask(
        tmp_path, {"a.txt": text, "b.txt": text, "c.txt": "Nerves regrow about one millimetre daily, a day *********."}
    )
    assert len(answer.citations) == 1


def test_repeated_sentence_is_cited_at_its_own_place(tmp_path: Path) -> None:
    answer, index = ask(
        tmp_path,
        {"a.txt": "No effect was seen. Group B *********. No effect was seen. It was small *********."},
        limit=1,
    )
    for citation in answer.citations:
        assert citation.span.of(index.documents["a.txt"].text) == citation.quote


def test_references_are_never_quoted(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.md": "# T\n\n## Body\n\nOne star * here.\n\n## References\n\n- A paper on stars **********.\n"})
    assert [text for text, _ in shown(answer)] == ["One star * here."]


def test_abstentions_have_a_reason_and_nearest_passages(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "One star * here."}, minimum=1.0)
    assert (answer.abstained, answer.reason, answer.text, len(answer.nearest)) == (True, "near_miss", "", 1)
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
def test_numbers_and_citations_are_a_bijection_of_exact_slices(texts: list[str], limit: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        answer, index = ask(Path(folder), {f"{i}.txt": text for i, text in enumerate(texts)}, limit=limit)
    assert (
        [s.citation for s in answer.sentences]
        == [c.number for c in answer.citations]
        == list(range(1, len(answer.citations) + 1))
    )
    assert [c.number for c in answer.more] == list(range(len(answer.citations) + 1, len(answer.citations) + len(answer.more) + 1))
    places = {(c.document_id, c.span) for c in (*answer.citations, *answer.more)}
    assert len(places) == len(answer.citations) + len(answer.more)
    for quoted, citation in zip(answer.sentences, answer.citations, strict=True):
        assert quoted.text == citation.quote == citation.span.of(index.documents[citation.document_id].text)


@pytest.mark.parametrize(
    ("first", "second"),
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
def test_sentences_that_differ_by_a_number_or_negation_are_both_quoted(first: str, second: str, tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": f"{first} **********.", "b.txt": f"{second} *********."})
    assert len(answer.citations) == 2


def test_chosen_sentence_that_is_also_context_is_shown_once(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "Fern toxin blocks nerves *********. It weakens muscles fast **********."})
    assert shown(answer) == [("Fern toxin blocks nerves *********.", False), ("It weakens muscles fast **********.", False)]


def test_single_fact_questions_get_fewer_sentences(tmp_path: Path) -> None:
    files = {"a.txt": "It took ********** a day. Some say ********* a week. Others ******** a year. Nobody * knows."}
    single, _ = ask(tmp_path, files, query="when was it", limit=4)
    several, _ = ask(tmp_path, files, query="what are the reasons", limit=4)
    assert (len(single.citations), len(several.citations)) == (
        3,
        3,
    )  # no sentence dominates: each has about a third of the total score
    files = {"a.txt": "It took ********** a day. Some say ** a week. Nobody knows."}
    assert len(ask(tmp_path, files, query="what are the reasons", limit=4)[0].citations) == 1
    assert [asks_for_one(q) for q in ("How fast do nerves regrow?", "Who was he", "What are the causes?", "how is it treated")] == [
        True, True, False, False,
    ]  # fmt: skip


LIST = "# T\n\n## Causes\n\nThe causes are these:\n\n- First one **\n- Second *********\n- Third thing\n\nAfter the list.\n"


def test_list_is_quoted_whole_if_several_facts_are_asked_for(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.md": LIST}, query="what are the causes")
    assert shown(answer) == [
        ("The causes are these:", True),
        ("First one **", False),
        ("Second *********", False),
        ("Third thing", False),
    ]
    answer, _ = ask(tmp_path, {"a.md": LIST}, query="when was it")
    assert shown(answer) == [("The causes are these:", True), ("Second *********", False)]


def test_table_row_is_quoted_with_its_header(tmp_path: Path) -> None:
    text = "# T\n\n| Nerve | Speed |\n|---|---|\n| Ulnar | 1 mm |\n| Median | 2 mm ********* |\n"
    answer, _ = ask(tmp_path, {"a.md": text}, query="how fast")
    assert [(s.text, s.context, s.citation) for s in answer.sentences] == [
        ("Nerve | Speed", True, 2),  # the header has the highest number, so that rows count from 1
        ("Median | 2 mm *********", False, 1),
    ]
    assert answer.header_numbers == {2}


def test_sentences_of_one_document_are_adjacent(tmp_path: Path) -> None:
    answer, _ = ask(
        tmp_path,
        {"a.txt": "Alpha nerves grow *********. Beta muscles waste **********.", "b.txt": "Gamma fibres ********* split."},
        query="what are they",
    )
    assert [c.document_id for c in answer.citations] == ["a.txt", "a.txt", "b.txt"]
    assert answer.sentences[0].text.startswith("Beta")


def test_other_places_that_say_the_same_are_listed(tmp_path: Path) -> None:
    text = "Nerves regrow about one millimetre a day **********."
    answer, index = ask(tmp_path, {"a.txt": text, "b.md": f"# B\n\n{text}"})
    (citation,) = answer.citations
    assert [place.document_id for place in citation.also] == ["b.md"]
    for place in citation.also:
        assert place.quote == place.span.of(index.documents[place.document_id].text)


def test_contradicting_sources_are_shown_together(tmp_path: Path) -> None:
    answer, _ = ask(
        tmp_path,
        {
            "a.txt": "A dose of 5 mg of toxin is given into the muscle **********.",
            "b.txt": "A dose of 50 mg of toxin is given into the muscle **.",
            "c.txt": "Something else is also said of stars and suns *****.",
        },
        limit=1,
    )
    assert [(c.document_id, c.differs) for c in answer.citations] == [("a.txt", (2,)), ("b.txt", (1,))]


OLD = "# Fees\n\nValid from 1 January 2023 *****.\n\nThe annual fee for adult members is 60 euros **********.\n"
NEW = "# Fees\n\nValid from 1 January 2025 *****.\n\nThe annual fee for adult members is 80 euros *********.\n"


def test_the_newer_version_comes_first_and_the_older_is_marked_as_such(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"fees-2023.md": OLD, "fees-2025.md": NEW}, query="annual fee", limit=4)
    fees = [c for c in answer.citations if "euros" in c.quote]
    assert [(c.document_id, c.dated, c.differs) for c in fees] == [
        ("fees-2025.md", "2025-01-01", ()),
        ("fees-2023.md", "2023-01-01", ()),
    ]
    assert [c.superseded_by for c in fees] == [None, fees[0].number]
    assert (
        disagreement_note(fees[1])
        == f"{fees[1].number} (2023-01-01) is from an older version; the newer one is {fees[0].number}."
    )


def test_what_versions_say_about_their_own_validity_is_no_difference_of_sources(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"fees-2023.md": OLD, "fees-2025.md": NEW}, query="valid from", limit=4)
    valid = [c for c in answer.citations if "Valid" in c.quote]
    assert valid
    assert all((c.differs, c.superseded_by, disagreement_note(c)) == ((), None, "") for c in valid)


def test_of_contradicting_sources_the_newer_comes_first_with_its_date(tmp_path: Path) -> None:
    answer, _ = ask(
        tmp_path,
        {
            "a.md": "# Pump leaflet\n\nPublished in 2021.\n\nThe filter of the pump is changed every 3 months **********.\n",
            "b.md": "# Pump notes\n\nPublished in 2024.\n\nEvery 6 months the filter of the pump is changed ********.\n",
        },
        query="filter",
        limit=1,
    )
    assert [(c.document_id, c.differs, c.dated) for c in answer.citations] == [("b.md", (2,), "2024"), ("a.md", (1,), "2021")]
    assert disagreement_note(answer.citations[0]) == "Sources differ: compare 1 (2024) with 2."


def test_sources_about_different_things_or_in_other_units_do_not_differ(tmp_path: Path) -> None:
    answer, _ = ask(
        tmp_path,
        {
            "a.md": "# Pumps\n\nThe P20 pump weighs 3 kg without its case **********.\n",
            "b.md": "# Models\n\nThe P35 pump weighs 5 kg without its case *********.\n",
            "c.md": "# Notes\n\nThe P20 pump weighs 3000 g without its case ********.\n",
        },
        query="weight",
        limit=4,
    )
    assert len(answer.citations) >= 2
    assert all(c.differs == () for c in answer.citations)


def test_sameness_of_sentences() -> None:
    assert says_the_same("Nerves regrow slowly in adults.", "Nerves regrow very slowly in adults, too.")
    assert not says_the_same(
        "The nerve is cut before the muscle is moved there.", "The nerve is cut after the muscle is moved there, too."
    )
    assert not says_the_same(
        "The drug increased the force of the muscle greatly", "The drug decreased the force of the muscle greatly"
    )


def test_quote_that_differs_from_its_document_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One star * here. Two stars ** there.")
    index = index_of(tmp_path, WordEmbedder())
    passage = index.passages[0]
    forged = Passage(passage.document_id, passage.span, passage.text.replace("Two", "Six"), sentences=passage.sentences)
    with pytest.raises(IndexBroken, match="not what the document says"):
        compose("stars", "stars", [Hit(forged, 1.0, 1)], StarReader(), index, AnsweringSettings(min_confidence=0), SURE)


class StrayPhraseReader(StarReader):
    """Reports an answer phrase outside of its sentence."""

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        return [ScoredSentence(s.passage, s.number, s.score, Span(0, 999)) for s in super().read(query, passages)]


class BracketReader(StarReader):
    """Reports the text in brackets as the answer phrase."""

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        scored = []
        for s in super().read(query, passages):
            start = s.sentence.span.start
            phrase = Span(start + s.text.index("(") + 1, start + s.text.index(")")) if "(" in s.text else None
            scored.append(ScoredSentence(s.passage, s.number, s.score, phrase))
        return scored


def test_sources_that_agree_on_one_fact_are_quoted_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Axons regrow at (about 1 mm a day) here *********.")
    (tmp_path / "b.txt").write_text("Muscles may wait long as nerves creep by (1 mm) ********.")
    (tmp_path / "c.txt").write_text("Others have seen (3 mm) once in a while ********.")
    index = index_of(tmp_path, WordEmbedder())
    hits = [Hit(passage, 1.0, rank, 0.5) for rank, passage in enumerate(index.passages, start=1)]
    answer = compose("how fast", "how fast", hits, BracketReader(), index, AnsweringSettings(min_confidence=0), SURE)
    assert [(c.document_id, [place.document_id for place in c.also]) for c in answer.citations] == [
        ("a.txt", []),  # b.txt does not say the same, it only has the same answer phrase
        ("c.txt", []),
    ]
    assert [c.document_id for c in answer.more] == ["b.txt"]
    answer = compose("what are they", "what are they", hits, BracketReader(), index, AnsweringSettings(min_confidence=0), SURE)
    assert [c.document_id for c in answer.citations] == ["a.txt", "b.txt", "c.txt"]


def test_answer_phrase_outside_its_sentence_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One star * here.")
    index = index_of(tmp_path, WordEmbedder())
    with pytest.raises(IndexBroken):
        compose(
            "stars",
            "stars",
            [Hit(index.passages[0], 1.0, 1)],
            StrayPhraseReader(),
            index,
            AnsweringSettings(min_confidence=0),
            SURE,
        )


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("Hello there!", "greeting"),
        ("thank you very much", "greeting"),
        ("xqzrt wvbnm kjhgf", "gibberish"),
        ("?!?", "gibberish"),
        ("¿Cuáles son los síntomas de la enfermedad?", "other_language"),
        ("Wie wird die Krankheit behandelt und wann?", "other_language"),
        ("что такое нерв", "other_language"),
        ("who won the football match", "not_in_documents"),
        ("who won the football star", "near_miss"),
        ("which star is here", "near_miss"),
    ],
)
def test_reason_of_an_abstention(query: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One star * is here.")
    index = index_of(tmp_path, WordEmbedder())
    hits = [Hit(index.passages[0], 1.0, 1, relative_similarity=0.2)]
    answer = compose(query, query, hits, StarReader(), index, AnsweringSettings(min_confidence=1.0), SURE)
    assert (answer.abstained, answer.reason) == (True, reason)


def test_abstention_lists_the_words_looked_for(tmp_path: Path) -> None:
    answer, _ = ask(tmp_path, {"a.txt": "One star * is here."}, query="Which Pulsars outshine a star?", minimum=1.0)
    assert (answer.looked_for, answer.unknown) == (("Pulsars", "outshine", "star"), ("Pulsars", "outshine"))


def test_english_is_not_mistaken_for_another_language() -> None:
    for question in ("What is a nerve?", "nerve graft die off", "How do I treat la maladie?", "π and Σ", ""):
        assert foreign_language(question) is None
    assert [foreign_language(q) for q in ("Was ist das und wann", "что это", "神経とは何か")] == ["German", "Cyrillic", "Cjk"]


def test_confidence_of_a_worked_example() -> None:
    calibration = Calibration(-1.0, (0.5, 2.0, 1.0, -0.25), 0.4, SURE.bands, {}, {})
    signals = {"best": 2.0, "similarity": 0.6, "rank": 0.5, "unnamed": 1.0}
    # -1 + 1 + 1.2 + 0.5 - 0.25 = 1.45; 1 / (1 + e^-1.45) = 0.81
    assert calibration.confidence(signals) == pytest.approx(0.8100, abs=1e-3)
    assert calibration.confidence({}) == 0.0
    bands = [calibration.band(c) for c in (0.1, 0.5, 0.89, 0.9, 1.0)]
    assert [band.strength if band else None for band in bands] == [None, "weak", "weak", "strong", "strong"]


def test_scores_are_weighted_by_retrieval_and_by_the_question_of_a_faq(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("FAQ\n\nHow fast do nerves regrow?\nA day. Or two.\n\nDoes it hurt?\nOften, at night.\n")
    index = index_of(tmp_path, WordEmbedder())
    passages = [passage for passage in index.passages if passage.headings]
    scored = [ScoredSentence(p, n, 0.5) for p in passages for n, s in enumerate(p.sentences) if s.quotable]
    hits = [Hit(passages[0], 1.0, 2), Hit(passages[1], 2.0, 1)]
    weighted = weighed("how fast do muscles regrow", scored, hits)
    # One standard deviation below the best: e^-1. Two of fast, nerve, regrow, muscle are shared: e^(5/2); less for the second.
    log_odds = [round(math.log(s.score / (1 - s.score)), 2) for s in weighted]
    assert log_odds == [pytest.approx(2.5 - 1, abs=0.01), pytest.approx(2.5 / 1.5 - 1, abs=0.01), 0.0]


class RecordingReader(StarReader):
    """Keeps the ids of the documents that it reads."""

    def __init__(self) -> None:
        self.documents: list[list[str]] = []

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        self.documents.append([passage.document_id for passage in passages])
        return super().read(query, passages)


@pytest.mark.parametrize(
    ("stars", "further", "read", "quoted"),
    [
        ("****", 4, [["a.txt", "b.txt"], ["c.txt", "d.txt"]], "d.txt"),  # no sentence of the first two probably answers
        ("******", 4, [["a.txt", "b.txt"]], "b.txt"),
        ("****", 0, [["a.txt", "b.txt"]], "b.txt"),
        ("****", 9, [["a.txt", "b.txt"], ["c.txt", "d.txt"]], "d.txt"),  # there are no more than four
    ],
)
def test_further_passages_are_read_if_the_first_do_not_answer(
    stars: str, further: int, read: list[list[str]], quoted: str, tmp_path: Path
) -> None:
    for name, text in {"a": "A star *.", "b": f"Some stars {stars}.", "c": "No star.", "d": "Many stars *********."}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    index = index_of(tmp_path, WordEmbedder())
    hits = [Hit(passage, 1.0, rank) for rank, passage in enumerate(index.passages, start=1)]
    reader = RecordingReader()
    settings = AnsweringSettings(read=2, read_further=further, max_sentences=1, min_confidence=0)
    answer = compose("stars", "stars", hits, reader, index, settings, SURE)
    assert reader.documents == read
    assert [citation.document_id for citation in answer.citations] == [quoted]


def test_threshold_defaults_to_that_of_the_calibration(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("One star * is here.")
    index = index_of(tmp_path, WordEmbedder())
    hits = [Hit(index.passages[0], 1.0, 1, similarity=0.7)]
    for threshold, abstained in ((0.5, False), (0.51, True)):
        calibration = Calibration(0.0, (0.0,) * 4, threshold, (), {}, {})
        assert compose("star", "star", hits, StarReader(), index, AnsweringSettings(), calibration).abstained == abstained


ODD = [
    "İstanbul",
    "Straße",
    "ﬁbre",
    "😀",
    "👩‍⚕️",
    "e\u0301tude",
    "naïve",
    "soft\u00adhyphen",
    "zero\u200bwidth",
    "\u202eright",
    "神経",
    "5 mg",
    "50 mg",
    "not",
    "x²",
    "“so”",
]


@pytest.mark.slow
def test_ten_thousand_quotes_are_exact_slices(tmp_path: Path) -> None:
    """Random sentences with repetitions in 50 documents: every quote is the slice at its place, and no place is cited twice."""
    import random

    rng = random.Random(1)
    usual = "nerve muscle grows wastes slowly after injury the of a fibre every week in".split()
    pool = [
        " ".join(
            [
                "Here",
                *(rng.choice(ODD if rng.random() < 0.2 else usual) for _ in range(rng.randrange(3, 9))),
                "*" * rng.randrange(1, 9),
            ]
        )
        for _ in range(6000)
    ]
    count = 0
    for number in range(50):
        sentences = [f"{rng.choice(pool)}." for _ in range(200)]  # with many repetitions
        count += len(sentences)
        ends = [rng.choice([" ", "  ", "\n", "\r\n", "\n\n"]) for _ in sentences]
        text = "".join(sentence + end for sentence, end in zip(sentences, ends, strict=True))
        (tmp_path / f"{number}.txt").write_bytes(text.encode())
    index = index_of(tmp_path, WordEmbedder())
    shown: set[tuple[str, Span]] = set()
    for at in range(0, len(index.passages), 6):
        hits = [Hit(passage, 1.0, rank, 0.5) for rank, passage in enumerate(index.passages[at : at + 6], start=1)]
        settings = AnsweringSettings(max_sentences=100, min_confidence=0)
        for query in ("what are they", "when"):
            answer = compose(query, query, hits, StarReader(), index, settings, SURE)
            assert [s.citation for s in answer.sentences] == [c.number for c in answer.citations]
            places = [(c.document_id, c.span) for c in answer.citations]
            assert len(set(places)) == len(places)
            for sentence, citation in zip(answer.sentences, answer.citations, strict=True):
                text = index.documents[citation.document_id].text
                assert sentence.text == citation.quote == text[citation.span.start : citation.span.end]
                assert all(place.quote == place.span.of(index.documents[place.document_id].text) for place in citation.also)
            shown |= set(places)
    assert count == 10_000
    assert len(shown) > 3_000


# Texts in which searching for the quote afterwards, as other programs do, would find the wrong sentence.
TRAPS = {
    "negation": ("Treatment did not prevent atrophy in the denervated group. It did prevent pain **********.", "It did prevent pain **********."),
    "twice": ("No effect was seen. Group B came next. No effect was seen **********.", "No effect was seen **********."),
    "longer letters": ("İİİİ İstanbul. Denervation causes atrophy quickly **********. İ ends.", "Denervation causes atrophy quickly **********."),
    "white space": ("Dose: 5 mg.  Repeat  daily **********.", "Repeat  daily **********."),
    "first among equals": ("Dose was 5 mg *. Dose was 50 mg **********.", "Dose was 50 mg **********."),
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_chosen_sentence_is_the_one_cited(trap: str, tmp_path: Path) -> None:
    text, wanted = TRAPS[trap]
    answer, index = ask(tmp_path, {"a.txt": text, "b.txt": text.replace("*", "")}, query="when was it", limit=1)
    first = next(s for s in answer.sentences if not s.context)
    citation = answer.citations[first.citation - 1]
    assert (first.text, citation.quote, citation.document_id) == (wanted, wanted, "a.txt")
    assert citation.span.start == text.rindex(wanted)
    assert index.documents["a.txt"].text[citation.span.start : citation.span.end] == wanted
