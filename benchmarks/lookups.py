"""Measures lookups in tables: `python benchmarks/lookups.py [--part develop|report] [--tables N] [--verbose]`.

Ten tables of made-up facts (lookups.json) are written as csv, xlsx, docx, html and Markdown and indexed together. Asked are some
320 questions for one cell each, and 100 for rows that are absent or columns that no table has. The rules were made on the five
tables of the part "develop"; the figures in the README are those of the part "report". A lookup is right if the first sentence
quoted is the right row; of those with an answer phrase, the phrase must be in the right cell.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lookup_files
from lookup_files import Table

from rag.library import Library
from rag.records import Answer, Citation
from rag.text.table_cells import cells

TABLES = Path(__file__).with_name("lookups.json")
CLAIMED = ("strong", "fair")
MOST_FOR_A_TABLE = 40  # lookups


@dataclass(frozen=True)
class Question:
    """`row` and `column` are the right cell; None if no table has it."""

    text: str
    table: str
    row: tuple[str, ...] | None = None
    column: int = 0


def questions(table: Table) -> Iterator[Question]:
    lookups = list(_lookups(table))
    step = max(1, len(lookups) / MOST_FOR_A_TABLE)
    yield from (lookups[int(n * step)] for n in range(min(len(lookups), MOST_FOR_A_TABLE)))
    yield from (Question(text, table["name"]) for text in [*table["absent"], *table["untold"]])


def _lookups(table: Table) -> Iterator[Question]:
    """Each cell once, with one of the wordings of its column; then from values to the first column."""
    for sheet in table["sheets"]:
        for number, row in enumerate(sheet["rows"]):
            key = sheet["names"].index(sheet["names"][number])
            words = {"t": sheet["names"][key], "h": sheet["heading"]}
            words |= {"p": sheet.get("places", sheet["names"])[key], "y": sheet.get("typed", sheet["names"])[key]}
            for column, wordings in table["asks"].items():
                place = sheet["columns"].index(column)
                text = wordings[(number + place) % len(wordings)].format(**words)
                yield Question(text, table["name"], tuple(row), place)
            for column, wordings in table["reverse"].items():
                place = sheet["columns"].index(column)
                text = wordings[number % len(wordings)].format(v=row[place])
                if [other[place] for other in sheet["rows"]].count(row[place]) == 1:
                    yield Question(text, table["name"], tuple(row), sheet["columns"].index(_key_column(table)))


def _key_column(table: Table) -> str:
    """The column whose values the names of the rows are."""
    columns: list[str] = table["sheets"][0]["columns"]
    return columns[1] if table["format"] == "html" and table.get("merged") else columns[0]


def judged(question: Question, answer: Answer) -> str:
    """ "right", "wrong row", "wrong cell" or "none"; for an absent cell "claimed" or "none"."""
    context = {sentence.citation for sentence in answer.sentences if sentence.context}
    quoted = [citation for citation in answer.citations if citation.number not in context]
    if not quoted or answer.strength not in CLAIMED:
        return "none"
    if question.row is None:
        return "claimed"
    row = question.row
    values = [_plain(value) for value in row]
    shown = [_plain(span.of(quoted[0].quote)) for span in cells(quoted[0].quote)]
    if shown[-len(values) :] != values and shown != values:
        return "wrong row"
    return "right" if _in_cell(quoted[0], question.column) else "wrong cell"


def _in_cell(citation: Citation, column: int) -> bool:
    """Whether the answer phrase overlaps the cell; true without a phrase, which then is the whole row."""
    phrase = citation.answer_phrase
    if phrase is None:
        return True
    cell, start = cells(citation.quote)[column], citation.span.start
    return phrase.start < start + cell.end and start + cell.start < phrase.end


def _plain(value: str) -> str:
    """A value as a spreadsheet may give it back."""
    return " ".join(value.split()).casefold()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("develop", "report", "fresh"))
    parser.add_argument("--tables", type=int, help="only the first N tables of the part")
    parser.add_argument("--verbose", action="store_true", help="print each question that is not answered as wanted")
    arguments = parser.parse_args()
    tables = json.loads(TABLES.read_text(encoding="utf-8"))
    asked = [table for table in tables if arguments.part in (None, table["part"])][: arguments.tables]
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for table in tables:
            lookup_files.write(table, corpus)
        library = Library.open(corpus=corpus, index=Path(folder, "index"))
        library.build()
        counts, started = Counter[tuple[str, str]](), time.perf_counter()
        for question in (question for table in asked for question in questions(table)):
            answer = library.ask(question.text)
            verdict = judged(question, answer)
            kind = "absent" if question.row is None else "lookup"
            counts[kind, verdict] += 1
            counts[kind, "looked up"] += bool(answer.citations and not answer.signals)
            if arguments.verbose and verdict != ("none" if question.row is None else "right"):
                quote = answer.citations[-1].quote if answer.citations else answer.reason
                print(f"{verdict:10} {answer.strength} {answer.confidence:.2f} {question.text!r}: {quote}")
        seconds = time.perf_counter() - started
    _report(counts, seconds)


def _report(counts: Counter[tuple[str, str]], seconds: float) -> None:
    right, row, cell, none = (counts["lookup", verdict] for verdict in ("right", "wrong row", "wrong cell", "none"))
    shown, absent = right + row + cell, counts["absent", "none"] + counts["absent", "claimed"]
    lookups = shown + none
    print(f"lookups {lookups}: shown as strong or fair {shown} ({shown / lookups:.1%})")
    print(f"bound by terms {counts['lookup', 'looked up']}")
    print(f"of these right {right} ({right / max(1, shown):.1%}), another row {row}, another cell {cell}")
    print(f"absent or untold {absent}: not claimed {counts['absent', 'none']}, bound by terms {counts['absent', 'looked up']}")
    print(f"{1000 * seconds / max(1, lookups + absent):.0f} ms a question")


if __name__ == "__main__":
    main()
