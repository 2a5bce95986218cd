"""The reader that was trained: question and passage are read together. How its weights were made: training/README.md."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.carried import carried_folder, file_digest
from rag.errors import ModelError
from rag.reader.encoding import LONGEST, LONGEST_CONTEXT, LONGEST_QUESTION, Encoded, encode
from rag.reader.scores import ScoredSentence
from rag.records import Passage, Span

if TYPE_CHECKING:
    from rag.reader.network import Reading

WEIGHTS = Path(__file__).parent / "weights" / "reader.safetensors"
WEIGHTS_SHA256 = "6094a74a9af8b0f2858f26df45367e512a6794eb2a80e092bc9f53208a997873"
ROOM = LONGEST - LONGEST_QUESTION - LONGEST_CONTEXT - 4  # tokens of text that are sure to be read
BATCH = 3  # pieces of like length read together: more would mean more padding, fewer more steps
LONGEST_PHRASE = 30  # tokens
PHRASE_SHARE = 0.3  # what the strength of a phrase counts in its sentence's score


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of a passage's sentences that the network reads at once; `first` is the number of the first quotable one."""

    passage: Passage
    text: Span
    numbers: tuple[int, ...]


class TrainedReader:
    """Scores are chances: how sure the reader is that a sentence answers, against nothing in its passage answering.

    The network is loaded when it is first needed, or by `load`. Raises ModelError when its weights are not those of
    this version.
    """

    def __init__(self, weights: Path = WEIGHTS, sha256: str = WEIGHTS_SHA256) -> None:
        found = file_digest(weights) if weights.is_file() else "no file"
        if found != sha256:
            raise ModelError(
                f"the reader's weights in {weights} are not those of this version (SHA-256 {found}, should be {sha256}); "
                'install rag again, or set answering.reader = "similarity"'
            )
        self.identity = f"trained-{sha256[:16]}"
        self._weights = weights
        self._loading = threading.Lock()
        self._parts: tuple[Any, Any] | None = None

    def load(self) -> tuple[Any, Any]:
        """(tokenizer, network); read once."""
        with self._loading:
            if self._parts is None:
                self._parts = _load(self._weights)
            return self._parts

    def read(self, query: str, passages: Sequence[Passage]) -> list[ScoredSentence]:
        tokenizer, _ = self.load()
        pieces = [piece for passage in passages for piece in _pieces(passage, tokenizer)]
        encoded = [_encode(query, piece, tokenizer) for piece in pieces]
        found: dict[int, list[ScoredSentence]] = {}
        order = sorted(range(len(pieces)), key=lambda i: (len(encoded[i].ids), i))  # like lengths share a batch: little padding
        for at in range(0, len(order), BATCH):
            batch = order[at : at + BATCH]
            reading = self._run([encoded[i] for i in batch])
            for row, i in enumerate(batch):
                found[i] = _scored(pieces[i], encoded[i], reading, row)
        return [sentence for i in range(len(pieces)) for sentence in found[i]]

    def _run(self, batch: list[Encoded]) -> "Reading":
        import torch

        from rag.reader.network import collate

        _, network = self.load()
        with torch.inference_mode():
            reading: Reading = network(*collate(batch))
        return reading


def _load(weights: Path) -> tuple[Any, Any]:
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    from rag.reader.network import WORD_VECTORS, ReadingNetwork

    folder = carried_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    network = ReadingNetwork()
    tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
    tensors[f"encoder.{WORD_VECTORS}"] = load_file(folder / "model.safetensors")[WORD_VECTORS]
    network.load_state_dict(tensors)
    return tokenizer, network.train(False)


def _pieces(passage: Passage, tokenizer: Any) -> Iterator[_Piece]:
    """The whole passage where it fits, else runs of its sentences that do; one too long by itself is read as far as it goes."""
    sentences = passage.sentences
    if len(tokenizer.encode(passage.text, add_special_tokens=False).ids) <= ROOM:
        sizes = [0] * len(sentences)
    else:
        texts = [passage.text_of(sentence) for sentence in sentences]
        sizes = [len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False)]
    first = 0
    while first < len(sentences):
        last = first + 1
        while last < len(sentences) and sum(sizes[first : last + 1]) <= ROOM:
            last += 1
        numbers = tuple(n for n in range(first, last) if sentences[n].quotable)
        if numbers:
            yield _Piece(passage, Span(sentences[first].span.start, sentences[last - 1].span.end), numbers)
        first = last


def _encode(query: str, piece: _Piece, tokenizer: Any) -> Encoded:
    passage, start = piece.passage, piece.text.start
    text = passage.text[start - passage.span.start : piece.text.end - passage.span.start]
    spans = [passage.sentences[n].span for n in piece.numbers]
    return encode(tokenizer, query, passage.context, text, [Span(s.start - start, s.end - start) for s in spans])


def _scored(piece: _Piece, encoded: Encoded, reading: "Reading", row: int) -> list[ScoredSentence]:
    none, starts, ends = float(reading.none[row]), reading.starts[row].tolist(), reading.ends[row].tolist()
    logits = reading.sentences[row].tolist()
    tokens: dict[int, list[int]] = {}
    for token, number in enumerate(encoded.sentence_of):
        tokens.setdefault(number, []).append(token)
    scored = []
    for n, number in enumerate(piece.numbers):
        if n not in tokens:  # beyond what is read, or of signs that are no tokens
            scored.append(ScoredSentence(piece.passage, number, 0.0))
            continue
        strength, first, last = _best_phrase(tokens[n], starts, ends)
        margin = (strength - starts[0] - ends[0]) / 2
        chance = _sigmoid((1 - PHRASE_SHARE) * (logits[n] - none) + PHRASE_SHARE * margin)
        offsets = encoded.offsets
        span = Span(piece.text.start + offsets[first - encoded.start].start, piece.text.start + offsets[last - encoded.start].end)
        scored.append(ScoredSentence(piece.passage, number, round(chance, 6), span))
    return scored


def _best_phrase(tokens: list[int], starts: list[float], ends: list[float]) -> tuple[float, int, int]:
    """(strength, first token, last token) of the strongest phrase within one sentence; the earliest and shortest of equals."""
    best = (-float("inf"), tokens[0], tokens[0])
    for i, first in enumerate(tokens):
        for last in tokens[i : i + LONGEST_PHRASE]:
            if starts[first] + ends[last] > best[0]:
                best = (starts[first] + ends[last], first, last)
    return best


def _sigmoid(x: float) -> float:
    from math import exp

    return 1 / (1 + exp(-max(-30.0, min(30.0, x))))
