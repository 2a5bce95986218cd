"""Sentence boundaries in languages whose rules differ from English: German, Chinese, Japanese, Arabic, Hebrew and others.

The splitter's statistics are those of English. The rules here apply only where their script, or German, is found.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

_LANGUAGE_SAMPLE = 20_000  # characters; enough function words to tell a language
_GERMAN_WORDS = re.compile(
    r"\b(?:und|der|das|den|dem|des|ist|sind|nicht|für|auf|wird|werden|auch|sich|nach|oder|mit|von|zu|im|vom|zum|zur|ein|eine[rsmn]?)\b",
    re.IGNORECASE,
)
_ENGLISH_WORDS = re.compile(r"\b(?:the|of|and|to|is|are|for|with|that|be|by|this|from|or|as|it|an|was)\b", re.IGNORECASE)

_GERMAN_ONLY_MONTH = r"(?:Januar|Jänner|Februar|Feber|März|Mai|Juni|Juli|Oktober|Dezember)\b"
_MONTH_WITH_YEAR = r"(?:April|August|September|November)\s+(?:1\d|20)\d\d\b"
_GERMAN_MONTH = (
    r"(?:April|August|September|November)\b|(?:Jan|Feb|Mrz|Mär|Apr|Jun|Jul|Aug|Sept?|Okt|Nov|Dez)\.(?=\s*(?:\d|[a-zäöü]))"
)
_DAY = re.compile(r"(?<![\d.,])\d{1,2}\.\s*$")
_AFTER_DAY = re.compile(rf"\s*(?:{_GERMAN_ONLY_MONTH}|{_MONTH_WITH_YEAR})")
_AFTER_DAY_IN_GERMAN = re.compile(rf"\s*(?:{_GERMAN_MONTH})")
# A number with a full stop is an ordinal after an article or a preposition, and before a noun that is usually counted.
_ORDINAL = re.compile(
    r"(?:^|[\s(„“\"/])(?:am|vom|zum|zur|bis|ab|der|die|das|den|dem|des|im|ins|beim|seit|und|oder|sowie|jede[rsmn]?|diese[rsmn]?"
    r"|(?:ihr|sein|unser|mein|dein|kein|ein)(?:e[rsmn]?)?)\s+(?:\d{1,3}|[IVXL]+)\.\s*$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s*(?:Quartal|Halbjahr|Jahrhundert|Jahrtausend|Lebensjahr|Schuljahr|Geburtstag|Semester|Klasse|Stock|Etage|Obergeschoss"
    r"|OG|UG|Auflage|Ausgabe|Kapitel|Abschnitt|Absatz|Sitzung|Platz|Rate|Stufe|Person)\b"
)
_NUMBER_ALONE = re.compile(r"\s*\d{1,3}\.\s*$")
# Abbreviations that never end a sentence, and those that do not end one before a number.
_GERMAN_LEADS_ON = re.compile(
    r"(?:^|[\s(\[„“\"/])(?:z\.\s?B|d\.\s?h|i\.\s?d\.\s?R|i\.\s?S\.\s?d|v\.\s?a|u\.\s?U|m\.\s?E|o\.\s?g|bspw|bzw|[vV]gl|inkl|exkl|zzgl"
    r"|abzgl|einschl|ausschl|evtl|[gG]gf|insb|sog|ca|lt|gem|max|mind|jew|allg|bes|Dr|Prof|Hr|Fr|Dipl|Ing|St)\.\s*$"
)
_GERMAN_LEADS_TO_NUMBER = re.compile(
    r"(?:^|[\s(\[„“\"/])(?:Nr|Nrn|Abs|Art|Kap|Abb|Tab|Bd|Ziff|Anm|Tel|Str|S|Aufl|Jg|Pos|Rn|Rz|Az|Jan|Feb|Mrz|Mär|Apr|Jun|Jul|Aug"
    r"|Sept?|Okt|Nov|Dez)\.\s*$"
)

# The splitter takes some German words at the end of a sentence for abbreviations.
_GERMAN_WORD_END = re.compile(r"(?<![\w.-])(?!einschl|ausschl)(?:[A-ZÄÖÜ][a-zäöüß]{4,}|[a-zäöüß]{5,})\.(?=\s+[A-ZÄÖÜ][a-zäöüß])")

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CJK_END = re.compile(r"[。｡！？!?]*[。｡！？][。｡！？!?]*[」』”’）】》〉〕]*\s*")
_GOES_ON_AFTER_QUOTE = re.compile("[とっのはがをにもでや、，,]")  # 「…。」と言った: the quotation is part of the sentence
_OPENING, _CLOSING = "「『（【《〈〔", "」』）】》〉〕"
_CLOSING_QUOTES = "」』"
_MARKER_IN_CJK = re.compile(r"(?:^|[\s：；，、。:;,（(])(?:\d{1,2}|[a-zA-Z])[.．]\s*$")
_CJK_START = re.compile(rf"\s*[{_CJK}]")
_OTHER_END = re.compile('[؟۔।॥።։។။]+["”’»)\\]]*(?=\\s)')
# A single letter with a full stop abbreviates a title or a name: د. أحمد
_LETTER_ALONE = re.compile('(?:^|[\\s(«"“])[\u0590-\u05ff\u0620-\u06ff\u0400-\u042f]\\.\\s*$')


@lru_cache(maxsize=2)  # keeps the document alive while its blocks are split
def is_german(text: str) -> bool:
    """Whether a document has more of the commonest German words than of the commonest English ones."""
    sample = text[:_LANGUAGE_SAMPLE]
    german = sum(1 for _ in _GERMAN_WORDS.finditer(sample))
    return german > 0 and german > sum(1 for _ in _ENGLISH_WORDS.finditer(sample))


def further_ends(source: str, start: int, end: int, *, german: bool) -> Iterator[int]:
    """Positions within source[start:end] at which a sentence ends in a way that the splitter does not know, ascending by kind."""
    if german:
        yield from (match.end() for match in _GERMAN_WORD_END.finditer(source, start, end))
    yield from (match.end() for match in _OTHER_END.finditer(source, start, end))
    yield from _cjk_ends(source, start, end)


def _cjk_ends(source: str, start: int, end: int) -> Iterator[int]:
    """Sentences in brackets are split only if the bracket begins a sentence itself."""
    depth, position = 0, start
    for match in _CJK_END.finditer(source, start, end):
        marks = source[position : match.end()]
        depth = max(0, depth + sum(map(marks.count, _OPENING)) - sum(map(marks.count, _CLOSING)))
        position = match.end()
        last = match.group().rstrip()[-1]
        quote_goes_on = last in _CLOSING_QUOTES and _GOES_ON_AFTER_QUOTE.match(source, position)
        within = last in _CLOSING and last not in _CLOSING_QUOTES and source[start:end].lstrip()[:1] not in _OPENING
        if depth == 0 and not quote_goes_on and not within:
            yield position
            start = position


def goes_on(before: str, after: str, *, german: bool) -> bool:
    """Whether a sentence goes on although `before` ends with a full stop; `after` is what follows it."""
    if _DAY.search(before) and _AFTER_DAY.match(after):
        return True
    if _LETTER_ALONE.search(before) or (_CJK_START.match(after) and _MARKER_IN_CJK.search(before)):
        return True
    return german and _goes_on_in_german(before, after)


def _goes_on_in_german(before: str, after: str) -> bool:
    if _DAY.search(before) and (_AFTER_DAY_IN_GERMAN.match(after) or _COUNTED.match(after)):
        return True
    if _ORDINAL.search(before) or _NUMBER_ALONE.fullmatch(before) or _GERMAN_LEADS_ON.search(before):
        return True
    return after.lstrip()[:1].isdigit() and _GERMAN_LEADS_TO_NUMBER.search(before) is not None
