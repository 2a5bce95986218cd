"""Receipts: an answer with all that it takes to check it again, and the check against the files as they are now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from rag.answering.wording import ABSTENTIONS, abstention_notes, in_plain_words, place
from rag.errors import ReceiptError, UnreadableFile
from rag.loading.corpus import FolderCorpus
from rag.records import Answer, Document, Span
from rag.storage.files import from_json, replace_file, sha256_json
from rag.wire import answer_values

VERSION = 1
VALID = "valid"
CHANGED = "source changed"
MISSING = "source missing"
FALSE = "not in the source"


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one citation.

    `state` is "valid" (the file has not changed and says this there), "source changed", "source missing" (no such file, or it
    cannot be read; `reason` says why), or "not in the source" (the file has not changed, and never said this there). `now` is
    where a changed file says the same words: the place nearest to the old one, None if it no longer does.
    """

    number: int
    document_id: str
    quote: str
    state: str
    now: Span | None = None
    reason: str = ""


def receipt_values(answer: Answer, *, model: str, reader: str) -> dict[str, Any]:
    """The answer as `rag ask --json` has it, without its times, with what made it, and a digest of all this."""
    values = {name: value for name, value in answer_values(answer).items() if name != "timings_ms"}
    values = {"receipt": VERSION, **values, "model": model, "reader": reader}
    return {**values, "digest": sha256_json(values)}


def save_receipt(path: Path, answer: Answer, *, model: str, reader: str) -> None:
    """JSON, which `rag verify` reads; for people, Markdown or HTML where the name ends in .md or .html."""
    forms = {".md": "md", ".html": "html", ".htm": "html"}
    text = receipt_text(answer, forms.get(path.suffix.lower(), "json"), model=model, reader=reader)
    replace_file(path, text.encode("utf-8", "surrogatepass"))


