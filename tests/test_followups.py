"""Follow-up questions: rewriting, replies that act on the last answer, and readings of ambiguous questions."""

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.wording import ABSTENTIONS, abstention_notes, in_plain_words
from rag.config import EmbeddingSettings, RetrievalSettings, Settings
from rag.conversation import Chat
from rag.evaluation.question_sets import load_question_set
from rag.followups.acts import LAST, Act, act_of, last_answer
from rag.followups.context_terms import LONGEST, RECENT, recent_turns
from rag.followups.cues import cues_of, points_back
from rag.followups.dependence import dependence
from rag.followups.history import Turn, questions_answered, turns_of
from rag.followups.readings import readings_of
from rag.followups.rewriting import rewritten, with_phrases
from rag.index.updating import Recipe, update_index
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import model_identity
from rag.numeric import Vectors
from rag.reader.scored_sentences import ScoredSentence
from rag.reader.similarity_reader import SimilarityReader
from rag.records import Answer, CitedSpan, Passage, Span
from rag.retrieval import WeightedQuery, retrieve, retrieve_together
from rag.wire import answer_from, answer_values
from tests.conftest import ROOT, SIMILARITY, WordEmbedder, index_of


def history_of(*texts: str) -> list[dict[str, Any]]:
    """Turns of user and agent, alternating, the user first."""
    return [{"speaker": ("user", "agent")[n % 2], "text": text} for n, text in enumerate(texts)]


def dialogue(*texts: str) -> list[Turn]:
    """The same as records."""
    return turns_of(history_of(*texts))


def query_of(question: str, history: Sequence[Turn]) -> str:
    if dependence(question, history, WordEmbedder()) != "clear":
        return question
    return rewritten(question, history, lambda term: 0.3 if term in COMMON else 0.8).query


COMMON = {
    "common",
    "strike",
    "one",
    "two",
    "peopl",
    "100",
    "000",
    "100,000",
    "year",
    "medicin",
    "help",
    "best",
    "work",
    "equal",
    "well",
}


GBS = dialogue(
    "How common is Guillain-Barré syndrome?", "Guillain-Barré syndrome strikes one or two people in 100,000 each year."
)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("And how is it treated?", "how is Guillain-Barré syndrome treated?"),
        ("Who gets it?", "Who gets Guillain-Barré syndrome?"),
        ("What are its symptoms?", "What are Guillain-Barré syndrome’s symptoms?"),
        ("how fast?", "how fast in Guillain-Barré syndrome?"),
        ("And children?", "children in Guillain-Barré syndrome?"),
        ("Something else: how is it that nerves grow?", "Something else: how is it that nerves grow?"),
        ("Which muscles does the ulnar nerve supply?", "Which muscles does the ulnar nerve supply?"),
    ],
)
def test_follow_ups_are_completed_and_new_subjects_left_alone(question: str, wanted: str) -> None:
    assert query_of(question, GBS) == wanted


def test_subject_is_kept_over_several_turns() -> None:
    history = [*GBS, *dialogue("How is it treated?", "Immunoglobulin and plasma exchange work equally well.")]
    assert "Guillain-Barré" in query_of("how long does it take to recover?", history)


def test_quoted_terms_can_be_asked_about() -> None:
    history = dialogue("Which medicine helps?", "Duloxetine has the best evidence.")
    assert "Duloxetine" in query_of("At what dose?", history)


@pytest.mark.parametrize(
    ("question", "points"),
    [
        ("How many babies are born with it?", True),
        ("What are its symptoms?", True),
        ("how long does it take to recover from denervation?", False),
        ("My brother has just been told he has ALS.", False),
        ("I have had a nerve graft. When does it work?", False),
        ("How long should sourdough rest before it goes in the oven?", False),
        ("Is that so?", True),
        ("What happens in denervation?", False),
    ],
)
def test_a_word_that_refers_within_its_question_does_not_point_back(question: str, points: bool) -> None:
    assert points_back(question) == points


def test_small_talk_acts_and_unanswered_questions_are_no_context() -> None:
    asked, answered = "How common is Guillain-Barré syndrome?", "It strikes one or two people in 100,000 each year."
    history = dialogue(asked, answered, "thanks!", "You are welcome.", "tell me more", "More of it.", "What is chronaxie?", "")
    assert [turn.text for turn in questions_answered(history)] == [asked, answered]
    assert [turn.text for turn in questions_answered(dialogue(asked))] == [asked]
    assert questions_answered([]) == []


