"""The things that a question names, and which of them a sentence is about.

A question about one thing must not be answered about its neighbour: "What does the P50 weigh?" not by the weight of the P20.
"""

import math
import re
from collections.abc import Mapping, Sequence

from rag.answering.question_forms import asks_yes_or_no
from rag.answering.surroundings import lead_in_of, leading_context, next_to, place_of
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence, shifted
from rag.text.leaning import leans_on_previous
from rag.text.terms import terms

# Log odds that a sentence loses for the things it lacks, in proportion to their weight: benchmarks/README.md.
LACKING = 1.0  # of all the things that a plausible sentence holds
SIBLING = 2.0  # more, of those that a plausible sentence of its own section holds
SIBLING_UNIT = 4.0  # instead, for rows, items and entries, which stand side by side, and if yes or no is asked
NEIGHBOUR = 0.5  # how far a thing counts that only the sentence before names, if the sentence does not refer to it
PLAUSIBLE = 0.3  # share of the best score from which a sentence is plausible
FARTHEST = 40  # items between one and its list's introduction
CERTAIN = 1e-4  # scores are kept this far from 0 and 1, whose log odds are infinite
_ASKING = frozenset(
    terms(
        "mean means meaning happen happens say says call called define definition describe explain name list know need want ask"
    )
)
_ENTRY = re.compile(r"[*_]*[^\W\d][^:.–—|]{0,60}[*_]*(?::| [–—-]) ?[*_]*\s?\S")


def named_things(query: str, index: Index) -> dict[str, float]:
    """The query's terms with their weights: the square of the idf, so that names, codes and rare words decide. Words of asking
    are left out.
    """
    return {term: index.idf(term) ** 2 for term in terms(query) if term not in _ASKING}


def held(scored: ScoredSentence, named: Mapping[str, float], index: Index) -> dict[str, float]:
    """How far each thing that a sentence holds counts, 0 to 1.

    A thing in the sentence itself, its title and headings, its table's header, its list's introduction or the sentences it
    refers to counts fully; one in the sentence before counts NEIGHBOUR. A thing that counts 0 is left out.
    """
    parts = [scored.text, scored.passage.context, *scored.passage.headings, *_leaned_on(scored, index)]
    near = {} if leans_on_previous(scored.text) else dict.fromkeys(_terms_before(scored, index), NEIGHBOUR)
    counts = near | dict.fromkeys(terms("\n".join(parts)), 1.0)
    return {term: counts[term] for term in named if term in counts}


def _leaned_on(scored: ScoredSentence, index: Index) -> list[str]:
    if scored.sentence.kind == "item":  # that of a longer list would take long to find for each item
        lead_in = lead_in_of(scored, index, farthest=FARTHEST)
        return [lead_in.text] if lead_in else []
    if scored.sentence.kind != "table":
        return [context.text for context in leading_context(scored, index)]
    passage = scored.passage  # if the header is in an earlier passage, it is part of the context of this one
    return [passage.text_of(sentence) for sentence in passage.sentences if sentence.kind == "table" and sentence.level]


def _terms_before(scored: ScoredSentence, index: Index) -> list[str]:
    before = next_to(scored, index, -1) if scored.sentence.kind == "paragraph" else None
    return terms(before.text) if before and before.sentence.kind == "paragraph" else []


def about_the_named(query: str, scored: Sequence[ScoredSentence], index: Index) -> list[ScoredSentence]:
    """The sentences, with lower scores where they lack what the query names and the best has.

    Which is best takes into account what each holds; its own score stays as the reader gave it.
    """
    shares = _shares(query, scored, index)
    sections = [(sentence.passage.document_id, sentence.passage.headings) for sentence in scored]
    floor = _plausible(scored)
    most: dict[tuple[str, tuple[str, ...]], float] = {}
    for sentence, section, share in zip(scored, sections, shares, strict=True):
        if sentence.score >= floor:
            most[section] = max(most.get(section, 0.0), share)
    losses = []
    for sentence, section, share in zip(scored, sections, shares, strict=True):
        sibling = SIBLING_UNIT if _is_unit(sentence) or asks_yes_or_no(query) else SIBLING
        losses.append(LACKING * (1 - share) + sibling * max(0.0, most.get(section, 0.0) - share))
    order = [(loss - log_odds(sentence.score), *place_of(sentence)) for sentence, loss in zip(scored, losses, strict=True)]
    least = losses[order.index(min(order))] if order else 0.0
    return [shifted(sentence, -max(0.0, loss - least)) for sentence, loss in zip(scored, losses, strict=True)]


def _shares(query: str, scored: Sequence[ScoredSentence], index: Index) -> list[float]:
    """The weight of the things that each sentence holds, as a share of all that plausible sentences hold; 1 if none does."""
    named = named_things(query, index)
    counts = [held(sentence, named, index) for sentence in scored]
    floor = _plausible(scored)
    known = sorted({term for s, count in zip(scored, counts, strict=True) if s.score >= floor for term in count})
    total = sum(named[term] for term in known)
    return [sum(named[term] * count.get(term, 0.0) for term in known) / total if total else 1.0 for count in counts]


def _is_unit(sentence: ScoredSentence) -> bool:
    """Whether a sentence is one of several alike: a row, an item, or an entry such as "Bogie: a frame …"."""
    return sentence.sentence.kind in ("table", "item") or bool(_ENTRY.match(sentence.text))


def _plausible(scored: Sequence[ScoredSentence]) -> float:
    return PLAUSIBLE * max((sentence.score for sentence in scored), default=0.0)


def log_odds(score: float, distance: float = CERTAIN) -> float:
    """Of a score kept at this distance from 0 and 1."""
    score = min(max(score, distance), 1 - distance)
    return math.log(score / (1 - score))
