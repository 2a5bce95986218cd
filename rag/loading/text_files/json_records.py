"""JSON and JSON lines: records to headings, questions, items and paragraphs; `page` is the record's number."""

import json
from collections.abc import Iterator
from typing import Any

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble, is_question
from rag.loading.table_rows import formatted, records
from rag.loading.text_files.decoding import decode

_HEADING_KEYS = ("title", "name", "question", "headline", "heading", "subject", "label")
_LONGEST_VALUE = 80  # characters; a longer one is prose and is shown without its key


def read(data: bytes) -> ParsedFile:
    content = _parsed(decode(data))
    values = content if isinstance(content, list) else _wrapped_records(content)
    if values and all(isinstance(value, dict) and _is_flat(value) for value in values):
        keys = list(dict.fromkeys(key for value in values for key in value))
        rows = ((number, [formatted(value.get(key)) for key in keys]) for number, value in enumerate(values, start=1))
        return assemble(None, records(keys, rows))
    return assemble(None, (piece for number, value in enumerate(values, start=1) for piece in _pieces(value, number)))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        json_error = error
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        raise UnreadableFile(f"it is not JSON ({json_error})") from None


def _wrapped_records(value: Any) -> list[Any]:
    """The records of an object that wraps one list of them, like {"data": [...]}; otherwise the object itself."""
    lists = [part for part in value.values() if isinstance(part, list) and part] if isinstance(value, dict) else []
    return lists[0] if len(lists) == 1 and all(isinstance(record, dict) for record in lists[0]) else [value]


def _is_flat(record: dict[str, Any]) -> bool:
    return all(not isinstance(value, dict | list) and len(formatted(value)) <= _LONGEST_VALUE for value in record.values())


def _pieces(value: Any, number: int, key: str = "") -> Iterator[Piece]:
    if isinstance(value, dict):
        heading = next((name for name in value if str(name).lower() in _HEADING_KEYS and isinstance(value[name], str)), None)
        if heading is not None and value[heading].strip():
            if is_question(value[heading]):
                yield Piece("question", value[heading], page=number)
            else:
                yield Piece("heading", value[heading], level=2, page=number)
        for name, part in value.items():
            if name != heading:
                yield from _pieces(part, number, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from _pieces(part, number, key)
    elif text := formatted(value).strip():
        prose = len(text) > _LONGEST_VALUE or not key
        yield Piece("paragraph", text, page=number) if prose else Piece("item", f"{key}: {text}", page=number)
