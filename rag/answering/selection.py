"""Which sentences are shown: as many as the question needs, lists whole, what they lean on, and what agrees or differs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Passage, Span
from rag.text.terms import terms

ENOUGH = 0.85  # of the chances of all sentences: where one fact is asked for, those shown need not hold more
ONE_FLOOR, SEVERAL_FLOOR = 0.35, 0.5  # of the best sentence's chance: a further sentence below this is more noise than answer
LONGEST_LIST = 30
LONGEST_CONTEXT = 2  # sentences brought along before one that leans on them
LIKE = 0.8  # of the terms of two sentences: from here they say nearly the same
_LEANS = re.compile(
    r"(?:this|these|those|that|it|its|they|their|them|he|she|his|her|such|both|the (?:former|latter|same)|however|moreover"
    r"|furthermore|therefore|thus|hence|consequently|similarly|likewise|instead|nevertheless|then|in (?:addition|contrast)"
    r"|as a result|for (?:example|instance)|but|and|or|so|another|other|one (?:such|of (?:these|them)))\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"\b(?:what (?:\w+ ){0,2}?(?:are|were)|which (?:\w+ ){0,2}?are|causes?|symptoms?|signs?|types|kinds|forms|steps|stages|phases"
    r"|list|name the|ways|reasons|options|treatments?|complications|effects|differences?|differs?|compare[ds]?|versus|vs"
    r"|how (?:do|does|can|is|are|to)"
    r"|why|explain|describe|advantages|benefits|risks|factors|requirements|examples|uses|functions|features|criteria)\b",
    re.IGNORECASE,
)
_ONE = re.compile(
    r"\b(?:who|whom|whose|when|where|how (?:many|much|long|fast|far|old|often|big|tall|high|large|soon|deep|wide|late|early)"
    r"|(?:what|which) (?:year|day|date|time|number|percentage|share|age|dose))\b",
    re.IGNORECASE,
)
# Words that turn what is said: numbers and negations, of which sources are said to differ; others keep sentences apart.
_NUMBER_OR_NEGATION = re.compile(
    r"\d|^(?:not?|nor|never|neither|none|without|cannot|.*n['’]?t|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|half|twice|double|thrice)$"
)
_TURNING = re.compile(
    r"^(?:before|after|until|since|from|to|may|might|should|could|must|all|some|any|most|more|less|only|if|than|but)$"
)
_WORD = re.compile(r"\w+(?:['’.,]\w+)*")


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence that will be shown. `also` say the same elsewhere; `differs` are places of other choices."""

    scored: ScoredSentence
    context: bool = False
    emphasised: bool = False
    also: tuple[ScoredSentence, ...] = ()
    differs: tuple[tuple[str, Span], ...] = ()

    @property
    def place(self) -> tuple[str, Span]:
        return place_of(self.scored)


def place_of(scored: ScoredSentence) -> tuple[str, Span]:
    return scored.passage.document_id, scored.sentence.span


def asks_for_one(query: str) -> bool:
    """Whether a single fact is asked for: who, when, how many; not causes, steps, reasons."""
    return bool(_ONE.search(query)) or not _SEVERAL.search(query)


def choose(query: str, scored: Sequence[ScoredSentence], index: Index, most: int) -> list[Choice]:
    """Best first, then by document, in the document's order; each with the context that it leans on. `scored` may not be empty.

    `most` limits the sentences that are chosen; what belongs to them (a whole list, context, a differing source) comes besides.
    """
    ranked = sorted(scored, key=lambda s: (-s.score, *place_of(s)))
    one_fact = asks_for_one(query)
    chosen = _best(ranked, one=one_fact, most=most)
    chosen = [*chosen, *(other for one in chosen for other in _disputing(one, ranked) if other not in chosen)]
    if not one_fact:
        chosen = [member for one in chosen for member in _whole_list(one, index)]
    choices = [_with_relations(one, chosen, ranked, emphasised=one_fact) for one in _distinct(chosen)]
    return _with_context(_in_order(choices), index)


def _best(ranked: Sequence[ScoredSentence], *, one: bool, most: int) -> list[ScoredSentence]:
    total = sum(s.score for s in ranked) or 1.0
    floor = ranked[0].score * (ONE_FLOOR if one else SEVERAL_FLOOR)
    chosen: list[ScoredSentence] = []
    held = 0.0
    for candidate in ranked:
        if len(chosen) == most or candidate.score < floor or (one and held >= ENOUGH * total):
            break
        held += candidate.score
        if not any(says_the_same(candidate.text, other.text) or (one and agree(candidate, other)) for other in chosen):
            chosen.append(candidate)
    return chosen


def agree(one: ScoredSentence, other: ScoredSentence) -> bool:
    """Whether one's answer phrase is in the other's: "about 1 mm" in "about 1 mm a day"; false where either has none."""
    first, second = (set(terms(s.phrase or "")) for s in (one, other))
    return bool(first and second) and (first <= second or second <= first)


def says_the_same(one: str, other: str) -> bool:
    """Whether nearly the same words stand in both, one only adding to the other.

    Never where a number, a negation or another word that turns the sense is added, or a word stands for another: 5 mg is not
    50 mg, "did" not "did not", "before" not "after", "increased" not "decreased".
    """
    (first, words), (second, other_words) = _said(one), _said(other)
    if not first or not second:
        return one == other
    apart = words ^ other_words
    if (first - second and second - first) or any(_NUMBER_OR_NEGATION.search(w) or _TURNING.match(w) for w in apart):
        return False
    return len(first & second) >= LIKE * len(first | second)


