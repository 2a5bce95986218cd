"""The reading network in torch, for training: a BERT reads question and passage together; small heads say what answers.

Shapes: b passages, t tokens, s sentences.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import BertConfig, BertModel

from rag.reader.token_pairs import NO_SENTENCE, Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEADS, INNER = 384, 12, 1536  # of MiniLM, of any depth, and of multilingual-e5-small


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network says about each passage, as logits.

    `none` (b,): nothing here answers. `sentences` (b, s): this sentence answers; -inf if there is no such sentence. `starts`
    and `ends` (b, t): the answer phrase begins or ends at this token; finite only for tokens of sentences, and for [CLS], which
    stands for no phrase.
    """

    none: Tensor
    sentences: Tensor
    starts: Tensor
    ends: Tensor


class ReadingNetwork(nn.Module):
    def __init__(self, layers: int, **others: Any) -> None:
        """`others` are further values of the encoder's configuration, such as `vocab_size`; by default they are BERT's."""
        super().__init__()
        config = BertConfig(
            hidden_size=WIDTH,
            num_hidden_layers=layers,
            num_attention_heads=HEADS,
            intermediate_size=INNER,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            **others,
        )
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.phrase = nn.Linear(WIDTH, 2)
        self.none = nn.Linear(WIDTH, 1)
        self.sentence = nn.Linear(WIDTH, 1)
        self.evidence = nn.Linear(WIDTH, 1)

    def forward(self, ids: Tensor, kinds: Tensor, mask: Tensor, sentence_of: Tensor) -> Reading:
        """All (b, t); `mask` is 1 for tokens and 0 for padding, `sentence_of` is that of Encoded."""
        states = self.encoder(input_ids=ids, token_type_ids=kinds, attention_mask=mask).last_hidden_state
        count = max(1, int(sentence_of.max()) + 1)
        # A sentence's logit is that of its mean token plus the strongest evidence of any of its tokens.
        belongs = nn.functional.one_hot(sentence_of + 1, count + 1)[:, :, 1:].to(states.dtype)  # (b, t, s)
        sizes = belongs.sum(dim=1)
        means = belongs.transpose(1, 2) @ states / sizes.clamp(min=1).unsqueeze(-1)  # (b, s, WIDTH)
        evidence = self.evidence(states) + torch.where(belongs > 0, 0.0, -1e4)  # (b, t, s)
        sentences = self.sentence(means).squeeze(-1) + evidence.amax(dim=1)
        outside = sentence_of == NO_SENTENCE
        outside[:, 0] = False
        starts, ends = self.phrase(states).masked_fill(outside.unsqueeze(-1), -torch.inf).unbind(dim=-1)
        return Reading(self.none(states[:, 0]).squeeze(-1), sentences.masked_fill(sizes == 0, -torch.inf), starts, ends)


def collate(batch: "Sequence[Encoded]") -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ids, kinds, mask and sentence_of, as `ReadingNetwork.forward` takes them."""

    def padded(rows: "Sequence[Sequence[int]]", filler: int) -> Tensor:
        return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=filler)

    return (
        padded([encoded.ids for encoded in batch], 0),
        padded([encoded.kinds for encoded in batch], 0),
        padded([[1] * len(encoded.ids) for encoded in batch], 0),
        padded([encoded.sentence_of for encoded in batch], NO_SENTENCE),
    )
