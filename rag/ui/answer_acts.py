"""What the Ask tab can do with a saved answer: copy it, save it as a file, judge it, and watch it."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from rag.accounts.conversations import SavedConversation, SavedTurn
from rag.accounts.users import User
from rag.errors import ConversationError, WatchError
from rag.evaluation.feedback import Judgement, judge
from rag.evaluation.question_sets import GoldSpan
from rag.index.contents import Index
from rag.receipts import VERIFY, conversation_html, conversation_markdown, receipt_text, receipts_text
from rag.records import Span
from rag.review.watch_asking import kept_answer
from rag.review.watch_list import add_watched
from rag.review.watch_sources import watched_turn
from rag.sources import resolve, stale_citations
from rag.translations import t
from rag.ui.answer_view import JUDGED
from rag.ui.calls import Act, Acts, Reply, Request
from rag.ui.conversation_view import copied_text
from rag.ui.room import Room
from rag.word_export import conversation_word

MOST_CHOSEN = 20  # sentences that can be chosen as the right ones
Reference = Annotated[str, Field(max_length=5_000)]  # characters: a document id, a digest and two offsets


class OneAnswer(Request):
    """The answer of turn `turn`, from 0."""

    conversation: str
    turn: int = Field(ge=0)


class SaveAnswers(Request):
    """One answer, or the whole conversation if `turn` is None, as a file."""

    conversation: str
    turn: int | None = Field(None, ge=0)
    form: Literal["md", "html", "json", "docx"]


class JudgeAnswer(OneAnswer):
    """`chosen` are references of the right sentences, for the verdict "chosen"."""

    verdict: Literal["helpful", "wrong", "nothing", "chosen"]
    chosen: list[Reference] = Field([], max_length=MOST_CHOSEN)


def _turn(room: Room, user: User, conversation_id: str, number: int) -> tuple[SavedConversation, SavedTurn]:
    conversation = room.conversations(user).load(conversation_id)
    if number >= len(conversation.turns):
        raise ConversationError("this answer is no longer in the conversation")
    return conversation, conversation.turns[number]


def show_answer(room: Room, user: User, request: OneAnswer) -> Reply:
    """The turn's question and query, the answer as text to copy, and a reference to its first source, "" if none exists."""
    _, turn = _turn(room, user, request.conversation, request.turn)
    answer = turn.answer
    first = answer.citations[0] if answer.citations else answer.nearest[0].passage if answer.nearest else None
    entry = room.chat.index().entry_for(first.document_id) if first else None
    source = f"{entry.digest}:{first.span.start}:{first.span.end}:{entry.id}" if first and entry else ""
    return {"question": turn.question, "query": answer.query, "text": copied_text(answer), "source": source}


def save_answers(room: Room, user: User, request: SaveAnswers) -> Reply:
    """The file's name and content: text, or base64 of a Word document."""
    conversation = room.conversations(user).load(request.conversation)
    if request.turn is None:
        turns, title, name = conversation.turns, conversation.title, "conversation"
    else:
        _, turn = _turn(room, user, request.conversation, request.turn)
        turns, title, name = (turn,), turn.question, "answer"
    return {"name": f"{name}.{request.form}", "text": _file(title, turns, request.form, _day(conversation.changed))}


def _file(title: str, turns: Sequence[SavedTurn], form: str, date: str) -> str:
    answers = [(turn.answer, turn.model, turn.reader) for turn in turns]
    if form == "docx":
        word = conversation_word(title, [turn.answer for turn in turns], VERIFY, date)
        return base64.b64encode(word).decode("ascii")
    if form == "html":
        return conversation_html(title, answers, date)
    if form == "json" and len(turns) == 1:
        return receipt_text(turns[0].answer, form, model=turns[0].model, reader=turns[0].reader)
    return receipts_text(title, answers) if form == "json" else conversation_markdown(title, answers)


def _day(changed: str) -> str:
    """The date of an ISO time, for people; empty if it is none."""
    try:
        return datetime.fromisoformat(changed).astimezone().strftime("%-d %B %Y")
    except ValueError:
        return ""


def judge_answer(room: Room, user: User, request: JudgeAnswer) -> Reply:
    """Saves the user's verdict with the answer, and as a judged question for the evaluation."""
    conversation, turn = _turn(room, user, request.conversation, request.turn)
    gold: tuple[GoldSpan, ...] = ()
    if request.verdict == "chosen":
        gold = tuple(_gold(room.chat.index(), reference) for reference in request.chosen)
    elif request.verdict == "helpful":
        gold = _quoted(room.chat.index(), turn)
    history = tuple({"speaker": t["speaker"], "text": t["text"]} for t in conversation.before(request.turn).history)
    judge(room.chat.settings.evaluation.feedback, Judgement(turn.question, request.verdict, gold, history))
    room.conversations(user).update(request.conversation, lambda now: now.with_verdict(request.turn, turn, request.verdict))
    return {"message": t("Thank you. Saved as a judged question for the evaluation."), "marked": t(JUDGED[request.verdict])}


def _gold(index: Index, reference: str) -> GoldSpan:
    document, span = resolve(index, reference)
    if span == Span(0, 0):
        raise ConversationError("choose a sentence, not a whole document")
    return GoldSpan(document.id, span, span.of(document.text))


def _quoted(index: Index, turn: SavedTurn) -> tuple[GoldSpan, ...]:
    """What the answer quotes, without sentences shown only for context."""
    if stale_citations(index, turn.answer):
        raise ConversationError("the source of this answer has changed; ask again, then judge")
    context = {sentence.citation for sentence in turn.answer.sentences if sentence.context}
    cited = [citation for citation in turn.answer.citations if citation.number not in context]
    return tuple(GoldSpan(citation.document_id, citation.span, citation.quote) for citation in cited)


def watch_answer(room: Room, user: User, request: OneAnswer) -> Reply:
    """Watches the question of an answer: later answers are compared with this one."""
    _, turn = _turn(room, user, request.conversation, request.turn)
    watched = watched_turn(turn, first=request.turn == 0)
    if watched is None:
        raise WatchError("this asked the documents nothing, so there is nothing to watch")
    if watched.answer is None:
        answer = room.chat.ask(watched.question, documents=list(watched.documents) or None, query=watched.query)
        watched = replace(watched, answer=kept_answer(answer))
    settings = room.chat.settings
    new, _known = add_watched(settings.watched_file, [watched], answered_by=settings.index)
    message = "Watched from now on: the Review tab tells when the answer changes." if new else "This question is watched already."
    return {"message": message}


ANSWER_ACTS: Acts[Room] = {
    "written": Act(OneAnswer, show_answer),
    "save": Act(SaveAnswers, save_answers),
    "judge": Act(JudgeAnswer, judge_answer),
    "watch": Act(OneAnswer, watch_answer, "Only curators can watch answers."),
}