def test_a_bare_question_asks_about_the_last_one_alone() -> None:
    history = [*GBS, *dialogue("How fast do nerves regrow?", "Injured nerves grow back at about 1 mm a day.")]
    query = rewritten("why?", history, lambda term: 0.7).query
    assert "nerves" in query and "Guillain" not in query


@given(st.text(max_size=60))
def test_first_question_is_unchanged(question: str) -> None:
    assert dependence(question, (), WordEmbedder()) == "none"
    asked = rewritten(question, (), lambda term: 0.7)
    assert (asked.query, asked.weight) == (question, 0.0)


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=6))
def test_understanding_is_deterministic_and_keeps_the_typed_question(question: str, texts: list[str]) -> None:
    first, second = (rewritten(question, dialogue(*texts), lambda term: 0.7) for _ in range(2))
    assert first == second
    assert first.typed == question and 0 <= first.weight <= 1


class CountedTurns(Sequence[Turn]):
    """Turns that count how often one is accessed."""

    def __init__(self, turns: list[Turn]) -> None:
        self.turns, self.accesses = turns, 0

    def __getitem__(self, number: Any) -> Any:
        self.accesses += 1
        return self.turns[number]

    def __len__(self) -> int:
        return len(self.turns)

    def __iter__(self) -> Iterator[Turn]:
        raise AssertionError("all turns were visited")


def test_a_long_conversation_costs_no_more_than_a_short_one() -> None:
    work = []
    for length in (10, 1000):
        turns = CountedTurns(dialogue(*(f"What about nerve {n}? " + "x" * 10_000 for n in range(length))))
        assert dependence("And that?", turns, WordEmbedder()) == "clear"
        rewritten("And that?", turns, lambda term: 0.7)
        last_answer(turns)
        recent = recent_turns(turns)
        work.append((turns.accesses, len(recent), sum(len(turn.text) for turn in recent)))
    assert work[0] == work[1]
    assert work[1][1] == RECENT + 1 and work[1][2] <= LONGEST * (RECENT + 1)


def test_choosing_the_turns_that_count_as_context_costs_no_more_in_a_long_conversation() -> None:
    accesses = []
    for length in (100, 1000):
        turns = CountedTurns(dialogue(*(f"What about nerve {n}?" for n in range(length))))
        kept = questions_answered(turns)
        assert kept == [*turns.turns[:2], *turns.turns[-len(kept) + 2 :]]
        accesses.append(turns.accesses)
    assert accesses[0] == accesses[1]


