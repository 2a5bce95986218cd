"""Acts on the last answer, small talk and questions about the program in German, French, Spanish and Chinese.

A reply is of a kind if it is one of the kind's phrases, with nothing else than words that say nothing by themselves ("please").
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from rag.followups.language_cues import ENGLISH_TOO, LANGUAGES, WORD, longest_first, stored_cues

CHOOSE = "choose"
LONGEST_REPLY, LONGEST_IN_CHINESE = 100, 40  # characters; anything longer is an ordinary question
MOST_PHRASES = 3  # in one reply ("perfect, thanks, bye"); bounds the work of the pattern
KEPT = 200  # replies whose kind is remembered: the user's turns of a few conversations
_DIGITS = re.compile(r"\d{1,3}")


@dataclass(frozen=True, slots=True)
class ForeignReply:
    """`kind` as in `reply_kinds`, or "next" for another answer; `number` is the citation that is chosen, from 1, -1 the last."""

    language: str
    kind: str
    number: int = 1


@lru_cache(maxsize=KEPT)
def foreign_reply(text: str) -> ForeignReply | None:
    """None for an ordinary question, and for anything that may be in another language."""
    if len(text) > LONGEST_REPLY:
        return None
    words = WORD.findall(text.lower())
    if all(word in ENGLISH_TOO for word in words):
        return None
    for language in LANGUAGES:
        joins = "" if language == "zh" else " "
        reply = "".join(f"{word}{joins}" for word in words)
        if not joins and len(reply) > LONGEST_IN_CHINESE:
            continue
        for kind, pattern in _patterns(language).items():
            if match := pattern.fullmatch(reply):
                return ForeignReply(language, kind, _number(match, language) if kind == CHOOSE else 1)
    return None


@lru_cache(maxsize=len(LANGUAGES))
def _patterns(language: str) -> dict[str, re.Pattern[str]]:
    """By kind, in the order of the file; a choice of a citation comes first."""
    stored = stored_cues(language)
    joins = "" if language == "zh" else " "
    ordinals = "|".join(longest_first(stored["ordinals"]))
    number = rf"(?:nummer|numéro|número|第) ?{_DIGITS.pattern}"  # bare numbers are the same in English
    kinds = {CHOOSE: rf"(?P<chosen>{ordinals}|{number})", **stored["replies"]}
    filler = rf"(?:(?:{'|'.join(longest_first({*stored['fillers'].split()}))}){joins})*"
    return {kind: re.compile(rf"{filler}(?:(?:{phrases}){joins}{filler}){{1,{MOST_PHRASES}}}") for kind, phrases in kinds.items()}


def _number(match: re.Match[str], language: str) -> int:
    digits = _DIGITS.search(match["chosen"])
    return int(digits.group()) if digits else int(stored_cues(language)["ordinals"][match["chosen"]])
