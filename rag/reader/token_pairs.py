"""Question and passage as the tokens that the reading network takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.records import Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CLS, SEP = 101, 102  # of BERT's vocabulary
LONGEST = 512  # positions of the network
LONGEST_QUESTION = 64
LONGEST_CONTEXT = 48
NO_SENTENCE = -1


@dataclass(frozen=True, slots=True)
class Encoded:
    """[CLS] question [SEP] context [SEP] text [SEP] as tokens.

    `sentence_of` has the number of each token's sentence, NO_SENTENCE for tokens of question, context and headings.
    `offsets` are the spans in the text of the tokens from `start` on, without the last one, [SEP].
    """

    ids: list[int]
    sentence_of: list[int]
    offsets: list[Span]
    start: int

    @property
    def kinds(self) -> list[int]:
        """Token types: 0 for the question, 1 for the rest."""
        first = self.ids.index(SEP) + 1
        return [0] * first + [1] * (len(self.ids) - first)


def encode(tokenizer: "Tokenizer", question: str, context: str, text: str, sentences: Sequence[Span]) -> Encoded:
    """`sentences` are in order, with offsets in `text`. What exceeds LONGEST is cut off: callers split longer texts."""
    asked, around, read = tokenizer.encode_batch([question, context, text], add_special_tokens=False)
    ids = [CLS, *asked.ids[:LONGEST_QUESTION], SEP, *around.ids[:LONGEST_CONTEXT], SEP]
    room = LONGEST - len(ids) - 1
    offsets = [Span(*pair) for pair in read.offsets[:room]]
    sentence_of = [NO_SENTENCE] * len(ids)
    number = 0
    for offset in offsets:
        while number < len(sentences) and sentences[number].end <= offset.start:
            number += 1
        inside = number < len(sentences) and sentences[number].start <= offset.start
        sentence_of.append(number if inside else NO_SENTENCE)
    return Encoded([*ids, *read.ids[:room], SEP], [*sentence_of, NO_SENTENCE], offsets, len(ids))
