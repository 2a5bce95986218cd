"""`Chat`, which answers questions: combines index, model, retrieval, reader, follow-ups and answering."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from rag.answering.abstention import SMALL_TALK, reason_for, searched_words
from rag.answering.across_languages import most_to_rank, ranked_across
from rag.answering.code_spellings import codes_as_written
from rag.answering.composition import compose
from rag.answering.confidence import Calibration, default_calibration, index_calibration
from rag.answering.continuation import read_from, read_on, still_quotable, surrounded, without_cited
from rag.answering.guarantees import with_guarantee
from rag.answering.lookups import Lookup, look_up
from rag.answering.measured_languages import within_measured
from rag.answering.overview_answer import overview_reply
from rag.answering.overview_targets import InHand
from rag.answering.own_voice import NO_ANSWER_YET, in_own_voice
from rag.answering.parts import joined
from rag.answering.remembered_texts import forget_texts
from rag.answering.side_by_side import side_by_side
from rag.answering.wording import note_on_language
from rag.config import Settings, load_settings
from rag.followups.acts import Act, LastAnswer, act_of, last_answer, reading_named, row_of, row_to_repeat
from rag.followups.corrected_words import corrected_words
from rag.followups.dependence import current_topic, dependence
from rag.followups.foreign_questions import foreign_query
from rag.followups.foreign_replies import foreign_reply
from rag.followups.history import Turn, questions_answered, turns_of
from rag.followups.language_cues import spoken_language
from rag.followups.readings import readings_of
from rag.followups.reply_kinds import kind_of
from rag.followups.rewriting import Understood, rewritten, with_context
from rag.followups.several import MOST_PARTS, split_questions
from rag.index.contents import Index
from rag.index.live_index import LiveIndex
from rag.index.previous_models import ChatUntilBuilt, settings_of_build
from rag.models.embedder import Embedder, ModelEmbedder
from rag.reader.networks import ENGLISH, NETWORKS
from rag.reader.scored_sentences import Reader
from rag.reader.similarity_reader import SimilarityReader
from rag.reader.trained_reader import TrainedReader
from rag.records import Answer, CitedSpan, Hit
from rag.retrieval import Retriever
from rag.text.question_language import foreign_language
from rag.text.spelling import with_corrections
from rag.translations import translated

History = Sequence[Mapping[str, Any]]
"""Earlier turns, oldest first: {"speaker": "user" | "agent", "text"}; agent turns may add "query", "citations", "readings"."""


class Chat:
    """Asks a built index. Safe to share between threads; switches to a new build when one becomes live."""

    def __init__(self, settings: Settings, embedder: Embedder, reader: Reader | None = None) -> None:
        self.settings = settings
        self.embedder = embedder
        self.reader = reader or _reader(settings, embedder)
        self._retriever = Retriever(settings.retrieval, embedder)
        self._live = LiveIndex(settings.index, settings.passages, embedder, forget_texts, engine=settings.scale.engine)
        self.reading: Callable[[Reader], Reader] = lambda reader: reader  # gives what reads in place of a reader

    @classmethod
    def open(
        cls,
        corpus: str | Path | None = None,
        index: str | Path | None = None,
        *,
        settings: Settings | None = None,
        embedder: Embedder | None = None,
        reading: bool = True,
    ) -> "Chat":
        """Loads model, reader and index concurrently; builds nothing. Folders default to those of the settings.
        Without `reading`, which only `ask` needs, the reader is loaded at the first question.

        If the index was built with the other set of models, these answer until a build with the settings' own is live. Raises
        IndexMissing, IndexMismatch or IndexBroken if there is no index that fits the settings.
        """
        settings = settings or load_settings(corpus=corpus, index=index)
        embedder = embedder or ModelEmbedder(settings.embedding)
        chat = cls(settings, embedder)
        if previous := settings_of_build(settings, embedder.identity):
            return cast(Chat, ChatUntilBuilt(chat, cls.open(settings=previous, reading=reading)))
        with ThreadPoolExecutor() as threads:
            model = threads.submit(embedder.load)
            reader = threads.submit(chat.reader.load) if reading else None
            chat.index()
        model.result()
        if reader:
            reader.result()
        return chat

    def current(self) -> "Chat":
        """This chat, or the one that answers for it (see `ChatUntilBuilt`): what must go together is taken from it."""
        return self

    def index(self) -> Index:
        """The live build, or the last usable one; see `trouble`."""
        return self._live.current()

    @property
    def trouble(self) -> str:
        """Why the newest build is not in use; empty if it is."""
        return self._live.trouble

    def calibration(self, reader: Reader | None = None) -> Calibration:
        """The index's own calibration if it fits reader and model, otherwise the reader's default."""
        made_with = ((reader or self.reader).identity, self.embedder.identity.digest)
        return index_calibration(self.settings.index, *made_with) or default_calibration(*made_with)

    @property
    def threshold(self) -> float:
        """The confidence below which it abstains."""
        minimum = self.settings.answering.min_confidence
        return self.calibration().threshold if minimum is None else minimum

    def understand(self, question: str, history: History = ()) -> Understood:
        """The query that a question stands for after earlier turns; the question itself if it stands alone."""
        return _understand(question, turns_of(history), self.index(), self.embedder)

    def search(
        self, query: str, *, k: int | None = None, documents: Sequence[str] | None = None, history: History = ()
    ) -> list[Hit]:
        """The best passages for a query, which may be a follow-up to `history`; none for an empty query."""
        index = self.index()
        return _search(self, _understand(query, turns_of(history), index, self.embedder), index, documents, k)

    def ask(
        self,
        question: str,
        *,
        history: History = (),
        documents: Sequence[str] | None = None,
        query: str | None = None,
        correct: bool = True,
    ) -> Answer:
        """An answer in quoted sentences, or an abstention. `documents` restricts it to ids, folders ("reports/"), patterns
        ("*.md") or languages ("language:de").

        Small talk and questions about the program are answered in its own voice (`answer.message`), without a citation.
        A follow-up to `history` is searched both as typed and as a query that stands alone, unless its own words have a strong
        answer; `answer.query` is the one that was read. A reply that acts on the last answer, such as "tell me more",
        continues it. Several questions in one are answered one by one (`answer.parts`). Misspelt words are searched as the
        documents spell them (`answer.corrected`), unless `correct` is False. `query`, if given, is searched instead as it is,
        and the history is ignored. Nothing is kept between questions.
        """
        started = time.perf_counter()
        if query is not None:
            asked = Understood(_clean(query), _clean(query))
            return self._answer(question, asked, documents, self.index(), started, offer_readings=False)
        turns = turns_of(history)
        if answer := _reply(self, question, turns, history, documents):
            return _timed(answer, started, retrieved=time.perf_counter())
        questions = split_questions(_clean(question))
        parts: list[Answer] = []
        for text in questions[:MOST_PARTS]:
            part = self._answer_typed(text, turns, documents, correct=correct)
            turns = [*turns, Turn(by_user=True, text=text), Turn(by_user=False, text=part.text or part.query, query=part.query)]
            parts.append(part)
        if len(questions) == 1:
            return replace(parts[0], question=question)
        return _timed(joined(question, parts, questions[MOST_PARTS:]), started, retrieved=time.perf_counter())

    def _answer_typed(self, text: str, turns: Sequence[Turn], documents: Sequence[str] | None, *, correct: bool) -> Answer:
        """The answer to one question after earlier turns."""
        started, index = time.perf_counter(), self.index()
        corrected = corrected_words(text, index) if correct else {}
        asked = _understand(with_corrections(text, corrected), turns, index, self.embedder)
        if asked.may_stand_alone and self.calibration().claims("strong"):
            alone = self._answer(text, Understood(asked.typed, asked.typed), documents, index, started)
            if alone.strength == "strong":
                return replace(alone, corrected=corrected | alone.corrected)
        answer = self._answer(text, asked, documents, index, started)
        return replace(answer, corrected=corrected | answer.corrected)

    def _answer(
        self, question: str, asked: Understood, documents: Sequence[str] | None, index: Index, started: float, *,
        offer_readings: bool = True,
    ) -> Answer:  # fmt: skip
        asked, written = _with_codes(asked, index)
        hits = _hits_to_read(self, index, asked, documents)
        retrieved = time.perf_counter()
        lookup = look_up(asked.query, index, documents, self.reading(self.reader))
        answer = _composed(self, question, asked.query, hits, index, lookup)
        answer = replace(answer, corrected=answer.corrected | written)

        def answer_to(query: str) -> Answer:
            return _composed(self, query, query, _hits_to_read(self, index, Understood(query, query), documents), index)

        calibration = self.calibration()
        answer = with_guarantee(side_by_side(answer, answer_to, calibration), calibration.guarantee, self.settings)
        if offer_readings and asked.query == asked.typed and answer.reason not in SMALL_TALK:
            titles = {hit.passage.document_id: index.entries[hit.passage.document_id].title for hit in hits}
            answer = replace(answer, readings=readings_of(asked.query, hits[: self.settings.retrieval.k], titles))
        return _timed(answer, started, retrieved)

    def _retrieve(self, index: Index, asked: Understood, documents: Sequence[str] | None, k: int | None = None) -> list[Hit]:
        if not asked.query or not index.passages:
            return []
        queries = [(asked.query, 1.0), *([(asked.other, asked.weight)] if asked.weight else [])]
        return self._retriever.hits(index, queries, k=k, documents=documents)


def _search(chat: Chat, asked: Understood, index: Index, documents: Sequence[str] | None, k: int | None) -> list[Hit]:
    k = chat.settings.retrieval.k if k is None else k
    hits = chat._retrieve(index, asked, documents, max(k, most_to_rank(asked.query, index, chat.reader)))
    return ranked_across(asked.query, hits, index, chat.reader)[:k]


def _hits_to_read(chat: Chat, index: Index, asked: Understood, documents: Sequence[str] | None) -> list[Hit]:
    """As many hits as may be read for an answer."""
    return chat._retrieve(index, asked, documents, max(chat.settings.retrieval.k, chat.settings.answering.most_read))


def reader_for(chat: Chat, query: str) -> tuple[Reader, str | None]:
    """The reader of a query. If the network knows English only, a query in another language is read by similarity; then its
    language is the second value.
    """
    only_english = isinstance(chat.reader, TrainedReader) and chat.reader.network is ENGLISH
    language = foreign_language(query) if only_english else None
    return (SimilarityReader(chat.embedder) if language else chat.reader), language


def _composed(chat: Chat, question: str, query: str, hits: Sequence[Hit], index: Index, lookup: Lookup | None = None) -> Answer:
    reader, language = reader_for(chat, query)
    settings, calibration = chat.settings.answering, chat.calibration(reader)
    answer = compose(question, query, hits, chat.reading(reader), index, settings, calibration, lookup)
    answer = within_measured(answer, calibration)
    if language and not answer.abstained and not answer.message:
        return replace(answer, message=note_on_language(language), strength=None)
    return answer


def _reply(chat: Chat, question: str, turns: Sequence[Turn], history: History, documents: Sequence[str] | None) -> Answer | None:
    """Acts on the last answer, or replies in the program's own voice; None for a question to the documents."""
    typed, last = _clean(question), last_answer(turns)
    foreign, previous = foreign_reply(typed), next((turn.text for turn in reversed(turns) if turn.by_user), "")
    language = foreign.language if foreign else spoken_language(typed, previous) or "en"
    number = reading_named(typed, last.readings) if last else None
    cited = [citation.document_id for citation in last.citations] if last else []
    lists_documents = documents is None and kind_of(typed) == "documents"  # "what is in your library"
    if not lists_documents and (overview := overview_reply(question, typed, chat.index(), InHand(documents, cited))):
        return overview
    act = Act("one", number) if number else act_of(typed)
    if act and last:
        return _act(chat, act, question, last, history, documents)
    if act and turns:
        message = translated(NO_ANSWER_YET, language)
        return Answer(question, typed, reason="small_talk", message=message, index=chat.index().digest)
    kind, newest = kind_of(typed), not chat.trouble
    return in_own_voice(kind, question, typed, chat.index(), documents, chat.settings, newest=newest, language=language)


