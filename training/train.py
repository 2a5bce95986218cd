"""Trains the reader: `python -m training.train --examples FILE --choose FILE --out FILE [--start FILE]`.

Starts from all-MiniLM-L6-v2 (its word vectors stay as they are, and are not in the weights that are written), or from weights
of this program. The weights written are the running mean of the last steps'. Runs on a GPU in bf16 where there is one.
The log stands beside them as JSON lines.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor

from rag.models.bundled import bundled_folder, bundled_weights
from rag.models.encoder import WORD_VECTORS
from rag.reader.token_pairs import Encoded, encode
from rag.records import Span
from training.network import Reading, ReadingNetwork, collate

MEAN_OVER = 0.998  # of the running mean: some 500 steps
Prepared = tuple[Encoded, dict[str, Any]]


def new_network(start: Path | None) -> ReadingNetwork:
    network = ReadingNetwork()
    carried = load_file(bundled_weights())
    known = {name for name, _ in network.encoder.named_parameters()}
    network.encoder.load_state_dict({name: tensor for name, tensor in carried.items() if name in known})
    if start is not None:
        network.load_state_dict({k: v.float() for k, v in load_file(start).items()}, strict=False)
    network.encoder.get_parameter(WORD_VECTORS).requires_grad_(False)
    return network


def read_examples(paths: list[Path], tokenizer: Tokenizer) -> list[Prepared]:
    rows = [json.loads(line) for path in paths for line in path.open(encoding="utf-8")]
    return [
        (encode(tokenizer, r["question"], r["context"], r["text"], [Span(*s) for s in r["sentences"]]), r)
        for r in rows
        if r["sentences"]
    ]


def targets(batch: list[Prepared], count: int, width: int) -> dict[str, Tensor]:
    """`answers` (b, 1 + s): column 0 says that nothing answers. `labelled` (b,): every sentence's label is known.
    `starts`, `ends` (b, t): column 0, [CLS], says that there is no phrase. `phrased` (b,): the phrases are known."""
    answers = torch.zeros(len(batch), 1 + count)
    starts, ends = torch.zeros(len(batch), width), torch.zeros(len(batch), width)
    labelled, phrased = torch.zeros(len(batch)), torch.zeros(len(batch))
    for i, (encoded, row) in enumerate(batch):
        gold = [n for n in row["gold"] if n in encoded.sentence_of]
        answers[i, [1 + n for n in gold] or [0]] = 1
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
    return {"answers": answers, "labelled": labelled, "starts": starts, "ends": ends, "phrased": phrased}


def loss_of(reading: Reading, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of each: the mean over the batch. "choice": -log of the share that the right sentences, or "none", have among all (their
    probabilities are added up: any will do). "each": every sentence against "none". "phrase": likewise over tokens."""
    logits = torch.cat([reading.none.unsqueeze(1), reading.sentences], dim=1)
    choice = -_log_share(logits, wanted["answers"]).mean()
    there = torch.isfinite(reading.sentences) & (wanted["labelled"] > 0).unsqueeze(1)
    against = (reading.sentences - reading.none.unsqueeze(1)).masked_fill(~there, 0)
    each = torch.nn.functional.binary_cross_entropy_with_logits(against, wanted["answers"][:, 1:], reduction="none")
    each = (each * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)
    per_phrase = -(_log_share(reading.starts, wanted["starts"]) + _log_share(reading.ends, wanted["ends"])) / 2
    known = wanted["phrased"] > 0
    phrase = torch.where(known, per_phrase, 0).sum() / known.sum().clamp(min=1)
    return {"choice": choice, "each": each.mean(), "phrase": phrase}


def _log_share(logits: Tensor, right: Tensor) -> Tensor:
    """log of the softmax's sum over the right columns; 0 where no column is right."""
    total = torch.logsumexp(logits, dim=1)
    chosen = torch.logsumexp(logits.masked_fill(right == 0, -1e4), dim=1)
    return torch.where(right.any(dim=1), chosen - total, 0.0)


def batches(examples: list[Prepared], size: int, rng: random.Random) -> Iterator[list[Prepared]]:
    """All examples once; those of a batch are of like length, so that little is padding."""
    order = examples[:]
    rng.shuffle(order)
    pool = 50 * size
    for i in range(0, len(order), pool):
        near = sorted(order[i : i + pool], key=lambda one: len(one[0].ids))
        cut = [near[j : j + size] for j in range(0, len(near), size)]
        rng.shuffle(cut)
        yield from cut


