"""Commands that build, change and check the index."""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.cli.output import (
    SOME_FAILED,
    CorpusOption,
    IndexOption,
    JsonOption,
    WaitOption,
    open_library,
    print_json,
    print_line,
    print_note,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.answering.guarantee_state import GuaranteeState
    from rag.config import Settings
    from rag.index.builds import Report
    from rag.index.entries import Entry
    from rag.index.manifest import CorpusFiles, Failure
    from rag.index.status import Status
    from rag.library import BuildReport
    from rag.loading.folder_listing import Skipped

SHOWN = 20  # files listed per kind of change; --json lists all


def build(
    corpus: CorpusOption = None,
    index: IndexOption = None,
    full: Annotated[bool, typer.Option("--full", help="Rebuild everything from scratch.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try again to read files that could not be read.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Keep no previous build to roll back to.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Then build again from scratch and compare.")] = False,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make the index agree with the corpus. Only changed files are read and embedded."""
    library = open_library(corpus, index)
    with _building() as progress:
        report = library.build(full=full, retry=retry, forget=forget, wait=wait, progress=progress)
        differences = library.differences(progress=progress) if verify else None
    _finish(report, as_json=as_json, differences=differences)


def add(
    files: Annotated[list[Path], typer.Argument(help="Files or folders to copy into the corpus.", show_default=False)],
    into: Annotated[str, typer.Option("--into", metavar="FOLDER", help="Folder within the corpus.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite documents of the same name.")] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy files into the corpus, then build."""
    library = open_library(corpus, index)
    with _building() as progress:
        report = library.add(files, into=into, replace=replace, wait=wait, progress=progress)
    _finish(report, as_json=as_json)


def remove(
    ids: Annotated[list[str], typer.Argument(help="Documents to delete from the corpus.", show_default=False)],
    corpus: CorpusOption = None,
    index: IndexOption = None,
    wait: WaitOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete documents from the corpus, then build. They leave no trace in the index."""
    library = open_library(corpus, index)
    with _building() as progress:
        report = library.remove(ids, wait=wait, progress=progress)
    _finish(report, as_json=as_json)


@contextmanager
def _building() -> "Iterator[Report]":
    """Progress bars; Ctrl-C ends with one plain line."""
    from rag.cli.progress import progress_bars

    try:
        with progress_bars() as progress:
            yield progress
    except KeyboardInterrupt:
        print_note("rag: stopped; the index is unchanged, and the work done so far is kept for the next build")
        raise typer.Exit(130) from None


def _finish(report: "BuildReport", *, as_json: bool, differences: Sequence[str] | None = None) -> None:
    """Prints what a build did and ends with the exit code for it."""
    if as_json:
        checked = {} if differences is None else {"differs": differences, "verified": not differences}
        print_json(_report_values(report) | checked)
    else:
        _print_report(report)
        if differences:
            print_note(f"rag: a build from scratch differs in {', '.join(differences)}; run `rag build --full`")
        elif differences is not None:
            print_line("verified: a build from scratch is identical")
    if differences:
        raise typer.Exit(1)
    if report.refused or report.changes.failed:
        raise typer.Exit(SOME_FAILED)


def _report_values(report: "BuildReport") -> dict[str, Any]:
    changes = report.changes
    return {
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "unchanged": changes.unchanged,
        "failed": _failure_values((*report.refused, *changes.failed)),
        "skipped": [asdict(skipped) for skipped in report.skipped],
        "duplicates": [asdict(duplicate) for duplicate in changes.duplicates],
        "documents": len(report.manifest.corpus.documents),
        "passages": report.manifest.passages,
        "embedded": changes.embedded,
        "cut": changes.cut,
        "rebuilt": changes.rebuilt,
        "notes": _note_values(report.manifest.corpus),
        "watched": asdict(report.watched) if report.watched else None,
        "seconds": round(report.seconds, 2),
        "manifest": report.manifest.hash,
        "advice": report.advice,
    }


def _failure_values(failures: "Sequence[Failure]") -> list[dict[str, str]]:
    return [{"path": failure.path, "reason": failure.reason} for failure in failures]


def _note_values(files: "CorpusFiles") -> list[dict[str, str]]:
    return [{"path": path, "note": note} for path, note in _notes(files)]


def _notes(files: "CorpusFiles") -> list[tuple[str, str]]:
    """Each document with what was noticed when it was read, such as hidden text or missing parts."""
    return [(document.id, note) for document in files.documents for note in document.notes]


def _print_report(report: "BuildReport") -> None:
    changes, manifest = report.changes, report.manifest
    for failure in (*report.refused, *changes.failed):
        print_note(f"could not read {failure.path}: {failure.reason}")
    if changes.rebuilt:
        print_line(f"rebuilt everything: {changes.rebuilt}")
    named = {"added": changes.added, "changed": changes.changed, "removed": changes.removed}
    for kind, paths in named.items():
        for path in paths[:SHOWN]:
            print_line(f"{kind:9}  {path}")
        if len(paths) > SHOWN:
            print_line(f"{kind:9}  … and {len(paths) - SHOWN} more; --json lists all")
    _print_skipped(report.skipped)
    for duplicate in changes.duplicates[:SHOWN]:
        print_line(f"same as {duplicate.same_as}, indexed once:  {duplicate.path}")
    new = {*changes.added, *changes.changed}
    for path, note in _notes(manifest.corpus):
        if path in new:
            print_line(f"note on {path}: {note}")
    if changes.cut:
        print_line(f"{changes.cut} passages hold only part of a sentence, because it is longer than the model reads")
    counts = {kind: len(paths) for kind, paths in named.items()}
    counts |= {"unchanged": len(changes.unchanged), "failed": len(report.refused) + len(changes.failed)}
    print_line(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    print_line(
        f"{len(manifest.corpus.documents)} documents, {manifest.passages} passages, {changes.embedded} embedded in "
        f"{report.seconds:.2f} s, manifest {manifest.hash[:12]}"
    )
    if report.advice:
        print_line(report.advice)
    if report.watched:
        from rag.review.watch_asking import describe_asked

        print_line(describe_asked(report.watched))


def _print_skipped(skipped: "Sequence[Skipped]") -> None:
    for part in skipped[:SHOWN]:
        print_line(f"skipped    {part.path}: {part.reason}")
    if len(skipped) > SHOWN:
        print_line(f"skipped    … and {len(skipped) - SHOWN} more; --json lists all")


def status(
    corpus: CorpusOption = None,
    index: IndexOption = None,
    files: Annotated[bool, typer.Option("--files", help="List every document.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what the index holds. Also lists what has changed in the corpus since it was built."""
    library = open_library(corpus, index)
    current, guarantee = library.status(), _guarantee(library.settings)
    documents = current.manifest.corpus.documents if files else ()
    if as_json:
        values = _status_values(current) | {"guarantee": asdict(guarantee) if guarantee else None}
        print_json(values | ({"files": [asdict(document) for document in documents]} if files else {}))
        return
    _print_status(current, documents)
    if guarantee:
        print_line(guarantee.trouble or f"guaranteed: {guarantee.line}")


def _guarantee(settings: "Settings") -> "GuaranteeState | None":
    """The guarantee about strong answers; without a calibration, nothing is loaded to find out that there is none."""
    if not (settings.index / "calibration.json").is_file():
        return None
    from rag.answering.guarantee_state import guarantee_state

    return guarantee_state(settings)


def _status_values(current: "Status") -> dict[str, Any]:
    from rag.index.manifest import model_values

    manifest, changes = current.manifest, current.changes
    return {
        "documents": len(manifest.corpus.documents),
        "passages": manifest.passages,
        "languages": manifest.corpus.languages,
        "advice": current.advice,
        "model": model_values(manifest.contents.model, manifest.contents.dim),
        "nearest": asdict(manifest.nearest),
        "manifest": manifest.hash,
        "built": current.built,
        "former": current.previous,
        "building": None if current.building is None else current.building.values(),
        "up_to_date": not changes.any,
        "failed": _failure_values(changes.failed),
        "skipped": [asdict(skipped) for skipped in current.skipped],
        "duplicates": [asdict(duplicate) for duplicate in changes.duplicates],
        "notes": _note_values(manifest.corpus),
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
    }


def _print_status(current: "Status", documents: "Sequence[Entry]") -> None:
    manifest, changes = current.manifest, current.changes
    print_line(
        f"{len(manifest.corpus.documents)} documents, {manifest.passages} passages, model {manifest.contents.model.name}, "
        f"manifest {manifest.hash[:12]}, built {current.built}",
    )
    if manifest.nearest.factory != "Flat":
        from rag.index.dense import describe_nearest

        print_line(describe_nearest(manifest.nearest))
    languages = manifest.corpus.languages
    if set(languages) != {"en"}:
        print_line("languages: " + ", ".join(f"{code or 'unknown'} {count}" for code, count in languages.items()))
    if current.advice:
        print_line(current.advice)
    for document in documents:
        language = document.language or "unknown"
        print_line(f"{document.id}: {document.title}, {document.passages} passages, language {language}")
    for failure in changes.failed:
        print_line(f"not read: {failure.path}: {failure.reason}")
    _print_skipped(current.skipped)
    for path, note in _notes(manifest.corpus):
        print_line(f"note on {path}: {note}")
    for duplicate in changes.duplicates:
        print_line(f"same as {duplicate.same_as}: {duplicate.path}")
    for kind, paths in (("added", changes.added), ("changed", changes.changed), ("removed", changes.removed)):
        for path in paths:
            print_line(f"{kind} since: {path}")
    if current.building is not None:
        from rag.index.builds import describe_builder

        print_line(f"a build is running{describe_builder(current.building)}")
    print_line("the corpus has changed; run `rag build` to update the index" if changes.any else "up to date")


def doctor(corpus: CorpusOption = None, index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Check everything that can be checked. Each fault comes with the command that fixes it."""
    checks = open_library(corpus, index).doctor()
    faults = sum(len(check.faults) for check in checks)
    if as_json:
        values = [
            {"name": check.name, "note": check.note, "faults": [{"what": what, "mend": fix} for what, fix in check.faults]}
            for check in checks
        ]
        print_json({"ok": not faults, "checks": values})
    else:
        for check in checks:
            note = f": {check.note}" if check.note else ""
            print_line(("fault", "red") if check.faults else ("ok   ", "green"), f" {check.name}{note}")
            for what, fix in check.faults:
                print_line(f"      {what}; {fix}")
    if faults:
        raise typer.Exit(1)


def rollback(
    corpus: CorpusOption = None, index: IndexOption = None, wait: WaitOption = False, as_json: JsonOption = False
) -> None:
    """Restore the previous build. Run it again to undo."""
    current = open_library(corpus, index).rollback(wait=wait)
    manifest, changed = current.manifest, current.changes.any
    documents = len(manifest.corpus.documents)
    if as_json:
        print_json({"manifest": manifest.hash, "documents": documents, "passages": manifest.passages, "up_to_date": not changed})
        return
    print_line(f"restored the previous build: {documents} documents, {manifest.passages} passages, manifest {manifest.hash[:12]}")
    if changed:
        print_line("the corpus has changed since that build; run `rag build` to bring the index up to date")
