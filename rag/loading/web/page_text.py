"""Collects the text of a page into pieces, one for each block."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rag.loading.blocks import Piece, is_question
from rag.loading.web.inline import LINE_BREAK, TICKED, UNTICKED
from rag.loading.web.visible import WHITE_SPACE
from rag.records import BlockKind

_LONGEST_TERM = 200  # characters; a longer term of a list of definitions is a paragraph


@dataclass
class _Terms:
    """The terms of a list of definitions that the next definition explains, and whether one has explained them already."""

    texts: list[str] = field(default_factory=list)
    explained: bool = False


@dataclass
class PageText:
    """Collects inline text until a block-level tag ends the block.

    `prefix` is how many of the first texts are no content by themselves: the number of an item, the mark of a footnote, or
    the term of a definition. `terms` has one entry for each list of definitions that has begun and not ended.
    `below_header` is whether the last block is a row of a table with a header.
    """

    pieces: list[Piece] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    linked: int = 0
    kind: BlockKind = "paragraph"
    level: int = 0
    prefix: int = 0
    terms: list[_Terms] = field(default_factory=list)
    below_header: bool = False

    def add(self, text: str, *, in_link: bool = False) -> None:
        self.inline.append(text)
        self.linked += len(WHITE_SPACE.sub("", text)) if in_link else 0

    def begin_block(self, kind: BlockKind, level: int = 0, *, prefix: str = "") -> None:
        """A plain block directly inside a heading or an item belongs to it: `<li><p>text</p></li>`."""
        just_begun = self.kind != "paragraph" and not "".join(self.inline[self.prefix :]).strip()
        if just_begun and kind == "paragraph" and not prefix:
            return
        self.end_block()
        self.kind, self.level = kind, level
        if prefix:
            self.add(prefix)
            self.prefix = len(self.inline)

    def end_block(self) -> None:
        if not self.prefix or "".join(self.inline[self.prefix :]).strip(f" \t\n\f\r{LINE_BREAK}"):
            self.put(self.kind, self._text(), level=self.level)
        self._clear()

    def put(self, kind: BlockKind, text: str, *, level: int = 0) -> None:
        if text.strip(f"{TICKED}{UNTICKED} "):
            self.pieces.append(Piece(kind, text, level, linked=self.linked))
            self.below_header = kind == "table" and (self.below_header or level > 0)
        self.linked = 0

    def put_table(self, rows: Iterable[Piece]) -> None:
        """Rows without a header become items after a table with one, whose labels are not theirs."""
        rows = [piece for piece in rows if piece.text]
        mislabelled = self.below_header and bool(rows) and not rows[0].level
        for piece in rows:
            self.put("item" if mislabelled and piece.kind == "table" else piece.kind, piece.text, level=piece.level)

    def begin_terms(self) -> None:
        self.terms.append(_Terms())

    def begin_term(self) -> None:
        self.begin_block("item")
        if self.terms and self.terms[-1].explained:
            self.terms[-1] = _Terms()

    def end_term(self) -> None:
        """Keeps the term until its definition begins. A question stays a block of its own."""
        text = self._text()
        if not self.terms or is_question(text) or len(text) > _LONGEST_TERM:
            self.put("paragraph", text)
        elif text:
            self.terms[-1].texts.append(text)
        self._clear()

    def begin_definition(self) -> None:
        """The term stands before each of its definitions, so that each can be quoted alone."""
        self.end_block()
        texts = self.terms[-1].texts if self.terms else []
        if texts:
            self.terms[-1].explained = True
            term = ", ".join(texts)
            self.begin_block("item", prefix=f"{term} " if term.endswith((":", "：")) else f"{term}: ")

    def end_terms(self) -> None:
        """Terms without a definition are items by themselves."""
        terms = self.terms.pop() if self.terms else _Terms()
        for text in terms.texts if not terms.explained else []:
            self.put("item", text)

    def _text(self) -> str:
        if not self.inline:
            return ""
        lines = (WHITE_SPACE.sub(" ", line).strip() for line in "".join(self.inline).split(LINE_BREAK))
        return "\n".join(line for line in lines if line)

    def _clear(self) -> None:
        self.inline, self.kind, self.level, self.prefix, self.linked = [], "paragraph", 0, 0, 0