@torch.no_grad()
def measure(network: ReadingNetwork, examples: list[Prepared]) -> dict[str, float]:
    """Of examples with their text given: how often the best sentence is right; how well the best one's logit against "none"
    tells answerable texts from others (AUROC); the mean loss."""
    network.eval()
    device = next(network.parameters()).device
    right, answerable, margins, losses = [], [], [], []
    ordered = sorted(examples, key=lambda one: len(one[0].ids))
    for i in range(0, len(ordered), 32):
        batch = ordered[i : i + 32]
        tensors = [t.to(device) for t in collate([one for one, _ in batch])]
        reading = network(*tensors)
        wanted = {k: v.to(device) for k, v in targets(batch, reading.sentences.shape[1], reading.starts.shape[1]).items()}
        losses.append(float(sum(loss_of(reading, wanted).values())))
        best = reading.sentences.argmax(dim=1)
        for n, (_, row) in enumerate(batch):
            margins.append(float(reading.sentences[n, best[n]] - reading.none[n]))
            answerable.append(bool(row["gold"]))
            if row["gold"] and row["kind"] != "weak":
                right.append(int(best[n]) in row["gold"])
    network.train()
    from scipy.stats import mannwhitneyu

    yes = [m for m, a in zip(margins, answerable, strict=True) if a]
    no = [m for m, a in zip(margins, answerable, strict=True) if not a]
    auroc = float(mannwhitneyu(yes, no).statistic) / (len(yes) * len(no)) if yes and no else math.nan
    return {
        "best_right": round(sum(right) / max(1, len(right)), 4),
        "auroc": round(auroc, 4),
        "loss": round(sum(losses) / max(1, len(losses)), 4),
    }


def train(arguments: argparse.Namespace) -> None:
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = Tokenizer.from_file(str(bundled_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    examples = read_examples(arguments.examples, tokenizer)
    chosen = read_examples([arguments.choose], tokenizer)
    network = new_network(arguments.start).to(device)
    heads = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
    body = [p for p in network.encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": body, "lr": arguments.rate}, {"params": heads, "lr": 10 * arguments.rate}], weight_decay=0.01
    )
    steps = arguments.passes * math.ceil(len(examples) / arguments.batch)
    warm = max(1, steps // 15)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / warm) * max(0.03, 1 - max(0, step - warm) / max(1, steps - warm))
    )
    mean = torch.optim.swa_utils.AveragedModel(
        network,
        multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(MEAN_OVER),  # type: ignore[no-untyped-call]
        use_buffers=False,
    )
    log = arguments.out.with_suffix(".log.jsonl").open("w", encoding="utf-8")
    started, counted, step = time.time(), 0, 0
    sums: dict[str, float] = {}
    for _ in range(arguments.passes):
        for batch in batches(examples, arguments.batch, rng):
            tensors = [t.to(device) for t in collate([one for one, _ in batch])]
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                reading = network(*tensors)
            reading = Reading(*(getattr(reading, name).float() for name in Reading.__slots__))
            wanted = {k: v.to(device) for k, v in targets(batch, reading.sentences.shape[1], reading.starts.shape[1]).items()}
            losses = loss_of(reading, wanted)
            optimizer.zero_grad()
            loss = losses["choice"] + 0.5 * losses["each"] + 0.5 * losses["phrase"]
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_([*body, *heads], 1.0)
            optimizer.step()
            schedule.step()
            step += 1
            if step > warm:
                mean.update_parameters(network)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            counted += 1
            measured = step % arguments.measure_every == 0 or step == steps
            if step % 50 == 0 or measured:
                entry: dict[str, Any] = {"step": step, "of": steps, "seconds": round(time.time() - started)}
                entry |= {name: round(total / counted, 4) for name, total in sums.items()}
                sums, counted = {}, 0
                if measured:
                    averaged = cast(ReadingNetwork, mean.module)
                    entry["choose"] = measure(averaged, chosen)
                    save(averaged, arguments.out)
                print(json.dumps(entry), file=log, flush=True)


def save(network: ReadingNetwork, path: Path) -> None:
    """All but the word vectors, in half precision."""
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in network.state_dict().items() if not k.endswith(WORD_VECTORS)}
    save_file(tensors, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=Path, nargs="+", required=True)
    parser.add_argument("--choose", type=Path, required=True, help="examples to measure on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure-every", type=int, default=500)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
