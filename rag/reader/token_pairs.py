"""Question and passage as the tokens that the reading network takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rag.records import Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LONGEST = 512  # positions of the network
LONGEST_QUESTION = 64
LONGEST_CONTEXT = 48
NO_SENTENCE = -1


@dataclass(frozen=True, slots=True)
class Ends:
    """The ids of the tokens that a network expects at the start, and after each part."""

    cls: int
    sep: int


CLS = 101  # of BERT's vocabulary
SEP = 102


@dataclass(frozen=True, slots=True)
class Encoded:
    """[CLS] question [SEP] context [SEP] text [SEP] as tokens.

    `kinds` are the token types: 0 up to the first [SEP], 1 for the rest. `sentence_of` has the number of each token's
    sentence, NO_SENTENCE for tokens of question, context and headings. `offsets` are the spans in the text of the tokens from
    `start` on, without the last one, [SEP].
    """

    ids: list[int]
    kinds: list[int]
    sentence_of: list[int]
    offsets: list[Span]
    start: int


def encode(
    tokenizer: "Tokenizer", question: str, context: str, text: str, sentences: Sequence[Span], ends: Ends | None = None
) -> Encoded:
    """`sentences` are in order, with offsets in `text`. What exceeds LONGEST is cut off: callers split longer texts.

    `ends` are BERT's by default.
    """
    ends = ends or Ends(CLS, SEP)
    asked, around, read = tokenizer.encode_batch([question, context, text], add_special_tokens=False)
    first = [ends.cls, *asked.ids[:LONGEST_QUESTION], ends.sep]
    ids = [*first, *around.ids[:LONGEST_CONTEXT], ends.sep]
    room = LONGEST - len(ids) - 1
    offsets = [Span(*pair) for pair in read.offsets[:room]]
    sentence_of = [NO_SENTENCE] * len(ids)
    number = 0
    for offset in offsets:
        while number < len(sentences) and sentences[number].end <= offset.start:
            number += 1
        inside = number < len(sentences) and sentences[number].start <= offset.start
        sentence_of.append(number if inside else NO_SENTENCE)
    whole = [*ids, *read.ids[:room], ends.sep]
    kinds = [0] * len(first) + [1] * (len(whole) - len(first))
    return Encoded(whole, kinds, [*sentence_of, NO_SENTENCE], offsets, len(ids))
