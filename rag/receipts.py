"""Receipts: an answer with everything needed to verify it later, and the verification against the files as they are now."""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from markupsafe import Markup

from rag.answering.wording import abstention_notes, abstention_text, disagreement_note, in_plain_words, place
from rag.errors import ReceiptError, UnreadableFile
from rag.loading.containers.members import file_of
from rag.loading.corpus import FolderCorpus
from rag.records import Answer, Citation, Document, Location, QuotedSentence, Span
from rag.storage.files import from_json, replace_file, sha256_json
from rag.templates import render
from rag.wire import answer_from, answer_values, citation_from

VERSION = 1  # of the format, also of an evidence matrix
Loaded = TypeVar("Loaded")
_PUNCTUATION = re.compile(r"([\\`*_\[\]#|~!])")  # what Markdown interprets within a line
VALID = "valid"
CHANGED = "source changed"
MISSING = "source missing"
FALSE = "not in the source"
VERIFY = "Every quote is an exact copy of its file. To check that, save the receipt of an answer and run: rag verify receipt.json"


@dataclass(frozen=True, slots=True)
class Checked:
    """The state of one citation.

    `state` is "valid" (the file is unchanged and contains the quote at its position), "source changed", "source missing" (no
    such file, or it cannot be read; `reason` says why), or "not in the source" (the file is unchanged and does not contain the
    quote there). `now` is the position of the quote in a changed file, the one nearest to the old position; None if it is gone.
    """

    number: int
    document_id: str
    quote: str
    state: str
    now: Span | None = None
    reason: str = ""


def receipt_values(answer: Answer, *, model: str, reader: str) -> dict[str, Any]:
    """The answer as `rag ask --json` prints it, without timings, with the model and reader that made it and a digest."""
    values = {name: value for name, value in answer_values(answer).items() if name != "timings_ms"}
    values = {"receipt": VERSION, **values, "model": model, "reader": reader}
    return {**values, "digest": sha256_json(values)}


def save_receipt(path: Path, answer: Answer, *, model: str, reader: str) -> None:
    """Saves JSON, which `rag verify` reads; Markdown or HTML for people if the name ends in .md or .html."""
    forms = {".md": "md", ".html": "html", ".htm": "html"}
    text = receipt_text(answer, forms.get(path.suffix.lower(), "json"), model=model, reader=reader)
    replace_file(path, text.encode("utf-8", "surrogatepass"))


def receipt_text(answer: Answer, form: str, *, model: str, reader: str) -> str:
    """The receipt in the form "json", or for people "md" or "html"."""
    values = receipt_values(answer, model=model, reader=reader)
    if form == "json":
        return json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return to_markdown(answer, values) if form == "md" else to_html(answer, values)


Answers = Sequence[tuple[Answer, str, str]]
"""The answers of a conversation, each with the model and the reader that made it."""


