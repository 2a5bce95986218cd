"""How good a network is on examples to choose by."""

import math
from typing import Any

import torch
from scipy.stats import mannwhitneyu

from rag.reader.token_pairs import Encoded
from training.network import ReadingNetwork, collate

BATCH = 32
Prepared = tuple[Encoded, dict[str, Any]]


@torch.no_grad()
def measure(network: ReadingNetwork, groups: list[list[Prepared]]) -> dict[str, float]:
    """`best_right`: how often an answerable passage's best sentence is right. `auroc`: how well its logit against "none" tells
    answerable passages from others. `joint_right` and `joint_auroc`: the same for questions, over all their passages.
    """
    against = _against(network, [one for group in groups for one in group])
    passages: list[tuple[float, bool]] = []
    questions: list[tuple[float, bool]] = []
    right: dict[str, list[bool]] = {"best_right": [], "joint_right": []}
    for group in groups:
        bests = []
        for encoded, row in group:
            logits = against[id(encoded)]
            best = max(range(len(logits)), key=logits.__getitem__)
            bests.append((logits[best], best in row["gold"]))
            passages.append((logits[best], bool(row["gold"])))
            if row["gold"] and row["kind"] != "weak":
                right["best_right"].append(best in row["gold"])
        answerable = any(row["gold"] for _, row in group)
        questions.append((max(bests)[0], answerable))
        if answerable and all(row["kind"] != "weak" for _, row in group):
            right["joint_right"].append(max(bests)[1])
    shares = {name: round(sum(its) / max(1, len(its)), 4) for name, its in right.items()}
    return shares | {"auroc": _auroc(passages), "joint_auroc": _auroc(questions)}


def _against(network: ReadingNetwork, examples: list[Prepared]) -> dict[int, list[float]]:
    """Each sentence's logit against "none", by the id of what was encoded."""
    network.eval()
    device = next(network.parameters()).device
    found = {}
    ordered = sorted(examples, key=lambda one: len(one[0].ids))
    for i in range(0, len(ordered), BATCH):
        batch = [encoded for encoded, _ in ordered[i : i + BATCH]]
        with torch.autocast(device.type, torch.bfloat16):
            reading = network(*(t.to(device) for t in collate(batch)))
        for encoded, logits in zip(batch, (reading.sentences - reading.none.unsqueeze(1)).float().tolist(), strict=True):
            found[id(encoded)] = logits
    network.train()
    return found


def _auroc(scored: list[tuple[float, bool]]) -> float:
    yes = [score for score, answerable in scored if answerable]
    no = [score for score, answerable in scored if not answerable]
    return round(float(mannwhitneyu(yes, no).statistic) / (len(yes) * len(no)), 4) if yes and no else math.nan
