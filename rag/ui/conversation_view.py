"""Saved conversations and the choice of documents to HTML; and answers as text to copy. Every foreign text is escaped."""

from collections.abc import Collection, Sequence
from html import escape

from rag.accounts.conversations import SavedConversation
from rag.answering.wording import ABSTENTIONS, place
from rag.records import Answer

LISTED = 50  # conversations, and documents to choose from, that are shown at once


def conversations_html(found: Sequence[SavedConversation], current: str) -> str:
    if not found:
        return '<p class="hint">Conversations are kept here, on this machine.</p>'
    rows = "".join(_conversation(one, current=one.id == current) for one in found[:LISTED])
    more = f'<p class="hint">{len(found) - LISTED} more: search for a word.</p>' if len(found) > LISTED else ""
    return f'<ul class="past">{rows}</ul>{more}'


def _conversation(one: SavedConversation, *, current: bool) -> str:
    title, name = escape(one.title, quote=True), escape(one.id, quote=True)
    here = ' aria-current="true"' if current else ""
    return (
        f'<li><button type="button" class="open" data-do="resume" data-id="{name}"{here}>{title}</button>'
        f'<button type="button" class="small" data-do="rename" data-id="{name}" data-title="{title}" '
        f'aria-label="Rename {title}" title="Rename">✎</button>'
        f'<button type="button" class="small" data-do="delete" data-id="{name}" data-title="{title}" '
        f'aria-label="Delete {title}" title="Delete">✕</button></li>'
    )


def choice_html(names: Sequence[str], chosen: Collection[str], words: str) -> str:
    """Documents whose name has the words, those that are chosen first."""
    fitting = [name for name in names if words.casefold() in name.casefold()]
    ordered = sorted(fitting, key=lambda name: (name not in chosen, name))
    rows = "".join(
        f'<li><label><input type="checkbox" value="{escape(name, quote=True)}"{" checked" if name in chosen else ""}> '
        f"{escape(name)}</label></li>"
        for name in ordered[:LISTED]
    )
    left = len(ordered) - LISTED
    more = f'<p class="hint">{left} more: type a part of the name.</p>' if left > 0 else ""
    return f'<ul class="choice">{rows}</ul>{more}' if rows else '<p class="hint">No document has this in its name.</p>'


def copied_text(answer: Answer) -> str:
    """The answer with its sources, as plain text."""
    if answer.abstained:
        return f"{answer.question}\n\n{ABSTENTIONS[answer.reason or 'not_in_documents']}\n"
    sources = "\n".join(f"[{c.number}] {place(c.document_id, c.page, c.headings)}" for c in answer.citations)
    return f"{answer.question}\n\n{answer.text}\n\n{sources}\n"
