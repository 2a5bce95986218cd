"""Marks in the source of an RTF file, so that what its conversion to plain text would lose can be told in the result."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from striprtf.striprtf import PATTERN, remove_pict_groups

# Characters for private use, which real text does not contain.
RAISED = "\ue010"
LOWERED = "\ue011"
LEVEL = "\ue012"
MARGIN = "\ue020"
FOOTNOTE = "\ue021"
COMMENT = "\ue022"
END = "\ue023"
CELL = "\ue030"
ROW = "\ue031"
MARKS = frozenset((RAISED, LOWERED, LEVEL, MARGIN, FOOTNOTE, COMMENT, END, CELL, ROW))

_HEIGHTS = {"super": RAISED, "sub": LOWERED, "nosupersub": LEVEL}
_ASIDE = {"footnote": FOOTNOTE, "annotation": COMMENT} | {
    f"{margin}{pages}": MARGIN for margin in ("header", "footer") for pages in ("", "l", "r", "f")
}
_LEFT_OUT = {"pict": "images without text", "object": "embedded files left out", "shptxt": "text boxes left out"}
_PICTURE_DATA = re.compile(r"[0-9a-fA-F\r\n ]{400,}(?=\})")  # no text has so many hexadecimal digits in a row
_OTHER_COPIES = {"nonshppict", "shprslt", "result"}  # hold again, for old programs, what stands next to them


@dataclass(frozen=True, slots=True)
class _State:
    """What holds for the text of a group."""

    height: str = LEVEL
    hidden: bool = False
    deleted: bool = False
    in_table: bool = False
    aside: bool = False
    copy: bool = False


@dataclass
class MarkedSource:
    """`merges` are the cells of each table row in order: whether each continues the one to its left and the one above."""

    source: str = ""
    merges: list[list[tuple[bool, bool]]] = field(default_factory=list)
    headers: list[bool] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def marked(source: str) -> MarkedSource:
    result = MarkedSource()
    without_pictures = _PICTURE_DATA.sub("", remove_pict_groups(source))
    result.source = "".join(_Marker(result).tokens(without_pictures))
    return result


class _Marker:
    def __init__(self, result: MarkedSource) -> None:
        self._result = result
        self._state = _State()
        self._stack: list[_State] = []
        self._height = LEVEL  # of the text that was written last
        self._cells: list[tuple[bool, bool]] = []
        self._cell = (False, False)
        self._is_header = False

    def tokens(self, source: str) -> Iterator[str]:
        star = ""  # "\*" makes a group ignorable; comments are wanted all the same
        for match in PATTERN.finditer(source):
            word, number, code, character, brace, letter = match.groups()
            token = match[0]
            if character == "*":
                star = token
                continue
            if star and word != "annotation":
                yield star
            star = ""
            if brace:
                yield from self._brace(brace)
            elif word:
                yield from self._word(word, number, token)
            elif self._state.hidden or self._state.deleted:
                continue
            else:
                yield from self._at_height() if code or letter else ()
                yield token

    def _brace(self, brace: str) -> Iterator[str]:
        if brace == "{":
            self._stack.append(self._state)
        elif self._stack:
            outer = self._stack.pop()
            if self._state.aside and not outer.aside:
                yield _escaped(END)
            self._state = outer
        yield brace

    def _word(self, word: str, number: str | None, token: str) -> Iterator[str]:
        if word in _ASIDE:  # without the control word, the group is text
            self._state = replace(self._state, aside=True, height=LEVEL, in_table=False)
            yield _escaped(_ASIDE[word])
        elif word in _HEIGHTS:
            self._state = replace(self._state, height=LEVEL if number == "0" else _HEIGHTS[word])
        elif word in ("v", "deleted"):
            self._hide(word, on=number != "0")
        elif word in ("pard", "intbl"):
            self._state = replace(self._state, in_table=word == "intbl")
            yield token
        elif word in ("par", "line") and self._state.in_table and not self._state.aside or word in ("nestcell", "nestrow"):
            yield _escaped(" ")
        elif word in _TABLE_WORDS:
            yield from self._table(word)
        else:
            self._count(word)
            yield from self._at_height() if word == "u" else ()
            yield "" if word == "u" and (self._state.hidden or self._state.deleted) else token

    def _hide(self, word: str, *, on: bool) -> None:
        what = {"v": "pieces of hidden or white text left out", "deleted": "tracked deletions left out"}[word]
        self._result.left_out[what] += on
        self._state = replace(self._state, hidden=on) if word == "v" else replace(self._state, deleted=on)

    def _count(self, word: str) -> None:
        if word in _OTHER_COPIES:
            self._state = replace(self._state, copy=True)
        elif word in _LEFT_OUT:
            self._result.left_out[_LEFT_OUT[word]] += not self._state.copy
            self._state = replace(self._state, copy=True)

    def _table(self, word: str) -> Iterator[str]:
        """Collects the definition of a row, which stands before its cells or, in old files, only there once for many."""
        if word == "trowd":
            self._cells, self._cell, self._is_header = [], (False, False), False
        elif word == "trhdr":
            self._is_header = True
        elif word in ("clmrg", "clvmrg"):
            self._cell = (word == "clmrg" or self._cell[0], word == "clvmrg" or self._cell[1])
        elif word == "cellx":
            self._cells.append(self._cell)
            self._cell = (False, False)
        elif word == "cell":
            yield _escaped(CELL)
        else:
            self._result.merges.append(list(self._cells))
            self._result.headers.append(self._is_header)
            yield _escaped(ROW)
            yield "\\par "

    def _at_height(self) -> Iterator[str]:
        if self._state.height != self._height:
            self._height = self._state.height
            yield _escaped(self._height)


_TABLE_WORDS = {"trowd", "trhdr", "clmrg", "clvmrg", "cellx", "cell", "row"}


def _escaped(character: str) -> str:
    """A character as RTF writes it, in a group of its own, so that the settings around it stay as they are."""
    code = ord(character)
    return f"{{\\uc1\\u{code - 0x10000 if code > 0x7FFF else code}?}}"