class RecordingEmbedder(WordEmbedder):
    """Has the identity of the settings' model, and records the queries that it is asked to embed."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        super().__init__()
        self.identity = model_identity(settings)
        self.queries: list[str] = []

    def embed_query(self, query: str) -> Vectors:
        self.queries.append(query)
        return np.zeros(384, dtype=np.float32)


@pytest.mark.parametrize(
    ("settings", "used"),
    [
        ({}, True),
        ({"backend": "float32"}, True),
        ({"query_prefix": "query: "}, False),
        ({"model": str(ROOT), "backend": "float32"}, False),
    ],
)
def test_only_vectors_as_in_training_decide_on_dependence(settings: dict[str, str], used: bool) -> None:
    embedder = RecordingEmbedder(EmbeddingSettings.model_validate(settings))
    dependence("How is it treated?", GBS, embedder)
    assert embedder.queries == (["How is it treated?", GBS[0].text] if used else [])


@pytest.mark.parametrize("question", ["", "?", "什么是神经", "And " * 5000])
@pytest.mark.parametrize(
    "turns",
    [
        [Turn(by_user=True, text="")],
        [Turn(by_user=True, text="x" * 100_000), Turn(by_user=True, text="Hello")],
        [Turn(by_user=False, text="Hello"), Turn(by_user=True, text="What is a nerve?"), Turn(by_user=False, text="")],
    ],
    ids=["empty turn", "no agent", "agent first"],
)
def test_dependence_of_unusual_questions_and_histories_is_deterministic(question: str, turns: list[Turn]) -> None:
    first, second = (dependence(question, turns, WordEmbedder()) for _ in range(2))
    assert first == second
    assert dependence(question, [turn for turn in turns if not turn.by_user], WordEmbedder()) == "none"


@pytest.mark.parametrize(
    ("question", "whole"),
    [
        ("Why is suxamethonium dangerous in denervated muscle?", True),
        ("Is there a cure for beriberi?", True),
        ("Which nerve carries pain from the knee?", True),
        ("Is it dangerous?", False),
        ("What slows that down?", False),
        ("What about children?", False),
        ("How soon?", False),
        ("and pregabalin?", False),
        ("Which is better?", False),
    ],
)
def test_cues_tell_whether_a_question_stands_alone(question: str, whole: bool) -> None:
    assert cues_of(question).whole is whole


@pytest.mark.parametrize(
    ("question", "phrases", "wanted"),
    [
        ("But does it hurt?", ["the biopsy", "needle"], "does the biopsy hurt in needle?"),
        ("What is their cost?", ["braces"], "What is braces’ cost?"),
        ("How soon", ["a denervated muscle"], "How soon in denervated muscle"),
        ("Does this drug help?", ["riluzole"], "Does this drug help in riluzole?"),
        ("Is it true that nerves grow?", ["axons"], "Is it true that nerves grow in axons?"),
        ("So, is it safe?", ["riluzole"], "is riluzole safe?"),
        ("So-called drop foot?", ["riluzole"], "So-called drop foot in riluzole?"),
    ],
)
def test_phrases_replace_a_pronoun_or_are_appended(question: str, phrases: list[str], wanted: str) -> None:
    assert with_phrases(question, phrases) == wanted


@pytest.mark.parametrize(
    ("reply", "act"),
    [
        ("Tell me more", Act("more")),
        ("tell me more about that, ", Act("more")),
        ("Please go on.", Act("more")),
        ("Yes!", Act("yes")),
        ("yes please", Act("yes")),
        ("The second one", Act("one", 2)),
        ("number 3", Act("one", 3)),
        ("the last one", Act("one", LAST)),
        ("[0]", Act("one", 0)),
        ("source 12", Act("one", 12)),
        ("the tenth one", Act("one", 10)),
        ("source 2020", None),
        ("Give me the source of that", Act("source")),
        ("Where does it say that?", Act("source")),
        ("Who says so?", Act("source")),
        ("Anything else?", Act("next")),
        ("Tell me more about botulism", None),
        ("And the second one?", None),
        ("What is the source of the sciatic nerve?", None),
        ("Yes, but how long does it take?", None),
        ("", None),
    ],
)
def test_replies_that_act_on_the_last_answer(reply: str, act: Act | None) -> None:
    assert act_of(reply) == act


@pytest.fixture
def chat(corpus: Path, words: WordEmbedder, tmp_path: Path) -> Chat:
    settings = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    update_index(corpus, settings.index, Recipe(words, settings.passages))
    return Chat(settings, words)


def asked(chat: Chat, question: str, **agent_values: Any) -> list[dict[str, Any]]:
    """The history after a question; `agent_values` replace or extend those of the agent's turn."""
    answer = chat.ask(question)
    citations = [{"document_id": c.document_id, "start": c.span.start, "end": c.span.end} for c in answer.citations]
    return [
        {"speaker": "user", "text": question},
        {"speaker": "agent", "text": answer.text, "citations": citations, "query": answer.query, **agent_values},
    ]


REPOT = "How often should I repot a fern?"


@pytest.mark.parametrize("known", [True, False], ids=["citations in the history", "text alone"])
def test_more_and_source_continue_the_last_answer(chat: Chat, known: bool) -> None:
    history = asked(chat, REPOT)
    if not known:
        history[1] = {"speaker": "agent", "text": history[1]["text"]}
    more = chat.ask("Tell me more", history=history)
    quotes = [citation.quote for citation in more.citations]
    assert "True ferns are safe for cats." in quotes and "Repot a fern every two years." not in quotes
    source = chat.ask("Give me the source of that", history=history)
    assert "Repot a fern every two years." in [s.text for s in source.sentences if not s.context]
    assert more.query == source.query == REPOT and more.question == "Tell me more"


def test_second_one_is_the_second_citation_and_yes_the_first_reading(chat: Chat) -> None:
    history = asked(chat, REPOT)
    text = chat.index().documents["guide.md"].text
    start = text.index("They wilt")
    history[1]["citations"].insert(1, {"document_id": "guide.md", "start": start, "end": start + 5})
    assert chat.ask("the second one", history=history).citations[0].quote.startswith("They wilt within two days")
    history[1]["readings"] = ["Are ferns toxic to cats?", REPOT]
    assert chat.ask("yes", history=history).query == "Are ferns toxic to cats?"
    assert chat.ask("the second one", history=history).query == REPOT


