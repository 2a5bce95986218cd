"""RTF to text, and on as plain text: it has no structure that programs agree on."""

import re
from itertools import pairwise

from striprtf.striprtf import rtf_to_text

from rag.loading.blocks import ParsedFile
from rag.loading.text_files.plain_text import parse

_MARKER = re.compile(r"(\(?\w{0,3}[.)]|[^\w\s])\t+")


def read(data: bytes) -> ParsedFile:
    text = rtf_to_text(data.decode("latin-1"), errors="replace").replace("\r\n", "\n").replace("\0", "")
    lines = [_MARKER.sub(_marker, line.strip()) for line in text.split("\n") if line.strip(" \t|")]
    # Each line is a whole paragraph, which in plain text takes a blank line; items of a list stand together.
    return parse(
        "".join(line + ("\n" if _is_item(line) and _is_item(after) else "\n\n") for line, after in pairwise([*lines, ""]))
    )


def _marker(found: re.Match[str]) -> str:
    return f"{found[1]} " if found[1][0].isalnum() or found[1][0] == "(" else "• "


def _is_item(line: str) -> bool:
    return line.startswith("• ") or re.match(r"\(?\w{1,3}[.)] ", line) is not None
