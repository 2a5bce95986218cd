"""Which sentences are shown: as many as the question needs, whole lists, necessary context, and what agrees or contradicts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Passage, Span
from rag.text.terms import terms

# Chosen on development questions: benchmarks/README.md.
ENOUGH = 0.85  # share of the total score at which the sentences shown suffice if a single fact is asked for
SINGLE_FLOOR, SEVERAL_FLOOR = 0.35, 0.5  # share of the best sentence's score; sentences below add more noise than answer
ALIKE = 0.8  # share of common terms from which two sentences say nearly the same
EMPHASISED = 0.5  # score from which an answer phrase is emphasised: more probably right than wrong
# Limits that keep answers readable.
LONGEST_LIST = 30  # items; longer lists are not quoted whole
LONGEST_CONTEXT = 2  # sentences of context before a dependent one
SENTENCES_REMEMBERED = 2**12  # in the cache of word sets: some MB
_DEPENDENT = re.compile(
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
_SINGLE = re.compile(
    r"\b(?:who|whom|whose|when|where|how (?:many|much|long|fast|far|old|often|big|tall|high|large|soon|deep|wide|late|early)"
    r"|(?:what|which) (?:year|day|date|time|number|percentage|share|age|dose))\b",
    re.IGNORECASE,
)
# Words that change the meaning. Numbers and negations make two sentences contradict; the others only keep them apart.
_NUMBER_OR_NEGATION = re.compile(
    r"\d|^(?:not?|nor|never|neither|none|without|cannot|.*n['’]?t|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|half|twice|double|thrice)$"
)
_QUALIFIER = re.compile(
    r"^(?:before|after|until|since|from|to|may|might|should|could|must|all|some|any|most|more|less|only|if|than|but)$"
)
_WORD = re.compile(r"\w+(?:['’.,]\w+)*")


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence to be shown. `also` are sentences elsewhere that say the same; `differs` are places of contradicting choices."""

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
    """Whether a single fact is asked for, such as who, when or how many, rather than causes, steps or reasons."""
    return bool(_SINGLE.search(query)) or not _SEVERAL.search(query)


def choose(query: str, scored: Sequence[ScoredSentence], index: Index, limit: int) -> list[Choice]:
    """The best sentence first, the others by document and position, each after its context. `scored` must not be empty.

    `limit` bounds the sentences chosen by score; the rest of a list, context and contradicting sentences come on top.
    """
    ranked = sorted(scored, key=lambda s: (-s.score, *place_of(s)))
    single = asks_for_one(query)
    chosen = _best(ranked, single=single, limit=limit)
    chosen = [*chosen, *(other for sentence in chosen for other in _contradicting(sentence, ranked) if other not in chosen)]
    if not single:
        chosen = [member for sentence in chosen for member in _whole_list(sentence, index)]
    choices = [_with_relations(sentence, chosen, ranked, emphasised=single) for sentence in _distinct(chosen)]
    return _with_context(_in_order(choices), index)


def _best(ranked: Sequence[ScoredSentence], *, single: bool, limit: int) -> list[ScoredSentence]:
    total = sum(s.score for s in ranked) or 1.0
    floor = ranked[0].score * (SINGLE_FLOOR if single else SEVERAL_FLOOR)
    chosen: list[ScoredSentence] = []
    covered = 0.0
    for candidate in ranked:
        if len(chosen) == limit or candidate.score < floor or (single and covered >= ENOUGH * total):
            break
        covered += candidate.score
        if not any(says_the_same(candidate.text, other.text) or (single and agree(candidate, other)) for other in chosen):
            chosen.append(candidate)
    return chosen


def agree(first: ScoredSentence, second: ScoredSentence) -> bool:
    """Whether one answer phrase contains the other: "about 1 mm", "about 1 mm a day". False if either has none."""
    terms_1, terms_2 = (set(terms(s.phrase or "")) for s in (first, second))
    return bool(terms_1 and terms_2) and (terms_1 <= terms_2 or terms_2 <= terms_1)


def says_the_same(first: str, second: str) -> bool:
    """Whether two sentences have nearly the same words, one only adding to the other.

    False if a number, a negation or a qualifier is added, or one word replaces another: 5 mg is not 50 mg, "did" not
    "did not", "before" not "after", "increased" not "decreased".
    """
    (terms_1, words_1), (terms_2, words_2) = _terms_and_words(first), _terms_and_words(second)
    if not terms_1 or not terms_2:
        return first == second
    replaced = terms_1 - terms_2 and terms_2 - terms_1
    if replaced or any(_NUMBER_OR_NEGATION.search(word) or _QUALIFIER.match(word) for word in words_1 ^ words_2):
        return False
    return len(terms_1 & terms_2) >= ALIKE * len(terms_1 | terms_2)


