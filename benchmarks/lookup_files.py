"""Writes the tables of lookups.json as files: csv, xlsx, docx, html and Markdown, with merged cells and headers of two rows."""

import csv
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import docx
import xlsxwriter

Table = dict[str, Any]


def write(table: Table, folder: Path) -> None:
    _WRITERS[table["format"]](table, folder / f"{table['name']}.{table['format']}")


def _csv(table: Table, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = table["sheets"][0]
        csv.writer(file).writerows([sheet["columns"], *sheet["rows"]])


def _xlsx(table: Table, path: Path) -> None:
    with xlsxwriter.Workbook(path) as book:
        for sheet in table["sheets"]:
            page = book.add_worksheet(sheet["heading"])
            header = _two_rows(sheet["columns"]) if table.get("two_level") else [sheet["columns"]]
            for number, row in enumerate([*header, *sheet["rows"]]):
                page.write_row(number, 0, row)
            for first, last in _equal(header[0]) if table.get("two_level") else ():
                page.merge_range(0, first, 0, last, header[0][first])


def _docx(table: Table, path: Path) -> None:
    document = docx.Document()
    document.add_heading(table["title"], 1)
    for sheet in table["sheets"]:
        document.add_heading(sheet["heading"], 2)
        rows = [sheet["columns"], *sheet["rows"]]
        grid = document.add_table(len(rows), len(rows[0]))
        for number, row in enumerate(rows):
            for cell, value in zip(grid.rows[number].cells, row, strict=True):
                cell.text = value
        for first, last in _equal([row[0] for row in rows]) if table.get("merged") else ():
            for number in range(first + 1, last + 1):
                grid.cell(number, 0).text = ""
            grid.cell(first, 0).merge(grid.cell(last, 0))
    document.save(str(path))


def _html(table: Table, path: Path) -> None:
    lines = [f"<html><head><title>{escape(table['title'])}</title></head><body><h1>{escape(table['title'])}</h1>"]
    for sheet in table["sheets"]:
        lines += [f"<h2>{escape(sheet['heading'])}</h2><table>", _html_row("th", sheet["columns"])]
        spans = dict(_equal([row[0] for row in sheet["rows"]])) if table.get("merged") else {}
        covered = {number for first, last in spans.items() for number in range(first + 1, last + 1)}
        for number, row in enumerate(sheet["rows"]):
            first = f'<td rowspan="{spans[number] - number + 1}">{escape(row[0])}</td>' if number in spans else ""
            rest = row[1:] if number in covered or first else row
            lines.append(_html_row("td", rest, first))
        lines.append("</table>")
    path.write_text("\n".join([*lines, "</body></html>"]), encoding="utf-8")


def _html_row(tag: str, values: list[str], before: str = "") -> str:
    return f"<tr>{before}{''.join(f'<{tag}>{escape(value)}</{tag}>' for value in values)}</tr>"


def _md(table: Table, path: Path) -> None:
    lines = [f"# {table['title']}", ""]
    for sheet in table["sheets"]:
        lines += [f"## {sheet['heading']}", "", _md_row(sheet["columns"]), _md_row(["---"] * len(sheet["columns"]))]
        lines += [*map(_md_row, sheet["rows"]), ""]
    path.write_text("\n".join(lines), encoding="utf-8")


def _md_row(values: list[str]) -> str:
    return f"| {' | '.join(values)} |"


def _two_rows(columns: list[str]) -> list[list[str]]:
    parts = [column.split(" › ") for column in columns]
    return [[part[0] for part in parts], [part[1] if len(part) > 1 else "" for part in parts]]


def _equal(values: list[str]) -> Iterator[tuple[int, int]]:
    """The first and last position of each run of equal values."""
    starts = [number for number, value in enumerate(values) if number == 0 or value != values[number - 1]]
    yield from ((first, after - 1) for first, after in pairwise([*starts, len(values)]) if after - first > 1)


_WRITERS = {"csv": _csv, "xlsx": _xlsx, "docx": _docx, "html": _html, "md": _md}
