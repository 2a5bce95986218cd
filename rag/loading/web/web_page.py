"""HTML pages to blocks: the main content in reading order, without menus, form controls and hidden parts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from rag.loading.blocks import ParsedFile, Piece, assemble, row
from rag.loading.text_files.decoding import decode
from rag.records import BlockKind

_DROPPED = frozenset(
    "script style template noscript nav aside footer button select textarea iframe object embed svg canvas audio "
    "video map head dialog menu rt rp".split()
)
_DROPPED_ROLES = frozenset("navigation banner contentinfo search complementary menu dialog".split())
_BLOCK_TAGS = frozenset(
    "address article blockquote body caption center dd details div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6 "
    "header hgroup hr html legend li main ol p pre section summary table tbody td tfoot th thead tr ul".split()
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_WHITE_SPACE = re.compile(r"[ \t\n\f\r]+")  # as HTML defines it: no-break spaces are kept
_LINE_BREAK = "\0"  # stands for <br> while white space is collapsed; text never keeps this character
_MOSTLY_LINKS = 0.9  # share of a block's characters that are in links


def read(data: bytes) -> ParsedFile:
    return assemble(*pieces_of(decode(data)))


def pieces_of(source: str) -> tuple[str | None, list[Piece]]:
    """The title (the only h1, otherwise <title>) and the content of a page or of a part of one."""
    tree = LexborHTMLParser(source)
    root = _main_content(tree)
    page = _Page()
    if root is not None:
        _walk(root, page)
    page.end_block()
    return _title(tree), _without_menus(page.pieces)


@dataclass
class _Page:
    """Collects inline text until a block-level tag ends the block."""

    pieces: list[Piece] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    linked: int = 0
    kind: BlockKind = "paragraph"
    level: int = 0

    def add(self, text: str, *, in_link: bool) -> None:
        self.inline.append(text)
        self.linked += len(_WHITE_SPACE.sub("", text)) if in_link else 0

    def begin_block(self, kind: BlockKind, level: int) -> None:
        """A plain block directly inside a heading or an item belongs to it: `<li><p>text</p></li>`."""
        just_begun = self.kind != "paragraph" and not "".join(self.inline).strip()
        if just_begun and kind == "paragraph":
            return
        self.end_block()
        self.kind, self.level = kind, level

    def end_block(self) -> None:
        lines = (_WHITE_SPACE.sub(" ", line).strip() for line in "".join(self.inline).split(_LINE_BREAK))
        text = "\n".join(line for line in lines if line)
        self.put(self.kind, text, level=self.level)
        self.inline, self.kind, self.level = [], "paragraph", 0

    def put(self, kind: BlockKind, text: str, *, level: int = 0) -> None:
        if text:
            self.pieces.append(Piece(kind, text, level, linked=self.linked))
        self.linked = 0


def _main_content(tree: LexborHTMLParser) -> LexborNode | None:
    for selector in ("main", "[role=main]", "article"):
        nodes = tree.css(selector)
        if len(nodes) == 1:
            return nodes[0]
    return tree.body


def _walk(root: LexborNode, page: _Page) -> None:
    """In document order, without recursion: pages with 60,000 nested tags exist."""
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    links = 0
    while stack:
        node, leaving = stack.pop()
        tag = node.tag or ""
        if tag == "-text":
            page.add((node.text_content or "").replace(_LINE_BREAK, ""), in_link=links > 0)
        elif leaving:
            links -= tag == "a"
            if tag in _BLOCK_TAGS:
                page.end_block()
        elif tag == "br":
            page.add(_LINE_BREAK, in_link=False)
        elif tag.startswith(("-", "_")) or _is_dropped(node, tag):
            continue
        elif not _is_leaf(node, tag, page):
            if tag in _BLOCK_TAGS:
                page.begin_block(*_kind(tag))
            links += tag == "a"
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(list(node.iter(include_text=True))))


def _is_dropped(node: LexborNode, tag: str) -> bool:
    attributes = node.attributes
    return (
        tag in _DROPPED
        or (tag == "header" and node.css_first("h1") is None)
        or (attributes.get("role") or "") in _DROPPED_ROLES
        or attributes.get("aria-hidden") == "true"
        or "hidden" in attributes
        or _HIDDEN_STYLE.search(attributes.get("style") or "") is not None
    )


def _is_leaf(node: LexborNode, tag: str, page: _Page) -> bool:
    """Adds preformatted text and rows of data tables, which are quoted as a whole. False for other elements."""
    if tag == "pre":
        page.end_block()
        page.put("code", "".join(_visible(node)).strip("\n"))
        return True
    if tag != "tr" or node.css_first("table, p + p, ul, ol, h1, h2, h3") is not None:
        return False
    page.end_block()
    cells = [cell for cell in node.iter() if cell.tag in ("td", "th") and not _is_dropped(cell, cell.tag)]
    is_header = bool(cells) and all(cell.tag == "th" for cell in cells)
    page.put("table", row((" ".join(_visible(cell)) for cell in cells), header=is_header).text, level=int(is_header))
    return True


def _visible(root: LexborNode) -> Iterator[str]:
    """The texts below a node in order, without those of dropped elements."""
    stack = [root]
    while stack:
        node = stack.pop()
        tag = node.tag or ""
        if tag == "-text":
            yield (node.text_content or "").replace(_LINE_BREAK, "")
        elif node is root or not (tag.startswith(("-", "_")) or _is_dropped(node, tag)):
            stack.extend(reversed(list(node.iter(include_text=True))))


def _kind(tag: str) -> tuple[BlockKind, int]:
    if re.fullmatch("h[1-6]", tag):
        return "heading", int(tag[1])
    return ("item", 0) if tag == "li" else ("paragraph", 0)


def _without_menus(pieces: list[Piece]) -> list[Piece]:
    """Leaves out runs of three or more link-only blocks (two or more at the end), with the headings above them."""
    kept: list[Piece] = []
    run: list[Piece] = []
    for piece in [*pieces, None]:
        if piece is not None and piece.linked and piece.linked >= _MOSTLY_LINKS * len(_WHITE_SPACE.sub("", piece.text)):
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


def _title(tree: LexborHTMLParser) -> str | None:
    headings = tree.css("h1")
    node = headings[0] if len(headings) == 1 else tree.css_first("head > title")
    title = _WHITE_SPACE.sub(" ", node.text()).strip() if node is not None else ""
    return title or None
