"""Values separated by commas, semicolons, tabs or bars; `page` is the row's number."""

import csv
from io import StringIO

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.sheet_tables import sheet
from rag.loading.text_files.decoding import decode

_SAMPLE = 20_000  # characters from which the separator is detected
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
    """The separator that the first lines agree on, otherwise that of Excel."""
    try:
        return csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        return csv.excel_tab if "\t" in sample else csv.excel
