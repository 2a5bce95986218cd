"""`rag calibrate`: the confidence threshold of an index, learned from a question set about its documents."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rag.cli.output import CorpusOption, IndexOption, JsonOption, open_library, print_json, print_line

if TYPE_CHECKING:
    from rag.answering.confidence import Calibration
    from rag.library import Library

DEFAULT = 0.1  # share of unanswerable questions that get an answer


def calibrate(
    dataset: Annotated[
        Path | None,
        typer.Argument(metavar="SET", help="Folder of a question set about the indexed documents.", show_default=False),
    ] = None,
    false_answers: Annotated[
        float | None,
        typer.Option(
            "--false-answers",
            min=0,
            max=1,
            help="Largest share of unanswerable questions that get an answer; with --at-most, unset keeps the reader's.",
            show_default="0.1",
        ),
    ] = None,
    at_most: Annotated[
        float | None,
        typer.Option("--at-most", min=0.001, max=0.999, help="Guarantee that at most this share of strong answers is wrong."),
    ] = None,
    certainty: Annotated[
        float, typer.Option("--with", min=0.5, max=0.9999, help="With --at-most: how certain the guarantee has to be.")
    ] = 0.95,
    check: Annotated[bool, typer.Option("--check", help="Check whether the guarantee holds for the present build.")] = False,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn from a question set how confident an answer must be. What that costs is measured and stored with the index.

    With --at-most, the set also guarantees how many strong answers are wrong; `rag calibrate --check` checks the guarantee
    after the documents have changed.
    """
    if check == (dataset is not None):
        raise typer.BadParameter("give either a question set or --check")
    library = open_library(corpus, index)
    if dataset is None:
        _check(library, as_json=as_json)
    else:
        calibration = _learned(library, dataset, false_answers=false_answers, at_most=at_most, certainty=certainty)
        _print_calibration(library, calibration, as_json=as_json)


def _learned(
    library: "Library", dataset: Path, *, false_answers: float | None, at_most: float | None, certainty: float
) -> "Calibration":
    from rag.cli.progress import progress_bars

    with progress_bars() as progress:
        if at_most is None:
            return library.calibrate(
                dataset, false_answers=DEFAULT if false_answers is None else false_answers, progress=progress
            )
        evaluation = library.evaluate(dataset, progress=progress)
    from rag.evaluation.guarantee import learn_guarantee

    questions, outcomes, chat = evaluation.questions, evaluation.outcome_of, evaluation.chat
    return learn_guarantee(questions, outcomes, chat, at_most=at_most, certainty=certainty, false_answers=false_answers)


def _print_calibration(library: "Library", calibration: "Calibration", *, as_json: bool) -> None:
    from dataclasses import asdict

    from rag.answering.confidence import FILE

    path, measured, guarantee = library.settings.index / FILE, calibration.measured, calibration.guarantee
    if as_json:
        bands = [asdict(band) for band in calibration.bands]
        promised = {"guarantee": asdict(guarantee) | {"line": guarantee.line}} if guarantee else {}
        print_json({"file": str(path), "threshold": calibration.threshold, "bands": bands, **measured, **promised})
        return
    print_line(f"answers need a confidence of {calibration.threshold:.2f}; stored in {path}")
    for band in calibration.bands:
        print_line(f"  {band.strength} from {band.lowest:.2f}: {band.right:.0%} of {band.questions} answers right")
    if guarantee:
        print_line(f"  guaranteed: {guarantee.line}")
    for name in ("false_answers", "false_abstentions", "wrong"):
        print_line(f"  {name} {measured[name]:.3f}")
    print_line("  measured by five-fold cross-validation, split by document")


def _check(library: "Library", *, as_json: bool) -> None:
    """Exit code 1 if the guarantee no longer holds."""
    from rag.cli.progress import progress_bars
    from rag.evaluation.drift import check_guarantee

    chat = library.chat
    with progress_bars() as progress:
        guarantee = check_guarantee(chat, progress)
    trouble = guarantee.trouble(chat.settings, chat.index().digest)
    if as_json:
        print_json({"holds": not trouble, "guarantee": guarantee.line, "trouble": trouble})
    else:
        print_line(trouble or f"the guarantee holds: {guarantee.line}")
    if trouble:
        raise typer.Exit(1)
