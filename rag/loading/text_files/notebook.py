"""Jupyter notebooks: Markdown cells and code without its output; `page` is the cell's number."""

import json

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.text_files.decoding import decode
from rag.loading.text_files.markdown import parse


def read(data: bytes) -> ParsedFile:
    try:
        cells = json.loads(decode(data))["cells"]
        sources = [(str(cell["cell_type"]), "".join(cell["source"])) for cell in cells]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(f"it is not a notebook ({error})") from None
    title: str | None = None
    pieces: list[Piece] = []
    for number, (kind, source) in enumerate(sources, start=1):
        if kind == "markdown":
            parsed = parse(source)
            title = title or parsed.title
            pieces += [Piece(b.kind, b.span.of(source), b.level, number) for b in parsed.blocks]
        elif kind == "code":
            pieces.append(Piece("code", source, page=number))
    return assemble(title, pieces)