def test_next_best_answer_skips_what_was_quoted(chat: Chat) -> None:
    history = asked(chat, "Are ferns toxic to cats?")
    cited = {(c["document_id"], c["start"]) for c in history[1]["citations"]}
    other = chat.ask("Anything else?", history=history)
    assert cited.isdisjoint({(c.document_id, c.span.start) for c in other.citations})


def test_nothing_more_at_the_end_of_a_document(chat: Chat) -> None:
    document = chat.index().documents["faq.txt"]
    history = asked(chat, REPOT, citations=[{"document_id": "faq.txt", "start": 0, "end": len(document.text)}])
    assert chat.ask("tell me more", history=history).reason == "nothing_more"


@pytest.mark.parametrize("citations", ["x", [1], [{"document_id": 1}], [{"document_id": "gone.md", "start": 0, "end": 9}], None])
def test_malformed_citations_are_recomputed(chat: Chat, citations: Any) -> None:
    history = asked(chat, REPOT, citations=citations)
    assert chat.ask("tell me more", history=history).citations


def test_acts_stay_within_the_documents_asked(chat: Chat) -> None:
    answer = chat.ask("tell me more", history=asked(chat, REPOT), documents=["guide.md"])
    assert {citation.document_id for citation in answer.citations} <= {"guide.md"}


def test_given_query_is_searched_unchanged(chat: Chat) -> None:
    history = asked(chat, REPOT)
    assert chat.ask("And them?", history=history, query="Are ferns toxic to cats?").query == "Are ferns toxic to cats?"
    assert chat.ask("tell me more", history=history, query="tell me more").query == "tell me more"


@pytest.mark.parametrize(
    ("reply", "reason"), [("Thanks!", "small_talk"), ("ok", "small_talk"), ("hello", "greeting"), ("xkcd qwrtz", "gibberish")]
)
def test_small_talk_after_an_answer_stays_small_talk(chat: Chat, reply: str, reason: str) -> None:
    answer = chat.ask(reply, history=asked(chat, REPOT))
    assert answer.query == reply
    assert chat.understand(reply, asked(chat, REPOT)).query == reply
    assert answer.reason == reason


def test_acting_on_an_abstention_repeats_its_reason(chat: Chat) -> None:
    answer = chat.ask("tell me more", history=history_of("xkcd qwrtz", ""))
    assert (answer.question, answer.reason) == ("tell me more", "gibberish")


def test_lone_surrogates_in_a_history_are_harmless(chat: Chat) -> None:
    assert "\ud800" not in chat.ask("And how is it treated?", history=history_of("What is \ud800fern rot?", "\udfff")).query


@pytest.mark.parametrize("question", ["什么是神经", "蕨类植物对猫有毒吗?", "Was sind Farne und wie oft werden sie gegossen?"])
def test_question_in_another_language_is_left_alone(chat: Chat, question: str) -> None:
    understood = chat.understand(question, asked(chat, REPOT))
    assert (understood.query, understood.other) == (question, "")


class CountingReader(SimilarityReader):
    """Counts how often passages are read."""

    reads = 0

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        self.reads += 1
        return super().read(query, passages)


def test_passages_are_read_once_if_no_answer_can_be_strong(chat: Chat, words: WordEmbedder) -> None:
    reader = CountingReader(words)
    once = Chat(chat.settings, words, reader)
    question, history = "Which plants are toxic to dogs?", asked(chat, "Are ferns toxic to cats?")
    assert once.understand(question, history).may_stand_alone and not once.calibration().bands
    once.ask(question, history=history)
    assert reader.reads == 1


def test_conversations_do_not_mix(chat: Chat) -> None:
    cats, alone = asked(chat, "Are ferns toxic to cats?"), chat.ask("Why is that?")
    assert "cats" in chat.ask("Why is that?", history=cats).query
    assert chat.ask("Why is that?") == alone and alone.query == "Why is that?"


def test_two_queries_together_score_their_weighted_mean(corpus: Path, words: WordEmbedder) -> None:
    index, settings = index_of(corpus), RetrievalSettings()
    queries = ("fern water", "toxic cats")
    alone = [{h.passage.id: h.score for h in retrieve(index, q, words.embed_query(q), settings)} for q in queries]
    both = [WeightedQuery(q, words.embed_query(q), weight) for q, weight in zip(queries, (1.0, 0.5), strict=True)]
    together = {hit.passage.id: hit.score for hit in retrieve_together(index, both, settings)}
    assert together.keys() == alone[0].keys()
    for name, score in together.items():
        np.testing.assert_allclose(score, (alone[0][name] + 0.5 * alone[1][name]) / 1.5, atol=2e-6)


