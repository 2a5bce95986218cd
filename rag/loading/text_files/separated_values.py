"""Tables of values separated by commas, semicolons, tabs or bars; `page` is the row's number."""

import csv
from io import StringIO

from rag.errors import UnreadableFile
from rag.loading.blocks import ParsedFile, assemble
from rag.loading.office.table_rows import table
from rag.loading.text_files.decoding import decode

_LONGEST_CELL = 2**24  # characters; csv's own limit is 131,072


def read(data: bytes) -> ParsedFile:
    text = decode(data)
    csv.field_size_limit(_LONGEST_CELL)
    try:
        return assemble(None, table(enumerate(csv.reader(StringIO(text, newline=""), _dialect(text[:20_000])), start=1)))
    except csv.Error as error:
        raise UnreadableFile(f"it is no table of separated values ({error})") from None


def _dialect(sample: str) -> type[csv.Dialect]:
    """The separator that the first lines agree on; Excel's own dialect where they do not."""
    try:
        return csv.Sniffer().sniff(sample, delimiters=",;\t|")
    except csv.Error:
        return csv.excel_tab if "\t" in sample else csv.excel
