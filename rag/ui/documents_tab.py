"""The tab of the documents: handlers that only hand on to the index's rooms; the build runs in the background."""

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from rag.accounts.users import User
from rag.errors import DocumentError, RagError
from rag.index.builds import Report, builder_of, describe_builder, live_build, previous_build
from rag.index.changes import load_changes
from rag.index.corpus_edits import add_files, remove_documents, restore_previous
from rag.index.file_listing import Watch, chosen_files, fingerprint, list_files
from rag.library import Library
from rag.ui.documents_view import (
    AddedFile,
    added_files_html,
    build_changes_html,
    files_html,
    index_state_html,
    job_html,
    no_index_html,
)
from rag.ui.jobs import Job

WATCHED_EVERY = 2.0  # seconds
STOPPED = "Stopped: the index is as it was, and what was embedded is kept for the next build."
MOST_FILES = 1_000  # given at once


class Documents:
    """What the tab's handlers do. Everybody sees the documents; only a curator changes them."""

    def __init__(self, library: Library, user_of: Callable[[gr.Request | None], User]) -> None:
        self.library, self.chat, self.user_of = library, library.chat, user_of
        self.job = Job(STOPPED)
        self.watch = Watch(library.settings.corpus)
        self._again = False

    def call(self, told: Any, request: gr.Request | None) -> dict[str, Any]:
        told = told if isinstance(told, dict) else {}
        name = str(told.get("do"))
        try:
            if name in _CHANGING and not self.user_of(request).may_curate:
                return {"error": "Only a curator may change the documents."}
            act = (_CHANGING | _LOOKING).get(name)
            return act(self, told, request) if act else {"error": "This is not known."}
        except (RagError, OSError) as error:
            return {"error": str(error)}

    def state(self, _told: Mapping[str, Any], _request: gr.Request | None) -> dict[str, Any]:
        """The chip, and how far a build is. `digest` changes when another build has become live."""
        job = self.job.state
        shown: dict[str, Any] = {"running": job.running, "job": job_html(job), "digest": ""}
        try:
            index = self.chat.index()
            changes = self.watch.changes(index.manifest)
            builder = None if job.running else builder_of(self.chat.settings.index)
        except RagError as error:
            return shown | {"chip": no_index_html(str(error))}
        changed = len(changes.added) + len(changes.changed) + len(changes.removed)
        chip = index_state_html(
            documents=len(index.documents),
            passages=len(index.passages),
            digest=index.digest,
            changed=changed,
            job=job,
            building=None if builder is None else describe_builder(builder),
        )
        return shown | {"chip": chip, "digest": f"{index.digest} {changed} {len(changes.failed)}"}

    def _list(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        manifest = self.chat.index().manifest
        files = list_files(self.chat.settings.corpus, manifest, self.watch.changes(manifest))
        sort, descending = str(told.get("sort") or "name"), bool(told.get("descending"))
        page = told.get("page")
        fitting = chosen_files(files, str(told.get("words") or "")[:200], sort, descending=descending)
        may = self.user_of(request).may_curate
        number = page if isinstance(page, int) else 0
        settings = self.chat.settings.index
        return {
            "html": files_html(
                fitting, page=number, sort=sort, descending=descending, may_curate=may, prefix=self.chat.settings.server.prefix
            ),
            "changes": build_changes_html(load_changes(live_build(settings))),
            "may_curate": may,
            "former": previous_build(settings) is not None,
        }

    def build(self, told: Mapping[str, Any], _request: gr.Request | None) -> dict[str, Any]:
        full = bool(told.get("full"))
        if not self.job.start(lambda report: self._build(report, full=full)):
            self._again = True  # the build that runs may have looked at the files already
        return {}

    def _build(self, report: Report, *, full: bool = False) -> str:
        self._again = False
        done = self.library.build(full=full, progress=report)
        if self._again:
            return self._build(report)
        changes, manifest = done.changes, done.manifest
        kinds: dict[str, Sequence[object]] = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
        kinds |= {"not read": changes.failed}
        told = ", ".join(f"{len(names)} {kind}" for kind, names in kinds.items() if names) or "nothing has changed"
        return f"Done: {told}. The index holds {len(manifest.corpus.documents)} documents, {manifest.passages} passages."

    def _stop(self, _told: Mapping[str, Any], _request: gr.Request | None) -> dict[str, Any]:
        self.job.stop()
        return {}

    def _add(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        """Takes uploaded files into the corpus, each by itself, then builds."""
        given = told.get("paths")
        paths = given[:MOST_FILES] if isinstance(given, list) else []
        uploaded = [_uploaded(path) for path in paths]  # all of them before the first is taken in
        results = [self._add_one(path, overwrite=bool(told.get("replace"))) for path in uploaded]
        if any(result.kind == "added" for result in results):
            self.build({}, request)
        return {"html": added_files_html(results), "other": [result.name for result in results if result.kind == "other"]}

    def _add_one(self, uploaded: Path, *, overwrite: bool) -> AddedFile:
        corpus = self.chat.settings.corpus
        there = corpus / uploaded.name
        same = there.is_file() and there.read_bytes() == uploaded.read_bytes()
        try:
            failed = add_files(corpus, [uploaded], overwrite=overwrite, settings=self.chat.settings.loading)
        except DocumentError as error:
            return AddedFile(uploaded.name, "other", str(error).split(";")[0])
        finally:
            shutil.rmtree(uploaded.parent, ignore_errors=True)  # nothing of a document stays in a folder of gradio's
        if failed:
            return AddedFile(uploaded.name, "failed", failed[0].reason)
        return AddedFile(uploaded.name, "same" if same else "added")

    def _remove(self, told: Mapping[str, Any], request: gr.Request | None) -> dict[str, Any]:
        name = told.get("id")
        if not isinstance(name, str):
            raise DocumentError("name the document that is to be removed")
        remove_documents(self.chat.settings.corpus, [name], self.chat.settings.index)
        return self.build({}, request)

    def _roll_back(self, _told: Mapping[str, Any], _request: gr.Request | None) -> dict[str, Any]:
        manifest = restore_previous(self.chat.settings.index)
        return {"told": f"Live again: {len(manifest.corpus.documents)} documents, index {manifest.hash[:12]}."}

    def follow_corpus(self, stopped: threading.Event) -> None:
        """Builds whenever the files have changed and are left alone; until `stopped`."""
        known = None
        while not stopped.wait(WATCHED_EVERY):
            try:
                now = fingerprint(self.chat.settings.corpus)
                waiting = known == now and _moved(self.watch, self.library)
            except RagError:  # the chip says what is amiss
                continue
            if waiting:
                self.job.start(self._build)
            known = now


def _moved(watch: Watch, library: Library) -> bool:
    return watch.changes(library.chat.index().manifest).any


def _uploaded(path: object) -> Path:
    """A file that this server took in. Raises DocumentError for any other: the path comes from the browser."""
    root = Path(get_upload_folder()).resolve()
    found = Path(path) if isinstance(path, str) and "\0" not in path else root
    if (
        not found.resolve().is_relative_to(root)
        or found.is_symlink()
        or not found.is_file()
        or found.resolve().parent.parent != root
    ):
        raise DocumentError("this file was not given to the page; choose it again")
    return found


_Act = Callable[[Documents, Mapping[str, Any], gr.Request | None], dict[str, Any]]
_LOOKING: dict[str, _Act] = {"state": Documents.state, "list": Documents._list}
_CHANGING: dict[str, _Act] = {
    "add": Documents._add,
    "remove": Documents._remove,
    "build": Documents.build,
    "stop": Documents._stop,
    "back": Documents._roll_back,
}
