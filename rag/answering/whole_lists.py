"""Whether a list is quoted whole, or one of its items alone."""

from collections.abc import Mapping, Sequence

from rag.answering.enumerations import Enumeration, enumeration_with, number_asked, ordinal_at
from rag.answering.named_things import named_things
from rag.answering.question_forms import asks_for_one, names_one_fact
from rag.answering.surroundings import Place, leads_in, place_of
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.text.terms import terms

INTRODUCED = 0.5  # share of the query's idf in lead-in and headings from which a list is about the whole question
MEMBER_FLOOR = 0.35  # share of the candidate's score from which a further member answers too
HALF = 0.5


def asked_whole(
    candidate: ScoredSentence, query: str, scores: Mapping[Place, float], index: Index, *, lead: bool
) -> Enumeration | None:
    """The enumeration to quote instead of one of its sentences; None if the sentence is to be quoted alone.

    A sentence that announces brings what it announces, unless the question asks for one fact that it tells itself. A member
    brings the others if the question is about the list, and does not single the member out.
    """
    one_fact = names_one_fact(query)
    if one_fact and not leads_in(candidate):
        return None
    enumeration = enumeration_with(candidate, index)
    if enumeration is None:
        return None
    number = number_asked(query)
    numbered = [member for member in enumeration.members if number and ordinal_at(member.text, number)]
    if len(numbered) == 1:
        return Enumeration(None, (numbered[0],))
    if enumeration.announcement and place_of(candidate) == place_of(enumeration.announcement):
        return enumeration
    about = _introduction(enumeration)
    if _singled_out(candidate, enumeration, set(named_things(query, index)) - about, scores, index):
        return None
    answering = sum(scores.get(place_of(m), 0.0) >= MEMBER_FLOOR * candidate.score for m in enumeration.members)
    if answering >= HALF * len(enumeration.members):
        return enumeration
    asked = set(named_things(query, index))
    introduced = _weight(asked & about, index) >= INTRODUCED * _weight(asked, index)
    several = not asks_for_one(query)
    is_asked = introduced and (several or enumeration.announcement is not None)
    return enumeration if is_asked and (lead or (several and answering > 1)) else None


def _introduction(enumeration: Enumeration) -> set[str]:
    """The terms of the lead-in and of title and headings."""
    first = enumeration.members[0].passage
    announcement = enumeration.announcement.text if enumeration.announcement else ""
    return set(terms("\n".join([announcement, first.context, *first.headings])))


def _singled_out(
    candidate: ScoredSentence, enumeration: Enumeration, own: set[str], scores: Mapping[Place, float], index: Index
) -> bool:
    """Whether the query has words that the candidate has, and few other members, none of which answers nearly as well."""
    weights = [_weight(own & set(terms(member.text)), index) for member in enumeration.members]
    named = _weight(own & set(terms(candidate.text)), index)
    if not named or named < max(weights):
        return False
    rivals = [m for m, w in zip(enumeration.members, weights, strict=True) if place_of(m) != place_of(candidate) and w >= named]
    best_of_others = max((scores.get(place_of(m), 0.0) for m in _others(candidate, enumeration)), default=0.0)
    return len(rivals) + 1 < HALF * len(enumeration.members) or best_of_others < HALF * candidate.score


def _others(candidate: ScoredSentence, enumeration: Enumeration) -> Sequence[ScoredSentence]:
    return [member for member in enumeration.members if place_of(member) != place_of(candidate)]


def _weight(words: set[str], index: Index) -> float:
    return sum(index.idf(word) for word in sorted(words))
