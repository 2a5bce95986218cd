"""What the Review tab can do with watched questions: show whose answers changed. Only curators change the list."""

from rag.library import Library
from rag.ui.calls import Acts


class Watching:
    """What the acts share: the library."""

    def __init__(self, library: Library) -> None:
        self.library = library


CHANGES_ACTS: Acts[Watching] = {}