def test_readings_are_offered_only_where_several_documents_fit(tmp_path: Path, words: WordEmbedder) -> None:
    for name in ("Measles", "Mumps", "Rubella"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n\nThe recovery time is two weeks.\n")
    index = index_of(tmp_path)
    titles = {name: document.title for name, document in index.documents.items()}

    def readings(question: str) -> tuple[str, ...]:
        return readings_of(question, retrieve(index, question, words.embed_query(question), RetrievalSettings()), titles)

    assert sorted(readings("What is the recovery time?")) == [
        f"What is the recovery time ({name})?" for name in ("Measles", "Mumps", "Rubella")
    ]
    assert readings("What is the recovery time of mumps?") == ()
    assert readings("What is chronaxie?") == ()
    assert readings("") == ()


@pytest.mark.slow
def test_the_handbook_answers_follow_ups(handbook: Settings, embedder: ModelEmbedder) -> None:
    chat = Chat(handbook, embedder)
    first = asked(chat, "What is Hirschsprung disease?")
    answer = chat.ask("how many babies are born with it?", history=first)
    assert "Hirschsprung disease" in answer.query
    assert any("5,000" in citation.quote for citation in answer.citations)
    assert "Hirschsprung" not in chat.ask("What are the visible signs of Horner syndrome?", history=first).query
    assert len(chat.ask("What is the recovery time?").readings) >= 3
    assert chat.ask("How fast do injured nerves grow back?").readings == ()


@pytest.mark.parametrize(
    "reply", ["show me more about " * 40 + "x", "show me more about " * 5 + "x", "yes " * 24 + "x", "a" * 20_000]
)
def test_long_repetitive_replies_match_no_act_quickly(reply: str) -> None:
    assert act_of(reply) is None


def test_citations_of_a_changed_document_are_recomputed(chat: Chat) -> None:
    answer = chat.ask(REPOT)
    wrong = {"document_id": "guide.md", "start": 0, "end": 5}
    now, before = ([{**wrong, "digest": digest}] for digest in (chat.index().documents["guide.md"].digest, "0" * 64))
    here = chat.ask("tell me more", history=asked(chat, REPOT, citations=now))
    again = chat.ask("tell me more", history=asked(chat, REPOT, citations=before))
    assert {citation.document_id for citation in here.citations} == {"guide.md"}
    assert again.citations == chat.ask("tell me more", history=asked(chat, REPOT)).citations != here.citations
    assert answer.citations[0].document_id == "faq.txt"


@pytest.mark.parametrize("known", [True, False], ids=["citations in the history", "text alone"])
@pytest.mark.parametrize(
    "reply", ["[9]", "[2]", "[0]", "[12]", "source 7", "number 2", "the fifth one", "the second one", "the tenth source"]
)
def test_citation_that_does_not_exist(chat: Chat, reply: str, known: bool) -> None:
    history = asked(chat, "Are ferns toxic to cats?")
    assert len(history[1]["citations"]) == 1
    if not known:
        history[1] = {"speaker": "agent", "text": history[1]["text"]}
    answer = chat.ask(reply, history=history)
    assert (answer.abstained, answer.reason, answer.choices, answer.confidence) == (True, "no_such_citation", 1, 0.0)
    assert answer.question == reply
    assert answer_from(answer_values(answer)) == answer
    assert ABSTENTIONS["no_such_citation"] == "The last answer has no such citation."
    assert abstention_notes(answer) == ["It has 1 citation."]


@pytest.mark.parametrize("reply", ["[1]", "the first one", "the last one"])
def test_only_citation_by_number_first_and_last(chat: Chat, reply: str) -> None:
    history = asked(chat, "Are ferns toxic to cats?", citations=[{"document_id": "guide.md", "start": 0, "end": 17}])
    answer = chat.ask(reply, history=history)
    assert not answer.abstained and {citation.document_id for citation in answer.citations} == {"guide.md"}


@pytest.mark.parametrize("reply", ["the third one", "[0]", "option 3"])
def test_reading_that_was_not_offered(chat: Chat, reply: str) -> None:
    history = asked(chat, REPOT, readings=["Are ferns toxic to cats?", REPOT])
    answer = chat.ask(reply, history=history)
    assert (answer.abstained, answer.reason, answer.choices) == (True, "no_such_reading", 2)
    assert abstention_notes(answer) == ["It offered 2 readings."]


def test_citations_keep_their_numbers_when_a_document_is_gone(chat: Chat) -> None:
    document = chat.index().documents["guide.md"]
    start = document.text.index("They wilt")
    gone, there = {"document_id": "gone.md", "start": 0, "end": 9}, {"document_id": "guide.md", "start": start, "end": start + 5}
    history = asked(chat, REPOT, citations=[gone, there])
    assert chat.ask("the second one", history=history).citations[0].quote.startswith("They wilt within two days")
    first = chat.ask("[1]", history=history)
    assert (first.abstained, first.reason, first.confidence) == (True, "citation_gone", 0.0)
    outside = chat.ask("[2]", history=history, documents=["faq.txt"])
    assert outside.reason == "citation_gone"
    stale = chat.ask("[1]", history=asked(chat, REPOT, citations=[{**there, "digest": "0" * 64}]))
    assert stale.reason == "citation_gone"


@pytest.mark.parametrize("reply", ["tell me more", "give me the source", "[1]", "the first one", "anything else?", "yes"])
def test_acts_claim_no_unmeasured_confidence(chat: Chat, reply: str) -> None:
    answer = chat.ask(reply, history=asked(chat, REPOT))
    assert answer.confidence == (chat.calibration().confidence(answer.signals) if answer.signals else 0.0)
    assert answer.signals or answer.abstained or "confidence" not in in_plain_words(answer)


def test_a_reply_that_led_nowhere_leaves_the_answer_to_act_on(chat: Chat) -> None:
    history = asked(chat, "Are ferns toxic to cats?")
    nowhere = chat.ask("[9]", history=history)
    history += [{"speaker": "user", "text": "[9]"}, {"speaker": "agent", "text": "", "query": nowhere.query, "citations": []}]
    assert chat.ask("[1]", history=history).citations == chat.ask("[1]", history=history[:2]).citations != ()


def test_one_malformed_citation_does_not_renumber_the_others() -> None:
    good = {"document_id": "a.md", "start": 0, "end": 5}
    (turn,) = turns_of([{"speaker": "agent", "text": "", "citations": [{"document_id": 1}, good]}])
    assert turn.citations == ()
    (turn,) = turns_of([{"speaker": "agent", "text": "", "citations": [good]}])
    assert turn.citations == (CitedSpan("a.md", Span(0, 5)),)


@pytest.mark.parametrize("value", [5, "abc", {"a": 1}, None])
def test_citations_and_readings_that_are_no_lists_are_dropped(value: Any) -> None:
    (turn,) = turns_of([{"speaker": "agent", "text": "", "citations": value, "readings": value}])
    assert (turn.citations, turn.readings) == ((), ())


def alone_and_after(chat: Chat, question: str, before: str) -> tuple[Answer, Answer]:
    """The answer to a question alone, and after another question and its answer."""
    return chat.ask(question), chat.ask(question, history=asked(chat, before))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("What happens in denervation?", "What is a neurectomy?"),
        ("What is Hirschsprung disease?", "What happens in denervation?"),
        ("How fast do nerves regrow?", "Compare neurapraxia and axonotmesis"),
        ("What is a neurectomy?", "At what speed do nerves grow?"),
        ("What causes foot drop?", "Difference between neurapraxia and axonotmesis"),
        ("What is the Tinel sign?", "Will the feeling return before the strength does once the nerve has been sewn together?"),
    ],
)
def test_questions_that_stand_alone_are_answered_as_if_nothing_came_before(
    handbook: Settings, embedder: ModelEmbedder, before: str, question: str
) -> None:
    alone, after = alone_and_after(Chat(handbook, embedder), question, before)
    assert after.query == question
    assert [c.quote for c in after.citations] == [c.quote for c in alone.citations]


@pytest.mark.slow
def test_any_question_after_any_other_is_answered_as_alone(handbook: Settings, embedder: ModelEmbedder) -> None:
    """All ordered pairs of 40 questions that stand alone; only where earlier turns are searched must the answer be computed."""
    chat = Chat(handbook, embedder)
    questions = [q.text for q in load_question_set(ROOT / "evaluation" / "denervation").questions if not q.history]
    questions = random.Random(7).sample(questions, 40)
    answers = {question: chat.ask(question) for question in questions}
    different = []
    for before, question in itertools.permutations(questions, 2):
        history = history_of(before, answers[before].text)
        understood = chat.understand(question, history)
        if understood.query != question or understood.other:
            answer = chat.ask(question, history=history)
            if [c.quote for c in answer.citations] != [c.quote for c in answers[question].citations]:
                different.append((before, question))
    assert len(different) <= 0.02 * 40 * 39, different
