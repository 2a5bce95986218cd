"""The questions of an evidence matrix from a file: one on each line, or a column of a CSV table."""

import csv
import re
from pathlib import Path

from rag.errors import MatrixError

COLUMN = "question"  # of a CSV table; without it, its first column
COMMENT = "#"
_MARKER = re.compile(r"(?:[-*•]|\(?\d{1,4}[.)])\s+")  # of a list: not part of the question
LARGEST_FILE = 16 * 2**20  # bytes; a thousand questions take far less


def read_questions(path: Path) -> list[str]:
    """The questions in order. Raises MatrixError if the file cannot be read or holds none."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise MatrixError(f"{path} is larger than {LARGEST_FILE // 2**20} MB; it should hold one question a line")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise MatrixError(
            f"{path} is not a text file in UTF-8 (byte {error.start}); save it as one, a question a line"
        ) from error
    except OSError as error:
        raise MatrixError(f"{path} cannot be read: {error.strerror or error}") from error
    if "\0" in text:
        raise MatrixError(f"{path} is not a text file; it should hold one question a line")
    questions = _from_table(text, path) if path.suffix.lower() in (".csv", ".tsv") else questions_in(text)
    if not questions:
        raise MatrixError(f"{path} holds no questions; write one on each line")
    return questions


def questions_in(text: str) -> list[str]:
    """A question for each line, without list markers; blank lines and those that begin with # are left out."""
    lines = [line.strip() for line in text.splitlines()]
    return [_MARKER.sub("", line, count=1) for line in lines if line and not line.startswith(COMMENT)]


def _from_table(text: str, path: Path) -> list[str]:
    """The column "question", or the first one, whose first row then is a question too."""
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=lambda sign: (head.count(sign), sign == ","))
    try:
        rows = [row for row in csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True) if any(row)]
    except csv.Error as error:
        raise MatrixError(f"{path} is not a CSV table: {error}") from error
    names = [name.strip().casefold() for name in rows[0]] if rows else []
    column, first = (names.index(COLUMN), 1) if COLUMN in names else (0, 0)
    cells = (" ".join(row[column].split()) for row in rows[first:] if column < len(row))
    return [cell for cell in cells if cell]
