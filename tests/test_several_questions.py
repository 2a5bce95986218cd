"""Several questions in one: where they are split, and how their answers are put together."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.parts import joined
from rag.conversation import Chat
from rag.followups.several import MOST_PARTS, split_questions
from rag.records import Answer, Citation, QuotedSentence, Span
from rag.wire import answer_from, answer_values
from tests.test_followups import chat  # noqa: F401 - a fixture


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("What is EMG and how is it done?", ["What is EMG?", "How is it done?"]),
        ("What is EMG? How is it done?", ["What is EMG?", "How is it done?"]),
        ("How much is it, how long does it last and where can I buy it?",
         ["How much is it?", "How long does it last?", "Where can I buy it?"]),
        ("Who wrote the lease, and what does clause 4 say?", ["Who wrote the lease?", "What does clause 4 say?"]),
        ("Tell me what EMG is and how it is done", ["Tell me what EMG is?", "How it is done"]),
        ("Is the shop open on Sunday? And who is the manager?", ["Is the shop open on Sunday?", "And who is the manager?"]),
    ],
)  # fmt: skip
def test_whole_questions_are_split(text: str, questions: list[str]) -> None:
    assert split_questions(text) == questions


@pytest.mark.parametrize(
    "text",
    [
        "What is the difference between axonotmesis and neurotmesis?",
        "How and why do nerves regrow?",
        "What are the causes and treatment of foot drop?",
        "Who discovered SARM1 and when?",
        "Can you explain how and when nerves regrow?",
        "Does it matter what was cut and how it was cut?",
        "Do doctors know who gets ALS and why they get it?",
        "How do we know who should stay and who should go?",
        'What does the sign "Who are you? What do you want?" mean?',
        "What is a neuroma (and what is it not?) in short?",
        "Is it safe? Yes or no?",
        "What is EMG? Thanks!",
        "What is EMG? Please explain.",
        "I had a nerve graft last year. When does it work?",
        "Which nerve is injured and which is not?",
        "What about mouthwash with alcohol? Is it worse than one without?",
        "",
    ],
)
def test_one_question_is_left_whole(text: str) -> None:
    assert split_questions(text) == [text]


@given(st.text(max_size=80), st.text(max_size=80))
def test_splitting_loses_no_question_and_is_deterministic(first: str, second: str) -> None:
    text = f"{first}? {second}?"
    assert split_questions(text) == split_questions(text)
    assert all(question.strip() for question in split_questions(text)) or split_questions(text) == [text]


def test_each_question_is_answered_under_its_own_head(chat: Chat) -> None:  # noqa: F811
    alone = [chat.ask("Are ferns toxic to cats?"), chat.ask("How often should I repot a fern?")]
    answer = chat.ask("Are ferns toxic to cats? How often should I repot a fern?")
    assert [part.question for part in answer.parts] == [part.question for part in alone]
    assert [[c.quote for c in part.citations] for part in answer.parts] == [[c.quote for c in part.citations] for part in alone]
    assert [c.number for c in answer.citations] == list(range(1, len(answer.citations) + 1))
    assert answer.citations == tuple(c for part in answer.parts for c in part.citations)
    assert answer.sentences == tuple(s for part in answer.parts for s in part.sentences)
    assert answer.confidence == min(part.confidence for part in alone)
    assert answer_from(answer_values(answer)) == answer


def test_second_half_is_understood_from_the_first(chat: Chat) -> None:  # noqa: F811
    answer = chat.ask("How often should I repot a fern and what is the best season for it?")
    assert "fern" in answer.parts[1].query
    assert any("Spring" in citation.quote for citation in answer.parts[1].citations)


def test_an_answer_abstains_only_if_all_its_parts_do(chat: Chat) -> None:  # noqa: F811
    half = chat.ask("Are ferns toxic to cats? xkcd qwrtz bvcxz?")
    assert not half.abstained or len(half.parts) == 0
    none = joined("a? b?", [Answer("a?", "a", reason="near_miss"), Answer("b?", "b", reason="not_in_documents")])
    assert none.abstained and none.reason == "near_miss"


def test_too_many_questions_are_said_to_be_too_many(chat: Chat) -> None:  # noqa: F811
    text = " ".join(f"Is fern number {n} toxic to cats?" for n in range(6))
    answer = chat.ask(text)
    assert len(answer.parts) == MOST_PARTS + 1
    assert "Is fern number 4 toxic to cats?" in answer.parts[-1].message


def test_citations_are_numbered_on_and_keep_their_relations() -> None:
    def cited(number: int, differs: tuple[int, ...] = ()) -> Citation:
        return Citation(number, "a.md", "A", Span(number, number + 1), "x", None, (), "0", differs=differs)

    first = Answer("a?", "a", (QuotedSentence("x", 1),), (cited(1),), more=(cited(2),), confidence=0.9)
    second = Answer("b?", "b", (QuotedSentence("x", 2), QuotedSentence("x", 1)), (cited(1, (2,)), cited(2, (1,))), confidence=0.6)
    answer = joined("a? b?", [first, second])
    assert [c.number for c in answer.citations] == [1, 2, 3] and [c.number for c in answer.more] == [4]
    assert [c.differs for c in answer.citations] == [(), (3,), (2,)]
    assert [s.citation for s in answer.sentences] == [1, 3, 2]
    assert (answer.confidence, answer.reason) == (0.6, None)


def test_only_the_documents_named_are_asked(chat: Chat, corpus: Path) -> None:  # noqa: F811, ARG001
    answer = chat.ask("Are ferns toxic to cats? How often should I repot a fern?", documents=["guide.md"])
    assert {citation.document_id for citation in answer.citations} <= {"guide.md"}
