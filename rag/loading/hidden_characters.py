"""Characters that a reader does not see, or that show a text in another order than it is in: told, never taken out."""

import re

# Zero-width characters and tags, which hide words from people and not from programs; but not the joiners inside words of the
# scripts and emoji that need them.
_INVISIBLE = re.compile("[\u200b\u2060-\u2064\u180e\U000e0001-\U000e007f]|(?<=[\x21-\x7e])[\u200c\u200d\ufeff](?=[\x21-\x7e])")
_ORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def hidden_characters(text: str) -> list[str]:
    """One plain line for each kind of hidden or deceptive character, with how many there are."""
    found = []
    if count := len(_INVISIBLE.findall(text)):
        found.append(f"it holds {count} invisible characters (zero-width or tags)")
    if count := len(_ORDERING.findall(text)):
        found.append(f"it holds {count} characters that change the order in which text is shown")
    return found
