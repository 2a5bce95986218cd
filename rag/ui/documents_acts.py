"""What the Documents tab can do: list, add and remove documents, and build the index. Only curators change anything."""

import shutil
from pathlib import Path
from typing import Annotated

from gradio.utils import get_upload_folder
from markupsafe import Markup
from pydantic import Field

from rag.accounts.users import User
from rag.errors import DocumentError, RagError
from rag.index.builds import builder_of, describe_builder, live_build, previous_build
from rag.index.changes import load_changes
from rag.index.corpus_edits import add_files, remove_documents, restore_previous
from rag.index.file_listing import chosen_files, list_files
from rag.loading.corpus import corpus_of
from rag.models.known_languages import note_on_models
from rag.storage.files import same_content
from rag.ui.asked_question import MOST_DOCUMENTS, DocumentId
from rag.ui.background_builds import BackgroundBuilds
from rag.ui.calls import LONGEST_SEARCH, Act, Acts, Reply, Request
from rag.ui.documents_view import (
    AddedFile,
    added_files_html,
    build_changes_html,
    files_html,
    folders_of,
    index_state_html,
    job_html,
    no_index_html,
)

MOST_FILES = 1_000  # in one upload, as gradio allows
NOT_A_CURATOR = "Only curators can change the documents."


class ShowState(Request):
    """The state of the index and of a build."""


class ListFiles(Request):
    words: str = Field("", max_length=LONGEST_SEARCH)
    sort: str = "name"
    descending: bool = False
    page: int = 0
    folder: Annotated[str, Field(max_length=4_096)] = ""


class AddFiles(Request):
    """`paths` are what the server returned for uploads; `replace` replaces documents of the same name."""

    paths: list[str] = Field(max_length=MOST_FILES)
    replace: bool = False


class RemoveDocuments(Request):
    ids: list[DocumentId] = Field(min_length=1, max_length=MOST_DOCUMENTS)


class Build(Request):
    full: bool = False


class StopBuild(Request):
    """Ends the build that is running."""


class RestorePrevious(Request):
    """Undoes the last update of the index."""


def show_state(builds: BackgroundBuilds, user: User, _request: ShowState) -> Reply:
    """`digest` changes whenever the list of documents does."""
    job, chat = builds.job.state, builds.library.chat
    reply: Reply = {"running": job.running, "job": job_html(job), "digest": "", "may_curate": user.may_curate}
    try:
        index = chat.index()
        changes = builds.watch.changes(index.manifest)
        builder = None if job.running else builder_of(chat.settings.index)
    except RagError as error:
        return reply | {"chip": no_index_html(str(error))}
    changed = len(changes.added) + len(changes.changed) + len(changes.removed)
    chip = index_state_html(
        documents=len(index.documents),
        passages=len(index.passages),
        digest=index.digest,
        changed=changed,
        job=job,
        building=None if builder is None else describe_builder(builder),
    )
    return reply | {"chip": chip, "digest": f"{index.digest} {changed} {len(changes.failed)}"}


def list_documents(builds: BackgroundBuilds, user: User, request: ListFiles) -> Reply:
    chat = builds.library.chat
    settings, manifest = chat.settings, chat.index().manifest
    files = list_files(corpus_of(settings), manifest, builds.watch.changes(manifest))
    matching = chosen_files(files, request.words, request.sort, descending=request.descending)
    documents = chat.index().documents
    html = files_html(
        [file for file in matching if file.id.startswith(request.folder)],
        folders=folders_of(files),
        folder=request.folder,
        notes_of=lambda id: documents[id].notes if id in documents else (),
        page=request.page,
        sort=request.sort,
        descending=request.descending,
        may_curate=user.may_curate,
        prefix=settings.server.prefix,
        advice=chat.trouble or note_on_models(settings, manifest.corpus.languages),
    )
    return {
        "html": html,
        "changes": Markup("").join(build_changes_html(load_changes(folder)) for folder in _kept_builds(settings.index)),
        "may_curate": user.may_curate,
        "can_undo": previous_build(settings.index) is not None,
    }


def _kept_builds(index: Path) -> list[Path]:
    """The live build and, if it is kept, the one before."""
    previous = previous_build(index)
    return [live_build(index), *([previous] if previous else [])]


def add_documents(builds: BackgroundBuilds, _: User, request: AddFiles) -> Reply:
    """Copies uploaded files into the corpus, each on its own, then builds."""
    uploads = [_uploaded(path) for path in request.paths]  # all are checked before the first is copied
    results = [_add(builds, upload, replace=request.replace) for upload in uploads]
    if any(result.kind in ("added", "replaced") for result in results):
        builds.request()
    return {"html": added_files_html(results), "other": [result.name for result in results if result.kind == "other"]}


def _add(builds: BackgroundBuilds, upload: Path, *, replace: bool) -> AddedFile:
    settings, name = builds.library.settings, upload.name
    existing = settings.corpus / name
    known = existing.is_file()
    same = known and same_content(existing, upload)
    try:
        failed = add_files(corpus_of(settings), [upload], overwrite=replace)
    except DocumentError as error:
        return AddedFile(name, "other", str(error).split(";")[0])
    finally:
        shutil.rmtree(upload.parent, ignore_errors=True)  # no copy of a document stays in gradio's folder
    if failed:
        return AddedFile(name, "failed", failed[0].reason)
    return AddedFile(name, "same" if same else "replaced" if known else "added")


def _uploaded(path: str) -> Path:
    """An uploaded file. The path comes from the browser: raises DocumentError for any that this server did not store."""
    root = Path(get_upload_folder()).resolve()
    upload = Path(path) if "\0" not in path else root
    resolved = upload.resolve()
    if not resolved.is_relative_to(root) or upload.is_symlink() or not upload.is_file() or resolved.parent.parent != root:
        raise DocumentError("this file was not uploaded here; choose it again")
    return upload


def remove_chosen(builds: BackgroundBuilds, _: User, request: RemoveDocuments) -> Reply:
    settings = builds.library.settings
    remove_documents(corpus_of(settings), request.ids, settings.index)
    builds.request()
    return {}


def build(builds: BackgroundBuilds, _: User, request: Build) -> Reply:
    builds.request(full=request.full)
    return {}


def stop_build(builds: BackgroundBuilds, _: User, _request: StopBuild) -> Reply:
    builds.stop()
    return {}


def undo_update(builds: BackgroundBuilds, _: User, _request: RestorePrevious) -> Reply:
    manifest = restore_previous(builds.library.settings.index)
    builds.job.forget_result()  # it was undone
    count = len(manifest.corpus.documents)
    return {"message": f"Restored the previous index: {count} documents, index {manifest.hash[:12]}."}


STATE_ACTS: Acts[BackgroundBuilds] = {"state": Act(ShowState, show_state)}
ADDING_ACTS: Acts[BackgroundBuilds] = {"add": Act(AddFiles, add_documents, NOT_A_CURATOR)}
DOCUMENT_ACTS: Acts[BackgroundBuilds] = {
    **ADDING_ACTS,
    "list": Act(ListFiles, list_documents),
    "remove": Act(RemoveDocuments, remove_chosen, NOT_A_CURATOR),
    "build": Act(Build, build, NOT_A_CURATOR),
    "stop": Act(StopBuild, stop_build, NOT_A_CURATOR),
    "undo": Act(RestorePrevious, undo_update, NOT_A_CURATOR),
}
