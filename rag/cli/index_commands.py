"""Commands that make, change and check the index."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from rag.cli.output import SOME_FAILED, CorpusOption, IndexOption, JsonOption, WaitOption, notes, out, print_json

if TYPE_CHECKING:
    from rag.config import Settings

SHOWN = 20  # files of a kind in the table; --json has all


def build(
    corpus: CorpusOption = None,
    index: IndexOption = None,
    full: Annotated[bool, typer.Option("--full", help="Take nothing from the former index.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Keep no former build to roll back to.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Then build once more from nothing and compare.")] = False,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the index agree with the corpus. Only what changed is read and embedded."""
    from rag.config import load_settings

    settings = load_settings(corpus=corpus, index=index)
    values = _update(settings, full=full, forget=forget, wait=wait)
    if verify:
        values["differs"] = _compare(settings)
        values["verified"] = not values["differs"]
    _finish(values, as_json=as_json)


def add(
    files: Annotated[list[Path], typer.Argument(help="Files or folders to copy into the corpus.", show_default=False)],
    into: Annotated[str, typer.Option("--into", metavar="FOLDER", help="Folder within the corpus.")] = "",
    overwrite: Annotated[bool, typer.Option("--replace", help="Overwrite documents of the same name.")] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy files into the corpus, then build."""
    from rag.config import load_settings
    from rag.index.corpus_edits import add_files

    settings = load_settings(corpus=corpus, index=index)
    failed: list[Any] = []
    settings.corpus.mkdir(parents=True, exist_ok=True)

    def copy_in() -> None:
        failed.extend(add_files(settings.corpus, files, into=into, overwrite=overwrite, settings=settings.loading))

    values = _update(settings, wait=wait, prepare=copy_in)
    values["failed"] = [{"path": failure.path, "reason": failure.reason} for failure in failed] + values["failed"]
    _finish(values, as_json=as_json)


def remove(
    ids: Annotated[list[str], typer.Argument(help="Documents to delete from the corpus.", show_default=False)],
    corpus: CorpusOption = None,
    index: IndexOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete documents from the corpus, then build. Nothing of them stays in the index."""
    from rag.config import load_settings
    from rag.errors import IndexBroken, IndexMismatch, IndexMissing
    from rag.index.builds import live_build
    from rag.index.corpus_edits import remove_documents
    from rag.index.manifest import digests_in, read_manifest

    settings = load_settings(corpus=corpus, index=index)
    try:
        indexed = set(digests_in(read_manifest(live_build(settings.index))))
    except (IndexMissing, IndexBroken, IndexMismatch):
        indexed = set()  # the build that follows makes the index anew
    _finish(_update(settings, wait=wait, prepare=lambda: remove_documents(settings.corpus, ids, indexed)), as_json=as_json)


def _update(
    settings: "Settings",
    *,
    full: bool = False,
    forget: bool = False,
    wait: bool = False,
    prepare: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    from rag.cli.progress import progress_bars
    from rag.index.updating import update_index
    from rag.loading.corpus import FolderCorpus
    from rag.models.embedder import ModelEmbedder

    started = time.perf_counter()
    embedder = ModelEmbedder(settings.embedding)
    try:
        with progress_bars() as progress:
            manifest, changes = update_index(
                FolderCorpus(settings.corpus, settings.loading),
                settings.index,
                embedder,
                settings.passages,
                dense=settings.dense,
                full=full,
                forget=forget,
                wait=wait,
                prepare=prepare,
                progress=progress,
            )
    except KeyboardInterrupt:
        notes.print("rag: stopped; the index is as it was, and what was embedded is kept for the next build", soft_wrap=True)
        raise typer.Exit(130) from None
    return {
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "unchanged": changes.unchanged,
        "failed": [{"path": failure.path, "reason": failure.reason} for failure in changes.failed],
        "duplicates": [{"path": duplicate.path, "same_as": duplicate.same_as} for duplicate in changes.duplicates],
        "documents": len(manifest["documents"]),
        "passages": manifest["passages"],
        "embedded": changes.embedded,
        "cut": changes.cut,
        "notes": _notes(manifest),
        "seconds": round(time.perf_counter() - started, 2),
        "manifest": manifest["hash"],
    }


def _compare(settings: "Settings") -> list[str]:
    from rag.cli.progress import progress_bars
    from rag.index.updating import rebuild_differs
    from rag.loading.corpus import FolderCorpus
    from rag.models.embedder import ModelEmbedder

    embedder = ModelEmbedder(settings.embedding)
    corpus = FolderCorpus(settings.corpus, settings.loading)
    with progress_bars() as progress:
        return rebuild_differs(corpus, settings.index, embedder, settings.passages, dense=settings.dense, progress=progress)


def _notes(manifest: dict[str, Any]) -> list[dict[str, str]]:
    """What was noticed in documents that were read: hidden text, missing parts."""
    return [{"path": document["id"], "note": note} for document in manifest["documents"] for note in document["notes"]]


def _finish(values: dict[str, Any], *, as_json: bool) -> None:
    """Prints what a build did and ends with the fitting exit code."""
    if as_json:
        print_json(values)
    else:
        _print_changes(values)
        out.print(
            f"{values['documents']} documents, {values['passages']} passages, {values['embedded']} embedded in "
            f"{values['seconds']} s, manifest {values['manifest'][:12]}"
        )
        if values.get("verified"):
            out.print("verified: a build from nothing gives the same")
        elif "verified" in values:
            differing = ", ".join(values["differs"])
            notes.print(f"rag: a build from nothing differs in {differing}; run `rag build --full`", soft_wrap=True)
    if values.get("differs"):
        raise typer.Exit(1)
    if values["failed"]:
        raise typer.Exit(SOME_FAILED)


def _print_changes(values: dict[str, Any]) -> None:
    for failure in values["failed"]:
        notes.print(f"could not read {escape(failure['path'])}: {escape(failure['reason'])}", soft_wrap=True)
    for kind in ("added", "changed", "removed"):
        for path in values[kind][:SHOWN]:
            out.print(f"{kind:9}  {escape(path)}", soft_wrap=True)
        if len(values[kind]) > SHOWN:
            out.print(f"{kind:9}  … and {len(values[kind]) - SHOWN} more; --json lists all")
    for duplicate in values["duplicates"][:SHOWN]:
        out.print(f"same as {escape(duplicate['same_as'])}, read once:  {escape(duplicate['path'])}", soft_wrap=True)
    for noted in values["notes"]:
        if noted["path"] in {*values["added"], *values["changed"]}:
            out.print(f"note on {escape(noted['path'])}: {escape(noted['note'])}", soft_wrap=True)
    if values["cut"]:
        out.print(f"{values['cut']} passages hold part of a sentence that is longer than the model reads")
    counted = [f"{len(values[kind])} {kind}" for kind in ("added", "changed", "removed", "unchanged", "failed")]
    out.print(", ".join(counted))


def status(
    corpus: CorpusOption = None,
    index: IndexOption = None,
    files: Annotated[bool, typer.Option("--files", help="List every document.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what the index holds and what has changed since."""
    from rag.config import load_settings
    from rag.index.builds import builder_of, former_build, live_build
    from rag.index.changes import corpus_changes
    from rag.index.manifest import HASHED, check_files, check_manifest, read_changes, read_manifest
    from rag.models.model_identity import model_identity

    settings = load_settings(corpus=corpus, index=index)
    folder = live_build(settings.index)
    manifest = read_manifest(folder)
    check_manifest(manifest, model=model_identity(settings.embedding), settings=settings.passages)
    check_files(folder, manifest, hashed=HASHED)
    changes = corpus_changes(settings.corpus, manifest)
    changed = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    former, builder = former_build(settings.index), builder_of(settings.index)
    values = {
        "documents": len(manifest["documents"]),
        "passages": manifest["passages"],
        "model": manifest["model"],
        "nearest": manifest["nearest"],
        "manifest": manifest["hash"],
        "built": read_changes(folder)["built"],
        "former": former.name if former else None,
        "building": builder,
        "up_to_date": not any(changed.values()),
        "failed": [{"path": failure.path, "reason": failure.reason} for failure in changes.failed],
        "duplicates": [{"path": duplicate.path, "same_as": duplicate.same_as} for duplicate in changes.duplicates],
        "notes": _notes(manifest),
        **changed,
    }
    listed = manifest["documents"] if files else []
    if as_json:
        print_json(values | ({"files": listed} if files else {}))
    else:
        _print_status(values, listed)


def _print_status(values: dict[str, Any], listed: list[dict[str, Any]]) -> None:
    from rag.index.builds import describe_builder

    held = f"{values['documents']} documents, {values['passages']} passages, model {values['model']['name']}"
    out.print(f"{held}, manifest {values['manifest'][:12]}, built {values['built']}", soft_wrap=True)
    if values["nearest"]["factory"] != "Flat":
        from rag.index.dense import Nearest, describe_nearest

        out.print(describe_nearest(Nearest(**values["nearest"])), soft_wrap=True)
    for document in listed:
        out.print(f"{escape(document['id'])}: {escape(document['title'])}, {document['passages']} passages", soft_wrap=True)
    for failure in values["failed"]:
        out.print(f"not read: {escape(failure['path'])}: {escape(failure['reason'])}", soft_wrap=True)
    for noted in values["notes"]:
        out.print(f"note on {escape(noted['path'])}: {escape(noted['note'])}", soft_wrap=True)
    for duplicate in values["duplicates"]:
        out.print(f"same as {escape(duplicate['same_as'])}: {escape(duplicate['path'])}", soft_wrap=True)
    for what in ("added", "changed", "removed"):
        for name in values[what]:
            out.print(f"{what} since: {escape(name)}", soft_wrap=True)
    if values["building"] is not None:
        out.print(f"a build is running{describe_builder(values['building'])}")
    out.print("up to date" if values["up_to_date"] else "run `rag build` to bring the index up to date")


def doctor(corpus: CorpusOption = None, index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Check everything that can be checked. Each fault comes with the command that mends it."""
    from rag.config import load_settings
    from rag.index.doctor import examine

    checks = examine(load_settings(corpus=corpus, index=index))
    faults = sum(len(check.faults) for check in checks)
    if as_json:
        shown = [
            {"name": check.name, "note": check.note, "faults": [{"what": what, "mend": mend} for what, mend in check.faults]}
            for check in checks
        ]
        print_json({"ok": not faults, "checks": shown})
    else:
        for check in checks:
            note = f": {escape(check.note)}" if check.note else ""
            out.print(f"{'[green]ok[/]   ' if not check.faults else '[red]fault[/]'} {check.name}{note}", soft_wrap=True)
            for what, mend in check.faults:
                out.print(f"      {escape(what)}; {escape(mend)}", soft_wrap=True)
    if faults:
        raise typer.Exit(1)


def rollback(
    corpus: CorpusOption = None, index: IndexOption = None, wait: WaitOption = False, as_json: JsonOption = False
) -> None:
    """Make the former build live again. Once more goes forward again."""
    from rag.config import load_settings
    from rag.index.changes import corpus_changes
    from rag.index.corpus_edits import back_to_former

    settings = load_settings(corpus=corpus, index=index)
    manifest = back_to_former(settings.index, wait=wait)
    changes = corpus_changes(settings.corpus, manifest)
    values = {
        "manifest": manifest["hash"],
        "documents": len(manifest["documents"]),
        "passages": manifest["passages"],
        "up_to_date": not (changes.added or changes.changed or changes.removed),
    }
    if as_json:
        print_json(values)
        return
    out.print(f"live again: {values['documents']} documents, {values['passages']} passages, manifest {manifest['hash'][:12]}")
    if not values["up_to_date"]:
        out.print("the corpus has changed since that build; `rag build` goes forward again")
