"""The bullets, numbers and letters that mark the items of a list."""

import re

_TYPED_BULLET = "[-*+•‣◦–]"
_NUMBER = r"\(?(?:\d{1,3}|[a-zA-Z])[.)]"  # 1. 1) (1) a. (a)

TYPED_MARKER = re.compile(rf"(?:{_TYPED_BULLET}|{_NUMBER})\s+")
"""A marker as typed in a text file, with the white space after it."""

TABBED_MARKER = re.compile(r"(\(?\w{0,3}[.)]|[^\w\s])\t+")
"""A marker before a tab, as RTF has it; any symbol may be a bullet there."""

PRINTED_BULLET = re.compile("[\u2022\u2023\u25e6\u25aa\u25cf\u25cb\u25a0\u25a1\uf0a7\uf0b7\uf0d8]")
"""A character of printed text that is always a bullet; the last three are those of Word's symbol font."""

PRINTED_MARKER = re.compile(rf"{PRINTED_BULLET.pattern}|[-–*·o]|\(?(?:\d{{1,3}}|[a-zA-Z]|[ivx]{{1,4}})[.)]")
"""A whole word that is a marker at the start of a printed line."""

LINE_BULLET = re.compile(
    "([\u2022\u2023\u25e6\u2043\u2219\u25aa\u25cf\u25cb\u25a0\u25a1\u25b6\u25ba\u2751\u2756\u27a2\u2713\uf000-\uf0ff·]"
    r"|[-–*o](?=\s))\s*"
)
"""The bullet at the start of a printed line, with the white space after it; also arrows, ticks and any symbol font."""

LINE_NUMBER = re.compile(r"\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]\s+(?=\S)")
"""The number or letter at the start of a printed line, with the white space after it."""