def receipts_text(title: str, answers: Answers) -> str:
    """A conversation as JSON: its title and the receipt of each answer."""
    receipts = [receipt_values(answer, model=model, reader=reader) for answer, model, reader in answers]
    return json.dumps({"title": title, "receipts": receipts}, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def conversation_markdown(title: str, answers: Answers) -> str:
    parts = [to_markdown(answer, receipt_values(answer, model=model, reader=reader)) for answer, model, reader in answers]
    return "\n".join([f"Conversation: {_literal(title)}\n", *parts])


def conversation_html(title: str, answers: Answers, date: str = "") -> Markup:
    """A conversation as a self-contained page; `date` says when it was held, for people."""
    return _page(_line(title), [answer for answer, _, _ in answers], date)


def load_receipt(path: Path) -> Answer:
    """The answer of a receipt, without timings. Raises ReceiptError if the file is not a receipt, or was changed."""
    return _loaded(path, "receipt", lambda values: answer_from(values | {"timings_ms": {}}))


def load_citations(path: Path) -> tuple[Citation, ...]:
    """The citations of a receipt or of an evidence matrix saved as JSON. Raises ReceiptError like `load_receipt`."""
    try:
        is_matrix = "matrix" in from_json(path.read_bytes())
    except (OSError, ValueError, TypeError):  # said by `load_receipt`
        is_matrix = False
    return _loaded(path, "matrix", _citations_of_matrix) if is_matrix else load_receipt(path).citations


def _loaded(path: Path, kind: str, parse: Callable[[Any], Loaded]) -> Loaded:
    try:
        values = from_json(path.read_bytes())
        version, digest = values[kind], values["digest"]
        loaded = parse(values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReceiptError(f"{path} is not a receipt ({error}); `rag ask QUESTION --receipt FILE.json` writes one") from error
    if version != VERSION:
        raise ReceiptError(
            f"{path} is a {kind} in format {version}, but this release reads {VERSION}; install the release that wrote it"
        )
    if digest != sha256_json({name: value for name, value in values.items() if name != "digest"}):
        raise ReceiptError(f"{path} was changed after it was written: its digest does not match its contents")
    return loaded


def _citations_of_matrix(values: Any) -> tuple[Citation, ...]:
    """Those of the cells in order, each after the citations of its context."""
    cells = [cell for row in values["cells"] for cell in row if cell["citation"] is not None]
    return tuple(citation_from(citation) for cell in cells for citation in (*cell["context"], cell["citation"]))


def verify(citations: Sequence[Citation], corpus: FolderCorpus) -> list[Checked]:
    """Checks each citation against the files of the corpus, in order. The index is not used."""
    present = set(corpus.names())
    names = sorted({file_of(citation.document_id, present.__contains__) for citation in citations} & present)
    documents: dict[str, Document | UnreadableFile] = {}
    for name, file in zip(names, corpus.read(names), strict=True):
        if isinstance(file, UnreadableFile):
            documents[name] = file
        else:
            documents |= {document.id: document for document in file.documents}
            documents |= {member.id: UnreadableFile(member.reason) for member in file.failed}
    missing = UnreadableFile("no such file")
    return [_check(citation, documents.get(citation.document_id, missing)) for citation in citations]


def _check(citation: Citation, document: Document | UnreadableFile) -> Checked:
    number, name, quote, span = citation.number, citation.document_id, citation.quote, citation.span
    if isinstance(document, UnreadableFile):
        return Checked(number, name, quote, MISSING, reason=str(document))
    in_place = bool(quote) and 0 <= span.start < span.end and span.of(document.text) == quote
    if document.digest == citation.digest:
        return Checked(number, name, quote, VALID if in_place else FALSE, span if in_place else None)
    return Checked(number, name, quote, CHANGED, span if in_place else _nearest(quote, document.text, span.start))


def _nearest(quote: str, text: str, start: int) -> Span | None:
    """The occurrence of the quote nearest to `start`; of two equally near, the earlier. None if there is none."""
    starts, position = [], text.find(quote) if quote else -1
    while position >= 0:
        starts.append(position)
        position = text.find(quote, position + 1)
    nearest = min(starts, key=lambda position: (abs(position - start), position), default=None)
    return None if nearest is None else Span(nearest, nearest + len(quote))


def to_markdown(answer: Answer, values: Mapping[str, Any]) -> str:  # noqa: ARG001 - what only a program checks is in the JSON
    """Quotes are in code blocks and all other text is escaped, so that nothing of either is interpreted as Markdown or HTML."""
    parts = [f"# {_literal(answer.question)}", ""]
    if answer.query != answer.question:
        parts += [f"Searched for: {_literal(answer.query)}", ""]
    if answer.abstained:
        parts += [*map(_literal, (abstention_text(answer), *abstention_notes(answer))), ""]
    elif answer.message:
        parts += [_literal(answer.message), ""]
    for sentence, citation in _cited(answer):
        fence = "`" * max(3, 1 + _longest_run(citation.quote))
        role = " (shown for context)" if sentence.context else ""
        title = "Header of the table" if citation.number in answer.header_numbers else f"**[{citation.number}]**{role}"
        parts += [title, "", fence, citation.quote, fence, "", _literal(titled_place(citation)), ""]
        if note := disagreement_note(citation):
            parts += [note, ""]
        parts += [f"Also in {_literal(titled_place(location))}." for location in citation.also]
    if not answer.abstained:
        parts += ["", _literal(in_plain_words(answer)), "", _literal(VERIFY)]
    return "\n".join(parts) + "\n"


def _cited(answer: Answer) -> Iterator[tuple[QuotedSentence, Citation]]:
    """The quoted sentences in order, each with its citation."""
    citations = {citation.number: citation for citation in answer.citations}
    return ((sentence, citations[sentence.citation]) for sentence in answer.sentences)


@dataclass(frozen=True)
class _Quote:
    """`number` is None for the header row of a table."""

    number: int | None
    text: str
    context: bool


@dataclass(frozen=True)
class _Source:
    """A place with the numbers of the quotes from there ("1–3, 5")."""

    numbers: str
    title: str
    place: str
    notes: Sequence[str]


@dataclass(frozen=True)
class _Shown:
    """What the template shows of an answer; `trust` is empty for an abstention."""

    question: str
    searched: str
    quotes: Sequence[_Quote]
    sources: Sequence[_Source]
    notes: Sequence[str]
    trust: str


def to_html(answer: Answer, values: Mapping[str, Any]) -> Markup:  # noqa: ARG001 - what only a program checks is in the JSON
    """One answer as a self-contained page, to be read, sent or printed."""
    return _page(_line(answer.question), [answer], "")


def _page(title: str, answers: Sequence[Answer], date: str) -> Markup:
    return render("receipts/page.html", title=title, date=date, answers=[_shown(answer) for answer in answers], verify=VERIFY)


def _shown(answer: Answer) -> _Shown:
    headers = answer.header_numbers
    quotes = [_Quote(None if c.number in headers else c.number, c.quote, sentence.context) for sentence, c in _cited(answer)]
    notes = [abstention_text(answer), *abstention_notes(answer)] if answer.abstained else [answer.message] * bool(answer.message)
    searched = answer.query if answer.query.split() != answer.question.split() else ""
    return _Shown(answer.question, searched, quotes, _sources(answer), notes, "" if answer.abstained else in_plain_words(answer))


def _sources(answer: Answer) -> list[_Source]:
    """Each place once, in the order of its first number."""
    cited: dict[str, list[Citation]] = {}
    for citation in answer.citations:
        if citation.number not in answer.header_numbers:
            cited.setdefault(titled_place(citation), []).append(citation)
    return [
        _Source(
            ranges([citation.number for citation in citations]),
            citations[0].title,
            _place(citations[0]),
            [note for citation in citations for note in _notes(citation)],
        )
        for citations in cited.values()
    ]


def _notes(citation: Citation) -> list[str]:
    note = disagreement_note(citation)
    return [*([note] if note else []), *(f"Also in {titled_place(location)}." for location in citation.also)]


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers with runs of three or more shortened: "1–3, 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def titled_place(location: Citation | Location) -> str:
    return f"{location.title}, {_place(location)}"


def _place(location: Citation | Location) -> str:
    return place(location.document_id, location.page, location.headings)


def _line(text: str) -> str:
    return " ".join(text.split())


def _literal(text: str) -> str:
    """The text on one line as Markdown that shows it as it is; ASCII punctuation can be escaped (CommonMark, section 2.4)."""
    return _PUNCTUATION.sub(r"\\\1", html.escape(_line(text), quote=False))


def _longest_run(text: str) -> int:
    """The length of the longest run of backticks."""
    return max((len(list(run)) for character, run in groupby(text) if character == "`"), default=0)
