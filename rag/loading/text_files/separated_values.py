"""Values separated by commas, semicolons, tabs or bars; `page` is the row's number."""

import csv
from collections import Counter
from io import StringIO

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.sheet_tables import sheet
from rag.loading.text_files.decoding import decode

_SAMPLE = 20_000  # characters from which the separator is detected
_SEPARATORS = "\t;|,"  # if several fit equally well, the one that texts and numbers contain least
_LONGEST_CELL = 2**24  # characters; csv's own limit is 131,072


def read(data: bytes) -> ParsedFile:
    text = decode(data)
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader(StringIO(text, newline=""), _dialect(text[:_SAMPLE]))
    try:
        return assemble(None, sheet(enumerate(rows, start=1)))
    except csv.Error as error:
        raise UnreadableFile(f"it is not a table of separated values ({error})") from None


def _dialect(sample: str) -> type[csv.Dialect]:
    """The separator by which the lines agree best; titles and notes above the table may have none."""

    class Dialect(csv.excel):
        delimiter = max(_SEPARATORS, key=lambda separator: _agreement(sample, separator))
        skipinitialspace = True

    return Dialect


def _agreement(sample: str, separator: str) -> int:
    """How often the separator stands in lines that have the same number of cells, for the number with which it is most."""
    lines = csv.reader(StringIO(sample, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        widths = Counter(len(line) for line in lines if line)
    except csv.Error:
        return 0
    return max((count * (width - 1) for width, count in widths.items()), default=0)
