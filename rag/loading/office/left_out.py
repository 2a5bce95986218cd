"""What office documents hold besides text, counted, and the notes that say so."""

import posixpath
import re
from collections import Counter
from zipfile import ZipFile

from rag.loading.office.archives import member, xml

_MACRO = re.compile(r"(?:.*/)?vbaProject\.bin|Basic/.+/(?!script-lb\.xml|dialog-lb\.xml)[^/]+\.xml|Scripts/.+[^/]")


def parts_left_out(archive: ZipFile) -> Counter[str]:
    """The parts of an archive that are no text: macros and embedded files. The data of a chart stand in the chart."""
    names = archive.namelist()
    of_charts = {
        posixpath.basename(relationship.get("Target", ""))
        for name in names
        if "/charts/_rels/" in name
        for relationship in xml(member(archive, name)).iter("{*}Relationship")
    }
    counts: Counter[str] = Counter()
    for name in names:
        folder, _, base = name.rpartition("/")
        counts["macros left out"] += _MACRO.fullmatch(name) is not None
        counts["embedded files left out"] += folder.endswith("/embeddings") and bool(base) and base not in of_charts
    return counts


def notes_of(counts: Counter[str]) -> list[str]:
    """One plain line for each thing that was counted at least once."""
    return [f"{what}: {count}" for what, count in counts.items() if count]
