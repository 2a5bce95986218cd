"""The chosen sentences as they are shown: in order, each with its context and with the places that agree or contradict."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from rag.answering.disagreement import contradicting, dated, newer_version
from rag.answering.sameness import says_the_same
from rag.answering.surroundings import Place, leading_context, place_of
from rag.index.contents import Index
from rag.reader.scored_sentences import ScoredSentence
from rag.records import Span


@dataclass(frozen=True, slots=True)
class Choice:
    """A sentence to be shown. `also` are sentences elsewhere that say the same; `differs` are places of contradicting choices.

    `newer` is the place of a choice that says otherwise in a newer version of the document. `dated` says from when the document
    is, if it disagrees with another.
    """

    scored: ScoredSentence
    context: bool = False
    emphasised: bool = False
    also: tuple[ScoredSentence, ...] = ()
    differs: tuple[Place, ...] = ()
    newer: Place | None = None
    dated: str = ""

    @property
    def place(self) -> Place:
        return place_of(self.scored)

    @property
    def is_header(self) -> bool:
        """Whether it is the header row of a table."""
        return self.scored.sentence.kind == "table" and self.scored.sentence.level > 0


def in_order(lead: Sequence[ScoredSentence], others: Sequence[ScoredSentence]) -> list[ScoredSentence]:
    """The lead, then what follows it in its document, what precedes it, and the other documents; each place once."""
    documents = list(dict.fromkeys(sentence.passage.document_id for sentence in (*lead, *others)))
    last = place_of(lead[-1])

    def position(sentence: ScoredSentence) -> tuple[int, bool, Span]:
        document_id, span = place_of(sentence)
        return documents.index(document_id), document_id == last[0] and span < last[1], span

    return list({place_of(sentence): sentence for sentence in (*lead, *sorted(others, key=position))}.values())


def with_relations(
    chosen: Sequence[ScoredSentence], ranked: Sequence[ScoredSentence], emphasised: Collection[Place], index: Index
) -> list[Choice]:
    """Each chosen sentence with the other sentences read that say the same, and the chosen ones that disagree with it."""
    places = {place_of(sentence) for sentence in chosen}
    others = [sentence for sentence in ranked if place_of(sentence) not in places]
    choices = [
        Choice(
            sentence,
            emphasised=place_of(sentence) in emphasised,
            also=tuple(other for other in others if says_the_same(sentence.text, other.text)),
            differs=contradicting(sentence, chosen, index),
            newer=newer_version(sentence, chosen, index),
        )
        for sentence in chosen
    ]
    disagreeing = {place for choice in choices for place in (*choice.differs, choice.newer, choice.newer and choice.place)}
    return [replace(choice, dated=dated(choice.scored, index)) if choice.place in disagreeing else choice for choice in choices]


def with_context(choices: Sequence[Choice], index: Index) -> list[Choice]:
    """Adds context, each place once. A choice that is also another's context stays where it first appears."""
    shown: dict[Place, Choice] = {}
    for choice in choices:
        context = [Choice(sentence, context=True) for sentence in leading_context(choice.scored, index)]
        for sentence in [*context, choice]:
            if sentence.place not in shown or not sentence.context:
                shown[sentence.place] = sentence
    return list(shown.values())
