"""The phrases that the documents repeat. They are found when the index is built, to spell out abbreviations in questions."""

from collections import Counter
from collections.abc import Sequence

from rag.index.line_table import Lines
from rag.records import Passage
from rag.storage.files import from_json, json_bytes, json_line
from rag.text.repeated_phrases import repeated_phrases
from rag.text.terms import terms


class RepeatedPhrases:
    """The repeated phrases of each document. They are searched on disk, because few questions need them."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def phrase_for(self, abbreviation: str) -> str | None:
        """The phrase with these initials, given in upper or lower case, singular or plural.

        None unless it occurs more often than all other phrases with these initials together.
        """
        initials = abbreviation.upper()
        forms = [initials, initials[:-1]] if initials.endswith("S") else [initials]
        if abbreviation[-1].islower() and abbreviation[:-1].isupper():  # "PSUs" can only be the plural
            forms.reverse()
        return next(filter(None, map(self._most_frequent, forms)), None)

    def _most_frequent(self, initials: str) -> str | None:
        written: dict[tuple[str, ...], Counter[str]] = {}
        for number in self._lines.numbers_containing(json_bytes(initials) + b":"):
            for phrase, count in from_json(self._lines[number])[initials].items():
                written.setdefault(tuple(terms(phrase)), Counter())[phrase] += count
        total = sum(forms.total() for forms in written.values())
        most = next((forms for key, forms in written.items() if key and 2 * forms.total() > total), None)
        return min(most, key=lambda phrase: (-most[phrase], phrase)) if most else None


def phrases_line(passages: Sequence[Passage], language: str) -> bytes:
    """The line of a document, in JSON: see `repeated_phrases`."""
    texts = (passage.text_of(sentence) for passage in passages for sentence in passage.sentences)
    return json_line(repeated_phrases(texts, language))