def differs(first: str, second: str) -> bool:
    """Whether two sentences have nearly the same words except for a number or a negation."""
    (terms_1, words_1), (terms_2, words_2) = _terms_and_words(first), _terms_and_words(second)
    if len(terms_1 ^ terms_2) > len(terms_1 & terms_2):
        return False
    deciding = {word for word in words_1 ^ words_2 if _NUMBER_OR_NEGATION.search(word)}
    deciding_terms = set(terms(" ".join(sorted(deciding))))
    rest_1, rest_2 = terms_1 - deciding_terms, terms_2 - deciding_terms
    return bool(deciding) and len(rest_1) > 2 and len(rest_1 & rest_2) >= ALIKE * len(rest_1 | rest_2)


@lru_cache(maxsize=SENTENCES_REMEMBERED)
def _terms_and_words(text: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(terms(text)), frozenset(_WORD.findall(text.casefold()))


def _contradicting(chosen: ScoredSentence, ranked: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    return [other for other in ranked if other is not chosen and differs(chosen.text, other.text)]


def _with_relations(
    sentence: ScoredSentence, chosen: Sequence[ScoredSentence], ranked: Sequence[ScoredSentence], *, emphasised: bool
) -> Choice:
    floor = ranked[0].score * SINGLE_FLOOR
    also = tuple(
        other
        for other in ranked
        if place_of(other) != place_of(sentence)
        and other not in chosen
        and (says_the_same(sentence.text, other.text) or (emphasised and other.score >= floor and agree(sentence, other)))
    )
    contradicting = tuple(place_of(other) for other in chosen if differs(sentence.text, other.text))
    emphasised = emphasised and (sentence is chosen[0] or sentence.score >= EMPHASISED)
    return Choice(sentence, emphasised=emphasised, also=also, differs=contradicting)


def _distinct(chosen: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    return list({place_of(sentence): sentence for sentence in chosen}.values())


def _in_order(choices: Sequence[Choice]) -> list[Choice]:
    documents = list(dict.fromkeys(choice.scored.passage.document_id for choice in choices))

    def position(choice: Choice) -> tuple[int, Span]:
        return documents.index(choice.scored.passage.document_id), choice.scored.sentence.span

    if choices[0].scored.sentence.kind == "item":  # a list is shown from its start
        return sorted(choices, key=position)
    return [choices[0], *sorted(choices[1:], key=position)]


def _whole_list(sentence: ScoredSentence, index: Index) -> list[ScoredSentence]:
    """For a list item all items of its list, in order; for a sentence that ends in a colon also the list it introduces.

    The sentence alone if it is neither, or if the list has over LONGEST_LIST items.
    """
    if sentence.sentence.kind == "item":
        before = list(_items(sentence, index, -1))[::-1]
        members = [*before, sentence, *_items(sentence, index, 1)]
    elif sentence.text.rstrip().endswith(":"):
        members = [sentence, *_items(sentence, index, 1)]
    else:
        return [sentence]
    return members if len(members) <= LONGEST_LIST else [sentence]


def _items(start: ScoredSentence, index: Index, step: int) -> Iterator[ScoredSentence]:
    """The list items that follow (step 1) or precede (-1) a sentence without a gap."""
    for near in _walk(start, index, step):
        if near.sentence.kind != "item":
            return
        yield near


def _walk(start: ScoredSentence, index: Index, step: int) -> Iterator[ScoredSentence]:
    """The sentences under the same headings after (step 1) or before (-1) `start`, nearest first, with score 0."""
    passage: Passage | None = start.passage
    number = start.number
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
    """Adds context, each place once. A choice that is also another's context stays where it first appears."""
    shown: dict[tuple[str, Span], Choice] = {}
    for choice in choices:
        for sentence in [*_leading_context(choice.scored, index), choice]:
            if sentence.place not in shown or not sentence.context:
                shown[sentence.place] = sentence
    return list(shown.values())


def _leading_context(sentence: ScoredSentence, index: Index) -> list[Choice]:
    """What a sentence cannot be understood without: sentences it refers to, its table's header, its list's introduction."""
    if sentence.sentence.kind == "table":
        headers = (near for near in _walk(sentence, index, -1) if near.sentence.kind == "table" and near.sentence.level)
        header = next(headers, None)
        return [Choice(header, context=True)] if header and _same_table(header, sentence, index) else []
    if sentence.sentence.kind == "item":
        lead = next((near for near in _walk(sentence, index, -1) if near.sentence.kind != "item"), None)
        return [Choice(lead, context=True)] if lead and lead.text.rstrip().endswith(":") and lead.sentence.quotable else []
    context: list[Choice] = []
    current = sentence
    while len(context) < LONGEST_CONTEXT and _DEPENDENT.match(current.text.lstrip("\"'“‘([")):
        near = next(_walk(current, index, -1), None)
        if near is None or not near.sentence.quotable:
            break
        context.insert(0, Choice(near, context=True))
        current = near
    return context


def _same_table(header: ScoredSentence, row: ScoredSentence, index: Index) -> bool:
    """Whether only table rows lie between the two."""
    for near in _walk(row, index, -1):
        if place_of(near) == place_of(header):
            return True
        if near.sentence.kind != "table":
            return False
    return False
