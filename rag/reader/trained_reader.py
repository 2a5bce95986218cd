"""The trained reader: a network reads question and passage together. How its weights were made: training/README.md."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rag.errors import ModelError
from rag.models.bundled import file_digest
from rag.models.encoder import Encoder, in_parallel, return_freed_memory
from rag.numeric import logistic
from rag.reader.heads import Heads, Reading
from rag.reader.networks import ENGLISH, Network
from rag.reader.scored_sentences import ScoredSentence
from rag.reader.token_pairs import LONGEST, LONGEST_CONTEXT, LONGEST_QUESTION, Encoded, Ends, encode
from rag.records import Passage, Span

ROOM = LONGEST - LONGEST_QUESTION - LONGEST_CONTEXT - 4  # tokens of text that are sure to fit, whatever question and context are
LONGEST_PHRASE = 30  # tokens
HEADS, EPSILON = 12, 1e-12  # of both networks
PHRASE_SHARE = 0.3  # weight of the answer phrase in its sentence's score


@dataclass(frozen=True, slots=True)
class _Piece:
    """Consecutive sentences of a passage that the network reads at once; `numbers` are those of the quotable ones."""

    passage: Passage
    text: Span
    numbers: tuple[int, ...]


class TrainedReader:
    """Scores are probabilities: that a sentence answers, against nothing in its passage answering.

    Computed in 8 bits on every processor, so that scores and their calibration are the same everywhere. The network is loaded
    by `load` or when it is first needed. Raises ModelError if the weights are not those of this version.
    """

    def __init__(self, network: Network = ENGLISH) -> None:
        weights, sha256 = network.weights, network.sha256
        digest = file_digest(weights) if weights.is_file() else "no file"
        if digest != sha256:
            raise ModelError(
                f"the reader's weights in {weights} are not those of this version (SHA-256 {digest}, should be {sha256}); "
                'run `pip install --force-reinstall --no-deps quoted-answers`, or set answering.reader = "similarity"'
            )
        self.network = network
        self.identity = f"{network.name}-{sha256[:16]}"
        self._loading = threading.Lock()
        self._parts: _Parts | None = None

    def load(self) -> "_Parts":
        """Idempotent."""
        with self._loading:
            if self._parts is None:
                self._parts = _load(self.network)
                return_freed_memory()
            return self._parts

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        parts = self.load()

        def scored(piece: _Piece) -> list[ScoredSentence]:
            encoded = _encode(query, piece, parts.tokenizer, self.network.ends)
            states = parts.encoder.states(encoded.ids, encoded.kinds)
            return _scored(piece, encoded, parts.heads.read(states, encoded.sentence_of))

        pieces = [piece for passage in passages for piece in _pieces(passage, parts.tokenizer)]
        return [sentence for sentences in in_parallel(scored, pieces) for sentence in sentences]


@dataclass(frozen=True, slots=True)
class _Parts:
    tokenizer: Any
    encoder: Encoder
    heads: Heads


def _load(network: Network) -> _Parts:
    from safetensors.numpy import load_file

    tensors = load_file(network.weights)
    encoder = {name.removeprefix("encoder."): tensor for name, tensor in tensors.items() if name.startswith("encoder.")}
    encoder_int8 = Encoder(encoder, heads=HEADS, epsilon=EPSILON, precision="int8", words=network.words())
    return _Parts(network.tokenizer(), encoder_int8, Heads(tensors))


def _pieces(passage: Passage, tokenizer: Any) -> Iterator[_Piece]:
    """The whole passage if it fits, otherwise runs of sentences that do. A sentence too long by itself is read in part."""
    sentences = passage.sentences
    if len(tokenizer.encode(passage.text, add_special_tokens=False).ids) <= ROOM:
        sizes = [0] * len(sentences)
    else:
        texts = [passage.text_of(sentence) for sentence in sentences]
        sizes = [len(tokens.ids) for tokens in tokenizer.encode_batch(texts, add_special_tokens=False)]
    first = 0
    while first < len(sentences):
        last = first + 1
        while last < len(sentences) and sum(sizes[first : last + 1]) <= ROOM:
            last += 1
        numbers = tuple(n for n in range(first, last) if sentences[n].quotable)
        if numbers:
            yield _Piece(passage, Span(sentences[first].span.start, sentences[last - 1].span.end), numbers)
        first = last


def _encode(query: str, piece: _Piece, tokenizer: Any, ends: Ends) -> Encoded:
    passage, start = piece.passage, piece.text.start
    text = passage.text[start - passage.span.start : piece.text.end - passage.span.start]
    spans = [passage.sentences[n].span for n in piece.numbers]
    return encode(tokenizer, query, passage.context, text, [Span(s.start - start, s.end - start) for s in spans], ends)


def _scored(piece: _Piece, encoded: Encoded, reading: Reading) -> list[ScoredSentence]:
    starts, ends = reading.starts, reading.ends
    tokens: dict[int, list[int]] = {}
    for token, number in enumerate(encoded.sentence_of):
        tokens.setdefault(number, []).append(token)
    scored = []
    for n, number in enumerate(piece.numbers):
        if n not in tokens:  # beyond what is read, or without a token
            scored.append(ScoredSentence(piece.passage, number, 0.0))
            continue
        strength, first, last = _best_phrase(tokens[n], starts, ends)
        margin = (strength - starts[0] - ends[0]) / 2
        chance = logistic((1 - PHRASE_SHARE) * (reading.sentences[n] - reading.none) + PHRASE_SHARE * margin)
        offsets = encoded.offsets
        span = Span(piece.text.start + offsets[first - encoded.start].start, piece.text.start + offsets[last - encoded.start].end)
        scored.append(ScoredSentence(piece.passage, number, round(chance, 6), span))
    return scored


def _best_phrase(tokens: list[int], starts: list[float], ends: list[float]) -> tuple[float, int, int]:
    """(strength, first token, last token) of the strongest phrase within one sentence; ties go to the earliest and shortest."""
    best = (-float("inf"), tokens[0], tokens[0])
    for i, first in enumerate(tokens):
        for last in tokens[i : i + LONGEST_PHRASE]:
            if starts[first] + ends[last] > best[0]:
                best = (starts[first] + ends[last], first, last)
    return best