def _with_codes(asked: Understood, index: Index) -> tuple[Understood, dict[str, str]]:
    """The query with its codes as the documents write them, and what was changed."""
    written = codes_as_written(asked.query, index)
    query = asked.query
    for typed, code in written.items():
        query = query.replace(typed, code)
    return replace(asked, query=query), written


def _repeat(chat: Chat, row: int, question: str, last: LastAnswer, history: History, documents: Sequence[str] | None) -> Answer:
    """The answer to the user's turn `row` again, by the query it was searched with."""
    text, before = str(history[row]["text"]), history[:row]
    changed = row == last.question and last.query and last.query != chat.understand(text, before).query
    again = chat.ask(text, history=before, documents=documents, query=last.query if changed else None)
    return replace(again, question=question)


def _act(chat: Chat, act: Act, question: str, last: LastAnswer, history: History, documents: Sequence[str] | None) -> Answer:
    """Acts on the last answer, which is computed again if the history holds only its text."""
    if act.kind == "again":
        row = row_to_repeat(turns_of(history))
        return _repeat(chat, last.question if row is None else row, question, last, history, documents)
    index = chat.index()
    if last.readings and act.kind in ("yes", "one"):
        row = row_of(act.number, len(last.readings))
        if row is None:
            reason, choices = "no_such_reading", len(last.readings)
            return Answer(question, _clean(last.query), reason=reason, choices=choices, index=index.digest)
        return replace(chat.ask(last.readings[row], documents=documents, query=last.readings[row]), question=question)
    query = _clean(last.query)
    cited = list(last.citations) if act.kind == "one" else still_quotable(last.citations, index, documents)
    if not cited or not query:
        again = chat.ask(str(history[last.question]["text"]), history=history[: last.question], documents=documents)
        query, cited = again.query, cited or [CitedSpan(c.document_id, c.span, c.digest) for c in again.citations]
        if not cited:
            return replace(again, question=question)
    if act.kind == "next":
        hits = without_cited(_hits_to_read(chat, index, Understood(query, query), documents), cited)
        return _composed(chat, question, query, hits, index)
    if act.kind == "source":
        return surrounded(question, query, cited, index)
    if act.kind == "one":
        return _quote_number(act.number, question, query, cited, index, documents)
    return read_on(question, query, cited, index)


