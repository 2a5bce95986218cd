"""The tab where questions are asked: its layout, and handlers that only hand on."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from rag.accounts.conversations import Conversations, SavedConversation, SavedTurn
from rag.accounts.users import User
from rag.conversation import Chat
from rag.errors import ConversationError, RagError, UnreadableFile
from rag.evaluation.feedback import Judgement, judge
from rag.evaluation.question_sets import GoldSpan
from rag.index.contents import Index
from rag.loading.process.page_drawing import draw_page
from rag.receipts import conversation_html, conversation_markdown, receipt_text, receipts_text
from rag.records import Span
from rag.sources import document_reference, file_link, resolve, source_view, stale_citations, where
from rag.ui.answer_actions import Shown
from rag.ui.answer_view import answer_html, failed_answer_html, pending_answer_html, question_html
from rag.ui.conversation_view import conversations_html, copied_text, document_choice_html
from rag.ui.suggestions import follow_ups

HERE = Path(__file__).parent
LONGEST_QUESTION = 1_000  # characters
MOST_DOCUMENTS = 10_000  # that a question may be limited to by name
FOUND = 8  # passages offered where the right sentence is looked for
ANSWERS_AT_ONCE = 2
LOOKED_EVERY = 0.05  # seconds between two looks whether an answer is still wanted
LONGEST_MARK = 20_000  # characters of a sentence that is marked on its page
WINDOWS = 200  # of text, at most, around a sentence

UserOf = Callable[[gr.Request | None], User]
Messages = list[dict[str, str]]


@dataclass(frozen=True)
class Desk:
    """What the browser holds between two questions; every part is checked, because it may hand in anything.

    `mode` says what the question box is used for: "" to ask, "edit" to ask turn `turn` otherwise, "query" to change how it
    was understood.
    """

    conversation: str = ""
    documents: tuple[str, ...] = ()
    mode: str = ""
    turn: int = 0


def desk_from(value: object) -> Desk:
    try:
        told = json.loads(value) if isinstance(value, str) else {}
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    documents, mode, turn = told.get("documents"), told.get("mode"), told.get("turn")
    listed = documents if isinstance(documents, list) else []
    return Desk(
        conversation=str(told.get("conversation") or ""),
        documents=tuple(name for name in listed[:MOST_DOCUMENTS] if isinstance(name, str)),
        mode=mode if mode in ("edit", "query") else "",
        turn=turn if isinstance(turn, int) and turn >= 0 else 0,
    )


@dataclass(frozen=True)
class Asked:
    """A question to be asked within a conversation; `query` is what to search, None to let it be understood."""

    question: str
    conversation: SavedConversation | None
    documents: tuple[str, ...] = ()
    query: str | None = None


@dataclass
class Asking:
    """What the tab's handlers do, for whoever asks."""

    chat: Chat
    user_of: UserOf
    _stopped: set[str | None] = field(default_factory=set)
    _readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(ANSWERS_AT_ONCE))

    def store(self, request: gr.Request | None) -> Conversations:
        return Conversations(self.chat.settings.server.conversations, self.user_of(request))

    def ask(self, question: Any, held: Any, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
        """Yields the conversation as it is shown, the question box and the desk."""
        desk = desk_from(held)
        text = str(question or "").strip()[:LONGEST_QUESTION]
        if text:
            yield from self._answer(lambda: self._typed(text, desk, request), desk, request)
        else:
            yield gr.skip(), gr.skip(), gr.skip()

    def ask_example(self, held: Any, event: gr.SelectData, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
        value = event.value
        yield from self.ask(value.get("text", "") if isinstance(value, dict) else "", held, request)

    def again(self, held: Any, event: gr.EventData, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
        """Asks the latest question once more, as it is or as it was typed; or a question that was offered."""
        desk, told = desk_from(held), getattr(event, "_data", None) or {}
        if told.get("kind") == "ask":
            text = str(told.get("text") or "").strip()[:LONGEST_QUESTION]
            yield from self._answer(lambda: self._offered(text, desk, request), desk, request)
            return
        written = told.get("kind") == "written"
        yield from self._answer(lambda: self._repeated(desk, request, written=written), desk, request)

    def stop(self, request: gr.Request) -> None:
        """Ends the waiting; what is being read then is not kept.

        Gradio's own way (`cancels`) would break the stream by which the next answer comes.
        """
        self._stopped.add(request.session_hash)

    def resume(self, held: Any, request: gr.Request) -> tuple[Any, Any]:
        """Shows the conversation that the desk names."""
        try:
            return self.messages(self._conversation(desk_from(held), request)), gr.Textbox(value="", stop_btn=False)
        except ConversationError as error:
            return [{"role": "assistant", "content": str(failed_answer_html(str(error)))}], gr.skip()

    def _typed(self, text: str, desk: Desk, request: gr.Request) -> Asked:
        conversation = self._conversation(desk, request)
        if conversation is None or not desk.mode or desk.turn >= len(conversation.turns):
            return Asked(text, conversation, desk.documents)
        turn, before = conversation.turns[desk.turn], conversation.before(desk.turn)
        return Asked(turn.question, before, desk.documents, text) if desk.mode == "query" else Asked(text, before, desk.documents)

    def _offered(self, text: str, desk: Desk, request: gr.Request) -> Asked:
        """A question that the page offered; a reading of the last one is searched exactly."""
        if not text:
            raise ConversationError("there is no question to be asked")
        conversation = self._conversation(desk, request)
        readings = conversation.turns[-1].answer.readings if conversation and conversation.turns else ()
        return Asked(text, conversation, desk.documents, text if text in readings else None)

    def _repeated(self, desk: Desk, request: gr.Request, *, written: bool) -> Asked:
        conversation = self._conversation(desk, request)
        if conversation is None or not conversation.turns:
            raise ConversationError("there is no question yet that could be asked again")
        question = conversation.turns[-1].question
        before = conversation.before(len(conversation.turns) - 1)
        return Asked(question, before, desk.documents, question if written else None)

    def _conversation(self, desk: Desk, request: gr.Request) -> SavedConversation | None:
        return self.store(request).load(desk.conversation) if desk.conversation else None

    def _answer(self, prepare: Callable[[], Asked], desk: Desk, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
        try:
            asked = prepare()
        except RagError as error:
            yield [{"role": "assistant", "content": str(failed_answer_html(str(error)))}], gr.skip(), _desk_value("", desk)
            return
        self._stopped.discard(request.session_hash)
        store = self.store(request)
        conversation = asked.conversation or store.new(asked.question)
        said = [*self.messages(conversation, latest=False), {"role": "user", "content": str(question_html(asked.question))}]
        pending = {"role": "assistant", "content": str(pending_answer_html())}
        yield [*said, pending], gr.Textbox(value="", stop_btn=True), gr.skip()
        try:
            documents = list(asked.documents) or None
            reading = self._readers.submit(
                self.chat.ask, asked.question, history=conversation.history, documents=documents, query=asked.query
            )
            while request.session_hash not in self._stopped and wait([reading], timeout=LOOKED_EVERY).not_done:
                pass
            if request.session_hash in self._stopped:
                reading.cancel()
                self._stopped.discard(request.session_hash)
                yield self.messages(asked.conversation), gr.Textbox(stop_btn=False), gr.skip()
                return
            answer = reading.result()
        except RagError as error:
            yield (
                [*said, {"role": "assistant", "content": str(failed_answer_html(str(error)))}],
                gr.Textbox(stop_btn=False),
                gr.skip(),
            )
            return
        made = {"model": self.chat.embedder.identity.digest, "reader": self.chat.reader.identity}
        turn = SavedTurn(asked.question, answer, documents=asked.documents, **made)
        conversation = replace(conversation, turns=(*conversation.turns, turn))
        store.save(conversation)
        # All in one, and the end: a question sent between this and the event's end may wait for ever (see page.py).
        yield self.messages(conversation), gr.Textbox(stop_btn=False), _desk_value(conversation.id, desk)

    def messages(self, conversation: SavedConversation | None, *, latest: bool = True) -> Messages:
        """A conversation as the Chatbot shows it."""
        if conversation is None:
            return []
        try:
            index = self.chat.index()
        except RagError:
            index = None
        found: Messages = []
        last = len(conversation.turns) - 1 if latest else None
        for number, turn in enumerate(conversation.turns):
            answer = turn.answer
            asked = [one.question for one in conversation.turns]
            suggested = follow_ups(index, answer, asked) if index and number == last else []
            stale = stale_citations(index, answer) if index else ()
            shown = Shown(number, number == last, turn.documents, stale, turn.judged, suggested)
            found.append({"role": "user", "content": str(question_html(turn.question))})
            found.append({"role": "assistant", "content": str(answer_html(answer, shown))})
        return found

    def call(self, told: Any, request: gr.Request | None) -> dict[str, Any]:
        """All that the tab's script asks the server for, by name."""
        try:
            told = told if isinstance(told, dict) else {}
            act = _ACTS.get(str(told.get("do")))
            return act(self, told, request) if act else {"error": "This is not known."}
        except (RagError, OSError) as error:
            return {"error": str(error)}

    def _list(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        listing = self.store(request).find(str(told.get("words") or "")[:200])
        index = self.chat.index()
        html = conversations_html(listing.conversations, str(told.get("conversation")))
        return {"html": html, "documents": len(index.documents), "problems": listing.problems}

    def _choice(self, told: Mapping[str, Any], _: gr.Request | None) -> dict[str, Any]:
        chosen = desk_from(json.dumps(told)).documents
        return {
            "html": document_choice_html(sorted(self.chat.index().documents), set(chosen), str(told.get("words") or "")[:200])
        }

    def _rename(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        self.store(request).rename(told.get("id"), str(told.get("title") or ""))
        return {}

    def _delete(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        self.store(request).delete(told.get("id"))
        return {}

    def _turn(self, told: Mapping[str, Any], request: gr.Request | None) -> tuple[SavedConversation, int]:
        conversation = self.store(request).load(told.get("conversation"))
        number = told.get("turn")
        if not isinstance(number, int) or not 0 <= number < len(conversation.turns):
            raise ConversationError("this answer is no longer in the conversation")
        return conversation, number

    def _written(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        """A turn's question and query, and its answer as text to copy."""
        conversation, number = self._turn(told, request)
        turn = conversation.turns[number]
        answer = turn.answer
        first = answer.citations[0] if answer.citations else answer.nearest[0].passage if answer.nearest else None
        entry = self.chat.index().entry_for(first.document_id) if first else None
        source = f"{entry.digest}:{first.span.start}:{first.span.end}:{entry.id}" if first and entry else ""
        return {"question": turn.question, "query": answer.query, "text": copied_text(answer), "source": source}

    def _save(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        """A file to keep: one answer, or with no turn the conversation."""
        form = str(told.get("form"))
        if form not in ("md", "html", "json"):
            raise ConversationError("an answer can be saved as md, html or json")
        if told.get("turn") is not None:
            conversation, number = self._turn(told, request)
            turn = conversation.turns[number]
            text = receipt_text(turn.answer, form, model=turn.model, reader=turn.reader)
            return {"name": f"answer.{form}", "text": text}
        conversation = self.store(request).load(told.get("conversation"))
        answers = [(turn.answer, turn.model, turn.reader) for turn in conversation.turns]
        write = {"md": conversation_markdown, "html": conversation_html, "json": receipts_text}[form]
        return {"name": f"conversation.{form}", "text": write(conversation.title, answers)}

    def _judge(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        """Keeps what the user says of an answer as a judged question."""
        conversation, number = self._turn(told, request)
        turn, verdict, chosen = conversation.turns[number], str(told.get("verdict")), told.get("chosen")
        gold: tuple[GoldSpan, ...] = ()
        if verdict == "chosen":
            index = self.chat.index()
            gold = tuple(_gold(index, one) for one in (chosen if isinstance(chosen, list) else [])[:20])
        elif verdict == "helpful":
            if stale_citations(self.chat.index(), turn.answer):
                raise ConversationError("its source has changed since this answer; ask again, then judge")
            context = {sentence.citation for sentence in turn.answer.sentences if sentence.context}
            cited = [c for c in turn.answer.citations if c.number not in context]
            gold = tuple(GoldSpan(c.document_id, c.span, c.quote) for c in cited)
        history = tuple({"speaker": t["speaker"], "text": t["text"]} for t in conversation.before(number).history)
        judge(self.chat.settings.evaluation.feedback, Judgement(turn.question, verdict, gold, history))
        turns = list(conversation.turns)
        turns[number] = replace(turn, judged=verdict)
        self.store(request).save(replace(conversation, turns=tuple(turns)))
        return {"told": "Thank you: kept as a judged question for the evaluation."}

    def _find(self, told: Mapping[str, Any], _: gr.Request | None) -> dict[str, Any]:
        """Passages in which the right sentence may stand."""
        index, hits = self.chat.index(), self.chat.search(str(told.get("words") or "")[:LONGEST_QUESTION], k=FOUND)
        rows = []
        for hit in hits:
            passage, entry = hit.passage, index.entries[hit.passage.document_id]
            reference = f"{entry.digest}:{passage.span.start}:{passage.span.end}:{entry.id}"
            rows.append({"reference": reference, "title": entry.title, "text": " ".join(passage.text.split())[:160]})
        return {"found": rows}

    def _source(self, told: Mapping[str, Any], _: gr.Request | None) -> dict[str, Any]:
        windows = told.get("windows")
        many = windows if isinstance(windows, int) and 1 <= windows <= WINDOWS else 1
        view = source_view(self.chat.index(), told.get("reference"), windows=many, choose=bool(told.get("choose")))
        link = {"file": file_link(view["document_id"], self.chat.settings.server.prefix)} if "document_id" in view else {}
        return view | link

    def _page(self, told: Mapping[str, Any], _: gr.Request | None) -> dict[str, Any]:
        """The page of a PDF on which a sentence stands, as a picture with the sentence marked."""
        index, settings = self.chat.index(), self.chat.settings
        document, span = resolve(index, told.get("reference"))
        page, _headings = where(index, document, span)
        if page is None or span.end - span.start > LONGEST_MARK:
            return {"error": "There is no picture of this page."}
        try:
            picture = draw_page(settings.corpus, document, page, span, settings.loading)
        except UnreadableFile as error:
            return {"error": f"The page cannot be shown: {error}."}
        return {"picture": f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"}

    def _view(self, told: Mapping[str, Any], _: gr.Request | None) -> dict[str, Any]:
        """A document as a whole, by its id."""
        index = self.chat.index()
        entry = index.entry_for(str(told.get("id")))
        if entry is None:
            return {"error": "It is not in the index yet."}
        return {"reference": document_reference(index.documents[entry.id])}


_ACTS: dict[str, Callable[[Asking, Mapping[str, Any], gr.Request | None], dict[str, Any]]] = {
    "list": Asking._list,
    "choice": Asking._choice,
    "page": Asking._page,
    "rename": Asking._rename,
    "delete": Asking._delete,
    "written": Asking._written,
    "save": Asking._save,
    "judge": Asking._judge,
    "find": Asking._find,
    "source": Asking._source,
    "view": Asking._view,
}


def _gold(index: Index, reference: object) -> GoldSpan:
    document, span = resolve(index, reference)
    if span == Span(0, 0):
        raise ConversationError("choose a sentence, not a whole document")
    return GoldSpan(document.id, span, span.of(document.text))


def _desk_value(conversation: str, desk: Desk) -> str:
    return json.dumps({"conversation": conversation, "documents": list(desk.documents), "mode": "", "turn": 0})
