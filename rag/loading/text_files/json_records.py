"""JSON and JSON lines: records to headings, questions with answers, and paragraphs; `page` is the record's number."""

import json
from collections.abc import Iterator
from typing import Any

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble, is_question
from rag.loading.office.table_rows import table, written
from rag.loading.text_files.decoding import decode

_HEADINGS = ("title", "name", "question", "headline", "heading", "subject", "label")
_LONG = 80  # characters; a longer text is prose and stands without its key


def read(data: bytes) -> ParsedFile:
    found = _records(decode(data))
    records = found if isinstance(found, list) else _list_in(found)
    if records and all(isinstance(record, dict) and _is_flat(record) for record in records):
        keys = list(dict.fromkeys(key for record in records for key in record))
        rows: list[tuple[int, list[object]]] = [(n, [r.get(key) for key in keys]) for n, r in enumerate(records, start=1)]
        return assemble(None, table([(1, keys), *rows]))
    return assemble(None, (piece for number, record in enumerate(records, start=1) for piece in _pieces(record, number)))


def _records(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        first = error
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        raise UnreadableFile(f"it is no JSON ({first})") from None


def _list_in(value: Any) -> list[Any]:
    """The records of an object that wraps them, as {"data": [...]} does; else the object itself."""
    lists = [part for part in value.values() if isinstance(part, list) and part] if isinstance(value, dict) else []
    return lists[0] if len(lists) == 1 and all(isinstance(record, dict) for record in lists[0]) else [value]


def _is_flat(record: dict[str, Any]) -> bool:
    return all(not isinstance(value, dict | list) and len(written(value)) <= _LONG for value in record.values())


def _pieces(value: Any, number: int, key: str = "") -> Iterator[Piece]:
    if isinstance(value, dict):
        head = next((name for name in value if str(name).lower() in _HEADINGS and isinstance(value[name], str)), None)
        if head is not None and value[head].strip():
            asks = is_question(value[head])
            yield Piece("question", value[head], page=number) if asks else Piece("heading", value[head], level=2, page=number)
        for name, part in value.items():
            if name != head:
                yield from _pieces(part, number, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from _pieces(part, number, key)
    elif text := written(value).strip():
        prose = len(text) > _LONG or not key
        yield Piece("paragraph", text, page=number) if prose else Piece("item", f"{key}: {text}", page=number)
