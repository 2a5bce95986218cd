"""Words of questions and tables in forms that can be compared: numbers, dates, part numbers, words for the same quantity."""

import re
from dataclasses import dataclass
from functools import lru_cache

from rag.text.analyses import STOPWORDS
from rag.text.terms import terms

CELLS_REMEMBERED = 2**14  # cells whose words are cached; a few MB
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH},? (\d{{4}})\b", re.IGNORECASE)
_MONTH_DAY = re.compile(rf"\b{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})\b", re.IGNORECASE)
_DOTTED_DATE = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{1,2})\.(\d{4})(?![\d.])")  # with dots the day comes first
_THOUSANDS = re.compile(r"(?<![\w.,])(\d{1,3}(?:([,'’ \u00a0\u202f])\d{3})(?:\2\d{3})*)(?!\d|,\d)")
_RANGE = re.compile(r"(?<=\d)\s?–\s?(?=\d)")
_ZEROS = re.compile(r"(?<![\w.])(\d+)(?:\.0+|(\.\d*[1-9])0+)(?![\w.])")
_PART_NUMBER = re.compile(r"\b([A-Za-z]{1,5})[-–/ ]?(\d[\w-]*)")
_LETTER = re.compile(r"(?<!\A)(?<![.?!] )(?<![\w'’])([A-Z])(?![\w'’])")  # "ward A", which is no article
_WORD = re.compile(r"[^\W_]+(?:['’.·–-](?=\w)[^\W_]+)*")

# Words by which questions and column names refer to the same quantity, a group to a line.
_SAME = """
price cost charge fee fare rate tariff expensive cheap amount pay paid
weight weigh heavy mass kg kilogram kilograms grams g t tonnes tons
length long m cm mm km
height high tall
width wide broad
depth deep deepest
speed fast quick velocity
age old
temperature hot cold warm degrees
duration long last lasts takes period time hours minutes
date when day deadline due
purchase purchased bought buy acquired
quantity count number qty stock units pieces
where room location located site address
person who name contact responsible owner head manager lead
phone telephone tel call extension
open opens opening hours
end ends close closes closing until finish expires expiry
start starts begin begins from
size big large
capacity hold holds seats seat
power watt watts kw
voltage volt volts
distance far km kilometres
litre litres liter liters l ml
minute minutes min
noise loud quiet db
percent percentage share
maker manufacturer make made brand producer supplier supplies
wage wages salary earn earns pay
population inhabitants people
area hectares
colour color
interval often frequency every
euro euros eur
dollar dollars usd
metre metres meter meters m
litre litres liter liters
teacher teaches taught instructor
author wrote written
"""
GROUPS = tuple(frozenset(terms(line)) | frozenset(line.split()) & STOPWORDS for line in _SAME.strip().split("\n"))

# What a question asks for without naming it, by the group that its columns belong to.
_CUES = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(terms(names)) or frozenset(names.split()))
    for pattern, names in (
        (r"\bhow much (?:is|are|was|were|did|do|does)\b|\bhow (?:expensive|cheap)\b", "price cost charge fee fare tariff"),
        (r"^when\b|\b(?:on|at|by) (?:what|which) (?:date|day|time)\b", "date day deadline due time hour year month"),
        (r"^where\b|\bin (?:what|which) place\b", "room location site address town city shelf"),
        (r"^who\b|\bby whom\b", "person name contact owner manager responsible teacher author doctor instructor"),
        (r"^how many\b", "number quantity count stock unit piece"),
        (r"\bwhat to do\b|\bwhat (?:should|must|can|shall) \w+ do\b", "do"),
        (r"^how long\b", "duration length period time"),
    )
)

# Words of questions that say nothing about which row or column is meant.
GENERIC = frozenset(
    terms(
        """keep kept find found use used list listed show shown give given record recorded state stated say said mention call
        called name named write put set store stored stand belong have need available current currently exactly exact according
        table sheet column row entry figure value document file list please tell know look lookup hold held locate located place
        placed sit say many much there one ones kind type data information read detail want say was assign assigned
        allocate allocated year make ask require required apply applied register registered concern work come go see get
        happen time level number big large came went got compare comparison difference differ versus vs
        recommend plan planned schedule scheduled"""
    )
)


_SIGNS = {"€": "euro", "$": "dollar", "%": "percent"}
_ORDINALS = ("first", "second", "third", "fourth")
_HALF = re.compile(rf"\b({'|'.join(_ORDINALS)}) (half|quarter)\b", re.IGNORECASE)
_SAYS_NOTHING = re.compile(r"\b(?:takes?|took|taking) place\b|\blooks? like\b|\bper\b", re.IGNORECASE)
_UNTIL_OPEN = re.compile(r"\b(?:until|till) (?:when|what time)\b(.*?)\bopen\b", re.IGNORECASE)  # asks when it closes


