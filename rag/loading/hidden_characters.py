"""Reports characters that are invisible or that change the order in which text is shown. They stay in the text."""

import re

# Zero-width characters and tags, which hide words from people but not from programs. Joiners count only between ASCII
# characters: some scripts and emoji need them.
_INVISIBLE = re.compile("[\u200b\u2060-\u2064\u180e\U000e0001-\U000e007f]|(?<=[\x21-\x7e])[\u200c\u200d\ufeff](?=[\x21-\x7e])")
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def hidden_characters(text: str) -> list[str]:
    """One plain line for each kind of hidden or deceptive character in the text, with its count."""
    notes = []
    if count := len(_INVISIBLE.findall(text)):
        notes.append(f"it contains {_counted(count, 'invisible character')} (zero-width or tags)")
    if count := len(_REORDERING.findall(text)):
        notes.append(f"it contains {_counted(count, 'character')} that change the order in which text is shown")
    return notes


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
