"""The straight lines on a PDF page, horizontal and vertical, which may be the borders of a table's cells."""

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pypdfium2.raw as pdfium

_MOST_PATHS = 3_000  # on a page; one with more is a drawing
_MOST_SEGMENTS = 500  # of one path; one with more is a curve
_STRAIGHT = 1.0  # points: the largest deviation of a straight line
_THICKEST = 3.0  # points: of a filled rectangle that is a line
_SHORTEST = 4.0  # points

Point = tuple[float, float]
Objects = list[tuple[int, Any]]
"""The objects of a page with their types."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line at `at` (the height of a horizontal one, the x of a vertical one), from `start` to `end`."""

    horizontal: bool
    at: float
    start: float
    end: float


def objects_of(page: Any) -> Objects:
    """Calls PDFium directly: a page may have tens of thousands of objects."""
    items = (pdfium.FPDFPage_GetObject(page, i) for i in range(pdfium.FPDFPage_CountObjects(page)))
    return [(pdfium.FPDFPageObj_GetType(item), item) for item in items]


def objects_within(form: Any) -> Objects:
    """The objects of a form object."""
    items = (pdfium.FPDFFormObj_GetObject(form, i) for i in range(pdfium.FPDFFormObj_CountObjects(form)))
    return [(pdfium.FPDFPageObj_GetType(item), item) for item in items]


def rules_of(objects: Objects) -> list[Rule]:
    """In the page's own coordinates. Lines within form objects are left out."""
    paths = [item for kind, item in objects if kind == pdfium.FPDF_PAGEOBJ_PATH]
    if len(paths) > _MOST_PATHS:
        return []
    return [rule for path in paths for rule in _rules(path)]


def turned(rules: Sequence[Rule], angle: int, box: tuple[float, float, float, float]) -> list[Rule]:
    """The rules on the page turned so that text at this angle runs from left to right, with the lower left corner at 0, 0."""
    width, height = box[2] - box[0], box[3] - box[1]

    def point(x: float, y: float) -> Point:
        x, y = x - box[0], y - box[1]
        return {0: (x, y), 90: (y, width - x), 180: (width - x, height - y), 270: (height - y, x)}[angle]

    ends = (((r.start, r.at), (r.end, r.at)) if r.horizontal else ((r.at, r.start), (r.at, r.end)) for r in rules)
    lines = (_rule(point(*first), point(*last)) for first, last in ends)
    return [line for line in lines if line is not None]


def _rules(path: Any) -> Iterator[Rule]:
    count = pdfium.FPDFPath_CountSegments(path)
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDFPath_GetDrawMode(path, fill, stroke)
    if not 2 <= count <= _MOST_SEGMENTS or not (fill.value or stroke.value):
        return
    for outline in _outlines(path, count):
        if stroke.value:
            lines = (_rule(first, last) for first, last in pairwise(outline))
            yield from (line for line in lines if line is not None)
        elif thin := _thin(outline):
            yield thin


def _outlines(path: Any, count: int) -> Iterator[list[Point]]:
    """The corners of each part of a path, in page coordinates; a part with a curve is cut there."""
    matrix, x, y = pdfium.FS_MATRIX(), ctypes.c_float(), ctypes.c_float()
    pdfium.FPDFPageObj_GetMatrix(path, matrix)
    points: list[Point] = []
    for i in range(count):
        segment = pdfium.FPDFPath_GetPathSegment(path, i)
        kind = pdfium.FPDFPathSegment_GetType(segment)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        if kind != pdfium.FPDF_SEGMENT_LINETO and points:
            yield points
            points = []
        points.append(point)
        if points and pdfium.FPDFPathSegment_GetClose(segment):
            points.append(points[0])
    if points:
        yield points


def _rule(first: Point, last: Point) -> Rule | None:
    (x1, y1), (x2, y2) = first, last
    if abs(y1 - y2) < _STRAIGHT and abs(x1 - x2) > _SHORTEST:
        return Rule(True, (y1 + y2) / 2, min(x1, x2), max(x1, x2))
    if abs(x1 - x2) < _STRAIGHT and abs(y1 - y2) > _SHORTEST:
        return Rule(False, (x1 + x2) / 2, min(y1, y2), max(y1, y2))
    return None


def _thin(outline: list[Point]) -> Rule | None:
    """The line that a thin filled rectangle shows."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    if height <= _THICKEST < width:
        return Rule(True, (min(ys) + max(ys)) / 2, min(xs), max(xs))
    if width <= _THICKEST < height:
        return Rule(False, (min(xs) + max(xs)) / 2, min(ys), max(ys))
    return None
