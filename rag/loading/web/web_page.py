"""HTML pages to blocks: the main content in reading order, without menus, controls and hidden parts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from rag.loading.blocks import ParsedFile, Piece, assemble, row
from rag.loading.text_files.decoding import decode
from rag.loading.web.html_table import is_data, is_simple_row, row_cells, table_pieces
from rag.loading.web.inline import LINE_BREAK, Omissions, inline_text, visible_text
from rag.loading.web.list_numbers import number_of, style_of
from rag.loading.web.page_text import PageText
from rag.loading.web.visible import SECTIONS, WHITE_SPACE, is_dropped
from rag.records import BlockKind

_BLOCK_TAGS = frozenset(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer h1 h2 h3 "
    "h4 h5 h6 header hgroup hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
# Signs that browsers add, or that stand for a line through the text, which means that it no longer holds.
_AROUND = {"q": ("“", "”"), "del": ("~~", "~~"), "s": ("~~", "~~"), "strike": ("~~", "~~")}
_MOSTLY_LINKS = 0.9  # share of a block's characters that are in links
_LIST_NUMBER = re.compile(r"^\w{1,6}[.] ")
_ARTICLE_SHARE = 0.5  # of the body's text; a shorter article is one part of the page, not its content


@dataclass(frozen=True)
class ParsedPage:
    """`title` is the only h1, otherwise <title>. `notes` say what the page shows and the pieces lack."""

    title: str | None
    pieces: list[Piece]
    notes: tuple[str, ...] = ()


def read(data: bytes) -> ParsedFile:
    page = parse_page(decode(data))
    return assemble(page.title, page.pieces, page.notes)


def parse_page(source: str, omissions: Omissions | None = None) -> ParsedPage:
    """The content of a page or of a part of one. Pages of one book share their `omissions`, so that notes find their marks."""
    tree = LexborHTMLParser(source)
    root = _main_content(tree)
    omissions = omissions or Omissions()
    pieces = _Walk(omissions).pieces(root) if root is not None else []
    kept = _without_menus(pieces)
    return ParsedPage(_title(tree, kept), kept, omissions.notes())


def _main_content(tree: LexborHTMLParser) -> LexborNode | None:
    for selector in ("main", "[role=main]", "article"):
        nodes = tree.css(selector)
        if len(nodes) == 1 and (selector != "article" or _is_most(nodes[0], tree.body)):
            return nodes[0]
    return tree.body


def _is_most(node: LexborNode, body: LexborNode | None) -> bool:
    """Whether an article holds most of the text that is not in one of the page's own sections."""
    if body is None:
        return True
    others = (child for child in body.iter() if child.tag not in ("script", "style", "nav", "header", "footer", "aside"))
    return len(node.text()) >= _ARTICLE_SHARE * sum(len(child.text()) for child in others)


