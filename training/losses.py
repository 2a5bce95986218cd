"""What the reading network is trained for."""

from typing import Any

import torch
from torch import Tensor

from rag.reader.token_pairs import Encoded
from training.network import Reading

WEIGHTS = {"joint": 1.0, "choice": 0.5, "each": 0.5, "phrase": 0.5}
Prepared = tuple[Encoded, dict[str, Any]]


def targets(batch: list[Prepared], count: int, width: int) -> dict[str, Tensor]:
    """What the network should say, as tensors of zeros and ones.

    `answers` (b, 1 + s): column 0 says that nothing answers. `open` (b, s): the sentence counts neither way. `labelled` (b,):
    every sentence's label is known. `starts`, `ends` (b, t): column 0, [CLS], says that there is no phrase. `phrased` (b,): the
    phrases are known.
    """
    answers, left_open = torch.zeros(len(batch), 1 + count), torch.zeros(len(batch), count)
    starts, ends = torch.zeros(len(batch), width), torch.zeros(len(batch), width)
    labelled, phrased = torch.zeros(len(batch)), torch.zeros(len(batch))
    for i, (encoded, row) in enumerate(batch):
        gold = [n for n in row["gold"] if n in encoded.sentence_of]
        answers[i, [1 + n for n in gold] or [0]] = 1
        left_open[i, [n for n in row["partly"] if n < count]] = 1
        labelled[i] = float(row["kind"] != "weak")
        for start, end in row["phrases"]:
            tokens = [
                encoded.start + n
                for n, offset in enumerate(encoded.offsets)
                if offset.start < end and start < offset.end and encoded.sentence_of[encoded.start + n] >= 0
            ]
            if tokens:
                starts[i, tokens[0]] = ends[i, tokens[-1]] = 1
        if not gold:
            starts[i, 0] = ends[i, 0] = 1
        phrased[i] = float(bool(starts[i].any()))
    return {"answers": answers, "open": left_open, "labelled": labelled, "starts": starts, "ends": ends, "phrased": phrased}


def losses_of(reading: Reading, wanted: dict[str, Tensor], groups: list[int]) -> dict[str, Tensor]:
    """Each a mean. `groups` are the numbers of passages that follow each other and are read for one question.

    "joint": -log of the share that the right sentences of all passages of a question, or "none of them", have in one softmax, in
    which a sentence weighs by its logit against its passage's "none" (Clark and Gardner 2018, shared normalisation; probabilities
    of right sentences add up: any will do). "choice": the same within each passage. "each": every sentence against "none".
    "phrase": like "choice", over first and last tokens.
    """
    right = wanted["answers"][:, 1:] > 0
    against = (reading.sentences - reading.none.unsqueeze(1)).masked_fill((wanted["open"] > 0) & ~right, -torch.inf)
    nothing = torch.zeros(len(against), 1, device=against.device)
    choice = -_log_share(torch.cat([nothing, against], dim=1), wanted["answers"]).mean()
    joint = torch.stack(
        [
            _joint(logits.flatten(), its.flatten())
            for logits, its in zip(torch.split(against, groups), torch.split(right, groups), strict=True)
        ]
    ).mean()
    there = torch.isfinite(against) & (wanted["labelled"] > 0).unsqueeze(1)
    each = torch.nn.functional.binary_cross_entropy_with_logits(against.masked_fill(~there, 0), right.float(), reduction="none")
    each = (each * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
    per_phrase = -(_log_share(reading.starts, wanted["starts"]) + _log_share(reading.ends, wanted["ends"])) / 2
    known = wanted["phrased"] > 0
    phrase = torch.where(known, per_phrase, 0).sum() / known.sum().clamp(min=1)
    return {"joint": joint, "choice": choice, "each": each.mean(), "phrase": phrase}


def _joint(against: Tensor, right: Tensor) -> Tensor:
    total = torch.logsumexp(torch.cat([against.new_zeros(1), against]), dim=0)
    return total - torch.logsumexp(against[right], dim=0) if bool(right.any()) else total


def _log_share(logits: Tensor, right: Tensor) -> Tensor:
    """log of the softmax's sum over the right columns; 0 where no column is right."""
    total = torch.logsumexp(logits, dim=1)
    chosen = torch.logsumexp(logits.masked_fill(right == 0, -1e4), dim=1)
    return torch.where(right.any(dim=1), chosen - total, 0.0)
