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
    from rag.answering.confidence import FILE, default_calibration, save_calibration
    from rag.cli.progress import progress_bars
    from rag.config import load_settings
    from rag.evaluation.calibration import asked_from
    from rag.evaluation.calibration import calibrate as fit
    from rag.evaluation.experiment import evaluate, open_set
    from rag.evaluation.question_sets import load_question_set
    from rag.models.embedder import ModelEmbedder

    settings = load_settings(corpus=corpus, index=index)
    questions = load_question_set(dataset)
    embedder = ModelEmbedder(settings.embedding)
    with progress_bars() as progress:
        chat = open_set(questions, settings, embedder, progress)
        _, outcomes = evaluate(questions, chat, progress=progress)
    calibration = fit(
        asked_from(questions.questions, {outcome.question_id: outcome for outcome in outcomes}),
        default_calibration(chat.reader.identity),
        false_answers=false_answers,
        made_with={"reader": chat.reader.identity, "model": embedder.identity.digest},
        about={
            "asked": f"the question set {questions.name}",
            "set": questions.name,
            "set_digest": questions.digest,
            "index": chat.index().digest,
        },
    )
    path = chat.settings.index / FILE
    save_calibration(calibration, path)
    measured = calibration.measured
    if as_json:
        print_json({"file": str(path), "threshold": calibration.threshold, **measured})
        return
    out.print(f"answers from confidence {calibration.threshold:.2f}; stored in {escape(str(path))}", soft_wrap=True)
    for name in ("false_answers", "false_abstentions", "wrong"):
        out.print(f"  {name} {measured[name]:.3f}")
    out.print("  measured on questions that were left out of the fit, in five parts by document")
