"""Where sentences end in languages other than English, and where a full stop does not end one."""

import re
from collections.abc import Iterator
from functools import lru_cache

from rag.text.abbreviations_by_language import is_abbreviated
from rag.text.unicode_sentences import cjk_ends

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
_NUMBER_ALONE = re.compile(r"\s*\(?\d{1,3}\.\s*$")
# A capital letter with a full stop is an initial, unless it tells one of several kinds from the others.
_INITIAL = re.compile(r"(?:^|[\s(«„“\"])(?:[A-ZÀ-ÖØ-ÞĞİŞА-ЯЁІЇЄҐ]\.[\s-]?)+$")
_KIND = re.compile(
    r"(?:vitamin|hepatit|hépatit|epatit|typ|tip|grup|group|klass|class|plan|punkt|punto|point|anlage|annex|anex|allegato|ek|витамин"
    r"|гепатит|тип|групп|класс|план|пункт|вариант|variant)\w*\s+\w\.\s*$",
    re.IGNORECASE,
)
# A small letter with a full stop abbreviates a word, unless it is a unit of the number before it: "s. XIX", but "2 l.", "XIX в."
_SMALL_LETTER = re.compile(r"(?:^|[^\w\s.]|[^\W\dIVXLC][\s(]+|[\u3040-\u9fff])[a-zß-öø-ÿа-яё]\.\s*$")
_TURKISH_ORDINAL = re.compile(r"(?:^|\s)(?:\d{1,2}|[IVX]+)\.\s*$")  # sentences end with a verb, hardly ever with a number
_MARKER_IN_CJK = re.compile(r"(?:^|[\s：；，、。:;,（(])(?:\d{1,2}|[a-zA-Z])[.．]\s*$")
_CJK_START = re.compile("\\s*[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_OTHER_END = re.compile('[؟۔।॥።։។။]+["”’»)\\]]*(?=\\s)')
# A single letter with a full stop abbreviates a title or a name: د. أحمد
_LETTER_ALONE = re.compile('(?:^|[\\s(«"“])[\u0590-\u05ff\u0620-\u06ff\u0400-\u042f]\\.\\s*$')


@lru_cache(maxsize=2)  # keeps the document alive while its blocks are split
def is_german(text: str) -> bool:
    """Whether a document has more of the commonest German words than of the commonest English ones."""
    sample = text[:_LANGUAGE_SAMPLE]
    german = sum(1 for _ in _GERMAN_WORDS.finditer(sample))
    return german > 0 and german > sum(1 for _ in _ENGLISH_WORDS.finditer(sample))


def further_ends(source: str, start: int, end: int) -> Iterator[int]:
    """Positions within source[start:end] at which a sentence of another script ends, ascending by kind of mark."""
    yield from (match.end() for match in _OTHER_END.finditer(source, start, end))
    yield from cjk_ends(source, start, end)


def goes_on(before: str, after: str, language: str) -> bool:
    """Whether a sentence goes on although `before` ends with a full stop; `after` is what follows it."""
    if _DAY.search(before) and _AFTER_DAY.match(after):
        return True
    if _LETTER_ALONE.search(before) or (_CJK_START.match(after) and _MARKER_IN_CJK.search(before)):
        return True
    if language in ("", "en"):
        return False
    if _NUMBER_ALONE.fullmatch(before) or _SMALL_LETTER.search(before) or is_abbreviated(before, after, language):
        return True
    if _INITIAL.search(before) and not _KIND.search(before) and after.lstrip()[:1].isupper():
        return True
    if language == "tr" and _TURKISH_ORDINAL.search(before) and after.lstrip()[:1].isalpha():
        return True
    return language == "de" and _ordinal_goes_on(before, after)


def _ordinal_goes_on(before: str, after: str) -> bool:
    if _DAY.search(before) and (_AFTER_DAY_IN_GERMAN.match(after) or _COUNTED.match(after)):
        return True
    return _ORDINAL.search(before) is not None
