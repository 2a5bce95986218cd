"""JSON and JSON lines: each value with the keys of all its parents, "search.port: 9200"; lists of records as tables.

`page` is the number of a record in the file's list.
"""

import json
from collections.abc import Iterator
from typing import Any

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble, is_question
from rag.loading.table_rows import Cell, formatted, records, table
from rag.loading.text_files.decoding import decode

_HEADING_KEYS = ("title", "name", "question", "headline", "heading", "subject", "label")
_ID_KEYS = ("id", "key", "code", "sku", "number", "symbol", "slug")
# Keys that say only that the value is prose; it is shown without them.
_PROSE_KEYS = frozenset(
    "answer text body content description abstract summary paragraph value html message comment note notes definition bio".split()
)
_LONGEST_VALUE = 80  # characters; a longer one is prose
_NO_PATH: tuple[str, ...] = ()


def read(data: bytes) -> ParsedFile:
    return assemble(None, values(_parsed(decode(data))))


def values(content: Any) -> Iterator[Piece]:
    """The pieces of nested objects and lists, whose numbers are strings."""
    if isinstance(content, list):
        yield from _list(content, _NO_PATH, None)
    elif isinstance(content, dict) and content and _is_flat(content):
        yield from _records_table([content], None)
    else:
        (part,) = content.values() if isinstance(content, dict) and len(content) == 1 else (None,)
        if isinstance(part, list) and part and all(isinstance(record, dict) for record in part):
            yield from _list(part, tuple(map(str, content)), None)
        else:
            yield from _value(content, _NO_PATH, 1)


def _parsed(text: str) -> Any:
    """Numbers stay strings, as they are written: 1.10 is not 1.1."""
    try:
        return _loaded(text)
    except ValueError as error:
        json_error = error
    try:
        return [_loaded(line) for line in text.splitlines() if line.strip()]
    except ValueError:
        raise UnreadableFile(f"it is not JSON ({json_error})") from None


def _loaded(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)


def _is_flat(record: Any) -> bool:
    return isinstance(record, dict) and all(
        not isinstance(value, dict | list) and len(_written(value)) <= _LONGEST_VALUE for value in record.values()
    )


def _written(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else formatted(value)


def _value(value: Any, path: tuple[str, ...], page: int) -> Iterator[Piece]:
    if isinstance(value, dict):
        yield from _object(value, path, page)
    elif isinstance(value, list):
        yield from _list(value, path, page)
    elif text := _written(value).strip():
        is_prose = len(text) > _LONGEST_VALUE
        named = bool(path) and not (is_prose and path[-1].lower() in _PROSE_KEYS)
        yield Piece("paragraph" if is_prose or not path else "item", f"{'.'.join(path)}: {text}" if named else text, page=page)


def _object(value: dict[str, Any], path: tuple[str, ...], page: int) -> Iterator[Piece]:
    """Values first, so that none stands below the heading of a list that it is not part of."""
    parts = sorted(value.items(), key=lambda item: _needs_heading(item[1]))
    for key, part in parts:
        yield from _value(part, (*path, str(key)), page)


def _needs_heading(value: Any) -> bool:
    """Whether a value is or contains a list of objects or of lists."""
    if isinstance(value, dict):
        return any(map(_needs_heading, value.values()))
    return isinstance(value, list) and any(isinstance(part, dict | list) for part in value)


def _list(values: list[Any], path: tuple[str, ...], page: int | None) -> Iterator[Piece]:
    """`page` is None for the list that makes up the whole file: its records are counted and need no heading."""
    if not values:
        return
    if page is not None and _needs_heading(values):
        yield Piece("heading", ".".join(path), level=2, page=page)
    if all(map(_is_flat, values)) and any(values):
        yield from _records_table(values, page)
    elif len(values) > 1 and all(isinstance(value, list) and not _needs_heading(value) for value in values):
        yield from table([[Cell(_written(v)) for v in value] for value in values], header_rows=None, page=page)
    elif path and all(_is_number(value) for value in values):
        yield Piece("item", f"{'.'.join(path)}: {', '.join(values)}", page=page)
    else:
        for number, value in enumerate(values, start=1):
            if isinstance(value, dict):
                yield from _record(value, path, number, page)
            else:
                yield from _value(value, path, page or number)


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip("-")[:1].isdigit() and len(value) <= _LONGEST_VALUE and " " not in value


def _records_table(values: list[dict[str, Any]], page: int | None) -> Iterator[Piece]:
    keys = list(dict.fromkeys(key for value in values for key in value))
    rows = ((page or number, [_written(value.get(key)) for key in keys]) for number, value in enumerate(values, start=1))
    yield from records(keys, rows)


def _record(value: dict[str, Any], path: tuple[str, ...], number: int, page: int | None) -> Iterator[Piece]:
    """One record of a list: below its name or question, with the name in the path of each value."""
    key = next((name for name in value if str(name).lower() in _HEADING_KEYS and isinstance(value[name], str)), None)
    heading = value[key].strip() if key is not None else ""
    others = {name: part for name, part in value.items() if name != key or not heading}
    if heading and is_question(heading):
        yield Piece("question", heading, page=page or number)
        yield from _object(others, _NO_PATH, page or number)
    elif heading:
        yield Piece("heading", heading, level=2 if page is None else 3, page=page or number)
        yield from _object(others, (*path, heading) if len(heading) <= _LONGEST_VALUE else path, page or number)
    else:
        label = next((_written(value[name]) for name in value if str(name).lower() in _ID_KEYS and value[name]), "")
        yield from _object(others, (*path[:-1], f"{path[-1]}[{label or number}]") if path else _NO_PATH, page or number)
