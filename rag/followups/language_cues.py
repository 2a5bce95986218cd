"""What tells a follow-up in German, French, Spanish and Chinese: word lists and patterns in `languages/`, one file per language.

English is learnt from conversations instead (`dependence.py`, `reply_kinds.py`) and does not use these lists.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from rag.text.analyses import STOPWORDS

LANGUAGES = ("de", "es", "fr", "zh")
FOLDER = Path(__file__).parent / "languages"
ENOUGH_KNOWN = 2  # function words that tell the language of a question; a single one may be a name or a quotation
HAN_SHARE = 0.3  # of the letters; a Han character says as much as a short word
# English words, and ends of English contractions, that other languages have as well: they do not tell the language.
ENGLISH_TOO = STOPWORDS | frozenset(
    "ok okay ah oh aha no hi hey hello man war hat die den pro long plus car pour comment sin con sea solo vale details source"
    " sources continue correct exact pardon super excellent bravo premier toll second formidable aide son dame do les par sans"
    " s t d l m".split()
)
WORD = re.compile(r"[^\W_]+")
_HAN = re.compile("[\u3400-\u9fff]")
_KANA = re.compile("[\u3040-\u30ff]")


@dataclass(frozen=True)
class LanguageCues:
    """Of one language. `joins` is what stands between two words: a space, or nothing in Chinese.

    `function` are words that name nothing: `asking` words, `openers` ("and"), articles, prepositions, auxiliaries. A word that
    fits `aspects` is asked about something without naming it ("symptoms", "treated"), one that fits `persons` is whom it is asked
    about. `conditions` begin a condition
    ("in", "if"), `pointing` are words that stand for something named before, unless they match `expletives`; a pattern that
    begins with ^ takes in the clause before, so that names in it do not count. A pointing word that matches `replaced` may be
    replaced by what it stands for. `clause_end` separates a pointing word from what it refers to
    within its question; None if nothing needs to. The first group of `about` is what the last question is asked of again
    ("what about X?").
    """

    code: str
    joins: str
    openers: frozenset[str]
    conditions: frozenset[str]
    articles: frozenset[str]
    asking: frozenset[str]
    function: frozenset[str]
    joining: frozenset[str]
    aspects: re.Pattern[str]
    persons: re.Pattern[str]
    pointing: re.Pattern[str]
    replaced: re.Pattern[str] | None
    expletives: re.Pattern[str] | None
    clause_end: re.Pattern[str] | None
    about: re.Pattern[str]


@lru_cache(maxsize=len(LANGUAGES))
def stored_cues(code: str) -> Any:
    """The content of a language's file."""
    return json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=len(LANGUAGES))
def cues_in(code: str) -> LanguageCues:
    """The cues of one of LANGUAGES."""
    stored = stored_cues(code)
    words = {name: frozenset(stored[name].split()) for name in ("openers", "conditions", "articles", "asking", "joining")}
    function = frozenset(stored["function"].split())
    return LanguageCues(
        code=code,
        joins="" if code == "zh" else " ",
        **words,
        function=function | words["openers"] | words["asking"] | words["articles"],
        aspects=_beginnings(stored["aspects"]),
        persons=_beginnings(stored["persons"]),
        pointing=re.compile("|".join(stored["pointing"])),
        replaced=_pattern([stored["replaced"]]),
        expletives=_pattern(stored["expletives"]),
        clause_end=_pattern([stored["clause_end"]]),
        about=re.compile("|".join(stored["about"]), re.IGNORECASE),
    )


def longest_first(words: Iterable[str]) -> list[str]:
    """In the order in which a pattern must try them."""
    return sorted(words, key=lambda word: (-len(word), word))


def _beginnings(listed: str) -> re.Pattern[str]:
    """Matches the listed words; one that ends in * also with other endings."""
    return re.compile("|".join(entry.replace("*", r"\w*") for entry in longest_first(listed.split())))


def _pattern(alternatives: list[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(alternatives)) if any(alternatives) else None


def spoken_language(question: str, previous: str = "") -> str | None:
    """The language of a question, if it is certainly one of LANGUAGES; `previous`, the last question, helps with a short one."""
    letters = sum(character.isalpha() for character in question)
    if len(_HAN.findall(question)) > HAN_SHARE * letters:
        return None if _KANA.search(question) else "zh"
    words = [word.lower() for word in WORD.findall(question)]
    english = sum(word in ENGLISH_TOO for word in words)
    before = spoken_language(previous) if previous else None
    if words and english == len(words) == sum(word not in STOPWORDS for word in words):  # "ok" is said in all of them
        return before
    known = {code: sum(_is_known(word, cues_in(code), code == before) for word in words) for code in LANGUAGES if code != "zh"}
    best = max(known, key=lambda code: (known[code], code == before, code))
    if not known[best] or known[best] <= english:
        return None
    certain = known[best] >= ENOUGH_KNOWN or "¿" in question or best == before
    return best if certain or all(word in cues_in(best).function for word in words) else None


def _is_known(word: str, cues: LanguageCues, is_spoken: bool) -> bool:
    """`is_spoken`: the last question was in this language, so that its words for what is asked count as well."""
    return word in cues.function or word in cues.conditions or (is_spoken and cues.aspects.fullmatch(word) is not None)
