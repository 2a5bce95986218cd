"""Commands that show what the documents hold as a whole."""

from typing import Annotated

import typer

from rag.cli.output import CorpusOption, IndexOption, JsonOption, open_library, print_json


def overview(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DOCUMENT|FOLDER",
            help='A document by its id, title or file name; a folder ("reports/") or a type ("*.md").',
            show_default=False,
        ),
    ],
    sentences: Annotated[int, typer.Option("--sentences", metavar="N", min=1, max=100, help="At most so many sentences.")] = 12,
    corpus: CorpusOption = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a document or folder: the sentences that together cover most of its terms, under their headings."""
    from rag.answering.overview_answer import overview_of
    from rag.cli.printing import print_answer
    from rag.index.live_index import LiveIndex
    from rag.wire import answer_values

    library = open_library(corpus, index)
    settings = library.settings
    # Neither model nor reader is needed.
    live = LiveIndex(settings.index, settings.passages, library.embedder, engine=settings.scale.engine).current()
    answer = overview_of(name, live, sentences)
    if as_json:
        print_json(answer_values(answer))
    else:
        print_answer(answer)
