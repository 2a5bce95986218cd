"""Which sentences are shown: the lead, a few more, and the rest on request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rag.answering.arrangement import Choice, in_order, with_context, with_relations
from rag.answering.comparisons import Compared, sides
from rag.answering.disagreement import with_disagreeing
from rag.answering.enumerations import Enumeration
from rag.answering.question_forms import asks_for_one, thing_explained
from rag.answering.sameness import agree, says_the_same
from rag.answering.surroundings import Place, leads_in, place_of
from rag.answering.whole_lists import asked_whole
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.text.terms import terms

# Chosen on development questions: benchmarks/README.md.
ENOUGH = 0.85  # share of the total score at which the sentences shown suffice if a single fact is asked for
FLOOR = 0.3  # share of the best score; sentences below add more noise than answer
EMPHASISED = 0.5  # score from which an answer phrase is emphasised: more probably right than wrong
# Limits that keep answers readable.
LONGEST_LIST = 30  # members shown, and as many on request
MOST_MORE = 8  # sentences shown on request, besides the rest of a list


@dataclass(frozen=True, slots=True)
class Selection:
    """The sentences shown, in order, and those shown on request.

    `cut` is (members shown, members in all) of a list that is not shown whole. `missing` are the things to be compared about
    which there is no sentence.
    """

    shown: tuple[Choice, ...]
    more: tuple[Choice, ...] = ()
    cut: tuple[int, int] | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is quoted together: a sentence, an enumeration of which `rest` is beyond the limit, or two things compared."""

    sentences: tuple[ScoredSentence, ...]
    rest: tuple[ScoredSentence, ...] = ()


def choose(query: str, scored: Sequence[ScoredSentence], index: Index, limit: int, compared: Compared | None = None) -> Selection:
    """The best sentence first, or the list or the comparison that it belongs to, and up to `limit` - 1 others.

    `scored` must not be empty. Context and contradicting sentences come on top. Sentences that say the same are shown once.
    """
    ranked = sorted(scored, key=lambda s: (-s.score, *place_of(s)))
    single = asks_for_one(query)
    good, spare = _good(_on_the_thing_explained(query, ranked) if single else ranked, single=single)
    units = _units(query, good, ranked, index)
    pair, missing = _side_by_side(compared, ranked, index)
    if compared and pair:
        units = [_Unit(pair), *(unit for unit in units if compared.is_about_one(unit.sentences[0], index))]
    lead, others = units[0], _further(units, limit + 1 - len(pair) if pair else limit)
    shown = in_order(lead.sentences, [sentence for unit in others for sentence in unit.sentences])
    shown = with_disagreeing(shown, ranked, index)
    emphasised = {place_of(s) for s in shown if single and (s is ranked[0] or s.score >= EMPHASISED)}
    choices = with_context(with_relations(shown, ranked, emphasised, index), index)
    left = [unit.sentences[0] for unit in units[1:] if unit not in others] + spare
    rest = [sentence for unit in (lead, *others) for sentence in unit.rest]
    more = _more([*rest[:LONGEST_LIST], *left[:MOST_MORE]], choices)
    cut = (LONGEST_LIST, LONGEST_LIST + len(rest)) if rest else None
    return Selection(tuple(choices), tuple(with_relations(more, (), (), index)), cut, missing)


def _on_the_thing_explained(query: str, ranked: Sequence[ScoredSentence]) -> Sequence[ScoredSentence]:
    """If the meaning of a word is asked for and the best sentence has it, only the sentences that have it, or whose headings do:
    the next entry of a glossary explains another word.
    """
    words = set(terms(thing_explained(query) or ""))
    if not words:
        return ranked

    def names_it(sentence: ScoredSentence) -> bool:
        return words <= set(terms(f"{sentence.passage.context}\n{sentence.text}"))

    return [sentence for sentence in ranked if names_it(sentence)] if names_it(ranked[0]) else ranked


