"""`rag calibrate`: the confidence threshold of an index, learned from a question set about its documents."""

from pathlib import Path
from typing import Annotated

import typer

from rag.cli.output import CorpusOption, IndexOption, JsonOption, open_library, print_json, print_line


def calibrate(
    dataset: Annotated[Path, typer.Argument(metavar="SET", help="Folder of a question set about the indexed documents.")],
    false_answers: Annotated[
        float, typer.Option("--false-answers", min=0, max=1, help="Largest share of unanswerable questions that get an answer.")
    ] = 0.1,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn from a question set how confident an answer must be. What that costs is measured and stored with the index."""
    from dataclasses import asdict

    from rag.answering.confidence import FILE
    from rag.cli.progress import progress_bars

    library = open_library(corpus, index)
    with progress_bars() as progress:
        calibration = library.calibrate(dataset, false_answers=false_answers, progress=progress)
    path = library.settings.index / FILE
    measured = calibration.measured
    if as_json:
        bands = [asdict(band) for band in calibration.bands]
        print_json({"file": str(path), "threshold": calibration.threshold, "bands": bands, **measured})
        return
    print_line(f"answers need a confidence of {calibration.threshold:.2f}; stored in {path}")
    for band in calibration.bands:
        print_line(f"  {band.strength} from {band.lowest:.2f}: {band.right:.0%} of {band.questions} answers right")
    for name in ("false_answers", "false_abstentions", "wrong"):
        print_line(f"  {name} {measured[name]:.3f}")
    print_line("  measured by five-fold cross-validation, split by document")
