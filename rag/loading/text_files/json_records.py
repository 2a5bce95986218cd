"""JSON and JSON lines: each value with the keys of all its parents, "search.port: 9200"; lists of records as tables.

`page` is the number of a record in the file's list.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, Piece, assemble, is_question
from rag.loading.header_rows import names_columns
from rag.loading.table_rows import Cell, formatted, records, table
from rag.loading.text_files.decoding import decode

_HEADING_KEYS = ("title", "name", "question", "headline", "heading", "subject", "label")
_ID_KEYS = ("id", "key", "code", "sku", "number", "symbol", "slug")
# Keys that say only that the value is prose; it is shown without them.
_PROSE_KEYS = frozenset(
    "answer text body content description abstract summary paragraph value html message comment note notes definition bio".split()
)
_LONGEST_VALUE = 80  # characters; a longer one is prose


def read(data: bytes) -> ParsedFile:
    return assemble(None, values(_parsed(decode(data))))


def values(content: Any) -> Iterator[Piece]:
    """The pieces of nested objects and lists, whose numbers are strings."""
    if isinstance(content, list):
        yield from _list(content, _Place())
    elif isinstance(content, dict) and content and _is_flat(content):
        yield from _records_table([content], None)
    else:
        (part,) = content.values() if isinstance(content, dict) and len(content) == 1 else (None,)
        if isinstance(part, list) and part and all(isinstance(record, dict) for record in part):
            yield from _list(part, _Place(tuple(map(str, content))))
        else:
            yield from _value(content, _Place(page=1))


@dataclass(frozen=True)
class _Place:
    """Where a value stands: the keys above it, the number of its record, and the level of a heading below it.

    `page` is None for the list that makes up the whole file: its records are counted and need no heading. Without
    `headings`, objects have none: the next record, which has no heading either, would stand below them.
    """

    path: tuple[str, ...] = ()
    page: int | None = None
    level: int = 2
    headings: bool = True

    def below(self, key: str) -> "_Place":
        return replace(self, path=(*self.path, key))

    def heading(self, text: str) -> Piece:
        return Piece("heading", text, min(self.level, 6), self.page)

    def under_heading(self) -> "_Place":
        return replace(self, level=self.level + 1)


def _parsed(text: str) -> Any:
    """Numbers stay strings, as they are written: 1.10 is not 1.1."""
    try:
        return _loaded(text)
    except ValueError as error:
        json_error = error
    try:
        return list(_documents(text))
    except ValueError:
        raise UnreadableFile(f"it is not JSON ({json_error})") from None


def _documents(text: str) -> Iterator[Any]:
    """Several values one after another, each on a line of its own or over several."""
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)
    position = 0
    while match := re.compile(r"\S").search(text, position):
        value, position = decoder.raw_decode(text, match.start())
        yield value


def _loaded(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str)


def _is_flat(record: Any) -> bool:
    return isinstance(record, dict) and all(
        not isinstance(value, dict | list) and len(_written(value)) <= _LONGEST_VALUE for value in record.values()
    )


def _written(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else formatted(value)


def _value(value: Any, place: _Place) -> Iterator[Piece]:
    if isinstance(value, dict):
        yield from _object(value, place)
    elif isinstance(value, list):
        yield from _list(value, place)
    elif text := _written(value).strip():
        is_prose = len(text) > _LONGEST_VALUE
        named = bool(place.path) and not (is_prose and place.path[-1].lower() in _PROSE_KEYS)
        text = f"{'.'.join(place.path)}: {text}" if named else text
        yield Piece("paragraph" if is_prose or not place.path else "item", text, page=place.page)


def _object(value: dict[str, Any], place: _Place) -> Iterator[Piece]:
    """Plain values first, so that none stands below the heading of an object or a list that it is not part of."""
    for key, part in sorted(value.items(), key=lambda item: _rank(item[1])):
        inner = place.below(str(key))
        if place.headings and isinstance(part, dict) and any(_rank(child) == 0 for child in part.values()):
            yield place.heading(str(key))
            inner = inner.under_heading()
        yield from _value(part, inner)


def _rank(value: Any) -> int:
    """0 for values without a heading of their own, 1 for objects, 2 for lists of objects or of lists."""
    if isinstance(value, dict):
        return 1
    return 2 if isinstance(value, list) and any(isinstance(part, dict | list) for part in value) else 0


def _list(values: list[Any], place: _Place) -> Iterator[Piece]:
    if not values:
        return
    page = place.page
    if page is not None and _rank(values) == 2 and place.path and place.headings:
        yield place.heading(place.path[-1])
        place = place.under_heading()
    if all(map(_is_flat, values)) and any(values):
        yield from _records_table(values, page)
    elif len(values) > 1 and all(isinstance(value, list) and _rank(value) == 0 for value in values):
        lines = [[_written(part) for part in value] for value in values]
        yield from table([list(map(Cell, line)) for line in lines], header_rows=int(names_columns(lines)), page=page)
    elif place.path and all(_is_number(value) for value in values):
        yield Piece("item", f"{'.'.join(place.path)}: {', '.join(values)}", page=page)
    else:
        for number, value in enumerate(values, start=1):
            inner = replace(place, page=page or number)
            if isinstance(value, dict):
                yield from _record(value, inner, number)
            else:
                yield from _value(value, inner)


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip("-")[:1].isdigit() and len(value) <= _LONGEST_VALUE and " " not in value


def _records_table(values: list[dict[str, Any]], page: int | None) -> Iterator[Piece]:
    keys = list(dict.fromkeys(key for value in values for key in value))
    rows = ((page or number, [_written(value.get(key)) for key in keys]) for number, value in enumerate(values, start=1))
    yield from records(keys, rows)


def _record(value: dict[str, Any], place: _Place, number: int) -> Iterator[Piece]:
    """One record of a list: below its name or question, with the name in the path of each value."""
    key = next((name for name in value if str(name).lower() in _HEADING_KEYS and isinstance(value[name], str)), None)
    heading = value[key].strip() if key is not None else ""
    others = {name: part for name, part in value.items() if name != key or not heading}
    if heading and is_question(heading):
        yield Piece("question", heading, page=place.page)
        yield from _object(others, replace(place, path=(), headings=False))
    elif heading:
        yield place.heading(heading)
        yield from _object(others, (place.below(heading) if len(heading) <= _LONGEST_VALUE else place).under_heading())
    else:
        label = next((_written(value[name]) for name in value if str(name).lower() in _ID_KEYS and value[name]), "")
        path = (*place.path[:-1], f"{place.path[-1]}[{label or number}]") if place.path else ()
        yield from _object(others, replace(place, path=path, headings=False))
