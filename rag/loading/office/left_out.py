"""What office documents hold besides text, counted, and the notes that say so."""

from collections import Counter
from collections.abc import Iterable


def parts_left_out(names: Iterable[str]) -> Counter[str]:
    """The parts of an archive that are no text: macros and embedded files."""
    counts: Counter[str] = Counter()
    for name in names:
        counts["macros left out"] += name.endswith("vbaProject.bin")
        counts["embedded files left out"] += "/embeddings/" in name or name.startswith("Object ")
    return counts


def notes_of(counts: Counter[str]) -> list[str]:
    """One plain line for each thing that was counted at least once."""
    return [f"{what}: {count}" for what, count in counts.items() if count]
