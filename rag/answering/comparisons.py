"""Questions that compare two things, and the sentence that says most about each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.named_things import log_odds
from rag.answering.surroundings import leading_context
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Hit
from rag.text.analyses import STOPWORDS
from rag.text.leaning import leans_on_previous
from rag.text.table_cells import cells
from rag.text.terms import terms

SUBJECT = 3  # first words of a sentence that name what it is about
MOST = 2 / 3  # share of a name's terms that a text must have; people abbreviate long names
LEAST, LEAST_UNSTATED = 0.005, 0.2  # share of the best score that a sentence about one of the things must have
PARALLEL = 2.0  # log odds by which a pair of neighbouring rows, items or sentences gains
MOST_CONSIDERED = 20  # sentences about each thing
ABOUT = 3.0  # log odds by which a sentence gains if the thing is its subject or the innermost heading
_END = (
    r"(?:\s+(?:in|with regard to|regarding|when it comes to|as to|for|on|at|after|before|during|under|without)\b[^?]*)?"
    r"\s*[?.!]*\s*$"
)
_VERSUS = r"(?:vs?\.?|versus|compared\s+(?:to|with)|as\s+opposed\s+to)"
_STATED = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\bdifferen(?:ces?|t)\b.*?\b(?:between|of)\s+(?P<first>.+?)\s+(?:and|from|to|or|{_VERSUS})\s+(?P<second>.+?){_END}",
        rf"\b(?:compare[sd]?|comparison\s+(?:of|between)|contrast|distinguish(?:es)?)\s+(?P<first>.+?)"
        rf"\s+(?:and|with|to|from|against|{_VERSUS})\s+(?P<second>.+?){_END}",
        rf"^(?:.*?:\s*)?(?P<first>.+?)\s+{_VERSUS}\s+(?P<second>.+?){_END}",
        rf"\b(?:how|in\s+what\s+\w+)\s+(?:do|does|is|are)\s+(?P<first>.+?)\s+(?:differ(?:ent)?|distinguished|told\s+apart)\s+from\s+(?P<second>.+?){_END}",
        r"\b(?:how|in\s+what\s+\w+)\s+(?:do|are)\s+(?P<first>.+?)\s+and\s+(?P<second>.+?)\s+(?:differ(?:ent)?|compare|distinguished|told\s+apart)\b",
        rf"\b(?:is|are)\s+(?P<first>.+?)\s+(?:the\s+same\s+(?:thing\s+)?as|different\s+from|identical\s+(?:to|with))"
        rf"\s+(?P<second>.+?){_END}",
    )
]
_OR = re.compile(r"^(?P<first>.+?)\s+or\s+(?P<second>.+)$", re.IGNORECASE)
_THAN = re.compile(r"^(?P<first>.+?)\s+(?:more|less|fewer|better|worse|\w+er)\b.*?\bthan\s+(?P<second>.+)$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_BREAK = re.compile(r"[,:;]\s*")
_ABBREVIATION = re.compile(r"[^.(|]{1,60}\(([\w-]+)\)")
_DIGITS = {stem: str(n) for n, stem in enumerate(terms("first second third fourth fifth sixth seventh eighth ninth"), start=1)}
_ARTICLES = re.compile(r"^(?:(?:the|a|an|my|your|our|its|their|both|between|of)\s+)+", re.IGNORECASE)


@dataclass(frozen=True)
class Compared:
    """Two things in the order asked, as typed, with the terms that tell each from the other.

    `stated` is True if the question says that it compares; "A or B" may also ask for one of two possibilities.
    """

    names: tuple[str, str]
    keys: tuple[frozenset[str], frozenset[str]]
    stated: bool

    def holds(self, side: int, text_terms: set[str] | frozenset[str]) -> bool:
        """Whether most of the terms are in a text: all of one or two, two of three. "The third stage" is stage 3."""
        key = self.keys[side]
        text_terms = text_terms | {_DIGITS[term] for term in _DIGITS.keys() & text_terms}
        return len(key & text_terms) >= MOST * len(key)

    def holds_both(self, text: str) -> bool:
        return all(self.holds(side, set(terms(text))) for side in (0, 1))

    def about(self, side: int, sentence: ScoredSentence, index: Index) -> float | None:
        """The log odds that a sentence gains by being about the thing, or loses by being about the other; None if it lacks it."""
        other = 1 - side
        subject = set(terms(_subject(sentence)))
        heading = set(terms(sentence.passage.headings[-1] if sentence.passage.headings else sentence.passage.context))
        text = set(terms(sentence.text))
        whole = text | set(terms(" ".join(context.text for context in leading_context(sentence, index))))
        if self.holds(side, subject):
            return 0.0 if self.holds(other, subject) else ABOUT
        if self.holds(side, heading) and not self.holds(other, heading | text):
            return 0.0 if leans_on_previous(sentence.text) else ABOUT
        if self.holds(side, text):
            return -ABOUT if self.holds(other, subject) else 0.0
        return 0.0 if self.holds(side, whole) and not self.holds(other, whole) else None

    def is_about_one(self, sentence: ScoredSentence, index: Index) -> bool:
        """Whether one of the things is the subject of a sentence, or both are in it."""
        return self.holds_both(sentence.text) or ABOUT in (self.about(0, sentence, index), self.about(1, sentence, index))


def things_compared(query: str) -> Compared | None:
    """None if the query compares nothing, or no word tells the things from each other."""
    for pattern in _STATED:
        if match := pattern.search(query):
            return _compared(_named(match["first"]), _named(match["second"]), stated=True)
    if match := _OR.match(query.strip(" ?.!")):
        return _compared(" ".join(_last_words(match["first"])), _name_after(match["second"], match["first"]), stated=False)
    if match := _THAN.match(query.strip(" ?.!")):
        second = _name_after(match["second"], match["first"])
        return _compared(_name_before(match["first"], second), second, stated=False)
    return None


def _compared(first: str, second: str, *, stated: bool) -> Compared | None:
    # "stage 1 and stage 3 of denervation": the last words belong to both.
    own = second if " of " in first else second.split(" of ")[0]
    terms_1, terms_2 = frozenset(terms(first)), frozenset(terms(own))
    shared = terms_1 & terms_2
    # "acute or chronic denervation": the second name holds what both are.
    key_1, key_2 = terms_1 - shared, terms_2 - shared
    if not key_1 or not key_2:
        return None
    if not shared and len(_content(first)) == 1 and len(_content(own)) == 2 and not _capital(_content(own)[1]):
        key_2 = frozenset(terms(_content(own)[0])) or key_2
    return Compared((first, second), (key_1, key_2), stated)


def _named(phrase: str) -> str:
    return _ARTICLES.sub("", phrase.strip(" ,;:?.!\"'“”"))


def _content(phrase: str) -> list[str]:
    return [word for word in _WORD.findall(phrase) if word.lower() not in STOPWORDS]


def _capital(word: str) -> bool:
    return word[0].isupper() or any(character.isdigit() for character in word)


def _last_words(before: str) -> list[str]:
    """The words of the name at the end: at most two, back to an article, a stop word or a comma."""
    name: list[str] = []
    for word in reversed(_WORD.findall(_BREAK.split(before)[-1])):
        if word.lower() in STOPWORDS or len(name) == SUBJECT - 1:
            break
        name.insert(0, word)
    return name


def _name_after(after: str, before: str) -> str:
    """The name at the start: its first word, and the following up to one that occurs before too ("green tea or black tea")."""
    words = _content(_BREAK.split(after)[0])
    known = set(terms(before))
    common = next((n for n, word in enumerate(words[1:SUBJECT], start=1) if known & set(terms(word))), 0)
    return " ".join(words[: common + 1])


def _name_before(before: str, second: str) -> str:
    """The name in "Does the P35 lift more than": the word before one that both share, else the first name or content word."""
    words, shared = _content(before), set(terms(second))
    common = next((n for n, word in enumerate(words) if n and shared & set(terms(word))), None)
    if common is not None:
        return f"{words[common - 1]} {words[common]}"
    named = [word for word in words[1:] if _capital(word)]
    return (named or words or [""])[0]


def hits_on(compared: Compared, hits: Sequence[Hit], read: int) -> list[Hit]:
    """The first `read` hits, and of the others the first on each thing that none of those names."""
    chosen = list(hits[:read])
    for side in (0, 1):
        naming = (h for h in hits if compared.holds(side, set(terms(f"{h.passage.context}\n{h.passage.text}"))))
        first = next(naming, None)
        if first is not None and first not in chosen:
            chosen.append(first)
    return chosen


def sides(compared: Compared, ranked: Sequence[ScoredSentence], index: Index) -> list[ScoredSentence | None]:
    """The sentence that says most about each thing, in the order asked; None for a thing that none is about.

    If the best sentence is about both, it stands for both. Two rows of a table, or two sentences of one section, are preferred.
    """
    if ranked[0].sentence.kind != "table" and compared.holds_both(ranked[0].text):
        return [ranked[0], ranked[0]]
    first, second = (_about_each(side, compared, ranked, index)[:MOST_CONSIDERED] for side in (0, 1))
    if not first or not second:
        return [first[0][1] if first else None, second[0][1] if second else None]
    pairs = [(w1 + w2 + _parallel(s1, s2), s1, s2) for w1, s1 in first for w2, s2 in second if s1 is not s2]
    return list(max(pairs, key=lambda pair: pair[0])[1:]) if pairs else [first[0][1], None]  # ties: the better ranked


def _about_each(
    side: int, compared: Compared, ranked: Sequence[ScoredSentence], index: Index
) -> list[tuple[float, ScoredSentence]]:
    """The sentences about one thing with the log odds that they say most about it, best first."""
    about = []
    for sentence in ranked:
        gain = compared.about(side, sentence, index)
        floor = LEAST if gain == ABOUT or compared.stated else LEAST_UNSTATED
        if gain is not None and sentence.score >= floor * ranked[0].score:
            about.append((log_odds(sentence.score) + gain, sentence))
    return sorted(about, key=lambda pair: -pair[0])


def _parallel(first: ScoredSentence, second: ScoredSentence) -> float:
    """The log odds that a pair gains because its sentences stand side by side, as two rows of a table do."""
    same_section = first.passage.document_id == second.passage.document_id and first.passage.headings == second.passage.headings
    return PARALLEL if same_section and first.sentence.kind == second.sentence.kind else 0.0


def _subject(sentence: ScoredSentence) -> str:
    """What a sentence is about: the first cell of a row, else its first words, with an abbreviation in brackets after them."""
    text = sentence.text
    if sentence.sentence.kind == "table":
        return cells(text)[0].of(text)
    words = _WORD.findall(text)[:SUBJECT]
    abbreviation = _ABBREVIATION.match(text)
    return " ".join([*words, *(abbreviation.groups() if abbreviation else ())])
