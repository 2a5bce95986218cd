"""The documents and the state of the index to HTML. Every text of a file or its name is escaped."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from rag.index.changes import BuildRecord
from rag.index.file_listing import ListedFile
from rag.sources import file_link
from rag.ui.jobs import JobState

ROWS = 50
COLUMNS = (
    ("name", "Document"),
    ("format", "Type"),
    ("size", "Size"),
    ("passages", "Passages"),
    ("changed", "Changed"),
    ("state", "State"),
)
DOING = {
    "looking": "Looking at the files",
    "reading": "Reading the files",
    "embedding": "Embedding passages",
    "writing": "Writing the index",
    "preparing": "Preparing the search",
    "asking": "Asking the questions",
}


def chip_html(*, documents: int, passages: int, digest: str, changed: int, job: JobState, building: str | None = None) -> str:
    """What the index holds, and whether the corpus has moved on since; `building` says how far a build elsewhere is."""
    state, words = ("stale", f"{_count(changed, 'file')} changed since") if changed else ("current", "up to date")
    if job.running:
        state, words = "busy", f"being rebuilt{_share(job)}"
    elif building is not None:
        state, words = "busy", f"being rebuilt{escape(building)}"
    held = f"{_count(documents, 'document')} · {_count(passages, 'passage')}"
    return (
        f'<p class="state {state}" title="index {escape(digest, quote=True)}">{held} · {words} · index {escape(digest[:12])}</p>'
    )


def no_index_html(message: str) -> str:
    return f'<p class="state stale">{escape(message)}</p>'


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _share(job: JobState) -> str:
    return f", {100 * job.done // job.total} %" if job.total else ""


def job_html(job: JobState) -> str:
    """How far the work is, with the time that is left; or what came of it."""
    if not job.running:
        kind = "result failed" if job.failed else "result"
        return f'<p class="{kind}" role="status">{escape(job.result)}</p>' if job.result else ""
    what = DOING.get(job.what, job.what or "Waiting for its turn")
    many = f": {job.done:,} of {job.total:,}" if job.total else ""
    left = f", {_duration(job.left)} left" if job.left is not None else ""
    bar = (
        f'<progress max="{job.total}" value="{job.done}" aria-label="{escape(what, quote=True)}"></progress>' if job.total else ""
    )
    return (
        f'<div class="job"><p>{escape(what)}{many}{left}</p>{bar}'
        '<button type="button" class="plain" data-do="stop" id="job-stop">Stop</button></div>'
    )


def _duration(seconds: float) -> str:
    return f"about {max(1, round(seconds))} s" if seconds < 90 else f"about {round(seconds / 60)} min"


def files_html(files: Sequence[ListedFile], *, page: int, sort: str, descending: bool, may_curate: bool, prefix: str = "") -> str:
    """One page of the table, with buttons that sort it and that go on; `prefix` is that of the server's paths."""
    pages = max(1, -(-len(files) // ROWS))
    page = min(max(0, page), pages - 1)
    heads = "".join(_head(name, label, sort, descending=descending) for name, label in COLUMNS)
    shown = files[page * ROWS : (page + 1) * ROWS]
    rows = "".join(_row(file, may_curate=may_curate, prefix=prefix) for file in shown)
    if not files:
        return '<p class="hint">No document fits.</p>'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="List of documents"><table class="files"><thead><tr>{heads}'
        f'<th scope="col"><span class="hidden-label">What can be done</span></th></tr></thead><tbody>{rows}</tbody></table></div>'
        f"{steps_html(page, pages, shown=len(shown), total=len(files), rows=ROWS)}"
    )


def steps_html(page: int, pages: int, *, shown: int, total: int, rows: int) -> str:
    """Buttons to the pages before and after, counted from 0; nothing where there is one page."""
    if pages == 1:
        return ""
    before, after = (" disabled" if page == 0 else ""), (" disabled" if page == pages - 1 else "")
    return (
        '<nav class="steps" aria-label="Pages">'
        f'<button type="button" class="plain" data-page="{page - 1}"{before}>Previous</button>'
        f"<span>{page * rows + 1:,}–{page * rows + shown:,} of {total:,}</span>"
        f'<button type="button" class="plain" data-page="{page + 1}"{after}>Next</button></nav>'
    )


def _head(name: str, label: str, sort: str, *, descending: bool) -> str:
    here = name == sort
    order = f' aria-sort="{"descending" if descending else "ascending"}"' if here else ""
    arrow = f' <span aria-hidden="true">{"▾" if descending else "▴"}</span>' if here else ""
    return f'<th scope="col"{order}><button type="button" data-sort="{name}" id="sort-{name}">{label}{arrow}</button></th>'


def _row(file: ListedFile, *, may_curate: bool, prefix: str) -> str:
    name = escape(file.id, quote=True)
    gone = file.state == "removed"
    changed = datetime.fromtimestamp(file.changed).strftime("%Y-%m-%d %H:%M") if file.changed else ""  # noqa: DTZ006 - local
    state = {"": "indexed", "removed": "removed since", "new": "new since", "changed": "changed since"}.get(
        file.state, file.state
    )
    view = (
        f'<button type="button" class="cite plain" data-id="{name}" aria-label="View {name}">View</button>'
        if file.passages
        else ""
    )
    link = escape(file_link(file.id, prefix), quote=True)
    get = "" if gone else f'<a class="plain" href="{link}" download aria-label="Download {name}">Download</a>'
    remove = f'<button type="button" class="plain" data-do="remove" data-id="{name}" aria-label="Remove {name}">Remove</button>'
    return (
        f'<tr><th scope="row"><span class="name">{escape(file.title or file.id)}</span>'
        f'<span class="file">{escape(file.id)}</span></th>'
        f"<td>{escape(file.format)}</td><td>{_size(file.size)}</td><td>{file.passages or ''}</td><td>{changed}</td>"
        f'<td class="{escape(file.state.replace(" ", "-"), quote=True) or "indexed"}">{escape(state)} {escape(file.note)}</td>'
        f'<td class="acts">{view}{get}{remove if may_curate and not gone else ""}</td></tr>'
    )


def _size(number: int) -> str:
    if number < 1024:
        return f"{number} B" if number else ""
    return f"{number / 1024:.0f} kB" if number < 1024 * 1024 else f"{number / 1024 / 1024:.1f} MB"


def added_html(results: Sequence[tuple[str, str, str]]) -> str:
    """A line for each file that was given: its name, what became of it ("added", "same", "other", "failed"), and why."""
    words = {"added": "added", "same": "already there", "other": "not added", "failed": "not added"}
    rows = "".join(
        f'<li class="{kind}"><span class="name">{escape(name)}</span> {words[kind]}{f": {escape(why)}" if why else ""}</li>'
        for name, kind, why in results
    )
    return f'<ul class="added" role="status">{rows}</ul>' if rows else ""


def changes_html(record: BuildRecord) -> str:
    """What the live build did."""
    changes = record.changes
    kinds = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    parts = [f"{len(names)} {kind}" for kind, names in (kinds | {"unchanged": changes.unchanged}).items()]
    built, embedded = escape(record.built), f"{changes.embedded} passages embedded"
    facts = f"Built {built} in {record.seconds} s: {', '.join(parts)}, {embedded}."
    lists = "".join(_names(kind, names) for kind, names in kinds.items())
    failed = "".join(f"<li>{escape(failure.path)}: {escape(failure.reason)}</li>" for failure in changes.failed[:ROWS])
    return f"<p>{facts}</p>{lists}" + (f"<p>Not read:</p><ul>{failed}</ul>" if failed else "")


def _names(kind: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    rows = "".join(f"<li>{escape(name)}</li>" for name in names[:ROWS])
    more = f"<li>… and {len(names) - ROWS} more</li>" if len(names) > ROWS else ""
    return f"<p>{kind.capitalize()}:</p><ul>{rows}{more}</ul>"
