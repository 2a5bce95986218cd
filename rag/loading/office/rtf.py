"""RTF, converted to plain text and read as plain text, because programs do not agree on how to write its structure."""

import re
from itertools import pairwise

from striprtf.striprtf import rtf_to_text

from rag.loading.blocks import ParsedFile
from rag.loading.text_files.plain_text import parse
from rag.text.list_markers import TABBED_MARKER

_NUMBER = re.compile(r"\(?\w{1,3}[.)] ")


def read(data: bytes) -> ParsedFile:
    text = rtf_to_text(data.decode("latin-1"), errors="replace").replace("\r\n", "\n").replace("\0", "")
    lines = [TABBED_MARKER.sub(_marker, line.strip()) for line in text.split("\n") if line.strip(" \t|")]
    # Each line is a whole paragraph, which needs a blank line in plain text; items of a list stay together.
    separated = (
        line + ("\n" if _is_item(line) and _is_item(following) else "\n\n") for line, following in pairwise([*lines, ""])
    )
    return parse("".join(separated))


def _marker(match: re.Match[str]) -> str:
    marker = match[1]
    return f"{marker} " if marker[0].isalnum() or marker[0] == "(" else "• "


def _is_item(line: str) -> bool:
    return line.startswith("• ") or _NUMBER.match(line) is not None