@dataclass(frozen=True)
class AskedWord:
    """A content word of a question with the forms in which a table may have it; `at` is its place among all words.

    `asks` says that it is part of the question word ("how long"): it may name a column, but no row has it.
    """

    text: str
    forms: frozenset[str]
    at: int
    asks: bool = False

    @property
    def is_name(self) -> bool:
        """Whether it has a digit or a capital letter after the first word, so that nothing else can stand for it."""
        return any(letter.isdigit() for letter in self.text) or (self.at > 0 and self.text[0].isupper())


@dataclass(frozen=True)
class Asked:
    """A question as words: its content words, and all words in order, lower case."""

    words: tuple[AskedWord, ...]
    all: tuple[str, ...]
    cues: frozenset[str]


def asked_words(query: str) -> Asked:
    """The content words of a question. "E 1042" is one word, and so is "14 March 2021"."""
    query = _HALF.sub(lambda m: f"{m[2][0].upper()}{_ORDINALS.index(m[1].lower()) + 1}", query)
    text = _joined(comparable(_SAYS_NOTHING.sub("", _UNTIL_OPEN.sub(r"when\1close", query))))
    numbered = [(match.group(), n) for n, match in enumerate(_WORD.finditer(text))]
    asks = {n + 1 for word, n in numbered if word.lower() == "how"}
    words = [AskedWord(word, forms, n, n in asks) for word, n in numbered if (forms := _forms(word, first=n == 0))]
    cues = frozenset().union(*(names for pattern, names in _CUES if pattern.search(query)))
    return Asked(tuple(words), tuple(word.lower() for word, _ in numbered), cues)


def name_words(name: str) -> frozenset[str]:
    """The words of a column's name, with a currency sign as a word: "Rent (€)" is in euros."""
    return words_of(name) | {word for sign, word in _SIGNS.items() if sign in name}


@lru_cache(maxsize=CELLS_REMEMBERED)
def words_of(text: str) -> frozenset[str]:
    """The words of a cell, column name or heading, in every form in which a question may have them."""
    text = comparable(text)
    letters = {letter.lower() for letter in _LETTER.findall(f" {text}")}
    compact = {f"{letters}{digits}".lower() for letters, digits in _PART_NUMBER.findall(text)}
    words = frozenset(terms(text)) or frozenset(text.lower().split())  # "What to do" has only stop words
    return words | letters | compact


def same_thing(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether a word of each names the same quantity, such as "weigh" and "weight"."""
    return any(first & group and second & group for group in GROUPS)


def lexical_forms(word: AskedWord) -> set[str]:
    """The terms by which lexical search has a word that is written differently in a document: 52300 as 52,300."""
    forms = set(word.forms)
    if match := re.fullmatch(r"([a-z]{1,5})(\d+)", word.text.lower()):
        forms |= {f"{match[1]}-{match[2]}", match[2]}
    elif re.fullmatch(r"\d{4,9}", word.text):
        forms |= {f"{int(word.text):,}".split(",")[-1]}
    return forms


def _forms(word: str, *, first: bool) -> frozenset[str]:
    if len(word) == 1 and word.isupper() and not first:
        return frozenset({word.lower()})
    forms = terms(word)
    return frozenset(forms[:1])


def comparable(text: str) -> str:
    """Dates as 2021-03-14; numbers without separators of thousands and zeros after the point."""
    text = _DAY_MONTH.sub(lambda m: _iso(m[3], _month(m[2]), m[1]), text)
    text = _MONTH_DAY.sub(lambda m: _iso(m[3], _month(m[1]), m[2]), text)
    text = _DOTTED_DATE.sub(lambda m: _iso(m[3], int(m[2]), m[1]), text)
    text = _RANGE.sub("-", text)
    text = _THOUSANDS.sub(lambda m: re.sub(r"\D", "", m[1]), text)
    return _ZEROS.sub(lambda m: m[1] + (m[2] or ""), text)


def _joined(text: str) -> str:
    """Part numbers as one word: "E 1042" -> "E1042"; only capitals, as "in 2024" is two words."""
    return re.sub(r"\b([A-Z]{1,5})[-–/ ](\d[\w-]*)\b", r"\1\2", text)


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _iso(year: str, month: int, day: str) -> str:
    return f"{year}-{month:02d}-{int(day):02d}"
