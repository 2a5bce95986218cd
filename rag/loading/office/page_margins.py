"""Headers and footers of pages: each text once, below a heading of its own at the end of the document."""

import re
from collections.abc import Iterable, Iterator

from rag.loading.blocks import Piece

_ONLY_PAGE_NUMBER = re.compile(r"(?:page|seite|p\.|of|von|sur|\d|\W)*", re.IGNORECASE)


def margin_pieces(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """At the end, so that the spans of the text itself do not depend on them. What only counts the pages is left out."""
    seen: set[str] = set()
    for piece in pieces:
        text = " ".join(piece.text.split())
        if text not in seen and not _ONLY_PAGE_NUMBER.fullmatch(text):
            if not seen:
                yield Piece("heading", "Header and footer", level=1)
            seen.add(text)
            yield Piece("table" if piece.kind == "table" else "paragraph", piece.text)