def differs(one: str, other: str) -> bool:
    """Whether nearly the same words stand in both, but for a number or a negation."""
    (first, words), (second, other_words) = _said(one), _said(other)
    if len(first ^ second) > len(first & second):
        return False
    apart = {word for word in words ^ other_words if _NUMBER_OR_NEGATION.search(word)}
    telling = set(terms(" ".join(sorted(apart))))
    first, second = first - telling, second - telling
    return bool(apart) and len(first) > 2 and len(first & second) >= LIKE * len(first | second)


@lru_cache(maxsize=2**12)
def _said(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Its terms, and all its words as they stand."""
    return frozenset(terms(text)), frozenset(_WORD.findall(text.casefold()))


def _disputing(chosen: ScoredSentence, ranked: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    return [other for other in ranked if other is not chosen and differs(chosen.text, other.text)]


def _with_relations(
    one: ScoredSentence, chosen: Sequence[ScoredSentence], ranked: Sequence[ScoredSentence], *, emphasised: bool
) -> Choice:
    floor = ranked[0].score * ONE_FLOOR
    also = [
        s
        for s in ranked
        if place_of(s) != place_of(one)
        and s not in chosen
        and (says_the_same(one.text, s.text) or (emphasised and s.score >= floor and agree(one, s)))
    ]
    disputed = tuple(place_of(other) for other in chosen if differs(one.text, other.text))
    return Choice(one, emphasised=emphasised and (one is chosen[0] or one.score >= 0.5), also=tuple(also), differs=disputed)


def _distinct(chosen: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    return list({place_of(one): one for one in chosen}.values())


def _in_order(choices: Sequence[Choice]) -> list[Choice]:
    documents = list(dict.fromkeys(choice.scored.passage.document_id for choice in choices))
    rest = sorted(choices[1:], key=lambda c: (documents.index(c.scored.passage.document_id), c.scored.sentence.span))
    first = choices[0]
    if first.scored.sentence.kind == "item":  # a list is told from its beginning
        return sorted(choices, key=lambda c: (documents.index(c.scored.passage.document_id), c.scored.sentence.span))
    return [first, *rest]


def _whole_list(one: ScoredSentence, index: Index) -> list[ScoredSentence]:
    """The item with all others of its list, in order, where that is not too long; any other sentence by itself.

    A sentence that ends in a colon brings the list that it announces.
    """
    if one.sentence.kind == "item":
        before = list(_run_of_items(one, index, -1))[::-1]
        members = [*before, one, *_run_of_items(one, index, 1)]
    elif one.text.rstrip().endswith(":"):
        members = [one, *_run_of_items(one, index, 1)]
    else:
        return [one]
    return members if len(members) <= LONGEST_LIST else [one]


def _run_of_items(one: ScoredSentence, index: Index, step: int) -> Iterator[ScoredSentence]:
    for near in _walk(one, index, step):
        if near.sentence.kind != "item":
            return
        yield near


def _walk(one: ScoredSentence, index: Index, step: int) -> Iterator[ScoredSentence]:
    """The sentences after (step 1) or before (-1) one under the same headings, the nearest first, none of them scored."""
    passage: Passage | None = one.passage
    number = one.number
    while passage is not None:
        number += step
        if not 0 <= number < len(passage.sentences):
            near = index.passage_before(passage) if step < 0 else index.passage_after(passage)
            if near is None or near.headings != passage.headings:
                return
            passage, number = near, (len(near.sentences) if step < 0 else -1)
            continue
        yield ScoredSentence(passage, number, 0.0)


def _with_context(choices: Sequence[Choice], index: Index) -> list[Choice]:
    """Nothing is shown twice; what was chosen and is context as well keeps its first place."""
    shown: dict[tuple[str, Span], Choice] = {}
    for choice in choices:
        for one in [*_leading_context(choice.scored, index), choice]:
            if one.place not in shown or not one.context:
                shown[one.place] = one
    return list(shown.values())


def _leading_context(one: ScoredSentence, index: Index) -> list[Choice]:
    """What a sentence is not understood without: that on which it leans, the head of its table, what announces its list."""
    if one.sentence.kind == "table":
        rows = (near for near in _walk(one, index, -1) if near.sentence.kind == "table" and near.sentence.level)
        head = next(rows, None)
        return [Choice(head, context=True)] if head and _same_table(head, one, index) else []
    if one.sentence.kind == "item":
        lead = next((near for near in _walk(one, index, -1) if near.sentence.kind != "item"), None)
        return [Choice(lead, context=True)] if lead and lead.text.rstrip().endswith(":") and lead.sentence.quotable else []
    context: list[Choice] = []
    current = one
    while len(context) < LONGEST_CONTEXT and _LEANS.match(current.text.lstrip("\"'“‘([")):
        near = next(_walk(current, index, -1), None)
        if near is None or not near.sentence.quotable:
            break
        context.insert(0, Choice(near, context=True))
        current = near
    return context


def _same_table(head: ScoredSentence, row: ScoredSentence, index: Index) -> bool:
    """Whether only rows stand between."""
    for near in _walk(row, index, -1):
        if place_of(near) == place_of(head):
            return True
        if near.sentence.kind != "table":
            return False
    return False
