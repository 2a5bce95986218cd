"""Sentences that cannot stand alone: those that lean on the one before, and those that only introduce what follows."""

import re

from rag.records import BlockKind

LONGEST_LABEL = 5  # words of a line that names what the next one explains, as in a list of definitions
LONGEST_LINE = 12  # words of a line above a list that serves as its title
_DEPENDENT = re.compile(
    r"(?:this|these|those|that|it|its|they|their|them|he|she|his|her|such|both|the (?:former|latter|same)|however|moreover"
    r"|furthermore|therefore|thus|hence|consequently|similarly|likewise|instead|nevertheless|then|in (?:addition|contrast)"
    r"|as a result|for (?:example|instance)|but|and|or|so|another|other|one (?:such|of (?:these|them)))\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"[^\W\d][^.!?:;,|\n]*[\w)*\"”]")
_OPENING = "\"'“‘(["  # characters before the first word


def leans_on_previous(text: str) -> bool:
    """Whether a sentence begins with a word that refers to the one before, such as "This" or "However"."""
    return bool(_DEPENDENT.match(text.lstrip(_OPENING)))


def is_lead_in(text: str, kind: BlockKind) -> bool:
    """Whether a sentence is no statement but introduces what comes after it: it ends in a colon, or is a short line without a
    full stop."""
    text = text.rstrip(" *_")
    is_line = kind == "paragraph" and not text.endswith((".", "!", "?", "。"))
    return text.endswith(":") or (is_line and len(text.split()) <= LONGEST_LINE)


def is_label(text: str) -> bool:
    """Whether a line of its own only names what the next one explains, as in a list of definitions."""
    return len(text.split()) <= LONGEST_LABEL and bool(_LABEL.fullmatch(text))
