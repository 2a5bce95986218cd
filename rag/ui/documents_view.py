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
from rag.translations import number, t
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
    "publishing": "Copying to the search engine",
    "asking": "Asking the questions",
}
CHANGES = ("added", "changed", "removed", "unchanged", "Added", "Changed", "Removed", "Could not be read")
MOST_SECONDS = 90  # told in seconds, more in minutes
OUTCOMES = {"added": "added", "replaced": "replaced", "same": "already there", "other": "not added", "failed": "not added"}


def index_state_html(
    *, documents: int, passages: int, digest: str, changed: int, job: JobState, building: str | None = None
) -> Markup:
    """What the index holds, and whether files have changed since it was built.

    `building` describes a build by another process; None if there is none.
    """
    state, words = "current", t("on this machine")
    if changed:
        state, words = "stale", t("1 file changed") if changed == 1 else t("{count} files changed", count=number(changed))
    if job.running:
        state, words = "busy", t("updating") + _percent(job)
    elif building is not None:
        state, words = "busy", t("updating") + building
    return render(
        "page/index_state.html",
        state=state,
        words=words,
        documents=t("1 document") if documents == 1 else t("{count} documents", count=number(documents)),
        passages=t("1 passage") if passages == 1 else t("{count} passages", count=number(passages)),
        digest=digest,
    )


def no_index_html(message: str) -> Markup:
    return render("page/no_index.html", message=message)


def _percent(job: JobState) -> str:
    return f", {100 * job.done // job.total}%" if job.total else ""


def job_html(job: JobState) -> Markup:
    """The progress of a job with the time that is left, or its result; empty if nothing has run yet."""
    left = _duration(job.left) if job.left is not None else ""
    what = STAGES.get(job.what) or _sentence(job.what) or "Waiting to start"
    return render("page/job.html", job=job, what=t(what), left=left)


def _sentence(what: str) -> str:
    return what[:1].upper() + what[1:]


def _duration(seconds: float) -> str:
    if seconds < MOST_SECONDS:
        return t("about {count} s", count=max(1, round(seconds)))
    return t("about {count} min", count=round(seconds / 60))


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


def _size(size: int) -> str:
    if size < 1024:
        return f"{size} B" if size else ""
    return f"{size / 1024:.0f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"


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
    counts = ", ".join(f"{number(len(names))} {t(kind)}" for kind, names in (kinds | {"unchanged": changes.unchanged}).items())
    failed = [f"{failure.path}: {failure.reason}" for failure in changes.failed]
    listed = {kind.capitalize(): names for kind, names in kinds.items()} | {CHANGES[-1]: failed}
    lists = [(t(title), names[:ROWS], max(0, len(names) - ROWS)) for title, names in listed.items() if names]
    return render("page/build_changes.html", record=record, counts=counts, lists=lists)
