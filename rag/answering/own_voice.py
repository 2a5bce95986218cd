"""Replies in the program's own voice: to small talk, and true statements about the program and its documents.

They quote nothing and cite nothing, so they are abstentions with a `message`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rag import __version__
from rag.answering.document_names import SHORTEST_NAME, folded, names_of, titled
from rag.answering.wording import counted
from rag.config import Settings
from rag.index.builds import live_build
from rag.index.changes import load_changes
from rag.index.contents import Index
from rag.index.entries import Entry
from rag.loading.process.safe_open import holding_file
from rag.records import Answer
from rag.translations import ENGLISH, translated

LISTED = 20  # documents named in one reply, about a screenful
DATE = len("2026-01-31")  # of a date and time in ISO 8601
REASONS = {
    "greeting": "greeting",
    **dict.fromkeys(["wellbeing", "thanks", "goodbye", "acknowledgement", "praise", "complaint", "identity"], "small_talk"),
    **dict.fromkeys(["abilities", "documents", "count", "updated", "workings", "privacy"], "about_program"),
}
"""The reason of the abstention, by kind of reply."""

_SMALL_TALK = {
    "greeting": "Hello. Ask a question, and I quote the sentences of your documents that answer it, with their sources.",
    "wellbeing": "I am a program without moods, jokes or a clock. I quote your documents: what would you like to know?",
    "thanks": "You're welcome.",
    "goodbye": "Goodbye.",
    "acknowledgement": "All right. Ask if you would like to know anything else.",
    "praise": "Thank you. The words are those of your documents.",
    "complaint": "I am sorry that did not help. Ask in other words, or name what the question is about. “Anything else?” looks "
    "for another answer, and “where does it say that?” shows a quote in its place.",
    "identity": "I am rag {version}, a program and not a person. I answer questions with exact sentences from your "
    "documents; no part of an answer is written by a language model.",
    "workings": "I split the documents into passages, find those closest to your question by its words and by its meaning, and "
    "quote the sentences that a small model on this computer scores best, each with its source. I write no answers myself. "
    "If nothing fits well enough, I say so. I can pick a wrong sentence, so check its source.",
    "privacy": "Model, documents and index are on the computer that this program runs on, and nothing is sent anywhere else. "
    "The page saves conversations on that computer until you delete them; the command line and the API save none "
    "(a server can be set to log the API's questions). I learn nothing from your questions.",
}
NO_ANSWER_YET = "There is no answer yet to go on from. Ask a question first."
_ABILITIES = (
    "Ask in plain words, and I search {documents} and quote the sentences that answer it, each with its source. Then ask "
    "on: “tell me more”, “where does it say that?”, “the second one”, “say that again”, or a follow-up question. "
    "“Which documents do you have?” lists them, and “What is in” with the name of a document gives an overview of it. I do not "
    "translate, write summaries, calculate or search the internet."
)
_DOCUMENTS, _MORE_DOCUMENTS = "I have {documents}", "and {count} more"
_COUNT = "I have {documents}, which make {passages}."
_AS_BUILT = "I answer from {documents}, as they were when the index was last built."
_BUILT, _REFRESH = "The index was built on {date}.", "`rag build` brings it up to date."
_CHANGED, _GONE = "The file of {document} was last changed on {date}.", "The file of {document} is gone."
UNKNOWN_FILE = "I have no document called {name}."
TEXTS = (
    *_SMALL_TALK.values(), NO_ANSWER_YET, _ABILITIES, _DOCUMENTS, _MORE_DOCUMENTS, _COUNT, _AS_BUILT, _BUILT, _REFRESH, _CHANGED,
    _GONE, UNKNOWN_FILE,
)  # fmt: skip
"""What is said in other languages as well."""
_UPDATED = re.compile(
    r"(?:.* )?when (?:was|were|did|has|have) (?:the )?(?:(?:document|file) )?(?P<name>.+?)"
    r" (?:(?:last|recently|been) )*(?:updated?|changed?|modified|edited|added|revised|indexed)(?: last)?"
)
_FILE_NAME = re.compile(r"[\w-]+\.[a-z][a-z0-9]{1,4}", re.IGNORECASE)


@dataclass(frozen=True)
class Contents:
    """What the program says of its documents. `built` is when the index was built, for people; empty if unknown."""

    documents: Sequence[Entry]
    built: str = ""


def in_own_voice(
    kind: str,
    question: str,
    query: str,
    index: Index,
    documents: Sequence[str] | None,
    settings: Settings,
    *,
    newest: bool,
    language: str = ENGLISH,
) -> Answer | None:
    """The reply to small talk or a question about the program and its documents; None for another kind of question.

    `documents` are those asked, all if None. `newest` says whether the index is the newest build, whose date is known.
    `language` is that of the question.
    """
    everything = index.manifest.corpus.documents
    entries = everything if documents is None else [index.entries[name] for name in index.documents_of(documents)]
    named = _document_in(question, entries)
    if kind not in REASONS and named is None:
        return None
    dated = newest and (named is not None or kind == "updated")
    contents = Contents(entries, load_changes(live_build(settings.index)).built[:DATE] if dated else "")
    if named:
        message = _updated_message(named, _date_of(settings.corpus / holding_file(settings.corpus, named.id)), contents)
    elif kind in ("updated", "documents") and (name := _unknown_file_in(question, entries)):
        message = translated(UNKNOWN_FILE, language, name=name)
    else:
        message = message_for(kind, contents, language)
    return Answer(question, query, reason=REASONS.get(kind, "about_program"), message=message, index=index.digest)


def _date_of(file: Path) -> str:
    """When a file changed last, in UTC; empty if it is gone."""
    return datetime.fromtimestamp(file.stat().st_mtime, UTC).date().isoformat() if file.is_file() else ""


def message_for(kind: str, contents: Contents, language: str = ENGLISH) -> str:
    """The reply to small talk or a question about the program; `kind` is a key of REASONS."""
    documents = counted(len(contents.documents), "document", language)
    if kind == "abilities":
        return translated(_ABILITIES, language, documents=documents)
    if kind == "documents":
        names = [f"- {titled(entry)}" for entry in contents.documents[:LISTED]]
        left = len(contents.documents) - LISTED
        more = [f"- {translated(_MORE_DOCUMENTS, language, count=left)}"] if left > 0 else []
        first = translated(_DOCUMENTS, language, documents=documents)
        return "\n".join([f"{first}{':' if names else '.'}", *names, *more])
    if kind == "count":
        passages = counted(sum(entry.passages for entry in contents.documents), "passage", language)
        return translated(_COUNT, language, documents=documents, passages=passages)
    if kind == "updated":
        built = [translated(_BUILT, language, date=contents.built)] if contents.built else []
        return " ".join([translated(_AS_BUILT, language, documents=documents), *built, translated(_REFRESH, language)])
    return translated(_SMALL_TALK[kind], language, version=__version__)


def _updated_message(entry: Entry, changed: str, contents: Contents) -> str:
    """When a document changed; `changed` is the date of its file, for people, empty if the file is gone."""
    first = _CHANGED.format(document=titled(entry), date=changed) if changed else _GONE.format(document=titled(entry))
    return f"{first} {_BUILT.format(date=contents.built)}" if contents.built else first


def _document_in(question: str, documents: Sequence[Entry]) -> Entry | None:
    """The document whose date a question such as "when was the guide updated?" asks for, by title, path or file name."""
    match = _UPDATED.fullmatch(folded(question))
    if match is None or len(match["name"]) < SHORTEST_NAME:
        return None
    return next((entry for entry in documents if match["name"] in names_of(entry)), None)


def _unknown_file_in(question: str, documents: Sequence[Entry]) -> str:
    """A file name in a question that no document has; empty if there is none."""
    names = _FILE_NAME.findall(question)
    known = {name for entry in documents for name in names_of(entry)} if names else set()
    return next((name for name in names if folded(name) not in known), "")