def receipt_text(answer: Answer, form: str, *, model: str, reader: str) -> str:
    """The receipt as "json", or for people as "md" or "html"."""
    values = receipt_values(answer, model=model, reader=reader)
    if form == "json":
        return json.dumps(values, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    return to_markdown(answer, values) if form == "md" else to_html(answer, values)


Told = Sequence[tuple[Answer, str, str]]
"""The answers of a conversation, each with the model and the reader that made it."""


def receipts_text(title: str, told: Told) -> str:
    """A conversation as JSON: its title and the receipt of each answer."""
    receipts = [receipt_values(answer, model=model, reader=reader) for answer, model, reader in told]
    return json.dumps({"title": title, "receipts": receipts}, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def conversation_markdown(title: str, told: Told) -> str:
    parts = [to_markdown(answer, receipt_values(answer, model=model, reader=reader)) for answer, model, reader in told]
    return "\n".join([f"Conversation: {_line(title)}\n", *parts])


def conversation_html(title: str, told: Told) -> str:
    return _page(title, "".join(_html_body(a, receipt_values(a, model=model, reader=reader)) for a, model, reader in told))


def load_receipt(path: Path) -> dict[str, Any]:
    """Raises ReceiptError where it is no receipt, or not as it was written."""
    try:
        values = from_json(path.read_bytes())
        citations = [(c["number"], c["document_id"], c["start"], c["end"], c["quote"], c["digest"]) for c in values["citations"]]
        digest = values["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReceiptError(f"{path} is no receipt ({error}); `rag ask QUESTION --receipt FILE.json` writes one") from error
    types = (int, str, int, int, str, str)
    if any(not isinstance(value, kind) for citation in citations for value, kind in zip(citation, types, strict=True)):
        raise ReceiptError(f"{path} is no receipt: a citation's number, place, quote or digest is not of its kind")
    if digest != sha256_json({name: value for name, value in values.items() if name != "digest"}):
        raise ReceiptError(f"{path} was changed after it was written: its digest is not that of its contents")
    found: dict[str, Any] = values
    return found


def verify(receipt: Mapping[str, Any], corpus: FolderCorpus) -> list[Checked]:
    """Each citation against the corpus's files, in their order; none for an abstention. The index is not asked."""
    known = set(corpus.names())
    names = sorted({citation["document_id"] for citation in receipt["citations"]} & known)
    documents = dict(zip(names, corpus.read(names), strict=True))
    gone = UnreadableFile("no such file")
    return [_check(citation, documents.get(citation["document_id"], gone)) for citation in receipt["citations"]]


def _check(citation: Mapping[str, Any], document: Document | UnreadableFile) -> Checked:
    number, name, quote = citation["number"], citation["document_id"], citation["quote"]
    if isinstance(document, UnreadableFile):
        return Checked(number, name, quote, MISSING, reason=str(document))
    start, end = citation["start"], citation["end"]
    here = bool(quote) and 0 <= start < end and document.text[start:end] == quote
    if document.digest == citation["digest"]:
        return Checked(number, name, quote, VALID if here else FALSE, Span(start, end) if here else None)
    return Checked(number, name, quote, CHANGED, Span(start, end) if here else _nearest(quote, document.text, start))


def _nearest(quote: str, text: str, start: int) -> Span | None:
    """Where the words stand, nearest to where they stood; the earlier of two as near."""
    places, at = [], text.find(quote) if quote else -1
    while at >= 0:
        places.append(at)
        at = text.find(quote, at + 1)
    best = min(places, key=lambda at: (abs(at - start), at), default=None)
    return None if best is None else Span(best, best + len(quote))


def to_markdown(answer: Answer, values: Mapping[str, Any]) -> str:
    """Quotes stand in code blocks, so that nothing in them is taken for Markdown."""
    parts = [f"# {_line(answer.question)}", ""]
    if answer.query != answer.question:
        parts += [f"Searched for: {_line(answer.query)}", ""]
    if answer.abstained:
        parts += [ABSTENTIONS[answer.reason or "not_in_documents"], "", *abstention_notes(answer), ""]
    for sentence, citation in zip(answer.sentences, answer.citations, strict=True):
        fence = "`" * max(3, 1 + _longest_run(citation.quote))
        role = " (shown for context)" if sentence.context else ""
        where = _line(place(citation.document_id, citation.page, citation.headings))
        parts += [f"**[{citation.number}]**{role}", "", fence, citation.quote, fence, ""]
        parts += [f"{where}, characters {citation.span.start} to {citation.span.end}, file `{citation.digest}`", ""]
        if citation.differs:
            parts += [f"Sources differ: compare with {', '.join(f'[{n}]' for n in citation.differs)}.", ""]
        parts += [f"Also in {_line(place(o.document_id, o.page, o.headings))}." for o in citation.also]
    parts += [f"- {name}: {value}" for name, value in _facts(answer, values)]
    return "\n".join(parts) + "\n"


def to_html(answer: Answer, values: Mapping[str, Any]) -> str:
    """A page by itself, to be read or printed; every foreign text is escaped."""
    return _page(answer.question, _html_body(answer, values))


def _html_body(answer: Answer, values: Mapping[str, Any]) -> str:
    rows = []
    for sentence, citation in zip(answer.sentences, answer.citations, strict=True):
        where = place(citation.document_id, citation.page, citation.headings)
        notes = [f"sources differ: compare with {', '.join(map(str, citation.differs))}"] if citation.differs else []
        notes += [f"also in {place(o.document_id, o.page, o.headings)}" for o in citation.also]
        notes += ["shown for context"] if sentence.context else []
        rows.append(
            f"<blockquote><p>{escape(citation.quote)}</p></blockquote><p>[{citation.number}] {escape(where)}, "
            f"characters {citation.span.start} to {citation.span.end}<br><code>{escape(citation.digest)}</code>"
            + "".join(f"<br>{escape(note)}" for note in notes)
            + "</p>"
        )
    if answer.abstained:
        said = [ABSTENTIONS[answer.reason or "not_in_documents"], *abstention_notes(answer)]
        rows.append("".join(f"<p>{escape(line)}</p>" for line in said))
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in _facts(answer, values))
    return f"<h1>{escape(answer.question)}</h1>{''.join(rows)}<dl>{facts}</dl>"


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(_line(title))}</title>"
        "<style>body{max-width:45rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}"
        "blockquote p{white-space:pre-wrap}code,dd{overflow-wrap:anywhere}</style>"
        f"{body}</html>\n"
    )


def _facts(answer: Answer, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("searched for", _line(answer.query)),
        ("trust", in_plain_words(answer)),
        ("index", str(values["index"])),
        ("model", str(values["model"])),
        ("reader", str(values["reader"])),
        ("digest of the receipt", str(values["digest"])),
    ]


def _line(text: str) -> str:
    return " ".join(text.split())


def _longest_run(text: str) -> int:
    """Of backticks."""
    longest = current = 0
    for character in text:
        current = current + 1 if character == "`" else 0
        longest = max(longest, current)
    return longest