def _good(ranked: Sequence[ScoredSentence], *, single: bool) -> tuple[list[ScoredSentence], list[ScoredSentence]]:
    """The sentences good enough to be shown, best first, and those to spare: if a single fact is asked for, the ones that
    come after it is told. Of sentences that say the same, the best.
    """
    total = sum(s.score for s in ranked) or 1.0
    floor = ranked[0].score * FLOOR
    good: list[ScoredSentence] = []
    spare: list[ScoredSentence] = []
    covered = 0.0
    for sentence in ranked:
        if sentence.score < floor:
            break
        if not any(says_the_same(sentence.text, other.text) for other in (*good, *spare)):
            redundant = single and (covered >= ENOUGH * total or any(agree(sentence, other) for other in good))
            (spare if redundant else good).append(sentence)
        covered += sentence.score
    return good, spare


def _units(query: str, good: Sequence[ScoredSentence], ranked: Sequence[ScoredSentence], index: Index) -> list[_Unit]:
    """Each sentence, or the enumeration to be quoted instead; without sentences that an earlier unit has."""
    by_place = {place_of(sentence): sentence for sentence in ranked}
    scores = {place: sentence.score for place, sentence in by_place.items()}
    units: list[_Unit] = []
    covered: set[Place] = set()
    for sentence in good:
        if place_of(sentence) in covered:
            continue
        enumeration = asked_whole(sentence, query, scores, index, lead=not units)
        units.append(_enumerated(enumeration, sentence, by_place) if enumeration else _Unit((sentence,)))
        covered |= enumeration.places if enumeration else {place_of(sentence)}
    return units


def _further(units: Sequence[_Unit], limit: int) -> list[_Unit]:
    """The units after the lead, at most `limit` with it; only one of all is an enumeration."""
    further: list[_Unit] = []
    listed = len(units[0].sentences) > 1
    for unit in units[1:]:
        if len(further) + 1 < limit and not (listed and len(unit.sentences) > 1):
            further.append(unit)
            listed |= len(unit.sentences) > 1
    return further


def _enumerated(enumeration: Enumeration, chosen: ScoredSentence, by_place: Mapping[Place, ScoredSentence]) -> _Unit:
    """The announcement and the members, with the reader's scores. A lead-in is only context, unless it was chosen itself."""
    announcement = enumeration.announcement
    is_context = announcement is None or (leads_in(announcement) and place_of(announcement) != place_of(chosen))
    sentences = enumeration.members if is_context else enumeration.sentences
    scored = tuple(by_place.get(place_of(sentence), sentence) for sentence in sentences)
    longest = LONGEST_LIST + len(sentences) - len(enumeration.members)
    return _Unit(scored[:longest], scored[longest:])


def _side_by_side(
    compared: Compared | None, ranked: Sequence[ScoredSentence], index: Index
) -> tuple[tuple[ScoredSentence, ...], tuple[str, ...]]:
    """A sentence about each thing compared, in the order asked, if there are both; else the names of the things without one."""
    if compared is None:
        return (), ()
    about = sides(compared, ranked, index)
    if all(about):
        return tuple(dict.fromkeys(side for side in about if side)), ()
    unknown = [not any(map(index.has, key)) for key in compared.keys]
    lacking = [side is None and (len(key) == 1 or new) for side, key, new in zip(about, compared.keys, unknown, strict=True)]
    return (), tuple(name for name, lacks in zip(compared.names, lacking, strict=True) if lacks and compared.stated)


def _more(sentences: Sequence[ScoredSentence], shown: Sequence[Choice]) -> list[ScoredSentence]:
    """Those that are not shown yet, nor say the same as one that is."""
    places = {choice.place for choice in shown}
    texts = [choice.scored.text for choice in shown]
    return [
        sentence
        for sentence in {place_of(s): s for s in sentences}.values()
        if place_of(sentence) not in places and not any(says_the_same(sentence.text, text) for text in texts)
    ]
