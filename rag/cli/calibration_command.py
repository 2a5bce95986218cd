"""`rag calibrate`: the threshold of an index, from a question set about its documents."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from rag.cli.output import CorpusOption, IndexOption, JsonOption, out, print_json


def calibrate(
    dataset: Annotated[Path, typer.Argument(metavar="SET", help="Folder of a question set about the indexed documents.")],
    false_answers: Annotated[
        float, typer.Option("--false-answers", min=0, max=1, help="Share of unanswerable questions that may get an answer.")
    ] = 0.1,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn from a question set how sure the index must be to answer. What that costs is measured; both are stored with it."""
    from rag.answering.confidence import FILE
    from rag.cli.progress import progress_bars
    from rag.library import Library

    library = Library.open(corpus=corpus, index=index)
    with progress_bars() as progress:
        calibration = library.calibrate(dataset, false_answers=false_answers, progress=progress)
    path = library.settings.index / FILE
    measured = calibration.measured
    if as_json:
        print_json({"file": str(path), "threshold": calibration.threshold, **measured})
        return
    out.print(f"answers from confidence {calibration.threshold:.2f}; stored in {escape(str(path))}", soft_wrap=True)
    for name in ("false_answers", "false_abstentions", "wrong"):
        out.print(f"  {name} {measured[name]:.3f}")
    out.print("  measured on questions that were left out of the fit, in five parts by document")
