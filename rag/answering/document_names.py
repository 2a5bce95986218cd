"""The names by which people call a document: its title, its path, its file name."""

import re

from rag.index.entries import Entry

SHORTEST_NAME = 3  # characters of a document's name, so that no title such as "A" is taken for a word


def names_of(entry: Entry) -> set[str]:
    """All names of a document, folded."""
    file_name = entry.id.rsplit("/", 1)[-1]
    names = {folded(name) for name in (entry.title, entry.id, file_name, file_name.rsplit(".", 1)[0])}
    return names | {name.removeprefix("the ") for name in names}


def folded(text: str) -> str:
    return " ".join(re.sub(r"[-_\s“”\"']+", " ", text.casefold()).strip(" ?!.").split())


def titled(entry: Entry) -> str:
    return f"{entry.title} ({entry.id})" if entry.title and entry.title != entry.id else entry.id
