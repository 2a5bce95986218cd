"""Compares our reading of PDF pages with that of PDFium, pdfplumber and pypdf, against hand-made labels.

    pip install -r benchmarks/pdf_layout/requirements.txt
    python benchmarks/pdf_layout.py FOLDER [--misses]

FOLDER contains, at any depth, the files that benchmarks/pdf_layout/gold.json names. For each page it lists
- order: the last words of a line and the first words of the line that is read next. Right if the text of the page has their
  letters and digits one directly after the other;
- cells: a value in a table, with another cell of its row and, if the table has one, its column header. Right if an extracted
  row has both cells and a row of the same table has the header at the value's index. "…" stands for the rest of a cell;
- headings: all headings of the page. Right if reported as headings; `maybe` names lines that may be reported or not.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pypdfium2

from rag.loading.pdf.extraction import read
from rag.records import Block, Span
from rag.text import table_cells

GOLD = Path(__file__).parent / "pdf_layout" / "gold.json"
SAME_HEADING = 0.8  # share of the longer heading's letters that the shorter one must contain
Table = list[list[str]]


@dataclass(frozen=True)
class Page:
    """What a library makes of a page. `headings` is None if it does not report headings."""

    text: str
    tables: list[Table] = field(default_factory=list)
    headings: list[str] | None = None


@dataclass
class Score:
    order: int = 0
    cells: int = 0
    headings: int = 0
    false_headings: int = 0
    reports_headings: bool = False


_NUMBER = re.compile(r"^\s*\d+(?:\.\d+)*\.?\s+")


def letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def ours(path: Path, number: int) -> Page:
    parsed = read(path.read_bytes())
    text: list[str] = []
    tables: list[Table] = []
    headings: list[str] = []
    before: Block | None = None
    for block in parsed.blocks:
        part = _part_on(block, number)
        if part is None:
            continue
        content = part.of(parsed.text)
        text.append(content)
        if block.kind == "table":
            if before is None or before.kind != "table":
                tables.append([])
            tables[-1].append([cell.of(content) for cell in table_cells.cells(content)])
        elif block.level:
            headings.append(content)
        before = block
    return Page("\n".join(text), tables, headings)


def _part_on(block: Block, page: int) -> Span | None:
    if block.page is None or not block.page <= page <= block.page + len(block.breaks):
        return None
    bounds = (block.span.start, *block.breaks, block.span.end)
    return Span(bounds[page - block.page], bounds[page - block.page + 1])


def pdfium(path: Path, number: int) -> Page:
    with pypdfium2.PdfDocument(path) as document:
        return Page(document[number - 1].get_textpage().get_text_range())


def pdfplumber(path: Path, number: int, *, table_settings: dict[str, str] | None = None, text_flow: bool = False) -> Page:
    with import_module("pdfplumber").open(path) as document:
        page = document.pages[number - 1]
        tables = [[[cell or "" for cell in row] for row in table] for table in page.extract_tables(table_settings or {})]
        return Page(page.extract_text(use_text_flow=text_flow), tables)


def pdfplumber_by_text(path: Path, number: int) -> Page:
    settings = {"vertical_strategy": "text", "horizontal_strategy": "text"}
    return pdfplumber(path, number, table_settings=settings, text_flow=True)


def pypdf(path: Path, number: int) -> Page:
    reader = import_module("pypdf").PdfReader(path)
    outline = [entry for entry in _flat(reader.outline) if reader.get_destination_page_number(entry) == number - 1]
    return Page(reader.pages[number - 1].extract_text(), headings=[entry.title for entry in outline])


def pypdf_layout(path: Path, number: int) -> Page:
    text = import_module("pypdf").PdfReader(path).pages[number - 1].extract_text(extraction_mode="layout")
    return Page(text, [[re.split(r"\s{2,}", line.strip()) for line in text.split("\n") if line.strip()]])


def _flat(outline: Sequence[Any]) -> Iterator[Any]:
    for entry in outline:
        if isinstance(entry, list):
            yield from _flat(entry)
        else:
            yield entry


SYSTEMS: dict[str, Callable[[Path, int], Page]] = {
    "ours": ours,
    "PDFium, text as stored": pdfium,
    "pdfplumber, ruled tables": pdfplumber,
    "pdfplumber, text flow, tables by text": pdfplumber_by_text,
    "pypdf, headings by outline": pypdf,
    "pypdf, layout mode": pypdf_layout,
}


def right_pair(page: Page, first: str, second: str) -> bool:
    return letters(first + second) in letters(page.text)


def right_cell(page: Page, row: str, value: str, column: str | None = None) -> bool:
    for table in page.tables:
        for cells in table:
            places = [i for i, cell in enumerate(cells) if same_cell(cell, value)]
            if any(same_cell(cell, row) for cell in cells) and places:
                headed = {i for header in table for i, cell in enumerate(header) if column and same_cell(cell, column)}
                if not column or headed.intersection(places):
                    return True
    return False


def same_cell(cell: str, label: str) -> bool:
    if label.endswith("…"):
        return letters(cell).startswith(letters(label))
    return _signed(cell) == _signed(label)


def _signed(text: str) -> str:
    """Letters, digits and the sign of a number; leader dots after an entry do not count."""
    return ("-" if text.strip().startswith(("-", "−")) else "") + letters(text)


def same_heading(heading: str, label: str) -> bool:
    """Outlines leave out the number of a section, and pages may add a word to a line."""
    shorter, longer = sorted((letters(_NUMBER.sub("", text)) for text in (heading, label)), key=len)
    return shorter in longer and len(shorter) >= SAME_HEADING * len(longer)


def score(label: dict[str, Any], page: Page, total: Score) -> list[str]:
    """Adds a page to the total; returns what was missed."""
    missed = []
    for first, second in label.get("order", []):
        right = right_pair(page, first, second)
        total.order += right
        missed += [] if right else [f"order: {first} → {second}"]
    for cell in label.get("cells", []):
        right = right_cell(page, **cell)
        total.cells += right
        missed += [] if right else [f"cell: {cell}"]
    if page.headings is not None and "headings" in label:
        total.reports_headings = True
        for heading in label["headings"]:
            right = any(same_heading(reported, heading) for reported in page.headings)
            total.headings += right
            missed += [] if right else [f"heading: {heading}"]
        for reported in page.headings:
            wrong = not any(same_heading(reported, heading) for heading in label["headings"])
            wrong = wrong and not any(letters(maybe) in letters(reported) for maybe in label.get("maybe", []))
            total.false_headings += wrong
            missed += [f"false heading: {reported}"] if wrong else []
    return missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true", help="list what each system missed")
    arguments = parser.parse_args()
    labels = json.loads(GOLD.read_text(encoding="utf-8"))["pages"]
    paths = {path.name: path for path in arguments.folder.rglob("*.pdf")}
    missing = sorted({label["file"] for label in labels} - paths.keys())
    if missing:
        sys.exit(f"{arguments.folder} lacks {len(missing)} of the labelled files: {', '.join(missing)}")
    counts = {kind: sum(len(label.get(kind, [])) for label in labels) for kind in ("order", "cells", "headings")}
    print(f"{len(labels)} pages of {len({label['file'] for label in labels})} files\n")
    print("| | order | cells | headings | false headings | s |\n|---|---|---|---|---|---|")
    misses: list[str] = []
    for name, extract in SYSTEMS.items():
        total, started = Score(), time.perf_counter()
        for label in labels:
            missed = score(label, extract(paths[label["file"]], label["page"]), total)
            misses += [f"{name}: {label['file']} page {label['page']}: {miss}" for miss in missed]
        headings = f"{total.headings} of {counts['headings']} | {total.false_headings}" if total.reports_headings else "– | –"
        seconds = time.perf_counter() - started
        print(
            f"| {name} | {total.order} of {counts['order']} | {total.cells} of {counts['cells']} | {headings} | {seconds:.1f} |"
        )
    if arguments.misses:
        print("\n" + "\n".join(misses))


if __name__ == "__main__":
    main()
