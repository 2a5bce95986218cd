"""The documents and the state of the index as HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from markupsafe import Markup

from rag.index.changes import BuildRecord
from rag.index.file_listing import ListedFile
from rag.sources import file_link
from rag.templates import render
from rag.ui.jobs import JobState
from rag.ui.paging import ROWS, table_page

COLUMNS = (
    ("name", "Document"),
    ("language", "Language"),
    ("format", "Type"),
    ("size", "Size"),
    ("passages", "Passages"),
    ("changed", "Modified"),
    ("state", "Status"),
)
STAGES = {
    "looking": "Checking the files",
    "reading": "Reading the files",
    "embedding": "Embedding passages",
    "writing": "Writing the index",
    "preparing": "Preparing the search",
    "asking": "Asking the questions",
}
OUTCOMES = {"added": "added", "replaced": "replaced", "same": "already there", "other": "not added", "failed": "not added"}


def index_state_html(
    *, documents: int, passages: int, digest: str, changed: int, job: JobState, building: str | None = None
) -> Markup:
    """What the index holds, and whether files have changed since it was built.

    `building` describes a build by another process; None if there is none.
    """
    state, words = ("stale", f"{_count(changed, 'file')} changed") if changed else ("current", "on this machine")
    if job.running:
        state, words = "busy", f"updating{_percent(job)}"
    elif building is not None:
        state, words = "busy", f"updating{building}"
    return render(
        "page/index_state.html",
        state=state,
        words=words,
        documents=_count(documents, "document"),
        passages=_count(passages, "passage"),
        digest=digest,
    )


def no_index_html(message: str) -> Markup:
    return render("page/no_index.html", message=message)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _percent(job: JobState) -> str:
    return f", {100 * job.done // job.total}%" if job.total else ""


def job_html(job: JobState) -> Markup:
    """The progress of a job with the time that is left, or its result; empty if nothing has run yet."""
    left = _duration(job.left) if job.left is not None else ""
    return render("page/job.html", job=job, what=STAGES.get(job.what) or _sentence(job.what) or "Waiting to start", left=left)


def _sentence(what: str) -> str:
    return what[:1].upper() + what[1:]


def _duration(seconds: float) -> str:
    return f"about {max(1, round(seconds))} s" if seconds < 90 else f"about {round(seconds / 60)} min"


@dataclass(frozen=True)
class FileRow:
    """A row of the table; `size` and `changed` are empty if unknown. `notes` are warnings from reading the file."""

    file: ListedFile
    size: str
    changed: str
    link: str
    notes: Sequence[str]


def files_html(
    files: Sequence[ListedFile],
    *,
    page: int,
    sort: str,
    descending: bool,
    may_curate: bool,
    prefix: str = "",
    folders: list[str] | None = None,
    folder: str = "",
    notes_of: Callable[[str], Sequence[str]] = lambda _: (),
    advice: str = "",
) -> Markup:
    """One page of the table, with buttons to sort it, to choose one of the `folders` and to turn pages.

    `prefix` begins the server's paths; `notes_of` gives the warnings from reading a document, `advice` is about all of them.
    """
    shown, table = table_page(files, page)
    rows = [
        FileRow(file, _size(file.size), _modified(file.changed), file_link(file.id, prefix), notes_of(file.id)) for file in shown
    ]
    return render(
        "page/files.html",
        rows=rows,
        advice=advice,
        table=table,
        columns=COLUMNS,
        sort=sort,
        descending=descending,
        may_curate=may_curate,
        folders=folders or [],
        folder=folder,
    )


def folders_of(files: Sequence[ListedFile]) -> list[str]:
    """The folders at the top of the corpus, each with a slash at its end; at most ROWS."""
    return sorted({f"{file.id.split('/', 1)[0]}/" for file in files if "/" in file.id})[:ROWS]


def _modified(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M") if seconds else ""  # noqa: DTZ006 - local time
    except (OverflowError, ValueError, OSError):  # a year beyond 9999, which file systems can store
        return ""


def _size(number: int) -> str:
    if number < 1024:
        return f"{number} B" if number else ""
    return f"{number / 1024:.0f} kB" if number < 1024 * 1024 else f"{number / 1024 / 1024:.1f} MB"


@dataclass(frozen=True)
class AddedFile:
    """What happened to an uploaded file. "other": a document of this name has other content."""

    name: str
    kind: Literal["added", "replaced", "same", "other", "failed"]
    reason: str = ""

    @property
    def words(self) -> str:
        return OUTCOMES[self.kind]


def added_files_html(results: Sequence[AddedFile]) -> Markup:
    return render("page/added_files.html", results=results)


def build_changes_html(record: BuildRecord) -> Markup:
    """What a build changed."""
    changes = record.changes
    kinds = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    counts = ", ".join(f"{len(names)} {kind}" for kind, names in (kinds | {"unchanged": changes.unchanged}).items())
    failed = [f"{failure.path}: {failure.reason}" for failure in changes.failed]
    listed = {kind.capitalize(): names for kind, names in kinds.items()} | {"Could not be read": failed}
    lists = [(title, names[:ROWS], max(0, len(names) - ROWS)) for title, names in listed.items() if names]
    return render("page/build_changes.html", record=record, counts=counts, lists=lists)