def _quote_number(
    number: int, question: str, query: str, cited: Sequence[CitedSpan], index: Index, documents: Sequence[str] | None
) -> Answer:
    """Quotes on from the citation with that number; abstains if there is none, or its document has changed."""
    row = row_of(number, len(cited))
    if row is None:
        return Answer(question, query, reason="no_such_citation", choices=len(cited), index=index.digest)
    quotable = still_quotable([cited[row]], index, documents)
    if not quotable:
        return Answer(question, query, reason="citation_gone", index=index.digest)
    return read_from(question, query, quotable[0].document_id, quotable[0].span.start, index)


def _understand(question: str, turns: Sequence[Turn], index: Index, embedder: Embedder) -> Understood:
    typed, turns = _clean(question), questions_answered(turns, lambda text: not searched_words(text, index)[1])
    if typed and turns and (understood := foreign_query(typed, turns)):
        return understood
    # What tells a follow-up in any other language was learned from English only.
    if not typed or not turns or reason_for(typed, index) in (*SMALL_TALK, "other_language"):
        return Understood(typed, typed)
    depends = dependence(typed, turns, embedder)
    if depends == "none":
        return Understood(typed, typed)
    understand = rewritten if depends == "clear" else with_context
    asked = understand(typed, current_topic(turns, embedder), lambda term: index.idf(term) / index.highest_idf)
    return replace(asked, query=_clean(asked.query), other=_clean(asked.other))


def _timed(answer: Answer, started: float, retrieved: float) -> Answer:
    ended = time.perf_counter()
    timings = {"retrieve": retrieved - started, "read": ended - retrieved, "total": ended - started}
    return replace(answer, timings_ms={name: round(1000 * seconds, 1) for name, seconds in timings.items()})


def _reader(settings: Settings, embedder: Embedder) -> Reader:
    return TrainedReader(NETWORKS[settings.models]) if settings.answering.reader == "trained" else SimilarityReader(embedder)


def _clean(text: str) -> str:
    """White space folded; lone surrogates, which no tokenizer accepts, replaced."""
    return " ".join(text.encode("utf-8", "replace").decode().split())
