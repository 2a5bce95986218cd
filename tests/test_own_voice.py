"""Small talk and questions about the program, through `Chat.ask`: true, in its own voice, without a citation."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rag.conversation import Chat
from rag.wire import answer_from, answer_values
from tests.conftest import WordEmbedder
from tests.test_followups import REPOT, asked, chat, history_of  # noqa: F401 - chat is a fixture


@pytest.mark.parametrize(
    ("question", "reason", "said"),
    [
        ("thanks, that helps", "small_talk", "You're welcome."),
        ("hi there", "greeting", "Hello."),
        ("bye", "small_talk", "Goodbye."),
        ("great answer!", "small_talk", "Thank you."),
        ("are you a bot?", "small_talk", "a program and not a person"),
        ("what can you do?", "about_program", "I search 2 documents"),
        ("which documents do you have?", "about_program", "- Guide to ferns (guide.md)"),
        ("how many documents do you have", "about_program", "2 documents"),
        ("how do you work?", "about_program", "I write no answers myself"),
        ("do you store my questions?", "about_program", "nothing is sent anywhere"),
        ("when was the index last updated?", "about_program", "The index was built on 20"),
        ("when was nothere.pdf last updated", "about_program", "I have no document called nothere.pdf."),
    ],
)
@pytest.mark.parametrize("later", [False, True], ids=["at once", "after an answer"])
def test_the_program_speaks_for_itself(chat: Chat, question: str, reason: str, said: str, later: bool) -> None:  # noqa: F811
    answer = chat.ask(question, history=asked(chat, REPOT) if later else ())
    assert (answer.abstained, answer.reason, answer.citations, answer.nearest) == (True, reason, (), ())
    assert said in answer.message
    assert answer.confidence == 0.0 and answer.query == question
    assert answer_from(answer_values(answer)) == answer


def test_counts_are_those_of_the_index_and_of_the_documents_asked(chat: Chat) -> None:  # noqa: F811
    passages = chat.index().manifest.passages
    assert chat.ask("how many documents are there").message == f"I have 2 documents, which make {passages} passages."
    scoped = chat.ask("which documents do you have", documents=["faq.txt"]).message
    assert "faq.txt" in scoped and "guide.md" not in scoped


@pytest.mark.parametrize("name", ["the Guide to ferns", "guide.md", "guide", "the document guide.md"])
def test_date_of_a_document_is_that_of_its_file(chat: Chat, corpus: Path, name: str) -> None:  # noqa: F811
    moment = datetime(2021, 5, 4, 12, tzinfo=UTC).timestamp()
    os.utime(corpus / "guide.md", (moment, moment))
    answer = chat.ask(f"When was {name} last updated?")
    assert answer.reason == "about_program"
    assert answer.message.startswith("The file of Guide to ferns (guide.md) was last changed on 2021-05-04.")


def test_questions_to_the_documents_have_no_message(chat: Chat) -> None:  # noqa: F811
    assert chat.ask(REPOT).message == ""
    assert chat.ask("When was the bridge last updated?").reason != "about_program"


def test_a_given_query_is_searched_even_if_it_is_small_talk(chat: Chat) -> None:  # noqa: F811
    assert chat.ask("thanks", query="Are ferns toxic to cats?").query == "Are ferns toxic to cats?"


@pytest.mark.parametrize("known", [True, False], ids=["citations in the history", "user turns alone"])
@pytest.mark.parametrize("between", [(), ("thanks",), ("say that again",)])
def test_again_gives_the_last_answer_again(chat: Chat, known: bool, between: tuple[str, ...]) -> None:  # noqa: F811
    history = asked(chat, REPOT) if known else history_of(REPOT)
    history += [history_of(text)[0] for text in between]
    first, again = chat.ask(REPOT), chat.ask("pardon? say that again", history=history)
    assert again.question == "pardon? say that again"
    assert (again.citations, again.confidence, again.query) == (first.citations, first.confidence, first.query)


def test_again_after_more_repeats_what_more_gave(chat: Chat) -> None:  # noqa: F811
    history = asked(chat, REPOT)
    more = chat.ask("tell me more", history=history)
    history += [{"speaker": "user", "text": "tell me more"}, {"speaker": "agent", "text": more.text}]
    assert chat.ask("could you repeat that", history=history).citations == more.citations


def test_again_keeps_a_query_that_the_user_changed(chat: Chat) -> None:  # noqa: F811
    changed = chat.ask(REPOT, query="Are ferns toxic to cats?")
    history: list[dict[str, Any]] = [{"speaker": "user", "text": REPOT}, {"speaker": "agent", **answer_values(changed)}]
    assert chat.ask("repeat that please", history=history).citations == changed.citations


def test_more_after_thanks_continues_the_answer(chat: Chat) -> None:  # noqa: F811
    history = [*asked(chat, REPOT), *history_of("thanks!", "You're welcome.")]
    quotes = [citation.quote for citation in chat.ask("tell me more", history=history).citations]
    assert "True ferns are safe for cats." in quotes


@pytest.mark.parametrize("reply", ["really?", "in which document?", "says who", "which page is that on"])
def test_doubts_and_questions_for_the_source_show_it(chat: Chat, reply: str) -> None:  # noqa: F811
    answer = chat.ask(reply, history=asked(chat, REPOT))
    assert "Repot a fern every two years." in [s.text for s in answer.sentences if not s.context]
    assert answer.citations[0].document_id == "faq.txt" and answer.confidence == 0.0


@pytest.mark.parametrize("reply", ["[9]", "number 9 pls", "the ninth one"])
def test_a_number_that_is_not_there_is_said_so(chat: Chat, reply: str) -> None:  # noqa: F811
    history = asked(chat, REPOT)
    answer = chat.ask(reply, history=history)
    assert (answer.reason, answer.choices) == ("no_such_citation", len(history[1]["citations"]))


def test_acts_reach_back_over_small_talk_and_other_acts(chat: Chat) -> None:  # noqa: F811
    history = [*asked(chat, REPOT), *history_of(*["tell me more", "", "thanks", ""] * 5)]
    assert chat.ask("[9]", history=history).reason == "no_such_citation"


@pytest.mark.parametrize("reply", ["tell me more", "the second one", "in which document?", "yes", "say that again"])
def test_acts_after_small_talk_alone_ask_for_a_question(chat: Chat, reply: str) -> None:  # noqa: F811
    answer = chat.ask(reply, history=history_of("hello", "Hello."))
    assert (answer.reason, answer.citations) == ("small_talk", ())
    assert answer.message == "There is no answer yet to go on from. Ask a question first."


def test_source_shows_neighbours_of_the_same_section_only(chat: Chat) -> None:  # noqa: F811
    text = chat.index().documents["guide.md"].text
    quote = "They wilt within two days without water."
    cited = {"document_id": "guide.md", "start": text.index(quote), "end": text.index(quote) + len(quote)}
    answer = chat.ask("show me the source", history=asked(chat, REPOT, citations=[cited]))
    assert [s.text for s in answer.sentences] == ["Ferns need damp soil.", quote]


def test_acts_without_a_conversation_are_searched(chat: Chat, words: WordEmbedder) -> None:  # noqa: F811, ARG001
    for reply in ("tell me more", "the second one", "in which document?", "yes", "say that again"):
        assert chat.ask(reply).reason not in ("small_talk", "about_program", "nothing_more", "no_such_citation")
