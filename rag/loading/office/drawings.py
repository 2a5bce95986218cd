"""Charts and SmartArt in office documents: a chart is read as the table of its series, SmartArt as a list."""

import re
from collections.abc import Iterator
from math import isfinite

from lxml import etree

from rag.loading.blocks import Piece, row
from rag.loading.office.number_formats import shown
from rag.loading.table_rows import formatted

CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
MAIN = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|emf|wmf|svg|bmp|tiff?|webp)", re.IGNORECASE)
_MOST_POINTS = 10_000  # of a series; charts with more are pictures of data, not text to search


def alternative_text(element: etree._Element) -> str:
    """The description in the properties of a drawing."""
    return description(element.get("descr") or element.get("title"))


def description(source: str | None) -> str:
    """The text of a description on one line; "" for a mere file name, as programs fill in."""
    text = " ".join((source or "").split())
    return "" if _FILE_NAME.fullmatch(text) else text


def chart_pieces(chart: etree._Element, page: int | None = None) -> list[Piece]:
    """The title of a chart and the values of its series; [] if the file does not hold the values."""
    series = list(chart.iter(f"{CHART}ser"))
    tables: dict[tuple[str, ...], list[tuple[str, list[str]]]] = {}  # series with the same categories are one table
    for number, each in enumerate(series, start=1):
        values = _points(each, "val", "yVal")
        if values:
            categories = _points(each, "cat", "xVal") or {i: str(i + 1) for i in values}
            keys = sorted(categories.keys() | values.keys())
            name = _text(each.find(f"{CHART}tx")) or (f"Series {number}" if len(series) > 1 else "Value")
            column = [values.get(key, "") for key in keys]
            tables.setdefault(tuple(categories.get(key, "") for key in keys), []).append((name, column))
    title = _text(chart.find(f".//{CHART}chart/{CHART}title"))
    axis = _text(chart.find(f".//{CHART}catAx/{CHART}title")) or _text(chart.find(f".//{CHART}dateAx/{CHART}title"))
    pieces = [Piece("paragraph", title, page=page)] if title and tables else []
    for labels, columns in tables.items():
        pieces.append(row([axis, *(name for name, _ in columns)], header=True, page=page))
        lines = zip(labels, *(column for _, column in columns), strict=True)
        pieces.extend(row(line, page=page) for line in lines)
    return pieces


def _points(series: etree._Element, *names: str) -> dict[int, str]:
    """The cached values of a series by their index, as the chart shows them. Labels of several levels are joined."""
    source = next((found for name in names if (found := series.find(f"{CHART}{name}")) is not None), None)
    points: dict[int, str] = {}
    if source is None:
        return points
    levels = list(source.iter(f"{CHART}lvl"))
    if levels:
        for index, text in _carried(levels):
            points[index] = f"{text} › {points[index]}" if index in points else text
        return points
    code = source.find(f".//{CHART}formatCode")
    for point in list(source.iter(f"{CHART}pt"))[:_MOST_POINTS]:
        value = point.find(f"{CHART}v")
        text = value.text or "" if value is not None else ""
        own = point.get("formatCode") or (code.text if code is not None else None) or "General"
        points[int(point.get("idx", "0"))] = _number(text, own) if code is not None else text
    return points


def _carried(levels: list[etree._Element]) -> Iterator[tuple[int, str]]:
    """The labels of each level, from the innermost, carried on to the next label of the level."""
    last = max((int(point.get("idx", "0")) for point in levels[0].iter(f"{CHART}pt")), default=-1)
    for level in levels:
        labels = {int(point.get("idx", "0")): _text(point) for point in level.iter(f"{CHART}pt")}
        current = ""
        for index in range(min(last + 1, _MOST_POINTS)):
            current = labels.get(index, current)
            yield index, current


def _number(text: str, code: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return text
    return formatted(value) if code == "General" or not isfinite(value) else shown(value, code)


def _text(element: etree._Element | None) -> str:
    """The text of a title or label: typed, or taken from a cell."""
    if element is None:
        return ""
    paragraphs = [" ".join("".join(p.itertext(f"{MAIN}t")).split()) for p in element.iter(f"{MAIN}p")]
    typed = " ".join(paragraph for paragraph in paragraphs if paragraph)
    return typed or " ".join(text.strip() for text in element.itertext(f"{CHART}v") if text.strip())


def diagram_texts(data: etree._Element) -> list[str]:
    """The texts of SmartArt from top to bottom, each followed by what lies below it."""
    texts = {point.get("modelId"): _paragraphs(point) for point in data.iter(f"{DIAGRAM}pt")}
    kinds = {point.get("modelId"): point.get("type", "node") for point in data.iter(f"{DIAGRAM}pt")}
    children: dict[str | None, list[tuple[int, str | None]]] = {}
    for link in data.iter(f"{DIAGRAM}cxn"):
        if link.get("type", "parOf") == "parOf":
            children.setdefault(link.get("srcId"), []).append((int(link.get("srcOrd", "0")), link.get("destId")))
    stack = [identifier for identifier, kind in kinds.items() if kind == "doc"]
    order: list[str | None] = []
    seen: set[str | None] = set()
    while stack:
        identifier = stack.pop()
        if identifier not in seen:
            seen.add(identifier)
            order.append(identifier)
            below = sorted(children.get(identifier, []), key=lambda child: child[0], reverse=True)
            stack.extend(child for _, child in below)
    order += [identifier for identifier in texts if identifier not in seen]
    return [texts[identifier] for identifier in order if kinds.get(identifier) in ("node", "asst") and texts.get(identifier)]


def _paragraphs(point: etree._Element) -> str:
    paragraphs = ("".join(p.itertext(f"{MAIN}t")).strip() for p in point.iter(f"{MAIN}p"))
    return "\n".join(paragraph for paragraph in paragraphs if paragraph)
