"""Jupyter notebooks: Markdown cells, code, and the text and tables that the code has printed; `page` is the cell's number."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble
from rag.loading.text_files.decoding import decode
from rag.loading.text_files.markdown import parse
from rag.loading.web.web_page import parse_page

_ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_OBJECT = re.compile(r"<[\w.]+[^<>]*>")  # how Python writes an object that has no text, such as a figure
_MOST_LINES = 40  # of an output; a longer one is a log, which is one block
_RESULTS = ("execute_result", "display_data", "pyout")  # the last is that of the first format


def read(data: bytes) -> ParsedFile:
    try:
        cells = [(str(cell["cell_type"]), _joined(cell.get("source", cell.get("input", ""))), cell) for cell in _cells(data)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableFile(f"it is not a notebook ({error})") from None
    title: str | None = None
    pieces: list[Piece] = []
    pictures = 0
    for number, (kind, source, cell) in enumerate(cells, start=1):
        if kind == "markdown":
            parsed = parse(source)
            title = title or parsed.title
            pieces += [Piece(b.kind, b.span.of(parsed.text), b.level, number) for b in parsed.blocks]
        elif kind == "heading":
            pieces.append(Piece("heading", source, int(cell.get("level") or 1), number))
        elif kind == "raw":
            pieces.append(Piece("paragraph", source, page=number))
        elif kind == "code":
            pieces.append(Piece("code", source, page=number))
            outputs = [output for output in cell.get("outputs") or [] if isinstance(output, dict)]
            pieces += [replace(piece, page=number) for output in outputs for piece in _output(output)]
            pictures += sum(_is_picture(output) for output in outputs)
    return assemble(title, pieces, [f"pictures in outputs left out: {pictures}"] if pictures else [])


def _cells(data: bytes) -> list[Any]:
    notebook = json.loads(decode(data))
    if "worksheets" in notebook:
        return [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
    return list(notebook["cells"])


def _output(output: dict[str, Any]) -> Iterator[Piece]:
    kind = output.get("output_type")
    if kind == "stream":
        yield from _printed(_joined(output.get("text", "")))
    elif kind in ("error", "pyerr"):
        yield Piece("code", _ANSI.sub("", f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"))
    elif kind in _RESULTS:
        data = _data(output)
        html, markdown = _joined(data.get("text/html", "")), _joined(data.get("text/markdown", ""))
        tables = parse_page(html).pieces if "<table" in html.lower() else []
        if tables:
            yield from tables
        elif markdown:
            parsed = parse(markdown)
            yield from (Piece(b.kind, b.span.of(parsed.text), b.level) for b in parsed.blocks)
        else:
            plain = _joined(data.get("text/plain", ""))
            yield from _printed("" if _OBJECT.fullmatch(plain.strip()) else plain)


def _data(output: dict[str, Any]) -> dict[str, Any]:
    data = output.get("data")
    if isinstance(data, dict):
        return data
    return {"text/plain": output.get("text", ""), "text/html": output.get("html", "")}


def _printed(text: str) -> Iterator[Piece]:
    """Each line is an item that can be quoted alone. A line that was overwritten, as by a progress bar, is its last state."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in _ANSI.sub("", text).split("\n")]
    if len(lines) > _MOST_LINES:
        yield Piece("code", "\n".join(lines).strip("\n"))
    else:
        yield from (Piece("item", line) for line in lines)


def _is_picture(output: dict[str, Any]) -> bool:
    return any(str(kind).startswith("image/") for kind in (output.get("data") or {})) or "png" in output


def _joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(map(str, source))