class _Walk:
    """Goes through a page in document order, without recursion: pages with 60,000 nested tags exist."""

    def __init__(self, omissions: Omissions) -> None:
        self._omissions = omissions
        self._page = PageText()
        self._links = self._sections = 0
        self._lists: list[list[int]] = []  # the next number and the step of each open list

    def pieces(self, root: LexborNode) -> list[Piece]:
        stack: list[tuple[LexborNode, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            tag = node.tag or ""
            if leaving:
                self._leave(tag)
            elif tag == "-text":
                self._page.add((node.text_content or "").replace(LINE_BREAK, ""), in_link=self._links > 0)
            elif tag == "br":
                self._page.add(LINE_BREAK)
            elif not self._is_dropped(node, tag, root) and not self._is_leaf(node, tag):
                self._enter(node, tag)
                stack.append((node, True))
                stack.extend((child, False) for child in reversed(list(node.iter(include_text=True))))
        self._page.end_block()
        return self._page.pieces

    def _is_dropped(self, node: LexborNode, tag: str, root: LexborNode) -> bool:
        return tag.startswith(("-", "_")) or (node is not root and is_dropped(node, tag, in_section=self._sections > 0))

    def _is_leaf(self, node: LexborNode, tag: str) -> bool:
        """Adds elements that are read as a whole: preformatted text, data tables, raised figures, images, form fields."""
        if tag == "pre":
            self._page.end_block()
            self._page.put("code", visible_text(node).strip("\n"))
            return True
        if tag == "table" and is_data(node):
            self._add_table(node)
            return True
        if tag == "tr" and is_simple_row(node):
            self._page.end_block()
            self._page.put_table([row(map(self._cell_text, row_cells(node)))])
            return True
        text = inline_text(node, tag, self._omissions)
        if text is not None:
            self._page.add(text, in_link=self._links > 0 or tag == "a")
        return text is not None

    def _add_table(self, node: LexborNode) -> None:
        self._page.end_block()
        for caption in node.css("caption"):
            self._page.put("paragraph", self._cell_text(caption))
        self._page.put_table(table_pieces(node, self._cell_text))

    def _cell_text(self, node: LexborNode) -> str:
        """The blocks of a cell on one line."""
        parts: list[str] = []
        for piece in _Walk(self._omissions).pieces(node):
            separator = "; " if parts and piece.kind == "item" else " "
            parts.append(separator + piece.text if parts else piece.text)
        return WHITE_SPACE.sub(" ", "".join(parts)).strip()

    def _enter(self, node: LexborNode, tag: str) -> None:
        self._links += tag == "a"
        self._sections += tag in SECTIONS
        if tag == "ol":
            self._page.end_block()
            self._lists.append(style_of(node))
        elif tag == "ul":
            self._page.end_block()
            self._lists.append([])
        elif tag == "dl":
            self._page.end_block()
            self._page.begin_terms()
        elif tag == "dt":
            self._page.begin_term()
        elif tag == "dd":
            self._page.begin_definition()
        elif tag in _BLOCK_TAGS:
            self._page.begin_block(*_kind(tag), prefix=self._prefix(node, tag))
        elif tag in _AROUND:
            self._page.add(_AROUND[tag][0])

    def _leave(self, tag: str) -> None:
        self._links -= tag == "a"
        self._sections -= tag in SECTIONS
        if tag in ("ol", "ul") and self._lists:
            self._lists.pop()
        if tag == "dt":
            self._page.end_term()
        elif tag in _BLOCK_TAGS:
            self._page.end_block()
        elif tag in _AROUND:
            self._page.add(_AROUND[tag][1])
        if tag == "dl":
            self._page.end_terms()

    def _prefix(self, node: LexborNode, tag: str) -> str:
        """The number of an item, or the mark of the footnote whose text begins here."""
        number = number_of(node, self._lists[-1]) if tag == "li" and self._lists else ""
        if number:
            return f"{number} "
        label = self._omissions.marks.get(node.attributes.get("id") or "", "")
        return f"[{label}] " if label and not node.text().strip(" \n\t[(").startswith(label) else ""


def _kind(tag: str) -> tuple[BlockKind, int]:
    if re.fullmatch("h[1-6]", tag):
        return "heading", int(tag[1])
    return ("item", 0) if tag == "li" else ("paragraph", 0)


def _without_menus(pieces: Iterable[Piece]) -> list[Piece]:
    """Leaves out runs of three or more link-only blocks (two or more at the end), with the headings above them."""
    kept: list[Piece] = []
    run: list[Piece] = []
    for piece in [*pieces, None]:
        if piece is not None and _is_links(piece):
            run.append(piece)
            continue
        if len(run) >= 3 or (piece is None and len(run) >= 2):
            while kept and kept[-1].kind == "heading":
                kept.pop()
        else:
            kept.extend(run)
        run = []
        if piece is not None:
            kept.append(piece)
    return kept


def _is_links(piece: Piece) -> bool:
    text = _LIST_NUMBER.sub("", piece.text) if piece.kind == "item" else piece.text
    return piece.linked > 0 and piece.linked >= _MOSTLY_LINKS * len(WHITE_SPACE.sub("", text))


def _title(tree: LexborHTMLParser, pieces: list[Piece]) -> str | None:
    headings = tree.css("h1")
    if len(headings) == 1:
        shown = [piece.text for piece in pieces if piece.kind == "heading" and piece.level == 1]
        title = shown[0] if shown else headings[0].text()
    else:
        node = tree.css_first("head > title")
        title = node.text() if node is not None else ""
    return WHITE_SPACE.sub(" ", title).strip() or None
